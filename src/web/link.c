/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link.c - asking shoald.
 *
 * One question is on its way at a time: so whatever comes belongs to the first of the line, and
 * shoald never works on two for us at once.
 */
#include "src/web/link.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "src/base/auto.h"
#include "src/base/log.h"
#include "src/ctl/ctl.h"
#include "src/web/answer.h"

#define RETRY_S    1
#define PATIENCE_S 10 /* for the next byte of an answer */

struct question {
	TAILQ_ENTRY(question) entry;
	char *line;
	void (*answered)(struct answer *answer, void *arg);
	void *arg;
};

struct link {
	struct link_options options;
	struct sockaddr_un address;
	struct bufferevent *stream; /* NULL: waiting to try again */
	struct event *retry;
	bool is_up, is_asked; /* connected; the first question is on its way */
	bool is_told;         /* of the trouble, in the log */
	TAILQ_HEAD(, question) questions;
	unsigned n_questions;
	struct answer answer;
	struct err trouble;
};

static void question_free(struct question *question)
{
	free(question->line);
	free(question);
}

/* ---- coming and going ---- */

static void retry_later(struct link *link)
{
	static const struct timeval in = { .tv_sec = RETRY_S };

	event_add(link->retry, &in);
}

/* Those that were open; what they ask anew is refused, for the link is down. */
static void fail_questions(struct link *link)
{
	struct question *question;

	while ((question = TAILQ_FIRST(&link->questions)) != NULL) {
		struct answer answer = { .is_refused = true,
					 .status = CTL_NOT_REACHABLE,
					 .sentence = link->trouble.text };

		TAILQ_REMOVE(&link->questions, question, entry);
		link->n_questions--;
		question->answered(&answer, question->arg);
		question_free(question);
	}
}

/* Once, not at every try. */
static void tell_trouble(struct link *link)
{
	if (!link->is_told)
		log_warn("shoald", "connected=no error=%s", LOG_QUOTE(link->trouble.text));
	link->is_told = true;
}

static void link_down(struct link *link)
{
	tell_trouble(link);
	link->is_up = link->is_asked = false;
	bufferevent_free(link->stream);
	link->stream = NULL;
	answer_fini(&link->answer);
	fail_questions(link);
	retry_later(link);
	link->options.life(false, link->options.arg);
}

static void send_first(struct link *link)
{
	static const struct timeval patience = { .tv_sec = PATIENCE_S };
	const struct question *question = TAILQ_FIRST(&link->questions);

	link->is_asked = question != NULL;
	bufferevent_set_timeouts(link->stream, question ? &patience : NULL, &patience);
	if (question)
		bufferevent_write(link->stream, question->line, strlen(question->line));
}

/* ---- events ---- */

/* The first question has its answer: the next one goes out before that is looked at. */
static void deliver(struct link *link)
{
	struct question *question = TAILQ_FIRST(&link->questions);
	struct answer answer = link->answer;

	link->answer = (struct answer){ 0 };
	TAILQ_REMOVE(&link->questions, question, entry);
	link->n_questions--;
	send_first(link);
	question->answered(&answer, question->arg);
	question_free(question);
	answer_fini(&answer);
}

static void on_read(struct bufferevent *stream, void *arg)
{
	struct link *link = arg;
	struct evbuffer *in = bufferevent_get_input(stream);
	int r = 0;

	while (link->stream && link->is_asked && evbuffer_get_length(in) > 0) {
		r = answer_take(&link->answer, in, &link->trouble);
		if (r <= 0)
			break;
		deliver(link);
	}
	if (r == 0 && link->stream && !link->is_asked && evbuffer_get_length(in) > 0)
		r = err_set(&link->trouble, -EPROTO, "shoald answered what nobody asked");
	if (r < 0)
		link_down(link);
}

static void on_event(struct bufferevent *stream, short what, void *arg)
{
	struct link *link = arg;

	(void)stream;
	if (what & BEV_EVENT_TIMEOUT)
		err_set(&link->trouble, -ETIMEDOUT, "shoald does not answer");
	else
		err_set(&link->trouble, -ECONNRESET, "shoald went away");
	link_down(link);
}

