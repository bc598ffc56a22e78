/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ring.h - Maglev rings in the katran-compatible order, and the overlay that decides from there who
 * owns each slot now.
 *
 * The base ring depends on addresses and weights alone, so every node builds the same one. The
 * overlay depends on the base ring, on which reals take new flows now and on the pool's policy,
 * never on history.
 * Source: Maglev (NSDI 2016) section 3.4; hash constants in docs/ring.md.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/addr.h"
#include "src/config/config.h"

#define RING_SLOTS 65537U     /* prime */
#define RING_NONE  UINT16_MAX /* a slot without owner */

#define RING_PARTS 1024U /* shares of a real's slots are counted in these */

struct ring_real {
	struct addr addr;
	uint32_t weight;      /* 0: never owns a slot */
	bool is_backup;       /* owns no slot of the base ring */
	bool takes_new_flows; /* as judged */
	bool never_kept;      /* the floor does not: unjudged, or its address is gone */
	bool has_no_way;   /* no next hop: of no use even where all are down and the pool opens */
	bool is_out;       /* an operator took it out: by no rule does it serve */
	bool serves;       /* the answer of ring_serving() */
	uint16_t withheld; /* slow start: so many of RING_PARTS parts of its slots go elsewhere */
};

/* What a pool wants when too few reals take new flows. */
struct ring_policy {
	uint32_t floor_percent, floor_count; /* normal reals that serve at the least; 0: none */
	bool opens;                          /* all-down: open */
	bool rebuilds;                       /* ring: rebuild */
};

/* By which rule reals serve; what is not RING_HEALTHY or RING_BACKUPS overrides their checks. */
enum ring_rule {
	RING_HEALTHY, /* the normal reals that take new flows */
	RING_FLOOR,   /* these, and failed ones up to the floor */
	RING_BACKUPS, /* no normal real takes new flows: the backups that do */
	RING_OPEN,    /* nobody takes new flows: every normal real, as if nothing had failed */
	RING_NOBODY,
};

/* What the config says of a pool and of a real, which takes new flows. */
struct ring_policy ring_policy_of(const struct config_pool *pool);
struct ring_real ring_real_of(const struct config_real *real);

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
 * ring_serving - who serves: sets `serves` of every real.
 * The floor counts normal reals with weight, a percentage rounded up. It adds failed reals to at
 * least one that takes new flows, in the order of a hash of their address, so that one more failure
 * never takes out a real that the floor kept so far. Where none is left the backups serve, then
 * the policy for all-down decides.
 */
enum ring_rule ring_serving(struct ring_real *reals, size_t n_reals,
			    const struct ring_policy *policy);

/* How many normal reals the floor wants to serve, of those there are, taken out or not. */
size_t ring_floor(const struct ring_real *reals, size_t n_reals, const struct ring_policy *policy);

/*
 * ring_overlay - the owner of every slot now; calls ring_serving().
 * @base:  from ring_base() with the same reals; or, when since the last overlay reals only left and
 *         none withholds a part, the result of that: slots of reals that still serve stay.
 * @slots: gets the owner: the base owner where it serves and does not withhold the slot, else the
 *         one that weighted rendezvous of (slot, address) picks among those that serve and do not
 *         withhold it. Where all withhold it, it is as if none did. RING_NONE when none serves.
 *         May be the same array as base.
 */
enum ring_rule ring_overlay(struct ring_real *reals, size_t n_reals,
			    const struct ring_policy *policy, const uint16_t *base,
			    uint16_t slots[RING_SLOTS]);

/*
 * ring_inherit - the same for some slots whose base owner does not serve: owners[i] gets the heir
 * of slots[i]. `serves` is set.
 */
void ring_inherit(const struct ring_real *reals, size_t n_reals, const uint32_t *slots,
		  size_t n_slots, uint16_t *owners);

/*
 * ring_build - the owner of every slot now, from nothing: base ring and overlay. With `ring:
 * rebuild` the base ring is that of the reals that serve, as katran would make it, so that a group
 * of both stays in step through failures; other slots move with each, too.
 * Returns 0 or -ENOMEM; ret_rule may be NULL.
 */
int ring_build(struct ring_real *reals, size_t n_reals, const struct ring_policy *policy,
	       uint16_t slots[RING_SLOTS], enum ring_rule *ret_rule);
