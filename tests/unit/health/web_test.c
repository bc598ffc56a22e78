/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks of http: what is asked for, what the answer must hold, HTTP/2, and servers that mean
 * harm. The real shoal-probe against servers that say exactly what the test wrote down.
 */
#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/test.h"
#include "tests/unit/health/probe_site.h"
#include "tests/unit/health/servers.h"

#define SMALL     "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nstatus: ok"
#define EMPTY     "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
#define CUT       "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nstatus: ok"
#define CHUNK     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno number\r\n"
#define CONTINUE  "HTTP/1.1 100 Continue\r\n\r\n"
#define EXTENSION "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;"
#define LARGE     "HTTP/1.1 200 OK\r\n\r\n"

/* Frames of HTTP/2. Source: RFC 9113, 4.1 and 6; RFC 7541, appendix A. */
#define SETTINGS     "\0\0\0\4\0\0\0\0\0"
#define SETTINGS_ACK "\0\0\0\4\1\0\0\0\0"
#define HEADERS_200  "\0\0\1\1\4\0\0\0\1\x88"
#define HEADERS_503  "\0\0\5\1\5\0\0\0\1\x48\x03"
#define BODY_OK      "\0\0\x0a\0\1\0\0\0\1status: ok"
#define PING_ACK     "\0\0\x8\6\1\0\0\0\0abcdefgh"
#define EMPTY_DATA   "\0\0\0\0\0\0\0\0\1"
#define GOAWAY       "\0\0\x8\7\0\0\0\0\0\0\0\0\0\0\0\0\1"
#define REFUSED      "\0\0\4\3\0\0\0\0\1\0\0\0\7"
#define H2           SETTINGS SETTINGS_ACK

#define BYTES(text) (text), sizeof(text) - 1

static char flood_a[32768], match_after_window[80 * 1024];

/* ---- what an answer must hold ---- */

