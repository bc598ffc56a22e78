/* SPDX-License-Identifier: Apache-2.0 */
/*
 * screens.c - what an operator sees: for a scenario, the JSON that the handlers make of a real
 * core, and the text that the command makes of that JSON. Time, counters and peers are fixed.
 *
 * screens SCENARIO json|text|color WIDTH
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "src/cli/balance.h"
#include "src/cli/ready.h"
#include "src/cli/render.h"
#include "src/ctl/list.h"
#include "src/ctl/parts.h"
#include "src/ctl/view.h"
#include "src/ctl/watch.h"
#include "tests/lib/fake_parts.h"

/* Between the parts stand settings of pools that one scenario has. */
static const char yaml_head[] = "node: {name: lb1, uplinks: [eth0, eth1]}\n"
				"routing:\n"
				"  vty: /run/frr\n"
				"  local-as: 65010\n"
				"  vip-ranges: [203.0.113.0/24, \"2001:db8:cafe::/48\"]\n"
				"  peers: {tor1: 10.0.2.1, tor2: 10.0.3.1}\n"
				"checks:\n"
				"  http-ok: {type: http, path: /healthz}\n";
static const char yaml_smtp[] = "  smtp: {type: tcp}\n";
static const char yaml_pools[] = "pools:\n"
				 "  web:\n"
				 "    check: http-ok\n";
static const char yaml_web[] =
	"    reals: {web1: 10.1.0.11, web2: 10.1.0.12, web3: {address: 10.1.0.13, weight: 2},\n"
	"            spare: {address: 10.1.0.99, backup: true}}\n"
	"  mail:\n"
	"    check: smtp\n"
	"    quorum: {return: 3, stay: 2}\n";
static const char yaml_rest[] =
	"    reals: {smtp1: 10.1.1.11, smtp2: 10.1.1.12, smtp3: 10.1.1.13}\n"
	"vips:\n"
	"  www:\n"
	"    address: 203.0.113.10\n"
	"    services:\n"
	"      - {tcp: [80, 443], pool: web}\n"
	"      - {udp: 443, pool: web}\n"
	"  www6:\n"
	"    address: \"2001:db8:cafe::10\"\n"
	"    services:\n"
	"      - {tcp: 443, pool: web}\n"
	"  mail-v4:\n"
	"    address: 203.0.113.25\n"
	"    services:\n"
	"      - {tcp: 25, pool: mail}\n";

enum { WEB, MAIL };
enum { WWW, WWW6, MAIL_V4 };

/* ---- scenarios ---- */

static void verdict(struct site *site, uint32_t pool, uint32_t real, enum probe_reason reason,
		    const char *evidence)
{
	bool is_up = reason == PROBE_OK || reason == PROBE_NOT_EXECUTABLE; /* that one moves none */
	struct core_event event = {
		.kind = CORE_EVENT_VERDICT,
		.verdict = { .pool = pool,
			     .real = real,
			     .state = is_up ? REAL_UP : REAL_DOWN,
			     .reason = reason,
			     .sign = reason == PROBE_TIMEOUT ? REAL_SIGN_GONE : REAL_SIGN_ANSWERS,
			     .in_a_row = 4,
			     .latency_us = 800,
			     .next_due = site->now + 14 * USEC_PER_SEC }
	};

	snprintf(event.verdict.evidence, sizeof(event.verdict.evidence), "%s", evidence);
	site_step(site, event);
	site_run(site);
}

static void serve(struct site *site)
{
	for (usec_t us = 300; us < 3000; us += 50)
		latency_add(&parts.latencies[WEB], us);
	site_serve(site);
	for (uint32_t i = 0; i < 4; i++)
		verdict(site, WEB, i, PROBE_OK, "HTTP 200 in 0.8 ms");
	for (uint32_t i = 0; i < 3; i++)
		verdict(site, MAIL, i, PROBE_OK, "connected in 0.3 ms");
	site_pass(site, 60 * USEC_PER_SEC);
	site_traffic(site, WWW, 231000);
	site_traffic(site, WWW6, 950);
	site_traffic(site, MAIL_V4, 12);
	site_run(site);
	site_pass(site, 5 * USEC_PER_SEC);
}

