/* SPDX-License-Identifier: Apache-2.0 */
/*
 * internal.h - what the files of the core share; nobody else includes it.
 *
 * One step: core.c stamps the time and hands the event to the file that owns its facts (pool.c,
 * node.c, observe.c, drain.c). Those that come by the thousand say whether they changed anything a
 * conclusion rests on; if so, or when a moment has come, core_settle() draws the conclusions bottom
 * up: node, pools, VIPs, desired state. Conclusions that wait for a moment ask core_is_due(), which
 * also collects the earliest such moment, so that the next timer can never be forgotten.
 *
 * A moment of 0 means none: time is at least 1.
 */
#pragma once

#include "src/core/core.h"
#include "src/core/ring.h"

#define NEXT_HOP_GRACE_US    (1 * USEC_PER_SEC)   /* a lost next hop or uplink may come back */
#define REPAIR_GRACE_US      (2 * USEC_PER_SEC)   /* an announced VIP that is not programmed */
#define JUDGE_LEAST_US       (30 * USEC_PER_SEC)  /* a hold, from the prober's first verdict */
#define FLAP_WINDOW_US       (600 * USEC_PER_SEC) /* withdrawals that count as flapping */
#define HOLD_DOWN_MOST       3                    /* doublings: 8 times */
#define DRAIN_LEAST_US       (2 * USEC_PER_SEC)   /* routers need it to move their traffic */
#define SELF_TESTS_TO_FAIL   2
#define LEAVING_VIPS_MAX     64 /* found beyond the config; more wait for their turn */
#define LEAVING_SERVICES_MAX 256

struct real_facts {
	bool next_hop_known;
	bool was_taking;       /* new flows, before this start or reload */
	bool starts_slowly;    /* was down or taken out, or is new in the config */
	bool is_forgiven;      /* this once it need not start slowly */
	usec_t started_at;     /* its slow start; 0: none */
	usec_t way_lost_since; /* the next hop is gone, 0: it is not */
	usec_t fell_at;        /* when it went down last, and whether it took new flows then */
	bool took_when_fell;
};

struct pool {
	struct core_pool view;
	struct core_real *reals;
	struct real_facts *facts;
	struct core_check *checks; /* n_checks a real */
	bool *takes;
	struct ring_real *ring; /* the overlay's input; same index as reals */
	usec_t held_from;       /* a hold counts from here: the start or the last reload */
	usec_t held_until;
	usec_t short_since;  /* too few next hops for quorum, 0: no */
	bool lacks_next_hop; /* why there is no quorum */
	bool is_opened;      /* an operator announces a VIP of it, whatever its checks say */
	bool is_dirty;
	bool is_heard_anew; /* the sign of a real changed */
	bool was_needed;    /* by the desired state before this one */
	usec_t deadline;    /* of the moments its conclusions wait for */
	/* Common mode; 0: it is not so. */
	usec_t shaky_since;   /* it would fail if what its last probes say came true */
	usec_t failing_since; /* its checks cost it its quorum, or would if it were not held */
	usec_t common_from;   /* its reals are held as they were before */
	struct observed_pool observed;
};

struct uplink {
	bool is_known;
	struct core_uplink facts;
};

struct damping {
	usec_t flaps[CORE_FLAPS_MAX]; /* newest first, 0: none */
	usec_t hold_down_until;
	bool needs_warm_up;
	usec_t well_since; /* nothing but time is missing */
};

struct drain_watch {
	usec_t drained_since; /* draining by an operator's word; 0: it is not, or for another reason
			       */
	usec_t seen_at;       /* the drained line was read back */
	usec_t sample_at;
	uint64_t base_pps; /* the most before that */
	/* Once it is stuck: the most in this span of drain.timeout and in the one before. */
	uint64_t recent_pps[2];
	usec_t recent_from;
};

struct vip {
	struct core_vip view;
	size_t first_service;
	struct observed_route route; /* as last observed */
	bool is_ours;                /* inside vip-ranges */
	bool may_adopt;              /* nothing was decided yet: what stands may stand */
	struct damping damping;
	struct drain_watch watch;
	usec_t unproven_since; /* a service of it is not programmed */
	usec_t gone_since;     /* read back as gone from all peers */
	bool has_lingered;     /* gone, and long enough ago */
};

struct service {
	uint32_t vip;
	uint32_t observed_pool;
	uint32_t self_test_failures;
};

/* The VIPs and services, of the config and leaving. services[i] and service_facts[i] are one. */
struct records {
	struct vip *vips;
	size_t n_vips, max_vips;
	struct core_service *services;
	struct service *service_facts;
	size_t n_services, max_services;
};

/* Everything that is sized by the config. */
struct tables {
	const struct config *config;
	struct pool *pools;
	struct core_real *reals;
	struct real_facts *real_facts;
	struct core_check *checks;
	bool *takes;
	bool *scratch; /* for as many reals as the largest pool has */
	struct ring_real *ring_reals;
	struct uplink *uplinks;
	struct config_lookup *lookup;
	uint32_t *vips_by_prefix; /* of the config */
	size_t n_services;        /* of the config */
	struct records records, spare;
	struct desired_pool *desired_pools;
	struct desired_service *desired_services;
	struct desired_vip *desired_vips;
};

