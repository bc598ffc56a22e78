/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bases.h - base rings kept for as long as a pool may need them again, so that a real that fails or
 * returns does not cost a run of Maglev.
 *
 * Kept by content: pools with equal reals and weights share one, in whatever order the file lists
 * them. A ring of up to 16 reals takes half a byte a slot, of up to 256 a byte, a larger one two.
 * BASES_BYTES_MAX bounds the memory: 1,023 rings of a byte a slot; what does not fit is computed
 * each time.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "src/core/ring.h"

#define BASES_BYTES_MAX (64U << 20)

struct bases;

struct bases *bases_new(void); /* NULL when memory is short */
void bases_free(struct bases *bases);

/* As ring_base(), from what is kept where it is. */
int bases_ring(struct bases *bases, const struct ring_real *reals, size_t n_reals,
	       uint16_t slots[RING_SLOTS]);

/*
 * After a reload: bases_start_use(), bases_use() for each pool of the config, then
 * bases_drop_unused() frees the rings that no pool has any more.
 */
void bases_start_use(struct bases *bases);
void bases_use(struct bases *bases, const struct ring_real *reals, size_t n_reals);
void bases_drop_unused(struct bases *bases);

/* Rings that are kept. */
size_t bases_n(const struct bases *bases);
