/* SPDX-License-Identifier: Apache-2.0 */
#include "health/groups.h"

#include <stdlib.h>

#define N_BUCKETS 1024

struct groups {
	struct group *buckets[N_BUCKETS];
	struct group *ring; /* the last that was told, or any; next goes round */
};

struct groups *groups_new(void)
{
	return calloc(1, sizeof(struct groups));
}

void groups_free(struct groups *groups)
{
	if (!groups)
		return;
	for (size_t i = 0; i < N_BUCKETS; i++) {
		while (groups->buckets[i]) {
			struct group *group = groups->buckets[i];

			groups->buckets[i] = group->hash_next;
			free(group);
		}
	}
	free(groups);
}

static struct group **bucket_of(struct groups *groups, uint64_t id)
{
	return &groups->buckets[(id ^ id >> 32) % N_BUCKETS];
}

static void ring_add(struct groups *groups, struct group *group)
{
	group->next = groups->ring ? groups->ring->next : group;
	if (groups->ring)
		groups->ring->next = group;
	else
		groups->ring = group;
}

static void ring_del(struct groups *groups, struct group *group)
{
	struct group *before = group;

	while (before->next != group)
		before = before->next;
	before->next = group->next;
	if (groups->ring == group)
		groups->ring = before == group ? NULL : before;
}

struct group *groups_join(struct groups *groups, uint64_t id)
{
	struct group **bucket = bucket_of(groups, id), *group = *bucket;

	while (group && group->id != id)
		group = group->hash_next;
	if (!group) {
		group = calloc(1, sizeof(*group));
		if (!group)
			return NULL;
		group->id = id;
		group->is_told = true;
		group->hash_next = *bucket;
		*bucket = group;
		ring_add(groups, group);
	}
	group->n_targets++;
	return group;
}

void groups_leave(struct groups *groups, struct group *group)
{
	struct group **place = bucket_of(groups, group->id);

	if (--group->n_targets > 0)
		return;
	while (*place != group)
		place = &(*place)->hash_next;
	*place = group->hash_next;
	ring_del(groups, group);
	free(group);
}

struct group *groups_next(struct groups *groups)
{
	struct group *from = groups->ring, *at = from;

	if (!from)
		return NULL;
	do {
		at = at->next;
		if (!at->is_told) {
			groups->ring = at;
			return at;
		}
	} while (at != from);
	return NULL;
}
