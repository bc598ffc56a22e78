/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - shoald, the controller: wires config, core, reconciler and ports onto one event loop.
 *
 * Every input becomes an event of the core; after each the reconciler makes a pass. Once a second
 * traffic is sampled, attachments are looked at, and the lease towards the guard is kept: `tick` is
 * written only after a complete pass with fresh verdicts and read-backs. SIGTERM leaves routes
 * and XDP as they are; SIGHUP reloads.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "frr-integration/fpm.h"
#include "frr-integration/route_loop.h"
#include "frr-integration/router.h"
#include "health/path.h"
#include "health/prober.h"
#include "src/base/auto.h"
#include "src/base/descriptors.h"
#include "src/base/log.h"
#include "src/config/config.h"
#include "src/core/core.h"
#include "src/ctl/commands.h"
#include "src/ctl/ctl.h"
#include "src/ctl/events.h"
#include "src/ctl/watch.h"
#include "src/dataplane/dataplane.h"
#include "src/guard/lease.h"
#include "src/net/fib.h"
#include "src/reconcile/changeover.h"
#include "src/reconcile/config_file.h"
#include "src/reconcile/confirm.h"
#include "src/reconcile/drained.h"
#include "src/reconcile/drains.h"
#include "src/reconcile/judgements.h"
#include "src/reconcile/lives.h"
#include "src/reconcile/orders.h"
#include "src/reconcile/paths.h"
#include "src/reconcile/reconcile.h"
#include "src/reconcile/repairs.h"
#include "src/reconcile/vip_orders.h"
#include "src/record/degraded.h"
#include "src/record/recorder.h"

#define FRESH_US         (30 * USEC_PER_SEC) /* read-backs older than this stop the tick */
#define PLAN_STALE_US    (2 * USEC_PER_SEC)  /* router ops of an older plan are dropped */
#define GUARD_ACTS_US    (1 * USEC_PER_SEC) /* from its fence to the last line it writes, and some */
#define STATE_EVERY_US   (2 * USEC_PER_SEC)            /* the state file at most */
#define CHANGE_TELL_US   (10 * USEC_PER_SEC)           /* what a change-over waits for */
#define CLOCK_STEP_US    ((int64_t)(2 * USEC_PER_SEC)) /* more than a clock is slewed in a second */
#define CLOCK_TOLD_US    (600 * USEC_PER_SEC)          /* how long a step stays an alarm */
#define START_WAIT_US    (5 * USEC_PER_SEC)            /* for the first word on every uplink */
#define GO_BACK_EVERY_US (10 * USEC_PER_SEC)           /* to the former config, while that fails */
#define EXIT_BAD_CONFIG  2
#define EXIT_PERMISSION  5

struct options {
	const char *config_file, *run_dir, *state_dir, *bpffs_dir;
	enum log_level log_level;
	bool remove;
};

/* What was last logged about a VIP. */
struct vip_seen {
	struct prefix prefix;
	enum vip_state state;
	enum vip_reason reason;
	uint64_t packets; /* of all its services, at sampled_at */
};

struct shoald {
	struct options options;
	struct event_base *base;
	struct config *config;
	struct config_file file; /* that the config should be from */
	struct confirm confirm;
	usec_t go_back_at; /* the next attempt, when one failed */
	char go_back_trouble[ERR_TEXT_MAX];
	struct core *core;
	struct dataplane *dataplane;
	struct router *router;
	struct loop *loop; /* of each VIP, from intent to the peers */
	struct fib *fib;
	struct fpm *fpm;
	struct prober *prober;
	struct paths *paths;
	struct reconcile *reconcile;
	struct orders *orders;
	struct vip_orders vip_orders;
	struct repairs repairs;
	struct drained drained;
	uint64_t lives_stored; /* of the core, in the state file */
	usec_t state_stored_at;
	bool state_is_stale;
	struct ctl *ctl;
	struct recorder *recorder; /* NULL: nothing is recorded yet */
	struct commands_context context;
	struct event *pass_event, *timer_event, *second_event, *tick_event, *signal_events[3];
	int lock_fd;
	usec_t started, sampled_at;
	usec_t change_told_at; /* what the change-over waits for */
	uint64_t ops_ticked;   /* ops of the reconciler up to the last tick of the data plane */
	bool is_fenced;
	usec_t ticked_at; /* 0: not yet */
	struct degraded degraded;
	int64_t clock_ahead; /* of the wall clock over the time since boot; 0: not known */
	usec_t clock_stepped_at;
	bool is_stopping; /* also when asked to before the loop proper runs */
	struct vip_seen *vips;
	size_t n_vips, max_vips, vip_cursor;
	enum real_state *reals; /* as last logged, pool after pool */
};

static void pass_soon(struct shoald *d)
{
	event_active(d->pass_event, EV_TIMEOUT, 0);
}

static void step(struct shoald *d, const struct core_event *event)
{
	core_step(d->core, event);
	pass_soon(d);
}

/* ---- log of what changed ---- */

/* The cursor remembers where the last one was: asked for in the core's order, each is found at
 * once. */
static struct vip_seen *vip_seen(struct shoald *d, const struct prefix *prefix)
{
	struct vip_seen *seen;

	for (size_t i = 0; i < d->n_vips; i++) {
		size_t at = (d->vip_cursor + i) % d->n_vips;

		if (!prefix_eq(&d->vips[at].prefix, prefix))
			continue;
		d->vip_cursor = at + 1;
		return &d->vips[at];
	}
	if (d->n_vips == d->max_vips) {
		size_t max = d->max_vips ? d->max_vips * 2 : 16;

		seen = realloc(d->vips, max * sizeof(*seen));
		if (!seen)
			return NULL;
		d->vips = seen;
		d->max_vips = max;
	}
	seen = &d->vips[d->n_vips++];
	*seen = (struct vip_seen){ .prefix = *prefix, .state = VIP_WITHDRAWN };
	return seen;
}

static void log_vip(struct shoald *d, const struct core_vip *vip)
{
	struct vip_seen *seen = vip_seen(d, &vip->prefix);

	if (!seen || (seen->state == vip->state && seen->reason == vip->reason))
		return;
	d->state_is_stale |= seen->state != vip->state;
	if (seen->state != vip->state)
		log_notice("vip_state", "vip=%s prefix=%s from=%s to=%s reason=%s",
			   vip->config ? vip->config->name : "-", PREFIX_STR(&vip->prefix),
			   vip_state_str(seen->state), vip_state_str(vip->state),
			   vip_reason_str(vip->reason));
	else
		log_info("vip_reason", "vip=%s prefix=%s state=%s from=%s to=%s",
			 vip->config ? vip->config->name : "-", PREFIX_STR(&vip->prefix),
			 vip_state_str(vip->state), vip_reason_str(seen->reason),
			 vip_reason_str(vip->reason));
	seen->state = vip->state;
	seen->reason = vip->reason;
}

/* A VIP that left is gone with its last service, often in the pass that withdrew it. */
static void log_gone(struct shoald *d)
{
	size_t n = 0;

	for (size_t i = 0; i < d->n_vips; i++) {
		const struct vip_seen *seen = &d->vips[i];

		if (core_vip_find(d->core, &seen->prefix) != CORE_NONE)
			d->vips[n++] = *seen;
		else if (seen->state != VIP_WITHDRAWN)
			log_notice("vip_state", "vip=- prefix=%s from=%s to=%s reason=%s",
				   PREFIX_STR(&seen->prefix), vip_state_str(seen->state),
				   vip_state_str(VIP_WITHDRAWN),
				   vip_reason_str(VIP_REASON_REMOVED));
	}
	d->n_vips = n;
}

static void log_reals(struct shoald *d)
{
	size_t at = 0;

	for (uint32_t p = 0; p < core_n_pools(d->core); p++) {
		const struct core_pool *pool = core_pool(d->core, p);

		for (size_t i = 0; i < pool->config->n_reals; i++, at++) {
			const struct core_real *real = &pool->reals[i];

			if (d->reals[at] == real->state)
				continue;
			d->state_is_stale = true;
			log_notice("real_state",
				   "pool=%s real=%s from=%s to=%s reason=%s evidence=%s",
				   pool->config->name, real->config->name,
				   real_state_str(d->reals[at]), real_state_str(real->state),
				   probe_reason_str(real->reason), LOG_QUOTE(real->evidence));
			d->reals[at] = real->state;
		}
	}
}

static void log_changes(struct shoald *d)
{
	log_reals(d);
	for (uint32_t i = 0; i < core_n_vips(d->core); i++)
		log_vip(d, core_vip(d->core, i));
	log_gone(d);
}

