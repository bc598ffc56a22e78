/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vectors_counters.c - upstream's counters after a suite against ours, one by one where both count
 * the same thing. Two differences are made up for: upstream leaves the 40 bytes of an IPv6 header
 * out of its bytes, and what a deliberate difference forwards (VECTOR_LIKE) it dropped.
 *
 * Not compared, because the two do not count alike: hits and misses of upstream's cache, source
 * routes (upstream: per miss of the cache; here: per packet), rates, and sizes of frames.
 */
#include "tests/packet/vectors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/dataplane/internal.h"

#define IPV6_LEN 40

static bool is_forwarded(uint32_t cause)
{
	return cause == LB_SENT_FORWARDED || cause == LB_SENT_REDIRECTED ||
	       cause == LB_PASS_LOCAL_REAL;
}

void vector_counters_note(struct vector_balancer *balancer, const struct vector_known *known,
			  size_t len)
{
	const struct lb_trace *trace = dataplane_trace(balancer->dp);
	struct vector_extra *service, *real;
	uint32_t l3_len = (uint32_t)len - 14;

	if (!is_forwarded(trace->cause) || trace->service >= LB_SERVICES || !trace->real)
		return;
	service = &balancer->of_services[trace->service];
	real = &balancer->of_reals[trace->real & (LB_REALS - 1)];
	if (balancer->dp->tables->vips[trace->vip].addr[0]) {
		service->header_bytes += IPV6_LEN;
		real->header_bytes += IPV6_LEN;
	}
	if (known->rule != VECTOR_LIKE)
		return;
	balancer->n_extra++;
	service->packets++;
	service->bytes += l3_len;
	real->packets++;
	real->bytes += l3_len;
}

/* ---- comparing ---- */

struct comparison {
	struct vector_balancer *balancer;
	const char *suite;
	const json_t *counters;
	unsigned n_wrong;
};

static void compare(struct comparison *c, const char *what, uint64_t got, uint64_t want)
{
	if (got == want)
		return;
	printf("FAIL %s: counter %s: %llu instead of %llu\n", c->suite, what,
	       (unsigned long long)got, (unsigned long long)want);
	c->n_wrong++;
}

static uint64_t pair_at(const json_t *pair, size_t i)
{
	return (uint64_t)json_integer_value(json_array_get(pair, i));
}

/* A slot of upstream's global counters; keys begin with its number. */
static const json_t *global(const struct comparison *c, unsigned number)
{
	const char *key;
	json_t *pair;

	json_object_foreach (json_object_get(c->counters, "stats"), key, pair)
		if (strtoul(key, NULL, 10) == number)
			return pair;
	return NULL;
}

static uint64_t named(const struct comparison *c, const char *map, const char *key)
{
	return (uint64_t)json_integer_value(
		json_object_get(json_object_get(c->counters, map), key));
}

static uint64_t total(const struct comparison *c, const char *want)
{
	const char *name;
	uint64_t value;

	for (unsigned i = 0; dataplane_total(c->balancer->dp, i, &name, &value); i++)
		if (!strcmp(name, want))
			return value;
	return UINT64_MAX;
}

static void compare_count(struct comparison *c, const char *what, const struct dataplane_count *got,
			  const struct vector_extra *extra, const json_t *want)
{
	char text[128];

	snprintf(text, sizeof(text), "%s, packets", what);
	compare(c, text, got->packets, pair_at(want, 0) + extra->packets);
	snprintf(text, sizeof(text), "%s, bytes", what);
	compare(c, text, got->bytes, pair_at(want, 1) + extra->bytes + extra->header_bytes);
}

/* VIPs are numbered in the order in which they were added. */
static void compare_vips(struct comparison *c)
{
	const json_t *counts = json_object_get(c->counters, "per_vip");

	for (size_t i = 0; i < c->balancer->n_vips; i++) {
		const struct dataplane_service *service = &c->balancer->vips[i].service;
		const struct lb_service *record =
			service_find(c->balancer->dp, &service->vip, service->proto, service->port);
		struct dataplane_count got = { 0 };
		char number[16], what[64];

		snprintf(number, sizeof(number), "%zu", i);
		snprintf(what, sizeof(what), "of VIP %zu", i);
		dataplane_service_count(c->balancer->dp, &service->vip, service->proto,
					service->port, &got);
		compare_count(c, what, &got, &c->balancer->of_services[record->counter],
			      json_object_get(counts, number));
	}
}

