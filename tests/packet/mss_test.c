/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mss_test.c - the MSS of clients' SYNs, where the way to the real carries less than they may send.
 */
#include <linux/bpf.h>
#include <netinet/in.h>
#include <string.h>

#include "tests/lib/test.h"
#include "tests/packet/fixture.h"

#define ETH     14
#define VIP4    "10.200.1.1"
#define VIP6    "fc00:1::1"
#define CLIENT4 "192.168.1.1"
#define CLIENT6 "fc00:2::1"
#define SYN     0x02
#define ACK     0x10

static struct fixture f;

/* The fabric carries 1,500 bytes: 1,480 of a client's packet to 10.0.0.1, 1,460 to fc00::1. */
static void serve(enum config_switch clamp)
{
	struct err err = { "" };

	fixture_init(&f, 4);
	f.config.node.mtu_bytes = 1500;
	f.config.node.mss_clamp = clamp;
	if (dataplane_reconfigure(f.dp, &f.config, &err) < 0)
		fail_msg("%s", err.text);
	fixture_service(&f, VIP4, IPPROTO_TCP, 80, fixture_ring(&f, "10.0.0.1"));
	fixture_service(&f, VIP6, IPPROTO_TCP, 80, fixture_ring(&f, "fc00::1"));
}

static int tear_down(void **state)
{
	(void)state;
	fixture_fini(&f);
	return 0;
}

struct segment {
	uint8_t frame[FRAME_MAX];
	size_t len, ip_len, header_len; /* of the IP header; of the TCP header */
	struct frame_spec spec;
};

static void put_check(struct segment *s)
{
	uint8_t *tcp = s->frame + ETH + s->ip_len;
	size_t len = s->len - ETH - s->ip_len;
	uint16_t check;

	tcp[16] = tcp[17] = 0;
	check = frame_checksum(tcp, len,
			       frame_pseudo_sum(&s->spec.src, &s->spec.dst, IPPROTO_TCP, len));
	tcp[16] = (uint8_t)(check >> 8);
	tcp[17] = (uint8_t)check;
}

/* A segment with these options, a multiple of 4 bytes, and 3 of payload. */
static void build(struct segment *s, bool is_ipv6, uint8_t flags, const void *options, size_t n)
{
	uint8_t *tcp;

	s->spec = fixture_spec(is_ipv6 ? CLIENT6 : CLIENT4, is_ipv6 ? VIP6 : VIP4, IPPROTO_TCP, 80);
	s->spec.tcp_flags = flags;
	s->spec.payload_len = n + 3;
	s->len = frame_build(&s->spec, s->frame);
	s->ip_len = is_ipv6 ? 40 : 20;
	s->header_len = 20 + n;
	tcp = s->frame + ETH + s->ip_len;
	tcp[12] = (uint8_t)(s->header_len / 4 << 4);
	memcpy(tcp + 20, options, n);
	put_check(s);
}

/* Send it; the inner packet that leaves must be the same, but for an MSS of `mss` at `at`. */
static void expect_mss(struct segment *s, size_t at, uint16_t mss)
{
	uint8_t *tcp = s->frame + ETH + s->ip_len;
	size_t outer = s->ip_len; /* IPIP of the same family */

	assert_int_equal(fixture_send(&f, s->frame, s->len), XDP_TX);
	tcp[20 + at] = (uint8_t)(mss >> 8);
	tcp[20 + at + 1] = (uint8_t)mss;
	put_check(s);
	assert_int_equal(f.out_len, s->len + outer);
	assert_memory_equal(f.out + ETH + outer, s->frame + ETH, s->len - ETH);
}

static void expect_unchanged(struct segment *s)
{
	size_t outer = s->ip_len;

	assert_int_equal(fixture_send(&f, s->frame, s->len), XDP_TX);
	assert_memory_equal(f.out + ETH + outer, s->frame + ETH, s->len - ETH);
}

static uint64_t clamped(void)
{
	const char *name;
	uint64_t value;

	for (unsigned i = 0; dataplane_total(f.dp, i, &name, &value); i++) {
		if (!strcmp(name, "noted/mss-clamped"))
			return value;
	}
	return UINT64_MAX;
}

