/* SPDX-License-Identifier: Apache-2.0 */
#include "health/vital.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "health/dial.h"
#include "health/echo.h"

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

static void start_echo(struct vital *vital)
{
	const struct dial_options to = { .addr = vital->options.addr };
	const struct echo_id id = echo_id_new();
	enum probe_reason reason;
	const char *step;
	int r = echo_open(&to, false, &reason, &step);

	if (r >= 0) {
		vital->echo_fd = r;
		r = echo_send(r, addr_is_ipv4(&to.addr), &id, ECHO_MIN_LEN);
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
