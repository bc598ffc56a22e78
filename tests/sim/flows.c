/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flows.c - clients behind one router that spreads their flows over all nodes whose route it holds
 * (the drained ones only when there is no other), and what each node does with a packet: the rule
 * of bpf/flow_rule.h on a few slots of each ring, with a table that never evicts.
 *
 * The promise: an established flow keeps its real while that lives, its packets come to the same
 * node, the maps of that are the same and it is never silent for longer than idle. The ledger
 * (struct flow) knows nothing of the rule.
 */
#include "bpf/flow_rule.h"
#include "tests/sim/sim.h"

#define AGE_US     (4 * USEC_PER_SEC)  /* of table entries */
#define NEW_BOUND  (60 * USEC_PER_SEC) /* until a real that takes nothing gets no SYN; ops fail */
#define NOT_NORMAL 0xffff

static uint32_t age_of(const struct sim *sim)
{
	return (uint32_t)(sim->now / AGE_US);
}

/* Addresses differ in two bytes, see weather.c. */
static uint32_t number_of(const struct addr *addr)
{
	return (addr->bytes[13] * 8U + addr->bytes[15]) % SIM_REALS;
}

/* ---- lives ---- */

struct joint {
	unsigned lives;
	bool is_heard, is_named;
};

static void join(const struct node *node, struct joint joints[SIM_REALS])
{
	for (uint32_t p = 0; p < core_n_pools(node->core); p++) {
		const struct core_pool *pool = core_pool(node->core, p);

		if (!core_desired(node->core)->pools[p].is_needed)
			continue;
		for (size_t r = 0; r < pool->config->n_reals; r++) {
			const struct core_real *real = &pool->reals[r];
			struct joint *joint = &joints[number_of(&real->config->addr)];

			joint->is_named = true;
			joint->lives |= 1U << real->life;
			joint->is_heard |= real->sign == REAL_SIGN_ANSWERS && real->has_next_hop &&
					   real->order != REAL_DISABLED;
		}
	}
}

/* Is there ground to call it dead, in any pool, by what was told? */
static bool may_be_dead(const struct node *node, uint32_t number)
{
	const struct config *config = node_config(node);

	for (uint32_t p = 0; p < config->n_pools; p++)
		for (uint32_t r = 0; r < config->pools[p].n_reals; r++)
			if (number_of(&config->pools[p].reals[r].addr) == number &&
			    node->facts.reals[p][r].was_gone)
				return true;
	return false;
}

/* Nothing more is promised to its flows. */
static void real_died(struct node *node, uint32_t number)
{
	if (!may_be_dead(node, number))
		sim_violation(node, "real %u is called dead, and nobody said it was gone", number);
	for (size_t f = 0; f < SIM_FLOWS; f++)
		if (node->sim->flows[f].node == node->number && node->sim->flows[f].real == number)
			node->sim->flows[f].real = 0;
}

static void life_write(struct node *node, uint32_t number, enum real_life life)
{
	uint32_t *flags = &node->plane.flags[number];
	uint32_t was = *flags;

	if (node->sim->verbose)
		printf("  life of real %u of node %u: %s\n", number, node->number,
		       real_life_str(life));
	if (life == REAL_LIFE_UNKNOWN && was & LB_REAL_USED)
		return;
	*flags = LB_REAL_USED | (life == REAL_TAKES ? LB_REAL_TAKES : 0U) |
		 (life == REAL_DEAD ? LB_REAL_DEAD : 0U);
	if (life == REAL_DEAD && !(was & LB_REAL_DEAD))
		real_died(node, number);
}

enum real_life plane_life(const struct node *node, const struct addr *addr)
{
	uint32_t flags = node->plane.flags[number_of(addr)];

	if (!(flags & LB_REAL_USED))
		return REAL_LIFE_UNKNOWN;
	if (flags & LB_REAL_DEAD)
		return REAL_DEAD;
	return flags & LB_REAL_TAKES ? REAL_TAKES : REAL_LEAVING;
}

void plane_lives(struct node *node)
{
	uint64_t version = core_desired(node->core)->lives_version;
	struct joint joints[SIM_REALS] = { 0 };

	if (version == node->plane.lives_version)
		return;
	join(node, joints);
	for (uint32_t i = 0; i < SIM_REALS; i++) {
		if (joints[i].is_named)
			life_write(node, i, real_life_join(joints[i].lives, joints[i].is_heard));
		else if (node->plane.flags[i] & LB_REAL_TAKES) /* it left the config */
			life_write(node, i, REAL_LEAVING);
	}
	node->plane.lives_version = version;
}

/* ---- slots ---- */

/* Which slot of the whole ring each of ours is. */
static uint32_t slot_at(uint32_t i)
{
	return i * (RING_SLOTS / SIM_SLOTS) + 17;
}

