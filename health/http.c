/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http.c - the checks http and https: one GET over a connection of our own, spoken by libcurl.
 *
 * curl gets the connected descriptor (dial.h made it, with mark and source) and never connects,
 * resolves, follows a redirect, decodes a body, asks a proxy or opens a file itself. The status
 * decides as soon as the headers are whole; the body of a good answer is read to its end, at most
 * BODY_MAX bytes, so that a real which breaks off half-way does not pass.
 *
 * One curl handle serves many probes one after another; idle ones wait in a list.
 */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "health/ca.h"
#include "health/check.h"

#define HEADERS_MAX (64 * 1024)   /* bytes, of all header lines together */
#define BODY_MAX    (1024 * 1024) /* bytes */
#define IDLE_MAX    1024          /* handles kept for later */

/* What one answer came to, and the handle it came through. */
struct http_run {
	struct http_run *next; /* in the idle list, or among those that just ended */
	CURL *easy;
	struct probe *probe;
	int fd; /* connected; -1: curl has it */
	struct event event;
	bool is_watched;
	size_t header_bytes, body_bytes;
	CURLcode code; /* once ended */
	long status;   /* 0: no whole headers yet */
	enum probe_reason
		broken; /* why a callback broke the transfer off; PROBE_NONE: it did not */
	char message[CURL_ERROR_SIZE];
};

static struct {
	struct event_base *base;
	CURLM *multi;
	struct event *timer;
	struct curl_slist *connect_to; /* any host: a number, so that nothing is resolved */
	struct http_run *idle;
	unsigned n_idle;
} http;

/* ---- what curl calls while it transfers ---- */

static curl_socket_t on_open(void *arg, curlsocktype purpose __attribute__((unused)),
			     struct curl_sockaddr *address __attribute__((unused)))
{
	struct http_run *run = arg;
	int fd = run->fd;

