/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch.h - pools that operators have watched for a while: while one is, the data plane counts
 * connections that begin and SYNs that come again, for each of its reals. A second opinion beside
 * the checks, to be read: nothing acts on it.
 *
 * Watches are this process's: they end with it, with their time, with their pool, or by word.
 */
#pragma once

#include "src/ctl/commands.h"

struct watches;

/* daemon outlives them. NULL: no memory. */
struct watches *watches_new(const struct commands_context *daemon);
/* Ends those that are left; NULL is fine. */
void watches_free(struct watches *watches);

struct watches_words {
	const char *owner, *reason;
	usec_t for_us; /* 0: ten minutes */
};
/*
 * watches_start - watch a pool of the config, or go on with another end and other words.
 * Returns 0 with whether it was watched already; -ENOENT with the sentence when there is nothing to
 * count, -ENOMEM.
 */
int watches_start(struct watches *watches, uint32_t pool, const struct watches_words *words,
		  usec_t now, bool *ret_is_already, struct err *err);
/* End the watch of a pool; nothing when there is none. why: a word for the log. */
void watches_end(struct watches *watches, uint32_t pool, const char *why);

/* Once a second: end what is over, follow pools into another ring or config. */
void watches_tick(struct watches *watches, usec_t now);
