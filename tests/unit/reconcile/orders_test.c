/* SPDX-License-Identifier: Apache-2.0 */
/* Orders on reals: kept in files, found again, ended when their time is over. */
#include "src/reconcile/orders.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/auto.h"
#include "src/reconcile/drains.h"
#include "tests/lib/config_builder.h"
#include "tests/lib/test.h"

#define S     USEC_PER_SEC
#define GIVEN (1790000000ULL * S)

/* One shoald after another on one state directory. */
struct world {
	char dir[64];
	struct config_builder config;
	struct core *core;
	struct orders *orders;
	unsigned n_told;
};

static void tell(const struct core_real_order *order, void *arg)
{
	struct world *w = arg;
	struct core_event event = { .kind = CORE_EVENT_ORDER, .now = 1, .order = *order };

	w->n_told++;
	core_step(w->core, &event);
}

static void start(struct world *w, uint64_t wall_us)
{
	const struct orders_options options = { .state_dir = w->dir, .tell = tell, .arg = w };
	struct orders_options with_core = options;
	struct err err;

	w->core = core_new(build_finish(&w->config), 1);
	assert_non_null(w->core);
	with_core.core = w->core;
	w->orders = orders_new(&with_core);
	assert_non_null(w->orders);
	assert_int_equal(orders_load(w->orders, wall_us, 0, &err), 0);
}

static void stop(struct world *w)
{
	orders_free(w->orders);
	core_free(w->core);
}

static void restart(struct world *w, uint64_t wall_us)
{
	stop(w);
	start(w, wall_us);
}

