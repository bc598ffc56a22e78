/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_builder.h - a `struct config` made by hand, for tests of what comes after the parser.
 *
 * Everything lives in one value of fixed size; nothing is freed. Lines read like the file:
 *
 *     struct config_builder b;
 *     build_start(&b);
 *     uint32_t web = build_pool(&b, "web", 3);      reals 10.1.0.1 to .3, one check
 *     uint32_t www = build_vip(&b, "203.0.113.10/32");
 *     build_service(&b, www, 443, web);
 *     const struct config *config = build_finish(&b);
 */
#pragma once

#include <assert.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "src/config/config.h"

#define BUILD_POOLS    8
#define BUILD_REALS    16
#define BUILD_VIPS     12
#define BUILD_SERVICES 4
#define BUILD_UPLINKS  4
#define BUILD_CHECKS   3

struct config_builder {
	struct config config;
	struct config_check checks[BUILD_CHECKS];
	uint32_t pool_checks[BUILD_POOLS][BUILD_CHECKS];
	char pool_names[BUILD_POOLS][16];
	char real_names[BUILD_POOLS][BUILD_REALS][16];
	struct config_pool pools[BUILD_POOLS];
	struct config_real reals[BUILD_POOLS][BUILD_REALS];
	struct config_vip vips[BUILD_VIPS];
	char vip_names[BUILD_VIPS][16];
	struct config_service services[BUILD_VIPS][BUILD_SERVICES];
	struct prefix ranges[2];
	const char *uplinks[BUILD_UPLINKS];
	struct config_peer peers[2];
};

/* One uplink, one check, two peers of which one must hold a route; the defaults of the schema. */
static inline void build_start(struct config_builder *b)
{
	static const char *const check_names[BUILD_CHECKS] = { "http-ok", "tcp-ok", "dns-ok" };

	memset(b, 0, sizeof(*b));
	for (int i = 0; i < BUILD_CHECKS; i++)
		b->checks[i] = (struct config_check){
			.name = check_names[i],
			.interval_us = 2 * USEC_PER_SEC,
			.fast_interval_us = USEC_PER_SEC / 2,
			.slow_interval_us = 10 * USEC_PER_SEC,
			.timeout_us = USEC_PER_SEC,
			.jitter_percent = 20,
			.rise = 3,
			.fall = 2,
		};
	b->uplinks[0] = "eth0";
	b->uplinks[1] = "eth1";
	assert(prefix_parse("203.0.113.0/24", &b->ranges[0]) == 0);
	assert(prefix_parse("2001:db8:cafe::/48", &b->ranges[1]) == 0);
	b->peers[0].name = "tor1";
	b->peers[1].name = "tor2";
	b->config = (struct config){
		.generation = "0123456789abcdef",
		.file = "test.yaml",
		.node = { .name = "lb1", .uplinks = b->uplinks, .n_uplinks = 1 },
		.routing = {
			.present = true,
			.vty = "/run/frr",
			.local_as = 65010,
			.vip_ranges = b->ranges,
			.n_vip_ranges = 2,
			.peers = b->peers,
			.n_peers = 2,
			.require_peers = 1,
			.warm_up_us = 5 * USEC_PER_SEC,
			.hold_down_us = 30 * USEC_PER_SEC,
			.linger_us = 5 * USEC_PER_SEC,
			.drain_until_pps = 50,
			.drain_timeout_us = 300 * USEC_PER_SEC,
		},
		.checks = b->checks,
		.n_checks = BUILD_CHECKS,
		.pools = b->pools,
		.vips = b->vips,
	};
}

/* A pool with n reals 10.(1 + pool).0.1 and up, quorum 1/1 and the first check. */
static inline uint32_t build_pool(struct config_builder *b, const char *name, size_t n)
{
	uint32_t i = (uint32_t)b->config.n_pools++;

	assert(i < BUILD_POOLS && n <= BUILD_REALS);
	snprintf(b->pool_names[i], sizeof(b->pool_names[i]), "%s", name);
	b->pools[i] = (struct config_pool){
		.name = b->pool_names[i],
		.checks = b->pool_checks[i],
		.n_checks = 1,
		.quorum_return = 1,
		.quorum_stay = 1,
		.reals = b->reals[i],
		.n_reals = n,
	};
	for (size_t r = 0; r < n; r++) {
		uint8_t raw[4] = { 10, (uint8_t)(1 + i), 0, (uint8_t)(1 + r) };

		snprintf(b->real_names[i][r], sizeof(b->real_names[i][r]), "r%zu", r + 1);
		b->reals[i][r] = (struct config_real){ .name = b->real_names[i][r],
						       .addr = addr_from_raw(AF_INET, raw),
						       .weight = 1 };
	}
	return i;
}

static inline uint32_t build_vip(struct config_builder *b, const char *prefix)
{
	uint32_t i = (uint32_t)b->config.n_vips++;

	assert(i < BUILD_VIPS);
	snprintf(b->vip_names[i], sizeof(b->vip_names[i]), "vip%u", i);
	b->vips[i] = (struct config_vip){ .name = b->vip_names[i], .services = b->services[i] };
	assert(prefix_parse(prefix, &b->vips[i].prefix) == 0);
	return i;
}

static inline uint32_t build_service(struct config_builder *b, uint32_t vip, uint16_t port,
				     uint32_t pool)
{
	uint32_t i = (uint32_t)b->vips[vip].n_services++;

	assert(i < BUILD_SERVICES);
	b->services[vip][i] =
		(struct config_service){ .proto = IPPROTO_TCP, .port = port, .pool = pool };
	return i;
}

static inline const struct config *build_finish(struct config_builder *b)
{
	return &b->config;
}
