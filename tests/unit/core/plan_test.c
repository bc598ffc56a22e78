/* SPDX-License-Identifier: Apache-2.0 */
/* plan_test.c - the order of ops, leaving, adoption at start, and reload. */
#include "tests/lib/config_builder.h"
#include "tests/lib/site.h"
#include "tests/lib/test.h"

#define S USEC_PER_SEC

static void two_vips(struct config_builder *b)
{
	uint32_t web, dns;

	build_start(b);
	web = build_pool(b, "web", 3);
	dns = build_pool(b, "dns", 2);
	build_service(b, build_vip(b, "203.0.113.10/32"), 80, web);
	build_service(b, build_vip(b, "2001:db8:cafe::53/128"), 53, dns);
	build_finish(b);
}

static void expect(const struct site *s, uint32_t vip, enum vip_state state, enum vip_reason reason)
{
	assert_string_equal(vip_state_str(site_vip(s, vip)->state), vip_state_str(state));
	assert_string_equal(vip_reason_str(site_vip(s, vip)->reason), vip_reason_str(reason));
}

static enum route_intent line(struct site *s, const struct prefix *prefix)
{
	struct world_route *route = world_route_find(&s->world, prefix);

	return route ? route->line : ROUTE_NONE;
}

TEST(plan, is_empty_once_done_and_the_same_when_asked_twice)
{
	struct config_builder b;
	struct site s;
	struct op first[64], second[64];
	size_t n;

	two_vips(&b);
	site_start(&s, &b.config);
	site_facts_good(&s);
	site_verdict_all(&s, REAL_UP);
	n = core_plan(s.core, world_observe(&s.world, s.core), first, 64);
	assert_int_equal(n, 2); /* the reals of two pools */
	assert_int_equal(core_plan(s.core, world_observe(&s.world, s.core), second, 64), n);
	assert_memory_equal(first, second, n * sizeof(first[0]));
	assert_int_equal(core_plan(s.core, world_observe(&s.world, s.core), second, 1), 1);
	site_run(&s);
	assert_int_equal(core_plan(s.core, world_observe(&s.world, s.core), first, 64), 0);
	site_stop(&s);
}

TEST(plan, writes_no_ring_without_an_owner)
{
	struct config_builder b;
	struct site s;

	two_vips(&b);
	site_start(&s, &b.config);
	site_facts_good(&s);
	site_run(&s);
	assert_int_equal(site_trace_find(&s, OP_RING_SET, 0), -1);
	assert_int_equal(site_trace_find(&s, OP_SERVICE_SET, 0), -1);
	site_stop(&s);
}

TEST(plan, withdraws_before_anything_else)
{
	struct config_builder b;
	struct site s;
	struct op ops[64];

	two_vips(&b);
	site_start(&s, &b.config);
	site_serve(&s);
	site_verdict(&s, 0, 0, REAL_DOWN); /* a ring to write */
	site_verdict(&s, 1, 0, REAL_DOWN);
	site_verdict(&s, 1, 1, REAL_DOWN); /* a VIP to withdraw */
	assert_int_equal(core_plan(s.core, world_observe(&s.world, s.core), ops, 64), 2);
	assert_int_equal(ops[0].kind, OP_ROUTE_WITHDRAW);
	assert_int_equal(ops[0].index, 1);
	assert_int_equal(ops[1].kind, OP_RING_SET);
	site_stop(&s);
}

TEST(plan, repairs_what_strangers_change)
{
	struct config_builder b;
	struct site s;
	struct prefix stray, foreign;

	two_vips(&b);
	site_start(&s, &b.config);
	site_serve(&s);
	world_service_find(&s.world, &b.vips[0].prefix, IPPROTO_TCP, 80)->used = false;
	world_route_add(&s.world, &b.vips[1].prefix, ROUTE_DRAIN);
	assert_int_equal(prefix_parse("203.0.113.99/32", &stray), 0);
	assert_int_equal(prefix_parse("198.51.100.7/32", &foreign), 0);
	world_route_add(&s.world, &stray, ROUTE_ANNOUNCE);
	world_route_add(&s.world, &foreign, ROUTE_ANNOUNCE);
	site_run(&s);
	assert_non_null(world_service_find(&s.world, &b.vips[0].prefix, IPPROTO_TCP, 80));
	assert_int_equal(line(&s, &b.vips[1].prefix), ROUTE_ANNOUNCE);
	assert_int_equal(line(&s, &stray), ROUTE_NONE);
	assert_int_equal(line(&s, &foreign), ROUTE_ANNOUNCE);
	site_pass(&s, 10 * S);
	assert_int_equal(core_n_vips(s.core), 2);
	site_stop(&s);
}

