/* SPDX-License-Identifier: Apache-2.0 */
/* The framing of vty replies: every way of cutting a stream leads to the same, garbage to none. */
#include "frr-integration/vty_frame.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/test.h"

static struct vty_frame make_frame(void)
{
	return (struct vty_frame){ .max_bytes = 64 };
}

TEST(vty_frame, takes_a_whole_reply)
{
	struct vty_frame frame = make_frame();
	size_t used = 0;

	assert_int_equal(vty_frame_feed(&frame, "hello\n\0\0\0\x0d", 10, &used), 1);
	assert_int_equal(used, 10);
	assert_string_equal(frame.text, "hello\n");
	assert_int_equal(frame.status, VTY_CONFIG_FAILED);
	vty_frame_fini(&frame);
}

TEST(vty_frame, takes_an_empty_reply)
{
	struct vty_frame frame = make_frame();
	size_t used = 0;

	assert_int_equal(vty_frame_feed(&frame, "\0\0\0\0", 4, &used), 1);
	assert_int_equal(used, 4);
	assert_int_equal(frame.len, 0);
	vty_frame_fini(&frame);
}

TEST(vty_frame, does_not_care_where_the_stream_is_cut)
{
	static const char bytes[] = "abc\0\0\0\2";
	const size_t len = 7;

	for (size_t first = 0; first <= len; first++) {
		for (size_t second = first; second <= len; second++) {
			const size_t cuts[] = { 0, first, second, len };
			struct vty_frame frame = make_frame();
			int r = 0;

			for (unsigned i = 0; i < 3; i++) {
				size_t used = 0;

				if (r == 1)
					break;
				r = vty_frame_feed(&frame, bytes + cuts[i], cuts[i + 1] - cuts[i],
						   &used);
				assert_int_equal(used, cuts[i + 1] - cuts[i]);
			}
			assert_int_equal(r, 1);
			assert_string_equal(frame.text, "abc");
			assert_int_equal(frame.status, 2);
			vty_frame_fini(&frame);
		}
	}
}

TEST(vty_frame, stops_behind_the_status)
{
	struct vty_frame frame = make_frame();
	size_t used = 0;

	assert_int_equal(vty_frame_feed(&frame, "a\0\0\0\0b", 6, &used), 1);
	assert_int_equal(used, 5);
	vty_frame_fini(&frame);
}

TEST(vty_frame, refuses_a_broken_trailer)
{
	static const char *const bad[] = { "a\0b", "a\0\0b", "\0b" };
	static const size_t lens[] = { 3, 4, 2 };

	for (unsigned i = 0; i < 3; i++) {
		struct vty_frame frame = make_frame();
		size_t used;

		assert_int_equal(vty_frame_feed(&frame, bad[i], lens[i], &used), -EPROTO);
		vty_frame_fini(&frame);
	}
}

TEST(vty_frame, refuses_a_status_that_frr_does_not_have)
{
	struct vty_frame frame = make_frame();
	size_t used;

	assert_int_equal(vty_frame_feed(&frame, "a\0\0\0\x20", 5, &used), -EPROTO);
	vty_frame_fini(&frame);
}

TEST(vty_frame, bounds_the_text)
{
	struct vty_frame frame = make_frame();
	char text[65];
	size_t used;

	memset(text, 'x', sizeof(text));
	assert_int_equal(vty_frame_feed(&frame, text, 64, &used), 0);
	assert_int_equal(vty_frame_feed(&frame, text, 1, &used), -EMSGSIZE);
	vty_frame_fini(&frame);
}

TEST(vty_frame, can_be_used_again)
{
	struct vty_frame frame = make_frame();
	size_t used;

	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(vty_frame_feed(&frame, "abc\0\0\0\1", 7, &used), 1);
		assert_string_equal(frame.text, "abc");
		vty_frame_reset(&frame);
	}
	vty_frame_fini(&frame);
}

TEST(vty_frame, knows_what_can_be_sent)
{
	char line[VTY_COMMAND_MAX + 2];

	memset(line, 'x', sizeof(line));
	line[VTY_COMMAND_MAX] = '\0';
	assert_true(vty_command_is_sendable(line));
	line[VTY_COMMAND_MAX] = 'x';
	line[VTY_COMMAND_MAX + 1] = '\0';
	assert_false(vty_command_is_sendable(line));
	assert_false(vty_command_is_sendable(""));
	assert_false(vty_command_is_sendable("network 10.0.0.1/32\nno router bgp 1"));
}

RUN_TESTS(T(vty_frame, takes_a_whole_reply), T(vty_frame, takes_an_empty_reply),
	  T(vty_frame, does_not_care_where_the_stream_is_cut),
	  T(vty_frame, stops_behind_the_status), T(vty_frame, refuses_a_broken_trailer),
	  T(vty_frame, refuses_a_status_that_frr_does_not_have), T(vty_frame, bounds_the_text),
	  T(vty_frame, can_be_used_again), T(vty_frame, knows_what_can_be_sent))
