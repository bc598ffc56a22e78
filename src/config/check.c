/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.c - what only shows when a whole file is read: settings that contradict each other, names
 * and addresses that collide, sizes that do not fit.
 *
 * Every rule is one function. Fields that could not be read were reported already; rules skip
 * them, so that one mistake is one error.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "src/config/load.h"
#include "src/config/value.h"

#define REALS_MAX    60000 /* distinct addresses: the data plane's indices */
#define IPV6_MTU_MIN 1280  /* RFC 8200 section 5 */

/* ---- helpers ---- */

static bool is_given(const struct load *load, const void *field)
{
	return load_node(load, field) && load_is_good(load, field);
}

static bool both_good(const struct load *load, const void *a, const void *b)
{
	return load_is_good(load, a) && load_is_good(load, b);
}

/* The one of two fields that the file gives, the first by preference: where to point. */
static const struct node *either(const struct load *load, const void *a, const void *b,
				 const void *object)
{
	const struct node *node = load_node(load, a);

	return node ? node : load_node_or(load, b, object);
}

static size_t line_of(const struct load *load, const void *field)
{
	const struct node *node = load_node(load, field);

	return node ? node->place.line : 0;
}

static const char *duration(struct load *load, usec_t us)
{
	const struct value_spec spec = { .type = VALUE_DURATION };
	struct text text = { .arena = load->scratch };

	value_print(&spec, &us, &text);
	return text.bytes;
}

#define IPV4(a) .addr.bytes = { [10] = 0xff, 0xff, a }

/* Why an address cannot be one host's, or NULL. Source: RFC 6890, RFC 4291. */
static const char *unusable(const struct addr *addr)
{
	static const struct {
		struct prefix prefix;
		const char *why;
	} kinds[] = {
		{ { IPV4(0), .len = 8 }, "is not an address of a host" },
		{ { IPV4(127), .len = 8 }, "is a loopback address" },
		{ { IPV4(169), .addr.bytes[13] = 254, .len = 16 }, "is a link-local address" },
		{ { IPV4(224), .len = 4 }, "is a multicast address" },
		{ { IPV4(240), .len = 4 }, "is a reserved address" },
		{ { .len = 128 }, "is not an address of a host" },
		{ { .addr.bytes[15] = 1, .len = 128 }, "is a loopback address" },
		{ { .addr.bytes = { 0xfe, 0x80 }, .len = 10 }, "is a link-local address" },
		{ { .addr.bytes = { 0xff }, .len = 8 }, "is a multicast address" },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (prefix_has_addr(&kinds[i].prefix, addr))
			return kinds[i].why;
	return NULL;
}

static bool refuse_unusable(struct load *load, const struct addr *addr, const char *what)
{
	const char *why = is_given(load, addr) ? unusable(addr) : NULL;

	if (why)
		load_error(load, load_node(load, addr), "%s: %s %s", what, ADDR_STR(addr), why);
	return why != NULL;
}

/* "203.0.113.10" or "203.0.113.0/24" */
static const char *prefix_text(struct load *load, const struct prefix *prefix)
{
	const struct value_spec spec = { .type = VALUE_PREFIX };
	struct text text = { .arena = load->scratch };

	value_print(&spec, prefix, &text);
	return text.bytes;
}

/* ---- node ---- */

static void refuse_twice(struct load *load, const struct addr *addr, const char *key,
			 const struct addr *others, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!is_given(load, &others[i]) || !addr_eq(addr, &others[i]))
			continue;
		load_error(load, load_node(load, addr),
			   "%s: %s is listed already (line %zu); a tunnel is opened one way", key,
			   ADDR_STR(addr), line_of(load, &others[i]));
		return;
	}
}

/* Addresses whose tunnels are opened: each usable, none twice. */
static void check_decap(struct load *load)
{
	const struct config_node *node = &load->config->node;
	const struct {
		const char *key;
		const struct addr *addrs;
		size_t n;
	} lists[] = { { "balance", node->decap_balance, node->n_decap_balance },
		      { "egress", node->decap_egress, node->n_decap_egress },
		      { "local", node->decap_local, node->n_decap_local } };

	for (size_t l = 0; l < 3; l++) {
		for (size_t i = 0; i < lists[l].n; i++) {
			const struct addr *addr = &lists[l].addrs[i];

			if (!is_given(load, addr) || refuse_unusable(load, addr, lists[l].key))
				continue;
			for (size_t o = 0; o <= l; o++)
				refuse_twice(load, addr, lists[l].key, lists[o].addrs,
					     o == l ? i : lists[o].n);
		}
	}
}

