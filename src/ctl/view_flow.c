/* SPDX-License-Identifier: Apache-2.0 */
/* view_flow.c - where a packet of a flow goes, from the data plane's own words. */

#include "src/ctl/flow_args.h"
#include "src/ctl/view.h"
#include "src/dataplane/dataplane.h"

json_t *view_address(const struct view *view, uint32_t pool, const struct addr *addr)
{
	const struct core *core = view->daemon->core;
	const struct config_real *real = find_real_addr(core, pool, addr, &pool);

	return json_pack("{s:s?, s:s?, s:s}", "pool",
			 real ? core_pool(core, pool)->config->name : NULL, "real",
			 real ? real->name : NULL, "address", ADDR_STR(addr));
}

static const char *state_str(enum dataplane_slot_state state)
{
	switch (state) {
	case DATAPLANE_STEADY:
		return "steady";
	case DATAPLANE_MOVING:
		return "moving";
	case DATAPLANE_SETTLING:
		return "settling";
	}
	return "unknown";
}

static json_t *view_entry(const struct view *view, uint32_t pool,
			  const struct dataplane_flow_entry *entry)
{
	json_t *object = view_address(view, pool, &entry->real);

	json_object_set_new(object, "is_programmed", json_boolean(entry->is_programmed));
	json_object_set_new(object, "is_protected", json_boolean(entry->is_protected));
	json_object_set_new(object, "is_stale", json_boolean(entry->is_stale));
	json_object_set_new(object, "age_s", json_real(view_seconds(entry->age_us)));
	return object;
}

/* The service that serves the flow, as the core knows it; *ret_pool its pool. */
static void set_service(json_t *object, const struct view *view, const struct dataplane_flow *flow,
			const struct dataplane_explanation *why, uint32_t *ret_pool)
{
	const struct core *core = view->daemon->core;
	uint32_t index = core_vip_find(core, &why->vip);
	const struct core_vip *vip = index == CORE_NONE ? NULL : core_vip(core, index);
	const struct core_service *service;
	char text[CONFIG_SERVICE_TEXT_MAX];

	*ret_pool = CORE_NONE;
	json_object_set_new(object, "vip",
			    json_string(vip ? VIP_NAME(vip) : PREFIX_STR(&why->vip)));
	if (!why->has_service)
		return;
	service_print(&why->vip, flow->proto, why->service_port, text);
	json_object_set_new(object, "service", json_string(text));
	service = vip ? vip_service(vip, flow->proto, why->service_port) : NULL;
	if (!service || service->pool == CORE_NONE)
		return;
	*ret_pool = service->pool;
	json_object_set_new(object, "pool",
			    json_string(core_pool(core, service->pool)->config->name));
}

static void set_slot(json_t *object, const struct view *view, uint32_t pool,
		     const struct dataplane_explanation *why)
{
	json_object_set_new(object, "slot", json_integer(why->slot));
	json_object_set_new(object, "state", json_string(state_str(why->state)));
	json_object_set_new(object, "cur",
			    why->has_cur ? view_address(view, pool, &why->cur) : json_null());
	json_object_set_new(object, "alt",
			    why->has_alt ? view_address(view, pool, &why->alt) : json_null());
	json_object_set_new(object, "asks_table", json_boolean(why->asks_table));
	json_object_set_new(object, "entry",
			    why->has_entry ? view_entry(view, pool, &why->entry) : json_null());
}

static bool has_next_hop(const json_t *hops)
{
	const json_t *hop;
	size_t i;

	json_array_foreach (hops, i, hop)
		if (json_is_true(json_object_get(hop, "is_usable")))
			return true;
	return false;
}

/* How such a packet ends, in the program's words. */
static const char *outcome_of(const struct dataplane_explanation *why, const json_t *hops,
			      bool is_local)
{
	if (!why->has_vip)
		return "not-a-vip";
	if (!why->has_service)
		return "unserved";
	if (why->is_dropped)
		return "source-dropped";
	if (!why->has_real)
		return "no-real";
	if (!why->is_programmed)
		return "real-gone";
	if (is_local)
		return "local-real";
	return has_next_hop(hops) ? "forwarded" : "no-next-hop";
}

static json_t *describe(const struct view *view, const struct dataplane_flow *flow,
			const struct dataplane_explanation *why)
{
	json_t *object = json_object(), *hops = json_array();
	const struct config_real *real = NULL;
	uint32_t pool = CORE_NONE, real_pool, vip;
	const char *outcome;

	if (why->has_vip)
		set_service(object, view, flow, why, &pool);
	if (why->has_service) {
		set_slot(object, view, pool, why);
		json_object_set_new(object, "why", json_string(why->why));
	}
	if (why->has_service && why->has_real) {
		real = find_real_addr(view->daemon->core, pool, &why->real, &real_pool);
		json_object_set_new(object, "real", view_address(view, pool, &why->real));
		json_decref(hops);
		hops = view_next_hops(view, &why->real);
	}
	outcome = outcome_of(why, hops, real && real->is_local);
	vip = why->has_vip ? core_vip_find(view->daemon->core, &why->vip) : CORE_NONE;
	json_object_set_new(object, "outcome", json_string(outcome));
	json_object_set_new(
		object, "verdict",
		json_string(flow_verdict(
			outcome,
			vip == CORE_NONE ? NULL : core_vip(view->daemon->core, vip)->config)));
	json_object_set_new(object, "next_hops", hops);
	return object;
}

json_t *view_flow(const struct view *view, const json_t *args, struct err *err)
{
	bool is_syn = json_is_true(json_object_get(args, "is_syn"));
	struct dataplane_explanation why;
	struct dataplane_flow flow;
	json_t *object;

	if (flow_args_parse(args, &flow, err) < 0 ||
	    dataplane_explain(view->daemon->dataplane, &flow, is_syn, &why, err) < 0)
		return NULL;
	object = describe(view, &flow, &why);
	json_object_set(object, "proto", json_object_get(args, "proto"));
	json_object_set(object, "source", json_object_get(args, "source"));
	json_object_set(object, "destination", json_object_get(args, "destination"));
	json_object_set_new(object, "is_syn", json_boolean(is_syn));
	return object;
}
