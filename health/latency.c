/* SPDX-License-Identifier: Apache-2.0 */
#include "health/latency.h"

static const usec_t bounds[LATENCY_BUCKETS] = {
	100,    200,    500,    1000,    2000,    5000,    10000,    20000,      50000,
	100000, 200000, 500000, 1000000, 2000000, 5000000, 10000000, USEC_NEVER,
};

usec_t latency_bound(size_t bucket)
{
	return bounds[bucket];
}

void latency_add(struct latency *latency, usec_t us)
{
	size_t i = 0;

	while (us > bounds[i])
		i++;
	latency->buckets[i]++;
	latency->sum_us += us;
}

void latency_join(struct latency *to, const struct latency *from)
{
	for (size_t i = 0; i < LATENCY_BUCKETS; i++)
		to->buckets[i] += from->buckets[i];
	to->sum_us += from->sum_us;
}

uint64_t latency_count(const struct latency *latency)
{
	uint64_t n = 0;

	for (size_t i = 0; i < LATENCY_BUCKETS; i++)
		n += latency->buckets[i];
	return n;
}

bool latency_percentile(const struct latency *latency, unsigned percent, usec_t *ret)
{
	uint64_t n = latency_count(latency), below = 0;
	double rank = (double)n * percent / 100;

	for (size_t i = 0; i < LATENCY_BUCKETS && n > 0; i++) {
		usec_t low = i ? bounds[i - 1] : 0, width = bounds[i] - low;
		uint64_t in = latency->buckets[i];

		if (in == 0 || (double)(below + in) < rank) {
			below += in;
			continue;
		}
		*ret = low;
		if (i < LATENCY_BUCKETS - 1)
			*ret += (usec_t)((double)width * (rank - (double)below) / (double)in);
		return true;
	}
	return false;
}

/* ---- the last minutes ---- */

static void add_growth(struct latency *to, const struct latency *from, const struct latency *now)
{
	for (size_t i = 0; i < LATENCY_BUCKETS; i++)
		to->buckets[i] += now->buckets[i] - from->buckets[i];
	to->sum_us += now->sum_us - from->sum_us;
}

/* A count that fell: shoal-probe started anew, and what it tells is all new. */
static bool has_begun_anew(const struct latency *from, const struct latency *now)
{
	for (size_t i = 0; i < LATENCY_BUCKETS; i++)
		if (now->buckets[i] < from->buckets[i])
			return true;
	return now->sum_us < from->sum_us;
}

static void window_turn(struct latency_window *window, usec_t now)
{
	usec_t age = now - window->started;

	if (window->started && age < LATENCY_WINDOW_US)
		return;
	window->last = age < 2 * LATENCY_WINDOW_US ? window->current : (struct latency){ 0 };
	window->current = (struct latency){ 0 };
	window->started = now;
}

void latency_window_take(struct latency_window *window, const struct latency *total, usec_t now)
{
	bool is_first = window->started == 0;

	window_turn(window, now);
	/* What was counted before anybody listened has no time. */
	if (has_begun_anew(&window->total, total))
		latency_join(&window->current, total);
	else if (!is_first)
		add_growth(&window->current, &window->total, total);
	window->total = *total;
}

struct latency latency_window_recent(const struct latency_window *window, usec_t now)
{
	struct latency_window seen = *window;

	if (seen.started)
		window_turn(&seen, now);
	latency_join(&seen.current, &seen.last);
	return seen.current;
}