static void real_down(struct site *site)
{
	serve(site);
	addr_parse("10.1.0.14", &parts.removed.addr);
	parts.removed.since = site->now;
	parts.removed.quiet_since = site->now + 180 * USEC_PER_SEC;
	verdict(site, WEB, 1, PROBE_HTTP_STATUS, "HTTP 503 in 1.2 ms");
	parts.transitions[WEB] =
		(struct dataplane_transition){ .moving = 16384, .changed_us = site->now };
	site_pass(site, 192 * USEC_PER_SEC);
	parts.dropped = 17;
}

/* zebra tells its routes, and the kernel has lost the one to web2. */
static void zebra_differs(struct site *site)
{
	serve(site);
	addr_parse("10.1.0.12", &parts.differs_at);
	parts.zebra = (struct fpm_life){ .state = FPM_SYNCED,
					 .sentence = "zebra sent what it has",
					 .listen = "127.0.0.1:2620",
					 .since = site->now - 754 * USEC_PER_SEC,
					 .last_frame = site->now - 41 * USEC_PER_SEC,
					 .connections = 2,
					 .frames = 2006,
					 .messages = 2006,
					 .n_routes = 3,
					 .n_compared = 12,
					 .n_differ = 1,
					 .differ_since = site->now - 32 * USEC_PER_SEC,
					 .differ_addr = parts.differs_at,
					 .difference = FPM_KERNEL_LACKS };
}

/* It was there, and a stranger has tried the port since. */
static void zebra_gone(struct site *site)
{
	serve(site);
	parts.zebra = (struct fpm_life){ .state = FPM_GONE,
					 .sentence = "zebra closed the connection",
					 .listen = "127.0.0.1:2620",
					 .since = site->now - 62 * USEC_PER_SEC,
					 .last_frame = site->now - 80 * USEC_PER_SEC,
					 .connections = 2,
					 .faults = 1,
					 .fault_at = site->now - 300 * USEC_PER_SEC,
					 .fault = "frame of unknown type 7",
					 .frames = 2006,
					 .messages = 2006,
					 .n_routes = 3 };
}

/* Two reals whose certificates are near their end; both are up. */
static void certificates(struct site *site)
{
	struct core_event event = { .kind = CORE_EVENT_VERDICT,
				    .verdict = { .pool = WEB,
						 .state = REAL_UP,
						 .reason = PROBE_OK,
						 .sign = REAL_SIGN_ANSWERS,
						 .in_a_row = 40,
						 .latency_us = 800,
						 .next_due = site->now + 2 * USEC_PER_SEC,
						 .evidence =
							 "HTTP 200 in 0.8 ms; its certificate ends "
							 "2026-11-30 12:00 UTC" } };

	serve(site);
	event.verdict.real = 2;
	event.verdict.cert_ends = 1796040000;
	site_step(site, event);
	event.verdict.real = 3;
	event.verdict.cert_ends = 1796904000;
	site_step(site, event);
	site_run(site);
}

static void quorum_lost(struct site *site)
{
	serve(site);
	verdict(site, MAIL, 0, PROBE_TIMEOUT, "no SYN-ACK in 1.0 s");
	verdict(site, MAIL, 1, PROBE_REFUSED, "\033[31mrefused\033[0m");
	site_pass(site, 192 * USEC_PER_SEC);
}

static void drain(struct site *site, uint32_t vip)
{
	struct core_event event = { .kind = CORE_EVENT_DRAIN,
				    .drain = { .vip = vip,
					       .set = true,
					       .owner = "alice (uid 1000)",
					       .reason = "kernel 6.1.140",
					       .wall_us = 1795335042ULL * USEC_PER_SEC } };

	site_step(site, event);
	site_run(site);
}

static void draining(struct site *site)
{
	serve(site);
	drain(site, WWW);
	site_pass(site, 3 * USEC_PER_SEC);
}

static void drained(struct site *site)
{
	serve(site);
	drain(site, CORE_NONE);
	for (int i = 0; i < 20; i++) {
		for (uint32_t vip = 0; vip < 3; vip++)
			site_traffic(site, vip, 0);
		site_run(site);
		site_pass(site, USEC_PER_SEC);
	}
}

static void no_bgpd(struct site *site)
{
	serve(site);
	site_router(site, false, false, 0);
	site_run(site);
	parts.life = ROUTER_CONNECTING;
	parts.sentence = "vty socket '/run/frr/bgpd.vty': connect: No such file or directory";
}

