/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve_test.c - what becomes of a packet: passed untouched, served, answered or dropped, each
 * under its name.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <string.h>

#include "src/dataplane/lb_skel.h"
#include "tests/lib/test.h"
#include "tests/packet/fixture.h"

#define ETH     14
#define VIP4    "10.200.1.1"
#define VIP6    "fc00:1::1"
#define CLIENT4 "192.168.1.1"
#define CLIENT6 "fc00:2::1"

static struct fixture f;

static int set_up(void **state)
{
	(void)state;
	fixture_init(&f, 4);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	fixture_fini(&f);
	return 0;
}

/* TCP port 80 of both VIPs to one real of each family. */
static void serve_tcp_80(void)
{
	fixture_service(&f, VIP4, IPPROTO_TCP, 80, fixture_ring(&f, "10.0.0.1"));
	fixture_service(&f, VIP6, IPPROTO_TCP, 80, fixture_ring(&f, "fc00::1"));
}

static size_t build(const char *src, const char *dst, uint8_t *frame)
{
	struct frame_spec spec = fixture_spec(src, dst, IPPROTO_TCP, 80);

	return frame_build(&spec, frame);
}

static void fix_ipv4_check(uint8_t *frame)
{
	uint8_t *ip = frame + ETH;
	size_t len = (size_t)(ip[0] & 15) * 4;
	uint16_t check;

	ip[10] = ip[11] = 0;
	check = frame_checksum(ip, len, 0);
	ip[10] = (uint8_t)(check >> 8);
	ip[11] = (uint8_t)check;
}

static void expect(const uint8_t *frame, size_t len, int verdict, enum lb_cause cause)
{
	assert_int_equal(fixture_send(&f, frame, len), verdict);
	assert_string_equal(dataplane_cause_str(f.cause), dataplane_cause_str(cause));
}

static void expect_unchanged(const uint8_t *frame, size_t len, enum lb_cause cause)
{
	expect(frame, len, XDP_PASS, cause);
	assert_int_equal(f.out_len, len);
	assert_memory_equal(f.out, frame, len);
}

static uint64_t total(const char *want)
{
	const char *name;
	uint64_t value;

	for (unsigned i = 0; dataplane_total(f.dp, i, &name, &value); i++) {
		if (!strcmp(name, want))
			return value;
	}
	fail_msg("no total '%s'", want);
	return 0;
}

/* ---- what is not ours ---- */

TEST(pass, leaves_frames_for_another_mac)
{
	uint8_t frame[FRAME_MAX];
	size_t len = build(CLIENT4, VIP4, frame);

	serve_tcp_80();
	frame[5] = 0x77;
	expect_unchanged(frame, len, LB_PASS_OTHER_MAC);
	memset(frame, 0xff, 6);
	expect_unchanged(frame, len, LB_PASS_OTHER_MAC);
}

TEST(pass, leaves_what_is_not_ip)
{
	uint8_t frame[60] = { 0 };

	serve_tcp_80();
	memcpy(frame, fixture_mac, 6);
	frame[12] = 0x08;
	frame[13] = 0x06;
	expect_unchanged(frame, sizeof(frame), LB_PASS_NOT_IP);
}

TEST(pass, leaves_other_addresses_however_odd_the_packet)
{
	uint8_t frame[FRAME_MAX];
	size_t len = build(CLIENT4, "10.200.1.2", frame);

	serve_tcp_80();
	expect_unchanged(frame, len, LB_PASS_NOT_VIP);
	frame[ETH + 6] = 0x20; /* a fragment */
	expect_unchanged(frame, len, LB_PASS_NOT_VIP);
	frame[ETH] = 0x4f; /* options */
	expect_unchanged(frame, len, LB_PASS_NOT_VIP);
	frame[ETH] = 0x00;
	expect_unchanged(frame, len, LB_PASS_NOT_VIP);
	frame[ETH + 9] = IPPROTO_ICMP;
	frame[ETH + 20] = 8;
	expect_unchanged(frame, len, LB_PASS_NOT_VIP);
	len = build(CLIENT6, "fc00:1::2", frame);
	expect_unchanged(frame, len, LB_PASS_NOT_VIP);
	frame[ETH + 6] = 44;
	expect_unchanged(frame, len, LB_PASS_NOT_VIP);
	expect_unchanged(frame, ETH + 39, LB_PASS_TRUNCATED);
	expect_unchanged(frame, ETH, LB_PASS_TRUNCATED);
}

TEST(pass, leaves_neighbour_discovery_to_a_vip)
{
	uint8_t frame[FRAME_MAX];
	size_t len = build(CLIENT6, VIP6, frame);

	serve_tcp_80();
	frame[ETH + 6] = IPPROTO_ICMPV6;
	frame[ETH + 40] = 135;
	expect_unchanged(frame, len, LB_PASS_NEIGHBOUR);
}

/* ---- VIPs and services ---- */

TEST(vip, drops_what_it_does_not_serve_unless_told_to_pass)
{
	struct frame_spec spec = fixture_spec(CLIENT4, VIP4, IPPROTO_TCP, 81);
	struct prefix vip = fixture_prefix(VIP4);
	uint8_t frame[FRAME_MAX];
	size_t len = frame_build(&spec, frame);
	struct err err;

	serve_tcp_80();
	expect(frame, len, XDP_DROP, LB_DROP_UNSERVED);
	assert_int_equal(dataplane_set_vip(f.dp, &vip, CONFIG_UNSERVED_PASS, &err), 0);
	expect_unchanged(frame, len, LB_PASS_UNSERVED);
	assert_int_equal(dataplane_set_vip(f.dp, &vip, CONFIG_UNSERVED_DROP, &err), 0);
	expect(frame, len, XDP_DROP, LB_DROP_UNSERVED);
}