static void check_node(struct load *load)
{
	const struct config_node *node = &load->config->node;

	if (node->has_encap_source4)
		refuse_unusable(load, &node->encap_source4, "encap-source");
	if (node->has_encap_source6)
		refuse_unusable(load, &node->encap_source6, "encap-source");
	check_decap(load);
}

/* ---- routing ---- */

static void check_range(struct load *load, const struct prefix *range)
{
	const struct config_routing *routing = &load->config->routing;

	if (range->len == 0)
		load_error(load, load_node(load, range),
			   "vip-ranges: %s would make every network line of bgpd Shoal's",
			   prefix_text(load, range));
	for (const struct prefix *other = routing->vip_ranges; other < range; other++) {
		if (!prefix_has_prefix(other, range) && !prefix_has_prefix(range, other))
			continue;
		load_error(load, load_node(load, range), "vip-ranges: %s overlaps %s (line %zu)",
			   prefix_text(load, range), prefix_text(load, other),
			   line_of(load, other));
		break;
	}
}

static bool is_same_peer(const struct config_peer *a, const struct config_peer *b)
{
	if (!a->interface != !b->interface)
		return false;
	return a->interface ? strcmp(a->interface, b->interface) == 0 : addr_eq(&a->addr, &b->addr);
}

static void check_peer(struct load *load, const struct config_peer *peer)
{
	if (!is_given(load, &peer->addr))
		return;
	for (const struct config_peer *other = load->config->routing.peers; other < peer; other++) {
		if (!is_given(load, &other->addr) || !is_same_peer(other, peer))
			continue;
		load_error(load, load_node(load, &peer->addr),
			   "peer '%s' is peer '%s' (line %zu) again", peer->name, other->name,
			   line_of(load, other));
		break;
	}
}

/* Whoever connects there is believed, and only for what is shown: but no stranger's host. */
static void check_fpm(struct load *load)
{
	static const struct prefix loops[] = { { IPV4(127), .len = 8 },
					       { .addr.bytes[15] = 1, .len = 128 } };
	const struct config_routing *routing = &load->config->routing;
	struct addr addr;
	uint16_t port;

	if (!is_given(load, &routing->fpm) || !routing->fpm ||
	    addr_parse_port(routing->fpm, &addr, &port) < 0)
		return;
	if (!prefix_has_addr(&loops[0], &addr) && !prefix_has_addr(&loops[1], &addr))
		load_error(load, load_node(load, &routing->fpm),
			   "fpm: %s is no loopback address, and zebra runs on this host; write "
			   "127.0.0.1:%u",
			   routing->fpm, port);
}

static void check_routing(struct load *load)
{
	const struct config_routing *routing = &load->config->routing;

	check_fpm(load);
	for (size_t i = 0; i < routing->n_vip_ranges; i++)
		check_range(load, &routing->vip_ranges[i]);
	for (size_t i = 0; i < routing->n_peers; i++)
		check_peer(load, &routing->peers[i]);
	if (load_node(load, &routing->peers) && routing->n_peers == 0 &&
	    load->need == CONFIG_NEED_NODE && load_node(load, &routing->peers)->kind == NODE_MAP &&
	    load_node(load, &routing->peers)->n_children == 0)
		load_error(load, load_node(load, &routing->peers), "peers: at least one is needed");
	else if (routing->n_peers && is_given(load, &routing->require_peers) &&
		 routing->require_peers > routing->n_peers)
		load_error(load, load_node(load, &routing->require_peers),
			   "require-peers: %" PRIu32 " of %zu peers can never be reached",
			   routing->require_peers, routing->n_peers);
}

/* ---- checks ---- */

static void check_exec(struct load *load, const struct config_check *check)
{
	if (check->n_argv > 0 && check->argv[0] && check->argv[0][0] != '/')
		load_error(load, load_node(load, &check->argv),
			   "argv: '%.80s' is no absolute path; nothing searches for the program",
			   check->argv[0]);
	else if (is_given(load, &check->argv) && check->n_argv == 0)
		load_error(load, load_node(load, &check->argv), "argv: the program is missing");
}

/* The answer to HEAD has no body to look into. */
static void check_http(struct load *load, const struct config_check *check)
{
	const void *body = check->body_contains ? (const void *)&check->body_contains
						: (const void *)&check->body_matches;

	if (check->method == CONFIG_METHOD_HEAD && (check->body_contains || check->body_matches))
		load_error(load, load_node(load, body),
			   "%s: an answer to HEAD has no body; use method: GET",
			   check->body_contains ? "body-contains" : "body-matches");
}

