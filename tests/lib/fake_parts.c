/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/fake_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct fake_parts parts;
const char *fake_reload_text;
int fake_reload_result;
usec_t fake_confirm_us;

void fake_parts_init(struct site *site)
{
	const struct config *config = core_config(site->core);

	loop_free(parts.loop);
	parts = (struct fake_parts){
		.site = site,
		.life = ROUTER_READY,
		.sentence = "vty socket '/run/frr/bgpd.vty' answers",
		.version = "8.4.4",
		.zebra = { .state = FPM_WAITING,
			   .listen = "127.0.0.1:2620",
			   .sentence = "no zebra has connected to 127.0.0.1:2620" },
		.sent = 1234567,
		.passed = 890,
		.probe_is_connected = true,
		.last_verdict = site->now - 400 * USEC_PER_MSEC,
		.probes = 4711,
		.config = { .file_state = "same",
			    .file_generation = config->generation,
			    .trial = "none",
			    .former = "",
			    .tried = "",
			    .owner = "",
			    .trouble = "" },
	};
	for (size_t i = 0; i < config->node.n_uplinks; i++) {
		parts.uplinks[i] = (struct net_uplink){ .index = (uint32_t)i,
							.name = config->node.uplinks[i],
							.present = true,
							.ifindex = (uint32_t)i + 2,
							.has_carrier = true,
							.mtu_bytes = 1600 };
		parts.attached[i] =
			(struct dataplane_uplink){ .ifindex = (uint32_t)i + 2, .is_native = true };
		parts.is_attached[i] = true;
	}
	parts.n_peers = config->routing.n_peers;
	for (size_t i = 0; i < parts.n_peers; i++)
		parts.peers[i] = (struct router_peer){ .name = config->routing.peers[i].name,
						       .key = i ? "10.0.3.1" : "10.0.2.1",
						       .is_found = true,
						       .is_established = true,
						       .state = "Established",
						       .since = site->now - 754 * USEC_PER_SEC,
						       .prefixes_sent4 = 2,
						       .prefixes_sent6 = 1,
						       .ours4 = 2,
						       .ours6 = 1,
						       .remote_as = 65000,
						       .out = { { .is_active = true },
								{ .is_active = true } } };
}

/* ---- zebra ---- */

const char *fpm_state_str(enum fpm_state state)
{
	static const char *const words[] = {
		"off", "closed", "waiting", "syncing", "synced", "gone"
	};

	return words[state];
}

const struct fpm_life *fpm_life(struct fpm *fpm)
{
	(void)fpm;
	return &parts.zebra;
}

/* Zebra has a default route for each family, and but for one address the kernel has it too. */
void fpm_way(struct fpm *fpm, const struct addr *addr, struct fpm_way *ret)
{
	static struct fpm_route route;
	static struct fpm_target target;
	static struct fpm_hop hops[2];
	bool differs = addr_eq(addr, &parts.differs_at), is_asked = parts.zebra.state == FPM_SYNCED;

	(void)fpm;
	hops[0] = (struct fpm_hop){ .ifindex = 2, .weight = 1, .has_gateway = true };
	addr_parse(addr_is_ipv4(addr) ? "10.0.2.1" : "fe80::1", &hops[0].gateway);
	hops[1] = hops[0];
	hops[1].ifindex = 3;
	route = (struct fpm_route){ .protocol = 186, .type = 1, .since = parts.site->now };
	if (addr_is_ipv4(addr))
		prefix_parse("0.0.0.0/0", &route.prefix);
	target = (struct fpm_target){ .addr = *addr,
				      .is_asked = is_asked,
				      .error = differs ? -ENETUNREACH : 0,
				      .difference = !is_asked ? FPM_NOT_COMPARED
						    : differs ? FPM_KERNEL_LACKS
							      : FPM_SAME,
				      .since = differs ? parts.zebra.differ_since : 0,
				      .kernel = differs || !is_asked ? NULL : &route };
	*ret = (struct fpm_way){ .zebra = &route, .n_hops = 2, .hops = hops, .kernel = &target };
}

const char *fpm_interface(const struct fpm *fpm, uint32_t ifindex, char buf[FPM_INTERFACE_MAX])
{
	(void)fpm;
	snprintf(buf, FPM_INTERFACE_MAX, "eth%u", ifindex - 2);
	return buf;
}

/* ---- router ---- */

const char *router_life_str(enum router_life life)
{
	static const char *const words[] = { "connecting", "no-instance", "ready", "stuck" };

	return words[life];
}

