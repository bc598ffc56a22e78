/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream.h - /api/v1/events/stream: server-sent events, to all who listen.
 *
 * Who lets STREAM_BACKLOG_MAX bytes wait is dropped; a browser comes back by itself.
 */
#pragma once

#include <stdbool.h>

#define STREAM_BACKLOG_MAX (256 * 1024)

struct evhttp_request;
struct server;
struct streams;

/* NULL: no memory. */
struct streams *streams_new(struct server *server);
/* After the server is gone. NULL is fine. */
void streams_free(struct streams *streams);

/* One event to everybody: a name and one line of JSON. */
void streams_send(struct streams *streams, const char *event, const char *line);

/* Of the table of routes. */
void stream_serve(struct server *server, struct evhttp_request *request, const char *name);
