/* SPDX-License-Identifier: Apache-2.0 */
/* common_test.c - pools that share no real and fail together fail by the node. */
#include "tests/lib/config_builder.h"
#include "tests/lib/site.h"
#include "tests/lib/test.h"

#define S USEC_PER_SEC

/* Pools a and b with three reals each that nobody shares, a VIP on each, everything well. */
static void start(struct config_builder *b, enum config_loss_then then)
{
	build_start(b);
	b->config.routing.common_mode_within_us = 5 * S;
	b->config.routing.common_mode_for_us = 60 * S;
	b->config.routing.common_mode_then = then;
	for (uint32_t p = 0; p < 2; p++) {
		uint32_t pool = build_pool(b, p ? "b" : "a", 3);

		build_service(b, build_vip(b, p ? "203.0.113.2/32" : "203.0.113.1/32"), 80, pool);
	}
}

static void serve(struct site *s, struct config_builder *b)
{
	site_start(s, build_finish(b));
	site_serve(s);
	site_pass(s, 20 * S);
	assert_int_equal(site_vip(s, 0)->state, VIP_ANNOUNCED);
	assert_int_equal(site_vip(s, 1)->state, VIP_ANNOUNCED);
}

static void topple(struct site *s, uint32_t pool, uint32_t from, uint32_t to)
{
	for (uint32_t r = from; r < to; r++)
		site_verdict(s, pool, r, REAL_DOWN);
}

static void pass(struct site *s, uint32_t pool)
{
	for (uint32_t r = 0; r < 3; r++)
		site_verdict(s, pool, r, REAL_UP);
}

/* Its last probe failed, and it is not down yet. */
static void doubt(struct site *s, uint32_t pool)
{
	for (uint32_t r = 0; r < 3; r++)
		site_check(s, pool, r, 0, REAL_UP, PROBE_TIMEOUT);
}

static size_t n_taking(const struct site *s, uint32_t pool)
{
	size_t n = 0;

	for (size_t i = 0; i < 3; i++)
		n += core_desired(s->core)->pools[pool].takes_new_flows[i];
	return n;
}

static void expect(const struct site *s, uint32_t vip, enum vip_state state, enum vip_reason reason)
{
	assert_string_equal(vip_state_str(site_vip(s, vip)->state), vip_state_str(state));
	assert_string_equal(vip_reason_str(site_vip(s, vip)->reason), vip_reason_str(reason));
}

static bool is_in_force(const struct site *s)
{
	return core_node(s->core)->common.since != 0;
}

TEST(common, a_pool_that_fails_alone_is_withdrawn_at_once)
{
	struct config_builder b;
	struct site s;

	start(&b, CONFIG_LOSS_KEEP);
	serve(&s, &b);
	topple(&s, 0, 0, 3);
	expect(&s, 0, VIP_WITHDRAWING, VIP_REASON_NO_QUORUM);
	assert_int_equal(n_taking(&s, 0), 0);
	expect(&s, 1, VIP_ANNOUNCED, VIP_REASON_SERVING);
	assert_false(is_in_force(&s));
	site_stop(&s);
}

TEST(common, two_pools_in_doubt_are_held_before_any_real_is_depooled)
{
	struct config_builder b;
	struct site s;

	start(&b, CONFIG_LOSS_KEEP);
	serve(&s, &b);
	doubt(&s, 0);
	doubt(&s, 1);
	for (uint32_t r = 0; r < 3; r++) {
		topple(&s, 0, r, r + 1);
		assert_int_equal(n_taking(&s, 0), 3);
		site_pass(&s, S / 10);
		topple(&s, 1, r, r + 1);
		assert_int_equal(n_taking(&s, 1), 3);
	}
	assert_true(is_in_force(&s));
	assert_int_equal(core_node(s.core)->common.n, 1);
	expect(&s, 0, VIP_ANNOUNCED, VIP_REASON_COMMON_MODE);
	expect(&s, 1, VIP_ANNOUNCED, VIP_REASON_COMMON_MODE);
	assert_int_equal(core_pool(s.core, 0)->override, POOL_OVERRIDE_COMMON);
	assert_int_equal(core_pool(s.core, 0)->n_overrides, 1);
	assert_int_equal(core_pool(s.core, 0)->n_kept, 3);
	assert_string_equal(real_life_str(core_pool(s.core, 0)->reals[0].life), "takes");
	site_stop(&s);
}

