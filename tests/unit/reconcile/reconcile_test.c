/* SPDX-License-Identifier: Apache-2.0 */
/* The reconciler with the real core between fake ports: order, repair, adoption, reload. */
#include "src/reconcile/reconcile.h"

#include <netinet/in.h>
#include <string.h>

#include "src/reconcile/repairs.h"
#include "tests/lib/config_builder.h"
#include "tests/lib/test.h"
#include "tests/unit/reconcile/fakes.h"

static struct repairs repairs;

static struct node {
	struct config_builder config, other;
	struct core *core;
	struct reconcile *reconcile;
	usec_t now;
} node;

static void step(struct core_event event)
{
	event.now = node.now;
	core_step(node.core, &event);
}

/* Passes every 100 ms for a while. */
static void run_for(usec_t span)
{
	for (usec_t end = node.now + span; node.now < end; node.now += 100 * USEC_PER_MSEC) {
		step((struct core_event){ .kind = CORE_EVENT_TIMER });
		reconcile_pass(node.reconcile, node.now);
	}
}

static void tell_ways(void)
{
	step((struct core_event){
		.kind = CORE_EVENT_UPLINK,
		.uplink = { .present = true, .has_carrier = true, .xdp_attached = true } });
	step((struct core_event){
		.kind = CORE_EVENT_ROUTER,
		.router = { .connected = true, .has_instance = true, .established_peers = 1 } });
	for (uint32_t p = 0; p < core_n_pools(node.core); p++)
		for (uint32_t r = 0; r < core_pool(node.core, p)->config->n_reals; r++)
			step((struct core_event){ .kind = CORE_EVENT_NEXT_HOP,
						  .next_hop = { p, r, true } });
}

static void tell_verdict(uint32_t pool, uint32_t real, enum real_state state)
{
	step((struct core_event){
		.kind = CORE_EVENT_VERDICT,
		.verdict = { .pool = pool,
			     .real = real,
			     .state = state,
			     .reason = state == REAL_UP ? PROBE_OK : PROBE_REFUSED } });
}

static void tell_sign(uint32_t pool, uint32_t real, enum real_sign sign)
{
	step((struct core_event){ .kind = CORE_EVENT_VERDICT,
				  .verdict = { .pool = pool,
					       .real = real,
					       .state = REAL_DOWN,
					       .sign = sign,
					       .reason = PROBE_TIMEOUT } });
}

static void start_controller(const struct config *config)
{
	struct reconcile_options options = { .run_dir = "/nowhere" };
	struct err err = { "" };

	node.core = core_new(config, node.now);
	assert_non_null(node.core);
	options.core = node.core;
	options.repairs = &repairs;
	assert_int_equal(reconcile_new(&options, &node.reconcile, &err), 0);
	tell_ways();
}

static void stop_controller(void)
{
	reconcile_free(node.reconcile);
	core_free(node.core);
	node.reconcile = NULL;
	node.core = NULL;
}

/* One pool of three, one VIP with one service. */
static void build_one(struct config_builder *b)
{
	build_start(b);
	build_service(b, build_vip(b, "203.0.113.10/32"), 80, build_pool(b, "web", 3));
}

static void start_one(void)
{
	fake_reset();
	node.now = 1000 * USEC_PER_SEC;
	build_one(&node.config);
	start_controller(build_finish(&node.config));
}

static void judge_all(enum real_state state)
{
	for (uint32_t r = 0; r < 3; r++)
		tell_verdict(0, r, state);
}

static void start_announced(void)
{
	start_one();
	judge_all(REAL_UP);
	run_for(2 * USEC_PER_SEC);
	assert_int_equal(fake.n_routes, 1);
	assert_int_equal(core_vip(node.core, 0)->state, VIP_ANNOUNCED);
}

TEST(reconcile, goes_up_in_order)
{
	start_announced();
	assert_true(fake_did("real-set", "ring-write"));
	assert_true(fake_did("ring-write", "service-set"));
	assert_true(fake_did("vip-set", "service-set"));
	assert_true(fake_did("service-set", "self-test"));
	assert_true(fake_did("self-test", "announce"));
	assert_true(fake_did("lease-some", "announce"));
	assert_false(fake_did("bad-test", NULL));
	assert_true(reconcile_is_settled(node.reconcile));
	assert_int_equal(fake.n_announced, 1);
	stop_controller();
}

