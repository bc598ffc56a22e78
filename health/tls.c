/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls.c - the check tls: a handshake, and what was agreed on in it.
 *
 * OpenSSL never sees the socket: bytes go through memory, one ration a turn of the loop, so that a
 * server which goes on and on holds nobody else up.
 */
#include <errno.h>
#include <event2/event_struct.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "health/ca.h"
#include "health/certificate.h"
#include "health/check.h"
#include "health/handshake.h"

#define RATION 8192 /* bytes a turn */
#define RECEIVED_MAX                                                                               \
	(256 * 1024) /* bytes of a handshake; OpenSSL takes certificates of 100 KiB                \
		      */

struct tls_run {
	struct probe *probe;
	int fd;
	struct event readable, writable;
	SSL *ssl;
	BIO *in, *out; /* of ssl */
	size_t n_received;
	char name[MESSAGE_HOST_MAX]; /* of the server */
	struct certificate certificate;
};

static SSL_CTX *context;

/* ---- the end ---- */

static void run_free(struct tls_run *run)
{
	event_del(&run->readable);
	event_del(&run->writable);
	SSL_free(run->ssl);
	dial_hang_up(run->fd, &run->probe->spec->dial);
	run->probe->run = NULL;
	free(run);
}

static void end_refused(struct tls_run *run)
{
	const struct certificate *certificate = &run->certificate;
	const char *why = ERR_reason_error_string(ERR_peek_error());
	char text[CERTIFICATE_TEXT_MAX];

	certificate_text(certificate, text);
	if (certificate->error != X509_V_OK)
		probe_doing(run->probe, "certificate");
	if (certificate->error == X509_V_ERR_HOSTNAME_MISMATCH ||
	    certificate->error == X509_V_ERR_IP_ADDRESS_MISMATCH)
		probe_end(run->probe, PROBE_TLS_ERROR, "the certificate is not for %s", run->name);
	else if (certificate->error != X509_V_OK)
		probe_end(run->probe, PROBE_TLS_ERROR, "%s", text);
	else
		probe_end(run->probe, PROBE_TLS_ERROR, "TLS handshake: %s",
			  why ? why : "the server broke it off");
	run_free(run);
}

/* ---- ALPN ---- */

static bool alpn_is(const struct check_text *text, const unsigned char *chosen, unsigned len)
{
	return text->len == len && memcmp(text->bytes, chosen, len) == 0;
}

/* Whether the server chose one of those offered, or none were. */
static bool alpn_is_agreed(const struct tls_run *run)
{
	const struct check_text *first = check_text(run->probe->spec, MESSAGE_TEXT_ALPN);
	const struct check_text *text = first;
	const unsigned char *chosen;
	unsigned len;

	SSL_get0_alpn_selected(run->ssl, &chosen, &len);
	while (text && !alpn_is(text, chosen, len))
		text = check_text_next(run->probe->spec, text);
	return text || !first;
}

/* As on the wire: each with its length. Source: RFC 7301, 3.1. */
static bool alpn_offer(const struct tls_run *run)
{
	const struct check_text *text = check_text(run->probe->spec, MESSAGE_TEXT_ALPN);
	unsigned char wire[1024];
	size_t len = 0;

	for (; text; text = check_text_next(run->probe->spec, text)) {
		if (text->len == 0 || text->len > 255 || len + 1 + text->len > sizeof(wire))
			return false;
		wire[len++] = (unsigned char)text->len;
		memcpy(wire + len, text->bytes, text->len);
		len += text->len;
	}
	return len == 0 || SSL_set_alpn_protos(run->ssl, wire, (unsigned)len) == 0;
}

static void end_agreed(struct tls_run *run)
{
	struct probe *probe = run->probe;
	char until[32];

	handshake_tell(probe, run->ssl);
	probe_doing(probe, "ALPN");
	certificate_time_text(run->certificate.ends, until);
	probe->cert_ends = certificate_warning(&run->certificate, probe->spec->expiry_warning_us);
	if (!alpn_is_agreed(run))
		probe_end(probe, PROBE_PROTOCOL_ERROR,
			  "the server chose none of the protocols that alpn offers");
	else if (run->certificate.ends != 0)
		probe_end(probe, PROBE_OK, "%s in %.1f ms, certificate until %s",
			  SSL_get_version(run->ssl), probe_msec(probe), until);
	else
		probe_end(probe, PROBE_OK, "%s in %.1f ms", SSL_get_version(run->ssl),
			  probe_msec(probe));
	run_free(run);
}

/* ---- the handshake ---- */

