/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http.c - the checks http, https and grpc: one request over a connection of our own, spoken by
 * libcurl.
 *
 * curl gets the connected descriptor (dial.h made it, with mark and source) and never connects,
 * resolves, follows a redirect, decodes a body, asks a proxy or opens a file itself. The status
 * decides as soon as the headers are whole; the body of a good answer is read to its end, at most
 * BODY_MAX bytes, so that a real which breaks off half-way does not pass.
 *
 * With TLS or HTTP/2 curl gets its bytes through a relay (relay.h says why);
 * otherwise what never becomes a header or a body, as the extensions of chunks, is bounded by what
 * the kernel has received on the connection.
 *
 * One curl handle serves many probes one after another; idle ones wait in a list. Servers that take
 * a request and say nothing hold theirs until the timeout: so there is a bound to how many
 * transfers run at once, and a part of them is for targets that did say something last time.
 */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "health/ca.h"
#include "health/certificate.h"
#include "health/check.h"
#include "health/grpc.h"
#include "health/handshake.h"
#include "health/http_wish.h"
#include "health/quote.h"
#include "health/relay.h"

#define HEADERS_MAX   (64 * 1024)   /* bytes, of all header lines together */
#define BODY_MAX      (1024 * 1024) /* bytes */
#define IDLE_MAX      1024          /* handles kept for later */
#define PLAIN_MAX     7168          /* transfers at once: 13 KiB each */
#define RATIONED_MAX  1024          /* with TLS or HTTP/2: some 85 KiB each */
#define EVENTS_A_LOOK 8             /* so many, then what was received is counted */

/* What one answer came to, and the handle it came through. */
struct http_run {
	struct http_run *next; /* in the idle list, or among those that just ended */
	CURL *easy;
	struct probe *probe;
	int fd;              /* connected; -1: curl has it */
	bool is_opened;      /* curl had its socket */
	bool has_begun;      /* the answer has, and whoever watches knows */
	bool has_handshake;  /* likewise */
	bool is_reset;       /* it was closed by the other side's reset, which curl has met */
	struct relay *relay; /* NULL: curl has the connection itself */
	char relay_name[RELAY_NAME_MAX];
	struct event event;
	bool is_watched;
	unsigned n_events;
	size_t header_bytes, body_bytes;
	struct body body;
	struct certificate certificate;
	int grpc_code; /* -1: there was none */
	char grpc_message[80];
	CURLcode code;            /* once ended */
	long status;              /* 0: no whole headers yet */
	enum probe_reason broken; /* why we broke the transfer off; PROBE_NONE: we did not */
	const char *complaint;    /* in words, where the reason is not all */
	char message[CURL_ERROR_SIZE];
};

static struct {
	struct event_base *base;
	CURLM *multi;
	struct event *timer;
	struct curl_slist *connect_to; /* any host: a number, so that nothing is resolved */
	struct http_run *idle;
	unsigned n_idle;
	unsigned n_running[2]; /* plain, rationed */
	int tls_index;         /* of the run in the TLS context that curl makes for it */
} http;

static bool is_rationed(const struct http_wish *wish)
{
	return wish->has_tls || wish->is_http2;
}

static const struct http_wish *wish_of(const struct http_run *run)
{
	return run->probe->spec->own;
}

/* Remember why and say nothing more: what a callback returns to break the transfer off. */
static size_t break_off(struct http_run *run, enum probe_reason reason, const char *complaint)
{
	run->broken = reason;
	run->complaint = complaint;
	return 0;
}

/* ---- for whoever watches ---- */

static void tell_begin(struct http_run *run)
{
	if (!run->has_begun)
		probe_step(run->probe, "first byte of the answer");
	run->has_begun = true;
	probe_doing(run->probe, "headers");
}

static void tell_request(struct http_run *run, const char *line, size_t len)
{
	const char *end = memchr(line, '\r', len);

	probe_step(run->probe, "request sent: %.*s", (int)(end ? (size_t)(end - line) : len), line);
	probe_doing(run->probe, "first byte of the answer");
}

