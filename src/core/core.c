/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core.c - the way in: events are handed to the file that owns their facts, conclusions are drawn
 * bottom up, views are handed out. The shape is described in internal.h.
 */
#include "src/core/core.h"

#include <stdlib.h>

#include "src/core/internal.h"

struct core *core_new(const struct config *config, usec_t now)
{
	struct core *core = calloc(1, sizeof(*core));

	if (!core)
		return NULL;
	core->now = now ? now : 1;
	if (tables_init(&core->tables, config, 0, 0, core->now) < 0) {
		free(core);
		return NULL;
	}
	for (size_t i = 0; i < config->n_pools; i++)
		core->tables.desired_pools[i].version = ++core->version;
	records_build(&core->tables, &core->tables.records, &core->tables, NULL, NULL, core->now);
	core_settle(core);
	return core;
}

void core_free(struct core *core)
{
	if (!core)
		return;
	tables_fini(&core->tables);
	free(core);
}

void core_adopt_real(struct core *core, uint32_t pool, uint32_t real, bool takes_new_flows)
{
	if (pool >= core->tables.config->n_pools ||
	    real >= core->tables.config->pools[pool].n_reals)
		return;
	core->tables.pools[pool].facts[real].was_taking = takes_new_flows;
	pool_hold(core, &core->tables.pools[pool]);
	core->next_timer = core->now; /* thousands come: concluded from once, by the first step */
}

void core_adopt_life(struct core *core, uint32_t pool, uint32_t real, enum real_life life)
{
	if (pool >= core->tables.config->n_pools ||
	    real >= core->tables.config->pools[pool].n_reals || life >= REAL_LIFE_MAX)
		return;
	core->tables.pools[pool].reals[real].life = life;
	core->tables.pools[pool].is_dirty = true;
}

void core_adopt_verdict(struct core *core, const struct core_verdict *verdict, usec_t since)
{
	pool_adopt_verdict(core, verdict, since);
	core->next_timer = core->now;
}

void core_adopt_flaps(struct core *core, const struct core_flaps *flaps)
{
	uint32_t vip = core_vip_find(core, &flaps->prefix);

	if (vip != CORE_NONE)
		damping_adopt(core, &core->tables.records.vips[vip], flaps);
	core->next_timer = core->now;
}

bool core_flaps(const struct core *core, uint32_t vip, struct core_flaps *ret)
{
	return vip < core_n_vips(core) && damping_flaps(core, &core->tables.records.vips[vip], ret);
}

/* ---- one step ---- */

bool core_is_due(struct core *core, usec_t at)
{
	if (core->now >= at)
		return true;
	if (at < core->timer)
		core->timer = at;
	return false;
}

static void pools_settle(struct core *core)
{
	usec_t others = core->timer;

	for (size_t i = 0; i < core->tables.config->n_pools; i++) {
		struct pool *pool = &core->tables.pools[i];

		if (pool->is_dirty || pool->deadline <= core->now) {
			core->timer = USEC_NEVER;
			pool_update(core, pool);
			pool->deadline = core->timer;
		}
		if (pool->deadline < others)
			others = pool->deadline;
	}
	core->timer = others;
}

void core_settle(struct core *core)
{
	struct records *records = &core->tables.records;

	do { /* quorum and hold rest on each other: a pool that lost the one loses the other */
		core->timer = USEC_NEVER;
		node_update(core);
		common_update(core);
		vip_orders_update(core);
		pools_settle(core);
	} while (common_is_outdated(core));
	for (size_t i = 0; i < records->n_vips; i++)
		vip_update(core, &records->vips[i]);
	desired_update(core);
	core->next_timer = core->timer;
}

/* Hand over the facts; false when no conclusion can rest on what changed. */
static bool take(struct core *core, const struct core_event *event)
{
	switch (event->kind) {
	case CORE_EVENT_VERDICT:
		return pool_verdict(core, &event->verdict);
	case CORE_EVENT_NEXT_HOP:
		return pool_next_hop(core, &event->next_hop);
	case CORE_EVENT_TRAFFIC:
		return drain_traffic(core, &event->traffic);
	case CORE_EVENT_ORDER:
		return pool_order(core, &event->order);
	case CORE_EVENT_FORGIVE:
		return pool_forgive(core, &event->forgive);
	case CORE_EVENT_TIMER:
		return false;
	case CORE_EVENT_DRAIN:
		drain_set(core, &event->drain);
		break;
	case CORE_EVENT_UPLINK:
		node_uplink(core, &event->uplink);
		break;
	case CORE_EVENT_ROUTER:
		core->node.router = event->router;
		break;
	case CORE_EVENT_FENCE:
		core->node.is_fenced = event->fenced;
		break;
	case CORE_EVENT_OBSERVED:
		observe(core, event->observed);
		break;
	case CORE_EVENT_VIP_ORDER:
		vip_order_set(core, &event->vip_order);
		break;
	}
	return true;
}

void core_step(struct core *core, const struct core_event *event)
{
	if (event->now > core->now)
		core->now = event->now;
	if (!take(core, event) && core->now < core->next_timer)
		return;
	if (event->is_deferred)
		core->next_timer = core->now;
	else
		core_settle(core);
}

usec_t core_next_timer(const struct core *core)
{
	return core->next_timer;
}

/* ---- views ---- */

const struct desired *core_desired(const struct core *core)
{
	return &core->desired;
}

const struct core_node *core_node(const struct core *core)
{
	return &core->node;
}

size_t core_n_pools(const struct core *core)
{
	return core->tables.config->n_pools;
}

const struct core_pool *core_pool(const struct core *core, uint32_t pool)
{
	return pool < core_n_pools(core) ? &core->tables.pools[pool].view : NULL;
}

size_t core_n_vips(const struct core *core)
{
	return core->tables.records.n_vips;
}

const struct core_vip *core_vip(const struct core *core, uint32_t vip)
{
	return vip < core_n_vips(core) ? &core->tables.records.vips[vip].view : NULL;
}

const struct core_service *core_service(const struct core *core, uint32_t service,
					uint32_t *ret_vip)
{
	if (service >= core->tables.records.n_services)
		return NULL;
	*ret_vip = core->tables.records.service_facts[service].vip;
	return &core->tables.records.services[service];
}

uint32_t core_vip_find(const struct core *core, const struct prefix *prefix)
{
	return records_find_vip(&core->tables, &core->tables.records, prefix);
}

const struct config *core_config(const struct core *core)
{
	return core->tables.config;
}

const struct config_lookup *core_lookup(const struct core *core)
{
	return core->tables.lookup;
}
