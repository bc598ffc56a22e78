/* SPDX-License-Identifier: Apache-2.0 */
/* When a full-size packet counts as lost; and, with raw sockets, asking this host itself. */
#include <event2/event.h>
#include <unistd.h>

#include "health/mtu.h"
#include "tests/lib/test.h"

static struct mtu_record record_of(const char *heard)
{
	struct mtu_record record = { 0 };

	for (; *heard; heard++)
		mtu_record_add(&record, *heard == 'w'   ? MTU_HEARD_WHOLE
					: *heard == 's' ? MTU_HEARD_SMALL
					: *heard == '-' ? MTU_HEARD_NOTHING
							: MTU_NOT_ASKED);
	return record;
}

TEST(mtu, is_lost_when_only_small_ones_come_back_twice)
{
	static const struct {
		const char *heard;
		bool is_lost, is_undecided;
	} rows[] = {
		{ "", false, false },     { "w", false, false },   { "s", false, true },
		{ "ss", true, true },     { "sw", false, false },  { "sws", false, true },
		{ "ssw", false, false },  { "--", false, false },  { "-", false, true },
		{ "s-s", true, true },    { "s--s", false, true }, { "ss-", true, true },
		{ "ss--", false, false }, /* no echo at all any more */
		{ "s?s", true, true },    { "ss??", true, true },  { "????", false, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mtu_record record = record_of(rows[i].heard);

		assert_int_equal(mtu_is_lost(&record), rows[i].is_lost);
		assert_int_equal(mtu_is_undecided(&record), rows[i].is_undecided);
	}
}

struct asked {
	struct event_base *base;
	enum mtu_heard heard;
	int error;
};

static void on_done(void *arg, enum mtu_heard heard, int error)
{
	struct asked *asked = arg;

	asked->heard = heard;
	asked->error = error;
	event_base_loopbreak(asked->base);
}

static struct asked ask(const char *address, uint32_t bytes)
{
	struct dial_options dial = { .port = 80 };
	struct asked asked = { .base = event_base_new() };
	const struct mtu_options options = { .dial = &dial,
					     .packet_bytes = bytes,
					     .timeout_us = 5 * USEC_PER_SEC,
					     .done = on_done,
					     .arg = &asked };

	assert_int_equal(addr_parse(address, &dial.addr), 0);
	assert_non_null(mtu_start(asked.base, &options));
	event_base_dispatch(asked.base);
	event_base_free(asked.base);
	return asked;
}

TEST(mtu, of_this_host_itself)
{
	if (geteuid() != 0)
		skip();
	assert_int_equal(ask("127.0.0.1", 1480).heard, MTU_HEARD_WHOLE);
	assert_int_equal(ask("::1", 1460).heard, MTU_HEARD_WHOLE);
}

static const struct CMUnitTest tests[] = {
	T(mtu, is_lost_when_only_small_ones_come_back_twice),
	T(mtu, of_this_host_itself),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