struct core {
	struct tables tables;
	struct core_node node;
	struct desired desired;
	usec_t now;
	usec_t timer;      /* collects what core_is_due() was asked */
	usec_t next_timer; /* of the last step */
	uint64_t version;  /* of rings, the last given out */
	uint64_t lives_version;
	usec_t first_verdict_at; /* since the start, 0: the prober said nothing yet */
	bool xdp_gone;
	bool former_forwards; /* as observed */
	bool uplinks_lost;
	usec_t no_uplink_since;
	usec_t common_ended; /* the last common mode */
};

/* core.c */
bool core_is_due(struct core *core, usec_t at);
void core_settle(struct core *core);

/* state.c: the only writers of states */
void real_move(struct core_real *real, enum real_state to, usec_t now);
void real_life_move(struct core_real *real, enum real_life to, enum life_reason reason, usec_t now);
void vip_move(struct core *core, struct vip *vip, enum vip_state to);

/* tables.c */
int tables_init(struct tables *tables, const struct config *config, size_t leaving_vips,
		size_t leaving_services, usec_t now);
void tables_fini(struct tables *tables);
uint32_t records_find_vip(const struct tables *tables, const struct records *records,
			  const struct prefix *prefix);
uint32_t records_find_service(const struct records *records, uint32_t vip, uint8_t proto,
			      uint16_t port);
/*
 * records_build - lay out `to` for the config of `tables`: its VIPs and services with the state
 * they have in `from`, then whatever else is in `from` or observed and has to leave.
 */
void records_build(const struct tables *tables, struct records *to,
		   const struct tables *from_tables, const struct records *from,
		   const struct observed *observed, usec_t now);
bool route_stands(const struct observed_route *route);

/* node.c */
void node_uplink(struct core *core, const struct core_uplink *uplink);
void node_update(struct core *core);

/* pool.c */
bool pool_verdict(struct core *core, const struct core_verdict *verdict);
bool pool_next_hop(struct core *core, const struct core_next_hop *next_hop);
void pool_adopt_verdict(struct core *core, const struct core_verdict *verdict, usec_t since);
bool pool_order(struct core *core, const struct core_real_order *order);
bool pool_forgive(struct core *core, const struct core_forgive *forgive);
void pool_judge_real(struct pool *pool, size_t real, usec_t now);
void pool_hold(struct core *core, struct pool *pool);
void pool_update(struct core *core, struct pool *pool);
bool pool_has_taker(const struct pool *pool);
/* Reals and ring are as desired, or nobody takes new flows and the last ring stands. */
bool pool_is_in_force(const struct core *core, uint32_t pool, const struct observed_pool *observed);

/* Neither surely usable nor surely not. */
bool pool_real_is_unknown(const struct pool *pool, size_t i);

/* The last probe of a check that passes so far failed. */
bool pool_doubts_real(const struct pool *pool, size_t real);

/* common.c */
void common_update(struct core *core);
/* A pool that is held lost its quorum by what is stronger than a hold. */
bool common_is_outdated(const struct core *core);
/* This real gets new flows because it did before it failed with others that share nothing with it.
 */
bool common_keeps(const struct core *core, const struct pool *pool, size_t real);
/* A pool of this VIP is held; asks: common mode is in force, and that is the policy. */
bool common_holds(const struct core *core, const struct vip *vip);
bool common_asks(const struct core *core, const struct vip *vip, enum config_loss_then then);

/* life.c: conclude what becomes of each real's flows; true when that, or what
 * the join over pools rests on, changed. */
bool lives_update(struct core *core, struct pool *pool);

/* serve.c */

/* Take over who takes new flows by health; true when a ring has to be written. */
bool pool_serve(struct core *core, struct pool *pool, const bool *takes);
/* All reals are down and the policy for that keeps the quorum there was. */
bool pool_keeps_quorum(const struct pool *pool);
/* Its ring is of use: a real takes new flows, or the last ring is held. */
bool pool_forwards(const struct pool *pool);

/* vip.c */
void vip_adopt(struct core *core, struct vip *vip);
void vip_hold_pools(struct core *core, const struct vip *vip);
void vip_update(struct core *core, struct vip *vip);
bool vip_is_announced(const struct vip *vip); /* announcing, announced or draining */
/* A service that the VIP rests on: its pool has quorum, or an operator's word stands for it. */
bool vip_service_serves(const struct core *core, const struct vip *vip, size_t i);
enum route_intent vip_intent(enum vip_state state);

/* damping.c */
bool damping_flaps(const struct core *core, const struct vip *vip, struct core_flaps *ret);
void damping_adopt(struct core *core, struct vip *vip, const struct core_flaps *flaps);
void damping_count(struct core *core, struct vip *vip);
void damping_update(struct core *core, struct vip *vip, bool is_well);
bool damping_is_over(const struct vip *vip);
enum vip_reason damping_reason(const struct core *core, const struct vip *vip);

/* drain.c */
void drain_set(struct core *core, const struct core_drain *drain);
bool drain_traffic(struct core *core, const struct core_traffic *traffic);
void drain_start(struct vip *vip);
/* The VIP stays drained for another reason than an operator's word. */
void drain_stop(struct vip *vip);
bool drain_is_done(struct core *core, struct vip *vip);
bool vip_is_drained(const struct core *core, const struct vip *vip);

/* order.c */
void vip_order_set(struct core *core, const struct core_vip_order *order);
/* Which pools serve a VIP that an operator announces. */
void vip_orders_update(struct core *core);

/* observe.c */
void observe(struct core *core, const struct observed *observed);
bool service_is_proven(const struct core *core, size_t service);

/* plan.c */
void desired_update(struct core *core);
