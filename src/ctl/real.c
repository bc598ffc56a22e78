/* SPDX-License-Identifier: Apache-2.0 */
/*
 * real.c - the command real: an operator's word on one real. It is stronger than quorum and depool
 * floor; what it costs is told in the answer, and stands in status as long as it does.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "src/ctl/handlers.h"
#include "src/ctl/view.h"

struct target {
	uint32_t pool, real;
};

static const struct core_pool *pool_of(const struct commands_context *daemon, struct target at)
{
	return core_pool(daemon->core, at.pool);
}

/* ---- what the word costs ---- */

static void warn(json_t *warnings, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void warn(json_t *warnings, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	json_array_append_new(warnings, json_string(text));
}

/* "www, mail-v4": the VIPs that a pool serves, cut to size. */
static void print_vips(const struct core *core, uint32_t pool, char *buf, size_t size)
{
	size_t used = 0;

	buf[0] = '\0';
	for (uint32_t v = 0; v < core_n_vips(core) && used < size; v++) {
		const struct core_vip *vip = core_vip(core, v);
		bool uses = false;

		for (size_t s = 0; s < vip->n_services; s++)
			uses |= vip->services[s].pool == pool;
		if (uses)
			used += (size_t)snprintf(buf + used, size - used, "%s%s", used ? ", " : "",
						 VIP_NAME(vip));
	}
}

/* Another pool that still gives this address new flows, or CORE_NONE. */
static uint32_t served_elsewhere(const struct core *core, struct target at)
{
	const struct addr *addr = &core_pool(core, at.pool)->config->reals[at.real].addr;

	for (uint32_t p = 0; p < core_n_pools(core); p++) {
		const struct core_pool *pool = core_pool(core, p);

		for (size_t r = 0; p != at.pool && r < pool->config->n_reals; r++)
			if (addr_eq(&pool->config->reals[r].addr, addr) &&
			    pool->reals[r].takes_new_flows)
				return p;
	}
	return CORE_NONE;
}

static void warn_of_loss(const struct commands_context *daemon, struct target at, bool had_quorum,
			 json_t *warnings)
{
	const struct core_pool *pool = pool_of(daemon, at);
	const char *name = pool->config->name;
	uint32_t other = served_elsewhere(daemon->core, at);
	char vips[256];

	print_vips(daemon->core, at.pool, vips, sizeof(vips));
	if (had_quorum && !pool->has_quorum)
		warn(warnings, "pool %s has lost its quorum by this (%u usable, needs %u): %s",
		     name, pool_usable(pool), pool_need(pool), vips[0] ? vips : "no VIP uses it");
	if (pool->floor_missed)
		warn(warnings,
		     "pool %s is below its depool floor of %u reals, which holds for failures and "
		     "not against operators",
		     name, pool->floor_missed);
	if (pool->reals[at.real].life_reason == LIFE_DISABLED_ALONE)
		warn(warnings, "no other real of pool %s could take its flows: they stay", name);
	if (other != CORE_NONE)
		warn(warnings, "its address still gets new flows as a real of pool %s%s",
		     core_pool(daemon->core, other)->config->name,
		     pool->reals[at.real].order == REAL_DISABLED ? "; so its flows stay, too" : "");
}

/* Enabled is not healthy. */
static void warn_of_checks(const struct commands_context *daemon, struct target at,
			   json_t *warnings)
{
	const struct core_real *real = &pool_of(daemon, at)->reals[at.real];

	if (real->state == REAL_DOWN)
		warn(warnings, "it is down by its checks and gets new flows when they pass: %s",
		     *real->evidence ? real->evidence : probe_reason_sentence(real->reason));
	else if (!real->has_next_hop)
		warn(warnings, "there is no way to it yet");
}

/* ---- the four words ---- */

static json_t *answer_new(const struct commands_context *daemon, struct target at,
			  const char *action, bool is_already, json_t *warnings)
{
	struct view view = view_now(daemon);
	const struct core_pool *pool = pool_of(daemon, at);
	const struct config_real *real = &pool->config->reals[at.real];

	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:o, s:o}", "action", action, "pool",
			 pool->config->name, "real", real->name, "address", ADDR_STR(&real->addr),
			 "state", real_state_str(pool->reals[at.real].state), "is_already",
			 is_already, "order", view_order(&view, at.pool, at.real), "warnings",
			 warnings);
}

