/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * decap.h - finding the end of a tunnel in a frame: IPIP in all four pairs of families, and GUE
 * variant 1 (UDP whose payload begins with an IP header). A tunnel is one only when every length in
 * it fits into the one around it. Compiles natively, too.
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
	__u32 outer_len; /* bytes between the Ethernet header and the inner packet */
	__u32 inner_tcp; /* where the inner TCP header begins once the tunnel is opened; 0: none */
	__be16 inner_type; /* Ethertype */
	__u8 outer_is_ipv6;
	__u8 inner_is_ipv6;
};

/* Where the payload of the outer headers begins, how long they say it is, and what. */
struct decap_outer {
	__u32 offset;
	__u32 len;
	__u8 proto;
	__u8 is_fragment;
	__u16 pad;
};

LB_INLINE int decap_outer4(const void *frame, const void *end, __u32 room,
			   struct decap_outer *outer, struct decap_addr *dst)
{
	const struct iphdr *ip = parse_bytes(frame, end, ETH_HLEN, sizeof(*ip));
	__u32 header_len, len;

	if (!ip || ip->version != 4 || ip->ihl < 5)
		return DECAP_MALFORMED;
	header_len = (__u32)ip->ihl * 4;
	len = lb_ntohs(ip->tot_len);
	if (len < header_len || len > room)
		return DECAP_MALFORMED;
	parse_map_ipv4(dst->words, ip->daddr);
	outer->offset = ETH_HLEN + header_len;
	outer->len = len - header_len;
	outer->proto = ip->protocol;
	outer->is_fragment = (ip->frag_off & lb_htons(PARSE_IPV4_FRAGMENT)) != 0;
	return 0;
}

/* Linux puts an extension header (RFC 2473's encapsulation limit) before what it tunnels. */
LB_INLINE int decap_outer6(const void *frame, const void *end, __u32 room,
			   struct decap_outer *outer, struct decap_addr *dst)
{
	const struct ipv6hdr *ip = parse_bytes(frame, end, ETH_HLEN, sizeof(*ip));
	struct parse_chain chain = { .offset = ETH_HLEN + sizeof(*ip) };
	__u32 len;

	if (!ip)
		return DECAP_MALFORMED;
	len = lb_ntohs(ip->payload_len);
	if (len + sizeof(*ip) > room)
		return DECAP_MALFORMED;
	parse_copy_ipv6(dst->words, &ip->daddr);
	chain.proto = ip->nexthdr;
	if (parse_is_extension(chain.proto) && parse_extensions(frame, end, &chain))
		return DECAP_MALFORMED;
	if (chain.offset > len + ETH_HLEN + sizeof(*ip))
		return DECAP_MALFORMED;
	outer->len = len + ETH_HLEN + (__u32)sizeof(*ip) - chain.offset;
	outer->offset = chain.offset & PARSE_L4_OFFSET_MAX;
	outer->proto = chain.proto;
	outer->is_fragment = chain.is_fragment;
	return 0;
}

/*
 * The family of what is inside: 4, 6, or 0 when it is no tunnel. Moves outer to it; a UDP header
 * whose length cannot be leaves no room there.
 */
LB_INLINE int decap_inner_version(const void *frame, const void *end, struct decap_outer *outer,
				  __be16 gue_port)
{
	const __u8 *l4;
	__u32 len;

	if (outer->proto == ENCAP_NEXT_IPV4)
		return 4;
	if (outer->proto == ENCAP_NEXT_IPV6)
		return 6;
	if (outer->proto != IPPROTO_UDP)
		return 0;
	l4 = parse_bytes(frame, end, outer->offset, ENCAP_UDP_LEN + 1);
	if (!l4 || LB_LOAD(__be16, l4 + 2) != gue_port)
		return 0;
	len = lb_ntohs(LB_LOAD(__be16, l4 + 4));
	outer->offset += ENCAP_UDP_LEN;
	outer->len = len < ENCAP_UDP_LEN || len > outer->len ? 0 : len - ENCAP_UDP_LEN;
	return l4[ENCAP_UDP_LEN] >> 4;
}

LB_INLINE int decap_inner4(const void *frame, const void *end, const struct decap_outer *outer,
			   struct decap_tunnel *tunnel)
{
	const struct iphdr *ip = parse_bytes(frame, end, outer->offset, sizeof(*ip));
	__u32 len;

	if (!ip || ip->version != 4 || ip->ihl < 5)
		return DECAP_MALFORMED;
	len = lb_ntohs(ip->tot_len);
	if (len < (__u32)ip->ihl * 4 || len > outer->len)
		return DECAP_MALFORMED;
	parse_map_ipv4(tunnel->inner_dst.words, ip->daddr);
	tunnel->inner_type = lb_htons(ETH_P_IP);
	if (ip->protocol == IPPROTO_TCP && !(ip->frag_off & lb_htons(PARSE_IPV4_FRAGMENT)))
		tunnel->inner_tcp = ETH_HLEN + (__u32)ip->ihl * 4;
	return 0;
}

LB_INLINE int decap_inner6(const void *frame, const void *end, const struct decap_outer *outer,
			   struct decap_tunnel *tunnel)
{
	const struct ipv6hdr *ip = parse_bytes(frame, end, outer->offset, sizeof(*ip));

	if (!ip || ip->version != 6 || lb_ntohs(ip->payload_len) + sizeof(*ip) > outer->len)
		return DECAP_MALFORMED;
	parse_copy_ipv6(tunnel->inner_dst.words, &ip->daddr);
	tunnel->inner_type = lb_htons(ETH_P_IPV6);
	if (ip->nexthdr == IPPROTO_TCP)
		tunnel->inner_tcp = ETH_HLEN + sizeof(*ip);
	return 0;
}

/*
 * Read the tunnel of a frame of len bytes, of which those up to end are at hand. Returns 0
 * (DECAP_OPENED) when there is a whole one; whether it is ours is the caller's to see. outer_dst is
 * set with every result but DECAP_NOT_TUNNEL.
 */
LB_INLINE int decap_read(const void *frame, const void *end, __u32 len, __be16 gue_port,
			 struct decap_tunnel *tunnel)
{
	const struct ethhdr *eth = parse_bytes(frame, end, 0, sizeof(*eth));
	struct decap_outer outer = { 0 };
	int result, version;

	if (!eth)
		return DECAP_NOT_TUNNEL;
	if (eth->h_proto == lb_htons(ETH_P_IP))
		result = decap_outer4(frame, end, len - ETH_HLEN, &outer, &tunnel->outer_dst);
	else if (eth->h_proto == lb_htons(ETH_P_IPV6))
		result = decap_outer6(frame, end, len - ETH_HLEN, &outer, &tunnel->outer_dst);
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
	return version == 6 ? decap_inner6(frame, end, &outer, tunnel)
			    : decap_inner4(frame, end, &outer, tunnel);
}