TEST(reconcile, ring_names_only_reals_that_take_flows)
{
	start_announced();
	tell_verdict(0, 1, REAL_DOWN);
	run_for(USEC_PER_SEC);
	for (uint32_t s = 0; s < RING_SLOTS; s++)
		assert_true(fake.rings[0][s] == 1 || fake.rings[0][s] == 3);
	stop_controller();
}

TEST(reconcile, withdraws_and_shortens_the_lease_when_all_reals_fail)
{
	start_announced();
	judge_all(REAL_DOWN);
	run_for(USEC_PER_SEC);
	assert_int_equal(fake.n_routes, 0);
	assert_int_equal(fake.n_announced, 0);
	assert_int_equal(fake.n_services, 1);
	stop_controller();
}

TEST(reconcile, does_not_announce_what_the_guard_cannot_answer_for)
{
	start_one();
	fake.fail_announced = true;
	judge_all(REAL_UP);
	run_for(USEC_PER_SEC);
	assert_int_equal(fake.n_routes, 0);
	assert_false(fake_did("announce", NULL));
	fake.fail_announced = false;
	run_for(12 * USEC_PER_SEC);
	assert_int_equal(fake.n_routes, 1);
	stop_controller();
}

TEST(reconcile, retries_failed_ops_with_growing_pauses)
{
	start_one();
	fake.fail_set_service = 5;
	judge_all(REAL_UP);
	run_for(USEC_PER_SEC);
	assert_int_equal(fake.n_routes, 0);
	assert_true(reconcile_stats(node.reconcile)->failures >= 3);
	assert_true(reconcile_stats(node.reconcile)->failures <= 5);
	assert_non_null(
		strstr(reconcile_stats(node.reconcile)->last_failure, "no service is free"));
	run_for(5 * USEC_PER_SEC);
	assert_int_equal(fake.n_routes, 1);
	stop_controller();
}

TEST(reconcile, announces_nothing_that_fails_its_self_test)
{
	start_one();
	fake.fail_self_test = 1000;
	judge_all(REAL_UP);
	run_for(5 * USEC_PER_SEC);
	assert_int_equal(fake.n_routes, 0);
	fake.fail_self_test = 0;
	run_for(12 * USEC_PER_SEC);
	assert_int_equal(fake.n_routes, 1);
	stop_controller();
}

TEST(reconcile, withdraws_after_two_failed_self_tests)
{
	start_announced();
	fake.fail_self_test = 1;
	run_for(8 * USEC_PER_SEC);
	assert_int_equal(fake.n_routes, 1); /* one failure is none */
	fake.fail_self_test = 1000;
	run_for(8 * USEC_PER_SEC);
	assert_int_equal(fake.n_routes, 0);
	stop_controller();
}

TEST(reconcile, mends_a_service_that_vanished_from_the_maps)
{
	start_announced();
	fake.n_services = 0;
	run_for(RECONCILE_READ_BACK_US + USEC_PER_SEC);
	assert_int_equal(fake.n_services, 1);
	assert_int_equal(fake.n_routes, 1);
	stop_controller();
}

TEST(reconcile, puts_back_a_ring_that_somebody_changed_and_counts_it)
{
	start_announced();
	repairs = (struct repairs){ 0 };
	fake.rings[0][9] = 0;
	fake.mended = (struct dataplane_mended){ .part = DATAPLANE_PART_RING, .what = "ring" };
	fake.mended_n = 1;
	reconcile_mend(node.reconcile);
	assert_true(fake_did("ring-mend", NULL));
	assert_int_not_equal(fake.rings[0][9], 0);
	assert_int_equal(repairs.n[REPAIR_RING], 1);
	fake.mended = (struct dataplane_mended){ .part = DATAPLANE_PART_PIN, .what = "rings" };
	fake.mended_n = 1;
	reconcile_mend(node.reconcile);
	assert_int_equal(repairs.n[REPAIR_PIN], 1);
	reconcile_mend(node.reconcile);
	assert_int_equal(repairs.n[REPAIR_PIN], 1);
	stop_controller();
}

