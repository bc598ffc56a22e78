/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drain.c - the commands drain and undrain, and waiting until a drain is safe.
 *
 * A waiter looks at its VIPs twice a second and tells each phase once: the community seen in the
 * peers, traffic falling, withdrawn, linger over. It ends safe, or not safe: the time is over, or
 * every VIP left is stuck (its traffic does not go) and the client did not say how long it waits.
 * It owns its request, and ends with the client.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frr-integration/router.h"
#include "src/base/auto.h"
#include "src/ctl/handlers.h"
#include "src/ctl/view.h"

#define LOOK_EVERY_MS 500
#define PATIENCE_US   (15 * USEC_PER_SEC) /* beyond the drain's own timeout and linger */

struct waiter {
	struct commands_context *daemon;
	struct ctl_request *request;
	struct event *timer;
	struct prefix *vips; /* NULL: the node, that is every VIP */
	size_t n_vips;
	usec_t started, deadline;
	uint64_t first_pps, told_pps;
	bool told_seen, told_withdrawn, told_stuck;
	bool is_patient; /* the client said how long: also past what does not go */
};

/* What the waiter sees in one look. */
struct look {
	size_t n, done; /* withdrawn, and lingered */
	size_t seen;    /* drained in enough peers, or gone from all */
	size_t gone;    /* withdrawn, perhaps lingering */
	size_t stuck;
	uint64_t pps;
	const struct core_vip *left; /* one that is not done */
};

/* ---- looking ---- */

static bool is_in_enough_peers(const struct commands_context *daemon, const struct core_vip *vip)
{
	const struct router_route *route = router_route_find(daemon->router, &vip->prefix);

	return route && route->has_line && route->is_drained &&
	       route->peers >= core_config(daemon->core)->routing.require_peers;
}

static void look_at(const struct commands_context *daemon, const struct core_vip *vip,
		    struct look *look)
{
	const struct router_route *route = router_route_find(daemon->router, &vip->prefix);
	bool is_gone = vip->intent == ROUTE_NONE && vip->peers == 0 && !(route && route->has_line);

	look->n++;
	look->pps += vip->pps;
	look->stuck += vip->is_drain_stuck;
	look->gone += is_gone;
	look->seen += is_gone || is_in_enough_peers(daemon, vip);
	if (is_gone && vip->state == VIP_WITHDRAWN)
		look->done++;
	else
		look->left = vip;
}

static struct look look_at_all(const struct waiter *waiter)
{
	const struct core *core = waiter->daemon->core;
	struct look look = { 0 };

	for (size_t i = 0; waiter->vips && i < waiter->n_vips; i++) {
		uint32_t vip = core_vip_find(core, &waiter->vips[i]);

		if (vip != CORE_NONE)
			look_at(waiter->daemon, core_vip(core, vip), &look);
	}
	for (uint32_t i = 0; !waiter->vips && i < core_n_vips(core); i++)
		look_at(waiter->daemon, core_vip(core, i), &look);
	return look;
}

static bool still_drained(const struct waiter *waiter)
{
	const struct core *core = waiter->daemon->core;

	if (core_node(core)->is_drained)
		return true;
	for (size_t i = 0; waiter->vips && i < waiter->n_vips; i++) {
		uint32_t vip = core_vip_find(core, &waiter->vips[i]);

		if (vip != CORE_NONE && !core_vip(core, vip)->is_drained)
			return false;
	}
	return waiter->vips != NULL;
}

/* ---- telling ---- */

static void tell_traffic(struct waiter *waiter, const struct look *look)
{
	uint64_t told = waiter->told_pps, change;

	if (look->pps > waiter->first_pps)
		waiter->first_pps = look->pps;
	change = look->pps > told ? look->pps - told : told - look->pps;
	if (change <= told / 5)
		return;
	waiter->told_pps = look->pps;
	if (waiter->told_pps >= waiter->first_pps) {
		ctl_progress(waiter->request, "traffic %llu pps", (unsigned long long)look->pps);
		return;
	}
	ctl_progress(waiter->request, "traffic %llu pps, %llu %% of %llu pps gone",
		     (unsigned long long)look->pps,
		     (unsigned long long)((waiter->first_pps - look->pps) * 100 /
					  (waiter->first_pps ? waiter->first_pps : 1)),
		     (unsigned long long)waiter->first_pps);
}

