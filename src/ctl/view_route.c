/* SPDX-License-Identifier: Apache-2.0 */
/* view_route.c - bgpd, its peers and our routes as JSON. */
#include <string.h>

#include "frr-integration/route_loop.h"
#include "frr-integration/router.h"
#include "src/ctl/list.h"
#include "src/ctl/view.h"
#include "src/ctl/view_fpm.h"

static uint32_t require_peers(const struct view *view)
{
	return core_config(view->daemon->core)->routing.require_peers;
}

/* How many routes are intended, and how many of those enough peers hold. */
static void count_routes(const struct view *view, json_int_t *ret_intended, json_int_t *ret_sent)
{
	const struct core *core = view->daemon->core;

	*ret_intended = *ret_sent = 0;
	for (uint32_t i = 0; i < core_n_vips(core); i++) {
		const struct core_vip *vip = core_vip(core, i);

		if (vip->intent == ROUTE_NONE)
			continue;
		(*ret_intended)++;
		if (vip->peers >= require_peers(view))
			(*ret_sent)++;
	}
}

/* Sessions on which bgpd asks for BFD, and those of them where it is up. */
static json_t *bfd_counts(const struct router *router)
{
	json_int_t asked = 0, up = 0;

	for (size_t i = 0; i < router_n_peers(router); i++) {
		asked += router_peer(router, i)->bfd != BGP_BFD_NONE;
		up += router_peer(router, i)->bfd == BGP_BFD_UP;
	}
	return json_pack("{s:I, s:I}", "sessions", asked, "up", up);
}

json_t *view_router(const struct view *view)
{
	const struct router *router = view->daemon->router;
	const struct router_stats *stats = router_stats(router);
	json_int_t intended, sent;
	json_t *object;

	count_routes(view, &intended, &sent);
	object = json_pack(
		"{s:s, s:s, s:s, s:b, s:I, s:I, s:I, s:I, s:I}", "life",
		router_life_str(router_life(router)), "sentence", router_sentence(router),
		"version", router_version(router), "is_ready", router_life(router) == ROUTER_READY,
		"peers", (json_int_t)router_n_peers(router), "established",
		(json_int_t)router_n_established(router), "require_peers",
		(json_int_t)require_peers(view), "routes_intended", intended, "routes_sent", sent);
	json_object_set_new(object, "bfd", bfd_counts(router));
	json_object_set_new(object, "commands", json_integer((json_int_t)stats->commands));
	json_object_set_new(object, "failures", json_integer((json_int_t)stats->failures));
	json_object_set_new(object, "reconnects", json_integer((json_int_t)stats->reconnects));
	json_object_set_new(object, "read_backs", json_integer((json_int_t)stats->read_backs));
	return object;
}

/* null, or what bgpd knows of BFD on the session. */
static json_t *peer_bfd(const struct view *view, const struct router_peer *peer)
{
	json_t *object;

	if (peer->bfd == BGP_BFD_NONE)
		return json_null();
	object = json_pack("{s:s, s:I, s:I, s:I}", "state", bgp_bfd_str(peer->bfd), "receive_ms",
			   (json_int_t)peer->bfd_rx_ms, "transmit_ms", (json_int_t)peer->bfd_tx_ms,
			   "multiplier", (json_int_t)peer->bfd_multiplier);
	view_set_since(object, view, peer->bfd_since);
	return object;
}

/* null where the family is not activated. */
static json_t *peer_export(const struct router_peer *peer, bool is_v6)
{
	const struct router_export *out = &peer->out[is_v6];

	if (!out->is_active)
		return json_null();
	/* bgpd's text may hold anything. */
	return json_pack("{s:o, s:I, s:b}", "policy",
			 out->filter[0] ? json_string(out->filter) : json_null(),
			 "maximum_prefix_out", (json_int_t)out->max_out, "lacks_policy",
			 out->lacks_policy);
}

static json_t *peer_reset(const struct view *view, const struct router_peer *peer)
{
	json_t *object = json_pack("{s:s, s:s}", "reason", peer_last_reset(peer), "notification",
				   peer->notification);

	if (!object)
		object = json_object();
	view_set_since(object, view, peer->reset_at);
	return object;
}

json_t *view_peer(const struct view *view, const struct router_peer *peer)
{
	json_t *object = json_pack("{s:s, s:s, s:b, s:b, s:s, s:i, s:i, s:s}", "name", peer->name,
				   "key", peer->key, "is_found", peer->is_found, "is_established",
				   peer->is_established, "state", peer->state, "prefixes_sent4",
				   (int)peer->prefixes_sent4, "prefixes_sent6",
				   (int)peer->prefixes_sent6, "last_reset", peer_last_reset(peer));

	/* bgpd's text may hold anything; without it the rest still stands. */
	if (!object)
		object = json_pack("{s:s, s:b, s:b}", "name", peer->name, "is_found",
				   peer->is_found, "is_established", peer->is_established);
	view_set_since(object, view, peer->since);
	json_object_set_new(object, "remote_as", json_integer(peer->remote_as));
	json_object_set_new(object, "vips_sent4", json_integer(peer->ours4));
	json_object_set_new(object, "vips_sent6", json_integer(peer->ours6));
	json_object_set_new(object, "sessions_lost", json_integer(peer->dropped));
	json_object_set_new(object, "reset", peer_reset(view, peer));
	json_object_set_new(object, "bfd", peer_bfd(view, peer));
	json_object_set_new(object, "export4", peer_export(peer, false));
	json_object_set_new(object, "export6", peer_export(peer, true));
	return object;
}

