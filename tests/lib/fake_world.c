/* SPDX-License-Identifier: Apache-2.0 */
/* fake_world.c - see fake_world.h. */
#include "tests/lib/fake_world.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

void world_init(struct world *world)
{
	*world = (struct world){
		.established_peers = 2,
		.router_connected = true,
		.routes_are_read = true,
		.forwards = true,
	};
}

struct world_ring *world_ring_find(struct world *world, const char *pool)
{
	for (size_t i = 0; i < LEN(world->rings); i++)
		if (world->rings[i].used && strcmp(world->rings[i].pool, pool) == 0)
			return &world->rings[i];
	return NULL;
}

struct world_route *world_route_find(struct world *world, const struct prefix *prefix)
{
	for (size_t i = 0; i < LEN(world->routes); i++)
		if (world->routes[i].used && prefix_eq(&world->routes[i].prefix, prefix))
			return &world->routes[i];
	return NULL;
}

struct world_service *world_service_find(struct world *world, const struct prefix *vip,
					 uint8_t proto, uint16_t port)
{
	for (size_t i = 0; i < LEN(world->services); i++) {
		struct world_service *s = &world->services[i];

		if (s->used && s->proto == proto && s->port == port && prefix_eq(&s->vip, vip))
			return s;
	}
	return NULL;
}

struct world_route *world_route_add(struct world *world, const struct prefix *prefix,
				    enum route_intent line)
{
	struct world_route *route = world_route_find(world, prefix);

	for (size_t i = 0; !route && i < LEN(world->routes); i++)
		if (!world->routes[i].used)
			route = &world->routes[i];
	assert(route);
	if (!route->used)
		*route = (struct world_route){ .used = true, .prefix = *prefix };
	route->line = line;
	return route;
}

static struct world_ring *ring_add(struct world *world, const char *pool)
{
	struct world_ring *ring = world_ring_find(world, pool);

	for (size_t i = 0; !ring && i < LEN(world->rings); i++)
		if (!world->rings[i].used)
			ring = &world->rings[i];
	assert(ring);
	if (!ring->used) {
		*ring = (struct world_ring){ .used = true };
		snprintf(ring->pool, sizeof(ring->pool), "%s", pool);
	}
	return ring;
}

/* ---- ops ---- */

static void reals_set(struct world *world, const struct core *core, uint32_t pool)
{
	ring_add(world, core_config(core)->pools[pool].name)->reals_programmed = true;
}

static void ring_set(struct world *world, const struct core *core, uint32_t pool)
{
	const struct config_pool *config = &core_config(core)->pools[pool];
	const struct desired_pool *desired = &core_desired(core)->pools[pool];
	struct world_ring *ring = ring_add(world, config->name);
	bool any_normal = false;

	assert(ring->reals_programmed);
	for (size_t i = 0; i < config->n_reals; i++)
		any_normal |= desired->takes_new_flows[i] && !config->reals[i].is_backup;
	ring->n_takers = 0;
	for (size_t i = 0; i < config->n_reals; i++)
		if (desired->takes_new_flows[i] && config->reals[i].is_backup != any_normal)
			ring->takers[ring->n_takers++] = config->reals[i].addr;
	ring->version = desired->version;
}

static bool ring_is_named(const struct world *world, uint32_t ring)
{
	for (size_t i = 0; i < LEN(world->services); i++)
		if (world->services[i].used && world->services[i].ring == ring)
			return true;
	return false;
}

/* The reconciler's own part: rings of pools without index go with the last service. */
static void rings_sweep(struct world *world, const struct core *core)
{
	for (uint32_t i = 0; i < LEN(world->rings); i++) {
		bool in_config = false;

		for (uint32_t p = 0; p < core_n_pools(core); p++)
			in_config |=
				strcmp(core_config(core)->pools[p].name, world->rings[i].pool) == 0;
		if (!in_config && !ring_is_named(world, i))
			world->rings[i].used = false;
	}
}

static void service_set(struct world *world, const struct core *core, uint32_t index)
{
	uint32_t vip, pool = core_desired(core)->services[index].pool;
	const struct core_service *service = core_service(core, index, &vip);
	const struct prefix *prefix = &core_vip(core, vip)->prefix;
	struct world_service *s = world_service_find(world, prefix, service->proto, service->port);
	struct world_ring *ring = world_ring_find(world, core_config(core)->pools[pool].name);

	assert(ring); /* the plan's order */
	for (size_t i = 0; !s && i < LEN(world->services); i++)
		if (!world->services[i].used)
			s = &world->services[i];
	assert(s);
	*s = (struct world_service){ .used = true,
				     .vip = *prefix,
				     .proto = service->proto,
				     .port = service->port,
				     .ring = (uint32_t)(ring - world->rings) };
	rings_sweep(world, core);
}

static struct world_service *service_of(struct world *world, const struct core *core,
					uint32_t index)
{
	uint32_t vip;
	const struct core_service *service = core_service(core, index, &vip);

	return world_service_find(world, &core_vip(core, vip)->prefix, service->proto,
				  service->port);
}

