/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reconcile.h - keeps `struct observed` true and carries the core's plan out through the two ports:
 * the data plane and the router.
 *
 * Level-triggered: one pass reads back what the ports know, tells the core, asks it for a plan,
 * does the ops in order, and repeats until nothing is left to do now. An op that fails stays in
 * the plan and is tried again after a pause that doubles up to RECONCILE_BACKOFF_MAX_US. Start,
 * restart, reload and repair are this one path.
 *
 * Rings are found again through the services that point to them, never by a pool's name.
 * Called by src/main.c only, on the main loop.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "src/base/err.h"
#include "src/base/usec.h"
#include "src/core/core.h"

struct dataplane;
struct lives;
struct repairs;
struct router;
struct reconcile;

#define RECONCILE_BACKOFF_MIN_US (100 * USEC_PER_MSEC)
#define RECONCILE_BACKOFF_MAX_US (10 * USEC_PER_SEC)
/* Every announced service is proved again this often. */
#define RECONCILE_SELF_TEST_US (5 * USEC_PER_SEC)
/* What the maps hold is compared with what was written this often. */
#define RECONCILE_READ_BACK_US (15 * USEC_PER_SEC)

struct reconcile_options {
	struct core *core;
	struct dataplane *dataplane;
	struct router *router;
	const char *run_dir; /* for the `announced` file; borrowed */
	/* a real got its index: write its next hops now; called inside the pass */
	void (*real_programmed)(const struct addr *real, void *arg);
	/* one that left the config is deleted: its next hops are of no use any more; NULL: nobody
	 * cares */
	void (*real_deleted)(const struct addr *real, void *arg);
	void *arg;
	struct repairs *repairs; /* counted here; NULL: nobody does */
};

/*
 * reconcile_new - read back the data plane and tell the core which reals the adopted rings name.
 * Returns 0 or a negative errno with the sentence.
 */
int reconcile_new(const struct reconcile_options *options, struct reconcile **ret, struct err *err);
void reconcile_free(struct reconcile *reconcile);

/* After core_reload(): match tables to the new config. 0 or -ENOMEM, the former state kept. */
int reconcile_reload(struct reconcile *reconcile, struct err *err);

/*
 * reconcile_pass - one pass. Returns when the next one is due for a retry or a periodic
 * self-test (boottime), whatever events come before.
 */
usec_t reconcile_pass(struct reconcile *reconcile, usec_t now);

/*
 * reconcile_mend - compare a part of the data plane with what was written there, and put back what
 * somebody else changed. Once a second, for about a millisecond.
 */
void reconcile_mend(struct reconcile *reconcile);

/*
 * reconcile_distrust_routes - somebody else may be writing to bgpd until then (boottime): what was
 * read back before counts as not read, and a new read-back is asked for once the time has come.
 */
void reconcile_distrust_routes(struct reconcile *reconcile, usec_t until);

/* True when the last pass planned on routes that were read back and could be trusted. */
bool reconcile_routes_are_read(const struct reconcile *reconcile);

/* True when the last pass left nothing planned, failed or in flight. */
bool reconcile_is_settled(const struct reconcile *reconcile);
/*
 * True when the last pass left nothing to do in the data plane: reals, rings and services are as
 * desired and proven.
 */
bool reconcile_maps_are_filled(const struct reconcile *reconcile);
/* When the plan that queued router commands was made; a plan gets stale (boottime). */
usec_t reconcile_planned_at(const struct reconcile *reconcile);

/* The ring of a pool of the config, DATAPLANE_NO_RING when it has none. */
uint32_t reconcile_ring(const struct reconcile *reconcile, uint32_t pool);

/* The lives of reals, for views. */
const struct lives *reconcile_lives(const struct reconcile *reconcile);

struct reconcile_stats {
	uint64_t passes, ops, failures;
	char last_failure[320]; /* "ring-set pool=web: ..." or empty */
};
const struct reconcile_stats *reconcile_stats(const struct reconcile *reconcile);
