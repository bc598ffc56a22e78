/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rings.c - how long it takes until what the controller decided is in the maps: rings [--json].
 *
 * A private program and its maps (the real ones, nothing attached), core and reconciler as shoald
 * runs them; only the prober and FRR are missing, whose part the bench plays: it judges every real
 * up, tells its next hop, and there is no router. A time begins with the event handed to the core
 * and ends when the reconciler has nothing left to do for it, which is after the last slot is
 * stored. Before a figure counts, the maps are read: every service programmed, no slot naming who
 * left, and no other slot changed.
 *
 * Cases, each with 100 reals a pool, 10,000 reals in all:
 *   load-1000       config to everything in the maps, pools of different reals
 *   load-1000-equal the same with pools of equal reals, which share a base ring
 *   leave-1         one real leaves one pool of 1,000
 *   leave-1000      one real leaves 1,000 pools of otherwise different reals
 *   return-1, return-1000  it comes back
 *   adopt-1000      another controller takes over full maps
 *
 * The floor of a case is one pass that reads and writes as much memory as the rings it is about, in
 * the same minute: what no way of writing rings could go below. Times are CPU time of this thread,
 * so that waiting for other processes does not count; nothing here waits for anything else. Medians
 * of ROUNDS where the case can be repeated. Trust ratios of one run.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "frr-integration/router.h"
#include "src/base/log.h"
#include "src/core/core.h"
#include "src/dataplane/internal.h"
#include "src/reconcile/reconcile.h"

#include <event2/event.h>

#define POOLS     1000U
#define REALS     100U /* a pool */
#define ADDRESSES 10000U
#define ROUNDS    9

#define COMMON 0U /* the real that all pools have */

struct site {
	struct config config;
	struct config_pool *pools;
	struct config_real *reals;
	struct config_vip *vips;
	struct config_service *services;
	struct config_check check;
	uint32_t checks[1];
	struct prefix range;
	struct event_base *base;
	struct dataplane *dp;
	struct router *router;
	struct core *core;
	struct reconcile *reconcile;
	char run_dir[64];
};

static bool as_json;

static void fail(const char *what, const char *why)
{
	fprintf(stderr, "rings: %s: %s\n", what, why);
	exit(1);
}

/* Time that this thread ran, in microseconds. */
static usec_t ran_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (usec_t)now.tv_sec * USEC_PER_SEC + (usec_t)now.tv_nsec / 1000;
}

static double ms_since(usec_t from)
{
	return (double)(ran_us() - from) / USEC_PER_MSEC;
}

static int double_cmp(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static double median(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), double_cmp);
	return values[n / 2];
}

/* ---- the floor ---- */

/* Read and write the memory of so many rings once. */
static double floor_ms(size_t rings)
{
	size_t words = rings * LB_RING_WORDS;
	uint32_t *memory = calloc(words, sizeof(*memory));
	double times[ROUNDS];

	if (!memory)
		fail("floor", "no memory");
	for (size_t i = 0; i < words; i++)
		memory[i] = (uint32_t)i;
	for (int round = 0; round < ROUNDS; round++) {
		usec_t from = ran_us();

		for (size_t i = 0; i < words; i++)
			DP_STORE(memory[i], DP_LOAD(memory[i]) + 1);
		times[round] = ms_since(from);
	}
	free(memory);
	return median(times, ROUNDS);
}

static void report(const char *name, double ms, size_t rings, double target)
{
	double floor = floor_ms(rings);

	if (as_json)
		printf("{\"name\":\"%s\",\"ms\":%.3f,\"floor_ms\":%.3f,\"ratio\":%.2f,"
		       "\"target_ms\":%.0f}\n",
		       name, ms, floor, ms / floor, target);
	else
		printf("%-16s %10.2f ms  floor %8.3f ms  ratio %7.1f  %s%.0f ms\n", name, ms, floor,
		       ms / floor, target > 0 ? "target " : "no target ", target);
	fflush(stdout);
}

/* ---- the site ---- */

/* Every pool has address 0; the others are equal in all pools, or differ in every one. */
static struct addr address(uint32_t i)
{
	uint8_t raw[4] = { 10, (uint8_t)(64 + i / 65536), (uint8_t)(i / 256), (uint8_t)i };

	return addr_from_raw(AF_INET, raw);
}

static void pool_fill(struct site *s, uint32_t p, bool equal)
{
	static char names[POOLS][12];
	struct config_pool *pool = &s->pools[p];

	snprintf(names[p], sizeof(names[p]), "p%u", p);
	*pool = (struct config_pool){ .name = names[p],
				      .checks = s->checks,
				      .n_checks = 1,
				      .quorum_return = 1,
				      .quorum_stay = 1,
				      .reals = &s->reals[p * REALS],
				      .n_reals = REALS };
	for (uint32_t i = 0; i < REALS; i++) {
		uint32_t own = equal ? i : 1 + (p * 97 + i * (1 + p / 100)) % (ADDRESSES - 1);

		s->reals[p * REALS + i] = (struct config_real){
			.name = "r", .addr = address(i == 0 ? COMMON : own), .weight = 1
		};
	}
}

