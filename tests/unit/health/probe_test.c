/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real shoal-probe against real servers on loopback: this process plays shoald (with the real
 * prober.c) and the servers; argv[1] is the program. No root is needed.
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
#include "tests/unit/health/probe_site.h"
#include "tests/unit/health/servers.h"

/* ---- what each server is judged ---- */

static const struct {
	enum behaviour behaviour;
	enum config_check_type type;
	enum real_state state;
	enum probe_reason reason;
	const char *evidence;
} meetings[] = {
	{ SERVER_ACCEPTS, CONFIG_CHECK_TCP, REAL_UP, PROBE_OK, "connected in " },
	{ SERVER_REFUSES, CONFIG_CHECK_TCP, REAL_DOWN, PROBE_REFUSED,
	  "connect: Connection refused" },
	{ SERVER_IS_FULL, CONFIG_CHECK_TCP, REAL_DOWN, PROBE_TIMEOUT,
	  "no answer in 300 ms, waiting for the connection" },
	{ SERVER_REFUSES, CONFIG_CHECK_HTTP, REAL_DOWN, PROBE_REFUSED, "Connection refused" },
	{ SERVER_ACCEPTS, CONFIG_CHECK_HTTP, REAL_DOWN, PROBE_TIMEOUT,
	  "no answer in 300 ms, waiting for the status line" },
	{ SERVER_OK, CONFIG_CHECK_HTTP, REAL_UP, PROBE_OK, "HTTP 200 in " },
	{ SERVER_NO_CONTENT, CONFIG_CHECK_HTTP, REAL_UP, PROBE_OK, "HTTP 204 in " },
	{ SERVER_CONTINUES, CONFIG_CHECK_HTTP, REAL_UP, PROBE_OK, "HTTP 200 in " },
	{ SERVER_GZIP, CONFIG_CHECK_HTTP, REAL_UP, PROBE_OK, "HTTP 200 in " },
	{ SERVER_UNAVAILABLE, CONFIG_CHECK_HTTP, REAL_DOWN, PROBE_HTTP_STATUS, "HTTP 503 in " },
	{ SERVER_REDIRECTS, CONFIG_CHECK_HTTP, REAL_DOWN, PROBE_HTTP_STATUS, "HTTP 301 in " },
	{ SERVER_GARBAGE, CONFIG_CHECK_HTTP, REAL_DOWN, PROBE_HTTP_GARBAGE, "" },
	{ SERVER_BINARY, CONFIG_CHECK_HTTP, REAL_DOWN, PROBE_HTTP_GARBAGE, "" },
	{ SERVER_BAD_CHUNKS, CONFIG_CHECK_HTTP, REAL_DOWN, PROBE_HTTP_GARBAGE, "" },
	{ SERVER_ENDLESS_BODY, CONFIG_CHECK_HTTP, REAL_DOWN, PROBE_TOO_LARGE,
	  "the body is larger than 1 MiB" },
	{ SERVER_ENDLESS_HEADERS, CONFIG_CHECK_HTTP, REAL_DOWN, PROBE_TOO_LARGE,
	  "the headers are larger than 64 KiB" },
	{ SERVER_ENDLESS_LINE, CONFIG_CHECK_HTTP, REAL_DOWN, PROBE_TOO_LARGE, "" },
	{ SERVER_SLOW, CONFIG_CHECK_HTTP, REAL_DOWN, PROBE_TIMEOUT,
	  "no answer in 300 ms, waiting for" },
	{ SERVER_CLOSES, CONFIG_CHECK_HTTP, REAL_DOWN, PROBE_CLOSED, "" },
	{ SERVER_CUTS_SHORT, CONFIG_CHECK_HTTP, REAL_DOWN, PROBE_CLOSED, "" },
	{ SERVER_RESETS, CONFIG_CHECK_HTTP, REAL_DOWN, PROBE_RESET, "" },
	{ SERVER_ACCEPTS, CONFIG_CHECK_HTTPS, REAL_DOWN, PROBE_TIMEOUT,
	  "waiting for the status line" },
	{ SERVER_GARBAGE, CONFIG_CHECK_HTTPS, REAL_DOWN, PROBE_TLS_ERROR, "" },
};

