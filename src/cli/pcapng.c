/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pcapng.c - blocks are built whole in memory, then written: type, length, body, length, each part
 * padded to 32 bits. Options are code, length, value; code 0 ends them.
 */
#include "src/cli/pcapng.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/auto.h"

#define BLOCK_SECTION    0x0a0d0d0aU
#define BLOCK_INTERFACE  1U
#define BLOCK_STATISTICS 5U
#define BLOCK_FRAME      6U
#define BYTE_ORDER_MAGIC 0x1a2b3c4dU
#define LINK_ETHERNET    1U
#define MICROSECONDS     6U /* 10^-6, what timestamps count in */

#define OPTION_END         0
#define OPTION_COMMENT     1
#define OPTION_APPLICATION 4 /* of a section */
#define OPTION_NAME        2 /* of an interface */
#define OPTION_DESCRIPTION 3
#define OPTION_RESOLUTION  9
#define OPTION_FLAGS       2 /* of a frame */
#define OPTION_PACKET_ID   5
#define OPTION_RECEIVED    4 /* of statistics */
#define OPTION_DROPPED     5

#define TEXT_MAX 65532U /* an option's length has 16 bits, less padding */

struct block {
	uint8_t *bytes;
	size_t len, size;
	bool is_short_of_memory;
};

static void put(struct block *block, const void *bytes, size_t len)
{
	size_t padded = (len + 3) & ~(size_t)3;

	if (block->len + padded > block->size) {
		size_t size = 2 * (block->len + padded);
		uint8_t *grown = realloc(block->bytes, size);

		if (!grown) {
			block->is_short_of_memory = true;
			return;
		}
		block->bytes = grown;
		block->size = size;
	}
	if (len)
		memcpy(block->bytes + block->len, bytes, len);
	memset(block->bytes + block->len + len, 0, padded - len);
	block->len += padded;
}

static void put32(struct block *block, uint32_t value)
{
	put(block, &value, sizeof(value));
}

/* Two 16-bit values as they stand in memory. */
static void put16s(struct block *block, uint16_t first, uint16_t second)
{
	uint16_t values[2] = { first, second };

	put(block, values, sizeof(values));
}

/* Timestamps come in two words, the high one first. */
static void put_time(struct block *block, uint64_t wall_us)
{
	put32(block, (uint32_t)(wall_us >> 32));
	put32(block, (uint32_t)wall_us);
}

static void put_option(struct block *block, uint16_t code, const void *value, size_t len)
{
	put16s(block, code, (uint16_t)len);
	put(block, value, len);
}

static void put_text(struct block *block, uint16_t code, const char *text)
{
	put_option(block, code, text, strnlen(text, TEXT_MAX));
}

static struct block begin(uint32_t type)
{
	struct block block = { 0 };

	put32(&block, type);
	put32(&block, 0); /* the length, known at the end */
	return block;
}

static int end(struct pcapng *pcapng, struct block *block)
{
	AUTO(freep) uint8_t *bytes = NULL;
	uint32_t len;

	put16s(block, OPTION_END, 0);
	len = (uint32_t)block->len + 4;
	put32(block, len);
	bytes = block->bytes;
	if (block->is_short_of_memory)
		return -ENOMEM;
	memcpy(bytes + 4, &len, sizeof(len));
	if (fwrite(bytes, 1, block->len, pcapng->file) != block->len)
		return errno ? -errno : -EIO;
	pcapng->n_bytes += block->len;
	return 0;
}

int pcapng_start(struct pcapng *pcapng, FILE *file, const char *application)
{
	struct block block = begin(BLOCK_SECTION);
	uint64_t length_unknown = UINT64_MAX;

	*pcapng = (struct pcapng){ .file = file };
	put32(&block, BYTE_ORDER_MAGIC);
	put16s(&block, 1, 0);
	put(&block, &length_unknown, sizeof(length_unknown));
	put_text(&block, OPTION_APPLICATION, application);
	return end(pcapng, &block);
}

int pcapng_add_interface(struct pcapng *pcapng, const char *name, const char *description,
			 uint32_t snaplen, uint32_t *ret_id)
{
	struct block block = begin(BLOCK_INTERFACE);
	uint8_t resolution = MICROSECONDS;
	int r;

	put16s(&block, LINK_ETHERNET, 0);
	put32(&block, snaplen);
	put_text(&block, OPTION_NAME, name);
	put_text(&block, OPTION_DESCRIPTION, description);
	put_option(&block, OPTION_RESOLUTION, &resolution, 1);
	r = end(pcapng, &block);
	if (!r)
		*ret_id = pcapng->n_interfaces++;
	return r;
}

int pcapng_add_frame(struct pcapng *pcapng, const struct pcapng_frame *frame)
{
	struct block block = begin(BLOCK_FRAME);
	uint32_t flags = frame->direction;

	put32(&block, frame->interface);
	put_time(&block, frame->wall_us);
	put32(&block, frame->len);
	put32(&block, frame->wire_len);
	put(&block, frame->bytes, frame->len);
	put_text(&block, OPTION_COMMENT, frame->comment);
	put_option(&block, OPTION_FLAGS, &flags, sizeof(flags));
	put_option(&block, OPTION_PACKET_ID, &frame->packet_id, sizeof(frame->packet_id));
	return end(pcapng, &block);
}

int pcapng_add_statistics(struct pcapng *pcapng, uint32_t interface, uint64_t wall_us,
			  uint64_t received, uint64_t dropped)
{
	struct block block = begin(BLOCK_STATISTICS);

	put32(&block, interface);
	put_time(&block, wall_us);
	put_option(&block, OPTION_RECEIVED, &received, sizeof(received));
	put_option(&block, OPTION_DROPPED, &dropped, sizeof(dropped));
	return end(pcapng, &block);
}
