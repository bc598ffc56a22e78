/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics.c - shoald's metrics as Prometheus' text, for shoal-web.
 *
 * A metric is a row: what there is a sample of, and a function that writes the samples of one such
 * thing. The walk goes row by row, thing by thing, as the text format wants it, half a millisecond
 * a turn of the loop: no decision waits longer for a scrape. Things are walked by index, which mean
 * others after a reload or when the core's VIPs change: then the text begins anew.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "frr-integration/fpm.h"
#include "frr-integration/route_loop.h"
#include "frr-integration/router.h"
#include "health/prober.h"
#include "src/base/auto.h"
#include "src/ctl/handlers.h"
#include "src/ctl/metric.h"
#include "src/ctl/metric_list.h"
#include "src/ctl/view.h"
#include "src/dataplane/dataplane.h"
#include "src/net/net.h"

#define TURN_US    500
#define TEXT_SIZE  (64U * 1024)
#define LOOK_EVERY 16 /* things between two looks at the clock */

/* One thing: i counts all of its kind, pool and real are those of the config. */
struct at {
	const struct view *view;
	size_t i;
	uint32_t pool, real;
	struct metric_text *out;
};

/* ---- short words for the writers below ---- */

static void gauge(const struct at *at, double value)
{
	metric_real(at->out, "", METRIC_NO_LABELS, value);
}

static void count(const struct at *at, uint64_t value)
{
	metric_count(at->out, "", METRIC_NO_LABELS, value);
}

static double seconds(usec_t us)
{
	return (double)us / (double)USEC_PER_SEC;
}

/* 0: it is not so. */
static double age(const struct at *at, usec_t since)
{
	return since ? view_age(at->view, since) : 0;
}

static const struct core *core_of(const struct at *at)
{
	return at->view->daemon->core;
}

static const struct core_node *node_of(const struct at *at)
{
	return core_node(core_of(at));
}

static struct commands_vitals vitals_of(const struct at *at)
{
	struct commands_vitals vitals = { 0 };

	at->view->daemon->vitals(at->view->daemon->daemon, &vitals);
	return vitals;
}

/* ---- the node ---- */

static void write_build_info(const struct at *at)
{
	metric_count(at->out, "", METRIC_LABELS("version", SHOAL_VERSION), 1);
}

static void write_node_info(const struct at *at)
{
	metric_count(at->out, "", METRIC_LABELS("node", core_config(core_of(at))->node.name), 1);
}

static void write_config_info(const struct at *at)
{
	metric_count(at->out, "", METRIC_LABELS("generation", core_config(core_of(at))->generation),
		     1);
}

static void write_config_loaded_timestamp_seconds(const struct at *at)
{
	gauge(at, seconds(at->view->daemon->config_loaded_wall_us));
}

static void write_uptime_seconds(const struct at *at)
{
	gauge(at, age(at, at->view->daemon->started));
}

static void write_process_cpu_seconds_total(const struct at *at)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	gauge(at, (double)ts.tv_sec + (double)ts.tv_nsec / 1e9);
}

static void write_process_resident_memory_bytes(const struct at *at)
{
	AUTO(file_closep) FILE *file = fopen("/proc/self/statm", "re");
	unsigned long long size, resident;

	if (file && fscanf(file, "%llu %llu", &size, &resident) == 2)
		count(at, resident * (uint64_t)sysconf(_SC_PAGESIZE));
}

static void write_ready(const struct at *at)
{
	AUTO(json_decrefp) json_t *not_ready = view_not_ready(at->view);

	count(at, json_array_size(not_ready) == 0);
}

static void write_settled(const struct at *at)
{
	count(at, at->view->daemon->is_settled(at->view->daemon->daemon));
}

static void write_tick_age_seconds(const struct at *at)
{
	struct commands_vitals vitals = vitals_of(at);

	gauge(at, age(at, vitals.ticked_at ? vitals.ticked_at : at->view->daemon->started));
}

static void write_fenced(const struct at *at)
{
	count(at, node_of(at)->is_fenced);
}

static void write_node_drained(const struct at *at)
{
	count(at, node_of(at)->is_drained);
}

