/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server.h - HTTP towards machines and people: libevent's server, and the bounds around it.
 *
 * 64 connections, 16 KiB of headers, ten seconds for a request to come whole and for its answer to
 * move; GET and HEAD only. What is served is in routes.c.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "src/base/err.h"
#include "src/base/usec.h"

struct cache;
struct event_base;
struct evhttp_request;
struct link;
struct page;
struct server;
struct streams;

#define SERVER_CONNECTIONS_MAX 64
#define SERVER_HEADERS_MAX     (16 * 1024)
#define SERVER_IDLE_S          10

/* What is known of this process and of shoald's last word. */
struct server_counts {
	uint64_t requests[6]; /* by first digit of the status; 0: others */
	uint64_t refused;     /* connections above the bound */
	uint64_t timed_out;   /* requests that did not come in time */
	unsigned connections, streams;
	uint64_t streams_dropped;
};

struct server_options {
	struct event_base *base;
	struct cache *cache;
	struct link *link;
};

/* Returns 0 or -ENOMEM. It listens nowhere yet. */
int server_new(const struct server_options *options, struct server **ret, struct err *err);
/* NULL is fine. */
void server_free(struct server *server);

/*
 * server_listen - listen there and nowhere else, "127.0.0.1:9108" or "[::1]:9108"; connections that
 * stand are kept. NULL: nowhere. Returns 0, or a negative errno with the sentence; then it listens
 * where it did.
 */
int server_listen(struct server *server, const char *where, struct err *err);
/* The same on a socket that listens already, which becomes the server's. */
int server_listen_fd(struct server *server, int fd, struct err *err);

/* shoald's word of now (the command beat); borrowed. */
void server_beat(struct server *server, json_t *beat);
/* When it came last; 0: never. */
usec_t server_beat_at(const struct server *server);
/* It is so young that the process which decides is well. */
bool server_is_fresh(const struct server *server);
/* Why there is none. */
const char *server_trouble(const struct server *server);
/* Of the last beat: an array of reasons; NULL: there was none. */
json_t *server_not_ready(const struct server *server);

struct streams *server_streams(struct server *server);
/* The first event of a new stream. */
void server_greet(struct server *server, struct evhttp_request *request);
struct server_counts *server_counts(struct server *server);
struct cache *server_cache(struct server *server);

/* Answer a request, once. The page is borrowed; NULL: out of memory. */
void server_reply(struct server *server, struct evhttp_request *request, struct page *page);
/* The same with one page behind another; status and type are the first one's. */
void server_reply_both(struct server *server, struct evhttp_request *request, struct page *page,
		       struct page *more);
/* The headers of every answer. */
void server_add_headers(struct evhttp_request *request);
/* {"error": sentence}, with the Allow header for 405. */
void server_refuse(struct server *server, struct evhttp_request *request, int status,
		   const char *sentence);
