/* SPDX-License-Identifier: Apache-2.0 */
/* Drain files: what is stored comes back, and whatever cannot be read means drained. */
#include "src/reconcile/drains.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/auto.h"
#include "tests/lib/test.h"

static char dir[64];

struct found {
	unsigned n, n_node;
	struct prefix vip;
	struct core_drain last, node;
};

static void note(const struct prefix *vip, const struct core_drain *drain, void *arg)
{
	struct found *found = arg;

	found->n++;
	if (vip) {
		found->vip = *vip;
		found->last = *drain;
	} else {
		found->n_node++;
		found->node = *drain;
	}
}

static struct found load(void)
{
	struct found found = { 0 };
	struct err err;

	drains_load(dir, note, &found, &err);
	return found;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

/* Removes what fresh_dir() made; the tests run one after another. */
static void drop_dir(void)
{
	if (dir[0])
		nftw(dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	dir[0] = '\0';
}

static void fresh_dir(void)
{
	static bool registered;

	struct err err;

	drop_dir();
	if (!registered)
		atexit(drop_dir);
	registered = true;
	snprintf(dir, sizeof(dir), "/tmp/shoal-drains.XXXXXX");
	assert_non_null(mkdtemp(dir));
	assert_int_equal(drains_init(dir, &err), 0);
	assert_int_equal(drains_init(dir, &err), 0);
}

static void write_raw(const char *name, const char *text)
{
	AUTO(file_closep) FILE *f = NULL;
	char path[192];

	snprintf(path, sizeof(path), "%s/drains/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
}

static const struct core_drain sample = { .vip = CORE_NONE,
					  .set = true,
					  .owner = "alice (uid 1000)",
					  .reason = "kernel \"6.18\"",
					  .wall_us = 1790000000000000 };

TEST(drains, come_back_as_stored)
{
	struct prefix vip;
	struct found found;

	fresh_dir();
	assert_int_equal(prefix_parse("2001:db8::1/128", &vip), 0);
	assert_int_equal(drains_store(dir, NULL, &sample, NULL), 0);
	assert_int_equal(drains_store(dir, &vip, &sample, NULL), 0);
	found = load();
	assert_int_equal(found.n, 2);
	assert_int_equal(found.n_node, 1);
	assert_true(prefix_eq(&found.vip, &vip));
	assert_string_equal(found.node.owner, sample.owner);
	assert_string_equal(found.last.reason, sample.reason);
	assert_int_equal(found.node.wall_us, sample.wall_us);
}

TEST(drains, end_when_cleared)
{
	fresh_dir();
	assert_int_equal(drains_store(dir, NULL, &sample, NULL), 0);
	assert_int_equal(drains_clear(dir, NULL, NULL), 0);
	assert_int_equal(drains_clear(dir, NULL, NULL), 0);
	assert_int_equal(load().n, 0);
}

TEST(drains, torn_file_still_drains)
{
	struct found found;

	fresh_dir();
	write_raw("node", "{\"v\":1,\"own");
	found = load();
	assert_int_equal(found.n_node, 1);
	assert_true(found.node.set);
	assert_string_equal(found.node.owner, "unknown");
}

TEST(drains, empty_file_still_drains)
{
	fresh_dir();
	write_raw("node", "");
	assert_int_equal(load().n_node, 1);
}

TEST(drains, foreign_files_are_left_alone)
{
	fresh_dir();
	write_raw(".new", "half");
	write_raw("vip-nonsense", "{}");
	write_raw("vip-10.0.0.1_99", "{}");
	write_raw("readme", "hello");
	assert_int_equal(load().n, 0);
}

TEST(drains, unreadable_directory_drains_the_node)
{
	struct found found = { 0 };
	struct err err;

	drop_dir();
	snprintf(dir, sizeof(dir), "/tmp/shoal-no-such-dir");
	assert_true(drains_load(dir, note, &found, &err) < 0);
	assert_int_equal(found.n_node, 1);
	assert_non_null(strstr(err.text, "/tmp/shoal-no-such-dir"));
}

TEST(drains, overlong_names_do_not_overflow)
{
	char name[200];

	fresh_dir();
	memset(name, '1', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	memcpy(name, "vip-", 4);
	write_raw(name, "{}");
	assert_int_equal(load().n, 0);
}

static bool disk_is_broken;

int __real_fsync(int fd);
int __wrap_fsync(int fd);

/* The disk takes files and confirms no directory. */
int __wrap_fsync(int fd)
{
	struct stat st;

	if (!disk_is_broken || fstat(fd, &st) < 0 || !S_ISDIR(st.st_mode))
		return __real_fsync(fd);
	errno = EIO;
	return -1;
}

TEST(drains, that_the_disk_does_not_confirm_are_as_before)
{
	struct core_drain other = sample;
	struct err err;

	fresh_dir();
	disk_is_broken = true;
	assert_int_equal(drains_store(dir, NULL, &sample, &err), -EIO);
	assert_non_null(strstr(err.text, "the change was taken back"));
	assert_int_equal(load().n, 0);
	disk_is_broken = false;
	assert_int_equal(drains_store(dir, NULL, &sample, NULL), 0);
	disk_is_broken = true;
	strcpy(other.owner, "bob");
	assert_int_equal(drains_store(dir, NULL, &other, &err), -EIO);
	assert_string_equal(load().node.owner, sample.owner);
	assert_int_equal(drains_clear(dir, NULL, &err), -EIO);
	assert_int_equal(load().n_node, 1);
	disk_is_broken = false;
	assert_int_equal(drains_clear(dir, NULL, NULL), 0);
	assert_int_equal(load().n, 0);
}

RUN_TESTS(T(drains, that_the_disk_does_not_confirm_are_as_before), T(drains, come_back_as_stored),
	  T(drains, end_when_cleared), T(drains, torn_file_still_drains),
	  T(drains, empty_file_still_drains), T(drains, foreign_files_are_left_alone),
	  T(drains, unreadable_directory_drains_the_node),
	  T(drains, overlong_names_do_not_overflow))
