/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ring_test.c - the rings against golden values, and what the overlay promises: no collateral
 * slots, no memory, no dependence on order.
 *
 * The golden numbers of the base rings are katran's; those of the overlay are our own and bind all
 * versions, since nodes of different versions must agree. Where the vectors directory is at hand
 * (SHOAL_VECTORS, or ../shared beside the sources) its ring file is read as well.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/core/maglev.h"
#include "src/core/ring.h"
#include "tests/lib/test.h"

#define REALS_MAX 512

static const struct ring_policy no_policy;
static uint16_t base[RING_SLOTS], before[RING_SLOTS], after[RING_SLOTS];

/* FNV-1a-64 over the slots as little-endian u32. */
static uint64_t fingerprint(const uint16_t *slots, uint32_t size)
{
	uint64_t h = 0xcbf29ce484222325ULL;

	for (uint32_t i = 0; i < size; i++) {
		uint32_t value = slots[i];

		for (int byte = 0; byte < 4; byte++, value >>= 8)
			h = (h ^ (value & 0xff)) * 0x100000001b3ULL;
	}
	return h;
}

static struct addr addr_of(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

/* n reals 10.1.x.y, all up, weight by the cycle of weights given. */
static void reals_make(struct ring_real *reals, size_t n, const uint32_t *weights, size_t n_weights)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t raw[4] = { 10, 1, (uint8_t)(i >> 8), (uint8_t)i };

		reals[i] = (struct ring_real){
			.addr = addr_from_raw(2, raw),
			.weight = weights[i % n_weights],
			.takes_new_flows = true,
		};
	}
}

static const uint32_t equal[] = { 1 }, mixed[] = { 1, 2, 5 };

static size_t count(const uint16_t *slots, uint16_t owner)
{
	size_t n = 0;

	for (uint32_t i = 0; i < RING_SLOTS; i++)
		n += slots[i] == owner;
	return n;
}

TEST(ring_hash, gives_the_known_endpoint_hashes)
{
	static const struct {
		const char *addr;
		uint64_t hash;
	} known[] = {
		{ "10.0.0.1", 0xd671359dbaa15954 },        { "10.0.0.2", 0x2cd426d008b90279 },
		{ "10.0.0.3", 0x6eb4a2989236785d },        { "10.0.0.6", 0x5ee38d46dd8aa382 },
		{ "192.168.200.129", 0xe8fda44a7cbc2b00 }, { "fc00::1", 0x64e74a25b986d744 },
		{ "fc00::2", 0x87d247835b02295b },         { "fc00::3", 0x0b2e5ea98827f017 },
		{ "fc00::2307:1", 0x7e825549bb3f6c33 },    { "2001:db8::1", 0xb7af62f1ee061155 },
		{ "::ffff:10.0.0.1", 0xd671359dbaa15954 },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		struct addr addr = addr_of(known[i].addr);

		assert_int_equal(ring_addr_hash(&addr), known[i].hash);
	}
}

TEST(ring_hash, gives_the_known_murmur_words)
{
	assert_int_equal(ring_murmur(0, 0, 0), 5457549051747178710ULL);
	assert_int_equal(ring_murmur(1, 42, 0), 830322281416518563ULL);
	assert_int_equal(ring_murmur(1, 2718281828, 2307), 9302815683273903108ULL);
	assert_int_equal(ring_murmur(UINT64_MAX, 1, 7), 3813452331925256186ULL);
}

/* The published rings, rebuilt from formulas for their endpoints. */
static uint64_t formula_ring(size_t n, uint64_t step, const uint32_t *weights, size_t n_weights,
			     uint32_t size)
{
	struct maglev_endpoint endpoints[REALS_MAX];

	for (size_t i = 0; i < n; i++)
		endpoints[i] =
			(struct maglev_endpoint){ i * step, weights[i % n_weights], (uint16_t)i };
	assert_int_equal(maglev_fill(endpoints, n, size, base), 0);
	return fingerprint(base, size);
}

TEST(ring, matches_the_golden_rings)
{
	static const uint32_t alternating[] = { 1, 100 };
	static const uint16_t first[] = { 64, 30, 79, 59, 78, 9, 82, 91 };

	assert_int_equal(formula_ring(400, 2654435761, alternating, 2, RING_SLOTS),
			 0x623e4a03b5ccb533);
	assert_int_equal(formula_ring(100, 1, equal, 1, RING_SLOTS), 0xb686aa9d43a91401);
	assert_memory_equal(base, first, sizeof(first));
}

/* 10.0.0.1..3 with numbers 1, 2, 3 in the golden data. */
static void three_reals(uint32_t w1, uint32_t w2, uint32_t w3)
{
	struct ring_real reals[] = {
		{ .weight = 0 },
		{ .addr = addr_of("10.0.0.1"), .weight = w1 },
		{ .addr = addr_of("10.0.0.2"), .weight = w2 },
		{ .addr = addr_of("10.0.0.3"), .weight = w3 },
	};

	assert_int_equal(ring_base(reals, 4, base), 0);
}

