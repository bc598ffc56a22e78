/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forward_test.c - what leaves for a real: outer headers of all four family pairs, byte by byte.
 */
#include <linux/bpf.h>
#include <netinet/in.h>
#include <string.h>

#include "tests/lib/test.h"
#include "tests/packet/fixture.h"

/* The outer headers that IPIP must put before a client's packet. */
static void check_ipip(const struct fixture *f, const uint8_t *frame, size_t len,
		       const uint8_t *outer, size_t outer_len)
{
	assert_int_equal(f->out_len, len + outer_len);
	assert_memory_equal(f->out, fixture_gateway, 6);
	assert_memory_equal(f->out + 6, fixture_mac, 6);
	assert_int_equal(f->out[12] << 8 | f->out[13], outer_len == 20 ? 0x0800 : 0x86dd);
	assert_memory_equal(f->out + 14, outer, outer_len);
	assert_memory_equal(f->out + 14 + outer_len, frame + 14, len - 14);
}

/* One packet from client to vip, whose only real is `real`. */
static void send_and_check(const char *client, const char *vip, const char *real, uint8_t proto,
			   const uint8_t *outer, size_t outer_len)
{
	struct frame_spec spec = fixture_spec(client, vip, proto, 80);
	uint8_t frame[FRAME_MAX];
	size_t len;
	struct fixture f;

	spec.tos = 0x8c;
	len = frame_build(&spec, frame);
	fixture_init(&f, 1);
	fixture_service(&f, vip, proto, 80, fixture_ring(&f, real));
	assert_int_equal(fixture_send(&f, frame, len), XDP_TX);
	assert_int_equal(f.cause, LB_SENT_FORWARDED);
	check_ipip(&f, frame, len, outer, outer_len);
	fixture_fini(&f);
}

/* Port 31337 is 0x7a69; outer sources mix it into the client's address. */
TEST(forward, wraps_ipv4_in_ipv4)
{
	uint8_t outer[20] = { 0x45, 0x8c, 0,  20 + 20 + 20 + 15, 0,        0,  0, 0, 64, 4, 0,
			      0,    172,  16, 1 ^ 0x69,          1 ^ 0x7a, 10, 0, 0, 1 };
	uint16_t check = frame_checksum(outer, sizeof(outer), 0);

	outer[10] = (uint8_t)(check >> 8);
	outer[11] = (uint8_t)check;
	send_and_check("192.168.1.1", "10.200.1.1", "10.0.0.1", IPPROTO_TCP, outer, sizeof(outer));
}

TEST(forward, wraps_ipv4_in_ipv6)
{
	uint8_t outer[40] = { 0x68, 0xc0, 0, 0, 0, 20 + 8 + 15, 4, 64, 0x01, 0x00 };

	outer[20] = 192 ^ 0x7a;
	outer[21] = 168 ^ 0x69;
	outer[22] = 1;
	outer[23] = 1;
	outer[24] = 0xfc;
	outer[39] = 1;
	send_and_check("192.168.1.1", "10.200.1.1", "fc00::1", IPPROTO_UDP, outer, sizeof(outer));
}

TEST(forward, wraps_ipv6_in_ipv6)
{
	uint8_t outer[40] = { 0x68, 0xc0, 0, 0, 0, 40 + 20 + 15, 41, 64, 0x01, 0x00 };

	outer[20] = 0x7a;
	outer[21] = 0x69;
	outer[23] = 1;
	outer[24] = 0xfc;
	outer[39] = 3;
	send_and_check("fc00:2::1", "fc00:1::1", "fc00::3", IPPROTO_TCP, outer, sizeof(outer));
}

TEST(forward, wraps_ipv6_in_ipv4)
{
	uint8_t outer[20] = { 0x45, 0x8c, 0,  20 + 40 + 8 + 15, 0,        0,  0, 0, 64, 41, 0,
			      0,    172,  16, 0 ^ 0x69,         1 ^ 0x7a, 10, 0, 0, 2 };
	uint16_t check = frame_checksum(outer, sizeof(outer), 0);

	outer[10] = (uint8_t)(check >> 8);
	outer[11] = (uint8_t)check;
	send_and_check("fc00:2::1", "fc00:1::1", "10.0.0.2", IPPROTO_UDP, outer, sizeof(outer));
}

/* katran's slots for the two flows of the facts: a mixed fleet must agree. */
TEST(forward, uses_the_slot_that_katran_uses)
{
	struct frame_spec v4 = fixture_spec("172.16.0.1", "10.200.1.1", IPPROTO_TCP, 80);
	struct frame_spec v6 = fixture_spec("fc00:2::1", "fc00:1::1", IPPROTO_TCP, 80);
	struct fixture f;
	uint32_t ring;

	fixture_init(&f, 1);
	ring = fixture_ring(&f, "10.0.0.1");
	fixture_service(&f, "10.200.1.1", IPPROTO_TCP, 80, ring);
	fixture_service(&f, "fc00:1::1", IPPROTO_TCP, 80, ring);
	assert_int_equal(fixture_send_spec(&f, &v4), XDP_TX);
	assert_int_equal(dataplane_trace(f.dp)->slot, 43349);
	assert_int_equal(fixture_send_spec(&f, &v6), XDP_TX);
	assert_int_equal(dataplane_trace(f.dp)->slot, 37505);
	fixture_fini(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(forward, wraps_ipv4_in_ipv4),
		T(forward, wraps_ipv4_in_ipv6),
		T(forward, wraps_ipv6_in_ipv6),
		T(forward, wraps_ipv6_in_ipv4),
		T(forward, uses_the_slot_that_katran_uses),
	};

	fixture_need_root();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