/* Only where somebody watches; else curl does not call it. */
static int on_debug(CURL *easy __attribute__((unused)), curl_infotype what, char *bytes, size_t len,
		    void *arg)
{
	if (what == CURLINFO_HEADER_OUT)
		tell_request(arg, bytes, len);
	return 0;
}

static void on_tls_state(const SSL *ssl, int where, int code __attribute__((unused)))
{
	struct http_run *run = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), http.tls_index);

	/* The tickets that come later are handshakes, too. */
	if (!(where & SSL_CB_HANDSHAKE_DONE) || run->has_handshake)
		return;
	run->has_handshake = true;
	handshake_tell(run->probe, ssl);
	probe_doing(run->probe, "request");
}

static void watch_handshake(struct http_run *run, SSL_CTX *context)
{
	if (run->probe->trace && SSL_CTX_set_ex_data(context, http.tls_index, run) == 1)
		SSL_CTX_set_info_callback(context, on_tls_state);
}

/* ---- what curl calls while it transfers ---- */

static curl_socket_t on_open(void *arg, curlsocktype purpose __attribute__((unused)),
			     struct curl_sockaddr *address __attribute__((unused)))
{
	struct http_run *run = arg;
	int fd = run->fd;

	if (run->relay && !run->is_opened)
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	run->is_opened = true;
	run->fd = -1;
	if (fd < 0)
		break_off(run, PROBE_CLOSED, "the server wants to be asked again");
	return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static int on_socket_made(void *arg, curl_socket_t fd __attribute__((unused)),
			  curlsocktype purpose __attribute__((unused)))
{
	const struct http_run *run = arg;

	return run->relay ? CURL_SOCKOPT_OK : CURL_SOCKOPT_ALREADY_CONNECTED;
}

/* curl is done with the connection; its probe is still known unless the handle is being dropped. */
static int on_close(void *arg, curl_socket_t fd)
{
	struct http_run *run = arg;

	if (run->probe && !run->relay) {
		run->is_reset = dial_is_reset(fd);
		dial_hang_up(fd, &run->probe->spec->dial);
	} else {
		close(fd);
	}
	return 0;
}

static bool status_is_allowed(const struct check_spec *spec, long status)
{
	if (spec->type == CONFIG_CHECK_GRPC)
		return status == 200;
	for (uint32_t i = 0; i < spec->n_ranges; i++)
		if (status >= (long)spec->ranges[i].first && status <= (long)spec->ranges[i].last)
			return true;
	return false;
}

static bool line_ends_headers(const char *line, size_t len)
{
	return (len == 2 && line[0] == '\r' && line[1] == '\n') || (len == 1 && line[0] == '\n');
}

/* With TLS the server may choose; without, no other version would have been understood. */
static bool version_is_wanted(const struct http_run *run)
{
	long version = 0;

	curl_easy_getinfo(run->easy, CURLINFO_HTTP_VERSION, &version);
	return !wish_of(run)->is_http2 || version == CURL_HTTP_VERSION_2_0;
}

/* Those of a gRPC answer stand behind its body, or, where it has none, before. */
static void note_grpc(struct http_run *run, const char *line, size_t len)
{
	static const char code[] = "grpc-status:", message[] = "grpc-message:";
	const size_t code_len = sizeof(code) - 1, message_len = sizeof(message) - 1;
	char digits[8] = "";

	if (len > code_len && strncasecmp(line, code, code_len) == 0) {
		snprintf(digits, sizeof(digits), "%.*s", (int)(len - code_len), line + code_len);
		run->grpc_code = atoi(digits);
	} else if (len > message_len && strncasecmp(line, message, message_len) == 0) {
		snprintf(run->grpc_message, sizeof(run->grpc_message), ":%.*s",
			 (int)(len - message_len), line + message_len);
		run->grpc_message[strcspn(run->grpc_message, "\r\n")] = '\0';
	}
}

/* Each header line, and trailers; anything but its length breaks the transfer off. */
static size_t on_header(char *line, size_t size, size_t n, void *arg)
{
	struct http_run *run = arg;
	size_t len = size * n;
	long status = 0;

	if (run->header_bytes == 0)
		tell_begin(run);
	run->header_bytes += len;
	if (run->header_bytes > HEADERS_MAX)
		return break_off(run, PROBE_TOO_LARGE, "the headers are larger than 64 KiB");
	if (wish_of(run)->is_grpc)
		note_grpc(run, line, len);
	if (run->status != 0 || !line_ends_headers(line, len))
		return len;
	curl_easy_getinfo(run->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status < 200)
		return len; /* an interim answer; the real one follows */
	run->status = status;
	probe_step(run->probe, "HTTP %ld, %zu bytes of headers", status, run->header_bytes);
	probe_doing(run->probe, "judgement");
	if (!version_is_wanted(run))
		return break_off(run, PROBE_PROTOCOL_ERROR, "the server does not speak HTTP/2");
	if (!status_is_allowed(run->probe->spec, status))
		return break_off(run, PROBE_HTTP_STATUS, NULL);
	probe_doing(run->probe, "body");
	return len;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *arg)
{
	struct http_run *run = arg;
	const char *complaint = NULL;
	enum probe_reason reason;

	run->body_bytes += size * n;
	if (run->body_bytes > BODY_MAX)
		return break_off(run, PROBE_TOO_LARGE, "the body is larger than 1 MiB");
	if (wish_of(run)->is_grpc && run->body_bytes > GRPC_ANSWER_MAX)
		return break_off(run, PROBE_TOO_LARGE, "the answer is larger than 4 KiB");
	reason = body_add(&run->body, wish_of(run), bytes, size * n, &complaint);
	return reason == PROBE_OK ? size * n : break_off(run, reason, complaint);
}

static int on_verify(X509_STORE_CTX *store, void *arg)
{
	struct http_run *run = arg;

	handshake_tell_certificate(run->probe, X509_STORE_CTX_get0_cert(store));
	return certificate_verify(store, &run->certificate);
}

/* The certificates to trust, parsed once, in place of curl's own reading of files. */
static CURLcode on_tls_context(CURL *easy __attribute__((unused)), void *context, void *arg)
{
	struct http_run *run = arg;
	X509_STORE *store = ca_find(run->probe->spec->ca_id);

	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION); /* nor by the thousand */
	watch_handshake(run, context);
	if (!run->probe->spec->verify)
		return CURLE_OK;
	SSL_CTX_set_cert_verify_callback(context, on_verify, run);
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
		{ CURLOPT_HTTP09_ALLOWED, 0 },
		{ CURLOPT_FOLLOWLOCATION, 0 },
		{ CURLOPT_FRESH_CONNECT, 1 },
		{ CURLOPT_FORBID_REUSE, 1 },
		{ CURLOPT_TCP_NODELAY, 0 },
		{ CURLOPT_TCP_KEEPALIVE, 0 },
		{ CURLOPT_BUFFERSIZE, 1024 }, /* of each transfer, for as long as it runs */
		{ CURLOPT_UPLOAD_BUFFERSIZE, 16384 },
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
	ok = ok && curl_easy_setopt(easy, CURLOPT_SOCKOPTDATA, run) == CURLE_OK;
	ok = ok && curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK;
	ok = ok && curl_easy_setopt(easy, CURLOPT_HEADERDATA, run) == CURLE_OK;
	ok = ok && curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK;
	ok = ok && curl_easy_setopt(easy, CURLOPT_WRITEDATA, run) == CURLE_OK;
	ok = ok && curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, on_debug) == CURLE_OK;
	ok = ok && curl_easy_setopt(easy, CURLOPT_DEBUGDATA, run) == CURLE_OK;
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
	relay_stop(run->relay);
	run->relay = NULL;
	if (run->probe)
		http.n_running[is_rationed(wish_of(run))]--;
	run->probe = NULL;
	body_free(&run->body);
	if (http.n_idle >= IDLE_MAX) {
		run_free(run);
		return;
	}
	run->next = http.idle;
	http.idle = run;
	http.n_idle++;
}

