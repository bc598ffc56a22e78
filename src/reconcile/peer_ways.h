/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer_ways.h - over which uplinks the established peers are reached, and whether all of these are
 * lost: the node would go on announcing what the peers can no longer send it, until the hold time
 * ends the sessions.
 *
 * A peer's uplink is the one that the kernel's route to its address leads over, or the interface of
 * an unnumbered one. A peer on that link itself stays with it while its session lasts, whatever
 * other route is left; one behind a gateway may be reached over any uplink that has a way to it.
 * Peers over other interfaces are not judged, and neither is a node whose peers are all down: then
 * those that were established last count, for losing peers alone withdraws nothing.
 *
 * Pure: the kernel's facts come from the owner.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/config/config.h"

#define PEER_WAY_KEY_MAX 64
#define PEER_WAYS_MAX    64 /* further peers are not judged, so they keep the node announcing */

struct peer_way {
	char key[PEER_WAY_KEY_MAX]; /* which peer: its address or interface */
	bool counts;                /* established, or of those that were last */
	bool is_known, is_on_link;
	uint32_t uplink; /* index in node.uplinks */
};

/* Zeroed memory knows nothing yet. */
struct peer_ways {
	struct peer_way peers[PEER_WAYS_MAX]; /* as in the config */
	size_t n;
};

struct peer_ways_facts {
	bool (*is_established)(void *arg, size_t peer);
	/* The uplink that a packet to dst takes; false: none of ours, or there is no route. */
	bool (*route)(void *arg, const struct addr *dst, uint32_t *ret_uplink,
		      bool *ret_is_on_link);
	/* Carrier and, with dst, a next hop towards it; true while that is not known yet. */
	bool (*has_way)(void *arg, uint32_t uplink, const struct addr *dst);
	void *arg;
};

/* True when there are peers to judge, and none of them can be reached. */
bool peer_ways_are_cut_off(struct peer_ways *ways, const struct config *config,
			   const struct peer_ways_facts *facts);