TEST(ring, matches_the_golden_rings_of_addresses)
{
	static const uint16_t first[] = { 2, 1, 3, 2, 1, 3, 3, 1, 1, 2, 1, 2, 2, 1, 2, 3 };
	static const uint16_t weighed[] = { 2, 2, 3, 2, 2, 3, 2, 2, 3, 2, 3, 2, 2, 2, 2, 3 };

	three_reals(1, 1, 1);
	assert_int_equal(fingerprint(base, RING_SLOTS), 0x4110148491ea0e24);
	assert_memory_equal(base, first, sizeof(first));

	three_reals(1, 100, 50);
	assert_int_equal(fingerprint(base, RING_SLOTS), 0x68cf32a6d402e476);
	assert_memory_equal(base, weighed, sizeof(weighed));
	assert_int_equal(count(base, 1), 434);
	assert_int_equal(count(base, 2), 43402);
	assert_int_equal(count(base, 3), 21701);
}

static FILE *vectors_open(void)
{
	const char *dir = getenv("SHOAL_VECTORS");
	char path[4096];

	snprintf(path, sizeof(path), "%s/katran/maglev_rings.json",
		 dir && *dir ? dir : SOURCE_ROOT "/../shared/vectors");
	return fopen(path, "re");
}

static void check_json_ring(const json_t *ring)
{
	struct maglev_endpoint endpoints[REALS_MAX];
	const char *golden = json_string_value(json_object_get(ring, "fnv1a64_of_le32_ring"));
	uint32_t size = (uint32_t)json_integer_value(json_object_get(ring, "ring_size"));
	json_t *endpoint, *list = json_object_get(ring, "endpoints");
	char print[32];
	size_t i;

	json_array_foreach (list, i, endpoint) {
		assert_in_range(i, 0, REALS_MAX - 1);
		endpoints[i] = (struct maglev_endpoint){
			strtoull(json_string_value(json_array_get(endpoint, 2)), NULL, 10),
			(uint32_t)json_integer_value(json_array_get(endpoint, 1)),
			(uint16_t)json_integer_value(json_array_get(endpoint, 0)),
		};
	}
	assert_int_equal(maglev_fill(endpoints, json_array_size(list), size, base), 0);
	snprintf(print, sizeof(print), "%016llx", (unsigned long long)fingerprint(base, size));
	assert_string_equal(print, golden);
}

TEST(ring, matches_the_vector_file_where_it_is)
{
	FILE *file = vectors_open();
	json_t *root, *ring;
	size_t i, n = 0;

	if (!file) {
		print_message("no vectors directory beside the sources: built-in values only\n");
		return;
	}
	root = json_loadf(file, 0, NULL);
	fclose(file);
	assert_non_null(root);
	json_array_foreach (json_object_get(root, "rings"), i, ring) {
		if (strcmp(json_string_value(json_object_get(ring, "algo")), "maglev_v2") != 0)
			continue;
		check_json_ring(ring);
		n++;
	}
	json_decref(root);
	assert_int_equal(n, 6);
}

/* Maglev V2 as it is written down, one probe after another. */
static void naive_fill(const struct maglev_endpoint *endpoints, size_t n, uint16_t *slots)
{
	uint64_t credit[REALS_MAX] = { 0 }, most = 0;
	uint32_t probe[REALS_MAX], skip[REALS_MAX], left = RING_SLOTS;

	for (size_t i = 0; i < n; i++) {
		probe[i] = (uint32_t)(ring_murmur(endpoints[i].hash, 42, 0) % RING_SLOTS);
		skip[i] = (uint32_t)(ring_murmur(endpoints[i].hash, 2718281828U, 2307) %
				     (RING_SLOTS - 1)) +
			  1;
		most = endpoints[i].weight > most ? endpoints[i].weight : most;
	}
	memset(slots, 0xff, RING_SLOTS * sizeof(*slots));
	for (size_t i = 0; left; i = (i + 1) % n) {
		credit[i] += endpoints[i].weight;
		if (credit[i] < most)
			continue;
		credit[i] -= most;
		while (slots[probe[i] % RING_SLOTS] != RING_NONE)
			probe[i] += skip[i];
		slots[probe[i] % RING_SLOTS] = endpoints[i].index;
		probe[i] += skip[i];
		left--;
	}
}