TEST(reconcile, takes_a_ring_as_it_is_whose_slots_nobody_knows)
{
	start_announced();
	fake.mended =
		(struct dataplane_mended){ .part = DATAPLANE_PART_RING, .what = "ring", .ring = 5 };
	fake.mended_n = 1;
	reconcile_mend(node.reconcile);
	assert_true(fake_did("ring-accept", NULL));
	assert_false(fake_did("ring-mend", NULL));
	stop_controller();
}

TEST(reconcile, announces_again_what_bgpd_forgot)
{
	start_announced();
	fake.n_routes = 0;
	run_for(USEC_PER_SEC);
	assert_int_equal(fake.n_routes, 1);
	stop_controller();
}

TEST(reconcile, removes_lines_in_the_ranges_that_are_not_ours)
{
	start_announced();
	fake.routes[1] = (struct router_route){ .has_line = true, .peers = 1 };
	assert_int_equal(prefix_parse("203.0.113.99/32", &fake.routes[1].prefix), 0);
	fake.n_routes = 2;
	run_for(USEC_PER_SEC);
	assert_int_equal(fake.n_routes, 1);
	assert_true(prefix_eq(&fake.routes[0].prefix, &node.config.vips[0].prefix));
	stop_controller();
}

TEST(reconcile, plans_on_no_route_that_was_read_before_somebody_wrote)
{
	start_announced();
	fake.journal[0] = '\0';
	reconcile_distrust_routes(node.reconcile, node.now + USEC_PER_SEC);
	assert_false(reconcile_is_settled(node.reconcile));
	fake.n_routes = 0; /* the guard's work, and the old read-back still stands */
	run_for(800 * USEC_PER_MSEC);
	assert_false(fake_did("announce", NULL));
	assert_false(fake_did("read-back", NULL));
	run_for(3 * USEC_PER_SEC);
	assert_true(fake_did("read-back", NULL));
	assert_false(fake_did("announce", NULL));
	assert_false(reconcile_is_settled(node.reconcile));
	assert_false(reconcile_routes_are_read(node.reconcile));
	fake.read_at = node.now;
	run_for(USEC_PER_SEC);
	assert_true(fake_did("announce", NULL));
	assert_true(reconcile_is_settled(node.reconcile));
	assert_true(reconcile_routes_are_read(node.reconcile));
	stop_controller();
}

TEST(reconcile, restart_adopts_without_a_write)
{
	start_announced();
	tell_verdict(0, 1, REAL_DOWN);
	run_for(USEC_PER_SEC);
	stop_controller();
	fake.journal[0] = '\0';
	start_controller(build_finish(&node.config));
	run_for(USEC_PER_SEC);
	assert_false(fake_did("ring-new", NULL));
	assert_false(fake_did("withdraw", NULL));
	for (uint32_t s = 0; s < RING_SLOTS; s++)
		assert_true(fake.rings[0][s] == 1 || fake.rings[0][s] == 3);
	judge_all(REAL_UP);
	run_for(USEC_PER_SEC);
	assert_int_equal(fake.n_routes, 1);
	assert_false(fake_did("withdraw", NULL));
	stop_controller();
}

TEST(reconcile, restart_takes_over_what_the_config_changed_meanwhile)
{
	start_announced();
	stop_controller();
	node.config.pools[0].encap = CONFIG_ENCAP_GUE;
	node.config.pools[0].gue_port = 6080;
	node.config.services[0][0].hash = CONFIG_HASH_SOURCE_IP;
	start_controller(build_finish(&node.config));
	assert_int_equal(fake.services[0].encap, CONFIG_ENCAP_GUE);
	assert_int_equal(fake.services[0].gue_port, 6080);
	assert_int_equal(fake.services[0].hash, CONFIG_HASH_SOURCE_IP);
	run_for(USEC_PER_SEC);
	assert_false(fake_did("withdraw", NULL));
	stop_controller();
}

