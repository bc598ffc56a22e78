/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache.h - answers of shoald, kept for a moment: however many look, shoald is asked the same
 * question once a second at most, and an answer that took long is kept for longer.
 */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "src/base/usec.h"

struct cache;
struct evbuffer;
struct event_base;
struct link;

/* One answer, ready to be sent; shared by all who wait for it and by their output. */
struct page {
	unsigned refs;
	int status; /* of HTTP */
	const char *type;
	const char *text;
	char *owned; /* the same, to be freed with the page; NULL: it stays where it is */
	size_t len;
	usec_t made;
};

struct page *page_ref(struct page *page);
void page_unref(struct page *page);
/* For AUTO(page_unrefp) struct page *page = NULL. */
void page_unrefp(struct page **page);
/* Prometheus' text; takes it. NULL: no memory. */
struct page *page_text(char *text, size_t len);
/* Text that stays where it is; NULL: no memory. */
struct page *page_static(const char *type, const char *text, size_t len);
/* A document as text; NULL: no memory. */
struct page *page_json(int status, const json_t *document);
/* {"error": sentence}; NULL: no memory. */
struct page *page_refusal(int status, const char *sentence);
/* Put the text into a buffer without copying it. Returns 0 or -ENOMEM. */
int page_add(struct page *page, struct evbuffer *out);

/* NULL: no memory. The link outlives it. */
struct cache *cache_new(struct event_base *base, struct link *link);
/* Who still waits is forgotten. NULL is fine. */
void cache_free(struct cache *cache);

/*
 * cache_get - the answer to a question, now if it is fresh, else when shoald gave it; takes the
 * reference of args. got() is called exactly once; the page is borrowed.
 */
void cache_get(struct cache *cache, const char *command, json_t *args,
	       void (*got)(struct page *page, void *arg), void *arg);
