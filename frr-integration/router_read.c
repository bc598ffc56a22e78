/* SPDX-License-Identifier: Apache-2.0 */
/*
 * router_read.c - the read-back.
 *
 * A full one asks, in this order: `show running-config` (version, instance, lines, route-maps),
 * `show bgp summary json` (peers), `show bgp neighbors json` (last resets, BFD, export policy), the
 * Adj-RIB-Out of each established peer and family that sent anything, the table's routes with
 * 65535:0 where a line names a drain twin, and the table inside vip-ranges where a line is missing
 * in some Adj-RIB-Out. Nothing is published before all of it was understood. Between two full ones
 * the summary is looked at each second; when what it shows differs from the last full one, that is
 * made at once. BFD goes and comes without a word in the summary, so each second the peers that
 * have it are asked about one by one (a few KiB each, however many neighbours there are).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frr-integration/router_private.h"
#include "src/base/log.h"

static void read_next(struct router *router);
static void publish(struct router *router);

static const char *family_word(bool is_v6)
{
	return is_v6 ? "ipv6" : "ipv4";
}

void router_read_fini(struct router_read *read)
{
	bgp_config_fini(&read->config);
	bgp_summary_fini(&read->summary);
	for (size_t i = 0; i < read->n_advertised; i++)
		bgp_prefixes_fini(&read->advertised[i]);
	free(read->advertised);
	bgp_prefixes_fini(&read->drained);
	bgp_prefixes_fini(&read->local);
	memset(read, 0, sizeof(*read));
}

static void step_to(struct router *router, enum read_step step)
{
	router->read.step = step;
	router->read.index = 0;
	read_next(router);
}

/* ---- peers ---- */

static const struct bgp_peer *find_peer(const struct bgp_summary *summary,
					const struct router_peer *peer)
{
	return bgp_summary_find(summary, peer->key);
}

/* True when the summary says what the peers say already. */
static bool peers_are(const struct router *router, const struct bgp_summary *summary)
{
	for (size_t i = 0; i < router->n_peers; i++) {
		const struct router_peer *peer = &router->peers[i];
		const struct bgp_peer *now = find_peer(summary, peer);

		if ((now != NULL) != peer->is_found)
			return false;
		if (now &&
		    (now->is_established != peer->is_established ||
		     strcmp(now->state, peer->state) != 0 || now->sent4 != peer->prefixes_sent4 ||
		     now->sent6 != peer->prefixes_sent6 || now->dropped != peer->dropped ||
		     now->in_ipv4 != peer->out[0].is_active ||
		     now->in_ipv6 != peer->out[1].is_active))
			return false;
	}
	return true;
}

static void set_peer(struct router_peer *peer, const struct bgp_peer *now)
{
	usec_t since;

	peer->is_found = now != NULL;
	peer->is_established = now && now->is_established;
	peer->prefixes_sent4 = now ? now->sent4 : 0;
	peer->prefixes_sent6 = now ? now->sent6 : 0;
	peer->out[0].is_active = now && now->in_ipv4;
	peer->out[1].is_active = now && now->in_ipv6;
	peer->dropped = now ? now->dropped : 0;
	snprintf(peer->state, sizeof(peer->state), "%s", now ? now->state : "not configured");
	if (!peer->is_established) {
		peer->since = 0;
		return;
	}
	since = usec_now() - now->uptime_ms * USEC_PER_MSEC;
	/* bgpd counts whole seconds: keep the stamp while it is the same session. */
	if (peer->since == 0 || since > peer->since + 2 * USEC_PER_SEC)
		peer->since = since;
}

static void log_peer(const struct router_peer *peer, bool was_established)
{
	if (peer->is_established == was_established)
		return;
	log_event(peer->is_established ? LOG_LEVEL_NOTICE : LOG_LEVEL_WARN, "peer_state",
		  "peer=%s key=%s state=%s last_reset=%s", LOG_QUOTE(peer->name),
		  LOG_QUOTE(peer->key), LOG_QUOTE(peer->state), LOG_QUOTE(peer->last_reset));
}

static void set_peers(struct router *router, const struct bgp_summary *summary)
{
	for (size_t i = 0; i < router->n_peers; i++) {
		struct router_peer *peer = &router->peers[i];
		bool was_established = peer->is_established;

		set_peer(peer, find_peer(summary, peer));
		log_peer(peer, was_established);
	}
}

