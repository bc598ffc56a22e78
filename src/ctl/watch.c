/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch.c - the command pool, and what a watched pool shows.
 *
 * The counters of the data plane only grow and are by address, so a watch begins with what they
 * were; a real that comes to the pool later begins when it comes. A reload may give a pool other
 * reals, or other places to those it had: what each began with goes along by its address.
 */
#include "src/ctl/watch.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "src/base/auto.h"
#include "src/base/log.h"
#include "src/ctl/handlers.h"
#include "src/ctl/view.h"
#include "src/dataplane/dataplane.h"

#define FOR_DEFAULT (600 * USEC_PER_SEC)
#define FOR_MAX     (24 * 3600 * USEC_PER_SEC)

/* A real deviates when so many SYNs came again, so many times as often as to the pool's median. */
#define TELLING_AGAIN   10
#define TELLING_PERCENT 1.0
#define TELLING_TIMES   3.0
#define TELLING_SYNS    20 /* with fewer a real says nothing of the median */

struct watched_real {
	struct addr addr;
	struct dataplane_syns base;
};

struct watch {
	LIST_ENTRY(watch) entry;
	char *pool; /* its name */
	char owner[CORE_OWNER_MAX], reason[CORE_REASON_MAX];
	usec_t since, until;
	/* The pool's reals, in the order of the config that they were taken from. */
	struct watched_real *reals;
	size_t n_reals;
	const struct config *config;
	uint64_t config_loaded_wall_us;
	/* Kept for a second: it is asked for once a real. */
	usec_t median_at;
	double median;
};

struct watches {
	const struct commands_context *daemon;
	LIST_HEAD(, watch) list;
};

static struct watch *find_watch(const struct watches *watches, const char *pool)
{
	struct watch *watch;

	if (!watches)
		return NULL;
	LIST_FOREACH(watch, &watches->list, entry)
	if (strcmp(watch->pool, pool) == 0)
		return watch;
	return NULL;
}

/* ---- what was counted ---- */

static struct dataplane_syns counted_now(const struct commands_context *daemon,
					 const struct addr *addr)
{
	struct dataplane_syns syns = { 0 };

	dataplane_real_syns(daemon->dataplane, addr, &syns);
	return syns;
}

static int compare_reals(const void *a, const void *b)
{
	const struct watched_real *x = a, *y = b;

	return memcmp(x->addr.bytes, y->addr.bytes, sizeof(x->addr.bytes));
}

static bool is_of_this_config(const struct watch *watch, const struct commands_context *daemon)
{
	return watch->config == core_config(daemon->core) &&
	       watch->config_loaded_wall_us == daemon->config_loaded_wall_us;
}

/* Take over the pool's reals as they are in the config now. -ENOMEM. */
static int take_reals(struct watch *watch, const struct commands_context *daemon, uint32_t pool)
{
	const struct config_pool *config = core_pool(daemon->core, pool)->config;
	struct watched_real *reals = calloc(config->n_reals + 1, sizeof(*reals));

	if (!reals)
		return -ENOMEM;
	if (watch->n_reals)
		qsort(watch->reals, watch->n_reals, sizeof(*reals), compare_reals);
	for (size_t i = 0; i < config->n_reals; i++) {
		const struct watched_real *before;

		reals[i].addr = config->reals[i].addr;
		before = watch->n_reals ? bsearch(&reals[i], watch->reals, watch->n_reals,
						  sizeof(*reals), compare_reals)
					: NULL;
		reals[i].base = before ? before->base : counted_now(daemon, &reals[i].addr);
	}
	free(watch->reals);
	watch->reals = reals;
	watch->n_reals = config->n_reals;
	watch->config = core_config(daemon->core);
	watch->config_loaded_wall_us = daemon->config_loaded_wall_us;
	watch->median_at = 0;
	return 0;
}

/* Since the watch began. A real that was programmed anew began at nothing. */
static struct dataplane_syns counted(const struct watch *watch,
				     const struct commands_context *daemon, size_t real)
{
	const struct watched_real *of = &watch->reals[real];
	struct dataplane_syns syns = counted_now(daemon, &of->addr);

	if (syns.first < of->base.first || syns.again < of->base.again)
		return syns;
	syns.first -= of->base.first;
	syns.again -= of->base.again;
	return syns;
}

