/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ring.h - Maglev rings in the katran-compatible order, and the overlay that hands over the slots
 * of reals that take no new flows.
 *
 * The base ring depends on addresses and weights alone, so every node builds the same one. The
 * overlay depends on the base ring and on which reals take new flows now, never on history.
 * Source: Maglev (NSDI 2016) section 3.4; hash constants in docs/ring.md.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/addr.h"

#define RING_SLOTS 65537U     /* prime */
#define RING_NONE  UINT16_MAX /* a slot without owner */

struct ring_real {
	struct addr addr;
	uint32_t weight;      /* 0: never owns a slot */
	bool is_backup;       /* owns no slot of the base ring */
	bool takes_new_flows; /* overlay input */
};

/* The 64-bit hash that orders reals: katran's, IPv4 and IPv6 (mapped IPv6 counts as IPv4). */
uint64_t ring_addr_hash(const struct addr *addr);

/* The first 64 bits of MurmurHash3 x64-128 over a and b (little endian), with seed. */
uint64_t ring_murmur(uint64_t a, uint64_t b, uint32_t seed);

/*
 * ring_base - the Maglev V2 ring of all normal reals.
 * @reals: any order, at most 65,534, no address twice.
 * @slots: gets for each slot the index into reals, RING_NONE when no real has weight.
 * Returns 0 or -ENOMEM.
 */
int ring_base(const struct ring_real *reals, size_t n_reals, uint16_t slots[RING_SLOTS]);

/*
 * ring_overlay - the owner of every slot now.
 * @base:  from ring_base() with the same reals.
 * @slots: gets the owner: the base owner where it takes new flows, else the one that weighted
 *         rendezvous of (slot, address) picks among normal reals that do, else among backups;
 *         RING_NONE when none does. May be the same array as base.
 */
void ring_overlay(const struct ring_real *reals, size_t n_reals, const uint16_t *base,
		  uint16_t slots[RING_SLOTS]);
