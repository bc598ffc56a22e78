/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim.h - the simulator's parts: chance.c (numbers from a seed), facts.c (what the controller was
 * told, kept independently of it), judge.c (the invariants), node.c (the controller with its
 * reconciler, dying and coming back), weather.c (what happens to it) and sim.c (main).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "src/core/core.h"
#include "tests/lib/config_builder.h"
#include "tests/lib/fake_world.h"

#define SIM_OPS   128
#define SIM_QUEUE 64

/* ---- chance ---- */

struct chance {
	uint64_t state;
};

uint64_t chance_next(struct chance *chance);
uint32_t chance_below(struct chance *chance, uint32_t n); /* 0 when n is 0 */
bool chance_percent(struct chance *chance, unsigned percent);

/* ---- what the controller was told since it started ---- */

struct real_told {
	enum real_state check[BUILD_CHECKS];
	enum real_sign sign[BUILD_CHECKS];
	bool in_doubt[BUILD_CHECKS]; /* up, but its last probe failed */
	bool next_hop_known, has_next_hop;
	enum real_order order;
};

struct facts {
	struct real_told reals[BUILD_POOLS][BUILD_REALS];
	bool uplink_known[BUILD_UPLINKS], uplink_in_use[BUILD_UPLINKS],
		uplink_covered[BUILD_UPLINKS];
	usec_t no_uplink_since;            /* 0: one is usable */
	usec_t short_since[BUILD_POOLS];   /* healthy enough, but without next hops */
	usec_t unproven_since[BUILD_VIPS]; /* intended, but the world does not hold its services */
	usec_t ring_wrong_since[BUILD_POOLS];
	usec_t takes_since[BUILD_POOLS][BUILD_REALS]; /* by its health */
	uint8_t share[BUILD_POOLS][BUILD_REALS];      /* as last seen, percent */
	usec_t common_since[BUILD_POOLS];             /* kept by common mode */
	usec_t trouble_at[BUILD_POOLS];               /* a real of it fell or was in doubt last */
	usec_t held_since;                            /* of the last start or reload */
	usec_t verdict_since; /* of the first verdict after that start, 0: none */
	bool fenced, node_drained;
	bool vip_drained[BUILD_VIPS];
};

enum real_state told_state(const struct facts *facts, const struct config_pool *pool, uint32_t i,
			   uint32_t r);
bool told_usable(const struct facts *facts, const struct config_pool *pool, uint32_t i, uint32_t r);
bool told_unknown(const struct facts *facts, const struct config_pool *pool, uint32_t i,
		  uint32_t r);
/* What was told of its checks says that the address is gone: one says so, none heard of it. */
bool told_gone(const struct facts *facts, const struct config_pool *pool, uint32_t i, uint32_t r);
/* Every check says down, and there is a way to a normal real: a case for all-down. */
bool told_all_down(const struct facts *facts, const struct config_pool *pool, uint32_t i);
/* How many would serve; healthy: whatever their next hop. */
uint32_t told_serving(const struct facts *facts, const struct config_pool *pool, uint32_t i,
		      bool healthy);
/* Carry over to another config what is matched by pool name and address. */
void facts_reload(struct facts *facts, const struct config *from, const struct config *to);

/* ---- the simulated node ---- */

struct queued {
	struct op op;
	struct prefix prefix;
	usec_t due;
};

struct sim {
	struct chance chance;
	struct config_builder builders[2];
	unsigned which; /* builder in force */
	struct world world;
	struct world_route seen[WORLD_ROUTES]; /* the routes as last read back */
	struct core *core;                     /* NULL: the controller is down */
	usec_t now, back_at;                   /* when a dead controller returns */
	usec_t gone_since[WORLD_ROUTES * 2];
	struct facts facts;
	struct queued queue[SIM_QUEUE]; /* commands on their way into bgpd, in order */
	size_t n_queue;
	bool calm;   /* no faults, no weather */
	bool broken; /* the data plane takes no op at all */
	uint64_t pps[BUILD_VIPS];
	uint64_t trace; /* hash of all that happened */
	uint64_t steps, violations;
	bool json, verbose;
	struct gone {
		struct prefix prefix;
		usec_t gone_at;
	} lingers[64];
	size_t n_lingers;
};

const struct config *sim_config(const struct sim *sim);
void sim_violation(struct sim *sim, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sim_trace(struct sim *sim, uint64_t word);

void node_start(struct sim *sim);
void node_crash(struct sim *sim, bool lose_pins);
void node_tell(struct sim *sim, struct core_event event);
void node_reconcile(struct sim *sim);
void node_advance(struct sim *sim, usec_t by);
void node_reload(struct sim *sim);
void node_tell_order(struct sim *sim, uint32_t pool, uint32_t real, enum real_order order);
void node_tell_verdict(struct sim *sim, uint32_t pool, uint32_t real, uint32_t check,
		       enum real_state state);
void node_tell_next_hop(struct sim *sim, uint32_t pool, uint32_t real, bool usable);
void node_tell_uplink(struct sim *sim, uint32_t uplink, bool in_use, bool covered);
void node_tell_router(struct sim *sim, bool up, uint32_t peers);

void weather_config(struct sim *sim, struct config_builder *b);
void weather_step(struct sim *sim);
void weather_calm(struct sim *sim);

void judge_op(struct sim *sim, const struct op *op);
/* After each event: since when what stands. */
void judge_clocks(struct sim *sim);
void judge_step(struct sim *sim);
void judge_calm(struct sim *sim);
/* A hash of everything the core shows. */
uint64_t judge_digest(const struct core *core);
