/* SPDX-License-Identifier: Apache-2.0 */
#include "health/lateness.h"

#include "health/schedule.h"
#include "tests/lib/test.h"

TEST(lateness, is_zero_when_empty)
{
	struct lateness lateness = { 0 };

	assert_int_equal(lateness_percentile(&lateness, 99), 0);
}

TEST(lateness, a_single_value_comes_back_within_an_eighth)
{
	for (usec_t value = 0; value < 5000000; value += 1 + value / 7) {
		struct lateness lateness = { 0 };
		usec_t back;

		lateness_add(&lateness, value);
		back = lateness_percentile(&lateness, 99);
		assert_true(back >= value);
		assert_true(back <= value + value / 8);
	}
}

TEST(lateness, finds_the_percentile_of_many)
{
	struct lateness lateness = { 0 };

	for (usec_t i = 1; i <= 1000; i++)
		lateness_add(&lateness, i * 10);
	assert_in_range(lateness_percentile(&lateness, 50), 5000, 5625);
	assert_in_range(lateness_percentile(&lateness, 99), 9900, 11138);
	assert_in_range(lateness_percentile(&lateness, 100), 10000, 11250);
}

TEST(lateness, takes_any_value)
{
	struct lateness lateness = { 0 };

	for (unsigned bit = 0; bit < 64; bit++)
		lateness_add(&lateness, 1ULL << bit);
	lateness_add(&lateness, UINT64_MAX);
	assert_int_equal(lateness.total, 65);
	assert_true(lateness_percentile(&lateness, 100) > 1000000);
}

RUN_TESTS(T(lateness, is_zero_when_empty), T(lateness, a_single_value_comes_back_within_an_eighth),
	  T(lateness, finds_the_percentile_of_many), T(lateness, takes_any_value))
