/* SPDX-License-Identifier: Apache-2.0 */
/*
 * judge_vip.c - the invariants of announcing: never without what it needs, never withheld beyond
 * what damping asks, no drain without end or reason, and none that ends while clients still come.
 */
#include "tests/sim/sim.h"

#define UNPROVEN_BOUND_US (5 * USEC_PER_SEC) /* the core's grace and a step */
#define NEXT_HOP_GRACE_US (1 * USEC_PER_SEC)
#define READY_BOUND_US    (60 * USEC_PER_SEC) /* ops fail, many times in a row */
#define CALM_BOUND_US     (5 * USEC_PER_SEC)
#define FLAP_WINDOW_US    (600 * USEC_PER_SEC)
#define DRAIN_LEAST_US    (2 * USEC_PER_SEC)

/* ---- what it needs ---- */

bool judge_xdp_is_gone(const struct node *node)
{
	bool all_known = true, any_covered = false;

	for (size_t i = 0; i < node_config(node)->node.n_uplinks; i++) {
		if (node->facts.uplink_known[i] && node->facts.uplink_in_use[i] &&
		    !node->facts.uplink_covered[i])
			return true;
		all_known &= node->facts.uplink_known[i];
		any_covered |= node->facts.uplink_covered[i];
	}
	return all_known && !any_covered;
}

bool judge_no_uplink(const struct node *node)
{
	for (size_t i = 0; i < node_config(node)->node.n_uplinks; i++)
		if (!node->facts.uplink_known[i] ||
		    (node->facts.uplink_in_use[i] && node->facts.uplink_covered[i]))
			return false;
	return true;
}

bool judge_has_quorum(const struct node *node, const struct config_vip *vip)
{
	bool any = vip->announce_when == CONFIG_ANNOUNCE_ANY, quorum = !any && vip->n_services;

	for (size_t i = 0; i < vip->n_services; i++) {
		bool has = judge_serves(node, vip, &vip->services[i]);

		quorum = any ? quorum || has : quorum && has;
	}
	return quorum;
}

static bool vip_is_proven(struct node *node, const struct config_vip *vip)
{
	for (size_t i = 0; i < vip->n_services; i++)
		if (judge_serves(node, vip, &vip->services[i]) &&
		    !judge_world_serves(node, vip, &vip->services[i]))
			return false;
	return true;
}

static bool fails_self_test(struct node *node, const struct config_vip *vip)
{
	for (size_t i = 0; i < vip->n_services; i++) {
		const struct world_service *found = world_service_find(
			&node->world, &vip->prefix, vip->services[i].proto, vip->services[i].port);

		if (found && found->self_test_failures >= 2 &&
		    judge_serves(node, vip, &vip->services[i]))
			return true;
	}
	return false;
}

static void judge_announced(struct node *node, uint32_t i, const struct core_vip *vip)
{
	if (!config_owns(&node_config(node)->routing, &vip->prefix))
		sim_violation(node, "%s is outside vip-ranges", PREFIX_STR(&vip->prefix));
	if (!judge_has_quorum(node, vip->config))
		sim_violation(node, "%s is announced without quorum", PREFIX_STR(&vip->prefix));
	if (node->facts.vips[i].order == VIP_ORDER_WITHDRAW)
		sim_violation(node, "%s is announced although an operator withdrew it",
			      PREFIX_STR(&vip->prefix));
	if (fails_self_test(node, vip->config))
		sim_violation(node, "%s is announced although its self-test fails",
			      PREFIX_STR(&vip->prefix));
	if (judge_xdp_is_gone(node))
		sim_violation(node, "%s is announced without XDP", PREFIX_STR(&vip->prefix));
	if (node->facts.no_uplink_since &&
	    node->sim->now >= node->facts.no_uplink_since + NEXT_HOP_GRACE_US)
		sim_violation(node, "%s is announced without uplink", PREFIX_STR(&vip->prefix));
	if (vip->intent == ROUTE_ANNOUNCE &&
	    (node->facts.fenced || node->facts.node_drained || node->facts.vips[i].is_drained))
		sim_violation(node, "%s is announced although drained or fenced",
			      PREFIX_STR(&vip->prefix));
}

/* ---- damping ---- */

static uint32_t flaps_within(const struct vip_told *told, usec_t now)
{
	uint32_t n = 0;

	while (n < SIM_FLAPS && told->flaps[n] && now < told->flaps[n] + FLAP_WINDOW_US)
		n++;
	return n;
}

static usec_t hold_down(const struct node *node, uint32_t n)
{
	static const unsigned factors[] = { 0, 0, 1, 2, 4, 8 };

	return node_config(node)->routing.hold_down_us * factors[n < 5 ? n : 5];
}

