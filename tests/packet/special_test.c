/* SPDX-License-Identifier: Apache-2.0 */
/*
 * special_test.c - what only some services do, through the real program: server ids in QUIC, TCP
 * and stable UDP, source routes, drop lists, rates.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tests/lib/test.h"
#include "tests/packet/fixture.h"

#define ETH      14
#define IPV4_LEN 20
#define VIP4     "10.200.1.1"
#define VIP6     "fc00:1::1"
#define CLIENT4  "192.168.1.1"
#define CLIENT6  "fc00:2::1"
#define PORT     443

/* The ring names 10.0.0.1 in every slot. */
#define RING_REAL "10.0.0.1"

static struct fixture f;
static uint32_t ring;

/* A second pool's reals have ids of their own. */
static struct config_real reals[] = {
	{ .server_id = 1 },          /* 10.0.0.1 */
	{ .server_id = 1023 },       /* 10.0.0.2 */
	{ .server_id = 0x00c0ffee }, /* 10.0.0.3 */
	{ .server_id = 0xfedcba98 }, /* 10.0.0.4: more than a signed word holds */
};
#define N_REALS (sizeof(reals) / sizeof(reals[0]))

static void must(int r, const struct err *err)
{
	if (r < 0)
		fail_msg("%s", err->text);
}

static int set_up(void **state)
{
	struct err err = { "" };

	(void)state;
	fixture_init(&f, 4);
	ring = fixture_ring(&f, RING_REAL);
	for (unsigned i = 0; i < N_REALS; i++) {
		char text[16];

		snprintf(text, sizeof(text), "10.0.0.%u", i + 1);
		fixture_real(&f, text);
		reals[i].addr = fixture_addr(text);
	}
	must(dataplane_set_server_ids(f.dp, ring, reals, N_REALS, &err), &err);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	fixture_fini(&f);
	return 0;
}

static struct dataplane_service service_on(const char *vip, uint8_t proto)
{
	return (struct dataplane_service){ .vip = fixture_prefix(vip),
					   .proto = proto,
					   .port = PORT,
					   .ring = ring,
					   .reals = reals };
}

