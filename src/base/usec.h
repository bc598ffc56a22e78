/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usec.h - the one time type: microseconds of the monotonic clock that also counts suspend
 * (CLOCK_BOOTTIME), so that stamps of several processes of one boot compare.
 *
 * src/core never reads the clock: time reaches it inside events.
 */
#pragma once

#include <stdint.h>
#include <time.h>

typedef uint64_t usec_t;

#define USEC_PER_MSEC 1000ULL
#define USEC_PER_SEC  1000000ULL
#define USEC_NEVER    UINT64_MAX /* a moment that does not come */

/* Now, in microseconds since boot. */
static inline usec_t usec_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (usec_t)ts.tv_sec * USEC_PER_SEC + (usec_t)ts.tv_nsec / 1000;
}

/* Wall-clock now, in microseconds since 1970; only for what people read and files that outlive a
 * boot. */
static inline usec_t usec_wall(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (usec_t)ts.tv_sec * USEC_PER_SEC + (usec_t)ts.tv_nsec / 1000;
}

/* a + b, sticking at USEC_NEVER. */
static inline usec_t usec_add(usec_t a, usec_t b)
{
	return a > USEC_NEVER - b ? USEC_NEVER : a + b;
}