TEST(plan, changes_a_line_whose_attributes_are_wrong)
{
	struct config_builder b;
	struct site s;
	struct observed seen;
	struct op ops[8];

	two_vips(&b);
	site_start(&s, &b.config);
	site_serve(&s);
	seen = *world_observe(&s.world, s.core);
	s.world.observed_routes[0].attributes_match = false;
	assert_int_equal(core_plan(s.core, &seen, ops, 8), 1);
	assert_int_equal(ops[0].kind, OP_ROUTE_ANNOUNCE);
	site_stop(&s);
}

/* ---- leaving ---- */

TEST(leaving, goes_down_in_order)
{
	struct config_builder b, c;
	struct site s;
	uint32_t vip;

	two_vips(&b);
	site_start(&s, &b.config);
	site_serve(&s);
	two_vips(&c);
	c.config.n_vips = 1;
	site_trace_clear(&s);
	assert_int_equal(core_reload(s.core, &c.config, s.now), 0);
	vip = core_vip_find(s.core, &b.vips[1].prefix);
	assert_int_not_equal(vip, CORE_NONE);
	assert_null(site_vip(&s, vip)->config);
	expect(&s, vip, VIP_WITHDRAWING, VIP_REASON_REMOVED);
	site_run(&s);
	assert_int_equal(line(&s, &b.vips[1].prefix), ROUTE_NONE);
	assert_non_null(world_service_find(&s.world, &b.vips[1].prefix, IPPROTO_TCP, 53));
	site_pass(&s, 5 * S - 1);
	assert_non_null(world_service_find(&s.world, &b.vips[1].prefix, IPPROTO_TCP, 53));
	site_pass(&s, 1);
	assert_null(world_service_find(&s.world, &b.vips[1].prefix, IPPROTO_TCP, 53));
	assert_null(world_ring_find(&s.world, "dns"));
	assert_int_equal(core_n_vips(s.core), 1);
	assert_true(site_trace_find(&s, OP_SERVICE_DEL, 1) >
		    site_trace_find(&s, OP_ROUTE_WITHDRAW, 1));
	assert_true(site_trace_find(&s, OP_RING_DEL, 1) > site_trace_find(&s, OP_SERVICE_DEL, 1));
	expect(&s, 0, VIP_ANNOUNCED, VIP_REASON_SERVING);
	site_stop(&s);
}

TEST(leaving, lingers_while_packets_still_come)
{
	struct config_builder b, c;
	struct site s;
	uint32_t vip;

	two_vips(&b);
	site_start(&s, &b.config);
	site_serve(&s);
	two_vips(&c);
	c.config.n_vips = 1;
	assert_int_equal(core_reload(s.core, &c.config, s.now), 0);
	site_run(&s);
	vip = core_vip_find(s.core, &b.vips[1].prefix);
	site_pass(&s, S);
	site_traffic(&s, vip, 1000);
	site_pass(&s, 100 * S);
	expect(&s, vip, VIP_WITHDRAWING, VIP_REASON_REMOVED);
	site_traffic(&s, vip, 10);
	expect(&s, vip, VIP_WITHDRAWN, VIP_REASON_REMOVED);
	site_stop(&s);
}

TEST(leaving, of_one_service_deletes_it_and_keeps_the_vip)
{
	struct config_builder b, c;
	struct site s;

	two_vips(&b);
	build_service(&b, 0, 443, 0);
	site_start(&s, &b.config);
	site_serve(&s);
	two_vips(&c);
	assert_int_equal(core_reload(s.core, &c.config, s.now), 0);
	site_run(&s);
	assert_null(world_service_find(&s.world, &b.vips[0].prefix, IPPROTO_TCP, 443));
	expect(&s, 0, VIP_ANNOUNCED, VIP_REASON_SERVING);
	assert_int_equal(site_vip(&s, 0)->n_services, 1);
	site_stop(&s);
}

