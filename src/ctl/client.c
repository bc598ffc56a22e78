/* SPDX-License-Identifier: Apache-2.0 */
#include "src/ctl/client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "src/base/auto.h"
#include "src/ctl/ctl.h"

#define ANSWER_MAX (8U * 1024 * 1024) /* twice what shoald queues */

struct client {
	int fd;
	char *buffer; /* bytes received and not yet taken */
	size_t len, size;
	const volatile sig_atomic_t *stop; /* of the question in work, or NULL */
};

int client_open(const char *path, struct client **ret, struct err *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	AUTO(fd_closep) int fd = -1;
	struct client *client;

	if (strlen(path) >= sizeof(address.sun_path))
		return err_set(err, -ENAMETOOLONG, "socket '%s': path too long", path);
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_set(err, -errno, "socket '%s': %m", path);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return err_set(err, -errno, "socket '%s': %m", path);

	client = calloc(1, sizeof(*client));
	if (!client)
		return err_set(err, -ENOMEM, "socket '%s': %m", path);
	client->fd = fd_take(&fd);
	*ret = client;
	return 0;
}

void client_close(struct client *client)
{
	if (!client)
		return;
	close(client->fd);
	free(client->buffer);
	free(client);
}

/* Wait until fd can be read or written, at most until the deadline. */
static int wait_for(const struct client *client, short events, usec_t deadline, struct err *err)
{
	struct pollfd poll_fd = { .fd = client->fd, .events = events };

	for (;;) {
		usec_t now = usec_now();
		int ms = -1, r;

		if (deadline != USEC_NEVER)
			ms = now >= deadline ? 0 : (int)((deadline - now) / USEC_PER_MSEC + 1);
		r = poll(&poll_fd, 1, ms);
		if (r > 0)
			return 0;
		if (r == 0)
			return err_set(err, -ETIMEDOUT, "shoald does not answer");
		if (errno != EINTR)
			return err_set(err, -errno, "poll: %m");
		if (client->stop && *client->stop)
			return err_set(err, -ECANCELED, "interrupted");
	}
}

static int send_all(struct client *client, const char *data, size_t len, usec_t deadline,
		    struct err *err)
{
	while (len > 0) {
		ssize_t n = send(client->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		int r;

		if (n >= 0) {
			data += n;
			len -= (size_t)n;
			continue;
		}
		if (errno != EAGAIN && errno != EINTR)
			return err_set(err, -ECONNRESET, "shoald closed the connection");
		r = wait_for(client, POLLOUT, deadline, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int send_question(struct client *client, const struct client_question *question,
			 usec_t deadline, struct err *err)
{
	AUTO(freep) char *line = NULL;
	json_t *request = json_pack("{s:i, s:s, s:O*}", "v", CTL_VERSION, "command",
				    question->command, "args", question->args);
	int r;

	if (request)
		line = json_dumps(request, JSON_COMPACT);
	json_decref(request);
	if (!line)
		return err_set(err, -EINVAL, "the request cannot be written as JSON");
	if (strlen(line) > CTL_LINE_MAX)
		return err_set(err, -EMSGSIZE, "the request is longer than %d KiB",
			       CTL_LINE_MAX / 1024);
	r = send_all(client, line, strlen(line), deadline, err);
	return r < 0 ? r : send_all(client, "\n", 1, deadline, err);
}

static int make_room(struct client *client, struct err *err)
{
	size_t size = client->size ? 2 * client->size : 16 * 1024;
	char *buffer;

	if (client->len < client->size)
		return 0;
	if (size > ANSWER_MAX)
		return err_set(err, -EPROTO, "the answer is longer than %u MiB",
			       ANSWER_MAX / 1024 / 1024);
	buffer = realloc(client->buffer, size);
	if (!buffer)
		return err_set(err, -ENOMEM, "answer: %m");
	client->buffer = buffer;
	client->size = size;
	return 0;
}

static int receive_some(struct client *client, usec_t deadline, struct err *err)
{
	ssize_t n;
	int r;

	r = make_room(client, err);
	if (r == 0)
		r = wait_for(client, POLLIN, deadline, err);
	if (r < 0)
		return r;
	n = recv(client->fd, client->buffer + client->len, client->size - client->len,
		 MSG_DONTWAIT);
	if (n == 0)
		return err_set(err, -ECONNRESET, "shoald closed the connection");
	if (n < 0)
		return errno == EAGAIN || errno == EINTR
			       ? 0
			       : err_set(err, -ECONNRESET, "shoald closed the connection: %m");
	client->len += (size_t)n;
	return 0;
}

/* The next line as JSON; *ret is the caller's. */
static int receive_line(struct client *client, usec_t deadline, json_t **ret, struct err *err)
{
	size_t seen = 0, line_len;
	char *end = NULL;
	json_t *answer;
	int r;

	while (client->len == seen ||
	       (end = memchr(client->buffer + seen, '\n', client->len - seen)) == NULL) {
		seen = client->len;
		r = receive_some(client, deadline, err);
		if (r < 0)
			return r;
	}
	line_len = (size_t)(end - client->buffer);
	answer = json_loadb(client->buffer, line_len, 0, NULL);
	client->len -= line_len + 1;
	memmove(client->buffer, end + 1, client->len);
	if (!json_is_object(answer)) {
		json_decref(answer);
		return err_set(err, -EPROTO, "what answers there does not speak shoald's protocol");
	}
	*ret = answer;
	return 0;
}

static usec_t deadline_of(const struct client_question *question)
{
	return question->patience_us ? usec_add(usec_now(), question->patience_us) : USEC_NEVER;
}

/* Give progress and parts to who asked: 0, or -ECANCELED; 1 when it is the answer. */
static int take_interim(const struct client_question *question, const json_t *answer,
			struct err *err)
{
	const char *progress = json_string_value(json_object_get(answer, "progress"));
	const json_t *part = json_object_get(answer, "part");

	if (progress) {
		if (question->progress)
			question->progress(progress, question->arg);
		return 0;
	}
	if (!part)
		return 1;
	if ((question->part && !question->part(part, question->arg)) ||
	    (question->stop && *question->stop))
		return err_set(err, -ECANCELED, "interrupted");
	return 0;
}

int client_ask(struct client *client, const struct client_question *question, json_t **ret,
	       struct err *err)
{
	int r;

	client->stop = question->stop;
	r = send_question(client, question, deadline_of(question), err);
	while (r == 0) {
		json_t *answer = NULL;

		r = receive_line(client, deadline_of(question), &answer, err);
		if (r < 0)
			break;
		r = take_interim(question, answer, err);
		if (r > 0) {
			*ret = answer;
			return 0;
		}
		json_decref(answer);
	}
	return r;
}
