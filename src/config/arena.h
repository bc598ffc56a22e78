/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arena.h - memory that is freed whole: what a config, or one loading of it, is made of.
 *
 * Running out of memory leaves by longjmp() to the point that made the arena, so that the dozens
 * of small steps of loading need no failure path of their own: every byte they hold is in an arena
 * and goes with it. Once loading is over nothing is allocated any more (arena_seal()).
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

struct arena;

/* An empty arena; allocations that fail jump to *oom. NULL when there is no memory at all. */
struct arena *arena_new(jmp_buf *oom);

/* Free the arena and everything from it; NULL is fine. */
void arena_free(struct arena *arena);

/* No more allocations: the jump's target goes out of scope. */
void arena_seal(struct arena *arena);

/* Jump elsewhere from now on, to clean up what is not in the arena; returns the jump of before. */
jmp_buf *arena_catch(struct arena *arena, jmp_buf *oom);

/* Leave as a failed allocation does. */
_Noreturn void arena_exhausted(const struct arena *arena);

/* size zeroed bytes, aligned for any type. Never NULL. */
void *arena_alloc(struct arena *arena, size_t size);

/* n zeroed elements of size bytes. */
void *arena_array(struct arena *arena, size_t n, size_t size);

/* A copy of len bytes with a NUL behind it. */
char *arena_text(struct arena *arena, const char *bytes, size_t len);

/* A growing text in an arena; `text` always ends in a NUL once something was added. */
struct text {
	struct arena *arena;
	char *bytes;
	size_t len, size;
};

void text_add(struct text *text, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), nonnull(2)));
void text_add_bytes(struct text *text, const char *bytes, size_t len);