TEST(leaving, is_called_off_when_the_vip_returns_to_the_config)
{
	struct config_builder b, c;
	struct site s;

	two_vips(&b);
	site_start(&s, &b.config);
	site_serve(&s);
	two_vips(&c);
	c.config.n_vips = 1;
	assert_int_equal(core_reload(s.core, &c.config, s.now), 0);
	site_run(&s);
	assert_int_equal(core_reload(s.core, &b.config, s.now), 0);
	site_run(&s);
	expect(&s, 1, VIP_ANNOUNCED, VIP_REASON_SERVING);
	assert_int_equal(site_vip(&s, 1)->flaps, 0);
	site_stop(&s);
}

TEST(leaving, waits_for_a_router_that_does_not_answer)
{
	struct config_builder b, c;
	struct site s;

	two_vips(&b);
	site_start(&s, &b.config);
	site_serve(&s);
	two_vips(&c);
	c.config.n_vips = 1;
	site_router(&s, false, false, 2);
	assert_int_equal(core_reload(s.core, &c.config, s.now), 0);
	site_pass(&s, 1000 * S);
	assert_non_null(world_service_find(&s.world, &b.vips[1].prefix, IPPROTO_TCP, 53));
	site_router(&s, true, true, 2);
	site_pass(&s, 5 * S);
	assert_null(world_service_find(&s.world, &b.vips[1].prefix, IPPROTO_TCP, 53));
	site_stop(&s);
}

TEST(leaving, of_many_found_at_once_takes_turns)
{
	struct config_builder b;
	struct site s;

	two_vips(&b);
	site_start(&s, &b.config);
	site_serve(&s);
	for (uint8_t i = 100; i < 160; i++) {
		uint8_t raw[4] = { 203, 0, 113, i };
		struct prefix prefix = { addr_from_raw(AF_INET, raw), 32 };

		world_route_add(&s.world, &prefix, ROUTE_ANNOUNCE);
	}
	site_pass(&s, 20 * S);
	assert_int_equal(core_n_vips(s.core), 2);
	for (size_t i = 0; i < WORLD_ROUTES; i++)
		if (s.world.routes[i].used)
			assert_true(core_vip_find(s.core, &s.world.routes[i].prefix) < 2);
	site_stop(&s);
}

/* ---- adoption ---- */

TEST(adoption, keeps_route_and_ring_until_the_reals_are_judged)
{
	struct config_builder b;
	struct site s;

	two_vips(&b);
	site_start(&s, &b.config);
	site_serve(&s);
	site_verdict(&s, 0, 2, REAL_DOWN);
	site_run(&s);
	site_restart(&s, &b.config, true);
	site_trace_clear(&s);
	site_facts_good(&s);
	site_run(&s);
	expect(&s, 0, VIP_ANNOUNCED, VIP_REASON_STARTING);
	assert_int_equal(world_ring_find(&s.world, "web")->n_takers, 2);
	assert_int_equal(site_trace_find(&s, OP_ROUTE_WITHDRAW, 0), -1);
	site_pass(&s, 3600 * S); /* a silent prober is the guard's case */
	expect(&s, 0, VIP_ANNOUNCED, VIP_REASON_STARTING);
	site_verdict_all(&s, REAL_UP);
	site_run(&s);
	expect(&s, 0, VIP_ANNOUNCED, VIP_REASON_SERVING);
	assert_int_equal(world_ring_find(&s.world, "web")->n_takers, 3);
	assert_int_equal(site_vip(&s, 0)->flaps, 0);
	site_stop(&s);
}

TEST(adoption, survives_the_order_in_which_facts_come)
{
	struct config_builder b;
	struct site s;

	two_vips(&b);
	site_start(&s, &b.config);
	site_serve(&s);
	site_restart(&s, &b.config, true);
	site_run(&s); /* uplinks, next hops and router still unknown */
	expect(&s, 0, VIP_ANNOUNCED, VIP_REASON_ROUTER_DOWN);
	assert_int_equal(world_ring_find(&s.world, "web")->n_takers, 3);
	site_verdict_all(&s, REAL_UP);
	site_run(&s);
	site_facts_good(&s);
	site_run(&s);
	expect(&s, 0, VIP_ANNOUNCED, VIP_REASON_SERVING);
	site_stop(&s);
}