/* What is not looked at, but was asked for. */
static void check_unverified(struct load *load, const struct config_check *check)
{
	if (is_given(load, &check->ca_file))
		load_warn(load, load_node(load, &check->ca_file),
			  "ca-file has no effect with verify: false");
	if (is_given(load, &check->expiry_warning_us))
		load_warn(load, load_node(load, &check->expiry_warning_us),
			  "expiry-warning has no effect with verify: false");
}

static void check_grpc(struct load *load, const struct config_check *check)
{
	if (!check->tls && is_given(load, &check->ca_file))
		load_warn(load, load_node(load, &check->ca_file),
			  "ca-file has no effect without tls: true");
}

static void check_dns_addresses(struct load *load, const struct config_check *check)
{
	bool is_ipv4 = check->record == CONFIG_RECORD_A;
	struct addr addr;

	for (size_t i = 0; i < check->n_answers; i++)
		if (check->answers[i] &&
		    (addr_parse(check->answers[i], &addr) < 0 || addr_is_ipv4(&addr) != is_ipv4))
			load_error(load, load_node_or(load, &check->answers[i], &check->answers),
				   "answer: '%.80s' is no IPv%d address; record: %s has those",
				   check->answers[i], is_ipv4 ? 4 : 6, is_ipv4 ? "A" : "AAAA");
}

/* How records are written that have no addresses: numbers, then as many words. TXT may be anything.
 */
static const struct record_form {
	enum config_record record;
	unsigned n_numbers, n_words;
	const char *type, *like;
} record_forms[] = {
	{ CONFIG_RECORD_NS, 0, 1, "NS", "ns.example.net." },
	{ CONFIG_RECORD_CNAME, 0, 1, "CNAME", "www.example.net." },
	{ CONFIG_RECORD_PTR, 0, 1, "PTR", "www.example.net." },
	{ CONFIG_RECORD_SOA, 0, 7, "SOA",
	  "ns.example.net. admin.example.net. 1 7200 900 604800 300" },
	{ CONFIG_RECORD_MX, 1, 1, "MX", "10 mail.example.net." },
	{ CONFIG_RECORD_SRV, 3, 1, "SRV", "1 2 443 www.example.net." },
	{ CONFIG_RECORD_CAA, 1, 2, "CAA", "0 issue \"ca.example.net\"" },
};

/* The next word of a text, and what follows it; "" at its end. A quote holds spaces. */
static size_t word_len(const char **text)
{
	*text += strspn(*text, " \t");
	return **text == '"' ? strlen(*text) : strcspn(*text, " \t");
}

static bool has_form(const struct record_form *form, const char *text)
{
	for (unsigned i = 0; i < form->n_numbers + form->n_words; i++) {
		size_t len = word_len(&text);

		if (len == 0 || (i < form->n_numbers && strspn(text, "0123456789") != len))
			return false;
		text += len;
	}
	return word_len(&text) == 0;
}

static void check_dns_words(struct load *load, const struct config_check *check)
{
	const struct record_form *form = record_forms;
	const size_t n_forms = sizeof(record_forms) / sizeof(record_forms[0]);

	while (form < record_forms + n_forms && form->record != check->record)
		form++;
	for (size_t i = 0; form < record_forms + n_forms && i < check->n_answers; i++)
		if (check->answers[i] && !has_form(form, check->answers[i]))
			load_error(load, load_node_or(load, &check->answers[i], &check->answers),
				   "answer: '%.80s' is no %s record; write one like '%s'",
				   check->answers[i], form->type, form->like);
}

static void check_dns(struct load *load, const struct config_check *check)
{
	if (!load_is_good(load, &check->record))
		return;
	if (check->record == CONFIG_RECORD_A || check->record == CONFIG_RECORD_AAAA)
		check_dns_addresses(load, check);
	else
		check_dns_words(load, check);
}