static void set_service(const struct dataplane_service *service)
{
	struct err err = { "" };

	must(dataplane_set_service(f.dp, service, &err), &err);
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

static size_t ip_len(const uint8_t *frame)
{
	return frame[12] == 0x08 ? 20 : 40;
}

static bool has_ports(const uint8_t *frame)
{
	uint8_t proto = frame[ETH + (frame[12] == 0x08 ? 9 : 6)];

	return proto == IPPROTO_TCP || proto == IPPROTO_UDP;
}

/* The frame leaves for this real, 10.0.0.N. */
static void expect_flow(const uint8_t *frame, size_t len, unsigned real)
{
	int verdict = fixture_send(&f, frame, len);

	if (verdict != XDP_TX)
		fail_msg("not sent: %s", dataplane_cause_str(f.cause));
	assert_int_equal(f.out[ETH + 19], real);
}

/* The same, as the first packet of a flow. */
static void expect_real(const uint8_t *frame, size_t len, unsigned real)
{
	static uint16_t port = 1024;
	uint8_t fresh[FRAME_MAX];

	memcpy(fresh, frame, len);
	port++;
	if (has_ports(frame))
		memcpy(fresh + ETH + ip_len(frame), &port, 2);
	expect_flow(fresh, len, real);
}

static void expect_drop(const uint8_t *frame, size_t len, enum lb_cause cause)
{
	assert_int_equal(fixture_send(&f, frame, len), XDP_DROP);
	assert_string_equal(dataplane_cause_str(f.cause), dataplane_cause_str(cause));
}

static void set_life(unsigned real, enum dataplane_real_life life)
{
	struct err err = { "" };

	must(dataplane_set_real_life(f.dp, &reals[real - 1].addr, life, &err), &err);
}

/* ---- frames ---- */

/* A datagram with this payload. */
static size_t datagram(const char *src, const char *dst, const void *payload, size_t len,
		       uint8_t *frame)
{
	struct frame_spec spec = fixture_spec(src, dst, IPPROTO_UDP, PORT);
	size_t frame_len;

	spec.payload_len = len;
	frame_len = frame_build(&spec, frame);
	memcpy(frame + frame_len - len, payload, len);
	return frame_len;
}

/* A segment with these options, padded with zeros to whole words. */
static size_t segment(const char *src, const char *dst, const void *options, size_t len,
		      uint8_t *frame)
{
	struct frame_spec spec = fixture_spec(src, dst, IPPROTO_TCP, PORT);
	size_t padded = (len + 3) / 4 * 4, frame_len;
	uint8_t *tcp;

	spec.payload_len = padded + 5;
	frame_len = frame_build(&spec, frame);
	tcp = frame + ETH + ip_len(frame);
	memset(tcp + 20, 0, padded);
	memcpy(tcp + 20, options, len);
	tcp[12] = (uint8_t)((20 + padded) / 4 << 4);
	return frame_len;
}

static void set_udp_len(uint8_t *frame, unsigned len)
{
	uint8_t *udp = frame + ETH + ip_len(frame);

	udp[4] = (uint8_t)(len >> 8);
	udp[5] = (uint8_t)len;
}

static void set_ipv4_len(uint8_t *frame, size_t len)
{
	frame[ETH + 2] = (uint8_t)(len >> 8);
	frame[ETH + 3] = (uint8_t)len;
}

/* Connection ids that hold an id in each of the three ways. */
static void put_cid(uint8_t cid[8], unsigned version, uint32_t id)
{
	memset(cid, 0x11, 8);
	cid[0] = (uint8_t)(version << 6);
	if (version == 1) {
		cid[0] |= (uint8_t)(id >> 10);
		cid[1] = (uint8_t)(id >> 2);
		cid[2] = (uint8_t)(id << 6 | 0x15);
	} else if (version == 2) {
		cid[1] = (uint8_t)(id >> 16);
		cid[2] = (uint8_t)(id >> 8);
		cid[3] = (uint8_t)id;
	} else {
		cid[1] = (uint8_t)(id >> 24);
		cid[2] = (uint8_t)(id >> 16);
		cid[3] = (uint8_t)(id >> 8);
		cid[4] = (uint8_t)id;
	}
}

#define SHORT_LEN 24
#define LONG_LEN  40

static void short_header(uint8_t payload[SHORT_LEN], unsigned version, uint32_t id)
{
	memset(payload, 0xaa, SHORT_LEN);
	payload[0] = 0x40;
	put_cid(payload + 1, version, id);
}

/* first: the first byte; quic: the protocol's version. */
static void long_header(uint8_t payload[LONG_LEN], uint8_t first, uint32_t quic, uint8_t cid_len,
			unsigned version, uint32_t id)
{
	memset(payload, 0xaa, LONG_LEN);
	payload[0] = first;
	quic = htonl(quic);
	memcpy(payload + 1, &quic, 4);
	payload[5] = cid_len;
	put_cid(payload + 6, version, id);
}

/* ---- QUIC ---- */

static void serve_quic(void)
{
	struct dataplane_service service = service_on(VIP4, IPPROTO_UDP);

	service.quic = true;
	set_service(&service);
	service.vip = fixture_prefix(VIP6);
	set_service(&service);
}

static void expect_short(unsigned version, uint32_t id, unsigned real)
{
	uint8_t payload[SHORT_LEN], frame[FRAME_MAX];

	short_header(payload, version, id);
	expect_real(frame, datagram(CLIENT4, VIP4, payload, sizeof(payload), frame), real);
	expect_real(frame, datagram(CLIENT6, VIP6, payload, sizeof(payload), frame), real);
}

TEST(quic, follows_ids_of_each_version)
{
	serve_quic();
	expect_short(1, 1023, 2);
	expect_short(2, 0xc0ffee, 3);
	expect_short(2, 1023, 2);
	expect_short(3, 0xc0ffee, 3);
	expect_short(3, 0xfedcba98, 4);
	assert_int_equal(total("noted/id-routed"), 10);
	assert_int_equal(total("noted/id-exception"), 10);
}

TEST(quic, takes_unknown_ids_to_the_slot_and_notes_them)
{
	serve_quic();
	expect_short(1, 77, 1);
	assert_int_equal(total("noted/id-unknown"), 2);
	expect_short(0, 0x12345678, 1);
	expect_short(1, 0, 1);
	expect_short(2, 0, 1);
	expect_short(3, 0, 1);
	assert_int_equal(total("noted/id-unknown"), 2);
	assert_int_equal(total("noted/id-none"), 8);
}

static void expect_long(uint8_t first, uint32_t quic, uint8_t cid_len, unsigned real)
{
	uint8_t payload[LONG_LEN], frame[FRAME_MAX];

	long_header(payload, first, quic, cid_len, 1, 1023);
	expect_real(frame, datagram(CLIENT4, VIP4, payload, sizeof(payload), frame), real);
}

/* RFC 9000 section 17.2, RFC 9369 section 3.2. */
TEST(quic, does_not_believe_what_clients_chose_themselves)
{
	static const uint32_t v1 = 1, v2 = 0x6b3343cf;

	serve_quic();
	expect_long(0xc0, v1, 8, 1); /* Initial */
	expect_long(0xd0, v1, 8, 1); /* 0-RTT */
	expect_long(0xd0, v2, 8, 1);
	expect_long(0xe0, v2, 8, 1);
	assert_int_equal(total("noted/id-initial"), 4);
	expect_long(0xe0, v1, 8, 2); /* Handshake */
	expect_long(0xf0, v2, 8, 2);
	expect_long(0xf0, v1, 8, 2); /* Retry */
	expect_long(0xe0, v1, 20, 2);
}

TEST(quic, believes_no_connection_id_of_a_lying_length)
{
	serve_quic();
	expect_long(0xe0, 1, 0, 1);
	expect_long(0xe0, 1, 7, 1);
	expect_long(0xe0, 1, 21, 1);
	expect_long(0xe0, 1, 255, 1);
	assert_int_equal(total("noted/id-none"), 4);
}

/* The frame ends anywhere, and all lengths agree with that. */
static void expect_cut(const uint8_t *payload, size_t len, size_t needed)
{
	uint8_t frame[FRAME_MAX];

	for (size_t cut = 0; cut <= len; cut++) {
		unsigned real = cut < needed ? 1 : 2;

		expect_real(frame, datagram(CLIENT4, VIP4, payload, cut, frame), real);
		expect_real(frame, datagram(CLIENT6, VIP6, payload, cut, frame), real);
	}
}

TEST(quic, needs_the_whole_id_wherever_the_packet_ends)
{
	uint8_t payload[LONG_LEN];

	serve_quic();
	short_header(payload, 1, 1023);
	expect_cut(payload, SHORT_LEN, 9);
	long_header(payload, 0xe0, 1, 8, 1, 1023);
	expect_cut(payload, LONG_LEN, 14);
	long_header(payload, 0xe0, 1, 20, 1, 1023);
	expect_cut(payload, LONG_LEN, 26);
}

/* The frame is longer than the packet says: Ethernet pads, and others may lie. */
static void expect_shorter(size_t needed)
{
	uint8_t payload[SHORT_LEN], frame[FRAME_MAX];
	size_t len;

	payload[0] = 0x52; /* stable UDP, and a short header */
	put_cid(payload + 1, 2, 1023);
	for (size_t said = 0; said <= SHORT_LEN; said++) {
		memset(payload + 9, 0, sizeof(payload) - 9);
		len = datagram(CLIENT4, VIP4, payload, sizeof(payload), frame);
		set_ipv4_len(frame, 28 + said);
		set_udp_len(frame, (unsigned)(8 + said));
		expect_real(frame, len, said < needed ? 1 : 2);
		/* The datagram alone says less or more. */
		set_ipv4_len(frame, 28 + SHORT_LEN);
		expect_real(frame, len, said < needed ? 1 : 2);
		set_udp_len(frame, (unsigned)(8 + SHORT_LEN + 1 + said));
		expect_real(frame, len, 1);
	}
	set_udp_len(frame, 0);
	expect_real(frame, len, 1);
	set_udp_len(frame, 7);
	expect_real(frame, len, 1);
	set_udp_len(frame, 65535);
	expect_real(frame, len, 1);
}

TEST(quic, reads_nothing_behind_the_datagram)
{
	serve_quic();
	expect_shorter(9);
}

TEST(quic, keeps_ids_within_the_pool_unless_they_may_lead_anywhere)
{
	struct dataplane_service service = service_on(VIP4, IPPROTO_UDP);
	uint8_t payload[SHORT_LEN], frame[FRAME_MAX];
	struct config_real other = { .addr = fixture_addr("10.0.0.9"), .server_id = 4711 };
	struct err err = { "" };
	uint32_t other_ring = fixture_ring(&f, "10.0.0.9");
	size_t len;

	must(dataplane_set_server_ids(f.dp, other_ring, &other, 1, &err), &err);
	serve_quic();
	short_header(payload, 2, 4711);
	len = datagram(CLIENT4, VIP4, payload, sizeof(payload), frame);
	expect_real(frame, len, 1);
	service.quic = true;
	service.server_ids = CONFIG_SERVER_IDS_ANY;
	set_service(&service);
	expect_real(frame, len, 9);
	/* An id goes with its ring. */
	must(dataplane_ring_del(f.dp, other_ring, &err), &err);
	expect_real(frame, len, 1);
}

TEST(quic, goes_to_leaving_reals_and_not_to_dead_ones)
{
	serve_quic();
	set_life(2, DATAPLANE_REAL_LEAVING);
	expect_short(1, 1023, 2);
	set_life(2, DATAPLANE_REAL_DEAD);
	expect_short(1, 1023, 1);
	assert_int_equal(total("noted/id-unknown"), 2);
	set_life(2, DATAPLANE_REAL_TAKES);
	expect_short(1, 1023, 2);
}

TEST(quic, follows_changes_of_ids_at_once)
{
	struct config_real changed[2] = { { .server_id = 7 }, { .server_id = 1023 } };
	struct err err = { "" };

	serve_quic();
	changed[0].addr = reals[1].addr;
	changed[1].addr = reals[2].addr;
	must(dataplane_set_server_ids(f.dp, ring, changed, 2, &err), &err);
	expect_short(2, 7, 2);
	expect_short(2, 1023, 3);
	expect_short(2, 0xc0ffee, 1);
	must(dataplane_set_server_ids(f.dp, ring, NULL, 0, &err), &err);
	expect_short(2, 7, 1);
}

/* The steps of one connection, which then changes to ids that say nothing. */
TEST(quic, keeps_a_flow_that_had_an_id_where_it_was)
{
	uint8_t payload[SHORT_LEN], with[FRAME_MAX], without[FRAME_MAX], home[FRAME_MAX];
	size_t len;

	serve_quic();
	short_header(payload, 1, 1023);
	len = datagram(CLIENT4, VIP4, payload, sizeof(payload), with);
	short_header(payload, 0, 0);
	datagram(CLIENT4, VIP4, payload, sizeof(payload), without);
	short_header(payload, 1, 1);
	datagram(CLIENT4, VIP4, payload, sizeof(payload), home);
	expect_flow(without, len, 1);
	expect_flow(with, len, 2);
	assert_int_equal(total("noted/id-exception"), 1);
	expect_flow(without, len, 2);
	expect_flow(without, len, 2);
	/* The id of the slot's own real ends the exception. */
	expect_flow(home, len, 1);
	assert_int_equal(total("noted/id-exception"), 1);
	expect_flow(without, len, 1);
	/* A dead real keeps nobody. */
	expect_flow(with, len, 2);
	set_life(2, DATAPLANE_REAL_DEAD);
	expect_flow(without, len, 1);
}

/* The way of the one flow remembered; -1: none. */
static int remembered_way(void)
{
	int found = -1;

	for (uint32_t i = 0; i < f.dp->n_flow_lines; i++) {
		for (int way = 0; way < LB_FLOW_WAYS; way++) {
			if (!f.dp->flows[i].ways[way])
				continue;
			assert_int_equal(found, -1);
			found = way;
		}
	}
	return found;
}

TEST(quic, takes_a_flow_off_probation_with_its_second_id)
{
	uint8_t payload[SHORT_LEN], frame[FRAME_MAX];
	size_t len;

	serve_quic();
	short_header(payload, 1, 1023);
	len = datagram(CLIENT4, VIP4, payload, sizeof(payload), frame);
	expect_flow(frame, len, 2);
	assert_in_range(remembered_way(), 0, LB_FLOW_PROBATION - 1);
	expect_flow(frame, len, 2);
	assert_in_range(remembered_way(), LB_FLOW_PROBATION, LB_FLOW_WAYS - 1);
	short_header(payload, 1, 1);
	len = datagram(CLIENT4, VIP4, payload, sizeof(payload), frame);
	expect_flow(frame, len, 1);
	assert_int_equal(remembered_way(), -1);
}

/* The error's own bytes stand where a datagram's would. */
TEST(quic, reads_no_id_out_of_an_icmp_error)
{
	uint8_t payload[SHORT_LEN], frame[FRAME_MAX], quoted[FRAME_MAX];
	size_t len = ETH + 20 + 8 + 20 + 8;

	serve_quic();
	short_header(payload, 1, 1023);
	datagram(VIP4, CLIENT4, payload, sizeof(payload), quoted);
	quoted[ETH + 20] = PORT >> 8;
	quoted[ETH + 21] = PORT & 255;
	datagram("172.31.0.1", VIP4, payload, sizeof(payload), frame);
	frame[ETH + 9] = IPPROTO_ICMP;
	memset(frame + ETH + 20, 0, 8);
	frame[ETH + 20] = 3;
	memcpy(frame + ETH + 28, quoted + ETH, 28);
	set_ipv4_len(frame, len - ETH);
	expect_real(frame, len, 1);
	assert_int_equal(total("noted/id-routed"), 0);
}

/* ---- stable UDP ---- */

static void serve_stable(void)
{
	struct dataplane_service service = service_on(VIP4, IPPROTO_UDP);

	service.stable_udp = true;
	set_service(&service);
	service.vip = fixture_prefix(VIP6);
	set_service(&service);
}

TEST(stable_udp, follows_its_id_wherever_the_packet_ends)
{
	uint8_t payload[16] = { 0x52, 0x00, 0x03, 0xff };

	serve_stable();
	expect_cut(payload, sizeof(payload), 8);
}

TEST(stable_udp, remembers_no_flow)
{
	uint8_t id[8] = { 0x52, 0x00, 0x03, 0xff }, none[8] = { 0 };
	uint8_t with[FRAME_MAX], without[FRAME_MAX];
	size_t len = datagram(CLIENT4, VIP4, id, sizeof(id), with);

	datagram(CLIENT4, VIP4, none, sizeof(none), without);
	serve_stable();
	expect_flow(with, len, 2);
	expect_flow(without, len, 1);
	assert_int_equal(total("noted/id-exception"), 0);
}

TEST(stable_udp, wants_its_first_byte_and_an_id)
{
	static const uint8_t payloads[][8] = {
		{ 0x53, 0x00, 0x03, 0xff }, { 0x12, 0x00, 0x03, 0xff }, { 0x52, 0x00, 0x00, 0x00 },
		{ 0x52, 0xff, 0x03, 0x00 }, { 0x00, 0x00, 0x03, 0xff },
	};
	uint8_t frame[FRAME_MAX];

	serve_stable();
	for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++)
		expect_real(frame, datagram(CLIENT4, VIP4, payloads[i], 8, frame), 1);
	assert_int_equal(total("noted/id-none"), 4);
	assert_int_equal(total("noted/id-unknown"), 1);
}

