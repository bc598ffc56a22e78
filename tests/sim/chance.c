/* SPDX-License-Identifier: Apache-2.0 */
/* chance.c - numbers from a seed: splitmix64. */
#include "tests/sim/sim.h"

struct chance chance_of(uint64_t seed, uint64_t number)
{
	struct chance chance = { seed * 0x9e3779b97f4a7c15ULL + number };

	chance.state = chance_next(&chance);
	return chance;
}

uint64_t chance_next(struct chance *chance)
{
	uint64_t x = chance->state += 0x9e3779b97f4a7c15ULL;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

uint32_t chance_below(struct chance *chance, uint32_t n)
{
	return n ? (uint32_t)((chance_next(chance) >> 32) * n >> 32) : 0;
}

bool chance_percent(struct chance *chance, unsigned percent)
{
	return chance_below(chance, 100) < percent;
}
