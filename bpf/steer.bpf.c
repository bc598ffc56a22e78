/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * steer.bpf.c - carries marked probes through the tunnel, as clients' packets go.
 *
 * steer runs at tc ingress on the far end of the probe veth: there every probe has crossed a
 * device without offloads, so that it is one whole packet with complete checksums whatever the
 * uplink can do (at tc egress of the near end they are still to be filled in, and a real that
 * decapsulates in XDP would see them empty). The lower half of the mark names the target; the
 * packet is encapsulated with the headers of encap.h and redirected to the uplink. Everything else
 * dies here and is counted: nothing passes this device into the host.
 *
 * steer_leak runs at tc egress on the uplinks and drops what still carries our mark: a probe that
 * missed the path because its rules are gone would be answered by whoever holds the VIP, and a
 * dead real would look alive. steer takes the mark off, so that what it sends passes.
 *
 * The outer header is that of katran's health checks: TTL 64, TOS 0, the configured source (or, in
 * IPIP without one, the one a client with port 31337 would get), GUE with a random source port and
 * no UDP checksum.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

#include "bpf/base.h"
#include "bpf/encap.h"
#include "bpf/lb_abi.h"
#include "bpf/steer_abi.h"

#define SOURCE_PORT   31337  /* of the client a source is made up for */
#define GUE_PORT_BIT  0x0400 /* keeps a random source port off the well-known ones */
#define OUTER_MAX     (ENCAP_IPV6_LEN + ENCAP_UDP_LEN)
#define IPV4_SRC      12 /* offset of the source in an IPv4 header */
#define IPV6_SRC_LAST 20 /* offset of the last word of the source in an IPv6 header */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, STEER_TARGETS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct steer_target);
} steer_targets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, STEER_CAUSE_MAX);
	__type(key, __u32);
	__type(value, __u64);
} steer_counters SEC(".maps");

LB_INLINE void count(__u32 cause)
{
	__u64 *counter = bpf_map_lookup_elem(&steer_counters, &cause);

	if (counter)
		(*counter)++;
}

LB_INLINE int drop(__u32 cause)
{
	count(cause);
	return TC_ACT_SHOT;
}

/* Outer header, aligned as the stack wants it. */
struct outer {
	__be32 words[OUTER_MAX / 4];
};

struct wrap {
	const struct steer_target *target;
	__u32 inner_len;
	__be32 client; /* last word of the inner source */
	bool is_inner_ipv6, is_real_ipv6, is_gue;
};

LB_INLINE bool is_mapped_ipv4(const __be32 addr[4])
{
	return addr[0] == 0 && addr[1] == 0 && addr[2] == lb_htonl(0xffff);
}

LB_INLINE __u8 wrap_next(const struct wrap *wrap)
{
	if (wrap->is_gue)
		return IPPROTO_UDP;
	return wrap->is_inner_ipv6 ? ENCAP_NEXT_IPV6 : ENCAP_NEXT_IPV4;
}

/* By way of an aligned word: behind an IPv4 header the stack takes no 64 bits at once. */
LB_INLINE void wrap_write_udp(const struct wrap *wrap, __be32 *to)
{
	__be16 sport = lb_htons(bpf_get_prandom_u32() | GUE_PORT_BIT);
	__be32 udp[2] __attribute__((aligned(8)));

	encap_write_udp(udp, sport, wrap->target->gue_port, wrap->inner_len + ENCAP_UDP_LEN, 0);
	to[0] = udp[0];
	to[1] = udp[1];
}

LB_INLINE void wrap_write_ipv4(const struct wrap *wrap, struct outer *outer)
{
	const struct steer_target *target = wrap->target;
	__be32 src = target->has_source ? target->source[3]
					: encap_source_ipv4(wrap->client, lb_htons(SOURCE_PORT));
	__u32 len = wrap->inner_len + ENCAP_IPV4_LEN + (wrap->is_gue ? ENCAP_UDP_LEN : 0);

	encap_write_ipv4(outer->words, len, 0, wrap_next(wrap), src, target->real[3]);
	wrap_write_udp(wrap, outer->words + ENCAP_IPV4_LEN / 4);
}