TEST(stable_udp, reads_nothing_behind_the_datagram)
{
	uint8_t payload[16] = { 0x52, 0x00, 0x03, 0xff }, frame[FRAME_MAX];
	size_t len = datagram(CLIENT4, VIP4, payload, sizeof(payload), frame);

	serve_stable();
	for (unsigned said = 0; said <= sizeof(payload); said++) {
		set_udp_len(frame, 8 + said);
		expect_real(frame, len, said < 8 ? 1 : 2);
	}
	set_udp_len(frame, 8 + sizeof(payload) + 1);
	expect_real(frame, len, 1);
}

/* ---- TCP ---- */

static void serve_tcp(void)
{
	struct dataplane_service service = service_on(VIP4, IPPROTO_TCP);

	service.tcp_server_id = true;
	set_service(&service);
	service.vip = fixture_prefix(VIP6);
	set_service(&service);
}

static void expect_options(const void *options, size_t len, unsigned real)
{
	uint8_t frame[FRAME_MAX];

	expect_real(frame, segment(CLIENT4, VIP4, options, len, frame), real);
	expect_real(frame, segment(CLIENT6, VIP6, options, len, frame), real);
}

#define ID_1023  0xb7, 6, 0xff, 0x03, 0, 0
#define TIMES(x) 8, 10, x, x, x, x, x, x, x, x

