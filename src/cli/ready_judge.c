/* SPDX-License-Identifier: Apache-2.0 */
#include "src/cli/ready.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "src/base/suggest.h"
#include "src/cli/render.h"

struct verdict {
	json_t *reasons;
	json_int_t vips, serving, planned;
};

static void lacks(struct verdict *verdict, const char *thing, const char *command, const char *fmt,
		  ...) __attribute__((format(printf, 4, 5)));

static void lacks(struct verdict *verdict, const char *thing, const char *command, const char *fmt,
		  ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	json_array_append_new(verdict->reasons, json_pack("{s:s, s:s, s:s}", "thing", thing, "text",
							  text, "command", command));
}

/* ---- the node ---- */

static void judge_config(struct verdict *verdict, const json_t *status, const char *generation)
{
	const char *file = get_text(json_object_get(status, "config"), "file");
	const char *state = get_text(json_object_get(status, "config"), "file_state");
	const char *running = get_text(status, "generation");

	if (!generation && *state && strcmp(state, "same") != 0)
		lacks(verdict, "config", "shoal check", "runs generation %.8s, and %s is %s",
		      running, file, state);
	if (generation && strcmp(generation, running) != 0)
		lacks(verdict, "config", "shoal reload", "runs generation %.8s, and %s is %.8s",
		      running, file, generation);
}

static void judge_uplinks(struct verdict *verdict, const json_t *dataplane)
{
	const json_t *uplink;
	size_t i;

	json_array_foreach (json_object_get(dataplane, "uplinks"), i, uplink) {
		const char *name = get_text(uplink, "name");

		if (!get_bool(uplink, "is_attached"))
			lacks(verdict, name, "shoal why node", "XDP is not attached to %s", name);
		else if (!get_bool(uplink, "has_carrier"))
			lacks(verdict, name, "shoal why node", "%s has no carrier", name);
	}
}

static void judge_router(struct verdict *verdict, const json_t *router)
{
	unsigned up = (unsigned)get_count(router, "established");
	unsigned need = (unsigned)get_count(router, "require_peers");

	if (!get_bool(router, "is_ready"))
		lacks(verdict, "bgpd", "systemctl status frr", "bgpd %s: %s",
		      get_text(router, "life"), get_text(router, "sentence"));
	else if (up < need)
		lacks(verdict, "peers", "shoal peers", "%u of %u peers up, needs %u", up,
		      (unsigned)get_count(router, "peers"), need);
}

static void judge_prober(struct verdict *verdict, const json_t *prober)
{
	const json_t *exec = json_object_get(prober, "exec");

	if (!get_bool(prober, "is_connected"))
		lacks(verdict, "shoal-probe", "systemctl status shoal-probe",
		      "shoal-probe is not connected");
	if (json_is_object(exec) && !get_bool(exec, "is_connected"))
		lacks(verdict, "shoal-exec", "systemctl status shoal-exec",
		      "shoal-exec is not connected");
}

static void judge_node(struct verdict *verdict, const json_t *status)
{
	if (get_bool(status, "is_drained"))
		lacks(verdict, "node", "shoal undrain", "the node is drained by %s",
		      get_text(json_object_get(status, "drain"), "owner"));
	if (get_bool(status, "is_fenced"))
		lacks(verdict, "guard", "journalctl -u shoal-guard",
		      "shoal-guard acted; nothing is announced until a complete pass");
	if (!get_bool(status, "is_settled"))
		lacks(verdict, "node", "shoal status", "not all is carried out yet as it shall be");
	judge_uplinks(verdict, json_object_get(status, "dataplane"));
	judge_router(verdict, json_object_get(status, "router"));
	judge_prober(verdict, json_object_get(status, "prober"));
}

/* ---- VIPs ---- */

static bool is_serving(const json_t *vip)
{
	const char *reason = get_text(vip, "reason");

	return strcmp(reason, "serving") == 0 || strcmp(reason, "operator-announce") == 0;
}

/* Somebody wants it so, of this VIP alone. */
static bool is_planned(const json_t *vip)
{
	const char *order = get_text(json_object_get(vip, "order"), "order");

	return get_bool(vip, "is_drained") || strcmp(order, "withdraw") == 0;
}

