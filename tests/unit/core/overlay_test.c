/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overlay_test.c - the overlay against a slow reference that decides each slot by itself, in
 * floating point and by sorting, and what it promises whatever happens: seeded sequences of
 * failures, returns, slow starts, floors and backups. The seed is printed; SEED repeats one.
 *
 * The golden values bind all versions: nodes of different versions must agree.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/core/hash.h"
#include "src/core/ring.h"
#include "tests/lib/test.h"

#define REALS_MAX 40

static const struct ring_policy plain;
static uint16_t base[RING_SLOTS], before[RING_SLOTS], after[RING_SLOTS];
static uint64_t chance_state;

static void chance_seed(void)
{
	const char *text = getenv("SEED");

	if (!chance_state) {
		chance_state = text ? strtoull(text, NULL, 0) : 20261122;
		print_message("SEED=%llu\n", (unsigned long long)chance_state);
	}
}

static uint32_t chance(uint32_t below)
{
	chance_state = chance_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(hash_fmix(chance_state) >> 32) % below;
}

/* FNV-1a-64 over the slots as little-endian u32. */
static uint64_t fingerprint(const uint16_t *slots)
{
	uint64_t h = 0xcbf29ce484222325ULL;

	for (uint32_t i = 0; i < RING_SLOTS; i++) {
		uint32_t value = slots[i];

		for (int byte = 0; byte < 4; byte++, value >>= 8)
			h = (h ^ (value & 0xff)) * 0x100000001b3ULL;
	}
	return h;
}

static size_t count(const uint16_t *slots, uint16_t owner)
{
	size_t n = 0;

	for (uint32_t i = 0; i < RING_SLOTS; i++)
		n += slots[i] == owner;
	return n;
}

/* Reals 10.1.0.x, every fifth IPv6, all up. */
static void reals_make(struct ring_real *reals, size_t n, const uint32_t *weights, size_t n_weights)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t v4[4] = { 10, 1, 0, (uint8_t)i };
		uint8_t v6[16] = { 0x20, 1, 0xd, 0xb8, [15] = (uint8_t)i };

		reals[i] = (struct ring_real){
			.addr = i % 5 == 4 ? addr_from_raw(10, v6) : addr_from_raw(2, v4),
			.weight = weights[i % n_weights],
			.takes_new_flows = true,
		};
	}
}

static const uint32_t equal[] = { 1 }, mixed[] = { 1, 2, 5 };

/* ---- the reference ---- */

struct ranked {
	uint64_t rank;
	size_t real;
};

static int ranked_cmp(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	return x->rank < y->rank ? 1 : x->rank > y->rank ? -1 : 0;
}

static void reference_floor(const struct ring_real *reals, size_t n, size_t missing, bool *serves)
{
	struct ranked failed[REALS_MAX];
	size_t n_failed = 0;

	for (size_t i = 0; i < n; i++)
		if (!reals[i].is_backup && reals[i].weight && !reals[i].takes_new_flows &&
		    !reals[i].never_kept)
			failed[n_failed++] = (struct ranked){
				hash_fmix(ring_addr_hash(&reals[i].addr) ^ 0xd1b54a32d192ed03ULL), i
			};
	qsort(failed, n_failed, sizeof(*failed), ranked_cmp);
	for (size_t i = 0; i < n_failed && i < missing; i++)
		serves[failed[i].real] = true;
}

static enum ring_rule reference_serving(const struct ring_real *reals, size_t n,
					const struct ring_policy *policy, bool *serves)
{
	size_t normal = 0, taking[2] = { 0 }, least;

	memset(serves, 0, n * sizeof(*serves));
	for (size_t i = 0; i < n; i++) {
		normal += reals[i].weight && !reals[i].is_backup;
		taking[reals[i].is_backup] += reals[i].weight && reals[i].takes_new_flows;
	}
	for (size_t i = 0; i < n; i++) {
		bool takes = reals[i].weight && reals[i].takes_new_flows;

		if (taking[0])
			serves[i] = takes && !reals[i].is_backup;
		else if (taking[1])
			serves[i] = takes;
		else if (policy->opens)
			serves[i] = reals[i].weight && !reals[i].is_backup;
	}
	if (!taking[0])
		return taking[1] ? RING_BACKUPS : policy->opens && normal ? RING_OPEN : RING_NOBODY;
	least = (size_t)ceil((double)(normal * policy->floor_percent) / 100);
	least = policy->floor_count > least ? policy->floor_count : least;
	if (least <= taking[0])
		return RING_HEALTHY;
	reference_floor(reals, n, least - taking[0], serves);
	for (size_t i = 0; i < n; i++)
		if (serves[i] && !reals[i].takes_new_flows)
			return RING_FLOOR;
	return RING_HEALTHY;
}

