/* SPDX-License-Identifier: Apache-2.0 */
#include "src/base/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/test.h"

TEST(quote, leaves_plain_values_alone)
{
	assert_string_equal(LOG_QUOTE("203.0.113.10:443/tcp"), "203.0.113.10:443/tcp");
	assert_string_equal(LOG_QUOTE("grün"), "grün");
}

TEST(quote, wraps_what_would_be_read_as_something_else)
{
	assert_string_equal(LOG_QUOTE(""), "\"\"");
	assert_string_equal(LOG_QUOTE("disk swap"), "\"disk swap\"");
	assert_string_equal(LOG_QUOTE("a=b"), "\"a=b\"");
	assert_string_equal(LOG_QUOTE("say \"no\""), "\"say \\\"no\\\"\"");
	assert_string_equal(LOG_QUOTE("a\\b"), "\"a\\\\b\"");
}

TEST(quote, never_lets_control_bytes_through)
{
	assert_string_equal(LOG_QUOTE("a\nb\x1b[31m\x7f"), "\"a\\x0ab\\x1b[31m\\x7f\"");
	for (int c = 1; c < 0x20; c++) {
		const char text[2] = { (char)c, '\0' };
		char expected[16];

		snprintf(expected, sizeof(expected), "\"\\x%02x\"", (unsigned)c);
		assert_string_equal(LOG_QUOTE(text), expected);
	}
}

/* Every size of the buffer with every kind of text: always an ended text that fits. */
TEST(quote, fits_into_any_buffer)
{
	static const char *const texts[] = { "", "plain-text-of-some-length", "with spaces in it",
					     "\x01\x02\x03\x04\x05\x06\x07\x08",
					     "\"\"\"\"\"\"\"\"\"\"" };

	for (size_t t = 0; t < sizeof(texts) / sizeof(texts[0]); t++) {
		for (unsigned size = 1; size < 64; size++) {
			char buf[65];
			const char *quoted;

			memset(buf, '#', sizeof(buf));
			quoted = log_quote(buf, size, texts[t]);
			assert_true(strlen(quoted) < size);
			assert_int_equal(buf[size], '#');
		}
	}
}

/* What one call wrote to standard error. */
static size_t capture(char *buf, size_t size, enum log_level level, const char *text)
{
	int saved = dup(STDERR_FILENO), ends[2];
	ssize_t len;

	assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
	dup2(ends[1], STDERR_FILENO);
	log_event(level, "test_event", "text=%s", text);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(ends[1]);
	len = read(ends[0], buf, size - 1);
	close(ends[0]);
	if (len < 0)
		len = 0;
	buf[len] = '\0';
	return (size_t)len;
}

TEST(log, writes_one_line_with_level_and_event)
{
	char line[8192];

	unsetenv("JOURNAL_STREAM");
	log_init("tester", LOG_LEVEL_INFO);
	capture(line, sizeof(line), LOG_LEVEL_WARN, "x");
	assert_non_null(strstr(line, "Z tester warn test_event text=x\n"));
	setenv("JOURNAL_STREAM", "8:1", 1);
	log_init("tester", LOG_LEVEL_INFO);
	capture(line, sizeof(line), LOG_LEVEL_ERR, "x");
	assert_string_equal(line, "<3>tester err test_event text=x\n");
}

TEST(log, keeps_to_its_level)
{
	char line[8192];

	log_init("tester", LOG_LEVEL_NOTICE);
	assert_int_equal(capture(line, sizeof(line), LOG_LEVEL_INFO, "x"), 0);
	assert_true(capture(line, sizeof(line), LOG_LEVEL_NOTICE, "x") > 0);
}

TEST(log, stays_on_one_line_of_bounded_length)
{
	char line[16384], text[10000];

	memset(text, 'a', sizeof(text));
	memset(text, '\n', 50);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(capture(line, sizeof(line), LOG_LEVEL_ERR, text), 4095);
	assert_ptr_equal(strchr(line, '\n'), line + 4094);
	assert_int_equal(capture(line, sizeof(line), LOG_LEVEL_ERR, "a\nb"),
			 strlen("<3>tester err test_event text=a b\n"));
}

RUN_TESTS(T(quote, leaves_plain_values_alone), T(quote, wraps_what_would_be_read_as_something_else),
	  T(quote, never_lets_control_bytes_through), T(quote, fits_into_any_buffer),
	  T(log, writes_one_line_with_level_and_event), T(log, keeps_to_its_level),
	  T(log, stays_on_one_line_of_bounded_length))
