/* SPDX-License-Identifier: Apache-2.0 */
#include "src/base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return code;
	va_start(ap, fmt);
	errno = -code; /* what %m prints */
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return code;
}

int err_prefix(struct err *err, int code, const char *fmt, ...)
{
	char before[ERR_TEXT_MAX];
	va_list ap;
	size_t len;

	if (!err)
		return code;
	va_start(ap, fmt);
	vsnprintf(before, sizeof(before) - 2, fmt, ap);
	va_end(ap);
	strcat(before, ": ");
	len = strlen(before);
	memmove(err->text + len, err->text, sizeof(err->text) - len);
	memcpy(err->text, before, len);
	err->text[sizeof(err->text) - 1] = '\0';
	return code;
}
