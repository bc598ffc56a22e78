/* SPDX-License-Identifier: Apache-2.0 */
/* The client against daemons that are silent, foreign, slow or gone. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/ctl/client.h"
#include "src/ctl/ctl.h"
#include "tests/lib/test.h"

/* A daemon of one connection: reads a line, writes this, closes. NULL: accepts nobody. */
struct daemon {
	char path[64];
	pid_t pid;
};

static void serve_once(int fd, const char *text, size_t len)
{
	int client = accept(fd, NULL, NULL);
	char byte = 0;

	while (byte != '\n' && read(client, &byte, 1) == 1)
		continue;
	while (len > 0) {
		ssize_t n = send(client, text, len, MSG_NOSIGNAL);

		if (n <= 0)
			break;
		text += n;
		len -= (size_t)n;
	}
	_exit(0);
}

static void daemon_start(struct daemon *daemon, const char *text, size_t len)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(daemon->path, sizeof(daemon->path), "/tmp/shoal-client-%d.sock", getpid());
	memcpy(address.sun_path, daemon->path, strlen(daemon->path) + 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	daemon->pid = fork();
	if (daemon->pid == 0) {
		if (text)
			serve_once(fd, text, len);
		pause();
		_exit(0);
	}
	close(fd);
}

static void daemon_stop(struct daemon *daemon)
{
	kill(daemon->pid, SIGKILL);
	waitpid(daemon->pid, NULL, 0);
	unlink(daemon->path);
}

static unsigned progress_seen;

static void on_progress(const char *line, void *arg)
{
	progress_seen++;
	assert_string_equal(line, arg);
}

/* Ask a daemon that answers with this; *ret may be NULL. */
static int ask(const char *text, size_t len, json_t **ret, struct err *err)
{
	static char half[] = "half";
	/* One that answers has all the time that a busy machine takes for it. */
	const struct client_question question = { .command = "status",
						  .patience_us = text ? 60 * USEC_PER_SEC
								      : 200 * USEC_PER_MSEC,
						  .progress = on_progress,
						  .arg = half };
	struct client *client = NULL;
	struct daemon daemon;
	json_t *answer = NULL;
	int r;

	daemon_start(&daemon, text, len);
	assert_int_equal(client_open(daemon.path, &client, err), 0);
	r = client_ask(client, &question, &answer, err);
	client_close(client);
	daemon_stop(&daemon);
	if (ret)
		*ret = answer;
	else
		json_decref(answer);
	return r;
}

#define ASK(text, ret, err) ask((text), strlen(text), (ret), (err))

TEST(client, gives_up_on_a_silent_daemon)
{
	struct err err;

	assert_int_equal(ask(NULL, 0, NULL, &err), -ETIMEDOUT);
	assert_string_equal(err.text, "shoald does not answer");
}

TEST(client, says_when_the_daemon_goes_away)
{
	struct err err;

	assert_int_equal(ASK("", NULL, &err), -ECONNRESET);
	assert_int_equal(ASK("{\"v\":1,\"ok\":true", NULL, &err), -ECONNRESET);
	assert_string_equal(err.text, "shoald closed the connection");
}

TEST(client, refuses_a_foreign_protocol)
{
	struct err err;

	assert_int_equal(ASK("220 smtp ready\r\n", NULL, &err), -EPROTO);
	assert_int_equal(ASK("[1]\n", NULL, &err), -EPROTO);
}

TEST(client, hands_on_progress_and_takes_the_answer)
{
	json_t *answer;
	struct err err;

	progress_seen = 0;
	assert_int_equal(ASK("{\"v\":1,\"progress\":\"half\"}\n{\"v\":1,\"progress\":\"half\"}\n"
			     "{\"v\":1,\"ok\":true,\"result\":7}\n",
			     &answer, &err),
			 0);
	assert_int_equal(progress_seen, 2);
	assert_int_equal(json_integer_value(json_object_get(answer, "result")), 7);
	json_decref(answer);
}

TEST(client, takes_large_answers_up_to_a_limit)
{
	static const char head[] = "{\"result\":\"", tail[] = "\"}\n";
	size_t len = 5 * 1024 * 1024, huge = 9 * 1024 * 1024;
	char *text = malloc(huge);
	json_t *answer;
	struct err err;

	memset(text, 'x', huge);
	memcpy(text, head, sizeof(head) - 1);
	memcpy(text + len - (sizeof(tail) - 1), tail, sizeof(tail) - 1);
	assert_int_equal(ask(text, len, &answer, &err), 0);
	json_decref(answer);
	memset(text, 'x', huge);
	assert_int_equal(ask(text, huge, NULL, &err), -EPROTO);
	assert_string_equal(err.text, "the answer is longer than 8 MiB");
	free(text);
}

TEST(client, names_what_keeps_it_from_connecting)
{
	struct client *client;
	char path[256];
	struct err err;

	assert_int_equal(client_open("/nonexistent/read.sock", &client, &err), -ENOENT);
	assert_string_equal(err.text, "socket '/nonexistent/read.sock': No such file or directory");
	memset(path, 'p', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(client_open(path, &client, &err), -ENAMETOOLONG);
}

TEST(client, does_not_send_more_than_a_line_may_hold)
{
	struct client_question question = { .command = "why" };
	char *text = malloc(CTL_LINE_MAX + 1);
	struct client *client = NULL;
	struct daemon daemon;
	json_t *answer;
	struct err err;

	memset(text, 'x', CTL_LINE_MAX);
	text[CTL_LINE_MAX] = '\0';
	question.args = json_pack("{s:s}", "thing", text);
	daemon_start(&daemon, NULL, 0);
	assert_int_equal(client_open(daemon.path, &client, &err), 0);
	assert_int_equal(client_ask(client, &question, &answer, &err), -EMSGSIZE);
	client_close(client);
	daemon_stop(&daemon);
	json_decref(question.args);
	free(text);
}

RUN_TESTS(T(client, gives_up_on_a_silent_daemon), T(client, says_when_the_daemon_goes_away),
	  T(client, refuses_a_foreign_protocol), T(client, hands_on_progress_and_takes_the_answer),
	  T(client, takes_large_answers_up_to_a_limit),
	  T(client, names_what_keeps_it_from_connecting),
	  T(client, does_not_send_more_than_a_line_may_hold))
