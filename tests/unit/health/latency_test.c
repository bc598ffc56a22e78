/* SPDX-License-Identifier: Apache-2.0 */
/* latency_test.c - buckets, percentiles and the window; the groups that share a histogram. */
#include "health/latency.h"

#include <string.h>

#include "health/groups.h"
#include "tests/lib/test.h"

#define S USEC_PER_SEC

TEST(latency, every_time_has_its_bucket)
{
	struct latency l = { 0 };

	latency_add(&l, 0);
	latency_add(&l, 100);
	latency_add(&l, 101);
	latency_add(&l, 10 * S);
	latency_add(&l, 10 * S + 1);
	latency_add(&l, USEC_NEVER - 1 - 20 * S);
	assert_int_equal(l.buckets[0], 2);
	assert_int_equal(l.buckets[1], 1);
	assert_int_equal(l.buckets[LATENCY_BUCKETS - 2], 1);
	assert_int_equal(l.buckets[LATENCY_BUCKETS - 1], 2);
	assert_int_equal(latency_count(&l), 6);
	for (size_t i = 1; i < LATENCY_BUCKETS; i++)
		assert_true(latency_bound(i) > latency_bound(i - 1));
}

TEST(latency, percentiles_lie_where_the_probes_are)
{
	struct latency l = { 0 };
	usec_t p50, p99;

	assert_false(latency_percentile(&l, 50, &p50));
	for (usec_t us = 1; us <= 1000; us++)
		latency_add(&l, us * 10);
	assert_true(latency_percentile(&l, 50, &p50));
	assert_true(latency_percentile(&l, 99, &p99));
	assert_true(p50 >= 4900 && p50 <= 5100);
	assert_true(p99 >= 9800 && p99 <= 10000);
	memset(&l, 0, sizeof(l));
	latency_add(&l, 60 * S);
	assert_true(latency_percentile(&l, 50, &p50));
	assert_int_equal(p50, 10 * S);
}

static void take(struct latency_window *w, struct latency *total, uint64_t n, usec_t now)
{
	for (uint64_t i = 0; i < n; i++)
		latency_add(total, 700);
	latency_window_take(w, total, now);
}

static uint64_t recent(const struct latency_window *w, usec_t now)
{
	struct latency l = latency_window_recent(w, now);

	assert_int_equal(l.sum_us, 700 * latency_count(&l));
	return latency_count(&l);
}

TEST(latency, the_window_forgets_what_is_older_than_two_minutes)
{
	struct latency total = { 0 };
	struct latency_window w = { 0 };

	assert_int_equal(recent(&w, 1000 * S), 0);
	take(&w, &total, 50, 1000 * S); /* counted before anybody listened */
	assert_int_equal(recent(&w, 1000 * S), 0);
	take(&w, &total, 10, 1001 * S);
	assert_int_equal(recent(&w, 1001 * S), 10);
	take(&w, &total, 5, 1070 * S);
	assert_int_equal(recent(&w, 1070 * S), 15);
	take(&w, &total, 1, 1135 * S);
	assert_int_equal(recent(&w, 1135 * S), 6);
	assert_int_equal(recent(&w, 1200 * S), 1);
	assert_int_equal(recent(&w, 1400 * S), 0);
	assert_int_equal(latency_count(&w.total), 66);
}

TEST(latency, a_prober_that_starts_anew_takes_nothing_back)
{
	struct latency total = { 0 };
	struct latency_window w = { 0 };

	take(&w, &total, 50, 1000 * S);
	take(&w, &total, 10, 1001 * S);
	total = (struct latency){ 0 };
	take(&w, &total, 3, 1002 * S);
	assert_int_equal(recent(&w, 1002 * S), 13);
}

/* ---- groups ---- */

TEST(groups, tell_what_was_counted_each_in_its_turn)
{
	struct groups *groups = groups_new();
	struct group *a = groups_join(groups, 1), *b = groups_join(groups, 1ULL << 40);
	struct group *first, *second;

	assert_ptr_equal(groups_join(groups, 1), a);
	assert_null(groups_next(groups));
	group_count(a, 300);
	group_count(b, 300);
	first = groups_next(groups);
	first->is_told = true;
	group_count(first, 300); /* counted again at once: the other is first */
	second = groups_next(groups);
	assert_ptr_not_equal(first, second);
	second->is_told = true;
	assert_ptr_equal(groups_next(groups), first);
	first->is_told = true;
	assert_null(groups_next(groups));
	groups_free(groups);
}

TEST(groups, end_with_their_last_target)
{
	struct groups *groups = groups_new();
	struct group *group[5];

	for (uint64_t i = 0; i < 5; i++) {
		/* in one bucket, all of them */
		group[i] = groups_join(groups, 1 + i * 1024);
		group_count(group[i], 1);
	}
	assert_ptr_equal(groups_join(groups, 1), group[0]);
	groups_leave(groups, group[2]);
	groups_leave(groups, group[0]);
	for (int i = 0; i < 4; i++) {
		struct group *next = groups_next(groups);

		assert_non_null(next);
		assert_ptr_not_equal(next, group[2]);
		next->is_told = true;
	}
	assert_null(groups_next(groups));
	groups_leave(groups, group[4]);
	groups_leave(groups, group[3]);
	groups_leave(groups, group[1]);
	groups_leave(groups, group[0]);
	assert_null(groups_next(groups));
	group[0] = groups_join(groups, 1);
	assert_int_equal(latency_count(&group[0]->counts), 0);
	groups_free(groups);
}

RUN_TESTS(T(latency, every_time_has_its_bucket), T(latency, percentiles_lie_where_the_probes_are),
	  T(latency, the_window_forgets_what_is_older_than_two_minutes),
	  T(latency, a_prober_that_starts_anew_takes_nothing_back),
	  T(groups, tell_what_was_counted_each_in_its_turn), T(groups, end_with_their_last_target))
