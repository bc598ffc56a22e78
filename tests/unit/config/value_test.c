/* SPDX-License-Identifier: Apache-2.0 */
/*
 * value_test.c - single values: what each type takes, refuses and prints.
 */
#include <stdlib.h>
#include <string.h>

#include "src/base/addr.h"
#include "src/base/usec.h"
#include "src/config/config.h"
#include "src/config/value.h"
#include "tests/lib/test.h"

static jmp_buf oom;
static struct arena *arena;

/* A field that fits every type. */
union field {
	uint64_t wide;
	uint32_t word;
	uint16_t half;
	bool flag;
	struct addr addr;
	struct prefix prefix;
	struct config_range range;
	uint8_t mac[6];
	const char *text;
};

static int setup(void **state)
{
	(void)state;
	arena = arena_new(&oom);
	return arena ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static int parse(enum value_type type, const char *text, union field *ret, struct err *err)
{
	const struct value_spec spec = { .type = type };

	return value_parse(&spec, text, arena, ret, err);
}

static void assert_prints(enum value_type type, const char *text, const char *print)
{
	const struct value_spec spec = { .type = type };
	union field field = { 0 };
	struct text out = { .arena = arena };
	struct err err = { "" };

	if (parse(type, text, &field, &err) < 0)
		fail_msg("'%s': %s", text, err.text);
	value_print(&spec, &field, &out);
	assert_string_equal(out.bytes, print);
}

static void assert_refused(enum value_type type, const char *text)
{
	union field field = { 0 };
	struct err err = { "" };

	if (parse(type, text, &field, &err) == 0)
		fail_msg("'%s' was taken for a %s", text, value_kind(type)->word);
	assert_true(err.text[0] != '\0');
}

TEST(duration, takes_a_number_and_a_unit)
{
	union field field;

	assert_int_equal(parse(VALUE_DURATION, "500ms", &field, NULL), 0);
	assert_int_equal(field.wide, 500 * USEC_PER_MSEC);
	assert_int_equal(parse(VALUE_DURATION, "4h", &field, NULL), 0);
	assert_int_equal(field.wide, 4 * 3600 * USEC_PER_SEC);
	assert_int_equal(parse(VALUE_DURATION, "0s", &field, NULL), 0);
	assert_int_equal(field.wide, 0);
}

TEST(duration, prints_the_largest_unit_that_divides)
{
	assert_prints(VALUE_DURATION, "900s", "15m");
	assert_prints(VALUE_DURATION, "1500ms", "1500ms");
	assert_prints(VALUE_DURATION, "2000ms", "2s");
	assert_prints(VALUE_DURATION, "48h", "2d");
	assert_prints(VALUE_DURATION, "0ms", "0s");
	assert_prints(VALUE_DURATION, "007s", "7s");
}

TEST(duration, refuses_everything_else)
{
	static const char *const bad[] = { "",
					   "5",
					   "s",
					   "-1s",
					   "+1s",
					   "1.5s",
					   "1 s",
					   "1S",
					   "1us",
					   "1h30m",
					   "0x1s",
					   "1s ",
					   "٣s",
					   "99999999999999999999s",
					   "999999999999999d" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_refused(VALUE_DURATION, bad[i]);
}

TEST(count, is_decimal)
{
	assert_prints(VALUE_COUNT, "4M", "4M");
	assert_prints(VALUE_COUNT, "100k", "100k");
	assert_prints(VALUE_COUNT, "1000000", "1M");
	assert_prints(VALUE_COUNT, "1001", "1001");
	assert_prints(VALUE_COUNT, "0", "0");
	assert_prints(VALUE_COUNT, "18446744073709551600", "18446744073709551600");
	assert_refused(VALUE_COUNT, "18446744073709551616");
	assert_refused(VALUE_COUNT, "4m");
	assert_refused(VALUE_COUNT, "4K");
	assert_refused(VALUE_COUNT, "4Mi");
}

TEST(packet_rate, wants_pps)
{
	assert_prints(VALUE_PPS, "50pps", "50pps");
	assert_prints(VALUE_PPS, "2000pps", "2kpps");
	assert_refused(VALUE_PPS, "50");
	assert_refused(VALUE_PPS, "50bps");
}

TEST(number, keeps_to_its_bounds)
{
	const struct value_spec spec = { .type = VALUE_NUMBER, .min = 3, .max = 7 };
	uint32_t value = 0;
	struct err err;

	assert_int_equal(value_parse(&spec, "3", arena, &value, &err), 0);
	assert_int_equal(value_parse(&spec, "7", arena, &value, &err), 0);
	assert_int_equal(value, 7);
	assert_true(value_parse(&spec, "2", arena, &value, &err) < 0);
	assert_string_equal(err.text, "'2' is out of bounds; allowed is 3 to 7");
	assert_true(value_parse(&spec, "8", arena, &value, &err) < 0);
	assert_int_equal(value, 7);
	assert_refused(VALUE_NUMBER, "4294967296");
	assert_prints(VALUE_NUMBER, "4294967295", "4294967295");
	assert_refused(VALUE_PORT, "0");
	assert_refused(VALUE_PORT, "65536");
	assert_prints(VALUE_PORT, "65535", "65535");
	assert_prints(VALUE_PERCENT, "20%", "20%");
	assert_refused(VALUE_PERCENT, "20");
}

TEST(switch, is_true_or_false)
{
	assert_prints(VALUE_BOOL, "true", "true");
	assert_prints(VALUE_BOOL, "false", "false");
	assert_refused(VALUE_BOOL, "yes");
	assert_refused(VALUE_BOOL, "no");
	assert_refused(VALUE_BOOL, "True");
	assert_refused(VALUE_BOOL, "1");
}

TEST(address, is_one_host)
{
	assert_prints(VALUE_ADDRESS, "10.1.0.11", "10.1.0.11");
	assert_prints(VALUE_ADDRESS, "2001:DB8:0:0::11", "2001:db8::11");
	assert_prints(VALUE_ADDRESS, "::ffff:10.1.0.11", "10.1.0.11");
	assert_refused(VALUE_ADDRESS, "10.1.0.0/24");
	assert_refused(VALUE_ADDRESS, "10.1.0");
	assert_refused(VALUE_ADDRESS, "10.1.0.256");
	assert_refused(VALUE_ADDRESS, "010.1.0.1");
	assert_refused(VALUE_ADDRESS, "web1");
	assert_refused(VALUE_ADDRESS, "fe80::1%eth0");
	assert_refused(VALUE_IPV4, "2001:db8::1");
	assert_refused(VALUE_IPV6, "10.0.0.1");
}

TEST(prefix, tells_the_network_when_host_bits_are_set)
{
	union field field;
	struct err err;

	assert_prints(VALUE_PREFIX, "203.0.113.0/24", "203.0.113.0/24");
	assert_prints(VALUE_PREFIX, "203.0.113.10", "203.0.113.10");
	assert_prints(VALUE_PREFIX, "203.0.113.10/32", "203.0.113.10");
	assert_prints(VALUE_PREFIX, "2001:db8::/48", "2001:db8::/48");
	assert_prints(VALUE_PREFIX, "0.0.0.0/0", "0.0.0.0/0");
	assert_refused(VALUE_PREFIX, "203.0.113.0/33");
	assert_refused(VALUE_PREFIX, "203.0.113.0/");
	assert_refused(VALUE_PREFIX, "/24");
	assert_true(parse(VALUE_PREFIX, "203.0.113.77/26", &field, &err) < 0);
	assert_non_null(strstr(err.text, "did you mean '203.0.113.64/26'?"));
	assert_true(parse(VALUE_PREFIX, "2001:db8::1/64", &field, &err) < 0);
	assert_non_null(strstr(err.text, "did you mean '2001:db8::/64'?"));
}

TEST(mac, is_of_one_station)
{
	assert_prints(VALUE_MAC, "02:00:00:00:0A:fF", "02:00:00:00:0a:ff");
	assert_refused(VALUE_MAC, "01:00:5e:00:00:01");
	assert_refused(VALUE_MAC, "00:00:00:00:00:00");
	assert_refused(VALUE_MAC, "02-00-00-00-00-01");
	assert_refused(VALUE_MAC, "02:00:00:00:01");
	assert_refused(VALUE_MAC, "02:00:00:00:00:0g");
}

TEST(status, is_a_code_or_a_range)
{
	assert_prints(VALUE_STATUS, "200", "200");
	assert_prints(VALUE_STATUS, "200-299", "200-299");
	assert_prints(VALUE_STATUS, "301-301", "301");
	assert_refused(VALUE_STATUS, "299-200");
	assert_refused(VALUE_STATUS, "99");
	assert_refused(VALUE_STATUS, "600");
	assert_refused(VALUE_STATUS, "2xx");
	assert_refused(VALUE_STATUS, "200-");
	assert_refused(VALUE_STATUS, "200-299-300");
}

TEST(text, is_bound_by_its_kind)
{
	char name[65];

	memset(name, 'a', sizeof(name));
	name[64] = '\0';
	assert_refused(VALUE_NAME, name);
	assert_prints(VALUE_NAME, name + 1, name + 1);
	assert_prints(VALUE_NAME, "no", "no");
	assert_prints(VALUE_NAME, "web_1.a-B", "web_1.a-B");
	assert_refused(VALUE_NAME, "");
	assert_refused(VALUE_NAME, "..");
	assert_refused(VALUE_NAME, "-x");
	assert_refused(VALUE_NAME, "a/b");
	assert_refused(VALUE_NAME, "a b");
	assert_prints(VALUE_INTERFACE, "eth0.100", "eth0.100");
	assert_prints(VALUE_INTERFACE, "fifteen-letters", "fifteen-letters");
	assert_refused(VALUE_INTERFACE, "sixteen--letters");
	assert_refused(VALUE_INTERFACE, "eth0:1");
	assert_refused(VALUE_INTERFACE, "..");
	assert_prints(VALUE_FILE, "/run/frr", "/run/frr");
	assert_refused(VALUE_FILE, "run/frr");
	assert_refused(VALUE_FILE, "/");
	assert_prints(VALUE_URL_PATH, "/healthz?deep=1", "/healthz?deep=1");
	assert_refused(VALUE_URL_PATH, "healthz");
	assert_refused(VALUE_URL_PATH, "/a b");
	assert_refused(VALUE_URL_PATH, "/a#b");
	assert_prints(VALUE_HOST, "www.example.net:8443", "www.example.net:8443");
	assert_refused(VALUE_HOST, "www example");
	assert_prints(VALUE_LISTEN, "127.0.0.1:9108", "127.0.0.1:9108");
	assert_prints(VALUE_LISTEN, "[::1]:9108", "[::1]:9108");
	assert_refused(VALUE_LISTEN, "::1:9108");
	assert_refused(VALUE_LISTEN, "127.0.0.1");
	assert_refused(VALUE_LISTEN, "127.0.0.1:0");
	assert_refused(VALUE_LISTEN, ":9108");
	assert_refused(VALUE_LISTEN, "localhost:9108");
}

TEST(community, prints_as_bgpd_does)
{
	assert_prints(VALUE_COMMUNITY, "65010:100", "65010:100");
	assert_prints(VALUE_COMMUNITY, "065010:0100", "65010:100");
	assert_prints(VALUE_COMMUNITY, "no-export", "no-export");
	assert_prints(VALUE_COMMUNITY, "65535:65281", "no-export");
	assert_prints(VALUE_COMMUNITY, "local-as", "local-AS");
	assert_refused(VALUE_COMMUNITY, "65536:1");
	assert_refused(VALUE_COMMUNITY, "65010");
	assert_refused(VALUE_COMMUNITY, "65010:1:2");
	assert_refused(VALUE_COMMUNITY, "65010:");
	assert_refused(VALUE_COMMUNITY, "no-import");
	assert_refused(VALUE_COMMUNITY, "graceful-shutdown");
	assert_refused(VALUE_COMMUNITY, "65535:0");
	assert_prints(VALUE_LARGE_COMMUNITY, "4294967295:0:7", "4294967295:0:7");
	assert_refused(VALUE_LARGE_COMMUNITY, "4294967296:0:7");
	assert_refused(VALUE_LARGE_COMMUNITY, "1:2");
}

TEST(community, sorts_by_number)
{
	assert_true(value_community_cmp("65010:99", "65010:100") < 0);
	assert_true(value_community_cmp("no-export", "65010:100") > 0);
	assert_int_equal(value_community_cmp("65010:1", "65010:1"), 0);
	assert_true(value_community_cmp("1:2:3", "1:2:10") < 0);
}

#define CASE(subject, behaviour)                                                                   \
	{                                                                                          \
#subject ": " #behaviour, subject##_##behaviour, setup, teardown, NULL             \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(duration, takes_a_number_and_a_unit),
		CASE(duration, prints_the_largest_unit_that_divides),
		CASE(duration, refuses_everything_else),
		CASE(count, is_decimal),
		CASE(packet_rate, wants_pps),
		CASE(number, keeps_to_its_bounds),
		CASE(switch, is_true_or_false),
		CASE(address, is_one_host),
		CASE(prefix, tells_the_network_when_host_bits_are_set),
		CASE(mac, is_of_one_station),
		CASE(status, is_a_code_or_a_range),
		CASE(text, is_bound_by_its_kind),
		CASE(community, prints_as_bgpd_does),
		CASE(community, sorts_by_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
