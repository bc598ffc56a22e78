/* SPDX-License-Identifier: Apache-2.0 */
#include "src/guard/guard.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *guard_act_str(enum guard_act act)
{
	static const char *const words[] = {
		[GUARD_NOTHING] = "nothing",
		[GUARD_DRAIN] = "drain",
		[GUARD_WITHDRAW_OURS] = "withdraw",
		[GUARD_WITHDRAW] = "withdraw",
	};

	return words[act];
}

const char *guard_cause_str(enum guard_cause cause)
{
	static const char *const words[GUARD_CAUSE_MAX] = {
		[GUARD_CAUSE_NONE] = "none",
		[GUARD_CAUSE_CONTROLLER] = "controller-lost",
		[GUARD_CAUSE_DATAPLANE] = "xdp-gone",
		[GUARD_CAUSE_BOOT] = "boot-without-xdp",
		[GUARD_CAUSE_DRAINED] = "boot-drained",
		[GUARD_CAUSE_OPERATOR] = "operator",
	};

	return words[cause];
}

const char *guard_fence_word(enum guard_act act, enum guard_cause cause)
{
	if (cause == GUARD_CAUSE_BOOT || cause == GUARD_CAUSE_DRAINED)
		return "at-boot";
	return guard_act_str(act);
}

void guard_init(struct guard *guard, const struct config_routing *routing, usec_t now)
{
	*guard = (struct guard){
		.on_controller_loss = routing->on_controller_loss,
		.on_dataplane_loss = routing->on_dataplane_loss,
		.started = now,
	};
}

static enum guard_act act_of(enum config_loss_then then)
{
	switch (then) {
	case CONFIG_LOSS_DRAIN:
		return GUARD_DRAIN;
	case CONFIG_LOSS_WITHDRAW:
		return GUARD_WITHDRAW;
	case CONFIG_LOSS_KEEP:
		return GUARD_NOTHING;
	}
	return GUARD_NOTHING;
}

static void take_facts(struct guard *guard, const struct guard_facts *facts)
{
	if (facts->has_tick && facts->tick > guard->last_tick)
		guard->last_tick = facts->tick;
	if (facts->has_xdp)
		guard->xdp_gone_since = 0;
	else if (guard->xdp_gone_since == 0)
		guard->xdp_gone_since = facts->now;
}

/* Before the first pass of this boot: what stands in bgpd was saved, not decided. */
static struct guard_verdict judge_boot(const struct guard *guard, const struct guard_facts *facts)
{
	struct guard_verdict verdict = { .lost_us = facts->now - guard->started };

	if (guard->last_tick != 0 || (facts->has_xdp && !facts->is_node_drained))
		return verdict;
	verdict.act = GUARD_WITHDRAW;
	verdict.cause = facts->has_xdp ? GUARD_CAUSE_DRAINED : GUARD_CAUSE_BOOT;
	return verdict;
}

static struct guard_verdict judge_loss(const struct config_loss *loss, usec_t lost_us,
				       enum guard_cause cause)
{
	if (lost_us <= loss->hold_us)
		return (struct guard_verdict){ 0 };
	return (struct guard_verdict){
		.act = act_of(loss->then),
		.cause = cause,
		.lost_us = lost_us,
	};
}

struct guard_verdict guard_step(struct guard *guard, const struct guard_facts *facts)
{
	struct guard_verdict boot, controller, dataplane = { 0 };
	usec_t alive_at;

	take_facts(guard, facts);
	boot = judge_boot(guard, facts);
	if (boot.act != GUARD_NOTHING)
		return boot;
	alive_at = guard->last_tick ? guard->last_tick : guard->started;
	controller = judge_loss(&guard->on_controller_loss,
				facts->now > alive_at ? facts->now - alive_at : 0,
				GUARD_CAUSE_CONTROLLER);
	if (guard->xdp_gone_since)
		dataplane = judge_loss(&guard->on_dataplane_loss,
				       facts->now - guard->xdp_gone_since, GUARD_CAUSE_DATAPLANE);
	if (dataplane.cause == GUARD_CAUSE_NONE)
		return controller;
	return controller.act > dataplane.act ? controller : dataplane;
}

/* ---- the plan ---- */

static const struct lease_prefix *find_announced(const struct lease_prefix *announced, size_t n,
						 const struct prefix *prefix)
{
	for (size_t i = 0; i < n; i++)
		if (prefix_eq(&announced[i].prefix, prefix))
			return &announced[i];
	return NULL;
}

/* A line that names a map which is missing, or does not drain, would be something else. */
static bool map_drains(const struct bgp_config *config, const char *name)
{
	const struct bgp_config_map *map = bgp_config_find_map(config, name);

	return map && map->is_pure && route_attrs_has(&map->attrs, ROUTE_GRACEFUL_SHUTDOWN);
}

/* The map from the lease, else the twin of the line's own map, else the plain one. */
static void choose_drain_map(const struct bgp_config *config, const struct bgp_config_line *line,
			     const struct lease_prefix *lease, struct guard_target *target)
{
	char twin[ROUTE_MAP_NAME_MAX + 8];

	if (lease && map_drains(config, lease->drain_map)) {
		snprintf(target->map, sizeof(target->map), "%s", lease->drain_map);
		return;
	}
	snprintf(twin, sizeof(twin), "%s-DRAIN", line->map);
	if (strlen(twin) < sizeof(target->map) && map_drains(config, twin))
		memcpy(target->map, twin, strlen(twin) + 1);
	else
		strcpy(target->map, ROUTE_MAP_PLAIN_DRAIN);
}

static bool is_meant(const struct config_routing *routing, const struct bgp_config_line *line,
		     const struct lease_prefix *lease, enum guard_act act)
{
	bool has_our_map = route_map_is_ours(line->map);

	if (act == GUARD_DRAIN && route_map_is_drain(line->map))
		return false;
	if (!config_owns(routing, &line->prefix))
		return lease && has_our_map;
	if (act == GUARD_DRAIN)
		return true;
	return act == GUARD_WITHDRAW || lease || has_our_map;
}

int guard_plan_make(const struct bgp_config *config, const struct config_routing *routing,
		    const struct lease_prefix *announced, size_t n_announced, enum guard_act act,
		    struct guard_plan *ret)
{
	struct guard_plan plan = { 0 };

	if (act != GUARD_NOTHING) {
		plan.targets = calloc(config->n_lines ? config->n_lines : 1, sizeof(*plan.targets));
		if (!plan.targets)
			return -ENOMEM;
	}
	for (size_t i = 0; plan.targets && i < config->n_lines; i++) {
		const struct bgp_config_line *line = &config->lines[i];
		const struct lease_prefix *lease =
			find_announced(announced, n_announced, &line->prefix);
		struct guard_target *target = &plan.targets[plan.n_targets];

		if (!is_meant(routing, line, lease, act))
			continue;
		target->prefix = line->prefix;
		if (act == GUARD_DRAIN)
			choose_drain_map(config, line, lease, target);
		if (strcmp(target->map, ROUTE_MAP_PLAIN_DRAIN) == 0 &&
		    !map_drains(config, ROUTE_MAP_PLAIN_DRAIN))
			plan.needs_plain_drain = true;
		plan.n_targets++;
	}
	plan.plain_drain_exists = bgp_config_find_map(config, ROUTE_MAP_PLAIN_DRAIN) != NULL;
	*ret = plan;
	return 0;
}

void guard_plan_fini(struct guard_plan *plan)
{
	free(plan->targets);
	memset(plan, 0, sizeof(*plan));
}
