/* SPDX-License-Identifier: Apache-2.0 */
/* The control sockets, spoken to byte by byte. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "src/base/log.h"
#include "src/ctl/ctl.h"
#include "tests/lib/test.h"
#include "tests/unit/ctl/server.h"

/* What the handlers below left for the test to look at. */
struct seen {
	struct ctl_request *parked;
	unsigned runs, gone;
	char owner[128];
};

static void run_echo(struct ctl_request *request, const json_t *args, void *context)
{
	struct seen *seen = context;

	seen->runs++;
	ctl_answer(request, json_deep_copy(args));
}

static void run_act(struct ctl_request *request, const json_t *args, void *context)
{
	struct seen *seen = context;

	(void)args;
	snprintf(seen->owner, sizeof(seen->owner), "%s", ctl_request_owner(request));
	ctl_progress(request, "half of %s", "it");
	ctl_answer(request, json_pack("{s:s}", "owner", ctl_request_owner(request)));
}

static void run_park(struct ctl_request *request, const json_t *args, void *context)
{
	struct seen *seen = context;

	(void)args;
	seen->parked = request;
}

static void parked_gone(void *arg)
{
	struct seen *seen = arg;

	seen->gone++;
	ctl_refuse(seen->parked, CTL_FAILED, "nobody hears this");
	seen->parked = NULL;
}

static void run_watch(struct ctl_request *request, const json_t *args, void *context)
{
	run_park(request, args, context);
	ctl_request_watch(request, parked_gone, context);
}

static void run_refuse(struct ctl_request *request, const json_t *args, void *context)
{
	(void)args;
	(void)context;
	ctl_refuse_with(request, CTL_REFUSED, json_pack("{s:i}", "left", 3), "not %s yet", "safe");
}

/* An answer of as many bytes as asked for. */
static void run_large(struct ctl_request *request, const json_t *args, void *context)
{
	size_t len = (size_t)json_integer_value(json_object_get(args, "bytes"));
	char *text = malloc(len + 1);

	(void)context;
	memset(text, 'x', len);
	text[len] = '\0';
	ctl_answer(request, json_pack("{s:s}", "text", text));
	free(text);
}

static const struct ctl_command commands[] = {
	{ .name = "echo", .run = run_echo },
	{ .name = "act", .is_admin = true, .run = run_act },
	{ .name = "park", .run = run_park },
	{ .name = "watch", .run = run_watch },
	{ .name = "refuse", .run = run_refuse },
	{ .name = "large", .run = run_large },
	{ .name = NULL },
};

/* Say one line on a fresh connection and compare the one answer. */
static void assert_answer(struct server *server, const char *path, const char *say,
			  const char *answer)
{
	int fd = server_connect(path);
	char *line;

	server_say(server, fd, say);
	line = server_line(server, fd);
	assert_non_null(line);
	assert_string_equal(line, answer);
	free(line);
	close(fd);
	server_turn(server);
}

static void assert_next_line(struct server *server, int fd, const char *expected)
{
	char *line = server_line(server, fd);

	assert_non_null(line);
	assert_string_equal(line, expected);
	free(line);
}

TEST(ctl, answers_a_request)
{
	struct seen seen = { 0 };
	struct server server;

	server_start(&server, commands, &seen);
	assert_answer(&server, server.read_path,
		      "{\"v\":1,\"command\":\"echo\",\"args\":{\"a\":1}}\n",
		      "{\"v\":1,\"ok\":true,\"result\":{\"a\":1}}");
	assert_answer(&server, server.read_path, "{\"v\":1,\"command\":\"echo\"}\r\n",
		      "{\"v\":1,\"ok\":true,\"result\":{}}");
	assert_answer(&server, server.read_path, "{\"v\":1,\"command\":\"refuse\"}\n",
		      "{\"v\":1,\"ok\":false,\"exit\":4,\"error\":\"not safe yet\","
		      "\"result\":{\"left\":3}}");
	server_stop(&server);
}

