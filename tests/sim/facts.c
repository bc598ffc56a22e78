/* SPDX-License-Identifier: Apache-2.0 */
/* facts.c - what the controller was told, and what plainly follows from it. */
#include "tests/sim/sim.h"

#define HOLD_MOST_US (8 * 35 * USEC_PER_SEC) /* see config_routing() in weather.c */

enum real_state told_state(const struct facts *facts, const struct config_pool *pool, uint32_t i,
			   uint32_t r)
{
	enum real_state state = REAL_UP;

	for (size_t c = 0; c < pool->n_checks; c++) {
		if (facts->reals[i][r].check[c] == REAL_DOWN)
			return REAL_DOWN;
		if (facts->reals[i][r].check[c] == REAL_UNKNOWN)
			state = REAL_UNKNOWN;
	}
	return state;
}

bool told_usable(const struct facts *facts, const struct config_pool *pool, uint32_t i, uint32_t r)
{
	return told_state(facts, pool, i, r) == REAL_UP && facts->reals[i][r].has_next_hop &&
	       !facts->reals[i][r].order;
}

bool told_unknown(const struct facts *facts, const struct config_pool *pool, uint32_t i, uint32_t r)
{
	const struct real_told *told = &facts->reals[i][r];

	if (told_state(facts, pool, i, r) == REAL_DOWN || told->order)
		return false;
	if (told->next_hop_known && !told->has_next_hop)
		return false;
	return !told_usable(facts, pool, i, r);
}

uint32_t told_serving(const struct facts *facts, const struct config_pool *pool, uint32_t i,
		      bool healthy)
{
	uint32_t n[2] = { 0, 0 };

	for (uint32_t r = 0; r < pool->n_reals; r++)
		if (healthy ? told_state(facts, pool, i, r) == REAL_UP && !facts->reals[i][r].order
			    : told_usable(facts, pool, i, r))
			n[pool->reals[r].is_backup]++;
	return n[0] ? n[0] : n[1];
}

bool told_gone(const struct facts *facts, const struct config_pool *pool, uint32_t i, uint32_t r)
{
	bool is_gone = false;

	for (size_t c = 0; c < pool->n_checks; c++) {
		if (facts->reals[i][r].check[c] == REAL_UP ||
		    facts->reals[i][r].sign[c] == REAL_SIGN_ANSWERS)
			return false;
		is_gone |= facts->reals[i][r].sign[c] == REAL_SIGN_GONE;
	}
	return is_gone;
}

bool told_heard(const struct facts *facts, const struct config_pool *pool, uint32_t i, uint32_t r)
{
	for (size_t c = 0; c < pool->n_checks; c++)
		if (facts->reals[i][r].check[c] == REAL_UP ||
		    facts->reals[i][r].sign[c] == REAL_SIGN_ANSWERS)
			return true;
	return pool->n_checks == 0;
}

bool told_all_down(const struct facts *facts, const struct config_pool *pool, uint32_t i)
{
	bool any_way = false;

	for (uint32_t r = 0; r < pool->n_reals; r++) {
		if (facts->reals[i][r].order) /* taken out is not down */
			continue;
		if (told_state(facts, pool, i, r) != REAL_DOWN)
			return false;
		any_way |= facts->reals[i][r].has_next_hop && !pool->reals[r].is_backup;
	}
	return any_way;
}

static void real_reload(struct facts *to_facts, const struct facts *from_facts,
			const struct config_pool *from, uint32_t i, const struct config_pool *to,
			uint32_t j)
{
	for (size_t r = 0; r < to->n_reals; r++)
		for (size_t old = 0; old < from->n_reals; old++) {
			const struct real_told *was = &from_facts->reals[i][old];
			struct real_told *is = &to_facts->reals[j][r];

			if (!addr_eq(&to->reals[r].addr, &from->reals[old].addr))
				continue;
			*is = (struct real_told){ .next_hop_known = was->next_hop_known,
						  .has_next_hop = was->has_next_hop,
						  .order = was->order,
						  .way_lost_since = was->way_lost_since,
						  .was_gone = was->was_gone };
			for (size_t c = 0; c < to->n_checks; c++)
				for (size_t o = 0; o < from->n_checks; o++)
					if (to->checks[c] == from->checks[o]) {
						is->check[c] = was->check[o];
						is->sign[c] = was->sign[o];
						is->in_doubt[c] = was->in_doubt[o];
					}
		}
}

static bool has_all(const struct config_pool *from, const struct config_pool *to)
{
	size_t n = 0;

	for (size_t r = 0; r < to->n_reals; r++)
		for (size_t old = 0; old < from->n_reals; old++)
			n += addr_eq(&to->reals[r].addr, &from->reals[old].addr);
	return n == to->n_reals;
}

/* What lasted starts to last anew: what it takes may be another now. */
static void vip_reload(struct vip_told *to, const struct vip_told *from)
{
	*to = *from;
	to->ready_since = to->dry_since = to->unproven_since = 0;
}

void facts_reload(struct facts *facts, const struct config *from, const struct config *to,
		  usec_t now)
{
	struct facts old = *facts;

	memset(facts->reals, 0, sizeof(facts->reals));
	memset(facts->vips, 0, sizeof(facts->vips));
	memset(facts->was_without, 0, sizeof(facts->was_without));
	memset(facts->had_quorum, true, sizeof(facts->had_quorum));
	memset(facts->short_since, 0, sizeof(facts->short_since));
	memset(facts->takes_since, 0, sizeof(facts->takes_since));
	memset(facts->out_since, 0, sizeof(facts->out_since));
	memset(facts->share, 0, sizeof(facts->share));
	memset(facts->common_since, 0, sizeof(facts->common_since));
	memset(facts->trouble_at, 0, sizeof(facts->trouble_at));
	memset(facts->ring_wrong_since, 0, sizeof(facts->ring_wrong_since));
	for (uint32_t j = 0; j < to->n_pools; j++)
		for (uint32_t i = 0; i < from->n_pools; i++)
			if (strcmp(to->pools[j].name, from->pools[i].name) == 0) {
				real_reload(facts, &old, &from->pools[i], i, &to->pools[j], j);
				facts->was_without[j] = !old.had_quorum[i] &&
							has_all(&from->pools[i], &to->pools[j]);
			}
	for (uint32_t j = 0; j < to->n_vips; j++) {
		/* One that was there before may still be held down. */
		facts->vips[j] = (struct vip_told){ .may_adopt = facts->is_unread,
						    .maybe_returns_at = now + HOLD_MOST_US };
		for (uint32_t i = 0; i < from->n_vips; i++)
			if (prefix_eq(&to->vips[j].prefix, &from->vips[i].prefix))
				vip_reload(&facts->vips[j], &old.vips[i]);
	}
}
