/* SPDX-License-Identifier: Apache-2.0 */
#include "health/reporter.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "src/base/auto.h"
#include "src/base/log.h"

#define RETRY_MIN_US       (100 * USEC_PER_MSEC)
#define RETRY_MAX_US       (2 * USEC_PER_SEC)
#define PACKETS_A_TURN     256
#define LATENCIES_A_SECOND 64

struct reporter {
	struct event_base *base;
	struct reporter_options options;
	struct targets *targets;
	int fd; /* -1: not connected */
	struct event *readable, *writable, *retry, *heartbeat;
	bool heard_hello;
	usec_t retry_us;
	usec_t lost; /* when shoald went away; 0: it is there, or its targets are forgotten */
	int said;    /* the error last logged: each is logged once, not at each try */
};

static void schedule_retry(struct reporter *reporter)
{
	struct timeval tv = {
		.tv_sec = (time_t)(reporter->retry_us / USEC_PER_SEC),
		.tv_usec = (suseconds_t)(reporter->retry_us % USEC_PER_SEC),
	};

	reporter->retry_us =
		reporter->retry_us * 2 < RETRY_MAX_US ? reporter->retry_us * 2 : RETRY_MAX_US;
	event_add(reporter->retry, &tv);
}

static void say_once(struct reporter *reporter, int error, const char *text)
{
	if (reporter->said == error)
		return;
	reporter->said = error;
	log_warn("shoald_away", "socket=%s error=%s", LOG_QUOTE(reporter->options.socket_path),
		 LOG_QUOTE(text));
}

static void disconnect(struct reporter *reporter, int error, const char *text)
{
	if (reporter->readable)
		event_free(reporter->readable);
	if (reporter->writable)
		event_free(reporter->writable);
	reporter->readable = reporter->writable = NULL;
	if (reporter->fd >= 0)
		close(reporter->fd);
	reporter->fd = -1;
	if (reporter->heard_hello)
		reporter->lost = usec_now();
	reporter->heard_hello = false;
	say_once(reporter, error, text);
	schedule_retry(reporter);
}

/* ---- sending ---- */

