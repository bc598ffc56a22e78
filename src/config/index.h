/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index.h - a hash table from bytes (a name, an address, a pointer) to a number, in an arena.
 *
 * Keeps the loading of large files linear: names, addresses and positions are all found through
 * one of these.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/config/arena.h"

#define INDEX_NONE SIZE_MAX

struct index_slot {
	const void *key; /* NULL: free */
	size_t len;
	uint64_t hash;
	size_t value;
};

/* Start with { .arena = a }. Keys are borrowed and must stay as they are. */
struct index {
	struct arena *arena;
	struct index_slot *slots;
	size_t n, n_slots;
};

/* 64-bit FNV-1a. Source: http://www.isthe.com/chongo/tech/comp/fnv/ */
uint64_t index_hash(const void *bytes, size_t len);

/* The value of a key, or INDEX_NONE. */
size_t index_find(const struct index *index, const void *key, size_t len);

/* Add key with value unless it is there; returns the value that was there, or INDEX_NONE when it
 * was new. */
size_t index_add(struct index *index, const void *key, size_t len, size_t value);
