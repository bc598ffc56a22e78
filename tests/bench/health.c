/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health.c - what shoal-probe costs, how punctual it is, and how soon a failure is seen:
 *
 *     health [--reals N] [--interval DURATION] [--seconds N] [--json] [--plain] [CASE]...
 *
 * The real program, a process of its own, is handed its targets over probe.sock by shoald's own
 * side of it (health/prober.h), and probes servers on loopback that are a third process. Cases:
 *
 *   tcp     a tcp check of every real each interval
 *   http    an http check of every real each second interval
 *   detect  a tenth of the reals is switched off, each at a moment of its own: the time from there
 *           to the verdict; once they refuse connections, once they fall silent
 *   in-force  from a verdict to the ring that new flows follow (health_force.h; needs root)
 *
 * Loopback delivers a packet inside the system call that sends it, so the servers' half of each
 * connection would be counted as the prober's. With root, and two CPUs, the bench therefore takes
 * a network namespace of its own, in which packets that arrive are handed to the CPU of the servers
 * (receive packet steering), as a wire would; the prober has the other CPU. --plain leaves that
 * out.
 *
 * Beside the figure stands its floor: the same connections made by a bare loop of system calls,
 * on the prober's CPU, before and after. Trust the ratio of the two, of one run.
 *
 * cpu_percent is user and system time of shoal-probe over the time that passed, from one heartbeat
 * to another; rss_mb the most it had; p99_late_ms the median of the 99th percentiles that it told
 * for each second, and p99_late_worst_ms the worst, beside the worst of a process that only wakes
 * each millisecond (floor_late_worst_ms).
 */
#include <errno.h>
#include <event2/event.h>
#include <getopt.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "health/prober.h"
#include "src/base/log.h"
#include "tests/bench/health_apart.h"
#include "tests/bench/health_floor.h"
#include "tests/bench/health_force.h"
#include "tests/bench/health_servers.h"

#define REALS_MAX      50000U
#define SECONDS_MAX    86400U
#define FLOOR_PROBES   4096U
#define FLOOR_ROUNDS   4
#define SWITCHED_MAX   1000U
#define FALL           3U
#define JITTER_PERCENT 20U
#define PATIENCE       (120 * USEC_PER_SEC) /* for what should take a few seconds */

struct options {
	uint32_t reals, seconds;
	usec_t interval_us;
	bool as_json, plain;
	char **cases;
	int n_cases;
};

struct real {
	enum real_state state;
	usec_t off;  /* when it was switched off; 0: it is on */
	usec_t seen; /* when that was judged; 0: not yet */
};

/* What was told at a heartbeat, and when. */
struct sample {
	usec_t at;
	double cpu_us, servers_cpu_us;
	uint64_t probes, late;
};

struct bench {
	const struct options *options;
	const struct apart *apart;
	struct servers servers;
	struct event_base *base;
	struct event *tick;
	struct prober *prober;
	pid_t pid; /* of shoal-probe */
	char directory[64], socket[96];

	uint32_t check_index;
	struct config_check check;
	struct config_service service;
	struct config_vip vip;
	struct config_pool pool;
	struct config config;
	struct config_real *config_reals;

	struct real *reals;
	uint32_t n_up, n_false_downs;
	uint64_t n_probes; /* as last told */
	struct sample sample;
	usec_t *p99_late; /* of each second of the measurement */
	uint32_t n_seconds;
};

static const struct config_range good_status = { 200, 299 };

/* What is to go when we do. */
static struct bench *running;

static void clean(void)
{
	if (!running)
		return;
	unlink(running->socket);
	rmdir(running->directory);
}

static void on_signal(int signo)
{
	clean();
	_exit(128 + signo);
}

static void fail(const char *what, const char *why)
{
	clean();
	fprintf(stderr, "health: %s: %s\n", what, why);
	exit(1);
}

