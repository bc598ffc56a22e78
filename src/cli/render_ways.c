/* SPDX-License-Identifier: Apache-2.0 */
/* render_ways.c - zebra's life, and the ways it installed beside the kernel's, as text. */
#include "src/cli/render_ways.h"

#include <stdio.h>
#include <string.h>

#include "src/cli/table.h"

#define HOPS_SHOWN 2

static bool is_word(const json_t *object, const char *key, const char *word)
{
	return strcmp(get_text(object, key), word) == 0;
}

/* "connected 3m12s, last frame 2s ago" */
static void put_connected(const struct screen *screen, const json_t *zebra)
{
	bool is_synced = is_word(zebra, "state", "synced");

	screen_printf(screen, is_synced ? STYLE_GOOD : STYLE_WARN, "%s",
		      is_synced ? "connected" : "sending what it has");
	screen_printf(screen, STYLE_PLAIN, " %s, last frame ", GET_AGE(zebra));
	if (get_has(zebra, "last_frame_age_s"))
		screen_printf(screen, STYLE_PLAIN, "%s ago",
			      UNITS_AGE(get_real(zebra, "last_frame_age_s")));
	else
		screen_put(screen, STYLE_PLAIN, "none yet");
}

static void put_differences(const struct screen *screen, const json_t *zebra)
{
	const json_t *kernel = json_object_get(zebra, "kernel");
	uint64_t differ = get_count(kernel, "differ");

	if (differ)
		screen_printf(screen, STYLE_BAD, "   %s of %s ways differ from the kernel's, %s",
			      UNITS_COUNT(differ), UNITS_COUNT(get_count(kernel, "compared")),
			      GET_AGE(kernel));
	else if (get_count(kernel, "compared"))
		screen_printf(screen, STYLE_PLAIN, "   %s ways as in the kernel",
			      UNITS_COUNT(get_count(kernel, "compared")));
}

static void put_counts(const struct screen *screen, const json_t *zebra)
{
	uint64_t connections = get_count(zebra, "connections");

	if (connections > 1)
		screen_printf(screen, STYLE_PLAIN, "   reconnects %s",
			      UNITS_COUNT(connections - 1));
	if (get_count(zebra, "faults"))
		screen_printf(screen, STYLE_WARN, "   faults %s (%s)",
			      UNITS_COUNT(get_count(zebra, "faults")), get_text(zebra, "fault"));
	if (get_count(zebra, "refused"))
		screen_printf(screen, STYLE_WARN, "   refused %s",
			      UNITS_COUNT(get_count(zebra, "refused")));
	if (get_bool(zebra, "is_short"))
		screen_put(screen, STYLE_WARN, "   too many routes: not all are kept");
}

void render_zebra(const struct screen *screen, const json_t *zebra)
{
	if (get_bool(zebra, "is_connected")) {
		put_connected(screen, zebra);
		put_differences(screen, zebra);
	} else if (is_word(zebra, "state", "gone")) {
		screen_printf(screen, STYLE_BAD, "gone %s", GET_AGE(zebra));
		screen_printf(screen, STYLE_PLAIN, ": %s", get_text(zebra, "sentence"));
	} else {
		screen_printf(screen, is_word(zebra, "state", "closed") ? STYLE_WARN : STYLE_DIM,
			      "%s", get_text(zebra, "sentence"));
	}
	put_counts(screen, zebra);
	screen_newline(screen);
}

/* ---- ways ---- */

static size_t print_hop(char *text, size_t size, const json_t *hop, bool is_first)
{
	const char *via = get_text(hop, "via"), *dev = get_text(hop, "dev");
	int n = snprintf(text, size, "%s%s%s%s%s", is_first ? " " : ", ", *via ? "via " : "", via,
			 *via && *dev ? " " : "", dev);

	return n < 0 || (size_t)n >= size ? 0 : (size_t)n;
}

