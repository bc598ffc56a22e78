/* SPDX-License-Identifier: Apache-2.0 */
/*
 * errors_test.c - every rule a file can break, once each, with the exact place and sentence.
 *
 * A case is one line of YAML put into a good file in place of a line that it names; the finding
 * must be the only error, at the column where the text after the case's marker begins.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/config/config.h"
#include "tests/lib/test.h"

/* The good file: `@x` marks lines a case can replace; the marks are cut out. */
static const char base[] =
	"node:\n"
	"  name: lb1\n"
	"  uplinks: [eth0]\n"
	"@node  mtu: 1600\n"
	"routing:\n"
	"  local-as: 65010\n"
	"  vip-ranges: [203.0.113.0/24, '2001:db8:cafe::/48']\n"
	"@routing  peers: {tor1: 10.0.2.1, tor2: eth1}\n"
	"checks:\n"
	"@check  up: {type: tcp}\n"
	"@checks  page: {type: http, port: 80}\n"
	"pools:\n"
	"  web:\n"
	"@pool    check: [up, page]\n"
	"@pool2    encap: ipip\n"
	"    reals:\n"
	"      web1: 10.1.0.11\n"
	"@real      web2: 10.1.0.12\n"
	"vips:\n"
	"  www:\n"
	"@vip    address: 203.0.113.10\n"
	"@vip2    unserved: drop\n"
	"    services:\n"
	"      - {tcp: 80, pool: web}\n"
	"@service      - {tcp: 443, pool: web}\n"
	"@vips  six: {address: '2001:db8:cafe::1', services: [{tcp: 80, pool: web}]}\n"
	"@top";

struct mistake {
	const char *mark;     /* which line */
	const char *line;     /* what stands there; `^` precedes the place and is cut out */
	const char *sentence; /* of the first error, or its beginning */
	bool is_warning;      /* of the first warning instead; no error then */
};

