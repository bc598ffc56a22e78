/* SPDX-License-Identifier: Apache-2.0 */
/* render_why.c - the chain of causes as a tree, then what would change it. */
#include <stdio.h>
#include <string.h>

#include "src/cli/render.h"

#define DEPTH_MAX  8 /* deeper links of a strange answer are left out */
#define INDENT_MAX (DEPTH_MAX * 8)

static enum style style_of_link(const json_t *link)
{
	const char *verdict = get_text(link, "verdict");

	if (strcmp(verdict, "ok") == 0)
		return STYLE_GOOD;
	return strcmp(verdict, "bad") == 0 ? STYLE_BAD : STYLE_WARN;
}

/* "pool web  no quorum  since 08:13:58 (3m12s)  1 of 4 usable ..." */
static void put_link(const struct screen *screen, const json_t *link, bool is_root)
{
	const char *name = get_text(link, "name");

	screen_printf(screen, STYLE_DIM, "%s%s", get_text(link, "kind"), *name ? " " : "");
	screen_put(screen, STYLE_BOLD, name);
	if (get_has(link, "prefix"))
		screen_printf(screen, STYLE_PLAIN, " %s", get_text(link, "prefix"));
	if (get_has(link, "address"))
		screen_printf(screen, STYLE_PLAIN, " %s", get_text(link, "address"));
	screen_put(screen, STYLE_PLAIN, "  ");
	screen_put(screen, style_of_link(link), get_text(link, "state"));
	if (get_has(link, "since_us"))
		screen_printf(screen, STYLE_DIM, " since %s (%s)", GET_SINCE(link), GET_AGE(link));
	screen_line(screen, STYLE_PLAIN, "%s%s", is_root ? ": " : "  ", get_text(link, "text"));
}

static void put_causes(const struct screen *screen, const json_t *link, const char *indent,
		       unsigned depth)
{
	const json_t *causes = json_object_get(link, "causes"), *cause;
	uint64_t left_out = get_count(link, "left_out");
	size_t i, n = json_array_size(causes);

	if (depth == DEPTH_MAX)
		return;
	json_array_foreach (causes, i, cause) {
		bool is_last = i == n - 1 && left_out == 0;
		char deeper[INDENT_MAX];

		screen_printf(screen, STYLE_DIM, "%s%s ", indent,
			      screen_glyph(screen, is_last ? GLYPH_ELBOW : GLYPH_TEE));
		put_link(screen, cause, false);
		snprintf(deeper, sizeof(deeper), "%s%s ", indent,
			 is_last ? "  " : screen_glyph(screen, GLYPH_BAR));
		put_causes(screen, cause, deeper, depth + 1);
	}
	if (left_out > 0)
		screen_line(screen, STYLE_DIM, "%s%s and %u more that are well", indent,
			    screen_glyph(screen, GLYPH_ELBOW), (unsigned)left_out);
}

void render_why(const struct screen *screen, const json_t *result)
{
	const json_t *next = json_object_get(result, "next"), *step;
	size_t i;

	put_link(screen, json_object_get(result, "why"), true);
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
