/* SPDX-License-Identifier: Apache-2.0 */
#include "health/output.h"

#include <string.h>

#include "tests/lib/test.h"

#define PUT(outputs, id, text)                                                                     \
	outputs_put((outputs), (id),                                                               \
		    &(struct output){ (uint32_t)strlen(text), (uint32_t)strlen(text), (text) })

static bool has(const struct outputs *outputs, uint64_t id, const char *text)
{
	struct output output;

	return outputs_find(outputs, id, &output) && output.len == strlen(text) &&
	       memcmp(output.bytes, text, output.len) == 0;
}

TEST(output, is_made_fit_to_be_shown)
{
	static const char raw[] = "a\tb\r\n\x1b[31mred\0 \xc3\xa4";
	static const char fit[] = "a b\n?[31mred? ??";
	char text[OUTPUT_BYTES_MAX];

	assert_int_equal(output_print(raw, sizeof(raw) - 1, text), sizeof(fit) - 1);
	assert_memory_equal(text, fit, sizeof(fit) - 1);
	assert_true(output_is_printed(fit, sizeof(fit) - 1));
	assert_false(output_is_printed(raw, sizeof(raw) - 1));
	assert_false(output_is_printed("\r", 1));
}

TEST(output, is_that_of_the_last_run)
{
	struct outputs *outputs = outputs_new(OUTPUTS_BYTES_MAX);

	PUT(outputs, 1, "first");
	PUT(outputs, 1 + 4096, "of the same bucket");
	PUT(outputs, 1, "second");
	assert_true(has(outputs, 1, "second"));
	assert_true(has(outputs, 1 + 4096, "of the same bucket"));
	PUT(outputs, 1, "");
	assert_false(has(outputs, 1, "second"));
	outputs_drop(outputs, 1 + 4096);
	outputs_drop(outputs, 1 + 4096);
	assert_false(has(outputs, 1 + 4096, "of the same bucket"));
	outputs_free(outputs);
}

/* Ten thousand reals that write as much as is kept. */
TEST(output, is_bounded_and_the_latest_stay)
{
	struct outputs *outputs = outputs_new(OUTPUTS_BYTES_MAX);
	static char full[OUTPUT_BYTES_MAX];
	struct output output = { 1U << 20, OUTPUT_BYTES_MAX, full };
	uint64_t n = 0;

	memset(full, 'x', sizeof(full));
	for (uint64_t id = 0; id < 10000; id++) {
		outputs_put(outputs, id, &output);
		PUT(outputs, 20000, "fails, and is told again and again");
	}
	for (uint64_t id = 0; id < 10000; id++)
		n += outputs_find(outputs, id, &output);
	assert_in_range(n, OUTPUTS_BYTES_MAX / OUTPUT_BYTES_MAX * 9 / 10,
			OUTPUTS_BYTES_MAX / OUTPUT_BYTES_MAX);
	assert_true(outputs_find(outputs, 9999, &output));
	assert_int_equal(output.n_written, 1U << 20);
	assert_true(has(outputs, 20000, "fails, and is told again and again"));
	outputs_free(outputs);
}

RUN_TESTS(T(output, is_made_fit_to_be_shown), T(output, is_that_of_the_last_run),
	  T(output, is_bounded_and_the_latest_stay))
