/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * lb.bpf.c - the load balancer on an uplink.
 *
 * A packet's way: uplink -> VIP -> headers -> service -> slot of the ring -> real -> next hop ->
 * outer header -> out. What is not for a VIP leaves this way at the second step, unjudged and
 * unchanged. In the steady state no packet writes anything but counters.
 *
 * Tables are reached without a helper call; rare paths (extension headers, ICMP, checksums over
 * the whole packet) are global functions, which the verifier looks at once. Every way out is a
 * cause of lb_abi.h and is counted. The whole is told in docs/packet-path.md.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "bpf/base.h"
#include "bpf/capture.h"
#include "bpf/encap.h"
#include "bpf/flow.h"
#include "bpf/frame.h"
#include "bpf/hash.h"
#include "bpf/icmp.h"
#include "bpf/lb_abi.h"
#include "bpf/lookup.h"
#include "bpf/maps.h"
#include "bpf/mss.h"
#include "bpf/parse.h"
#include "bpf/ring.h"
#include "bpf/service.h"
#include "bpf/special.h"
#include "bpf/stats.h"
#include "bpf/syn.h"

/* Beside enum lb_cause: not a common packet, or one with tags or a tunnel around it. */
#define CALL_LONGER (-1) /* the second stage looks at it anew */

/*
 * Where to tell what is decided; NULL where nobody asks: private programs do, and who captures.
 * Asked when there is something to tell, so that no register keeps the answer.
 */
LB_INLINE struct lb_trace *trace_of(bool is_quick)
{
	if (!is_quick)
		return capture_trace();
	return lb_is_traced ? &lb_trace : NULL;
}

/* Of a packet that ends before its real is chosen. */
LB_INLINE void tell_service(bool is_quick, __u32 vip, __u32 service)
{
	struct lb_trace *trace = trace_of(is_quick);

	if (!trace)
		return;
	trace->vip = vip;
	trace->service = service;
}

/* Find the VIP of an address. Returns 0 or how the packet ends. */
LB_INLINE int find_vip(__u32 found, const __be32 addr[4], bool is_ipv6, __u32 *vip)
{
	if (lb_unlikely(found == LB_NONE))
		found = find_prefix(addr, is_ipv6);
	*vip = found;
	if (lb_likely(found < LB_VIPS))
		return 0;
	return found == LB_NONE ? LB_PASS_NOT_VIP : CALL_LONGER;
}

LB_INLINE int find_vip4(__be32 addr, __u32 *vip)
{
	__be32 mapped[4];

	parse_map_ipv4(mapped, addr);
	return find_vip(lb_find_vip4(&lb, addr), mapped, false, vip);
}

LB_INLINE int find_vip6(const __be32 addr[4], __u32 *vip)
{
	return find_vip(lb_find_vip6(&lb, addr), addr, true, vip);
}

/* Follow IPv6 extension headers. Returns 0 or the drop cause. */
__noinline int walk_extensions(struct xdp_md *ctx, struct parse_chain *chain)
{
	struct parse_chain walked;
	int cause;

	if (!chain)
		return LB_DROP_EXT_HEADERS;
	walked = *chain;
	cause = parse_extensions(frame_start(ctx), frame_end(ctx), &walked);
	*chain = walked;
	return cause;
}

/* Answer a ping, or find the flow that an ICMP error quotes. */
__noinline int serve_icmp(struct xdp_md *ctx, struct packet *packet)
{
	if (!packet)
		return LB_DROP_MALFORMED_L4;
	if (packet->is_ipv6)
		return icmp_serve6(frame_start(ctx), frame_end(ctx), packet);
	return icmp_serve4(frame_start(ctx), frame_end(ctx), packet);
}

/* Tell the client the largest packet that would do. */
__noinline int answer_too_big(struct xdp_md *ctx, __u32 mtu, __u32 is_ipv6)
{
	return is_ipv6 ? icmp_too_big6(ctx, mtu) : icmp_too_big4(ctx, mtu);
}

/* The sum of the last, fewer than LB_SUM_CHUNK, bytes; a function so that the verifier sees it
 * once. Further than 64 KiB into a frame the verifier lets nobody look. */
__noinline __u32 sum_rest(struct xdp_md *ctx, __u32 offset, __u32 len)
{
	const char *end = frame_end(ctx);
	const char *at = frame_start(ctx);
	__u64 sum = 0;
	int i;

	if (offset > 0xffff - LB_SUM_CHUNK)
		return 0;
	at += offset;
	for (i = 0; i < LB_SUM_CHUNK / 4 - 1 && len >= 4 && at + 4 <= end; i++) {
		sum += LB_LOAD(__u32, at);
		at += 4;
		len -= 4;
	}
	if (len >= 2 && at + 2 <= end) {
		sum += LB_LOAD(__u16, at);
		at += 2;
		len -= 2;
	}
	if (len && at + 1 <= end)
		sum += *(const __u8 *)at;
	return encap_fold(sum);
}

/* The Internet sum of the packet, len bytes and at most LB_SUM_MAX; the frame is known to hold
 * them. */
__noinline __u32 sum_packet(struct xdp_md *ctx, __u32 len)
{
	char *end = frame_end(ctx);
	char *at = (char *)frame_start(ctx) + ETH_HLEN;
	__u32 offset = ETH_HLEN;
	__s64 sum = 0;
	int i;

	LB_ROLLED
	for (i = 0; i < LB_SUM_CHUNKS && len >= LB_SUM_CHUNK && at + LB_SUM_CHUNK <= end; i++) {
		sum = bpf_csum_diff(NULL, 0, (__be32 *)at, LB_SUM_CHUNK, (__u32)sum);
		at += LB_SUM_CHUNK;
		offset += LB_SUM_CHUNK;
		len -= LB_SUM_CHUNK;
	}
	return encap_fold((__u64)sum + sum_rest(ctx, offset, len));
}

