/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_wish.h - what the requests of one target, of http, https or grpc, have in common, made once;
 * and the search of bodies for what they must hold.
 */
#pragma once

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

#include "health/check.h"

struct http_wish {
	bool has_tls, is_http2, is_grpc;
	char *url;
	const char *target; /* the path, as it is sent */
	uint8_t *post;      /* NULL: nothing is sent along */
	size_t post_len;
	struct curl_slist *headers;
	const struct check_text *contains; /* NULL: any body will do */
	struct pattern *matches;           /* NULL: the same */
};

/* Of a spec, whose texts it borrows. NULL: out of memory. */
struct http_wish *http_wish_new(const struct check_spec *spec);
void http_wish_free(struct http_wish *wish);

/*
 * The beginning of a body, kept where it is looked into: at most BODY_WINDOW_MAX bytes,
 * searched once, when they are whole or the body has ended, never per packet.
 */
#define BODY_WINDOW_MAX (64 * 1024)

struct body {
	char *bytes;
	size_t kept, room;
	bool is_searched;
};

/* More of it. Returns PROBE_OK, or what it failed with, in words in *ret_complaint. */
enum probe_reason body_add(struct body *body, const struct http_wish *wish, const char *bytes,
			   size_t len, const char **ret_complaint);
/* That was all of it; returns as body_add(). */
enum probe_reason body_end(struct body *body, const struct http_wish *wish,
			   const char **ret_complaint);
void body_free(struct body *body);