static void write_node_drain_age_seconds(const struct at *at)
{
	const struct core_node *node = node_of(at);

	gauge(at, node->is_drained && at->view->wall_us > node->drain.wall_us
			  ? seconds(at->view->wall_us - node->drain.wall_us)
			  : 0);
}

static void write_common_mode(const struct at *at)
{
	count(at, node_of(at)->common.since != 0);
}

static void write_common_mode_total(const struct at *at)
{
	count(at, node_of(at)->common.n);
}

static void write_passes_total(const struct at *at)
{
	count(at, vitals_of(at).passes);
}

static void write_ops_total(const struct at *at)
{
	count(at, vitals_of(at).ops);
}

static void write_op_failures_total(const struct at *at)
{
	count(at, vitals_of(at).failures);
}

static void write_self_test_packets_total(const struct at *at)
{
	count(at, view_counts(at->view)->totals.self_tests);
}

static void write_flow_table_entries(const struct at *at)
{
	uint64_t entries, configured;

	dataplane_flow_table(at->view->daemon->dataplane, &entries, &configured);
	count(at, entries);
}

/* ---- alarms ---- */

static size_t n_levels(const struct at *at)
{
	(void)at;
	return 1;
}

static void write_alarms(const struct at *at)
{
	AUTO(json_decrefp) json_t *alarms = view_alarms(at->view);
	uint64_t critical = 0;
	const json_t *alarm;
	size_t i;

	json_array_foreach (alarms, i, alarm)
		critical +=
			strcmp(json_string_value(json_object_get(alarm, "level")), "critical") == 0;
	metric_count(at->out, "", METRIC_LABELS("level", "critical"), critical);
	metric_count(at->out, "", METRIC_LABELS("level", "warning"),
		     json_array_size(alarms) - critical);
}

/* ---- uplinks ---- */

static size_t n_uplinks(const struct at *at)
{
	return core_config(core_of(at))->node.n_uplinks;
}

static void uplink_gauge(const struct at *at, bool value)
{
	const struct config_node *node = &core_config(core_of(at))->node;

	metric_count(at->out, "", METRIC_LABELS("uplink", node->uplinks[at->i]), value);
}

static const struct net_uplink *uplink_of(const struct at *at)
{
	return net_uplink(at->view->daemon->net, (uint32_t)at->i);
}

static void write_uplink_present(const struct at *at)
{
	const struct net_uplink *uplink = uplink_of(at);

	uplink_gauge(at, uplink && uplink->present);
}

static void write_uplink_carrier(const struct at *at)
{
	const struct net_uplink *uplink = uplink_of(at);

	uplink_gauge(at, uplink && uplink->has_carrier);
}

static bool is_attached(const struct at *at)
{
	return dataplane_is_attached(at->view->daemon->dataplane, (uint32_t)at->i);
}

static void write_dataplane_attached(const struct at *at)
{
	uplink_gauge(at, is_attached(at));
}

static void write_dataplane_native(const struct at *at)
{
	const struct dataplane_uplink *uplink =
		dataplane_uplink(at->view->daemon->dataplane, (uint32_t)at->i);

	uplink_gauge(at, is_attached(at) && uplink && uplink->is_native);
}

/* ---- packets ---- */

/* All totals are walked; those that are not "VERDICT/WORD" of this metric are left out. */
static size_t n_totals(const struct at *at)
{
	const char *name;
	uint64_t value;
	unsigned n = 0;

	while (dataplane_totals_at(&view_counts(at->view)->totals, n, &name, &value))
		n++;
	return n;
}

#define n_causes n_totals
#define n_notes  n_totals

/* "dropped/no-next-hop" in two; false: it is no such total. */
static bool split_total(const struct at *at, char verdict[16], const char **ret_word,
			uint64_t *ret_value)
{
	const char *name, *slash;

	if (!dataplane_totals_at(&view_counts(at->view)->totals, (unsigned)at->i, &name, ret_value))
		return false;
	slash = strchr(name, '/');
	if (!slash || slash - name >= 16)
		return false;
	memcpy(verdict, name, (size_t)(slash - name));
	verdict[slash - name] = '\0';
	*ret_word = slash + 1;
	return true;
}

