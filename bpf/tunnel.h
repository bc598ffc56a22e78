/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tunnel.h - what stands around a packet on arrival: VLAN tags and tunnels that are opened here.
 * Only lb.bpf.c includes this.
 *
 * Nothing is changed before it is known that the packet concerns us: under tags one address is
 * looked up in place, and a tunnel is read whole before it is opened.
 */
#pragma once

#include "bpf/base.h"
#include "bpf/decap.h"
#include "bpf/frame.h"
#include "bpf/icmp.h"
#include "bpf/lb_abi.h"
#include "bpf/lookup.h"
#include "bpf/maps.h"
#include "bpf/service.h"
#include "bpf/stats.h"

#define TUNNEL_TAG_LEN 4
#define TUNNEL_TAGS    2 /* 802.1ad: service and customer tag */

/* The tags a frame came with, in their order, and whom the packet under them is for. */
struct tunnel_tags {
	__u32 words[TUNNEL_TAGS]; /* type and control information, as in the frame */
	__u32 n;
	__u32 vip;
};

/* The VIP of the packet whose IP header begins at offset; LB_NONE: it is none of ours. */
LB_INLINE __u32 tunnel_find_vip(const void *frame, const void *end, __u32 offset, __be16 type)
{
	const struct iphdr *ip4;
	const struct ipv6hdr *ip6;
	__u32 vip = LB_NONE;
	__be32 dst[4];

	if (type == lb_htons(ETH_P_IP)) {
		ip4 = parse_bytes(frame, end, offset, sizeof(*ip4));
		if (!ip4)
			return LB_NONE;
		parse_map_ipv4(dst, ip4->daddr);
		vip = lb_find_vip4(&lb, ip4->daddr);
	} else if (type == lb_htons(ETH_P_IPV6)) {
		ip6 = parse_bytes(frame, end, offset, sizeof(*ip6));
		if (!ip6)
			return LB_NONE;
		parse_copy_ipv6(dst, &ip6->daddr);
		vip = lb_find_vip6(&lb, dst);
	} else {
		return LB_NONE;
	}
	return vip == LB_NONE ? find_prefix(dst, type == lb_htons(ETH_P_IPV6)) : vip;
}

/* ---- tags ---- */

/* Read the tags and find the VIP under them. Returns 0, or how a frame that is not ours ends. */
LB_INLINE int tunnel_read_tags(const void *frame, const void *end, struct tunnel_tags *tags)
{
	__u32 offset = ETH_HLEN - sizeof(__be16);
	const char *tag = parse_bytes(frame, end, offset, TUNNEL_TAG_LEN + sizeof(__be16));
	__be16 type;

	if (!tag)
		return LB_PASS_NOT_IP;
	tags->words[0] = LB_LOAD(__u32, tag);
	tags->n = 1;
	type = LB_LOAD(__be16, tag + TUNNEL_TAG_LEN);
	if (parse_is_tag(type)) {
		tag = parse_bytes(frame, end, offset + TUNNEL_TAG_LEN,
				  TUNNEL_TAG_LEN + sizeof(__be16));
		if (!tag)
			return LB_PASS_NOT_IP;
		tags->words[1] = LB_LOAD(__u32, tag);
		tags->n = 2;
		type = LB_LOAD(__be16, tag + TUNNEL_TAG_LEN);
	}
	if (type != lb_htons(ETH_P_IP) && type != lb_htons(ETH_P_IPV6))
		return LB_PASS_NOT_IP;
	tags->vip = tunnel_find_vip(frame, end, ETH_HLEN + tags->n * TUNNEL_TAG_LEN, type);
	return tags->vip == LB_NONE ? LB_PASS_NOT_VIP : 0;
}

