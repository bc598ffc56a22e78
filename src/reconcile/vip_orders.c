/* SPDX-License-Identifier: Apache-2.0 */
#include "src/reconcile/vip_orders.h"

#include <errno.h>

#include "src/base/log.h"
#include "src/reconcile/drains.h"

static void log_order(const struct prefix *vip, enum vip_order order, const struct core_drain *by,
		      const char *more)
{
	log_notice("vip_order", "vip=%s order=%s owner=%s reason=%s %s", PREFIX_STR(vip),
		   vip_order_str(order), LOG_QUOTE(by->owner), LOG_QUOTE(by->reason), more);
}

/* Ended even where the file cannot be removed: the next start ends it again. */
static void expire(const struct vip_orders *orders, const struct prefix *vip, enum vip_order order,
		   const struct core_drain *by)
{
	struct err err;

	if (drains_clear_vip(orders->state_dir, vip, &err) < 0)
		log_warn("vip_order", "error=%s", LOG_QUOTE(err.text));
	log_order(vip, order, by, "ended=expired");
}

void vip_orders_watch(const struct vip_orders *orders, uint64_t wall_us, usec_t now)
{
	for (uint32_t i = 0; i < core_n_vips(orders->core); i++) {
		const struct core_vip *vip = core_vip(orders->core, i);
		const struct core_vip_order end = { .vip = i };

		if (!vip->order || core_drain_left(&vip->order_by, wall_us, now) > 0)
			continue;
		expire(orders, &vip->prefix, vip->order, &vip->order_by);
		orders->tell(&end, orders->arg);
	}
}

/* ---- files ---- */

struct loading {
	const struct vip_orders *orders;
	uint64_t wall_us;
	usec_t now;
};

static void found(const struct prefix *prefix, const struct core_vip_order *order, void *arg)
{
	const struct loading *loading = arg;
	const struct vip_orders *orders = loading->orders;
	struct core_vip_order told = *order;
	const struct core_vip *vip;

	if (core_drain_left(&order->by, loading->wall_us, loading->now) == 0) {
		expire(orders, prefix, order->order, &order->by);
		return;
	}
	told.vip = core_vip_find(orders->core, prefix);
	vip = told.vip == CORE_NONE ? NULL : core_vip(orders->core, told.vip);
	if (!vip || !vip->config ||
	    vip->order) /* until it comes back; or known since it was given */
		return;
	log_order(prefix, order->order, &order->by, "since=file");
	orders->tell(&told, orders->arg);
}

int vip_orders_load(const struct vip_orders *orders, uint64_t wall_us, usec_t now, struct err *err)
{
	struct loading loading = { .orders = orders, .wall_us = wall_us, .now = now };

	return drains_load_vips(orders->state_dir, found, &loading, err);
}

/* ---- what an operator says ---- */

static int end_by_hand(const struct vip_orders *orders, const struct core_vip_order *order,
		       struct err *err)
{
	const struct core_vip *vip = core_vip(orders->core, order->vip);
	/* Also one on file that nothing knows of: the next start would. */
	int r = drains_clear_vip(orders->state_dir, &vip->prefix, err);

	if (r < 0)
		return r;
	if (!vip->order)
		return err_set(err, -EALREADY, "%s is left to its checks already",
			       PREFIX_STR(&vip->prefix));
	log_order(&vip->prefix, vip->order, &order->by, "ended=auto");
	orders->tell(order, orders->arg);
	return 0;
}

int vip_orders_give(const struct vip_orders *orders, const struct core_vip_order *order,
		    struct err *err)
{
	const struct prefix *vip = &core_vip(orders->core, order->vip)->prefix;
	int r;

	if (order->order == VIP_ORDER_NONE)
		return end_by_hand(orders, order, err);
	r = drains_store_vip(orders->state_dir, vip, order, err);
	if (r < 0)
		return r;
	log_order(vip, order->order, &order->by,
		  core_drain_has_end(&order->by) ? "ends=by-itself" : "ends=never");
	orders->tell(order, orders->arg);
	return 0;
}
