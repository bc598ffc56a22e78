/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drained.h - drains of the node and of VIPs from their beginning to their end: given by an
 * operator or by the machine's shutdown, found on file (drains.h), ended by hand or by time.
 *
 * The core holds those in force; the files hold those of VIPs that left the config as well, which
 * are in force again when the VIP comes back, as long as their time is not over.
 *
 * A shutdown's drain (owner CORE_OWNER_SHUTDOWN) never takes the place of an operator's and gives
 * way to one. It follows one that ends by time, for the machine still goes down. It is over in the
 * next boot.
 *
 * Where the files cannot be read at start the node is drained, and they are tried again until they
 * can.
 */
#pragma once

#include <stdint.h>

#include "src/base/err.h"
#include "src/core/core.h"

struct drained {
	const struct core *core;                                 /* read, never stepped */
	const char *state_dir;                                   /* borrowed */
	void (*tell)(const struct core_drain *drain, void *arg); /* the core */
	void *arg;
	/* The rest is drained.c's own; all 0 at first. */
	struct core_drain shutdown; /* set: given, and it follows when the operator's drain ends */
	bool is_unread;             /* at start nobody could tell who is drained */
	usec_t read_again_at;
};

/*
 * drained_load - what is on file and the core does not know.
 * @at_start: the node's drain, too; after a reload only those of VIPs that came.
 * Returns 0, or a negative errno when the directory is unreadable; at start the core was told that
 * the node is drained then.
 */
int drained_load(struct drained *drained, bool at_start, uint64_t wall_us, usec_t now,
		 struct err *err);

/*
 * drained_give - store a drain, or end the one there is; then tell the core. One that stands and
 * is given again keeps the reason and the end that are not given anew.
 * Returns 0; -EALREADY when nothing changes by it; or a negative errno, and nothing changed.
 */
int drained_give(struct drained *drained, const struct core_drain *drain, struct err *err);

/*
 * drained_watch - each second: end those whose time is over, read again what could not be read.
 * Returns true when that succeeded now, so that other files there can be read as well.
 */
bool drained_watch(struct drained *drained, uint64_t wall_us, usec_t now);