TEST(common, ends_with_its_time_and_the_checks_decide_again)
{
	struct config_builder b;
	struct site s;

	start(&b, CONFIG_LOSS_KEEP);
	serve(&s, &b);
	doubt(&s, 0);
	doubt(&s, 1);
	topple(&s, 0, 0, 3);
	topple(&s, 1, 0, 3);
	assert_true(is_in_force(&s));
	site_pass(&s, 60 * S - 1);
	expect(&s, 0, VIP_ANNOUNCED, VIP_REASON_COMMON_MODE);
	site_pass(&s, 1);
	assert_false(is_in_force(&s));
	assert_string_equal(vip_reason_str(site_vip(&s, 0)->reason), "no-quorum");
	assert_int_equal(site_vip(&s, 0)->intent, ROUTE_NONE);
	assert_int_equal(site_vip(&s, 1)->intent, ROUTE_NONE);
	assert_int_equal(n_taking(&s, 0), 0);
	/* What fails on is no new common mode. */
	site_pass(&s, 100 * S);
	assert_int_equal(core_node(s.core)->common.n, 1);
	site_stop(&s);
}

TEST(common, ends_when_the_pools_recover_without_a_trace)
{
	struct config_builder b;
	uint64_t version;
	struct site s;

	start(&b, CONFIG_LOSS_KEEP);
	b.pools[0].slow_start_us = 60 * S;
	serve(&s, &b);
	version = core_desired(s.core)->pools[0].version;
	doubt(&s, 0);
	doubt(&s, 1);
	topple(&s, 0, 0, 3);
	topple(&s, 1, 0, 3);
	assert_true(is_in_force(&s));
	site_pass(&s, 10 * S);
	pass(&s, 0);
	pass(&s, 1);
	assert_false(is_in_force(&s));
	expect(&s, 0, VIP_ANNOUNCED, VIP_REASON_SERVING);
	assert_int_equal(core_desired(s.core)->pools[0].version, version);
	assert_int_equal(core_pool(s.core, 0)->reals[1].share_percent, 100);
	assert_int_equal(site_vip(&s, 0)->flaps, 0);
	site_stop(&s);
}

TEST(common, a_suspicion_ends_when_the_other_pool_recovers)
{
	struct config_builder b;
	struct site s;

	start(&b, CONFIG_LOSS_KEEP);
	serve(&s, &b);
	doubt(&s, 1);
	topple(&s, 0, 0, 3);
	expect(&s, 0, VIP_ANNOUNCED, VIP_REASON_COMMON_MODE);
	assert_false(is_in_force(&s));
	pass(&s, 1);
	expect(&s, 0, VIP_WITHDRAWING, VIP_REASON_NO_QUORUM);
	assert_int_equal(n_taking(&s, 0), 0);
	expect(&s, 1, VIP_ANNOUNCED, VIP_REASON_SERVING);
	site_stop(&s);
}

TEST(common, a_suspicion_lasts_no_longer_than_within)
{
	struct config_builder b;
	struct site s;

	start(&b, CONFIG_LOSS_KEEP);
	serve(&s, &b);
	doubt(&s, 1);
	topple(&s, 0, 0, 3);
	site_pass(&s, 5 * S - 1);
	assert_int_equal(n_taking(&s, 0), 3);
	site_pass(&s, 1);
	assert_int_equal(n_taking(&s, 0), 0);
	assert_int_equal(site_vip(&s, 0)->intent, ROUTE_NONE);
	assert_int_equal(core_node(s.core)->common.n, 0);
	site_stop(&s);
}

