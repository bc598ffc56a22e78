/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table.h - rows of cells in aligned columns. On a narrow screen the columns that may shrink give
 * way, the widest first; their text is cut with an ellipsis. No line ends in spaces.
 */
#pragma once

#include <stddef.h>

#include "src/cli/screen.h"

struct table;

struct table_column {
	const char *title;
	bool is_right;   /* numbers */
	size_t at_least; /* may shrink down to this many columns; 0: never shrinks */
};

/* columns (n of them) outlive the table. NULL when memory is short. */
struct table *table_new(const struct table_column *columns, size_t n);
void table_free(struct table *table);

/* Cells fill rows from left to right. */
void table_cell(struct table *table, enum style style, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Titles (dim) and rows; prints nothing when there is no row. */
void table_print(const struct table *table, const struct screen *screen);