TEST(tcp_server_id, follows_the_option)
{
	static const uint8_t alone[] = { ID_1023 }, behind_times[] = { 1, 1, TIMES(7), ID_1023 };
	static const uint8_t wide[] = { 0xb7, 6, 0x98, 0xba, 0xdc, 0xfe };
	static const uint8_t last[] = { TIMES(1), TIMES(2), TIMES(3), 1, 1, 1, 1, ID_1023 };

	serve_tcp();
	expect_options(alone, sizeof(alone), 2);
	expect_options(behind_times, sizeof(behind_times), 2);
	expect_options(wide, sizeof(wide), 4);
	expect_options(last, sizeof(last), 2);
	assert_int_equal(total("noted/id-routed"), 8);
}

TEST(tcp_server_id, looks_at_fifteen_options)
{
	uint8_t options[21];

	serve_tcp();
	for (size_t nops = 0; nops <= 15; nops++) {
		memset(options, 1, sizeof(options));
		memcpy(options + nops, (uint8_t[]){ ID_1023 }, 6);
		expect_options(options, nops + 6, nops < 15 ? 2 : 1);
	}
}

TEST(tcp_server_id, stops_at_the_end_and_at_lies)
{
	static const uint8_t ended[] = { 1, 0, ID_1023 };
	static const uint8_t short_id[] = { 0xb7, 5, 0xff, 0x03, 0, ID_1023 };
	static const uint8_t long_id[] = { 0xb7, 7, 0xff, 0x03, 0, 0, 0, ID_1023 };
	static const uint8_t no_len[] = { 8, 0, ID_1023 }, one_len[] = { 8, 1, ID_1023 };
	static const uint8_t too_long[] = { 8, 60, ID_1023 };
	static const uint8_t zero[] = { 0xb7, 6, 0, 0, 0, 0 };
	static const uint8_t unknown[] = { 0xb7, 6, 9, 9, 9, 9 };
	static const uint8_t cut[] = { 1, 1, 1, 1, 0xb7, 6, 0xff, 0x03 };

	serve_tcp();
	expect_options(ended, sizeof(ended), 1);
	expect_options(short_id, sizeof(short_id), 1);
	expect_options(long_id, sizeof(long_id), 1);
	expect_options(no_len, sizeof(no_len), 1);
	expect_options(one_len, sizeof(one_len), 1);
	expect_options(too_long, sizeof(too_long), 1);
	expect_options(zero, sizeof(zero), 1);
	expect_options(cut, sizeof(cut), 1);
	assert_int_equal(total("noted/id-unknown"), 0);
	expect_options(unknown, sizeof(unknown), 1);
	assert_int_equal(total("noted/id-unknown"), 2);
}

