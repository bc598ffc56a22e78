/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow_test.c - flows that stay: slots that move, settle and are steady again, and the flow table,
 * packet by packet through the program, on a clock that the test sets.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <string.h>

#include "bpf/flow_rule.h"
#include "tests/lib/test.h"
#include "tests/packet/fixture.h"

#define VIP4    "10.200.1.1"
#define VIP6    "fc00:1::1"
#define IDLE    (900 * USEC_PER_SEC)
#define WATCH   (IDLE + 20 * USEC_PER_SEC) /* until settled slots are steady */
#define SWEPT   (120 * USEC_PER_SEC)       /* until old entries are gone */
#define SYN     0x02
#define ACK     0x10
#define TCP     IPPROTO_TCP
#define UDP     IPPROTO_UDP
#define NOTHING 0

static struct fixture f;
static uint32_t ring;
static uint16_t a, b, c; /* reals */

static void give(uint16_t real)
{
	static uint16_t slots[RING_SLOTS];
	struct err err = { "" };

	for (uint32_t i = 0; i < RING_SLOTS; i++)
		slots[i] = real;
	if (dataplane_ring_write(f.dp, ring, slots, NULL, &err) < 0)
		fail_msg("%s", err.text);
}

static void live(const char *real, enum dataplane_real_life life)
{
	struct addr addr = fixture_addr(real);
	struct err err = { "" };

	assert_int_equal(dataplane_set_real_life(f.dp, &addr, life, &err), 0);
}

static void serve(const char *vip, uint8_t proto, enum config_track track)
{
	struct dataplane_service service = {
		.vip = fixture_prefix(vip), .proto = proto, .port = 80, .ring = ring, .track = track
	};
	struct err err = { "" };

	if (dataplane_set_service(f.dp, &service, &err) < 0)
		fail_msg("%s", err.text);
}

static int set_up_table(uint64_t entries)
{
	fixture_init_flows(&f, 2, NULL, entries);
	clock_set(f.dp, 5000 * USEC_PER_SEC);
	ring = fixture_ring(&f, "10.0.0.1");
	a = fixture_real(&f, "10.0.0.1");
	b = fixture_real(&f, "10.0.0.2");
	c = fixture_real(&f, "10.0.0.3");
	serve(VIP4, TCP, CONFIG_TRACK_MOVING);
	serve(VIP4, UDP, CONFIG_TRACK_MOVING);
	serve(VIP6, TCP, CONFIG_TRACK_MOVING);
	return 0;
}

static int set_up(void **state)
{
	(void)state;
	return set_up_table(0);
}

static int tear_down(void **state)
{
	(void)state;
	fixture_fini(&f);
	return 0;
}

/* The real that a packet of a flow goes to; 0: it was dropped. */
static uint32_t packet(uint8_t proto, uint16_t sport, uint8_t tcp_flags)
{
	struct frame_spec spec = fixture_spec("192.168.1.1", VIP4, proto, 80);

	spec.sport = sport;
	spec.tcp_flags = tcp_flags;
	if (fixture_send_spec(&f, &spec) != XDP_TX)
		return NOTHING;
	return dataplane_trace(f.dp)->real;
}

static uint32_t syn(uint16_t sport)
{
	return packet(TCP, sport, SYN);
}

static uint32_t ack(uint16_t sport)
{
	return packet(TCP, sport, ACK);
}

static struct dataplane_transition transition(void)
{
	struct dataplane_transition ret;

	assert_true(dataplane_ring_transition(f.dp, ring, &ret));
	return ret;
}

static void expect_transition(uint32_t moving, uint32_t settling)
{
	assert_int_equal(transition().moving, moving);
	assert_int_equal(transition().settling, settling);
	assert_int_equal(f.dp->rings[ring].in_transition, moving + settling);
}

