/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certificate.h - what the certificates that a server showed came to: why they are not valid, or
 * until when they are.
 */
#pragma once

#include <openssl/types.h>
#include <stdbool.h>
#include <stdint.h>

#include "src/base/usec.h"

#define CERTIFICATE_TEXT_MAX 128

struct certificate {
	int error;    /* X509_V_...; X509_V_OK, which is 0: valid, or not looked at */
	int depth;    /* of the one meant, in the chain; 0: the server's own */
	int64_t ends; /* it does then, the first of the chain; Unix seconds, 0: not known */
};

/* In place of OpenSSL's own verification, with its result, which the caller returns. */
int certificate_verify(X509_STORE_CTX *context, struct certificate *ret);

/* Why it is not valid, in words. */
void certificate_text(const struct certificate *certificate, char ret[CERTIFICATE_TEXT_MAX]);

/* Its end, where that is not `warning` away any more; 0: it is, or nobody wants to know. */
uint64_t certificate_warning(const struct certificate *certificate, usec_t warning);

/* When one ends, Unix seconds; 0: not known. */
int64_t certificate_ends(const X509 *certificate);

/* "2026-11-30 12:00 UTC". */
void certificate_time_text(int64_t at, char ret[32]);
