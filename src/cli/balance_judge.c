/* SPDX-License-Identifier: Apache-2.0 */
#include "src/cli/balance.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/usec.h"
#include "src/cli/render.h"
#include "src/cli/table.h"

#define SLOTS         65537.0
#define TELLING_LEAST 100 /* packets or connections of a pool, below which nothing is said */
#define TOLERATED                                                                                  \
	0.25 /* a deviation from the expected share: packets of one flow come together             \
	      */
#define SIGMAS        4.0  /* of a count by chance; what is beyond has a reason */
#define HEAVY_PERCENT 20.0 /* one source's part of a real's packets */

/* ---- the difference of two answers ---- */

static const json_t *find_named(const json_t *list, const char *key, const char *name)
{
	const json_t *item;
	size_t i;

	json_array_foreach (list, i, item) {
		if (strcmp(get_text(item, key), name) == 0)
			return item;
	}
	return NULL;
}

/* Counters restart with their object: then what it has now came since. */
static double grown(const json_t *before, const json_t *after, const char *key)
{
	uint64_t then = get_count(before, key), now = get_count(after, key);

	return (double)(now >= then ? now - then : now);
}

static double new_connections(const json_t *before, const json_t *after)
{
	const json_t *then = json_object_get(before, "syns"), *now = json_object_get(after, "syns");

	return json_is_object(then) && json_is_object(now) ? grown(then, now, "connections") : 0;
}

struct pool_sums {
	double packets, connections, slots;
	bool has_connections;
};

/* ---- why ---- */