static uint64_t used(void)
{
	struct dataplane_walk *walk;
	struct dataplane_flows flows;
	struct err err = { "" };
	uint64_t n;

	assert_int_equal(dataplane_count_flows(f.dp, &walk, &err), 0);
	assert_true(dataplane_walk_on(walk, USEC_NEVER));
	assert_int_equal(dataplane_walk_flows(walk, &flows, &err), 0);
	dataplane_walk_free(walk);
	n = flows.used;
	dataplane_flows_fini(&flows);
	return n;
}

/* ---- slots ---- */

TEST(slot, is_steady_at_first_and_remembers_nothing)
{
	assert_int_equal(syn(1), a);
	assert_int_equal(ack(1), a);
	assert_int_equal(used(), 0);
	expect_transition(0, 0);
}

TEST(slot, that_moves_keeps_its_flows_and_gives_new_ones_away)
{
	give(b);
	expect_transition(RING_SLOTS, 0);
	assert_int_equal(ack(1), a); /* was there before */
	assert_int_equal(syn(2), b);
	assert_int_equal(ack(2), b);
	assert_int_equal(ack(1), a);
	assert_int_equal(used(), 2);
}

TEST(slot, that_moves_twice_keeps_the_flows_of_all_three)
{
	give(b);
	assert_int_equal(syn(2), b);
	give(c);
	assert_int_equal(syn(3), c);
	assert_int_equal(ack(1), a);
	assert_int_equal(ack(2), b);
	assert_int_equal(ack(3), c);
	give(a); /* where unremembered flows are: it settles */
	expect_transition(0, RING_SLOTS);
	assert_int_equal(ack(1), a);
	assert_int_equal(ack(2), b);
	assert_int_equal(ack(3), c);
	assert_int_equal(syn(4), a);
}

TEST(slot, settles_after_idle_and_is_steady_once_nobody_needs_it)
{
	give(b);
	assert_int_equal(ack(1), a);
	fixture_wait(&f, IDLE / 2);
	assert_int_equal(ack(1), a);
	fixture_wait(&f, IDLE / 2 - USEC_PER_SEC);
	expect_transition(RING_SLOTS, 0);
	fixture_wait(&f, USEC_PER_SEC);
	expect_transition(0, RING_SLOTS);
	assert_int_equal(ack(1), a);
	assert_int_equal(ack(2), b); /* silent for too long */
	assert_int_equal(used(), 1); /* settling enters nobody */
	fixture_wait(&f, WATCH);
	expect_transition(0, 1);
	assert_int_equal(ack(1), b); /* older than idle */
	fixture_wait(&f, WATCH);
	expect_transition(0, 0);
	fixture_wait(&f, SWEPT);
	assert_int_equal(used(), 0);
}

TEST(slot, stays_while_a_flow_elsewhere_talks)
{
	give(b);
	assert_int_equal(ack(1), a);
	for (int i = 0; i < 10; i++) {
		fixture_wait(&f, IDLE - 1);
		assert_int_equal(ack(1), a);
	}
	expect_transition(0, 1);
	assert_int_equal(ack(2), b);
}

TEST(slot, without_a_real_keeps_its_flows_through_settling)
{
	give(NOTHING);
	assert_int_equal(ack(1), a);
	assert_int_equal(syn(2), NOTHING);
	fixture_wait(&f, IDLE - 1);
	assert_int_equal(ack(1), a);
	fixture_wait(&f, 2);
	expect_transition(0, RING_SLOTS);
	assert_int_equal(ack(1), a);
	assert_int_equal(ack(2), NOTHING);
	give(c);
	expect_transition(0, RING_SLOTS);
	assert_int_equal(ack(1), a);
	assert_int_equal(syn(2), c);
}

TEST(slot, that_nobody_had_is_steady_at_once)
{
	give(NOTHING);
	fixture_wait(&f, 3 * WATCH);
	expect_transition(0, 0);
	give(b);
	expect_transition(0, 0);
}

/* ---- reals ---- */

