// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * xdp_pass.bpf.c - the program on the lab ToR's veth ends. A veth end accepts frames that its peer
 * resends with XDP_TX only while it carries a program itself; this one lets everything through.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("xdp")
int xdp_pass(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}

char lab_license[] SEC("license") = "Dual BSD/GPL";
