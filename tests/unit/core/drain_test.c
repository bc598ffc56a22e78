/* SPDX-License-Identifier: Apache-2.0 */
/* drain_test.c - drains of the node and of a VIP: progress, timeout, force, undrain. */
#include "tests/lib/config_builder.h"
#include "tests/lib/site.h"
#include "tests/lib/test.h"

#define S USEC_PER_SEC

/* Two VIPs on one pool, announced, with traffic. */
static void start(struct site *s, struct config_builder *b, uint64_t pps)
{
	uint32_t pool;

	build_start(b);
	pool = build_pool(b, "web", 2);
	build_service(b, build_vip(b, "203.0.113.10/32"), 80, pool);
	build_service(b, build_vip(b, "203.0.113.11/32"), 80, pool);
	site_start(s, build_finish(b));
	site_serve(s);
	site_traffic(s, 0, pps);
	site_traffic(s, 1, pps);
}

static void expect(const struct site *s, uint32_t vip, enum vip_state state, enum vip_reason reason)
{
	assert_string_equal(vip_state_str(site_vip(s, vip)->state), vip_state_str(state));
	assert_string_equal(vip_reason_str(site_vip(s, vip)->reason), vip_reason_str(reason));
}

/* A second with this traffic. */
static void second(struct site *s, uint32_t vip, uint64_t pps)
{
	site_pass(s, S);
	site_traffic(s, vip, pps);
	site_run(s);
}

TEST(drain, withdraws_when_traffic_fell_by_90_percent)
{
	struct config_builder b;
	struct site s;

	start(&s, &b, 10000);
	site_drain(&s, 0, true, false);
	expect(&s, 0, VIP_DRAINING, VIP_REASON_VIP_DRAINED);
	assert_int_equal(site_vip(&s, 0)->intent, ROUTE_DRAIN);
	site_run(&s);
	assert_int_equal(world_route_find(&s.world, &b.vips[0].prefix)->line, ROUTE_DRAIN);
	for (int i = 0; i < 20; i++)
		second(&s, 0, 1001);
	expect(&s, 0, VIP_DRAINING, VIP_REASON_VIP_DRAINED);
	second(&s, 0, 1000);
	expect(&s, 0, VIP_WITHDRAWING, VIP_REASON_VIP_DRAINED);
	site_pass(&s, 5 * S);
	expect(&s, 0, VIP_WITHDRAWN, VIP_REASON_VIP_DRAINED);
	expect(&s, 1, VIP_ANNOUNCED, VIP_REASON_SERVING);
	assert_int_equal(site_vip(&s, 0)->flaps, 0);
	/* Its services stay programmed: it may come back any moment. */
	assert_non_null(world_service_find(&s.world, &b.vips[0].prefix, IPPROTO_TCP, 80));
	site_stop(&s);
}

TEST(drain, withdraws_when_traffic_is_below_until)
{
	struct config_builder b;
	struct site s;

	start(&s, &b, 100);
	site_drain(&s, 0, true, false);
	site_run(&s);
	for (int i = 0; i < 5; i++)
		second(&s, 0, 51);
	expect(&s, 0, VIP_DRAINING, VIP_REASON_VIP_DRAINED);
	second(&s, 0, 50);
	expect(&s, 0, VIP_WITHDRAWING, VIP_REASON_VIP_DRAINED);
	site_stop(&s);
}

TEST(drain, gives_routers_two_seconds_from_the_read_back_on)
{
	struct config_builder b;
	struct site s;

	start(&s, &b, 0);
	s.is_silent_router = true;
	site_drain(&s, 0, true, false);
	for (int i = 0; i < 10; i++)
		second(&s, 0, 0);
	expect(&s, 0, VIP_DRAINING, VIP_REASON_VIP_DRAINED);
	s.is_silent_router = false;
	site_run(&s); /* in force now */
	second(&s, 0, 0);
	expect(&s, 0, VIP_DRAINING, VIP_REASON_VIP_DRAINED);
	second(&s, 0, 0);
	expect(&s, 0, VIP_WITHDRAWING, VIP_REASON_VIP_DRAINED);
	site_stop(&s);
}

