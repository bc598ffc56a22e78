/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ring.c - the base ring of a pool: its normal reals in the order of their address hash, through
 * Maglev V2. The overlay is overlay.c.
 */
#include "src/core/ring.h"

#include <errno.h>
#include <stdlib.h>

#include "src/base/auto.h"
#include "src/core/maglev.h"

/* Two addresses of one hash are not known; should they meet, the index order of the caller counts.
 */
static int endpoint_cmp(const void *a, const void *b)
{
	const struct maglev_endpoint *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static size_t endpoints_take(const struct ring_real *reals, size_t n_reals,
			     struct maglev_endpoint *endpoints)
{
	size_t n = 0;

	for (size_t i = 0; i < n_reals; i++) {
		if (reals[i].weight == 0 || reals[i].is_backup)
			continue;
		endpoints[n++] = (struct maglev_endpoint){
			.hash = ring_addr_hash(&reals[i].addr),
			.weight = reals[i].weight,
			.index = (uint16_t)i,
		};
	}
	qsort(endpoints, n, sizeof(*endpoints), endpoint_cmp);
	return n;
}

int ring_base(const struct ring_real *reals, size_t n_reals, uint16_t slots[RING_SLOTS])
{
	AUTO(freep) struct maglev_endpoint *endpoints = NULL;

	endpoints = calloc(n_reals ? n_reals : 1, sizeof(*endpoints));
	if (!endpoints)
		return -ENOMEM;
	return maglev_fill(endpoints, endpoints_take(reals, n_reals, endpoints), RING_SLOTS, slots);
}
