/* SPDX-License-Identifier: Apache-2.0 */
/*
 * router_private.h - the insides of the router port, shared by its three files.
 *
 *   router.c        life, connection, clock, the public calls
 *   router_read.c   the read-back: what bgpd says, into routes and peers
 *   router_write.c  the writer: route-maps first, then lines
 *
 * One conversation at a time, each a chain of one command and its answer. The clock in router.c
 * starts the next when none runs, in this order: what is wanted is written; what is due is read.
 */
#pragma once

#include "frr-integration/bgp_config.h"
#include "frr-integration/bgp_json.h"
#include "frr-integration/router.h"
#include "frr-integration/router_table.h"
#include "frr-integration/vty.h"

#define ROUTER_SENTENCE_MAX 512

enum router_flow { FLOW_NONE, FLOW_OPEN, FLOW_SUMMARY, FLOW_READ, FLOW_WRITE };

enum read_step {
	READ_CONFIG,
	READ_SUMMARY,
	READ_NEIGHBOURS,
	READ_ADVERTISED, /* per peer and family */
	READ_DRAINED,    /* per family */
	READ_LOCAL,      /* per range of vip-ranges */
	READ_DONE,
};

/* A read-back being put together. */
struct router_read {
	enum read_step step;
	size_t index; /* within the step: peer * 2 + family, family, or range */
	usec_t started;
	struct bgp_config config;
	struct bgp_summary summary;
	struct bgp_prefixes *advertised; /* per peer * 2 + family */
	size_t n_advertised;
	struct bgp_prefixes drained, local;
	bool local_was_read;
};

/* A batch being written. */
struct router_write {
	unsigned rounds;     /* how often the maps had to be made */
	size_t set;          /* whose maps are being made */
	unsigned twin, line; /* of that set */
	size_t obsolete;     /* the next obsolete map to remove; each is tried once a batch */
	bool is_in_family, family_is_v6;
	unsigned n_lines;           /* written in this batch */
	struct router_entry *entry; /* whose line is in flight */
	enum router_op op;
	const char *step; /* what the writer was doing, for the sentence of a failure */
};

struct router {
	struct event_base *base;
	const struct config *config;
	struct router_callbacks callbacks;
	struct vty *vty;
	struct event *clock_event, *notify_event;
	enum router_life life;
	char sentence[ROUTER_SENTENCE_MAX];
	char version[32];
	bool is_open; /* enabled; conversations may start */
	enum router_flow flow;
	usec_t summary_due, read_due;
	usec_t read_at;      /* of the last complete read-back; 0: none on this connection */
	usec_t unread_since; /* see router_unread_since() */
	usec_t settle_until; /* after a write: until when to look often */
	usec_t settle_pause; /* the next pause between two looks */
	bool repair_is_due;  /* a map in use is missing or edited, or one is obsolete */
	char fault[ROUTER_SENTENCE_MAX]; /* the last failure logged, so that it is logged once */
	struct router_table table;
	struct router_read read;
	struct router_write write;
	struct router_peer *peers;
	char (*peer_keys)[BGP_PEER_KEY_MAX];
	size_t n_peers;
	size_t bfd_next; /* the peer whose BFD is asked about next, after the summary */
	bool has_import_check;
	struct router_route *routes; /* sorted by prefix */
	size_t n_routes;
	struct router_stats stats;
};

/* ---- router.c ---- */

/* Send one command of the conversation; a failure ends the connection. */
void router_ask(struct router *router, vty_reply_fn *fn, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The conversation is over; the next one may start. */
void router_flow_end(struct router *router);
/* An answer was not understood, or an answer cannot be worked with: connect anew after a pause. */
void router_give_up(struct router *router, const char *sentence);
void router_set_life(struct router *router, enum router_life life, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Tell the owner from the loop that something changed. */
void router_notify(struct router *router);
/* Log a failure once until another one or a success comes. */
void router_fault(struct router *router, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Count a reply; call first in every answer's callback. */
void router_count(struct router *router, const struct vty_reply *reply);

/* ---- router_read.c ---- */

void router_read_start(struct router *router);
void router_read_fini(struct router_read *read);
/* The small look of every second. */
void router_summary_start(struct router *router);
/* Nothing is known any more: peers down, no routes. */
void router_forget(struct router *router);

/* ---- router_write.c ---- */

bool router_write_is_due(const struct router *router);
void router_write_start(struct router *router);
