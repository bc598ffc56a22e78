/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client.h - the other end of the control sockets, for the command `shoal`: connect, ask, wait for
 * the answer until a deadline. Blocking; one question at a time.
 */
#pragma once

#include <jansson.h>
#include <signal.h>
#include <stdbool.h>

#include "src/base/err.h"
#include "src/base/usec.h"

struct client;

/*
 * client_open - connect to a control socket.
 * Returns 0; -ENOENT or -ECONNREFUSED when nobody is there, -EACCES without permission,
 * -ENAMETOOLONG, or another negative errno with the sentence. client_close() ends it.
 */
int client_open(const char *path, struct client **ret, struct err *err);
void client_close(struct client *client);

struct client_question {
	const char *command;
	json_t *args;       /* borrowed; NULL: none */
	usec_t patience_us; /* how long the daemon may be silent; 0: for ever */
	void (*progress)(const char *line, void *arg); /* may be NULL */
	/* A bit of the result, borrowed; false: enough. NULL where no part can come. */
	bool (*part)(const json_t *part, void *arg);
	void *arg;
	/* Set by a signal handler: give up. NULL: signals only interrupt. */
	const volatile sig_atomic_t *stop;
};

/*
 * client_ask - send one request and wait for its answer.
 * @ret: the whole answer, {"ok":...}; the caller's reference.
 * Returns 0 with any answer, also a refusal; -ECANCELED when part() or *stop said so; -ETIMEDOUT;
 * -ECONNRESET when the daemon went away; -EPROTO when what came is no answer; -EMSGSIZE when the
 * request is longer than CTL_LINE_MAX.
 */
int client_ask(struct client *client, const struct client_question *question, json_t **ret,
	       struct err *err);
