/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real shoal-exec with real programs; this process plays shoald (with the real prober.c).
 * argv[1] is the program. As root it is run as another user, for it refuses to be root.
 */
#include <errno.h>
#include <event2/event.h>
#include <grp.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "health/message.h"
#include "health/prober.h"
#include "src/base/log.h"
#include "tests/lib/test.h"

#define POOLS_MAX 16
#define DEADLINE  (20 * USEC_PER_SEC) /* for what takes well under a second */

static const char *program;
static uid_t stranger; /* a user that owns nothing; a limit on its processes is this test's alone */

/* ---- a site: each pool has one check and one real ---- */

struct pool {
	struct config_check check;
	const char *argv[8];
	uint32_t check_index;
	struct core_verdict verdict; /* the last */
	unsigned n_verdicts;
};

struct site {
	struct event_base *base;
	struct prober *prober;
	char directory[64], probe_path[96], exec_path[96];
	pid_t pid;               /* of shoal-exec */
	rlim_t files, processes; /* of shoal-exec; 0: as it is */
	const char *max_programs;
	struct pool pools[POOLS_MAX];
	uint32_t n_pools;
	struct config_check checks[POOLS_MAX];
	struct config_pool config_pools[POOLS_MAX];
	struct config_service services[POOLS_MAX];
	struct config_real real;
	struct config_vip vip;
	struct config config;
	bool is_connected;
};

static const struct config_range zero = { 0, 0 };

static struct pool *site_add_argv(struct site *site, const char *const *argv, size_t n)
{
	struct pool *pool = &site->pools[site->n_pools++];

	memcpy(pool->argv, argv, n * sizeof(*argv));
	pool->check = (struct config_check){
		.name = "runs",
		.type = CONFIG_CHECK_EXEC,
		.argv = pool->argv,
		.n_argv = n,
		.exit_codes = &zero,
		.n_exit_codes = 1,
		.interval_us = 100 * USEC_PER_MSEC,
		.fast_interval_us = 50 * USEC_PER_MSEC,
		.slow_interval_us = 100 * USEC_PER_MSEC,
		.timeout_us = 5 * USEC_PER_SEC,
		.jitter_percent = 20,
		.rise = 2,
		.fall = 2,
	};
	return pool;
}

static struct pool *site_add(struct site *site, const char *script)
{
	const char *const argv[] = { "/bin/sh", "-c", script, "sh", site->directory };

	return site_add_argv(site, argv, 5);
}

static void site_configure(struct site *site)
{
	static char names[POOLS_MAX][16];
	struct err err = { .text = "" };

	for (uint32_t i = 0; i < site->n_pools; i++) {
		snprintf(names[i], sizeof(names[i]), "p%u", i);
		site->pools[i].check_index = i;
		site->checks[i] = site->pools[i].check;
		site->services[i] =
			(struct config_service){ .proto = IPPROTO_TCP, .port = 443, .pool = i };
		site->config_pools[i] = (struct config_pool){ .name = names[i],
							      .checks = &site->pools[i].check_index,
							      .n_checks = 1,
							      .reals = &site->real,
							      .n_reals = 1 };
	}
	site->real.name = "web1";
	assert_int_equal(addr_parse("10.1.0.11", &site->real.addr), 0);
	site->vip = (struct config_vip){ .name = "vip",
					 .services = site->services,
					 .n_services = site->n_pools,
					 .prefix = { .len = 128 } };
	assert_int_equal(addr_parse("2001:db8:cafe::10", &site->vip.prefix.addr), 0);
	site->config = (struct config){ .node.name = "lb1",
					.checks = site->checks,
					.n_checks = site->n_pools,
					.pools = site->config_pools,
					.n_pools = site->n_pools,
					.vips = &site->vip,
					.n_vips = 1 };
	if (prober_set_config(site->prober, &site->config, &err) < 0)
		fail_msg("%s", err.text);
}

static void on_verdict(const struct core_verdict *verdict, void *arg)
{
	struct pool *pool = &((struct site *)arg)->pools[verdict->pool];

	pool->verdict = *verdict;
	pool->n_verdicts++;
}

static void on_life(bool connected, void *arg)
{
	((struct site *)arg)->is_connected = connected;
}