	run->fd = -1;
	return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static int on_socket_made(void *arg __attribute__((unused)),
			  curl_socket_t fd __attribute__((unused)),
			  curlsocktype purpose __attribute__((unused)))
{
	return CURL_SOCKOPT_ALREADY_CONNECTED;
}

/* curl has closed the connection; its probe is still known unless the handle is being dropped. */
static int on_close(void *arg, curl_socket_t fd)
{
	const struct http_run *run = arg;

	if (run->probe)
		dial_hang_up(fd, &run->probe->spec->dial);
	else
		close(fd);
	return 0;
}

static bool status_is_allowed(const struct check_spec *spec, long status)
{
	for (uint32_t i = 0; i < spec->n_ranges; i++)
		if (status >= (long)spec->ranges[i].first && status <= (long)spec->ranges[i].last)
			return true;
	return false;
}

static bool line_ends_headers(const char *line, size_t len)
{
	return (len == 2 && line[0] == '\r' && line[1] == '\n') || (len == 1 && line[0] == '\n');
}

/* Each header line, and trailers; anything but its length breaks the transfer off. */
static size_t on_header(char *line, size_t size, size_t n, void *arg)
{
	struct http_run *run = arg;
	size_t len = size * n;
	long status = 0;

	run->header_bytes += len;
	if (run->header_bytes > HEADERS_MAX) {
		run->broken = PROBE_TOO_LARGE;
		return 0;
	}
	if (run->status != 0 || !line_ends_headers(line, len))
		return len;
	curl_easy_getinfo(run->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status < 200)
		return len; /* an interim answer; the real one follows */
	run->status = status;
	if (!status_is_allowed(run->probe->spec, status)) {
		run->broken = PROBE_HTTP_STATUS;
		return 0;
	}
	return len;
}

static size_t on_body(char *bytes __attribute__((unused)), size_t size, size_t n, void *arg)
{
	struct http_run *run = arg;

	run->body_bytes += size * n;
	if (run->body_bytes > BODY_MAX) {
		run->broken = PROBE_TOO_LARGE;
		return 0;
	}
	return size * n;
}

/* The certificates to trust, parsed once, in place of curl's own reading of files. */
static CURLcode on_tls_context(CURL *easy __attribute__((unused)), void *context, void *arg)
{
	const struct http_run *run = arg;
	X509_STORE *store = ca_find(run->probe->spec->ca_id);

	if (!store || SSL_CTX_set1_verify_cert_store(context, store) != 1)
		return CURLE_SSL_CACERT_BADFILE;
	return CURLE_OK;
}

/* ---- handles ---- */

/* What is the same for every probe. */
static bool easy_set_up(struct http_run *run)
{
	const struct {
		CURLoption option;
		long value;
	} numbers[] = {
		{ CURLOPT_NOSIGNAL, 1 },
		{ CURLOPT_HTTPGET, 1 },
		{ CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1 },
		{ CURLOPT_HTTP09_ALLOWED, 0 },
		{ CURLOPT_FOLLOWLOCATION, 0 },
		{ CURLOPT_FRESH_CONNECT, 1 },
		{ CURLOPT_FORBID_REUSE, 1 },
		{ CURLOPT_TCP_NODELAY, 0 },
		{ CURLOPT_TCP_KEEPALIVE, 0 },
		{ CURLOPT_BUFFERSIZE, 4096 },
		{ CURLOPT_SSL_VERIFYPEER, 1 },
		{ CURLOPT_SSL_VERIFYHOST, 2 },
		{ CURLOPT_SSL_SESSIONID_CACHE, 0 },
		{ CURLOPT_CA_CACHE_TIMEOUT, 0 },
		{ CURLOPT_PATH_AS_IS, 1 },
	};
	CURL *easy = run->easy;
	bool ok = true;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		ok = ok && curl_easy_setopt(easy, numbers[i].option, numbers[i].value) == CURLE_OK;
	ok = ok && curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK;
	ok = ok && curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK;
	ok = ok && curl_easy_setopt(easy, CURLOPT_USERAGENT, "shoal-probe/" SHOAL_VERSION) == 0;
	ok = ok && curl_easy_setopt(easy, CURLOPT_CAINFO, NULL) == CURLE_OK;
	ok = ok && curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) == CURLE_OK;
	ok = ok && curl_easy_setopt(easy, CURLOPT_CONNECT_TO, http.connect_to) == CURLE_OK;
	ok = ok && curl_easy_setopt(easy, CURLOPT_PRIVATE, run) == CURLE_OK;
	ok = ok && curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, run->message) == CURLE_OK;
	ok = ok && curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open) == CURLE_OK;
	ok = ok && curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, run) == CURLE_OK;
	ok = ok && curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_socket_made) == CURLE_OK;
	ok = ok && curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close) == CURLE_OK;
	ok = ok && curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, run) == CURLE_OK;
	ok = ok && curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK;
	ok = ok && curl_easy_setopt(easy, CURLOPT_HEADERDATA, run) == CURLE_OK;
	ok = ok && curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK;
	ok = ok && curl_easy_setopt(easy, CURLOPT_WRITEDATA, run) == CURLE_OK;
	ok = ok && curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_tls_context) == CURLE_OK;
	return ok && curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, run) == CURLE_OK;
}

static void run_free(struct http_run *run)
{
	if (run && run->easy)
		curl_easy_cleanup(run->easy);
	free(run);
}

static struct http_run *run_take(void)
{
	struct http_run *run = http.idle;

	if (run) {
		http.idle = run->next;
		http.n_idle--;
		return run;
	}
	run = calloc(1, sizeof(*run));
	if (!run)
		return NULL;
	run->fd = -1;
	run->easy = curl_easy_init();
	if (!run->easy || !easy_set_up(run)) {
		run_free(run);
		return NULL;
	}
	return run;
}

static void run_give_back(struct http_run *run)
{
	if (run->fd >= 0)
		close(run->fd);
	run->fd = -1;
	run->probe = NULL;
	if (http.n_idle >= IDLE_MAX) {
		run_free(run);
		return;
	}
	run->next = http.idle;
	http.idle = run;
	http.n_idle++;
}

/* scheme://host:port/, where a missing host is the address and IPv6 is bracketed. */
static bool set_request(struct http_run *run, const struct check_spec *spec)
{
	const char *scheme = spec->type == CONFIG_CHECK_HTTPS ? "https" : "http";
	const char *host = spec->host[0] ? spec->host : ADDR_STR(&spec->dial.addr);
	bool is_ipv6 = strchr(host, ':') != NULL;
	char url[512];

	snprintf(url, sizeof(url), "%s://%s%s%s:%u/", scheme, is_ipv6 ? "[" : "", host,
		 is_ipv6 ? "]" : "", spec->dial.port);
	return curl_easy_setopt(run->easy, CURLOPT_URL, url) == CURLE_OK &&
	       curl_easy_setopt(run->easy, CURLOPT_REQUEST_TARGET, spec->path) == CURLE_OK;
}

