/* SPDX-License-Identifier: Apache-2.0 */
/* render_flow.c - one flow's way, and the flow table. */
#include <stdio.h>
#include <string.h>

#include "src/cli/render.h"
#include "src/cli/table.h"

#define N_COLUMNS(columns) (sizeof(columns) / sizeof((columns)[0]))
#define REAL_TEXT_MAX      192

/* "web/web1 10.1.0.11", or the address alone when the config has it no more. */
static const char *real_text(const json_t *real, char buf[REAL_TEXT_MAX])
{
	if (get_has(real, "real"))
		snprintf(buf, REAL_TEXT_MAX, "%s/%s %s", get_text(real, "pool"),
			 get_text(real, "real"), get_text(real, "address"));
	else
		snprintf(buf, REAL_TEXT_MAX, "%s", get_text(real, "address"));
	return buf;
}
#define REAL_TEXT(real) real_text((real), (char[REAL_TEXT_MAX]){ 0 })

static void put_label(const struct screen *screen, const char *label)
{
	screen_printf(screen, STYLE_DIM, "%-11s", label);
}

static enum style style_of_outcome(const json_t *flow)
{
	const char *outcome = get_text(flow, "outcome");

	return strcmp(outcome, "forwarded") == 0 || strcmp(outcome, "local-real") == 0 ? STYLE_GOOD
										       : STYLE_BAD;
}

/* What "why" means, said of the real before it. */
static const char *why_sentence(const char *why)
{
	static const char *const rows[][2] = {
		{ "slot", "the slot's real" },
		{ "moving", "not remembered: the real the slot had before" },
		{ "flow-table", "remembered" },
		{ "source-route", "a source route of the client" },
	};

	for (size_t i = 0; i < N_COLUMNS(rows); i++)
		if (strcmp(why, rows[i][0]) == 0)
			return rows[i][1];
	return why;
}

static void put_entry(const struct screen *screen, const json_t *entry)
{
	put_label(screen, "table");
	if (!json_is_object(entry)) {
		screen_line(screen, STYLE_PLAIN, "not remembered");
		return;
	}
	screen_line(screen, STYLE_PLAIN, "%s, %s, used %s ago%s%s", REAL_TEXT(entry),
		    get_bool(entry, "is_protected") ? "protected" : "on probation",
		    UNITS_AGE(get_real(entry, "age_s")),
		    get_bool(entry, "is_stale") ? ", stale" : "",
		    get_bool(entry, "is_programmed") ? "" : ", its real is gone");
}

static void put_slot(const struct screen *screen, const json_t *flow)
{
	const json_t *cur = json_object_get(flow, "cur"), *alt = json_object_get(flow, "alt");

	put_label(screen, "slot");
	screen_printf(screen, STYLE_PLAIN, "%u, %s", (unsigned)get_count(flow, "slot"),
		      get_text(flow, "state"));
	if (json_is_object(cur))
		screen_printf(screen, STYLE_PLAIN, ": %s", REAL_TEXT(cur));
	if (json_is_object(alt))
		screen_printf(screen, STYLE_PLAIN, ", before %s", REAL_TEXT(alt));
	screen_newline(screen);
	if (get_bool(flow, "asks_table") || json_is_object(json_object_get(flow, "entry")))
		put_entry(screen, json_object_get(flow, "entry"));
}

static void put_next_hops(const struct screen *screen, const json_t *flow)
{
	const json_t *hops = json_object_get(flow, "next_hops"), *hop;
	size_t i;

	json_array_foreach (hops, i, hop) {
		put_label(screen, i == 0 ? "next hop" : "");
		if (get_bool(hop, "is_usable"))
			screen_line(screen, STYLE_PLAIN, "%s on %s", get_text(hop, "mac"),
				    get_text(hop, "uplink"));
		else
			screen_line(screen, STYLE_BAD, "none on %s: %s", get_text(hop, "uplink"),
				    get_text(hop, "why"));
	}
}

static void put_service(const struct screen *screen, const json_t *flow)
{
	put_label(screen, "VIP");
	screen_line(screen, STYLE_PLAIN, "%s",
		    get_has(flow, "vip") ? get_text(flow, "vip") : "none");
	if (!get_has(flow, "service"))
		return;
	put_label(screen, "service");
	screen_line(screen, STYLE_PLAIN, "%s, pool %s", get_text(flow, "service"),
		    get_text(flow, "pool"));
}

static void put_real(const struct screen *screen, const json_t *flow)
{
	const json_t *real = json_object_get(flow, "real");

	put_label(screen, "goes to");
	if (json_is_object(real)) {
		screen_printf(screen, STYLE_BOLD, "%s", REAL_TEXT(real));
		screen_printf(screen, STYLE_PLAIN, ", %s: ", why_sentence(get_text(flow, "why")));
	} else {
		bool is_passed = strcmp(get_text(flow, "verdict"), "passed") == 0;

		screen_printf(screen, STYLE_PLAIN, "%s: ", is_passed ? "this host" : "nobody");
	}
	screen_line(screen, style_of_outcome(flow), "%s%s%s", get_text(flow, "verdict"),
		    *get_text(flow, "verdict") ? ", " : "", get_text(flow, "outcome"));
}

