/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kinds_lab.c - the checks of HTTP, TLS and gRPC against nginx, openssl s_server and grpcio, which
 * tests/lab/kinds_tls_test.sh has started on the ports below.
 */
#include <event2/event.h>
#include <stdio.h>

#include "tests/lib/test.h"
#include "tests/unit/health/probe_site.h"

#define WWW "www.example.net"

static const char *ca_file;
static const char *const headers[] = { "X-Probe: yes" };
static const char *const h2[] = { "h2" }, *const spdy[] = { "spdy/1" };

static const struct row {
	struct config_check check; /* what differs from a plain one */
	enum real_state state;
	enum probe_reason reason;
	const char *evidence;
	bool is_warned;
} rows[] = {
	/* ---- nginx ---- */
	{ { .type = CONFIG_CHECK_HTTP, .port = 8080, .body_contains = "status: ok" },
	  .state = REAL_UP,
	  .reason = PROBE_OK,
	  .evidence = "HTTP 200 in " },
	{ { .type = CONFIG_CHECK_HTTP, .port = 8080, .body_matches = "^status: fine" },
	  .state = REAL_DOWN,
	  .reason = PROBE_UNEXPECTED,
	  .evidence = "the body does not match: \"status: ok" },
	{ { .type = CONFIG_CHECK_HTTP, .port = 8080, .path = "/moved" },
	  .state = REAL_DOWN,
	  .reason = PROBE_HTTP_STATUS,
	  .evidence = "HTTP 302 in " },
	{ { .type = CONFIG_CHECK_HTTP, .port = 8080, .path = "/other" },
	  .state = REAL_DOWN,
	  .reason = PROBE_HTTP_STATUS,
	  .evidence = "HTTP 503 in " },
	{ { .type = CONFIG_CHECK_HTTP,
	    .port = 8080,
	    .path = "/who",
	    .host = WWW,
	    .headers = headers,
	    .n_headers = 1,
	    .body_matches = "^GET HTTP/1\\.1 www\\.example\\.net:8080 yes " },
	  .state = REAL_UP,
	  .reason = PROBE_OK,
	  .evidence = "HTTP 200 in " },
	{ { .type = CONFIG_CHECK_HTTP, .port = 8080, .method = CONFIG_METHOD_HEAD },
	  .state = REAL_UP,
	  .reason = PROBE_OK,
	  .evidence = "HTTP 200 in " },
	{ { .type = CONFIG_CHECK_HTTP,
	    .port = 8081,
	    .path = "/who",
	    .host = WWW,
	    .http_version = CONFIG_HTTP_2,
	    .headers = headers,
	    .n_headers = 1,
	    .body_matches = "^GET HTTP/2\\.0 www\\.example\\.net:8081 yes " },
	  .state = REAL_UP,
	  .reason = PROBE_OK,
	  .evidence = "HTTP 200 in " },
	{ { .type = CONFIG_CHECK_HTTP, .port = 8080, .http_version = CONFIG_HTTP_2 },
	  .state = REAL_DOWN,
	  .reason = PROBE_PROTOCOL_ERROR,
	  .evidence = "" },
	{ { .type = CONFIG_CHECK_HTTPS,
	    .port = 8443,
	    .path = "/who",
	    .host = WWW,
	    .http_version = CONFIG_HTTP_2,
	    .body_matches = "^GET HTTP/2\\.0 .* " WWW "$" },
	  REAL_UP,
	  PROBE_OK,
	  "; its certificate ends 20",
	  true },
	{ { .type = CONFIG_CHECK_HTTPS,
	    .port = 8443,
	    .path = "/who",
	    .host = "a.example",
	    .sni = WWW,
	    .body_matches = "^GET HTTP/1\\.1 a\\.example:8443  " WWW "$" },
	  REAL_UP,
	  PROBE_OK,
	  "; its certificate ends 20",
	  true },
	{ { .type = CONFIG_CHECK_HTTPS, .port = 8080, .host = WWW },
	  .state = REAL_DOWN,
	  .reason = PROBE_TLS_ERROR,
	  .evidence = "" },
	/* ---- openssl s_server ---- */
	{ { .type = CONFIG_CHECK_TLS, .port = 9443, .host = WWW, .alpn = h2, .n_alpn = 1 },
	  .state = REAL_UP,
	  .reason = PROBE_OK,
	  .evidence = "TLSv1.3 in " },
	{ { .type = CONFIG_CHECK_TLS, .port = 9443, .host = WWW, .alpn = spdy, .n_alpn = 1 },
	  .state = REAL_DOWN,
	  .reason = PROBE_TLS_ERROR,
	  .evidence = "no application protocol" },
	{ { .type = CONFIG_CHECK_TLS, .port = 9444, .host = WWW },
	  .state = REAL_DOWN,
	  .reason = PROBE_TLS_ERROR,
	  .evidence = "the certificate has expired: it ended 20" },
	{ { .type = CONFIG_CHECK_TLS, .port = 9445, .host = WWW },
	  .state = REAL_DOWN,
	  .reason = PROBE_TLS_ERROR,
	  .evidence = "the certificate is not for " WWW },
	{ { .type = CONFIG_CHECK_TLS, .port = 9446, .host = WWW },
	  .state = REAL_DOWN,
	  .reason = PROBE_TLS_ERROR,
	  .evidence = "self-signed certificate" },
	{ { .type = CONFIG_CHECK_TLS, .port = 8443, .host = WWW },
	  .state = REAL_UP,
	  .reason = PROBE_OK,
	  .evidence = ", certificate until 20",
	  true },
	{ { .type = CONFIG_CHECK_TLS, .port = 8080, .host = WWW },
	  .state = REAL_DOWN,
	  .reason = PROBE_TLS_ERROR,
	  .evidence = "wrong version number" },
	/* ---- gRPC ---- */
	{ { .type = CONFIG_CHECK_GRPC, .port = 50051 },
	  .state = REAL_UP,
	  .reason = PROBE_OK,
	  .evidence = "SERVING in " },
	{ { .type = CONFIG_CHECK_GRPC, .port = 50051, .grpc_service = "shop.Cart" },
	  .state = REAL_UP,
	  .reason = PROBE_OK,
	  .evidence = "SERVING in " },
	{ { .type = CONFIG_CHECK_GRPC, .port = 50051, .grpc_service = "shop.Till" },
	  .state = REAL_DOWN,
	  .reason = PROBE_GRPC_STATUS,
	  .evidence = "NOT_SERVING in " },
	{ { .type = CONFIG_CHECK_GRPC, .port = 50051, .grpc_service = "shop.Door" },
	  .state = REAL_DOWN,
	  .reason = PROBE_GRPC_STATUS,
	  .evidence = "grpc-status 5 (NOT_FOUND): unknown service" },
	{ { .type = CONFIG_CHECK_GRPC, .port = 50052, .tls = true, .host = WWW },
	  .state = REAL_UP,
	  .reason = PROBE_OK,
	  .evidence = "SERVING in " },
	{ { .type = CONFIG_CHECK_GRPC, .port = 50052, .tls = true, .host = "a.example" },
	  .state = REAL_DOWN,
	  .reason = PROBE_TLS_ERROR,
	  .evidence = "a.example" },
	{ { .type = CONFIG_CHECK_GRPC, .port = 8081 },
	  .state = REAL_DOWN,
	  .reason = PROBE_HTTP_STATUS,
	  .evidence = "HTTP 503" },
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static void add_row(struct site *site, const struct config_check *wanted)
{
	struct config_check *check = &site_add(site, wanted->type, wanted->port)->check;
	struct config_check plain = *check;

	*check = *wanted;
	check->name = plain.name;
	check->path = wanted->path ? wanted->path : plain.path;
	check->status = plain.status;
	check->n_status = plain.n_status;
	check->interval_us = check->slow_interval_us = USEC_PER_SEC;
	check->fast_interval_us = 100 * USEC_PER_MSEC;
	check->timeout_us = 2 * USEC_PER_SEC;
	check->rise = plain.rise;
	check->fall = plain.fall;
	check->via = plain.via;
	check->verify = true;
	check->ca_file = ca_file;
	check->expiry_warning_us = 14 * 24 * 3600 * USEC_PER_SEC;
}

TEST(kinds, judge_real_servers)
{
	static struct site site;

	site_init(&site);
	for (size_t i = 0; i < N_ROWS; i++)
		add_row(&site, &rows[i].check);
	site_configure(&site);
	daemon_start(&site);
	for (size_t i = 0; i < N_ROWS; i++) {
		expect(&site, &site.pools[i], rows[i].state, rows[i].reason, rows[i].evidence);
		assert_int_equal(site.pools[i].verdict.cert_ends != 0, rows[i].is_warned);
	}
	site_fini(&site);
}

static const struct CMUnitTest tests[] = {
	T(kinds, judge_real_servers),
};

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: %s SHOAL-PROBE CA-FILE\n", argv[0]);
		return 2;
	}
	site_set_program(argv[1]);
	ca_file = argv[2];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