static bool reference_withholds(const struct ring_real *real, uint32_t slot)
{
	uint64_t mixed_both = ring_addr_hash(&real->addr) ^ hash_fmix(slot + 1ULL);

	return hash_fmix(mixed_both + 0x9e3779b97f4a7c15ULL) % 1024 < real->withheld;
}

static long double reference_score(const struct ring_real *real, uint32_t slot)
{
	uint64_t draw = hash_fmix(ring_addr_hash(&real->addr) ^ hash_fmix(slot + 1ULL));

	return -log2l(((long double)draw + 0.5L) / 18446744073709551616.0L) / real->weight;
}

/* The heir of a slot, RING_NONE without candidate. */
static uint16_t reference_heir(const struct ring_real *reals, size_t n, const bool *serves,
			       uint32_t slot, bool withholding)
{
	long double best = INFINITY;
	uint16_t heir = RING_NONE;

	for (uint16_t i = 0; i < n; i++) {
		long double score;

		if (!serves[i] || (withholding && reference_withholds(&reals[i], slot)))
			continue;
		score = reference_score(&reals[i], slot);
		if (score < best) {
			best = score;
			heir = i;
		}
	}
	return heir;
}

static uint16_t reference_owner(const struct ring_real *reals, size_t n, const bool *serves,
				uint32_t slot)
{
	uint16_t own = base[slot], heir;
	bool own_serves = own != RING_NONE && serves[own];

	if (own_serves && !reference_withholds(&reals[own], slot))
		return own;
	heir = reference_heir(reals, n, serves, slot, true);
	if (heir != RING_NONE)
		return heir;
	return own_serves ? own : reference_heir(reals, n, serves, slot, false);
}

/* Straight lines for the logarithm: nearly equal scores may be told apart wrongly, by under 1/500.
 */
static bool is_nearly_as_good(const struct ring_real *reals, uint16_t owner, uint16_t heir,
			      uint32_t slot)
{
	return owner != RING_NONE && heir != RING_NONE &&
	       reference_score(&reals[owner], slot) < reference_score(&reals[heir], slot) * 1.002L;
}

static void compare(struct ring_real *reals, size_t n, const struct ring_policy *policy)
{
	bool serves[REALS_MAX];
	uint32_t uneven = 0;
	enum ring_rule rule;

	assert_int_equal(ring_base(reals, n, base), 0);
	rule = ring_overlay(reals, n, policy, base, after);
	assert_int_equal(rule, reference_serving(reals, n, policy, serves));
	for (size_t i = 0; i < n; i++)
		assert_int_equal(reals[i].serves, serves[i]);
	for (uint32_t slot = chance(16); slot < RING_SLOTS; slot += 1 + chance(16)) {
		uint16_t want = reference_owner(reals, n, serves, slot);

		if (after[slot] == want)
			continue;
		assert_true(is_nearly_as_good(reals, after[slot], want, slot));
		uneven++;
	}
	assert_in_range(uneven, 0, 8);
}

/* ---- weather ---- */

static void reals_random(struct ring_real *reals, size_t n, bool any_withheld)
{
	reals_make(reals, n, mixed, chance(2) ? 1 : 3);
	for (size_t i = 0; i < n; i++) {
		reals[i].is_backup = chance(6) == 0;
		reals[i].takes_new_flows = chance(3) > 0;
		reals[i].never_kept = !reals[i].takes_new_flows && chance(3) == 0;
		reals[i].withheld = any_withheld && chance(3) == 0 ? (uint16_t)chance(1025) : 0;
		if (chance(15) == 0)
			reals[i].weight = 0;
	}
}

static struct ring_policy policy_random(void)
{
	return (struct ring_policy){ .floor_percent = chance(2) ? chance(101) : 0,
				     .floor_count = chance(4) ? 0 : chance(REALS_MAX),
				     .opens = chance(2) };
}

/* One thing happens to one real. */
static void real_change(struct ring_real *real)
{
	if (chance(3) == 0 && real->takes_new_flows)
		real->withheld = (uint16_t)chance(1025);
	else
		real->takes_new_flows = !real->takes_new_flows;
}

TEST(overlay, agrees_with_the_reference)
{
	struct ring_real reals[REALS_MAX];

	chance_seed();
	for (int i = 0; i < 60; i++) {
		size_t n = 1 + chance(REALS_MAX);
		struct ring_policy policy = policy_random();

		reals_random(reals, n, i % 2);
		compare(reals, n, &policy);
	}
}

