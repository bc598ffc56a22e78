/* SPDX-License-Identifier: Apache-2.0 */
#include "health/http_wish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "health/grpc.h"
#include "health/pattern.h"

#define BODIES_MAX (64 * 1024 * 1024) /* bytes kept of all bodies together */

/* ---- what a target asks for ---- */

static bool uses_tls(const struct check_spec *spec)
{
	return spec->type == CONFIG_CHECK_HTTPS || (spec->type == CONFIG_CHECK_GRPC && spec->tls);
}

/* scheme://host:port/, where the host is also what TLS asks for, and IPv6 is bracketed. */
static char *make_url(const struct check_spec *spec, const char *host)
{
	const char *scheme = uses_tls(spec) ? "https" : "http";
	bool is_ipv6 = strchr(host, ':') != NULL;
	char *url;

	return asprintf(&url, "%s://%s%s%s:%u/", scheme, is_ipv6 ? "[" : "", host,
			is_ipv6 ? "]" : "", spec->dial.port) < 0
		       ? NULL
		       : url;
}

static bool add_header(struct http_wish *wish, const char *line)
{
	struct curl_slist *longer = curl_slist_append(wish->headers, line);

	if (longer)
		wish->headers = longer;
	return longer != NULL;
}

/* Where TLS asks for another name, Host has to be said, with its port where it is an odd one. */
static bool add_host(struct http_wish *wish, const struct check_spec *spec, const char *host)
{
	uint16_t usual = uses_tls(spec) ? 443 : 80;
	bool is_ipv6 = strchr(host, ':') != NULL;
	char line[MESSAGE_HOST_MAX + 32], port[8] = "";

	if (spec->dial.port != usual)
		snprintf(port, sizeof(port), ":%u", spec->dial.port);
	snprintf(line, sizeof(line), "Host: %s%s%s%s", is_ipv6 ? "[" : "", host, is_ipv6 ? "]" : "",
		 port);
	return add_header(wish, line);
}

/* To curl "Name:" means that the header is to be left out, and "Name;" that it is empty. */
static bool add_headers(struct http_wish *wish, const struct check_spec *spec)
{
	const struct check_text *text = check_text(spec, MESSAGE_TEXT_HEADER);
	bool ok = true;

	for (; ok && text; text = check_text_next(spec, text)) {
		char line[MESSAGE_TEXT_MAX + 1];
		size_t name = strcspn(text->bytes, ":");

		memcpy(line, text->bytes, text->len + 1);
		if (line[name] == ':' && line[name + 1 + strspn(line + name + 1, " ")] == '\0')
			memcpy(line + name, ";", 2);
		ok = add_header(wish, line);
	}
	return ok;
}

/* What every call of gRPC says, and the message it carries. */
static bool add_grpc(struct http_wish *wish, const struct check_spec *spec)
{
	const struct check_text *service = check_text(spec, MESSAGE_TEXT_SERVICE);

	wish->is_grpc = wish->is_http2 = true;
	wish->target = GRPC_PATH;
	wish->post = malloc(GRPC_REQUEST_MAX);
	if (!wish->post)
		return false;
	wish->post_len = grpc_encode_request(service ? service->bytes : "",
					     service ? service->len : 0, wish->post);
	return wish->post_len > 0 && add_header(wish, "Content-Type: application/grpc") &&
	       add_header(wish, "TE: trailers") && add_header(wish, "Accept:");
}

static bool wish_fill(struct http_wish *wish, const struct check_spec *spec)
{
	const struct check_text *sni = check_text(spec, MESSAGE_TEXT_SNI);
	const struct check_text *matches = check_text(spec, MESSAGE_TEXT_BODY_MATCHES);
	const char *host = spec->host[0] ? spec->host : ADDR_STR(&spec->dial.addr);

	wish->has_tls = uses_tls(spec);
	wish->is_http2 = spec->http_version == CONFIG_HTTP_2;
	wish->target = spec->path;
	wish->contains = check_text(spec, MESSAGE_TEXT_BODY_CONTAINS);
	if (matches)
		wish->matches = pattern_get(matches->bytes);
	wish->url = make_url(spec, sni ? sni->bytes : host);
	return wish->url && (wish->matches || !matches) && (!sni || add_host(wish, spec, host)) &&
	       add_headers(wish, spec) && (spec->type != CONFIG_CHECK_GRPC || add_grpc(wish, spec));
}

