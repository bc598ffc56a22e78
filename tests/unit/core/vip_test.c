/* SPDX-License-Identifier: Apache-2.0 */
/* vip_test.c - when a VIP is announced and withdrawn, for which reason, and how it returns. */
#include "tests/lib/config_builder.h"
#include "tests/lib/site.h"
#include "tests/lib/test.h"

/* One VIP with two services on one pool of three reals. */
static const struct config *small(struct config_builder *b)
{
	uint32_t pool, vip;

	build_start(b);
	pool = build_pool(b, "web", 3);
	vip = build_vip(b, "203.0.113.10/32");
	build_service(b, vip, 80, pool);
	build_service(b, vip, 443, pool);
	return build_finish(b);
}

static void expect(const struct site *s, enum vip_state state, enum vip_reason reason)
{
	assert_string_equal(vip_state_str(site_vip(s, 0)->state), vip_state_str(state));
	assert_string_equal(vip_reason_str(site_vip(s, 0)->reason), vip_reason_str(reason));
}

TEST(vip, is_announced_bottom_up)
{
	struct config_builder b;
	struct site s;

	site_start(&s, small(&b));
	site_facts_good(&s);
	site_run(&s);
	expect(&s, VIP_WITHDRAWN, VIP_REASON_STARTING);
	site_verdict_all(&s, REAL_UP);
	site_trace_clear(&s);
	site_run(&s);
	expect(&s, VIP_ANNOUNCED, VIP_REASON_SERVING);
	assert_int_equal(site_vip(&s, 0)->peers, 2);
	assert_true(site_trace_find(&s, OP_RING_SET, 0) >= 0);
	assert_true(site_trace_find(&s, OP_SERVICE_SET, 0) > site_trace_find(&s, OP_RING_SET, 0));
	assert_true(site_trace_find(&s, OP_SELF_TEST, 1) > site_trace_find(&s, OP_SERVICE_SET, 1));
	assert_true(site_trace_find(&s, OP_ROUTE_ANNOUNCE, 0) >
		    site_trace_find(&s, OP_SELF_TEST, 1));
	site_stop(&s);
}

#define S USEC_PER_SEC

TEST(vip, is_withdrawn_at_once_when_quorum_is_lost)
{
	struct config_builder b;
	struct site s;

	site_start(&s, small(&b));
	site_serve(&s);
	site_verdict(&s, 0, 0, REAL_DOWN);
	site_verdict(&s, 0, 1, REAL_DOWN);
	site_run(&s);
	expect(&s, VIP_ANNOUNCED, VIP_REASON_SERVING);
	site_verdict(&s, 0, 2, REAL_DOWN);
	expect(&s, VIP_WITHDRAWING, VIP_REASON_NO_QUORUM);
	assert_int_equal(site_vip(&s, 0)->intent, ROUTE_NONE);
	site_run(&s);
	expect(&s, VIP_WITHDRAWING, VIP_REASON_NO_QUORUM);
	site_pass(&s, 5 * S);
	expect(&s, VIP_WITHDRAWN, VIP_REASON_NO_QUORUM);
	site_stop(&s);
}

TEST(vip, waits_for_all_services_or_for_any)
{
	for (int any = 0; any < 2; any++) {
		struct config_builder b;
		struct site s;

		small(&b);
		build_pool(&b, "other", 1);
		build_service(&b, 0, 8443, 1);
		b.vips[0].announce_when = any ? CONFIG_ANNOUNCE_ANY : CONFIG_ANNOUNCE_ALL;
		site_start(&s, &b.config);
		site_facts_good(&s);
		site_verdict(&s, 0, 0, REAL_UP);
		site_verdict(&s, 1, 0, REAL_DOWN);
		site_run(&s);
		expect(&s, any ? VIP_ANNOUNCED : VIP_WITHDRAWN,
		       any ? VIP_REASON_SERVING : VIP_REASON_NO_QUORUM);
		site_verdict(&s, 1, 0, REAL_UP);
		site_run(&s);
		expect(&s, VIP_ANNOUNCED, VIP_REASON_SERVING);
		site_verdict(&s, 0, 0, REAL_DOWN);
		site_run(&s);
		expect(&s, any ? VIP_ANNOUNCED : VIP_WITHDRAWING,
		       any ? VIP_REASON_SERVING : VIP_REASON_NO_QUORUM);
		site_stop(&s);
	}
}

