/* SPDX-License-Identifier: Apache-2.0 */
/* Connections as the prober makes and ends them, to listeners of this process on loopback. */
#include "health/dial.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lib/test.h"

#define WAIT_MS 10000

struct call {
	struct dial dial;
	struct event_base *base;
	struct dial_result result;
	bool is_done;
};

static void on_done(void *arg, const struct dial_result *result)
{
	struct call *call = arg;

	call->result = *result;
	call->is_done = true;
	event_base_loopbreak(call->base);
}

static struct addr loopback(uint8_t last)
{
	const uint8_t raw[4] = { 127, 0, 0, last };

	return addr_from_raw(AF_INET, raw);
}

/* A listener at 127.0.0.1. */
static int listen_here(struct dial_options *ret_options)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&sin, len), 0);
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	*ret_options = (struct dial_options){ .addr = loopback(1), .port = ntohs(sin.sin_port) };
	return fd;
}

static struct dial_result dial_to(const struct dial_options *options)
{
	struct call call = { .base = event_base_new() };
	struct timeval limit = { .tv_sec = WAIT_MS / 1000 };

	call.dial = (struct dial){ .fd = -1, .done = on_done, .arg = &call };
	assert_non_null(call.base);
	dial_start(&call.dial, call.base, options);
	event_base_loopexit(call.base, &limit);
	if (!call.is_done)
		event_base_dispatch(call.base);
	assert_true(call.is_done);
	event_base_free(call.base);
	return call.result;
}

/* The other end of the connection, and the last byte of the address it comes from. */
static int accept_from(int listener, uint8_t last)
{
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	int fd = accept4(listener, (struct sockaddr *)&from, &len, SOCK_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ntohl(from.sin_addr.s_addr), 0x7f000000U | last);
	return fd;
}

static void assert_ends_by_reset(int fd)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	char byte;

	assert_int_equal(poll(&wait, 1, WAIT_MS), 1);
	assert_int_equal(recv(fd, &byte, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
	close(fd);
}

TEST(dial, ends_a_connection_by_reset)
{
	struct dial_options to;
	int listener = listen_here(&to), server;
	struct dial_result result = dial_to(&to);

	assert_int_equal(result.reason, PROBE_OK);
	server = accept_from(listener, 1);
	dial_hang_up(result.fd, &to);
	assert_ends_by_reset(server);
	result = dial_to(&to);
	server = accept_from(listener, 1);
	close(result.fd);
	assert_ends_by_reset(server);
	close(listener);
	dial_fini();
}

TEST(dial, connects_the_same_socket_again_elsewhere)
{
	struct dial_options to, elsewhere;
	int listener = listen_here(&to), other = listen_here(&elsewhere), server, fd;
	struct dial_result result = dial_to(&to);
	char byte = 'a';

	fd = result.fd;
	dial_hang_up(fd, &to);
	result = dial_to(&elsewhere);
	assert_int_equal(result.reason, PROBE_OK);
	assert_int_equal(result.fd, fd);
	server = accept_from(other, 1);
	assert_int_equal(send(fd, "b", 1, MSG_NOSIGNAL), 1);
	assert_int_equal(recv(server, &byte, 1, 0), 1);
	assert_int_equal(byte, 'b');
	close(server);
	close(fd);
	close(listener);
	close(other);
	dial_fini();
}

TEST(dial, keeps_sources_apart)
{
	struct dial_options to, from_two;
	int listener = listen_here(&to), fd;
	struct dial_result result;

	from_two = to;
	from_two.has_source = true;
	from_two.source = loopback(2);
	for (int i = 0; i < 3; i++) {
		result = dial_to(&from_two);
		assert_int_equal(result.reason, PROBE_OK);
		close(accept_from(listener, 2));
		dial_hang_up(result.fd, &from_two);
		fd = result.fd;
		result = dial_to(&to);
		assert_int_equal(result.reason, PROBE_OK);
		assert_int_not_equal(result.fd, fd);
		close(accept_from(listener, 1));
		dial_hang_up(result.fd, &to);
	}
	close(listener);
	dial_fini();
}

TEST(dial, is_refused_on_a_used_socket_as_on_a_new_one)
{
	struct dial_options to, nobody;
	int listener = listen_here(&to);
	struct dial_result result;

	close(listen_here(&nobody));
	result = dial_to(&nobody);
	assert_int_equal(result.reason, PROBE_REFUSED);
	result = dial_to(&to);
	dial_hang_up(result.fd, &to);
	result = dial_to(&nobody);
	assert_int_equal(result.reason, PROBE_REFUSED);
	result = dial_to(&to);
	assert_int_equal(result.reason, PROBE_OK);
	close(result.fd);
	close(listener);
	dial_fini();
}

static uint32_t mark_of(int fd)
{
	uint32_t mark = UINT32_MAX;
	socklen_t len = sizeof(mark);

	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_MARK, &mark, &len), 0);
	return mark;
}

