/* SPDX-License-Identifier: Apache-2.0 */
#include "src/config/arena.h"

#include <assert.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES 16384

struct chunk {
	struct chunk *next;
	alignas(max_align_t) unsigned char bytes[];
};

struct arena {
	struct chunk *chunks;
	size_t used, size; /* of the newest chunk */
	jmp_buf *oom;      /* NULL: sealed */
};

struct arena *arena_new(jmp_buf *oom)
{
	struct arena *arena = calloc(1, sizeof(*arena));

	if (arena)
		arena->oom = oom;
	return arena;
}

void arena_free(struct arena *arena)
{
	if (!arena)
		return;
	for (struct chunk *chunk = arena->chunks; chunk;) {
		struct chunk *next = chunk->next;

		free(chunk);
		chunk = next;
	}
	free(arena);
}

void arena_seal(struct arena *arena)
{
	arena->oom = NULL;
}

jmp_buf *arena_catch(struct arena *arena, jmp_buf *oom)
{
	jmp_buf *before = arena->oom;

	arena->oom = oom;
	return before;
}

void arena_exhausted(const struct arena *arena)
{
	assert(arena->oom != NULL);
	longjmp(*arena->oom, 1);
}

static void chunk_add(struct arena *arena, size_t need)
{
	size_t size = need > CHUNK_BYTES ? need : CHUNK_BYTES;
	struct chunk *chunk = NULL;

	assert(arena->oom != NULL);
	if (size <= SIZE_MAX - sizeof(*chunk))
		chunk = calloc(1, sizeof(*chunk) + size);
	if (!chunk)
		arena_exhausted(arena);
	chunk->next = arena->chunks;
	arena->chunks = chunk;
	arena->used = 0;
	arena->size = size;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	const size_t align = alignof(max_align_t);
	size_t whole = size > SIZE_MAX - align ? SIZE_MAX : (size + align - 1) / align * align;
	void *p;

	if (whole > arena->size - arena->used || !arena->chunks)
		chunk_add(arena, whole);
	p = arena->chunks->bytes + arena->used;
	arena->used += whole;
	return p;
}

void *arena_array(struct arena *arena, size_t n, size_t size)
{
	if (size && n > SIZE_MAX / size)
		arena_exhausted(arena);
	return arena_alloc(arena, n * size);
}

char *arena_text(struct arena *arena, const char *bytes, size_t len)
{
	char *copy = arena_alloc(arena, len + 1);

	memcpy(copy, bytes, len);
	return copy;
}

static void text_reserve(struct text *text, size_t more)
{
	size_t size = text->size ? text->size : 128;
	char *bytes;

	if (more < text->size - text->len)
		return;
	while (size - text->len <= more)
		size *= 2;
	bytes = arena_alloc(text->arena, size);
	if (text->len)
		memcpy(bytes, text->bytes, text->len);
	text->bytes = bytes;
	text->size = size;
}

void text_add_bytes(struct text *text, const char *bytes, size_t len)
{
	text_reserve(text, len);
	memcpy(text->bytes + text->len, bytes, len);
	text->len += len;
	text->bytes[text->len] = '\0';
}

void text_add(struct text *text, const char *fmt, ...)
{
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	assert(len >= 0);
	text_reserve(text, (size_t)len);
	va_start(ap, fmt);
	vsnprintf(text->bytes + text->len, (size_t)len + 1, fmt, ap);
	va_end(ap);
	text->len += (size_t)len;
}
