/* SPDX-License-Identifier: Apache-2.0 */
/* The recorder's bytes: whatever they are, what is read is in order and bounded, and it goes on. */
#include <string.h>

#include "src/record/image.h"
#include "tests/fuzz/fuzz.h"

#define SIZE (3 * IMAGE_BLOCK)

static uint64_t read_all(const struct image *image)
{
	struct record record = { 0 };
	uint64_t before = 0;

	while (image_next(image, record.seq, &record)) {
		if (record.seq <= before || strlen(record.event) >= IMAGE_EVENT_MAX ||
		    strlen(record.pairs) >= IMAGE_PAIRS_MAX || record.level >= LOG_LEVEL_MAX)
			abort();
		before = record.seq;
	}
	return before;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct record record = { .event = "fuzz", .pairs = "a=b" };
	static uint8_t bytes[SIZE];
	struct image image;

	memset(bytes, 0, sizeof(bytes));
	memcpy(bytes, data, size < SIZE ? size : SIZE);
	if (image_init(&image, bytes, SIZE) < 0)
		return 0;
	if (read_all(&image) != image.last)
		abort();
	for (unsigned i = 0; i < 300; i++) {
		uint64_t last = image.last;

		image_add(&image, &record);
		if (image.last != last + 1)
			abort();
	}
	if (read_all(&image) != image.last)
		abort();
	image_fini(&image);
	return 0;
}
