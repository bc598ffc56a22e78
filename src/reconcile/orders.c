/* SPDX-License-Identifier: Apache-2.0 */
#include "src/reconcile/orders.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/log.h"
#include "src/reconcile/drains.h"

struct entry {
	struct drains_real real;
	struct core_order order;
	bool is_told;   /* the core knows */
	bool is_warned; /* its end is near, and was told */
};

struct orders {
	struct orders_options options;
	struct entry *entries; /* few: an operator typed each */
	size_t n, room;
};

struct orders *orders_new(const struct orders_options *options)
{
	struct orders *orders = calloc(1, sizeof(*orders));

	if (orders)
		orders->options = *options;
	return orders;
}

void orders_free(struct orders *orders)
{
	if (!orders)
		return;
	free(orders->entries);
	free(orders);
}

/* ---- the list ---- */

static struct entry *find(const struct orders *orders, const struct drains_real *real)
{
	for (size_t i = 0; i < orders->n; i++)
		if (strcmp(orders->entries[i].real.pool, real->pool) == 0 &&
		    addr_eq(&orders->entries[i].real.addr, &real->addr))
			return &orders->entries[i];
	return NULL;
}

static struct drains_real real_at(const struct orders *orders, uint32_t pool, uint32_t real)
{
	const struct config_pool *config = core_pool(orders->options.core, pool)->config;
	struct drains_real ret = { .addr = config->reals[real].addr };

	snprintf(ret.pool, sizeof(ret.pool), "%s", config->name);
	return ret;
}

const struct core_order *orders_find(const struct orders *orders, uint32_t pool, uint32_t real)
{
	const struct drains_real key = real_at(orders, pool, real);
	const struct entry *entry = find(orders, &key);

	return entry ? &entry->order : NULL;
}

static struct entry *add(struct orders *orders, const struct drains_real *real)
{
	struct entry *entry = find(orders, real);

	if (entry)
		return entry;
	if (orders->n == orders->room) {
		size_t room = orders->room ? orders->room * 2 : 8;

		entry = realloc(orders->entries, room * sizeof(*entry));
		if (!entry)
			return NULL;
		orders->entries = entry;
		orders->room = room;
	}
	entry = &orders->entries[orders->n++];
	*entry = (struct entry){ .real = *real };
	return entry;
}

/* ---- the core ---- */

/* Where the core has the real; false when the config does not. */
static bool place(const struct orders *orders, const struct drains_real *real,
		  struct core_real_order *ret)
{
	const struct core *core = orders->options.core;

	for (uint32_t p = 0; p < core_n_pools(core); p++) {
		const struct config_pool *pool = core_pool(core, p)->config;

		for (uint32_t r = 0; strcmp(pool->name, real->pool) == 0 && r < pool->n_reals;
		     r++) {
			if (!addr_eq(&pool->reals[r].addr, &real->addr))
				continue;
			*ret = (struct core_real_order){ .pool = p, .real = r };
			return true;
		}
	}
	return false;
}

static void log_order(const struct orders *orders, const struct entry *entry, const char *what)
{
	struct core_real_order at;
	const char *name = "-";

	if (place(orders, &entry->real, &at))
		name = core_pool(orders->options.core, at.pool)->config->reals[at.real].name;
	log_notice("real_order", "pool=%s real=%s address=%s order=%s %s owner=%s reason=%s",
		   entry->real.pool, name, ADDR_STR(&entry->real.addr),
		   real_order_str(entry->order.order), what, LOG_QUOTE(entry->order.owner),
		   LOG_QUOTE(entry->order.reason));
}

/* False when the config has no such real. */
static bool tell(const struct orders *orders, const struct drains_real *real, enum real_order order)
{
	struct core_real_order at;

	if (!place(orders, real, &at))
		return false;
	at.order = order;
	orders->options.tell(&at, orders->options.arg);
	return true;
}

/* ---- time ---- */

/* Ended even where the file cannot be removed: the next start ends it again. */
static void end(struct orders *orders, struct entry *entry)
{
	struct err err;

	if (drains_clear_real(orders->options.state_dir, &entry->real, &err) < 0)
		log_warn("real_order", "error=%s", LOG_QUOTE(err.text));
	log_order(orders, entry, "ended=expired");
	tell(orders, &entry->real, REAL_ORDER_NONE);
	*entry = orders->entries[--orders->n];
}

void orders_watch(struct orders *orders, uint64_t wall_us, usec_t now)
{
	for (size_t i = orders->n; i-- > 0;) {
		struct entry *entry = &orders->entries[i];

		if (core_order_left(&entry->order, wall_us, now) == 0) {
			end(orders, entry);
		} else if (!entry->is_warned && core_order_ends_soon(&entry->order, wall_us, now)) {
			entry->is_warned = true;
			log_order(orders, entry, "ends=soon");
		}
	}
}

/* ---- files ---- */

static void found(const struct drains_real *real, const struct core_order *order, void *arg)
{
	struct orders *orders = arg;
	struct entry *entry = find(orders, real);

	if (entry)
		return; /* known since it was given */
	entry = add(orders, real);
	if (entry)
		entry->order = *order;
	else /* the core is told all the same */
		tell(orders, real, order->order);
}

int orders_load(struct orders *orders, uint64_t wall_us, usec_t now, struct err *err)
{
	int r = drains_load_reals(orders->options.state_dir, found, orders, err);

	orders_watch(orders, wall_us, now); /* what is over never comes into force */
	for (size_t i = 0; i < orders->n; i++) {
		struct entry *entry = &orders->entries[i];
		bool was_told = entry->is_told;

		entry->is_told = tell(orders, &entry->real, entry->order.order);
		if (entry->is_told && !was_told)
			log_order(orders, entry, "since=file");
	}
	return r;
}

/* ---- what an operator says ---- */

static int end_by_hand(struct orders *orders, const struct drains_real *real,
		       const struct core_order *order, struct err *err)
{
	struct entry *entry = find(orders, real);
	int r = drains_clear_real(orders->options.state_dir, real, err);

	if (r < 0)
		return r;
	if (!entry)
		return err_set(err, -EALREADY, "%s/%s is enabled already", real->pool,
			       ADDR_STR(&real->addr));
	snprintf(entry->order.owner, sizeof(entry->order.owner), "%s", order->owner);
	snprintf(entry->order.reason, sizeof(entry->order.reason), "%s", order->reason);
	log_order(orders, entry, "ended=enabled");
	tell(orders, real, REAL_ORDER_NONE);
	*entry = orders->entries[--orders->n];
	return 0;
}

int orders_give(struct orders *orders, uint32_t pool, uint32_t real, const struct core_order *order,
		struct err *err)
{
	const struct drains_real key = real_at(orders, pool, real);
	struct entry *entry;
	int r;

	if (order->order == REAL_ORDER_NONE)
		return end_by_hand(orders, &key, order, err);
	r = drains_store_real(orders->options.state_dir, &key, order, err);
	if (r < 0)
		return r;
	entry = add(orders, &key);
	if (!entry) {
		drains_clear_real(orders->options.state_dir, &key, NULL);
		return err_set(err, -ENOMEM, "order: %m");
	}
	*entry = (struct entry){ .real = key, .order = *order, .is_told = true };
	log_order(orders, entry, order->until_us ? "ends=by-itself" : "ends=never");
	tell(orders, &key, order->order);
	return 0;
}
