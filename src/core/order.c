/* SPDX-License-Identifier: Apache-2.0 */
/* order.c - the words of operators' orders on reals and VIPs, and when one ends. */
#include <string.h>

#include "src/core/internal.h"

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

/* An order ends as a drain does. */
static struct core_drain as_drain(const struct core_order *order)
{
	return (struct core_drain){ .wall_us = order->wall_us,
				    .until_us = order->until_us,
				    .given_at = order->given_at };
}

bool core_order_has_end(const struct core_order *order)
{
	return order->until_us > order->wall_us;
}

usec_t core_order_left(const struct core_order *order, uint64_t wall_us, usec_t now)
{
	const struct core_drain drain = as_drain(order);

	return core_drain_left(&drain, wall_us, now);
}

bool core_order_ends_soon(const struct core_order *order, uint64_t wall_us, usec_t now)
{
	uint64_t soon;

	if (!core_order_has_end(order))
		return false;
	soon = (order->until_us - order->wall_us) / 10;
	return core_order_left(order, wall_us, now) <= (soon < SOON_US ? soon : SOON_US);
}

/* ---- of VIPs ---- */

static const char *const vip_names[VIP_ORDER_MAX] = {
	[VIP_ORDER_NONE] = "auto",
	[VIP_ORDER_ANNOUNCE] = "announce",
	[VIP_ORDER_WITHDRAW] = "withdraw",
};

const char *vip_order_str(enum vip_order order)
{
	return order < VIP_ORDER_MAX ? vip_names[order] : "?";
}

enum vip_order vip_order_find(const char *word)
{
	unsigned i = 0;

	while (i < VIP_ORDER_MAX && strcmp(vip_names[i], word) != 0)
		i++;
	return (enum vip_order)i;
}

void vip_order_set(struct core *core, const struct core_vip_order *order)
{
	struct vip *vip;

	if (order->vip >= core->tables.records.n_vips || order->order >= VIP_ORDER_MAX)
		return;
	vip = &core->tables.records.vips[order->vip];
	if (!vip->view.config)
		return;
	vip->view.order = order->order;
	vip->view.order_by = order->by;
	vip->view.order_by.owner[CORE_OWNER_MAX - 1] = '\0';
	vip->view.order_by.reason[CORE_REASON_MAX - 1] = '\0';
}

static bool is_announced_by_hand(const struct records *records, uint32_t pool)
{
	for (size_t i = 0; i < records->n_services; i++) {
		const struct service *facts = &records->service_facts[i];

		if (records->services[i].pool == pool &&
		    records->vips[facts->vip].view.order == VIP_ORDER_ANNOUNCE)
			return true;
	}
	return false;
}

static bool has_announce_order(const struct records *records)
{
	for (size_t i = 0; i < records->n_vips; i++)
		if (records->vips[i].view.order == VIP_ORDER_ANNOUNCE)
			return true;
	return false;
}

void vip_orders_update(struct core *core)
{
	const struct records *records = &core->tables.records;
	bool any = has_announce_order(records);

	for (uint32_t i = 0; i < core->tables.config->n_pools; i++) {
		struct pool *pool = &core->tables.pools[i];
		bool is_opened = any && is_announced_by_hand(records, i);

		if (is_opened == pool->is_opened)
			continue;
		pool->is_opened = is_opened;
		pool->is_dirty = true;
	}
}
