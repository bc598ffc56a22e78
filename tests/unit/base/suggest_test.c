/* SPDX-License-Identifier: Apache-2.0 */
#include "src/base/suggest.h"

#include <stdint.h>
#include <string.h>

#include "tests/lib/test.h"

TEST(suggest, counts_edits_and_swaps)
{
	assert_int_equal(suggest_distance("", ""), 0);
	assert_int_equal(suggest_distance("quorum", "quorum"), 0);
	assert_int_equal(suggest_distance("quorom", "quorum"), 1);
	assert_int_equal(suggest_distance("qourum", "quorum"), 1);
	assert_int_equal(suggest_distance("web", ""), 3);
	assert_int_equal(suggest_distance("kitten", "sitting"), 3);
	assert_int_equal(suggest_distance("abcdef", "fedcba"),
			 suggest_distance("fedcba", "abcdef"));
}

static const char *nearest(const char *word, const char *const *names)
{
	struct suggest suggest = { .word = word };

	for (; *names; names++)
		suggest_try(&suggest, *names);
	return suggest.best;
}

TEST(suggest, proposes_only_what_is_near)
{
	static const char *const names[] = { "check", "encap", "quorum", "ring", "reals", NULL };

	assert_string_equal(nearest("quroum", names), "quorum");
	assert_string_equal(nearest("real", names), "reals");
	assert_string_equal(nearest("Check", names), "check");
	assert_null(nearest("weight", names));
	assert_null(nearest("x", names));
	assert_null(nearest("", names));
}

static const char *name_at(size_t i, const void *names)
{
	return ((const char *const *)names)[i];
}

TEST(suggest, finds_the_nearest_of_a_list)
{
	static const char *const names[] = { "drain", "undrain", "status", NULL };

	assert_string_equal(suggest_find("drian", name_at, names), "drain");
	assert_string_equal(suggest_find("undrian", name_at, names), "undrain");
	assert_null(suggest_find("reload", name_at, names));
}

TEST(suggest, has_nothing_for_very_long_words)
{
	char word[65];

	memset(word, 'a', sizeof(word) - 1);
	word[64] = '\0';
	assert_int_equal(suggest_distance(word, "a"), SIZE_MAX);
	assert_int_equal(suggest_distance("a", word), SIZE_MAX);
	assert_int_equal(suggest_distance(word + 1, "a"), 62);
}

RUN_TESTS(T(suggest, counts_edits_and_swaps), T(suggest, proposes_only_what_is_near),
	  T(suggest, finds_the_nearest_of_a_list), T(suggest, has_nothing_for_very_long_words))