void router_forget(struct router *router)
{
	for (size_t i = 0; i < router->n_peers; i++) {
		struct router_peer *peer = &router->peers[i];

		peer->is_found = false;
		peer->is_established = false;
		peer->since = 0;
		peer->prefixes_sent4 = 0;
		peer->prefixes_sent6 = 0;
		peer->ours4 = 0;
		peer->ours6 = 0;
		peer->bfd = BGP_BFD_NONE;
		peer->bfd_since = 0;
		strcpy(peer->state, "unknown");
	}
	router->n_routes = 0;
}

/* ---- the look of every second ---- */

static void watch_bfd(struct router *router);

static void on_second(void *arg, const struct vty_reply *reply)
{
	struct router *router = arg;
	struct bgp_summary summary;
	struct err err;

	router_count(router, reply);
	if (bgp_json_summary(reply->text, reply->len, &summary, &err) < 0) {
		router_give_up(router, err.text);
		return;
	}
	if (router->life == ROUTER_READY &&
	    (!peers_are(router, &summary) ||
	     (summary.has_as && summary.as != router->config->routing.local_as)))
		router->read_due = 0;
	bgp_summary_fini(&summary);
	router->bfd_next = 0;
	watch_bfd(router);
}

void router_summary_start(struct router *router)
{
	router_ask(router, on_second, "show bgp summary json");
}

/* ---- the full read-back, step by step ---- */

static bool peer_sends(const struct router *router, size_t peer, bool is_v6)
{
	const struct bgp_peer *now = find_peer(&router->read.summary, &router->peers[peer]);

	return now && now->is_established && (is_v6 ? now->sent6 : now->sent4) > 0;
}

/* Too old, too new, or not FRR: say so and stay away. */
static bool version_is_refused(struct router *router, const struct bgp_config *config)
{
	char sentence[ROUTER_SENTENCE_MAX];

	if (frr_is_known(config->major, config->minor))
		return false;
	snprintf(sentence, sizeof(sentence),
		 "bgpd is FRR '%s', this Shoal knows FRR " FRR_KNOWN ": upgrade %s",
		 config->version, config->major > 10 ? "shoal" : "frr");
	router_give_up(router, sentence);
	return true;
}

/* The instance is not there, or another AS: wait, it is the operator's. */
static void publish_no_instance(struct router *router, const struct bgp_config *config)
{
	uint32_t wanted = router->config->routing.local_as;

	router_forget(router);
	router_table_unwant_all(&router->table);
	router->read_at = usec_now();
	router->unread_since = 0;
	router->stats.read_backs++;
	if (config->has_instance)
		router_set_life(router, ROUTER_NO_INSTANCE,
				"bgpd's BGP instance is AS %u and routing.local-as is %u: "
				"correct one of them",
				config->as, wanted);
	else
		router_set_life(router, ROUTER_NO_INSTANCE,
				"bgpd %s has no BGP instance: configure 'router bgp %u' in FRR "
				"(Shoal never creates it)",
				config->version, wanted);
	router_read_fini(&router->read);
	router_flow_end(router);
}

static void on_config(void *arg, const struct vty_reply *reply)
{
	struct router *router = arg;
	struct bgp_config *config = &router->read.config;
	struct err err;

	router_count(router, reply);
	if (bgp_config_parse(reply->text, config, &err) < 0) {
		router_give_up(router, err.text);
		return;
	}
	if (version_is_refused(router, config))
		return;
	strcpy(router->version, config->version);
	if (!config->has_instance || config->as != router->config->routing.local_as) {
		publish_no_instance(router, config);
		return;
	}
	step_to(router, READ_SUMMARY);
}

static void on_summary(void *arg, const struct vty_reply *reply)
{
	struct router *router = arg;
	struct err err;

	router_count(router, reply);
	if (bgp_json_summary(reply->text, reply->len, &router->read.summary, &err) < 0)
		router_give_up(router, err.text);
	else
		step_to(router, READ_NEIGHBOURS);
}

/* The moment so long ago; bgpd counts whole seconds: keep the former while it fits. */
static usec_t moment_ago(usec_t former, uint64_t ms)
{
	usec_t now = usec_now(), moment;

	if (ms == 0 || ms * USEC_PER_MSEC >= now)
		return 0;
	moment = now - ms * USEC_PER_MSEC;
	if (former && former + 2 * USEC_PER_SEC > moment && moment + 2 * USEC_PER_SEC > former)
		return former;
	return moment;
}

