/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node.c - the controller under test: told what happens, started, killed, reloaded, and stepped
 * through time. What is told is noted in facts.c before the core hears of it.
 */
#include "tests/sim/sim.h"

#include <stdlib.h>

const struct config *node_config(const struct node *node)
{
	return &node->builders[node->which].config;
}

/* ---- telling ---- */

static const char *const event_names[] = {
	[CORE_EVENT_TIMER] = "timer",       [CORE_EVENT_VERDICT] = "verdict",
	[CORE_EVENT_DRAIN] = "drain",       [CORE_EVENT_UPLINK] = "uplink",
	[CORE_EVENT_NEXT_HOP] = "next-hop", [CORE_EVENT_ROUTER] = "router",
	[CORE_EVENT_FENCE] = "fence",       [CORE_EVENT_OBSERVED] = "observed",
	[CORE_EVENT_TRAFFIC] = "traffic",   [CORE_EVENT_ORDER] = "order",
	[CORE_EVENT_FORGIVE] = "forgive",   [CORE_EVENT_VIP_ORDER] = "vip-order",
};

/* One line an event: what the core makes of it. */
static void print_state(const struct node *node, const char *event)
{
	printf("%llu %.3f node %u %s:", (unsigned long long)node->sim->steps,
	       (double)node->sim->now / USEC_PER_SEC, node->number, event);
	for (uint32_t i = 0; i < core_n_pools(node->core); i++) {
		const struct core_pool *pool = core_pool(node->core, i);

		printf(" %s=%u+%u%s%s%s", pool->config->name, pool->usable, pool->usable_backups,
		       pool->has_quorum ? "Q" : "", pool->is_judged ? "" : "?",
		       pool->is_held ? "H" : "");
	}
	for (uint32_t i = 0; i < core_n_vips(node->core); i++) {
		const struct core_vip *vip = core_vip(node->core, i);

		printf(" %s%s=%s/%s/%u/%u", PREFIX_STR(&vip->prefix), vip->config ? "" : "-",
		       vip_state_str(vip->state), vip_reason_str(vip->reason), vip->peers,
		       vip->flaps);
	}
	printf("\n");
}

void node_tell(struct node *node, struct core_event event)
{
	if (!node->core)
		return;
	event.now = node->sim->now;
	core_step(node->core, &event);
	sim_trace(node->sim, event.kind);
	if (node->sim->verbose)
		print_state(node, event_names[event.kind]);
	if (event.is_deferred) /* the views are those of before */
		return;
	node->is_judged = false;
	if (event.kind != CORE_EVENT_TRAFFIC) /* says nothing of pools */
		judge_clocks(node);
	judge_moves(node);
	if (event.kind != CORE_EVENT_OBSERVED || !event.observed->routes_are_read)
		return;
	if (node->facts.is_unread)
		judge_adopted(node);
	node->facts.is_unread = false;
	for (size_t i = 0; i < BUILD_VIPS; i++)
		node->facts.vips[i].may_adopt = false;
}

static void note_verdict(struct node *node, const struct core_verdict *verdict, bool in_doubt)
{
	struct real_told *told = &node->facts.reals[verdict->pool][verdict->real];

	told->check[verdict->check] = verdict->state;
	told->sign[verdict->check] = verdict->sign;
	told->in_doubt[verdict->check] = in_doubt;
	if (in_doubt || verdict->state == REAL_DOWN)
		node->facts.trouble_at[verdict->pool] = node->sim->now;
	if (node->facts.verdict_since == 0)
		node->facts.verdict_since = node->sim->now;
}

void node_tell_verdict(struct node *node, uint32_t pool, uint32_t real, uint32_t check,
		       enum real_state state)
{
	struct core_event event = { .kind = CORE_EVENT_VERDICT };
	bool in_doubt;