/* "10.1.0.0/16 static via 10.0.1.1 eth0" */
static void print_route(char *text, size_t size, const json_t *route)
{
	const json_t *hops = json_object_get(route, "next_hops"), *hop;
	const char *type = get_text(route, "type"), *prefix = get_text(route, "prefix");
	size_t i, used;

	if (!json_is_object(route)) {
		snprintf(text, size, "none");
		return;
	}
	used = (size_t)snprintf(text, size, "%.50s%s%.16s%s%.16s", prefix, *prefix ? " " : "",
				strcmp(type, "unicast") == 0 ? "" : type,
				strcmp(type, "unicast") == 0 ? "" : " ",
				get_text(route, "protocol"));
	json_array_foreach (hops, i, hop)
		if (i < HOPS_SHOWN)
			used += print_hop(text + used, size - used, hop, i == 0);
	if (json_array_size(hops) > HOPS_SHOWN)
		snprintf(text + used, size - used, " and %zu more",
			 json_array_size(hops) - HOPS_SHOWN);
	else if (!get_bool(route, "is_complete"))
		snprintf(text + used, size - used, " next hop not told");
}

static void put_way(struct table *table, const char *name, const json_t *way)
{
	bool differs = get_bool(way, "differs"), is_compared = get_bool(way, "is_compared");
	const json_t *zebra = json_object_get(way, "zebra");
	char text[256];

	table_cell(table, STYLE_BOLD, "%s", name);
	table_cell(table, STYLE_PLAIN, "%s", get_text(way, "address"));
	print_route(text, sizeof(text), zebra);
	table_cell(table, get_bool(zebra, "is_stale") ? STYLE_DIM : STYLE_PLAIN, "%s%s", text,
		   get_bool(zebra, "is_stale") ? " (from before)" : "");
	if (is_compared && !differs) {
		table_cell(table, STYLE_GOOD, "same");
		table_cell(table, STYLE_PLAIN, "-");
		return;
	}
	print_route(text, sizeof(text), json_object_get(way, "kernel"));
	table_cell(table, differs ? STYLE_BAD : STYLE_DIM, "%s", is_compared ? text : "?");
	table_cell(table, differs ? STYLE_BAD : STYLE_PLAIN, "%s", differs ? GET_AGE(way) : "-");
}

static void put_vip_ways(struct table *table, const json_t *routes)
{
	const json_t *route;
	size_t i;

	json_array_foreach (routes, i, route)
		if (get_has(route, "installed"))
			put_way(table, get_text(route, "vip"), json_object_get(route, "installed"));
}

static void put_real_ways(struct table *table, const json_t *ways)
{
	const json_t *way;
	char name[160];
	size_t i;

	json_array_foreach (ways, i, way) {
		snprintf(name, sizeof(name), "%.64s/%.64s", get_text(way, "pool"),
			 get_text(way, "real"));
		put_way(table, name, way);
	}
}

void render_ways(const struct screen *screen, const json_t *result)
{
	static const struct table_column columns[] = {
		{ .title = "TOWARDS", .at_least = 8 },    { .title = "ADDRESS" },
		{ .title = "ZEBRA", .at_least = 20 },     { .title = "KERNEL", .at_least = 8 },
		{ .title = "DIFFERS", .is_right = true },
	};
	const json_t *zebra = json_object_get(result, "zebra");
	struct table *table;

	if (!json_is_object(zebra) || is_word(zebra, "state", "off"))
		return;
	if (json_array_size(json_object_get(result, "routes")))
		screen_newline(screen);
	screen_printf(screen, STYLE_DIM, "zebra ");
	render_zebra(screen, zebra);
	if (is_word(zebra, "state", "waiting") || is_word(zebra, "state", "closed"))
		return;
	screen_newline(screen);
	table = table_new(columns, sizeof(columns) / sizeof(columns[0]));
	put_vip_ways(table, json_object_get(result, "routes"));
	put_real_ways(table, json_object_get(result, "ways"));
	table_print(table, screen);
	table_free(table);
}
