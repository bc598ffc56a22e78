/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node.c - the controller under test with the least reconciler around it: it reads back, plans, and
 * carries ops out through ports that fail.
 *
 * The data plane is synchronous: an op fails, or works but is reported failed. The router is not:
 * commands wait in order in a queue, get lost, and the routes are seen as last read back.
 */
#include "tests/sim/sim.h"

#include <stdlib.h>

const struct config *sim_config(const struct sim *sim)
{
	return &sim->builders[sim->which].config;
}

static const char *const event_names[] = {
	[CORE_EVENT_TIMER] = "timer",       [CORE_EVENT_VERDICT] = "verdict",
	[CORE_EVENT_DRAIN] = "drain",       [CORE_EVENT_UPLINK] = "uplink",
	[CORE_EVENT_NEXT_HOP] = "next-hop", [CORE_EVENT_ROUTER] = "router",
	[CORE_EVENT_FENCE] = "fence",       [CORE_EVENT_OBSERVED] = "observed",
	[CORE_EVENT_TRAFFIC] = "traffic",   [CORE_EVENT_ORDER] = "order",
	[CORE_EVENT_FORGIVE] = "forgive",
};

/* One line an event: what the core makes of it. */
static void print_state(const struct sim *sim, const char *event)
{
	printf("%llu %.3f %s:", (unsigned long long)sim->steps, (double)sim->now / USEC_PER_SEC,
	       event);
	for (uint32_t i = 0; i < core_n_pools(sim->core); i++) {
		const struct core_pool *pool = core_pool(sim->core, i);

		printf(" %s=%u+%u%s%s%s", pool->config->name, pool->usable, pool->usable_backups,
		       pool->has_quorum ? "Q" : "", pool->is_judged ? "" : "?",
		       pool->is_held ? "H" : "");
	}
	for (uint32_t i = 0; i < core_n_vips(sim->core); i++) {
		const struct core_vip *vip = core_vip(sim->core, i);

		printf(" %s%s=%s/%s/%u", PREFIX_STR(&vip->prefix), vip->config ? "" : "-",
		       vip_state_str(vip->state), vip_reason_str(vip->reason), vip->peers);
	}
	printf("\n");
}

void node_tell(struct sim *sim, struct core_event event)
{
	if (!sim->core)
		return;
	event.now = sim->now;
	sim_trace(sim, event.kind);
	core_step(sim->core, &event);
	sim_trace(sim, judge_digest(sim->core));
	judge_clocks(sim);
	if (sim->verbose)
		print_state(sim, event_names[event.kind]);
}

void node_tell_verdict(struct sim *sim, uint32_t pool, uint32_t real, uint32_t check,
		       enum real_state state)
{
	enum real_sign sign = REAL_SIGN_ANSWERS;
	bool in_doubt;

	if (!sim->core)
		return;
	in_doubt = state == REAL_UP && !sim->calm && chance_percent(&sim->chance, 20);
	if (state == REAL_DOWN)
		sign = (enum real_sign)chance_below(&sim->chance, REAL_SIGN_MAX);
	sim->facts.reals[pool][real].check[check] = state;
	sim->facts.reals[pool][real].sign[check] = sign;
	sim->facts.reals[pool][real].in_doubt[check] = in_doubt;
	if (in_doubt || state == REAL_DOWN)
		sim->facts.trouble_at[pool] = sim->now;
	if (sim->facts.verdict_since == 0)
		sim->facts.verdict_since = sim->now;
	node_tell(sim, (struct core_event){ .kind = CORE_EVENT_VERDICT,
					    .verdict = { .pool = pool,
							 .real = real,
							 .check = check,
							 .state = state,
							 .sign = sign,
							 .reason = state == REAL_UP && !in_doubt
									   ? PROBE_OK
									   : PROBE_TIMEOUT,
							 .in_a_row = 3 } });
}

void node_tell_next_hop(struct sim *sim, uint32_t pool, uint32_t real, bool usable)
{
	if (!sim->core)
		return;
	sim->facts.reals[pool][real].next_hop_known = true;
	sim->facts.reals[pool][real].has_next_hop = usable;
	node_tell(sim, (struct core_event){
			       .kind = CORE_EVENT_NEXT_HOP,
			       .next_hop = { .pool = pool, .real = real, .usable = usable } });
}

