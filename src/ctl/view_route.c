/* SPDX-License-Identifier: Apache-2.0 */
/* view_route.c - bgpd, its peers and our routes as JSON. */
#include <string.h>

#include "frr-integration/router.h"
#include "src/ctl/list.h"
#include "src/ctl/view.h"

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
	json_object_set_new(object, "commands", json_integer((json_int_t)stats->commands));
	json_object_set_new(object, "failures", json_integer((json_int_t)stats->failures));
	json_object_set_new(object, "reconnects", json_integer((json_int_t)stats->reconnects));
	json_object_set_new(object, "read_backs", json_integer((json_int_t)stats->read_backs));
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

static json_t *route_object(const struct view *view, const struct prefix *prefix, const char *name,
			    enum route_intent intent)
{
	const struct router_route *route = router_route_find(view->daemon->router, prefix);
	uint32_t peers = route ? route->peers : 0;
	bool is_as_intended = strcmp(line_str(route), route_intent_str(intent)) == 0;

	if (intent == ROUTE_NONE)
		is_as_intended = is_as_intended && peers == 0;
	else
		is_as_intended = is_as_intended && route && route->attributes_match &&
				 peers >= require_peers(view);
	return json_pack("{s:s, s:s?, s:s, s:s, s:b, s:i, s:i, s:b}", "prefix", PREFIX_STR(prefix),
			 "vip", name, "intent", route_intent_str(intent), "line", line_str(route),
			 "attributes_match", route && route->attributes_match, "peers", (int)peers,
			 "require_peers", (int)require_peers(view), "is_as_intended",
			 is_as_intended);
}

static json_t *vip_route(const struct view *view, uint32_t index)
{
	const struct core_vip *vip = core_vip(view->daemon->core, index);

	return route_object(view, &vip->prefix, vip->config ? vip->config->name : NULL,
			    vip->intent);
}

/* Those of VIPs, then whatever else stands inside vip-ranges. */
enum { ROUTES_OF_VIPS, ROUTES_FOUND, N_ROUTE_GROUPS };

static size_t n_route_groups(const struct view *view)
{
	(void)view;
	return N_ROUTE_GROUPS;
}

static size_t n_routes(const struct view *view, size_t group)
{
	return group == ROUTES_OF_VIPS ? core_n_vips(view->daemon->core)
				       : router_n_routes(view->daemon->router);
}

/* Between two turns a record of a VIP that left, or a route, may have gone. */
static json_t *route_row(const struct view *view, size_t group, size_t i)
{
	const struct core *core = view->daemon->core;
	const struct router_route *route;

	if (group == ROUTES_OF_VIPS)
		return i < core_n_vips(core) ? vip_route(view, (uint32_t)i) : NULL;
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
	uint32_t vip = find_vip(view->daemon->core, name);

	if (vip == CORE_NONE)
		return find_nothing(view, "VIP", name, err);
	*ret = (struct list_span){ ROUTES_OF_VIPS, vip, vip + 1 };
	return true;
}

const struct list_kind list_routes = {
	.key = "routes",
	.n_groups = n_route_groups,
	.n_rows = n_routes,
	.row = route_row,
	.find = route_span,
};