static void write_packets_total(const struct at *at)
{
	char verdict[16];
	const char *word;
	uint64_t value;

	if (split_total(at, verdict, &word, &value) && strcmp(verdict, "noted") != 0)
		metric_count(at->out, "", METRIC_LABELS("verdict", verdict, "reason", word), value);
}

static void write_notes_total(const struct at *at)
{
	char verdict[16];
	const char *word;
	uint64_t value;

	if (split_total(at, verdict, &word, &value) && strcmp(verdict, "noted") == 0)
		metric_count(at->out, "", METRIC_LABELS("note", word), value);
}

/* ---- VIPs ---- */

static size_t n_vip_states(const struct at *at)
{
	(void)at;
	return VIP_STATE_MAX;
}

static void write_vips(const struct at *at)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < core_n_vips(core_of(at)); i++)
		n += core_vip(core_of(at), i)->state == at->i;
	metric_count(at->out, "", METRIC_LABELS("state", vip_state_str((enum vip_state)at->i)), n);
}

static size_t n_vips(const struct at *at)
{
	return core_n_vips(core_of(at));
}

#define n_stuck_vips      n_vips
#define n_ordered_vips    n_vips
#define n_overridden_vips n_vips

static const struct core_vip *vip_of(const struct at *at)
{
	return core_vip(core_of(at), (uint32_t)at->i);
}

static void vip_count(const struct at *at, uint64_t value)
{
	metric_count(at->out, "", METRIC_LABELS("vip", VIP_NAME(vip_of(at))), value);
}

static void write_vip_state(const struct at *at)
{
	const struct core_vip *vip = vip_of(at);

	metric_count(at->out, "",
		     METRIC_LABELS("vip", VIP_NAME(vip), "state", vip_state_str(vip->state),
				   "reason", vip_reason_str(vip->reason)),
		     1);
}

static void write_vip_state_age_seconds(const struct at *at)
{
	const struct core_vip *vip = vip_of(at);

	metric_real(at->out, "", METRIC_LABELS("vip", VIP_NAME(vip)), age(at, vip->since));
}

static void write_vip_announced(const struct at *at)
{
	enum vip_state state = vip_of(at)->state;

	vip_count(at, state == VIP_ANNOUNCED || state == VIP_DRAINING);
}

static void write_vip_intended(const struct at *at)
{
	vip_count(at, vip_of(at)->intent != ROUTE_NONE);
}

static void write_vip_peers(const struct at *at)
{
	vip_count(at, vip_of(at)->peers);
}

static void write_vip_drained(const struct at *at)
{
	vip_count(at, vip_of(at)->is_drained || node_of(at)->is_drained);
}

static void write_vip_drain_stuck(const struct at *at)
{
	if (vip_of(at)->is_drain_stuck)
		vip_count(at, 1);
}

static void write_vip_order(const struct at *at)
{
	const struct core_vip *vip = vip_of(at);

	if (vip->order != VIP_ORDER_NONE)
		metric_count(
			at->out, "",
			METRIC_LABELS("vip", VIP_NAME(vip), "order", vip_order_str(vip->order)), 1);
}

static void write_vip_overridden(const struct at *at)
{
	if (vip_of(at)->is_overridden)
		vip_count(at, 1);
}

static void write_vip_overrides_total(const struct at *at)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < core_n_vips(core_of(at)); i++)
		n += core_vip(core_of(at), i)->n_overrides;
	count(at, n);
}

static void write_vip_flaps(const struct at *at)
{
	vip_count(at, vip_of(at)->flaps);
}

static struct dataplane_count counts_of_vip(const struct at *at)
{
	const struct core_vip *vip = vip_of(at);
	struct dataplane_count sum = { 0 }, one;

	for (size_t i = 0; i < vip->n_services; i++) {
		one = (struct dataplane_count){ 0 };
		dataplane_counts_service(at->view->daemon->dataplane, view_counts(at->view),
					 &vip->prefix, vip->services[i].proto,
					 vip->services[i].port, &one);
		sum.packets += one.packets;
		sum.bytes += one.bytes;
	}
	return sum;
}

