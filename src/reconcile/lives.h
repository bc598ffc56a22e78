/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lives.h - what becomes of the flows of each real, carried into the data plane; and the reals that
 * left the config, which stay programmed until their flows are over.
 *
 * The data plane knows addresses, the core reals of pools: an address takes new flows only where
 * every pool that serves gives it some, and is dead when one calls it dead and none hears it. What
 * only some pools do not know yet stays as the maps have it. A new real is leaving until it is
 * judged, so that the seed of a ring leads to flows that other nodes gave it.
 *
 * A real that left is leaving, or dead if it was when it left. It keeps its index, record and next
 * hop for as long as a slot names it or packets go to it, and for the idle time after that, the
 * longest that a flow may be silent. Called by reconcile.c only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "src/base/err.h"
#include "src/base/usec.h"
#include "src/core/core.h"

struct dataplane;
struct lives;

struct lives_options {
	struct core *core;
	struct dataplane *dataplane;
	void (*real_deleted)(const struct addr *real, void *arg); /* NULL: nobody cares */
	void *arg;
};

/*
 * lives_new - tell the core which life each real has in the data plane.
 * Returns 0 or -ENOMEM with the sentence.
 */
int lives_new(const struct lives_options *options, struct lives **ret, struct err *err);
void lives_free(struct lives *lives); /* NULL is fine */

/* The config is another, or the first: find the reals that left it. */
void lives_config_changed(struct lives *lives);
/* Reals were programmed, with the life that new ones have. */
void lives_reals_changed(struct lives *lives);

/* Write what is not written yet; before the rings, whose transitions rest on it. */
void lives_carry_out(struct lives *lives);

/*
 * lives_watch - look for traffic to reals that left. *ret_next: when to look again, USEC_NEVER when
 * none is left. True when one has been quiet for long enough to ask whether a slot names it.
 */
bool lives_watch(struct lives *lives, usec_t now, usec_t *ret_next);
/* Delete the quiet ones that no slot names. @named: by real index, of all rings. */
void lives_collect(struct lives *lives, usec_t now, const bool *named);

/* A real that left and is still there. */
struct lives_leaver {
	struct addr addr;
	usec_t since;       /* of its leaving, or of this start; 0: not looked at yet */
	usec_t quiet_since; /* of the last packet to it as far as known, 0 likewise */
};
/* i counts from 0; false ends the list. */
bool lives_leaver(const struct lives *lives, size_t i, struct lives_leaver *ret);