/* Drained for drain.timeout, and nobody took the traffic. */
static void start_stuck(struct site *s, struct config_builder *b, uint64_t pps)
{
	start(s, b, pps);
	site_drain(s, 0, true, false);
	site_run(s);
	for (int i = 0; i < 299; i++)
		second(s, 0, pps);
	assert_false(site_vip(s, 0)->is_drain_stuck);
	second(s, 0, pps);
	assert_true(site_vip(s, 0)->is_drain_stuck);
	expect(s, 0, VIP_DRAINING, VIP_REASON_DRAIN_STUCK);
}

TEST(drain, that_nobody_follows_stays_announced_until_forced)
{
	struct config_builder b;
	struct site s;

	start_stuck(&s, &b, 1000);
	for (int i = 0; i < 600; i++)
		second(&s, 0, 900);
	expect(&s, 0, VIP_DRAINING, VIP_REASON_DRAIN_STUCK);
	assert_int_equal(site_vip(&s, 0)->intent, ROUTE_DRAIN);

	site_drain(&s, 0, true, true);
	expect(&s, 0, VIP_WITHDRAWING, VIP_REASON_VIP_DRAINED);
	site_stop(&s);
}

TEST(drain, that_was_stuck_goes_on_when_the_traffic_goes)
{
	struct config_builder b;
	struct site s;

	start_stuck(&s, &b, 10000);
	for (int i = 0; i < 1000; i++)
		second(&s, 0, 10000);
	second(&s, 0, 1001);
	expect(&s, 0, VIP_DRAINING, VIP_REASON_DRAIN_STUCK);
	second(&s, 0, 1000); /* another node announces now */
	expect(&s, 0, VIP_WITHDRAWING, VIP_REASON_VIP_DRAINED);
	site_stop(&s);
}

TEST(drain, that_was_stuck_goes_on_below_until)
{
	struct config_builder b;
	struct site s;

	start_stuck(&s, &b, 100);
	second(&s, 0, 51);
	expect(&s, 0, VIP_DRAINING, VIP_REASON_DRAIN_STUCK);
	second(&s, 0, 50);
	expect(&s, 0, VIP_WITHDRAWING, VIP_REASON_VIP_DRAINED);
	site_stop(&s);
}

TEST(drain, that_was_stuck_takes_no_night_for_a_fall)
{
	struct config_builder b;
	struct site s;

	start_stuck(&s, &b, 100000);
	for (uint64_t pps = 100000; pps > 1000; pps -= pps / 100) /* in some ten hours */
		for (int i = 0; i < 78; i++)
			second(&s, 0, pps);
	expect(&s, 0, VIP_DRAINING, VIP_REASON_DRAIN_STUCK);
	second(&s, 0, 100); /* at night, too, somebody may take over */
	expect(&s, 0, VIP_WITHDRAWING, VIP_REASON_VIP_DRAINED);
	site_stop(&s);
}

/* The session is lost, not the clients: when it is back nobody else announces. */
TEST(drain, takes_silence_without_a_peer_for_no_fall)
{
	struct config_builder b;
	struct site s;

	start_stuck(&s, &b, 1000);
	site_router(&s, true, true, 0);
	site_run(&s);
	for (int i = 0; i < 1000; i++)
		second(&s, 0, 0);
	expect(&s, 0, VIP_DRAINING, VIP_REASON_DRAIN_STUCK);
	site_router(&s, true, true, 1);
	site_run(&s);
	second(&s, 0, 1000);
	second(&s, 0, 1000);
	second(&s, 0, 1000);
	expect(&s, 0, VIP_DRAINING, VIP_REASON_DRAIN_STUCK);
	second(&s, 0, 90);
	expect(&s, 0, VIP_WITHDRAWING, VIP_REASON_VIP_DRAINED);
	site_stop(&s);
}

/* The guard's fence holds what it drained: that is no drain of an operator's, and never stuck. */
TEST(drain, is_measured_from_the_operators_word_to_its_end)
{
	struct config_builder b;
	struct site s;

	start_stuck(&s, &b, 1000);
	site_fence(&s, true);
	site_drain(&s, 0, false, false);
	site_run(&s);
	assert_false(site_vip(&s, 0)->is_drain_stuck);
	expect(&s, 0, VIP_DRAINING, VIP_REASON_FENCED);
	for (int i = 0; i < 400; i++)
		second(&s, 0, 1000);
	site_drain(&s, 0, true, false);
	site_fence(&s, false);
	site_run(&s);
	for (int i = 0; i < 299; i++)
		second(&s, 0, 1000);
	assert_false(site_vip(&s, 0)->is_drain_stuck);
	expect(&s, 0, VIP_DRAINING, VIP_REASON_VIP_DRAINED);
	second(&s, 0, 1000);
	expect(&s, 0, VIP_DRAINING, VIP_REASON_DRAIN_STUCK);
	site_stop(&s);
}