/* The line of a withdrawal before was gone long ago; that is no moment of this one. */
TEST(vip, withdrawn_before_its_line_stood_lingers_all_the_same)
{
	struct config_builder b;
	struct site s;

	site_start(&s, small(&b));
	site_serve(&s);
	site_verdict_all(&s, REAL_DOWN);
	site_pass(&s, 60 * S);
	expect(&s, VIP_WITHDRAWN, VIP_REASON_NO_QUORUM);
	s.is_silent_router = true;
	site_verdict_all(&s, REAL_UP);
	site_pass(&s, 60 * S);
	assert_int_equal(site_vip(&s, 0)->state, VIP_ANNOUNCING);
	site_verdict_all(&s, REAL_DOWN);
	expect(&s, VIP_WITHDRAWING, VIP_REASON_NO_QUORUM);
	site_pass(&s, 4 * S);
	expect(&s, VIP_WITHDRAWING, VIP_REASON_NO_QUORUM);
	site_pass(&s, 2 * S);
	expect(&s, VIP_WITHDRAWN, VIP_REASON_NO_QUORUM);
	site_stop(&s);
}

/* A read-back that lists only what stands says of all others that they are gone. */
TEST(vip, a_route_that_a_read_back_leaves_out_is_read_as_gone)
{
	struct config_builder b;
	struct observed observed;
	struct site s;

	site_start(&s, small(&b));
	site_serve(&s);
	site_verdict_all(&s, REAL_DOWN);
	expect(&s, VIP_WITHDRAWING, VIP_REASON_NO_QUORUM);
	observed = *world_observe(&s.world, s.core);
	observed.n_routes = 0;
	for (int i = 0; i < 2; i++) {
		site_step(&s, (struct core_event){ .kind = CORE_EVENT_OBSERVED,
						   .observed = &observed });
		s.now += 6 * S;
	}
	expect(&s, VIP_WITHDRAWN, VIP_REASON_NO_QUORUM);
	site_stop(&s);
}

TEST(vip, without_services_is_never_announced)
{
	struct config_builder b;
	struct site s;

	build_start(&b);
	build_vip(&b, "203.0.113.10/32");
	site_start(&s, build_finish(&b));
	site_serve(&s);
	expect(&s, VIP_WITHDRAWN, VIP_REASON_NO_QUORUM);
	site_stop(&s);
}

TEST(vip, outside_vip_ranges_is_never_announced)
{
	struct config_builder b;
	struct site s;

	small(&b);
	assert_int_equal(prefix_parse("198.51.100.1/32", &b.vips[0].prefix), 0);
	site_start(&s, &b.config);
	world_route_add(&s.world, &b.vips[0].prefix, ROUTE_ANNOUNCE);
	site_serve(&s);
	expect(&s, VIP_WITHDRAWN, VIP_REASON_OUTSIDE_RANGES);
	assert_int_equal(site_trace_find(&s, OP_ROUTE_ANNOUNCE, 0), -1);
	assert_int_equal(site_trace_find(&s, OP_ROUTE_WITHDRAW, 0), -1);
	site_stop(&s);
}

TEST(vip, loses_the_route_at_once_when_xdp_is_gone)
{
	struct config_builder b;
	struct site s;

	site_start(&s, small(&b));
	site_serve(&s);
	site_uplink(&s, 0, true, true, false);
	expect(&s, VIP_WITHDRAWING, VIP_REASON_XDP_GONE);
	site_stop(&s);
}

/* Another uplink is fine, but no peer sends packets over it. */
TEST(vip, is_withdrawn_when_the_peers_are_cut_off_for_a_second)
{
	struct core_event event = { .kind = CORE_EVENT_ROUTER,
				    .router = { .connected = true,
						.has_instance = true,
						.established_peers = 1,
						.is_cut_off = true } };
	struct config_builder b;
	struct site s;

	site_start(&s, small(&b));
	site_serve(&s);
	site_step(&s, event);
	site_pass(&s, S - 1);
	event.router.is_cut_off = false;
	site_step(&s, event);
	expect(&s, VIP_ANNOUNCED, VIP_REASON_SERVING);
	event.router.is_cut_off = true;
	site_step(&s, event);
	site_pass(&s, S - 1);
	assert_int_equal(site_vip(&s, 0)->state, VIP_ANNOUNCED);
	site_pass(&s, 1);
	expect(&s, VIP_WITHDRAWING, VIP_REASON_NO_NEXT_HOP);
	event.router.is_cut_off = false;
	site_step(&s, event);
	site_pass(&s, 60 * S);
	site_run(&s);
	expect(&s, VIP_ANNOUNCED, VIP_REASON_SERVING);
	site_stop(&s);
}