static int double_cmp(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static int usec_cmp(const void *a, const void *b)
{
	const usec_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static double ms(usec_t us)
{
	return (double)us / USEC_PER_MSEC;
}

/* ---- what is known of another process ---- */

/* User and system time so far. */
static double cpu_us(pid_t pid)
{
	struct timespec used = { 0 };
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) < 0)
		fail("CPU time", "a process of the bench is gone");
	return (double)used.tv_sec * 1e6 + (double)used.tv_nsec / 1e3;
}

/* The most memory it had. */
static double rss_mb(pid_t pid)
{
	char path[64], line[128];
	unsigned long kb = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		sscanf(line, "VmHWM: %lu kB", &kb);
	if (file)
		fclose(file);
	return (double)kb / 1024;
}

/* ---- the config: one pool of all reals, one check ---- */

static void reals_fill(struct bench *b)
{
	uint32_t n = b->options->reals;

	b->config_reals = calloc(n, sizeof(*b->config_reals));
	b->reals = calloc(n, sizeof(*b->reals));
	b->p99_late = calloc(b->options->seconds + 60, sizeof(*b->p99_late));
	if (!b->config_reals || !b->reals || !b->p99_late)
		fail("config", "no memory");
	for (uint32_t i = 0; i < n; i++)
		b->config_reals[i] = (struct config_real){ .name = "real",
							   .addr = servers_addr(i),
							   .weight = 1 };
}

static void check_fill(struct bench *b, enum config_check_type type, usec_t interval)
{
	b->check = (struct config_check){
		.name = "check",
		.type = type,
		.path = "/",
		.status = &good_status,
		.n_status = 1,
		.port = b->servers.port,
		.interval_us = interval,
		.fast_interval_us = interval * 5 / 22, /* to the interval as the defaults are */
		.slow_interval_us = interval,
		.timeout_us = interval,
		.jitter_percent = JITTER_PERCENT,
		.rise = 1,
		.fall = FALL,
		.via = CONFIG_VIA_DIRECT,
	};
}

static void config_fill(struct bench *b)
{
	const uint8_t vip[4] = { 192, 0, 2, 1 };

	b->service = (struct config_service){ .proto = IPPROTO_TCP, .port = 80 };
	b->vip = (struct config_vip){ .name = "vip",
				      .prefix = { addr_from_raw(AF_INET, vip), 32 },
				      .services = &b->service,
				      .n_services = 1 };
	b->pool = (struct config_pool){ .name = "pool",
					.checks = &b->check_index,
					.n_checks = 1,
					.reals = b->config_reals,
					.n_reals = b->options->reals };
	b->config = (struct config){ .generation = "bench",
				     .file = "bench",
				     .checks = &b->check,
				     .n_checks = 1,
				     .pools = &b->pool,
				     .n_pools = 1,
				     .vips = &b->vip,
				     .n_vips = 1 };
}

/* ---- shoald's side ---- */

