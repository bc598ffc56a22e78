/* SPDX-License-Identifier: Apache-2.0 */
/* Shares expected and seen: what is told of them, and by what. */
#include "src/cli/balance.h"

#include <stdio.h>
#include <string.h>

#include "src/cli/render.h"
#include "tests/lib/test.h"

/* Two reals with half the slots each, and what was counted for them. */
static json_t *answer(uint64_t at_s, uint64_t a, uint64_t b, const char *hash)
{
	return json_pack(
		"{s:[{s:s, s:b, s:i, s:s, s:I, s:[{s:s, s:s}],"
		" s:[{s:s, s:s, s:s, s:s, s:i, s:i, s:I}, {s:s, s:s, s:s, s:s, s:i, s:i, s:I}]"
		"}], s:[]}",
		"pools", "pool", "web", "has_ring", 1, "unsteady", 0, "override", "none", "at_us",
		(json_int_t)at_s * 1000000, "services", "service", "www:443/tcp", "hash", hash,
		"reals", "name", "a", "address", "10.0.0.1", "state", "up", "life", "takes",
		"share_percent", 100, "slots", 32769, "packets", (json_int_t)a, "name", "b",
		"address", "10.0.0.2", "state", "up", "life", "takes", "share_percent", 100,
		"slots", 32768, "packets", (json_int_t)b, "cpus");
}

static json_t *judged(json_t *before, json_t *after)
{
	json_t *result = balance_judge(before, after);

	json_decref(before);
	json_decref(after);
	return result;
}

static json_t *real(const json_t *result, size_t i)
{
	const json_t *pool = json_array_get(json_object_get(result, "pools"), 0);

	return json_array_get(json_object_get(pool, "reals"), i);
}

TEST(balance, what_chance_makes_is_well)
{
	json_t *result = judged(answer(1, 5, 5, "5-tuple"), answer(3, 5205, 4805, "5-tuple"));

	assert_string_equal(get_text(real(result, 0), "verdict"), "ok");
	assert_string_equal(get_text(real(result, 1), "verdict"), "ok");
	assert_true(get_real(real(result, 0), "pps") == 2600);
	assert_true(get_real(real(result, 0), "seen_percent") == 52);
	json_decref(result);
}

TEST(balance, a_skew_is_told_with_what_explains_it)
{
	json_t *result = judged(answer(1, 0, 0, "source-ip"), answer(2, 9000, 1000, "source-ip"));
	const json_t *reasons = json_object_get(real(result, 0), "reasons");

	assert_string_equal(get_text(real(result, 0), "verdict"), "hot");
	assert_string_equal(get_text(real(result, 1), "verdict"), "cold");
	assert_non_null(strstr(json_string_value(json_array_get(reasons, 0)), "source-ip"));
	json_decref(result);
}

TEST(balance, little_traffic_says_nothing)
{
	json_t *result = judged(answer(1, 0, 0, "5-tuple"), answer(2, 60, 2, "5-tuple"));

	assert_string_equal(get_text(real(result, 0), "verdict"), "few");
	json_decref(result);
}

/* A counter that is less than before began anew with its real. */
TEST(balance, a_counter_that_began_anew_is_no_skew)
{
	json_t *result = judged(answer(1, 900000, 0, "5-tuple"), answer(2, 1000, 1000, "5-tuple"));

	assert_string_equal(get_text(real(result, 0), "verdict"), "ok");
	json_decref(result);
}

static void hex(const uint8_t *bytes, size_t n, char *text)
{
	for (size_t i = 0; i < n; i++)
		sprintf(text + 2 * i, "%02x", bytes[i]);
}

TEST(balance, sources_are_read_behind_tags_and_never_beyond_the_head)
{
	uint8_t frame[64] = { [12] = 0x81, [16] = 0x08, [18] = 0x45, [30] = 198, 51, 100, 7 };
	uint8_t frame6[64] = { [12] = 0x86, 0xdd, [22] = 0x20, 0x01, 0x0d, 0xb8, [37] = 9 };
	json_t *sources = json_object();
	char text[129];

	hex(frame, 64, text);
	balance_count_source(sources, text);
	hex(frame6, 64, text);
	balance_count_source(sources, text);
	for (size_t n = 0; n < 60; n++) {
		text[n] = '\0';
		balance_count_source(sources, text);
		text[n] = '0';
	}
	assert_int_equal(json_integer_value(json_object_get(sources, "198.51.100.7")), 1);
	assert_int_equal(json_integer_value(json_object_get(sources, "2001:db8::9")), 1);
	json_decref(sources);
}

TEST(balance, a_heavy_source_is_named)
{
	json_t *sources =
		json_pack("{s:i, s:i, s:i}", "192.0.2.1", 62, "192.0.2.2", 19, "192.0.2.3", 19);
	json_t *hot = json_pack("{s:s, s:[]}", "real", "web3", "reasons");

	balance_blame_sources(hot, sources);
	assert_string_equal(json_string_value(json_array_get(json_object_get(hot, "reasons"), 0)),
			    "62% of its packets are from 192.0.2.1 (of 3 sources)");
	json_decref(sources);
	json_decref(hot);
}

RUN_TESTS(T(balance, what_chance_makes_is_well), T(balance, a_skew_is_told_with_what_explains_it),
	  T(balance, little_traffic_says_nothing), T(balance, a_counter_that_began_anew_is_no_skew),
	  T(balance, sources_are_read_behind_tags_and_never_beyond_the_head),
	  T(balance, a_heavy_source_is_named))
