/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim.h - the simulator's parts. docs/simulator.md says what it is for and how to use it.
 *
 *     chance.c    numbers from a seed
 *     weather.c   configs, and what happens to a node: one action a step
 *     node.c      the controller under test, the least reconciler around it, dying and coming back
 *     port.c      reading back and carrying out, through ports that fail
 *     watch.c     the guard beside it: the real decision, a simulated hand
 *     flows.c     clients behind one ECMP router, and each node's slots and remembered flows
 *     facts.c     what a controller was told, kept independently of it
 *     judge*.c    the invariants
 *     sim.c       episodes, shrinking, main
 *
 * A run is cut into episodes that each begin with new nodes. Every step draws from a chance of its
 * own, made of the seed and the step's number: so steps can be left out of an episode and the
 * others still do the same, which is what shrinking a trace needs.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "src/core/core.h"
#include "src/guard/guard.h"
#include "tests/lib/config_builder.h"
#include "tests/lib/fake_world.h"

#define SIM_OPS   128
#define SIM_QUEUE 64
#define SIM_NODES 8
#define SIM_FLOWS 48
#define SIM_SLOTS 8  /* of each ring that flows are hashed to */
#define SIM_REALS 64 /* addresses there can be */
#define SIM_LATE  8
#define SIM_FLAPS 16

struct sim;
struct node;

/* ---- chance ---- */

struct chance {
	uint64_t state;
};

struct chance chance_of(uint64_t seed, uint64_t number);
uint64_t chance_next(struct chance *chance);
uint32_t chance_below(struct chance *chance, uint32_t n); /* 0 when n is 0 */
bool chance_percent(struct chance *chance, unsigned percent);

/* ---- what the controller was told since it started ---- */

struct real_told {
	enum real_state check[BUILD_CHECKS];
	enum real_sign sign[BUILD_CHECKS];
	bool in_doubt[BUILD_CHECKS]; /* up, but its last probe failed */
	bool next_hop_known, has_next_hop;
	usec_t way_lost_since;
	enum real_order order;
	bool was_gone; /* and was not heard of since */
};

struct vip_told {
	bool is_drained, is_forced;
	enum vip_order order;
	usec_t ordered_at;
	usec_t drain_ends;      /* not before this, unless undrained by hand; 0: by hand only */
	uint64_t pps, most_pps; /* told last; the most since it was drained and once before */
	usec_t pps_at;
	/* what follows from it */
	enum vip_state state;
	bool was_draining;         /* by an operator's word */
	bool stood, stood_drained; /* intended after the event before this one */
	bool may_adopt;            /* since the start nothing was decided */
	usec_t flaps[SIM_FLAPS];   /* newest first: withdrawals that can only be failures */
	usec_t returns_at;         /* not before this */
	usec_t maybe_returns_at;   /* at the latest then, when it has been well for warm-up */
	bool owes_warm_up;
	usec_t fenced_at;   /* last */
	usec_t unwell_at;   /* last seen without what it needs */
	usec_t ready_since; /* nothing is missing */
	usec_t drain_line_since, drain_since, dry_since;
	usec_t unproven_since; /* intended, but the world does not hold its services */
};

struct facts {
	struct real_told reals[BUILD_POOLS][BUILD_REALS];
	struct vip_told vips[BUILD_VIPS];
	bool uplink_known[BUILD_UPLINKS], uplink_in_use[BUILD_UPLINKS],
		uplink_covered[BUILD_UPLINKS];
	usec_t no_uplink_since;          /* 0: one is usable */
	usec_t short_since[BUILD_POOLS]; /* healthy enough, but without next hops */
	bool had_quorum[BUILD_POOLS];
	bool was_without[BUILD_POOLS]; /* quorum before a reload, with the same reals */
	usec_t ring_wrong_since[BUILD_POOLS];
	usec_t out_since[BUILD_POOLS][BUILD_REALS];   /* takes nothing, while others do */
	usec_t takes_since[BUILD_POOLS][BUILD_REALS]; /* by its health */
	uint8_t share[BUILD_POOLS][BUILD_REALS];      /* as last seen, percent */
	usec_t common_since[BUILD_POOLS];             /* kept by common mode */
	usec_t trouble_at[BUILD_POOLS];               /* a real of it fell or was in doubt last */
	usec_t held_since;                            /* of the last start or reload */
	usec_t verdict_since; /* of the first verdict after that start, 0: none */
	bool fenced, node_drained, node_forced;
	bool is_unread; /* since the start no route was read */
};

