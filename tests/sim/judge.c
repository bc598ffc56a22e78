/* SPDX-License-Identifier: Apache-2.0 */
/*
 * judge.c - the invariants, checked against the world and against what the controller was told,
 * not against what it concluded.
 */
#include "tests/sim/sim.h"

#include <stdarg.h>

#define RING_BOUND_US     (30 * USEC_PER_SEC) /* many tries, each failing by chance */
#define NEXT_HOP_GRACE_US (1 * USEC_PER_SEC)
#define COMMON_MOST_US    (80 * USEC_PER_SEC) /* see config_common() in weather.c */
#define HOLD_BOUND_US     (30 * USEC_PER_SEC)

/* ---- reporting ---- */

void sim_violation(struct node *node, const char *fmt, ...)
{
	struct sim *sim = node->sim;
	char text[512];
	va_list args;

	if (!sim->first)
		sim->first = fmt;
	sim->violations++;
	if (!sim->tells || sim->violations > 20)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	printf(sim->json ? "{\"step\":%llu,\"time\":%.3f,\"node\":%u,\"violation\":\"%s\"}\n"
			 : "step %llu at %.3f s, node %u: VIOLATION: %s\n",
	       (unsigned long long)sim->steps, (double)sim->now / USEC_PER_SEC, node->number, text);
}

void sim_say(struct node *node, const char *fmt, ...)
{
	struct sim *sim = node->sim;
	char text[512];
	va_list args;

	if (!sim->tells)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	printf(sim->json ? "{\"step\":%llu,\"time\":%.3f,\"node\":%u,\"did\":\"%s\"}\n"
			 : "step %llu at %.3f s, node %u: %s\n",
	       (unsigned long long)sim->steps, (double)sim->now / USEC_PER_SEC, node->number, text);
}

void sim_trace(struct sim *sim, uint64_t word)
{
	sim->trace = (sim->trace ^ word ^ sim->now) * 0x100000001b3ULL;
	sim->trace ^= sim->trace >> 29;
}

/* ---- digest ---- */

static void mix(uint64_t *h, uint64_t x)
{
	*h = (*h ^ x) * 0x9e3779b97f4a7c15ULL;
	*h ^= *h >> 32;
}

static void digest_pools(const struct core *core, uint64_t *h)
{
	for (uint32_t i = 0; i < core_n_pools(core); i++) {
		const struct core_pool *pool = core_pool(core, i);

		mix(h, pool->usable);
		mix(h, pool->usable_backups);
		mix(h, (uint64_t)pool->has_quorum << 2 | (uint64_t)pool->is_judged << 1 |
			       pool->is_held);
		mix(h, pool->quorum_since);
		mix(h, (uint64_t)pool->override << 32 | pool->n_kept);
		mix(h, pool->override_since);
		mix(h, core_desired(core)->pools[i].version);
		mix(h, core_desired(core)->pools[i].is_needed);
		for (size_t r = 0; r < pool->config->n_reals; r++) {
			mix(h, (uint64_t)pool->reals[r].state << 2 |
				       (uint64_t)pool->reals[r].has_next_hop << 1 |
				       pool->reals[r].takes_new_flows);
			mix(h, pool->reals[r].since);
			mix(h, (uint64_t)pool->reals[r].life << 8 | pool->reals[r].life_reason);
			mix(h, pool->reals[r].life_since);
			mix(h, pool->reals[r].order);
			mix(h,
			    (uint64_t)pool->reals[r].share_percent << 1 | pool->reals[r].is_kept);
		}
	}
}

uint64_t judge_digest(const struct core *core)
{
	const struct core_node *node = core_node(core);
	uint64_t h = 1;

	digest_pools(core, &h);
	for (uint32_t i = 0; i < core_n_vips(core); i++) {
		const struct core_vip *vip = core_vip(core, i);

		mix(&h, (uint64_t)vip->state << 32 | (uint64_t)vip->reason << 8 | vip->intent);
		mix(&h, vip->since);
		mix(&h, vip->held_until);
		mix(&h, vip->flaps);
		mix(&h, vip->peers);
		mix(&h, (uint64_t)vip->is_drained << 1 | vip->is_drain_stuck);
		mix(&h, core_desired(core)->vips[i].intent);
	}
	for (size_t i = 0; i < core_desired(core)->n_services; i++) {
		uint32_t vip;
		const struct core_service *service = core_service(core, (uint32_t)i, &vip);

		mix(&h, (uint64_t)vip << 32 | (uint64_t)service->port << 8 |
				(uint64_t)service->is_programmed << 1 | service->is_self_tested);
		mix(&h, (uint64_t)core_desired(core)->services[i].pool << 1 |
				core_desired(core)->services[i].wanted);
	}
	mix(&h, core_desired(core)->lives_version);
	mix(&h, node->usable_uplinks);
	mix(&h, (uint64_t)node->is_drained << 1 | node->is_fenced);
	mix(&h, node->common.since);
	mix(&h, node->common.until);
	mix(&h, node->common.n << 32 | node->common.n_pools);
	return h;
}

