/* SPDX-License-Identifier: Apache-2.0 */
/* serve_test.c - slow start, the depool floor and the policies for all down, as events make them.
 */
#include "tests/lib/config_builder.h"
#include "tests/lib/site.h"
#include "tests/lib/test.h"

#define S USEC_PER_SEC

static struct config_pool *begin(struct config_builder *b, size_t n)
{
	uint32_t pool;

	build_start(b);
	pool = build_pool(b, "web", n);
	build_service(b, build_vip(b, "203.0.113.10/32"), 80, pool);
	return &b->pools[pool];
}

static void serve(struct site *s, struct config_builder *b)
{
	site_start(s, build_finish(b));
	site_serve(s);
	site_pass(s, 10 * S);
	assert_int_equal(site_vip(s, 0)->state, VIP_ANNOUNCED);
	site_trace_clear(s);
}

static const struct core_pool *web(const struct site *s)
{
	return core_pool(s->core, 0);
}

static uint16_t withheld(const struct site *s, size_t real)
{
	return core_desired(s->core)->pools[0].ring[real].withheld;
}

static size_t n_taking(const struct site *s)
{
	size_t n = 0;

	for (size_t i = 0; i < web(s)->config->n_reals; i++)
		n += core_desired(s->core)->pools[0].takes_new_flows[i];
	return n;
}

/* ---- slow start ---- */

TEST(slow_start, hands_a_real_back_its_share_in_steps)
{
	struct config_builder b;
	uint64_t version, steps = 0;
	uint16_t last = 1024;
	struct site s;
	usec_t from;

	begin(&b, 4)->slow_start_us = 32 * S;
	serve(&s, &b);
	assert_int_equal(withheld(&s, 1), 0);
	site_verdict(&s, 0, 1, REAL_DOWN);
	site_pass(&s, S);
	site_verdict(&s, 0, 1, REAL_UP);
	from = s.now;
	version = core_desired(s.core)->pools[0].version;
	assert_int_equal(withheld(&s, 1), 1024 - 1024 / 17);
	assert_int_equal(web(&s)->reals[1].share_percent, 6);
	while (withheld(&s, 1)) {
		/* Each step at its own moment, which the core asks for, and not before. */
		assert_int_equal(core_next_timer(s.core), from + ++steps * 2 * S);
		s.now = core_next_timer(s.core) - 1;
		site_step(&s, (struct core_event){ .kind = CORE_EVENT_TIMER });
		assert_int_equal(core_desired(s.core)->pools[0].version, version);
		s.now++;
		site_step(&s, (struct core_event){ .kind = CORE_EVENT_TIMER });
		assert_true(core_desired(s.core)->pools[0].version > version);
		assert_true(withheld(&s, 1) < last);
		version = core_desired(s.core)->pools[0].version;
		last = withheld(&s, 1);
	}
	assert_int_equal(steps, 16);
	assert_int_equal(s.now, from + 32 * S);
	site_pass(&s, 60 * S);
	assert_int_equal(core_desired(s.core)->pools[0].version, version);
	assert_int_equal(web(&s)->reals[1].share_percent, 100);
	site_stop(&s);
}

TEST(slow_start, is_not_for_the_start_of_the_node_nor_for_the_only_real)
{
	struct config_builder b;
	struct site s;

	begin(&b, 2)->slow_start_us = 30 * S;
	site_start(&s, build_finish(&b));
	site_facts_good(&s);
	site_verdict(&s, 0, 0, REAL_UP);
	site_run(&s);
	site_verdict(&s, 0, 1, REAL_UP);
	assert_int_equal(withheld(&s, 0) + withheld(&s, 1), 0);

	site_verdict_all(&s, REAL_DOWN);
	site_run(&s);
	site_verdict(&s, 0, 1, REAL_UP); /* nobody could stand in */
	assert_int_equal(withheld(&s, 1), 0);
	site_verdict(&s, 0, 0, REAL_UP);
	assert_true(withheld(&s, 0) > 900);
	/* It fails again on the way and starts anew. */
	site_pass(&s, 20 * S);
	assert_in_range(withheld(&s, 0), 1, 500);
	site_verdict(&s, 0, 0, REAL_DOWN);
	site_verdict(&s, 0, 0, REAL_UP);
	assert_true(withheld(&s, 0) > 900);
	site_stop(&s);
}