/* A base ring of our own, from config alone. */
static uint16_t base_owner(const struct ring_real *reals, size_t n, uint32_t slot)
{
	uint64_t most = 0;
	uint16_t owner = NOT_NORMAL;

	for (size_t r = 0; r < n; r++) {
		uint64_t draw = ring_murmur(slot, ring_addr_hash(&reals[r].addr), 1) >> 8;

		if (reals[r].is_backup || reals[r].weight == 0 || draw * reals[r].weight < most)
			continue;
		most = draw * reals[r].weight;
		owner = (uint16_t)r;
	}
	return owner;
}

static uint16_t owner_of(const struct desired_pool *desired, size_t n, uint32_t slot)
{
	uint16_t owner = base_owner(desired->ring, n, slot);

	if (owner == NOT_NORMAL || !desired->ring[owner].serves ||
	    slot % RING_PARTS < desired->ring[owner].withheld)
		ring_inherit(desired->ring, n, &slot, 1, &owner);
	return owner;
}

void plane_ring_set(struct node *node, uint32_t pool)
{
	const struct config_pool *config = &node_config(node)->pools[pool];
	const struct desired_pool *desired = &core_desired(node->core)->pools[pool];
	const struct world_ring *world = world_ring_find(&node->world, config->name);
	struct plane_ring *ring = &node->plane.rings[world - node->world.rings];

	if (!ring->is_used)
		ring->birth = ++node->plane.births;
	ring->is_used = true;
	for (uint32_t s = 0; s < SIM_SLOTS; s++) {
		uint16_t owner = owner_of(desired, config->n_reals, slot_at(s));
		uint32_t cur, unremembered = flow_slot_unremembered(ring->words[s]) % SIM_REALS;

		if (owner == RING_NONE)
			continue;
		cur = number_of(&config->reals[owner].addr);
		if (ring->words[s] && LB_SLOT_CUR(ring->words[s]) == cur)
			continue;
		ring->words[s] = flow_slot_change(ring->words[s], cur,
						  flow_real_lives(node->plane.flags[unremembered]));
		ring->changed_at = node->sim->now;
	}
}

void plane_sweep(struct node *node)
{
	for (size_t i = 0; i < WORLD_RINGS; i++)
		if (node->plane.rings[i].is_used && !node->world.rings[i].used)
			memset(&node->plane.rings[i], 0, sizeof(node->plane.rings[i]));
}

void plane_lose(struct node *node)
{
	uint32_t generation = node->plane.generation;

	memset(&node->plane, 0, sizeof(node->plane));
	node->plane.generation = generation + 1;
}

static void slot_age(const struct node *node, struct plane_ring *ring, uint32_t s)
{
	usec_t idle = node_config(node)->node.idle_us, now = node->sim->now, quiet;
	uint32_t cur = LB_SLOT_CUR(ring->words[s]);

	if (flow_slot_is_moving(ring->words[s]) && now > ring->changed_at + idle + AGE_US) {
		ring->words[s] = flow_slot_settling(cur);
		ring->settled_at = now;
	}
	quiet = ring->settled_at > ring->elsewhere_at[s] ? ring->settled_at : ring->elsewhere_at[s];
	if (quiet < ring->changed_at)
		quiet = ring->changed_at;
	if (flow_slot_is_settling(ring->words[s]) && cur && now > quiet + idle + 2 * AGE_US)
		ring->words[s] = LB_SLOT(cur, cur);
}

/* ---- a packet ---- */

/* The real it leaves for, 0: dropped. */
static uint32_t forward(struct node *node, uint32_t f, uint32_t ring_index, bool is_syn)
{
	struct plane_ring *ring = &node->plane.rings[ring_index];
	struct plane_entry *entry = &node->plane.entries[f];
	uint32_t s = f % SIM_SLOTS, kind = is_syn ? FLOW_NEW : 0, now = age_of(node->sim);
	uint32_t idle = (uint32_t)(node_config(node)->node.idle_us / AGE_US), word, real;
	bool is_young;
	struct flow_miss miss;

	slot_age(node, ring, s);
	word = ring->words[s];
	if (flow_slot_is_steady(word))
		return LB_SLOT_CUR(word);
	real = LB_FLOW_REAL(entry->entry) % SIM_REALS;
	is_young = entry->entry && entry->birth == ring->birth &&
		   flow_is_young(entry->entry, now, idle);
	if (is_young && flow_stays(node->plane.flags[real], kind)) {
		entry->entry = flow_refreshed(entry->entry, now);
		if (real != LB_SLOT_CUR(word))
			ring->elsewhere_at[s] = node->sim->now;
		return real;
	}
	miss = flow_decide_miss(word, node->plane.flags[LB_SLOT_ALT(word) % SIM_REALS], kind);
	if (miss.is_alt)
		ring->elsewhere_at[s] = node->sim->now;
	if (miss.real && (miss.remembers || is_young))
		*entry = (struct plane_entry){ LB_FLOW_ENTRY(1, miss.real, now), ring->birth };
	return miss.real;
}

