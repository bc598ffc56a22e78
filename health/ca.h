/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ca.h - the certificates that https probes verify against. They come from shoald as PEM bytes in
 * parts (shoal-probe opens no files) and are parsed once, then shared by all probes.
 */
#pragma once

#include <openssl/types.h>
#include <stdint.h>

#include "health/message.h"

/*
 * ca_take - one part; in order, from offset 0.
 * Returns 0, -EBADMSG for a part out of order, -ENOMEM.
 */
int ca_take(const struct message_ca *part);

/* The parsed certificates; NULL when they did not come (whole) or hold no certificate. Borrowed. */
X509_STORE *ca_find(uint64_t id);

/* Forget those for which is_used says no. */
void ca_sweep(bool (*is_used)(uint64_t id, void *arg), void *arg);
