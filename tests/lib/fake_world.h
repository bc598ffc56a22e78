/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_world.h - a data plane and a router that do as told, for tests of the core and the
 * simulator: they take the core's ops and yield `struct observed`.
 *
 * Like the real ones the world outlives a controller: rings and services are pinned and know
 * addresses, not indices; lines stand in bgpd until withdrawn.
 */
#pragma once

#include "src/core/core.h"

#define WORLD_RINGS    64
#define WORLD_REALS    16
#define WORLD_SERVICES 128
#define WORLD_ROUTES   64
#define WORLD_POOLS    16

struct world_ring {
	bool used;
	char pool[16]; /* name of the pool it was made for */
	bool reals_programmed;
	uint64_t version; /* 0 after a controller restart: nobody remembers */
	struct addr takers[WORLD_REALS];
	size_t n_takers;
};

struct world_service {
	bool used;
	struct prefix vip;
	uint8_t proto;
	uint16_t port;
	uint32_t ring;
	bool self_tested; /* the controller's knowledge, lost with it */
	uint32_t self_test_failures;
};

struct world_route {
	bool used;
	struct prefix prefix;
	enum route_intent line;
	uint32_t peers; /* that hold it; follows the line after world_converge() */
};

struct world {
	struct world_ring rings[WORLD_RINGS];
	struct world_service services[WORLD_SERVICES];
	struct world_route routes[WORLD_ROUTES];
	uint32_t established_peers;
	bool router_connected, routes_are_read;
	bool forwards; /* what self-tests find */
	/* what world_observe() hands out */
	struct observed observed;
	struct observed_pool observed_pools[WORLD_POOLS];
	struct observed_service observed_services[2 * WORLD_SERVICES];
	struct observed_route observed_routes[2 * WORLD_ROUTES];
};

/* An empty data plane, bgpd up and read with two peers, forwarding as it should. */
void world_init(struct world *world);

/* Do one op. */
void world_apply(struct world *world, const struct core *core, const struct op *op);

/* The peers learn what the lines say now. */
void world_converge(struct world *world);

/* A read-back; valid until the next one. */
const struct observed *world_observe(struct world *world, const struct core *core);

/* The controller is gone, and with it what only it knew. */
void world_forget(struct world *world);

struct world_ring *world_ring_find(struct world *world, const char *pool);
struct world_route *world_route_find(struct world *world, const struct prefix *prefix);
struct world_service *world_service_find(struct world *world, const struct prefix *vip,
					 uint8_t proto, uint16_t port);
/* Put a line into bgpd as a stranger would. */
struct world_route *world_route_add(struct world *world, const struct prefix *prefix,
				    enum route_intent line);
