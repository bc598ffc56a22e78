/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vip.c - the command vip: an operator's word on one VIP, announce or withdraw, over and above its
 * pools. What it does not reach, or costs, is told in the answer and stands in status.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "src/ctl/handlers.h"
#include "src/ctl/view.h"

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

/* ---- what the word does not reach ---- */

/* The word is taken; the VIP goes by it with the next pass, but for what is stronger. */
static void warn_of_announce(const struct commands_context *daemon, const struct core_vip *vip,
			     json_t *warnings)
{
	if (core_node(daemon->core)->is_drained)
		warn(warnings, "the node is drained, which is stronger: shoal undrain");
	if (vip->is_drained)
		warn(warnings, "the VIP is drained, which is stronger: shoal undrain %s",
		     VIP_NAME(vip));
	if (vip->is_overridden)
		warn(warnings, "its checks would withdraw it: clients meet what they found wrong");
	else if (vip->intent == ROUTE_NONE)
		warn(warnings, "it is not announced all the same: %s",
		     vip_reason_sentence(vip->reason));
}

/* A node that withdraws by hand may be the last that announced. */
static void warn_of_withdraw(const struct core_vip *vip, bool was_announced, json_t *warnings)
{
	if (was_announced && vip->pps > 0)
		warn(warnings,
		     "withdrawn at once with %llu pps on it; 'shoal drain %s' moves traffic first",
		     (unsigned long long)vip->pps, VIP_NAME(vip));
}

static void warn_of_end(const struct core_vip *vip, json_t *warnings)
{
	if (vip->intent == ROUTE_NONE)
		warn(warnings, "by itself it is not announced: %s",
		     vip_reason_sentence(vip->reason));
}

/* ---- the command ---- */

static json_t *answer_new(const struct commands_context *daemon, const struct core_vip *vip,
			  enum vip_order order, bool is_already, json_t *warnings)
{
	struct view view = view_now(daemon);

	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:o, s:o}", "action", vip_order_str(order),
			 "vip", VIP_NAME(vip), "prefix", PREFIX_STR(&vip->prefix), "state",
			 vip_state_str(vip->state), "reason", vip_reason_str(vip->reason),
			 "is_already", is_already, "order", view_vip_order(&view, vip), "warnings",
			 warnings);
}

static void give(struct commands_context *daemon, struct ctl_request *request,
		 const struct core_vip_order *order)
{
	bool was_announced = core_vip(daemon->core, order->vip)->intent != ROUTE_NONE;
	const struct core_vip *vip;
	json_t *warnings;
	struct err err;
	int r = daemon->order_vip(daemon->daemon, order, &err);

	if (r < 0 && r != -EALREADY) {
		ctl_refuse(request, CTL_FAILED, "%s", err.text);
		return;
	}
	warnings = json_array();
	vip = core_vip(daemon->core, order->vip);
	if (order->order == VIP_ORDER_ANNOUNCE)
		warn_of_announce(daemon, vip, warnings);
	else if (order->order == VIP_ORDER_WITHDRAW)
		warn_of_withdraw(vip, was_announced, warnings);
	else
		warn_of_end(vip, warnings);
	ctl_answer(request, answer_new(daemon, vip, order->order, r == -EALREADY, warnings));
}

static struct core_vip_order new_order(const struct ctl_request *request, const json_t *args,
				       uint32_t vip, enum vip_order kind)
{
	const char *reason = json_string_value(json_object_get(args, "reason"));
	json_int_t for_us = json_integer_value(json_object_get(args, "for_us"));
	struct core_vip_order order = {
		.vip = vip,
		.order = kind,
		.by = { .vip = vip, .wall_us = usec_wall(), .given_at = usec_now() },
	};

	snprintf(order.by.owner, sizeof(order.by.owner), "%s", ctl_request_owner(request));
	snprintf(order.by.reason, sizeof(order.by.reason), "%s", reason ? reason : "");
	if (kind != VIP_ORDER_NONE && for_us > 0)
		order.by.until_us = usec_add(order.by.wall_us, (usec_t)for_us);
	return order;
}

void handle_vip(struct ctl_request *request, const json_t *args, void *context)
{
	struct commands_context *daemon = context;
	const char *name = json_string_value(json_object_get(args, "vip"));
	const char *action = json_string_value(json_object_get(args, "action"));
	enum vip_order kind = action ? vip_order_find(action) : VIP_ORDER_MAX;
	struct view view = view_now(daemon);
	uint32_t vip = name ? find_vip(daemon->core, name) : CORE_NONE;
	struct core_vip_order order;
	struct err err;

	if (!name || kind == VIP_ORDER_MAX) {
		ctl_refuse(request, CTL_USAGE, "name a VIP and one of announce, withdraw, auto");
	} else if (!handler_reason_is_fine(args)) {
		ctl_refuse(request, CTL_USAGE, "the reason must be one line of less than %d bytes",
			   CORE_REASON_MAX);
	} else if (!handler_time_is_fine(args)) {
		ctl_refuse(request, CTL_USAGE, "\"for_us\" must be a time to come");
	} else if (vip == CORE_NONE) {
		find_nothing(&view, "VIP", name, &err);
		ctl_refuse(request, CTL_USAGE, "%s", err.text);
	} else if (!core_vip(daemon->core, vip)->config) {
		ctl_refuse(request, CTL_REFUSED, "VIP %s is no longer in the config, and leaves",
			   name);
	} else {
		order = new_order(request, args, vip, kind);
		give(daemon, request, &order);
	}
}
