/* SPDX-License-Identifier: Apache-2.0 */
/*
 * observe.c - taking over what the reconciler read back, matched by what things are.
 *
 * What is found but unknown becomes a leaving record, and leaving records that have nothing left
 * go; both renumber the records, which is why indices hold only until the next observation.
 */
#include "src/core/internal.h"

static bool routes_are_read(const struct observed *observed)
{
	for (size_t i = 0; i < observed->n_routes; i++)
		if (observed->routes[i].is_read)
			return true;
	return observed->routes_are_read;
}

/* Services are read at once, so one without entry is not there; a route may be unread. */
static void facts_clear(struct records *records, bool routes_read)
{
	for (size_t i = 0; i < records->n_vips; i++) {
		struct vip *vip = &records->vips[i];

		if (routes_read)
			vip->route = (struct observed_route){ .prefix = vip->view.prefix,
							      .is_read = true };
		else
			vip->route.is_read = false;
	}
	for (size_t i = 0; i < records->n_services; i++) {
		records->services[i].is_programmed = false;
		records->services[i].is_self_tested = false;
		records->service_facts[i].observed_pool = CORE_NONE;
		records->service_facts[i].self_test_failures = 0;
	}
}

/* False when it is programmed and has no record yet. */
static bool service_take(const struct core *core, struct records *records,
			 const struct observed_service *from)
{
	uint32_t vip = records_find_vip(&core->tables, records, &from->vip);
	uint32_t i = vip == CORE_NONE ? CORE_NONE
				      : records_find_service(records, vip, from->proto, from->port);

	if (i == CORE_NONE)
		return !from->programmed;
	records->services[i].is_programmed = from->programmed;
	records->services[i].is_self_tested = from->programmed && from->self_tested;
	records->service_facts[i].observed_pool = from->programmed ? from->pool : CORE_NONE;
	records->service_facts[i].self_test_failures = from->self_test_failures;
	return true;
}

/* False when it stands, is ours, and has no record yet. */
static bool route_take(const struct core *core, struct records *records,
		       const struct observed_route *from)
{
	uint32_t vip = records_find_vip(&core->tables, records, &from->prefix);

	if (vip == CORE_NONE)
		return !route_stands(from) ||
		       !config_owns(&core->tables.config->routing, &from->prefix);
	records->vips[vip].route = *from;
	return true;
}

/* Returns whether everything found has its record. */
static bool facts_take(struct core *core, const struct observed *observed)
{
	struct records *records = &core->tables.records;
	bool all_known = true;

	facts_clear(records, routes_are_read(observed));
	for (size_t i = 0; i < observed->n_services; i++)
		all_known &= service_take(core, records, &observed->services[i]);
	for (size_t i = 0; i < observed->n_routes; i++)
		all_known &= route_take(core, records, &observed->routes[i]);
	return all_known;
}

/* Records beside those of the config, which may have to go now. */
static bool any_is_leaving(const struct tables *t)
{
	return t->records.n_vips > t->config->n_vips || t->records.n_services > t->n_services;
}

static void pools_take(struct core *core, const struct observed *observed)
{
	for (size_t i = 0; i < core->tables.config->n_pools; i++)
		core->tables.pools[i].observed =
			i < observed->n_pools ? observed->pools[i] : (struct observed_pool){ 0 };
}

static void records_renew(struct core *core, const struct observed *observed)
{
	struct tables *t = &core->tables;
	struct records former = t->records;

	records_build(t, &t->spare, t, &t->records, observed, core->now);
	t->records = t->spare;
	t->spare = former;
	facts_take(core, observed); /* for the records that are new */
}

void observe(struct core *core, const struct observed *observed)
{
	struct tables *t = &core->tables;

	pools_take(core, observed);
	core->former_forwards = observed->former_forwards;
	if (!facts_take(core, observed) || any_is_leaving(t))
		records_renew(core, observed);
	for (size_t i = 0; i < t->records.n_vips; i++)
		vip_adopt(core, &t->records.vips[i]);
}

/* The data plane holds the service as desired, with the ring in force. */
bool service_is_proven(const struct core *core, size_t service)
{
	const struct core_service *of = &core->tables.records.services[service];
	const struct service *facts = &core->tables.records.service_facts[service];

	return of->is_programmed && facts->observed_pool == of->pool &&
	       pool_is_in_force(core, of->pool, &core->tables.pools[of->pool].observed);
}
