/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe_main.c - shoal-probe: runs every probe and parses what strangers answer, with as little
 * privilege as that takes. Targets come from shoald over probe.sock and judgements go back; there
 * is no configuration and, once it runs, no file access.
 *
 * Order matters: libraries warm up and descriptors are raised first, then capabilities and system
 * calls are given up, then the loop runs.
 */
#include <errno.h>
#include <getopt.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "health/ca.h"
#include "health/check.h"
#include "health/lockdown.h"
#include "health/loop.h"
#include "health/reporter.h"
#include "health/targets.h"
#include "src/base/log.h"

#define DESCRIPTORS_KEPT 128 /* for everything that is no probe */
#define RUN_DIR          "/run/shoal"

enum { STATUS_DONE = 0, STATUS_FAILED = 1, STATUS_USAGE = 2 };

struct options {
	char socket_path[256];
	bool is_verbose;
};

struct daemon {
	struct loop *loop;
	struct reporter *reporter;
	struct targets *targets;
};

static const char help[] =
	"usage: shoal-probe [--run-dir DIR] [--socket PATH] [--verbose]\n"
	"\n"
	"Runs the health checks that shoald asks for and reports what it finds. Connects to\n"
	"PATH (default DIR/probe.sock, DIR being " RUN_DIR ") and keeps trying until shoald is\n"
	"there. Needs CAP_NET_RAW for checks through the tunnel, and nothing else; as whichever\n"
	"user it is started, it gives up all other capabilities and cannot open files once it\n"
	"runs.\n"
	"\n"
	"  --run-dir DIR   where probe.sock is\n"
	"  --socket PATH   the socket itself\n"
	"  --verbose       log more\n"
	"  --help          this text\n"
	"  --version       the version\n"
	"\n"
	"Exit status: 0 stopped by a signal, 1 failed, 2 wrong usage.\n";

static int options_fail(const char *what)
{
	fprintf(stderr, "shoal-probe: %s; see shoal-probe --help\n", what);
	return STATUS_USAGE;
}

/* Returns -1 to go on, or the exit status. */
static int options_parse(int argc, char **argv, struct options *ret)
{
	static const struct option rows[] = {
		{ "run-dir", required_argument, NULL, 'r' },
		{ "socket", required_argument, NULL, 's' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	const char *run_dir = RUN_DIR, *socket_path = NULL;
	int n, option;

	while ((option = getopt_long(argc, argv, "hv", rows, NULL)) != -1) {
		if (option == 'r')
			run_dir = optarg;
		else if (option == 's')
			socket_path = optarg;
		else if (option == 'v')
			ret->is_verbose = true;
		else if (option == 'h')
			return fputs(help, stdout) < 0 ? STATUS_FAILED : STATUS_DONE;
		else if (option == 'V')
			return puts("shoal-probe " SHOAL_VERSION) < 0 ? STATUS_FAILED : STATUS_DONE;
		else
			return options_fail("that option is not known or lacks its value");
	}
	if (optind < argc)
		return options_fail("there are words that are no options");
	n = snprintf(ret->socket_path, sizeof(ret->socket_path), "%s%s",
		     socket_path ? socket_path : run_dir, socket_path ? "" : "/probe.sock");
	if (n < 0 || (size_t)n >= sizeof(ret->socket_path))
		return options_fail("the path of the socket is too long");
	return -1;
}

/* As many descriptors as the hard limit allows; returns how many probes may run at once. */
static uint32_t raise_descriptors(void)
{
	struct rlimit limit = { .rlim_cur = 1024, .rlim_max = 1024 };

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur <= DESCRIPTORS_KEPT + 16)
		return 16;
	return limit.rlim_cur > 1U << 20 ? 1U << 20 : (uint32_t)limit.rlim_cur - DESCRIPTORS_KEPT;
}

static int daemon_init(struct daemon *daemon, const struct options *options, uint32_t max_running,
		       struct err *err)
{
	const struct reporter_options reporter_options = { .socket_path = options->socket_path,
							   .program = "shoal-probe",
							   .take_ca = ca_take };
	struct targets_options targets_options = { .max_running = max_running,
						   .sweep_cas = ca_sweep,
						   .report_ready = reporter_flush };
	struct event_base *base;
	int r = loop_new(&daemon->loop, err);

	if (r < 0)
		return r;
	base = loop_base(daemon->loop);
	r = http_init(base);
	if (r == 0)
		r = tls_init();
	if (r < 0)
		return err_set(err, r, "libcurl cannot be set up: %m");
	r = reporter_new(base, &reporter_options, &daemon->reporter, err);
	if (r < 0)
		return r;
	targets_options.arg = daemon->reporter;
	r = targets_new(base, &targets_options, &daemon->targets, err);
	if (r == 0)
		reporter_set_targets(daemon->reporter, daemon->targets);
	return r;
}

static void daemon_fini(struct daemon *daemon)
{
	targets_free(daemon->targets);
	reporter_free(daemon->reporter);
	http_fini();
	tls_fini();
	dial_fini();
	loop_free(daemon->loop);
}

static int lock_up(uint32_t max_running, struct err *err)
{
	bool has_net_raw;
	int r = lockdown_capabilities(&has_net_raw, err);

	if (r == 0)
		r = lockdown_syscalls(err);
	if (r < 0)
		return r;
	if (!has_net_raw)
		log_warn("no_net_raw", "effect=%s",
			 LOG_QUOTE("without CAP_NET_RAW probes through the tunnel cannot be marked "
				   "and give no verdict"));
	log_info("locked", "files=refused capabilities=%s max_running=%u",
		 has_net_raw ? "net_raw" : "none", max_running);
	return 0;
}

static int run(struct daemon *daemon, const struct options *options, struct err *err)
{
	uint32_t max_running = raise_descriptors();
	int r;

	log_info("starting", "version=" SHOAL_VERSION " socket=%s",
		 LOG_QUOTE(options->socket_path));
	OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS | OPENSSL_INIT_LOAD_CONFIG, NULL);
	r = daemon_init(daemon, options, max_running, err);
	if (r == 0)
		r = lock_up(max_running, err);
	return r < 0 ? r : loop_run(daemon->loop, err);
}

int main(int argc, char **argv)
{
	struct options options = { 0 };
	struct daemon daemon = { 0 };
	struct err err = { .text = "" };
	int r, status = options_parse(argc, argv, &options);

	if (status >= 0)
		return status;
	log_init("shoal-probe", options.is_verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	r = run(&daemon, &options, &err);
	if (r < 0)
		log_err("failed", "error=%s", LOG_QUOTE(err.text));
	daemon_fini(&daemon);
	return r < 0 ? STATUS_FAILED : STATUS_DONE;
}