TEST(tcp_server_id, keeps_a_flow_that_had_one_where_it_was)
{
	static const uint8_t id[] = { ID_1023, 1, 1 }, none[] = { 1, 1, 1, 1, 1, 1, 1, 1 };
	uint8_t with[FRAME_MAX], without[FRAME_MAX];
	size_t len = segment(CLIENT4, VIP4, id, sizeof(id), with);

	segment(CLIENT4, VIP4, none, sizeof(none), without);
	serve_tcp();
	expect_flow(without, len, 1);
	expect_flow(with, len, 2);
	expect_flow(without, len, 2);
}

TEST(tcp_server_id, believes_no_syn)
{
	static const uint8_t alone[] = { ID_1023 };
	uint8_t frame[FRAME_MAX];
	size_t len = segment(CLIENT4, VIP4, alone, sizeof(alone), frame);

	serve_tcp();
	frame[ETH + 20 + 13] = 0x02;
	expect_real(frame, len, 1);
}

/* Every length of the header, with every length of the packet behind it. */
TEST(tcp_server_id, believes_no_header_that_its_packet_does_not_hold)
{
	static const uint8_t alone[] = { 1, 1, ID_1023 };
	uint8_t frame[FRAME_MAX];
	size_t len = segment(CLIENT4, VIP4, alone, sizeof(alone), frame);

	serve_tcp();
	for (uint8_t words = 0; words <= 15; words++) {
		frame[ETH + 20 + 12] = (uint8_t)(words << 4);
		for (size_t cut = 20; ETH + 20 + cut <= len; cut++) {
			bool holds = words >= 7 && words * 4U <= cut;

			set_ipv4_len(frame, 20 + cut);
			expect_real(frame, ETH + 20 + cut, holds ? 2 : 1);
			/* Padding behind the packet is not part of it. */
			expect_real(frame, len, holds ? 2 : 1);
		}
	}
}

/* ---- source routes ---- */

#define N_ROUTES 3
static struct config_source_route routes[N_ROUTES];

static struct dataplane_service routed_service(void)
{
	struct dataplane_service service = service_on(VIP4, IPPROTO_TCP);

	routes[0] = (struct config_source_route){ fixture_prefix("192.168.0.0/16"), 1 };
	routes[1] = (struct config_source_route){ fixture_prefix("192.168.2.0/24"), 2 };
	routes[2] = (struct config_source_route){ fixture_prefix("192.168.2.7/32"), 3 };
	service.source_routes = routes;
	service.n_source_routes = N_ROUTES;
	return service;
}

/* All packets of a client are of one flow. */
static void expect_client(const char *src, const char *vip, uint8_t flags, unsigned real)
{
	struct frame_spec spec = fixture_spec(src, vip, IPPROTO_TCP, PORT);
	uint8_t frame[FRAME_MAX];

	spec.tcp_flags = flags;
	expect_flow(frame, frame_build(&spec, frame), real);
}

TEST(source_routes, lead_by_the_longest_prefix)
{
	struct dataplane_service service = routed_service();
	struct config_source_route six[] = { { fixture_prefix("fc00:2::/64"), 2 },
					     { fixture_prefix("fc00:2::1:0/112"), 3 } };

	set_service(&service);
	expect_client("192.168.1.1", VIP4, 0x02, 2);
	expect_client("192.168.1.1", VIP4, 0x10, 2);
	expect_client("192.168.2.1", VIP4, 0x10, 3);
	expect_client("192.168.2.7", VIP4, 0x10, 4);
	expect_client("192.169.2.7", VIP4, 0x10, 1);
	assert_int_equal(total("noted/source-routed"), 4);
	service.vip = fixture_prefix(VIP6);
	service.source_routes = six;
	service.n_source_routes = 2;
	set_service(&service);
	expect_client("fc00:2::1", VIP6, 0x10, 3);
	expect_client("fc00:2::1:1", VIP6, 0x10, 4);
	expect_client("fc00:2:0:1::1", VIP6, 0x10, 1);
}

TEST(source_routes, are_those_of_their_service_only)
{
	struct dataplane_service service = routed_service(), plain = service_on(VIP4, IPPROTO_TCP);

	set_service(&service);
	plain.vip = fixture_prefix("10.200.1.2");
	set_service(&plain);
	expect_client("192.168.1.1", "10.200.1.2", 0x10, 1);
	plain.source_routes = &(struct config_source_route){ fixture_prefix("192.168.1.0/24"), 3 };
	plain.n_source_routes = 1;
	set_service(&plain);
	expect_client("192.168.1.1", "10.200.1.2", 0x10, 4);
	expect_client("192.168.1.1", VIP4, 0x10, 2);
}

