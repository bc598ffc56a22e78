/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * flow.h - the flow table of the program: asked for packets whose slot is not steady, or whose
 * service keeps flows. The rule itself is in bpf/flow_rule.h. Only lb.bpf.c and headers that are
 * part of it include this.
 *
 * Hash and kind of a packet are made where its fields are in registers; the rest is global
 * functions, which the verifier looks at once and whose stack is their own. A packet of a
 * remembered flow takes one call, what writes more than an age another.
 *
 * For those who know better than the slot (bpf/special.h): set choice->asks_flows on every packet
 * of a service whose flows may be elsewhere, so that the table is asked in steady slots too; call
 * flow_assign() when a packet itself says its real.
 */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "bpf/base.h"
#include "bpf/flow_rule.h"
#include "bpf/lb_abi.h"
#include "bpf/maps.h"
#include "bpf/parse.h"
#include "bpf/ring.h"
#include "bpf/stats.h"

/*
 * The age of what is used now: jiffies, which the JIT reads as memory (ktime_get_coarse_ns would
 * cost more than the table). How many make a unit of about 4 s depends on the kernel's HZ, see
 * src/dataplane/clock.c. Private programs may be given another clock.
 */
LB_INLINE __u32 flow_now(void)
{
	if (lb_is_traced && lb_clock.is_set)
		return LB_READ_ONCE(lb_clock.age);
	return (__u32)(bpf_jiffies64() >> lb_flow_shift);
}

LB_INLINE struct lb_flow_line *flow_line(__u64 hash)
{
	__u32 index = (__u32)hash & lb_flow_mask;

	return bpf_map_lookup_elem(&flows, &index);
}

/* Of a real, by its index. */
LB_INLINE __u32 flow_flags(__u32 real)
{
	return LB_READ_ONCE(lb.reals[real & (LB_REALS - 1)].flags);
}

/* More entries were made on this CPU in this unit of time than the table should take. */
LB_INLINE bool flow_is_crowded(const struct lb_counters *line, __u32 now)
{
	__u64 made = line->new_flows;

	return (__u32)(made >> 32) == now && (__u32)made >= lb_flow_limit;
}

LB_INLINE void flow_count_new(struct lb_counters *line, __u32 now)
{
	__u64 made = line->new_flows;

	line->new_flows = (__u32)(made >> 32) == now ? made + 1 : (__u64)now << 32 | 1;
}

/* Enter a flow, with the notes that go with it. */
LB_INLINE void flow_enter(struct lb_counters *line, __u64 hash, __u32 real, __u32 now,
			  bool only_over)
{
	struct lb_flow_line *flows_line = flow_line(hash);
	__u64 entry = LB_FLOW_ENTRY(flow_tag(hash), real, now);
	enum flow_put put;

	if (!flows_line)
		return;
	put = flow_put(flows_line, entry, LB_READ_ONCE(lb.flow_idle), only_over);
	if (put < FLOW_PUT_NEW)
		return;
	stats_note(line, LB_NOTE_FLOW_NEW);
	if (put == FLOW_PUT_EVICTED)
		stats_note(line, LB_NOTE_FLOW_EVICTED);
	flow_count_new(line, now);
}

/* Beside the real: it is the slot's alt, or was remembered. */
#define FLOW_ANSWER_ALT  0x10000U
#define FLOW_ANSWER_FLOW 0x20000U

/*
 * A packet of a flow that is not remembered, or not with a real it may go to; of the slot with this
 * word. Returns the real, with FLOW_ANSWER_ALT. All in registers: the stack is shared with callers.
 */
