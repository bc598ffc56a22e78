/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vip.c - when a VIP is announced, drained and withdrawn, and why.
 *
 * Two questions decide. vip_lost(): must what stands be withdrawn? vip_unready(): what is missing
 * to announce anew? The second is stricter: what stands gets a moment's grace for a lost uplink, a
 * lost next hop, or a service that has to be programmed again, and is kept while the reals of a
 * held pool are not judged.
 */
#include "src/core/internal.h"

/* ---- the services ---- */

static const struct pool *service_pool(const struct core *core, const struct core_service *service)
{
	return &core->tables.pools[service->pool];
}

static bool is_by_hand(const struct vip *vip)
{
	return vip->view.order == VIP_ORDER_ANNOUNCE;
}

/* An operator's word stands for quorum, never for somebody to forward to. */
bool vip_service_serves(const struct core *core, const struct vip *vip, size_t i)
{
	const struct pool *pool = service_pool(core, &vip->view.services[i]);

	return pool->view.has_quorum || (is_by_hand(vip) && pool_forwards(pool));
}

/* VIP_REASON_SERVING, or why the services as a whole lack quorum. */
static enum vip_reason services_lack_quorum(const struct core *core, const struct vip *vip)
{
	bool any = vip->view.config->announce_when == CONFIG_ANNOUNCE_ANY;
	enum vip_reason lack = any ? VIP_REASON_NO_QUORUM : VIP_REASON_SERVING;

	if (vip->view.config->n_services == 0)
		return VIP_REASON_NO_QUORUM;
	for (size_t i = 0; i < vip->view.config->n_services; i++) {
		const struct pool *pool = service_pool(core, &vip->view.services[i]);
		enum vip_reason reason = VIP_REASON_NO_QUORUM;

		bool serves = vip_service_serves(core, vip, i);

		if (serves && any)
			return VIP_REASON_SERVING;
		if (serves)
			continue;
		if (!pool->view.is_judged)
			reason = VIP_REASON_STARTING;
		else if (pool->lacks_next_hop)
			reason = VIP_REASON_NO_NEXT_HOP;
		if (lack != VIP_REASON_STARTING)
			lack = reason;
	}
	return lack;
}

/* Among the services that shall serve, is there one that test says is missing? */
static bool any_service(const struct core *core, const struct vip *vip,
			bool (*test)(const struct core *core, size_t service))
{
	for (size_t i = 0; i < vip->view.config->n_services; i++)
		if (vip_service_serves(core, vip, i) && test(core, vip->first_service + i))
			return true;
	return false;
}

static bool is_unproven(const struct core *core, size_t service)
{
	return !service_is_proven(core, service);
}

static bool is_failing(const struct core *core, size_t service)
{
	return core->tables.records.service_facts[service].self_test_failures >= SELF_TESTS_TO_FAIL;
}

static bool is_untested(const struct core *core, size_t service)
{
	return !core->tables.records.services[service].is_self_tested;
}

static bool is_unjudged(const struct core *core, size_t service)
{
	const struct core_service *of = &core->tables.records.services[service];

	return !service_pool(core, of)->view.is_judged;
}

/* ---- the two questions ---- */

bool vip_is_announced(const struct vip *vip)
{
	return vip_intent(vip->view.state) != ROUTE_NONE;
}

static enum vip_reason vip_lost(struct core *core, const struct vip *vip)
{
	enum vip_reason lack;

	if (!vip->view.config)
		return VIP_REASON_REMOVED;
	if (!vip->is_ours)
		return VIP_REASON_OUTSIDE_RANGES;
	if (vip->view.order == VIP_ORDER_WITHDRAW)
		return VIP_REASON_WITHDRAWN_BY_HAND;
	if (core->xdp_gone)
		return VIP_REASON_XDP_GONE;
	if (core->uplinks_lost)
		return VIP_REASON_NO_NEXT_HOP;
	lack = services_lack_quorum(core, vip);
	if (lack != VIP_REASON_SERVING)
		return lack;
	if (!is_by_hand(vip) && common_asks(core, vip, CONFIG_LOSS_WITHDRAW))
		return VIP_REASON_COMMON_MODE;
	if (core->former_forwards) /* what stands rests on other maps than those tested */
		return VIP_REASON_SERVING;
	if (any_service(core, vip, is_failing))
		return VIP_REASON_SELF_TEST;
	if (vip->unproven_since && core_is_due(core, vip->unproven_since + REPAIR_GRACE_US))
		return VIP_REASON_NOT_PROGRAMMED;
	return VIP_REASON_SERVING;
}

/* What time alone does not mend; the warm-up runs while this is VIP_REASON_SERVING. */
static enum vip_reason vip_unwell(struct core *core, const struct vip *vip)
{
	enum vip_reason lost = vip_lost(core, vip);