TEST(ring, is_that_of_the_plain_algorithm)
{
	static const size_t sizes[] = { 1, 2, 3, 7, 50, 100, 191, 400, REALS_MAX };
	struct maglev_endpoint endpoints[REALS_MAX];

	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		for (size_t i = 0; i < sizes[s]; i++)
			endpoints[i] = (struct maglev_endpoint){
				ring_murmur(i, s, 7),
				1 + (s % 2 ? (uint32_t)(ring_murmur(i, s, 8) % 50) : 0),
				(uint16_t)i,
			};
		naive_fill(endpoints, sizes[s], before);
		assert_int_equal(maglev_fill(endpoints, sizes[s], RING_SLOTS, after), 0);
		assert_memory_equal(before, after, sizeof(before));
	}
}

TEST(ring, is_the_same_for_any_order_of_reals)
{
	struct ring_real reals[60], turned[60];

	reals_make(reals, 60, mixed, 3);
	for (size_t i = 0; i < 60; i++)
		turned[i] = reals[(i * 37 + 11) % 60];
	for (size_t down = 0; down < 60; down += 7)
		turned[down].takes_new_flows = reals[(down * 37 + 11) % 60].takes_new_flows = false;

	assert_int_equal(ring_base(reals, 60, before), 0);
	ring_overlay(reals, 60, &no_policy, before, before);
	assert_int_equal(ring_base(turned, 60, after), 0);
	ring_overlay(turned, 60, &no_policy, after, after);
	for (uint32_t i = 0; i < RING_SLOTS; i++)
		assert_true(addr_eq(&reals[before[i]].addr, &turned[after[i]].addr));
}

TEST(ring, has_no_owner_without_weight_and_one_owner_with_one_real)
{
	struct ring_real reals[2];

	reals_make(reals, 2, equal, 1);
	reals[0].weight = 0;
	assert_int_equal(ring_base(reals, 2, base), 0);
	assert_int_equal(count(base, 1), RING_SLOTS);
	reals[1].is_backup = true;
	assert_int_equal(ring_base(reals, 2, base), 0);
	assert_int_equal(count(base, RING_NONE), RING_SLOTS);
	assert_int_equal(ring_base(NULL, 0, base), 0);
	assert_int_equal(count(base, RING_NONE), RING_SLOTS);
}

TEST(ring, ends_with_the_largest_weights)
{
	struct ring_real reals[3];
	const uint32_t extreme[] = { UINT32_MAX, 1, UINT32_MAX - 1 };

	reals_make(reals, 3, extreme, 3);
	assert_int_equal(ring_base(reals, 3, base), 0);
	assert_int_equal(count(base, 0) + count(base, 1) + count(base, 2), RING_SLOTS);
	assert_in_range(count(base, 0), 32768, 32769);
	assert_int_equal(count(base, 1), 0);
}

/* Take each third of the reals away one after another; what its owner keeps must never move. */
static void no_collateral(const uint32_t *weights, size_t n_weights)
{
	struct ring_real reals[100];

	reals_make(reals, 100, weights, n_weights);
	assert_int_equal(ring_base(reals, 100, base), 0);
	memcpy(before, base, sizeof(before));
	for (size_t down = 1; down < 100; down += 3) {
		reals[down].takes_new_flows = false;
		ring_overlay(reals, 100, &no_policy, base, after);
		for (uint32_t i = 0; i < RING_SLOTS; i++) {
			assert_true(reals[after[i]].takes_new_flows);
			if (before[i] != down)
				assert_int_equal(after[i], before[i]);
		}
		memcpy(before, after, sizeof(before));
	}
}

TEST(overlay, moves_no_slot_between_uninvolved_reals)
{
	no_collateral(equal, 1);
	no_collateral(mixed, 3);
}

TEST(overlay, gives_a_returning_real_exactly_its_slots_back)
{
	struct ring_real reals[30];

	reals_make(reals, 30, mixed, 3);
	assert_int_equal(ring_base(reals, 30, base), 0);
	reals[4].takes_new_flows = reals[5].takes_new_flows = false;
	ring_overlay(reals, 30, &no_policy, base, before);
	reals[5].takes_new_flows = true;
	ring_overlay(reals, 30, &no_policy, base, after);
	/* Real 4 is still away: for its slots, and only those, 5 is one more candidate. */
	for (uint32_t i = 0; i < RING_SLOTS; i++)
		if (base[i] != 4 || after[i] != 5)
			assert_int_equal(after[i], base[i] == 5 ? 5 : before[i]);
	reals[4].takes_new_flows = true;
	ring_overlay(reals, 30, &no_policy, base, after);
	assert_memory_equal(after, base, sizeof(base));
}

