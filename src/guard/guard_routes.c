/* SPDX-License-Identifier: Apache-2.0 */
#include "src/guard/guard_routes.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frr-integration/bgp_config.h"
#include "frr-integration/route_map.h"
#include "src/base/usec.h"

/* A guard that was stopped in the middle must not go on with what was true before. */
#define PLAN_OLDEST_US (2 * USEC_PER_SEC)

struct guard_routes {
	const struct config_routing *routing;
	struct guard_routes_callbacks callbacks;
	struct vty *vty;
	bool is_open, is_running;
	enum guard_act act;
	struct lease_prefix *announced;
	size_t n_announced;
	struct guard_plan plan;
	usec_t planned_at;
	size_t next;              /* target */
	unsigned map_line;        /* of the plain drain map */
	bool is_in_family, is_v6; /* where the session is */
	size_t written;
	struct err err;
	int code;
};

static void write_map(struct guard_routes *routes);
static void write_targets(struct guard_routes *routes);

static void ask(struct guard_routes *routes, vty_reply_fn *fn, const char *command)
{
	struct err err;
	int r = vty_send(routes->vty, fn, routes, "%s", command);

	if (r == 0)
		return;
	err_set(&err, r, "cannot send '%.64s': %m", command);
	vty_drop(routes->vty, r, err.text);
}

static void end_run(struct guard_routes *routes, size_t left)
{
	struct guard_result result = {
		.code = routes->code,
		.written = routes->written,
		.left = left,
		.sentence = routes->err.text,
	};

	routes->is_running = false;
	guard_plan_fini(&routes->plan);
	routes->callbacks.done(routes->callbacks.arg, &result);
}

/* ---- reading ---- */

/* Returns 1 when there is something to do for the act, 0 when not, or a negative errno. */
static int make_plan(struct guard_routes *routes, const char *text)
{
	struct bgp_config config;
	int r = bgp_config_parse(text, &config, &routes->err);

	if (r < 0)
		return r;
	guard_plan_fini(&routes->plan);
	routes->planned_at = usec_now();
	/* Without an instance of ours nothing of ours is announced. */
	if (config.has_instance && config.as == routes->routing->local_as)
		r = guard_plan_make(&config, routes->routing, routes->announced,
				    routes->n_announced, routes->act, &routes->plan);
	bgp_config_fini(&config);
	if (r < 0)
		return err_set(&routes->err, r, "plan: %m");
	return routes->plan.n_targets > 0;
}

static void on_written_config(void *arg, const struct vty_reply *reply)
{
	struct guard_routes *routes = arg;
	int r = make_plan(routes, reply->text);

	if (r < 0 && routes->code == 0)
		routes->code = r;
	end_run(routes, routes->plan.n_targets);
}

static void on_left(void *arg, const struct vty_reply *reply)
{
	(void)reply;
	ask(arg, on_written_config, "show running-config");
}

/* Whatever happened, the session leaves configuration mode and looks at the result. */
static void leave(struct guard_routes *routes)
{
	ask(routes, on_left, "end");
}

/* True when bgpd took the line; otherwise the run ends. */
static bool went_through(struct guard_routes *routes, const struct vty_reply *reply)
{
	if (reply->status == VTY_SUCCESS)
		return true;
	routes->code = err_set(&routes->err, -EREMOTEIO, "'%.100s': %s: %.200s", reply->command,
			       vty_status_str(reply->status), reply->text);
	leave(routes);
	return false;
}

/* ---- writing ---- */

static void on_target(void *arg, const struct vty_reply *reply)
{
	struct guard_routes *routes = arg;

	if (reply->status == VTY_SUCCESS)
		routes->written++;
	else if (reply->status != VTY_CONFIG_FAILED) /* gone already */
		routes->code = err_set(&routes->err, -EREMOTEIO, "'%.100s': %s", reply->command,
				       vty_status_str(reply->status));
	routes->next++;
	write_targets(routes);
}

static void on_family(void *arg, const struct vty_reply *reply)
{
	struct guard_routes *routes = arg;

	if (!went_through(routes, reply))
		return;
	routes->is_in_family = true;
	write_targets(routes);
}

static void on_family_left(void *arg, const struct vty_reply *reply)
{
	struct guard_routes *routes = arg;

	if (!went_through(routes, reply))
		return;
	routes->is_in_family = false;
	write_targets(routes);
}

static void write_targets(struct guard_routes *routes)
{
	const struct guard_target *target = &routes->plan.targets[routes->next];
	char command[256];
	bool is_v6;

	if (routes->next == routes->plan.n_targets) {
		leave(routes);
		return;
	}
	if (usec_now() - routes->planned_at > PLAN_OLDEST_US) {
		routes->code = err_set(&routes->err, -ESTALE, "the plan is too old; planned anew");
		leave(routes);
		return;
	}
	is_v6 = !addr_is_ipv4(&target->prefix.addr);
	if (routes->is_in_family && routes->is_v6 != is_v6) {
		ask(routes, on_family_left, "exit-address-family");
		return;
	}
	if (!routes->is_in_family) {
		routes->is_v6 = is_v6;
		snprintf(command, sizeof(command), "address-family %s unicast",
			 is_v6 ? "ipv6" : "ipv4");
		ask(routes, on_family, command);
		return;
	}
	if (target->map[0])
		snprintf(command, sizeof(command), "network %s route-map %s",
			 PREFIX_STR(&target->prefix), target->map);
	else
		snprintf(command, sizeof(command), "no network %s", PREFIX_STR(&target->prefix));
	ask(routes, on_target, command);
}

