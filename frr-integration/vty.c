/* SPDX-License-Identifier: Apache-2.0 */
#include "frr-integration/vty.h"

#include <errno.h>
#include <event2/event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "src/base/auto.h"
#include "src/base/err.h"

#define CHUNK_BYTES 65536

_Static_assert(VTY_PATH_MAX + 1 == sizeof(((struct sockaddr_un *)0)->sun_path),
	       "VTY_PATH_MAX is the system's");

/* A socket that is missing costs 20 us to try; a daemon that comes back is found within this. */
#define RETRY_FAST_US (100 * USEC_PER_MSEC)
/* After a conversation that failed: from the first to the second, doubling. */
#define RETRY_SLOW_MIN_US (200 * USEC_PER_MSEC)
#define RETRY_SLOW_MAX_US (5 * USEC_PER_SEC)

struct vty_command {
	STAILQ_ENTRY(vty_command) link;
	vty_reply_fn *fn;
	void *arg;
	size_t len; /* with the NUL, which is sent */
	char text[];
};

struct vty {
	struct event_base *base;
	struct vty_callbacks callbacks;
	struct sockaddr_un address;
	usec_t silence_us;
	int fd; /* -1: not connected */
	struct event *read_event, *write_event;
	struct event *retry_event, *silence_event;
	struct vty_frame frame;
	STAILQ_HEAD(, vty_command) queue; /* the first is in flight once sent > 0 */
	size_t sent;                      /* bytes of the first command */
	usec_t sent_at;
	usec_t slow_us; /* the pause after the next failed conversation */
};

static void retry_after(struct vty *vty, usec_t pause_us);
static void send_next(struct vty *vty);

static struct timeval timeval_of(usec_t us)
{
	return (struct timeval){
		.tv_sec = (time_t)(us / USEC_PER_SEC),
		.tv_usec = (suseconds_t)(us % USEC_PER_SEC),
	};
}

static void watch_silence(struct vty *vty)
{
	struct timeval pause = timeval_of(vty->silence_us);

	event_add(vty->silence_event, &pause);
}

static void drop_first(struct vty *vty)
{
	struct vty_command *command = STAILQ_FIRST(&vty->queue);

	STAILQ_REMOVE_HEAD(&vty->queue, link);
	free(command);
	vty->sent = 0;
}

static void event_freep(struct event **event)
{
	if (*event)
		event_free(*event);
	*event = NULL;
}

/* Back to unconnected; nobody is told. */
static void disconnect(struct vty *vty)
{
	event_freep(&vty->read_event);
	event_freep(&vty->write_event);
	event_del(vty->silence_event);
	fd_closep(&vty->fd);
	vty->fd = -1;
	while (!STAILQ_EMPTY(&vty->queue))
		drop_first(vty);
	vty_frame_fini(&vty->frame);
	vty_frame_reset(&vty->frame);
}

/* A daemon that ended is likely to be restarting; one that misbehaves gets growing pauses. */
static usec_t next_pause(struct vty *vty, int reason)
{
	usec_t pause = vty->slow_us;

	if (reason != -ETIMEDOUT && reason != -EPROTO && reason != -EMSGSIZE && reason != -EAGAIN)
		return RETRY_FAST_US;
	vty->slow_us = pause * 2 > RETRY_SLOW_MAX_US ? RETRY_SLOW_MAX_US : pause * 2;
	return pause;
}

void vty_drop(struct vty *vty, int reason, const char *sentence)
{
	disconnect(vty);
	retry_after(vty, next_pause(vty, reason));
	vty->callbacks.down(vty->callbacks.arg, reason, sentence);
}

static void drop_because(struct vty *vty, int reason, const char *what)
{
	const struct vty_command *command = STAILQ_FIRST(&vty->queue);
	struct err err;

	if (command && vty->sent > 0)
		err_set(&err, reason, "vty socket '%s': %s to '%.80s'", vty->address.sun_path, what,
			command->text);
	else
		err_set(&err, reason, "vty socket '%s': %s", vty->address.sun_path, what);
	vty_drop(vty, reason, err.text);
}

