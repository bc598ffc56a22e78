/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What shoald sends on web.sock, in pieces: an answer, a wait for more, or a refusal in words. The
 * first byte says how long the pieces are.
 */
#include <event2/buffer.h>

#include "src/web/answer.h"
#include "tests/fuzz/fuzz.h"

static void check_whole(const struct answer *answer)
{
	if (answer->is_refused && (!answer->sentence || answer->status == 0))
		abort();
	if (answer->text && strlen(answer->text) > answer->text_len)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct evbuffer *in = evbuffer_new();
	struct answer answer = { 0 };
	size_t step = size > 0 ? data[0] + 1U : 1;
	struct err err = { "" };
	int r = 0;

	for (size_t at = 1; at < size && r >= 0; at += step) {
		evbuffer_add(in, data + at, size - at < step ? size - at : step);
		r = answer_take(&answer, in, &err);
		if (r > 0) {
			check_whole(&answer);
			answer_fini(&answer);
		}
	}
	if (r < 0 && err.text[0] == '\0')
		abort();
	answer_fini(&answer);
	evbuffer_free(in);
	return 0;
}
