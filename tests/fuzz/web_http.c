/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of a client to shoal-web's server as it runs, through a real socket; shoald is not there.
 * Whatever comes, each answer begins as HTTP does, and the connection ends.
 */
#include <event2/event.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "src/base/log.h"
#include "src/web/cache.h"
#include "src/web/link.h"
#include "src/web/server.h"
#include "tests/fuzz/fuzz.h"

static struct event_base *base;
static struct server *server;
static struct sockaddr_un address = { .sun_family = AF_UNIX };

static void on_life(bool is_up, void *arg)
{
	(void)is_up;
	(void)arg;
}

static int listen_somewhere(void)
{
	socklen_t len = sizeof(address);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	/* An empty name: the kernel gives an abstract one. */
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(sa_family_t)) < 0 ||
	    listen(fd, 8) < 0 || getsockname(fd, (struct sockaddr *)&address, &len) < 0)
		abort();
	return fd;
}

static void start(void)
{
	struct link_options link = { .path = "/nonexistent/web.sock", .life = on_life };
	struct server_options options = { 0 };
	struct err err;

	log_init("fuzz", LOG_LEVEL_ERR);
	base = event_base_new();
	options.base = link.base = base;
	if (link_new(&link, &options.link, &err) < 0)
		abort();
	options.cache = cache_new(base, options.link);
	if (server_new(&options, &server, &err) < 0 ||
	    server_listen_fd(server, listen_somewhere(), &err) < 0)
		abort();
}

/* What the server sends until it ends the connection; streams are ended by us. */
static void read_answers(int fd)
{
	char buf[65536];
	bool is_first = true;

	for (int turn = 0; turn < 64; turn++) {
		ssize_t n;

		event_base_loop(base, EVLOOP_NONBLOCK);
		n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (n == 0)
			return;
		if (n > 0 && is_first && (n < 9 || memcmp(buf, "HTTP/", 5) != 0))
			abort();
		if (n > 0)
			is_first = false;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd;

	if (!base)
		start();
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(fd, (struct sockaddr *)&address, (socklen_t)(sizeof(sa_family_t) + 6)) < 0)
		abort();
	if (size > 100000)
		size = 100000; /* as much as the socket holds */
	if (send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && size > 0)
		abort();
	shutdown(fd, SHUT_WR);
	read_answers(fd);
	close(fd);
	event_base_loop(base, EVLOOP_NONBLOCK);
	if (server_counts(server)->connections > 8)
		event_base_loop(base, EVLOOP_ONCE);
	return 0;
}