/* ---- ops ---- */

/* Does the world hold the service, pointing to a ring with an owner? */
bool judge_world_serves(struct node *node, const struct config_vip *vip,
			const struct config_service *service)
{
	const struct world_service *found =
		world_service_find(&node->world, &vip->prefix, service->proto, service->port);

	return found && node->world.rings[found->ring].used &&
	       node->world.rings[found->ring].n_takers > 0;
}

bool judge_service_has_quorum(const struct node *node, const struct config_service *service)
{
	return core_pool(node->core, service->pool)->has_quorum;
}

static bool any_takes(const struct node *node, uint32_t i);

bool judge_serves(const struct node *node, const struct config_vip *vip,
		  const struct config_service *service)
{
	size_t i = (size_t)(vip - node_config(node)->vips);

	return judge_service_has_quorum(node, service) ||
	       (node->facts.vips[i].order == VIP_ORDER_ANNOUNCE && any_takes(node, service->pool));
}

/* An operator announces a VIP of the pool, whatever its checks say. */
static bool is_opened(const struct node *node, uint32_t i)
{
	const struct config *config = node_config(node);

	for (size_t v = 0; v < config->n_vips; v++)
		for (size_t s = 0; s < config->vips[v].n_services; s++)
			if (config->vips[v].services[s].pool == i &&
			    node->facts.vips[v].order == VIP_ORDER_ANNOUNCE)
				return true;
	return false;
}

/* What a new announcement needs, of the services that shall serve. */
static void judge_announce(struct node *node, const struct core_vip *vip)
{
	const struct config_vip *config = vip->config;

	if (!config) {
		sim_violation(node, "announces %s, which is not in the config",
			      PREFIX_STR(&vip->prefix));
		return;
	}
	for (size_t i = 0; i < config->n_services; i++) {
		const struct config_service *service = &config->services[i];
		const struct world_service *found = world_service_find(
			&node->world, &vip->prefix, service->proto, service->port);

		if (!judge_serves(node, config, service))
			continue;
		if (!judge_world_serves(node, config, service))
			sim_violation(node, "announces %s without programmed service",
				      PREFIX_STR(&vip->prefix));
		else if (!found->self_tested)
			sim_violation(node, "announces %s without self-test",
				      PREFIX_STR(&vip->prefix));
	}
}

static void judge_route_op(struct node *node, const struct op *op)
{
	const struct core_vip *vip = core_vip(node->core, op->index);
	const struct world_route *route;

	if (!config_owns(&node_config(node)->routing, &vip->prefix))
		sim_violation(node, "%s outside vip-ranges", op_kind_str(op->kind));
	if (op->kind == OP_ROUTE_WITHDRAW)
		return;
	route = NULL;
	for (size_t i = 0; i < WORLD_ROUTES; i++)
		if (node->seen[i].used && prefix_eq(&node->seen[i].prefix, &vip->prefix))
			route = &node->seen[i];
	if (node->facts.fenced &&
	    !(op->kind == OP_ROUTE_DRAIN && route && route->line == ROUTE_ANNOUNCE))
		sim_violation(node, "%s while fenced", op_kind_str(op->kind));
	/* A line that stands may change while its services are mended. */
	if (!route || route->line == ROUTE_NONE) {
		judge_announce(node, vip);
	}
}

