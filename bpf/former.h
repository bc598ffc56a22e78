/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * former.h - flows of a service that was given another pool a short while ago:
 * they stay where they are. Only lb.bpf.c and headers that are part of it include this.
 *
 * For an idle time the service is as if all its slots were moving, from the real that unremembered
 * flows used before to the one of the present ring. What is seen is remembered under that ring's
 * key, be both the same real: of the former ring's later ways nothing more is known then. Flows
 * that earlier rings had remembered are found under theirs, and carried over; a SYN is not looked
 * for there, as what begins belongs to the present pool. src/dataplane/former.c begins and ends it.
 */
#pragma once

#include "bpf/base.h"
#include "bpf/flow.h"
#include "bpf/flow_rule.h"
#include "bpf/lb_abi.h"
#include "bpf/maps.h"
#include "bpf/parse.h"
#include "bpf/ring.h"
#include "bpf/stats.h"

/* The real of an entry under this hash, where the flow may go on with it; else 0. */
__noinline __u32 former_find(__u64 hash, __u32 now, __u32 kind)
{
	const struct lb_flow_line *line = flow_line(hash);
	__u32 way = 0, real;
	__u64 seen;

	if (!line)
		return 0;
	seen = flow_find(line, flow_tag(hash), &way);
	real = LB_FLOW_REAL(seen);
	if (!seen || !flow_is_young(seen, now, LB_READ_ONCE(lb.flow_idle)) ||
	    !flow_stays(flow_flags(real), kind))
		return 0;
	return real;
}

/* The real that a flow is remembered with by one of the rings that the service had. */
LB_INLINE __u32 former_remembered(const struct lb_former *former, const struct lb_service *service,
				  const struct packet *packet, __u32 now, __u32 kind)
{
	__u32 real = 0;
	int i;

	LB_ROLLED
	for (i = 0; i < LB_FORMER_KEYS && !real; i++) {
		__u32 key = LB_READ_ONCE(former->keys[i]);

		if (key != LB_NONE && key != service->ring_key)
			real = former_find(flow_hash(lb.flow_key, packet, key), now, kind);
	}
	return real;
}

__noinline int former_drop(__u64 hash)
{
	struct lb_flow_line *line = flow_line(hash);

	return line && flow_drop(line, flow_tag(hash));
}

/* From now on the present ring says where the flow is: nobody shall who gets the service back. */
LB_INLINE void former_forget(const struct lb_former *former, const struct lb_service *service,
			     const struct packet *packet)
{
	int i;

	LB_ROLLED
	for (i = 0; i < LB_FORMER_KEYS; i++) {
		__u32 key = LB_READ_ONCE(former->keys[i]);

		if (key != LB_NONE && key != service->ring_key)
			former_drop(flow_hash(lb.flow_key, packet, key));
	}
}

/* The real of flows that nobody remembers. */
LB_INLINE __u32 former_unremembered(const struct lb_former *former, const struct packet *packet)
{
	__u32 index = former->origin.ring, slot;
	struct entropy entropy;
	const struct lb_ring *ring;

	ring = bpf_map_lookup_elem(&rings, &index);
	slot = ring_choose(&former->origin, packet, &entropy, lb_hash_seed,
			   packet->is_ipv6 ? lb_hash_seed_v6 : 0);
	if (!ring || slot >= LB_RING_SLOTS)
		return 0;
	return flow_slot_unremembered(LB_READ_ONCE(ring->slots[slot]));
}

/* Set choice->real where a former ring remembers the flow, else what flow_choose() is to know. */
__noinline int former_choose(struct lb_counters *line, const struct lb_service *service,
			     const struct packet *packet, struct choice *choice, __u32 is_routed)
{
	const struct lb_former *former;
	__u32 now, kind, real = 0;
	bool writes, is_known;
	__u64 hash;

	if (!line || !service || !packet || !choice || choice->is_probe)
		return 0;
	former = &lb.formers[service->counter & (LB_SERVICES - 1)];
	now = flow_now();
	kind = flow_kind(service, packet);
	writes = !(kind & FLOW_READ_ONLY);
	hash = flow_hash(lb.flow_key, packet, service->ring_key);
	is_known = !(kind & FLOW_NEW) && former_find(hash, now, kind);
	if (!packet->is_fragment && !(kind & FLOW_NEW) && !is_known)
		real = former_remembered(former, service, packet, now, kind);
	if (real && writes)
		flow_enter(line, hash, real, now, false);
	if (writes && !is_known)
		former_forget(former, service, packet);
	if (real) {
		choice->real = real;
		choice->why = LB_WHY_FLOW;
		stats_note(line, LB_NOTE_FLOW_HIT);
		return 0;
	}
	choice->asks_flows = CHOICE_ASKS | CHOICE_ALWAYS;
	if (now - LB_READ_ONCE(former->changed_age) <= lb_flow_udp_ages)
		choice->asks_flows |= CHOICE_RECENT;
	if (!is_routed)
		choice->alt = former_unremembered(former, packet);
	return 0;
}
