/* SPDX-License-Identifier: Apache-2.0 */
#include "src/reconcile/bases.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/auto.h"

#define TINY_MAX  16  /* reals of a ring that is kept in half bytes */
#define SMALL_MAX 256 /* in bytes; larger ones take two */

/* What a base ring depends on. */
struct member {
	struct addr addr;
	uint32_t weight;
	uint32_t index; /* in the caller's list; no part of the content */
};

struct base {
	uint64_t hash; /* of the members */
	struct member *members;
	size_t n_members;
	bool is_used;
	void *slots; /* places in members: half a byte each, a byte, or two */
};

struct bases {
	struct base *list;
	size_t n, max;
	size_t bytes;
};

struct bases *bases_new(void)
{
	return calloc(1, sizeof(struct bases));
}

static void base_fini(struct base *base)
{
	free(base->members);
	free(base->slots);
}

void bases_free(struct bases *bases)
{
	if (!bases)
		return;
	for (size_t i = 0; i < bases->n; i++)
		base_fini(&bases->list[i]);
	free(bases->list);
	free(bases);
}

size_t bases_n(const struct bases *bases)
{
	return bases->n;
}

/* ---- content ---- */

static int member_cmp(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	return addr_cmp(&x->addr, &y->addr);
}

/* Reals that own slots of a base ring, sorted; NULL when memory is short. */
static struct member *members_of(const struct ring_real *reals, size_t n_reals, size_t *ret_n)
{
	struct member *members = calloc(n_reals + 1, sizeof(*members));
	size_t n = 0;

	for (size_t i = 0; members && i < n_reals; i++)
		if (reals[i].weight && !reals[i].is_backup)
			members[n++] =
				(struct member){ reals[i].addr, reals[i].weight, (uint32_t)i };
	if (members)
		qsort(members, n, sizeof(*members), member_cmp);
	*ret_n = n;
	return members;
}

static uint64_t members_hash(const struct member *members, size_t n)
{
	uint64_t hash = n;

	for (size_t i = 0; i < n; i++)
		hash = ring_murmur(hash ^ ring_addr_hash(&members[i].addr), members[i].weight, 0);
	return hash;
}

static bool members_eq(const struct member *a, const struct member *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!addr_eq(&a[i].addr, &b[i].addr) || a[i].weight != b[i].weight)
			return false;
	return true;
}

static struct base *base_find(const struct bases *bases, const struct member *members, size_t n)
{
	uint64_t hash = members_hash(members, n);

	for (size_t i = 0; i < bases->n; i++) {
		struct base *base = &bases->list[i];

		if (base->hash == hash && base->n_members == n &&
		    members_eq(base->members, members, n))
			return base;
	}
	return NULL;
}

/* ---- slots ---- */

static size_t slots_bytes(size_t n_members)
{
	if (n_members <= TINY_MAX)
		return (RING_SLOTS + 1) / 2;
	return RING_SLOTS * (n_members > SMALL_MAX ? 2U : 1U);
}

static size_t base_bytes(size_t n_members)
{
	return slots_bytes(n_members) + n_members * sizeof(struct member);
}

static uint8_t tiny_get(const uint8_t *slots, uint32_t i)
{
	return slots[i / 2] >> (i % 2 * 4) & 15;
}

/* The other half is 0, or already stored. */
static void tiny_put(uint8_t *slots, uint32_t i, uint8_t place)
{
	slots[i / 2] = (uint8_t)(i % 2 ? slots[i / 2] | place << 4 : place);
}

/* The caller's indices for a kept ring. */
static void slots_expand(const struct base *base, const struct member *members,
			 uint16_t slots[RING_SLOTS])
{
	const uint16_t *wide = base->slots;
	const uint8_t *narrow = base->slots;
	uint16_t index[SMALL_MAX];

	if (base->n_members > SMALL_MAX) {
		for (uint32_t i = 0; i < RING_SLOTS; i++)
			slots[i] = (uint16_t)members[wide[i]].index;
		return;
	}
	for (size_t i = 0; i < base->n_members; i++)
		index[i] = (uint16_t)members[i].index;
	for (uint32_t i = 0; i < RING_SLOTS; i++)
		slots[i] = index[base->n_members <= TINY_MAX ? tiny_get(narrow, i) : narrow[i]];
}

static void slots_pack(struct base *base, const uint16_t *place, const uint16_t slots[RING_SLOTS])
{
	uint16_t *wide = base->slots;
	uint8_t *narrow = base->slots;

	for (uint32_t i = 0; i < RING_SLOTS; i++) {
		if (base->n_members > SMALL_MAX)
			wide[i] = place[slots[i]];
		else if (base->n_members <= TINY_MAX)
			tiny_put(narrow, i, (uint8_t)place[slots[i]]);
		else
			narrow[i] = (uint8_t)place[slots[i]];
	}
}

/* Keep a ring where there is room; takes members when it does. */
static void base_keep(struct bases *bases, struct member **members, size_t n, size_t n_reals,
		      const uint16_t slots[RING_SLOTS])
{
	AUTO(freep) uint16_t *place = calloc(n_reals + 1, sizeof(*place));
	struct base base = { .hash = members_hash(*members, n), .n_members = n, .is_used = true };

	if (!place || n == 0 || bases->bytes + base_bytes(n) > BASES_BYTES_MAX)
		return;
	if (bases->n == bases->max) {
		size_t max = bases->max ? 2 * bases->max : 16;
		struct base *list = realloc(bases->list, max * sizeof(*list));

		if (!list)
			return;
		bases->list = list;
		bases->max = max;
	}
	base.slots = malloc(slots_bytes(n));
	if (!base.slots)
		return;
	for (size_t i = 0; i < n; i++)
		place[(*members)[i].index] = (uint16_t)i;
	base.members = TAKE(*members);
	slots_pack(&base, place, slots);
	bases->bytes += base_bytes(n);
	bases->list[bases->n++] = base;
}

int bases_ring(struct bases *bases, const struct ring_real *reals, size_t n_reals,
	       uint16_t slots[RING_SLOTS])
{
	AUTO(freep) struct member *members = NULL;
	const struct base *base;
	size_t n;
	int r;

	members = members_of(reals, n_reals, &n);
	if (!members)
		return -ENOMEM;
	base = base_find(bases, members, n);
	if (base) {
		slots_expand(base, members, slots);
		return 0;
	}
	r = ring_base(reals, n_reals, slots);
	if (r == 0)
		base_keep(bases, &members, n, n_reals, slots);
	return r;
}

/* ---- what is in use ---- */

void bases_start_use(struct bases *bases)
{
	for (size_t i = 0; i < bases->n; i++)
		bases->list[i].is_used = false;
}

void bases_use(struct bases *bases, const struct ring_real *reals, size_t n_reals)
{
	AUTO(freep) struct member *members = NULL;
	struct base *base;
	size_t n;

	members = members_of(reals, n_reals, &n);
	base = members ? base_find(bases, members, n) : NULL;
	if (base)
		base->is_used = true;
}

void bases_drop_unused(struct bases *bases)
{
	size_t n = 0;

	for (size_t i = 0; i < bases->n; i++) {
		if (bases->list[i].is_used) {
			bases->list[n++] = bases->list[i];
			continue;
		}
		bases->bytes -= base_bytes(bases->list[i].n_members);
		base_fini(&bases->list[i]);
	}
	bases->n = n;
}