TEST(reconcile, removed_vip_is_withdrawn_lingers_then_goes)
{
	start_announced();
	build_start(&node.other);
	build_pool(&node.other, "web", 3);
	fake.journal[0] = '\0';
	assert_int_equal(core_reload(node.core, build_finish(&node.other), node.now), 0);
	assert_int_equal(reconcile_reload(node.reconcile, NULL), 0);
	run_for(2 * USEC_PER_SEC);
	assert_int_equal(fake.n_routes, 0);
	assert_int_equal(fake.n_services, 1);
	run_for(12 * USEC_PER_SEC);
	assert_int_equal(fake.n_services, 0);
	assert_int_equal(fake.n_vips, 0);
	assert_true(fake_did("withdraw", "service-del"));
	assert_false(fake.ring_used[0]);
	stop_controller();
}

TEST(reconcile, renamed_pool_keeps_its_ring)
{
	start_announced();
	build_start(&node.other);
	build_service(&node.other, build_vip(&node.other, "203.0.113.10/32"), 80,
		      build_pool(&node.other, "www", 3));
	fake.journal[0] = '\0';
	assert_int_equal(core_reload(node.core, build_finish(&node.other), node.now), 0);
	assert_int_equal(reconcile_reload(node.reconcile, NULL), 0);
	tell_ways();
	run_for(5 * USEC_PER_SEC);
	assert_false(fake_did("ring-new", NULL));
	assert_false(fake_did("ring-del", NULL));
	assert_false(fake_did("withdraw", NULL));
	assert_int_equal(fake.n_routes, 1);
	stop_controller();
}

/* Of two services of one pool the first is given a pool of its own; nobody looked yet who serves
 * it. */
TEST(reconcile, service_that_stays_keeps_its_reals_when_another_changes_pool)
{
	uint32_t vip, ring;

	fake_reset();
	node.now = 1000 * USEC_PER_SEC;
	build_one(&node.config);
	build_service(&node.config, 0, 443, 0);
	start_controller(build_finish(&node.config));
	judge_all(REAL_UP);
	run_for(2 * USEC_PER_SEC);
	assert_int_equal(fake.n_services, 2);
	build_start(&node.other);
	build_pool(&node.other, "web", 3);
	vip = build_vip(&node.other, "203.0.113.10/32");
	build_service(&node.other, vip, 80, build_pool(&node.other, "new", 2));
	build_service(&node.other, vip, 443, 0);
	assert_int_equal(core_reload(node.core, build_finish(&node.other), node.now), 0);
	assert_int_equal(reconcile_reload(node.reconcile, NULL), 0);
	tell_ways();
	tell_verdict(1, 0, REAL_UP);
	tell_verdict(1, 1, REAL_UP);
	fake.fail_set_service = 1; /* the change comes to a halt half way */
	reconcile_pass(node.reconcile, node.now);
	assert_int_equal(fake.services[1].port, 443);
	ring = fake.services[1].ring;
	for (uint32_t s = 0; s < RING_SLOTS; s++)
		assert_in_range(fake.rings[ring][s], 1, 3);
	run_for(5 * USEC_PER_SEC);
	assert_int_not_equal(fake.services[0].ring, fake.services[1].ring);
	assert_int_equal(fake.services[1].ring, ring);
	stop_controller();
}

TEST(reconcile, real_that_left_the_config_is_freed_after_its_ring)
{
	start_announced();
	build_start(&node.other);
	build_service(&node.other, build_vip(&node.other, "203.0.113.10/32"), 80,
		      build_pool(&node.other, "web", 2));
	fake.journal[0] = '\0';
	assert_int_equal(core_reload(node.core, build_finish(&node.other), node.now), 0);
	assert_int_equal(reconcile_reload(node.reconcile, NULL), 0);
	tell_ways();
	run_for(5 * USEC_PER_SEC);
	assert_true(fake_did("ring-write", "real-del"));
	for (uint32_t s = 0; s < RING_SLOTS; s++)
		assert_true(fake.rings[0][s] == 1 || fake.rings[0][s] == 2);
	stop_controller();
}

