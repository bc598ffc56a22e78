/* SPDX-License-Identifier: Apache-2.0 */
/*
 * servers.h - small servers for the prober to meet, well-behaved and otherwise, on a libevent loop
 * and 127.0.0.1. TLS servers are processes of their own.
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum behaviour {
	SERVER_ACCEPTS,         /* and says nothing */
	SERVER_REFUSES,         /* nobody listens */
	SERVER_IS_FULL,         /* SYNs are dropped */
	SERVER_OK,              /* 200 */
	SERVER_NO_CONTENT,      /* 204 */
	SERVER_UNAVAILABLE,     /* 503 */
	SERVER_REDIRECTS,       /* 301 to a name */
	SERVER_CONTINUES,       /* 100, 100, 100, then 200 */
	SERVER_GARBAGE,         /* not HTTP */
	SERVER_BINARY,          /* bytes that are no text at all */
	SERVER_ENDLESS_BODY,    /* 200 and never an end */
	SERVER_ENDLESS_HEADERS, /* header lines without end */
	SERVER_ENDLESS_LINE,    /* one header line without end */
	SERVER_SLOW,            /* a byte now and then */
	SERVER_CLOSES,          /* without a word */
	SERVER_CUTS_SHORT,      /* 200, promises 100 bytes, sends 10 */
	SERVER_RESETS,          /* after the request */
	SERVER_GZIP,            /* 200, says gzip, is not */
	SERVER_BAD_CHUNKS,      /* 200, chunked, nonsense */
	SERVER_CANNED,          /* says once what server_can() gave it */
};

struct client;

struct server {
	struct event_base *base;
	enum behaviour behaviour; /* may be changed while it runs */
	int fd;
	uint16_t port; /* host order */
	struct event *acceptable;
	unsigned n_accepted;
	char last_request[512];     /* of OK and UNAVAILABLE, NUL-terminated */
	int fillers[8];             /* connections that keep SERVER_IS_FULL full */
	struct client *clients;     /* connected now */
	const void *canned, *flood; /* of CANNED; the flood follows without end */
	size_t canned_len, flood_len;
	bool resets; /* of CANNED: as soon as it has said so */
};

void server_start(struct server *server, struct event_base *base, enum behaviour behaviour);
void server_stop(struct server *server);
/* What a canned server says; the bytes are borrowed. */
void server_can(struct server *server, const void *bytes, size_t len);
void server_flood(struct server *server, const void *bytes, size_t len);

/* ---- TLS ---- */

/* A CA and what it signed, made anew by each run. */
struct tls_files {
	char ca[128]; /* PEM file */
};

struct tls_server {
	pid_t pid;
	uint16_t port;
};

/* Write a CA certificate to `directory`/NAME.pem; servers started afterwards are signed by it. */
void tls_make_ca(struct tls_files *files, const char *directory, const char *name);
void tls_remove_ca(struct tls_files *files);
/* A process that answers 200 over TLS with a certificate for host, valid or expired. */
void tls_server_start(struct tls_server *server, const char *host, int expired);
/* The same with a certificate that ends so many seconds from now. */
void tls_server_start_until(struct tls_server *server, const char *host, long ends_in_s);
void tls_server_stop(struct tls_server *server);
