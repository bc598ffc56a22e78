/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch_test.c - SYNs counted by real while a ring is watched, packet by packet through the
 * program, on a clock that the test sets.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <string.h>

#include "src/dataplane/lb_skel.h"
#include "tests/lib/test.h"
#include "tests/packet/fixture.h"

#define CLIENT4 "192.168.1.1"
#define CLIENT6 "2001:db8::1"
#define VIP4    "10.200.1.1"
#define VIP6    "fc00:1::1"
#define REAL_A  "10.0.0.1"
#define REAL_B  "10.0.0.2"
#define REAL_6  "fc00::1"
#define SYN     0x02
#define SYN_ECN 0xc2
#define ACK     0x10
#define TCP     IPPROTO_TCP

static struct fixture f;
static uint32_t ring, ring6;
static uint16_t a, b;

static void serve(const char *vip, uint8_t proto, uint32_t of, enum config_track track)
{
	struct dataplane_service service = {
		.vip = fixture_prefix(vip), .proto = proto, .port = 80, .ring = of, .track = track
	};
	struct err err = { "" };

	if (dataplane_set_service(f.dp, &service, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(dataplane_service_stands(f.dp, &service));
}

static int set_up(void **state)
{
	(void)state;
	fixture_init_flows(&f, 4, NULL, 0);
	clock_set(f.dp, 5000 * USEC_PER_SEC);
	ring = fixture_ring(&f, REAL_A);
	ring6 = fixture_ring(&f, REAL_6);
	a = fixture_real(&f, REAL_A);
	b = fixture_real(&f, REAL_B);
	serve(VIP4, TCP, ring, CONFIG_TRACK_MOVING);
	serve(VIP4, IPPROTO_UDP, ring, CONFIG_TRACK_MOVING);
	serve(VIP6, TCP, ring6, CONFIG_TRACK_MOVING);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	fixture_fini(&f);
	return 0;
}

static void watch(uint32_t of, bool is_on)
{
	struct err err = { "" };

	if (dataplane_watch(f.dp, of, is_on, &err) < 0)
		fail_msg("%s", err.text);
}

static void give(uint16_t real)
{
	static uint16_t slots[RING_SLOTS];
	struct err err = { "" };

	for (uint32_t i = 0; i < RING_SLOTS; i++)
		slots[i] = real;
	if (dataplane_ring_write(f.dp, ring, slots, NULL, &err) < 0)
		fail_msg("%s", err.text);
}

static struct frame_spec spec_of(const char *vip, uint16_t sport, uint8_t flags, uint32_t seq)
{
	bool is_ipv6 = strchr(vip, ':');
	struct frame_spec spec = fixture_spec(is_ipv6 ? CLIENT6 : CLIENT4, vip, TCP, 80);

	spec.sport = sport;
	spec.tcp_flags = flags;
	spec.tcp_seq = seq;
	return spec;
}

/* The real that a packet goes to. */
static uint32_t packet(const char *vip, uint16_t sport, uint8_t flags, uint32_t seq)
{
	struct frame_spec spec = spec_of(vip, sport, flags, seq);

	assert_int_equal(fixture_send_spec(&f, &spec), XDP_TX);
	return dataplane_trace(f.dp)->real;
}

static uint32_t syn(uint16_t sport, uint32_t seq)
{
	return packet(VIP4, sport, SYN, seq);
}

static void expect(const char *real, uint64_t first, uint64_t again)
{
	struct addr addr = fixture_addr(real);
	struct dataplane_syns syns;

	assert_true(dataplane_real_syns(f.dp, &addr, &syns));
	assert_int_equal(syns.first, first);
	assert_int_equal(syns.again, again);
}

static uint64_t flows_used(void)
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

/* Whether any entry stands in the program's table of SYNs. */
static bool remembers_syns(void)
{
	static const struct lb_flow_line none;
	struct lb_flow_line line;
	bool found = false;

	for (uint32_t i = 0; i < LB_SYN_LINES && !found; i++) {
		assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(f.dp->skel->maps.syns), &i, &line),
				 0);
		found = memcmp(&line, &none, sizeof(line)) != 0;
	}
	return found;
}

