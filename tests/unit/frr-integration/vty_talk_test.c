/* SPDX-License-Identifier: Apache-2.0 */
/* The waiting vty client against daemons that answer right, wrong, half and not at all. */
#include "frr-integration/vty_talk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/base/auto.h"
#include "tests/lib/test.h"

static char path[64];
static pid_t child;

/* A daemon that takes one connection and has a reply for each command, then closes. */
static void serve(int listener, const char *const *replies, const size_t *lens)
{
	char command[4096];
	int fd = accept(listener, NULL, NULL);

	for (size_t i = 0; replies[i]; i++) {
		if (read(fd, command, sizeof(command)) <= 0)
			break;
		if (write(fd, replies[i], lens[i]) < 0)
			break;
	}
	close(fd);
}

static void start_daemon(const char *const *replies, const size_t *lens)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(path, sizeof(path), "/tmp/shoal-vty-talk.%d", getpid());
	unlink(path);
	strcpy(sun.sun_path, path);
	assert_int_equal(bind(listener, (const struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(listen(listener, 1), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		serve(listener, replies, lens);
		_exit(0);
	}
	close(listener);
}

static void stop_daemon(void)
{
	waitpid(child, NULL, 0);
	unlink(path);
}

#define OK     "\0\0\0\0"
#define OK_LEN 4

TEST(vty_talk, asks_in_order_and_gives_the_status)
{
	static const char *const replies[] = { OK, "hello\0\0\0\0", "bad\0\0\0\2", NULL };
	static const size_t lens[] = { OK_LEN, 9, 7 };
	AUTO(freep) char *first = NULL;
	AUTO(freep) char *second = NULL;
	struct vty_talk talk;
	struct err err;

	start_daemon(replies, lens);
	assert_int_equal(vty_talk_open(path, &talk, &err), 0);
	assert_int_equal(vty_talk_ask(&talk, "show version", &first, &err), VTY_SUCCESS);
	assert_string_equal(first, "hello");
	assert_int_equal(vty_talk_ask(&talk, "nonsense", &second, &err), VTY_NO_MATCH);
	assert_string_equal(second, "bad");
	vty_talk_close(&talk);
	stop_daemon();
}

TEST(vty_talk, ends_at_half_a_reply_and_at_garbage)
{
	static const char *const replies[2][3] = { { OK, "half", NULL },
						   { OK, "x\0garbage", NULL } };
	static const size_t lens[2][2] = { { OK_LEN, 4 }, { OK_LEN, 9 } };
	static const int codes[2] = { -ECONNRESET, -EPROTO };

	for (size_t i = 0; i < 2; i++) {
		char *text = NULL;
		struct vty_talk talk;
		struct err err;

		start_daemon(replies[i], lens[i]);
		assert_int_equal(vty_talk_open(path, &talk, &err), 0);
		assert_int_equal(vty_talk_ask(&talk, "show version", &text, &err), codes[i]);
		assert_null(text);
		assert_int_equal(vty_talk_ask(&talk, "show version", &text, &err), -ENOTCONN);
		vty_talk_close(&talk);
		stop_daemon();
	}
}

TEST(vty_talk, says_why_nobody_answers)
{
	struct vty_talk talk;
	struct err err;

	assert_int_equal(vty_talk_open("/nonexistent/bgpd.vty", &talk, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nonexistent/bgpd.vty"));
}

RUN_TESTS(T(vty_talk, asks_in_order_and_gives_the_status),
	  T(vty_talk, ends_at_half_a_reply_and_at_garbage), T(vty_talk, says_why_nobody_answers))
