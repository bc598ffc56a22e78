/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lookup.c - chained hash tables over numbers: of the pools, and of all reals pool after pool.
 *
 * Reals stand in four of them, by name and by address, within their pool and among all: an address
 * that a thousand pools share must not make finding it in one of them a walk over a thousand.
 * Chains hold numbers plus 1, so that 0 ends them; they are filled from the last number on and so
 * run in ascending order.
 */
#include "src/config/config.h"

#include <stdlib.h>
#include <string.h>

#include "src/config/index.h"

struct chains {
	uint32_t *heads, *nexts;
	uint32_t mask;
};

struct config_lookup {
	const struct config *config;
	struct config_place *places; /* of every real, by its number */
	uint32_t n_reals;
	struct chains pools;        /* by name */
	struct chains names, addrs; /* among all reals */
	struct chains pool_names, pool_addrs;
};

/* ---- chains ---- */

static bool chains_init(struct chains *chains, uint32_t n)
{
	uint32_t n_heads = 16;

	while (n_heads < n)
		n_heads *= 2;
	chains->mask = n_heads - 1;
	chains->heads = calloc(n_heads, sizeof(*chains->heads));
	chains->nexts = calloc(n + 1, sizeof(*chains->nexts));
	return chains->heads && chains->nexts;
}

static void chains_fini(struct chains *chains)
{
	free(chains->heads);
	free(chains->nexts);
}

static uint32_t *chain_of(const struct chains *chains, uint64_t hash)
{
	return &chains->heads[(hash ^ hash >> 32) & chains->mask];
}

static void chains_add(struct chains *chains, uint64_t hash, uint32_t number)
{
	uint32_t *head = chain_of(chains, hash);

	chains->nexts[number + 1] = *head;
	*head = number + 1;
}

/* ---- hashes ---- */

static uint64_t hash_name(const char *name)
{
	return index_hash(name, strlen(name));
}

static uint64_t hash_addr(const struct addr *addr)
{
	return index_hash(addr->bytes, sizeof(addr->bytes));
}

static uint64_t in_pool(uint64_t hash, uint32_t pool)
{
	return (hash ^ pool) * 0x9e3779b97f4a7c15ULL;
}

/* ---- life ---- */

static bool alloc(struct config_lookup *lookup)
{
	uint32_t n = lookup->n_reals;

	lookup->places = calloc(n + 1, sizeof(*lookup->places));
	return lookup->places && chains_init(&lookup->pools, (uint32_t)lookup->config->n_pools) &&
	       chains_init(&lookup->names, n) && chains_init(&lookup->addrs, n) &&
	       chains_init(&lookup->pool_names, n) && chains_init(&lookup->pool_addrs, n);
}

static void add_real(struct config_lookup *lookup, uint32_t number, uint32_t pool, uint32_t real)
{
	const struct config_real *config = &lookup->config->pools[pool].reals[real];
	uint64_t name = hash_name(config->name), addr = hash_addr(&config->addr);

	lookup->places[number] = (struct config_place){ pool, real };
	chains_add(&lookup->names, name, number);
	chains_add(&lookup->addrs, addr, number);
	chains_add(&lookup->pool_names, in_pool(name, pool), number);
	chains_add(&lookup->pool_addrs, in_pool(addr, pool), number);
}

struct config_lookup *config_lookup_new(const struct config *config)
{
	struct config_lookup *lookup = calloc(1, sizeof(*lookup));
	uint32_t number;

	if (!lookup)
		return NULL;
	lookup->config = config;
	for (size_t p = 0; p < config->n_pools; p++)
		lookup->n_reals += (uint32_t)config->pools[p].n_reals;
	if (!alloc(lookup)) {
		config_lookup_free(lookup);
		return NULL;
	}
	number = lookup->n_reals;
	for (uint32_t p = (uint32_t)config->n_pools; p-- > 0;) {
		chains_add(&lookup->pools, hash_name(config->pools[p].name), p);
		for (uint32_t i = (uint32_t)config->pools[p].n_reals; i-- > 0;)
			add_real(lookup, --number, p, i);
	}
	return lookup;
}

void config_lookup_free(struct config_lookup *lookup)
{
	if (!lookup)
		return;
	free(lookup->places);
	chains_fini(&lookup->pools);
	chains_fini(&lookup->names);
	chains_fini(&lookup->addrs);
	chains_fini(&lookup->pool_names);
	chains_fini(&lookup->pool_addrs);
	free(lookup);
}

/* ---- finding ---- */

static const struct config_real *real_at(const struct config_lookup *lookup, uint32_t link)
{
	const struct config_place *place = &lookup->places[link - 1];

	return &lookup->config->pools[place->pool].reals[place->real];
}

uint32_t config_lookup_pool(const struct config_lookup *lookup, const char *name)
{
	uint32_t link = *chain_of(&lookup->pools, hash_name(name));

	while (link && strcmp(lookup->config->pools[link - 1].name, name) != 0)
		link = lookup->pools.nexts[link];
	return link ? link - 1 : CONFIG_NONE;
}

uint32_t config_lookup_name(const struct config_lookup *lookup, uint32_t pool, const char *name)
{
	uint32_t link = *chain_of(&lookup->pool_names, in_pool(hash_name(name), pool));

	while (link && (lookup->places[link - 1].pool != pool ||
			strcmp(real_at(lookup, link)->name, name) != 0))
		link = lookup->pool_names.nexts[link];
	return link ? lookup->places[link - 1].real : CONFIG_NONE;
}

uint32_t config_lookup_addr(const struct config_lookup *lookup, uint32_t pool,
			    const struct addr *addr)
{
	uint32_t link = *chain_of(&lookup->pool_addrs, in_pool(hash_addr(addr), pool));

	while (link && (lookup->places[link - 1].pool != pool ||
			!addr_eq(&real_at(lookup, link)->addr, addr)))
		link = lookup->pool_addrs.nexts[link];
	return link ? lookup->places[link - 1].real : CONFIG_NONE;
}

/* The first link, or the one after the last match. */
static uint32_t resume(const struct chains *chains, uint64_t hash, uint32_t cursor)
{
	return cursor ? chains->nexts[cursor] : *chain_of(chains, hash);
}

bool config_lookup_next_named(const struct config_lookup *lookup, const char *name,
			      uint32_t *cursor, struct config_place *ret)
{
	uint32_t link = resume(&lookup->names, hash_name(name), *cursor);

	while (link && strcmp(real_at(lookup, link)->name, name) != 0)
		link = lookup->names.nexts[link];
	if (!link)
		return false;
	*cursor = link;
	*ret = lookup->places[link - 1];
	return true;
}

bool config_lookup_next_at(const struct config_lookup *lookup, const struct addr *addr,
			   uint32_t *cursor, struct config_place *ret)
{
	uint32_t link = resume(&lookup->addrs, hash_addr(addr), *cursor);

	while (link && !addr_eq(&real_at(lookup, link)->addr, addr))
		link = lookup->addrs.nexts[link];
	if (!link)
		return false;
	*cursor = link;
	*ret = lookup->places[link - 1];
	return true;
}
