/* SPDX-License-Identifier: Apache-2.0 */
#include "src/reconcile/reconcile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frr-integration/router.h"
#include "src/base/auto.h"
#include "src/base/log.h"
#include "src/core/ring.h"
#include "src/dataplane/dataplane.h"
#include "src/guard/lease.h"
#include "src/reconcile/lives.h"
#include "src/reconcile/repairs.h"
#include "src/reconcile/rings.h"

/* Flows tried each RECONCILE_SELF_TEST_US, all services together: with many, one each. */
#define TESTS_A_ROUND 4000
#define ROUNDS_MAX    8 /* of plan and ops within one pass: going up takes five */

/* When an op that failed may be tried again. */
struct backoff {
	usec_t until, pause;
};

struct pool_more {
	uint32_t ring;
	enum pool_override override; /* as last logged */
	struct rings_written written;
	struct backoff backoff;
};

/* What struct observed_service does not say; same index. */
struct service_more {
	struct dataplane_service record; /* as programmed */
	usec_t tested_at;
	unsigned round; /* which flow comes first */
	struct backoff backoff;
};

struct reconcile {
	struct reconcile_options options;
	struct observed_pool *pools; /* index: config pool */
	struct pool_more *pools_more;
	size_t n_pools;
	struct observed_service *services; /* sorted by key */
	struct service_more *services_more;
	size_t n_services, max_services;
	struct observed_route *routes;
	size_t n_routes, max_routes;
	bool routes_are_read;
	usec_t routes_trusted_from, read_asked_at; /* see reconcile_distrust_routes() */
	struct backoff *vips;                      /* index: core's VIP */
	size_t n_vips;
	struct op *ops;
	size_t max_ops;
	struct lease_prefix *announced; /* as the file says; sorted */
	size_t n_announced;
	const struct config *announced_of; /* the config it was written by; only compared */
	bool announced_is_written, announced_failed;
	uint32_t *orphans; /* rings that no pool uses any more */
	size_t n_orphans, max_orphans;
	struct lives *lives;
	usec_t planned_at, read_back_at, retry_at;
	bool is_settled, maps_are_filled;
	struct rings *rings;
	struct reconcile_stats stats;
};

/* ---- small tables ---- */

static int grow(void *array, size_t *max, size_t need, size_t size)
{
	void **p = array;
	size_t next = *max ? *max : 16;
	void *bigger;

	if (need <= *max)
		return 0;
	while (next < need)
		next *= 2;
	bigger = realloc(*p, next * size);
	if (!bigger)
		return -ENOMEM;
	*p = bigger;
	*max = next;
	return 0;
}

static int service_cmp(const struct observed_service *service, const struct prefix *vip,
		       uint8_t proto, uint16_t port)
{
	int order = prefix_cmp(&service->vip, vip);

	if (order)
		return order;
	if (service->proto != proto)
		return service->proto < proto ? -1 : 1;
	return (int)service->port - (int)port;
}