TEST(vip, is_forgotten_when_nothing_holds_it)
{
	struct prefix vip = fixture_prefix(VIP4);
	uint8_t frame[FRAME_MAX];
	size_t len = build(CLIENT4, VIP4, frame);
	struct err err;

	serve_tcp_80();
	assert_int_equal(dataplane_set_vip(f.dp, &vip, CONFIG_UNSERVED_DROP, &err), 0);
	assert_int_equal(dataplane_del_service(f.dp, &vip, IPPROTO_TCP, 80, &err), 0);
	expect(frame, len, XDP_DROP, LB_DROP_UNSERVED);
	assert_int_equal(dataplane_del_vip(f.dp, &vip, &err), 0);
	expect_unchanged(frame, len, LB_PASS_NOT_VIP);
}

TEST(vip, of_a_prefix_serves_its_addresses_and_yields_to_a_longer_one)
{
	uint8_t frame[FRAME_MAX];
	size_t len;

	fixture_service(&f, "10.200.0.0/16", IPPROTO_TCP, 80, fixture_ring(&f, "10.0.0.1"));
	fixture_service(&f, "10.200.1.0/24", IPPROTO_TCP, 80, fixture_ring(&f, "10.0.0.2"));
	fixture_service(&f, "10.200.1.1", IPPROTO_TCP, 80, fixture_ring(&f, "10.0.0.3"));
	fixture_service(&f, "fc00:1::/64", IPPROTO_TCP, 80, fixture_ring(&f, "10.0.0.4"));
	for (uint8_t i = 1; i <= 4; i++) {
		static const char *const dst[] = { "10.200.9.9", "10.200.1.9", "10.200.1.1",
						   "fc00:1::99" };

		len = build(i < 4 ? CLIENT4 : CLIENT6, dst[i - 1], frame);
		expect(frame, len, XDP_TX, LB_SENT_FORWARDED);
		assert_int_equal(f.out[ETH + 19], i);
	}
	len = build(CLIENT4, "10.201.0.1", frame);
	expect_unchanged(frame, len, LB_PASS_NOT_VIP);
}

/* The other way round: an IPv6 packet to ::ffff:10.200.9.9 is not for 10.200.0.0/16. */
TEST(vip, of_a_prefix_is_for_packets_of_its_family)
{
	struct addr mapped = fixture_addr("10.200.9.9");
	uint8_t frame[FRAME_MAX];
	size_t len;

	fixture_service(&f, "10.200.0.0/16", IPPROTO_TCP, 80, fixture_ring(&f, "10.0.0.1"));
	fixture_service(&f, "::/64", IPPROTO_TCP, 80, fixture_ring(&f, "10.0.0.2"));
	len = build(CLIENT4, "10.200.9.9", frame);
	expect(frame, len, XDP_TX, LB_SENT_FORWARDED);
	assert_int_equal(f.out[ETH + 19], 1);
	len = build(CLIENT4, "10.201.0.1", frame);
	expect_unchanged(frame, len, LB_PASS_NOT_VIP);
	len = build(CLIENT6, "fc00:1::99", frame);
	memcpy(frame + ETH + 24, mapped.bytes, sizeof(mapped.bytes));
	expect(frame, len, XDP_TX, LB_SENT_FORWARDED);
	assert_int_equal(f.out[ETH + 19], 2);
}

TEST(service, of_any_port_takes_what_no_other_takes)
{
	struct frame_spec spec = fixture_spec(CLIENT4, VIP4, IPPROTO_TCP, 80);

	serve_tcp_80();
	fixture_service(&f, VIP4, IPPROTO_TCP, 0, fixture_ring(&f, "10.0.0.9"));
	assert_int_equal(fixture_send_spec(&f, &spec), XDP_TX);
	assert_int_equal(f.out[ETH + 19], 1);
	spec.dport = 8080;
	assert_int_equal(fixture_send_spec(&f, &spec), XDP_TX);
	assert_int_equal(f.out[ETH + 19], 9);
	spec.proto = IPPROTO_UDP;
	assert_int_equal(fixture_send_spec(&f, &spec), XDP_DROP);
	assert_int_equal(f.cause, LB_DROP_UNSERVED);
}

static uint32_t slot_of(uint16_t sport, uint16_t dport)
{
	struct frame_spec spec = fixture_spec(CLIENT4, VIP4, IPPROTO_UDP, dport);

	spec.sport = sport;
	assert_int_equal(fixture_send_spec(&f, &spec), XDP_TX);
	return dataplane_trace(f.dp)->slot;
}

static void set_hash(enum config_hash hash, uint32_t ring)
{
	struct dataplane_service service = {
		.vip = fixture_prefix(VIP4), .proto = IPPROTO_UDP, .ring = ring, .hash = hash
	};
	struct err err;

	assert_int_equal(dataplane_set_service(f.dp, &service, &err), 0);
}

TEST(service, hashes_what_its_mode_says)
{
	uint32_t ring = fixture_ring(&f, "10.0.0.1");

	set_hash(CONFIG_HASH_5_TUPLE, ring);
	assert_int_equal(slot_of(1000, 53), slot_of(1000, 54));
	assert_int_not_equal(slot_of(1000, 53), slot_of(1001, 53));
	set_hash(CONFIG_HASH_ALL_PORTS, ring);
	assert_int_not_equal(slot_of(1000, 53), slot_of(1000, 54));
	assert_int_not_equal(slot_of(1000, 53), slot_of(1001, 53));
	set_hash(CONFIG_HASH_SOURCE_IP, ring);
	assert_int_equal(slot_of(1000, 53), slot_of(1001, 54));
	set_hash(CONFIG_HASH_DESTINATION_PORT, ring);
	assert_int_equal(slot_of(1000, 53), slot_of(1001, 53));
	assert_int_not_equal(slot_of(1000, 53), slot_of(1000, 54));
}

/* ---- odd packets for a VIP ---- */

TEST(packet, with_ipv4_options_is_balanced_as_without)
{
	uint8_t frame[FRAME_MAX];
	size_t len = build(CLIENT4, VIP4, frame);
	uint32_t slot;

	serve_tcp_80();
	expect(frame, len, XDP_TX, LB_SENT_FORWARDED);
	slot = dataplane_trace(f.dp)->slot;
	memmove(frame + ETH + 28, frame + ETH + 20, len - ETH - 20);
	memset(frame + ETH + 20, 1, 8);
	frame[ETH] = 0x47;
	frame[ETH + 3] = (uint8_t)(frame[ETH + 3] + 8);
	fix_ipv4_check(frame);
	expect(frame, len + 8, XDP_TX, LB_SENT_FORWARDED);
	assert_int_equal(dataplane_trace(f.dp)->slot, slot);
}

