/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core.h - the decisions: what this node shall forward and announce.
 *
 * Pure: no sockets, clock, logging, and no allocation while stepping. The reconciler feeds events
 * into core_step(), reads core_desired(), keeps `struct observed` true, and carries out, in order,
 * the ops that core_plan() gives. Both are level-triggered: repeating an event or a plan changes
 * nothing, and starting from nothing but config and read-back is the same path as any other.
 *
 * Order of ops. Going up: reals, ring, service, self-test, announce. Going down: drain, withdraw,
 * (linger), service, ring, reals. A VIP is announced only while all of that is observed.
 *
 * A VIP that left the config, or was found in the pinned maps or in FRR at start, stays as a
 * record without config (`leaving`) until its route is gone, it lingered and its services are
 * deleted.
 *
 * What counts for quorum are the reals that would serve now: the healthy normal ones with a next
 * hop, or, when there is none, the backups. docs/states.md has every state and what moves it.
 *
 * At start and after a reload what already forwards is held as it stands until it is judged: a
 * pool is `is_held` while some of its reals are unknown and a ring or an announcement relies on
 * it. A hold ends when all reals are judged, or a bound after the prober's first verdict (30 s or
 * twice the slowest check's time to decide); with no verdict at all it does not end, because a
 * node that cannot judge has no evidence against what forwards, and a silent prober is the guard's
 * case.
 *
 * Tables are sized at core_new() and core_reload(). Indices: `pool` and `real` are those of
 * the config; `vip` and `service` are those of the core's own tables, valid until the next
 * core_reload() or CORE_EVENT_OBSERVED.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/addr.h"
#include "src/base/err.h"
#include "src/base/usec.h"
#include "src/config/config.h"
#include "src/core/reason.h"
#include "src/core/ring.h"

#define CORE_EVIDENCE_MAX 128
#define CORE_OWNER_MAX    64
#define CORE_REASON_MAX   128
#define CORE_NONE         UINT32_MAX /* no index */

struct config_lookup;
struct core;

/* ---- states ---- */

enum real_state {
	REAL_UNKNOWN, /* not judged yet */
	REAL_UP,
	REAL_DOWN,
	REAL_STATE_MAX,
};

/*
 * What becomes of the flows of a real. Leaving: it gets no new ones and keeps those it has, for a
 * stopped process resets its flows itself, and an overloaded one must not lose them. Dead: the
 * address itself is gone, and so are its flows.
 */
enum real_life {
	REAL_LIFE_UNKNOWN, /* not judged yet: what stands in the data plane stays */
	REAL_TAKES,
	REAL_LEAVING,
	REAL_DEAD,
	REAL_LIFE_MAX,
};

/* What a check heard of the address itself, whatever it says of the service. */
enum real_sign {
	REAL_SIGN_NONE,    /* nothing that could be trusted yet */
	REAL_SIGN_ANSWERS, /* something answered: a reset, a refusal, an echo are enough */
	REAL_SIGN_GONE,    /* unreachable, or check, echo and direct connect silent `fall` times */
	REAL_SIGN_MAX,
};

/* What an operator asked of a real, over and above its checks. */
enum real_order {
	REAL_ORDER_NONE,
	REAL_DRAINED,  /* no new flows; those it has stay */
	REAL_DISABLED, /* as if its address were gone: its flows go to others at once */
	REAL_ORDER_MAX,
};

/* What an operator asked of a VIP, over and above its pools. */
enum vip_order {
	VIP_ORDER_NONE,
	VIP_ORDER_ANNOUNCE, /* whatever the checks say, while something forwards; drains still hold
			     */
	VIP_ORDER_WITHDRAW, /* at once */
	VIP_ORDER_MAX,
};

enum vip_state {
	VIP_WITHDRAWN,
	VIP_ANNOUNCING,
	VIP_ANNOUNCED,
	VIP_DRAINING, /* announced with 65535:0 */
	VIP_WITHDRAWING,
	VIP_STATE_MAX,
};

/* What shall stand in FRR for a VIP. */
enum route_intent {
	ROUTE_NONE,
	ROUTE_ANNOUNCE,
	ROUTE_DRAIN, /* announced through the drain twin of its route-map */
};

const char *real_state_str(enum real_state state);
const char *real_life_str(enum real_life life);
const char *real_order_str(enum real_order order);
/* The order a word names, or REAL_ORDER_MAX. */
enum real_order real_order_find(const char *word);
const char *vip_order_str(enum vip_order order);
/* The order a word names, or VIP_ORDER_MAX. */
enum vip_order vip_order_find(const char *word);

