/* SPDX-License-Identifier: Apache-2.0 */
#include "health/ca.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <stdlib.h>
#include <string.h>

struct ca {
	struct ca *next;
	uint64_t id;
	uint32_t total, have; /* bytes */
	uint8_t *bytes;       /* NULL once parsed */
	X509_STORE *store;    /* NULL until whole, or when there is no certificate in it */
};

static struct ca *cas; /* as many as the config has distinct CA files */

static struct ca **ca_place(uint64_t id)
{
	struct ca **place = &cas;

	while (*place && (*place)->id != id)
		place = &(*place)->next;
	return place;
}

static void ca_free(struct ca *ca)
{
	X509_STORE_free(ca->store);
	free(ca->bytes);
	free(ca);
}

/* Anything in the bytes that is no certificate is passed over, as in any CA file. */
static X509_STORE *parse(const uint8_t *bytes, uint32_t len)
{
	BIO *bio = BIO_new_mem_buf(bytes, (int)len);
	X509_STORE *store = X509_STORE_new();
	unsigned n = 0;
	X509 *cert;

	while (bio && store && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		n += X509_STORE_add_cert(store, cert) == 1;
		X509_free(cert);
	}
	ERR_clear_error();
	BIO_free(bio);
	if (n > 0) {
		/* A file may name an intermediate as the root of trust. */
		X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
		return store;
	}
	X509_STORE_free(store);
	return NULL;
}

static struct ca *ca_begin(const struct message_ca *part)
{
	struct ca *ca = calloc(1, sizeof(*ca));

	if (!ca)
		return NULL;
	ca->id = part->id;
	ca->total = part->total_bytes;
	ca->bytes = malloc(ca->total);
	if (!ca->bytes) {
		free(ca);
		return NULL;
	}
	return ca;
}

int ca_take(const struct message_ca *part)
{
	struct ca **place = ca_place(part->id), *ca = *place;

	/* After a reconnect everything is told anew; what is whole stays. */
	if (ca && !ca->bytes)
		return 0;
	if (ca && part->offset == 0) {
		*place = ca->next;
		ca_free(ca);
		place = ca_place(part->id);
		ca = NULL;
	}
	if (!ca) {
		ca = ca_begin(part);
		if (!ca)
			return -ENOMEM;
		*place = ca;
	}
	if (part->offset != ca->have || part->total_bytes != ca->total)
		return -EBADMSG;
	memcpy(ca->bytes + ca->have, part->bytes, part->len);
	ca->have += part->len;
	if (ca->have == ca->total) {
		ca->store = parse(ca->bytes, ca->total);
		free(ca->bytes);
		ca->bytes = NULL;
	}
	return 0;
}

X509_STORE *ca_find(uint64_t id)
{
	struct ca *ca = *ca_place(id);

	return ca ? ca->store : NULL;
}

void ca_sweep(bool (*is_used)(uint64_t id, void *arg), void *arg)
{
	struct ca **place = &cas;

	while (*place) {
		struct ca *ca = *place;

		if (is_used(ca->id, arg)) {
			place = &ca->next;
			continue;
		}
		*place = ca->next;
		ca_free(ca);
	}
}
