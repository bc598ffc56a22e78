/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/health_servers.h"

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SWEEP_NS 1000000
#define BACKLOG  4096
#define EVENTS   512

/* What an epoll event is about; its index or descriptor is in the lower half of the tag. */
enum { LISTENER, CONNECTION, COMMAND };

struct command {
	uint32_t index;
	enum servers_command what;
};

/* The child's own. */
struct child {
	int epoll, command_fd;
	int *listeners; /* by real; -1: closed */
	uint32_t n;
	uint16_t port;
	enum servers_answer answer;
};

static const char response[] = "HTTP/1.1 200 OK\r\n"
			       "Server: bench\r\n"
			       "Content-Type: text/plain\r\n"
			       "Content-Length: 3\r\n"
			       "\r\n"
			       "ok\n";

static void fail(const char *what)
{
	fprintf(stderr, "health: servers: %s: %s\n", what, strerror(errno));
	exit(1);
}

struct addr servers_addr(uint32_t index)
{
	uint32_t host = index + 1; /* 127.1.0.1 and on */
	uint8_t raw[4] = { 127, (uint8_t)(1 + (host >> 16)), (uint8_t)(host >> 8), (uint8_t)host };

	return addr_from_raw(AF_INET, raw);
}

static struct sockaddr_in address_of(uint32_t index, uint16_t port)
{
	struct sockaddr_in ret = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct addr addr = servers_addr(index);
	size_t len;

	memcpy(&ret.sin_addr, addr_raw(&addr, &len), sizeof(ret.sin_addr));
	return ret;
}

/* ---- the child: listening ---- */

static void watch(const struct child *c, int fd, uint64_t what, uint32_t index)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = what << 32 | index };

	if (epoll_ctl(c->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		fail("epoll");
}

/* Port 0 of the first one is any, which the others then take, too. */
static void listen_at(struct child *c, uint32_t index)
{
	struct sockaddr_in sin = address_of(index, c->port);
	socklen_t len = sizeof(sin);
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, (const struct sockaddr *)&sin, len) < 0 || listen(fd, BACKLOG) < 0 ||
	    getsockname(fd, (struct sockaddr *)&sin, &len) < 0)
		fail("listen");
	c->port = ntohs(sin.sin_port);
	c->listeners[index] = fd;
	watch(c, fd, LISTENER, index);
}

static void refuse_at(struct child *c, uint32_t index)
{
	if (c->listeners[index] >= 0)
		close(c->listeners[index]);
	c->listeners[index] = -1;
}

/*
 * Room for no connection, and what little room there is taken by our own: the kernel drops every
 * further attempt without a word. The sockets that take the room stay open for good.
 */
static void fall_silent_at(struct child *c, uint32_t index)
{
	struct sockaddr_in to = address_of(index, c->port);

	epoll_ctl(c->epoll, EPOLL_CTL_DEL, c->listeners[index], NULL);
	listen(c->listeners[index], 0);
	for (int i = 0; i < 2; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

		if (fd < 0 || (connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0 &&
			       errno != EINPROGRESS))
			fail("connect");
	}
}

/* ---- the child: serving ---- */

/* One request is one packet, and one answer; the client closes. */
static void answer(int fd)
{
	char request[2048];
	ssize_t n = recv(fd, request, sizeof(request), 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0 || send(fd, response, sizeof(response) - 1, MSG_NOSIGNAL) < 0)
		close(fd);
}

static void accept_all(const struct child *c, int listener)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		if (c->answer == SERVERS_ACCEPT) {
			close(fd);
		} else {
			watch(c, fd, CONNECTION, (uint32_t)fd);
			answer(fd); /* the request may have come meanwhile */
		}
	}
}

static void obey(struct child *c)
{
	struct command command;
	usec_t done;

	if (recv(c->command_fd, &command, sizeof(command), 0) != sizeof(command))
		exit(0); /* the bench is gone */
	if (command.what == SERVERS_SILENT)
		fall_silent_at(c, command.index);
	else
		refuse_at(c, command.index);
	done = usec_now();
	if (send(c->command_fd, &done, sizeof(done), 0) < 0)
		fail("answer");
}

static void handle(struct child *c, uint64_t tag)
{
	uint32_t index = (uint32_t)tag;

	if (tag >> 32 == COMMAND)
		obey(c);
	else if (tag >> 32 == CONNECTION)
		answer((int)index);
	else if (c->listeners[index] >= 0)
		accept_all(c, c->listeners[index]);
}

static void sweep(struct child *c)
{
	struct epoll_event events[EVENTS];
	int n;

	do {
		n = epoll_wait(c->epoll, events, EVENTS, 0);
		for (int i = 0; i < n; i++)
			handle(c, events[i].data.u64);
	} while (n == EVENTS);
}

static void serve(struct child *c)
{
	const struct timespec pause = { .tv_nsec = SWEEP_NS };

	c->epoll = epoll_create1(EPOLL_CLOEXEC);
	c->listeners = calloc(c->n, sizeof(*c->listeners));
	if (c->epoll < 0 || !c->listeners)
		fail("start");
	for (uint32_t i = 0; i < c->n; i++)
		listen_at(c, i);
	watch(c, c->command_fd, COMMAND, 0);
	if (send(c->command_fd, &c->port, sizeof(c->port), 0) < 0)
		fail("answer");
	for (;;) {
		sweep(c);
		nanosleep(&pause, NULL);
	}
}

/* ---- the bench's side ---- */

void servers_start(struct servers *servers, uint32_t n, enum servers_answer answer)
{
	struct child child = { .n = n, .answer = answer };
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		fail("start");
	servers->pid = fork();
	if (servers->pid < 0)
		fail("start");
	if (servers->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(pair[0]);
		child.command_fd = pair[1];
		serve(&child);
	}
	close(pair[1]);
	servers->fd = pair[0];
	servers->n = n;
	if (recv(pair[0], &servers->port, sizeof(servers->port), 0) != sizeof(servers->port))
		fail("they did not start");
}

void servers_stop(struct servers *servers)
{
	close(servers->fd);
	kill(servers->pid, SIGKILL);
	waitpid(servers->pid, NULL, 0);
}

usec_t servers_switch(const struct servers *servers, uint32_t index, enum servers_command what)
{
	struct command command = { index, what };
	usec_t done = 0;

	if (send(servers->fd, &command, sizeof(command), 0) < 0 ||
	    recv(servers->fd, &done, sizeof(done), 0) != sizeof(done))
		fail("switch");
	return done;
}