#define N_MEETINGS (sizeof(meetings) / sizeof(meetings[0]))

TEST(probe, names_what_each_server_does)
{
	static struct site site;
	struct server servers[N_MEETINGS];
	struct tls_files ca;

	site_init(&site);
	tls_make_ca(&ca, site.directory, "ca");
	for (size_t i = 0; i < N_MEETINGS; i++) {
		server_start(&servers[i], site.base, meetings[i].behaviour);
		site_add(&site, meetings[i].type, servers[i].port)->check.ca_file = ca.ca;
	}
	site_configure(&site);
	tls_remove_ca(&ca); /* what matters was passed on as bytes */
	daemon_start(&site);
	for (size_t i = 0; i < N_MEETINGS; i++)
		expect(&site, &site.pools[i], meetings[i].state, meetings[i].reason,
		       meetings[i].evidence);
	/* Whoever answered is alive; a full server is known to be only by its host's echo. */
	for (size_t i = 0; i < N_MEETINGS; i++) {
		const enum real_sign *sign = &site.pools[i].verdict.sign;

		if (meetings[i].behaviour != SERVER_IS_FULL || geteuid() == 0)
			assert_true(WAIT_FOR(&site, *sign == REAL_SIGN_ANSWERS));
		else
			assert_int_not_equal(*sign, REAL_SIGN_GONE);
	}
	for (size_t i = 0; i < N_MEETINGS; i++)
		server_stop(&servers[i]);
	site_fini(&site);
}

TEST(probe, asks_for_path_and_host_as_configured)
{
	static struct site site;
	struct server by_name, by_address;
	struct pool *pool;
	char line[64];

	site_init(&site);
	server_start(&by_name, site.base, SERVER_OK);
	server_start(&by_address, site.base, SERVER_OK);
	pool = site_add(&site, CONFIG_CHECK_HTTP, by_name.port);
	pool->check.host = "www.example.net";
	pool->check.path = "/a/../b?c=d&e=%20f";
	site_add(&site, CONFIG_CHECK_HTTP, by_address.port);
	site_configure(&site);
	daemon_start(&site);
	expect(&site, &site.pools[0], REAL_UP, PROBE_OK, "HTTP 200");
	expect(&site, &site.pools[1], REAL_UP, PROBE_OK, "HTTP 200");
	assert_non_null(strstr(by_name.last_request, "GET /a/../b?c=d&e=%20f HTTP/1.1\r\n"));
	snprintf(line, sizeof(line), "\r\nHost: www.example.net:%u\r\n", by_name.port);
	assert_non_null(strstr(by_name.last_request, line));
	assert_non_null(strstr(by_name.last_request, "\r\nUser-Agent: shoal-probe/"));
	snprintf(line, sizeof(line), "\r\nHost: 127.0.0.1:%u\r\n", by_address.port);
	assert_non_null(strstr(by_address.last_request, line));
	server_stop(&by_name);
	server_stop(&by_address);
	site_fini(&site);
}

