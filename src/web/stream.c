/* SPDX-License-Identifier: Apache-2.0 */
#include "src/web/stream.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "src/web/server.h"

/* Half of all connections: streams have no end, and a scrape must find a place. */
#define STREAMS_MAX      (SERVER_CONNECTIONS_MAX / 2)
#define STREAM_INPUT_MAX 4096

struct stream {
	LIST_ENTRY(stream) entry;
	struct streams *streams;
	struct evhttp_request *request;
};

struct streams {
	struct server *server;
	LIST_HEAD(, stream) all;
};

struct streams *streams_new(struct server *server)
{
	struct streams *streams = calloc(1, sizeof(*streams));

	if (!streams)
		return NULL;
	streams->server = server;
	LIST_INIT(&streams->all);
	return streams;
}

void streams_free(struct streams *streams)
{
	free(streams);
}

static void on_close(struct evhttp_connection *connection, void *arg)
{
	struct stream *stream = arg;

	(void)connection;
	LIST_REMOVE(stream, entry);
	server_counts(stream->streams->server)->streams--;
	/* libevent lets a request go whose client went first, and leaves it to us. */
	if (!evhttp_request_get_connection(stream->request))
		evhttp_request_free(stream->request);
	free(stream);
}

/* Closing the connection ends the stream, by on_close(). */
static void drop_if_slow(struct stream *stream)
{
	struct evhttp_connection *connection = evhttp_request_get_connection(stream->request);
	struct bufferevent *out = evhttp_connection_get_bufferevent(connection);

	if (evbuffer_get_length(bufferevent_get_output(out)) <= STREAM_BACKLOG_MAX)
		return;
	server_counts(stream->streams->server)->streams_dropped++;
	evhttp_connection_free(connection);
}

void streams_send(struct streams *streams, const char *event, const char *line)
{
	struct evbuffer *text = evbuffer_new();
	struct stream *stream, *next;

	for (stream = LIST_FIRST(&streams->all); text && stream; stream = next) {
		next = LIST_NEXT(stream, entry);
		evbuffer_add_printf(text, "event: %s\ndata: %s\n\n", event, line);
		evhttp_send_reply_chunk(stream->request, text);
		drop_if_slow(stream);
	}
	if (text)
		evbuffer_free(text);
}

static void send_head(struct evhttp_request *request)
{
	struct evkeyvalq *out = evhttp_request_get_output_headers(request);

	server_add_headers(request);
	evhttp_add_header(out, "Content-Type", "text/event-stream");
	evhttp_send_reply_start(request, HTTP_OK, NULL);
}

void stream_serve(struct server *server, struct evhttp_request *request, const char *name)
{
	struct evhttp_connection *connection = evhttp_request_get_connection(request);
	struct stream *stream = NULL;

	(void)name;
	if (evhttp_request_get_command(request) == EVHTTP_REQ_HEAD) {
		send_head(request);
		evhttp_send_reply_end(request);
		return;
	}
	if (server_counts(server)->streams >= STREAMS_MAX) {
		server_refuse(server, request, HTTP_SERVUNAVAIL, "as many streams as there may be");
		return;
	}
	stream = calloc(1, sizeof(*stream));
	if (!stream) {
		server_reply(server, request, NULL);
		return;
	}
	stream->streams = server_streams(server);
	stream->request = request;
	LIST_INSERT_HEAD(&stream->streams->all, stream, entry);
	server_counts(server)->streams++;
	evhttp_connection_set_closecb(connection, on_close, stream);
	/* Nobody reads what a client says on: no more of it is taken than this. */
	bufferevent_setwatermark(evhttp_connection_get_bufferevent(connection), EV_READ, 0,
				 STREAM_INPUT_MAX);
	send_head(request);
	server_greet(server, request);
}