TEST(ctl, says_what_is_wrong_with_a_bad_line)
{
	static const struct {
		const char *say, *error;
	} rows[] = {
		{ "", "request: not JSON at byte 0" },
		{ "hello", "request: not JSON at byte 5" },
		{ "{\"v\":1,\"command\":\"echo\"", "request: not JSON at byte 23" },
		{ "{\"v\":1,\"v\":1,\"command\":\"echo\"}", "request: not JSON at byte 10" },
		{ "[]", "request: not a JSON object" },
		{ "{}", "request: \\\"v\\\" must be 1, the protocol version" },
		{ "{\"v\":1}", "request: \\\"command\\\" must be a string" },
		{ "{\"v\":1,\"command\":7}", "request: \\\"command\\\" must be a string" },
		{ "{\"v\":1,\"command\":\"echo\",\"args\":[]}",
		  "request: \\\"args\\\" must be an object" },
		{ "{\"v\":1,\"command\":\"ehco\"}",
		  "unknown command 'ehco', did you mean 'echo'?" },
		{ "{\"v\":1,\"command\":\"zzz\"}", "unknown command 'zzz'" },
	};
	struct seen seen = { 0 };
	struct server server;

	server_start(&server, commands, &seen);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char say[256], answer[512];

		snprintf(say, sizeof(say), "%s\n", rows[i].say);
		snprintf(answer, sizeof(answer),
			 "{\"v\":1,\"ok\":false,\"exit\":2,\"error\":\"%s\"}", rows[i].error);
		assert_answer(&server, server.read_path, say, answer);
	}
	assert_int_equal(seen.runs, 0);
	server_stop(&server);
}

TEST(ctl, names_both_versions_when_they_differ)
{
	struct seen seen = { 0 };
	struct server server;

	server_start(&server, commands, &seen);
	assert_answer(&server, server.read_path, "{\"v\":2,\"command\":\"echo\"}\n",
		      "{\"v\":1,\"ok\":false,\"exit\":2,\"error\":\"request: protocol version 2 is "
		      "not spoken here; shoald " SHOAL_VERSION " speaks version 1\"}");
	server_stop(&server);
}

TEST(ctl, keeps_changes_to_the_admin_socket)
{
	struct seen seen = { 0 };
	struct server server;
	int fd;

	server_start(&server, commands, &seen);
	assert_answer(&server, server.read_path, "{\"v\":1,\"command\":\"act\"}\n",
		      "{\"v\":1,\"ok\":false,\"exit\":5,\"error\":\"'act' changes things: it is "
		      "answered on admin.sock only\"}");
	assert_string_equal(seen.owner, "");
	fd = server_connect(server.admin_path);
	server_say(&server, fd, "{\"v\":1,\"command\":\"act\"}\n");
	assert_next_line(&server, fd, "{\"v\":1,\"progress\":\"half of it\"}");
	free(server_line(&server, fd));
	if (getuid() == 0)
		assert_string_equal(seen.owner, "root (uid 0)");
	assert_non_null(strstr(seen.owner, "uid "));
	close(fd);
	server_stop(&server);
}

TEST(ctl, answers_pipelined_requests_in_order)
{
	struct seen seen = { 0 };
	struct server server;
	char say[64 * 100], *end = say;
	int fd;

	server_start(&server, commands, &seen);
	fd = server_connect(server.read_path);
	for (int i = 0; i < 100; i++)
		end += sprintf(end, "{\"v\":1,\"command\":\"echo\",\"args\":{\"n\":%d}}\n", i);
	server_write(&server, fd, say, (size_t)(end - say));
	for (int i = 0; i < 100; i++) {
		char answer[64];

		snprintf(answer, sizeof(answer), "{\"v\":1,\"ok\":true,\"result\":{\"n\":%d}}", i);
		assert_next_line(&server, fd, answer);
	}
	close(fd);
	server_stop(&server);
}

