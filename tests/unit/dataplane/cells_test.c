/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cells_test.c - the one-word hash tables against a plain list, with a seed.
 */
#include "src/dataplane/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/service.h"
#include "tests/lib/test.h"

#define LOG2 6 /* small, so that windows fill up */

static __u64 cells[(1 << LOG2) + LB_PROBES];

static uint32_t find(uint64_t key)
{
	return lb_cells_find(cells, lb_key_place(key, LOG2), key);
}

TEST(cells, agree_with_a_list)
{
	uint32_t model[64];

	memset(cells, 0, sizeof(cells));
	memset(model, 0xff, sizeof(model));
	srand(4711);
	for (uint32_t step = 0; step < 200000; step++) {
		uint64_t key = LB_KEY_SERVICE((uint32_t)rand() % 64, 6, 80);
		uint32_t k = (uint32_t)(key >> 32), index = step % 0xffff;

		if (rand() % 3) {
			int r = cells_put(cells, LOG2, key, index);

			assert_true(r == 0 || (r == -ENOSPC && model[k] == LB_NONE));
			model[k] = r ? model[k] : index;
		} else {
			cells_del(cells, LOG2, key);
			model[k] = LB_NONE;
		}
		for (uint32_t i = 0; i < 64; i++)
			assert_true(find(LB_KEY_SERVICE(i, 6, 80)) == model[i]);
	}
}

TEST(cells, forget_every_trace_when_emptied)
{
	static const __u64 empty[sizeof(cells) / sizeof(cells[0])];

	memset(cells, 0, sizeof(cells));
	for (uint32_t i = 0; i < 40; i++)
		assert_int_equal(cells_put(cells, LOG2, LB_KEY_IPV4(i * 77), i), 0);
	for (uint32_t i = 0; i < 40; i++)
		cells_del(cells, LOG2, LB_KEY_IPV4(i * 77));
	assert_memory_equal(cells, empty, sizeof(empty));
}

TEST(cells, refuse_a_key_whose_window_is_full)
{
	uint64_t keys[64];
	size_t n = 0;

	/* Keys of one place: one more than a window holds does not fit. */
	memset(cells, 0, sizeof(cells));
	for (uint32_t addr = 1; n < LB_PROBES + 1; addr++) {
		if (lb_key_place(LB_KEY_IPV4(addr), LOG2) == 9)
			keys[n++] = LB_KEY_IPV4(addr);
	}
	for (size_t i = 0; i < LB_PROBES; i++)
		assert_int_equal(cells_put(cells, LOG2, keys[i], (uint32_t)i), 0);
	assert_int_equal(cells_put(cells, LOG2, keys[LB_PROBES], 99), -ENOSPC);
	cells_del(cells, LOG2, keys[3]);
	assert_int_equal(find(keys[7]), 7);
	assert_int_equal(cells_put(cells, LOG2, keys[LB_PROBES], 99), 0);
	assert_int_equal(find(keys[LB_PROBES]), 99);
}

TEST(cells, hold_the_last_place_of_the_table)
{
	uint64_t key = 0;

	memset(cells, 0, sizeof(cells));
	for (uint32_t addr = 1; !key; addr++) {
		if (lb_key_place(LB_KEY_IPV4(addr), LOG2) == (1 << LOG2) - 1)
			key = LB_KEY_IPV4(addr);
	}
	assert_int_equal(cells_put(cells, LOG2, key, 5), 0);
	assert_int_equal(find(key), 5);
	cells_del(cells, LOG2, key);
	assert_int_equal(find(key), LB_NONE);
}

RUN_TESTS(T(cells, agree_with_a_list), T(cells, forget_every_trace_when_emptied),
	  T(cells, refuse_a_key_whose_window_is_full), T(cells, hold_the_last_place_of_the_table))