/* The mark leads to the real: an old one would probe another. */
TEST(dial, marks_a_used_socket_anew)
{
	static const uint32_t marks[] = { 5, 6, 0, 5 };
	struct dial_options to;
	int listener = listen_here(&to);

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		struct dial_result result;

		to.mark = marks[i];
		result = dial_to(&to);
		if (i == 0 && result.error == EPERM) {
			close(listener);
			skip(); /* no CAP_NET_RAW */
		}
		assert_int_equal(result.reason, PROBE_OK);
		assert_int_equal(mark_of(result.fd), marks[i]);
		close(accept_from(listener, 1));
		dial_hang_up(result.fd, &to);
	}
	close(listener);
	dial_fini();
}

/* More than are kept, of one source, then of another: the new ones take the place of the old. */
TEST(dial, keeps_few_sockets_and_the_latest)
{
	struct dial_options to, from_two;
	int listener = listen_here(&to), fds[100];
	struct dial_result result;

	for (int i = 0; i < 100; i++) {
		fds[i] = dial_to(&to).fd;
		close(accept_from(listener, 1));
	}
	for (int i = 0; i < 100; i++)
		dial_hang_up(fds[i], &to);
	from_two = to;
	from_two.has_source = true;
	from_two.source = loopback(2);
	result = dial_to(&from_two);
	dial_hang_up(result.fd, &from_two);
	assert_int_equal(dial_to(&from_two).fd, result.fd);
	close(result.fd);
	close(listener);
	dial_fini();
	for (int i = 0; i < 100; i++)
		assert_int_equal(close(fds[i]), -1);
}

static void reset_by(int server)
{
	const struct linger reset = { 1, 0 };

	setsockopt(server, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(server);
}

static void await_end(int fd)
{
	struct pollfd wait = { .fd = fd, .events = POLLRDHUP };

	assert_int_equal(poll(&wait, 1, WAIT_MS), 1);
}

/* Whether the connection counts as reset after a server said "hi" and ended it so, and this many
 * calls read from it. */
static bool is_reset_after(int n_reads, void (*end)(int server))
{
	struct dial_options to;
	int listener = listen_here(&to), server;
	struct dial_result result = dial_to(&to);
	char bytes[8];
	bool is_reset;

	server = accept_from(listener, 1);
	assert_int_equal(send(server, "hi", 2, 0), 2);
	end(server);
	await_end(result.fd);
	for (int i = 0; i < n_reads; i++)
		recv(result.fd, bytes, sizeof(bytes), 0);
	is_reset = dial_is_reset(result.fd);
	close(result.fd);
	close(listener);
	return is_reset;
}

static void close_in_order(int server)
{
	close(server);
}

TEST(dial, tells_a_reset_that_was_met_from_what_came_before)
{
	assert_false(is_reset_after(0, reset_by));
	assert_false(is_reset_after(1, reset_by)); /* nobody has met it yet */
	assert_true(is_reset_after(2, reset_by));
	assert_false(is_reset_after(2, close_in_order));
}

RUN_TESTS(T(dial, ends_a_connection_by_reset), T(dial, connects_the_same_socket_again_elsewhere),
	  T(dial, keeps_sources_apart), T(dial, is_refused_on_a_used_socket_as_on_a_new_one),
	  T(dial, marks_a_used_socket_anew), T(dial, keeps_few_sockets_and_the_latest),
	  T(dial, tells_a_reset_that_was_met_from_what_came_before))
