/* SPDX-License-Identifier: Apache-2.0 */
/*
 * special.c - the keys whose value has a shape of its own: references to checks and pools, ports,
 * peers, the depool floor and source routes.
 */
#include <inttypes.h>
#include <netinet/in.h>
#include <string.h>

#include "src/config/read.h"
#include "src/config/schema.h"

/* ---- check: NAME, [NAMES] or none ---- */

static const char *check_name(const void *checks, size_t i)
{
	return ((const struct config_check *)checks)[i].name;
}

static bool read_check_ref(struct load *load, const struct node *node, uint32_t *ret)
{
	const char *name = read_scalar(load, "check", "the name of a check", node);
	size_t i;

	if (!name)
		return false;
	i = index_find(&load->check_names, name, strlen(name));
	if (i == INDEX_NONE) {
		read_unknown_name(load, node, "check", load->config->n_checks, check_name,
				  load->config->checks);
		return false;
	}
	*ret = (uint32_t)i;
	return true;
}

static bool has_check(const uint32_t *checks, size_t n, uint32_t check)
{
	for (size_t i = 0; i < n; i++)
		if (checks[i] == check)
			return true;
	return false;
}

static void read_check(struct load *load, const struct schema_row *row, const struct node *node,
		       void *object)
{
	struct config_pool *pool = object;
	uint32_t *checks;
	size_t n = 0;

	if (node->kind == NODE_SCALAR && strcmp(node->text, "none") == 0)
		return;
	if (node->kind == NODE_MAP || read_count(node) == 0) {
		load_error(load, node, "%s: write %s", row->key, row->special->written);
		return;
	}
	if (read_count(node) > 16) {
		load_error(load, node, "%s: a pool can have 16 checks", row->key);
		return;
	}
	checks = arena_array(load->arena, read_count(node), sizeof(*checks));
	for (const struct node *child = NULL; (child = read_next(node, child));) {
		uint32_t check;

		if (!read_check_ref(load, child, &check))
			continue;
		if (has_check(checks, n, check))
			load_error(load, child, "%s: '%s' is there twice", row->key, child->text);
		else
			checks[n++] = check;
	}
	pool->checks = checks;
	pool->n_checks = n;
}

static void print_check(const struct config *config, const struct schema_row *row,
			const void *object, struct text *out)
{
	const struct config_pool *pool = object;

	(void)row;
	if (pool->n_checks == 0)
		text_add(out, "none");
	for (size_t i = 0; i < pool->n_checks; i++) {
		text_add(out, "%s", i ? ", " : "[");
		schema_print_scalar(config->checks[pool->checks[i]].name, out);
	}
	if (pool->n_checks)
		text_add(out, "]");
}

const struct schema_special special_check = {
	.written = "NAME | [NAMES] | none",
	.read = read_check,
	.print = print_check,
};

/* ---- pool: NAME ---- */

static const char *pool_name(const void *pools, size_t i)
{
	return ((const struct config_pool *)pools)[i].name;
}

static void read_pool(struct load *load, const struct schema_row *row, const struct node *node,
		      void *object)
{
	struct config_service *service = object;
	const char *name = read_scalar(load, row->key, "the name of a pool", node);
	size_t i = name ? index_find(&load->pool_names, name, strlen(name)) : INDEX_NONE;

	service->pool = i == INDEX_NONE ? UINT32_MAX : (uint32_t)i;
	load_mark(load, &service->pool, node, i != INDEX_NONE);
	if (name && i == INDEX_NONE)
		read_unknown_name(load, node, "pool", load->config->n_pools, pool_name,
				  load->config->pools);
}

static void print_pool(const struct config *config, const struct schema_row *row,
		       const void *object, struct text *out)
{
	const struct config_service *service = object;

	(void)row;
	if (service->pool < config->n_pools)
		schema_print_scalar(config->pools[service->pool].name, out);
}

const struct schema_special special_pool = {
	.written = "NAME",
	.read = read_pool,
	.print = print_pool,
};

/* ---- tcp and udp: PORT, [PORTS] or any ---- */

static void read_ports(struct load *load, const struct schema_row *row, const struct node *node,
		       void *object)
{
	struct service_line *line = object;
	const struct schema_row port_row = { .key = row->key, .value = { .type = VALUE_PORT } };
	uint16_t *ports;
	const struct node **nodes;
	size_t n = 0;

	load_mark(load, &line->ports[row->offset], node, true);
	if (node->kind == NODE_MAP || read_count(node) == 0) {
		load_error(load, node, "%s: write %s", row->key, row->special->written);
		return;
	}
	ports = arena_array(load->scratch, read_count(node), sizeof(*ports));
	nodes = arena_array(load->scratch, read_count(node), sizeof(*nodes));
	for (const struct node *child = NULL; (child = read_next(node, child));) {
		bool is_any = child->kind == NODE_SCALAR && strcmp(child->text, "any") == 0;

		if (!is_any && !read_value(load, &port_row, child, &ports[n]))
			continue;
		nodes[n++] = child;
	}
	line->ports[row->offset] = ports;
	line->port_nodes[row->offset] = nodes;
	line->n_ports[row->offset] = n;
}

static void print_ports(const struct config *config, const struct schema_row *row,
			const void *object, struct text *out)
{
	const struct config_service *service = object;

	(void)config;
	if (service->proto != (row->offset ? IPPROTO_UDP : IPPROTO_TCP))
		return; /* the other key's */
	if (service->port)
		text_add(out, "%u", service->port);
	else
		text_add(out, "any");
}

const struct schema_special special_ports = {
	.written = "PORT | [PORTS] | any",
	.read = read_ports,
	.print = print_ports,
};

/* ---- peers: ADDRESS or INTERFACE ---- */