static void tell(struct waiter *waiter, const struct look *look)
{
	double elapsed = (double)(usec_now() - waiter->started) / (double)USEC_PER_SEC;

	if (!waiter->told_seen && look->seen == look->n) {
		waiter->told_seen = true;
		if (look->gone < look->n)
			ctl_progress(
				waiter->request,
				"65535:0 on %zu VIP%s, seen in the Adj-RIB-Out of enough peers "
				"after %.1f s",
				look->n - look->gone, look->n - look->gone == 1 ? "" : "s",
				elapsed);
	}
	tell_traffic(waiter, look);
	if (!waiter->told_stuck && look->stuck > 0) {
		waiter->told_stuck = true;
		ctl_progress(waiter->request,
			     "%zu VIP%s stuck after %.1f s: announced with 65535:0, and withdrawn "
			     "when the traffic does fall",
			     look->stuck, look->stuck == 1 ? "" : "s", elapsed);
	}
	if (!waiter->told_withdrawn && look->gone == look->n) {
		waiter->told_withdrawn = true;
		ctl_progress(waiter->request, "withdrawn from every peer after %.1f s%s", elapsed,
			     look->done < look->n ? ", lingering" : "");
	}
}

/* ---- ending ---- */

static void waiter_free(struct waiter *waiter)
{
	event_free(waiter->timer);
	free(waiter->vips);
	free(waiter);
}

static json_t *outcome(const struct waiter *waiter, const struct look *look, bool is_safe)
{
	return json_pack("{s:b, s:b, s:b, s:I, s:I, s:I, s:f}", "is_node", waiter->vips == NULL,
			 "is_waited", 1, "is_safe", is_safe, "n_vips", (json_int_t)look->n,
			 "withdrawn", (json_int_t)look->done, "pps", (json_int_t)look->pps,
			 "took_s", view_seconds(usec_now() - waiter->started));
}

static void end_safe(struct waiter *waiter, const struct look *look)
{
	ctl_answer(waiter->request, outcome(waiter, look, true));
	waiter_free(waiter);
}

static void end_unsafe(struct waiter *waiter, const struct look *look, const char *why)
{
	ctl_refuse_with(waiter->request, CTL_REFUSED, outcome(waiter, look, false),
			"not safe yet: %zu of %zu VIPs left (%s %s, %llu pps): %s",
			look->n - look->done, look->n, VIP_NAME(look->left),
			vip_state_str(look->left->state), (unsigned long long)look->pps, why);
	waiter_free(waiter);
}

static const char why_stuck[] =
	"their traffic does not go: nobody else announces them, or the peers ignore 65535:0; the "
	"drain stays and goes on when it does; --force withdraws all the same";

static const char *why_late(const struct waiter *waiter, const struct look *look)
{
	if (look->stuck > 0)
		return why_stuck;
	if (router_life(waiter->daemon->router) != ROUTER_READY)
		return router_sentence(waiter->daemon->router);
	if (look->seen < look->n)
		return "the peers do not hold the drained routes yet; see 'shoal routes'";
	if (look->gone < look->n)
		return "traffic is still falling; the drain stays, run the command again to wait "
		       "on";
	return "packets still arrive; the drain stays, run the command again to wait on";
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval again = { 0, LOOK_EVERY_MS * 1000 };
	struct waiter *waiter = arg;
	struct look look = look_at_all(waiter);

	(void)fd;
	(void)what;
	tell(waiter, &look);
	if (look.done == look.n)
		end_safe(waiter, &look);
	else if (!still_drained(waiter))
		end_unsafe(waiter, &look, "the drain was ended meanwhile");
	else if (look.stuck > 0 && look.stuck + look.done == look.n && !waiter->is_patient)
		end_unsafe(waiter, &look, why_stuck);
	else if (usec_now() >= waiter->deadline)
		end_unsafe(waiter, &look, why_late(waiter, &look));
	else
		event_add(waiter->timer, &again);
}

