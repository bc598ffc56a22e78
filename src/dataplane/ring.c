/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ring.c - rings in the mapped memory, which is their only copy: a write compares slot by slot
 * and stores the words that differ, each whole.
 */
#include "src/dataplane/internal.h"

#include <errno.h>
#include <string.h>

_Static_assert(RING_SLOTS == LB_RING_SLOTS, "rings have the size that the program knows");

/* A ring that no service names after a restart was never finished: it is free. */
void rings_rebuild(struct dataplane *dp)
{
	for (uint32_t i = 0; i < LB_SERVICES; i++) {
		const struct lb_service *service = &dp->tables->services[i];

		if (service->flags & LB_SERVICE_USED && service->ring < dp->n_rings)
			dp->ring_used[service->ring] = true;
	}
}

int dataplane_ring_new(struct dataplane *dp, uint32_t *ret_ring, struct err *err)
{
	for (uint32_t i = 0; i < dp->n_rings; i++) {
		if (dp->ring_used[i])
			continue;
		dp->ring_used[i] = true;
		memset(&dp->rings[i], 0, sizeof(dp->rings[i]));
		*ret_ring = i;
		return 0;
	}
	return err_set(err, -ENOSPC,
		       "all %u rings are taken; a restart of shoald makes room for more pools",
		       dp->n_rings);
}

static int ring_check(const struct dataplane *dp, uint32_t ring, struct err *err)
{
	if (ring >= dp->n_rings || !dp->ring_used[ring])
		return err_set(err, -ENOENT, "there is no ring number %u", ring);
	return 0;
}

int dataplane_ring_del(struct dataplane *dp, uint32_t ring, struct err *err)
{
	int r = ring_check(dp, ring, err);

	if (r < 0)
		return r;
	for (uint32_t i = 0; i < LB_SERVICES; i++) {
		if (dp->tables->services[i].flags & LB_SERVICE_USED &&
		    dp->tables->services[i].ring == ring)
			return err_set(err, -EBUSY, "ring number %u is still used by a service",
				       ring);
	}
	ids_forget(dp, ring);
	dp->ring_used[ring] = false;
	return 0;
}

int dataplane_ring_write(struct dataplane *dp, uint32_t ring, const uint16_t slots[RING_SLOTS],
			 uint32_t *ret_changed, struct err *err)
{
	uint32_t changed = 0;
	uint32_t *words;
	int r = ring_check(dp, ring, err);

	if (r < 0)
		return r;
	for (uint32_t i = 0; i < RING_SLOTS; i++) {
		if (slots[i] && !(dp->tables->reals[slots[i]].flags & LB_REAL_USED))
			return err_set(err, -EINVAL,
				       "slot %u would name real %u, which has no record", i,
				       slots[i]);
	}
	words = dp->rings[ring].slots;
	for (uint32_t i = 0; i < RING_SLOTS; i++) {
		uint32_t word = LB_SLOT(slots[i], slots[i]);

		if (words[i] == word)
			continue;
		DP_STORE(words[i], word);
		changed++;
	}
	if (ret_changed)
		*ret_changed = changed;
	return 0;
}

const uint32_t *dataplane_ring(const struct dataplane *dp, uint32_t ring)
{
	return ring < dp->n_rings && dp->ring_used[ring] ? dp->rings[ring].slots : NULL;
}

int dataplane_ring_seed(struct dataplane *dp, uint32_t ring, const uint16_t base[RING_SLOTS],
			struct err *err)
{
	(void)base;
	return ring_check(dp, ring, err);
}

bool dataplane_ring_transition(const struct dataplane *dp, uint32_t ring,
			       struct dataplane_transition *ret)
{
	if (ring >= dp->n_rings || !dp->ring_used[ring])
		return false;
	*ret = (struct dataplane_transition){ 0 };
	return true;
}

usec_t dataplane_tick(struct dataplane *dp, usec_t now)
{
	(void)dp;
	(void)now;
	return USEC_NEVER;
}
