/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl.c - the control sockets.
 *
 * A client has at most one request in work; further lines wait in its bounded input buffer, so
 * pipelined requests are answered in order. One request a loop turn and client: events of the
 * kernel and of peers get their turn between two requests of anybody. While much of a client's
 * output is unread, its next request waits; who leaves output unread for SEND_PATIENCE_S, or lets
 * progress pile up beyond OUTPUT_MAX, is dropped.
 *
 * Invariants: nothing here blocks; a client is freed only from its own events (client_turn,
 * on_event), never under a handler's feet; a request outlives its client until the handler ends it.
 */
#include "src/ctl/ctl.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <poll.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "src/base/auto.h"
#include "src/base/descriptors.h"
#include "src/base/log.h"
#include "src/ctl/listen.h"
#include "src/ctl/request.h"

#define INPUT_MAX       (CTL_LINE_MAX + 2) /* so that too long a line is seen as such */
#define OUTPUT_MAX      (4U * 1024 * 1024)
#define OUTPUT_PAUSE    (256U * 1024) /* unread output beyond which the next request waits */
#define SEND_PATIENCE_S 10
#define IDLE_MAX_S      60
#define OWNER_MAX       64

struct ctl_socket {
	struct ctl *ctl;
	bool is_admin;
	const struct ctl_command *more; /* commands of this socket alone; NULL: none */
	unsigned n_clients, clients_max;
	char *path;
	struct listen_file file;
	struct evconnlistener *listener;
	struct event *pause; /* ends a pause of the listener */
};

struct ctl_client {
	LIST_ENTRY(ctl_client) entry;
	struct ctl_socket *socket;
	struct bufferevent *stream;
	struct event *turn;          /* runs client_turn() in the next loop iteration */
	struct ctl_request *request; /* in work, or NULL */
	uid_t uid;
	bool is_read_out; /* the client will send no more */
	bool is_closing;  /* write out what is queued, then close */
	bool is_dead;     /* close as it is */
};

struct ctl_request {
	struct ctl_client *client; /* NULL: went away */
	char owner[OWNER_MAX];     /* resolved at first use */
	uid_t uid;
	void (*gone)(void *arg);
	void *gone_arg;
	void (*turn)(void *arg);
	void *turn_arg;
};

struct ctl {
	struct event_base *base;
	const struct ctl_command *commands;
	void *context;
	struct ctl_socket readers, admins, webs;
	LIST_HEAD(, ctl_client) clients;
};

/* ---- a client's life ---- */

static void client_wake(struct ctl_client *client)
{
	static const struct timeval next_turn = { 0, 0 };

	event_add(client->turn, &next_turn);
}

static void client_drop(struct ctl_client *client)
{
	client->is_dead = true;
	client_wake(client);
}

/* The client leaves its request behind; whoever works on it is told. */
static void request_orphan(struct ctl_request *request)
{
	request->client = NULL;
	if (request->gone)
		request->gone(request->gone_arg);
}

static void client_free(struct ctl_client *client)
{
	struct ctl_request *request = TAKE(client->request);

	LIST_REMOVE(client, entry);
	client->socket->n_clients--;
	event_free(client->turn);
	bufferevent_free(client->stream);
	free(client);
	if (request)
		request_orphan(request);
}

/* Room for so many bytes more; false: the client had let too many wait, and is dropped. */
static bool client_has_room(struct ctl_client *client, size_t len)
{
	size_t unread = evbuffer_get_length(bufferevent_get_output(client->stream));

	if (client->is_dead)
		return false;
	if (unread + len <= OUTPUT_MAX)
		return true;
	log_warn("ctl_client_dropped", "uid=%u unread_bytes=%zu", client->uid, unread);
	client_drop(client);
	return false;
}

static void client_send_text(struct ctl_client *client, const char *line, size_t len)
{
	struct evbuffer *out = bufferevent_get_output(client->stream);

	if (!client_has_room(client, len + 1))
		return;
	evbuffer_add(out, line, len);
	evbuffer_add(out, "\n", 1);
}

