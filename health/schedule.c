/* SPDX-License-Identifier: Apache-2.0 */
#include "health/schedule.h"

static usec_t pace_interval(const struct schedule_timing *timing, enum schedule_pace pace)
{
	switch (pace) {
	case SCHEDULE_FAST:
		return timing->fast_us;
	case SCHEDULE_SLOW:
		return timing->slow_us;
	case SCHEDULE_NORMAL:
		break;
	}
	return timing->interval_us;
}

uint64_t schedule_mix(uint64_t bits)
{
	bits += 0x9e3779b97f4a7c15ULL;
	bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9ULL;
	bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebULL;
	return bits ^ (bits >> 31);
}

/* 0 .. span-1, evenly. */
static usec_t spread(uint64_t bits, usec_t span)
{
	return (usec_t)(((unsigned __int128)bits * span) >> 64);
}

/* The interval with its jitter: interval - width/2 .. interval + width/2. */
static usec_t jittered(const struct schedule_timing *timing, enum schedule_pace pace,
		       uint64_t random)
{
	usec_t interval = pace_interval(timing, pace);
	usec_t width = interval * timing->jitter_percent / 100;

	return interval - width / 2 + spread(random, width + 1);
}

usec_t schedule_first(const struct schedule_timing *timing, enum schedule_pace pace, uint64_t id,
		      usec_t now)
{
	return now + spread(schedule_mix(id), pace_interval(timing, pace));
}

usec_t schedule_settle(const struct schedule_timing *timing, enum schedule_pace pace,
		       uint64_t random, usec_t now)
{
	return now + spread(random, pace_interval(timing, pace));
}

usec_t schedule_next(const struct schedule_timing *timing, enum schedule_pace pace, uint64_t random,
		     usec_t planned, usec_t now)
{
	usec_t next = planned + jittered(timing, pace, random);

	return next > now ? next : now;
}

usec_t schedule_skip(const struct schedule_timing *timing, enum schedule_pace pace, uint64_t random,
		     usec_t planned, usec_t now)
{
	usec_t interval = pace_interval(timing, pace);
	usec_t next = planned + jittered(timing, pace, random);

	if (next <= now)
		next += ((now - next) / interval + 1) * interval;
	return next;
}

bool schedule_is_late(const struct schedule_timing *timing, usec_t planned, usec_t now)
{
	return now > planned && now - planned > timing->timeout_us / 2;
}