TEST(adoption, is_bounded_once_the_prober_speaks)
{
	struct config_builder b;
	struct site s;

	two_vips(&b);
	site_start(&s, &b.config);
	site_serve(&s);
	site_restart(&s, &b.config, true);
	site_facts_good(&s);
	site_run(&s);
	site_verdict(&s, 0, 0, REAL_UP); /* of web; nothing of dns */
	site_pass(&s, 30 * S - 1);
	expect(&s, 1, VIP_ANNOUNCED, VIP_REASON_STARTING);
	assert_true(core_pool(s.core, 0)->reals[1].takes_new_flows);
	site_pass(&s, 1);
	expect(&s, 1, VIP_WITHDRAWING, VIP_REASON_NO_QUORUM);
	expect(&s, 0, VIP_ANNOUNCED, VIP_REASON_SERVING);
	assert_false(core_pool(s.core, 0)->reals[1].takes_new_flows);
	site_stop(&s);
}

TEST(adoption, ends_at_once_with_reals_judged_down)
{
	struct config_builder b;
	struct site s;

	two_vips(&b);
	site_start(&s, &b.config);
	site_serve(&s);
	site_restart(&s, &b.config, true);
	site_facts_good(&s);
	site_run(&s);
	site_verdict(&s, 1, 0, REAL_DOWN);
	expect(&s, 1, VIP_ANNOUNCED, VIP_REASON_STARTING);
	site_verdict(&s, 1, 1, REAL_DOWN);
	expect(&s, 1, VIP_WITHDRAWING, VIP_REASON_NO_QUORUM);
	site_stop(&s);
}

TEST(adoption, withdraws_what_is_known_to_be_dead_without_a_flap)
{
	struct config_builder b;
	struct site s;

	two_vips(&b);
	site_start(&s, &b.config);
	site_serve(&s);
	site_restart(&s, &b.config, true);
	site_facts_good(&s);
	site_verdict_all(&s, REAL_DOWN); /* before the first read-back of bgpd */
	site_run(&s);
	expect(&s, 0, VIP_WITHDRAWN, VIP_REASON_NO_QUORUM);
	assert_int_equal(line(&s, &b.vips[0].prefix), ROUTE_NONE);
	assert_int_equal(site_vip(&s, 0)->flaps, 0);
	site_stop(&s);
}

TEST(adoption, keeps_a_drained_line_drained)
{
	struct config_builder b;
	struct site s;

	two_vips(&b);
	site_start(&s, &b.config);
	site_serve(&s);
	site_drain(&s, 0, true, false);
	site_run(&s);
	site_restart(&s, &b.config, true);
	site_drain(&s, 0, true, false);
	site_facts_good(&s);
	site_run(&s);
	expect(&s, 0, VIP_DRAINING, VIP_REASON_VIP_DRAINED);
	/* Undrained before the reals are judged: it waits for them as it stands. */
	site_drain(&s, 0, false, false);
	site_run(&s);
	expect(&s, 0, VIP_DRAINING, VIP_REASON_STARTING);
	site_verdict_all(&s, REAL_UP);
	site_run(&s);
	expect(&s, 0, VIP_ANNOUNCED, VIP_REASON_SERVING);
	site_stop(&s);
}

TEST(adoption, with_lost_pins_programs_unknown_reals_rather_than_none)
{
	struct config_builder b;
	struct site s;

	two_vips(&b);
	site_start(&s, &b.config);
	site_serve(&s);
	memset(s.world.rings, 0, sizeof(s.world.rings));
	memset(s.world.services, 0, sizeof(s.world.services));
	site_restart(&s, &b.config, true);
	site_facts_good(&s);
	site_run(&s);
	expect(&s, 0, VIP_ANNOUNCED, VIP_REASON_STARTING);
	assert_int_equal(world_ring_find(&s.world, "web")->n_takers, 3);
	assert_non_null(world_service_find(&s.world, &b.vips[0].prefix, IPPROTO_TCP, 80));
	site_stop(&s);
}

