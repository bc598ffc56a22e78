/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch.c - the guard of a node: src/guard decides, a simulated hand writes. It has a connection to
 * bgpd of its own and knows of the controller only the tick; the controller knows of it only the
 * fence.
 */
#include "tests/sim/sim.h"

void watch_start(struct node *node)
{
	guard_init(&node->guard, &node_config(node)->routing, node->sim->now);
}

static bool has_xdp(const struct node *node)
{
	for (size_t i = 0; i < node_config(node)->node.n_uplinks; i++)
		if (node->uplinks[i].present && node->uplinks[i].xdp_attached)
			return true;
	return false;
}

static bool write_line(struct node *node, struct world_route *route, enum guard_act act)
{
	enum route_intent line = act == GUARD_DRAIN ? ROUTE_DRAIN : ROUTE_NONE;

	if (!route->used || route->line == ROUTE_NONE || route->line == line ||
	    !config_owns(&node_config(node)->routing, &route->prefix))
		return false;
	route->line = line;
	return true;
}

void watch_step(struct node *node)
{
	struct guard_facts facts = { .now = node->sim->now,
				     .has_tick = node->tick != 0,
				     .tick = node->tick,
				     .has_xdp = has_xdp(node),
				     .is_node_drained = node->facts.node_drained };
	struct guard_verdict verdict = guard_step(&node->guard, &facts);
	bool wrote = false;

	if (verdict.act == GUARD_NOTHING || !node->world.router_connected)
		return;
	for (size_t i = 0; i < WORLD_ROUTES; i++)
		wrote |= write_line(node, &node->world.routes[i], verdict.act);
	if (!wrote)
		return;
	sim_say(node, "the guard acts: %s, %s", guard_act_str(verdict.act),
		guard_cause_str(verdict.cause));
	node->fence = true;
	node->guard_acted_at = node->sim->now;
}

void watch_keep_lease(struct node *node, bool complete)
{
	if (!complete)
		return;
	if (node->fence && node->facts.fenced) {
		node->fence = false;
		node_tell_fence(node, false);
	}
	node->tick = node->sim->now;
}