	if (lost != VIP_REASON_SERVING)
		return lost;
	if (core->node.is_fenced)
		return VIP_REASON_FENCED;
	if (core->no_uplink_since)
		return VIP_REASON_NO_NEXT_HOP;
	if (core->node.usable_uplinks == 0)
		return VIP_REASON_STARTING;
	if (is_by_hand(vip))
		return VIP_REASON_SERVING;
	if (common_holds(core, vip)) /* what stands may stand; nothing new rests on it */
		return VIP_REASON_COMMON_MODE;
	if (any_service(core, vip, is_unjudged))
		return VIP_REASON_STARTING;
	return VIP_REASON_SERVING;
}

static enum vip_reason vip_unready(struct core *core, const struct vip *vip)
{
	enum vip_reason unwell = vip_unwell(core, vip);

	if (unwell != VIP_REASON_SERVING)
		return unwell;
	if (core->former_forwards || vip->unproven_since || any_service(core, vip, is_untested))
		return VIP_REASON_NOT_PROGRAMMED;
	if (core->node.is_drained)
		return VIP_REASON_NODE_DRAINED;
	if (vip->view.is_drained)
		return VIP_REASON_VIP_DRAINED;
	if (is_by_hand(vip) || damping_is_over(vip))
		return VIP_REASON_SERVING;
	return damping_reason(core, vip);
}

/* Without the operator's word it would not be announced, or would be held back. */
static bool rests_on_word(struct core *core, struct vip *vip)
{
	bool is_well;

	if (!is_by_hand(vip) || !vip_is_announced(vip))
		return false;
	vip->view.order = VIP_ORDER_NONE;
	is_well = vip_unwell(core, vip) == VIP_REASON_SERVING && damping_is_over(vip);
	vip->view.order = VIP_ORDER_ANNOUNCE;
	return !is_well;
}

/* ---- the states ---- */

static void vip_withdraw(struct core *core, struct vip *vip, enum vip_reason reason)
{
	static const bool is_flap[VIP_REASON_MAX] = {
		[VIP_REASON_NO_QUORUM] = true,      [VIP_REASON_SELF_TEST] = true,
		[VIP_REASON_NOT_PROGRAMMED] = true, [VIP_REASON_XDP_GONE] = true,
		[VIP_REASON_NO_NEXT_HOP] = true,    [VIP_REASON_COMMON_MODE] = true,
	};

	if (is_flap[reason])
		damping_count(core, vip);
	vip_move(core, vip, VIP_WITHDRAWING);
}

/* Linger: as long as packets come, but not longer than a drain would wait. */
static bool linger_is_over(struct core *core, struct vip *vip)
{
	const struct config_routing *routing = &core->tables.config->routing;
	usec_t until;

	if (vip->is_ours && (!vip->route.is_read || route_stands(&vip->route))) {
		vip->gone_since = 0;
		return false;
	}
	if (vip->gone_since == 0)
		vip->gone_since = core->now;
	until = usec_add(vip->gone_since, routing->linger_us);
	if (!core_is_due(core, until))
		return false;
	return vip->watch.sample_at <= vip->gone_since ||
	       vip->view.pps <= routing->drain_until_pps ||
	       core_is_due(core, usec_add(until, routing->drain_timeout_us));
}

static bool is_in_enough_peers(const struct core *core, const struct vip *vip)
{
	return vip->route.is_read && vip->route.line == ROUTE_ANNOUNCE &&
	       vip->route.peers >= core->tables.config->routing.require_peers;
}

static void step_withdrawn(struct core *core, struct vip *vip)
{
	if (vip_unready(core, vip) == VIP_REASON_SERVING)
		vip_move(core, vip, VIP_ANNOUNCING);
}

static void step_withdrawing(struct core *core, struct vip *vip)
{
	if (vip_unready(core, vip) == VIP_REASON_SERVING)
		vip_move(core, vip, VIP_ANNOUNCING);
	else if (vip->has_lingered)
		vip_move(core, vip, VIP_WITHDRAWN);
}

static void step_announced(struct core *core, struct vip *vip)
{
	enum vip_reason lost = vip_lost(core, vip);
	bool never_stood = vip->view.state == VIP_ANNOUNCING && !route_stands(&vip->route);

	if (lost != VIP_REASON_SERVING)
		vip_withdraw(core, vip, lost);
	else if (core->node.is_fenced || vip_is_drained(core, vip) ||
		 (!is_by_hand(vip) && common_asks(core, vip, CONFIG_LOSS_DRAIN)))
		vip_move(core, vip, never_stood ? VIP_WITHDRAWING : VIP_DRAINING);
	else if (vip->view.state == VIP_ANNOUNCING && is_in_enough_peers(core, vip))
		vip_move(core, vip, VIP_ANNOUNCED);
}

/* Drained, or fenced after the guard drained it, or found drained at start. */
static void step_draining(struct core *core, struct vip *vip)
{
	enum vip_reason lost = vip_lost(core, vip);

	if (!vip_is_drained(core, vip))
		drain_stop(vip);
	if (lost != VIP_REASON_SERVING) {
		vip_withdraw(core, vip, lost);
	} else if (core->node.is_fenced) {
		if (vip->route.is_read && !route_stands(&vip->route)) /* the guard withdrew it */
			vip_move(core, vip, VIP_WITHDRAWING);
	} else if (vip_is_drained(core, vip)) {
		if (drain_is_done(core, vip))
			vip_move(core, vip, VIP_WITHDRAWING);
	} else if (vip_unready(core, vip) == VIP_REASON_SERVING) {
		vip_move(core, vip, VIP_ANNOUNCED);
	}
}

