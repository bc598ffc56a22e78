/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lateness.h - how late probes started, as a histogram of fixed size: 8 steps to each doubling, so
 * that a percentile read from it is at most 12.5 % above the true one. Pure.
 */
#pragma once

#include <stdint.h>

#include "src/base/usec.h"

#define LATENESS_STEPS 256

struct lateness {
	uint64_t total;
	uint32_t counts[LATENESS_STEPS];
};

/* Note one start, late_us after its plan. */
void lateness_add(struct lateness *lateness, usec_t late_us);

/* The value that `percent` of those noted do not exceed (rounded up to its step); 0 when empty. */
usec_t lateness_percentile(const struct lateness *lateness, unsigned percent);