/* Find the VIP of an IPv4 packet and check its header. Returns 0 or how the packet ends. */
LB_INLINE int serve_ipv4(const void *frame, const void *end, struct packet *packet, __u32 *vip)
{
	const struct iphdr *ip = parse_bytes(frame, end, ETH_HLEN, sizeof(*ip));
	int cause;

	if (!ip)
		return LB_PASS_TRUNCATED;
	cause = find_vip4(ip->daddr, vip);
	if (cause)
		return cause;
	parse_map_ipv4(packet->dst, ip->daddr);
	parse_map_ipv4(packet->src, ip->saddr);
	packet->is_ipv6 = 0;
	return parse_ipv4(ip, ETH_HLEN, (__u32)(end - frame) - ETH_HLEN, packet);
}

LB_INLINE int serve_extensions(struct xdp_md *ctx, struct packet *packet)
{
	struct parse_chain chain = { .offset = packet->l4_offset, .proto = packet->proto };
	int cause = walk_extensions(ctx, &chain);

	packet->l4_offset = chain.offset & PARSE_L4_OFFSET_MAX;
	packet->proto = chain.proto;
	packet->is_fragment = chain.is_fragment;
	return cause;
}

LB_INLINE int serve_ipv6(struct xdp_md *ctx, const void *frame, const void *end,
			 struct packet *packet, __u32 *vip)
{
	const struct ipv6hdr *ip = parse_bytes(frame, end, ETH_HLEN, sizeof(*ip));
	int cause;

	if (!ip)
		return LB_PASS_TRUNCATED;
	parse_copy_ipv6(packet->dst, &ip->daddr);
	cause = find_vip6(packet->dst, vip);
	if (cause)
		return cause;
	parse_copy_ipv6(packet->src, &ip->saddr);
	packet->is_ipv6 = 1;
	cause = parse_ipv6(ip, ETH_HLEN, (__u32)(end - frame) - ETH_HLEN, packet);
	if (!cause && lb_unlikely(parse_is_extension(packet->proto)))
		cause = serve_extensions(ctx, packet);
	return cause;
}

