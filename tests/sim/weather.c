/* SPDX-License-Identifier: Apache-2.0 */
/* weather.c - what happens to the node: configs out of chance, faults, and calm. */
/*
 * One call of chance a statement: the order inside an expression is the compiler's, and one seed
 * shall give one trace with all of them.
 */
#include "tests/sim/sim.h"

/* ---- configs ---- */

/* Slow start, depool floor and what happens when all are down: as often as not none of them. */
static void config_serving(struct chance *c, struct config_pool *pool)
{
	static const enum config_all_down policies[] = { CONFIG_ALL_DOWN_WITHDRAW,
							 CONFIG_ALL_DOWN_OPEN,
							 CONFIG_ALL_DOWN_HOLD };

	if (chance_percent(c, 40))
		pool->slow_start_us = (1 + chance_below(c, 60)) * USEC_PER_SEC;
	if (chance_percent(c, 20))
		pool->depool_floor_percent = 10 + chance_below(c, 91);
	else if (chance_percent(c, 20))
		pool->depool_floor_count = 1 + chance_below(c, 7);
	pool->all_down = policies[chance_percent(c, 50) ? 0 : chance_below(c, 3)];
}

static void config_pool(struct sim *sim, struct config_builder *b, unsigned letter)
{
	struct chance *c = &sim->chance;
	char name[2] = { (char)('a' + letter), 0 };
	size_t n = 1 + chance_below(c, 6);
	uint32_t i = build_pool(b, name, n);
	struct config_pool *pool = &b->pools[i];

	/* Addresses by name, so that configs overlap; a rotation changes order and membership. */
	for (uint32_t r = 0, from = chance_below(c, 3); r < n; r++) {
		b->reals[i][r].addr.bytes[13] = (uint8_t)letter;
		b->reals[i][r].addr.bytes[15] = (uint8_t)(1 + (r + from) % 8);
		b->reals[i][r].weight = 1 + chance_below(c, 3);
		b->reals[i][r].is_backup = r > 0 && chance_percent(c, 15);
	}
	pool->n_checks = chance_below(c, 3);
	b->pool_checks[i][0] = chance_below(c, 2);
	b->pool_checks[i][1] = 2;
	pool->quorum_return = 1 + chance_below(c, (uint32_t)n);
	pool->quorum_stay = 1 + chance_below(c, pool->quorum_return);
	config_serving(c, pool);
}

static void config_common(struct chance *c, struct config_builder *b)
{
	static const enum config_loss_then policies[] = { CONFIG_LOSS_KEEP, CONFIG_LOSS_DRAIN,
							  CONFIG_LOSS_WITHDRAW };

	if (!chance_percent(c, 70))
		return;
	b->config.routing.common_mode_within_us = (1 + chance_below(c, 6)) * USEC_PER_SEC;
	b->config.routing.common_mode_for_us = (1 + chance_below(c, 60)) * USEC_PER_SEC;
	b->config.routing.common_mode_then = policies[chance_below(c, 3)];
}

void weather_config(struct sim *sim, struct config_builder *b)
{
	static const char *const prefixes[] = { "203.0.113.1/32",       "203.0.113.2/32",
						"203.0.113.64/28",      "2001:db8:cafe::1/128",
						"2001:db8:cafe::2/128", "198.51.100.1/32" };
	struct chance *c = &sim->chance;

	build_start(b);
	b->config.node.n_uplinks = 1 + chance_below(c, 2);
	b->config.routing.require_peers = chance_below(c, 3);
	config_common(c, b);
	for (unsigned letter = 0; letter < 4; letter++)
		if (letter == 0 || chance_percent(c, 60))
			config_pool(sim, b, letter);
	for (size_t i = 0; i < 6; i++) {
		uint32_t vip;

		if (i > 0 && chance_percent(c, 40))
			continue;
		vip = build_vip(b, prefixes[i]);
		b->vips[vip].announce_when =
			chance_percent(c, 30) ? CONFIG_ANNOUNCE_ANY : CONFIG_ANNOUNCE_ALL;
		for (uint16_t s = 0; s < 3; s++)
			if (s == 0 || chance_percent(c, 40))
				build_service(b, vip, (uint16_t)(80 + s),
					      chance_below(c, (uint32_t)b->config.n_pools));
	}
}

/* ---- faults ---- */

static void verdict_random(struct sim *sim)
{
	const struct config *config = sim_config(sim);
	uint32_t p = chance_below(&sim->chance, (uint32_t)config->n_pools);
	uint32_t r = chance_below(&sim->chance, (uint32_t)config->pools[p].n_reals);
	uint32_t c = chance_below(&sim->chance, (uint32_t)config->pools[p].n_checks);

	if (config->pools[p].n_checks)
		node_tell_verdict(sim, p, r, c,
				  chance_percent(&sim->chance, 70) ? REAL_UP : REAL_DOWN);
}

static void verdict_storm(struct sim *sim)
{
	for (int i = 0; i < 30; i++)
		verdict_random(sim);
}

