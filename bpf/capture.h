/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * capture.h - the longer way of packets while `shoal capture` runs: the head of the frame before
 * and after, and what was decided between, into a ring buffer. Only lb.bpf.c includes this.
 *
 * Packets are decided in the second stage, so that the first one has nothing of this but
 * one test of a word. What is to be taken is known only afterwards, so the head of every packet
 * that is looked at is copied; `one_in` spares the others that. What a packet noted is seen from
 * the counters of its CPU, which only that packet can have raised.
 */
#pragma once

#include "bpf/base.h"
#include "bpf/frame.h"
#include "bpf/lb_abi.h"
#include "bpf/maps.h"
#include "bpf/parse.h"
#include "bpf/service.h"
#include "bpf/stats.h"

LB_INLINE struct watched *capture_scratch(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&watched, &zero);
}

/* Where the longer way tells what it decides; NULL when nobody asks. */
LB_INLINE struct lb_trace *capture_trace(void)
{
	struct watched *packet;

	if (lb_likely(!LB_READ_ONCE(lb.capture_until_ns)))
		return lb_is_traced ? &lb_trace : NULL;
	packet = capture_scratch();
	return packet ? &packet->record.trace : NULL;
}

/* The bytes of a head behind its last whole word; a function so that the verifier sees it once. */
__noinline __u32 capture_rest(struct xdp_md *ctx, struct lb_captured *record, __u32 at, __u32 len)
{
	const void *frame = frame_start(ctx), *end = frame_end(ctx);
	__u32 limit = LB_READ_ONCE(lb.capture.head_len), i;

	if (!record || at > LB_CAPTURE_HEAD || len > LB_CAPTURE_HEAD - 8)
		return len;
	for (i = 0; i < 7 && len < limit; i++) {
		const __u8 *byte = parse_bytes(frame, end, len, 1);

		if (!byte)
			break;
		record->heads[at + len] = *byte;
		len++;
	}
	return len;
}

/*
 * Copy the frame's head to record->heads + at, a multiple of 8. Returns how many bytes that were.
 * Words, then the bytes left: the helpers that copy from frames are younger than our oldest
 * kernel, or refused where the kernel is locked down.
 */
__noinline __u32 capture_head(struct xdp_md *ctx, struct lb_captured *record, __u32 at)
{
	const char *from = frame_start(ctx), *end = frame_end(ctx);
	__u32 limit = LB_READ_ONCE(lb.capture.head_len), i;
	char *to;

	if (!record || at > LB_CAPTURE_HEAD)
		return 0;
	to = (char *)record->heads + (at & ~7U);
	for (i = 0; i < LB_CAPTURE_HEAD && i + 8 <= limit && from + 8 <= end; i += 8) {
		LB_STORE(__u64, to + i, LB_LOAD(__u64, from));
		from += 8;
	}
	return capture_rest(ctx, record, at, i);
}

LB_INLINE __u32 capture_len(const struct xdp_md *ctx)
{
	return (__u32)((char *)frame_end(ctx) - (char *)frame_start(ctx));
}

/* Remember the packet as it came. Returns 0 when it is not looked at, as packets of the self-test.
 */
__noinline int capture_before(struct xdp_md *ctx, struct lb_counters *line)
{
	const struct lb_uplink *uplink = lb_find_uplink(&lb, ctx->ingress_ifindex);
	__u64 until = LB_READ_ONCE(lb.capture_until_ns);
	__u32 one_in = LB_READ_ONCE(lb.capture.one_in);
	struct watched *packet = capture_scratch();
	struct lb_captured *record;
	int i;

	if (!packet || !line || (uplink && uplink->is_self_test))
		return 0;
	if (bpf_ktime_get_boot_ns() >= until) {
		/* Not over a moment that user space has just put there: that capture begins. */
		__sync_val_compare_and_swap(&lb.capture_until_ns, until, 0);
		return 0;
	}
	if (one_in > 1 && bpf_get_prandom_u32() % one_in)
		return 0;
	record = &packet->record;
	record->trace.vip = LB_NONE;
	record->trace.service = LB_NONE;
	record->trace.slot = LB_NONE;
	record->trace.real = LB_NONE;
	record->trace.why = LB_WHY_NONE;
	record->ifindex = ctx->ingress_ifindex;
	record->before_len = capture_len(ctx);
	record->before_head = (__u16)capture_head(ctx, record, 0);
	for (i = 0; i < LB_NOTE_MAX; i++)
		packet->notes[i] = line->notes[i];
	return 1;
}

LB_INLINE bool capture_wants(const struct lb_captured *record)
{
	const volatile struct lb_capture *filter = &lb.capture;

	if (filter->service != LB_NONE && filter->service != record->trace.service)
		return false;
	if (filter->vip != LB_NONE && filter->vip != record->trace.vip)
		return false;
	if (filter->real != LB_NONE && filter->real != record->trace.real)
		return false;
	return filter->causes >> (record->trace.cause & 63) & 1 || filter->notes & record->notes;
}

/* The packet is decided and stands as it will leave: hand it over if it is one that is wanted. */
__noinline int capture_after(struct xdp_md *ctx, struct lb_counters *line, __u32 cause)
{
	struct watched *packet = capture_scratch();
	struct lb_captured *record;
	__u32 after_at, len;
	int i;

	if (!packet || !line)
		return 0;
	record = &packet->record;
	record->trace.cause = cause;
	if (lb_is_traced)
		lb_trace = record->trace;
	record->notes = 0;
	for (i = 0; i < LB_NOTE_MAX; i++)
		record->notes |= (__u64)(packet->notes[i] != line->notes[i]) << i;
	if (!capture_wants(record))
		return 0;
	record->at_ns = bpf_ktime_get_boot_ns();
	after_at = (record->before_head + 7U) & ~7U;
	record->after_len = capture_len(ctx);
	record->after_head = (__u16)capture_head(ctx, record, after_at);
	len = LB_CAPTURED_HEADER + after_at + record->after_head;
	LB_FORGET(len);
	if (len > sizeof(*record))
		return 0;
	/* The reader looks now and then: it is not woken. */
	if (bpf_ringbuf_output(&captured, record, len, BPF_RB_NO_WAKEUP))
		stats_note(line, LB_NOTE_CAPTURE_LOST);
	else
		stats_note(line, LB_NOTE_CAPTURED);
	return 1;
}