/* Between two reals of which neither came, went, nor changed its share no slot moves. */
TEST(overlay, moves_slots_of_involved_reals_only)
{
	struct ring_real reals[REALS_MAX], former[REALS_MAX];

	chance_seed();
	for (int run = 0; run < 6; run++) {
		struct ring_policy policy = policy_random();

		reals_random(reals, REALS_MAX, run % 2);
		assert_int_equal(ring_base(reals, REALS_MAX, base), 0);
		ring_overlay(reals, REALS_MAX, &policy, base, before);
		for (int step = 0; step < 25; step++) {
			memcpy(former, reals, sizeof(former));
			real_change(&reals[chance(REALS_MAX)]);
			ring_overlay(reals, REALS_MAX, &policy, base, after);
			for (uint32_t i = 0; i < RING_SLOTS; i++) {
				uint16_t a = before[i], b = after[i];

				if (a == b || a == RING_NONE || b == RING_NONE)
					continue;
				assert_true(former[a].serves != reals[a].serves ||
					    former[b].serves != reals[b].serves ||
					    former[a].withheld != reals[a].withheld ||
					    former[b].withheld != reals[b].withheld);
			}
			memcpy(before, after, sizeof(before));
		}
	}
}

TEST(overlay, does_not_depend_on_the_order_of_reals)
{
	struct ring_real reals[REALS_MAX], turned[REALS_MAX];

	chance_seed();
	for (int run = 0; run < 10; run++) {
		struct ring_policy policy = policy_random();
		uint32_t by = 1 + chance(REALS_MAX - 1);

		reals_random(reals, REALS_MAX, true);
		for (size_t i = 0; i < REALS_MAX; i++)
			turned[i] = reals[(i + by) % REALS_MAX];
		assert_int_equal(ring_build(reals, REALS_MAX, &policy, before, NULL), 0);
		assert_int_equal(ring_build(turned, REALS_MAX, &policy, after, NULL), 0);
		for (uint32_t i = 0; i < RING_SLOTS; i++) {
			assert_int_equal(before[i] == RING_NONE, after[i] == RING_NONE);
			if (before[i] != RING_NONE)
				assert_true(
					addr_eq(&reals[before[i]].addr, &turned[after[i]].addr));
		}
	}
}

/* Reals that leave one by one, each time from the ring before, against all at once from the base.
 */
TEST(overlay, of_an_overlay_is_that_of_the_base_while_reals_only_leave)
{
	struct ring_real reals[REALS_MAX];
	uint32_t left[RING_SLOTS];
	uint16_t heirs[RING_SLOTS];

	chance_seed();
	reals_make(reals, REALS_MAX, mixed, 3);
	assert_int_equal(ring_base(reals, REALS_MAX, base), 0);
	memcpy(before, base, sizeof(before));
	for (int leaving = 0; leaving < 30; leaving++) {
		size_t n = 0;

		reals[chance(REALS_MAX - 1)].takes_new_flows = false;
		ring_overlay(reals, REALS_MAX, &plain, base, after);
		for (uint32_t i = 0; i < RING_SLOTS; i++)
			if (!reals[before[i]].serves)
				left[n++] = i;
		ring_inherit(reals, REALS_MAX, left, n, heirs);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(heirs[i], after[left[i]]);
		ring_overlay(reals, REALS_MAX, &plain, before, before);
		assert_memory_equal(before, after, sizeof(before));
	}
}

/* Slots of the base ring that their owner has. */
static size_t count_own(uint16_t owner)
{
	size_t n = 0;

	for (uint32_t i = 0; i < RING_SLOTS; i++)
		n += base[i] == owner && after[i] == owner;
	return n;
}

TEST(overlay, gives_a_starting_real_more_and_more_of_its_slots)
{
	struct ring_real reals[20];
	size_t had = 0;

	reals_make(reals, 20, mixed, 3);
	reals[11].takes_new_flows = false;
	assert_int_equal(ring_base(reals, 20, base), 0);
	for (uint16_t parts = 1024; parts <= 1024; parts -= 64) {
		size_t want = count(base, 7) * (1024U - parts) / 1024, own;

		reals[7].withheld = parts;
		ring_overlay(reals, 20, &plain, base, after);
		own = count_own(7);
		assert_true(own >= had);
		assert_in_range(own, want - want / 8, want + want / 8);
		for (uint32_t i = 0; parts < 1024 && i < RING_SLOTS; i++)
			assert_true(after[i] == before[i] || after[i] == 7);
		memcpy(before, after, sizeof(before));
		had = own;
	}
	assert_int_equal(had, count(base, 7));
}