static size_t one_group(const struct view *view)
{
	(void)view;
	return 1;
}

static size_t n_peers(const struct view *view, size_t group)
{
	(void)group;
	return router_n_peers(view->daemon->router);
}

static json_t *peer_row(const struct view *view, size_t group, size_t i)
{
	(void)group;
	return view_peer(view, router_peer(view->daemon->router, i));
}

static bool peer_span(const struct view *view, const char *name, struct list_span *ret,
		      struct err *err)
{
	const struct router *router = view->daemon->router;

	for (size_t i = 0; i < router_n_peers(router); i++) {
		if (router_peer(router, i) != find_peer(router, name))
			continue;
		*ret = (struct list_span){ 0, i, i + 1 };
		return true;
	}
	return find_nothing(view, "peer", name, err);
}

static json_t *peers_rest(const struct view *view)
{
	return json_pack("{s:o, s:[]}", "router", view_router(view), "peers");
}

const struct list_kind list_peers = {
	.key = "peers",
	.n_groups = one_group,
	.n_rows = n_peers,
	.row = peer_row,
	.find = peer_span,
	.rest = peers_rest,
};

/* ---- routes ---- */

/* What stands in bgpd, in the words of the intent. */
static const char *line_str(const struct router_route *route)
{
	if (!route || !route->has_line)
		return route_intent_str(ROUTE_NONE);
	return route_intent_str(route->is_drained ? ROUTE_DRAIN : ROUTE_ANNOUNCE);
}

/* ---- the stages ---- */

static json_t *stage(const struct view *view, const char *state, usec_t since)
{
	json_t *object = json_pack("{s:s}", "state", state);

	view_set_since(object, view, since);
	return object;
}

static const char *op_str(enum router_op op)
{
	static const char *const words[ROUTER_OP_MAX] = {
		[ROUTER_WITHDRAW] = "none",
		[ROUTER_DRAIN] = "drain",
		[ROUTER_ANNOUNCE] = "announce",
	};

	return op < ROUTER_OP_MAX ? words[op] : "?";
}

/* What bgpd was told last on this connection. */
static json_t *stage_commanded(const struct view *view, const struct prefix *prefix)
{
	struct router_command command = router_command(view->daemon->router, prefix);
	json_t *object = stage(view, command.at ? op_str(command.op) : "nothing", command.at);

	json_object_set_new(object, "is_waiting", json_boolean(command.is_waiting));
	json_object_set_new(object, "refused",
			    command.refused[0] ? json_string(command.refused) : json_null());
	return object;
}

static json_t *stages(const struct view *view, const struct loop_route *route)
{
	bool is_known = loop_is_known(view->daemon->loop);
	json_t *object = json_pack("{s:o, s:o}", "intent",
				   stage(view, op_str(route->intent), route->intent_since),
				   "commanded", stage_commanded(view, &route->prefix));

	json_object_set_new(object, "line",
			    stage(view, is_known ? op_str(route->line) : "unknown",
				  is_known ? route->line_since : 0));
	json_object_set_new(object, "table",
			    stage(view,
				  !is_known         ? "unknown"
				  : route->is_local ? "there"
						    : "absent",
				  is_known ? route->local_since : 0));
	return object;
}

static void set_lack(json_t *object, const struct view *view, const struct loop_route *route,
		     const struct router_peer *peer, const struct loop_lack *lack)
{
	char text[LOOP_SENTENCE_MAX];
	const char *word = loop_reason_str(lack->reason);
	json_t *sentence = NULL;

	if (!loop_is_known(view->daemon->loop))
		word = "unknown";
	else if (lack->reason != LOOP_AS_INTENDED)
		sentence = json_string(
			loop_sentence(view->daemon->router, route, peer, lack->reason, text));
	json_object_set_new(object, "reason", json_string(word));
	json_object_set_new(object, "text", sentence ? sentence : json_null());
	json_object_set_new(object, "is_alarm", json_boolean(lack->is_alarm));
}

