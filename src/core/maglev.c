/* SPDX-License-Identifier: Apache-2.0 */
/*
 * maglev.c - Maglev V2: every endpoint walks its own sequence of slots and claims the next free one
 * whenever its turn comes; turns come in proportion to weight.
 *
 * In each round an endpoint's credit grows by its weight; at the largest weight it is spent on one
 * claim. So the heaviest endpoint claims in every round, and the loop ends after at most `size`
 * rounds whatever the weights are.
 *
 * The probes are kept as u32 and wrap: since 2^32 = 1 (mod 65537) a wrap shifts the walk by one
 * slot. Katran's rings depend on it. Between two wraps a walk sees all slots but at most one, so
 * a free slot is always found.
 */
#include "src/core/maglev.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/auto.h"
#include "src/core/ring.h"

#define OFFSET_WORD 42
#define OFFSET_SEED 0
#define SKIP_WORD   2718281828U
#define SKIP_SEED   2307

struct walk {
	uint64_t credit;
	uint32_t probe, skip;
	uint32_t weight;
	uint16_t index;
};

static struct walk walk_start(const struct maglev_endpoint *endpoint, uint32_t size)
{
	return (struct walk){
		.probe = (uint32_t)(ring_murmur(endpoint->hash, OFFSET_WORD, OFFSET_SEED) % size),
		.skip = (uint32_t)(ring_murmur(endpoint->hash, SKIP_WORD, SKIP_SEED) % (size - 1)) +
			1,
		.weight = endpoint->weight,
		.index = endpoint->index,
	};
}

/* Claim the next free slot of a walk; one is free. */
static inline void walk_claim(struct walk *walk, uint32_t size, uint16_t *slots)
{
	uint32_t slot, probe = walk->probe;

	/* The usual size is a constant here, so that the division becomes a multiplication. */
	do {
		slot = size == RING_SLOTS ? probe % RING_SLOTS : probe % size;
		probe += walk->skip;
	} while (slots[slot] != RING_NONE);
	slots[slot] = walk->index;
	walk->probe = probe;
}

static void fill(struct walk *walks, size_t n, uint64_t most, uint32_t size, uint16_t *slots)
{
	uint32_t left = size;

	for (;;) {
		for (size_t i = 0; i < n; i++) {
			walks[i].credit += walks[i].weight;
			if (walks[i].credit < most)
				continue;
			walks[i].credit -= most;
			walk_claim(&walks[i], size, slots);
			if (--left == 0)
				return;
		}
	}
}

int maglev_fill(const struct maglev_endpoint *endpoints, size_t n, uint32_t size, uint16_t *slots)
{
	AUTO(freep) struct walk *walks = NULL;
	uint32_t most = 0;

	memset(slots, 0xff, size * sizeof(*slots)); /* RING_NONE */
	if (n == 0)
		return 0;
	walks = calloc(n, sizeof(*walks));
	if (!walks)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		walks[i] = walk_start(&endpoints[i], size);
		if (endpoints[i].weight > most)
			most = endpoints[i].weight;
	}
	fill(walks, n, most, size, slots);
	return 0;
}