/*
 * real_life_join - one life for an address that several pools name.
 * @lives:    1U << life of each of them, or-ed.
 * @is_heard: one of the pools hears it: what answers anywhere is not dead.
 * It takes only where every pool gives it new flows. One that nobody knows gets none yet, but may
 * have some by other nodes; what only some know not yet is unknown.
 */
enum real_life real_life_join(unsigned lives, bool is_heard);
const char *vip_state_str(enum vip_state state);
const char *route_intent_str(enum route_intent intent);

/* ---- events ---- */

/* The prober's judgement (rise and fall already applied) of one check of one real. */
struct core_verdict {
	uint32_t pool, real, check; /* check: index into the pool's list of checks */
	enum real_state state;
	enum probe_reason reason;
	char evidence[CORE_EVIDENCE_MAX]; /* printable ASCII, "HTTP 503 in 0.8 ms" */
	uint32_t in_a_row;                /* equal results so far */
	enum real_sign sign;
	usec_t latency_us;  /* of the last probe */
	usec_t next_due;    /* of the next one, 0: not known */
	uint64_t cert_ends; /* within expiry-warning, Unix seconds; 0: not, or not looked at */
};

/* Who drained and why; of the node when vip is CORE_NONE. */
struct core_drain {
	uint32_t vip;
	bool set;   /* false: undrain */
	bool force; /* withdraw without waiting for the traffic to go */
	char owner[CORE_OWNER_MAX];
	char reason[CORE_REASON_MAX];
	uint64_t wall_us;  /* when it was given, wall clock */
	uint64_t until_us; /* when it ends, wall clock; 0: by undrain only */
	usec_t given_at;   /* when it was given in this boot; 0: in another, or not known */
};

/* An operator's word on a VIP; by: owner, reason and moments as those of a drain. */
struct core_vip_order {
	uint32_t vip;
	enum vip_order order; /* VIP_ORDER_NONE ends it */
	struct core_drain by;
};

/* The owner of the drain that a shutdown of the machine makes; the next boot ends it. */
#define CORE_OWNER_SHUTDOWN "shutdown"

/* An end that lies before the beginning is nobody's word: such a drain has none. */
bool core_drain_has_end(const struct core_drain *drain);
/*
 * How much longer a drain with an end lasts, 0: it is over. The wall clock decides, which outlives
 * a boot; one that stands before the moment the drain was given ends nothing. A clock that somebody
 * sets forward ends nothing early within the boot in which the drain was given: the time since
 * then has to have passed as well.
 */
usec_t core_drain_left(const struct core_drain *drain, uint64_t wall_us, usec_t now);
bool core_drain_is_shutdown(const struct core_drain *drain);

/* What an operator asked of one real, by whom and why; the core itself takes only the first field.
 */
struct core_order {
	enum real_order order;
	char owner[CORE_OWNER_MAX];
	char reason[CORE_REASON_MAX];
	uint64_t wall_us;  /* when it was given */
	uint64_t until_us; /* when it ends, wall clock; 0: by another order only */
	usec_t given_at;   /* when it was given in this boot; 0: in another, or not known */
};

/* An end that lies before the beginning is nobody's word: such an order has none. */
bool core_order_has_end(const struct core_order *order);
/* As core_drain_left(). */
usec_t core_order_left(const struct core_order *order, uint64_t wall_us, usec_t now);
/* The last ten minutes, or the last tenth of a short one. */
bool core_order_ends_soon(const struct core_order *order, uint64_t wall_us, usec_t now);

struct core_uplink {
	uint32_t uplink; /* index into config.node.uplinks */
	bool present, has_carrier;
	bool xdp_attached; /* our program, seen on the interface */
};

/* The router as a whole. */
struct core_router {
	bool connected;    /* the vty socket answers */
	bool has_instance; /* a BGP instance of local-as is there */
	uint32_t established_peers;
	bool is_cut_off; /* the uplinks of all these have lost carrier or next hop */
};