static void write_vip_packets_total(const struct at *at)
{
	vip_count(at, counts_of_vip(at).packets);
}

static void write_vip_bytes_total(const struct at *at)
{
	vip_count(at, counts_of_vip(at).bytes);
}

/* ---- pools ---- */

static size_t n_pools(const struct at *at)
{
	return core_n_pools(core_of(at));
}

#define n_overridden_pools n_pools
#define n_missed_pools     n_pools
#define n_pool_states      n_pools
#define n_pool_slots       n_pools

static const struct core_pool *pool_of(const struct at *at)
{
	return core_pool(core_of(at), (uint32_t)at->i);
}

static void pool_count(const struct at *at, uint64_t value)
{
	metric_count(at->out, "", METRIC_LABELS("pool", pool_of(at)->config->name), value);
}

static void write_pool_reals(const struct at *at)
{
	const struct core_pool *pool = pool_of(at);
	uint64_t n[REAL_STATE_MAX] = { 0 };

	for (size_t i = 0; i < pool->config->n_reals; i++)
		n[pool->reals[i].state]++;
	for (enum real_state state = 0; state < REAL_STATE_MAX; state++)
		metric_count(
			at->out, "",
			METRIC_LABELS("pool", pool->config->name, "state", real_state_str(state)),
			n[state]);
}

static void write_pool_usable(const struct at *at)
{
	pool_count(at, pool_usable(pool_of(at)));
}

static void write_pool_needed(const struct at *at)
{
	pool_count(at, pool_need(pool_of(at)));
}

static void write_pool_quorum(const struct at *at)
{
	pool_count(at, pool_of(at)->has_quorum);
}

static void write_pool_taken_out(const struct at *at)
{
	pool_count(at, pool_of(at)->n_ordered);
}

static void write_pool_on_backups(const struct at *at)
{
	pool_count(at, pool_is_on_backups(pool_of(at)));
}

static void write_pool_override(const struct at *at)
{
	const struct core_pool *pool = pool_of(at);

	if (pool->override != POOL_OVERRIDE_NONE)
		metric_count(at->out, "",
			     METRIC_LABELS("pool", pool->config->name, "override",
					   pool_override_str(pool->override)),
			     1);
}

static void write_pool_overrides_total(const struct at *at)
{
	pool_count(at, pool_of(at)->n_overrides);
}

static void write_pool_floor_missed(const struct at *at)
{
	if (pool_of(at)->floor_missed)
		pool_count(at, pool_of(at)->floor_missed);
}

static void write_pool_slots_in_transition(const struct at *at)
{
	const struct commands_context *daemon = at->view->daemon;
	const char *name = pool_of(at)->config->name;
	struct dataplane_transition transition = { 0 };

	if (!daemon->transition(daemon->daemon, (uint32_t)at->i, &transition))
		transition = (struct dataplane_transition){ 0 };
	metric_count(at->out, "", METRIC_LABELS("pool", name, "state", "moving"),
		     transition.moving);
	metric_count(at->out, "", METRIC_LABELS("pool", name, "state", "settling"),
		     transition.settling);
}

/* Every second bucket or so: at a thousand pools all of them would be a third of the scrape. */
static const char *bound_text(usec_t bound)
{
	static const struct {
		usec_t us;
		const char *text;
	} kept[] = {
		{ 200, "0.0002" }, { 1000, "0.001" },      { 2000, "0.002" }, { 5000, "0.005" },
		{ 10000, "0.01" }, { 50000, "0.05" },      { 100000, "0.1" }, { 500000, "0.5" },
		{ 1000000, "1" },  { USEC_NEVER, "+Inf" },
	};

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (kept[i].us == bound)
			return kept[i].text;
	return NULL;
}

