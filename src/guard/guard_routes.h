/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard_routes.h - the guard's hand in bgpd: a vty connection of its own, and runs that make an act
 * hold: read `show running-config`, write what is missing, read again.
 *
 * It shares the vty client and the reader of the configuration with the controller, and nothing
 * else: no plan of the controller, no memory of its own. Each run begins with the truth, so
 * repeating one is how bgpd's restarts and saved lines are dealt with.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "frr-integration/vty.h"
#include "src/base/err.h"
#include "src/config/config.h"
#include "src/guard/guard.h"

struct event_base;
struct guard_routes;

/* How a run ended. */
struct guard_result {
	int code;       /* 0, or a negative errno with the sentence */
	size_t written; /* lines that bgpd took */
	size_t left;    /* lines that still contradict the act, as read back */
	const char *sentence;
};

struct guard_routes_callbacks {
	/* bgpd answers: a run can be started */
	void (*up)(void *arg);
	/* it does not (any more); a run that went on ended without done() */
	void (*down)(void *arg, int reason, const char *sentence);
	/* a run is about to write this many lines: the moment to set the fence */
	void (*before_write)(void *arg, size_t n);
	void (*done)(void *arg, const struct guard_result *result);
	void *arg;
};

/* routing is borrowed until guard_routes_free(), which must not be called from a callback. */
int guard_routes_new(struct event_base *base, const struct config_routing *routing,
		     const struct guard_routes_callbacks *callbacks, struct guard_routes **ret,
		     struct err *err);
void guard_routes_free(struct guard_routes *routes);

/*
 * guard_routes_run - make the act hold now. announced is copied.
 * Returns 0, -EBUSY while a run goes on, -ENOTCONN, -ENOMEM.
 */
int guard_routes_run(struct guard_routes *routes, enum guard_act act,
		     const struct lease_prefix *announced, size_t n_announced);
