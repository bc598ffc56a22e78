/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pcap_test.c - capture files of both byte orders and resolutions, and damaged ones.
 */
#include "src/dataplane/pcap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/test.h"

static struct pcap_frame frame;

/* A file with one frame of 4 bytes in either byte order, written by hand. */
static const uint8_t big[] = { 0xa1, 0xb2, 0xc3, 0xd4, 0,   2, 0, 4, 0, 0, 0, 0, 0, 0, 0,
			       0,    0,    0,    255,  255, 0, 0, 0, 1, 0, 0, 0, 7, 0, 0,
			       0,    9,    0,    0,    0,   4, 0, 0, 0, 6, 1, 2, 3, 4 };
static const uint8_t little[] = { 0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0,
				  0,    255,  255,  0,    0, 1, 0, 0, 0, 7, 0, 0, 0, 9, 0,
				  0,    0,    4,    0,    0, 0, 6, 0, 0, 0, 1, 2, 3, 4 };

static void check_one(const uint8_t *bytes, size_t len, bool is_nsec)
{
	uint8_t copy[sizeof(big)];
	struct pcap_reader reader;
	struct err err;
	FILE *file;

	memcpy(copy, bytes, len);
	file = fmemopen(copy, len, "r");
	assert_int_equal(pcap_read_start(&reader, file, "x", &err), 0);
	assert_int_equal(reader.is_nsec, is_nsec);
	assert_int_equal(pcap_read(&reader, &frame, &err), 1);
	assert_int_equal(frame.sec, 7);
	assert_int_equal(frame.fraction, 9);
	assert_int_equal(frame.len, 4);
	assert_int_equal(frame.wire_len, 6);
	assert_memory_equal(frame.bytes, "\x01\x02\x03\x04", 4);
	assert_int_equal(pcap_read(&reader, &frame, &err), 0);
	fclose(file);
}

TEST(pcap, reads_both_byte_orders_and_resolutions)
{
	check_one(big, sizeof(big), false);
	check_one(little, sizeof(little), true);
}

TEST(pcap, names_where_a_file_ends_too_early)
{
	for (size_t len = 1; len < sizeof(big); len++) {
		uint8_t copy[sizeof(big)];
		struct pcap_reader reader;
		struct err err = { "" };
		FILE *file;
		int r;

		memcpy(copy, big, len);
		file = fmemopen(copy, len, "r");
		r = pcap_read_start(&reader, file, "x", &err);
		if (!r && len > 24)
			r = pcap_read(&reader, &frame, &err);
		assert_int_equal(r, len == 24 ? 0 : -EINVAL);
		assert_true(len == 24 || err.text[0]);
		fclose(file);
	}
}

TEST(pcap, reads_back_what_it_writes)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);
	struct pcap_reader reader;
	struct err err;

	assert_int_equal(pcap_write_start(file, true), 0);
	assert_int_equal(pcap_write(file, 1, 2, "abc", 3), 0);
	fclose(file);
	file = fmemopen(text, size, "r");
	assert_int_equal(pcap_read_start(&reader, file, "x", &err), 0);
	assert_int_equal(pcap_read(&reader, &frame, &err), 1);
	assert_int_equal(frame.len, 3);
	assert_memory_equal(frame.bytes, "abc", 3);
	fclose(file);
	free(text);
}

RUN_TESTS(T(pcap, reads_both_byte_orders_and_resolutions),
	  T(pcap, names_where_a_file_ends_too_early), T(pcap, reads_back_what_it_writes))
