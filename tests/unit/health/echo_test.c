/* SPDX-License-Identifier: Apache-2.0 */
/* Which packet answers which echo request. */
#include <string.h>

#include "health/echo.h"
#include "tests/lib/test.h"

static const struct echo_id mine = { 0x1122, 0x3344, 0x5566778899aabbccULL };

/* An answer as a raw socket gives it, with an IPv4 header of `header` bytes. */
static size_t make_answer(uint8_t *packet, size_t header, uint8_t type)
{
	memset(packet, 0, header + ECHO_MIN_LEN);
	if (header > 0)
		packet[0] = (uint8_t)(0x40 | header / 4);
	packet[header] = type;
	memcpy(packet + header + 4, &mine.id, 2);
	memcpy(packet + header + 6, &mine.seq, 2);
	memcpy(packet + header + 8, &mine.token, 8);
	return header + ECHO_MIN_LEN;
}

TEST(echo, an_answer_returns_id_number_and_token)
{
	uint8_t packet[128];
	size_t len = make_answer(packet, 20, 0);

	assert_true(echo_is_answer(packet, len, true, &mine));
	assert_true(echo_is_answer(packet, make_answer(packet, 60, 0), true, &mine));
	assert_true(echo_is_answer(packet, make_answer(packet, 0, 129), false, &mine));
	/* Every bit of it counts, but for the checksum, which the kernel has looked at. */
	for (size_t i = 20; i < 36; i++) {
		len = make_answer(packet, 20, 0);
		packet[i] ^= 1;
		assert_int_equal(echo_is_answer(packet, len, true, &mine), i == 22 || i == 23);
	}
}

TEST(echo, what_is_short_or_no_answer_is_none)
{
	uint8_t packet[128];
	size_t len = make_answer(packet, 20, 0);

	for (size_t n = 0; n < len; n++)
		assert_false(echo_is_answer(packet, n, true, &mine));
	for (size_t n = 0; n < ECHO_MIN_LEN; n++)
		assert_false(echo_is_answer(packet + 20, n, false, &mine));
	assert_false(echo_is_answer(packet, make_answer(packet, 20, 8), true, &mine));
	assert_false(echo_is_answer(packet, make_answer(packet, 0, 128), false, &mine));
	len = make_answer(packet, 20, 0);
	packet[0] = 0x44; /* a header shorter than any */
	assert_false(echo_is_answer(packet, len, true, &mine));
	packet[0] = 0x4f; /* a header longer than the packet */
	assert_false(echo_is_answer(packet, len, true, &mine));
}

TEST(echo, an_error_quotes_the_question)
{
	uint8_t packet[64];

	make_answer(packet, 0, 8);
	assert_true(echo_is_quoted(packet, ECHO_HEADER_LEN, true, &mine));
	assert_false(echo_is_quoted(packet, ECHO_HEADER_LEN - 1, true, &mine));
	assert_false(echo_is_quoted(packet, ECHO_HEADER_LEN, false, &mine));
	packet[7] ^= 1;
	assert_false(echo_is_quoted(packet, ECHO_HEADER_LEN, true, &mine));
}

TEST(echo, no_two_questions_are_alike)
{
	struct echo_id last = echo_id_new();

	for (int i = 0; i < 70000; i++) {
		struct echo_id id = echo_id_new();

		assert_true(id.id != last.id || id.seq != last.seq);
		last = id;
	}
}

static const struct CMUnitTest tests[] = {
	T(echo, an_answer_returns_id_number_and_token),
	T(echo, what_is_short_or_no_answer_is_none),
	T(echo, an_error_quotes_the_question),
	T(echo, no_two_questions_are_alike),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
