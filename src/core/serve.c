/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve.c - which reals of a pool get new flows, how much of their own, and by which rule: what
 * ring.h decides for slots, with what only time and history know, slow start and overrides.
 *
 * Slow start: a real that was down, or that a reload added, starts with a part of its slots and
 * gets the next at moments that its return and the config fix, sixteen of them. When nobody else
 * takes new flows there is nobody who could stand in, and it starts whole.
 *
 * Overrides are the rules by which a real is forwarded to, or a VIP stays announced, against the
 * checks: the depool floor, and the policy for all down. They change no quorum by themselves: the
 * policy keeps a quorum that was there when the last real failed its check, and never makes one.
 * Common mode (common.c) is another: reals that it holds serve as if nothing had happened. So is
 * the word of an operator who announces a VIP: its pools open when all is down.
 */
#include "src/core/internal.h"

#define START_STEPS 16 /* parts before the whole */

const char *pool_override_str(enum pool_override override)
{
	static const char *const names[] = {
#define X(name, word, sentence) [POOL_OVERRIDE_##name] = word,
		POOL_OVERRIDES(X)
#undef X
	};

	return override < POOL_OVERRIDE_MAX ? names[override] : "unknown";
}

const char *pool_override_sentence(enum pool_override override)
{
	static const char *const sentences[] = {
#define X(name, word, sentence) [POOL_OVERRIDE_##name] = sentence,
		POOL_OVERRIDES(X)
#undef X
	};

	return override < POOL_OVERRIDE_MAX ? sentences[override] : "unknown override";
}

/* ---- slow start ---- */

static bool others_take(const struct pool *pool, size_t i)
{
	for (size_t j = 0; j < pool->view.config->n_reals; j++)
		if (j != i && pool->ring[j].takes_new_flows)
			return true;
	return false;
}

/* At its return; called before the ring takes over who takes new flows now. */
static void start_update(const struct core *core, struct pool *pool, size_t i, bool takes)
{
	struct real_facts *facts = &pool->facts[i];

	if ((pool->reals[i].state == REAL_DOWN && !facts->is_forgiven) || pool->reals[i].order)
		facts->starts_slowly = true;
	if (!takes)
		facts->started_at = 0;
	else
		facts->is_forgiven = false;
	if (!takes || !facts->starts_slowly)
		return;
	facts->starts_slowly = false;
	if (pool->view.config->slow_start_us && !pool->ring[i].takes_new_flows &&
	    others_take(pool, i))
		facts->started_at = core->now;
}

/* How many parts of its slots a real leaves to others at this moment. */
static uint16_t start_withheld(struct core *core, struct pool *pool, size_t i)
{
	usec_t whole = pool->view.config->slow_start_us;
	usec_t *from = &pool->facts[i].started_at;

	for (unsigned step = 1; whole && *from && step <= START_STEPS; step++)
		if (!core_is_due(core, *from + whole * step / START_STEPS))
			return (uint16_t)(RING_PARTS - RING_PARTS * step / (START_STEPS + 1));
	*from = 0;
	return 0;
}

/* ---- overrides ---- */

static void override_update(struct core *core, struct pool *pool, enum pool_override override)
{
	struct core_pool *view = &pool->view;

	if (override == view->override)
		return;
	if (override != POOL_OVERRIDE_NONE)
		view->n_overrides++;
	view->override = override;
	view->override_since = core->now;
}

/*
 * Every check of every real fails; a real without next hop is no case for a policy about checks,
 * and those that an operator took out are not asked.
 */
static bool all_are_down(const struct pool *pool)
{
	bool any_way = false;

	for (size_t i = 0; i < pool->view.config->n_reals; i++) {
		if (pool->reals[i].order)
			continue;
		if (pool->reals[i].state != REAL_DOWN)
			return false;
		any_way |= pool->reals[i].has_next_hop && !pool->reals[i].config->is_backup;
	}
	return any_way;
}