static void judge_vip(struct verdict *verdict, const json_t *vip)
{
	const char *name = get_text(vip, "name");
	char command[160], left[48] = "";

	verdict->vips++;
	if (is_serving(vip)) {
		verdict->serving++;
		return;
	}
	snprintf(command, sizeof(command), "shoal why %s", name);
	if (get_has(vip, "held_for_s"))
		snprintf(left, sizeof(left), ", %s left", UNITS_AGE(get_real(vip, "held_for_s")));
	lacks(verdict, name, command, "vip %s %s: %s%s", name, get_text(vip, "state"),
	      get_text(vip, "sentence"), left);
}

static void judge_all(struct verdict *verdict, const json_t *vips)
{
	const json_t *vip;
	size_t i;

	json_array_foreach (vips, i, vip) {
		if (is_planned(vip))
			verdict->planned++;
		else
			judge_vip(verdict, vip);
	}
}

static const json_t *find_vip(const json_t *vips, const char *name)
{
	size_t len = strlen(name), i;
	const json_t *vip;

	json_array_foreach (vips, i, vip) {
		const char *prefix = get_text(vip, "prefix");

		/* "203.0.113.10" is 203.0.113.10/32 to people. */
		if (strcmp(get_text(vip, "name"), name) == 0 || strcmp(prefix, name) == 0 ||
		    (strncmp(prefix, name, len) == 0 &&
		     (strcmp(prefix + len, "/32") == 0 || strcmp(prefix + len, "/128") == 0)))
			return vip;
	}
	return NULL;
}

static const char *name_of(size_t i, const void *arg)
{
	return i < json_array_size(arg) ? get_text(json_array_get(arg, i), "name") : NULL;
}

static int judge_named(struct verdict *verdict, const json_t *vips, const json_t *names,
		       struct err *err)
{
	const json_t *name;
	size_t i;

	json_array_foreach (names, i, name) {
		const char *text = json_string_value(name);
		const json_t *vip = find_vip(vips, text);
		const char *meant;

		if (vip) {
			judge_vip(verdict, vip);
			continue;
		}
		meant = suggest_find(text, name_of, vips);
		return err_set(err, -ENOENT, "no VIP '%.64s'%s%s%s", text,
			       meant ? ", did you mean '" : "", meant ? meant : "",
			       meant ? "'?" : "");
	}
	return 0;
}

json_t *ready_judge(const json_t *status, const char *generation, const json_t *names,
		    struct err *err)
{
	const json_t *vips = json_object_get(status, "vips");
	struct verdict verdict = { .reasons = json_array() };

	judge_config(&verdict, status, generation);
	judge_node(&verdict, status);
	if (json_array_size(names) == 0) {
		judge_all(&verdict, vips);
	} else if (judge_named(&verdict, vips, names, err) < 0) {
		json_decref(verdict.reasons);
		return NULL;
	}
	return json_pack("{s:b, s:I, s:I, s:I, s:s, s:s?, s:o}", "is_ready",
			 json_array_size(verdict.reasons) == 0, "vips", verdict.vips, "serving",
			 verdict.serving, "planned", verdict.planned, "generation",
			 get_text(status, "generation"), "file_generation", generation, "reasons",
			 verdict.reasons);
}

/* "ready      3 of 3 VIPs serve, generation 9daf1f9d", or "not yet" and what is missing. */
void render_ready(const struct screen *screen, const json_t *result)
{
	bool is_ready = get_bool(result, "is_ready");
	unsigned planned = (unsigned)get_count(result, "planned");
	const json_t *reason;
	size_t i;

	screen_printf(screen, is_ready ? STYLE_GOOD : STYLE_WARN, "%-11s",
		      is_ready ? "ready" : "not yet");
	screen_printf(screen, STYLE_PLAIN, "%u of %u VIPs serve, generation %.8s",
		      (unsigned)get_count(result, "serving"), (unsigned)get_count(result, "vips"),
		      get_text(result, "generation"));
	if (!get_has(result, "file_generation"))
		screen_put(screen, STYLE_DIM, ", the file could not be compared");
	if (planned)
		screen_printf(screen, STYLE_PLAIN, "; %u taken out by operators", planned);
	screen_newline(screen);
	json_array_foreach (json_object_get(result, "reasons"), i, reason) {
		screen_printf(screen, STYLE_WARN, "! %s", get_text(reason, "text"));
		screen_line(screen, STYLE_DIM, "   %s %s", screen_glyph(screen, GLYPH_ARROW),
			    get_text(reason, "command"));
	}
}
