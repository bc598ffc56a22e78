/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard_main.c - shoal-guard: looks four times a second at the tick and at the uplinks, and when
 * the controller or the data plane is gone for too long takes the routes away by its own vty
 * connection. It holds no capability, reads the config once (again on SIGHUP), and while an act is
 * due makes it hold every second, so that a bgpd that restarts with saved lines is dealt with.
 *
 * The fence is set before the first line of an act is written. A controller that was only slow or
 * stopped finds it and announces nothing until it has removed it after complete passes; the guard
 * in turn stops acting as soon as the tick is fresh. So the two never write against each other.
 */
#include <errno.h>
#include <event2/event.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include "src/base/auto.h"
#include "src/base/log.h"
#include "src/config/config.h"
#include "src/guard/guard.h"
#include "src/guard/guard_routes.h"
#include "src/guard/lease.h"
#include "src/guard/xdp_watch.h"

#define LOOK_EVERY_US (250 * USEC_PER_MSEC)
#define RUN_EVERY_US  (1 * USEC_PER_SEC)

/* As every program of Shoal. */
enum exit_status {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_UNREACHABLE = 3,
	EXIT_PERMISSION = 5,
};

struct options {
	const char *config, *run_dir, *state_dir;
	bool withdraw_now, all;
};

struct daemon {
	struct options options;
	struct config *config;
	struct event_base *base;
	struct event *look_event;
	struct xdp_watch *xdp;
	struct guard_routes *routes;
	struct guard guard;
	struct guard_verdict verdict;
	usec_t next_run;
	bool had_xdp;             /* what the kernel said last */
	char fault[ERR_TEXT_MAX]; /* the last failure logged, so that it is logged once */
	int exit_status;
};

/* ---- facts ---- */

static void log_fault(struct daemon *d, const char *event, const char *sentence)
{
	if (strcmp(d->fault, sentence) == 0)
		return;
	snprintf(d->fault, sizeof(d->fault), "%s", sentence);
	log_warn(event, "error=%s", LOG_QUOTE(sentence));
}

/* An operator's drain of the node; a directory that cannot be read means drained. */
static bool node_is_drained(const struct options *options)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s/drains/node", options->state_dir);
	return stat(path, &st) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

static void read_tick(struct daemon *d, struct guard_facts *facts)
{
	struct err err;
	int r = lease_read_tick(d->options.run_dir, &facts->tick, &err);

	facts->has_tick = r == 0 && facts->tick <= facts->now;
	if (r < 0 && r != -ENOENT)
		log_fault(d, "guard_tick", err.text);
}

static void read_xdp(struct daemon *d, struct guard_facts *facts)
{
	const struct config_node *node = &d->config->node;
	struct err err;

	/* A kernel that cannot be asked is no reason to act: what was seen last counts, and at
	 * first that all is well. */
	if (xdp_watch_any(d->xdp, node->uplinks, node->n_uplinks, &d->had_xdp, &err) < 0)
		log_fault(d, "guard_uplinks", err.text);
	facts->has_xdp = d->had_xdp;
}

static struct guard_facts look(struct daemon *d)
{
	struct guard_facts facts = { .now = usec_now() };

	read_tick(d, &facts);
	read_xdp(d, &facts);
	facts.is_node_drained = node_is_drained(&d->options);
	return facts;
}

/* ---- acting ---- */

/* Before the first line: a controller that comes back must not announce against us. */
static void set_fence(struct daemon *d)
{
	const char *word = guard_fence_word(d->verdict.act, d->verdict.cause);
	struct lease_fence fence = { .since = usec_now() }, old;
	struct err err;

	if (lease_read_fence(d->options.run_dir, &old, NULL) == 0 && strcmp(old.word, word) == 0)
		return;
	snprintf(fence.word, sizeof(fence.word), "%s", word);
	/* Without a fence we act all the same: a route into nothing is the greater harm. */
	if (lease_set_fence(d->options.run_dir, &fence, &err) < 0)
		log_err("guard_fence", "error=%s", LOG_QUOTE(err.text));
}