TEST(probe, verifies_certificates)
{
	static struct site site;
	struct tls_files ours, theirs;
	struct tls_server good, wrong_name, expired, stranger, by_address;

	site_init(&site);
	tls_make_ca(&theirs, site.directory, "theirs");
	tls_server_start(&stranger, "www.example.net", 0);
	tls_make_ca(&ours, site.directory, "ours");
	tls_server_start(&good, "www.example.net", 0);
	tls_server_start(&wrong_name, "mail.example.net", 0);
	tls_server_start(&expired, "www.example.net", 1);
	tls_server_start(&by_address, "127.0.0.1", 0);
	site_add(&site, CONFIG_CHECK_HTTPS, good.port);
	site_add(&site, CONFIG_CHECK_HTTPS, wrong_name.port);
	site_add(&site, CONFIG_CHECK_HTTPS, expired.port);
	site_add(&site, CONFIG_CHECK_HTTPS, stranger.port);
	site_add(&site, CONFIG_CHECK_HTTPS, stranger.port);
	site_add(&site, CONFIG_CHECK_HTTPS, by_address.port);
	for (uint32_t i = 0; i < 6; i++) {
		site.pools[i].check.host = i == 5 ? NULL : "www.example.net";
		site.pools[i].check.ca_file = i == 4 ? theirs.ca : ours.ca;
		site.pools[i].check.timeout_us = USEC_PER_SEC;
	}
	site_configure(&site);
	daemon_start(&site);
	expect(&site, &site.pools[0], REAL_UP, PROBE_OK, "HTTP 200");
	expect(&site, &site.pools[1], REAL_DOWN, PROBE_TLS_ERROR, "www.example.net");
	expect(&site, &site.pools[2], REAL_DOWN, PROBE_TLS_ERROR, "expired");
	expect(&site, &site.pools[3], REAL_DOWN, PROBE_TLS_ERROR, "certificate");
	expect(&site, &site.pools[4], REAL_UP, PROBE_OK, "HTTP 200");
	expect(&site, &site.pools[5], REAL_UP, PROBE_OK, "HTTP 200");
	tls_server_stop(&good);
	tls_server_stop(&wrong_name);
	tls_server_stop(&expired);
	tls_server_stop(&stranger);
	tls_server_stop(&by_address);
	tls_remove_ca(&ours);
	tls_remove_ca(&theirs);
	site_fini(&site);
}

/* ---- over time ---- */

TEST(probe, notices_failure_and_return_within_rise_and_fall)
{
	static struct site site;
	struct server server;
	struct pool *pool;
	usec_t changed;

	site_init(&site);
	server_start(&server, site.base, SERVER_OK);
	pool = site_add(&site, CONFIG_CHECK_HTTP, server.port);
	site_configure(&site);
	daemon_start(&site);
	expect(&site, pool, REAL_UP, PROBE_OK, "HTTP 200");
	changed = usec_now();
	server.behaviour = SERVER_UNAVAILABLE;
	expect(&site, pool, REAL_DOWN, PROBE_HTTP_STATUS, "HTTP 503");
	/* 55 ms to the first failure, 22 ms to the second; much to spare for a busy machine */
	assert_in_range(usec_now() - changed, 1, 1000 * USEC_PER_MSEC);
	assert_int_equal(pool->verdict.in_a_row, 2);
	changed = usec_now();
	server.behaviour = SERVER_OK;
	expect(&site, pool, REAL_UP, PROBE_OK, "HTTP 200");
	assert_in_range(usec_now() - changed, 1, 1000 * USEC_PER_MSEC);
	server_stop(&server);
	site_fini(&site);
}

TEST(probe, keeps_quiet_while_nothing_changes)
{
	static struct site site;
	struct server server;
	struct pool *pool;
	unsigned n_accepted, n_verdicts;

	site_init(&site);
	server_start(&server, site.base, SERVER_ACCEPTS);
	pool = site_add(&site, CONFIG_CHECK_TCP, server.port);
	site_configure(&site);
	daemon_start(&site);
	expect(&site, pool, REAL_UP, PROBE_OK, "connected");
	n_accepted = server.n_accepted;
	n_verdicts = pool->n_verdicts;
	assert_true(WAIT_FOR(&site, server.n_accepted >= n_accepted + 10));
	assert_int_equal(pool->n_verdicts, n_verdicts);
	assert_true(WAIT_FOR(&site, prober_n_probes(site.prober) > 10));
	server_stop(&server);
	site_fini(&site);
}

/* The pool's probes since the start of shoal-probe, as shoald has been told. */
static struct latency told_latency(const struct site *site)
{
	struct latency recent, total;

	prober_latency(site->prober, 0, &recent, &total);
	return total;
}

