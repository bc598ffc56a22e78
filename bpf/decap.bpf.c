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
#include "bpf/frame.h"
#include "bpf/tcp_option.h"

/* Linux 6.3 on; a tunnel of another family than its inner packet needs them. */
#define DECAP_L3_IPV4 (1ULL << 7)
#define DECAP_L3_IPV6 (1ULL << 8)

const volatile __be16 decap_gue_port = 0;
const volatile __be16 decap_match_port = 0; /* GUE whose inner source is put right, not opened */
const volatile __u32 decap_server_id = 0;   /* of this real; 0: ids are not looked at */

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

LB_INLINE struct decap_counts *find_counts(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&counts, &zero);
}

/* Compare the server id of an opened packet, which begins behind the Ethernet header, with ours. */
LB_INLINE void count_id(struct decap_counts *line, const void *frame, const void *end,
			const struct decap_tunnel *tunnel)
{
	__u32 offset = tunnel->inner_tcp, at;
	const __u8 *tcp, *option;

	if (!decap_server_id || !offset)
		return;
	/* From memory of unknown content as far as the verifier sees. */
	LB_FORGET(offset);
	offset &= PARSE_L4_OFFSET_MAX;
	tcp = parse_bytes(frame, end, offset, sizeof(struct tcphdr));
	/* A SYN's option is not the server's answer. */
	if (!tcp || (tcp[13] & 0x02))
		return;
	at = tcp_option_find(frame, end, offset, TCP_OPTION_SERVER_ID, 6);
	option = parse_bytes(frame, end, at & TCP_OPTION_OFFSET_MAX, 6);
	if (!at || !option)
		return;
	line->ids++;
	line->ids_misrouted += LB_LOAD(__u32, option + 2) != decap_server_id;
}

/* What is done with a frame counts once; an opened one with what was inside. */
LB_INLINE void count(int result, __u64 bytes, const void *frame, const void *end,
		     const struct decap_tunnel *tunnel)
{
	struct decap_counts *line = find_counts();

	if (!line || (__u32)result >= DECAP_RESULT_MAX)
		return;
	line->packets[result]++;
	if (result != DECAP_OPENED)
		return;
	line->bytes_opened += bytes;
	line->outer_ipv4 += !tunnel->outer_is_ipv6;
	count_id(line, frame, end, tunnel);
}

/* Whether the tunnel in the frame is ours to open. Returns 0 (DECAP_OPENED) or why not. */
LB_INLINE int inspect(const void *frame, const void *end, __u32 len, __be16 gue_port,
		      struct decap_tunnel *tunnel)
{
	struct decap_prefix vip = { .len = 128 };
	int result = decap_read(frame, end, len, gue_port, tunnel);
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
	const char *frame = frame_start(ctx);
	char *cut;
	__u64 dst, src;

	if (frame + ETH_HLEN > (char *)frame_end(ctx))
		return DECAP_MALFORMED;
	dst = LB_LOAD(__u64, frame) & LB_MAC_MASK;
	src = LB_LOAD(__u64, frame + 4) >> 16;
	if (bpf_xdp_adjust_head(ctx, (int)len))
		return DECAP_FAILED;
	cut = frame_start(ctx);
	if (cut + ETH_HLEN > (char *)frame_end(ctx))
		return DECAP_FAILED;
	encap_write_eth(cut, dst, src, type);
	return DECAP_OPENED;
}

SEC("xdp")
int shoal_decap(struct xdp_md *ctx)
{
	struct decap_tunnel tunnel = { 0 };
	__u64 bytes = 0;
	const void *frame = frame_start(ctx), *end = frame_end(ctx);
	int result = inspect(frame, end, (__u32)(end - frame), decap_gue_port, &tunnel);

	if (result == DECAP_OPENED)
		result = cut_frame(ctx, tunnel.outer_len, tunnel.inner_type);
	if (result == DECAP_OPENED)
		bytes = (__u64)(frame_end(ctx) - frame_start(ctx)) - ETH_HLEN;
	count(result, bytes, frame_start(ctx), frame_end(ctx), &tunnel);
	return XDP_PASS;
}