LB_INLINE void wrap_write_ipv6(const struct wrap *wrap, struct outer *outer)
{
	const struct steer_target *target = wrap->target;
	__u32 len = wrap->inner_len + (wrap->is_gue ? ENCAP_UDP_LEN : 0);
	__be32 src[4];

	if (target->has_source)
		__builtin_memcpy(src, target->source, sizeof(src));
	else
		encap_source_ipv6(src, wrap->client, lb_htons(SOURCE_PORT));
	encap_write_ipv6(outer->words, len, 0, wrap_next(wrap), src, target->real);
	wrap_write_udp(wrap, outer->words + ENCAP_IPV6_LEN / 4);
}

/* What the kernel wants to know of the header that the room is for. */
LB_INLINE __u64 wrap_flags(const struct wrap *wrap)
{
	__u64 flags =
		wrap->is_real_ipv6 ? BPF_F_ADJ_ROOM_ENCAP_L3_IPV6 : BPF_F_ADJ_ROOM_ENCAP_L3_IPV4;

	return wrap->is_gue ? flags | BPF_F_ADJ_ROOM_ENCAP_L4_UDP : flags;
}

/* Look at the inner packet. Returns 0 or the drop cause. */
LB_INLINE __u32 wrap_read(struct __sk_buff *skb, struct wrap *wrap)
{
	__u32 source = ETH_HLEN + IPV4_SRC;

	wrap->is_inner_ipv6 = skb->protocol == lb_htons(ETH_P_IPV6);
	if (wrap->is_inner_ipv6)
		source = ETH_HLEN + IPV6_SRC_LAST;
	else if (skb->protocol != lb_htons(ETH_P_IP))
		return STEER_NOT_IP;
	if (bpf_skb_load_bytes(skb, source, &wrap->client, sizeof(wrap->client)))
		return STEER_NOT_IP;
	wrap->inner_len = skb->len - ETH_HLEN;
	wrap->is_real_ipv6 = !is_mapped_ipv4(wrap->target->real);
	wrap->is_gue = wrap->target->encap == LB_ENCAP_GUE;
	return wrap->is_gue && !wrap->target->has_source ? STEER_NO_SOURCE : 0;
}

/* Put Ethernet and outer header before the inner packet. Returns 0 or the drop cause. */
LB_INLINE __u32 wrap_write(struct __sk_buff *skb, const struct wrap *wrap)
{
	struct ethhdr eth = { .h_proto = lb_htons(wrap->is_real_ipv6 ? ETH_P_IPV6 : ETH_P_IP) };
	__u32 room = encap_overhead(wrap->target->encap, wrap->is_real_ipv6);
	struct outer outer = { 0 };

	if (wrap->is_real_ipv6)
		wrap_write_ipv6(wrap, &outer);
	else
		wrap_write_ipv4(wrap, &outer);
	__builtin_memcpy(eth.h_dest, wrap->target->dst_mac, sizeof(eth.h_dest));
	__builtin_memcpy(eth.h_source, wrap->target->src_mac, sizeof(eth.h_source));
	if (room > sizeof(outer) ||
	    bpf_skb_adjust_room(skb, (int)room, BPF_ADJ_ROOM_MAC, wrap_flags(wrap)) ||
	    bpf_skb_store_bytes(skb, 0, &eth, sizeof(eth), 0) ||
	    bpf_skb_store_bytes(skb, ETH_HLEN, &outer, room, 0))
		return STEER_NO_ROOM;
	return 0;
}

SEC("tc")
int steer(struct __sk_buff *skb)
{
	__u32 index = skb->mark & STEER_MARK_INDEX, cause;
	struct wrap wrap = { 0 };

	if ((skb->mark & STEER_MARK_MASK) != STEER_MARK_BASE)
		return drop(STEER_UNMARKED);
	wrap.target = bpf_map_lookup_elem(&steer_targets, &index);
	if (!wrap.target)
		return drop(STEER_UNMAPPED);
	if (!wrap.target->ifindex)
		return drop(STEER_NO_WAY);
	cause = wrap_read(skb, &wrap);
	if (!cause)
		cause = wrap_write(skb, &wrap);
	if (cause)
		return drop(cause);
	skb->mark = 0;
	count(STEER_SENT);
	return (int)bpf_redirect(wrap.target->ifindex, 0);
}

SEC("tc")
int steer_leak(struct __sk_buff *skb)
{
	if ((skb->mark & STEER_MARK_MASK) != STEER_MARK_BASE)
		return TC_ACT_UNSPEC; /* other filters may have their say */
	return drop(STEER_LEAK);
}

char _license[] SEC("license") = "Dual BSD/GPL";
