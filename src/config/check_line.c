/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_line.c - what a line of services says about server ids, new flows and clients must fit
 * together. One finding a line, however many ports it names.
 */
#include <inttypes.h>

#include "src/config/read.h"
#include "src/config/schema.h"

#define STABLE_ID_MAX 0xffffffU /* 24 bits in the payload */

static const struct config_pool *pool_of(const struct load *load, const struct config_service *line)
{
	return line->pool < load->config->n_pools ? &load->config->pools[line->pool] : NULL;
}

static const char *prefix_text(struct load *load, const struct prefix *prefix)
{
	const struct value_spec spec = { .type = VALUE_PREFIX };
	struct text text = { .arena = load->scratch };

	value_print(&spec, prefix, &text);
	return text.bytes;
}

/* ---- server ids ---- */

static void check_stable_ids(struct load *load, const struct config_service *service,
			     const struct config_pool *pool)
{
	for (size_t i = 0; service->stable_udp && i < pool->n_reals; i++) {
		if (pool->reals[i].server_id <= STABLE_ID_MAX)
			continue;
		load_error(load, load_node(load, &service->stable_udp),
			   "stable-udp: server-id %" PRIu32 " of real '%s' is more than the %u "
			   "that fit into its 24 bits",
			   pool->reals[i].server_id, pool->reals[i].name, STABLE_ID_MAX);
		return;
	}
}

static void check_has_ids(struct load *load, const struct config_service *service,
			  const struct config_pool *pool)
{
	const struct node *at = load_node(load, &service->pool);

	if (service->server_ids != CONFIG_SERVER_IDS_POOL)
		return;
	for (size_t i = 0; i < pool->n_reals; i++)
		if (pool->reals[i].server_id || !load_is_good(load, &pool->reals[i].server_id))
			return;
	load_warn(load, at, "no real of pool '%s' has a server-id; every id is unknown",
		  pool->name);
}

static void check_ids(struct load *load, const struct config_service *service)
{
	const struct config_pool *pool = pool_of(load, service);

	if (service->quic && service->stable_udp)
		load_error(load, load_node(load, &service->stable_udp),
			   "stable-udp and quic read the same bytes; a service has one of them");
	if (!pool)
		return;
	check_stable_ids(load, service, pool);
	check_has_ids(load, service, pool);
}

/* ---- new flows ---- */

static void check_rate(struct load *load, const struct service_line *line)
{
	const struct config_service *service = &line->service;

	if (service->rate && line->n_ports[1] && !service->quic)
		load_error(load, load_node(load, &service->rate),
			   "rate: new flows show in TCP and QUIC only; write quic: true, or take "
			   "the udp ports to a line without rate");
}

/* ---- clients ---- */

static void check_route(struct load *load, const struct config_service *service,
			const struct config_source_route *route)
{
	const struct node *at = load_node(load, &route->source);

	for (size_t i = 0; i < service->n_drop_sources; i++) {
		if (!prefix_has_prefix(&service->drop_sources[i], &route->source))
			continue;
		load_error(load, at, "source-routes: %s lies in %s of drop-sources (line %zu)",
			   prefix_text(load, &route->source),
			   prefix_text(load, &service->drop_sources[i]),
			   load_node(load, &service->drop_sources[i])->place.line);
		return;
	}
}

static void check_sources(struct load *load, const struct config_service *service)
{
	struct index seen = { .arena = load->scratch };

	for (size_t i = 0; i < service->n_source_routes; i++) {
		const struct config_source_route *route = &service->source_routes[i];

		if (index_add(&seen, &route->source, sizeof(route->source), i) != INDEX_NONE)
			load_error(load, load_node(load, &route->source),
				   "source-routes: '%s' is there twice",
				   prefix_text(load, &route->source));
		check_route(load, service, route);
	}
	for (size_t i = 0; i < service->n_drop_sources; i++)
		if (service->drop_sources[i].len == 0)
			load_warn(load, load_node(load, &service->drop_sources[i]),
				  "drop-sources: %s is every client",
				  prefix_text(load, &service->drop_sources[i]));
}

void check_service_line(struct load *load, const struct service_line *line)
{
	check_ids(load, &line->service);
	check_rate(load, line);
	check_sources(load, &line->service);
}
