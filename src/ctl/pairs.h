/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pairs.h - the pairs of a log line taken apart again: key=value key="a \"quoted\" value".
 *
 * Takes whatever comes: what is no pair is skipped. Escapes of control bytes (\x1b) stay as they
 * are, so no value holds one.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * pairs_next - the next pair from *text, which moves on behind it.
 * Returns false at the end. Both buffers get at most size bytes with the NUL; longer ones are cut.
 */
bool pairs_next(const char **text, char *key, size_t key_size, char *value, size_t value_size);

/* The value of a key: the first one; false when there is none. */
bool pairs_find(const char *text, const char *key, char *value, size_t value_size);

/* All of them as an object of strings; NULL: no memory. */
json_t *pairs_json(const char *text);