/* Where the key stands, or where it would be inserted. */
static size_t service_position(const struct reconcile *r, const struct prefix *vip, uint8_t proto,
			       uint16_t port)
{
	size_t low = 0, high = r->n_services;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (service_cmp(&r->services[middle], vip, proto, port) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static size_t service_find(const struct reconcile *r, const struct prefix *vip, uint8_t proto,
			   uint16_t port)
{
	size_t i = service_position(r, vip, proto, port);

	if (i < r->n_services && service_cmp(&r->services[i], vip, proto, port) == 0)
		return i;
	return SIZE_MAX;
}

static int service_add(struct reconcile *r, const struct prefix *vip, uint8_t proto, uint16_t port,
		       size_t *ret)
{
	size_t i = service_position(r, vip, proto, port), max = r->max_services, tail;

	if (i < r->n_services && service_cmp(&r->services[i], vip, proto, port) == 0) {
		*ret = i;
		return 0;
	}
	if (grow(&r->services, &max, r->n_services + 1, sizeof(*r->services)) < 0 ||
	    grow(&r->services_more, &r->max_services, r->n_services + 1,
		 sizeof(*r->services_more)) < 0)
		return -ENOMEM;
	tail = r->n_services - i;
	memmove(r->services + i + 1, r->services + i, tail * sizeof(*r->services));
	memmove(r->services_more + i + 1, r->services_more + i, tail * sizeof(*r->services_more));
	r->services[i] = (struct observed_service){
		.vip = *vip, .proto = proto, .port = port, .pool = CORE_NONE
	};
	r->services_more[i] = (struct service_more){ .record = { .ring = DATAPLANE_NO_RING } };
	r->n_services++;
	*ret = i;
	return 0;
}

/* Remember what was programmed; the lists of the config are only borrowed. */
static void record_note(struct reconcile *r, size_t i, const struct dataplane_service *record)
{
	struct dataplane_service *kept = &r->services_more[i].record;

	*kept = *record;
	kept->drop_sources = NULL;
	kept->source_routes = NULL;
	kept->reals = NULL;
	kept->n_drop_sources = 0;
	kept->n_source_routes = 0;
}

static void service_remove(struct reconcile *r, size_t i)
{
	size_t tail = r->n_services - i - 1;

	memmove(r->services + i, r->services + i + 1, tail * sizeof(*r->services));
	memmove(r->services_more + i, r->services_more + i + 1, tail * sizeof(*r->services_more));
	r->n_services--;
}

/* ---- backoff ---- */

static bool backoff_is_over(const struct backoff *backoff, usec_t now)
{
	return now >= backoff->until;
}

static void backoff_fail(struct reconcile *r, struct backoff *backoff, usec_t now)
{
	backoff->pause = backoff->pause ? backoff->pause * 2 : RECONCILE_BACKOFF_MIN_US;
	if (backoff->pause > RECONCILE_BACKOFF_MAX_US)
		backoff->pause = RECONCILE_BACKOFF_MAX_US;
	backoff->until = now + backoff->pause;
	if (backoff->until < r->retry_at)
		r->retry_at = backoff->until;
}

static void backoff_clear(struct backoff *backoff)
{
	*backoff = (struct backoff){ 0 };
}

/* ---- read-back of the data plane ---- */

static uint32_t pool_of_ring(const struct reconcile *r, uint32_t ring)
{
	if (ring == DATAPLANE_NO_RING)
		return CORE_NONE;
	for (size_t i = 0; i < r->n_pools; i++)
		if (r->pools_more[i].ring == ring)
			return (uint32_t)i;
	return CORE_NONE;
}

/* Services that vanished from the maps are no longer programmed; unknown ones become known. */
static int read_services(struct reconcile *r, struct err *err)
{
	AUTO(freep) struct dataplane_service *list = NULL;
	size_t n = 0, i;
	int ret;

	ret = dataplane_list_services(r->options.dataplane, &list, &n, err);
	if (ret < 0)
		return ret;
	for (i = 0; i < r->n_services; i++)
		r->services[i].programmed = false;
	for (size_t k = 0; k < n; k++) {
		if (service_add(r, &list[k].vip, list[k].proto, list[k].port, &i) < 0)
			return err_set(err, -ENOMEM, "services: %m");
		r->services[i].programmed = true;
		r->services[i].pool = pool_of_ring(r, list[k].ring);
		r->services_more[i].record = list[k];
	}
	return 0;
}

/* NULL when the config has no such service. */
static const struct config_service *config_service_find(const struct reconcile *r,
							const struct observed_service *observed)
{
	uint32_t i = core_vip_find(r->options.core, &observed->vip);
	const struct config_vip *vip = i == CORE_NONE ? NULL : core_vip(r->options.core, i)->config;

	for (size_t s = 0; vip && s < vip->n_services; s++)
		if (vip->services[s].proto == observed->proto &&
		    vip->services[s].port == observed->port)
			return &vip->services[s];
	return NULL;
}

/* The pool that the config gives to a service found in the maps, or CORE_NONE. */
static uint32_t configured_pool(const struct reconcile *r, size_t i)
{
	const struct config_service *service = config_service_find(r, &r->services[i]);

	return service && r->services[i].programmed ? service->pool : CORE_NONE;
}

/* True when a service that belongs to another pool still sends its packets through the ring. */
static bool ring_is_shared(const struct reconcile *r, uint32_t ring, uint32_t pool)
{
	for (size_t i = 0; i < r->n_services; i++) {
		uint32_t other;

		if (r->services_more[i].record.ring != ring)
			continue;
		other = configured_pool(r, i);
		if (other != CORE_NONE && other != pool)
			return true;
	}
	return false;
}

/* Which real indices a ring names, UINT16_MAX + 1 of them; NULL: no such ring, or no memory. */
static bool *ring_names(const struct reconcile *r, uint32_t ring)
{
	const uint32_t *slots = dataplane_ring(r->options.dataplane, ring);
	bool *named = slots ? calloc(UINT16_MAX + 1, sizeof(*named)) : NULL;

	for (uint32_t s = 0; named && s < RING_SLOTS; s++)
		named[slots[s] & 0xffff] = true;
	if (named)
		named[DATAPLANE_NO_REAL] = false;
	return named;
}

/* True when the ring names no real but those of the pool. */
static bool ring_fits(const struct reconcile *r, uint32_t ring, uint32_t pool)
{
	const struct config_pool *config = &core_config(r->options.core)->pools[pool];
	AUTO(freep) bool *named = ring_names(r, ring);

	for (size_t i = 0; named && i < config->n_reals; i++)
		named[dataplane_real_index(r->options.dataplane, &config->reals[i].addr)] = false;
	return named && !memchr(named, true, UINT16_MAX + 1);
}

/*
 * A pool keeps the ring that its programmed services point to; the first service decides. A ring
 * that services of two pools point to, as after one of them was given another pool, goes only to a
 * pool it fits: written in place for the other it would send flows to the wrong reals.
 */
static void claim_rings(struct reconcile *r)
{
	for (size_t i = 0; i < r->n_services; i++) {
		uint32_t ring = r->services_more[i].record.ring, pool;

		if (ring == DATAPLANE_NO_RING || pool_of_ring(r, ring) != CORE_NONE)
			continue;
		pool = configured_pool(r, i);
		if (pool != CORE_NONE && r->pools_more[pool].ring == DATAPLANE_NO_RING &&
		    (!ring_is_shared(r, ring, pool) || ring_fits(r, ring, pool)))
			r->pools_more[pool].ring = ring;
	}
	for (size_t i = 0; i < r->n_services; i++)
		r->services[i].pool = pool_of_ring(r, r->services_more[i].record.ring);
}

/* ---- records found in the maps ---- */

static bool vip_has_services(const struct reconcile *r, const struct prefix *vip)
{
	size_t i = service_position(r, vip, 0, 0);

	for (; i < r->n_services && prefix_eq(&r->services[i].vip, vip); i++)
		if (r->services[i].programmed)
			return true;
	return false;
}

static int reals_make(struct reconcile *r, const struct config_pool *pool, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; i < pool->n_reals && ret == 0; i++) {
		const struct config_real *real = &pool->reals[i];
		uint16_t index;

		ret = dataplane_set_real(r->options.dataplane, &real->addr, real->is_local, &index,
					 err);
	}
	return ret;
}

/*
 * Records whose settings changed, by a reload or while no controller ran, are replaced in place:
 * nothing about them needs a withdrawal. One that cannot be replaced is left to the plan.
 */
static void update_records(struct reconcile *r)
{
	const struct config *config = core_config(r->options.core);
	struct err err;

	for (size_t i = 0; i < r->n_services; i++) {
		const struct config_service *service = config_service_find(r, &r->services[i]);
		struct dataplane_service record = r->services_more[i].record;
		const struct config_pool *pool;

		if (!service || !r->services[i].programmed)
			continue;
		/* What a source route names must be there before the route. */
		pool = &config->pools[service->pool];
		if (service->n_source_routes && reals_make(r, pool, &err) < 0)
			log_warn("reals_set", "pool=%s error=%s", pool->name, LOG_QUOTE(err.text));
		record = dataplane_service_of(&r->services[i].vip, service, pool, record.ring);
		if (dataplane_service_stands(r->options.dataplane, &record))
			continue;
		if (dataplane_set_service(r->options.dataplane, &record, &err) == 0) {
			record_note(r, i, &record);
			continue;
		}
		r->services[i].programmed = false;
		log_warn("service_set", "vip=%s error=%s", PREFIX_STR(&r->services[i].vip),
			 LOG_QUOTE(err.text));
	}
}

static void update_vips(struct reconcile *r)
{
	const struct config *config = core_config(r->options.core);
	struct err err;

	for (size_t v = 0; v < config->n_vips; v++)
		if (vip_has_services(r, &config->vips[v].prefix) &&
		    dataplane_set_vip(r->options.dataplane, &config->vips[v].prefix,
				      config->vips[v].unserved, &err) < 0)
			log_warn("vip_set", "vip=%s error=%s", PREFIX_STR(&config->vips[v].prefix),
				 LOG_QUOTE(err.text));
}

/* ---- rings nobody uses ---- */

static void orphan_add(struct reconcile *r, uint32_t ring)
{
	if (ring == DATAPLANE_NO_RING || pool_of_ring(r, ring) != CORE_NONE)
		return;
	for (size_t i = 0; i < r->n_orphans; i++)
		if (r->orphans[i] == ring)
			return;
	if (grow(&r->orphans, &r->max_orphans, r->n_orphans + 1, sizeof(*r->orphans)) == 0)
		r->orphans[r->n_orphans++] = ring;
}

static bool ring_is_named(const struct reconcile *r, uint32_t ring)
{
	for (size_t i = 0; i < r->n_services; i++)
		if (r->services[i].programmed && r->services_more[i].record.ring == ring)
			return true;
	return pool_of_ring(r, ring) != CORE_NONE;
}

static void collect_rings(struct reconcile *r)
{
	struct err err;

	for (size_t i = 0; i < r->n_orphans;) {
		if (ring_is_named(r, r->orphans[i])) {
			i++;
			continue;
		}
		if (dataplane_ring_del(r->options.dataplane, r->orphans[i], &err) < 0)
			log_warn("ring_del", "ring=%u error=%s", r->orphans[i],
				 LOG_QUOTE(err.text));
		r->orphans[i] = r->orphans[--r->n_orphans];
	}
}

/* Which reals any ring names, for new flows or old ones; NULL when memory is short. */
static bool *named_by_rings(const struct reconcile *r)
{
	bool *named = calloc(UINT16_MAX + 1, sizeof(*named));

	for (size_t i = 0; named && i < r->n_pools + r->n_orphans; i++) {
		uint32_t ring = i < r->n_pools ? r->pools_more[i].ring : r->orphans[i - r->n_pools];
		const uint32_t *slots = ring == DATAPLANE_NO_RING
						? NULL
						: dataplane_ring(r->options.dataplane, ring);

		for (uint32_t s = 0; slots && s < RING_SLOTS; s++)
			named[slots[s] & 0xffff] = named[slots[s] >> 16] = true;
	}
	return named;
}

/* Reals that left the config go once nothing leads to them any more. */
static void collect_reals(struct reconcile *r, usec_t now)
{
	AUTO(freep) bool *named = NULL;
	usec_t next;

	if (lives_watch(r->lives, now, &next))
		named = named_by_rings(r);
	if (named)
		lives_collect(r->lives, now, named);
	if (next < r->retry_at)
		r->retry_at = next;
}

/* ---- observed routes ---- */

static int read_routes(struct reconcile *r)
{
	const struct router *router = r->options.router;
	usec_t at;
	bool is_read = router_life(router) == ROUTER_READY && router_is_read(router, &at) &&
		       at >= r->routes_trusted_from;
	size_t n_vips = core_n_vips(r->options.core), n_found = router_n_routes(router);

	r->routes_are_read = is_read;
	r->n_routes = 0;
	if (grow(&r->routes, &r->max_routes, n_vips + n_found, sizeof(*r->routes)) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < n_found; i++) {
		const struct router_route *found = router_route(router, i);

		r->routes[r->n_routes++] = (struct observed_route){
			.prefix = found->prefix,
			.line = !found->has_line    ? ROUTE_NONE
				: found->is_drained ? ROUTE_DRAIN
						    : ROUTE_ANNOUNCE,
			.attributes_match = found->attributes_match,
			.peers = found->peers,
			.is_read = is_read,
		};
	}
	for (uint32_t i = 0; i < n_vips; i++) {
		const struct prefix *prefix = &core_vip(r->options.core, i)->prefix;

		if (!router_route_find(router, prefix))
			r->routes[r->n_routes++] =
				(struct observed_route){ .prefix = *prefix, .is_read = is_read };
	}
	return 0;
}

static struct observed observed_view(const struct reconcile *r)
{
	return (struct observed){ .pools = r->pools,
				  .n_pools = r->n_pools,
				  .services = r->services,
				  .n_services = r->n_services,
				  .routes = r->routes,
				  .n_routes = r->n_routes,
				  .routes_are_read = r->routes_are_read,
				  .former_forwards =
					  dataplane_is_changing_over(r->options.dataplane) };
}

/* ---- the file `announced` ---- */

static int compare_leases(const void *a, const void *b)
{
	const struct lease_prefix *left = a, *right = b;

	return prefix_cmp(&left->prefix, &right->prefix);
}

/* For announced_find(); mostly they come in order already. */
static void sort_leases(struct lease_prefix *leases, size_t n)
{
	size_t i = 1;

	while (i < n && compare_leases(&leases[i - 1], &leases[i]) <= 0)
		i++;
	if (i < n)
		qsort(leases, n, sizeof(*leases), compare_leases);
}

static const struct lease_prefix *announced_find(const struct reconcile *r,
						 const struct prefix *prefix)
{
	struct lease_prefix key = { .prefix = *prefix };

	if (r->n_announced == 0)
		return NULL;
	return bsearch(&key, r->announced, r->n_announced, sizeof(key), compare_leases);
}

/* The guard answers for what shall be announced and for what may still stand in bgpd. */
static bool guard_answers_for(const struct reconcile *r, const struct core_vip *vip)
{
	const struct router_route *route;

	if (vip->intent != ROUTE_NONE)
		return true;
	if (!r->routes_are_read)
		return announced_find(r, &vip->prefix) != NULL;
	route = router_route_find(r->options.router, &vip->prefix);
	return route && (route->has_line || route->peers > 0);
}

static void lease_fill(const struct core_vip *vip, struct lease_prefix *ret)
{
	static const struct config_vip plain;
	char name[ROUTER_MAP_MAX];

	ret->prefix = vip->prefix;
	snprintf(ret->drain_map, sizeof(ret->drain_map), "%s",
		 router_drain_map_name(vip->config ? vip->config : &plain, name));
}

/* True when the file names just those that the guard answers for, by the maps of this config. */
static bool announced_stands(const struct reconcile *r)
{
	size_t n_vips = core_n_vips(r->options.core), n = 0;

	if (!r->announced_is_written || r->announced_of != core_config(r->options.core))
		return false;
	for (uint32_t i = 0; i < n_vips; i++) {
		const struct core_vip *vip = core_vip(r->options.core, i);

		if (!guard_answers_for(r, vip))
			continue;
		if (!announced_find(r, &vip->prefix))
			return false;
		n++;
	}
	return n == r->n_announced;
}

/* Bring the file in step; the old list stays when it could not be written. */
static int write_announced(struct reconcile *r, struct err *err)
{
	size_t n_vips = core_n_vips(r->options.core), n = 0;
	AUTO(freep) struct lease_prefix *next = NULL;
	int ret;

	if (announced_stands(r))
		return 0;
	next = calloc(n_vips + 1, sizeof(*next));
	if (!next)
		return err_set(err, -ENOMEM, "announced: %m");
	for (uint32_t i = 0; i < n_vips; i++) {
		const struct core_vip *vip = core_vip(r->options.core, i);

		if (guard_answers_for(r, vip))
			lease_fill(vip, &next[n++]);
	}
	sort_leases(next, n);
	ret = lease_write_announced(r->options.run_dir, next, n, err);
	if (ret < 0)
		return ret;
	free(r->announced);
	r->announced = TAKE(next);
	r->n_announced = n;
	r->announced_is_written = true;
	r->announced_of = core_config(r->options.core);
	return 0;
}

/* ---- ops ---- */

static int reals_set(struct reconcile *r, uint32_t pool, struct err *err)
{
	const struct config_pool *config = core_pool(r->options.core, pool)->config;
	uint32_t ring = r->pools_more[pool].ring;
	int ret = reals_make(r, config, err);

	if (ret < 0)
		return ret;
	for (size_t i = 0; r->options.real_programmed && i < config->n_reals; i++)
		r->options.real_programmed(&config->reals[i].addr, r->options.arg);
	if (ring != DATAPLANE_NO_RING)
		ret = dataplane_set_server_ids(r->options.dataplane, ring, config->reals,
					       config->n_reals, err);
	if (ret < 0)
		return ret;
	lives_reals_changed(r->lives);
	r->pools[pool].reals_programmed = true;
	return 0;
}

static bool all_take(const struct core_pool *pool)
{
	for (size_t i = 0; i < pool->config->n_reals; i++)
		if (!pool->reals[i].takes_new_flows && !pool->config->reals[i].is_backup)
			return false;
	return true;
}

/* Slots that are not their base owner's may carry flows that other nodes gave to that one. */
static void ring_seed(struct reconcile *r, uint32_t pool)
{
	const struct core_pool *of = core_pool(r->options.core, pool);
	struct err err;
	int ret;

	if (all_take(of))
		return;
	ret = rings_seed(r->rings, r->pools_more[pool].ring, of, &err);
	if (ret < 0)
		log_warn("ring_seed", "pool=%s error=%s", of->config->name, LOG_QUOTE(err.text));
}

static int ring_set(struct reconcile *r, uint32_t pool, struct err *err)
{
	const struct desired_pool *desired = &core_desired(r->options.core)->pools[pool];
	const struct config_pool *config = core_pool(r->options.core, pool)->config;
	struct pool_more *more = &r->pools_more[pool];
	bool is_new = more->ring == DATAPLANE_NO_RING;
	struct err ignored;
	uint32_t changed;
	int ret = 0;

	lives_carry_out(r->lives); /* transitions rest on it */
	if (is_new) {
		ret = dataplane_ring_new(r->options.dataplane, &more->ring, err);
		if (ret < 0)
			return ret;
	}
	ret = rings_write(r->rings, more->ring, config, desired, &more->written, &changed, err);
	if (ret == -ENOENT)
		r->pools[pool].reals_programmed = false;
	if (ret < 0 && is_new) {
		dataplane_ring_del(r->options.dataplane, more->ring, &ignored);
		more->ring = DATAPLANE_NO_RING;
	}
	if (ret == 0)
		ret = dataplane_set_server_ids(r->options.dataplane, more->ring, config->reals,
					       config->n_reals, err);
	if (ret < 0)
		return ret;
	if (is_new)
		ring_seed(r, pool);
	r->pools[pool].ring_version = desired->version;
	for (size_t i = 0; i < r->n_services; i++)
		if (r->services[i].pool == pool)
			backoff_clear(&r->services_more[i].backoff);
	log_info("ring_set", "pool=%s ring=%u slots_changed=%u", config->name, more->ring, changed);
	return 0;
}

static int service_set(struct reconcile *r, uint32_t index, struct err *err)
{
	uint32_t vip_index;
	const struct core_service *service = core_service(r->options.core, index, &vip_index);
	const struct core_vip *vip = core_vip(r->options.core, vip_index);
	const struct config_pool *pool = core_pool(r->options.core, service->pool)->config;
	struct dataplane_service record = dataplane_service_of(&vip->prefix, service->config, pool,
							       r->pools_more[service->pool].ring);
	size_t i;
	int ret;

	if (service_add(r, &vip->prefix, service->proto, service->port, &i) < 0)
		return err_set(err, -ENOMEM, "services: %m");
	ret = dataplane_set_vip(r->options.dataplane, &vip->prefix, vip->config->unserved, err);
	if (ret < 0)
		return ret;
	ret = dataplane_set_service(r->options.dataplane, &record, err);
	if (ret < 0)
		return ret;
	orphan_add(r, r->services_more[i].record.ring);
	record_note(r, i, &record);
	r->services[i].programmed = true;
	r->services[i].pool = service->pool;
	r->services[i].self_tested = false;
	r->services[i].self_test_failures = 0;
	return 0;
}

/* What failed, or never passed, is tried with every flow. */
static int run_test(struct reconcile *r, size_t i, struct err *err)
{
	const struct dataplane_service *record = &r->services_more[i].record;
	size_t n = TESTS_A_ROUND / (r->n_services + 1);

	if (!r->services[i].self_tested || r->services[i].self_test_failures)
		n = DATAPLANE_TEST_FLOWS;
	n = n < 1 ? 1 : n > DATAPLANE_TEST_FLOWS ? DATAPLANE_TEST_FLOWS : n;
	return dataplane_self_test_some(r->options.dataplane, record, r->services_more[i].round++,
					(unsigned)n, err);
}

static int service_test(struct reconcile *r, size_t i, usec_t now, struct err *err)
{
	struct observed_service *observed = &r->services[i];
	int ret = run_test(r, i, err);

	r->services_more[i].tested_at = now;
	if (ret == 0) {
		observed->self_tested = true;
		observed->self_test_failures = 0;
		return 0;
	}
	observed->self_test_failures++;
	if (observed->self_test_failures >= 2)
		observed->self_tested = false; /* once may be a ring just being written */
	return ret;
}

static int service_del(struct reconcile *r, size_t i, struct err *err)
{
	struct prefix vip = r->services[i].vip;
	int ret;

	ret = dataplane_del_service(r->options.dataplane, &vip, r->services[i].proto,
				    r->services[i].port, err);
	if (ret < 0 && ret != -ENOENT)
		return ret;
	orphan_add(r, r->services_more[i].record.ring);
	service_remove(r, i);
	if (vip_has_services(r, &vip))
		return 0;
	ret = dataplane_del_vip(r->options.dataplane, &vip, err);
	return ret == -ENOENT ? 0 : ret;
}

static int ring_del(struct reconcile *r, uint32_t pool, struct err *err)
{
	uint32_t ring = r->pools_more[pool].ring;
	int ret = 0;

	if (ring != DATAPLANE_NO_RING)
		ret = dataplane_ring_del(r->options.dataplane, ring, err);
	if (ret < 0 && ret != -ENOENT)
		return ret;
	r->pools_more[pool].ring = DATAPLANE_NO_RING;
	rings_written_fini(&r->pools_more[pool].written);
	r->pools[pool].ring_version = 0;
	r->pools[pool].reals_programmed = false;
	return 0;
}

/* The observed entry of a core service, or SIZE_MAX. */
static size_t service_entry(const struct reconcile *r, uint32_t index)
{
	uint32_t vip;
	const struct core_service *service = core_service(r->options.core, index, &vip);

	return service_find(r, &core_vip(r->options.core, vip)->prefix, service->proto,
			    service->port);
}

/* What an op is about, for the log. */
static const char *op_subject(const struct reconcile *r, const struct op *op, char *buf,
			      size_t size)
{
	const struct core *core = r->options.core;
	const struct core_service *service;
	uint32_t vip;

	switch (op->kind) {
	case OP_REALS_SET:
	case OP_RING_SET:
	case OP_RING_DEL:
		snprintf(buf, size, "pool=%s", core_pool(core, op->index)->config->name);
		break;
	case OP_SERVICE_SET:
	case OP_SELF_TEST:
	case OP_SERVICE_DEL:
		service = core_service(core, op->index, &vip);
		snprintf(buf, size, "vip=%s proto=%u port=%u",
			 PREFIX_STR(&core_vip(core, vip)->prefix), service->proto, service->port);
		break;
	case OP_ROUTE_ANNOUNCE:
	case OP_ROUTE_DRAIN:
	case OP_ROUTE_WITHDRAW:
		snprintf(buf, size, "vip=%s", PREFIX_STR(&core_vip(core, op->index)->prefix));
		break;
	}
	return buf;
}

/* none stands in for a service that has no entry: one deleted a moment ago. */
static struct backoff *op_backoff(struct reconcile *r, const struct op *op, struct backoff *none)
{
	size_t i;

	switch (op->kind) {
	case OP_REALS_SET:
	case OP_RING_SET:
	case OP_RING_DEL:
		return &r->pools_more[op->index].backoff;
	case OP_SERVICE_SET:
	case OP_SELF_TEST:
	case OP_SERVICE_DEL:
		i = service_entry(r, op->index);
		return i == SIZE_MAX ? none : &r->services_more[i].backoff;
	case OP_ROUTE_ANNOUNCE:
	case OP_ROUTE_DRAIN:
	case OP_ROUTE_WITHDRAW:
		return &r->vips[op->index];
	}
	return none;
}

static int service_op(struct reconcile *r, const struct op *op, usec_t now, struct err *err)
{
	size_t i = service_entry(r, op->index);

	if (op->kind == OP_SERVICE_SET)
		return service_set(r, op->index, err);
	if (i == SIZE_MAX)
		return 0;
	return op->kind == OP_SERVICE_DEL ? service_del(r, i, err) : service_test(r, i, now, err);
}

static int route_op(struct reconcile *r, const struct op *op, struct err *err)
{
	const struct core_vip *vip = core_vip(r->options.core, op->index);

	if (op->kind == OP_ROUTE_WITHDRAW) {
		router_withdraw(r->options.router, &vip->prefix);
		return 0;
	}
	if (!announced_find(r, &vip->prefix))
		return err_set(err, -EAGAIN, "the guard does not know of the prefix yet");
	if (op->kind == OP_ROUTE_ANNOUNCE)
		router_announce(r->options.router, vip->config);
	else
		router_drain(r->options.router, vip->config);
	return 0;
}

static int op_run(struct reconcile *r, const struct op *op, usec_t now, struct err *err)
{
	switch (op->kind) {
	case OP_REALS_SET:
		return reals_set(r, op->index, err);
	case OP_RING_SET:
		return ring_set(r, op->index, err);
	case OP_RING_DEL:
		return ring_del(r, op->index, err);
	case OP_SERVICE_SET:
	case OP_SELF_TEST:
	case OP_SERVICE_DEL:
		return service_op(r, op, now, err);
	case OP_ROUTE_ANNOUNCE:
	case OP_ROUTE_DRAIN:
	case OP_ROUTE_WITHDRAW:
		return route_op(r, op, err);
	}
	return -EINVAL;
}

static bool op_is_route(const struct op *op)
{
	return op->kind == OP_ROUTE_ANNOUNCE || op->kind == OP_ROUTE_DRAIN ||
	       op->kind == OP_ROUTE_WITHDRAW;
}

/* Returns true when the op changed what is observed, so that another round can go on from it. */
static bool op_carry_out(struct reconcile *r, const struct op *op, usec_t now)
{
	struct backoff none = { 0 }, *backoff = op_backoff(r, op, &none);
	char subject[128];
	struct err err = { "" };

	if (!backoff_is_over(backoff, now)) {
		if (backoff->until < r->retry_at)
			r->retry_at = backoff->until;
		return false;
	}
	op_subject(r, op, subject, sizeof(subject));
	r->stats.ops++;
	if (op_run(r, op, now, &err) < 0) {
		r->stats.failures++;
		backoff_fail(r, op_backoff(r, op, &none), now);
		snprintf(r->stats.last_failure, sizeof(r->stats.last_failure), "%s %s: %.99s",
			 op_kind_str(op->kind), subject, err.text);
		log_warn("op_failed", "op=%s %s error=%s", op_kind_str(op->kind), subject,
			 LOG_QUOTE(err.text));
		return false;
	}
	backoff_clear(op_backoff(r, op, &none));
	log_debug("op", "op=%s %s", op_kind_str(op->kind), subject);
	return !op_is_route(op);
}

/* ---- periodic proof ---- */

/* Its ring names somebody: reals that take new flows, or those of the ring that is held. */
static bool pool_takes_flows(const struct reconcile *r, uint32_t pool)
{
	const struct desired_pool *desired = &core_desired(r->options.core)->pools[pool];
	size_t n = core_pool(r->options.core, pool)->config->n_reals;

	for (size_t i = 0; i < n; i++)
		if (desired->takes_new_flows[i])
			return true;
	return core_pool(r->options.core, pool)->override == POOL_OVERRIDE_HOLD;
}

/* Test again what passed some time ago; an empty ring has nothing to prove. */
static void retest_services(struct reconcile *r, usec_t now)
{
	struct err err;

	for (size_t i = 0; i < r->n_services; i++) {
		struct observed_service *observed = &r->services[i];
		usec_t due = r->services_more[i].tested_at +
			     (observed->self_test_failures ? USEC_PER_SEC : RECONCILE_SELF_TEST_US);

		if (!observed->programmed || !observed->self_tested ||
		    observed->pool == CORE_NONE || !pool_takes_flows(r, observed->pool))
			continue;
		if (now >= due && service_test(r, i, now, &err) < 0)
			log_warn("self_test", "vip=%s proto=%u port=%u error=%s",
				 PREFIX_STR(&observed->vip), observed->proto, observed->port,
				 LOG_QUOTE(err.text));
		due = r->services_more[i].tested_at +
		      (observed->self_test_failures ? USEC_PER_SEC : RECONCILE_SELF_TEST_US);
		if (due < r->retry_at)
			r->retry_at = due;
	}
}

/* ---- what somebody else changed ---- */

/* The pool whose ring stands as desired, so that its slots can be told; CORE_NONE: nobody knows. */
static uint32_t mendable_pool(const struct reconcile *r, uint32_t ring)
{
	uint32_t pool = pool_of_ring(r, ring);

	if (pool == CORE_NONE || !pool_takes_flows(r, pool) ||
	    core_pool(r->options.core, pool)->override == POOL_OVERRIDE_HOLD ||
	    r->pools[pool].ring_version != core_desired(r->options.core)->pools[pool].version)
		return CORE_NONE;
	return pool;
}

static void mend_ring(struct reconcile *r, uint32_t ring)
{
	uint32_t pool = mendable_pool(r, ring), changed = 0;
	const char *name = pool == CORE_NONE ? "-" : core_pool(r->options.core, pool)->config->name;
	struct err err = { "" };
	int ret;

	if (pool == CORE_NONE)
		ret = dataplane_ring_mend(r->options.dataplane, ring, NULL, &changed, &err);
	else
		ret = rings_mend(r->rings, ring, core_pool(r->options.core, pool)->config,
				 &core_desired(r->options.core)->pools[pool], &changed, &err);
	if (ret < 0)
		log_warn("repair", "kind=ring ring=%u pool=%s error=%s", ring, name,
			 LOG_QUOTE(err.text));
	else
		log_warn("repair", "kind=ring ring=%u pool=%s slots=%u", ring, name, changed);
}

static void on_mended(const struct dataplane_mended *mended, void *arg)
{
	static const enum repair_kind kinds[] = {
		[DATAPLANE_PART_TABLE] = REPAIR_TABLE,
		[DATAPLANE_PART_RULES] = REPAIR_RULES,
		[DATAPLANE_PART_RING] = REPAIR_RING,
		[DATAPLANE_PART_PIN] = REPAIR_PIN,
	};
	struct reconcile *r = arg;

	repairs_add(r->options.repairs, kinds[mended->part], 1);
	if (mended->part == DATAPLANE_PART_RING)
		mend_ring(r, mended->ring);
	else
		log_warn("repair", "kind=%s what=%s changed=%u",
			 repair_kind_str(kinds[mended->part]), mended->what, mended->n);
}

void reconcile_mend(struct reconcile *r)
{
	dataplane_mend(r->options.dataplane, on_mended, r);
}

static void log_overrides(struct reconcile *r)
{
	for (uint32_t i = 0; i < r->n_pools; i++) {
		const struct core_pool *pool = core_pool(r->options.core, i);
		enum pool_override *logged = &r->pools_more[i].override;

		if (pool->override == *logged)
			continue;
		if (pool->override == POOL_OVERRIDE_NONE)
			log_notice("override", "pool=%s name=none was=%s", pool->config->name,
				   pool_override_str(*logged));
		else
			log_warn("override", "pool=%s name=%s kept=%u hint=%s", pool->config->name,
				 pool_override_str(pool->override), pool->n_kept,
				 LOG_QUOTE(pool_override_sentence(pool->override)));
		*logged = pool->override;
	}
}

/* ---- the pass ---- */

static int ensure_sizes(struct reconcile *r)
{
	size_t n_vips = core_n_vips(r->options.core);
	size_t n_ops = 3 * r->n_pools + 3 * core_desired(r->options.core)->n_services + n_vips;

	if (grow(&r->ops, &r->max_ops, n_ops + 1, sizeof(*r->ops)) < 0)
		return -ENOMEM;
	if (n_vips > r->n_vips) {
		struct backoff *vips = realloc(r->vips, n_vips * sizeof(*vips));

		if (!vips)
			return -ENOMEM;
		memset(vips + r->n_vips, 0, (n_vips - r->n_vips) * sizeof(*vips));
		r->vips = vips;
		r->n_vips = n_vips;
	}
	return 0;
}

/* Tell the core what is there; its tables may grow by leaving records. */
static int observe(struct reconcile *r, usec_t now, struct observed *ret)
{
	struct core_event event = { .kind = CORE_EVENT_OBSERVED, .now = now };

	if (read_routes(r) < 0)
		return -ENOMEM;
	*ret = observed_view(r);
	event.observed = ret;
	core_step(r->options.core, &event);
	return ensure_sizes(r);
}

static size_t round_run(struct reconcile *r, usec_t now, bool *ret_progress)
{
	struct observed observed;
	struct err err = { "" };
	size_t n;

	*ret_progress = false;
	if (observe(r, now, &observed) < 0) {
		log_err("pass", "error=\"out of memory\"");
		return 1;
	}
	if (write_announced(r, &err) == 0)
		r->announced_failed = false;
	else if (!r->announced_failed) {
		r->announced_failed = true;
		log_warn("announced",
			 "error=%s hint=\"nothing new is announced until it can be "
			 "written\"",
			 LOG_QUOTE(err.text));
	}
	lives_carry_out(r->lives);
	n = core_plan(r->options.core, &observed, r->ops, r->max_ops);
	r->maps_are_filled = true;
	for (size_t i = 0; i < n; i++)
		r->maps_are_filled &= op_is_route(&r->ops[i]);
	for (size_t i = 0; i < n; i++)
		if (op_carry_out(r, &r->ops[i], now))
			*ret_progress = true;
	return n;
}

/* Once a second until a read-back can be trusted again. */
static void ask_read_back(struct reconcile *r, usec_t now)
{
	if (r->routes_are_read || router_life(r->options.router) != ROUTER_READY ||
	    now < r->routes_trusted_from || now < r->read_asked_at + USEC_PER_SEC)
		return;
	r->read_asked_at = now;
	router_read_back(r->options.router);
}

void reconcile_distrust_routes(struct reconcile *r, usec_t until)
{
	r->routes_trusted_from = until;
	r->routes_are_read = false;
	r->is_settled = false;
}

bool reconcile_routes_are_read(const struct reconcile *r)
{
	return r->routes_are_read;
}

usec_t reconcile_pass(struct reconcile *r, usec_t now)
{
	bool progress = true;
	struct err err;
	size_t left = 0;

	r->stats.passes++;
	r->planned_at = now;
	r->retry_at = USEC_NEVER;
	if (now >= r->read_back_at) {
		if (read_services(r, &err) < 0)
			log_warn("read_back", "error=%s", LOG_QUOTE(err.text));
		update_records(r);
		r->read_back_at = now + RECONCILE_READ_BACK_US;
	}
	for (unsigned i = 0; i < ROUNDS_MAX && progress; i++)
		left = round_run(r, now, &progress);
	log_overrides(r);
	retest_services(r, now);
	ask_read_back(r, now);
	r->is_settled = left == 0 && !router_is_busy(r->options.router) &&
			(r->routes_are_read || router_life(r->options.router) != ROUTER_READY);
	if (r->is_settled) {
		collect_rings(r);
		collect_reals(r, now);
	}
	return r->retry_at;
}

bool reconcile_is_settled(const struct reconcile *r)
{
	return r->is_settled;
}

bool reconcile_maps_are_filled(const struct reconcile *r)
{
	return r->maps_are_filled;
}

usec_t reconcile_planned_at(const struct reconcile *r)
{
	return r->planned_at;
}

const struct reconcile_stats *reconcile_stats(const struct reconcile *r)
{
	return &r->stats;
}

uint32_t reconcile_ring(const struct reconcile *r, uint32_t pool)
{
	return pool < r->n_pools ? r->pools_more[pool].ring : DATAPLANE_NO_RING;
}

const struct lives *reconcile_lives(const struct reconcile *r)
{
	return r->lives;
}

/* ---- life ---- */

static int alloc_pools(size_t n, struct observed_pool **ret_pools, struct pool_more **ret_more)
{
	struct observed_pool *pools = calloc(n + 1, sizeof(*pools));
	struct pool_more *more = calloc(n + 1, sizeof(*more));

	if (!pools || !more) {
		free(pools);
		free(more);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++)
		more[i].ring = DATAPLANE_NO_RING;
	*ret_pools = pools;
	*ret_more = more;
	return 0;
}

static void free_pools(struct observed_pool *pools, struct pool_more *more, size_t n)
{
	for (size_t i = 0; more && i < n; i++)
		rings_written_fini(&more[i].written);
	free(pools);
	free(more);
}

/* A real that owns slots of an adopted ring took new flows when the ring was written. */
static void adopt_rings(struct reconcile *r)
{
	for (uint32_t p = 0; p < r->n_pools; p++) {
		const struct config_pool *pool = core_pool(r->options.core, p)->config;
		AUTO(freep) bool *named = NULL;

		if (r->pools_more[p].ring != DATAPLANE_NO_RING)
			named = ring_names(r, r->pools_more[p].ring);
		if (!named)
			continue;
		for (uint32_t i = 0; i < pool->n_reals; i++)
			core_adopt_real(r->options.core, p, i,
					named[dataplane_real_index(r->options.dataplane,
								   &pool->reals[i].addr)]);
	}
}

/* What an earlier run announced stays in the file until the router has been read. */
static void adopt_announced(struct reconcile *r)
{
	struct err err;

	if (lease_read_announced(r->options.run_dir, &r->announced, &r->n_announced, &err) < 0) {
		r->announced = NULL;
		r->n_announced = 0;
	}
	sort_leases(r->announced, r->n_announced);
}

int reconcile_new(const struct reconcile_options *options, struct reconcile **ret, struct err *err)
{
	struct reconcile *r = calloc(1, sizeof(*r));
	const struct lives_options lives = { .core = options->core,
					     .dataplane = options->dataplane,
					     .real_deleted = options->real_deleted,
					     .arg = options->arg };
	int code;

	if (!r)
		return err_set(err, -ENOMEM, "reconciler: %m");
	r->options = *options;
	r->n_pools = core_n_pools(options->core);
	code = alloc_pools(r->n_pools, &r->pools, &r->pools_more);
	if (code == 0)
		code = lives_new(&lives, &r->lives, err);
	if (code == 0) {
		r->rings = rings_new(options->dataplane);
		code = r->rings ? 0 : err_set(err, -ENOMEM, "reconciler: %m");
	}
	if (code == 0)
		code = read_services(r, err);
	if (code < 0) {
		reconcile_free(r);
		return code;
	}
	claim_rings(r);
	update_records(r);
	update_vips(r);
	adopt_rings(r);
	adopt_announced(r);
	lives_config_changed(r->lives);
	*ret = r;
	return 0;
}

void reconcile_free(struct reconcile *r)
{
	if (!r)
		return;
	lives_free(r->lives);
	rings_free(r->rings);
	free_pools(r->pools, r->pools_more, r->n_pools);
	free(r->services);
	free(r->services_more);
	free(r->routes);
	free(r->vips);
	free(r->ops);
	free(r->announced);
	free(r->orphans);
	free(r);
}

/* Entries of services that never were programmed and are no longer wanted. */
static void forget_unprogrammed(struct reconcile *r)
{
	for (size_t i = r->n_services; i-- > 0;)
		if (!r->services[i].programmed && !config_service_find(r, &r->services[i]))
			service_remove(r, i);
}

int reconcile_reload(struct reconcile *r, struct err *err)
{
	struct observed_pool *old_pools = r->pools;
	struct pool_more *old_more = r->pools_more;
	size_t n_old = r->n_pools, n = core_n_pools(r->options.core);

	if (alloc_pools(n, &r->pools, &r->pools_more) < 0) {
		r->pools = old_pools;
		r->pools_more = old_more;
		return err_set(err, -ENOMEM, "reconciler: %m");
	}
	r->n_pools = n;
	claim_rings(r);
	for (size_t i = 0; i < n_old; i++)
		orphan_add(r, old_more[i].ring);
	free_pools(old_pools, old_more, n_old);
	rings_config_changed(r->rings, core_config(r->options.core));
	if (r->vips)
		memset(r->vips, 0, r->n_vips * sizeof(*r->vips));
	forget_unprogrammed(r);
	update_records(r);
	update_vips(r);
	lives_config_changed(r->lives);
	r->read_back_at = 0;
	return 0;
}
