/* SPDX-License-Identifier: Apache-2.0 */
#include "src/dataplane/hash_key.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/test.h"

static int parse(const char *text, struct hash_key *key)
{
	return hash_key_parse(text, strlen(text), key);
}

TEST(hash_key, is_sixteen_digits)
{
	struct hash_key key;

	assert_int_equal(parse("0123456789abcdef", &key), 0);
	assert_int_equal(key.seed, 0x01234567);
	assert_int_equal(key.seed_v6, 0x89abcdef);
	assert_int_equal(parse("FFFFFFFF00000001 \r\n", &key), 0);
	assert_int_equal(key.seed, 0xffffffff);
	assert_int_equal(key.seed_v6, 1);
}

TEST(hash_key, is_nothing_else)
{
	struct hash_key key = { 7, 8 };

	assert_int_equal(parse("", &key), -EINVAL);
	assert_int_equal(parse("0123456789abcde", &key), -EINVAL);
	assert_int_equal(parse("0123456789abcdeg", &key), -EINVAL);
	assert_int_equal(parse("0123456789abcdef0", &key), -EINVAL);
	assert_int_equal(parse("0x23456789abcdef", &key), -EINVAL);
	assert_int_equal(parse(" 0123456789abcdef", &key), -EINVAL);
	assert_int_equal(key.seed, 7);
}

#define SECRET "00112233deadbeef"

static char path[64];

static void write_file(const char *text, mode_t mode)
{
	FILE *file;

	snprintf(path, sizeof(path), "/tmp/shoal-hash-key-%d", (int)getpid());
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	assert_int_equal(chmod(path, mode), 0);
}

/* Refused, for a reason that has this word and shows nothing of the key. */
static void expect_refused(const char *word)
{
	struct err err = { "" };
	struct hash_key key;

	assert_true(hash_key_read(path, &key, &err) < 0);
	assert_non_null(strstr(err.text, path));
	assert_non_null(strstr(err.text, word));
	assert_null(strstr(err.text, "0011"));
	assert_null(strstr(err.text, "beef"));
	unlink(path);
}

TEST(hash_key, comes_from_a_file_of_ones_own)
{
	struct err err = { "" };
	struct hash_key key;

	write_file(SECRET "\n", 0400);
	assert_int_equal(hash_key_read(path, &key, &err), 0);
	assert_int_equal(key.seed_v6, 0xdeadbeef);
	unlink(path);
	expect_refused("No such file");
	write_file(SECRET "\n", 0640);
	expect_refused("chmod 600");
	write_file(SECRET "\n", 0604);
	expect_refused("chmod 600");
	write_file(SECRET "0\n", 0600);
	expect_refused("16 hexadecimal digits");
	write_file(SECRET SECRET SECRET SECRET SECRET, 0600);
	expect_refused("16 hexadecimal digits");
	snprintf(path, sizeof(path), "/tmp");
	expect_refused("no regular file");
}

RUN_TESTS(T(hash_key, is_sixteen_digits), T(hash_key, is_nothing_else),
	  T(hash_key, comes_from_a_file_of_ones_own))