/* Put n destination-options headers of 8 bytes before the payload. */
static size_t add_extensions(uint8_t *frame, size_t len, unsigned n)
{
	memmove(frame + ETH + 40 + 8 * n, frame + ETH + 40, len - ETH - 40);
	memset(frame + ETH + 40, 0, 8 * n);
	for (unsigned i = 0; i < n; i++) {
		frame[ETH + 40 + 8 * i] = i + 1 == n ? IPPROTO_TCP : 60;
		frame[ETH + 40 + 8 * i + 2] = 1;
		frame[ETH + 40 + 8 * i + 3] = 4;
	}
	frame[ETH + 6] = 60;
	frame[ETH + 5] = (uint8_t)(frame[ETH + 5] + 8 * n);
	return len + 8 * n;
}

TEST(packet, with_extension_headers_is_balanced_as_without)
{
	uint8_t frame[FRAME_MAX];
	size_t len = build(CLIENT6, VIP6, frame);
	uint32_t slot;

	serve_tcp_80();
	expect(frame, len, XDP_TX, LB_SENT_FORWARDED);
	slot = dataplane_trace(f.dp)->slot;
	len = add_extensions(frame, len, 8);
	expect(frame, len, XDP_TX, LB_SENT_FORWARDED);
	assert_int_equal(dataplane_trace(f.dp)->slot, slot);
	len = build(CLIENT6, VIP6, frame);
	len = add_extensions(frame, len, 9);
	expect(frame, len, XDP_DROP, LB_DROP_EXT_HEADERS);
}

TEST(packet, with_an_extension_header_that_lies_is_dropped)
{
	uint8_t frame[FRAME_MAX];
	size_t len = build(CLIENT6, VIP6, frame);

	serve_tcp_80();
	len = add_extensions(frame, len, 2);
	frame[ETH + 41] = 255;
	assert_int_equal(fixture_send(&f, frame, len), XDP_DROP);
	frame[ETH + 41] = 30;
	assert_int_equal(fixture_send(&f, frame, len), XDP_DROP);
}

TEST(packet, cut_at_any_length_never_leaves)
{
	static const char *const ends[][2] = { { CLIENT4, VIP4 }, { CLIENT6, VIP6 } };
	uint8_t frame[FRAME_MAX];

	serve_tcp_80();
	for (int i = 0; i < 2; i++) {
		size_t full = build(ends[i][0], ends[i][1], frame);

		for (size_t len = ETH; len < full; len++) {
			int verdict = fixture_send(&f, frame, len);

			assert_true(verdict == XDP_DROP || verdict == XDP_PASS);
			assert_true(verdict == XDP_DROP || f.cause == LB_PASS_TRUNCATED);
		}
	}
}

/* What stands in the frame behind the packet is padding, not its ports. */
static void expect_short(const char *client, const char *vip, uint8_t proto, size_t header)
{
	struct frame_spec spec =
		fixture_spec(client, vip, proto == IPPROTO_UDP ? proto : IPPROTO_TCP, 80);
	bool is_ipv6 = !addr_is_ipv4(&spec.dst);
	uint8_t frame[FRAME_MAX];
	size_t len = frame_build(&spec, frame);

	if (proto == IPPROTO_ICMP) {
		frame[ETH + 9] = proto;
		frame[ETH + 20] = 8;
		frame[ETH + 21] = 0;
	}
	for (size_t l4 = 0; l4 < header; l4++) {
		frame[ETH + (is_ipv6 ? 5 : 3)] = (uint8_t)(is_ipv6 ? l4 : 20 + l4);
		expect(frame, len, XDP_DROP, LB_DROP_MALFORMED_L4);
	}
}

TEST(packet, that_ends_before_its_ports_is_dropped)
{
	serve_tcp_80();
	fixture_service(&f, VIP4, IPPROTO_UDP, 80, fixture_ring(&f, "10.0.0.1"));
	fixture_service(&f, VIP6, IPPROTO_UDP, 80, fixture_ring(&f, "10.0.0.1"));
	expect_short(CLIENT4, VIP4, IPPROTO_TCP, 20);
	expect_short(CLIENT6, VIP6, IPPROTO_TCP, 20);
	expect_short(CLIENT4, VIP4, IPPROTO_UDP, 8);
	expect_short(CLIENT6, VIP6, IPPROTO_UDP, 8);
	expect_short(CLIENT4, VIP4, IPPROTO_ICMP, 8);
}

TEST(packet, whose_header_lies_is_dropped)
{
	uint8_t good[FRAME_MAX], frame[FRAME_MAX];
	size_t len = build(CLIENT4, VIP4, good);

	serve_tcp_80();
	memcpy(frame, good, len);
	frame[ETH] = 0x65;
	expect(frame, len, XDP_DROP, LB_DROP_MALFORMED_IP);
	frame[ETH] = 0x44;
	expect(frame, len, XDP_DROP, LB_DROP_MALFORMED_IP);
	memcpy(frame, good, len);
	frame[ETH + 3]++;
	expect(frame, len, XDP_DROP, LB_DROP_MALFORMED_IP);
	frame[ETH + 3] = 19;
	expect(frame, len, XDP_DROP, LB_DROP_MALFORMED_IP);
	memcpy(frame, good, len);
	frame[ETH] = 0x4f; /* the header would end behind the packet */
	expect(frame, len, XDP_DROP, LB_DROP_MALFORMED_IP);
	len = build(CLIENT6, VIP6, frame);
	frame[ETH] = 0x40;
	expect(frame, len, XDP_DROP, LB_DROP_MALFORMED_IP);
	frame[ETH] = 0x60;
	frame[ETH + 5]++;
	expect(frame, len, XDP_DROP, LB_DROP_MALFORMED_IP);
}