static bool set_method(CURL *easy, enum config_method method)
{
	const char *word = method == CONFIG_METHOD_OPTIONS ? "OPTIONS" : NULL;

	return curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_NOBODY, method == CONFIG_METHOD_HEAD ? 1L : 0L) ==
		       CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, word) == CURLE_OK;
}

static bool set_post(CURL *easy, const struct http_wish *wish)
{
	return curl_easy_setopt(easy, CURLOPT_POST, 1L) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)wish->post_len) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_POSTFIELDS, wish->post) == CURLE_OK;
}

static long http_version(const struct http_wish *wish)
{
	if (!wish->is_http2)
		return CURL_HTTP_VERSION_1_1;
	return wish->has_tls ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE;
}

static bool set_request(struct http_run *run, const struct check_spec *spec)
{
	const struct http_wish *wish = spec->own;
	CURL *easy = run->easy;

	return curl_easy_setopt(easy, CURLOPT_VERBOSE, run->probe->trace ? 1L : 0L) == CURLE_OK &&
	       set_method(easy, spec->method) && (!wish->post || set_post(easy, wish)) &&
	       curl_easy_setopt(easy, CURLOPT_ABSTRACT_UNIX_SOCKET,
				run->relay ? run->relay_name : NULL) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, http_version(wish)) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_URL, wish->url) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_REQUEST_TARGET, wish->target) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_HTTPHEADER, wish->headers) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, spec->verify ? 1L : 0L) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, spec->verify ? 2L : 0L) == CURLE_OK;
}