static void check_intervals(struct load *load, const struct config_check *check)
{
	if (both_good(load, &check->fast_interval_us, &check->interval_us) &&
	    check->fast_interval_us > check->interval_us)
		load_error(load, either(load, &check->fast_interval_us, &check->interval_us, check),
			   "fast-interval: %s is longer than interval, %s",
			   duration(load, check->fast_interval_us),
			   duration(load, check->interval_us));
	if (both_good(load, &check->slow_interval_us, &check->interval_us) &&
	    check->slow_interval_us < check->interval_us)
		load_error(load, either(load, &check->slow_interval_us, &check->interval_us, check),
			   "slow-interval: %s is shorter than interval, %s",
			   duration(load, check->slow_interval_us),
			   duration(load, check->interval_us));
	/* Allowed, since probes of one real never overlap: it only makes a silent real's slower. */
	if (both_good(load, &check->timeout_us, &check->interval_us) &&
	    check->timeout_us > check->interval_us)
		load_warn(load, either(load, &check->timeout_us, &check->interval_us, check),
			  "timeout: %s is longer than interval, %s; a real that does not answer is "
			  "probed once in %s",
			  duration(load, check->timeout_us), duration(load, check->interval_us),
			  duration(load, check->timeout_us));
}

/* Overlapping ranges of status are harmless and left alone. */
static void check_checks(struct load *load)
{
	for (size_t i = 0; i < load->config->n_checks; i++) {
		const struct config_check *check = &load->config->checks[i];

		if (check->name && strcmp(check->name, "none") == 0)
			load_error(load, load_node(load, check),
				   "a check cannot be called none; that word means no check");
		check_intervals(load, check);
		if (check->type == CONFIG_CHECK_DNS)
			check_dns(load, check);
		if (check->type == CONFIG_CHECK_EXEC)
			check_exec(load, check);
		if (check->type == CONFIG_CHECK_HTTP || check->type == CONFIG_CHECK_HTTPS)
			check_http(load, check);
		if (check->type == CONFIG_CHECK_GRPC)
			check_grpc(load, check);
		if (!check->verify)
			check_unverified(load, check);
	}
}

/* ---- pools ---- */

static size_t n_normal(const struct config_pool *pool)
{
	size_t n = 0;

	for (size_t i = 0; i < pool->n_reals; i++)
		n += !pool->reals[i].is_backup;
	return n;
}

static void check_quorum(struct load *load, const struct config_pool *pool)
{
	const uint32_t *back = &pool->quorum_return, *stay = &pool->quorum_stay;
	size_t n = n_normal(pool);

	if (!both_good(load, back, stay))
		return;
	if (*back < *stay)
		load_error(load, either(load, stay, back, pool),
			   "quorum: return %" PRIu32 " is below stay %" PRIu32
			   "; a VIP would come back only to be withdrawn",
			   *back, *stay);
	else if (n && *back > n)
		load_error(load, either(load, back, stay, pool),
			   "quorum: return %" PRIu32
			   " is more than the %zu normal reals of the pool",
			   *back, n);
}

static void check_real(struct load *load, const struct config_pool *pool, size_t i,
		       struct index *addresses, struct index *ids)
{
	const struct config_real *real = &pool->reals[i], *other;
	size_t found;

	if (!is_given(load, &real->addr) || refuse_unusable(load, &real->addr, "address"))
		return;
	found = index_add(addresses, &real->addr, sizeof(real->addr), i);
	if (found != INDEX_NONE)
		load_error(load, load_node(load, &real->addr), "%s is real '%s' (line %zu) already",
			   ADDR_STR(&real->addr), pool->reals[found].name,
			   line_of(load, &pool->reals[found]));
	if (!real->server_id)
		return;
	found = index_add(ids, &real->server_id, sizeof(real->server_id), i);
	if (found == INDEX_NONE)
		return;
	other = &pool->reals[found];
	load_error(load, load_node(load, &real->server_id),
		   "server-id: %" PRIu32 " is the id of real '%s' (line %zu) already",
		   real->server_id, other->name, line_of(load, other));
}

static void check_pool(struct load *load, const struct config_pool *pool, struct index *all)
{
	struct index addresses = { .arena = load->scratch }, ids = { .arena = load->scratch };
	const struct node *reals = load_node(load, &pool->reals);

	for (size_t i = 0; i < pool->n_reals; i++) {
		check_real(load, pool, i, &addresses, &ids);
		if (is_given(load, &pool->reals[i].addr))
			index_add(all, &pool->reals[i].addr, sizeof(struct addr), 0);
	}
	if (reals && reals->kind == NODE_MAP && reals->n_children == 0)
		load_error(load, node_name(reals), "pool '%s' has no reals", pool->name);
	else if (pool->n_reals && n_normal(pool) == 0)
		load_error(load, node_name(reals),
			   "pool '%s' has only backups; make one a normal real", pool->name);
	check_quorum(load, pool);
}

