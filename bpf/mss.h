/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * mss.h - lowering the MSS of a client's SYN, where the way to the real carries less than the
 * client may send. Only lb.bpf.c includes this.
 */
#pragma once

#include "bpf/base.h"
#include "bpf/frame.h"
#include "bpf/icmp.h"
#include "bpf/lb_abi.h"
#include "bpf/parse.h"
#include "bpf/tcp_option.h"

#define MSS_OPTION_LEN 4

/* The check covers 16-bit words from the TCP header on; an option may straddle two. */
LB_INLINE __u16 mss_as_summed(__u16 value, __u32 distance)
{
	return distance & 1 ? (__u16)(value << 8 | value >> 8) : value;
}

/*
 * Lower the MSS in the SYN at offset l4 to what fits into IP packets of max bytes. A smaller one,
 * none, and options that are malformed stay as they are. Returns whether it was changed.
 */
__noinline int mss_clamp(struct xdp_md *ctx, __u32 l4, __u32 max, __u32 is_ipv6)
{
	void *frame = frame_start(ctx), *end = frame_end(ctx);
	__u32 headers = (__u32)sizeof(struct tcphdr);
	__u32 at, mss;
	__u8 *option, *check;
	__be16 old, new;

	headers += is_ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
	l4 &= PARSE_L4_OFFSET_MAX;
	at = tcp_option_find(frame, end, l4, TCP_OPTION_MSS, MSS_OPTION_LEN);
	if (!at || max <= headers)
		return 0;
	at &= TCP_OPTION_OFFSET_MAX;
	option = (__u8 *)parse_bytes(frame, end, at, MSS_OPTION_LEN);
	check = (__u8 *)parse_bytes(frame, end, l4 + offsetof(struct tcphdr, check), 2);
	if (!option || !check)
		return 0;
	mss = max - headers;
	old = LB_LOAD(__be16, option + 2);
	if (lb_ntohs(old) <= mss)
		return 0;
	new = lb_htons(mss);
	LB_STORE(__be16, option + 2, new);
	LB_STORE(__u16, check,
		 icmp_patch_check(LB_LOAD(__u16, check), mss_as_summed(old, at - l4),
				  mss_as_summed(new, at - l4)));
	return 1;
}