TEST(real, that_is_dead_loses_its_flows_at_once)
{
	give(b);
	assert_int_equal(ack(1), a);
	assert_int_equal(ack(1), a);
	live("10.0.0.1", DATAPLANE_REAL_DEAD);
	assert_int_equal(ack(1), b); /* remembered */
	assert_int_equal(ack(2), b); /* by alt */
	live("10.0.0.1", DATAPLANE_REAL_TAKES);
	assert_int_equal(ack(1), b); /* what moved stays moved */
	assert_int_equal(ack(2), b);
	assert_int_equal(ack(3), a);
}

TEST(real, that_is_dead_before_its_slots_change_lets_them_settle)
{
	live("10.0.0.1", DATAPLANE_REAL_DEAD);
	give(b);
	expect_transition(0, RING_SLOTS);
	assert_int_equal(ack(1), b);
	live("10.0.0.1", DATAPLANE_REAL_TAKES);
	assert_int_equal(ack(1), b);
	give(a);
	assert_int_equal(ack(1), b);
}

TEST(real, that_is_deleted_counts_as_dead)
{
	struct addr addr = fixture_addr("10.0.0.1");
	struct err err = { "" };

	give(b);
	assert_int_equal(ack(1), a);
	assert_int_equal(dataplane_del_real(f.dp, &addr, &err), 0);
	assert_int_equal(ack(1), b);
	assert_int_equal(ack(2), b);
	fixture_wait(&f, SWEPT); /* nothing names it any more */
	expect_transition(0, RING_SLOTS);
}

TEST(real, that_comes_back_soon_gets_its_index_and_flows_again)
{
	struct addr addr = fixture_addr("10.0.0.1");
	struct err err = { "" };

	give(b);
	assert_int_equal(ack(1), a);
	assert_int_equal(dataplane_del_real(f.dp, &addr, &err), 0);
	assert_int_equal(dataplane_real_index(f.dp, &addr), DATAPLANE_NO_REAL);
	assert_int_equal(fixture_real(&f, "10.0.0.1"), a);
	assert_int_equal(ack(1), a);
}

/* ---- packets ---- */

TEST(syn, of_a_remembered_flow_stays_only_with_a_real_that_takes)
{
	give(b);
	assert_int_equal(ack(1), a);
	assert_int_equal(syn(1), a);
	live("10.0.0.1", DATAPLANE_REAL_LEAVING);
	assert_int_equal(ack(1), a);
	assert_int_equal(syn(1), b);
	assert_int_equal(ack(1), b);
}

TEST(udp, goes_where_it_went_for_30_s_and_then_to_the_new_real)
{
	give(b);
	assert_int_equal(packet(UDP, 1, 0), a);
	fixture_wait(&f, 24 * USEC_PER_SEC);
	assert_int_equal(packet(UDP, 2, 0), a);
	fixture_wait(&f, 12 * USEC_PER_SEC);
	assert_int_equal(packet(UDP, 3, 0), b);
	assert_int_equal(packet(UDP, 1, 0), a);
	assert_int_equal(packet(UDP, 2, 0), a);
}

/* An ICMP error that quotes the flow's answer; the real it goes to. */
static uint32_t error(uint16_t sport)
{
	struct frame_spec quoted = fixture_spec(VIP4, "192.168.1.1", TCP, sport);
	struct frame_spec spec = fixture_spec("172.31.0.1", VIP4, UDP, 0);
	uint8_t frame[FRAME_MAX], inner[FRAME_MAX];
	size_t len;

	quoted.sport = 80;
	frame_build(&quoted, inner);
	spec.payload_len = 20 + 8;
	len = frame_build(&spec, frame);
	frame[14 + 9] = IPPROTO_ICMP;
	memset(frame + 34, 0, 8);
	frame[34] = 3;
	memcpy(frame + 42, inner + 14, 28);
	assert_int_equal(fixture_send(&f, frame, len), XDP_TX);
	return dataplane_trace(f.dp)->real;
}

