/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flows.c - the command flows: what the flow table holds, finding and forgetting entries.
 *
 * An entry is a tag, a real and an age: which service a flow belongs to is not in it. So "of a
 * service" means of the reals of its pool, whoever else uses them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/log.h"
#include "src/ctl/flow_args.h"
#include "src/ctl/handlers.h"
#include "src/ctl/view.h"
#include "src/dataplane/dataplane.h"

/* The reals asked for: one, those of a pool, or (CORE_NONE) all. */
struct scope {
	uint32_t pool, real;
};

static int find_scope(const struct core *core, const json_t *args, struct scope *ret,
		      struct err *err)
{
	const char *real = json_string_value(json_object_get(args, "real"));
	const char *service = json_string_value(json_object_get(args, "service"));
	const struct core_service *found;
	const struct core_vip *vip;

	*ret = (struct scope){ CORE_NONE, CORE_NONE };
	if (real && service)
		return err_set(err, -EINVAL, "name a real or a service, not both");
	if (real && !find_real(core, real, &ret->pool, &ret->real))
		return err_set(err, -ENOENT, "no real '%.64s'; write POOL/REAL", real);
	if (!service)
		return 0;
	found = find_service(core, service, &vip);
	if (!found || found->pool == CORE_NONE)
		return err_set(err, -ENOENT,
			       "no service '%.64s'; write 203.0.113.10:443/tcp or www:443/tcp",
			       service);
	ret->pool = found->pool;
	return 0;
}

static bool is_in_scope(const struct core *core, const struct scope *scope, const struct addr *addr)
{
	const struct config_pool *pool;

	if (scope->pool == CORE_NONE)
		return true;
	pool = core_pool(core, scope->pool)->config;
	for (uint32_t i = 0; i < pool->n_reals; i++)
		if (addr_eq(&pool->reals[i].addr, addr) &&
		    (scope->real == CORE_NONE || scope->real == i))
			return true;
	return false;
}

/* ---- listing ---- */

/* "web/web1", every pool's name for an address. */
static json_t *names_of(const struct core *core, const struct addr *addr)
{
	json_t *names = json_array();

	for (uint32_t p = 0; p < core_n_pools(core); p++) {
		const struct config_pool *pool = core_pool(core, p)->config;

		for (size_t i = 0; i < pool->n_reals; i++)
			if (addr_eq(&pool->reals[i].addr, addr))
				json_array_append_new(names, json_sprintf("%s/%s", pool->name,
									  pool->reals[i].name));
	}
	return names;
}

static json_t *view_flows_of(const struct core *core, const struct dataplane_flows_of *of)
{
	return json_pack("{s:s, s:o, s:I, s:I, s:I, s:I, s:b, s:o, s:o}", "address",
			 ADDR_STR(&of->real), "names", names_of(core, &of->real), "flows",
			 (json_int_t)of->flows, "probation",
			 (json_int_t)(of->flows - of->protected), "protected",
			 (json_int_t)of->protected, "stale", (json_int_t)of->stale, "is_programmed",
			 of->is_programmed, "youngest_s", json_real(view_seconds(of->youngest_us)),
			 "oldest_s", json_real(view_seconds(of->oldest_us)));
}

static int list(const struct view *view, const struct scope *scope, json_t **ret, struct err *err)
{
	const struct core *core = view->daemon->core;
	struct dataplane_flows flows;
	json_t *reals = json_array();
	int r = dataplane_flows(view->daemon->dataplane, &flows, err);

	if (r < 0) {
		json_decref(reals);
		return r;
	}
	for (size_t i = 0; i < flows.n_reals; i++)
		if (is_in_scope(core, scope, &flows.reals[i].real))
			json_array_append_new(reals, view_flows_of(core, &flows.reals[i]));
	*ret = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "capacity",
			 (json_int_t)flows.capacity, "configured", (json_int_t)flows.configured,
			 "used", (json_int_t)flows.used, "probation", (json_int_t)flows.probation,
			 "protected", (json_int_t)flows.protected, "stale", (json_int_t)flows.stale,
			 "reals", reals);
	dataplane_flows_fini(&flows);
	return 0;
}

