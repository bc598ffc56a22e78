/* SPDX-License-Identifier: Apache-2.0 */
/* The recorder's bytes: numbers in order, the oldest block goes first, damage costs what it hit. */
#include "src/record/image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/test.h"

#define BLOCKS 4
#define SIZE   (BLOCKS * IMAGE_BLOCK)

struct ring {
	uint8_t bytes[SIZE];
	struct image image;
};

static void open_ring(struct ring *ring)
{
	assert_int_equal(image_init(&ring->image, ring->bytes, SIZE), 0);
}

static void reopen(struct ring *ring)
{
	image_fini(&ring->image);
	open_ring(ring);
}

static void note(struct ring *ring, unsigned i)
{
	char pairs[256];

	snprintf(pairs, sizeof(pairs), "n=%u text=%.*s", i, (int)(i % 150),
		 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		 "aaaa"
		 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		 "a");
	image_add(&ring->image, &(struct record){ .wall_us = 1000 + i,
						  .boot_us = i,
						  .boot = 7,
						  .level = LOG_LEVEL_NOTICE,
						  .event = "vip_state",
						  .pairs = pairs });
}

/* Every record that is there is as it was added, and they follow one another. Returns how many. */
static unsigned check(const struct ring *ring, uint64_t *ret_first)
{
	struct record record, back;
	uint64_t after = 0, before = 0;
	unsigned n = 0;

	*ret_first = 0;
	while (image_next(&ring->image, after, &record)) {
		char expected[32];

		assert_true(record.seq > after);
		if (n++ == 0) {
			*ret_first = record.seq;
			assert_false(image_prev(&ring->image, record.seq, &back));
		} else {
			assert_true(image_prev(&ring->image, record.seq, &back));
			assert_int_equal(back.seq, before);
		}
		snprintf(expected, sizeof(expected), "n=%u ", (unsigned)record.boot_us);
		assert_true(strncmp(record.pairs, expected, strlen(expected)) == 0);
		assert_int_equal(record.wall_us, record.boot_us + 1000);
		assert_int_equal(record.boot, 7);
		assert_string_equal(record.event, "vip_state");
		before = after = record.seq;
	}
	return n;
}

TEST(image, keeps_order_and_the_newest_records_however_many_come)
{
	struct ring *ring = calloc(1, sizeof(*ring));
	uint64_t first;

	open_ring(ring);
	for (unsigned i = 1; i <= 1000; i++) {
		unsigned n;

		note(ring, i);
		n = check(ring, &first);
		assert_int_equal(first + n - 1, i); /* no hole */
		assert_true(i < 20 || n >= 20);
	}
	reopen(ring);
	assert_int_equal(ring->image.last, 1000);
	assert_int_equal(ring->image.n_torn, 0);
	note(ring, 1001);
	assert_true(check(ring, &first) >= 20);
	assert_int_equal(ring->image.last, 1001);
	image_fini(&ring->image);
	free(ring);
}

TEST(image, starts_at_any_number_and_tells_the_end)
{
	struct ring *ring = calloc(1, sizeof(*ring));
	struct record record;

	open_ring(ring);
	assert_false(image_next(&ring->image, 0, &record));
	assert_false(image_prev(&ring->image, 1, &record));
	assert_false(image_prev(&ring->image, UINT64_MAX, &record));
	for (unsigned i = 1; i <= 30; i++)
		note(ring, i);
	for (unsigned i = 0; i < 30; i++) {
		assert_true(image_next(&ring->image, i, &record));
		assert_int_equal(record.seq, i + 1);
	}
	assert_false(image_next(&ring->image, 30, &record));
	assert_false(image_next(&ring->image, UINT64_MAX, &record));
	assert_true(image_prev(&ring->image, UINT64_MAX, &record));
	assert_int_equal(record.seq, 30);
	image_fini(&ring->image);
	free(ring);
}

/* A writer that ended at any byte: the bytes before are new, those behind as they were. */
TEST(image, loses_nothing_but_the_record_being_written)
{
	struct ring *ring = calloc(1, sizeof(*ring)), *cut = calloc(1, sizeof(*cut));
	uint8_t *former = malloc(SIZE);
	uint64_t first;

	open_ring(ring);
	for (unsigned i = 1; i <= 150; i++)
		note(ring, i);
	for (unsigned i = 151; i <= 190; i++) { /* some of them begin a block */
		memcpy(former, ring->bytes, SIZE);
		note(ring, i);
		for (size_t at = 0; at <= SIZE; at += 67) {
			memcpy(cut->bytes, ring->bytes, at);
			memcpy(cut->bytes + at, former + at, SIZE - at);
			open_ring(cut);
			assert_true(check(cut, &first) >= 15);
			assert_in_range(cut->image.last, i - 1, i);
			note(cut, i); /* and it goes on */
			check(cut, &first);
			image_fini(&cut->image);
		}
	}
	image_fini(&ring->image);
	free(ring);
	free(cut);
	free(former);
}

TEST(image, skips_what_was_damaged_anywhere)
{
	struct ring *ring = calloc(1, sizeof(*ring)), *bad = calloc(1, sizeof(*bad));
	uint64_t first;

	open_ring(ring);
	for (unsigned i = 1; i <= 200; i++)
		note(ring, i);
	for (size_t at = 0; at < SIZE; at += 29) {
		memcpy(bad->bytes, ring->bytes, SIZE);
		bad->bytes[at] ^= 0x41;
		open_ring(bad);
		check(bad, &first);
		note(bad, 300);
		check(bad, &first);
		image_fini(&bad->image);
	}
	image_fini(&ring->image);
	free(ring);
	free(bad);
}

TEST(image, of_two_blocks_with_the_same_numbers_takes_one)
{
	struct ring *ring = calloc(1, sizeof(*ring));
	uint64_t first;
	unsigned n;

	open_ring(ring);
	for (unsigned i = 1; i <= 100; i++)
		note(ring, i);
	n = check(ring, &first);
	memcpy(ring->bytes, ring->bytes + IMAGE_BLOCK, IMAGE_BLOCK);
	reopen(ring);
	assert_true(check(ring, &first) < n);
	assert_int_equal(ring->image.n_torn, 1);
	note(ring, 500);
	check(ring, &first);
	image_fini(&ring->image);
	free(ring);
}

TEST(image, cuts_texts_that_are_too_long)
{
	struct ring *ring = calloc(1, sizeof(*ring));
	char *text = malloc(9000);
	struct record record = { .level = LOG_LEVEL_WARN, .event = text, .pairs = text };

	memset(text, 'x', 8999);
	text[8999] = '\0';
	open_ring(ring);
	for (unsigned i = 0; i < 10; i++)
		image_add(&ring->image, &record);
	reopen(ring);
	assert_int_equal(ring->image.last, 10);
	assert_true(image_prev(&ring->image, 11, &record));
	assert_int_equal(strlen(record.event), IMAGE_EVENT_MAX - 1);
	assert_int_equal(strlen(record.pairs), IMAGE_PAIRS_MAX - 1);
	image_fini(&ring->image);
	free(ring);
	free(text);
}

RUN_TESTS(T(image, keeps_order_and_the_newest_records_however_many_come),
	  T(image, starts_at_any_number_and_tells_the_end),
	  T(image, loses_nothing_but_the_record_being_written),
	  T(image, skips_what_was_damaged_anywhere),
	  T(image, of_two_blocks_with_the_same_numbers_takes_one),
	  T(image, cuts_texts_that_are_too_long))