static void write_probe_seconds(const struct at *at)
{
	const char *name = pool_of(at)->config->name;
	struct latency recent, total;
	uint64_t n = 0;

	prober_latency(at->view->daemon->prober, (uint32_t)at->i, &recent, &total);
	for (size_t i = 0; i < LATENCY_BUCKETS; i++) {
		const char *bound = bound_text(latency_bound(i));

		n += total.buckets[i];
		if (bound)
			metric_count(at->out, "_bucket", METRIC_LABELS("pool", name, "le", bound),
				     n);
	}
	metric_real(at->out, "_sum", METRIC_LABELS("pool", name), seconds(total.sum_us));
	metric_count(at->out, "_count", METRIC_LABELS("pool", name), n);
}

/* ---- reals ---- */

static size_t n_reals(const struct at *at)
{
	size_t n = 0;

	for (uint32_t p = 0; p < core_n_pools(core_of(at)); p++)
		n += core_pool(core_of(at), p)->config->n_reals;
	return n;
}

#define n_ordered_reals n_reals
#define n_certificates  n_reals

static const struct core_real *real_of(const struct at *at)
{
	return &core_pool(core_of(at), at->pool)->reals[at->real];
}

static const char *pool_name(const struct at *at)
{
	return core_pool(core_of(at), at->pool)->config->name;
}

static void real_count(const struct at *at, uint64_t value)
{
	metric_count(at->out, "",
		     METRIC_LABELS("pool", pool_name(at), "real", real_of(at)->config->name),
		     value);
}

static void write_real_up(const struct at *at)
{
	if (real_of(at)->state == REAL_UNKNOWN)
		metric_real(at->out, "",
			    METRIC_LABELS("pool", pool_name(at), "real", real_of(at)->config->name),
			    -1);
	else
		real_count(at, real_of(at)->state == REAL_UP);
}

static void write_real_takes_flows(const struct at *at)
{
	real_count(at, real_of(at)->takes_new_flows);
}

static struct dataplane_count counts_of_real(const struct at *at)
{
	struct dataplane_count sum = { 0 };

	dataplane_counts_real(at->view->daemon->dataplane, view_counts(at->view),
			      &real_of(at)->config->addr, &sum);
	return sum;
}

static void write_real_packets_total(const struct at *at)
{
	real_count(at, counts_of_real(at).packets);
}

static void write_real_bytes_total(const struct at *at)
{
	real_count(at, counts_of_real(at).bytes);
}

static void write_real_order(const struct at *at)
{
	enum real_order order = real_of(at)->order;

	if (order != REAL_ORDER_NONE)
		metric_count(at->out, "",
			     METRIC_LABELS("pool", pool_name(at), "real", real_of(at)->config->name,
					   "order", real_order_str(order)),
			     1);
}

static void write_certificate_end_timestamp_seconds(const struct at *at)
{
	const struct config *config = core_config(core_of(at));
	const struct core_pool *pool = core_pool(core_of(at), at->pool);
	size_t n = pool->config->n_checks;

	for (size_t i = 0; i < n; i++) {
		const struct core_check *check = &pool->checks[at->real * n + i];

		if (check->cert_ends)
			metric_count(at->out, "",
				     METRIC_LABELS("pool", pool_name(at), "real",
						   real_of(at)->config->name, "check",
						   config->checks[pool->config->checks[i]].name),
				     check->cert_ends);
	}
}

/* ---- health ---- */

static size_t n_reasons(const struct at *at)
{
	(void)at;
	return 1;
}

static void write_checks(const struct at *at)
{
	uint64_t n[PROBE_REASON_MAX] = { 0 };

	for (uint32_t p = 0; p < core_n_pools(core_of(at)); p++) {
		const struct core_pool *pool = core_pool(core_of(at), p);

		for (size_t i = 0; i < pool->config->n_reals * pool->config->n_checks; i++)
			n[pool->checks[i].reason]++;
	}
	for (enum probe_reason reason = 0; reason < PROBE_REASON_MAX; reason++)
		metric_count(at->out, "", METRIC_LABELS("reason", probe_reason_str(reason)),
			     n[reason]);
}

static size_t n_probers(const struct at *at)
{
	(void)at;
	return PROBER_DAEMON_MAX;
}

static const struct prober_life *prober_of(const struct at *at)
{
	return prober_life(at->view->daemon->prober, (enum prober_daemon)at->i);
}

