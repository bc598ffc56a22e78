/* SPDX-License-Identifier: Apache-2.0 */
/*
 * why.c - the chain of causes of one thing, as a tree: what it is, since when, on what evidence,
 * what it rests on; then what would change it, with the command that does.
 *
 * A link is {kind, name, state, verdict: ok|warn|bad, text, since_us, age_s, causes: [link]}.
 * Healthy causes are said briefly, broken ones at length; of many reals only the broken are named.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frr-integration/route_loop.h"
#include "frr-integration/router.h"
#include "health/judge.h"
#include "health/prober.h"
#include "src/base/auto.h"
#include "src/ctl/remedy.h"
#include "src/ctl/view.h"
#include "src/dataplane/dataplane.h"
#include "src/net/net.h"

#define REALS_NAMED_MAX  16 /* in a pool with more, those that are well are counted only */
#define BROKEN_NAMED_MAX 64 /* reals of all pools together */

enum verdict { VERDICT_OK, VERDICT_WARN, VERDICT_BAD };

static const char *const verdicts[] = {
	[VERDICT_OK] = "ok",
	[VERDICT_WARN] = "warn",
	[VERDICT_BAD] = "bad",
};

struct link {
	const char *kind, *name, *state;
	enum verdict verdict;
	usec_t since;
};

