/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks that say something and look at what comes back, over TCP and UDP: the real shoal-probe
 * against servers that answer well, wrongly, without end, or not at all.
 */
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lib/test.h"
#include "tests/unit/health/probe_site.h"
#include "tests/unit/health/servers.h"

/* clang-format off */
#define BYTES(text) { (const uint8_t *)(text), sizeof(text) - 1 }
#define NOTHING     { NULL, 0 }
/* clang-format on */

/* ---- tcp ---- */

static const struct {
	enum behaviour behaviour;
	struct config_bytes send, expect;
	enum real_state state;
	enum probe_reason reason;
	const char *evidence;
} talks[] = {
	{ SERVER_GARBAGE, BYTES("EHLO probe\r\n"), BYTES("220 mail.example.net"), REAL_UP, PROBE_OK,
	  "expected answer in " },
	{ SERVER_GARBAGE, BYTES("x"), BYTES("at your service\r\n"), REAL_UP, PROBE_OK,
	  "expected answer in " },
	{ SERVER_BINARY, BYTES("x"), BYTES("\x07\xff\xfe"), REAL_UP, PROBE_OK,
	  "expected answer in " },
	{ SERVER_SLOW, BYTES("x"), BYTES("1.1 200"), REAL_UP, PROBE_OK, "expected answer in " },
	{ SERVER_GARBAGE, BYTES("x"), BYTES("250 "), REAL_DOWN, PROBE_UNEXPECTED,
	  "closed after another answer: \"220 mail.example.net ESMTP" },
	{ SERVER_SLOW, BYTES("x"), BYTES("250 "), REAL_DOWN, PROBE_TIMEOUT,
	  "waiting for what is expected, after " },
	{ SERVER_GARBAGE, NOTHING, BYTES("220"), REAL_DOWN, PROBE_TIMEOUT,
	  "waiting for an answer" },
	{ SERVER_ENDLESS_BODY, BYTES("x"), BYTES("zzz"), REAL_DOWN, PROBE_UNEXPECTED,
	  "not in the first 16 KiB of the answer: \"HTTP/1.1 200 OK\\r\\n" },
	{ SERVER_CLOSES, BYTES("x"), BYTES("y"), REAL_DOWN, PROBE_CLOSED,
	  "closed without an answer" },
	{ SERVER_RESETS, BYTES("x"), BYTES("y"), REAL_DOWN, PROBE_RESET,
	  "Connection reset by peer" },
	{ SERVER_REFUSES, BYTES("x"), BYTES("y"), REAL_DOWN, PROBE_REFUSED, "Connection refused" },
	{ SERVER_OK, BYTES("GET / HTTP/1.0\r\n\r\n"), NOTHING, REAL_UP, PROBE_OK, "connected in " },
};

#define N_TALKS (sizeof(talks) / sizeof(talks[0]))

TEST(talk, tcp_looks_for_what_is_expected)
{
	static struct site site;
	struct server servers[N_TALKS];

	site_init(&site);
	for (size_t i = 0; i < N_TALKS; i++) {
		struct pool *pool;

		server_start(&servers[i], site.base, talks[i].behaviour);
		pool = site_add(&site, CONFIG_CHECK_TCP, servers[i].port);
		pool->check.send = talks[i].send;
		pool->check.expect = talks[i].expect;
		if (talks[i].behaviour == SERVER_SLOW && talks[i].state == REAL_UP)
			pool->check.timeout_us = 5 * USEC_PER_SEC;
	}
	site_configure(&site);
	daemon_start(&site);
	for (size_t i = 0; i < N_TALKS; i++)
		expect(&site, &site.pools[i], talks[i].state, talks[i].reason, talks[i].evidence);
	/* Said and not answered for, yet it arrived. */
	assert_true(WAIT_FOR(
		&site, strcmp(servers[N_TALKS - 1].last_request, "GET / HTTP/1.0\r\n\r\n") == 0));
	for (size_t i = 0; i < N_TALKS; i++)
		server_stop(&servers[i]);
	site_fini(&site);
}

/* ---- udp ---- */

enum udp_behaviour {
	UDP_ECHOES,
	UDP_IS_SILENT,
	UDP_REFUSES,          /* nobody listens */
	UDP_FLOODS,           /* a hundred answers to each question */
	UDP_IS_LARGE,         /* 60000 bytes, what is expected at the end of the first 16 KiB */
	UDP_ANSWERS_ELSEWHERE /* from another port than was asked */
};

struct udp_server {
	enum udp_behaviour behaviour;
	int fd, other_fd;
	uint16_t port;
	struct event *readable;
	size_t n_last; /* bytes of the last question */
};

