/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reload.c - going over to another config: all new tables are made first, then state is carried
 * over by what things are. VIPs are matched by prefix, services by protocol and port, reals by pool
 * and address, uplinks by interface. Pools have only names; one that was renamed is recognised by a
 * service that used it before and does now.
 *
 * A reload is no flap: an announced VIP whose pools got unknown reals or checks holds (see pool.c).
 */
#include "src/core/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/auto.h"

/* former[new pool] is the old index or CORE_NONE. */
static bool is_taken(const uint32_t *former, size_t n, uint32_t old)
{
	for (size_t i = 0; i < n; i++)
		if (former[i] == old)
			return true;
	return false;
}

static void match_by_name(const struct tables *from, const struct config *to, uint32_t *former)
{
	for (size_t i = 0; i < to->n_pools; i++)
		former[i] = config_lookup_pool(from->lookup, to->pools[i].name);
}

static const struct config_service *service_in(const struct tables *tables,
					       const struct prefix *prefix,
					       const struct config_service *like)
{
	uint32_t i = records_find_vip(tables, &tables->records, prefix);
	const struct config_vip *vip = i < tables->config->n_vips ? &tables->config->vips[i] : NULL;

	for (size_t s = 0; vip && s < vip->n_services; s++)
		if (vip->services[s].proto == like->proto && vip->services[s].port == like->port)
			return &vip->services[s];
	return NULL;
}

static void match_by_service(const struct tables *from, const struct config *to, uint32_t *former)
{
	for (size_t v = 0; v < to->n_vips; v++) {
		for (size_t s = 0; s < to->vips[v].n_services; s++) {
			const struct config_service *service = &to->vips[v].services[s];
			const struct config_service *before;

			if (former[service->pool] != CORE_NONE)
				continue;
			before = service_in(from, &to->vips[v].prefix, service);
			if (before && !is_taken(former, to->n_pools, before->pool))
				former[service->pool] = before->pool;
		}
	}
}

/* ---- pools ---- */

static void checks_carry(const struct tables *from, const struct pool *old, size_t old_real,
			 const struct tables *to, struct pool *pool, size_t real)
{
	const struct config_pool *was = old->view.config, *is = pool->view.config;

	for (size_t i = 0; i < is->n_checks; i++) {
		const char *name = to->config->checks[is->checks[i]].name;

		for (size_t j = 0; j < was->n_checks; j++)
			if (strcmp(from->config->checks[was->checks[j]].name, name) == 0)
				pool->checks[real * is->n_checks + i] =
					old->checks[old_real * was->n_checks + j];
	}
}

static void real_carry(const struct tables *from, const struct pool *old, size_t old_real,
		       const struct tables *to, struct pool *pool, size_t i, usec_t now)
{
	struct core_real *real = &pool->reals[i];
	const struct config_real *config = real->config;

	*real = old->reals[old_real];
	real->config = config;
	pool->facts[i] = old->facts[old_real];
	pool->facts[i].was_taking = real->takes_new_flows;
	pool->takes[i] = real->takes_new_flows;
	pool->ring[i].takes_new_flows = old->ring[old_real].takes_new_flows;
	pool->ring[i].withheld = old->ring[old_real].withheld;
	if (config->is_local) {
		real->has_next_hop = pool->facts[i].next_hop_known = true;
		pool->facts[i].way_lost_since = 0;
	}
	checks_carry(from, old, old_real, to, pool, i);
	pool_judge_real(pool, i, now);
}

static bool is_same_ring(const struct config_pool *a, const struct config_pool *b)
{
	bool same = a->n_reals == b->n_reals && a->ring == b->ring;

	for (size_t i = 0; same && i < a->n_reals; i++)
		same = addr_eq(&a->reals[i].addr, &b->reals[i].addr) &&
		       a->reals[i].weight == b->reals[i].weight &&
		       a->reals[i].is_backup == b->reals[i].is_backup &&
		       a->reals[i].is_local == b->reals[i].is_local;
	return same;
}