/* Nobody takes new flows, so the last ring stands, and with it what it names. */
TEST(reconcile, real_stays_while_a_ring_names_it)
{
	start_announced();
	judge_all(REAL_DOWN);
	run_for(12 * USEC_PER_SEC);
	build_start(&node.other);
	build_service(&node.other, build_vip(&node.other, "203.0.113.10/32"), 80,
		      build_pool(&node.other, "web", 2));
	assert_int_equal(core_reload(node.core, build_finish(&node.other), node.now), 0);
	assert_int_equal(reconcile_reload(node.reconcile, NULL), 0);
	run_for(5 * USEC_PER_SEC);
	assert_false(fake_did("real-del", NULL));
	tell_ways();
	tell_verdict(0, 0, REAL_UP);
	run_for(USEC_PER_SEC);
	assert_true(fake_did("real-del", NULL));
	stop_controller();
}

/* ---- what becomes of flows ---- */

TEST(reconcile, programs_server_ids_before_the_service_and_follows_their_changes)
{
	fake_reset();
	node.now = 1000 * USEC_PER_SEC;
	build_one(&node.config);
	node.config.reals[0][1].server_id = 1023;
	start_controller(build_finish(&node.config));
	judge_all(REAL_UP);
	run_for(2 * USEC_PER_SEC);
	assert_true(fake_did("real-set", "ids-set"));
	assert_true(fake_did("ids-set", "service-set"));
	assert_int_equal(fake.ids[0][2], 1023);
	fake.journal[0] = '\0';
	build_one(&node.other);
	node.other.reals[0][1].server_id = 77;
	node.other.reals[0][2].server_id = 1023;
	assert_int_equal(core_reload(node.core, build_finish(&node.other), node.now), 0);
	assert_int_equal(reconcile_reload(node.reconcile, NULL), 0);
	tell_ways();
	run_for(2 * USEC_PER_SEC);
	assert_true(fake_did("ids-set", NULL));
	assert_false(fake_did("withdraw", NULL));
	assert_int_equal(fake.ids[0][2], 77);
	assert_int_equal(fake.ids[0][3], 1023);
	stop_controller();
}

/* The route names a real that the pool gets with the same reload. */
TEST(reconcile, a_changed_source_route_withdraws_nothing)
{
	struct config_source_route route = { .real = 3 };

	start_announced();
	fake.journal[0] = '\0';
	build_start(&node.other);
	build_service(&node.other, build_vip(&node.other, "203.0.113.10/32"), 80,
		      build_pool(&node.other, "web", 4));
	assert_int_equal(prefix_parse("198.51.100.0/24", &route.source), 0);
	node.other.services[0][0].source_routes = &route;
	node.other.services[0][0].n_source_routes = 1;
	assert_int_equal(core_reload(node.core, build_finish(&node.other), node.now), 0);
	assert_int_equal(reconcile_reload(node.reconcile, NULL), 0);
	tell_ways();
	run_for(2 * USEC_PER_SEC);
	assert_true(fake_did("real-set", "service-set"));
	assert_false(fake_did("withdraw", NULL));
	assert_int_equal(fake.services[0].n_source_routes, 1);
	stop_controller();
}

TEST(reconcile, a_death_is_written_before_the_ring_and_undone_by_any_answer)
{
	start_announced();
	fake.journal[0] = '\0';
	tell_sign(0, 1, REAL_SIGN_GONE);
	run_for(USEC_PER_SEC);
	assert_true(fake_did("real-dies", "ring-write"));
	assert_int_equal(fake.lives[2], DATAPLANE_REAL_DEAD);
	assert_int_equal(fake.lives[1], DATAPLANE_REAL_TAKES);
	tell_sign(0, 1, REAL_SIGN_ANSWERS);
	run_for(USEC_PER_SEC);
	assert_int_equal(fake.lives[2], DATAPLANE_REAL_LEAVING);
	tell_verdict(0, 1, REAL_UP);
	run_for(USEC_PER_SEC);
	assert_int_equal(fake.lives[2], DATAPLANE_REAL_TAKES);
	stop_controller();
}