TEST(fragment, goes_only_to_an_any_port_source_ip_service)
{
	struct dataplane_service service = { .vip = fixture_prefix(VIP4),
					     .proto = IPPROTO_TCP,
					     .hash = CONFIG_HASH_SOURCE_IP };
	uint8_t frame[FRAME_MAX];
	size_t len = build(CLIENT4, VIP4, frame);
	struct err err;
	uint32_t slot;

	serve_tcp_80();
	frame[ETH + 6] = 0x20;
	fix_ipv4_check(frame);
	expect(frame, len, XDP_DROP, LB_DROP_FRAGMENT);
	service.ring = fixture_ring(&f, "10.0.0.7");
	assert_int_equal(dataplane_set_service(f.dp, &service, &err), 0);
	expect(frame, len, XDP_TX, LB_SENT_FORWARDED);
	slot = dataplane_trace(f.dp)->slot;
	frame[ETH + 6] = 0x00;
	frame[ETH + 7] = 0x10;
	fix_ipv4_check(frame);
	expect(frame, len, XDP_TX, LB_SENT_FORWARDED);
	assert_int_equal(dataplane_trace(f.dp)->slot, slot);
	assert_int_equal(f.out[ETH + 19], 7);
}

/* ---- ICMP ---- */

TEST(icmp, ping_to_a_vip_is_answered)
{
	uint8_t frame[FRAME_MAX];
	struct frame_spec spec = fixture_spec(CLIENT4, VIP4, IPPROTO_UDP, 0);
	size_t len = frame_build(&spec, frame);
	uint16_t check;

	serve_tcp_80();
	frame[ETH + 9] = IPPROTO_ICMP;
	fix_ipv4_check(frame);
	memcpy(frame + ETH + 20, "\x08\x00\x00\x00\x12\x34\x00\x01", 8);
	check = frame_checksum(frame + ETH + 20, len - ETH - 20, 0);
	frame[ETH + 22] = (uint8_t)(check >> 8);
	frame[ETH + 23] = (uint8_t)check;
	expect(frame, len, XDP_TX, LB_SENT_ECHO);
	assert_memory_equal(f.out, frame + 6, 6);
	assert_memory_equal(f.out + 6, frame, 6);
	assert_memory_equal(f.out + ETH + 12, frame + ETH + 16, 4);
	assert_memory_equal(f.out + ETH + 16, frame + ETH + 12, 4);
	assert_int_equal(f.out[ETH + 20], 0);
	assert_int_equal(frame_checksum(f.out + ETH, 20, 0), 0);
	assert_int_equal(frame_checksum(f.out + ETH + 20, len - ETH - 20, 0), 0);
	assert_memory_equal(f.out + ETH + 24, frame + ETH + 24, len - ETH - 24);
}

/* An ICMP error from a router about the packet that the VIP sent to the client. */
static size_t build_error4(uint8_t type, uint8_t *frame, size_t quoted_l4)
{
	struct frame_spec quoted = fixture_spec(VIP4, CLIENT4, IPPROTO_TCP, FIXTURE_PORT);
	struct frame_spec spec = fixture_spec("172.31.0.1", VIP4, IPPROTO_UDP, 0);
	uint8_t inner[FRAME_MAX];

	quoted.sport = 80;
	spec.payload_len = 20 + quoted_l4;
	frame_build(&quoted, inner);
	frame_build(&spec, frame);
	frame[ETH + 9] = IPPROTO_ICMP;
	fix_ipv4_check(frame);
	memset(frame + ETH + 20, 0, 8);
	frame[ETH + 20] = type;
	memcpy(frame + ETH + 28, inner + ETH, 20 + quoted_l4);
	return ETH + 28 + 20 + quoted_l4;
}

TEST(icmp, error_goes_to_the_real_of_the_flow_it_quotes)
{
	static const uint8_t types[] = { 3, 11, 12 };
	uint8_t frame[FRAME_MAX], source[4];
	size_t len = build(CLIENT4, VIP4, frame);
	uint32_t slot;

	serve_tcp_80();
	expect(frame, len, XDP_TX, LB_SENT_FORWARDED);
	slot = dataplane_trace(f.dp)->slot;
	memcpy(source, f.out + ETH + 12, 4);
	for (size_t i = 0; i < sizeof(types); i++) {
		len = build_error4(types[i], frame, 8);
		expect(frame, len, XDP_TX, LB_SENT_FORWARDED);
		assert_int_equal(dataplane_trace(f.dp)->slot, slot);
		assert_memory_equal(f.out + ETH + 12, source, 4);
		assert_memory_equal(f.out + ETH + 20, frame + ETH, len - ETH);
	}
	len = build_error4(3, frame, 3);
	expect(frame, len, XDP_DROP, LB_DROP_ICMP_QUOTE);
	len = build_error4(3, frame, 8);
	frame[ETH + 28 + 15]++; /* quotes a packet that we did not send */
	expect(frame, len, XDP_DROP, LB_DROP_ICMP_QUOTE);
	len = build_error4(13, frame, 8);
	expect(frame, len, XDP_DROP, LB_DROP_UNSERVED);
}

TEST(icmp, error_of_ipv6_goes_to_the_real_of_the_flow_it_quotes)
{
	struct frame_spec quoted = fixture_spec(VIP6, CLIENT6, IPPROTO_TCP, FIXTURE_PORT);
	struct frame_spec spec = fixture_spec("fc00:99::1", VIP6, IPPROTO_UDP, 0);
	uint8_t frame[FRAME_MAX], inner[FRAME_MAX];
	size_t len = build(CLIENT6, VIP6, frame);
	uint32_t slot;

	serve_tcp_80();
	expect(frame, len, XDP_TX, LB_SENT_FORWARDED);
	slot = dataplane_trace(f.dp)->slot;
	quoted.sport = 80;
	spec.payload_len = 48;
	frame_build(&quoted, inner);
	for (uint8_t type = 1; type <= 4; type++) {
		len = frame_build(&spec, frame);
		frame[ETH + 6] = IPPROTO_ICMPV6;
		memset(frame + ETH + 40, 0, 8);
		frame[ETH + 40] = type;
		memcpy(frame + ETH + 48, inner + ETH, 48);
		expect(frame, len, XDP_TX, LB_SENT_FORWARDED);
		assert_int_equal(dataplane_trace(f.dp)->slot, slot);
	}
}

