/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request.h - the lines of the control protocol, without any socket: one request line becomes a
 * command and its arguments, an answer becomes one line. Pure, so the fuzzer reaches all of it.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "src/base/err.h"
#include "src/ctl/ctl.h"

struct request_line {
	const char *command; /* inside document */
	json_t *args;        /* an object, inside document or empty; borrowed */
	json_t *document;    /* owns the above */
	json_t *no_args;     /* the empty object when the line has none */
};

/*
 * request_parse - take one line apart; no newline at its end.
 * Returns 0 and fills *ret (request_line_fini() ends it), or -EINVAL with the sentence: not JSON,
 * not an object, another protocol version, no command.
 */
int request_parse(const char *line, size_t len, struct request_line *ret, struct err *err);
void request_line_fini(struct request_line *line);

/*
 * request_find - the command of this name. NULL when there is none, with the sentence and the name
 * probably meant.
 */
const struct ctl_command *request_find(const struct ctl_command *commands, const char *name,
				       struct err *err);

/* Answers as objects; the caller owns them. result may be NULL in a refusal. */
json_t *request_answer(json_t *result);
json_t *request_refusal(enum ctl_exit status, const char *sentence, json_t *result);
json_t *request_progress(const char *line);
json_t *request_part(json_t *part);
