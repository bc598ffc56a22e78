/* SPDX-License-Identifier: Apache-2.0 */
/*
 * latency.h - how long probes take, counted in fixed buckets: 100 us, 200 us, 500 us, 1 ms and so
 * on up to 10 s, and one for all that is longer. The same buckets for every pool and release, so
 * that histograms of several nodes can be added.
 *
 * shoal-probe counts since its start; latency_window makes of that what the last minute or two say.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/usec.h"

#define LATENCY_BUCKETS   17                  /* the last is without bound */
#define LATENCY_WINDOW_US (60 * USEC_PER_SEC) /* the last one to two of these are looked at */

struct latency {
	uint64_t buckets[LATENCY_BUCKETS]; /* probes in each, not added up */
	uint64_t sum_us;
};

/* The upper bound of a bucket, USEC_NEVER for the last. */
usec_t latency_bound(size_t bucket);

/* Count one probe. */
void latency_add(struct latency *latency, usec_t us);

/* Add all of another. */
void latency_join(struct latency *to, const struct latency *from);

uint64_t latency_count(const struct latency *latency);

/*
 * latency_percentile - the time that `percent` of the probes stayed below, as far as the buckets
 * tell (straight lines inside each); what lies in the last counts as its lower bound.
 * False without a probe.
 */
bool latency_percentile(const struct latency *latency, unsigned percent, usec_t *ret);

/* Counts that only grow, or begin anew, seen through the last one to two windows. */
struct latency_window {
	struct latency total;         /* as told last */
	struct latency current, last; /* of this window, of the one before */
	usec_t started;
};

void latency_window_take(struct latency_window *window, const struct latency *total, usec_t now);
/* What the window holds at this moment. */
struct latency latency_window_recent(const struct latency_window *window, usec_t now);