void node_tell_uplink(struct sim *sim, uint32_t uplink, bool in_use, bool covered)
{
	if (!sim->core)
		return;
	sim->facts.uplink_known[uplink] = true;
	sim->facts.uplink_in_use[uplink] = in_use;
	sim->facts.uplink_covered[uplink] = covered;
	node_tell(sim, (struct core_event){ .kind = CORE_EVENT_UPLINK,
					    .uplink = { .uplink = uplink,
							.present = true,
							.has_carrier = in_use,
							.xdp_attached = covered } });
}

void node_tell_router(struct sim *sim, bool up, uint32_t peers)
{
	sim->world.router_connected = up;
	sim->world.established_peers = peers;
	node_tell(sim, (struct core_event){ .kind = CORE_EVENT_ROUTER,
					    .router = { .connected = up,
							.has_instance = up,
							.established_peers = peers } });
}

/* ---- reading back ---- */

/* Services and rings as they are, routes as last read. */
static const struct observed *look(struct sim *sim)
{
	struct world_route truth[WORLD_ROUTES];
	const struct observed *observed;

	memcpy(truth, sim->world.routes, sizeof(truth));
	memcpy(sim->world.routes, sim->seen, sizeof(truth));
	observed = world_observe(&sim->world, sim->core);
	memcpy(sim->world.routes, truth, sizeof(truth));
	return observed;
}

static void observe(struct sim *sim)
{
	node_tell(sim, (struct core_event){ .kind = CORE_EVENT_OBSERVED, .observed = look(sim) });
}

static void routes_read(struct sim *sim)
{
	if (sim->world.router_connected)
		memcpy(sim->seen, sim->world.routes, sizeof(sim->seen));
}

/* ---- ports ---- */

static bool is_route_op(enum op_kind kind)
{
	return kind == OP_ROUTE_ANNOUNCE || kind == OP_ROUTE_DRAIN || kind == OP_ROUTE_WITHDRAW;
}

static void route_command(struct sim *sim, const struct op *op)
{
	const struct prefix *prefix = &core_vip(sim->core, op->index)->prefix;
	usec_t delay = 0;

	for (size_t i = sim->n_queue; i-- > 0;)
		if (prefix_eq(&sim->queue[i].prefix, prefix)) {
			if (sim->queue[i].op.kind == op->kind)
				return;
			break;
		}
	if (sim->n_queue == SIM_QUEUE || (!sim->calm && chance_percent(&sim->chance, 10)))
		return;
	if (!sim->calm && chance_percent(&sim->chance, 30))
		delay = chance_below(&sim->chance, 3000) * USEC_PER_MSEC;
	sim->queue[sim->n_queue++] =
		(struct queued){ .op = *op, .prefix = *prefix, .due = sim->now + delay };
}

static void queue_run(struct sim *sim)
{
	static const enum route_intent lines[] = {
		[OP_ROUTE_ANNOUNCE] = ROUTE_ANNOUNCE,
		[OP_ROUTE_DRAIN] = ROUTE_DRAIN,
		[OP_ROUTE_WITHDRAW] = ROUTE_NONE,
	};
	size_t done = 0;

	if (!sim->world.router_connected) {
		sim->n_queue = 0;
		return;
	}
	while (done < sim->n_queue && sim->queue[done].due <= sim->now) {
		world_route_add(&sim->world, &sim->queue[done].prefix,
				lines[sim->queue[done].op.kind]);
		done++;
	}
	sim->n_queue -= done;
	memmove(sim->queue, sim->queue + done, sim->n_queue * sizeof(sim->queue[0]));
}