static void peer_down(struct site *site)
{
	serve(site);
	site_router(site, true, true, 1);
	site->world.routes[0].peers = site->world.routes[1].peers = 1;
	site_run(site);
	parts.peers[1].is_established = false;
	parts.peers[1].since = 0;
	snprintf(parts.peers[1].state, sizeof(parts.peers[1].state), "Active");
	snprintf(parts.peers[1].last_reset, sizeof(parts.peers[1].last_reset),
		 "Hold Timer Expired");
}

/* tor2 has no BFD, and its policy lets nothing pass. */
static void not_sent(struct site *site)
{
	serve(site);
	site_router(site, true, true, 1);
	site->world.routes[0].peers = site->world.routes[1].peers = 1;
	site_run(site);
	parts.command = (struct router_command){ .op = ROUTER_ANNOUNCE,
						 .at = site->now - 65 * USEC_PER_SEC,
						 .refused = "" };
	parts.peers[0].bfd = BGP_BFD_UP;
	parts.peers[1].bfd = BGP_BFD_DOWN;
	parts.peers[1].ours4 = parts.peers[1].ours6 = 0;
	parts.peers[1].prefixes_sent4 = parts.peers[1].prefixes_sent6 = 0;
	for (size_t i = 0; i < 2; i++) {
		parts.peers[i].bfd_since = site->now - 700 * USEC_PER_SEC;
		parts.peers[i].bfd_rx_ms = parts.peers[i].bfd_tx_ms = 100;
		parts.peers[i].bfd_multiplier = 3;
	}
	strcpy(parts.peers[1].out[0].filter, "TO-TOR2");
	parts.peers[1].out[1].lacks_policy = true;
	strcpy(parts.peers[1].last_reset, "BGP Notification send");
	strcpy(parts.peers[1].notification, "Cease/BFD Down");
	parts.peers[1].reset_at = site->now - 760 * USEC_PER_SEC;
}

static void stuck(struct site *site)
{
	no_bgpd(site);
	parts.life = ROUTER_STUCK;
	parts.sentence = "vty socket '/run/frr/bgpd.vty': no answer for 3.0 s to 'enable'";
}

static void starting(struct site *site)
{
	site_facts_good(site);
	site_run(site);
	parts.last_verdict = 0;
	parts.attached[0].is_native = false;
	snprintf(parts.attached[0].generic_why, sizeof(parts.attached[0].generic_why),
		 "the driver refuses native XDP");
}

static void no_way(struct site *site)
{
	serve(site);
	site_next_hop(site, WEB, 0, false);
	parts.no_way = "gateway 10.0.2.1 unresolved";
	parts.no_way_to = core_config(site->core)->pools[WEB].reals[0].addr;
	parts.uplinks[1].has_carrier = false;
	site_uplink(site, 1, true, false, true);
	parts.probe_is_connected = false;
	site_run(site);
	site_pass(site, 10 * USEC_PER_SEC);
}

static const char overrides_web[] = "    slow-start: 30s\n    depool-floor: 50%\n";
static const char overrides_mail[] = "    all-down: open\n";

static const char no_exec_smtp[] =
	"  smtp: {type: exec, argv: [/usr/local/lib/shoal/banner, --timeout, \"2\"]}\n";

/* A program judges the mail servers: for one it was not there, of another it says why; then
 * shoal-exec went. */
static void no_exec(struct site *site)
{
	serve(site);
	verdict(site, MAIL, 1, PROBE_NOT_EXECUTABLE,
		"/usr/local/lib/shoal/banner: No such file or directory");
	verdict(site, MAIL, 2, PROBE_EXIT_STATUS,
		"exit code 1 in 31.0 ms: connecting to 10.1.1.13");
	parts.outputs[MAIL][2] = "connecting to 10.1.1.13\nconnected\nEHLO lb1\n"
				 "250-smtp3\n250 SIZE\nQUIT\n421 too busy\n";
	parts.exec = (struct prober_life){ .n_targets = 3,
					   .last_verdict = site->now,
					   .patience_us = 30 * USEC_PER_SEC,
					   .n_probes = 4711 };
	site_pass(site, 10 * USEC_PER_SEC);
}

