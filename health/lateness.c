/* SPDX-License-Identifier: Apache-2.0 */
#include "health/lateness.h"

/* Values below 16 have a step each; above, the top four bits of the value pick it. */
static unsigned step_of(usec_t value)
{
	unsigned shift, step;

	if (value < 16)
		return (unsigned)value;
	shift = 63U - (unsigned)__builtin_clzll(value) - 3;
	step = shift * 8 + (unsigned)(value >> shift);
	return step < LATENESS_STEPS ? step : LATENESS_STEPS - 1;
}

/* The largest value of a step. */
static usec_t step_top(unsigned step)
{
	unsigned shift;

	if (step < 16)
		return step;
	shift = step / 8 - 1;
	return (((usec_t)(step % 8 + 8) + 1) << shift) - 1;
}

void lateness_add(struct lateness *lateness, usec_t late_us)
{
	lateness->total++;
	lateness->counts[step_of(late_us)]++;
}

usec_t lateness_percentile(const struct lateness *lateness, unsigned percent)
{
	uint64_t wanted = (lateness->total * percent + 99) / 100, seen = 0;

	for (unsigned step = 0; step < LATENESS_STEPS && lateness->total > 0; step++) {
		seen += lateness->counts[step];
		if (seen >= wanted)
			return step_top(step);
	}
	return 0;
}