TEST(vip, is_withdrawn_when_one_of_two_uplinks_in_use_has_no_program)
{
	struct config_builder b;
	struct site s;

	small(&b);
	b.config.node.n_uplinks = 2;
	site_start(&s, &b.config);
	site_serve(&s);
	expect(&s, VIP_ANNOUNCED, VIP_REASON_SERVING);
	site_uplink(&s, 1, true, false, false); /* no carrier: receives nothing */
	site_pass(&s, 10 * S);
	expect(&s, VIP_ANNOUNCED, VIP_REASON_SERVING);
	site_uplink(&s, 1, true, true, false);
	expect(&s, VIP_WITHDRAWING, VIP_REASON_XDP_GONE);
	site_stop(&s);
}

TEST(vip, survives_a_short_loss_of_carrier)
{
	struct config_builder b;
	struct site s;

	site_start(&s, small(&b));
	site_serve(&s);
	site_uplink(&s, 0, true, false, true);
	site_pass(&s, S - 1);
	expect(&s, VIP_ANNOUNCED, VIP_REASON_NO_NEXT_HOP);
	site_uplink(&s, 0, true, true, true);
	site_pass(&s, 10 * S);
	expect(&s, VIP_ANNOUNCED, VIP_REASON_SERVING);
	site_uplink(&s, 0, true, false, true);
	site_pass(&s, S);
	expect(&s, VIP_WITHDRAWING, VIP_REASON_NO_NEXT_HOP);
	site_stop(&s);
}

TEST(vip, survives_a_short_loss_of_all_next_hops)
{
	struct config_builder b;
	struct site s;

	site_start(&s, small(&b));
	site_serve(&s);
	for (uint32_t r = 0; r < 3; r++)
		site_next_hop(&s, 0, r, false);
	site_pass(&s, S - 1);
	assert_int_equal(site_vip(&s, 0)->state, VIP_ANNOUNCED);
	site_next_hop(&s, 0, 1, true);
	site_pass(&s, 3 * S);
	expect(&s, VIP_ANNOUNCED, VIP_REASON_SERVING);
	site_next_hop(&s, 0, 1, false);
	site_pass(&s, S);
	expect(&s, VIP_WITHDRAWING, VIP_REASON_NO_NEXT_HOP);
	site_stop(&s);
}

TEST(vip, is_withdrawn_after_two_failed_self_tests)
{
	struct config_builder b;
	struct site s;

	site_start(&s, small(&b));
	site_serve(&s);
	s.world.forwards = false;
	for (size_t i = 0; i < WORLD_SERVICES; i++)
		s.world.services[i].self_tested = false;
	site_run(&s);
	assert_int_equal(site_vip(&s, 0)->state, VIP_ANNOUNCED);
	site_run(&s);
	expect(&s, VIP_WITHDRAWING, VIP_REASON_SELF_TEST);
	s.world.forwards = true;
	site_pass(&s, 6 * S);
	expect(&s, VIP_ANNOUNCED, VIP_REASON_SERVING);
	site_stop(&s);
}

TEST(vip, is_not_announced_before_the_self_test_passes)
{
	struct config_builder b;
	struct site s;

	site_start(&s, small(&b));
	s.world.forwards = false;
	site_serve(&s);
	for (int round = 0; round < 6; round++) {
		assert_int_equal(site_vip(&s, 0)->state, VIP_WITHDRAWN);
		site_run(&s);
	}
	expect(&s, VIP_WITHDRAWN, VIP_REASON_SELF_TEST);
	s.world.forwards = true;
	site_run(&s);
	expect(&s, VIP_ANNOUNCED, VIP_REASON_SERVING);
	site_stop(&s);
}