/* False when it failed, or is said to have. */
static bool dataplane_do(struct sim *sim, const struct op *op)
{
	struct world_ring *ring;
	uint64_t version = 0;
	bool lie;

	if (!sim->calm && (sim->broken || chance_percent(&sim->chance, 10)))
		return false;
	lie = !sim->calm && chance_percent(&sim->chance, 5);
	if (op->kind == OP_RING_SET) {
		ring = world_ring_find(&sim->world, sim_config(sim)->pools[op->index].name);
		version = ring ? ring->version : 0;
	}
	world_apply(&sim->world, sim->core, op);
	if (lie && op->kind == OP_RING_SET)
		world_ring_find(&sim->world, sim_config(sim)->pools[op->index].name)->version =
			version;
	return !lie;
}

static size_t carry_out(struct sim *sim)
{
	struct op ops[SIM_OPS], again[SIM_OPS];
	size_t n = core_plan(sim->core, look(sim), ops, SIM_OPS);

	if (core_plan(sim->core, look(sim), again, SIM_OPS) != n ||
	    (n && memcmp(ops, again, n * sizeof(ops[0])) != 0))
		sim_violation(sim, "two plans from one observation differ");
	for (size_t i = 0; i < n; i++) {
		sim_trace(sim, (uint64_t)ops[i].kind << 32 | ops[i].index);
		if (sim->verbose)
			printf("  op %s %u\n", op_kind_str(ops[i].kind), ops[i].index);
		judge_op(sim, &ops[i]);
		if (is_route_op(ops[i].kind))
			route_command(sim, &ops[i]);
		else if (!dataplane_do(sim, &ops[i]) && chance_percent(&sim->chance, 50))
			break;
	}
	return n;
}

void node_reconcile(struct sim *sim)
{
	if (!sim->core)
		return;
	if (sim->calm || chance_percent(&sim->chance, 50))
		routes_read(sim);
	observe(sim);
	for (int round = 0; round < 4; round++) {
		size_t n = carry_out(sim);

		queue_run(sim);
		if (sim->calm || chance_percent(&sim->chance, 70))
			world_converge(&sim->world);
		if (sim->calm || chance_percent(&sim->chance, 50))
			routes_read(sim);
		observe(sim);
		if (n == 0)
			break;
	}
}

/* ---- life ---- */

/* Reals may have any life in the maps that the controller comes back to. */
static void adopt_lives(struct sim *sim, uint32_t pool)
{
	for (uint32_t r = 0; r < sim_config(sim)->pools[pool].n_reals; r++)
		core_adopt_life(sim->core, pool, r,
				(enum real_life)chance_below(&sim->chance, REAL_LIFE_MAX));
}

static void adopt(struct sim *sim, uint32_t pool)
{
	const struct config_pool *config = &sim_config(sim)->pools[pool];
	const struct world_ring *ring = world_ring_find(&sim->world, config->name);

	for (uint32_t r = 0; ring && r < config->n_reals; r++) {
		bool takes = false;

		for (size_t i = 0; i < ring->n_takers; i++)
			takes |= addr_eq(&ring->takers[i], &config->reals[r].addr);
		core_adopt_real(sim->core, pool, r, takes);
	}
}

void node_tell_order(struct sim *sim, uint32_t pool, uint32_t real, enum real_order order)
{
	if (!sim->core)
		return;
	sim->facts.reals[pool][real].order = order;
	node_tell(sim,
		  (struct core_event){ .kind = CORE_EVENT_ORDER,
				       .order = { .pool = pool, .real = real, .order = order } });
}

/* What is on file after a start or reload; of a pool that was renamed, nothing. */
static void tell_orders(struct sim *sim, const struct facts *on_file)
{
	const struct config *config = sim_config(sim);

	for (uint32_t p = 0; p < config->n_pools; p++)
		for (uint32_t r = 0; r < config->pools[p].n_reals; r++)
			node_tell_order(sim, p, r, on_file->reals[p][r].order);
}