TEST(slow_start, goes_on_over_a_reload_and_is_for_new_reals_too)
{
	struct config_builder b, c;
	uint16_t before;
	struct site s;

	begin(&b, 3)->slow_start_us = 30 * S;
	begin(&c, 4)->slow_start_us = 30 * S;
	serve(&s, &b);
	site_verdict(&s, 0, 2, REAL_DOWN);
	site_verdict(&s, 0, 2, REAL_UP);
	site_pass(&s, 10 * S);
	before = withheld(&s, 2);
	assert_int_equal(core_reload(s.core, build_finish(&c), s.now), 0);
	assert_int_equal(withheld(&s, 2), before);
	assert_int_equal(withheld(&s, 0), 0);
	site_facts_good(&s);
	site_verdict(&s, 0, 3, REAL_UP);
	assert_true(withheld(&s, 3) > 900);
	assert_int_equal(withheld(&s, 2), before);
	site_pass(&s, 31 * S);
	assert_int_equal(withheld(&s, 2) + withheld(&s, 3), 0);
	site_stop(&s);
}

/* ---- the floor ---- */

TEST(floor, keeps_failed_reals_and_says_so)
{
	struct config_builder b;
	struct site s;

	begin(&b, 4)->depool_floor_percent = 75;
	serve(&s, &b);
	assert_int_equal(web(&s)->override, POOL_OVERRIDE_NONE);
	site_verdict(&s, 0, 0, REAL_DOWN);
	assert_int_equal(web(&s)->override, POOL_OVERRIDE_NONE);
	assert_int_equal(n_taking(&s), 3);
	site_verdict(&s, 0, 1, REAL_DOWN);
	assert_int_equal(web(&s)->override, POOL_OVERRIDE_FLOOR);
	assert_int_equal(web(&s)->override_since, s.now);
	assert_int_equal(web(&s)->n_kept, 1);
	assert_int_equal(web(&s)->n_overrides, 1);
	assert_int_equal(n_taking(&s), 3);
	assert_true(web(&s)->reals[0].is_kept != web(&s)->reals[1].is_kept);
	assert_int_equal(web(&s)->usable, 2);
	site_verdict(&s, 0, 2, REAL_DOWN);
	assert_int_equal(web(&s)->n_kept, 2);
	assert_int_equal(web(&s)->n_overrides, 1);
	site_run(&s);
	assert_int_equal(world_ring_find(&s.world, "web")->n_takers, 3);
	site_verdict(&s, 0, 2, REAL_UP);
	site_verdict(&s, 0, 1, REAL_UP);
	assert_int_equal(web(&s)->override, POOL_OVERRIDE_NONE);
	assert_int_equal(web(&s)->n_kept, 0);
	assert_int_equal(n_taking(&s), 3);
	site_stop(&s);
}

TEST(floor, is_no_quorum)
{
	struct config_builder b;
	struct config_pool *pool = begin(&b, 4);
	struct site s;

	pool->depool_floor_count = 3;
	pool->quorum_return = pool->quorum_stay = 2;
	serve(&s, &b);
	for (uint32_t i = 0; i < 3; i++)
		site_verdict(&s, 0, i, REAL_DOWN);
	site_run(&s);
	assert_int_equal(web(&s)->n_kept, 2);
	assert_false(web(&s)->has_quorum);
	assert_int_equal(site_vip(&s, 0)->intent, ROUTE_NONE);
	site_stop(&s);
}

