/* SPDX-License-Identifier: Apache-2.0 */
/* render_probe.c - how `shoal probe` tells the steps of a probe. */
#include "src/cli/render.h"

#include <inttypes.h>

static void render_one(const struct screen *screen, const json_t *probe)
{
	const json_t *step;
	size_t i;

	screen_line(screen, STYLE_BOLD, "check %s (%s, via %s)", get_text(probe, "check"),
		    get_text(probe, "type"), get_text(probe, "via"));
	json_array_foreach (json_object_get(probe, "steps"), i, step)
		screen_line(screen, STYLE_PLAIN, "  %9.3f ms  %s", get_real(step, "at_ms"),
			    get_text(step, "what"));
	if (get_count(probe, "steps_left_out") > 0)
		screen_line(screen, STYLE_DIM, "                %" PRIu64 " more",
			    get_count(probe, "steps_left_out"));
	screen_line(screen, get_bool(probe, "passed") ? STYLE_GOOD : STYLE_BAD,
		    "  %9.3f ms  %s: %s", get_real(probe, "took_ms"), get_text(probe, "reason"),
		    get_text(probe, "evidence"));
}

void render_probe(const struct screen *screen, const json_t *result)
{
	const json_t *probe;
	size_t i;

	screen_line(screen, STYLE_PLAIN, "%s/%s at %s; not counted", get_text(result, "pool"),
		    get_text(result, "real"), get_text(result, "address"));
	json_array_foreach (json_object_get(result, "probes"), i, probe)
		render_one(screen, probe);
}
