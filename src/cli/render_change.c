/* SPDX-License-Identifier: Apache-2.0 */
/* render_change.c - what drain, undrain and reload answer. */
#include <stdio.h>
#include <string.h>

#include "src/cli/render.h"

/* The VIPs of an answer behind each other, as they are typed. */
static const char *vip_words(const json_t *result, char *buf, size_t size)
{
	const json_t *vips = json_object_get(result, "vips"), *vip;
	size_t i, used = 0;

	buf[0] = '\0';
	json_array_foreach (vips, i, vip) {
		const char *name = json_string_value(vip);

		if (used < size)
			used += (size_t)snprintf(buf + used, size - used, " %s", name ? name : "");
	}
	return buf;
}

/* "the node", or "www mail-v4". */
static const char *what(const json_t *result, char *buf, size_t size)
{
	if (get_bool(result, "is_node"))
		return "the node";
	vip_words(result, buf, size);
	return buf[0] ? buf + 1 : buf;
}

void render_drain(const struct screen *screen, const json_t *result)
{
	bool is_node = get_bool(result, "is_node");
	unsigned n_vips = (unsigned)get_count(result, "n_vips");
	char buf[512];

	if (get_bool(result, "is_waited")) {
		screen_printf(screen, STYLE_GOOD, "SAFE");
		screen_line(screen, STYLE_PLAIN,
			    "  %u VIP%s withdrawn after %s; the drain stays, also over a reboot, "
			    "until: shoal undrain%s",
			    n_vips, n_vips == 1 ? "" : "s", UNITS_AGE(get_real(result, "took_s")),
			    is_node ? "" : " VIP...");
		return;
	}
	screen_printf(screen, STYLE_PLAIN, "%s %s", what(result, buf, sizeof(buf)),
		      get_bool(result, "is_already") ? "was drained already" : "is being drained");
	screen_line(screen, STYLE_DIM, "   %s shoal drain --wait%s",
		    screen_glyph(screen, GLYPH_ARROW),
		    is_node ? "" : vip_words(result, buf, sizeof(buf)));
}

void render_undrain(const struct screen *screen, const json_t *result)
{
	const json_t *left = json_object_get(result, "still_drained"), *vip;
	char buf[512];
	size_t i;

	screen_line(screen, STYLE_PLAIN, "%s %s", what(result, buf, sizeof(buf)),
		    get_bool(result, "is_already") ? "was not drained" : "is no longer drained");
	if (get_bool(result, "node_is_drained"))
		screen_line(screen, STYLE_WARN, "the node itself is still drained: shoal undrain");
	if (!get_bool(result, "is_node") || json_array_size(left) == 0)
		return;
	screen_printf(screen, STYLE_WARN, "still drained of themselves:");
	json_array_foreach (left, i, vip)
		screen_printf(screen, STYLE_WARN, " %s", json_string_value(vip));
	screen_newline(screen);
}

/* "web/web1 is drained: ...", then what that costs. */
void render_real(const struct screen *screen, const json_t *result)
{
	const json_t *order = json_object_get(result, "order"), *warning;
	const char *action = get_text(result, "action");
	size_t i;

	screen_printf(screen, STYLE_BOLD, "%s/%s", get_text(result, "pool"),
		      get_text(result, "real"));
	if (strcmp(action, "reset") == 0)
		screen_printf(screen, STYLE_PLAIN, " is judged anew; it stays %s until then",
			      get_text(result, "state"));
	else if (*get_text(order, "order"))
		screen_printf(screen, STYLE_PLAIN, " is %s", get_text(order, "order"));
	else
		screen_put(screen, STYLE_PLAIN,
			   get_bool(result, "is_already") ? " was enabled already" : " is enabled");
	if (get_has(order, "left_s"))
		screen_printf(screen, STYLE_PLAIN, " for %s",
			      UNITS_AGE(get_real(order, "left_s") + 0.5));
	else if (*get_text(order, "order"))
		screen_put(screen, STYLE_PLAIN, " until it is enabled");
	screen_newline(screen);
	json_array_foreach (json_object_get(result, "warnings"), i, warning)
		screen_line(screen, STYLE_WARN, "! %s", json_string_value(warning));
}

