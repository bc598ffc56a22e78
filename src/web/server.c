/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server.c - connections and the bounds on them.
 *
 * libevent's server tells nobody when a connection ends before it asked for anything. So each
 * connection's stream is made here and held by a reference: libevent takes the callbacks off a
 * stream that it lets go, and that is looked for once a second, and whenever the bound is met.
 *
 * At the bound libevent's listener rests, and one of our own takes what comes next and says 503.
 */
#include "src/web/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "src/base/auto.h"
#include "src/base/log.h"
#include "src/web/cache.h"
#include "src/web/host.h"
#include "src/web/link.h"
#include "src/web/routes.h"
#include "src/web/stream.h"

#define HEADERS_HARD_MAX (4 * SERVER_HEADERS_MAX) /* what libevent takes before it gives up */
#define BODY_MAX         SERVER_HEADERS_MAX       /* of what is refused anyway */
#define BACKLOG          128
#define FRESH_US         (5 * USEC_PER_SEC) /* of the beat, which comes once a second */
#define IDLE_US          (SERVER_IDLE_S * USEC_PER_SEC)

struct connection {
	LIST_ENTRY(connection) entry;
	struct bufferevent *stream; /* a reference */
	usec_t idle_since;          /* accepted, or its last answer went out; 0: being answered */
};

struct server {
	struct server_options options;
	struct evhttp *http;
	struct evhttp_bound_socket *bound; /* NULL: listening nowhere */
	struct event *full;                /* takes what comes while the bound is met */
	struct event *second;
	LIST_HEAD(, connection) connections;
	struct streams *streams;
	struct server_counts counts;
	json_t *beat;
	usec_t beat_at;
};

/* ---- connections ---- */

/* libevent has let it go. */
static bool is_gone(const struct connection *connection)
{
	bufferevent_data_cb read_cb, write_cb;
	bufferevent_event_cb event_cb;
	void *arg;

	bufferevent_getcb(connection->stream, &read_cb, &write_cb, &event_cb, &arg);
	return !read_cb && !write_cb && !event_cb;
}

static void connection_free(struct server *server, struct connection *connection)
{
	LIST_REMOVE(connection, entry);
	server->counts.connections--;
	bufferevent_decref(connection->stream);
	free(connection);
}

static void drop_gone(struct server *server)
{
	struct connection *connection, *next;

	for (connection = LIST_FIRST(&server->connections); connection; connection = next) {
		next = LIST_NEXT(connection, entry);
		if (is_gone(connection))
			connection_free(server, connection);
	}
}

static void stop_accepting(struct server *server)
{
	evconnlistener_disable(evhttp_bound_socket_get_listener(server->bound));
	event_add(server->full, NULL);
}

static void accept_again(struct server *server)
{
	event_del(server->full);
	evconnlistener_enable(evhttp_bound_socket_get_listener(server->bound));
}

/* Called by libevent for each connection it accepts. */
static struct bufferevent *new_stream(struct event_base *base, void *arg)
{
	struct server *server = arg;
	struct connection *connection = calloc(1, sizeof(*connection));
	struct bufferevent *stream = bufferevent_socket_new(base, -1, 0);

	if (!connection || !stream) {
		free(connection);
		return stream;
	}
	bufferevent_incref(stream);
	connection->stream = stream;
	connection->idle_since = usec_now();
	drop_gone(server); /* before this one is among them, which has no callbacks yet */
	LIST_INSERT_HEAD(&server->connections, connection, entry);
	server->counts.connections++;
	if (server->counts.connections >= SERVER_CONNECTIONS_MAX)
		stop_accepting(server);
	return stream;
}

