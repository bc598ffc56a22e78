/* SPDX-License-Identifier: Apache-2.0 */
/*
 * capture_test.c - the program's longer way while packets are captured: what is handed over, what
 * is not, and that packets go where they go without it.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/test.h"
#include "tests/packet/fixture.h"

#define CLIENT "192.0.2.1"
#define VIP    "203.0.113.10"
#define REAL   "10.1.0.11"

static struct fixture fixture;

/* What was read: the last packet, copied, and how many. */
static struct {
	struct dataplane_captured packet;
	uint8_t before[FRAME_MAX], after[FRAME_MAX];
	unsigned n, stop_after; /* 0: never */
} got;

static int set_up(void **state)
{
	(void)state;
	fixture_init(&fixture, 2);
	fixture_service(&fixture, VIP, IPPROTO_TCP, 80, fixture_ring(&fixture, REAL));
	fixture_service(&fixture, VIP, IPPROTO_UDP, 53, fixture_ring(&fixture, "10.1.0.12"));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	fixture_fini(&fixture);
	return 0;
}

static bool take(const struct dataplane_captured *packet, void *arg)
{
	(void)arg;
	got.packet = *packet;
	memcpy(got.before, packet->before, packet->before_head);
	memcpy(got.after, packet->after, packet->after_head);
	got.n++;
	return got.n != got.stop_after;
}

static unsigned read_all(void)
{
	memset(&got, 0, sizeof(got));
	dataplane_capture_read(fixture.dp, take, NULL);
	return got.n;
}

static struct dataplane_capture all(void)
{
	return (struct dataplane_capture){ .reasons = { UINT64_MAX, 0 },
					   .until = usec_now() + 600 * USEC_PER_SEC };
}

static void start(const struct dataplane_capture *capture)
{
	struct err err = { "" };

	if (dataplane_capture_start(fixture.dp, capture, &err) < 0)
		fail_msg("%s", err.text);
}

static size_t build(uint8_t *frame, uint8_t proto, uint16_t dport, size_t payload)
{
	struct frame_spec spec = fixture_spec(CLIENT, VIP, proto, dport);

	spec.payload_len = payload;
	return frame_build(&spec, frame);
}

static int send_to(uint8_t proto, uint16_t dport)
{
	struct frame_spec spec = fixture_spec(CLIENT, VIP, proto, dport);

	return fixture_send_spec(&fixture, &spec);
}

TEST(capture, hands_over_a_packet_before_and_after_with_its_decision)
{
	struct dataplane_capture capture = all();
	uint8_t frame[FRAME_MAX];
	size_t len = build(frame, IPPROTO_TCP, 80, 100);
	const struct lb_trace *trace = dataplane_trace(fixture.dp);

	start(&capture);
	assert_int_equal(fixture_send(&fixture, frame, len), XDP_TX);
	assert_int_equal(read_all(), 1);
	assert_int_equal(got.packet.before_bytes, len);
	assert_int_equal(got.packet.before_head, len);
	assert_memory_equal(got.before, frame, len);
	assert_int_equal(got.packet.after_bytes, fixture.out_len);
	assert_int_equal(got.packet.after_head, fixture.out_len);
	assert_memory_equal(got.after, fixture.out, fixture.out_len);
	assert_string_equal(got.packet.verdict, "sent");
	assert_string_equal(got.packet.reason, "forwarded");
	assert_string_equal(got.packet.why, "slot");
	assert_true(got.packet.has_vip && got.packet.has_service && got.packet.has_real);
	assert_string_equal(PREFIX_STR(&got.packet.vip), VIP "/32");
	assert_int_equal(got.packet.proto, IPPROTO_TCP);
	assert_int_equal(got.packet.port, 80);
	assert_int_equal(got.packet.slot, trace->slot);
	assert_string_equal(ADDR_STR(&got.packet.real), REAL);
	assert_true(got.packet.wall_us <= usec_wall());
	assert_true(got.packet.wall_us + 60 * USEC_PER_SEC > usec_wall());
}

