/* SPDX-License-Identifier: Apache-2.0 */
/*
 * words_test.c - docs/packet-path.md explains every way out and every note, under its verdict, and
 * no other.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "bpf/lb_abi.h"
#include "tests/lib/test.h"

static const struct {
	const char *table, *word;
} words[] = {
#define X(name, word) { "sent", word },
	LB_SENT_CAUSES(X)
#undef X
#define X(name, word) { "passed", word },
		LB_PASS_CAUSES(X)
#undef X
#define X(name, word) { "dropped", word },
			LB_DROP_CAUSES(X)
#undef X
#define X(name, word) { "noted", word },
				LB_NOTES(X)
#undef X
};
#define N_WORDS (sizeof(words) / sizeof(words[0]))

static size_t find_word(const char *table, const char *word)
{
	size_t i = 0;

	while (i < N_WORDS &&
	       (strcmp(words[i].table, table) != 0 || strcmp(words[i].word, word) != 0))
		i++;
	return i;
}

/* The table that a line begins, or the same as before. */
static void follow_table(const char *line, char table[32])
{
	char head[32];

	if (sscanf(line, "| %31[a-z] | is |", head) == 1)
		memcpy(table, head, sizeof(head));
	else if (line[0] != '|')
		table[0] = '\0';
}

static bool is_table(const char *table)
{
	for (size_t i = 0; i < N_WORDS; i++)
		if (strcmp(words[i].table, table) == 0)
			return true;
	return false;
}

TEST(words, are_those_of_the_documentation)
{
	FILE *doc = fopen(PACKET_PATH_MD, "re");
	char line[512], table[32] = "", word[64];
	bool is_told[N_WORDS] = { false };

	assert_non_null(doc);
	while (fgets(line, sizeof(line), doc)) {
		size_t i;

		follow_table(line, table);
		if (!table[0] || sscanf(line, "| `%63[a-z0-9-]` | %*c", word) != 1)
			continue;
		i = find_word(table, word);
		if (i < N_WORDS)
			is_told[i] = true;
		else if (is_table(table))
			fail_msg("docs/packet-path.md explains '%s/%s', which there is not", table,
				 word);
	}
	fclose(doc);
	for (size_t i = 0; i < N_WORDS; i++)
		if (!is_told[i])
			fail_msg("docs/packet-path.md does not explain '%s/%s'", words[i].table,
				 words[i].word);
}

/* A word alone must say what is meant: `shoal capture --reason` takes it so. */
TEST(words, mean_one_thing_each)
{
	for (size_t i = 0; i < N_WORDS; i++)
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(words[i].word, words[k].word);
}

RUN_TESTS(T(words, are_those_of_the_documentation), T(words, mean_one_thing_each))