enum real_state told_state(const struct facts *facts, const struct config_pool *pool, uint32_t i,
			   uint32_t r);
bool told_usable(const struct facts *facts, const struct config_pool *pool, uint32_t i, uint32_t r);
bool told_unknown(const struct facts *facts, const struct config_pool *pool, uint32_t i,
		  uint32_t r);
/* What was told of its checks says that the address is gone: one says so, none heard of it. */
bool told_gone(const struct facts *facts, const struct config_pool *pool, uint32_t i, uint32_t r);
bool told_heard(const struct facts *facts, const struct config_pool *pool, uint32_t i, uint32_t r);
/* Every check says down, and there is a way to a normal real: a case for all-down. */
bool told_all_down(const struct facts *facts, const struct config_pool *pool, uint32_t i);
/* How many would serve; healthy: whatever their next hop. */
uint32_t told_serving(const struct facts *facts, const struct config_pool *pool, uint32_t i,
		      bool healthy);
/* Carry over to another config what is matched by pool name and address. */
void facts_reload(struct facts *facts, const struct config *from, const struct config *to,
		  usec_t now);

/* ---- the flow rule of one node: slots, remembered flows, lives ---- */

struct plane_ring {
	uint32_t words[SIM_SLOTS];
	usec_t changed_at, settled_at, elsewhere_at[SIM_SLOTS];
	uint32_t birth; /* one that was deleted and made again is another */
	bool is_used;
};

struct plane {
	struct plane_ring rings[WORLD_RINGS];
	uint32_t flags[SIM_REALS]; /* lb_real.flags by the number of the address */
	struct plane_entry {
		uint64_t entry;
		uint32_t birth; /* of its ring */
	} entries[SIM_FLOWS];
	uint32_t generation; /* of the pinned maps */
	uint32_t births;
	uint64_t lives_version; /* written; 0: not all */
};

/* One client connection after the other, from the same address and port. */
struct flow {
	uint32_t node, generation, birth; /* where it was seen last */
	uint32_t real;                    /* 0: not established, or its real is gone */
	usec_t last, idle;
};

/* ---- one node ---- */

struct queued {
	struct op op;
	struct prefix prefix;
	usec_t due;
};

struct node {
	struct sim *sim;
	uint32_t number;
	struct config_builder builders[2];
	unsigned which; /* builder in force */
	uint64_t config_seed;
	struct world world;
	struct world_route seen[WORLD_ROUTES]; /* the routes as last read back */
	struct plane plane;
	struct core *core; /* NULL: the controller is down */
	usec_t back_at;    /* when a dead controller returns */
	usec_t pass_at;    /* the next pass that time brings */
	struct facts facts;
	struct queued queue[SIM_QUEUE]; /* commands on their way into bgpd, in order */
	size_t n_queue;
	struct core_uplink uplinks[BUILD_UPLINKS]; /* as they are */
	bool has_read;                             /* routes, since the start */
	bool had_stranger;                         /* somebody else wrote lines */
	bool is_judged;                            /* nothing happened since */
	bool broken;                               /* the data plane takes no op at all */
	bool prober_quiet;                         /* no verdict comes */
	int64_t wall_jump;                         /* of the wall clock, in microseconds */
	uint64_t pps[BUILD_VIPS];
	struct core_event late[SIM_LATE]; /* verdicts to come again */
	struct {
		struct prefix prefix;
		struct core_drain drain;
	} drains[BUILD_VIPS]; /* with an end; prefix.len 0 and no owner: none */
	/* kept in files */
	struct core_flaps kept_flaps[BUILD_VIPS];
	size_t n_kept_flaps;
	/* the guard, and what it and the controller tell each other in files */
	struct guard guard;
	usec_t tick, distrust_until, guard_acted_at;
	bool fence;
	struct gone {
		struct prefix prefix;
		usec_t gone_at;
	} lingers[64];
	size_t n_lingers;
};

/* ---- the site ---- */

