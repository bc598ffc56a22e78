/* SPDX-License-Identifier: Apache-2.0 */
#include "frr-integration/route_loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/log.h"

/* Of one update; the rest is one line that says how many. */
#define ALARMS_LOGGED_MAX 8

#define KEY_MAX 64

struct loop {
	struct loop_route *routes; /* sorted by prefix */
	size_t n_routes;
	struct loop_peer *peers; /* of all routes, n_peers each */
	size_t n_peers;
	char (*keys)[KEY_MAX]; /* of the peers, so that a reload finds them again */
	bool is_known;

	/* of the update that runs */
	const struct router *router;
	usec_t now, read_at;
	bool needs_read;
	size_t n_logged, n_unlogged;
};

const char *loop_reason_str(enum loop_reason reason)
{
	static const char *const words[LOOP_REASON_MAX] = {
#define X(name, word) [name] = word,
		LOOP_REASONS(X)
#undef X
	};

	return reason < LOOP_REASON_MAX ? words[reason] : "?";
}

/* ---- sentences ---- */

/* The part of the sentence that only the reason decides; NULL: it names more, see below. */
static const char *const plain_sentences[LOOP_REASON_MAX] = {
	[LOOP_AS_INTENDED] = "as intended",
	[LOOP_LINE_CHANGED] = "its line was written and another state stands: something else "
			      "changes bgpd's configuration",
	[LOOP_ROUTE_MAP] = "its line names a route-map that is missing, edited or not its own; "
			   "shoald mends it",
	[LOOP_IMPORT_CHECK] = "its line stands, but bgpd does not originate it: configure 'no bgp "
			      "network import-check' in router bgp",
	[LOOP_NOT_IN_TABLE] = "its line stands, but bgpd has no valid route of its own for it",
	[LOOP_LINE_STAYS] = "its line was removed and stands again: something else changes bgpd's "
			    "configuration",
	[LOOP_OTHER_ORIGIN] = "its line is gone, but bgpd originates it all the same: look for "
			      "redistribute or aggregate-address",
};

static void print_peer_sentence(const struct loop_route *route, const struct router_peer *peer,
				enum loop_reason reason, char *buf)
{
	bool is_v6 = !addr_is_ipv4(&route->prefix.addr);
	const struct router_export *out = &peer->out[is_v6];

	if (reason == LOOP_PEER_DOWN)
		snprintf(buf, LOOP_SENTENCE_MAX, "peer %s is %s", peer->name,
			 peer->is_found ? peer->state : "not in bgpd");
	else if (reason == LOOP_NO_FAMILY)
		snprintf(buf, LOOP_SENTENCE_MAX, "%s is not activated for peer %s",
			 is_v6 ? "IPv6" : "IPv4", peer->name);
	else if (reason == LOOP_NO_POLICY)
		snprintf(buf, LOOP_SENTENCE_MAX,
			 "peer %s has no export policy, so bgpd sends it nothing: configure "
			 "'neighbor %s route-map ... out'",
			 peer->name, peer->key);
	else if (reason == LOOP_MAX_OUT)
		snprintf(buf, LOOP_SENTENCE_MAX,
			 "peer %s got the %u prefixes of its maximum-prefix-out: raise it",
			 peer->name, out->max_out);
	else if (reason == LOOP_STILL_SENT)
		snprintf(buf, LOOP_SENTENCE_MAX, "its line is gone, but peer %s still holds it",
			 peer->name);
	else if (out->filter[0])
		snprintf(buf, LOOP_SENTENCE_MAX,
			 "the export policy '%s' of peer %s does not let it pass", out->filter,
			 peer->name);
	else
		snprintf(buf, LOOP_SENTENCE_MAX,
			 "bgpd does not send it to peer %s, and names no export filter",
			 peer->name);
}

static void print_line_sentence(const struct router *router, const struct loop_route *route,
				enum loop_reason reason, char *buf)
{
	const char *fault = router_fault_sentence(router);

	if (reason == LOOP_LINE_REFUSED)
		snprintf(buf, LOOP_SENTENCE_MAX, "bgpd refused its line: %.200s",
			 router_command(router, &route->prefix).refused);
	else if (reason == LOOP_NO_FAMILY)
		snprintf(buf, LOOP_SENTENCE_MAX, "no peer has %s activated",
			 addr_is_ipv4(&route->prefix.addr) ? "IPv4" : "IPv6");
	else if (route->intent == ROUTER_WITHDRAW)
		snprintf(buf, LOOP_SENTENCE_MAX, "its line was not removed%s%.240s",
			 fault[0] ? ": " : " yet", fault);
	else
		snprintf(buf, LOOP_SENTENCE_MAX, "its line was not written%s%.240s",
			 fault[0] ? ": " : " yet", fault);
}