/* ---- what counts ---- */

TEST(nothing, is_counted_or_remembered_without_a_watch)
{
	syn(1, 100);
	syn(1, 100);
	packet(VIP6, 1, SYN, 100);
	expect(REAL_A, 0, 0);
	expect(REAL_6, 0, 0);
	assert_false(remembers_syns());
}

TEST(handshake, counts_once)
{
	watch(ring, true);
	syn(1, 100);
	packet(VIP4, 1, ACK, 101);
	packet(VIP4, 1, ACK, 101);
	packet(VIP4, 1, ACK, 700);
	expect(REAL_A, 1, 0);
	assert_int_equal(flows_used(), 0);
}

static void sent_again(const char *vip, const char *real)
{
	packet(vip, 1, SYN_ECN, 100);
	expect(real, 1, 0);
	packet(vip, 1, SYN_ECN, 100);
	packet(vip, 1, SYN, 100); /* the last attempts are made without ECN */
	expect(real, 1, 2);
	packet(vip, 2, SYN, 100); /* another flow */
	expect(real, 2, 2);
}

TEST(syn_sent_again, counts_for_its_real)
{
	watch(ring, true);
	sent_again(VIP4, REAL_A);
	expect(REAL_B, 0, 0);
	expect(REAL_6, 0, 0);
}

TEST(syn_sent_again, counts_with_ipv6)
{
	watch(ring6, true);
	sent_again(VIP6, REAL_6);
	expect(REAL_A, 0, 0);
}

/* As with IPv4 options, behind a tag or while packets are captured. */
TEST(syn_sent_again, counts_on_the_longer_way)
{
	struct frame_spec spec = spec_of(VIP4, 1, SYN, 100);
	uint8_t frame[FRAME_MAX];
	size_t len = frame_build(&spec, frame);

	watch(ring, true);
	memmove(frame + 38, frame + 34, len - 34);
	memset(frame + 34, 1, 4); /* no operation */
	frame[14] = 0x46;
	frame[17] = (uint8_t)(frame[17] + 4);
	for (int i = 0; i < 3; i++)
		assert_int_equal(fixture_send(&f, frame, len + 4), XDP_TX);
	expect(REAL_A, 1, 2);
	syn(1, 100); /* the same on the common way */
	expect(REAL_A, 1, 3);
}

TEST(syn_sent_again, counts_where_services_have_rules)
{
	struct dataplane_service service = {
		.vip = fixture_prefix(VIP4), .proto = TCP, .port = 80, .ring = ring, .rate = 1000000
	};
	struct err err;

	assert_int_equal(dataplane_set_service(f.dp, &service, &err), 0);
	watch(ring, true);
	sent_again(VIP4, REAL_A);
}

TEST(syn_sent_again, counts_whatever_is_tracked)
{
	watch(ring, true);
	serve(VIP4, TCP, ring, CONFIG_TRACK_ALL);
	syn(1, 100);
	syn(1, 100);
	expect(REAL_A, 1, 1);
	serve(VIP4, TCP, ring, CONFIG_TRACK_NONE);
	syn(2, 100);
	syn(2, 100);
	expect(REAL_A, 2, 2);
}

/* The slot has gone to another real meanwhile: the one before was not heard. */
TEST(syn_sent_again, counts_for_the_real_that_the_one_before_went_to)
{
	watch(ring, true);
	assert_int_equal(syn(1, 100), a);
	give(b);
	assert_int_equal(syn(1, 100), b);
	expect(REAL_A, 1, 1);
	expect(REAL_B, 0, 0);
	assert_int_equal(syn(1, 100), b);
	expect(REAL_A, 1, 1);
	expect(REAL_B, 0, 1);
}

TEST(connection, of_a_port_used_before_is_a_new_one)
{
	watch(ring, true);
	syn(1, 100);
	packet(VIP4, 1, ACK, 101);
	syn(1, 90000);
	packet(VIP4, 1, ACK, 90001);
	syn(1, 100000);
	expect(REAL_A, 3, 0);
}

