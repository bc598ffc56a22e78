/* SPDX-License-Identifier: Apache-2.0 */
/*
 * diff.c - `shoal diff`: what a reload would change, before it does.
 *
 * shoald tells its config and what its rings are made of; both configs are compared here, where
 * building two rings a pool holds nobody up. Pools are matched as core_reload() matches them, a
 * real that is new counts as one that takes new flows in full, for that is where it ends.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frr-integration/router.h"
#include "src/base/auto.h"
#include "src/cli/cli.h"
#include "src/cli/render.h"
#include "src/core/core.h"
#include "src/core/ring.h"

static const struct args_option diff_options[] = {
	{ "from", "OLD", "compare with that file instead of what is in force; every real healthy" },
	{ .name = NULL },
};

/* The two configs, and what is known of the running one. */
struct diff {
	struct config *from, *to;
	uint32_t *former;  /* of each pool of `to`: its index in `from`, or CORE_NONE */
	const json_t *now; /* shoald's answer; NULL: there is none */
	json_t *index;     /* its reals by pool and address */
	uint16_t *slots[2];
};

/* ---- VIPs and services ---- */

static const struct config_vip *vip_find(const struct config *config, const struct prefix *prefix)
{
	for (size_t i = 0; i < config->n_vips; i++)
		if (prefix_eq(&config->vips[i].prefix, prefix))
			return &config->vips[i];
	return NULL;
}

static json_t *vip_row(const struct config_vip *vip, const char *change, json_t *what)
{
	return json_pack("{s:s, s:s, s:s, s:o}", "vip", vip->name, "prefix",
			 PREFIX_STR(&vip->prefix), "change", change, "what", what);
}

static json_t *vip_changes(const struct config_vip *a, const struct config_vip *b)
{
	char names[2][ROUTER_MAP_MAX];
	json_t *what = json_array();

	if (strcmp(a->name, b->name) != 0)
		json_array_append_new(what, json_string("name"));
	if (strcmp(router_map_name(a, names[0]), router_map_name(b, names[1])) != 0)
		json_array_append_new(what, json_string("attributes"));
	if (a->unserved != b->unserved)
		json_array_append_new(what, json_string("unserved"));
	if (a->announce_when != b->announce_when)
		json_array_append_new(what, json_string("announce-when"));
	return what;
}

static json_t *diff_vips(const struct diff *d)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < d->from->n_vips; i++)
		if (!vip_find(d->to, &d->from->vips[i].prefix))
			json_array_append_new(
				rows, vip_row(&d->from->vips[i], "withdrawn", json_array()));
	for (size_t i = 0; i < d->to->n_vips; i++) {
		const struct config_vip *vip = &d->to->vips[i];
		const struct config_vip *old = vip_find(d->from, &vip->prefix);
		json_t *what = old ? vip_changes(old, vip) : json_array();

		if (old && json_array_size(what) == 0)
			json_decref(what);
		else
			json_array_append_new(rows,
					      vip_row(vip, old ? "changed" : "announced", what));
	}
	return rows;
}

static const struct config_service *service_find(const struct config *config,
						 const struct prefix *vip,
						 const struct config_service *like)
{
	const struct config_vip *in = vip_find(config, vip);

	for (size_t i = 0; in && i < in->n_services; i++)
		if (in->services[i].proto == like->proto && in->services[i].port == like->port)
			return &in->services[i];
	return NULL;
}

/* Routes name reals by their place in the pool: compared by address. */
static bool routes_equal(const struct diff *d, const struct config_service *a,
			 const struct config_service *b)
{
	bool equal = a->n_source_routes == b->n_source_routes;

	for (size_t i = 0; equal && i < a->n_source_routes; i++)
		equal = prefix_eq(&a->source_routes[i].source, &b->source_routes[i].source) &&
			addr_eq(&d->from->pools[a->pool].reals[a->source_routes[i].real].addr,
				&d->to->pools[b->pool].reals[b->source_routes[i].real].addr);
	return equal;
}

