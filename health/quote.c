/* SPDX-License-Identifier: Apache-2.0 */
#include "health/quote.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static size_t quote_byte(char *to, uint8_t byte)
{
	if (byte == '\r' || byte == '\n')
		return (size_t)sprintf(to, "\\%c", byte == '\r' ? 'r' : 'n');
	if (byte == '"' || byte == '\\')
		return (size_t)sprintf(to, "\\%c", byte);
	if (byte >= 0x20 && byte <= 0x7e)
		return (size_t)sprintf(to, "%c", byte);
	return (size_t)sprintf(to, "\\x%02x", byte);
}

struct quote quote_bytes(const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	struct quote quote;
	size_t at = 0;

	quote.text[at++] = '"';
	for (size_t i = 0; i < len && i < QUOTE_BYTES_MAX; i++)
		at += quote_byte(quote.text + at, p[i]);
	strcpy(quote.text + at, len > QUOTE_BYTES_MAX ? "\"..." : "\"");
	return quote;
}