static json_t *link_new(const struct view *view, const struct link *link, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static json_t *link_new(const struct view *view, const struct link *link, const char *fmt, ...)
{
	AUTO(freep) char *text = NULL;
	json_t *object;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	va_end(args);
	object = json_pack("{s:s, s:s, s:s, s:s, s:s?, s:[]}", "kind", link->kind, "name",
			   link->name, "state", link->state, "verdict", verdicts[link->verdict],
			   "text", text, "causes");
	view_set_since(object, view, link->since);
	return object;
}

static void add_cause(json_t *link, json_t *cause)
{
	if (cause)
		json_array_append_new(json_object_get(link, "causes"), cause);
}

static void add_next(json_t *next, const char *command, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void add_next(json_t *next, const char *command, const char *fmt, ...)
{
	AUTO(freep) char *text = NULL;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	va_end(args);
	json_array_append_new(next, json_pack("{s:s, s:s?}", "text", text, "command", command));
}

/* ---- reals ---- */

/* Why no packet can be sent to a real: the first uplink's reason. */
static const char *no_way(const struct view *view, const struct config_real *real)
{
	for (uint32_t i = 0; i < core_config(view->daemon->core)->node.n_uplinks; i++) {
		const struct net_next_hop *hop = net_next_hop(view->daemon->net, i, &real->addr);

		if (hop && !hop->usable && hop->why)
			return hop->why;
	}
	return "no usable next hop";
}

/* What becomes of its flows. */
static json_t *flows_link(const struct view *view, const struct core_real *real)
{
	const struct link link = {
		.kind = "flows",
		.name = "",
		.state = real_life_str(real->life),
		.verdict = real->life == REAL_DEAD    ? VERDICT_BAD
			   : real->life == REAL_TAKES ? VERDICT_OK
						      : VERDICT_WARN,
		.since = real->life_since,
	};

	return link_new(view, &link, "%s", life_reason_sentence(real->life_reason));
}

static const char *print_left(double left_s, char *buf, size_t size)
{
	if (left_s < 120)
		snprintf(buf, size, "; ends by itself in %.0f s", left_s);
	else if (left_s < 7200)
		snprintf(buf, size, "; ends by itself in %.0f min", left_s / 60);
	else
		snprintf(buf, size, "; ends by itself in %.1f h", left_s / 3600);
	return buf;
}

/* By whom it was taken out, and until when. */
static json_t *order_link(const struct view *view, uint32_t pool, uint32_t index)
{
	AUTO(json_decrefp) json_t *order = view_order(view, pool, index);
	const char *reason = json_string_value(json_object_get(order, "reason"));
	const json_t *left = json_object_get(order, "left_s");
	const struct link link = {
		.kind = "operator",
		.name = "",
		.state = json_string_value(json_object_get(order, "order")),
		.verdict = VERDICT_WARN,
	};
	char until[48];
	json_t *object;

	object = link_new(
		view, &link, "by %s%s%s%s%s", json_string_value(json_object_get(order, "owner")),
		*reason ? ": \"" : "", reason, *reason ? "\"" : "",
		json_is_real(left) ? print_left(json_real_value(left), until, sizeof(until))
				   : "; until it is enabled");
	json_object_set(object, "since_us", json_object_get(order, "since_us"));
	json_object_set(object, "age_s", json_object_get(order, "age_s"));
	return object;
}

/* "1230 new connections, 574 SYN retransmissions, 31.8% of all SYNs" */
static void print_syns(const json_t *counted, char *buf, size_t size)
{
	const json_t *percent = json_object_get(counted, "retransmitted_percent");
	char of_all[32] = "";

	if (json_is_real(percent))
		snprintf(of_all, sizeof(of_all), ", %.1f%% of all SYNs", json_real_value(percent));
	snprintf(buf, size, "%lld new connections, %lld SYN retransmissions%s",
		 (long long)json_integer_value(json_object_get(counted, "connections")),
		 (long long)json_integer_value(json_object_get(counted, "retransmissions")),
		 of_all);
}

/* What clients' SYNs say of it while its pool is watched; NULL when it is not. */
static json_t *syns_link(const struct view *view, uint32_t pool, uint32_t index)
{
	AUTO(json_decrefp) json_t *syns = view_syns(view, pool, index);
	AUTO(json_decrefp) json_t *watch = view_watch(view, pool);
	bool is_deviating = json_is_true(json_object_get(syns, "is_deviating"));
	const struct link link = {
		.kind = "watch",
		.name = "",
		.state = is_deviating ? "deviates" : "counted",
		.verdict = is_deviating ? VERDICT_WARN : VERDICT_OK,
	};
	char counted[128];
	json_t *object;

	if (!json_is_object(syns))
		return NULL;
	print_syns(syns, counted, sizeof(counted));
	object = link_new(view, &link, "%s; median of the pool %.1f%%; nothing acts on it", counted,
			  json_number_value(json_object_get(watch, "median_percent")));
	json_object_set(object, "since_us", json_object_get(syns, "since_us"));
	json_object_set(object, "age_s", json_object_get(syns, "age_s"));
	return object;
}

/* Who has the pool watched, and what all its clients' SYNs say; NULL. */
static json_t *watch_link(const struct view *view, uint32_t pool)
{
	AUTO(json_decrefp) json_t *watch = view_watch(view, pool);
	const char *reason = json_string_value(json_object_get(watch, "reason"));
	const struct link link = { .kind = "watch", .name = "", .state = "watched" };
	char left[48], counted[128];
	json_t *object;

	if (!json_is_object(watch))
		return NULL;
	print_left(json_number_value(json_object_get(watch, "left_s")), left, sizeof(left));
	print_syns(watch, counted, sizeof(counted));
	object = link_new(view, &link, "by %s%s%s%s%s; %s",
			  json_string_value(json_object_get(watch, "owner")), *reason ? ": \"" : "",
			  reason, *reason ? "\"" : "", left, counted);
	json_object_set(object, "since_us", json_object_get(watch, "since_us"));
	json_object_set(object, "age_s", json_object_get(watch, "age_s"));
	return object;
}

/* What the pool does with a real besides what its checks say. */
static void print_serving(const struct core_pool *pool, const struct core_real *real, char *buf,
			  size_t size)
{
	buf[0] = '\0';
	if (real->is_kept)
		snprintf(buf, size, "; gets new flows all the same: %s",
			 pool_override_str(pool->override));
	else if (real->takes_new_flows && real->share_percent < 100)
		snprintf(buf, size, "; slow start: %u%% of its share", real->share_percent);
}

static json_t *real_link(const struct view *view, uint32_t pool_index, uint32_t index)
{
	const struct core_pool *pool = core_pool(view->daemon->core, pool_index);
	const struct core_real *real = &pool->reals[index];
	const struct config_real *config = &pool->config->reals[index];
	const struct link link = {
		.kind = "real",
		.name = config->name,
		.state = real_state_str(real->state),
		.verdict = real->state == REAL_DOWN ? VERDICT_BAD
			   : real->state == REAL_UNKNOWN || !real->has_next_hop || real->order
				   ? VERDICT_WARN
				   : VERDICT_OK,
		.since = real->since,
	};
	const char *sentence = probe_reason_sentence(real->reason);
	char row[48] = "", serving[80];
	json_t *object;

	print_serving(pool, real, serving, sizeof(serving));
	if (real->in_a_row > 1 && real->state != REAL_UP)
		snprintf(row, sizeof(row), ", %u in a row", real->in_a_row);
	object = link_new(view, &link, "%s%s%s%s%s%s%s%s", sentence, *real->evidence ? ": " : "",
			  real->evidence, row, config->is_backup ? "; backup" : "",
			  real->has_next_hop ? "" : "; no way to it: ",
			  real->has_next_hop ? "" : no_way(view, config), serving);
	if (real->order)
		add_cause(object, order_link(view, pool_index, index));
	if (real->life == REAL_LEAVING || real->life == REAL_DEAD)
		add_cause(object, flows_link(view, real));
	add_cause(object, syns_link(view, pool_index, index));
	return object;
}

/* ---- pools ---- */

/* The ring remembers for a while where slots led before a change; NULL when none does. */
static json_t *slots_link(const struct view *view, uint32_t pool)
{
	struct dataplane_transition t;
	struct link link = { .kind = "slots", .name = "", .state = "settling" };

	if (!view->daemon->transition(view->daemon->daemon, pool, &t) || t.moving + t.settling == 0)
		return NULL;
	if (t.moving)
		link.state = "moving";
	link.since = t.changed_us;
	return link_new(view, &link,
			"of %u, %u moving and %u settling: the flows they had keep their reals",
			RING_SLOTS, t.moving, t.settling);
}

/* "; 2 taken out by operators, below the depool floor of 3" */
static void print_orders(const struct core_pool *pool, char *buf, size_t size)
{
	char floor[48] = "";

	if (pool->floor_missed)
		snprintf(floor, sizeof(floor), ", below the depool floor of %u",
			 pool->floor_missed);
	buf[0] = '\0';
	if (pool->n_ordered)
		snprintf(buf, size, "; %u taken out by operators%s", pool->n_ordered, floor);
}

/* most: how many reals that are not well are named. */
static json_t *pool_link(const struct view *view, uint32_t index, size_t most)
{
	const struct core_pool *pool = core_pool(view->daemon->core, index);
	const struct config_pool *config = pool->config;
	const struct link link = {
		.kind = "pool",
		.name = config->name,
		.state = pool->has_quorum  ? "quorum"
			 : pool->is_judged ? "no quorum"
					   : "not judged",
		.verdict = !pool->has_quorum                      ? VERDICT_BAD
			   : pool->override || pool->floor_missed ? VERDICT_WARN
								  : VERDICT_OK,
		.since = pool->quorum_since,
	};
	bool is_overridden = pool->override != POOL_OVERRIDE_NONE;
	char orders[96];
	json_t *object;

	print_orders(pool, orders, sizeof(orders));
	object = link_new(
		view, &link, "%u of %zu usable%s, needs %u to stay, %u to return%s%s%s%s%s%s",
		pool_usable(pool), pool_total(pool),
		pool->usable == 0 && pool->usable_backups ? " (backups)" : "", config->quorum_stay,
		config->quorum_return, orders, pool->is_held ? "; held as it was until judged" : "",
		is_overridden ? "; override " : "",
		is_overridden ? pool_override_str(pool->override) : "", is_overridden ? ": " : "",
		is_overridden ? pool_override_sentence(pool->override) : "");
	size_t left_out = 0, named = 0, unnamed = 0;

	add_cause(object, slots_link(view, index));
	add_cause(object, watch_link(view, index));
	for (uint32_t i = 0; i < config->n_reals; i++) {
		bool is_well = pool->reals[i].state == REAL_UP && pool->reals[i].has_next_hop &&
			       pool->reals[i].share_percent == 100 && !pool->reals[i].order &&
			       !view_real_deviates(view, index, i);

		if (is_well && config->n_reals > REALS_NAMED_MAX)
			left_out++;
		else if (!is_well && named++ >= most)
			unnamed++;
		else
			add_cause(object, real_link(view, index, i));
	}
	json_object_set_new(object, "unnamed", json_integer((json_int_t)unnamed));
	json_object_set_new(object, "left_out", json_integer((json_int_t)left_out));
	return object;
}

/* ---- data plane ---- */

static json_t *uplink_link(const struct view *view, uint32_t i)
{
	const struct commands_context *daemon = view->daemon;
	const struct net_uplink *net = net_uplink(daemon->net, i);
	const struct dataplane_uplink *uplink = dataplane_uplink(daemon->dataplane, i);
	bool is_attached = dataplane_is_attached(daemon->dataplane, i);
	bool is_well = net && net->present && net->has_carrier && is_attached;
	struct err err;
	struct link link = {
		.kind = "uplink",
		.name = core_config(daemon->core)->node.uplinks[i],
		.state = is_well ? "usable" : "not usable",
		.verdict = is_well ? VERDICT_OK : VERDICT_BAD,
	};

	if (!net || !net->present)
		return link_new(view, &link, "the interface does not exist");
	if (!net->has_carrier)
		return link_new(view, &link, "no carrier, or set down");
	if (!is_attached)
		return link_new(view, &link, "XDP is not attached%s%s",
				uplink && uplink->refused_why[0] ? ": " : "",
				uplink ? uplink->refused_why : "");
	if (dataplane_check_offload(daemon->dataplane, i, &err) < 0) {
		link.verdict = VERDICT_WARN;
		return link_new(view, &link, "%s", err.text);
	}
	if (uplink && !uplink->is_native)
		return link_new(view, &link, "XDP generic%s%s, MTU %u",
				uplink->generic_why[0] ? ", because " : "", uplink->generic_why,
				net->mtu_bytes);
	return link_new(view, &link, "XDP native, MTU %u", net->mtu_bytes);
}

static json_t *dataplane_link(const struct view *view, const struct core_vip *vip)
{
	const struct core_node *node = core_node(view->daemon->core);
	size_t programmed = 0, tested = 0;
	struct link link = { .kind = "data plane", .name = "", .state = "forwards" };
	json_t *object;

	for (size_t i = 0; i < vip->n_services; i++) {
		programmed += vip->services[i].is_programmed;
		tested += vip->services[i].is_self_tested;
	}
	if (programmed < vip->n_services || tested < vip->n_services ||
	    node->usable_uplinks < node->n_uplinks) {
		link.verdict = node->usable_uplinks ? VERDICT_WARN : VERDICT_BAD;
		link.state = node->usable_uplinks ? "not complete" : "no usable uplink";
	}
	object = link_new(
		view, &link,
		"%zu of %zu services programmed, %zu self-tested, %u of %u uplinks usable",
		programmed, vip->n_services, tested, node->usable_uplinks, node->n_uplinks);
	if (link.verdict != VERDICT_OK)
		for (uint32_t i = 0; i < node->n_uplinks; i++)
			add_cause(object, uplink_link(view, i));
	return object;
}

/* ---- routing ---- */

static json_t *bfd_link(const struct view *view, const struct router_peer *peer)
{
	const struct link link = {
		.kind = "BFD",
		.name = "",
		.state = bgp_bfd_str(peer->bfd),
		.verdict = router_peer_lacks_bfd(peer) ? VERDICT_BAD : VERDICT_OK,
		.since = peer->bfd_since,
	};

	return link_new(view, &link, "receives every %u ms, sends every %u ms, down after %u%s",
			peer->bfd_rx_ms, peer->bfd_tx_ms, peer->bfd_multiplier,
			router_peer_lacks_bfd(peer) && peer->is_established
				? "; the session stands without it: configured at one end only, or "
				  "bfdd does not run"
				: "");
}

static json_t *peer_link(const struct view *view, const struct router_peer *peer)
{
	bool lacks_bfd = peer->is_established && router_peer_lacks_bfd(peer);
	const struct link link = {
		.kind = "peer",
		.name = peer->name,
		.state = peer->is_established ? "established" : "down",
		.verdict = lacks_bfd              ? VERDICT_WARN
			   : peer->is_established ? VERDICT_OK
						  : VERDICT_BAD,
		.since = peer->since,
	};
	const char *reset = peer_last_reset(peer);
	json_t *object;

	if (!peer->is_found)
		return link_new(view, &link, "bgpd has no neighbour %s", peer->key);
	if (peer->is_established)
		object = link_new(view, &link, "%u IPv4 and %u IPv6 routes sent, %u of them VIPs",
				  peer->prefixes_sent4, peer->prefixes_sent6,
				  peer->ours4 + peer->ours6);
	else
		object = link_new(view, &link, "bgpd says %s%s%s",
				  peer->state[0] ? peer->state : "nothing",
				  *reset ? ", last reset: " : "", reset);
	if (peer->bfd != BGP_BFD_NONE)
		add_cause(object, bfd_link(view, peer));
	return object;
}

static json_t *bgpd_link(const struct view *view)
{
	const struct router *router = view->daemon->router;
	bool is_ready = router_life(router) == ROUTER_READY;
	const struct link link = {
		.kind = "bgpd",
		.name = "",
		.state = router_life_str(router_life(router)),
		.verdict = is_ready ? VERDICT_OK : VERDICT_BAD,
	};
	json_t *object = link_new(view, &link, "%s", router_sentence(router));

	for (size_t i = 0; is_ready && i < router_n_peers(router); i++)
		add_cause(object, peer_link(view, router_peer(router, i)));
	return object;
}

#define SENT_NAMED_MAX 8 /* peers that hold a route as they shall, one by one */

static json_t *sent_link(const struct view *view, const struct loop_route *route, size_t i)
{
	const struct router_peer *peer = router_peer(view->daemon->router, i);
	const struct loop_peer *held = &route->peers[i];
	bool is_well = held->lack.reason == LOOP_AS_INTENDED;
	const struct link link = {
		.kind = "sent to",
		.name = peer->name,
		.state = held->is_held ? "yes" : "no",
		.verdict = is_well               ? VERDICT_OK
			   : held->lack.is_alarm ? VERDICT_BAD
						 : VERDICT_WARN,
		.since = held->since,
	};
	char text[LOOP_SENTENCE_MAX];

	return link_new(view, &link, "%s",
			is_well ? held->is_held ? "in its Adj-RIB-Out" : "not in its Adj-RIB-Out"
				: loop_sentence(view->daemon->router, route, peer,
						held->lack.reason, text));
}

/* What bgpd was told, or was found with, and what stands in its configuration. */
static json_t *command_link(const struct view *view, const struct loop_route *route)
{
	static const char *const lines[ROUTER_OP_MAX] = {
		[ROUTER_WITHDRAW] = "no network line",
		[ROUTER_DRAIN] = "a network line with 65535:0",
		[ROUTER_ANNOUNCE] = "a network line",
	};
	static const char *const words[ROUTER_OP_MAX] = {
		[ROUTER_WITHDRAW] = "withdraw",
		[ROUTER_DRAIN] = "drain",
		[ROUTER_ANNOUNCE] = "announce",
	};
	struct router_command command = router_command(view->daemon->router, &route->prefix);
	const struct link link = {
		.kind = "commanded",
		.name = "",
		.state = command.at ? words[command.op] : "found so",
		.verdict = route->line == route->intent ? VERDICT_OK : VERDICT_WARN,
		.since = command.at ? command.at : route->line_since,
	};

	return link_new(view, &link, "%s in bgpd's configuration%s", lines[route->line],
			command.is_waiting ? "; a change waits to be written" : "");
}

static json_t *table_link(const struct view *view, const struct loop_route *route)
{
	bool is_well = route->is_local == (route->intent != ROUTER_WITHDRAW);
	const struct link link = {
		.kind = "table",
		.name = "",
		.state = route->is_local ? "there" : "absent",
		.verdict = is_well ? VERDICT_OK : VERDICT_WARN,
		.since = route->local_since,
	};

	return link_new(view, &link, "%s",
			route->is_local ? "bgpd originates it" : "bgpd does not originate it");
}

/* From the line to each peer, with the moments; nothing while bgpd is not read. */
static void add_stages(const struct view *view, const struct prefix *prefix, json_t *object)
{
	const struct loop_route *route = loop_find(view->daemon->loop, prefix);
	size_t named = 0;

	if (!route || !loop_is_known(view->daemon->loop))
		return;
	add_cause(object, command_link(view, route));
	add_cause(object, table_link(view, route));
	for (size_t i = 0; i < loop_n_peers(view->daemon->loop); i++)
		if (route->peers[i].lack.reason != LOOP_AS_INTENDED || named++ < SENT_NAMED_MAX)
			add_cause(object, sent_link(view, route, i));
}

/* "; its line stands, but ...": what the loop found wrong before the peers. */
static void print_lack(const struct view *view, const struct loop_route *route, char *buf,
		       size_t size)
{
	char text[LOOP_SENTENCE_MAX];

	buf[0] = '\0';
	if (route && route->lack.reason != LOOP_AS_INTENDED)
		snprintf(
			buf, size, "; %s",
			loop_sentence(view->daemon->router, route, NULL, route->lack.reason, text));
}

static bool some_peer_lacks(const struct view *view, const struct loop_route *route)
{
	for (size_t i = 0; route && i < loop_n_peers(view->daemon->loop); i++)
		if (route->peers[i].lack.is_alarm)
			return true;
	return false;
}

static json_t *route_link(const struct view *view, const struct core_vip *vip)
{
	static const char *const intents[] = {
		[ROUTE_NONE] = "absent",
		[ROUTE_ANNOUNCE] = "announced",
		[ROUTE_DRAIN] = "announced as draining",
	};
	const struct router *router = view->daemon->router;
	const struct loop_route *loop = loop_find(view->daemon->loop, &vip->prefix);
	const struct router_route *route = router_route_find(router, &vip->prefix);
	uint32_t need = core_config(view->daemon->core)->routing.require_peers;
	bool has_line = route && route->has_line;
	bool is_well = vip->intent == ROUTE_NONE ? !has_line && vip->peers == 0
						 : has_line && vip->peers >= need;
	const struct link link = {
		.kind = "route",
		.name = PREFIX_STR(&vip->prefix),
		.state = !is_well                      ? "not as intended"
			 : some_peer_lacks(view, loop) ? "as intended in part"
						       : "as intended",
		.verdict = !is_well                      ? VERDICT_BAD
			   : some_peer_lacks(view, loop) ? VERDICT_WARN
							 : VERDICT_OK,
		.since = loop ? loop->intent_since : 0,
	};
	char needs[32] = "", lack[LOOP_SENTENCE_MAX + 4];
	json_t *object;

	if (vip->intent != ROUTE_NONE)
		snprintf(needs, sizeof(needs), " (needs %u)", need);
	print_lack(view, loop, lack, sizeof(lack));
	object =
		link_new(view, &link, "shall be %s; in the Adj-RIB-Out of %u peer%s%s%s",
			 intents[vip->intent], vip->peers, vip->peers == 1 ? "" : "s", needs, lack);
	add_stages(view, &vip->prefix, object);
	if (!is_well || vip->reason == VIP_REASON_NO_PEER || vip->reason == VIP_REASON_ROUTER_DOWN)
		add_cause(object, bgpd_link(view));
	return object;
}

/* ---- operators ---- */

static json_t *drain_link(const struct view *view, const char *what, const char *word,
			  const struct core_drain *drain)
{
	const struct link link = {
		.kind = "operator", .name = what, .state = word, .verdict = VERDICT_WARN
	};
	json_t *object =
		link_new(view, &link, "by %s%s%s%s", drain->owner, drain->reason[0] ? ": \"" : "",
			 drain->reason, drain->reason[0] ? "\"" : "");

	view_set_since_wall(object, view, drain->wall_us);
	return object;
}

static void add_drains(const struct view *view, const struct core_vip *vip, json_t *link)
{
	const struct core_node *node = core_node(view->daemon->core);

	if (node->is_drained)
		add_cause(link, drain_link(view, "node", "drained", &node->drain));
	if (vip && vip->is_drained)
		add_cause(link, drain_link(view, VIP_NAME(vip), "drained", &vip->drain));
	if (vip && vip->order)
		add_cause(link, drain_link(view, VIP_NAME(vip), vip_order_str(vip->order),
					   &vip->order_by));
	if (node->is_fenced)
		add_cause(link, link_new(view,
					 &(struct link){ .kind = "guard",
							 .name = "fence",
							 .state = "fenced",
							 .verdict = VERDICT_BAD },
					 "shoal-guard acted while shoald or the data plane was "
					 "gone"));
}

/* ---- what would change a VIP ---- */

/* The first pool of the VIP without quorum, else the first. */
static const struct core_pool *weakest_pool(const struct view *view, const struct core_vip *vip)
{
	const struct core_pool *weakest = NULL;

	for (size_t i = 0; i < vip->n_services; i++) {
		const struct core_pool *pool = core_pool(view->daemon->core, vip->services[i].pool);

		if (pool && (!weakest || (weakest->has_quorum && !pool->has_quorum)))
			weakest = pool;
	}
	return weakest;
}

static void next_quorum(const struct view *view, const struct core_vip *vip, json_t *next)
{
	const struct core_pool *pool = weakest_pool(view, vip);
	uint32_t missing;
	char command[96];

	if (!pool) {
		add_next(next, NULL, "comes back when the VIP has a service with a pool");
		return;
	}
	missing = pool_need(pool) > pool_usable(pool) ? pool_need(pool) - pool_usable(pool) : 0;
	snprintf(command, sizeof(command), "shoal reals %s", pool->config->name);
	add_next(next, command, "comes back when %u more real%s of pool %s %s up", missing,
		 missing == 1 ? "" : "s", pool->config->name, missing == 1 ? "is" : "are");
}

/* What keeps a route that serves from more peers. */
static void next_lacking(const struct view *view, const struct core_vip *vip, json_t *next)
{
	const struct loop_route *loop = loop_find(view->daemon->loop, &vip->prefix);
	char command[96];

	if (!some_peer_lacks(view, loop))
		return;
	snprintf(command, sizeof(command), "shoal routes %.64s", VIP_NAME(vip));
	add_next(next, command, "in every peer when what its route lacks above is mended");
}

static void next_wait(const struct view *view, const struct core_vip *vip, json_t *next,
		      const char *what)
{
	double left = vip->held_until > view->now
			      ? (double)(vip->held_until - view->now) / (double)USEC_PER_SEC
			      : 0;
	char command[112];

	add_next(next, NULL, "announced in %.0f s, when the %s ends%s", left, what,
		 vip->flaps > 1 ? "; it was withdrawn several times within 10 min" : "");
	snprintf(command, sizeof(command), "shoal vip %.64s announce --for 10m", VIP_NAME(vip));
	add_next(next, command, "to announce it before");
}

static void next_serving(const struct view *view, const struct core_vip *vip, json_t *next)
{
	const struct core_pool *pool = weakest_pool(view, vip);
	char command[96];

	if (pool && pool->config->quorum_stay == 1)
		add_next(next, NULL, "withdrawn when no real of pool %s is usable",
			 pool->config->name);
	else if (pool)
		add_next(next, NULL, "withdrawn when fewer than %u reals of pool %s are usable",
			 pool->config->quorum_stay, pool->config->name);
	snprintf(command, sizeof(command), "shoal drain %.64s", VIP_NAME(vip));
	add_next(next, command, "to move its traffic away");
}

static void next_drained(const struct core_vip *vip, json_t *next)
{
	char command[96];

	snprintf(command, sizeof(command), "shoal undrain %.64s", VIP_NAME(vip));
	add_next(next, command, "announced when its drain ends");
}

/* An operator's word is ended by another. */
static void next_by_hand(const struct core_vip *vip, json_t *next)
{
	char command[96];

	snprintf(command, sizeof(command), "shoal vip %.64s auto", VIP_NAME(vip));
	add_next(next, command,
		 vip->order == VIP_ORDER_WITHDRAW ? "announced, when ready, when the order ends"
						  : "by its checks again when the order ends");
}

static void next_stuck(const struct view *view, const struct core_vip *vip, json_t *next)
{
	bool is_node = core_node(view->daemon->core)->is_drained;
	char command[96];

	snprintf(command, sizeof(command), "shoal drain --force %.64s",
		 is_node ? "" : VIP_NAME(vip));
	add_next(next, command,
		 "nobody else announces it, or the peers ignore 65535:0; to withdraw all the same");
	snprintf(command, sizeof(command), "shoal undrain %.64s", is_node ? "" : VIP_NAME(vip));
	add_next(next, command, "to serve again");
}

/* Of reasons that need no numbers. */
static void next_of_reason(const struct core_vip *vip, json_t *next)
{
	const struct remedy *remedy = remedy_of_vip(vip->reason);

	add_next(next, remedy->command, "%s", remedy->text);
}

static json_t *vip_what_next(const struct view *view, const struct core_vip *vip)
{
	json_t *next = json_array();

	switch (vip->reason) {
	case VIP_REASON_NO_QUORUM:
		next_quorum(view, vip, next);
		break;
	case VIP_REASON_WARM_UP:
		next_wait(view, vip, next, "warm-up");
		break;
	case VIP_REASON_HOLD_DOWN:
		next_wait(view, vip, next, "hold-down");
		break;
	case VIP_REASON_VIP_DRAINED:
		next_drained(vip, next);
		break;
	case VIP_REASON_WITHDRAWN_BY_HAND:
	case VIP_REASON_ANNOUNCED_BY_HAND:
		next_by_hand(vip, next);
		break;
	case VIP_REASON_DRAIN_STUCK:
		next_stuck(view, vip, next);
		break;
	case VIP_REASON_SERVING:
		next_lacking(view, vip, next);
		next_serving(view, vip, next);
		break;
	case VIP_REASON_STARTING:
	case VIP_REASON_NOT_PROGRAMMED:
	case VIP_REASON_SELF_TEST:
	case VIP_REASON_XDP_GONE:
	case VIP_REASON_NO_NEXT_HOP:
	case VIP_REASON_COMMON_MODE:
	case VIP_REASON_FENCED:
	case VIP_REASON_NODE_DRAINED:
	case VIP_REASON_ROUTER_DOWN:
	case VIP_REASON_NO_INSTANCE:
	case VIP_REASON_NO_PEER:
	case VIP_REASON_ROUTE_PENDING:
	case VIP_REASON_OUTSIDE_RANGES:
	case VIP_REASON_REMOVED:
	case VIP_REASON_MAX:
		next_of_reason(vip, next);
		break;
	}
	return next;
}

/* ---- the things one can ask about ---- */

static json_t *answer(const char *kind, json_t *link, json_t *next)
{
	return json_pack("{s:s, s:o, s:o}", "kind", kind, "why", link, "next", next);
}

static enum verdict vip_verdict(const struct core_vip *vip)
{
	if (vip->state == VIP_WITHDRAWN || vip->state == VIP_WITHDRAWING)
		return VERDICT_BAD;
	return vip->reason == VIP_REASON_SERVING ? VERDICT_OK : VERDICT_WARN;
}

static json_t *why_vip(const struct view *view, const struct core_vip *vip)
{
	const struct link link = {
		.kind = "vip",
		.name = VIP_NAME(vip),
		.state = vip_state_str(vip->state),
		.verdict = vip_verdict(vip),
		.since = vip->since,
	};
	json_t *object = link_new(view, &link, "%s", vip_reason_sentence(vip->reason));

	json_object_set_new(object, "prefix", json_string(PREFIX_STR(&vip->prefix)));
	add_drains(view, vip, object);
	for (size_t i = 0; i < vip->n_services; i++) {
		size_t before = 0;

		while (vip->services[before].pool != vip->services[i].pool)
			before++;
		if (before == i && vip->services[i].pool != CORE_NONE)
			add_cause(object, pool_link(view, vip->services[i].pool,
						    BROKEN_NAMED_MAX / vip->n_services + 1));
	}
	add_cause(object, dataplane_link(view, vip));
	add_cause(object, route_link(view, vip));
	return answer("vip", object, vip_what_next(view, vip));
}

/* How long the passing probes of the pool took; NULL when none did. */
static json_t *latency_link(const struct view *view, uint32_t pool)
{
	AUTO(json_decrefp) json_t *latency = view_latency(view, pool);
	const json_t *p50 = json_object_get(latency, "p50_ms");
	struct link link = { .kind = "latency", .name = "" };
	json_t *object;
	char state[64];

	if (!json_is_real(p50))
		return NULL;
	snprintf(state, sizeof(state), "p50 %.1f ms, p99 %.1f ms", json_real_value(p50),
		 json_real_value(json_object_get(latency, "p99_ms")));
	link.state = state;
	object = link_new(view, &link, "of %lld probes that passed in the last minute or two",
			  (long long)json_integer_value(json_object_get(latency, "recent")));
	return object;
}

static json_t *why_pool(const struct view *view, uint32_t index)
{
	const struct core_pool *pool = core_pool(view->daemon->core, index);
	uint32_t usable = pool_usable(pool), need = pool_need(pool);
	json_t *next = json_array(), *object;
	char command[96];

	snprintf(command, sizeof(command), "shoal reals %.64s", pool->config->name);
	if (pool->override == POOL_OVERRIDE_COMMON)
		add_next(next, "shoal why node",
			 "goes back to its checks when they pass, or when common-mode.for is over");
	else if (pool->override == POOL_OVERRIDE_OPERATOR)
		add_next(next, "shoal vips",
			 "goes back to its checks when one real is up, or the "
			 "operator's word on its VIP ends");
	else if (pool->override == POOL_OVERRIDE_OPEN || pool->override == POOL_OVERRIDE_HOLD)
		add_next(next, command,
			 "goes back to its checks when one real is up; set "
			 "all-down: withdraw to withdraw instead");
	else if (pool->has_quorum && need == 1)
		add_next(next, command, "quorum is lost when no real is usable");
	else if (pool->has_quorum)
		add_next(next, command, "quorum is lost when fewer than %u reals are usable", need);
	else
		add_next(next, command, "quorum returns when %u more are usable",
			 need > usable ? need - usable : 0);
	object = pool_link(view, index, BROKEN_NAMED_MAX);
	add_cause(object, latency_link(view, index));
	return answer("pool", object, next);
}

/* ", next in 1.2 s", or how often when the moment is not known. */
static void print_next(const struct config_check *config, const json_t *check, char *buf,
		       size_t size)
{
	const json_t *next = json_object_get(check, "next_s");

	if (!json_is_true(json_object_get(check, "is_probed")))
		snprintf(buf, size, ", not probed now: %s is not connected",
			 config->type == CONFIG_CHECK_EXEC ? "shoal-exec" : "shoal-probe");
	else if (json_is_real(next))
		snprintf(buf, size, ", next in %.1f s", json_real_value(next));
	else
		snprintf(buf, size, ", every %g s",
			 json_real_value(json_object_get(check, "every_s")));
}

static json_t *check_link(const struct view *view, const struct config_check *config,
			  const struct core_check *check, const json_t *as_json)
{
	const struct link link = {
		.kind = "check",
		.name = config->name,
		.state = real_state_str(check->state),
		.verdict = check->cert_ends            ? VERDICT_WARN
			   : check->state == REAL_UP   ? VERDICT_OK
			   : check->state == REAL_DOWN ? VERDICT_BAD
						       : VERDICT_WARN,
		.since = check->since,
	};
	char next[64], row[32] = "", took[32] = "";

	print_next(config, as_json, next, sizeof(next));
	if (check->in_a_row)
		snprintf(row, sizeof(row), ", %u in a row", check->in_a_row);
	if (check->told_at)
		snprintf(took, sizeof(took), ", took %.1f ms", (double)check->latency_us / 1000);
	return link_new(view, &link, "%s%s%s%s%s; %s%s, timeout %g s, up after %u, down after %u",
			probe_reason_sentence(check->reason), *check->evidence ? ": " : "",
			check->evidence, row, took, config_check_type_str(config->type), next,
			(double)config->timeout_us / (double)USEC_PER_SEC, config->rise,
			config->fall);
}

/* What the program of the check wrote, whole lines and all: a program's own reasons. */
static void add_output(const struct view *view, uint32_t pool, uint32_t real, uint32_t check,
		       json_t *link)
{
	struct output output;

	if (!prober_output(view->daemon->prober, pool, real, check, &output))
		return;
	json_object_set_new(link, "output", json_stringn(output.bytes, output.len));
	json_object_set_new(link, "output_bytes", json_integer(output.n_written));
}

static void add_checks(const struct view *view, uint32_t pool_index, uint32_t real, json_t *link)
{
	const struct core_pool *pool = core_pool(view->daemon->core, pool_index);
	const struct config *config = core_config(view->daemon->core);
	AUTO(json_decrefp) json_t *checks = view_checks(view, pool_index, real);
	size_t n = pool->config->n_checks;

	for (uint32_t i = 0; i < n; i++) {
		json_t *cause = check_link(view, &config->checks[pool->config->checks[i]],
					   &pool->checks[real * n + i], json_array_get(checks, i));

		add_output(view, pool_index, real, i, cause);
		add_cause(link, cause);
	}
	json_object_set(link, "checks", checks);
}

static void next_ordered(const struct core_pool *pool, uint32_t index, json_t *next)
{
	char command[176];

	snprintf(command, sizeof(command), "shoal real %s/%s enable", pool->config->name,
		 pool->config->reals[index].name);
	add_next(next, command, "gets new flows again, by its checks, when the order ends");
}

/* What brings a real up again, or in, by why it is not. */
static void next_down(const struct core_pool *pool, uint32_t index, json_t *next)
{
	const struct core_real *real = &pool->reals[index];
	const struct remedy *remedy = remedy_of_probe(real->reason);
	bool is_dead =
		real->life == REAL_DEAD && judge_heard_in(real->reason) != JUDGE_HEARD_ANSWER;
	char command[176];

	snprintf(command, sizeof(command), "shoal probe %s/%s", pool->config->name,
		 pool->config->reals[index].name);
	add_next(next, remedy->command ? remedy->command : command, "%s%s",
		 real->state == REAL_DOWN      ? "up after enough passing probes in a row; "
		 : real->state == REAL_UNKNOWN ? "judged after enough probes; "
					       : "",
		 is_dead ? "nothing answers at its address: mend the machine, or the network to it"
			 : remedy->text);
}

static void next_up(const struct core_pool *pool, uint32_t index, json_t *next)
{
	char command[176];

	snprintf(command, sizeof(command), "shoal real %s/%s drain", pool->config->name,
		 pool->config->reals[index].name);
	add_next(next, NULL, "down after enough failing probes in a row");
	if (!pool->reals[index].order)
		add_next(next, command, "to take it out and keep its flows");
}

/* Up, and yet no packet can be sent to it. */
static void next_way(const struct view *view, const struct config_real *real, json_t *next)
{
	char command[96];

	snprintf(command, sizeof(command), "ip route get %s", ADDR_STR(&real->addr));
	add_next(next, command, "gets packets when there is a way to it: %s", no_way(view, real));
}

static json_t *why_real(const struct view *view, uint32_t pool_index, uint32_t index)
{
	const struct core_pool *pool = core_pool(view->daemon->core, pool_index);
	const struct core_real *real = &pool->reals[index];
	json_t *object = real_link(view, pool_index, index), *next = json_array();

	json_object_set_new(object, "pool", json_string(pool->config->name));
	json_object_set_new(object, "address",
			    json_string(ADDR_STR(&pool->config->reals[index].addr)));
	add_checks(view, pool_index, index, object);
	if (real->order)
		next_ordered(pool, index, next);
	if (!real->has_next_hop)
		next_way(view, &pool->config->reals[index], next);
	if (real->state == REAL_UP && !remedy_of_probe(real->reason)->command)
		next_up(pool, index, next);
	else
		next_down(pool, index, next);
	return answer("real", object, next);
}

static const char *peer_remedy(const struct router_peer *peer)
{
	if (!peer->is_found)
		return "counts when frr.conf has the neighbour and its session is up; a frr.conf "
		       "with it";
	if (!peer->is_established)
		return "counts when its session is up; the sessions are the operator's, in "
		       "frr.conf";
	if (router_peer_lacks_bfd(peer))
		return "its silence is noticed in time when BFD is up on both ends; it is the "
		       "operator's, in frr.conf";
	return "the sessions are the operator's, in frr.conf";
}

static json_t *why_peer(const struct view *view, const struct router_peer *peer)
{
	json_t *object = peer_link(view, peer), *bgpd = bgpd_link(view), *next = json_array();
	char command[160];

	json_array_clear(json_object_get(bgpd, "causes"));
	add_cause(object, bgpd);
	snprintf(command, sizeof(command), "vtysh -c 'show bgp neighbors %.64s'", peer->key);
	add_next(next, peer->is_found ? command : "shoal frr-config", "%s", peer_remedy(peer));
	return answer("peer", object, next);
}

static size_t count_serving(const struct core *core)
{
	size_t n = 0;

	for (uint32_t i = 0; i < core_n_vips(core); i++)
		n += core_vip(core, i)->state == VIP_ANNOUNCED;
	return n;
}

/* What an uplink lacks; nothing when it is usable. */
static void next_uplink(const struct view *view, uint32_t i, json_t *next)
{
	const struct net_uplink *uplink = net_uplink(view->daemon->net, i);
	const char *name = core_config(view->daemon->core)->node.uplinks[i];
	char command[96];

	if (!uplink || !uplink->present || !uplink->has_carrier) {
		snprintf(command, sizeof(command), "ip link show %.64s", name);
		add_next(next, command, "uplink %s is used when it is there, up and has carrier",
			 name);
	} else if (!dataplane_is_attached(view->daemon->dataplane, i)) {
		add_next(next, "journalctl -u shoald",
			 "uplink %s is used when XDP is attached; shoald tries to", name);
	}
}

static json_t *why_node(const struct view *view)
{
	const struct core *core = view->daemon->core;
	const struct core_node *node = core_node(core);
	size_t serving = count_serving(core);
	const struct link link = {
		.kind = "node",
		.name = core_config(core)->node.name,
		.state = node->is_drained  ? "drained"
			 : node->is_fenced ? "fenced"
					   : "in service",
		.verdict = node->is_fenced                                   ? VERDICT_BAD
			   : node->is_drained || serving < core_n_vips(core) ? VERDICT_WARN
									     : VERDICT_OK,
		.since = view->daemon->started,
	};
	json_t *object =
		link_new(view, &link, "%zu of %zu VIPs announced", serving, core_n_vips(core));
	json_t *next = json_array();

	add_drains(view, NULL, object);
	for (uint32_t i = 0; i < node->n_uplinks; i++)
		add_cause(object, uplink_link(view, i));
	add_cause(object, bgpd_link(view));
	if (node->common.since)
		add_next(next, "shoal pools",
			 "pools that share no real fail together: look at this node's way to them; "
			 "their checks decide again in %.0f s",
			 view_seconds(node->common.until > view->now
					      ? node->common.until - view->now
					      : 0));
	for (uint32_t i = 0; i < node->n_uplinks; i++)
		next_uplink(view, i, next);
	if (router_life(view->daemon->router) != ROUTER_READY)
		add_next(next, "systemctl status frr", "announces when bgpd answers");
	if (node->is_fenced)
		add_next(next, "systemctl status shoal-guard",
			 "announces again after a complete pass and the warm-up");
	if (node->is_drained)
		add_next(next, "shoal undrain", "in service when its drain ends");
	else
		add_next(next, "shoal drain --wait", "to take it out of service safely");
	return answer("node", object, next);
}

static json_t *why_service(const struct view *view, const struct core_vip *vip,
			   const struct core_service *service)
{
	bool is_well = service->is_programmed && service->is_self_tested;
	char text[CONFIG_SERVICE_TEXT_MAX], command[96];
	const struct link link = {
		.kind = "service",
		.name = service_print(&vip->prefix, service->proto, service->port, text),
		.state = !service->config ? "leaving"
			 : is_well        ? "forwards"
					  : "not complete",
		.verdict = service->config && is_well ? VERDICT_OK : VERDICT_WARN,
	};
	json_t *object = link_new(view, &link, "%s, %s",
				  service->is_programmed ? "programmed" : "not programmed yet",
				  service->is_self_tested ? "self-tested" : "not self-tested yet");
	json_t *next = json_array();

	json_object_set_new(object, "prefix", json_string(PREFIX_STR(&vip->prefix)));
	if (service->pool != CORE_NONE)
		add_cause(object, pool_link(view, service->pool, BROKEN_NAMED_MAX));
	add_cause(object, dataplane_link(view, vip));
	if (service->config && !is_well)
		add_next(next, "journalctl -u shoald",
			 "forwards when it is programmed and its self-test passes; shoald works "
			 "on it");
	snprintf(command, sizeof(command), "shoal why %.64s", VIP_NAME(vip));
	add_next(next, command, "its route is that of VIP %s, %s", VIP_NAME(vip),
		 vip_state_str(vip->state));
	return answer("service", object, next);
}

/* "www/web1": a real of a pool that the VIP uses; exactly one. */
static bool find_real_of_vip(const struct core *core, const char *thing, uint32_t *ret_pool,
			     uint32_t *ret_real)
{
	const char *slash = strrchr(thing, '/');
	AUTO(freep) char *name = slash ? strndup(thing, (size_t)(slash - thing)) : NULL;
	uint32_t index = name ? find_vip(core, name) : CORE_NONE;
	const struct core_vip *vip = index == CORE_NONE ? NULL : core_vip(core, index);
	bool is_found = false;

	for (size_t i = 0; vip && i < vip->n_services; i++) {
		uint32_t pool = vip->services[i].pool, real;

		if (pool == CORE_NONE || (is_found && pool == *ret_pool))
			continue;
		real = config_lookup_name(core_lookup(core), pool, slash + 1);
		if (real == CONFIG_NONE)
			continue;
		if (is_found)
			return false;
		*ret_pool = pool;
		*ret_real = real;
		is_found = true;
	}
	return is_found;
}

json_t *view_why(const struct view *view, const char *thing, struct err *err)
{
	const struct core_service *service;
	const struct core_vip *vip;
	const struct core *core = view->daemon->core;
	const struct router_peer *peer;
	uint32_t index = find_vip(core, thing), pool;

	if (index != CORE_NONE)
		return why_vip(view, core_vip(core, index));
	if (strcmp(thing, "node") == 0 || strcmp(thing, core_config(core)->node.name) == 0)
		return why_node(view);
	index = find_pool(core, thing);
	if (index != CORE_NONE)
		return why_pool(view, index);
	peer = find_peer(view->daemon->router, thing);
	if (peer)
		return why_peer(view, peer);
	if (find_real(core, thing, &pool, &index))
		return why_real(view, pool, index);
	if (find_real_of_vip(core, thing, &pool, &index))
		return why_real(view, pool, index);
	service = find_service(core, thing, &vip);
	if (service)
		return why_service(view, vip, service);
	find_nothing(view, "VIP, service, pool, real or peer", thing, err);
	return NULL;
}
