/* SPDX-License-Identifier: Apache-2.0 */
/*
 * events.c - the command events: what was recorded, from some moment on or the newest so many, and
 * with "follow" what comes. Made a few rows a turn, as all long answers are.
 */
#include "src/ctl/events.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frr-integration/router.h"
#include "src/base/auto.h"
#include "src/ctl/event_text.h"
#include "src/ctl/handlers.h"
#include "src/ctl/pairs.h"

#define LIMIT_DEFAULT 100
#define SPAN_US       (USEC_PER_MSEC / 4) /* of work in one turn */
#define ROWS_MAX      64                  /* of one part */
#define NAME_MAX_LEN  192

/* ---- as JSON ---- */

json_t *view_event(const struct view *view, const struct record *record)
{
	const struct recorder *recorder = view->daemon->recorder;
	char text[EVENT_TEXT_MAX];
	json_t *sentence = json_string(event_text(record->event, record->pairs, text));

	if (!sentence)
		sentence = json_string("?");
	return json_pack(
		"{s:I, s:I, s:I, s:I, s:b, s:s, s:s, s:o, s:o}", "seq", (json_int_t)record->seq,
		"at_us", (json_int_t)recorder_wall_us(recorder, record, view->now, view->wall_us),
		"clock_us", (json_int_t)record->wall_us, "boot_us", (json_int_t)record->boot_us,
		"is_this_boot", recorder_is_this_boot(recorder, record), "level",
		log_level_str(record->level), "event", record->event, "text", sentence, "fields",
		pairs_json(record->pairs));
}

json_t *view_events(const struct view *view, size_t max)
{
	struct recorder *recorder = view->daemon->recorder;
	uint64_t last = recorder ? recorder_last(recorder) : 0;
	uint64_t after = last > max ? last - max : 0;
	json_t *list = json_array();
	struct record record;

	while (last && recorder_next(recorder, after, &record)) {
		json_array_append_new(list, view_event(view, &record));
		after = record.seq;
	}
	return list;
}

/* ---- those who wait ---- */

struct events {
	struct recorder *recorder;
	struct event *turn;
	LIST_HEAD(, events_follower) followers;
};

static void on_fresh_turn(evutil_socket_t fd, short what, void *arg)
{
	struct events *events = arg;
	struct events_follower *follower, *next;

	(void)fd;
	(void)what;
	recorder_last(events->recorder); /* tell again of what comes from now on */
	for (follower = LIST_FIRST(&events->followers); follower; follower = next) {
		next = LIST_NEXT(follower, entry);
		follower->fresh(follower->arg);
	}
}

struct events *events_new(struct event_base *base, struct recorder *recorder)
{
	struct events *events = calloc(1, sizeof(*events));

	if (!events)
		return NULL;
	events->recorder = recorder;
	LIST_INIT(&events->followers);
	events->turn = event_new(base, -1, 0, on_fresh_turn, events);
	if (!events->turn) {
		free(events);
		return NULL;
	}
	return events;
}

void events_free(struct events *events)
{
	if (!events)
		return;
	event_free(events->turn);
	free(events);
}

void events_fresh(void *arg)
{
	struct events *events = arg;

	event_active(events->turn, EV_TIMEOUT, 0);
}

void events_follow(struct events *events, struct events_follower *follower)
{
	LIST_INSERT_HEAD(&events->followers, follower, entry);
}

void events_unfollow(struct events_follower *follower)
{
	LIST_REMOVE(follower, entry);
}

/* ---- which ones ---- */

/* What an event must name. Empty: anything. */
struct filter {
	char vip[NAME_MAX_LEN], prefix[NAME_MAX_LEN];
	char pool[NAME_MAX_LEN], real[NAME_MAX_LEN], address[NAME_MAX_LEN];
	char peer[NAME_MAX_LEN], key[NAME_MAX_LEN];
};

static bool names(const char *pairs, const char *key, const char *a, const char *b)
{
	char value[NAME_MAX_LEN];

	return pairs_find(pairs, key, value, sizeof(value)) &&
	       ((*a && strcmp(value, a) == 0) || (*b && strcmp(value, b) == 0));
}

static bool names_real(const struct filter *filter, const char *pairs)
{
	if (*filter->address && (names(pairs, "real", filter->address, "") ||
				 names(pairs, "address", filter->address, "")))
		return true;
	return names(pairs, "real", filter->real, "") &&
	       (!*filter->pool || names(pairs, "pool", filter->pool, ""));
}

