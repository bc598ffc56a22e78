/* SPDX-License-Identifier: Apache-2.0 */
/* render_probe.c - how `shoal probe` tells the steps of a probe. */
#include "src/cli/render.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

#define OUTPUT_BYTES_MAX 4096U /* bytes that are kept of one; shoal-exec decides */
#define OUTPUT_INDENT    "                          | "

static unsigned count_lines(const char *text)
{
	unsigned n = 0;

	for (; *text; n++) {
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	return n;
}

/* How much is not there: lines that are left out here, bytes that nobody kept. */
static void render_left_out(const struct screen *screen, const json_t *object, const char *indent,
			    unsigned lines)
{
	uint64_t written = get_count(object, "output_bytes");

	if (lines > 0)
		screen_line(screen, STYLE_DIM, "%s%u more line%s of output before, with --json",
			    indent, lines, lines == 1 ? "" : "s");
	else if (written > OUTPUT_BYTES_MAX)
		screen_line(screen, STYLE_DIM, "%sthe last %u of %" PRIu64 " bytes:", indent,
			    OUTPUT_BYTES_MAX, written);
}

void render_output(const struct screen *screen, const json_t *object, const char *indent,
		   unsigned max)
{
	const char *text = get_text(object, "output");
	unsigned n = count_lines(text), skip = n > max ? n - max : 0;

	if (n > 0)
		render_left_out(screen, object, indent, skip);
	for (unsigned i = 0; i < n; i++) {
		size_t len = strcspn(text, "\n");

		if (i >= skip)
			screen_line(screen, STYLE_PLAIN, "%s%.*s", indent, (int)len, text);
		text += len + (text[len] == '\n');
	}
}

static void render_one(const struct screen *screen, const json_t *probe)
{
	const char *via = get_text(probe, "via");
	const json_t *step;
	size_t i;

	screen_line(screen, STYLE_BOLD, "check %s (%s%s%s)", get_text(probe, "check"),
		    get_text(probe, "type"), *via ? ", via " : "", via);
	json_array_foreach (json_object_get(probe, "steps"), i, step)
		screen_line(screen, get_bool(step, "failed") ? STYLE_BAD : STYLE_PLAIN,
			    "  %9.3f ms %+9.3f  %s", get_real(step, "at_ms"),
			    get_real(step, "took_ms"), get_text(step, "what"));
	if (get_count(probe, "steps_left_out") > 0)
		screen_line(screen, STYLE_DIM, "                          %" PRIu64 " more",
			    get_count(probe, "steps_left_out"));
	render_output(screen, probe, OUTPUT_INDENT, UINT_MAX);
	screen_line(screen, get_bool(probe, "passed") ? STYLE_GOOD : STYLE_BAD,
		    "  %9.3f ms            %s: %s", get_real(probe, "took_ms"),
		    get_text(probe, "reason"), get_text(probe, "evidence"));
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