	if (!node->core || node->prober_quiet)
		return;
	in_doubt = state == REAL_UP && !node->sim->calm && chance_percent(&node->sim->chance, 20);
	event.verdict = (struct core_verdict){
		.pool = pool,
		.real = real,
		.check = check,
		.state = state,
		.sign = REAL_SIGN_ANSWERS,
		.reason = state == REAL_UP && !in_doubt ? PROBE_OK : PROBE_TIMEOUT,
		.in_a_row = 3,
	};
	if (state == REAL_DOWN)
		event.verdict.sign =
			(enum real_sign)chance_below(&node->sim->chance, REAL_SIGN_MAX);
	note_verdict(node, &event.verdict, in_doubt);
	node->late[chance_below(&node->sim->chance, SIM_LATE)] = event;
	if (chance_percent(&node->sim->chance, 20)) {
		event.is_deferred = true;
		node_tell(node, event);
		event = (struct core_event){ .kind = CORE_EVENT_TIMER };
	}
	node_tell(node, event);
}

void node_tell_next_hop(struct node *node, uint32_t pool, uint32_t real, bool usable)
{
	if (!node->core)
		return;
	if (usable)
		node->facts.reals[pool][real].way_lost_since = 0;
	else if (node->facts.reals[pool][real].way_lost_since == 0)
		node->facts.reals[pool][real].way_lost_since = node->sim->now;
	node->facts.reals[pool][real].next_hop_known = true;
	node->facts.reals[pool][real].has_next_hop = usable;
	node_tell(node, (struct core_event){
				.kind = CORE_EVENT_NEXT_HOP,
				.next_hop = { .pool = pool, .real = real, .usable = usable } });
}

void node_tell_uplink(struct node *node, uint32_t uplink, const struct core_uplink *is)
{
	struct core_event event = { .kind = CORE_EVENT_UPLINK, .uplink = *is };

	event.uplink.uplink = uplink;
	node->uplinks[uplink] = event.uplink;
	if (!node->core)
		return;
	node->facts.uplink_known[uplink] = true;
	node->facts.uplink_in_use[uplink] = is->present && is->has_carrier;
	node->facts.uplink_covered[uplink] = is->present && is->xdp_attached;
	node_tell(node, event);
}

void node_tell_router(struct node *node, bool up, uint32_t peers)
{
	node->world.router_connected = up;
	node->world.established_peers = peers;
	node_tell(node, (struct core_event){ .kind = CORE_EVENT_ROUTER,
					     .router = { .connected = up,
							 .has_instance = up,
							 .established_peers = peers } });
}

void node_tell_fence(struct node *node, bool fenced)
{
	if (!node->core)
		return;
	node->facts.fenced = fenced;
	if (fenced)
		node->distrust_until = node->sim->now + USEC_PER_SEC;
	node_tell(node, (struct core_event){ .kind = CORE_EVENT_FENCE, .fenced = fenced });
}

void node_tell_order(struct node *node, uint32_t pool, uint32_t real, enum real_order order)
{
	if (!node->core)
		return;
	node->facts.reals[pool][real].order = order;
	node_tell(node,
		  (struct core_event){ .kind = CORE_EVENT_ORDER,
				       .order = { .pool = pool, .real = real, .order = order } });
}

void node_tell_vip_order(struct node *node, uint32_t vip, enum vip_order order)
{
	struct core_event event = { .kind = CORE_EVENT_VIP_ORDER };

	if (!node->core)
		return;
	if (node->facts.vips[vip].order != order)
		node->facts.vips[vip].ordered_at = node->sim->now;
	node->facts.vips[vip].order = order;
	event.vip_order = (struct core_vip_order){ .vip = vip, .order = order };
	node_tell(node, event);
}

/* ---- drains and their ends ---- */

uint64_t node_wall(const struct node *node)
{
	return (uint64_t)((int64_t)node->sim->now + 1000 * (int64_t)USEC_PER_SEC * 1000 +
			  node->wall_jump);
}