TEST(adoption, removes_what_an_earlier_config_left_behind)
{
	struct config_builder b, c;
	struct site s;

	two_vips(&b);
	site_start(&s, &b.config);
	site_serve(&s);
	two_vips(&c);
	c.config.n_vips = c.config.n_pools = 1;
	site_restart(&s, &c.config, true);
	site_facts_good(&s);
	site_verdict_all(&s, REAL_UP);
	site_pass(&s, 5 * S);
	assert_null(world_service_find(&s.world, &b.vips[1].prefix, IPPROTO_TCP, 53));
	assert_int_equal(line(&s, &b.vips[1].prefix), ROUTE_NONE);
	assert_null(world_ring_find(&s.world, "dns"));
	expect(&s, 0, VIP_ANNOUNCED, VIP_REASON_SERVING);
	site_stop(&s);
}

/* ---- reload ---- */

TEST(reload, of_the_same_config_changes_nothing)
{
	struct config_builder b, c;
	struct site s;

	two_vips(&b);
	site_start(&s, &b.config);
	site_serve(&s);
	two_vips(&c);
	site_trace_clear(&s);
	assert_int_equal(core_reload(s.core, &c.config, s.now), 0);
	site_pass(&s, 100 * S);
	assert_int_equal(s.n_trace, 0);
	expect(&s, 0, VIP_ANNOUNCED, VIP_REASON_SERVING);
	assert_ptr_equal(core_config(s.core), &c.config);
	assert_ptr_equal(site_vip(&s, 0)->config, &c.vips[0]);
	assert_ptr_equal(core_pool(s.core, 0)->reals[0].config, &c.reals[0][0]);
	site_stop(&s);
}

TEST(reload, matches_reals_by_address_and_vips_by_prefix)
{
	struct config_builder b, c;
	struct site s;
	struct config_real first;
	struct config_vip vip;

	two_vips(&b);
	site_start(&s, &b.config);
	site_serve(&s);
	site_verdict(&s, 0, 0, REAL_DOWN);
	site_drain(&s, 0, true, false);
	site_run(&s);

	two_vips(&c); /* VIPs and reals in another order and under other names */
	vip = c.vips[0];
	c.vips[0] = c.vips[1];
	c.vips[1] = vip;
	first = c.reals[0][0];
	c.reals[0][0] = c.reals[0][2];
	c.reals[0][2] = first;
	c.reals[0][2].name = "renamed";
	assert_int_equal(core_reload(s.core, &c.config, s.now), 0);
	assert_int_equal(core_pool(s.core, 0)->reals[0].state, REAL_UP);
	assert_int_equal(core_pool(s.core, 0)->reals[2].state, REAL_DOWN);
	expect(&s, 1, VIP_DRAINING, VIP_REASON_VIP_DRAINED);
	expect(&s, 0, VIP_ANNOUNCED, VIP_REASON_SERVING);
	site_stop(&s);
}

TEST(reload, recognises_a_renamed_pool_by_its_services)
{
	struct config_builder b, c;
	struct site s;

	two_vips(&b);
	site_start(&s, &b.config);
	site_serve(&s);
	site_verdict(&s, 0, 0, REAL_DOWN);
	two_vips(&c);
	snprintf(c.pool_names[0], sizeof(c.pool_names[0]), "www");
	assert_int_equal(core_reload(s.core, &c.config, s.now), 0);
	assert_int_equal(core_pool(s.core, 0)->reals[0].state, REAL_DOWN);
	assert_int_equal(core_pool(s.core, 0)->reals[1].state, REAL_UP);
	site_pass(&s, 10 * S);
	expect(&s, 0, VIP_ANNOUNCED, VIP_REASON_SERVING);
	assert_non_null(world_ring_find(&s.world, "www"));
	assert_null(world_ring_find(&s.world, "web"));
	site_stop(&s);
}