/* A withdrawal; one of a VIP that is drained as well may have had either cause. */
static void note_withdrawal(struct node *node, uint32_t i, bool is_failure)
{
	struct vip_told *told = &node->facts.vips[i];
	usec_t now = node->sim->now;

	told->maybe_returns_at = now + hold_down(node, SIM_FLAPS);
	if (!is_failure) {
		/* If it was one all the same, by a config that may ask for less than before. */
		if (told->returns_at > now + hold_down(node, 2))
			told->returns_at = now + hold_down(node, 2);
		return;
	}
	memmove(&told->flaps[1], &told->flaps[0], sizeof(told->flaps) - sizeof(told->flaps[0]));
	told->flaps[0] = now;
	told->owes_warm_up = true;
	told->returns_at = now + hold_down(node, flaps_within(told, now));
}

static bool is_unwell(const struct node *node, const struct config_vip *vip)
{
	return !judge_has_quorum(node, vip) || judge_xdp_is_gone(node) || judge_no_uplink(node) ||
	       node->facts.fenced;
}

static void judge_return(struct node *node, uint32_t i)
{
	const struct vip_told *told = &node->facts.vips[i];
	const struct prefix *prefix = &node_config(node)->vips[i].prefix;
	usec_t warm_up = node_config(node)->routing.warm_up_us, now = node->sim->now;

	if (told->order == VIP_ORDER_ANNOUNCE) /* whatever it has to answer for */
		return;
	if (told->owes_warm_up && now < told->unwell_at + warm_up)
		sim_violation(node, "%s returns without warm-up", PREFIX_STR(prefix));
	if (now < told->returns_at)
		sim_violation(node, "%s returns before its hold-down is over", PREFIX_STR(prefix));
	if (told->fenced_at && now < told->fenced_at + warm_up)
		sim_violation(node, "%s returns right after the fence", PREFIX_STR(prefix));
}

/* ---- drains ---- */

static bool vip_is_drained(const struct node *node, uint32_t i)
{
	return node->facts.node_drained || node->facts.vips[i].is_drained;
}

static bool is_forced(const struct node *node, uint32_t i)
{
	return node->facts.node_forced || node->facts.vips[i].is_forced;
}

/* What is drained is withdrawn when its clients have gone, unless somebody insists. */
static void judge_drained(struct node *node, uint32_t i, const struct core_vip *vip)
{
	const struct vip_told *told = &node->facts.vips[i];
	bool by_drain =
		vip->reason == VIP_REASON_NODE_DRAINED || vip->reason == VIP_REASON_VIP_DRAINED;

	if (!by_drain || is_forced(node, i) || !told->stood_drained)
		return;
	if (told->pps > node_config(node)->routing.drain_until_pps &&
	    told->pps > told->most_pps / 10)
		sim_violation(node, "%s is withdrawn while clients still come",
			      PREFIX_STR(&vip->prefix));
	if (node->sim->now < told->drain_line_since + DRAIN_LEAST_US)
		sim_violation(node, "%s is withdrawn before routers could know",
			      PREFIX_STR(&vip->prefix));
}

/* ---- what stands is not withdrawn without cause ---- */

/* The most reals that may turn out to serve. */
static uint32_t most_serving(const struct node *node, uint32_t p)
{
	const struct config_pool *pool = &node_config(node)->pools[p];
	uint32_t usable = 0, most[2] = { 0, 0 };

	for (uint32_t r = 0; r < pool->n_reals; r++) {
		bool is_usable = told_usable(&node->facts, pool, p, r);

		usable += is_usable && !pool->reals[r].is_backup;
		most[pool->reals[r].is_backup] +=
			is_usable || told_unknown(&node->facts, pool, p, r);
	}
	return usable || most[0] > most[1] ? most[0] : most[1];
}

static bool pool_speaks_against(const struct node *node, uint32_t p)
{
	const struct config_pool *pool = &node_config(node)->pools[p];

	if (most_serving(node, p) < pool->quorum_return || node->facts.trouble_at[p] ||
	    node->facts.was_without[p])
		return true;

	for (uint32_t r = 0; r < pool->n_reals; r++) {
		const struct real_told *told = &node->facts.reals[p][r];

		if (told->order || told->way_lost_since ||
		    told_state(&node->facts, pool, p, r) == REAL_DOWN)
			return true;
	}
	return false;
}