static void note_drain(struct node *node, const struct core_drain *drain)
{
	struct vip_told *told;

	if (drain->vip == CORE_NONE) {
		node->facts.node_drained = drain->set;
		node->facts.node_forced = drain->set && drain->force;
		return;
	}
	told = &node->facts.vips[drain->vip];
	told->is_drained = drain->set;
	told->is_forced = drain->set && drain->force;
	told->drain_ends = 0;
	if (drain->set && core_drain_has_end(drain))
		told->drain_ends = node->sim->now + (drain->until_us - drain->wall_us);
}

void node_drain(struct node *node, struct core_drain drain)
{
	if (!node->core)
		return;
	note_drain(node, &drain);
	if (drain.vip != CORE_NONE) {
		node->drains[drain.vip].prefix = node_config(node)->vips[drain.vip].prefix;
		node->drains[drain.vip].drain = drain;
	}
	node_tell(node, (struct core_event){ .kind = CORE_EVENT_DRAIN, .drain = drain });
}

/* What the keeper of drains does each second. */
static void drains_end(struct node *node)
{
	for (uint32_t i = 0; node->core && i < node_config(node)->n_vips; i++) {
		struct core_drain *drain = &node->drains[i].drain;
		struct vip_told *told = &node->facts.vips[i];

		if (!drain->set || !told->drain_ends ||
		    core_drain_left(drain, node_wall(node), node->sim->now) > 0)
			continue;
		if (node->sim->now < told->drain_ends)
			sim_violation(node, "a drain ends early");
		node_drain(node, (struct core_drain){ .vip = i });
	}
}

static void tell_drains(struct node *node, const struct facts *on_file)
{
	if (on_file->node_drained)
		node_drain(node, (struct core_drain){ .vip = CORE_NONE,
						      .set = true,
						      .force = on_file->node_forced });
	for (uint32_t i = 0; i < node_config(node)->n_vips; i++)
		if (on_file->vips[i].is_drained) {
			usec_t ends = on_file->vips[i].drain_ends;

			node_drain(node, node->drains[i].drain);
			node->facts.vips[i].drain_ends = ends;
		}
	for (uint32_t i = 0; i < node_config(node)->n_vips; i++)
		node_tell_vip_order(node, i, on_file->vips[i].order);
}

/* ---- life ---- */

/* As the maps have it, where they are; else, for what it is worth, any. */
static void adopt_lives(struct node *node, uint32_t pool)
{
	const struct config_pool *config = &node_config(node)->pools[pool];

	for (uint32_t r = 0; r < config->n_reals; r++) {
		enum real_life life = plane_life(node, &config->reals[r].addr);

		if (life != REAL_LIFE_UNKNOWN)
			core_adopt_life(node->core, pool, r, life);
		node->facts.reals[pool][r].was_gone = life == REAL_DEAD;
	}
}

static void adopt(struct node *node, uint32_t pool)
{
	const struct config_pool *config = &node_config(node)->pools[pool];
	const struct world_ring *ring = world_ring_find(&node->world, config->name);

	for (uint32_t r = 0; ring && r < config->n_reals; r++) {
		bool takes = false;

		for (size_t i = 0; i < ring->n_takers; i++)
			takes |= addr_eq(&ring->takers[i], &config->reals[r].addr);
		core_adopt_real(node->core, pool, r, takes);
	}
}

/* What is on file after a start or reload; of a pool that was renamed, nothing. */
static void tell_orders(struct node *node, const struct facts *on_file)
{
	const struct config *config = node_config(node);

	for (uint32_t p = 0; p < config->n_pools; p++)
		for (uint32_t r = 0; r < config->pools[p].n_reals; r++)
			node_tell_order(node, p, r, on_file->reals[p][r].order);
}

