/* SPDX-License-Identifier: Apache-2.0 */
#include "src/cli/table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/auto.h"
#include "src/cli/printable.h"

#define GAP 2 /* spaces between columns */

struct cell {
	enum style style;
	char *text;
};

struct table {
	const struct table_column *columns;
	size_t n_columns, n_cells, size;
	struct cell *cells;
};

struct table *table_new(const struct table_column *columns, size_t n)
{
	struct table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->columns = columns;
	table->n_columns = n;
	return table;
}

void table_free(struct table *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < table->n_cells; i++)
		free(table->cells[i].text);
	free(table->cells);
	free(table);
}

static struct cell *add_cell(struct table *table)
{
	if (table->n_cells == table->size) {
		size_t size = table->size ? 2 * table->size : 64;
		struct cell *cells = reallocarray(table->cells, size, sizeof(*cells));

		if (!cells)
			return NULL;
		table->cells = cells;
		table->size = size;
	}
	return &table->cells[table->n_cells++];
}

void table_cell(struct table *table, enum style style, const char *fmt, ...)
{
	struct cell *cell = table ? add_cell(table) : NULL;
	va_list args;

	if (!cell)
		return;
	cell->style = style;
	va_start(args, fmt);
	if (vasprintf(&cell->text, fmt, args) < 0)
		cell->text = NULL;
	va_end(args);
}

/* The text of a cell as it will be printed; for free(). */
static char *cell_text(const struct cell *cell, const struct screen *screen)
{
	return printable_copy(cell->text ? cell->text : "", screen->has_utf8);
}

static void measure(const struct table *table, const struct screen *screen, size_t *widths)
{
	for (size_t c = 0; c < table->n_columns; c++)
		widths[c] = strlen(table->columns[c].title);
	for (size_t i = 0; i < table->n_cells; i++) {
		AUTO(freep) char *text = cell_text(&table->cells[i], screen);
		size_t width = text ? printable_width(text) : 0, c = i % table->n_columns;

		if (width > widths[c])
			widths[c] = width;
	}
}

/* The widest column that may still give way, or n_columns. */
static size_t find_widest(const struct table *table, const size_t *widths)
{
	size_t widest = table->n_columns;

	for (size_t c = 0; c < table->n_columns; c++)
		if (table->columns[c].at_least > 0 && widths[c] > table->columns[c].at_least &&
		    (widest == table->n_columns || widths[c] > widths[widest]))
			widest = c;
	return widest;
}

static void shrink(const struct table *table, unsigned screen_width, size_t *widths)
{
	size_t total = (table->n_columns - 1) * GAP, widest;

	for (size_t c = 0; c < table->n_columns; c++)
		total += widths[c];
	while (screen_width > 0 && total > screen_width &&
	       (widest = find_widest(table, widths)) < table->n_columns) {
		widths[widest]--;
		total--;
	}
}

/* A row on its way out: padding waits until text follows, so no line ends in spaces. */
struct row {
	const struct table *table;
	const struct screen *screen;
	size_t pending; /* spaces */
};

static void put_text(struct row *row, enum style style, const char *text, size_t width)
{
	size_t text_width = printable_width(text);

	if (*text == '\0')
		return;
	fprintf(row->screen->out, "%*s", (int)row->pending, "");
	row->pending = 0;
	if (text_width > width)
		screen_printf(row->screen, style, "%.*s%s", (int)printable_cut(text, width - 1),
			      text, screen_glyph(row->screen, GLYPH_ELLIPSIS));
	else
		screen_put(row->screen, style, text);
}

static void put_cell(struct row *row, size_t column, size_t width, enum style style,
		     const char *text)
{
	size_t text_width = printable_width(text), pad;
	bool is_right = row->table->columns[column].is_right;

	pad = text_width < width ? width - text_width : 0;
	row->pending += is_right ? pad : 0;
	put_text(row, style, text, width);
	row->pending += (is_right ? 0 : pad) + GAP;
	if (column == row->table->n_columns - 1) {
		screen_newline(row->screen);
		row->pending = 0;
	}
}

void table_print(const struct table *table, const struct screen *screen)
{
	struct row row = { .table = table, .screen = screen };
	AUTO(freep) size_t *widths = NULL;

	if (!table || table->n_cells == 0)
		return;
	widths = calloc(table->n_columns, sizeof(*widths));
	if (!widths)
		return;
	measure(table, screen, widths);
	shrink(table, screen->width, widths);
	for (size_t c = 0; c < table->n_columns; c++)
		put_cell(&row, c, widths[c], STYLE_DIM, table->columns[c].title);
	for (size_t i = 0; i < table->n_cells; i++) {
		AUTO(freep) char *text = cell_text(&table->cells[i], screen);
		size_t c = i % table->n_columns;

		put_cell(&row, c, widths[c], table->cells[i].style, text ? text : "");
	}
}