/* Room for one state a real; a reload is told by a line of its own, not by one a real. */
static int size_logged_reals(const struct config *config, enum real_state **ret, struct err *err)
{
	size_t n = 1;

	for (size_t p = 0; p < config->n_pools; p++)
		n += config->pools[p].n_reals;
	*ret = calloc(n, sizeof(**ret));
	return *ret ? 0 : err_set(err, -ENOMEM, "shoald: %m");
}

/* What the core knows now needs no line any more. Takes the room. */
static void reset_logged_reals(struct shoald *d, enum real_state *reals)
{
	size_t at = 0;

	free(d->reals);
	d->reals = reals;
	for (uint32_t p = 0; p < core_n_pools(d->core); p++)
		for (size_t i = 0; i < core_pool(d->core, p)->config->n_reals; i++)
			reals[at++] = core_pool(d->core, p)->reals[i].state;
}

/* ---- the lease towards the guard ---- */

/* Each of the two: what one judges says nothing of what the other left unjudged. */
static bool verdicts_are_fresh(const struct shoald *d, usec_t now)
{
	return prober_is_fresh(d->prober, PROBER_PROBE, now) &&
	       prober_is_fresh(d->prober, PROBER_EXEC, now);
}

/* A bgpd that is gone announces nothing, so there is nothing to read back; one that hangs is not
 * fresh, and one that is there and cannot be read only as long as a restart of it may last. */
static bool read_back_is_fresh(const struct shoald *d, usec_t now)
{
	usec_t at;

	switch (router_life(d->router)) {
	case ROUTER_CONNECTING:
		at = router_unread_since(d->router);
		return at == 0 || now - at < FRESH_US;
	case ROUTER_NO_INSTANCE:
		return true;
	case ROUTER_READY:
		return router_is_read(d->router, &at) && now - at < FRESH_US;
	case ROUTER_STUCK:
	case ROUTER_LIFE_MAX:
		break;
	}
	return false;
}

static bool pass_is_complete(const struct shoald *d, usec_t now)
{
	return now - reconcile_planned_at(d->reconcile) < PLAN_STALE_US &&
	       verdicts_are_fresh(d, now) && read_back_is_fresh(d, now);
}

static void tell_fence(struct shoald *d, bool fenced)
{
	struct core_event event = { .kind = CORE_EVENT_FENCE, .now = usec_now(), .fenced = fenced };

	d->is_fenced = fenced;
	if (fenced) /* the guard is writing: no plan on what was read before */
		reconcile_distrust_routes(d->reconcile, event.now + GUARD_ACTS_US);
	step(d, &event);
}

/* Tell the core what the fence file says, when that is news. */
static void read_fence(struct shoald *d)
{
	struct lease_fence fence;
	int r = lease_read_fence(d->options.run_dir, &fence, NULL);
	bool fenced = r != -ENOENT;

	/* Out of descriptors nothing can be read: that is no word of the guard. */
	if (fenced == d->is_fenced || r == -EMFILE || r == -ENFILE)
		return;
	if (fenced)
		log_warn(
			"fence",
			"word=%s hint=\"the guard acted; announced again after a complete pass and "
			"the warm-up\"",
			r == 0 ? fence.word : "unreadable");
	tell_fence(d, fenced);
}

/* The fence falls with a complete pass; the core warms up before it announces again. */
static void keep_fence(struct shoald *d, bool complete)
{
	struct err err;

	read_fence(d);
	if (!d->is_fenced || !complete || !reconcile_routes_are_read(d->reconcile) ||
	    router_is_busy(d->router))
		return;
	if (lease_clear_fence(d->options.run_dir, &err) < 0) {
		log_warn("fence", "error=%s", LOG_QUOTE(err.text));
		return;
	}
	log_notice("fence", "cleared=yes");
	tell_fence(d, false);
}

static void keep_lease(struct shoald *d, usec_t now)
{
	bool complete = pass_is_complete(d, now);
	struct err err;
	int r;

	keep_fence(d, complete);
	if (!complete)
		return;
	r = lease_write_tick(d->options.run_dir, now, &err);
	if (r < 0)
		log_warn("tick", "error=%s", LOG_QUOTE(err.text));
	else
		d->ticked_at = now;
	if (r != 0)
		degraded_set(&d->degraded, DEGRADED_RUN_DIR, now, "%s%s", err.text,
			     r < 0 ? "; shoal-guard acts by on-controller-loss" : "");
	else
		degraded_clear(&d->degraded, DEGRADED_RUN_DIR, now);
}

/* ---- what only time brings to the data plane ---- */

static void event_in(struct event *event, usec_t in)
{
	struct timeval tv = { .tv_sec = (time_t)(in / USEC_PER_SEC),
			      .tv_usec = (suseconds_t)(in % USEC_PER_SEC) };

	event_add(event, &tv);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct shoald *d = arg;
	usec_t now = usec_now(), next = dataplane_tick(d->dataplane, now);

	(void)fd;
	(void)what;
	if (next != USEC_NEVER)
		event_in(d->tick_event, next > now ? next - now : 1000);
}

/* The table is pinned: making it anew would forget every flow. */
static void warn_of_flow_table(const struct shoald *d)
{
	uint64_t entries, configured;

	dataplane_flow_table(d->dataplane, &entries, &configured);
	if (entries != configured)
		log_warn(
			"flow_table",
			"entries=%llu configured=%llu remedy=\"the pinned table keeps its size; to "
			"change it drain the node, stop shoald, run shoald --remove and start "
			"again\"",
			(unsigned long long)entries, (unsigned long long)configured);
}

/* After a pass that wrote something the next tick may be due earlier than the last one said. */
static void tick_after_ops(struct shoald *d)
{
	uint64_t ops = reconcile_stats(d->reconcile)->ops;

	if (ops == d->ops_ticked)
		return;
	d->ops_ticked = ops;
	event_in(d->tick_event, 1000);
}

/* ---- the pass ---- */

/* What the i-th VIP shall be, in the router's words. */
static struct loop_intent intent_of(void *arg, size_t i)
{
	static const enum router_op words[] = {
		[ROUTE_NONE] = ROUTER_WITHDRAW,
		[ROUTE_ANNOUNCE] = ROUTER_ANNOUNCE,
		[ROUTE_DRAIN] = ROUTER_DRAIN,
	};
	const struct shoald *d = arg;
	const struct core_vip *vip = core_vip(d->core, (uint32_t)i);

	return (struct loop_intent){ vip->prefix, words[vip->intent] };
}

static void follow_routes(struct shoald *d)
{
	if (loop_update(d->loop, d->router, core_n_vips(d->core), intent_of, d, usec_now()))
		router_read_back(d->router);
}

/* Packets go by maps of another version's layout until ours are filled. */
static void change_over(struct shoald *d, usec_t now)
{
	const char *what = "";
	struct err err;

	if (!changeover_is_due(d->core, reconcile_maps_are_filled(d->reconcile), now - d->started,
			       &what)) {
		if (now >= d->change_told_at + CHANGE_TELL_US)
			log_notice("change_over", "waits_for=\"%s\"", what);
		if (now >= d->change_told_at + CHANGE_TELL_US)
			d->change_told_at = now;
		return;
	}
	if (dataplane_change_over(d->dataplane, &err) < 0) {
		log_err("change_over", "error=%s hint=\"the former maps stay in force\"",
			LOG_QUOTE(err.text));
		return;
	}
	log_notice("change_over", "done=yes");
	pass_soon(d);
}

static void tell_router(struct shoald *d)
{
	enum router_life life = router_life(d->router);
	struct core_event event = { .kind = CORE_EVENT_ROUTER, .now = usec_now() };

	event.router = (struct core_router){
		.connected = life == ROUTER_READY || life == ROUTER_NO_INSTANCE,
		.has_instance = life == ROUTER_READY,
		.established_peers = (uint32_t)router_n_established(d->router),
		.is_cut_off = d->paths && paths_peers_are_cut_off(d->paths, d->router),
	};
	core_step(d->core, &event);
}

/* Links and next hops towards the peers change without a word of bgpd's. */
static void follow_peer_ways(struct shoald *d)
{
	bool is_cut_off = paths_peers_are_cut_off(d->paths, d->router);

	if (is_cut_off == core_node(d->core)->router.is_cut_off)
		return;
	if (is_cut_off)
		log_warn("peers_cut_off",
			 "hint=\"the uplinks of all established peers have lost carrier or next "
			 "hop; withdrawn in 1 s\"");
	else
		log_notice("peers_cut_off", "ended=yes");
	tell_router(d);
}