static void refuse_connection(struct server *server, int listener)
{
	static const char text[] = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n"
				   "Retry-After: 1\r\nConnection: close\r\n\r\n";
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return;
	server->counts.refused++;
	send(fd, text, sizeof(text) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	shutdown(fd, SHUT_WR);
	close(fd);
}

static void on_full(evutil_socket_t fd, short what, void *arg)
{
	struct server *server = arg;

	(void)what;
	drop_gone(server);
	if (server->counts.connections < SERVER_CONNECTIONS_MAX)
		accept_again(server);
	else
		refuse_connection(server, fd);
}

static struct connection *connection_of(struct server *server, struct evhttp_request *request)
{
	struct evhttp_connection *of = evhttp_request_get_connection(request);
	struct bufferevent *stream = of ? evhttp_connection_get_bufferevent(of) : NULL;
	struct connection *connection;

	LIST_FOREACH(connection, &server->connections, entry)
	if (connection->stream == stream)
		return connection;
	return NULL;
}

/* A request of which a byte comes now and then keeps no place: libevent sees the end of the
 * connection and lets it go. */
static void hurry(struct server *server, struct connection *connection, usec_t now)
{
	int fd = bufferevent_getfd(connection->stream);

	if (connection->idle_since == 0 || now - connection->idle_since < IDLE_US || fd < 0)
		return;
	server->counts.timed_out++;
	connection->idle_since = now;
	shutdown(fd, SHUT_RDWR);
}

static void on_second(evutil_socket_t fd, short what, void *arg)
{
	struct server *server = arg;
	struct connection *connection;
	usec_t now = usec_now();

	(void)fd;
	(void)what;
	drop_gone(server);
	LIST_FOREACH(connection, &server->connections, entry)
	hurry(server, connection, now);
}

/* ---- requests ---- */

void server_add_headers(struct evhttp_request *request)
{
	static const char *const headers[][2] = {
		{ "Cache-Control", "no-store" },
		{ "X-Content-Type-Options", "nosniff" },
		{ "X-Frame-Options", "DENY" },
		{ "Referrer-Policy", "no-referrer" },
		{ "Cross-Origin-Resource-Policy", "same-origin" },
		{ "Cross-Origin-Opener-Policy", "same-origin" },
		{ "Content-Security-Policy",
		  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
		  "connect-src 'self'; base-uri 'none'; form-action 'none'; "
		  "frame-ancestors 'none'; require-trusted-types-for 'script'; "
		  "trusted-types 'none'" },
	};
	struct evkeyvalq *out = evhttp_request_get_output_headers(request);

	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		evhttp_add_header(out, headers[i][0], headers[i][1]);
}

/* Of those that libevent has no word for; NULL: it has. */
static const char *reason_of(int status)
{
	if (status == 421)
		return "Misdirected Request";
	return status == 431 ? "Request Header Fields Too Large" : NULL;
}

static void count_status(struct server *server, int status)
{
	server->counts.requests[status >= 100 && status < 600 ? status / 100 : 0]++;
}

void server_reply(struct server *server, struct evhttp_request *request, struct page *page)
{
	server_reply_both(server, request, page, NULL);
}

void server_reply_both(struct server *server, struct evhttp_request *request, struct page *page,
		       struct page *more)
{
	AUTO(page_unrefp) struct page *none = NULL;
	struct evkeyvalq *out = evhttp_request_get_output_headers(request);
	struct evbuffer *body = evbuffer_new();
	char length[32];

	if (!page)
		page = none = page_refusal(HTTP_INTERNAL, "out of memory");
	if (!page || !body || page_add(page, body) < 0 || (more && page_add(more, body) < 0)) {
		count_status(server, HTTP_INTERNAL);
		evhttp_send_error(request, HTTP_INTERNAL, NULL);
	} else {
		count_status(server, page->status);
		server_add_headers(request);
		evhttp_add_header(out, "Content-Type", page->type);
		snprintf(length, sizeof(length), "%zu", evbuffer_get_length(body));
		evhttp_add_header(out, "Content-Length", length);
		if (evhttp_request_get_command(request) == EVHTTP_REQ_HEAD)
			evbuffer_drain(body, evbuffer_get_length(body));
		evhttp_send_reply(request, page->status, reason_of(page->status), body);
	}
	if (body)
		evbuffer_free(body);
}

void server_refuse(struct server *server, struct evhttp_request *request, int status,
		   const char *sentence)
{
	AUTO(page_unrefp) struct page *page = page_refusal(status, sentence);
	struct evkeyvalq *out = evhttp_request_get_output_headers(request);

	if (status == HTTP_BADMETHOD)
		evhttp_add_header(out, "Allow", "GET, HEAD");
	if (status == HTTP_SERVUNAVAIL)
		evhttp_add_header(out, "Retry-After", "1");
	if (status == HTTP_BADREQUEST)
		evhttp_add_header(out, "Connection", "close");
	server_reply(server, request, page);
}

static size_t headers_size(struct evhttp_request *request)
{
	const struct evkeyvalq *headers = evhttp_request_get_input_headers(request);
	size_t size = strlen(evhttp_request_get_uri(request));
	const struct evkeyval *header;

	TAILQ_FOREACH(header, headers, next)
	size += strlen(header->key) + strlen(header->value) + strlen(": \r\n");
	return size;
}

/* Where it would begin is not where libevent would look for the next request. */
static bool has_body(struct evhttp_request *request)
{
	const struct evkeyvalq *headers = evhttp_request_get_input_headers(request);
	const char *length = evhttp_find_header(headers, "Content-Length");

	return (length && strcmp(length, "0") != 0) ||
	       evhttp_find_header(headers, "Transfer-Encoding");
}

/* The address the connection came to; empty when it has none. */
static void local_address(struct server *server, struct evhttp_request *request,
			  struct sockaddr_storage *ret)
{
	struct connection *connection = connection_of(server, request);
	socklen_t len = sizeof(*ret);

	*ret = (struct sockaddr_storage){ 0 };
	if (connection)
		getsockname(bufferevent_getfd(connection->stream), (struct sockaddr *)ret, &len);
}

static bool host_is_ours(struct server *server, struct evhttp_request *request)
{
	const struct evkeyvalq *headers = evhttp_request_get_input_headers(request);
	struct sockaddr_storage address;

	local_address(server, request, &address);
	return host_is_fine(evhttp_find_header(headers, "Host"), &address);
}

static void on_answered(struct evhttp_request *request, void *arg)
{
	struct server *server = arg;
	struct connection *connection = connection_of(server, request);

	if (connection)
		connection->idle_since = usec_now();
}

static void on_request(struct evhttp_request *request, void *arg)
{
	struct server *server = arg;
	struct connection *connection = connection_of(server, request);
	enum evhttp_cmd_type method = evhttp_request_get_command(request);

	if (connection)
		connection->idle_since = 0;
	evhttp_request_set_on_complete_cb(request, on_answered, server);
	if (headers_size(request) > SERVER_HEADERS_MAX)
		server_refuse(server, request, 431, "the headers are longer than 16 KiB");
	else if (method != EVHTTP_REQ_GET && method != EVHTTP_REQ_HEAD)
		server_refuse(server, request, HTTP_BADMETHOD,
			      "only GET and HEAD: nothing can be changed here");
	else if (has_body(request))
		server_refuse(server, request, HTTP_BADREQUEST, "a request to look has no body");
	else if (!host_is_ours(server, request))
		server_refuse(server, request, 421,
			      "this name is not known here; ask by address or as localhost");
	else
		routes_serve(server, request);
}

/* ---- listening ---- */

static void unbind(struct server *server)
{
	if (!server->bound)
		return;
	if (server->full)
		event_free(TAKE(server->full));
	evhttp_del_accept_socket(server->http, server->bound); /* closes it */
	server->bound = NULL;
}

int server_listen_fd(struct server *server, int fd, struct err *err)
{
	struct event *full =
		event_new(server->options.base, fd, EV_READ | EV_PERSIST, on_full, server);
	struct evhttp_bound_socket *bound =
		full ? evhttp_accept_socket_with_handle(server->http, fd) : NULL;

	if (!bound) {
		if (full)
			event_free(full);
		close(fd);
		return err_set(err, -ENOMEM, "listen: %m");
	}
	unbind(server);
	server->full = full;
	server->bound = bound;
	if (server->counts.connections >= SERVER_CONNECTIONS_MAX)
		stop_accepting(server);
	return 0;
}

static int open_listener(const char *where, int *ret_fd, struct err *err)
{
	static const int on = 1;
	struct sockaddr_storage address;
	AUTO(fd_closep) int fd = -1;
	int len = sizeof(address);

	if (evutil_parse_sockaddr_port(where, (struct sockaddr *)&address, &len) < 0)
		return err_set(err, -EINVAL, "'%s' is no address and port", where);
	fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_set(err, -errno, "socket for '%s': %m", where);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&address, (socklen_t)len) < 0 || listen(fd, BACKLOG) < 0)
		return err_set(err, -errno, "cannot listen on '%s': %m", where);
	*ret_fd = fd_take(&fd);
	return 0;
}