/* ---- the daemon ---- */

static void limit_child(int resource, rlim_t value)
{
	const struct rlimit limit = { value, value };

	if (value != 0)
		setrlimit((__rlimit_resource_t)resource, &limit);
}

static void become_stranger(void)
{
	if (geteuid() == 0 &&
	    (setgroups(0, NULL) < 0 || setgid(stranger) < 0 || setuid(stranger) < 0))
		_exit(126);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static void daemon_start(struct site *site)
{
	site->pid = fork();
	if (site->pid == 0) {
		limit_child(RLIMIT_NOFILE, site->files);
		limit_child(RLIMIT_NPROC, site->processes);
		become_stranger();
		setenv("SECRET", "of the daemon", 1);
		execl(program, "shoal-exec", "--socket", site->exec_path, "--max-programs",
		      site->max_programs ? site->max_programs : "64", NULL);
		_exit(127);
	}
}

static int daemon_stop(struct site *site, int signo)
{
	int status = 0;

	kill(site->pid, signo);
	waitpid(site->pid, &status, 0);
	site->pid = 0;
	return status;
}

static void shoald_start(struct site *site)
{
	const struct prober_callbacks callbacks = { .verdict = on_verdict,
						    .exec_life = on_life,
						    .arg = site };
	struct err err = { .text = "" };

	site->is_connected = false;
	if (prober_new(site->base, site->probe_path, &callbacks, &site->prober, &err) < 0 ||
	    prober_listen_exec(site->prober, site->exec_path, NULL, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(chmod(site->exec_path, 0666), 0);
}

static void site_init(struct site *site)
{
	memset(site, 0, sizeof(*site));
	log_init("test", LOG_LEVEL_ERR);
	site->base = event_base_new();
	strcpy(site->directory, "/tmp/shoal-exec-test-XXXXXX");
	assert_non_null(mkdtemp(site->directory));
	assert_int_equal(chmod(site->directory, 0777), 0);
	snprintf(site->probe_path, sizeof(site->probe_path), "%s/probe.sock", site->directory);
	snprintf(site->exec_path, sizeof(site->exec_path), "%s/exec.sock", site->directory);
	shoald_start(site);
}

static void site_fini(struct site *site)
{
	char command[96];

	if (site->pid)
		assert_int_equal(daemon_stop(site, SIGTERM), 0);
	prober_free(site->prober);
	event_base_free(site->base);
	snprintf(command, sizeof(command), "rm -rf %s", site->directory);
	assert_int_equal(system(command), 0);
}

#define WAIT_FOR(site, condition)                                                                  \
	({                                                                                         \
		struct timeval pause_ = { .tv_usec = 50000 };                                      \
		usec_t give_up_ = usec_now() + DEADLINE;                                           \
		while (!(condition) && usec_now() < give_up_) {                                    \
			event_base_loopexit((site)->base, &pause_);                                \
			event_base_dispatch((site)->base);                                         \
		}                                                                                  \
		(condition);                                                                       \
	})

static void expect(struct site *site, struct pool *pool, enum real_state state,
		   enum probe_reason reason, const char *evidence)
{
	if (!WAIT_FOR(site, pool->verdict.state == state && pool->verdict.reason == reason) ||
	    !strstr(pool->verdict.evidence, evidence))
		fail_msg("pool %ld: state %d reason %d evidence '%s'; wanted %d %d '%s'",
			 pool - site->pools, (int)pool->verdict.state, (int)pool->verdict.reason,
			 pool->verdict.evidence, (int)state, (int)reason, evidence);
}

static bool file_exists(const struct site *site, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", site->directory, name);
	return access(path, F_OK) == 0;
}

/* A file for programs to read, whole at any time. */
static void set_content(const struct site *site, const char *name, const char *content)
{
	char part[128], path[128];
	FILE *f;

	snprintf(part, sizeof(part), "%s/part-%s", site->directory, name);
	snprintf(path, sizeof(path), "%s/%s", site->directory, name);
	f = fopen(part, "we");
	assert_non_null(f);
	fputs(content, f);
	fchmod(fileno(f), 0644);
	fclose(f);
	assert_int_equal(rename(part, path), 0);
}

/* The content of a file that a program writes whole and then renames to this. */
static char *file_content(struct site *site, const char *name)
{
	static char content[4096];
	char path[128];
	size_t n;
	FILE *f;

	assert_true(WAIT_FOR(site, file_exists(site, name)));
	snprintf(path, sizeof(path), "%s/%s", site->directory, name);
	f = fopen(path, "re");
	assert_non_null(f);
	n = fread(content, 1, sizeof(content) - 1, f);
	content[n] = '\0';
	fclose(f);
	return content;
}

#define INTO(name) " >$1/part && mv $1/part $1/" name

/* ---- what each program is judged ---- */

static const struct {
	const char *script;
	enum real_state state;
	enum probe_reason reason;
	const char *evidence;
} meetings[] = {
	{ "echo 3 replicas; exit 0", REAL_UP, PROBE_OK, "exit code 0 in " },
	{ "echo 3 replicas", REAL_UP, PROBE_OK, " ms: 3 replicas" },
	{ "echo; echo lagging; exit 2", REAL_DOWN, PROBE_EXIT_STATUS, " ms: lagging" },
	{ "exit 1", REAL_DOWN, PROBE_EXIT_STATUS, "exit code 1 in " },
	{ "exec /no/such/program", REAL_DOWN, PROBE_EXIT_STATUS, "exit code 127 in " },
	{ "kill -SEGV $$", REAL_DOWN, PROBE_KILLED, "ended by SIGSEGV in " },
	{ "echo so far; sleep 1000", REAL_DOWN, PROBE_TIMEOUT,
	  "no answer in 400 ms, waiting for the program to end: so far" },
	{ "exec >&- 2>&-; sleep 1000", REAL_DOWN, PROBE_TIMEOUT,
	  "no answer in 400 ms, waiting for the program to end" },
	{ "while :; do echo abcdefghijklmnopqrstuvwxyz || exit; done", REAL_DOWN, PROBE_TOO_LARGE,
	  "it wrote more than 1 MiB: abcdefg" },
};

#define N_MEETINGS (sizeof(meetings) / sizeof(meetings[0]))

TEST(exec, names_what_each_program_does)
{
	static struct site site;

	site_init(&site);
	for (size_t i = 0; i < N_MEETINGS; i++) {
		struct pool *pool = site_add(&site, meetings[i].script);

		if (meetings[i].reason == PROBE_TIMEOUT)
			pool->check.timeout_us = 400 * USEC_PER_MSEC;
	}
	site_configure(&site);
	daemon_start(&site);
	for (size_t i = 0; i < N_MEETINGS; i++) {
		expect(&site, &site.pools[i], meetings[i].state, meetings[i].reason,
		       meetings[i].evidence);
		/* What a program says is no sign of life, and its silence none of death. */
		assert_int_equal(site.pools[i].verdict.sign, REAL_SIGN_NONE);
	}
	assert_true(WAIT_FOR(&site, prober_life(site.prober, PROBER_EXEC)->n_probes > 0));
	assert_int_equal(prober_life(site.prober, PROBER_PROBE)->n_targets, 0);
	site_fini(&site);
}

/* ---- what they write ---- */

/* "1\n2\n...": more than is kept. */
#define COUNTS "i=1; while [ $i -le 2000 ]; do echo $i; i=$((i+1)); done; "

static bool output_is(const struct site *site, uint32_t pool, const char *text)
{
	struct output output;

	return prober_output(site->prober, pool, 0, 0, &output) && output.len == strlen(text) &&
	       memcmp(output.bytes, text, output.len) == 0;
}

static bool output_ends(const struct output *output, const char *text)
{
	size_t len = strlen(text);

	return output->len >= len && memcmp(output->bytes + output->len - len, text, len) == 0;
}

TEST(exec, keeps_what_the_last_run_wrote_fit_to_be_shown)
{
	static struct site site;
	struct output output;

	site_init(&site);
	site_add(&site, "printf 'first\\nsecond\\tcolumn\\r\\n\\033[31mred\\n'; exit 1");
	site_add(&site, "echo 3 replicas");
	site_add(&site, COUNTS "exit 1");
	site_add(&site, "echo so far; sleep 1000");
	site_add(&site, "cat $1/says; test ! -s $1/says");
	site_add(&site, "exit 1");
	site.pools[3].check.timeout_us = 400 * USEC_PER_MSEC;
	set_content(&site, "says", "lagging\nbehind\n");
	site_configure(&site);
	daemon_start(&site);
	assert_true(WAIT_FOR(&site, output_is(&site, 0, "first\nsecond column\n?[31mred\n")));
	assert_true(WAIT_FOR(&site, output_is(&site, 1, "3 replicas\n")));
	assert_true(WAIT_FOR(&site, prober_output(site.prober, 2, 0, 0, &output)));
	assert_int_equal(output.n_written, 9 * 2 + 90 * 3 + 900 * 4 + 1001 * 5);
	assert_int_equal(output.len, OUTPUT_BYTES_MAX);
	assert_true(output_ends(&output, "\n1999\n2000\n"));
	assert_true(WAIT_FOR(&site, output_is(&site, 3, "so far\n")));
	assert_true(WAIT_FOR(&site, output_is(&site, 4, "lagging\nbehind\n")));
	assert_false(prober_output(site.prober, 5, 0, 0, &output));
	set_content(&site, "says", "");
	expect(&site, &site.pools[4], REAL_UP, PROBE_OK, "");
	assert_false(prober_output(site.prober, 4, 0, 0, &output)); /* this run wrote nothing */
	site_fini(&site);
}

/* It is told again where shoald begins anew. */
TEST(exec, what_was_written_outlives_shoald)
{
	static struct site site;
	struct pool *pool;

	site_init(&site);
	pool = site_add(&site, "echo why; exit 1");
	pool->check.slow_interval_us = 3600 * USEC_PER_SEC; /* it is not run again meanwhile */
	site_configure(&site);
	daemon_start(&site);
	expect(&site, pool, REAL_DOWN, PROBE_EXIT_STATUS, "why");
	prober_free(site.prober);
	shoald_start(&site);
	site_configure(&site);
	assert_true(WAIT_FOR(&site, site.is_connected && output_is(&site, 0, "why\n")));
	site_fini(&site);
}

struct watched {
	struct message_probe_done done;
	char output[OUTPUT_BYTES_MAX + 1];
	unsigned n;
};

static void on_watched(void *arg, const struct message_probe_done *done)
{
	struct watched *watched = arg;

	assert_non_null(done);
	watched->done = *done;
	memcpy(watched->output, done->output.bytes, done->output.len);
	watched->output[done->output.len] = '\0';
	watched->n++;
}

static bool has_step(const struct watched *watched, const char *text, bool has_failed)
{
	const struct trace *trace = &watched->done.trace;

	for (uint32_t i = 0; i < trace->n_steps; i++)
		if (strstr(trace->steps[i].text, text) && trace->steps[i].has_failed == has_failed)
			return true;
	return false;
}

static const struct {
	const char *script;
	enum probe_reason reason;
	const char *steps[4]; /* the last is the failed one, unless it passes */
	const char *output;
} watches[] = {
	{ "echo one; echo two",
	  PROBE_OK,
	  { "process ", "first output", "ended, 8 bytes written" },
	  "one\ntwo\n" },
	{ "echo lagging >&2; exit 2",
	  PROBE_EXIT_STATUS,
	  { "first output", "ended, 8 bytes written", "failed: exit code" },
	  "lagging\n" },
	{ "echo so far; sleep 1000",
	  PROBE_TIMEOUT,
	  { "process ", "first output", "failed: end of the program" },
	  "so far\n" },
	{ "kill -SEGV $$", PROBE_KILLED, { "process ", "failed: end of the program" }, "" },
};

#define N_WATCHES (sizeof(watches) / sizeof(watches[0]))

static void watch(struct site *site, uint32_t pool, struct watched *watched)
{
	const struct prober_trial trial = { .pool = pool, .done = on_watched, .arg = watched };
	struct err err = { .text = "" };
	uint64_t ticket;

	memset(watched, 0, sizeof(*watched));
	if (prober_try(site->prober, &trial, &ticket, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(WAIT_FOR(site, watched->n == 1));
}

TEST(exec, tells_who_watches_each_step_and_all_that_is_kept)
{
	static struct site site;
	static struct watched watched;
	const char *const gone[] = { "/no/such/program" };

	site_init(&site);
	for (size_t i = 0; i < N_WATCHES; i++)
		site_add(&site, watches[i].script)->check.timeout_us =
			watches[i].reason == PROBE_TIMEOUT ? 400 * USEC_PER_MSEC : DEADLINE;
	site_add_argv(&site, gone, 1);
	site_configure(&site);
	daemon_start(&site);
	assert_true(WAIT_FOR(&site, site.is_connected));
	for (uint32_t i = 0; i < N_WATCHES; i++) {
		watch(&site, i, &watched);
		assert_int_equal(watched.done.reason, watches[i].reason);
		assert_string_equal(watched.output, watches[i].output);
		for (size_t s = 0; s < 4 && watches[i].steps[s]; s++)
			assert_true(has_step(&watched, watches[i].steps[s],
					     strncmp(watches[i].steps[s], "failed", 6) == 0));
	}
	watch(&site, N_WATCHES, &watched);
	assert_int_equal(watched.done.reason, PROBE_NOT_EXECUTABLE);
	assert_true(has_step(&watched, "failed: execve", true));
	site_fini(&site);
}

TEST(exec, exit_codes_are_a_matter_of_config)
{
	static const struct config_range ranges[] = { { 1, 1 }, { 4, 6 } };
	static struct site site;

	site_init(&site);
	for (uint32_t i = 0; i < 8; i++) {
		static char scripts[8][16];
		struct pool *pool;

		snprintf(scripts[i], sizeof(scripts[i]), "exit %u", i);
		pool = site_add(&site, scripts[i]);
		pool->check.exit_codes = ranges;
		pool->check.n_exit_codes = 2;
	}
	site_configure(&site);
	daemon_start(&site);
	for (uint32_t i = 0; i < 8; i++) {
		bool is_fine = i == 1 || (i >= 4 && i <= 6);

		expect(&site, &site.pools[i], is_fine ? REAL_UP : REAL_DOWN,
		       is_fine ? PROBE_OK : PROBE_EXIT_STATUS, "exit code");
	}
	site_fini(&site);
}

TEST(exec, a_program_that_cannot_be_run_is_the_nodes_fault)
{
	static struct site site;
	const char *const missing[] = { "/no/such/program" }, *const plain[] = { "/etc/passwd" };
	struct pool *pools[2];

	site_init(&site);
	pools[0] = site_add_argv(&site, missing, 1);
	pools[1] = site_add_argv(&site, plain, 1);
	site_configure(&site);
	daemon_start(&site);
	expect(&site, pools[0], REAL_UNKNOWN, PROBE_NOT_EXECUTABLE,
	       "/no/such/program: No such file or directory");
	expect(&site, pools[1], REAL_UNKNOWN, PROBE_NOT_EXECUTABLE,
	       "/etc/passwd: Permission denied");
	/* Several times fall later nothing has changed, and no verdict was given. */
	assert_true(WAIT_FOR(&site, prober_life(site.prober, PROBER_EXEC)->n_probes > 10));
	assert_int_equal(pools[0]->verdict.state, REAL_UNKNOWN);
	assert_int_equal(prober_life(site.prober, PROBER_EXEC)->last_verdict, 0);
	site_fini(&site);
}

/* ---- what programs get ---- */

TEST(exec, programs_are_told_what_they_check_and_nothing_else)
{
	static struct site site;

	site_init(&site);
	site_add(&site, "env | sort" INTO("env"));
	site_configure(&site);
	daemon_start(&site);
	assert_string_equal(file_content(&site, "env"),
			    "HOME=/\n"
			    "LANG=C.UTF-8\n"
			    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
			    "PWD=/\n"
			    "SHOAL_CHECK=runs\n"
			    "SHOAL_NODE=lb1\n"
			    "SHOAL_POOL=p0\n"
			    "SHOAL_PORT=443\n"
			    "SHOAL_PROTOCOL=tcp\n"
			    "SHOAL_REAL=10.1.0.11\n"
			    "SHOAL_REAL_NAME=web1\n"
			    "SHOAL_VIP=2001:db8:cafe::10\n");
	site_fini(&site);
}

TEST(exec, programs_have_no_rights_and_can_gain_none)
{
	static struct site site;
	char *status;

	site_init(&site);
	site_add(&site, "grep -E '^(Cap|NoNewPrivs|Groups)' /proc/self/status" INTO("status"));
	site_configure(&site);
	daemon_start(&site);
	status = file_content(&site, "status");
	assert_non_null(strstr(status, "CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\n"
				       "CapEff:\t0000000000000000\n"));
	assert_non_null(strstr(status, "CapAmb:\t0000000000000000\nNoNewPrivs:\t1\n"));
	if (geteuid() == 0)
		assert_non_null(strstr(status, "Groups:\t \n"));
	site_fini(&site);
}

TEST(exec, a_setuid_program_stays_what_it_was_started_as)
{
	static struct site site;
	char command[512];

	if (geteuid() != 0) {
		print_message("only root can make one\n");
		skip();
	}
	site_init(&site);
	snprintf(command, sizeof(command),
		 "cp /usr/bin/id %s/id && chmod 4755 %s/id && "
		 "setpriv --reuid %u --clear-groups %s/id -u | grep -qx 0",
		 site.directory, site.directory, stranger, site.directory);
	if (system(command) != 0) {
		site_fini(&site);
		print_message("this file system ignores the bit anyway\n");
		skip();
	}
	site_add(&site, "$1/id -u" INTO("uid"));
	site_configure(&site);
	daemon_start(&site);
	snprintf(command, sizeof(command), "%u\n", stranger);
	assert_string_equal(file_content(&site, "uid"), command);
	site_fini(&site);
}

/* ---- over time ---- */

TEST(exec, a_program_that_fails_and_recovers_takes_the_real_along)
{
	static struct site site;
	struct pool *pool;
	char path[96];

	site_init(&site);
	pool = site_add(&site, "test ! -e $1/fails");
	site_configure(&site);
	daemon_start(&site);
	expect(&site, pool, REAL_UP, PROBE_OK, "exit code 0");
	snprintf(path, sizeof(path), "%s/fails", site.directory);
	fclose(fopen(path, "we"));
	expect(&site, pool, REAL_DOWN, PROBE_EXIT_STATUS, "exit code 1");
	unlink(path);
	expect(&site, pool, REAL_UP, PROBE_OK, "exit code 0");
	site_fini(&site);
}

static pid_t pid_in(struct site *site, const char *name)
{
	return (pid_t)atoi(file_content(site, name));
}

/* Nobody of that number, or only what its parent has still to reap. */
static bool is_gone(pid_t pid)
{
	char path[64], state = 'Z';
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return true;
	if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
		state = 'Z';
	fclose(f);
	return state == 'Z';
}

#define SLEEPS                                                                                     \
	"echo $$" INTO("program") "; setsid sleep 1000 & echo $!" INTO("child") "; exec sleep "    \
										"1000"

TEST(exec, a_timeout_leaves_no_process_behind)
{
	static struct site site;
	struct pool *pool;

	site_init(&site);
	pool = site_add(&site, SLEEPS);
	pool->check.timeout_us = 500 * USEC_PER_MSEC;
	pool->check.slow_interval_us = 1000 * USEC_PER_SEC;
	site_configure(&site);
	daemon_start(&site);
	expect(&site, pool, REAL_DOWN, PROBE_TIMEOUT, "no answer in 500 ms");
	assert_true(WAIT_FOR(&site, is_gone(pid_in(&site, "program"))));
	assert_true(WAIT_FOR(&site, is_gone(pid_in(&site, "child"))));
	site_fini(&site);
}

TEST(exec, a_removed_check_ends_its_program)
{
	static struct site site;

	site_init(&site);
	site_add(&site, "exit 0");
	site_add(&site, SLEEPS)->check.timeout_us = 1000 * USEC_PER_SEC;
	site_configure(&site);
	daemon_start(&site);
	assert_false(is_gone(pid_in(&site, "program")));
	assert_false(is_gone(pid_in(&site, "child")));
	site.n_pools = 1;
	site_configure(&site);
	assert_true(WAIT_FOR(&site, is_gone(pid_in(&site, "program"))));
	assert_true(WAIT_FOR(&site, is_gone(pid_in(&site, "child"))));
	site_fini(&site);
}

TEST(exec, stopping_ends_what_runs)
{
	static struct site site;

	site_init(&site);
	site_add(&site, SLEEPS)->check.timeout_us = 1000 * USEC_PER_SEC;
	site_configure(&site);
	daemon_start(&site);
	assert_false(is_gone(pid_in(&site, "child")));
	assert_int_equal(daemon_stop(&site, SIGTERM), 0);
	assert_true(is_gone(pid_in(&site, "program")));
	assert_true(is_gone(pid_in(&site, "child")));
	site_fini(&site);
}

TEST(exec, killed_it_leaves_states_alone_and_its_successor_goes_on)
{
	static struct site site;
	struct pool *pool, *sleeper;
	pid_t running, child;

	site_init(&site);
	pool = site_add(&site, "exit 0");
	pool->check.rise = 3;
	sleeper = site_add(&site, SLEEPS);
	sleeper->check.timeout_us = 1000 * USEC_PER_SEC;
	site_configure(&site);
	daemon_start(&site);
	expect(&site, pool, REAL_UP, PROBE_OK, "exit code 0");
	running = pid_in(&site, "program");
	child = pid_in(&site, "child");
	assert_true(WIFSIGNALED(daemon_stop(&site, SIGKILL)));
	assert_true(WAIT_FOR(&site, !site.is_connected));
	assert_int_equal(pool->verdict.state, REAL_UP);
	assert_true(WAIT_FOR(&site, is_gone(running)));
	kill(child, SIGKILL); /* its unit's cgroup takes care of that one */
	memset(&pool->verdict, 0, sizeof(pool->verdict));
	daemon_start(&site);
	assert_true(WAIT_FOR(&site, pool->verdict.state != REAL_UNKNOWN));
	assert_int_equal(pool->verdict.state, REAL_UP);
	assert_int_equal(pool->verdict.in_a_row, 1); /* kept, not risen again */
	site_fini(&site);
}

/* Stopped for longer than the timeout, it must not blame the real. */
TEST(exec, says_late_after_standing_still)
{
	static struct site site;
	struct pool *pool;

	site_init(&site);
	pool = site_add(&site, "sleep 0.1");
	pool->check.timeout_us = 2 * USEC_PER_SEC;
	pool->check.fall = 1;
	site_configure(&site);
	daemon_start(&site);
	expect(&site, pool, REAL_UP, PROBE_OK, "");
	kill(site.pid, SIGSTOP);
	usleep(3500 * 1000);
	kill(site.pid, SIGCONT);
	assert_true(WAIT_FOR(&site, prober_life(site.prober, PROBER_EXEC)->n_late > 0));
	expect(&site, pool, REAL_UP, PROBE_OK, "");
	site_fini(&site);
}

/* ---- the node's own trouble ---- */

static void expect_local_error(struct site *site, const char *evidence)
{
	static const char *const sleeps[] = { "/bin/sleep", "1000" };
	unsigned n = 0;

	for (int i = 0; i < 5; i++)
		site_add_argv(site, sleeps, 2)->check.timeout_us = 1000 * USEC_PER_SEC;
	site_configure(site);
	daemon_start(site);
	/* so long that each had its turn several times */
	assert_true(WAIT_FOR(site, prober_life(site->prober, PROBER_EXEC)->n_probes > 20));
	for (int i = 0; i < 5; i++) {
		const struct core_verdict *verdict = &site->pools[i].verdict;

		assert_int_equal(verdict->state, REAL_UNKNOWN);
		if (verdict->reason != PROBE_LOCAL_ERROR)
			continue;
		n++;
		if (!strstr(verdict->evidence, evidence))
			fail_msg("evidence '%s'; wanted '%s'", verdict->evidence, evidence);
	}
	assert_in_range(n, 1, 5);
	assert_int_equal(prober_life(site->prober, PROBER_EXEC)->last_verdict, 0);
	site_fini(site);
}

TEST(exec, more_programs_than_may_run_blame_no_real)
{
	static struct site site;

	site_init(&site);
	site.max_programs = "2";
	expect_local_error(&site, "2 programs are running, more than may at once");
}

TEST(exec, running_out_of_descriptors_blames_no_real)
{
	static struct site site;

	site_init(&site);
	site.files = 16;
	expect_local_error(&site, "Too many open files");
}

TEST(exec, a_fork_that_fails_blames_no_real)
{
	static struct site site;

	if (geteuid() != 0) {
		print_message("the limit counts all processes of a user\n");
		skip();
	}
	site_init(&site);
	site.processes = 3;
	expect_local_error(&site, "start: Resource temporarily unavailable");
}

/* ---- the program itself ---- */

static int run_program(const char *option, const char *value, bool as_root, char *output,
		       size_t size)
{
	int fds[2], status;
	ssize_t n, len = 0;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		dup2(fds[1], STDOUT_FILENO);
		dup2(fds[1], STDERR_FILENO);
		close(fds[0]);
		close(fds[1]);
		if (!as_root)
			become_stranger();
		execl(program, "shoal-exec", option, value, NULL);
		_exit(127);
	}
	close(fds[1]);
	while ((n = read(fds[0], output + len, size - 1 - (size_t)len)) > 0)
		len += n;
	output[len] = '\0';
	close(fds[0]);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(exec, explains_its_options_and_refuses_others)
{
	char text[4096];

	assert_int_equal(run_program("--help", NULL, false, text, sizeof(text)), 0);
	assert_non_null(strstr(text, "--max-programs N"));
	assert_int_equal(run_program("--version", NULL, false, text, sizeof(text)), 0);
	assert_string_equal(text, "shoal-exec " SHOAL_VERSION "\n");
	assert_int_equal(run_program("--nonsense", NULL, false, text, sizeof(text)), 2);
	assert_int_equal(run_program("word", NULL, false, text, sizeof(text)), 2);
	assert_int_equal(run_program("--max-programs", "0", false, text, sizeof(text)), 2);
	assert_int_equal(run_program("--max-programs", "5000", false, text, sizeof(text)), 2);
	assert_int_equal(run_program("--max-programs", "4x", false, text, sizeof(text)), 2);
	assert_non_null(strstr(text, "--max-programs takes a number from 1 to 4096"));
}

TEST(exec, does_not_run_as_root)
{
	char text[4096];

	if (geteuid() != 0) {
		print_message("not root\n");
		skip();
	}
	assert_int_equal(run_program("--run-dir", "/nonexistent", true, text, sizeof(text)), 1);
	assert_non_null(strstr(text, "started as root"));
}

static const struct CMUnitTest tests[] = {
	T(exec, names_what_each_program_does),
	T(exec, keeps_what_the_last_run_wrote_fit_to_be_shown),
	T(exec, what_was_written_outlives_shoald),
	T(exec, tells_who_watches_each_step_and_all_that_is_kept),
	T(exec, exit_codes_are_a_matter_of_config),
	T(exec, a_program_that_cannot_be_run_is_the_nodes_fault),
	T(exec, programs_are_told_what_they_check_and_nothing_else),
	T(exec, programs_have_no_rights_and_can_gain_none),
	T(exec, a_setuid_program_stays_what_it_was_started_as),
	T(exec, a_program_that_fails_and_recovers_takes_the_real_along),
	T(exec, a_timeout_leaves_no_process_behind),
	T(exec, a_removed_check_ends_its_program),
	T(exec, stopping_ends_what_runs),
	T(exec, killed_it_leaves_states_alone_and_its_successor_goes_on),
	T(exec, says_late_after_standing_still),
	T(exec, more_programs_than_may_run_blame_no_real),
	T(exec, running_out_of_descriptors_blames_no_real),
	T(exec, a_fork_that_fails_blames_no_real),
	T(exec, explains_its_options_and_refuses_others),
	T(exec, does_not_run_as_root),
};

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: %s SHOAL-EXEC\n", argv[0]);
		return 2;
	}
	program = argv[1];
	stranger = 100000 + (uid_t)getpid();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
