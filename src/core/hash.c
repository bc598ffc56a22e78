/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hash.c - the hashes that fix the order of a ring: the endpoint hash of an address and
 * MurmurHash3 x64-128.
 *
 * They must give katran's numbers bit for bit, or a fleet that serves one VIP with both would send
 * flows to different reals. Written from the published algorithms (SpookyHash V2 "short" form, Bob
 * Jenkins; MurmurHash3, Austin Appleby; the 64-bit mixing of CityHash's Hash128to64), all public
 * domain or plain arithmetic; the constants are listed in docs/ring.md.
 */
#include "src/core/ring.h"

#include <string.h>

#include "src/core/hash.h"

#define FNV32_BASIS 2166136261U
#define FNV32_PRIME 16777619U
#define MIX_FACTOR  0x9ddfea08eb382d69ULL
#define SPOOKY_SEED 0xdeadbeefdeadbeefULL

static uint64_t rotl(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

/* Little-endian whatever the machine. */
static uint64_t load_le64(const uint8_t *p)
{
	uint64_t x = 0;

	for (int i = 7; i >= 0; i--)
		x = x << 8 | p[i];
	return x;
}

static uint64_t mix(uint64_t upper, uint64_t lower)
{
	uint64_t x = (lower ^ upper) * MIX_FACTOR;

	x ^= x >> 47;
	x = (upper ^ x) * MIX_FACTOR;
	x ^= x >> 47;
	return x * MIX_FACTOR;
}

/* FNV with the multiplication first, over signed bytes: they sign-extend before the xor. */
static uint32_t fnv32(const uint8_t *bytes, size_t len)
{
	uint32_t h = FNV32_BASIS;

	for (size_t i = 0; i < len; i++)
		h = h * FNV32_PRIME ^ (bytes[i] | (bytes[i] & 0x80 ? 0xffffff00U : 0));
	return h;
}

/*
 * SpookyHash V2 of 16 bytes with both seeds 0. The four words take turns, so each round is the same
 * step with the roles moved on by one.
 */
static void spooky16(const uint8_t bytes[16], uint64_t ret[2])
{
	static const uint8_t mixing[] = { 50, 52, 30, 41, 54, 48, 38, 37, 62, 34, 5, 36 };
	static const uint8_t ending[] = { 15, 52, 26, 51, 28, 9, 47, 54, 32, 25, 63 };
	uint64_t h[4] = { 0, 0, SPOOKY_SEED + load_le64(bytes),
			  SPOOKY_SEED + load_le64(bytes + 8) };

	for (unsigned i = 0; i < sizeof(mixing); i++) {
		uint64_t *turned = &h[(i + 2) % 4];

		*turned = rotl(*turned, mixing[i]) + h[(i + 3) % 4];
		h[i % 4] ^= *turned;
	}
	h[2] += SPOOKY_SEED; /* no bytes are left over */
	h[3] += SPOOKY_SEED + (16ULL << 56);
	for (unsigned i = 0; i < sizeof(ending); i++) {
		uint64_t *turned = &h[(i + 2) % 4], *mixed = &h[(i + 3) % 4];

		*mixed ^= *turned;
		*turned = rotl(*turned, ending[i]);
		*mixed += *turned;
	}
	ret[0] = h[0];
	ret[1] = h[1];
}

uint64_t ring_addr_hash(const struct addr *addr)
{
	size_t len;
	const uint8_t *raw = addr_raw(addr, &len);
	uint64_t wide[2];

	if (len == 4)
		return mix(2, fnv32(raw, len));
	spooky16(raw, wide);
	return mix(10, mix(wide[0], wide[1]));
}

uint64_t ring_murmur(uint64_t a, uint64_t b, uint32_t seed)
{
	const uint64_t c1 = 0x87c37b91114253d5ULL, c2 = 0x4cf5ad432745937fULL;
	uint64_t h1 = seed, h2 = seed;

	h1 ^= rotl(a * c1, 31) * c2;
	h1 = (rotl(h1, 27) + h2) * 5 + 0x52dce729;
	h2 ^= rotl(b * c2, 33) * c1;
	h2 = (rotl(h2, 31) + h1) * 5 + 0x38495ab5;

	h1 ^= 16; /* the length */
	h2 ^= 16;
	h1 += h2;
	h2 += h1;
	return hash_fmix(h1) + hash_fmix(h2);
}