static void self_test(struct world *world, const struct core *core, uint32_t index)
{
	struct world_service *service = service_of(world, core, index);

	if (!service)
		return;
	service->self_tested = world->forwards;
	service->self_test_failures = world->forwards ? 0 : service->self_test_failures + 1;
}

static void service_del(struct world *world, const struct core *core, uint32_t index)
{
	struct world_service *service = service_of(world, core, index);

	if (service)
		service->used = false;
	rings_sweep(world, core);
}

static void ring_del(struct world *world, const struct core *core, uint32_t pool)
{
	struct world_ring *ring = world_ring_find(world, core_config(core)->pools[pool].name);

	if (!ring)
		return;
	assert(!ring_is_named(world, (uint32_t)(ring - world->rings)));
	ring->used = false;
}

void world_apply(struct world *world, const struct core *core, const struct op *op)
{
	switch (op->kind) {
	case OP_REALS_SET:
		reals_set(world, core, op->index);
		break;
	case OP_RING_SET:
		ring_set(world, core, op->index);
		break;
	case OP_SERVICE_SET:
		service_set(world, core, op->index);
		break;
	case OP_SELF_TEST:
		self_test(world, core, op->index);
		break;
	case OP_ROUTE_ANNOUNCE:
		world_route_add(world, &core_vip(core, op->index)->prefix, ROUTE_ANNOUNCE);
		break;
	case OP_ROUTE_DRAIN:
		world_route_add(world, &core_vip(core, op->index)->prefix, ROUTE_DRAIN);
		break;
	case OP_ROUTE_WITHDRAW:
		world_route_add(world, &core_vip(core, op->index)->prefix, ROUTE_NONE);
		break;
	case OP_SERVICE_DEL:
		service_del(world, core, op->index);
		break;
	case OP_RING_DEL:
		ring_del(world, core, op->index);
		break;
	}
}

/* ---- time and read-back ---- */

void world_converge(struct world *world)
{
	for (size_t i = 0; i < LEN(world->routes); i++) {
		struct world_route *route = &world->routes[i];

		route->peers = route->line == ROUTE_NONE ? 0 : world->established_peers;
		if (route->line == ROUTE_NONE)
			route->used = false;
	}
}

void world_forget(struct world *world)
{
	for (size_t i = 0; i < LEN(world->rings); i++)
		world->rings[i].version = 0;
	for (size_t i = 0; i < LEN(world->services); i++) {
		world->services[i].self_tested = false;
		world->services[i].self_test_failures = 0;
	}
}

static uint32_t pool_of_ring(const struct core *core, const struct world_ring *ring)
{
	for (uint32_t i = 0; i < core_n_pools(core); i++)
		if (strcmp(core_config(core)->pools[i].name, ring->pool) == 0)
			return i;
	return CORE_NONE;
}

static void observe_pools(struct world *world, const struct core *core)
{
	world->observed.pools = world->observed_pools;
	world->observed.n_pools = core_n_pools(core);
	assert(core_n_pools(core) <= WORLD_POOLS);
	for (uint32_t i = 0; i < core_n_pools(core); i++) {
		struct world_ring *ring = world_ring_find(world, core_config(core)->pools[i].name);

		world->observed_pools[i] =
			ring ? (struct observed_pool){ ring->reals_programmed, ring->version }
			     : (struct observed_pool){ 0 };
	}
}

static void observe_services(struct world *world, const struct core *core)
{
	world->observed.services = world->observed_services;
	world->observed.n_services = 0;
	for (size_t i = 0; i < LEN(world->services); i++) {
		const struct world_service *s = &world->services[i];

		if (!s->used)
			continue;
		world->observed_services[world->observed.n_services++] = (struct observed_service){
			.vip = s->vip,
			.proto = s->proto,
			.port = s->port,
			.programmed = true,
			.pool = pool_of_ring(core, &world->rings[s->ring]),
			.self_tested = s->self_tested,
			.self_test_failures = s->self_test_failures,
		};
	}
}

static void observe_routes(struct world *world, const struct core *core)
{
	world->observed.routes = world->observed_routes;
	world->observed.n_routes = 0;
	world->observed.routes_are_read = world->routes_are_read && world->router_connected;
	for (uint32_t i = 0; i < core_n_vips(core); i++) {
		const struct core_vip *vip = core_vip(core, i);

		if (vip->config && !world_route_find(world, &vip->prefix))
			world->observed_routes[world->observed.n_routes++] =
				(struct observed_route){
					.prefix = vip->prefix,
					.is_read = world->observed.routes_are_read,
				};
	}
	for (size_t i = 0; i < LEN(world->routes); i++) {
		const struct world_route *route = &world->routes[i];

		if (route->used)
			world->observed_routes[world->observed.n_routes++] =
				(struct observed_route){
					.prefix = route->prefix,
					.line = route->line,
					.attributes_match = true,
					.peers = route->peers,
					.is_read = world->observed.routes_are_read,
				};
	}
}

const struct observed *world_observe(struct world *world, const struct core *core)
{
	observe_pools(world, core);
	observe_services(world, core);
	observe_routes(world, core);
	return &world->observed;
}
