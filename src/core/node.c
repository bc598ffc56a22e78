/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node.c - facts about the node itself: uplinks, router, the guard's fence.
 *
 * An uplink in use (present, with carrier) without our program receives packets that nobody
 * balances, so one such uplink is as bad as no program at all. An uplink without carrier receives
 * nothing and harms nothing, as long as another one is usable and the peers are not all behind the
 * lost one.
 */
#include "src/core/internal.h"

void node_uplink(struct core *core, const struct core_uplink *uplink)
{
	if (uplink->uplink >= core->tables.config->node.n_uplinks)
		return;
	core->tables.uplinks[uplink->uplink] =
		(struct uplink){ .is_known = true, .facts = *uplink };
}

void node_update(struct core *core)
{
	size_t n = core->tables.config->node.n_uplinks;
	uint32_t known = 0, with_program = 0, usable = 0;
	bool uncovered = false;

	for (size_t i = 0; i < n; i++) {
		const struct uplink *uplink = &core->tables.uplinks[i];
		bool in_use = uplink->facts.present && uplink->facts.has_carrier;
		bool covered = uplink->facts.present && uplink->facts.xdp_attached;

		known += uplink->is_known;
		with_program += covered;
		usable += in_use && covered;
		uncovered |= uplink->is_known && in_use && !covered;
	}
	core->node.n_uplinks = (uint32_t)n;
	core->node.usable_uplinks = usable;
	core->xdp_gone = uncovered || (known == n && with_program == 0);
	if ((usable > 0 || known < n) && !core->node.router.is_cut_off)
		core->no_uplink_since = 0;
	else if (core->no_uplink_since == 0)
		core->no_uplink_since = core->now;
	core->uplinks_lost = core->no_uplink_since &&
			     core_is_due(core, core->no_uplink_since + NEXT_HOP_GRACE_US);
}