/* Slow start, floor, all down, and a VIP on the node's own address. */
static void overrides(struct site *site)
{
	serve(site);
	verdict(site, WEB, 2, PROBE_REFUSED, "refused");
	verdict(site, WEB, 2, PROBE_OK, "HTTP 200 in 0.8 ms");
	for (uint32_t i = 0; i < 2; i++)
		verdict(site, WEB, i, PROBE_HTTP_STATUS, "HTTP 503 in 1.2 ms");
	for (uint32_t i = 0; i < 3; i++)
		site_check(site, MAIL, i, 0, REAL_DOWN, PROBE_REFUSED);
	site_run(site);
	site_pass(site, 12 * USEC_PER_SEC);
	parts.uplinks[0].has_addr4 = true;
	parts.uplinks[0].addr4 = core_config(site->core)->vips[MAIL_V4].prefix.addr;
}

static void order(struct site *site, uint32_t pool, uint32_t real, enum real_order kind,
		  uint64_t until_us)
{
	parts.orders[pool][real] = (struct core_order){ .order = kind,
							.owner = "bob (uid 1001)",
							.reason = "disk swap",
							.wall_us = 1795335042ULL * USEC_PER_SEC,
							.until_us = until_us };
	site_order(site, pool, real, kind);
	site_run(site);
}

/* One about to end, one whose check fails, and what they cost. */
static void taken_out(struct site *site)
{
	serve(site);
	order(site, WEB, 0, REAL_DRAINED, 1795335442ULL * USEC_PER_SEC);
	order(site, WEB, 1, REAL_DISABLED, 0);
	order(site, MAIL, 0, REAL_DRAINED, 1795335258ULL * USEC_PER_SEC);
	order(site, MAIL, 2, REAL_DRAINED, 0);
	verdict(site, WEB, 1, PROBE_REFUSED, "refused");
	site_pass(site, 12 * USEC_PER_SEC);
}

static void order_by_hand(struct site *site, uint32_t vip, enum vip_order order, uint64_t until_us)
{
	struct core_event event = { .kind = CORE_EVENT_VIP_ORDER,
				    .vip_order = { .vip = vip, .order = order } };

	event.vip_order.by = (struct core_drain){ .owner = "bob (uid 1001)",
						  .reason = "ticket 4711",
						  .wall_us = 1795335042ULL * USEC_PER_SEC,
						  .until_us = until_us };
	site_step(site, event);
	site_run(site);
}

/* One VIP withdrawn, one announced although its pool is down. */
static void by_hand(struct site *site)
{
	serve(site);
	order_by_hand(site, WWW, VIP_ORDER_WITHDRAW, 1795335842ULL * USEC_PER_SEC);
	for (uint32_t i = 0; i < 3; i++)
		verdict(site, MAIL, i, PROBE_TIMEOUT, "no SYN-ACK in 1.0 s");
	order_by_hand(site, MAIL_V4, VIP_ORDER_ANNOUNCE, 0);
	site_pass(site, 192 * USEC_PER_SEC);
}

/* Two pools; one real of the first deviates. */
static void watched(struct site *site)
{
	serve(site);
	site_pass(site, 192 * USEC_PER_SEC);
}

/* Since the scenario began, with what was counted meanwhile. */
static void watch(struct commands_context *context, usec_t now)
{
	static const struct dataplane_syns web[] = { { 7801, 12 }, { 1230, 574 }, { 15011, 19 } };
	const struct watches_words words[] = {
		{ .owner = "bob (uid 1001)", .reason = "slow pages" },
		{ .owner = "alice (uid 1000)", .reason = "", .for_us = 8 * 3600 * USEC_PER_SEC },
	};
	usec_t since = now - 192 * USEC_PER_SEC;
	bool is_already;
	struct err err;

	context->watches = watches_new(context);
	parts.syns[0][11] = (struct dataplane_syns){ 400, 300 }; /* from a watch before */
	for (uint32_t pool = WEB; pool <= MAIL; pool++)
		if (watches_start(context->watches, pool, &words[pool], since, &is_already, &err))
			exit(1);
	for (int i = 0; i < 3; i++) {
		parts.syns[0][11 + i].first += web[i].first;
		parts.syns[0][11 + i].again += web[i].again;
	}
	parts.syns[1][12] = (struct dataplane_syns){ 6, 3 }; /* too few to tell */
}

/* A reload on trial, and the file edited since. */
static void unconfirmed(struct site *site)
{
	serve(site);
	parts.config.trial = "pending";
	parts.config.former = "1f0e2d3c4b5a6978";
	parts.config.tried = core_config(site->core)->generation;
	parts.config.owner = "alice (uid 1000)";
	parts.config.since_wall_us = 1795335134ULL * USEC_PER_SEC;
	parts.config.until_wall_us = 1795335434ULL * USEC_PER_SEC;
	parts.config.left_us = 192 * USEC_PER_SEC;
	parts.config.file_state = "bad";
	parts.config.file_generation = "";
	parts.config.file_errors = 2;
	parts.repairs[1] = 2;
	parts.repairs[2] = 1;
}