TEST(vip, is_withdrawn_when_a_service_cannot_be_programmed_again)
{
	struct config_builder b;
	struct site s;
	struct observed seen;

	site_start(&s, small(&b));
	site_serve(&s);
	seen = *world_observe(&s.world, s.core);
	seen.n_services = 1; /* the other one is gone */
	site_step(&s, (struct core_event){ .kind = CORE_EVENT_OBSERVED, .observed = &seen });
	assert_int_equal(site_vip(&s, 0)->state, VIP_ANNOUNCED);
	assert_int_equal(core_next_timer(s.core), s.now + 2 * S);
	s.now += 2 * S;
	site_step(&s, (struct core_event){ .kind = CORE_EVENT_TIMER });
	expect(&s, VIP_WITHDRAWING, VIP_REASON_NOT_PROGRAMMED);
	site_stop(&s);
}

TEST(vip, stays_announced_through_router_and_peer_trouble)
{
	struct config_builder b;
	struct site s;

	site_start(&s, small(&b));
	site_serve(&s);
	site_router(&s, true, true, 0);
	site_pass(&s, 60 * S);
	expect(&s, VIP_ANNOUNCED, VIP_REASON_NO_PEER);
	site_router(&s, true, false, 0);
	expect(&s, VIP_ANNOUNCED, VIP_REASON_NO_INSTANCE);
	site_router(&s, false, false, 0);
	site_pass(&s, 60 * S);
	expect(&s, VIP_ANNOUNCED, VIP_REASON_ROUTER_DOWN);

	/* bgpd comes back without our lines: they are put back without a warm-up. */
	memset(s.world.routes, 0, sizeof(s.world.routes));
	site_router(&s, true, true, 2);
	expect(&s, VIP_ANNOUNCED, VIP_REASON_ROUTE_PENDING);
	site_trace_clear(&s);
	site_run(&s);
	assert_true(site_trace_find(&s, OP_ROUTE_ANNOUNCE, 0) >= 0);
	expect(&s, VIP_ANNOUNCED, VIP_REASON_SERVING);
	assert_int_equal(site_vip(&s, 0)->flaps, 0);
	site_stop(&s);
}

TEST(vip, is_announcing_until_enough_peers_hold_the_route)
{
	struct config_builder b;
	struct site s;

	small(&b);
	b.config.routing.require_peers = 2;
	site_start(&s, &b.config);
	site_facts_good(&s);
	site_router(&s, true, true, 1);
	site_verdict_all(&s, REAL_UP);
	site_run(&s);
	expect(&s, VIP_ANNOUNCING, VIP_REASON_NO_PEER);
	site_router(&s, true, true, 2);
	expect(&s, VIP_ANNOUNCING, VIP_REASON_ROUTE_PENDING);
	site_run(&s);
	expect(&s, VIP_ANNOUNCED, VIP_REASON_SERVING);
	site_stop(&s);
}

TEST(vip, is_announced_late_when_the_router_comes_late)
{
	struct config_builder b;
	struct site s;

	site_start(&s, small(&b));
	site_serve(&s);
	site_stop(&s);
	site_start(&s, small(&b));
	site_facts_good(&s);
	site_router(&s, false, false, 0);
	site_verdict_all(&s, REAL_UP);
	site_run(&s);
	expect(&s, VIP_ANNOUNCING, VIP_REASON_ROUTER_DOWN);
	assert_int_equal(site_trace_find(&s, OP_ROUTE_ANNOUNCE, 0), -1);
	site_router(&s, true, false, 0);
	site_run(&s);
	expect(&s, VIP_ANNOUNCING, VIP_REASON_NO_INSTANCE);
	assert_int_equal(site_trace_find(&s, OP_ROUTE_ANNOUNCE, 0), -1);
	site_router(&s, true, true, 2);
	site_run(&s);
	expect(&s, VIP_ANNOUNCED, VIP_REASON_SERVING);
	site_stop(&s);
}

/* ---- damping ---- */

/* Fail all reals and bring them back; the VIP's return is up to time. */
static void flap(struct site *s)
{
	site_verdict_all(s, REAL_DOWN);
	site_run(s);
	assert_int_equal(site_vip(s, 0)->state, VIP_WITHDRAWING);
	site_verdict_all(s, REAL_UP);
	site_run(s);
}

static void returns_after(struct site *s, usec_t how_long)
{
	site_pass(s, how_long - 1);
	assert_int_not_equal(site_vip(s, 0)->state, VIP_ANNOUNCED);
	site_pass(s, 1);
	assert_int_equal(site_vip(s, 0)->state, VIP_ANNOUNCED);
}

