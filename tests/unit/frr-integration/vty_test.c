/* SPDX-License-Identifier: Apache-2.0 */
/* The vty client against a server that answers, hangs, lies and goes. */
#include "frr-integration/vty.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/test.h"
#include "tests/unit/frr-integration/fake_bgpd.h"

#define SILENCE_US (150 * USEC_PER_MSEC)
#define PATIENCE   (5 * USEC_PER_SEC)

static struct {
	struct event_base *base;
	struct fake_bgpd *fake;
	struct vty *vty;
	unsigned ups, downs, replies;
	int reason;
	char sentence[256];
	char text[256];
	size_t len;
	uint8_t status;
	char order[64]; /* first letter of each command answered */
} t;

static void on_up(void *arg)
{
	(void)arg;
	t.ups++;
}

static void on_down(void *arg, int reason, const char *sentence)
{
	(void)arg;
	t.downs++;
	t.reason = reason;
	snprintf(t.sentence, sizeof(t.sentence), "%s", sentence);
}

static void on_reply(void *arg, const struct vty_reply *reply)
{
	(void)arg;
	t.replies++;
	t.status = reply->status;
	t.len = reply->len;
	snprintf(t.text, sizeof(t.text), "%s", reply->text);
	t.order[strlen(t.order)] = reply->command[0];
}

static bool is_up(void *arg)
{
	(void)arg;
	return vty_is_up(t.vty);
}

static bool is_down(void *arg)
{
	(void)arg;
	return t.downs > 0;
}

static bool has_replies(void *arg)
{
	return t.replies >= *(unsigned *)arg;
}

static bool never(void *arg)
{
	(void)arg;
	return false;
}

static void wait_replies(unsigned n)
{
	assert_true(run_until(t.base, has_replies, &n, PATIENCE));
}

static int start(void **state)
{
	const struct vty_callbacks callbacks = { .up = on_up, .down = on_down };
	char path[128];

	(void)state;
	memset(&t, 0, sizeof(t));
	t.base = event_base_new();
	t.fake = fake_bgpd_new(t.base);
	snprintf(path, sizeof(path), "%s/bgpd.vty", fake_bgpd_dir(t.fake));
	assert_int_equal(vty_new(t.base, path, SILENCE_US, &callbacks, &t.vty), 0);
	assert_true(run_until(t.base, is_up, NULL, PATIENCE));
	return 0;
}

static int end(void **state)
{
	(void)state;
	vty_free(t.vty);
	fake_bgpd_free(t.fake);
	event_base_free(t.base);
	return 0;
}

TEST(vty, answers_reach_their_commands_in_order)
{
	fake_bgpd_say(t.fake, "a", 0, "alpha\n");
	fake_bgpd_say(t.fake, "c", 13, "% no\n");
	assert_int_equal(vty_send(t.vty, on_reply, NULL, "a"), 0);
	assert_int_equal(vty_send(t.vty, on_reply, NULL, "b %d", 7), 0);
	assert_int_equal(vty_send(t.vty, on_reply, NULL, "c"), 0);
	assert_true(vty_is_busy(t.vty));
	wait_replies(3);
	assert_string_equal(t.order, "abc");
	assert_string_equal(fake_bgpd_command(t.fake, 1), "b 7");
	assert_string_equal(t.text, "% no\n");
	assert_int_equal(t.status, VTY_CONFIG_FAILED);
	assert_false(vty_is_busy(t.vty));
}

TEST(vty, one_command_is_in_flight)
{
	fake_bgpd_misbehave(t.fake, "a", FAKE_SILENT);
	vty_send(t.vty, on_reply, NULL, "a");
	vty_send(t.vty, on_reply, NULL, "b");
	assert_true(run_until(t.base, is_down, NULL, PATIENCE));
	assert_int_equal(fake_bgpd_asked(t.fake, "b"), 0);
}

TEST(vty, a_large_reply_arrives_whole)
{
	size_t len = 3U << 20;
	char *text = malloc(len + 1);

	assert_non_null(text);
	memset(text, 'r', len);
	text[len] = '\0';
	fake_bgpd_say(t.fake, "table", 0, text);
	vty_send(t.vty, on_reply, NULL, "table");
	wait_replies(1);
	assert_int_equal(t.len, len);
	free(text);
}

TEST(vty, silence_ends_the_connection)
{
	fake_bgpd_misbehave(t.fake, NULL, FAKE_SILENT);
	vty_send(t.vty, on_reply, NULL, "show version");
	assert_true(run_until(t.base, is_down, NULL, PATIENCE));
	assert_int_equal(t.reason, -ETIMEDOUT);
	assert_non_null(strstr(t.sentence, "no answer for 0.1 s to 'show version'"));
	assert_int_equal(t.replies, 0);
}

TEST(vty, half_a_reply_is_silence)
{
	fake_bgpd_misbehave(t.fake, NULL, FAKE_HALF);
	vty_send(t.vty, on_reply, NULL, "show version");
	assert_true(run_until(t.base, is_down, NULL, PATIENCE));
	assert_int_equal(t.reason, -ETIMEDOUT);
}

TEST(vty, an_idle_connection_stays)
{
	assert_false(run_until(t.base, never, NULL, 3 * SILENCE_US));
	assert_int_equal(t.downs, 0);
	assert_true(vty_is_up(t.vty));
}