TEST(mss, that_is_too_large_is_lowered)
{
	static const uint8_t first[] = { 2, 4, 0x05, 0xb4, 1, 3, 3, 7 }; /* 1460 */
	static const uint8_t odd[] = { 1, 2, 4, 0x23, 0x28, 3, 3, 7 };   /* 9000 */
	static const uint8_t last[] = { 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1, 2, 4, 0xff, 0xff };
	struct segment s;

	serve(CONFIG_AUTO);
	for (int v6 = 0; v6 < 2; v6++) {
		uint16_t mss = v6 ? 1460 - 60 : 1480 - 40;

		build(&s, v6, SYN, first, sizeof(first));
		expect_mss(&s, 2, mss);
		build(&s, v6, SYN, odd, sizeof(odd));
		expect_mss(&s, 3, mss);
		build(&s, v6, SYN | 0xc0, last, sizeof(last)); /* with ECN flags */
		expect_mss(&s, 14, mss);
	}
	assert_int_equal(clamped(), 6);
}

TEST(mss, that_fits_stays)
{
	static const uint8_t equal[] = { 2, 4, 0x05, 0xa0 }; /* 1440 */
	static const uint8_t small[] = { 2, 4, 0x02, 0x18 };
	static const uint8_t none[] = { 1, 1, 1, 0 };
	struct segment s;

	serve(CONFIG_AUTO);
	build(&s, false, SYN, equal, sizeof(equal));
	expect_unchanged(&s);
	build(&s, true, SYN, small, sizeof(small));
	expect_unchanged(&s);
	build(&s, false, SYN, none, sizeof(none));
	expect_unchanged(&s);
	build(&s, false, SYN, none, 0);
	expect_unchanged(&s);
	assert_int_equal(clamped(), 0);
}

TEST(mss, in_options_that_are_malformed_stays)
{
	static const uint8_t cases[][8] = {
		{ 3, 0, 2, 4, 0xff, 0xff, 1, 1 }, /* an option without length */
		{ 3, 1, 2, 4, 0xff, 0xff, 1, 1 },
		{ 3, 9, 2, 4, 0xff, 0xff, 1, 1 }, /* longer than the header */
		{ 2, 3, 0xff, 0xff, 1, 1, 1, 1 }, /* an MSS of another length */
		{ 0, 1, 2, 4, 0xff, 0xff, 1, 1 }, /* behind the end */
		{ 1, 1, 1, 1, 1, 1, 2, 4 },       /* cut off by the payload */
	};
	struct segment s;

	serve(CONFIG_AUTO);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		build(&s, i & 1, SYN, cases[i], sizeof(cases[i]));
		expect_unchanged(&s);
	}
	assert_int_equal(clamped(), 0);
}

TEST(mss, of_anything_but_a_syn_stays)
{
	static const uint8_t large[] = { 2, 4, 0xff, 0xff };
	struct segment s;

	serve(CONFIG_ON);
	build(&s, false, ACK, large, sizeof(large));
	expect_unchanged(&s);
	build(&s, false, SYN | ACK, large, sizeof(large));
	expect_unchanged(&s);
	assert_int_equal(clamped(), 0);
}

TEST(mss, is_clamped_as_the_config_says)
{
	static const uint8_t large[] = { 2, 4, 0xff, 0xff };
	struct err err = { "" };
	struct segment s;

	serve(CONFIG_OFF);
	build(&s, false, SYN, large, sizeof(large));
	expect_unchanged(&s);
	/* A fabric that carries all: auto has nothing to say, on has. */
	f.config.node.mtu_bytes = 1600;
	f.config.node.mss_clamp = CONFIG_AUTO;
	assert_int_equal(dataplane_reconfigure(f.dp, &f.config, &err), 0);
	expect_unchanged(&s);
	f.config.node.mss_clamp = CONFIG_ON;
	assert_int_equal(dataplane_reconfigure(f.dp, &f.config, &err), 0);
	expect_mss(&s, 2, 1460);
	assert_int_equal(clamped(), 1);
}

#define S(subject, behaviour) cmocka_unit_test_teardown(subject##_##behaviour, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		S(mss, that_is_too_large_is_lowered),        S(mss, that_fits_stays),
		S(mss, in_options_that_are_malformed_stays), S(mss, of_anything_but_a_syn_stays),
		S(mss, is_clamped_as_the_config_says),
	};

	fixture_need_root();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