static const struct mistake mistakes[] = {
	/* ---- keys and shapes ---- */
	{ "top", "^vip: {}", "unknown key 'vip' in the file, did you mean 'vips'?", false },
	{ "node", "  ^mtuu: 1600", "unknown key 'mtuu' in node, did you mean 'mtu'?", false },
	{ "node", "  ^hash-key: x",
	  "unknown key 'hash-key' in node; secrets are read from files, "
	  "write hash-key-file",
	  false },
	{ "node", "  ^linger: 5s", "unknown key 'linger' in node; it belongs in routing", false },
	{ "pool2", "    ^zzzzzz: 1", "unknown key 'zzzzzz' in pool; known are check, encap",
	  false },
	{ "node", "  mtu: 1600\n  ^mtu: 1600", "duplicate key 'mtu', first at line 4", false },
	{ "node", "  mtu: ^[1600]", "mtu: a list where one value is expected; write a plain number",
	  false },
	{ "node", "  mtu: ^{a: 1}",
	  "mtu: a mapping where one value is expected; write a plain number", false },
	{ "node", "  ^encap-source:", "encap-source: nothing where a mapping is expected", false },
	{ "node", "  encap-source: ^auto", "encap-source: 'auto' where a mapping is expected",
	  false },
	{ "vip2", "    communities: [\"65010:100\", ^{a: b}]",
	  "communities: a mapping where one value is expected", false },
	{ "vip2", "    ^communities: {a: b}", "communities: a mapping where a list is expected",
	  false },
	{ "node", "  mtu: ^\"16\\e00\"", "text must not hold control characters or line breaks",
	  false },
	/* ---- node ---- */
	{ "node", "  mtu: ^500", "mtu: '500' is out of bounds; allowed is 576 to 65535", false },
	{ "node", "  mtu: ^big", "mtu: 'big' is no number; write a plain number", false },
	{ "node", "  mtu: ^1299",
	  "mtu: vip 'six' (line 26) is IPv6, which needs at least 1300: 1280 for "
	  "its packets and 20 around them to pool 'web'",
	  false },
	{ "node", "  client-mtu: ^1279",
	  "client-mtu: vip 'six' (line 26) is IPv6, which needs at "
	  "least 1280",
	  false },
	{ "node", "  xdp-mode: ^fast",
	  "xdp-mode: 'fast' is not known; write auto, native or generic", false },
	{ "node", "  next-hop: ^10.0.0.1", "next-hop: '10.0.0.1' is no MAC address", false },
	{ "node", "  encap-source: {ipv4: ^2001:db8::1}", "ipv4: '2001:db8::1' is no IPv4 address",
	  false },
	{ "node", "  encap-source: {ipv4: ^127.0.0.1}",
	  "encap-source: 127.0.0.1 is a loopback address", false },
	{ "node", "  encap-source: {ipv4: ^203.0.113.10}",
	  "encap-source: 203.0.113.10 is an address of vip 'www' (line 20)", false },
	{ "node", "  hash-key-file: ^key", "hash-key-file: 'key' is no file name", false },
	/* ---- routing ---- */
	{ "routing", "  peers: {tor1: 10.0.2.1, tor2: ^10.0.2.1}",
	  "peer 'tor2' is peer 'tor1' (line 8) again", false },
	{ "routing", "  peers: {tor1: ^10.0.2.300}", "address: '10.0.2.300' is no address", false },
	{ "routing", "  peers: {tor1: ^seventeen-letters}",
	  "address: 'seventeen-letters' is no interface name", false },
	{ "routing", "  peers: {tor1: ^203.0.113.10}",
	  "peers: 203.0.113.10 is an address of vip 'www' (line 20)", false },
	{ "routing", "  peers: ^{}", "peers: at least one is needed", false },
	{ "routing", "  peers: {a: eth1}\n  require-peers: ^2",
	  "require-peers: 2 of 1 peers can never be reached", false },
	{ "routing", "  peers: {a: eth1}\n  drain: {until: ^50}", "until: '50' is no packet rate",
	  false },
	/* ---- checks ---- */
	{ "check", "  up: {type: ^htp}", "type: 'htp' is not known, did you mean 'http'?", false },
	{ "check", "  ^up: {}", "check has no 'type'", false },
	{ "check", "  up: {type: dns, port: 53, query: www.example.net, answer: ^mail}",
	  "answer: 'mail' is no IPv4 address; record: A has those", false },
	{ "check", "  up: {type: exec, argv: ^true}",
	  "argv: 'true' is no absolute path; nothing searches for the program", false },
	{ "check", "  up: {type: tcp, ^path: /}",
	  "path: a check of type tcp has no such key; there it is with http, https", false },
	{ "check",
	  "  up: {type: dns, port: 53, query: example.net, record: MX, answer: [10 a., ^mail]}",
	  "answer: 'mail' is no MX record; write one like '10 mail.example.net.'", false },
	{ "check", "  up: {type: dns, port: 53, query: a.net, record: SRV, answer: ^1 2 x a.}",
	  "answer: '1 2 x a.' is no SRV record", false },
	{ "check", "  up: {type: dns, port: 53, query: a.net, record: NS, answer: ^ns1 ns2}",
	  "answer: 'ns1 ns2' is no NS record", false },
	{ "check", "  up: {type: https, verify: false, ca-file: ^/etc/ca.pem}",
	  "ca-file has no effect with verify: false", true },
	{ "check", "  up: {type: tls, verify: false, expiry-warning: ^5d}",
	  "expiry-warning has no effect with verify: false", true },
	{ "check", "  up: {type: tcp, rise: ^0}",
	  "rise: 0 is out of bounds; a real is up after this "
	  "many successes, at least one",
	  false },
	{ "check", "  up: {type: tcp, fast-interval: ^3s}",
	  "fast-interval: 3s is longer than interval, 2s", false },
	{ "check", "  up: {type: tcp, interval: ^100ms}",
	  "fast-interval: 500ms is longer than interval, 100ms", false },
	{ "check", "  up: {type: tcp, slow-interval: ^1s}",
	  "slow-interval: 1s is shorter than interval, 2s", false },
	{ "check", "  up: {type: tcp, timeout: ^3s}", "timeout: 3s is longer than interval, 2s",
	  true },
	{ "check", "  up: {type: tcp}\n  ^none: {type: tcp}",
	  "a check cannot be called none; that word means no check", false },
	{ "checks", "  page: {type: http, status: [200, ^600]}", "status: '600' is out of bounds",
	  false },
	{ "checks", "  page: {type: http, status: [200, ^200]}", "status: '200' is there twice",
	  false },
	{ "checks", "  page: {type: http, body-matches: ^'(ok'}",
	  "body-matches: '(ok' is no regular expression: missing closing parenthesis, at "
	  "character 4",
	  false },
	{ "checks", "  page: {type: http, method: HEAD, body-contains: ^ok}",
	  "body-contains: an answer to HEAD has no body; use method: GET", false },
	{ "checks", "  page: {type: http, method: HEAD, body-matches: ^ok}",
	  "body-matches: an answer to HEAD has no body; use method: GET", false },
	{ "checks", "  page: {type: http, method: ^PUT}",
	  "method: 'PUT' is not known; write GET, HEAD or OPTIONS", false },
	{ "checks", "  page: {type: http, http-version: ^3}",
	  "http-version: '3' is not known; write 1.1 or 2", false },
	{ "checks", "  page: {type: http, headers: [^'Host: x']}",
	  "headers: 'Host: x' is no header", false },
	{ "checks", "  page: {type: http}\n  ^more: {type: http}", "no pool uses check 'more'",
	  true },
	/* ---- pools ---- */
	{ "pool", "    check: ^upp", "there is no check 'upp', did you mean 'up'?", false },
	{ "pool", "    check: [up, ^up]", "check: 'up' is there twice", false },
	{ "pool", "    check: ^[]", "check: write NAME | [NAMES] | none", false },
	{ "pool2", "    quorum: {return: ^3}",
	  "quorum: return 3 is more than the 2 normal reals of the "
	  "pool",
	  false },
	{ "pool2", "    quorum: {return: 1, stay: ^2}", "quorum: return 1 is below stay 2", false },
	{ "pool2", "    quorum: {stay: ^0}",
	  "stay: 0 is out of bounds; to stay announced without "
	  "usable reals see all-down",
	  false },
	{ "pool2", "    depool-floor: ^101%",
	  "depool-floor: '101%' is out of bounds; allowed is 0% to "
	  "100%",
	  false },
	{ "pool2", "    depool-floor: ^half", "depool-floor: 'half' is no number", false },
	{ "pool2", "    depool-floor: ^3",
	  "depool-floor: pool 'web' has 2 reals that count for it; all of them are kept, whatever "
	  "their checks say",
	  true },
	{ "real", "      web2: ^10.1.0.11", "10.1.0.11 is real 'web1' (line 17) already", false },
	{ "real", "      web2: {address: 10.1.0.12, weight: ^0}",
	  "weight: 0 is out of bounds; to take a real out of service remove it from the pool and "
	  "reload: its flows stay",
	  false },
	{ "real", "      ^web2: {weight: 2}", "real has no 'address'", false },
	{ "real", "      web2: ^224.0.0.1", "address: 224.0.0.1 is a multicast address", false },
	{ "real", "      web2: ^fe80::1", "address: fe80::1 is a link-local address", false },
	{ "real", "      web2: ^203.0.113.10",
	  "address: 203.0.113.10 is an address of vip 'www' "
	  "(line 20)",
	  false },
	{ "real", "      ^web 2: 10.1.0.12", "name of a real: 'web 2' is no name", false },
	{ "real",
	  "      web2: {address: 10.1.0.12, server-id: 7}\n"
	  "      web3: {address: 10.1.0.13, server-id: ^7}",
	  "server-id: 7 is the id of real 'web2' (line 18) already", false },
	/* ---- VIPs and services ---- */
	{ "vip", "    address: ^203.0.113.10/24",
	  "address: '203.0.113.10/24' has bits set behind its "
	  "length, did you mean '203.0.113.0/24'?",
	  false },
	{ "vip", "    address: ^198.51.100.1",
	  "address: 198.51.100.1 is outside vip-ranges (line 7)", false },
	{ "routing", "  peers: {tor1: 10.0.2.1}\n  fpm: ^192.0.2.1:2620",
	  "fpm: 192.0.2.1:2620 is no loopback address, and zebra runs on this host; write "
	  "127.0.0.1:2620",
	  false },
	{ "vip", "    address: ^127.0.0.1", "address: 127.0.0.1 is a loopback address", false },
	{ "vips", "  again: {address: ^203.0.113.10/32, services: [{tcp: 80, pool: web}]}",
	  "203.0.113.10 is vip 'www' (line 20) already", false },
	{ "vips",
	  "  in: {address: ^203.0.113.66, services: [{tcp: 80, pool: web}]}\n"
	  "  wide: {address: 203.0.113.64/26, services: [{tcp: 80, pool: web}]}",
	  "203.0.113.66 lies inside vip 'wide' (line 27); the longer prefix wins", true },
	{ "vips", "  ^none: {address: 203.0.113.11}", "vip has no 'services'", false },
	{ "vips", "  none: {address: 203.0.113.11, services: ^[]}", "services: the list is empty",
	  false },
	{ "vip2", "    communities: [^65010]", "communities: '65010' is no community", false },
	{ "vip2", "    communities: [^graceful-shutdown]",
	  "communities: 'graceful-shutdown' marks a "
	  "drained VIP",
	  false },
	{ "vip2", "    med: ^-1", "med: '-1' is no number", false },
	{ "service", "      - {tcp: ^80, pool: web}",
	  "service 203.0.113.10:80/tcp is there already "
	  "(line 24)",
	  false },
	{ "service", "      - ^{pool: web}", "a service needs tcp or udp: PORT, [PORTS] or any",
	  false },
	{ "service", "      - ^{tcp: 443}", "service has no 'pool'", false },
	{ "service", "      - {tcp: 443, pool: ^wbe}",
	  "there is no pool 'wbe', did you mean 'web'?", false },
	{ "service", "      - {tcp: ^0, pool: web}",
	  "tcp: '0' is out of bounds; allowed is 1 to 65535", false },
	{ "service", "      - {tcp: ^[], pool: web}", "tcp: write PORT | [PORTS] | any", false },
	{ "service", "      - {tcp: ^443, pool: web, quic: true}",
	  "quic goes with udp services only", false },
	{ "service", "      - {udp: ^443, pool: web, tcp-server-id: true}",
	  "tcp-server-id goes with tcp services only", false },
	{ "service", "      - {udp: 443, pool: web, server-ids: ^any}",
	  "server-ids: nothing without quic, tcp-server-id or stable-udp", false },
	{ "service", "      - {udp: 443, pool: web, quic: true, server-ids: ^none}",
	  "server-ids: a service that uses ids needs pool or any", false },
	{ "service", "      - {udp: 443, pool: web, quic: true, stable-udp: ^true}",
	  "stable-udp and quic read the same bytes; a service has one of them", false },
	{ "service", "      - {tcp: 443, pool: ^web, tcp-server-id: true}",
	  "no real of pool 'web' has a server-id; every id is unknown", true },
	{ "service", "      - {tcp: 443, udp: 443, pool: web, rate: ^100k}",
	  "rate: new flows show in TCP and QUIC only; write quic: true, or take the udp ports",
	  false },
	{ "service",
	  "      - {tcp: 443, pool: web, drop-sources: [192.0.2.0/24], "
	  "source-routes: {^192.0.2.128/25: web1}}",
	  "source-routes: 192.0.2.128/25 lies in 192.0.2.0/24 of drop-sources (line 25)", false },
	{ "service",
	  "      - {tcp: 443, pool: web, source-routes: {'2001:db8::/32': web1, "
	  "^'2001:0db8::/32': web2}}",
	  "source-routes: '2001:db8::/32' is there twice", false },
	{ "service", "      - {tcp: 443, pool: web, drop-sources: [^0.0.0.0/0]}",
	  "drop-sources: 0.0.0.0/0 is every client", true },
	{ "service", "      - {tcp: 443, pool: web, source-routes: {10.0.0.0/8: ^web3}}",
	  "there is no real 'web3', did you mean 'web1'?", false },
	{ "service", "      - {tcp: 443, pool: web, source-routes: {^10.0.0.1/8: web1}}",
	  "source-routes: '10.0.0.1/8' has bits set behind its length", false },
	{ "service", "      - ^http",
	  "services: 'http' where a line like {tcp: 80, pool: NAME} is "
	  "expected",
	  false },
	/* ---- syntax ---- */
	{ "node", "  mtu: ^*x", "aliases are not used here (quote text that begins with *)",
	  false },
	{ "node", "  mtu: ^!!int 1600",
	  "anchors and tags are not used here; write the value itself", false },
	{ "node", "  mtu: 1600^: 2", "YAML: mapping values are not allowed in this context",
	  false },
	{ "node", "  ^[a]: 1", "a key must be a word, not a list or mapping", false },
	{ "node", "  mtu: [[[[[[[[[[[[[[^[1]]]]]]]]]]]]]]]", "nested too deeply", false },
	{ "top", "^--- # more", "a second document begins here; the file must hold one", false },
};

