/* SPDX-License-Identifier: Apache-2.0 */
#include "src/cli/printable.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ESCAPED_MAX 6 /* \u202e */

/* The length of the UTF-8 sequence at p and its code point; 0 when it is none. */
static size_t decode(const unsigned char *p, uint32_t *ret)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	uint32_t code;

	if (len <= 1 || p[0] > 0xf4) {
		*ret = p[0];
		return p[0] > 0xf4 ? 0 : len;
	}
	code = p[0] & (0x7fU >> len);
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3fU);
	}
	if (code < least[len] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 0;
	*ret = code;
	return len;
}

/* Code points that are not seen, or change how others are seen. */
static bool is_treacherous(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0xad ||
	       (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
	       (code >= 0x2060 && code <= 0x206f) || code == 0xfeff || code >= 0xe0000;
}

char *printable_copy(const char *text, bool has_utf8)
{
	const unsigned char *p = (const unsigned char *)text;
	char *copy = malloc(strlen(text) * ESCAPED_MAX + 1), *out = copy;

	if (!copy)
		return NULL;
	while (*p) {
		uint32_t code = 0;
		size_t len = decode(p, &code);

		if (len > 0 && !is_treacherous(code) && (len == 1 || has_utf8)) {
			memcpy(out, p, len);
			out += len;
		} else if (len > 1 && code <= 0xffff && code > 0xff) {
			out += sprintf(out, "\\u%04x", (unsigned)code);
		} else {
			/* Byte by byte: 4 characters each, so 4-byte sequences fit too. */
			for (size_t i = 0; i < (len ? len : 1); i++)
				out += sprintf(out, "\\x%02x", p[i]);
		}
		p += len ? len : 1;
	}
	*out = '\0';
	return copy;
}

size_t printable_width(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		if (((unsigned char)*text & 0xc0) != 0x80)
			width++;
	return width;
}

size_t printable_cut(const char *text, size_t columns)
{
	const char *p = text;

	for (; *p; p++)
		if (((unsigned char)*p & 0xc0) != 0x80 && columns-- == 0)
			break;
	return (size_t)(p - text);
}
