/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vectors_own.c - what suites of Shoal's own say beyond upstream's format: options of the node and
 * of services in the words of the config, whole rings at once, and the counters at the end. See
 * tests/packet/own/README.md.
 */
#include "tests/packet/vectors.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "src/base/auto.h"

#define LIST_MAX 16

/* Lists that services and the config borrow; one suite runs at a time. */
static struct {
	struct prefix drops[LIST_MAX];
	struct config_source_route routes[LIST_MAX];
	struct config_real reals[LIST_MAX];
} lists[VECTOR_VIPS_MAX];
static struct addr decap_balance[LIST_MAX], decap_egress[LIST_MAX], decap_local[LIST_MAX];

/* ---- words ---- */

static int word_at(const json_t *object, const char *key, const char *const *words, size_t n,
		   unsigned fallback, unsigned *ret, struct err *err)
{
	const char *text = json_string_value(json_object_get(object, key));

	*ret = fallback;
	if (!text)
		return 0;
	for (unsigned i = 0; i < n; i++) {
		if (strcmp(words[i], text))
			continue;
		*ret = i;
		return 0;
	}
	return err_set(err, -EIO, "%s '%s' is not known here", key, text);
}

static bool bool_at(const json_t *object, const char *key, bool fallback)
{
	const json_t *value = json_object_get(object, key);

	return value ? json_is_true(value) : fallback;
}

static json_int_t number_at(const json_t *object, const char *key, json_int_t fallback)
{
	const json_t *value = json_object_get(object, key);

	return value ? json_integer_value(value) : fallback;
}

static int address_at(const json_t *object, const char *key, struct addr *ret, struct err *err)
{
	const char *text = json_string_value(json_object_get(object, key));

	if (!text || addr_parse(text, ret) < 0)
		return err_set(err, -EIO, "bad %s '%s'", key, text ? text : "");
	return 0;
}

/* ---- the node ---- */

static int addresses_at(const json_t *node, const char *key, struct addr *to,
			const struct addr **ret, size_t *n, struct err *err)
{
	const json_t *list = json_object_get(node, key), *item;
	size_t i;

	if (json_array_size(list) > LIST_MAX)
		return err_set(err, -EIO, "%s: more than the runner holds", key);
	json_array_foreach (list, i, item) {
		if (!json_is_string(item) || addr_parse(json_string_value(item), &to[i]) < 0)
			return err_set(err, -EIO, "%s: bad address", key);
	}
	*ret = to;
	*n = json_array_size(list);
	return 0;
}

static int read_node(struct config_node *to, const json_t *node, struct err *err)
{
	static const char *const clamps[] = { "auto", "on", "off" };
	unsigned clamp;
	int r = word_at(node, "mss_clamp", clamps, 3, to->mss_clamp, &clamp, err);

	to->mtu_bytes = (uint32_t)number_at(node, "mtu", to->mtu_bytes);
	to->client_mtu_bytes = (uint32_t)number_at(node, "client_mtu", to->client_mtu_bytes);
	to->mss_clamp = clamp;
	to->hash_key_file = json_string_value(json_object_get(node, "hash_key_file"));
	if (!r)
		r = addresses_at(node, "decap_balance", decap_balance, &to->decap_balance,
				 &to->n_decap_balance, err);
	if (!r)
		r = addresses_at(node, "decap_egress", decap_egress, &to->decap_egress,
				 &to->n_decap_egress, err);
	if (!r)
		r = addresses_at(node, "decap_local", decap_local, &to->decap_local,
				 &to->n_decap_local, err);
	to->decap_gue_port = (uint16_t)number_at(node, "decap_gue_port", 6080);
	return r;
}

int vector_own_init(struct vector_balancer *balancer, const json_t *suite,
		    struct private_switches *switches, struct err *err)
{
	const json_t *node = json_object_get(suite, "node");

	if (!node)
		return 0;
	memset(lists, 0, sizeof(lists));
	balancer->is_own = true;
	balancer->config.node.idle_us = 900 * USEC_PER_SEC;
	switches->drops_too_big = false;
	return read_node(&balancer->config.node, node, err);
}

/* ---- services ---- */

static int read_drops(const json_t *op, struct prefix *drops, struct dataplane_service *service,
		      struct err *err)
{
	const json_t *list = json_object_get(op, "drop_sources"), *item;
	size_t i;

