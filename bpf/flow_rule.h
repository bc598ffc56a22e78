/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * flow_rule.h - which real a packet goes to while its slot is in transition, and the table that
 * remembers flows meanwhile. No clock, no map, no helper: the program (bpf/flow.h), the controller
 * and the tests' model run these same lines.
 *
 * A slot is {cur, alt}. Steady: alt is cur. Moving: alt is the real that the slot's unremembered
 * flows use. Settling: alt is 0; they use cur, only flows remembered elsewhere are asked for.
 *
 * Why nothing moves: an unremembered flow of a moving slot was there before the change, as every
 * flow seen since is remembered, SYNs with cur and all others with alt. A change keeps the real
 * that unremembered flows use. When idle has passed without a change, whoever still talks was seen:
 * the slot settles. When idle has passed without a packet that went elsewhere than to cur,
 * whoever still talks is with cur: the slot is steady.
 *
 * The table: a line is one cache line of eight words {tag, real, age}. New flows take the first two
 * (probation), a second packet moves a flow to the other six (protected), so a flood of new flows
 * cannot push out the established. Words are written by compare-and-exchange alone: whoever
 * loses the race looks again.
 */
#pragma once

#include "bpf/base.h"
#include "bpf/lb_abi.h"
#include "bpf/parse.h"

/* ---- slots ---- */

LB_INLINE bool flow_slot_is_steady(__u32 word)
{
	return LB_SLOT_CUR(word) == LB_SLOT_ALT(word);
}

LB_INLINE bool flow_slot_is_settling(__u32 word)
{
	/* Neighbours in 16 bits: 0 and LB_SLOT_NOBODY are tested for at once. */
	bool is_none = (__u16)(LB_SLOT_ALT(word) + 1) <= 1;

	return is_none && !flow_slot_is_steady(word);
}

LB_INLINE bool flow_slot_is_moving(__u32 word)
{
	return !flow_slot_is_steady(word) && !flow_slot_is_settling(word);
}

/* Settling without cur would look steady: LB_SLOT_NOBODY tells them apart. */
LB_INLINE __u32 flow_slot_settling(__u32 cur)
{
	return cur ? LB_SLOT(cur, 0) : LB_SLOT(0, LB_SLOT_NOBODY);
}

/* The real that unremembered flows of the slot use. */
LB_INLINE __u32 flow_slot_unremembered(__u32 word)
{
	return flow_slot_is_moving(word) ? LB_SLOT_ALT(word) : LB_SLOT_CUR(word);
}

/* The slot when it is given to another cur; whether the real above is alive. */
LB_INLINE __u32 flow_slot_change(__u32 word, __u32 cur, bool unremembered_lives)
{
	__u32 unremembered = flow_slot_unremembered(word);

	if (!word)
		return LB_SLOT(cur, cur); /* no flow can have been here */
	if (!unremembered || unremembered == cur || !unremembered_lives)
		return flow_slot_settling(cur);
	return LB_SLOT(cur, unremembered);
}

/* ---- packets ---- */

/* What the rule asks of a packet. */
#define FLOW_NEW       1U  /* begins a flow: a TCP SYN */
#define FLOW_UDP       2U  /* not to be seen whether it begins one */
#define FLOW_READ_ONLY 4U  /* writes nothing: ICMP errors, fragments */
#define FLOW_ALWAYS    8U  /* the service remembers every flow */
#define FLOW_MIGRATES  16U /* a datagram that leaves a real which takes no new flows */
#define FLOW_RECENT    32U /* the pool has just changed */
#define FLOW_CROWDED   64U /* too many new entries of this CPU */

LB_INLINE bool flow_real_lives(__u32 flags)
{
	return (flags & (LB_REAL_USED | LB_REAL_DEAD)) == LB_REAL_USED;
}

/* Whether a packet of a flow remembered with this real goes there; flags are lb_real.flags. */
LB_INLINE bool flow_stays(__u32 flags, __u32 kind)
{
	if (!flow_real_lives(flags))
		return false;
	return flags & LB_REAL_TAKES || !(kind & (FLOW_NEW | FLOW_MIGRATES));
}

