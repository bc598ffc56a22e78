/* SPDX-License-Identifier: Apache-2.0 */
/*
 * places.h - in which pools of a config an address stands: asked for each next hop that changes,
 * which in a large config is far too often to look through all pools.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "src/config/config.h"

struct place {
	struct addr addr;
	uint32_t pool, real;
};

struct places {
	struct place *list; /* by address, then in the config's order */
	size_t n;
};

/* Returns 0 or -ENOMEM. */
int places_init(struct places *places, const struct config *config);
void places_fini(struct places *places);

/* The first of *ret_n places of an address; NULL when there is none. */
const struct place *places_find(const struct places *places, const struct addr *addr,
				size_t *ret_n);