TEST(capture, does_not_change_where_packets_go)
{
	struct dataplane_capture capture = all();
	uint8_t frame[FRAME_MAX], out[FRAME_MAX];
	size_t len = build(frame, IPPROTO_TCP, 80, 700), out_len;

	fixture_send(&fixture, frame, len);
	memcpy(out, fixture.out, fixture.out_len);
	out_len = fixture.out_len;
	start(&capture);
	assert_int_equal(fixture_send(&fixture, frame, len), XDP_TX);
	assert_int_equal(fixture.out_len, out_len);
	assert_memory_equal(fixture.out, out, out_len);
}

/* Words and the bytes behind them, in both halves of the record. */
TEST(capture, copies_heads_of_every_length)
{
	struct dataplane_capture capture = all();
	uint8_t frame[FRAME_MAX];

	for (size_t payload = 0; payload < 40; payload++) {
		size_t len = build(frame, IPPROTO_TCP, 80, payload);

		capture.head_bytes = (uint32_t)(54 + payload / 2);
		start(&capture);
		fixture_send(&fixture, frame, len);
		assert_int_equal(read_all(), 1);
		assert_int_equal(got.packet.before_head, capture.head_bytes);
		assert_int_equal(got.packet.before_bytes, len);
		assert_memory_equal(got.before, frame, capture.head_bytes);
		assert_int_equal(got.packet.after_head, capture.head_bytes);
		assert_memory_equal(got.after, fixture.out, capture.head_bytes);
	}
}

TEST(capture, cuts_frames_that_are_longer_than_there_is_room)
{
	struct dataplane_capture capture = all();
	uint8_t frame[FRAME_MAX];
	size_t len = build(frame, IPPROTO_TCP, 80, 3000);

	start(&capture);
	fixture_send(&fixture, frame, len);
	assert_int_equal(read_all(), 1);
	assert_int_equal(got.packet.before_bytes, len);
	assert_int_equal(got.packet.before_head, LB_CAPTURE_HEAD);
	assert_memory_equal(got.before, frame, LB_CAPTURE_HEAD);
	assert_string_equal(got.packet.reason, "too-big-reply");
}

TEST(capture, takes_only_what_is_asked_for)
{
	struct prefix vip = fixture_prefix(VIP), other = fixture_prefix("203.0.113.99");
	struct addr real = fixture_addr(REAL), stranger = fixture_addr("10.1.0.99");
	struct dataplane_capture capture = all();
	struct err err = { "" };

	capture.vip = &vip;
	capture.has_service = true;
	capture.proto = IPPROTO_UDP;
	capture.port = 53;
	start(&capture);
	send_to(IPPROTO_TCP, 80);
	send_to(IPPROTO_UDP, 53);
	assert_int_equal(read_all(), 1);
	assert_int_equal(got.packet.proto, IPPROTO_UDP);

	capture.has_service = false;
	capture.real = &real;
	start(&capture);
	send_to(IPPROTO_UDP, 53);
	send_to(IPPROTO_TCP, 80);
	assert_int_equal(read_all(), 1);
	assert_string_equal(ADDR_STR(&got.packet.real), REAL);

	capture.real = &stranger;
	assert_int_equal(dataplane_capture_start(fixture.dp, &capture, &err), -ENOENT);
	capture.vip = &other;
	assert_int_equal(dataplane_capture_start(fixture.dp, &capture, &err), -ENOENT);
}

