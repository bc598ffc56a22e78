/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan.c - desired state, and the ops that bring what is observed towards it.
 *
 * Each op has a gate: what must be observed before it may be done. So the order of a whole change
 * (reals, ring, service, self-test, announce; withdraw, linger, service, ring) comes out of many
 * small plans, and a plan made twice from the same observation is the same plan.
 */
#include "src/core/internal.h"

#include <string.h>

/* ---- desired ---- */

static void pools_mark_needed(struct core *core)
{
	struct records *records = &core->tables.records;
	size_t n_pools = core->tables.config->n_pools;

	for (size_t i = 0; i < n_pools; i++) {
		core->tables.pools[i].was_needed = core->tables.desired_pools[i].is_needed;
		core->tables.desired_pools[i].is_needed = false;
	}
	for (size_t i = 0; i < records->n_services; i++) {
		uint32_t wanted = records->services[i].pool;
		uint32_t named = records->service_facts[i].observed_pool;

		if (wanted < n_pools)
			core->tables.desired_pools[wanted].is_needed = true;
		if (named < n_pools)
			core->tables.desired_pools[named].is_needed = true;
	}
	for (size_t i = 0; i < n_pools; i++)
		if (core->tables.pools[i].was_needed != core->tables.desired_pools[i].is_needed)
			core->lives_version++;
}

void desired_update(struct core *core)
{
	struct records *records = &core->tables.records;

	pools_mark_needed(core);
	for (size_t i = 0; i < records->n_services; i++)
		core->tables.desired_services[i] = (struct desired_service){
			.wanted = records->services[i].config != NULL,
			.pool = records->services[i].pool,
		};
	for (size_t i = 0; i < records->n_vips; i++)
		core->tables.desired_vips[i].intent =
			records->vips[i].is_ours ? records->vips[i].view.intent : ROUTE_NONE;
	core->desired = (struct desired){
		.pools = core->tables.desired_pools,
		.n_pools = core->tables.config->n_pools,
		.services = core->tables.desired_services,
		.n_services = records->n_services,
		.vips = core->tables.desired_vips,
		.n_vips = records->n_vips,
		.lives_version = core->lives_version,
	};
}

/* ---- plan ---- */

/* The cursors remember where the last match was: entries in the core's own order are found at once.
 */
struct plan {
	const struct core *core;
	const struct observed *observed;
	struct op *ops;
	size_t n, max;
	size_t route_cursor, service_cursor;
};

static void plan_add(struct plan *plan, enum op_kind kind, size_t index)
{
	if (plan->n < plan->max)
		plan->ops[plan->n++] = (struct op){ .kind = kind, .index = (uint32_t)index };
}

static const struct observed_route *route_find(struct plan *plan, const struct prefix *prefix)
{
	size_t n = plan->observed->n_routes;

	for (size_t i = 0; i < n; i++) {
		size_t at = (plan->route_cursor + i) % n;

		if (!prefix_eq(&plan->observed->routes[at].prefix, prefix))
			continue;
		plan->route_cursor = at + 1;
		return &plan->observed->routes[at];
	}
	return NULL;
}

static const struct observed_service *service_find(struct plan *plan, size_t service)
{
	const struct records *records = &plan->core->tables.records;
	const struct core_service *of = &records->services[service];
	const struct prefix *vip = &records->vips[records->service_facts[service].vip].view.prefix;
	size_t n = plan->observed->n_services;

	for (size_t i = 0; i < n; i++) {
		size_t at = (plan->service_cursor + i) % n;
		const struct observed_service *found = &plan->observed->services[at];

		if (found->proto != of->proto || found->port != of->port ||
		    !prefix_eq(&found->vip, vip))
			continue;
		plan->service_cursor = at + 1;
		return found;
	}
	return NULL;
}

static const struct observed_pool *pool_find(const struct plan *plan, size_t pool)
{
	static const struct observed_pool nothing;

	return pool < plan->observed->n_pools ? &plan->observed->pools[pool] : &nothing;
}

/* The router can be written to, and what is there is known. */
static const struct observed_route *route_writable(struct plan *plan, size_t i)
{
	const struct vip *vip = &plan->core->tables.records.vips[i];
	const struct core_router *router = &plan->core->node.router;
	const struct observed_route *route;

	if (!vip->is_ours || !router->connected || !router->has_instance)
		return NULL;
	route = route_find(plan, &vip->view.prefix);
	return route && route->is_read ? route : NULL;
}

/* Everything below the route is in place: a line that does not stand may be put. */
static bool vip_is_carried(const struct plan *plan, size_t i)
{
	const struct core *core = plan->core;
	const struct vip *vip = &core->tables.records.vips[i];

	for (size_t s = 0; vip->view.config && s < vip->view.config->n_services; s++) {
		const struct core_service *service = &vip->view.services[s];

		if (vip_service_serves(core, vip, s) &&
		    !(service->is_self_tested && service_is_proven(core, vip->first_service + s)))
			return false;
	}
	return true;
}

