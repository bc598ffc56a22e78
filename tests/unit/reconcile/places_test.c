/* SPDX-License-Identifier: Apache-2.0 */
/* places_test.c - every place of an address, in the config's order, and none of others. */
#include "src/reconcile/places.h"
#include "tests/lib/config_builder.h"
#include "tests/lib/test.h"

TEST(places, are_all_that_an_address_has)
{
	struct config_builder b;
	struct places places;
	const struct place *found;
	size_t n;

	build_start(&b);
	build_pool(&b, "a", 5);
	build_pool(&b, "b", 3);
	build_pool(&b, "c", 0);
	b.reals[1][2].addr = b.reals[0][4].addr;
	assert_int_equal(places_init(&places, build_finish(&b)), 0);
	for (uint32_t pool = 0; pool < 2; pool++)
		for (uint32_t i = 0; i < b.pools[pool].n_reals; i++) {
			bool is_shared = (pool == 0 && i == 4) || (pool == 1 && i == 2);

			found = places_find(&places, &b.reals[pool][i].addr, &n);
			assert_int_equal(n, is_shared ? 2 : 1);
			assert_int_equal(found->pool, is_shared ? 0 : pool);
			assert_int_equal(found->real, is_shared ? 4 : i);
		}
	found = places_find(&places, &b.reals[0][4].addr, &n);
	assert_int_equal(found[1].pool, 1);
	assert_int_equal(found[1].real, 2);
	assert_null(places_find(&places, &b.vips[0].prefix.addr, &n));
	assert_int_equal(n, 0);
	places_fini(&places);
}

RUN_TESTS(T(places, are_all_that_an_address_has))