static void judge_service_del(struct node *node, const struct op *op)
{
	uint32_t i;
	const struct core_service *service = core_service(node->core, op->index, &i);
	const struct core_vip *vip = core_vip(node->core, i);

	if (service->config)
		sim_violation(node, "deletes a service of the config");
	if (vip->config || !config_owns(&node_config(node)->routing, &vip->prefix))
		return;
	for (size_t r = 0; r < WORLD_ROUTES; r++)
		if (node->seen[r].used && prefix_eq(&node->seen[r].prefix, &vip->prefix) &&
		    (node->seen[r].line != ROUTE_NONE || node->seen[r].peers))
			sim_violation(node, "deletes a service of %s, which is still announced",
				      PREFIX_STR(&vip->prefix));
	for (size_t l = 0; l < node->n_lingers; l++)
		if (prefix_eq(&node->lingers[l].prefix, &vip->prefix) &&
		    node->sim->now <
			    node->lingers[l].gone_at + node_config(node)->routing.linger_us)
			sim_violation(node, "deletes a service of %s without linger",
				      PREFIX_STR(&vip->prefix));
}

static bool ring_is_named(const struct node *node, const struct world_ring *ring)
{
	for (size_t i = 0; i < WORLD_SERVICES; i++)
		if (node->world.services[i].used &&
		    &node->world.rings[node->world.services[i].ring] == ring)
			return true;
	return false;
}

static void judge_dataplane_op(struct node *node, const struct op *op)
{
	const struct config *config = node_config(node);
	const struct desired *desired = core_desired(node->core);
	uint32_t pool = op->kind == OP_SERVICE_SET || op->kind == OP_SELF_TEST
				? desired->services[op->index].pool
				: op->index;
	const struct world_ring *ring =
		op->kind == OP_SERVICE_DEL
			? NULL
			: world_ring_find(&node->world, config->pools[pool].name);

	if (op->kind == OP_RING_SET && (!ring || !ring->reals_programmed))
		sim_violation(node, "writes a ring before its reals");
	if (op->kind == OP_SERVICE_SET && (!ring || ring->n_takers == 0))
		sim_violation(node, "sets a service before its ring");
	if (op->kind == OP_RING_DEL && ring && ring_is_named(node, ring))
		sim_violation(node, "deletes a ring that a service names");
}

void judge_op(struct node *node, const struct op *op)
{
	switch (op->kind) {
	case OP_ROUTE_ANNOUNCE:
	case OP_ROUTE_DRAIN:
	case OP_ROUTE_WITHDRAW:
		judge_route_op(node, op);
		break;
	case OP_SERVICE_DEL:
		judge_service_del(node, op);
		break;
	case OP_REALS_SET:
	case OP_RING_SET:
	case OP_SERVICE_SET:
	case OP_SELF_TEST:
	case OP_RING_DEL:
		judge_dataplane_op(node, op);
		break;
	}
}

/* ---- after each step ---- */

void judge_clock(const struct node *node, usec_t *since, bool runs)
{
	if (!runs)
		*since = 0;
	else if (*since == 0)
		*since = node->sim->now;
}

/* True when *since is older than the bound; starts or stops that clock. */
bool judge_lasts(struct node *node, usec_t *since, bool is_bad, usec_t bound)
{
	judge_clock(node, since, is_bad);
	return is_bad && node->sim->now > *since + bound;
}

bool judge_may_be_held(const struct node *node)
{
	usec_t from = node->facts.held_since;

	if (node->facts.verdict_since == 0)
		return true;
	if (node->facts.verdict_since > from)
		from = node->facts.verdict_since;
	return node->sim->now < from + HOLD_BOUND_US;
}

/* Healthy reals enough, but not enough of them with a next hop. */
static bool pool_lacks_next_hop(const struct node *node, uint32_t i)
{
	const struct config_pool *config = &node_config(node)->pools[i];

	return told_serving(&node->facts, config, i, false) < config->quorum_stay &&
	       told_serving(&node->facts, config, i, true) >= config->quorum_stay;
}

/* A policy for all down keeps the quorum there was. */
static bool keeps_quorum(const struct node *node, uint32_t i)
{
	const struct config_pool *config = &node_config(node)->pools[i];

	return config->all_down != CONFIG_ALL_DOWN_WITHDRAW &&
	       told_all_down(&node->facts, config, i);
}