/* "www is announced for 10m, whatever its checks say", then what that costs. */
void render_vip(const struct screen *screen, const json_t *result)
{
	const json_t *order = json_object_get(result, "order"), *warning;
	const char *word = get_text(order, "order");
	size_t i;

	screen_put(screen, STYLE_BOLD, get_text(result, "vip"));
	if (!*word)
		screen_printf(screen, STYLE_PLAIN, " %s left to its checks",
			      get_bool(result, "is_already") ? "was" : "is");
	else
		screen_put(screen, STYLE_PLAIN,
			   strcmp(word, "withdraw") == 0
				   ? " is withdrawn by hand"
				   : " is announced by hand, whatever its checks say");
	if (get_has(order, "left_s"))
		screen_printf(screen, STYLE_PLAIN, ", for %s",
			      UNITS_AGE(get_real(order, "left_s") + 0.5));
	else if (*word)
		screen_printf(screen, STYLE_PLAIN, ", until: shoal vip %s auto",
			      get_text(result, "vip"));
	screen_newline(screen);
	json_array_foreach (json_object_get(result, "warnings"), i, warning)
		screen_line(screen, STYLE_WARN, "! %s", json_string_value(warning));
}

/* "web is watched for 10m0s", or what its watch had counted at its end. */
void render_pool(const struct screen *screen, const json_t *result)
{
	const json_t *watch = json_object_get(result, "watch");
	bool is_watched = get_bool(result, "is_watched");
	const char *name = get_text(result, "pool");

	screen_put(screen, STYLE_BOLD, name);
	if (!is_watched && !get_has(result, "watch")) {
		screen_line(screen, STYLE_PLAIN, " was not watched");
		return;
	}
	if (is_watched)
		screen_printf(screen, STYLE_PLAIN, " is watched%s for %s",
			      get_bool(result, "is_already") ? ", as before," : "",
			      UNITS_AGE(get_real(watch, "left_s") + 0.5));
	else
		screen_put(screen, STYLE_PLAIN, " is no longer watched");
	if (!is_watched || get_bool(result, "is_already")) {
		screen_printf(screen, STYLE_PLAIN, "; in %s ", GET_AGE(watch));
		render_syns(screen, watch);
	}
	if (is_watched)
		screen_printf(screen, STYLE_DIM, "   %s shoal reals %s",
			      screen_glyph(screen, GLYPH_ARROW), name);
	screen_newline(screen);
}

/* Until when it has to be confirmed. */
static void put_trial(const struct screen *screen, const json_t *trial)
{
	if (strcmp(get_text(trial, "state"), "pending") != 0)
		return;
	screen_printf(screen, STYLE_WARN, "goes back to generation %s in %s unless confirmed",
		      get_text(trial, "former"),
		      UNITS_AGE((double)(long)(get_real(trial, "left_s") + 0.5)));
	screen_line(screen, STYLE_DIM, "   %s shoal confirm", screen_glyph(screen, GLYPH_ARROW));
}

void render_reload(const struct screen *screen, const json_t *result)
{
	screen_lines(screen, get_text(result, "report"));
	if (get_bool(result, "is_changed"))
		screen_line(screen, STYLE_GOOD, "%s: in force, generation %s (was %s)",
			    get_text(result, "file"), get_text(result, "generation"),
			    get_text(result, "previous"));
	else
		screen_line(screen, STYLE_PLAIN, "%s: %s, generation %s", get_text(result, "file"),
			    get_bool(result, "are_cas_changed")
				    ? "nothing changed but CA files, which are in force"
				    : "nothing changed",
			    get_text(result, "generation"));
	put_trial(screen, json_object_get(result, "trial"));
}

void render_confirm(const struct screen *screen, const json_t *result)
{
	screen_line(screen, STYLE_GOOD, "generation %s stays", get_text(result, "generation"));
}

void render_reload_refusal(const struct screen *screen, const json_t *result)
{
	screen_lines(screen, get_text(result, "report"));
}