/* The answer as a line; takes the reference. */
static void client_send(struct ctl_client *client, json_t *answer)
{
	AUTO(freep)
	char *line = answer ? json_dumps(answer, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;
	static const char too_large[] =
		"{\"v\":1,\"ok\":false,\"exit\":1,\"error\":\"the answer would be larger than "
		"4 MiB; name what to show\"}";

	json_decref(answer);
	if (line && strlen(line) < OUTPUT_MAX)
		client_send_text(client, line, strlen(line));
	else
		client_send_text(client, too_large, sizeof(too_large) - 1);
}

static void client_refuse(struct ctl_client *client, enum ctl_exit status, const char *sentence)
{
	client_send(client, request_refusal(status, sentence, NULL));
}

/* ---- requests ---- */

/* Who asked for what; long arguments are cut. */
static void log_operator(const struct ctl_request *request, const struct ctl_command *command,
			 const json_t *args)
{
	AUTO(freep)
	char *text =
		json_object_size(args) ? json_dumps(args, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;

	log_notice("operator", "command=%s owner=%s args=%s", command->name,
		   LOG_QUOTE(ctl_request_owner(request)), LOG_QUOTE(text ? text : ""));
}

static void run_command(struct ctl_client *client, const struct ctl_command *command,
			const json_t *args)
{
	struct ctl_request *request = calloc(1, sizeof(*request));

	if (!request) {
		client_refuse(client, CTL_FAILED, "out of memory");
		return;
	}
	request->client = client;
	request->uid = client->uid;
	client->request = request;
	if (command->is_admin)
		log_operator(request, command, args);
	command->run(request, args, client->socket->ctl->context);
}

/* A command that this socket knows by name; NULL with the sentence. */
static const struct ctl_command *find_command(const struct ctl_socket *sock, const char *name,
					      struct err *err)
{
	const struct ctl_command *more = sock->more;

	for (; more && more->name; more++)
		if (strcmp(more->name, name) == 0)
			return more;
	return request_find(sock->ctl->commands, name, err);
}

static void take_line(struct ctl_client *client, const char *text, size_t len)
{
	const struct ctl_command *command;
	struct request_line line;
	struct err err;

	if (request_parse(text, len, &line, &err) < 0) {
		client_refuse(client, CTL_USAGE, err.text);
		return;
	}
	command = find_command(client->socket, line.command, &err);
	if (!command) {
		client_refuse(client, CTL_USAGE, err.text);
	} else if (command->is_admin && !client->socket->is_admin) {
		err_set(&err, -EPERM, "'%s' changes things: it is answered on admin.sock only",
			command->name);
		client_refuse(client, CTL_PERMISSION, err.text);
	} else {
		run_command(client, command, line.args);
	}
	request_line_fini(&line);
}

/* One request, if one is there and the client may have it. True: look again next turn. */
static bool client_take(struct ctl_client *client)
{
	struct evbuffer *in = bufferevent_get_input(client->stream);
	struct evbuffer *out = bufferevent_get_output(client->stream);
	AUTO(freep) char *line = NULL;
	size_t len;

	if (client->request || client->is_closing || evbuffer_get_length(out) > OUTPUT_PAUSE)
		return false;
	line = evbuffer_readln(in, &len, EVBUFFER_EOL_LF);
	if (line && len <= CTL_LINE_MAX) {
		take_line(client, line, len);
		return true;
	}
	if (line || evbuffer_get_length(in) > CTL_LINE_MAX) {
		client_refuse(client, CTL_USAGE, "request: the line is longer than 64 KiB");
		client->is_closing = true;
	}
	return false;
}

/* The next bit of a long answer, if the client has read the ones before. True as client_take(). */
static bool client_answer_on(struct ctl_client *client)
{
	struct ctl_request *request = client->request;

	if (!request || !request->turn ||
	    evbuffer_get_length(bufferevent_get_output(client->stream)) > OUTPUT_PAUSE)
		return false;
	request->turn(request->turn_arg);
	return true;
}

static bool client_is_finished(const struct ctl_client *client)
{
	if (client->is_dead)
		return true;
	if (client->request || evbuffer_get_length(bufferevent_get_output(client->stream)) > 0)
		return false;
	return client->is_closing || client->is_read_out;
}

/*
 * Read on only while there is room: libevent calls the read callback again and again, busily, for a
 * buffer that stays at its high watermark.
 */
static void client_pace(struct ctl_client *client)
{
	struct evbuffer *in = bufferevent_get_input(client->stream);

	if (client->is_closing || client->is_read_out || evbuffer_get_length(in) >= INPUT_MAX)
		bufferevent_disable(client->stream, EV_READ);
	else
		bufferevent_enable(client->stream, EV_READ);
}

static void client_turn(evutil_socket_t fd, short what, void *arg)
{
	struct ctl_client *client = arg;

	(void)fd;
	(void)what;
	if (!client->is_dead && (client_answer_on(client) || client_take(client))) {
		client_wake(client);
	} else if (client_is_finished(client)) {
		client_free(client);
		return;
	}
	client_pace(client);
}

/* ---- events of the stream ---- */

/* Read more, or the output got shorter. */
static void on_progress(struct bufferevent *stream, void *arg)
{
	(void)stream;
	client_pace(arg);
	client_wake(arg);
}

/* Gone for good, or only done with sending? */
static bool has_hung_up(struct bufferevent *stream)
{
	struct pollfd poll_fd = { .fd = bufferevent_getfd(stream) };

	return poll(&poll_fd, 1, 0) < 0 || (poll_fd.revents & (POLLHUP | POLLERR | POLLNVAL));
}

static void on_event(struct bufferevent *stream, short what, void *arg)
{
	struct ctl_client *client = arg;

	if ((what & BEV_EVENT_TIMEOUT) && (what & BEV_EVENT_READING) && client->request) {
		bufferevent_enable(stream, EV_READ); /* it waits for us, not we for it */
		return;
	}
	if ((what & BEV_EVENT_EOF) && !has_hung_up(stream)) {
		client->is_read_out = true;
		client_wake(client);
		return;
	}
	if ((what & BEV_EVENT_TIMEOUT) && (what & BEV_EVENT_WRITING))
		log_warn("ctl_client_dropped", "uid=%u unread_bytes=%zu", client->uid,
			 evbuffer_get_length(bufferevent_get_output(stream)));
	client_free(client);
}

static void client_watch_stream(struct ctl_client *client)
{
	static const struct timeval idle = { IDLE_MAX_S, 0 }, patience = { SEND_PATIENCE_S, 0 };

	bufferevent_setcb(client->stream, on_progress, on_progress, on_event, client);
	bufferevent_setwatermark(client->stream, EV_READ, 0, INPUT_MAX);
	bufferevent_setwatermark(client->stream, EV_WRITE, OUTPUT_PAUSE / 2, 0);
	bufferevent_set_timeouts(client->stream, &idle, &patience);
	bufferevent_enable(client->stream, EV_READ | EV_WRITE);
}

/* fd stays the caller's when NULL is returned. */
static struct ctl_client *client_new(struct ctl_socket *sock, int fd, uid_t uid)
{
	struct event_base *base = sock->ctl->base;
	struct ctl_client *client = calloc(1, sizeof(*client));

	if (!client)
		return NULL;
	client->turn = evtimer_new(base, client_turn, client);
	if (client->turn)
		client->stream = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!client->stream) {
		if (client->turn)
			event_free(client->turn);
		free(client);
		return NULL;
	}
	client->socket = sock;
	client->uid = uid;
	sock->n_clients++;
	LIST_INSERT_HEAD(&sock->ctl->clients, client, entry);
	client_watch_stream(client);
	return client;
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer,
		      int peer_len, void *arg)
{
	static const char full[] = "{\"v\":1,\"ok\":false,\"exit\":1,\"error\":\"too many clients "
				   "are connected, or shoald is short of descriptors; try "
				   "again\"}\n";
	struct ctl_socket *sock = arg;
	struct ucred cred;
	socklen_t len = sizeof(cred);

	(void)listener;
	(void)peer;
	(void)peer_len;
	if (sock->n_clients >= sock->clients_max || descriptors_are_last(fd)) {
		send(fd, full, sizeof(full) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
		close(fd);
	} else if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0 ||
		   !client_new(sock, fd, cred.uid)) {
		close(fd);
	}
}

/* ---- the sockets ---- */

static void on_pause_over(evutil_socket_t fd, short what, void *arg)
{
	struct ctl_socket *sock = arg;

	(void)fd;
	(void)what;
	evconnlistener_enable(sock->listener);
}

/* Out of descriptors: who waits to be let in would be seen again and again, busily. */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
	static const struct timeval pause = { .tv_sec = 1 };
	struct ctl_socket *sock = arg;

	evconnlistener_disable(listener);
	event_add(sock->pause, &pause);
}

