/* SPDX-License-Identifier: Apache-2.0 */
/* order.c - the words of operators' orders on reals, and when one ends. */
#include <string.h>

#include "src/core/core.h"

#define SOON_US (600 * USEC_PER_SEC)

static const char *const names[REAL_ORDER_MAX] = {
	[REAL_ORDER_NONE] = "none",
	[REAL_DRAINED] = "drained",
	[REAL_DISABLED] = "disabled",
};

const char *real_order_str(enum real_order order)
{
	return order < REAL_ORDER_MAX ? names[order] : "?";
}

enum real_order real_order_find(const char *word)
{
	unsigned i = 0;

	while (i < REAL_ORDER_MAX && strcmp(names[i], word) != 0)
		i++;
	return (enum real_order)i;
}

bool core_order_has_end(const struct core_order *order)
{
	return order->until_us > order->wall_us;
}

bool core_order_is_over(const struct core_order *order, uint64_t wall_us)
{
	return core_order_has_end(order) && wall_us >= order->until_us;
}

bool core_order_ends_soon(const struct core_order *order, uint64_t wall_us)
{
	uint64_t soon;

	if (!core_order_has_end(order))
		return false;
	soon = (order->until_us - order->wall_us) / 10;
	return wall_us >= order->until_us - (soon < SOON_US ? soon : SOON_US);
}
