/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vip_orders.h - what operators asked of VIPs, announce or withdraw: given, kept in files beside
 * the drains (drains.h), found there at start, ended by hand or by time.
 *
 * The core holds those in force; the files hold those of VIPs that left the config as well, which
 * are in force again when the VIP comes back, as long as their time is not over.
 */
#pragma once

#include <stdint.h>

#include "src/base/err.h"
#include "src/core/core.h"

struct vip_orders {
	const struct core *core;                                     /* read, never stepped */
	const char *state_dir;                                       /* borrowed */
	void (*tell)(const struct core_vip_order *order, void *arg); /* the core */
	void *arg;
};

/*
 * vip_orders_load - what is on file and the core does not know; at start and after each reload.
 * Returns 0, or a negative errno with the sentence: the directory is unreadable, which
 * drained_load() answers for.
 */
int vip_orders_load(const struct vip_orders *orders, uint64_t wall_us, usec_t now, struct err *err);

/*
 * vip_orders_give - store an order, or with VIP_ORDER_NONE end the one there is; then tell the
 * core. The last one counts, with its own end. Returns 0; -EALREADY when there is nothing to end;
 * or a negative errno with the sentence, and nothing changed.
 */
int vip_orders_give(const struct vip_orders *orders, const struct core_vip_order *order,
		    struct err *err);

/* Each second: end those whose time is over. */
void vip_orders_watch(const struct vip_orders *orders, uint64_t wall_us, usec_t now);