static void on_silence(evutil_socket_t fd, short what, void *arg)
{
	struct vty *vty = arg;
	struct err err;

	(void)fd;
	(void)what;
	err_set(&err, 0, "no answer for %.1f s", (double)vty->silence_us / USEC_PER_SEC);
	drop_because(vty, -ETIMEDOUT, err.text);
}

/* The first command's reply is whole: hand it over, then send the next. */
static void deliver(struct vty *vty)
{
	struct vty_command *command = STAILQ_FIRST(&vty->queue);
	struct vty_frame frame = vty->frame;
	struct vty_reply reply = {
		.command = command->text,
		.text = frame.text ? frame.text : "",
		.len = frame.len,
		.status = frame.status,
		.took_us = usec_now() - vty->sent_at,
	};

	event_del(vty->silence_event);
	STAILQ_REMOVE_HEAD(&vty->queue, link);
	vty->sent = 0;
	vty->slow_us = RETRY_SLOW_MIN_US;
	/* The callback may drop the connection: reply and command are ours meanwhile. */
	memset(&vty->frame, 0, sizeof(vty->frame));
	vty->frame.max_bytes = frame.max_bytes;
	command->fn(command->arg, &reply);
	free(command);
	vty->frame = frame;
	vty_frame_reset(&vty->frame);
	send_next(vty);
}

static void take_bytes(struct vty *vty, const char *data, size_t len)
{
	size_t used = 0;
	int r;

	if (STAILQ_EMPTY(&vty->queue) || vty->sent < STAILQ_FIRST(&vty->queue)->len) {
		drop_because(vty, -EPROTO, "bytes that nobody asked for");
		return;
	}
	r = vty_frame_feed(&vty->frame, data, len, &used);
	if (r == -EMSGSIZE)
		drop_because(vty, r, "an answer too large");
	else if (r < 0)
		drop_because(vty, r, "an answer that is no vty reply");
	else if (used < len) /* one command, one reply: nothing may follow */
		drop_because(vty, -EPROTO, "bytes after the end of the answer");
	else if (r == 1)
		deliver(vty);
	else
		watch_silence(vty);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	static char chunk[CHUNK_BYTES]; /* one loop, one thread: the bytes are copied out at once */
	struct vty *vty = arg;
	ssize_t n = read(fd, chunk, sizeof(chunk));

	(void)what;
	if (n > 0)
		take_bytes(vty, chunk, (size_t)n);
	else if (n == 0)
		drop_because(vty, -ECONNRESET, "closed by the daemon");
	else if (errno != EAGAIN && errno != EINTR)
		drop_because(vty, -ECONNRESET, strerror(errno));
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct vty *vty = arg;
	struct vty_command *command = STAILQ_FIRST(&vty->queue);
	ssize_t n;

	(void)what;
	if (!command)
		return;
	n = send(fd, command->text + vty->sent, command->len - vty->sent, MSG_NOSIGNAL);
	/* A socket that broke is noticed by reading, so that no send ends a connection while its
	 * caller is in the middle of something. */
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return;
	if (n > 0)
		vty->sent += (size_t)n;
	if (vty->sent < command->len)
		event_add(vty->write_event, NULL);
}

static void send_next(struct vty *vty)
{
	if (STAILQ_EMPTY(&vty->queue) || vty->sent > 0)
		return;
	vty->sent_at = usec_now();
	watch_silence(vty);
	on_writable(vty->fd, EV_WRITE, vty);
}

static int connect_now(struct vty *vty)
{
	AUTO(fd_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&vty->address, sizeof(vty->address)) < 0)
		return -errno;
	vty->read_event = event_new(vty->base, fd, EV_READ | EV_PERSIST, on_readable, vty);
	vty->write_event = event_new(vty->base, fd, EV_WRITE, on_writable, vty);
	if (!vty->read_event || !vty->write_event || event_add(vty->read_event, NULL) < 0) {
		event_freep(&vty->read_event);
		event_freep(&vty->write_event);
		return -ENOMEM;
	}
	vty->fd = fd_take(&fd);
	return 0;
}