/* What OpenSSL wants to say; false: the run is over. */
static bool send_out(struct tls_run *run)
{
	unsigned char said[RATION];
	char *bytes;
	long len = BIO_get_mem_data(run->out, &bytes);
	ssize_t n = len > 0 ? send(run->fd, bytes, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;

	if (n < 0 && errno != EAGAIN) {
		probe_end(run->probe, dial_error_reason(errno), "send: %s", strerror(errno));
		run_free(run);
		return false;
	}
	for (ssize_t left = n; left > 0;)
		left -= BIO_read(run->out, said, left < RATION ? (int)left : RATION);
	if (n < len)
		event_add(&run->writable, NULL);
	return true;
}

static void go_on(struct tls_run *run)
{
	int r, error;

	ERR_clear_error();
	r = SSL_do_handshake(run->ssl);
	error = SSL_get_error(run->ssl, r);
	if (!send_out(run))
		return;
	if (r == 1)
		end_agreed(run);
	else if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
		end_refused(run);
}

static void end_silent(struct tls_run *run, ssize_t n)
{
	if (n == 0)
		probe_end(run->probe, PROBE_CLOSED, "closed in the TLS handshake");
	else
		probe_end(run->probe, dial_error_reason(errno), "TLS handshake: %s",
			  strerror(errno));
	run_free(run);
}

static void on_readable(evutil_socket_t fd, short what __attribute__((unused)), void *arg)
{
	struct tls_run *run = arg;
	unsigned char bytes[RATION];
	ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		end_silent(run, n);
		return;
	}
	run->n_received += (size_t)n;
	if (run->n_received > RECEIVED_MAX) {
		probe_end(run->probe, PROBE_TOO_LARGE, "more than 256 KiB in the TLS handshake");
		run_free(run);
	} else if (BIO_write(run->in, bytes, (int)n) != n) {
		probe_end(run->probe, PROBE_LOCAL_ERROR, "out of memory");
		run_free(run);
	} else {
		go_on(run);
	}
}

static void on_writable(evutil_socket_t fd __attribute__((unused)),
			short what __attribute__((unused)), void *arg)
{
	send_out(arg);
}

/* ---- the beginning ---- */

static int on_verify(X509_STORE_CTX *store, void *arg __attribute__((unused)))
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls_run *run = SSL_get_app_data(ssl);

	if (!run->probe->spec->verify)
		return 1;
	handshake_tell_certificate(run->probe, X509_STORE_CTX_get0_cert(store));
	return certificate_verify(store, &run->certificate);
}

static void find_name(struct tls_run *run)
{
	const struct check_spec *spec = run->probe->spec;
	const struct check_text *sni = check_text(spec, MESSAGE_TEXT_SNI);
	const char *host = spec->host[0] ? spec->host : ADDR_STR(&spec->dial.addr);

	snprintf(run->name, sizeof(run->name), "%s", sni ? sni->bytes : host);
}

/* The name that is asked for and verified; an address is only verified. */
static bool set_name(struct tls_run *run)
{
	char *name = run->name; /* OpenSSL only reads it, but does not say so */
	X509_VERIFY_PARAM *param = SSL_get0_param(run->ssl);
	struct addr addr;

	if (addr_parse(name, &addr) == 0)
		return X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1;
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	/* The macro casts its argument to void *, and SSL_ctrl() only copies the name. */
	return SSL_set_tlsext_host_name(run->ssl, (char *)(uintptr_t)name) == 1 &&
	       X509_VERIFY_PARAM_set1_host(param, name, 0) == 1;
}

static bool set_verify(const struct tls_run *run, X509_STORE *store)
{
	if (!run->probe->spec->verify)
		return true;
	SSL_set_verify(run->ssl, SSL_VERIFY_PEER, NULL);
	return SSL_set1_verify_cert_store(run->ssl, store) == 1;
}

static bool run_open(struct tls_run *run, X509_STORE *store)
{
	run->ssl = SSL_new(context);
	run->in = BIO_new(BIO_s_mem());
	run->out = BIO_new(BIO_s_mem());
	if (!run->ssl || !run->in || !run->out) {
		BIO_free(run->in);
		BIO_free(run->out);
		return false;
	}
	BIO_set_mem_eof_return(run->in, -1); /* empty is not the end */
	SSL_set_bio(run->ssl, run->in, run->out);
	SSL_set_app_data(run->ssl, run);
	SSL_set_connect_state(run->ssl);
	return set_verify(run, store) && set_name(run) && alpn_offer(run);
}

static void tls_connected(struct probe *probe, int fd)
{
	X509_STORE *store = ca_find(probe->spec->ca_id);
	struct tls_run *run = calloc(1, sizeof(*run));

	if (!run || (probe->spec->verify && !store)) {
		dial_hang_up(fd, &probe->spec->dial);
		free(run);
		probe_end(probe, PROBE_LOCAL_ERROR, "%s",
			  run ? "no certificates to verify against: the CA file holds none"
			      : "out of memory");
		return;
	}
	run->probe = probe;
	run->fd = fd;
	find_name(run);
	probe_doing(probe, "TLS handshake");
	probe->run = run;
	event_assign(&run->readable, probe->base, fd, EV_READ | EV_PERSIST, on_readable, run);
	event_assign(&run->writable, probe->base, fd, EV_WRITE, on_writable, run);
	if (!run_open(run, store) || event_add(&run->readable, NULL) < 0) {
		probe_end(probe, PROBE_LOCAL_ERROR, "'%s' cannot be asked for with TLS", run->name);
		run_free(run);
		return;
	}
	go_on(run);
}

static void tls_stop(struct probe *probe)
{
	run_free(probe->run);
}

static const char *tls_waiting_for(const struct probe *probe)
{
	const struct tls_run *run = probe->run;

	return run->n_received > 0 ? "the end of the TLS handshake" : "the TLS handshake";
}

const struct check_kind check_tls = {
	.connected = tls_connected,
	.stop = tls_stop,
	.waiting_for = tls_waiting_for,
};

int tls_init(void)
{
	context = SSL_CTX_new(TLS_client_method());
	if (!context)
		return -ENOMEM;
	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_cert_verify_callback(context, on_verify, NULL);
	return 0;
}

void tls_fini(void)
{
	SSL_CTX_free(context);
}
