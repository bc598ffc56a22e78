/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rings_test.c - rings written step by step are those built from nothing, and base rings are kept
 * by content within their bound.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/dataplane/dataplane.h"
#include "src/reconcile/bases.h"
#include "src/reconcile/rings.h"
#include "tests/lib/test.h"
#include "tests/unit/reconcile/fakes.h"

#define REALS 30

static uint16_t want[RING_SLOTS], got[RING_SLOTS];

static struct addr addr_at(size_t i)
{
	uint8_t raw[4] = { 10, 9, (uint8_t)(i >> 8), (uint8_t)i };

	return addr_from_raw(2, raw);
}

static uint32_t chance(uint32_t below)
{
	static uint64_t state = 1;

	return (uint32_t)(ring_murmur(state++, 3, 1) % below);
}

/* ---- writing ---- */

struct site {
	struct config_real config_reals[REALS];
	struct config_pool pool;
	struct ring_real reals[REALS];
	struct desired_pool desired;
	struct rings *rings;
	struct rings_written written;
	uint32_t ring;
	uint16_t index[REALS];
};

static void site_init(struct site *s)
{
	struct err err;

	memset(s, 0, sizeof(*s));
	fake_reset();
	for (size_t i = 0; i < REALS; i++) {
		s->config_reals[i] = (struct config_real){ .addr = addr_at(i),
							   .weight = (uint32_t)(1 + i % 3),
							   .is_backup = i >= REALS - 3 };
		s->reals[i] = ring_real_of(&s->config_reals[i]);
		assert_int_equal(dataplane_set_real(NULL, &s->config_reals[i].addr, false,
						    &s->index[i], &err),
				 0);
	}
	s->pool = (struct config_pool){ .name = "p", .reals = s->config_reals, .n_reals = REALS };
	s->desired = (struct desired_pool){ .ring = s->reals };
	s->rings = rings_new(NULL);
	assert_non_null(s->rings);
	assert_int_equal(dataplane_ring_new(NULL, &s->ring, &err), 0);
}

static void site_fini(struct site *s)
{
	rings_written_fini(&s->written);
	rings_free(s->rings);
}

static void check_write(struct site *s)
{
	struct ring_real reals[REALS];
	uint32_t changed;
	struct err err;

	assert_int_equal(
		rings_write(s->rings, s->ring, &s->pool, &s->desired, &s->written, &changed, &err),
		0);
	memcpy(reals, s->reals, sizeof(reals));
	assert_int_equal(ring_build(reals, REALS, &s->desired.policy, want, NULL), 0);
	for (uint32_t i = 0; i < RING_SLOTS; i++)
		assert_int_equal(dataplane_ring(NULL, s->ring)[i] & 0xffff,
				 want[i] == RING_NONE ? DATAPLANE_NO_REAL : s->index[want[i]]);
}

TEST(rings, written_step_by_step_are_those_built_from_nothing)
{
	struct site s;

	site_init(&s);
	check_write(&s);
	for (int step = 0; step < 150; step++) {
		struct ring_real *real = &s.reals[chance(REALS)];

		if (chance(4) == 0)
			real->withheld = (uint16_t)(chance(2) * chance(1025));
		else
			real->takes_new_flows = !real->takes_new_flows && chance(3);
		for (size_t i = 0; step % 4 == 0 && i < REALS; i++)
			s.reals[i].withheld = 0;
		if (chance(15) == 0)
			s.desired.policy = (struct ring_policy){ .floor_count = chance(20),
								 .opens = chance(2),
								 .rebuilds = chance(3) == 0 };
		check_write(&s);
	}
	site_fini(&s);
}

/* Another process, which knows nothing of what the first one wrote. */
static void site_restart(struct site *s)
{
	rings_written_fini(&s->written);
	rings_free(s->rings);
	s->rings = rings_new(NULL);
	assert_non_null(s->rings);
	fake.journal[0] = '\0';
}

TEST(rings, of_an_earlier_process_are_made_again_only_when_something_changed)
{
	struct site s;

	site_init(&s);
	check_write(&s);
	site_restart(&s);
	check_write(&s);
	assert_false(fake_did("ring-write", NULL));
	s.reals[4].takes_new_flows = !s.reals[4].takes_new_flows; /* by the short way */
	check_write(&s);
	assert_true(fake_did("ring-write", NULL));

	site_restart(&s);
	s.reals[5].withheld = 7;
	check_write(&s);
	assert_true(fake_did("ring-write", NULL));
	site_restart(&s);
	s.config_reals[6].weight = s.reals[6].weight = 9;
	check_write(&s);
	assert_true(fake_did("ring-write", NULL));
	site_restart(&s);
	s.desired.policy.rebuilds = true;
	check_write(&s);
	assert_true(fake_did("ring-write", NULL));
	site_restart(&s);
	check_write(&s);
	assert_false(fake_did("ring-write", NULL));
	site_fini(&s);
}

