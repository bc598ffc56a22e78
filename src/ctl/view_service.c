/* SPDX-License-Identifier: Apache-2.0 */
/* view_service.c - VIPs, pools and reals as JSON. */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "frr-integration/router.h"
#include "src/ctl/list.h"
#include "src/ctl/view.h"
#include "src/dataplane/dataplane.h"
#include "src/net/net.h"

/* ---- VIPs ---- */

static const char *proto_str(uint8_t proto)
{
	return proto == IPPROTO_TCP ? "tcp" : "udp";
}

static json_t *view_service(const struct view *view, const struct core_vip *vip,
			    const struct core_service *service)
{
	const struct core_pool *pool =
		service->pool == CORE_NONE ? NULL : core_pool(view->daemon->core, service->pool);
	struct dataplane_count count = { 0 };
	char text[CONFIG_SERVICE_TEXT_MAX];
	uint64_t opened = 0;

	service_print(&vip->prefix, service->proto, service->port, text);
	dataplane_service_opened(view->daemon->dataplane, &vip->prefix, service->proto,
				 service->port, &opened);
	dataplane_counts_service(view->daemon->dataplane, view_counts(view), &vip->prefix,
				 service->proto, service->port, &count);
	return json_pack("{s:s, s:s, s:i, s:s?, s:b, s:b, s:I, s:I, s:I}", "service", text, "proto",
			 proto_str(service->proto), "port", (int)service->port, "pool",
			 pool ? pool->config->name : NULL, "is_programmed", service->is_programmed,
			 "is_self_tested", service->is_self_tested, "packets",
			 (json_int_t)count.packets, "bytes", (json_int_t)count.bytes, "opened",
			 (json_int_t)opened);
}

static json_t *vip_pool(const struct core_pool *pool)
{
	return json_pack("{s:s, s:i, s:i, s:i, s:b, s:b, s:b}", "name", pool->config->name,
			 "usable", (int)pool_usable(pool), "total", (int)pool_total(pool), "need",
			 (int)pool_need(pool), "has_quorum", pool->has_quorum, "is_judged",
			 pool->is_judged, "is_on_backups", pool_is_on_backups(pool));
}

/* True when an earlier service of the VIP has the same pool. */
static bool is_named_before(const struct core_vip *vip, size_t service)
{
	for (size_t i = 0; i < service; i++)
		if (vip->services[i].pool == vip->services[service].pool)
			return true;
	return false;
}

json_t *view_vip(const struct view *view, const struct core_vip *vip, enum view_detail detail)
{
	json_t *services = json_array(), *pools = json_array(), *object;

	for (size_t i = 0; i < vip->n_services; i++) {
		const struct core_service *service = &vip->services[i];

		if (detail == VIEW_FULL)
			json_array_append_new(services, view_service(view, vip, service));
		if (service->pool != CORE_NONE && !is_named_before(vip, i))
			json_array_append_new(
				pools, vip_pool(core_pool(view->daemon->core, service->pool)));
	}
	object = json_pack("{s:s, s:s, s:s, s:s, s:s}", "name", VIP_NAME(vip), "prefix",
			   PREFIX_STR(&vip->prefix), "state", vip_state_str(vip->state), "reason",
			   vip_reason_str(vip->reason), "sentence",
			   vip_reason_sentence(vip->reason));
	view_set_since(object, view, vip->since);
	json_object_set_new(object, "intent", json_string(route_intent_str(vip->intent)));
	json_object_set_new(object, "peers", json_integer(vip->peers));
	json_object_set_new(object, "pps", json_integer((json_int_t)vip->pps));
	json_object_set_new(object, "is_leaving", json_boolean(!vip->config));
	json_object_set_new(object, "is_drained", json_boolean(vip->is_drained));
	json_object_set_new(object, "drain", view_drain(view, vip->is_drained, &vip->drain));
	json_object_set_new(object, "order", view_vip_order(view, vip));
	json_object_set_new(object, "is_overridden", json_boolean(vip->is_overridden));
	json_object_set_new(object, "overrides", json_integer((json_int_t)vip->n_overrides));
	json_object_set_new(object, "is_drain_stuck", json_boolean(vip->is_drain_stuck));
	json_object_set_new(object, "flaps", json_integer(vip->flaps));
	json_object_set_new(
		object, "held_for_s",
		vip->held_until > view->now
			? json_real((double)(vip->held_until - view->now) / (double)USEC_PER_SEC)
			: json_null());
	json_object_set_new(object, "pools", pools);
	if (detail == VIEW_FULL)
		json_object_set_new(object, "route", view_route(view, vip));
	if (detail == VIEW_FULL)
		json_object_set_new(object, "services", json_incref(services));
	json_decref(services);
	return object;
}