TEST(icmp, error_goes_to_its_flow_and_writes_nothing)
{
	give(b);
	assert_int_equal(error(1), a);
	assert_int_equal(used(), 0);
	assert_int_equal(syn(1), b);
	assert_int_equal(error(1), b);
	assert_int_equal(used(), 1);
	fixture_wait(&f, IDLE / 2);
	assert_int_equal(error(1), b);
	fixture_wait(&f, IDLE / 2 + 10 * USEC_PER_SEC);
	assert_int_equal(error(1),
			 b); /* not refreshed: it is old by now, but the slot settles to b */
}

TEST(track, all_remembers_in_steady_slots)
{
	serve(VIP4, TCP, CONFIG_TRACK_ALL);
	assert_int_equal(syn(1), a);
	assert_int_equal(used(), 1);
	give(b);
	give(c);
	live("10.0.0.1", DATAPLANE_REAL_LEAVING);
	assert_int_equal(ack(1), a);
	assert_int_equal(syn(2), c);
	expect_transition(RING_SLOTS, 0);
}

TEST(track, none_follows_the_slot)
{
	serve(VIP4, TCP, CONFIG_TRACK_NONE);
	give(b);
	assert_int_equal(ack(1), b);
	assert_int_equal(used(), 0);
}

/* ---- services that stop asking the table in steady slots ---- */

static void serve_as(struct dataplane_service service)
{
	struct err err = { "" };

	service.vip = fixture_prefix(VIP4);
	service.port = 80;
	service.ring = ring;
	if (dataplane_set_service(f.dp, &service, &err) < 0)
		fail_msg("%s", err.text);
}

/* Let the flow go on until its slot, of b by now, is steady again, without moving from a. */
static void talk_until_steady(uint8_t proto, uint16_t sport)
{
	give(b);
	for (int i = 0; i < 8; i++) {
		assert_int_equal(packet(proto, sport, ACK), a);
		fixture_wait(&f, IDLE / 2);
	}
	expect_transition(0, 0);
	assert_int_equal(packet(proto, sport, ACK), a);
}

/* The service has just stopped asking: the flow stays while it talks, and leaves nothing. */
static void expect_kept(uint8_t proto, uint16_t sport, uint16_t real)
{
	expect_transition(0, RING_SLOTS);
	for (int i = 0; i < 6; i++) {
		assert_int_equal(packet(proto, sport, ACK), real);
		fixture_wait(&f, IDLE - USEC_PER_SEC);
	}
	assert_int_equal(packet(proto, sport, ACK), real);
	expect_transition(0, 1);
	fixture_wait(&f, 2 * WATCH + SWEPT);
	expect_transition(0, 0);
	assert_int_equal(used(), 0);
}

TEST(service, that_tracked_all_keeps_its_flows_when_it_stops)
{
	serve_as((struct dataplane_service){ .proto = TCP, .track = CONFIG_TRACK_ALL });
	assert_int_equal(syn(1), a);
	talk_until_steady(TCP, 1);
	serve_as((struct dataplane_service){ .proto = TCP });
	assert_int_equal(ack(2), b);
	expect_kept(TCP, 1, a);
}

TEST(service, that_tracked_all_keeps_flows_of_slots_that_settle_for_others)
{
	serve_as((struct dataplane_service){ .proto = TCP, .track = CONFIG_TRACK_ALL });
	give(b);
	assert_int_equal(ack(1), a);
	fixture_wait(&f, IDLE / 2);
	assert_int_equal(ack(1), a);
	fixture_wait(&f, IDLE / 2);
	expect_transition(0, RING_SLOTS);
	assert_int_equal(ack(1), a); /* no evidence: the service asks anyhow */
	fixture_wait(&f, IDLE - USEC_PER_SEC);
	assert_int_equal(ack(1), a);
	serve_as((struct dataplane_service){ .proto = TCP });
	fixture_wait(&f, IDLE / 2); /* what was seen so far is judged meanwhile */
	expect_kept(TCP, 1, a);
}