TEST(reload, with_new_reals_is_no_flap_and_they_wait_to_be_judged)
{
	struct config_builder b, c;
	struct site s;
	const struct desired_pool *web;

	two_vips(&b);
	site_start(&s, &b.config);
	site_serve(&s);
	build_start(&c);
	build_pool(&c, "web", 5);
	build_pool(&c, "dns", 2);
	build_service(&c, build_vip(&c, "203.0.113.10/32"), 80, 0);
	assert_int_equal(core_reload(s.core, &c.config, s.now), 0);
	site_run(&s);
	web = &core_desired(s.core)->pools[0];
	assert_true(web->takes_new_flows[2]);
	assert_false(web->takes_new_flows[3]);
	expect(&s, 0, VIP_ANNOUNCED, VIP_REASON_SERVING);
	site_next_hop(&s, 0, 3, true);
	site_verdict(&s, 0, 3, REAL_UP);
	assert_true(web->takes_new_flows[3]);
	site_stop(&s);
}

TEST(reload, with_all_other_reals_holds_what_is_announced)
{
	struct config_builder b, c;
	struct site s;

	two_vips(&b);
	site_start(&s, &b.config);
	site_serve(&s);
	two_vips(&c);
	for (uint32_t r = 0; r < 3; r++)
		c.reals[0][r].addr.bytes[13] = 99;
	assert_int_equal(core_reload(s.core, &c.config, s.now), 0);
	site_facts_good(&s);
	site_run(&s);
	expect(&s, 0, VIP_ANNOUNCED, VIP_REASON_STARTING);
	assert_int_equal(world_ring_find(&s.world, "web")->n_takers, 3);
	site_pass(&s, 29 * S);
	expect(&s, 0, VIP_ANNOUNCED, VIP_REASON_STARTING);
	site_verdict(&s, 0, 0, REAL_UP);
	site_run(&s);
	expect(&s, 0, VIP_ANNOUNCED, VIP_REASON_SERVING);
	site_pass(&s, S);
	assert_int_equal(world_ring_find(&s.world, "web")->n_takers, 1);
	site_stop(&s);
}

TEST(reload, with_another_check_keeps_reals_serving_until_judged)
{
	struct config_builder b, c;
	struct site s;

	two_vips(&b);
	site_start(&s, &b.config);
	site_serve(&s);
	two_vips(&c);
	c.pool_checks[0][0] = 2;
	assert_int_equal(core_reload(s.core, &c.config, s.now), 0);
	site_run(&s);
	assert_int_equal(core_pool(s.core, 0)->reals[0].state, REAL_UNKNOWN);
	expect(&s, 0, VIP_ANNOUNCED, VIP_REASON_STARTING);
	assert_int_equal(world_ring_find(&s.world, "web")->n_takers, 3);
	site_verdict(&s, 0, 0, REAL_DOWN);
	site_run(&s);
	assert_int_equal(world_ring_find(&s.world, "web")->n_takers, 2);
	site_pass(&s, 30 * S);
	expect(&s, 0, VIP_WITHDRAWING, VIP_REASON_NO_QUORUM);
	site_stop(&s);
}

TEST(reload, adds_a_service_on_a_new_pool_without_a_flap)
{
	struct config_builder b, c;
	struct site s;

	two_vips(&b);
	site_start(&s, &b.config);
	site_serve(&s);
	two_vips(&c);
	build_service(&c, 0, 8443, build_pool(&c, "new", 2));
	assert_int_equal(core_reload(s.core, &c.config, s.now), 0);
	site_facts_good(&s);
	site_run(&s);
	expect(&s, 0, VIP_ANNOUNCED, VIP_REASON_STARTING);
	site_verdict_all(&s, REAL_UP);
	site_pass(&s, 10 * S);
	expect(&s, 0, VIP_ANNOUNCED, VIP_REASON_SERVING);
	assert_int_equal(site_vip(&s, 0)->flaps, 0);
	site_stop(&s);
}

TEST(reload, moves_a_service_to_another_pool)
{
	struct config_builder b, c;
	struct site s;
	struct world_service *service;

	two_vips(&b);
	site_start(&s, &b.config);
	site_serve(&s);
	two_vips(&c);
	c.services[0][0].pool = 1;
	assert_int_equal(core_reload(s.core, &c.config, s.now), 0);
	site_run(&s);
	service = world_service_find(&s.world, &b.vips[0].prefix, IPPROTO_TCP, 80);
	assert_string_equal(s.world.rings[service->ring].pool, "dns");
	assert_null(world_ring_find(&s.world, "web"));
	expect(&s, 0, VIP_ANNOUNCED, VIP_REASON_SERVING);
	site_stop(&s);
}

