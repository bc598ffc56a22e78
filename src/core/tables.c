/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tables.c - memory: everything a config needs is allocated here, at start and reload, so that
 * stepping cannot run out. Also the records of VIPs and services, config's and leaving ones.
 *
 * Records come in two copies: when something unknown is observed, or something that left is gone,
 * the spare one is laid out anew and the two change places. What does not fit among the leaving
 * waits until others are gone; the next observation finds it again.
 */
#include "src/core/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool route_stands(const struct observed_route *route)
{
	return route->line != ROUTE_NONE || route->peers > 0;
}

/* ---- records ---- */

static int records_init(struct records *records, size_t max_vips, size_t max_services)
{
	*records = (struct records){
		.vips = calloc(max_vips, sizeof(*records->vips)),
		.max_vips = max_vips,
		.services = calloc(max_services, sizeof(*records->services)),
		.service_facts = calloc(max_services, sizeof(*records->service_facts)),
		.max_services = max_services,
	};
	return records->vips && records->services && records->service_facts ? 0 : -ENOMEM;
}

static void records_fini(struct records *records)
{
	free(records->vips);
	free(records->services);
	free(records->service_facts);
}

/* Config VIPs come first and in the config's order, so their sorted index fits both copies. */
uint32_t records_find_vip(const struct tables *tables, const struct records *records,
			  const struct prefix *prefix)
{
	size_t low = 0, high = tables->config->n_vips;

	while (low < high) {
		size_t middle = (low + high) / 2;
		uint32_t i = tables->vips_by_prefix[middle];
		int cmp = prefix_cmp(&tables->config->vips[i].prefix, prefix);

		if (cmp == 0)
			return i;
		if (cmp < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (size_t i = tables->config->n_vips; i < records->n_vips; i++)
		if (prefix_eq(&records->vips[i].view.prefix, prefix))
			return (uint32_t)i;
	return CORE_NONE;
}

uint32_t records_find_service(const struct records *records, uint32_t vip, uint8_t proto,
			      uint16_t port)
{
	const struct vip *of = &records->vips[vip];

	for (size_t i = of->first_service; i < of->first_service + of->view.n_services; i++)
		if (records->services[i].proto == proto && records->services[i].port == port)
			return (uint32_t)i;
	return CORE_NONE;
}

/* ---- laying records out ---- */

struct layout {
	const struct tables *tables, *from_tables;
	struct records *to;
	const struct records *from;
	usec_t now;
	size_t to_come; /* services of the config that still need their place */
};

static struct vip *vip_append(const struct layout *l, const struct prefix *prefix,
			      const struct config_vip *config)
{
	struct vip *vip = &l->to->vips[l->to->n_vips++];
	uint32_t old = l->from ? records_find_vip(l->from_tables, l->from, prefix) : CORE_NONE;

	if (old != CORE_NONE)
		*vip = l->from->vips[old];
	else
		*vip = (struct vip){
			.view = { .prefix = *prefix,
				  .state = config ? VIP_WITHDRAWN : VIP_WITHDRAWING,
				  .reason = config ? VIP_REASON_STARTING : VIP_REASON_REMOVED,
				  .since = l->now },
			.may_adopt = config && !l->from,
		};
	vip->view.config = config;
	vip->is_ours = config_owns(&l->tables->config->routing, prefix);
	if (!config) {
		vip->view.is_drained = false;
		vip->view.order = VIP_ORDER_NONE;
	}
	return vip;
}

/* A leaving VIP that has nothing left anywhere. */
static bool vip_is_finished(const struct records *from, const struct vip *vip)
{
	const struct core_service *services = &from->services[vip->first_service];

	if (vip->view.config || vip->view.state != VIP_WITHDRAWN)
		return false;
	if (vip->is_ours && route_stands(&vip->route)) /* outside, a line is somebody else's */
		return false;
	for (size_t i = 0; i < vip->view.n_services; i++)
		if (services[i].is_programmed)
			return false;
	return true;
}

static void vip_append_leaving(const struct layout *l, const struct prefix *prefix)
{
	if (records_find_vip(l->tables, l->to, prefix) != CORE_NONE ||
	    l->to->n_vips == l->to->max_vips)
		return;
	vip_append(l, prefix, NULL);
}

static void vips_lay_out(const struct layout *l, const struct observed *observed)
{
	const struct config *config = l->tables->config;

	for (size_t i = 0; i < config->n_vips; i++)
		vip_append(l, &config->vips[i].prefix, &config->vips[i]);
	for (size_t i = 0; l->from && i < l->from->n_vips; i++) {
		struct vip copy = l->from->vips[i];

		if (l->tables != l->from_tables) /* a VIP of the former config */
			copy.view.config = NULL;
		if (!vip_is_finished(l->from, &copy))
			vip_append_leaving(l, &copy.view.prefix);
	}
	for (size_t i = 0; observed && i < observed->n_routes; i++)
		if (route_stands(&observed->routes[i]) &&
		    config_owns(&config->routing, &observed->routes[i].prefix))
			vip_append_leaving(l, &observed->routes[i].prefix);
	for (size_t i = 0; observed && i < observed->n_services; i++)
		if (observed->services[i].programmed)
			vip_append_leaving(l, &observed->services[i].vip);
}

static void service_append(const struct layout *l, uint32_t vip, uint8_t proto, uint16_t port,
			   const struct config_service *config)
{
	size_t i = l->to->n_services;
	size_t reserved = config ? 0 : l->to_come;
	uint32_t old_vip, old = CORE_NONE;

	if (i + reserved >= l->to->max_services ||
	    records_find_service(l->to, vip, proto, port) != CORE_NONE)
		return;
	if (l->from) {
		old_vip = records_find_vip(l->from_tables, l->from, &l->to->vips[vip].view.prefix);
		if (old_vip != CORE_NONE)
			old = records_find_service(l->from, old_vip, proto, port);
	}
	if (old != CORE_NONE) {
		l->to->services[i] = l->from->services[old];
		l->to->service_facts[i] = l->from->service_facts[old];
	} else {
		l->to->services[i] = (struct core_service){ .proto = proto, .port = port };
		l->to->service_facts[i] = (struct service){ .observed_pool = CORE_NONE };
	}
	l->to->services[i].config = config;
	l->to->services[i].pool = config ? config->pool : CORE_NONE;
	l->to->service_facts[i].vip = vip;
	l->to->vips[vip].view.n_services++;
	l->to->n_services++;
}

static void services_append_old(const struct layout *l, uint32_t vip)
{
	const struct prefix *prefix = &l->to->vips[vip].view.prefix;
	uint32_t old = records_find_vip(l->from_tables, l->from, prefix);

	if (old == CORE_NONE)
		return;
	for (size_t i = 0; i < l->from->vips[old].view.n_services; i++) {
		const struct core_service *service =
			&l->from->services[l->from->vips[old].first_service + i];

		if (service->is_programmed)
			service_append(l, vip, service->proto, service->port, NULL);
	}
}

/* What leaves takes no place from what stays: a later VIP's services always fit. */
static void services_lay_out(struct layout *l, uint32_t i, const struct observed *observed)
{
	struct vip *vip = &l->to->vips[i];
	const struct config_vip *config = vip->view.config;

	vip->first_service = l->to->n_services;
	vip->view.services = &l->to->services[vip->first_service];
	vip->view.n_services = 0;
	for (size_t s = 0; config && s < config->n_services; s++)
		service_append(l, i, config->services[s].proto, config->services[s].port,
			       &config->services[s]);
	l->to_come -= config ? config->n_services : 0;
	if (l->from)
		services_append_old(l, i);
	for (size_t s = 0; observed && s < observed->n_services; s++)
		if (observed->services[s].programmed &&
		    prefix_eq(&observed->services[s].vip, &vip->view.prefix))
			service_append(l, i, observed->services[s].proto,
				       observed->services[s].port, NULL);
}

void records_build(const struct tables *tables, struct records *to,
		   const struct tables *from_tables, const struct records *from,
		   const struct observed *observed, usec_t now)
{
	struct layout l = {
		.tables = tables, .from_tables = from_tables, .to = to, .from = from, .now = now
	};

	for (size_t i = 0; i < tables->config->n_vips; i++)
		l.to_come += tables->config->vips[i].n_services;
	to->n_vips = to->n_services = 0;
	vips_lay_out(&l, observed);
	for (uint32_t i = 0; i < to->n_vips; i++)
		services_lay_out(&l, i, observed);
}

/* ---- tables ---- */

struct sizes {
	size_t reals, largest, checks, vips, services;
};

static struct sizes sizes_of(const struct config *config, size_t leaving_vips,
			     size_t leaving_services)
{
	struct sizes sizes = {
		.vips = config->n_vips + leaving_vips + LEAVING_VIPS_MAX,
		.services = leaving_services + LEAVING_SERVICES_MAX,
	};

	for (size_t i = 0; i < config->n_pools; i++) {
		sizes.reals += config->pools[i].n_reals;
		if (config->pools[i].n_reals > sizes.largest)
			sizes.largest = config->pools[i].n_reals;
		sizes.checks += config->pools[i].n_reals * config->pools[i].n_checks;
	}
	for (size_t i = 0; i < config->n_vips; i++)
		sizes.services += config->vips[i].n_services;
	return sizes;
}

/* calloc() that gives memory for nothing, too. */
static void *table(size_t n, size_t size)
{
	return calloc(n ? n : 1, size);
}

static int tables_alloc(struct tables *t, const struct sizes *sizes)
{
	size_t n_pools = t->config->n_pools;
	int r;

	t->pools = table(n_pools, sizeof(*t->pools));
	t->reals = table(sizes->reals, sizeof(*t->reals));
	t->real_facts = table(sizes->reals, sizeof(*t->real_facts));
	t->checks = table(sizes->checks, sizeof(*t->checks));
	t->takes = table(sizes->reals, sizeof(*t->takes));
	t->scratch = table(sizes->largest, sizeof(*t->scratch));
	t->ring_reals = table(sizes->reals, sizeof(*t->ring_reals));
	t->uplinks = table(t->config->node.n_uplinks, sizeof(*t->uplinks));
	t->lookup = config_lookup_new(t->config);
	t->vips_by_prefix = table(t->config->n_vips, sizeof(*t->vips_by_prefix));
	t->desired_pools = table(n_pools, sizeof(*t->desired_pools));
	t->desired_services = table(sizes->services, sizeof(*t->desired_services));
	t->desired_vips = table(sizes->vips, sizeof(*t->desired_vips));
	r = records_init(&t->records, sizes->vips, sizes->services);
	if (r == 0)
		r = records_init(&t->spare, sizes->vips, sizes->services);
	if (!t->pools || !t->reals || !t->real_facts || !t->checks || !t->takes || !t->scratch ||
	    !t->ring_reals || !t->uplinks || !t->lookup || !t->vips_by_prefix ||
	    !t->desired_pools || !t->desired_services || !t->desired_vips)
		return -ENOMEM;
	return r;
}

static int by_prefix(const void *a, const void *b, void *arg)
{
	const struct config *config = arg;
	const uint32_t *x = a, *y = b;

	return prefix_cmp(&config->vips[*x].prefix, &config->vips[*y].prefix);
}

static void vips_sort(struct tables *t)
{
	/* qsort_r() only reads what it passes on. */
	union {
		const struct config *in;
		void *out;
	} config = { .in = t->config };

	for (uint32_t i = 0; i < t->config->n_vips; i++)
		t->vips_by_prefix[i] = i;
	qsort_r(t->vips_by_prefix, t->config->n_vips, sizeof(*t->vips_by_prefix), by_prefix,
		config.out);
}

/* A pool nobody said anything about yet. */
static void pool_init(struct pool *pool, const struct config_pool *config, usec_t now)
{
	pool->view = (struct core_pool){
		.config = config, .reals = pool->reals, .checks = pool->checks, .quorum_since = now
	};
	pool->is_dirty = true;
	pool->held_from = now;
	pool->deadline = USEC_NEVER;
	for (size_t i = 0; i < config->n_reals * config->n_checks; i++)
		pool->checks[i].since = now;
	for (size_t i = 0; i < config->n_reals; i++) {
		bool is_local = config->reals[i].is_local;

		pool->reals[i] = (struct core_real){ .config = &config->reals[i],
						     .since = now,
						     .life_since = now,
						     .has_next_hop = is_local };
		pool->facts[i].next_hop_known = is_local;
		pool->ring[i] = ring_real_of(&config->reals[i]);
		pool->ring[i].takes_new_flows = false;
		pool_judge_real(pool, i, now);
	}
}

static void pools_init(struct tables *t, usec_t now)
{
	size_t real = 0, check = 0;

	for (size_t i = 0; i < t->config->n_pools; i++) {
		const struct config_pool *config = &t->config->pools[i];
		struct pool *pool = &t->pools[i];

		pool->reals = &t->reals[real];
		pool->facts = &t->real_facts[real];
		pool->takes = &t->takes[real];
		pool->ring = &t->ring_reals[real];
		pool->checks = &t->checks[check];
		real += config->n_reals;
		check += config->n_reals * config->n_checks;
		pool_init(pool, config, now);
		t->desired_pools[i].takes_new_flows = pool->takes;
		t->desired_pools[i].ring = pool->ring;
	}
}

int tables_init(struct tables *tables, const struct config *config, size_t leaving_vips,
		size_t leaving_services, usec_t now)
{
	struct sizes sizes = sizes_of(config, leaving_vips, leaving_services);
	int r;

	*tables = (struct tables){ .config = config };
	r = tables_alloc(tables, &sizes);
	if (r < 0) {
		tables_fini(tables);
		return r;
	}
	for (size_t i = 0; i < config->n_vips; i++)
		tables->n_services += config->vips[i].n_services;
	vips_sort(tables);
	pools_init(tables, now);
	return 0;
}

void tables_fini(struct tables *t)
{
	free(t->pools);
	free(t->reals);
	free(t->real_facts);
	free(t->checks);
	free(t->takes);
	free(t->scratch);
	free(t->ring_reals);
	free(t->uplinks);
	config_lookup_free(t->lookup);
	free(t->vips_by_prefix);
	free(t->desired_pools);
	free(t->desired_services);
	free(t->desired_vips);
	records_fini(&t->records);
	records_fini(&t->spare);
}
