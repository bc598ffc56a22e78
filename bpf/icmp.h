/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * icmp.h - ICMP of both families to a VIP: pings are answered here (a VIP lives on no host that
 * could), errors are turned into the flow they quote, so that they reach that flow's real.
 * Only lb.bpf.c includes this: it writes packets.
 */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "bpf/base.h"
#include "bpf/encap.h"
#include "bpf/frame.h"
#include "bpf/lb_abi.h"
#include "bpf/parse.h"

/* Replace a 16-bit word under an Internet checksum (RFC 1624, equation 3). */
LB_INLINE __u16 icmp_patch_check(__u16 check, __u16 from, __u16 to)
{
	return (__u16)~encap_fold((__u64)(~check & 0xffff) + (~from & 0xffff) + to);
}

LB_INLINE void icmp_swap_macs(void *frame)
{
	__u64 dst = LB_LOAD(__u64, frame) & LB_MAC_MASK;
	__u64 src = LB_LOAD(__u64, (char *)frame + 4) >> 16;

	encap_write_eth(frame, src, dst, LB_LOAD(__be16, (char *)frame + 12));
}

LB_INLINE void icmp_swap_addresses(__be32 *a, __be32 *b, int words)
{
	int i;

	for (i = 0; i < words; i++) {
		__be32 kept = a[i];

		a[i] = b[i];
		b[i] = kept;
	}
}

/* Make the echo request in the frame the reply to it. The headers were checked. */
LB_INLINE int icmp_echo4(void *frame, const void *end, struct parse_icmp *icmp)
{
	struct iphdr *ip = (void *)((char *)frame + ETH_HLEN);
	__u16 ttl_proto;

	if ((const char *)(ip + 1) > (const char *)end)
		return LB_DROP_MALFORMED_IP;
	icmp->type = PARSE_ICMP4_ECHO_REPLY;
	/* The type is the low byte of the first word. A request of nothing but zeros so gets the
	 * 0xffff that summing it anew would give. */
	icmp->check = (__sum16)encap_fold((__u64)icmp->check + PARSE_ICMP4_ECHO);
	ttl_proto = LB_LOAD(__u16, &ip->ttl);
	ip->ttl = ENCAP_TTL;
	ip->check = icmp_patch_check(ip->check, ttl_proto, LB_LOAD(__u16, &ip->ttl));
	icmp_swap_addresses(&ip->saddr, &ip->daddr, 1);
	icmp_swap_macs(frame);
	return LB_SENT_ECHO;
}

LB_INLINE int icmp_echo6(void *frame, const void *end, struct parse_icmp *icmp)
{
	struct ipv6hdr *ip = (void *)((char *)frame + ETH_HLEN);

	if ((const char *)(ip + 1) > (const char *)end)
		return LB_DROP_MALFORMED_IP;
	icmp->type = PARSE_ICMP6_ECHO_REPLY;
	icmp->check = icmp_patch_check(icmp->check, PARSE_ICMP6_ECHO, PARSE_ICMP6_ECHO_REPLY);
	ip->hop_limit = ENCAP_TTL;
	icmp_swap_addresses((__be32 *)&ip->saddr, (__be32 *)&ip->daddr, 4);
	icmp_swap_macs(frame);
	return LB_SENT_ECHO;
}

/* Bytes of the oversize IP packet that a too-big reply quotes, as katran. */
#define ICMP_TOO_BIG_QUOTE4 84
#define ICMP_TOO_BIG_QUOTE6 248

/* Cut the frame behind the quote and make room for another IP header and ICMP before it. */
LB_INLINE bool icmp_make_room(struct xdp_md *ctx, __u32 quote, __u32 ip_len)
{
	__u32 len = (__u32)((char *)frame_end(ctx) - (char *)frame_start(ctx));

	if (len < ETH_HLEN + quote)
		return false;
	return !bpf_xdp_adjust_tail(ctx, (int)(ETH_HLEN + quote) - (int)len) &&
	       !bpf_xdp_adjust_head(ctx, -(int)(ip_len + sizeof(struct parse_icmp)));
}

/* The Ethernet header of the reply: the old one stands further back. */
LB_INLINE void icmp_answer_eth(char *frame, const char *old)
{
	__u64 dst = LB_LOAD(__u64, old) & LB_MAC_MASK;
	__u64 src = LB_LOAD(__u64, old + 4) >> 16;

	encap_write_eth(frame, src, dst, LB_LOAD(__be16, old + 12));
}