static bool fits(const struct filter *filter, const char *pairs)
{
	if (*filter->vip && !names(pairs, "vip", filter->vip, filter->prefix) &&
	    !names(pairs, "prefix", filter->vip, filter->prefix) &&
	    !names(pairs, "what", filter->vip, filter->prefix) &&
	    !names(pairs, "thing", filter->vip, filter->prefix))
		return false;
	if (*filter->real && !names_real(filter, pairs))
		return false;
	if (!*filter->real && *filter->pool && !names(pairs, "pool", filter->pool, "") &&
	    !names(pairs, "thing", filter->pool, ""))
		return false;
	return !*filter->peer || names(pairs, "peer", filter->peer, filter->key) ||
	       names(pairs, "thing", filter->peer, filter->key);
}

/* Names of things that the config has no more are taken as they stand in the events. */
static void filter_vip(struct filter *filter, const struct core *core, const char *name)
{
	uint32_t vip = find_vip(core, name);
	const struct core_vip *of = vip == CORE_NONE ? NULL : core_vip(core, vip);

	snprintf(filter->vip, sizeof(filter->vip), "%s",
		 of && of->config ? of->config->name : name);
	if (of)
		snprintf(filter->prefix, sizeof(filter->prefix), "%s", PREFIX_STR(&of->prefix));
}

static void filter_real(struct filter *filter, const struct core *core, const char *name)
{
	const char *slash = strchr(name, '/');
	uint32_t pool, real;

	if (find_real(core, name, &pool, &real)) {
		const struct config_pool *config = core_pool(core, pool)->config;

		snprintf(filter->pool, sizeof(filter->pool), "%s", config->name);
		snprintf(filter->real, sizeof(filter->real), "%s", config->reals[real].name);
		snprintf(filter->address, sizeof(filter->address), "%s",
			 ADDR_STR(&config->reals[real].addr));
		return;
	}
	if (slash)
		snprintf(filter->pool, sizeof(filter->pool), "%.*s", (int)(slash - name), name);
	snprintf(filter->real, sizeof(filter->real), "%s", slash ? slash + 1 : name);
	if (!slash)
		snprintf(filter->address, sizeof(filter->address), "%s", name);
}

static void filter_peer(struct filter *filter, const struct router *router, const char *name)
{
	const struct router_peer *peer = router ? find_peer(router, name) : NULL;

	snprintf(filter->peer, sizeof(filter->peer), "%s", peer ? peer->name : name);
	snprintf(filter->key, sizeof(filter->key), "%s", peer ? peer->key : "");
}

/* ---- one who asked ---- */

struct reading {
	struct ctl_request *request;
	const struct commands_context *daemon;
	struct events_follower follower;
	struct filter filter;
	uint64_t since_us, until_us; /* 0: from the first, to the last */
	uint64_t limit;              /* still to be found, going back from `before`; 0: found */
	uint64_t before, after;
	size_t at; /* rows sent */
	bool is_following;
};

static void reading_free(struct reading *reading)
{
	if (reading->is_following)
		events_unfollow(&reading->follower);
	free(reading);
}

static void on_gone(void *arg)
{
	struct reading *reading = arg;

	ctl_refuse(reading->request, CTL_FAILED, "nobody waits");
	reading_free(reading);
}

static bool is_wanted(const struct reading *reading, const struct view *view,
		      const struct record *record)
{
	uint64_t at = recorder_wall_us(view->daemon->recorder, record, view->now, view->wall_us);

	return (!reading->since_us || at >= reading->since_us) &&
	       (!reading->until_us || at <= reading->until_us) &&
	       fits(&reading->filter, record->pairs);
}

/* Go back until so many are behind. False: time is up. */
static bool seek(struct reading *reading, const struct view *view, usec_t deadline)
{
	struct record record;

	while (reading->limit > 0) {
		if (!recorder_prev(view->daemon->recorder, reading->before, &record)) {
			reading->limit = 0;
			break;
		}
		reading->before = record.seq;
		if (is_wanted(reading, view, &record))
			reading->limit--;
		if (reading->limit > 0 && usec_now() >= deadline)
			return false;
	}
	reading->after = reading->before - 1;
	return true;
}

/* The next rows. False: there is nothing behind them. */
static bool collect(struct reading *reading, const struct view *view, usec_t deadline,
		    json_t *items)
{
	struct record record;

	while (json_array_size(items) < ROWS_MAX && usec_now() < deadline) {
		if (!recorder_next(view->daemon->recorder, reading->after, &record))
			return false;
		/* The ring went over what he had not read yet. */
		if (reading->at > 0 && record.seq != reading->after + 1)
			ctl_progress(reading->request, "%llu events were overwritten unread",
				     (unsigned long long)(record.seq - reading->after - 1));
		reading->after = record.seq;
		if (is_wanted(reading, view, &record))
			json_array_append_new(items, view_event(view, &record));
	}
	return true;
}

