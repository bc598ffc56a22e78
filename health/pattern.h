/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pattern.h - the regular expressions that bodies are held against. Ten thousand targets of one
 * check share one compiled expression. Neither memory nor time of a search is the server's to
 * choose: the memory is capped by PCRE2, the time by a look at the clock now and then.
 */
#pragma once

#include <stddef.h>

struct pattern;

enum pattern_result {
	PATTERN_MATCHES,
	PATTERN_DIFFERS,
	PATTERN_TOO_COSTLY, /* given up */
	PATTERN_UNUSABLE,   /* it does not compile here, or memory ran out */
};

/* PCRE2 syntax, with a NUL at its end. NULL: out of memory. To be given back by pattern_put(). */
struct pattern *pattern_get(const char *text);
void pattern_put(struct pattern *pattern);

/* Whether it matches anywhere in these bytes, which may be any. */
enum pattern_result pattern_search(const struct pattern *pattern, const void *bytes, size_t len);
