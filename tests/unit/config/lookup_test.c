/* SPDX-License-Identifier: Apache-2.0 */
/* lookup_test.c - finding pools and reals finds what a walk over the config finds. */
#include <stdio.h>
#include <string.h>

#include "src/config/config.h"
#include "tests/lib/test.h"

#define POOLS 7
#define REALS 40

/* Pools that share names and addresses with one another, each with another part of them. */
struct fixture {
	char pool_names[POOLS][8], real_names[POOLS][REALS][8];
	struct config_real reals[POOLS][REALS];
	struct config_pool pools[POOLS];
	struct config config;
	struct config_lookup *lookup;
};

static struct addr addr_of(unsigned i)
{
	struct addr addr;
	char text[32];

	snprintf(text, sizeof(text), "10.0.%u.%u", i / 250, i % 250);
	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

static void start(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	for (unsigned p = 0; p < POOLS; p++) {
		snprintf(f->pool_names[p], sizeof(f->pool_names[p]), "pool%u", p);
		for (unsigned i = 0; i < REALS; i++) {
			snprintf(f->real_names[p][i], sizeof(f->real_names[p][i]), "r%u",
				 i * (p + 1));
			f->reals[p][i] = (struct config_real){ .name = f->real_names[p][i],
							       .addr = addr_of(i * (p % 3 + 1)) };
		}
		f->pools[p] = (struct config_pool){ .name = f->pool_names[p],
						    .reals = f->reals[p],
						    .n_reals = p == 3 ? 0 : REALS };
	}
	f->config.pools = f->pools;
	f->config.n_pools = POOLS;
	f->lookup = config_lookup_new(&f->config);
	assert_non_null(f->lookup);
}

TEST(lookup, finds_every_pool_and_no_other)
{
	struct fixture f;

	start(&f);
	for (uint32_t p = 0; p < POOLS; p++)
		assert_int_equal(config_lookup_pool(f.lookup, f.pool_names[p]), p);
	assert_int_equal(config_lookup_pool(f.lookup, "pool7"), CONFIG_NONE);
	assert_int_equal(config_lookup_pool(f.lookup, ""), CONFIG_NONE);
	config_lookup_free(f.lookup);
}

TEST(lookup, finds_each_real_within_its_pool_only)
{
	struct fixture f;

	start(&f);
	for (uint32_t p = 0; p < POOLS; p++) {
		for (uint32_t i = 0; i < f.pools[p].n_reals; i++) {
			const struct config_real *real = &f.reals[p][i];

			assert_int_equal(config_lookup_name(f.lookup, p, real->name), i);
			assert_int_equal(config_lookup_addr(f.lookup, p, &real->addr), i);
		}
		assert_int_equal(config_lookup_name(f.lookup, p, "r999"), CONFIG_NONE);
		assert_int_equal(config_lookup_addr(f.lookup, p, &(struct addr){ 0 }), CONFIG_NONE);
	}
	assert_int_equal(config_lookup_name(f.lookup, 0, "r78"), CONFIG_NONE); /* of pool1 */
	config_lookup_free(f.lookup);
}

TEST(lookup, walks_all_reals_of_a_name_or_address_in_the_order_of_the_pools)
{
	struct fixture f;

	start(&f);
	for (unsigned n = 0; n < 3 * REALS; n++) {
		struct addr addr = addr_of(n);
		uint32_t names = 0, addrs = 0;
		struct config_place place;
		char name[8];

		snprintf(name, sizeof(name), "r%u", n);
		for (uint32_t p = 0; p < POOLS; p++) {
			for (uint32_t i = 0; i < f.pools[p].n_reals; i++) {
				const struct config_real *real = &f.reals[p][i];

				if (strcmp(real->name, name) == 0) {
					assert_true(config_lookup_next_named(f.lookup, name, &names,
									     &place));
					assert_int_equal(place.pool, p);
					assert_int_equal(place.real, i);
				}
				if (addr_eq(&real->addr, &addr)) {
					assert_true(config_lookup_next_at(f.lookup, &addr, &addrs,
									  &place));
					assert_int_equal(place.pool, p);
					assert_int_equal(place.real, i);
				}
			}
		}
		assert_false(config_lookup_next_named(f.lookup, name, &names, &place));
		assert_false(config_lookup_next_at(f.lookup, &addr, &addrs, &place));
	}
	config_lookup_free(f.lookup);
}

TEST(lookup, an_empty_config_has_nothing)
{
	const struct config config = { 0 };
	struct config_lookup *lookup = config_lookup_new(&config);
	struct config_place place;
	uint32_t cursor = 0;

	assert_int_equal(config_lookup_pool(lookup, "web"), CONFIG_NONE);
	assert_false(config_lookup_next_named(lookup, "web1", &cursor, &place));
	config_lookup_free(lookup);
	config_lookup_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(lookup, finds_every_pool_and_no_other),
		T(lookup, finds_each_real_within_its_pool_only),
		T(lookup, walks_all_reals_of_a_name_or_address_in_the_order_of_the_pools),
		T(lookup, an_empty_config_has_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