static void reset(struct commands_context *daemon, struct ctl_request *request, struct target at)
{
	json_t *warnings = json_array();

	if (!daemon->reset(daemon->daemon, at.pool, at.real))
		warn(warnings, "nothing probes it now: %s",
		     pool_of(daemon, at)->config->n_checks ? "shoal-probe is not connected, or no "
							     "service uses the pool"
							   : "the pool has no check");
	ctl_answer(request, answer_new(daemon, at, "reset", false, warnings));
}

static void give(struct commands_context *daemon, struct ctl_request *request, struct target at,
		 const char *action, const struct core_order *order)
{
	bool had_quorum = pool_of(daemon, at)->has_quorum;
	json_t *warnings;
	struct err err;
	int r = daemon->order(daemon->daemon, at.pool, at.real, order, &err);

	if (r < 0 && r != -EALREADY) {
		ctl_refuse(request, CTL_FAILED, "%s", err.text);
		return;
	}
	warnings = json_array();
	if (order->order == REAL_ORDER_NONE)
		warn_of_checks(daemon, at, warnings);
	else
		warn_of_loss(daemon, at, had_quorum, warnings);
	ctl_answer(request, answer_new(daemon, at, action, r == -EALREADY, warnings));
}

/* ---- arguments ---- */

static struct core_order new_order(const struct ctl_request *request, const json_t *args,
				   enum real_order kind)
{
	const char *reason = json_string_value(json_object_get(args, "reason"));
	json_int_t for_us = json_integer_value(json_object_get(args, "for_us"));
	struct core_order order = { .order = kind, .wall_us = usec_wall(), .given_at = usec_now() };

	snprintf(order.owner, sizeof(order.owner), "%s", ctl_request_owner(request));
	snprintf(order.reason, sizeof(order.reason), "%s", reason ? reason : "");
	if (kind != REAL_ORDER_NONE && for_us > 0)
		order.until_us = usec_add(order.wall_us, (usec_t)for_us);
	return order;
}

static const struct {
	const char *name;
	enum real_order order; /* REAL_ORDER_MAX: reset */
} actions[] = {
	{ "drain", REAL_DRAINED },
	{ "disable", REAL_DISABLED },
	{ "enable", REAL_ORDER_NONE },
	{ "reset", REAL_ORDER_MAX },
};
#define N_ACTIONS (sizeof(actions) / sizeof(actions[0]))

static size_t find_action(const json_t *args)
{
	const char *name = json_string_value(json_object_get(args, "action"));
	size_t i = 0;

	while (i < N_ACTIONS && (!name || strcmp(actions[i].name, name) != 0))
		i++;
	return i;
}

void handle_real(struct ctl_request *request, const json_t *args, void *context)
{
	struct commands_context *daemon = context;
	const char *name = json_string_value(json_object_get(args, "real"));
	size_t action = find_action(args);
	struct view view = view_now(daemon);
	struct core_order order;
	struct target at;
	struct err err;

	if (!name || action == N_ACTIONS)
		ctl_refuse(request, CTL_USAGE,
			   "name POOL/REAL and one of drain, disable, enable, reset");
	else if (!handler_reason_is_fine(args))
		ctl_refuse(request, CTL_USAGE, "the reason must be one line of less than %d bytes",
			   CORE_REASON_MAX);
	else if (!handler_time_is_fine(args))
		ctl_refuse(request, CTL_USAGE, "\"for_us\" must be a time to come");
	else if (!find_real(daemon->core, name, &at.pool, &at.real)) {
		find_nothing(&view, "POOL/REAL", name, &err);
		ctl_refuse(request, CTL_USAGE, "%s", err.text);
	} else if (actions[action].order == REAL_ORDER_MAX)
		reset(daemon, request, at);
	else {
		order = new_order(request, args, actions[action].order);
		give(daemon, request, at, actions[action].name, &order);
	}
}
