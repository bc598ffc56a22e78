/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * flow.h - flows remembered while their slot is in transition.
 */
#pragma once

#include "bpf/base.h"
#include "bpf/lb_abi.h"
#include "bpf/parse.h"
#include "bpf/ring.h"

/* Choose the real of a packet whose slot is not steady, or whose service keeps flows. */
LB_INLINE void flow_choose(struct lb_counters *line, struct lb_ring *ring,
			   const struct lb_service *service, const struct packet *packet,
			   struct choice *choice)
{
	(void)line;
	(void)ring;
	(void)service;
	(void)packet;
	choice->real = choice->cur;
}
