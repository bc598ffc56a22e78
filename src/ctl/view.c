/* SPDX-License-Identifier: Apache-2.0 */
/* view.c - moments, drains, and the status that joins all parts. */
#include "src/ctl/view.h"

#include <string.h>

#include "frr-integration/router.h"
#include "health/prober.h"
#include "src/ctl/list.h"
#include "src/ctl/view_fpm.h"
#include "src/dataplane/dataplane.h"
#include "src/net/net.h"

struct view view_now(const struct commands_context *context)
{
	return (struct view){ .daemon = context, .now = usec_now(), .wall_us = usec_wall() };
}

double view_seconds(usec_t us)
{
	uint64_t ms = us / USEC_PER_MSEC;

	return (double)ms / 1000.0;
}

double view_age(const struct view *view, usec_t since)
{
	return view_seconds(view->now > since ? view->now - since : 0);
}

void view_set_since(json_t *object, const struct view *view, usec_t since)
{
	if (since == 0) {
		json_object_set_new(object, "since_us", json_null());
		json_object_set_new(object, "age_s", json_null());
		return;
	}
	view_set_since_wall(object, view,
			    view->wall_us - (view->now > since ? view->now - since : 0));
}

void view_set_since_wall(json_t *object, const struct view *view, uint64_t since_wall_us)
{
	uint64_t age = view->wall_us > since_wall_us ? view->wall_us - since_wall_us : 0;

	json_object_set_new(object, "since_us", json_integer((json_int_t)since_wall_us));
	json_object_set_new(object, "age_s", json_real(view_seconds(age)));
}

json_t *view_drain(const struct view *view, bool is_drained, const struct core_drain *drain)
{
	bool has_end = is_drained && core_drain_has_end(drain);
	json_t *object;

	if (!is_drained)
		return json_null();
	object = json_pack(
		"{s:s, s:s, s:b, s:o, s:o}", "owner", drain->owner, "reason", drain->reason,
		"is_forced", drain->force, "until_us",
		has_end ? json_integer((json_int_t)drain->until_us) : json_null(), "left_s",
		has_end ? json_real(view_seconds(core_drain_left(drain, view->wall_us, view->now)))
			: json_null());
	view_set_since_wall(object, view, drain->wall_us);
	return object;
}

static json_t *order_until(const struct core_order *order)
{
	if (!order || !core_order_has_end(order))
		return json_null();
	return json_integer((json_int_t)order->until_us);
}

static json_t *order_left(const struct view *view, const struct core_order *order)
{
	if (!order || !core_order_has_end(order))
		return json_null();
	return json_real(view_seconds(core_order_left(order, view->wall_us, view->now)));
}

json_t *view_order(const struct view *view, uint32_t pool, uint32_t real)
{
	const struct commands_context *daemon = view->daemon;
	enum real_order kind = core_pool(daemon->core, pool)->reals[real].order;
	const struct core_order *order = kind ? daemon->order_of(daemon->daemon, pool, real) : NULL;
	json_t *object;

	if (!kind)
		return json_null();
	object = json_pack("{s:s, s:s, s:s, s:o, s:o}", "order", real_order_str(kind), "owner",
			   order ? order->owner : "unknown", "reason", order ? order->reason : "",
			   "until_us", order_until(order), "left_s", order_left(view, order));
	view_set_since_wall(object, view, order ? order->wall_us : 0);
	return object;
}

json_t *view_vip_order(const struct view *view, const struct core_vip *vip)
{
	json_t *object = view_drain(view, vip->order != VIP_ORDER_NONE, &vip->order_by);

	if (!json_is_object(object))
		return object;
	json_object_del(object, "is_forced");
	json_object_set_new(object, "order", json_string(vip_order_str(vip->order)));
	return object;
}

/* Every real that an operator took out. */
static json_t *all_orders(const struct view *view)
{
	const struct core *core = view->daemon->core;
	json_t *list = json_array(), *order;

	for (uint32_t p = 0; p < core_n_pools(core); p++) {
		const struct core_pool *pool = core_pool(core, p);

		for (uint32_t r = 0; pool->n_ordered && r < pool->config->n_reals; r++) {
			if (!pool->reals[r].order)
				continue;
			order = view_order(view, p, r);
			json_object_set_new(order, "pool", json_string(pool->config->name));
			json_object_set_new(order, "real",
					    json_string(pool->config->reals[r].name));
			json_array_append_new(list, order);
		}
	}
	return list;
}

