/* SPDX-License-Identifier: Apache-2.0 */
/*
 * maglev.h - the ring algorithm itself, on hashes instead of addresses; ring_base() is its caller,
 * the golden rings its test.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct maglev_endpoint {
	uint64_t hash; /* orders the endpoints and seeds their probes */
	uint32_t weight;
	uint16_t index; /* what a claimed slot gets; not RING_NONE */
};

/*
 * maglev_fill - Maglev V2 over endpoints sorted ascending by hash, all weights above 0.
 * @size:  slots, a prime of at most 65,537.
 * @slots: gets an index each; RING_NONE everywhere when n is 0.
 * Returns 0 or -ENOMEM.
 */
int maglev_fill(const struct maglev_endpoint *endpoints, size_t n, uint32_t size, uint16_t *slots);
