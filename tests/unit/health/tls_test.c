/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks that speak TLS: handshake, names, certificates, ALPN, and servers that mean harm. The
 * real shoal-probe against OpenSSL, and against bytes that are no TLS.
 */
#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/test.h"
#include "tests/unit/health/probe_site.h"
#include "tests/unit/health/servers.h"

#define WWW "www.example.net"

/* ---- against real TLS ---- */

enum { OUR_CA, THEIR_CA };

static const char *const http11[] = { "http/1.1" }, *const h2[] = { "h2" },
			 *const both[] = { "h2", "http/1.1" };

static const struct meeting {
	const char *name; /* in the server's certificate */
	long ends_in_s;
	int ca;
	enum config_check_type type;
	const char *host, *sni;
	bool is_unverified;
	const char *const *alpn;
	size_t n_alpn;
	enum config_http_version http_version;
	enum real_state state;
	enum probe_reason reason;
	const char *evidence;
} meetings[] = {
	{ WWW, 7200, OUR_CA, CONFIG_CHECK_TLS, WWW, .state = REAL_UP, .reason = PROBE_OK,
	  .evidence = "TLSv1.3 in " },
	{ WWW, 7200, OUR_CA, CONFIG_CHECK_TLS, WWW, .alpn = http11, .n_alpn = 1, .state = REAL_UP,
	  .reason = PROBE_OK, .evidence = ", certificate until 20" },
	{ WWW, 7200, OUR_CA, CONFIG_CHECK_TLS, WWW, .alpn = both, .n_alpn = 2, .state = REAL_UP,
	  .reason = PROBE_OK, .evidence = "TLSv1.3 in " },
	{ WWW, 7200, OUR_CA, CONFIG_CHECK_TLS, WWW, .alpn = h2, .n_alpn = 1, .state = REAL_DOWN,
	  .reason = PROBE_PROTOCOL_ERROR,
	  .evidence = "the server chose none of the protocols that alpn offers" },
	{ "mail.example.net", 7200, OUR_CA, CONFIG_CHECK_TLS, WWW, .state = REAL_DOWN,
	  .reason = PROBE_TLS_ERROR, .evidence = "the certificate is not for " WWW },
	{ "127.0.0.1", 7200, OUR_CA, CONFIG_CHECK_TLS, .state = REAL_UP, .reason = PROBE_OK,
	  .evidence = "TLSv1.3 in " },
	{ WWW, 7200, OUR_CA, CONFIG_CHECK_TLS, .state = REAL_DOWN, .reason = PROBE_TLS_ERROR,
	  .evidence = "the certificate is not for 127.0.0.1" },
	{ WWW, 7200, OUR_CA, CONFIG_CHECK_TLS, .host = "other.example.net", .sni = WWW,
	  .state = REAL_UP, .reason = PROBE_OK, .evidence = "TLSv1.3 in " },
	{ WWW, -60, OUR_CA, CONFIG_CHECK_TLS, WWW, .state = REAL_DOWN, .reason = PROBE_TLS_ERROR,
	  .evidence = "the certificate has expired: it ended 20" },
	{ WWW, 7200, THEIR_CA, CONFIG_CHECK_TLS, WWW, .state = REAL_DOWN, .reason = PROBE_TLS_ERROR,
	  .evidence = "unable to get local issuer certificate" },
	{ "mail.example.net", -60, THEIR_CA, CONFIG_CHECK_TLS, WWW, .is_unverified = true,
	  .state = REAL_UP, .reason = PROBE_OK, .evidence = "TLSv1.3 in " },
	/* ---- https ---- */
	{ WWW, -60, OUR_CA, CONFIG_CHECK_HTTPS, WWW, .state = REAL_DOWN, .reason = PROBE_TLS_ERROR,
	  .evidence = "the certificate has expired: it ended 20" },
	{ "mail.example.net", -60, THEIR_CA, CONFIG_CHECK_HTTPS, WWW, .is_unverified = true,
	  .state = REAL_UP, .reason = PROBE_OK, .evidence = "HTTP 200 in " },
	{ WWW, 7200, OUR_CA, CONFIG_CHECK_HTTPS, .host = "other.example.net", .sni = WWW,
	  .state = REAL_UP, .reason = PROBE_OK, .evidence = "HTTP 200 in " },
	{ WWW, 7200, OUR_CA, CONFIG_CHECK_HTTPS, WWW, .http_version = CONFIG_HTTP_2,
	  .state = REAL_DOWN, .reason = PROBE_PROTOCOL_ERROR,
	  .evidence = "the server does not speak HTTP/2" },
};