TEST(floor, does_not_keep_what_cannot_be_reached)
{
	struct config_builder b;
	struct site s;

	begin(&b, 2)->depool_floor_count = 2;
	serve(&s, &b);
	site_verdict(&s, 0, 0, REAL_DOWN);
	assert_int_equal(n_taking(&s), 2);
	assert_int_equal(web(&s)->reals[0].life, REAL_TAKES);
	assert_int_equal(web(&s)->reals[0].life_reason, LIFE_KEPT);
	site_step(&s, (struct core_event){ .kind = CORE_EVENT_VERDICT,
					   .verdict = { .state = REAL_DOWN,
							.reason = PROBE_TIMEOUT,
							.sign = REAL_SIGN_GONE } });
	assert_int_equal(n_taking(&s), 1);
	assert_int_equal(web(&s)->reals[0].life, REAL_DEAD);
	site_verdict(&s, 0, 0, REAL_UP);
	site_verdict(&s, 0, 0, REAL_DOWN);
	assert_int_equal(n_taking(&s), 2);
	site_next_hop(&s, 0, 0, false);
	assert_int_equal(n_taking(&s), 1);
	assert_int_equal(web(&s)->override, POOL_OVERRIDE_NONE);
	site_stop(&s);
}

/* ---- all down ---- */

TEST(all_down, open_leaves_out_who_has_no_next_hop)
{
	struct config_builder b;
	struct site s;

	begin(&b, 3)->all_down = CONFIG_ALL_DOWN_OPEN;
	serve(&s, &b);
	site_verdict_all(&s, REAL_DOWN);
	site_pass(&s, 10 * S);
	assert_true(web(&s)->reals[1].is_kept);
	site_next_hop(&s, 0, 1, false);
	site_pass(&s, 10 * S);
	assert_int_equal(web(&s)->override, POOL_OVERRIDE_OPEN);
	assert_false(web(&s)->reals[1].is_kept);
	assert_int_equal(web(&s)->n_kept, 2);
	assert_int_equal(web(&s)->reals[1].life, REAL_DEAD);
	site_next_hop(&s, 0, 1, true);
	site_pass(&s, 10 * S);
	assert_int_equal(web(&s)->n_kept, 3);
	assert_int_equal(web(&s)->reals[1].life, REAL_TAKES);
	site_stop(&s);
}

TEST(all_down, open_forwards_to_all_and_stays_announced)
{
	struct config_builder b;
	struct site s;

	begin(&b, 3)->all_down = CONFIG_ALL_DOWN_OPEN;
	b.reals[0][2].is_backup = true;
	serve(&s, &b);
	site_verdict_all(&s, REAL_DOWN);
	site_pass(&s, 60 * S);
	assert_int_equal(site_vip(&s, 0)->state, VIP_ANNOUNCED);
	assert_int_equal(site_vip(&s, 0)->flaps, 0);
	assert_true(web(&s)->has_quorum);
	assert_int_equal(web(&s)->override, POOL_OVERRIDE_OPEN);
	assert_int_equal(web(&s)->n_overrides, 1);
	assert_int_equal(web(&s)->n_kept, 2);
	assert_int_equal(world_ring_find(&s.world, "web")->n_takers, 2);
	site_verdict(&s, 0, 1, REAL_UP);
	site_pass(&s, S);
	assert_int_equal(web(&s)->override, POOL_OVERRIDE_NONE);
	assert_int_equal(world_ring_find(&s.world, "web")->n_takers, 1);
	assert_int_equal(site_vip(&s, 0)->state, VIP_ANNOUNCED);
	site_stop(&s);
}

TEST(all_down, hold_leaves_ring_and_announcement_as_they_are)
{
	struct config_builder b;
	struct site s;

	begin(&b, 3)->all_down = CONFIG_ALL_DOWN_HOLD;
	serve(&s, &b);
	site_verdict(&s, 0, 0, REAL_DOWN);
	site_run(&s);
	site_trace_clear(&s);
	site_verdict(&s, 0, 1, REAL_DOWN);
	site_verdict(&s, 0, 2, REAL_DOWN);
	site_pass(&s, 60 * S);
	assert_int_equal(site_vip(&s, 0)->state, VIP_ANNOUNCED);
	assert_int_equal(web(&s)->override, POOL_OVERRIDE_HOLD);
	assert_int_equal(world_ring_find(&s.world, "web")->n_takers, 2);
	assert_int_equal(site_trace_find(&s, OP_RING_SET, 0), -1);
	site_stop(&s);
}