/* Nobody confirmed it: the file holds what is not in force. */
static void went_back(struct site *site)
{
	unconfirmed(site);
	parts.config.trial = "went-back";
	parts.config.former = core_config(site->core)->generation;
	parts.config.tried = "1f0e2d3c4b5a6978";
	parts.config.file_state = "differs";
	parts.config.file_generation = "1f0e2d3c4b5a6978";
	parts.config.file_errors = 0;
}

static const struct {
	const char *name;
	void (*make)(struct site *site);
	const char *commands[20]; /* "why THING", or a list with nothing or one name after it */
} scenarios[] = {
	{ "serving",
	  serve,
	  { "status", "vips", "vips www", "pools", "reals", "reals mail", "peers", "routes",
	    "why www", "why web", "why web/web1", "why tor1", "why node", "ready", "ready www",
	    "balance" } },
	{ "real-down",
	  real_down,
	  { "status", "pools web", "reals", "why web/web2", "why 203.0.113.10" } },
	{ "certificates", certificates, { "status", "why web/web3", "reals web/web3" } },
	{ "quorum-lost",
	  quorum_lost,
	  { "status", "why mail-v4", "reals mail", "routes", "vips mail-v4", "ready",
	    "ready www" } },
	{ "draining", draining, { "status", "why www", "routes www", "vips www" } },
	{ "drained", drained, { "status", "why www", "why node", "ready" } },
	{ "no-bgpd", no_bgpd, { "status", "why www", "peers", "ready" } },
	{ "peer-down", peer_down, { "status", "why tor2", "peers" } },
	{ "not-sent", not_sent, { "status", "peers", "routes", "why www", "why tor2" } },
	{ "stuck", stuck, { "status", "routes", "why www" } },
	{ "starting", starting, { "status", "why www", "why web", "ready" } },
	{ "no-way", no_way, { "status", "why node", "why web", "reals web/web1" } },
	{ "zebra-differs", zebra_differs, { "status", "routes", "routes web/web2" } },
	{ "zebra-gone", zebra_gone, { "status", "routes" } },
	{ "taken-out",
	  taken_out,
	  { "status", "pools", "reals", "why web", "why web/web2", "why mail-v4" } },
	{ "by-hand",
	  by_hand,
	  { "status", "vips", "pools", "reals mail", "why www", "why mail-v4", "why mail", "ready",
	    "ready www" } },
	{ "watched",
	  watched,
	  { "status", "pools", "reals", "reals web/web2", "why web", "why web/web2",
	    "why mail/smtp1", "balance mail" } },
	{ "no-exec", no_exec, { "status", "why mail", "why mail/smtp2", "why mail/smtp3" } },
	{ "unconfirmed", unconfirmed, { "status" } },
	{ "went-back", went_back, { "status" } },
	{ "overrides",
	  overrides,
	  { "status", "pools", "reals", "why web", "why mail", "why mail-v4", "balance" } },
};

/* ---- one command ---- */

static const struct {
	const char *word;
	const struct list_kind *kind;
	void (*render)(const struct screen *screen, const json_t *result);
} lists[] = {
	{ "vips", &list_vips, render_vips },       { "pools", &list_pools, render_pools },
	{ "reals", &list_reals, render_reals },    { "peers", &list_peers, render_peers },
	{ "routes", &list_routes, render_routes },
};

/* The result as the command puts it together. */
static json_t *whole(const struct view *view, const struct list_kind *kind, const json_t *names)
{
	struct list *list = list_new(kind, names);
	json_t *so_far = json_object(), *next;
	struct err err;

	while (list_next(list, view, USEC_NEVER, &next, &err) > 0) {
		bool fits = parts_add(so_far, next);

		assert(fits);
		json_decref(next);
	}
	list_free(list);
	parts_join(next, so_far);
	json_decref(so_far);
	return next;
}

static void show(const struct screen *screen, bool is_json, json_t *result,
		 void (*render)(const struct screen *screen, const json_t *result))
{
	assert(result);
	if (is_json)
		json_dumpf(result, screen->out,
			   JSON_INDENT(2) | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15));
	else
		render(screen, result);
	fputc('\n', screen->out);
	json_decref(result);
}