static bool looks_like_address(const char *text)
{
	return strchr(text, ':') || text[strspn(text, "0123456789./")] == '\0';
}

static void read_peer(struct load *load, const struct schema_row *row, const struct node *node,
		      void *object)
{
	struct config_peer *peer = object;
	struct schema_row as_interface = *row, as_address = *row;
	const char *text = read_scalar(load, row->key, row->special->written, node);
	bool is_good;

	if (!text)
		return;
	as_interface.value.type = VALUE_INTERFACE;
	as_address.value.type = VALUE_ADDRESS;
	if (looks_like_address(text))
		is_good = read_value(load, &as_address, node, &peer->addr);
	else
		is_good = read_value(load, &as_interface, node, &peer->interface);
	load_mark(load, &peer->addr, node, is_good);
}

static void print_peer(const struct config *config, const struct schema_row *row,
		       const void *object, struct text *out)
{
	const struct config_peer *peer = object;

	(void)config;
	(void)row;
	schema_print_scalar(peer->interface ? peer->interface : ADDR_STR(&peer->addr), out);
}

const struct schema_special special_peer = {
	.written = "ADDRESS | INTERFACE",
	.read = read_peer,
	.print = print_peer,
};

/* ---- depool-floor: PERCENT, NUMBER or none ---- */

static void read_floor(struct load *load, const struct schema_row *row, const struct node *node,
		       void *object)
{
	struct config_pool *pool = object;
	struct schema_row as_percent = *row, as_number = *row;
	const char *text = read_scalar(load, row->key, row->special->written, node);
	bool is_good;

	as_percent.value = (struct value_spec){ .type = VALUE_PERCENT, .max = 100 };
	as_number.value = (struct value_spec){ .type = VALUE_NUMBER, .max = 65534 };
	if (!text || strcmp(text, "none") == 0)
		return;
	if (strchr(text, '%'))
		is_good = read_value(load, &as_percent, node, &pool->depool_floor_percent);
	else
		is_good = read_value(load, &as_number, node, &pool->depool_floor_count);
	load_mark(load, &pool->depool_floor_percent, node, is_good);
}

static void print_floor(const struct config *config, const struct schema_row *row,
			const void *object, struct text *out)
{
	const struct config_pool *pool = object;

	(void)config;
	(void)row;
	if (pool->depool_floor_percent)
		text_add(out, "%" PRIu32 "%%", pool->depool_floor_percent);
	else if (pool->depool_floor_count)
		text_add(out, "%" PRIu32, pool->depool_floor_count);
	else
		text_add(out, "none");
}

const struct schema_special special_floor = {
	.written = "none | percentage of the reals | number of reals",
	.read = read_floor,
	.print = print_floor,
};

/* ---- source-routes: {PREFIX: REAL} ---- */

#define SOURCE_ROUTES_MAX 4096 /* as many as drop-sources */

static const char *real_name(const void *reals, size_t i)
{
	return ((const struct config_real *)reals)[i].name;
}

static bool find_real(struct load *load, const struct config_pool *pool, const struct node *node,
		      uint32_t *ret)
{
	const char *name = read_scalar(load, "source-routes", "the name of a real", node);

	if (!name)
		return false;
	for (size_t i = 0; i < pool->n_reals; i++) {
		if (pool->reals[i].name && strcmp(pool->reals[i].name, name) == 0) {
			*ret = (uint32_t)i;
			return true;
		}
	}
	read_unknown_name(load, node, "real", pool->n_reals, real_name, pool->reals);
	return false;
}

static bool read_source(struct load *load, const struct node *key, struct prefix *ret)
{
	const struct schema_row row = { .key = "source-routes", .value = { .type = VALUE_PREFIX } };

	return read_value(load, &row, key, ret);
}

static void read_source_routes(struct load *load, const struct schema_row *row,
			       const struct node *node, void *object)
{
	struct config_service *service = object;
	struct config_source_route *routes;
	const struct config_pool *pool;
	size_t n = 0;

	if (node->kind != NODE_MAP) {
		load_error(load, node_name(node), "%s: write %s", row->key, row->special->written);
		return;
	}
	if (node->n_children > SOURCE_ROUTES_MAX) {
		load_error(load, node_name(node), "%s: %zu are too many; at most %d are possible",
			   row->key, (size_t)node->n_children, SOURCE_ROUTES_MAX);
		return;
	}
	if (service->pool == UINT32_MAX)
		return;
	pool = &load->config->pools[service->pool];
	routes = arena_array(load->arena, node->n_children, sizeof(*routes));
	for (const struct node *child = node->first; child; child = child->next) {
		if (!read_source(load, child->key, &routes[n].source) ||
		    !find_real(load, pool, child, &routes[n].real))
			continue;
		load_mark(load, &routes[n].source, child->key, true);
		n++;
	}
	service->source_routes = routes;
	service->n_source_routes = n;
}

static void print_source_routes(const struct config *config, const struct schema_row *row,
				const void *object, struct text *out)
{
	const struct config_service *service = object;
	const struct value_spec spec = { .type = VALUE_PREFIX };

	(void)row;
	text_add(out, "{");
	for (size_t i = 0; i < service->n_source_routes; i++) {
		const struct config_source_route *route = &service->source_routes[i];
		struct text source = { .arena = out->arena };

		value_print(&spec, &route->source, &source);
		text_add(out, "%s", i ? ", " : "");
		schema_print_scalar(source.bytes, out);
		text_add(out, ": ");
		schema_print_scalar(config->pools[service->pool].reals[route->real].name, out);
	}
	text_add(out, "}");
}

const struct schema_special special_source_routes = {
	.written = "{PREFIX: REAL, ...}",
	.read = read_source_routes,
	.print = print_source_routes,
};
