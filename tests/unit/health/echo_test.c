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

static bool is_answer(const uint8_t *packet, size_t len, bool is_ipv4)
{
	struct echo_id got;

	return echo_read_answer(packet, len, is_ipv4, &got) && echo_is_same(&got, &mine);
}

static bool is_quoted(const uint8_t *packet, size_t len, bool is_ipv4)
{
	struct echo_id got;

	return echo_read_quoted(packet, len, is_ipv4, &got) && echo_is_about(&got, &mine);
}

TEST(echo, an_answer_returns_id_number_and_token)
{
	uint8_t packet[128];
	size_t len = make_answer(packet, 20, 0);

	assert_true(is_answer(packet, len, true));
	assert_true(is_answer(packet, make_answer(packet, 60, 0), true));
	assert_true(is_answer(packet, make_answer(packet, 0, 129), false));
	/* Every bit of it counts, but for the checksum, which the kernel has looked at. */
	for (size_t i = 20; i < 36; i++) {
		len = make_answer(packet, 20, 0);
		packet[i] ^= 1;
		assert_int_equal(is_answer(packet, len, true), i == 22 || i == 23);
	}
}

TEST(echo, what_is_short_or_no_answer_is_none)
{
	uint8_t packet[128];
	size_t len = make_answer(packet, 20, 0);

	for (size_t n = 0; n < len; n++)
		assert_false(is_answer(packet, n, true));
	for (size_t n = 0; n < ECHO_MIN_LEN; n++)
		assert_false(is_answer(packet + 20, n, false));
	assert_false(is_answer(packet, make_answer(packet, 20, 8), true));
	assert_false(is_answer(packet, make_answer(packet, 0, 128), false));
	len = make_answer(packet, 20, 0);
	packet[0] = 0x44; /* a header shorter than any */
	assert_false(is_answer(packet, len, true));
	packet[0] = 0x4f; /* a header longer than the packet */
	assert_false(is_answer(packet, len, true));
}

TEST(echo, an_error_quotes_the_question)
{
	uint8_t packet[64];

	make_answer(packet, 0, 8);
	assert_true(is_quoted(packet, ECHO_HEADER_LEN, true));
	assert_false(is_quoted(packet, ECHO_HEADER_LEN - 1, true));
	assert_false(is_quoted(packet, ECHO_HEADER_LEN, false));
	packet[7] ^= 1;
	assert_false(is_quoted(packet, ECHO_HEADER_LEN, true));
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
