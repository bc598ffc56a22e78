/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ring.h - from a flow to its slot. Shared with the self-test, which asks the ring the same way.
 */
#pragma once

#include "bpf/base.h"
#include "bpf/hash.h"
#include "bpf/lb_abi.h"
#include "bpf/parse.h"

/*
 * hash mod 65,537. As 2^16 is -1 modulo 65,537, hash = high * 2^16 + low is low - high: no
 * division, and clang keeps no product whose bound the verifier would lose.
 */
LB_INLINE __u32 ring_slot(__u32 hash)
{
	__s32 slot = (__s32)(hash & 0xffff) - (__s32)(hash >> 16);

	return (__u32)(slot < 0 ? slot + (__s32)LB_RING_SLOTS : slot);
}

/* What of a flow makes its outer source; differs from the flow where the service hashes less. */
struct entropy {
	__be32 client; /* last word of the address */
	__be16 sport;
	__u16 pad;
};

/*
 * The slot of a packet's flow in the service's ring. User space says by flags which ports count;
 * destination-port hashes nothing else.
 */
LB_INLINE __u32 ring_choose(const struct lb_service *service, const struct packet *packet,
			    struct entropy *entropy, __u32 seed, __u32 seed_v6)
{
	__be16 sport = service->flags & LB_SERVICE_NO_SPORT ? 0 : packet->sport;
	__be16 dport = service->flags & LB_SERVICE_NO_DPORT ? 0 : packet->dport;

	entropy->sport = sport;
	if (lb_unlikely(service->hash == LB_HASH_DESTINATION_PORT)) {
		entropy->client = 0;
		return ring_slot(hash_port(packet->is_ipv6, dport, seed, seed_v6));
	}
	entropy->client = packet->src[3];
	return ring_slot(hash_flow(packet->src, packet->is_ipv6, sport, dport, seed, seed_v6));
}

/* What a packet's real is chosen from. */
struct choice {
	__u32 slot, cur, alt; /* alt is cur in a steady slot, 0 in a settling one */
	__u32 real;           /* 0: not chosen yet */
	__u32 why;            /* enum lb_why */
	__u32 asks_flows;     /* the flow table may know better than a steady slot */
	__u32 is_probe;       /* a self-test: goes where the slot says, and writes nothing */
};