/* Outer and inner headers: as much as there is of 14 + 60 + 8 + 60 + 60 bytes. */
LB_INLINE void pull_headers(struct __sk_buff *skb)
{
	bpf_skb_pull_data(skb, skb->len < 202 ? skb->len : 202);
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

	pull_headers(skb);
	result = inspect(frame_skb_start(skb), frame_skb_end(skb), skb->len, decap_gue_port,
			 &tunnel);
	if (result == DECAP_OPENED)
		result = cut_skb(skb, &tunnel);
	if (result == DECAP_OPENED)
		bytes = skb->len - ETH_HLEN;
	count(result, bytes, frame_skb_start(skb), frame_skb_end(skb), &tunnel);
	return TC_ACT_UNSPEC;
}

#define MATCH_OUTER_LEN (ENCAP_IPV6_LEN + ENCAP_UDP_LEN)
#define MATCH_OUTER_SRC (ETH_HLEN + offsetof(struct ipv6hdr, saddr))
#define MATCH_INNER_SRC (MATCH_OUTER_SRC + MATCH_OUTER_LEN)
#define MATCH_TCP       (ETH_HLEN + MATCH_OUTER_LEN + ENCAP_IPV6_LEN)
#define MATCH_CHECK     (MATCH_TCP + offsetof(struct tcphdr, check))

/* The TCP checksum when the inner source gives way to the outer one (RFC 1624, equation 3). */
LB_INLINE __u16 match_check(const char *frame)
{
	const __be32 *from = (const __be32 *)(frame + MATCH_INNER_SRC);
	const __be32 *to = (const __be32 *)(frame + MATCH_OUTER_SRC);
	__u64 sum = ~LB_LOAD(__u16, frame + MATCH_CHECK) & 0xffff;
	int i;

	for (i = 0; i < 4; i++)
		sum += (__u64)(__u32)~LB_LOAD(__be32, from + i) + LB_LOAD(__be32, to + i);
	return (__u16)~encap_fold(sum);
}

/*
 * Make the inner source of a GUE tunnel, IPv6 in IPv6, that of the outer header: a balancer in
 * front of which the client's address was rewritten hands it on there. The tunnel stays for
 * whoever opens it. Source and checksum change by opposite amounts, so the outer checksum holds.
 */
SEC("tc")
int shoal_source_match(struct __sk_buff *skb)
{
	struct decap_tunnel tunnel = { 0 };
	struct decap_counts *line = find_counts();
	const char *frame;
	__be32 src[4];
	__u16 check;

	if (!line || !decap_match_port)
		return TC_ACT_PIPE;
	pull_headers(skb);
	frame = frame_skb_start(skb);
	if (inspect(frame, frame_skb_end(skb), skb->len, decap_match_port, &tunnel) !=
		    DECAP_OPENED ||
	    tunnel.outer_len != MATCH_OUTER_LEN || !tunnel.outer_is_ipv6 || !tunnel.inner_is_ipv6 ||
	    tunnel.inner_tcp != ETH_HLEN + ENCAP_IPV6_LEN)
		return TC_ACT_PIPE;
	if (frame + MATCH_TCP + sizeof(struct tcphdr) > (char *)frame_skb_end(skb))
		return TC_ACT_PIPE;
	check = match_check(frame);
	parse_copy_ipv6(src, (const struct in6_addr *)(frame + MATCH_OUTER_SRC));
	if (bpf_skb_store_bytes(skb, MATCH_CHECK, &check, sizeof(check), 0) ||
	    bpf_skb_store_bytes(skb, MATCH_INNER_SRC, src, sizeof(src), 0))
		return TC_ACT_PIPE;
	line->sources_matched++;
	return TC_ACT_PIPE;
}

char decap_license[] SEC("license") = "Dual BSD/GPL";