TEST(ctl, holds_the_next_request_until_the_first_is_answered)
{
	struct seen seen = { 0 };
	struct server server;
	int fd;

	server_start(&server, commands, &seen);
	fd = server_connect(server.read_path);
	server_say(&server, fd, "{\"v\":1,\"command\":\"park\"}\n{\"v\":1,\"command\":\"echo\"}\n");
	assert_non_null(seen.parked);
	assert_int_equal(seen.runs, 0);
	ctl_answer(seen.parked, json_string("first"));
	assert_next_line(&server, fd, "{\"v\":1,\"ok\":true,\"result\":\"first\"}");
	assert_next_line(&server, fd, "{\"v\":1,\"ok\":true,\"result\":{}}");
	close(fd);
	server_stop(&server);
}

TEST(ctl, stops_reading_while_a_request_is_in_work)
{
	struct seen seen = { 0 };
	struct server server;
	char *text = malloc(4 * CTL_LINE_MAX);
	int fd;

	memset(text, '\n', 4 * CTL_LINE_MAX);
	server_start(&server, commands, &seen);
	fd = server_connect(server.read_path);
	server_say(&server, fd, "{\"v\":1,\"command\":\"park\"}\n");
	while (send(fd, text, 4 * CTL_LINE_MAX, MSG_NOSIGNAL) > 0)
		server_turn(&server); /* returns only if the loop comes to rest */
	assert_int_equal(errno, EAGAIN);
	ctl_answer(seen.parked, json_true());
	assert_next_line(&server, fd, "{\"v\":1,\"ok\":true,\"result\":true}");
	close(fd);
	free(text);
	server_stop(&server);
}

TEST(ctl, answers_a_client_that_closed_its_sending_side)
{
	struct seen seen = { 0 };
	struct server server;
	int fd;

	server_start(&server, commands, &seen);
	fd = server_connect(server.read_path);
	assert_true(send(fd, "{\"v\":1,\"command\":\"park\"}\n", 25, 0) == 25);
	shutdown(fd, SHUT_WR);
	server_turn(&server);
	assert_non_null(seen.parked);
	assert_true(ctl_request_is_alive(seen.parked));
	ctl_answer(seen.parked, json_true());
	assert_next_line(&server, fd, "{\"v\":1,\"ok\":true,\"result\":true}");
	assert_true(server_has_closed(&server, fd));
	close(fd);
	server_stop(&server);
}

TEST(ctl, lets_a_request_outlive_its_client)
{
	struct seen seen = { 0 };
	struct server server;
	int fd;

	server_start(&server, commands, &seen);
	fd = server_connect(server.read_path);
	server_say(&server, fd, "{\"v\":1,\"command\":\"park\"}\n");
	close(fd);
	server_turn(&server);
	assert_false(ctl_request_is_alive(seen.parked));
	ctl_progress(seen.parked, "to nobody");
	ctl_answer(seen.parked, json_true());
	server_stop(&server);
}

TEST(ctl, tells_the_handler_when_the_client_leaves_or_the_server_ends)
{
	struct seen seen = { 0 };
	struct server server;
	int fd;

	server_start(&server, commands, &seen);
	fd = server_connect(server.read_path);
	server_say(&server, fd, "{\"v\":1,\"command\":\"watch\"}\n");
	close(fd);
	server_turn(&server);
	assert_int_equal(seen.gone, 1);
	fd = server_connect(server.read_path);
	server_say(&server, fd, "{\"v\":1,\"command\":\"watch\"}\n");
	assert_non_null(seen.parked);
	server_stop(&server);
	assert_int_equal(seen.gone, 2);
	close(fd);
}

TEST(ctl, refuses_a_line_that_is_too_long_and_closes)
{
	struct seen seen = { 0 };
	struct server server;
	char *text = malloc(2 * CTL_LINE_MAX);
	int fd;

	memset(text, ' ', 2 * CTL_LINE_MAX);
	server_start(&server, commands, &seen);
	fd = server_connect(server.read_path);
	server_write(&server, fd, text, CTL_LINE_MAX + 2);
	assert_next_line(&server, fd,
			 "{\"v\":1,\"ok\":false,\"exit\":2,\"error\":"
			 "\"request: the line is longer than 64 KiB\"}");
	assert_true(server_has_closed(&server, fd));
	close(fd);
	free(text);
	server_stop(&server);
}

