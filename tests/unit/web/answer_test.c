/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <event2/buffer.h>
#include <string.h>

#include "src/web/answer.h"
#include "tests/lib/test.h"

/* Take text byte by byte; what the last byte gave. */
static int take(struct answer *answer, const char *text)
{
	struct evbuffer *in = evbuffer_new();
	struct err err = { "" };
	int r = 0;

	for (; *text && r == 0; text++) {
		evbuffer_add(in, text, 1);
		r = answer_take(answer, in, &err);
	}
	evbuffer_free(in);
	if (r < 0)
		assert_true(err.text[0] != '\0');
	return r;
}

TEST(answer, joins_parts_however_they_are_cut)
{
	struct answer answer = { 0 };

	assert_int_equal(take(&answer, "{\"part\":{\"path\":[\"a\"],\"at\":0,\"items\":[1,2]}}\n"
				       "{\"part\":{\"path\":[\"a\"],\"at\":1,\"items\":[3]}}\n"
				       "{\"ok\":true,\"result\":{\"a\":[],\"b\":4}}\n"),
			 1);
	assert_false(answer.is_refused);
	assert_int_equal(json_array_size(json_object_get(answer.result, "a")), 2);
	assert_int_equal(json_integer_value(json_array_get(json_object_get(answer.result, "a"), 1)),
			 3);
	answer_fini(&answer);
}

TEST(answer, puts_text_where_it_belongs_and_forgets_what_stood_there)
{
	struct answer answer = { 0 };

	assert_int_equal(take(&answer, "{\"text\":{\"at\":0,\"bytes\":4}}\na\n{c"
				       "{\"text\":{\"at\":1,\"bytes\":2}}\nxy"
				       "{\"text\":{\"at\":3,\"bytes\":0}}\n"
				       "{\"ok\":true,\"result\":{}}\n"),
			 1);
	assert_string_equal(answer.text, "axy");
	assert_int_equal(answer.text_len, 3);
	answer_fini(&answer);
}

TEST(answer, hands_a_refusal_on_with_its_sentence)
{
	struct answer answer = { 0 };

	assert_int_equal(take(&answer, "{\"progress\":\"x\"}\n"
				       "{\"ok\":false,\"exit\":2,\"error\":\"no VIP\"}\n"),
			 1);
	assert_true(answer.is_refused);
	assert_int_equal(answer.status, 2);
	assert_string_equal(answer.sentence, "no VIP");
	answer_fini(&answer);
}

TEST(answer, refuses_what_is_no_answer)
{
	static const char *const texts[] = {
		"nonsense\n",
		"{\"ok\":false}\n",
		"[]\n",
		"{\"part\":{\"path\":[\"a\"],\"at\":7,\"items\":[]}}\n",
		"{\"text\":{\"at\":1,\"bytes\":1}}\n",
		"{\"text\":{\"at\":0,\"bytes\":-1}}\n",
		"{\"text\":{\"at\":0,\"bytes\":999999999999}}\n",
		"{\"text\":{}}\n",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct answer answer = { 0 };

		assert_true(take(&answer, texts[i]) < 0);
		answer_fini(&answer);
	}
}

RUN_TESTS(T(answer, joins_parts_however_they_are_cut),
	  T(answer, puts_text_where_it_belongs_and_forgets_what_stood_there),
	  T(answer, hands_a_refusal_on_with_its_sentence), T(answer, refuses_what_is_no_answer))