TEST(common, a_pool_that_failed_before_stays_withdrawn_and_the_other_is_held)
{
	struct config_builder b;
	struct site s;

	start(&b, CONFIG_LOSS_KEEP);
	serve(&s, &b);
	topple(&s, 0, 0, 3);
	expect(&s, 0, VIP_WITHDRAWING, VIP_REASON_NO_QUORUM);
	site_pass(&s, 4 * S);
	topple(&s, 1, 0, 3);
	assert_true(is_in_force(&s));
	expect(&s, 1, VIP_ANNOUNCED, VIP_REASON_COMMON_MODE);
	assert_int_equal(n_taking(&s, 1), 3); /* those that fell a moment before as well */
	assert_int_equal(site_vip(&s, 0)->intent, ROUTE_NONE);
	site_stop(&s);
}

TEST(common, failures_further_apart_than_within_are_none)
{
	struct config_builder b;
	struct site s;

	start(&b, CONFIG_LOSS_KEEP);
	serve(&s, &b);
	topple(&s, 0, 0, 3);
	site_pass(&s, 5 * S);
	topple(&s, 1, 0, 3);
	assert_false(is_in_force(&s));
	expect(&s, 1, VIP_WITHDRAWING, VIP_REASON_NO_QUORUM);
	site_stop(&s);
}

TEST(common, pools_that_share_a_real_are_none)
{
	struct config_builder b;
	struct site s;

	start(&b, CONFIG_LOSS_KEEP);
	b.reals[1][2].addr = b.reals[0][0].addr;
	serve(&s, &b);
	doubt(&s, 0);
	doubt(&s, 1);
	topple(&s, 0, 0, 3);
	expect(&s, 0, VIP_WITHDRAWING, VIP_REASON_NO_QUORUM);
	topple(&s, 1, 0, 3);
	expect(&s, 1, VIP_WITHDRAWING, VIP_REASON_NO_QUORUM);
	assert_int_equal(core_node(s.core)->common.n, 0);
	site_stop(&s);
}

TEST(common, is_no_case_of_probes_that_judge_nothing)
{
	struct config_builder b;
	struct site s;

	start(&b, CONFIG_LOSS_KEEP);
	serve(&s, &b);
	for (uint32_t r = 0; r < 3; r++)
		site_check(&s, 1, r, 0, REAL_UP, PROBE_PROBE_PATH);
	topple(&s, 0, 0, 3);
	expect(&s, 0, VIP_WITHDRAWING, VIP_REASON_NO_QUORUM);
	site_stop(&s);
}

TEST(common, holds_no_quorum_without_next_hops)
{
	struct config_builder b;
	struct site s;

	start(&b, CONFIG_LOSS_KEEP);
	serve(&s, &b);
	doubt(&s, 0);
	doubt(&s, 1);
	topple(&s, 0, 0, 3);
	topple(&s, 1, 0, 3);
	for (uint32_t r = 0; r < 3; r++)
		site_next_hop(&s, 0, r, false);
	site_pass(&s, 2 * S);
	assert_int_equal(site_vip(&s, 0)->intent, ROUTE_NONE);
	expect(&s, 1, VIP_ANNOUNCED, VIP_REASON_COMMON_MODE);
	site_stop(&s);
}

/* One real lost its way and the other its check: quorum goes, and the hold with it, in one step. */
TEST(common, a_pool_that_loses_its_quorum_is_no_longer_held)
{
	struct config_builder b;
	struct site s;

	start(&b, CONFIG_LOSS_KEEP);
	b.pools[0].quorum_return = b.pools[0].quorum_stay = 3;
	serve(&s, &b);
	topple(&s, 1, 0, 3);
	site_next_hop(&s, 0, 1, false);
	site_verdict(&s, 0, 0, REAL_DOWN);
	assert_false(core_pool(s.core, 0)->has_quorum);
	assert_int_equal(core_pool(s.core, 0)->override, POOL_OVERRIDE_NONE);
	assert_false(core_desired(s.core)->pools[0].takes_new_flows[0]);
	site_stop(&s);
}

