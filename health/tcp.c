/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tcp.c - the check that is content with a connection, or says something and looks for something
 * in what comes back.
 *
 * However much a server sends, ANSWER_MAX bytes are looked at; of what was read only as much is
 * kept as what is expected may begin in.
 */
#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "health/check.h"
#include "health/quote.h"

#define ANSWER_MAX   (16 * 1024)
#define READS_A_TURN 4 /* then other probes have theirs */

struct tcp_run {
	struct probe *probe;
	struct event readable;
	int fd;
	const struct check_text *expect;
	size_t n_read;
	size_t n_first, n_tail;
	uint8_t first[QUOTE_BYTES_MAX + 1];
	uint8_t tail[MESSAGE_TEXT_MAX]; /* the last bytes, fewer than are expected */
};

static void run_close(struct tcp_run *run)
{
	run->probe->run = NULL;
	event_del(&run->readable);
	close(run->fd);
	free(run);
}

static void run_end(struct tcp_run *run, enum probe_reason reason, const char *what)
{
	struct quote quote = quote_bytes(run->first, run->n_first);
	struct probe *probe = run->probe;
	bool has_answer = run->n_first > 0;

	run_close(run);
	if (has_answer)
		probe_end(probe, reason, "%s: %s", what, quote.text);
	else
		probe_end(probe, reason, "%s", what);
}

/* ---- the answer ---- */

static void keep_first(struct tcp_run *run, const uint8_t *bytes, size_t n)
{
	size_t room = sizeof(run->first) - run->n_first;

	n = n < room ? n : room;
	memcpy(run->first + run->n_first, bytes, n);
	run->n_first += n;
}

/* Whether what is expected ends in the n bytes that came; `bytes` begin with the tail. */
static bool is_found(struct tcp_run *run, const uint8_t *bytes, size_t n)
{
	size_t keep = run->expect->len - 1;

	if (memmem(bytes, n, run->expect->bytes, run->expect->len))
		return true;
	keep = keep < n ? keep : n;
	memcpy(run->tail, bytes + n - keep, keep);
	run->n_tail = keep;
	return false;
}

static void read_failed(struct tcp_run *run, int error)
{
	char text[96];

	if (error == 0) {
		run_end(run, run->n_read > 0 ? PROBE_UNEXPECTED : PROBE_CLOSED,
			run->n_read > 0 ? "closed after another answer"
					: "closed without an answer");
		return;
	}
	snprintf(text, sizeof(text), "receive: %s", strerror(error));
	run_end(run, dial_error_reason(error), text);
}

static void answer_found(struct tcp_run *run)
{
	struct probe *probe = run->probe;

	probe_step(probe, "found what is expected, within %zu bytes", run->n_read);
	run_close(run);
	probe_end(probe, PROBE_OK, "expected answer in %.1f ms", probe_msec(probe));
}

/* n bytes have come behind the tail. Returns whether more are wanted; if not, the run is over. */
static bool take_bytes(struct tcp_run *run, uint8_t *bytes, size_t n)
{
	const uint8_t *came = bytes + run->n_tail;
	size_t len = run->n_tail + n;

	if (run->n_read == 0)
		probe_step(run->probe, "first bytes: %s", quote_bytes(came, n).text);
	memcpy(bytes, run->tail, run->n_tail);
	keep_first(run, came, n);
	run->n_read += n;
	if (is_found(run, bytes, len)) {
		answer_found(run);
		return false;
	}
	if (run->n_read < ANSWER_MAX)
		return true;
	run_end(run, PROBE_UNEXPECTED, "not in the first 16 KiB of the answer");
	return false;
}

/* Returns whether to read again. */
static bool read_once(struct tcp_run *run)
{
	uint8_t bytes[MESSAGE_TEXT_MAX + 4096];
	size_t room = sizeof(bytes) - run->n_tail, left = ANSWER_MAX - run->n_read;
	ssize_t n = recv(run->fd, bytes + run->n_tail, room < left ? room : left, MSG_DONTWAIT);

	if (n > 0)
		return take_bytes(run, bytes, (size_t)n);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	read_failed(run, n < 0 ? errno : 0);
	return false;
}

static void on_readable(evutil_socket_t fd __attribute__((unused)),
			short what __attribute__((unused)), void *arg)
{
	for (int i = 0; i < READS_A_TURN && read_once(arg); i++)
		;
}

/* ---- the kind ---- */

/* What is sent must arrive, which a reset would prevent: such a connection ends the normal way. */
static void end_normally(int fd)
{
	const struct linger normal = { .l_onoff = 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &normal, sizeof(normal));
	close(fd);
}

/* At most a KiB, and the socket's buffer is empty: it is taken whole or not at all. */
static int say(struct probe *probe, int fd, const struct check_text *send_text)
{
	if (!send_text || send_text->len == 0)
		return 0;
	probe_doing(probe, "send");
	if (send(fd, send_text->bytes, send_text->len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return -errno;
	probe_step(probe, "sent %s", quote_bytes(send_text->bytes, send_text->len).text);
	return 0;
}

static int listen_to_answer(struct probe *probe, int fd, const struct check_text *expect)
{
	struct tcp_run *run = calloc(1, sizeof(*run));

	if (!run)
		return -ENOMEM;
	run->probe = probe;
	run->fd = fd;
	run->expect = expect;
	probe_doing(probe, "answer");
	if (event_assign(&run->readable, probe->base, fd, EV_READ | EV_PERSIST, on_readable, run) <
		    0 ||
	    event_add(&run->readable, NULL) < 0) {
		free(run);
		return -ENOMEM;
	}
	probe->run = run;
	return 0;
}

static void tcp_connected(struct probe *probe, int fd)
{
	const struct check_text *expect = check_text(probe->spec, MESSAGE_TEXT_EXPECT);
	const struct check_text *send_text = check_text(probe->spec, MESSAGE_TEXT_SEND);
	int r = say(probe, fd, send_text);

	if (r < 0) {
		close(fd);
		probe_end(probe, dial_error_reason(-r), "send: %s", strerror(-r));
	} else if (!expect) {
		if (send_text)
			end_normally(fd);
		else
			dial_hang_up(fd, &probe->spec->dial);
		probe_end(probe, PROBE_OK, "connected in %.1f ms", probe_msec(probe));
	} else if (listen_to_answer(probe, fd, expect) < 0) {
		close(fd);
		probe_end(probe, PROBE_LOCAL_ERROR, "out of memory");
	}
}

static void tcp_stop(struct probe *probe)
{
	run_close(probe->run);
}

/* Good until the next call: it goes straight into the evidence. */
static const char *tcp_waiting_for(const struct probe *probe)
{
	static char text[256];
	const struct tcp_run *run = probe->run;

	if (run->n_read == 0)
		return "an answer";
	snprintf(text, sizeof(text), "what is expected, after %zu other bytes: %s", run->n_read,
		 quote_bytes(run->first, run->n_first).text);
	return text;
}

const struct check_kind check_tcp = {
	.connected = tcp_connected,
	.stop = tcp_stop,
	.waiting_for = tcp_waiting_for,
};
