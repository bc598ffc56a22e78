/* SPDX-License-Identifier: Apache-2.0 */
#include "src/base/err.h"

#include <errno.h>
#include <string.h>

#include "tests/lib/test.h"

TEST(err, keeps_the_sentence_and_returns_the_code)
{
	struct err err;

	assert_int_equal(err_set(&err, -ENOENT, "file '%s'", "x"), -ENOENT);
	assert_string_equal(err.text, "file 'x'");
}

TEST(err, prints_the_code_for_percent_m)
{
	struct err err;

	errno = EPERM;
	err_set(&err, -ENOENT, "open: %m");
	assert_string_equal(err.text, "open: No such file or directory");
}

TEST(err, takes_a_prefix)
{
	struct err err;

	err_set(&err, -EIO, "no answer");
	assert_int_equal(err_prefix(&err, -EIO, "bgpd %d", 1), -EIO);
	assert_string_equal(err.text, "bgpd 1: no answer");
	err_prefix(&err, -EIO, "router");
	assert_string_equal(err.text, "router: bgpd 1: no answer");
}

TEST(err, cuts_what_is_too_long)
{
	struct err err;
	char text[2 * ERR_TEXT_MAX];

	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	err_set(&err, -EIO, "%s", text);
	assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
	err_prefix(&err, -EIO, "b");
	assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
	assert_memory_equal(err.text, "b: aaa", 6);
	/* A prefix that fills the room leaves no sentence, and nothing is written past the end. */
	err_prefix(&err, -EIO, "%s", text);
	assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
}

TEST(err, may_be_absent)
{
	assert_int_equal(err_set(NULL, -EIO, "x"), -EIO);
	assert_int_equal(err_prefix(NULL, -EIO, "x"), -EIO);
}

RUN_TESTS(T(err, keeps_the_sentence_and_returns_the_code), T(err, prints_the_code_for_percent_m),
	  T(err, takes_a_prefix), T(err, cuts_what_is_too_long), T(err, may_be_absent))
