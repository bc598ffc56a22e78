/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parts_test.c - the small parts of loading: arena, index, the findings' text.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "src/config/arena.h"
#include "src/config/findings.h"
#include "src/config/index.h"
#include "tests/lib/test.h"

static jmp_buf oom;

TEST(arena, gives_zeroed_aligned_memory_that_does_not_overlap)
{
	struct arena *arena = arena_new(&oom);

	for (size_t size = 0; size < 70000; size = size * 3 + 1) {
		unsigned char *p = arena_alloc(arena, size), *q = arena_alloc(arena, size);

		assert_int_equal((uintptr_t)p % 16, 0);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xff, size);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(q[i], 0);
	}
	arena_free(arena);
	arena_free(NULL);
}

TEST(arena, jumps_when_a_size_is_impossible)
{
	struct arena *arena = arena_new(&oom);

	if (setjmp(oom) == 0) {
		arena_array(arena, SIZE_MAX / 2, 3);
		fail();
	}
	if (setjmp(oom) == 0) {
		arena_alloc(arena, SIZE_MAX - 4);
		fail();
	}
	arena_free(arena);
}

TEST(text, grows_across_any_length)
{
	struct arena *arena = arena_new(&oom);
	struct text text = { .arena = arena };

	for (int i = 0; i < 1000; i++)
		text_add(&text, "%d,", i);
	text_add_bytes(&text, "end", 3);
	assert_int_equal(text.len, 10 * 2 + 90 * 3 + 900 * 4 + 3);
	assert_int_equal(strlen(text.bytes), text.len);
	assert_memory_equal(text.bytes + text.len - 7, "999,end", 7);
	arena_free(arena);
}

TEST(index, finds_what_was_added_first)
{
	struct arena *arena = arena_new(&oom);
	struct index index = { .arena = arena };
	char names[1000][8];

	assert_int_equal(index_find(&index, "x", 1), INDEX_NONE);
	for (size_t i = 0; i < 1000; i++) {
		int len = snprintf(names[i], sizeof(names[i]), "n%zu", i);

		assert_int_equal(index_add(&index, names[i], (size_t)len, i), INDEX_NONE);
	}
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(index_find(&index, names[i], strlen(names[i])), i);
	assert_int_equal(index_add(&index, "n7", 2, 99), 7);
	assert_int_equal(index_find(&index, "n1000", 5), INDEX_NONE);
	assert_int_equal(index.n, 1000);
	arena_free(arena);
}

TEST(index, hash_is_64_bit_fnv_1a)
{
	/* Values of the reference's own test suite. */
	assert_int_equal(index_hash("", 0), 0xcbf29ce484222325ULL);
	assert_int_equal(index_hash("a", 1), 0xaf63dc4c8601ec8cULL);
	assert_int_equal(index_hash("foobar", 6), 0x85944171f73967e8ULL);
}

/* The printed form of one error at a place of a text. */
static const char *print_one(struct arena *arena, const char *text, struct place place,
			     const char *sentence)
{
	struct findings findings = {
		.arena = arena,
		.file = "f.yaml",
		.text = text,
		.len = strlen(text),
	};
	struct text out = { .arena = arena };

	findings_add(&findings, true, &place, "%s", sentence);
	findings_print(&findings, &out);
	return out.bytes;
}

TEST(findings, show_the_line_and_a_caret)
{
	struct arena *arena = arena_new(&oom);

	assert_string_equal(
		print_one(arena, "one\ntwo three\r\nfour", (struct place){ 2, 5, 5 }, "bad"),
		"f.yaml:2:5: error: bad\n"
		"    2 | two three\n"
		"      |     ^~~~~\n");
	assert_string_equal(print_one(arena, "one\r\ntwo", (struct place){ 2, 1, 1 }, "bad"),
			    "f.yaml:2:1: error: bad\n"
			    "    2 | two\n"
			    "      | ^\n");
	assert_string_equal(print_one(arena, "one", (struct place){ 0 }, "bad"),
			    "f.yaml: error: bad\n");
	assert_string_equal(print_one(arena, "one", (struct place){ 7, 1, 1 }, "bad"),
			    "f.yaml:7:1: error: bad\n");
	arena_free(arena);
}

TEST(findings, never_print_control_bytes)
{
	struct arena *arena = arena_new(&oom);

	assert_string_equal(print_one(arena, "\ta\x1b[31m\x7f\xc2\x9b\xff\xc3\xbc",
				      (struct place){ 1, 2, 1 }, "e\x1bg\n\xc2\x85"),
			    "f.yaml:1:2: error: e?g??\n"
			    "    1 |  a?[31m???\xc3\xbc\n"
			    "      |  ^\n");
	arena_free(arena);
}

TEST(findings, show_the_part_of_a_long_line_around_the_caret)
{
	struct arena *arena = arena_new(&oom);
	char line[5001];
	const char *print, *source;

	memset(line, '.', 5000);
	line[5000] = '\0';
	memcpy(line + 3999, "HERE", 4);
	print = print_one(arena, line, (struct place){ 1, 4000, 4 }, "bad");
	source = strchr(print, '\n') + 1;
	assert_true(strlen(print) < 400);
	/* The caret stands under the H. */
	assert_ptr_equal(strstr(source, "HERE") - source,
			 strchr(source, '^') - (strchr(source, '\n') + 1));
	arena_free(arena);
}

TEST(findings, are_sorted_errors_first)
{
	struct arena *arena = arena_new(&oom);
	struct findings findings = { .arena = arena, .file = "f", .text = "a\nb\nc", .len = 5 };
	struct text out = { .arena = arena };

	findings_add(&findings, false, &(struct place){ 1, 1, 1 }, "w");
	findings_add(&findings, true, &(struct place){ 3, 1, 1 }, "e3");
	findings_add(&findings, true, &(struct place){ 2, 1, 1 }, "e2");
	findings_add(&findings, true, &(struct place){ 2, 1, 1 }, "e2 again");
	findings_print(&findings, &out);
	assert_string_equal(out.bytes, "f:2:1: error: e2\n    2 | b\n      | ^\n"
				       "f:2:1: error: e2 again\n    2 | b\n      | ^\n"
				       "f:3:1: error: e3\n    3 | c\n      | ^\n"
				       "f:1:1: warning: w\n    1 | a\n      | ^\n");
	arena_free(arena);
}

TEST(findings, are_counted_beyond_what_is_shown)
{
	struct arena *arena = arena_new(&oom);
	struct findings findings = { .arena = arena, .file = "f", .text = "", .len = 0 };
	struct text out = { .arena = arena };

	for (int i = 0; i < FINDINGS_SHOWN_MAX + 5; i++)
		findings_add(&findings, true, &(struct place){ 0 }, "e");
	findings_print(&findings, &out);
	assert_int_equal(findings.errors, FINDINGS_SHOWN_MAX + 5);
	assert_non_null(strstr(out.bytes, "and 5 more errors\n"));
	arena_free(arena);
}

RUN_TESTS(T(arena, gives_zeroed_aligned_memory_that_does_not_overlap),
	  T(arena, jumps_when_a_size_is_impossible), T(text, grows_across_any_length),
	  T(index, finds_what_was_added_first), T(index, hash_is_64_bit_fnv_1a),
	  T(findings, show_the_line_and_a_caret), T(findings, never_print_control_bytes),
	  T(findings, show_the_part_of_a_long_line_around_the_caret),
	  T(findings, are_sorted_errors_first), T(findings, are_counted_beyond_what_is_shown))