static void on_pass(evutil_socket_t fd, short what, void *arg)
{
	struct shoald *d = arg;
	usec_t now = usec_now(), next, timer;

	(void)fd;
	(void)what;
	/* After a pause, as a stopped process makes it, the guard may have acted meanwhile. */
	if (now - reconcile_planned_at(d->reconcile) > PLAN_STALE_US)
		read_fence(d);
	follow_peer_ways(d);
	next = reconcile_pass(d->reconcile, now);
	if (dataplane_is_changing_over(d->dataplane))
		change_over(d, now);
	timer = core_next_timer(d->core);
	tick_after_ops(d);
	log_changes(d);
	follow_routes(d);
	if (!d->ticked_at) /* the guard may be about to act on an earlier controller's silence */
		keep_lease(d, now);
	if (timer < next)
		next = timer;
	if (next == USEC_NEVER) {
		event_del(d->timer_event);
		return;
	}
	event_in(d->timer_event, next > now ? next - now : 1000);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct shoald *d = arg;
	struct core_event event = { .kind = CORE_EVENT_TIMER, .now = usec_now() };

	(void)fd;
	(void)what;
	step(d, &event);
}

/* Asked by the router before each command that changes bgpd. */
static bool may_write(void *arg)
{
	struct shoald *d = arg;
	struct lease_fence fence;

	if (usec_now() - reconcile_planned_at(d->reconcile) >= PLAN_STALE_US)
		return false;
	/* A fence that is news is not in the plan yet. */
	return d->is_fenced || lease_read_fence(d->options.run_dir, &fence, NULL) == -ENOENT;
}

/* ---- once a second ---- */

static uint64_t vip_packets(struct shoald *d, const struct core_vip *vip)
{
	uint64_t packets = 0;

	for (size_t i = 0; i < vip->n_services; i++) {
		struct dataplane_count count;

		if (dataplane_service_count(d->dataplane, &vip->prefix, vip->services[i].proto,
					    vip->services[i].port, &count))
			packets += count.packets;
	}
	return packets;
}

static void sample_traffic(struct shoald *d, usec_t now)
{
	usec_t span = now - d->sampled_at;

	/* Packets are counted in the other set of maps: what this one says is no silence. */
	if (dataplane_is_changing_over(d->dataplane)) {
		d->sampled_at = 0;
		return;
	}
	for (uint32_t i = 0; i < core_n_vips(d->core); i++) {
		const struct core_vip *vip = core_vip(d->core, i);
		struct vip_seen *seen = vip_seen(d, &vip->prefix);
		struct core_event event = { .kind = CORE_EVENT_TRAFFIC, .now = now };
		uint64_t packets = vip_packets(d, vip);
		bool is_sample;

		if (!seen)
			continue;
		is_sample = d->sampled_at && packets >= seen->packets && span > 0;
		event.traffic.vip = i;
		if (is_sample)
			event.traffic.pps = (packets - seen->packets) * USEC_PER_SEC / span;
		seen->packets = packets;
		if (is_sample) /* a service less in the sum is no silence */
			core_step(d->core, &event);
	}
	d->sampled_at = now;
}

/* ---- the state file ---- */

static void store_state(struct shoald *d)
{
	struct err err;

	d->state_stored_at = usec_now();
	d->lives_stored = core_desired(d->core)->lives_version;
	d->state_is_stale =
		judgements_store(d->options.state_dir, d->core, d->state_stored_at, &err) < 0;
	if (d->state_is_stale)
		degraded_set(&d->degraded, DEGRADED_STATE_DIR, d->state_stored_at,
			     "%s; drains and orders cannot be kept either", err.text);
	else
		degraded_clear(&d->degraded, DEGRADED_STATE_DIR, d->state_stored_at);
}

/* Many judgements in one moment, as when a rack goes, are written once. */
static void keep_state(struct shoald *d, usec_t now)
{
	if (core_desired(d->core)->lives_version != d->lives_stored)
		d->state_is_stale = true;
	if (d->state_is_stale && now >= d->state_stored_at + STATE_EVERY_US)
		store_state(d);
}

/*
 * After the data plane said what lives, before the guard's lease is written anew: its tick says
 * when verdicts were fresh.
 */
static void load_state(struct shoald *d)
{
	const struct judgements_sink sink = { judgements_adopt, judgements_adopt_flaps, d->core };
	usec_t tick = 0;
	struct err err;
	int r;

	if (lease_read_tick(d->options.run_dir, &tick, NULL) < 0)
		tick = 0;
	r = judgements_load(d->options.state_dir, tick, usec_now(), &sink, &err);
	if (r < 0)
		log_warn("state", "error=%s hint=\"every real starts unknown\"",
			 LOG_QUOTE(err.text));
	else
		log_info("state", "used=%s", r ? "yes" : "no");
}

/* shoal-probe, should it be another one, begins from what the core knows. */
static void adopt_judgements(struct shoald *d)
{
	for (uint32_t p = 0; p < core_n_pools(d->core); p++) {
		const struct core_pool *pool = core_pool(d->core, p);
		uint32_t n = (uint32_t)pool->config->n_checks;

		for (uint32_t i = 0; i < pool->config->n_reals * n; i++)
			prober_adopt(d->prober, p, i / n, i % n, pool->checks[i].state,
				     pool->checks[i].sign);
	}
}

/* What operators asked of reals and VIPs, as on file. */
static void load_orders(struct shoald *d)
{
	struct err err;

	if (orders_load(d->orders, usec_wall(), usec_now(), &err) < 0)
		log_err("real_order", "error=%s", LOG_QUOTE(err.text));
	if (vip_orders_load(&d->vip_orders, usec_wall(), usec_now(), &err) < 0)
		log_err("vip_order", "error=%s", LOG_QUOTE(err.text));
}

static void watch_config(struct shoald *d, usec_t now);

/* ---- with less than there should be ---- */

/* The wall clock against the one that only counts: a jump is told of for a while. */
static void watch_clock(struct shoald *d, usec_t now)
{
	int64_t ahead = (int64_t)(usec_wall() - now), by = ahead - d->clock_ahead;

	if (d->clock_ahead == 0)
		by = 0;
	d->clock_ahead = ahead;
	if (by > CLOCK_STEP_US || by < -CLOCK_STEP_US) {
		d->clock_stepped_at = now;
		log_warn("clock_step", "by_s=%.1f", (double)by / (double)USEC_PER_SEC);
		degraded_set(&d->degraded, DEGRADED_CLOCK, now,
			     "the wall clock was set by %+.1f s; ends of drains and orders go by "
			     "the time that passed",
			     (double)by / (double)USEC_PER_SEC);
	} else if (now > d->clock_stepped_at + CLOCK_TOLD_US) {
		degraded_clear(&d->degraded, DEGRADED_CLOCK, now);
	}
}

static void watch_descriptors(struct shoald *d, usec_t now)
{
	if (descriptors_keep())
		degraded_set(&d->degraded, DEGRADED_DESCRIPTORS, now,
			     "shoald is at its limit of %lu descriptors; new clients are refused",
			     descriptors_limit());
	else
		degraded_clear(&d->degraded, DEGRADED_DESCRIPTORS, now);
}

static void watch_recorder(struct shoald *d, usec_t now)
{
	struct recorder_trouble trouble;

	recorder_tick(d->recorder, now);
	recorder_trouble(d->recorder, &trouble);
	if (trouble.state[0] || trouble.run[0])
		degraded_set(&d->degraded, DEGRADED_RECORDER, now,
			     "what happens is kept in memory only: %s",
			     trouble.state[0] ? trouble.state : trouble.run);
	else
		degraded_clear(&d->degraded, DEGRADED_RECORDER, now);
}

static void watch_pins(struct shoald *d, usec_t now)
{
	struct err err;
	int r = dataplane_keep_pins(d->dataplane, &err);

	if (r > 0)
		log_notice("pins", "made_anew=yes dir=%s", LOG_QUOTE(d->options.bpffs_dir));
	if (r < 0)
		degraded_set(
			&d->degraded, DEGRADED_BPFFS, now,
			"%s; traffic goes on, but a restart of shoald would begin from nothing",
			err.text);
	else
		degraded_clear(&d->degraded, DEGRADED_BPFFS, now);
}

/* Checks of a pool whose last probe could not be made for want of something on this node. */
static uint32_t n_lacking(const struct core_pool *pool)
{
	size_t n = pool->config->n_reals * pool->config->n_checks;
	uint32_t lacking = 0;

	for (size_t i = 0; i < n; i++)
		lacking += pool->checks[i].reason == PROBE_LOCAL_ERROR;
	return lacking;
}

