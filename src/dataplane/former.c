/* SPDX-License-Identifier: Apache-2.0 */
/*
 * former.c - services that were given another pool: for an idle time the program also knows what
 * they were before, so that their flows stay (bpf/former.h). Then whoever still talks is remembered
 * under the present ring, whose slots settle. Services of track: none are told to follow at once;
 * another hash alone, as with katran, puts every flow into another slot at once.
 *
 * The ring of a former record is not given to anybody else meanwhile.
 */
#include "src/dataplane/internal.h"

#include <string.h>

#define FORMERS_A_TICK 16

static struct lb_former *former_of(const struct dataplane *dp, const struct lb_service *service)
{
	return &dp->tables->formers[service->counter];
}

void former_note(struct dataplane *dp, const struct lb_service *old, struct lb_service *record)
{
	struct lb_former *former = former_of(dp, record);

	if ((old->flags | record->flags) & LB_SERVICE_TRACK_NONE)
		return;
	record->flags |= old->flags & LB_SERVICE_FORMER;
	if (old->ring_key == record->ring_key)
		return;
	if (!(old->flags & LB_SERVICE_FORMER)) {
		*former = (struct lb_former){ .origin = *old };
		memset(former->keys, 0xff, sizeof(former->keys));
	}
	DP_STORE(former->keys[former->n_keys % LB_FORMER_KEYS], old->ring_key);
	former->n_keys++;
	DP_STORE(former->changed_age, clock_age(dp));
	former->changed_us = clock_now(dp);
	kept_note(dp, former, sizeof(*former));
	record->flags |= LB_SERVICE_FORMER;
}

void former_count(struct dataplane *dp, const struct lb_service *record, int by)
{
	if (!(record->flags & LB_SERVICE_FORMER))
		return;
	dp->n_formers += (uint32_t)by;
	dp->ring_formers[former_of(dp, record)->origin.ring] += (uint32_t)by;
}

void formers_rebuild(struct dataplane *dp)
{
	dp->n_formers = 0;
	for (uint32_t i = 0; i < LB_SERVICES; i++) {
		struct lb_service *service = &dp->tables->services[i];

		if (!(service->flags & LB_SERVICE_USED))
			continue;
		if (former_of(dp, service)->origin.ring >= dp->n_rings)
			service->flags &= ~LB_SERVICE_FORMER; /* cannot be: rings only grow */
		former_count(dp, service, 1);
	}
}

static void former_end(struct dataplane *dp, struct lb_service *service)
{
	struct lb_service after = *service;

	after.flags &= ~LB_SERVICE_FORMER;
	if (!service_asks(&after))
		ring_keep_remembered(dp, service->ring);
	former_count(dp, service, -1);
	DP_TABLE(dp, service->flags, after.flags);
}

usec_t formers_tick(struct dataplane *dp, usec_t now)
{
	usec_t next = USEC_NEVER;
	uint32_t done = 0;

	for (uint32_t i = 0; dp->n_formers && i < LB_SERVICES; i++) {
		struct lb_service *service = &dp->tables->services[i];
		const uint32_t both = LB_SERVICE_USED | LB_SERVICE_FORMER;
		usec_t due;

		if ((service->flags & both) != both)
			continue;
		due = usec_add(former_of(dp, service)->changed_us, dp->idle_us);
		if (due <= now && done++ < FORMERS_A_TICK)
			former_end(dp, service);
		else if (due < next)
			next = due;
	}
	return next;
}
