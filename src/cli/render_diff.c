/* SPDX-License-Identifier: Apache-2.0 */
/* render_diff.c - what a reload would change, a line a thing: + comes, - goes, ~ changes. */
#include <string.h>

#include "src/cli/render.h"

static void put_mark(const struct screen *screen, const char *change)
{
	bool comes = strcmp(change, "added") == 0 || strcmp(change, "announced") == 0 ||
		     strcmp(change, "+") == 0;
	bool differs = strcmp(change, "changed") == 0;

	screen_put(screen,
		   comes     ? STYLE_GOOD
		   : differs ? STYLE_WARN
			     : STYLE_BAD,
		   comes     ? "+ "
		   : differs ? "~ "
			     : "- ");
}

static void put_list(const struct screen *screen, const json_t *list)
{
	const json_t *word;
	size_t i;

	json_array_foreach (list, i, word)
		screen_printf(screen, STYLE_PLAIN, "%s%s", i ? ", " : "", json_string_value(word));
}

static void put_vip(const struct screen *screen, const json_t *vip)
{
	put_mark(screen, get_text(vip, "change"));
	screen_printf(screen, STYLE_PLAIN, "vip %s %s  %s", get_text(vip, "vip"),
		      get_text(vip, "prefix"), get_text(vip, "change"));
	if (json_array_size(json_object_get(vip, "what")) > 0)
		screen_put(screen, STYLE_PLAIN, ": ");
	put_list(screen, json_object_get(vip, "what"));
	screen_newline(screen);
}

static void put_service(const struct screen *screen, const json_t *service)
{
	const char *former = get_text(service, "former_pool");

	put_mark(screen, get_text(service, "change"));
	screen_printf(screen, STYLE_PLAIN, "service %s  pool %s", get_text(service, "service"),
		      get_text(service, "pool"));
	if (*former && strcmp(former, get_text(service, "pool")) != 0)
		screen_printf(screen, STYLE_PLAIN, " (was %s)", former);
	screen_newline(screen);
}

static void put_real(const struct screen *screen, const char *pool, const json_t *real)
{
	bool has_both = get_has(real, "weight") && get_has(real, "former_weight");

	put_mark(screen, get_text(real, "change"));
	screen_printf(screen, STYLE_PLAIN, "real %s/%s %s  %s", pool, get_text(real, "real"),
		      get_text(real, "address"), get_text(real, "change"));
	if (has_both && get_count(real, "weight") != get_count(real, "former_weight"))
		screen_printf(screen, STYLE_PLAIN, ", weight %llu (was %llu)",
			      (unsigned long long)get_count(real, "weight"),
			      (unsigned long long)get_count(real, "former_weight"));
	screen_line(screen, STYLE_PLAIN, ", %llu slots (has %llu)",
		    (unsigned long long)get_count(real, "slots"),
		    (unsigned long long)get_count(real, "former_slots"));
}

static void put_pool(const struct screen *screen, const json_t *pool)
{
	const char *name = get_text(pool, "pool"), *former = get_text(pool, "former");
	const json_t *real;
	size_t i;

	put_mark(screen, get_text(pool, "change"));
	screen_printf(screen, STYLE_PLAIN, "pool %s", name);
	if (*former && strcmp(former, name) != 0)
		screen_printf(screen, STYLE_PLAIN, " (was %s)", former);
	if (strcmp(get_text(pool, "change"), "changed") == 0)
		screen_line(screen, STYLE_PLAIN, "  %llu of %llu slots move%s",
			    (unsigned long long)get_count(pool, "slots_moved"),
			    (unsigned long long)get_count(pool, "slots"),
			    get_bool(pool, "are_settings_changed") ? ", settings change" : "");
	else
		screen_line(screen, STYLE_PLAIN, "  %s", get_text(pool, "change"));
	json_array_foreach (json_object_get(pool, "reals"), i, real)
		put_real(screen, name, real);
}

static void put_refusals(const struct screen *screen, const json_t *result)
{
	const json_t *keys = json_object_get(result, "needs_restart");
	const char *outside = get_text(result, "left_outside");

	if (json_array_size(keys) > 0) {
		screen_put(screen, STYLE_BAD, "! a reload is refused, it needs a restart: ");
		put_list(screen, keys);
		screen_newline(screen);
	}
	if (*outside)
		screen_line(screen, STYLE_BAD,
			    "! a reload is refused: routing.vip-ranges no longer covers %s; remove "
			    "the VIP in one reload and narrow the ranges in the next",
			    outside);
}

void render_diff(const struct screen *screen, const json_t *result)
{
	const json_t *row;
	size_t i;

	if (!get_bool(result, "is_changed")) {
		screen_line(screen, STYLE_GOOD, "%s: nothing changes, generation %s",
			    get_text(result, "file"), get_text(result, "to"));
		return;
	}
	screen_printf(screen, STYLE_BOLD, "%s", get_text(result, "file"));
	screen_printf(screen, STYLE_PLAIN, ": generation %.8s to %.8s, changes in ",
		      get_text(result, "from"), get_text(result, "to"));
	put_list(screen, json_object_get(result, "sections"));
	screen_newline(screen);
	put_refusals(screen, result);
	json_array_foreach (json_object_get(result, "vips"), i, row)
		put_vip(screen, row);
	json_array_foreach (json_object_get(result, "services"), i, row)
		put_service(screen, row);
	json_array_foreach (json_object_get(result, "pools"), i, row)
		put_pool(screen, row);
	json_array_foreach (json_object_get(result, "frr"), i, row) {
		put_mark(screen, get_text(row, "change"));
		screen_line(screen, STYLE_PLAIN, "bgpd %s", get_text(row, "line"));
	}
}
