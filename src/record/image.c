/* SPDX-License-Identifier: Apache-2.0 */
#include "src/record/image.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT  1
#define SEQ_MAX (UINT64_MAX / 2)

/* In the order of this host: the file stays on it. */
struct head {
	uint32_t crc;  /* of everything behind it, to the end of the record */
	uint16_t size; /* of all, a multiple of 8 */
	uint8_t format, level;
	uint64_t seq, wall_us, boot_us;
	uint32_t boot;
	uint16_t event_len, pairs_len; /* each text ends in a NUL that is not counted */
};
_Static_assert(sizeof(struct head) == 40, "head has no holes");
_Static_assert(sizeof(struct head) + IMAGE_EVENT_MAX + IMAGE_PAIRS_MAX + 8 <= IMAGE_BLOCK,
	       "every record fits into a block");

/* CRC-32 of IEEE 802.3, four bits at a time. */
static uint32_t crc32_of(const uint8_t *bytes, size_t len)
{
	static const uint32_t table[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
		0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
		0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};
	uint32_t crc = ~0U;

	for (size_t i = 0; i < len; i++) {
		crc = table[(crc ^ bytes[i]) & 15] ^ (crc >> 4);
		crc = table[(crc ^ (uint32_t)(bytes[i] >> 4)) & 15] ^ (crc >> 4);
	}
	return ~crc;
}

static uint8_t *block_bytes(const struct image *image, uint32_t block)
{
	return image->bytes + (size_t)block * IMAGE_BLOCK;
}

/* The place in `order` of the i-th block from the oldest. */
static uint32_t nth_block(const struct image *image, uint32_t i)
{
	return image->order[(image->oldest + i) % image->n_blocks];
}

/* ---- reading ---- */

static bool head_is_sound(const struct head *head, size_t room)
{
	size_t texts = (size_t)head->event_len + head->pairs_len + 2;

	return head->format == FORMAT && head->level < LOG_LEVEL_MAX && head->size % 8 == 0 &&
	       head->size <= room && head->event_len < IMAGE_EVENT_MAX &&
	       head->pairs_len < IMAGE_PAIRS_MAX && sizeof(*head) + texts <= head->size;
}

static bool texts_are_sound(const uint8_t *texts, const struct head *head)
{
	return memchr(texts, 0, head->event_len + 1U) == texts + head->event_len &&
	       memchr(texts + head->event_len + 1, 0, head->pairs_len + 1U) ==
		       texts + head->event_len + 1 + head->pairs_len;
}

/* The record at these bytes of a block, checked; false: there is no whole one. */
static bool check_record(const uint8_t *bytes, size_t room, struct head *ret)
{
	if (room < sizeof(*ret))
		return false;
	memcpy(ret, bytes, sizeof(*ret));
	return head_is_sound(ret, room) &&
	       crc32_of(bytes + sizeof(ret->crc), ret->size - sizeof(ret->crc)) == ret->crc &&
	       texts_are_sound(bytes + sizeof(*ret), ret);
}

static bool is_zero(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (bytes[i])
			return false;
	return true;
}

/* What is whole in a block, from its begin. True: all that is not empty. */
static bool scan_block(const uint8_t *bytes, struct image_block *block)
{
	struct head head;

	*block = (struct image_block){ 0 };
	while (check_record(bytes + block->used, IMAGE_BLOCK - block->used, &head)) {
		if (head.seq == 0 || head.seq > SEQ_MAX ||
		    (block->n > 0 && head.seq != block->first + block->n))
			break;
		if (block->n == 0)
			block->first = head.seq;
		block->used += head.size;
		block->n++;
	}
	return is_zero(bytes + block->used, IMAGE_BLOCK - block->used);
}

static int compare_blocks(const void *a, const void *b, void *arg)
{
	const struct image *image = arg;
	const uint32_t *x = a, *y = b;
	uint64_t first_x = image->blocks[*x].first, first_y = image->blocks[*y].first;

	return (first_x > first_y) - (first_x < first_y);
}

/* Two blocks with the same numbers cannot both be right: the shorter, then the later one is void.
 */
static void void_doubles(struct image *image)
{
	struct image_block *before = NULL;

	for (uint32_t i = 0; i < image->n_blocks; i++) {
		struct image_block *block = &image->blocks[image->order[i]];

		if (block->n == 0)
			continue;
		if (before && block->first < before->first + before->n) {
			struct image_block *worse = block->n > before->n ? before : block;

			if (worse == before)
				before = block;
			*worse = (struct image_block){ 0 };
			image->n_torn++;
			continue;
		}
		before = block;
	}
	if (before)
		image->last = before->first + before->n - 1;
}

static void sort_blocks(struct image *image)
{
	qsort_r(image->order, image->n_blocks, sizeof(*image->order), compare_blocks, image);
}

