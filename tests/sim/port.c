/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port.c - the least reconciler: it reads back, plans, and carries ops out through ports that fail.
 *
 * The data plane is synchronous: an op fails, or works but is reported failed. The router is not:
 * commands wait in order in a queue, get lost, and the routes are seen as last read back, not
 * always all of them. As in the controller no command goes out against a fence that it does not
 * know yet, and what was read just before a fence is no longer trusted.
 */
#include "tests/sim/sim.h"

static bool is_faulty(struct node *node, unsigned percent)
{
	return !node->sim->calm && chance_percent(&node->sim->chance, percent);
}

/* ---- reading back ---- */

/* Services and rings as they are, routes as last read. */
static const struct observed *look(struct node *node)
{
	struct world_route truth[WORLD_ROUTES];
	const struct observed *observed;

	memcpy(truth, node->world.routes, sizeof(truth));
	memcpy(node->world.routes, node->seen, sizeof(truth));
	observed = world_observe(&node->world, node->core);
	memcpy(node->world.routes, truth, sizeof(truth));
	return observed;
}

/* Some routes, or all, cannot be read. */
static void forget_routes(struct node *node, bool all)
{
	struct observed *observed = &node->world.observed;

	observed->routes_are_read = false;
	for (size_t i = 0; i < observed->n_routes; i++)
		if (all || chance_percent(&node->sim->chance, 50))
			node->world.observed_routes[i].is_read = false;
}

static const struct observed *read_back(struct node *node)
{
	const struct observed *observed = look(node);

	if (!node->has_read || node->sim->now < node->distrust_until)
		forget_routes(node, true);
	else if (is_faulty(node, 4))
		forget_routes(node, false);
	return observed;
}

void port_observe(struct node *node)
{
	node_tell(node,
		  (struct core_event){ .kind = CORE_EVENT_OBSERVED, .observed = read_back(node) });
}

void port_routes_read(struct node *node)
{
	if (!node->world.router_connected)
		return;
	node->has_read = true;
	memcpy(node->seen, node->world.routes, sizeof(node->seen));
}

/* ---- the router ---- */

static bool is_route_op(enum op_kind kind)
{
	return kind == OP_ROUTE_ANNOUNCE || kind == OP_ROUTE_DRAIN || kind == OP_ROUTE_WITHDRAW;
}

static bool is_on_its_way(const struct node *node, const struct op *op, const struct prefix *prefix)
{
	for (size_t i = node->n_queue; i-- > 0;)
		if (prefix_eq(&node->queue[i].prefix, prefix))
			return node->queue[i].op.kind == op->kind;
	return false;
}

static void route_command(struct node *node, const struct op *op)
{
	const struct prefix *prefix = &core_vip(node->core, op->index)->prefix;
	usec_t delay = 0;

	if (node->fence && !node->facts.fenced) /* news, which no plan knows */
		return;
	if (is_on_its_way(node, op, prefix) || node->n_queue == SIM_QUEUE || is_faulty(node, 10))
		return;
	if (is_faulty(node, 30))
		delay = chance_below(&node->sim->chance, 3000) * USEC_PER_MSEC;
	node->queue[node->n_queue++] =
		(struct queued){ .op = *op, .prefix = *prefix, .due = node->sim->now + delay };
}

void port_queue_run(struct node *node)
{
	static const enum route_intent lines[] = {
		[OP_ROUTE_ANNOUNCE] = ROUTE_ANNOUNCE,
		[OP_ROUTE_DRAIN] = ROUTE_DRAIN,
		[OP_ROUTE_WITHDRAW] = ROUTE_NONE,
	};
	size_t done = 0;

	if (!node->world.router_connected) {
		node->n_queue = 0;
		return;
	}
	while (done < node->n_queue && node->queue[done].due <= node->sim->now) {
		world_route_add(&node->world, &node->queue[done].prefix,
				lines[node->queue[done].op.kind]);
		done++;
	}
	node->n_queue -= done;
	memmove(node->queue, node->queue + done, node->n_queue * sizeof(node->queue[0]));
}

/* ---- the data plane ---- */

static void apply(struct node *node, const struct op *op)
{
	world_apply(&node->world, node->core, op);
	if (op->kind == OP_RING_SET)
		plane_ring_set(node, op->index);
	if (op->kind == OP_REALS_SET)
		node->plane.lives_version = 0;
	plane_sweep(node);
}

/* False when it failed, or is said to have. */
static bool dataplane_do(struct node *node, const struct op *op)
{
	struct world_ring *ring = NULL;
	uint64_t version = 0;
	bool lies;

	if (!node->sim->calm && (node->broken || chance_percent(&node->sim->chance, 10)))
		return false;
	lies = is_faulty(node, 5);
	if (op->kind == OP_RING_SET)
		ring = world_ring_find(&node->world, node_config(node)->pools[op->index].name);
	version = ring ? ring->version : 0;
	apply(node, op);
	if (lies && ring)
		ring->version = version;
	return !lies;
}

/* ---- a pass ---- */

static size_t plan(struct node *node, struct op *ops)
{
	const struct observed *observed = look(node);
	struct op again[SIM_OPS];
	size_t n;

	if (!node->has_read || node->sim->now < node->distrust_until)
		forget_routes(node, true);
	n = core_plan(node->core, observed, ops, SIM_OPS);
	if (!chance_percent(&node->sim->chance, 10))
		return n;
	if (core_plan(node->core, observed, again, SIM_OPS) != n ||
	    (n && memcmp(ops, again, n * sizeof(ops[0])) != 0))
		sim_violation(node, "two plans from one observation differ");
	return n;
}

static size_t carry_out(struct node *node)
{
	struct op ops[SIM_OPS];
	size_t n = plan(node, ops);

	if (!node->broken || node->sim->calm)
		plane_lives(node);
	for (size_t i = 0; i < n; i++) {
		sim_trace(node->sim, (uint64_t)ops[i].kind << 32 | ops[i].index);
		if (node->sim->verbose)
			printf("  op %s %u\n", op_kind_str(ops[i].kind), ops[i].index);
		judge_op(node, &ops[i]);
		if (is_route_op(ops[i].kind))
			route_command(node, &ops[i]);
		else if (!dataplane_do(node, &ops[i]) && chance_percent(&node->sim->chance, 50))
			break;
	}
	return n;
}

void node_reconcile(struct node *node)
{
	bool is_read = false;
	size_t n = 0;

	if (!node->core)
		return;
	if (node->fence != node->facts.fenced)
		node_tell_fence(node, node->fence);
	for (int round = 0; round < 4; round++) {
		if (!is_faulty(node, 40)) {
			port_routes_read(node);
			is_read = node->world.router_connected;
		}
		port_observe(node);
		n = carry_out(node);
		port_queue_run(node);
		if (!is_faulty(node, 30))
			world_converge(&node->world);
		if (n == 0)
			break;
	}
	if (n)
		port_observe(node);
	watch_keep_lease(node, is_read && !node->broken && !node->prober_quiet &&
				       node->n_queue == 0 &&
				       node->sim->now >= node->distrust_until);
}
