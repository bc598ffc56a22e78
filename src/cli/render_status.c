/* SPDX-License-Identifier: Apache-2.0 */
/* render_status.c - the node on one screen: who, data plane, routing, probes, alarms, VIPs. */
#include <string.h>

#include "src/cli/render.h"
#include "src/cli/render_ways.h"
#include "src/cli/table.h"

#define LABEL "%-11s"

static size_t count_serving(const json_t *vips)
{
	const json_t *vip;
	size_t i, n = 0;

	json_array_foreach (vips, i, vip) {
		const char *reason = get_text(vip, "reason");

		n += strcmp(reason, "serving") == 0 || strcmp(reason, "operator-announce") == 0;
	}
	return n;
}

static void put_node(const struct screen *screen, const json_t *status)
{
	const json_t *vips = json_object_get(status, "vips"),
		     *config = json_object_get(status, "config");
	bool is_told = get_has(status, "n_vips"); /* then not every VIP has a line */
	size_t serving = is_told ? get_count(status, "n_serving") : count_serving(vips);
	size_t n = is_told ? get_count(status, "n_vips") : json_array_size(vips);

	screen_printf(screen, STYLE_DIM, LABEL, "node");
	screen_put(screen, STYLE_BOLD, get_text(status, "node"));
	screen_printf(screen, serving < n ? STYLE_WARN : STYLE_GOOD, "   serving %zu/%zu VIPs",
		      serving, n);
	screen_line(screen, STYLE_PLAIN, "   config %.8s since %s   up %s   shoald %s",
		    get_text(status, "generation"), GET_SINCE(config),
		    UNITS_AGE(get_real(status, "uptime_s")), get_text(status, "version"));
}

static void put_drain(const struct screen *screen, const json_t *status)
{
	if (!get_bool(status, "is_drained"))
		return;
	screen_printf(screen, STYLE_WARN, LABEL, "DRAINED");
	render_drain_owner(screen, json_object_get(status, "drain"));
	screen_line(screen, STYLE_DIM, "   %s shoal undrain", screen_glyph(screen, GLYPH_ARROW));
}

/* What somebody else changed, and was put back: "repairs    2 tc-filter, 1 ip-rule". */
static void put_repairs(const struct screen *screen, const json_t *repairs)
{
	const char *kind, *between = "";
	json_t *n;

	json_object_foreach ((json_t *)(uintptr_t)repairs, kind, n) {
		if (json_integer_value(n) == 0)
			continue;
		if (!*between)
			screen_printf(screen, STYLE_WARN, LABEL, "repaired");
		screen_printf(screen, STYLE_PLAIN, "%s%s %s", between,
			      UNITS_COUNT((uint64_t)json_integer_value(n)), kind);
		between = ", ";
	}
	if (*between)
		screen_line(screen, STYLE_DIM,
			    "   changed by somebody else %s journalctl -u shoald",
			    screen_glyph(screen, GLYPH_ARROW));
}

#define ORDERS_SHOWN 4

/* "DRAINED    web/web2 by bob (uid 1001) since 07:55 (3m12s): "disk", ends in 3h56m" */
static void put_orders(const struct screen *screen, const json_t *orders)
{
	const json_t *order;
	size_t i, n = json_array_size(orders);

	json_array_foreach (orders, i, order) {
		bool is_disabled = strcmp(get_text(order, "order"), "disabled") == 0;

		if (i == ORDERS_SHOWN)
			break;
		screen_printf(screen, STYLE_WARN, LABEL, is_disabled ? "DISABLED" : "DRAINED");
		screen_printf(screen, STYLE_PLAIN, "%s/%s ", get_text(order, "pool"),
			      get_text(order, "real"));
		render_drain_owner(screen, order);
		screen_line(screen, STYLE_DIM, "   %s shoal real %s/%s enable",
			    screen_glyph(screen, GLYPH_ARROW), get_text(order, "pool"),
			    get_text(order, "real"));
	}
	if (n > ORDERS_SHOWN)
		screen_line(screen, STYLE_WARN, LABEL "%zu more reals   %s shoal reals", "",
			    n - ORDERS_SHOWN, screen_glyph(screen, GLYPH_ARROW));
}

/* Each VIP that somebody announced or withdrew by hand. */
static void put_vip_orders(const struct screen *screen, const json_t *vips)
{
	size_t i, n = 0;
	const json_t *vip;

	json_array_foreach (vips, i, vip) {
		if (get_has(vip, "order") && n++ < ORDERS_SHOWN)
			render_vip_order(screen, vip);
	}
	if (n > ORDERS_SHOWN)
		screen_line(screen, STYLE_WARN, LABEL "%zu more VIPs by hand   %s shoal vips", "",
			    n - ORDERS_SHOWN, screen_glyph(screen, GLYPH_ARROW));
}

