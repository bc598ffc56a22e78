/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common.c - common mode: pools that share no real and fail together fail by this node.
 *
 * A pool fails when its checks would cost it its quorum. When two that share no real do so within
 * `within`, the reals are hardly to blame: common mode is in force for `for`. The reals of every
 * pool that fails then are held as they were before, those depooled within `within` too, and so is
 * its quorum; its VIPs go by the policy: hold leaves them announced, drain drains them, withdraw
 * withdraws them.
 *
 * To be in time before any real is depooled, what is coming counts as well. A pool is shaky when it
 * would fail if every real whose last probe failed went down. While two pools that share no real
 * are shaky, the reals of both are held: until one of them recovers, or for `within`. A pool that
 * fails alone loses its quorum at once, as ever.
 *
 * Only checks count. Next hops and uplinks have rules of their own, and a hold keeps no quorum
 * against them; operators' orders are stronger.
 */
#include "src/core/internal.h"

/* With how many pools one is compared: should all of them share reals, this ends. */
#define PARTNERS_MAX 64

/* How many reals a pool has to rely on. */
struct outlook {
	uint32_t sure, sure_backups; /* up, and the last probe passed */
	uint32_t up, up_backups;
	bool fell;   /* a real went down a moment ago */
	bool doubts; /* the last probe of one that is up failed */
};

static usec_t within_us(const struct core *core)
{
	return core->tables.config->routing.common_mode_within_us;
}

static bool is_recent(const struct core *core, usec_t at)
{
	return at && core->now < usec_add(at, within_us(core));
}

static void outlook_add(const struct core *core, const struct pool *pool, size_t i,
			struct outlook *outlook)
{
	const struct core_real *real = &pool->reals[i];
	bool is_up = real->state == REAL_UP || (real->state == REAL_UNKNOWN && pool->view.is_held);
	bool in_doubt = real->state == REAL_UP && pool_doubts_real(pool, i);

	if (real->order)
		return;
	*(real->config->is_backup ? &outlook->up_backups : &outlook->up) += is_up;
	*(real->config->is_backup ? &outlook->sure_backups : &outlook->sure) += is_up && !in_doubt;
	outlook->doubts |= in_doubt;
	outlook->fell |= real->state == REAL_DOWN && is_recent(core, real->since);
}

/* Remember who took new flows when it fell, to go back to that. */
static void note_fall(struct pool *pool, size_t i)
{
	struct real_facts *facts = &pool->facts[i];
	const struct core_real *real = &pool->reals[i];

	if (real->state != REAL_DOWN || facts->fell_at == real->since)
		return;
	facts->fell_at = real->since;
	facts->took_when_fell = pool->takes[i] && !real->is_kept;
}

static void mark(usec_t *since, bool holds, usec_t now)
{
	if (!holds)
		*since = 0;
	else if (*since == 0)
		*since = now;
}

static void look_at(const struct core *core, struct pool *pool)
{
	uint32_t need = pool->view.config->quorum_stay;
	struct outlook o = { 0 };
	bool had = pool->view.has_quorum;

	for (size_t i = 0; i < pool->view.config->n_reals; i++) {
		note_fall(pool, i);
		outlook_add(core, pool, i, &o);
	}
	mark(&pool->failing_since,
	     (o.up ? o.up : o.up_backups) < need && (pool->failing_since || (had && o.fell)),
	     core->now);
	mark(&pool->shaky_since,
	     pool->failing_since || ((o.sure ? o.sure : o.sure_backups) < need &&
				     (pool->shaky_since || (had && (o.fell || o.doubts)))),
	     core->now);
}

/* ---- which pools share a real ---- */

static bool share_a_real(const struct core *core, size_t a, size_t b)
{
	const struct config_pool *pools = core->tables.config->pools;
	size_t few = pools[a].n_reals < pools[b].n_reals ? a : b, many = few == a ? b : a;

	for (size_t i = 0; i < pools[few].n_reals; i++)
		if (config_lookup_addr(core->tables.lookup, (uint32_t)many,
				       &pools[few].reals[i].addr) != CONFIG_NONE)
			return true;
	return false;
}

/* When what a pool goes through began, by what is worse. */
static usec_t began_at(const struct pool *pool)
{
	return pool->failing_since ? pool->failing_since : pool->shaky_since;
}

/* Not what was held for all the time that is given to it, and fails on. */
static bool is_fresh(const struct core *core, const struct pool *pool)
{
	return is_recent(core, began_at(pool)) && began_at(pool) > core->common_ended;
}