int server_listen(struct server *server, const char *where, struct err *err)
{
	int fd = -1, r;

	if (!where) {
		unbind(server);
		return 0;
	}
	r = open_listener(where, &fd, err);
	if (r == -EADDRINUSE && server->bound) { /* by ourselves, where one is within the other */
		unbind(server);
		r = open_listener(where, &fd, err);
	}
	return r < 0 ? r : server_listen_fd(server, fd, err);
}

/* ---- life ---- */

static int start_http(struct server *server)
{
	static const struct timeval second = { .tv_sec = 1 };
	struct event_base *base = server->options.base;

	server->http = evhttp_new(base);
	server->second = event_new(base, -1, EV_PERSIST, on_second, server);
	if (!server->http || !server->second || event_add(server->second, &second) < 0)
		return -ENOMEM;
	evhttp_set_max_headers_size(server->http, HEADERS_HARD_MAX);
	evhttp_set_max_body_size(server->http, BODY_MAX);
	evhttp_set_timeout(server->http, SERVER_IDLE_S);
	evhttp_set_default_content_type(server->http, NULL);
	/* All of them, to be refused in words. */
	evhttp_set_allowed_methods(server->http, 0xffff);
	evhttp_set_bevcb(server->http, new_stream, server);
	evhttp_set_gencb(server->http, on_request, server);
	return 0;
}

