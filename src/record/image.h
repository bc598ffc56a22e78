/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image.h - the flight recorder's bytes: records of variable length in a ring of fixed size.
 *
 * The bytes say everything themselves, so whatever moment ended the writer, what is whole is found
 * again. They are blocks of 4 KiB; a record lies in one block, carries a checksum and a number, and
 * follows the one with the number before. Reading a block ends at the first record that does not.
 * The block with the oldest records is emptied when room is needed. Pure: the memory is the
 * caller's, files are recorder.c's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/log.h"

#define IMAGE_BLOCK     4096U
#define IMAGE_EVENT_MAX 48U   /* longer words and pairs are cut */
#define IMAGE_PAIRS_MAX 3072U /* with the NUL, as above */

/* One record; its texts are inside the image, valid until the next image_add(). */
struct record {
	uint64_t seq;     /* from 1, one more each */
	uint64_t wall_us; /* as the wall clock stood */
	uint64_t boot_us; /* since boot */
	uint32_t boot;    /* of which boot: the first half of its id's first 64 bits */
	enum log_level level;
	const char *event; /* a word */
	const char *pairs; /* "key=value key=\"value\"", as logged */
};

struct image {
	uint8_t *bytes; /* borrowed */
	uint32_t n_blocks;
	struct image_block {
		uint64_t first; /* number of its first record */
		uint32_t used;  /* bytes; 0: empty */
		uint32_t n;     /* records */
	} * blocks;
	uint32_t *order; /* blocks from the oldest to the newest, beginning at `oldest` */
	uint32_t oldest;
	uint64_t last;   /* number of the newest record, 0: none */
	uint32_t n_torn; /* blocks that image_init() found damaged: what was whole in them counts */
};

/*
 * image_init - look at what the bytes hold, and go on behind it. size is a multiple of IMAGE_BLOCK,
 * at least two of them. Returns 0 or -ENOMEM. Nothing is written.
 */
int image_init(struct image *image, uint8_t *bytes, size_t size);
void image_fini(struct image *image);

/* Add a record; its seq is ignored and given. Returns the block that changed. */
uint32_t image_add(struct image *image, const struct record *record);

/* The first record with a number above `after`; false: there is none. */
bool image_next(const struct image *image, uint64_t after, struct record *ret);
/* The last record with a number below `before`; false: there is none. */
bool image_prev(const struct image *image, uint64_t before, struct record *ret);