#define N_MEETINGS (sizeof(meetings) / sizeof(meetings[0]))

static void add_meeting(struct site *site, const struct meeting *meeting, uint16_t port,
			const char *ca)
{
	struct pool *pool = site_add(site, meeting->type, port);

	pool->check.host = meeting->host;
	pool->check.sni = meeting->sni;
	pool->check.verify = !meeting->is_unverified;
	pool->check.alpn = meeting->alpn;
	pool->check.n_alpn = meeting->n_alpn;
	pool->check.http_version = meeting->http_version;
	pool->check.ca_file = ca;
	pool->check.timeout_us = 2 * USEC_PER_SEC;
}

TEST(tls, judges_handshakes_names_and_certificates)
{
	static struct site site;
	struct tls_server servers[N_MEETINGS];
	struct tls_files ours, theirs;

	site_init(&site);
	tls_make_ca(&theirs, site.directory, "theirs");
	for (size_t i = 0; i < N_MEETINGS; i++)
		if (meetings[i].ca == THEIR_CA)
			tls_server_start_until(&servers[i], meetings[i].name,
					       meetings[i].ends_in_s);
	tls_make_ca(&ours, site.directory, "ours");
	for (size_t i = 0; i < N_MEETINGS; i++)
		if (meetings[i].ca == OUR_CA)
			tls_server_start_until(&servers[i], meetings[i].name,
					       meetings[i].ends_in_s);
	for (size_t i = 0; i < N_MEETINGS; i++)
		add_meeting(&site, &meetings[i], servers[i].port, ours.ca);
	site_configure(&site);
	daemon_start(&site);
	for (size_t i = 0; i < N_MEETINGS; i++)
		expect(&site, &site.pools[i], meetings[i].state, meetings[i].reason,
		       meetings[i].evidence);
	for (size_t i = 0; i < N_MEETINGS; i++)
		tls_server_stop(&servers[i]);
	tls_remove_ca(&ours);
	tls_remove_ca(&theirs);
	site_fini(&site);
}

/* ---- before a certificate ends ---- */

#define DAY (24L * 3600)

static const struct {
	enum config_check_type type;
	long ends_in_s;
	usec_t warning_us;
	bool is_warned;
	const char *evidence;
} ends[] = {
	{ CONFIG_CHECK_TLS, 3 * DAY, 14 * DAY *USEC_PER_SEC, true, ", certificate until 20" },
	{ CONFIG_CHECK_HTTPS, 3 * DAY, 14 * DAY *USEC_PER_SEC, true, "HTTP 200 in " },
	{ CONFIG_CHECK_TLS, 30 * DAY, 14 * DAY *USEC_PER_SEC, false, "TLSv1.3 in " },
	{ CONFIG_CHECK_HTTPS, 30 * DAY, 14 * DAY *USEC_PER_SEC, false, "HTTP 200 in " },
	{ CONFIG_CHECK_TLS, 3 * DAY, 0, false, "TLSv1.3 in " },
	/* The CA of these tests ends in 300 days, and is part of the chain. */
	{ CONFIG_CHECK_TLS, 3 * 365 * DAY, 290 * DAY *USEC_PER_SEC, false, "TLSv1.3 in " },
	{ CONFIG_CHECK_TLS, 3 * 365 * DAY, 310 * DAY *USEC_PER_SEC, true, "TLSv1.3 in " },
};

#define N_ENDS (sizeof(ends) / sizeof(ends[0]))

