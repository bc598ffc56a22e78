/* SPDX-License-Identifier: Apache-2.0 */
/*
 * answer.h - what shoald answers to one question on web.sock, put together from its lines and bytes
 * (src/ctl/ctl.h has the protocol). No socket here, so the fuzzer reaches all of it.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "src/base/err.h"

struct evbuffer;

/* Of one answer; a node of 60,000 reals needs a fourth of it. */
#define ANSWER_BYTES_MAX (128U * 1024 * 1024)

struct answer {
	json_t *lists; /* parts so far */
	char *text;    /* of a result that is text, NUL behind it; NULL: none */
	size_t text_len, text_size;
	size_t text_left; /* bytes of text to come before the next line */
	size_t taken;     /* bytes of all */

	/* Once it is whole: */
	bool is_refused;
	int status;       /* as of enum ctl_exit; 0: done */
	json_t *document; /* owns the two below */
	json_t *result;   /* NULL: none */
	const char *sentence;
};

/* All zero is a fine start; fini makes it so again. */
void answer_fini(struct answer *answer);

/*
 * answer_take - eat what has come.
 * Returns 1 when the answer is whole, 0 when more must come, or -EPROTO, -EMSGSIZE, -ENOMEM with
 * the sentence: nothing behind it in the stream can be understood.
 */
int answer_take(struct answer *answer, struct evbuffer *in, struct err *err);