TEST(vty, the_end_in_mid_command_drops_the_queue_and_comes_back)
{
	fake_bgpd_misbehave(t.fake, "a", FAKE_HANG_UP);
	vty_send(t.vty, on_reply, NULL, "a");
	vty_send(t.vty, on_reply, NULL, "b");
	assert_true(run_until(t.base, is_down, NULL, PATIENCE));
	assert_int_equal(t.reason, -ECONNRESET);
	assert_int_equal(t.replies, 0);
	assert_int_equal(vty_send(t.vty, on_reply, NULL, "c"), -ENOTCONN);
	assert_true(run_until(t.base, is_up, NULL, PATIENCE));
	assert_int_equal(vty_send(t.vty, on_reply, NULL, "d"), 0);
	wait_replies(1);
	assert_string_equal(t.order, "d");
}

TEST(vty, garbage_ends_the_connection)
{
	fake_bgpd_misbehave(t.fake, NULL, FAKE_GARBAGE);
	vty_send(t.vty, on_reply, NULL, "a");
	assert_true(run_until(t.base, is_down, NULL, PATIENCE));
	assert_int_equal(t.reason, -EPROTO);
}

TEST(vty, a_second_answer_ends_the_connection)
{
	fake_bgpd_misbehave(t.fake, NULL, FAKE_TWICE);
	vty_send(t.vty, on_reply, NULL, "a");
	assert_true(run_until(t.base, is_down, NULL, PATIENCE));
	assert_int_equal(t.reason, -EPROTO);
}

TEST(vty, a_restarted_daemon_is_found_at_once)
{
	usec_t began;

	fake_bgpd_stop(t.fake);
	assert_true(run_until(t.base, is_down, NULL, PATIENCE));
	assert_false(run_until(t.base, never, NULL, 2 * SILENCE_US));
	assert_non_null(strstr(t.sentence, "is bgpd running"));
	fake_bgpd_start(t.fake);
	began = usec_now();
	assert_true(run_until(t.base, is_up, NULL, PATIENCE));
	assert_true(usec_now() - began < 600 * USEC_PER_MSEC);
}

TEST(vty, failed_conversations_get_growing_pauses)
{
	usec_t began = usec_now();

	fake_bgpd_misbehave(t.fake, NULL, FAKE_GARBAGE);
	for (unsigned i = 0; i < 3; i++) {
		assert_true(run_until(t.base, is_up, NULL, PATIENCE));
		t.downs = 0;
		vty_send(t.vty, on_reply, NULL, "a");
		assert_true(run_until(t.base, is_down, NULL, PATIENCE));
	}
	assert_true(run_until(t.base, is_up, NULL, PATIENCE));
	/* 200 + 400 + 800 ms, less what the clock of the loop rounds away */
	assert_true(usec_now() - began > 1300 * USEC_PER_MSEC);
}

TEST(vty, refuses_what_is_no_line)
{
	assert_int_equal(vty_send(t.vty, on_reply, NULL, "a\nb"), -EINVAL);
	assert_int_equal(vty_send(t.vty, on_reply, NULL, "%s", ""), -EINVAL);
	assert_int_equal(vty_send(t.vty, on_reply, NULL, "%5000d", 1), -EINVAL);
	assert_false(vty_is_busy(t.vty));
}

static void on_cancelled(void *arg, const struct vty_reply *reply)
{
	(void)reply;
	++*(unsigned *)arg;
}

static bool is_cancelled(void *arg)
{
	return *(unsigned *)arg > 0;
}

TEST(vty, a_cancelled_command_is_answered_elsewhere)
{
	unsigned cancelled = 0;

	vty_send(t.vty, on_reply, NULL, "a");
	vty_send(t.vty, on_reply, NULL, "b");
	assert_true(vty_cancel(t.vty, on_cancelled, &cancelled));
	assert_true(run_until(t.base, is_cancelled, &cancelled, PATIENCE));
	assert_int_equal(t.replies, 0);
	assert_int_equal(fake_bgpd_asked(t.fake, "b"), 0);
	assert_false(vty_cancel(t.vty, on_cancelled, &cancelled));
}

static void drop_inside(void *arg, const struct vty_reply *reply)
{
	(void)arg;
	(void)reply;
	vty_drop(t.vty, -EPROTO, "not understood");
}

TEST(vty, may_be_dropped_inside_a_reply)
{
	vty_send(t.vty, drop_inside, NULL, "a");
	vty_send(t.vty, on_reply, NULL, "b");
	assert_true(run_until(t.base, is_down, NULL, PATIENCE));
	assert_string_equal(t.sentence, "not understood");
	assert_true(run_until(t.base, is_up, NULL, PATIENCE));
	assert_int_equal(t.replies, 0);
}

#define S(subject, behaviour) cmocka_unit_test_setup_teardown(subject##_##behaviour, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		S(vty, answers_reach_their_commands_in_order),
		S(vty, one_command_is_in_flight),
		S(vty, a_large_reply_arrives_whole),
		S(vty, silence_ends_the_connection),
		S(vty, half_a_reply_is_silence),
		S(vty, an_idle_connection_stays),
		S(vty, the_end_in_mid_command_drops_the_queue_and_comes_back),
		S(vty, garbage_ends_the_connection),
		S(vty, a_second_answer_ends_the_connection),
		S(vty, a_restarted_daemon_is_found_at_once),
		S(vty, failed_conversations_get_growing_pauses),
		S(vty, refuses_what_is_no_line),
		S(vty, a_cancelled_command_is_answered_elsewhere),
		S(vty, may_be_dropped_inside_a_reply),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