static void on_gone(void *arg)
{
	struct waiter *waiter = arg;

	ctl_refuse(waiter->request, CTL_FAILED, "the client went away");
	waiter_free(waiter);
}

/* ---- arguments ---- */

/* What a drain or undrain names. */
struct targets {
	struct prefix *vips; /* NULL: the node */
	size_t n;
};

static int find_targets(struct commands_context *daemon, const json_t *args, struct targets *ret,
			struct err *err)
{
	struct view view = view_now(daemon);
	const json_t *names = handler_names(args, err), *name;
	size_t i, n = json_array_size(names);

	if (!names)
		return -EINVAL;
	*ret = (struct targets){ 0 };
	/* `drain node` says what `drain` does. */
	if (n == 0 || (n == 1 && strcmp(json_string_value(json_array_get(names, 0)), "node") == 0 &&
		       find_vip(daemon->core, "node") == CORE_NONE))
		return 0;
	ret->vips = calloc(n, sizeof(ret->vips[0]));
	if (!ret->vips)
		return err_set(err, -ENOMEM, "drain: %m");
	json_array_foreach (names, i, name) {
		uint32_t vip = find_vip(daemon->core, json_string_value(name));

		if (vip == CORE_NONE) {
			find_nothing(&view, "VIP", json_string_value(name), err);
			free(ret->vips);
			return -ENOENT;
		}
		ret->vips[i] = core_vip(daemon->core, vip)->prefix;
	}
	ret->n = n;
	return 0;
}

/* Set or end one drain; *changed counts those that were not so already. */
static int apply_one(struct commands_context *daemon, const struct core_drain *wanted,
		     const struct prefix *vip, size_t *changed, struct err *err)
{
	struct core_drain drain = *wanted;
	int r;

	drain.vip = vip ? core_vip_find(daemon->core, vip) : CORE_NONE;
	if (vip && drain.vip == CORE_NONE)
		return err_set(err, -ENOENT, "VIP %s is gone", PREFIX_STR(vip));
	r = daemon->drain(daemon->daemon, &drain, err);
	if (r == 0)
		(*changed)++;
	return r == -EALREADY ? 0 : r;
}

static int apply(struct commands_context *daemon, const struct core_drain *drain,
		 const struct targets *targets, size_t *changed, struct err *err)
{
	int r = 0;

	*changed = 0;
	if (!targets->vips)
		return apply_one(daemon, drain, NULL, changed, err);
	for (size_t i = 0; i < targets->n && r == 0; i++)
		r = apply_one(daemon, drain, &targets->vips[i], changed, err);
	return r;
}

static struct core_drain new_drain(const struct ctl_request *request, const json_t *args, bool set)
{
	const char *reason = json_string_value(json_object_get(args, "reason"));
	json_int_t for_us = json_integer_value(json_object_get(args, "for_us"));
	struct core_drain drain = {
		.set = set,
		.force = json_is_true(json_object_get(args, "force")),
		.wall_us = usec_wall(),
		.given_at = usec_now(),
	};

	snprintf(drain.owner, sizeof(drain.owner), "%s",
		 json_is_true(json_object_get(args, "shutdown")) ? CORE_OWNER_SHUTDOWN
								 : ctl_request_owner(request));
	snprintf(drain.reason, sizeof(drain.reason), "%s", reason ? reason : "");
	if (set && for_us > 0)
		drain.until_us = usec_add(drain.wall_us, (usec_t)for_us);
	return drain;
}

static json_t *name_list(const struct core *core, const struct targets *targets)
{
	json_t *list = json_array();

	for (size_t i = 0; i < targets->n; i++) {
		uint32_t vip = core_vip_find(core, &targets->vips[i]);

		json_array_append_new(list, json_string(vip == CORE_NONE
								? PREFIX_STR(&targets->vips[i])
								: VIP_NAME(core_vip(core, vip))));
	}
	return list;
}

/* ---- the commands ---- */

