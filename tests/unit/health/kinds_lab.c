/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kinds_lab.c - every kind of check but exec against servers that others wrote: nginx, openssl
 * s_server, grpcio, dnsmasq and the kernel, which tests/lab/kinds_servers_test.sh has started on
 * the ports below. Servers that say what they should not are in the tests beside this.
 */
#include <event2/event.h>
#include <stdio.h>

#include "tests/lib/test.h"
#include "tests/unit/health/probe_site.h"

#define WWW "www.example.net"

#define BYTES(text)                                                                                \
	{                                                                                          \
		(const uint8_t *)(text), sizeof(text) - 1                                          \
	}
#define DNS(name, type_of)                                                                         \
	.type = CONFIG_CHECK_DNS, .port = 5300, .query = (name), .record = CONFIG_RECORD_##type_of
#define OVER_TCP .transport = CONFIG_TRANSPORT_TCP

static const char *ca_file;
static const char *const headers[] = { "X-Probe: yes" };
static const char *const
	address[] = { "192.0.2.1" },
	*const other[] = { "192.0.2.2" }, *const address6[] = { "2001:0db8:0::1" },
	*const mail[] = { "10 MAIL.example.net" }, *const text[] = { "\"v=spf1 -all\"" },
	*const issuer[] = { "0 issue \"ca.example.net\"" },
	*const service[] = { "1 2 443 www.example.net." }, *const name[] = { "www.example.net" };
static const char *const h2[] = { "h2" }, *const spdy[] = { "spdy/1" };