TEST(service, that_read_quic_ids_keeps_its_exceptions_when_it_stops)
{
	serve_as((struct dataplane_service){ .proto = UDP, .quic = true });
	talk_until_steady(UDP, 1);
	serve_as((struct dataplane_service){ .proto = UDP });
	expect_kept(UDP, 1, a);
}

TEST(service, that_read_tcp_ids_keeps_its_exceptions_when_it_stops)
{
	serve_as((struct dataplane_service){ .proto = TCP, .tcp_server_id = true });
	talk_until_steady(TCP, 1);
	serve_as((struct dataplane_service){ .proto = TCP });
	expect_kept(TCP, 1, a);
}

TEST(service, that_loses_a_source_route_keeps_its_remembered_flows)
{
	const struct config_real reals[] = { { .addr = fixture_addr("10.0.0.3") } };
	const struct config_source_route routes[] = {
		{ .source = fixture_prefix("192.168.0.0/16"), .real = 0 },
		{ .source = fixture_prefix("172.16.0.0/12"), .real = 0 },
	};
	struct dataplane_service service = {
		.proto = TCP, .source_routes = routes, .n_source_routes = 2, .reals = reals
	};

	serve_as(service);
	assert_int_equal(syn(1), c);
	live("10.0.0.3", DATAPLANE_REAL_LEAVING);
	assert_int_equal(ack(1), c);
	assert_int_equal(syn(2), a);
	live("10.0.0.3", DATAPLANE_REAL_TAKES);
	service.source_routes = routes + 1;
	service.n_source_routes = 1;
	serve_as(service);
	assert_int_equal(ack(2), a);
	expect_kept(TCP, 1, c);
}

TEST(service, that_asks_as_before_leaves_steady_slots_alone)
{
	serve_as((struct dataplane_service){ .proto = TCP, .track = CONFIG_TRACK_ALL });
	serve_as((struct dataplane_service){
		.proto = TCP, .track = CONFIG_TRACK_ALL, .tcp_server_id = true });
	serve_as((struct dataplane_service){ .proto = TCP, .track = CONFIG_TRACK_ALL });
	expect_transition(0, 0);
	serve_as((struct dataplane_service){ .proto = TCP, .track = CONFIG_TRACK_NONE });
	expect_transition(0, 0);
}

/* ---- rings ---- */

static uint32_t new_ring(void)
{
	struct err err = { "" };
	uint32_t ret;

	if (dataplane_ring_new(f.dp, &ret, &err) < 0)
		fail_msg("%s", err.text);
	return ret;
}

static void del_ring(uint32_t which)
{
	struct err err = { "" };

	if (dataplane_ring_del(f.dp, which, &err) < 0)
		fail_msg("%s", err.text);
}

/* A packet may be on its way to a ring that was just deleted. */
TEST(ring, that_is_deleted_is_not_the_next_to_be_used)
{
	uint32_t first = new_ring();

	for (int i = 0; i < 5; i++) {
		uint32_t next;

		del_ring(first);
		next = new_ring();
		assert_int_not_equal(next, first);
		first = next;
	}
	new_ring(); /* nor is there one less of them: the third */
}

TEST(ring, of_a_number_used_before_knows_none_of_its_flows)
{
	struct prefix vip = fixture_prefix(VIP4);
	uint32_t number = ring;
	struct err err = { "" };

	serve(VIP4, TCP, CONFIG_TRACK_ALL);
	assert_int_equal(ack(1), a);
	assert_int_equal(ack(1), a);
	assert_int_equal(dataplane_del_service(f.dp, &vip, TCP, 80, &err), 0);
	assert_int_equal(dataplane_del_service(f.dp, &vip, UDP, 80, &err), 0);
	vip = fixture_prefix(VIP6);
	assert_int_equal(dataplane_del_service(f.dp, &vip, TCP, 80, &err), 0);
	del_ring(ring);
	while ((ring = new_ring()) != number)
		;
	give(b);
	serve(VIP4, TCP, CONFIG_TRACK_ALL);
	assert_int_equal(ack(1), b);
}

/* ---- services that are given another pool ---- */