TEST(source_routes, lead_to_no_dead_real_and_give_leaving_ones_no_new_flows)
{
	struct dataplane_service service = routed_service();

	set_service(&service);
	set_life(2, DATAPLANE_REAL_DEAD);
	expect_client("192.168.1.1", VIP4, 0x02, 1);
	expect_client("192.168.1.2", VIP4, 0x10, 1);
	set_life(2, DATAPLANE_REAL_LEAVING);
	expect_client("192.168.1.3", VIP4, 0x02, 1);
	set_life(2, DATAPLANE_REAL_TAKES);
	expect_client("192.168.1.4", VIP4, 0x02, 2);
}

TEST(source_routes, keep_the_flows_of_a_real_that_leaves_and_returns)
{
	struct dataplane_service service = routed_service();

	set_service(&service);
	expect_client("192.168.1.1", VIP4, 0x02, 2);
	expect_client("192.168.1.1", VIP4, 0x10, 2);
	set_life(2, DATAPLANE_REAL_LEAVING);
	/* Flows from before stay, new ones go to the ring and stay there when the real returns. */
	expect_client("192.168.1.1", VIP4, 0x10, 2);
	expect_client("192.168.1.2", VIP4, 0x02, 1);
	expect_client("192.168.1.2", VIP4, 0x10, 1);
	set_life(2, DATAPLANE_REAL_TAKES);
	expect_client("192.168.1.1", VIP4, 0x10, 2);
	expect_client("192.168.1.2", VIP4, 0x10, 1);
	expect_client("192.168.1.3", VIP4, 0x02, 2);
	/* A dead real's flows go at once. */
	set_life(2, DATAPLANE_REAL_DEAD);
	expect_client("192.168.1.1", VIP4, 0x10, 1);
}

TEST(source_routes, follow_the_client_where_only_the_port_is_hashed)
{
	struct dataplane_service service = routed_service();

	service.hash = CONFIG_HASH_DESTINATION_PORT;
	set_service(&service);
	expect_client("192.168.2.1", VIP4, 0x10, 3);
	expect_client("10.1.2.3", VIP4, 0x10, 1);
}

TEST(source_routes, name_programmed_reals_only)
{
	struct dataplane_service service = routed_service();
	struct config_real strangers[N_REALS] = { 0 };
	struct err err = { "" };

	set_service(&service);
	for (size_t i = 0; i < N_REALS; i++)
		strangers[i].addr = fixture_addr("10.9.9.9");
	service.reals = strangers;
	assert_int_equal(dataplane_set_service(f.dp, &service, &err), -EINVAL);
	assert_string_equal(err.text,
			    "source route of 192.168.0.0/16: real 10.9.9.9 is not programmed");
	expect_client("192.168.1.1", VIP4, 0x10, 2);
	assert_int_equal(dataplane_del_real(f.dp, &reals[1].addr, &err), -EBUSY);
	assert_string_equal(err.text,
			    "real 10.0.0.2 is still named by a source route or server id");
	/* An id names it as well: both must let go. */
	service.n_source_routes = 0;
	set_service(&service);
	assert_int_equal(dataplane_del_real(f.dp, &reals[1].addr, &err), -EBUSY);
	must(dataplane_set_server_ids(f.dp, ring, reals, 1, &err), &err);
	must(dataplane_del_real(f.dp, &reals[1].addr, &err), &err);
	assert_int_equal(dataplane_del_real(f.dp, &reals[0].addr, &err), -EBUSY);
}

/* ---- drop lists ---- */

static void set_drops(const struct prefix *drops, size_t n)
{
	struct dataplane_service service = service_on(VIP4, IPPROTO_TCP);

	service.drop_sources = drops;
	service.n_drop_sources = n;
	set_service(&service);
}

static void expect_dropped(const char *src, const char *vip)
{
	struct frame_spec spec = fixture_spec(src, vip, IPPROTO_TCP, PORT);
	uint8_t frame[FRAME_MAX];

	expect_drop(frame, frame_build(&spec, frame), LB_DROP_SOURCE);
}

TEST(drop_sources, drop_the_listed_and_nobody_else)
{
	struct prefix drops[] = { fixture_prefix("192.168.1.0/24"), fixture_prefix("10.0.0.7/32") };

	set_drops(drops, 2);
	expect_dropped("192.168.1.1", VIP4);
	expect_dropped("192.168.1.255", VIP4);
	expect_dropped("10.0.0.7", VIP4);
	expect_client("192.168.2.1", VIP4, 0x10, 1);
	expect_client("10.0.0.8", VIP4, 0x10, 1);
	assert_int_equal(total("dropped/source-dropped"), 3);
	set_drops(drops + 1, 1);
	expect_client("192.168.1.1", VIP4, 0x10, 1);
	expect_dropped("10.0.0.7", VIP4);
	set_drops(NULL, 0);
	expect_client("10.0.0.7", VIP4, 0x10, 1);
}

TEST(drop_sources, leave_with_their_service)
{
	struct prefix drop = fixture_prefix("192.168.0.0/16");
	struct dataplane_service service = service_on(VIP4, IPPROTO_TCP);
	struct err err = { "" };

	for (int i = 0; i < 3; i++) {
		set_drops(&drop, 1);
		expect_dropped("192.168.1.1", VIP4);
		must(dataplane_del_service(f.dp, &service.vip, IPPROTO_TCP, PORT, &err), &err);
	}
	assert_int_equal(f.dp->n_source_drops, 0);
	set_service(&service);
	expect_client("192.168.1.1", VIP4, 0x10, 1);
}

/* Packets of a listed client while the list is exchanged for another that lists it too. */
struct sender {
	_Atomic bool stop;
	unsigned long sent, let_in;
};