TEST(rings, of_a_real_that_is_not_programmed_are_refused)
{
	uint32_t changed;
	struct site s;
	struct err err;

	site_init(&s);
	s.config_reals[3].addr = addr_at(999);
	assert_int_equal(
		rings_write(s.rings, s.ring, &s.pool, &s.desired, &s.written, &changed, &err),
		-ENOENT);
	assert_non_null(strstr(err.text, "real 10.9.3.231 is not programmed"));
	site_fini(&s);
}

/* ---- base rings ---- */

static void reals_make(struct ring_real *reals, size_t n, size_t first)
{
	for (size_t i = 0; i < n; i++)
		reals[i] = (struct ring_real){ .addr = addr_at(first + i), .weight = 1 };
}

TEST(bases, are_shared_by_pools_of_equal_reals_in_any_order)
{
	struct bases *bases = bases_new();
	struct ring_real reals[20], turned[20];

	reals_make(reals, 20, 0);
	reals[5].weight = 9;
	reals[6].is_backup = true;
	for (size_t i = 0; i < 20; i++)
		turned[i] = reals[(i * 7 + 3) % 20];
	assert_int_equal(bases_ring(bases, reals, 20, got), 0);
	assert_int_equal(bases_n(bases), 1);
	for (int again = 0; again < 2; again++) {
		assert_int_equal(bases_ring(bases, turned, 20, got), 0);
		assert_int_equal(ring_base(turned, 20, want), 0);
		assert_memory_equal(want, got, sizeof(want));
	}
	assert_int_equal(bases_n(bases), 1);
	turned[0].weight++;
	assert_int_equal(bases_ring(bases, turned, 20, got), 0);
	assert_int_equal(bases_n(bases), 2);
	assert_int_equal(ring_base(turned, 20, want), 0);
	assert_memory_equal(want, got, sizeof(want));
	bases_free(bases);
}

TEST(bases, keep_small_pools_in_half_bytes)
{
	static const size_t sizes[] = { 1, 2, 15, 16, 17 };
	struct ring_real reals[17];

	for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
		struct bases *bases = bases_new();

		reals_make(reals, sizes[k], 40 * k);
		assert_int_equal(ring_base(reals, sizes[k], want), 0);
		for (int again = 0; again < 2; again++) {
			assert_int_equal(bases_ring(bases, reals, sizes[k], got), 0);
			assert_memory_equal(want, got, sizeof(want));
		}
		assert_int_equal(bases_n(bases), 1);
		bases_free(bases);
	}
}

TEST(bases, keep_large_pools_too)
{
	static struct ring_real reals[300];
	struct bases *bases = bases_new();

	for (size_t n = 256; n <= 300; n += 44) {
		reals_make(reals, n, 0);
		assert_int_equal(ring_base(reals, n, want), 0);
		for (int again = 0; again < 2; again++) {
			assert_int_equal(bases_ring(bases, reals, n, got), 0);
			assert_memory_equal(want, got, sizeof(want));
		}
	}
	assert_int_equal(bases_n(bases), 2);
	reals_make(reals, 0, 0);
	assert_int_equal(bases_ring(bases, reals, 0, got), 0);
	assert_int_equal(got[7], RING_NONE);
	assert_int_equal(bases_n(bases), 2);
	bases_free(bases);
}

TEST(bases, stay_within_their_bound_and_go_when_unused)
{
	struct bases *bases = bases_new();
	struct ring_real reals[17];
	size_t fit = BASES_BYTES_MAX / RING_SLOTS;

	for (size_t i = 0; i < fit + 10; i++) {
		reals_make(reals, 17, i);
		assert_int_equal(bases_ring(bases, reals, 17, got), 0);
	}
	assert_in_range(bases_n(bases), fit - 10, fit);
	assert_int_equal(ring_base(reals, 17, want), 0);
	assert_memory_equal(want, got, sizeof(want));
	bases_start_use(bases);
	for (size_t i = 3; i < 8; i++) {
		reals_make(reals, 17, i);
		bases_use(bases, reals, 17);
	}
	bases_drop_unused(bases);
	assert_int_equal(bases_n(bases), 5);
	assert_int_equal(bases_ring(bases, reals, 17, got), 0);
	assert_int_equal(bases_n(bases), 5);
	bases_free(bases);
}

RUN_TESTS(T(rings, written_step_by_step_are_those_built_from_nothing),
	  T(rings, of_an_earlier_process_are_made_again_only_when_something_changed),
	  T(rings, of_a_real_that_is_not_programmed_are_refused),
	  T(bases, are_shared_by_pools_of_equal_reals_in_any_order),
	  T(bases, keep_small_pools_in_half_bytes), T(bases, keep_large_pools_too),
	  T(bases, stay_within_their_bound_and_go_when_unused))