static void take_export(struct router_export *to, const struct bgp_export *from)
{
	to->lacks_policy = from->lacks_policy;
	to->max_out = from->max_out;
	snprintf(to->filter, sizeof(to->filter), "%s", from->filter ? from->filter : "");
}

static void log_bfd(const struct router_peer *peer, enum bgp_bfd former)
{
	if (peer->bfd == former)
		return;
	log_event(router_peer_lacks_bfd(peer) ? LOG_LEVEL_WARN : LOG_LEVEL_NOTICE, "peer_bfd",
		  "peer=%s key=%s from=%s to=%s bgp=%s", LOG_QUOTE(peer->name),
		  LOG_QUOTE(peer->key), bgp_bfd_str(former), bgp_bfd_str(peer->bfd),
		  LOG_QUOTE(peer->state));
}

static void set_neighbour(struct router_peer *peer, const struct bgp_neighbour *from)
{
	enum bgp_bfd former = peer->bfd;

	snprintf(peer->last_reset, sizeof(peer->last_reset), "%s", from->last_reset);
	snprintf(peer->notification, sizeof(peer->notification), "%s", from->notification);
	peer->reset_at = moment_ago(peer->reset_at, from->reset_ms);
	peer->remote_as = from->remote_as;
	peer->bfd = from->bfd;
	peer->bfd_since = moment_ago(peer->bfd == former ? peer->bfd_since : 0, from->bfd_ms);
	peer->bfd_rx_ms = from->bfd_rx_ms;
	peer->bfd_tx_ms = from->bfd_tx_ms;
	peer->bfd_multiplier = from->bfd_multiplier;
	for (unsigned family = 0; family < 2; family++)
		take_export(&peer->out[family], &from->out[family]);
	log_bfd(peer, former);
}

static void take_neighbour(void *arg, const struct bgp_neighbour *neighbour)
{
	struct router *router = arg;

	for (size_t i = 0; i < router->n_peers; i++)
		if (strcmp(router->peers[i].key, neighbour->key) == 0)
			set_neighbour(&router->peers[i], neighbour);
}

static void on_bfd(void *arg, const struct vty_reply *reply)
{
	struct router *router = arg;
	enum bgp_bfd former = router->peers[router->bfd_next].bfd;
	struct err err;

	router_count(router, reply);
	if (bgp_json_neighbours(reply->text, reply->len, take_neighbour, router, &err) < 0) {
		router_give_up(router, err.text);
		return;
	}
	if (router->peers[router->bfd_next].bfd != former)
		router_notify(router);
	router->bfd_next++;
	watch_bfd(router);
}

/* Ask about the next peer with BFD; what else changed of it the summary tells, or the next read. */
static void watch_bfd(struct router *router)
{
	for (; router->bfd_next < router->n_peers; router->bfd_next++) {
		const struct router_peer *peer = &router->peers[router->bfd_next];

		if (router->life != ROUTER_READY || !peer->is_found || peer->bfd == BGP_BFD_NONE)
			continue;
		router_ask(router, on_bfd, "show bgp neighbors %s json", peer->key);
		return;
	}
	router_flow_end(router);
}

static void on_neighbours(void *arg, const struct vty_reply *reply)
{
	struct router *router = arg;
	struct err err;

	router_count(router, reply);
	if (bgp_json_neighbours(reply->text, reply->len, take_neighbour, router, &err) < 0)
		router_give_up(router, err.text);
	else
		step_to(router, READ_ADVERTISED);
}

static void on_advertised(void *arg, const struct vty_reply *reply)
{
	struct router *router = arg;
	struct router_read *read = &router->read;
	struct err err;

	router_count(router, reply);
	if (bgp_json_advertised(reply->text, reply->len, &read->advertised[read->index], &err) <
	    0) {
		router_give_up(router, err.text);
		return;
	}
	read->index++;
	read_next(router);
}

/* Ask the next peer and family that sent anything. */
static void read_advertised(struct router *router)
{
	struct router_read *read = &router->read;

	for (; read->index < read->n_advertised; read->index++) {
		size_t peer = read->index / 2;
		bool is_v6 = read->index % 2;

		if (!peer_sends(router, peer, is_v6))
			continue;
		router_ask(router, on_advertised,
			   "show bgp %s unicast neighbors %s advertised-routes json",
			   family_word(is_v6), router->peers[peer].key);
		return;
	}
	step_to(router, READ_DRAINED);
}

