/* SPDX-License-Identifier: Apache-2.0 */
#include "frr-integration/router.h"

#include <errno.h>
#include <event2/event.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frr-integration/router_private.h"
#include "src/base/log.h"

#define SUMMARY_EVERY_US (1 * USEC_PER_SEC)
#define READ_EVERY_US    (15 * USEC_PER_SEC)
/* While bgpd has no instance of ours its configuration is probably being loaded. */
#define NO_INSTANCE_EVERY_US (200 * USEC_PER_MSEC)

const char *router_life_str(enum router_life life)
{
	static const char *const words[ROUTER_LIFE_MAX] = {
		[ROUTER_CONNECTING] = "connecting",
		[ROUTER_NO_INSTANCE] = "no-instance",
		[ROUTER_READY] = "ready",
		[ROUTER_STUCK] = "stuck",
	};

	return words[life];
}

/* ---- life ---- */

void router_notify(struct router *router)
{
	event_active(router->notify_event, EV_TIMEOUT, 0);
}

static void on_notify(evutil_socket_t fd, short what, void *arg)
{
	struct router *router = arg;

	(void)fd;
	(void)what;
	router->callbacks.changed(router->callbacks.arg);
}

void router_set_life(struct router *router, enum router_life life, const char *fmt, ...)
{
	char sentence[ROUTER_SENTENCE_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(sentence, sizeof(sentence), fmt, ap);
	va_end(ap);
	if (life == router->life && strcmp(sentence, router->sentence) == 0)
		return;
	if (life != router->life)
		log_event(life == ROUTER_READY ? LOG_LEVEL_NOTICE : LOG_LEVEL_WARN, "router_life",
			  "from=%s to=%s sentence=%s", router_life_str(router->life),
			  router_life_str(life), LOG_QUOTE(sentence));
	router->life = life;
	strcpy(router->sentence, sentence);
	router_notify(router);
}

void router_fault(struct router *router, const char *fmt, ...)
{
	char sentence[ROUTER_SENTENCE_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(sentence, sizeof(sentence), fmt, ap);
	va_end(ap);
	router->stats.failures++;
	if (strcmp(sentence, router->fault) == 0)
		return;
	strcpy(router->fault, sentence);
	log_warn("router_failure", "sentence=%s", LOG_QUOTE(sentence));
}

/* ---- conversations ---- */

void router_count(struct router *router, const struct vty_reply *reply)
{
	router->stats.commands++;
	router->stats.last_command_us = reply->took_us;
}

void router_give_up(struct router *router, const char *sentence)
{
	router->stats.failures++;
	vty_drop(router->vty, -EPROTO, sentence);
}

void router_ask(struct router *router, vty_reply_fn *fn, const char *fmt, ...)
{
	char command[VTY_COMMAND_MAX + 2], sentence[ROUTER_SENTENCE_MAX];
	va_list ap;
	int r;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	r = vty_send(router->vty, fn, router, "%s", command);
	if (r == 0)
		return;
	snprintf(sentence, sizeof(sentence), "cannot send '%.64s': %s", command, strerror(-r));
	router_give_up(router, sentence);
}

static void arm_clock(struct router *router, usec_t due)
{
	usec_t now = usec_now(), pause = due > now ? due - now : 0;
	struct timeval tv = { .tv_sec = (time_t)(pause / USEC_PER_SEC),
			      .tv_usec = (suseconds_t)(pause % USEC_PER_SEC) };

	event_add(router->clock_event, &tv);
}

/* Start what is due, or sleep until something is. */
static void on_clock(evutil_socket_t fd, short what, void *arg)
{
	struct router *router = arg;
	usec_t now = usec_now();

	(void)fd;
	(void)what;
	if (router->flow != FLOW_NONE || !router->is_open)
		return;
	if (router_write_is_due(router)) {
		router->flow = FLOW_WRITE;
		router_write_start(router);
	} else if (router->read_due <= now) {
		router->flow = FLOW_READ;
		router->read_due = now + READ_EVERY_US;
		router->summary_due = now + SUMMARY_EVERY_US;
		router_read_start(router);
	} else if (router->summary_due <= now) {
		router->flow = FLOW_SUMMARY;
		router->summary_due = now + SUMMARY_EVERY_US;
		router_summary_start(router);
	} else {
		arm_clock(router, router->read_due < router->summary_due ? router->read_due
									 : router->summary_due);
	}
}

void router_flow_end(struct router *router)
{
	router->flow = FLOW_NONE;
	if (router->life == ROUTER_NO_INSTANCE)
		router->read_due = usec_now() + NO_INSTANCE_EVERY_US;
	arm_clock(router, 0);
}

/* ---- the connection ---- */

static void on_enabled(void *arg, const struct vty_reply *reply)
{
	struct router *router = arg;
	char sentence[ROUTER_SENTENCE_MAX];

	router_count(router, reply);
	if (reply->status != VTY_SUCCESS) {
		snprintf(sentence, sizeof(sentence), "vty socket '%s': 'enable': %s: %.100s",
			 vty_path(router->vty), vty_status_str(reply->status), reply->text);
		router_give_up(router, sentence);
		return;
	}
	router->is_open = true;
	router->read_due = 0;
	router_flow_end(router);
}

static void on_up(void *arg)
{
	struct router *router = arg;

	router->flow = FLOW_OPEN;
	router_ask(router, on_enabled, "enable");
}

static void on_down(void *arg, int reason, const char *sentence)
{
	struct router *router = arg;
	bool is_stuck = reason == -ETIMEDOUT || reason == -EAGAIN;
	bool is_absent = reason == -ENOENT || reason == -ECONNREFUSED;

	if (is_absent)
		router->unread_since = 0;
	else if (router->unread_since == 0)
		router->unread_since = usec_now();

	if (router->flow != FLOW_NONE) {
		router->stats.reconnects++;
		log_warn("router_lost", "sentence=%s", LOG_QUOTE(sentence));
	}
	router->flow = FLOW_NONE;
	router->is_open = false;
	router->read_at = 0;
	router->settle_until = 0;
	router->repair_is_due = false;
	router->version[0] = '\0';
	router_read_fini(&router->read);
	router_table_unwant_all(&router->table);
	router_forget(router);
	router_set_life(router, is_stuck ? ROUTER_STUCK : ROUTER_CONNECTING, "%s", sentence);
}

/* ---- making and ending ---- */

static int init_peers(struct router *router, const struct config_routing *routing)
{
	size_t n = routing->n_peers;

	router->peers = calloc(n ? n : 1, sizeof(*router->peers));
	router->peer_keys = calloc(n ? n : 1, sizeof(*router->peer_keys));
	if (!router->peers || !router->peer_keys)
		return -ENOMEM;
	router->n_peers = n;
	for (size_t i = 0; i < n; i++) {
		const struct config_peer *peer = &routing->peers[i];
		const char *key = peer->interface ? peer->interface : ADDR_STR(&peer->addr);

		snprintf(router->peer_keys[i], sizeof(router->peer_keys[i]), "%s", key);
		router->peers[i].name = peer->name;
		router->peers[i].key = router->peer_keys[i];
		strcpy(router->peers[i].state, "unknown");
	}
	return 0;
}

static void fini_config(struct router *router)
{
	router_table_fini(&router->table);
	free(router->peers);
	free(router->peer_keys);
	router->peers = NULL;
	router->peer_keys = NULL;
	router->n_peers = 0;
	free(router->routes);
	router->routes = NULL;
	router->n_routes = 0;
}

static int init_config(struct router *router, const struct config *config, struct err *err)
{
	int r = router_table_init(&router->table, config, err);

	if (r < 0)
		return r;
	r = init_peers(router, &config->routing);
	if (r < 0) {
		fini_config(router);
		return err_set(err, r, "router: %m");
	}
	router->config = config;
	return 0;
}

static void socket_path(const struct config *config, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/bgpd.vty", config->routing.vty);
}

static int init_connection(struct router *router, struct err *err)
{
	const struct vty_callbacks callbacks = { .up = on_up, .down = on_down, .arg = router };
	char path[PATH_MAX];
	int r;

	socket_path(router->config, path);
	snprintf(router->sentence, sizeof(router->sentence), "vty socket '%.200s': connecting",
		 path);
	r = vty_new(router->base, path, 0, &callbacks, &router->vty);
	if (r < 0)
		return err_set(err, r, "vty socket '%s': %m", path);
	return 0;
}

int router_new(struct event_base *base, const struct config *config,
	       const struct router_callbacks *callbacks, struct router **ret, struct err *err)
{
	struct router *router = calloc(1, sizeof(*router));
	int r;

	if (!router)
		return err_set(err, -ENOMEM, "router: %m");
	router->base = base;
	router->callbacks = *callbacks;
	router->clock_event = evtimer_new(base, on_clock, router);
	router->notify_event = evtimer_new(base, on_notify, router);
	r = router->clock_event && router->notify_event ? 0 : err_set(err, -ENOMEM, "router: %m");
	if (r == 0)
		r = init_config(router, config, err);
	if (r == 0)
		r = init_connection(router, err);
	if (r < 0) {
		router_free(router);
		return r;
	}
	*ret = router;
	return 0;
}

void router_free(struct router *router)
{
	if (!router)
		return;
	vty_free(router->vty);
	if (router->clock_event)
		event_free(router->clock_event);
	if (router->notify_event)
		event_free(router->notify_event);
	router_read_fini(&router->read);
	fini_config(router);
	free(router);
}

static void on_left(void *arg, const struct vty_reply *reply)
{
	struct router *router = arg;

	router_count(router, reply);
	router_flow_end(router);
}

/* Whatever mode the cancelled conversation was in, `end` leaves it. */
static void on_cancelled(void *arg, const struct vty_reply *reply)
{
	struct router *router = arg;

	router_count(router, reply);
	router_ask(router, on_left, "end");
}

static void restart_conversation(struct router *router)
{
	router->flow = FLOW_OPEN;
	if (!vty_cancel(router->vty, on_cancelled, router))
		router_ask(router, on_left, "end");
}

/* The new config may name another directory. */
static int follow_socket(struct router *router, struct err *err)
{
	char path[PATH_MAX];

	socket_path(router->config, path);
	if (strcmp(path, vty_path(router->vty)) == 0)
		return 0;
	vty_free(router->vty);
	router->vty = NULL;
	router->flow = FLOW_NONE;
	router->is_open = false;
	router_forget(router);
	router_set_life(router, ROUTER_CONNECTING, "vty socket '%.200s': connecting", path);
	return init_connection(router, err);
}

/* A peer the new config has as well is still what it was. */
static void keep_peers(struct router *fresh, const struct router *old)
{
	for (size_t i = 0; i < fresh->n_peers; i++) {
		for (size_t k = 0; k < old->n_peers; k++) {
			struct router_peer *peer = &fresh->peers[i];
			const char *name = peer->name, *key = peer->key;

			if (strcmp(key, old->peers[k].key) != 0)
				continue;
			*peer = old->peers[k];
			peer->name = name;
			peer->key = key;
		}
	}
}

int router_reload(struct router *router, const struct config *config, struct err *err)
{
	struct router fresh = { 0 };
	char path[PATH_MAX];
	int r;

	socket_path(config, path);
	if (strlen(path) > VTY_PATH_MAX)
		return err_set(err, -ENAMETOOLONG, "vty socket '%s': path too long", path);
	r = init_config(&fresh, config, err);
	if (r < 0)
		return r;
	keep_peers(&fresh, router);
	router_read_fini(&router->read);
	fini_config(router);
	router->config = config;
	router->table = fresh.table;
	router_table_moved(&router->table);
	router->peers = fresh.peers;
	router->peer_keys = fresh.peer_keys;
	router->n_peers = fresh.n_peers;
	router->read_at = 0;
	router->settle_until = 0;
	router->repair_is_due = false;
	router->read_due = 0;
	/* The conversation that runs holds entries of the old table: it ends here. */
	if (router->is_open && router->flow != FLOW_NONE)
		restart_conversation(router);
	r = follow_socket(router, err);
	router_notify(router);
	return r;
}

/* ---- the public calls ---- */

static void want(struct router *router, const struct prefix *prefix, enum router_op op)
{
	struct router_entry *entry;
	bool is_first;

	if (router->life != ROUTER_READY || !config_owns(&router->config->routing, prefix))
		return;
	entry = op == ROUTER_WITHDRAW ? router_table_find(&router->table, prefix)
				      : router_table_get(&router->table, prefix);
	if (!entry || (op != ROUTER_WITHDRAW && !entry->set))
		return;
	is_first = !entry->is_asked && op != ROUTER_WITHDRAW;
	if (router_table_want(&router->table, entry, op)) {
		arm_clock(router, 0);
	} else if (is_first && router_set_is_broken(entry->set)) {
		/* The line is right and the twin is not: nothing but this makes it so. */
		entry->set->is_in_use = true;
		router->repair_is_due = true;
		arm_clock(router, 0);
	}
}

void router_announce(struct router *router, const struct config_vip *vip)
{
	want(router, &vip->prefix, ROUTER_ANNOUNCE);
}

void router_drain(struct router *router, const struct config_vip *vip)
{
	want(router, &vip->prefix, ROUTER_DRAIN);
}

void router_withdraw(struct router *router, const struct prefix *prefix)
{
	want(router, prefix, ROUTER_WITHDRAW);
}

void router_read_back(struct router *router)
{
	router->read_due = 0;
	arm_clock(router, 0);
}

enum router_life router_life(const struct router *router)
{
	return router->life;
}

const char *router_sentence(const struct router *router)
{
	return router->sentence;
}

bool router_is_busy(const struct router *router)
{
	return router->table.n_wanted > 0 || router->flow == FLOW_WRITE;
}

bool router_is_read(const struct router *router, usec_t *ret_at)
{
	if (router->read_at == 0)
		return false;
	if (ret_at)
		*ret_at = router->read_at;
	return true;
}

usec_t router_unread_since(const struct router *router)
{
	return router->unread_since;
}

size_t router_n_peers(const struct router *router)
{
	return router->n_peers;
}

const struct router_peer *router_peer(const struct router *router, size_t i)
{
	return &router->peers[i];
}

size_t router_n_established(const struct router *router)
{
	size_t n = 0;

	for (size_t i = 0; i < router->n_peers; i++)
		n += router->peers[i].is_established;
	return n;
}

size_t router_n_routes(const struct router *router)
{
	return router->n_routes;
}

const struct router_route *router_route(const struct router *router, size_t i)
{
	return &router->routes[i];
}

static int compare_routes(const void *a, const void *b)
{
	const struct router_route *route_a = a, *route_b = b;

	return prefix_cmp(&route_a->prefix, &route_b->prefix);
}

const struct router_route *router_route_find(const struct router *router,
					     const struct prefix *prefix)
{
	struct router_route key = { .prefix = *prefix };

	if (router->n_routes == 0)
		return NULL;
	return bsearch(&key, router->routes, router->n_routes, sizeof(key), compare_routes);
}

static const char *map_name(const struct config_vip *vip, bool drain, char buf[ROUTER_MAP_MAX])
{
	struct route_attrs attrs;

	if (route_attrs_of(vip, &attrs, NULL) < 0)
		memset(&attrs, 0, sizeof(attrs)); /* router_new() refused such a config */
	return route_map_name(&attrs, drain, buf);
}

const char *router_map_name(const struct config_vip *vip, char buf[ROUTER_MAP_MAX])
{
	return map_name(vip, false, buf);
}

const char *router_drain_map_name(const struct config_vip *vip, char buf[ROUTER_MAP_MAX])
{
	return map_name(vip, true, buf);
}

bool router_has_import_check(const struct router *router)
{
	return router->has_import_check;
}

struct router_command router_command(const struct router *router, const struct prefix *prefix)
{
	const struct router_entry *entry = router_table_find(&router->table, prefix);

	if (!entry)
		return (struct router_command){ .refused = "" };
	return (struct router_command){ .op = entry->op,
					.is_waiting = entry->is_wanted,
					.at = entry->told_at,
					.refused = entry->refused ? entry->refused : "" };
}

const char *router_fault_sentence(const struct router *router)
{
	return router->fault;
}

const char *router_version(const struct router *router)
{
	return router->version;
}

const struct router_stats *router_stats(const struct router *router)
{
	return &router->stats;
}
