/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * decap.bpf.c - on a real: takes the outer header off packets that a balancer sent, by XDP or,
 * where XDP is not to be had, by tc ingress.
 *
 * Opened is only what is addressed to the real itself and carries a packet for one of its VIPs;
 * everything else goes to the kernel as it came. Nothing is ever dropped here.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#include "bpf/decap.h"

/* Linux 6.3 on; a tunnel of another family than its inner packet needs them. */
#define DECAP_L3_IPV4 (1ULL << 7)
#define DECAP_L3_IPV6 (1ULL << 8)

const volatile __be16 decap_gue_port = 0;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DECAP_OWN_MAX);
	__type(key, struct decap_addr);
	__type(value, __u8);
} own SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, DECAP_VIPS_MAX);
	__type(key, struct decap_prefix);
	__type(value, __u8);
} vips SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct decap_counts);
} counts SEC(".maps");

LB_INLINE void count(int result, __u64 bytes)
{
	struct decap_counts *line;
	__u32 zero = 0;

	line = bpf_map_lookup_elem(&counts, &zero);
	if (!line || (__u32)result >= DECAP_RESULT_MAX)
		return;
	line->packets[result]++;
	line->bytes_opened += bytes;
}

/* Whether the tunnel in the frame is ours to open. Returns 0 (DECAP_OPENED) or why not. */
LB_INLINE int inspect(const void *frame, const void *end, struct decap_tunnel *tunnel)
{
	struct decap_prefix vip = { .len = 128 };
	int result = decap_read(frame, end, decap_gue_port, tunnel);
	int i;

	if (result == DECAP_NOT_TUNNEL)
		return result;
	if (!bpf_map_lookup_elem(&own, &tunnel->outer_dst))
		return DECAP_NOT_OWN;
	if (result)
		return result;
	for (i = 0; i < 4; i++)
		vip.words[i] = tunnel->inner_dst.words[i];
	return bpf_map_lookup_elem(&vips, &vip) ? DECAP_OPENED : DECAP_NOT_VIP;
}

/* Cut len bytes off behind the Ethernet header. */
LB_INLINE int cut_frame(struct xdp_md *ctx, __u32 len, __be16 type)
{
	const char *frame = (void *)(long)ctx->data;
	char *cut;
	__u64 dst, src;

	if (frame + ETH_HLEN > (char *)(long)ctx->data_end)
		return DECAP_MALFORMED;
	dst = LB_LOAD(__u64, frame) & LB_MAC_MASK;
	src = LB_LOAD(__u64, frame + 4) >> 16;
	if (bpf_xdp_adjust_head(ctx, (int)len))
		return DECAP_FAILED;
	cut = (void *)(long)ctx->data;
	if (cut + ETH_HLEN > (char *)(long)ctx->data_end)
		return DECAP_FAILED;
	encap_write_eth(cut, dst, src, type);
	return DECAP_OPENED;
}

SEC("xdp")
int shoal_decap(struct xdp_md *ctx)
{
	struct decap_tunnel tunnel = { 0 };
	__u64 bytes = 0;
	int result = inspect((void *)(long)ctx->data, (void *)(long)ctx->data_end, &tunnel);

	if (result == DECAP_OPENED)
		result = cut_frame(ctx, tunnel.outer_len, tunnel.inner_type);
	if (result == DECAP_OPENED)
		bytes = ctx->data_end - ctx->data - ETH_HLEN;
	count(result, bytes);
	return XDP_PASS;
}

/* The same in a socket buffer; segmentation marks of merged packets stay right. */
LB_INLINE int cut_skb(struct __sk_buff *skb, const struct decap_tunnel *tunnel)
{
	__u64 flags = BPF_F_ADJ_ROOM_FIXED_GSO;
	__be16 type = tunnel->inner_type;

	if (tunnel->outer_is_ipv6 != tunnel->inner_is_ipv6)
		flags |= tunnel->inner_is_ipv6 ? DECAP_L3_IPV6 : DECAP_L3_IPV4;
	if (bpf_skb_adjust_room(skb, -(int)tunnel->outer_len, BPF_ADJ_ROOM_MAC, flags))
		return DECAP_FAILED;
	if (bpf_skb_store_bytes(skb, offsetof(struct ethhdr, h_proto), &type, sizeof(type), 0))
		return DECAP_FAILED;
	return DECAP_OPENED;
}

SEC("tc")
int shoal_decap_tc(struct __sk_buff *skb)
{
	struct decap_tunnel tunnel = { 0 };
	__u64 bytes = 0;
	int result;

	/* Outer and inner headers: as much as there is of 14 + 60 + 8 + 40 bytes. */
	bpf_skb_pull_data(skb, skb->len < 122 ? skb->len : 122);
	result = inspect((void *)(long)skb->data, (void *)(long)skb->data_end, &tunnel);
	if (result == DECAP_OPENED)
		result = cut_skb(skb, &tunnel);
	if (result == DECAP_OPENED)
		bytes = skb->len - ETH_HLEN;
	count(result, bytes);
	return TC_ACT_UNSPEC;
}

char decap_license[] SEC("license") = "Dual BSD/GPL";
