/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weather.c - what happens: configs out of chance, one action a step to one node, and calm.
 *
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

static void config_pool(struct chance *c, struct config_builder *b, unsigned letter)
{
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

static void config_routing(struct chance *c, struct config_builder *b)
{
	static const enum config_loss_then policies[] = { CONFIG_LOSS_DRAIN, CONFIG_LOSS_WITHDRAW,
							  CONFIG_LOSS_KEEP };
	struct config_routing *routing = &b->config.routing;

	routing->require_peers = chance_below(c, 3);
	routing->warm_up_us = (1 + chance_below(c, 8)) * USEC_PER_SEC;
	routing->hold_down_us = (5 + chance_below(c, 30)) * USEC_PER_SEC;
	routing->linger_us = (1 + chance_below(c, 8)) * USEC_PER_SEC;
	routing->drain_timeout_us = (20 + chance_below(c, 100)) * USEC_PER_SEC;
	routing->on_controller_loss.hold_us = (10 + chance_below(c, 60)) * USEC_PER_SEC;
	routing->on_controller_loss.then = policies[chance_below(c, 3)];
	routing->on_dataplane_loss.hold_us = (1 + chance_below(c, 4)) * USEC_PER_SEC;
	routing->on_dataplane_loss.then = policies[chance_below(c, 2)];
}

void weather_config(struct chance *c, struct config_builder *b)
{
	static const char *const prefixes[] = { "203.0.113.1/32",       "203.0.113.2/32",
						"203.0.113.64/28",      "2001:db8:cafe::1/128",
						"2001:db8:cafe::2/128", "198.51.100.1/32" };

	build_start(b);
	b->config.node.n_uplinks = 1 + chance_below(c, 2);
	b->config.node.idle_us = 120 * USEC_PER_SEC; /* a reload changes it only with a restart */
	config_routing(c, b);
	config_common(c, b);
	for (unsigned letter = 0; letter < 4; letter++)
		if (letter == 0 || chance_percent(c, 60))
			config_pool(c, b, letter);
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

/* ---- the prober ---- */

static void pick_real(struct node *node, uint32_t *p, uint32_t *r)
{
	const struct config *config = node_config(node);

	*p = chance_below(&node->sim->chance, (uint32_t)config->n_pools);
	*r = chance_below(&node->sim->chance, (uint32_t)config->pools[*p].n_reals);
}

static void verdict_random(struct node *node)
{
	uint32_t p, r, c;
	bool up;

	pick_real(node, &p, &r);
	c = chance_below(&node->sim->chance, (uint32_t)node_config(node)->pools[p].n_checks);
	up = chance_percent(&node->sim->chance, 65);
	if (node_config(node)->pools[p].n_checks == 0)
		return;
	sim_say(node, "check %u of real %u of pool %s says %s", c, r,
		node_config(node)->pools[p].name, up ? "up" : "down");
	node_tell_verdict(node, p, r, c, up ? REAL_UP : REAL_DOWN);
}

static void verdict_storm(struct node *node)
{
	for (int i = 0; i < 20; i++)
		verdict_random(node);
}

static void verdict_all(struct node *node, enum real_state state)
{
	const struct config *config = node_config(node);

	sim_say(node, "all checks say %s", real_state_str(state));
	for (uint32_t p = 0; p < config->n_pools; p++)
		for (uint32_t r = 0; r < config->pools[p].n_reals; r++)
			for (uint32_t c = 0; c < config->pools[p].n_checks; c++)
				node_tell_verdict(node, p, r, c, state);
}

static void verdict_all_random(struct node *node)
{
	verdict_all(node, chance_percent(&node->sim->chance, 70) ? REAL_UP : REAL_DOWN);
}

/* All reals of a pool, one after the other: what quorum, floor and all-down are about. */
static void verdict_pool(struct node *node)
{
	const struct config *config = node_config(node);
	uint32_t p = chance_below(&node->sim->chance, (uint32_t)config->n_pools);
	bool up = chance_percent(&node->sim->chance, 50);

	sim_say(node, "all checks of pool %s say %s", config->pools[p].name, up ? "up" : "down");
	for (uint32_t r = 0; r < config->pools[p].n_reals; r++)
		for (uint32_t c = 0; c < config->pools[p].n_checks; c++)
			node_tell_verdict(node, p, r, c, up ? REAL_UP : REAL_DOWN);
}

/* An old one, late or once more: it counts as what was heard last. */
static void verdict_late(struct node *node)
{
	const struct core_event *event = &node->late[chance_below(&node->sim->chance, SIM_LATE)];

	if (event->kind != CORE_EVENT_VERDICT)
		return;
	sim_say(node, "a late verdict: check %u of real %u of pool %u", event->verdict.check,
		event->verdict.real, event->verdict.pool);
	node_tell_verdict(node, event->verdict.pool, event->verdict.real, event->verdict.check,
			  event->verdict.state);
}

/* For what is gone, and without judgement: none may matter. */
static void verdict_senseless(struct node *node)
{
	const struct config *config = node_config(node);
	uint64_t before = node->core ? judge_digest(node->core) : 0;
	struct core_event event = { .kind = CORE_EVENT_VERDICT };

	sim_say(node, "verdicts for what is not there");
	event.verdict.pool = (uint32_t)config->n_pools + chance_below(&node->sim->chance, 3);
	event.verdict.state = REAL_DOWN;
	node_tell(node, event);
	event.verdict.pool = 0;
	event.verdict.real = (uint32_t)config->pools[0].n_reals;
	node_tell(node, event);
	event.verdict.real = 0;
	event.verdict.check = (uint32_t)config->pools[0].n_checks;
	node_tell(node, event);
	event.verdict.check = 0;
	event.verdict.state = REAL_UNKNOWN;
	if (node->facts.reals[0][0].check[0] != REAL_UNKNOWN)
		node_tell(node, event);
	if (node->core && judge_digest(node->core) != before)
		sim_violation(node, "a verdict for nothing changed something");
}

static void prober_random(struct node *node)
{
	node->prober_quiet = chance_percent(&node->sim->chance, 40);
	sim_say(node, "the prober is %s", node->prober_quiet ? "gone" : "there");
}

/* ---- network ---- */

static void next_hop_random(struct node *node)
{
	uint32_t p, r;
	bool usable;

	pick_real(node, &p, &r);
	usable = chance_percent(&node->sim->chance, 60);
	sim_say(node, "real %u of pool %s has %s next hop", r, node_config(node)->pools[p].name,
		usable ? "a" : "no");
	node_tell_next_hop(node, p, r, usable);
}

/* The gateway blinks: every next hop at once. */
static void next_hop_all(struct node *node)
{
	const struct config *config = node_config(node);
	bool usable = chance_percent(&node->sim->chance, 60);

	sim_say(node, "all next hops are %s", usable ? "there" : "gone");
	for (uint32_t p = 0; p < config->n_pools; p++)
		for (uint32_t r = 0; r < config->pools[p].n_reals; r++)
			node_tell_next_hop(node, p, r, usable);
}

/* Gone, and back: for the core the ifindex is nothing, the name is all. */
static void uplink_random(struct node *node)
{
	uint32_t n_uplinks = (uint32_t)node_config(node)->node.n_uplinks;
	uint32_t uplink = chance_below(&node->sim->chance, n_uplinks);
	struct core_uplink is = { 0 };

	is.present = chance_percent(&node->sim->chance, 85);
	is.has_carrier = is.present && chance_percent(&node->sim->chance, 80);
	is.xdp_attached = is.present && chance_percent(&node->sim->chance, 80);
	sim_say(node, "uplink %u:%s%s%s", uplink, is.present ? " present" : " gone",
		is.has_carrier ? " carrier" : "", is.xdp_attached ? " xdp" : "");
	node_tell_uplink(node, uplink, &is);
}

static void router_random(struct node *node)
{
	bool up = chance_percent(&node->sim->chance, 80);
	uint32_t peers = chance_below(&node->sim->chance, 3);

	sim_say(node, "bgpd %s, %u peers", up ? "answers" : "does not answer", peers);
	node_tell_router(node, up, up ? peers : 0);
}

static void router_forgets(struct node *node)
{
	sim_say(node, "bgpd restarts and forgets its lines");
	memset(node->world.routes, 0, sizeof(node->world.routes));
	node_tell_router(node, false, 0);
}

/* ---- operators ---- */

static void drain_random(struct node *node)
{
	static const char *const words[] = { "undrained", "drained" };
	struct core_drain drain = { .vip = CORE_NONE };

	if (!node->core)
		return;
	drain.set = chance_percent(&node->sim->chance, 50);
	drain.force = chance_percent(&node->sim->chance, 15);
	if (chance_percent(&node->sim->chance, 70))
		drain.vip = chance_below(&node->sim->chance, (uint32_t)node_config(node)->n_vips);
	if (drain.vip != CORE_NONE && drain.set && chance_percent(&node->sim->chance, 40)) {
		drain.wall_us = node_wall(node);
		drain.until_us =
			drain.wall_us + (1 + chance_below(&node->sim->chance, 120)) * USEC_PER_SEC;
		drain.given_at = node->sim->now;
	}
	sim_say(node, "%s is %s%s%s",
		drain.vip == CORE_NONE ? "the node"
				       : PREFIX_STR(&node_config(node)->vips[drain.vip].prefix),
		words[drain.set], drain.set && drain.force ? " by force" : "",
		drain.until_us ? " for a while" : "");
	node_drain(node, drain);
}

static void wall_jump(struct node *node)
{
	int64_t by = (int64_t)chance_below(&node->sim->chance, 7200) - 3600;

	sim_say(node, "the wall clock jumps by %lld s", (long long)by);
	node->wall_jump += by * (int64_t)USEC_PER_SEC;
}

static void order_random(struct node *node)
{
	uint32_t p, r, order;

	pick_real(node, &p, &r);
	order = chance_below(&node->sim->chance, REAL_ORDER_MAX);
	sim_say(node, "order for real %u of pool %s: %s", r, node_config(node)->pools[p].name,
		real_order_str((enum real_order)order));
	node_tell_order(node, p, r, (enum real_order)order);
	if (node->core && chance_percent(&node->sim->chance, 20))
		node_tell(node, (struct core_event){ .kind = CORE_EVENT_FORGIVE,
						     .forgive = { .pool = p, .real = r } });
}

static void vip_order_random(struct node *node)
{
	uint32_t i = chance_below(&node->sim->chance, (uint32_t)node_config(node)->n_vips);
	uint32_t order = chance_below(&node->sim->chance, VIP_ORDER_MAX);

	sim_say(node, "order for %s: %s", PREFIX_STR(&node_config(node)->vips[i].prefix),
		vip_order_str((enum vip_order)order));
	node_tell_vip_order(node, i, (enum vip_order)order);
}

static void enable_all(struct node *node)
{
	const struct config *config = node_config(node);

	for (uint32_t p = 0; p < config->n_pools; p++)
		for (uint32_t r = 0; r < config->pools[p].n_reals; r++)
			node_tell_order(node, p, r, REAL_ORDER_NONE);
	for (uint32_t i = 0; i < config->n_vips; i++)
		node_tell_vip_order(node, i, VIP_ORDER_NONE);
}

static void undrain_all(struct node *node)
{
	for (uint32_t i = 0; node->core && i <= node_config(node)->n_vips; i++)
		node_drain(node, (struct core_drain){
					 .vip = i < node_config(node)->n_vips ? i : CORE_NONE });
}

/* shoal-guard --withdraw-now, and a fence that appears for no reason of ours. */
static void fence_random(struct node *node)
{
	bool withdraws = chance_percent(&node->sim->chance, 50);

	sim_say(node, "the guard is told to %s", withdraws ? "withdraw" : "set its fence");
	node->fence = true;
	node->guard_acted_at = node->sim->now;
	for (size_t i = 0; i < WORLD_ROUTES; i++)
		if (withdraws && node->world.routes[i].used &&
		    node->world.routes[i].line != ROUTE_NONE &&
		    config_owns(&node_config(node)->routing, &node->world.routes[i].prefix))
			node->world.routes[i].line =
				chance_percent(&node->sim->chance, 50) ? ROUTE_DRAIN : ROUTE_NONE;
}

/* ---- life and death ---- */

static void crash_random(struct node *node)
{
	bool loses = chance_percent(&node->sim->chance, 25);

	if (!node->core)
		return;
	sim_say(node, "the controller crashes%s", loses ? ", and the pinned maps are gone" : "");
	node_crash(node, loses);
}

/* Half of the time the fleet's own config, which some nodes have before others. */
static void reload_random(struct node *node)
{
	if (chance_percent(&node->sim->chance, 50))
		node->sim->config_seed = chance_next(&node->sim->chance);
	if (!node->core || node->config_seed == node->sim->config_seed)
		return;
	sim_say(node, "reload");
	node_reload(node);
}

static void stranger(struct node *node)
{
	static const char *const prefixes[] = { "203.0.113.1/32", "203.0.113.2/32",
						"203.0.113.77/32", "198.51.100.1/32" };
	struct prefix prefix;
	uint32_t i = chance_below(&node->sim->chance, 8);
	bool stands = chance_percent(&node->sim->chance, 50);

	if (chance_percent(&node->sim->chance, 50)) {
		sim_say(node, "a stranger deletes service %u", i);
		node->world.services[i].used = false;
		return;
	}
	if (prefix_parse(prefixes[i % 4], &prefix) < 0)
		return;
	sim_say(node, "a stranger %s %s", stands ? "announces" : "withdraws", prefixes[i % 4]);
	node->had_stranger = true;
	world_route_add(&node->world, &prefix, stands ? ROUTE_ANNOUNCE : ROUTE_NONE);
}

static void forwarding_random(struct node *node)
{
	node->world.forwards = chance_percent(&node->sim->chance, 70);
	sim_say(node, "the data plane %s", node->world.forwards ? "forwards" : "forwards wrongly");
	for (size_t i = 0; i < WORLD_SERVICES; i++) /* the periodic test */
		node->world.services[i].self_tested = false;
}

static void dataplane_random(struct node *node)
{
	node->broken = chance_percent(&node->sim->chance, 60);
	sim_say(node, "the data plane %s", node->broken ? "takes no op" : "takes ops");
}

/* ---- traffic ---- */

/* Clients of the first VIP ignore a drain, as some routers do. */
void weather_traffic(struct node *node)
{
	const struct config *config = node_config(node);
	struct chance *c = &node->sim->chance;

	for (uint32_t i = 0; i < config->n_vips; i++) {
		struct vip_told *told = &node->facts.vips[i];
		bool sent = flows_reach(node->sim, &config->vips[i].prefix, node);
		const struct world_route *route =
			world_route_find(&node->world, &config->vips[i].prefix);

		if (sent || (i == 0 && route && route->line == ROUTE_DRAIN && route->peers))
			node->pps[i] = 1000 + chance_below(c, 1000);
		else
			node->pps[i] = chance_percent(c, 90) ? node->pps[i] / 4 : node->pps[i];
		told->pps = node->pps[i];
		told->pps_at = node->sim->now;
		if (told->pps > told->most_pps)
			told->most_pps = told->pps;
		node_tell(node,
			  (struct core_event){ .kind = CORE_EVENT_TRAFFIC,
					       .traffic = { .vip = i, .pps = node->pps[i] } });
	}
}

/* ---- good weather ---- */

static void facts_good(struct node *node)
{
	const struct config *config = node_config(node);

	node->world.forwards = true;
	node->broken = false;
	node->prober_quiet = false;
	node_tell_router(node, true, 2);
	for (uint32_t i = 0; i < config->node.n_uplinks; i++)
		node_tell_uplink(node, i,
				 &(struct core_uplink){
					 .present = true,
					 .has_carrier = true,
					 .xdp_attached = true,
				 });
	for (uint32_t p = 0; p < config->n_pools; p++)
		for (uint32_t r = 0; r < config->pools[p].n_reals; r++)
			node_tell_next_hop(node, p, r, true);
}

static void clear_up(struct node *node)
{
	sim_say(node, "everything is well");
	facts_good(node);
	undrain_all(node);
	enable_all(node);
	verdict_all(node, REAL_UP);
}

static void nothing(struct node *node)
{
	(void)node;
}

/* ---- a step ---- */

static const struct {
	unsigned weight;
	void (*happen)(struct node *node);
} weather[] = {
	{ 300, verdict_random },  { 5, verdict_storm },    { 10, verdict_all_random },
	{ 25, verdict_pool },     { 15, verdict_late },    { 10, verdict_senseless },
	{ 8, prober_random },     { 45, next_hop_random }, { 12, next_hop_all },
	{ 22, uplink_random },    { 30, router_random },   { 8, router_forgets },
	{ 15, vip_order_random }, { 40, drain_random },    { 6, wall_jump },
	{ 30, order_random },     { 6, fence_random },     { 12, crash_random },
	{ 12, reload_random },    { 15, stranger },        { 12, forwarding_random },
	{ 12, dataplane_random }, { 60, clear_up },        { 100, nothing },
};

static void happen(struct node *node)
{
	unsigned sum = 0, drawn;
	size_t i = 0;

	for (size_t w = 0; w < sizeof(weather) / sizeof(weather[0]); w++)
		sum += weather[w].weight;
	drawn = chance_below(&node->sim->chance, sum);
	while (drawn >= weather[i].weight)
		drawn -= weather[i++].weight;
	weather[i].happen(node);
}

/* Time goes on for all nodes, in the order of what it brings them. */
static void advance(struct sim *sim, usec_t by)
{
	usec_t end = sim->now + by;

	for (uint32_t i = 0; i < sim->n_nodes; i++) {
		usec_t next = node_next(&sim->nodes[i]);

		node_check_stillness(&sim->nodes[i], (next < end ? next : end) - 1);
	}
	for (;;) {
		struct node *first = &sim->nodes[0];

		for (uint32_t i = 1; i < sim->n_nodes; i++)
			if (node_next(&sim->nodes[i]) < node_next(first))
				first = &sim->nodes[i];
		if (node_next(first) > end)
			break;
		sim->now = node_next(first);
		node_moment(first);
	}
	sim->now = end;
}

/* Mostly moments, sometimes a while, seldom so long that flows are over. */
static usec_t draw_time(struct chance *c)
{
	uint32_t kind = chance_below(c, 1000);

	if (kind < 450)
		return 0;
	if (kind < 980)
		return chance_below(c, 800) * USEC_PER_MSEC;
	if (kind < 999)
		return chance_below(c, 60) * USEC_PER_SEC;
	return chance_below(c, 900) * USEC_PER_SEC;
}

void weather_step(struct sim *sim)
{
	struct node *node = &sim->nodes[chance_below(&sim->chance, sim->n_nodes)];
	usec_t by = draw_time(&sim->chance);

	sim->pass_us = (by > 20 * USEC_PER_SEC ? 8 : 2) * USEC_PER_SEC;
	happen(node);
	if (chance_percent(&sim->chance, 60)) /* else together with what comes next */
		node_reconcile(node);
	judge_step(node);
	advance(sim, by);
	flows_step(sim);
}

/* Everything good, and long enough for holds, hold-downs, drains and lingers to end. */
void weather_calm(struct sim *sim)
{
	sim->calm = true;
	sim->pass_us = 8 * USEC_PER_SEC;
	advance(sim, 90 * USEC_PER_SEC); /* dead controllers return */
	for (uint32_t i = 0; i < sim->n_nodes; i++) {
		facts_good(&sim->nodes[i]);
		if (chance_percent(&sim->chance, 70))
			verdict_all(&sim->nodes[i], REAL_UP);
		node_reconcile(&sim->nodes[i]);
	}
	for (int i = 0; i < 30; i++) {
		advance(sim, 20 * USEC_PER_SEC);
		flows_step(sim);
	}
	for (uint32_t i = 0; i < sim->n_nodes; i++)
		judge_calm(&sim->nodes[i]);
	sim->calm = false;
}
