// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * wire.bpf.c - the ends of the wire bench, and two things to compare with: who sends frames, who
 * takes them, the least that a program can do with a frame, and the least that a tunnel needs.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>

#include <bpf/bpf_helpers.h>

#include "bpf/base.h"
#include "bpf/encap.h"
#include "tests/bench/wire.h"

#define OUTER_LEN 20

struct wire wire;

LB_INLINE struct wire_line *line(void)
{
	return &wire.lines[bpf_get_smp_processor_id() & (WIRE_CPUS - 1)];
}

/* Frames come back from where they went with what was written to them: every byte is set anew. */
LB_INLINE void write_frame(char *frame, __u32 flow)
{
	__be32 client = wire.client ^ lb_htonl(flow >> 8);
	int i;

	for (i = 0; i < WIRE_FRAME / 8; i++)
		LB_STORE(__u64, frame + i * 8, wire.frame[i]);
	LB_STORE(__u32, frame + 56, (__u32)wire.frame[7]);
	LB_STORE(__be32, frame + 26, client);
	LB_STORE(__be16, frame + 34, lb_htons(1024 + (flow & 0xff)));
	LB_STORE(__sum16, frame + 24, (__sum16)~encap_fold(wire.sum + client));
}

/* One frame after the other, of all flows in turn but not side by side. */
SEC("xdp")
int wire_generate(struct xdp_md *ctx)
{
	char *frame = (void *)(long)ctx->data;
	struct wire_line *mine = line();

	if (frame + WIRE_FRAME > (char *)(long)ctx->data_end)
		return XDP_ABORTED;
	write_frame(frame, (__u32)(mine->sent++ * 40503) & wire.flow_mask);
	return XDP_TX;
}

SEC("xdp")
int wire_sink(struct xdp_md *ctx)
{
	(void)ctx;
	line()->arrived++;
	return XDP_DROP;
}

SEC("xdp")
int wire_transmit(struct xdp_md *ctx)
{
	char *frame = (void *)(long)ctx->data;

	if (frame + ETH_HLEN > (char *)(long)ctx->data_end)
		return XDP_DROP;
	encap_write_eth(frame, wire.gateway, wire.mac, lb_htons(ETH_P_IP));
	return XDP_TX;
}

/* The same outer header before every packet: nothing is looked at. */
SEC("xdp")
int wire_encapsulate(struct xdp_md *ctx)
{
	char *frame;

	if (bpf_xdp_adjust_head(ctx, -OUTER_LEN))
		return XDP_DROP;
	frame = (void *)(long)ctx->data;
	if (frame + ETH_HLEN + OUTER_LEN > (char *)(long)ctx->data_end)
		return XDP_DROP;
	encap_write_eth(frame, wire.gateway, wire.mac, lb_htons(ETH_P_IP));
	LB_STORE(__u64, frame + ETH_HLEN, wire.outer[0]);
	LB_STORE(__u64, frame + ETH_HLEN + 8, wire.outer[1]);
	LB_STORE(__u32, frame + ETH_HLEN + 16, (__u32)wire.outer[2]);
	return XDP_TX;
}

char wire_license[] SEC("license") = "Dual BSD/GPL";
