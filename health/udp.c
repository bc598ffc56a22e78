/* SPDX-License-Identifier: Apache-2.0 */
/*
 * udp.c - the check that sends a datagram and looks at the first one that comes back.
 *
 * The socket is connected: the kernel gives it only what comes from the address and port that were
 * asked, and the errors that routers and the host itself send about this datagram. The first
 * answer decides, so a server that answers without end costs nothing.
 */
#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "health/check.h"
#include "health/quote.h"

#define ANSWER_MAX (16 * 1024)

struct udp_run {
	struct probe *probe;
	struct event readable;
	int fd;
};

static void run_close(struct udp_run *run)
{
	run->probe->run = NULL;
	event_del(&run->readable);
	close(run->fd);
	free(run);
}

static bool is_expected(const struct check_text *expect, const uint8_t *bytes, size_t n)
{
	return !expect || memmem(bytes, n, expect->bytes, expect->len) != NULL;
}

static void judge_answer(struct probe *probe, const uint8_t *bytes, size_t n)
{
	const struct check_text *expect = check_text(probe->spec, MESSAGE_TEXT_EXPECT);
	struct quote quote = quote_bytes(bytes, n);

	probe_step(probe, "received %zu bytes: %s", n, quote.text);
	probe_doing(probe, "judgement");
	if (is_expected(expect, bytes, n))
		probe_end(probe, PROBE_OK, "%s in %.1f ms", expect ? "expected answer" : "answer",
			  probe_msec(probe));
	else
		probe_end(probe, PROBE_UNEXPECTED, "another answer: %s", quote.text);
}

static void on_readable(evutil_socket_t fd, short what __attribute__((unused)), void *arg)
{
	struct udp_run *run = arg;
	struct probe *probe = run->probe;
	uint8_t bytes[ANSWER_MAX];
	ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	int error = n < 0 ? errno : 0;

	if (error == EAGAIN || error == EINTR)
		return;
	run_close(run);
	if (n < 0)
		probe_end(probe, dial_error_reason(error), "%s", strerror(error));
	else
		judge_answer(probe, bytes, (size_t)n);
}

static void udp_send(struct probe *probe, struct udp_run *run)
{
	const struct check_text *text = check_text(probe->spec, MESSAGE_TEXT_SEND);
	size_t len = text ? text->len : 0;
	int error;

	probe_doing(probe, "send");
	if (send(run->fd, text ? text->bytes : "", len, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) {
		probe_step(probe, "sent %zu bytes", len);
		probe_doing(probe, "answer");
		return;
	}
	error = errno;
	run_close(run);
	probe_end(probe, dial_local_reason(error, probe->spec->dial.mark != 0), "send: %s",
		  strerror(error));
}

static void udp_start(struct probe *probe, struct event_base *base)
{
	enum probe_reason reason;
	const char *step;
	int fd = dial_socket(&probe->spec->dial, SOCK_DGRAM, 0, true, &reason, &step);
	struct udp_run *run;

	probe_doing(probe, "socket");
	if (fd < 0) {
		probe_end(probe, reason, "%s: %s", step, strerror(-fd));
		return;
	}
	dial_hear_errors(fd, addr_is_ipv4(&probe->spec->dial.addr));
	run = calloc(1, sizeof(*run));
	if (!run ||
	    event_assign(&run->readable, base, fd, EV_READ | EV_PERSIST, on_readable, run) ||
	    event_add(&run->readable, NULL)) {
		free(run);
		close(fd);
		probe_end(probe, PROBE_LOCAL_ERROR, "out of memory");
		return;
	}
	run->probe = probe;
	run->fd = fd;
	probe->run = run;
	probe_step(probe, "socket, port %u", dial_local_port(fd));
	udp_send(probe, run);
}

static void udp_stop(struct probe *probe)
{
	run_close(probe->run);
}

static const char *udp_waiting_for(const struct probe *probe __attribute__((unused)))
{
	return "a datagram";
}

const struct check_kind check_udp = {
	.start = udp_start,
	.stop = udp_stop,
	.waiting_for = udp_waiting_for,
};
