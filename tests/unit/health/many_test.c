/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Silent reals by the thousand beside one that answers: the real shoal-probe, with fewer
 * descriptors than it wants, or less memory. It must be probed on time, the silent
 * ones judged, and what the node lacks must be no real's fault. All reals are addresses of
 * loopback, so that one socket is the server of thousands.
 */
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "health/prober.h"
#include "src/base/log.h"
#include "tests/lib/test.h"
#include "tests/unit/health/servers.h"

#define DEADLINE  (50 * USEC_PER_SEC) /* for what takes a few seconds */
#define BACKLOG   4096
#define LISTENERS 4U /* each has its own backlog; reals are dealt to them */

struct real {
	enum real_state state;
	enum probe_reason reason;
	unsigned n_without_place, n_late;
};

struct crowd {
	struct event_base *base;
	struct prober *prober;
	char directory[64], socket[96];
	pid_t pid;
	uint32_t n_silent;
	struct config_check checks[LISTENERS + 1];
	uint32_t check_index[LISTENERS + 1];
	struct config_pool pools[LISTENERS + 1];
	struct config_service services[LISTENERS + 1];
	struct config_real *config_reals, good_real;
	struct config_vip vip;
	struct config config;
	struct real *silent, good;
	uint32_t n_down, n_good_down;
	int listeners[LISTENERS];
	uint16_t ports[LISTENERS];
	struct server server;
};

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_SANITIZER 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define HAS_SANITIZER 1
#endif
#ifndef HAS_SANITIZER
#define HAS_SANITIZER 0
#endif

static const char *program;
static const struct config_range good_status = { 200, 299 };

/* ---- servers ---- */

/* For all addresses of this host. Nobody accepts, so what connects waits; and where the backlog is
 * 0 and taken, the kernel drops every SYN. */
static int listen_silently(int backlog, uint16_t *ret_port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (const struct sockaddr *)&sin, len), 0);
	assert_int_equal(listen(fd, backlog), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	*ret_port = ntohs(sin.sin_port);
	return fd;
}

static void fill(uint16_t port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
				   .sin_port = htons(port),
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	for (int i = 0; i < 4; i++) { /* they stay open until this process ends */
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

		connect(fd, (const struct sockaddr *)&sin, sizeof(sin));
	}
}

static struct addr loopback(uint32_t n)
{
	const uint8_t raw[4] = { 127, (uint8_t)(1 + (n >> 16)), (uint8_t)(n >> 8), (uint8_t)n };

	return addr_from_raw(AF_INET, raw);
}

/* ---- shoald's side ---- */

static void on_verdict(const struct core_verdict *verdict, void *arg)
{
	struct crowd *crowd = arg;
	bool is_good = verdict->pool == LISTENERS;
	struct real *real = is_good ? &crowd->good
				    : &crowd->silent[verdict->pool * crowd->n_silent / LISTENERS +
						     verdict->real];
	uint32_t *n_down = is_good ? &crowd->n_good_down : &crowd->n_down;

	*n_down += verdict->state == REAL_DOWN && real->state != REAL_DOWN;
	real->state = verdict->state;
	real->reason = verdict->reason;
	real->n_without_place += verdict->reason == PROBE_LOCAL_ERROR;
	real->n_late += verdict->reason == PROBE_LATE;
}

static void set_check(struct config_check *check, enum config_check_type type, uint16_t port)
{
	*check = (struct config_check){
		.name = "check",
		.type = type,
		.path = "/healthz",
		.status = &good_status,
		.n_status = 1,
		.port = port,
		.interval_us = 4 * USEC_PER_SEC,
		.fast_interval_us = USEC_PER_SEC,
		.slow_interval_us = 4 * USEC_PER_SEC,
		.timeout_us = USEC_PER_SEC,
		.jitter_percent = 20,
		.rise = 2,
		.fall = 2,
		.via = CONFIG_VIA_DIRECT,
	};
}