TEST(reconcile, a_restart_keeps_every_life_until_it_is_judged)
{
	start_announced();
	tell_sign(0, 0, REAL_SIGN_ANSWERS);
	tell_sign(0, 1, REAL_SIGN_GONE);
	run_for(USEC_PER_SEC);
	stop_controller();
	fake.journal[0] = '\0';
	start_controller(build_finish(&node.config));
	run_for(5 * USEC_PER_SEC);
	assert_int_equal(fake.lives[1], DATAPLANE_REAL_LEAVING);
	assert_int_equal(fake.lives[2], DATAPLANE_REAL_DEAD);
	assert_false(fake_did("real-takes", NULL) || fake_did("real-leaves", NULL) ||
		     fake_did("real-dies", NULL));
	judge_all(REAL_UP);
	run_for(USEC_PER_SEC);
	assert_int_equal(fake.lives[2], DATAPLANE_REAL_TAKES);
	stop_controller();
}

/* The same three addresses serve two pools; a third pool serves nobody and has no say. */
TEST(reconcile, an_address_of_two_pools_has_one_life)
{
	fake_reset();
	node.now = 1000 * USEC_PER_SEC;
	build_one(&node.config);
	build_service(&node.config, 0, 443, build_pool(&node.config, "tls", 3));
	build_pool(&node.config, "idle", 3);
	for (int r = 0; r < 3; r++)
		node.config.reals[1][r].addr = node.config.reals[2][r].addr =
			node.config.reals[0][r].addr;
	start_controller(build_finish(&node.config));
	for (uint32_t p = 0; p < 2; p++)
		for (uint32_t r = 0; r < 3; r++)
			tell_verdict(p, r, REAL_UP);
	run_for(2 * USEC_PER_SEC);
	assert_int_equal(fake.lives[1], DATAPLANE_REAL_TAKES);
	tell_sign(0, 0, REAL_SIGN_GONE);
	run_for(USEC_PER_SEC);
	assert_int_equal(fake.lives[1], DATAPLANE_REAL_LEAVING); /* the other pool hears it */
	tell_sign(1, 0, REAL_SIGN_NONE);
	run_for(USEC_PER_SEC);
	assert_int_equal(fake.lives[1], DATAPLANE_REAL_DEAD);
	tell_sign(1, 0, REAL_SIGN_ANSWERS);
	run_for(USEC_PER_SEC);
	assert_int_equal(fake.lives[1], DATAPLANE_REAL_LEAVING);
	stop_controller();
}

TEST(reconcile, a_new_ring_is_seeded_with_owners_that_are_not_dead)
{
	bool seeded[4] = { false };

	start_one();
	tell_sign(0, 1, REAL_SIGN_GONE);
	tell_verdict(0, 0, REAL_UP); /* the third is not judged yet */
	run_for(2 * USEC_PER_SEC);
	assert_true(fake_did("ring-write", "ring-seed"));
	assert_true(fake_did("real-leaves", "ring-seed"));
	assert_int_equal(fake.lives[3], DATAPLANE_REAL_LEAVING);
	assert_true(fake_did("ring-seed", "service-set"));
	for (uint32_t s = 0; s < RING_SLOTS; s++) {
		assert_int_equal(fake.rings[0][s], 1);
		seeded[fake.seed[s]] = true;
	}
	assert_true(seeded[0] && seeded[1] && !seeded[2] && seeded[3]);
	fake.journal[0] = '\0';
	tell_verdict(0, 2, REAL_UP);
	run_for(USEC_PER_SEC);
	assert_true(fake_did("ring-write", NULL));
	assert_false(fake_did("ring-seed", NULL));
	stop_controller();
}