static void on_before_write(void *arg, size_t n)
{
	struct daemon *d = arg;

	set_fence(d);
	log_warn("guard_act", "act=%s cause=%s lost=%.1fs lines=%zu", guard_act_str(d->verdict.act),
		 guard_cause_str(d->verdict.cause), (double)d->verdict.lost_us / USEC_PER_SEC, n);
}

static void on_run_done(void *arg, const struct guard_result *result)
{
	struct daemon *d = arg;

	if (result->code < 0)
		log_fault(d, "guard_failed", result->sentence);
	if (result->written > 0) {
		d->fault[0] = '\0';
		log_notice("guard_done", "act=%s written=%zu left=%zu",
			   guard_act_str(d->verdict.act), result->written, result->left);
	}
	if (!d->options.withdraw_now)
		return;
	if (result->code < 0 || result->left > 0) {
		fprintf(stderr, "shoal-guard: %zu line%s withdrawn, %zu left: %s\n",
			result->written, result->written == 1 ? "" : "s", result->left,
			result->sentence);
		d->exit_status = EXIT_FAILED;
	} else {
		printf("%zu withdrawn, none left inside vip-ranges%s\n", result->written,
		       d->options.all ? "" : " that is Shoal's");
	}
	event_base_loopbreak(d->base);
}

static void run(struct daemon *d)
{
	AUTO(freep) struct lease_prefix *announced = NULL;
	struct err err;
	size_t n = 0;
	int r = lease_read_announced(d->options.run_dir, &announced, &n, &err);

	/* The lines in bgpd tell what there is; the lease only which maps drain them best. */
	if (r < 0 && r != -ENOENT)
		log_fault(d, "guard_announced", err.text);
	r = guard_routes_run(d->routes, d->verdict.act, announced, n);
	if (r < 0 && r != -EBUSY && r != -ENOTCONN) {
		err_set(&err, r, "run: %m");
		log_fault(d, "guard_failed", err.text);
	}
	d->next_run = usec_now() + RUN_EVERY_US;
}

static void on_routes_up(void *arg)
{
	struct daemon *d = arg;

	if (d->verdict.act != GUARD_NOTHING)
		run(d);
}

static void on_routes_down(void *arg, int reason, const char *sentence)
{
	struct daemon *d = arg;

	if (!d->options.withdraw_now) {
		log_fault(d, "guard_bgpd", sentence);
		return;
	}
	fprintf(stderr, "shoal-guard: %s\n", sentence);
	d->exit_status = reason == -EACCES ? EXIT_PERMISSION : EXIT_UNREACHABLE;
	event_base_loopbreak(d->base);
}

/* ---- judging ---- */

static void log_verdict(const struct guard_verdict *old, const struct guard_verdict *now)
{
	if (old->act == now->act && old->cause == now->cause)
		return;
	if (now->cause == GUARD_CAUSE_NONE)
		log_notice("guard_loss", "cause=none was=%s", guard_cause_str(old->cause));
	else
		log_warn("guard_loss", "cause=%s lost=%.1fs then=%s", guard_cause_str(now->cause),
			 (double)now->lost_us / USEC_PER_SEC,
			 now->act == GUARD_NOTHING ? "keep" : guard_act_str(now->act));
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *d = arg;
	struct guard_facts facts = look(d);
	struct guard_verdict verdict = guard_step(&d->guard, &facts);
	bool is_new = verdict.act != d->verdict.act || verdict.cause != d->verdict.cause;

	(void)fd;
	(void)what;
	log_verdict(&d->verdict, &verdict);
	d->verdict = verdict;
	if (verdict.act != GUARD_NOTHING && (is_new || facts.now >= d->next_run))
		run(d);
}

/* ---- life ---- */

