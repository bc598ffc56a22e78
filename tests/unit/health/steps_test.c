/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What somebody who watches a probe is told of it: each kind of check of shoal-probe against
 * servers that answer, and that fail at each step. dns_test.c and exec_test.c have theirs, and
 * talk_test.c those of tcp.
 */
#include <event2/event.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/test.h"
#include "tests/unit/health/probe_site.h"
#include "tests/unit/health/servers.h"

#define WWW "www.example.net"

/* Frames of HTTP/2 and gRPC. Source: RFC 9113, 4.1 and 6; RFC 7541, appendix A. */
#define H2_OK       "\0\0\0\4\0\0\0\0\0\0\0\0\4\1\0\0\0\0\0\0\1\1\4\0\0\0\1\x88"
#define BODY_OK     "\0\0\x0a\0\1\0\0\0\1status: ok"
#define NOT_SERVING "\0\0\7\0\0\0\0\0\1\0\0\0\0\2\x08\2"
#define TRAILERS    "\0\0\x0f\1\5\0\0\0\1\x00\x0bgrpc-status\x01\x30"
#define CUT         "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nstatus: ok"
#define WHOLE       "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nstatus: ok"

#define CANNED(text) SERVER_CANNED, (text), sizeof(text) - 1

#define TO        "to 127.0.0.1 port "
#define CONNECTED "connected, from port "
#define GET       "request sent: GET /healthz HTTP/1.1"
#define FIRST     "first byte of the answer"
#define LAST      "last byte of the answer, "
#define CERT      "certificate of CN=" WWW " by CN=ca, until 20"
#define HANDSHAKE "TLS handshake: TLSv1.3, TLS_"

enum { TLS_GOOD = SERVER_CANNED + 1, TLS_WRONG_NAME, TLS_EXPIRED };

static const char *const http11[] = { "http/1.1" }, *const h2[] = { "h2" };

