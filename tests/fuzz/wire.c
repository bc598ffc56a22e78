/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What leaves: outer headers around packets made from the input, beside sums that go byte by byte;
 * the same opened again as a real does; the hash beside one written word by word.
 */
#include "bpf/decap.h"
#include "bpf/encap.h"
#include "bpf/hash.h"
#include "bpf/ring.h"
#include "tests/fuzz/fuzz.h"

#define GUE_PORT 6080
#define ROOM     64 /* before the inner packet */

struct input {
	uint8_t flags, tos;
	__be16 sport;
	__be32 client[4], real[4], seed;
};

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* The sum of 16-bit words in the order of the bytes. */
static uint32_t sum(const uint8_t *bytes, size_t len, uint32_t from)
{
	for (size_t i = 0; i < len; i++) {
		from += i & 1 ? bytes[i] : (uint32_t)bytes[i] << 8;
		from = (from & 0xffff) + (from >> 16);
	}
	return from;
}

static uint32_t pseudo(const uint8_t *ip, bool is_ipv6, uint8_t proto, size_t len)
{
	uint32_t from = sum(ip + (is_ipv6 ? 8 : 12), is_ipv6 ? 32 : 8, 0) + proto + (uint32_t)len;

	return (from & 0xffff) + (from >> 16);
}

/* ---- the hash ---- */

static uint32_t rotate(uint32_t word, int bits)
{
	return word << bits | word >> (32 - bits);
}

/* B. Jenkins' hashword() for two or four words, as its author describes it. */
static uint32_t slow_hash(const uint32_t *words, int n, uint32_t start)
{
	uint32_t a = start, b = start, c = start;

	if (n == 4) {
		static const int bits[] = { 4, 6, 8, 16, 19, 4 };
		uint32_t *v[] = { &a, &b, &c };

		a += words[0];
		b += words[1];
		c += words[2];
		for (int i = 0; i < 6; i++) {
			uint32_t *to = v[i % 3], *less = v[(i + 2) % 3], *more = v[(i + 1) % 3];

			*to = (*to - *less) ^ rotate(*less, bits[i]);
			*less += *more;
		}
		a += words[3];
	} else {
		a += words[0];
		b += words[1];
	}
	c = (c ^ b) - rotate(b, 14);
	a = (a ^ c) - rotate(c, 11);
	b = (b ^ a) - rotate(a, 25);
	c = (c ^ b) - rotate(b, 16);
	a = (a ^ c) - rotate(c, 4);
	b = (b ^ a) - rotate(a, 14);
	return (c ^ b) - rotate(b, 24);
}

static void check_hash(const struct input *input)
{
	uint32_t two[2] = { input->client[3], input->sport | 0x50000000U };
	uint32_t hash = slow_hash(two, 2, input->seed + 0xdeadbeef + 8);

	must(hash_two_words(two[0], two[1], input->seed) == hash);
	must(hash_flow(input->client, false, two[1], input->seed, 7) == hash);
	must(ring_slot(hash) == hash % LB_RING_SLOTS);
	must(ring_slot(input->seed) == input->seed % LB_RING_SLOTS);
	two[0] = slow_hash(input->client, 4, 0xdeadbeef + 16 + input->real[0]);
	must(hash_four_words(input->client, input->real[0]) == two[0]);
	must(hash_flow(input->client, true, two[1], input->seed, input->real[0]) ==
	     slow_hash(two, 2, input->seed + 0xdeadbeef + 8));
}

/* ---- the inner packet ---- */

struct inner {
	uint8_t *at;
	size_t len, l4, l4_len;
	bool is_ipv6, is_udp;
};

