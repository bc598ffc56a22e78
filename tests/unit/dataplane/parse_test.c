/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parse_test.c - header parsing natively, on exact-size heap copies so that the sanitizers see one
 * byte read too far.
 */
#include "bpf/parse.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/decap.h"
#include "src/dataplane/frame.h"
#include "tests/lib/test.h"

#define ETH 14

/* A copy whose end is the end of its allocation and whose IP header is aligned. */
struct copy {
	void *memory;
	uint8_t *frame, *end;
};

static struct copy copy_of(const uint8_t *frame, size_t len)
{
	struct copy copy = { .memory = malloc(len + 2) };

	copy.frame = (uint8_t *)copy.memory + 2;
	copy.end = copy.frame + len;
	memcpy(copy.frame, frame, len);
	return copy;
}

static size_t build(const char *src, const char *dst, uint8_t proto, uint8_t *frame)
{
	struct frame_spec spec = { .proto = proto, .sport = 1000, .dport = 80, .payload_len = 4 };

	addr_parse(src, &spec.src);
	addr_parse(dst, &spec.dst);
	return frame_build(&spec, frame);
}

static int parse4(const struct copy *copy, struct packet *packet)
{
	const struct iphdr *ip = parse_bytes(copy->frame, copy->end, ETH, sizeof(*ip));
	int cause;

	memset(packet, 0, sizeof(*packet));
	if (!ip)
		return LB_PASS_TRUNCATED;
	cause = parse_ipv4(ip, ETH, (uint32_t)(copy->end - copy->frame) - ETH, packet);
	return cause ? cause : parse_ports(copy->frame, copy->end, packet);
}

TEST(parse, reads_ipv4)
{
	uint8_t frame[FRAME_MAX];
	size_t len = build("10.0.0.1", "10.0.0.2", IPPROTO_TCP, frame);
	struct packet packet;
	struct copy copy;

	frame[ETH + 33] = 0x02;
	copy = copy_of(frame, len);
	assert_int_equal(parse4(&copy, &packet), 0);
	assert_int_equal(packet.l3_len, len - ETH);
	assert_int_equal(packet.l4_offset, ETH + 20);
	assert_int_equal(ntohs(packet.sport), 1000);
	assert_int_equal(ntohs(packet.dport), 80);
	assert_true(packet.is_syn);
	assert_false(packet.is_fragment);
	free(copy.memory);
}

TEST(parse, takes_dont_fragment_for_no_fragment)
{
	static const struct {
		uint8_t high, low;
		bool is_fragment;
	} cases[] = { { 0x40, 0, false },
		      { 0x20, 0, true },
		      { 0, 1, true },
		      { 0x1f, 0xff, true },
		      { 0x80, 0, false } };
	uint8_t frame[FRAME_MAX];
	size_t len = build("10.0.0.1", "10.0.0.2", IPPROTO_UDP, frame);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct packet packet;
		struct copy copy;

		frame[ETH + 6] = cases[i].high;
		frame[ETH + 7] = cases[i].low;
		copy = copy_of(frame, len);
		assert_int_equal(parse4(&copy, &packet), 0);
		assert_int_equal(packet.is_fragment, cases[i].is_fragment);
		free(copy.memory);
	}
}

TEST(parse, never_reads_past_a_frame_cut_short)
{
	static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_UDP };
	uint8_t frame[FRAME_MAX];

	for (int p = 0; p < 2; p++) {
		size_t full = build("10.0.0.1", "10.0.0.2", protos[p], frame);

		for (size_t len = ETH; len < full; len++) {
			struct copy copy = copy_of(frame, len);
			struct packet packet;

			assert_int_not_equal(parse4(&copy, &packet), 0);
			free(copy.memory);
		}
	}
}

/* Walk a chain of extension headers given as bytes from the first one on. */
static int walk(uint8_t first, const uint8_t *bytes, size_t len, struct parse_chain *chain)
{
	uint8_t frame[ETH + 40 + 3000] = { 0 };
	struct copy copy;
	int cause;

	memcpy(frame + ETH + 40, bytes, len);
	copy = copy_of(frame, ETH + 40 + len);
	*chain = (struct parse_chain){ .offset = ETH + 40, .proto = first };
	cause = parse_extensions(copy.frame, copy.end, chain);
	free(copy.memory);
	return cause;
}