/* Of all SYNs, those that came again. */
static double percent(const struct dataplane_syns *syns)
{
	uint64_t all = syns->first + syns->again;

	return all ? 100.0 * (double)syns->again / (double)all : 0;
}

static struct dataplane_syns counted_all(const struct watch *watch,
					 const struct commands_context *daemon)
{
	struct dataplane_syns sum = { 0 };

	for (size_t i = 0; i < watch->n_reals; i++) {
		struct dataplane_syns syns = counted(watch, daemon, i);

		sum.first += syns.first;
		sum.again += syns.again;
	}
	return sum;
}

static int compare_doubles(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The lower of two in the middle, so that of two reals the better one is the measure. */
static double make_median(const struct watch *watch, const struct commands_context *daemon)
{
	AUTO(freep) double *percents = calloc(watch->n_reals + 1, sizeof(*percents));
	size_t n = 0;

	for (size_t i = 0; percents && i < watch->n_reals; i++) {
		struct dataplane_syns syns = counted(watch, daemon, i);

		if (syns.first + syns.again >= TELLING_SYNS)
			percents[n++] = percent(&syns);
	}
	if (n == 0)
		return 0;
	qsort(percents, n, sizeof(*percents), compare_doubles);
	return percents[(n - 1) / 2];
}

static double median_of(struct watch *watch, const struct view *view)
{
	if (watch->median_at && view->now - watch->median_at < USEC_PER_SEC)
		return watch->median;
	watch->median = make_median(watch, view->daemon);
	watch->median_at = view->now;
	return watch->median;
}

/* ---- as JSON ---- */

static struct watch *watch_of(const struct view *view, uint32_t pool)
{
	const struct commands_context *daemon = view->daemon;
	struct watch *watch =
		find_watch(daemon->watches, core_pool(daemon->core, pool)->config->name);

	if (!watch || is_of_this_config(watch, daemon))
		return watch;
	return take_reals(watch, daemon, pool) < 0 ? NULL : watch;
}

static json_t *view_percent(double value)
{
	return json_real((double)(int)(value * 100 + 0.5) / 100);
}

static void set_counts(json_t *object, const struct dataplane_syns *syns)
{
	json_object_set_new(object, "connections", json_integer((json_int_t)syns->first));
	json_object_set_new(object, "retransmissions", json_integer((json_int_t)syns->again));
	json_object_set_new(object, "retransmitted_percent",
			    syns->first + syns->again ? view_percent(percent(syns)) : json_null());
}

static json_t *view_one(struct watch *watch, const struct view *view)
{
	struct dataplane_syns all = counted_all(watch, view->daemon);
	usec_t left = watch->until > view->now ? watch->until - view->now : 0;
	json_t *object = json_pack("{s:s, s:s, s:s, s:I, s:o}", "pool", watch->pool, "owner",
				   watch->owner, "reason", watch->reason, "until_us",
				   (json_int_t)view->wall_us + (json_int_t)left, "left_s",
				   json_real(view_seconds(left)));

	view_set_since(object, view, watch->since);
	set_counts(object, &all);
	json_object_set_new(object, "median_percent", view_percent(median_of(watch, view)));
	return object;
}

json_t *view_watch(const struct view *view, uint32_t pool)
{
	struct watch *watch = watch_of(view, pool);

	return watch ? view_one(watch, view) : json_null();
}

json_t *view_watches(const struct view *view)
{
	const struct core *core = view->daemon->core;
	json_t *list = json_array();

	for (uint32_t p = 0; view->daemon->watches && p < core_n_pools(core); p++)
		if (watch_of(view, p))
			json_array_append_new(list, view_watch(view, p));
	return list;
}

static bool deviates(struct watch *watch, const struct view *view,
		     const struct dataplane_syns *syns)
{
	return syns->again >= TELLING_AGAIN && percent(syns) >= TELLING_PERCENT &&
	       percent(syns) > TELLING_TIMES * median_of(watch, view);
}

json_t *view_syns(const struct view *view, uint32_t pool, uint32_t real)
{
	struct watch *watch = watch_of(view, pool);
	struct dataplane_syns syns;
	json_t *object;

	if (!watch)
		return json_null();
	syns = counted(watch, view->daemon, real);
	object = json_object();
	view_set_since(object, view, watch->since);
	set_counts(object, &syns);
	json_object_set_new(object, "is_deviating", json_boolean(deviates(watch, view, &syns)));
	return object;
}

bool view_real_deviates(const struct view *view, uint32_t pool, uint32_t real)
{
	struct watch *watch = watch_of(view, pool);
	struct dataplane_syns syns;

	if (!watch)
		return false;
	syns = counted(watch, view->daemon, real);
	return deviates(watch, view, &syns);
}

/* ---- a watch's life ---- */

static void watch_free(struct watch *watch)
{
	free(watch->pool);
	free(watch->reals);
	free(watch);
}

static void end(struct watches *watches, struct watch *watch, const char *why)
{
	uint32_t pool = find_pool(watches->daemon->core, watch->pool);
	struct dataplane_syns all = counted_all(watch, watches->daemon);
	struct err err;

	if (pool != CORE_NONE)
		watches->daemon->watch(watches->daemon->daemon, pool, false, &err);
	log_notice("pool_watch",
		   "pool=%s state=over reason=%s connections=%llu retransmissions=%llu",
		   LOG_QUOTE(watch->pool), why, (unsigned long long)all.first,
		   (unsigned long long)all.again);
	LIST_REMOVE(watch, entry);
	watch_free(watch);
}

struct watches *watches_new(const struct commands_context *daemon)
{
	struct watches *watches = calloc(1, sizeof(*watches));

	if (!watches)
		return NULL;
	watches->daemon = daemon;
	LIST_INIT(&watches->list);
	return watches;
}

void watches_free(struct watches *watches)
{
	struct watch *watch;

	if (!watches)
		return;
	while ((watch = LIST_FIRST(&watches->list)) != NULL)
		end(watches, watch, "stop");
	free(watches);
}

static bool has_tcp(const struct core *core, uint32_t pool)
{
	for (uint32_t v = 0; v < core_n_vips(core); v++) {
		const struct core_vip *vip = core_vip(core, v);

		for (size_t i = 0; i < vip->n_services; i++)
			if (vip->services[i].pool == pool && vip->services[i].proto == IPPROTO_TCP)
				return true;
	}
	return false;
}

/* From now on, with what the counters are now. NULL: no memory. */
static struct watch *watch_new(struct watches *watches, uint32_t pool, usec_t now)
{
	const struct commands_context *daemon = watches->daemon;
	struct watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return NULL;
	watch->pool = strdup(core_pool(daemon->core, pool)->config->name);
	if (!watch->pool || take_reals(watch, daemon, pool) < 0) {
		watch_free(watch);
		return NULL;
	}
	watch->since = now;
	LIST_INSERT_HEAD(&watches->list, watch, entry);
	return watch;
}

/* The last word counts, with its own end; what was counted stays. */
static void set_words(struct watch *watch, const struct watches_words *words, usec_t now)
{
	usec_t for_us = words->for_us ? words->for_us : FOR_DEFAULT;

	watch->until = usec_add(now, for_us);
	snprintf(watch->owner, sizeof(watch->owner), "%s", words->owner);
	snprintf(watch->reason, sizeof(watch->reason), "%s", words->reason);
	log_notice("pool_watch", "pool=%s state=watched for_s=%llu owner=%s reason=%s",
		   LOG_QUOTE(watch->pool), (unsigned long long)(for_us / USEC_PER_SEC),
		   LOG_QUOTE(watch->owner), LOG_QUOTE(watch->reason));
}

int watches_start(struct watches *watches, uint32_t pool, const struct watches_words *words,
		  usec_t now, bool *ret_is_already, struct err *err)
{
	const struct commands_context *daemon = watches->daemon;
	const char *name = core_pool(daemon->core, pool)->config->name;
	struct watch *watch = find_watch(watches, name);
	bool is_already = watch != NULL;
	struct err ignored;
	int r;

	if (!has_tcp(daemon->core, pool))
		return err_set(err, -ENOENT,
			       "no TCP service uses pool %s: there are no SYNs to count", name);
	r = daemon->watch(daemon->daemon, pool, true, err);
	if (r < 0)
		return r;
	if (!watch)
		watch = watch_new(watches, pool, now);
	if (!watch) {
		daemon->watch(daemon->daemon, pool, false, &ignored);
		return err_set(err, -ENOMEM, "out of memory");
	}
	set_words(watch, words, now);
	*ret_is_already = is_already;
	return 0;
}

void watches_end(struct watches *watches, uint32_t pool, const char *why)
{
	struct watch *watch =
		find_watch(watches, core_pool(watches->daemon->core, pool)->config->name);

	if (watch)
		end(watches, watch, why);
}

static void follow(struct watches *watches, struct watch *watch, usec_t now)
{
	const struct commands_context *daemon = watches->daemon;
	uint32_t pool = find_pool(daemon->core, watch->pool);
	struct err err;

	if (pool == CORE_NONE || now >= watch->until) {
		end(watches, watch, pool == CORE_NONE ? "pool-gone" : "time");
		return;
	}
	if (!is_of_this_config(watch, daemon))
		take_reals(watch, daemon, pool);
	/* It may be without a ring for a while. */
	daemon->watch(daemon->daemon, pool, true, &err);
}

void watches_tick(struct watches *watches, usec_t now)
{
	struct watch *watch, *next;

	for (watch = LIST_FIRST(&watches->list); watch; watch = next) {
		next = LIST_NEXT(watch, entry);
		follow(watches, watch, now);
	}
}

/* ---- the command ---- */

static void answer(struct ctl_request *request, const char *pool, bool is_watched, bool is_already,
		   json_t *watch)
{
	ctl_answer(request, json_pack("{s:s, s:b, s:b, s:o}", "pool", pool, "is_watched",
				      is_watched, "is_already", is_already, "watch", watch));
}

static void stop_watch(struct commands_context *daemon, struct ctl_request *request, uint32_t pool)
{
	struct view view = view_now(daemon);
	json_t *last = view_watch(&view, pool);

	watches_end(daemon->watches, pool, "operator");
	answer(request, core_pool(daemon->core, pool)->config->name, false, json_is_null(last),
	       last);
}

static void start_watch(struct commands_context *daemon, struct ctl_request *request, uint32_t pool,
			const json_t *args)
{
	const char *reason = json_string_value(json_object_get(args, "reason"));
	const struct watches_words words = {
		.owner = ctl_request_owner(request),
		.reason = reason ? reason : "",
		.for_us = (usec_t)json_integer_value(json_object_get(args, "for_us")),
	};
	struct view view = view_now(daemon);
	bool is_already;
	struct err err;
	int r = watches_start(daemon->watches, pool, &words, view.now, &is_already, &err);

	if (r < 0)
		ctl_refuse(request, r == -ENOMEM ? CTL_FAILED : CTL_REFUSED, "%s", err.text);
	else
		answer(request, core_pool(daemon->core, pool)->config->name, true, is_already,
		       view_watch(&view, pool));
}

static bool time_is_fine(const json_t *args)
{
	const json_t *for_us = json_object_get(args, "for_us");

	return !for_us || (json_is_integer(for_us) && json_integer_value(for_us) > 0 &&
			   (usec_t)json_integer_value(for_us) <= FOR_MAX);
}

void handle_pool(struct ctl_request *request, const json_t *args, void *context)
{
	struct commands_context *daemon = context;
	const char *name = json_string_value(json_object_get(args, "pool"));
	const char *action = json_string_value(json_object_get(args, "action"));
	struct view view = view_now(daemon);
	uint32_t pool = name ? find_pool(daemon->core, name) : CORE_NONE;
	struct err err;

	if (!name || !action || strcmp(action, "watch") != 0) {
		ctl_refuse(request, CTL_USAGE, "name a pool, then watch");
	} else if (!handler_reason_is_fine(args)) {
		ctl_refuse(request, CTL_USAGE, "the reason must be one line of less than %d bytes",
			   CORE_REASON_MAX);
	} else if (!time_is_fine(args)) {
		ctl_refuse(request, CTL_USAGE, "a pool is watched for at most 24 hours at once");
	} else if (pool == CORE_NONE) {
		find_nothing(&view, "pool", name, &err);
		ctl_refuse(request, CTL_USAGE, "%s", err.text);
	} else if (json_is_true(json_object_get(args, "off"))) {
		stop_watch(daemon, request, pool);
	} else {
		start_watch(daemon, request, pool, args);
	}
}
