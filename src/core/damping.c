/* SPDX-License-Identifier: Apache-2.0 */
/*
 * damping.c - how long a VIP that failed stays away.
 *
 * It returns once it has been well for `warm-up` without a break. From the second withdrawal
 * within 10 minutes it also stays away for `hold-down`, counted from the withdrawal and doubled
 * with each further one, up to 8 times. Only failures count: drains, reloads, restarts and what
 * happens to bgpd and its peers neither count nor cost a warm-up. What the guard acted on, or could
 * have, returns by warm-up too, though nothing flapped: every VIP there is while the fence stands.
 */
#include "src/core/internal.h"

#include <string.h>

static uint32_t flaps_count(struct core *core, const struct damping *damping)
{
	uint32_t n = 0;

	while (n < CORE_FLAPS_MAX && damping->flaps[n] &&
	       !core_is_due(core, damping->flaps[n] + FLAP_WINDOW_US))
		n++;
	return n;
}

void damping_count(struct core *core, struct vip *vip)
{
	const struct config_routing *routing = &core->tables.config->routing;
	struct damping *d = &vip->damping;
	uint32_t n;

	memmove(&d->flaps[1], &d->flaps[0], sizeof(d->flaps) - sizeof(d->flaps[0]));
	d->flaps[0] = core->now;
	d->needs_warm_up = true;
	d->well_since = 0;
	n = flaps_count(core, d);
	if (n >= 2) {
		uint32_t doublings = n - 2 < HOLD_DOWN_MOST ? n - 2 : HOLD_DOWN_MOST;

		d->hold_down_until = usec_add(core->now, routing->hold_down_us << doublings);
	}
}

/* The moment a VIP that stays well may return. */
static usec_t return_at(const struct core *core, const struct damping *d)
{
	usec_t warm = usec_add(d->well_since, core->tables.config->routing.warm_up_us);

	return warm > d->hold_down_until ? warm : d->hold_down_until;
}

void damping_update(struct core *core, struct vip *vip, bool is_well)
{
	struct damping *d = &vip->damping;

	vip->view.flaps = flaps_count(core, d);
	d->needs_warm_up |= core->node.is_fenced;
	if (d->hold_down_until && core_is_due(core, d->hold_down_until))
		d->hold_down_until = 0;
	if (!is_well || !d->needs_warm_up)
		d->well_since = 0;
	else if (d->well_since == 0)
		d->well_since = core->now;
	if (d->needs_warm_up && d->well_since && core_is_due(core, return_at(core, d)))
		d->needs_warm_up = false;
	vip->view.held_until =
		d->needs_warm_up && d->well_since ? return_at(core, d) : d->hold_down_until;
}

bool damping_is_over(const struct vip *vip)
{
	return !vip->damping.needs_warm_up;
}

enum vip_reason damping_reason(const struct core *core, const struct vip *vip)
{
	const struct damping *d = &vip->damping;
	usec_t warm = usec_add(d->well_since, core->tables.config->routing.warm_up_us);

	return d->hold_down_until > warm ? VIP_REASON_HOLD_DOWN : VIP_REASON_WARM_UP;
}

bool damping_flaps(const struct core *core, const struct vip *vip, struct core_flaps *ret)
{
	const struct damping *d = &vip->damping;

	if (!d->flaps[0] || core->now >= d->flaps[0] + FLAP_WINDOW_US)
		return false;
	*ret = (struct core_flaps){ .prefix = vip->view.prefix,
				    .hold_down_until = d->hold_down_until };
	memcpy(ret->at, d->flaps, sizeof(ret->at));
	return true;
}

void damping_adopt(struct core *core, struct vip *vip, const struct core_flaps *flaps)
{
	const struct config_routing *routing = &core->tables.config->routing;
	usec_t latest = usec_add(core->now, routing->hold_down_us << HOLD_DOWN_MOST);
	struct damping *d = &vip->damping;

	if (flaps->at[0] > core->now)
		return;
	memcpy(d->flaps, flaps->at, sizeof(d->flaps));
	if (flaps->hold_down_until <= core->now)
		return;
	d->hold_down_until = flaps->hold_down_until < latest ? flaps->hold_down_until : latest;
	d->needs_warm_up = true;
}
