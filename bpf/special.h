/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * special.h - what only some services do before a packet's real is chosen: drop lists, rate
 * limits, server ids, source routes. Only lb.bpf.c includes this.
 *
 * Rules and ids are looked up per packet, so a change of them is in force at once. Whatever they
 * name is looked at before it is followed: a real without record, or dead, is as if it were not
 * named, and the packet goes where its slot or the flow table says.
 */
#pragma once

#include "bpf/base.h"
#include "bpf/flow.h"
#include "bpf/former.h"
#include "bpf/frame.h"
#include "bpf/ids.h"
#include "bpf/lb_abi.h"
#include "bpf/maps.h"
#include "bpf/parse.h"
#include "bpf/ring.h"
#include "bpf/stats.h"

#define SPECIAL_IDS_OF_FLOWS (LB_SERVICE_QUIC | LB_SERVICE_TCP_ID)
#define SPECIAL_IDS          (SPECIAL_IDS_OF_FLOWS | LB_SERVICE_UDP_ID)

#define SPECIAL_NSEC_PER_SEC 1000000000ULL
#define SPECIAL_BURST_NS     (SPECIAL_NSEC_PER_SEC / 10)

/* What a list of rules says of the packet's client; NULL: nothing. */
LB_INLINE const __u32 *special_rule(void *map, const struct lb_service *service,
				    const struct packet *packet)
{
	struct lb_source_key key = { .len = 32 + 128 };

	key.service = lb_htonl(service->counter);
	key.addr[0] = packet->src[0];
	key.addr[1] = packet->src[1];
	key.addr[2] = packet->src[2];
	key.addr[3] = packet->src[3];
	return bpf_map_lookup_elem(map, &key);
}

LB_INLINE __u32 special_real_flags(__u32 real)
{
	return LB_READ_ONCE(lb.reals[real & (LB_REALS - 1)].flags);
}

LB_INLINE bool special_real_lives(__u32 flags)
{
	return (flags & (LB_REAL_USED | LB_REAL_DEAD)) == LB_REAL_USED;
}

/*
 * A client with a real of its own. While that real takes no new flows the client's slot is as if
 * it were moving from it to the real of the ring: its flows stay, new ones go to the ring. The
 * flow table is asked at all times, so that those stay where they are when it takes again.
 */
LB_INLINE bool special_route(struct lb_counters *line, const struct lb_service *service,
			     const struct packet *packet, struct choice *choice)
{
	const __u32 *rule = special_rule(&source_routes, service, packet);
	__u32 real, flags;

	if (!rule)
		return false;
	real = *rule & (LB_REALS - 1);
	flags = special_real_flags(real);
	if (!special_real_lives(flags))
		return false;
	choice->alt = real;
	choice->asks_flows = !packet->is_fragment;
	if (flags & LB_REAL_TAKES) {
		choice->cur = real;
		choice->why = LB_WHY_SOURCE;
		stats_note(line, LB_NOTE_SOURCE_ROUTED);
	}
	return true;
}

/* ---- server ids ---- */

/* The id in a packet of this service, and what kind of packet it is. */
LB_INLINE enum ids_found special_find_id(struct xdp_md *ctx, const struct lb_service *service,
					 const struct packet *packet, __u32 *id)
{
	const void *frame = frame_start(ctx), *end = frame_end(ctx);
	struct ids_payload payload;

	if (packet->is_error || packet->is_fragment)
		return IDS_NONE;
	if (service->flags & LB_SERVICE_TCP_ID)
		return packet->is_syn ? IDS_NONE : ids_tcp(frame, end, packet, id);
	payload = ids_udp_payload(frame, end, packet);
	return service->flags & LB_SERVICE_QUIC ? ids_quic(frame, end, &payload, id)
						: ids_stable(frame, end, &payload, id);
}

