/* SPDX-License-Identifier: Apache-2.0 */
/*
 * life.c - what becomes of the flows of a real: takes, leaving, dead.
 *
 * A real that fails its check, or that no new flow shall reach for another cause, is leaving. It is
 * dead only when its address is gone: the prober heard nothing in any way, or the kernel finds no
 * way to it for longer than a neighbour entry may take to come back.
 *
 * Nothing is called dead while no other real of the pool takes new flows. Its flows could go
 * nowhere, and a node that hears nobody at all has more likely lost its own connection than all of
 * its reals, in which case every flow goes on once that is back.
 *
 * A real that an operator drained is leaving, one that is disabled counts as dead.
 *
 * Before a real is judged it has the life it had, or that the data plane had for it.
 */
#include "src/core/internal.h"

struct conclusion {
	enum real_life life;
	enum life_reason reason;
};

static struct conclusion gone(bool has_taker, enum life_reason reason)
{
	if (!has_taker)
		return (struct conclusion){ REAL_LEAVING, LIFE_NOBODY_ELSE };
	return (struct conclusion){ REAL_DEAD, reason };
}

/* A dead real needs no second chance. */
static struct conclusion without_way(struct core *core, const struct pool *pool, size_t i,
				     bool has_taker)
{
	if (pool->reals[i].life == REAL_DEAD ||
	    core_is_due(core, pool->facts[i].way_lost_since + NEXT_HOP_GRACE_US))
		return gone(has_taker, LIFE_UNREACHABLE);
	return (struct conclusion){ REAL_LEAVING, LIFE_NO_NEXT_HOP };
}

/* Down for a moment of silence says nothing of the address yet: a dead real stays dead. */
static struct conclusion while_down(const struct core_real *real, bool has_taker)
{
	if (real->sign == REAL_SIGN_GONE && !real->config->is_local)
		return gone(has_taker, LIFE_ADDRESS_GONE);
	if (real->sign == REAL_SIGN_NONE && real->life_reason == LIFE_NOBODY_ELSE)
		return gone(has_taker, LIFE_ADDRESS_GONE);
	if (real->sign == REAL_SIGN_NONE && real->life == REAL_DEAD &&
	    real->life_reason != LIFE_DISABLED)
		return gone(has_taker, real->life_reason);
	return (struct conclusion){ REAL_LEAVING, LIFE_CHECK_FAILS };
}

/* A drained real may be dead as well; otherwise the operator's word is the reason people look for.
 */
static struct conclusion while_ordered(const struct core_real *real, bool has_taker)
{
	struct conclusion down = while_down(real, has_taker);

	if (real->order == REAL_DISABLED)
		return has_taker ? (struct conclusion){ REAL_DEAD, LIFE_DISABLED }
				 : (struct conclusion){ REAL_LEAVING, LIFE_DISABLED_ALONE };
	if (real->state == REAL_DOWN && down.life == REAL_DEAD)
		return down;
	return (struct conclusion){ REAL_LEAVING, LIFE_DRAINED };
}

/*
 * What it was goes on; but no operator's word that is no longer given, no taking of new flows once
 * the hold is over, and nobody is dead who answers, even while the way to him is not known yet.
 */
static struct conclusion while_unjudged(const struct pool *pool, const struct core_real *real)
{
	bool goes_on =
		pool->view.is_held || (!pool->held_until && real->life_reason == LIFE_NOT_JUDGED);

	if (real->life == REAL_TAKES && !goes_on)
		return (struct conclusion){ REAL_LEAVING, LIFE_NOT_JUDGED };
	if ((real->life == REAL_DEAD || real->life_reason == LIFE_NOBODY_ELSE) &&
	    real->sign == REAL_SIGN_ANSWERS)
		return (struct conclusion){ REAL_LEAVING, LIFE_NOT_JUDGED };
	switch (real->life_reason) {
	case LIFE_DRAINED:
	case LIFE_DISABLED:
	case LIFE_DISABLED_ALONE:
		return (struct conclusion){ REAL_LEAVING, LIFE_NOT_JUDGED };
	case LIFE_NOT_JUDGED:
	case LIFE_SERVING:
	case LIFE_KEPT:
	case LIFE_CHECK_FAILS:
	case LIFE_NO_WEIGHT:
	case LIFE_REMOVED:
	case LIFE_NO_NEXT_HOP:
	case LIFE_NOBODY_ELSE:
	case LIFE_ADDRESS_GONE:
	case LIFE_UNREACHABLE:
	case LIFE_REASON_MAX:
		break;
	}
	return (struct conclusion){ real->life, real->life_reason };
}

static struct conclusion conclude(struct core *core, const struct pool *pool, size_t i,
				  bool has_taker)
{
	const struct core_real *real = &pool->reals[i];

	if (pool->facts[i].way_lost_since && real->order != REAL_DISABLED)
		return without_way(core, pool, i, has_taker);
	if (real->order)
		return while_ordered(real, has_taker);
	if (real->is_kept)
		return (struct conclusion){ REAL_TAKES, LIFE_KEPT };
	if (real->state == REAL_DOWN)
		return while_down(real, has_taker);
	if (real->state == REAL_UNKNOWN || !real->has_next_hop)
		return while_unjudged(pool, real);
	if (real->config->weight == 0)
		return (struct conclusion){ REAL_LEAVING, LIFE_NO_WEIGHT };
	return (struct conclusion){ REAL_TAKES, LIFE_SERVING };
}

bool lives_update(struct core *core, struct pool *pool)
{
	bool has_taker = pool_has_taker(pool), changed = pool->is_heard_anew;

	for (size_t i = 0; i < pool->view.config->n_reals; i++) {
		struct core_real *real = &pool->reals[i];
		struct conclusion c = conclude(core, pool, i, has_taker);

		changed |= c.life != real->life;
		real_life_move(real, c.life, c.reason, core->now);
	}
	pool->is_heard_anew = false;
	return changed;
}

enum real_life real_life_join(unsigned lives, bool is_heard)
{
	if (lives & 1U << REAL_DEAD)
		return is_heard ? REAL_LEAVING : REAL_DEAD;
	if (lives & 1U << REAL_LEAVING || lives == 1U << REAL_LIFE_UNKNOWN)
		return REAL_LEAVING;
	return lives == 1U << REAL_TAKES ? REAL_TAKES : REAL_LIFE_UNKNOWN;
}