static const struct row {
	int server; /* enum behaviour, or TLS_... */
	const char *says;
	size_t len;
	enum config_check_type type;
	enum config_http_version version;
	const char *contains;
	const char *const *alpn;
	bool is_unverified;
	enum probe_reason reason;
	const char *steps[10];
} rows[] = {
	/* ---- http ---- */
	{ SERVER_OK, .type = CONFIG_CHECK_HTTP, .reason = PROBE_OK,
	  .steps = { TO, CONNECTED, GET, FIRST, "HTTP 200, ", LAST } },
	{ SERVER_REFUSES, .type = CONFIG_CHECK_HTTP, .reason = PROBE_REFUSED,
	  .steps = { TO, "failed: TCP connection" } },
	{ SERVER_IS_FULL, .type = CONFIG_CHECK_HTTP, .reason = PROBE_TIMEOUT,
	  .steps = { TO, "failed: TCP connection" } },
	{ SERVER_ACCEPTS, .type = CONFIG_CHECK_HTTP, .reason = PROBE_TIMEOUT,
	  .steps = { CONNECTED, GET, "failed: first byte of the answer" } },
	{ SERVER_RESETS, .type = CONFIG_CHECK_HTTP, .reason = PROBE_RESET,
	  .steps = { CONNECTED, GET, "failed: first byte of the answer" } },
	{ SERVER_SLOW, .type = CONFIG_CHECK_HTTP, .reason = PROBE_TIMEOUT,
	  .steps = { GET, FIRST, "failed: headers" } },
	{ SERVER_UNAVAILABLE, .type = CONFIG_CHECK_HTTP, .reason = PROBE_HTTP_STATUS,
	  .steps = { GET, FIRST, "HTTP 503, ", "failed: judgement" } },
	{ CANNED(CUT), .type = CONFIG_CHECK_HTTP, .reason = PROBE_TIMEOUT,
	  .steps = { GET, FIRST, "HTTP 200, ", "failed: body" } },
	{ CANNED(WHOLE), .type = CONFIG_CHECK_HTTP, .contains = "fine", .reason = PROBE_UNEXPECTED,
	  .steps = { "HTTP 200, ", LAST "10 of its body", "failed: judgement" } },
	/* ---- HTTP/2 and gRPC ---- */
	{ CANNED(H2_OK BODY_OK), .type = CONFIG_CHECK_HTTP, .version = CONFIG_HTTP_2,
	  .reason = PROBE_OK,
	  .steps = { CONNECTED, "request sent: GET /healthz HTTP/2", FIRST, "HTTP 200, ",
		     LAST "10 of its body" } },
	{ CANNED("220 mail ESMTP\r\n"), .type = CONFIG_CHECK_HTTP, .version = CONFIG_HTTP_2,
	  .reason = PROBE_PROTOCOL_ERROR,
	  .steps = { CONNECTED, "request sent: ", "failed: first byte of the answer" } },
	{ CANNED(H2_OK NOT_SERVING TRAILERS), .type = CONFIG_CHECK_GRPC,
	  .reason = PROBE_GRPC_STATUS,
	  .steps = { CONNECTED, "request sent: POST /grpc.health.v1.Health/Check HTTP/2", FIRST,
		     "HTTP 200, ", LAST, "failed: judgement" } },
	/* ---- https ---- */
	{ TLS_GOOD, .type = CONFIG_CHECK_HTTPS, .reason = PROBE_OK,
	  .steps = { TO, CONNECTED, CERT, HANDSHAKE, GET, FIRST, "HTTP 200, ",
		     LAST "2 of its body" } },
	{ TLS_WRONG_NAME, .type = CONFIG_CHECK_HTTPS, .is_unverified = true, .reason = PROBE_OK,
	  .steps = { CONNECTED, "certificate of CN=other.example.net by CN=ca, until 20", HANDSHAKE,
		     GET, FIRST, "HTTP 200, ", LAST } },
	{ TLS_WRONG_NAME, .type = CONFIG_CHECK_HTTPS, .reason = PROBE_TLS_ERROR,
	  .steps = { CONNECTED, "certificate of CN=other.example.net", "failed: certificate" } },
	{ TLS_EXPIRED, .type = CONFIG_CHECK_HTTPS, .reason = PROBE_TLS_ERROR,
	  .steps = { CONNECTED, CERT, "failed: certificate" } },
	{ SERVER_GARBAGE, .type = CONFIG_CHECK_HTTPS, .reason = PROBE_TLS_ERROR,
	  .steps = { CONNECTED, "failed: TLS handshake" } },
	{ SERVER_ACCEPTS, .type = CONFIG_CHECK_HTTPS, .reason = PROBE_TIMEOUT,
	  .steps = { CONNECTED, "failed: TLS handshake" } },
	/* ---- tls ---- */
	{ TLS_GOOD, .type = CONFIG_CHECK_TLS, .alpn = http11, .reason = PROBE_OK,
	  .steps = { TO, CONNECTED, CERT, "ALPN http/1.1" } },
	{ TLS_GOOD, .type = CONFIG_CHECK_TLS, .alpn = h2, .reason = PROBE_PROTOCOL_ERROR,
	  .steps = { CERT, HANDSHAKE, "failed: ALPN" } },
	{ TLS_GOOD, .type = CONFIG_CHECK_TLS, .is_unverified = true, .reason = PROBE_OK,
	  .steps = { CONNECTED, CERT, "ALPN none" } },
	{ TLS_EXPIRED, .type = CONFIG_CHECK_TLS, .reason = PROBE_TLS_ERROR,
	  .steps = { CONNECTED, CERT, "failed: certificate" } },
	{ SERVER_GARBAGE, .type = CONFIG_CHECK_TLS, .reason = PROBE_TLS_ERROR,
	  .steps = { CONNECTED, "failed: TLS handshake" } },
	/* ---- without a connection ---- */
	{ SERVER_REFUSES, .type = CONFIG_CHECK_UDP, .reason = PROBE_REFUSED,
	  .steps = { TO, "socket, port ", "sent 0 bytes", "failed: answer" } },
	{ SERVER_REFUSES, .type = CONFIG_CHECK_ICMP, .reason = PROBE_OK,
	  .steps = { "to 127.0.0.1, ", "sent an echo request of 64 bytes", "echo reply" } },
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

/* What a row meets; shared, where it is TLS. */
struct meeting {
	struct server server;
	struct tls_server tls;
};

static bool is_tls(const struct row *row)
{
	return row->server >= TLS_GOOD;
}

static uint16_t meet(struct meeting *meeting, struct event_base *base, const struct row *row)
{
	if (is_tls(row)) {
		tls_server_start_until(&meeting->tls,
				       row->server == TLS_WRONG_NAME ? "other.example.net" : WWW,
				       row->server == TLS_EXPIRED ? -60 : 7200);
		return meeting->tls.port;
	}
	server_start(&meeting->server, base, (enum behaviour)row->server);
	if (row->says)
		server_can(&meeting->server, row->says, row->len);
	return meeting->server.port;
}

static void ask(struct config_check *check, const struct row *row, const char *ca)
{
	check->host = WWW;
	check->ca_file = ca;
	check->verify = !row->is_unverified;
	check->http_version = row->version;
	check->body_contains = row->contains;
	check->alpn = row->alpn;
	check->n_alpn = row->alpn ? 1 : 0;
	if (row->reason != PROBE_TIMEOUT)
		check->timeout_us = DEADLINE;
	/* Once at the start, then never while this runs. */
	check->interval_us = check->fast_interval_us = check->slow_interval_us =
		3600 * USEC_PER_SEC;
}

TEST(steps, are_told_of_every_kind_up_to_the_one_that_failed)
{
	static struct site site;
	static struct meeting meetings[N_ROWS];
	static struct watched watched;
	struct tls_files ca;

	site_init(&site);
	tls_make_ca(&ca, site.directory, "ca");
	for (size_t i = 0; i < N_ROWS; i++) {
		uint16_t port = meet(&meetings[i], site.base, &rows[i]);
		bool has_port = rows[i].type != CONFIG_CHECK_ICMP;
		struct pool *pool = site_add(&site, rows[i].type, has_port ? port : 0);

		ask(&pool->check, &rows[i], ca.ca);
	}
	site_configure(&site);
	tls_remove_ca(&ca);
	daemon_start(&site);
	assert_true(WAIT_FOR(&site, site.is_connected));
	for (uint32_t i = 0; i < N_ROWS; i++) {
		if (rows[i].type == CONFIG_CHECK_ICMP && geteuid() != 0)
			continue;
		site_watch(&site, i, &watched);
		if (watched.done.reason != rows[i].reason)
			print_message("row %u: %s\n", i, watched.done.evidence);
		assert_int_equal(watched.done.reason, rows[i].reason);
		expect_steps(&watched, rows[i].steps);
	}
	for (size_t i = 0; i < N_ROWS; i++) {
		if (is_tls(&rows[i]))
			tls_server_stop(&meetings[i].tls);
		else
			server_stop(&meetings[i].server);
	}
	site_fini(&site);
}

static const struct CMUnitTest tests[] = {
	T(steps, are_told_of_every_kind_up_to_the_one_that_failed),
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
