/* SPDX-License-Identifier: Apache-2.0 */
/*
 * route_loop.h - the closed loop of each VIP: what shall be, what bgpd was told, what stands in its
 * table, what is in each peer's Adj-RIB-Out, each with the moment since which it is so.
 *
 * A stage that differs from what shall be for longer than LOOP_BOUND_US, shown by a read-back begun
 * after that, is an alarm with its reason: logged once when it begins and once when it ends. The
 * bound: bgpd takes 0.12 s for one change and 1 s for 5,000; after 5 s the router stops looking
 * often for what it wrote. While bgpd is not read nothing is judged, for nothing is known.
 *
 * It only looks: who acts on what is missing is the reconciler. Who owns it calls loop_update()
 * each second and on each change of the router.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "frr-integration/router.h"
#include "src/base/addr.h"
#include "src/base/usec.h"

#define LOOP_BOUND_US (5 * USEC_PER_SEC)

#define LOOP_REASONS(X)                                                                            \
	X(LOOP_AS_INTENDED, "as-intended")                                                         \
	X(LOOP_NOT_COMMANDED, "not-commanded")                                                     \
	X(LOOP_LINE_REFUSED, "line-refused")                                                       \
	X(LOOP_LINE_CHANGED, "line-changed")                                                       \
	X(LOOP_ROUTE_MAP, "route-map")                                                             \
	X(LOOP_IMPORT_CHECK, "import-check")                                                       \
	X(LOOP_NOT_IN_TABLE, "not-in-table")                                                       \
	X(LOOP_NO_FAMILY, "family-not-activated")                                                  \
	X(LOOP_PEER_DOWN, "peer-down")                                                             \
	X(LOOP_NO_POLICY, "no-export-policy")                                                      \
	X(LOOP_MAX_OUT, "maximum-prefix-out")                                                      \
	X(LOOP_EXPORT_POLICY, "export-policy")                                                     \
	X(LOOP_LINE_STAYS, "line-stays")                                                           \
	X(LOOP_OTHER_ORIGIN, "other-origin")                                                       \
	X(LOOP_STILL_SENT, "still-sent")

enum loop_reason {
#define X(name, word) name,
	LOOP_REASONS(X)
#undef X
		LOOP_REASON_MAX,
};

const char *loop_reason_str(enum loop_reason reason);

/* How far a stage, or a peer, is from what shall be. */
struct loop_lack {
	enum loop_reason reason;
	usec_t since;  /* 0: as intended */
	bool is_alarm; /* for longer than the bound */
};

/* What one peer holds; the same index as router_peer(). */
struct loop_peer {
	bool is_held; /* in its Adj-RIB-Out */
	usec_t since; /* it is so, as first seen; 0: not read yet */
	struct loop_lack lack;
};

#define LOOP_PEERS_MAX 64 /* as many as struct router_route tells apart */

struct loop_route {
	struct prefix prefix;
	enum router_op intent; /* ROUTER_WITHDRAW: shall not be announced */
	usec_t intent_since;
	enum router_op line;   /* what stands in bgpd's configuration, as read back */
	usec_t line_since;     /* 0: not read yet */
	bool is_local;         /* bgpd originates it */
	usec_t local_since;    /* 0: not read yet */
	struct loop_lack lack; /* of the stages before the peers */
	struct loop_peer *peers;
};

struct loop;

/* The i-th VIP's prefix and what shall be. */
struct loop_intent {
	struct prefix prefix;
	enum router_op intent;
};
typedef struct loop_intent loop_intent_fn(void *arg, size_t i);

/* NULL without memory. */
struct loop *loop_new(void);
void loop_free(struct loop *loop);

/*
 * loop_update - follow n VIPs and judge them; without memory everything stays as it was.
 * @fn: asked for each of 0..n-1; prefixes are distinct.
 * Returns true when a read-back is needed to judge what is overdue.
 */
bool loop_update(struct loop *loop, const struct router *router, size_t n, loop_intent_fn *fn,
		 void *arg, usec_t now);

/* NULL when no VIP has this prefix. Valid until the next update. */
const struct loop_route *loop_find(const struct loop *loop, const struct prefix *prefix);
size_t loop_n_peers(const struct loop *loop);
/* False while bgpd is not read: ages and lacks are those of the last read-back. */
bool loop_is_known(const struct loop *loop);

/*
 * loop_sentence - why a stage (peer: NULL) or a peer is not as it shall be, with the remedy.
 * Returns buf.
 */
#define LOOP_SENTENCE_MAX 320
const char *loop_sentence(const struct router *router, const struct loop_route *route,
			  const struct router_peer *peer, enum loop_reason reason,
			  char buf[LOOP_SENTENCE_MAX]);