TEST(connection, as_long_after_as_nobody_waits_is_a_new_one)
{
	watch(ring, true);
	syn(1, 100);
	fixture_wait(&f, 32 * USEC_PER_SEC);
	syn(1, 100);
	fixture_wait(&f, 60 * USEC_PER_SEC); /* since the last */
	syn(1, 100);
	expect(REAL_A, 1, 2);
	fixture_wait(&f, 80 * USEC_PER_SEC);
	syn(1, 100);
	expect(REAL_A, 2, 2);
}

TEST(other_packets, are_no_connections)
{
	struct frame_spec spec = fixture_spec(CLIENT4, VIP4, IPPROTO_UDP, 80);

	watch(ring, true);
	packet(VIP4, 1, ACK, 100);
	packet(VIP4, 1, SYN | ACK, 100);
	assert_int_equal(fixture_send_spec(&f, &spec), XDP_TX);
	expect(REAL_A, 0, 0);
	assert_false(remembers_syns());
}

/* Whom no real gets was sent to nobody. */
TEST(syn, that_is_not_forwarded_counts_for_nobody)
{
	struct dataplane_service service = {
		.vip = fixture_prefix(VIP4), .proto = TCP, .port = 80, .ring = ring, .rate = 1
	};
	struct frame_spec spec = spec_of(VIP4, 1, SYN, 100);
	struct err err;

	assert_int_equal(dataplane_set_service(f.dp, &service, &err), 0);
	watch(ring, true);
	assert_int_equal(fixture_send_spec(&f, &spec), XDP_TX);
	assert_int_equal(fixture_send_spec(&f, &spec), XDP_DROP);
	assert_int_equal(f.cause, LB_DROP_RATE);
	expect(REAL_A, 1, 0);
	give(DATAPLANE_NO_REAL);
	clock_set(f.dp, 6000 * USEC_PER_SEC);
	assert_int_equal(fixture_send_spec(&f, &spec), XDP_DROP);
	assert_int_equal(f.cause, LB_DROP_NO_REAL);
	expect(REAL_A, 1, 0);
}

/* A flood has others forgotten at worst; every SYN counts as one or the other. */
TEST(flood, is_counted_and_moves_nothing)
{
	const uint32_t n = 20000;

	watch(ring, true);
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(syn((uint16_t)i, i * 2654435761U), a);
	expect(REAL_A, n, 0);
	assert_int_equal(flows_used(), 0);
}

/* ---- when ---- */

TEST(watch, is_of_one_ring)
{
	watch(ring6, true);
	syn(1, 100);
	packet(VIP6, 1, SYN, 100);
	expect(REAL_A, 0, 0);
	expect(REAL_6, 1, 0);
}

TEST(watch, holds_for_services_that_come_and_change)
{
	watch(ring, true);
	serve("10.200.1.2", TCP, ring, CONFIG_TRACK_MOVING);
	packet("10.200.1.2", 1, SYN, 100);
	expect(REAL_A, 1, 0);
	serve(VIP6, TCP, ring, CONFIG_TRACK_MOVING); /* from the other pool to this one */
	packet(VIP6, 1, SYN, 100);
	expect(REAL_A, 2, 0);
	serve(VIP6, TCP, ring6, CONFIG_TRACK_MOVING);
	packet(VIP6, 2, SYN, 100);
	expect(REAL_6, 0, 0);
}

TEST(watch, ends_and_what_was_counted_stays)
{
	watch(ring, true);
	syn(1, 100);
	watch(ring, false);
	syn(1, 100);
	expect(REAL_A, 1, 0);
	watch(ring, true);
	syn(1, 100); /* remembered from before */
	expect(REAL_A, 1, 1);
}

TEST(watch, ends_with_all_others)
{
	watch(ring, true);
	watch(ring6, true);
	dataplane_watch_none(f.dp);
	syn(1, 100);
	packet(VIP6, 1, SYN, 100);
	expect(REAL_A, 0, 0);
	expect(REAL_6, 0, 0);
}