static int find(const struct view *view, const json_t *args, json_t **ret, struct err *err)
{
	struct dataplane_flow_entry entry;
	struct dataplane_flow flow;
	json_t *object;
	int r = flow_args_parse(args, &flow, err);

	if (!r)
		r = dataplane_flow_find(view->daemon->dataplane, &flow, &entry, err);
	if (r < 0)
		return r;
	object = view_address(view, CORE_NONE, &entry.real);
	json_object_set_new(object, "is_programmed", json_boolean(entry.is_programmed));
	json_object_set_new(object, "is_protected", json_boolean(entry.is_protected));
	json_object_set_new(object, "is_stale", json_boolean(entry.is_stale));
	json_object_set_new(object, "age_s", json_real(view_seconds(entry.age_us)));
	*ret = json_pack("{s:o}", "entry", object);
	return 0;
}

/* ---- purging ---- */

static int purge_scope(const struct view *view, const struct scope *scope, uint64_t *ret,
		       struct err *err)
{
	const struct config_pool *pool = core_pool(view->daemon->core, scope->pool)->config;

	for (uint32_t i = 0; i < pool->n_reals; i++) {
		uint64_t n = 0;
		int r;

		if (scope->real != CORE_NONE && scope->real != i)
			continue;
		r = dataplane_flows_purge(view->daemon->dataplane, DATAPLANE_PURGE_REAL,
					  &pool->reals[i].addr, &n, err);
		if (r < 0 && r != -ENOENT) /* not programmed: it has no flows */
			return r;
		*ret += r ? 0 : n;
	}
	return 0;
}

static int purge_flow(const struct view *view, const json_t *args, uint64_t *ret, struct err *err)
{
	struct dataplane_flow flow;
	int r = flow_args_parse(args, &flow, err);

	if (!r)
		r = dataplane_flow_purge(view->daemon->dataplane, &flow, err);
	*ret = !r;
	return r;
}

/* One thing to forget must be named, and only one. */
static int check_purge(const json_t *args, struct err *err)
{
	static const char *const kinds[] = { "proto", "real", "service", "stale", "all" };
	unsigned n = 0;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const json_t *value = json_object_get(args, kinds[i]);

		n += json_is_string(value) || json_is_true(value);
	}
	if (n == 1)
		return 0;
	return err_set(err, -EINVAL,
		       "purge takes one of: a flow, --real, --service, --stale, --all");
}

static int purge(const struct view *view, const json_t *args, const struct scope *scope,
		 json_t **ret, struct err *err)
{
	struct dataplane *dataplane = view->daemon->dataplane;
	uint64_t n = 0;
	int r = check_purge(args, err);

	if (r < 0)
		return r;
	if (json_object_get(args, "proto"))
		r = purge_flow(view, args, &n, err);
	else if (scope->pool != CORE_NONE)
		r = purge_scope(view, scope, &n, err);
	else if (json_is_true(json_object_get(args, "stale")))
		r = dataplane_flows_purge(dataplane, DATAPLANE_PURGE_STALE, NULL, &n, err);
	else
		r = dataplane_flows_purge(dataplane, DATAPLANE_PURGE_ALL, NULL, &n, err);
	if (!r)
		*ret = json_pack("{s:I}", "purged", (json_int_t)n);
	return r;
}

void handle_flows(struct ctl_request *request, const json_t *args, void *context)
{
	const char *action = json_string_value(json_object_get(args, "action"));
	struct view view = view_now(context);
	struct scope scope;
	json_t *result = NULL;
	struct err err = { "" };
	int r = find_scope(view.daemon->core, args, &scope, &err);

	if (!r && (!action || strcmp(action, "list") == 0)) {
		r = list(&view, &scope, &result, &err);
	} else if (!r && strcmp(action, "find") == 0) {
		r = find(&view, args, &result, &err);
	} else if (!r && strcmp(action, "purge") == 0) {
		if (!ctl_request_is_admin(request)) {
			ctl_refuse(request, CTL_PERMISSION,
				   "'flows purge' changes things: it is answered on admin.sock "
				   "only");
			return;
		}
		log_notice("operator", "command=flows-purge owner=%s",
			   LOG_QUOTE(ctl_request_owner(request)));
		r = purge(&view, args, &scope, &result, &err);
	} else if (!r) {
		r = err_set(&err, -EINVAL, "flows lists, finds or purges; not '%.16s'", action);
	}
	if (r < 0)
		ctl_refuse(request, r == -ENOMEM || r == -ENOENT ? CTL_FAILED : CTL_USAGE, "%s",
			   err.text);
	else
		ctl_answer(request, result);
}
