/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quote.h - the first bytes of what a stranger answered, readable in evidence.
 */
#pragma once

#include <stddef.h>

#define QUOTE_BYTES_MAX 40

struct quote {
	char text[4 * QUOTE_BYTES_MAX + 8];
};

/* In double quotes; what is not printable as \r, \n or \xNN; "..." behind them: there are more. */
struct quote quote_bytes(const void *bytes, size_t len);
