/* SPDX-License-Identifier: Apache-2.0 */
/*
 * routing.c - how long routes take, from an event to the kernel of the ToR, what the proof costs,
 * and what a drain loses. With shoald, prober, guard and FRR on sites of its own in namespaces.
 *
 * The event of an announcement is that the only real of a pool is enabled, that of a withdrawal
 * that it is disabled: the way of every judgement. The moment at which a route comes or goes is
 * when the ToR's kernel multicasts it. Beside each announcement of one VIP a bare `network` line is
 * measured, written to the same bgpd without Shoal: the floor, 110 ms of it FRR's own pauses.
 *
 * Nothing is judged here; docs/performance.md says what is to be reached.
 */
#include <getopt.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/usec.h"
#include "tests/bench/routing_kernel.h"
#include "tests/bench/routing_site.h"
#include "tests/bench/routing_streams.h"

#define SAMPLES_MAX 1000
#define WAIT_US     (60 * USEC_PER_SEC)
#define OTHERS      1000 /* VIPs beside the one */
#define PEERS_PAUSE (100 * USEC_PER_MSEC)

struct bench {
	bool json;
	unsigned n;       /* 0: as each measurement has it */
	const char *only; /* NULL: everything */
	struct site site;
	struct kernel_watch *watch;
	int vty;
	pid_t shoald, bgpd;
};

struct samples {
	double ms[SAMPLES_MAX];
	unsigned n;
};

/* ---- figures ---- */

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

static double median(struct samples *samples)
{
	unsigned n = samples->n;

	if (n == 0)
		return 0;
	qsort(samples->ms, n, sizeof(*samples->ms), compare);
	return n % 2 ? samples->ms[n / 2] : (samples->ms[n / 2 - 1] + samples->ms[n / 2]) / 2;
}

static void add(struct samples *samples, usec_t us)
{
	if (samples->n < SAMPLES_MAX)
		samples->ms[samples->n++] = (double)us / USEC_PER_MSEC;
}

static json_t *real(double value)
{
	return json_real((double)(long long)(value * 1000) / 1000);
}

/* A line of figures; takes the object. */
static void tell(const struct bench *bench, json_t *object)
{
	const char *key;
	json_t *value;

	if (bench->json) {
		json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(7));
	} else {
		json_object_foreach (object, key, value) {
			char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(7));

			if (json_is_string(value))
				printf("%-14s", json_string_value(value));
			else
				printf("  %s %s", key, text);
			free(text);
		}
	}
	putchar('\n');
	fflush(stdout);
	json_decref(object);
}

/* The usual line: name, median, number and the slowest. */
static json_t *figure(const char *name, struct samples *samples)
{
	double ms = median(samples);

	return json_pack("{s:s, s:o, s:o, s:i}", "name", name, "ms", real(ms), "max_ms",
			 real(samples->n ? samples->ms[samples->n - 1] : 0), "n", (int)samples->n);
}

static bool is_wanted(const struct bench *bench, const char *name)
{
	return !bench->only || strcmp(bench->only, name) == 0;
}

static unsigned rounds(const struct bench *bench, unsigned usual)
{
	return bench->n ? bench->n : usual;
}

/* ---- routes ---- */

static usec_t wait_for(const struct bench *bench, uint32_t first, uint32_t n, bool there,
		       const char *what)
{
	usec_t at = kernel_wait(bench->watch, first, n, there, usec_now() + WAIT_US);

	if (at == 0)
		site_die("not within a minute: %s", what);
	return at;
}

static void pause_us(usec_t us)
{
	usleep((useconds_t)us);
}

/* Until shoald has read back and proved what it wrote: so long nothing is due. */
static void settle(const struct bench *bench)
{
	long before, now = site_read_backs(&bench->site);
	usec_t quiet = 4 * PEERS_PAUSE;

	do {
		before = now;
		pause_us(quiet);
		now = site_read_backs(&bench->site);
	} while (now != before);
}

