/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suggest.h - "did you mean": the known name that a mistyped one is nearest to.
 */
#pragma once

#include <stddef.h>

/* A choice of the best name so far; start with { .word = typed }. */
struct suggest {
	const char *word;
	const char *best; /* NULL: nothing near enough */
	size_t distance;  /* of best */
};

/* Look at one candidate. Names longer than 63 bytes are never near. */
void suggest_try(struct suggest *suggest, const char *name);

/*
 * Insertions, deletions, replacements and swaps of neighbours that turn a into b, or SIZE_MAX
 * when either is longer than 63 bytes. Source: optimal string alignment distance.
 */
size_t suggest_distance(const char *a, const char *b);

/*
 * suggest_find - the candidate nearest to word, or NULL when none is near. candidate(i, arg) gives
 * the names, NULL ends them.
 */
const char *suggest_find(const char *word, const char *(*candidate)(size_t i, const void *arg),
			 const void *arg);