/* Move the MACs by as much as the frame's start moves. Returns false when there is no room. */
LB_INLINE bool tunnel_move_macs(struct xdp_md *ctx, int by)
{
	const char *frame = frame_start(ctx);
	__u64 dst_src;
	__u32 src;
	char *to;

	if (by < 0) {
		/* The MACs stand where the frame began. */
		if (bpf_xdp_adjust_head(ctx, by))
			return false;
		frame = frame_start(ctx);
		if (frame + TUNNEL_TAGS * TUNNEL_TAG_LEN + ETH_HLEN > (char *)frame_end(ctx))
			return false;
		frame += by == -TUNNEL_TAG_LEN ? TUNNEL_TAG_LEN : TUNNEL_TAGS * TUNNEL_TAG_LEN;
	} else if (frame + ETH_HLEN > (char *)frame_end(ctx)) {
		return false;
	}
	dst_src = LB_LOAD(__u64, frame);
	src = LB_LOAD(__u32, frame + 8);
	if (by > 0 && bpf_xdp_adjust_head(ctx, by))
		return false;
	to = frame_start(ctx);
	if (to + ETH_HLEN > (char *)frame_end(ctx))
		return false;
	LB_STORE(__u64, to, dst_src);
	LB_STORE(__u32, to + 8, src);
	return true;
}

/*
 * Take the tags off a frame for one of our addresses. Returns 0, or how the frame ends; without
 * tags->n it is as it came.
 */
__noinline int tunnel_untag(struct xdp_md *ctx, struct tunnel_tags *tags)
{
	struct tunnel_tags read = { .vip = LB_NONE };
	int cause;

	if (!tags)
		return LB_PASS_NOT_IP;
	cause = tunnel_read_tags(frame_start(ctx), frame_end(ctx), &read);
	if (cause)
		return cause;
	if (!tunnel_move_macs(ctx, read.n == 1 ? TUNNEL_TAG_LEN : TUNNEL_TAGS * TUNNEL_TAG_LEN))
		return LB_PASS_NOT_IP;
	*tags = read;
	return 0;
}

/*
 * Put the tags back on what passes and on what leaves by the uplink it came in on; another uplink
 * has VLANs of its own. Returns how the frame ends.
 */
__noinline int tunnel_retag(struct xdp_md *ctx, const struct tunnel_tags *tags, int cause)
{
	char *frame;

	if (!tags || cause >= LB_DROP_FIRST || cause == LB_SENT_REDIRECTED)
		return cause;
	if (!tunnel_move_macs(ctx, tags->n == 1 ? -TUNNEL_TAG_LEN : -TUNNEL_TAGS * TUNNEL_TAG_LEN))
		return LB_DROP_NO_ROOM;
	frame = frame_start(ctx);
	if (frame + ETH_HLEN + TUNNEL_TAGS * TUNNEL_TAG_LEN > (char *)frame_end(ctx))
		return LB_DROP_NO_ROOM;
	LB_STORE(__u32, frame + 12, tags->words[0]);
	if (tags->n == 2)
		LB_STORE(__u32, frame + 16, tags->words[1]);
	return cause;
}

/* ---- tunnels ---- */

/* Cut the outer header off. Returns 0 or the drop cause. */
LB_INLINE int tunnel_cut(struct xdp_md *ctx, const struct decap_tunnel *tunnel, bool turns_back)
{
	const char *frame = frame_start(ctx);
	__u64 dst, src;
	char *cut;

	if (frame + ETH_HLEN > (char *)frame_end(ctx))
		return LB_DROP_TUNNEL;
	dst = LB_LOAD(__u64, frame) & LB_MAC_MASK;
	src = LB_LOAD(__u64, frame + 4) >> 16;
	if (bpf_xdp_adjust_head(ctx, (int)tunnel->outer_len))
		return LB_DROP_TUNNEL;
	cut = frame_start(ctx);
	if (cut + ETH_HLEN > (char *)frame_end(ctx))
		return LB_DROP_TUNNEL;
	if (turns_back)
		encap_write_eth(cut, src, dst, tunnel->inner_type);
	else
		encap_write_eth(cut, dst, src, tunnel->inner_type);
	return 0;
}

/* One hop less for what came out of the tunnel, so that no loop lasts. */
LB_INLINE int tunnel_count_hop(struct xdp_md *ctx, bool is_ipv6)
{
	char *frame = frame_start(ctx);
	struct iphdr *ip4 = (void *)(frame + ETH_HLEN);
	struct ipv6hdr *ip6 = (void *)(frame + ETH_HLEN);
	__u16 ttl_proto;

	if (is_ipv6) {
		if ((char *)(ip6 + 1) > (char *)frame_end(ctx))
			return LB_DROP_TUNNEL;
		if (ip6->hop_limit <= 1)
			return LB_DROP_TTL;
		ip6->hop_limit--;
		return 0;
	}
	if ((char *)(ip4 + 1) > (char *)frame_end(ctx))
		return LB_DROP_TUNNEL;
	if (ip4->ttl <= 1)
		return LB_DROP_TTL;
	ttl_proto = LB_LOAD(__u16, &ip4->ttl);
	ip4->ttl--;
	ip4->check = icmp_patch_check(ip4->check, ttl_proto, LB_LOAD(__u16, &ip4->ttl));
	return 0;
}

