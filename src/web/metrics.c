/* SPDX-License-Identifier: Apache-2.0 */
#include "src/web/metrics.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <stdlib.h>
#include <time.h>

#include "src/base/auto.h"
#include "src/ctl/metric.h"
#include "src/ctl/metric_list.h"
#include "src/web/cache.h"
#include "src/web/server.h"

#define TEXT_SIZE (32 * 1024)

struct at {
	struct server *server;
	const struct server_counts *counts;
	struct metric_text *out;
};

static void count(const struct at *at, uint64_t value)
{
	metric_count(at->out, "", METRIC_NO_LABELS, value);
}

static void write_controller_up(const struct at *at)
{
	count(at, server_is_fresh(at->server));
}

static void write_controller_answer_age_seconds(const struct at *at)
{
	usec_t since = server_beat_at(at->server);

	if (since)
		metric_real(at->out, "", METRIC_NO_LABELS,
			    (double)(usec_now() - since) / (double)USEC_PER_SEC);
}

static void write_web_connections(const struct at *at)
{
	count(at, at->counts->connections);
}

static void write_web_connections_refused_total(const struct at *at)
{
	count(at, at->counts->refused);
}

static void write_web_requests_total(const struct at *at)
{
	static const char *const codes[] = { "other", "1xx", "2xx", "3xx", "4xx", "5xx" };

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		metric_count(at->out, "", METRIC_LABELS("code", codes[i]), at->counts->requests[i]);
}

static void write_web_requests_timed_out_total(const struct at *at)
{
	count(at, at->counts->timed_out);
}

static void write_web_streams(const struct at *at)
{
	count(at, at->counts->streams);
}

static void write_web_streams_dropped_total(const struct at *at)
{
	count(at, at->counts->streams_dropped);
}

static void write_web_process_cpu_seconds_total(const struct at *at)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	metric_real(at->out, "", METRIC_NO_LABELS, (double)ts.tv_sec + (double)ts.tv_nsec / 1e9);
}

static const struct {
	const char *word, *type, *help;
	void (*write)(const struct at *at);
} rows[] = {
#define X(word, type, of, labels, help) { #word, #type, help, write_##word },
	METRICS_WEB(X)
#undef X
};

/* Our own metrics as a page; NULL: no memory. */
static struct page *own_page(struct server *server)
{
	struct metric_text out = { .text = malloc(TEXT_SIZE), .size = TEXT_SIZE };
	struct at at = { server, server_counts(server), &out };

	if (!out.text)
		return NULL;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		metric_begin(&out, rows[i].word, rows[i].type, rows[i].help);
		rows[i].write(&at);
	}
	return page_text(out.text, out.len);
}

struct exchange {
	struct server *server;
	struct evhttp_request *request;
};

/* Refused: shoald is not there, which our own metrics say. */
static void on_page(struct page *page, void *arg)
{
	struct exchange *exchange = arg;
	AUTO(page_unrefp) struct page *own = own_page(exchange->server);

	if (own && page && page->status == HTTP_OK)
		server_reply_both(exchange->server, exchange->request, page, own);
	else
		server_reply(exchange->server, exchange->request, own);
	free(exchange);
}

void metrics_serve(struct server *server, struct evhttp_request *request, const char *name)
{
	struct exchange *exchange = calloc(1, sizeof(*exchange));

	(void)name;
	if (!exchange) {
		server_reply(server, request, NULL);
		return;
	}
	*exchange = (struct exchange){ server, request };
	cache_get(server_cache(server), "metrics", NULL, on_page, exchange);
}
