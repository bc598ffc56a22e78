/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service_of.c - from a service of the config to one of the data plane; the one place that knows
 * both. A file of its own, so that tests with a fake data plane have it too.
 */
#include "src/dataplane/dataplane.h"

struct dataplane_service dataplane_service_of(const struct prefix *vip,
					      const struct config_service *service,
					      const struct config_pool *pool, uint32_t ring)
{
	return (struct dataplane_service){ .vip = *vip,
					   .proto = service->proto,
					   .port = service->port,
					   .ring = ring,
					   .encap = pool->encap,
					   .gue_port = pool->gue_port,
					   .hash = service->hash,
					   .track = service->track,
					   .quic = service->quic,
					   .tcp_server_id = service->tcp_server_id,
					   .stable_udp = service->stable_udp,
					   .migrate_udp = service->migrate_udp,
					   .server_ids = service->server_ids,
					   .rate = service->rate,
					   .drop_sources = service->drop_sources,
					   .n_drop_sources = service->n_drop_sources,
					   .source_routes = service->source_routes,
					   .n_source_routes = service->n_source_routes,
					   .reals = pool->reals };
}
