/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory_test.c - what happens when memory is short: core_new() and core_reload() fail whole at
 * every position, and stepping allocates nothing.
 *
 * The program is linked so that calloc() and malloc() of the core come here.
 */
#include <errno.h>
#include <stdlib.h>

#include "src/core/ring.h"
#include "tests/lib/config_builder.h"
#include "tests/lib/site.h"
#include "tests/lib/test.h"

void *__real_calloc(size_t n, size_t size);
void *__real_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_malloc(size_t size);

static long until_failure = -1; /* allocations that still succeed; -1: all */
static unsigned long allocations;

static bool fails(void)
{
	allocations++;
	if (until_failure < 0)
		return false;
	return until_failure-- == 0;
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

static const struct config *small(struct config_builder *b, size_t n_reals)
{
	build_start(b);
	build_service(b, build_vip(b, "203.0.113.10/32"), 80, build_pool(b, "web", n_reals));
	return build_finish(b);
}

TEST(memory, short_at_any_position_gives_no_core)
{
	struct config_builder b;
	struct core *core = NULL;
	long position = 0;

	for (small(&b, 3); !core; position++) {
		until_failure = position;
		core = core_new(&b.config, 1);
	}
	until_failure = -1;
	assert_true(position > 10);
	core_free(core);
}

TEST(memory, short_at_any_position_keeps_the_former_config)
{
	struct config_builder b, c;
	struct site s;
	long position = 0;
	int r = -ENOMEM;

	site_start(&s, small(&b, 3));
	site_serve(&s);
	for (small(&c, 5); r == -ENOMEM; position++) {
		assert_ptr_equal(core_config(s.core), &b.config);
		assert_int_equal(site_vip(&s, 0)->state, VIP_ANNOUNCED);
		until_failure = position;
		r = core_reload(s.core, &c.config, s.now);
	}
	until_failure = -1;
	assert_int_equal(r, 0);
	assert_true(position > 10);
	assert_ptr_equal(core_config(s.core), &c.config);
	site_stop(&s);
}

TEST(memory, is_not_allocated_while_stepping)
{
	struct config_builder b;
	struct site s;
	unsigned long before;
	struct prefix stray;

	site_start(&s, small(&b, 3));
	before = allocations;
	site_serve(&s);
	assert_int_equal(prefix_parse("203.0.113.99/32", &stray), 0);
	world_route_add(&s.world, &stray, ROUTE_ANNOUNCE);
	site_verdict_all(&s, REAL_DOWN);
	site_pass(&s, 100 * USEC_PER_SEC);
	site_verdict_all(&s, REAL_UP);
	site_drain(&s, 0, true, false);
	site_pass(&s, 400 * USEC_PER_SEC);
	assert_int_equal(allocations, before);
	site_stop(&s);
}

TEST(memory, short_gives_no_ring)
{
	static uint16_t slots[RING_SLOTS];
	struct ring_real real = { .weight = 1 };

	for (long position = 0; position < 2; position++) {
		until_failure = position;
		assert_int_equal(ring_base(&real, 1, slots), -ENOMEM);
	}
	until_failure = -1;
	assert_int_equal(ring_base(&real, 1, slots), 0);
}

RUN_TESTS(T(memory, short_at_any_position_gives_no_core),
	  T(memory, short_at_any_position_keeps_the_former_config),
	  T(memory, is_not_allocated_while_stepping), T(memory, short_gives_no_ring))
