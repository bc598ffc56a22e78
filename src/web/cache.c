/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache.c - one entry a question: its last answer, and who waits for the next.
 *
 * An entry is free to go once its answer is stale and nobody waits. There are at most ENTRIES_MAX:
 * thousands of different questions a second cost shoald no more than its line of questions holds.
 */
#include "src/web/cache.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "src/base/auto.h"
#include "src/ctl/ctl.h"
#include "src/web/answer.h"
#include "src/web/link.h"

#define ENTRIES_MAX  256
#define FRESH_MIN_US (1 * USEC_PER_SEC)
#define FRESH_MAX_US (5 * USEC_PER_SEC)
#define COST_TIMES   10 /* an answer that took a second is kept for ten */
#define TYPE_JSON    "application/json"
#define TYPE_TEXT    "text/plain; version=0.0.4; charset=utf-8"

struct waiter {
	STAILQ_ENTRY(waiter) entry;
	void (*got)(struct page *page, void *arg);
	void *arg;
};

struct entry {
	LIST_ENTRY(entry) entry;
	struct cache *cache;
	char *key;
	struct page *page; /* NULL: none yet */
	bool is_asked;
	usec_t asked, fresh_until;
	STAILQ_HEAD(, waiter) waiters;
};

struct cache {
	struct link *link;
	struct event *sweep;
	LIST_HEAD(, entry) entries;
	unsigned n_entries;
};

/* ---- pages ---- */

struct page *page_ref(struct page *page)
{
	page->refs++;
	return page;
}

void page_unref(struct page *page)
{
	if (!page || --page->refs > 0)
		return;
	free(page->owned);
	free(page);
}

void page_unrefp(struct page **page)
{
	page_unref(*page);
}

/* Takes text, which may be NULL. */
static struct page *page_new(int status, const char *type, char *text, size_t len)
{
	struct page *page = text ? calloc(1, sizeof(*page)) : NULL;

	if (!page) {
		free(text);
		return NULL;
	}
	*page = (struct page){ .refs = 1,
			       .status = status,
			       .type = type,
			       .text = text,
			       .owned = text,
			       .len = len,
			       .made = usec_now() };
	return page;
}

struct page *page_static(const char *type, const char *text, size_t len)
{
	struct page *page = calloc(1, sizeof(*page));

	if (page)
		*page = (struct page){ .refs = 1,
				       .status = HTTP_OK,
				       .type = type,
				       .text = text,
				       .len = len,
				       .made = usec_now() };
	return page;
}

struct page *page_text(char *text, size_t len)
{
	return page_new(HTTP_OK, TYPE_TEXT, text, len);
}

struct page *page_json(int status, const json_t *document)
{
	char *text = json_dumps(document, JSON_COMPACT | JSON_REAL_PRECISION(15));

	return page_new(status, TYPE_JSON, text, text ? strlen(text) : 0);
}

struct page *page_refusal(int status, const char *sentence)
{
	json_t *document = json_pack("{s:s}", "error", sentence);
	struct page *page = document ? page_json(status, document) : NULL;

	json_decref(document);
	return page;
}

static void free_reference(const void *data, size_t len, void *page)
{
	(void)data;
	(void)len;
	page_unref(page);
}

int page_add(struct page *page, struct evbuffer *out)
{
	if (page->len == 0)
		return 0;
	if (evbuffer_add_reference(out, page->text, page->len, free_reference, page_ref(page)) <
	    0) {
		page_unref(page);
		return -ENOMEM;
	}
	return 0;
}

/* What a refusal of shoald is in HTTP: a wrong name is a page that is not there. */
static int http_status(int status)
{
	switch (status) {
	case CTL_USAGE:
		return HTTP_NOTFOUND;
	case CTL_NOT_REACHABLE:
		return HTTP_SERVUNAVAIL;
	case CTL_PERMISSION:
		return 403;
	default:
		return HTTP_INTERNAL;
	}
}

static struct page *page_of(struct answer *answer)
{
	if (answer->is_refused)
		return page_refusal(http_status(answer->status), answer->sentence);
	if (answer->text)
		return page_text(TAKE(answer->text), answer->text_len);
	return answer->result ? page_json(HTTP_OK, answer->result) : NULL;
}

/* ---- entries ---- */

static void entry_free(struct entry *entry)
{
	struct waiter *waiter;

	while ((waiter = STAILQ_FIRST(&entry->waiters)) != NULL) {
		STAILQ_REMOVE_HEAD(&entry->waiters, entry);
		free(waiter);
	}
	LIST_REMOVE(entry, entry);
	entry->cache->n_entries--;
	page_unref(entry->page);
	free(entry->key);
	free(entry);
}

static void drop_stale(struct cache *cache)
{
	struct entry *entry, *next;
	usec_t now = usec_now();

	for (entry = LIST_FIRST(&cache->entries); entry; entry = next) {
		next = LIST_NEXT(entry, entry);
		if (!entry->is_asked && entry->fresh_until < now)
			entry_free(entry);
	}
}

static struct entry *entry_find(struct cache *cache, const char *key)
{
	struct entry *entry;