TEST(probe, tells_how_long_passing_probes_take_and_when_the_next_is_due)
{
	static struct site site;
	struct server server;
	struct pool *pool;
	struct latency told;
	usec_t p99;

	site_init(&site);
	server_start(&server, site.base, SERVER_UNAVAILABLE);
	pool = site_add(&site, CONFIG_CHECK_HTTP, server.port);
	site_configure(&site);
	daemon_start(&site);
	expect(&site, pool, REAL_DOWN, PROBE_HTTP_STATUS, "HTTP 503");
	assert_true(pool->verdict.next_due > usec_now() - USEC_PER_SEC);
	assert_true(pool->verdict.latency_us > 0);
	told = told_latency(&site);
	assert_int_equal(latency_count(&told), 0); /* only what passes is counted */
	server.behaviour = SERVER_OK;
	expect(&site, pool, REAL_UP, PROBE_OK, "HTTP 200");
	assert_true(WAIT_FOR(&site, (told = told_latency(&site), latency_count(&told) >= 2)));
	assert_true(latency_percentile(&told, 99, &p99));
	assert_in_range(p99, 1, 300 * USEC_PER_MSEC);
	server_stop(&server);
	site_fini(&site);
}

TEST(probe, is_judged_anew_at_once_when_an_operator_says_so)
{
	static struct site site;
	struct server server;
	struct pool *pool;
	unsigned n_verdicts;

	site_init(&site);
	server_start(&server, site.base, SERVER_UNAVAILABLE);
	pool = site_add(&site, CONFIG_CHECK_HTTP, server.port);
	pool->check.slow_interval_us = 3600 * USEC_PER_SEC; /* nobody waits for that */
	site_configure(&site);
	daemon_start(&site);
	expect(&site, pool, REAL_DOWN, PROBE_HTTP_STATUS, "HTTP 503");
	server.behaviour = SERVER_OK;
	n_verdicts = pool->n_verdicts;
	assert_true(prober_reset(site.prober, 0, 0));
	expect(&site, pool, REAL_UP, PROBE_OK, "HTTP 200");
	assert_true(pool->n_verdicts > n_verdicts);
	server_stop(&server);
	site_fini(&site);
}

TEST(probe, keeps_probing_and_judging_while_shoald_restarts)
{
	static struct site site;
	struct server server;
	struct pool *pool;
	unsigned n_accepted;

	site_init(&site);
	server_start(&server, site.base, SERVER_ACCEPTS);
	pool = site_add(&site, CONFIG_CHECK_TCP, server.port);
	site_configure(&site);
	daemon_start(&site);
	expect(&site, pool, REAL_UP, PROBE_OK, "connected");
	prober_free(site.prober);
	site.is_connected = false;
	n_accepted = server.n_accepted;
	assert_true(WAIT_FOR(&site, server.n_accepted >= n_accepted + 5));
	memset(&pool->verdict, 0, sizeof(pool->verdict));
	shoald_start(&site);
	site_configure(&site);
	assert_true(WAIT_FOR(&site, site.is_connected));
	/* the judgement comes with the connection: it was never lost */
	expect(&site, pool, REAL_UP, PROBE_OK, "connected");
	assert_true(pool->verdict.in_a_row > 5);
	server_stop(&server);
	site_fini(&site);
}

TEST(probe, a_new_prober_starts_from_the_last_judgement)
{
	static struct site site;
	struct server server;
	struct pool *pool;

	site_init(&site);
	server_start(&server, site.base, SERVER_ACCEPTS);
	pool = site_add(&site, CONFIG_CHECK_TCP, server.port);
	pool->check.rise = 3;
	site_configure(&site);
	daemon_start(&site);
	expect(&site, pool, REAL_UP, PROBE_OK, "connected");
	assert_true(WIFSIGNALED(daemon_stop(&site, SIGKILL)));
	assert_true(WAIT_FOR(&site, !site.is_connected));
	assert_int_equal(pool->verdict.state, REAL_UP); /* a dead prober is no dead real */
	memset(&pool->verdict, 0, sizeof(pool->verdict));
	daemon_start(&site);
	assert_true(WAIT_FOR(&site, pool->verdict.state != REAL_UNKNOWN));
	assert_int_equal(pool->verdict.state, REAL_UP);
	assert_int_equal(pool->verdict.in_a_row, 1); /* kept, not risen again */
	server_stop(&server);
	site_fini(&site);
}