TEST(reconcile, a_real_that_left_keeps_its_flows_until_they_are_idle)
{
	start_announced();
	node.config.config.node.idle_us = 60 * USEC_PER_SEC;
	build_start(&node.other);
	node.other.config.node.idle_us = 60 * USEC_PER_SEC;
	build_service(&node.other, build_vip(&node.other, "203.0.113.10/32"), 80,
		      build_pool(&node.other, "web", 2));
	assert_int_equal(core_reload(node.core, build_finish(&node.other), node.now), 0);
	assert_int_equal(reconcile_reload(node.reconcile, NULL), 0);
	tell_ways();
	assert_int_equal(fake.lives[3], DATAPLANE_REAL_LEAVING);
	for (int i = 0; i < 4; i++) {
		run_for(50 * USEC_PER_SEC);
		fake.packets[3]++;
	}
	assert_false(fake_did("real-del", NULL));
	fake.rings[0][77] = 1 | 3 << 16; /* a slot still moves from it */
	run_for(120 * USEC_PER_SEC);
	assert_false(fake_did("real-del", NULL));
	fake.rings[0][77] = 1;
	run_for(5 * USEC_PER_SEC);
	assert_true(fake_did("real-del", NULL));
	stop_controller();
}

TEST(reconcile, a_dead_real_that_left_gets_no_flows_back)
{
	start_announced();
	tell_sign(0, 2, REAL_SIGN_GONE);
	run_for(USEC_PER_SEC);
	assert_int_equal(fake.lives[3], DATAPLANE_REAL_DEAD);
	build_start(&node.other);
	build_service(&node.other, build_vip(&node.other, "203.0.113.10/32"), 80,
		      build_pool(&node.other, "web", 2));
	fake.journal[0] = '\0';
	assert_int_equal(core_reload(node.core, build_finish(&node.other), node.now), 0);
	assert_int_equal(reconcile_reload(node.reconcile, NULL), 0);
	tell_ways();
	run_for(USEC_PER_SEC);
	assert_int_equal(fake.lives[3], DATAPLANE_REAL_DEAD);
	assert_false(fake_did("real-leaves", NULL));
	stop_controller();
}

RUN_TESTS(T(reconcile, goes_up_in_order),
	  T(reconcile, programs_server_ids_before_the_service_and_follows_their_changes),
	  T(reconcile, a_changed_source_route_withdraws_nothing),
	  T(reconcile, a_death_is_written_before_the_ring_and_undone_by_any_answer),
	  T(reconcile, a_restart_keeps_every_life_until_it_is_judged),
	  T(reconcile, an_address_of_two_pools_has_one_life),
	  T(reconcile, a_new_ring_is_seeded_with_owners_that_are_not_dead),
	  T(reconcile, a_real_that_left_keeps_its_flows_until_they_are_idle),
	  T(reconcile, ring_names_only_reals_that_take_flows),
	  T(reconcile, withdraws_and_shortens_the_lease_when_all_reals_fail),
	  T(reconcile, does_not_announce_what_the_guard_cannot_answer_for),
	  T(reconcile, retries_failed_ops_with_growing_pauses),
	  T(reconcile, announces_nothing_that_fails_its_self_test),
	  T(reconcile, withdraws_after_two_failed_self_tests),
	  T(reconcile, mends_a_service_that_vanished_from_the_maps),
	  T(reconcile, announces_again_what_bgpd_forgot),
	  T(reconcile, removes_lines_in_the_ranges_that_are_not_ours),
	  T(reconcile, plans_on_no_route_that_was_read_before_somebody_wrote),
	  T(reconcile, puts_back_a_ring_that_somebody_changed_and_counts_it),
	  T(reconcile, takes_a_ring_as_it_is_whose_slots_nobody_knows),
	  T(reconcile, restart_adopts_without_a_write),
	  T(reconcile, restart_takes_over_what_the_config_changed_meanwhile),
	  T(reconcile, real_stays_while_a_ring_names_it),
	  T(reconcile, removed_vip_is_withdrawn_lingers_then_goes),
	  T(reconcile, a_dead_real_that_left_gets_no_flows_back),
	  T(reconcile, renamed_pool_keeps_its_ring),
	  T(reconcile, service_that_stays_keeps_its_reals_when_another_changes_pool),
	  T(reconcile, real_that_left_the_config_is_freed_after_its_ring))
