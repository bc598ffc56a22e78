/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suggest.h - the word somebody probably meant, for "did you mean" sentences.
 */
#pragma once

#include <stddef.h>

/* Longer words are never suggested for: nobody mistypes that much. */
#define SUGGEST_WORD_MAX 64

/*
 * suggest_distance - how many letters must be inserted, deleted, changed or swapped with their
 * neighbour to turn a into b; SUGGEST_WORD_MAX when either is longer than that.
 */
unsigned suggest_distance(const char *a, const char *b);

/*
 * suggest_find - the candidate nearest to word, or NULL when none is near: one slip in a word of
 * up to five letters, two in a longer one. candidate(i, arg) gives the words, NULL ends them.
 */
const char *suggest_find(const char *word, const char *(*candidate)(size_t i, const void *arg),
			 const void *arg);