int image_init(struct image *image, uint8_t *bytes, size_t size)
{
	*image = (struct image){ .bytes = bytes, .n_blocks = (uint32_t)(size / IMAGE_BLOCK) };
	assert(image->n_blocks >= 2);
	image->blocks = calloc(image->n_blocks, sizeof(*image->blocks));
	image->order = calloc(image->n_blocks, sizeof(*image->order));
	if (!image->blocks || !image->order) {
		image_fini(image);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < image->n_blocks; i++) {
		image->order[i] = i;
		image->n_torn += !scan_block(block_bytes(image, i), &image->blocks[i]);
	}
	sort_blocks(image);
	void_doubles(image);
	sort_blocks(image); /* those that became void are the first to be filled */
	return 0;
}

void image_fini(struct image *image)
{
	free(image->blocks);
	free(image->order);
	image->blocks = NULL;
	image->order = NULL;
}

/* The record at an offset of a block that was checked. Returns its size. */
static uint32_t read_record(const struct image *image, uint32_t block, uint32_t at,
			    struct record *ret)
{
	const uint8_t *bytes = block_bytes(image, block) + at;
	struct head head;

	memcpy(&head, bytes, sizeof(head));
	*ret = (struct record){
		.seq = head.seq,
		.wall_us = head.wall_us,
		.boot_us = head.boot_us,
		.boot = head.boot,
		.level = (enum log_level)head.level,
		.event = (const char *)bytes + sizeof(head),
		.pairs = (const char *)bytes + sizeof(head) + head.event_len + 1,
	};
	return head.size;
}

/* The i-th record of a block. */
static void nth_record(const struct image *image, uint32_t block, uint64_t i, struct record *ret)
{
	uint32_t at = 0;

	do
		at += read_record(image, block, at, ret);
	while (i-- > 0);
}

/* How many blocks from the oldest begin with a number up to seq. */
static uint32_t blocks_up_to(const struct image *image, uint64_t seq)
{
	uint32_t low = 0, high = image->n_blocks;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (image->blocks[nth_block(image, middle)].first <= seq)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool image_next(const struct image *image, uint64_t after, struct record *ret)
{
	uint32_t i = blocks_up_to(image, after), block;

	if (after >= image->last)
		return false;
	if (i > 0) { /* in the block it would be in, or the next one */
		const struct image_block *of;

		block = nth_block(image, i - 1);
		of = &image->blocks[block];
		if (of->n > 0 && after + 1 < of->first + of->n) {
			nth_record(image, block, after + 1 - of->first, ret);
			return true;
		}
	}
	if (i == image->n_blocks)
		return false;
	nth_record(image, nth_block(image, i), 0, ret);
	return true;
}

bool image_prev(const struct image *image, uint64_t before, struct record *ret)
{
	uint32_t i, block;
	uint64_t n;

	if (before <= 1)
		return false;
	i = blocks_up_to(image, before - 1);
	if (i == 0)
		return false;
	block = nth_block(image, i - 1);
	if (image->blocks[block].n == 0)
		return false;
	n = before - image->blocks[block].first; /* records of it below `before`, or more */
	if (n > image->blocks[block].n)
		n = image->blocks[block].n;
	nth_record(image, block, n - 1, ret);
	return true;
}

/* ---- writing ---- */

/* The block to write to: the newest, or the oldest one emptied. */
static uint32_t block_for(struct image *image, size_t size)
{
	uint32_t block = nth_block(image, image->n_blocks - 1);
	const struct image_block *newest = &image->blocks[block];

	if (newest->n > 0 && newest->first + newest->n == image->last + 1 &&
	    newest->used + size <= IMAGE_BLOCK)
		return block;
	block = nth_block(image, 0);
	image->oldest = (image->oldest + 1) % image->n_blocks; /* so it is the newest now */
	memset(block_bytes(image, block), 0, IMAGE_BLOCK);
	image->blocks[block] = (struct image_block){ .first = image->last + 1 };
	return block;
}

static uint16_t bounded_len(const char *text, size_t max)
{
	size_t len = strnlen(text, max);

	return (uint16_t)(len < max ? len : max - 1);
}

uint32_t image_add(struct image *image, const struct record *record)
{
	struct head head = { .format = FORMAT,
			     .level = (uint8_t)record->level,
			     .seq = image->last + 1,
			     .wall_us = record->wall_us,
			     .boot_us = record->boot_us,
			     .boot = record->boot,
			     .event_len = bounded_len(record->event, IMAGE_EVENT_MAX),
			     .pairs_len = bounded_len(record->pairs, IMAGE_PAIRS_MAX) };
	uint8_t *bytes, *texts;
	uint32_t block;

	head.size = (uint16_t)((sizeof(head) + head.event_len + head.pairs_len + 2 + 7) / 8 * 8);
	block = block_for(image, head.size);
	bytes = block_bytes(image, block) + image->blocks[block].used;
	texts = bytes + sizeof(head);
	/* What was torn there before is no part of the record. */
	memset(bytes, 0, IMAGE_BLOCK - image->blocks[block].used);
	memcpy(texts, record->event, head.event_len);
	memcpy(texts + head.event_len + 1, record->pairs, head.pairs_len);
	memcpy(bytes, &head, sizeof(head));
	head.crc = crc32_of(bytes + sizeof(head.crc), head.size - sizeof(head.crc));
	memcpy(bytes, &head.crc, sizeof(head.crc));
	image->blocks[block].used += head.size;
	image->blocks[block].n++;
	image->last = head.seq;
	return block;
}
