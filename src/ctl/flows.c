/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flows.c - the command flows: what the flow table holds, finding and forgetting entries.
 *
 * An entry is a tag, a real and an age: which service a flow belongs to is not in it. So "of a
 * service" means of the reals of its pool, whoever else uses them.
 *
 * Listing and purging walk over the whole table, a bit a turn of the loop.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/log.h"
#include "src/ctl/flow_args.h"
#include "src/ctl/handlers.h"
#include "src/ctl/view.h"
#include "src/dataplane/dataplane.h"

#define TURN_US  (1 * USEC_PER_MSEC)
#define ROWS_MAX 64

/* The reals asked for, ordered; their config may go while the table is walked over. */
struct scope {
	bool is_all;
	struct addr *addrs;
	size_t n;
};

/* Listing or purging, until the end of the table; then the rows of the list. */
struct job {
	struct ctl_request *request;
	const struct commands_context *daemon;
	struct scope scope;
	struct dataplane_walk *walk;
	bool is_purge, is_counted;
	struct dataplane_flows flows;
	size_t next, sent; /* of flows.reals */
};

static int addr_order(const void *a, const void *b)
{
	return addr_cmp(a, b);
}

static int scope_of(const struct config_pool *pool, size_t from, size_t n, struct scope *ret,
		    struct err *err)
{
	ret->is_all = false;
	ret->addrs = calloc(n + 1, sizeof(*ret->addrs));
	if (!ret->addrs)
		return err_set(err, -ENOMEM, "out of memory");
	for (ret->n = 0; ret->n < n; ret->n++)
		ret->addrs[ret->n] = pool->reals[from + ret->n].addr;
	qsort(ret->addrs, ret->n, sizeof(*ret->addrs), addr_order);
	return 0;
}

static int find_scope(const struct core *core, const json_t *args, struct scope *ret,
		      struct err *err)
{
	const char *real = json_string_value(json_object_get(args, "real"));
	const char *service = json_string_value(json_object_get(args, "service"));
	const struct core_service *found;
	const struct config_pool *pools = core_config(core)->pools;
	const struct core_vip *vip;
	uint32_t pool, index;

	*ret = (struct scope){ .is_all = true };
	if (real && service)
		return err_set(err, -EINVAL, "name a real or a service, not both");
	if (real && !find_real(core, real, &pool, &index))
		return err_set(err, -ENOENT, "no real '%.64s'; write POOL/REAL", real);
	if (real)
		return scope_of(&pools[pool], index, 1, ret, err);
	if (!service)
		return 0;
	found = find_service(core, service, &vip);
	if (!found || found->pool == CORE_NONE)
		return err_set(err, -ENOENT,
			       "no service '%.64s'; write 203.0.113.10:443/tcp or www:443/tcp",
			       service);
	return scope_of(&pools[found->pool], 0, pools[found->pool].n_reals, ret, err);
}

static bool is_in_scope(const struct scope *scope, const struct addr *addr)
{
	return scope->is_all ||
	       bsearch(addr, scope->addrs, scope->n, sizeof(*scope->addrs), addr_order);
}

/* ---- the walk ---- */

static void job_free(struct job *job)
{
	dataplane_walk_free(job->walk);
	dataplane_flows_fini(&job->flows);
	free(job->scope.addrs);
	free(job);
}

static void on_gone(void *arg)
{
	struct job *job = arg;

	ctl_refuse(job->request, CTL_FAILED, "nobody waits");
	job_free(job);
}

static void send_rows(struct job *job, usec_t deadline);

static void on_turn(void *arg)
{
	struct job *job = arg;
	usec_t deadline = usec_add(usec_now(), TURN_US);
	struct err err;

	if (job->is_counted) {
		send_rows(job, deadline);
	} else if (!dataplane_walk_on(job->walk, deadline)) {
		return;
	} else if (job->is_purge) {
		ctl_answer(job->request, json_pack("{s:I}", "purged",
						   (json_int_t)dataplane_walk_purged(job->walk)));
		job_free(job);
	} else if (dataplane_walk_flows(job->walk, &job->flows, &err) < 0) {
		ctl_refuse(job->request, CTL_FAILED, "%s", err.text);
		job_free(job);
	} else {
		job->is_counted = true;
	}
}

/* Takes scope and walk. */
static int job_start(struct ctl_request *request, const struct commands_context *daemon,
		     struct scope *scope, struct dataplane_walk *walk, bool is_purge,
		     struct err *err)
{
	struct job *job = calloc(1, sizeof(*job));

	if (!job) {
		dataplane_walk_free(walk);
		return err_set(err, -ENOMEM, "out of memory");
	}
	*job = (struct job){ .request = request,
			     .daemon = daemon,
			     .scope = *scope,
			     .walk = walk,
			     .is_purge = is_purge };
	scope->addrs = NULL;
	ctl_request_watch(request, on_gone, job);
	ctl_request_turns(request, on_turn, job);
	return 0;
}

