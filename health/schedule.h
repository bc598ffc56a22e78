/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schedule.h - when the probes of a target start. Pure: the caller brings time and random bits.
 *
 * A target starts at a phase that its id gives, so that any number of targets that arrive together
 * spread evenly over one interval. After that each start follows the planned (not the actual) one
 * by the interval in force, stretched or shortened by at most half the jitter, so that targets
 * neither drift with the load nor fall into step. jitter 20% means intervals of 90 to 110 %.
 *
 * While undecided, targets that appeared together start crowded, within a fast interval. Once such
 * a target settles it gets a new phase, so that ten thousand spread over the long interval at once
 * and not by jitter alone, which takes minutes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "src/base/usec.h"

enum schedule_pace {
	SCHEDULE_NORMAL, /* the state is settled: up */
	SCHEDULE_FAST,   /* undecided: the next results decide */
	SCHEDULE_SLOW,   /* the state is settled: down */
};

struct schedule_timing {
	usec_t interval_us, fast_us, slow_us; /* from start to start */
	usec_t timeout_us;                    /* from the start */
	uint32_t jitter_percent;              /* 0..100, the whole width */
};

/* The first start: within one interval of the pace from now, where the id says. */
usec_t schedule_first(const struct schedule_timing *timing, enum schedule_pace pace, uint64_t id,
		      usec_t now);

/*
 * schedule_next - the start after one planned for `planned`.
 * @random: 64 random bits, used for the jitter.
 * @now:    the earliest answer: a probe that took longer than the interval is followed at once.
 */
usec_t schedule_next(const struct schedule_timing *timing, enum schedule_pace pace, uint64_t random,
		     usec_t planned, usec_t now);

/* The first start at a slower pace than before: anywhere within one interval from now. */
usec_t schedule_settle(const struct schedule_timing *timing, enum schedule_pace pace,
		       uint64_t random, usec_t now);

/*
 * schedule_skip - like schedule_next() after a start that was missed: whole intervals are left out
 * and the phase is kept, so that a stall of the prober does not end in all targets starting at
 * once.
 */
usec_t schedule_skip(const struct schedule_timing *timing, enum schedule_pace pace, uint64_t random,
		     usec_t planned, usec_t now);

/* True when a start at `now` is later than planned by more than half the timeout. */
bool schedule_is_late(const struct schedule_timing *timing, usec_t planned, usec_t now);

/* 64 well mixed bits of any 64 (splitmix64). */
uint64_t schedule_mix(uint64_t bits);