static void judge_pool(struct node *node, uint32_t i)
{
	const struct config_pool *config = &node_config(node)->pools[i];
	const struct core_pool *pool = core_pool(node->core, i);
	uint32_t usable = told_serving(&node->facts, config, i, false);
	bool lacks_next_hop = pool_lacks_next_hop(node, i);

	if (pool->is_held && !judge_may_be_held(node))
		sim_violation(node, "pool %s is held beyond the bound", config->name);
	if (!pool->has_quorum && usable >= config->quorum_return)
		sim_violation(node, "pool %s has %u usable reals but no quorum", config->name,
			      usable);
	if (pool->has_quorum && !pool->is_held && usable < config->quorum_stay && !lacks_next_hop &&
	    !keeps_quorum(node, i) && pool->override != POOL_OVERRIDE_COMMON)
		sim_violation(node, "pool %s has quorum with %u usable reals", config->name,
			      usable);
	if (pool->has_quorum && node->facts.short_since[i] &&
	    pool->override != POOL_OVERRIDE_COMMON &&
	    node->sim->now >= node->facts.short_since[i] + NEXT_HOP_GRACE_US)
		sim_violation(node, "pool %s has quorum without next hops", config->name);
	for (uint32_t r = 0; r < config->n_reals; r++) {
		bool takes = core_desired(node->core)->pools[i].takes_new_flows[r];

		if (told_usable(&node->facts, config, i, r) && !takes)
			sim_violation(node, "real %u of pool %s is usable but takes nothing", r,
				      config->name);
		if (takes && !pool->reals[r].is_kept && !told_usable(&node->facts, config, i, r) &&
		    !(pool->is_held && told_unknown(&node->facts, config, i, r)))
			sim_violation(node, "real %u of pool %s takes new flows", r, config->name);
	}
}

/* ---- overrides and slow start ---- */

/* A failed real that the depool floor may keep: its address is there, and a way to it. */
static bool may_be_kept(const struct node *node, uint32_t i, uint32_t r)
{
	const struct config_pool *config = &node_config(node)->pools[i];
	const struct real_told *told = &node->facts.reals[i][r];

	return !told->order && !config->reals[r].is_backup &&
	       !core_pool(node->core, i)->reals[r].takes_new_flows &&
	       told_state(&node->facts, config, i, r) != REAL_UNKNOWN &&
	       !told_gone(&node->facts, config, i, r) &&
	       !(told->next_hop_known && !told->has_next_hop);
}

/* How many normal reals shall get new flows by the floor, whatever their checks say. */
static size_t floor_of(const struct config_pool *config)
{
	size_t normal = 0, least;

	for (size_t r = 0; r < config->n_reals; r++)
		normal += !config->reals[r].is_backup;
	least = (normal * config->depool_floor_percent + 99) / 100;
	if (config->depool_floor_count > least)
		least = config->depool_floor_count;
	return least < normal ? least : normal;
}

/*
 * Who gets new flows against its checks: as many as the floor lacks, while a healthy normal real
 * serves; all normal ones when every check fails and the pool opens; else nobody.
 */
static void judge_by_checks(struct node *node, uint32_t i)
{
	const struct config_pool *config = &node_config(node)->pools[i];
	const struct core_pool *pool = core_pool(node->core, i);
	size_t taking = 0, taking_backups = 0, kept = 0, left = 0, floor = floor_of(config), most;
	bool opens = (config->all_down == CONFIG_ALL_DOWN_OPEN || is_opened(node, i)) &&
		     told_all_down(&node->facts, config, i);
	enum pool_override open = config->all_down == CONFIG_ALL_DOWN_OPEN ? POOL_OVERRIDE_OPEN
									   : POOL_OVERRIDE_OPERATOR;

	for (uint32_t r = 0; r < config->n_reals; r++) {
		const struct core_real *real = &pool->reals[r];
		bool takes = real->takes_new_flows && !real->is_kept;

		taking += takes && !config->reals[r].is_backup;
		taking_backups += takes && config->reals[r].is_backup;
		kept += real->is_kept;
		left += may_be_kept(node, i, r);
		if (real->is_kept &&
		    (!real->takes_new_flows || config->reals[r].is_backup ||
		     node->facts.reals[i][r].order || told_usable(&node->facts, config, i, r)))
			sim_violation(node, "real %u of pool %s is kept without need", r,
				      config->name);
		if (real->is_kept && ((!opens && told_gone(&node->facts, config, i, r)) ||
				      (node->facts.reals[i][r].next_hop_known &&
				       !node->facts.reals[i][r].has_next_hop)))
			sim_violation(node, "real %u of pool %s is kept, but nobody is there", r,
				      config->name);
	}
	most = taking && floor > taking ? floor - taking : 0;
	if (taking && kept > most)
		sim_violation(node, "pool %s keeps %zu reals, its floor lacks %zu", config->name,
			      kept, most);
	if (taking && kept < most && left)
		sim_violation(node, "pool %s keeps %zu reals of %zu, and could more", config->name,
			      kept, most);
	if (!taking && taking_backups && kept)
		sim_violation(node, "pool %s keeps reals while backups serve", config->name);
	if (!taking && !taking_backups && (kept > 0) != opens)
		sim_violation(node, "pool %s: all down, %zu kept, opens %d", config->name, kept,
			      opens);
	if (pool->n_kept != kept || (pool->override == POOL_OVERRIDE_FLOOR) != (taking && kept) ||
	    (pool->override == open) != (!taking && kept))
		sim_violation(node, "pool %s: override %s with %zu kept", config->name,
			      pool_override_str(pool->override), kept);
	if (pool->override == POOL_OVERRIDE_HOLD &&
	    (kept || !pool->has_quorum || !keeps_quorum(node, i)))
		sim_violation(node, "pool %s holds its ring without reason", config->name);
}

