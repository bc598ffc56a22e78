/* SPDX-License-Identifier: Apache-2.0 */
#include "src/reconcile/rings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/auto.h"
#include "src/reconcile/bases.h"

#define BLOCK 16 /* slots looked at together */

struct rings {
	struct dataplane *dataplane;
	struct bases *bases;
	/* scratch of one write */
	struct ring_real *reals;
	uint16_t *index; /* of each real in the data plane */
	size_t max_reals;
	uint16_t slots[RING_SLOTS];
	uint32_t moved[RING_SLOTS];
	bool leaves[UINT16_MAX + 1]; /* by index */
};

struct rings *rings_new(struct dataplane *dataplane)
{
	struct rings *rings = calloc(1, sizeof(*rings));

	if (!rings)
		return NULL;
	rings->dataplane = dataplane;
	rings->bases = bases_new();
	if (!rings->bases) {
		free(rings);
		return NULL;
	}
	return rings;
}

void rings_free(struct rings *rings)
{
	if (!rings)
		return;
	bases_free(rings->bases);
	free(rings->reals);
	free(rings->index);
	free(rings);
}

void rings_written_fini(struct rings_written *written)
{
	free(written->serves);
	*written = (struct rings_written){ 0 };
}

/* ---- what a ring is made of ---- */

static int reserve(struct rings *rings, size_t n, struct err *err)
{
	struct ring_real *reals;
	uint16_t *index;

	if (n <= rings->max_reals)
		return 0;
	reals = calloc(n, sizeof(*reals));
	index = calloc(n, sizeof(*index));
	if (!reals || !index) {
		free(reals);
		free(index);
		return err_set(err, -ENOMEM, "ring: %m");
	}
	free(rings->reals);
	free(rings->index);
	rings->reals = reals;
	rings->index = index;
	rings->max_reals = n;
	return 0;
}

static int take_inputs(struct rings *rings, const struct config_pool *pool,
		       const struct ring_real *inputs, struct err *err)
{
	int r = reserve(rings, pool->n_reals, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < pool->n_reals; i++) {
		const struct addr *addr = &pool->reals[i].addr;

		rings->reals[i] = inputs ? inputs[i] : ring_real_of(&pool->reals[i]);
		rings->index[i] = dataplane_real_index(rings->dataplane, addr);
		if (rings->index[i] == DATAPLANE_NO_REAL)
			return err_set(err, -ENOENT, "real %s is not programmed", ADDR_STR(addr));
	}
	return 0;
}

#define RINGS_RULE 1 /* rises when the same reals make another ring */

/* A number of all that decides which real each slot has, by index. */
static uint64_t made_of(const struct rings *rings, size_t n, const struct ring_policy *policy)
{
	uint64_t hash = ring_murmur(n << 1 | policy->rebuilds, RINGS_RULE, 0);

	for (size_t i = 0; i < n; i++) {
		const struct ring_real *real = &rings->reals[i];
		uint64_t how = (uint64_t)real->weight << 32 | (uint64_t)rings->index[i] << 16 |
			       real->withheld;

		hash = ring_murmur(hash ^ ring_addr_hash(&real->addr), how,
				   (uint32_t)real->is_backup << 1 | real->serves);
	}
	return hash ? hash : 1;
}

/* From places in the pool to indices of the data plane. */
static void slots_index(struct rings *rings)
{
	for (uint32_t s = 0; s < RING_SLOTS; s++)
		rings->slots[s] = rings->slots[s] == RING_NONE ? DATAPLANE_NO_REAL
							       : rings->index[rings->slots[s]];
}

static bool is_plain(const struct ring_real *reals, size_t n, const struct ring_policy *policy)
{
	bool plain = !policy->rebuilds;

	for (size_t i = 0; plain && i < n; i++)
		plain = !reals[i].serves || !reals[i].withheld;
	return plain;
}

/* ---- writing the whole ring ---- */

/* The owner of every slot into slots, as indices of the data plane. */
static int make_whole(struct rings *rings, size_t n, const struct ring_policy *policy,
		      struct err *err)
{
	int r;

	if (policy->rebuilds) {
		r = ring_build(rings->reals, n, policy, rings->slots, NULL);
	} else {
		r = bases_ring(rings->bases, rings->reals, n, rings->slots);
		if (r == 0)
			ring_overlay(rings->reals, n, policy, rings->slots, rings->slots);
	}
	if (r < 0)
		return err_set(err, r, "ring: %m");
	slots_index(rings);
	return 0;
}

static int write_whole(struct rings *rings, uint32_t ring, size_t n,
		       const struct ring_policy *policy, uint32_t *ret_changed, struct err *err)
{
	int r = make_whole(rings, n, policy, err);

	return r < 0 ? r
		     : dataplane_ring_write(rings->dataplane, ring, rings->slots, ret_changed, err);
}

/* ---- reals that leave ---- */

/* Whether since the last write reals only left, and someone stayed. */
static bool only_leaves(const struct rings *rings, size_t n, const struct rings_written *written)
{
	bool any_stays = false;

	if (!written->serves || !written->is_plain)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (rings->reals[i].serves && !written->serves[i])
			return false;
		any_stays |= rings->reals[i].serves;
	}
	return any_stays;
}

/* Returns the index of the only one, DATAPLANE_NO_REAL when there are none or several. */
static uint32_t mark_leavers(struct rings *rings, size_t n, const struct rings_written *written,
			     bool leaves)
{
	uint32_t last = DATAPLANE_NO_REAL;
	size_t count = 0;

	for (size_t i = 0; i < n; i++) {
		if (!written->serves[i] || rings->reals[i].serves)
			continue;
		rings->leaves[rings->index[i]] = leaves;
		last = rings->index[i];
		count++;
	}
	return count == 1 ? last : DATAPLANE_NO_REAL;
}