static bool anything_speaks_against(const struct node *node, uint32_t i)
{
	const struct config_vip *vip = &node_config(node)->vips[i];

	for (size_t s = 0; s < vip->n_services; s++)
		if (pool_speaks_against(node, vip->services[s].pool))
			return true;
	return vip_is_drained(node, i) || node->facts.fenced || node->had_stranger ||
	       node->facts.vips[i].order || node->facts.vips[i].ordered_at == node->sim->now ||
	       judge_xdp_is_gone(node) || node->facts.no_uplink_since || !judge_may_be_held(node) ||
	       vip->n_services == 0;
}

static bool is_by_health(enum vip_reason reason)
{
	return reason == VIP_REASON_STARTING || reason == VIP_REASON_NO_QUORUM ||
	       reason == VIP_REASON_NO_NEXT_HOP;
}

/* A start and a reload know little yet: what stands goes on until something speaks against it. */
static void judge_cause(struct node *node, uint32_t i)
{
	const struct core_vip *vip = core_vip(node->core, i);

	if (is_by_health(vip->reason) && !anything_speaks_against(node, i))
		sim_violation(node, "%s is withdrawn (%s), and nothing speaks against it",
			      PREFIX_STR(&vip->prefix), vip_reason_str(vip->reason));
}

/* ---- with each event ---- */

static const struct world_route *seen(const struct node *node, const struct prefix *prefix)
{
	for (size_t i = 0; i < WORLD_ROUTES; i++)
		if (node->seen[i].used && prefix_eq(&node->seen[i].prefix, prefix))
			return &node->seen[i];
	return NULL;
}

/* Announced is what enough peers hold. */
static void judge_proof(struct node *node, const struct core_vip *vip, const struct vip_told *told)
{
	const struct world_route *route = seen(node, &vip->prefix);

	if (vip->state == VIP_ANNOUNCED && told->state == VIP_ANNOUNCING &&
	    node_config(node)->routing.require_peers > (route ? route->peers : 0))
		sim_violation(node, "%s counts as announced with too few peers",
			      PREFIX_STR(&vip->prefix));
}

static bool is_failure(const struct node *node, enum vip_reason reason)
{
	if (reason == VIP_REASON_COMMON_MODE)
		return node_config(node)->routing.common_mode_then == CONFIG_LOSS_WITHDRAW;
	return reason != VIP_REASON_STARTING && reason != VIP_REASON_OUTSIDE_RANGES &&
	       reason != VIP_REASON_WITHDRAWN_BY_HAND;
}

static void judge_move(struct node *node, uint32_t i)
{
	const struct core_vip *vip = core_vip(node->core, i);
	struct vip_told *told = &node->facts.vips[i];
	bool stands = vip->intent != ROUTE_NONE, drained = vip_is_drained(node, i);
	bool drains = vip->intent == ROUTE_DRAIN && drained && !node->facts.fenced;

	if (node->sim->now >= told->unwell_at + node_config(node)->routing.warm_up_us &&
	    node->sim->now >= told->returns_at)
		told->owes_warm_up = false; /* whether it may return or not */
	if (told->stood && !stands) {
		judge_cause(node, i);
		note_withdrawal(node, i,
				!node->facts.fenced && !drained && is_failure(node, vip->reason));
		if (drained && !node->facts.fenced)
			judge_drained(node, i, vip);
	}
	if (!told->stood && stands && !told->may_adopt)
		judge_return(node, i);
	if (node->facts.fenced)
		told->fenced_at = node->sim->now;
	else if (node->sim->now >= told->fenced_at + node_config(node)->routing.warm_up_us)
		told->fenced_at = 0;
	if (is_unwell(node, vip->config))
		told->unwell_at = node->sim->now;
	if (vip->intent != ROUTE_DRAIN || !told->stood_drained)
		told->drain_line_since = node->sim->now;
	if (!drains || !told->was_draining)
		told->drain_since = node->sim->now;
	told->was_draining = drains;
	judge_proof(node, vip, told);
	told->state = vip->state;
	told->stood = stands;
	told->stood_drained = vip->intent == ROUTE_DRAIN;
	if (vip->intent == ROUTE_ANNOUNCE)
		told->most_pps = told->pps;
}

void judge_moves(struct node *node)
{
	for (uint32_t i = 0; i < node_config(node)->n_vips; i++)
		judge_move(node, i);
}

void judge_adopted(struct node *node)
{
	for (uint32_t i = 0; i < node_config(node)->n_vips; i++) {
		const struct core_vip *vip = core_vip(node->core, i);
		const struct world_route *route = seen(node, &vip->prefix);

		if (vip->intent == ROUTE_NONE && route && route->line != ROUTE_NONE &&
		    node->facts.vips[i].may_adopt)
			judge_cause(node, i);
	}
}

