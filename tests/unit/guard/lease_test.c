/* SPDX-License-Identifier: Apache-2.0 */
/* The three lease files: what is written is read back, and nothing else is accepted. */
#include "src/guard/lease.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/auto.h"
#include "tests/lib/test.h"

static char dir[64];

static void put(const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static struct lease_prefix make(const char *prefix, const char *map)
{
	struct lease_prefix made = { 0 };

	assert_int_equal(prefix_parse(prefix, &made.prefix), 0);
	strcpy(made.drain_map, map);
	return made;
}

TEST(lease, tick_round_trips)
{
	usec_t tick = 0;

	assert_int_equal(lease_write_tick(dir, 123456789, NULL), 0);
	assert_int_equal(lease_read_tick(dir, &tick, NULL), 0);
	assert_int_equal(tick, 123456789);
	assert_int_equal(lease_write_tick(dir, UINT64_MAX, NULL), 0);
	assert_int_equal(lease_read_tick(dir, &tick, NULL), 0);
	assert_true(tick == UINT64_MAX);
}

TEST(lease, absent_files_are_enoent)
{
	struct lease_prefix *prefixes = NULL;
	struct lease_fence fence;
	size_t n;
	usec_t tick;
	struct err err = { 0 };

	assert_int_equal(lease_read_tick("/nonexistent", &tick, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nonexistent/tick"));
	assert_int_equal(lease_read_announced("/nonexistent", &prefixes, &n, NULL), -ENOENT);
	assert_int_equal(lease_read_fence("/nonexistent", &fence, NULL), -ENOENT);
	assert_int_equal(lease_clear_fence(dir, NULL), 0);
}

TEST(lease, torn_or_foreign_ticks_are_refused)
{
	static const char *const bad[] = {
		"",     "\n",     "12",
		"x\n",  "-1\n",   " 1\n",
		"1 \n", "1\n2\n", "99999999999999999999999\n",
	};
	usec_t tick = 7;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put("tick", bad[i]);
		assert_int_equal(lease_read_tick(dir, &tick, NULL), -EBADMSG);
	}
	assert_int_equal(tick, 7);
}

TEST(lease, announced_round_trips)
{
	const struct lease_prefix wrote[] = { make("203.0.113.10/32", "SHOAL-PLAIN-DRAIN"),
					      make("2001:db8:cafe::/64", "SHOAL-0a1b-DRAIN") };
	AUTO(freep) struct lease_prefix *got = NULL;
	size_t n = 0;

	assert_int_equal(lease_write_announced(dir, wrote, 2, NULL), 0);
	assert_int_equal(lease_read_announced(dir, &got, &n, NULL), 0);
	assert_int_equal(n, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_true(prefix_eq(&got[i].prefix, &wrote[i].prefix));
		assert_string_equal(got[i].drain_map, wrote[i].drain_map);
	}
}

TEST(lease, announced_may_be_empty)
{
	AUTO(freep) struct lease_prefix *got = NULL;
	size_t n = 9;

	assert_int_equal(lease_write_announced(dir, NULL, 0, NULL), 0);
	assert_int_equal(lease_read_announced(dir, &got, &n, NULL), 0);
	assert_int_equal(n, 0);
}

TEST(lease, torn_or_foreign_lists_are_refused)
{
	static const char *const bad[] = {
		"203.0.113.10/32 SHOAL-X",       /* no newline: torn */
		"203.0.113.10/32\n",             /* no map */
		"203.0.113.10 SHOAL-X\n",        /* no length */
		"203.0.113.10/24 SHOAL-X\n",     /* host bits */
		"203.0.113.10/32 SHOAL X\n",     /* would be two words of a command */
		"203.0.113.10/32 SHOAL\tX\n",    /* a tab likewise */
		"203.0.113.10/32  SHOAL-X\n",    /* two spaces */
		"\n203.0.113.10/32 SHOAL-X\n",   /* empty line */
		"203.0.113.10/32 SHOAL-X\nfoo\n" /* one bad line spoils all */
	};
	struct lease_prefix *got = NULL;
	size_t n = 9;
	struct err err = { 0 };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put("announced", bad[i]);
		assert_int_equal(lease_read_announced(dir, &got, &n, &err), -EBADMSG);
		assert_null(got);
	}
	assert_non_null(strstr(err.text, "announced:2:"));
}

TEST(lease, fence_is_set_read_and_cleared)
{
	const struct lease_fence wrote = { .word = "at-boot", .since = 42 };
	struct lease_fence got;

	assert_int_equal(lease_set_fence(dir, &wrote, NULL), 0);
	assert_int_equal(lease_read_fence(dir, &got, NULL), 0);
	assert_string_equal(got.word, "at-boot");
	assert_int_equal(got.since, 42);
	assert_int_equal(lease_clear_fence(dir, NULL), 0);
	assert_int_equal(lease_read_fence(dir, &got, NULL), -ENOENT);
}

TEST(lease, foreign_fences_are_refused)
{
	static const char *const bad[] = {
		"",        "drain\n",   "drain x\n",
		"drain 1", "Drain 1\n", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 1\n"
	};
	struct lease_fence got;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put("fence", bad[i]);
		assert_int_equal(lease_read_fence(dir, &got, NULL), -EBADMSG);
	}
	assert_int_equal(lease_clear_fence(dir, NULL), 0);
}

TEST(lease, a_directory_that_is_not_there_names_itself)
{
	struct err err = { 0 };

	assert_int_equal(lease_write_tick("/nonexistent", 1, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nonexistent/tick"));
}

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/shoal-lease-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	static const char *const names[] = { "tick", "announced", "fence" };
	char path[128];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	return rmdir(dir); /* fails when a temporary file was left behind */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(lease, tick_round_trips),
		T(lease, absent_files_are_enoent),
		T(lease, torn_or_foreign_ticks_are_refused),
		T(lease, announced_round_trips),
		T(lease, announced_may_be_empty),
		T(lease, torn_or_foreign_lists_are_refused),
		T(lease, fence_is_set_read_and_cleared),
		T(lease, foreign_fences_are_refused),
		T(lease, a_directory_that_is_not_there_names_itself),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