/* ---- what a transfer came to ---- */

static void end_broken(struct http_run *run, struct probe *probe)
{
	if (run->broken == PROBE_HTTP_STATUS)
		probe_end(probe, PROBE_HTTP_STATUS, "HTTP %ld in %.1f ms", run->status,
			  probe_msec(probe));
	else if (run->broken == PROBE_UNEXPECTED && run->body.kept > 0)
		probe_end(probe, run->broken, "%s: %s", run->complaint,
			  quote_bytes(run->body.bytes, run->body.kept).text);
	else
		probe_end(probe, run->broken, "%s", run->complaint);
}

static enum probe_reason garbage_reason(const struct http_run *run)
{
	return wish_of(run)->is_http2 ? PROBE_PROTOCOL_ERROR : PROBE_HTTP_GARBAGE;
}

/* curl has one code for a call that failed and an answer it cannot read; and the errno that it
 * gives belongs to whichever call of the handle failed last, also in a probe before. So the socket
 * is asked. */
static enum probe_reason recv_reason(const struct http_run *run)
{
	return run->is_reset ? PROBE_RESET : garbage_reason(run);
}

static enum probe_reason curl_reason(const struct http_run *run)
{
	/* CURLcode has a hundred values: a table of those that can come, in order of likelihood. */
	static const struct {
		CURLcode code;
		enum probe_reason reason;
		bool is_read; /* a judgement of what was read, whatever the connection came to */
	} rows[] = {
		{ CURLE_GOT_NOTHING, PROBE_CLOSED, false },
		{ CURLE_PARTIAL_FILE, PROBE_CLOSED, false },
		{ CURLE_UNSUPPORTED_PROTOCOL, PROBE_HTTP_GARBAGE, true }, /* HTTP/0.9 */
		{ CURLE_WEIRD_SERVER_REPLY, PROBE_HTTP_GARBAGE, true },
		{ CURLE_PEER_FAILED_VERIFICATION, PROBE_TLS_ERROR, true },
		{ CURLE_SSL_CONNECT_ERROR, PROBE_TLS_ERROR, false },
		{ CURLE_SSL_CERTPROBLEM, PROBE_TLS_ERROR, true },
		{ CURLE_SSL_CIPHER, PROBE_TLS_ERROR, true },
		{ CURLE_SSL_ISSUER_ERROR, PROBE_TLS_ERROR, true },
		{ CURLE_SSL_INVALIDCERTSTATUS, PROBE_TLS_ERROR, true },
		/* One header line beyond what curl keeps; memory itself does not run out here. */
		{ CURLE_OUT_OF_MEMORY, PROBE_TOO_LARGE, true },
		{ CURLE_SSL_CACERT_BADFILE, PROBE_LOCAL_ERROR, true }, /* on_tls_context() */
		{ CURLE_URL_MALFORMAT, PROBE_LOCAL_ERROR, true },
		{ CURLE_COULDNT_CONNECT, PROBE_LOCAL_ERROR, false },
		{ CURLE_FAILED_INIT, PROBE_LOCAL_ERROR, true },
	};
	size_t i = 0;