static bool has_drain_line(const struct router *router, bool is_v6)
{
	const struct bgp_config *config = &router->read.config;

	for (size_t i = 0; i < config->n_lines; i++)
		if (addr_is_ipv4(&config->lines[i].prefix.addr) != is_v6 &&
		    route_map_is_drain(config->lines[i].map))
			return true;
	return false;
}

static void on_drained(void *arg, const struct vty_reply *reply)
{
	struct router *router = arg;
	struct err err;

	router_count(router, reply);
	if (bgp_json_local(reply->text, reply->len, router->config->routing.local_as,
			   &router->read.drained, &err) < 0) {
		router_give_up(router, err.text);
		return;
	}
	router->read.index++;
	read_next(router);
}

static void read_drained(struct router *router)
{
	for (; router->read.index < 2; router->read.index++) {
		bool is_v6 = router->read.index == 1;

		if (!has_drain_line(router, is_v6))
			continue;
		router_ask(router, on_drained, "show bgp %s unicast community 65535:0 json",
			   family_word(is_v6));
		return;
	}
	step_to(router, READ_LOCAL);
}

/* Peers whose Adj-RIB-Out holds the prefix, as bits. */
static uint64_t held_by(const struct router *router, const struct prefix *prefix, uint32_t *ret_n)
{
	bool is_v6 = !addr_is_ipv4(&prefix->addr);
	uint64_t bits = 0;

	*ret_n = 0;
	for (size_t i = 0; i < router->n_peers; i++) {
		if (!bgp_prefixes_has(&router->read.advertised[i * 2 + is_v6], prefix))
			continue;
		++*ret_n;
		if (i < 64)
			bits |= 1ULL << i;
	}
	return bits;
}

/* True when a peer still holds a prefix of the range that has no line any more. */
static bool range_has_remains(const struct router *router, const struct prefix *range)
{
	const struct router_read *read = &router->read;

	for (size_t i = 0; i < read->n_advertised; i++)
		for (size_t k = 0; k < read->advertised[i].n; k++) {
			const struct prefix *prefix = &read->advertised[i].items[k];

			if (prefix_has_prefix(range, prefix) &&
			    !bgp_config_find_line(&read->config, prefix))
				return true;
		}
	return false;
}

/*
 * True when some line of the range is not in any Adj-RIB-Out, or the other way round for longer
 * than it takes after a write: only the table tells why.
 */
static bool range_needs_table(const struct router *router, const struct prefix *range)
{
	const struct bgp_config *config = &router->read.config;

	for (size_t i = 0; i < config->n_lines; i++) {
		uint32_t n;

		if (!prefix_has_prefix(range, &config->lines[i].prefix))
			continue;
		held_by(router, &config->lines[i].prefix, &n);
		if (n == 0)
			return true;
	}
	return router->settle_until == 0 && range_has_remains(router, range);
}

static void on_local(void *arg, const struct vty_reply *reply)
{
	struct router *router = arg;
	struct err err;

	router_count(router, reply);
	if (bgp_json_local(reply->text, reply->len, router->config->routing.local_as,
			   &router->read.local, &err) < 0) {
		router_give_up(router, err.text);
		return;
	}
	router->read.index++;
	read_next(router);
}

static void read_local(struct router *router)
{
	const struct config_routing *routing = &router->config->routing;

	for (; router->read.index < routing->n_vip_ranges; router->read.index++) {
		const struct prefix *range = &routing->vip_ranges[router->read.index];

		if (!range_needs_table(router, range))
			continue;
		router_ask(router, on_local, "show bgp %s unicast %s longer-prefixes json",
			   family_word(!addr_is_ipv4(&range->addr)), PREFIX_STR(range));
		return;
	}
	router->read.step = READ_DONE;
	publish(router);
}

static void read_next(struct router *router)
{
	switch (router->read.step) {
	case READ_CONFIG:
		router_ask(router, on_config, "show running-config");
		break;
	case READ_SUMMARY:
		router_ask(router, on_summary, "show bgp summary json");
		break;
	case READ_NEIGHBOURS:
		router_ask(router, on_neighbours, "show bgp neighbors json");
		break;
	case READ_ADVERTISED:
		read_advertised(router);
		break;
	case READ_DRAINED:
		read_drained(router);
		break;
	case READ_LOCAL:
		read_local(router);
		break;
	case READ_DONE:
		break;
	}
}