TEST(reload, swaps_pool_order_without_an_op)
{
	struct config_builder b, c;
	struct site s;

	two_vips(&b);
	site_start(&s, &b.config);
	site_serve(&s);
	build_start(&c);
	build_pool(&c, "dns", 2);
	build_pool(&c, "web", 3);
	for (uint32_t r = 0; r < 3; r++) {
		c.reals[1][r].addr = b.reals[0][r].addr;
		if (r < 2)
			c.reals[0][r].addr = b.reals[1][r].addr;
	}
	build_service(&c, build_vip(&c, "203.0.113.10/32"), 80, 1);
	build_service(&c, build_vip(&c, "2001:db8:cafe::53/128"), 53, 0);
	site_trace_clear(&s);
	assert_int_equal(core_reload(s.core, &c.config, s.now), 0);
	assert_int_equal(core_next_timer(s.core), USEC_NEVER); /* nothing is missing meanwhile */
	site_pass(&s, 5 * S);
	assert_int_equal(s.n_trace, 0);
	expect(&s, 0, VIP_ANNOUNCED, VIP_REASON_SERVING);
	site_stop(&s);
}

/* ---- lines that come and go by themselves ---- */

TEST(line, that_bgpd_forgot_waits_for_the_services_below_it)
{
	struct config_builder b;
	struct site s;
	struct op ops[8];

	two_vips(&b);
	site_start(&s, &b.config);
	site_serve(&s);
	memset(s.world.routes, 0, sizeof(s.world.routes));
	memset(s.world.services, 0, sizeof(s.world.services));
	site_step(&s, (struct core_event){ .kind = CORE_EVENT_OBSERVED,
					   .observed = world_observe(&s.world, s.core) });
	assert_int_equal(core_plan(s.core, &s.world.observed, ops, 8), 2);
	assert_int_equal(ops[0].kind, OP_SERVICE_SET);
	assert_int_equal(ops[1].kind, OP_SERVICE_SET);
	site_trace_clear(&s);
	site_run(&s);
	assert_true(site_trace_find(&s, OP_ROUTE_ANNOUNCE, 0) >
		    site_trace_find(&s, OP_SELF_TEST, 0));
	expect(&s, 0, VIP_ANNOUNCED, VIP_REASON_SERVING);
	site_stop(&s);
}

TEST(line, of_a_stranger_keeps_the_services_of_a_leaving_vip)
{
	struct config_builder b, c;
	struct site s;
	struct observed seen;
	struct op ops[8];

	two_vips(&b);
	site_start(&s, &b.config);
	site_serve(&s);
	two_vips(&c);
	c.config.n_vips = 1;
	assert_int_equal(core_reload(s.core, &c.config, s.now), 0);
	site_run(&s);
	s.now += 5 * S;
	site_step(&s, (struct core_event){ .kind = CORE_EVENT_TIMER });
	expect(&s, 1, VIP_WITHDRAWN, VIP_REASON_REMOVED);
	world_route_add(&s.world, &b.vips[1].prefix, ROUTE_ANNOUNCE);
	seen = *world_observe(&s.world, s.core);
	site_step(&s, (struct core_event){ .kind = CORE_EVENT_OBSERVED, .observed = &seen });
	assert_int_equal(core_plan(s.core, &seen, ops, 8), 1);
	assert_int_equal(ops[0].kind, OP_ROUTE_WITHDRAW);
	site_pass(&s, 5 * S);
	assert_int_equal(core_n_vips(s.core), 1);
	site_stop(&s);
}