/* A ring beside the one of the services, all slots of this real. */
static uint32_t filled_ring(uint16_t real)
{
	uint32_t services = ring, filled;

	ring = filled = new_ring();
	give(real);
	ring = services;
	return filled;
}

static void serve_from(uint32_t from, uint8_t proto)
{
	ring = from;
	serve(VIP4, proto, CONFIG_TRACK_MOVING);
}

/* Where user space says that a packet goes, and where it does. */
static uint32_t foretold(uint8_t proto, uint16_t sport, uint8_t tcp_flags)
{
	struct dataplane_flow flow = { .src = fixture_addr("192.168.1.1"),
				       .dst = fixture_addr(VIP4),
				       .proto = proto,
				       .sport = sport,
				       .dport = 80 };
	struct dataplane_explanation why;
	struct err err = { "" };
	uint32_t real;

	assert_int_equal(dataplane_explain(f.dp, &flow, tcp_flags == SYN, &why, &err), 0);
	real = packet(proto, sport, tcp_flags);
	assert_int_equal(dataplane_real_index(f.dp, &why.real), real);
	return real;
}

TEST(pool, exchanged_keeps_the_flows_of_the_former_one)
{
	uint32_t former = ring, present = filled_ring(c);

	give(b);
	assert_int_equal(ack(1), a);
	assert_int_equal(syn(2), b);
	serve_from(present, TCP);
	assert_int_equal(foretold(TCP, 1, ACK), a); /* remembered by the former ring */
	assert_int_equal(foretold(TCP, 1, ACK), a);
	assert_int_equal(foretold(TCP, 2, ACK), b);
	assert_int_equal(foretold(TCP, 3, ACK), a); /* by nobody */
	assert_int_equal(foretold(TCP, 4, SYN), c);
	assert_int_equal(foretold(TCP, 4, ACK), c);
	live("10.0.0.2", DATAPLANE_REAL_LEAVING);
	assert_int_equal(foretold(TCP, 2, SYN), c); /* another flow */
	assert_int_equal(foretold(TCP, 2, ACK), c);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(foretold(TCP, 1, ACK), a);
		fixture_wait(&f, IDLE / 2);
	}
	assert_int_equal(foretold(TCP, 3, ACK), c); /* silent for too long */
	expect_transition(0, 1);
	fixture_wait(&f, 3 * WATCH);
	expect_transition(0, 0);
	ring = former;
	expect_transition(0, 0);
	assert_int_equal(used(), 0);
}

TEST(pool, exchanged_keeps_flows_that_nobody_had_to_remember)
{
	serve_from(filled_ring(c), TCP);
	assert_int_equal(foretold(TCP, 1, ACK), a);
	assert_int_equal(error(2), a);
	assert_int_equal(used(), 1);
	live("10.0.0.1", DATAPLANE_REAL_LEAVING);
	assert_int_equal(foretold(TCP, 2, ACK), a);
	live("10.0.0.1", DATAPLANE_REAL_DEAD);
	assert_int_equal(foretold(TCP, 1, ACK), c);
	assert_int_equal(foretold(TCP, 3, ACK), c);
}

TEST(pool, exchanged_and_brought_back_keeps_the_flows_of_both)
{
	uint32_t first = ring, second = filled_ring(c);

	give(b);
	for (uint16_t sport = 1; sport <= 3; sport++)
		assert_int_equal(ack(sport), a);
	serve_from(second, TCP);
	assert_int_equal(foretold(TCP, 1, SYN), c);
	assert_int_equal(foretold(TCP, 2, ACK), a);
	assert_int_equal(foretold(TCP, 5, SYN), c);
	serve_from(first, TCP);
	assert_int_equal(foretold(TCP, 1, ACK), c); /* what the first ring remembers is over */
	assert_int_equal(foretold(TCP, 2, ACK), a);
	assert_int_equal(foretold(TCP, 3, ACK), a);
	assert_int_equal(foretold(TCP, 4, ACK), a); /* by nobody */
	assert_int_equal(foretold(TCP, 5, ACK), c);
	assert_int_equal(foretold(TCP, 6, SYN), b);
	assert_int_equal(foretold(TCP, 6, ACK), b);
}