/* 1 when sent, 0 when the socket is full, a negative errno. */
static int send_message(struct reporter *reporter, const struct message *message)
{
	uint8_t buf[MESSAGE_MAX];
	int len = message_encode(message, buf);

	if (len < 0)
		return len;
	if (send(reporter->fd, buf, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
		return 1;
	return errno == EAGAIN || errno == ENOBUFS ? 0 : -errno;
}

/* Returns as send_message(). */
static int send_dones(struct reporter *reporter)
{
	struct message m = { .kind = MESSAGE_PROBE_DONE };
	const struct message_probe_done *done;
	int r = 1;

	while (r > 0 && (done = targets_next_done(reporter->targets)) != NULL) {
		m.probe_done = *done;
		r = send_message(reporter, &m);
		if (r > 0)
			targets_done_taken(reporter->targets);
	}
	return r;
}

/* Returns as send_message(). What a program wrote comes first, so that it is there when its verdict
 * is; sent once more, it does no harm. */
static int send_reports(struct reporter *reporter)
{
	struct message verdict = { .kind = MESSAGE_VERDICT }, output = { .kind = MESSAGE_OUTPUT };
	int r = 1;

	while (r > 0 && targets_next_report(reporter->targets, &verdict.verdict)) {
		if (targets_next_output(reporter->targets, &output.output))
			r = send_message(reporter, &output);
		if (r > 0)
			r = send_message(reporter, &verdict);
		if (r > 0)
			targets_reported(reporter->targets);
	}
	return r;
}

void reporter_flush(void *arg)
{
	struct reporter *reporter = arg;
	int r;

	if (!reporter->heard_hello || event_pending(reporter->writable, EV_WRITE, NULL))
		return;
	r = send_reports(reporter);
	if (r > 0)
		r = send_dones(reporter);
	if (r == 0)
		event_add(reporter->writable, NULL);
	else if (r < 0)
		disconnect(reporter, r, strerror(-r));
}

static void on_writable(evutil_socket_t fd __attribute__((unused)),
			short what __attribute__((unused)), void *arg)
{
	reporter_flush(arg);
}

static void forget_after_a_while(struct reporter *reporter)
{
	if (reporter->lost == 0 || usec_now() - reporter->lost < REPORTER_KEEP_US)
		return;
	log_warn("probing_stopped", "reason=%s",
		 LOG_QUOTE("shoald has been away for 5 min; its targets are forgotten"));
	targets_clear(reporter->targets);
	reporter->lost = 0;
}

static int send_latencies(struct reporter *reporter)
{
	struct message m = { .kind = MESSAGE_LATENCY };
	int r = 1;

	for (int i = 0; i < LATENCIES_A_SECOND && r > 0; i++) {
		if (!targets_next_latency(reporter->targets, &m.latency))
			break;
		r = send_message(reporter, &m);
	}
	return r;
}

static void on_heartbeat(evutil_socket_t fd __attribute__((unused)),
			 short what __attribute__((unused)), void *arg)
{
	struct reporter *reporter = arg;
	struct message m = { .kind = MESSAGE_HEARTBEAT };
	int r;

	forget_after_a_while(reporter);
	targets_heartbeat(reporter->targets, &m.heartbeat);
	if (!reporter->heard_hello)
		return;
	r = send_message(reporter, &m); /* one that finds the socket full is left out */
	if (r > 0)
		r = send_latencies(reporter);
	if (r < 0)
		disconnect(reporter, r, strerror(-r));
}

/* ---- receiving ---- */

static int take_hello(struct reporter *reporter, const struct message *m)
{
	if (reporter->heard_hello)
		return -EBADMSG;
	log_info("shoald_connected", "socket=%s program=%s",
		 LOG_QUOTE(reporter->options.socket_path), LOG_QUOTE(m->hello.program));
	reporter->heard_hello = true;
	reporter->retry_us = RETRY_MIN_US;
	reporter->said = 0;
	reporter->lost = 0;
	targets_begin(reporter->targets);
	return 0;
}

static int take_ca(struct reporter *reporter, const struct message *m)
{
	return reporter->options.take_ca ? reporter->options.take_ca(&m->ca) : -EBADMSG;
}

static int take_target(struct reporter *reporter, const struct message *m)
{
	return targets_set(reporter->targets, &m->target);
}

static int take_void(struct reporter *reporter, const struct message *m)
{
	if (m->void_.is_reset)
		targets_reset(reporter->targets, m->void_.id);
	else
		targets_void(reporter->targets, m->void_.id, m->void_.state);
	return 0;
}

static int take_probe_now(struct reporter *reporter, const struct message *m)
{
	targets_try(reporter->targets, &m->probe_now);
	return 0;
}

static int take_remove(struct reporter *reporter, const struct message *m)
{
	targets_remove(reporter->targets, m->remove.id);
	return 0;
}

static int take_targets_end(struct reporter *reporter, const struct message *m)
{
	targets_end(reporter->targets);
	log_info("targets", "n=%u", m->targets_end.n_targets);
	return 0;
}

static int (*const takers[MESSAGE_KIND_MAX])(struct reporter *, const struct message *) = {
	[MESSAGE_HELLO] = take_hello,
	[MESSAGE_CA] = take_ca,
	[MESSAGE_TARGET] = take_target,
	[MESSAGE_REMOVE] = take_remove,
	[MESSAGE_TARGETS_END] = take_targets_end,
	[MESSAGE_VOID] = take_void,
	[MESSAGE_PROBE_NOW] = take_probe_now,
};

static int take_packet(struct reporter *reporter, const uint8_t *packet, size_t len)
{
	struct message m;
	int r = message_decode(packet, len, &m);

	if (r < 0)
		return r;
	if (!takers[m.kind] || (!reporter->heard_hello && m.kind != MESSAGE_HELLO))
		return -EBADMSG;
	return takers[m.kind](reporter, &m);
}

/* The sentence is valid until the next. */
static const char *end_str(const struct reporter *reporter, int code)
{
	static char text[128];

	if (code == -EBADMSG)
		return "shoald broke the protocol";
	if (code != -EPROTONOSUPPORT)
		return strerror(-code);
	snprintf(text, sizeof(text),
		 "shoald speaks another version of the protocol: shoald and %s are of different "
		 "releases",
		 reporter->options.program);
	return text;
}

static void on_readable(evutil_socket_t fd, short what __attribute__((unused)), void *arg)
{
	struct reporter *reporter = arg;
	uint8_t packet[MESSAGE_MAX];

	for (int i = 0; i < PACKETS_A_TURN && reporter->fd == fd; i++) {
		ssize_t n = recv(fd, packet, sizeof(packet), MSG_DONTWAIT | MSG_TRUNC);
		int r;

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			disconnect(reporter, n == 0 ? -EPIPE : -errno,
				   n == 0 ? "shoald closed the connection" : strerror(errno));
			return;
		}
		r = (size_t)n > sizeof(packet) ? -EBADMSG
					       : take_packet(reporter, packet, (size_t)n);
		if (r < 0 && reporter->fd == fd)
			disconnect(reporter, r, end_str(reporter, r));
	}
}

/* ---- connecting ---- */

static int open_socket(const char *path, int *ret_fd)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	AUTO(fd_closep) int fd = -1;

	strcpy(sun.sun_path, path); /* reporter_new() measured it */
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&sun, sizeof(sun)) < 0)
		return -errno;
	*ret_fd = fd_take(&fd);
	return 0;
}