static void put_with(const struct screen *screen, const json_t *with)
{
	screen_newline(screen);
	screen_line(screen, STYLE_BOLD, "with %s", get_text(with, "file"));
	put_service(screen, with);
	if (get_has(with, "slot")) {
		put_label(screen, "slot");
		screen_line(screen, STYLE_PLAIN, "%u", (unsigned)get_count(with, "slot"));
	}
	put_real(screen, with);
	if (!get_has(with, "is_kept"))
		return;
	put_label(screen, "this flow");
	screen_line(screen, get_bool(with, "is_kept") ? STYLE_GOOD : STYLE_WARN, "%s",
		    get_bool(with, "is_kept") ? "stays where it is while its real lives"
					      : "does not stay: its packets go there too");
}

void render_flow(const struct screen *screen, const json_t *result)
{
	screen_line(screen, STYLE_BOLD, "%s %s to %s%s", get_text(result, "proto"),
		    get_text(result, "source"), get_text(result, "destination"),
		    get_bool(result, "is_syn") ? ", opening" : "");
	put_service(screen, result);
	if (get_has(result, "service"))
		put_slot(screen, result);
	put_real(screen, result);
	put_next_hops(screen, result);
	if (get_has(result, "with"))
		put_with(screen, json_object_get(result, "with"));
}

/* ---- the table ---- */

static const struct table_column flow_columns[] = {
	{ .title = "ADDRESS" },
	{ .title = "REAL", .at_least = 8 },
	{ .title = "FLOWS", .is_right = true },
	{ .title = "PROTECTED", .is_right = true },
	{ .title = "STALE", .is_right = true },
	{ .title = "USED", .is_right = true },
	{ .title = "OLDEST", .is_right = true },
};

/* "web/web1,api/web1" */
static void names_text(const json_t *names, char *buf, size_t size)
{
	const json_t *name;
	size_t i, used = 0;

	buf[0] = '\0';
	json_array_foreach (names, i, name)
		if (json_is_string(name) && used < size)
			used += (size_t)snprintf(buf + used, size - used, "%s%s", i ? "," : "",
						 json_string_value(name));
}

static void put_real_row(struct table *table, const json_t *real)
{
	char names[256];

	names_text(json_object_get(real, "names"), names, sizeof(names));
	table_cell(table, STYLE_BOLD, "%s", get_text(real, "address"));
	table_cell(table, names[0] ? STYLE_PLAIN : STYLE_DIM, "%s", names[0] ? names : "removed");
	table_cell(table, STYLE_PLAIN, "%llu", (unsigned long long)get_count(real, "flows"));
	table_cell(table, STYLE_PLAIN, "%llu", (unsigned long long)get_count(real, "protected"));
	table_cell(table, get_count(real, "stale") ? STYLE_WARN : STYLE_PLAIN, "%llu",
		   (unsigned long long)get_count(real, "stale"));
	table_cell(table, STYLE_PLAIN, "%s", UNITS_AGE(get_real(real, "youngest_s")));
	table_cell(table, STYLE_PLAIN, "%s", UNITS_AGE(get_real(real, "oldest_s")));
}

static void put_list(const struct screen *screen, const json_t *result)
{
	const json_t *reals = json_object_get(result, "reals"), *real;
	struct table *table = table_new(flow_columns, N_COLUMNS(flow_columns));
	size_t i;

	screen_line(screen, STYLE_PLAIN, "%llu of %llu entries used, %llu protected, %llu stale",
		    (unsigned long long)get_count(result, "used"),
		    (unsigned long long)get_count(result, "capacity"),
		    (unsigned long long)get_count(result, "protected"),
		    (unsigned long long)get_count(result, "stale"));
	if (get_count(result, "configured") != get_count(result, "capacity"))
		screen_line(screen, STYLE_WARN,
			    "the config says %llu; a table in use keeps its size",
			    (unsigned long long)get_count(result, "configured"));
	if (!table)
		return;
	if (json_array_size(reals))
		screen_newline(screen);
	json_array_foreach (reals, i, real)
		put_real_row(table, real);
	table_print(table, screen);
	table_free(table);
}

void render_flows(const struct screen *screen, const json_t *result)
{
	if (get_has(result, "purged"))
		screen_line(screen, STYLE_PLAIN, "%llu flow%s forgotten",
			    (unsigned long long)get_count(result, "purged"),
			    get_count(result, "purged") == 1 ? "" : "s");
	else if (get_has(result, "entry"))
		put_entry(screen, json_object_get(result, "entry"));
	else
		put_list(screen, result);
}