TEST(common, an_operators_order_is_stronger)
{
	struct config_builder b;
	struct site s;

	start(&b, CONFIG_LOSS_KEEP);
	serve(&s, &b);
	doubt(&s, 0);
	doubt(&s, 1);
	topple(&s, 0, 0, 3);
	topple(&s, 1, 0, 3);
	site_order(&s, 0, 1, REAL_DRAINED);
	assert_int_equal(n_taking(&s, 0), 2);
	assert_false(core_desired(s.core)->pools[0].takes_new_flows[1]);
	site_stop(&s);
}

TEST(common, drains_by_its_policy_and_comes_back)
{
	struct config_builder b;
	struct site s;

	start(&b, CONFIG_LOSS_DRAIN);
	serve(&s, &b);
	doubt(&s, 0);
	doubt(&s, 1);
	topple(&s, 0, 0, 3);
	assert_int_equal(site_vip(&s, 0)->intent, ROUTE_ANNOUNCE); /* suspected alone */
	topple(&s, 1, 0, 3);
	expect(&s, 0, VIP_DRAINING, VIP_REASON_COMMON_MODE);
	expect(&s, 1, VIP_DRAINING, VIP_REASON_COMMON_MODE);
	assert_int_equal(n_taking(&s, 0), 3);
	site_pass(&s, 30 * S);
	expect(&s, 0, VIP_DRAINING, VIP_REASON_COMMON_MODE);
	pass(&s, 0);
	pass(&s, 1);
	site_run(&s);
	expect(&s, 0, VIP_ANNOUNCED, VIP_REASON_SERVING);
	site_stop(&s);
}

TEST(common, withdraws_by_its_policy_with_the_ring_as_it_was)
{
	struct config_builder b;
	struct site s;

	start(&b, CONFIG_LOSS_WITHDRAW);
	serve(&s, &b);
	doubt(&s, 0);
	doubt(&s, 1);
	topple(&s, 0, 0, 3);
	topple(&s, 1, 0, 3);
	expect(&s, 0, VIP_WITHDRAWING, VIP_REASON_COMMON_MODE);
	expect(&s, 1, VIP_WITHDRAWING, VIP_REASON_COMMON_MODE);
	assert_int_equal(n_taking(&s, 0), 3);
	pass(&s, 0);
	pass(&s, 1);
	site_pass(&s, 30 * S);
	expect(&s, 0, VIP_ANNOUNCED, VIP_REASON_SERVING);
	assert_int_equal(site_vip(&s, 0)->flaps, 1);
	site_stop(&s);
}

TEST(common, outlives_a_reload)
{
	struct config_builder b;
	struct site s;

	start(&b, CONFIG_LOSS_KEEP);
	serve(&s, &b);
	doubt(&s, 0);
	doubt(&s, 1);
	topple(&s, 0, 0, 3);
	topple(&s, 1, 0, 3);
	assert_int_equal(core_reload(s.core, build_finish(&b), s.now), 0);
	site_pass(&s, S);
	assert_true(is_in_force(&s));
	assert_int_equal(n_taking(&s, 0), 3);
	assert_int_equal(site_vip(&s, 0)->intent, ROUTE_ANNOUNCE);
	site_stop(&s);
}

RUN_TESTS(T(common, a_pool_that_fails_alone_is_withdrawn_at_once),
	  T(common, two_pools_in_doubt_are_held_before_any_real_is_depooled),
	  T(common, ends_with_its_time_and_the_checks_decide_again),
	  T(common, ends_when_the_pools_recover_without_a_trace),
	  T(common, a_suspicion_ends_when_the_other_pool_recovers),
	  T(common, a_suspicion_lasts_no_longer_than_within),
	  T(common, a_pool_that_failed_before_stays_withdrawn_and_the_other_is_held),
	  T(common, failures_further_apart_than_within_are_none),
	  T(common, pools_that_share_a_real_are_none),
	  T(common, is_no_case_of_probes_that_judge_nothing),
	  T(common, holds_no_quorum_without_next_hops),
	  T(common, a_pool_that_loses_its_quorum_is_no_longer_held),
	  T(common, an_operators_order_is_stronger), T(common, drains_by_its_policy_and_comes_back),
	  T(common, withdraws_by_its_policy_with_the_ring_as_it_was), T(common, outlives_a_reload))