/* Stopped for longer than all timeouts, it must not blame the real. */
TEST(probe, says_late_after_standing_still)
{
	static struct site site;
	struct server server, web;
	struct pool *pool, *waiting;

	site_init(&site);
	server_start(&server, site.base, SERVER_ACCEPTS);
	server_start(&web, site.base, SERVER_OK);
	pool = site_add(&site, CONFIG_CHECK_TCP, server.port);
	waiting = site_add(&site, CONFIG_CHECK_HTTP, web.port);
	pool->check.fall = waiting->check.fall = 1;
	site_configure(&site);
	daemon_start(&site);
	expect(&site, pool, REAL_UP, PROBE_OK, "");
	expect(&site, waiting, REAL_UP, PROBE_OK, "");
	for (int i = 0; i < 3; i++) {
		unsigned n = pool->n_verdicts;

		/* Nobody serves meanwhile, so that a request is on its way when time stops, and
		 * when it goes on the timeout is long past and the answer not yet there. */
		usleep(100 * 1000);
		kill(site.pid, SIGSTOP);
		usleep(500 * 1000);
		kill(site.pid, SIGCONT);
		usleep(50 * 1000);
		assert_true(
			WAIT_FOR(&site, pool->n_verdicts > n && pool->verdict.reason == PROBE_OK));
		assert_int_equal(pool->verdict.state, REAL_UP);
		assert_int_equal(waiting->verdict.state, REAL_UP);
	}
	assert_true(WAIT_FOR(&site, prober_n_late(site.prober) > 0));
	server_stop(&server);
	server_stop(&web);
	site_fini(&site);
}

TEST(probe, reload_adds_and_removes_without_disturbing_the_rest)
{
	static struct site site;
	struct server first, second;
	unsigned n_accepted;

	site_init(&site);
	server_start(&first, site.base, SERVER_ACCEPTS);
	server_start(&second, site.base, SERVER_ACCEPTS);
	site_add(&site, CONFIG_CHECK_TCP, first.port);
	site_configure(&site);
	daemon_start(&site);
	expect(&site, &site.pools[0], REAL_UP, PROBE_OK, "");
	n_accepted = site.pools[0].n_verdicts;
	site_add(&site, CONFIG_CHECK_TCP, second.port);
	site_configure(&site);
	expect(&site, &site.pools[1], REAL_UP, PROBE_OK, "");
	assert_int_equal(site.pools[0].n_verdicts, n_accepted);
	site.n_pools = 1;
	site_configure(&site);
	n_accepted = second.n_accepted;
	run_for(&site, 200 * USEC_PER_MSEC);
	assert_in_range(second.n_accepted, n_accepted, n_accepted + 1);
	server_stop(&first);
	server_stop(&second);
	site_fini(&site);
}

TEST(probe, forgets_what_went_while_shoald_was_away)
{
	static struct site site;
	struct server stays, goes;
	unsigned n_stays, n_goes;

	site_init(&site);
	server_start(&stays, site.base, SERVER_ACCEPTS);
	server_start(&goes, site.base, SERVER_ACCEPTS);
	site_add(&site, CONFIG_CHECK_TCP, stays.port);
	site_add(&site, CONFIG_CHECK_TCP, goes.port);
	site_configure(&site);
	daemon_start(&site);
	expect(&site, &site.pools[0], REAL_UP, PROBE_OK, "");
	expect(&site, &site.pools[1], REAL_UP, PROBE_OK, "");
	prober_free(site.prober);
	shoald_start(&site);
	site.n_pools = 1;
	site.is_connected = false;
	site_configure(&site);
	assert_true(WAIT_FOR(&site, site.is_connected));
	n_stays = stays.n_accepted;
	assert_true(WAIT_FOR(&site, stays.n_accepted >= n_stays + 2)); /* it has caught up */
	n_stays = stays.n_accepted;
	n_goes = goes.n_accepted;
	assert_true(WAIT_FOR(&site, stays.n_accepted >= n_stays + 5));
	assert_int_equal(goes.n_accepted, n_goes);
	server_stop(&stays);
	server_stop(&goes);
	site_fini(&site);
}

/* ---- the node's own trouble ---- */