static int load_config(const char *file, struct config **ret)
{
	struct config_report report = { 0 };
	int r = config_load(file, CONFIG_NEED_NODE, ret, &report);

	if (r < 0)
		fputs(report.text ? report.text : "out of memory\n", stderr);
	config_report_fini(&report);
	return r;
}

static int connect_routes(struct daemon *d, struct err *err)
{
	const struct guard_routes_callbacks callbacks = {
		.up = on_routes_up,
		.down = on_routes_down,
		.before_write = on_before_write,
		.done = on_run_done,
		.arg = d,
	};

	return guard_routes_new(d->base, &d->config->routing, &callbacks, &d->routes, err);
}

static void on_hangup(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *d = arg;
	struct config *config;
	struct guard fresh;
	struct err err;

	(void)fd;
	(void)what;
	if (load_config(d->options.config, &config) < 0) {
		log_err("guard_reload", "file=%s kept=old", LOG_QUOTE(d->options.config));
		return;
	}
	guard_routes_free(d->routes);
	d->routes = NULL;
	config_free(d->config);
	d->config = config;
	guard_init(&fresh, &config->routing, d->guard.started);
	fresh.last_tick = d->guard.last_tick;
	fresh.xdp_gone_since = d->guard.xdp_gone_since;
	d->guard = fresh;
	if (connect_routes(d, &err) < 0) {
		log_err("guard_reload", "error=%s", LOG_QUOTE(err.text));
		d->exit_status = EXIT_FAILED;
		event_base_loopbreak(d->base);
		return;
	}
	log_info("guard_reload", "generation=%s", config->generation);
}

static void on_end(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *d = arg;

	(void)fd;
	(void)what;
	event_base_loopbreak(d->base);
}

static int add_signal(struct daemon *d, int number, event_callback_fn fn, struct event **ret)
{
	*ret = evsignal_new(d->base, number, fn, d);
	return *ret && event_add(*ret, NULL) == 0 ? 0 : -ENOMEM;
}

static void watch(struct daemon *d)
{
	const struct timeval every = { .tv_usec = (suseconds_t)LOOK_EVERY_US };
	struct event *end = NULL, *stop = NULL, *hangup = NULL;

	guard_init(&d->guard, &d->config->routing, usec_now());
	d->look_event = event_new(d->base, -1, EV_PERSIST, on_look, d);
	if (!d->look_event || event_add(d->look_event, &every) < 0 ||
	    add_signal(d, SIGTERM, on_end, &end) < 0 || add_signal(d, SIGINT, on_end, &stop) < 0 ||
	    add_signal(d, SIGHUP, on_hangup, &hangup) < 0) {
		log_err("guard_start", "error=\"out of memory\"");
		d->exit_status = EXIT_FAILED;
	} else {
		log_info("guard_start", "version=%s config=%s generation=%s", SHOAL_VERSION,
			 LOG_QUOTE(d->options.config), d->config->generation);
		sd_notify(0, "READY=1");
		on_look(-1, 0, d); /* at boot every second counts */
		event_base_dispatch(d->base);
		sd_notify(0, "STOPPING=1");
	}
	if (d->look_event)
		event_free(d->look_event);
	if (end)
		event_free(end);
	if (stop)
		event_free(stop);
	if (hangup)
		event_free(hangup);
}

/* One act for an operator whose shoald does not answer. */
static void withdraw_now(struct daemon *d)
{
	usec_t now = usec_now(), tick;

	d->verdict.act = d->options.all ? GUARD_WITHDRAW : GUARD_WITHDRAW_OURS;
	d->verdict.cause = GUARD_CAUSE_OPERATOR;
	if (lease_read_tick(d->options.run_dir, &tick, NULL) == 0 && tick <= now &&
	    now - tick < 5 * USEC_PER_SEC)
		fprintf(stderr,
			"shoal-guard: shoald is alive and will announce again after its warm-up; "
			"stop it, or use 'shoal drain'\n");
	event_base_dispatch(d->base);
}