/* The good file with one line replaced; the place is where `^` stood. */
static void build(const struct mistake *mistake, char *text, size_t size, unsigned *ret_line,
		  unsigned *ret_column)
{
	char name[16] = "";
	size_t len = 0;

	*ret_line = *ret_column = 0;
	for (const char *line = base; *line;) {
		const char *end = strchrnul(line, '\n'), *from = line;
		size_t n = (size_t)(end - line);

		if (*line == '@') {
			size_t name_len = strspn(line + 1, "abcdefghijklmnopqrstuvwxyz0123456789");

			memcpy(name, line + 1, name_len);
			name[name_len] = '\0';
			from += name_len + 1;
			n -= name_len + 1;
		}
		if (*line == '@' && strcmp(name, mistake->mark) == 0) {
			from = mistake->line;
			n = strlen(from);
		}
		for (size_t i = 0; i < n && len + 2 < size; i++) {
			if (from[i] == '^') {
				const char *start;

				text[len] = '\0';
				start = strrchr(text, '\n');
				*ret_line = 1;
				for (size_t j = 0; j < len; j++)
					*ret_line += text[j] == '\n';
				*ret_column =
					(unsigned)(text + len - (start ? start + 1 : text)) + 1;
			} else {
				text[len++] = from[i];
			}
		}
		text[len++] = '\n';
		line = *end ? end + 1 : end;
	}
	text[len] = '\0';
}