TEST(pool, exchanged_again_and_again_keeps_the_flows_of_all)
{
	const uint32_t rings[3] = { ring, filled_ring(b), filled_ring(c) };
	const uint16_t reals[3] = { a, b, c };

	for (uint16_t i = 1; i <= LB_FORMER_KEYS; i++) {
		serve_from(rings[i % 3], TCP);
		assert_int_equal(foretold(TCP, i, SYN), reals[i % 3]);
	}
	for (uint16_t i = 1; i <= LB_FORMER_KEYS; i++)
		assert_int_equal(foretold(TCP, i, ACK), reals[i % 3]);
	assert_int_equal(foretold(TCP, 99, ACK), a);
}

TEST(pool, that_is_gone_keeps_its_ring_until_its_flows_are_remembered)
{
	struct prefix vip = fixture_prefix(VIP6);
	uint32_t former = ring, present = filled_ring(c);
	struct err err = { "" };
	uint32_t other;

	serve_from(present, TCP);
	serve_from(present, UDP);
	assert_int_equal(dataplane_del_service(f.dp, &vip, TCP, 80, &err), 0);
	del_ring(former);
	assert_int_not_equal(new_ring(), former);
	assert_int_equal(dataplane_ring_new(f.dp, &other, &err), -ENOSPC);
	assert_int_equal(foretold(TCP, 1, ACK), a);
	assert_int_equal(dataplane_reread(f.dp, &err), 0); /* a restart */
	assert_int_equal(foretold(TCP, 2, ACK), a);
	fixture_wait(&f, IDLE - USEC_PER_SEC);
	assert_int_equal(foretold(TCP, 1, ACK), a);
	fixture_wait(&f, 2 * USEC_PER_SEC);
	assert_int_equal(foretold(TCP, 1, ACK), a);
	assert_int_equal(new_ring(), former);
}

TEST(pool, exchanged_leaves_datagrams_where_they_went_for_30_s)
{
	fixture_wait(&f, 120 * USEC_PER_SEC);
	serve_from(filled_ring(c), UDP);
	assert_int_equal(foretold(UDP, 1, 0), a);
	fixture_wait(&f, 36 * USEC_PER_SEC);
	assert_int_equal(foretold(UDP, 1, 0), a);
	assert_int_equal(foretold(UDP, 2, 0), c);
}

TEST(pool, exchanged_moves_what_is_not_to_be_tracked)
{
	ring = filled_ring(c);
	serve(VIP4, TCP, CONFIG_TRACK_NONE);
	assert_int_equal(foretold(TCP, 1, ACK), c);
	serve(VIP4, TCP, CONFIG_TRACK_MOVING);
	assert_int_equal(foretold(TCP, 1, ACK), c);
}

TEST(pool, exchanged_passes_the_self_test)
{
	struct dataplane_service service = { .vip = fixture_prefix(VIP4),
					     .proto = TCP,
					     .port = 80 };
	struct err err = { "" };

	assert_int_equal(uplink_set_private(f.dp, 0, "", 999, fixture_mac, &err), 0);
	serve_from(filled_ring(c), TCP);
	service.ring = ring;
	assert_true(dataplane_service_stands(f.dp, &service));
	assert_int_equal(dataplane_self_test(f.dp, &service, &err), 0);
	assert_int_equal(used(), 0);
}

TEST(age, goes_round_without_old_entries_looking_young)
{
	usec_t round = 65536 * f.dp->age_us;

	clock_set(f.dp, 3 * round - 8 * USEC_PER_SEC);
	give(b);
	assert_int_equal(ack(1), a);
	assert_int_equal(syn(2), b);
	clock_set(f.dp, 3 * round + 8 * USEC_PER_SEC);
	assert_int_equal(ack(1), a);
	assert_int_equal(ack(2), b);
	clock_set(f.dp, 3 * round + 16 * USEC_PER_SEC + IDLE);
	assert_int_equal(ack(2), a); /* too old */
}