const char *loop_sentence(const struct router *router, const struct loop_route *route,
			  const struct router_peer *peer, enum loop_reason reason,
			  char buf[LOOP_SENTENCE_MAX])
{
	if (reason < LOOP_REASON_MAX && plain_sentences[reason])
		snprintf(buf, LOOP_SENTENCE_MAX, "%s", plain_sentences[reason]);
	else if (peer)
		print_peer_sentence(route, peer, reason, buf);
	else
		print_line_sentence(router, route, reason, buf);
	return buf;
}

/* ---- alarms ---- */

static void log_begin(const struct loop *loop, const struct loop_route *route,
		      const struct router_peer *peer, const struct loop_lack *lack)
{
	char sentence[LOOP_SENTENCE_MAX];

	log_warn("route_alarm", "prefix=%s reason=%s peer=%s sentence=%s",
		 PREFIX_STR(&route->prefix), loop_reason_str(lack->reason),
		 LOG_QUOTE(peer ? peer->name : "-"),
		 LOG_QUOTE(loop_sentence(loop->router, route, peer, lack->reason, sentence)));
}

static void log_alarm(struct loop *loop, const struct loop_route *route,
		      const struct router_peer *peer, const struct loop_lack *lack, bool begins)
{
	if (loop->n_logged == ALARMS_LOGGED_MAX) {
		loop->n_unlogged++;
		return;
	}
	loop->n_logged++;
	if (begins)
		log_begin(loop, route, peer, lack);
	else
		log_notice("route_alarm_end", "prefix=%s reason=%s peer=%s lasted_s=%.1f",
			   PREFIX_STR(&route->prefix), loop_reason_str(lack->reason),
			   LOG_QUOTE(peer ? peer->name : "-"),
			   (double)(loop->now - lack->since) / (double)USEC_PER_SEC);
}

static void end_lack(struct loop *loop, const struct loop_route *route,
		     const struct router_peer *peer, struct loop_lack *lack)
{
	if (lack->is_alarm)
		log_alarm(loop, route, peer, lack, false);
	*lack = (struct loop_lack){ .reason = LOOP_AS_INTENDED };
}

/* A peer that is down has an alarm of its own, and one family per session is a choice. */
static bool is_alarming(enum loop_reason reason, const struct router_peer *peer)
{
	return !peer || (reason != LOOP_PEER_DOWN && reason != LOOP_NO_FAMILY);
}

static void judge_age(struct loop *loop, const struct loop_route *route,
		      const struct router_peer *peer, struct loop_lack *lack)
{
	/* A session that has just come up is only beginning to be filled. */
	usec_t from = peer && peer->since > lack->since ? peer->since : lack->since;
	usec_t due = from + LOOP_BOUND_US;

	if (loop->read_at >= due) {
		lack->is_alarm = true;
		log_alarm(loop, route, peer, lack, true);
	} else if (loop->now >= due) {
		loop->needs_read = true;
	}
}

static void take_lack(struct loop *loop, const struct loop_route *route,
		      const struct router_peer *peer, struct loop_lack *lack,
		      enum loop_reason reason)
{
	if (reason == LOOP_AS_INTENDED || (lack->is_alarm && !is_alarming(reason, peer)))
		end_lack(loop, route, peer, lack);
	if (reason == LOOP_AS_INTENDED)
		return;
	if (lack->since == 0)
		lack->since = loop->now;
	if (lack->is_alarm && lack->reason != reason) { /* it goes on for another reason */
		log_alarm(loop, route, peer, lack, false);
		lack->reason = reason;
		log_alarm(loop, route, peer, lack, true);
	}
	lack->reason = reason;
	if (!lack->is_alarm && is_alarming(reason, peer))
		judge_age(loop, route, peer, lack);
}

/* ---- judging ---- */

static enum router_op line_of(const struct router_route *found)
{
	if (!found || !found->has_line)
		return ROUTER_WITHDRAW;
	return found->is_drained ? ROUTER_DRAIN : ROUTER_ANNOUNCE;
}

/* The line is not the one that shall be: where did it stop? */
static enum loop_reason judge_command(const struct loop *loop, const struct loop_route *route,
				      const struct router_route *found)
{
	struct router_command command = router_command(loop->router, &route->prefix);
	bool is_told = command.at && !command.is_waiting && command.op == route->intent;

	if (is_told && command.refused[0])
		return LOOP_LINE_REFUSED;
	if (route->intent == ROUTER_WITHDRAW)
		return is_told ? LOOP_LINE_STAYS : LOOP_NOT_COMMANDED;
	if (is_told && found && found->has_line && !found->attributes_match)
		return LOOP_ROUTE_MAP;
	return is_told ? LOOP_LINE_CHANGED : LOOP_NOT_COMMANDED;
}