static bool drops_equal(const struct config_service *a, const struct config_service *b)
{
	bool equal = a->n_drop_sources == b->n_drop_sources;

	for (size_t i = 0; equal && i < a->n_drop_sources; i++)
		equal = prefix_eq(&a->drop_sources[i], &b->drop_sources[i]);
	return equal;
}

static bool service_equal(const struct diff *d, const struct config_service *a,
			  const struct config_service *b)
{
	return d->former[b->pool] == a->pool && a->quic == b->quic &&
	       a->tcp_server_id == b->tcp_server_id && a->stable_udp == b->stable_udp &&
	       a->migrate_udp == b->migrate_udp && a->server_ids == b->server_ids &&
	       a->hash == b->hash && a->track == b->track && a->rate == b->rate &&
	       routes_equal(d, a, b) && drops_equal(a, b);
}

static void service_add(json_t *rows, const struct config *config, const struct config_vip *vip,
			const struct config_service *service, const char *change,
			const char *former_pool)
{
	char text[CONFIG_SERVICE_TEXT_MAX];

	json_array_append_new(rows, json_pack("{s:s, s:s, s:s, s:s?}", "service",
					      config_service_print(vip, service, text), "change",
					      change, "pool", config->pools[service->pool].name,
					      "former_pool", former_pool));
}

static json_t *diff_services(const struct diff *d)
{
	json_t *rows = json_array();

	for (size_t v = 0; v < d->from->n_vips; v++)
		for (size_t s = 0; s < d->from->vips[v].n_services; s++) {
			const struct config_vip *vip = &d->from->vips[v];

			if (!service_find(d->to, &vip->prefix, &vip->services[s]))
				service_add(rows, d->from, vip, &vip->services[s], "removed", NULL);
		}
	for (size_t v = 0; v < d->to->n_vips; v++)
		for (size_t s = 0; s < d->to->vips[v].n_services; s++) {
			const struct config_vip *vip = &d->to->vips[v];
			const struct config_service *service = &vip->services[s];
			const struct config_service *old =
				service_find(d->from, &vip->prefix, service);

			if (!old)
				service_add(rows, d->to, vip, service, "added", NULL);
			else if (!service_equal(d, old, service))
				service_add(rows, d->to, vip, service, "changed",
					    d->from->pools[old->pool].name);
		}
	return rows;
}

/* ---- pools ---- */

static bool is_used(const struct config *config, uint32_t pool)
{
	for (size_t v = 0; v < config->n_vips; v++)
		for (size_t s = 0; s < config->vips[v].n_services; s++)
			if (config->vips[v].services[s].pool == pool)
				return true;
	return false;
}

static const struct config_real *real_find(const struct config_pool *pool, const struct addr *addr)
{
	for (size_t i = 0; pool && i < pool->n_reals; i++)
		if (addr_eq(&pool->reals[i].addr, addr))
			return &pool->reals[i];
	return NULL;
}

#define KEY_MAX (ADDR_TEXT_MAX + 256)

static const char *key_of(const char *pool, const char *address, char buf[KEY_MAX])
{
	snprintf(buf, KEY_MAX, "%s %.200s", address, pool);
	return buf;
}

/* What the ring is made of now, as shoald told; of what it did not, a real that takes. */
static struct ring_real ring_input(const struct diff *d, const struct config_pool *former,
				   const struct config_real *real)
{
	struct ring_real input = ring_real_of(real);
	char key[KEY_MAX];
	const json_t *told = former && real_find(former, &real->addr)
				     ? json_object_get(d->index, key_of(former->name,
									ADDR_STR(&real->addr), key))
				     : NULL;

	if (!told)
		return input;
	input.takes_new_flows = get_bool(told, "takes_new_flows");
	input.never_kept = get_bool(told, "is_never_kept");
	input.has_no_way = get_bool(told, "has_no_way");
	input.is_out = get_bool(told, "is_out");
	input.withheld = (uint16_t)get_count(told, "withheld");
	return input;
}