static void verdict_all(struct sim *sim, enum real_state state)
{
	const struct config *config = sim_config(sim);

	for (uint32_t p = 0; p < config->n_pools; p++)
		for (uint32_t r = 0; r < config->pools[p].n_reals; r++)
			for (uint32_t c = 0; c < config->pools[p].n_checks; c++)
				node_tell_verdict(sim, p, r, c, state);
}

static void verdict_all_random(struct sim *sim)
{
	verdict_all(sim, chance_percent(&sim->chance, 70) ? REAL_UP : REAL_DOWN);
}

/* Late ones, for what is gone, and without judgement: none may matter. */
static void verdict_senseless(struct sim *sim)
{
	const struct config *config = sim_config(sim);
	uint64_t before = sim->core ? judge_digest(sim->core) : 0;
	struct core_event event = { .kind = CORE_EVENT_VERDICT };

	event.verdict.pool = (uint32_t)config->n_pools + chance_below(&sim->chance, 3);
	event.verdict.state = REAL_DOWN;
	node_tell(sim, event);
	event.verdict.pool = 0;
	event.verdict.real = (uint32_t)config->pools[0].n_reals;
	node_tell(sim, event);
	event.verdict.real = 0;
	event.verdict.check = (uint32_t)config->pools[0].n_checks;
	node_tell(sim, event);
	if (sim->core && judge_digest(sim->core) != before)
		sim_violation(sim, "a verdict for nothing changed something");
}

static void next_hop_random(struct sim *sim)
{
	const struct config *config = sim_config(sim);
	uint32_t p = chance_below(&sim->chance, (uint32_t)config->n_pools);
	uint32_t r = chance_below(&sim->chance, (uint32_t)config->pools[p].n_reals);

	node_tell_next_hop(sim, p, r, chance_percent(&sim->chance, 60));
}

/* The gateway blinks: every next hop at once. */
static void next_hop_all(struct sim *sim)
{
	const struct config *config = sim_config(sim);
	bool usable = chance_percent(&sim->chance, 60);

	for (uint32_t p = 0; p < config->n_pools; p++)
		for (uint32_t r = 0; r < config->pools[p].n_reals; r++)
			node_tell_next_hop(sim, p, r, usable);
}

static void uplink_random(struct sim *sim)
{
	uint32_t n_uplinks = (uint32_t)sim_config(sim)->node.n_uplinks;
	uint32_t uplink = chance_below(&sim->chance, n_uplinks);
	bool in_use = chance_percent(&sim->chance, 70);

	node_tell_uplink(sim, uplink, in_use, chance_percent(&sim->chance, 80));
}

static void router_random(struct sim *sim)
{
	bool up = chance_percent(&sim->chance, 80);

	node_tell_router(sim, up, chance_below(&sim->chance, 3));
}

static void router_forgets(struct sim *sim)
{
	memset(sim->world.routes, 0, sizeof(sim->world.routes));
	node_tell_router(sim, false, 0);
}

static void drain_random(struct sim *sim)
{
	struct core_drain drain = { .vip = CORE_NONE };

	if (!sim->core)
		return;
	drain.set = chance_percent(&sim->chance, 50);
	drain.force = chance_percent(&sim->chance, 20);
	if (chance_percent(&sim->chance, 60)) {
		drain.vip = chance_below(&sim->chance, (uint32_t)sim_config(sim)->n_vips);
		sim->facts.vip_drained[drain.vip] = drain.set;
	} else {
		sim->facts.node_drained = drain.set;
	}
	node_tell(sim, (struct core_event){ .kind = CORE_EVENT_DRAIN, .drain = drain });
}

static void order_random(struct sim *sim)
{
	const struct config *config = sim_config(sim);
	uint32_t p = chance_below(&sim->chance, (uint32_t)config->n_pools);
	uint32_t r = chance_below(&sim->chance, (uint32_t)config->pools[p].n_reals);
	uint32_t order = chance_below(&sim->chance, REAL_ORDER_MAX);

	node_tell_order(sim, p, r, (enum real_order)order);
	if (sim->core && chance_percent(&sim->chance, 20))
		node_tell(sim, (struct core_event){ .kind = CORE_EVENT_FORGIVE,
						    .forgive = { .pool = p, .real = r } });
}

static void enable_all(struct sim *sim)
{
	const struct config *config = sim_config(sim);

	for (uint32_t p = 0; p < config->n_pools; p++)
		for (uint32_t r = 0; r < config->pools[p].n_reals; r++)
			node_tell_order(sim, p, r, REAL_ORDER_NONE);
}

static void fence_random(struct sim *sim)
{
	if (!sim->core)
		return;
	sim->facts.fenced = chance_percent(&sim->chance, 40);
	if (sim->facts.fenced) /* the guard drained or withdrew */
		for (size_t i = 0; i < WORLD_ROUTES; i++)
			if (sim->world.routes[i].used &&
			    sim->world.routes[i].line == ROUTE_ANNOUNCE)
				sim->world.routes[i].line =
					chance_percent(&sim->chance, 50) ? ROUTE_DRAIN : ROUTE_NONE;
	node_tell(sim,
		  (struct core_event){ .kind = CORE_EVENT_FENCE, .fenced = sim->facts.fenced });
}

