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

size_t suggest_distance(const char *a, const char *b)
{
	size_t rows[3][WORD_MAX + 1];
	size_t n_a = strlen(a), n_b = strlen(b);

	if (n_a > WORD_MAX || n_b > WORD_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= n_b; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= n_a; i++) {
		size_t *row = rows[i % 3];
		const size_t *above = rows[(i - 1) % 3], *twice_above = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= n_b; j++) {
			row[j] = min2(above[j - 1] + (a[i - 1] != b[j - 1]),
				      min2(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = min2(row[j], twice_above[j - 2] + 1);
		}
	}
	return rows[n_a % 3][n_b];
}

void suggest_try(struct suggest *suggest, const char *name)
{
	size_t len = strlen(suggest->word), limit = len <= 3 ? 1 : len <= 8 ? 2 : 3;
	size_t distance;

	if (strcasecmp(suggest->word, name) == 0)
		distance = 0;
	else
		distance = suggest_distance(suggest->word, name);
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
