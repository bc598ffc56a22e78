/* SPDX-License-Identifier: Apache-2.0 */
/*
 * findings.h - what is wrong or doubtful in a config file, and how that is printed.
 *
 * Findings are collected in any order and printed sorted by position, errors first:
 *
 *     shoal.yaml:31:5: error: unknown key 'quorom' in pool, did you mean 'quorum'?
 *        31 |     quorom: 2
 *           |     ^~~~~~
 *
 * Lines and columns count from 1, columns in characters. Text from the file is shown without
 * control bytes, and long lines as the part around the caret.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "src/config/arena.h"

#define FINDINGS_SHOWN_MAX 1000 /* of each kind; the rest is counted */

/* A stretch of the file, from 1; line 0: the file as a whole. */
struct place {
	size_t line, column;
	size_t width; /* in characters on that line; 0 counts as 1 */
};

struct finding {
	struct place place;
	bool is_error;
	size_t order; /* of finding it: keeps the sort stable */
	const char *sentence;
};

struct findings {
	struct arena *arena;
	const char *file; /* name for messages */
	const char *text; /* the whole file */
	size_t len;
	struct finding *list;
	size_t n, n_room;
	unsigned errors, warnings;
};

void findings_vadd(struct findings *findings, bool is_error, const struct place *place,
		   const char *fmt, va_list ap) __attribute__((format(printf, 4, 0)));
void findings_add(struct findings *findings, bool is_error, const struct place *place,
		  const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* All of them as text, appended to out. Sorts the list. */
void findings_print(struct findings *findings, struct text *out);

/* The place of a byte of the file, as libyaml counts lines and columns. */
struct place findings_place_of(const struct findings *findings, size_t offset);
