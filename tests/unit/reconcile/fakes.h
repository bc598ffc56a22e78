/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fakes.h - the two ports and the lease files as plain tables, linked in place of the real ones, so
 * that the reconciler runs with the real core and nothing else.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "frr-integration/router.h"
#include "src/core/core.h"
#include "src/dataplane/dataplane.h"
#include "src/guard/lease.h"

#define FAKE_MAX 64

/* What the fake ports hold; tests read it and set faults in it. */
struct fake {
	char journal[4096]; /* one word a call that changes something, separated by spaces */

	struct addr reals[FAKE_MAX]; /* index 0 unused */
	size_t n_reals;
	enum dataplane_real_life lives[FAKE_MAX];
	uint64_t packets[FAKE_MAX]; /* to each real */
	bool ring_used[FAKE_MAX];
	uint32_t rings[FAKE_MAX][RING_SLOTS];
	uint64_t made_of[FAKE_MAX];       /* what was noted of a ring since its last write */
	uint16_t seed[RING_SLOTS];        /* of the last ring seeded */
	uint32_t ids[FAKE_MAX][FAKE_MAX]; /* by ring, then by real; 0: none */
	struct dataplane_service services[FAKE_MAX];
	size_t n_services;
	struct prefix vips[FAKE_MAX];
	size_t n_vips;
	int fail_set_real, fail_set_service, fail_self_test; /* calls to fail before succeeding */

	struct dataplane_mended mended; /* told once when mended_n is set */
	int mended_n;

	enum router_life life;
	bool is_read, is_busy;
	usec_t read_at;
	struct router_route routes[FAKE_MAX];
	size_t n_routes;

	struct lease_prefix announced[FAKE_MAX];
	size_t n_announced;
	bool fail_announced;
};

extern struct fake fake;

/* Everything empty, the router ready and read. */
void fake_reset(void);

/* True when word stands in the journal, and before other where that is not NULL. */
bool fake_did(const char *word, const char *before);