static void on_verdict(const struct core_verdict *verdict, void *arg)
{
	struct bench *b = arg;
	struct real *real = &b->reals[verdict->real];

	if (verdict->state == REAL_UP && real->state != REAL_UP)
		b->n_up++;
	if (verdict->state != REAL_UP && real->state == REAL_UP)
		b->n_up--;
	if (verdict->state == REAL_DOWN && real->state != REAL_DOWN) {
		real->seen = usec_now();
		if (real->off == 0 && b->n_false_downs++ < 10)
			fprintf(stderr, "health: false down: real %u: %s\n", verdict->real,
				verdict->evidence);
	}
	real->state = verdict->state;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

static void shoald_start(struct bench *b)
{
	const struct prober_callbacks callbacks = { .verdict = on_verdict, .arg = b };
	struct timeval often = { .tv_usec = 10000 };
	struct err err = { "" };

	snprintf(b->directory, sizeof(b->directory), "/tmp/shoal-bench-health.XXXXXX");
	if (!mkdtemp(b->directory))
		fail(b->directory, strerror(errno));
	running = b;
	snprintf(b->socket, sizeof(b->socket), "%s/probe.sock", b->directory);
	b->base = event_base_new();
	b->tick = b->base ? event_new(b->base, -1, EV_PERSIST, on_tick, NULL) : NULL;
	if (!b->tick || event_add(b->tick, &often) < 0)
		fail("start", "no memory");
	if (prober_new(b->base, b->socket, &callbacks, &b->prober, &err) < 0 ||
	    prober_set_config(b->prober, &b->config, &err) < 0)
		fail("start", err.text);
}

static void probe_start(struct bench *b)
{
	b->pid = fork();
	if (b->pid < 0)
		fail("start", strerror(errno));
	if (b->pid > 0)
		return;
	running = NULL; /* the parent's to clean */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	apart_pin(b->apart, APART_PROBER);
	fclose(stdout);
	execl(SHOAL_PROBE, "shoal-probe", "--socket", b->socket, (char *)NULL);
	fprintf(stderr, "health: " SHOAL_PROBE ": %s\n", strerror(errno));
	_exit(1);
}

/* Run the loop until it is done; true when a heartbeat came meanwhile. */
static bool turn(struct bench *b)
{
	uint64_t probes;

	if (event_base_loop(b->base, EVLOOP_ONCE) < 0)
		fail("loop", "it failed");
	if (waitpid(b->pid, NULL, WNOHANG) != 0)
		fail("shoal-probe", "it ended");
	probes = prober_n_probes(b->prober);
	if (probes == b->n_probes)
		return false;
	b->n_probes = probes;
	b->sample = (struct sample){ .at = usec_now(),
				     .cpu_us = cpu_us(b->pid),
				     .servers_cpu_us = cpu_us(b->servers.pid),
				     .probes = probes,
				     .late = prober_n_late(b->prober) };
	return true;
}

static void await_all_up(struct bench *b)
{
	usec_t deadline = usec_now() + PATIENCE + 4 * b->check.interval_us;

	while (b->n_up < b->options->reals)
		if (turn(b) && usec_now() > deadline)
			fail("start", "not all reals came up in two minutes");
	/* Everything has its place in the schedule after one more interval. */
	deadline = usec_now() + b->check.interval_us;
	while (usec_now() < deadline)
		turn(b);
}

static void site_start(struct bench *b, enum config_check_type type, usec_t interval)
{
	servers_start(&b->servers, b->options->reals,
		      type == CONFIG_CHECK_TCP ? SERVERS_ACCEPT : SERVERS_HTTP);
	reals_fill(b);
	check_fill(b, type, interval);
	config_fill(b);
}

static void site_stop(struct bench *b)
{
	servers_stop(&b->servers);
	free(b->config_reals);
	free(b->reals);
	free(b->p99_late);
}

static void probing_start(struct bench *b)
{
	shoald_start(b);
	probe_start(b);
	await_all_up(b);
}

static void probing_stop(struct bench *b)
{
	kill(b->pid, SIGTERM);
	waitpid(b->pid, NULL, 0);
	prober_free(b->prober);
	event_free(b->tick);
	event_base_free(b->base);
	rmdir(b->directory);
	running = NULL;
}

/* ---- tcp and http ---- */

/* From heartbeat to heartbeat, at least the seconds asked for. */
static void measure(struct bench *b, struct sample *ret_from, struct sample *ret_to)
{
	while (!turn(b))
		;
	*ret_from = b->sample;
	while (b->sample.at < ret_from->at + b->options->seconds * USEC_PER_SEC)
		if (turn(b) && b->n_seconds < b->options->seconds + 60)
			b->p99_late[b->n_seconds++] = prober_p99_late(b->prober);
	*ret_to = b->sample;
	qsort(b->p99_late, b->n_seconds, sizeof(*b->p99_late), usec_cmp);
}

/* More rounds of the floor; the median of all n so far. */
static double floor_us(struct bench *b, double *rounds, int n)
{
	bool is_tcp = b->check.type == CONFIG_CHECK_TCP;

	apart_pin(b->apart, APART_PROBER);
	for (int i = 0; i < FLOOR_ROUNDS; i++)
		rounds[n++] = (is_tcp ? floor_tcp_us : floor_http_us)(&b->servers, FLOOR_PROBES);
	apart_pin(b->apart, APART_SERVERS);
	qsort(rounds, (size_t)n, sizeof(*rounds), double_cmp);
	return rounds[n / 2];
}

/* What a case of tcp or http came to. */
struct figures {
	const char *name;
	double seconds, cpu_percent, servers_percent, rss_mb;
	double worst_ms, middle_ms, floor_ms; /* lateness */
	double us, floor_us;
	uint64_t probes, late;
};

static struct figures figures_of(const struct bench *b, const struct sample *from,
				 const struct sample *to)
{
	double wall = (double)(to->at - from->at), cpu = to->cpu_us - from->cpu_us;

	return (struct figures){
		.name = b->check.type == CONFIG_CHECK_TCP ? "tcp" : "http",
		.seconds = wall / USEC_PER_SEC,
		.cpu_percent = 100 * cpu / wall,
		.servers_percent = 100 * (to->servers_cpu_us - from->servers_cpu_us) / wall,
		.rss_mb = rss_mb(b->pid),
		.worst_ms = ms(b->p99_late[b->n_seconds - 1]),
		.middle_ms = ms(b->p99_late[b->n_seconds / 2]),
		.us = cpu / (double)(to->probes - from->probes),
		.probes = to->probes - from->probes,
		.late = to->late - from->late,
	};
}

static void print_json(const struct bench *b, const struct figures *f)
{
	printf("{\"name\":\"%s\",\"reals\":%u,\"interval_ms\":%.0f,\"seconds\":%.1f,"
	       "\"cpu_percent\":%.1f,\"rss_mb\":%.1f,\"p99_late_ms\":%.2f,"
	       "\"p99_late_worst_ms\":%.2f,\"floor_late_worst_ms\":%.2f,\"false_downs\":%u,"
	       "\"late\":%"
	       "llu,\"probes\":%llu,"
	       "\"per_second\":%.0f,\"us_per_probe\":%.1f,\"floor_us\":%.1f,\"ratio\":%.2f,"
	       "\"servers_cpu_percent\":%.1f,\"apart\":%s}\n",
	       f->name, b->options->reals, ms(b->check.interval_us), f->seconds, f->cpu_percent,
	       f->rss_mb, f->middle_ms, f->worst_ms, f->floor_ms, b->n_false_downs,
	       (unsigned long long)f->late, (unsigned long long)f->probes,
	       (double)f->probes / f->seconds, f->us, f->floor_us, f->us / f->floor_us,
	       f->servers_percent, b->apart->is_apart ? "true" : "false");
}

static void print_text(const struct bench *b, const struct figures *f)
{
	printf("%-6s %.1f %% of a CPU for %.0f probes a second, %.1f MB; servers %.1f %%%s\n"
	       "       %.1f us a probe, floor %.1f, ratio %.2f\n"
	       "       p99 late %.2f ms in the median second, %.2f in the worst; a bare sleeper "
	       "%.2f\n"
	       "       %llu probes in %.0f s, %llu late, %u false downs\n",
	       f->name, f->cpu_percent, (double)f->probes / f->seconds, f->rss_mb,
	       f->servers_percent, b->apart->is_apart ? "" : " (not apart)", f->us, f->floor_us,
	       f->us / f->floor_us, f->middle_ms, f->worst_ms, f->floor_ms,
	       (unsigned long long)f->probes, f->seconds, (unsigned long long)f->late,
	       b->n_false_downs);
}

static void cost(const struct options *options, const struct apart *apart,
		 enum config_check_type type)
{
	struct bench b = { .options = options, .apart = apart };
	double rounds[2 * FLOOR_ROUNDS];
	struct sample from, to;
	struct figures figures;
	struct sleeper sleeper;

	site_start(&b, type, (type == CONFIG_CHECK_TCP ? 1 : 2) * options->interval_us);
	floor_us(&b, rounds, 0);
	probing_start(&b);
	sleeper_start(&sleeper, apart);
	measure(&b, &from, &to);
	figures = figures_of(&b, &from, &to);
	figures.floor_ms = ms(sleeper_stop(&sleeper));
	probing_stop(&b);
	figures.floor_us = floor_us(&b, rounds, FLOOR_ROUNDS);
	(options->as_json ? print_json : print_text)(&b, &figures);
	fflush(stdout);
	site_stop(&b);
}

static void cost_tcp(const struct options *options, const struct apart *apart)
{
	cost(options, apart, CONFIG_CHECK_TCP);
}

static void cost_http(const struct options *options, const struct apart *apart)
{
	cost(options, apart, CONFIG_CHECK_HTTP);
}

/* ---- detect ---- */

static void await_seen(struct bench *b, uint32_t n)
{
	usec_t deadline = usec_now() + PATIENCE + FALL * b->check.interval_us;

	for (uint32_t i = 0; i < n; i++)
		while (b->reals[i].seen == 0)
			if (turn(b) && usec_now() > deadline)
				fail("detect", "a real that was switched off is not down");
}

static void report_detection(const struct bench *b, const char *how, uint32_t n)
{
	usec_t bound = FALL * b->check.interval_us * 11 / 10;
	static usec_t took[SWITCHED_MAX];
	for (uint32_t i = 0; i < n; i++)
		took[i] = b->reals[i].seen - b->reals[i].off;
	qsort(took, n, sizeof(*took), usec_cmp);
	if (b->options->as_json)
		printf("{\"name\":\"detect\",\"how\":\"%s\",\"reals\":%u,\"switched_off\":%u,"
		       "\"interval_ms\":%.0f,\"fall\":%u,\"p50_ms\":%.1f,\"p99_ms\":%.1f,"
		       "\"max_ms\":%.1f,\"bound_ms\":%.1f,\"false_downs\":%u}\n",
		       how, b->options->reals, n, ms(b->check.interval_us), FALL, ms(took[n / 2]),
		       ms(took[n * 99 / 100]), ms(took[n - 1]), ms(bound), b->n_false_downs);
	else
		printf("detect %u of %u reals %s: median %.1f ms, p99 %.1f, most %.1f, bound %.1f; "
		       "%u false downs\n",
		       n, b->options->reals, how, ms(took[n / 2]), ms(took[n * 99 / 100]),
		       ms(took[n - 1]), ms(bound), b->n_false_downs);
	fflush(stdout);
}

/* Off go n reals, one after another within three intervals. */
static void switch_off(struct bench *b, uint32_t n, enum servers_command how)
{
	usec_t pause = 3 * b->check.interval_us / n;
	usec_t next = usec_now();

	for (uint32_t i = 0; i < n; i++) {
		next += pause / 2 + (usec_t)random() % pause;
		while (usec_now() < next)
			turn(b);
		b->reals[i].off = usec_now(); /* a verdict may come before we hear */
		b->reals[i].off = servers_switch(&b->servers, i, how);
	}
}

/* A tenth of the reals, at most SWITCHED_MAX, each at its moment. */
static void detect_how(const struct options *options, const struct apart *apart,
		       enum servers_command how, const char *word)
{
	struct bench b = { .options = options, .apart = apart };
	uint32_t n = options->reals / 10 < SWITCHED_MAX ? options->reals / 10 : SWITCHED_MAX;

	site_start(&b, CONFIG_CHECK_TCP, options->interval_us);
	if (how == SERVERS_SILENT)
		b.check.timeout_us = options->interval_us * 10 / 22;
	else
		b.check.fast_interval_us = options->interval_us;
	probing_start(&b);
	switch_off(&b, n, how);
	await_seen(&b, n);
	report_detection(&b, word, n);
	probing_stop(&b);
	site_stop(&b);
}

/*
 * A refusal with fast-interval as long as interval, which is the worst that can be configured. For
 * silence a probe waits for its timeout, and what that adds depends on it: timeout and
 * fast-interval are to interval as the defaults are.
 */
static void detect(const struct options *options, const struct apart *apart)
{
	detect_how(options, apart, SERVERS_REFUSE, "refused");
	detect_how(options, apart, SERVERS_SILENT, "silent");
}

static void in_force(const struct options *options, const struct apart *apart)
{
	force_run(apart, options->as_json);
}

/* ---- the bench ---- */

static const struct {
	const char *name;
	void (*run)(const struct options *options, const struct apart *apart);
} cases[] = {
	{ "tcp", cost_tcp },
	{ "http", cost_http },
	{ "detect", detect },
	{ "in-force", in_force },
};

#define N_CASES (sizeof(cases) / sizeof(cases[0]))

static int usage(void)
{
	fputs("usage: health [--reals N] [--interval DURATION] [--seconds N] [--json] [--plain] "
	      "[CASE]...\n"
	      "  --reals N         how many, 10 to 50000 (10000)\n"
	      "  --interval 1s     of the tcp check, in ms or s; twice that of the http check "
	      "(1s)\n"
	      "  --seconds N       how long to measure each (10)\n"
	      "  --json            a line of JSON for each figure\n"
	      "  --plain           no namespace, no steering of packets to the servers' CPU\n"
	      "cases: tcp, http, detect, in-force (all)\n",
	      stderr);
	return 2;
}

static bool parse_number(const char *text, uint32_t least, uint32_t most, uint32_t *ret)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (end == text || *end || value < least || value > most)
		return false;
	*ret = (uint32_t)value;
	return true;
}