static const struct answer {
	const char *says;
	size_t len;
	const char *contains, *matches;
	enum config_http_version version;
	const char *flood; /* without end, behind it */
	size_t flood_len;
	bool resets; /* behind what it says */
	enum real_state state;
	enum probe_reason reason;
	const char *evidence;
} answers[] = {
	{ BYTES(SMALL), .contains = "status: ok", .state = REAL_UP, .reason = PROBE_OK,
	  .evidence = "HTTP 200 in " },
	{ BYTES(SMALL), .contains = "status: ok!", .state = REAL_DOWN, .reason = PROBE_UNEXPECTED,
	  .evidence = "the body does not contain the text: \"status: ok\"" },
	{ BYTES(SMALL), .matches = "^status:\\s+(ok|warn)$", .state = REAL_UP, .reason = PROBE_OK,
	  .evidence = "HTTP 200 in " },
	{ BYTES(SMALL), .matches = "status: [A-Z]+", .state = REAL_DOWN, .reason = PROBE_UNEXPECTED,
	  .evidence = "the body does not match" },
	{ BYTES(SMALL), .matches = "(?i)STATUS: OK", .contains = "ok", .state = REAL_UP,
	  .reason = PROBE_OK, .evidence = "HTTP 200 in " },
	{ BYTES(EMPTY), .matches = "x*", .state = REAL_DOWN, .reason = PROBE_UNEXPECTED,
	  .evidence = "the body is empty" },
	/* It matched, but is not whole. */
	{ BYTES(CUT), .contains = "status: ok", .state = REAL_DOWN, .reason = PROBE_TIMEOUT,
	  .evidence = "waiting for the end of the body" },
	/* Far more than is searched, and never an end: given up as soon as it is searched. */
	{ BYTES(LARGE), .flood = flood_a, .flood_len = sizeof(flood_a), .contains = "b",
	  .state = REAL_DOWN, .reason = PROBE_UNEXPECTED, .evidence = "contain the text: \"aaaa" },
	{ BYTES(LARGE), .flood = flood_a, .flood_len = sizeof(flood_a), .contains = "aaa",
	  .state = REAL_DOWN, .reason = PROBE_TOO_LARGE,
	  .evidence = "the body is larger than 1 MiB" },
	{ match_after_window, sizeof(match_after_window), .contains = "needle", .state = REAL_DOWN,
	  .reason = PROBE_UNEXPECTED, .evidence = "the body does not contain the text" },
	/* Patterns that this body makes exponential, or quadratic behind PCRE2's own limits. */
	{ BYTES(LARGE), .flood = flood_a, .flood_len = sizeof(flood_a), .matches = "(a+)+[bc]",
	  .state = REAL_DOWN, .reason = PROBE_UNEXPECTED, .evidence = "takes too long" },
	{ BYTES(LARGE), .flood = flood_a, .flood_len = sizeof(flood_a),
	  .matches = "[a-z]+[^a-z]\\d", .state = REAL_DOWN, .reason = PROBE_UNEXPECTED,
	  .evidence = "" },
	/* What was wrong first counts: the answer, or the end of the connection. */
	{ BYTES(CUT), .resets = true, .state = REAL_DOWN, .reason = PROBE_RESET, .evidence = "" },
	{ BYTES(CHUNK), .state = REAL_DOWN, .reason = PROBE_HTTP_GARBAGE, .evidence = "chunk" },
	{ BYTES(CHUNK), .resets = true, .state = REAL_DOWN, .reason = PROBE_HTTP_GARBAGE,
	  .evidence = "chunk" },
	{ BYTES(H2), .version = CONFIG_HTTP_2, .resets = true, .state = REAL_DOWN,
	  .reason = PROBE_RESET, .evidence = "" },
	{ BYTES("220 mail.example.net ESMTP\r\n"), .version = CONFIG_HTTP_2, .resets = true,
	  .state = REAL_DOWN, .reason = PROBE_PROTOCOL_ERROR, .evidence = "" },
	/* ---- HTTP/2 ---- */
	{ BYTES(H2 HEADERS_200 BODY_OK), .version = CONFIG_HTTP_2, .matches = "ok$",
	  .state = REAL_UP, .reason = PROBE_OK, .evidence = "HTTP 200 in " },
	{ BYTES(H2 HEADERS_503 "503"), .version = CONFIG_HTTP_2, .state = REAL_DOWN,
	  .reason = PROBE_HTTP_STATUS, .evidence = "HTTP 503 in " },
	{ BYTES(SMALL), .version = CONFIG_HTTP_2, .state = REAL_DOWN,
	  .reason = PROBE_PROTOCOL_ERROR, .evidence = "" },
	{ BYTES(H2 GOAWAY), .version = CONFIG_HTTP_2, .state = REAL_DOWN,
	  .reason = PROBE_PROTOCOL_ERROR, .evidence = "" },
	{ BYTES(H2 REFUSED), .version = CONFIG_HTTP_2, .state = REAL_DOWN, .reason = PROBE_CLOSED,
	  .evidence = "asked again" },
	{ BYTES(H2), .version = CONFIG_HTTP_2, .state = REAL_DOWN, .reason = PROBE_TIMEOUT,
	  .evidence = "waiting for the status line" },
	{ BYTES(H2), .version = CONFIG_HTTP_2, .flood = flood_a, .flood_len = sizeof(flood_a),
	  .state = REAL_DOWN, .reason = PROBE_PROTOCOL_ERROR, .evidence = "" },
	{ BYTES("220 mail.example.net ESMTP\r\n"), .version = CONFIG_HTTP_2, .state = REAL_DOWN,
	  .reason = PROBE_PROTOCOL_ERROR, .evidence = "" },
};

#define N_ANSWERS (sizeof(answers) / sizeof(answers[0]))

TEST(web, looks_into_answers_and_names_what_is_wrong)
{
	static struct site site;
	struct server servers[N_ANSWERS];

	site_init(&site);
	for (size_t i = 0; i < N_ANSWERS; i++) {
		const struct answer *answer = &answers[i];
		struct pool *pool;

		server_start(&servers[i], site.base, SERVER_ACCEPTS);
		server_can(&servers[i], answer->says, answer->len);
		server_flood(&servers[i], answer->flood, answer->flood_len);
		servers[i].resets = answer->resets;
		pool = site_add(&site, CONFIG_CHECK_HTTP, servers[i].port);
		pool->check.body_contains = answer->contains;
		pool->check.body_matches = answer->matches;
		pool->check.http_version = answer->version;
		/* Searches that are given up take their time, which the others need. */
		if (answer->matches && answer->flood)
			pool->check.interval_us = pool->check.fast_interval_us =
				pool->check.slow_interval_us = USEC_PER_SEC / 2;
	}
	site_configure(&site);
	daemon_start(&site);
	for (size_t i = 0; i < N_ANSWERS; i++)
		expect(&site, &site.pools[i], answers[i].state, answers[i].reason,
		       answers[i].evidence);
	for (size_t i = 0; i < N_ANSWERS; i++)
		server_stop(&servers[i]);
	site_fini(&site);
}