/* What an operator does about it; "" when the errno says all. */
static const char *connect_remedy(int reason)
{
	switch (reason) {
	case -ENOENT:
		return ": is bgpd running, and does routing.vty name its directory?";
	case -ECONNREFUSED:
		return ": bgpd is not running";
	case -EACCES:
		return ": add this program's user to the group frrvty";
	case -EAGAIN:
		return ": bgpd does not accept connections, it hangs";
	default:
		return "";
	}
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct vty *vty = arg;
	int r = connect_now(vty);
	struct err err;

	(void)fd;
	(void)what;
	if (r == 0) {
		vty->callbacks.up(vty->callbacks.arg);
		return;
	}
	err_set(&err, r, "vty socket '%s': %m%s", vty->address.sun_path, connect_remedy(r));
	vty_drop(vty, r, err.text);
}

static void retry_after(struct vty *vty, usec_t pause_us)
{
	struct timeval pause = timeval_of(pause_us);

	event_add(vty->retry_event, &pause);
}

int vty_new(struct event_base *base, const char *path, usec_t silence_us,
	    const struct vty_callbacks *callbacks, struct vty **ret)
{
	struct vty *vty;

	if (strlen(path) > VTY_PATH_MAX)
		return -ENAMETOOLONG;
	vty = calloc(1, sizeof(*vty));
	if (!vty)
		return -ENOMEM;
	vty->base = base;
	vty->callbacks = *callbacks;
	vty->address.sun_family = AF_UNIX;
	strcpy(vty->address.sun_path, path);
	vty->silence_us = silence_us ? silence_us : VTY_SILENCE_US;
	vty->fd = -1;
	vty->slow_us = RETRY_SLOW_MIN_US;
	vty->frame.max_bytes = VTY_REPLY_MAX;
	STAILQ_INIT(&vty->queue);
	vty->retry_event = evtimer_new(base, on_retry, vty);
	vty->silence_event = evtimer_new(base, on_silence, vty);
	if (!vty->retry_event || !vty->silence_event) {
		vty_free(vty);
		return -ENOMEM;
	}
	retry_after(vty, 0);
	*ret = vty;
	return 0;
}

void vty_free(struct vty *vty)
{
	if (!vty)
		return;
	if (vty->silence_event)
		disconnect(vty);
	event_freep(&vty->retry_event);
	event_freep(&vty->silence_event);
	free(vty);
}

int vty_send(struct vty *vty, vty_reply_fn *fn, void *arg, const char *fmt, ...)
{
	char text[VTY_COMMAND_MAX + 2];
	struct vty_command *command;
	va_list ap;
	size_t len;

	if (vty->fd < 0)
		return -ENOTCONN;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!vty_command_is_sendable(text))
		return -EINVAL;
	len = strlen(text) + 1;
	command = malloc(sizeof(*command) + len);
	if (!command)
		return -ENOMEM;
	command->fn = fn;
	command->arg = arg;
	command->len = len;
	memcpy(command->text, text, len);
	STAILQ_INSERT_TAIL(&vty->queue, command, link);
	if (STAILQ_FIRST(&vty->queue) == command)
		send_next(vty);
	return 0;
}

bool vty_cancel(struct vty *vty, vty_reply_fn *fn, void *arg)
{
	struct vty_command *first = STAILQ_FIRST(&vty->queue), *command;

	if (!first)
		return false;
	while ((command = STAILQ_NEXT(first, link))) {
		STAILQ_REMOVE(&vty->queue, command, vty_command, link);
		free(command);
	}
	first->fn = fn;
	first->arg = arg;
	return true;
}

bool vty_is_up(const struct vty *vty)
{
	return vty->fd >= 0;
}

bool vty_is_busy(const struct vty *vty)
{
	return !STAILQ_EMPTY(&vty->queue);
}

const char *vty_path(const struct vty *vty)
{
	return vty->address.sun_path;
}