/* ---- withheld ---- */

static bool pools_are_sure(const struct node *node, const struct config_vip *vip)
{
	const struct config *config = node_config(node);
	bool any = vip->announce_when == CONFIG_ANNOUNCE_ANY, one = false;

	for (size_t s = 0; s < vip->n_services; s++) {
		uint32_t p = vip->services[s].pool;
		bool sure = told_serving(&node->facts, &config->pools[p], p, false) >=
			    config->pools[p].quorum_return;

		for (uint32_t r = 0; r < config->pools[p].n_reals; r++)
			if (any && told_unknown(&node->facts, &config->pools[p], p, r))
				return false;
		if (!any && !sure)
			return false;
		one |= sure;
	}
	return one;
}

static bool is_read(const struct node *node)
{
	return node->world.router_connected && node->sim->now >= node->distrust_until;
}

/* Nothing stands against announcing it, by what was told and by what is. */
static bool is_ready(const struct node *node, uint32_t i)
{
	const struct config_vip *vip = &node_config(node)->vips[i];

	return config_owns(&node_config(node)->routing, &vip->prefix) && !node->broken &&
	       node->world.forwards && is_read(node) && !node->fence && !node->facts.fenced &&
	       !vip_is_drained(node, i) && node->facts.vips[i].order != VIP_ORDER_WITHDRAW &&
	       !judge_xdp_is_gone(node) && node->facts.no_uplink_since == 0 &&
	       core_node(node->core)->usable_uplinks > 0 &&
	       core_node(node->core)->common.n_pools == 0 && pools_are_sure(node, vip);
}

static void judge_withheld(struct node *node, uint32_t i, const struct core_vip *vip)
{
	struct vip_told *told = &node->facts.vips[i];
	usec_t from,
		slack = 2 * node->sim->pass_us + (node->sim->calm ? CALM_BOUND_US : READY_BOUND_US);

	judge_clock(node, &told->ready_since, is_ready(node, i));
	if (!told->ready_since || vip->intent == ROUTE_ANNOUNCE)
		return;
	from = told->ready_since + node_config(node)->routing.warm_up_us;
	if (from < told->maybe_returns_at)
		from = told->maybe_returns_at;
	if (node->sim->now > from + slack)
		sim_violation(node, "%s could be announced for long, but is %s (%s)",
			      PREFIX_STR(&vip->prefix), vip_state_str(vip->state),
			      vip_reason_str(vip->reason));
}

/* ---- after a step ---- */

/* It ends, or says that it is stuck; and it does end once nobody comes any more. */
static void judge_draining(struct node *node, uint32_t i, const struct core_vip *vip)
{
	const struct config_routing *routing = &node_config(node)->routing;
	struct vip_told *told = &node->facts.vips[i];
	const struct world_route *route = seen(node, &vip->prefix);
	bool is_draining =
		vip->state == VIP_DRAINING && vip_is_drained(node, i) && !node->facts.fenced;
	bool is_dry = is_draining && told->pps <= routing->drain_until_pps && route &&
		      route->line == ROUTE_DRAIN && route->peers && is_read(node);

	if (is_draining && !vip->is_drain_stuck &&
	    node->sim->now > told->drain_since + routing->drain_timeout_us)
		sim_violation(node, "%s drains for ever and does not say why",
			      PREFIX_STR(&vip->prefix));
	if (judge_lasts(node, &told->dry_since, is_dry, UNPROVEN_BOUND_US + 3 * node->sim->pass_us))
		sim_violation(node, "%s is drained dry and still stands", PREFIX_STR(&vip->prefix));
	if (is_draining && is_forced(node, i))
		sim_violation(node, "%s is drained by force and still stands",
			      PREFIX_STR(&vip->prefix));
}

void judge_vip(struct node *node, uint32_t i)
{
	const struct core_vip *vip = core_vip(node->core, i);
	bool announced = vip->intent != ROUTE_NONE;

	if (announced && !vip->config)
		sim_violation(node, "%s is announced but not in the config",
			      PREFIX_STR(&vip->prefix));
	if (!vip->config)
		return;
	if (announced)
		judge_announced(node, i, vip);
	judge_withheld(node, i, vip);
	judge_draining(node, i, vip);
	if (judge_lasts(node, &node->facts.vips[i].unproven_since,
			announced && !vip_is_proven(node, vip->config),
			UNPROVEN_BOUND_US + 2 * node->sim->pass_us))
		sim_violation(node, "%s is announced without programmed services",
			      PREFIX_STR(&vip->prefix));
}
