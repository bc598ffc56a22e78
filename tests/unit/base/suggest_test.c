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

/* Few letters, so that near ones and swaps are many: n in a notation of its own, up to 9 long. */
static void spell(unsigned n, char word[10])
{
	size_t len = 0;

	for (; n > 0; n = (n - 1) / 3)
		word[len++] = "abc"[(n - 1) % 3];
	word[len] = '\0';
}

/* The textbook's way: the whole table, and nothing left out. */
static size_t full_distance(const char *a, const char *b)
{
	size_t table[10][10], n_a = strlen(a), n_b = strlen(b);

	for (size_t i = 0; i <= n_a; i++) {
		for (size_t j = 0; j <= n_b; j++) {
			size_t best = i == 0 ? j : table[i - 1][j] + 1;

			if (j > 0 && (i == 0 || table[i][j - 1] + 1 < best))
				best = table[i][j - 1] + 1;
			if (i > 0 && j > 0 && table[i - 1][j - 1] + (a[i - 1] != b[j - 1]) < best)
				best = table[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    table[i - 2][j - 2] + 1 < best)
				best = table[i - 2][j - 2] + 1;
			table[i][j] = best;
		}
	}
	return table[n_a][n_b];
}

TEST(suggest, looks_no_further_than_it_must_and_misses_nothing)
{
	char word[10], name[10];

	for (unsigned n = 0; n < 29523; n = n < 121 ? n + 1 : n + 97) {
		struct suggest near_to = { .word = word };
		size_t len, limit;

		spell(n, word);
		len = strlen(word);
		limit = len <= 3 ? 1 : len <= 8 ? 2 : 3;
		for (unsigned m = 0; m < 29523; m = m < 121 ? m + 1 : m + 89) {
			struct suggest suggest = near_to;
			size_t distance;

			spell(m, name);
			distance = full_distance(word, name);
			assert_int_equal(suggest_distance(word, name), distance);
			suggest_try(&suggest, name);
			assert_int_equal(suggest.best != NULL, distance <= limit && distance < len);
			if (suggest.best)
				assert_int_equal(suggest.distance, distance);
		}
	}
}

RUN_TESTS(T(suggest, counts_edits_and_swaps), T(suggest, proposes_only_what_is_near),
	  T(suggest, finds_the_nearest_of_a_list), T(suggest, has_nothing_for_very_long_words),
	  T(suggest, looks_no_further_than_it_must_and_misses_nothing))
