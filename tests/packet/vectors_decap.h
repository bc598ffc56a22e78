/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vectors_decap.h - the program of a real for the vector runner. Upstream's opens every tunnel, so
 * here every address is the real's own and a VIP.
 */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "src/base/err.h"

int vector_decap_init(const json_t *suite, struct err *err);
void vector_decap_fini(void);
/* As dataplane_run(). */
int vector_decap_run(const void *frame, size_t len, void *out, size_t *out_len, struct err *err);
