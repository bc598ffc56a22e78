/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * encap.h - outer headers in katran's formats, built in registers and stored as words.
 *
 * The functions write to memory that the caller made room for, so that XDP, tc and tests share
 * them. `client` is the last word of the client's address (all of an IPv4 one) as it stands in
 * the packet, `sport` its port; both spread the outer headers of different flows over the queues
 * of the real, and never change within a flow. The formats: docs/packet-path.md, "On the wire".
 */
#pragma once

#include "bpf/base.h"
#include "bpf/lb_abi.h"

#define ENCAP_TTL       64
#define ENCAP_IPV4_LEN  20
#define ENCAP_IPV6_LEN  40
#define ENCAP_UDP_LEN   8
#define ENCAP_ETH_LEN   14
#define ENCAP_NEXT_IPV4 4 /* protocol numbers of an inner packet */
#define ENCAP_NEXT_IPV6 41

/* Bytes that stand before the inner packet. */
LB_INLINE __u32 encap_overhead(__u8 encap, bool real_is_ipv6)
{
	__u32 ip = real_is_ipv6 ? ENCAP_IPV6_LEN : ENCAP_IPV4_LEN;

	return encap == LB_ENCAP_GUE ? ip + ENCAP_UDP_LEN : ip;
}

/* 172.16.X.Y: X and Y mix the port into the client's last two bytes. */
LB_INLINE __be32 encap_source_ipv4(__be32 client, __be16 sport)
{
	__u32 mixed = client ^ (__u32)lb_ntohs(sport) << 16;

	return lb_htonl(0xac100000) | (mixed & lb_htonl(0x0000ffff));
}

/* 100::XXXX:YYYY out of the discard prefix (RFC 6666). */
LB_INLINE void encap_source_ipv6(__be32 to[4], __be32 client, __be16 sport)
{
	to[0] = lb_htonl(0x01000000);
	to[1] = 0;
	to[2] = 0;
	to[3] = client ^ sport;
}

/* The UDP source port of GUE; the two families of reals differ in byte order, as katran's do. */
LB_INLINE __be16 encap_source_port(__be32 client, __be16 sport, bool client_is_ipv6,
				   bool real_is_ipv6)
{
	if (!real_is_ipv6)
		return (__be16)(lb_ntohs(sport) ^ client >> 16);
	return (__be16)(client_is_ipv6 ? sport ^ client : sport ^ client >> 16);
}

/* A sum of words folded to the 16 bits of an Internet checksum (RFC 1071), not inverted. */
LB_INLINE __u32 encap_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u32)sum;
}

/* The same for a sum of few words, below 2^36: its high bits count no less than the low ones. */
LB_INLINE __u32 encap_fold_words(__u64 sum)
{
	__u32 folded = (__u32)(sum >> 16) + (__u32)(sum & 0xffff);

	folded = (folded & 0xffff) + (folded >> 16);
	return (folded + (folded >> 16)) & 0xffff;
}

LB_INLINE __u64 encap_sum_ipv6(const __be32 addr[4])
{
	return (__u64)addr[0] + addr[1] + addr[2] + addr[3];
}

/* An IPv4 header of 20 bytes; len is that of the whole outer packet. */
LB_INLINE void encap_write_ipv4(void *to, __u32 len, __u8 tos, __u8 proto, __be32 src, __be32 dst)
{
	__be32 first = lb_htonl(0x45000000 | (__u32)tos << 16 | (len & 0xffff));
	__be32 ttl_proto = lb_htonl((__u32)ENCAP_TTL << 24 | (__u32)proto << 16);
	__u32 sum = encap_fold_words((__u64)first + ttl_proto + src + dst);
	__be32 *words = to;

	/* The second word is 0: no identification, may be fragmented. */
	LB_STORE(__u64, words, first);
	LB_STORE(__u64, words + 2, LB_PAIR(ttl_proto | ~sum << 16, src));
	LB_STORE(__be32, words + 4, dst);
}

/* An IPv6 header of 40 bytes; len is that of its payload. */
LB_INLINE void encap_write_ipv6(void *to, __u32 len, __u8 tclass, __u8 next, const __be32 src[4],
				const __be32 dst[4])
{
	__be32 first = lb_htonl(0x60000000 | (__u32)tclass << 20);
	__be32 *words = to;

	LB_STORE(__u64, words, LB_PAIR(first, lb_htonl(len << 16 | (__u32)next << 8 | ENCAP_TTL)));
	LB_STORE(__u64, words + 2, LB_PAIR(src[0], src[1]));
	LB_STORE(__u64, words + 4, LB_PAIR(src[2], src[3]));
	LB_STORE(__u64, words + 6, LB_LOAD(__u64, dst));
	LB_STORE(__u64, words + 8, LB_LOAD(__u64, dst + 2));
}

/* A UDP header; len is that of header and payload, check as it shall stand in the packet. */
LB_INLINE void encap_write_udp(void *to, __be16 sport, __be16 dport, __u32 len, __u32 check)
{
	LB_STORE(__u64, to,
		 LB_PAIR((__u32)sport | (__u32)dport << 16, (__u32)lb_htons(len) | check << 16));
}

/*
 * The outer UDP checksum (RFC 768). outer: the sum of the outer addresses' words; payload: that
 * of the bytes behind the UDP header. len counts header and payload. A computed 0 is sent as
 * 0xffff, as 0 means "none".
 */
LB_INLINE __u32 encap_udp_check(__u64 outer, __be16 sport, __be16 dport, __u32 len, __u64 payload)
{
	__u64 sum =
		outer + payload + sport + dport + lb_htons(IPPROTO_UDP) + 2 * (__u64)lb_htons(len);
	__u32 check = ~encap_fold(sum) & 0xffff;

	return check ? check : 0xffff;
}

/*
 * The sum of an inner TCP or UDP packet derived from its own checksum: header and payload of a
 * good segment add up to minus its pseudo header, a good IPv4 header adds up to nothing. What is
 * wrong inside so stays wrong outside. l4_len counts the bytes of the segment.
 */
LB_INLINE __u64 encap_sum_inner_ipv4(__be32 src, __be32 dst, __u8 proto, __u32 l4_len)
{
	__u32 pseudo = encap_fold((__u64)src + dst + lb_htons(proto) + lb_htons(l4_len));

	return ~pseudo & 0xffff;
}

/* The same for IPv6 without extension headers: the addresses cancel out. */
LB_INLINE __u64 encap_sum_inner_ipv6(__be32 first, __be32 second, __u8 proto, __u32 l4_len)
{
	__u32 pseudo = encap_fold((__u64)lb_htons(proto) + lb_htons(l4_len));

	return (__u64)first + second + (~pseudo & 0xffff);
}

/* An Ethernet header of 14 bytes; MACs are words as in struct lb_uplink. What stands behind the
 * MAC in dst does not matter. */
LB_INLINE void encap_write_eth(void *to, __u64 dst, __u64 src, __be16 type)
{
	LB_STORE(__u64, to, dst);
	LB_STORE(__u64, (char *)to + 6, src | (__u64)type << 48);
}
