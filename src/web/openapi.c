/* SPDX-License-Identifier: Apache-2.0 */
/* openapi.c - the table of routes as an OpenAPI document. */
#include <stdio.h>
#include <string.h>

#include "src/web/routes.h"

static json_t *response(const char *text, const char *type)
{
	return json_pack("{s:s, s:{s:{s:{}}}}", "description", text, "content", type, "schema");
}

static json_t *parameters(const struct route *route, const char *name)
{
	json_t *list = json_array();

	if (name)
		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:b, s:{s:s}}", "name", name, "in",
						"path", "required", 1, "schema", "type", "string"));
	if (route->has_brief)
		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:s, s:{s:s}}", "name", "brief", "in",
						"query", "description", "less of each thing",
						"schema", "type", "string"));
	return list;
}

static json_t *operation(const struct route *route, const char *name)
{
	json_t *responses = json_object();

	json_object_set_new(responses, "200", response("done", route->type));
	json_object_set_new(responses, "503",
			    response("shoald is not there, or not ready", "application/json"));
	if (name)
		json_object_set_new(responses, "404",
				    response("nothing has this name", "application/json"));
	return json_pack("{s:{s:s, s:o, s:o}}", "get", "summary", route->help, "parameters",
			 parameters(route, name), "responses", responses);
}

/* OpenAPI has no word for a name with slashes in it: each is written %2F there, taken either way.
 */
static void add_route(json_t *paths, const struct route *route)
{
	char path[128], name[32];

	if (!route->needs_name)
		json_object_set_new(paths, route->path, operation(route, NULL));
	if (!route->name)
		return;
	snprintf(name, sizeof(name), "%s", strrchr(route->path, '/') + 1);
	snprintf(path, sizeof(path), "%s/{%s}", route->path, name);
	json_object_set_new(paths, path, operation(route, name));
}

json_t *routes_openapi(void)
{
	json_t *paths = json_object();

	for (const struct route *route = routes_table; route->path; route++)
		add_route(paths, route);
	return json_pack("{s:s, s:{s:s, s:s, s:s}, s:o}", "openapi", "3.0.3", "info", "title",
			 "Shoal node", "version", SHOAL_VERSION, "description",
			 "What a node of Shoal knows; nothing can be changed here.", "paths",
			 paths);
}