TEST(overlay, lets_a_withholding_real_serve_what_nobody_else_does)
{
	struct ring_real reals[3];

	reals_make(reals, 3, equal, 1);
	reals[2].is_backup = true;
	reals[1].takes_new_flows = false;
	reals[0].withheld = 1024;
	assert_int_equal(ring_base(reals, 3, base), 0);
	assert_int_equal(ring_overlay(reals, 3, &plain, base, after), RING_HEALTHY);
	assert_int_equal(count(after, 0), RING_SLOTS);
	/* Two that both withhold everything: as without slow start. */
	reals[1].takes_new_flows = true;
	reals[1].withheld = 1024;
	ring_overlay(reals, 3, &plain, base, after);
	assert_memory_equal(after, base, sizeof(base));
}

static size_t serving(const struct ring_real *reals, size_t n)
{
	size_t serve = 0;

	for (size_t i = 0; i < n; i++)
		serve += reals[i].serves;
	return serve;
}

TEST(floor, never_takes_out_more_than_it_may)
{
	const struct ring_policy half = { .floor_percent = 50 }, four = { .floor_count = 4 };
	struct ring_real reals[11];
	bool kept[11] = { false };

	reals_make(reals, 11, equal, 1);
	reals[10].is_backup = true;
	for (size_t down = 0; down < 9; down++) {
		reals[down].takes_new_flows = false;
		assert_int_equal(ring_serving(reals, 11, &half),
				 down < 5 ? RING_HEALTHY : RING_FLOOR);
		assert_int_equal(serving(reals, 11), down < 5 ? 9 - down : 5);
		for (size_t i = 0; i <= down; i++) {
			assert_true(reals[i].serves || !kept[i]);
			kept[i] = reals[i].serves;
		}
		ring_serving(reals, 11, &four);
		assert_int_equal(serving(reals, 11), down < 6 ? 9 - down : 4);
	}
	/* None of the normal reals is left: the backup rather than a failed one. */
	reals[9].takes_new_flows = false;
	assert_int_equal(ring_serving(reals, 11, &half), RING_BACKUPS);
	assert_int_equal(serving(reals, 11), 1);
	assert_true(reals[10].serves);
	reals[10].takes_new_flows = false;
	assert_int_equal(ring_serving(reals, 11, &half), RING_NOBODY);
	assert_int_equal(serving(reals, 11), 0);
}

TEST(floor, rounds_up_and_keeps_no_unreachable_real)
{
	struct ring_policy policy = { .floor_percent = 34 };
	struct ring_real reals[3];

	reals_make(reals, 3, equal, 1);
	reals[0].takes_new_flows = reals[1].takes_new_flows = false;
	assert_int_equal(ring_serving(reals, 3, &policy), RING_FLOOR);
	assert_int_equal(serving(reals, 3), 2);
	policy.floor_percent = 33;
	assert_int_equal(ring_serving(reals, 3, &policy), RING_HEALTHY);
	policy.floor_percent = 100;
	assert_int_equal(ring_serving(reals, 3, &policy), RING_FLOOR);
	assert_int_equal(serving(reals, 3), 3);
	reals[0].never_kept = true;
	assert_int_equal(ring_serving(reals, 3, &policy), RING_FLOOR);
	assert_false(reals[0].serves);
	reals[1].never_kept = true;
	assert_int_equal(ring_serving(reals, 3, &policy), RING_HEALTHY);
	assert_int_equal(serving(reals, 3), 1);
	policy = (struct ring_policy){ .floor_count = 99 };
	reals[0].never_kept = reals[1].never_kept = false;
	ring_serving(reals, 3, &policy);
	assert_int_equal(serving(reals, 3), 3);
}

TEST(all_down, open_is_the_base_ring_and_else_nobody_serves)
{
	const struct ring_policy open = { .opens = true, .floor_percent = 30 };
	struct ring_real reals[9];

	reals_make(reals, 9, mixed, 3);
	reals[8].is_backup = true;
	for (size_t i = 0; i < 9; i++)
		reals[i].takes_new_flows = false;
	assert_int_equal(ring_base(reals, 9, base), 0);
	assert_int_equal(ring_overlay(reals, 9, &open, base, after), RING_OPEN);
	assert_memory_equal(after, base, sizeof(base));
	assert_int_equal(ring_overlay(reals, 9, &plain, base, after), RING_NOBODY);
	assert_int_equal(count(after, RING_NONE), RING_SLOTS);
	reals[8].takes_new_flows = true;
	assert_int_equal(ring_overlay(reals, 9, &open, base, after), RING_BACKUPS);
	assert_int_equal(count(after, 8), RING_SLOTS);
}

