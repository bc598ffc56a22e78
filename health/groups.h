/* SPDX-License-Identifier: Apache-2.0 */
/*
 * groups.h - shoal-probe's groups of targets (the pools of shoald, which it knows by a number only)
 * and how long their passing probes took. Counting is one step from the target; telling goes round,
 * so that a thousand groups never send at once.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "health/latency.h"

struct groups;

struct group {
	uint64_t id;
	struct latency counts;
	uint32_t n_targets;
	bool is_told; /* nothing was counted since it was last told */
	struct group *hash_next, *next;
};

struct groups *groups_new(void); /* NULL when memory is short */
void groups_free(struct groups *groups);

/* The group of one more target; NULL when memory is short. */
struct group *groups_join(struct groups *groups, uint64_t id);
/* One target less; a group ends with its last. */
void groups_leave(struct groups *groups, struct group *group);

/* Count a probe that passed. */
static inline void group_count(struct group *group, usec_t latency_us)
{
	latency_add(&group->counts, latency_us);
	group->is_told = false;
}

/* The next group that has something to tell, going round; NULL: none has. */
struct group *groups_next(struct groups *groups);