TEST(line, is_not_put_or_drained_by_a_fenced_node)
{
	struct config_builder b;
	struct site s;
	struct op ops[8];

	two_vips(&b);
	site_start(&s, &b.config);
	site_serve(&s);
	site_fence(&s, true);
	expect(&s, 0, VIP_DRAINING, VIP_REASON_FENCED);
	/* A line the guard did not get to is drained; one it withdrew is left so. */
	memset(world_route_find(&s.world, &b.vips[1].prefix), 0, sizeof(struct world_route));
	assert_int_equal(core_plan(s.core, world_observe(&s.world, s.core), ops, 8), 1);
	assert_int_equal(ops[0].kind, OP_ROUTE_DRAIN);
	assert_int_equal(ops[0].index, 0);
	site_stop(&s);
}

TEST(line, that_is_not_read_back_yet_is_pending)
{
	struct config_builder b;
	struct site s;

	two_vips(&b);
	site_start(&s, &b.config);
	site_serve(&s);
	s.world.routes_are_read = false;
	site_run(&s);
	expect(&s, 0, VIP_ANNOUNCED, VIP_REASON_ROUTE_PENDING);
	site_stop(&s);
}

/* Found in the maps at start: hundreds of services that one VIP had and has no more. */
TEST(plan, what_leaves_takes_no_place_from_services_of_the_config)
{
	static struct observed_service found[400];
	struct config_builder b;
	struct site s;

	two_vips(&b);
	site_start(&s, &b.config);
	for (uint16_t i = 0; i < 400; i++)
		found[i] = (struct observed_service){ .vip = b.vips[0].prefix,
						      .proto = IPPROTO_TCP,
						      .port = (uint16_t)(1000 + i),
						      .programmed = true,
						      .pool = CORE_NONE };
	site_step(&s, (struct core_event){ .kind = CORE_EVENT_OBSERVED,
					   .observed = &(struct observed){ .services = found,
									   .n_services = 400 } });
	assert_true(site_vip(&s, 0)->n_services > 200);
	assert_int_equal(site_vip(&s, 1)->n_services, 1);
	assert_int_equal(site_vip(&s, 1)->services[0].port, 53);
	site_stop(&s);
}

RUN_TESTS(T(plan, what_leaves_takes_no_place_from_services_of_the_config),
	  T(plan, is_empty_once_done_and_the_same_when_asked_twice),
	  T(plan, writes_no_ring_without_an_owner), T(plan, withdraws_before_anything_else),
	  T(plan, repairs_what_strangers_change),
	  T(plan, changes_a_line_whose_attributes_are_wrong), T(leaving, goes_down_in_order),
	  T(leaving, lingers_while_packets_still_come),
	  T(leaving, of_one_service_deletes_it_and_keeps_the_vip),
	  T(leaving, is_called_off_when_the_vip_returns_to_the_config),
	  T(leaving, waits_for_a_router_that_does_not_answer),
	  T(leaving, of_many_found_at_once_takes_turns),
	  T(adoption, keeps_route_and_ring_until_the_reals_are_judged),
	  T(adoption, survives_the_order_in_which_facts_come),
	  T(adoption, is_bounded_once_the_prober_speaks),
	  T(adoption, ends_at_once_with_reals_judged_down),
	  T(adoption, withdraws_what_is_known_to_be_dead_without_a_flap),
	  T(adoption, keeps_a_drained_line_drained),
	  T(adoption, with_lost_pins_programs_unknown_reals_rather_than_none),
	  T(adoption, removes_what_an_earlier_config_left_behind),
	  T(reload, of_the_same_config_changes_nothing),
	  T(reload, matches_reals_by_address_and_vips_by_prefix),
	  T(reload, recognises_a_renamed_pool_by_its_services),
	  T(reload, with_new_reals_is_no_flap_and_they_wait_to_be_judged),
	  T(reload, with_all_other_reals_holds_what_is_announced),
	  T(reload, with_another_check_keeps_reals_serving_until_judged),
	  T(reload, adds_a_service_on_a_new_pool_without_a_flap),
	  T(reload, moves_a_service_to_another_pool), T(reload, swaps_pool_order_without_an_op),
	  T(line, that_bgpd_forgot_waits_for_the_services_below_it),
	  T(line, of_a_stranger_keeps_the_services_of_a_leaving_vip),
	  T(line, is_not_put_or_drained_by_a_fenced_node),
	  T(line, that_is_not_read_back_yet_is_pending))