__noinline __u32 flow_serve_miss(struct lb_counters *line, const struct lb_ring *ring, __u64 hash,
				 __u32 word, __u64 now_and_kind)
{
	__u32 now = (__u32)(now_and_kind >> 32), kind = (__u32)now_and_kind;
	struct flow_miss miss;

	if (!line || !ring)
		return 0;
	if (kind & FLOW_UDP && now - LB_READ_ONCE(ring->changed_age) <= lb_flow_udp_ages)
		kind |= FLOW_RECENT;
	if (kind & FLOW_NEW && flow_is_crowded(line, now))
		kind |= FLOW_CROWDED;
	miss = flow_decide_miss(word, flow_flags(LB_SLOT_ALT(word)), kind);
	stats_note(line, LB_NOTE_FLOW_MISS);
	if (miss.is_crowded)
		stats_note(line, LB_NOTE_FLOW_LIMITED);
	if (miss.real && !(kind & FLOW_READ_ONLY))
		flow_enter(line, hash, miss.real, now, !miss.remembers);
	return miss.is_alt ? miss.real | FLOW_ANSWER_ALT : miss.real;
}

/* A second packet: off probation. */
__noinline int flow_serve_promotion(__u64 hash, __u32 way, __u64 seen, __u32 now)
{
	struct lb_flow_line *line = flow_line(hash);

	if (line && way < LB_FLOW_PROBATION)
		flow_promote(line, way, seen, now, LB_READ_ONCE(lb.flow_idle));
	return 0;
}

LB_INLINE __u32 flow_kind(const struct lb_service *service, const struct packet *packet)
{
	__u32 kind = 0;

	if (packet->is_syn)
		kind = FLOW_NEW;
	if (packet->proto == IPPROTO_UDP)
		kind |= service->flags & LB_SERVICE_MIGRATE_UDP ? FLOW_UDP | FLOW_MIGRATES
								: FLOW_UDP;
	if (packet->is_error || packet->is_fragment)
		kind |= FLOW_READ_ONLY;
	if (service->flags & LB_SERVICE_TRACK_ALL)
		kind |= FLOW_ALWAYS;
	return kind;
}

/* More of a packet, beside what the rule asks: for flow_look(). */
#define FLOW_UNMARKED   256U /* its service asks the table in steady slots too: no evidence */
#define FLOW_UNKNOWABLE 512U /* a fragment: not looked for */
#define FLOW_SLOT_SHIFT 10

/* Evidence against settling: the slot is needed as it is. */
LB_INLINE void flow_mark(struct lb_ring *ring, __u32 slot)
{
	__u64 bit = 1ULL << (slot & 63);

	if (slot < LB_RING_SLOTS && !(LB_READ_ONCE(ring->marks[slot >> 6]) & bit))
		__sync_fetch_and_or(&ring->marks[slot >> 6], bit);
}

/* Refresh an entry that was used, or promote it. */
LB_INLINE void flow_touch(struct lb_flow_line *line, __u64 hash, __u32 way, __u64 seen, __u32 now,
			  __u32 kind)
{
	if (lb_unlikely(way < LB_FLOW_PROBATION && !(kind & FLOW_NEW)))
		flow_serve_promotion(hash, way, seen, now);
	else if (lb_unlikely(LB_FLOW_AGE(seen) != (now & 0xffff)))
		flow_swap(line, way, seen, flow_refreshed(seen, now));
}

/*
 * A packet whose slot, of this word, is not steady, or whose service keeps flows. more: FLOW_* and
 * the slot's number. Returns the real, with FLOW_ANSWER_*. All in registers: what is passed by
 * pointer costs the caller a copy.
 */
LB_INLINE __u32 flow_look(struct lb_counters *line, struct lb_ring *ring, __u64 hash, __u32 word,
			  __u32 more)
{
	struct lb_flow_line *flows_line = flow_line(hash);
	__u32 way = 0, real, now, kind = more & 0xff;
	__u64 seen = 0;

	if (!line || !ring || !flows_line)
		return LB_SLOT_CUR(word);
	now = flow_now();
	if (lb_likely(!(more & FLOW_UNKNOWABLE)))
		seen = flow_find(flows_line, flow_tag(hash), &way);
	real = LB_FLOW_REAL(seen);
	if (lb_unlikely(!seen || !flow_is_young(seen, now, LB_READ_ONCE(lb.flow_idle)) ||
			!flow_stays(flow_flags(real), kind)))
		return flow_serve_miss(line, ring, hash, word, (__u64)now << 32 | kind);
	stats_note(line, LB_NOTE_FLOW_HIT);
	if (kind & FLOW_READ_ONLY)
		return real | FLOW_ANSWER_FLOW;
	flow_touch(flows_line, hash, way, seen, now, kind);
	if (lb_unlikely(flow_slot_is_settling(word)) && real != LB_SLOT_CUR(word) &&
	    !(more & (FLOW_UNMARKED | FLOW_ALWAYS)))
		flow_mark(ring, more >> FLOW_SLOT_SHIFT);
	return real | FLOW_ANSWER_FLOW;
}

