/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * decap.h - finding the end of a tunnel in a frame: IPIP in all four pairs of families, and GUE
 * variant 1 (UDP whose payload begins with an IP header). Compiles natively, too.
 *
 * Known gap: a congestion mark that the fabric puts on the outer header (RFC 6040) is lost.
 */
#pragma once

#include "bpf/base.h"
#include "bpf/decap_abi.h"
#include "bpf/encap.h"
#include "bpf/parse.h"

struct decap_tunnel {
	struct decap_addr outer_dst;
	struct decap_addr inner_dst;
	__u32 outer_len;   /* bytes between the Ethernet header and the inner packet */
	__be16 inner_type; /* Ethertype */
	__u8 outer_is_ipv6;
	__u8 inner_is_ipv6;
};

/* Where the payload of the outer IP header begins, and what it is. */
struct decap_outer {
	__u32 offset;
	__u8 proto;
	__u8 is_fragment;
	__u16 pad;
};

LB_INLINE int decap_outer4(const void *frame, const void *end, struct decap_outer *outer,
			   struct decap_addr *dst)
{
	const struct iphdr *ip = parse_bytes(frame, end, ETH_HLEN, sizeof(*ip));

	if (!ip || ip->version != 4 || ip->ihl < 5)
		return DECAP_MALFORMED;
	parse_map_ipv4(dst->words, ip->daddr);
	outer->offset = ETH_HLEN + (__u32)ip->ihl * 4;
	outer->proto = ip->protocol;
	outer->is_fragment = (ip->frag_off & lb_htons(PARSE_IPV4_FRAGMENT)) != 0;
	return 0;
}

LB_INLINE int decap_outer6(const void *frame, const void *end, struct decap_outer *outer,
			   struct decap_addr *dst)
{
	const struct ipv6hdr *ip = parse_bytes(frame, end, ETH_HLEN, sizeof(*ip));

	if (!ip)
		return DECAP_MALFORMED;
	parse_copy_ipv6(dst->words, &ip->daddr);
	outer->offset = ETH_HLEN + sizeof(*ip);
	outer->proto = ip->nexthdr;
	outer->is_fragment = ip->nexthdr == PARSE_IPV6_NEXT_FRAGMENT;
	return 0;
}

/* The family of what is inside: 4, 6, or 0 when it is no tunnel. Moves outer->offset to it. */
LB_INLINE int decap_inner_version(const void *frame, const void *end, struct decap_outer *outer,
				  __be16 gue_port)
{
	const __u8 *l4;

	if (outer->proto == ENCAP_NEXT_IPV4)
		return 4;
	if (outer->proto == ENCAP_NEXT_IPV6)
		return 6;
	if (outer->proto != IPPROTO_UDP)
		return 0;
	l4 = parse_bytes(frame, end, outer->offset, ENCAP_UDP_LEN + 1);
	if (!l4 || LB_LOAD(__be16, l4 + 2) != gue_port)
		return 0;
	outer->offset += ENCAP_UDP_LEN;
	return l4[ENCAP_UDP_LEN] >> 4;
}

LB_INLINE int decap_inner(const void *frame, const void *end, __u32 offset,
			  struct decap_tunnel *tunnel)
{
	const struct iphdr *ip4 = parse_bytes(frame, end, offset, sizeof(*ip4));
	const struct ipv6hdr *ip6;

	if (!ip4)
		return DECAP_MALFORMED;
	if (!tunnel->inner_is_ipv6) {
		parse_map_ipv4(tunnel->inner_dst.words, ip4->daddr);
		tunnel->inner_type = lb_htons(ETH_P_IP);
		return ip4->version == 4 ? 0 : DECAP_MALFORMED;
	}
	ip6 = parse_bytes(frame, end, offset, sizeof(*ip6));
	if (!ip6)
		return DECAP_MALFORMED;
	parse_copy_ipv6(tunnel->inner_dst.words, &ip6->daddr);
	tunnel->inner_type = lb_htons(ETH_P_IPV6);
	return ip6->version == 6 ? 0 : DECAP_MALFORMED;
}

/*
 * Read the tunnel of a frame. Returns 0 (DECAP_OPENED) when there is a whole one; whether it is
 * ours is the caller's to see. outer_dst is set with every result but DECAP_NOT_TUNNEL.
 */
LB_INLINE int decap_read(const void *frame, const void *end, __be16 gue_port,
			 struct decap_tunnel *tunnel)
{
	const struct ethhdr *eth = parse_bytes(frame, end, 0, sizeof(*eth));
	struct decap_outer outer = { 0 };
	int result, version;

	if (!eth)
		return DECAP_NOT_TUNNEL;
	if (eth->h_proto == lb_htons(ETH_P_IP))
		result = decap_outer4(frame, end, &outer, &tunnel->outer_dst);
	else if (eth->h_proto == lb_htons(ETH_P_IPV6))
		result = decap_outer6(frame, end, &outer, &tunnel->outer_dst);
	else
		return DECAP_NOT_TUNNEL;
	if (result)
		return DECAP_NOT_TUNNEL;
	tunnel->outer_is_ipv6 = eth->h_proto == lb_htons(ETH_P_IPV6);
	if (outer.is_fragment)
		return DECAP_FRAGMENT;
	version = decap_inner_version(frame, end, &outer, gue_port);
	if (version != 4 && version != 6)
		return DECAP_NOT_TUNNEL;
	tunnel->inner_is_ipv6 = version == 6;
	tunnel->outer_len = outer.offset - ETH_HLEN;
	return decap_inner(frame, end, outer.offset, tunnel);
}
