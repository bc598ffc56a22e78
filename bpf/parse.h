/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * parse.h - from the bytes of a frame to what forwarding needs to know, one function per header.
 *
 * Addresses first: a packet that is not for a VIP is never judged, so nothing of the host's own
 * traffic is dropped. The functions that judge return 0 or the drop cause. All offsets count from
 * the start of the frame. Nothing here trusts a length field before it is compared with the frame.
 */
#pragma once

#include "bpf/base.h"

#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include "bpf/lb_abi.h"

#define PARSE_EXT_HEADERS_MAX 8
#define PARSE_L4_OFFSET_MAX   1023 /* where a chain of extension headers must have ended */

#define PARSE_IPV4_FRAGMENT      0x3fff /* more fragments, or an offset */
#define PARSE_IPV6_NEXT_FRAGMENT 44
#define PARSE_IPV6_NEXT_AUTH     51

/* ICMP of both families; the kernel's header of the same drags in half of libc. */
struct parse_icmp {
	__u8 type;
	__u8 code;
	__sum16 check;
	__be32 rest; /* identifier and sequence, or the MTU */
};
#define PARSE_ICMP4_ECHO_REPLY           0
#define PARSE_ICMP4_UNREACHABLE          3
#define PARSE_ICMP4_ECHO                 8
#define PARSE_ICMP4_TIME_EXCEEDED        11
#define PARSE_ICMP4_PARAMETER            12
#define PARSE_ICMP6_UNREACHABLE          1
#define PARSE_ICMP4_FRAGMENTATION_NEEDED 4 /* a code */
#define PARSE_ICMP6_TOO_BIG              2
#define PARSE_ICMP6_PARAMETER            4 /* 2 is too big, 3 time exceeded */
#define PARSE_ICMP6_ECHO                 128
#define PARSE_ICMP6_ECHO_REPLY           129
#define PARSE_ICMP6_DISCOVERY_LOW        133 /* router and neighbour discovery, redirect */
#define PARSE_ICMP6_DISCOVERY_HIGH       137

struct packet {
	__be32 src[4]; /* IPv6, or IPv4-mapped */
	__be32 dst[4];
	union {
		struct {
			__be16 sport; /* network order, 0 where there is none */
			__be16 dport;
		};
		__be32 ports; /* both, as they stand in the packet */
	};
	__u16 l3_len; /* bytes of the whole IP packet, as its header says */
	__u16 l4_offset;
	__u8 proto;
	__u8 tos; /* or traffic class */
	__u8 is_ipv6;
	__u8 is_fragment; /* first or not */
	__u8 is_syn;      /* TCP SYN without ACK */
	__u8 is_error;    /* an ICMP error; addresses and ports are those of the quoted flow */
	__u8 pad[2];
};

/* Whether a VLAN tag follows: customer or service tag (IEEE 802.1Q, clause 9.5). */
LB_INLINE bool parse_is_tag(__be16 type)
{
	return type == lb_htons(ETH_P_8021Q) || type == lb_htons(ETH_P_8021AD);
}

/* The bytes [offset, offset + len) of the frame, or NULL when they are not all there. */
LB_INLINE const void *parse_bytes(const void *frame, const void *end, __u32 offset, __u32 len)
{
	const void *bytes = (const char *)frame + offset;

	return (const char *)bytes + len > (const char *)end ? NULL : bytes;
}

/* Where the L4 header begins, with a bound that the verifier sees. */
LB_INLINE __u32 parse_l4_offset(const struct packet *packet)
{
	__u32 offset = packet->l4_offset;

	LB_FORGET(offset);
	return offset & PARSE_L4_OFFSET_MAX;
}

LB_INLINE void parse_map_ipv4(__be32 to[4], __be32 addr)
{
	to[0] = 0;
	to[1] = 0;
	to[2] = lb_htonl(0xffff);
	to[3] = addr;
}

LB_INLINE void parse_copy_ipv6(__be32 to[4], const struct in6_addr *addr)
{
	const __be32 *from = (const __be32 *)addr;

	to[0] = LB_LOAD(__be32, from);
	to[1] = LB_LOAD(__be32, from + 1);
	to[2] = LB_LOAD(__be32, from + 2);
	to[3] = LB_LOAD(__be32, from + 3);
}

/*
 * Check the IPv4 header at offset, whose 20 bytes are there, against the room bytes of the frame
 * from it on, and fill in all but addresses and ports.
 */