static void (*const steps[VIP_STATE_MAX])(struct core *core, struct vip *vip) = {
	[VIP_WITHDRAWN] = step_withdrawn,     [VIP_ANNOUNCING] = step_announced,
	[VIP_ANNOUNCED] = step_announced,     [VIP_DRAINING] = step_draining,
	[VIP_WITHDRAWING] = step_withdrawing,
};

/* ---- the reason ---- */

static enum vip_reason route_reason(const struct core *core, const struct vip *vip)
{
	const struct core_router *router = &core->node.router;
	uint32_t need = core->tables.config->routing.require_peers;

	if (!router->connected)
		return VIP_REASON_ROUTER_DOWN;
	if (!router->has_instance)
		return VIP_REASON_NO_INSTANCE;
	if (router->established_peers < need)
		return VIP_REASON_NO_PEER;
	if (!vip->route.is_read || vip->route.line != vip->view.intent)
		return VIP_REASON_ROUTE_PENDING;
	if (vip->route.peers < need)
		return vip->view.state == VIP_ANNOUNCING ? VIP_REASON_ROUTE_PENDING
							 : VIP_REASON_NO_PEER;
	return VIP_REASON_SERVING;
}

static enum vip_reason vip_why(struct core *core, const struct vip *vip)
{
	enum vip_reason reason;

	if (!vip_is_announced(vip))
		return vip_unready(core, vip);
	if (core->node.is_fenced)
		return VIP_REASON_FENCED;
	if (vip->view.is_drain_stuck)
		return VIP_REASON_DRAIN_STUCK;
	if (core->node.is_drained)
		return VIP_REASON_NODE_DRAINED;
	if (vip->view.is_drained)
		return VIP_REASON_VIP_DRAINED;
	if (vip->view.state == VIP_DRAINING) /* found so, or coming back after the fence */
		return vip_unready(core, vip);
	reason = route_reason(core, vip);
	if (reason == VIP_REASON_SERVING)
		reason = vip_unwell(core, vip);
	return reason == VIP_REASON_SERVING && vip->view.is_overridden
		       ? VIP_REASON_ANNOUNCED_BY_HAND
		       : reason;
}

/* ---- once a step ---- */

static void unproven_update(struct core *core, struct vip *vip)
{
	bool unproven = vip->view.config && any_service(core, vip, is_unproven);

	if (!unproven)
		vip->unproven_since = 0;
	else if (vip->unproven_since == 0)
		vip->unproven_since = core->now;
}

static void override_update(struct core *core, struct vip *vip)
{
	bool is_overridden = rests_on_word(core, vip);

	if (is_overridden == vip->view.is_overridden)
		return;
	vip->view.is_overridden = is_overridden;
	vip->view.overridden_since = core->now;
	vip->view.n_overrides += is_overridden;
}

void vip_update(struct core *core, struct vip *vip)
{
	usec_t others = core->timer;
	enum vip_state before;

	do {
		core->timer = others; /* what a former state waited for does not count */
		before = vip->view.state;
		unproven_update(core, vip);
		vip->has_lingered = !vip_is_announced(vip) && linger_is_over(core, vip);
		damping_update(core, vip, vip_unwell(core, vip) == VIP_REASON_SERVING);
		steps[before](core, vip);
	} while (vip->view.state != before);
	override_update(core, vip);
	vip->view.reason = vip_why(core, vip);
	vip->view.peers = vip->route.peers;
}

/* ---- holding what stands ---- */

void vip_hold_pools(struct core *core, const struct vip *vip)
{
	for (size_t i = 0; i < vip->view.config->n_services; i++) {
		struct pool *pool = &core->tables.pools[vip->view.services[i].pool];

		if (pool->view.is_judged || pool->view.has_quorum)
			continue;
		pool->view.has_quorum = true;
		pool->view.quorum_since = core->now;
		pool_hold(core, pool);
		pool_update(core, pool);
		pool->is_dirty = true; /* its moments are collected by the coming step */
	}
}

/*
 * A line that stood before this process started: an earlier one announced the VIP and had its
 * reasons. What is known by now may contradict; else the line stands until the reals are judged.
 */
void vip_adopt(struct core *core, struct vip *vip)
{
	if (!vip->may_adopt || !vip->route.is_read)
		return;
	vip->may_adopt = false;
	if (vip->route.line == ROUTE_NONE || !vip->view.config)
		return;
	vip_hold_pools(core, vip);
	if (vip_lost(core, vip) != VIP_REASON_SERVING)
		return;
	vip_move(core, vip, VIP_ANNOUNCING);
	if (vip->route.line == ROUTE_DRAIN)
		vip_move(core, vip, VIP_DRAINING);
}