static bool share_a_real(const struct config_pool *a, const struct config_pool *b)
{
	for (size_t i = 0; i < a->n_reals; i++)
		for (size_t j = 0; j < b->n_reals; j++)
			if (addr_eq(&a->reals[i].addr, &b->reals[j].addr))
				return true;
	return false;
}

static bool is_in_doubt(const struct node *node, uint32_t i)
{
	const struct config_pool *config = &node_config(node)->pools[i];

	for (uint32_t r = 0; r < config->n_reals; r++)
		for (size_t c = 0; c < config->n_checks; c++)
			if (node->facts.reals[i][r].in_doubt[c])
				return true;
	return false;
}

/* A pool that shares no real with this one had trouble so shortly before or after. */
static bool has_company(const struct node *node, uint32_t i, usec_t at)
{
	const struct config *config = node_config(node);
	usec_t within = 2 * config->routing.common_mode_within_us; /* of the fall, then of that */

	if (node->facts.held_since + within >= at) /* trouble of before a reload counts on */
		return true;
	for (uint32_t j = 0; j < config->n_pools; j++) {
		usec_t trouble = node->facts.trouble_at[j];

		if (j != i && ((trouble && trouble + within >= at) || is_in_doubt(node, j)) &&
		    !share_a_real(&config->pools[i], &config->pools[j]))
			return true;
	}
	return false;
}

/*
 * Common mode keeps only reals that failed and can be reached, begins only with another pool that
 * shares none of them and is in trouble as well, and has an end.
 */
static void judge_common(struct node *node, uint32_t i)
{
	const struct config_pool *config = &node_config(node)->pools[i];
	const struct config_routing *routing = &node_config(node)->routing;
	const struct core_pool *pool = core_pool(node->core, i);
	usec_t *since = &node->facts.common_since[i];
	bool begins = *since == 0;

	if (!pool->has_quorum || pool->n_kept == 0)
		sim_violation(node, "pool %s is held and keeps nothing", config->name);
	for (uint32_t r = 0; r < config->n_reals; r++) {
		const struct real_told *told = &node->facts.reals[i][r];

		if (pool->reals[r].is_kept &&
		    (told->order || (told->next_hop_known && !told->has_next_hop) ||
		     told_usable(&node->facts, config, i, r)))
			sim_violation(node, "common mode keeps real %u of pool %s", r,
				      config->name);
	}
	/* What was in force before a reload lasts as long as the former config says. */
	if (node->sim->now > node->facts.held_since + COMMON_MOST_US &&
	    judge_lasts(node, since, true,
			routing->common_mode_for_us + 2 * routing->common_mode_within_us))
		sim_violation(node, "pool %s is held for ever", config->name);
	if (begins && !has_company(node, i, node->sim->now) && !core_node(node->core)->common.since)
		sim_violation(node, "pool %s is held, and no other is in trouble", config->name);
}

static void judge_overrides(struct node *node, uint32_t i)
{
	if (core_pool(node->core, i)->override == POOL_OVERRIDE_COMMON) {
		judge_common(node, i);
		return;
	}
	node->facts.common_since[i] = 0;
	judge_by_checks(node, i);
}