static void send_part(struct reading *reading, json_t *items)
{
	size_t n = json_array_size(items);

	if (n == 0) {
		json_decref(items);
		return;
	}
	ctl_part(reading->request, json_pack("{s:[s], s:I, s:o}", "path", "events", "at",
					     (json_int_t)reading->at, "items", items));
	reading->at += n;
}

static void on_turn(void *arg);

static void on_fresh(void *arg)
{
	struct reading *reading = arg;

	ctl_request_turns(reading->request, on_turn, reading);
}

static void on_turn(void *arg)
{
	struct reading *reading = arg;
	struct view view = view_now(reading->daemon);
	usec_t deadline = usec_add(view.now, SPAN_US);
	json_t *items;
	bool is_more;

	if (reading->limit > 0 && !seek(reading, &view, deadline))
		return;
	items = json_array();
	is_more = collect(reading, &view, deadline, items);
	send_part(reading, items);
	if (is_more)
		return;
	if (reading->is_following) {
		ctl_request_turns(reading->request, NULL, NULL); /* until on_fresh() */
		return;
	}
	ctl_answer(reading->request, json_pack("{s:[]}", "events"));
	reading_free(reading);
}

/* ---- the command ---- */

static int take_number(const json_t *args, const char *key, uint64_t *ret, struct err *err)
{
	const json_t *value = json_object_get(args, key);

	if (!value)
		return 0;
	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return err_set(err, -EINVAL, "\"%s\" must be a number, not negative", key);
	*ret = (uint64_t)json_integer_value(value);
	return 0;
}

static int take_name(const json_t *args, const char *key, const char **ret, struct err *err)
{
	const json_t *value = json_object_get(args, key);

	if (!value)
		return 0;
	if (!json_is_string(value) || json_string_length(value) == 0 ||
	    json_string_length(value) >= NAME_MAX_LEN)
		return err_set(err, -EINVAL, "\"%s\" must be a name", key);
	*ret = json_string_value(value);
	return 0;
}

static int take_filter(const json_t *args, const struct commands_context *daemon,
		       struct filter *filter, struct err *err)
{
	const char *vip = NULL, *pool = NULL, *real = NULL, *peer = NULL;
	int r = take_name(args, "vip", &vip, err);

	if (r == 0)
		r = take_name(args, "pool", &pool, err);
	if (r == 0)
		r = take_name(args, "real", &real, err);
	if (r == 0)
		r = take_name(args, "peer", &peer, err);
	if (r == 0 && pool && real)
		r = err_set(err, -EINVAL, "name a pool or a real, as POOL/REAL, not both");
	if (r < 0)
		return r;
	if (vip)
		filter_vip(filter, daemon->core, vip);
	if (pool)
		snprintf(filter->pool, sizeof(filter->pool), "%s", pool);
	if (real)
		filter_real(filter, daemon->core, real);
	if (peer)
		filter_peer(filter, daemon->router, peer);
	return 0;
}

static int take_args(const json_t *args, struct reading *reading, struct err *err)
{
	uint64_t after = UINT64_MAX;
	int r = take_number(args, "since_us", &reading->since_us, err);

	if (r == 0)
		r = take_number(args, "until_us", &reading->until_us, err);
	if (r == 0)
		r = take_number(args, "limit", &reading->limit, err);
	if (r == 0)
		r = take_number(args, "after", &after, err);
	if (r < 0)
		return r;
	if (after != UINT64_MAX)
		reading->after = after;
	else if (!reading->since_us && !reading->limit)
		reading->limit = LIMIT_DEFAULT;
	return take_filter(args, reading->daemon, &reading->filter, err);
}

static void start_reading(struct reading *reading, bool is_following)
{
	struct commands_context *daemon = (struct commands_context *)(uintptr_t)reading->daemon;

	reading->before = recorder_last(daemon->recorder) + 1;
	reading->follower = (struct events_follower){ .fresh = on_fresh, .arg = reading };
	reading->is_following = is_following;
	if (is_following)
		events_follow(daemon->events, &reading->follower);
	ctl_request_watch(reading->request, on_gone, reading);
	ctl_request_turns(reading->request, on_turn, reading);
}

void handle_events(struct ctl_request *request, const json_t *args, void *context)
{
	const struct commands_context *daemon = context;
	struct reading *reading;
	struct err err;

	if (!daemon->recorder) {
		ctl_refuse(request, CTL_FAILED, "there is no flight recorder");
		return;
	}
	reading = calloc(1, sizeof(*reading));
	if (!reading) {
		ctl_refuse(request, CTL_FAILED, "out of memory");
		return;
	}
	reading->request = request;
	reading->daemon = daemon;
	if (take_args(args, reading, &err) < 0) {
		ctl_refuse(request, CTL_USAGE, "%s", err.text);
		free(reading);
		return;
	}
	start_reading(reading, json_is_true(json_object_get(args, "follow")));
}