enum core_event_kind {
	CORE_EVENT_TIMER, /* core_next_timer() came */
	CORE_EVENT_VERDICT,
	CORE_EVENT_DRAIN,
	CORE_EVENT_UPLINK,
	CORE_EVENT_NEXT_HOP, /* the number of reals with a usable next hop changed */
	CORE_EVENT_ROUTER,
	CORE_EVENT_FENCE,     /* the guard's fence file appeared or was cleared */
	CORE_EVENT_OBSERVED,  /* the reconciler's observed state changed */
	CORE_EVENT_TRAFFIC,   /* packets to one VIP; once a second for each */
	CORE_EVENT_ORDER,     /* an operator's word on a real, or its end */
	CORE_EVENT_FORGIVE,   /* a real is whole as soon as it is up: no slow start */
	CORE_EVENT_VIP_ORDER, /* an operator's word on a VIP, or its end */
};

struct observed;

struct core_event {
	enum core_event_kind kind;
	usec_t now; /* when it happened; never goes back */
	/* A verdict or a next hop of which many may come at once: concluded from by the next step
	 * that is not deferred. Until then the views and the desired state are those of before. */
	bool is_deferred;
	union {
		struct core_verdict verdict;
		struct core_drain drain;
		struct core_uplink uplink;
		struct core_next_hop {
			uint32_t pool, real;
			bool usable; /* on at least one uplink */
		} next_hop;
		struct core_router router;
		bool fenced;
		const struct observed *observed;
		struct core_traffic {
			uint32_t vip;
			uint64_t pps;
		} traffic;
		struct core_real_order {
			uint32_t pool, real;
			enum real_order order;
		} order;
		struct core_forgive {
			uint32_t pool, real;
		} forgive;
		struct core_vip_order vip_order;
	};
};

/* ---- views, for status, why and logs; valid until the next step ---- */

/*
 * Why a pool goes on against its checks. X(enumerator, word, sentence). Each is counted and named
 * wherever the pool is shown.
 */
#define POOL_OVERRIDES(X)                                                                          \
	X(NONE, "none", "by its checks")                                                           \
	X(FLOOR, "depool-floor", "failed reals keep getting new flows: the depool floor")          \
	X(OPEN, "all-down-open", "every check fails: all reals get new flows")                     \
	X(OPERATOR, "operator",                                                                    \
	  "every check fails: all reals get new flows, as an operator announces a VIP of it")      \
	X(HOLD, "all-down-hold", "every check fails: the last ring stays as it was")               \
	X(COMMON, "common-mode", "pools that share no real fail with it: this node's own failure")

enum pool_override {
#define X(name, word, sentence) POOL_OVERRIDE_##name,
	POOL_OVERRIDES(X)
#undef X
		POOL_OVERRIDE_MAX,
};

const char *pool_override_str(enum pool_override override);
const char *pool_override_sentence(enum pool_override override);

/* What one check says of one real, as far as it was told. */
struct core_check {
	enum real_state state;
	usec_t since; /* of the state */
	enum probe_reason reason;
	uint32_t in_a_row;
	enum real_sign sign;
	usec_t told_at, latency_us, next_due; /* 0: not known */
	uint64_t cert_ends;                   /* within expiry-warning, Unix seconds; 0: not */
	char evidence[CORE_EVIDENCE_MAX];
};

struct core_real {
	const struct config_real *config;
	enum real_state state;
	usec_t since; /* of the state */
	enum probe_reason reason;
	char evidence[CORE_EVIDENCE_MAX];
	uint32_t in_a_row;
	bool has_next_hop;
	bool takes_new_flows;  /* its slots are its own; for an unknown one: held */
	bool is_kept;          /* takes them only by the pool's override */
	uint8_t share_percent; /* of its slots, below 100 in slow start */
	enum real_sign sign;   /* of all its checks */
	enum real_life life;
	enum life_reason life_reason;
	usec_t life_since;
	enum real_order order;
};

struct core_pool {
	const struct config_pool *config;
	const struct core_real *reals; /* config->n_reals of them */
	/* config->n_checks for each real, real after real */
	const struct core_check *checks;
	uint32_t usable;         /* up, not backup, with a next hop */
	uint32_t usable_backups; /* up, backup, with a next hop */
	bool has_quorum;         /* with hysteresis: return, stay */
	bool is_judged;          /* no real is unknown, or quorum was reached anyhow */
	bool is_held;            /* unknown reals keep what they had, see above */
	usec_t quorum_since;
	enum pool_override override;
	usec_t override_since;
	uint64_t n_overrides; /* how often one came into force */
	uint32_t n_kept;      /* reals that take new flows by it */
	uint32_t n_ordered;   /* reals that an operator took out */
	/* The depool floor asks for so many reals; too few are left because operators took some
	 * out. 0: it is met, or there is none. */
	uint32_t floor_missed;
};