TEST(rebuild, is_the_base_ring_of_the_reals_that_serve)
{
	const struct ring_policy rebuild = { .rebuilds = true };
	struct ring_real reals[12], left[12];
	enum ring_rule rule;
	size_t n = 0;

	reals_make(reals, 12, mixed, 3);
	reals[11].is_backup = true;
	for (size_t i = 0; i < 12; i++)
		reals[i].takes_new_flows = i % 4 != 1;
	for (size_t i = 0; i < 11; i++)
		if (reals[i].takes_new_flows)
			left[n++] = reals[i];
	assert_int_equal(ring_base(left, n, before), 0);
	assert_int_equal(ring_build(reals, 12, &rebuild, after, &rule), 0);
	assert_int_equal(rule, RING_HEALTHY);
	for (uint32_t i = 0; i < RING_SLOTS; i++)
		assert_true(addr_eq(&left[before[i]].addr, &reals[after[i]].addr));
	for (size_t i = 0; i < 11; i++)
		reals[i].takes_new_flows = false;
	assert_int_equal(ring_build(reals, 12, &rebuild, after, &rule), 0);
	assert_int_equal(rule, RING_BACKUPS);
	assert_int_equal(count(after, 11), RING_SLOTS);
}

/* Each input by itself, then all together. */
TEST(overlay, matches_the_golden_values_of_each_input)
{
	static const struct {
		const char *what;
		struct ring_policy policy;
		uint16_t withheld;
		bool no_normals, no_backups;
		uint64_t golden;
	} cases[] = {
		{ "failures", { 0 }, 0, false, false, 0x7fce3e73d31072f5 },
		{ "slow start", { 0 }, 400, false, false, 0x6b153749ea69ab18 },
		{ "floor in percent",
		  { .floor_percent = 90 },
		  0,
		  false,
		  false,
		  0x0e7b52926da5354c },
		{ "floor in reals", { .floor_count = 17 }, 0, false, false, 0x1394c56aa4a231ac },
		{ "backups", { 0 }, 0, true, false, 0x13000c45dbd4a363 },
		{ "backups, slowly", { 0 }, 700, true, false, 0x45df544769c20b80 },
		{ "open", { .opens = true }, 0, true, true, 0xba6d03af239569ef },
		{ "rebuild", { .rebuilds = true }, 0, false, false, 0x63218aa9f06b3c6c },
		{ "rebuild, slowly", { .rebuilds = true }, 400, false, false, 0x3d8f68763d6ef50d },
		{ "all",
		  { .floor_percent = 80, .opens = true },
		  512,
		  false,
		  false,
		  0xf75ae9deeefb063f },
	};

	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		struct ring_real reals[24];
		uint64_t print;

		reals_make(reals, 24, mixed, 3);
		for (size_t i = 0; i < 24; i++) {
			reals[i].is_backup = i >= 20;
			reals[i].takes_new_flows =
				i >= 20 ? !cases[c].no_backups : i % 4 && !cases[c].no_normals;
			reals[i].withheld = i % 5 == 3 ? cases[c].withheld : 0;
		}
		assert_int_equal(ring_build(reals, 24, &cases[c].policy, after, NULL), 0);
		print = fingerprint(after);
		if (print != cases[c].golden)
			print_message("%s: 0x%016llx\n", cases[c].what, (unsigned long long)print);
		assert_int_equal(print, cases[c].golden);
	}
}

RUN_TESTS(T(overlay, agrees_with_the_reference), T(overlay, moves_slots_of_involved_reals_only),
	  T(overlay, does_not_depend_on_the_order_of_reals),
	  T(overlay, of_an_overlay_is_that_of_the_base_while_reals_only_leave),
	  T(overlay, gives_a_starting_real_more_and_more_of_its_slots),
	  T(overlay, lets_a_withholding_real_serve_what_nobody_else_does),
	  T(floor, never_takes_out_more_than_it_may),
	  T(floor, rounds_up_and_keeps_no_unreachable_real),
	  T(all_down, open_is_the_base_ring_and_else_nobody_serves),
	  T(rebuild, is_the_base_ring_of_the_reals_that_serve),
	  T(overlay, matches_the_golden_values_of_each_input))