/* A SYN to a real that should have got none for long. */
static bool is_out(const struct node *node, uint32_t ring, uint32_t number)
{
	const struct config *config = node_config(node);

	for (uint32_t p = 0; node->core && p < config->n_pools; p++)
		for (uint32_t r = 0; r < config->pools[p].n_reals; r++)
			if (strcmp(config->pools[p].name, node->world.rings[ring].pool) == 0 &&
			    number_of(&config->pools[p].reals[r].addr) == number &&
			    node->facts.out_since[p][r] &&
			    node->sim->now > node->facts.out_since[p][r] + NEW_BOUND)
				return true;
	return false;
}

static bool is_promised(const struct sim *sim, const struct flow *flow, const struct node *node,
			uint32_t ring)
{
	usec_t idle = node_config(node)->node.idle_us;

	if (idle > flow->idle) /* it was less when a reload came */
		idle = flow->idle;
	return flow->real && flow->node == node->number &&
	       flow->generation == node->plane.generation &&
	       flow->birth == node->plane.rings[ring].birth &&
	       sim->now + 2 * AGE_US <= flow->last + idle;
}

static void packet(struct node *node, uint32_t f, uint32_t ring, bool is_syn)
{
	struct sim *sim = node->sim;
	struct flow *flow = &sim->flows[f];
	bool promised = !is_syn && is_promised(sim, flow, node, ring);
	uint32_t real = forward(node, f, ring, is_syn);

	if (sim->verbose)
		printf("  flow %u to node %u, slot %08x: real %u%s%s\n", f, node->number,
		       node->plane.rings[ring].words[f % SIM_SLOTS], real, is_syn ? " syn" : "",
		       promised ? "" : " not promised");
	sim->packets++;
	sim->established += promised;
	sim_trace(sim, real);
	if (!real)
		return;
	if (node->plane.flags[real] & LB_REAL_DEAD) { /* its ring is not written yet */
		flow->real = 0;
		return;
	}
	if (promised && real != flow->real)
		sim_violation(node, "an established flow was moved from real %u to %u", flow->real,
			      real);
	if (is_syn && is_out(node, ring, real))
		sim_violation(node, "a new flow came to real %u, which takes none", real);
	*flow = (struct flow){ .node = node->number,
			       .generation = node->plane.generation,
			       .birth = node->plane.rings[ring].birth,
			       .real = real,
			       .last = sim->now,
			       .idle = node_config(node)->node.idle_us };
}

/* ---- the router ---- */

static const char *const flow_vips[] = { "203.0.113.1/32", "203.0.113.2/32", "203.0.113.64/28",
					 "2001:db8:cafe::1/128" };

static const struct world_route *held(struct node *node, const struct prefix *prefix)
{
	const struct world_route *route = world_route_find(&node->world, prefix);

	return route && route->peers ? route : NULL;
}

static size_t paths(struct sim *sim, const struct prefix *prefix, struct node **to)
{
	size_t n[2] = { 0, 0 };
	struct node *found[2][SIM_NODES] = { 0 };

	for (uint32_t i = 0; i < sim->n_nodes; i++) {
		const struct world_route *route = held(&sim->nodes[i], prefix);
		bool drained = route && route->line == ROUTE_DRAIN;

		if (route)
			found[drained][n[drained]++] = &sim->nodes[i];
	}
	memcpy(to, found[n[0] == 0], sizeof(found[0]));
	return n[0] ? n[0] : n[1];
}

bool flows_reach(struct sim *sim, const struct prefix *prefix, const struct node *node)
{
	struct node *to[SIM_NODES];
	size_t n = paths(sim, prefix, to);

	for (size_t i = 0; i < n; i++)
		if (to[i] == node)
			return true;
	return false;
}

static void flow_step(struct sim *sim, uint32_t f)
{
	static struct prefix prefixes[4];
	const struct world_service *service;
	const struct prefix *prefix = &prefixes[f % 4];
	struct node *to[SIM_NODES], *node;
	bool is_syn = chance_percent(&sim->chance, 10) || !sim->flows[f].last;
	size_t n;

	if (!prefixes[3].len)
		for (size_t i = 0; i < 4; i++)
			(void)prefix_parse(flow_vips[i], &prefixes[i]);
	n = paths(sim, prefix, to);
	if (n == 0)
		return;
	node = to[f / 4 % n];
	service = world_service_find(&node->world, prefix, IPPROTO_TCP, (uint16_t)(80 + f / 4 % 2));
	if (service && node->world.rings[service->ring].used)
		packet(node, f, service->ring, is_syn);
}

void flows_step(struct sim *sim)
{
	for (int i = 0; i < 3; i++)
		flow_step(sim, chance_below(&sim->chance, SIM_FLOWS));
}
