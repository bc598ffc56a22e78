/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pcapng_test.c - files are walked block by block as the format says: every length stands at both
 * ends, options end properly, and what was given is where a reader looks for it.
 */
#include "src/cli/pcapng.h"

#include <errno.h>
#include <string.h>

#include "tests/lib/test.h"

static uint8_t file_bytes[65536];
static struct pcapng pcapng;
static FILE *file;

static int set_up(void **state)
{
	(void)state;
	memset(file_bytes, 0, sizeof(file_bytes));
	file = fmemopen(file_bytes, sizeof(file_bytes), "w");
	return file ? pcapng_start(&pcapng, file, "test") : -1;
}

static int tear_down(void **state)
{
	(void)state;
	return fclose(file);
}

static uint32_t word(size_t offset)
{
	uint32_t value;

	memcpy(&value, file_bytes + offset, sizeof(value));
	return value;
}

/* The offset of the n-th block; its lengths are checked on the way. */
static size_t block_at(unsigned n)
{
	size_t offset = 0;

	assert_int_equal(fflush(file), 0);
	for (;; n--) {
		uint32_t len = word(offset + 4);

		assert_true(offset < pcapng.n_bytes);
		assert_int_equal(len % 4, 0);
		assert_int_equal(word(offset + len - 4), len);
		if (n == 0)
			return offset;
		offset += len;
	}
}

/* An option's value among those from offset to the end of the block. */
static const uint8_t *option(size_t offset, uint16_t code, uint16_t *ret_len)
{
	for (;;) {
		uint16_t head[2];

		memcpy(head, file_bytes + offset, sizeof(head));
		*ret_len = head[1];
		if (head[0] == code)
			return file_bytes + offset + 4;
		assert_int_not_equal(head[0], 0); /* the last one: it is not there */
		offset += 4 + ((head[1] + 3U) & ~3U);
	}
}

static void add_frame(const char *bytes, const char *comment)
{
	struct pcapng_frame frame = { .wall_us = 0x123456789abcULL,
				      .bytes = bytes,
				      .len = (uint32_t)strlen(bytes),
				      .wire_len = 1500,
				      .direction = PCAPNG_OUTBOUND,
				      .packet_id = 7,
				      .comment = comment };

	assert_int_equal(pcapng_add_frame(&pcapng, &frame), 0);
}

TEST(pcapng, begins_with_a_section_of_this_byte_order)
{
	size_t at = block_at(0);

	assert_int_equal(word(at), 0x0a0d0d0a);
	assert_int_equal(word(at + 8), 0x1a2b3c4d);
	assert_int_equal(word(at + 12), 1);          /* version 1.0 */
	assert_int_equal(word(at + 16), 0xffffffff); /* length not told */
	assert_int_equal(word(at + 20), 0xffffffff);
}

TEST(pcapng, numbers_interfaces_and_names_them)
{
	uint32_t first, second;
	const uint8_t *name;
	uint16_t len;
	size_t at;

	assert_int_equal(pcapng_add_interface(&pcapng, "eth0", "in", 96, &first), 0);
	assert_int_equal(pcapng_add_interface(&pcapng, "eth0 out", "out", 96, &second), 0);
	assert_int_equal(first, 0);
	assert_int_equal(second, 1);
	at = block_at(2);
	assert_int_equal(word(at), 1);
	assert_int_equal(word(at + 8), 1); /* Ethernet */
	assert_int_equal(word(at + 12), 96);
	name = option(at + 16, 2, &len);
	assert_int_equal(len, 8);
	assert_memory_equal(name, "eth0 out", 8);
	assert_int_equal(*option(at + 16, 9, &len), 6); /* microseconds */
}

/* Frames and comments of every remainder modulo 4. */
TEST(pcapng, pads_frames_and_comments)
{
	static const char *const texts[] = { "", "a", "bc", "def", "ghij", "klmno" };

	for (unsigned i = 0; i < 6; i++)
		add_frame(texts[i], texts[5 - i]);
	for (unsigned i = 0; i < 6; i++) {
		size_t at = block_at(1 + i), len = strlen(texts[i]);
		const uint8_t *comment, *flags, *id;
		uint16_t option_len;
		uint32_t value;

		assert_int_equal(word(at), 6);
		assert_int_equal(word(at + 12), 0x1234);
		assert_int_equal(word(at + 16), 0x56789abc);
		assert_int_equal(word(at + 20), len);
		assert_int_equal(word(at + 24), 1500);
		assert_memory_equal(file_bytes + at + 28, texts[i], len);
		at += 28 + ((len + 3) & ~(size_t)3);
		comment = option(at, 1, &option_len);
		assert_int_equal(option_len, strlen(texts[5 - i]));
		assert_memory_equal(comment, texts[5 - i], option_len);
		flags = option(at, 2, &option_len);
		memcpy(&value, flags, sizeof(value));
		assert_int_equal(value, PCAPNG_OUTBOUND);
		id = option(at, 5, &option_len);
		assert_int_equal(option_len, 8);
		assert_int_equal(id[0], 7);
	}
}

TEST(pcapng, tells_what_is_missing)
{
	uint16_t len;
	size_t at;

	assert_int_equal(pcapng_add_statistics(&pcapng, 3, 1, 1000, 12), 0);
	at = block_at(1);
	assert_int_equal(word(at), 5);
	assert_int_equal(word(at + 8), 3);
	assert_int_equal(*option(at + 20, 5, &len), 12);
	assert_int_equal(len, 8);
}

TEST(pcapng, says_when_the_file_cannot_be_written)
{
	FILE *full = fopen("/dev/full", "w");
	struct pcapng broken;
	int r;

	assert_non_null(full);
	setvbuf(full, NULL, _IONBF, 0);
	r = pcapng_start(&broken, full, "test");
	fclose(full);
	assert_int_equal(r, -ENOSPC);
}

#define P(behaviour) cmocka_unit_test_setup_teardown(pcapng_##behaviour, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		P(begins_with_a_section_of_this_byte_order),
		P(numbers_interfaces_and_names_them),
		P(pads_frames_and_comments),
		P(tells_what_is_missing),
		P(says_when_the_file_cannot_be_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
