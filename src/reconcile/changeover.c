/* SPDX-License-Identifier: Apache-2.0 */
#include "src/reconcile/changeover.h"

static bool any_is_unknown(const struct core_pool *pool)
{
	for (size_t i = 0; i < pool->config->n_reals; i++)
		if (pool->reals[i].state == REAL_UNKNOWN)
			return true;
	return false;
}

/* Whether a VIP that is announced needs it. */
static bool is_relied_on(const struct core *core, uint32_t pool)
{
	for (uint32_t i = 0; i < core_n_vips(core); i++) {
		const struct core_vip *vip = core_vip(core, i);

		for (size_t k = 0; vip->intent != ROUTE_NONE && k < vip->n_services; k++)
			if (vip->services[k].pool == pool)
				return true;
	}
	return false;
}

bool changeover_is_due(const struct core *core, bool maps_are_filled, usec_t waited_us,
		       const char **ret_what)
{
	bool all_are_known = true;

	for (uint32_t i = 0; i < core_n_pools(core); i++) {
		if (!core_desired(core)->pools[i].is_needed)
			continue;
		*ret_what = "a pool that is not judged yet";
		/* One that never can be must not hold up the others for ever. */
		if (!core_pool(core, i)->is_judged &&
		    (waited_us < CHANGEOVER_FILL_US || is_relied_on(core, i)))
			return false;
		all_are_known &= !any_is_unknown(core_pool(core, i));
	}
	*ret_what = "reals that are not judged yet";
	if (!all_are_known && waited_us < CHANGEOVER_JUDGE_US)
		return false;
	*ret_what = "services that are not proven yet";
	return maps_are_filled || waited_us >= CHANGEOVER_FILL_US;
}