void router_read_start(struct router *router)
{
	struct router_read *read = &router->read;

	router_read_fini(read);
	read->started = usec_now();
	read->advertised = calloc(router->n_peers * 2 + 1, sizeof(*read->advertised));
	if (!read->advertised) {
		router_give_up(router, "read-back: out of memory");
		return;
	}
	read->n_advertised = router->n_peers * 2;
	step_to(router, READ_CONFIG);
}

/* ---- publishing ---- */

static int compare_prefixes(const void *a, const void *b)
{
	return prefix_cmp(a, b);
}

static size_t add_owned(const struct router *router, const struct prefix *prefixes, size_t n,
			size_t stride, struct prefix *all, size_t n_all)
{
	for (size_t i = 0; i < n; i++) {
		const struct prefix *prefix =
			(const struct prefix *)((const char *)prefixes + i * stride);

		if (config_owns(&router->config->routing, prefix))
			all[n_all++] = *prefix;
	}
	return n_all;
}

/* Every prefix inside vip-ranges that has a line or stands in an Adj-RIB-Out; sorted. */
static int collect(const struct router *router, struct prefix **ret, size_t *ret_n)
{
	const struct router_read *read = &router->read;
	size_t most = read->config.n_lines, n = 0, kept = 0;
	struct prefix *all;

	for (size_t i = 0; i < read->n_advertised; i++)
		most += read->advertised[i].n;
	all = calloc(most ? most : 1, sizeof(*all));
	if (!all)
		return -ENOMEM;
	if (read->config.n_lines > 0)
		n = add_owned(router, &read->config.lines[0].prefix, read->config.n_lines,
			      sizeof(read->config.lines[0]), all, n);
	for (size_t i = 0; i < read->n_advertised; i++)
		n = add_owned(router, read->advertised[i].items, read->advertised[i].n,
			      sizeof(struct prefix), all, n);
	qsort(all, n, sizeof(*all), compare_prefixes);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || !prefix_eq(&all[i], &all[kept - 1]))
			all[kept++] = all[i];
	*ret = all;
	*ret_n = kept;
	return 0;
}

static struct router_route make_route(const struct router *router, const struct prefix *prefix)
{
	const struct router_read *read = &router->read;
	const struct bgp_config_line *line = bgp_config_find_line(&read->config, prefix);
	const struct router_entry *entry = router_table_find(&router->table, prefix);
	struct router_route route = { .prefix = *prefix };

	route.held_by = held_by(router, prefix, &route.peers);
	route.is_local = bgp_prefixes_has(&read->local, prefix);
	if (!line)
		return route;
	route.has_line = true;
	route.is_local |= route.peers > 0;
	route.is_drained =
		route_map_is_drain(line->map) && bgp_prefixes_has(&read->drained, prefix);
	route.attributes_match = entry && (router_entry_is_in_force(entry, ROUTER_ANNOUNCE) ||
					   router_entry_is_in_force(entry, ROUTER_DRAIN));
	/* Whoever wants the line says so again, and the twin is made as the config has it now. */
	if (route.attributes_match && !entry->is_asked && router_set_is_broken(entry->set))
		route.attributes_match = false;
	return route;
}

static int make_routes(const struct router *router, struct router_route **ret, size_t *ret_n)
{
	struct router_route *routes;
	struct prefix *prefixes = NULL;
	size_t n;
	int r = collect(router, &prefixes, &n);

	if (r < 0)
		return r;
	routes = calloc(n ? n : 1, sizeof(*routes));
	for (size_t i = 0; routes && i < n; i++)
		routes[i] = make_route(router, &prefixes[i]);
	free(prefixes);
	if (!routes)
		return -ENOMEM;
	*ret = routes;
	*ret_n = n;
	return 0;
}

static bool routes_are(const struct router *router, const struct router_route *routes, size_t n)
{
	if (n != router->n_routes)
		return false;
	for (size_t i = 0; i < n; i++) {
		const struct router_route *a = &routes[i], *b = &router->routes[i];

		if (!prefix_eq(&a->prefix, &b->prefix) || a->has_line != b->has_line ||
		    a->is_local != b->is_local || a->is_drained != b->is_drained ||
		    a->attributes_match != b->attributes_match || a->peers != b->peers ||
		    a->held_by != b->held_by)
			return false;
	}
	return true;
}