TEST(extensions, of_every_kind_are_walked)
{
	static const uint8_t bytes[] = {
		60, 0, 0, 0, 0, 0, 0, 0, /* hop by hop, then destination options */
		43, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* of 16 bytes, then routing */
		51, 0, 0, 0, 0, 0, 0, 0,                         /* then authentication */
		6,  1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,             /* of 12 bytes, then TCP */
	};
	struct parse_chain chain;

	assert_int_equal(walk(0, bytes, sizeof(bytes), &chain), 0);
	assert_int_equal(chain.proto, 6);
	assert_int_equal(chain.offset, ETH + 40 + sizeof(bytes));
	assert_false(chain.is_fragment);
	for (size_t len = 0; len < sizeof(bytes) - 4; len++)
		assert_int_equal(walk(0, bytes, len, &chain), LB_DROP_MALFORMED_IP);
}

TEST(extensions, end_at_a_later_fragment)
{
	static const uint8_t first[] = { 6, 0, 0, 1, 0, 0, 0, 1 };
	static const uint8_t later[] = { 60, 0, 0, 9, 0, 0, 0, 1 };
	struct parse_chain chain;

	assert_int_equal(walk(44, first, sizeof(first), &chain), 0);
	assert_true(chain.is_fragment);
	assert_false(chain.is_later);
	assert_int_equal(walk(44, later, sizeof(later), &chain), 0);
	assert_true(chain.is_fragment);
	assert_true(chain.is_later);
	assert_int_equal(chain.offset, ETH + 40 + 8);
}

TEST(extensions, beyond_the_bound_are_refused)
{
	uint8_t bytes[3000] = { 0 };
	struct parse_chain chain;

	for (int i = 0; i < 9; i++)
		bytes[8 * i] = i < 8 ? 60 : 6;
	assert_int_equal(walk(60, bytes, 72, &chain), LB_DROP_EXT_HEADERS);
	bytes[56] = 6;
	assert_int_equal(walk(60, bytes, 72, &chain), 0);
	bytes[0] = 6;
	bytes[1] = 255; /* 2048 bytes: ends behind what is looked at */
	assert_int_equal(walk(60, bytes, sizeof(bytes), &chain), LB_DROP_EXT_HEADERS);
}

TEST(decap, finds_the_inner_packet_and_only_whole_ones)
{
	uint8_t inner[FRAME_MAX], frame[FRAME_MAX];
	size_t inner_len = build("192.0.2.1", "203.0.113.1", IPPROTO_UDP, inner) - ETH;
	size_t len = ETH + 20 + inner_len;
	struct decap_tunnel tunnel;

	memset(frame, 0, ETH + 20);
	frame[12] = 0x08;
	frame[ETH] = 0x45;
	frame[ETH + 3] = (uint8_t)(len - ETH);
	frame[ETH + 9] = 4;
	memcpy(frame + ETH + 20, inner + ETH, inner_len);
	for (size_t cut = ETH; cut <= len; cut++) {
		struct copy copy = copy_of(frame, cut);
		int result = decap_read(copy.frame, copy.end, (uint32_t)cut, htons(6080), &tunnel);

		assert_int_equal(result == DECAP_OPENED, cut == len);
		free(copy.memory);
	}
	assert_int_equal(tunnel.outer_len, 20);
	assert_int_equal(tunnel.inner_dst.words[3], htonl(0xcb007101));
}

RUN_TESTS(T(parse, reads_ipv4), T(parse, takes_dont_fragment_for_no_fragment),
	  T(parse, never_reads_past_a_frame_cut_short), T(extensions, of_every_kind_are_walked),
	  T(extensions, end_at_a_later_fragment), T(extensions, beyond_the_bound_are_refused),
	  T(decap, finds_the_inner_packet_and_only_whole_ones))