struct http_wish *http_wish_new(const struct check_spec *spec)
{
	struct http_wish *wish = calloc(1, sizeof(*wish));

	if (wish && !wish_fill(wish, spec)) {
		http_wish_free(wish);
		wish = NULL;
	}
	return wish;
}

void http_wish_free(struct http_wish *wish)
{
	if (!wish)
		return;
	free(wish->url);
	free(wish->post);
	curl_slist_free_all(wish->headers);
	pattern_put(wish->matches);
	free(wish);
}

/* ---- the body ---- */

static size_t bodies_room;

/* Room for `more` bytes, of which at most BODY_WINDOW_MAX are kept. */
static bool body_grow(struct body *body, size_t more)
{
	size_t room = body->room ? body->room : 2048;
	char *bytes;

	while (room < body->kept + more)
		room *= 2;
	if (room == body->room)
		return true;
	if (bodies_room - body->room + room > BODIES_MAX)
		return false;
	bytes = realloc(body->bytes, room);
	if (!bytes)
		return false;
	bodies_room += room - body->room;
	body->bytes = bytes;
	body->room = room;
	return true;
}

void body_free(struct body *body)
{
	bodies_room -= body->room;
	free(body->bytes);
	*body = (struct body){ 0 };
}

static enum probe_reason search_pattern(const struct body *body, const struct pattern *pattern,
					const char **ret_complaint)
{
	switch (pattern_search(pattern, body->bytes, body->kept)) {
	case PATTERN_MATCHES:
		return PROBE_OK;
	case PATTERN_DIFFERS:
		*ret_complaint = "the body does not match";
		return PROBE_UNEXPECTED;
	case PATTERN_TOO_COSTLY:
		*ret_complaint = "body-matches takes too long on the body";
		return PROBE_UNEXPECTED;
	case PATTERN_UNUSABLE:
		break;
	}
	*ret_complaint = "body-matches cannot be searched for";
	return PROBE_LOCAL_ERROR;
}

static enum probe_reason body_search(struct body *body, const struct http_wish *wish,
				     const char **ret_complaint)
{
	const struct check_text *contains = wish->contains;

	body->is_searched = true;
	*ret_complaint = "the body is empty";
	if (body->kept == 0)
		return PROBE_UNEXPECTED;
	*ret_complaint = "the body does not contain the text";
	if (contains && !memmem(body->bytes, body->kept, contains->bytes, contains->len))
		return PROBE_UNEXPECTED;
	return wish->matches ? search_pattern(body, wish->matches, ret_complaint) : PROBE_OK;
}

static bool is_wanted(const struct body *body, const struct http_wish *wish)
{
	return !body->is_searched && (wish->contains || wish->matches || wish->is_grpc);
}

enum probe_reason body_add(struct body *body, const struct http_wish *wish, const char *bytes,
			   size_t len, const char **ret_complaint)
{
	size_t room = BODY_WINDOW_MAX - body->kept;

	if (!is_wanted(body, wish))
		return PROBE_OK;
	len = len < room ? len : room;
	if (!body_grow(body, len)) {
		*ret_complaint = "no memory to search the body in";
		return PROBE_LOCAL_ERROR;
	}
	memcpy(body->bytes + body->kept, bytes, len);
	body->kept += len;
	return body->kept < BODY_WINDOW_MAX ? PROBE_OK : body_search(body, wish, ret_complaint);
}

enum probe_reason body_end(struct body *body, const struct http_wish *wish,
			   const char **ret_complaint)
{
	return is_wanted(body, wish) ? body_search(body, wish, ret_complaint) : PROBE_OK;
}