static void pool_carry(struct core *core, uint32_t old_index, struct tables *to, uint32_t index)
{
	const struct tables *from = &core->tables;
	const struct pool *old = &from->pools[old_index];
	struct pool *pool = &to->pools[index];
	const struct config_pool *config = pool->view.config;
	bool is_known = true;

	pool->view.has_quorum = old->view.has_quorum;
	pool->view.quorum_since = old->view.quorum_since;
	pool->view.is_held = old->view.is_held;
	pool->is_opened = old->is_opened;
	pool->held_until = old->held_until;
	pool->short_since = old->short_since;
	pool->observed = old->observed;
	pool->view.override = old->view.override;
	pool->view.override_since = old->view.override_since;
	pool->view.n_overrides = old->view.n_overrides;
	pool->shaky_since = old->shaky_since;
	pool->failing_since = old->failing_since;
	pool->common_from = old->common_from;
	for (size_t i = 0; i < config->n_reals; i++)
		pool->facts[i].starts_slowly = true; /* but for those it had */
	for (size_t i = 0; i < config->n_reals; i++) {
		uint32_t was = config_lookup_addr(from->lookup, old_index, &config->reals[i].addr);

		if (was != CONFIG_NONE)
			real_carry(from, old, was, to, pool, i, core->now);
		is_known &= was != CONFIG_NONE &&
			    (!pool_real_is_unknown(pool, i) || pool_real_is_unknown(old, was));
	}
	/* Whom nobody knows yet may be what an announced VIP needs: it is held for them. */
	pool->view.is_judged = old->view.is_judged && is_known;
	if (is_same_ring(config, old->view.config))
		to->desired_pools[index].version = from->desired_pools[old_index].version;
}

static void pools_carry(struct core *core, struct tables *to, const uint32_t *former)
{
	for (uint32_t i = 0; i < to->config->n_pools; i++)
		if (former[i] != CORE_NONE)
			pool_carry(core, former[i], to, i);
	for (uint32_t i = 0; i < to->config->n_pools; i++)
		if (to->desired_pools[i].version == 0)
			to->desired_pools[i].version = ++core->version;
}

/* ---- the rest ---- */

static void uplinks_carry(const struct tables *from, struct tables *to)
{
	for (size_t i = 0; i < to->config->node.n_uplinks; i++)
		for (size_t j = 0; j < from->config->node.n_uplinks; j++)
			if (strcmp(to->config->node.uplinks[i], from->config->node.uplinks[j]) == 0)
				to->uplinks[i] = from->uplinks[j];
}

/* Services name pools by the former config's indices until they are observed again. */
static void services_renumber(struct tables *to, const uint32_t *former)
{
	for (size_t i = 0; i < to->records.n_services; i++) {
		uint32_t *named = &to->records.service_facts[i].observed_pool, now = CORE_NONE;

		for (uint32_t pool = 0; *named != CORE_NONE && pool < to->config->n_pools; pool++)
			if (former[pool] == *named)
				now = pool;
		*named = now;
	}
}

static void announced_hold(struct core *core)
{
	struct records *records = &core->tables.records;

	for (uint32_t i = 0; i < core->tables.config->n_pools; i++) {
		struct pool *pool = &core->tables.pools[i];

		if (pool->view.has_quorum) /* anew: others may have to be judged now */
			pool_hold(core, pool);
		pool_update(core, pool);
		pool->is_dirty = true;
	}
	for (size_t i = 0; i < records->n_vips; i++)
		if (records->vips[i].view.config && vip_is_announced(&records->vips[i]))
			vip_hold_pools(core, &records->vips[i]);
}

void core_former_pools(const struct core *core, const struct config *config, uint32_t *former)
{
	match_by_name(&core->tables, config, former);
	match_by_service(&core->tables, config, former);
}

int core_reload(struct core *core, const struct config *config, usec_t now)
{
	AUTO(freep) uint32_t *former = NULL;
	struct tables to;
	int r;

	former = calloc(config->n_pools + 1, sizeof(*former));
	if (!former)
		return -ENOMEM;
	r = tables_init(&to, config, core->tables.records.n_vips, core->tables.records.n_services,
			now);
	if (r < 0)
		return r;

	core->now = now > core->now ? now : core->now;
	core_former_pools(core, config, former);
	pools_carry(core, &to, former);
	uplinks_carry(&core->tables, &to);
	records_build(&to, &to.records, &core->tables, &core->tables.records, NULL, core->now);
	services_renumber(&to, former);
	tables_fini(&core->tables);
	core->tables = to;
	core->lives_version++; /* indices are others, and reals may have come */
	announced_hold(core);
	core_settle(core);
	return 0;
}