/* ---- gRPC ---- */

/* HPACK: a literal that is not indexed, with a new name. Trailers end the stream. */
#define CODE(digit)     "\x00\x0bgrpc-status\x01" digit
#define TRAILERS(digit) "\0\0\x0f\1\5\0\0\0\1" CODE(digit)
#define NO_BODY(digit)  "\0\0\x10\1\5\0\0\0\1\x88" CODE(digit)
#define NOT_FOUND       "\0\0\x29\1\5\0\0\0\1\x88" CODE("5") "\x00\x0cgrpc-message\x0ano service"
#define STATUS(byte)    "\0\0\7\0\0\0\0\0\1\0\0\0\0\2\x08" byte
#define LONG_FRAME      "\0\0\7\0\0\0\0\0\1\0\0\0\0\3\x08\1"
#define NO_STATUS       "\0\0\5\0\0\0\0\0\1\0\0\0\0\0"

static const struct call {
	const char *says;
	size_t len;
	enum real_state state;
	enum probe_reason reason;
	const char *evidence;
} calls[] = {
	{ BYTES(H2 HEADERS_200 STATUS("\1") TRAILERS("0")), REAL_UP, PROBE_OK, "SERVING in " },
	{ BYTES(H2 HEADERS_200 STATUS("\2") TRAILERS("0")), REAL_DOWN, PROBE_GRPC_STATUS,
	  "NOT_SERVING in " },
	{ BYTES(H2 HEADERS_200 STATUS("\3") TRAILERS("0")), REAL_DOWN, PROBE_GRPC_STATUS,
	  "SERVICE_UNKNOWN in " },
	{ BYTES(H2 HEADERS_200 STATUS("\7") TRAILERS("0")), REAL_DOWN, PROBE_GRPC_STATUS,
	  "another status in " },
	{ BYTES(H2 HEADERS_200 NO_STATUS TRAILERS("0")), REAL_DOWN, PROBE_GRPC_STATUS,
	  "UNKNOWN in " },
	{ BYTES(H2 NOT_FOUND), REAL_DOWN, PROBE_GRPC_STATUS,
	  "grpc-status 5 (NOT_FOUND): no service" },
	{ BYTES(H2 NO_BODY("0")), REAL_DOWN, PROBE_PROTOCOL_ERROR,
	  "the answer is no HealthCheckResponse" },
	{ BYTES(H2 HEADERS_200 LONG_FRAME TRAILERS("0")), REAL_DOWN, PROBE_PROTOCOL_ERROR,
	  "the answer is no HealthCheckResponse" },
	{ BYTES(H2 HEADERS_200 BODY_OK), REAL_DOWN, PROBE_PROTOCOL_ERROR,
	  "the answer has no grpc-status" },
	{ BYTES(H2 HEADERS_503 "503"), REAL_DOWN, PROBE_HTTP_STATUS, "HTTP 503 in " },
	{ BYTES(SMALL), REAL_DOWN, PROBE_PROTOCOL_ERROR, "the server does not speak HTTP/2" },
	{ BYTES(H2 HEADERS_200 STATUS("\1")), REAL_DOWN, PROBE_TIMEOUT,
	  "waiting for the end of the body" },
};

#define N_CALLS (sizeof(calls) / sizeof(calls[0]))

TEST(web, asks_the_health_service_of_grpc)
{
	static struct site site;
	struct server servers[N_CALLS];

	site_init(&site);
	for (size_t i = 0; i < N_CALLS; i++) {
		server_start(&servers[i], site.base, SERVER_ACCEPTS);
		server_can(&servers[i], calls[i].says, calls[i].len);
		site_add(&site, CONFIG_CHECK_GRPC, servers[i].port)->check.grpc_service = "a.B";
	}
	site_configure(&site);
	daemon_start(&site);
	for (size_t i = 0; i < N_CALLS; i++)
		expect(&site, &site.pools[i], calls[i].state, calls[i].reason, calls[i].evidence);
	for (size_t i = 0; i < N_CALLS; i++)
		server_stop(&servers[i]);
	site_fini(&site);
}

/* ---- floods ---- */

