/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns and icmp checks: the real shoal-probe against name servers that answer well, wrongly, to
 * others, cut short or not at all, over UDP and TCP; and against this host's own echo.
 */
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lib/test.h"
#include "tests/unit/health/probe_site.h"

enum dns_behaviour {
	DNS_ANSWERS,        /* 192.0.2.1 and 192.0.2.2 */
	DNS_HAS_NOTHING,    /* noerror, no records */
	DNS_FAILS,          /* servfail */
	DNS_KNOWS_NO_NAME,  /* nxdomain */
	DNS_OTHER_ID,       /* than the question's, then silence */
	DNS_OTHER_ID_FIRST, /* and then the answer */
	DNS_OTHER_ID_FLOOD,
	DNS_OTHER_QUESTION,
	DNS_ECHOES,
	DNS_TRUNCATES, /* no records */
	DNS_LOOPS,     /* a name that points to itself */
	DNS_GARBAGE,
	DNS_CLOSES,   /* TCP: in the middle of the answer */
	DNS_IS_LARGE, /* TCP: promises 60,000 bytes */
	DNS_IS_SLOW,  /* TCP: a byte at a time */
};

struct dns_server {
	struct event_base *base;
	enum dns_behaviour behaviour;
	int udp_fd, tcp_fd;
	uint16_t port;
	struct event *udp_readable, *tcp_acceptable;
};

/* ---- answers ---- */

static size_t put_record(uint8_t *to, uint8_t type, const void *data, uint8_t len)
{
	const uint8_t head[12] = { 0xc0, 0x0c, 0, type, 0, 1, 0, 0, 0, 60, 0, len };

	memcpy(to, head, sizeof(head));
	memcpy(to + sizeof(head), data, len);
	return sizeof(head) + len;
}

/* Question and records follow; what came behind the question (EDNS) does not. */
static size_t answer_make(enum dns_behaviour behaviour, const uint8_t *question, size_t n,
			  uint8_t *answer)
{
	size_t len = 12;
	uint8_t *rcode = answer + 3, *n_answers = answer + 7;

	memcpy(answer, question, n);
	while (len < n && question[len] != 0)
		len++;
	len += 5;
	if (behaviour == DNS_ECHOES)
		return n;
	answer[2] = 0x81;
	*rcode = 0x80;
	answer[11] = 0;
	*n_answers = behaviour == DNS_ANSWERS || behaviour == DNS_OTHER_ID_FIRST ? 2 : 0;
	if (*n_answers == 2) {
		len += put_record(answer + len, 1, "\xc0\0\2\1", 4);
		len += put_record(answer + len, 1, "\xc0\0\2\2", 4);
	}
	if (behaviour == DNS_FAILS || behaviour == DNS_KNOWS_NO_NAME)
		*rcode |= behaviour == DNS_FAILS ? 2 : 3;
	if (behaviour == DNS_OTHER_ID || behaviour == DNS_OTHER_ID_FLOOD)
		answer[0] ^= 0xff;
	if (behaviour == DNS_OTHER_QUESTION)
		answer[13] ^= 1;
	if (behaviour == DNS_TRUNCATES)
		answer[2] |= 0x02;
	if (behaviour == DNS_LOOPS) {
		answer[12] = 0xc0;
		answer[13] = 0x0c;
	}
	if (behaviour == DNS_GARBAGE)
		return 7;
	return len;
}

/* ---- UDP ---- */

static void on_udp_question(evutil_socket_t fd, short what __attribute__((unused)), void *arg)
{
	const struct dns_server *server = arg;
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	uint8_t question[512], answer[1024];
	ssize_t n =
		recvfrom(fd, question, sizeof(question), 0, (struct sockaddr *)&from, &from_len);
	size_t len;

	if (n < 12)
		return;
	if (server->behaviour == DNS_OTHER_ID_FIRST) {
		len = answer_make(DNS_OTHER_ID, question, (size_t)n, answer);
		sendto(fd, answer, len, 0, (struct sockaddr *)&from, from_len);
	}
	len = answer_make(server->behaviour, question, (size_t)n, answer);
	for (int i = 0; i < (server->behaviour == DNS_OTHER_ID_FLOOD ? 100 : 1); i++)
		sendto(fd, answer, len, 0, (struct sockaddr *)&from, from_len);
}