enum router_life router_life(const struct router *router)
{
	(void)router;
	return parts.life;
}

const char *router_sentence(const struct router *router)
{
	(void)router;
	return parts.sentence;
}

const char *router_version(const struct router *router)
{
	(void)router;
	return parts.version;
}

const struct router_stats *router_stats(const struct router *router)
{
	static const struct router_stats stats = { .commands = 120, .read_backs = 61 };

	(void)router;
	return &stats;
}

size_t router_n_peers(const struct router *router)
{
	(void)router;
	return parts.n_peers;
}

const struct router_peer *router_peer(const struct router *router, size_t i)
{
	(void)router;
	return i < parts.n_peers ? &parts.peers[i] : NULL;
}

size_t router_n_established(const struct router *router)
{
	size_t n = 0;

	(void)router;
	for (size_t i = 0; i < parts.n_peers; i++)
		n += parts.peers[i].is_established;
	return n;
}

/* A few at once may be looked at. */
static const struct router_route *as_route(const struct world_route *route)
{
	static struct router_route routes[WORLD_ROUTES];
	size_t i = (size_t)(route - parts.site->world.routes);

	if (!route->used)
		return NULL;
	routes[i] = (struct router_route){ .prefix = route->prefix,
					   .has_line = route->line != ROUTE_NONE,
					   .is_drained = route->line == ROUTE_DRAIN,
					   .attributes_match = true,
					   .is_local = route->line != ROUTE_NONE,
					   .held_by = (1ULL << route->peers) - 1,
					   .peers = route->peers };
	return &routes[i];
}

bool router_is_read(const struct router *router, usec_t *ret_at)
{
	(void)router;
	*ret_at = parts.site->now;
	return parts.life == ROUTER_READY;
}

bool router_has_import_check(const struct router *router)
{
	(void)router;
	return parts.has_import_check;
}

struct router_command router_command(const struct router *router, const struct prefix *prefix)
{
	(void)router;
	(void)prefix;
	if (!parts.command.refused)
		parts.command.refused = "";
	return parts.command;
}

const char *router_fault_sentence(const struct router *router)
{
	(void)router;
	return "";
}

size_t router_n_routes(const struct router *router)
{
	size_t n = 0;

	(void)router;
	for (size_t i = 0; i < WORLD_ROUTES; i++)
		n += parts.site->world.routes[i].used;
	return n;
}

const struct router_route *router_route(const struct router *router, size_t wanted)
{
	(void)router;
	for (size_t i = 0; i < WORLD_ROUTES; i++)
		if (parts.site->world.routes[i].used && wanted-- == 0)
			return as_route(&parts.site->world.routes[i]);
	return NULL;
}

const struct router_route *router_route_find(const struct router *router,
					     const struct prefix *prefix)
{
	struct world_route *route = world_route_find(&parts.site->world, prefix);

	(void)router;
	return route ? as_route(route) : NULL;
}

/* ---- data plane and uplinks ---- */

bool dataplane_is_adopted(const struct dataplane *dp)
{
	(void)dp;
	return false;
}

bool dataplane_is_attached(struct dataplane *dp, uint32_t uplink)
{
	(void)dp;
	return parts.is_attached[uplink];
}

int dataplane_check_offload(const struct dataplane *dp, uint32_t uplink, struct err *err)
{
	(void)dp;
	(void)uplink;
	(void)err;
	return 0;
}

const struct dataplane_uplink *dataplane_uplink(const struct dataplane *dp, uint32_t uplink)
{
	(void)dp;
	return &parts.attached[uplink];
}

void dataplane_counts_read(const struct dataplane *dp, struct dataplane_counts *ret)
{
	(void)dp;
	ret->n_cpus = 2;
	ret->cpus[0] = (struct dataplane_cpu){ parts.sent, parts.passed, parts.dropped };
}

bool dataplane_counts_service(const struct dataplane *dp, const struct dataplane_counts *counts,
			      const struct prefix *vip, uint8_t proto, uint16_t port,
			      struct dataplane_count *ret)
{
	(void)dp;
	(void)counts;
	(void)vip;
	(void)proto;
	*ret = (struct dataplane_count){ .packets = 1000U * port, .bytes = 64000U * port };
	return true;
}

bool dataplane_real_life(const struct dataplane *dp, const struct addr *addr,
			 enum dataplane_real_life *ret)
{
	(void)dp;
	(void)addr;
	(void)ret;
	return false;
}