	if (!list)
		return 0;
	if (json_array_size(list) > LIST_MAX)
		return err_set(err, -EIO, "drop_sources: more than the runner holds");
	json_array_foreach (list, i, item) {
		if (!json_is_string(item) || prefix_parse(json_string_value(item), &drops[i]) < 0)
			return err_set(err, -EIO, "drop_sources: bad prefix");
	}
	service->drop_sources = drops;
	service->n_drop_sources = json_array_size(list);
	return 0;
}

static int read_route(struct vector_balancer *balancer, const char *source, const json_t *real,
		      struct config_source_route *route, struct config_real *to, struct err *err)
{
	const char *text = json_string_value(real);
	uint16_t index;

	if (!text || prefix_parse(source, &route->source) < 0 || addr_parse(text, &to->addr) < 0)
		return err_set(err, -EIO, "bad source route of '%s'", source);
	return vector_program_real(balancer, &to->addr, &index, err);
}

static int read_routes(struct vector_balancer *balancer, const json_t *op, struct vector_vip *vip,
		       struct err *err)
{
	json_t *routes = json_object_get(op, "source_routes"), *real;
	size_t at = (size_t)(vip - balancer->vips), n = 0;
	const char *source;
	int r = 0;

	if (!routes)
		return 0;
	if (json_object_size(routes) > LIST_MAX)
		return err_set(err, -EIO, "source_routes: more than the runner holds");
	json_object_foreach (routes, source, real) {
		lists[at].routes[n].real = (uint32_t)n;
		if (!r)
			r = read_route(balancer, source, real, &lists[at].routes[n],
				       &lists[at].reals[n], err);
		n++;
	}
	vip->service.source_routes = lists[at].routes;
	vip->service.n_source_routes = n;
	vip->service.reals = lists[at].reals;
	return r;
}

static int read_words(const json_t *op, struct dataplane_service *service, struct err *err)
{
	static const char *const encaps[] = { "ipip", "gue" };
	static const char *const hashes[] = { "5-tuple", "all-ports", "source-ip",
					      "destination-port" };
	static const char *const tracks[] = { "moving", "all", "none" };
	static const char *const ids[] = { "none", "pool", "any" };
	unsigned encap, hash, track, server_ids;
	int r = word_at(op, "encap", encaps, 2, service->encap, &encap, err);

	if (!r)
		r = word_at(op, "hash", hashes, 4, service->hash, &hash, err);
	if (!r)
		r = word_at(op, "track", tracks, 3, service->track, &track, err);
	if (!r)
		r = word_at(op, "server_ids", ids, 3, service->server_ids, &server_ids, err);
	if (r < 0)
		return r;
	service->encap = encap;
	service->hash = hash;
	service->track = track;
	service->server_ids = server_ids;
	return 0;
}

/* What op names changes, all else stays. */
static int set_service(struct vector_balancer *balancer, struct vector_vip *vip, const json_t *op,
		       struct err *err)
{
	struct dataplane_service *service = &vip->service;
	int r = read_words(op, service, err);

	service->gue_port = (uint16_t)number_at(op, "gue_port", service->gue_port);
	service->rate = (uint64_t)number_at(op, "rate", (json_int_t)service->rate);
	service->quic = bool_at(op, "quic", service->quic);
	service->tcp_server_id = bool_at(op, "tcp_server_id", service->tcp_server_id);
	service->stable_udp = bool_at(op, "stable_udp", service->stable_udp);
	service->migrate_udp = bool_at(op, "migrate_udp", service->migrate_udp);
	if (!r)
		r = read_drops(op, lists[vip - balancer->vips].drops, service, err);
	if (!r)
		r = read_routes(balancer, op, vip, err);
	return r ? r : dataplane_set_service(balancer->dp, service, err);
}

/* The whole ring at once, as a pool's is. */
static int set_reals(struct vector_balancer *balancer, struct vector_vip *vip, const json_t *op,
		     struct err *err)
{
	json_t *reals = json_object_get(op, "reals"), *weight;
	const char *text;

	vip->n_reals = 0;
	if (json_object_size(reals) > VECTOR_REALS_MAX)
		return err_set(err, -EIO, "set_reals: more than the runner holds");
	json_object_foreach (reals, text, weight) {
		if (addr_parse(text, &vip->reals[vip->n_reals]) < 0)
			return err_set(err, -EIO, "set_reals: bad address '%s'", text);
		vip->weights[vip->n_reals++] = (uint32_t)json_integer_value(weight);
	}
	return vector_write_ring(balancer, vip, err);
}