TEST(overlay, does_not_remember_the_order_of_failures)
{
	static const size_t one_way[] = { 3, 17, 8 }, other_way[] = { 8, 3, 17 };
	const size_t *orders[] = { one_way, other_way };
	uint16_t *results[] = { before, after };
	struct ring_real reals[20];

	for (int run = 0; run < 2; run++) {
		reals_make(reals, 20, mixed, 3);
		assert_int_equal(ring_base(reals, 20, base), 0);
		for (int i = 0; i < 3; i++) {
			reals[orders[run][i]].takes_new_flows = false;
			ring_overlay(reals, 20, &no_policy, base, results[run]);
		}
	}
	assert_memory_equal(before, after, sizeof(before));
}

/* Fail a third of the reals and compare what each survivor inherits with its share by weight. */
static double inherited_chi2(const uint32_t *weights, size_t n_weights)
{
	struct ring_real reals[30];
	double chi2 = 0, orphans = 0, sum = 0;

	reals_make(reals, 30, weights, n_weights);
	assert_int_equal(ring_base(reals, 30, base), 0);
	for (size_t i = 0; i < 10; i++)
		reals[i].takes_new_flows = false;
	ring_overlay(reals, 30, &no_policy, base, after);
	for (uint16_t i = 0; i < 30; i++) {
		if (i < 10)
			orphans += (double)count(base, i);
		else
			sum += reals[i].weight;
	}
	for (uint16_t i = 10; i < 30; i++) {
		double want = orphans * reals[i].weight / sum;
		double off = (double)count(after, i) - (double)count(base, i) - want;

		chi2 += off * off / want;
	}
	return chi2;
}

TEST(overlay, spreads_over_survivors_by_weight)
{
	/* 19 degrees of freedom: 43.8 is exceeded once in a thousand. */
	assert_true(inherited_chi2(equal, 1) < 43.8);
	assert_true(inherited_chi2(mixed, 3) < 43.8);
}

TEST(overlay, uses_backups_only_when_no_normal_real_can_serve)
{
	struct ring_real reals[4];

	reals_make(reals, 4, equal, 1);
	reals[2].is_backup = reals[3].is_backup = true;
	assert_int_equal(ring_base(reals, 4, base), 0);
	assert_int_equal(count(base, 2) + count(base, 3), 0);
	reals[0].takes_new_flows = false;
	ring_overlay(reals, 4, &no_policy, base, after);
	assert_int_equal(count(after, 1), RING_SLOTS);
	reals[1].takes_new_flows = false;
	ring_overlay(reals, 4, &no_policy, base, after);
	assert_int_equal(count(after, 2) + count(after, 3), RING_SLOTS);
	assert_in_range(count(after, 2), 32000, 33537);
	reals[2].takes_new_flows = reals[3].takes_new_flows = false;
	ring_overlay(reals, 4, &no_policy, base, after);
	assert_int_equal(count(after, RING_NONE), RING_SLOTS);
}

TEST(overlay, may_write_over_its_base)
{
	struct ring_real reals[10];

	reals_make(reals, 10, mixed, 3);
	reals[7].takes_new_flows = false;
	assert_int_equal(ring_base(reals, 10, base), 0);
	ring_overlay(reals, 10, &no_policy, base, after);
	ring_overlay(reals, 10, &no_policy, base, base);
	assert_memory_equal(base, after, sizeof(base));
}

TEST(overlay, matches_its_golden_values)
{
	static const struct {
		const uint32_t *weights;
		size_t n_weights;
		uint64_t golden;
	} cases[] = { { equal, 1, 0xd1bdc880250b6ae0 }, { mixed, 3, 0xa62b5e10a54690d1 } };

	for (int i = 0; i < 2; i++) {
		struct ring_real reals[20];

		reals_make(reals, 20, cases[i].weights, cases[i].n_weights);
		for (size_t down = 0; down < 20; down += 4)
			reals[down].takes_new_flows = false;
		assert_int_equal(ring_base(reals, 20, base), 0);
		ring_overlay(reals, 20, &no_policy, base, after);
		assert_int_equal(fingerprint(after, RING_SLOTS), cases[i].golden);
	}
}

RUN_TESTS(T(ring_hash, gives_the_known_endpoint_hashes), T(ring_hash, gives_the_known_murmur_words),
	  T(ring, matches_the_golden_rings), T(ring, matches_the_golden_rings_of_addresses),
	  T(ring, matches_the_vector_file_where_it_is), T(ring, is_that_of_the_plain_algorithm),
	  T(ring, is_the_same_for_any_order_of_reals),
	  T(ring, has_no_owner_without_weight_and_one_owner_with_one_real),
	  T(ring, ends_with_the_largest_weights),
	  T(overlay, moves_no_slot_between_uninvolved_reals),
	  T(overlay, gives_a_returning_real_exactly_its_slots_back),
	  T(overlay, does_not_remember_the_order_of_failures),
	  T(overlay, spreads_over_survivors_by_weight),
	  T(overlay, uses_backups_only_when_no_normal_real_can_serve),
	  T(overlay, may_write_over_its_base), T(overlay, matches_its_golden_values))
