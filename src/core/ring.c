/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ring.c - the base ring of a pool: its normal reals in the order of their address hash, through
 * Maglev V2; with `ring: rebuild` those that serve now. The overlay is overlay.c.
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

/* Normal reals; or those that serve now, whichever they are. */
static size_t endpoints_take(const struct ring_real *reals, size_t n_reals, bool serving,
			     struct maglev_endpoint *endpoints)
{
	size_t n = 0;

	for (size_t i = 0; i < n_reals; i++) {
		if (reals[i].weight == 0 || (serving ? !reals[i].serves : reals[i].is_backup))
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

static int ring_fill(const struct ring_real *reals, size_t n_reals, bool serving,
		     uint16_t slots[RING_SLOTS])
{
	AUTO(freep) struct maglev_endpoint *endpoints = NULL;
	size_t n;

	endpoints = calloc(n_reals ? n_reals : 1, sizeof(*endpoints));
	if (!endpoints)
		return -ENOMEM;
	n = endpoints_take(reals, n_reals, serving, endpoints);
	return maglev_fill(endpoints, n, RING_SLOTS, slots);
}

int ring_base(const struct ring_real *reals, size_t n_reals, uint16_t slots[RING_SLOTS])
{
	return ring_fill(reals, n_reals, false, slots);
}

int ring_build(struct ring_real *reals, size_t n_reals, const struct ring_policy *policy,
	       uint16_t slots[RING_SLOTS], enum ring_rule *ret_rule)
{
	enum ring_rule rule = ring_serving(reals, n_reals, policy);
	int r = ring_fill(reals, n_reals, policy->rebuilds, slots);

	if (r < 0)
		return r;
	ring_overlay(reals, n_reals, policy, slots, slots);
	if (ret_rule)
		*ret_rule = rule;
	return 0;
}

struct ring_policy ring_policy_of(const struct config_pool *pool)
{
	return (struct ring_policy){
		.floor_percent = pool->depool_floor_percent,
		.floor_count = pool->depool_floor_count,
		.opens = pool->all_down == CONFIG_ALL_DOWN_OPEN,
		.rebuilds = pool->ring == CONFIG_RING_REBUILD,
	};
}

struct ring_real ring_real_of(const struct config_real *real)
{
	return (struct ring_real){ .addr = real->addr,
				   .weight = real->weight,
				   .is_backup = real->is_backup,
				   .takes_new_flows = true };
}