struct sim {
	struct chance chance;
	uint64_t seed;
	usec_t now;
	uint32_t n_nodes;
	struct node nodes[SIM_NODES];
	struct flow flows[SIM_FLOWS];
	uint64_t config_seed; /* of the config that reloads bring */
	usec_t pass_us;       /* between the passes that time brings */
	bool calm;            /* no faults, no weather */
	uint64_t trace;       /* hash of all that happened */
	uint64_t steps, violations, packets, established;
	const char *first; /* what the first violation of the episode is about */
	bool json, verbose;
	bool tells; /* print what happens and what is violated */
};

const struct config *node_config(const struct node *node);
void sim_violation(struct node *node, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* What happens, for the trace of a shrunk episode. */
void sim_say(struct node *node, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sim_trace(struct sim *sim, uint64_t word);

void node_init(struct sim *sim, uint32_t number);
void node_start(struct node *node);
void node_crash(struct node *node, bool lose_pins);
void node_tell(struct node *node, struct core_event event);
/* When time brings something next, now or later; and that. */
usec_t node_next(const struct node *node);
void node_moment(struct node *node);
/* Time without an event must change nothing before the next timer. */
void node_check_stillness(struct node *node, usec_t until);
void node_reload(struct node *node);
void node_drain(struct node *node, struct core_drain drain);
void node_tell_vip_order(struct node *node, uint32_t vip, enum vip_order order);
void node_tell_order(struct node *node, uint32_t pool, uint32_t real, enum real_order order);
void node_tell_verdict(struct node *node, uint32_t pool, uint32_t real, uint32_t check,
		       enum real_state state);
void node_tell_next_hop(struct node *node, uint32_t pool, uint32_t real, bool usable);
void node_tell_uplink(struct node *node, uint32_t uplink, const struct core_uplink *is);
void node_tell_router(struct node *node, bool up, uint32_t peers);
void node_tell_fence(struct node *node, bool fenced);
uint64_t node_wall(const struct node *node);

/* port.c */
void port_observe(struct node *node);
void port_routes_read(struct node *node);
void port_queue_run(struct node *node);
/* One pass: read back, plan, carry out, until nothing is left or something fails. */
void node_reconcile(struct node *node);

/* watch.c */
void watch_start(struct node *node);
void watch_step(struct node *node);
/* After a pass that was complete, or not. */
void watch_keep_lease(struct node *node, bool complete);

/* flows.c */
enum real_life plane_life(const struct node *node, const struct addr *addr);
void plane_lives(struct node *node);
void plane_ring_set(struct node *node, uint32_t pool);
void plane_sweep(struct node *node);
void plane_lose(struct node *node);
void flows_step(struct sim *sim);
/* Whether the router sends packets for the prefix to this node. */
bool flows_reach(struct sim *sim, const struct prefix *prefix, const struct node *node);

void weather_config(struct chance *chance, struct config_builder *b);
void weather_step(struct sim *sim);
void weather_calm(struct sim *sim);
/* A sample of the packets to each VIP. */
void weather_traffic(struct node *node);

void judge_op(struct node *node, const struct op *op);
/* After each event: since when what stands. */
void judge_clocks(struct node *node);
void judge_step(struct node *node);
void judge_calm(struct node *node);
/* A hash of everything the core shows. */
uint64_t judge_digest(const struct core *core);
/* What is not judged may go on as it was. */
bool judge_may_be_held(const struct node *node);
/* After the first time that all routes were read since a start. */
void judge_adopted(struct node *node);
bool judge_lasts(struct node *node, usec_t *since, bool is_bad, usec_t bound);
void judge_clock(const struct node *node, usec_t *since, bool runs);
bool judge_xdp_is_gone(const struct node *node);
bool judge_no_uplink(const struct node *node);
bool judge_has_quorum(const struct node *node, const struct config_vip *vip);
/* Does the world hold the service, pointing to a ring with an owner? */
bool judge_world_serves(struct node *node, const struct config_vip *vip,
			const struct config_service *service);
bool judge_service_has_quorum(const struct node *node, const struct config_service *service);
/* It has to be carried: by quorum, or by an operator's word while somebody takes new flows. */
bool judge_serves(const struct node *node, const struct config_vip *vip,
		  const struct config_service *service);
/* judge_vip.c: what changed with an event, and what stands after a step. */
void judge_moves(struct node *node);
void judge_vip(struct node *node, uint32_t i);
