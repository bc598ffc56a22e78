/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame_test.c - the frames that tests and self-test are made of.
 */
#include "src/dataplane/frame.h"

#include <netinet/in.h>
#include <string.h>

#include "tests/lib/test.h"

/* A datagram whose bytes were written down by hand, checksums with them. */
TEST(frame, is_what_was_written_by_hand)
{
	static const uint8_t want[] = { 2,    0,    0,    0,    0,    1,    2,    0,    0,
					0,    0,    2,    0x08, 0x00, 0x45, 0x00, 0x00, 0x1e,
					0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0x26, 0xcd, 10,
					0,    0,    1,    10,   0,    0,    2,    0x03, 0xe8,
					0x00, 0x35, 0x00, 0x0a, 0xe7, 0xb9, 0x00, 0x01 };
	struct frame_spec spec = { .dst_mac = { 2, 0, 0, 0, 0, 1 },
				   .src_mac = { 2, 0, 0, 0, 0, 2 },
				   .proto = IPPROTO_UDP,
				   .sport = 1000,
				   .dport = 53,
				   .payload_len = 2 };
	uint8_t frame[FRAME_MAX];

	addr_parse("10.0.0.1", &spec.src);
	addr_parse("10.0.0.2", &spec.dst);
	assert_int_equal(frame_build(&spec, frame), sizeof(want));
	assert_memory_equal(frame, want, sizeof(want));
}

TEST(frame, too_long_is_refused)
{
	struct frame_spec spec = { .proto = IPPROTO_UDP, .payload_len = FRAME_MAX };
	uint8_t frame[FRAME_MAX];

	addr_parse("10.0.0.1", &spec.src);
	addr_parse("10.0.0.2", &spec.dst);
	assert_int_equal(frame_build(&spec, frame), 0);
}

/* RFC 1071, section 3: the bytes 00 01 f2 03 f4 f5 f6 f7 add up to ddf2. */
TEST(checksum, of_the_standards_example)
{
	static const uint8_t bytes[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };

	assert_int_equal(frame_checksum(bytes, sizeof(bytes), 0), 0xffff & ~0xddf2);
	assert_int_equal(frame_checksum(bytes, 7, 0), 0xffff & ~(0xddf2 - 0xf7));
}

RUN_TESTS(T(frame, is_what_was_written_by_hand), T(frame, too_long_is_refused),
	  T(checksum, of_the_standards_example))