/* ---- sizes ---- */

static void expect_too_big(const char *client, const char *vip, size_t limit, size_t header)
{
	struct frame_spec spec = fixture_spec(client, vip, IPPROTO_TCP, 80);
	uint8_t frame[FRAME_MAX];
	size_t len;

	spec.payload_len = limit - header - 20;
	len = frame_build(&spec, frame);
	expect(frame, len, XDP_TX, LB_SENT_FORWARDED);
	spec.payload_len++;
	len = frame_build(&spec, frame);
	expect(frame, len, XDP_TX, LB_SENT_TOO_BIG);
	assert_memory_equal(f.out, frame + 6, 6);
	assert_int_equal(f.out[ETH + header + 6] << 8 | f.out[ETH + header + 7], limit);
}

TEST(size, is_limited_by_what_the_outer_packet_may_be)
{
	struct err err;

	serve_tcp_80();
	expect_too_big(CLIENT4, VIP4, 1500, 20); /* client-mtu */
	f.config.node.mtu_bytes = 1500;
	assert_int_equal(dataplane_reconfigure(f.dp, &f.config, &err), 0);
	assert_int_equal(uplink_set_private(f.dp, 0, "", 1, fixture_mac, &err), 0);
	expect_too_big(CLIENT4, VIP4, 1480, 20);
	expect_too_big(CLIENT6, VIP6, 1460, 40);
}

TEST(size, of_an_icmp_error_is_not_answered)
{
	uint8_t frame[FRAME_MAX];
	size_t len = build_error4(3, frame, 8);

	serve_tcp_80();
	memset(frame + len, 0, 1600 - len);
	frame[ETH + 2] = 1550 >> 8;
	frame[ETH + 3] = 1550 & 0xff;
	fix_ipv4_check(frame);
	expect(frame, 1564, XDP_DROP, LB_DROP_PACKET_TOO_BIG);
}

/* ---- reals ---- */

TEST(real, without_next_hop_or_record_is_named)
{
	static const uint16_t slots[RING_SLOTS];
	struct dataplane_next_hop none = { .usable = false };
	struct addr real = fixture_addr("10.0.0.1");
	uint8_t frame[FRAME_MAX];
	size_t len = build(CLIENT4, VIP4, frame);
	struct err err;

	serve_tcp_80();
	assert_int_equal(dataplane_set_next_hop(f.dp, 0, &real, &none, &err), 0);
	expect(frame, len, XDP_DROP, LB_DROP_NO_NEXT_HOP);
	assert_int_equal(dataplane_del_real(f.dp, &real, &err), 0);
	expect(frame, len, XDP_DROP, LB_DROP_REAL_GONE);
	assert_int_equal(dataplane_ring_write(f.dp, 0, slots, NULL, &err), 0);
	expect(frame, len, XDP_DROP, LB_DROP_NO_REAL);
}

TEST(real, that_is_local_gets_the_packet_as_it_is)
{
	struct addr real = fixture_addr("10.0.0.1");
	uint8_t frame[FRAME_MAX];
	size_t len = build(CLIENT4, VIP4, frame);
	struct dataplane_count count;
	struct err err;
	uint16_t index;

	serve_tcp_80();
	assert_int_equal(dataplane_set_real(f.dp, &real, true, &index, &err), 0);
	expect_unchanged(frame, len, LB_PASS_LOCAL_REAL);
	assert_true(dataplane_real_count(f.dp, &real, &count));
	assert_int_equal(count.packets, 1);
}

TEST(real, index_rests_after_its_deletion)
{
	struct addr real = fixture_addr("10.0.0.1"), other = fixture_addr("10.0.0.2");
	struct err err;
	uint16_t first, second;

	assert_int_equal(dataplane_set_real(f.dp, &real, false, &first, &err), 0);
	assert_int_equal(dataplane_del_real(f.dp, &real, &err), 0);
	assert_int_equal(dataplane_set_real(f.dp, &other, false, &second, &err), 0);
	assert_int_not_equal(first, second);
	assert_int_equal(dataplane_real_index(f.dp, &real), DATAPLANE_NO_REAL);
}

TEST(real, index_is_used_again_when_it_rested_and_no_fresh_one_is_left)
{
	struct addr real = fixture_addr("10.0.0.1"), other = fixture_addr("10.0.0.2");
	struct err err = { "" };
	uint16_t first, second;

	assert_int_equal(dataplane_set_real(f.dp, &real, false, &first, &err), 0);
	assert_int_equal(dataplane_del_real(f.dp, &real, &err), 0);
	f.dp->next_real = LB_REALS_MAX + 1;
	for (uint32_t i = 1; i <= LB_REALS_MAX; i++) {
		if (i != first)
			f.dp->tables->reals[i].flags = LB_REAL_USED;
	}
	assert_int_equal(mend_init(f.dp), 0); /* as if it had written them */
	assert_int_equal(dataplane_set_real(f.dp, &other, false, &second, &err), -ENOSPC);
	fixture_wait(&f, 2 * f.dp->idle_us - USEC_PER_SEC);
	assert_int_equal(dataplane_set_real(f.dp, &other, false, &second, &err), -ENOSPC);
	fixture_wait(&f, 2 * USEC_PER_SEC);
	f.dp->sweep.done_us = f.dp->tables->reals[first].freed_us - 1;
	assert_int_equal(dataplane_set_real(f.dp, &other, false, &second, &err), -ENOSPC);
	fixture_wait(&f, 2 * f.dp->idle_us);
	assert_int_equal(dataplane_set_real(f.dp, &other, false, &second, &err), 0);
	assert_int_equal(second, first);
	assert_int_equal(f.dp->tables->reals[first].freed_us, 0);
}