TEST(drain, by_force_does_not_wait)
{
	struct config_builder b;
	struct site s;

	start(&s, &b, 1000);
	site_drain(&s, 0, true, true);
	expect(&s, 0, VIP_WITHDRAWING, VIP_REASON_VIP_DRAINED);
	site_stop(&s);
}

TEST(drain, ends_at_once_by_undrain_from_every_state)
{
	/* 0: draining, 1: stuck, 2: withdrawing, 3: withdrawn */
	for (int when = 0; when < 4; when++) {
		struct config_builder b;
		struct site s;

		start(&s, &b, 1000);
		site_drain(&s, 0, true, when >= 2);
		site_run(&s);
		if (when == 1)
			site_pass(&s, 300 * S);
		if (when == 3)
			site_pass(&s, 10 * S);
		site_drain(&s, 0, false, false);
		assert_int_equal(site_vip(&s, 0)->state, when < 2 ? VIP_ANNOUNCED : VIP_ANNOUNCING);
		site_run(&s);
		expect(&s, 0, VIP_ANNOUNCED, VIP_REASON_SERVING);
		assert_int_equal(world_route_find(&s.world, &b.vips[0].prefix)->line,
				 ROUTE_ANNOUNCE);
		assert_int_equal(site_vip(&s, 0)->flaps, 0);
		site_stop(&s);
	}
}

TEST(drain, of_the_node_drains_every_vip)
{
	struct config_builder b;
	struct site s;

	start(&s, &b, 1000);
	site_drain(&s, CORE_NONE, true, false);
	assert_true(core_node(s.core)->is_drained);
	assert_string_equal(core_node(s.core)->drain.owner, "alice");
	for (uint32_t i = 0; i < 2; i++)
		expect(&s, i, VIP_DRAINING, VIP_REASON_NODE_DRAINED);
	site_run(&s);
	for (int i = 0; i < 3; i++) {
		site_traffic(&s, 1, 0);
		second(&s, 0, 0);
	}
	for (uint32_t i = 0; i < 2; i++)
		expect(&s, i, VIP_WITHDRAWING, VIP_REASON_NODE_DRAINED);
	site_drain(&s, CORE_NONE, false, false);
	site_run(&s);
	for (uint32_t i = 0; i < 2; i++)
		expect(&s, i, VIP_ANNOUNCED, VIP_REASON_SERVING);
	site_stop(&s);
}

TEST(drain, of_a_vip_outlasts_the_undrain_of_the_node)
{
	struct config_builder b;
	struct site s;

	start(&s, &b, 1000);
	site_drain(&s, 0, true, false);
	site_drain(&s, CORE_NONE, true, false);
	site_drain(&s, CORE_NONE, false, false);
	expect(&s, 0, VIP_DRAINING, VIP_REASON_VIP_DRAINED);
	expect(&s, 1, VIP_ANNOUNCED, VIP_REASON_SERVING); /* its line was not touched yet */
	site_stop(&s);
}

TEST(drain, said_twice_does_not_start_again)
{
	struct config_builder b;
	struct site s;

	start(&s, &b, 1000);
	site_drain(&s, 0, true, false);
	site_pass(&s, 299 * S);
	site_drain(&s, 0, true, false);
	site_pass(&s, S);
	expect(&s, 0, VIP_DRAINING, VIP_REASON_DRAIN_STUCK);
	site_stop(&s);
}

TEST(drain, before_the_first_announcement_keeps_the_vip_away)
{
	struct config_builder b;
	struct site s;

	start(&s, &b, 0);
	site_stop(&s);
	site_start(&s, &b.config);
	site_drain(&s, CORE_NONE, true, false);
	site_serve(&s);
	expect(&s, 0, VIP_WITHDRAWN, VIP_REASON_NODE_DRAINED);
	assert_int_equal(site_trace_find(&s, OP_ROUTE_ANNOUNCE, 0), -1);
	site_drain(&s, CORE_NONE, false, false);
	site_run(&s);
	expect(&s, 0, VIP_ANNOUNCED, VIP_REASON_SERVING);
	site_stop(&s);
}

