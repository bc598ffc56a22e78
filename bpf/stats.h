/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * stats.h - counting: every packet adds to one line of this CPU, self-test packets to a line of
 * their own. Plain additions: a CPU runs one packet at a time.
 */
#pragma once

#include <linux/bpf.h>

#include "bpf/base.h"
#include "bpf/lb_abi.h"

/* Count how a packet ends; returns the XDP verdict. Every return of the program comes here. */
LB_INLINE int stats_end(struct lb_counters *line, __u32 cause)
{
	if (lb_likely(cause == LB_SENT_FORWARDED)) {
		line->causes[LB_SENT_FORWARDED]++;
		return XDP_TX;
	}
	cause &= LB_CAUSES - 1;
	line->causes[cause]++;
	if (cause >= LB_DROP_FIRST)
		return XDP_DROP;
	if (cause == LB_SENT_REDIRECTED)
		return XDP_REDIRECT;
	return cause >= LB_PASS_FIRST ? XDP_PASS : XDP_TX;
}

LB_INLINE void stats_forward(struct lb_counters *line, __u32 service, __u32 real, __u32 bytes)
{
	struct lb_count *count = &line->services[service & (LB_SERVICES - 1)];

	count->packets++;
	count->bytes += bytes;
	count = &line->reals[real & (LB_REALS - 1)];
	LB_FORGET(count); /* else its address is worked out for each of the two */
	count->packets++;
	count->bytes += bytes;
}

/* Count what a packet met on its way. */
LB_INLINE void stats_note(struct lb_counters *line, enum lb_note note)
{
	line->notes[note & (LB_NOTES_ROOM - 1)]++;
}