static void vip_fill(struct site *s, uint32_t i)
{
	static char names[POOLS][12];
	uint8_t raw[4] = { 203, 0, (uint8_t)(i / 256), (uint8_t)i };

	snprintf(names[i], sizeof(names[i]), "v%u", i);
	s->services[i] = (struct config_service){ .proto = IPPROTO_TCP, .port = 80, .pool = i };
	s->vips[i] = (struct config_vip){ .name = names[i],
					  .prefix = { addr_from_raw(AF_INET, raw), 32 },
					  .services = &s->services[i],
					  .n_services = 1 };
}

static void config_fill(struct site *s, bool equal)
{
	static const char *const uplinks[] = { "bench0" };

	s->pools = calloc(POOLS, sizeof(*s->pools));
	s->reals = calloc(POOLS * REALS, sizeof(*s->reals));
	s->vips = calloc(POOLS, sizeof(*s->vips));
	s->services = calloc(POOLS, sizeof(*s->services));
	if (!s->pools || !s->reals || !s->vips || !s->services ||
	    prefix_parse("203.0.0.0/16", &s->range) < 0)
		fail("config", "no memory");
	s->check = (struct config_check){ .name = "tcp",
					  .interval_us = 2 * USEC_PER_SEC,
					  .timeout_us = USEC_PER_SEC,
					  .rise = 1,
					  .fall = 1 };
	for (uint32_t i = 0; i < POOLS; i++) {
		pool_fill(s, i, equal);
		vip_fill(s, i);
	}
	s->config = (struct config){
		.generation = "bench",
		.file = "bench",
		.node = { .name = "bench",
			  .uplinks = uplinks,
			  .n_uplinks = 1,
			  .flow_table = 65536,
			  .mtu_bytes = 1600,
			  .client_mtu_bytes = 1500,
			  .idle_us = 900 * USEC_PER_SEC },
		.routing = { .present = true,
			     .vty = "/nonexistent",
			     .local_as = 65010,
			     .vip_ranges = &s->range,
			     .n_vip_ranges = 1,
			     .require_peers = 1 },
		.checks = &s->check,
		.n_checks = 1,
		.pools = s->pools,
		.n_pools = POOLS,
		.vips = s->vips,
		.n_vips = POOLS,
	};
}

static void on_router(void *arg)
{
	(void)arg;
}

static bool may_write(void *arg)
{
	(void)arg;
	return false;
}

static void on_real_programmed(const struct addr *real, void *arg)
{
	static const struct dataplane_next_hop hop = { .usable = true, .mac = { 2, [5] = 1 } };
	struct site *s = arg;
	struct err err;

	if (dataplane_set_next_hop(s->dp, 0, real, &hop, &err) < 0)
		fail("next hop", err.text);
}

static void site_open(struct site *s)
{
	const struct router_callbacks router = { .changed = on_router, .may_write = may_write };
	const uint8_t mac[6] = { 2, 0, 0, 0, 0, 2 };
	struct err err = { "" };

	s->base = event_base_new();
	if (dataplane_open_private(&s->config, NULL, &s->dp, &err) < 0 ||
	    uplink_set_private(s->dp, 0, "bench0", 77, mac, &err) < 0 ||
	    router_new(s->base, &s->config, &router, &s->router, &err) < 0)
		fail("start", err.text);
}

static void controller_start(struct site *s)
{
	struct reconcile_options options;
	struct err err = { "" };

	s->core = core_new(&s->config, usec_now());
	options = (struct reconcile_options){ .core = s->core,
					      .dataplane = s->dp,
					      .router = s->router,
					      .run_dir = s->run_dir,
					      .real_programmed = on_real_programmed,
					      .arg = s };
	if (!s->core || reconcile_new(&options, &s->reconcile, &err) < 0)
		fail("start", err.text);
}

static void controller_stop(struct site *s)
{
	reconcile_free(s->reconcile);
	core_free(s->core);
}

static void step(struct site *s, struct core_event event)
{
	event.now = usec_now();
	event.is_deferred = event.kind != CORE_EVENT_UPLINK; /* as shoald does */
	core_step(s->core, &event);
}

static void judge(struct site *s, uint32_t pool, uint32_t real, enum real_state state)
{
	step(s, (struct core_event){
			.kind = CORE_EVENT_VERDICT,
			.verdict = { .pool = pool,
				     .real = real,
				     .state = state,
				     .reason = state == REAL_UP ? PROBE_OK : PROBE_TIMEOUT } });
}

