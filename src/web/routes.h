/* SPDX-License-Identifier: Apache-2.0 */
/*
 * routes.h - every path that is served, in one table: the server, the OpenAPI document and the test
 * of docs/web.md walk it.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

struct evhttp_request;
struct server;

struct route {
	const char *path; /* "/api/v1/vips" */
	const char *name; /* "VIP": also /api/v1/vips/VIP; NULL: nothing may follow */
	bool needs_name;  /* only with it */
	bool has_brief;   /* takes ?brief */
	const char *type; /* of what is answered */
	const char *help; /* one line without full stop */
	/* A command of shoald whose result is the answer, and its argument for the name. */
	const char *command, *arg;
	/* Or else. name: what follows the path, decoded; "" when nothing does. */
	void (*serve)(struct server *server, struct evhttp_request *request, const char *name);
};

/* Ended by a NULL path. */
extern const struct route routes_table[];

/* Answer a GET or HEAD. */
void routes_serve(struct server *server, struct evhttp_request *request);

/* The OpenAPI document of the table; NULL: no memory. */
json_t *routes_openapi(void);