static void check_pools(struct load *load)
{
	struct index all = { .arena = load->scratch };

	for (size_t i = 0; i < load->config->n_pools; i++)
		check_pool(load, &load->config->pools[i], &all);
	if (all.n > REALS_MAX)
		load_error(load, load_node(load, &load->config->pools),
			   "the pools have %zu different reals; at most %d are possible", all.n,
			   REALS_MAX);
}

/* ---- what services share in the data plane ---- */

#define SERVER_IDS_MAX 131072 /* each is there for its pool and for `any` */
#define SOURCES_MAX    262144 /* of each kind */

static bool any_id_leads_anywhere(const struct config *config)
{
	for (size_t v = 0; v < config->n_vips; v++)
		for (size_t s = 0; s < config->vips[v].n_services; s++)
			if (config->vips[v].services[s].server_ids == CONFIG_SERVER_IDS_ANY)
				return true;
	return false;
}

/* With `server-ids: any` an id means one address, whatever pool. */
static void check_common_id(struct load *load, const struct config_real *real, struct index *ids,
			    const struct config_real **first)
{
	size_t found;

	if (!real->server_id || !is_given(load, &real->addr))
		return;
	found = index_add(ids, &real->server_id, sizeof(real->server_id), ids->n);
	if (found == INDEX_NONE) {
		first[ids->n - 1] = real;
		return;
	}
	if (!addr_eq(&first[found]->addr, &real->addr))
		load_error(load, load_node(load, &real->server_id),
			   "server-id: %" PRIu32 " is that of %s (line %zu) as well, and a service "
			   "has server-ids: any",
			   real->server_id, ADDR_STR(&first[found]->addr),
			   line_of(load, first[found]));
}

static void check_common_ids(struct load *load)
{
	const struct config *config = load->config;
	struct index ids = { .arena = load->scratch };
	const struct config_real **first;
	size_t n = 0;

	for (size_t p = 0; p < config->n_pools; p++)
		for (size_t i = 0; i < config->pools[p].n_reals; i++)
			n += config->pools[p].reals[i].server_id != 0;
	if (n > SERVER_IDS_MAX)
		load_error(load, load_node(load, &config->pools),
			   "the reals have %zu server ids; at most %d are possible", n,
			   SERVER_IDS_MAX);
	if (!any_id_leads_anywhere(config))
		return;
	first = arena_array(load->scratch, n, sizeof(*first));
	for (size_t p = 0; p < config->n_pools; p++)
		for (size_t i = 0; i < config->pools[p].n_reals; i++)
			check_common_id(load, &config->pools[p].reals[i], &ids, first);
}

static void check_source_room(struct load *load)
{
	const struct config *config = load->config;
	size_t routes = 0, drops = 0;

	for (size_t v = 0; v < config->n_vips; v++) {
		for (size_t s = 0; s < config->vips[v].n_services; s++) {
			routes += config->vips[v].services[s].n_source_routes;
			drops += config->vips[v].services[s].n_drop_sources;
		}
	}
	if (routes > SOURCES_MAX)
		load_error(load, load_node(load, &config->vips),
			   "the services have %zu source routes; at most %d are possible", routes,
			   SOURCES_MAX);
	if (drops > SOURCES_MAX)
		load_error(load, load_node(load, &config->vips),
			   "the services have %zu dropped sources; at most %d are possible", drops,
			   SOURCES_MAX);
}

/* ---- use of pools and checks ---- */

struct pool_use {
	bool is_used, has_tcp_port, has_udp_port;
};

static struct pool_use *find_uses(struct load *load)
{
	const struct config *config = load->config;
	struct pool_use *uses = arena_array(load->scratch, config->n_pools, sizeof(*uses));

	for (size_t v = 0; v < config->n_vips; v++) {
		for (size_t s = 0; s < config->vips[v].n_services; s++) {
			const struct config_service *service = &config->vips[v].services[s];

			if (service->pool >= config->n_pools)
				continue;
			uses[service->pool].is_used = true;
			if (service->port != 0 && service->proto == IPPROTO_TCP)
				uses[service->pool].has_tcp_port = true;
			if (service->port != 0 && service->proto == IPPROTO_UDP)
				uses[service->pool].has_udp_port = true;
		}
	}
	return uses;
}