static void *send_listed(void *arg)
{
	struct sender *sender = arg;
	struct frame_spec spec = fixture_spec("192.168.1.1", VIP4, IPPROTO_TCP, PORT);
	uint8_t frame[FRAME_MAX], out[FRAME_MAX];
	size_t len = frame_build(&spec, frame);
	struct err err;

	while (!sender->stop) {
		size_t out_len = sizeof(out);

		sender->let_in += dataplane_run(f.dp, frame, len, out, &out_len, &err) != XDP_DROP;
		sender->sent++;
	}
	return NULL;
}

TEST(drop_sources, let_nobody_slip_through_a_change)
{
	struct prefix wide[] = { fixture_prefix("192.168.0.0/16") };
	struct prefix narrow[] = { fixture_prefix("192.168.0.0/17"),
				   fixture_prefix("192.168.128.0/17") };
	struct sender sender = { .stop = false };
	pthread_t thread;

	set_drops(wide, 1);
	assert_int_equal(pthread_create(&thread, NULL, send_listed, &sender), 0);
	for (int i = 0; i < 300; i++) {
		set_drops(narrow, 2);
		set_drops(wide, 1);
	}
	sender.stop = true;
	pthread_join(thread, NULL);
	assert_int_equal(sender.let_in, 0);
}

#define MANY 4096

/* 262,144 fit; what does not leaves everything as it was. */
TEST(drop_sources, say_when_there_are_more_than_fit)
{
	static struct prefix drops[MANY];
	struct dataplane_service service = service_on(VIP4, IPPROTO_TCP);
	struct err err = { "" };

	for (unsigned i = 0; i < MANY; i++) {
		drops[i] = fixture_prefix("172.16.0.0/32");
		drops[i].addr.bytes[14] = (uint8_t)(i >> 8);
		drops[i].addr.bytes[15] = (uint8_t)i;
	}
	service.drop_sources = drops;
	service.n_drop_sources = MANY;
	for (unsigned i = 0; i < LB_SOURCES_MAX / MANY; i++) {
		service.port = (uint16_t)(1000 + i);
		must(dataplane_set_service(f.dp, &service, &err), &err);
	}
	service.port = PORT;
	service.n_drop_sources = 1;
	assert_int_equal(dataplane_set_service(f.dp, &service, &err), -ENOSPC);
	assert_string_equal(
		err.text, "262145 dropped sources, old ones included until they are replaced, are "
			  "more than the 262144 that all services together can have");
	assert_int_equal(f.dp->n_source_drops, LB_SOURCES_MAX);
	assert_null(service_find(f.dp, &service.vip, IPPROTO_TCP, PORT));
	service.n_drop_sources = 0;
	set_service(&service);
	expect_client("172.16.0.0", VIP4, 0x10, 1);
}

/* ---- what a service is compared with ---- */

TEST(service, stands_only_as_it_was_set)
{
	struct prefix drop = fixture_prefix("10.9.0.0/16");
	struct dataplane_service service = routed_service(), other;

	service.drop_sources = &drop;
	service.n_drop_sources = 1;
	service.rate = 100;
	assert_false(dataplane_service_stands(f.dp, &service));
	set_service(&service);
	assert_true(dataplane_service_stands(f.dp, &service));
	other = service;
	other.rate = 101;
	assert_false(dataplane_service_stands(f.dp, &other));
	other = service;
	other.tcp_server_id = true;
	assert_false(dataplane_service_stands(f.dp, &other));
	other = service;
	other.n_source_routes--;
	assert_false(dataplane_service_stands(f.dp, &other));
	routes[0].real = 3;
	assert_false(dataplane_service_stands(f.dp, &service));
	drop = fixture_prefix("10.8.0.0/16");
	routes[0].real = 1;
	assert_false(dataplane_service_stands(f.dp, &service));
}

/* ---- rates ---- */

#define RATE  20
#define BURST 3 /* a tenth of a second holds two, and one is due */

/* Send a frame so many times at once; how many were let in. */
static unsigned flood(const uint8_t *frame, size_t len, unsigned n)
{
	unsigned let_in = 0;

	for (unsigned i = 0; i < n; i++) {
		if (fixture_send(&f, frame, len) == XDP_TX)
			let_in++;
		else
			assert_int_equal(f.cause, LB_DROP_RATE);
	}
	return let_in;
}

/* The clock that tests set stands still in between. */
static usec_t rate_clock;

static void rate_wait(usec_t us)
{
	rate_clock += us;
	clock_set(f.dp, rate_clock);
}

static size_t serve_rate(uint64_t rate, uint8_t frame[FRAME_MAX])
{
	struct dataplane_service service = service_on(VIP4, IPPROTO_TCP);
	struct frame_spec spec = fixture_spec(CLIENT4, VIP4, IPPROTO_TCP, PORT);

	service.rate = rate;
	set_service(&service);
	rate_clock = 5000 * USEC_PER_SEC;
	rate_wait(0);
	spec.tcp_flags = 0x02;
	return frame_build(&spec, frame);
}

TEST(rate, lets_in_so_many_syns_a_second)
{
	uint8_t frame[FRAME_MAX];
	size_t len = serve_rate(RATE, frame);
	unsigned let_in = 0;

	assert_int_equal(flood(frame, len, RATE), BURST);
	for (unsigned i = 0; i < 100; i++) {
		rate_wait(USEC_PER_SEC / 100);
		let_in += flood(frame, len, 2);
	}
	assert_int_equal(let_in, RATE);
	/* Others are not counted, nor held up. */
	for (int i = 0; i < 3 * RATE; i++)
		expect_client(CLIENT4, VIP4, 0x10, 1);
	serve_rate(0, frame);
	for (int i = 0; i < 3 * RATE; i++)
		expect_real(frame, len, 1);
}

