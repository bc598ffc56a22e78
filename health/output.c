/* SPDX-License-Identifier: Apache-2.0 */
#include "health/output.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define BUCKETS 4096U /* a power of two; ids are hashes */

struct kept {
	TAILQ_ENTRY(kept) link;
	struct kept *next; /* of the same bucket */
	uint64_t id;
	uint32_t n_written, len;
	char bytes[];
};

struct outputs {
	TAILQ_HEAD(, kept) by_age; /* the oldest first */
	size_t bytes, bytes_max;
	struct kept *buckets[BUCKETS];
};

/* 0: nothing is left of it. */
static char printed(char byte)
{
	if (byte == '\n')
		return byte;
	if (byte == '\t')
		return ' ';
	if (byte == '\r')
		return 0;
	return byte >= 0x20 && byte < 0x7f ? byte : '?';
}

uint32_t output_print(const char *raw, size_t len, char ret[OUTPUT_BYTES_MAX])
{
	uint32_t n = 0;

	for (size_t i = 0; i < len; i++) {
		char byte = printed(raw[i]);

		if (byte)
			ret[n++] = byte;
	}
	return n;
}

bool output_is_printed(const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (bytes[i] != printed(bytes[i]))
			return false;
	return true;
}

static struct kept **place_of(struct outputs *outputs, uint64_t id)
{
	struct kept **place = &outputs->buckets[id & (BUCKETS - 1)];

	while (*place && (*place)->id != id)
		place = &(*place)->next;
	return place;
}

static size_t cost(uint32_t len)
{
	return sizeof(struct kept) + len;
}

void outputs_drop(struct outputs *outputs, uint64_t id)
{
	struct kept **place = place_of(outputs, id), *kept = *place;

	if (!kept)
		return;
	*place = kept->next;
	TAILQ_REMOVE(&outputs->by_age, kept, link);
	outputs->bytes -= cost(kept->len);
	free(kept);
}

static void add(struct outputs *outputs, struct kept *kept)
{
	struct kept **place = place_of(outputs, kept->id);

	kept->next = *place;
	*place = kept;
	TAILQ_INSERT_TAIL(&outputs->by_age, kept, link);
	outputs->bytes += cost(kept->len);
}

void outputs_put(struct outputs *outputs, uint64_t id, const struct output *output)
{
	struct kept *kept;

	outputs_drop(outputs, id);
	kept = output->len > 0 ? malloc(cost(output->len)) : NULL;
	if (!kept)
		return;
	kept->id = id;
	kept->n_written = output->n_written;
	kept->len = output->len;
	memcpy(kept->bytes, output->bytes, output->len);
	add(outputs, kept);
	while (outputs->bytes > outputs->bytes_max)
		outputs_drop(outputs, TAILQ_FIRST(&outputs->by_age)->id);
}

bool outputs_find(const struct outputs *outputs, uint64_t id, struct output *ret)
{
	const struct kept *kept = outputs->buckets[id & (BUCKETS - 1)];

	while (kept && kept->id != id)
		kept = kept->next;
	if (kept)
		*ret = (struct output){ kept->n_written, kept->len, kept->bytes };
	return kept != NULL;
}

struct outputs *outputs_new(size_t bytes_max)
{
	struct outputs *outputs = calloc(1, sizeof(*outputs));

	if (!outputs)
		return NULL;
	TAILQ_INIT(&outputs->by_age);
	outputs->bytes_max = bytes_max;
	return outputs;
}

void outputs_free(struct outputs *outputs)
{
	while (outputs && !TAILQ_EMPTY(&outputs->by_age))
		outputs_drop(outputs, TAILQ_FIRST(&outputs->by_age)->id);
	free(outputs);
}