static void check_one(const struct mistake *mistake)
{
	char text[4096], expected[512];
	struct config *config = NULL;
	struct config_report report;
	unsigned line, column;

	build(mistake, text, sizeof(text), &line, &column);
	config_parse("f", text, strlen(text), CONFIG_NEED_NODE, &config, &report);
	snprintf(expected, sizeof(expected), "f:%u:%u: %s: %s", line, column,
		 mistake->is_warning ? "warning" : "error", mistake->sentence);
	if (strncmp(report.text, expected, strlen(expected)) != 0 ||
	    report.errors != !mistake->is_warning)
		fail_msg("'%s'\nexpected: %s\ngot %u errors: %s", mistake->line, expected,
			 report.errors, report.text);
	config_report_fini(&report);
	config_free(config);
}

TEST(config, finds_every_mistake_at_its_place)
{
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++)
		check_one(&mistakes[i]);
}

TEST(config, takes_the_file_the_mistakes_are_put_into)
{
	const struct mistake nothing = { .mark = "" };
	struct config *config = NULL;
	struct config_report report;
	unsigned line, column;
	char text[4096];

	build(&nothing, text, sizeof(text), &line, &column);
	assert_int_equal(config_parse("f", text, strlen(text), CONFIG_NEED_NODE, &config, &report),
			 0);
	assert_string_equal(report.text, "");
	config_report_fini(&report);
	config_free(config);
}