/* Whether one of BLOCK slots names this real; a loop that the compiler turns into a few wide
 * compares. */
static bool block_names(const uint32_t *words, uint32_t index)
{
	uint32_t found = 0;

	for (int i = 0; i < BLOCK; i++)
		found |= (words[i] & 0xffff) == index;
	return found;
}

/*
 * The slots of those that leave, into moved. only: the one real that does, or DATAPLANE_NO_REAL;
 * then most blocks need no second look.
 */
static size_t find_slots(struct rings *rings, uint32_t ring, uint32_t only)
{
	const uint32_t *words = dataplane_ring(rings->dataplane, ring);
	size_t n = 0;

	for (uint32_t s = 0; words && s < RING_SLOTS; s++) {
		if (only && s % BLOCK == 0 && s + BLOCK <= RING_SLOTS &&
		    !block_names(words + s, only)) {
			s += BLOCK - 1;
			continue;
		}
		rings->moved[n] = s; /* without a branch: kept when it counts */
		n += rings->leaves[words[s] & 0xffff];
	}
	return n;
}

static int write_leavers(struct rings *rings, uint32_t ring, size_t n,
			 const struct rings_written *written, uint32_t *ret_changed,
			 struct err *err)
{
	uint32_t only = mark_leavers(rings, n, written, true);
	size_t n_moved = find_slots(rings, ring, only);

	mark_leavers(rings, n, written, false);
	ring_inherit(rings->reals, n, rings->moved, n_moved, rings->slots);
	for (size_t i = 0; i < n_moved; i++)
		rings->slots[i] = rings->index[rings->slots[i]];
	*ret_changed = (uint32_t)n_moved;
	return dataplane_ring_move(rings->dataplane, ring, rings->moved, rings->slots, n_moved,
				   err);
}

/* ---- both ---- */

static void note_written(const struct rings *rings, size_t n, const struct ring_policy *policy,
			 struct rings_written *written)
{
	if (!written->serves)
		written->serves = calloc(n + 1, sizeof(*written->serves));
	for (size_t i = 0; written->serves && i < n; i++)
		written->serves[i] = rings->reals[i].serves;
	written->is_plain = is_plain(rings->reals, n, policy);
}

int rings_write(struct rings *rings, uint32_t ring, const struct config_pool *pool,
		const struct desired_pool *desired, struct rings_written *written,
		uint32_t *ret_changed, struct err *err)
{
	size_t n = pool->n_reals;
	int r = take_inputs(rings, pool, desired->ring, err);
	uint64_t inputs;

	if (r < 0)
		return r;
	ring_serving(rings->reals, n, &desired->policy);
	inputs = made_of(rings, n, &desired->policy);
	*ret_changed = 0;
	if (dataplane_ring_is_of(rings->dataplane, ring, inputs)) {
		note_written(rings, n, &desired->policy, written);
		return 0; /* most of all when another process wrote it */
	}
	if (is_plain(rings->reals, n, &desired->policy) && only_leaves(rings, n, written))
		r = write_leavers(rings, ring, n, written, ret_changed, err);
	else
		r = write_whole(rings, ring, n, &desired->policy, ret_changed, err);
	if (r < 0) {
		rings_written_fini(written);
		return r;
	}
	note_written(rings, n, &desired->policy, written);
	dataplane_ring_note(rings->dataplane, ring, inputs);
	return 0;
}

int rings_mend(struct rings *rings, uint32_t ring, const struct config_pool *pool,
	       const struct desired_pool *desired, uint32_t *ret_changed, struct err *err)
{
	int r = take_inputs(rings, pool, desired->ring, err);

	if (r == 0)
		r = make_whole(rings, pool->n_reals, &desired->policy, err);
	return r < 0 ? r
		     : dataplane_ring_mend(rings->dataplane, ring, rings->slots, ret_changed, err);
}

int rings_seed(struct rings *rings, uint32_t ring, const struct core_pool *pool, struct err *err)
{
	size_t n = pool->config->n_reals;
	int r = take_inputs(rings, pool->config, NULL, err);

	if (r < 0)
		return r;
	r = bases_ring(rings->bases, rings->reals, n, rings->slots);
	if (r < 0)
		return err_set(err, r, "ring: %m");
	for (size_t i = 0; i < n; i++)
		if (pool->reals[i].life == REAL_DEAD) /* no flows to keep */
			rings->index[i] = DATAPLANE_NO_REAL;
	slots_index(rings);
	return dataplane_ring_seed(rings->dataplane, ring, rings->slots, err);
}

/* ---- reload ---- */

static void use_base(struct rings *rings, const struct config_pool *pool)
{
	struct err err;

	if (pool->ring == CONFIG_RING_REBUILD || reserve(rings, pool->n_reals, &err) < 0)
		return;
	for (size_t i = 0; i < pool->n_reals; i++)
		rings->reals[i] = ring_real_of(&pool->reals[i]);
	bases_use(rings->bases, rings->reals, pool->n_reals);
}

void rings_config_changed(struct rings *rings, const struct config *config)
{
	bases_start_use(rings->bases);
	for (size_t i = 0; i < config->n_pools; i++)
		use_base(rings, &config->pools[i]);
	bases_drop_unused(rings->bases);
}