static int build(const struct diff *d, const struct config_pool *pool,
		 const struct config_pool *former, uint16_t slots[RING_SLOTS])
{
	AUTO(freep) struct ring_real *reals = calloc(pool->n_reals + 1, sizeof(*reals));
	struct ring_policy policy = ring_policy_of(pool);

	if (!reals)
		return -ENOMEM;
	for (size_t i = 0; i < pool->n_reals; i++)
		reals[i] = ring_input(d, former, &pool->reals[i]);
	return ring_build(reals, pool->n_reals, &policy, slots, NULL);
}

static const struct addr *owner(const struct config_pool *pool, uint16_t slot)
{
	return slot == RING_NONE ? NULL : &pool->reals[slot].addr;
}

/* Slots that another address owns afterwards. A ring without any owner is not written: its last
 * one stands. */
static uint32_t count_moved(const struct diff *d, const struct config_pool *a,
			    const struct config_pool *b)
{
	uint32_t moved = 0;

	for (uint32_t s = 0; s < RING_SLOTS; s++) {
		const struct addr *was = owner(a, d->slots[0][s]), *is = owner(b, d->slots[1][s]);

		moved += is && (!was || !addr_eq(was, is));
	}
	return moved;
}

static uint32_t count_owned(const struct config_pool *pool, const uint16_t *slots,
			    const struct addr *addr)
{
	uint32_t n = 0;

	for (uint32_t s = 0; pool && s < RING_SLOTS; s++)
		n += slots[s] != RING_NONE && addr_eq(&pool->reals[slots[s]].addr, addr);
	return n;
}

static bool real_equal(const struct config_real *a, const struct config_real *b)
{
	return a->weight == b->weight && a->is_backup == b->is_backup &&
	       a->is_local == b->is_local && a->server_id == b->server_id &&
	       strcmp(a->name, b->name) == 0;
}

static void real_add(const struct diff *d, json_t *rows, const struct config_pool *a,
		     const struct config_pool *b, const struct config_real *was,
		     const struct config_real *is)
{
	const struct config_real *real = is ? is : was;

	json_array_append_new(
		rows, json_pack("{s:s, s:s, s:s, s:o, s:o, s:i, s:i}", "real", real->name,
				"address", ADDR_STR(&real->addr), "change",
				!was ? "added"
				: is ? "changed"
				     : "drained",
				"former_weight", was ? json_integer(was->weight) : json_null(),
				"weight", is ? json_integer(is->weight) : json_null(),
				"former_slots", (int)count_owned(a, d->slots[0], &real->addr),
				"slots", (int)count_owned(b, d->slots[1], &real->addr)));
}

static json_t *diff_reals(const struct diff *d, const struct config_pool *a,
			  const struct config_pool *b)
{
	json_t *rows = json_array();

	for (size_t i = 0; a && i < a->n_reals; i++)
		if (!real_find(b, &a->reals[i].addr))
			real_add(d, rows, a, b, &a->reals[i], NULL);
	for (size_t i = 0; b && i < b->n_reals; i++) {
		const struct config_real *was = real_find(a, &b->reals[i].addr);

		if (!was || !real_equal(was, &b->reals[i]))
			real_add(d, rows, a, b, was, &b->reals[i]);
	}
	return rows;
}

static bool checks_equal(const struct diff *d, const struct config_pool *a,
			 const struct config_pool *b)
{
	bool equal = a->n_checks == b->n_checks;

	for (size_t i = 0; equal && i < a->n_checks; i++)
		equal = strcmp(d->from->checks[a->checks[i]].name,
			       d->to->checks[b->checks[i]].name) == 0;
	return equal;
}

/* Nothing of the pool itself differs; its reals are another matter. */
static bool settings_equal(const struct diff *d, const struct config_pool *a,
			   const struct config_pool *b)
{
	return strcmp(a->name, b->name) == 0 && a->encap == b->encap &&
	       a->gue_port == b->gue_port && a->quorum_return == b->quorum_return &&
	       a->quorum_stay == b->quorum_stay && a->ring == b->ring &&
	       a->slow_start_us == b->slow_start_us &&
	       a->depool_floor_percent == b->depool_floor_percent &&
	       a->depool_floor_count == b->depool_floor_count && a->all_down == b->all_down &&
	       checks_equal(d, a, b);
}

