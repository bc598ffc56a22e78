/* SPDX-License-Identifier: Apache-2.0 */
/*
 * routes.c - from a path to an answer.
 *
 * Paths are compared as they came, never decoded or shortened first: "/api/v1/../v1/status" is
 * nothing. Only what follows a route that takes a name is decoded, once. There are no files behind
 * any of it.
 */
#include "src/web/routes.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/auto.h"
#include "src/web/cache.h"
#include "src/web/metrics.h"
#include "src/web/page_files.h"
#include "src/web/server.h"
#include "src/web/stream.h"

#define JSON "application/json"

/* ---- health ---- */

static void serve_text(struct server *server, struct evhttp_request *request, const char *type,
		       const char *text, size_t len)
{
	AUTO(page_unrefp) struct page *page = page_static(type, text, len);

	server_reply(server, request, page);
}

static void serve_healthz(struct server *server, struct evhttp_request *request, const char *name)
{
	(void)name;
	if (server_is_fresh(server))
		serve_text(server, request, "text/plain; charset=utf-8", "ok\n", 3);
	else
		server_refuse(server, request, HTTP_SERVUNAVAIL, server_trouble(server));
}

static void serve_readyz(struct server *server, struct evhttp_request *request, const char *name)
{
	AUTO(page_unrefp) struct page *page = NULL;
	json_t *document, *why = server_not_ready(server);
	bool is_ready = server_is_fresh(server) && json_array_size(why) == 0;

	(void)name;
	if (!server_is_fresh(server)) {
		server_refuse(server, request, HTTP_SERVUNAVAIL, server_trouble(server));
		return;
	}
	document = json_pack("{s:b, s:O}", "is_ready", is_ready, "not_ready", why);
	page = page_json(is_ready ? HTTP_OK : HTTP_SERVUNAVAIL, document);
	json_decref(document);
	server_reply(server, request, page);
}

/* ---- the page and what describes all this ---- */

static void serve_file(struct server *server, struct evhttp_request *request, const char *name)
{
	for (size_t i = 0; i < page_files_n; i++)
		if (strcmp(page_files[i].name, *name ? name : "index.html") == 0) {
			serve_text(server, request, page_files[i].type,
				   (const char *)page_files[i].bytes, page_files[i].len);
			return;
		}
	server_refuse(server, request, HTTP_NOTFOUND, "no such page");
}

static void serve_openapi(struct server *server, struct evhttp_request *request, const char *name)
{
	AUTO(page_unrefp) struct page *page = NULL;
	json_t *document = routes_openapi();

	(void)name;
	if (document)
		page = page_json(HTTP_OK, document);
	json_decref(document);
	server_reply(server, request, page);
}

/* ---- the table ---- */

#define API "/api/v1/"

const struct route routes_table[] = {
	{ .path = "/",
	  .type = "text/html",
	  .help = "the status page; its other files are beside it",
	  .serve = serve_file },
	{ .path = "/metrics",
	  .type = "text/plain",
	  .help = "metrics for Prometheus",
	  .serve = metrics_serve },
	{ .path = "/healthz",
	  .type = "text/plain",
	  .help = "200 while this process and shoald answer",
	  .serve = serve_healthz },
	{ .path = "/readyz",
	  .type = JSON,
	  .help = "200 while the node can serve, else 503 with the reasons",
	  .serve = serve_readyz },
	{ .path = API "openapi.json",
	  .type = JSON,
	  .help = "this document",
	  .serve = serve_openapi },
	{ .path = API "version",
	  .type = JSON,
	  .help = "node, version, config generation",
	  .command = "version" },
	{ .path = API "status",
	  .has_brief = true,
	  .type = JSON,
	  .help = "the node: alarms, data plane, routing, VIPs, pools",
	  .command = "status" },
	{ .path = API "vips",
	  .name = "VIP",
	  .type = JSON,
	  .help = "the VIPs and their services",
	  .command = "vips",
	  .arg = "names" },
	{ .path = API "pools",
	  .name = "POOL",
	  .type = JSON,
	  .help = "the pools, their quorum and checks",
	  .command = "pools",
	  .arg = "names" },
	{ .path = API "reals",
	  .name = "POOL/REAL",
	  .has_brief = true,
	  .type = JSON,
	  .help = "the reals, their state and last evidence; of one pool, or one real",
	  .command = "reals",
	  .arg = "names" },
	{ .path = API "peers",
	  .name = "PEER",
	  .type = JSON,
	  .help = "bgpd and the BGP sessions",
	  .command = "peers",
	  .arg = "names" },
	{ .path = API "routes",
	  .name = "VIP",
	  .type = JSON,
	  .help = "each route as intended and as found",
	  .command = "routes",
	  .arg = "names" },
	{ .path = API "why",
	  .name = "THING",
	  .needs_name = true,
	  .type = JSON,
	  .help = "why a VIP, pool, real, peer or the node is as it is",
	  .command = "why",
	  .arg = "thing" },
	{ .path = API "events",
	  .type = JSON,
	  .help = "the newest hundred events of the flight recorder",
	  .command = "events" },
	{ .path = API "events/stream",
	  .type = "text/event-stream",
	  .help = "what changes, as server-sent events",
	  .serve = stream_serve },
	{ .path = NULL },
};