LB_INLINE int parse_ipv4(const struct iphdr *ip, __u32 offset, __u32 room, struct packet *packet)
{
	__u32 header_len = (__u32)ip->ihl * 4;
	__u32 len = lb_ntohs(ip->tot_len);

	if (ip->version != 4 || header_len < sizeof(*ip) || len < header_len || len > room)
		return LB_DROP_MALFORMED_IP;
	packet->l3_len = (__u16)len;
	packet->l4_offset = (__u16)(offset + header_len);
	packet->proto = ip->protocol;
	packet->tos = ip->tos;
	packet->is_fragment = (ip->frag_off & lb_htons(PARSE_IPV4_FRAGMENT)) != 0;
	return 0;
}

LB_INLINE bool parse_is_extension(__u8 next)
{
	return next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS ||
	       next == PARSE_IPV6_NEXT_FRAGMENT || next == PARSE_IPV6_NEXT_AUTH;
}

/* As parse_ipv4(), for the 40 bytes of an IPv6 header; proto may still be an extension header. */
LB_INLINE int parse_ipv6(const struct ipv6hdr *ip, __u32 offset, __u32 room, struct packet *packet)
{
	__u32 first = lb_ntohl(LB_LOAD(__be32, ip));
	__u32 len = (__u32)lb_ntohs(ip->payload_len) + (__u32)sizeof(*ip);

	if (first >> 28 != 6 || len > room)
		return LB_DROP_MALFORMED_IP;
	packet->l3_len = (__u16)len;
	packet->l4_offset = (__u16)(offset + sizeof(*ip));
	packet->proto = ip->nexthdr;
	packet->tos = (__u8)(first >> 20);
	packet->is_fragment = 0;
	return 0;
}

/* Where the chain of extension headers ended. */
struct parse_chain {
	__u32 offset; /* of what follows it */
	__u8 proto;
	__u8 is_fragment;
	__u8 is_later; /* a fragment without the packet's start */
	__u8 has_more; /* a header of the chain is still to come */
};

/* One header of the chain. Returns 0 or the drop cause. */
LB_INLINE int parse_extension(const void *frame, const void *end, struct parse_chain *chain)
{
	const __u8 *header;
	__u32 len;

	if (chain->offset > PARSE_L4_OFFSET_MAX)
		return LB_DROP_EXT_HEADERS;
	header = parse_bytes(frame, end, chain->offset, 8);
	if (!header)
		return LB_DROP_MALFORMED_IP;
	if (chain->proto == PARSE_IPV6_NEXT_FRAGMENT) {
		len = 8;
		chain->is_fragment = 1;
		/* What follows the header in a later fragment is payload. */
		chain->is_later = (LB_LOAD(__be16, header + 2) & lb_htons(0xfff8)) != 0;
	} else if (chain->proto == PARSE_IPV6_NEXT_AUTH) {
		len = ((__u32)header[1] + 2) * 4;
	} else {
		len = ((__u32)header[1] + 1) * 8;
	}
	chain->proto = header[0];
	chain->offset += len;
	chain->has_more = !chain->is_later && parse_is_extension(chain->proto);
	return 0;
}

/* Follow the chain from a first header on. Returns 0 or the drop cause. */
LB_INLINE int parse_extensions(const void *frame, const void *end, struct parse_chain *chain)
{
	int i;

	chain->has_more = parse_is_extension(chain->proto);
	for (i = 0; i < PARSE_EXT_HEADERS_MAX && chain->has_more; i++) {
		int cause = parse_extension(frame, end, chain);

		if (cause)
			return cause;
	}
	return chain->has_more || chain->offset > PARSE_L4_OFFSET_MAX ? LB_DROP_EXT_HEADERS : 0;
}

/* Whether the packet, by its own length, ends before the bytes [offset, offset + len) of the frame
 * do: what stands there then is padding. */
LB_INLINE bool parse_ends_before(const struct packet *packet, __u32 offset, __u32 len)
{
	return offset + len > packet->l3_len + (__u32)ETH_HLEN;
}

/* SYN without ACK; of a whole TCP header. */
LB_INLINE bool parse_is_syn(const __u8 *tcp)
{
	return (tcp[13] & 0x12) == 0x02;
}

/*
 * Ports of a TCP or UDP header at packet->l4_offset. A fragment has none: not even the first,
 * because its like must all go one way. Returns 0 or the drop cause.
 */