static void plan_route(struct plan *plan, size_t i, enum route_intent intent, enum op_kind kind)
{
	const struct observed_route *route;

	if (plan->core->desired.vips[i].intent != intent)
		return;
	route = route_writable(plan, i);
	if (!route)
		return;
	if (route->line == intent && (intent == ROUTE_NONE || route->attributes_match))
		return;
	/* While the guard's fence stands, nothing is announced, drained or not. */
	if (intent != ROUTE_NONE && plan->core->node.is_fenced && route->line != ROUTE_ANNOUNCE)
		return;
	if (intent != ROUTE_NONE && route->line == ROUTE_NONE && !vip_is_carried(plan, i))
		return;
	plan_add(plan, kind, i);
}

static void plan_routes(struct plan *plan, enum route_intent intent, enum op_kind kind)
{
	for (size_t i = 0; i < plan->core->desired.n_vips; i++)
		plan_route(plan, i, intent, kind);
}

static void plan_rings(struct plan *plan)
{
	for (size_t i = 0; i < plan->core->desired.n_pools; i++) {
		const struct desired_pool *desired = &plan->core->desired.pools[i];
		const struct observed_pool *observed = pool_find(plan, i);

		if (!desired->is_needed)
			continue;
		if (!observed->reals_programmed)
			plan_add(plan, OP_REALS_SET, i);
		else if (observed->ring_version != desired->version &&
			 pool_has_taker(&plan->core->tables.pools[i]))
			plan_add(plan, OP_RING_SET, i);
	}
}

static bool pool_in_force(const struct plan *plan, uint32_t pool)
{
	return pool_is_in_force(plan->core, pool, pool_find(plan, pool));
}

static void plan_services(struct plan *plan)
{
	for (size_t i = 0; i < plan->core->desired.n_services; i++) {
		const struct desired_service *desired = &plan->core->desired.services[i];
		const struct observed_service *observed;

		if (!desired->wanted || !pool_in_force(plan, desired->pool))
			continue;
		observed = service_find(plan, i);
		if (!observed || !observed->programmed || observed->pool != desired->pool)
			plan_add(plan, OP_SERVICE_SET, i);
	}
}

static void plan_self_tests(struct plan *plan)
{
	for (size_t i = 0; i < plan->core->desired.n_services; i++) {
		const struct desired_service *desired = &plan->core->desired.services[i];
		const struct observed_service *observed;

		if (!desired->wanted || !pool_in_force(plan, desired->pool) ||
		    !pool_forwards(&plan->core->tables.pools[desired->pool]))
			continue;
		observed = service_find(plan, i);
		if (observed && observed->programmed && observed->pool == desired->pool &&
		    !observed->self_tested)
			plan_add(plan, OP_SELF_TEST, i);
	}
}

/* A service that left goes when nobody is sent here for it any more: at once where its VIP stays.
 */
static bool service_may_go(const struct plan *plan, size_t service)
{
	const struct records *records = &plan->core->tables.records;
	const struct vip *vip = &records->vips[records->service_facts[service].vip];

	return vip->view.config ||
	       (vip->view.state == VIP_WITHDRAWN && (vip->has_lingered || !vip->is_ours));
}

static void plan_deletions(struct plan *plan)
{
	for (size_t i = 0; i < plan->core->desired.n_services; i++) {
		const struct observed_service *observed;

		if (plan->core->desired.services[i].wanted || !service_may_go(plan, i))
			continue;
		observed = service_find(plan, i);
		if (observed && observed->programmed)
			plan_add(plan, OP_SERVICE_DEL, i);
	}
	for (size_t i = 0; i < plan->core->desired.n_pools; i++) {
		const struct observed_pool *observed = pool_find(plan, i);

		if (!plan->core->desired.pools[i].is_needed &&
		    (observed->reals_programmed || observed->ring_version))
			plan_add(plan, OP_RING_DEL, i);
	}
}

size_t core_plan(const struct core *core, const struct observed *observed, struct op *ops,
		 size_t max)
{
	struct plan plan = { .core = core, .observed = observed, .ops = ops, .max = max };

	plan_routes(&plan, ROUTE_NONE, OP_ROUTE_WITHDRAW);
	plan_routes(&plan, ROUTE_DRAIN, OP_ROUTE_DRAIN);
	plan_rings(&plan);
	plan_services(&plan);
	plan_self_tests(&plan);
	plan_routes(&plan, ROUTE_ANNOUNCE, OP_ROUTE_ANNOUNCE);
	plan_deletions(&plan);
	return plan.n;
}

const char *op_kind_str(enum op_kind kind)
{
	static const char *const names[] = {
		[OP_REALS_SET] = "reals-set",
		[OP_RING_SET] = "ring-set",
		[OP_SERVICE_SET] = "service-set",
		[OP_SELF_TEST] = "self-test",
		[OP_ROUTE_ANNOUNCE] = "route-announce",
		[OP_ROUTE_DRAIN] = "route-drain",
		[OP_ROUTE_WITHDRAW] = "route-withdraw",
		[OP_SERVICE_DEL] = "service-del",
		[OP_RING_DEL] = "ring-del",
	};

	return kind <= OP_RING_DEL ? names[kind] : "?";
}