bool dataplane_counts_real(const struct dataplane *dp, const struct dataplane_counts *counts,
			   const struct addr *real, struct dataplane_count *ret)
{
	(void)dp;
	(void)counts;
	uint64_t more = parts.more[real->bytes[14]][real->bytes[15]];

	*ret = (struct dataplane_count){ .packets = 1000U * real->bytes[15] + more,
					 .bytes = 64000U * real->bytes[15] + 500 * more };
	return true;
}

/* Third and last byte: pool and real. */
uint16_t dataplane_real_index(const struct dataplane *dp, const struct addr *addr)
{
	(void)dp;
	return (uint16_t)(addr->bytes[14] << 8 | addr->bytes[15]);
}

bool dataplane_real_syns(const struct dataplane *dp, const struct addr *real,
			 struct dataplane_syns *ret)
{
	(void)dp;
	*ret = parts.syns[real->bytes[14]][real->bytes[15]];
	return true;
}

bool dataplane_totals_at(const struct dataplane_totals *totals, unsigned i, const char **ret_name,
			 uint64_t *ret_value)
{
	static const char *const names[] = { "sent", "passed", "dropped" };
	const uint64_t values[] = { parts.sent, parts.passed, parts.dropped };

	(void)totals;
	if (i >= 3)
		return false;
	*ret_name = names[i];
	*ret_value = values[i];
	return true;
}

const struct net_uplink *net_uplink(const struct net *net, uint32_t index)
{
	(void)net;
	return &parts.uplinks[index];
}

const struct net_next_hop *net_next_hop(const struct net *net, uint32_t uplink,
					const struct addr *real)
{
	static struct net_next_hop hop;
	bool no_way = parts.no_way && addr_eq(real, &parts.no_way_to);

	(void)net;
	hop = (struct net_next_hop){ .uplink = uplink,
				     .real = *real,
				     .usable = !no_way,
				     .mac = { 2, 0, 0, 0, 0, 1 },
				     .why = no_way ? parts.no_way : NULL };
	return &hop;
}

/* ---- prober ---- */

void prober_latency(const struct prober *prober, uint32_t pool, struct latency *ret_recent,
		    struct latency *ret_total)
{
	(void)prober;
	*ret_recent = *ret_total = parts.latencies[pool];
}

bool prober_output(const struct prober *prober, uint32_t pool, uint32_t real, uint32_t check,
		   struct output *ret)
{
	const char *text = parts.outputs[pool][real];

	(void)prober;
	if (!text || check > 0)
		return false;
	*ret = (struct output){ (uint32_t)strlen(text), (uint32_t)strlen(text), text };
	return true;
}

int prober_try(struct prober *prober, const struct prober_trial *trial, uint64_t *ret_ticket,
	       struct err *err)
{
	(void)prober;
	(void)trial;
	(void)ret_ticket;
	return err_set(err, -ENOTCONN, "shoal-probe is not running, or not connected");
}

void prober_try_cancel(struct prober *prober, uint64_t ticket)
{
	(void)prober;
	(void)ticket;
}

usec_t prober_fresh_until(const struct prober_life *life)
{
	return life->last_verdict ? life->last_verdict + life->patience_us : 0;
}

uint64_t prober_cas(const struct prober *prober)
{
	(void)prober;
	return 0;
}

bool prober_is_connected(const struct prober *prober)
{
	(void)prober;
	return parts.probe_is_connected;
}

usec_t prober_last_verdict(const struct prober *prober)
{
	(void)prober;
	return parts.last_verdict;
}

uint64_t prober_n_probes(const struct prober *prober)
{
	(void)prober;
	return parts.probes;
}

const struct prober_life *prober_life(const struct prober *prober, enum prober_daemon daemon)
{
	static struct prober_life probe;

	(void)prober;
	probe = (struct prober_life){ .is_connected = parts.probe_is_connected,
				      .n_targets = 1,
				      .patience_us = 30 * USEC_PER_SEC,
				      .last_verdict = parts.last_verdict,
				      .n_probes = parts.probes };
	return daemon == PROBER_EXEC ? &parts.exec : &probe;
}

/* ---- the daemon ---- */

static int reload(void *daemon, const struct commands_reload *how, struct config_report *report,
		  struct err *err)
{
	(void)daemon;
	*report = (struct config_report){ .text = strdup(fake_reload_text ? fake_reload_text : ""),
					  .errors = fake_reload_result == -EINVAL ? 2 : 0 };
	fake_confirm_us = how->confirm_us;
	return fake_reload_result ? err_set(err, fake_reload_result, "as told") : 0;
}