	LIST_FOREACH(entry, &cache->entries, entry)
	if (strcmp(entry->key, key) == 0)
		return entry;
	return NULL;
}

/* NULL: no memory, or too many different questions at once. */
static struct entry *entry_new(struct cache *cache, const char *key)
{
	struct entry *entry;

	if (cache->n_entries >= ENTRIES_MAX)
		drop_stale(cache);
	entry = cache->n_entries < ENTRIES_MAX ? calloc(1, sizeof(*entry)) : NULL;
	if (!entry)
		return NULL;
	entry->key = strdup(key);
	if (!entry->key) {
		free(entry);
		return NULL;
	}
	entry->cache = cache;
	STAILQ_INIT(&entry->waiters);
	LIST_INSERT_HEAD(&cache->entries, entry, entry);
	cache->n_entries++;
	return entry;
}

static usec_t fresh_for(usec_t took)
{
	usec_t fresh = took * COST_TIMES;

	if (fresh < FRESH_MIN_US)
		return FRESH_MIN_US;
	return fresh < FRESH_MAX_US ? fresh : FRESH_MAX_US;
}

/* Give everybody who waits the page. What they ask meanwhile is another matter. */
static void entry_settle(struct entry *entry, struct page *page)
{
	STAILQ_HEAD(, waiter) waiters = STAILQ_HEAD_INITIALIZER(waiters);
	struct waiter *waiter;

	STAILQ_CONCAT(&waiters, &entry->waiters);
	page_unref(entry->page);
	entry->page = page;
	page_ref(page);
	while ((waiter = STAILQ_FIRST(&waiters)) != NULL) {
		STAILQ_REMOVE_HEAD(&waiters, entry);
		waiter->got(page, waiter->arg);
		free(waiter);
	}
	page_unref(page);
}

static void on_answer(struct answer *answer, void *arg)
{
	struct entry *entry = arg;
	usec_t now = usec_now();
	struct page *page = page_of(answer);

	entry->is_asked = false;
	entry->fresh_until = answer->status == CTL_NOT_REACHABLE
				     ? now
				     : usec_add(now, fresh_for(now - entry->asked));
	if (!page)
		page = page_refusal(HTTP_INTERNAL, "out of memory");
	if (page)
		entry_settle(entry, page);
}

/* ---- what others call ---- */

static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	drop_stale(arg);
}

struct cache *cache_new(struct event_base *base, struct link *link)
{
	static const struct timeval often = { .tv_sec = 1 };
	struct cache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		return NULL;
	cache->link = link;
	LIST_INIT(&cache->entries);
	cache->sweep = event_new(base, -1, EV_PERSIST, on_sweep, cache);
	if (cache->sweep && event_add(cache->sweep, &often) == 0)
		return cache;
	cache_free(cache);
	return NULL;
}

void cache_free(struct cache *cache)
{
	struct entry *entry;

	if (!cache)
		return;
	while ((entry = LIST_FIRST(&cache->entries)) != NULL)
		entry_free(entry);
	if (cache->sweep)
		event_free(cache->sweep);
	free(cache);
}

static void refuse(int status, const char *sentence, void (*got)(struct page *page, void *arg),
		   void *arg)
{
	struct page *page = page_refusal(status, sentence);

	got(page, arg);
	page_unref(page);
}

/* 0 or a negative errno. */
static int wait_for(struct entry *entry, void (*got)(struct page *page, void *arg), void *arg)
{
	struct waiter *waiter = calloc(1, sizeof(*waiter));

	if (!waiter)
		return -ENOMEM;
	*waiter = (struct waiter){ .got = got, .arg = arg };
	STAILQ_INSERT_TAIL(&entry->waiters, waiter, entry);
	return 0;
}

static const char *trouble_of(struct cache *cache, int r)
{
	if (r == -ENOTCONN)
		return link_trouble(cache->link);
	return r == -ENOBUFS ? "too many questions wait for shoald; try again" : "out of memory";
}

void cache_get(struct cache *cache, const char *command, json_t *args,
	       void (*got)(struct page *page, void *arg), void *arg)
{
	AUTO(freep) char *text = args ? json_dumps(args, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	AUTO(freep) char *key = NULL;
	struct entry *entry = NULL;
	int r = 0;

	if (asprintf(&key, "%s %s", command, text ? text : "") >= 0)
		entry = entry_find(cache, key);
	if (entry && !entry->is_asked && entry->page && usec_now() < entry->fresh_until) {
		json_decref(args);
		got(entry->page, arg);
		return;
	}
	if (!entry && key)
		entry = entry_new(cache, key);
	if (!entry)
		r = -ENOBUFS;
	if (r == 0 && !entry->is_asked) {
		r = link_ask(cache->link, command, json_incref(args), on_answer, entry);
		entry->is_asked = r == 0;
		entry->asked = usec_now();
	}
	json_decref(args);
	if (r == 0)
		r = wait_for(entry, got, arg);
	if (r < 0)
		refuse(HTTP_SERVUNAVAIL, trouble_of(cache, r), got, arg);
}