int server_new(const struct server_options *options, struct server **ret, struct err *err)
{
	struct server *server = calloc(1, sizeof(*server));

	if (!server)
		return err_set(err, -ENOMEM, "server: %m");
	server->options = *options;
	LIST_INIT(&server->connections);
	server->streams = streams_new(server);
	if (!server->streams || start_http(server) < 0) {
		server_free(server);
		return err_set(err, -ENOMEM, "server: %m");
	}
	*ret = server;
	return 0;
}

void server_free(struct server *server)
{
	struct connection *connection;

	if (!server)
		return;
	unbind(server);
	if (server->http)
		evhttp_free(server->http);
	while ((connection = LIST_FIRST(&server->connections)) != NULL)
		connection_free(server, connection);
	if (server->second)
		event_free(server->second);
	streams_free(server->streams);
	json_decref(server->beat);
	free(server);
}

/* ---- what shoald said ---- */

static char *line_of(const json_t *document)
{
	return document ? json_dumps(document, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;
}

void server_beat(struct server *server, json_t *beat)
{
	AUTO(freep) char *line = line_of(beat);

	server->beat_at = usec_now();
	json_decref(server->beat);
	server->beat = json_incref(beat);
	if (line)
		streams_send(server->streams, "beat", line);
}

void server_greet(struct server *server, struct evhttp_request *request)
{
	AUTO(freep) char *line = line_of(server->beat);
	struct evbuffer *text = evbuffer_new();

	if (!text)
		return;
	evbuffer_add_printf(text, "retry: 2000\n\n");
	if (line)
		evbuffer_add_printf(text, "event: beat\ndata: %s\n\n", line);
	evhttp_send_reply_chunk(request, text);
	evbuffer_free(text);
}

usec_t server_beat_at(const struct server *server)
{
	return server->beat_at;
}

bool server_is_fresh(const struct server *server)
{
	return link_is_up(server->options.link) && server->beat_at != 0 &&
	       usec_now() - server->beat_at < FRESH_US;
}

const char *server_trouble(const struct server *server)
{
	return link_is_up(server->options.link) ? "shoald does not answer"
						: link_trouble(server->options.link);
}

json_t *server_not_ready(const struct server *server)
{
	return json_object_get(server->beat, "not_ready");
}

struct streams *server_streams(struct server *server)
{
	return server->streams;
}

struct server_counts *server_counts(struct server *server)
{
	return &server->counts;
}

struct cache *server_cache(struct server *server)
{
	return server->options.cache;
}
