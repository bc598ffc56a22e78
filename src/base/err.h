/* SPDX-License-Identifier: Apache-2.0 */
/*
 * err.h - one sentence that says what went wrong, carried to where it is logged or printed.
 *
 * A function that can fail returns 0 or a negative errno and takes `struct err *` last. The
 * innermost function that knows the cause writes the sentence; outer ones may prefix it. err
 * may be NULL when a caller wants only the code.
 */
#pragma once

#include <stdarg.h>

#define ERR_TEXT_MAX 1024

struct err {
	char text[ERR_TEXT_MAX]; /* one or more sentences, no trailing newline */
};

/*
 * err_set - write the sentence and return the code, so that callers write
 * `return err_set(err, -ENOENT, "...", ...)`. %m in fmt is the text of -code.
 */
int err_set(struct err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* err_prefix - put "prefix: " before the sentence that is there; returns code unchanged. */
int err_prefix(struct err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
