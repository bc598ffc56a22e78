/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orders.h - what operators asked of single reals: who, why, until when. Kept in files beside the
 * drains (drains.h), told to the core, ended when their time is over.
 *
 * An order belongs to a pool's name and a real's address. One whose real left the config stays on
 * file and holds again when the real comes back, as long as its time is not over.
 *
 * Time is the wall clock, for an order outlives a boot. A clock that stands before the moment the
 * order was given is wrong: nothing ends by it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "src/base/err.h"
#include "src/core/core.h"

struct orders;

struct orders_options {
	struct core *core;     /* read, never stepped */
	const char *state_dir; /* borrowed */
	/* Tell the core. */
	void (*tell)(const struct core_real_order *order, void *arg);
	void *arg;
};

struct orders *orders_new(const struct orders_options *options); /* NULL when memory is short */
void orders_free(struct orders *orders);

/*
 * orders_load - what is on file, at start and after each reload; those in force are told to the
 * core and logged. Returns 0, or a negative errno with the sentence: the directory is unreadable,
 * which drains_load() answers for.
 */
int orders_load(struct orders *orders, uint64_t wall_us, usec_t now, struct err *err);

/*
 * orders_give - store an order, or with REAL_ORDER_NONE end the one there is; then tell the core.
 * Returns 0; -EALREADY when there is nothing to end; or a negative errno with the sentence, and
 * nothing changed.
 */
int orders_give(struct orders *orders, uint32_t pool, uint32_t real, const struct core_order *order,
		struct err *err);

/* Each second: end those whose time is over, warn once of those whose end is near. */
void orders_watch(struct orders *orders, uint64_t wall_us, usec_t now);

/* The order on a real of the config, or NULL. */
const struct core_order *orders_find(const struct orders *orders, uint32_t pool, uint32_t real);
