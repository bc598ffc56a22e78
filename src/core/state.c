/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state.c - the states, their permitted successors, and the only functions that change them.
 * docs/states.md draws them and names what moves each.
 */
#include "src/core/internal.h"

#include <assert.h>

#define TO(state) (1U << (state))

static const struct {
	const char *name;
	unsigned next; /* permitted successors */
} real_states[REAL_STATE_MAX] = {
	[REAL_UNKNOWN] = { "unknown", TO(REAL_UP) | TO(REAL_DOWN) },
	/* Back to unknown: a reload gave the pool another check, or the one that failed passes and
	 * another has not judged yet. */
	[REAL_UP] = { "up", TO(REAL_DOWN) | TO(REAL_UNKNOWN) },
	[REAL_DOWN] = { "down", TO(REAL_UP) | TO(REAL_UNKNOWN) },
};

static const struct {
	const char *name;
	unsigned next;
} real_lives[REAL_LIFE_MAX] = {
	[REAL_LIFE_UNKNOWN] = { "unknown", TO(REAL_TAKES) | TO(REAL_LEAVING) | TO(REAL_DEAD) },
	[REAL_TAKES] = { "takes", TO(REAL_LEAVING) | TO(REAL_DEAD) },
	[REAL_LEAVING] = { "leaving", TO(REAL_TAKES) | TO(REAL_DEAD) },
	[REAL_DEAD] = { "dead", TO(REAL_TAKES) | TO(REAL_LEAVING) },
};

static const struct {
	const char *name;
	enum route_intent intent;
	unsigned next;
} vip_states[VIP_STATE_MAX] = {
	[VIP_WITHDRAWN] = { "withdrawn", ROUTE_NONE, TO(VIP_ANNOUNCING) },
	[VIP_ANNOUNCING] = { "announcing", ROUTE_ANNOUNCE,
			     TO(VIP_ANNOUNCED) | TO(VIP_DRAINING) | TO(VIP_WITHDRAWING) },
	[VIP_ANNOUNCED] = { "announced", ROUTE_ANNOUNCE, TO(VIP_DRAINING) | TO(VIP_WITHDRAWING) },
	[VIP_DRAINING] = { "draining", ROUTE_DRAIN, TO(VIP_ANNOUNCED) | TO(VIP_WITHDRAWING) },
	[VIP_WITHDRAWING] = { "withdrawing", ROUTE_NONE, TO(VIP_WITHDRAWN) | TO(VIP_ANNOUNCING) },
};

const char *real_state_str(enum real_state state)
{
	return state < REAL_STATE_MAX ? real_states[state].name : "?";
}

const char *real_life_str(enum real_life life)
{
	return life < REAL_LIFE_MAX ? real_lives[life].name : "?";
}

const char *vip_state_str(enum vip_state state)
{
	return state < VIP_STATE_MAX ? vip_states[state].name : "?";
}

const char *route_intent_str(enum route_intent intent)
{
	static const char *const names[] = {
		[ROUTE_NONE] = "none",
		[ROUTE_ANNOUNCE] = "announce",
		[ROUTE_DRAIN] = "drain",
	};

	return intent <= ROUTE_DRAIN ? names[intent] : "?";
}

enum route_intent vip_intent(enum vip_state state)
{
	return vip_states[state].intent;
}

void real_move(struct core_real *real, enum real_state to, usec_t now)
{
	assert(real_states[real->state].next & TO(to));
	real->state = to;
	real->since = now;
}

/* Only another life makes a new moment; the reason of the same may become clearer. */
void real_life_move(struct core_real *real, enum real_life to, enum life_reason reason, usec_t now)
{
	real->life_reason = reason;
	if (to == real->life)
		return;
	assert(real_lives[real->life].next & TO(to));
	real->life = to;
	real->life_since = now;
}

void vip_move(struct core *core, struct vip *vip, enum vip_state to)
{
	assert(vip_states[vip->view.state].next & TO(to));
	vip->view.state = to;
	vip->view.since = core->now;
	vip->view.intent = vip_intent(to);
	vip->view.is_drain_stuck = false;
	if (to != VIP_WITHDRAWN) /* a line may come back after it was gone */
		vip->gone_since = 0;
	vip->may_adopt = false;
	if (to == VIP_DRAINING)
		drain_start(vip);
}