/* A packet of a flow that is not remembered. */
struct flow_miss {
	__u32 real;      /* where it goes, 0: nowhere */
	bool is_alt;     /* not the slot's cur */
	bool remembers;  /* as a new entry; an entry that was found is overwritten in any case */
	bool is_crowded; /* would be remembered were there not too many */
};

LB_INLINE bool flow_misses_to_alt(__u32 alt_flags, __u32 kind)
{
	bool takes = alt_flags & LB_REAL_TAKES;

	if (!flow_real_lives(alt_flags))
		return false;
	if (kind & FLOW_NEW)
		return kind & FLOW_CROWDED && takes;
	if (kind & FLOW_UDP)
		return kind & FLOW_RECENT && (takes || !(kind & FLOW_MIGRATES));
	return true;
}

LB_INLINE struct flow_miss flow_decide_miss(__u32 word, __u32 alt_flags, __u32 kind)
{
	bool is_moving = flow_slot_is_moving(word);
	struct flow_miss miss = { .real = LB_SLOT_CUR(word) };

	miss.is_alt = is_moving && flow_misses_to_alt(alt_flags, kind);
	if (miss.is_alt)
		miss.real = LB_SLOT_ALT(word);
	miss.remembers = miss.real && !(kind & FLOW_READ_ONLY) && (is_moving || kind & FLOW_ALWAYS);
	/* What goes where unremembered flows go needs no entry. */
	if (miss.remembers && kind & FLOW_NEW && kind & FLOW_CROWDED &&
	    (miss.is_alt || !is_moving)) {
		miss.remembers = false;
		miss.is_crowded = true;
	}
	return miss;
}

/* ---- the table ---- */

/*
 * 64 bits of the flow that nobody foresees without the key: sums of products of 32-bit words, each
 * with its part of the key added (the hash NH of UMAC, RFC 4418 section 5.2.2), mixed once more
 * as their low bits are poor. ring_key: lb_ring.key.
 */
LB_INLINE __u64 flow_product(__u32 a, __u32 b, __u64 key)
{
	return (__u64)(a + (__u32)key) * (__u32)(b + (__u32)(key >> 32));
}

LB_INLINE __u64 flow_hash(const __u64 key[4], const struct packet *packet, __u32 ring_key)
{
	__u32 ports = (__u32)packet->sport | (__u32)packet->dport << 16;
	__u64 sum = flow_product(packet->src[3], packet->dst[3], key[0]) +
		    flow_product(ports, ring_key << 8 | packet->proto, key[1]);

	if (packet->is_ipv6)
		sum += flow_product(packet->src[0], packet->src[1], key[2]) +
		       flow_product(packet->dst[0], packet->dst[1], key[3]) +
		       flow_product(packet->src[2], packet->dst[2], key[2] << 16 ^ key[3] >> 16);
	sum = (sum ^ sum >> 32) * 0x9e3779b97f4a7c15ULL;
	return sum ^ sum >> 32;
}

/* Line and tag are other bits of the hash: tables have at most 2^27 lines. No tag is 0. */
LB_INLINE __u32 flow_tag(__u64 hash)
{
	__u32 tag = (__u32)(hash >> 32);

	return tag ? tag : 1;
}

/* CPUs may read the clock a unit apart: an age of the next unit is young, not ancient. */
LB_INLINE bool flow_is_young(__u64 entry, __u32 now, __u32 idle)
{
	return (__u16)(now + 1 - LB_FLOW_AGE(entry)) <= idle + 1;
}

/*
 * The entry with this tag and its way, protected ways first; 0 when there is none. Looks at the
 * upper halves of the words alone until one fits.
 */