LB_INLINE int parse_ports(const void *frame, const void *end, struct packet *packet)
{
	bool is_tcp = packet->proto == IPPROTO_TCP;
	__u32 offset = parse_l4_offset(packet);
	const __u8 *l4;

	packet->sport = 0;
	packet->dport = 0;
	packet->is_syn = 0;
	if (packet->is_fragment)
		return 0;
	l4 = parse_bytes(frame, end, offset, sizeof(struct udphdr));
	if (!l4 || parse_ends_before(packet, offset, sizeof(struct udphdr)))
		return LB_DROP_MALFORMED_L4;
	packet->sport = LB_LOAD(__be16, l4);
	packet->dport = LB_LOAD(__be16, l4 + 2);
	if (!is_tcp)
		return 0;
	l4 = parse_bytes(frame, end, offset, sizeof(struct tcphdr));
	if (!l4 || parse_ends_before(packet, offset, sizeof(struct tcphdr)))
		return LB_DROP_MALFORMED_L4;
	packet->is_syn = parse_is_syn(l4);
	return 0;
}

/* IPv4: destination unreachable, time exceeded, parameter problem. */
LB_INLINE bool parse_is_error4(__u8 type)
{
	return type == PARSE_ICMP4_UNREACHABLE || type == PARSE_ICMP4_TIME_EXCEEDED ||
	       type == PARSE_ICMP4_PARAMETER;
}

/* IPv6: destination unreachable, packet too big, time exceeded, parameter problem. */
LB_INLINE bool parse_is_error6(__u8 type)
{
	return type >= PARSE_ICMP6_UNREACHABLE && type <= PARSE_ICMP6_PARAMETER;
}

/*
 * The ports of a packet quoted in an ICMP error. The quote travelled from the VIP to the client,
 * so its flow is the reverse. RFC 792 promises 8 bytes of it, of which the ports are the first 4.
 */
LB_INLINE int parse_quoted_ports(const void *frame, const void *end, __u32 offset, __u8 proto,
				 struct packet *packet)
{
	const __u8 *l4;

	if (proto != IPPROTO_TCP && proto != IPPROTO_UDP)
		return LB_DROP_ICMP_QUOTE;
	packet->proto = proto;
	packet->sport = 0;
	packet->dport = 0;
	if (packet->is_fragment)
		return 0;
	l4 = parse_bytes(frame, end, offset, 4);
	if (!l4)
		return LB_DROP_ICMP_QUOTE;
	packet->sport = LB_LOAD(__be16, l4 + 2);
	packet->dport = LB_LOAD(__be16, l4);
	return 0;
}

/* Turn an IPv4 ICMP error into the flow it quotes. Returns 0 or the drop cause. */
LB_INLINE int parse_quote4(const void *frame, const void *end, struct packet *packet)
{
	__u32 offset = parse_l4_offset(packet) + (__u32)sizeof(struct parse_icmp);
	const struct iphdr *ip = parse_bytes(frame, end, offset, sizeof(*ip));

	if (!ip || ip->version != 4 || ip->ihl < 5 || ip->saddr != packet->dst[3])
		return LB_DROP_ICMP_QUOTE;
	packet->src[3] = ip->daddr;
	packet->is_error = 1;
	packet->is_fragment = (ip->frag_off & lb_htons(0x1fff)) != 0;
	return parse_quoted_ports(frame, end, offset + (__u32)ip->ihl * 4, ip->protocol, packet);
}

/* The same for IPv6; extension headers of the quote are walked. */
LB_INLINE int parse_quote6(const void *frame, const void *end, struct packet *packet)
{
	__u32 offset = parse_l4_offset(packet) + (__u32)sizeof(struct parse_icmp);
	const struct ipv6hdr *ip = parse_bytes(frame, end, offset, sizeof(*ip));
	struct parse_chain chain = { .offset = offset + (__u32)sizeof(*ip) };
	__be32 vip[4];
	int i;

	if (!ip || ip->version != 6)
		return LB_DROP_ICMP_QUOTE;
	parse_copy_ipv6(vip, &ip->saddr);
	for (i = 0; i < 4; i++) {
		if (vip[i] != packet->dst[i])
			return LB_DROP_ICMP_QUOTE;
	}
	parse_copy_ipv6(packet->src, &ip->daddr);
	chain.proto = ip->nexthdr;
	if (parse_extensions(frame, end, &chain))
		return LB_DROP_ICMP_QUOTE;
	packet->is_error = 1;
	packet->is_fragment = chain.is_fragment && chain.is_later;
	return parse_quoted_ports(frame, end, chain.offset & PARSE_L4_OFFSET_MAX, chain.proto,
				  packet);
}
