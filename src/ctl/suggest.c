/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suggest.c - optimal string alignment distance over three rows; words are short.
 */
#include "src/ctl/suggest.h"

#include <string.h>

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned least = a < b ? a : b;

	return least < c ? least : c;
}

unsigned suggest_distance(const char *a, const char *b)
{
	unsigned rows[3][SUGGEST_WORD_MAX + 1];
	size_t a_len = strlen(a), b_len = strlen(b);

	if (a_len > SUGGEST_WORD_MAX || b_len > SUGGEST_WORD_MAX)
		return SUGGEST_WORD_MAX;
	for (size_t j = 0; j <= b_len; j++)
		rows[0][j] = (unsigned)j;
	for (size_t i = 1; i <= a_len; i++) {
		unsigned *row = rows[i % 3];
		const unsigned *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b_len; j++) {
			unsigned changed = a[i - 1] != b[j - 1];

			row[j] = min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + changed);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    two_above[j - 2] + 1 < row[j])
				row[j] = two_above[j - 2] + 1;
		}
	}
	return rows[a_len % 3][b_len];
}

/* How far off a word of this length may be and still count as a slip. */
static unsigned slip_max(size_t len)
{
	if (len < 6)
		return 1;
	return 2;
}

const char *suggest_find(const char *word, const char *(*candidate)(size_t i, const void *arg),
			 const void *arg)
{
	unsigned best = slip_max(strlen(word)) + 1;
	const char *found = NULL, *name;

	for (size_t i = 0; (name = candidate(i, arg)) != NULL; i++) {
		unsigned distance = suggest_distance(word, name);

		if (distance < best && distance < strlen(name)) {
			best = distance;
			found = name;
		}
	}
	return found;
}