/* Nobody is missed where the config has nothing for it. */
static bool is_wanted(const struct at *at)
{
	return at->i == PROBER_PROBE || prober_of(at)->n_targets > 0;
}

static const char *const *prober_labels(const struct at *at)
{
	static const char *const labels[PROBER_DAEMON_MAX][3] = {
		[PROBER_PROBE] = { "daemon", "shoal-probe", NULL },
		[PROBER_EXEC] = { "daemon", "shoal-exec", NULL },
	};

	return labels[at->i];
}

static void write_prober_connected(const struct at *at)
{
	if (is_wanted(at))
		metric_count(at->out, "", prober_labels(at), prober_of(at)->is_connected);
}

static void write_probes_total(const struct at *at)
{
	if (is_wanted(at))
		metric_count(at->out, "", prober_labels(at), prober_of(at)->n_probes);
}

static void write_probes_late_total(const struct at *at)
{
	if (is_wanted(at))
		metric_count(at->out, "", prober_labels(at), prober_of(at)->n_late);
}

static void write_probe_lateness_seconds(const struct at *at)
{
	if (is_wanted(at))
		metric_real(at->out, "", prober_labels(at), seconds(prober_of(at)->p99_late_us));
}

static void write_verdict_age_seconds(const struct at *at)
{
	if (is_wanted(at) && prober_of(at)->last_verdict)
		metric_real(at->out, "", prober_labels(at), age(at, prober_of(at)->last_verdict));
}

/* ---- routing ---- */

static struct router *router_of(const struct at *at)
{
	return at->view->daemon->router;
}

static void write_router_up(const struct at *at)
{
	count(at, router_life(router_of(at)) == ROUTER_READY);
}

static void write_router_info(const struct at *at)
{
	metric_count(at->out, "",
		     METRIC_LABELS("version", router_version(router_of(at)), "life",
				   router_life_str(router_life(router_of(at)))),
		     1);
}

static void write_router_commands_total(const struct at *at)
{
	count(at, router_stats(router_of(at))->commands);
}

static void write_router_failures_total(const struct at *at)
{
	count(at, router_stats(router_of(at))->failures);
}

static void write_router_writes_total(const struct at *at)
{
	count(at, router_stats(router_of(at))->writes);
}

static void write_router_reconnects_total(const struct at *at)
{
	count(at, router_stats(router_of(at))->reconnects);
}

static void write_router_read_backs_total(const struct at *at)
{
	count(at, router_stats(router_of(at))->read_backs);
}

static void write_router_read_back_seconds(const struct at *at)
{
	gauge(at, seconds(router_stats(router_of(at))->last_read_back_us));
}

static void write_bgp_peers(const struct at *at)
{
	count(at, router_n_peers(router_of(at)));
}

static void write_bgp_peers_required(const struct at *at)
{
	count(at, core_config(core_of(at))->routing.require_peers);
}

static size_t n_peers(const struct at *at)
{
	return router_n_peers(router_of(at));
}

#define n_families  n_peers
#define n_bfd_peers n_peers

static const struct router_peer *peer_of(const struct at *at)
{
	return router_peer(router_of(at), at->i);
}

static void write_bgp_session_up(const struct at *at)
{
	metric_count(at->out, "", METRIC_LABELS("peer", peer_of(at)->name),
		     peer_of(at)->is_established);
}

static void write_bgp_session_age_seconds(const struct at *at)
{
	metric_real(at->out, "", METRIC_LABELS("peer", peer_of(at)->name),
		    age(at, peer_of(at)->since));
}

static void write_bgp_sessions_lost_total(const struct at *at)
{
	metric_count(at->out, "", METRIC_LABELS("peer", peer_of(at)->name), peer_of(at)->dropped);
}

static void both_families(const struct at *at, uint64_t ipv4, uint64_t ipv6)
{
	const char *name = peer_of(at)->name;

	metric_count(at->out, "", METRIC_LABELS("peer", name, "family", "ipv4"), ipv4);
	metric_count(at->out, "", METRIC_LABELS("peer", name, "family", "ipv6"), ipv6);
}