static int socket_open(struct ctl_socket *sock, const char *path, const char *group,
		       struct err *err)
{
	AUTO(fd_closep) int fd = -1;
	int r;

	sock->path = strdup(path);
	if (!sock->path)
		return err_set(err, -ENOMEM, "socket '%s': %m", path);
	r = listen_unix(path, group, &fd, &sock->file, err);
	if (r < 0)
		return r;
	sock->listener = evconnlistener_new(sock->ctl->base, on_accept, sock,
					    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (!sock->listener) {
		listen_remove(path, &sock->file);
		return err_set(err, -ENOMEM, "socket '%s': cannot listen", path);
	}
	fd_take(&fd);
	sock->pause = evtimer_new(sock->ctl->base, on_pause_over, sock);
	if (!sock->pause)
		return err_set(err, -ENOMEM, "socket '%s': %m", path);
	evconnlistener_set_error_cb(sock->listener, on_accept_error);
	return 0;
}

static void socket_close(struct ctl_socket *sock)
{
	if (sock->pause)
		event_free(sock->pause);
	if (sock->listener) {
		evconnlistener_free(sock->listener);
		listen_remove(sock->path, &sock->file);
	}
	free(sock->path);
}

int ctl_new(struct event_base *base, const struct ctl_options *options, struct ctl **ret,
	    struct err *err)
{
	struct ctl *ctl = calloc(1, sizeof(*ctl));
	int r;