/* ---- from path to route ---- */

/* What of the path follows the route: "" nothing, NULL: it is another path. */
static const char *rest_of(const struct route *route, const char *path)
{
	size_t len = strlen(route->path);

	if (strncmp(path, route->path, len) != 0)
		return NULL;
	if (path[len] == '\0')
		return route->needs_name ? NULL : path + len;
	if (!route->name || path[len] != '/' || path[len + 1] == '\0')
		return NULL;
	return path + len + 1;
}

static const struct route *find_route(const char *path, const char **ret_rest)
{
	for (const struct route *route = routes_table; route->path; route++) {
		*ret_rest = rest_of(route, path);
		if (*ret_rest)
			return route;
	}
	return NULL;
}

/* "brief" alone or with a value, or nothing; false: something else. */
static bool parse_query(const struct route *route, const char *query, bool *ret_is_brief)
{
	*ret_is_brief = false;
	if (!query || *query == '\0')
		return true;
	*ret_is_brief = strcmp(query, "brief") == 0 || strcmp(query, "brief=1") == 0;
	return *ret_is_brief && route->has_brief;
}

/* ---- asking shoald ---- */

struct exchange {
	struct server *server;
	struct evhttp_request *request;
};

static void on_page(struct page *page, void *arg)
{
	struct exchange *exchange = arg;

	server_reply(exchange->server, exchange->request, page);
	free(exchange);
}

/* NULL: the name is not UTF-8. */
static json_t *args_of(const struct route *route, const char *name, bool is_brief)
{
	json_t *args = json_object();
	json_t *text = *name ? json_string(name) : NULL;
	bool is_list = route->arg && strcmp(route->arg, "names") == 0;

	if (is_brief)
		json_object_set_new(args, "brief", json_true());
	if (*name && !text) {
		json_decref(args);
		return NULL;
	}
	if (text)
		json_object_set_new(args, route->arg, is_list ? json_pack("[o]", text) : text);
	return args;
}

static void ask(const struct route *route, struct server *server, struct evhttp_request *request,
		const char *name, bool is_brief)
{
	json_t *args = args_of(route, name, is_brief);
	struct exchange *exchange = args ? calloc(1, sizeof(*exchange)) : NULL;

	if (!exchange) {
		json_decref(args);
		server_refuse(server, request, HTTP_BADREQUEST, "the name is not UTF-8");
		return;
	}
	*exchange = (struct exchange){ server, request };
	cache_get(server_cache(server), route->command, args, on_page, exchange);
}

static void serve(const struct route *route, struct server *server, struct evhttp_request *request,
		  const char *rest)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
	size_t len = 0;
	AUTO(freep) char *name = evhttp_uridecode(rest, 0, &len);
	bool is_brief;

	if (!name || strlen(name) != len)
		server_refuse(server, request, HTTP_BADREQUEST, "the name cannot be decoded");
	else if (!parse_query(route, evhttp_uri_get_query(uri), &is_brief))
		server_refuse(server, request, HTTP_BADREQUEST,
			      route->has_brief ? "the query may be ?brief, nothing else"
					       : "nothing may follow a question mark here");
	else if (route->serve)
		route->serve(server, request, name);
	else
		ask(route, server, request, name, is_brief);
}

/* A file of the page, which lies beside it. */
static bool is_page_file(const char *path)
{
	for (size_t i = 0; i < page_files_n; i++)
		if (path[0] == '/' && strcmp(path + 1, page_files[i].name) == 0)
			return true;
	return false;
}

void routes_serve(struct server *server, struct evhttp_request *request)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
	const char *path = uri ? evhttp_uri_get_path(uri) : NULL, *rest;
	const struct route *route = path ? find_route(path, &rest) : NULL;

	if (route)
		serve(route, server, request, rest);
	else if (path && is_page_file(path))
		serve_file(server, request, path + 1);
	else
		server_refuse(server, request, HTTP_NOTFOUND,
			      "no such path; /api/v1/openapi.json lists all of them");
}