static int udp_open(uint16_t *ret_port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001) };
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	*ret_port = ntohs(in.sin_port);
	return fd;
}

static void on_question(evutil_socket_t fd, short what __attribute__((unused)), void *arg)
{
	static char large[60000];
	struct udp_server *server = arg;
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	char bytes[2048];
	ssize_t n = recvfrom(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &from_len);
	int from_fd = server->behaviour == UDP_ANSWERS_ELSEWHERE ? server->other_fd : fd;
	const char *answer = bytes;

	if (n < 0 || server->behaviour == UDP_IS_SILENT)
		return;
	server->n_last = (size_t)n;
	if (server->behaviour == UDP_IS_LARGE) {
		memset(large, 'a', sizeof(large));
		memcpy(large + 16384 - 4, "PONG", 4);
		answer = large;
		n = sizeof(large);
	}
	for (int i = 0; i < (server->behaviour == UDP_FLOODS ? 100 : 1); i++)
		sendto(from_fd, answer, (size_t)n, 0, (struct sockaddr *)&from, from_len);
}

static void udp_server_start(struct udp_server *server, struct event_base *base,
			     enum udp_behaviour behaviour)
{
	uint16_t other;

	*server = (struct udp_server){ .behaviour = behaviour };
	server->fd = udp_open(&server->port);
	server->other_fd = udp_open(&other);
	server->readable = event_new(base, server->fd, EV_READ | EV_PERSIST, on_question, server);
	event_add(server->readable, NULL);
	if (behaviour == UDP_REFUSES) {
		event_del(server->readable);
		close(server->fd);
	}
}

static void udp_server_stop(struct udp_server *server)
{
	event_free(server->readable);
	if (server->behaviour != UDP_REFUSES)
		close(server->fd);
	close(server->other_fd);
}

static const struct {
	enum udp_behaviour behaviour;
	struct config_bytes send, expect;
	enum real_state state;
	enum probe_reason reason;
	const char *evidence;
} datagrams[] = {
	{ UDP_ECHOES, BYTES("PING"), NOTHING, REAL_UP, PROBE_OK, "answer in " },
	{ UDP_ECHOES, NOTHING, NOTHING, REAL_UP, PROBE_OK, "answer in " },
	{ UDP_ECHOES, BYTES("a\0b"), BYTES("\0b"), REAL_UP, PROBE_OK, "expected answer in " },
	{ UDP_ECHOES, BYTES("PING\n"), BYTES("PONG"), REAL_DOWN, PROBE_UNEXPECTED,
	  "another answer: \"PING\\n\"" },
	{ UDP_FLOODS, BYTES("PING"), BYTES("PONG"), REAL_DOWN, PROBE_UNEXPECTED,
	  "another answer: \"PING\"" },
	{ UDP_IS_LARGE, BYTES("PING"), BYTES("aPONG"), REAL_UP, PROBE_OK, "expected answer" },
	{ UDP_IS_LARGE, BYTES("PING"), BYTES("PONGa"), REAL_DOWN, PROBE_UNEXPECTED,
	  "another answer: \"aaa" },
	{ UDP_IS_SILENT, BYTES("PING"), BYTES("PONG"), REAL_DOWN, PROBE_TIMEOUT,
	  "waiting for a datagram" },
	{ UDP_REFUSES, BYTES("PING"), BYTES("PONG"), REAL_DOWN, PROBE_REFUSED,
	  "Connection refused" },
	{ UDP_ANSWERS_ELSEWHERE, BYTES("PING"), BYTES("PING"), REAL_DOWN, PROBE_TIMEOUT,
	  "waiting for a datagram" },
};

#define N_DATAGRAMS (sizeof(datagrams) / sizeof(datagrams[0]))

TEST(talk, udp_judges_by_the_first_answer)
{
	static struct site site;
	struct udp_server servers[N_DATAGRAMS];

	site_init(&site);
	for (size_t i = 0; i < N_DATAGRAMS; i++) {
		struct pool *pool;

		udp_server_start(&servers[i], site.base, datagrams[i].behaviour);
		pool = site_add(&site, CONFIG_CHECK_UDP, servers[i].port);
		pool->check.send = datagrams[i].send;
		pool->check.expect = datagrams[i].expect;
	}
	site_configure(&site);
	daemon_start(&site);
	for (size_t i = 0; i < N_DATAGRAMS; i++)
		expect(&site, &site.pools[i], datagrams[i].state, datagrams[i].reason,
		       datagrams[i].evidence);
	for (size_t i = 0; i < N_DATAGRAMS; i++)
		udp_server_stop(&servers[i]);
	site_fini(&site);
}

/* ---- watched ---- */

