/* SPDX-License-Identifier: Apache-2.0 */
/* render_lists.c - VIPs, pools, reals, peers and routes as tables. */
#include <stdio.h>
#include <string.h>

#include "src/cli/render.h"
#include "src/cli/render_ways.h"
#include "src/cli/table.h"

#define N_COLUMNS(columns) (sizeof(columns) / sizeof((columns)[0]))

/* ---- VIPs ---- */

/* Usable reals against what is needed, of the pool that is nearest to losing quorum. */
static const json_t *scarcest_pool(const json_t *vip)
{
	const json_t *pools = json_object_get(vip, "pools"), *pool, *scarcest = NULL;
	int64_t least = 0;
	size_t i;

	json_array_foreach (pools, i, pool) {
		int64_t spare =
			(int64_t)get_count(pool, "usable") - (int64_t)get_count(pool, "need");

		if (!scarcest || spare < least) {
			scarcest = pool;
			least = spare;
		}
	}
	return scarcest;
}

static void put_vip_row(struct table *table, const json_t *vip)
{
	const json_t *pool = scarcest_pool(vip);
	bool has_quorum = !pool || get_bool(pool, "has_quorum");
	bool is_serving = strcmp(get_text(vip, "reason"), "serving") == 0;

	table_cell(table, STYLE_BOLD, "%s", get_text(vip, "name"));
	table_cell(table, STYLE_PLAIN, "%s", get_text(vip, "prefix"));
	table_cell(table, style_of_vip(vip), "%s", get_text(vip, "state"));
	table_cell(table, STYLE_PLAIN, "%s", GET_AGE(vip));
	if (pool)
		table_cell(table, has_quorum ? STYLE_PLAIN : STYLE_BAD, "%s%u/%u",
			   get_bool(pool, "is_on_backups") ? "backups " : "",
			   (unsigned)get_count(pool, "usable"), (unsigned)get_count(pool, "total"));
	else
		table_cell(table, STYLE_PLAIN, "-");
	if (pool)
		table_cell(table, has_quorum ? STYLE_PLAIN : STYLE_BAD, "%u",
			   (unsigned)get_count(pool, "need"));
	else
		table_cell(table, STYLE_PLAIN, "-");
	table_cell(table, STYLE_PLAIN, "%s", UNITS_COUNT(get_count(vip, "pps")));
	table_cell(table, STYLE_PLAIN, "%u", (unsigned)get_count(vip, "peers"));
	table_cell(table, is_serving ? STYLE_DIM : STYLE_WARN, "%s",
		   is_serving ? "" : get_text(vip, "sentence"));
}

void render_vip_table(const struct screen *screen, const json_t *vips)
{
	static const struct table_column columns[] = {
		{ .title = "VIP", .at_least = 8 },
		{ .title = "PREFIX" },
		{ .title = "STATE" },
		{ .title = "SINCE", .is_right = true },
		{ .title = "REALS", .is_right = true },
		{ .title = "NEED", .is_right = true },
		{ .title = "PPS", .is_right = true },
		{ .title = "PEERS", .is_right = true },
		{ .title = "", .at_least = 4 },
	};
	struct table *table = table_new(columns, N_COLUMNS(columns));
	const json_t *vip;
	size_t i;

	json_array_foreach (vips, i, vip)
		put_vip_row(table, vip);
	table_print(table, screen);
	table_free(table);
}

/* "WITHDRAWN  www by bob (uid 1001) since 07:55 (3m12s): "attack"   -> shoal vip www auto" */
void render_vip_order(const struct screen *screen, const json_t *vip)
{
	const json_t *order = json_object_get(vip, "order");
	const char *word = get_text(order, "order");

	if (!*word)
		return;
	screen_printf(screen, STYLE_WARN, "%-11s",
		      strcmp(word, "withdraw") == 0 ? "WITHDRAWN" : "ANNOUNCED");
	screen_printf(screen, STYLE_PLAIN, "%s ", get_text(vip, "name"));
	render_drain_owner(screen, order);
	if (get_bool(vip, "is_overridden"))
		screen_put(screen, STYLE_WARN, ", against its checks");
	screen_line(screen, STYLE_DIM, "   %s shoal vip %s auto", screen_glyph(screen, GLYPH_ARROW),
		    get_text(vip, "name"));
}