/* To a socket file this is done at once, or not at all. */
static int connect_now(const struct sockaddr_un *address, int *ret_fd, struct err *err)
{
	AUTO(fd_closep)
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		return err_set(err, -errno, "cannot connect to shoald at '%s': %m",
			       address->sun_path);
	*ret_fd = fd_take(&fd);
	return 0;
}

static void link_connect(struct link *link)
{
	static const struct timeval patience = { .tv_sec = PATIENCE_S };
	int fd = -1, r = connect_now(&link->address, &fd, &link->trouble);

	if (r == 0)
		link->stream =
			bufferevent_socket_new(link->options.base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!link->stream) {
		tell_trouble(link);
		if (fd >= 0)
			close(fd);
		retry_later(link);
		return;
	}
	bufferevent_setcb(link->stream, on_read, NULL, on_event, link);
	bufferevent_set_timeouts(link->stream, NULL, &patience);
	bufferevent_enable(link->stream, EV_READ | EV_WRITE);
	link->is_up = true;
	link->is_told = false;
	log_info("shoald", "connected=yes");
	link->options.life(true, link->options.arg);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct link *link = arg;

	(void)fd;
	(void)what;
	if (!link->stream)
		link_connect(link);
}

/* ---- what others call ---- */

int link_new(const struct link_options *options, struct link **ret, struct err *err)
{
	static const struct timeval at_once = { 0 };
	struct link *link = calloc(1, sizeof(*link));

	if (!link)
		return err_set(err, -ENOMEM, "web.sock: %m");
	link->options = *options;
	link->address.sun_family = AF_UNIX;
	TAILQ_INIT(&link->questions);
	if (strlen(options->path) >= sizeof(link->address.sun_path)) {
		free(link);
		return err_set(err, -ENAMETOOLONG, "socket '%s': the path is too long",
			       options->path);
	}
	strcpy(link->address.sun_path, options->path);
	err_set(&link->trouble, -ENOTCONN, "not connected to shoald yet");
	link->retry = evtimer_new(options->base, on_retry, link);
	if (!link->retry || event_add(link->retry, &at_once) < 0) {
		link_free(link);
		return err_set(err, -ENOMEM, "web.sock: %m");
	}
	*ret = link;
	return 0;
}

void link_free(struct link *link)
{
	struct question *question;

	if (!link)
		return;
	while ((question = TAILQ_FIRST(&link->questions)) != NULL) {
		TAILQ_REMOVE(&link->questions, question, entry);
		question_free(question);
	}
	if (link->stream)
		bufferevent_free(link->stream);
	if (link->retry)
		event_free(link->retry);
	answer_fini(&link->answer);
	free(link);
}

bool link_is_up(const struct link *link)
{
	return link->is_up;
}

const char *link_trouble(const struct link *link)
{
	return link->trouble.text;
}

static char *question_line(const char *command, json_t *args)
{
	json_t *document = json_pack("{s:i, s:s, s:o}", "v", CTL_VERSION, "command", command,
				     "args", args ? args : json_object());
	AUTO(freep) char *text = document ? json_dumps(document, JSON_COMPACT) : NULL;
	char *line = NULL;

	json_decref(document);
	return text && asprintf(&line, "%s\n", text) >= 0 ? line : NULL;
}

int link_ask(struct link *link, const char *command, json_t *args,
	     void (*answered)(struct answer *answer, void *arg), void *arg)
{
	AUTO(freep) char *line = question_line(command, args);
	struct question *question;

	if (!link->is_up)
		return -ENOTCONN;
	if (link->n_questions >= LINK_WAITING_MAX)
		return -ENOBUFS;
	question = calloc(1, sizeof(*question));
	if (!line || !question) {
		free(question);
		return -ENOMEM;
	}
	question->line = TAKE(line);
	question->answered = answered;
	question->arg = arg;
	TAILQ_INSERT_TAIL(&link->questions, question, entry);
	link->n_questions++;
	if (!link->is_asked)
		send_first(link);
	return 0;
}