struct core_service {
	uint8_t proto;
	uint16_t port;
	const struct config_service *config; /* NULL: leaving */
	uint32_t pool;                       /* CORE_NONE: leaving */
	bool is_programmed, is_self_tested;  /* as observed */
};

struct core_vip {
	struct prefix prefix;
	const struct config_vip *config; /* NULL: leaving */
	const struct core_service *services;
	size_t n_services;
	enum vip_state state;
	usec_t since; /* of the state */
	enum vip_reason reason;
	bool is_drained;         /* this VIP; the node's drain is in core_node */
	struct core_drain drain; /* when is_drained */
	bool is_drain_stuck; /* drained for drain.timeout, traffic still there; stays announced */
	uint32_t flaps;      /* failures that withdrew it within the last 10 min, at most 16 */
	usec_t held_until;   /* end of warm-up or hold-down; 0: none */
	uint64_t pps;
	enum route_intent intent;
	uint32_t peers; /* established peers whose Adj-RIB-Out holds the route */
	enum vip_order order;
	struct core_drain order_by; /* when there is an order */
	/* Announced by the operator's word alone: without it, it would be withdrawn. */
	bool is_overridden;
	usec_t overridden_since;
	uint64_t n_overrides; /* how often that came into force */
};

#define CORE_FLAPS_MAX 16

/* What a VIP has to answer for: when failures withdrew it, and until when that keeps it away. */
struct core_flaps {
	struct prefix prefix;
	usec_t at[CORE_FLAPS_MAX]; /* newest first, 0: none */
	usec_t hold_down_until;    /* 0: none */
};

/* Pools that share no real failed together: the node's own failure. */
struct core_common {
	usec_t since, until; /* 0: it is not in force */
	uint64_t n;          /* how often it came into force */
	uint32_t n_pools;    /* that are held now, also while it is only suspected */
};

struct core_node {
	struct core_common common;
	bool is_drained;
	struct core_drain drain; /* when is_drained */
	bool is_fenced;
	struct core_router router;
	uint32_t usable_uplinks; /* present, carrier, XDP attached */
	uint32_t n_uplinks;
};

/* ---- desired and observed ---- */

struct desired_pool {
	const bool *takes_new_flows;  /* per real of the config */
	const struct ring_real *ring; /* the same as the overlay's input, `serves` included */
	struct ring_policy policy;
	uint64_t lives_version; /* rises with what the lives of its reals rest on */
	bool is_needed;         /* a programmed or desired service names it */
	uint64_t version;       /* rises with each change of the above or of the config */
};

struct desired_service {
	bool wanted; /* false: delete when found */
	uint32_t pool;
};

struct desired_vip {
	enum route_intent intent;
};

/* Same indices as the core's pools, services and vips. */
struct desired {
	const struct desired_pool *pools;
	size_t n_pools;
	const struct desired_service *services;
	size_t n_services;
	const struct desired_vip *vips;
	size_t n_vips;
	uint64_t lives_version; /* rises with each change of a core_real's life or is_needed */
};

struct observed_pool {
	bool reals_programmed; /* every real of the pool has its index and record */
	uint64_t ring_version; /* of the desired version in force; 0: none */
};

/* A service found in the data plane, or one of the config that may not be there yet. */
struct observed_service {
	struct prefix vip; /* programmed means: as the config asks, where it is in the config */
	uint8_t proto;
	uint16_t port;
	bool programmed;
	uint32_t pool; /* it points to, CORE_NONE: unknown */
	bool self_tested;
	uint32_t self_test_failures; /* in a row */
};

/* A prefix inside vip-ranges: found in FRR, or of the config. */
struct observed_route {
	struct prefix prefix;
	enum route_intent line; /* the `network` line in bgpd's table as read back */
	bool attributes_match;  /* its route-map is the one the config asks for */
	uint32_t peers;         /* established peers whose Adj-RIB-Out holds it */
	bool is_read;           /* false until the first read-back */
};

/*
 * The reconciler's picture, keyed by what things are, in any order. The core matches it by key;
 * entries without a desired counterpart become leaving records.
 */
struct observed {
	const struct observed_pool *pools; /* index = config pool */
	size_t n_pools;
	const struct observed_service *services;
	size_t n_services;
	const struct observed_route *routes;
	size_t n_routes;
	bool routes_are_read; /* a prefix without entry has no line; implied by any entry's is_read
			       */
	/* Packets still go by maps of another layout, which hold what stood before the start; those
	 * observed here are being filled beside them. */
	bool former_forwards;
};