/* The living real that an id names; 0: none. */
LB_INLINE __u32 special_real_of_id(const struct lb_service *service, __u32 id)
{
	struct lb_id_key key = { .id = id };
	const __u32 *found;
	__u32 real;

	key.ring = service->flags & LB_SERVICE_IDS_ANY ? LB_ID_ANY_RING : service->ring;
	found = bpf_map_lookup_elem(&server_ids, &key);
	if (!found)
		return 0;
	real = *found & (LB_REALS - 1);
	return special_real_lives(special_real_flags(real)) ? real : 0;
}

/*
 * Packets without an id, as of a QUIC flow that changes its connection id, follow those that had
 * one: where the id and the slot disagree the flow is remembered. As katran, stable UDP does not:
 * there a payload without id belongs to no flow that had one.
 */
LB_INLINE void special_follow_id(struct lb_counters *line, const struct lb_service *service,
				 const struct packet *packet, __u32 id, struct choice *choice)
{
	__u32 real = special_real_of_id(service, id);

	if (!real) {
		stats_note(line, LB_NOTE_ID_UNKNOWN);
		return;
	}
	choice->real = real;
	choice->why = LB_WHY_ID;
	stats_note(line, LB_NOTE_ID_ROUTED);
	if (service->flags & SPECIAL_IDS_OF_FLOWS && flow_assign(line, service, packet, choice))
		stats_note(line, LB_NOTE_ID_EXCEPTION);
}

/* ---- new flows ---- */

LB_INLINE __u64 special_now(void)
{
	if (lb_is_traced && lb_clock.is_set)
		return LB_READ_ONCE(lb_clock.ns);
	return bpf_ktime_get_ns();
}

/*
 * Whether the service takes one more new flow: a token bucket that holds what comes in a tenth of a
 * second, at least one. lb.rates has the moment from which on the next flow is let in, shared by
 * all CPUs; it lags behind by what is in the bucket. What is too much only reads, so that a flood
 * does not fight for the word.
 */
LB_INLINE bool special_lets_in(const struct lb_service *service)
{
	__u64 *next = &lb.rates[service->counter & (LB_SERVICES - 1)];
	__u64 step = service->rate ? SPECIAL_NSEC_PER_SEC / service->rate : 0;
	__u64 now = special_now(), due = LB_READ_ONCE(*next);

	if (due > now)
		return false;
	/* Who loses this exchange goes by what another CPU put there. */
	if (due + SPECIAL_BURST_NS < now)
		__sync_val_compare_and_swap(next, due, now - SPECIAL_BURST_NS);
	if (__sync_fetch_and_add(next, step) <= now)
		return true;
	__sync_fetch_and_add(next, -step);
	return false;
}

/* Returns 0, with choice->real set when the real is found, or how the packet ends. */
__noinline int special_choose(struct xdp_md *ctx, struct lb_counters *line,
			      const struct lb_service *service, const struct packet *packet,
			      struct choice *choice)
{
	enum ids_found found = IDS_NONE;
	bool is_routed = false;
	__u32 id = 0;

	if (!line || !service || !packet || !choice)
		return LB_DROP_UNSERVED;
	if (service->flags & LB_SERVICE_DROPS && special_rule(&source_drops, service, packet))
		return LB_DROP_SOURCE;
	if (service->flags & SPECIAL_IDS)
		found = special_find_id(ctx, service, packet, &id);
	/* Before anything that costs more: this is what ends a flood. */
	if (service->flags & LB_SERVICE_RATE && (packet->is_syn || found == IDS_INITIAL) &&
	    !special_lets_in(service))
		return LB_DROP_RATE;
	if (service->flags & LB_SERVICE_SOURCES)
		is_routed = special_route(line, service, packet, choice);
	if (service->flags & SPECIAL_IDS_OF_FLOWS)
		choice->asks_flows = !packet->is_fragment;
	if (found == IDS_FOUND)
		special_follow_id(line, service, packet, id, choice);
	else if (found == IDS_INITIAL)
		stats_note(line, LB_NOTE_ID_INITIAL);
	else if (service->flags & SPECIAL_IDS)
		stats_note(line, LB_NOTE_ID_NONE);
	if (service->flags & LB_SERVICE_FORMER && !choice->real)
		former_choose(line, service, packet, choice, is_routed);
	return 0;
}