/* ---- files as a whole ---- */

static int parse_whole(const char *text, size_t len, enum config_need need,
		       struct config_report *report)
{
	struct config *config = NULL;
	int r = config_parse("f", text, len, need, &config, report);

	config_free(config);
	return r;
}

TEST(config, refuses_a_file_without_what_is_needed)
{
	static const char services[] = "pools: {}\nvips: {}\n";
	struct config_report report;

	assert_int_equal(parse_whole("", 0, CONFIG_NEED_SERVICES, &report), -EINVAL);
	assert_string_equal(report.text, "f: error: the file is empty\n");
	config_report_fini(&report);
	assert_int_equal(parse_whole("[]", 2, CONFIG_NEED_SERVICES, &report), -EINVAL);
	assert_string_equal(report.text,
			    "f:1:1: error: a list where a mapping of sections is expected\n"
			    "    1 | []\n"
			    "      | ^\n");
	config_report_fini(&report);
	assert_int_equal(parse_whole("{}", 2, CONFIG_NEED_SERVICES, &report), -EINVAL);
	assert_string_equal(report.text, "f: error: the file has no 'pools'\n"
					 "f: error: the file has no 'vips'\n");
	config_report_fini(&report);
	assert_int_equal(parse_whole(services, strlen(services), CONFIG_NEED_SERVICES, &report), 0);
	config_report_fini(&report);
	assert_int_equal(parse_whole(services, strlen(services), CONFIG_NEED_NODE, &report),
			 -EINVAL);
	assert_string_equal(report.text, "f: error: the file has no 'node'\n"
					 "f: error: the file has no 'routing'\n");
	config_report_fini(&report);
}

