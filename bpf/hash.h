/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * hash.h - the hash that chooses a ring slot: Jenkins lookup3 over client address and ports with
 * katran's seeds, so that mixed fleets agree. Destination address and protocol do not count.
 *
 * Source: B. Jenkins, lookup3.c (public domain description, burtleburtle.net/bob/c/lookup3.c);
 * which words and seeds: docs/packet-path.md, "Which real".
 */
#pragma once

#include "bpf/base.h"
#include "bpf/lb_abi.h"

#define LB_JENKINS 0xdeadbeefU

LB_INLINE __u32 hash_rotate(__u32 word, unsigned bits)
{
	return word << bits | word >> (32 - bits);
}

/* lookup3's final(): the last words are in a, b, c; the result is c. */
LB_INLINE __u32 hash_final(__u32 a, __u32 b, __u32 c)
{
	c = (c ^ b) - hash_rotate(b, 14);
	a = (a ^ c) - hash_rotate(c, 11);
	b = (b ^ a) - hash_rotate(a, 25);
	c = (c ^ b) - hash_rotate(b, 16);
	a = (a ^ c) - hash_rotate(c, 4);
	b = (b ^ a) - hash_rotate(a, 14);
	c = (c ^ b) - hash_rotate(b, 24);
	return c;
}

/* Two words, as the kernel's jhash_2words(). */
LB_INLINE __u32 hash_two_words(__u32 a, __u32 b, __u32 seed)
{
	__u32 start = seed + LB_JENKINS + (2 << 2);

	return hash_final(a + start, b + start, start);
}

/* Sixteen bytes, as the kernel's jhash(). */
LB_INLINE __u32 hash_four_words(const __u32 words[4], __u32 seed)
{
	__u32 start = LB_JENKINS + 16 + seed;
	__u32 a = start + words[0], b = start + words[1], c = start + words[2];

	a = (a - c) ^ hash_rotate(c, 4);
	c += b;
	b = (b - a) ^ hash_rotate(a, 6);
	a += c;
	c = (c - b) ^ hash_rotate(b, 8);
	b += a;
	a = (a - c) ^ hash_rotate(c, 16);
	c += b;
	b = (b - a) ^ hash_rotate(a, 19);
	a += c;
	c = (c - b) ^ hash_rotate(b, 4);
	b += a;
	return hash_final(a + words[3], b, c);
}

/* The flow's hash; ports as they stand in the packet. */
LB_INLINE __u32 hash_flow(const __be32 src[4], bool is_ipv6, __be32 ports, __u32 seed,
			  __u32 seed_v6)
{
	__u32 client = is_ipv6 ? hash_four_words(src, seed_v6) : src[3];

	return hash_two_words(client, ports, seed);
}

/* The hash of a flow from address zero, with its destination port in both places. */
LB_INLINE __u32 hash_port(bool is_ipv6, __be16 dport, __u32 seed, __u32 seed_v6)
{
	const __u32 none[4] = { 0 };
	__u32 client = is_ipv6 ? hash_four_words(none, seed_v6) : 0;

	return hash_two_words(client, (__u32)dport | (__u32)dport << 16, seed);
}