/* ---- what a transfer came to ---- */

static const char *broken_at(const struct http_run *run)
{
	return run->body_bytes > BODY_MAX ? "the body is larger than 1 MiB"
					  : "the headers are larger than 64 KiB";
}

static void end_broken(struct http_run *run, struct probe *probe)
{
	if (run->broken == PROBE_HTTP_STATUS)
		probe_end(probe, PROBE_HTTP_STATUS, "HTTP %ld in %.1f ms", run->status,
			  probe_msec(probe));
	else
		probe_end(probe, run->broken, "%s", broken_at(run));
}

static enum probe_reason recv_reason(CURL *easy)
{
	long error = 0;

	curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &error);
	return error == ECONNRESET || error == EPIPE ? PROBE_RESET : PROBE_HTTP_GARBAGE;
}

static enum probe_reason curl_reason(CURLcode code, CURL *easy)
{
	/* CURLcode has a hundred values: a table of those that can come, in order of likelihood. */
	static const struct {
		CURLcode code;
		enum probe_reason reason;
	} rows[] = {
		{ CURLE_GOT_NOTHING, PROBE_CLOSED },
		{ CURLE_PARTIAL_FILE, PROBE_CLOSED },
		{ CURLE_UNSUPPORTED_PROTOCOL, PROBE_HTTP_GARBAGE }, /* HTTP/0.9 */
		{ CURLE_WEIRD_SERVER_REPLY, PROBE_HTTP_GARBAGE },
		{ CURLE_PEER_FAILED_VERIFICATION, PROBE_TLS_ERROR },
		{ CURLE_SSL_CONNECT_ERROR, PROBE_TLS_ERROR },
		{ CURLE_SSL_CERTPROBLEM, PROBE_TLS_ERROR },
		{ CURLE_SSL_CIPHER, PROBE_TLS_ERROR },
		{ CURLE_SSL_ISSUER_ERROR, PROBE_TLS_ERROR },
		{ CURLE_SSL_INVALIDCERTSTATUS, PROBE_TLS_ERROR },
		/* One header line beyond what curl keeps; memory itself does not run out here. */
		{ CURLE_OUT_OF_MEMORY, PROBE_TOO_LARGE },
		{ CURLE_SSL_CACERT_BADFILE, PROBE_LOCAL_ERROR }, /* on_tls_context() */
		{ CURLE_URL_MALFORMAT, PROBE_LOCAL_ERROR },
		{ CURLE_COULDNT_CONNECT, PROBE_LOCAL_ERROR },
		{ CURLE_FAILED_INIT, PROBE_LOCAL_ERROR },
	};

	if (code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR)
		return recv_reason(easy);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].code == code)
			return rows[i].reason;
	return PROBE_HTTP_GARBAGE;
}

static void end_failed(struct http_run *run, struct probe *probe)
{
	enum probe_reason reason = curl_reason(run->code, run->easy);
	const char *text = run->message[0] ? run->message : curl_easy_strerror(run->code);

	if (run->code == CURLE_SSL_CACERT_BADFILE)
		text = "no certificates to verify against: the CA file holds none";
	probe_end(probe, reason, "%s", text);
}

static void transfer_ended(struct http_run *run)
{
	struct probe *probe = run->probe;

	probe->run = NULL;
	curl_multi_remove_handle(http.multi, run->easy);
	if (run->broken != PROBE_NONE)
		end_broken(run, probe);
	else if (run->code != CURLE_OK)
		end_failed(run, probe);
	else
		probe_end(probe, PROBE_OK, "HTTP %ld in %.1f ms", run->status, probe_msec(probe));
	run_give_back(run);
}

/*
 * All messages are taken first and their transfers ended afterwards: curl_multi_remove_handle()
 * walks the messages that are left, which by the thousand took seconds.
 */
static void collect_ended(void)
{
	struct http_run *first = NULL, **last = &first, *run;
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(http.multi, &left)) != NULL) {
		run = NULL;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&run);
		if (message->msg != CURLMSG_DONE || !run)
			continue;
		run->code = message->data.result;
		run->next = NULL;
		*last = run;
		last = &run->next;
	}
	while ((run = first) != NULL) {
		first = run->next;
		transfer_ended(run);
	}
}

/* ---- curl on libevent ---- */