TEST(real, reached_by_another_uplink_only_is_redirected)
{
	static const uint8_t mac1[6] = { 0x02, 0, 0, 0, 1, 0x01 };
	static const uint8_t gateway1[6] = { 0x02, 0, 0, 0, 1, 0xfe };
	struct dataplane_next_hop next_hop = { .usable = false };
	struct addr real = fixture_addr("10.0.0.1");
	uint8_t frame[FRAME_MAX];
	size_t len = build(CLIENT4, VIP4, frame);
	uint32_t slot = 1, lo = 1;
	struct err err;

	serve_tcp_80();
	assert_int_equal(uplink_set_private(f.dp, 1, "", 999, mac1, &err), 0);
	assert_int_equal(dataplane_set_next_hop(f.dp, 0, &real, &next_hop, &err), 0);
	next_hop.usable = true;
	memcpy(next_hop.mac, gateway1, 6);
	assert_int_equal(dataplane_set_next_hop(f.dp, 1, &real, &next_hop, &err), 0);
	expect(frame, len, XDP_DROP, LB_DROP_NO_NEXT_HOP); /* no device to leave by */
	assert_int_equal(
		bpf_map_update_elem(bpf_map__fd(f.dp->skel->maps.devices), &slot, &lo, BPF_ANY), 0);
	expect(frame, len, XDP_REDIRECT, LB_SENT_REDIRECTED);
	assert_memory_equal(f.out, gateway1, 6);
	assert_memory_equal(f.out + 6, mac1, 6);
	memcpy(next_hop.mac, fixture_gateway, 6);
	assert_int_equal(dataplane_set_next_hop(f.dp, 0, &real, &next_hop, &err), 0);
	expect(frame, len, XDP_TX, LB_SENT_FORWARDED);
}

/* ---- counters and changes ---- */

TEST(counters, tell_packets_and_bytes_by_service_real_and_reason)
{
	struct prefix vip = fixture_prefix(VIP4);
	struct addr real = fixture_addr("10.0.0.1");
	uint8_t frame[FRAME_MAX];
	size_t len = build(CLIENT4, VIP4, frame);
	struct dataplane_count count;

	serve_tcp_80();
	for (int i = 0; i < 3; i++)
		fixture_send(&f, frame, len);
	assert_true(dataplane_service_count(f.dp, &vip, IPPROTO_TCP, 80, &count));
	assert_int_equal(count.packets, 3);
	assert_int_equal(count.bytes, 3 * (len - ETH));
	assert_true(dataplane_real_count(f.dp, &real, &count));
	assert_int_equal(count.packets, 3);
	assert_int_equal(count.bytes, 3 * (len - ETH));
	assert_false(dataplane_service_count(f.dp, &vip, IPPROTO_TCP, 81, &count));
	frame[ETH + 23]++;
	fixture_send(&f, frame, len);
	assert_int_equal(total("sent"), 3);
	assert_int_equal(total("sent/forwarded"), 3);
	assert_int_equal(total("dropped"), 1);
	assert_int_equal(total("dropped/unserved"), 1);
	assert_int_equal(total("passed"), 0);
}

TEST(counters, read_in_one_pass_are_those_asked_for_one_by_one)
{
	static struct dataplane_counts counts;
	struct prefix vip = fixture_prefix(VIP4);
	struct addr real = fixture_addr("10.0.0.1"), stranger = fixture_addr("10.0.0.99");
	struct dataplane_count one = { 0 }, all = { 0 };
	uint64_t on_cpus = 0, value, value_of_all;
	const char *name, *name_of_all;

	serve_tcp_80();
	for (uint16_t port = 1; port < 90; port += 8) {
		struct frame_spec spec = fixture_spec(CLIENT4, VIP4, IPPROTO_TCP, 80);

		spec.sport = port;
		fixture_send_spec(&f, &spec);
	}
	dataplane_counts_read(f.dp, &counts);
	assert_true(dataplane_service_count(f.dp, &vip, IPPROTO_TCP, 80, &one));
	assert_true(dataplane_counts_service(f.dp, &counts, &vip, IPPROTO_TCP, 80, &all));
	assert_int_not_equal(one.packets, 0);
	assert_memory_equal(&one, &all, sizeof(one));
	assert_true(dataplane_real_count(f.dp, &real, &one));
	assert_true(dataplane_counts_real(f.dp, &counts, &real, &all));
	assert_memory_equal(&one, &all, sizeof(one));
	assert_false(dataplane_counts_service(f.dp, &counts, &vip, IPPROTO_TCP, 81, &all));
	assert_false(dataplane_counts_real(f.dp, &counts, &stranger, &all));
	for (unsigned i = 0; dataplane_total(f.dp, i, &name, &value); i++) {
		assert_true(dataplane_totals_at(&counts.totals, i, &name_of_all, &value_of_all));
		assert_string_equal(name, name_of_all);
		assert_int_equal(value, value_of_all);
	}
	for (uint32_t cpu = 0; cpu < counts.n_cpus; cpu++)
		on_cpus += counts.cpus[cpu].sent;
	assert_true(dataplane_total(f.dp, 0, &name, &value));
	assert_int_equal(on_cpus, value);
}

TEST(counters, stay_over_a_change_and_start_at_zero_when_new)
{
	struct prefix vip = fixture_prefix(VIP4);
	uint8_t frame[FRAME_MAX];
	size_t len = build(CLIENT4, VIP4, frame);
	struct dataplane_count count;
	struct err err;

	frame[ETH + 20 + 13] = 0x02; /* a SYN: flows that were there before would stay */
	serve_tcp_80();
	fixture_send(&f, frame, len);
	fixture_service(&f, VIP4, IPPROTO_TCP, 80, fixture_ring(&f, "10.0.0.2"));
	fixture_send(&f, frame, len);
	assert_int_equal(f.out[ETH + 19], 2);
	assert_true(dataplane_service_count(f.dp, &vip, IPPROTO_TCP, 80, &count));
	assert_int_equal(count.packets, 2);
	assert_int_equal(dataplane_del_service(f.dp, &vip, IPPROTO_TCP, 80, &err), 0);
	f.dp->next_counter = 0;
	fixture_service(&f, VIP4, IPPROTO_TCP, 80, 0);
	assert_true(dataplane_service_count(f.dp, &vip, IPPROTO_TCP, 80, &count));
	assert_int_equal(count.packets, 0);
}