static void watch_probes(struct shoald *d, usec_t now)
{
	const struct core_pool *first = NULL;
	uint32_t n = 0;

	for (uint32_t p = 0; p < core_n_pools(d->core); p++) {
		uint32_t lacking = n_lacking(core_pool(d->core, p));

		if (lacking && !first)
			first = core_pool(d->core, p);
		n += lacking;
	}
	if (n)
		degraded_set(&d->degraded, DEGRADED_PROBES, now,
			     "%u checks give no verdict for want of a resource of this node, as in "
			     "pool %s; the reals keep their last state",
			     n, first->config->name);
	else
		degraded_clear(&d->degraded, DEGRADED_PROBES, now);
}

static void watch_resources(struct shoald *d, usec_t now)
{
	watch_clock(d, now);
	watch_descriptors(d, now);
	watch_recorder(d, now);
	watch_pins(d, now);
	watch_probes(d, now);
}

static void on_second(evutil_socket_t fd, short what, void *arg)
{
	struct shoald *d = arg;
	usec_t now = usec_now();

	(void)fd;
	(void)what;
	watch_resources(d, now); /* first: the others may need a descriptor */
	sample_traffic(d, now);
	paths_check(d->paths, now);
	orders_watch(d->orders, usec_wall(), now);
	if (drained_watch(&d->drained, usec_wall(), now))
		load_orders(d);
	vip_orders_watch(&d->vip_orders, usec_wall(), now);
	watch_config(d, now);
	reconcile_mend(d->reconcile);
	if (d->context.watches)
		watches_tick(d->context.watches, now);
	keep_state(d, now);
	keep_lease(d, now);
	sd_notify(0,
		  "WATCHDOG=1"); /* the loop runs; whether it is of use is the guard's question */
	pass_soon(d);
}

/* ---- what the parts report ---- */

/* The check that a verdict is about, or NULL. */
static const struct core_check *check_of(const struct core *core,
					 const struct core_verdict *verdict)
{
	const struct core_pool *pool =
		verdict->pool < core_n_pools(core) ? core_pool(core, verdict->pool) : NULL;

	if (!pool || verdict->real >= pool->config->n_reals ||
	    verdict->check >= pool->config->n_checks)
		return NULL;
	return &pool->checks[verdict->real * pool->config->n_checks + verdict->check];
}

/* Whether a certificate that ends then is one to warn of, as the config is now. */
static bool ends_soon(const struct config_check *check, uint64_t cert_ends, uint64_t wall_s)
{
	return cert_ends < wall_s + check->expiry_warning_us / USEC_PER_SEC &&
	       check->expiry_warning_us != 0;
}

/* Once when a certificate comes near its end, and once when it was renewed; which it was not when
 * the warning of `former` ends because another time is configured. */
static void log_certificate(const struct core *core, const struct core_verdict *verdict,
			    uint64_t former, uint64_t cert_ends)
{
	const struct config_pool *pool = core_pool(core, verdict->pool)->config;
	const struct config_check *check = &core_config(core)->checks[pool->checks[verdict->check]];
	uint64_t wall_s = usec_wall() / USEC_PER_SEC;

	if (cert_ends == former)
		return;
	if (cert_ends != 0)
		log_warn("certificate_ends", "pool=%s real=%s hours=%llu evidence=%s", pool->name,
			 pool->reals[verdict->real].name,
			 cert_ends > wall_s ? (unsigned long long)(cert_ends - wall_s) / 3600
					    : 0ULL,
			 LOG_QUOTE(verdict->evidence));
	else if (ends_soon(check, former, wall_s))
		log_notice("certificate_renewed", "pool=%s real=%s", pool->name,
			   pool->reals[verdict->real].name);
}

static void on_verdict(const struct core_verdict *verdict, void *arg)
{
	struct core_event event = { .kind = CORE_EVENT_VERDICT,
				    .now = usec_now(),
				    .is_deferred = true, /* the pass concludes */
				    .verdict = *verdict };
	struct shoald *d = arg;
	const struct core_check *check = check_of(d->core, verdict);
	uint64_t cert_ends = check ? check->cert_ends : 0;

	core_step(d->core, &event);
	if (check)
		log_certificate(d->core, verdict, cert_ends, check->cert_ends);
	if (core_next_timer(d->core) <= event.now) /* newer evidence alone is no work */
		pass_soon(d);
}

static bool on_path_question(uint32_t pool, uint32_t real, usec_t since, void *arg)
{
	struct shoald *d = arg;

	return d->paths && paths_probe_path_is_whole(d->paths, pool, real, since);
}

static void on_prober_life(bool connected, void *arg)
{
	(void)arg;
	if (connected)
		log_info("prober", "connected=yes");
	else
		log_warn("prober", "connected=no hint=\"states hold; start shoal-probe\"");
}

static void on_exec_life(bool connected, void *arg)
{
	(void)arg;
	if (connected)
		log_info("exec", "connected=yes");
	else
		log_warn("exec", "connected=no hint=\"states hold; start shoal-exec\"");
}

static void on_router(void *arg)
{
	struct shoald *d = arg;

	tell_router(d);
	pass_soon(d);
	follow_routes(d);
}

static void on_real_programmed(const struct addr *real, void *arg)
{
	struct shoald *d = arg;

	paths_real_programmed(d->paths, real);
}

static void on_real_deleted(const struct addr *real, void *arg)
{
	struct shoald *d = arg;

	paths_real_deleted(d->paths, real);
}

static void on_paths(void *arg)
{
	pass_soon(arg);
}

/* ---- what operators ask for ---- */

static void on_drain(const struct core_drain *drain, void *arg)
{
	struct shoald *d = arg;
	struct core_event event = { .kind = CORE_EVENT_DRAIN, .now = usec_now(), .drain = *drain };

	core_step(d->core, &event);
	if (d->reconcile)
		pass_soon(d);
}

static int drain(void *daemon, const struct core_drain *drain, struct err *err)
{
	struct shoald *d = daemon;

	return drained_give(&d->drained, drain, err);
}

static void on_order(const struct core_real_order *order, void *arg)
{
	struct shoald *d = arg;
	struct core_event event = { .kind = CORE_EVENT_ORDER, .now = usec_now(), .order = *order };

	core_step(d->core, &event);
	if (d->reconcile)
		pass_soon(d);
}

static int order_real(void *daemon, uint32_t pool, uint32_t real, const struct core_order *order,
		      struct err *err)
{
	struct shoald *d = daemon;

	return orders_give(d->orders, pool, real, order, err);
}

static const struct core_order *order_of(void *daemon, uint32_t pool, uint32_t real)
{
	struct shoald *d = daemon;

	return orders_find(d->orders, pool, real);
}

static void on_vip_order(const struct core_vip_order *order, void *arg)
{
	struct shoald *d = arg;
	struct core_event event = { .kind = CORE_EVENT_VIP_ORDER,
				    .now = usec_now(),
				    .vip_order = *order };

	core_step(d->core, &event);
	if (d->reconcile)
		pass_soon(d);
}

static int order_vip(void *daemon, const struct core_vip_order *order, struct err *err)
{
	struct shoald *d = daemon;

	return vip_orders_give(&d->vip_orders, order, err);
}

static bool reset_real(void *daemon, uint32_t pool, uint32_t real)
{
	struct shoald *d = daemon;
	struct core_event event = { .kind = CORE_EVENT_FORGIVE,
				    .now = usec_now(),
				    .forgive = { .pool = pool, .real = real } };

	step(d, &event);
	return prober_reset(d->prober, pool, real);
}

/* A VIP that stands in bgpd outside the new ranges, which would be nobody's line any more. */
static const struct core_vip *left_outside(const struct shoald *d, const struct config *next)
{
	for (uint32_t i = 0; i < core_n_vips(d->core); i++) {
		const struct core_vip *vip = core_vip(d->core, i);

		if (!config_owns(&next->routing, &vip->prefix) && vip->state != VIP_WITHDRAWN)
			return vip;
	}
	return NULL;
}

/* Pools of next that services use and that have no ring yet, as they are new. */
static int count_new_rings(const struct shoald *d, const struct config *next, size_t *ret)
{
	AUTO(freep) uint32_t *former = calloc(next->n_pools + 1, sizeof(*former));
	AUTO(freep) bool *is_counted = calloc(next->n_pools + 1, sizeof(*is_counted));

	if (!former || !is_counted)
		return -ENOMEM;
	core_former_pools(d->core, next, former);
	*ret = 0;
	for (size_t v = 0; v < next->n_vips; v++) {
		for (size_t s = 0; s < next->vips[v].n_services; s++) {
			uint32_t pool = next->vips[v].services[s].pool;

			*ret += !is_counted[pool] &&
				reconcile_ring(d->reconcile, former[pool]) == DATAPLANE_NO_RING;
			is_counted[pool] = true;
		}
	}
	return 0;
}