TEST(tls, warns_of_certificates_that_end_soon)
{
	static struct site site;
	struct tls_server servers[N_ENDS];
	struct tls_files ca;
	uint64_t now = usec_wall() / USEC_PER_SEC;

	site_init(&site);
	tls_make_ca(&ca, site.directory, "ca");
	for (size_t i = 0; i < N_ENDS; i++) {
		struct pool *pool;

		tls_server_start_until(&servers[i], WWW, ends[i].ends_in_s);
		pool = site_add(&site, ends[i].type, servers[i].port);
		pool->check.host = WWW;
		pool->check.ca_file = ca.ca;
		pool->check.expiry_warning_us = ends[i].warning_us;
		pool->check.timeout_us = 2 * USEC_PER_SEC;
	}
	site_configure(&site);
	daemon_start(&site);
	for (size_t i = 0; i < N_ENDS; i++) {
		const struct core_verdict *verdict = &site.pools[i].verdict;

		expect(&site, &site.pools[i], REAL_UP, PROBE_OK, ends[i].evidence);
		assert_int_equal(verdict->cert_ends != 0, ends[i].is_warned);
		if (ends[i].is_warned)
			assert_true(verdict->cert_ends > now);
		assert_int_equal(strstr(verdict->evidence, "; its certificate ends 20") != NULL,
				 ends[i].is_warned && ends[i].type == CONFIG_CHECK_HTTPS);
	}
	for (size_t i = 0; i < N_ENDS; i++)
		tls_server_stop(&servers[i]);
	tls_remove_ca(&ca);
	site_fini(&site);
}

/* ---- against what is no TLS, or no end of it ---- */

static char hello_requests[9 * 1000];

static const struct {
	enum behaviour behaviour;
	enum config_check_type type;
	bool is_flood;
	enum probe_reason reason;
	const char *evidence;
} strangers[] = {
	{ SERVER_GARBAGE, CONFIG_CHECK_TLS, false, PROBE_TLS_ERROR, "wrong version number" },
	/* The head of a record longer than what comes of it. */
	{ SERVER_BINARY, CONFIG_CHECK_TLS, false, PROBE_CLOSED, "closed in the TLS handshake" },
	{ SERVER_ACCEPTS, CONFIG_CHECK_TLS, false, PROBE_TIMEOUT, "waiting for the TLS handshake" },
	{ SERVER_CLOSES, CONFIG_CHECK_TLS, false, PROBE_CLOSED, "closed in the TLS handshake" },
	{ SERVER_RESETS, CONFIG_CHECK_TLS, false, PROBE_RESET, "reset" },
	{ SERVER_REFUSES, CONFIG_CHECK_TLS, false, PROBE_REFUSED, "refused" },
	/* Messages that a client is to pass over (RFC 5246, 7.4.1.1), without end. */
	{ SERVER_ACCEPTS, CONFIG_CHECK_TLS, true, PROBE_TOO_LARGE, "more than 256 KiB" },
	{ SERVER_ACCEPTS, CONFIG_CHECK_HTTPS, true, PROBE_TOO_LARGE, "more than 1280 KiB" },
};

#define N_STRANGERS (sizeof(strangers) / sizeof(strangers[0]))

TEST(tls, bounds_and_names_what_is_no_tls)
{
	static struct site site;
	struct server servers[N_STRANGERS];
	struct tls_files ca;

	for (size_t i = 0; i < sizeof(hello_requests); i += 9)
		memcpy(hello_requests + i, "\x16\3\3\0\4\0\0\0\0", 9);
	site_init(&site);
	tls_make_ca(&ca, site.directory, "ca");
	for (size_t i = 0; i < N_STRANGERS; i++) {
		struct pool *pool;

		server_start(&servers[i], site.base, strangers[i].behaviour);
		if (strangers[i].is_flood) {
			server_can(&servers[i], hello_requests, sizeof(hello_requests));
			server_flood(&servers[i], hello_requests, sizeof(hello_requests));
		}
		pool = site_add(&site, strangers[i].type, servers[i].port);
		pool->check.ca_file = ca.ca;
		if (strangers[i].is_flood) {
			pool->check.timeout_us = DEADLINE;
			pool->check.fall = 1;
		}
	}
	site_configure(&site);
	tls_remove_ca(&ca);
	daemon_start(&site);
	for (size_t i = 0; i < N_STRANGERS; i++)
		expect(&site, &site.pools[i], REAL_DOWN, strangers[i].reason,
		       strangers[i].evidence);
	for (size_t i = 0; i < N_STRANGERS; i++)
		server_stop(&servers[i]);
	site_fini(&site);
}

static const struct CMUnitTest tests[] = {
	T(tls, judges_handshakes_names_and_certificates),
	T(tls, warns_of_certificates_that_end_soon),
	T(tls, bounds_and_names_what_is_no_tls),
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