/* What never becomes a header or a body is bounded, too, and others are probed meanwhile. */
static void expect_bounded(enum config_http_version version, const char *says, size_t len,
			   const char *flood, size_t flood_len, const char *evidence)
{
	static struct site site;
	struct server hostile, good;
	struct pool *pool;

	site_init(&site);
	server_start(&hostile, site.base, SERVER_ACCEPTS);
	server_can(&hostile, says, len);
	server_flood(&hostile, flood, flood_len);
	server_start(&good, site.base, SERVER_OK);
	pool = site_add(&site, CONFIG_CHECK_HTTP, hostile.port);
	pool->check.http_version = version;
	pool->check.timeout_us = DEADLINE;
	pool->check.fall = 1;
	site_add(&site, CONFIG_CHECK_HTTP, good.port);
	site_configure(&site);
	daemon_start(&site);
	expect(&site, pool, REAL_DOWN, PROBE_TOO_LARGE, evidence);
	expect(&site, &site.pools[1], REAL_UP, PROBE_OK, "HTTP 200");
	server_stop(&hostile);
	server_stop(&good);
	site_fini(&site);
}

TEST(web, floods_of_frames_end_early)
{
	static char acks[17 * 1000], empties[9 * 1000];

	for (size_t i = 0; i < 1000; i++) {
		memcpy(acks + 17 * i, PING_ACK, 17);
		memcpy(empties + 9 * i, EMPTY_DATA, 9);
	}
	expect_bounded(CONFIG_HTTP_2, BYTES(H2), acks, sizeof(acks),
		       "more than 1280 KiB were sent");
	expect_bounded(CONFIG_HTTP_2, BYTES(H2 HEADERS_200), empties, sizeof(empties),
		       "more than 1280 KiB were sent");
}

/* Answers that are none yet, and the extension of a chunk that never begins. */
TEST(web, floods_before_an_answer_and_in_its_seams_end_early)
{
	expect_bounded(CONFIG_HTTP_1_1, BYTES(CONTINUE), BYTES(CONTINUE),
		       "the headers are larger than 64 KiB");
	expect_bounded(CONFIG_HTTP_1_1, BYTES(EXTENSION), flood_a, sizeof(flood_a),
		       "more than 1280 KiB were sent");
}

/* ---- what is asked for ---- */

TEST(web, asks_as_configured)
{
	static const char *const headers[] = { "X-Probe: yes",
					       "X-Empty:", "User-Agent: operator/1" };
	static struct site site;
	struct server server;
	struct pool *pool;

	site_init(&site);
	server_start(&server, site.base, SERVER_NO_CONTENT);
	pool = site_add(&site, CONFIG_CHECK_HTTP, server.port);
	pool->check.method = CONFIG_METHOD_HEAD;
	pool->check.headers = headers;
	pool->check.n_headers = 3;
	site_configure(&site);
	daemon_start(&site);
	expect(&site, pool, REAL_UP, PROBE_OK, "HTTP 204");
	assert_non_null(strstr(server.last_request, "HEAD /healthz HTTP/1.1\r\n"));
	assert_non_null(strstr(server.last_request, "\r\nX-Probe: yes\r\n"));
	assert_non_null(strstr(server.last_request, "\r\nX-Empty:\r\n"));
	assert_non_null(strstr(server.last_request, "\r\nUser-Agent: operator/1\r\n"));
	assert_null(strstr(server.last_request, "shoal-probe"));
	pool->check.method = CONFIG_METHOD_OPTIONS;
	pool->check.n_headers = 0;
	site_configure(&site);
	assert_true(WAIT_FOR(&site, strstr(server.last_request, "OPTIONS /healthz HTTP/1.1\r\n")));
	assert_non_null(strstr(server.last_request, "\r\nUser-Agent: shoal-probe/"));
	assert_null(strstr(server.last_request, "X-Probe"));
	server_stop(&server);
	site_fini(&site);
}

static const struct CMUnitTest tests[] = {
	T(web, looks_into_answers_and_names_what_is_wrong),
	T(web, asks_the_health_service_of_grpc),
	T(web, floods_of_frames_end_early),
	T(web, floods_before_an_answer_and_in_its_seams_end_early),
	T(web, asks_as_configured),
};

int main(int argc, char **argv)
{
	static const char large[] = "HTTP/1.1 200 OK\r\nContent-Length: 81880\r\n\r\n";

	if (argc != 2) {
		fprintf(stderr, "usage: %s SHOAL-PROBE\n", argv[0]);
		return 2;
	}
	site_set_program(argv[1]);
	memset(flood_a, 'a', sizeof(flood_a));
	memset(match_after_window, 'x', sizeof(match_after_window));
	memcpy(match_after_window, large, sizeof(large) - 1);
	memcpy(match_after_window + 70 * 1024, "needle", 6);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