TEST(drain, ends_when_quorum_is_lost)
{
	struct config_builder b;
	struct site s;

	start(&s, &b, 1000);
	site_drain(&s, 0, true, false);
	site_run(&s);
	site_verdict_all(&s, REAL_DOWN);
	expect(&s, 0, VIP_WITHDRAWING, VIP_REASON_NO_QUORUM);
	site_stop(&s);
}

TEST(drain, survives_a_bgpd_that_forgot_the_line)
{
	struct config_builder b;
	struct site s;

	start(&s, &b, 1000);
	site_drain(&s, 0, true, false);
	site_run(&s);
	memset(s.world.routes, 0, sizeof(s.world.routes));
	site_run(&s);
	assert_int_equal(world_route_find(&s.world, &b.vips[0].prefix)->line, ROUTE_DRAIN);
	site_stop(&s);
}

/* ---- when a drain ends ---- */

#define GIVEN (1790000000ULL * S)

TEST(drain, lasts_until_its_end_by_the_wall_clock)
{
	const struct core_drain drain = { .wall_us = GIVEN, .until_us = GIVEN + 3600 * S };

	assert_int_equal(core_drain_left(&drain, GIVEN, 0), 3600 * S);
	assert_int_equal(core_drain_left(&drain, GIVEN + 3599 * S, 0), S);
	assert_int_equal(core_drain_left(&drain, GIVEN + 3600 * S, 0), 0);
	assert_int_equal(core_drain_left(&drain, GIVEN + 9999 * S, 0), 0);
	/* A clock that was set back, or starts in 1970. */
	assert_int_equal(core_drain_left(&drain, GIVEN - S, 0), 3601 * S);
	assert_true(core_drain_left(&drain, 0, 0) > 0);
}

TEST(drain, is_not_ended_by_a_clock_that_was_set_forward)
{
	const struct core_drain drain = { .wall_us = GIVEN,
					  .until_us = GIVEN + 3600 * S,
					  .given_at = 100 * S };

	assert_int_equal(core_drain_left(&drain, GIVEN + 86400 * S, 160 * S), 3540 * S);
	assert_int_equal(core_drain_left(&drain, GIVEN + 86400 * S, 3700 * S), 0);
	/* Set back, both count. */
	assert_int_equal(core_drain_left(&drain, GIVEN, 3700 * S), 3600 * S);
	assert_int_equal(core_drain_left(&drain, GIVEN, 50 * S), 3600 * S);
}

TEST(drain, whose_end_lies_before_its_beginning_has_none)
{
	const struct core_drain drain = { .wall_us = GIVEN, .until_us = GIVEN - S };

	assert_false(core_drain_has_end(&drain));
	assert_int_equal(core_drain_left(&drain, GIVEN + S, 0), USEC_NEVER);
}

RUN_TESTS(T(drain, withdraws_when_traffic_fell_by_90_percent),
	  T(drain, withdraws_when_traffic_is_below_until),
	  T(drain, gives_routers_two_seconds_from_the_read_back_on),
	  T(drain, that_nobody_follows_stays_announced_until_forced),
	  T(drain, that_was_stuck_goes_on_when_the_traffic_goes),
	  T(drain, that_was_stuck_goes_on_below_until),
	  T(drain, that_was_stuck_takes_no_night_for_a_fall),
	  T(drain, is_measured_from_the_operators_word_to_its_end),
	  T(drain, takes_silence_without_a_peer_for_no_fall), T(drain, by_force_does_not_wait),
	  T(drain, ends_at_once_by_undrain_from_every_state),
	  T(drain, of_the_node_drains_every_vip),
	  T(drain, of_a_vip_outlasts_the_undrain_of_the_node),
	  T(drain, said_twice_does_not_start_again),
	  T(drain, before_the_first_announcement_keeps_the_vip_away),
	  T(drain, ends_when_quorum_is_lost), T(drain, survives_a_bgpd_that_forgot_the_line),
	  T(drain, lasts_until_its_end_by_the_wall_clock),
	  T(drain, is_not_ended_by_a_clock_that_was_set_forward),
	  T(drain, whose_end_lies_before_its_beginning_has_none))