/* Count a packet that is the host's now, when one of our services would have been asked. */
LB_INLINE void tunnel_count_service(const struct xdp_md *ctx, struct lb_counters *line, __u32 vip,
				    bool is_ipv6)
{
	const void *frame = frame_start(ctx), *end = frame_end(ctx);
	__u32 room = (__u32)(end - frame) - ETH_HLEN;
	struct packet packet = { .is_ipv6 = is_ipv6 };
	__u32 service;
	const void *ip = parse_bytes(frame, end, ETH_HLEN,
				     is_ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr));

	if (vip >= LB_VIPS || !ip)
		return;
	if (is_ipv6 ? parse_ipv6(ip, ETH_HLEN, room, &packet)
		    : parse_ipv4(ip, ETH_HLEN, room, &packet))
		return;
	if ((packet.proto != IPPROTO_TCP && packet.proto != IPPROTO_UDP) ||
	    parse_ports(frame, end, &packet))
		return;
	service = find_service(vip, &packet);
	if (service < LB_SERVICES)
		line->opened[lb.services[service].counter & (LB_SERVICES - 1)]++;
}

/*
 * Open a tunnel to one of our decapsulation addresses. Returns 0 when what was inside is for a VIP
 * and to be served, or how the frame ends. What is no tunnel is the host's, as it came.
 */
__noinline int tunnel_open(struct xdp_md *ctx, struct lb_counters *line, __u32 vip)
{
	const void *frame = frame_start(ctx), *end = frame_end(ctx);
	__u32 flags = LB_READ_ONCE(lb.vips[vip & (LB_VIPS - 1)].flags);
	struct decap_tunnel tunnel = { 0 };
	int result = decap_read(frame, end, (__u32)(end - frame), LB_VIP_GUE_PORT(flags), &tunnel);
	int cause;

	if (!line || result == DECAP_NOT_TUNNEL || result == DECAP_FRAGMENT)
		return LB_PASS_NOT_TUNNEL;
	if (result)
		return LB_DROP_TUNNEL;
	cause = tunnel_cut(ctx, &tunnel, flags & LB_VIP_DECAP_EGRESS);
	if (cause)
		return cause;
	stats_note(line, LB_NOTE_OPENED);
	cause = tunnel_count_hop(ctx, tunnel.inner_is_ipv6);
	if (cause)
		return cause;
	if (flags & LB_VIP_DECAP_EGRESS)
		return LB_SENT_EGRESS;
	frame = frame_start(ctx);
	end = frame_end(ctx);
	vip = tunnel_find_vip(frame, end, ETH_HLEN, tunnel.inner_type);
	if (flags & LB_VIP_DECAP_BALANCE && vip < LB_VIPS)
		return 0;
	tunnel_count_service(ctx, line, vip, tunnel.inner_is_ipv6);
	return LB_PASS_DECAPSULATED;
}

/*
 * Take off all that stands around the packet. Returns 0 when what is left is to be served, be it
 * ours or not.
 */
LB_INLINE int tunnel_unwrap(struct xdp_md *ctx, const struct lb_uplink *uplink,
			    struct lb_counters *line, struct tunnel_tags *tags)
{
	const void *frame = frame_start(ctx), *end = frame_end(ctx);
	const struct ethhdr *eth = parse_bytes(frame, end, 0, sizeof(*eth));
	__u32 vip;
	int cause;

	if (!eth || (LB_LOAD(__u64, frame) & LB_MAC_MASK) != uplink->mac)
		return 0;
	if (parse_is_tag(eth->h_proto)) {
		stats_note(line, LB_NOTE_VLAN);
		cause = tunnel_untag(ctx, tags);
		if (cause)
			return cause;
		vip = tags->vip;
	} else {
		vip = tunnel_find_vip(frame, end, ETH_HLEN, eth->h_proto);
	}
	return vip < LB_VIPS || vip == LB_NONE ? 0 : tunnel_open(ctx, line, vip);
}
