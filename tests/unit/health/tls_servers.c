/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/test.h"
#include "tests/unit/health/servers.h"

static EVP_PKEY *ca_key;
static X509 *ca_cert;
static long serial;

static X509 *make_cert(EVP_PKEY *key, const char *name, long ends_in_s)
{
	X509 *cert = X509_new();
	X509_NAME *subject = X509_get_subject_name(cert);

	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(cert), -7200);
	X509_gmtime_adj(X509_getm_notAfter(cert), ends_in_s);
	X509_set_pubkey(cert, key);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1,
				   0);
	return cert;
}

static void add_extension(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	assert_non_null(extension);
	X509_add_ext(cert, extension, -1);
	X509_EXTENSION_free(extension);
}

void tls_make_ca(struct tls_files *files, const char *directory, const char *name)
{
	FILE *f;

	EVP_PKEY_free(ca_key);
	X509_free(ca_cert);
	ca_key = EVP_EC_gen("P-256");
	ca_cert = make_cert(ca_key, name, 300L * 24 * 3600);
	X509_set_issuer_name(ca_cert, X509_get_subject_name(ca_cert));
	add_extension(ca_cert, NID_basic_constraints, "critical,CA:TRUE");
	assert_true(X509_sign(ca_cert, ca_key, EVP_sha256()) > 0);
	snprintf(files->ca, sizeof(files->ca), "%s/%s.pem", directory, name);
	f = fopen(files->ca, "w");
	assert_non_null(f);
	fputs("a comment before it, as such files have\n", f);
	PEM_write_X509(f, ca_cert);
	fclose(f);
}

void tls_remove_ca(struct tls_files *files)
{
	unlink(files->ca);
}

static void serve_one(SSL_CTX *context, int fd)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
	SSL *ssl = SSL_new(context);
	char request[1024];

	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1 && SSL_read(ssl, request, sizeof(request)) > 0) {
		SSL_write(ssl, answer, sizeof(answer) - 1);
		SSL_read(ssl, request, sizeof(request)); /* the prober ends it */
	}
	SSL_free(ssl);
	close(fd);
}

/* http/1.1 is all it speaks. */
static int on_alpn(SSL *ssl __attribute__((unused)), const unsigned char **ret,
		   unsigned char *ret_len, const unsigned char *in, unsigned len,
		   void *arg __attribute__((unused)))
{
	static const unsigned char ours[] = "\x08http/1.1";

	return SSL_select_next_proto((unsigned char **)(uintptr_t)ret, ret_len, ours,
				     sizeof(ours) - 1, in, len) == OPENSSL_NPN_NEGOTIATED
		       ? SSL_TLSEXT_ERR_OK
		       : SSL_TLSEXT_ERR_NOACK;
}

static SSL_CTX *server_context(const char *host, long ends_in_s)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = make_cert(key, host, ends_in_s);
	char san[300];

	snprintf(san, sizeof(san), "%s:%s",
		 strspn(host, "0123456789.") == strlen(host) ? "IP" : "DNS", host);
	add_extension(cert, NID_subject_alt_name, san);
	X509_set_issuer_name(cert, X509_get_subject_name(ca_cert));
	assert_true(X509_sign(cert, ca_key, EVP_sha256()) > 0);
	assert_int_equal(SSL_CTX_use_certificate(context, cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(context, key), 1);
	X509_free(cert);
	EVP_PKEY_free(key);
	SSL_CTX_set_alpn_select_cb(context, on_alpn, NULL);
	return context;
}

void tls_server_start(struct tls_server *server, const char *host, int expired)
{
	tls_server_start_until(server, host, expired ? -3600 : 3600);
}

void tls_server_start_until(struct tls_server *server, const char *host, long ends_in_s)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);
	SSL_CTX *context = server_context(host, ends_in_s);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (const struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(listen(fd, 16), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	server->port = ntohs(sin.sin_port);
	server->pid = fork();
	if (server->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGPIPE, SIG_IGN);
		for (;;)
			serve_one(context, accept(fd, NULL, NULL));
	}
	close(fd);
	SSL_CTX_free(context);
}

void tls_server_stop(struct tls_server *server)
{
	kill(server->pid, SIGKILL);
	waitpid(server->pid, NULL, 0);
}