TEST(config, refuses_more_than_sixteen_mebibytes)
{
	size_t len = (16U << 20) + 1;
	char *text = malloc(len);
	struct config_report report;

	memset(text, '#', len);
	assert_int_equal(parse_whole(text, len, CONFIG_NEED_SERVICES, &report), -EINVAL);
	assert_string_equal(report.text, "f: error: larger than 16 MiB\n");
	config_report_fini(&report);
	assert_int_equal(parse_whole(text, len - 1, CONFIG_NEED_SERVICES, &report), -EINVAL);
	assert_string_equal(report.text, "f: error: the file is empty\n");
	config_report_fini(&report);
	free(text);
}

/* n VIPs of this prefix length, each with services on `ports`. */
static char *many_vips(size_t n, unsigned len, const char *ports)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	fputs("pools: {p: {reals: {r: 10.0.0.1}}}\nvips:\n", out);
	for (size_t i = 0; i < n; i++)
		fprintf(out,
			" v%zu: {address: 20.%zu.%zu.%zu/%u, services: [{tcp: %s, pool: p}]}\n", i,
			i >> 15, i >> 7 & 0xff, i << 1 & 0xff, len, ports);
	fclose(out);
	return text;
}

TEST(config, refuses_more_than_the_tables_hold)
{
	static const struct {
		size_t n;
		unsigned len;
		const char *ports, *message;
	} cases[] = {
		{ 8064, 32, "[1, 2]", NULL },
		{ 8192, 32, "1", NULL },
		{ 8193, 32, "1",
		  "f:3:2: error: there are 8193 VIPs and decap addresses; at most "
		  "8192 are possible" },
		{ 5462, 32, "[1, 2, 3]",
		  "f:3:2: error: the VIPs have 16386 services; at most "
		  "16128 are possible" },
		{ 4096, 31, "1", NULL },
		{ 4097, 31, "1",
		  "f:3:2: error: 4097 VIPs are prefixes; at most 4096 are "
		  "possible" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = many_vips(cases[i].n, cases[i].len, cases[i].ports);
		struct config_report report;
		int r = parse_whole(text, strlen(text), CONFIG_NEED_SERVICES, &report);

		assert_int_equal(r, cases[i].message ? -EINVAL : 0);
		assert_true(!cases[i].message || strstr(report.text, cases[i].message));
		config_report_fini(&report);
		free(text);
	}
}

TEST(config, says_when_a_file_cannot_be_read)
{
	struct config *config = NULL;
	struct config_report report;

	assert_int_equal(config_load("/nonexistent/x", CONFIG_NEED_NODE, &config, &report),
			 -ENOENT);
	assert_string_equal(report.text,
			    "/nonexistent/x: error: cannot be read: No such file or directory\n");
	assert_int_equal(report.errors, 1);
	config_report_fini(&report);
	assert_int_equal(config_load("/", CONFIG_NEED_NODE, &config, &report), -EISDIR);
	config_report_fini(&report);
	assert_null(config);
}

TEST(config, wants_a_port_for_checks_of_any_port_services)
{
	static const char text[] =
		"checks: {a: {type: tcp}}\n"
		"pools: {p: {check: a, reals: {r: 10.0.0.1}}}\n"
		"vips: {v: {address: 203.0.113.1, services: [{tcp: any, pool: p}]}}\n";
	struct config_report report;

	assert_int_equal(parse_whole(text, strlen(text), CONFIG_NEED_SERVICES, &report), -EINVAL);
	assert_non_null(
		strstr(report.text,
		       "f:1:10: error: check 'a' needs a port: no service of pool 'p' (line 2) "
		       "is a tcp service with a port"));
	config_report_fini(&report);
}

/* The file is refused with this sentence, or taken when there is none. */
static void expect_text(const char *text, const char *sentence)
{
	struct config_report report;
	int r = parse_whole(text, strlen(text), CONFIG_NEED_SERVICES, &report);

	assert_int_equal(r, sentence ? -EINVAL : 0);
	if (sentence && !strstr(report.text, sentence))
		fail_msg("not \"%s\" but %s", sentence, report.text);
	assert_int_equal(report.errors, sentence != NULL);
	config_report_fini(&report);
}

TEST(config, refuses_ids_too_wide_for_stable_udp)
{
	static const char form[] =
		"pools: {p: {check: none, reals: {r: {address: 10.0.0.1, server-id: %s}}}}\n"
		"vips: {v: {address: 203.0.113.1, services: [{udp: 1, pool: p, %s: true}]}}\n";
	char text[512];

	snprintf(text, sizeof(text), form, "16777215", "stable-udp");
	expect_text(text, NULL);
	snprintf(text, sizeof(text), form, "16777216", "quic");
	expect_text(text, NULL);
	snprintf(text, sizeof(text), form, "16777216", "stable-udp");
	expect_text(text, "f:2:75: error: stable-udp: server-id 16777216 of real 'r' is more than "
			  "the 16777215 that fit into its 24 bits");
}

TEST(config, refuses_one_id_for_two_addresses_where_ids_lead_anywhere)
{
	static const char form[] =
		"pools: {p: {check: none, reals: {r: {address: 10.0.0.1, server-id: 7}}},\n"
		"  q: {check: none, reals: {s: {address: %s, server-id: 7}}}}\n"
		"vips: {v: {address: 203.0.113.1, services: [{udp: 1, pool: p, quic: true,\n"
		"    server-ids: %s}, {udp: 2, pool: q}]}}\n";
	char text[512];

	snprintf(text, sizeof(text), form, "10.0.0.2", "pool");
	expect_text(text, NULL);
	snprintf(text, sizeof(text), form, "10.0.0.1", "any");
	expect_text(text, NULL);
	snprintf(text, sizeof(text), form, "10.0.0.2", "any");
	expect_text(text, "f:2:62: error: server-id: 7 is that of 10.0.0.1 (line 1) as well, and a "
			  "service has server-ids: any");
}

RUN_TESTS(T(config, takes_the_file_the_mistakes_are_put_into),
	  T(config, finds_every_mistake_at_its_place),
	  T(config, refuses_a_file_without_what_is_needed),
	  T(config, refuses_more_than_sixteen_mebibytes),
	  T(config, refuses_more_than_the_tables_hold), T(config, says_when_a_file_cannot_be_read),
	  T(config, wants_a_port_for_checks_of_any_port_services),
	  T(config, refuses_ids_too_wide_for_stable_udp),
	  T(config, refuses_one_id_for_two_addresses_where_ids_lead_anywhere))