/* One pool of either side; NULL: it is not there. */
static int pool_add(const struct diff *d, json_t *rows, const struct config_pool *a,
		    const struct config_pool *b, bool has_ring)
{
	uint32_t moved = 0;
	json_t *reals;
	bool is_same;
	int r = 0;

	if (a)
		r = build(d, a, a, d->slots[0]);
	if (r == 0 && b)
		r = build(d, b, a, d->slots[1]);
	if (r < 0)
		return r;
	if (a && b && has_ring)
		moved = count_moved(d, a, b);
	reals = diff_reals(d, a, b);
	is_same = a && b && moved == 0 && json_array_size(reals) == 0 && settings_equal(d, a, b);
	if (is_same) {
		json_decref(reals);
		return 0;
	}
	json_array_append_new(
		rows,
		json_pack("{s:s, s:s?, s:s, s:b, s:i, s:i, s:o}", "pool", b ? b->name : a->name,
			  "former", a ? a->name : NULL, "change",
			  !a  ? "added"
			  : b ? "changed"
			      : "removed",
			  "are_settings_changed", a && b && !settings_equal(d, a, b), "slots_moved",
			  (int)moved, "slots", (int)RING_SLOTS, "reals", reals));
	return 0;
}

static bool is_followed(const struct diff *d, uint32_t pool)
{
	for (size_t i = 0; i < d->to->n_pools; i++)
		if (d->former[i] == pool)
			return true;
	return false;
}

static int diff_pools(const struct diff *d, json_t *rows)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < d->from->n_pools; i++)
		if (!is_followed(d, i))
			r = pool_add(d, rows, &d->from->pools[i], NULL, false);
	for (uint32_t i = 0; r == 0 && i < d->to->n_pools; i++) {
		uint32_t was = d->former[i];

		r = pool_add(d, rows, was == CORE_NONE ? NULL : &d->from->pools[was],
			     &d->to->pools[i],
			     was != CORE_NONE && is_used(d->from, was) && is_used(d->to, i));
	}
	return r;
}

/* ---- lines of bgpd ---- */