TEST(probe, running_out_of_descriptors_blames_no_real)
{
	static struct site site;
	struct server full, good;
	struct pool *pool;
	unsigned n_local = 0;

	site_init(&site);
	site.files = (struct rlimit){ .rlim_cur = 90, .rlim_max = 90 }; /* 26 probes at once */
	server_start(&full, site.base, SERVER_IS_FULL);
	server_start(&good, site.base, SERVER_ACCEPTS);
	for (uint32_t i = 0; i < 60; i++) {
		pool = site_add(&site, CONFIG_CHECK_TCP, full.port);
		pool->check.timeout_us = 2 * USEC_PER_SEC; /* half-open for long */
	}
	pool = site_add(&site, CONFIG_CHECK_TCP, good.port);
	pool->check.interval_us = pool->check.fast_interval_us = 5 * USEC_PER_MSEC;
	site_configure(&site);
	daemon_start(&site);
	run_for(&site, 1500 * USEC_PER_MSEC);
	for (uint32_t i = 0; i < 60; i++) {
		n_local += site.pools[i].verdict.reason == PROBE_LOCAL_ERROR;
		assert_int_not_equal(site.pools[i].verdict.state, REAL_UP);
	}
	assert_true(n_local > 20);
	assert_int_not_equal(pool->verdict.state, REAL_DOWN);
	server_stop(&full);
	server_stop(&good);
	site_fini(&site);
}

TEST(probe, without_the_right_to_mark_the_probe_path_is_blamed)
{
	static struct site site;
	struct server server;
	struct pool *pool;

	site_init(&site);
	site.without_net_raw = true;
	server_start(&server, site.base, SERVER_ACCEPTS);
	pool = site_add(&site, CONFIG_CHECK_TCP, server.port);
	pool->check.via = CONFIG_VIA_TUNNEL;
	site_configure(&site);
	daemon_start(&site);
	expect(&site, pool, REAL_UNKNOWN, PROBE_PROBE_PATH, "mark: Operation not permitted");
	run_for(&site, 300 * USEC_PER_MSEC);
	assert_int_equal(pool->verdict.state, REAL_UNKNOWN);
	assert_int_equal(server.n_accepted, 0);
	assert_int_equal(prober_last_verdict(site.prober), 0); /* none that counts */
	server_stop(&server);
	site_fini(&site);
}

/* 127.0.0.77 is an address of ours, as all of 127.0.0.0/8 is; 192.0.2.1 is not. */
TEST(probe, a_foreign_source_address_is_the_probe_paths_fault)
{
	static struct site site;
	struct server server;
	struct addr source;
	struct pool *pool;

	if (geteuid() != 0) {
		print_message("marking needs CAP_NET_RAW\n");
		skip();
	}
	site_init(&site);
	server_start(&server, site.base, SERVER_ACCEPTS);
	pool = site_add(&site, CONFIG_CHECK_TCP, server.port);
	pool->check.via = CONFIG_VIA_TUNNEL;
	assert_int_equal(addr_parse("192.0.2.1", &source), 0);
	prober_set_sources(site.prober, &source, NULL);
	site_configure(&site);
	daemon_start(&site);
	expect(&site, pool, REAL_UNKNOWN, PROBE_PROBE_PATH, "bind: ");
	server_stop(&server);
	site_fini(&site);
}

/* Packets with a mark that nothing handles go over loopback as any others do. */
TEST(probe, silence_on_a_broken_path_never_takes_a_real_down)
{
	static struct site site;
	struct server server;
	struct pool *pool;

	if (geteuid() != 0) {
		print_message("marking needs CAP_NET_RAW\n");
		skip();
	}
	site_init(&site);
	server_start(&server, site.base, SERVER_OK);
	pool = site_add(&site, CONFIG_CHECK_HTTP, server.port);
	pool->check.via = CONFIG_VIA_TUNNEL;
	pool->check.timeout_us = 50 * USEC_PER_MSEC;
	site_configure(&site);
	daemon_start(&site);
	expect(&site, pool, REAL_UP, PROBE_OK, "HTTP 200");
	site.path_is_broken = true;
	server.behaviour = SERVER_ACCEPTS; /* silent from now on */
	expect(&site, pool, REAL_UP, PROBE_PROBE_PATH, "the probe path to this real is broken");
	run_for(&site, 500 * USEC_PER_MSEC); /* several times fall */
	assert_int_equal(pool->verdict.state, REAL_UP);
	site.path_is_broken = false; /* now it is the real's own silence */
	expect(&site, pool, REAL_DOWN, PROBE_TIMEOUT, "no answer in 50 ms");
	server_stop(&server);
	site_fini(&site);
}

