/* SPDX-License-Identifier: Apache-2.0 */
#include "src/reconcile/places.h"

#include <errno.h>
#include <stdlib.h>

static int place_cmp(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	int order = addr_cmp(&x->addr, &y->addr);

	if (order)
		return order;
	if (x->pool != y->pool)
		return x->pool < y->pool ? -1 : 1;
	return x->real < y->real ? -1 : x->real > y->real;
}

int places_init(struct places *places, const struct config *config)
{
	size_t n = 0;

	for (size_t p = 0; p < config->n_pools; p++)
		n += config->pools[p].n_reals;
	*places = (struct places){ .list = calloc(n + 1, sizeof(*places->list)) };
	if (!places->list)
		return -ENOMEM;
	for (uint32_t p = 0; p < config->n_pools; p++)
		for (uint32_t i = 0; i < config->pools[p].n_reals; i++)
			places->list[places->n++] =
				(struct place){ config->pools[p].reals[i].addr, p, i };
	qsort(places->list, places->n, sizeof(*places->list), place_cmp);
	return 0;
}

void places_fini(struct places *places)
{
	free(places->list);
	*places = (struct places){ 0 };
}

const struct place *places_find(const struct places *places, const struct addr *addr, size_t *ret_n)
{
	size_t low = 0, high = places->n, end;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (addr_cmp(&places->list[middle].addr, addr) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (end = low; end < places->n && addr_eq(&places->list[end].addr, addr);)
		end++;
	*ret_n = end - low;
	return end > low ? &places->list[low] : NULL;
}
