/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handshake.h - tells whoever watches a probe what its TLS handshake came to.
 */
#pragma once

#include <openssl/types.h>

struct probe;

/* The certificate that the server showed. */
void handshake_tell_certificate(struct probe *probe, const X509 *certificate);

/* What was agreed on; and the certificate, where it was not verified and so not told yet. */
void handshake_tell(struct probe *probe, const SSL *ssl);