/* ---- the program itself ---- */

static int run_program(const char *option, char *output, size_t size)
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
		setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
		execl(site_program(), "shoal-probe", option, NULL);
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

/* A line of /proc/PID/status, "Seccomp:\t2\n"; "" where there is none. */
static void status_line(pid_t pid, const char *key, char line[128])
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	assert_non_null(f);
	while (fgets(line, 128, f) && strncmp(line, key, strlen(key)) != 0)
		line[0] = '\0';
	fclose(f);
}

static uint64_t status_bits(pid_t pid, const char *key)
{
	char line[128];

	status_line(pid, key, line);
	assert_true(line[0]);
	return strtoull(line + strlen(key), NULL, 16);
}

/* Whatever it was started with: what lockdown_test.c tries in a child must hold for the daemon. */
TEST(probe, runs_locked_down)
{
	static struct site site;
	struct server server;
	const uint64_t net_raw = 1ULL << 13;

	site_init(&site);
	server_start(&server, site.base, SERVER_OK);
	site_add(&site, CONFIG_CHECK_HTTP, server.port);
	site_configure(&site);
	daemon_start(&site);
	expect(&site, &site.pools[0], REAL_UP, PROBE_OK, "");
	assert_int_equal(status_bits(site.pid, "Seccomp:"), 2);
	assert_int_equal(status_bits(site.pid, "NoNewPrivs:"), 1);
	assert_int_equal(status_bits(site.pid, "CapEff:") & ~net_raw, 0);
	assert_int_equal(status_bits(site.pid, "CapPrm:") & ~net_raw, 0);
	assert_int_equal(status_bits(site.pid, "CapInh:"), 0);
	assert_int_equal(status_bits(site.pid, "CapAmb:"), 0);
	server_stop(&server);
	site_fini(&site);
}

TEST(probe, explains_its_options_and_refuses_others)
{
	char text[4096];

	assert_int_equal(run_program("--help", text, sizeof(text)), 0);
	assert_non_null(strstr(text, "--run-dir DIR"));
	assert_int_equal(run_program("--version", text, sizeof(text)), 0);
	assert_string_equal(text, "shoal-probe " SHOAL_VERSION "\n");
	assert_int_equal(run_program("--nonsense", text, sizeof(text)), 2);
	assert_int_equal(run_program("word", text, sizeof(text)), 2);
}

static const struct CMUnitTest tests[] = {
	T(probe, names_what_each_server_does),
	T(probe, asks_for_path_and_host_as_configured),
	T(probe, verifies_certificates),
	T(probe, notices_failure_and_return_within_rise_and_fall),
	T(probe, keeps_quiet_while_nothing_changes),
	T(probe, tells_how_long_passing_probes_take_and_when_the_next_is_due),
	T(probe, is_judged_anew_at_once_when_an_operator_says_so),
	T(probe, keeps_probing_and_judging_while_shoald_restarts),
	T(probe, a_new_prober_starts_from_the_last_judgement),
	T(probe, says_late_after_standing_still),
	T(probe, reload_adds_and_removes_without_disturbing_the_rest),
	T(probe, forgets_what_went_while_shoald_was_away),
	T(probe, running_out_of_descriptors_blames_no_real),
	T(probe, without_the_right_to_mark_the_probe_path_is_blamed),
	T(probe, a_foreign_source_address_is_the_probe_paths_fault),
	T(probe, silence_on_a_broken_path_never_takes_a_real_down),
	T(probe, runs_locked_down),
	T(probe, explains_its_options_and_refuses_others),
};

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: %s SHOAL-PROBE\n", argv[0]);
		return 2;
	}
	site_set_program(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
