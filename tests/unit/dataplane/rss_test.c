/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rss_test.c - outer headers spread flows over the queues of a real's NIC: Toeplitz hash with the
 * key and the indirection table of 128 entries that drivers come with. IPIP is hashed over both
 * addresses, GUE over addresses and ports; all flows go to one real, which is the worst case.
 *
 * Source: Microsoft, "RSS hashing functions" (NDIS), with its verification suite.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "bpf/encap.h"
#include "src/base/addr.h"
#include "tests/lib/test.h"

#define FLOWS      1000000
#define TABLE      128
#define QUEUES_MAX 16

static const uint8_t key[40] = { 0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67,
				 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
				 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30,
				 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa };

/* xorshift32 (Marsaglia); the same numbers in every run. */
static uint32_t random32(void)
{
	static uint32_t state = 2463534242U;

	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state;
}

/* What byte `at` of the input with this value adds to the hash. */
static uint32_t byte_hash(size_t at, uint8_t value)
{
	uint32_t hash = 0;

	for (size_t bit = 0; bit < 8; bit++) {
		size_t from = at * 8 + bit;
		uint32_t window = 0;

		for (size_t i = 0; i < 32; i++)
			window = window << 1 | (key[(from + i) / 8] >> (7 - (from + i) % 8) & 1);
		if (value >> (7 - bit) & 1)
			hash ^= window;
	}
	return hash;
}

/* The same for every byte and value, worked out once. */
static uint32_t hashes[36][256];

static void prepare(void)
{
	for (size_t at = 0; at < 36; at++) {
		for (unsigned value = 0; value < 256; value++)
			hashes[at][value] = byte_hash(at, (uint8_t)value);
	}
}

static uint32_t toeplitz(const uint8_t *input, size_t len)
{
	uint32_t hash = 0;

	for (size_t i = 0; i < len; i++)
		hash ^= hashes[i][input[i]];
	return hash;
}

/* The tuple of an outer header. */
struct tuple {
	uint8_t bytes[36];
	size_t len;
};

static void put(struct tuple *tuple, const void *bytes, size_t len)
{
	memcpy(tuple->bytes + tuple->len, bytes, len);
	tuple->len += len;
}

struct way {
	bool client_is_ipv6, real_is_ipv6, is_gue;
};

static struct tuple outer(const struct way *way, __be32 client, __be16 sport)
{
	struct tuple tuple = { .len = 0 };
	struct addr source, real;
	__be16 port = htons(6080);
	__be32 words[4];

	addr_parse(way->real_is_ipv6 ? "fc00:1::11" : "10.1.0.11", &real);
	addr_parse(way->real_is_ipv6 ? "fc00:2::2" : "10.0.2.2", &source);
	if (!way->real_is_ipv6)
		words[0] = way->is_gue ? 0 : encap_source_ipv4(client, sport);
	else
		encap_source_ipv6(words, client, sport);
	if (way->is_gue)
		put(&tuple, source.bytes + (way->real_is_ipv6 ? 0 : 12),
		    way->real_is_ipv6 ? 16 : 4);
	else
		put(&tuple, words, way->real_is_ipv6 ? 16 : 4);
	put(&tuple, real.bytes + (way->real_is_ipv6 ? 0 : 12), way->real_is_ipv6 ? 16 : 4);
	if (way->is_gue) {
		sport = encap_source_port(client, sport, way->client_is_ipv6, way->real_is_ipv6);
		put(&tuple, &sport, 2);
		put(&tuple, &port, 2);
	}
	return tuple;
}

static void expect_even(const uint32_t entries[TABLE], unsigned queues, const char *what)
{
	uint32_t counts[QUEUES_MAX] = { 0 };
	uint32_t even = FLOWS / queues;

	for (unsigned i = 0; i < TABLE; i++)
		counts[i % queues] += entries[i];
	for (unsigned i = 0; i < queues; i++) {
		if (counts[i] < even - even / 20 || counts[i] > even + even / 20)
			fail_msg("%s: queue %u of %u gets %u flows, even would be %u", what, i,
				 queues, counts[i], even);
	}
}

static void check_way(const struct way *way, const char *what)
{
	uint32_t entries[TABLE] = { 0 };

	for (unsigned i = 0; i < FLOWS; i++) {
		__be32 client = random32();
		__be16 sport = (__be16)random32();
		struct tuple tuple = outer(way, client, sport), again = outer(way, client, sport);

		assert_memory_equal(&tuple, &again, sizeof(tuple));
		entries[toeplitz(tuple.bytes, tuple.len) % TABLE]++;
	}
	for (unsigned queues = 4; queues <= QUEUES_MAX; queues *= 2)
		expect_even(entries, queues, what);
}

TEST(toeplitz, gives_the_published_values)
{
	const uint8_t v4[] = { 66,  9,  149,       187,         161,       142,
			       100, 80, 2794 >> 8, 2794 & 0xff, 1766 >> 8, 1766 & 0xff };

	prepare();
	assert_int_equal(toeplitz(v4, 8), 0x323e8fc2);
	assert_int_equal(toeplitz(v4, 12), 0x51ccc178);
}

TEST(outer, headers_spread_flows_over_the_queues)
{
	prepare();
	for (unsigned i = 0; i < 8; i++) {
		const struct way way = { .client_is_ipv6 = i & 1,
					 .real_is_ipv6 = i & 2,
					 .is_gue = i & 4 };
		char what[64];

		snprintf(what, sizeof(what), "IPv%d client, IPv%d real, %s",
			 way.client_is_ipv6 ? 6 : 4, way.real_is_ipv6 ? 6 : 4,
			 way.is_gue ? "GUE" : "IPIP");
		check_way(&way, what);
	}
}

RUN_TESTS(T(toeplitz, gives_the_published_values), T(outer, headers_spread_flows_over_the_queues))
