/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * icmp.h - ICMP of both families to a VIP: pings are answered here (a VIP lives on no host that
 * could), errors are turned into the flow they quote, so that they reach that flow's real.
 * Only lb.bpf.c includes this: it writes packets.
 */
#pragma once

#include <linux/bpf.h>

#include "bpf/base.h"
#include "bpf/encap.h"
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
	icmp->check = icmp_patch_check(icmp->check, PARSE_ICMP4_ECHO, PARSE_ICMP4_ECHO_REPLY);
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
