/* SPDX-License-Identifier: Apache-2.0 */
#include "src/config/index.h"

#include <string.h>

uint64_t index_hash(const void *bytes, size_t len)
{
	const unsigned char *p = bytes;
	uint64_t hash = 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ p[i]) * 0x100000001b3ULL;
	return hash;
}

/* The slot that holds the key, or the free one where it belongs. */
static struct index_slot *slot_of(struct index_slot *slots, size_t n_slots, const void *key,
				  size_t len, uint64_t hash)
{
	for (size_t i = (size_t)(hash ^ (hash >> 32)) % n_slots;; i = (i + 1) % n_slots) {
		struct index_slot *slot = &slots[i];

		if (!slot->key)
			return slot;
		if (slot->hash == hash && slot->len == len && memcmp(slot->key, key, len) == 0)
			return slot;
	}
}

static void grow(struct index *index)
{
	size_t n_slots = index->n_slots ? index->n_slots * 2 : 16;
	struct index_slot *slots = arena_array(index->arena, n_slots, sizeof(*slots));

	for (size_t i = 0; i < index->n_slots; i++) {
		const struct index_slot *old = &index->slots[i];

		if (old->key)
			*slot_of(slots, n_slots, old->key, old->len, old->hash) = *old;
	}
	index->slots = slots;
	index->n_slots = n_slots;
}

size_t index_find(const struct index *index, const void *key, size_t len)
{
	const struct index_slot *slot;

	if (!index->n_slots)
		return INDEX_NONE;
	slot = slot_of(index->slots, index->n_slots, key, len, index_hash(key, len));
	return slot->key ? slot->value : INDEX_NONE;
}

size_t index_add(struct index *index, const void *key, size_t len, size_t value)
{
	uint64_t hash = index_hash(key, len);
	struct index_slot *slot;

	if (index->n * 2 >= index->n_slots)
		grow(index);
	slot = slot_of(index->slots, index->n_slots, key, len, hash);
	if (slot->key)
		return slot->value;
	*slot = (struct index_slot){ .key = key, .len = len, .hash = hash, .value = value };
	index->n++;
	return INDEX_NONE;
}
