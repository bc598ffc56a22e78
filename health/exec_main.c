/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec_main.c - shoal-exec: runs the programs of exec checks, and nothing else. It schedules and
 * judges as shoal-probe does, with the same code, and talks to shoald by a socket of its own, so
 * that the process which reads what strangers answer never needs fork, exec or files.
 *
 * The programs are the operator's, but need not be good: they run as this user, without
 * capabilities and without a way to gain any (no_new_privs), each within the bounds of program.h.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "health/exec.h"
#include "health/lockdown.h"
#include "health/loop.h"
#include "health/reporter.h"
#include "health/targets.h"
#include "src/base/log.h"

#define DESCRIPTORS_KEPT      64 /* for everything that is no program */
#define DESCRIPTORS_A_PROGRAM 4  /* while it starts; then 2 */
#define RUN_DIR               "/run/shoal"
#define PROGRAMS_DEFAULT      64
#define PROGRAMS_MAX          4096

enum { STATUS_DONE = 0, STATUS_FAILED = 1, STATUS_USAGE = 2 };

struct options {
	char socket_path[256];
	uint32_t max_programs;
	bool is_verbose;
};

struct daemon {
	struct loop *loop;
	struct reporter *reporter;
	struct targets *targets;
};

static const char help[] =
	"usage: shoal-exec [--run-dir DIR] [--socket PATH] [--max-programs N] [--verbose]\n"
	"\n"
	"Runs the programs of exec checks for shoald and reports how they end. Connects to PATH\n"
	"(default DIR/exec.sock, DIR being " RUN_DIR ") and keeps trying until shoald is there.\n"
	"Runs as a user of its own, never as root, and gives up every capability; so do the\n"
	"programs.\n"
	"\n"
	"  --run-dir DIR       where exec.sock is\n"
	"  --socket PATH       the socket itself\n"
	"  --max-programs N    how many may run at once; default 64\n"
	"  --verbose           log more\n"
	"  --help              this text\n"
	"  --version           the version\n"
	"\n"
	"Exit status: 0 stopped by a signal, 1 failed, 2 wrong usage.\n";

static int options_fail(const char *what)
{
	fprintf(stderr, "shoal-exec: %s; see shoal-exec --help\n", what);
	return STATUS_USAGE;
}

/* 0: not a number from 1 to PROGRAMS_MAX. */
static uint32_t parse_max(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	return *text >= '1' && *text <= '9' && !*end && n <= PROGRAMS_MAX ? (uint32_t)n : 0;
}

/* Returns -1 to go on, or the exit status. */
static int options_parse(int argc, char **argv, struct options *ret)
{
	static const struct option rows[] = {
		{ "run-dir", required_argument, NULL, 'r' },
		{ "socket", required_argument, NULL, 's' },
		{ "max-programs", required_argument, NULL, 'm' },
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
		else if (option == 'm')
			ret->max_programs = parse_max(optarg);
		else if (option == 'v')
			ret->is_verbose = true;
		else if (option == 'h')
			return fputs(help, stdout) < 0 ? STATUS_FAILED : STATUS_DONE;
		else if (option == 'V')
			return puts("shoal-exec " SHOAL_VERSION) < 0 ? STATUS_FAILED : STATUS_DONE;
		else
			return options_fail("that option is not known or lacks its value");
	}
	if (optind < argc)
		return options_fail("there are words that are no options");
	if (ret->max_programs == 0)
		return options_fail("--max-programs takes a number from 1 to 4096");
	n = snprintf(ret->socket_path, sizeof(ret->socket_path), "%s%s",
		     socket_path ? socket_path : run_dir, socket_path ? "" : "/exec.sock");
	if (n < 0 || (size_t)n >= sizeof(ret->socket_path))
		return options_fail("the path of the socket is too long");
	return -1;
}

/* Enough descriptors for so many programs, where the hard limit allows; fewer give local-error. */
static void raise_descriptors(uint32_t max_programs)
{
	rlim_t wanted = DESCRIPTORS_KEPT + DESCRIPTORS_A_PROGRAM * (rlim_t)max_programs;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur < wanted)
		log_warn("descriptors",
			 "limit=%llu wanted=%llu hint=\"raise LimitNOFILE, or lower "
			 "--max-programs\"",
			 (unsigned long long)limit.rlim_cur, (unsigned long long)wanted);
}

static int daemon_init(struct daemon *daemon, const struct options *options, struct err *err)
{
	const struct reporter_options reporter = { .socket_path = options->socket_path,
						   .program = "shoal-exec" };
	struct targets_options targets = { .max_running = UINT32_MAX, /* check_exec counts */
					   .report_ready = reporter_flush };
	struct event_base *base;
	int r = loop_new(&daemon->loop, err);

	if (r < 0)
		return r;
	base = loop_base(daemon->loop);
	r = exec_init(base, options->max_programs, err);
	if (r == 0)
		r = reporter_new(base, &reporter, &daemon->reporter, err);
	if (r < 0)
		return r;
	targets.arg = daemon->reporter;
	r = targets_new(base, &targets, &daemon->targets, err);
	if (r == 0)
		reporter_set_targets(daemon->reporter, daemon->targets);
	return r;
}

static void daemon_fini(struct daemon *daemon)
{
	targets_free(daemon->targets);
	reporter_free(daemon->reporter);
	exec_fini();
	loop_free(daemon->loop);
}

/* What programs could use against the node is given up; and they, being the same user, shall not
 * look into this process. */
static int lock_up(struct err *err)
{
	int r = lockdown_all_capabilities(err);

	if (r < 0)
		return r;
	if (getuid() == 0 || geteuid() == 0)
		return err_set(err, -EPERM,
			       "started as root, whose files its programs could write; start it as "
			       "a user of its own (the unit shoal-exec.service does)");
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_set(err, -errno, "this process cannot be closed to others: %m");
	return 0;
}

static int run(struct daemon *daemon, const struct options *options, struct err *err)
{
	int r = lock_up(err);

	if (r < 0)
		return r;
	log_info("starting", "version=" SHOAL_VERSION " socket=%s max_programs=%u uid=%u",
		 LOG_QUOTE(options->socket_path), options->max_programs, getuid());
	raise_descriptors(options->max_programs);
	r = daemon_init(daemon, options, err);
	return r < 0 ? r : loop_run(daemon->loop, err);
}

int main(int argc, char **argv)
{
	struct options options = { .max_programs = PROGRAMS_DEFAULT };
	struct daemon daemon = { 0 };
	struct err err = { .text = "" };
	int r, status = options_parse(argc, argv, &options);

	if (status >= 0)
		return status;
	log_init("shoal-exec", options.is_verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	r = run(&daemon, &options, &err);
	if (r < 0)
		log_err("failed", "error=%s", LOG_QUOTE(err.text));
	daemon_fini(&daemon);
	return r < 0 ? STATUS_FAILED : STATUS_DONE;
}