static int confirm(void *daemon, const char *owner, struct err *err)
{
	(void)daemon;
	(void)owner;
	if (strcmp(parts.config.trial, "pending") != 0)
		return err_set(err, -ENOENT, "no reload waits to be confirmed");
	parts.config.trial = "none";
	return 0;
}

static const char *repairs(void *daemon, size_t i, uint64_t *ret)
{
	static const char *const words[] = { "map-table", "tc-filter", "network-line" };

	(void)daemon;
	*ret = i < 3 ? parts.repairs[i] : 0;
	return i < 3 ? words[i] : NULL;
}

static struct commands_config config_state(void *daemon)
{
	(void)daemon;
	return parts.config;
}

static int drain(void *daemon, const struct core_drain *drain, struct err *err)
{
	struct site *site = daemon;
	bool is_drained = drain->vip == CORE_NONE ? core_node(site->core)->is_drained
						  : core_vip(site->core, drain->vip)->is_drained;

	if (is_drained == drain->set && !drain->force && !drain->until_us)
		return err_set(err, -EALREADY, "so already");
	site_step(site, (struct core_event){ .kind = CORE_EVENT_DRAIN, .drain = *drain });
	site_run(site);
	return 0;
}

static int order(void *daemon, uint32_t pool, uint32_t real, const struct core_order *order,
		 struct err *err)
{
	struct site *site = daemon;

	if (!order->order && !parts.orders[pool][real].order)
		return err_set(err, -EALREADY, "so already");
	parts.orders[pool][real] = *order;
	site_order(site, pool, real, order->order);
	site_run(site);
	return 0;
}

static const struct core_order *order_of(void *daemon, uint32_t pool, uint32_t real)
{
	(void)daemon;
	return parts.orders[pool][real].order ? &parts.orders[pool][real] : NULL;
}

static int order_vip(void *daemon, const struct core_vip_order *order, struct err *err)
{
	struct site *site = daemon;

	if (!order->order && !core_vip(site->core, order->vip)->order)
		return err_set(err, -EALREADY, "so already");
	site_step(site, (struct core_event){ .kind = CORE_EVENT_VIP_ORDER, .vip_order = *order });
	site_run(site);
	return 0;
}

static bool reset_real(void *daemon, uint32_t pool, uint32_t real)
{
	site_step(daemon, (struct core_event){ .kind = CORE_EVENT_FORGIVE,
					       .forgive = { .pool = pool, .real = real } });
	parts.n_resets++;
	return parts.probe_is_connected;
}

static bool is_settled(void *daemon)
{
	(void)daemon;
	return true;
}

static int watch(void *daemon, uint32_t pool, bool is_on, struct err *err)
{
	(void)daemon;
	if (parts.has_no_ring)
		return err_set(err, -ENOENT, "its ring is not in the data plane yet");
	parts.is_watched[pool] = is_on;
	return 0;
}

static bool transition(void *daemon, uint32_t pool, struct dataplane_transition *ret)
{
	(void)daemon;
	*ret = parts.transitions[pool];
	return true;
}

/* Each real's last byte is its index; a third of the slots each for .11, .12 and .13. */
static const uint32_t *ring_of(void *daemon, uint32_t pool)
{
	static uint32_t slots[RING_SLOTS];

	(void)daemon;
	for (uint32_t i = 0; i < RING_SLOTS; i++)
		slots[i] = (parts.slot_real ? parts.slot_real[i % 4] : 11 + i % 3) | pool << 8;
	return parts.has_no_ring ? NULL : slots;
}

static bool removed_real(void *daemon, size_t i, struct commands_removed *ret)
{
	(void)daemon;
	*ret = parts.removed;
	return i == 0 && parts.removed.since;
}

static struct loop_intent intent_of(void *arg, size_t i)
{
	static const enum router_op words[] = { ROUTER_WITHDRAW, ROUTER_ANNOUNCE, ROUTER_DRAIN };
	const struct site *site = arg;
	const struct core_vip *vip = core_vip(site->core, (uint32_t)i);

	return (struct loop_intent){ vip->prefix, words[vip->intent] };
}

struct commands_context fake_context(struct site *site)
{
	size_t n = core_n_vips(site->core);

