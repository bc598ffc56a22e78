/* SPDX-License-Identifier: Apache-2.0 */
/* render_why.c - the chain of causes as a tree, then what would change it. */
#include <stdio.h>
#include <string.h>

#include "src/cli/printable.h"
#include "src/cli/render.h"

#define DEPTH_MAX    8 /* deeper links of a strange answer are left out */
#define OUTPUT_LINES 5
#define INDENT_MAX   (DEPTH_MAX * 8)

static enum style style_of_link(const json_t *link)
{
	const char *verdict = get_text(link, "verdict");

	if (strcmp(verdict, "ok") == 0)
		return STYLE_GOOD;
	return strcmp(verdict, "bad") == 0 ? STYLE_BAD : STYLE_WARN;
}

/*
 * The text of a link after its head, broken between words where the screen ends. column: where the
 * head ended; indent: what each further line starts with.
 */
static void put_wrapped(const struct screen *screen, const char *text, size_t column,
			const char *indent)
{
	size_t margin = printable_width(indent);
	bool is_spaced = false;

	while (*text) {
		size_t width = strcspn(text, " ");

		if (screen->width > 0 && column + width > screen->width && column > margin) {
			screen_newline(screen);
			screen_put(screen, STYLE_DIM, indent);
			column = margin;
		} else if (is_spaced) {
			screen_put(screen, STYLE_PLAIN, " ");
		}
		screen_printf(screen, STYLE_PLAIN, "%.*s", (int)width, text);
		column += width + 1;
		text += width + strspn(text + width, " ");
		is_spaced = true;
	}
	screen_newline(screen);
}

/* "pool web  no quorum since 08:13:58 (3m12s)"; returns how many columns it took. */
static size_t put_head(const struct screen *screen, const json_t *link)
{
	char kind[128], place[128], since[2 * UNITS_TEXT_MAX + 16] = "";
	const char *name = get_text(link, "name"), *state = get_text(link, "state");

	snprintf(kind, sizeof(kind), "%s%s", get_text(link, "kind"), *name ? " " : "");
	snprintf(place, sizeof(place), " %s",
		 get_text(link, get_has(link, "prefix") ? "prefix" : "address"));
	if (get_has(link, "since_us"))
		snprintf(since, sizeof(since), " since %s (%s)", GET_SINCE(link), GET_AGE(link));
	screen_put(screen, STYLE_DIM, kind);
	screen_put(screen, STYLE_BOLD, name);
	if (place[1])
		screen_put(screen, STYLE_PLAIN, place);
	screen_put(screen, STYLE_PLAIN, "  ");
	screen_put(screen, style_of_link(link), state);
	screen_put(screen, STYLE_DIM, since);
	return strlen(kind) + printable_width(name) + (place[1] ? strlen(place) : 0) + 2 +
	       strlen(state) + strlen(since);
}

static void put_link(const struct screen *screen, const json_t *link, const char *separator,
		     size_t column, const char *indent)
{
	char text_indent[INDENT_MAX + 8];

	snprintf(text_indent, sizeof(text_indent), "%s  ", indent);
	column += put_head(screen, link) + strlen(separator);
	screen_put(screen, STYLE_PLAIN, separator);
	put_wrapped(screen, get_text(link, "text"), column, text_indent);
}

/* What the program of a check wrote, its last lines. */
static void put_output(const struct screen *screen, const json_t *link, const char *indent)
{
	char deeper[INDENT_MAX + 8];

	snprintf(deeper, sizeof(deeper), "%s  | ", indent);
	render_output(screen, link, deeper, OUTPUT_LINES);
}

static void put_causes(const struct screen *screen, const json_t *link, const char *indent,
		       unsigned depth)
{
	const json_t *causes = json_object_get(link, "causes"), *cause;
	uint64_t left_out = get_count(link, "left_out"), unnamed = get_count(link, "unnamed");
	size_t i, n = json_array_size(causes);

	if (depth == DEPTH_MAX)
		return;
	json_array_foreach (causes, i, cause) {
		bool is_last = i == n - 1 && left_out + unnamed == 0;
		char deeper[INDENT_MAX];

		snprintf(deeper, sizeof(deeper), "%s%s ", indent,
			 is_last ? "  " : screen_glyph(screen, GLYPH_BAR));
		screen_printf(screen, STYLE_DIM, "%s%s ", indent,
			      screen_glyph(screen, is_last ? GLYPH_ELBOW : GLYPH_TEE));
		put_link(screen, cause, "  ", printable_width(deeper), deeper);
		put_output(screen, cause, deeper);
		put_causes(screen, cause, deeper, depth + 1);
	}
	if (unnamed > 0)
		screen_line(screen, STYLE_WARN, "%s%s and %u more that are not", indent,
			    screen_glyph(screen, left_out ? GLYPH_TEE : GLYPH_ELBOW),
			    (unsigned)unnamed);
	if (left_out > 0)
		screen_line(screen, STYLE_DIM, "%s%s and %u more that are well", indent,
			    screen_glyph(screen, GLYPH_ELBOW), (unsigned)left_out);
}

void render_why(const struct screen *screen, const json_t *result)
{
	const json_t *next = json_object_get(result, "next"), *step;
	size_t i;

	put_link(screen, json_object_get(result, "why"), ": ", 0, "");
	put_causes(screen, json_object_get(result, "why"), "", 0);
	json_array_foreach (next, i, step) {
		const char *command = get_text(step, "command");

		screen_printf(screen, STYLE_DIM, "%-6s", i == 0 ? "next" : "");
		screen_printf(screen, STYLE_PLAIN, "%s", get_text(step, "text"));
		if (*command)
			screen_printf(screen, STYLE_DIM, "   %s %s",
				      screen_glyph(screen, GLYPH_ARROW), command);
		screen_newline(screen);
	}
}