/* No second, wherever it begins, lets in more than a tenth above the rate, and one. */
TEST(rate, holds_in_every_second)
{
	static unsigned let_in[400];
	uint8_t frame[FRAME_MAX];
	size_t len = serve_rate(1000, frame);

	for (unsigned i = 0; i < 400; i++) {
		let_in[i] = flood(frame, len, 200); /* 200 to come every 10 ms, but for pauses */
		rate_wait(i % 130 == 129 ? 20 * USEC_PER_SEC : USEC_PER_SEC / 100);
	}
	for (unsigned begin = 0; begin + 100 <= 400; begin++) {
		unsigned sum = 0;

		for (unsigned i = begin; i < begin + 100; i++)
			sum += let_in[i];
		if (begin / 130 == (begin + 99) / 130) /* without a pause */
			assert_in_range(sum, 990, 1101);
	}
}

TEST(rate, of_one_lets_in_one_a_second)
{
	uint8_t frame[FRAME_MAX];
	size_t len = serve_rate(1, frame);

	for (int i = 0; i < 5; i++) {
		assert_int_equal(flood(frame, len, 3), 1);
		rate_wait(USEC_PER_SEC / 2);
		assert_int_equal(flood(frame, len, 3), 0);
		rate_wait(USEC_PER_SEC / 2);
	}
}

TEST(rate, counts_quic_initials)
{
	struct dataplane_service service = service_on(VIP4, IPPROTO_UDP);
	uint8_t payload[LONG_LEN], frame[FRAME_MAX];
	size_t len;

	service.quic = true;
	service.rate = RATE;
	set_service(&service);
	clock_set(f.dp, 5000 * USEC_PER_SEC);
	long_header(payload, 0xc0, 1, 8, 1, 1023);
	len = datagram(CLIENT4, VIP4, payload, sizeof(payload), frame);
	assert_int_equal(flood(frame, len, 2 * RATE), BURST);
	short_header(payload, 1, 1023);
	len = datagram(CLIENT4, VIP4, payload, sizeof(payload), frame);
	for (int i = 0; i < 3 * RATE; i++)
		expect_real(frame, len, 2);
}

static void *flood_thread(void *arg)
{
	struct frame_spec spec = fixture_spec(CLIENT4, VIP4, IPPROTO_TCP, PORT);
	uint8_t frame[FRAME_MAX], out[FRAME_MAX];
	unsigned long *let_in = arg;
	struct err err;
	size_t len;

	spec.tcp_flags = 0x02;
	len = frame_build(&spec, frame);
	for (int i = 0; i < 20000; i++) {
		size_t out_len = sizeof(out);

		*let_in += dataplane_run(f.dp, frame, len, out, &out_len, &err) == XDP_TX;
	}
	return NULL;
}

TEST(rate, is_one_for_all_cpus)
{
	struct dataplane_service service = service_on(VIP4, IPPROTO_TCP);
	unsigned long let_in[4] = { 0 }, sum = 0;
	pthread_t threads[4];

	service.rate = 1000;
	set_service(&service);
	clock_set(f.dp, 5000 * USEC_PER_SEC);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, flood_thread, &let_in[i]), 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		sum += let_in[i];
	}
	assert_int_equal(sum, 101);
}

#define S(subject, behaviour)                                                                      \
	cmocka_unit_test_setup_teardown(subject##_##behaviour, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		S(quic, follows_ids_of_each_version),
		S(quic, takes_unknown_ids_to_the_slot_and_notes_them),
		S(quic, does_not_believe_what_clients_chose_themselves),
		S(quic, believes_no_connection_id_of_a_lying_length),
		S(quic, needs_the_whole_id_wherever_the_packet_ends),
		S(quic, reads_nothing_behind_the_datagram),
		S(quic, keeps_ids_within_the_pool_unless_they_may_lead_anywhere),
		S(quic, goes_to_leaving_reals_and_not_to_dead_ones),
		S(quic, follows_changes_of_ids_at_once),
		S(quic, keeps_a_flow_that_had_an_id_where_it_was),
		S(quic, takes_a_flow_off_probation_with_its_second_id),
		S(quic, reads_no_id_out_of_an_icmp_error),
		S(stable_udp, follows_its_id_wherever_the_packet_ends),
		S(stable_udp, remembers_no_flow),
		S(stable_udp, wants_its_first_byte_and_an_id),
		S(stable_udp, reads_nothing_behind_the_datagram),
		S(tcp_server_id, follows_the_option),
		S(tcp_server_id, looks_at_fifteen_options),
		S(tcp_server_id, stops_at_the_end_and_at_lies),
		S(tcp_server_id, keeps_a_flow_that_had_one_where_it_was),
		S(tcp_server_id, believes_no_syn),
		S(tcp_server_id, believes_no_header_that_its_packet_does_not_hold),
		S(source_routes, lead_by_the_longest_prefix),
		S(source_routes, are_those_of_their_service_only),
		S(source_routes, lead_to_no_dead_real_and_give_leaving_ones_no_new_flows),
		S(source_routes, keep_the_flows_of_a_real_that_leaves_and_returns),
		S(source_routes, follow_the_client_where_only_the_port_is_hashed),
		S(source_routes, name_programmed_reals_only),
		S(drop_sources, drop_the_listed_and_nobody_else),
		S(drop_sources, leave_with_their_service),
		S(drop_sources, let_nobody_slip_through_a_change),
		S(drop_sources, say_when_there_are_more_than_fit),
		S(service, stands_only_as_it_was_set),
		S(rate, lets_in_so_many_syns_a_second),
		S(rate, holds_in_every_second),
		S(rate, of_one_lets_in_one_a_second),
		S(rate, counts_quic_initials),
		S(rate, is_one_for_all_cpus),
	};

	fixture_need_root();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
