/* SPDX-License-Identifier: Apache-2.0 */
#include "health/relay.h"

#include <errno.h>
#include <event2/event_struct.h>
#include <linux/sock_diag.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define RATION    8192        /* bytes a turn */
#define DRAIN_US  1000        /* from one look at what is unread to the next */
#define QUEUE_MAX (32 * 1024) /* of the socket pair, each way */
#define FAILED(n) ((n) < 0 && errno != EAGAIN && errno != EINTR)

/* One direction: either waits for bytes to read, or for room to write what is left of them. */
struct lane {
	struct relay *relay;
	int from, to;
	struct event readable, writable, drained;
	int failed;     /* the errno of `from`, until `to` has read what came before; 0: none */
	size_t at, len; /* what is left lies at bytes[at] */
	char bytes[RATION];
};

struct relay {
	struct event_base *base;
	int outer, inner, listener; /* -1: not yet, or no longer */
	struct event connected;
	struct lane in, out; /* seen from the library */
	size_t n_received;
	int error;
};

static void lane_end(struct lane *lane, int error)
{
	if (lane->relay->error == 0)
		lane->relay->error = error;
	event_del(&lane->readable);
	event_del(&lane->writable);
	shutdown(lane->to, SHUT_WR);
}

/* Whether the library has yet to read some of what was passed on to it. */
static bool has_unread(const struct relay *relay)
{
	uint32_t memory[SK_MEMINFO_VARS] = { 0 };
	socklen_t len = sizeof(memory);

	return getsockopt(relay->inner, SOL_SOCKET, SO_MEMINFO, memory, &len) == 0 &&
	       memory[SK_MEMINFO_WMEM_ALLOC] > 0;
}

/* The connection failed. What came before counts first: only when the library has read that, and
 * still wants more, the failure is what it ended with. */
static void on_drained(evutil_socket_t fd __attribute__((unused)),
		       short what __attribute__((unused)), void *arg)
{
	const struct timeval soon = { .tv_usec = DRAIN_US };
	struct lane *lane = arg;

	if (lane == &lane->relay->in && has_unread(lane->relay))
		event_add(&lane->drained, &soon);
	else
		lane_end(lane, lane->failed);
}

static void on_writable(evutil_socket_t fd, short what __attribute__((unused)), void *arg)
{
	struct lane *lane = arg;
	ssize_t n = send(fd, lane->bytes + lane->at, lane->len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (FAILED(n)) {
		lane_end(lane, errno);
		return;
	}
	lane->at += n > 0 ? (size_t)n : 0;
	lane->len -= n > 0 ? (size_t)n : 0;
	event_add(lane->len > 0 ? &lane->writable : &lane->readable, NULL);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct lane *lane = arg;
	struct relay *relay = lane->relay;
	ssize_t n = recv(fd, lane->bytes, sizeof(lane->bytes), MSG_DONTWAIT);

	if (n == 0) {
		lane_end(lane, 0);
		return;
	}
	if (FAILED(n)) {
		lane->failed = errno;
		on_drained(fd, what, lane);
		return;
	}
	if (n < 0) {
		event_add(&lane->readable, NULL);
		return;
	}
	if (lane == &relay->in)
		relay->n_received += (size_t)n;
	if (relay_is_flooded(relay)) {
		lane_end(lane, 0);
		return;
	}
	lane->at = 0;
	lane->len = (size_t)n;
	on_writable(lane->to, what, lane);
}

static void lane_start(struct lane *lane, struct event_base *base, int from, int to)
{
	lane->from = from;
	lane->to = to;
	event_assign(&lane->readable, base, from, EV_READ, on_readable, lane);
	event_assign(&lane->writable, base, to, EV_WRITE, on_writable, lane);
	evtimer_assign(&lane->drained, base, on_drained, lane);
	event_add(&lane->readable, NULL);
}

/* Only to this process: the name is for all to see. */
static bool is_our_own(int fd)
{
	struct ucred peer = { 0 };
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.pid == getpid();
}

static void on_connected(evutil_socket_t fd, short what __attribute__((unused)), void *arg)
{
	const int queue = QUEUE_MAX;
	struct relay *relay = arg;
	int inner = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (inner < 0 || !is_our_own(inner)) {
		if (inner >= 0)
			close(inner);
		event_add(&relay->connected, NULL);
		return;
	}
	setsockopt(inner, SOL_SOCKET, SO_SNDBUF, &queue, sizeof(queue));
	close(relay->listener);
	relay->listener = -1;
	relay->inner = inner;
	lane_start(&relay->in, relay->base, relay->outer, inner);
	lane_start(&relay->out, relay->base, inner, relay->outer);
}

/* A name that the kernel picks. */
static int listen_somewhere(char ret_name[RELAY_NAME_MAX])
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(sun);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (bind(fd, (const struct sockaddr *)&sun, sizeof(sun.sun_family)) < 0 ||
	    listen(fd, 4) < 0 || getsockname(fd, (struct sockaddr *)&sun, &len) < 0) {
		close(fd);
		return -1;
	}
	snprintf(ret_name, RELAY_NAME_MAX, "%.*s",
		 (int)(len - offsetof(struct sockaddr_un, sun_path)) - 1, sun.sun_path + 1);
	return fd;
}

struct relay *relay_start(struct event_base *base, int outer, char ret_name[RELAY_NAME_MAX])
{
	struct relay *relay = calloc(1, sizeof(*relay));
	int fd = relay ? listen_somewhere(ret_name) : -1;

	if (fd < 0) {
		free(relay);
		close(outer);
		return NULL;
	}
	relay->base = base;
	relay->outer = outer;
	relay->inner = -1;
	relay->listener = fd;
	relay->in.relay = relay->out.relay = relay;
	event_assign(&relay->connected, base, fd, EV_READ, on_connected, relay);
	event_add(&relay->connected, NULL);
	return relay;
}

static void lane_stop(struct lane *lane)
{
	event_del(&lane->readable);
	event_del(&lane->writable);
	event_del(&lane->drained);
}

void relay_stop(struct relay *relay)
{
	if (!relay)
		return;
	if (relay->listener >= 0) {
		event_del(&relay->connected);
		close(relay->listener);
	} else {
		lane_stop(&relay->in);
		lane_stop(&relay->out);
		close(relay->inner);
	}
	close(relay->outer);
	free(relay);
}

bool relay_is_flooded(const struct relay *relay)
{
	return relay->n_received > RELAY_MAX;
}

bool relay_has_received(const struct relay *relay)
{
	return relay->n_received > 0;
}

int relay_error(const struct relay *relay)
{
	return relay->error;
}