/* Slow start: some of its share from the start, more with time, all of it in the end. */
static void judge_shares(struct node *node, uint32_t i)
{
	const struct config_pool *config = &node_config(node)->pools[i];

	for (uint32_t r = 0; r < config->n_reals; r++) {
		const struct core_real *real = &core_pool(node->core, i)->reals[r];
		usec_t since = node->facts.takes_since[i][r];
		uint8_t *seen = &node->facts.share[i][r];

		if (real->share_percent == 0 || real->share_percent > 100)
			sim_violation(node, "real %u of pool %s has a share of %u", r, config->name,
				      real->share_percent);
		if (real->share_percent < 100 && !real->is_kept &&
		    (since == 0 || node->sim->now >= since + config->slow_start_us))
			sim_violation(node, "real %u of pool %s starts slowly for ever", r,
				      config->name);
		if (since && *seen > real->share_percent)
			sim_violation(node, "the share of real %u of pool %s shrinks", r,
				      config->name);
		*seen = since ? real->share_percent : 0;
	}
}

/* A real that an operator took out never takes; disabled it is dead where others take. */
static void judge_ordered(struct node *node, uint32_t i, uint32_t r, bool is_gone, bool has_taker)
{
	enum real_order order = node->facts.reals[i][r].order;
	enum real_life life = core_pool(node->core, i)->reals[r].life;
	bool may_be_dead = order == REAL_DISABLED || is_gone ||
			   core_pool(node->core, i)->reals[r].sign == REAL_SIGN_NONE;

	if (life == REAL_TAKES || (life == REAL_DEAD && !may_be_dead) ||
	    (order == REAL_DISABLED && (life == REAL_DEAD) != has_taker))
		sim_violation(node, "real %u of pool %s is %s, but %s", r,
			      node_config(node)->pools[i].name, real_order_str(order),
			      real_life_str(life));
}

/*
 * What becomes of flows: a usable real takes, one that is not never does, and only what is gone by
 * what was told is called dead; nobody while no other takes.
 */
static void judge_lives(struct node *node, uint32_t i)
{
	const struct config_pool *config = &node_config(node)->pools[i];
	const struct core_pool *pool = core_pool(node->core, i);
	bool has_taker = false;

	for (uint32_t r = 0; r < config->n_reals; r++)
		has_taker |= pool->reals[r].takes_new_flows;
	for (uint32_t r = 0; r < config->n_reals; r++) {
		const struct real_told *told = &node->facts.reals[i][r];
		bool is_down = told_state(&node->facts, config, i, r) == REAL_DOWN;
		bool is_usable = told_usable(&node->facts, config, i, r) || pool->reals[r].is_kept;
		bool has_lost_way = told->next_hop_known && !told->has_next_hop;
		bool is_gone = has_lost_way || (is_down && told_gone(&node->facts, config, i, r));
		enum real_life life = pool->reals[r].life;

		if (told->order) {
			judge_ordered(node, i, r, is_gone, has_taker);
			continue;
		}
		if (is_usable != (life == REAL_TAKES) && (is_usable || is_down || has_lost_way))
			sim_violation(node, "real %u of pool %s: %s, usable %d", r, config->name,
				      real_life_str(life), is_usable);
		if (life == REAL_DEAD && !has_taker && (is_down || has_lost_way))
			sim_violation(node, "real %u of pool %s is dead, and nobody takes", r,
				      config->name);
		if (life == REAL_DEAD && !is_gone && (is_down || is_usable) &&
		    pool->reals[r].sign != REAL_SIGN_NONE)
			sim_violation(node, "real %u of pool %s is dead, but its address is there",
				      r, config->name);
		if (is_down && is_gone && !has_lost_way && has_taker && life != REAL_DEAD &&
		    !pool->reals[r].is_kept) /* where a pool opens, whoever it is */
			sim_violation(node, "real %u of pool %s is gone, but %s", r, config->name,
				      real_life_str(life));
	}
}

static bool is_taker(const struct core *core, uint32_t pool, const struct addr *addr)
{
	const struct core_pool *of = core_pool(core, pool);

	for (size_t r = 0; r < of->config->n_reals; r++)
		if (addr_eq(&of->config->reals[r].addr, addr))
			return core_desired(core)->pools[pool].takes_new_flows[r];
	return false;
}