TEST(ctl, takes_a_line_of_exactly_the_limit)
{
	static const char head[] = "{\"v\":1,\"command\":\"echo\"";
	struct seen seen = { 0 };
	struct server server;
	char *text = malloc(CTL_LINE_MAX + 1);
	int fd;

	memset(text, ' ', CTL_LINE_MAX);
	memcpy(text, head, sizeof(head) - 1);
	text[CTL_LINE_MAX - 1] = '}';
	text[CTL_LINE_MAX] = '\n';
	server_start(&server, commands, &seen);
	fd = server_connect(server.read_path);
	server_write(&server, fd, text, CTL_LINE_MAX + 1);
	assert_next_line(&server, fd, "{\"v\":1,\"ok\":true,\"result\":{}}");
	close(fd);
	free(text);
	server_stop(&server);
}

TEST(ctl, refuses_an_answer_beyond_the_limit)
{
	struct seen seen = { 0 };
	struct server server;

	server_start(&server, commands, &seen);
	assert_answer(
		&server, server.read_path,
		"{\"v\":1,\"command\":\"large\",\"args\":{\"bytes\":5000000}}\n",
		"{\"v\":1,\"ok\":false,\"exit\":1,\"error\":\"the answer would be larger than "
		"4 MiB; name what to show\"}");
	server_stop(&server);
}

TEST(ctl, lets_a_slow_reader_wait_without_running_ahead)
{
	static const char say[] = "{\"v\":1,\"command\":\"large\",\"args\":{\"bytes\":1000000}}\n"
				  "{\"v\":1,\"command\":\"large\",\"args\":{\"bytes\":1000000}}\n"
				  "{\"v\":1,\"command\":\"echo\"}\n";
	struct seen seen = { 0 };
	struct server server;
	char *line;
	int fd;

	server_start(&server, commands, &seen);
	fd = server_connect(server.read_path);
	server_say(&server, fd, say);
	assert_int_equal(seen.runs, 0);
	for (int i = 0; i < 2; i++) {
		line = server_line(&server, fd);
		assert_non_null(line);
		assert_true(strlen(line) > 1000000);
		free(line);
	}
	assert_next_line(&server, fd, "{\"v\":1,\"ok\":true,\"result\":{}}");
	assert_int_equal(seen.runs, 1);
	close(fd);
	server_stop(&server);
}