static void set_pool(struct crowd *crowd, uint32_t i, struct config_real *reals, uint32_t n)
{
	static char names[LISTENERS + 1][16];

	snprintf(names[i], sizeof(names[i]), "p%u", i);
	crowd->check_index[i] = i;
	crowd->pools[i] = (struct config_pool){ .name = names[i],
						.checks = &crowd->check_index[i],
						.n_checks = 1,
						.reals = reals,
						.n_reals = n };
	crowd->services[i] = (struct config_service){ .proto = IPPROTO_TCP,
						      .port = (uint16_t)(80 + i),
						      .pool = i };
}

static void configure(struct crowd *crowd, enum config_check_type type)
{
	uint32_t share = crowd->n_silent / LISTENERS;
	struct err err = { .text = "" };

	for (uint32_t i = 0; i < crowd->n_silent; i++)
		crowd->config_reals[i] = (struct config_real){ .name = "r", .addr = loopback(i) };
	for (uint32_t i = 0; i < LISTENERS; i++) {
		set_check(&crowd->checks[i], type, crowd->ports[i]);
		set_pool(crowd, i, crowd->config_reals + i * share, share);
	}
	crowd->good_real = (struct config_real){ .name = "good" };
	assert_int_equal(addr_parse("127.0.0.1", &crowd->good_real.addr), 0);
	set_check(&crowd->checks[LISTENERS], CONFIG_CHECK_HTTP, crowd->server.port);
	crowd->checks[LISTENERS].interval_us = 50 * USEC_PER_MSEC;
	crowd->checks[LISTENERS].fast_interval_us = 50 * USEC_PER_MSEC;
	set_pool(crowd, LISTENERS, &crowd->good_real, 1);
	crowd->vip = (struct config_vip){ .name = "vip",
					  .services = crowd->services,
					  .n_services = LISTENERS + 1,
					  .prefix = { .len = 32 } };
	assert_int_equal(addr_parse("192.0.2.1", &crowd->vip.prefix.addr), 0);
	crowd->config = (struct config){ .checks = crowd->checks,
					 .n_checks = LISTENERS + 1,
					 .pools = crowd->pools,
					 .n_pools = LISTENERS + 1,
					 .vips = &crowd->vip,
					 .n_vips = 1 };
	if (prober_set_config(crowd->prober, &crowd->config, &err) < 0)
		fail_msg("%s", err.text);
}

/* ---- the crowd ---- */

static void daemon_start(struct crowd *crowd, rlim_t files)
{
	const struct rlimit limit = { files, files };

	crowd->pid = fork();
	if (crowd->pid > 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		_exit(126);
	setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
	execl(program, "shoal-probe", "--socket", crowd->socket, NULL);
	_exit(127);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

static void crowd_init(struct crowd *crowd, uint32_t n_silent, int backlog)
{
	const struct prober_callbacks callbacks = { .verdict = on_verdict, .arg = crowd };
	struct err err = { .text = "" };

	memset(crowd, 0, sizeof(*crowd));
	log_init("test", LOG_LEVEL_ERR);
	crowd->base = event_base_new();
	crowd->n_silent = n_silent;
	crowd->silent = calloc(n_silent, sizeof(*crowd->silent));
	crowd->config_reals = calloc(n_silent, sizeof(*crowd->config_reals));
	strcpy(crowd->directory, "/tmp/shoal-many-test-XXXXXX");
	assert_non_null(mkdtemp(crowd->directory));
	snprintf(crowd->socket, sizeof(crowd->socket), "%s/probe.sock", crowd->directory);
	if (prober_new(crowd->base, crowd->socket, &callbacks, &crowd->prober, &err) < 0)
		fail_msg("%s", err.text);
	for (uint32_t i = 0; i < LISTENERS; i++) {
		crowd->listeners[i] = listen_silently(backlog, &crowd->ports[i]);
		if (backlog == 0)
			fill(crowd->ports[i]);
	}
	server_start(&crowd->server, crowd->base, SERVER_OK);
}

static void crowd_fini(struct crowd *crowd)
{
	int status;

	kill(crowd->pid, SIGTERM);
	waitpid(crowd->pid, &status, 0);
	assert_int_equal(status, 0);
	for (uint32_t i = 0; i < LISTENERS; i++)
		close(crowd->listeners[i]);
	server_stop(&crowd->server);
	prober_free(crowd->prober);
	event_base_free(crowd->base);
	rmdir(crowd->directory);
	free(crowd->silent);
	free(crowd->config_reals);
}

#define WAIT_FOR(crowd, condition)                                                                 \
	({                                                                                         \
		usec_t give_up_ = usec_now() + DEADLINE;                                           \
		while (!(condition) && usec_now() < give_up_)                                      \
			event_base_loop((crowd)->base, EVLOOP_ONCE);                               \
		(condition);                                                                       \
	})

static uint32_t n_put_off(const struct crowd *crowd)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < crowd->n_silent; i++)
		sum += crowd->silent[i].n_without_place + crowd->silent[i].n_late;
	return sum;
}

