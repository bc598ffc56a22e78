/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fpm_table.h - of all that zebra tells, what Shoal wants: the routes that lead to an address of
 * interest (reals, peers) and those that touch a range (vip-ranges), with their next hops.
 *
 * Pure. A full table passes through and leaves nothing: memory is bounded by FPM_TABLE_BYTES_MAX
 * and FPM_TABLE_HOPS_MAX, whatever is sent. What found no room is counted, and then nothing can be
 * said of what is missing (fpm_table_is_short()).
 *
 * Mark and sweep: zebra sends all it has after connecting, but neither what went meanwhile nor that
 * it is done. fpm_table_begin() marks everything as stale, whatever is sent again is not, and
 * fpm_table_sweep() drops the rest once the owner believes that zebra is done, or at once when what
 * is sent finds no room.
 *
 * Next hops come in any order (a group before its members, a route before its group is gone), so
 * numbers are looked up when asked for, never kept as pointers.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frr-integration/fpm_frame.h"
#include "src/base/usec.h"

#define FPM_TABLE_BYTES_MAX (32U << 20)
#define FPM_TABLE_HOPS_MAX  65536 /* next-hop objects and groups */

struct fpm_table;

/* What is wanted; the arrays are sorted by fpm_interest_sort(). */
struct fpm_interest {
	struct addr *addrs;
	size_t n_addrs;
	struct prefix *ranges;
	size_t n_ranges;
};

/* Sort the addresses and drop those named twice. */
void fpm_interest_sort(struct fpm_interest *interest);
void fpm_interest_fini(struct fpm_interest *interest);
/* True when every route wanted by inner is wanted by outer as well. */
bool fpm_interest_contains(const struct fpm_interest *outer, const struct fpm_interest *inner);

struct fpm_route {
	struct prefix prefix;
	uint8_t protocol, type;
	uint32_t id;   /* of the next hop or group it names; 0: hops has them */
	usec_t since;  /* as it is */
	bool is_stale; /* from before the last begin, and not sent again */
	bool is_cut;   /* it has more next hops than these */
	unsigned n_hops;
	struct fpm_hop hops[];
};

/* A copy of what a message says of a route, for the caller to free(); NULL without memory. */
struct fpm_route *fpm_route_make(const struct fpm_message *message, usec_t now);

struct fpm_table *fpm_table_new(void);
void fpm_table_free(struct fpm_table *table);

/* Take over what is wanted (its arrays too) and drop what is not any more. */
void fpm_table_want(struct fpm_table *table, struct fpm_interest *interest);
const struct fpm_interest *fpm_table_interest(const struct fpm_table *table);

void fpm_table_begin(struct fpm_table *table);
/* Returns how many routes were dropped. */
size_t fpm_table_sweep(struct fpm_table *table);

void fpm_table_take(struct fpm_table *table, const struct fpm_message *message, usec_t now);

/* The most specific route that leads to addr, or NULL; valid until the next change. */
const struct fpm_route *fpm_table_find(const struct fpm_table *table, const struct addr *addr);

/*
 * fpm_table_hops - the next hops of a route, groups resolved.
 * @max: room in hops; FPM_HOPS_MAX is enough for any.
 * Returns how many, or -ENOENT when it names a next hop that zebra has not told, or not fully.
 */
int fpm_table_hops(const struct fpm_table *table, const struct fpm_route *route,
		   struct fpm_hop *hops, unsigned max);

struct fpm_table_stats {
	uint64_t routes_passed; /* of no interest */
	uint64_t no_room;       /* wanted, and not kept */
	size_t n_routes, n_stale, n_hops, n_bytes;
};
const struct fpm_table_stats *fpm_table_stats(const struct fpm_table *table);
/* Something wanted found no room since the last begin. */
bool fpm_table_is_short(const struct fpm_table *table);