static const char *mode_of(const struct dataplane_uplink *uplink, bool is_attached)
{
	if (!is_attached || !uplink)
		return "none";
	return uplink->is_native ? "native" : "generic";
}

static json_t *view_uplink(const struct view *view, uint32_t i)
{
	struct dataplane *dataplane = view->daemon->dataplane;
	const struct dataplane_uplink *uplink = dataplane_uplink(dataplane, i);
	const struct net_uplink *net = net_uplink(view->daemon->net, i);
	bool is_attached = dataplane_is_attached(dataplane, i);

	return json_pack("{s:s, s:b, s:b, s:b, s:s, s:s, s:i, s:i}", "name",
			 core_config(view->daemon->core)->node.uplinks[i], "is_present",
			 net && net->present, "has_carrier", net && net->has_carrier, "is_attached",
			 is_attached, "mode", mode_of(uplink, is_attached), "generic_why",
			 is_attached && uplink ? uplink->generic_why : "", "ifindex",
			 net ? (int)net->ifindex : 0, "mtu_bytes", net ? (int)net->mtu_bytes : 0);
}

/* Some 1.3 MiB, so kept; a view is of one moment, and another has another. */
const struct dataplane_counts *view_counts(const struct view *view)
{
	static struct dataplane_counts counts;
	static usec_t read_at;

	if (read_at != view->now)
		dataplane_counts_read(view->daemon->dataplane, &counts);
	read_at = view->now;
	return &counts;
}

/* The CPUs that got packets. */
static json_t *view_cpus(const struct dataplane_counts *counts)
{
	json_t *cpus = json_array();

	for (uint32_t i = 0; i < counts->n_cpus; i++) {
		const struct dataplane_cpu *cpu = &counts->cpus[i];

		if (cpu->sent + cpu->passed + cpu->dropped == 0)
			continue;
		json_array_append_new(cpus, json_pack("{s:i, s:I, s:I, s:I}", "cpu", (int)i, "sent",
						      (json_int_t)cpu->sent, "passed",
						      (json_int_t)cpu->passed, "dropped",
						      (json_int_t)cpu->dropped));
	}
	return cpus;
}

json_t *view_dataplane(const struct view *view)
{
	struct dataplane *dataplane = view->daemon->dataplane;
	const struct dataplane_counts *counts = view_counts(view);
	json_t *uplinks = json_array(), *totals = json_object();
	uint64_t value, pps = 0;
	const char *name;

	for (uint32_t i = 0; i < core_config(view->daemon->core)->node.n_uplinks; i++)
		json_array_append_new(uplinks, view_uplink(view, i));
	for (unsigned i = 0; dataplane_totals_at(&counts->totals, i, &name, &value); i++)
		json_object_set_new(totals, name, json_integer((json_int_t)value));
	for (uint32_t i = 0; i < core_n_vips(view->daemon->core); i++)
		pps += core_vip(view->daemon->core, i)->pps;
	return json_pack("{s:b, s:o, s:I, s:o, s:o, s:o}", "is_adopted",
			 dataplane_is_adopted(dataplane), "uplinks", uplinks, "pps",
			 (json_int_t)pps, "totals", totals, "cpus", view_cpus(counts), "capture",
			 view_capture(view));
}

/* NULL where the config has nothing for it. */
static json_t *view_exec(const struct view *view)
{
	const struct prober_life *life = prober_life(view->daemon->prober, PROBER_EXEC);

	if (life->n_targets == 0)
		return NULL;
	return json_pack(
		"{s:b, s:o, s:I}", "is_connected", life->is_connected, "last_verdict_age_s",
		life->last_verdict ? json_real(view_age(view, life->last_verdict)) : json_null(),
		"probes", (json_int_t)life->n_probes);
}