static void write_bgp_prefixes_sent(const struct at *at)
{
	both_families(at, peer_of(at)->prefixes_sent4, peer_of(at)->prefixes_sent6);
}

static void write_bgp_vips_sent(const struct at *at)
{
	both_families(at, peer_of(at)->ours4, peer_of(at)->ours6);
}

static void write_bgp_lacks_policy(const struct at *at)
{
	both_families(at, peer_of(at)->out[0].lacks_policy, peer_of(at)->out[1].lacks_policy);
}

static void write_bfd_up(const struct at *at)
{
	if (peer_of(at)->bfd != BGP_BFD_NONE)
		metric_count(at->out, "", METRIC_LABELS("peer", peer_of(at)->name),
			     peer_of(at)->bfd == BGP_BFD_UP);
}

static void write_routes_intended(const struct at *at)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < core_n_vips(core_of(at)); i++)
		n += core_vip(core_of(at), i)->intent != ROUTE_NONE;
	count(at, n);
}

static void write_routes_sent(const struct at *at)
{
	uint32_t need = core_config(core_of(at))->routing.require_peers;
	uint64_t n = 0;

	for (uint32_t i = 0; i < core_n_vips(core_of(at)); i++)
		n += core_vip(core_of(at), i)->intent != ROUTE_NONE &&
		     core_vip(core_of(at), i)->peers >= need;
	count(at, n);
}

/* Each lack of a VIP's route: of the stages before the peers, then of each peer. */
static void each_lack(const struct at *at, void (*fn)(const struct loop_lack *lack, void *arg),
		      void *arg)
{
	const struct loop *loop = at->view->daemon->loop;

	for (uint32_t i = 0; loop_is_known(loop) && i < core_n_vips(core_of(at)); i++) {
		const struct loop_route *route = loop_find(loop, &core_vip(core_of(at), i)->prefix);

		if (route)
			fn(&route->lack, arg);
		for (size_t p = 0; route && p < loop_n_peers(loop); p++)
			fn(&route->peers[p].lack, arg);
	}
}

static void count_alarm(const struct loop_lack *lack, void *arg)
{
	uint64_t *n = arg;

	n[lack->reason] += lack->is_alarm;
}

static size_t n_lacks(const struct at *at)
{
	(void)at;
	return 1;
}

static void write_route_alarms(const struct at *at)
{
	uint64_t n[LOOP_REASON_MAX] = { 0 };

	each_lack(at, count_alarm, n);
	for (enum loop_reason reason = LOOP_AS_INTENDED + 1; reason < LOOP_REASON_MAX; reason++)
		metric_count(at->out, "", METRIC_LABELS("reason", loop_reason_str(reason)),
			     n[reason]);
}

static void find_oldest(const struct loop_lack *lack, void *arg)
{
	usec_t *oldest = arg;

	if (lack->since && (*oldest == 0 || lack->since < *oldest))
		*oldest = lack->since;
}

static void write_route_mismatch_seconds(const struct at *at)
{
	usec_t oldest = 0;

	each_lack(at, find_oldest, &oldest);
	gauge(at, age(at, oldest));
}

/* One where the config asks zebra to tell its routes, else none. */
static size_t n_zebras(const struct at *at)
{
	return fpm_life(at->view->daemon->fpm)->state != FPM_OFF;
}

static void write_zebra_connected(const struct at *at)
{
	enum fpm_state state = fpm_life(at->view->daemon->fpm)->state;

	count(at, state == FPM_SYNCING || state == FPM_SYNCED);
}

static void write_zebra_differs(const struct at *at)
{
	count(at, fpm_life(at->view->daemon->fpm)->n_differ);
}

/* ---- the walk ---- */

static size_t n_node(const struct at *at)
{
	(void)at;
	return 1;
}