static void compare_reals(struct comparison *c, const json_t *state)
{
	const json_t *counts = json_object_get(c->counters, "reals_stats");
	json_t *real;
	size_t i;

	json_array_foreach (json_object_get(state, "reals"), i, real) {
		json_int_t n = json_integer_value(json_object_get(real, "real_num"));
		const char *text = json_string_value(json_object_get(real, "address"));
		struct dataplane_count got = { 0 };
		char number[24], what[96];
		struct addr addr;

		if (!text || addr_parse(text, &addr) < 0)
			continue;
		snprintf(number, sizeof(number), "%lld", (long long)n);
		snprintf(what, sizeof(what), "of real %s", text);
		dataplane_real_count(c->balancer->dp, &addr, &got);
		compare_count(c, what, &got,
			      &c->balancer->of_reals[dataplane_real_index(c->balancer->dp, &addr)],
			      json_object_get(counts, number));
	}
}

static void compare_ends(struct comparison *c)
{
	uint64_t extra = c->balancer->n_extra;

	compare(c, "of what was sent", total(c, "sent"), pair_at(global(c, 17), 0) + extra);
	compare(c, "of what was dropped", total(c, "dropped"), pair_at(global(c, 18), 0) - extra);
	compare(c, "of what was passed", total(c, "passed"), pair_at(global(c, 19), 0));
	compare(c, "of too-big replies", total(c, "sent/too-big-reply"),
		pair_at(global(c, 4), 0) + pair_at(global(c, 4), 1));
	compare(c, "of slots without real", total(c, "dropped/no-real"), pair_at(global(c, 9), 1));
	compare(c, "of tunnels opened", total(c, "noted/tunnel-opened"),
		pair_at(global(c, 10), 0) + pair_at(global(c, 10), 1));
	compare(c, "of packets sent on", total(c, "sent/egress"),
		pair_at(global(c, 20), 0) + pair_at(global(c, 20), 1));
}

static void compare_ids(struct comparison *c)
{
	uint64_t routed = named(c, "quic_stats_map", "cid_routed") +
			  named(c, "tpr_stats_map", "sid_routed") +
			  named(c, "stable_rt_stats", "cid_routed");
	/* Upstream does not tell unknown ids from none in TCP. A SYN has none. */
	uint64_t others =
		named(c, "quic_stats_map", "ch_routed") + named(c, "tpr_stats_map", "ch_routed") +
		named(c, "tpr_stats_map", "tcp_syn") + named(c, "stable_rt_stats", "ch_routed");

	compare(c, "of ids followed", total(c, "noted/id-routed"), routed);
	compare(c, "of QUIC Initials", total(c, "noted/id-initial"),
		named(c, "quic_stats_map", "cid_initial"));
	compare(c, "of packets without a known id",
		total(c, "noted/id-none") + total(c, "noted/id-unknown"), others);
	if (!json_object_get(c->counters, "tpr_stats_map"))
		compare(c, "of unknown ids", total(c, "noted/id-unknown"),
			named(c, "quic_stats_map", "cid_invalid_server_id") +
				named(c, "stable_rt_stats", "cid_invalid_server_id"));
}

unsigned vector_counters_compare(struct vector_balancer *balancer, const json_t *suite)
{
	const json_t *phases = json_object_get(suite, "phases");
	const json_t *last = json_array_get(phases, json_array_size(phases) - 1);
	struct comparison c = {
		.balancer = balancer,
		.suite = json_string_value(json_object_get(suite, "name")),
		.counters = json_object_get(suite, "observed_counters_after_all_vectors"),
	};

	if (!json_object_get(c.counters, "stats"))
		return 0;
	compare_vips(&c);
	compare_reals(&c, json_object_get(last, "provisioned_state_after_ops"));
	compare_ends(&c);
	compare_ids(&c);
	return c.n_wrong;
}
