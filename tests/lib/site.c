/* SPDX-License-Identifier: Apache-2.0 */
/* site.c - see site.h. */
#include "tests/lib/site.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define ROUNDS_MAX 50

static void observe(struct site *site)
{
	site_step(site, (struct core_event){ .kind = CORE_EVENT_OBSERVED,
					     .observed = world_observe(&site->world, site->core) });
}

void site_start(struct site *site, const struct config *config)
{
	memset(site, 0, sizeof(*site));
	site->now = 1000 * USEC_PER_SEC;
	world_init(&site->world);
	site->core = core_new(config, site->now);
	assert(site->core);
}

void site_stop(struct site *site)
{
	core_free(site->core);
	site->core = NULL;
}

static void adopt_ring(struct site *site, const struct config *config, uint32_t pool)
{
	struct world_ring *ring = world_ring_find(&site->world, config->pools[pool].name);

	for (uint32_t r = 0; ring && r < config->pools[pool].n_reals; r++) {
		bool takes = false;

		for (size_t i = 0; i < ring->n_takers; i++)
			takes |= addr_eq(&ring->takers[i], &config->pools[pool].reals[r].addr);
		core_adopt_real(site->core, pool, r, takes);
	}
}

void site_restart(struct site *site, const struct config *config, bool adopt)
{
	core_free(site->core);
	world_forget(&site->world);
	site->core = core_new(config, site->now);
	assert(site->core);
	for (uint32_t i = 0; adopt && i < config->n_pools; i++)
		adopt_ring(site, config, i);
}

void site_step(struct site *site, struct core_event event)
{
	event.now = site->now;
	core_step(site->core, &event);
}

void site_check(struct site *site, uint32_t pool, uint32_t real, uint32_t check,
		enum real_state state, enum probe_reason reason)
{
	site_step(site, (struct core_event){ .kind = CORE_EVENT_VERDICT,
					     .verdict = { .pool = pool,
							  .real = real,
							  .check = check,
							  .state = state,
							  .reason = reason,
							  .evidence = "as told",
							  .in_a_row = 3 } });
}

void site_verdict(struct site *site, uint32_t pool, uint32_t real, enum real_state state)
{
	site_check(site, pool, real, 0, state, state == REAL_UP ? PROBE_OK : PROBE_TIMEOUT);
}

void site_verdict_all(struct site *site, enum real_state state)
{
	const struct config *config = core_config(site->core);

	for (uint32_t p = 0; p < config->n_pools; p++)
		for (uint32_t r = 0; r < config->pools[p].n_reals; r++)
			for (uint32_t c = 0; c < config->pools[p].n_checks; c++)
				site_check(site, p, r, c, state,
					   state == REAL_UP ? PROBE_OK : PROBE_TIMEOUT);
}

void site_next_hop(struct site *site, uint32_t pool, uint32_t real, bool usable)
{
	site_step(site, (struct core_event){
				.kind = CORE_EVENT_NEXT_HOP,
				.next_hop = { .pool = pool, .real = real, .usable = usable } });
}

void site_uplink(struct site *site, uint32_t uplink, bool present, bool carrier, bool xdp)
{
	site_step(site, (struct core_event){ .kind = CORE_EVENT_UPLINK,
					     .uplink = { .uplink = uplink,
							 .present = present,
							 .has_carrier = carrier,
							 .xdp_attached = xdp } });
}

void site_router(struct site *site, bool connected, bool instance, uint32_t peers)
{
	site->world.router_connected = connected && instance;
	site->world.established_peers = peers;
	site_step(site, (struct core_event){ .kind = CORE_EVENT_ROUTER,
					     .router = { .connected = connected,
							 .has_instance = instance,
							 .established_peers = peers } });
}

void site_drain(struct site *site, uint32_t vip, bool set, bool force)
{
	site_step(site, (struct core_event){ .kind = CORE_EVENT_DRAIN,
					     .drain = { .vip = vip,
							.set = set,
							.force = force,
							.owner = "alice",
							.reason = "kernel" } });
}

void site_order(struct site *site, uint32_t pool, uint32_t real, enum real_order order)
{
	site_step(site,
		  (struct core_event){ .kind = CORE_EVENT_ORDER,
				       .order = { .pool = pool, .real = real, .order = order } });
}

void site_fence(struct site *site, bool fenced)
{
	site_step(site, (struct core_event){ .kind = CORE_EVENT_FENCE, .fenced = fenced });
}

void site_traffic(struct site *site, uint32_t vip, uint64_t pps)
{
	site_step(site, (struct core_event){ .kind = CORE_EVENT_TRAFFIC,
					     .traffic = { .vip = vip, .pps = pps } });
}

void site_facts_good(struct site *site)
{
	const struct config *config = core_config(site->core);

	for (uint32_t i = 0; i < config->node.n_uplinks; i++)
		site_uplink(site, i, true, true, true);
	for (uint32_t p = 0; p < config->n_pools; p++)
		for (uint32_t r = 0; r < config->pools[p].n_reals; r++)
			site_next_hop(site, p, r, true);
	site_router(site, true, true, 2);
}

static bool is_route_op(enum op_kind kind)
{
	return kind == OP_ROUTE_ANNOUNCE || kind == OP_ROUTE_DRAIN || kind == OP_ROUTE_WITHDRAW;
}

static void act(struct site *site, const struct op *op)
{
	if (site->n_trace < SITE_TRACE)
		site->trace[site->n_trace++] = *op;
	if (is_route_op(op->kind) && site->is_silent_router)
		return;
	world_apply(&site->world, site->core, op);
}

void site_run(struct site *site)
{
	struct op ops[SITE_OPS];
	size_t n;

	observe(site);
	for (int round = 0;; round++) {
		n = core_plan(site->core, world_observe(&site->world, site->core), ops, SITE_OPS);
		for (size_t i = 0; i < n; i++)
			act(site, &ops[i]);
		world_converge(&site->world);
		observe(site);
		if (n == 0 || site->is_silent_router || !site->world.forwards)
			return;
		assert(round < ROUNDS_MAX); /* a plan that never ends */
	}
}

void site_pass(struct site *site, usec_t how_long)
{
	usec_t end = site->now + how_long;

	site_run(site);
	while (core_next_timer(site->core) <= end) {
		assert(core_next_timer(site->core) > site->now);
		site->now = core_next_timer(site->core);
		site_step(site, (struct core_event){ .kind = CORE_EVENT_TIMER });
		site_run(site);
	}
	site->now = end;
}

void site_serve(struct site *site)
{
	site_facts_good(site);
	site_verdict_all(site, REAL_UP);
	site_run(site);
}

const struct core_vip *site_vip(const struct site *site, uint32_t vip)
{
	return core_vip(site->core, vip);
}

void site_trace_clear(struct site *site)
{
	site->n_trace = 0;
}

int site_trace_find(const struct site *site, enum op_kind kind, uint32_t index)
{
	for (size_t i = 0; i < site->n_trace; i++)
		if (site->trace[i].kind == kind && site->trace[i].index == index)
			return (int)i;
	return -1;
}
