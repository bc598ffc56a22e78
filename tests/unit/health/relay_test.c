/* SPDX-License-Identifier: Apache-2.0 */
/* What passes through a relay, and what the library hears of the end. */
#include "health/relay.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "src/base/usec.h"
#include "tests/lib/test.h"

#define DEADLINE (10 * USEC_PER_SEC)

/* A stranger, the relay, and the library's end. */
struct line {
	struct event_base *base;
	struct relay *relay;
	int stranger, library;
};

/* A TCP connection on loopback. */
static void connect_pair(int ret[2])
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(listener, (const struct sockaddr *)&sin, len), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&sin, &len), 0);
	ret[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(ret[0], (const struct sockaddr *)&sin, len), 0);
	ret[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(ret[1] >= 0);
	close(listener);
}

static int connect_library(const char *name)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memcpy(sun.sun_path + 1, name, strlen(name));
	assert_int_equal(
		connect(fd, (const struct sockaddr *)&sun,
			(socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name))),
		0);
	return fd;
}

static void line_init(struct line *line)
{
	char name[RELAY_NAME_MAX];
	int pair[2];

	connect_pair(pair);
	line->base = event_base_new();
	line->stranger = pair[1];
	line->relay = relay_start(line->base, pair[0], name);
	assert_non_null(line->relay);
	line->library = connect_library(name);
}

static void line_fini(struct line *line)
{
	relay_stop(line->relay);
	close(line->library);
	event_base_free(line->base);
}

/* What the library reads within the deadline: bytes, 0 at the end. */
static ssize_t read_some(struct line *line, char *bytes, size_t size)
{
	usec_t give_up = usec_now() + DEADLINE;
	ssize_t n;

	do {
		event_base_loop(line->base, EVLOOP_NONBLOCK);
		n = recv(line->library, bytes, size, 0);
	} while (n < 0 && usec_now() < give_up);
	return n;
}

static void reset_by(int fd)
{
	const struct linger reset = { 1, 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(fd);
}

static void run_for(struct line *line, usec_t us)
{
	struct timeval tv = { .tv_usec = (suseconds_t)us };

	event_base_loopexit(line->base, &tv);
	event_base_dispatch(line->base);
}

TEST(relay, names_a_reset_behind_all_that_came_before_it)
{
	struct line line;
	char bytes[16];

	line_init(&line);
	assert_int_equal(send(line.stranger, "garbage", 7, 0), 7);
	reset_by(line.stranger);
	run_for(&line, 100 * USEC_PER_MSEC);
	assert_true(relay_has_received(line.relay));
	assert_int_equal(relay_error(line.relay), 0); /* the library may end it by what it reads */
	assert_int_equal(read_some(&line, bytes, sizeof(bytes)), 7);
	assert_int_equal(read_some(&line, bytes, sizeof(bytes)), 0);
	assert_int_equal(relay_error(line.relay), ECONNRESET);
	line_fini(&line);
}

TEST(relay, an_end_in_order_is_no_error)
{
	struct line line;
	char bytes[16];

	line_init(&line);
	assert_int_equal(send(line.stranger, "bye", 3, 0), 3);
	close(line.stranger);
	assert_int_equal(read_some(&line, bytes, sizeof(bytes)), 3);
	assert_int_equal(read_some(&line, bytes, sizeof(bytes)), 0);
	assert_int_equal(relay_error(line.relay), 0);
	line_fini(&line);
}

RUN_TESTS(T(relay, names_a_reset_behind_all_that_came_before_it),
	  T(relay, an_end_in_order_is_no_error))
