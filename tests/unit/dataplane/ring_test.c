/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ring_test.c - which slot a flow gets: the hash against an independent reading of lookup3, the
 * division-free modulus against the division.
 */
#include "bpf/ring.h"

#include <arpa/inet.h>
#include <string.h>

#include "src/base/addr.h"
#include "tests/lib/test.h"

static uint64_t random_state = 88172645463325252ULL; /* Marsaglia's xorshift */

static uint32_t random32(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 16);
}

/* lookup3's hashlittle() for whole words, written as its description goes: a loop over three. */
static uint32_t lookup3(const uint32_t *words, size_t n, uint32_t start)
{
	static const unsigned mix[] = { 4, 6, 8, 16, 19, 4 };
	static const unsigned last[] = { 14, 11, 25, 16, 4, 14, 24 };
	uint32_t s[3] = { start, start, start };

#define ROL(x, k) ((x) << (k) | (x) >> (32 - (k)))
	for (; n > 3; n -= 3, words += 3) {
		for (int i = 0; i < 3; i++)
			s[i] += words[i];
		for (unsigned i = 0; i < 6; i++) {
			unsigned x = i % 3, prev = (i + 2) % 3, next = (i + 1) % 3;

			s[x] = (s[x] - s[prev]) ^ ROL(s[prev], mix[i]);
			s[prev] += s[next];
		}
	}
	for (size_t i = 0; i < n; i++)
		s[i] += words[i];
	for (unsigned i = 0; i < 7; i++) {
		unsigned x = (i + 2) % 3, prev = (i + 1) % 3;

		s[x] = (s[x] ^ s[prev]) - ROL(s[prev], last[i]);
	}
#undef ROL
	return s[2];
}

TEST(hash, is_lookup3_of_client_and_ports)
{
	for (int i = 0; i < 10000; i++) {
		uint32_t src[4] = { random32(), random32(), random32(), random32() };
		__be32 ports = random32();
		uint32_t words[2] = { src[3], ports };

		assert_int_equal(hash_flow(src, false, ports, 7, 9),
				 lookup3(words, 2, 0xdeadbeef + 8 + 7));
		words[0] = lookup3(src, 4, 0xdeadbeef + 16 + 9);
		assert_int_equal(hash_flow(src, true, ports, 7, 9),
				 lookup3(words, 2, 0xdeadbeef + 8 + 7));
	}
}

TEST(hash, gives_the_slots_of_katran)
{
	struct lb_service service = { .port = 0 };
	struct packet packet = { .sport = htons(31337), .dport = htons(80) };
	struct entropy entropy;
	struct addr addr;

	addr_parse("172.16.0.1", &addr);
	memcpy(packet.src, addr.bytes, 16);
	assert_int_equal(ring_choose(&service, &packet, &entropy, LB_HASH_SEED, LB_HASH_SEED_V6),
			 43349);
	addr_parse("fc00:2::1", &addr);
	memcpy(packet.src, addr.bytes, 16);
	packet.is_ipv6 = 1;
	assert_int_equal(ring_choose(&service, &packet, &entropy, LB_HASH_SEED, LB_HASH_SEED_V6),
			 37505);
}

TEST(ring, slot_is_the_remainder)
{
	static const uint32_t edges[] = { 0,          1,          65535,      65536,
					  65537,      65538,      131073,     131074,
					  0xfffeffff, 0xffff0000, 0xfffffffe, 0xffffffff };

	for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++)
		assert_int_equal(ring_slot(edges[i]), edges[i] % 65537);
	for (int i = 0; i < 1000000; i++) {
		uint32_t hash = random32();

		assert_true(ring_slot(hash) == hash % 65537);
	}
}

TEST(ring, flags_say_which_ports_count)
{
	struct lb_service service = { .hash = LB_HASH_SOURCE_IP,
				      .flags = LB_SERVICE_NO_SPORT | LB_SERVICE_NO_DPORT };
	struct packet packet = { .src = { 1, 2, 3, 4 }, .sport = 5, .dport = 6 };
	struct packet other = { .src = { 1, 2, 3, 4 }, .sport = 7, .dport = 8 };
	struct entropy entropy;

	assert_int_equal(ring_choose(&service, &packet, &entropy, 1, 2),
			 ring_choose(&service, &other, &entropy, 1, 2));
	assert_int_equal(entropy.sport, 0);
	assert_int_equal(entropy.client, 4);
	service.flags = 0;
	service.hash = LB_HASH_DESTINATION_PORT;
	ring_choose(&service, &packet, &entropy, 1, 2);
	assert_int_equal(entropy.sport, 5);
	assert_int_equal(entropy.client, 0);
}

RUN_TESTS(T(hash, is_lookup3_of_client_and_ports), T(hash, gives_the_slots_of_katran),
	  T(ring, slot_is_the_remainder), T(ring, flags_say_which_ports_count))