/* A restart in the midst of it finds the line, and goes on. */
TEST(all_down, policies_outlive_a_restart)
{
	static const enum config_all_down policies[] = { CONFIG_ALL_DOWN_OPEN,
							 CONFIG_ALL_DOWN_HOLD };

	for (int i = 0; i < 2; i++) {
		struct config_builder b;
		struct site s;

		begin(&b, 3)->all_down = policies[i];
		serve(&s, &b);
		site_verdict_all(&s, REAL_DOWN);
		site_run(&s);
		site_restart(&s, build_finish(&b), true);
		site_facts_good(&s);
		site_run(&s);
		site_verdict_all(&s, REAL_DOWN);
		site_pass(&s, 120 * S);
		assert_int_equal(site_vip(&s, 0)->state, VIP_ANNOUNCED);
		assert_true(web(&s)->override != POOL_OVERRIDE_NONE);
		site_stop(&s);
	}
}

TEST(all_down, policies_make_no_announcement)
{
	static const enum config_all_down policies[] = { CONFIG_ALL_DOWN_OPEN,
							 CONFIG_ALL_DOWN_HOLD };

	for (int i = 0; i < 2; i++) {
		struct config_builder b;
		struct site s;

		begin(&b, 3)->all_down = policies[i];
		site_start(&s, build_finish(&b));
		site_facts_good(&s);
		site_verdict_all(&s, REAL_DOWN);
		site_pass(&s, 60 * S);
		assert_int_equal(site_vip(&s, 0)->state, VIP_WITHDRAWN);
		site_stop(&s);
	}
}

TEST(all_down, policies_do_not_stand_against_a_quorum_lost_before)
{
	struct config_builder b;
	struct config_pool *pool = begin(&b, 3);
	struct site s;

	pool->all_down = CONFIG_ALL_DOWN_OPEN;
	pool->quorum_return = pool->quorum_stay = 2;
	serve(&s, &b);
	for (uint32_t i = 0; i < 3; i++) {
		site_verdict(&s, 0, i, REAL_DOWN);
		assert_int_equal(web(&s)->has_quorum, i < 1);
	}
	site_run(&s);
	assert_int_equal(site_vip(&s, 0)->intent, ROUTE_NONE);
	site_stop(&s);
}

TEST(all_down, policies_are_not_for_lost_next_hops)
{
	struct config_builder b;
	struct site s;

	begin(&b, 2)->all_down = CONFIG_ALL_DOWN_OPEN;
	serve(&s, &b);
	site_next_hop(&s, 0, 0, false);
	site_next_hop(&s, 0, 1, false);
	site_pass(&s, 2 * S);
	assert_int_equal(site_vip(&s, 0)->intent, ROUTE_NONE);
	assert_int_equal(site_vip(&s, 0)->reason, VIP_REASON_NO_NEXT_HOP);
	assert_int_equal(web(&s)->override, POOL_OVERRIDE_NONE);
	site_stop(&s);
}

RUN_TESTS(T(slow_start, hands_a_real_back_its_share_in_steps),
	  T(slow_start, is_not_for_the_start_of_the_node_nor_for_the_only_real),
	  T(slow_start, goes_on_over_a_reload_and_is_for_new_reals_too),
	  T(floor, keeps_failed_reals_and_says_so), T(floor, is_no_quorum),
	  T(floor, does_not_keep_what_cannot_be_reached),
	  T(all_down, open_forwards_to_all_and_stays_announced),
	  T(all_down, open_leaves_out_who_has_no_next_hop),
	  T(all_down, hold_leaves_ring_and_announcement_as_they_are),
	  T(all_down, policies_outlive_a_restart), T(all_down, policies_make_no_announcement),
	  T(all_down, policies_do_not_stand_against_a_quorum_lost_before),
	  T(all_down, policies_are_not_for_lost_next_hops))