TEST(damping, doubles_from_the_second_withdrawal_up_to_eight_times)
{
	struct config_builder b;
	struct site s;
	const usec_t holds[] = { 5, 30, 60, 120, 240 };

	site_start(&s, small(&b));
	site_serve(&s);
	for (size_t i = 0; i < 5; i++) {
		flap(&s);
		assert_string_equal(vip_reason_str(site_vip(&s, 0)->reason),
				    i == 0 ? "warm-up" : "hold-down");
		assert_int_equal(site_vip(&s, 0)->held_until, s.now + holds[i] * S);
		assert_int_equal(site_vip(&s, 0)->flaps, i + 1);
		returns_after(&s, holds[i] * S);
	}
	/* 455 s have passed: the first flap still counts, and 8 times is the most. */
	flap(&s);
	returns_after(&s, 240 * S);
	site_stop(&s);
}

TEST(damping, forgets_after_ten_minutes)
{
	struct config_builder b;
	struct site s;

	site_start(&s, small(&b));
	site_serve(&s);
	flap(&s);
	site_pass(&s, 600 * S - 1);
	assert_int_equal(site_vip(&s, 0)->flaps, 1);
	site_pass(&s, 1);
	assert_int_equal(site_vip(&s, 0)->flaps, 0);
	flap(&s);
	returns_after(&s, 5 * S);
	site_stop(&s);
}

TEST(damping, warm_up_starts_again_when_health_breaks)
{
	struct config_builder b;
	struct site s;

	site_start(&s, small(&b));
	site_serve(&s);
	flap(&s);
	site_pass(&s, 4 * S);
	site_verdict_all(&s, REAL_DOWN);
	site_pass(&s, 100 * S);
	expect(&s, VIP_WITHDRAWN, VIP_REASON_NO_QUORUM);
	assert_int_equal(site_vip(&s, 0)->flaps, 1); /* it was not announced */
	site_verdict_all(&s, REAL_UP);
	site_run(&s);
	expect(&s, VIP_WITHDRAWN, VIP_REASON_WARM_UP);
	returns_after(&s, 5 * S);
	site_stop(&s);
}

TEST(damping, holds_down_from_the_withdrawal_on)
{
	struct config_builder b;
	struct site s;

	site_start(&s, small(&b));
	site_serve(&s);
	flap(&s);
	site_pass(&s, 5 * S);
	site_verdict_all(&s, REAL_DOWN);
	site_pass(&s, 28 * S);
	site_verdict_all(&s, REAL_UP);
	site_run(&s); /* 2 s of hold-down are left, 5 s of warm-up */
	expect(&s, VIP_WITHDRAWN, VIP_REASON_WARM_UP);
	returns_after(&s, 5 * S);
	site_stop(&s);
}

/* ---- fence ---- */

TEST(fence, keeps_a_new_vip_away_and_then_costs_a_warm_up)
{
	struct config_builder b;
	struct site s;

	site_start(&s, small(&b));
	site_fence(&s, true);
	site_serve(&s);
	expect(&s, VIP_WITHDRAWN, VIP_REASON_FENCED);
	site_pass(&s, 100 * S);
	site_fence(&s, false);
	site_run(&s);
	expect(&s, VIP_WITHDRAWN, VIP_REASON_WARM_UP);
	returns_after(&s, 5 * S);
	assert_int_equal(site_vip(&s, 0)->flaps, 0);
	site_stop(&s);
}

TEST(fence, leaves_a_line_the_guard_drained)
{
	struct config_builder b;
	struct site s;

	site_start(&s, small(&b));
	site_serve(&s);
	world_route_find(&s.world, &b.vips[0].prefix)->line = ROUTE_DRAIN;
	site_fence(&s, true);
	site_trace_clear(&s);
	site_pass(&s, 1000 * S);
	expect(&s, VIP_DRAINING, VIP_REASON_FENCED);
	assert_int_equal(s.n_trace, 0);
	site_fence(&s, false);
	site_run(&s);
	expect(&s, VIP_DRAINING, VIP_REASON_WARM_UP);
	returns_after(&s, 5 * S);
	site_stop(&s);
}

TEST(fence, does_not_put_back_a_line_the_guard_withdrew)
{
	struct config_builder b;
	struct site s;

	site_start(&s, small(&b));
	site_serve(&s);
	memset(s.world.routes, 0, sizeof(s.world.routes));
	site_fence(&s, true);
	site_trace_clear(&s);
	site_pass(&s, 100 * S);
	assert_int_equal(s.n_trace, 0);
	expect(&s, VIP_WITHDRAWN, VIP_REASON_FENCED);
	site_fence(&s, false);
	site_run(&s);
	returns_after(&s, 5 * S);
	site_stop(&s);
}

