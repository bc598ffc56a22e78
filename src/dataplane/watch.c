/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch.c - user space's side of bpf/syn.h: which rings are watched, and what was counted.
 *
 * A watch is a flag of the ring's TCP services and ends with the process: whoever reads is gone. A
 * process that was killed leaves the flags behind, and the next one clears them.
 */
#include "src/dataplane/internal.h"

#include <errno.h>
#include <netinet/in.h>

uint32_t watch_flag(const struct dataplane *dp, uint32_t ring, uint8_t proto)
{
	return proto == IPPROTO_TCP && ring < dp->n_rings && dp->ring_watched[ring]
		       ? LB_SERVICE_WATCHED
		       : 0;
}

static void mark_services(struct dataplane *dp)
{
	for (uint32_t i = 0; i < LB_SERVICES; i++) {
		struct lb_service *service = &dp->tables->services[i];
		uint32_t flags = (service->flags & ~LB_SERVICE_WATCHED) |
				 watch_flag(dp, service->ring, service->proto);

		if (service->flags & LB_SERVICE_USED && service->flags != flags)
			DP_TABLE(dp, service->flags, flags);
	}
}

int dataplane_watch(struct dataplane *dp, uint32_t ring, bool is_on, struct err *err)
{
	if (ring >= dp->n_rings || !dp->ring_used[ring])
		return err_set(err, -ENOENT, "there is no ring number %u", ring);
	if (dp->ring_watched[ring] == is_on)
		return 0;
	dp->ring_watched[ring] = is_on;
	mark_services(dp);
	return 0;
}

void dataplane_watch_none(struct dataplane *dp)
{
	for (uint32_t i = 0; i < dp->n_rings; i++)
		dp->ring_watched[i] = false;
	mark_services(dp);
}

bool dataplane_real_syns(const struct dataplane *dp, const struct addr *real,
			 struct dataplane_syns *ret)
{
	uint16_t index = dataplane_real_index(dp, real);

	if (!index)
		return false;
	*ret = (struct dataplane_syns){ 0 };
	for (uint32_t cpu = 0; cpu < dp->n_cpus; cpu++) {
		const struct lb_syns *syns = &dp->lines[cpu].syns[index];

		ret->first += DP_LOAD(syns->first);
		ret->again += DP_LOAD(syns->again);
	}
	return true;
}
