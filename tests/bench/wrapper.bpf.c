// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * wrapper.bpf.c - what the bench runs for every packet: it takes back what the round before did to
 * the frame, chooses the packet's flow, and tail-calls what is measured. And two of those: the
 * least that a program can do, and the least that a tunnel costs.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/base.h"
#include "tests/bench/wrapper.h"

#define CLIENT4 26 /* where an IPv4 frame holds the source address */
#define SPORT4  34
#define CLIENT6 34 /* the last word of an IPv6 one */
#define SPORT6  54

struct wrapper bench;

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, WRAPPER_TARGETS);
	__type(key, __u32);
	__type(value, __u32);
} targets SEC(".maps");

/* The frame as it came: same place, same length. */
LB_INLINE bool reset_size(struct xdp_md *ctx)
{
	if (ctx->data_end - ctx->data == bench.len)
		return true;
	if (bpf_xdp_adjust_head(ctx, (int)bench.head - (int)bench.opened))
		return false;
	return !bench.cut || !bpf_xdp_adjust_tail(ctx, (int)bench.cut);
}

/*
 * 256 ports a client; numbers above that are other clients. Both ports are stored at once: a
 * program that loads them as one word would else wait for half of it, which is in no cache yet.
 */
LB_INLINE void set_flow(char *client, char *ports, __u32 flow)
{
	LB_STORE(__be32, client, bench.client ^ lb_htonl(flow >> 8));
	LB_STORE(__be32, ports, bench.ports ^ lb_htons(flow & 0xff));
}

/* The upper half of a linear congruential generator (Knuth's MMIX constants). */
LB_INLINE __u32 next_flow(void)
{
	bench.random = bench.random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (__u32)(bench.random >> 32) & bench.mask;
}

/* A packet out of a tunnel has overwritten that, and counted a hop. */
LB_INLINE bool restore(struct xdp_md *ctx)
{
	__u64 *words = (void *)(long)ctx->data;
	int i;

	if (words + WRAPPER_RESTORED > (__u64 *)(long)ctx->data_end)
		return false;
	for (i = 0; i < WRAPPER_RESTORED; i++)
		LB_STORE(__u64, words + i, bench.first[i]);
	return true;
}

LB_INLINE int wrap(struct xdp_md *ctx, const __u32 which)
{
	__u32 flow = next_flow();
	char *frame;

	if (!reset_size(ctx))
		return XDP_ABORTED;
	if (bench.restores && !restore(ctx))
		return XDP_ABORTED;
	frame = (void *)(long)ctx->data;
	if (frame + WRAPPER_TOUCHED > (char *)(long)ctx->data_end)
		return XDP_ABORTED;
	LB_STORE(__u64, frame, bench.eth_first);
	LB_STORE(__u32, frame + 8, bench.eth_second);
	LB_STORE(__u16, frame + 12, bench.eth_third);
	if (bench.restores) {
		/* The ports are further back; these cases have one flow. */
	} else if (bench.tag) {
		LB_STORE(__be32, frame + 14, bench.tag);
		set_flow(frame + CLIENT4 + 4, frame + SPORT4 + 4, flow);
	} else if (bench.vary == WRAPPER_IPV4_FLOWS)
		set_flow(frame + CLIENT4, frame + SPORT4, flow);
	else if (bench.vary == WRAPPER_IPV6_FLOWS)
		set_flow(frame + CLIENT6, frame + SPORT6, flow);
	bpf_tail_call_static(ctx, &targets, which);
	return XDP_ABORTED;
}

SEC("xdp")
int bench_around_null(struct xdp_md *ctx)
{
	return wrap(ctx, WRAPPER_NULL);
}

SEC("xdp")
int bench_around_floor(struct xdp_md *ctx)
{
	return wrap(ctx, WRAPPER_FLOOR);
}

SEC("xdp")
int bench_around_case(struct xdp_md *ctx)
{
	return wrap(ctx, WRAPPER_CASE);
}

SEC("xdp")
int bench_null(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_TX;
}

SEC("xdp")
int bench_floor(struct xdp_md *ctx)
{
	if (bench.cut && bpf_xdp_adjust_tail(ctx, -(int)bench.cut))
		return XDP_ABORTED;
	if (bench.opened && bpf_xdp_adjust_head(ctx, (int)bench.opened))
		return XDP_ABORTED;
	if (!bench.head)
		return XDP_TX;
	return bpf_xdp_adjust_head(ctx, -(int)bench.head) ? XDP_ABORTED : XDP_TX;
}

char bench_license[] SEC("license") = "Dual BSD/GPL";