json_t *view_prober(const struct view *view)
{
	const struct core *core = view->daemon->core;
	json_int_t states[REAL_STATE_MAX] = { 0 };
	usec_t last = prober_last_verdict(view->daemon->prober);

	for (uint32_t p = 0; p < core_n_pools(core); p++)
		for (uint32_t r = 0; r < core_pool(core, p)->config->n_reals; r++)
			states[core_pool(core, p)->reals[r].state]++;
	return json_pack("{s:b, s:o, s:I, s:I, s:I, s:I, s:o*}", "is_connected",
			 prober_is_connected(view->daemon->prober), "last_verdict_age_s",
			 last ? json_real(view_age(view, last)) : json_null(), "probes",
			 (json_int_t)prober_n_probes(view->daemon->prober), "up", states[REAL_UP],
			 "down", states[REAL_DOWN], "unknown", states[REAL_UNKNOWN], "exec",
			 view_exec(view));
}

json_t *view_version(const struct view *view)
{
	return json_pack("{s:s, s:s, s:s}", "node", core_config(view->daemon->core)->node.name,
			 "version", SHOAL_VERSION, "generation",
			 core_config(view->daemon->core)->generation);
}

json_t *view_trial(const struct view *view)
{
	struct commands_config state = view->daemon->config_state(view->daemon->daemon);
	bool is_pending = strcmp(state.trial, "pending") == 0;
	json_t *trial;

	if (strcmp(state.trial, "none") == 0)
		return json_null();
	trial = json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:s}", "state", state.trial, "former",
			  state.former, "tried", state.tried, "owner", state.owner, "until_us",
			  is_pending ? json_integer((json_int_t)state.until_wall_us) : json_null(),
			  "left_s",
			  is_pending ? json_real(view_seconds(state.left_us)) : json_null(),
			  "trouble", state.trouble);
	view_set_since_wall(trial, view, state.since_wall_us);
	return trial;
}

static json_t *view_config(const struct view *view)
{
	struct commands_config state = view->daemon->config_state(view->daemon->daemon);
	json_t *config =
		json_pack("{s:s, s:s, s:s, s:i, s:o}", "file", view->daemon->config_file,
			  "file_state", state.file_state, "file_generation", state.file_generation,
			  "file_errors", (int)state.file_errors, "trial", view_trial(view));

	view_set_since_wall(config, view, view->daemon->config_loaded_wall_us);
	return config;
}

static json_t *all_peers(const struct view *view)
{
	const struct router *router = view->daemon->router;
	json_t *peers = json_array();

	for (size_t i = 0; i < router_n_peers(router); i++)
		json_array_append_new(peers, view_peer(view, router_peer(router, i)));
	return peers;
}

static json_t *view_common(const struct view *view)
{
	const struct core_common *common = &core_node(view->daemon->core)->common;
	json_t *object = json_pack("{s:b, s:i, s:I}", "is_in_force", common->since != 0, "pools",
				   (int)common->n_pools, "count", (json_int_t)common->n);

	view_set_since(object, view, common->since);
	return object;
}

json_t *view_repairs(const struct view *view)
{
	const struct commands_context *daemon = view->daemon;
	json_t *repairs = json_object();
	const char *kind;
	uint64_t n;

	for (size_t i = 0; (kind = daemon->repairs(daemon->daemon, i, &n)); i++)
		json_object_set_new(repairs, kind, json_integer((json_int_t)n));
	return repairs;
}

static json_t *status_brief(const struct view *view)
{
	const struct commands_context *daemon = view->daemon;
	const struct core_node *node = core_node(daemon->core);
	json_t *status = view_version(view);

	json_object_set_new(status, "config", view_config(view));
	json_object_set_new(status, "uptime_s", json_real(view_age(view, daemon->started)));
	json_object_set_new(status, "is_settled", json_boolean(daemon->is_settled(daemon->daemon)));
	json_object_set_new(status, "is_drained", json_boolean(node->is_drained));
	json_object_set_new(status, "drain", view_drain(view, node->is_drained, &node->drain));
	json_object_set_new(status, "orders", all_orders(view));
	json_object_set_new(status, "watches", view_watches(view));
	json_object_set_new(status, "is_fenced", json_boolean(node->is_fenced));
	json_object_set_new(status, "common_mode", view_common(view));
	json_object_set_new(status, "alarms", view_alarms(view));
	json_object_set_new(status, "dataplane", view_dataplane(view));
	json_object_set_new(status, "router", view_router(view));
	json_object_set_new(status, "peers", all_peers(view));
	json_object_set_new(status, "zebra", view_zebra(view));
	json_object_set_new(status, "prober", view_prober(view));
	json_object_set_new(status, "repairs", view_repairs(view));
	json_object_set_new(status, "vips", json_array());
	return status;
}