static void world_new(struct world *w)
{
	struct err err;

	*w = (struct world){ .dir = "/tmp/shoal-orders.XXXXXX" };
	assert_non_null(mkdtemp(w->dir));
	assert_int_equal(drains_init(w->dir, &err), 0);
	build_start(&w->config);
	build_pool(&w->config, "web", 3);
	build_pool(&w->config, "mail_2", 2);
	start(w, GIVEN);
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
	stop(w);
	nftw(w->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static void give(struct world *w, uint32_t pool, uint32_t real, enum real_order kind,
		 uint64_t for_us)
{
	struct core_order order = { .order = kind,
				    .owner = "bob (uid 1001)",
				    .reason = "disk \"swap\"",
				    .wall_us = GIVEN,
				    .until_us = for_us ? GIVEN + for_us : 0 };
	struct err err;

	assert_int_equal(orders_give(w->orders, pool, real, &order, &err), 0);
}

static enum real_order order_of(const struct world *w, uint32_t pool, uint32_t real)
{
	return core_pool(w->core, pool)->reals[real].order;
}

static void write_raw(const struct world *w, const char *name, const char *text)
{
	AUTO(file_closep) FILE *f = NULL;
	char path[512];

	snprintf(path, sizeof(path), "%s/drains/%s", w->dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
}

static unsigned count_files(const struct world *w)
{
	char path[128];
	struct dirent *entry;
	unsigned n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/drains", w->dir);
	dir = opendir(path);
	assert_non_null(dir);
	while ((entry = readdir(dir)))
		n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	closedir(dir);
	return n;
}

TEST(orders, survive_a_restart_with_owner_reason_and_end)
{
	const struct core_order *order;
	struct world w;

	world_new(&w);
	give(&w, 0, 1, REAL_DRAINED, 3600 * S);
	give(&w, 1, 0, REAL_DISABLED, 0);
	assert_int_equal(order_of(&w, 0, 1), REAL_DRAINED);
	restart(&w, GIVEN + 60 * S);
	assert_int_equal(order_of(&w, 0, 1), REAL_DRAINED);
	assert_int_equal(order_of(&w, 1, 0), REAL_DISABLED);
	assert_int_equal(order_of(&w, 0, 0), REAL_ORDER_NONE);
	order = orders_find(w.orders, 0, 1);
	assert_string_equal(order->owner, "bob (uid 1001)");
	assert_string_equal(order->reason, "disk \"swap\"");
	assert_int_equal(order->until_us, GIVEN + 3600 * S);
	assert_int_equal(order->wall_us, GIVEN);
	assert_int_equal(orders_find(w.orders, 1, 0)->until_us, 0);
	assert_null(orders_find(w.orders, 0, 0));
	world_end(&w);
}

TEST(orders, end_by_themselves_once_their_time_is_over)
{
	struct world w;
	unsigned told;

	world_new(&w);
	give(&w, 0, 0, REAL_DRAINED, 100 * S);
	give(&w, 0, 1, REAL_DISABLED, 0);
	orders_watch(w.orders, GIVEN + 99 * S, 0);
	assert_int_equal(order_of(&w, 0, 0), REAL_DRAINED);
	orders_watch(w.orders, 5 * S, 0); /* the clock stands wrong */
	assert_int_equal(order_of(&w, 0, 0), REAL_DRAINED);
	orders_watch(w.orders, GIVEN + 100 * S, 0);
	assert_int_equal(order_of(&w, 0, 0), REAL_ORDER_NONE);
	assert_null(orders_find(w.orders, 0, 0));
	assert_int_equal(order_of(&w, 0, 1), REAL_DISABLED);
	assert_int_equal(count_files(&w), 1);
	told = w.n_told;
	orders_watch(w.orders, GIVEN + 101 * S, 0);
	assert_int_equal(w.n_told, told);
	world_end(&w);
}

TEST(orders, that_ended_while_nobody_ran_never_come_into_force)
{
	struct world w;

	world_new(&w);
	give(&w, 0, 0, REAL_DRAINED, 100 * S);
	stop(&w);
	w.n_told = 0;
	start(&w, GIVEN + 200 * S);
	assert_int_equal(order_of(&w, 0, 0), REAL_ORDER_NONE);
	assert_int_equal(count_files(&w), 0);
	world_end(&w);
}

TEST(orders, the_last_one_counts_with_its_own_end)
{
	struct world w;

	world_new(&w);
	give(&w, 0, 0, REAL_DRAINED, 100 * S);
	give(&w, 0, 0, REAL_DISABLED, 0);
	orders_watch(w.orders, GIVEN + 1000 * S, 0);
	assert_int_equal(order_of(&w, 0, 0), REAL_DISABLED);
	restart(&w, GIVEN + 1000 * S);
	assert_int_equal(order_of(&w, 0, 0), REAL_DISABLED);
	assert_int_equal(count_files(&w), 1);
	world_end(&w);
}

TEST(orders, end_by_hand_also_on_file)
{
	const struct core_order none = { .order = REAL_ORDER_NONE };
	struct world w;
	struct err err;

	world_new(&w);
	give(&w, 1, 1, REAL_DRAINED, 0);
	assert_int_equal(orders_give(w.orders, 1, 1, &none, &err), 0);
	assert_int_equal(order_of(&w, 1, 1), REAL_ORDER_NONE);
	assert_int_equal(orders_give(w.orders, 1, 1, &none, &err), -EALREADY);
	restart(&w, GIVEN);
	assert_int_equal(order_of(&w, 1, 1), REAL_ORDER_NONE);
	world_end(&w);
}

TEST(orders, wait_on_file_for_a_real_that_left)
{
	struct config_builder next;
	struct world w;
	struct err err;

	world_new(&w);
	give(&w, 0, 2, REAL_DRAINED, 0);
	build_start(&next);
	build_pool(&next, "web", 2);
	assert_int_equal(core_reload(w.core, build_finish(&next), 2), 0);
	assert_int_equal(orders_load(w.orders, GIVEN, 0, &err), 0);
	assert_int_equal(order_of(&w, 0, 1), REAL_ORDER_NONE);
	assert_int_equal(core_reload(w.core, build_finish(&w.config), 3), 0);
	assert_int_equal(order_of(&w, 0, 2), REAL_ORDER_NONE);
	assert_int_equal(orders_load(w.orders, GIVEN, 0, &err), 0);
	assert_int_equal(order_of(&w, 0, 2), REAL_DRAINED);
	world_end(&w);
}

TEST(orders, a_torn_file_still_drains)
{
	struct world w;

	world_new(&w);
	write_raw(&w, "real-10.1.0.1_web", "{\"v\":1,\"order\":\"disab");
	write_raw(&w, "real-10.1.0.2_web", "");
	write_raw(&w, "real-10.1.0.3_web", "{\"order\":7,\"until_us\":\"soon\"}");
	restart(&w, GIVEN);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(order_of(&w, 0, i), REAL_DRAINED);
		assert_false(core_order_has_end(orders_find(w.orders, 0, i)));
	}
	world_end(&w);
}

TEST(orders, foreign_files_are_left_alone)
{
	static const char *const names[] = { ".new",
					     "real-",
					     "real-10.1.0.1",
					     "real-10.1.0.1_",
					     "real-nonsense_web",
					     "vip-10.0.0.1_32",
					     "readme" };
	char name[200];
	struct world w;

	world_new(&w);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		write_raw(&w, names[i], "{\"order\":\"drained\"}");
	snprintf(name, sizeof(name), "real-10.1.0.1_%0120d", 1);
	write_raw(&w, name, "{}");
	restart(&w, GIVEN);
	assert_int_equal(w.n_told, 0);
	world_end(&w);
}

TEST(orders, that_cannot_be_stored_are_refused_and_nothing_changes)
{
	struct core_order order = { .order = REAL_DRAINED, .wall_us = GIVEN };
	struct world w;
	struct err err;

	world_new(&w);
	order.reason[0] = (char)0xff; /* no UTF-8 */
	assert_true(orders_give(w.orders, 0, 0, &order, &err) < 0);
	assert_int_equal(order_of(&w, 0, 0), REAL_ORDER_NONE);
	assert_null(orders_find(w.orders, 0, 0));
	world_end(&w);
}

RUN_TESTS(T(orders, survive_a_restart_with_owner_reason_and_end),
	  T(orders, end_by_themselves_once_their_time_is_over),
	  T(orders, that_ended_while_nobody_ran_never_come_into_force),
	  T(orders, the_last_one_counts_with_its_own_end), T(orders, end_by_hand_also_on_file),
	  T(orders, wait_on_file_for_a_real_that_left), T(orders, a_torn_file_still_drains),
	  T(orders, foreign_files_are_left_alone),
	  T(orders, that_cannot_be_stored_are_refused_and_nothing_changes))
