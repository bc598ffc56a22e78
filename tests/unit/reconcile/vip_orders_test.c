/* SPDX-License-Identifier: Apache-2.0 */
/* Words of operators on VIPs: kept in files, found again, ended by hand or when their time is over.
 */
#include "src/reconcile/vip_orders.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/auto.h"
#include "src/reconcile/drains.h"
#include "tests/lib/config_builder.h"
#include "tests/lib/test.h"

#define S         USEC_PER_SEC
#define GIVEN     (1790000000ULL * S)
#define BOOT      (500 * S) /* when it was given, by the boot clock */
#define FILE_NAME "order-203.0.113.10_32"

/* One shoald after another on one state directory. */
struct world {
	char dir[64];
	struct config_builder config;
	struct core *core;
	struct vip_orders orders;
	unsigned n_told;
};

static void tell(const struct core_vip_order *order, void *arg)
{
	struct world *w = arg;
	struct core_event event = { .kind = CORE_EVENT_VIP_ORDER, .now = 1, .vip_order = *order };

	w->n_told++;
	core_step(w->core, &event);
}

static void start(struct world *w, uint64_t wall_us, usec_t now)
{
	struct err err;

	w->core = core_new(build_finish(&w->config), 1);
	assert_non_null(w->core);
	w->orders =
		(struct vip_orders){ .core = w->core, .state_dir = w->dir, .tell = tell, .arg = w };
	assert_int_equal(vip_orders_load(&w->orders, wall_us, now, &err), 0);
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

	*w = (struct world){ .dir = "/tmp/shoal-vip-orders.XXXXXX" };
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

static int give(struct world *w, enum vip_order kind, uint64_t for_us)
{
	struct core_vip_order order = { .vip = 0,
					.order = kind,
					.by = { .owner = "alice",
						.reason = "attack",
						.wall_us = GIVEN,
						.given_at = BOOT,
						.until_us = for_us ? GIVEN + for_us : 0 } };
	struct err err;

	return vip_orders_give(&w->orders, &order, &err);
}

static enum vip_order order_of(const struct world *w)
{
	return core_vip(w->core, 0)->order;
}

static void path_of(const struct world *w, char *path, size_t size)
{
	snprintf(path, size, "%s/drains/" FILE_NAME, w->dir);
}

static bool has_file(const struct world *w)
{
	char path[192];

	path_of(w, path, sizeof(path));
	return access(path, F_OK) == 0;
}

TEST(vip_orders, outlive_a_restart_with_who_and_why)
{
	struct world w;

	world_new(&w);
	assert_int_equal(give(&w, VIP_ORDER_ANNOUNCE, 3600 * S), 0);
	restart(&w, GIVEN + 60 * S, BOOT + 60 * S);
	assert_int_equal(order_of(&w), VIP_ORDER_ANNOUNCE);
	assert_string_equal(core_vip(w.core, 0)->order_by.owner, "alice");
	assert_string_equal(core_vip(w.core, 0)->order_by.reason, "attack");
	assert_int_equal(core_vip(w.core, 0)->order_by.until_us, GIVEN + 3600 * S);
	assert_int_equal(core_vip(w.core, 0)->order_by.given_at, BOOT);
	world_end(&w);
}

TEST(vip_orders, the_last_one_counts_and_auto_ends_it)
{
	struct world w;

	world_new(&w);
	assert_int_equal(give(&w, VIP_ORDER_NONE, 0), -EALREADY);
	assert_int_equal(give(&w, VIP_ORDER_ANNOUNCE, 3600 * S), 0);
	assert_int_equal(give(&w, VIP_ORDER_WITHDRAW, 0), 0);
	restart(&w, GIVEN + 7200 * S, BOOT + 7200 * S);
	assert_int_equal(order_of(&w), VIP_ORDER_WITHDRAW);
	assert_int_equal(give(&w, VIP_ORDER_NONE, 0), 0);
	assert_int_equal(order_of(&w), VIP_ORDER_NONE);
	assert_false(has_file(&w));
	world_end(&w);
}

TEST(vip_orders, end_by_time_while_running_and_when_found)
{
	struct world w;

	world_new(&w);
	assert_int_equal(give(&w, VIP_ORDER_WITHDRAW, 3600 * S), 0);
	vip_orders_watch(&w.orders, GIVEN + 3599 * S, BOOT + 3599 * S);
	assert_int_equal(order_of(&w), VIP_ORDER_WITHDRAW);
	vip_orders_watch(&w.orders, GIVEN + 3600 * S, BOOT + 3600 * S);
	assert_int_equal(order_of(&w), VIP_ORDER_NONE);
	assert_false(has_file(&w));
	assert_int_equal(give(&w, VIP_ORDER_WITHDRAW, 60 * S), 0);
	w.n_told = 0;
	restart(&w, GIVEN + 61 * S, BOOT + 61 * S);
	assert_int_equal(order_of(&w), VIP_ORDER_NONE);
	assert_int_equal(w.n_told, 0);
	assert_false(has_file(&w));
	world_end(&w);
}

/* Erring to that side loses capacity, never traffic. */
TEST(vip_orders, a_torn_file_means_withdraw)
{
	AUTO(file_closep) FILE *f = NULL;
	char path[192];
	struct world w;

	world_new(&w);
	assert_int_equal(give(&w, VIP_ORDER_ANNOUNCE, 0), 0);
	path_of(&w, path, sizeof(path));
	f = fopen(path, "w");
	assert_non_null(f);
	fputs("{\"v\":1,\"order\":\"anno", f);
	fflush(f);
	restart(&w, GIVEN, BOOT);
	assert_int_equal(order_of(&w), VIP_ORDER_WITHDRAW);
	assert_string_equal(core_vip(w.core, 0)->order_by.owner, "unknown");
	world_end(&w);
}

TEST(vip_orders, are_no_drains_and_no_orders_on_reals)
{
	struct world w;

	world_new(&w);
	assert_int_equal(give(&w, VIP_ORDER_WITHDRAW, 0), 0);
	restart(&w, GIVEN, BOOT);
	assert_false(core_vip(w.core, 0)->is_drained);
	world_end(&w);
}

TEST(vip_orders, that_cannot_be_kept_change_nothing)
{
	struct world w;

	world_new(&w);
	nftw(w.dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	assert_true(give(&w, VIP_ORDER_WITHDRAW, 0) < 0);
	assert_int_equal(order_of(&w), VIP_ORDER_NONE);
	world_end(&w);
}

RUN_TESTS(T(vip_orders, outlive_a_restart_with_who_and_why),
	  T(vip_orders, the_last_one_counts_and_auto_ends_it),
	  T(vip_orders, end_by_time_while_running_and_when_found),
	  T(vip_orders, a_torn_file_means_withdraw),
	  T(vip_orders, are_no_drains_and_no_orders_on_reals),
	  T(vip_orders, that_cannot_be_kept_change_nothing))