static int start(struct daemon *d, struct err *err)
{
	int r;

	d->base = event_base_new();
	if (!d->base)
		return err_set(err, -ENOMEM, "event loop: %m");
	r = d->options.withdraw_now ? 0 : xdp_watch_new(&d->xdp, err);
	return r < 0 ? r : connect_routes(d, err);
}

/* ---- options ---- */

static const char help[] =
	"shoal-guard: withdraws or drains this node's VIPs when shoald or XDP is gone.\n"
	"\n"
	"  --config FILE      (/etc/shoal/shoal.yaml)\n"
	"  --run-dir DIR      tick, announced and fence (/run/shoal)\n"
	"  --state-dir DIR    drains (/var/lib/shoal)\n"
	"  --withdraw-now     withdraw Shoal's lines once, set the fence, and end\n"
	"  --all              with it: every line inside vip-ranges\n"
	"  --help, --version\n"
	"\n"
	"SIGHUP reads the config again. Exit status: 0 done, 1 failed, 2 usage or bad config,\n"
	"3 bgpd not reachable, 5 permission.\n";

enum { OPT_WITHDRAW_NOW = 256, OPT_ALL, OPT_HELP, OPT_VERSION };

/* Returns -1 to go on, or the status to exit with. */
static int parse_options(int argc, char **argv, struct options *ret)
{
	static const struct option names[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "run-dir", required_argument, NULL, 'r' },
		{ "state-dir", required_argument, NULL, 's' },
		{ "withdraw-now", no_argument, NULL, OPT_WITHDRAW_NOW },
		{ "all", no_argument, NULL, OPT_ALL },
		{ "help", no_argument, NULL, OPT_HELP },
		{ "version", no_argument, NULL, OPT_VERSION },
		{ NULL, 0, NULL, 0 },
	};
	struct options options = { .config = "/etc/shoal/shoal.yaml",
				   .run_dir = "/run/shoal",
				   .state_dir = "/var/lib/shoal" };
	int c;

	while ((c = getopt_long(argc, argv, "", names, NULL)) >= 0) {
		switch (c) {
		case 'c':
			options.config = optarg;
			break;
		case 'r':
			options.run_dir = optarg;
			break;
		case 's':
			options.state_dir = optarg;
			break;
		case OPT_WITHDRAW_NOW:
			options.withdraw_now = true;
			break;
		case OPT_ALL:
			options.all = true;
			break;
		case OPT_HELP:
			fputs(help, stdout);
			return EXIT_DONE;
		case OPT_VERSION:
			puts("shoal-guard " SHOAL_VERSION);
			return EXIT_DONE;
		default:
			return EXIT_USAGE;
		}
	}
	if (optind < argc || (options.all && !options.withdraw_now)) {
		fprintf(stderr, "shoal-guard: %s; see --help\n",
			optind < argc ? "takes no arguments" : "--all goes with --withdraw-now");
		return EXIT_USAGE;
	}
	*ret = options;
	return -1;
}

int main(int argc, char **argv)
{
	struct daemon d = { .had_xdp = true };
	struct err err;
	int status = parse_options(argc, argv, &d.options);

	if (status >= 0)
		return status;
	log_init("shoal-guard", LOG_LEVEL_INFO);
	if (load_config(d.options.config, &d.config) < 0)
		return EXIT_USAGE;
	if (start(&d, &err) < 0) {
		log_err("guard_start", "error=%s", LOG_QUOTE(err.text));
		d.exit_status = EXIT_FAILED;
	} else if (d.options.withdraw_now) {
		withdraw_now(&d);
	} else {
		watch(&d);
	}
	guard_routes_free(d.routes);
	xdp_watch_free(d.xdp);
	if (d.base)
		event_base_free(d.base);
	config_free(d.config);
	return d.exit_status;
}