static void put_half(uint8_t *at, size_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* IP and TCP or UDP headers with right checksums around the payload that stands behind them. */
static void finish_inner(struct inner *inner, const struct input *input)
{
	uint8_t *ip = inner->at, *l4 = ip + inner->l4, proto = inner->is_udp ? 17 : 6;
	size_t check = inner->is_udp ? 6 : 16;
	uint32_t total;

	memset(ip, 0, inner->l4);
	memcpy(ip + (inner->is_ipv6 ? 8 : 12), input->client, inner->is_ipv6 ? 16 : 4);
	memcpy(ip + (inner->is_ipv6 ? 24 : 16), input->real, inner->is_ipv6 ? 16 : 4);
	ip[0] = inner->is_ipv6 ? 0x60 : 0x45;
	put_half(ip + (inner->is_ipv6 ? 4 : 2), inner->is_ipv6 ? inner->l4_len : inner->len);
	ip[inner->is_ipv6 ? 6 : 9] = proto;
	if (!inner->is_ipv6)
		put_half(ip + 10, sum(ip, 20, 0) ^ 0xffff);
	if (inner->is_udp)
		put_half(l4 + 4, inner->l4_len);
	put_half(l4 + check, 0);
	total = sum(l4, inner->l4_len, pseudo(ip, inner->is_ipv6, proto, inner->l4_len)) ^ 0xffff;
	put_half(l4 + check, total ? total : 0xffff);
}

static uint64_t derived_sum(const struct inner *inner)
{
	const __be32 *words = (const void *)inner->at;
	uint8_t proto = inner->is_udp ? IPPROTO_UDP : IPPROTO_TCP;

	if (inner->is_ipv6)
		return encap_sum_inner_ipv6(LB_LOAD(__be32, words), LB_LOAD(__be32, words + 1),
					    proto, (uint32_t)inner->l4_len);
	return encap_sum_inner_ipv4(LB_LOAD(__be32, words + 3), LB_LOAD(__be32, words + 4), proto,
				    (uint32_t)inner->l4_len);
}

/* ---- around it ---- */

static void write_gue(uint8_t *udp, const struct input *input, const struct inner *inner,
		      uint64_t outer_sum, bool real_is_ipv6)
{
	uint32_t len = (uint32_t)inner->len + ENCAP_UDP_LEN;
	__be16 sport =
		encap_source_port(input->client[3], input->sport, inner->is_ipv6, real_is_ipv6);
	uint32_t check =
		encap_udp_check(outer_sum, sport, lb_htons(GUE_PORT), len, derived_sum(inner));

	must(check != 0);
	encap_write_udp(udp, sport, lb_htons(GUE_PORT), len, check);
}

/* Returns where the outer packet begins. */
static uint8_t *wrap(const struct input *input, const struct inner *inner, bool is_gue,
		     bool real_is_ipv6)
{
	uint32_t overhead = encap_overhead(is_gue ? LB_ENCAP_GUE : LB_ENCAP_IPIP, real_is_ipv6);
	uint8_t *outer = inner->at - overhead, *udp = inner->at - ENCAP_UDP_LEN;
	uint8_t next = is_gue ? IPPROTO_UDP : inner->is_ipv6 ? ENCAP_NEXT_IPV6 : ENCAP_NEXT_IPV4;
	uint32_t len = (uint32_t)inner->len;
	__be32 src[4];

	if (real_is_ipv6) {
		encap_source_ipv6(src, input->client[3], input->sport);
		encap_write_ipv6(outer, len + (is_gue ? ENCAP_UDP_LEN : 0), input->tos, next, src,
				 input->real);
		if (is_gue)
			write_gue(udp, input, inner,
				  encap_sum_ipv6(src) + encap_sum_ipv6(input->real), true);
		return outer;
	}
	src[3] = encap_source_ipv4(input->client[3], input->sport);
	encap_write_ipv4(outer, len + overhead, input->tos, next, src[3], input->real[3]);
	if (is_gue)
		write_gue(udp, input, inner, (uint64_t)src[3] + input->real[3], false);
	return outer;
}

static void check_outer(const uint8_t *outer, const struct inner *inner, const struct input *input,
			bool is_gue, bool real_is_ipv6)
{
	size_t ip_len = real_is_ipv6 ? 40 : 20;
	size_t len = inner->len + (size_t)(inner->at - outer), l4_len = len - ip_len;

	must((size_t)(outer[real_is_ipv6 ? 4 : 2] << 8 | outer[real_is_ipv6 ? 5 : 3]) ==
	     (real_is_ipv6 ? l4_len : len));
	must(outer[0] >> 4 == (real_is_ipv6 ? 6 : 4));
	if (!real_is_ipv6)
		must(sum(outer, 20, 0) == 0xffff && outer[1] == input->tos);
	if (is_gue)
		must(sum(outer + ip_len, l4_len, pseudo(outer, real_is_ipv6, 17, l4_len)) ==
		     0xffff);
}

/* A real opens what was made, and finds what was put in. */
static void check_opened(uint8_t *outer, const struct inner *inner, bool real_is_ipv6)
{
	uint8_t *frame = outer - ENCAP_ETH_LEN, *end = inner->at + inner->len;
	struct decap_tunnel tunnel = { 0 };

	encap_write_eth(frame, 1, 2, lb_htons(real_is_ipv6 ? ETH_P_IPV6 : ETH_P_IP));
	must(decap_read(frame, end, (uint32_t)(end - frame), lb_htons(GUE_PORT), &tunnel) ==
	     DECAP_OPENED);
	must(tunnel.outer_len == (uint32_t)(inner->at - outer));
	must(tunnel.inner_type == lb_htons(inner->is_ipv6 ? ETH_P_IPV6 : ETH_P_IP));
	/* Without its last byte it is none. */
	must(decap_read(frame, end - 1, (uint32_t)(end - frame) - 1, lb_htons(GUE_PORT), &tunnel) !=
	     DECAP_OPENED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input;
	struct inner inner = { 0 };
	uint8_t *memory, *outer;
	size_t payload;

	if (size < sizeof(input))
		return 0;
	memcpy(&input, data, sizeof(input));
	check_hash(&input);
	payload = size - sizeof(input);
	inner.is_ipv6 = input.flags & 1;
	inner.is_udp = input.flags & 2;
	inner.l4 = inner.is_ipv6 ? 40 : 20;
	inner.l4_len = (inner.is_udp ? 8 : 20) + payload;
	inner.len = inner.l4 + inner.l4_len;
	if (inner.len > 9000)
		return 0;
	memory = calloc(1, ROOM + inner.len);
	must(memory != NULL);
	inner.at = memory + ROOM;
	memcpy(inner.at + inner.len - payload, data + sizeof(input), payload);
	finish_inner(&inner, &input);
	outer = wrap(&input, &inner, input.flags & 4, input.flags & 8);
	check_outer(outer, &inner, &input, input.flags & 4, input.flags & 8);
	check_opened(outer, &inner, input.flags & 8);
	free(memory);
	return 0;
}
