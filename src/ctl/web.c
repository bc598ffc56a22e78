/* SPDX-License-Identifier: Apache-2.0 */
/* web.c - the commands of web.sock alone. */
#include "frr-integration/router.h"
#include "src/ctl/commands.h"
#include "src/ctl/handlers.h"
#include "src/ctl/view.h"
#include "src/dataplane/dataplane.h"
#include "src/record/recorder.h"

static unsigned n_attached(const struct view *view)
{
	const struct config_node *node = &core_config(view->daemon->core)->node;
	unsigned n = 0;

	for (uint32_t i = 0; i < node->n_uplinks; i++)
		n += dataplane_is_attached(view->daemon->dataplane, i);
	return n;
}

static unsigned n_announced(const struct core *core)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < core_n_vips(core); i++)
		n += core_vip(core, i)->state == VIP_ANNOUNCED;
	return n;
}

json_t *view_not_ready(const struct view *view)
{
	const struct commands_context *daemon = view->daemon;
	const struct core_node *node = core_node(daemon->core);
	uint32_t need = core_config(daemon->core)->routing.require_peers;
	json_t *why = json_array();

	if (node->is_drained)
		json_array_append_new(why, json_string("the node is drained"));
	if (node->is_fenced)
		json_array_append_new(why, json_string("the guard has acted (fence)"));
	if (n_attached(view) == 0)
		json_array_append_new(why, json_string("XDP is attached to no uplink"));
	if (router_life(daemon->router) != ROUTER_READY)
		json_array_append_new(why, json_string("bgpd is not there"));
	else if (router_n_established(daemon->router) < need)
		json_array_append_new(why,
				      json_sprintf("%zu of %u BGP sessions are established",
						   router_n_established(daemon->router), need));
	if (core_n_vips(daemon->core) > 0 && n_announced(daemon->core) == 0)
		json_array_append_new(why, json_string("no VIP is announced"));
	return why;
}

/* The number of the newest, so that who looks asks for events only when there are some. */
static json_t *last_event(struct recorder *recorder)
{
	return recorder ? json_integer((json_int_t)recorder_last(recorder)) : json_null();
}

/* The second hand of shoal-web: where it shall listen, and how the node stands. */
static void handle_beat(struct ctl_request *request, const json_t *args, void *context)
{
	const struct commands_context *daemon = context;
	const char *listen = core_config(daemon->core)->web_listen;
	struct view view = view_now(context);
	json_t *beat = view_version(&view);

	(void)args;
	json_object_set_new(beat, "listen", listen ? json_string(listen) : json_null());
	json_object_set_new(beat, "not_ready", view_not_ready(&view));
	json_object_set_new(beat, "last_event", last_event(daemon->recorder));
	ctl_answer(request, beat);
}

/* Its answer holds the whole config, with what checks send as secrets. */
static void handle_diff(struct ctl_request *request, const json_t *args, void *context)
{
	(void)args;
	(void)context;
	ctl_refuse(request, CTL_PERMISSION, "'diff' tells secrets of the config: not here");
}

const struct ctl_command commands_web_table[] = {
	{ "metrics", false, "", "all metrics, as Prometheus' text", handle_metrics },
	{ "diff", false, "", "refused here", handle_diff },
	{ "beat", false, "", "where to listen, and how the node stands", handle_beat },
	{ .name = NULL },
};
