/* SPDX-License-Identifier: Apache-2.0 */
/*
 * list.h - lists that may have a row for each of 60,000 reals, made a few rows a turn of the loop.
 *
 * Rows come in groups, each an array of the result; groups of one path follow one another in it.
 * The kinds of lists are below, one a command.
 */
#pragma once

#include "src/ctl/view.h"

struct list;

/* Rows of a group: from..to-1. */
struct list_span {
	size_t group, from, to;
};

struct list_kind {
	size_t (*n_groups)(const struct view *view);
	size_t (*n_rows)(const struct view *view, size_t group);
	/* Where its rows stand, as parts.h has it. NULL: under `key`. */
	json_t *(*path)(const struct view *view, size_t group);
	const char *key;
	/* NULL: no row after all, as of something that went meanwhile. */
	json_t *(*row)(const struct view *view, size_t group, size_t i);
	/* What a name means; false with the sentence. */
	bool (*find)(const struct view *view, const char *name, struct list_span *ret,
		     struct err *err);
	/* The rest of the result, with empty lists in their places. NULL: only the list. */
	json_t *(*rest)(const struct view *view);
};

extern const struct list_kind list_balance;
extern const struct list_kind list_vips, list_pools, list_reals, list_peers, list_routes;
/* The same without what each check says, which the table does not show. */
extern const struct list_kind list_reals_brief;
extern const struct list_kind list_status, list_status_brief, list_diff;

/* names: an array of strings, empty or NULL for all; copied. NULL: no memory. */
struct list *list_new(const struct list_kind *kind, const json_t *names);
void list_free(struct list *list);

/*
 * list_next - the next part: rows of one group, as many as there are, or fit into 64 or until the
 * deadline.
 * Returns 1 with a part, or NULL when time was too short for one; 0 with what ends the result; or
 * negative with the sentence when a name names nothing. *ret is the caller's reference.
 */
int list_next(struct list *list, const struct view *view, usec_t deadline, json_t **ret,
	      struct err *err);

/* Answer a request with the whole list, turn by turn. */
void list_answer(struct ctl_request *request, const struct commands_context *daemon,
		 const struct list_kind *kind, const json_t *names);
