/* SPDX-License-Identifier: Apache-2.0 */
/*
 * router.h - the router port: `network` lines and SHOAL-* route-maps in bgpd over one kept vty
 * connection, and the read-back that proves them.
 *
 * Asynchronous: one command in flight, answers arrive on the event loop. Inside vip-ranges every
 * `network` line and every SHOAL-* route-map is ours; nothing else is ever touched, the BGP
 * instance is never created. Route-maps, one per distinct attribute set with its drain twin (the
 * same plus 65535:0), exist and are read back before a line names them.
 *
 * A bgpd that restarts, hangs or forgets is noticed here: the connection is rebuilt with backoff
 * and the next read-back shows the truth, from which the reconciler plans again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frr-integration/bgp_json.h"
#include "src/base/addr.h"
#include "src/base/err.h"
#include "src/base/usec.h"
#include "src/config/config.h"

struct event_base;
struct router;

/* What can be done to a prefix, in the order in which it is written. */
enum router_op { ROUTER_WITHDRAW, ROUTER_DRAIN, ROUTER_ANNOUNCE, ROUTER_OP_MAX };

enum router_life {
	ROUTER_CONNECTING,  /* no socket, or not answering yet */
	ROUTER_NO_INSTANCE, /* bgpd runs, but without a BGP instance of local-as */
	ROUTER_READY,
	ROUTER_STUCK, /* connected, but a command got no answer in time */
	ROUTER_LIFE_MAX,
};

const char *router_life_str(enum router_life life);

/* What bgpd's configuration lets out to a peer in one address family. */
struct router_export {
	bool is_active;    /* the family is activated for the neighbour */
	bool lacks_policy; /* eBGP that requires a policy and has none: nothing is sent */
	uint32_t max_out;  /* maximum-prefix-out; 0: none */
	char filter[64];   /* the outgoing route-map or other filter; "": none */
};

struct router_peer {
	const char *name; /* from the config */
	const char *key;  /* as bgpd keys it: address or interface */
	bool is_found;    /* bgpd has such a neighbour, in some address family */
	bool is_established;
	char state[32]; /* bgpd's word */
	usec_t since;   /* established since; 0 when not */
	uint32_t prefixes_sent4, prefixes_sent6;
	uint32_t ours4, ours6; /* of these inside vip-ranges, as last read back in full */
	uint32_t remote_as;    /* 0: not told */
	uint32_t dropped;      /* sessions lost since bgpd started */
	char last_reset[64];   /* bgpd's reason, or empty */
	char notification[64]; /* the last one sent or received, or empty */
	usec_t reset_at;       /* when; 0: never or not told */
	enum bgp_bfd bfd;      /* as bgpd sees it */
	usec_t bfd_since;      /* of that state; 0: not told */
	uint32_t bfd_rx_ms, bfd_tx_ms, bfd_multiplier;
	struct router_export out[2]; /* [1]: IPv6 */
};

/* BFD asked for on the session, and not up. */
static inline bool router_peer_lacks_bfd(const struct router_peer *peer)
{
	return peer->bfd != BGP_BFD_NONE && peer->bfd != BGP_BFD_UP;
}

/* One prefix inside vip-ranges, as read back. */
struct router_route {
	struct prefix prefix;
	bool has_line;         /* a `network` line stands */
	bool is_local;         /* bgpd originates it: in its table, valid, our own */
	bool is_drained;       /* the line names a drain twin and the table shows 65535:0 */
	bool attributes_match; /* its route-map is its VIP's or the twin, and that map is intact */
	uint32_t peers;        /* established configured peers whose Adj-RIB-Out holds it */
	uint64_t held_by;      /* the same as a set: bit i is router_peer(i), the first 64 */
};

struct router_callbacks {
	/* life, peers or routes changed; read them with the accessors below */
	void (*changed)(void *arg);
	/* asked before each command that changes bgpd: false drops it (stale plan, fence) */
	bool (*may_write)(void *arg);
	void *arg;
};

/*
 * router_new - start connecting.
 * @config: borrowed until router_reload() or router_free().
 * Returns 0 or a negative errno; a missing socket is no error here, it is a life. Neither _free nor
 * _reload may be called from the callbacks.
 */
int router_new(struct event_base *base, const struct config *config,
	       const struct router_callbacks *callbacks, struct router **ret, struct err *err);
void router_free(struct router *router);
/* Another config: attribute sets, ranges and peers are taken over, routes are read anew. */
int router_reload(struct router *router, const struct config *config, struct err *err);

/*
 * Queue one change; repeating one that is queued or in force does nothing. Never blocks. Only a
 * ready router takes it: on any other life it is dropped, and planned again from the read-back.
 */
void router_announce(struct router *router, const struct config_vip *vip);
void router_drain(struct router *router, const struct config_vip *vip);
void router_withdraw(struct router *router, const struct prefix *prefix);

/* Read everything back soon, whatever the timers say. */
void router_read_back(struct router *router);

enum router_life router_life(const struct router *router);
/* One sentence on the life: "vty socket '/run/frr/bgpd.vty': ...". Constant until the next change.
 */
const char *router_sentence(const struct router *router);
/* True while changes are queued or in flight. */
bool router_is_busy(const struct router *router);
/* True when a complete read-back happened since the connection was made; *ret_at gets when. */
bool router_is_read(const struct router *router, usec_t *ret_at);
/*
 * router_unread_since - since when bgpd is there and cannot be read: no permission, hung, another
 * version, answers that are not understood. 0 when it was read, or is not there: then nothing is
 * announced either.
 */
usec_t router_unread_since(const struct router *router);

size_t router_n_peers(const struct router *router);
const struct router_peer *router_peer(const struct router *router, size_t i);
size_t router_n_established(const struct router *router);
size_t router_n_routes(const struct router *router);
const struct router_route *router_route(const struct router *router, size_t i);
const struct router_route *router_route_find(const struct router *router,
					     const struct prefix *prefix);
/* True when bgpd originates only what zebra has a route for: `no bgp network import-check`. */
bool router_has_import_check(const struct router *router);

/* What bgpd was told of a prefix on this connection. */
struct router_command {
	enum router_op op;
	bool is_waiting;     /* not written yet */
	usec_t at;           /* when bgpd answered; 0: not told anything yet */
	const char *refused; /* bgpd's words when it refused the line, else "" */
};
struct router_command router_command(const struct router *router, const struct prefix *prefix);
/* The last failure of a batch, "" when none since the last one that went through. */
const char *router_fault_sentence(const struct router *router);

/*
 * The names of the route-maps for a VIP's attributes: a function of the attributes alone, so that
 * every node and every process arrives at the same. A VIP without attributes has maps too
 * (SHOAL-VIP-PLAIN and -DRAIN), so that draining is the same step for all.
 */
#define ROUTER_MAP_MAX 64
const char *router_map_name(const struct config_vip *vip, char buf[ROUTER_MAP_MAX]);
const char *router_drain_map_name(const struct config_vip *vip, char buf[ROUTER_MAP_MAX]);

/* bgpd's version text, empty until known. */
const char *router_version(const struct router *router);

/* Counters for metrics and status. */
struct router_stats {
	uint64_t commands, failures, reconnects, read_backs;
	uint64_t writes; /* `network` and route-map lines that went through */
	/* Found not as they were left, since somebody else wrote; put back where they matter. */
	uint64_t changed_lines, changed_maps;
	usec_t last_command_us;   /* how long the last one took */
	usec_t last_read_back_us; /* how long the last complete one took */
};
const struct router_stats *router_stats(const struct router *router);
