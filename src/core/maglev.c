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
 *
 * At the usual size which slots are taken is a bit each, so that the search stays in the nearest
 * cache, and the last slots, for which a walk would probe thousands, are found by arithmetic: how
 * many steps away a slot is takes one multiplication with the inverse of the skip.
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

#define LAST_SLOTS 192 /* from here on counting steps is cheaper than taking them */

struct walk {
	uint64_t credit;
	uint32_t probe, skip;
	uint32_t weight;
	uint32_t inverse; /* of skip; 0: not computed yet */
	uint16_t index;
};

/* What is free, for RING_SLOTS slots. */
struct room {
	uint64_t taken[RING_SLOTS / 64 + 1];
	uint32_t last[LAST_SLOTS]; /* the free ones, once they are so few */
	uint32_t left;
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

/* Claim the next free slot of a walk; one is free. Returns how many were claimed, 1. */
static uint32_t walk_claim(struct walk *walk, uint32_t size, uint16_t *slots)
{
	uint32_t slot, probe = walk->probe;

	do {
		slot = probe % size;
		probe += walk->skip;
	} while (slots[slot] != RING_NONE);
	slots[slot] = walk->index;
	walk->probe = probe;
	return 1;
}

/* ---- the usual size ---- */

/* x mod 65537 for x below 2^34, from 2^16 = -1. */
static uint32_t mod_ring(uint64_t x)
{
	int64_t r = (int64_t)(x & 0xffff) - (int64_t)(x >> 16 & 0xffff) + (int64_t)(x >> 32);

	if (r < 0)
		return (uint32_t)(r + RING_SLOTS);
	return (uint32_t)(r < RING_SLOTS ? r : r - RING_SLOTS);
}

/* x^65535, which is 1 / x. */
static uint32_t inverse_of(uint32_t x)
{
	uint32_t result = x;

	for (int i = 0; i < 15; i++) {
		result = mod_ring((uint64_t)result * result);
		result = mod_ring((uint64_t)result * x);
	}
	return result;
}

static uint32_t step_to_free(struct walk *walk, struct room *room)
{
	uint32_t slot, probe = walk->probe;

	do {
		slot = mod_ring(probe);
		probe += walk->skip;
	} while (room->taken[slot / 64] >> slot % 64 & 1);
	walk->probe = probe;
	return slot;
}

/* The nearest of the last slots, and how many steps away it is from probe. */
static uint32_t nearest(const struct walk *walk, const struct room *room, uint32_t probe,
			uint32_t *ret_steps)
{
	uint32_t from = mod_ring(probe), found = 0;

	*ret_steps = UINT32_MAX;
	for (uint32_t i = 0; i < room->left; i++) {
		uint32_t steps =
			mod_ring((uint64_t)(room->last[i] + RING_SLOTS - from) * walk->inverse);

		if (steps < *ret_steps) {
			*ret_steps = steps;
			found = i;
		}
	}
	return found;
}

/* The same slot as step_to_free() finds; it leaves the list of the last. */
static uint32_t jump_to_free(struct walk *walk, struct room *room)
{
	uint32_t found, slot, steps;

	if (!walk->inverse)
		walk->inverse = inverse_of(walk->skip);
	for (;;) {
		uint32_t until_wrap = (UINT32_MAX - walk->probe) / walk->skip;

		found = nearest(walk, room, walk->probe, &steps);
		if (steps <= until_wrap)
			break;
		walk->probe += (until_wrap + 1) * walk->skip; /* wraps */
	}
	walk->probe += (steps + 1) * walk->skip;
	slot = room->last[found];
	room->last[found] = room->last[room->left - 1];
	return slot;
}

static void list_last(struct room *room)
{
	uint32_t n = 0;

	for (uint32_t slot = 0; slot < RING_SLOTS; slot++)
		if (!(room->taken[slot / 64] >> slot % 64 & 1))
			room->last[n++] = slot;
}

static void walk_claim_room(struct walk *walk, struct room *room, uint16_t *slots)
{
	uint32_t slot;

	slot = room->left > LAST_SLOTS ? step_to_free(walk, room) : jump_to_free(walk, room);
	room->taken[slot / 64] |= 1ULL << slot % 64;
	slots[slot] = walk->index;
	if (--room->left == LAST_SLOTS)
		list_last(room);
}

/* ---- turns ---- */

static void fill(struct walk *walks, size_t n, uint64_t most, uint32_t size, uint16_t *slots)
{
	struct room room = { .left = size };

	for (;;) {
		for (size_t i = 0; i < n; i++) {
			walks[i].credit += walks[i].weight;
			if (walks[i].credit < most)
				continue;
			walks[i].credit -= most;
			if (size == RING_SLOTS)
				walk_claim_room(&walks[i], &room, slots);
			else
				room.left -= walk_claim(&walks[i], size, slots);
			if (room.left == 0)
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