static bool parse_interval(const char *text, usec_t *ret_us)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (end == text || value == 0 || value > 3600000)
		return false;
	*ret_us = value * (strcmp(end, "ms") == 0 ? USEC_PER_MSEC : USEC_PER_SEC);
	return strcmp(end, "ms") == 0 || strcmp(end, "s") == 0;
}

static bool parse_options(int argc, char **argv, struct options *ret)
{
	static const struct option rows[] = {
		{ "reals", required_argument, NULL, 'r' },
		{ "interval", required_argument, NULL, 'i' },
		{ "seconds", required_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' },
		{ "plain", no_argument, NULL, 'p' },
		{ 0 },
	};
	bool ok = true;
	int option;

	*ret = (struct options){ .reals = 10000, .seconds = 10, .interval_us = USEC_PER_SEC };
	while (ok && (option = getopt_long(argc, argv, "", rows, NULL)) != -1) {
		if (option == 'r')
			ok = parse_number(optarg, 10, REALS_MAX, &ret->reals);
		else if (option == 'i')
			ok = parse_interval(optarg, &ret->interval_us);
		else if (option == 's')
			ok = parse_number(optarg, 1, SECONDS_MAX, &ret->seconds);
		else if (option == 'j')
			ret->as_json = true;
		else if (option == 'p')
			ret->plain = true;
		else
			ok = false;
	}
	ret->cases = argv + optind;
	ret->n_cases = argc - optind;
	return ok;
}

static bool case_is_known(const char *name)
{
	for (size_t i = 0; i < N_CASES; i++)
		if (strcmp(cases[i].name, name) == 0)
			return true;
	return false;
}

static bool case_is_chosen(const struct options *options, const char *name)
{
	for (int i = 0; i < options->n_cases; i++)
		if (strcmp(options->cases[i], name) == 0)
			return true;
	return options->n_cases == 0;
}

/* The servers need one a real, and some for connections. */
static void raise_descriptors(uint32_t reals)
{
	rlim_t need = reals + 4096;
	struct rlimit limit = { 0 };

	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_max < need)
		limit.rlim_max = need;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		fail("descriptors", "the limit is too low for so many reals; see ulimit -Hn");
}

int main(int argc, char **argv)
{
	struct options options;
	struct apart apart;

	if (!parse_options(argc, argv, &options))
		return usage();
	for (int i = 0; i < options.n_cases; i++)
		if (!case_is_known(options.cases[i]))
			return usage();
	log_init("health", LOG_LEVEL_WARN);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	raise_descriptors(options.reals);
	apart_start(&apart, !options.plain);
	apart_pin(&apart, APART_SERVERS);
	for (size_t i = 0; i < N_CASES; i++)
		if (case_is_chosen(&options, cases[i].name))
			cases[i].run(&options, &apart);
	return 0;
}