static void tell_ways(struct site *s)
{
	step(s, (struct core_event){
			.kind = CORE_EVENT_UPLINK,
			.uplink = { .present = true, .has_carrier = true, .xdp_attached = true } });
	for (uint32_t p = 0; p < POOLS; p++)
		for (uint32_t i = 0; i < REALS; i++)
			step(s, (struct core_event){
					.kind = CORE_EVENT_NEXT_HOP,
					.next_hop = { .pool = p, .real = i, .usable = true } });
}

static void judge_all(struct site *s)
{
	for (uint32_t p = 0; p < POOLS; p++)
		for (uint32_t i = 0; i < REALS; i++)
			judge(s, p, i, REAL_UP);
}

/* ---- proof ---- */

static uint16_t common_index(const struct site *s)
{
	struct addr addr = address(COMMON);

	return dataplane_real_index(s->dp, &addr);
}

/* Slots of the first n rings whose new flows go to the common real. */
static size_t common_slots(const struct site *s, uint32_t n)
{
	uint16_t index = common_index(s);
	size_t found = 0;

	for (uint32_t p = 0; p < n; p++) {
		const uint32_t *slots = dataplane_ring(s->dp, reconcile_ring(s->reconcile, p));

		if (!slots)
			fail("proof", "a pool has no ring");
		for (uint32_t i = 0; i < RING_SLOTS; i++)
			found += LB_SLOT_CUR(slots[i]) == index;
	}
	return found;
}

static void prove_loaded(const struct site *s)
{
	struct dataplane_service *list;
	struct err err;
	size_t n;

	if (dataplane_list_services(s->dp, &list, &n, &err) < 0 || n != POOLS)
		fail("proof", "a service is missing");
	free(list);
	if (common_slots(s, POOLS) < POOLS * 100)
		fail("proof", "rings are not filled");
}

/* ---- cases ---- */

static void pass(struct site *s)
{
	reconcile_pass(s->reconcile, usec_now());
}

static void load(struct site *s, const char *name)
{
	usec_t from;

	controller_start(s);
	tell_ways(s);
	judge_all(s);
	from = ran_us();
	pass(s);
	report(name, ms_since(from), POOLS, 2500);
	prove_loaded(s);
}

/* The common real goes down and comes back in the first n pools. */
static void leave(struct site *s, uint32_t n, const char *leaves, const char *returns,
		  double target)
{
	double gone[ROUNDS], back[ROUNDS];

	for (int round = 0; round < ROUNDS; round++) {
		size_t had = common_slots(s, n);
		usec_t from = ran_us();

		for (uint32_t p = 0; p < n; p++)
			judge(s, p, 0, REAL_DOWN);
		pass(s);
		gone[round] = ms_since(from);
		if (common_slots(s, n) != 0)
			fail(leaves, "slots still name the real that left");
		from = ran_us();
		for (uint32_t p = 0; p < n; p++)
			judge(s, p, 0, REAL_UP);
		pass(s);
		back[round] = ms_since(from);
		if (common_slots(s, n) != had)
			fail(returns, "the real has not all its slots again");
	}
	report(leaves, median(gone, ROUNDS), n, target);
	report(returns, median(back, ROUNDS), n, 0);
}

static void adopt(struct site *s)
{
	usec_t from;

	controller_stop(s);
	from = ran_us();
	controller_start(s);
	pass(s);
	report("adopt-1000", ms_since(from), POOLS, 1000);
	prove_loaded(s);
}

static void site_close(struct site *s)
{
	char command[96];

	controller_stop(s);
	router_free(s->router);
	dataplane_close(s->dp);
	event_base_free(s->base);
	free(s->pools);
	free(s->reals);
	free(s->vips);
	free(s->services);
	snprintf(command, sizeof(command), "%s/announced", s->run_dir);
	unlink(command);
	rmdir(s->run_dir);
}

static void run(bool equal)
{
	struct site *s = calloc(1, sizeof(*s));

	if (!s)
		fail("start", "no memory");
	snprintf(s->run_dir, sizeof(s->run_dir), "/tmp/shoal-bench-rings.XXXXXX");
	if (!mkdtemp(s->run_dir))
		fail(s->run_dir, strerror(errno));
	config_fill(s, equal);
	site_open(s);
	load(s, equal ? "load-1000-equal" : "load-1000");
	if (!equal) {
		leave(s, 1, "leave-1", "return-1", 5);
		leave(s, POOLS, "leave-1000", "return-1000", 300);
		adopt(s);
	}
	site_close(s);
	free(s);
}

int main(int argc, char **argv)
{
	as_json = argc > 1 && strcmp(argv[1], "--json") == 0;
	if (argc > 2 || (argc == 2 && !as_json)) {
		fputs("usage: rings [--json]\n", stderr);
		return 2;
	}
	if (geteuid() != 0) {
		fputs("rings: needs root, to load the program\n", stderr);
		return 77;
	}
	log_init("rings", LOG_LEVEL_WARN);
	run(false);
	run(true);
	return 0;
}