/* The file of verdicts and penalties: lost, or as it was when the controller ended. */
static void adopt_flaps(struct node *node, const struct facts *before)
{
	const struct config *config = node_config(node);
	usec_t latest = node->sim->now + 8 * config->routing.hold_down_us;

	for (size_t i = 0; i < node->n_kept_flaps; i++) {
		core_adopt_flaps(node->core, &node->kept_flaps[i]);
		for (uint32_t v = 0; v < config->n_vips; v++)
			if (prefix_eq(&config->vips[v].prefix, &node->kept_flaps[i].prefix)) {
				struct vip_told *told = &node->facts.vips[v];

				memcpy(told->flaps, before->vips[v].flaps, sizeof(told->flaps));
				told->returns_at = before->vips[v].returns_at < latest
							   ? before->vips[v].returns_at
							   : latest;
				told->maybe_returns_at = before->vips[v].maybe_returns_at;
			}
	}
}

static void keep_flaps(struct node *node)
{
	node->n_kept_flaps = 0;
	if (chance_percent(&node->sim->chance, 20))
		return;
	for (uint32_t i = 0; i < node_config(node)->n_vips; i++)
		node->n_kept_flaps +=
			core_flaps(node->core, i, &node->kept_flaps[node->n_kept_flaps]);
}

void node_start(struct node *node)
{
	const struct config *config = node_config(node);
	struct facts before = node->facts;

	node->core = core_new(config, node->sim->now);
	if (!node->core)
		abort();
	memset(&node->facts, 0, sizeof(node->facts));
	node->facts.held_since = node->sim->now;
	node->facts.is_unread = true;
	node->has_read = false;
	for (uint32_t i = 0; i < config->n_vips; i++)
		node->facts.vips[i].may_adopt = true;
	for (uint32_t i = 0; i < config->n_pools; i++) {
		adopt(node, i);
		adopt_lives(node, i);
	}
	adopt_flaps(node, &before);
	/* Drains and the fence are read before anything else. */
	tell_drains(node, &before);
	tell_orders(node, &before);
	node_tell_fence(node, node->fence);
	node_tell_router(node, node->world.router_connected, node->world.established_peers);
	for (uint32_t i = 0; i < config->node.n_uplinks; i++) {
		node->uplinks[i].xdp_attached = node->uplinks[i].present;
		node_tell_uplink(node, i, &node->uplinks[i]);
	}
	for (uint32_t p = 0; p < config->n_pools; p++)
		for (uint32_t r = 0; r < config->pools[p].n_reals; r++)
			node_tell_next_hop(node, p, r,
					   !before.reals[p][r].next_hop_known ||
						   before.reals[p][r].has_next_hop);
}

void node_init(struct sim *sim, uint32_t number)
{
	struct node *node = &sim->nodes[number];
	struct chance chance = chance_of(sim->config_seed, 0);

	memset(node, 0, sizeof(*node));
	node->sim = sim;
	node->number = number;
	node->config_seed = sim->config_seed;
	world_init(&node->world);
	weather_config(&chance, &node->builders[0]);
	for (uint32_t i = 0; i < BUILD_UPLINKS; i++)
		node->uplinks[i] =
			(struct core_uplink){ .uplink = i, .present = true, .has_carrier = true };
	watch_start(node);
	node_start(node);
}

void node_crash(struct node *node, bool lose_pins)
{
	if (!node->core)
		return;
	keep_flaps(node);
	core_free(node->core);
	node->core = NULL;
	node->n_queue = 0;
	node->n_lingers = 0;
	world_forget(&node->world);
	if (lose_pins) {
		memset(node->world.rings, 0, sizeof(node->world.rings));
		memset(node->world.services, 0, sizeof(node->world.services));
		plane_lose(node);
		for (size_t i = 0; i < BUILD_UPLINKS; i++)
			node->uplinks[i].xdp_attached = false;
	}
	node->back_at = node->sim->now + chance_below(&node->sim->chance, 90) * USEC_PER_SEC;
}

/* ---- reload ---- */