static void put_service_row(struct table *table, const json_t *service)
{
	bool is_programmed = get_bool(service, "is_programmed"),
	     is_tested = get_bool(service, "is_self_tested");
	const char *pool = get_text(service, "pool");

	table_cell(table, STYLE_PLAIN, "%s", get_text(service, "service"));
	table_cell(table, STYLE_PLAIN, "%s", *pool ? pool : "(leaving)");
	table_cell(table, is_programmed ? STYLE_GOOD : STYLE_WARN, "%s",
		   is_programmed ? "programmed" : "not yet");
	table_cell(table, is_tested ? STYLE_GOOD : STYLE_WARN, "%s",
		   is_tested ? "passed" : "not yet");
	table_cell(table, STYLE_PLAIN, "%s", UNITS_COUNT(get_count(service, "packets")));
	table_cell(table, STYLE_PLAIN, "%s", UNITS_COUNT(get_count(service, "bytes")));
}

void render_vips(const struct screen *screen, const json_t *result)
{
	static const struct table_column columns[] = {
		{ .title = "SERVICE" },
		{ .title = "POOL", .at_least = 6 },
		{ .title = "DATA PLANE" },
		{ .title = "SELF-TEST" },
		{ .title = "PACKETS", .is_right = true },
		{ .title = "BYTES", .is_right = true },
	};
	const json_t *vips = json_object_get(result, "vips"), *vip, *service;
	struct table *table = table_new(columns, N_COLUMNS(columns));
	size_t i, j;

	render_vip_table(screen, vips);
	json_array_foreach (vips, i, vip) {
		if (get_has(vip, "drain")) {
			screen_printf(screen, STYLE_WARN, "%s drained ", get_text(vip, "name"));
			render_drain_owner(screen, json_object_get(vip, "drain"));
			screen_newline(screen);
		}
		render_vip_order(screen, vip);
		json_array_foreach (json_object_get(vip, "services"), j, service)
			put_service_row(table, service);
	}
	screen_newline(screen);
	table_print(table, screen);
	table_free(table);
}

/* ---- pools ---- */

static void put_checks(struct table *table, const json_t *checks)
{
	char text[256] = "";
	const json_t *check;
	size_t i, used = 0;

	json_array_foreach (checks, i, check) {
		if (used < sizeof(text))
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s",
						 i ? ", " : "", json_string_value(check));
	}
	table_cell(table, STYLE_PLAIN, "%s", *text ? text : "none");
}

/* "steady", or how many slots are not, and since when. */
static void put_slots(struct table *table, const json_t *slots)
{
	uint64_t moving = get_count(slots, "moving"), settling = get_count(slots, "settling");

	if (moving + settling == 0)
		table_cell(table, STYLE_PLAIN, "%s", get_has(slots, "total") ? "steady" : "-");
	else if (moving == 0 || settling == 0)
		table_cell(table, STYLE_WARN, "%s %s %s", UNITS_COUNT(moving + settling),
			   moving ? "moving" : "settling", GET_AGE(slots));
	else
		table_cell(table, STYLE_WARN, "%s moving, %s settling %s", UNITS_COUNT(moving),
			   UNITS_COUNT(settling), GET_AGE(slots));
}

static void put_pool_row(struct table *table, const json_t *pool)
{
	bool has_quorum = get_bool(pool, "has_quorum"), is_judged = get_bool(pool, "is_judged");
	const char *override = get_text(json_object_get(pool, "override"), "name");
	const json_t *quorum = json_object_get(pool, "quorum");
	char out[32] = "";

	table_cell(table, STYLE_BOLD, "%s", get_text(pool, "name"));
	if (get_count(pool, "taken_out"))
		snprintf(out, sizeof(out), ", %u taken out",
			 (unsigned)get_count(pool, "taken_out"));
	table_cell(table,
		   *override || (*out && has_quorum) ? STYLE_WARN
		   : has_quorum                      ? STYLE_GOOD
						     : STYLE_BAD,
		   "%s%s%s%s",
		   has_quorum  ? "quorum"
		   : is_judged ? "no quorum"
			       : "not judged",
		   *override ? ", override " : "", override, out);
	table_cell(table, STYLE_PLAIN, "%s", GET_AGE(pool));
	table_cell(table, STYLE_PLAIN, "%s%u/%u", get_bool(pool, "is_on_backups") ? "backups " : "",
		   (unsigned)get_count(pool, "usable"), (unsigned)get_count(pool, "total"));
	table_cell(table, STYLE_PLAIN, "%u/%u", (unsigned)get_count(quorum, "stay"),
		   (unsigned)get_count(quorum, "return"));
	table_cell(table, STYLE_PLAIN, "%u", (unsigned)get_count(pool, "up"));
	table_cell(table, get_count(pool, "down") ? STYLE_BAD : STYLE_PLAIN, "%u",
		   (unsigned)get_count(pool, "down"));
	table_cell(table, get_count(pool, "unknown") ? STYLE_WARN : STYLE_PLAIN, "%u",
		   (unsigned)get_count(pool, "unknown"));
	put_slots(table, json_object_get(pool, "slots"));
	table_cell(table, STYLE_PLAIN, "%s", get_text(pool, "encap"));
	put_checks(table, json_object_get(pool, "checks"));
}

