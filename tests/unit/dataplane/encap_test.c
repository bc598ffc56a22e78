/* SPDX-License-Identifier: Apache-2.0 */
/*
 * encap_test.c - outer headers natively: katran's check values, and checksums against a plain
 * sum over the bytes.
 */
#include "bpf/encap.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "src/dataplane/frame.h"
#include "tests/lib/test.h"

#define ETH 14

static uint32_t last_word(const char *text)
{
	struct addr addr;
	uint32_t word;

	assert_int_equal(addr_parse(text, &addr), 0);
	memcpy(&word, addr.bytes + 12, 4);
	return word;
}

static void check_source4(const char *client, uint16_t sport, const char *want)
{
	__be32 source = encap_source_ipv4(last_word(client), htons(sport));
	struct addr addr = addr_from_raw(AF_INET, &source);

	assert_string_equal(ADDR_STR(&addr), want);
}

static void check_source6(const char *client, uint16_t sport, const char *want)
{
	__be32 words[4];
	struct addr addr;

	encap_source_ipv6(words, last_word(client), htons(sport));
	addr = addr_from_raw(AF_INET6, words);
	assert_string_equal(ADDR_STR(&addr), want);
}

TEST(encap, source_is_katrans)
{
	check_source4("192.168.1.1", 31337, "172.16.104.123");
	check_source4("fc00:2::1", 31337, "172.16.105.123");
	check_source6("192.168.1.1", 31337, "100::bac1:101");
	check_source6("fc00:2::1", 31337, "100::7a69:1");
}

TEST(encap, gue_port_is_katrans)
{
	uint32_t v4 = last_word("192.168.1.1"), v6 = last_word("fc00:2::1");

	assert_int_equal(ntohs(encap_source_port(v4, htons(31337), false, false)), 26747);
	assert_int_equal(ntohs(encap_source_port(v4, htons(31337), false, true)), 31592);
	assert_int_equal(ntohs(encap_source_port(v6, htons(31337), true, true)), 31337);
	assert_int_equal(ntohs(encap_source_port(v6, htons(31337), true, false)), 0x697b);
}

TEST(encap, overhead_is_what_is_written)
{
	assert_int_equal(encap_overhead(LB_ENCAP_IPIP, false), 20);
	assert_int_equal(encap_overhead(LB_ENCAP_IPIP, true), 40);
	assert_int_equal(encap_overhead(LB_ENCAP_GUE, false), 28);
	assert_int_equal(encap_overhead(LB_ENCAP_GUE, true), 48);
}

TEST(encap, ipv4_header_sums_to_nothing)
{
	uint8_t header[20];

	for (uint32_t i = 0; i < 100000; i++) {
		encap_write_ipv4(header, i & 0xffff, (uint8_t)(i >> 3), (uint8_t)i, i * 2654435761U,
				 ~i * 40503U);
		assert_int_equal(frame_checksum(header, sizeof(header), 0), 0);
	}
	assert_int_equal(header[0], 0x45);
	assert_int_equal(header[8], 64);
}

/* The GUE checksum derived from the inner one equals the sum over all bytes. */
static void check_gue_sum(const struct frame_spec *spec, bool real_is_ipv6)
{
	uint8_t frame[FRAME_MAX], outer[ENCAP_IPV6_LEN + ENCAP_UDP_LEN + FRAME_MAX];
	size_t inner_len = frame_build(spec, frame) - ETH;
	size_t ip_len = real_is_ipv6 ? 40 : 20, n = real_is_ipv6 ? 16 : 4;
	bool is_ipv6 = !addr_is_ipv4(&spec->src);
	uint32_t l4_len = (uint32_t)inner_len - (is_ipv6 ? 40 : 20);
	uint32_t src[4] = { 1, 2, 3, 0x12345678 }, dst[4] = { 5, 6, 7, 0x9abcdef0 }, words[10];
	uint32_t len = (uint32_t)inner_len + 8;
	struct addr from, to;
	uint64_t inner, sum;

	memcpy(words, frame + ETH, is_ipv6 ? 40 : 20);
	inner = is_ipv6 ? encap_sum_inner_ipv6(words[0], words[1], spec->proto, l4_len)
			: encap_sum_inner_ipv4(words[3], words[4], spec->proto, l4_len);
	sum = real_is_ipv6 ? encap_sum_ipv6(src) + encap_sum_ipv6(dst) : (uint64_t)src[3] + dst[3];
	encap_write_udp(outer + ip_len, htons(1234), htons(6080), len,
			encap_udp_check(sum, htons(1234), htons(6080), len, inner));
	memcpy(outer + ip_len + 8, frame + ETH, inner_len);
	from = addr_from_raw(real_is_ipv6 ? AF_INET6 : AF_INET, real_is_ipv6 ? src : src + 3);
	to = addr_from_raw(real_is_ipv6 ? AF_INET6 : AF_INET, real_is_ipv6 ? dst : dst + 3);
	assert_true(n == 4 || n == 16);
	assert_int_equal(
		frame_checksum(outer + ip_len, len, frame_pseudo_sum(&from, &to, IPPROTO_UDP, len)),
		0);
}

TEST(encap, gue_checksum_follows_from_the_inner_one)
{
	struct frame_spec spec = { .sport = 1 };

	for (unsigned i = 0; i < 4000; i++) {
		bool is_ipv6 = i & 1;

		addr_parse(is_ipv6 ? "fc00:2::1" : "192.168.1.1", &spec.src);
		addr_parse(is_ipv6 ? "fc00:1::1" : "10.200.1.1", &spec.dst);
		spec.src.bytes[14] = (uint8_t)i;
		spec.proto = i & 2 ? IPPROTO_TCP : IPPROTO_UDP;
		spec.sport = (uint16_t)(i * 16);
		spec.dport = (uint16_t)(i * 7);
		spec.tos = (uint8_t)i;
		spec.payload_len = i % 61;
		check_gue_sum(&spec, i & 4);
	}
}

TEST(encap, checksum_of_zero_is_sent_as_all_ones)
{
	/* Words that add up to 0xffff leave 0, which would mean "no checksum". */
	uint64_t rest = encap_fold(htons(IPPROTO_UDP) + 2U * htons(8));

	assert_int_equal(encap_udp_check(0xffff - rest, 0, 0, 8, 0), 0xffff);
	assert_int_equal(encap_udp_check(0xfffe - rest, 0, 0, 8, 0), 1);
}

RUN_TESTS(T(encap, source_is_katrans), T(encap, gue_port_is_katrans),
	  T(encap, overhead_is_what_is_written), T(encap, ipv4_header_sums_to_nothing),
	  T(encap, gue_checksum_follows_from_the_inner_one),
	  T(encap, checksum_of_zero_is_sent_as_all_ones))