TEST(watch, tells_each_step_and_judges_nothing)
{
	static struct site site;
	static struct watched watched;
	struct server talks_back, silent;
	struct udp_server echo;
	unsigned n_verdicts;
	struct pool *pool;

	site_init(&site);
	server_start(&talks_back, site.base, SERVER_GARBAGE);
	server_start(&silent, site.base, SERVER_ACCEPTS);
	udp_server_start(&echo, site.base, UDP_ECHOES);
	pool = site_add(&site, CONFIG_CHECK_TCP, talks_back.port);
	pool->check.send = (struct config_bytes)BYTES("EHLO probe\r\n");
	pool->check.expect = (struct config_bytes)BYTES("220 ");
	pool = site_add(&site, CONFIG_CHECK_UDP, echo.port);
	pool->check.send = (struct config_bytes)BYTES("PING");
	pool = site_add(&site, CONFIG_CHECK_TCP, silent.port);
	pool->check.expect = (struct config_bytes)BYTES("220 ");
	for (uint32_t i = 0; i < 3; i++) /* once at the start, then never while this runs */
		site.pools[i].check.interval_us = site.pools[i].check.fast_interval_us =
			site.pools[i].check.slow_interval_us = 3600 * USEC_PER_SEC;
	site_configure(&site);
	daemon_start(&site);
	assert_true(WAIT_FOR(&site, site.is_connected));
	n_verdicts = site.pools[0].n_verdicts;

	site_watch(&site, 0, &watched);
	assert_int_equal(watched.done.reason, PROBE_OK);
	expect_steps(&watched, (const char *const[]){ "to 127.0.0.1 port ", "connected, from port ",
						      "sent \"EHLO probe\\r\\n\"",
						      "first bytes: \"220 mail.example.net",
						      "found what is expected", NULL });
	assert_non_null(strstr(watched.done.evidence, "expected answer in "));

	site_watch(&site, 1, &watched);
	assert_int_equal(watched.done.reason, PROBE_OK);
	expect_steps(&watched, (const char *const[]){ "socket, port ", "sent 4 bytes",
						      "received 4 bytes: \"PING\"", NULL });

	site_watch(&site, 2, &watched);
	assert_int_equal(watched.done.reason, PROBE_TIMEOUT);
	expect_steps(&watched, (const char *const[]){ "connected", "failed: answer", NULL });
	assert_non_null(
		strstr(watched.done.evidence, "no answer in 300 ms, waiting for an answer"));

	assert_int_equal(site.pools[0].n_verdicts, n_verdicts);
	server_stop(&talks_back);
	server_stop(&silent);
	udp_server_stop(&echo);
	site_fini(&site);
}

TEST(watch, ends_with_its_prober_or_its_target)
{
	static struct site site;
	static struct watched watched, again;
	struct server silent;
	struct pool *pool;

	site_init(&site);
	server_start(&silent, site.base, SERVER_ACCEPTS);
	pool = site_add(&site, CONFIG_CHECK_TCP, silent.port);
	pool->check.expect = (struct config_bytes)BYTES("220 ");
	pool->check.timeout_us = 300 * USEC_PER_SEC;
	site_configure(&site);
	daemon_start(&site);
	assert_true(WAIT_FOR(&site, site.is_connected));

	/* One who watches is enough for a target. */
	site_try(&site, 0, &watched);
	site_try(&site, 0, &again);
	assert_true(WAIT_FOR(&site, again.n == 1));
	assert_int_equal(again.done.reason, PROBE_LOCAL_ERROR);
	assert_non_null(strstr(again.done.evidence, "somebody else watches"));

	/* The check changes. */
	pool->check.timeout_us = 200 * USEC_PER_SEC;
	site_configure(&site);
	assert_true(WAIT_FOR(&site, watched.n == 1));
	assert_int_equal(watched.done.reason, PROBE_LOCAL_ERROR);
	assert_non_null(strstr(watched.done.evidence, "changed or removed"));

	/* Nobody wants to know any more; then the prober dies. */
	prober_try_cancel(site.prober, site_try(&site, 0, &watched));
	site_try(&site, 0, &again);
	daemon_stop(&site, SIGKILL);
	assert_true(WAIT_FOR(&site, again.n == 1 && !site.is_connected));
	assert_int_equal(again.n_gone, again.done.ticket ? 0 : 1);
	assert_int_equal(watched.n, 0);
	server_stop(&silent);
	site_fini(&site);
}

static const struct CMUnitTest tests[] = {
	T(talk, tcp_looks_for_what_is_expected),
	T(talk, udp_judges_by_the_first_answer),
	T(watch, tells_each_step_and_judges_nothing),
	T(watch, ends_with_its_prober_or_its_target),
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