static bool any_peer_takes(const struct router *router, bool is_v6)
{
	for (size_t i = 0; i < router_n_peers(router); i++)
		if (!router_peer(router, i)->is_established ||
		    router_peer(router, i)->out[is_v6].is_active)
			return true;
	return router_n_peers(router) == 0;
}

static enum loop_reason judge_line(const struct loop *loop, const struct loop_route *route,
				   const struct router_route *found)
{
	bool is_v6 = !addr_is_ipv4(&route->prefix.addr);

	if (route->line != route->intent)
		return judge_command(loop, route, found);
	if (route->intent == ROUTER_WITHDRAW)
		return route->is_local ? LOOP_OTHER_ORIGIN : LOOP_AS_INTENDED;
	if (!found->attributes_match)
		return LOOP_ROUTE_MAP;
	if (!found->is_local)
		return router_has_import_check(loop->router) ? LOOP_IMPORT_CHECK
							     : LOOP_NOT_IN_TABLE;
	return any_peer_takes(loop->router, is_v6) ? LOOP_AS_INTENDED : LOOP_NO_FAMILY;
}

static enum loop_reason judge_peer(const struct loop_route *route, const struct router_peer *peer,
				   bool is_held)
{
	bool is_v6 = !addr_is_ipv4(&route->prefix.addr);
	const struct router_export *out = &peer->out[is_v6];
	uint32_t sent = is_v6 ? peer->prefixes_sent6 : peer->prefixes_sent4;

	if (route->intent == ROUTER_WITHDRAW)
		return is_held ? LOOP_STILL_SENT : LOOP_AS_INTENDED;
	if (is_held)
		return LOOP_AS_INTENDED;
	if (!peer->is_established)
		return LOOP_PEER_DOWN;
	if (!out->is_active)
		return LOOP_NO_FAMILY;
	if (out->lacks_policy)
		return LOOP_NO_POLICY;
	if (out->max_out && sent >= out->max_out)
		return LOOP_MAX_OUT;
	return LOOP_EXPORT_POLICY;
}

static void follow_peer(struct loop *loop, struct loop_route *route, size_t i, bool is_held)
{
	const struct router_peer *peer = router_peer(loop->router, i);
	struct loop_peer *of = &route->peers[i];

	if (of->since == 0 || of->is_held != is_held)
		of->since = loop->now;
	of->is_held = is_held;
	/* Before the peers' turn has come nothing can be said of them. */
	if (route->lack.reason != LOOP_AS_INTENDED)
		end_lack(loop, route, peer, &of->lack);
	else
		take_lack(loop, route, peer, &of->lack, judge_peer(route, peer, is_held));
}

/* What the last read-back says of the route. */
static void follow_route(struct loop *loop, struct loop_route *route)
{
	const struct router_route *found = router_route_find(loop->router, &route->prefix);
	enum router_op line = line_of(found);
	bool is_local = found && found->is_local;

	if (route->line_since == 0 || route->line != line)
		route->line_since = loop->now;
	if (route->local_since == 0 || route->is_local != is_local)
		route->local_since = loop->now;
	route->line = line;
	route->is_local = is_local;
	take_lack(loop, route, NULL, &route->lack, judge_line(loop, route, found));
	for (size_t i = 0; i < loop->n_peers; i++)
		follow_peer(loop, route, i, found && found->held_by & 1ULL << i);
}

static void end_lacks(struct loop *loop, struct loop_route *route)
{
	end_lack(loop, route, NULL, &route->lack);
	for (size_t i = 0; i < loop->n_peers; i++)
		end_lack(loop, route, router_peer(loop->router, i), &route->peers[i].lack);
}

static void take_intent(struct loop *loop, struct loop_route *route, enum router_op intent)
{
	if (route->intent_since && route->intent == intent)
		return;
	end_lacks(loop, route);
	route->intent = intent;
	route->intent_since = loop->now;
}

/* ---- the records ---- */

static int compare_routes(const void *a, const void *b)
{
	const struct loop_route *route_a = a, *route_b = b;

	return prefix_cmp(&route_a->prefix, &route_b->prefix);
}

static struct loop_route *find(const struct loop *loop, const struct prefix *prefix)
{
	struct loop_route key = { .prefix = *prefix };

	if (loop->n_routes == 0)
		return NULL;
	return bsearch(&key, loop->routes, loop->n_routes, sizeof(key), compare_routes);
}

