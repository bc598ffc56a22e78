/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * syn.h - connections that begin, and SYNs that are sent again, counted by real while a service is
 * watched. Only lb.bpf.c includes this.
 *
 * A client that hears nothing sends its SYN once more, with the same sequence number (RFC 9293,
 * section 3.8.1), which is how the second is known; a new connection of a used port has another
 * number. So SYNs alone are looked at, established flows are neither asked for nor remembered, and
 * nothing moves when a watch begins or ends. It counts for the real that the SYN before went to.
 *
 * SYNs stand in a table of their own: a flood only has others forgotten, which then count as first.
 */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "bpf/base.h"
#include "bpf/flow.h"
#include "bpf/flow_rule.h"
#include "bpf/frame.h"
#include "bpf/lb_abi.h"
#include "bpf/maps.h"
#include "bpf/parse.h"

#define SYN_AGES 16 /* about 64 s: the longest common pause between two, 32 s, and more */

/* Of a flow's hash and a sequence number; no two numbers give the same. */
LB_INLINE __u64 syn_hash(__u64 flow, __be32 seq)
{
	__u64 hash = (flow ^ seq) * 0x9e3779b97f4a7c15ULL;

	return hash ^ hash >> 32;
}

/* A SYN on its way to this real. */
__noinline int syn_count(struct lb_counters *line, __u64 hash, __u32 real)
{
	__u32 index = (__u32)hash & (LB_SYN_LINES - 1), now = flow_now(), way = 0;
	struct lb_flow_line *seen_line = bpf_map_lookup_elem(&syns, &index);
	__u64 seen;

	if (!line || !seen_line)
		return 0;
	seen = flow_find(seen_line, flow_tag(hash), &way);
	if (seen && flow_is_young(seen, now, SYN_AGES))
		line->syns[LB_FLOW_REAL(seen) & (LB_REALS - 1)].again++;
	else
		line->syns[real & (LB_REALS - 1)].first++;
	if (!seen)
		way = flow_victim(seen_line, 0, LB_FLOW_WAYS, now, &seen);
	flow_swap(seen_line, way, seen, LB_FLOW_ENTRY(flow_tag(hash), real, now));
	return 0;
}

/* A packet of a watched service, on its way to this real. */
LB_INLINE void syn_see(struct xdp_md *ctx, struct lb_counters *line,
		       const struct lb_service *service, const struct packet *packet, __u32 real)
{
	const __u8 *l4;

	if (!packet->is_syn)
		return;
	l4 = parse_bytes(frame_start(ctx), frame_end(ctx), parse_l4_offset(packet),
			 sizeof(struct tcphdr));
	if (l4)
		syn_count(line,
			  syn_hash(flow_hash(lb.flow_key, packet, service->ring_key),
				   LB_LOAD(__be32, l4 + 4)),
			  real);
}