TEST(ctl, drops_a_client_that_lets_progress_pile_up)
{
	struct seen seen = { 0 };
	struct server server;
	char text[900];
	int fd;

	memset(text, 'p', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	server_start(&server, commands, &seen);
	fd = server_connect(server.read_path);
	server_say(&server, fd, "{\"v\":1,\"command\":\"watch\"}\n");
	for (int i = 0; i < 10000 && seen.gone == 0; i++) {
		ctl_progress(seen.parked, "%s", text);
		server_turn(&server);
	}
	assert_int_equal(seen.gone, 1);
	close(fd);
	server_stop(&server);
}

TEST(ctl, keeps_room_for_admins_when_readers_fill_their_socket)
{
	struct seen seen = { 0 };
	struct server server;
	int fds[CTL_READERS_MAX], extra, admin;

	server_start(&server, commands, &seen);
	for (int i = 0; i < CTL_READERS_MAX; i++) {
		fds[i] = server_connect(server.read_path);
		server_turn(&server);
	}
	extra = server_connect(server.read_path);
	assert_next_line(&server, extra,
			 "{\"v\":1,\"ok\":false,\"exit\":1,\"error\":\"too many clients are "
			 "connected, or shoald is short of descriptors; try again\"}");
	admin = server_connect(server.admin_path);
	server_say(&server, admin, "{\"v\":1,\"command\":\"echo\"}\n");
	assert_next_line(&server, admin, "{\"v\":1,\"ok\":true,\"result\":{}}");
	close(fds[0]);
	server_turn(&server);
	close(extra);
	extra = server_connect(server.read_path);
	server_say(&server, extra, "{\"v\":1,\"command\":\"echo\"}\n");
	assert_next_line(&server, extra, "{\"v\":1,\"ok\":true,\"result\":{}}");
	for (int i = 1; i < CTL_READERS_MAX; i++)
		close(fds[i]);
	close(extra);
	close(admin);
	server_stop(&server);
}

TEST(ctl, makes_socket_files_for_owner_and_group_only)
{
	struct seen seen = { 0 };
	struct server server;
	struct stat st;

	server_start(&server, commands, &seen);
	assert_int_equal(stat(server.read_path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	assert_int_equal(stat(server.admin_path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	server_stop(&server);
}

/* A second server on the paths of the first. */
static int start_again(struct server *server, const char *group, struct err *err)
{
	struct ctl *ctl = NULL;
	const struct ctl_options options = {
		.read_path = server->read_path,
		.admin_path = server->admin_path,
		.read_group = group,
		.commands = commands,
	};
	int r = ctl_new(server->base, &options, &ctl, err);

	ctl_free(ctl);
	return r;
}

TEST(ctl, never_takes_the_socket_of_a_live_daemon)
{
	struct seen seen = { 0 };
	struct server server;
	struct err err;

	server_start(&server, commands, &seen);
	assert_int_equal(start_again(&server, NULL, &err), -EADDRINUSE);
	assert_non_null(strstr(err.text, "another shoald answers there"));
	assert_answer(&server, server.read_path, "{\"v\":1,\"command\":\"echo\"}\n",
		      "{\"v\":1,\"ok\":true,\"result\":{}}");
	server_stop(&server);
}

/* A socket file nobody listens on, as a killed daemon leaves it. */
static void leave_stale_socket(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, path, strlen(path) + 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
}

TEST(ctl, replaces_a_stale_socket_and_nothing_else)
{
	struct seen seen = { 0 };
	struct server server;
	struct err err;
	int fd;

	server_start(&server, commands, &seen);
	ctl_free(server.ctl);
	server.ctl = NULL;
	leave_stale_socket(server.read_path);
	assert_int_equal(start_again(&server, NULL, &err), 0);

	fd = open(server.read_path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(fd);
	assert_int_equal(start_again(&server, NULL, &err), -ENOTSOCK);
	assert_int_equal(access(server.read_path, F_OK), 0);
	unlink(server.read_path);
	server_stop(&server);
}

TEST(ctl, names_an_unknown_group_and_leaves_nothing)
{
	struct seen seen = { 0 };
	struct server server;
	struct err err;

	server_start(&server, commands, &seen);
	ctl_free(server.ctl);
	server.ctl = NULL;
	assert_int_equal(start_again(&server, "no-such-group-here", &err), -ENOENT);
	assert_non_null(strstr(err.text, "group 'no-such-group-here' does not exist"));
	assert_int_equal(access(server.read_path, F_OK), -1);
	server_stop(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(ctl, answers_a_request),
		T(ctl, says_what_is_wrong_with_a_bad_line),
		T(ctl, names_both_versions_when_they_differ),
		T(ctl, keeps_changes_to_the_admin_socket),
		T(ctl, answers_pipelined_requests_in_order),
		T(ctl, holds_the_next_request_until_the_first_is_answered),
		T(ctl, stops_reading_while_a_request_is_in_work),
		T(ctl, answers_a_client_that_closed_its_sending_side),
		T(ctl, lets_a_request_outlive_its_client),
		T(ctl, tells_the_handler_when_the_client_leaves_or_the_server_ends),
		T(ctl, refuses_a_line_that_is_too_long_and_closes),
		T(ctl, takes_a_line_of_exactly_the_limit),
		T(ctl, refuses_an_answer_beyond_the_limit),
		T(ctl, lets_a_slow_reader_wait_without_running_ahead),
		T(ctl, drops_a_client_that_lets_progress_pile_up),
		T(ctl, keeps_room_for_admins_when_readers_fill_their_socket),
		T(ctl, makes_socket_files_for_owner_and_group_only),
		T(ctl, never_takes_the_socket_of_a_live_daemon),
		T(ctl, replaces_a_stale_socket_and_nothing_else),
		T(ctl, names_an_unknown_group_and_leaves_nothing),
	};

	log_init("ctl-test", LOG_LEVEL_ERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