/* Another pool goes through the same, and has no real in common with this one. */
static bool has_partner(const struct core *core, size_t i, bool fails)
{
	unsigned tried = 0;

	for (size_t j = 0; j < core->tables.config->n_pools && tried < PARTNERS_MAX; j++) {
		const struct pool *other = &core->tables.pools[j];

		if (j == i || (fails && !other->failing_since) || !is_fresh(core, other))
			continue;
		tried++;
		if (!share_a_real(core, i, j))
			return true;
	}
	return false;
}

static bool is_recognised(const struct core *core)
{
	for (size_t i = 0; i < core->tables.config->n_pools; i++) {
		const struct pool *pool = &core->tables.pools[i];

		if (pool->failing_since && is_fresh(core, pool) && has_partner(core, i, true))
			return true;
	}
	return false;
}

/* ---- in force ---- */

static bool is_in_force(const struct core *core)
{
	return core->node.common.since != 0;
}

static void begin(struct core *core)
{
	struct core_common *common = &core->node.common;

	common->since = core->now;
	common->until = usec_add(core->now, core->tables.config->routing.common_mode_for_us);
	common->n++;
}

static bool keeps_any(const struct core *core, const struct pool *pool)
{
	for (size_t i = 0; i < pool->view.config->n_reals; i++)
		if (common_keeps(core, pool, i))
			return true;
	return false;
}

/*
 * Whether the reals of a pool are to be held now; asks for the moment this ends. In force, all stay
 * until the last is up again: the first that is would get everybody's new flows.
 */
static bool is_to_hold(struct core *core, size_t i)
{
	struct pool *pool = &core->tables.pools[i];
	bool ends;

	if (!pool->view.has_quorum || within_us(core) == 0)
		return false;
	if (is_in_force(core))
		return pool->failing_since || keeps_any(core, pool);
	if (!pool->shaky_since || began_at(pool) <= core->common_ended)
		return false;
	ends = core_is_due(core, usec_add(began_at(pool), within_us(core)));
	return !ends && has_partner(core, i, false);
}

static void hold(struct core *core, size_t i)
{
	struct pool *pool = &core->tables.pools[i];
	bool holds = is_to_hold(core, i);

	if (holds != (pool->common_from != 0))
		pool->is_dirty = true;
	mark(&pool->common_from, holds, core->now);
	core->node.common.n_pools += holds;
}

static void end_if_over(struct core *core)
{
	struct core_common *common = &core->node.common;
	bool any = false;

	for (size_t i = 0; i < core->tables.config->n_pools && !any; i++)
		any = is_to_hold(core, i);
	if (any && !core_is_due(core, common->until))
		return;
	core->common_ended = core->now;
	common->since = 0;
	common->until = 0;
}

void common_update(struct core *core)
{
	size_t n = core->tables.config->n_pools;

	core->node.common.n_pools = 0;
	for (size_t i = 0; i < n; i++)
		if (core->tables.pools[i].is_dirty)
			look_at(core, &core->tables.pools[i]);
	if (is_in_force(core))
		end_if_over(core);
	else if (is_recognised(core))
		begin(core);
	if (is_in_force(core))
		core_is_due(core, core->node.common.until);
	for (size_t i = 0; i < n; i++)
		hold(core, i);
}

bool common_is_outdated(const struct core *core)
{
	for (size_t i = 0; core->node.common.n_pools && i < core->tables.config->n_pools; i++)
		if (core->tables.pools[i].common_from && !core->tables.pools[i].view.has_quorum)
			return true;
	return false;
}

/* ---- what rests on it ---- */

bool common_keeps(const struct core *core, const struct pool *pool, size_t i)
{
	const struct real_facts *facts = &pool->facts[i];
	const struct core_real *real = &pool->reals[i];

	return pool->common_from && real->state == REAL_DOWN && !real->order &&
	       real->has_next_hop && facts->took_when_fell && facts->fell_at == real->since &&
	       pool->common_from < usec_add(real->since, within_us(core));
}

static bool any_is_held(const struct core *core, const struct vip *vip)
{
	for (size_t i = 0; i < vip->view.n_services; i++) {
		uint32_t pool = vip->view.services[i].pool;

		if (pool != CORE_NONE && core->tables.pools[pool].common_from)
			return true;
	}
	return false;
}

bool common_holds(const struct core *core, const struct vip *vip)
{
	return core->node.common.n_pools > 0 && any_is_held(core, vip);
}

bool common_asks(const struct core *core, const struct vip *vip, enum config_loss_then then)
{
	return is_in_force(core) && core->tables.config->routing.common_mode_then == then &&
	       common_holds(core, vip);
}
