/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/health/servers.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lib/test.h"

struct client {
	struct client *next;
	struct server *server;
	int fd;
	struct event *readable, *pulse;
	enum behaviour behaviour; /* when it connected */
	size_t n_sent;
	bool has_answered;
};

static const char slow_answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

static const char *answer_of(enum behaviour behaviour)
{
	switch (behaviour) {
	case SERVER_OK:
		return "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
	case SERVER_NO_CONTENT:
		return "HTTP/1.1 204 No Content\r\n\r\n";
	case SERVER_UNAVAILABLE:
		return "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 100\r\n\r\nwait";
	case SERVER_REDIRECTS:
		return "HTTP/1.1 301 Moved\r\nLocation: http://elsewhere.invalid/\r\n"
		       "Content-Length: 0\r\n\r\n";
	case SERVER_CONTINUES:
		return "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
		       "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	case SERVER_GARBAGE:
		return "220 mail.example.net ESMTP at your service\r\n";
	case SERVER_BINARY:
		return "\x15\x03\x01\x1b[31m\x07\xff\xfe\x80 not text\r\n\r\n";
	case SERVER_CUTS_SHORT:
		return "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nten bytes.";
	case SERVER_GZIP:
		return "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nbomb";
	case SERVER_BAD_CHUNKS:
		return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyzzy\r\nplugh\r\n";
	case SERVER_ENDLESS_BODY:
		return "HTTP/1.1 200 OK\r\n\r\n";
	case SERVER_ENDLESS_HEADERS:
		return "HTTP/1.1 200 OK\r\n";
	case SERVER_ENDLESS_LINE:
		return "HTTP/1.1 200 OK\r\nX-Long: ";
	case SERVER_ACCEPTS:
	case SERVER_REFUSES:
	case SERVER_IS_FULL:
	case SERVER_SLOW:
	case SERVER_CLOSES:
	case SERVER_RESETS:
	case SERVER_CANNED:
		break;
	}
	return "";
}

static void client_close(struct client *client, bool reset)
{
	const struct linger linger = { 1, 0 };
	struct client **place = &client->server->clients;

	while (*place != client)
		place = &(*place)->next;
	*place = client->next;
	if (reset)
		setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	event_free(client->readable);
	if (client->pulse)
		event_free(client->pulse);
	close(client->fd);
	free(client);
}

/* Go on and on, as fast or as slowly as the behaviour says; ends when the other side has enough. */
static void on_pulse(evutil_socket_t fd, short what __attribute__((unused)), void *arg)
{
	struct client *client = arg;
	char flood[4096];
	ssize_t n = 0;

	memset(flood, 'a', sizeof(flood));
	if (client->behaviour == SERVER_SLOW) {
		if (client->n_sent < sizeof(slow_answer) - 1)
			n = send(fd, &slow_answer[client->n_sent++], 1, MSG_NOSIGNAL);
	} else if (client->behaviour == SERVER_CANNED) {
		n = send(fd, client->server->flood, client->server->flood_len,
			 MSG_NOSIGNAL | MSG_DONTWAIT);
	} else {
		for (size_t i = 0;
		     client->behaviour == SERVER_ENDLESS_HEADERS && i + 32 <= sizeof(flood);
		     i += 32)
			memcpy(flood + i, "X-Header: aaaaaaaaaaaaaaaaaaaa\r\n", 32);
		n = send(fd, flood, sizeof(flood), MSG_NOSIGNAL | MSG_DONTWAIT);
	}
	if (n < 0)
		client_close(client, true);
}

static void start_pulse(struct client *client)
{
	bool is_slow = client->behaviour == SERVER_SLOW;
	struct timeval tv = { .tv_usec = is_slow ? 20000 : 1000 };

	if (client->pulse)
		return;
	client->pulse = event_new(client->server->base, client->fd,
				  is_slow ? EV_PERSIST : EV_PERSIST | EV_WRITE, on_pulse, client);
	event_add(client->pulse, is_slow ? &tv : NULL);
}

static bool goes_on(enum behaviour behaviour)
{
	return behaviour == SERVER_ENDLESS_BODY || behaviour == SERVER_ENDLESS_HEADERS ||
	       behaviour == SERVER_ENDLESS_LINE || behaviour == SERVER_SLOW;
}