static size_t one_group(const struct view *view)
{
	(void)view;
	return 1;
}

static size_t n_vips(const struct view *view, size_t group)
{
	(void)group;
	return core_n_vips(view->daemon->core);
}

/* Records of VIPs that left may have gone since they were counted. */
static json_t *vip_row(const struct view *view, size_t group, size_t i)
{
	const struct core_vip *vip = core_vip(view->daemon->core, (uint32_t)i);

	(void)group;
	return vip ? view_vip(view, vip, VIEW_FULL) : NULL;
}

static bool vip_span(const struct view *view, const char *name, struct list_span *ret,
		     struct err *err)
{
	uint32_t vip = find_vip(view->daemon->core, name);

	if (vip == CORE_NONE)
		return find_nothing(view, "VIP", name, err);
	*ret = (struct list_span){ 0, vip, vip + 1 };
	return true;
}

const struct list_kind list_vips = {
	.key = "vips",
	.n_groups = one_group,
	.n_rows = n_vips,
	.row = vip_row,
	.find = vip_span,
};

/* ---- pools ---- */

static json_t *check_names(const struct view *view, const struct config_pool *pool)
{
	const struct config *config = core_config(view->daemon->core);
	json_t *checks = json_array();

	for (size_t i = 0; i < pool->n_checks; i++)
		json_array_append_new(checks, json_string(config->checks[pool->checks[i]].name));
	return checks;
}

/* How many slots of the pool's ring remember where they led before; null without a ring. */
static json_t *slots_in_transition(const struct view *view, uint32_t pool)
{
	struct dataplane_transition t;
	json_t *slots;

	if (!view->daemon->transition(view->daemon->daemon, pool, &t))
		return json_null();
	slots = json_pack("{s:i, s:i, s:i}", "total", (int)RING_SLOTS, "moving", (int)t.moving,
			  "settling", (int)t.settling);
	view_set_since(slots, view, t.moving || t.settling ? t.changed_us : 0);
	return slots;
}

/* null, or the rule by which the pool goes on against its checks. */
static json_t *view_override(const struct view *view, const struct core_pool *pool)
{
	json_t *object;

	if (pool->override == POOL_OVERRIDE_NONE)
		return json_null();
	object = json_pack("{s:s, s:s, s:i}", "name", pool_override_str(pool->override), "sentence",
			   pool_override_sentence(pool->override), "kept", (int)pool->n_kept);
	view_set_since(object, view, pool->override_since);
	return object;
}

json_t *view_pool(const struct view *view, uint32_t index)
{
	const struct core_pool *pool = core_pool(view->daemon->core, index);
	const struct config_pool *config = pool->config;
	json_int_t states[REAL_STATE_MAX] = { 0 };
	json_t *object;

	for (size_t i = 0; i < config->n_reals; i++)
		states[pool->reals[i].state]++;
	object = json_pack("{s:s, s:b, s:b, s:b, s:i, s:b, s:i, s:i, s:{s:i, s:i}}", "name",
			   config->name, "has_quorum", pool->has_quorum, "is_judged",
			   pool->is_judged, "is_held", pool->is_held, "usable",
			   (int)pool_usable(pool), "is_on_backups", pool_is_on_backups(pool),
			   "total", (int)pool_total(pool), "need", (int)pool_need(pool), "quorum",
			   "return", (int)config->quorum_return, "stay", (int)config->quorum_stay);
	json_object_set_new(object, "up", json_integer(states[REAL_UP]));
	json_object_set_new(object, "down", json_integer(states[REAL_DOWN]));
	json_object_set_new(object, "unknown", json_integer(states[REAL_UNKNOWN]));
	json_object_set_new(object, "taken_out", json_integer(pool->n_ordered));
	json_object_set_new(object, "floor_missed",
			    pool->floor_missed ? json_integer(pool->floor_missed) : json_null());
	json_object_set_new(object, "encap", json_string(config_encap_str(config->encap)));
	json_object_set_new(object, "checks", check_names(view, config));
	json_object_set_new(object, "override", view_override(view, pool));
	json_object_set_new(object, "overrides", json_integer((json_int_t)pool->n_overrides));
	view_set_since(object, view, pool->quorum_since);
	json_object_set_new(object, "slots", slots_in_transition(view, index));
	json_object_set_new(object, "watch", view_watch(view, index));
	return object;
}

