/* SPDX-License-Identifier: Apache-2.0 */
/* render_events.c - what was recorded, a line an event: when, how grave, what. */
#include <string.h>

#include "src/cli/render.h"

static enum style style_of_level(const char *level)
{
	if (strcmp(level, "err") == 0)
		return STYLE_BAD;
	if (strcmp(level, "warn") == 0)
		return STYLE_WARN;
	return strcmp(level, "info") == 0 ? STYLE_DIM : STYLE_PLAIN;
}

static void render_event(const struct screen *screen, const json_t *event, uint64_t now_us)
{
	char clock[UNITS_TEXT_MAX];

	screen_printf(screen, STYLE_DIM, "%s  ",
		      units_clock(get_count(event, "at_us"), now_us, clock));
	screen_line(screen, style_of_level(get_text(event, "level")), "%s",
		    get_text(event, "text"));
}

void render_events(const struct screen *screen, const json_t *result)
{
	const json_t *events = json_object_get(result, "events"), *event;
	uint64_t now_us = get_has(result, "now_us") ? get_count(result, "now_us") : usec_wall();
	size_t i;

	json_array_foreach (events, i, event)
		render_event(screen, event, now_us);
}