static void check_ports(struct load *load, const struct config_pool *pool,
			const struct pool_use *use)
{
	for (size_t i = 0; i < pool->n_checks; i++) {
		const struct config_check *check = &load->config->checks[pool->checks[i]];

		bool is_udp = config_check_is_udp(check);

		if (check->port || !config_check_has_port(check->type) ||
		    !load_is_good(load, &check->port) ||
		    (is_udp ? use->has_udp_port : use->has_tcp_port))
			continue;
		load_error(load, load_node(load, check),
			   "check '%s' needs a port: no service of pool '%s' (line %zu) is a %s "
			   "service with a port",
			   check->name, pool->name, line_of(load, pool), is_udp ? "udp" : "tcp");
	}
}

/* The floor keeps normal reals only, and never more than there are. */
static void check_floor(struct load *load, const struct config_pool *pool)
{
	size_t normal = 0;

	for (size_t i = 0; i < pool->n_reals; i++)
		normal += !pool->reals[i].is_backup && pool->reals[i].weight > 0;
	if (pool->depool_floor_count > normal)
		load_warn(
			load, load_node(load, &pool->depool_floor_percent),
			"depool-floor: pool '%s' has %zu reals that count for it; all of them are "
			"kept, whatever their checks say",
			pool->name, normal);
}

static void check_uses(struct load *load)
{
	const struct config *config = load->config;
	const struct pool_use *uses = find_uses(load);
	/* Where a reference could not be read, "not used" would be a guess. */
	const bool is_whole = load->findings->errors == 0;
	bool *is_used = arena_array(load->scratch, config->n_checks, sizeof(*is_used));

	for (size_t i = 0; i < config->n_pools; i++) {
		const struct config_pool *pool = &config->pools[i];

		if (uses[i].is_used)
			check_ports(load, pool, &uses[i]);
		if (is_whole && !uses[i].is_used)
			load_warn(load, load_node(load, pool), "no service uses pool '%s'",
				  pool->name);
		check_floor(load, pool);
		for (size_t c = 0; c < pool->n_checks; c++)
			is_used[pool->checks[c]] = true;
	}
	for (size_t i = 0; i < config->n_checks; i++)
		if (is_whole && !is_used[i])
			load_warn(load, load_node(load, &config->checks[i]),
				  "no pool uses check '%s'", config->checks[i].name);
}

/* ---- services ---- */

static void check_protocol(struct load *load, const struct config_service *service, bool is_set,
			   uint8_t proto, const char *key)
{
	if (is_set && service->proto != proto)
		load_error(load, load_node(load, &service->port), "%s goes with %s services only",
			   key, proto == IPPROTO_TCP ? "tcp" : "udp");
}

static void check_service(struct load *load, const struct config_vip *vip, size_t i,
			  struct index *ports)
{
	const struct config_service *service = &vip->services[i];
	uint32_t key = (uint32_t)service->proto << 16 | service->port;
	uint32_t *kept = arena_alloc(load->scratch, sizeof(*kept));
	char text[CONFIG_SERVICE_TEXT_MAX];
	size_t found;

	*kept = key;
	found = index_add(ports, kept, sizeof(*kept), i);
	if (found != INDEX_NONE)
		load_error(load, load_node(load, &service->port),
			   "service %s is there already (line %zu)",
			   config_service_print(vip, service, text),
			   line_of(load, &vip->services[found].port));
	check_protocol(load, service, service->quic, IPPROTO_UDP, "quic");
	check_protocol(load, service, service->stable_udp, IPPROTO_UDP, "stable-udp");
	check_protocol(load, service, service->migrate_udp, IPPROTO_UDP, "migrate-udp");
	check_protocol(load, service, service->tcp_server_id, IPPROTO_TCP, "tcp-server-id");
}

/* ---- VIPs among themselves and with the rest ---- */

/* VIPs whose prefix could be read, sorted: a covering prefix comes before what it covers. */
struct vip_set {
	const struct config_vip **vips;
	size_t n;
	const struct config_vip **outer; /* those that no other covers: disjoint */
	size_t n_outer;
};

static int compare_vips(const void *a_, const void *b_)
{
	const struct config_vip *a = *(const struct config_vip *const *)a_;
	const struct config_vip *b = *(const struct config_vip *const *)b_;
	int order = prefix_cmp(&a->prefix, &b->prefix);

	/* Objects stand in the order of the file: the later of two equal ones is the duplicate. */
	return order ? order : a < b ? -1 : a > b;
}