TEST(ring, refuses_what_is_not_programmed_and_what_is_used)
{
	static uint16_t slots[RING_SLOTS];
	struct err err;
	uint32_t changed;

	serve_tcp_80();
	slots[7] = 999;
	assert_int_equal(dataplane_ring_write(f.dp, 0, slots, &changed, &err), -EINVAL);
	assert_string_equal(err.text, "slot 7 would name real 999, which has no record");
	assert_int_equal(dataplane_ring_del(f.dp, 0, &err), -EBUSY);
	assert_int_equal(dataplane_ring_del(f.dp, 3, &err), -ENOENT);
	slots[7] = 1;
	assert_int_equal(dataplane_ring_write(f.dp, 0, slots, &changed, &err), 0);
	assert_int_equal(changed, RING_SLOTS - 1);
	assert_int_equal(dataplane_ring_write(f.dp, 0, slots, &changed, &err), 0);
	assert_int_equal(changed, 0);
}

/* ---- GUE ---- */

static bool outer_check_is_right(void)
{
	bool is_ipv4 = f.out[12] == 0x08;
	size_t udp = ETH + (is_ipv4 ? 20 : 40), n = is_ipv4 ? 4 : 16;
	int family = is_ipv4 ? AF_INET : AF_INET6;
	struct addr src = addr_from_raw(family, f.out + udp - 2 * n);
	struct addr dst = addr_from_raw(family, f.out + udp - n);

	return frame_checksum(f.out + udp, f.out_len - udp,
			      frame_pseudo_sum(&src, &dst, IPPROTO_UDP, f.out_len - udp)) == 0;
}

static void set_gue(const char *vip, uint8_t proto, uint16_t port, const char *real)
{
	struct dataplane_service service = { .vip = fixture_prefix(vip),
					     .proto = proto,
					     .port = port,
					     .ring = fixture_ring(&f, real),
					     .encap = CONFIG_ENCAP_GUE,
					     .gue_port = 6080 };
	struct err err;

	assert_int_equal(dataplane_set_service(f.dp, &service, &err), 0);
}

static void check_gue(const char *client, const char *vip, const char *real, uint8_t proto)
{
	struct frame_spec spec = fixture_spec(client, vip, proto, 80);
	size_t udp = strchr(real, ':') ? ETH + 40 : ETH + 20;

	set_gue(vip, proto, 80, real);
	for (size_t len = 0; len < 40; len++) {
		spec.payload_len = len;
		spec.sport = (uint16_t)(1000 + 97 * len);
		assert_int_equal(fixture_send_spec(&f, &spec), XDP_TX);
		assert_true(outer_check_is_right());
		assert_int_equal(f.out[udp + 2] << 8 | f.out[udp + 3], 6080);
		assert_int_not_equal(f.out[udp + 6] << 8 | f.out[udp + 7], 0);
	}
}

TEST(gue, has_the_right_outer_checksum_for_every_pair)
{
	static const char *const clients[] = { CLIENT4, CLIENT6 }, *const vips[] = { VIP4, VIP6 };
	static const char *const reals[] = { "10.0.0.1", "fc00::1" };
	static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_UDP };

	for (int i = 0; i < 8; i++) {
		check_gue(clients[i & 1], vips[i & 1], reals[i >> 1 & 1], protos[i >> 2]);
		fixture_fini(&f);
		fixture_init(&f, 4);
	}
}

TEST(gue, sums_the_whole_packet_where_no_inner_checksum_helps)
{
	struct frame_spec spec = fixture_spec(CLIENT6, VIP6, IPPROTO_TCP, 80);
	uint8_t frame[FRAME_MAX];
	size_t len;

	set_gue(VIP6, IPPROTO_TCP, 80, "fc00::1");
	for (size_t payload = 0; payload < 200; payload += 13) {
		spec.payload_len = payload;
		len = add_extensions(frame, frame_build(&spec, frame), 2);
		if (payload < 100) /* add_extensions() counts one byte of the length */
			expect(frame, len, XDP_TX, LB_SENT_FORWARDED);
		else
			continue;
		assert_true(outer_check_is_right());
	}
	set_gue(VIP4, IPPROTO_TCP, 80, "10.0.0.1");
	len = build_error4(3, frame, 8);
	expect(frame, len, XDP_TX, LB_SENT_FORWARDED);
	assert_true(outer_check_is_right());
}

TEST(gue, leaves_out_the_checksum_for_unsummed_udp_over_ipv4_only)
{
	struct frame_spec spec = fixture_spec(CLIENT4, VIP4, IPPROTO_UDP, 80);
	uint8_t frame[FRAME_MAX];
	size_t len = frame_build(&spec, frame);

	frame[ETH + 26] = frame[ETH + 27] = 0;
	set_gue(VIP4, IPPROTO_UDP, 80, "10.0.0.1");
	expect(frame, len, XDP_TX, LB_SENT_FORWARDED);
	assert_int_equal(f.out[ETH + 26] | f.out[ETH + 27], 0);
	fixture_fini(&f);
	fixture_init(&f, 4);
	set_gue(VIP4, IPPROTO_UDP, 80, "fc00::1");
	expect(frame, len, XDP_TX, LB_SENT_FORWARDED);
	assert_true(outer_check_is_right());
}

TEST(gue, without_a_source_address_is_dropped_by_name)
{
	struct frame_spec spec = fixture_spec(CLIENT4, VIP4, IPPROTO_TCP, 80);
	struct err err;

	f.config.node.has_encap_source4 = false;
	assert_int_equal(dataplane_reconfigure(f.dp, &f.config, &err), 0);
	assert_int_equal(uplink_set_private(f.dp, 0, "", 1, fixture_mac, &err), 0);
	set_gue(VIP4, IPPROTO_TCP, 80, "10.0.0.1");
	assert_int_equal(fixture_send_spec(&f, &spec), XDP_DROP);
	assert_int_equal(f.cause, LB_DROP_NO_SOURCE);
}