	if (!parts.loop)
		parts.loop = loop_new();
	loop_update(parts.loop, NULL, n, intent_of, site, site->now - 30 * USEC_PER_SEC);
	loop_update(parts.loop, NULL, n, intent_of, site, site->now);
	return (struct commands_context){
		.core = site->core,
		.loop = parts.loop,
		.config_file = "/etc/shoal/shoal.yaml",
		.run_dir = "/run/shoal",
		.started = site->now - 754 * USEC_PER_SEC,
		.config_loaded_wall_us = 1795333034ULL * USEC_PER_SEC,
		.daemon = site,
		.reload = reload,
		.confirm = confirm,
		.config_state = config_state,
		.repairs = repairs,
		.drain = drain,
		.order = order,
		.order_of = order_of,
		.order_vip = order_vip,
		.reset = reset_real,
		.is_settled = is_settled,
		.transition = transition,
		.ring = ring_of,
		.watch = watch,
		.removed_real = removed_real,
	};
}

/* ---- capture: nothing ever comes ---- */

struct dataplane_reasons dataplane_reasons_default(void)
{
	return (struct dataplane_reasons){ 0 };
}

bool dataplane_reasons_add(struct dataplane_reasons *reasons, const char *word)
{
	(void)reasons;
	return strcmp(word, "no-real") == 0;
}

const char *dataplane_note_word(uint64_t notes, unsigned i)
{
	(void)notes;
	(void)i;
	return NULL;
}

int dataplane_capture_start(struct dataplane *dp, const struct dataplane_capture *capture,
			    struct err *err)
{
	(void)dp;
	(void)capture;
	(void)err;
	return 0;
}

void dataplane_capture_read(struct dataplane *dp,
			    bool (*each)(const struct dataplane_captured *packet, void *arg),
			    void *arg)
{
	(void)dp;
	(void)each;
	(void)arg;
}

uint64_t dataplane_capture_lost(const struct dataplane *dp)
{
	(void)dp;
	return 0;
}

void dataplane_capture_stop(struct dataplane *dp)
{
	(void)dp;
}

/* ---- flows: none ---- */

struct dataplane_walk {
	unsigned turns; /* the table has two bits */
};

int dataplane_count_flows(struct dataplane *dp, struct dataplane_walk **ret, struct err *err)
{
	(void)dp;
	(void)err;
	*ret = calloc(1, sizeof(**ret));
	return 0;
}

int dataplane_purge_flows(struct dataplane *dp, enum dataplane_purge what, const struct addr *reals,
			  size_t n_reals, struct dataplane_walk **ret, struct err *err)
{
	(void)what;
	(void)reals;
	(void)n_reals;
	return dataplane_count_flows(dp, ret, err);
}

bool dataplane_walk_on(struct dataplane_walk *walk, usec_t deadline)
{
	(void)deadline;
	return walk->turns++ == 1;
}

int dataplane_walk_flows(const struct dataplane_walk *walk, struct dataplane_flows *ret,
			 struct err *err)
{
	(void)walk;
	(void)err;
	*ret = (struct dataplane_flows){ .capacity = 4194304, .configured = 4194304 };
	return 0;
}

uint64_t dataplane_walk_purged(const struct dataplane_walk *walk)
{
	(void)walk;
	return 0;
}

void dataplane_walk_free(struct dataplane_walk *walk)
{
	free(walk);
}

void dataplane_flows_fini(struct dataplane_flows *flows)
{
	(void)flows;
}

int dataplane_flow_find(const struct dataplane *dp, const struct dataplane_flow *flow,
			struct dataplane_flow_entry *ret, struct err *err)
{
	(void)dp;
	(void)flow;
	(void)ret;
	return err_set(err, -ENOENT, "the flow is not remembered");
}

int dataplane_flow_purge(struct dataplane *dp, const struct dataplane_flow *flow, struct err *err)
{
	(void)dp;
	(void)flow;
	return err_set(err, -ENOENT, "the flow is not remembered");
}

int dataplane_explain(const struct dataplane *dp, const struct dataplane_flow *flow, bool is_syn,
		      struct dataplane_explanation *ret, struct err *err)
{
	(void)dp;
	(void)flow;
	(void)is_syn;
	(void)err;
	*ret = (struct dataplane_explanation){ 0 };
	return 0;
}

bool dataplane_service_opened(struct dataplane *dp, const struct prefix *vip, uint8_t proto,
			      uint16_t port, uint64_t *ret)
{
	(void)dp;
	(void)vip;
	(void)proto;
	(void)port;
	*ret = 0;
	return true;
}