static int set_server_ids(struct vector_balancer *balancer, struct vector_vip *vip,
			  const json_t *op, struct err *err)
{
	json_t *ids = json_object_get(op, "ids"), *id;
	struct config_real reals[LIST_MAX] = { 0 };
	const char *text;
	size_t n = 0;

	if (json_object_size(ids) > LIST_MAX)
		return err_set(err, -EIO, "set_server_ids: more than the runner holds");
	json_object_foreach (ids, text, id) {
		if (addr_parse(text, &reals[n].addr) < 0)
			return err_set(err, -EIO, "set_server_ids: bad address '%s'", text);
		reals[n++].server_id = (uint32_t)json_integer_value(id);
	}
	return dataplane_set_server_ids(balancer->dp, vip->service.ring, reals, n, err);
}

/* ---- VIPs and reals ---- */

static int set_vip(struct vector_balancer *balancer, struct vector_vip *none, const json_t *op,
		   struct err *err)
{
	static const char *const words[] = { "drop", "pass" };
	const char *text = json_string_value(json_object_get(op, "address"));
	struct prefix prefix;
	unsigned unserved;
	int r = word_at(op, "unserved", words, 2, CONFIG_UNSERVED_DROP, &unserved, err);

	(void)none;
	if (r < 0)
		return r;
	if (!text || prefix_parse(text, &prefix) < 0)
		return err_set(err, -EIO, "set_vip: bad address");
	return dataplane_set_vip(balancer->dp, &prefix, unserved, err);
}

static int set_real(struct vector_balancer *balancer, struct vector_vip *none, const json_t *op,
		    struct err *err)
{
	static const char *const lives[] = { "takes", "leaving", "dead" };
	struct dataplane_next_hop next_hop = { .usable = bool_at(op, "next_hop", true) };
	struct addr addr;
	unsigned life;
	uint16_t index;
	int r = address_at(op, "address", &addr, err);

	(void)none;
	memcpy(next_hop.mac, balancer->gateway, 6);
	if (!r)
		r = word_at(op, "life", lives, 3, DATAPLANE_REAL_TAKES, &life, err);
	if (!r)
		r = dataplane_set_real(balancer->dp, &addr, bool_at(op, "local", false), &index,
				       err);
	if (!r)
		r = dataplane_set_next_hop(balancer->dp, 0, &addr, &next_hop, err);
	return r ? r : dataplane_set_real_life(balancer->dp, &addr, life, err);
}

/* From now on the clock stands there until it is set again. */
static int set_clock(struct vector_balancer *balancer, struct vector_vip *none, const json_t *op,
		     struct err *err)
{
	(void)none;
	(void)err;
	clock_set(balancer->dp, (usec_t)number_at(op, "us", 0));
	return 0;
}

int vector_own_do(struct vector_balancer *balancer, const json_t *op, struct err *err)
{
	static const struct {
		const char *name;
		int (*carry_out)(struct vector_balancer *balancer, struct vector_vip *vip,
				 const json_t *op, struct err *err);
		bool needs_vip;
	} ops[] = {
		{ "set_service", set_service, true },
		{ "set_reals", set_reals, true },
		{ "set_server_ids", set_server_ids, true },
		{ "set_vip", set_vip, false },
		{ "set_real", set_real, false },
		{ "set_clock", set_clock, false },
	};
	const char *name = json_string_value(json_object_get(op, "op"));
	struct vector_vip *vip = vector_vip_of(balancer, op);

	for (size_t i = 0; name && i < sizeof(ops) / sizeof(ops[0]); i++) {
		if (strcmp(ops[i].name, name))
			continue;
		if (ops[i].needs_vip && !vip)
			return err_set(err, -EIO, "%s of a VIP that is not there", name);
		return ops[i].carry_out(balancer, vip, op, err);
	}
	return err_set(err, -EIO, "operation '%s' is not known here", name ? name : "");
}

/* ---- counters ---- */

static bool total_is(struct vector_balancer *balancer, const char *name, uint64_t want)
{
	const char *word;
	uint64_t value;

	for (unsigned i = 0; dataplane_total(balancer->dp, i, &word, &value); i++) {
		if (strcmp(word, name))
			continue;
		if (value != want)
			printf("FAIL: counter %s is %ju instead of %ju\n", name, (uintmax_t)value,
			       (uintmax_t)want);
		return value == want;
	}
	printf("FAIL: there is no counter '%s'\n", name);
	return false;
}

bool vector_own_totals(struct vector_balancer *balancer, const json_t *suite)
{
	json_t *totals = json_object_get(suite, "expected_totals"), *value;
	const char *name;
	bool is_good = true;

	json_object_foreach (totals, name, value)
		is_good = total_is(balancer, name, (uint64_t)json_integer_value(value)) && is_good;
	return is_good;
}