/* ---- an operator's word ---- */

static void order(struct site *s, enum vip_order order)
{
	site_step(s, (struct core_event){ .kind = CORE_EVENT_VIP_ORDER,
					  .vip_order = { .vip = 0, .order = order } });
	site_run(s);
}

TEST(vip, an_operators_withdraw_is_at_once_and_no_flap)
{
	struct config_builder b;
	struct site s;

	site_start(&s, small(&b));
	site_serve(&s);
	order(&s, VIP_ORDER_WITHDRAW);
	expect(&s, VIP_WITHDRAWING, VIP_REASON_WITHDRAWN_BY_HAND);
	assert_int_equal(site_vip(&s, 0)->peers, 0);
	site_pass(&s, 60 * S);
	expect(&s, VIP_WITHDRAWN, VIP_REASON_WITHDRAWN_BY_HAND);
	assert_int_equal(site_vip(&s, 0)->flaps, 0);
	order(&s, VIP_ORDER_NONE);
	expect(&s, VIP_ANNOUNCED, VIP_REASON_SERVING); /* no warm-up */
	site_stop(&s);
}

TEST(vip, an_operators_announce_holds_against_checks_and_opens_the_pool)
{
	struct config_builder b;
	struct site s;

	site_start(&s, small(&b));
	site_serve(&s);
	site_verdict_all(&s, REAL_DOWN);
	site_pass(&s, 60 * S);
	expect(&s, VIP_WITHDRAWN, VIP_REASON_NO_QUORUM);
	order(&s, VIP_ORDER_ANNOUNCE);
	expect(&s, VIP_ANNOUNCED, VIP_REASON_ANNOUNCED_BY_HAND);
	assert_true(site_vip(&s, 0)->is_overridden);
	assert_int_equal(site_vip(&s, 0)->n_overrides, 1);
	assert_int_equal(core_pool(s.core, 0)->override, POOL_OVERRIDE_OPERATOR);
	assert_int_equal(core_pool(s.core, 0)->n_kept, 3);
	assert_false(core_pool(s.core, 0)->has_quorum);
	site_verdict_all(&s, REAL_UP);
	site_pass(&s, 60 * S);
	expect(&s, VIP_ANNOUNCED, VIP_REASON_SERVING);
	assert_false(site_vip(&s, 0)->is_overridden);
	site_verdict_all(&s, REAL_DOWN);
	site_run(&s);
	expect(&s, VIP_ANNOUNCED, VIP_REASON_ANNOUNCED_BY_HAND);
	assert_int_equal(site_vip(&s, 0)->n_overrides, 2);
	order(&s, VIP_ORDER_NONE);
	expect(&s, VIP_WITHDRAWING, VIP_REASON_NO_QUORUM);
	assert_int_equal(core_pool(s.core, 0)->override, POOL_OVERRIDE_NONE);
	site_stop(&s);
}

TEST(vip, an_operators_announce_ends_a_hold_down)
{
	struct config_builder b;
	struct site s;

	site_start(&s, small(&b));
	site_serve(&s);
	for (int i = 0; i < 3; i++) {
		site_verdict_all(&s, REAL_DOWN);
		site_pass(&s, 10 * S);
		site_verdict_all(&s, REAL_UP);
		site_pass(&s, i < 2 ? 40 * S : 10 * S);
	}
	expect(&s, VIP_WITHDRAWN, VIP_REASON_HOLD_DOWN);
	order(&s, VIP_ORDER_ANNOUNCE);
	expect(&s, VIP_ANNOUNCED, VIP_REASON_ANNOUNCED_BY_HAND);
	site_stop(&s);
}

/* What no word mends: nobody to forward to, no data plane, a drain, the guard. */
TEST(vip, an_operators_announce_never_makes_a_black_hole)
{
	for (int i = 0; i < 4; i++) {
		struct config_builder b;
		struct site s;

		site_start(&s, small(&b));
		site_serve(&s);
		order(&s, VIP_ORDER_ANNOUNCE);
		for (uint32_t r = 0; i == 0 && r < 3; r++)
			site_next_hop(&s, 0, r, false);
		if (i == 1)
			site_uplink(&s, 0, true, true, false);
		if (i == 2)
			site_drain(&s, CORE_NONE, true, true);
		if (i == 3)
			site_fence(&s, true);
		site_pass(&s, 5 * S);
		assert_int_not_equal(site_vip(&s, 0)->state, VIP_ANNOUNCED);
		site_stop(&s);
	}
}