enum op_kind {
	OP_REALS_SET, /* program every real of a pool */
	OP_RING_SET,  /* write the pool's slots */
	OP_SERVICE_SET,
	OP_SELF_TEST,
	OP_ROUTE_ANNOUNCE,
	OP_ROUTE_DRAIN,
	OP_ROUTE_WITHDRAW,
	OP_SERVICE_DEL,
	OP_RING_DEL, /* and the reals that nothing names any more; rings of pools that left the
		      * config have no index: they go with the last observed service naming them */
};

struct op {
	enum op_kind kind;
	uint32_t index; /* pool for REALS and RING, service for SERVICE and SELF_TEST, vip for ROUTE
			 */
};

const char *op_kind_str(enum op_kind kind);

/*
 * core_new - the state for a config, nothing judged, nothing observed.
 * @config: outlives the core or the next core_reload().
 * Returns NULL when memory is short. core_free() ends it.
 */
struct core *core_new(const struct config *config, usec_t now);
void core_free(struct core *core);

/*
 * core_reload - go over to another config; what is matched by address keeps its state, what is
 * gone becomes leaving. Returns 0, or -ENOMEM with the former state kept whole.
 */
int core_reload(struct core *core, const struct config *config, usec_t now);

/*
 * core_former_pools - which pool each pool of another config was, as core_reload() matches them.
 * @former: room for config->n_pools indices; CORE_NONE for a new one.
 */
void core_former_pools(const struct core *core, const struct config *config, uint32_t *former);

/*
 * core_adopt_real - at start, before the first step: whether the pool's ring as found in the data
 * plane names this real. Until it is judged it goes on as it was, from the first step on. Not
 * called for a pool without a ring.
 */
void core_adopt_real(struct core *core, uint32_t pool, uint32_t real, bool takes_new_flows);

/*
 * core_adopt_life - at start, before the first step: the life this real has in the data plane. It
 * stays until the real is judged.
 */
void core_adopt_life(struct core *core, uint32_t pool, uint32_t real, enum real_life life);

/*
 * core_adopt_verdict - at start, after the lives and before the first pass: what a check said last,
 * and since when. It is no word of the prober: holds do not end by it. One without a judgement is
 * ignored, and one that the adopted life contradicts: up of the dead, down of what takes new flows.
 */
void core_adopt_verdict(struct core *core, const struct core_verdict *verdict, usec_t since);

/* core_adopt_flaps - likewise: what a VIP has to answer for. Moments to come are nobody's. */
void core_adopt_flaps(struct core *core, const struct core_flaps *flaps);

/* Take one event. Never fails, never blocks; indices that name nothing are ignored. */
void core_step(struct core *core, const struct core_event *event);

/* When the next CORE_EVENT_TIMER is due, or USEC_NEVER. Without it and without other events nothing
 * changes, however much time passes. */
usec_t core_next_timer(const struct core *core);

/* What shall be, valid until the next step. */
const struct desired *core_desired(const struct core *core);

/*
 * core_plan - the ops that may be done now, in order, to bring observed towards desired. An op
 * whose precondition is not observed yet is left out and comes in a later plan. Nothing outside
 * vip-ranges is planned, no announcement or drain while the node is fenced, and no ring without an
 * owner: when no real of a pool takes new flows its last ring stands. Urgent ops come first:
 * withdrawals and drains, then rings, services, self-tests, announcements, deletions.
 * Returns how many were written, at most max.
 */
size_t core_plan(const struct core *core, const struct observed *observed, struct op *ops,
		 size_t max);

/* The views; NULL when there is no such index. */
const struct core_node *core_node(const struct core *core);
size_t core_n_pools(const struct core *core);
const struct core_pool *core_pool(const struct core *core, uint32_t pool);
size_t core_n_vips(const struct core *core);
const struct core_vip *core_vip(const struct core *core, uint32_t vip);
/* False when the VIP has nothing to answer for. */
bool core_flaps(const struct core *core, uint32_t vip, struct core_flaps *ret);
/* A service by the index that struct op carries; *ret_vip gets the VIP it belongs to. */
const struct core_service *core_service(const struct core *core, uint32_t service,
					uint32_t *ret_vip);
/* The VIP with this prefix, or CORE_NONE. */
uint32_t core_vip_find(const struct core *core, const struct prefix *prefix);
const struct config *core_config(const struct core *core);
/* Finds pools and reals of the config; valid until the next core_reload(). */
const struct config_lookup *core_lookup(const struct core *core);