static const char *connect_str(int code)
{
	if (code == -ENOENT || code == -ECONNREFUSED)
		return "shoald is not running; trying again until it does";
	if (code == -EACCES || code == -EPERM)
		return "permission denied; this user must be in the group of the socket";
	return strerror(-code);
}

static void on_retry(evutil_socket_t unused __attribute__((unused)),
		     short what __attribute__((unused)), void *arg)
{
	struct reporter *reporter = arg;
	struct message m = { .kind = MESSAGE_HELLO };
	int r = open_socket(reporter->options.socket_path, &reporter->fd);

	if (r < 0) {
		disconnect(reporter, r, connect_str(r));
		return;
	}
	reporter->readable = event_new(reporter->base, reporter->fd, EV_READ | EV_PERSIST,
				       on_readable, reporter);
	reporter->writable =
		event_new(reporter->base, reporter->fd, EV_WRITE, on_writable, reporter);
	if (!reporter->readable || !reporter->writable || event_add(reporter->readable, NULL) < 0) {
		disconnect(reporter, -ENOMEM, strerror(ENOMEM));
		return;
	}
	snprintf(m.hello.program, sizeof(m.hello.program), "%s %s", reporter->options.program,
		 SHOAL_VERSION);
	r = send_message(reporter, &m);
	if (r <= 0)
		disconnect(reporter, r, strerror(-r));
}

int reporter_new(struct event_base *base, const struct reporter_options *options,
		 struct reporter **ret, struct err *err)
{
	struct timeval second = { .tv_sec = 1 }, at_once = { 0 };
	const char *socket_path = options->socket_path;
	struct reporter *reporter;

	if (strlen(socket_path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return err_set(err, -ENAMETOOLONG, "probe socket '%s': path too long", socket_path);
	reporter = calloc(1, sizeof(*reporter));
	if (!reporter)
		return err_set(err, -ENOMEM, "probe socket '%s': %m", socket_path);
	reporter->base = base;
	reporter->options = *options;
	reporter->fd = -1;
	reporter->retry_us = RETRY_MIN_US;
	reporter->retry = event_new(base, -1, 0, on_retry, reporter);
	reporter->heartbeat = event_new(base, -1, EV_PERSIST, on_heartbeat, reporter);
	if (!reporter->retry || !reporter->heartbeat || event_add(reporter->retry, &at_once) < 0 ||
	    event_add(reporter->heartbeat, &second) < 0) {
		reporter_free(reporter);
		return err_set(err, -ENOMEM, "probe socket '%s': %m", socket_path);
	}
	*ret = reporter;
	return 0;
}

void reporter_set_targets(struct reporter *reporter, struct targets *targets)
{
	reporter->targets = targets;
}

void reporter_free(struct reporter *reporter)
{
	if (!reporter)
		return;
	if (reporter->readable)
		event_free(reporter->readable);
	if (reporter->writable)
		event_free(reporter->writable);
	if (reporter->fd >= 0)
		close(reporter->fd);
	if (reporter->retry)
		event_free(reporter->retry);
	if (reporter->heartbeat)
		event_free(reporter->heartbeat);
	free(reporter);
}
