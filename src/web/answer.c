/* SPDX-License-Identifier: Apache-2.0 */
#include "src/web/answer.h"

#include <errno.h>
#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/auto.h"
#include "src/ctl/parts.h"

#define LINE_MAX_BYTES (4U * 1024 * 1024 + 2)
#define TEXT_GROWS     (256U * 1024)

void answer_fini(struct answer *answer)
{
	json_decref(answer->lists);
	json_decref(answer->document);
	free(answer->text);
	*answer = (struct answer){ 0 };
}

/* ---- text ---- */

static int make_room(struct answer *answer, size_t len, struct err *err)
{
	size_t needed = answer->text_len + len + 1, size = needed + TEXT_GROWS;
	char *text;

	if (needed > ANSWER_BYTES_MAX)
		return err_set(err, -EMSGSIZE, "an answer of shoald is too long");
	if (needed <= answer->text_size)
		return 0;
	text = realloc(answer->text, size);
	if (!text)
		return err_set(err, -ENOMEM, "out of memory");
	answer->text = text;
	answer->text_size = size;
	return 0;
}

static int begin_text(struct answer *answer, const json_t *head, struct err *err)
{
	json_int_t at = -1, bytes = -1;

	if (json_unpack((json_t *)(uintptr_t)head, "{s:I, s:I}", "at", &at, "bytes", &bytes) < 0 ||
	    at < 0 || (size_t)at > answer->text_len || bytes < 0 || bytes > ANSWER_BYTES_MAX)
		return err_set(err, -EPROTO, "shoald announced text that fits nowhere");
	answer->text_len = (size_t)at;
	answer->text_left = (size_t)bytes;
	return make_room(answer, answer->text_left, err);
}

static void take_text(struct answer *answer, struct evbuffer *in)
{
	int n = evbuffer_remove(in, answer->text + answer->text_len, answer->text_left);

	if (n <= 0)
		return;
	answer->text_len += (size_t)n;
	answer->text_left -= (size_t)n;
	answer->text[answer->text_len] = '\0';
}

/* ---- lines ---- */

static int take_part(struct answer *answer, const json_t *part, struct err *err)
{
	if (!answer->lists)
		answer->lists = json_object();
	if (!parts_add(answer->lists, part))
		return err_set(err, -EPROTO, "shoald sent a part that fits nowhere");
	return 0;
}

static int take_end(struct answer *answer, json_t *document, struct err *err)
{
	answer->is_refused = !json_is_true(json_object_get(document, "ok"));
	answer->status = (int)json_integer_value(json_object_get(document, "exit"));
	answer->result = json_object_get(document, "result");
	answer->sentence = json_string_value(json_object_get(document, "error"));
	if (answer->is_refused && !answer->sentence)
		return err_set(err, -EPROTO, "shoald sent a line that is no answer");
	if (answer->is_refused && answer->status == 0)
		answer->status = 1;
	if (answer->lists && json_is_object(answer->result))
		parts_join(answer->result, answer->lists);
	answer->document = json_incref(document);
	return 1;
}

static int take_document(struct answer *answer, json_t *document, struct err *err)
{
	const json_t *part = json_object_get(document, "part"),
		     *text = json_object_get(document, "text");

	if (part)
		return take_part(answer, part, err);
	if (text)
		return begin_text(answer, text, err);
	if (json_object_get(document, "progress"))
		return 0;
	return take_end(answer, document, err);
}

static int take_line(struct answer *answer, const char *line, size_t len, struct err *err)
{
	json_t *document = json_loadb(line, len, 0, NULL);
	int r;

	if (!document)
		return err_set(err, -EPROTO, "shoald sent a line that is not JSON");
	r = take_document(answer, document, err);
	json_decref(document);
	return r;
}

int answer_take(struct answer *answer, struct evbuffer *in, struct err *err)
{
	int r = 0;

	while (r == 0) {
		AUTO(freep) char *line = NULL;
		size_t len;

		if (answer->text_left > 0)
			take_text(answer, in);
		if (answer->text_left > 0)
			return 0;
		line = evbuffer_readln(in, &len, EVBUFFER_EOL_LF);
		if (!line)
			return evbuffer_get_length(in) < LINE_MAX_BYTES
				       ? 0
				       : err_set(err, -EMSGSIZE, "a line of shoald is too long");
		answer->taken += len;
		if (answer->taken > ANSWER_BYTES_MAX)
			return err_set(err, -EMSGSIZE, "an answer of shoald is too long");
		r = take_line(answer, line, len, err);
	}
	return r;
}