static void vty_line(const struct bench *bench, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void vty_line(const struct bench *bench, const char *fmt, ...)
{
	char line[128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (!site_vty_ask(bench->vty, "%s", line))
		site_die("bgpd left: '%s'", line);
}

static void vty_configure(struct bench *bench)
{
	bench->vty = site_vty(&bench->site);
	if (bench->vty < 0)
		site_die("bgpd does not answer");
	vty_line(bench, "enable");
	vty_line(bench, "configure terminal");
	vty_line(bench, "router bgp");
	vty_line(bench, "address-family ipv4 unicast");
}

static usec_t bare_line(const struct bench *bench, bool there)
{
	usec_t began = usec_now();

	vty_line(bench, there ? "network 198.19.0.0/32" : "no network 198.19.0.0/32");
	return wait_for(bench, KERNEL_FLOOR, 1, there, "a bare network line") - began;
}

/* So many bare lines, one after the other as Shoal writes them, and the way back. */
static usec_t bare_lines(const struct bench *bench, uint32_t n)
{
	usec_t began = usec_now(), took;

	for (uint32_t i = 0; i < n; i++)
		vty_line(bench, "network 198.19.%u.%u/32", i / 256, i % 256);
	took = wait_for(bench, KERNEL_FLOOR, n, true, "bare network lines") - began;
	for (uint32_t i = 0; i < n; i++)
		vty_line(bench, "no network 198.19.%u.%u/32", i / 256, i % 256);
	wait_for(bench, KERNEL_FLOOR, n, false, "bare network lines gone");
	return took;
}

static usec_t order(const struct bench *bench, const char *pool, bool there)
{
	uint32_t first = strcmp(pool, "one") == 0 ? KERNEL_ONE : 0;
	uint32_t n = first ? 1 : (uint32_t)atoi(strchr(pool, ':') + 1);
	usec_t began = usec_now();

	site_order(&bench->site, first ? "one/web1" : "many/web1", there ? "enable" : "disable");
	return wait_for(bench, first, n, there, pool) - began;
}

static void measure_one(struct bench *bench)
{
	static const char *const names[2] = { "withdraw-1", "announce-1" };
	struct samples shoal[2] = { 0 }, bare[2] = { 0 };
	unsigned n = rounds(bench, 20);

	for (unsigned i = 0; i < 2 * n; i++) {
		bool there = i % 2;

		add(&shoal[there], order(bench, "one", there));
		settle(bench);
		add(&bare[there], bare_line(bench, !there));
		settle(bench);
	}
	for (unsigned i = 2; i-- > 0;) {
		json_t *line = figure(names[i], &shoal[i]);
		double floor = median(&bare[!i]);

		json_object_set_new(line, "over_floor_ms", real(median(&shoal[i]) - floor));
		json_object_set_new(line, "floor_ms", real(floor));
		json_object_set_new(line, "others", json_integer(OTHERS));
		tell(bench, line);
	}
}

static void measure_many(struct bench *bench, unsigned vips, unsigned usual)
{
	struct samples announced = { 0 }, withdrawn = { 0 }, bare = { 0 };
	unsigned n = rounds(bench, usual);
	char name[32], pool[32];
	json_t *line;

	snprintf(pool, sizeof(pool), "many:%u", vips);
	for (unsigned i = 0; i < n; i++) {
		add(&withdrawn, order(bench, pool, false));
		settle(bench);
		add(&announced, order(bench, pool, true));
		settle(bench);
		add(&bare, bare_lines(bench, vips));
		settle(bench);
	}
	snprintf(name, sizeof(name), "announce-%u", vips);
	line = figure(name, &announced);
	json_object_set_new(line, "floor_ms", real(median(&bare)));
	json_object_set_new(line, "withdraw_ms", real(median(&withdrawn)));
	tell(bench, line);
}

/* ---- what it costs ---- */

struct cost {
	double shoald_ms, bgpd_ms;
	long read_backs;
};

static struct cost cost_of(const struct bench *bench, usec_t how_long)
{
	usec_t shoald = site_cpu(bench->shoald), bgpd = site_cpu(bench->bgpd);
	long read_backs = site_read_backs(&bench->site);

	pause_us(how_long);
	return (struct cost){
		.shoald_ms = (double)(site_cpu(bench->shoald) - shoald) / USEC_PER_MSEC,
		.bgpd_ms = (double)(site_cpu(bench->bgpd) - bgpd) / USEC_PER_MSEC,
		.read_backs = site_read_backs(&bench->site) - read_backs,
	};
}

/* Twenty seconds hold one periodic read-back, sometimes two. */
static void measure_idle(struct bench *bench)
{
	double seconds = bench->n == 1 ? 2 : 30;
	struct cost cost = cost_of(bench, (usec_t)(seconds * USEC_PER_SEC));

	tell(bench, json_pack("{s:s, s:o, s:o, s:i, s:f, s:i}", "name", "idle", "percent",
			      real(cost.shoald_ms / seconds / 10), "bgpd_percent",
			      real(cost.bgpd_ms / seconds / 10), "read_backs", (int)cost.read_backs,
			      "seconds", seconds, "vips", OTHERS + 1));
}

struct costs {
	struct samples shoald, bgpd;
};

/* One more window of two seconds, if as many read-backs fell into it as wanted. */
static bool add_cost(const struct bench *bench, struct costs *costs, long read_backs)
{
	struct cost cost = cost_of(bench, 2 * USEC_PER_SEC);

	if (cost.read_backs != read_backs)
		return false;
	costs->shoald.ms[costs->shoald.n++] = cost.shoald_ms;
	costs->bgpd.ms[costs->bgpd.n++] = cost.bgpd_ms;
	return true;
}

/*
 * A bare line changes how many prefixes each peer was sent, which shoald sees within a second and
 * reads everything for. What the same time costs without is taken off: medians of both, for now
 * and then a self-test of all services falls into a window.
 */
static void measure_read_back(struct bench *bench)
{
	struct costs with = { 0 }, without = { 0 };
	unsigned n = rounds(bench, 20), line = 0;
	double shoald, bgpd;

	site_do(&bench->site, "second-peer");
	settle(bench);
	while (without.shoald.n < n)
		add_cost(bench, &without, 0);
	while (with.shoald.n < n) {
		vty_line(bench, "%snetwork 198.19.0.0/32", line++ % 2 ? "no " : "");
		add_cost(bench, &with, 1);
	}
	shoald = median(&with.shoald) - median(&without.shoald);
	bgpd = median(&with.bgpd) - median(&without.bgpd);
	tell(bench, json_pack("{s:s, s:o, s:o, s:o, s:i, s:i, s:i}", "name", "read-back", "cpu_ms",
			      real(shoald + bgpd), "shoald_ms", real(shoald), "bgpd_ms", real(bgpd),
			      "vips", OTHERS + 1, "peers", 2, "n", (int)n));
	if (line % 2)
		vty_line(bench, "no network 198.19.0.0/32");
	site_do(&bench->site, "no-second-peer");
	settle(bench);
}

/* ---- failures ---- */

/* The moment at which bgpd has a socket and behind it the instance of its configuration. */
static usec_t wait_for_bgpd(struct bench *bench)
{
	usec_t deadline = usec_now() + WAIT_US;

	while (usec_now() < deadline) {
		int fd = site_vty(&bench->site);
		const char *text = fd < 0 ? NULL : site_vty_ask(fd, "enable");

		if (text)
			text = site_vty_ask(fd, "show bgp summary json");
		if (text && strstr(text, "\"peers\"")) {
			close(fd);
			return usec_now();
		}
		if (fd >= 0)
			close(fd);
		pause_us(2 * USEC_PER_MSEC);
	}
	site_die("bgpd did not come back");
}

static void measure_restart(struct bench *bench)
{
	struct samples samples = { 0 };
	unsigned n = rounds(bench, 5);
	json_t *line;

	for (unsigned i = 0; i < n; i++) {
		usec_t began;

		close(bench->vty);
		site_do(&bench->site, "kill-bgpd");
		wait_for(bench, 0, OTHERS, false, "the ToR drops the routes of a dead bgpd");
		site_do(&bench->site, "start-bgpd");
		began = wait_for_bgpd(bench);
		add(&samples,
		    wait_for(bench, 0, OTHERS, true, "VIPs after a restart of bgpd") - began);
		bench->bgpd = (pid_t)atoi(site_do(&bench->site, "pid lb1-bgpd"));
		vty_configure(bench);
		settle(bench);
	}
	line = figure("bgpd-restart", &samples);
	json_object_set_new(line, "vips", json_integer(OTHERS));
	tell(bench, line);
}

static void measure_death(struct bench *bench)
{
	struct samples samples = { 0 };
	unsigned n = rounds(bench, 5);

	for (unsigned i = 0; i < n; i++) {
		usec_t began;

		site_do(&bench->site, "wait-bfd");
		settle(bench);
		began = usec_now();
		site_do(&bench->site, "die");
		add(&samples,
		    wait_for(bench, 0, OTHERS, false, "the ToR notices a dead node") - began);
		site_do(&bench->site, "live");
		wait_for(bench, 0, OTHERS, true, "the VIPs of a node that returned");
	}
	tell(bench, figure("node-death-bfd", &samples));
}

/* ---- the two sites ---- */

static void serve(struct bench *bench, unsigned vips)
{
	site_do(&bench->site, "serve %u", vips);
	wait_for(bench, KERNEL_ONE, 1, true, "the first announcement");
	wait_for(bench, 0, vips, true, "all announcements");
	settle(bench);
}

static void run_routes(struct bench *bench)
{
	char netns[80];

	site_start(&bench->site, "routes");
	snprintf(netns, sizeof(netns), "%.60stor", bench->site.prefix);
	bench->watch = kernel_watch_start(netns);
	serve(bench, OTHERS);
	bench->shoald = (pid_t)atoi(site_do(&bench->site, "pid lb1-shoald"));
	bench->bgpd = (pid_t)atoi(site_do(&bench->site, "pid lb1-bgpd"));
	vty_configure(bench);
	if (is_wanted(bench, "announce-1") || is_wanted(bench, "withdraw-1"))
		measure_one(bench);
	if (is_wanted(bench, "announce-1000"))
		measure_many(bench, OTHERS, 20);
	if (is_wanted(bench, "idle"))
		measure_idle(bench);
	if (is_wanted(bench, "read-back"))
		measure_read_back(bench);
	if (is_wanted(bench, "bgpd-restart"))
		measure_restart(bench);
	if (is_wanted(bench, "node-death-bfd"))
		measure_death(bench);
	if (is_wanted(bench, "announce-5000")) {
		serve(bench, 5000);
		measure_many(bench, 5000, 5);
	}
	close(bench->vty);
	kernel_watch_stop(bench->watch);
	site_stop(&bench->site);
}

#define DOWNLOADS 200
#define STREAMS   50

/* One node is drained and returns while everything runs, so that flows move twice. */
static void run_drain(struct bench *bench)
{
	unsigned n = rounds(bench, 1), lost_connections = 0, left = 0;
	uint64_t lost = 0, sent = 0;
	char netns[80];
	int buffers_full;

	site_start(&bench->site, "drain");
	snprintf(netns, sizeof(netns), "%.60sclient1", bench->site.prefix);
	site_do(&bench->site, "serve-site");
	for (unsigned i = 0; i < n; i++) {
		struct streams *streams = streams_start(netns, "203.0.113.10", STREAMS, 20);
		uint64_t sent_now, lost_now;

		site_do(&bench->site, "downloads %d 100k", DOWNLOADS);
		site_do(&bench->site, "drain lb1");
		site_do(&bench->site, "undrain lb1");
		left += (unsigned)atoi(site_do(&bench->site, "downloads-left"));
		lost_connections += (unsigned)atoi(site_do(&bench->site, "downloads-lost"));
		streams_stop(streams, &sent_now, &lost_now);
		sent += sent_now;
		lost += lost_now;
	}
	buffers_full = atoi(site_do(&bench->site, "buffers-full"));
	tell(bench, json_pack("{s:s, s:i, s:I, s:i, s:i, s:i, s:I, s:i}", "name", "drain",
			      "lost_connections", (int)lost_connections, "lost_datagrams",
			      (json_int_t)lost, "buffers_full", buffers_full, "connections",
			      (int)(n * DOWNLOADS), "connections_at_return", (int)left, "datagrams",
			      (json_int_t)sent, "n", (int)n));
	site_stop(&bench->site);
}

/* ---- command line ---- */

static const char usage[] =
	"Usage: routing [--json] [--only NAME] [--n N]\n"
	"Measures announcements from the event to the ToR's kernel; needs root and FRR.\n"
	"\n"
	"  --json       a JSON object a line\n"
	"  --only NAME  one of announce-1 (with withdraw-1), announce-1000, announce-5000, idle,\n"
	"               read-back, bgpd-restart, node-death-bfd, drain\n"
	"  --n N        repeat each N times; usual are 20, of the slow ones 5, of drain 1\n";

static bool parse(struct bench *bench, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "only", required_argument, NULL, 'o' },
		{ "n", required_argument, NULL, 'n' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) >= 0) {
		if (c == 'j')
			bench->json = true;
		else if (c == 'o')
			bench->only = optarg;
		else if (c == 'n')
			bench->n = (unsigned)strtoul(optarg, NULL, 10);
		else
			return false;
	}
	return optind == argc && bench->n <= SAMPLES_MAX;
}

int main(int argc, char **argv)
{
	static struct bench bench;

	if (!parse(&bench, argc, argv)) {
		fputs(usage, stderr);
		return 2;
	}
	if (geteuid() != 0) {
		fputs("skip: needs root; run it with sudo\n", stderr);
		return 77;
	}
	if (!bench.only || strcmp(bench.only, "drain") != 0)
		run_routes(&bench);
	if (is_wanted(&bench, "drain"))
		run_drain(&bench);
	return EXIT_SUCCESS;
}