/* Two answers, ten seconds and some traffic apart. */
static json_t *balance_of(const struct view *view, const json_t *names)
{
	static const uint64_t web[] = { 90000, 180000, 30000 };
	json_t *before = whole(view, &list_balance, names), *after, *judged;
	struct view then = *view;

	for (int i = 0; i < 3; i++) {
		parts.more[0][11 + i] += web[i];
		parts.more[1][11 + i] += 20;
	}
	parts.syns[1][11].first += 300;
	parts.syns[1][12].first += 320;
	parts.syns[1][13].first += 290;
	parts.sent += 300060;
	then.now += 10 * USEC_PER_SEC;
	after = whole(&then, &list_balance, names);
	judged = balance_judge(before, after);
	json_decref(before);
	json_decref(after);
	return judged;
}

/* As if the file were the one in force. */
static json_t *ready_now(const struct view *view, const json_t *names)
{
	json_t *status = whole(view, &list_status_brief, NULL), *verdict;
	const char *generation = json_string_value(json_object_get(status, "generation"));
	struct err err;

	verdict = ready_judge(status, generation, names, &err);
	json_decref(status);
	return verdict;
}

static void run(const struct view *view, const struct screen *screen, bool is_json,
		const char *command)
{
	const char *space = strchr(command, ' '), *rest = space ? space + 1 : "";
	json_t *names = json_array();
	struct err err = { "" };

	fprintf(screen->out, "$ shoal %s%s\n", command, is_json ? " --json" : "");
	if (*rest)
		json_array_append_new(names, json_string(rest));
	if (strcmp(command, "status") == 0)
		show(screen, is_json,
		     whole(view, is_json ? &list_status : &list_status_brief, NULL), render_status);
	else if (strncmp(command, "why ", 4) == 0)
		show(screen, is_json, view_why(view, rest, &err), render_why);
	else if (strncmp(command, "balance", 7) == 0)
		show(screen, is_json, balance_of(view, names), render_balance);
	else if (strncmp(command, "ready", 5) == 0)
		show(screen, is_json, ready_now(view, names), render_ready);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		if (strncmp(command, lists[i].word, strlen(lists[i].word)) == 0)
			show(screen, is_json, whole(view, lists[i].kind, names), lists[i].render);
	json_decref(names);
}

static void play(size_t scenario, const struct screen *screen, bool is_json)
{
	struct config_report report;
	bool overrides_any = scenarios[scenario].make == overrides;
	struct config *config = NULL;
	struct site site;
	char yaml[4096];
	int len = snprintf(yaml, sizeof(yaml), "%s%s%s%s%s%s%s", yaml_head,
			   scenarios[scenario].make == no_exec ? no_exec_smtp : yaml_smtp,
			   yaml_pools, overrides_any ? overrides_web : "", yaml_web,
			   overrides_any ? overrides_mail : "", yaml_rest);

	if (config_parse("shoal.yaml", yaml, (size_t)len, CONFIG_NEED_NODE, &config, &report) < 0) {
		fputs(report.text, stderr);
		exit(1);
	}
	site_start(&site, config);
	fake_parts_init(&site);
	scenarios[scenario].make(&site);
	if (parts.last_verdict)
		parts.last_verdict = site.now - 400 * USEC_PER_MSEC;

	struct commands_context context = fake_context(&site);
	const struct view view = { .daemon = &context,
				   .now = site.now,
				   .wall_us = 1795335242ULL * USEC_PER_SEC };

	if (scenarios[scenario].make == watched)
		watch(&context, site.now);
	for (size_t i = 0; scenarios[scenario].commands[i]; i++)
		run(&view, screen, is_json, scenarios[scenario].commands[i]);
	watches_free(context.watches);
	site_stop(&site);
	config_free(config);
	config_report_fini(&report);
}

int main(int argc, char **argv)
{
	setenv("TZ", "UTC", 1);
	tzset();
	if (argc != 4)
		return 2;
	const struct screen screen = { .out = stdout,
				       .width = (unsigned)atoi(argv[3]),
				       .has_color = strcmp(argv[2], "color") == 0,
				       .has_utf8 = strcmp(argv[2], "ascii") != 0 };

	for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
		if (strcmp(scenarios[i].name, argv[1]) != 0)
			continue;
		play(i, &screen, strcmp(argv[2], "json") == 0);
		return 0;
	}
	return 2;
}