/* A ring that names a real which takes no new flows, while another real could. */
static void judge_ring(struct node *node, uint32_t i)
{
	const struct config_pool *config = &node_config(node)->pools[i];
	const struct world_ring *ring = world_ring_find(&node->world, config->name);
	bool others = false, wrong = false;

	for (size_t r = 0; r < config->n_reals; r++)
		others |= core_desired(node->core)->pools[i].takes_new_flows[r];
	for (size_t t = 0; ring && t < ring->n_takers; t++)
		wrong |= !is_taker(node->core, i, &ring->takers[t]);
	if (judge_lasts(node, &node->facts.ring_wrong_since[i],
			wrong && others && !node->broken &&
				core_desired(node->core)->pools[i].is_needed,
			RING_BOUND_US))
		sim_violation(node, "the ring of pool %s names a real that takes no new flows",
			      config->name);
}

/* Remember when leaving VIPs were seen gone from all peers. */
static void note_lingers(struct node *node)
{
	size_t n = 0;
	struct gone kept[64];

	for (uint32_t i = 0; i < core_n_vips(node->core); i++) {
		const struct core_vip *vip = core_vip(node->core, i);
		usec_t gone_at = node->sim->now;

		if (vip->state != VIP_WITHDRAWING || n == 64)
			continue;
		for (size_t l = 0; l < node->n_lingers; l++)
			if (prefix_eq(&node->lingers[l].prefix, &vip->prefix) && vip->peers == 0)
				gone_at = node->lingers[l].gone_at;
		kept[n++] = (struct gone){ vip->prefix, gone_at };
	}
	memcpy(node->lingers, kept, n * sizeof(kept[0]));
	node->n_lingers = n;
}

static bool any_takes(const struct node *node, uint32_t i)
{
	const struct core_pool *pool = core_pool(node->core, i);

	for (size_t r = 0; r < pool->config->n_reals; r++)
		if (pool->reals[r].takes_new_flows)
			return true;
	return false;
}

/* Quorum is reached at `return`, which is more than what keeps it. */
static void judge_quorum_gained(struct node *node, uint32_t i)
{
	const struct config_pool *config = &node_config(node)->pools[i];
	const struct core_pool *pool = core_pool(node->core, i);
	uint32_t usable = told_serving(&node->facts, config, i, false);

	if (pool->has_quorum && !node->facts.had_quorum[i] && !pool->is_held &&
	    !node->facts.is_unread && /* what stands is taken over */
	    usable < config->quorum_return)
		sim_violation(node, "pool %s got its quorum with %u usable reals", config->name,
			      usable);
	node->facts.had_quorum[i] = pool->has_quorum;
}

/* Silence alone brings nobody back to life. */
static void note_gone(struct node *node, uint32_t i, uint32_t r)
{
	const struct config_pool *config = &node_config(node)->pools[i];
	struct real_told *told = &node->facts.reals[i][r];

	if (told->order == REAL_DISABLED ||
	    (told->way_lost_since && node->sim->now >= told->way_lost_since + NEXT_HOP_GRACE_US) ||
	    told_gone(&node->facts, config, i, r))
		told->was_gone = true;
	else if (told_heard(&node->facts, config, i, r))
		told->was_gone = false;
}

void judge_clocks(struct node *node)
{
	for (uint32_t i = 0; i < core_n_pools(node->core); i++)
		judge_quorum_gained(node, i);
	judge_clock(node, &node->facts.no_uplink_since, judge_no_uplink(node));
	for (uint32_t i = 0; i < core_n_pools(node->core); i++)
		judge_clock(node, &node->facts.short_since[i],
			    pool_lacks_next_hop(node, i) && !core_pool(node->core, i)->is_held &&
				    core_pool(node->core, i)->override != POOL_OVERRIDE_COMMON);
	for (uint32_t i = 0; i < core_n_pools(node->core); i++) {
		for (uint32_t r = 0; r < node_config(node)->pools[i].n_reals; r++) {
			const struct core_real *real = &core_pool(node->core, i)->reals[r];
			bool takes = real->takes_new_flows && !real->is_kept;

			note_gone(node, i, r);
			judge_clock(node, &node->facts.takes_since[i][r], takes);
			judge_clock(node, &node->facts.out_since[i][r],
				    !real->takes_new_flows && any_takes(node, i) && !node->broken &&
					    !core_pool(node->core, i)->is_held);
			if (!takes)
				node->facts.share[i][r] = 0;
		}
	}
	note_lingers(node);
}

