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

	/* Without a branch: random flows would have it guessed wrong every other time. */
	return (__u32)(slot + (slot >> 31 & (__s32)LB_RING_SLOTS));
}

/* What of a flow makes its outer source; differs from the flow where the service hashes less. */
struct entropy {
	__be32 client; /* last word of the address */
	__be16 sport;
	__u16 pad;
};

/* The ports that count, as they stand in the packet. */
LB_INLINE __be32 ring_ports(__u32 flags, __be32 ports)
{
	if (flags & LB_SERVICE_NO_SPORT)
		ports &= lb_htonl(0x0000ffff);
	if (flags & LB_SERVICE_NO_DPORT)
		ports &= lb_htonl(0xffff0000);
	return ports;
}

/* The slot of all flows to a port, as if they came from address zero and that port. */
LB_RARE __u32 ring_of_port(__u32 is_ipv6, __be32 ports, __u32 seed, __u32 seed_v6)
{
	return ring_slot(hash_port(is_ipv6, (__be16)(ports >> 16), seed, seed_v6));
}

/*
 * The slot of a packet's flow in the service's ring. User space says by flags which ports count;
 * destination-port hashes nothing else.
 */
LB_INLINE __u32 ring_choose(const struct lb_service *service, const struct packet *packet,
			    struct entropy *entropy, __u32 seed, __u32 seed_v6)
{
	__be32 ports = packet->ports;

	if (lb_unlikely(service->flags & (LB_SERVICE_NO_SPORT | LB_SERVICE_NO_DPORT)))
		ports = ring_ports(service->flags, ports);
	entropy->sport = (__be16)ports;
	if (lb_unlikely(service->hash == LB_HASH_DESTINATION_PORT)) {
		entropy->client = 0;
		return ring_of_port(packet->is_ipv6, ports, seed, seed_v6);
	}
	entropy->client = packet->src[3];
	return ring_slot(hash_flow(packet->src, packet->is_ipv6, ports, seed, seed_v6));
}

#define CHOICE_ASKS   1U
#define CHOICE_RECENT 2U /* as if the pool had just changed */
#define CHOICE_ALWAYS 4U /* to be remembered wherever it goes */

/* What a packet's real is chosen from. */
struct choice {
	__u32 slot, cur, alt; /* alt is cur in a steady slot, 0 in a settling one */
	__u32 real;           /* 0: not chosen yet */
	__u32 why;            /* enum lb_why */
	__u32 asks_flows;     /* CHOICE_*: the flow table may know better than a steady slot */
	__u32 is_probe;       /* a self-test: goes where the slot says, and writes nothing */
};