	while (i < sizeof(rows) / sizeof(rows[0]) && rows[i].code != run->code)
		i++;
	if (i < sizeof(rows) / sizeof(rows[0]) && rows[i].is_read)
		return rows[i].reason;
	if (run->relay && relay_error(run->relay) != 0)
		return dial_error_reason(relay_error(run->relay));
	if (run->code == CURLE_RECV_ERROR || run->code == CURLE_SEND_ERROR)
		return recv_reason(run);
	/* What nghttp2 makes nothing of, curl calls nothing. */
	if (run->code == CURLE_GOT_NOTHING && !wish_of(run)->has_tls && run->relay &&
	    relay_has_received(run->relay))
		return garbage_reason(run);
	return i < sizeof(rows) / sizeof(rows[0]) ? rows[i].reason : garbage_reason(run);
}

static void end_failed(struct http_run *run, struct probe *probe)
{
	enum probe_reason reason = curl_reason(run);
	char words[CERTIFICATE_TEXT_MAX];
	const char *text = run->message[0] ? run->message : curl_easy_strerror(run->code);

	if (run->code == CURLE_GOT_NOTHING && reason == PROBE_PROTOCOL_ERROR)
		text = "the server does not speak HTTP/2";
	if (run->code == CURLE_PEER_FAILED_VERIFICATION)
		probe_doing(probe, "certificate");
	if (run->certificate.error != X509_V_OK) {
		certificate_text(&run->certificate, words);
		text = words;
	}
	if (run->code == CURLE_SSL_CACERT_BADFILE)
		text = "no certificates to verify against: the CA file holds none";
	probe_end(probe, reason, "%s", text);
}

/* "" unless the certificate is about to end. */
static void print_expiry(struct http_run *run, char text[64])
{
	struct probe *probe = run->probe;
	char when[32];

	text[0] = '\0';
	probe->cert_ends = certificate_warning(&run->certificate, probe->spec->expiry_warning_us);
	if (probe->cert_ends == 0)
		return;
	certificate_time_text(run->certificate.ends, when);
	snprintf(text, 64, "; its certificate ends %s", when);
}

static void end_passed(struct http_run *run, struct probe *probe)
{
	char expiry[64];

	print_expiry(run, expiry);
	if (wish_of(run)->is_grpc)
		probe_end(probe, PROBE_OK, "SERVING in %.1f ms%s", probe_msec(probe), expiry);
	else
		probe_end(probe, PROBE_OK, "HTTP %ld in %.1f ms%s", run->status, probe_msec(probe),
			  expiry);
}

static void end_grpc(struct http_run *run, struct probe *probe)
{
	const uint8_t *answer = (const uint8_t *)run->body.bytes;
	uint64_t health;

	if (run->grpc_code < 0)
		probe_end(probe, PROBE_PROTOCOL_ERROR, "the answer has no grpc-status");
	else if (run->grpc_code > 0)
		probe_end(probe, PROBE_GRPC_STATUS, "grpc-status %d (%s)%s", run->grpc_code,
			  grpc_code_str((uint32_t)run->grpc_code), run->grpc_message);
	else if (grpc_decode_response(answer, run->body.kept, &health) < 0)
		probe_end(probe, PROBE_PROTOCOL_ERROR, "the answer is no HealthCheckResponse");
	else if (health != GRPC_SERVING)
		probe_end(probe, PROBE_GRPC_STATUS, "%s in %.1f ms", grpc_health_str(health),
			  probe_msec(probe));
	else
		end_passed(run, probe);
}