static struct vip_set sort_vips(struct load *load)
{
	const struct config *config = load->config;
	struct vip_set set = {
		.vips = arena_array(load->scratch, config->n_vips, sizeof(*set.vips)),
		.outer = arena_array(load->scratch, config->n_vips, sizeof(*set.outer)),
	};

	for (size_t i = 0; i < config->n_vips; i++)
		if (is_given(load, &config->vips[i].prefix))
			set.vips[set.n++] = &config->vips[i];
	if (set.n)
		qsort(set.vips, set.n, sizeof(*set.vips), compare_vips);
	return set;
}

static void check_overlaps(struct load *load, struct vip_set *set)
{
	for (size_t i = 0; i < set->n; i++) {
		const struct config_vip *vip = set->vips[i], *before = i ? set->vips[i - 1] : NULL;
		const struct config_vip *outer = set->n_outer ? set->outer[set->n_outer - 1] : NULL;
		const struct node *node = load_node(load, &vip->prefix);

		if (before && prefix_eq(&before->prefix, &vip->prefix))
			load_error(load, node, "%s is vip '%s' (line %zu) already",
				   prefix_text(load, &vip->prefix), before->name,
				   line_of(load, before));
		else if (outer && prefix_has_prefix(&outer->prefix, &vip->prefix))
			load_warn(load, node,
				  "%s lies inside vip '%s' (line %zu); the longer prefix wins",
				  prefix_text(load, &vip->prefix), outer->name,
				  line_of(load, outer));
		else
			set->outer[set->n_outer++] = vip;
	}
}

/* The outermost VIP that holds an address, or NULL. */
static const struct config_vip *find_vip(const struct vip_set *set, const struct addr *addr)
{
	size_t low = 0, high = set->n_outer;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (addr_cmp(&set->outer[mid]->prefix.addr, addr) <= 0)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == 0 || !prefix_has_addr(&set->outer[low - 1]->prefix, addr))
		return NULL;
	return set->outer[low - 1];
}

static void refuse_in_vip(struct load *load, const struct vip_set *set, const struct addr *addr,
			  const char *what)
{
	const struct config_vip *vip = is_given(load, addr) ? find_vip(set, addr) : NULL;

	if (vip)
		load_error(load, load_node(load, addr),
			   "%s: %s is an address of vip '%s' (line %zu)", what, ADDR_STR(addr),
			   vip->name, line_of(load, vip));
}

/* Packets to these would be caught by the VIP instead of arriving. */
static void check_collisions(struct load *load, const struct vip_set *set)
{
	const struct config *config = load->config;
	const struct config_node *node = &config->node;

	for (size_t p = 0; p < config->n_pools; p++)
		for (size_t r = 0; r < config->pools[p].n_reals; r++)
			refuse_in_vip(load, set, &config->pools[p].reals[r].addr, "address");
	for (size_t i = 0; i < config->routing.n_peers; i++)
		if (!config->routing.peers[i].interface)
			refuse_in_vip(load, set, &config->routing.peers[i].addr, "peers");
	if (node->has_encap_source4)
		refuse_in_vip(load, set, &node->encap_source4, "encap-source");
	if (node->has_encap_source6)
		refuse_in_vip(load, set, &node->encap_source6, "encap-source");
	for (size_t i = 0; i < node->n_decap_balance; i++)
		refuse_in_vip(load, set, &node->decap_balance[i], "balance");
	for (size_t i = 0; i < node->n_decap_egress; i++)
		refuse_in_vip(load, set, &node->decap_egress[i], "egress");
	for (size_t i = 0; i < node->n_decap_local; i++)
		refuse_in_vip(load, set, &node->decap_local[i], "local");
}

static void check_vip_address(struct load *load, const struct config_vip *vip)
{
	const struct config_routing *routing = &load->config->routing;
	const struct node *node = load_node(load, &vip->prefix);
	const char *why;

	if (!is_given(load, &vip->prefix))
		return;
	why = unusable(&vip->prefix.addr);
	if (why)
		load_error(load, node, "address: %s %s", prefix_text(load, &vip->prefix), why);
	else if (vip->prefix.len < (addr_is_ipv4(&vip->prefix.addr) ? 8 : 16))
		load_error(load, node, "address: %s is too wide for a VIP",
			   prefix_text(load, &vip->prefix));
	else if (is_given(load, &routing->vip_ranges) && routing->n_vip_ranges &&
		 !config_owns(routing, &vip->prefix))
		load_error(load, node, "address: %s is outside vip-ranges (line %zu)",
			   prefix_text(load, &vip->prefix), line_of(load, &routing->vip_ranges));
}

