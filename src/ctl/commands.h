/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commands.h - the one table of commands shoald answers, and what their handlers may look at.
 *
 * Handlers only read the parts below and ask the daemon for changes through the functions; they
 * never change the parts themselves. Each handler makes one JSON result; the client renders text
 * from it, so text and --json cannot disagree.
 */
#pragma once

#include "src/base/err.h"
#include "src/base/usec.h"
#include "src/config/config.h"
#include "src/core/core.h"
#include "src/ctl/ctl.h"

struct dataplane;
struct dataplane_transition;
struct loop;
struct fpm;
struct net;
struct prober;
struct router;
struct watches;
struct recorder;
struct degraded;
struct events;

struct commands_removed {
	struct addr addr;
	usec_t since;       /* of its removal, or of this start; 0: just now */
	usec_t quiet_since; /* no packet went to it from then on; 0 likewise */
};

/* How a reload is asked for. */
struct commands_reload {
	usec_t confirm_us; /* goes back after so long unless confirmed; 0: stays */
	const char *owner;
};

/* The config file beside the config in force, and a reload that nobody confirmed yet. */
struct commands_config {
	const char *file_state; /* "same", "differs", "bad" or "missing" */
	const char *file_generation;
	unsigned file_errors;
	const char *trial; /* "none", "pending" or "went-back" */
	const char *former, *tried, *owner;
	uint64_t since_wall_us, until_wall_us;
	usec_t left_us;      /* while pending */
	const char *trouble; /* why it did not go back although the time is over; "" */
};

/* What is known of the daemon's own work, for metrics. */
struct commands_vitals {
	usec_t ticked_at; /* the last complete pass; 0: none yet */
	uint64_t passes, ops, failures;
};

/* Owned by src/main.c; pointers stay valid for the life of the control sockets. */
struct commands_context {
	struct event_base *base;
	struct core *core;
	struct dataplane *dataplane;
	struct fpm *fpm;
	struct net *net;
	struct prober *prober;
	struct router *router;
	struct loop *loop;
	const char *config_file;
	const char *run_dir;
	usec_t started;
	uint64_t config_loaded_wall_us;  /* when the running config came into force */
	struct watches *watches;         /* NULL: there can be none */
	struct recorder *recorder;       /* NULL: none */
	struct events *events;           /* who follows it */
	const struct degraded *degraded; /* NULL: never */

	void *daemon; /* handed to the functions below */
	/*
	 * Read the config file again and go over to it, or keep the running one. report is filled
	 * either way (config_report_fini() by the caller). 0, or a negative errno with the
	 * sentence.
	 */
	int (*reload)(void *daemon, const struct commands_reload *how, struct config_report *report,
		      struct err *err);
	/* The config in force stays. -ENOENT when no reload waits for that, with the sentence. */
	int (*confirm)(void *daemon, const char *owner, struct err *err);
	/* Strings are valid until the next turn of the loop. */
	struct commands_config (*config_state)(void *daemon);
	/* How often something of a kind that somebody else changed was put back; i from 0, NULL
	 * ends the list. */
	const char *(*repairs)(void *daemon, size_t i, uint64_t *ret);
	/* Store the drain (or its end) in its file, then apply it. -EALREADY when it is so already.
	 */
	int (*drain)(void *daemon, const struct core_drain *drain, struct err *err);
	/* The same of an operator's word on a real; REAL_ORDER_NONE ends it. */
	int (*order)(void *daemon, uint32_t pool, uint32_t real, const struct core_order *order,
		     struct err *err);
	/* The word that stands, or NULL; valid until the next. */
	const struct core_order *(*order_of)(void *daemon, uint32_t pool, uint32_t real);
	/* An operator's word on a VIP; VIP_ORDER_NONE ends it, -EALREADY when there is none. */
	int (*order_vip)(void *daemon, const struct core_vip_order *order, struct err *err);
	/* Forget slow start and what led to its judgement, judge anew. False: no check runs. */
	bool (*reset)(void *daemon, uint32_t pool, uint32_t real);
	/* How far the last pass was: true when observed equals desired. */
	bool (*is_settled)(void *daemon);
	void (*vitals)(void *daemon, struct commands_vitals *ret);
	/* The slots of a pool's ring that are not steady; false when it has no ring. */
	bool (*transition)(void *daemon, uint32_t pool, struct dataplane_transition *ret);
	/* The slots of a pool's ring as they stand, `cur` in the low 16 bits; NULL without one. */
	const uint32_t *(*ring)(void *daemon, uint32_t pool);
	/* Count SYNs to the reals of a pool, or no more; -ENOENT when it has no ring. */
	int (*watch)(void *daemon, uint32_t pool, bool is_on, struct err *err);
	/* A real that left the config and keeps its flows; i from 0, false ends the list. */
	bool (*removed_real)(void *daemon, size_t i, struct commands_removed *ret);
};

/* The table; ended by a NULL name. context of every handler is struct commands_context. */
extern const struct ctl_command commands_table[];
/* Those of web.sock alone: what shoal-web asks once a second, and the metrics. */
extern const struct ctl_command commands_web_table[];