/* The answer is whole: does it hold what it must? What gRPC says is looked at by itself. */
static void look_at_whole(struct http_run *run)
{
	const char *complaint = NULL;
	enum probe_reason reason;

	probe_step(run->probe, "last byte of the answer, %zu of its body", run->body_bytes);
	probe_doing(run->probe, "judgement");
	if (wish_of(run)->is_grpc)
		return;
	reason = body_end(&run->body, wish_of(run), &complaint);
	if (reason != PROBE_OK)
		break_off(run, reason, complaint);
}

static void transfer_ended(struct http_run *run)
{
	struct probe *probe = run->probe;

	probe->run = NULL;
	curl_multi_remove_handle(http.multi, run->easy);
	if (run->relay && relay_is_flooded(run->relay))
		break_off(run, PROBE_TOO_LARGE, "more than 1280 KiB were sent");
	if (run->broken == PROBE_NONE && run->code == CURLE_OK)
		look_at_whole(run);
	if (run->broken != PROBE_NONE)
		end_broken(run, probe);
	else if (run->code != CURLE_OK)
		end_failed(run, probe);
	else if (wish_of(run)->is_grpc)
		end_grpc(run, probe);
	else
		end_passed(run, probe);
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

static bool has_sent_too_much(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 &&
	       info.tcpi_bytes_received > RELAY_MAX;
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
	struct http_run *run = arg;
	int running;

	if (run->probe->trace && !run->relay && !run->has_begun && dial_has_bytes(fd))
		tell_begin(run);
	if (++run->n_events % EVENTS_A_LOOK == 0 && has_sent_too_much(fd)) {
		break_off(run, PROBE_TOO_LARGE, "more than 1280 KiB were sent");
		transfer_ended(run);
		return;
	}
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
	event_assign(&run->event, http.base, fd, events, on_ready, run);
	return event_add(&run->event, NULL);
}

static int on_timer_wish(CURLM *multi __attribute__((unused)), long timeout_ms,
			 void *arg __attribute__((unused)))
{
	struct timeval tv = { .tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000 };

	return timeout_ms < 0 ? event_del(http.timer) : event_add(http.timer, &tv);
}

/* ---- the kind ---- */

static int http_prepare(struct check_spec *spec)
{
	spec->own = http_wish_new(spec);
	return spec->own ? 0 : -ENOMEM;
}

static void http_forget(struct check_spec *spec)
{
	http_wish_free(spec->own);
}

/* The connection is curl's, or its relay's. Where this fails it is closed. */
static bool take_connection(struct http_run *run, int fd)
{
	run->fd = fd;
	if (!is_rationed(wish_of(run)))
		return true;
	run->fd = -1;
	run->relay = relay_start(http.base, fd, run->relay_name);
	return run->relay != NULL;
}

static bool http_has_room(const struct check_spec *spec, bool is_patient)
{
	bool rationed = is_rationed(spec->own);
	unsigned max = rationed ? RATIONED_MAX : PLAIN_MAX;

	return http.n_running[rationed] < (is_patient ? max - max / 8 : max);
}

static void http_connected(struct probe *probe, int fd)
{
	/* Those that were connecting when the last place was taken, or are watched, find none. */
	struct http_run *run = http_has_room(probe->spec, false) ? run_take() : NULL;

	if (!run) {
		close(fd);
		probe_end(probe, PROBE_LOCAL_ERROR,
			  "no memory for one more answer that is waited for");
		return;
	}
	run->probe = probe;
	http.n_running[is_rationed(wish_of(run))]++;
	if (!take_connection(run, fd)) {
		run_give_back(run);
		probe_end(probe, PROBE_LOCAL_ERROR, "relay: %s", strerror(errno));
		return;
	}
	run->header_bytes = run->body_bytes = 0;
	run->n_events = 0;
	run->is_opened = run->is_reset = run->has_begun = run->has_handshake = false;
	run->grpc_code = -1;
	run->grpc_message[0] = '\0';
	run->certificate = (struct certificate){ 0 };
	run->status = 0;
	run->broken = PROBE_NONE;
	run->message[0] = '\0';
	probe->run = run;
	probe_doing(probe, wish_of(run)->has_tls ? "TLS handshake" : "request");
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
	.prepare = http_prepare,
	.forget = http_forget,
	.has_room = http_has_room,
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
	http.tls_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
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