TEST(capture, takes_reasons_by_their_words)
{
	struct dataplane_capture capture = all();
	struct frame_spec elsewhere = fixture_spec(CLIENT, "198.51.100.1", IPPROTO_TCP, 80);

	capture.reasons = (struct dataplane_reasons){ 0 };
	assert_true(dataplane_reasons_add(&capture.reasons, "unserved"));
	assert_false(dataplane_reasons_add(&capture.reasons, "unheard-of"));
	start(&capture);
	send_to(IPPROTO_TCP, 80);
	send_to(IPPROTO_TCP, 81);
	assert_int_equal(read_all(), 1);
	assert_string_equal(got.packet.reason, "unserved");
	assert_string_equal(got.packet.verdict, "dropped");
	assert_string_equal(got.packet.out, "");
	assert_false(got.packet.has_service);

	/* The host's own traffic is nobody's to look at unless asked for. */
	capture.reasons = dataplane_reasons_default();
	start(&capture);
	assert_int_equal(fixture_send_spec(&fixture, &elsewhere), XDP_PASS);
	assert_int_equal(read_all(), 0);
	assert_true(dataplane_reasons_add(&capture.reasons, "not-a-vip"));
	start(&capture);
	fixture_send_spec(&fixture, &elsewhere);
	assert_int_equal(read_all(), 1);
	assert_string_equal(got.packet.reason, "not-a-vip");
}

TEST(capture, every_word_is_known)
{
	const char *word;

	for (size_t i = 0; (word = dataplane_reason_word(i)); i++) {
		struct dataplane_reasons reasons = { 0 };

		assert_true(dataplane_reasons_add(&reasons, word));
		assert_true(reasons.causes || reasons.notes);
	}
}

TEST(capture, looks_at_one_in_so_many)
{
	struct dataplane_capture capture = all();

	capture.one_in = 10;
	start(&capture);
	for (int i = 0; i < 2000; i++)
		send_to(IPPROTO_TCP, 80);
	assert_in_range(read_all(), 100, 320);
}

/* Whoever started it may be gone: the program itself stops. */
TEST(capture, ends_by_itself)
{
	struct dataplane_capture capture = all();

	capture.until = usec_now() - 1;
	start(&capture);
	assert_int_not_equal(fixture.dp->tables->capture_until_ns, 0);
	assert_int_equal(send_to(IPPROTO_TCP, 80), XDP_TX);
	assert_int_equal(fixture.dp->tables->capture_until_ns, 0);
	assert_int_equal(read_all(), 0);
}

TEST(capture, counts_what_finds_no_room)
{
	struct dataplane_capture capture = all();
	uint8_t frame[FRAME_MAX];
	size_t len = build(frame, IPPROTO_TCP, 80, 1200);
	unsigned n_sent = 3000, n_read;

	start(&capture);
	for (unsigned i = 0; i < n_sent; i++)
		fixture_send(&fixture, frame, len);
	assert_int_not_equal(dataplane_capture_lost(fixture.dp), 0);
	n_read = read_all();
	assert_int_equal(n_read + dataplane_capture_lost(fixture.dp), n_sent);
	fixture_send(&fixture, frame, len);
	assert_int_equal(read_all(), 1);
}

TEST(capture, leaves_what_is_not_read_yet)
{
	struct dataplane_capture capture = all();

	start(&capture);
	for (int i = 0; i < 5; i++)
		send_to(IPPROTO_TCP, 80);
	memset(&got, 0, sizeof(got));
	got.stop_after = 2;
	dataplane_capture_read(fixture.dp, take, NULL);
	assert_int_equal(got.n, 2);
	assert_int_equal(read_all(), 3);
	dataplane_capture_stop(fixture.dp);
	send_to(IPPROTO_TCP, 80);
	assert_int_equal(read_all(), 0);
}

#define C(group, behaviour) cmocka_unit_test_setup_teardown(group##_##behaviour, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		C(capture, hands_over_a_packet_before_and_after_with_its_decision),
		C(capture, does_not_change_where_packets_go),
		C(capture, copies_heads_of_every_length),
		C(capture, cuts_frames_that_are_longer_than_there_is_room),
		C(capture, takes_only_what_is_asked_for),
		C(capture, takes_reasons_by_their_words),
		C(capture, every_word_is_known),
		C(capture, looks_at_one_in_so_many),
		C(capture, ends_by_itself),
		C(capture, counts_what_finds_no_room),
		C(capture, leaves_what_is_not_read_yet),
	};

	fixture_need_root();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