static void on_ready(evutil_socket_t fd, short what, void *arg __attribute__((unused)))
{
	int running;

	curl_multi_socket_action(http.multi, fd,
				 (what & EV_READ ? CURL_CSELECT_IN : 0) |
					 (what & EV_WRITE ? CURL_CSELECT_OUT : 0),
				 &running);
	collect_ended();
}

static void on_timer(evutil_socket_t fd __attribute__((unused)), short what __attribute__((unused)),
		     void *arg __attribute__((unused)))
{
	int running;

	curl_multi_socket_action(http.multi, CURL_SOCKET_TIMEOUT, 0, &running);
	collect_ended();
}

/* curl says what it waits for; each transfer has one socket. */
static int on_watch(CURL *easy, curl_socket_t fd, int what, void *arg __attribute__((unused)),
		    void *socket_arg __attribute__((unused)))
{
	struct http_run *run = NULL;
	short events = EV_PERSIST;

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&run);
	if (run->is_watched)
		event_del(&run->event);
	run->is_watched = what != CURL_POLL_REMOVE;
	if (!run->is_watched)
		return 0;
	events |= what & CURL_POLL_IN ? EV_READ : 0;
	events |= what & CURL_POLL_OUT ? EV_WRITE : 0;
	event_assign(&run->event, http.base, fd, events, on_ready, NULL);
	return event_add(&run->event, NULL);
}

static int on_timer_wish(CURLM *multi __attribute__((unused)), long timeout_ms,
			 void *arg __attribute__((unused)))
{
	struct timeval tv = { .tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000 };

	return timeout_ms < 0 ? event_del(http.timer) : event_add(http.timer, &tv);
}

/* ---- the kind ---- */

static void http_connected(struct probe *probe, int fd)
{
	struct http_run *run = run_take();

	if (!run) {
		close(fd);
		probe_end(probe, PROBE_LOCAL_ERROR, "out of memory");
		return;
	}
	run->probe = probe;
	run->fd = fd;
	run->header_bytes = run->body_bytes = 0;
	run->status = 0;
	run->broken = PROBE_NONE;
	run->message[0] = '\0';
	probe->run = run;
	if (!set_request(run, probe->spec) ||
	    curl_multi_add_handle(http.multi, run->easy) != CURLM_OK) {
		probe->run = NULL;
		run_give_back(run);
		probe_end(probe, PROBE_LOCAL_ERROR, "host '%s' cannot be asked for",
			  probe->spec->host);
	}
}

static void http_stop(struct probe *probe)
{
	struct http_run *run = probe->run;

	probe->run = NULL;
	curl_multi_remove_handle(http.multi, run->easy);
	run_give_back(run);
}

static const char *http_waiting_for(const struct probe *probe)
{
	const struct http_run *run = probe->run;

	if (run->status != 0)
		return "the end of the body";
	return run->header_bytes > 0 ? "the end of the headers" : "the status line";
}

const struct check_kind check_http = {
	.connected = http_connected,
	.stop = http_stop,
	.waiting_for = http_waiting_for,
};

/* One handle and one TLS context are made and dropped now, while files may still be opened: what
 * the libraries load on first use is loaded then. */
static bool warm_up(void)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL *ssl = context ? SSL_new(context) : NULL;
	struct http_run *run = run_take();

	SSL_free(ssl);
	SSL_CTX_free(context);
	if (!run)
		return false;
	run_give_back(run);
	return ssl != NULL;
}

int http_init(struct event_base *base)
{
	http.base = base;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return -EIO;
	http.multi = curl_multi_init();
	http.timer = event_new(base, -1, 0, on_timer, NULL);
	http.connect_to = curl_slist_append(NULL, "::127.0.0.1:9");
	if (!http.multi || !http.timer || !http.connect_to)
		return -ENOMEM;
	curl_multi_setopt(http.multi, CURLMOPT_SOCKETFUNCTION, on_watch);
	curl_multi_setopt(http.multi, CURLMOPT_TIMERFUNCTION, on_timer_wish);
	return warm_up() ? 0 : -ENOMEM;
}

void http_fini(void)
{
	while (http.idle) {
		struct http_run *run = http.idle;

		http.idle = run->next;
		run_free(run);
	}
	curl_multi_cleanup(http.multi);
	curl_slist_free_all(http.connect_to);
	if (http.timer)
		event_free(http.timer);
	curl_global_cleanup();
}