static size_t n_pools(const struct view *view, size_t group)
{
	(void)group;
	return core_n_pools(view->daemon->core);
}

static json_t *pool_row(const struct view *view, size_t group, size_t i)
{
	json_t *object = view_pool(view, (uint32_t)i);

	(void)group;
	json_object_set_new(object, "latency", view_latency(view, (uint32_t)i));
	return object;
}

static bool pool_span(const struct view *view, const char *name, struct list_span *ret,
		      struct err *err)
{
	uint32_t pool = find_pool(view->daemon->core, name);

	if (pool == CORE_NONE)
		return find_nothing(view, "pool", name, err);
	*ret = (struct list_span){ 0, pool, pool + 1 };
	return true;
}

const struct list_kind list_pools = {
	.key = "pools",
	.n_groups = one_group,
	.n_rows = n_pools,
	.row = pool_row,
	.find = pool_span,
};

/* ---- reals ---- */

json_t *view_next_hops(const struct view *view, const struct addr *real)
{
	const struct config_node *node = &core_config(view->daemon->core)->node;
	json_t *hops = json_array();

	for (uint32_t i = 0; i < node->n_uplinks; i++) {
		const struct net_next_hop *hop = net_next_hop(view->daemon->net, i, real);
		char mac[18] = "";

		if (!hop)
			continue;
		if (hop->usable)
			snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", hop->mac[0],
				 hop->mac[1], hop->mac[2], hop->mac[3], hop->mac[4], hop->mac[5]);
		json_array_append_new(hops,
				      json_pack("{s:s, s:b, s:s, s:s}", "uplink", node->uplinks[i],
						"is_usable", hop->usable, "mac", mac, "why",
						hop->usable || !hop->why ? "" : hop->why));
	}
	return hops;
}

/* What becomes of its flows. */
static json_t *view_life(const struct view *view, const struct core_real *real)
{
	json_t *flows = json_pack("{s:s, s:s, s:s}", "life", real_life_str(real->life), "reason",
				  life_reason_str(real->life_reason), "sentence",
				  life_reason_sentence(real->life_reason));

	view_set_since(flows, view, real->life_since);
	return flows;
}

json_t *view_real(const struct view *view, uint32_t pool_index, uint32_t index)
{
	const struct core_pool *pool = core_pool(view->daemon->core, pool_index);
	const struct core_real *real = &pool->reals[index];
	const struct config_real *config = &pool->config->reals[index];
	struct dataplane_count count = { 0 };
	json_t *object;

	dataplane_counts_real(view->daemon->dataplane, view_counts(view), &config->addr, &count);
	object = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i}", "pool", pool->config->name,
			   "name", config->name, "address", ADDR_STR(&config->addr), "state",
			   real_state_str(real->state), "reason", probe_reason_str(real->reason),
			   "sentence", probe_reason_sentence(real->reason), "evidence",
			   real->evidence, "in_a_row", (int)real->in_a_row);
	view_set_since(object, view, real->since);
	json_object_set_new(object, "order", view_order(view, pool_index, index));
	json_object_set_new(object, "weight", json_integer(config->weight));
	json_object_set_new(object, "is_backup", json_boolean(config->is_backup));
	json_object_set_new(object, "is_local", json_boolean(config->is_local));
	json_object_set_new(object, "has_next_hop", json_boolean(real->has_next_hop));
	json_object_set_new(object, "takes_new_flows", json_boolean(real->takes_new_flows));
	json_object_set_new(object, "flows", view_life(view, real));
	json_object_set_new(object, "is_kept", json_boolean(real->is_kept));
	json_object_set_new(object, "share_percent", json_integer(real->share_percent));
	json_object_set_new(object, "next_hops", view_next_hops(view, &config->addr));
	json_object_set_new(object, "packets", json_integer((json_int_t)count.packets));
	json_object_set_new(object, "bytes", json_integer((json_int_t)count.bytes));
	json_object_set_new(object, "syns", view_syns(view, pool_index, index));
	return object;
}