/* From the headers to a flow with ports. Returns 0 or how the packet ends. */
LB_INLINE int serve_l4(struct xdp_md *ctx, const void *frame, const void *end,
		       struct packet *packet)
{
	packet->is_error = 0;
	if (lb_likely(packet->proto == IPPROTO_TCP || packet->proto == IPPROTO_UDP))
		return parse_ports(frame, end, packet);
	packet->sport = 0;
	packet->dport = 0;
	packet->is_syn = 0;
	if (packet->is_fragment)
		return LB_DROP_FRAGMENT;
	if (packet->proto != (packet->is_ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
		return LB_DROP_UNSERVED;
	if (parse_ends_before(packet, packet->l4_offset, sizeof(struct parse_icmp)))
		return LB_DROP_MALFORMED_L4;
	return serve_icmp(ctx, packet);
}

/* A packet on its way to its real. */
struct tunnel {
	const struct packet *packet;
	const struct lb_uplink *via; /* the uplink it leaves by */
	const struct lb_real *real;
	const struct lb_service *service;
	struct entropy entropy;
	__u8 encap;
	bool real_is_ipv6;
	bool is_unsummed; /* a datagram without checksum, in GUE over IPv4: none outside either */
	__u64 next_hop;   /* its MAC first */
};

/*
 * Whether a UDP datagram ends elsewhere than its packet, with options behind it (RFC 9868) or a
 * lie: then its checksum tells nothing of the packet's sum.
 */
LB_INLINE bool has_surplus(const struct udphdr *udp, __u32 l4_len)
{
	return l4_len < sizeof(*udp) || lb_ntohs(udp->len) != l4_len;
}

/* Whether the packet has a checksum from which its sum follows. Notices datagrams without. */
LB_INLINE bool has_telling_sum(struct xdp_md *ctx, struct tunnel *tunnel, __u32 l4_len)
{
	const struct packet *packet = tunnel->packet;
	const struct udphdr *udp;

	if (packet->is_error || packet->is_fragment)
		return false;
	if (packet->is_ipv6 && packet->l4_offset != ETH_HLEN + sizeof(struct ipv6hdr))
		return false;
	if (packet->proto != IPPROTO_UDP)
		return true;
	udp = parse_bytes(frame_start(ctx), frame_end(ctx), parse_l4_offset(packet), sizeof(*udp));
	if (!udp)
		return false;
	tunnel->is_unsummed = !udp->check && !tunnel->real_is_ipv6;
	return udp->check && !has_surplus(udp, l4_len);
}

/* The sum of the inner packet for GUE; from its own checksum where it has one over its ports. */
LB_INLINE __u64 sum_inner(struct xdp_md *ctx, struct tunnel *tunnel, const __be32 *inner)
{
	const struct packet *packet = tunnel->packet;
	__u32 l4_len = packet->l3_len + ETH_HLEN - packet->l4_offset;

	if (lb_unlikely(!has_telling_sum(ctx, tunnel, l4_len)))
		return tunnel->is_unsummed ? 0 : sum_packet(ctx, packet->l3_len);
	if (packet->is_ipv6)
		return encap_sum_inner_ipv6(LB_LOAD(__be32, inner), LB_LOAD(__be32, inner + 1),
					    packet->proto, l4_len);
	return encap_sum_inner_ipv4(LB_LOAD(__be32, inner + 3), LB_LOAD(__be32, inner + 4),
				    packet->proto, l4_len);
}

/* The UDP header of GUE (variant 1: the payload is the inner packet) behind an outer IP header. */
LB_INLINE void write_gue(void *to, const struct tunnel *tunnel, __u64 outer_sum, __u64 inner_sum)
{
	const struct packet *packet = tunnel->packet;
	__u32 len = packet->l3_len + ENCAP_UDP_LEN;
	__be16 gue_port = tunnel->service->gue_port;
	__be16 sport = encap_source_port(tunnel->entropy.client, tunnel->entropy.sport,
					 packet->is_ipv6, tunnel->real_is_ipv6);
	__u32 check = 0;

	if (!tunnel->is_unsummed)
		check = encap_udp_check(outer_sum, sport, gue_port, len, inner_sum);
	encap_write_udp(to, sport, gue_port, len, check);
}

LB_INLINE int write_outer4(struct xdp_md *ctx, const struct tunnel *tunnel, __u64 inner_sum)
{
	const struct packet *packet = tunnel->packet;
	char *frame = frame_start(ctx);
	char *ip = frame + ETH_HLEN;
	__u32 len = packet->l3_len + ENCAP_IPV4_LEN;
	__be32 dst = tunnel->real->addr[3];

	if (ip + ENCAP_IPV4_LEN + ENCAP_UDP_LEN > (char *)frame_end(ctx))
		return LB_DROP_NO_ROOM;
	encap_write_eth(frame, tunnel->next_hop, tunnel->via->mac, lb_htons(ETH_P_IP));
	if (tunnel->encap == LB_ENCAP_GUE) {
		__be32 src = tunnel->via->source4;

		encap_write_ipv4(ip, len + ENCAP_UDP_LEN, packet->tos, IPPROTO_UDP, src, dst);
		write_gue(ip + ENCAP_IPV4_LEN, tunnel, (__u64)src + dst, inner_sum);
		return 0;
	}
	encap_write_ipv4(ip, len, packet->tos, packet->is_ipv6 ? ENCAP_NEXT_IPV6 : ENCAP_NEXT_IPV4,
			 encap_source_ipv4(tunnel->entropy.client, tunnel->entropy.sport), dst);
	return 0;
}

LB_INLINE int write_outer6(struct xdp_md *ctx, const struct tunnel *tunnel, __u64 inner_sum)
{
	const struct packet *packet = tunnel->packet;
	char *frame = frame_start(ctx);
	char *ip = frame + ETH_HLEN;
	const __be32 *dst = tunnel->real->addr;
	__be32 src[4];

	if (ip + ENCAP_IPV6_LEN + ENCAP_UDP_LEN > (char *)frame_end(ctx))
		return LB_DROP_NO_ROOM;
	encap_write_eth(frame, tunnel->next_hop, tunnel->via->mac, lb_htons(ETH_P_IPV6));
	if (tunnel->encap == LB_ENCAP_GUE) {
		const __be32 *source = tunnel->via->source6;

		encap_write_ipv6(ip, packet->l3_len + ENCAP_UDP_LEN, packet->tos, IPPROTO_UDP,
				 source, dst);
		write_gue(ip + ENCAP_IPV6_LEN, tunnel, encap_sum_ipv6(source) + encap_sum_ipv6(dst),
			  inner_sum);
		return 0;
	}
	encap_source_ipv6(src, tunnel->entropy.client, tunnel->entropy.sport);
	encap_write_ipv6(ip, packet->l3_len, packet->tos,
			 packet->is_ipv6 ? ENCAP_NEXT_IPV6 : ENCAP_NEXT_IPV4, src, dst);
	return 0;
}

LB_INLINE bool has_source(const struct lb_uplink *via, bool real_is_ipv6)
{
	return real_is_ipv6 ? via->source6[0] != 0 : via->source4 != 0;
}

/* Put the outer headers before the packet. Returns 0 or the drop cause. */
LB_INLINE int encapsulate(struct xdp_md *ctx, struct tunnel *tunnel)
{
	__u64 inner_sum = 0;

	if (tunnel->encap == LB_ENCAP_GUE) {
		const __be32 *inner = parse_bytes(frame_start(ctx), frame_end(ctx), ETH_HLEN,
						  sizeof(struct iphdr));

		if (!has_source(tunnel->via, tunnel->real_is_ipv6))
			return LB_DROP_NO_SOURCE;
		if (!inner)
			return LB_DROP_MALFORMED_IP;
		inner_sum = sum_inner(ctx, tunnel, inner);
	}
	if (bpf_xdp_adjust_head(ctx, -(int)encap_overhead(tunnel->encap, tunnel->real_is_ipv6)))
		return LB_DROP_NO_ROOM;
	return tunnel->real_is_ipv6 ? write_outer6(ctx, tunnel, inner_sum)
				    : write_outer4(ctx, tunnel, inner_sum);
}

/* The uplink a next hop leaves by; NULL when it is detached, or the next hop not usable. */
LB_INLINE const struct lb_uplink *find_via(const struct lb_uplink *arrival, __u64 next_hop)
{
	__u32 slot = LB_NEXT_HOP_UPLINK(next_hop) & (LB_UPLINKS - 1);
	__u64 cell;

	if (lb_likely(next_hop >> 48 == (LB_NEXT_HOP_USABLE >> 48 | arrival->slot)))
		return arrival;
	if (!(next_hop & LB_NEXT_HOP_USABLE))
		return NULL;
	cell = LB_READ_ONCE(lb.uplink_cells[slot]);
	return cell ? &lb.uplinks[cell & (LB_UPLINK_RECORDS - 1)] : NULL;
}

/* Lower the MSS of a SYN, whose flags are read anew: most ways carry all and need not know. */
LB_INLINE void clamp_mss(struct xdp_md *ctx, struct lb_counters *line, const struct packet *packet,
			 __u32 clamp)
{
	const __u8 *l4;

	if (packet->proto != IPPROTO_TCP || packet->is_error || packet->is_fragment)
		return;
	l4 = parse_bytes(frame_start(ctx), frame_end(ctx), parse_l4_offset(packet),
			 sizeof(struct tcphdr));
	if (l4 && parse_is_syn(l4) && mss_clamp(ctx, packet->l4_offset, clamp, packet->is_ipv6))
		stats_note(line, LB_NOTE_CLAMPED);
}

/* Wrap the packet, if it is not too long. Returns 0 or how the packet ends. */
LB_INLINE int wrap(struct xdp_md *ctx, struct lb_counters *line, struct tunnel *tunnel)
{
	const struct packet *packet = tunnel->packet;
	__u32 kind = LB_LIMIT(tunnel->encap & 1U, tunnel->real_is_ipv6);
	__u32 limit = tunnel->via->limit[kind];

	if (lb_unlikely(packet->l3_len > limit)) {
		if (packet->is_error || packet->is_fragment || !lb_answers_too_big)
			return LB_DROP_PACKET_TOO_BIG;
		return answer_too_big(ctx, limit, packet->is_ipv6);
	}
	if (lb_unlikely(tunnel->via->clamp[kind]))
		clamp_mss(ctx, line, packet, tunnel->via->clamp[kind]);
	return encapsulate(ctx, tunnel);
}

/* A way of its own for each tunnel that is common: its lengths are constants there. */
LB_INLINE int wrap_as(struct xdp_md *ctx, struct lb_counters *line, struct tunnel *tunnel,
		      bool real_is_ipv6)
{
	tunnel->real_is_ipv6 = real_is_ipv6;
	if (lb_unlikely(tunnel->encap == LB_ENCAP_GUE))
		return wrap(ctx, line, tunnel);
	tunnel->encap = LB_ENCAP_IPIP;
	return wrap(ctx, line, tunnel);
}

/* Send the packet of a service to a real. Returns how it ends. */
LB_INLINE int forward(struct xdp_md *ctx, const struct lb_uplink *uplink, struct lb_counters *line,
		      const struct lb_service *service, const struct packet *packet,
		      struct entropy entropy, __u32 real)
{
	const __u64 *next_hops = &lb.next_hops[0][uplink->slot & (LB_UPLINKS - 1)];
	const struct lb_real *record = lb.reals;
	struct tunnel tunnel = { .packet = packet, .service = service, .entropy = entropy };
	__u32 flags;
	int cause;

	/* Tables' addresses are made before it is known where to look in them; one wait less. */
	LB_FORGET(record);
	LB_FORGET(next_hops);
	record += real & (LB_REALS - 1);
	LB_FORGET(record); /* else its address is worked out anew at every use */
	flags = LB_READ_ONCE(record->flags);
	if (lb_unlikely((flags & (LB_REAL_USED | LB_REAL_LOCAL)) != LB_REAL_USED)) {
		if (!(flags & LB_REAL_USED))
			return real ? LB_DROP_REAL_GONE : LB_DROP_NO_REAL;
		stats_forward(line, service->counter, real, packet->l3_len);
		return LB_PASS_LOCAL_REAL;
	}
	tunnel.next_hop = LB_READ_ONCE(next_hops[(real & (LB_REALS - 1)) * LB_UPLINKS]);
	tunnel.via = find_via(uplink, tunnel.next_hop);
	if (lb_unlikely(!tunnel.via))
		return LB_DROP_NO_NEXT_HOP;
	tunnel.real = record;
	tunnel.encap = service->encap;
	cause = flags & LB_REAL_IPV6 ? wrap_as(ctx, line, &tunnel, true)
				     : wrap_as(ctx, line, &tunnel, false);
	if (lb_unlikely(cause))
		return cause;
	cause = LB_SENT_FORWARDED;
	if (lb_unlikely(tunnel.via != uplink)) {
		cause = LB_SENT_REDIRECTED;
		if (bpf_redirect_map(&devices, tunnel.via->slot, 0) != XDP_REDIRECT)
			return LB_DROP_NO_NEXT_HOP;
	}
	stats_forward(line, service->counter, real, packet->l3_len);
	return cause;
}

/* ---- reading the common packets, see serve_quick(); 0 or CALL_LONGER ---- */

/* Of a frame: an IPv4 and a UDP header. */
#define QUICK_LEN_MIN (ETH_HLEN + sizeof(struct iphdr) + sizeof(struct udphdr))

/* The ports of a TCP or UDP header at l4, see parse_ports(); the first 8 bytes are there. */
LB_INLINE int quick_ports(const __u8 *l4, const void *end, struct packet *packet)
{
	packet->ports = LB_LOAD(__be32, l4);
	if (lb_likely(packet->proto == IPPROTO_TCP)) {
		if (lb_unlikely(
			    l4 + sizeof(struct tcphdr) > (const __u8 *)end ||
			    parse_ends_before(packet, packet->l4_offset, sizeof(struct tcphdr))))
			return CALL_LONGER;
		packet->is_syn = parse_is_syn(l4);
	} else if (lb_unlikely(
			   packet->proto != IPPROTO_UDP ||
			   parse_ends_before(packet, packet->l4_offset, sizeof(struct udphdr)))) {
		return CALL_LONGER;
	}
	LB_FORGET(packet->proto); /* else what follows from it is kept beside it */
	return 0;
}

LB_INLINE int quick_ipv4(const char *frame, const char *end, struct packet *packet)
{
	const struct iphdr *ip = (const void *)(frame + ETH_HLEN);
	__u32 len;

	if (lb_unlikely((const char *)(ip + 1) + sizeof(struct udphdr) > end))
		return CALL_LONGER;
	len = lb_ntohs(ip->tot_len);
	if (lb_unlikely(*(const __u8 *)ip != 0x45 || len > (__u32)(end - frame) - ETH_HLEN ||
			ip->frag_off & lb_htons(PARSE_IPV4_FRAGMENT)))
		return CALL_LONGER;
	packet->l3_len = (__u16)len;
	packet->l4_offset = ETH_HLEN + sizeof(*ip);
	packet->proto = ip->protocol;
	packet->tos = ip->tos;
	parse_map_ipv4(packet->dst, ip->daddr);
	parse_map_ipv4(packet->src, ip->saddr);
	return quick_ports((const __u8 *)(ip + 1), end, packet);
}

LB_INLINE int quick_ipv6(const char *frame, const char *end, struct packet *packet)
{
	const struct ipv6hdr *ip = (const void *)(frame + ETH_HLEN);
	__u32 first, len;

	if (lb_unlikely((const char *)(ip + 1) + sizeof(struct udphdr) > end))
		return CALL_LONGER;
	first = lb_ntohl(LB_LOAD(__be32, ip));
	len = (__u32)lb_ntohs(ip->payload_len) + (__u32)sizeof(*ip);
	if (lb_unlikely(first >> 28 != 6 || len > (__u32)(end - frame) - ETH_HLEN))
		return CALL_LONGER;
	packet->l3_len = (__u16)len;
	packet->l4_offset = ETH_HLEN + sizeof(*ip);
	packet->proto = ip->nexthdr;
	packet->tos = (__u8)(first >> 20);
	packet->is_ipv6 = 1;
	parse_copy_ipv6(packet->dst, &ip->daddr);
	parse_copy_ipv6(packet->src, &ip->saddr);
	return quick_ports((const __u8 *)(ip + 1), end, packet);
}

/* Choose the real where it is not just the slot's. Returns 0 or how the packet ends. */
LB_INLINE int choose_longer(struct xdp_md *ctx, struct lb_counters *line, struct lb_ring *ring,
			    const struct lb_service *service, const struct packet *packet,
			    struct choice *choice, bool is_quick)
{
	int cause = 0;

	if (service->flags & LB_SERVICE_SPECIAL)
		cause = special_choose(ctx, line, service, packet, choice);
	if (cause || choice->real)
		return cause;
	if (choice->cur == choice->alt && !choice->asks_flows &&
	    !(service->flags & LB_SERVICE_TRACK_ALL))
		choice->real = choice->cur;
	else
		flow_choose(line, ring, service, packet, choice, is_quick);
	return 0;
}

/*
 * The same for a common packet of a service with rules or ids; it is read anew: what a function can
 * reach by a pointer does not stay in registers, and what only few packets need is not to be kept
 * for all.
 */
__noinline int choose_anew(struct xdp_md *ctx, struct lb_counters *line, struct lb_ring *ring,
			   const struct lb_service *service, struct choice *choice)
{
	const char *frame = frame_start(ctx), *end = frame_end(ctx);
	struct packet packet = { 0 };
	int cause;

	if (!line || !ring || !service || !choice || frame + ETH_HLEN > end)
		return LB_DROP_NO_RING;
	if (LB_LOAD(__be16, frame + 12) == lb_htons(ETH_P_IPV6))
		cause = quick_ipv6(frame, end, &packet);
	else
		cause = quick_ipv4(frame, end, &packet);
	if (cause)
		return LB_DROP_NO_RING; /* cannot be: it was read before */
	return choose_longer(ctx, line, ring, service, &packet, choice, true);
}

/* A packet of a watched service: a common one, read anew, and any other. */
__noinline int watch_anew(struct xdp_md *ctx, struct lb_counters *line,
			  const struct lb_service *service, __u32 real)
{
	const char *frame = frame_start(ctx), *end = frame_end(ctx);
	struct packet packet = { 0 };
	int cause;

	if (!line || !service || frame + ETH_HLEN > end)
		return 0;
	if (LB_LOAD(__be16, frame + 12) == lb_htons(ETH_P_IPV6))
		cause = quick_ipv6(frame, end, &packet);
	else
		cause = quick_ipv4(frame, end, &packet);
	if (!cause)
		syn_see(ctx, line, service, &packet, real);
	return 0;
}

__noinline int watch_longer(struct xdp_md *ctx, struct lb_counters *line,
			    const struct lb_service *service, const struct packet *packet,
			    __u32 real)
{
	if (line && service && packet)
		syn_see(ctx, line, service, packet, real);
	return 0;
}

LB_INLINE struct lb_ring *find_ring(const struct lb_service *service)
{
	return bpf_map_lookup_elem(&rings, &service->ring); /* not by a copy on the stack */
}

/* What was decided for a packet, and by what. */
struct decision {
	struct entropy entropy;
	__u32 slot, real, why; /* as in struct lb_trace */
};

LB_INLINE void tell_decision(bool is_quick, const struct lb_service *service,
			     const struct decision *decision)
{
	struct lb_trace *trace = trace_of(is_quick);

	if (!trace)
		return;
	trace->vip = service->vip;
	trace->service = service->counter;
	trace->slot = decision->slot;
	trace->real = decision->real;
	trace->why = decision->why;
}

/* As choose_longer(), for what it needs whole: rules, ids, and all that serve() serves. */
LB_INLINE int decide_longer(struct xdp_md *ctx, const struct lb_uplink *uplink,
			    struct lb_counters *line, struct lb_ring *ring,
			    const struct lb_service *service, const struct packet *packet,
			    __u32 word, struct decision *decision, bool is_quick)
{
	struct choice choice = { .slot = decision->slot,
				 .cur = LB_SLOT_CUR(word),
				 .alt = LB_SLOT_ALT(word),
				 .why = LB_WHY_SLOT,
				 .is_probe = uplink->is_self_test };
	int cause = is_quick ? choose_anew(ctx, line, ring, service, &choice)
			     : choose_longer(ctx, line, ring, service, packet, &choice, false);

	if (cause)
		return cause;
	decision->real = choice.real & (LB_REALS - 1);
	decision->why = choice.why;
	if (lb_unlikely(service->flags & LB_SERVICE_WATCHED) && decision->real &&
	    !choice.is_probe) {
		if (is_quick)
			watch_anew(ctx, line, service, decision->real);
		else
			watch_longer(ctx, line, service, packet, decision->real);
	}
	/* As katran: what is not hashed keeps its outer source, destination-port or not. */
	if (choice.why == LB_WHY_ID)
		decision->entropy.client = packet->src[3];
	return 0;
}

/*
 * What the flow table asks of a common packet: its key and its FLOW_*. The family is a constant, as
 * in serve_quick(). Returns false for a frame that is too short.
 */
LB_INLINE bool quick_flow(const char *frame, const char *end, const struct lb_service *service,
			  bool is_ipv6, __u64 *hash, __u32 *kind)
{
	const struct ipv6hdr *ip6 = (const void *)(frame + ETH_HLEN);
	const struct iphdr *ip4 = (const void *)(frame + ETH_HLEN);
	const __u8 *l4 = is_ipv6 ? (const __u8 *)(ip6 + 1) : (const __u8 *)(ip4 + 1);
	struct packet packet = { .is_ipv6 = is_ipv6 };

	if ((const char *)l4 + sizeof(struct udphdr) > end)
		return false;
	if (is_ipv6) {
		parse_copy_ipv6(packet.src, &ip6->saddr);
		parse_copy_ipv6(packet.dst, &ip6->daddr);
		packet.proto = ip6->nexthdr;
	} else {
		packet.src[3] = ip4->saddr;
		packet.dst[3] = ip4->daddr;
		packet.proto = ip4->protocol;
	}
	packet.ports = LB_LOAD(__be32, l4);
	if (packet.proto == IPPROTO_TCP) {
		if ((const char *)l4 + sizeof(struct tcphdr) > end)
			return false;
		packet.is_syn = parse_is_syn(l4);
	}
	*hash = flow_hash(lb.flow_key, &packet, service->ring_key);
	*kind = flow_kind(service, &packet);
	return true;
}

/* The same of either family, read anew. */
LB_INLINE bool any_quick_flow(const char *frame, const char *end, const struct lb_service *service,
			      __u64 *hash, __u32 *kind)
{
	if (frame + ETH_HLEN > end)
		return false;
	if (LB_LOAD(__be16, frame + 12) == lb_htons(ETH_P_IPV6))
		return quick_flow(frame, end, service, true, hash, kind);
	return quick_flow(frame, end, service, false, hash, kind);
}

/* Where the TCP header of a common packet begins; NULL: not all of it is there. */
LB_INLINE const __u8 *quick_tcp(const char *frame, const char *end)
{
	__u32 ip_len = LB_LOAD(__be16, frame + 12) == lb_htons(ETH_P_IPV6) ? sizeof(struct ipv6hdr)
									   : sizeof(struct iphdr);

	return parse_bytes(frame, end, ETH_HLEN + ip_len, sizeof(struct tcphdr));
}

/* As ask_flows(), of a watched service: its slot may be steady, its flows not remembered. */
__noinline __u32 ask_watched(struct xdp_md *ctx, struct lb_counters *line, struct lb_ring *ring,
			     const struct lb_service *service, __u64 slot_and_word)
{
	const char *frame = frame_start(ctx), *end = frame_end(ctx);
	__u32 word = (__u32)slot_and_word, slot = (__u32)(slot_and_word >> 32), kind = 0;
	__u32 answer = LB_SLOT_CUR(word);
	const __u8 *tcp;
	__u64 hash = 0;

	if (!line || !ring || !service || !any_quick_flow(frame, end, service, &hash, &kind))
		return answer;
	if (!(service->flags & LB_SERVICE_TRACK_NONE) &&
	    (!flow_slot_is_steady(word) || service->flags & LB_SERVICE_TRACK_ALL))
		answer = flow_look(line, ring, hash, word, kind | slot << FLOW_SLOT_SHIFT);
	if (!(kind & FLOW_NEW) || !(answer & 0xffff))
		return answer;
	tcp = quick_tcp(frame, end);
	if (tcp)
		syn_count(line, syn_hash(hash, LB_LOAD(__be32, tcp + 4)), answer & 0xffff);
	return answer;
}

/*
 * Ask the flow table for a common packet. It is read anew: what only few packets need is not to be
 * kept for all. Returns as flow_look().
 */
__noinline __u32 ask_flows(struct xdp_md *ctx, struct lb_counters *line, struct lb_ring *ring,
			   const struct lb_service *service, __u64 slot_and_word)
{
	const char *frame = frame_start(ctx), *end = frame_end(ctx);
	__u32 word = (__u32)slot_and_word, slot = (__u32)(slot_and_word >> 32), kind = 0;
	__u64 hash = 0;

	if (!line || !ring || !service)
		return LB_SLOT_CUR(word);
	if (lb_unlikely(service->flags & LB_SERVICE_WATCHED))
		return ask_watched(ctx, line, ring, service, slot_and_word);
	if (!any_quick_flow(frame, end, service, &hash, &kind))
		return LB_SLOT_CUR(word); /* cannot be: it was read before */
	return flow_look(line, ring, hash, word, kind | slot << FLOW_SLOT_SHIFT);
}

/* A common packet whose slot is not steady, or whose service remembers every flow or is watched. */
LB_INLINE void decide_quick(struct xdp_md *ctx, const struct lb_uplink *uplink,
			    struct lb_counters *line, struct lb_ring *ring,
			    const struct lb_service *service, __u32 word, struct decision *decision)
{
	__u32 answer;

	if ((service->flags & (LB_SERVICE_TRACK_NONE | LB_SERVICE_WATCHED)) ==
		    LB_SERVICE_TRACK_NONE ||
	    uplink->is_self_test)
		return;
	answer = ask_flows(ctx, line, ring, service, (__u64)decision->slot << 32 | word);
	decision->real = answer & 0xffff;
	decision->why = flow_why(answer);
}

/* The real of a packet. Returns 0 or how the packet ends. */
LB_INLINE int decide(struct xdp_md *ctx, const struct lb_uplink *uplink, struct lb_counters *line,
		     const struct lb_service *service, const struct packet *packet,
		     struct decision *decision, bool is_quick)
{
	struct lb_ring *ring;
	__u32 slot, word;

	/* A fragment cannot tell which port it is for. */
	if (packet->is_fragment && service->hash != LB_HASH_SOURCE_IP)
		return LB_DROP_FRAGMENT;
	ring = find_ring(service);
	slot = ring_choose(service, packet, &decision->entropy, lb_hash_seed,
			   packet->is_ipv6 ? lb_hash_seed_v6 : 0);
	if (lb_unlikely(!ring || slot >= LB_RING_SLOTS))
		return LB_DROP_NO_RING;
	word = LB_READ_ONCE(ring->slots[slot]);
	decision->slot = slot;
	decision->real = LB_SLOT_CUR(word);
	decision->why = LB_WHY_SLOT;
	if (lb_likely(LB_SLOT_CUR(word) == LB_SLOT_ALT(word) &&
		      !(LB_READ_ONCE(service->flags) &
			(LB_SERVICE_SPECIAL | LB_SERVICE_TRACK_ALL | LB_SERVICE_WATCHED))))
		return 0;
	if (is_quick && !(service->flags & LB_SERVICE_SPECIAL)) {
		decide_quick(ctx, uplink, line, ring, service, word, decision);
		return 0;
	}
	return decide_longer(ctx, uplink, line, ring, service, packet, word, decision, is_quick);
}

/* A flow to a VIP. Returns how the packet ends. */
LB_INLINE int serve_flow(struct xdp_md *ctx, const struct lb_uplink *uplink,
			 struct lb_counters *line, __u32 vip, const struct packet *packet,
			 bool is_quick)
{
	struct decision decision;
	__u32 index = find_service(vip, packet);
	const struct lb_service *service;
	int cause;

	if (lb_unlikely(index >= LB_SERVICES)) {
		tell_service(is_quick, vip, LB_NONE);
		return packet->is_fragment ? LB_DROP_FRAGMENT : LB_DROP_UNSERVED;
	}
	service = lb.services;
	LB_FORGET(service);
	service += index;
	LB_FORGET(service);
	cause = decide(ctx, uplink, line, service, packet, &decision, is_quick);
	if (lb_unlikely(cause)) {
		tell_service(is_quick, service->vip, service->counter);
		return cause;
	}
	tell_decision(is_quick, service, &decision);
	return forward(ctx, uplink, line, service, packet, decision.entropy, decision.real);
}

/* The counters of this CPU; the self-test has its own. */
LB_INLINE struct lb_counters *find_line(bool is_self_test)
{
	__u32 id = bpf_get_smp_processor_id();

	if (lb_unlikely(is_self_test))
		id = lb_self_test_line;
	return bpf_map_lookup_elem(&counters, &id);
}

/* Where a VIP that has no such service leaves its packets to the host, so be it. */
LB_INLINE int judge_unserved(int cause, __u32 vip)
{
	if (lb_unlikely(cause == LB_DROP_UNSERVED) &&
	    LB_READ_ONCE(lb.vips[vip & (LB_VIPS - 1)].flags) & LB_VIP_UNSERVED_PASS)
		return LB_PASS_UNSERVED;
	return cause;
}

#include "bpf/tunnel.h"

/* Every packet that serve_quick() leaves, with nothing around it any more. Returns how it ends. */
LB_INLINE int serve(struct xdp_md *ctx, const struct lb_uplink *uplink, struct lb_counters *line)
{
	const void *frame = frame_start(ctx), *end = frame_end(ctx);
	const struct ethhdr *eth = parse_bytes(frame, end, 0, sizeof(*eth));
	struct packet packet = { 0 };
	__u32 vip = LB_NONE;
	int cause;

	if (!eth)
		return LB_PASS_TRUNCATED;
	if ((LB_LOAD(__u64, frame) & LB_MAC_MASK) != uplink->mac)
		return LB_PASS_OTHER_MAC;
	if (eth->h_proto == lb_htons(ETH_P_IP))
		cause = serve_ipv4(frame, end, &packet, &vip);
	else if (eth->h_proto == lb_htons(ETH_P_IPV6))
		cause = serve_ipv6(ctx, frame, end, &packet, &vip);
	else
		return LB_PASS_NOT_IP;
	if (cause == CALL_LONGER)
		return LB_DROP_TUNNEL; /* cannot be: tunnel_unwrap() opened it */
	tell_service(false, vip, LB_NONE);
	if (cause)
		return cause;
	cause = serve_l4(ctx, frame_start(ctx), frame_end(ctx), &packet);
	if (!cause)
		cause = serve_flow(ctx, uplink, line, vip, &packet, false);
	return judge_unserved(cause, vip);
}

/* ---- the quick way ---- */

LB_INLINE int quick_vip4(const char *frame, const char *end, __u32 *vip)
{
	const struct iphdr *ip = (const void *)(frame + ETH_HLEN);

	if (lb_unlikely((const char *)(ip + 1) + sizeof(struct udphdr) > end))
		return CALL_LONGER;
	return find_vip4(ip->daddr, vip);
}

LB_INLINE int quick_vip6(const char *frame, const char *end, __u32 *vip)
{
	const struct ipv6hdr *ip = (const void *)(frame + ETH_HLEN);
	__be32 dst[4];

	if (lb_unlikely((const char *)(ip + 1) + sizeof(struct udphdr) > end))
		return CALL_LONGER;
	parse_copy_ipv6(dst, &ip->daddr);
	return find_vip6(dst, vip);
}

/*
 * What serve() does, for the packets that are nearly all: TCP and UDP in IPv4 without options or
 * IPv6 without extension headers, in one piece. Whatever is not just so is left alone before
 * anything is counted or written. With constant offsets, and each family by itself, a packet's
 * fields stay in registers and what only the others need is not there.
 */
LB_INLINE int serve_quick(struct xdp_md *ctx, const struct lb_uplink *uplink,
			  struct lb_counters *line)
{
	const char *frame = frame_start(ctx), *end = frame_end(ctx);
	struct packet packet = { 0 };
	__u32 vip = LB_NONE;
	__be16 type;
	int cause;

	if (lb_unlikely(frame + QUICK_LEN_MIN > end))
		return CALL_LONGER;
	if ((LB_LOAD(__u64, frame) & LB_MAC_MASK) != uplink->mac)
		return LB_PASS_OTHER_MAC;
	type = LB_LOAD(__be16, frame + 12);
	if (type == lb_htons(ETH_P_IP)) {
		cause = quick_vip4(frame, end, &vip);
		if (lb_likely(!cause))
			cause = quick_ipv4(frame, end, &packet);
		if (lb_likely(!cause))
			cause = serve_flow(ctx, uplink, line, vip, &packet, true);
	} else if (type == lb_htons(ETH_P_IPV6)) {
		cause = quick_vip6(frame, end, &vip);
		if (lb_likely(!cause))
			cause = quick_ipv6(frame, end, &packet);
		if (lb_likely(!cause))
			cause = serve_flow(ctx, uplink, line, vip, &packet, true);
	} else {
		return parse_is_tag(type) ? CALL_LONGER : LB_PASS_NOT_IP;
	}
	return judge_unserved(cause, vip);
}

SEC("xdp")
int shoal_lb(struct xdp_md *ctx)
{
	const struct lb_uplink *uplink = lb_find_uplink(&lb, ctx->ingress_ifindex);
	struct lb_counters *line;
	int cause;

	if (lb_is_traced)
		lb_trace = (struct lb_trace){ 0, LB_NONE, LB_NONE, LB_NONE, LB_NONE, LB_WHY_NONE };
	if (lb_unlikely(!uplink || LB_READ_ONCE(lb.capture_until_ns)))
		goto longer;
	line = find_line(uplink->is_self_test);
	if (!line)
		return XDP_PASS; /* cannot be: there is a line for every possible CPU */
	cause = serve_quick(ctx, uplink, line);
	if (lb_unlikely(cause < 0))
		goto longer;
	if (lb_is_traced)
		lb_trace.cause = (__u32)cause;
	return stats_end(line, (__u32)cause);
longer:
	bpf_tail_call_static(ctx, &stages, LB_STAGE_LONGER);
	return XDP_PASS; /* cannot be: the stage is put there when we are loaded */
}

/* Serve what is in the frame and put its tags back. Returns how it ends. */
LB_INLINE int serve_longer(struct xdp_md *ctx, const struct lb_uplink *uplink,
			   struct lb_counters *line)
{
	struct tunnel_tags tags = { .vip = LB_NONE };
	int cause = tunnel_unwrap(ctx, uplink, line, &tags);

	if (!cause)
		cause = serve(ctx, uplink, line);
	return tags.n ? tunnel_retag(ctx, &tags, cause) : cause;
}

/*
 * The second stage: the longer way of all but the common packets, and of all packets while some are
 * captured. A program of its own, because both ways on one stack are more than the kernel allows.
 */
SEC("xdp")
int shoal_lb_longer(struct xdp_md *ctx)
{
	const struct lb_uplink *uplink = lb_find_uplink(&lb, ctx->ingress_ifindex);
	struct lb_counters *line = find_line(uplink && uplink->is_self_test);
	int cause, is_taken = 0;

	if (!line)
		return XDP_PASS; /* cannot be: the first stage had it */
	if (LB_READ_ONCE(lb.capture_until_ns))
		is_taken = capture_before(ctx, line);
	cause = uplink ? serve_longer(ctx, uplink, line) : LB_PASS_NOT_UPLINK;
	if (is_taken)
		capture_after(ctx, line, (__u32)cause);
	if (lb_is_traced)
		lb_trace.cause = (__u32)cause;
	return stats_end(line, (__u32)cause);
}

/* What age an entry of the flow table made now has; asked by user space. */
SEC("syscall")
int shoal_age(void *ctx)
{
	(void)ctx;
	return (int)flow_now();
}

char lb_license[] SEC("license") = "Dual BSD/GPL";