bool pool_keeps_quorum(const struct pool *pool)
{
	return pool->view.has_quorum && pool->view.config->all_down != CONFIG_ALL_DOWN_WITHDRAW &&
	       all_are_down(pool);
}

static enum pool_override override_of(const struct pool *pool, enum ring_rule rule, bool by_common)
{
	if (by_common)
		return POOL_OVERRIDE_COMMON;
	if (rule == RING_FLOOR)
		return POOL_OVERRIDE_FLOOR;
	if (rule == RING_OPEN)
		return pool->view.config->all_down == CONFIG_ALL_DOWN_OPEN ? POOL_OVERRIDE_OPEN
									   : POOL_OVERRIDE_OPERATOR;
	if (rule == RING_NOBODY && pool_keeps_quorum(pool))
		return POOL_OVERRIDE_HOLD;
	return POOL_OVERRIDE_NONE;
}

/* ---- what operators took out ---- */

/* Their word is stronger than the floor, which is then missed, and said to be. */
static void orders_count(struct pool *pool, const struct ring_policy *policy)
{
	size_t n = pool->view.config->n_reals;
	uint32_t serving = 0, floor = (uint32_t)ring_floor(pool->ring, n, policy);

	pool->view.n_ordered = 0;
	for (size_t i = 0; i < n; i++) {
		pool->view.n_ordered += pool->ring[i].is_out;
		serving += pool->ring[i].serves && !pool->ring[i].is_backup;
	}
	pool->view.floor_missed = pool->view.n_ordered && serving < floor ? floor : 0;
}

/* ---- who takes new flows ---- */

static struct ring_policy policy_of(const struct pool *pool)
{
	struct ring_policy policy = ring_policy_of(pool->view.config);

	policy.opens = (policy.opens || pool->is_opened) && all_are_down(pool);
	return policy;
}

bool pool_serve(struct core *core, struct pool *pool, const bool *takes)
{
	struct ring_policy policy = policy_of(pool);
	size_t n = pool->view.config->n_reals;
	bool changed = false, by_common = false;
	enum ring_rule rule;

	for (size_t i = 0; i < n; i++)
		if (!common_keeps(core, pool, i)) /* it never left */
			start_update(core, pool, i, takes[i]);
	for (size_t i = 0; i < n; i++) {
		struct ring_real *real = &pool->ring[i];
		uint16_t withheld = start_withheld(core, pool, i);

		changed |= withheld != real->withheld;
		real->withheld = withheld;
		real->takes_new_flows = takes[i] || common_keeps(core, pool, i);
		real->is_out = pool->reals[i].order != REAL_ORDER_NONE;
		real->has_no_way = pool->facts[i].next_hop_known && !pool->reals[i].has_next_hop;
		real->never_kept = pool->reals[i].state == REAL_UNKNOWN ||
				   pool->reals[i].sign == REAL_SIGN_GONE || real->has_no_way;
	}
	rule = ring_serving(pool->ring, n, &policy);
	orders_count(pool, &policy);
	core->tables.desired_pools[pool - core->tables.pools].policy = policy;
	pool->view.n_kept = 0;
	for (size_t i = 0; i < n; i++) {
		bool is_kept = pool->ring[i].serves && !takes[i];

		by_common |= is_kept && common_keeps(core, pool, i);
		if (common_keeps(core, pool, i) && !is_kept) /* a backup that nobody needs */
			pool->facts[i].started_at = pool->ring[i].withheld = 0;
		changed |= pool->takes[i] != (takes[i] || is_kept);
		pool->takes[i] = takes[i] || is_kept;
		pool->reals[i].takes_new_flows = pool->takes[i];
		pool->reals[i].is_kept = is_kept;
		pool->reals[i].share_percent =
			(uint8_t)(100 - pool->ring[i].withheld * 100 / RING_PARTS);
		pool->view.n_kept += is_kept;
	}
	override_update(core, pool, override_of(pool, rule, by_common));
	return changed;
}

bool pool_forwards(const struct pool *pool)
{
	return pool_has_taker(pool) || pool->view.override == POOL_OVERRIDE_HOLD;
}