#define WATCHES_SHOWN 4

/* "watch      web by bob (uid 1001) since 07:55 (3m12s), ends in 6m48s: 8.1k new connections, ..."
 */
static void put_watches(const struct screen *screen, const json_t *watches)
{
	const json_t *watch;
	size_t i, n = json_array_size(watches);

	json_array_foreach (watches, i, watch) {
		if (i == WATCHES_SHOWN)
			break;
		screen_printf(screen, STYLE_DIM, LABEL, "watch");
		screen_printf(screen, STYLE_PLAIN, "%s ", get_text(watch, "pool"));
		render_drain_owner(screen, watch);
		screen_put(screen, STYLE_PLAIN, ": ");
		render_syns(screen, watch);
		screen_line(screen, STYLE_DIM, "   %s shoal reals %s",
			    screen_glyph(screen, GLYPH_ARROW), get_text(watch, "pool"));
	}
	if (n > WATCHES_SHOWN)
		screen_line(screen, STYLE_PLAIN, LABEL "%zu more pools   %s shoal pools", "",
			    n - WATCHES_SHOWN, screen_glyph(screen, GLYPH_ARROW));
}

static void put_uplinks(const struct screen *screen, const json_t *uplinks)
{
	const json_t *uplink;
	size_t i;

	json_array_foreach (uplinks, i, uplink) {
		const char *mode = get_text(uplink, "mode");
		bool is_off = strcmp(mode, "none") == 0;

		screen_printf(screen, is_off ? STYLE_BAD : STYLE_PLAIN, "%s%s %s", i ? ", " : "",
			      is_off ? "no XDP on" : mode, get_text(uplink, "name"));
		if (!get_bool(uplink, "has_carrier"))
			screen_put(screen, STYLE_BAD, " (no carrier)");
	}
}

/* "12 dropped (no-next-hop 9, unserved 3)": the number, and why. */
static void put_drops(const struct screen *screen, json_t *totals)
{
	static const char prefix[] = "dropped/";
	uint64_t dropped = get_count(totals, "dropped");
	const char *separator = " (", *key;
	json_t *value;

	screen_printf(screen, dropped ? STYLE_WARN : STYLE_PLAIN, "   %s dropped",
		      UNITS_COUNT(dropped));
	json_object_foreach (totals, key, value) {
		if (strncmp(key, prefix, strlen(prefix)) != 0 || json_integer_value(value) == 0)
			continue;
		screen_printf(screen, STYLE_WARN, "%s%s %s", separator, key + strlen(prefix),
			      UNITS_COUNT(get_count(totals, key)));
		separator = ", ";
	}
	if (separator[0] == ',')
		screen_put(screen, STYLE_WARN, ")");
}

static void put_dataplane(const struct screen *screen, const json_t *status)
{
	const json_t *dataplane = json_object_get(status, "dataplane");
	json_t *totals = json_object_get(dataplane, "totals");

	screen_printf(screen, STYLE_DIM, LABEL, "dataplane");
	screen_put(screen, STYLE_PLAIN, "XDP ");
	put_uplinks(screen, json_object_get(dataplane, "uplinks"));
	screen_printf(screen, STYLE_PLAIN, "   %s pps   %s sent",
		      UNITS_COUNT(get_count(dataplane, "pps")),
		      UNITS_COUNT(get_count(totals, "sent")));
	put_drops(screen, totals);
	if (!get_bool(status, "is_settled"))
		screen_put(screen, STYLE_WARN, "   settling");
	screen_newline(screen);
}

/* It costs every packet something, so nobody should forget it. */
static void put_capture(const struct screen *screen, const json_t *capture)
{
	if (!json_is_object(capture))
		return;
	screen_printf(screen, STYLE_DIM, LABEL, "capture");
	screen_line(screen, STYLE_WARN, "runs for %s, by %s", UNITS_AGE(get_real(capture, "age_s")),
		    get_text(capture, "owner"));
}

/* "   BFD 1/2 up", where a session asks for it. */
static void put_bfd(const struct screen *screen, const json_t *bfd)
{
	uint64_t sessions = get_count(bfd, "sessions"), up = get_count(bfd, "up");

	if (sessions)
		screen_printf(screen, up < sessions ? STYLE_WARN : STYLE_PLAIN, "   BFD %u/%u up",
			      (unsigned)up, (unsigned)sessions);
}