static void because(json_t *reasons, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void because(json_t *reasons, const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	json_array_append_new(reasons, json_string(text));
}

/* What is so of the real itself, and explains its share of slots. */
static void add_states(json_t *reasons, const json_t *real)
{
	const char *order = get_text(real, "order"), *state = get_text(real, "state");
	unsigned share = (unsigned)get_count(real, "share_percent");

	if (*order)
		because(reasons, "%s by an operator: no new flows", order);
	else if (get_bool(real, "is_kept"))
		because(reasons, "down, kept by an override of its pool");
	else if (strcmp(state, "up") != 0)
		because(reasons, "%s: no new flows", state);
	else if (get_bool(real, "is_backup") && get_count(real, "slots") == 0)
		because(reasons, "a backup that is not needed");
	if (share < 100)
		because(reasons, "slow start: %u%% of its slots", share);
	if (strcmp(get_text(real, "life"), "leaving") == 0)
		because(reasons, "leaving: the flows it has stay");
	if (get_count(real, "pools") > 1)
		because(reasons, "its address is in %u pools: packets of all of them are counted",
			(unsigned)get_count(real, "pools"));
}

/* What of the pool's services may lead packets elsewhere than evenly over the slots. */
static void add_services(json_t *reasons, const json_t *pool, double seen, double expected)
{
	bool by_source = false, by_port = false, tracks = false, ids = false, routes = false;
	const json_t *service;
	size_t i;

	json_array_foreach (json_object_get(pool, "services"), i, service) {
		const char *hash = get_text(service, "hash");

		by_source |= strcmp(hash, "source-ip") == 0;
		by_port |= strcmp(hash, "destination-port") == 0;
		tracks |= strcmp(get_text(service, "track"), "all") == 0;
		ids |= get_bool(service, "has_server_ids");
		routes |= get_count(service, "source_routes") > 0;
	}
	if (by_source)
		because(reasons, "hash: source-ip keeps a client on one real: few heavy sources "
				 "weigh; see --sources");
	if (by_port)
		because(reasons, "hash: destination-port: all of a port goes to one real");
	if (tracks)
		because(reasons, "track: all keeps flows where they began, also after a change");
	if (get_count(pool, "unsteady") > 0)
		because(reasons, "%u slots still lead old flows to where they were",
			(unsigned)get_count(pool, "unsteady"));
	if (ids)
		because(reasons, "server ids lead flows to the real they name");
	if (routes)
		because(reasons, "source routes lead their clients to single reals");
	if (json_array_size(reasons) == 0 && seen > expected)
		because(reasons, "few heavy flows, or a source with many: see --sources");
}

/* ---- a real ---- */

enum verdict { VERDICT_OK, VERDICT_HOT, VERDICT_COLD, VERDICT_FEW, VERDICT_OUT };

static const char *const verdicts[] = {
	[VERDICT_OK] = "ok",   [VERDICT_HOT] = "hot", [VERDICT_COLD] = "cold",
	[VERDICT_FEW] = "few", [VERDICT_OUT] = "out",
};

/* More than chance, and more than flows of several sizes make. */
static bool deviates(double seen, double expected)
{
	double difference = seen > expected ? seen - expected : expected - seen;

	return difference * difference > SIGMAS * SIGMAS * expected &&
	       difference > TOLERATED * expected;
}

static enum verdict judge(double seen, double expected, double total, double slots)
{
	if (slots <= 0)
		return VERDICT_OUT;
	if (total < TELLING_LEAST)
		return VERDICT_FEW;
	if (!deviates(seen, expected))
		return VERDICT_OK;
	return seen > expected ? VERDICT_HOT : VERDICT_COLD;
}

static double rounded(double value, double steps)
{
	return (double)(long long)(value * steps + (value < 0 ? -0.5 : 0.5)) / steps;
}

static double percent_of(double part, double whole)
{
	return whole > 0 ? rounded(part * 100 / whole, 10) : 0;
}

static double round3(double value)
{
	return rounded(value, 1000);
}

static void set_deviation(json_t *row, double seen, double expected)
{
	json_object_set_new(row, "deviation_percent",
			    expected > 0 ? json_real(rounded((seen / expected - 1) * 100, 10))
					 : json_null());
}

/* New connections tell best where they are counted; else packets do. */
static json_t *real_row(const json_t *pool, const json_t *before, const json_t *after,
			const struct pool_sums *sums, double seconds)
{
	double slots = (double)get_count(after, "slots"), share = slots / SLOTS;
	double packets = grown(before, after, "packets");
	double connections = new_connections(before, after);
	double seen = sums->has_connections ? connections : packets;
	double total = sums->has_connections ? sums->connections : sums->packets;
	enum verdict verdict = judge(seen, share * total, total, slots);
	json_t *reasons = json_array(), *row;

	add_states(reasons, after);
	if (verdict == VERDICT_HOT || verdict == VERDICT_COLD)
		add_services(reasons, pool, seen, share * total);
	row = json_pack("{s:s, s:s, s:i, s:I, s:f, s:f, s:f, s:f, s:s, s:o}", "real",
			get_text(after, "name"), "address", get_text(after, "address"), "weight",
			(int)get_count(after, "weight"), "slots", (json_int_t)slots,
			"expected_percent", percent_of(slots, SLOTS), "seen_percent",
			percent_of(seen, total), "pps", round3(packets / seconds), "bps",
			round3(grown(before, after, "bytes") * 8 / seconds), "verdict",
			verdicts[verdict], "reasons", reasons);
	json_object_set_new(row, "new_flows",
			    sums->has_connections ? json_real(round3(connections / seconds))
						  : json_null());
	set_deviation(row, seen, share * total);
	return row;
}

/* ---- a pool ---- */

static struct pool_sums sum_up(const json_t *before, const json_t *after)
{
	struct pool_sums sums = { .has_connections = true };
	const json_t *real;
	size_t i;

	json_array_foreach (json_object_get(after, "reals"), i, real) {
		const json_t *then = find_named(json_object_get(before, "reals"), "address",
						get_text(real, "address"));

		sums.packets += then ? grown(then, real, "packets") : 0;
		sums.connections += then ? new_connections(then, real) : 0;
		sums.has_connections &= then && json_is_object(json_object_get(then, "syns")) &&
					json_is_object(json_object_get(real, "syns"));
	}
	/* A watch that just began has counted nothing yet. */
	if (sums.connections < TELLING_LEAST)
		sums.has_connections = false;
	return sums;
}

static json_t *pool_row(const json_t *before, const json_t *after)
{
	struct pool_sums sums = sum_up(before, after);
	double seconds = grown(before, after, "at_us") / (double)USEC_PER_SEC;
	json_t *reals = json_array();
	const json_t *real;
	size_t i;

	seconds = seconds > 0.001 ? seconds : 0.001;
	json_array_foreach (json_object_get(after, "reals"), i, real) {
		const json_t *then = find_named(json_object_get(before, "reals"), "address",
						get_text(real, "address"));

		if (then)
			json_array_append_new(reals, real_row(after, then, real, &sums, seconds));
	}
	return json_pack(
		"{s:s, s:f, s:f, s:s, s:b, s:O, s:s, s:o}", "pool", get_text(after, "pool"),
		"interval_s", round3(seconds), "pps", round3(sums.packets / seconds), "judged_by",
		sums.has_connections ? "connections" : "packets", "has_ring",
		get_bool(after, "has_ring"), "unsteady", json_object_get(after, "unsteady"),
		"override", get_text(after, "override"), "reals", reals);
}

/* ---- CPUs ---- */

static double cpu_packets(const json_t *before, const json_t *cpu)
{
	const json_t *then = NULL, *other;
	size_t i;

	json_array_foreach (json_object_get(before, "cpus"), i, other) {
		if (get_count(other, "cpu") == get_count(cpu, "cpu"))
			then = other;
	}
	return grown(then, cpu, "sent") + grown(then, cpu, "passed") + grown(then, cpu, "dropped");
}

/* The busiest CPU against the average of those that got packets; null without packets. */
static json_t *cpu_skew(const json_t *before, const json_t *after)
{
	double most = 0, sum = 0;
	const json_t *cpu;
	size_t i, n = 0;

	json_array_foreach (json_object_get(after, "cpus"), i, cpu) {
		double packets = cpu_packets(before, cpu);

		most = packets > most ? packets : most;
		sum += packets;
		n += packets > 0;
	}
	if (n == 0)
		return json_null();
	return json_pack("{s:I, s:f}", "cpus", (json_int_t)n, "max_over_average",
			 rounded(most * (double)n / sum, 100));
}

json_t *balance_judge(const json_t *before, const json_t *after)
{
	json_t *pools = json_array();
	const json_t *pool;
	size_t i;

	json_array_foreach (json_object_get(after, "pools"), i, pool) {
		const json_t *then = find_named(json_object_get(before, "pools"), "pool",
						get_text(pool, "pool"));

		if (then)
			json_array_append_new(pools, pool_row(then, pool));
	}
	return json_pack("{s:o, s:o}", "pools", pools, "cpu_skew", cpu_skew(before, after));
}

/* ---- sources ---- */

static int hex_byte(const char *head, size_t i)
{
	char digits[3] = { head[2 * i], head[2 * i + 1], '\0' };

	return (int)strtol(digits, NULL, 16);
}

static void count_address(json_t *sources, int family, const char *head, size_t offset)
{
	unsigned char bytes[16];
	char text[INET6_ADDRSTRLEN];
	size_t n = family == AF_INET ? 4 : 16;
	json_int_t so_far;

	for (size_t i = 0; i < n; i++)
		bytes[i] = (unsigned char)hex_byte(head, offset + i);
	inet_ntop(family, bytes, text, sizeof(text));
	so_far = json_integer_value(json_object_get(sources, text));
	json_object_set_new(sources, text, json_integer(so_far + 1));
}

void balance_count_source(json_t *sources, const char *head)
{
	size_t len = strlen(head) / 2, at = 12;
	int type = 0;

	for (; at + 4 <= len; at += 4) {
		type = hex_byte(head, at) << 8 | hex_byte(head, at + 1);
		if (type != 0x8100 && type != 0x88a8)
			break;
	}
	if (type == 0x0800 && at + 2 + 20 <= len)
		count_address(sources, AF_INET, head, at + 2 + 12);
	else if (type == 0x86dd && at + 2 + 40 <= len)
		count_address(sources, AF_INET6, head, at + 2 + 8);
}

void balance_blame_sources(json_t *real, json_t *sources)
{
	json_int_t most = 0, total = 0;
	const char *heaviest = "", *key;
	json_t *value;

	json_object_foreach (sources, key, value) {
		total += json_integer_value(value);
		if (json_integer_value(value) > most) {
			most = json_integer_value(value);
			heaviest = key;
		}
	}
	json_object_set_new(real, "sources",
			    json_pack("{s:I, s:I, s:s?, s:f}", "packets", total, "sources",
				      (json_int_t)json_object_size(sources), "heaviest",
				      *heaviest ? heaviest : NULL, "heaviest_percent",
				      percent_of((double)most, (double)total)));
	if (percent_of((double)most, (double)total) >= HEAVY_PERCENT)
		because(json_object_get(real, "reasons"),
			"%.0f%% of its packets are from %s (of %zu sources)",
			percent_of((double)most, (double)total), heaviest,
			json_object_size(sources));
	else if (total > 0)
		because(json_object_get(real, "reasons"),
			"no single source: %zu sources in %lld packets, the heaviest %.0f%%",
			json_object_size(sources), (long long)total,
			percent_of((double)most, (double)total));
}

/* ---- text ---- */

static enum style style_of_verdict(const char *verdict)
{
	if (strcmp(verdict, "hot") == 0)
		return STYLE_BAD;
	if (strcmp(verdict, "cold") == 0)
		return STYLE_WARN;
	return strcmp(verdict, "ok") == 0 ? STYLE_GOOD : STYLE_DIM;
}

static void put_real(struct table *table, const json_t *real)
{
	const char *verdict = get_text(real, "verdict");
	double deviation = json_number_value(json_object_get(real, "deviation_percent"));
	bool is_told = get_has(real, "deviation_percent") && strcmp(verdict, "few") != 0;

	table_cell(table, STYLE_BOLD, "%s", get_text(real, "real"));
	table_cell(table, STYLE_PLAIN, "%u", (unsigned)get_count(real, "weight"));
	table_cell(table, STYLE_PLAIN, "%.1f%%", get_real(real, "expected_percent"));
	table_cell(table, STYLE_PLAIN, "%.1f%%", get_real(real, "seen_percent"));
	if (is_told)
		table_cell(table, STYLE_PLAIN, "%+.0f%%", deviation);
	else
		table_cell(table, STYLE_PLAIN, "-");
	if (get_has(real, "new_flows"))
		table_cell(table, STYLE_PLAIN, "%s",
			   UNITS_COUNT((uint64_t)get_real(real, "new_flows")));
	else
		table_cell(table, STYLE_PLAIN, "-");
	table_cell(table, STYLE_PLAIN, "%s", UNITS_COUNT((uint64_t)get_real(real, "pps")));
	table_cell(table, style_of_verdict(verdict), "%s",
		   strcmp(verdict, "hot") == 0    ? "HOT"
		   : strcmp(verdict, "cold") == 0 ? "COLD"
						  : verdict);
}

static void put_reasons(const struct screen *screen, const json_t *real)
{
	const json_t *reason;
	size_t i;

	json_array_foreach (json_object_get(real, "reasons"), i, reason) {
		screen_printf(screen, STYLE_PLAIN, "  %s: ", get_text(real, "real"));
		screen_line(screen, STYLE_PLAIN, "%s", json_string_value(reason));
	}
}

static void put_pool(const struct screen *screen, const json_t *pool)
{
	static const struct table_column columns[] = {
		{ .title = "REAL", .at_least = 8 },        { .title = "WEIGHT", .is_right = true },
		{ .title = "EXPECTED", .is_right = true }, { .title = "SEEN", .is_right = true },
		{ .title = "DEV", .is_right = true },      { .title = "NEW/S", .is_right = true },
		{ .title = "PPS", .is_right = true },      { .title = "VERDICT" },
	};
	const json_t *reals = json_object_get(pool, "reals"), *real;
	struct table *table = table_new(columns, sizeof(columns) / sizeof(columns[0]));
	bool by_flows = strcmp(get_text(pool, "judged_by"), "connections") == 0;
	size_t i;

	screen_put(screen, STYLE_BOLD, get_text(pool, "pool"));
	screen_line(screen, STYLE_PLAIN, "   %s pps over %.1f s, judged by %s%s",
		    UNITS_COUNT((uint64_t)get_real(pool, "pps")), get_real(pool, "interval_s"),
		    by_flows ? "new connections" : "packets",
		    get_bool(pool, "has_ring") ? "" : "; it has no ring yet");
	json_array_foreach (reals, i, real)
		put_real(table, real);
	table_print(table, screen);
	table_free(table);
	json_array_foreach (reals, i, real)
		put_reasons(screen, real);
	if (!by_flows)
		screen_line(screen, STYLE_DIM,
			    "  to count new connections   %s shoal pool %s watch",
			    screen_glyph(screen, GLYPH_ARROW), get_text(pool, "pool"));
}

void render_balance(const struct screen *screen, const json_t *result)
{
	const json_t *skew = json_object_get(result, "cpu_skew"), *pool;
	size_t i;

	json_array_foreach (json_object_get(result, "pools"), i, pool) {
		if (i > 0)
			screen_newline(screen);
		put_pool(screen, pool);
	}
	screen_newline(screen);
	if (json_is_object(skew))
		screen_line(screen, STYLE_DIM, "CPUs %u, the busiest has %.2f times the average",
			    (unsigned)get_count(skew, "cpus"), get_real(skew, "max_over_average"));
}