void node_start(struct sim *sim)
{
	const struct config *config = sim_config(sim);
	struct facts before = sim->facts;

	sim->core = core_new(config, sim->now);
	memset(&sim->facts, 0, sizeof(sim->facts));
	memcpy(sim->facts.vip_drained, before.vip_drained, sizeof(before.vip_drained));
	sim->facts.node_drained = before.node_drained;
	sim->facts.fenced = before.fenced;
	sim->facts.held_since = sim->now;
	for (uint32_t i = 0; i < config->n_pools; i++) {
		adopt(sim, i);
		adopt_lives(sim, i);
	}
	/* Drains and the fence are read before anything else. */
	if (before.node_drained)
		node_tell(sim, (struct core_event){ .kind = CORE_EVENT_DRAIN,
						    .drain = { .vip = CORE_NONE, .set = true } });
	for (uint32_t i = 0; i < config->n_vips; i++)
		if (before.vip_drained[i])
			node_tell(sim, (struct core_event){ .kind = CORE_EVENT_DRAIN,
							    .drain = { .vip = i, .set = true } });
	tell_orders(sim, &before);
	node_tell(sim, (struct core_event){ .kind = CORE_EVENT_FENCE, .fenced = before.fenced });
	node_tell_router(sim, sim->world.router_connected, sim->world.established_peers);
	for (uint32_t i = 0; i < config->node.n_uplinks; i++)
		node_tell_uplink(sim, i, true, true);
	for (uint32_t p = 0; p < config->n_pools; p++)
		for (uint32_t r = 0; r < config->pools[p].n_reals; r++)
			node_tell_next_hop(sim, p, r, true);
}

void node_crash(struct sim *sim, bool lose_pins)
{
	core_free(sim->core);
	sim->core = NULL;
	sim->n_queue = 0;
	sim->n_lingers = 0;
	world_forget(&sim->world);
	if (lose_pins) {
		memset(sim->world.rings, 0, sizeof(sim->world.rings));
		memset(sim->world.services, 0, sizeof(sim->world.services));
	}
	sim->back_at = sim->now + chance_below(&sim->chance, 60) * USEC_PER_SEC;
}

void node_reload(struct sim *sim)
{
	const struct config *from = sim_config(sim);
	unsigned next = 1 - sim->which;

	weather_config(sim, &sim->builders[next]);
	facts_reload(&sim->facts, from, &sim->builders[next].config);
	sim->facts.held_since = sim->now;
	if (sim->core && core_reload(sim->core, &sim->builders[next].config, sim->now) < 0)
		abort();
	sim->which = next;
	memset(sim->pps, 0, sizeof(sim->pps));
	tell_orders(sim, &sim->facts);
	if (sim->core)
		judge_clocks(sim);
	for (uint32_t i = 0; i < sim_config(sim)->node.n_uplinks; i++)
		if (!sim->facts.uplink_known[i])
			node_tell_uplink(sim, i, true, true);
	for (size_t i = sim_config(sim)->node.n_uplinks; i < BUILD_UPLINKS; i++)
		sim->facts.uplink_known[i] = false;
}

/* Time without an event must change nothing before the next timer. */
static void check_stillness(struct sim *sim, usec_t until)
{
	uint64_t before = judge_digest(sim->core);
	usec_t next = core_next_timer(sim->core);

	if (until >= next || until <= sim->now)
		return;
	core_step(sim->core, &(struct core_event){ .kind = CORE_EVENT_TIMER, .now = until });
	if (judge_digest(sim->core) != before)
		sim_violation(sim, "changed without an event or timer");
	if (core_next_timer(sim->core) != next)
		sim_violation(sim, "the next timer moved without an event");
}

static void come_back(struct sim *sim)
{
	if (sim->core || sim->now < sim->back_at)
		return;
	node_start(sim);
	node_reconcile(sim);
}

void node_advance(struct sim *sim, usec_t by)
{
	usec_t end = sim->now + by;

	while (sim->core && core_next_timer(sim->core) <= end) {
		usec_t next = core_next_timer(sim->core);

		if (next <= sim->now) {
			sim_violation(sim, "a timer that is due already");
			break;
		}
		check_stillness(sim, next - 1);
		sim->now = next;
		queue_run(sim);
		node_tell(sim, (struct core_event){ .kind = CORE_EVENT_TIMER });
		node_reconcile(sim);
		judge_step(sim);
	}
	if (sim->core)
		check_stillness(sim, end);
	sim->now = end;
	queue_run(sim);
	come_back(sim);
}