static void put_watch(const struct screen *screen, const char *pool, const json_t *watch)
{
	screen_printf(screen, STYLE_PLAIN, "%s watched ", pool);
	render_drain_owner(screen, watch);
	screen_put(screen, STYLE_PLAIN, ": ");
	render_syns(screen, watch);
	screen_newline(screen);
}

/* A line for each pool that is watched. */
static void put_watches(const struct screen *screen, const json_t *pools)
{
	const json_t *pool;
	bool is_first = true;
	size_t i;

	json_array_foreach (pools, i, pool) {
		if (!get_has(pool, "watch"))
			continue;
		if (is_first)
			screen_newline(screen);
		is_first = false;
		put_watch(screen, get_text(pool, "name"), json_object_get(pool, "watch"));
	}
}

void render_pools(const struct screen *screen, const json_t *result)
{
	static const struct table_column columns[] = {
		{ .title = "POOL", .at_least = 8 },
		{ .title = "STATE" },
		{ .title = "SINCE", .is_right = true },
		{ .title = "USABLE", .is_right = true },
		{ .title = "STAY/RETURN", .is_right = true },
		{ .title = "UP", .is_right = true },
		{ .title = "DOWN", .is_right = true },
		{ .title = "UNKNOWN", .is_right = true },
		{ .title = "SLOTS" },
		{ .title = "ENCAP" },
		{ .title = "CHECKS", .at_least = 6 },
	};
	struct table *table = table_new(columns, N_COLUMNS(columns));
	const json_t *pool;
	size_t i;

	json_array_foreach (json_object_get(result, "pools"), i, pool)
		put_pool_row(table, pool);
	table_print(table, screen);
	table_free(table);
	put_watches(screen, json_object_get(result, "pools"));
}

/* ---- reals ---- */

/* "timeout: no answer ...": the reason, and the evidence when there is some. */
static void put_evidence(struct table *table, const json_t *real)
{
	const json_t *hop = json_array_get(json_object_get(real, "next_hops"), 0);
	const char *evidence = get_text(real, "evidence");
	bool has_way = get_bool(real, "has_next_hop");
	const char *why = get_text(hop, "why");

	table_cell(table, STYLE_PLAIN, "%s%s%s%s%s", get_text(real, "reason"),
		   *evidence ? ": " : "", evidence, has_way ? "" : "; no way to it: ",
		   has_way ? ""
		   : *why  ? why
			   : "no usable next hop");
}

/* "takes", "takes 35%" in slow start, "kept" by an override, or since when it does not: "leaving
 * 3m12s". */
static void put_flows(struct table *table, const json_t *real)
{
	const json_t *flows = json_object_get(real, "flows");
	const json_t *share = json_object_get(real, "share_percent");
	const char *order = get_text(json_object_get(real, "order"), "order");
	const char *life = get_text(flows, "life");
	bool is_dead = strcmp(life, "dead") == 0;

	if (*order && strcmp(life, "takes") != 0 && (!is_dead || strcmp(order, "disabled") == 0))
		table_cell(table, STYLE_WARN, "%s %s", order, GET_AGE(flows));
	else if (get_bool(real, "is_kept"))
		table_cell(table, STYLE_WARN, "kept");
	else if (strcmp(life, "takes") == 0 && share && json_integer_value(share) < 100)
		table_cell(table, STYLE_WARN, "takes %u%%", (unsigned)json_integer_value(share));
	else if (strcmp(life, "takes") == 0)
		table_cell(table, STYLE_GOOD, "%s", life);
	else if (is_dead || strcmp(life, "leaving") == 0)
		table_cell(table, is_dead ? STYLE_BAD : STYLE_WARN, "%s %s", life, GET_AGE(flows));
	else
		table_cell(table, STYLE_WARN, "%s", *life ? life : "-");
}