static int check_room(const struct shoald *d, const struct config *next, struct err *err)
{
	size_t new_rings;

	if (count_new_rings(d, next, &new_rings) < 0)
		return err_set(err, -ENOMEM, "out of memory");
	return dataplane_check_room(d->dataplane, next, new_rings, err);
}

/* Whether running shoald can go over to next; the sentence says what can be done instead. */
static int check_reload(const struct shoald *d, const struct config *next, struct err *err)
{
	const char *file = d->options.config_file, *generation = d->config->generation;
	const char *key = config_restart_key(d->config, next, 0);
	const struct core_vip *outside = left_outside(d, next);
	struct err why = { "" };
	int r;

	if (key)
		return err_set(err, -EBUSY,
			       "%s: %s cannot change while shoald runs; restart it (traffic goes "
			       "on). The running config (generation %s) stays",
			       file, key, generation);
	if (dataplane_check_hash_key(d->dataplane, next, &why) < 0)
		return err_set(err, -EBUSY,
			       "%s: %s; it is read at start, and with another key flows change "
			       "slots: drain, then restart shoald on all nodes of the fleet. The "
			       "running config (generation %s) stays",
			       file, why.text, generation);
	r = check_room(d, next, &why);
	if (r < 0)
		return err_set(err, -EBUSY, "%s: %s. The running config (generation %s) stays",
			       file, why.text, generation);
	if (outside)
		return err_set(
			err, -EBUSY,
			"%s: routing.vip-ranges no longer covers %s, which is %s; remove the "
			"VIP in one reload and narrow the ranges in the next. The running "
			"config (generation %s) stays",
			file, PREFIX_STR(&outside->prefix), vip_state_str(outside->state),
			generation);
	return 0;
}

/* Of the parts after the prober those that may refuse a config; nothing is decided by it yet. */
static int prepare(struct shoald *d, const struct config *config, struct err *err)
{
	int r = router_reload(d->router, config, err);

	if (r == 0)
		r = paths_prepare(d->paths, config, err);
	if (r == 0)
		r = dataplane_reconfigure(d->dataplane, config, err);
	return r;
}

/* The core and what rests on it: only memory can be short. */
static int decide_by(struct shoald *d, const struct config *config, struct err *err)
{
	int r = core_reload(d->core, config, usec_now());

	if (r < 0)
		return err_set(err, r, "reload: %m");
	return reconcile_reload(d->reconcile, err);
}

/* Back to old. False when a part could not be brought back: it may go on reading next. */
static bool undo_reload(struct shoald *d, const struct config *old)
{
	struct err err;
	bool undone = prober_set_config(d->prober, old, &err) == 0;

	undone = router_reload(d->router, old, &err) == 0 && undone;
	undone = dataplane_reconfigure(d->dataplane, old, &err) == 0 && undone;
	if (core_config(d->core) != old)
		undone = decide_by(d, old, &err) == 0 && undone;
	if (core_config(d->core) == old)
		paths_reload(d->paths, old);
	if (!undone)
		log_err("reload", "undone=no error=%s hint=\"restart shoald; traffic goes on\"",
			LOG_QUOTE(err.text));
	return undone;
}

/* next is owned when 0 is returned. */
static int go_over(struct shoald *d, struct config *next, struct err *err)
{
	AUTO(freep) enum real_state *reals = NULL;
	struct err trouble;
	int r = size_logged_reals(next, &reals, err);

	if (r == 0)
		r = prober_set_config(d->prober, next, err);
	if (r < 0) { /* nothing went over yet */
		config_free(next);
		return r;
	}
	r = prepare(d, next, err);
	if (r == 0)
		r = decide_by(d, next, err);
	if (r < 0) {
		if (undo_reload(d, d->config))
			config_free(next);
		return r;
	}
	paths_reload(d->paths, next);
	fpm_reload(d->fpm, next);
	config_free(d->config);
	d->config = next;
	reset_logged_reals(d, TAKE(reals));
	follow_routes(d); /* who asks next sees the peers there are now */
	dataplane_watch_none(
		d->dataplane); /* rings change hands: the next second marks them anew */
	if (drained_load(&d->drained, false, usec_wall(), usec_now(), &trouble) < 0)
		log_err("drain", "error=%s", LOG_QUOTE(trouble.text));
	load_orders(d);
	return 0;
}

/* ---- a reload on trial ---- */

/* Before the new config comes into force; *ret_before is for confirm_undo(). */
static int parse_former(const struct confirm *confirm, struct config **ret, struct err *err)
{
	struct config_report report = { 0 };
	int r = config_parse("the config kept for going back", confirm->text, strlen(confirm->text),
			     CONFIG_NEED_NODE, ret, &report);

	if (r < 0)
		err_set(err, r, "%.200s", report.text ? report.text : strerror(-r));
	config_report_fini(&report);
	return r;
}

/* A reload during a trial must leave a way back, too. */
static int check_trial(const struct shoald *d, const struct config *next, struct err *err)
{
	struct config *former = NULL;
	int r = parse_former(&d->confirm, &former, err);

	if (r < 0)
		return r;
	r = confirm_check_way_back(former, next, err);
	config_free(former);
	return r;
}

static int begin_trial(struct shoald *d, const struct config *next,
		       const struct commands_reload *how, struct confirm *ret_before,
		       struct err *err)
{
	const struct confirm_trial trial = { .running = d->config,
					     .next = next,
					     .owner = how->owner,
					     .for_us = how->confirm_us,
					     .wall_us = usec_wall(),
					     .now = usec_now() };

	int r = d->confirm.state == CONFIRM_PENDING ? check_trial(d, next, err) : 0;

	*ret_before = d->confirm;
	if (r < 0)
		return r;
	/* Where nothing changes there is nothing to try, but the end of a trial may be another. */
	if (how->confirm_us == 0 || (strcmp(next->generation, d->config->generation) == 0 &&
				     d->confirm.state != CONFIRM_PENDING))
		return 0;
	return confirm_begin(&d->confirm, &trial, err);
}

static void undo_trial(struct shoald *d, const struct confirm *before)
{
	struct err err;

	if (memcmp(before, &d->confirm, sizeof(*before)) != 0 &&
	    confirm_undo(&d->confirm, before, &err) < 0)
		log_err("confirm", "error=%s", LOG_QUOTE(err.text));
}

/* The record is of no use once the file is in force again, or what would be gone back to is. */
static void end_trial_if_over(struct shoald *d)
{
	bool is_back = strcmp(d->config->generation, d->confirm.former) == 0;
	struct err err;

	if (d->confirm.state == CONFIRM_NONE || (d->confirm.state == CONFIRM_PENDING && !is_back))
		return;
	if (confirm_end(&d->confirm, &err) < 0)
		log_err("confirm", "error=%s", LOG_QUOTE(err.text));
}

static int confirm(void *daemon, const char *owner, struct err *err)
{
	struct shoald *d = daemon;
	int r;

	if (d->confirm.state == CONFIRM_BACK)
		return err_set(
			err, -ENOENT,
			"too late: the node went back to generation %s already; reload again",
			d->confirm.former);
	if (d->confirm.state == CONFIRM_NONE)
		return err_set(err, -ENOENT, "no reload waits to be confirmed");
	r = confirm_end(&d->confirm, err);
	if (r < 0)
		return r;
	d->go_back_trouble[0] = '\0';
	log_notice("confirm", "generation=%s by=%s", d->config->generation, LOG_QUOTE(owner));
	return 0;
}

/* The kept text as a config; the report of one that is no good any more is the sentence. */
static int go_back(struct shoald *d, struct err *err)
{
	char tried[CONFIG_GENERATION_LEN + 1];
	struct config *former = NULL;
	int r = parse_former(&d->confirm, &former, err);

	if (r < 0)
		return r;
	r = check_reload(d, former, err);
	if (r < 0) {
		config_free(former);
		return r;
	}
	snprintf(tried, sizeof(tried), "%s", d->config->generation);
	r = go_over(d, former, err);
	if (r < 0)
		return r;
	d->context.config_loaded_wall_us = usec_wall();
	log_err("went_back",
		"generation=%s unconfirmed=%s file=%s hint=\"nobody confirmed in time; the file "
		"still differs from what is in force; a reload reads it\"",
		d->config->generation, tried, LOG_QUOTE(d->options.config_file));
	if (confirm_went_back(&d->confirm, tried, usec_wall(), err) < 0)
		log_err("confirm", "error=%s hint=\"a restart would try to go back again\"",
			LOG_QUOTE(err->text));
	pass_soon(d);
	return 0;
}

