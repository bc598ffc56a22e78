/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roundtrip_test.c - properties over many generated configs: the canonical print parses to a
 * config that prints the same, and has the same generation; another value gives another one; and
 * memory may run out at any allocation without a leak or a half-made config.
 *
 * Configs are generated from the schema itself, so a new key is covered the day it gets its row.
 * The seed is printed on failure and taken from the environment variable SEED.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/config/config.h"
#include "src/config/schema.h"
#include "tests/lib/test.h"

#define CONFIGS 300

/* ---- memory that runs out ---- */

static unsigned long allocations_left = ULONG_MAX;

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
	if (allocations_left == 0)
		return NULL;
	allocations_left--;
	return __real_calloc(n, size);
}

/* ---- generating ---- */

static uint64_t random_state;

/* splitmix64. Source: Steele, Lea, Flood, OOPSLA 2014. */
static uint64_t random_next(void)
{
	uint64_t z = random_state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static unsigned below(unsigned n)
{
	return (unsigned)(random_next() % n);
}

struct out {
	char *text;
	size_t len;
	FILE *file;
};

static void generate_number(FILE *out, const struct value_spec *spec, uint64_t unit,
			    const char *suffix)
{
	uint64_t min = (spec->min + unit - 1) / unit, max = spec->max / unit, span;

	if (spec->max == 0)
		max = min + 1000;
	span = max > min ? max - min : 1;
	fprintf(out, "%" PRIu64 "%s", min + random_next() % (span < 500 ? span : 500), suffix);
}

static void generate_value(FILE *out, const struct value_spec *spec)
{
	unsigned n = 0;

	switch (spec->type) {
	case VALUE_DURATION:
		generate_number(out, spec, 1000, "ms");
		break;
	case VALUE_COUNT:
		generate_number(out, spec, 1, "");
		break;
	case VALUE_PPS:
		generate_number(out, spec, 1000, "kpps");
		break;
	case VALUE_NUMBER:
		generate_number(out, spec, 1, "");
		break;
	case VALUE_PERCENT:
		generate_number(out, spec, 1, "%");
		break;
	case VALUE_PORT:
		fprintf(out, "%u", 1 + below(65535));
		break;
	case VALUE_BOOL:
		fputs(below(2) ? "true" : "false", out);
		break;
	case VALUE_ENUM:
		while (spec->words[n].word)
			n++;
		fputs(spec->words[below(n)].word, out);
		break;
	case VALUE_ADDRESS:
	case VALUE_IPV4:
		fprintf(out, "10.%u.%u.%u", below(256), below(256), below(256));
		break;
	case VALUE_IPV6:
		fprintf(out, "\"2001:db8:1::%x\"", below(65536));
		break;
	case VALUE_PREFIX:
		fprintf(out, below(2) ? "10.%u.0.0/16" : "'2001:db8:%x::/48'", below(256));
		break;
	case VALUE_MAC:
		fprintf(out, "02:00:00:00:%02X:%02x", below(256), below(256));
		break;
	case VALUE_STATUS:
		fprintf(out, "%u-%u", 100 + below(200), 300 + below(299));
		break;
	case VALUE_EXIT:
		fprintf(out, "%u-%u", below(10), 10 + below(246));
		break;
	case VALUE_BYTES:
		fprintf(out, "'PING %u\\r\\n\\x%02x \"a\" \\\\ %%'", below(100), below(256));
		break;
	case VALUE_HEADER:
		fprintf(out, "'X-Probe: \"%u\" yes'", below(100));
		break;
	case VALUE_TEXT:
		fprintf(out, "'a \"text\" \\d %u'", below(100));
		break;
	case VALUE_TOKEN:
		fprintf(out, "h%u", below(100));
		break;
	case VALUE_REGEX:
		fprintf(out, "'^(ok|warn)\\s+%u\\.'", below(100));
		break;
	case VALUE_DNS_NAME:
		fprintf(out, "www%u.example.net%s", below(100), below(2) ? "." : "");
		break;
	case VALUE_NAME:
		fprintf(out, "node%u", below(1000));
		break;
	case VALUE_INTERFACE:
		fprintf(out, "eth%u", below(1000));
		break;
	case VALUE_FILE:
		fprintf(out, "\"/etc/shoal/\\\"a b\\\\%u\"", below(1000));
		break;
	case VALUE_URL_PATH:
		fprintf(out, "\"/healthz?n=%u&x={}\"", below(1000));
		break;
	case VALUE_HOST:
		fprintf(out, "www%u.example.net", below(1000));
		break;
	case VALUE_LISTEN:
		fprintf(out, below(2) ? "\"127.0.0.1:%u\"" : "\"[::1]:%u\"", 1 + below(65535));
		break;
	case VALUE_COMMUNITY:
		fprintf(out, "\"65010:%u\"", below(6000));
		break;
	case VALUE_LARGE_COMMUNITY:
		fprintf(out, "\"65010:1:%u\"", below(65536));
		break;
	case VALUE_TYPE_MAX:
		break;
	}
}

/* Keys whose values depend on others. */
static const struct {
	const char *noun, *key;
	const char *values[3];
} fixed[] = {
	{ "node", "mtu", { "1600", "9000", "auto" } },
	{ "node", "client-mtu", { "1500", "1400", "auto" } },
	{ "check", "type", { "tcp", "http", "https" } },
	{ "check", "method", { "GET", "OPTIONS", "GET" } },
	{ "check", "interval", { "1s", "2s", "1500ms" } },
	{ "check", "fast-interval", { "100ms", "200ms", "1s" } },
	{ "check", "slow-interval", { "2s", "10s", "1m" } },
	{ "check", "port", { "80", "53", "8080" } },
	{ "check", "record", { "TXT", "MX", "TXT" } },
	{ "check", "answer", { "[\"10 a.\"]", "[20 b.example]", "['30 c.']" } },
	{ "check", "argv", { "[/bin/true]", "/bin/true", "[/bin/sh, -c, 'exit 1']" } },
	{ "quorum", "return", { "2", "2", "1" } },
	{ "quorum", "stay", { "1", "1", "1" } },
	{ "pool", "check", { "none", "c0", "[c1, c0]" } },
	{ "pool", "depool-floor", { "none", "50%", "7" } },
	{ "real", "backup", { "false", "false", "false" } },
	{ "real", "server-id", { "none", "none", "none" } },
	{ "routing",
	  "vip-ranges",
	  { "[203.0.113.0/24, '2001:db8:cafe::/48']", "['2001:db8:cafe::/48', 203.0.113.0/24]",
	    "[203.0.113.0/25, 203.0.113.128/25, '2001:db8:cafe::/48']" } },
	{ "routing", "require-peers", { "1", "2", "1" } },
	{ "decap", "balance", { "[]", "10.0.0.9", "[10.0.0.9, '2001:db8::9']" } },
	{ "decap", "egress", { "[]", "10.0.0.8", "[10.0.0.8]" } },
	{ "service",
	  "source-routes",
	  { "{}", "{10.0.0.0/8: r1}", "{10.0.0.0/9: r0, '::/0': r1}" } },
	{ "service", "quic", { "false", "false", "false" } },
	{ "service", "tcp-server-id", { "false", "false", "false" } },
	{ "service", "stable-udp", { "false", "false", "false" } },
	{ "service", "migrate-udp", { "false", "false", "false" } },
	{ "service", "server-ids", { "none", "none", "none" } },
};

static const char *fixed_value(const struct schema *schema, const struct schema_row *row)
{
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		if (strcmp(fixed[i].noun, schema->noun) == 0 && strcmp(fixed[i].key, row->key) == 0)
			return fixed[i].values[below(3)];
	return NULL;
}

static void generate_list(FILE *out, const struct schema_row *row)
{
	static const char *const distinct[] = { "eth0", "eth1", "eth2" };

	fputs("[", out);
	for (unsigned i = 0, n = 1 + below(3); i < n; i++) {
		fputs(i ? ", " : "", out);
		/* No value twice: one random one, or fixed ones. */
		if (row->value.type == VALUE_INTERFACE)
			fputs(distinct[i], out);
		else if (row->value.type == VALUE_COMMUNITY ||
			 row->value.type == VALUE_LARGE_COMMUNITY)
			fprintf(out,
				row->value.type == VALUE_COMMUNITY ? "\"65010:%u\"" : "\"1:2:%u\"",
				(9 - i) * 10 + below(10));
		else if (i == 0)
			generate_value(out, &row->value);
		else
			break;
	}
	fputs("]", out);
}

static void generate_rows(FILE *out, const struct schema *schema, unsigned check_type);

/* The keys of a section or object in flow style, each with even odds. */
static void generate_row(FILE *out, const struct schema *schema, const struct schema_row *row)
{
	const char *value = fixed_value(schema, row);

	fprintf(out, "%s: ", row->key);
	if (value)
		fputs(value, out);
	else if (row->form == ROW_SECTION)
		generate_rows(out, row->schema, 0);
	else if (row->form == ROW_LIST)
		generate_list(out, row);
	else if (row->unset && below(3) == 0)
		fputs(row->unset, out);
	else
		generate_value(out, &row->value);
}

static bool is_wanted(const struct schema_row *row, unsigned check_type)
{
	if (row->form == ROW_OBJECTS || row->form == ROW_LINES ||
	    strcmp(row->key, "address") == 0 || strcmp(row->key, "type") == 0 ||
	    strcmp(row->key, "tcp") == 0 || strcmp(row->key, "udp") == 0 ||
	    strcmp(row->key, "pool") == 0 || strcmp(row->key, "rate") == 0)
		return false;
	if (row->variants && !(row->variants & (1U << check_type)))
		return false;
	return (row->flags & (ROW_REQUIRED | ROW_REQUIRED_BY_NODE)) ||
	       strcmp(row->key, "port") == 0 || strcmp(row->key, "record") == 0 || below(2);
}

static void generate_keys(FILE *out, const struct schema *schema, unsigned check_type,
			  const char *comma)
{
	for (size_t i = 0; i < schema->n_rows; i++) {
		if (!is_wanted(&schema->rows[i], check_type))
			continue;
		fputs(comma, out);
		generate_row(out, schema, &schema->rows[i]);
		comma = below(4) ? ", " : " ,\n    ";
	}
}

static void generate_rows(FILE *out, const struct schema *schema, unsigned check_type)
{
	fputs("{", out);
	generate_keys(out, schema, check_type, "");
	fputs("}", out);
}

static const struct schema *schema_of(const struct schema *schema, const char *key)
{
	for (size_t i = 0; i < schema->n_rows; i++)
		if (strcmp(schema->rows[i].key, key) == 0)
			return schema->rows[i].schema;
	return NULL;
}

static void generate_pools(FILE *out)
{
	const struct schema *pool = schema_of(&schema_top, "pools");

	for (unsigned p = 0; p < 2; p++) {
		fprintf(out, "  p%u: {", p);
		generate_keys(out, pool, 0, "");
		fputs(", reals: {", out);
		for (unsigned r = 0; r < 3; r++) {
			fprintf(out, "r%u: {address: 10.%u.0.%u", r, p, r + 1);
			generate_keys(out, schema_of(pool, "reals"), 0, ", ");
			fputs(r == 2 ? "}}}\n" : "}, ", out);
		}
	}
}

static void generate_vips(FILE *out)
{
	static const char *const addresses[] = { "203.0.113.1", "203.0.113.64/26",
						 "\"2001:db8:cafe::1\"", "'2001:db8:cafe:1::/64'" };
	const struct schema *vip = schema_of(&schema_top, "vips");

	for (unsigned v = 0; v < 4; v++) {
		fprintf(out, "  v%u: {address: %s, ", v, addresses[v]);
		fputs("services: [", out);
		for (unsigned s = 0; s < 2; s++) {
			/* Plain UDP has no rate. */
			fprintf(out, "{%s, pool: p%u",
				!s         ? "udp: [any, 53]"
				: below(2) ? "tcp: [80, 443], rate: 30k"
					   : "tcp: [80, 443]",
				below(2));
			generate_keys(out, schema_of(vip, "services"), 0, ", ");
			fputs(s ? "}]" : "}, ", out);
		}
		generate_keys(out, vip, 0, ", ");
		fputs("}\n", out);
	}
}

/* One config as text; the caller frees it. */
static char *generate(uint64_t seed)
{
	static const enum config_check_type types[] = {
		CONFIG_CHECK_TCP,  CONFIG_CHECK_HTTP, CONFIG_CHECK_HTTPS, CONFIG_CHECK_TLS,
		CONFIG_CHECK_GRPC, CONFIG_CHECK_UDP,  CONFIG_CHECK_DNS,   CONFIG_CHECK_ICMP,
	};
	struct out out = { 0 };

	random_state = seed;
	out.file = open_memstream(&out.text, &out.len);
	fputs("node: ", out.file);
	generate_rows(out.file, schema_of(&schema_top, "node"), 0);
	fputs("\nrouting: {peers: {tor1: 10.255.0.1, tor2: eth9}", out.file);
	generate_keys(out.file, schema_of(&schema_top, "routing"), 0, ", ");
	fputs("}\nweb: ", out.file);
	generate_rows(out.file, schema_of(&schema_top, "web"), 0);
	fputs("\nchecks:\n", out.file);
	for (unsigned c = 0; c < 2; c++) {
		unsigned type = types[below(sizeof(types) / sizeof(types[0]))];

		fprintf(out.file, "  c%u: {type: %s", c, config_check_type_str(type));
		generate_keys(out.file, schema_of(&schema_top, "checks"), type, ", ");
		fputs("}\n", out.file);
	}
	fputs("pools:\n", out.file);
	generate_pools(out.file);
	fputs("vips:\n", out.file);
	generate_vips(out.file);
	fclose(out.file);
	return out.text;
}

/* ---- properties ---- */

static struct config *parse(const char *text, uint64_t seed)
{
	struct config *config = NULL;
	struct config_report report;

	if (config_parse("g", text, strlen(text), CONFIG_NEED_NODE, &config, &report) < 0)
		fail_msg("SEED=%" PRIu64 "\n%s\n%s", seed, report.text, text);
	config_report_fini(&report);
	return config;
}

static void check_roundtrip(uint64_t seed)
{
	char *text = generate(seed), *first = NULL, *second = NULL;
	struct config *config = parse(text, seed), *again;

	assert_int_equal(config_print(config, &first), 0);
	again = parse(first, seed);
	assert_int_equal(config_print(again, &second), 0);
	if (strcmp(first, second) != 0 || strcmp(config->generation, again->generation) != 0)
		fail_msg("SEED=%" PRIu64 "\n%s\n---\n%s", seed, first, second);
	config_free(config);
	config_free(again);
	free(text);
	free(first);
	free(second);
}

static uint64_t first_seed(void)
{
	const char *seed = getenv("SEED");

	return seed ? strtoull(seed, NULL, 10) : 1;
}

TEST(print, parses_to_what_prints_the_same)
{
	for (uint64_t i = 0; i < CONFIGS; i++)
		check_roundtrip(first_seed() + i);
}

TEST(generation, differs_when_any_value_does)
{
	char seen[CONFIGS][CONFIG_GENERATION_LEN + 1];

	for (unsigned i = 0; i < CONFIGS; i++) {
		char *text = generate(first_seed() + i);
		struct config *config = parse(text, first_seed() + i);

		memcpy(seen[i], config->generation, sizeof(seen[i]));
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(seen[i], seen[j]);
		config_free(config);
		free(text);
	}
}

TEST(loading, survives_the_end_of_memory_anywhere)
{
	char *text = generate(first_seed()), *print = NULL;
	struct config_report report;
	struct config *config = NULL;
	int r = -ENOMEM;

	for (unsigned long n = 0; r == -ENOMEM; n++) {
		assert_true(n < 10000);
		allocations_left = n;
		r = config_parse("g", text, strlen(text), CONFIG_NEED_NODE, &config, &report);
		allocations_left = ULONG_MAX;
		if (r == -ENOMEM)
			assert_string_equal(report.text, "g: error: out of memory\n");
		config_report_fini(&report);
	}
	assert_int_equal(r, 0);
	r = -ENOMEM;
	for (unsigned long n = 0; r == -ENOMEM; n++) {
		allocations_left = n;
		r = config_print(config, &print);
		allocations_left = ULONG_MAX;
	}
	assert_int_equal(r, 0);
	config_free(config);
	free(print);
	free(text);
}

RUN_TESTS(T(print, parses_to_what_prints_the_same), T(generation, differs_when_any_value_does),
	  T(loading, survives_the_end_of_memory_anywhere))