	if (!ctl)
		return err_set(err, -ENOMEM, "control sockets: %m");
	ctl->base = base;
	ctl->commands = options->commands;
	ctl->context = options->context;
	LIST_INIT(&ctl->clients);
	ctl->readers = (struct ctl_socket){ .ctl = ctl, .clients_max = CTL_READERS_MAX };
	ctl->admins =
		(struct ctl_socket){ .ctl = ctl, .clients_max = CTL_ADMINS_MAX, .is_admin = true };
	ctl->webs = (struct ctl_socket){ .ctl = ctl,
					 .clients_max = CTL_WEBS_MAX,
					 .more = options->web_commands };
	r = socket_open(&ctl->readers, options->read_path, options->read_group, err);
	if (r == 0)
		r = socket_open(&ctl->admins, options->admin_path, options->admin_group, err);
	if (r == 0 && options->web_path)
		r = socket_open(&ctl->webs, options->web_path, options->web_group, err);
	if (r < 0) {
		ctl_free(ctl);
		return r;
	}
	*ret = ctl;
	return 0;
}

void ctl_free(struct ctl *ctl)
{
	struct ctl_client *client;

	if (!ctl)
		return;
	while ((client = LIST_FIRST(&ctl->clients)) != NULL)
		client_free(client);
	socket_close(&ctl->readers);
	socket_close(&ctl->admins);
	socket_close(&ctl->webs);
	free(ctl);
}

/* ---- what handlers call ---- */

/* The request is over: send its answer if somebody waits, and let the next line in. */
static void request_end(struct ctl_request *request, json_t *answer)
{
	struct ctl_client *client = request->client;

	if (client) {
		client->request = NULL;
		client_send(client, answer);
		client_wake(client);
	} else {
		json_decref(answer);
	}
	free(request);
}

void ctl_answer(struct ctl_request *request, json_t *result)
{
	request_end(request, request_answer(result));
}

static void refuse(struct ctl_request *request, enum ctl_exit status, json_t *result,
		   const char *fmt, va_list args) __attribute__((format(printf, 4, 0)));

static void refuse(struct ctl_request *request, enum ctl_exit status, json_t *result,
		   const char *fmt, va_list args)
{
	char sentence[ERR_TEXT_MAX];

	vsnprintf(sentence, sizeof(sentence), fmt, args);
	request_end(request, request_refusal(status, sentence, result));
}

void ctl_refuse(struct ctl_request *request, enum ctl_exit status, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	refuse(request, status, NULL, fmt, args);
	va_end(args);
}

void ctl_refuse_with(struct ctl_request *request, enum ctl_exit status, json_t *result,
		     const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	refuse(request, status, result, fmt, args);
	va_end(args);
}

void ctl_progress(struct ctl_request *request, const char *fmt, ...)
{
	char line[ERR_TEXT_MAX];
	va_list args;

	if (!request->client)
		return;
	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	client_send(request->client, request_progress(line));
}

void ctl_part(struct ctl_request *request, json_t *part)
{
	if (request->client)
		client_send(request->client, request_part(part));
	else
		json_decref(part);
}

void ctl_text(struct ctl_request *request, size_t at, const char *text, size_t len)
{
	struct ctl_client *client = request->client;
	char head[96];
	int n = snprintf(head, sizeof(head), "{\"v\":%d,\"text\":{\"at\":%zu,\"bytes\":%zu}}\n",
			 CTL_VERSION, at, len);

	if (!client || !client_has_room(client, (size_t)n + len))
		return;
	evbuffer_add(bufferevent_get_output(client->stream), head, (size_t)n);
	evbuffer_add(bufferevent_get_output(client->stream), text, len);
}

size_t ctl_request_unread(const struct ctl_request *request)
{
	if (!request->client)
		return 0;
	return evbuffer_get_length(bufferevent_get_output(request->client->stream));
}

bool ctl_request_is_admin(const struct ctl_request *request)
{
	return request->client && request->client->socket->is_admin;
}

/* True for a login name that can be shown and logged as it is. */
static bool is_plain_name(const char *name)
{
	if (*name == '\0')
		return false;
	for (; *name; name++)
		if (*name <= ' ' || *name > '~')
			return false;
	return true;
}

const char *ctl_request_owner(const struct ctl_request *request)
{
	/* The text is a cache in an object that is never const itself. */
	struct ctl_request *cache = (struct ctl_request *)(uintptr_t)request;
	const struct passwd *entry;

	if (cache->owner[0] != '\0')
		return cache->owner;
	entry = getpwuid(cache->uid);
	if (entry && is_plain_name(entry->pw_name))
		snprintf(cache->owner, sizeof(cache->owner), "%.40s (uid %u)", entry->pw_name,
			 cache->uid);
	else
		snprintf(cache->owner, sizeof(cache->owner), "uid %u", cache->uid);
	return cache->owner;
}

bool ctl_request_is_alive(const struct ctl_request *request)
{
	return request->client != NULL;
}

void ctl_request_watch(struct ctl_request *request, void (*gone)(void *arg), void *arg)
{
	request->gone = gone;
	request->gone_arg = arg;
	if (!request->client && gone)
		gone(arg);
}

void ctl_request_turns(struct ctl_request *request, void (*turn)(void *arg), void *arg)
{
	request->turn = turn;
	request->turn_arg = arg;
	if (request->client)
		client_wake(request->client);
}