static void line_add(json_t *rows, const char *change, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void line_add(json_t *rows, const char *change, const char *fmt, ...)
{
	char line[160];
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	json_array_append_new(rows, json_pack("{s:s, s:s}", "change", change, "line", line));
}

/* Whether a VIP of the config has this route-map. */
static bool has_map(const struct config *config, const char *name)
{
	char map[ROUTER_MAP_MAX];

	for (size_t i = 0; i < config->n_vips; i++)
		if (strcmp(router_map_name(&config->vips[i], map), name) == 0)
			return true;
	return false;
}

/* Maps of `of` that `other` has not, each once, with its twin. */
static void add_maps(json_t *rows, const struct config *of, const struct config *other,
		     const char *change)
{
	char map[ROUTER_MAP_MAX], twin[ROUTER_MAP_MAX], before[ROUTER_MAP_MAX];

	for (size_t i = 0; i < of->n_vips; i++) {
		bool is_first = true;

		router_map_name(&of->vips[i], map);
		for (size_t k = 0; is_first && k < i; k++)
			is_first = strcmp(router_map_name(&of->vips[k], before), map) != 0;
		if (!is_first || has_map(other, map))
			continue;
		line_add(rows, change, "route-map %s", map);
		line_add(rows, change, "route-map %s%s", router_drain_map_name(&of->vips[i], twin),
			 "");
	}
}

static void add_lines(json_t *rows, const struct config *of, const struct config *other,
		      const char *change)
{
	char map[ROUTER_MAP_MAX], theirs[ROUTER_MAP_MAX];

	for (size_t i = 0; i < of->n_vips; i++) {
		const struct config_vip *vip = &of->vips[i], *same = vip_find(other, &vip->prefix);

		router_map_name(vip, map);
		if (!same || strcmp(router_map_name(same, theirs), map) != 0)
			line_add(rows, change, "network %s route-map %s", PREFIX_STR(&vip->prefix),
				 map);
	}
}

static json_t *diff_lines(const struct diff *d)
{
	json_t *rows = json_array();

	add_maps(rows, d->to, d->from, "+");
	add_lines(rows, d->from, d->to, "-");
	add_lines(rows, d->to, d->from, "+");
	add_maps(rows, d->from, d->to, "-");
	return rows;
}

/* ---- the rest ---- */

static json_t *restart_keys(const struct diff *d)
{
	json_t *keys = json_array();
	const char *key;

	for (size_t i = 0; (key = config_restart_key(d->from, d->to, i)); i++)
		json_array_append_new(keys, json_string(key));
	return keys;
}

/* A VIP that stands in bgpd and that the new ranges do not cover; "" when there is none. */
static const char *left_outside(const struct diff *d)
{
	const json_t *vip;
	size_t i;

	json_array_foreach (json_object_get(d->now, "vips"), i, vip) {
		struct prefix prefix;

		if (prefix_parse(get_text(vip, "prefix"), &prefix) == 0 &&
		    !config_owns(&d->to->routing, &prefix) &&
		    strcmp(get_text(vip, "state"), "withdrawn") != 0)
			return get_text(vip, "prefix");
	}
	for (i = 0; !d->now && i < d->from->n_vips; i++)
		if (!config_owns(&d->to->routing, &d->from->vips[i].prefix))
			return d->from->vips[i].name;
	return "";
}

/* The text of one top-level section of a canonical print; its length. */
static const char *section(const char *text, const char *name, size_t *ret_len)
{
	size_t len = strlen(name);
	const char *at = text, *end;

	while (at && (strncmp(at, name, len) != 0 || at[len] != ':')) {
		at = strchr(at, '\n');
		at = at ? at + 1 : NULL;
	}
	*ret_len = 0;
	if (!at)
		return "";
	for (end = strchr(at, '\n'); end && (end[1] == ' ' || end[1] == '-');)
		end = strchr(end + 1, '\n');
	*ret_len = end ? (size_t)(end - at) : strlen(at);
	return at;
}

/* The sections in which anything differs, also what has no row of its own. */
static json_t *sections(const struct diff *d)
{
	static const char *const names[] = { "node", "routing", "web", "checks", "pools", "vips" };
	AUTO(freep) char *from = NULL, *to = NULL;
	json_t *rows = json_array();

	if (config_print(d->from, &from) < 0 || config_print(d->to, &to) < 0)
		return rows;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t a, b;
		const char *was = section(from, names[i], &a), *is = section(to, names[i], &b);

		if (a != b || memcmp(was, is, a) != 0)
			json_array_append_new(rows, json_string(names[i]));
	}
	return rows;
}

static json_t *result_of(const struct diff *d)
{
	json_t *pools = json_array();
	bool is_changed = strcmp(d->from->generation, d->to->generation) != 0;

	if (diff_pools(d, pools) < 0) {
		json_decref(pools);
		return NULL;
	}
	return json_pack("{s:s, s:s, s:s, s:b, s:o, s:o, s:s, s:o, s:o, s:o, s:o}", "file",
			 d->to->file, "from", d->from->generation, "to", d->to->generation,
			 "is_changed", is_changed, "sections", sections(d), "needs_restart",
			 restart_keys(d), "left_outside", left_outside(d), "vips", diff_vips(d),
			 "services", diff_services(d), "pools", pools, "frr", diff_lines(d));
}

/* ---- the two configs ---- */

static json_t *index_reals(const json_t *now)
{
	json_t *index = json_object(), *real;
	char key[KEY_MAX];
	size_t i;

	json_array_foreach (json_object_get(now, "reals"), i, real)
		json_object_set(index,
				key_of(get_text(real, "pool"), get_text(real, "address"), key),
				real);
	return index;
}

static int match_pools(struct diff *d)
{
	struct core *core = core_new(d->from, 1);

	d->former = calloc(d->to->n_pools + 1, sizeof(*d->former));
	d->slots[0] = calloc(RING_SLOTS, sizeof(uint16_t));
	d->slots[1] = calloc(RING_SLOTS, sizeof(uint16_t));
	if (core && d->former)
		core_former_pools(core, d->to, d->former);
	core_free(core);
	return core && d->former && d->slots[0] && d->slots[1] ? 0 : -ENOMEM;
}