static void drains_reload(struct node *node, const struct config *to)
{
	struct {
		struct prefix prefix;
		struct core_drain drain;
	} old[BUILD_VIPS];

	memcpy(old, node->drains, sizeof(old));
	memset(node->drains, 0, sizeof(node->drains));
	for (uint32_t i = 0; i < to->n_vips; i++)
		for (size_t j = 0; j < BUILD_VIPS; j++)
			if (old[j].drain.set && prefix_eq(&to->vips[i].prefix, &old[j].prefix)) {
				node->drains[i].prefix = old[j].prefix;
				node->drains[i].drain = old[j].drain;
				node->drains[i].drain.vip = i;
			}
}

void node_reload(struct node *node)
{
	const struct config *from = node_config(node), *to;
	struct chance chance = chance_of(node->sim->config_seed, 0);
	unsigned next = 1 - node->which;

	weather_config(&chance, &node->builders[next]);
	node->config_seed = node->sim->config_seed;
	to = &node->builders[next].config;
	facts_reload(&node->facts, from, to, node->sim->now);
	node->facts.held_since = node->sim->now;
	drains_reload(node, to);
	if (node->core && core_reload(node->core, to, node->sim->now) < 0)
		abort();
	node->which = next;
	memset(node->late, 0, sizeof(node->late));
	memset(node->pps, 0, sizeof(node->pps));
	node->plane.lives_version = 0;
	tell_orders(node, &node->facts);
	if (node->core)
		judge_clocks(node);
	for (uint32_t i = 0; i < to->node.n_uplinks; i++)
		if (!node->facts.uplink_known[i])
			node_tell_uplink(node, i, &node->uplinks[i]);
	for (size_t i = to->node.n_uplinks; i < BUILD_UPLINKS; i++)
		node->facts.uplink_known[i] = false;
	for (uint32_t p = 0; p < to->n_pools; p++)
		for (uint32_t r = 0; r < to->pools[p].n_reals; r++)
			if (!node->facts.reals[p][r].next_hop_known &&
			    chance_percent(&node->sim->chance, 80)) /* the others later */
				node_tell_next_hop(node, p, r, true);
}

/* ---- time ---- */

void node_check_stillness(struct node *node, usec_t until)
{
	usec_t next;
	uint64_t before;

	if (!node->core || !chance_percent(&node->sim->chance, 15))
		return;
	next = core_next_timer(node->core);
	if (until >= next || until <= node->sim->now)
		return;
	before = judge_digest(node->core);
	core_step(node->core, &(struct core_event){ .kind = CORE_EVENT_TIMER, .now = until });
	if (judge_digest(node->core) != before)
		sim_violation(node, "changed without an event or timer");
	if (core_next_timer(node->core) != next)
		sim_violation(node, "the next timer moved without an event");
}

static void come_back(struct node *node)
{
	if (node->core || node->sim->now < node->back_at)
		return;
	sim_say(node, "the controller is back");
	node_start(node);
	node_reconcile(node);
}

/* What each second brings. */
static void second(struct node *node)
{
	node->pass_at = node->sim->now + node->sim->pass_us;
	come_back(node);
	watch_step(node);
	drains_end(node);
	weather_traffic(node);
	node_reconcile(node);
}

usec_t node_next(const struct node *node)
{
	usec_t at = node->pass_at;

	if (node->core && core_next_timer(node->core) < at)
		at = core_next_timer(node->core);
	return at > node->sim->now ? at : node->sim->now;
}

void node_moment(struct node *node)
{
	port_queue_run(node);
	if (node->core && core_next_timer(node->core) <= node->sim->now) {
		node_tell(node, (struct core_event){ .kind = CORE_EVENT_TIMER });
		if (core_next_timer(node->core) <= node->sim->now)
			sim_violation(node, "a timer that is due already");
	}
	if (node->pass_at <= node->sim->now)
		second(node);
	else
		node_reconcile(node);
	judge_step(node);
}
