/* SPDX-License-Identifier: Apache-2.0 */
#include "src/base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "tests/lib/test.h"

static struct addr addr(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

static struct prefix prefix(const char *text)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, &prefix), 0);
	return prefix;
}

TEST(addr, prints_the_canonical_text)
{
	static const struct {
		const char *text, *print;
	} cases[] = {
		{ "10.0.0.1", "10.0.0.1" },
		{ "0.0.0.0", "0.0.0.0" },
		{ "255.255.255.255", "255.255.255.255" },
		{ "::", "::" },
		{ "2001:DB8:0:0:0:0:0:1", "2001:db8::1" },
		{ "2001:db8:0:1:0:0:0:1", "2001:db8:0:1::1" },
		{ "::ffff:192.0.2.1", "192.0.2.1" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct addr a = addr(cases[i].text);

		assert_string_equal(ADDR_STR(&a), cases[i].print);
	}
}

TEST(addr, refuses_what_is_none)
{
	static const char *const bad[] = { "",           " ",         "10.0.0",      "10.0.0.256",
					   "10.0.0.1 ",  " 10.0.0.1", "10.0.0.01/8", "1::2::3",
					   "fe80::1%lo", "[::1]",     "::1/128",     "host" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct addr a = addr("192.0.2.7"), before = a;

		assert_int_equal(addr_parse(bad[i], &a), -EINVAL);
		assert_memory_equal(&a, &before, sizeof(a));
	}
}

TEST(addr, goes_through_raw_bytes_unchanged)
{
	static const char *const texts[] = { "192.0.2.1", "2001:db8::1", "::", "::1.2.3.4" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct addr a = addr(texts[i]), b;
		size_t len;
		const uint8_t *raw = addr_raw(&a, &len);

		assert_int_equal(len, addr_is_ipv4(&a) ? 4 : 16);
		assert_int_equal(addr_family(&a), len == 4 ? AF_INET : AF_INET6);
		b = addr_from_raw(addr_family(&a), raw);
		assert_true(addr_eq(&a, &b));
	}
}

TEST(addr, sorts_ipv4_first_then_by_bytes)
{
	static const char *const sorted[] = { "0.0.0.0", "10.0.0.2", "10.0.0.10",   "192.0.2.1",
					      "::",      "::1",      "2001:db8::1", "ff02::1" };

	for (size_t i = 0; i < 8; i++) {
		for (size_t j = 0; j < 8; j++) {
			struct addr a = addr(sorted[i]), b = addr(sorted[j]);
			int order = addr_cmp(&a, &b);

			assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
		}
	}
}

TEST(prefix, prints_its_length_always)
{
	struct prefix p = prefix("203.0.113.0/24");

	assert_string_equal(PREFIX_STR(&p), "203.0.113.0/24");
	p = prefix("203.0.113.10");
	assert_string_equal(PREFIX_STR(&p), "203.0.113.10/32");
	assert_true(prefix_is_host(&p));
	p = prefix("2001:db8::/32");
	assert_string_equal(PREFIX_STR(&p), "2001:db8::/32");
	assert_false(prefix_is_host(&p));
	p = prefix("2001:db8::1");
	assert_string_equal(PREFIX_STR(&p), "2001:db8::1/128");
	assert_true(prefix_is_host(&p));
	p = prefix("0.0.0.0/0");
	assert_string_equal(PREFIX_STR(&p), "0.0.0.0/0");
}

TEST(prefix, refuses_host_bits_and_wrong_lengths)
{
	struct prefix p;

	assert_int_equal(prefix_parse("203.0.113.1/24", &p), -EDOM);
	assert_int_equal(prefix_parse("128.0.0.0/0", &p), -EDOM);
	assert_int_equal(prefix_parse("2001:db8::1/127", &p), -EDOM);
	assert_int_equal(prefix_parse("203.0.113.0/33", &p), -EINVAL);
	assert_int_equal(prefix_parse("2001:db8::/129", &p), -EINVAL);
	assert_int_equal(prefix_parse("203.0.113.0/", &p), -EINVAL);
	assert_int_equal(prefix_parse("203.0.113.0/-1", &p), -EINVAL);
	assert_int_equal(prefix_parse("203.0.113.0/2 4", &p), -EINVAL);
	assert_int_equal(prefix_parse("203.0.113.0/0024", &p), -EINVAL);
	assert_int_equal(prefix_parse("/24", &p), -EINVAL);
	assert_int_equal(prefix_parse("", &p), -EINVAL);
	assert_int_equal(
		prefix_parse("aaaa:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa/8", &p),
		-EINVAL);
}

/* Every length of both families against single flipped bits: inside exactly below the length. */
TEST(prefix, has_an_address_when_its_leading_bits_agree)
{
	const struct addr bases[] = { addr("0.0.0.0"), addr("::") };

	for (size_t f = 0; f < 2; f++) {
		unsigned bits = f ? 128 : 32, start = f ? 0 : 96;

		for (unsigned len = 0; len <= bits; len++) {
			struct prefix p = { .addr = bases[f], .len = (uint8_t)len };

			for (unsigned bit = 0; bit < bits; bit++) {
				struct addr a = bases[f];

				a.bytes[(start + bit) / 8] ^= (uint8_t)(0x80U >> (bit % 8));
				assert_int_equal(prefix_has_addr(&p, &a), bit >= len);
			}
		}
	}
}

TEST(prefix, holds_itself_and_longer_ones)
{
	struct prefix wide = prefix("203.0.113.0/24"), narrow = prefix("203.0.113.128/25");
	struct prefix other = prefix("203.0.112.0/24"), all6 = prefix("::/0");

	assert_true(prefix_has_prefix(&wide, &wide));
	assert_true(prefix_has_prefix(&wide, &narrow));
	assert_false(prefix_has_prefix(&narrow, &wide));
	assert_false(prefix_has_prefix(&wide, &other));
	assert_false(prefix_has_prefix(&all6, &wide));
	assert_true(prefix_eq(&wide, &wide));
	assert_false(prefix_eq(&wide, &narrow));
	assert_true(prefix_cmp(&wide, &narrow) < 0);
}

TEST(addr, parses_an_address_with_its_port)
{
	static const char *const bad[] = { "",
					   ":80",
					   "192.0.2.1",
					   "192.0.2.1:",
					   "192.0.2.1:0",
					   "192.0.2.1:65536",
					   "192.0.2.1:+1",
					   "192.0.2.1:1x",
					   "[192.0.2.1]:1",
					   "2001:db8::1:80",
					   "[2001:db8::1]",
					   "[2001:db8::1:80",
					   "2001:db8::1]:80",
					   "[]:80",
					   "]:80",
					   "[:80" };
	struct addr addr;
	uint16_t port;

	assert_int_equal(addr_parse_port("192.0.2.1:65535", &addr, &port), 0);
	assert_string_equal(ADDR_STR(&addr), "192.0.2.1");
	assert_int_equal(port, 65535);
	assert_int_equal(addr_parse_port("[2001:db8::1]:443", &addr, &port), 0);
	assert_string_equal(ADDR_STR(&addr), "2001:db8::1");
	assert_int_equal(port, 443);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (addr_parse_port(bad[i], &addr, &port) == 0)
			fail_msg("'%s' was taken", bad[i]);
}

RUN_TESTS(T(addr, parses_an_address_with_its_port), T(addr, prints_the_canonical_text),
	  T(addr, refuses_what_is_none), T(addr, goes_through_raw_bytes_unchanged),
	  T(addr, sorts_ipv4_first_then_by_bytes), T(prefix, prints_its_length_always),
	  T(prefix, refuses_host_bits_and_wrong_lengths),
	  T(prefix, has_an_address_when_its_leading_bits_agree),
	  T(prefix, holds_itself_and_longer_ones))