static void go_back_when_due(struct shoald *d, usec_t now)
{
	struct err err = { "" };

	if (!confirm_is_due(&d->confirm, now) || now < d->go_back_at)
		return;
	d->go_back_at = now + GO_BACK_EVERY_US;
	if (go_back(d, &err) < 0 && strcmp(d->go_back_trouble, err.text) != 0)
		log_err("go_back",
			"error=%s hint=\"tried again every 10 s; shoal confirm keeps the "
			"config in force\"",
			LOG_QUOTE(err.text));
	snprintf(d->go_back_trouble, sizeof(d->go_back_trouble), "%s", err.text);
}

/* Go back when it is time; tell once when the file is no longer what is in force. */
static void watch_config(struct shoald *d, usec_t now)
{
	go_back_when_due(d, now);
	if (!config_file_look(&d->file, d->config->generation))
		return;
	log_notice("config_file", "file=%s state=%s generation=%s in_force=%s",
		   LOG_QUOTE(d->options.config_file), config_file_state_str(d->file.state),
		   d->file.generation[0] ? d->file.generation : "none", d->config->generation);
}

static struct commands_config config_state(void *daemon)
{
	struct shoald *d = daemon;
	usec_t now = usec_now();

	config_file_look(&d->file, d->config->generation);
	return (struct commands_config){
		.file_state = config_file_state_str(d->file.state),
		.file_generation = d->file.generation,
		.file_errors = d->file.errors,
		.trial = confirm_state_str(d->confirm.state),
		.former = d->confirm.former,
		.tried = d->confirm.tried,
		.owner = d->confirm.owner,
		.since_wall_us = d->confirm.since_wall_us,
		.until_wall_us = d->confirm.until_wall_us,
		.left_us = d->confirm.until > now ? d->confirm.until - now : 0,
		.trouble = d->go_back_trouble,
	};
}

/* Lines and route-maps are found by the router. */
static const char *repairs(void *daemon, size_t i, uint64_t *ret)
{
	const struct shoald *d = daemon;
	const struct router_stats *router = router_stats(d->router);

	if (i >= REPAIR_KIND_MAX)
		return NULL;
	*ret = d->repairs.n[i];
	if (i == REPAIR_LINE)
		*ret += router->changed_lines;
	if (i == REPAIR_ROUTE_MAP)
		*ret += router->changed_maps;
	return repair_kind_str((enum repair_kind)i);
}

static int reload(void *daemon, const struct commands_reload *how, struct config_report *report,
		  struct err *err)
{
	struct shoald *d = daemon;
	char from[CONFIG_GENERATION_LEN + 1];
	struct config *next = NULL;
	struct confirm before;
	int r;

	snprintf(from, sizeof(from), "%s", d->config->generation);
	r = config_load(d->options.config_file, CONFIG_NEED_NODE, &next, report);
	if (r < 0)
		return err_set(err, r, "%s: %u error%s; the running config (generation %s) stays",
			       d->options.config_file, report->errors,
			       report->errors == 1 ? "" : "s", from);
	r = check_reload(d, next, err);
	if (r == 0)
		r = begin_trial(d, next, how, &before, err);
	if (r < 0) {
		config_free(next);
		return r;
	}
	r = go_over(d, next, err);
	if (r < 0) {
		undo_trial(d, &before);
		return r;
	}
	d->context.config_loaded_wall_us = usec_wall();
	log_notice("reload", "generation=%s from=%s%s%s", d->config->generation, from,
		   d->confirm.state == CONFIRM_PENDING ? " unless_confirmed=" : "",
		   d->confirm.state == CONFIRM_PENDING ? d->confirm.former : "");
	end_trial_if_over(d);
	config_file_look(&d->file, d->config->generation);
	pass_soon(d);
	return 0;
}

static bool is_settled(void *daemon)
{
	struct shoald *d = daemon;

	return reconcile_is_settled(d->reconcile);
}

static void vitals(void *daemon, struct commands_vitals *ret)
{
	const struct shoald *d = daemon;
	const struct reconcile_stats *stats = reconcile_stats(d->reconcile);

	*ret = (struct commands_vitals){ .ticked_at = d->ticked_at,
					 .passes = stats->passes,
					 .ops = stats->ops,
					 .failures = stats->failures };
}

static bool transition(void *daemon, uint32_t pool, struct dataplane_transition *ret)
{
	struct shoald *d = daemon;

	return dataplane_ring_transition(d->dataplane, reconcile_ring(d->reconcile, pool), ret);
}

static const uint32_t *ring_of(void *daemon, uint32_t pool)
{
	struct shoald *d = daemon;
	uint32_t ring = reconcile_ring(d->reconcile, pool);

	return ring == DATAPLANE_NO_RING ? NULL : dataplane_ring(d->dataplane, ring);
}

static int watch_pool(void *daemon, uint32_t pool, bool is_on, struct err *err)
{
	struct shoald *d = daemon;
	uint32_t ring = reconcile_ring(d->reconcile, pool);

	if (ring == DATAPLANE_NO_RING)
		return err_set(err, -ENOENT, "its ring is not in the data plane yet");
	return dataplane_watch(d->dataplane, ring, is_on, err);
}

static bool removed_real(void *daemon, size_t i, struct commands_removed *ret)
{
	struct shoald *d = daemon;
	struct lives_leaver leaver;

	if (!lives_leaver(reconcile_lives(d->reconcile), i, &leaver))
		return false;
	*ret = (struct commands_removed){ .addr = leaver.addr,
					  .since = leaver.since,
					  .quiet_since = leaver.quiet_since };
	return true;
}

/* ---- signals ---- */

static void on_stop(evutil_socket_t signal, short what, void *arg)
{
	struct shoald *d = arg;

	(void)what;
	log_notice("stop", "signal=%d hint=\"routes and XDP stay as they are\"", (int)signal);
	d->is_stopping = true;
	event_base_loopbreak(d->base);
}

static void on_hangup(evutil_socket_t signal, short what, void *arg)
{
	struct shoald *d = arg;
	const struct commands_reload how = { .owner = "SIGHUP" };
	struct config_report report;
	struct err err;

	(void)signal;
	(void)what;
	/* The report quotes lines of the file, secrets too: not for the events. */
	if (reload(d, &how, &report, &err) < 0) {
		log_err("reload", "error=%s hint=\"shoal check\"", LOG_QUOTE(err.text));
		fputs(report.text ? report.text : "", stderr);
	}
	config_report_fini(&report);
}

/* ---- start ---- */