LB_INLINE int icmp_too_big4(struct xdp_md *ctx, __u32 mtu)
{
	const __u32 len = sizeof(struct iphdr) + sizeof(struct parse_icmp) + ICMP_TOO_BIG_QUOTE4;
	struct parse_icmp *icmp;
	const __be32 *old;
	char *frame;

	if (!icmp_make_room(ctx, ICMP_TOO_BIG_QUOTE4, sizeof(struct iphdr)))
		return LB_DROP_PACKET_TOO_BIG;
	frame = frame_start(ctx);
	if (frame + ETH_HLEN + len > (char *)frame_end(ctx))
		return LB_DROP_PACKET_TOO_BIG;
	icmp = (void *)(frame + ETH_HLEN + sizeof(struct iphdr));
	icmp_answer_eth(frame, frame + sizeof(struct iphdr) + sizeof(*icmp));
	old = (void *)(icmp + 1);
	encap_write_ipv4(frame + ETH_HLEN, len, 0, IPPROTO_ICMP, LB_LOAD(__be32, old + 4),
			 LB_LOAD(__be32, old + 3));
	icmp->type = PARSE_ICMP4_UNREACHABLE;
	icmp->code = PARSE_ICMP4_FRAGMENTATION_NEEDED;
	icmp->check = 0;
	icmp->rest = lb_htonl(mtu & 0xffff);
	icmp->check = (__sum16)~encap_fold((__u64)bpf_csum_diff(
		NULL, 0, (__be32 *)icmp, sizeof(*icmp) + ICMP_TOO_BIG_QUOTE4, 0));
	return LB_SENT_TOO_BIG;
}

LB_INLINE int icmp_too_big6(struct xdp_md *ctx, __u32 mtu)
{
	const __u32 len = sizeof(struct parse_icmp) + ICMP_TOO_BIG_QUOTE6;
	struct parse_icmp *icmp;
	__be32 src[4], dst[4];
	char *frame;
	__u64 sum;

	if (!icmp_make_room(ctx, ICMP_TOO_BIG_QUOTE6, sizeof(struct ipv6hdr)))
		return LB_DROP_PACKET_TOO_BIG;
	frame = frame_start(ctx);
	if (frame + ETH_HLEN + sizeof(struct ipv6hdr) + len > (char *)frame_end(ctx))
		return LB_DROP_PACKET_TOO_BIG;
	icmp = (void *)(frame + ETH_HLEN + sizeof(struct ipv6hdr));
	icmp_answer_eth(frame, frame + sizeof(struct ipv6hdr) + sizeof(*icmp));
	parse_copy_ipv6(src, &((const struct ipv6hdr *)(icmp + 1))->daddr);
	parse_copy_ipv6(dst, &((const struct ipv6hdr *)(icmp + 1))->saddr);
	encap_write_ipv6(frame + ETH_HLEN, len, 0, IPPROTO_ICMPV6, src, dst);
	icmp->type = PARSE_ICMP6_TOO_BIG;
	icmp->code = 0;
	icmp->check = 0;
	icmp->rest = lb_htonl(mtu);
	sum = encap_sum_ipv6(src) + encap_sum_ipv6(dst) + lb_htonl(len) + lb_htonl(IPPROTO_ICMPV6);
	sum += (__u32)bpf_csum_diff(NULL, 0, (__be32 *)icmp, len, 0);
	icmp->check = (__sum16)~encap_fold(sum);
	return LB_SENT_TOO_BIG;
}

/* Returns 0 when packet is now the quoted flow, else how the packet ends. */
LB_INLINE int icmp_serve4(void *frame, const void *end, struct packet *packet)
{
	struct parse_icmp *icmp = (void *)((char *)frame + parse_l4_offset(packet));

	if ((const char *)(icmp + 1) > (const char *)end)
		return LB_DROP_MALFORMED_L4;
	if (icmp->type == PARSE_ICMP4_ECHO && icmp->code == 0)
		return icmp_echo4(frame, end, icmp);
	if (parse_is_error4(icmp->type))
		return parse_quote4(frame, end, packet);
	return LB_DROP_UNSERVED;
}

LB_INLINE int icmp_serve6(void *frame, const void *end, struct packet *packet)
{
	struct parse_icmp *icmp = (void *)((char *)frame + parse_l4_offset(packet));

	if ((const char *)(icmp + 1) > (const char *)end)
		return LB_DROP_MALFORMED_L4;
	if (icmp->type == PARSE_ICMP6_ECHO && icmp->code == 0)
		return icmp_echo6(frame, end, icmp);
	if (parse_is_error6(icmp->type))
		return parse_quote6(frame, end, packet);
	if (icmp->type >= PARSE_ICMP6_DISCOVERY_LOW && icmp->type <= PARSE_ICMP6_DISCOVERY_HIGH)
		return LB_PASS_NEIGHBOUR;
	return LB_DROP_UNSERVED;
}
