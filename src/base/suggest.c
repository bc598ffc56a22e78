/* SPDX-License-Identifier: Apache-2.0 */
#include "src/base/suggest.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#define WORD_MAX 63

static size_t min2(size_t a, size_t b)
{
	return a < b ? a : b;
}

static size_t max2(size_t a, size_t b)
{
	return a > b ? a : b;
}

/* The cell for a[i - 1] and b[j - 1], from the three rows that end with this one. */
static size_t cell(size_t rows[3][WORD_MAX + 2], const char *a, const char *b, size_t i, size_t j)
{
	const size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *twice = rows[(i + 1) % 3];
	size_t best = min2(above[j - 1] + (a[i - 1] != b[j - 1]), min2(above[j], row[j - 1]) + 1);

	if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
		best = min2(best, twice[j - 2] + 1);
	return best;
}

/*
 * The distance, or anything above limit when it is above. Only a band along the diagonal can hold
 * what is not: with ten thousand long names to look through, that is what makes it quick.
 */
static size_t distance_within(const char *a, const char *b, size_t limit)
{
	size_t rows[3][WORD_MAX + 2], n_a, n_b;

	while (*a && *a == *b)
		a++, b++; /* racks of names begin alike */
	n_a = strlen(a);
	n_b = strlen(b);
	if (max2(n_a, n_b) - min2(n_a, n_b) > limit)
		return SIZE_MAX;
	for (size_t j = 0; j <= n_b; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= n_a; i++) {
		size_t *row = rows[i % 3];
		size_t first = i > limit ? i - limit : 1, last = min2(n_b, i + limit);

		row[first - 1] = first == 1 ? i : limit + 1;
		for (size_t j = first; j <= last; j++)
			row[j] = cell(rows, a, b, i, j);
		row[last + 1] = limit + 1;
	}
	return rows[n_a % 3][n_b];
}

size_t suggest_distance(const char *a, const char *b)
{
	if (strlen(a) > WORD_MAX || strlen(b) > WORD_MAX)
		return SIZE_MAX;
	return distance_within(a, b, WORD_MAX);
}

void suggest_try(struct suggest *suggest, const char *name)
{
	size_t len = strlen(suggest->word), limit = len <= 3 ? 1 : len <= 8 ? 2 : 3;
	size_t distance;

	if (strcasecmp(suggest->word, name) == 0)
		distance = 0;
	else if (len > WORD_MAX || strlen(name) > WORD_MAX)
		return;
	else
		distance = distance_within(suggest->word, name, limit);
	if (distance > limit || distance >= len)
		return;
	if (suggest->best && distance >= suggest->distance)
		return;
	suggest->best = name;
	suggest->distance = distance;
}

const char *suggest_find(const char *word, const char *(*candidate)(size_t i, const void *arg),
			 const void *arg)
{
	struct suggest suggest = { .word = word };
	const char *name;

	for (size_t i = 0; (name = candidate(i, arg)) != NULL; i++)
		suggest_try(&suggest, name);
	return suggest.best;
}