LB_INLINE __u64 flow_find(const struct lb_flow_line *line, __u32 tag, __u32 *way)
{
	int i;

	*way = 0;
	for (i = 0; i < LB_FLOW_WAYS; i++) {
		__u32 at = (__u32)(i + LB_FLOW_PROBATION) % LB_FLOW_WAYS;
		const __u32 *halves = (const __u32 *)&line->ways[at];
		__u64 entry;

		if (LB_READ_ONCE(halves[1]) != tag)
			continue;
		entry = LB_READ_ONCE(line->ways[at]);
		if (LB_FLOW_TAG(entry) != tag)
			continue;
		*way = at;
		return entry;
	}
	return 0;
}

/* Replace a word that nobody changed since it was read. */
LB_INLINE bool flow_swap(struct lb_flow_line *line, __u32 way, __u64 seen, __u64 entry)
{
	return __sync_val_compare_and_swap(&line->ways[way & (LB_FLOW_WAYS - 1)], seen, entry) ==
	       seen;
}

/* The way to give up among [first, end): an empty one, else the oldest. */
LB_INLINE __u32 flow_victim(const struct lb_flow_line *line, int first, int end, __u32 now,
			    __u64 *seen)
{
	__u32 oldest = 0, way = (__u32)first;
	int i;

	*seen = 0;

	for (i = first; i < end; i++) {
		__u64 entry = LB_READ_ONCE(line->ways[i]);
		__u32 age = entry ? (__u16)(now + 1 - LB_FLOW_AGE(entry)) : 0x10000;

		if (i != first && age <= oldest)
			continue;
		oldest = age;
		way = (__u32)i;
		*seen = entry;
	}
	return way;
}

enum flow_put { FLOW_PUT_NOT, FLOW_PUT_OVER, FLOW_PUT_NEW, FLOW_PUT_EVICTED };

#define FLOW_ATTEMPTS 4

/*
 * Remember a flow: over its own entry, else in the place of another; only_over: nothing but the
 * former, and only what is not old, so that it does not matter when the sweep comes by. Fails only
 * when other CPUs are faster several times in a row.
 */
LB_INLINE enum flow_put flow_put(struct lb_flow_line *line, __u64 entry, __u32 idle, bool only_over)
{
	__u32 now = LB_FLOW_AGE(entry), way;
	__u64 seen;
	int i;

	LB_ROLLED
	for (i = 0; i < FLOW_ATTEMPTS; i++) {
		enum flow_put done = FLOW_PUT_OVER;

		seen = flow_find(line, LB_FLOW_TAG(entry), &way);
		if (only_over && !(seen && flow_is_young(seen, now, idle)))
			return FLOW_PUT_NOT;
		if (!seen) {
			way = flow_victim(line, 0, LB_FLOW_PROBATION, now, &seen);
			done = seen && flow_is_young(seen, now, idle) ? FLOW_PUT_EVICTED
								      : FLOW_PUT_NEW;
		}
		if (flow_swap(line, way, seen, entry))
			return done;
	}
	return FLOW_PUT_NOT;
}

/* Forget a flow. */
LB_INLINE bool flow_drop(struct lb_flow_line *line, __u32 tag)
{
	__u32 way;
	__u64 seen = flow_find(line, tag, &way);

	return seen && flow_swap(line, way, seen, 0);
}

/* The same entry, used now. */
LB_INLINE __u64 flow_refreshed(__u64 entry, __u32 now)
{
	return (entry & ~0xffffULL) | (now & 0xffff);
}

/*
 * Move an entry to the protected ways; who must leave them goes on probation in its place, unless
 * too old. First in, then out: the flow is found at any time. When its old word has changed
 * meanwhile, that one counts and this move never was.
 */
LB_INLINE void flow_promote(struct lb_flow_line *line, __u32 way, __u64 seen, __u32 now, __u32 idle)
{
	__u64 entry = flow_refreshed(seen, now), left;
	__u32 to = flow_victim(line, LB_FLOW_PROBATION, LB_FLOW_WAYS, now, &left);

	if (!flow_swap(line, to, left, entry))
		return;
	if (!flow_swap(line, way, seen, left && flow_is_young(left, now, idle) ? left : 0))
		flow_swap(line, to, entry, left);
}
