/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link.h - the way to shoald: one connection to web.sock, questions one after the other.
 *
 * It connects by itself and again, once a second, for as long as it lives. A question that is open
 * when the connection goes is answered with CTL_NOT_REACHABLE.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "src/base/err.h"
#include "src/base/usec.h"

struct answer;
struct event_base;
struct link;

/* Questions that wait at once, of all who look. */
#define LINK_WAITING_MAX 64

struct link_options {
	struct event_base *base;
	const char *path;
	/* Connected or not; may ask at once. */
	void (*life)(bool is_up, void *arg);
	void *arg;
};

/* Returns 0, -ENAMETOOLONG or -ENOMEM with the sentence. */
int link_new(const struct link_options *options, struct link **ret, struct err *err);
/* Questions still open are forgotten, nobody is called. NULL is fine. */
void link_free(struct link *link);

bool link_is_up(const struct link *link);

/* Why it is not up: "cannot connect to '/run/shoal/web.sock': ...". */
const char *link_trouble(const struct link *link);

/*
 * link_ask - put a question; takes the reference of args, which may be NULL. answered() is called
 * once, never before this returns; what it is given is only valid meanwhile.
 * Returns 0; -ENOTCONN when shoald is not there, -ENOBUFS when too many wait, -ENOMEM.
 */
int link_ask(struct link *link, const char *command, json_t *args,
	     void (*answered)(struct answer *answer, void *arg), void *arg);