static void crash_random(struct sim *sim)
{
	if (sim->core)
		node_crash(sim, chance_percent(&sim->chance, 25));
}

static void reload_random(struct sim *sim)
{
	if (sim->core)
		node_reload(sim);
}

static void stranger(struct sim *sim)
{
	static const char *const prefixes[] = { "203.0.113.1/32", "203.0.113.2/32",
						"203.0.113.77/32", "198.51.100.1/32" };
	struct prefix prefix;

	if (chance_percent(&sim->chance, 50)) {
		sim->world.services[chance_below(&sim->chance, 8)].used = false;
		return;
	}
	if (prefix_parse(prefixes[chance_below(&sim->chance, 4)], &prefix) == 0)
		world_route_add(&sim->world, &prefix,
				chance_percent(&sim->chance, 50) ? ROUTE_ANNOUNCE : ROUTE_NONE);
}

static void forwarding_random(struct sim *sim)
{
	sim->world.forwards = chance_percent(&sim->chance, 70);
	for (size_t i = 0; i < WORLD_SERVICES; i++) /* the periodic test */
		sim->world.services[i].self_tested = false;
}

static void dataplane_random(struct sim *sim)
{
	sim->broken = chance_percent(&sim->chance, 60);
}

/* Clients of the first VIP ignore a drain: nobody else announces it. */
static void traffic(struct sim *sim)
{
	const struct config *config = sim_config(sim);

	for (uint32_t i = 0; i < config->n_vips; i++) {
		const struct world_route *route =
			world_route_find(&sim->world, &config->vips[i].prefix);
		bool steady = chance_percent(&sim->chance, 80);

		if (!route || route->line == ROUTE_NONE || (route->line == ROUTE_DRAIN && i > 0))
			sim->pps[i] = steady ? sim->pps[i] / 2 : sim->pps[i];
		else
			sim->pps[i] = 1000 + chance_below(&sim->chance, 1000);
		node_tell(sim, (struct core_event){ .kind = CORE_EVENT_TRAFFIC,
						    .traffic = { .vip = i, .pps = sim->pps[i] } });
	}
}

static void undrain_all(struct sim *sim)
{
	for (uint32_t i = 0; sim->core && i <= sim_config(sim)->n_vips; i++) {
		uint32_t vip = i < sim_config(sim)->n_vips ? i : CORE_NONE;

		node_tell(sim,
			  (struct core_event){ .kind = CORE_EVENT_DRAIN, .drain = { .vip = vip } });
	}
	if (!sim->core)
		return;
	sim->facts.node_drained = false;
	memset(sim->facts.vip_drained, 0, sizeof(sim->facts.vip_drained));
}

static void facts_good(struct sim *sim)
{
	const struct config *config = sim_config(sim);

	sim->world.forwards = true;
	sim->broken = false;
	if (sim->core)
		sim->facts.fenced = false;
	node_tell(sim, (struct core_event){ .kind = CORE_EVENT_FENCE });
	node_tell_router(sim, true, 2);
	for (uint32_t i = 0; i < config->node.n_uplinks; i++)
		node_tell_uplink(sim, i, true, true);
	for (uint32_t p = 0; p < config->n_pools; p++)
		for (uint32_t r = 0; r < config->pools[p].n_reals; r++)
			node_tell_next_hop(sim, p, r, true);
}

static void clear_up(struct sim *sim)
{
	facts_good(sim);
	undrain_all(sim);
	enable_all(sim);
	verdict_all(sim, REAL_UP);
}

static const struct {
	unsigned percent;
	void (*happen)(struct sim *sim);
} weather[] = {
	{ 60, verdict_random },   { 3, verdict_storm },    { 2, verdict_all_random },
	{ 4, verdict_senseless }, { 10, next_hop_random }, { 3, next_hop_all },
	{ 4, uplink_random },     { 6, router_random },    { 2, router_forgets },
	{ 6, drain_random },      { 2, fence_random },     { 2, crash_random },
	{ 6, order_random },      { 2, reload_random },    { 3, stranger },
	{ 3, forwarding_random }, { 3, dataplane_random }, { 12, clear_up },
	{ 70, traffic },
};

void weather_step(struct sim *sim)
{
	for (size_t i = 0; i < sizeof(weather) / sizeof(weather[0]); i++)
		if (chance_percent(&sim->chance, weather[i].percent))
			weather[i].happen(sim);
	node_advance(sim, chance_below(&sim->chance, 2000) * USEC_PER_MSEC);
}

/* Everything good, and half an hour for holds, hold-downs, drains and lingers to end. */
void weather_calm(struct sim *sim)
{
	sim->calm = true;
	if (!sim->core)
		node_advance(sim, sim->back_at > sim->now ? sim->back_at - sim->now : 0);
	facts_good(sim);
	if (chance_percent(&sim->chance, 70))
		verdict_all(sim, REAL_UP);
	for (int i = 0; i < 60; i++) {
		traffic(sim);
		node_reconcile(sim);
		node_advance(sim, 30 * USEC_PER_SEC);
		judge_step(sim);
	}
	judge_calm(sim);
	sim->calm = false;
}