/* ---- sizes of packets ---- */

/* Bytes the widest encapsulation among a pool's reals adds. */
static uint32_t overhead(const struct config_pool *pool)
{
	uint32_t widest = 0;

	for (size_t i = 0; i < pool->n_reals; i++) {
		uint32_t outer = addr_is_ipv4(&pool->reals[i].addr) ? 20 : 40;

		if (outer > widest)
			widest = outer;
	}
	return widest + (pool->encap == CONFIG_ENCAP_GUE ? 8 : 0);
}

static void check_ipv6_mtu(struct load *load, const struct config_vip *vip)
{
	const struct config *config = load->config;
	const struct config_node *node = &config->node;

	if (node->client_mtu_bytes && node->client_mtu_bytes < IPV6_MTU_MIN)
		load_error(load, load_node(load, &node->client_mtu_bytes),
			   "client-mtu: vip '%s' (line %zu) is IPv6, which needs at least %d",
			   vip->name, line_of(load, vip), IPV6_MTU_MIN);
	for (size_t i = 0; i < vip->n_services && node->mtu_bytes; i++) {
		const struct config_pool *pool;

		if (vip->services[i].pool >= config->n_pools)
			continue;
		pool = &config->pools[vip->services[i].pool];
		if (node->mtu_bytes >= IPV6_MTU_MIN + overhead(pool))
			continue;
		load_error(load, load_node(load, &node->mtu_bytes),
			   "mtu: vip '%s' (line %zu) is IPv6, which needs at least %d: %d for its "
			   "packets and %" PRIu32 " around them to pool '%s'",
			   vip->name, line_of(load, vip), (int)(IPV6_MTU_MIN + overhead(pool)),
			   IPV6_MTU_MIN, overhead(pool), pool->name);
		break;
	}
}

/* One error tells of the MTU; which other VIPs it hits as well says nothing more. */
static void check_mtu(struct load *load)
{
	const struct config *config = load->config;

	for (size_t i = 0; i < config->n_vips; i++) {
		unsigned errors = load->findings->errors;

		if (is_given(load, &config->vips[i].prefix) &&
		    !addr_is_ipv4(&config->vips[i].prefix.addr))
			check_ipv6_mtu(load, &config->vips[i]);
		if (load->findings->errors != errors)
			break;
	}
}

#define VIPS_MAX     8192 /* with the addresses of node.decap */
#define PREFIXES_MAX 4096
#define SERVICES_MAX 16128 /* the data plane keeps 256 for changes */

/* More than the data plane's tables hold. */
static void check_vip_room(struct load *load)
{
	const struct config *config = load->config;
	size_t vips = config->n_vips + config->node.n_decap_balance + config->node.n_decap_egress;
	size_t prefixes = 0, services = 0;

	for (size_t v = 0; v < config->n_vips; v++) {
		const struct prefix *prefix = &config->vips[v].prefix;

		prefixes += prefix->len < (addr_is_ipv4(&prefix->addr) ? 32 : 128);
		services += config->vips[v].n_services;
	}
	if (vips > VIPS_MAX)
		load_error(load, load_node(load, &config->vips),
			   "there are %zu VIPs and decap addresses; at most %d are possible", vips,
			   VIPS_MAX);
	if (prefixes > PREFIXES_MAX)
		load_error(load, load_node(load, &config->vips),
			   "%zu VIPs are prefixes; at most %d are possible", prefixes,
			   PREFIXES_MAX);
	if (services > SERVICES_MAX)
		load_error(load, load_node(load, &config->vips),
			   "the VIPs have %zu services; at most %d are possible", services,
			   SERVICES_MAX);
}

static void check_vips(struct load *load)
{
	const struct config *config = load->config;
	struct vip_set set = sort_vips(load);

	check_vip_room(load);
	check_overlaps(load, &set);
	check_collisions(load, &set);
	for (size_t v = 0; v < config->n_vips; v++) {
		struct index ports = { .arena = load->scratch };

		check_vip_address(load, &config->vips[v]);
		for (size_t s = 0; s < config->vips[v].n_services; s++)
			check_service(load, &config->vips[v], s, &ports);
	}
	check_mtu(load);
}

void check_config(struct load *load)
{
	check_node(load);
	check_routing(load);
	check_checks(load);
	check_pools(load);
	check_common_ids(load);
	check_source_room(load);
	check_vips(load);
	check_uses(load);
}