/* ---- TCP: a question comes whole, and each connection is served at once ---- */

static void serve(enum dns_behaviour behaviour, int fd)
{
	uint8_t question[512], answer[1024] = { 0 };
	ssize_t n = recv(fd, question, sizeof(question), 0);
	size_t len, promised;

	if (n < 14)
		return;
	len = answer_make(behaviour, question + 2, (size_t)n - 2, answer + 2);
	promised = behaviour == DNS_IS_LARGE ? 60000 : len + (behaviour == DNS_CLOSES);
	answer[0] = (uint8_t)(promised >> 8);
	answer[1] = (uint8_t)promised;
	for (size_t i = 0; i < len + 2 && behaviour == DNS_IS_SLOW; i++) {
		send(fd, answer + i, 1, MSG_NOSIGNAL);
		usleep(500); /* so that bytes come one by one; nothing depends on it */
	}
	if (behaviour != DNS_IS_SLOW)
		send(fd, answer, len + 2, MSG_NOSIGNAL);
}

static void on_connection(evutil_socket_t fd, short what __attribute__((unused)), void *arg)
{
	const struct dns_server *server = arg;
	struct timeval second = { .tv_sec = 1 };
	int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

	if (client < 0)
		return;
	setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
	serve(server->behaviour, client);
	shutdown(client, SHUT_WR);
	close(client);
}

/* ---- a server is both, on one port ---- */