TEST(vip, an_order_outlives_a_reload_and_ends_with_the_vip)
{
	struct config_builder b, without;
	struct site s;

	site_start(&s, small(&b));
	site_serve(&s);
	order(&s, VIP_ORDER_WITHDRAW);
	assert_int_equal(core_reload(s.core, &b.config, s.now), 0);
	site_pass(&s, 60 * S);
	expect(&s, VIP_WITHDRAWN, VIP_REASON_WITHDRAWN_BY_HAND);
	build_start(&without);
	build_pool(&without, "web", 3);
	assert_int_equal(core_reload(s.core, build_finish(&without), s.now), 0);
	site_pass(&s, 60 * S);
	assert_int_equal(core_reload(s.core, &b.config, s.now), 0);
	site_run(&s);
	assert_int_equal(site_vip(&s, 0)->order, VIP_ORDER_NONE);
	site_stop(&s);
}

TEST(fence, costs_a_vip_that_a_reload_brings_a_warm_up_too)
{
	struct config_builder b, c;
	struct site s;

	site_start(&s, small(&b));
	site_serve(&s);
	site_fence(&s, true);
	small(&c);
	assert_int_equal(prefix_parse("203.0.113.77/32", &c.vips[0].prefix), 0);
	assert_int_equal(core_reload(s.core, &c.config, s.now), 0);
	site_pass(&s, 100 * S);
	site_fence(&s, false);
	site_run(&s);
	expect(&s, VIP_WITHDRAWN, VIP_REASON_WARM_UP);
	returns_after(&s, 5 * S);
	site_stop(&s);
}

TEST(vip, outside_vip_ranges_leaves_under_a_strangers_line)
{
	struct config_builder b, c;
	struct site s;

	small(&b);
	assert_int_equal(prefix_parse("198.51.100.1/32", &b.vips[0].prefix), 0);
	site_start(&s, &b.config);
	site_serve(&s);
	world_route_add(&s.world, &b.vips[0].prefix, ROUTE_ANNOUNCE);
	site_run(&s);
	assert_true(s.world.services[0].used);
	small(&c);
	site_restart(&s, &c.config, true);
	site_facts_good(&s);
	site_pass(&s, 10 * S);
	assert_null(world_service_find(&s.world, &b.vips[0].prefix, IPPROTO_TCP,
				       b.services[0][0].port));
	assert_int_equal(core_n_vips(s.core), 1);
	assert_int_equal(world_route_find(&s.world, &b.vips[0].prefix)->line, ROUTE_ANNOUNCE);
	site_stop(&s);
}

/* VIP on pool a; pool b is known to be down, until a reload gives it another real. */
static const struct config *two_pools(struct config_builder *b, uint32_t pool)
{
	build_start(b);
	build_pool(b, "a", 2);
	build_pool(b, "b", 2);
	build_service(b, build_vip(b, "203.0.113.10/32"), 80, pool);
	return build_finish(b);
}

TEST(vip, moved_to_a_pool_with_new_reals_is_held_for_them)
{
	struct config_builder b, c;
	struct site s;

	site_start(&s, two_pools(&b, 0));
	site_serve(&s);
	site_verdict(&s, 1, 0, REAL_DOWN);
	site_verdict(&s, 1, 1, REAL_DOWN);
	site_pass(&s, 60 * S);
	assert_false(core_pool(s.core, 1)->has_quorum);
	two_pools(&c, 1);
	c.reals[1][0].addr.bytes[15] = 77;
	assert_int_equal(core_reload(s.core, &c.config, s.now), 0);
	assert_int_equal(site_vip(&s, 0)->intent, ROUTE_ANNOUNCE);
	site_next_hop(&s, 1, 0, true);
	site_verdict(&s, 1, 0, REAL_UP);
	site_run(&s);
	expect(&s, VIP_ANNOUNCED, VIP_REASON_SERVING);
	assert_int_equal(site_vip(&s, 0)->flaps, 0);
	site_stop(&s);
}