static enum ctl_exit load(const struct cli *cli, const char *file, struct config **ret,
			  struct err *err)
{
	struct config_report report = { 0 };
	int r = config_load(file, CONFIG_NEED_NODE, ret, &report);

	if (r < 0) {
		if (report.text && !cli->is_json)
			fputs(report.text, cli->errors);
		err_set(err, r, "%s is no good config", file);
	}
	config_report_fini(&report);
	return r < 0 ? CTL_USAGE : CTL_DONE;
}

/* The config that shoald runs, out of the pieces it came in. */
static enum ctl_exit parse_running(const json_t *now, struct config **ret, struct err *err)
{
	const json_t *pieces = json_object_get(now, "config"), *piece;
	struct config_report report = { 0 };
	AUTO(freep) char *text = NULL;
	size_t i, len = 0;
	FILE *f = open_memstream(&text, &len);
	int r;

	if (!f) {
		err_set(err, -ENOMEM, "out of memory");
		return CTL_FAILED;
	}
	json_array_foreach (pieces, i, piece)
		fwrite(json_string_value(piece), 1, json_string_length(piece), f);
	fclose(f);
	r = config_parse("the config in force", text, len, CONFIG_NEED_NODE, ret, &report);
	if (r < 0)
		err_set(err, r,
			"the config in force, of another version of shoald, is not "
			"understood: %.160s",
			report.text ? report.text : "");
	config_report_fini(&report);
	return r < 0 ? CTL_FAILED : CTL_DONE;
}

static enum ctl_exit ask_running(const struct cli *cli, const struct cli_command *command,
				 struct diff *d, json_t **ret_now, struct err *err)
{
	json_t *args = json_object();
	enum ctl_exit status = cli_ask(cli, command, args, ret_now, err);

	json_decref(args);
	d->now = *ret_now;
	return status == CTL_DONE ? parse_running(d->now, &d->from, err) : status;
}

static enum ctl_exit compare(struct diff *d, json_t **ret, struct err *err)
{
	d->index = index_reals(d->now);
	if (match_pools(d) == 0)
		*ret = result_of(d);
	if (*ret)
		return CTL_DONE;
	err_set(err, -ENOMEM, "out of memory");
	return CTL_FAILED;
}

static void diff_fini(struct diff *d)
{
	json_decref(d->index);
	free(d->former);
	free(d->slots[0]);
	free(d->slots[1]);
	config_free(d->from);
	config_free(d->to);
}

static enum ctl_exit run_diff(struct cli *cli, const struct cli_command *command)
{
	const char *from = args_value(&cli->args, "from");
	json_t *now = NULL, *result = NULL;
	struct err err = { "" };
	struct diff d = { 0 };
	enum ctl_exit status;

	if (cli->args.n_words != 1)
		return cli_fail(cli, CTL_USAGE, "diff: name one file; see 'shoal help diff'");
	status = load(cli, cli->args.words[0], &d.to, &err);
	if (status == CTL_DONE)
		status = from ? load(cli, from, &d.from, &err)
			      : ask_running(cli, command, &d, &now, &err);
	if (status == CTL_DONE)
		status = compare(&d, &result, &err);
	if (status != CTL_DONE)
		status = cli_fail(cli, status, "diff: %s", err.text);
	else if (cli->is_json)
		cli_print_json(cli, result);
	else
		render_diff(&cli->screen, result);
	json_decref(result);
	json_decref(now);
	diff_fini(&d);
	return status;
}

const struct cli_behaviour cli_diff = {
	.about = "What `shoal reload` of that file would change: VIPs withdrawn or announced,\n"
		 "services, reals, slots that move (both rings are built and counted, with the\n"
		 "reals as they are now; a new one counts as up), lines in bgpd, and what\n"
		 "needs a restart. Nothing is changed.\n"
		 "Exits with 0 for a good file, 2 for a bad one.\n",
	.options = diff_options,
	.run = run_diff,
};