static int dns_open(int type, uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(0x7f000001) };
	int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (bind(fd, (struct sockaddr *)&in, sizeof(in)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void dns_server_start(struct dns_server *server, struct event_base *base,
			     enum dns_behaviour behaviour)
{
	struct sockaddr_in in;
	socklen_t len = sizeof(in);

	*server = (struct dns_server){ .base = base, .behaviour = behaviour, .udp_fd = -1 };
	/* A port that is free for one may be taken for the other. */
	while (server->udp_fd < 0) {
		server->tcp_fd = dns_open(SOCK_STREAM, 0);
		assert_int_equal(getsockname(server->tcp_fd, (struct sockaddr *)&in, &len), 0);
		server->port = ntohs(in.sin_port);
		server->udp_fd = dns_open(SOCK_DGRAM, server->port);
		if (server->udp_fd < 0)
			close(server->tcp_fd);
	}
	assert_int_equal(listen(server->tcp_fd, 16), 0);
	server->udp_readable =
		event_new(base, server->udp_fd, EV_READ | EV_PERSIST, on_udp_question, server);
	server->tcp_acceptable =
		event_new(base, server->tcp_fd, EV_READ | EV_PERSIST, on_connection, server);
	event_add(server->udp_readable, NULL);
	event_add(server->tcp_acceptable, NULL);
}

static void dns_server_stop(struct dns_server *server)
{
	event_free(server->udp_readable);
	event_free(server->tcp_acceptable);
	close(server->udp_fd);
	close(server->tcp_fd);
}

/* ---- what each is judged ---- */

#define UDP CONFIG_TRANSPORT_UDP
#define TCP CONFIG_TRANSPORT_TCP

static const struct {
	enum dns_behaviour behaviour;
	enum config_transport transport;
	enum config_rcode rcode;
	const char *answers[2];
	enum probe_reason reason;
	const char *evidence;
} cases[] = {
	{ DNS_ANSWERS, UDP, 0, { NULL }, PROBE_OK, "noerror, 2 records in " },
	{ DNS_ANSWERS, TCP, 0, { NULL }, PROBE_OK, "noerror, 2 records in " },
	{ DNS_ANSWERS, UDP, 0, { "192.0.2.2", "192.0.2.1" }, PROBE_OK, "noerror" },
	{ DNS_ANSWERS, TCP, 0, { "192.0.2.1" }, PROBE_OK, "noerror" },
	{ DNS_ANSWERS,
	  UDP,
	  0,
	  { "192.0.2.1", "192.0.2.3" },
	  PROBE_UNEXPECTED,
	  "no answer 192.0.2.3, but 192.0.2.2" },
	{ DNS_ANSWERS,
	  UDP,
	  CONFIG_RCODE_NXDOMAIN,
	  { NULL },
	  PROBE_DNS_RCODE,
	  "noerror, not nxdomain" },
	{ DNS_HAS_NOTHING, UDP, 0, { NULL }, PROBE_UNEXPECTED, "no answer any: no such record" },
	{ DNS_FAILS, UDP, 0, { NULL }, PROBE_DNS_RCODE, "servfail, not noerror" },
	{ DNS_FAILS, TCP, 0, { NULL }, PROBE_DNS_RCODE, "servfail, not noerror" },
	{ DNS_FAILS, UDP, CONFIG_RCODE_SERVFAIL, { NULL }, PROBE_OK, "servfail" },
	{ DNS_KNOWS_NO_NAME, UDP, CONFIG_RCODE_NXDOMAIN, { NULL }, PROBE_OK, "nxdomain" },
	{ DNS_OTHER_ID,
	  UDP,
	  0,
	  { NULL },
	  PROBE_TIMEOUT,
	  "waiting for the answer; 1 datagrams had another id" },
	{ DNS_OTHER_ID_FIRST, UDP, 0, { NULL }, PROBE_OK, "noerror" },
	{ DNS_OTHER_ID_FLOOD,
	  UDP,
	  0,
	  { NULL },
	  PROBE_PROTOCOL_ERROR,
	  "the answer has another id than the question" },
	{ DNS_OTHER_ID,
	  TCP,
	  0,
	  { NULL },
	  PROBE_PROTOCOL_ERROR,
	  "the answer has another id than the question" },
	{ DNS_OTHER_QUESTION,
	  UDP,
	  0,
	  { NULL },
	  PROBE_PROTOCOL_ERROR,
	  "the answer is one to another question" },
	{ DNS_ECHOES, UDP, 0, { NULL }, PROBE_PROTOCOL_ERROR, "a question came back" },
	{ DNS_TRUNCATES, UDP, 0, { NULL }, PROBE_TOO_LARGE, "the answer is truncated" },
	{ DNS_LOOPS, UDP, 0, { NULL }, PROBE_PROTOCOL_ERROR, "the answer is malformed" },
	{ DNS_LOOPS, TCP, 0, { NULL }, PROBE_PROTOCOL_ERROR, "the answer is malformed" },
	{ DNS_GARBAGE, UDP, 0, { NULL }, PROBE_PROTOCOL_ERROR, "the answer is malformed" },
	{ DNS_CLOSES, TCP, 0, { NULL }, PROBE_CLOSED, "closed before the answer was whole" },
	{ DNS_IS_LARGE, TCP, 0, { NULL }, PROBE_TOO_LARGE, "the answer is larger than 16 KiB" },
	{ DNS_IS_SLOW, TCP, 0, { NULL }, PROBE_UNEXPECTED, "no such record" },
};

#define N_CASES (sizeof(cases) / sizeof(cases[0]))

static struct pool *add_dns(struct site *site, uint16_t port)
{
	struct pool *pool = site_add(site, CONFIG_CHECK_DNS, port);

	pool->check.query = "www.example.net";
	pool->check.record = CONFIG_RECORD_A;
	pool->check.timeout_us = USEC_PER_SEC;
	return pool;
}

TEST(dns, names_what_each_server_does)
{
	static struct site site;
	struct dns_server servers[N_CASES];

	site_init(&site);
	for (size_t i = 0; i < N_CASES; i++) {
		struct config_check *check;

		dns_server_start(&servers[i], site.base, cases[i].behaviour);
		check = &add_dns(&site, servers[i].port)->check;
		check->transport = cases[i].transport;
		check->rcode = cases[i].rcode;
		check->answers = cases[i].answers;
		while (check->n_answers < 2 && cases[i].answers[check->n_answers])
			check->n_answers++;
	}
	site_configure(&site);
	daemon_start(&site);
	for (size_t i = 0; i < N_CASES; i++)
		expect(&site, &site.pools[i], cases[i].reason == PROBE_OK ? REAL_UP : REAL_DOWN,
		       cases[i].reason, cases[i].evidence);
	for (size_t i = 0; i < N_CASES; i++)
		dns_server_stop(&servers[i]);
	site_fini(&site);
}

TEST(dns, a_closed_port_is_refused)
{
	static struct site site;
	struct dns_server server;

	site_init(&site);
	dns_server_start(&server, site.base, DNS_ANSWERS);
	add_dns(&site, server.port);
	add_dns(&site, server.port)->check.transport = TCP;
	dns_server_stop(&server);
	site_configure(&site);
	daemon_start(&site);
	expect(&site, &site.pools[0], REAL_DOWN, PROBE_REFUSED, "Connection refused");
	expect(&site, &site.pools[1], REAL_DOWN, PROBE_REFUSED, "Connection refused");
	site_fini(&site);
}

#define TO       "to 127.0.0.1 port "
#define ASKED    "asked for www.example.net, from port "
#define FIRST    "answer: 192.0.2.1"
#define SECOND   "answer: 192.0.2.2"
#define RECEIVED "received "

static const struct {
	enum dns_behaviour behaviour;
	enum config_transport transport;
	enum probe_reason reason;
	const char *steps[8];
} watches[] = {
	{ DNS_ANSWERS, UDP, PROBE_OK, { TO, ASKED, RECEIVED, FIRST, SECOND } },
	{ DNS_ANSWERS,
	  TCP,
	  PROBE_OK,
	  { TO, "connected", ASKED, "first bytes of the answer", RECEIVED, FIRST, SECOND } },
	{ DNS_FAILS, UDP, PROBE_DNS_RCODE, { ASKED, RECEIVED, "failed: judgement" } },
	{ DNS_OTHER_ID, UDP, PROBE_TIMEOUT, { ASKED, RECEIVED, "failed: answer" } },
	{ DNS_LOOPS, UDP, PROBE_PROTOCOL_ERROR, { ASKED, RECEIVED, "failed: answer" } },
	{ DNS_CLOSES, TCP, PROBE_CLOSED, { ASKED, "first bytes of the answer", "failed: answer" } },
};

#define N_WATCHES (sizeof(watches) / sizeof(watches[0]))

TEST(dns, tells_who_watches_each_step)
{
	static struct site site;
	static struct watched watched;
	struct dns_server servers[N_WATCHES];

	site_init(&site);
	for (size_t i = 0; i < N_WATCHES; i++) {
		struct pool *pool;

		dns_server_start(&servers[i], site.base, watches[i].behaviour);
		pool = add_dns(&site, servers[i].port);
		pool->check.transport = watches[i].transport;
		if (watches[i].reason != PROBE_TIMEOUT)
			pool->check.timeout_us = DEADLINE;
	}
	site_configure(&site);
	daemon_start(&site);
	assert_true(WAIT_FOR(&site, site.is_connected));
	for (uint32_t i = 0; i < N_WATCHES; i++) {
		site_watch(&site, i, &watched);
		assert_int_equal(watched.done.reason, watches[i].reason);
		expect_steps(&watched, watches[i].steps);
	}
	for (size_t i = 0; i < N_WATCHES; i++)
		dns_server_stop(&servers[i]);
	site_fini(&site);
}

TEST(icmp, asks_this_host_for_an_echo)
{
	static struct site site;

	if (geteuid() != 0)
		skip(); /* raw sockets */
	site_init(&site);
	for (int i = 0; i < 8; i++) /* at once, and none takes another's answer */
		site_add(&site, CONFIG_CHECK_ICMP, 0);
	assert_int_equal(addr_parse("::1", &site_add(&site, CONFIG_CHECK_ICMP, 0)->real.addr), 0);
	site_configure(&site);
	daemon_start(&site);
	for (int i = 0; i < 9; i++)
		expect(&site, &site.pools[i], REAL_UP, PROBE_OK, "echo in ");
	site_fini(&site);
}

static const struct CMUnitTest tests[] = {
	T(dns, names_what_each_server_does),
	T(dns, a_closed_port_is_refused),
	T(dns, tells_who_watches_each_step),
	T(icmp, asks_this_host_for_an_echo),
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