TEST(age, of_another_cpu_may_be_a_unit_ahead)
{
	give(b);
	assert_int_equal(syn(2), b);
	clock_set(f.dp, clock_now(f.dp) - f.dp->age_us);
	assert_int_equal(ack(2), b);
}

TEST(self_test, passes_in_every_state_and_remembers_nothing)
{
	struct dataplane_service service = {
		.vip = fixture_prefix(VIP4), .proto = TCP, .port = 80, .ring = ring
	};
	struct err err = { "" };

	/* Test runs come in on the loopback: leave that to the self-test. */
	assert_int_equal(uplink_set_private(f.dp, 0, "", 999, fixture_mac, &err), 0);
	give(b);
	assert_int_equal(dataplane_self_test(f.dp, &service, &err), 0);
	fixture_wait(&f, IDLE);
	expect_transition(0, RING_SLOTS);
	assert_int_equal(dataplane_self_test(f.dp, &service, &err), 0);
	assert_int_equal(used(), 0);
}

int main(void)
{
#define F(subject, behaviour)                                                                      \
	{                                                                                          \
#subject ": " #behaviour, subject##_##behaviour, set_up, tear_down, NULL           \
	}
	const struct CMUnitTest tests[] = {
		F(slot, is_steady_at_first_and_remembers_nothing),
		F(slot, that_moves_keeps_its_flows_and_gives_new_ones_away),
		F(slot, that_moves_twice_keeps_the_flows_of_all_three),
		F(slot, settles_after_idle_and_is_steady_once_nobody_needs_it),
		F(slot, stays_while_a_flow_elsewhere_talks),
		F(slot, without_a_real_keeps_its_flows_through_settling),
		F(slot, that_nobody_had_is_steady_at_once),
		F(real, that_is_dead_loses_its_flows_at_once),
		F(real, that_is_dead_before_its_slots_change_lets_them_settle),
		F(real, that_is_deleted_counts_as_dead),
		F(real, that_comes_back_soon_gets_its_index_and_flows_again),
		F(syn, of_a_remembered_flow_stays_only_with_a_real_that_takes),
		F(udp, goes_where_it_went_for_30_s_and_then_to_the_new_real),
		F(icmp, error_goes_to_its_flow_and_writes_nothing),
		F(track, all_remembers_in_steady_slots),
		F(track, none_follows_the_slot),
		F(service, that_tracked_all_keeps_its_flows_when_it_stops),
		F(service, that_tracked_all_keeps_flows_of_slots_that_settle_for_others),
		F(service, that_read_quic_ids_keeps_its_exceptions_when_it_stops),
		F(service, that_read_tcp_ids_keeps_its_exceptions_when_it_stops),
		F(service, that_loses_a_source_route_keeps_its_remembered_flows),
		F(service, that_asks_as_before_leaves_steady_slots_alone),
		F(ring, that_is_deleted_is_not_the_next_to_be_used),
		F(ring, of_a_number_used_before_knows_none_of_its_flows),
		F(pool, exchanged_keeps_the_flows_of_the_former_one),
		F(pool, exchanged_keeps_flows_that_nobody_had_to_remember),
		F(pool, exchanged_and_brought_back_keeps_the_flows_of_both),
		F(pool, exchanged_again_and_again_keeps_the_flows_of_all),
		F(pool, that_is_gone_keeps_its_ring_until_its_flows_are_remembered),
		F(pool, exchanged_leaves_datagrams_where_they_went_for_30_s),
		F(pool, exchanged_moves_what_is_not_to_be_tracked),
		F(pool, exchanged_passes_the_self_test),
		F(age, goes_round_without_old_entries_looking_young),
		F(age, of_another_cpu_may_be_a_unit_ahead),
		F(self_test, passes_in_every_state_and_remembers_nothing),
	};

	fixture_need_root();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
