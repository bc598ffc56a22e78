/* SPDX-License-Identifier: Apache-2.0 */
/* render.c - what the renderers share. */
#include "src/cli/render.h"

#include <string.h>

#define SECONDS_MAX 1e12 /* more than any answer means; as microseconds it still fits */

const char *get_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

bool get_bool(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

uint64_t get_count(const json_t *object, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(object, key));

	return n > 0 ? (uint64_t)n : 0;
}

double get_real(const json_t *object, const char *key)
{
	double value = json_number_value(json_object_get(object, key));

	if (!(value > 0))
		return 0;
	return value < SECONDS_MAX ? value : SECONDS_MAX;
}

bool get_has(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return value && !json_is_null(value);
}

const char *get_age(const json_t *object, char buf[UNITS_TEXT_MAX])
{
	if (!get_has(object, "age_s"))
		return "-";
	return units_age(get_real(object, "age_s"), buf);
}

const char *get_since(const json_t *object, char buf[UNITS_TEXT_MAX])
{
	uint64_t since = get_count(object, "since_us");

	if (since == 0)
		return "-";
	return units_clock(since, since + (uint64_t)(get_real(object, "age_s") * USEC_PER_SEC),
			   buf);
}

enum style style_of_vip(const json_t *vip)
{
	const char *state = get_text(vip, "state");

	if (strcmp(state, "announced") == 0)
		return strcmp(get_text(vip, "reason"), "serving") == 0 ? STYLE_GOOD : STYLE_WARN;
	if (strcmp(state, "withdrawn") == 0 && !get_bool(vip, "is_drained"))
		return STYLE_BAD;
	return STYLE_WARN;
}

enum style style_of_real(const char *state)
{
	if (strcmp(state, "up") == 0)
		return STYLE_GOOD;
	return strcmp(state, "down") == 0 ? STYLE_BAD : STYLE_WARN;
}

void render_syns(const struct screen *screen, const json_t *counted)
{
	screen_printf(screen, STYLE_PLAIN, "%s new connections, %s SYN retransmissions",
		      UNITS_COUNT(get_count(counted, "connections")),
		      UNITS_COUNT(get_count(counted, "retransmissions")));
	if (get_has(counted, "retransmitted_percent"))
		screen_printf(screen, STYLE_PLAIN, " (%.1f%%)",
			      get_real(counted, "retransmitted_percent"));
}

void render_drain_owner(const struct screen *screen, const json_t *drain)
{
	const char *reason = get_text(drain, "reason");

	screen_printf(screen, STYLE_PLAIN, "by %s since %s (%s)", get_text(drain, "owner"),
		      GET_SINCE(drain), GET_AGE(drain));
	if (*reason)
		screen_printf(screen, STYLE_PLAIN, ": \"%s\"", reason);
	if (get_has(drain, "left_s"))
		screen_printf(screen, STYLE_PLAIN, ", ends in %s",
			      UNITS_AGE(get_real(drain, "left_s") + 0.5));
}
