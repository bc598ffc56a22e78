/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alarms.c - what an operator should look at now. What somebody drained is no alarm.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "frr-integration/fpm.h"
#include "frr-integration/route_loop.h"
#include "frr-integration/router.h"
#include "health/prober.h"
#include "src/base/auto.h"
#include "src/ctl/view.h"
#include "src/dataplane/dataplane.h"
#include "src/net/net.h"
#include "src/record/degraded.h"

#define VIPS_NAMED_MAX 4 /* of one state and reason */

/* Two lists that become one: critical before warnings. */
struct alarms {
	const struct view *view;
	json_t *critical, *warnings;
};

enum level { LEVEL_CRITICAL, LEVEL_WARNING };

static void raise_alarm(struct alarms *alarms, enum level level, const char *thing,
			const char *command, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

/* The alarm raised last has a word of its own, for machines. */
static void name_alarm(struct alarms *alarms, enum level level, const char *word)
{
	json_t *list = level == LEVEL_CRITICAL ? alarms->critical : alarms->warnings;

	json_object_set_new(json_array_get(list, json_array_size(list) - 1), "alarm",
			    json_string(word));
}

static void raise_alarm(struct alarms *alarms, enum level level, const char *thing,
			const char *command, const char *fmt, ...)
{
	AUTO(freep) char *text = NULL;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	va_end(args);
	json_array_append_new(level == LEVEL_CRITICAL ? alarms->critical : alarms->warnings,
			      json_pack("{s:s, s:s, s:s?, s:s}", "level",
					level == LEVEL_CRITICAL ? "critical" : "warning", "thing",
					thing, "text", text, "command", command));
}

/* ---- node ---- */

/* Somebody may have turned on what was off when the program was attached. */
static void check_offload(struct alarms *alarms, uint32_t i)
{
	const struct commands_context *daemon = alarms->view->daemon;
	struct err err;

	if (dataplane_is_attached(daemon->dataplane, i) &&
	    dataplane_check_offload(daemon->dataplane, i, &err) < 0)
		raise_alarm(alarms, LEVEL_WARNING, core_config(daemon->core)->node.uplinks[i],
			    "shoal why node", "%s", err.text);
}

/* Packets to an address of the node itself would be forwarded instead of arriving. */
static void check_own_address(struct alarms *alarms, const char *uplink, const struct addr *addr)
{
	const struct config *config = core_config(alarms->view->daemon->core);
	char command[96];

	for (size_t i = 0; i < config->n_vips; i++) {
		if (!prefix_has_addr(&config->vips[i].prefix, addr))
			continue;
		snprintf(command, sizeof(command), "shoal why %.64s", config->vips[i].name);
		raise_alarm(
			alarms, LEVEL_CRITICAL, config->vips[i].name, command,
			"vip %s (%s) covers %s, the node's own address on %s: what is sent to the "
			"node is forwarded to the reals; take the address out of the VIP",
			config->vips[i].name, PREFIX_STR(&config->vips[i].prefix), ADDR_STR(addr),
			uplink);
	}
}

static void check_uplink(struct alarms *alarms, uint32_t i)
{
	const struct commands_context *daemon = alarms->view->daemon;
	const char *name = core_config(daemon->core)->node.uplinks[i];
	const struct net_uplink *net = net_uplink(daemon->net, i);
	const struct dataplane_uplink *uplink = dataplane_uplink(daemon->dataplane, i);

	if (net && net->has_addr4)
		check_own_address(alarms, name, &net->addr4);
	if (net && net->has_addr6)
		check_own_address(alarms, name, &net->addr6);
	if (!net || !net->present)
		raise_alarm(alarms, LEVEL_CRITICAL, name, "shoal why node",
			    "uplink %s does not exist", name);
	else if (!net->has_carrier)
		raise_alarm(alarms, LEVEL_CRITICAL, name, "shoal why node",
			    "uplink %s has no carrier", name);
	else if (!dataplane_is_attached(daemon->dataplane, i))
		raise_alarm(alarms, LEVEL_CRITICAL, name, "shoal why node",
			    "XDP is not attached to uplink %s%s%s", name,
			    uplink && uplink->refused_why[0] ? ": " : "",
			    uplink ? uplink->refused_why : "");
	else if (uplink && !uplink->is_native &&
		 core_config(daemon->core)->node.xdp_mode != CONFIG_XDP_GENERIC)
		raise_alarm(alarms, LEVEL_WARNING, name, "shoal why node",
			    "XDP runs in generic mode on %s: %s", name,
			    uplink->generic_why[0] ? uplink->generic_why : "native was refused");
	check_offload(alarms, i);
}

/* What shoal-guard makes of a daemon that gives no verdicts, and when; "" where it does nothing. */
static void print_consequence(const struct alarms *alarms, const struct prober_life *life,
			      char *buf, size_t size)
{
	const struct config_loss *loss =
		&core_config(alarms->view->daemon->core)->routing.on_controller_loss;
	usec_t until = prober_fresh_until(life), at = until + loss->hold_us;
	usec_t now = alarms->view->now;

	*buf = '\0';
	if (until == 0 || loss->then == CONFIG_LOSS_KEEP)
		return;
	if (at > now)
		snprintf(buf, size, "; in %.0f s shoal-guard acts by on-controller-loss: %s",
			 view_seconds(at - now), config_loss_then_str(loss->then));
	else
		snprintf(buf, size, "; shoal-guard acts by on-controller-loss: %s",
			 config_loss_then_str(loss->then));
}

static void check_silence(struct alarms *alarms, enum prober_daemon daemon, const char *program,
			  const char *command)
{
	const struct prober_life *life = prober_life(alarms->view->daemon->prober, daemon);
	char consequence[96];

	print_consequence(alarms, life, consequence, sizeof(consequence));
	if (life->last_verdict && alarms->view->now > life->last_verdict + life->patience_us)
		raise_alarm(alarms, LEVEL_CRITICAL, program, command,
			    "no verdict from %s for %.0f s%s", program,
			    view_age(alarms->view, life->last_verdict), consequence);
}

static void check_prober(struct alarms *alarms)
{
	static const char command[] = "systemctl status shoal-probe";
	const struct prober_life *life = prober_life(alarms->view->daemon->prober, PROBER_PROBE);
	char consequence[96];

	print_consequence(alarms, life, consequence, sizeof(consequence));
	if (!life->is_connected)
		raise_alarm(alarms, LEVEL_CRITICAL, "shoal-probe", command,
			    "shoal-probe is not connected; the reals keep their last state%s",
			    life->n_targets ? consequence : "");
	else
		check_silence(alarms, PROBER_PROBE, "shoal-probe", command);
}

static bool is_exec(const struct config *config, uint32_t check)
{
	return config->checks[check].type == CONFIG_CHECK_EXEC;
}

/* The first pool that a program judges, and by which check. */
static const struct config_pool *exec_pool(const struct config *config, const char **ret_check)
{
	for (size_t p = 0; p < config->n_pools; p++)
		for (size_t c = 0; c < config->pools[p].n_checks; c++)
			if (is_exec(config, config->pools[p].checks[c])) {
				*ret_check = config->checks[config->pools[p].checks[c]].name;
				return &config->pools[p];
			}
	return NULL;
}

/* Only where the config has something for it. */
static void check_exec(struct alarms *alarms)
{
	const struct commands_context *daemon = alarms->view->daemon;
	const struct prober_life *life = prober_life(daemon->prober, PROBER_EXEC);
	const struct config_pool *pool;
	char consequence[96];
	const char *check;

	if (life->n_targets == 0)
		return;
	print_consequence(alarms, life, consequence, sizeof(consequence));
	pool = exec_pool(core_config(daemon->core), &check);
	if (!life->is_connected && pool)
		raise_alarm(alarms, LEVEL_CRITICAL, "shoal-exec", "systemctl start shoal-exec",
			    "shoal-exec is not connected; what exec checks judge keeps its last "
			    "state, as by check '%s' of pool '%s'%s",
			    check, pool->name, consequence);
	else
		check_silence(alarms, PROBER_EXEC, "shoal-exec", "systemctl status shoal-exec");
}

static void check_common(struct alarms *alarms)
{
	const struct core *core = alarms->view->daemon->core;
	const struct core_common *common = &core_node(core)->common;
	static const char *const does[] = {
		[CONFIG_LOSS_DRAIN] = "drained",
		[CONFIG_LOSS_WITHDRAW] = "withdrawn",
		[CONFIG_LOSS_KEEP] = "held",
	};

	if (common->since == 0)
		return;
	raise_alarm(alarms, LEVEL_CRITICAL, "node", "shoal why node",
		    "common mode: %u pools fail together that share no real, so this node "
		    "does; %s for %.0f s more",
		    common->n_pools, does[core_config(core)->routing.common_mode_then],
		    view_seconds(common->until > alarms->view->now
					 ? common->until - alarms->view->now
					 : 0));
}

/* What the node has to do without; its name as the alarm's, for machines. */
static void check_degraded(struct alarms *alarms)
{
	const struct degraded *degraded = alarms->view->daemon->degraded;
	char word[32];

	for (unsigned i = 0; degraded && i < DEGRADED_MAX; i++) {
		if (!degraded->states[i].since)
			continue;
		raise_alarm(alarms, LEVEL_WARNING, "node", degraded_remedy(i), "degraded, %s: %s",
			    degraded_str(i), degraded->states[i].sentence);
		snprintf(word, sizeof(word), "degraded-%s", degraded_str(i));
		name_alarm(alarms, LEVEL_WARNING, word);
	}
}

static void check_node(struct alarms *alarms)
{
	const struct commands_context *daemon = alarms->view->daemon;

	for (uint32_t i = 0; i < core_config(daemon->core)->node.n_uplinks; i++)
		check_uplink(alarms, i);
	check_prober(alarms);
	check_exec(alarms);
	check_common(alarms);
	check_degraded(alarms);
	if (core_node(daemon->core)->is_fenced)
		raise_alarm(alarms, LEVEL_CRITICAL, "guard", "journalctl -u shoal-guard",
			    "shoal-guard acted; nothing is announced until a complete pass");
}

/* ---- routing ---- */

static void check_peer(struct alarms *alarms, const struct router_peer *peer)
{
	const char *reset = peer_last_reset(peer);
	char command[96];

	snprintf(command, sizeof(command), "shoal why %s", peer->name);
	if (peer->is_established && router_peer_lacks_bfd(peer)) {
		raise_alarm(alarms, LEVEL_WARNING, peer->name, command,
			    "peer %s stands without BFD, which is %s: configured at one end only, "
			    "or bfdd does not run",
			    peer->name, bgp_bfd_str(peer->bfd));
		name_alarm(alarms, LEVEL_WARNING, "bfd-down");
	}
	if (peer->is_established)
		return;
	if (!peer->is_found)
		raise_alarm(alarms, LEVEL_CRITICAL, peer->name, command,
			    "peer %s: bgpd has no neighbour %s", peer->name, peer->key);
	else
		raise_alarm(alarms, LEVEL_CRITICAL, peer->name, command, "peer %s %s%s%s",
			    peer->name, peer->state[0] ? peer->state : "down", *reset ? ": " : "",
			    reset);
}

static void check_router(struct alarms *alarms)
{
	const struct router *router = alarms->view->daemon->router;

	if (router_life(router) != ROUTER_READY) {
		static const char *const words[ROUTER_LIFE_MAX] = {
			[ROUTER_CONNECTING] = "router-down",
			[ROUTER_NO_INSTANCE] = "router-no-instance",
			[ROUTER_STUCK] = "router-stuck",
		};

		raise_alarm(alarms, LEVEL_CRITICAL, "bgpd", "systemctl status frr", "%s%s",
			    router_life(router) == ROUTER_STUCK ? "router-stuck: " : "",
			    router_sentence(router));
		name_alarm(alarms, LEVEL_CRITICAL, words[router_life(router)]);
		return; /* what is known of peers is old */
	}
	for (size_t i = 0; i < router_n_peers(router); i++)
		check_peer(alarms, router_peer(router, i));
}

/* ---- zebra ---- */

#define ZEBRA_PATIENCE_US (10 * USEC_PER_SEC) /* it restarts, routes change */

/* Only what was there once can be missed. */
static void check_zebra(struct alarms *alarms)
{
	const struct fpm_life *life = fpm_life(alarms->view->daemon->fpm);
	usec_t now = alarms->view->now;
	char more[48] = "";

	if (life->state == FPM_GONE && now > life->since + ZEBRA_PATIENCE_US)
		raise_alarm(alarms, LEVEL_WARNING, "zebra", "systemctl status frr",
			    "zebra's FPM connection is gone: %s; announcements do not depend on it",
			    life->sentence);
	if (life->n_differ == 0 || now < life->differ_since + ZEBRA_PATIENCE_US)
		return;
	if (life->n_differ > 1)
		snprintf(more, sizeof(more), " (and %zu more)", life->n_differ - 1);
	raise_alarm(alarms, LEVEL_WARNING, "zebra", "shoal routes",
		    "the way to %s%s is not as zebra installed it: %s",
		    ADDR_STR(&life->differ_addr), more, fpm_difference_sentence(life->difference));
}

/* ---- the closed loop ---- */

/* Route alarms of one kind: a reason, and one peer or none (the last place). */
struct route_alarms {
	unsigned counts[LOOP_REASON_MAX][LOOP_PEERS_MAX + 1];
};

/* Traffic comes that should not, or too few peers have the route: else it is only less. */
static enum level route_level(const struct view *view, const struct loop_route *route,
			      const struct core_vip *vip)
{
	return route->intent == ROUTER_WITHDRAW ||
			       vip->peers < core_config(view->daemon->core)->routing.require_peers
		       ? LEVEL_CRITICAL
		       : LEVEL_WARNING;
}

static void alarm_route(struct alarms *alarms, const struct core_vip *vip,
			const struct loop_route *route, const struct router_peer *peer,
			const struct loop_lack *lack)
{
	enum level level = route_level(alarms->view, route, vip);
	char command[96], text[LOOP_SENTENCE_MAX];

	snprintf(command, sizeof(command), "shoal why %.64s", VIP_NAME(vip));
	raise_alarm(alarms, level, VIP_NAME(vip), command, "vip %s, for %.0f s: %s", VIP_NAME(vip),
		    view_age(alarms->view, lack->since),
		    loop_sentence(alarms->view->daemon->router, route, peer, lack->reason, text));
	name_alarm(alarms, level, loop_reason_str(lack->reason));
}

static void alarm_routes(struct alarms *alarms, const struct core_vip *vip,
			 const struct loop_route *route, const struct router_peer *peer,
			 const struct loop_lack *lack, unsigned n)
{
	enum level level = route_level(alarms->view, route, vip);
	char text[LOOP_SENTENCE_MAX];

	raise_alarm(alarms, level, peer ? peer->name : "vips", "shoal routes", "%u VIPs, as %s: %s",
		    n, VIP_NAME(vip),
		    loop_sentence(alarms->view->daemon->router, route, peer, lack->reason, text));
	name_alarm(alarms, level, loop_reason_str(lack->reason));
}

/* Each alarm of a VIP's route; peer: LOOP_PEERS_MAX for the stages before the peers. */
typedef void route_alarm_fn(struct alarms *alarms, struct route_alarms *all,
			    const struct core_vip *vip, const struct loop_route *route,
			    size_t peer);

static void count_route(struct alarms *alarms, struct route_alarms *all, const struct core_vip *vip,
			const struct loop_route *route, size_t peer)
{
	const struct loop_lack *lack =
		peer < LOOP_PEERS_MAX ? &route->peers[peer].lack : &route->lack;

	(void)alarms;
	(void)vip;
	all->counts[lack->reason][peer]++;
}

/* Few are said one by one, many of a kind together. */
static void say_route(struct alarms *alarms, struct route_alarms *all, const struct core_vip *vip,
		      const struct loop_route *route, size_t peer)
{
	const struct loop_lack *lack =
		peer < LOOP_PEERS_MAX ? &route->peers[peer].lack : &route->lack;
	const struct router *router = alarms->view->daemon->router;
	const struct router_peer *of =
		peer < router_n_peers(router) ? router_peer(router, peer) : NULL;
	unsigned *count = &all->counts[lack->reason][peer];

	if (*count == 0)
		return;
	if (*count <= VIPS_NAMED_MAX) {
		alarm_route(alarms, vip, route, of, lack);
		return;
	}
	alarm_routes(alarms, vip, route, of, lack, *count);
	*count = 0;
}

static void each_route_alarm(struct alarms *alarms, struct route_alarms *all, route_alarm_fn *fn)
{
	const struct commands_context *daemon = alarms->view->daemon;

	for (uint32_t i = 0; i < core_n_vips(daemon->core); i++) {
		const struct core_vip *vip = core_vip(daemon->core, i);
		const struct loop_route *route = loop_find(daemon->loop, &vip->prefix);

		if (!route)
			continue;
		if (route->lack.is_alarm)
			fn(alarms, all, vip, route, LOOP_PEERS_MAX);
		for (size_t k = 0; k < loop_n_peers(daemon->loop); k++)
			if (route->peers[k].lack.is_alarm)
				fn(alarms, all, vip, route, k);
	}
}

static void check_routes(struct alarms *alarms)
{
	struct route_alarms all = { 0 };

	if (core_node(alarms->view->daemon->core)->is_fenced)
		return; /* an alarm of its own; the guard acts beside us */
	each_route_alarm(alarms, &all, count_route);
	each_route_alarm(alarms, &all, say_route);
}

/* ---- services ---- */

static bool is_planned(const struct view *view, const struct core_vip *vip)
{
	return !vip->config || vip->is_drained || vip->order == VIP_ORDER_WITHDRAW ||
	       core_node(view->daemon->core)->is_drained;
}

/* " (web 1 of 4 usable, needs 2)" for the first pool without quorum. */
static void print_lack(const struct view *view, const struct core_vip *vip, char *buf, size_t size)
{
	char out[48] = "";

	buf[0] = '\0';
	for (size_t i = 0; i < vip->n_services; i++) {
		const struct core_pool *pool = core_pool(view->daemon->core, vip->services[i].pool);

		if (!pool || pool->has_quorum)
			continue;
		if (pool->n_ordered)
			snprintf(out, sizeof(out), ", operators took %u out", pool->n_ordered);
		snprintf(buf, size, " (%s %u of %zu usable, needs %u%s)", pool->config->name,
			 pool_usable(pool), pool_total(pool), pool_need(pool), out);
		return;
	}
}

/* What an alarm of its own tells already, once for all VIPs. */
static bool is_told_elsewhere(const struct view *view, enum vip_reason reason)
{
	if (reason == VIP_REASON_NO_PEER)
		return router_n_established(view->daemon->router) <
		       core_config(view->daemon->core)->routing.require_peers;
	return reason == VIP_REASON_ROUTER_DOWN || reason == VIP_REASON_NO_INSTANCE ||
	       reason == VIP_REASON_FENCED;
}

/* The alarm of its route says what is missing, and where. */
static bool has_route_alarm(const struct view *view, const struct core_vip *vip)
{
	const struct loop_route *route = loop_find(view->daemon->loop, &vip->prefix);
	bool is_alarm = route && route->lack.is_alarm;

	for (size_t i = 0; route && i < loop_n_peers(view->daemon->loop); i++)
		is_alarm |= route->peers[i].lack.is_alarm;
	return is_alarm;
}

static bool needs_alarm(const struct view *view, const struct core_vip *vip)
{
	if (vip->state == VIP_ANNOUNCED && vip->reason == VIP_REASON_SERVING)
		return false;
	if ((vip->reason == VIP_REASON_ROUTE_PENDING || vip->reason == VIP_REASON_NO_PEER) &&
	    has_route_alarm(view, vip))
		return false;
	return !is_planned(view, vip) && !is_told_elsewhere(view, vip->reason);
}

static enum level vip_level(enum vip_state state)
{
	return state == VIP_WITHDRAWN || state == VIP_WITHDRAWING ? LEVEL_CRITICAL : LEVEL_WARNING;
}

static void alarm_vip(struct alarms *alarms, const struct core_vip *vip)
{
	char command[96], lack[160];

	snprintf(command, sizeof(command), "shoal why %.64s", VIP_NAME(vip));
	print_lack(alarms->view, vip, lack, sizeof(lack));
	raise_alarm(alarms, vip_level(vip->state), VIP_NAME(vip), command, "vip %s %s: %s%s",
		    VIP_NAME(vip), vip_state_str(vip->state), vip_reason_sentence(vip->reason),
		    lack);
}

static void alarm_stuck(struct alarms *alarms, const struct core_vip *vip)
{
	char command[96];

	snprintf(command, sizeof(command), "shoal why %.64s", VIP_NAME(vip));
	raise_alarm(alarms, LEVEL_WARNING, VIP_NAME(vip), command,
		    "vip %s drained, but its traffic stays: %llu pps", VIP_NAME(vip),
		    (unsigned long long)vip->pps);
}

/* Many VIPs in one state for one reason are one line. */
static void check_vips(struct alarms *alarms)
{
	const struct view *view = alarms->view;
	const struct core *core = view->daemon->core;
	unsigned counts[VIP_STATE_MAX][VIP_REASON_MAX] = { 0 };

	for (uint32_t i = 0; i < core_n_vips(core); i++)
		if (needs_alarm(view, core_vip(core, i)))
			counts[core_vip(core, i)->state][core_vip(core, i)->reason]++;
	for (uint32_t i = 0; i < core_n_vips(core); i++) {
		const struct core_vip *vip = core_vip(core, i);
		unsigned *count = &counts[vip->state][vip->reason];

		if (vip->is_drain_stuck)
			alarm_stuck(alarms, vip);
		if (!needs_alarm(view, vip) || *count == 0)
			continue;
		if (*count <= VIPS_NAMED_MAX) {
			alarm_vip(alarms, vip);
			continue;
		}
		raise_alarm(alarms, vip_level(vip->state), "vips", "shoal vips", "%u VIPs %s: %s",
			    *count, vip_state_str(vip->state), vip_reason_sentence(vip->reason));
		*count = 0;
	}
}

static void check_override(struct alarms *alarms, const struct core_pool *pool)
{
	const struct config_pool *config = pool->config;
	char command[96], kept[48] = "";

	if (pool->override == POOL_OVERRIDE_NONE)
		return;
	if (pool->override == POOL_OVERRIDE_FLOOR)
		snprintf(kept, sizeof(kept), " (%u of %zu)", pool->n_kept, config->n_reals);
	snprintf(command, sizeof(command), "shoal why %.64s", config->name);
	raise_alarm(alarms, pool->override == POOL_OVERRIDE_FLOOR ? LEVEL_WARNING : LEVEL_CRITICAL,
		    config->name, command, "pool %s, override %s: %s%s", config->name,
		    pool_override_str(pool->override), pool_override_sentence(pool->override),
		    kept);
}

/* An order that is about to end, and what those there are cost. */
static void check_orders(struct alarms *alarms, uint32_t index)
{
	const struct commands_context *daemon = alarms->view->daemon;
	const struct core_pool *pool = core_pool(daemon->core, index);
	const char *name = pool->config->name;
	char command[160];

	if (pool->floor_missed) {
		snprintf(command, sizeof(command), "shoal reals %s", name);
		raise_alarm(alarms, LEVEL_WARNING, name, command,
			    "pool %s is below its depool floor of %u reals: operators took %u out",
			    name, pool->floor_missed, pool->n_ordered);
	}
	for (uint32_t i = 0; pool->n_ordered && i < pool->config->n_reals; i++) {
		const char *real = pool->config->reals[i].name;
		const struct core_order *order =
			pool->reals[i].order ? daemon->order_of(daemon->daemon, index, i) : NULL;

		if (!order ||
		    !core_order_ends_soon(order, alarms->view->wall_us, alarms->view->now))
			continue;
		snprintf(command, sizeof(command), "shoal why %s/%s", name, real);
		raise_alarm(alarms, LEVEL_WARNING, name, command,
			    "real %s/%s will not be %s much longer: the order of %s ends in %.0f s",
			    name, real, real_order_str(order->order), order->owner,
			    view_seconds(core_order_left(order, alarms->view->wall_us,
							 alarms->view->now)));
	}
}

static void print_day(uint64_t at, char ret[32])
{
	time_t t = (time_t)at;
	struct tm tm = { 0 };

	gmtime_r(&t, &tm);
	strftime(ret, 32, "%Y-%m-%d", &tm);
}

/* The certificate of a pool that ends first, and how many do soon. */
static void check_certificates(struct alarms *alarms, uint32_t index)
{
	const struct core_pool *pool = core_pool(alarms->view->daemon->core, index);
	const struct config_pool *config = pool->config;
	char command[160], more[48] = "", when[32];
	const struct core_check *first = NULL;
	size_t n = 0, real = 0;

	for (size_t i = 0; i < config->n_reals * config->n_checks; i++) {
		const struct core_check *check = &pool->checks[i];

		if (check->cert_ends == 0)
			continue;
		n++;
		if (first && first->cert_ends <= check->cert_ends)
			continue;
		first = check;
		real = i / config->n_checks;
	}
	if (!first)
		return;
	if (n > 1)
		snprintf(more, sizeof(more), ", and %zu more end soon", n - 1);
	print_day(first->cert_ends, when);
	snprintf(command, sizeof(command), "shoal why %s/%s", config->name,
		 config->reals[real].name);
	raise_alarm(alarms, LEVEL_WARNING, config->name, command,
		    "the certificate of real %s/%s ends on %s%s", config->name,
		    config->reals[real].name, when, more);
}

static void check_pool(struct alarms *alarms, uint32_t index)
{
	const struct core_pool *pool = core_pool(alarms->view->daemon->core, index);
	const struct config_real *first = NULL;
	char command[160];
	unsigned down = 0;

	check_orders(alarms, index);
	check_certificates(alarms, index);
	for (size_t i = 0; i < pool->config->n_reals; i++) {
		/* Planned work is no alarm. */
		if (pool->reals[i].state != REAL_DOWN || pool->reals[i].order)
			continue;
		if (down++ == 0)
			first = &pool->config->reals[i];
	}
	check_override(alarms, pool);
	if (!first)
		return;
	snprintf(command, sizeof(command), down == 1 ? "shoal why %s/%s" : "shoal reals %s",
		 pool->config->name, first->name);
	raise_alarm(alarms, LEVEL_WARNING, pool->config->name, command,
		    "pool %s: %u of %zu reals down (%s%s)", pool->config->name, down,
		    pool->config->n_reals, first->name, down > 1 ? " and more" : "");
}

/* ---- the config ---- */

/* Nobody confirmed yet, or nobody did. */
static void check_trial(struct alarms *alarms, const struct commands_config *state)
{
	double left = view_seconds(state->left_us);

	if (strcmp(state->trial, "pending") == 0 && state->trouble[0])
		raise_alarm(alarms, LEVEL_CRITICAL, "config", "shoal reload",
			    "nobody confirmed generation %.8s in time, and going back to %.8s "
			    "fails: %s",
			    state->tried, state->former, state->trouble);
	else if (strcmp(state->trial, "pending") == 0)
		raise_alarm(alarms, LEVEL_WARNING, "config", "shoal confirm",
			    "the reload by %s is not confirmed: in %.0f s the node goes back to "
			    "generation %.8s",
			    state->owner, left, state->former);
	else if (strcmp(state->trial, "went-back") == 0)
		raise_alarm(alarms, LEVEL_WARNING, "config", "shoal reload",
			    "went back to generation %.8s, as nobody confirmed %.8s; a reload "
			    "reads the file",
			    state->former, state->tried);
	else
		return;
	name_alarm(alarms, state->trouble[0] ? LEVEL_CRITICAL : LEVEL_WARNING,
		   strcmp(state->trial, "pending") == 0 ? "config-unconfirmed"
							: "config-went-back");
}

/* What a restart would read is not what is in force. */
static void check_file(struct alarms *alarms, const struct commands_config *state)
{
	const char *file = alarms->view->daemon->config_file;
	char command[256];

	snprintf(command, sizeof(command), "shoal %s %.200s",
		 strcmp(state->file_state, "differs") == 0 ? "diff" : "check", file);
	if (strcmp(state->file_state, "differs") == 0)
		raise_alarm(alarms, LEVEL_WARNING, "config", command,
			    "%s holds generation %.8s, in force is %.8s", file,
			    state->file_generation,
			    core_config(alarms->view->daemon->core)->generation);
	else if (strcmp(state->file_state, "bad") == 0)
		raise_alarm(alarms, LEVEL_WARNING, "config", command,
			    "%s has %u error%s: shoald would not start with it", file,
			    state->file_errors, state->file_errors == 1 ? "" : "s");
	else if (strcmp(state->file_state, "missing") == 0)
		raise_alarm(alarms, LEVEL_WARNING, "config", command,
			    "%s cannot be read: shoald would not start", file);
	else
		return;
	name_alarm(alarms, LEVEL_WARNING, "config-file");
}

static void check_config(struct alarms *alarms)
{
	const struct commands_context *daemon = alarms->view->daemon;
	struct commands_config state = daemon->config_state(daemon->daemon);

	check_trial(alarms, &state);
	check_file(alarms, &state);
}

json_t *view_alarms(const struct view *view)
{
	const struct core *core = view->daemon->core;
	struct alarms alarms = { view, json_array(), json_array() };

	check_node(&alarms);
	check_router(&alarms);
	check_routes(&alarms);
	check_zebra(&alarms);
	check_vips(&alarms);
	for (uint32_t i = 0; i < core_n_pools(core); i++)
		check_pool(&alarms, i);
	check_config(&alarms);
	json_array_extend(alarms.critical, alarms.warnings);
	json_decref(alarms.warnings);
	return alarms.critical;
}