/* ---- listing ---- */

/* "web/web1", every pool's name for an address. */
static json_t *names_of(const struct core *core, const struct addr *addr)
{
	json_t *names = json_array();
	struct config_place place;
	uint32_t cursor = 0;

	while (config_lookup_next_at(core_lookup(core), addr, &cursor, &place)) {
		const struct config_pool *pool = &core_config(core)->pools[place.pool];

		json_array_append_new(
			names, json_sprintf("%s/%s", pool->name, pool->reals[place.real].name));
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

static json_t *totals(const struct dataplane_flows *flows)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:[]}", "capacity",
			 (json_int_t)flows->capacity, "configured", (json_int_t)flows->configured,
			 "used", (json_int_t)flows->used, "probation", (json_int_t)flows->probation,
			 "protected", (json_int_t)flows->protected, "stale",
			 (json_int_t)flows->stale, "reals");
}

static void send_rows(struct job *job, usec_t deadline)
{
	size_t at = job->sent;
	json_t *rows = json_array();

	while (job->next < job->flows.n_reals && job->sent - at < ROWS_MAX &&
	       usec_now() < deadline) {
		const struct dataplane_flows_of *of = &job->flows.reals[job->next++];

		if (!is_in_scope(&job->scope, &of->real))
			continue;
		json_array_append_new(rows, view_flows_of(job->daemon->core, of));
		job->sent++;
	}
	ctl_part(job->request, json_pack("{s:[s], s:I, s:o}", "path", "reals", "at", (json_int_t)at,
					 "items", rows));
	if (job->next < job->flows.n_reals)
		return;
	ctl_answer(job->request, totals(&job->flows));
	job_free(job);
}

static int list(struct ctl_request *request, const struct commands_context *daemon,
		struct scope *scope, struct err *err)
{
	struct dataplane_walk *walk;
	int r = dataplane_count_flows(daemon->dataplane, &walk, err);

	return r < 0 ? r : job_start(request, daemon, scope, walk, false, err);
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

/* What is to be forgotten, by its word. */
static enum dataplane_purge purge_of(const json_t *args, const struct scope *scope)
{
	if (!scope->is_all)
		return DATAPLANE_PURGE_REALS;
	return json_is_true(json_object_get(args, "stale")) ? DATAPLANE_PURGE_STALE
							    : DATAPLANE_PURGE_ALL;
}

static int purge(struct ctl_request *request, const struct view *view, const json_t *args,
		 struct scope *scope, struct err *err)
{
	struct dataplane_walk *walk;
	uint64_t n = 0;
	int r = check_purge(args, err);

	if (r < 0)
		return r;
	if (json_object_get(args, "proto")) {
		r = purge_flow(view, args, &n, err);
		if (!r)
			ctl_answer(request, json_pack("{s:I}", "purged", (json_int_t)n));
		return r;
	}
	r = dataplane_purge_flows(view->daemon->dataplane, purge_of(args, scope), scope->addrs,
				  scope->n, &walk, err);
	return r < 0 ? r : job_start(request, view->daemon, scope, walk, true, err);
}

static int act(struct ctl_request *request, const struct view *view, const json_t *args,
	       struct scope *scope, struct err *err)
{
	const char *action = json_string_value(json_object_get(args, "action"));
	json_t *result = NULL;
	int r;

	if (!action || strcmp(action, "list") == 0)
		return list(request, view->daemon, scope, err);
	if (strcmp(action, "find") == 0) {
		r = find(view, args, &result, err);
		if (!r)
			ctl_answer(request, result);
		return r;
	}
	if (strcmp(action, "purge") != 0)
		return err_set(err, -EINVAL, "flows lists, finds or purges; not '%.16s'", action);
	if (!ctl_request_is_admin(request))
		return err_set(err, -EPERM,
			       "'flows purge' changes things: it is answered on admin.sock only");
	log_notice("operator", "command=flows-purge owner=%s",
		   LOG_QUOTE(ctl_request_owner(request)));
	return purge(request, view, args, scope, err);
}

static enum ctl_exit exit_of(int r)
{
	if (r == -EPERM)
		return CTL_PERMISSION;
	return r == -ENOMEM || r == -ENOENT ? CTL_FAILED : CTL_USAGE;
}

void handle_flows(struct ctl_request *request, const json_t *args, void *context)
{
	struct view view = view_now(context);
	struct scope scope = { 0 };
	struct err err = { "" };
	int r = find_scope(view.daemon->core, args, &scope, &err);

	if (!r)
		r = act(request, &view, args, &scope, &err);
	free(scope.addrs); /* a job has taken it */
	if (r < 0)
		ctl_refuse(request, exit_of(r), "%s", err.text);
}