static bool breaks_off(enum behaviour behaviour)
{
	return behaviour == SERVER_CUTS_SHORT || behaviour == SERVER_GARBAGE ||
	       behaviour == SERVER_BINARY;
}

static void respond_canned(struct client *client)
{
	const struct server *server = client->server;

	if (!client->has_answered)
		send(client->fd, server->canned, server->canned_len, MSG_NOSIGNAL);
	client->has_answered = true;
	if (server->flood_len > 0)
		start_pulse(client);
	if (server->resets)
		client_close(client, true);
}

static void respond(struct client *client)
{
	const char *answer = answer_of(client->behaviour);

	if (client->behaviour == SERVER_CANNED) {
		respond_canned(client); /* which may be the end of it */
		return;
	}
	if (client->behaviour == SERVER_ACCEPTS)
		return;
	if (client->behaviour == SERVER_RESETS || client->behaviour == SERVER_CLOSES) {
		client_close(client, client->behaviour == SERVER_RESETS);
		return;
	}
	send(client->fd, answer, strlen(answer), MSG_NOSIGNAL);
	if (goes_on(client->behaviour))
		start_pulse(client);
	else if (breaks_off(client->behaviour))
		client_close(client, false);
	/* else the prober closes */
}

static void on_readable(evutil_socket_t fd, short what __attribute__((unused)), void *arg)
{
	struct client *client = arg;
	struct server *server = client->server;
	ssize_t n = recv(fd, server->last_request, sizeof(server->last_request) - 1, MSG_DONTWAIT);

	if (n <= 0) {
		client_close(client, false);
		return;
	}
	server->last_request[n] = '\0';
	respond(client);
}

static void on_acceptable(evutil_socket_t fd, short what __attribute__((unused)), void *arg)
{
	struct server *server = arg;
	int peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct client *client;

	if (peer < 0)
		return;
	server->n_accepted++;
	client = calloc(1, sizeof(*client));
	client->server = server;
	client->fd = peer;
	client->behaviour = server->behaviour;
	client->next = server->clients;
	server->clients = client;
	client->readable = event_new(server->base, peer, EV_READ | EV_PERSIST, on_readable, client);
	event_add(client->readable, NULL);
}

/* A bound socket on a free port of 127.0.0.1 below the range that connect() picks from. */
static int bind_somewhere(uint16_t *ret_port)
{
	static uint16_t next;
	struct sockaddr_in sin = { .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (next == 0)
		next = (uint16_t)(12000 + getpid() % 12000);
	do {
		sin.sin_port = htons(next++);
	} while (bind(fd, (const struct sockaddr *)&sin, sizeof(sin)) < 0);
	*ret_port = ntohs(sin.sin_port);
	return fd;
}

/* Fill the accept queue; from then on the kernel drops every SYN. */
static void fill(struct server *server)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				   .sin_port = htons(server->port) };

	for (size_t i = 0; i < sizeof(server->fillers) / sizeof(server->fillers[0]); i++) {
		server->fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		connect(server->fillers[i], (const struct sockaddr *)&sin, sizeof(sin));
	}
}

void server_start(struct server *server, struct event_base *base, enum behaviour behaviour)
{
	memset(server, 0, sizeof(*server));
	server->base = base;
	server->behaviour = behaviour;
	server->fd = bind_somewhere(&server->port);
	if (behaviour == SERVER_REFUSES)
		return;
	assert_int_equal(listen(server->fd, behaviour == SERVER_IS_FULL ? 0 : 64), 0);
	if (behaviour == SERVER_IS_FULL) {
		fill(server);
		return;
	}
	server->acceptable =
		event_new(base, server->fd, EV_READ | EV_PERSIST, on_acceptable, server);
	event_add(server->acceptable, NULL);
}

void server_can(struct server *server, const void *bytes, size_t len)
{
	server->behaviour = SERVER_CANNED;
	server->canned = bytes;
	server->canned_len = len;
}

void server_flood(struct server *server, const void *bytes, size_t len)
{
	server->flood = bytes;
	server->flood_len = len;
}

void server_stop(struct server *server)
{
	for (size_t i = 0; i < sizeof(server->fillers) / sizeof(server->fillers[0]); i++)
		if (server->fillers[i] > 0)
			close(server->fillers[i]);
	while (server->clients)
		client_close(server->clients, false);
	if (server->acceptable)
		event_free(server->acceptable);
	close(server->fd);
}