#define S(subject, behaviour)                                                                      \
	cmocka_unit_test_setup_teardown(subject##_##behaviour, set_up, tear_down)

/* ---- room for another config ---- */

/* Pools of one real each, from 10.77.0.0 on, none used by a service. */
static struct config config_of_reals(struct config_pool *pool, struct config_real *reals, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char text[32];

		snprintf(text, sizeof(text), "10.77.%zu.%zu", i / 256, i % 256);
		reals[i] = (struct config_real){ .name = "r", .addr = fixture_addr(text) };
	}
	*pool = (struct config_pool){ .name = "many", .reals = reals, .n_reals = n };
	return (struct config){ .pools = pool, .n_pools = 1 };
}

TEST(room, more_new_pools_than_free_rings_are_refused)
{
	const struct config config = { 0 };
	struct err err = { "" };
	size_t left = 0;

	serve_tcp_80();
	for (uint32_t i = 0; i < f.dp->n_rings; i++)
		left += !f.dp->ring_used[i];
	assert_int_equal(left, f.dp->n_rings - 2);
	assert_int_equal(dataplane_check_room(f.dp, &config, left, &err), 0);
	assert_int_equal(dataplane_check_room(f.dp, &config, left + 1, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "pools are new"));
	assert_non_null(strstr(err.text, "restart shoald"));
}

TEST(room, more_new_reals_than_free_indices_are_refused)
{
	struct config_real *reals = calloc(LB_REALS_MAX, sizeof(*reals));
	struct config_pool pool;
	struct config config = config_of_reals(&pool, reals, LB_REALS_MAX);
	struct err err = { "" };

	serve_tcp_80(); /* two reals of others */
	assert_int_equal(dataplane_check_room(f.dp, &config, 0, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "60000 of its reals are new"));
	assert_non_null(strstr(err.text, "room for 59998"));
	pool.n_reals -= 2;
	assert_int_equal(dataplane_check_room(f.dp, &config, 0, &err), 0);
	reals[0].addr = reals[1].addr; /* one address is one index */
	pool.n_reals++;
	assert_int_equal(dataplane_check_room(f.dp, &config, 0, &err), 0);
	fixture_real(&f, "10.77.0.9"); /* what is there already needs no other */
	assert_int_equal(dataplane_check_room(f.dp, &config, 0, &err), 0);
	free(reals);
}

TEST(room, more_new_services_than_free_records_are_refused)
{
	static struct config_service services[LB_SERVICES];
	struct config_vip vip = { .name = "www",
				  .prefix = fixture_prefix(VIP4 "/32"),
				  .services = services,
				  .n_services = SERVICES_MAX - 1 };
	const struct config config = { .vips = &vip, .n_vips = 1 };
	struct err err = { "" };

	for (uint32_t i = 0; i < LB_SERVICES; i++)
		services[i] =
			(struct config_service){ .proto = IPPROTO_TCP, .port = (uint16_t)(i + 80) };
	serve_tcp_80(); /* the first, and one of another VIP */
	assert_int_equal(dataplane_check_room(f.dp, &config, 0, &err), 0);
	vip.n_services += 1;
	assert_int_equal(dataplane_check_room(f.dp, &config, 0, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "services are new"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		S(pass, leaves_frames_for_another_mac),
		S(pass, leaves_what_is_not_ip),
		S(pass, leaves_other_addresses_however_odd_the_packet),
		S(pass, leaves_neighbour_discovery_to_a_vip),
		S(vip, drops_what_it_does_not_serve_unless_told_to_pass),
		S(vip, is_forgotten_when_nothing_holds_it),
		S(vip, of_a_prefix_serves_its_addresses_and_yields_to_a_longer_one),
		S(vip, of_a_prefix_is_for_packets_of_its_family),
		S(service, of_any_port_takes_what_no_other_takes),
		S(service, hashes_what_its_mode_says),
		S(packet, with_ipv4_options_is_balanced_as_without),
		S(packet, with_extension_headers_is_balanced_as_without),
		S(packet, with_an_extension_header_that_lies_is_dropped),
		S(packet, cut_at_any_length_never_leaves),
		S(packet, that_ends_before_its_ports_is_dropped),
		S(packet, whose_header_lies_is_dropped),
		S(fragment, goes_only_to_an_any_port_source_ip_service),
		S(icmp, ping_to_a_vip_is_answered),
		S(icmp, error_goes_to_the_real_of_the_flow_it_quotes),
		S(icmp, error_of_ipv6_goes_to_the_real_of_the_flow_it_quotes),
		S(size, is_limited_by_what_the_outer_packet_may_be),
		S(size, of_an_icmp_error_is_not_answered),
		S(real, without_next_hop_or_record_is_named),
		S(real, that_is_local_gets_the_packet_as_it_is),
		S(real, index_rests_after_its_deletion),
		S(real, index_is_used_again_when_it_rested_and_no_fresh_one_is_left),
		S(real, reached_by_another_uplink_only_is_redirected),
		S(counters, tell_packets_and_bytes_by_service_real_and_reason),
		S(counters, read_in_one_pass_are_those_asked_for_one_by_one),
		S(counters, stay_over_a_change_and_start_at_zero_when_new),
		S(ring, refuses_what_is_not_programmed_and_what_is_used),
		S(gue, has_the_right_outer_checksum_for_every_pair),
		S(gue, sums_the_whole_packet_where_no_inner_checksum_helps),
		S(gue, leaves_out_the_checksum_for_unsummed_udp_over_ipv4_only),
		S(gue, without_a_source_address_is_dropped_by_name),
		S(room, more_new_pools_than_free_rings_are_refused),
		S(room, more_new_reals_than_free_indices_are_refused),
		S(room, more_new_services_than_free_records_are_refused),
	};

	fixture_need_root();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
