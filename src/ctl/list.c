/* SPDX-License-Identifier: Apache-2.0 */
/*
 * list.c - walking a list a part a turn.
 *
 * A turn ends after ROWS_MAX rows, or names, or SPAN_US, so that packets' tables, probes and peers
 * wait for none of it. Between two turns anything may change. Another config changes what the
 * indices mean: then the list begins anew, and its parts replace those that were sent.
 */
#include "src/ctl/list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX 64
#define SPAN_US  (1 * USEC_PER_MSEC)

struct list {
	const struct list_kind *kind;
	json_t *names;
	size_t name;           /* the next one */
	struct list_span span; /* what is left of the group, or of what the last name meant */
	bool has_begun;
	json_t *path; /* of the group */
	size_t at;    /* rows sent to that path */

	struct ctl_request *request;
	const struct commands_context *daemon;
	const struct config *config; /* as of the rows sent */
	uint64_t config_loaded_wall_us;
};

struct list *list_new(const struct list_kind *kind, const json_t *names)
{
	struct list *list = calloc(1, sizeof(*list));

	if (!list)
		return NULL;
	list->kind = kind;
	list->names = json_deep_copy(names);
	if (list->names || !names)
		return list;
	free(list);
	return NULL;
}

void list_free(struct list *list)
{
	if (!list)
		return;
	json_decref(list->names);
	json_decref(list->path);
	free(list);
}

/* ---- the walk ---- */

/* The next name, or group when there are none: 1, 0 at the end, or negative. */
static int next_span(struct list *list, const struct view *view, struct list_span *ret,
		     struct err *err)
{
	const struct list_kind *kind = list->kind;
	size_t n_names = json_array_size(list->names), group;
	const char *name;

	if (n_names) {
		if (list->name == n_names)
			return 0;
		name = json_string_value(json_array_get(list->names, list->name++));
		return kind->find(view, name, ret, err) ? 1 : -ENOENT;
	}
	group = list->has_begun ? list->span.group + 1 : 0;
	if (group >= kind->n_groups(view))
		return 0;
	*ret = (struct list_span){ group, 0, kind->n_rows(view, group) };
	return 1;
}

/* Groups of one path go on where the one before ended. */
static void enter(struct list *list, const struct view *view, const struct list_span *span)
{
	const struct list_kind *kind = list->kind;
	json_t *path = kind->path ? kind->path(view, span->group) : json_pack("[s]", kind->key);

	if (!list->path || !json_equal(path, list->path))
		list->at = 0;
	json_decref(list->path);
	list->path = path;
	list->span = *span;
	list->has_begun = true;
}

static json_t *make_part(struct list *list, const struct view *view, usec_t deadline)
{
	struct list_span *span = &list->span;
	json_t *items = json_array(), *part = json_pack("{s:O, s:I, s:O}", "path", list->path, "at",
							(json_int_t)list->at, "items", items);

	do {
		json_t *row = list->kind->row(view, span->group, span->from++);

		if (row)
			json_array_append_new(items, row);
	} while (span->from < span->to && json_array_size(items) < ROWS_MAX &&
		 usec_now() < deadline);
	list->at += json_array_size(items);
	json_decref(items);
	return part;
}

int list_next(struct list *list, const struct view *view, usec_t deadline, json_t **ret,
	      struct err *err)
{
	*ret = NULL;
	while (list->span.from >= list->span.to) {
		struct list_span span;
		int r = next_span(list, view, &span, err);

		if (r < 0)
			return r;
		if (r == 0) {
			*ret = list->kind->rest ? list->kind->rest(view)
						: json_pack("{s:[]}", list->kind->key);
			return 0;
		}
		enter(list, view, &span);
		if (usec_now() >= deadline)
			return 1;
	}
	*ret = make_part(list, view, deadline);
	return 1;
}

/* ---- as an answer ---- */

/* Indices mean other things in another config, and what had a name may have none. */
static void begin_anew(struct list *list)
{
	json_decref(list->path);
	list->path = NULL;
	list->span = (struct list_span){ 0 };
	list->has_begun = false;
	list->name = list->at = 0;
	list->config = core_config(list->daemon->core);
	list->config_loaded_wall_us = list->daemon->config_loaded_wall_us;
}

static bool is_of_this_config(const struct list *list)
{
	return list->config == core_config(list->daemon->core) &&
	       list->config_loaded_wall_us == list->daemon->config_loaded_wall_us;
}

static void finish(struct list *list, int r, json_t *rest, const struct err *err)
{
	if (r < 0)
		ctl_refuse(list->request, CTL_USAGE, "%s", err->text);
	else
		ctl_answer(list->request, rest);
	list_free(list);
}

static void on_turn(void *arg)
{
	struct list *list = arg;
	struct view view = view_now(list->daemon);
	usec_t deadline = usec_add(view.now, SPAN_US);
	struct err err = { "" };
	json_t *part;

	if (!is_of_this_config(list))
		begin_anew(list);
	do {
		int r = list_next(list, &view, deadline, &part, &err);

		if (r <= 0) {
			finish(list, r, part, &err);
			return;
		}
		if (part)
			ctl_part(list->request, part);
	} while (usec_now() < deadline);
}

static void on_gone(void *arg)
{
	struct list *list = arg;

	ctl_refuse(list->request, CTL_FAILED, "nobody waits");
	list_free(list);
}

void list_answer(struct ctl_request *request, const struct commands_context *daemon,
		 const struct list_kind *kind, const json_t *names)
{
	struct list *list = list_new(kind, names);

	if (!list) {
		ctl_refuse(request, CTL_FAILED, "out of memory");
		return;
	}
	list->request = request;
	list->daemon = daemon;
	begin_anew(list);
	ctl_request_watch(request, on_gone, list);
	ctl_request_turns(request, on_turn, list);
}