static void put_real_row(struct table *table, const json_t *real)
{
	const char *state = get_text(real, "state");

	table_cell(table, STYLE_BOLD, "%s/%s", get_text(real, "pool"), get_text(real, "name"));
	table_cell(table, STYLE_PLAIN, "%s", get_text(real, "address"));
	table_cell(table, style_of_real(state), "%s", state);
	table_cell(table, STYLE_PLAIN, "%s", GET_AGE(real));
	table_cell(table, STYLE_PLAIN, "%u%s", (unsigned)get_count(real, "weight"),
		   get_bool(real, "is_backup") ? " backup" : "");
	put_flows(table, real);
	table_cell(table, STYLE_PLAIN, "%s", UNITS_COUNT(get_count(real, "packets")));
	put_evidence(table, real);
}

static void put_removed_row(struct table *table, const json_t *removed)
{
	double quiet = get_real(removed, "quiet_s");

	table_cell(table, STYLE_DIM, "(removed)");
	table_cell(table, STYLE_PLAIN, "%s", get_text(removed, "address"));
	for (int i = 0; i < 3; i++)
		table_cell(table, STYLE_PLAIN, "-");
	put_flows(table, removed);
	table_cell(table, STYLE_PLAIN, "%s", UNITS_COUNT(get_count(removed, "packets")));
	table_cell(table, STYLE_PLAIN, "no packet for %s", UNITS_AGE(quiet));
}

/* A line for each real that an operator took out. */
static void put_orders(const struct screen *screen, const json_t *reals)
{
	const json_t *real, *order;
	bool is_first = true;
	size_t i;

	json_array_foreach (reals, i, real) {
		order = json_object_get(real, "order");
		if (!get_has(real, "order"))
			continue;
		if (is_first)
			screen_newline(screen);
		is_first = false;
		screen_printf(screen, STYLE_WARN, "%s/%s %s ", get_text(real, "pool"),
			      get_text(real, "name"), get_text(order, "order"));
		render_drain_owner(screen, order);
		screen_newline(screen);
	}
}

static void put_syns_row(struct table *table, const json_t *real, double median)
{
	const json_t *syns = json_object_get(real, "syns");
	bool is_deviating = get_bool(syns, "is_deviating");

	table_cell(table, STYLE_BOLD, "%s/%s", get_text(real, "pool"), get_text(real, "name"));
	table_cell(table, STYLE_PLAIN, "%s", UNITS_COUNT(get_count(syns, "connections")));
	table_cell(table, is_deviating ? STYLE_WARN : STYLE_PLAIN, "%s",
		   UNITS_COUNT(get_count(syns, "retransmissions")));
	if (get_has(syns, "retransmitted_percent"))
		table_cell(table, is_deviating ? STYLE_WARN : STYLE_PLAIN, "%.1f%%",
			   get_real(syns, "retransmitted_percent"));
	else
		table_cell(table, STYLE_PLAIN, "-");
	if (is_deviating)
		table_cell(table, STYLE_WARN, "far above the median of the pool, %.1f%%", median);
	else
		table_cell(table, STYLE_PLAIN, "%s", "");
}

/* The reals of one watched pool, by whom it is, and what was counted for them. */
static void put_watched(const struct screen *screen, const json_t *watch, const json_t *reals)
{
	static const struct table_column columns[] = {
		{ .title = "REAL", .at_least = 12 },
		{ .title = "NEW CONNECTIONS", .is_right = true },
		{ .title = "SYN RETRANSMISSIONS", .is_right = true },
		{ .title = "OF ALL SYNS", .is_right = true },
		{ .title = "", .at_least = 10 },
	};
	const char *pool = get_text(watch, "pool");
	struct table *table = table_new(columns, N_COLUMNS(columns));
	const json_t *real;
	size_t i, n = 0;

	json_array_foreach (reals, i, real) {
		if (!get_has(real, "syns") || strcmp(get_text(real, "pool"), pool) != 0)
			continue;
		put_syns_row(table, real, get_real(watch, "median_percent"));
		n++;
	}
	if (n > 0) {
		screen_newline(screen);
		put_watch(screen, pool, watch);
		table_print(table, screen);
	}
	table_free(table);
}

