/* SPDX-License-Identifier: Apache-2.0 */
#include "health/handshake.h"

#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

#include "health/certificate.h"
#include "health/check.h"

#define NAME_MAX_LEN 64

/* "CN=www.example.net", as RFC 2253 writes names; cut where it is longer. */
static void print_name(const X509_NAME *name, char ret[NAME_MAX_LEN])
{
	BIO *out = BIO_new(BIO_s_mem());
	int n = 0;

	if (out && X509_NAME_print_ex(out, name, 0, XN_FLAG_RFC2253) >= 0)
		n = BIO_read(out, ret, NAME_MAX_LEN - 1);
	ret[n > 0 ? n : 0] = '\0';
	BIO_free(out);
	if (n <= 0)
		snprintf(ret, NAME_MAX_LEN, "no name");
}

void handshake_tell_certificate(struct probe *probe, const X509 *certificate)
{
	char subject[NAME_MAX_LEN], issuer[NAME_MAX_LEN], ends[32];

	if (!probe->trace || !certificate)
		return;
	print_name(X509_get_subject_name(certificate), subject);
	print_name(X509_get_issuer_name(certificate), issuer);
	certificate_time_text(certificate_ends(certificate), ends);
	probe_step(probe, "certificate of %s by %s, until %s", subject, issuer, ends);
}

void handshake_tell(struct probe *probe, const SSL *ssl)
{
	const unsigned char *alpn;
	unsigned len;

	if (!probe->trace)
		return;
	if (!probe->spec->verify)
		handshake_tell_certificate(probe, SSL_get0_peer_certificate(ssl));
	SSL_get0_alpn_selected(ssl, &alpn, &len);
	probe_step(probe, "TLS handshake: %s, %s, ALPN %.*s", SSL_get_version(ssl),
		   SSL_get_cipher_name(ssl), len > 0 ? (int)len : 4,
		   len > 0 ? (const char *)alpn : "none");
}