static bool is_serving(const struct core_vip *vip)
{
	return vip->reason == VIP_REASON_SERVING || vip->reason == VIP_REASON_ANNOUNCED_BY_HAND;
}

/* A screen need not say of a thousand VIPs one by one that nothing is the matter with them. */
#define SCREEN_VIPS 50

static bool is_on_screen(const struct core_vip *vip, size_t i)
{
	return i < SCREEN_VIPS || !is_serving(vip) || vip->is_drained || vip->is_overridden ||
	       vip->order != VIP_ORDER_NONE;
}

static json_t *status_screen(const struct view *view)
{
	const struct core *core = view->daemon->core;
	json_t *status = status_brief(view);
	json_int_t serving = 0;

	for (uint32_t i = 0; i < core_n_vips(core); i++)
		serving += is_serving(core_vip(core, i));
	json_object_set_new(status, "n_vips", json_integer((json_int_t)core_n_vips(core)));
	json_object_set_new(status, "n_serving", json_integer(serving));
	return status;
}

static json_t *status_full(const struct view *view)
{
	json_t *status = status_brief(view);

	json_object_set_new(status, "pools", json_array());
	return status;
}

/* ---- its lists: VIPs, pools, then the reals of each pool ---- */

enum { STATUS_VIPS, STATUS_POOLS, STATUS_REALS };

static size_t brief_groups(const struct view *view)
{
	(void)view;
	return STATUS_VIPS + 1;
}

static size_t full_groups(const struct view *view)
{
	return STATUS_REALS + core_n_pools(view->daemon->core);
}

static size_t status_rows(const struct view *view, size_t group)
{
	const struct core *core = view->daemon->core;

	if (group == STATUS_VIPS)
		return core_n_vips(core);
	if (group == STATUS_POOLS)
		return core_n_pools(core);
	return core_pool(core, (uint32_t)group - STATUS_REALS)->config->n_reals;
}

static json_t *status_path(const struct view *view, size_t group)
{
	(void)view;
	if (group < STATUS_REALS)
		return json_pack("[s]", group == STATUS_VIPS ? "vips" : "pools");
	return json_pack("[s, i, s]", "pools", (int)(group - STATUS_REALS), "reals");
}

/* Records of VIPs that left may have gone since they were counted. */
static json_t *brief_row(const struct view *view, size_t group, size_t i)
{
	const struct core_vip *vip = core_vip(view->daemon->core, (uint32_t)i);

	(void)group;
	return vip && is_on_screen(vip, i) ? view_vip(view, vip, VIEW_BRIEF) : NULL;
}

/* No more of a real than name and state. */
static json_t *real_brief(const struct core_pool *pool, size_t i)
{
	return json_pack("{s:s, s:s, s:s}", "name", pool->config->reals[i].name, "state",
			 real_state_str(pool->reals[i].state), "reason",
			 probe_reason_str(pool->reals[i].reason));
}

static json_t *full_row(const struct view *view, size_t group, size_t i)
{
	const struct core *core = view->daemon->core;
	json_t *row;

	if (group >= STATUS_REALS)
		return real_brief(core_pool(core, (uint32_t)group - STATUS_REALS), i);
	if (group == STATUS_VIPS)
		return core_vip(core, (uint32_t)i)
			       ? view_vip(view, core_vip(core, (uint32_t)i), VIEW_FULL)
			       : NULL;
	row = view_pool(view, (uint32_t)i);
	json_object_set_new(row, "reals", json_array());
	return row;
}

const struct list_kind list_status_brief = {
	.key = "vips",
	.n_groups = brief_groups,
	.n_rows = status_rows,
	.row = brief_row,
	.rest = status_screen,
};

const struct list_kind list_status = {
	.n_groups = full_groups,
	.n_rows = status_rows,
	.path = status_path,
	.row = full_row,
	.rest = status_full,
};