static void on_instance_of_as(void *arg, const struct vty_reply *reply)
{
	struct guard_routes *routes = arg;

	if (went_through(routes, reply))
		write_targets(routes);
}

static void on_instance(void *arg, const struct vty_reply *reply)
{
	struct guard_routes *routes = arg;
	char command[64];

	/* With instances of VRFs beside it the default one needs its number. */
	if (reply->status != VTY_SUCCESS && !strstr(reply->text, "specify ASN")) {
		went_through(routes, reply);
		return;
	}
	snprintf(command, sizeof(command), "router bgp %u", routes->routing->local_as);
	ask(routes, on_instance_of_as, command);
}

static void on_map_config(void *arg, const struct vty_reply *reply);

static void on_map_left(void *arg, const struct vty_reply *reply)
{
	(void)reply;
	ask(arg, on_map_config, "show running-config");
}

static void on_map_line(void *arg, const struct vty_reply *reply)
{
	struct guard_routes *routes = arg;

	if (!went_through(routes, reply))
		return;
	routes->map_line++;
	write_map(routes);
}

/* The plain drain map, made from nothing; then everything is read again before a line names it. */
static void write_map(struct guard_routes *routes)
{
	struct route_attrs attrs = { 0 };
	char command[VTY_COMMAND_MAX + 2];

	route_attrs_drain(routes->routing, &attrs);
	if (routes->map_line == 0 && !routes->plan.plain_drain_exists)
		routes->map_line = 1;
	if (routes->map_line == 0)
		ask(routes, on_map_line, "no route-map " ROUTE_MAP_PLAIN_DRAIN);
	else if (route_map_command(ROUTE_MAP_PLAIN_DRAIN, &attrs, routes->map_line - 1, command,
				   sizeof(command)))
		ask(routes, on_map_line, command);
	else
		ask(routes, on_map_left, "end");
}

static void on_config_mode(void *arg, const struct vty_reply *reply)
{
	struct guard_routes *routes = arg;

	if (!went_through(routes, reply))
		return;
	if (routes->plan.needs_plain_drain)
		write_map(routes);
	else
		ask(routes, on_instance, "router bgp");
}

/* ---- a run ---- */

static void on_map_config(void *arg, const struct vty_reply *reply)
{
	struct guard_routes *routes = arg;
	int r = make_plan(routes, reply->text);

	if (r > 0 && routes->plan.needs_plain_drain)
		r = err_set(&routes->err, -EREMOTEIO, "route-map %s does not stay as written",
			    ROUTE_MAP_PLAIN_DRAIN);
	if (r < 0)
		routes->code = r;
	if (r <= 0)
		end_run(routes, routes->plan.n_targets);
	else
		ask(routes, on_config_mode, "configure terminal");
}

static void on_first_config(void *arg, const struct vty_reply *reply)
{
	struct guard_routes *routes = arg;
	int r = make_plan(routes, reply->text);

	if (r < 0)
		routes->code = r;
	if (r <= 0) {
		end_run(routes, 0);
		return;
	}
	routes->callbacks.before_write(routes->callbacks.arg, routes->plan.n_targets);
	ask(routes, on_config_mode, "configure terminal");
}

int guard_routes_run(struct guard_routes *routes, enum guard_act act,
		     const struct lease_prefix *announced, size_t n_announced)
{
	struct lease_prefix *copy;

	if (!routes->is_open)
		return -ENOTCONN;
	if (routes->is_running)
		return -EBUSY;
	copy = calloc(n_announced ? n_announced : 1, sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	if (n_announced > 0)
		memcpy(copy, announced, n_announced * sizeof(*copy));
	free(routes->announced);
	routes->announced = copy;
	routes->n_announced = n_announced;
	routes->act = act;
	routes->is_running = true;
	routes->next = 0;
	routes->map_line = 0;
	routes->is_in_family = false;
	routes->written = 0;
	routes->code = 0;
	routes->err.text[0] = '\0';
	ask(routes, on_first_config, "show running-config");
	return 0;
}

/* ---- the connection ---- */

static void on_enabled(void *arg, const struct vty_reply *reply)
{
	struct guard_routes *routes = arg;

	(void)reply; /* a refusal shows at the first command that needs it */
	routes->is_open = true;
	routes->callbacks.up(routes->callbacks.arg);
}

static void on_up(void *arg)
{
	ask(arg, on_enabled, "enable");
}

static void on_down(void *arg, int reason, const char *sentence)
{
	struct guard_routes *routes = arg;

	routes->is_open = false;
	routes->is_running = false;
	guard_plan_fini(&routes->plan);
	routes->callbacks.down(routes->callbacks.arg, reason, sentence);
}

int guard_routes_new(struct event_base *base, const struct config_routing *routing,
		     const struct guard_routes_callbacks *callbacks, struct guard_routes **ret,
		     struct err *err)
{
	struct guard_routes *routes = calloc(1, sizeof(*routes));
	struct vty_callbacks vty = { .up = on_up, .down = on_down, .arg = routes };
	char path[PATH_MAX];
	int r;

	if (!routes)
		return err_set(err, -ENOMEM, "guard: %m");
	routes->routing = routing;
	routes->callbacks = *callbacks;
	snprintf(path, sizeof(path), "%s/bgpd.vty", routing->vty);
	r = vty_new(base, path, 0, &vty, &routes->vty);
	if (r < 0) {
		free(routes);
		return err_set(err, r, "vty socket '%s': %m", path);
	}
	*ret = routes;
	return 0;
}

void guard_routes_free(struct guard_routes *routes)
{
	if (!routes)
		return;
	vty_free(routes->vty);
	guard_plan_fini(&routes->plan);
	free(routes->announced);
	free(routes);
}