static int take_lock(struct shoald *d, struct err *err)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/shoald.lock", d->options.run_dir);
	d->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (d->lock_fd < 0)
		return err_set(err, -errno,
			       "lock '%s': %m; the directory must exist and belong to the user of "
			       "shoald",
			       path);
	if (flock(d->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return err_set(err, -errno,
			       "lock '%s': another shoald holds it; stop that one first", path);
	return 0;
}

static int load_drains(struct shoald *d, struct err *err)
{
	int r = drains_init(d->options.state_dir, err);

	if (r < 0)
		return err_prefix(err, r, "--state-dir");
	d->drained = (struct drained){
		.core = d->core, .state_dir = d->options.state_dir, .tell = on_drain, .arg = d
	};
	d->vip_orders = (struct vip_orders){
		.core = d->core, .state_dir = d->options.state_dir, .tell = on_vip_order, .arg = d
	};
	if (drained_load(&d->drained, true, usec_wall(), d->started, err) < 0)
		log_err("drains",
			"error=%s hint=\"the node counts as drained until they can be read; tried "
			"again every 5 s\"",
			LOG_QUOTE(err->text));
	else
		load_orders(d);
	return 0;
}

static int new_orders(struct shoald *d, struct err *err)
{
	const struct orders_options options = {
		.core = d->core, .state_dir = d->options.state_dir, .tell = on_order, .arg = d
	};

	d->orders = orders_new(&options);
	return d->orders ? 0 : err_set(err, -ENOMEM, "orders: %m");
}

/* Only root and members may give a file to a group. */
static bool may_give_to(gid_t gid)
{
	gid_t groups[NGROUPS_MAX > 1024 ? 1024 : NGROUPS_MAX];
	int n = getgroups((int)(sizeof(groups) / sizeof(groups[0])), groups);

	if (geteuid() == 0 || getegid() == gid)
		return true;
	for (int i = 0; i < n; i++)
		if (groups[i] == gid)
			return true;
	return false;
}

/* The group of a control socket, NULL where this host or this user has none of that name. */
static const char *group_or_null(const char *name)
{
	const struct group *entry = getgrnam(name);

	if (entry && !may_give_to(entry->gr_gid)) {
		log_warn("socket_group",
			 "group=%s hint=\"the user of shoald is no member, so the socket keeps its "
			 "own group\"",
			 name);
		return NULL;
	}
	return entry ? name : NULL;
}

static int open_sockets(struct shoald *d, struct err *err)
{
	char probe[PATH_MAX], exec[PATH_MAX], read_path[PATH_MAX], admin[PATH_MAX];
	char web[PATH_MAX];
	struct prober_callbacks prober = { .verdict = on_verdict,
					   .life = on_prober_life,
					   .exec_life = on_exec_life,
					   .path_is_whole = on_path_question,
					   .arg = d };
	struct ctl_options ctl = { .read_path = read_path,
				   .admin_path = admin,
				   .read_group = group_or_null("shoal"),
				   .admin_group = group_or_null("shoal-admin"),
				   .web_path = web,
				   .web_group = group_or_null("shoal-web"),
				   .commands = commands_table,
				   .web_commands = commands_web_table,
				   .context = &d->context };
	int r;

	snprintf(probe, sizeof(probe), "%s/probe.sock", d->options.run_dir);
	snprintf(exec, sizeof(exec), "%s/exec.sock", d->options.run_dir);
	snprintf(read_path, sizeof(read_path), "%s/read.sock", d->options.run_dir);
	snprintf(admin, sizeof(admin), "%s/admin.sock", d->options.run_dir);
	snprintf(web, sizeof(web), "%s/web.sock", d->options.run_dir);
	r = prober_new(d->base, probe, &prober, &d->prober, err);
	if (r == 0)
		r = prober_listen_exec(d->prober, exec, group_or_null("shoal-exec"), err);
	if (r == 0)
		r = prober_set_config(d->prober, d->config, err);
	if (r == 0)
		r = ctl_new(d->base, &ctl, &d->ctl, err);
	return r;
}

static int ask_kernel(void *arg, const struct addr *dst, fpm_answer_fn answer, void *answer_arg)
{
	return fib_ask(arg, dst, answer, answer_arg);
}

/* What operators look at only. */
static int open_fpm(struct shoald *d, struct err *err)
{
	struct fpm_options options = { .base = d->base, .config = d->config, .ask = ask_kernel };
	int r = fib_new(&d->fib, err);

	options.ask_arg = d->fib;
	return r < 0 ? r : fpm_new(&options, &d->fpm, err);
}

static int open_ports(struct shoald *d, struct err *err)
{
	struct router_callbacks router = { .changed = on_router, .may_write = may_write, .arg = d };
	struct reconcile_options reconcile;
	struct paths_options paths;
	int r;

	d->loop = loop_new();
	if (!d->loop)
		return err_set(err, -ENOMEM, "routes: %m");
	r = router_new(d->base, d->config, &router, &d->router, err);
	if (r < 0)
		return r;
	paths = (struct paths_options){ .base = d->base,
					.config = d->config,
					.core = d->core,
					.dataplane = d->dataplane,
					.prober = d->prober,
					.bpffs_dir = d->options.bpffs_dir,
					.changed = on_paths,
					.arg = d,
					.repairs = &d->repairs };
	r = paths_new(&paths, &d->paths, err);
	if (r < 0)
		return r;
	reconcile = (struct reconcile_options){ .core = d->core,
						.dataplane = d->dataplane,
						.router = d->router,
						.run_dir = d->options.run_dir,
						.real_programmed = on_real_programmed,
						.real_deleted = on_real_deleted,
						.arg = d,
						.repairs = &d->repairs };
	r = reconcile_new(&reconcile, &d->reconcile, err);
	return r < 0 ? r : open_fpm(d, err);
}

static void fill_context(struct shoald *d)
{
	d->context = (struct commands_context){
		.base = d->base,
		.core = d->core,
		.dataplane = d->dataplane,
		.fpm = d->fpm,
		.net = paths_net(d->paths),
		.prober = d->prober,
		.router = d->router,
		.loop = d->loop,
		.config_file = d->options.config_file,
		.run_dir = d->options.run_dir,
		.started = d->started,
		.config_loaded_wall_us = usec_wall(),
		.recorder = d->recorder,
		.degraded = &d->degraded,
		.events = d->context.events,
		.daemon = d,
		.reload = reload,
		.confirm = confirm,
		.config_state = config_state,
		.repairs = repairs,
		.drain = drain,
		.order = order_real,
		.order_of = order_of,
		.order_vip = order_vip,
		.reset = reset_real,
		.is_settled = is_settled,
		.vitals = vitals,
		.transition = transition,
		.ring = ring_of,
		.watch = watch_pool,
		.removed_real = removed_real,
	};
}

static int open_events(struct shoald *d, struct err *err)
{
	static const struct timeval second = { .tv_sec = 1 };

	d->base = event_base_new();
	if (!d->base)
		return err_set(err, -ENOMEM, "event loop: %m");
	d->pass_event = event_new(d->base, -1, 0, on_pass, d);
	d->timer_event = event_new(d->base, -1, 0, on_timer, d);
	d->second_event = event_new(d->base, -1, EV_PERSIST, on_second, d);
	d->tick_event = event_new(d->base, -1, 0, on_tick, d);
	d->signal_events[0] = evsignal_new(d->base, SIGTERM, on_stop, d);
	d->signal_events[1] = evsignal_new(d->base, SIGINT, on_stop, d);
	d->signal_events[2] = evsignal_new(d->base, SIGHUP, on_hangup, d);
	if (!d->pass_event || !d->timer_event || !d->second_event || !d->tick_event ||
	    !d->signal_events[2])
		return err_set(err, -ENOMEM, "event loop: %m");
	for (size_t i = 0; i < 3; i++)
		event_add(d->signal_events[i], NULL);
	event_add(d->second_event, &second);
	return 0;
}

/* ---- the flight recorder ---- */

static void record(enum log_level level, const char *event, const char *pairs, void *arg)
{
	recorder_note(arg, level, event, pairs);
}

static void on_recorded(void *arg)
{
	struct shoald *d = arg;

	if (d->context.events)
		events_fresh(d->context.events);
}

/* From here on everything that is logged is recorded. */
static int open_recorder(struct shoald *d, struct err *err)
{
	const struct recorder_options options = { .state_dir = d->options.state_dir,
						  .run_dir = d->options.run_dir,
						  .fresh = on_recorded,
						  .arg = d };
	int r = recorder_new(&options, &d->recorder, err);

	if (r < 0)
		return r;
	log_set_tap(record, d->recorder);
	d->context.events = events_new(d->base, d->recorder);
	return d->context.events ? 0 : err_set(err, -ENOMEM, "events: %m");
}

static void close_recorder(struct shoald *d)
{
	log_set_tap(NULL, NULL);
	recorder_free(d->recorder);
	events_free(d->context.events);
}

static int start(struct shoald *d, struct err *err)
{
	int r = take_lock(d, err);

	if (r == 0)
		r = open_events(d, err);
	if (r == 0)
		r = open_recorder(d, err);
	if (r == 0)
		r = dataplane_open(d->options.bpffs_dir, d->config, &d->dataplane, err);
	if (r < 0)
		return r;
	if (dataplane_has_new_hash_key(d->dataplane))
		log_warn("hash_key", "changed=yes hint=\"flows go to the slots of the new key; "
				     "nodes with the old one send them elsewhere\"");
	d->core = core_new(d->config, d->started);
	if (!d->core)
		return err_set(err, -ENOMEM, "core: %m");
	r = size_logged_reals(d->config, &d->reals, err);
	if (r == 0)
		r = new_orders(d, err);
	if (r == 0)
		r = load_drains(d, err);
	if (r == 0)
		r = open_sockets(d, err);
	if (r == 0)
		r = open_ports(d, err);
	if (r < 0)
		return r;
	load_state(d);
	adopt_judgements(d);
	fill_context(d); /* commands run on the loop, which does not yet */
	d->context.watches = watches_new(&d->context);
	return d->context.watches ? 0 : err_set(err, -ENOMEM, "watches: %m");
}

/* Run until every uplink had its say; without a single attachment there is no node. */
static int wait_for_uplinks(struct shoald *d, struct err *err)
{
	usec_t until = d->started + START_WAIT_US;
	unsigned attached = 0;

	while (!paths_is_started(d->paths, &attached) && usec_now() < until && !d->is_stopping)
		event_base_loop(d->base, EVLOOP_ONCE);
	if (attached > 0 || d->is_stopping)
		return 0;
	return err_set(err, -ENODEV, "%s",
		       *paths_sentence(d->paths)
			       ? paths_sentence(d->paths)
			       : "the kernel told nothing of the uplinks in time");
}

static void stop(struct shoald *d)
{
	ctl_free(d->ctl);
	watches_free(d->context.watches);
	reconcile_free(d->reconcile);
	paths_free(d->paths);
	prober_free(d->prober);
	router_free(d->router);
	loop_free(d->loop);
	fpm_free(d->fpm);
	fib_free(d->fib);
	orders_free(d->orders);
	core_free(d->core);
	dataplane_close(d->dataplane);
	for (size_t i = 0; i < 3; i++)
		if (d->signal_events[i])
			event_free(d->signal_events[i]);
	if (d->tick_event)
		event_free(d->tick_event);
	if (d->second_event)
		event_free(d->second_event);
	if (d->timer_event)
		event_free(d->timer_event);
	if (d->pass_event)
		event_free(d->pass_event);
	close_recorder(d);
	if (d->base)
		event_base_free(d->base);
	config_free(d->config);
	confirm_fini(&d->confirm);
	free(d->vips);
	free(d->reals);
}

/* A start that failed leaves nothing behind that was not there before. */
static void undo_start(struct shoald *d)
{
	bool adopted = d->dataplane && (dataplane_is_adopted(d->dataplane) ||
					dataplane_is_changing_over(d->dataplane));
	bool opened = d->dataplane != NULL;
	const char *bpffs_dir = d->options.bpffs_dir;
	struct err err;

	stop(d);
	if (!opened || adopted)
		return;
	if (dataplane_remove(bpffs_dir, &err) < 0)
		log_warn("undo", "error=%s", LOG_QUOTE(err.text));
	if (health_path_remove(bpffs_dir, &err) < 0)
		log_warn("undo", "error=%s", LOG_QUOTE(err.text));
}

static int exit_status(int code)
{
	return code == -EPERM || code == -EACCES ? EXIT_PERMISSION : EXIT_FAILURE;
}

static int fail(const struct err *err, int code)
{
	log_err("start", "error=%s", LOG_QUOTE(err->text));
	return exit_status(code);
}

static int run(struct shoald *d)
{
	struct err err = { "" };
	int r;

	d->started = usec_now();
	r = start(d, &err);
	if (r == 0)
		r = wait_for_uplinks(d, &err);
	if (r < 0) {
		r = fail(&err, r);
		undo_start(d);
		return r;
	}
	log_notice("start", "node=%s generation=%s version=%s adopted=%s", d->config->node.name,
		   d->config->generation, SHOAL_VERSION,
		   dataplane_is_changing_over(d->dataplane) ? "change-over"
		   : dataplane_is_adopted(d->dataplane)     ? "yes"
							    : "no");
	warn_of_flow_table(d);
	sd_notify(0, "READY=1");
	pass_soon(d);
	event_in(d->tick_event, 0);
	if (!d->is_stopping)
		event_base_dispatch(d->base);
	store_state(d);
	stop(d);
	return EXIT_SUCCESS;
}

/* ---- command line ---- */

static const char usage_text[] =
	"Usage: shoald [OPTION]...\n"
	"The controller of a Shoal node: health, data plane and announcements.\n"
	"\n"
	"  --config FILE     the config (/etc/shoal/shoal.yaml)\n"
	"  --run-dir DIR     sockets and lease files (/run/shoal)\n"
	"  --state-dir DIR   drains, orders, last judgements (/var/lib/shoal)\n"
	"  --bpffs DIR       pinned program, maps and links (/sys/fs/bpf/shoal)\n"
	"  --log-level L     err, warn, notice, info or debug (info)\n"
	"  --remove          detach and unpin everything of --bpffs, then exit\n"
	"  --help, --version\n"
	"\n"
	"SIGTERM leaves routes and XDP as they are, SIGHUP reloads the config.\n"
	"Exit status: 0 done, 1 failed, 2 usage or bad config, 5 permission.\n";

static int parse_log_level(const char *text, enum log_level *ret)
{
	static const char *const names[] = { "err", "warn", "notice", "info", "debug" };

	for (unsigned i = 0; i < LOG_LEVEL_MAX; i++)
		if (strcmp(text, names[i]) == 0) {
			*ret = (enum log_level)i;
			return 0;
		}
	return -EINVAL;
}

static int bad_usage(const char *text)
{
	fprintf(stderr, "shoald: %s; see shoald --help\n", text);
	return EXIT_BAD_CONFIG;
}

/* Returns -1 to go on, else the exit status. */
static int parse_options(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "run-dir", required_argument, NULL, 'r' },
		{ "state-dir", required_argument, NULL, 's' },
		{ "bpffs", required_argument, NULL, 'b' },
		{ "log-level", required_argument, NULL, 'l' },
		{ "remove", no_argument, NULL, 'R' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", longs, NULL)) >= 0) {
		switch (c) {
		case 'c':
			options->config_file = optarg;
			break;
		case 'r':
			options->run_dir = optarg;
			break;
		case 's':
			options->state_dir = optarg;
			break;
		case 'b':
			options->bpffs_dir = optarg;
			break;
		case 'l':
			if (parse_log_level(optarg, &options->log_level) < 0)
				return bad_usage(
					"--log-level is one of err, warn, notice, info, debug");
			break;
		case 'R':
			options->remove = true;
			break;
		case 'h':
			fputs(usage_text, stdout);
			return EXIT_SUCCESS;
		case 'V':
			puts("shoald " SHOAL_VERSION);
			return EXIT_SUCCESS;
		default:
			return EXIT_BAD_CONFIG;
		}
	}
	return optind < argc ? bad_usage("takes no arguments") : -1;
}