static json_t *sent_to(const struct view *view, const struct loop_route *route)
{
	const struct router *router = view->daemon->router;
	json_t *list = json_array();

	/* The router may have gone over to other peers a moment ago. */
	for (size_t i = 0; i < loop_n_peers(view->daemon->loop) && i < router_n_peers(router);
	     i++) {
		const struct router_peer *peer = router_peer(router, i);
		const struct loop_peer *held = &route->peers[i];
		bool is_known = loop_is_known(view->daemon->loop);
		json_t *object = json_pack("{s:s, s:b}", "peer", peer->name, "is_sent",
					   is_known && held->is_held);

		view_set_since(object, view, is_known ? held->since : 0);
		set_lack(object, view, route, peer, &held->lack);
		json_array_append_new(list, object);
	}
	return list;
}

static void set_loop(json_t *object, const struct view *view, const struct prefix *prefix)
{
	const struct loop_route *route = loop_find(view->daemon->loop, prefix);

	if (!route)
		return;
	json_object_set_new(object, "stages", stages(view, route));
	json_object_set_new(object, "sent_to", sent_to(view, route));
	set_lack(object, view, route, NULL, &route->lack);
}

static json_t *route_object(const struct view *view, const struct prefix *prefix, const char *name,
			    enum route_intent intent)
{
	const struct router_route *route = router_route_find(view->daemon->router, prefix);
	uint32_t peers = route ? route->peers : 0;
	bool is_as_intended = strcmp(line_str(route), route_intent_str(intent)) == 0;
	json_t *object;

	if (intent == ROUTE_NONE)
		is_as_intended = is_as_intended && peers == 0;
	else
		is_as_intended = is_as_intended && route && route->attributes_match &&
				 peers >= require_peers(view);
	object = json_pack("{s:s, s:s?, s:s, s:s, s:b, s:i, s:i, s:b}", "prefix",
			   PREFIX_STR(prefix), "vip", name, "intent", route_intent_str(intent),
			   "line", line_str(route), "attributes_match",
			   route && route->attributes_match, "peers", (int)peers, "require_peers",
			   (int)require_peers(view), "is_as_intended", is_as_intended);
	set_loop(object, view, prefix);
	return object;
}

json_t *view_route(const struct view *view, const struct core_vip *vip)
{
	json_t *route = route_object(view, &vip->prefix, vip->config ? vip->config->name : NULL,
				     vip->intent);

	if (view_has_ways(view))
		json_object_set_new(route, "installed", view_way(view, &vip->prefix.addr));
	return route;
}

/* Those of VIPs, then whatever else stands inside vip-ranges, then the ways to each pool's reals.
 */
enum { ROUTES_OF_VIPS, ROUTES_FOUND, WAYS_OF_REALS };

static size_t n_route_groups(const struct view *view)
{
	return WAYS_OF_REALS + (view_has_ways(view) ? core_n_pools(view->daemon->core) : 0);
}

static json_t *route_path(const struct view *view, size_t group)
{
	(void)view;
	return json_pack("[s]", group < WAYS_OF_REALS ? "routes" : "ways");
}

static json_t *routes_rest(const struct view *view)
{
	return json_pack("{s:[], s:[], s:o}", "routes", "ways", "zebra", view_zebra(view));
}

static size_t n_routes(const struct view *view, size_t group)
{
	if (group >= WAYS_OF_REALS)
		return core_pool(view->daemon->core, (uint32_t)group - WAYS_OF_REALS)
			->config->n_reals;
	return group == ROUTES_OF_VIPS ? core_n_vips(view->daemon->core)
				       : router_n_routes(view->daemon->router);
}

/* Between two turns a record of a VIP that left, or a route, may have gone. */
static json_t *route_row(const struct view *view, size_t group, size_t i)
{
	const struct core *core = view->daemon->core;
	const struct router_route *route;

	if (group >= WAYS_OF_REALS)
		return view_real_way(view, (uint32_t)group - WAYS_OF_REALS, i);
	if (group == ROUTES_OF_VIPS)
		return i < core_n_vips(core) ? view_route(view, core_vip(core, (uint32_t)i)) : NULL;
	if (i >= router_n_routes(view->daemon->router))
		return NULL;
	route = router_route(view->daemon->router, i);
	if (core_vip_find(core, &route->prefix) != CORE_NONE)
		return NULL;
	return route_object(view, &route->prefix, NULL, ROUTE_NONE);
}

static bool route_span(const struct view *view, const char *name, struct list_span *ret,
		       struct err *err)
{
	uint32_t vip = find_vip(view->daemon->core, name), pool, real;

	if (vip == CORE_NONE && view_has_ways(view) &&
	    find_real(view->daemon->core, name, &pool, &real)) {
		*ret = (struct list_span){ WAYS_OF_REALS + pool, real, real + 1 };
		return true;
	}
	if (vip == CORE_NONE)
		return find_nothing(view, "VIP", name, err);
	*ret = (struct list_span){ ROUTES_OF_VIPS, vip, vip + 1 };
	return true;
}

const struct list_kind list_routes = {
	.path = route_path,
	.n_groups = n_route_groups,
	.n_rows = n_routes,
	.row = route_row,
	.find = route_span,
	.rest = routes_rest,
};
