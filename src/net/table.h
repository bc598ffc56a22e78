/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table.h - what net knows: uplinks, reals, the way to each real over each uplink, and the
 * gateways those ways share. Pure: it is told what the kernel said and says what to ask next.
 *
 *     struct uplink ── ways ──▶ struct gateway   one neighbour entry: (uplink, address)
 *                        ▲
 *     struct real ───────┘      one way for each uplink
 *
 * Many reals share few gateways, so neighbours cost by gateway, routes by real and uplink.
 *
 * What is not known for sure waits in the queue of lookups, each object at most once. An old
 * answer stays in force until the new one is there, so asking again never disturbs a next hop.
 * Changes collect in the dirty list; table_flush() tells them once they are settled.
 *
 * Make before break: when a way turns to a gateway that is being resolved for the first time, or
 * an entry is flushed and resolved anew, the next hop shown stays for RESOLVE_GRACE. A neighbour
 * that the kernel calls failed is unusable at once.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/addr.h"
#include "src/base/err.h"
#include "src/base/usec.h"
#include "src/net/net.h"
#include "src/net/wire.h"

#define TABLE_UPLINKS_MAX 8

struct table;

enum lookup_kind {
	LOOKUP_HOST,    /* route to a real, any interface: local, blackhole, ... */
	LOOKUP_WAY,     /* route to a real over one uplink */
	LOOKUP_NEIGH,   /* neighbour entry of a gateway */
	LOOKUP_CREATE,  /* make a managed neighbour entry */
	LOOKUP_MANAGE,  /* make an existing one managed, and resolve it */
	LOOKUP_RELEASE, /* let the kernel forget it */
};

/* One question for the kernel; valid until answered, see table_take_lookup(). */
struct lookup_query {
	enum lookup_kind kind;
	struct addr addr;
	uint32_t ifindex; /* 0 for LOOKUP_HOST */
};

struct lookup;

struct table *table_new(void);
void table_free(struct table *table);

/* -ENOSPC when index is past the last; -EEXIST when it follows another name; -ENOMEM. */
int table_add_uplink(struct table *table, uint32_t index, const char *name);
const char *table_uplink_name(const struct table *table, uint32_t index); /* NULL: none */
/* Twice is fine. -ENOMEM. */
int table_add_real(struct table *table, const struct addr *addr);
/* Gateways nobody needs any more are released on later lookups. */
void table_del_real(struct table *table, const struct addr *addr);

/* ---- what the kernel said ---- */

/* A link event, or an answer: concerns an uplink when name or ifindex is one's. */
void table_link(struct table *table, const struct wire_link *link);
/* There is no link of this uplink's name. */
void table_no_link(struct table *table, uint32_t uplink);
/*
 * All addresses there are, in the kernel's order. The first source address of each family is the
 * uplink's, but one shown already stays while it exists.
 */
void table_addrs(struct table *table, const struct wire_addr *addrs, size_t n);
bool table_is_uplink(const struct table *table, uint32_t ifindex);
void table_neigh(struct table *table, const struct wire_neigh *neigh, usec_t now);

/* ---- what to ask ---- */

/* Ask everything again, answers staying in force meanwhile. */
void table_stale_routes(struct table *table);
void table_stale_neighbours(struct table *table);
/* Once a second: unresolved gateways are asked for again, unmanaged ones kept alive. */
void table_tick(struct table *table, usec_t now);

bool table_has_lookups(const struct table *table);
/*
 * table_take_lookup - the next question, NULL when there is none. It must be answered by one of
 * the two functions below before table_del_real() or anything else frees what it is about.
 */
struct lookup *table_take_lookup(struct table *table, struct lookup_query *ret);
/* For LOOKUP_HOST and LOOKUP_WAY: a route, or NULL and the kernel's negative errno. */
void table_answer_route(struct table *table, struct lookup *lookup, const struct wire_route *route,
			int error);
/* For the others: an entry (LOOKUP_NEIGH only), or NULL and the kernel's errno, 0 for done. */
void table_answer_neigh(struct table *table, struct lookup *lookup, const struct wire_neigh *neigh,
			int error, usec_t now);
/* No answer came: it is asked again. */
void table_requeue(struct table *table, struct lookup *lookup);

/* ---- what came of it ---- */

/* Call back for every uplink and next hop that changed and is settled. */
void table_flush(struct table *table, const struct net_callbacks *callbacks, usec_t now);

const struct net_uplink *table_uplink(const struct table *table, uint32_t index);
const struct net_next_hop *table_next_hop(const struct table *table, uint32_t uplink,
					  const struct addr *real);
