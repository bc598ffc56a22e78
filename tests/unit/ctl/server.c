/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/ctl/server.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/lib/test.h"

#define TURNS_MAX 2000

void server_start(struct server *server, const struct ctl_command *commands, void *context)
{
	struct err err = { 0 };

	snprintf(server->dir, sizeof(server->dir), "/tmp/shoal-ctl-XXXXXX");
	assert_non_null(mkdtemp(server->dir));
	snprintf(server->read_path, sizeof(server->read_path), "%s/read.sock", server->dir);
	snprintf(server->admin_path, sizeof(server->admin_path), "%s/admin.sock", server->dir);
	server->base = event_base_new();
	const struct ctl_options options = {
		.read_path = server->read_path,
		.admin_path = server->admin_path,
		.commands = commands,
		.context = context,
	};
	if (ctl_new(server->base, &options, &server->ctl, &err) < 0)
		fail_msg("%s", err.text);
}

void server_stop(struct server *server)
{
	ctl_free(server->ctl);
	event_base_loop(server->base, EVLOOP_NONBLOCK);
	event_base_free(server->base);
	assert_int_equal(access(server->read_path, F_OK), -1);
	assert_int_equal(access(server->admin_path, F_OK), -1);
	rmdir(server->dir);
}

void server_turn(struct server *server)
{
	for (int i = 0; i < 8; i++)
		event_base_loop(server->base, EVLOOP_NONBLOCK);
}

int server_connect(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, path, strlen(path) + 1);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

void server_write(struct server *server, int fd, const char *data, size_t len)
{
	for (int i = 0; len > 0 && i < TURNS_MAX; i++) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n > 0) {
			data += n;
			len -= (size_t)n;
		} else if (errno != EAGAIN) {
			return; /* the server had enough */
		}
		server_turn(server);
	}
}

void server_say(struct server *server, int fd, const char *text)
{
	server_write(server, fd, text, strlen(text));
	server_turn(server);
}

char *server_line(struct server *server, int fd)
{
	size_t len = 0, size = 8 * 1024 * 1024;
	char *line = malloc(size);

	for (int i = 0; len < size - 1 && i < TURNS_MAX; i++) {
		ssize_t n = recv(fd, line + len, size - 1 - len, MSG_PEEK);
		char *end = n > 0 ? memchr(line + len, '\n', (size_t)n) : NULL;
		size_t take = end ? (size_t)(end - line) - len + 1 : (size_t)(n > 0 ? n : 0);

		if (take > 0)
			recv(fd, line + len, take, 0);
		len += take;
		if (end) {
			line[len - 1] = '\0';
			return line;
		}
		if (n == 0 || (n < 0 && errno != EAGAIN))
			break;
		server_turn(server);
	}
	free(line);
	return NULL;
}

bool server_has_closed(struct server *server, int fd)
{
	char byte;

	for (int i = 0; i < 50; i++) {
		ssize_t n = recv(fd, &byte, 1, MSG_PEEK);

		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return true;
		server_turn(server);
	}
	return false;
}