void render_reals(const struct screen *screen, const json_t *result)
{
	static const struct table_column columns[] = {
		{ .title = "REAL", .at_least = 12 },
		{ .title = "ADDRESS" },
		{ .title = "STATE" },
		{ .title = "SINCE", .is_right = true },
		{ .title = "WEIGHT", .is_right = true },
		{ .title = "FLOWS" },
		{ .title = "PACKETS", .is_right = true },
		{ .title = "EVIDENCE", .at_least = 10 },
	};
	struct table *table = table_new(columns, N_COLUMNS(columns));
	const json_t *real;
	size_t i;

	json_array_foreach (json_object_get(result, "reals"), i, real)
		put_real_row(table, real);
	json_array_foreach (json_object_get(result, "removed"), i, real)
		put_removed_row(table, real);
	table_print(table, screen);
	table_free(table);
	put_orders(screen, json_object_get(result, "reals"));
	json_array_foreach (json_object_get(result, "watches"), i, real)
		put_watched(screen, real, json_object_get(result, "reals"));
}

/* ---- peers ---- */

static void put_bfd(struct table *table, const json_t *bfd)
{
	const char *state = json_is_object(bfd) ? get_text(bfd, "state") : "-";
	bool is_well = strcmp(state, "up") == 0;

	table_cell(table,
		   is_well               ? STYLE_GOOD
		   : json_is_object(bfd) ? STYLE_BAD
					 : STYLE_PLAIN,
		   "%s", state);
}

/* "Hold Timer Expired, 3m12s ago"; of a notification its reason, which says more. */
static void put_reset(struct table *table, const json_t *reset)
{
	const char *notification = get_text(reset, "notification");
	const char *reason = get_text(reset, "reason");
	bool is_notified = *notification && strstr(reason, "Notification");

	if (!*reason)
		table_cell(table, STYLE_PLAIN, "%s", "");
	else if (get_has(reset, "since_us"))
		table_cell(table, STYLE_PLAIN, "%s, %s ago", is_notified ? notification : reason,
			   GET_AGE(reset));
	else
		table_cell(table, STYLE_PLAIN, "%s", is_notified ? notification : reason);
}

static void put_peer_row(struct table *table, const json_t *peer)
{
	bool is_up = get_bool(peer, "is_established");

	table_cell(table, STYLE_BOLD, "%s", get_text(peer, "name"));
	table_cell(table, STYLE_PLAIN, "%s", get_text(peer, "key"));
	table_cell(table, is_up ? STYLE_GOOD : STYLE_BAD, "%s",
		   get_bool(peer, "is_found") ? get_text(peer, "state") : "not in bgpd");
	table_cell(table, STYLE_PLAIN, "%s", GET_AGE(peer));
	put_bfd(table, json_object_get(peer, "bfd"));
	table_cell(table, STYLE_PLAIN, "%u", (unsigned)get_count(peer, "prefixes_sent4"));
	table_cell(table, STYLE_PLAIN, "%u", (unsigned)get_count(peer, "prefixes_sent6"));
	table_cell(table, STYLE_PLAIN, "%u",
		   (unsigned)(get_count(peer, "vips_sent4") + get_count(peer, "vips_sent6")));
	put_reset(table, json_object_get(peer, "reset"));
}

void render_peers(const struct screen *screen, const json_t *result)
{
	static const struct table_column columns[] = {
		{ .title = "PEER", .at_least = 8 },
		{ .title = "NEIGHBOUR" },
		{ .title = "STATE" },
		{ .title = "SINCE", .is_right = true },
		{ .title = "BFD" },
		{ .title = "IPV4 SENT", .is_right = true },
		{ .title = "IPV6 SENT", .is_right = true },
		{ .title = "VIPS", .is_right = true },
		{ .title = "LAST RESET", .at_least = 10 },
	};
	const json_t *router = json_object_get(result, "router"), *peer;
	struct table *table = table_new(columns, N_COLUMNS(columns));
	bool is_ready = get_bool(router, "is_ready");
	size_t i;

	screen_printf(screen, STYLE_DIM, "bgpd ");
	screen_printf(screen, is_ready ? STYLE_GOOD : STYLE_BAD, "%s", get_text(router, "life"));
	screen_line(screen, STYLE_PLAIN, "   %s   %s commands, %s failed, %s read-backs",
		    get_text(router, "sentence"), UNITS_COUNT(get_count(router, "commands")),
		    UNITS_COUNT(get_count(router, "failures")),
		    UNITS_COUNT(get_count(router, "read_backs")));
	screen_newline(screen);
	json_array_foreach (json_object_get(result, "peers"), i, peer)
		put_peer_row(table, peer);
	table_print(table, screen);
	table_free(table);
}

/* ---- routes ---- */