static void put_routing(const struct screen *screen, const json_t *status)
{
	const json_t *router = json_object_get(status, "router");
	uint64_t sent = get_count(router, "routes_sent"),
		 intended = get_count(router, "routes_intended"),
		 established = get_count(router, "established"), peers = get_count(router, "peers");
	const char *version = get_text(router, "version");

	screen_printf(screen, STYLE_DIM, LABEL, "routing");
	if (!get_bool(router, "is_ready")) {
		screen_line(screen, STYLE_BAD, "bgpd %s: %s", get_text(router, "life"),
			    get_text(router, "sentence"));
		return;
	}
	screen_printf(screen, STYLE_PLAIN, "FRR %s", *version ? version : "?");
	screen_printf(screen, established < peers ? STYLE_BAD : STYLE_PLAIN, "   peers %u/%u up",
		      (unsigned)established, (unsigned)peers);
	put_bfd(screen, json_object_get(router, "bfd"));
	screen_line(screen, sent < intended ? STYLE_WARN : STYLE_PLAIN, "   routes %u/%u sent",
		    (unsigned)sent, (unsigned)intended);
}

static void put_zebra(const struct screen *screen, const json_t *status)
{
	const json_t *zebra = json_object_get(status, "zebra");

	if (!json_is_object(zebra) || strcmp(get_text(zebra, "state"), "off") == 0)
		return;
	screen_printf(screen, STYLE_DIM, LABEL, "zebra");
	render_zebra(screen, zebra);
}

static void put_probes(const struct screen *screen, const json_t *status)
{
	const json_t *prober = json_object_get(status, "prober");
	const json_t *exec = json_object_get(prober, "exec");
	uint64_t down = get_count(prober, "down"), unknown = get_count(prober, "unknown");

	screen_printf(screen, STYLE_DIM, LABEL, "probes");
	if (!get_bool(prober, "is_connected"))
		screen_put(screen, STYLE_BAD, "shoal-probe is not connected   ");
	if (json_is_object(exec) && !get_bool(exec, "is_connected"))
		screen_put(screen, STYLE_BAD, "shoal-exec is not connected   ");
	screen_printf(screen, STYLE_PLAIN, "reals %s up", UNITS_COUNT(get_count(prober, "up")));
	screen_printf(screen, down ? STYLE_BAD : STYLE_PLAIN, ", %s down", UNITS_COUNT(down));
	if (unknown)
		screen_printf(screen, STYLE_WARN, ", %s not judged", UNITS_COUNT(unknown));
	if (get_has(prober, "last_verdict_age_s"))
		screen_printf(screen, STYLE_PLAIN, "   last verdict %s ago",
			      UNITS_AGE(get_real(prober, "last_verdict_age_s")));
	screen_newline(screen);
}

static void put_alarms(const struct screen *screen, const json_t *alarms)
{
	const json_t *alarm;
	size_t i;

	if (json_array_size(alarms) > 0)
		screen_newline(screen);
	json_array_foreach (alarms, i, alarm) {
		bool is_critical = strcmp(get_text(alarm, "level"), "critical") == 0;

		screen_printf(screen, is_critical ? STYLE_BAD : STYLE_WARN, "%s %s",
			      is_critical ? "!!" : "! ", get_text(alarm, "text"));
		screen_line(screen, STYLE_DIM, "   %s %s", screen_glyph(screen, GLYPH_ARROW),
			    get_text(alarm, "command"));
	}
}

/* VIPs that serve, behind the first ones. */
static void put_vips_left_out(const struct screen *screen, const json_t *status)
{
	uint64_t shown = json_array_size(json_object_get(status, "vips"));
	uint64_t n = get_count(status, "n_vips");

	if (n > shown)
		screen_line(screen, STYLE_DIM, "%llu more VIPs serve   %s shoal vips",
			    (unsigned long long)(n - shown), screen_glyph(screen, GLYPH_ARROW));
}

void render_status(const struct screen *screen, const json_t *result)
{
	put_node(screen, result);
	put_drain(screen, result);
	put_vip_orders(screen, json_object_get(result, "vips"));
	put_orders(screen, json_object_get(result, "orders"));
	put_repairs(screen, json_object_get(result, "repairs"));
	put_dataplane(screen, result);
	put_capture(screen, json_object_get(json_object_get(result, "dataplane"), "capture"));
	put_watches(screen, json_object_get(result, "watches"));
	put_routing(screen, result);
	put_zebra(screen, result);
	put_probes(screen, result);
	put_alarms(screen, json_object_get(result, "alarms"));
	screen_newline(screen);
	render_vip_table(screen, json_object_get(result, "vips"));
	put_vips_left_out(screen, result);
}
