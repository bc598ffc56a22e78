/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drain.c - steering clients away before a VIP is withdrawn.
 *
 * A drained VIP is announced with the community that asks peers to prefer other nodes
 * (GRACEFUL_SHUTDOWN, 65535:0, RFC 8326). It is withdrawn when packets have fallen to `until` a
 * second or by 90 %, seen in a sample taken at least two seconds after the drained line was read
 * back. If that does not happen within `timeout`, nobody else announces the VIP or the routers
 * ignore the community: then it is stuck, which is to say it stays announced and drained. It goes
 * on when the traffic does go, as it will once another node announces: down to `until`, or to a
 * tenth of the most that came within the last `timeout` or two. The time before the drain no
 * longer counts then: a fall over hours may be nothing but the night, and withdrawing the last
 * node would be an outage. `force` withdraws at once.
 */
#include "src/core/internal.h"

#include <string.h>

bool core_drain_has_end(const struct core_drain *drain)
{
	return drain->until_us > drain->wall_us;
}

usec_t core_drain_left(const struct core_drain *drain, uint64_t wall_us, usec_t now)
{
	usec_t lasts, passed, left;

	if (!core_drain_has_end(drain))
		return USEC_NEVER;
	lasts = drain->until_us - drain->wall_us;
	left = drain->until_us > wall_us ? drain->until_us - wall_us : 0;
	if (!drain->given_at)
		return left;
	passed = now > drain->given_at ? now - drain->given_at : 0;
	if (lasts > passed && lasts - passed > left)
		left = lasts - passed;
	return left;
}

bool core_drain_is_shutdown(const struct core_drain *drain)
{
	return strcmp(drain->owner, CORE_OWNER_SHUTDOWN) == 0;
}

static void flag_set(bool *is_drained, struct core_drain *to, const struct core_drain *from)
{
	*is_drained = from->set;
	if (!from->set)
		return;
	*to = *from;
	to->owner[sizeof(to->owner) - 1] = '\0';
	to->reason[sizeof(to->reason) - 1] = '\0';
}

void drain_set(struct core *core, const struct core_drain *drain)
{
	struct vip *vip;

	if (drain->vip == CORE_NONE) {
		flag_set(&core->node.is_drained, &core->node.drain, drain);
		return;
	}
	if (drain->vip >= core->tables.records.n_vips)
		return;
	vip = &core->tables.records.vips[drain->vip];
	if (vip->view.config)
		flag_set(&vip->view.is_drained, &vip->view.drain, drain);
}

bool vip_is_drained(const struct core *core, const struct vip *vip)
{
	return core->node.is_drained || vip->view.is_drained;
}

void drain_start(struct vip *vip)
{
	vip->view.is_drain_stuck = false;
	vip->watch.drained_since = 0;
	vip->watch.seen_at = 0;
	vip->watch.base_pps = vip->watch.sample_at ? vip->view.pps : 0;
}

static void stuck_start(struct core *core, struct vip *vip)
{
	vip->view.is_drain_stuck = true;
	vip->watch.recent_from = core->now;
	vip->watch.recent_pps[0] = vip->view.pps;
	vip->watch.recent_pps[1] = 0;
}

/* The most of a moving while: two spans, of which the older goes. */
static void stuck_sample(const struct core *core, struct drain_watch *watch, uint64_t pps)
{
	usec_t span = core->tables.config->routing.drain_timeout_us;

	if (core->now >= usec_add(watch->recent_from, span)) {
		watch->recent_pps[1] = watch->recent_pps[0];
		watch->recent_pps[0] = 0;
		watch->recent_from = core->now;
	}
	if (pps > watch->recent_pps[0])
		watch->recent_pps[0] = pps;
}

/* What the traffic is measured by. */
static uint64_t most_pps(const struct vip *vip)
{
	const struct drain_watch *watch = &vip->watch;

	if (!vip->view.is_drain_stuck)
		return watch->base_pps;
	return watch->recent_pps[0] > watch->recent_pps[1] ? watch->recent_pps[0]
							   : watch->recent_pps[1];
}

static bool is_forced(const struct core *core, const struct vip *vip)
{
	return (core->node.is_drained && core->node.drain.force) ||
	       (vip->view.is_drained && vip->view.drain.force);
}

static bool has_fallen(const struct core *core, const struct vip *vip)
{
	const struct drain_watch *watch = &vip->watch;

	return watch->seen_at && watch->sample_at >= watch->seen_at + DRAIN_LEAST_US &&
	       (vip->view.pps <= core->tables.config->routing.drain_until_pps ||
		vip->view.pps <= most_pps(vip) / 10);
}

/* Samples of all VIPs come each second: only one that something hangs on has conclusions drawn. */
bool drain_traffic(struct core *core, const struct core_traffic *traffic)
{
	uint64_t until_pps = core->tables.config->routing.drain_until_pps;
	struct vip *vip;
	bool was_low;

	if (traffic->vip >= core->tables.records.n_vips)
		return false;
	vip = &core->tables.records.vips[traffic->vip];
	was_low = vip->view.pps <= until_pps;
	vip->view.pps = traffic->pps;
	vip->watch.sample_at = core->now;
	switch (vip->view.state) {
	case VIP_DRAINING:
		if (vip->watch.seen_at == 0 && traffic->pps > vip->watch.base_pps)
			vip->watch.base_pps = traffic->pps;
		if (vip->view.is_drain_stuck && vip->watch.seen_at)
			stuck_sample(core, &vip->watch, traffic->pps);
		return has_fallen(core, vip);
	case VIP_WITHDRAWING:
	case VIP_WITHDRAWN: /* it lingers while packets come */
		return was_low != (traffic->pps <= until_pps);
	case VIP_ANNOUNCING:
	case VIP_ANNOUNCED:
	case VIP_STATE_MAX:
		break;
	}
	return false;
}

void drain_stop(struct vip *vip)
{
	if (vip->watch.drained_since)
		drain_start(vip);
}

bool drain_is_done(struct core *core, struct vip *vip)
{
	struct drain_watch *watch = &vip->watch;
	/* Without a peer that holds it, no packets come: that says nothing of where they go. */
	bool stands = vip->route.is_read && vip->route.line == ROUTE_DRAIN && vip->route.peers > 0;

	if (watch->drained_since == 0)
		watch->drained_since = core->now;
	if (is_forced(core, vip))
		return true;
	if (!stands)
		watch->seen_at = 0;
	else if (watch->seen_at == 0)
		watch->seen_at = core->now;
	if (watch->seen_at == 0 || watch->seen_at == core->now)
		if (watch->sample_at && vip->view.pps > watch->base_pps)
			watch->base_pps = vip->view.pps;
	if (has_fallen(core, vip))
		return true;
	if (!vip->view.is_drain_stuck &&
	    core_is_due(core, usec_add(watch->drained_since,
				       core->tables.config->routing.drain_timeout_us)))
		stuck_start(core, vip);
	return false;
}
