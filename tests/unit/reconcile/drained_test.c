/* SPDX-License-Identifier: Apache-2.0 */
/* Drains from their beginning to their end, over restarts, boots and clocks that lie. */
#include "src/reconcile/drained.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/auto.h"
#include "src/reconcile/drains.h"
#include "tests/lib/config_builder.h"
#include "tests/lib/test.h"

#define S     USEC_PER_SEC
#define GIVEN (1790000000ULL * S)
#define BOOT  (500 * S) /* when it was given, by the boot clock */

/* One shoald after another on one state directory. */
struct world {
	char dir[64];
	struct config_builder config;
	struct core *core;
	struct drained drained;
};

static void tell(const struct core_drain *drain, void *arg)
{
	struct world *w = arg;
	struct core_event event = { .kind = CORE_EVENT_DRAIN, .now = 1, .drain = *drain };

	core_step(w->core, &event);
}

static void start(struct world *w, uint64_t wall_us, usec_t now)
{
	struct err err;

	w->core = core_new(build_finish(&w->config), 1);
	assert_non_null(w->core);
	w->drained =
		(struct drained){ .core = w->core, .state_dir = w->dir, .tell = tell, .arg = w };
	assert_int_equal(drained_load(&w->drained, true, wall_us, now, &err), 0);
}

static void restart(struct world *w, uint64_t wall_us, usec_t now)
{
	core_free(w->core);
	start(w, wall_us, now);
}