__noinline __u32 flow_serve(struct lb_counters *line, struct lb_ring *ring, __u64 hash, __u32 word,
			    __u32 more)
{
	return flow_look(line, ring, hash, word, more);
}

/* What an answer was found by. */
LB_INLINE enum lb_why flow_why(__u32 answer)
{
	if (answer & FLOW_ANSWER_FLOW)
		return LB_WHY_FLOW;
	return answer & FLOW_ANSWER_ALT ? LB_WHY_ALT : LB_WHY_SLOT;
}

/*
 * Choose the real of a packet whose slot is not steady, or whose service keeps flows. is_quick: the
 * caller is a function with a stack of its own, which saves a call.
 */
LB_INLINE void flow_choose(struct lb_counters *line, struct lb_ring *ring,
			   const struct lb_service *service, const struct packet *packet,
			   struct choice *choice, bool is_quick)
{
	__u32 more = flow_kind(service, packet) | choice->slot << FLOW_SLOT_SHIFT;
	__u32 answer, word = LB_SLOT(choice->cur, choice->alt);
	__u64 hash;

	choice->real = choice->cur;
	if (service->flags & LB_SERVICE_TRACK_NONE || choice->is_probe)
		return;
	if (choice->asks_flows)
		more |= FLOW_UNMARKED;
	if (choice->asks_flows & CHOICE_RECENT)
		more |= FLOW_RECENT;
	if (choice->asks_flows & CHOICE_ALWAYS)
		more |= FLOW_ALWAYS;
	if (packet->is_fragment)
		more |= FLOW_UNKNOWABLE;
	hash = flow_hash(lb.flow_key, packet, service->ring_key);
	answer = is_quick ? flow_look(line, ring, hash, word, more)
			  : flow_serve(line, ring, hash, word, more);
	choice->real = answer & 0xffff;
	if (answer & (FLOW_ANSWER_FLOW | FLOW_ANSWER_ALT))
		choice->why = flow_why(answer);
}

/*
 * flow_assign - a packet said itself that its flow goes to choice->real: let the table agree, so
 * that packets that do not say it go there too. Where the slot is steady or settling an entry
 * is needed only when that is not cur, and removed when it is. Exceptions beyond the limit of new
 * entries are not remembered. Call it with choice->real set, instead of flow_choose().
 * Returns 1 when the flow is an exception to its slot, else 0.
 */
__noinline int flow_assign(struct lb_counters *line, const struct lb_service *service,
			   const struct packet *packet, const struct choice *choice)
{
	struct lb_flow_line *flows_line;
	bool is_exception, is_always;
	__u32 kind, now, way = 0;
	__u64 hash, seen;

	if (!line || !service || !packet || !choice)
		return 0;
	is_exception = choice->real != choice->cur;
	kind = flow_kind(service, packet);
	if (kind & FLOW_READ_ONLY || choice->is_probe || service->flags & LB_SERVICE_TRACK_NONE)
		return is_exception;
	hash = flow_hash(lb.flow_key, packet, service->ring_key);
	now = flow_now();
	is_always = kind & FLOW_ALWAYS || flow_slot_is_moving(LB_SLOT(choice->cur, choice->alt));
	flows_line = flow_line(hash);
	if (!flows_line)
		return is_exception;
	if (!is_exception && !is_always) {
		flow_drop(flows_line, flow_tag(hash));
		return 0;
	}
	seen = flow_find(flows_line, flow_tag(hash), &way);
	if (seen && LB_FLOW_REAL(seen) == choice->real)
		flow_touch(flows_line, hash, way, seen, now, kind);
	else
		flow_enter(line, hash, choice->real, now, !is_always && flow_is_crowded(line, now));
	return is_exception;
}