static size_t n_peers_of(const struct router *router)
{
	size_t n = router_n_peers(router);

	return n < LOOP_PEERS_MAX ? n : LOOP_PEERS_MAX;
}

static bool peers_are_the_same(const struct loop *loop)
{
	if (loop->n_peers != n_peers_of(loop->router))
		return false;
	for (size_t i = 0; i < loop->n_peers; i++)
		if (strcmp(loop->keys[i], router_peer(loop->router, i)->key) != 0)
			return false;
	return true;
}

/* What was known of a peer under its former place. */
static void keep_peers(const struct loop *former, const struct loop *fresh,
		       const struct loop_route *from, struct loop_route *to)
{
	for (size_t i = 0; i < fresh->n_peers; i++)
		for (size_t k = 0; k < former->n_peers; k++)
			if (strcmp(fresh->keys[i], former->keys[k]) == 0)
				to->peers[i] = from->peers[k];
}

static void keep_routes(const struct loop *former, struct loop *fresh)
{
	for (size_t i = 0; i < fresh->n_routes; i++) {
		struct loop_route *route = &fresh->routes[i];
		const struct loop_route *from = find(former, &route->prefix);
		struct loop_peer *peers = route->peers;

		if (!from)
			continue;
		*route = *from;
		route->peers = peers;
		keep_peers(former, fresh, from, route);
	}
}

static void free_records(struct loop *loop)
{
	free(loop->routes);
	free(loop->peers);
	free(loop->keys);
}

static bool alloc_records(struct loop *fresh, size_t n)
{
	fresh->n_routes = n;
	fresh->n_peers = n_peers_of(fresh->router);
	fresh->routes = calloc(n + 1, sizeof(*fresh->routes));
	fresh->peers = calloc(n * fresh->n_peers + 1, sizeof(*fresh->peers));
	fresh->keys = calloc(fresh->n_peers + 1, sizeof(*fresh->keys));
	return fresh->routes && fresh->peers && fresh->keys;
}

/* Records for other VIPs or peers; what was known of those that stay is kept. */
static bool renew(struct loop *loop, size_t n, loop_intent_fn *fn, void *arg)
{
	struct loop fresh = *loop;

	if (!alloc_records(&fresh, n)) {
		free_records(&fresh);
		return false;
	}
	for (size_t i = 0; i < fresh.n_peers; i++)
		snprintf(fresh.keys[i], KEY_MAX, "%s", router_peer(loop->router, i)->key);
	for (size_t i = 0; i < n; i++)
		fresh.routes[i].prefix = fn(arg, i).prefix;
	qsort(fresh.routes, n, sizeof(*fresh.routes), compare_routes);
	for (size_t i = 0; i < n; i++)
		fresh.routes[i].peers = &fresh.peers[i * fresh.n_peers];
	keep_routes(loop, &fresh);
	free_records(loop);
	*loop = fresh;
	return true;
}

static bool take_intents(struct loop *loop, size_t n, loop_intent_fn *fn, void *arg)
{
	for (size_t i = 0; i < n; i++) {
		struct loop_intent intent = fn(arg, i);
		struct loop_route *route = find(loop, &intent.prefix);

		if (!route)
			return false;
		take_intent(loop, route, intent.intent);
	}
	return true;
}

bool loop_update(struct loop *loop, const struct router *router, size_t n, loop_intent_fn *fn,
		 void *arg, usec_t now)
{
	loop->router = router;
	loop->now = now;
	loop->needs_read = false;
	loop->n_logged = loop->n_unlogged = 0;
	if ((n != loop->n_routes || !peers_are_the_same(loop)) && !renew(loop, n, fn, arg))
		return false;
	/* As many as before, but others. */
	if (!take_intents(loop, n, fn, arg) &&
	    (!renew(loop, n, fn, arg) || !take_intents(loop, n, fn, arg)))
		return false;
	loop->is_known =
		router_life(router) == ROUTER_READY && router_is_read(router, &loop->read_at);
	for (size_t i = 0; i < loop->n_routes; i++) {
		if (loop->is_known)
			follow_route(loop, &loop->routes[i]);
		else
			end_lacks(loop, &loop->routes[i]);
	}
	if (loop->n_unlogged)
		log_warn("route_alarms", "more=%zu", loop->n_unlogged);
	return loop->needs_read;
}

struct loop *loop_new(void)
{
	return calloc(1, sizeof(struct loop));
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	free_records(loop);
	free(loop);
}

const struct loop_route *loop_find(const struct loop *loop, const struct prefix *prefix)
{
	return find(loop, prefix);
}

size_t loop_n_peers(const struct loop *loop)
{
	return loop->n_peers;
}

bool loop_is_known(const struct loop *loop)
{
	return loop->is_known;
}