static void world_new(struct world *w)
{
	struct err err;
	uint32_t pool;

	*w = (struct world){ .dir = "/tmp/shoal-drained.XXXXXX" };
	assert_non_null(mkdtemp(w->dir));
	assert_int_equal(drains_init(w->dir, &err), 0);
	build_start(&w->config);
	pool = build_pool(&w->config, "web", 2);
	build_service(&w->config, build_vip(&w->config, "203.0.113.10/32"), 80, pool);
	start(w, GIVEN, BOOT);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static void world_end(struct world *w)
{
	core_free(w->core);
	nftw(w->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static int give(struct world *w, uint32_t vip, const char *owner, const char *reason,
		uint64_t for_us)
{
	struct core_drain drain = { .vip = vip,
				    .set = true,
				    .wall_us = GIVEN,
				    .given_at = BOOT,
				    .until_us = for_us ? GIVEN + for_us : 0 };
	struct err err;

	snprintf(drain.owner, sizeof(drain.owner), "%s", owner);
	snprintf(drain.reason, sizeof(drain.reason), "%s", reason);
	return drained_give(&w->drained, &drain, &err);
}

static int end(struct world *w, uint32_t vip, const char *owner)
{
	struct core_drain drain = { .vip = vip };
	struct err err;

	snprintf(drain.owner, sizeof(drain.owner), "%s", owner);
	return drained_give(&w->drained, &drain, &err);
}

static bool is_drained(const struct world *w)
{
	return core_node(w->core)->is_drained;
}

static const struct core_drain *node(const struct world *w)
{
	return &core_node(w->core)->drain;
}

static bool has_file(const struct world *w, const char *name)
{
	char path[192];

	snprintf(path, sizeof(path), "%s/drains/%s", w->dir, name);
	return access(path, F_OK) == 0;
}

/* As if the machine had booted: the file tells of another boot. */
static void change_boot(const struct world *w, const char *name)
{
	AUTO(file_closep) FILE *f = NULL;
	char path[192], text[4096] = "", *boot;

	snprintf(path, sizeof(path), "%s/drains/%s", w->dir, name);
	f = fopen(path, "r+");
	assert_non_null(f);
	assert_true(fread(text, 1, sizeof(text) - 1, f) > 0);
	boot = strstr(text, "\"boot\":\"");
	assert_non_null(boot);
	boot[8] = boot[8] == 'x' ? 'y' : 'x';
	rewind(f);
	fputs(text, f);
}

TEST(drained, ends_by_time)
{
	struct world w;

	world_new(&w);
	assert_int_equal(give(&w, CORE_NONE, "alice", "kernel", 3600 * S), 0);
	assert_int_equal(give(&w, 0, "alice", "", 7200 * S), 0);
	drained_watch(&w.drained, GIVEN + 3599 * S, BOOT + 3599 * S);
	assert_true(is_drained(&w));
	drained_watch(&w.drained, GIVEN + 3600 * S, BOOT + 3600 * S);
	assert_false(is_drained(&w));
	assert_false(has_file(&w, "node"));
	assert_true(core_vip(w.core, 0)->is_drained);
	drained_watch(&w.drained, GIVEN + 7200 * S, BOOT + 7200 * S);
	assert_false(core_vip(w.core, 0)->is_drained);
	assert_false(has_file(&w, "vip-203.0.113.10_32"));
	world_end(&w);
}

TEST(drained, without_an_end_never_ends)
{
	struct world w;

	world_new(&w);
	assert_int_equal(give(&w, CORE_NONE, "alice", "kernel", 0), 0);
	drained_watch(&w.drained, GIVEN * 2, BOOT * 1000);
	assert_true(is_drained(&w));
	restart(&w, GIVEN * 2, BOOT * 1000);
	assert_true(is_drained(&w));
	world_end(&w);
}

TEST(drained, outlives_a_restart_and_a_boot_with_its_end)
{
	struct world w;

	world_new(&w);
	assert_int_equal(give(&w, CORE_NONE, "alice", "kernel", 3600 * S), 0);
	restart(&w, GIVEN + 60 * S, BOOT + 60 * S);
	assert_true(is_drained(&w));
	assert_int_equal(node(&w)->until_us, GIVEN + 3600 * S);
	assert_int_equal(node(&w)->given_at, BOOT);
	assert_string_equal(node(&w)->reason, "kernel");
	change_boot(&w, "node");
	restart(&w, GIVEN + 120 * S, 10 * S);
	assert_true(is_drained(&w));
	assert_int_equal(node(&w)->given_at, 0);
	drained_watch(&w.drained, GIVEN + 3600 * S, 3000 * S);
	assert_false(is_drained(&w));
	world_end(&w);
}

TEST(drained, that_is_over_never_comes_into_force)
{
	struct world w;

	world_new(&w);
	assert_int_equal(give(&w, CORE_NONE, "alice", "kernel", 3600 * S), 0);
	change_boot(&w, "node");
	restart(&w, GIVEN + 3600 * S, 10 * S);
	assert_false(is_drained(&w));
	assert_false(has_file(&w, "node"));
	world_end(&w);
}

/* The clock set forward and back while it runs, after a restart, and one that lost its battery. */
TEST(drained, is_not_ended_early_by_a_clock_that_lies)
{
	struct world w;

	world_new(&w);
	assert_int_equal(give(&w, CORE_NONE, "alice", "kernel", 3600 * S), 0);
	drained_watch(&w.drained, GIVEN + 86400 * S, BOOT + 60 * S);
	assert_true(is_drained(&w));
	drained_watch(&w.drained, GIVEN - 86400 * S, BOOT + 4000 * S);
	assert_true(is_drained(&w));
	restart(&w, GIVEN + 86400 * S, BOOT + 60 * S);
	assert_true(is_drained(&w));
	change_boot(&w, "node");
	restart(&w, 1000 * S, 10 * S);
	drained_watch(&w.drained, 5000 * S, 4010 * S);
	assert_true(is_drained(&w));
	world_end(&w);
}

TEST(drained, said_again_keeps_what_is_not_said)
{
	struct world w;

	world_new(&w);
	assert_int_equal(give(&w, CORE_NONE, "alice", "kernel", 3600 * S), 0);
	assert_int_equal(give(&w, CORE_NONE, "bob", "", 0), -EALREADY);
	assert_string_equal(node(&w)->owner, "alice");
	assert_int_equal(give(&w, CORE_NONE, "bob", "", 7200 * S), 0);
	assert_string_equal(node(&w)->reason, "kernel");
	assert_string_equal(node(&w)->owner, "bob");
	assert_int_equal(node(&w)->until_us, GIVEN + 7200 * S);
	assert_int_equal(give(&w, CORE_NONE, "carol", "disk", 0), 0);
	assert_int_equal(node(&w)->until_us, GIVEN + 7200 * S);
	assert_string_equal(node(&w)->reason, "disk");
	restart(&w, GIVEN, BOOT);
	assert_string_equal(node(&w)->reason, "disk");
	assert_int_equal(node(&w)->until_us, GIVEN + 7200 * S);
	assert_int_equal(end(&w, CORE_NONE, "carol"), 0);
	assert_int_equal(end(&w, CORE_NONE, "carol"), -EALREADY);
	assert_false(has_file(&w, "node"));
	world_end(&w);
}

TEST(drained, by_shutdown_is_over_in_the_next_boot)
{
	struct world w;

	world_new(&w);
	assert_int_equal(give(&w, CORE_NONE, CORE_OWNER_SHUTDOWN, "shutdown", 0), 0);
	restart(&w, GIVEN, BOOT + S); /* of shoald alone */
	assert_true(is_drained(&w));
	change_boot(&w, "node");
	restart(&w, GIVEN, S);
	assert_false(is_drained(&w));
	assert_false(has_file(&w, "node"));
	world_end(&w);
}

TEST(drained, by_an_operator_is_never_the_shutdowns)
{
	struct world w;

	world_new(&w);
	assert_int_equal(give(&w, CORE_NONE, "alice", "kernel", 0), 0);
	assert_int_equal(give(&w, CORE_NONE, CORE_OWNER_SHUTDOWN, "shutdown", 0), -EALREADY);
	assert_int_equal(end(&w, CORE_NONE, CORE_OWNER_SHUTDOWN), -EALREADY);
	change_boot(&w, "node");
	restart(&w, GIVEN, S);
	assert_true(is_drained(&w));
	assert_string_equal(node(&w)->owner, "alice");

	assert_int_equal(end(&w, CORE_NONE, "alice"), 0);
	assert_int_equal(give(&w, CORE_NONE, CORE_OWNER_SHUTDOWN, "shutdown", 0), 0);
	assert_int_equal(give(&w, CORE_NONE, "alice", "", 0), 0); /* hers from now on */
	assert_int_equal(end(&w, CORE_NONE, CORE_OWNER_SHUTDOWN), -EALREADY);
	change_boot(&w, "node");
	restart(&w, GIVEN, S);
	assert_true(is_drained(&w));
	world_end(&w);
}

/* A drain for an hour ends while the machine goes down: nothing is announced again. */
TEST(drained, by_shutdown_follows_one_that_ends_by_time)
{
	struct world w;

	world_new(&w);
	assert_int_equal(give(&w, CORE_NONE, "alice", "disk", 3600 * S), 0);
	assert_int_equal(give(&w, CORE_NONE, CORE_OWNER_SHUTDOWN, "shutdown", 0), -EALREADY);
	drained_watch(&w.drained, GIVEN + 3601 * S, BOOT + 3601 * S);
	assert_true(is_drained(&w));
	assert_string_equal(node(&w)->owner, CORE_OWNER_SHUTDOWN);
	assert_int_equal(node(&w)->until_us, 0);
	change_boot(&w, "node");
	restart(&w, GIVEN, S);
	assert_false(is_drained(&w));

	/* The other way round, and the shutdown was called off. */
	assert_int_equal(give(&w, CORE_NONE, CORE_OWNER_SHUTDOWN, "shutdown", 0), 0);
	assert_int_equal(give(&w, CORE_NONE, "alice", "disk", 3600 * S), 0);
	assert_int_equal(end(&w, CORE_NONE, CORE_OWNER_SHUTDOWN), -EALREADY);
	drained_watch(&w.drained, GIVEN + 3601 * S, BOOT + 3601 * S);
	assert_false(is_drained(&w));
	world_end(&w);
}

TEST(drained, that_could_not_be_read_at_start_are_read_later)
{
	struct world w;
	char real[96], away[112];
	struct err err;

	world_new(&w);
	snprintf(real, sizeof(real), "%s/drains", w.dir);
	snprintf(away, sizeof(away), "%s/away", w.dir);
	assert_int_equal(give(&w, 0, "alice", "this one alone", 0), 0);
	for (int node_too = 0; node_too < 2; node_too++) {
		usec_t now = BOOT;

		if (node_too)
			assert_int_equal(give(&w, CORE_NONE, "bob", "kernel", 0), 0);
		core_free(w.core);
		w.core = core_new(build_finish(&w.config), 1);
		w.drained = (struct drained){
			.core = w.core, .state_dir = w.dir, .tell = tell, .arg = &w
		};
		assert_int_equal(rename(real, away), 0);
		assert_true(drained_load(&w.drained, true, GIVEN, now, &err) < 0);
		assert_true(is_drained(&w));
		assert_false(core_vip(w.core, 0)->is_drained);
		for (int s = 0; s < 20; s++)
			assert_false(drained_watch(&w.drained, GIVEN, now += S));
		assert_true(is_drained(&w));
		assert_int_equal(rename(away, real), 0);
		for (int s = 0; s < 10 && !drained_watch(&w.drained, GIVEN, now); s++)
			now += S;
		assert_true(core_vip(w.core, 0)->is_drained);
		assert_string_equal(core_vip(w.core, 0)->drain.owner, "alice");
		assert_int_equal(is_drained(&w), node_too);
	}
	assert_string_equal(node(&w)->owner, "bob");
	world_end(&w);
}

TEST(drained, by_shutdown_ends_by_its_name)
{
	struct world w;

	world_new(&w);
	assert_int_equal(give(&w, 0, "alice", "", 0), 0);
	assert_int_equal(give(&w, CORE_NONE, CORE_OWNER_SHUTDOWN, "shutdown", 0), 0);
	assert_int_equal(end(&w, CORE_NONE, CORE_OWNER_SHUTDOWN), 0);
	assert_false(is_drained(&w));
	assert_true(core_vip(w.core, 0)->is_drained);
	world_end(&w);
}

RUN_TESTS(T(drained, ends_by_time), T(drained, without_an_end_never_ends),
	  T(drained, outlives_a_restart_and_a_boot_with_its_end),
	  T(drained, that_is_over_never_comes_into_force),
	  T(drained, is_not_ended_early_by_a_clock_that_lies),
	  T(drained, said_again_keeps_what_is_not_said),
	  T(drained, by_shutdown_is_over_in_the_next_boot),
	  T(drained, by_an_operator_is_never_the_shutdowns),
	  T(drained, by_shutdown_follows_one_that_ends_by_time),
	  T(drained, that_could_not_be_read_at_start_are_read_later),
	  T(drained, by_shutdown_ends_by_its_name))