TEST(watch, ends_with_the_process)
{
	struct err err;

	watch(ring, true);
	assert_int_equal(dataplane_reread(f.dp, &err), 0);
	syn(1, 100);
	expect(REAL_A, 0, 0);
	watch(ring, true);
	syn(1, 100);
	expect(REAL_A, 1, 0);
}

TEST(watch, ends_with_its_ring)
{
	struct prefix vip6 = fixture_prefix(VIP6);
	struct err err;
	uint32_t next = 0;

	watch(ring6, true);
	assert_int_equal(dataplane_del_service(f.dp, &vip6, TCP, 80, &err), 0);
	assert_int_equal(dataplane_ring_del(f.dp, ring6, &err), 0);
	assert_int_equal(dataplane_watch(f.dp, ring6, false, &err), -ENOENT);
	while (next != ring6)
		assert_int_equal(dataplane_ring_new(f.dp, &next, &err), 0);
	serve(VIP6, TCP, ring6, CONFIG_TRACK_MOVING);
	assert_int_equal(service_find(f.dp, &vip6, TCP, 80)->flags & LB_SERVICE_WATCHED, 0);
}

/* Begun and ended while slots move: flows stay where they are, none is remembered for it. */
TEST(watch, moves_no_flow)
{
	uint64_t used;

	packet(VIP4, 1, ACK, 100);
	give(b);
	assert_int_equal(packet(VIP4, 1, ACK, 100), a);
	assert_int_equal(syn(2, 100), b);
	used = flows_used();
	watch(ring, true);
	assert_int_equal(packet(VIP4, 1, ACK, 100), a);
	assert_int_equal(packet(VIP4, 2, ACK, 101), b);
	assert_int_equal(flows_used(), used);
	watch(ring, false);
	assert_int_equal(packet(VIP4, 1, ACK, 100), a);
	assert_int_equal(packet(VIP4, 2, ACK, 101), b);
	assert_int_equal(flows_used(), used);
}

TEST(real, of_an_index_used_before_begins_at_nothing)
{
	struct addr addr = fixture_addr("10.0.0.9");
	struct dataplane_syns syns;
	uint16_t index;

	for (uint32_t cpu = 0; cpu < f.dp->n_cpus; cpu++)
		f.dp->lines[cpu].syns[b + 1] = (struct lb_syns){ 7, 7 };
	index = fixture_real(&f, "10.0.0.9");
	assert_int_equal(index, b + 1);
	assert_true(dataplane_real_syns(f.dp, &addr, &syns));
	assert_int_equal(syns.first + syns.again, 0);
}

int main(void)
{
#define F(scope, name) cmocka_unit_test_setup_teardown(scope##_##name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		F(nothing, is_counted_or_remembered_without_a_watch),
		F(handshake, counts_once),
		F(syn_sent_again, counts_for_its_real),
		F(syn_sent_again, counts_with_ipv6),
		F(syn_sent_again, counts_on_the_longer_way),
		F(syn_sent_again, counts_where_services_have_rules),
		F(syn_sent_again, counts_whatever_is_tracked),
		F(syn_sent_again, counts_for_the_real_that_the_one_before_went_to),
		F(connection, of_a_port_used_before_is_a_new_one),
		F(connection, as_long_after_as_nobody_waits_is_a_new_one),
		F(other_packets, are_no_connections),
		F(syn, that_is_not_forwarded_counts_for_nobody),
		F(flood, is_counted_and_moves_nothing),
		F(watch, is_of_one_ring),
		F(watch, holds_for_services_that_come_and_change),
		F(watch, ends_and_what_was_counted_stays),
		F(watch, ends_with_all_others),
		F(watch, ends_with_the_process),
		F(watch, ends_with_its_ring),
		F(watch, moves_no_flow),
		F(real, of_an_index_used_before_begins_at_nothing),
	};

	fixture_need_root();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