void judge_step(struct node *node)
{
	if (!node->core || node->is_judged)
		return;
	node->is_judged = true;
	for (uint32_t i = 0; i < core_n_pools(node->core); i++) {
		judge_pool(node, i);
		judge_overrides(node, i);
		judge_shares(node, i);
		judge_lives(node, i);
		judge_ring(node, i);
	}
	for (uint32_t i = 0; i < core_n_vips(node->core); i++)
		judge_vip(node, i);
	sim_trace(node->sim, judge_digest(node->core));
}

/* ---- once events stop ---- */

static void judge_calm_vip(struct node *node, uint32_t i)
{
	const struct core_vip *vip = core_vip(node->core, i);
	const struct world_route *route = world_route_find(&node->world, &vip->prefix);
	enum route_intent line = route ? route->line : ROUTE_NONE;
	bool drained = node->facts.node_drained || node->facts.vips[i].is_drained ||
		       node->facts.vips[i].order == VIP_ORDER_WITHDRAW;

	if (vip->state == VIP_ANNOUNCING || vip->state == VIP_WITHDRAWING)
		sim_violation(node, "%s is still %s (%s)", PREFIX_STR(&vip->prefix),
			      vip_state_str(vip->state), vip_reason_str(vip->reason));
	if (config_owns(&node_config(node)->routing, &vip->prefix) && line != vip->intent)
		sim_violation(node, "%s: line %s, intent %s", PREFIX_STR(&vip->prefix),
			      route_intent_str(line), route_intent_str(vip->intent));
	/* Without a single verdict a restarted controller announces nothing anew. */
	if (judge_has_quorum(node, vip->config) &&
	    config_owns(&node_config(node)->routing, &vip->prefix) && !drained &&
	    vip->state != VIP_ANNOUNCED && node->facts.verdict_since)
		sim_violation(node, "%s has quorum and is %s (%s)", PREFIX_STR(&vip->prefix),
			      vip_state_str(vip->state), vip_reason_str(vip->reason));
	if (drained && vip->state == VIP_DRAINING && !vip->is_drain_stuck)
		sim_violation(node, "%s drains for ever", PREFIX_STR(&vip->prefix));
}

static void judge_calm_services(struct node *node)
{
	for (size_t i = 0; i < WORLD_SERVICES; i++) {
		const struct world_service *s = &node->world.services[i];
		bool wanted = false;

		if (!s->used)
			continue;
		for (size_t v = 0; v < node_config(node)->n_vips; v++)
			for (size_t c = 0; c < node_config(node)->vips[v].n_services; c++)
				wanted |= prefix_eq(&node_config(node)->vips[v].prefix, &s->vip) &&
					  node_config(node)->vips[v].services[c].port == s->port;
		if (!wanted)
			sim_violation(node, "a service of %s is left over", PREFIX_STR(&s->vip));
	}
}

void judge_calm(struct node *node)
{
	const struct config *config = node_config(node);
	struct op ops[SIM_OPS];
	size_t n = core_plan(node->core, world_observe(&node->world, node->core), ops, SIM_OPS);

	if (n)
		sim_violation(node, "calm, but the plan has %zu ops, the first %s %u", n,
			      op_kind_str(ops[0].kind), ops[0].index);
	if (core_n_vips(node->core) != config->n_vips) {
		sim_violation(node, "calm, but something is still leaving");
		return;
	}
	for (uint32_t i = 0; i < config->n_vips; i++)
		judge_calm_vip(node, i);
	judge_calm_services(node);
	if (core_node(node->core)->common.since || core_node(node->core)->common.n_pools)
		sim_violation(node, "calm, but common mode is in force");
	for (uint32_t i = 0; i < config->n_pools; i++)
		if (core_pool(node->core, i)->is_held && node->facts.verdict_since)
			sim_violation(node, "calm, but pool %s is held", config->pools[i].name);
	for (size_t i = 0; i < WORLD_ROUTES; i++)
		if (node->world.routes[i].used && node->world.routes[i].line != ROUTE_NONE &&
		    config_owns(&config->routing, &node->world.routes[i].prefix) &&
		    core_vip_find(node->core, &node->world.routes[i].prefix) == CORE_NONE)
			sim_violation(node, "a stray line is left");
}