/* "announce 1m05s" */
static void put_stage(struct table *table, const json_t *stages, const char *name)
{
	const json_t *stage = json_object_get(stages, name);

	if (!json_is_object(stage))
		table_cell(table, STYLE_PLAIN, "-");
	else
		table_cell(table, STYLE_PLAIN, "%s %s", get_text(stage, "state"), GET_AGE(stage));
}

/* What bgpd was told, or the line that was found standing: "announce 1m05s", "refused". */
static void put_command(struct table *table, const json_t *stages)
{
	const json_t *commanded = json_object_get(stages, "commanded");

	if (get_bool(commanded, "is_waiting"))
		table_cell(table, STYLE_WARN, "waits");
	else if (get_has(commanded, "refused"))
		table_cell(table, STYLE_BAD, "refused");
	else
		put_stage(table, stages, get_has(commanded, "since_us") ? "commanded" : "line");
}

static void put_in_table(struct table *table, const json_t *stage)
{
	bool is_there = strcmp(get_text(stage, "state"), "there") == 0;

	table_cell(table, STYLE_PLAIN, "%s", is_there ? GET_AGE(stage) : "-");
}

/* "tor1 1m05s, tor2 -": since when each peer has it. */
static void put_sent(struct table *table, const json_t *sent_to)
{
	char text[256] = "";
	const json_t *peer;
	size_t i, len = 0;

	json_array_foreach (sent_to, i, peer) {
		bool is_sent = get_bool(peer, "is_sent");
		int n = snprintf(text + len, sizeof(text) - len, "%s%s %s", i ? ", " : "",
				 get_text(peer, "peer"), is_sent ? GET_AGE(peer) : "-");

		if (n < 0 || (size_t)n >= sizeof(text) - len)
			break;
		len += (size_t)n;
	}
	table_cell(table, STYLE_PLAIN, "%s", text);
}

static bool is_as_intended(const json_t *stage_or_peer)
{
	return strcmp(get_text(stage_or_peer, "reason"), "as-intended") == 0;
}

/* Where the route, or else its way to a peer, is not as intended; NULL: nowhere. */
static const json_t *find_lack(const json_t *route)
{
	const json_t *peer;
	size_t i;

	if (!is_as_intended(route))
		return route;
	json_array_foreach (json_object_get(route, "sent_to"), i, peer) {
		if (!is_as_intended(peer))
			return peer;
	}
	return NULL;
}

/* "yes", "in part" where some peer lacks it but enough have it, "NO"; an alarm is red. */
static void put_verdict(struct table *table, const json_t *route)
{
	const json_t *lack = find_lack(route);
	bool is_well = get_bool(route, "is_as_intended");
	const char *reason = lack ? get_text(lack, "reason") : "";

	if (strcmp(reason, "unknown") == 0)
		table_cell(table, STYLE_WARN, "unknown");
	else if (!lack)
		table_cell(table, is_well ? STYLE_GOOD : STYLE_BAD, "%s", is_well ? "yes" : "NO");
	else
		table_cell(table, is_well && !get_bool(lack, "is_alarm") ? STYLE_WARN : STYLE_BAD,
			   "%s: %s", is_well ? "in part" : "NO", reason);
}

static void put_route_row(struct table *table, const json_t *route)
{
	const json_t *stages = json_object_get(route, "stages");
	const char *vip = get_text(route, "vip");

	table_cell(table, STYLE_BOLD, "%s", get_text(route, "prefix"));
	table_cell(table, STYLE_PLAIN, "%s", *vip ? vip : "-");
	put_stage(table, stages, "intent");
	put_command(table, stages);
	put_in_table(table, json_object_get(stages, "table"));
	put_sent(table, json_object_get(route, "sent_to"));
	put_verdict(table, route);
}

void render_routes(const struct screen *screen, const json_t *result)
{
	static const struct table_column columns[] = {
		{ .title = "PREFIX" },
		{ .title = "VIP", .at_least = 8 },
		{ .title = "INTENDED" },
		{ .title = "COMMANDED" },
		{ .title = "IN TABLE", .is_right = true },
		{ .title = "SENT TO", .at_least = 20 },
		{ .title = "AS INTENDED" },
	};
	struct table *table = table_new(columns, N_COLUMNS(columns));
	const json_t *route;
	size_t i;

	json_array_foreach (json_object_get(result, "routes"), i, route)
		put_route_row(table, route);
	table_print(table, screen);
	table_free(table);
	render_ways(screen, result);
}