/* Of reals that left the config nobody knows a name any more. */
static json_t *view_removed(const struct view *view, const struct commands_removed *removed)
{
	struct dataplane_count count = { 0 };
	enum dataplane_real_life life;
	bool is_dead = dataplane_real_life(view->daemon->dataplane, &removed->addr, &life) &&
		       life == DATAPLANE_REAL_DEAD;
	json_t *flows = json_pack("{s:s, s:s, s:s}", "life",
				  real_life_str(is_dead ? REAL_DEAD : REAL_LEAVING), "reason",
				  life_reason_str(LIFE_REMOVED), "sentence",
				  life_reason_sentence(LIFE_REMOVED));
	usec_t quiet = removed->quiet_since ? removed->quiet_since : view->now;

	dataplane_counts_real(view->daemon->dataplane, view_counts(view), &removed->addr, &count);
	view_set_since(flows, view, removed->since);
	return json_pack("{s:s, s:o, s:f, s:I, s:I}", "address", ADDR_STR(&removed->addr), "flows",
			 flows, "quiet_s", view_age(view, quiet), "packets",
			 (json_int_t)count.packets, "bytes", (json_int_t)count.bytes);
}

/* A group a pool, and one of those that left. */
static size_t n_real_groups(const struct view *view)
{
	return core_n_pools(view->daemon->core) + 1;
}

static bool is_of_removed(const struct view *view, size_t group)
{
	return group == core_n_pools(view->daemon->core);
}

static size_t n_reals(const struct view *view, size_t group)
{
	const struct commands_context *daemon = view->daemon;
	struct commands_removed removed;
	size_t n = 0;

	if (!is_of_removed(view, group))
		return core_pool(daemon->core, (uint32_t)group)->config->n_reals;
	while (daemon->removed_real(daemon->daemon, n, &removed))
		n++;
	return n;
}

static json_t *reals_path(const struct view *view, size_t group)
{
	return json_pack("[s]", is_of_removed(view, group) ? "removed" : "reals");
}

static json_t *brief_row(const struct view *view, size_t group, size_t i)
{
	const struct commands_context *daemon = view->daemon;
	struct commands_removed removed;

	if (!is_of_removed(view, group))
		return view_real(view, (uint32_t)group, (uint32_t)i);
	return daemon->removed_real(daemon->daemon, i, &removed) ? view_removed(view, &removed)
								 : NULL;
}

static json_t *real_row(const struct view *view, size_t group, size_t i)
{
	json_t *object = brief_row(view, group, i);

	if (object && !is_of_removed(view, group))
		json_object_set_new(object, "checks",
				    view_checks(view, (uint32_t)group, (uint32_t)i));
	return object;
}

static bool real_span(const struct view *view, const char *name, struct list_span *ret,
		      struct err *err)
{
	const struct core *core = view->daemon->core;
	uint32_t pool = find_pool(core, name), real;

	if (pool != CORE_NONE)
		*ret = (struct list_span){ pool, 0, core_pool(core, pool)->config->n_reals };
	else if (find_real(core, name, &pool, &real))
		*ret = (struct list_span){ pool, real, real + 1 };
	else
		return find_nothing(view, "pool or POOL/REAL", name, err);
	return true;
}

static json_t *no_reals(const struct view *view)
{
	return json_pack("{s:[], s:[], s:o}", "reals", "removed", "watches", view_watches(view));
}

const struct list_kind list_reals = {
	.n_groups = n_real_groups,
	.n_rows = n_reals,
	.path = reals_path,
	.row = real_row,
	.find = real_span,
	.rest = no_reals,
};

const struct list_kind list_reals_brief = {
	.n_groups = n_real_groups,
	.n_rows = n_reals,
	.path = reals_path,
	.row = brief_row,
	.find = real_span,
	.rest = no_reals,
};