static usec_t wait_until(const struct commands_context *daemon, const json_t *args, usec_t now)
{
	const struct config_routing *routing = &core_config(daemon->core)->routing;
	const json_t *timeout = json_object_get(args, "timeout_us");

	if (json_is_integer(timeout) && json_integer_value(timeout) > 0)
		return usec_add(now, (usec_t)json_integer_value(timeout));
	return usec_add(now, routing->drain_timeout_us + routing->linger_us + PATIENCE_US);
}

/* Take over the request and the targets. */
static void start_waiting(struct commands_context *daemon, struct ctl_request *request,
			  const json_t *args, struct targets *targets)
{
	static const struct timeval soon = { 0, 100 * 1000 };
	struct waiter *waiter = calloc(1, sizeof(*waiter));

	if (waiter)
		waiter->timer = evtimer_new(daemon->base, on_timer, waiter);
	if (!waiter || !waiter->timer) {
		free(waiter);
		ctl_refuse(request, CTL_FAILED, "out of memory; the drain itself stands");
		return;
	}
	waiter->daemon = daemon;
	waiter->request = request;
	waiter->vips = TAKE(targets->vips);
	waiter->n_vips = targets->n;
	waiter->started = usec_now();
	waiter->deadline = wait_until(daemon, args, waiter->started);
	waiter->is_patient = json_object_get(args, "timeout_us") != NULL;
	event_add(waiter->timer, &soon);
	ctl_request_watch(request, on_gone, waiter);
}

void handle_drain(struct ctl_request *request, const json_t *args, void *context)
{
	struct commands_context *daemon = context;
	struct core_drain drain = new_drain(request, args, true);
	struct targets targets;
	struct err err;
	size_t changed;
	int r;

	if (!handler_reason_is_fine(args)) {
		ctl_refuse(request, CTL_USAGE, "the reason must be one line of less than %d bytes",
			   CORE_REASON_MAX);
		return;
	}
	if (!handler_time_is_fine(args)) {
		ctl_refuse(request, CTL_USAGE, "\"for_us\" must be a time to come");
		return;
	}
	r = find_targets(daemon, args, &targets, &err);
	if (r < 0) {
		ctl_refuse(request, CTL_USAGE, "%s", err.text);
		return;
	}
	r = apply(daemon, &drain, &targets, &changed, &err);
	if (r < 0)
		ctl_refuse(request, CTL_FAILED, "%s", err.text);
	else if (json_is_true(json_object_get(args, "wait")))
		start_waiting(daemon, request, args, &targets);
	else
		ctl_answer(request,
			   json_pack("{s:b, s:b, s:b, s:o}", "is_node", targets.vips == NULL,
				     "is_waited", 0, "is_already", changed == 0, "vips",
				     name_list(daemon->core, &targets)));
	free(targets.vips);
}

/* VIPs that stay drained of themselves after the node's drain ended. */
static json_t *still_drained_vips(const struct core *core)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < core_n_vips(core); i++)
		if (core_vip(core, i)->is_drained)
			json_array_append_new(list, json_string(VIP_NAME(core_vip(core, i))));
	return list;
}

void handle_undrain(struct ctl_request *request, const json_t *args, void *context)
{
	struct commands_context *daemon = context;
	struct core_drain drain = new_drain(request, args, false);
	struct targets targets;
	struct err err;
	size_t changed;
	int r = find_targets(daemon, args, &targets, &err);

	if (r < 0) {
		ctl_refuse(request, CTL_USAGE, "%s", err.text);
		return;
	}
	r = apply(daemon, &drain, &targets, &changed, &err);
	if (r < 0)
		ctl_refuse(request, CTL_FAILED, "%s", err.text);
	else
		ctl_answer(request,
			   json_pack("{s:b, s:b, s:o, s:b, s:o}", "is_node", targets.vips == NULL,
				     "is_already", changed == 0, "vips",
				     name_list(daemon->core, &targets), "node_is_drained",
				     core_node(daemon->core)->is_drained, "still_drained",
				     still_drained_vips(daemon->core)));
	free(targets.vips);
}