/* The most memory it had. */
static unsigned long peak_kb(pid_t pid)
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
	return kb;
}

/* Until enough silent ones are judged. */
static void expect_the_good_untouched(struct crowd *crowd, uint32_t enough)
{
	struct event *tick = event_new(crowd->base, -1, EV_PERSIST, on_tick, NULL);
	const struct timeval often = { .tv_usec = 50000 };
	struct real before;
	unsigned n_probed;

	event_add(tick, &often);
	assert_true(WAIT_FOR(crowd, crowd->good.state == REAL_UP));
	before = crowd->good;
	n_probed = crowd->server.n_accepted;
	assert_true(WAIT_FOR(crowd, crowd->n_down >= enough));
	assert_int_equal(crowd->good.state, REAL_UP);
	assert_int_equal(crowd->n_good_down, 0);
	assert_int_equal(crowd->good.n_without_place, before.n_without_place);
	for (uint32_t i = 0; i < crowd->n_silent; i++)
		assert_int_not_equal(crowd->silent[i].state, REAL_UP);
	print_message("%u probed, %u late; %u silent put off\n",
		      crowd->server.n_accepted - n_probed, crowd->good.n_late - before.n_late,
		      n_put_off(crowd));
	event_free(tick);
}

/* Four thousand SYNs that nobody answers, and room for a fifth of them. */
TEST(many, half_open_connections_keep_no_other_probe_waiting)
{
	static struct crowd crowd;

	crowd_init(&crowd, 4000, 0);
	configure(&crowd, CONFIG_CHECK_TCP);
	daemon_start(&crowd, 1000);
	expect_the_good_untouched(&crowd, 2000);
	/* A slow machine may make some of the good one's probes late, but not most. */
	assert_true(crowd.server.n_accepted > 2 * crowd.good.n_late);
	assert_true(n_put_off(&crowd) > 0); /* there were too few for all */
	crowd_fini(&crowd);
}

/* Servers that take a request and say nothing, more than may be waited for at once. */
static void meet_the_silent(enum config_check_type type, unsigned long bound_kb)
{
	static struct crowd crowd;
	unsigned long kb;

	crowd_init(&crowd, 9000, BACKLOG);
	configure(&crowd, type);
	daemon_start(&crowd, 20000);
	expect_the_good_untouched(&crowd, 3000);
	kb = peak_kb(crowd.pid);
	print_message("%lu KiB\n", kb);
	if (!HAS_SANITIZER) /* whose own memory counts, too */
		assert_in_range(kb, 1, bound_kb);
	crowd_fini(&crowd);
}

static void need_descriptors(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_max < 20000 && geteuid() != 0) {
		print_message("needs 20000 descriptors\n");
		skip();
	}
}

TEST(many, silent_servers_take_bounded_memory_and_keep_no_other_probe_waiting)
{
	need_descriptors();
	meet_the_silent(CONFIG_CHECK_HTTP, 120 * 1024);
}

static const struct CMUnitTest tests[] = {
	T(many, half_open_connections_keep_no_other_probe_waiting),
	T(many, silent_servers_take_bounded_memory_and_keep_no_other_probe_waiting),
};

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: %s SHOAL-PROBE\n", argv[0]);
		return 2;
	}
	program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