TEST(vip, an_operators_word_outlives_a_reload_as_one_override)
{
	struct config_builder b, c;
	struct site s;

	site_start(&s, small(&b));
	site_serve(&s);
	order(&s, VIP_ORDER_ANNOUNCE);
	site_verdict_all(&s, REAL_DOWN);
	site_run(&s);
	assert_int_equal(core_pool(s.core, 0)->override, POOL_OVERRIDE_OPERATOR);
	small(&c);
	assert_int_equal(core_reload(s.core, &c.config, s.now), 0);
	assert_int_equal(core_pool(s.core, 0)->override, POOL_OVERRIDE_OPERATOR);
	assert_int_equal(core_pool(s.core, 0)->n_overrides, 1);
	site_stop(&s);
}

TEST(vip, held_by_a_reload_is_held_anew_by_the_next)
{
	struct config_builder b, c, d;
	struct site s;

	site_start(&s, two_pools(&b, 0));
	site_serve(&s);
	two_pools(&c, 0);
	c.reals[0][0].addr.bytes[15] = 77;
	c.reals[0][1].addr.bytes[15] = 78;
	assert_int_equal(core_reload(s.core, &c.config, s.now), 0);
	site_pass(&s, 25 * S);
	two_pools(&d, 0);
	d.reals[0][0].addr.bytes[15] = 79;
	d.reals[0][1].addr.bytes[15] = 80;
	assert_int_equal(core_reload(s.core, &d.config, s.now), 0);
	site_pass(&s, 20 * S);
	assert_int_equal(site_vip(&s, 0)->intent, ROUTE_ANNOUNCE);
	site_pass(&s, 15 * S);
	assert_int_equal(site_vip(&s, 0)->intent, ROUTE_NONE);
	site_stop(&s);
}

RUN_TESTS(T(vip, is_announced_bottom_up), T(vip, is_withdrawn_at_once_when_quorum_is_lost),
	  T(vip, waits_for_all_services_or_for_any), T(vip, without_services_is_never_announced),
	  T(vip, withdrawn_before_its_line_stood_lingers_all_the_same),
	  T(vip, a_route_that_a_read_back_leaves_out_is_read_as_gone),
	  T(vip, outside_vip_ranges_is_never_announced),
	  T(vip, loses_the_route_at_once_when_xdp_is_gone),
	  T(vip, is_withdrawn_when_the_peers_are_cut_off_for_a_second),
	  T(vip, is_withdrawn_when_one_of_two_uplinks_in_use_has_no_program),
	  T(vip, survives_a_short_loss_of_carrier), T(vip, survives_a_short_loss_of_all_next_hops),
	  T(vip, is_withdrawn_after_two_failed_self_tests),
	  T(vip, is_not_announced_before_the_self_test_passes),
	  T(vip, is_withdrawn_when_a_service_cannot_be_programmed_again),
	  T(vip, stays_announced_through_router_and_peer_trouble),
	  T(vip, is_announcing_until_enough_peers_hold_the_route),
	  T(vip, is_announced_late_when_the_router_comes_late),
	  T(damping, doubles_from_the_second_withdrawal_up_to_eight_times),
	  T(damping, forgets_after_ten_minutes),
	  T(damping, warm_up_starts_again_when_health_breaks),
	  T(damping, holds_down_from_the_withdrawal_on),
	  T(fence, keeps_a_new_vip_away_and_then_costs_a_warm_up),
	  T(fence, leaves_a_line_the_guard_drained),
	  T(fence, does_not_put_back_a_line_the_guard_withdrew),
	  T(vip, an_operators_withdraw_is_at_once_and_no_flap),
	  T(vip, an_operators_announce_holds_against_checks_and_opens_the_pool),
	  T(vip, an_operators_announce_ends_a_hold_down),
	  T(vip, an_operators_announce_never_makes_a_black_hole),
	  T(vip, an_order_outlives_a_reload_and_ends_with_the_vip),
	  T(fence, costs_a_vip_that_a_reload_brings_a_warm_up_too),
	  T(vip, outside_vip_ranges_leaves_under_a_strangers_line),
	  T(vip, moved_to_a_pool_with_new_reals_is_held_for_them),
	  T(vip, an_operators_word_outlives_a_reload_as_one_override),
	  T(vip, held_by_a_reload_is_held_anew_by_the_next))