static int remove_all(const char *bpffs_dir)
{
	struct err err;
	int r = dataplane_remove(bpffs_dir, &err);

	if (r == 0)
		r = health_path_remove(bpffs_dir, &err);
	return r < 0 ? fail(&err, r) : EXIT_SUCCESS;
}

/* A config that nobody confirmed in time is not gone back to by a crash or a restart. */
static void start_with_former(struct shoald *d)
{
	usec_t now = usec_now();
	struct config *former = NULL;
	struct err err;

	if (confirm_load(d->options.state_dir, usec_wall(), now, &d->confirm, &err) < 0)
		log_err("confirm", "error=%s hint=\"starting with the file\"", LOG_QUOTE(err.text));
	if (!confirm_start_with_former(&d->confirm, d->config->generation, now)) {
		end_trial_if_over(d);
		return;
	}
	if (parse_former(&d->confirm, &former, &err) < 0) {
		log_err("went_back", "error=%s hint=\"starting with the file\"",
			LOG_QUOTE(err.text));
		return;
	}
	log_err("went_back",
		"generation=%s unconfirmed=%s file=%s hint=\"nobody confirmed in time; a reload "
		"reads the file\"",
		former->generation, d->config->generation, LOG_QUOTE(d->options.config_file));
	if (d->confirm.state == CONFIRM_PENDING &&
	    confirm_went_back(&d->confirm, d->config->generation, usec_wall(), &err) < 0)
		log_err("confirm", "error=%s", LOG_QUOTE(err.text));
	config_free(d->config);
	d->config = former;
}

int main(int argc, char **argv)
{
	struct shoald d = { .options = { .config_file = "/etc/shoal/shoal.yaml",
					 .run_dir = "/run/shoal",
					 .state_dir = "/var/lib/shoal",
					 .bpffs_dir = "/sys/fs/bpf/shoal",
					 .log_level = LOG_LEVEL_INFO },
			    .lock_fd = -1 };
	struct config_report report;
	int r = parse_options(argc, argv, &d.options);

	if (r >= 0)
		return r;
	log_init("shoald", d.options.log_level);
	descriptors_init();
	signal(SIGPIPE, SIG_IGN); /* a client that goes away while it is answered is an errno */
	if (d.options.remove)
		return remove_all(d.options.bpffs_dir);
	r = config_load(d.options.config_file, CONFIG_NEED_NODE, &d.config, &report);
	if (report.text && *report.text)
		fputs(report.text, stderr);
	config_report_fini(&report);
	if (r < 0) {
		log_err("config",
			"file=%s hint=\"shoal check shows the same; nothing was started\"",
			LOG_QUOTE(d.options.config_file));
		return EXIT_BAD_CONFIG;
	}
	d.file.path = d.options.config_file;
	start_with_former(&d);
	config_file_look(&d.file, d.config->generation);
	return run(&d);
}
