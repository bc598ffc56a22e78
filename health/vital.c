/* SPDX-License-Identifier: Apache-2.0 */
#include "health/vital.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "health/dial.h"
#include "src/base/auto.h"

struct vital {
	struct vital_options options;
	struct dial dial;
	struct event echo;
	struct event end; /* at the timeout, or as soon as there is nothing to wait for */
	int echo_fd;      /* -1: none could be sent */
	usec_t started;
	bool has_answered, is_unreachable;
	bool dial_is_over, echo_is_over;
	bool could_ask; /* both of them */
};

void vital_stop(struct vital *vital)
{
	if (!vital)
		return;
	dial_stop(&vital->dial);
	if (vital->echo_fd >= 0) {
		event_del(&vital->echo);
		close(vital->echo_fd);
	}
	event_del(&vital->end);
	free(vital);
}

/* ---- the end ---- */

static enum judge_heard what_was_heard(const struct vital *vital)
{
	if (vital->has_answered)
		return JUDGE_HEARD_ANSWER;
	return vital->is_unreachable ? JUDGE_HEARD_UNREACHABLE : JUDGE_HEARD_NOTHING;
}

/* Silence that is noticed long after its time may be this process standing still. */
static bool is_late(const struct vital *vital)
{
	return usec_now() - vital->started > vital->options.timeout_us * 3 / 2;
}

static void finish(struct vital *vital)
{
	struct vital_options options = vital->options;
	enum judge_heard heard = what_was_heard(vital);
	bool is_told = vital->has_answered || (vital->could_ask && !is_late(vital));

	vital_stop(vital);
	options.done(options.arg, is_told, heard);
}

static void on_end(evutil_socket_t fd __attribute__((unused)), short what __attribute__((unused)),
		   void *arg)
{
	finish(arg);
}

/* Never at once: it may be vital_start() that noticed. */
static void finish_if_over(struct vital *vital)
{
	if (vital->has_answered || (vital->dial_is_over && vital->echo_is_over))
		event_active(&vital->end, EV_TIMEOUT, 0);
}

static bool says_unreachable(int error)
{
	return error == EHOSTUNREACH || error == ENETUNREACH || error == EHOSTDOWN ||
	       error == ENETDOWN;
}

/* ---- the connection ---- */

static void note_dial(struct vital *vital, const struct dial_result *result)
{
	vital->dial_is_over = true;
	switch (judge_heard_in(result->reason)) {
	case JUDGE_HEARD_ANSWER:
		vital->has_answered = true;
		break;
	case JUDGE_HEARD_UNREACHABLE:
		vital->is_unreachable = true;
		break;
	case JUDGE_HEARD_NOTHING:
		vital->could_ask &= result->reason == PROBE_TIMEOUT;
		break;
	}
}

static void on_dialled(void *arg, const struct dial_result *result)
{
	struct vital *vital = arg;

	if (result->fd >= 0)
		close(result->fd);
	note_dial(vital, result);
	finish_if_over(vital);
}

/* ---- the echo ---- */

/* Only what the address itself sends arrives at a connected raw socket; errors about it by others
 * arrive as the socket's. */
static void read_echo(struct vital *vital)
{
	uint8_t packet[256];

	while (vital->echo_fd >= 0 && !vital->has_answered) {
		ssize_t n = recv(vital->echo_fd, packet, sizeof(packet), MSG_DONTWAIT);

		if (n >= 0)
			vital->has_answered = true;
		else if (says_unreachable(errno))
			vital->is_unreachable = vital->echo_is_over = true;
		else if (errno != EINTR)
			return;
	}
}

/* The packets that errors are about stay readable until somebody takes them. */
static void drop_errors(int fd)
{
	uint8_t packet[256], control[256];
	struct iovec part = { .iov_base = packet, .iov_len = sizeof(packet) };
	struct msghdr message;

	do {
		message = (struct msghdr){ .msg_iov = &part,
					   .msg_iovlen = 1,
					   .msg_control = control,
					   .msg_controllen = sizeof(control) };
	} while (recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) >= 0);
}

static void on_echo(evutil_socket_t fd, short what __attribute__((unused)), void *arg)
{
	struct vital *vital = arg;

	read_echo(vital);
	drop_errors(fd);
	finish_if_over(vital);
}

/* The one's complement sum of RFC 1071; ICMPv6 has its own made by the kernel. */
static uint16_t checksum(const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

/* Of ICMPv6 only what IPv4 would show, too: no neighbour discovery. */
static void filter_echoes(int fd)
{
	struct icmp6_filter filter;

	ICMP6_FILTER_SETBLOCKALL(&filter);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
	ICMP6_FILTER_SETPASS(ICMP6_DST_UNREACH, &filter);
	setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof(filter));
}

static int open_echo(const struct addr *addr)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	bool is_ipv4 = addr_is_ipv4(addr);
	AUTO(fd_closep) int fd = -1;
	size_t len;
	const uint8_t *raw = addr_raw(addr, &len);

	fd = socket(is_ipv4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
		    is_ipv4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	if (fd < 0)
		return -errno;
	memcpy(is_ipv4 ? (void *)&in.sin_addr : (void *)&in6.sin6_addr, raw, len);
	dial_hear_errors(fd, is_ipv4);
	if (!is_ipv4)
		filter_echoes(fd);
	if (connect(fd, is_ipv4 ? (void *)&in : (void *)&in6, is_ipv4 ? sizeof(in) : sizeof(in6)) <
	    0)
		return -errno;
	return fd_take(&fd);
}

static int send_echo(int fd, bool is_ipv4)
{
	struct icmphdr echo = { .type = is_ipv4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST };

	echo.un.echo.id = htons((uint16_t)getpid());
	if (is_ipv4)
		echo.checksum = checksum(&echo, sizeof(echo));
	return send(fd, &echo, sizeof(echo), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

static void start_echo(struct vital *vital)
{
	int r = open_echo(&vital->options.addr);

	if (r >= 0) {
		vital->echo_fd = r;
		r = send_echo(r, addr_is_ipv4(&vital->options.addr));
	}
	if (r >= 0)
		return;
	vital->echo_is_over = true;
	if (says_unreachable(-r))
		vital->is_unreachable = true;
	else
		vital->could_ask = false;
}

/* ---- the start ---- */

struct vital *vital_start(struct event_base *base, const struct vital_options *options)
{
	struct dial_options dial = { .addr = options->addr, .port = options->port };
	struct timeval tv = { .tv_sec = (time_t)(options->timeout_us / USEC_PER_SEC),
			      .tv_usec = (suseconds_t)(options->timeout_us % USEC_PER_SEC) };
	struct vital *vital = calloc(1, sizeof(*vital));

	if (!vital)
		return NULL;
	vital->options = *options;
	vital->started = usec_now();
	vital->echo_fd = -1;
	vital->could_ask = true;
	vital->dial = (struct dial){ .fd = -1, .done = on_dialled, .arg = vital };
	evtimer_assign(&vital->end, base, on_end, vital);
	start_echo(vital);
	if (vital->echo_fd >= 0)
		event_assign(&vital->echo, base, vital->echo_fd, EV_READ | EV_PERSIST, on_echo,
			     vital);
	if (event_add(&vital->end, &tv) < 0 ||
	    (vital->echo_fd >= 0 && event_add(&vital->echo, NULL) < 0)) {
		vital_stop(vital);
		return NULL;
	}
	if (options->port != 0)
		dial_start(&vital->dial, base, &dial);
	else
		vital->dial_is_over = true;
	finish_if_over(vital);
	return vital;
}
