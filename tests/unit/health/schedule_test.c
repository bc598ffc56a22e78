/* SPDX-License-Identifier: Apache-2.0 */
#include "health/schedule.h"

#include <stdio.h>
#include <string.h>

#include "tests/lib/test.h"

static const struct schedule_timing timing = {
	.interval_us = 2 * USEC_PER_SEC,
	.fast_us = 500 * USEC_PER_MSEC,
	.slow_us = 10 * USEC_PER_SEC,
	.timeout_us = USEC_PER_SEC,
	.jitter_percent = 20,
};

static const enum schedule_pace paces[] = { SCHEDULE_NORMAL, SCHEDULE_FAST, SCHEDULE_SLOW };

static usec_t interval_of(enum schedule_pace pace)
{
	return pace == SCHEDULE_FAST   ? timing.fast_us
	       : pace == SCHEDULE_SLOW ? timing.slow_us
				       : timing.interval_us;
}

TEST(schedule, first_start_lies_within_one_interval)
{
	for (size_t p = 0; p < 3; p++) {
		for (uint64_t id = 0; id < 10000; id++) {
			usec_t first = schedule_first(&timing, paces[p], id, 1000);

			assert_true(first >= 1000 && first < 1000 + interval_of(paces[p]));
			assert_int_equal(first, schedule_first(&timing, paces[p], id, 1000));
		}
	}
}

TEST(schedule, first_starts_of_ten_thousand_targets_spread_evenly)
{
	unsigned bins[100] = { 0 };

	for (uint64_t id = 0; id < 10000; id++)
		bins[schedule_first(&timing, SCHEDULE_NORMAL, id, 0) * 100 / timing.interval_us]++;
	for (size_t i = 0; i < 100; i++)
		assert_in_range(bins[i], 60, 140);
}

/* Crowded into half a second while undecided, and in step with the results that settle them. */
TEST(schedule, ten_thousand_targets_that_settle_together_spread_evenly)
{
	unsigned bins[100] = { 0 };

	for (uint64_t id = 0; id < 10000; id++) {
		usec_t start = schedule_first(&timing, SCHEDULE_FAST, id, 0);
		usec_t settled =
			schedule_settle(&timing, SCHEDULE_NORMAL, schedule_mix(id + 77777), start);
		usec_t next = schedule_next(&timing, SCHEDULE_NORMAL, schedule_mix(id + 99999),
					    settled, settled);

		assert_in_range(settled, start, start + timing.interval_us);
		bins[next % timing.interval_us * 100 / timing.interval_us]++;
	}
	for (size_t i = 0; i < 100; i++)
		assert_in_range(bins[i], 60, 140);
}

TEST(schedule, next_start_stays_within_half_the_jitter)
{
	for (size_t p = 0; p < 3; p++) {
		usec_t interval = interval_of(paces[p]), low = USEC_NEVER, high = 0;

		for (uint64_t i = 0; i < 10000; i++) {
			usec_t next = schedule_next(&timing, paces[p], schedule_mix(i), 5000, 0);

			low = next < low ? next : low;
			high = next > high ? next : high;
		}
		assert_in_range(low - 5000, interval * 90 / 100, interval * 905 / 1000);
		assert_in_range(high - 5000, interval * 1095 / 1000, interval * 110 / 100);
	}
}

TEST(schedule, without_jitter_the_interval_is_exact)
{
	struct schedule_timing exact = timing;

	exact.jitter_percent = 0;
	assert_int_equal(schedule_next(&exact, SCHEDULE_NORMAL, UINT64_MAX, 7, 0),
			 7 + exact.interval_us);
}

TEST(schedule, extreme_random_bits_stay_inside)
{
	usec_t low = schedule_next(&timing, SCHEDULE_NORMAL, 0, 0, 0);
	usec_t high = schedule_next(&timing, SCHEDULE_NORMAL, UINT64_MAX, 0, 0);

	assert_int_equal(low, 1800000);
	assert_int_equal(high, 2200000);
}

TEST(schedule, a_long_probe_is_followed_at_once)
{
	assert_int_equal(schedule_next(&timing, SCHEDULE_FAST, 0, 0, 1000000), 1000000);
}

/* A stall must not end in everything starting together. */
TEST(schedule, skip_keeps_the_phase_and_never_starts_in_the_past)
{
	for (uint64_t i = 0; i < 10000; i++) {
		usec_t planned = schedule_mix(i) % 1000000, now = schedule_mix(~i) % 60000000;
		uint64_t random = schedule_mix(i * 3);
		usec_t next = schedule_skip(&timing, SCHEDULE_NORMAL, random, planned, now);
		usec_t step = schedule_next(&timing, SCHEDULE_NORMAL, random, planned, 0);

		assert_true(next > now || next == step);
		assert_true(next <= now + timing.interval_us * 11 / 10 + 1000000);
		assert_int_equal((next - step) % timing.interval_us, 0);
	}
}

TEST(schedule, targets_stay_spread_after_a_stall_of_all)
{
	unsigned bins[20] = { 0 };
	const usec_t now = 100 * USEC_PER_SEC;

	for (uint64_t id = 0; id < 10000; id++) {
		usec_t planned = schedule_first(&timing, SCHEDULE_NORMAL, id, 0);
		usec_t next = schedule_skip(&timing, SCHEDULE_NORMAL, schedule_mix(id ^ 77),
					    planned, now);

		bins[(next - now) * 20 / (timing.interval_us + 1)]++;
	}
	for (size_t i = 0; i < 20; i++)
		assert_in_range(bins[i], 350, 650);
}

TEST(schedule, late_means_more_than_half_the_timeout)
{
	assert_false(schedule_is_late(&timing, 1000, 0));
	assert_false(schedule_is_late(&timing, 1000, 1000));
	assert_false(schedule_is_late(&timing, 1000, 501000));
	assert_true(schedule_is_late(&timing, 1000, 501001));
}

RUN_TESTS(T(schedule, first_start_lies_within_one_interval),
	  T(schedule, first_starts_of_ten_thousand_targets_spread_evenly),
	  T(schedule, ten_thousand_targets_that_settle_together_spread_evenly),
	  T(schedule, next_start_stays_within_half_the_jitter),
	  T(schedule, without_jitter_the_interval_is_exact),
	  T(schedule, extreme_random_bits_stay_inside),
	  T(schedule, a_long_probe_is_followed_at_once),
	  T(schedule, skip_keeps_the_phase_and_never_starts_in_the_past),
	  T(schedule, targets_stay_spread_after_a_stall_of_all),
	  T(schedule, late_means_more_than_half_the_timeout))