static const struct row {
	struct config_check check; /* what differs from a plain one */
	enum real_state state;
	enum probe_reason reason;
	const char *evidence;
	bool is_warned, is_ipv6;
} rows[] = {
	/* ---- tcp ---- */
	{ { .type = CONFIG_CHECK_TCP, .port = 8080 },
	  .state = REAL_UP,
	  .reason = PROBE_OK,
	  .evidence = "connected in " },
	{ { .type = CONFIG_CHECK_TCP,
	    .port = 8080,
	    .send = BYTES("GET / HTTP/1.0\r\n\r\n"),
	    .expect = BYTES("503 Service") },
	  .state = REAL_UP,
	  .reason = PROBE_OK,
	  .evidence = "expected answer in ",
	  .is_ipv6 = true },
	{ { .type = CONFIG_CHECK_TCP,
	    .port = 8080,
	    .send = BYTES("GET / HTTP/1.0\r\n\r\n"),
	    .expect = BYTES("200 OK") },
	  .state = REAL_DOWN,
	  .reason = PROBE_UNEXPECTED,
	  .evidence = "HTTP/1.1 503" },
	{ { .type = CONFIG_CHECK_TCP, .port = 9999 },
	  .state = REAL_DOWN,
	  .reason = PROBE_REFUSED,
	  .evidence = "Connection refused" },
	/* ---- udp ---- */
	{ { .type = CONFIG_CHECK_UDP,
	    .port = 5007,
	    .send = BYTES("who"),
	    .expect = BYTES("web1\n") },
	  .state = REAL_UP,
	  .reason = PROBE_OK,
	  .evidence = "expected answer in " },
	{ { .type = CONFIG_CHECK_UDP, .port = 5007 },
	  .state = REAL_UP,
	  .reason = PROBE_OK,
	  .evidence = "",
	  .is_ipv6 = true },
	{ { .type = CONFIG_CHECK_UDP, .port = 5007, .expect = BYTES("web2") },
	  .state = REAL_DOWN,
	  .reason = PROBE_UNEXPECTED,
	  .evidence = "another answer: \"web1\\n\"" },
	{ { .type = CONFIG_CHECK_UDP, .port = 9999 },
	  .state = REAL_DOWN,
	  .reason = PROBE_REFUSED,
	  .evidence = "Connection refused",
	  .is_ipv6 = true },
	/* ---- icmp ---- */
	{ { .type = CONFIG_CHECK_ICMP },
	  .state = REAL_UP,
	  .reason = PROBE_OK,
	  .evidence = "echo in " },
	{ { .type = CONFIG_CHECK_ICMP },
	  .state = REAL_UP,
	  .reason = PROBE_OK,
	  .evidence = "echo in ",
	  .is_ipv6 = true },
	/* ---- dnsmasq ---- */
	{ { DNS("www.example.net", A), .answers = address, .n_answers = 1 },
	  .state = REAL_UP,
	  .reason = PROBE_OK,
	  .evidence = "noerror, 1 records in " },
	{ { DNS("www.example.net", A), .answers = other, .n_answers = 1 },
	  .state = REAL_DOWN,
	  .reason = PROBE_UNEXPECTED,
	  .evidence = "no answer 192.0.2.2, but 192.0.2.1" },
	{ { DNS("www.example.net", AAAA), .answers = address6, .n_answers = 1 },
	  .state = REAL_UP,
	  .reason = PROBE_OK,
	  .evidence = "noerror",
	  .is_ipv6 = true },
	{ { DNS("example.net", MX), OVER_TCP, .answers = mail, .n_answers = 1 },
	  .state = REAL_UP,
	  .reason = PROBE_OK,
	  .evidence = "noerror" },
	{ { DNS("example.net", TXT), .answers = text, .n_answers = 1 },
	  .state = REAL_UP,
	  .reason = PROBE_OK,
	  .evidence = "noerror" },
	{ { DNS("example.net", CAA), .answers = issuer, .n_answers = 1 },
	  .state = REAL_UP,
	  .reason = PROBE_OK,
	  .evidence = "noerror" },
	{ { DNS("_https._tcp.example.net", SRV), .answers = service, .n_answers = 1 },
	  .state = REAL_UP,
	  .reason = PROBE_OK,
	  .evidence = "noerror" },
	{ { DNS("1.2.0.192.in-addr.arpa", PTR), OVER_TCP, .answers = name, .n_answers = 1 },
	  .state = REAL_UP,
	  .reason = PROBE_OK,
	  .evidence = "noerror",
	  .is_ipv6 = true },
	{ { DNS("alias.example.net", CNAME), .answers = name, .n_answers = 1 },
	  .state = REAL_UP,
	  .reason = PROBE_OK,
	  .evidence = "noerror" },
	{ { DNS("alias.example.net", A), .answers = address, .n_answers = 1 },
	  .state = REAL_UP,
	  .reason = PROBE_OK,
	  .evidence = "noerror" },
	{ { DNS("www.example.net", MX) },
	  .state = REAL_DOWN,
	  .reason = PROBE_UNEXPECTED,
	  .evidence = "no such record" },
	{ { DNS("nowhere.example.net", A) },
	  .state = REAL_DOWN,
	  .reason = PROBE_DNS_RCODE,
	  .evidence = "nxdomain, not noerror" },
	{ { DNS("nowhere.example.net", A), OVER_TCP, .rcode = CONFIG_RCODE_NXDOMAIN },
	  .state = REAL_UP,
	  .reason = PROBE_OK,
	  .evidence = "nxdomain" },
	{ { DNS("www.example.org", A), .rcode = CONFIG_RCODE_REFUSED },
	  .state = REAL_UP,
	  .reason = PROBE_OK,
	  .evidence = "refused" },
	{ { .type = CONFIG_CHECK_DNS,
	    .port = 8080,
	    .query = "www.example.net",
	    .record = CONFIG_RECORD_A,
	    OVER_TCP },
	  .state = REAL_DOWN,
	  .reason = PROBE_TOO_LARGE, /* "HT" is a length there */
	  .evidence = "the answer is larger than 16 KiB" },
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
	  .state = REAL_UP,
	  .reason = PROBE_OK,
	  .evidence = "; its certificate ends 20",
	  .is_warned = true },
	{ { .type = CONFIG_CHECK_HTTPS,
	    .port = 8443,
	    .path = "/who",
	    .host = "a.example",
	    .sni = WWW,
	    .body_matches = "^GET HTTP/1\\.1 a\\.example:8443  " WWW "$" },
	  .state = REAL_UP,
	  .reason = PROBE_OK,
	  .evidence = "; its certificate ends 20",
	  .is_warned = true },
	{ { .type = CONFIG_CHECK_HTTPS, .port = 8080, .host = WWW },
	  .state = REAL_DOWN,
	  .reason = PROBE_TLS_ERROR,
	  .evidence = "" },
	{ { .type = CONFIG_CHECK_HTTPS, .port = 8443, .path = "/healthz", .host = WWW },
	  .state = REAL_UP,
	  .reason = PROBE_OK,
	  .evidence = "HTTP 200 in ",
	  .is_warned = true,
	  .is_ipv6 = true },
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
	  .is_warned = true },
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

static void add_row(struct site *site, const struct row *row)
{
	const struct config_check *wanted = &row->check;
	struct pool *pool = site_add(site, wanted->type, wanted->port);
	struct config_check *check = &pool->check, plain = *check;

	if (row->is_ipv6)
		assert_int_equal(addr_parse("::1", &pool->real.addr), 0);

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
		add_row(&site, &rows[i]);
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