static void count_ours(struct router *router)
{
	for (size_t i = 0; i < router->n_peers; i++) {
		struct router_peer *peer = &router->peers[i];

		peer->ours4 = peer->ours6 = 0;
		for (size_t k = 0; i < 64 && k < router->n_routes; k++) {
			const struct router_route *route = &router->routes[k];

			if (route->held_by & 1ULL << i)
				(*(addr_is_ipv4(&route->prefix.addr) ? &peer->ours4
								     : &peer->ours6))++;
		}
	}
}

/* What was written last is seen where it leads: in every peer's Adj-RIB-Out, or in none. */
static bool entry_has_settled(const struct router *router, const struct router_entry *entry,
			      size_t established)
{
	const struct router_route *route = router_route_find(router, &entry->prefix);

	switch (entry->op) {
	case ROUTER_WITHDRAW:
		return !route;
	case ROUTER_DRAIN:
		return route && route->is_drained && route->peers == established;
	case ROUTER_ANNOUNCE:
		return route && !route->is_drained && route->peers == established;
	case ROUTER_OP_MAX:
		break;
	}
	return true;
}

static bool all_has_settled(struct router *router)
{
	size_t established = router_n_established(router);
	bool settled = true;

	for (size_t i = 0; i < router->table.n_entries; i++) {
		struct router_entry *entry = router->table.entries[i];

		if (!entry->is_unsettled)
			continue;
		entry->is_unsettled = !entry_has_settled(router, entry, established);
		settled &= !entry->is_unsettled;
	}
	return settled;
}

/*
 * After a write bgpd takes 50 ms and more until the Adj-RIB-Out follows: look again, with
 * growing pauses, but never spend more than a quarter of bgpd's time on it.
 */
static void plan_next_look(struct router *router, usec_t took_us)
{
	usec_t now = usec_now();

	if (router->settle_until == 0)
		return;
	if (all_has_settled(router) || now >= router->settle_until) {
		router->settle_until = 0;
		return;
	}
	if (router->settle_pause < 3 * took_us)
		router->settle_pause = 3 * took_us;
	if (router->read_due > now + router->settle_pause)
		router->read_due = now + router->settle_pause;
	router->settle_pause *= 2;
}

/* What somebody else wrote since the last read: the plan that follows puts it back. */
static void note_changes(struct router *router)
{
	const struct router_table *table = &router->table;

	router->stats.changed_lines += table->n_changed_lines;
	router->stats.changed_maps += table->n_changed_maps;
	if (table->n_changed_lines)
		log_warn("repair", "kind=network-line lines=%zu first=%s", table->n_changed_lines,
			 PREFIX_STR(&table->changed_line));
	if (table->n_changed_maps)
		log_warn("repair", "kind=route-map maps=%zu first=%s", table->n_changed_maps,
			 table->changed_map);
}

static void publish(struct router *router)
{
	struct router_read *read = &router->read;
	struct router_route *routes = NULL;
	usec_t now = usec_now();
	bool differs;
	size_t n;

	if (router_table_read(&router->table, &read->config) < 0 ||
	    make_routes(router, &routes, &n) < 0) {
		router_give_up(router, "read-back: out of memory");
		return;
	}
	note_changes(router);
	differs = router->read_at == 0 || !routes_are(router, routes, n) ||
		  !peers_are(router, &read->summary);
	free(router->routes);
	router->routes = routes;
	router->n_routes = n;
	set_peers(router, &read->summary);
	count_ours(router);
	router->has_import_check = read->config.import_check;
	router->stats.read_backs++;
	router->stats.last_read_back_us = now - read->started;
	/* The stamp is the moment of the oldest answer in it. */
	router->read_at = read->started;
	router->unread_since = 0;
	router->repair_is_due = router_table_repair(&router->table) || router->table.n_obsolete > 0;
	plan_next_look(router, now - read->started);
	router_set_life(router, ROUTER_READY, "bgpd %s, AS %u: %zu of %zu peers established",
			router->version, read->config.as, router_n_established(router),
			router->n_peers);
	router_read_fini(read);
	if (differs)
		router_notify(router);
	router_flow_end(router);
}