static const struct row {
	const char *word, *type, *help;
	size_t (*n)(const struct at *at);
	void (*write)(const struct at *at);
} rows[] = {
#define X(word, type, of, labels, help) { #word, #type, help, n_##of, write_##word },
	METRICS_SHOALD(X)
#undef X
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

struct scrape {
	struct ctl_request *request;
	struct view view; /* one moment for all of it */
	const struct config *config;
	uint64_t config_loaded_wall_us;
	size_t n_vips;
	size_t row, n; /* things of the row; 0 before it begins */
	bool has_begun;
	struct at at;
	size_t sent;
	struct metric_text out;
};

static void begin_anew(struct scrape *scrape)
{
	const struct commands_context *daemon = scrape->view.daemon;

	scrape->config = core_config(daemon->core);
	scrape->config_loaded_wall_us = daemon->config_loaded_wall_us;
	scrape->n_vips = core_n_vips(daemon->core);
	scrape->row = scrape->sent = 0;
	scrape->has_begun = false;
}

static bool is_of_this_state(const struct scrape *scrape)
{
	const struct commands_context *daemon = scrape->view.daemon;

	return scrape->config == core_config(daemon->core) &&
	       scrape->config_loaded_wall_us == daemon->config_loaded_wall_us &&
	       scrape->n_vips == core_n_vips(daemon->core);
}

static void begin_row(struct scrape *scrape)
{
	const struct row *row = &rows[scrape->row];

	scrape->at = (struct at){ .view = &scrape->view, .out = &scrape->out };
	scrape->n = row->n(&scrape->at);
	scrape->has_begun = true;
	metric_begin(&scrape->out, row->word, row->type, row->help);
}

/* The next thing; pool and real go along, whether the row is of reals or not. */
static void advance(struct scrape *scrape)
{
	const struct core *core = scrape->view.daemon->core;
	struct at *at = &scrape->at;

	at->i++;
	at->real++;
	while (at->pool < core_n_pools(core) &&
	       at->real >= core_pool(core, at->pool)->config->n_reals) {
		at->pool++;
		at->real = 0;
	}
}

/* A thing, or the end of a row; false at the end of all. */
static bool write_next(struct scrape *scrape)
{
	if (scrape->row == N_ROWS)
		return false;
	if (!scrape->has_begun)
		begin_row(scrape);
	if (scrape->at.i < scrape->n) {
		rows[scrape->row].write(&scrape->at);
		advance(scrape);
	} else {
		scrape->row++;
		scrape->has_begun = false;
	}
	return true;
}

static void flush(struct scrape *scrape)
{
	ctl_text(scrape->request, scrape->sent, scrape->out.text, scrape->out.len);
	scrape->sent += scrape->out.len;
	scrape->out.len = 0;
}

static void scrape_end(struct scrape *scrape)
{
	free(scrape->out.text);
	free(scrape);
}

/* The longest a thing may write: a histogram, or a sample for each reason. */
#define THING_MAX (32 * METRIC_SAMPLE_MAX / 4)

static void on_turn(void *arg)
{
	struct scrape *scrape = arg;
	usec_t deadline = usec_add(usec_now(), TURN_US);
	bool more = true;

	if (!is_of_this_state(scrape))
		begin_anew(scrape);
	for (unsigned i = 1; more && scrape->out.size - scrape->out.len > THING_MAX; i++) {
		more = write_next(scrape);
		if (i % LOOK_EVERY == 0 && usec_now() >= deadline)
			break;
	}
	flush(scrape);
	if (more)
		return;
	ctl_answer(scrape->request, json_object());
	scrape_end(scrape);
}

static void on_gone(void *arg)
{
	struct scrape *scrape = arg;

	ctl_refuse(scrape->request, CTL_FAILED, "nobody waits");
	scrape_end(scrape);
}

void handle_metrics(struct ctl_request *request, const json_t *args, void *context)
{
	struct scrape *scrape = calloc(1, sizeof(*scrape));

	(void)args;
	if (scrape)
		scrape->out.text = malloc(TEXT_SIZE);
	if (!scrape || !scrape->out.text) {
		free(scrape);
		ctl_refuse(request, CTL_FAILED, "out of memory");
		return;
	}
	scrape->request = request;
	scrape->view = view_now(context);
	scrape->out.size = TEXT_SIZE;
	begin_anew(scrape);
	ctl_request_watch(request, on_gone, scrape);
	ctl_request_turns(request, on_turn, scrape);
}
