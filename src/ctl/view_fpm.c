/* SPDX-License-Identifier: Apache-2.0 */
/* view_fpm.c - zebra as its FPM connection shows it: its life, and the ways that it installed
 * beside the kernel's. */
#include "src/ctl/view_fpm.h"

#include <errno.h>
#include <string.h>

#include <linux/rtnetlink.h>

#include "frr-integration/fpm.h"

static json_t *text_or_null(const char *text)
{
	return *text ? json_string(text) : json_null();
}

static json_t *age_or_null(const struct view *view, usec_t since)
{
	return since ? json_real(view_age(view, since)) : json_null();
}

static bool is_connected(const struct fpm_life *life)
{
	return life->state == FPM_SYNCING || life->state == FPM_SYNCED;
}

static json_t *view_differences(const struct view *view, const struct fpm_life *life)
{
	json_t *object =
		json_pack("{s:I, s:I, s:o, s:s}", "compared", (json_int_t)life->n_compared,
			  "differ", (json_int_t)life->n_differ, "first",
			  life->n_differ ? json_string(ADDR_STR(&life->differ_addr)) : json_null(),
			  "difference", life->n_differ ? fpm_difference_str(life->difference) : "");

	view_set_since(object, view, life->differ_since);
	return object;
}

json_t *view_zebra(const struct view *view)
{
	const struct fpm_life *life = fpm_life(view->daemon->fpm);
	json_t *object = json_pack(
		"{s:s, s:s, s:o, s:b, s:b, s:b, s:I, s:I}", "state", fpm_state_str(life->state),
		"sentence", life->sentence, "listen", text_or_null(life->listen), "is_connected",
		is_connected(life), "has_groups", life->has_groups, "is_short", life->is_short,
		"routes", (json_int_t)life->n_routes, "stale", (json_int_t)life->n_stale);

	view_set_since(object, view, life->since);
	json_object_set_new(object, "last_frame_age_s", age_or_null(view, life->last_frame));
	json_object_set_new(object, "connections", json_integer((json_int_t)life->connections));
	json_object_set_new(object, "refused", json_integer((json_int_t)life->refused));
	json_object_set_new(object, "resends", json_integer((json_int_t)life->resends));
	json_object_set_new(object, "frames", json_integer((json_int_t)life->frames));
	json_object_set_new(object, "messages", json_integer((json_int_t)life->messages));
	json_object_set_new(object, "faults", json_integer((json_int_t)life->faults));
	json_object_set_new(object, "fault", text_or_null(life->fault));
	json_object_set_new(object, "fault_age_s", age_or_null(view, life->fault_at));
	json_object_set_new(object, "kernel", view_differences(view, life));
	return object;
}

/* ---- ways ---- */

static const char *type_str(uint8_t type)
{
	switch (type) {
	case RTN_UNICAST:
		return "unicast";
	case RTN_LOCAL:
		return "local";
	case RTN_BLACKHOLE:
		return "blackhole";
	case RTN_UNREACHABLE:
		return "unreachable";
	case RTN_PROHIBIT:
		return "prohibit";
	default:
		return "other";
	}
}

static json_t *view_hop(const struct view *view, const struct fpm_hop *hop)
{
	char name[FPM_INTERFACE_MAX];

	return json_pack(
		"{s:o, s:o, s:i}", "via",
		hop->has_gateway ? json_string(ADDR_STR(&hop->gateway)) : json_null(), "dev",
		text_or_null(hop->ifindex ? fpm_interface(view->daemon->fpm, hop->ifindex, name)
					  : ""),
		"weight", (int)hop->weight);
}

/* n negative: not all are known. */
static json_t *way_route(const struct view *view, const struct fpm_route *route,
			 const struct fpm_hop *hops, int n)
{
	const char *protocol = fpm_protocol_str(route->protocol);
	json_t *list = json_array(), *object;
	char number[24];

	snprintf(number, sizeof(number), "%u", route->protocol);
	for (int i = 0; i < n; i++)
		json_array_append_new(list, view_hop(view, &hops[i]));
	object = json_pack("{s:s, s:s, s:s, s:b, s:o}", "prefix", PREFIX_STR(&route->prefix),
			   "protocol", protocol ? protocol : number, "type", type_str(route->type),
			   "is_complete", n >= 0, "next_hops", list);
	return object;
}

static json_t *zebra_route(const struct view *view, const struct fpm_way *way)
{
	json_t *object;

	if (!way->zebra)
		return json_null();
	object = way_route(view, way->zebra, way->hops, way->n_hops);
	json_object_set_new(object, "is_stale", json_boolean(way->zebra->is_stale));
	view_set_since(object, view, way->zebra->since);
	return object;
}

/* The kernel tells of a route that drops only that it drops. */
static json_t *kernel_route(const struct view *view, const struct fpm_target *target)
{
	if (!target || !target->is_asked)
		return json_null();
	if (target->kernel)
		return way_route(view, target->kernel, target->kernel->hops,
				 target->kernel->is_cut ? -1 : (int)target->kernel->n_hops);
	if (target->error != -EINVAL && target->error != -EHOSTUNREACH && target->error != -EACCES)
		return json_null();
	return json_pack("{s:n, s:s, s:s, s:b, s:[]}", "prefix", "protocol", "", "type",
			 target->error == -EINVAL         ? "blackhole"
			 : target->error == -EHOSTUNREACH ? "unreachable"
							  : "prohibit",
			 "is_complete", true, "next_hops");
}

json_t *view_way(const struct view *view, const struct addr *addr)
{
	enum fpm_difference difference;
	struct fpm_way way;
	json_t *object;

	fpm_way(view->daemon->fpm, addr, &way);
	difference = way.kernel ? way.kernel->difference : FPM_NOT_COMPARED;
	object = json_pack("{s:s, s:o, s:o, s:b, s:b, s:s}", "address", ADDR_STR(addr), "zebra",
			   zebra_route(view, &way), "kernel", kernel_route(view, way.kernel),
			   "is_compared", difference != FPM_NOT_COMPARED, "differs",
			   fpm_differs(difference), "difference", fpm_difference_str(difference));
	view_set_since(object, view, way.kernel ? way.kernel->since : 0);
	return object;
}

bool view_has_ways(const struct view *view)
{
	enum fpm_state state = fpm_life(view->daemon->fpm)->state;

	return state == FPM_SYNCING || state == FPM_SYNCED || state == FPM_GONE;
}

json_t *view_real_way(const struct view *view, uint32_t pool, size_t i)
{
	const struct config_pool *config = core_pool(view->daemon->core, pool)->config;
	json_t *object = view_way(view, &config->reals[i].addr);

	json_object_set_new(object, "pool", json_string(config->name));
	json_object_set_new(object, "real", json_string(config->reals[i].name));
	return object;
}
