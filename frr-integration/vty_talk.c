/* SPDX-License-Identifier: Apache-2.0 */
#include "frr-integration/vty_talk.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "src/base/auto.h"

void vty_talk_close(struct vty_talk *talk)
{
	fd_closep(&talk->fd);
	talk->fd = -1;
	vty_frame_fini(&talk->frame);
}

/* Wait until the socket is ready; silence is a hung daemon. */
static int wait_ready(const struct vty_talk *talk, short events)
{
	struct pollfd pollfd = { .fd = talk->fd, .events = events };
	int r;

	do {
		r = poll(&pollfd, 1, VTY_SILENCE_US / USEC_PER_MSEC);
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	return r == 0 ? -ETIMEDOUT : 0;
}

static int send_command(const struct vty_talk *talk, const char *command)
{
	size_t len = strlen(command) + 1;

	while (len > 0) {
		ssize_t n;
		int r = wait_ready(talk, POLLOUT);

		if (r < 0)
			return r;
		n = send(talk->fd, command, len, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (n > 0) {
			command += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

/* Until one whole reply is in the frame; nothing may follow it. */
static int receive_reply(struct vty_talk *talk)
{
	char chunk[65536];

	for (;;) {
		size_t used = 0;
		ssize_t n;
		int r = wait_ready(talk, POLLIN);

		if (r < 0)
			return r;
		n = recv(talk->fd, chunk, sizeof(chunk), 0);
		if (n == 0)
			return -ECONNRESET;
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n < 0)
			return -errno;
		r = vty_frame_feed(&talk->frame, chunk, (size_t)n, &used);
		if (r < 0)
			return r;
		if (r == 1)
			return used == (size_t)n ? 0 : -EPROTO;
	}
}

static int fail(struct vty_talk *talk, int code, const char *command, struct err *err)
{
	vty_talk_close(talk);
	if (code == -ETIMEDOUT)
		return err_set(err, code, "vty socket '%s': no answer for 3 s to '%.80s'",
			       talk->path, command);
	return err_set(err, code, "vty socket '%s': %m after '%.80s'", talk->path, command);
}

int vty_talk_ask(struct vty_talk *talk, const char *command, char **ret_text, struct err *err)
{
	char *text;
	int r;

	if (talk->fd < 0)
		return err_set(err, -ENOTCONN, "vty socket '%s': %m", talk->path);
	if (!vty_command_is_sendable(command))
		return err_set(err, -EINVAL, "'%.80s' is no line for a vty", command);
	vty_frame_reset(&talk->frame);
	r = send_command(talk, command);
	if (r == 0)
		r = receive_reply(talk);
	if (r < 0)
		return fail(talk, r, command, err);
	text = strdup(talk->frame.text ? talk->frame.text : "");
	if (!text)
		return fail(talk, -ENOMEM, command, err);
	*ret_text = text;
	return talk->frame.status;
}

static int enable(struct vty_talk *talk, struct err *err)
{
	AUTO(freep) char *text = NULL;
	int r = vty_talk_ask(talk, "enable", &text, err);

	if (r > 0) {
		vty_talk_close(talk);
		return err_set(err, -EPROTO, "vty socket '%s': 'enable' is answered with %s",
			       talk->path, vty_status_str((uint8_t)r));
	}
	return r;
}

int vty_talk_open(const char *path, struct vty_talk *ret, struct err *err)
{
	struct vty_talk talk = { .fd = -1, .frame = { .max_bytes = VTY_REPLY_MAX } };
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int r;

	if (strlen(path) > VTY_PATH_MAX)
		return err_set(err, -ENAMETOOLONG, "vty socket '%s': %m", path);
	strcpy(talk.path, path);
	strcpy(sun.sun_path, path);
	talk.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (talk.fd < 0)
		return err_set(err, -errno, "vty socket '%s': %m", path);
	if (connect(talk.fd, (const struct sockaddr *)&sun, sizeof(sun)) < 0) {
		/* A full backlog: nobody has accepted for long. */
		r = errno == EAGAIN ? -ETIMEDOUT : -errno;
		vty_talk_close(&talk);
		return err_set(err, r, "vty socket '%s': %m", path);
	}
	r = enable(&talk, err);
	if (r == 0)
		*ret = talk;
	return r;
}
