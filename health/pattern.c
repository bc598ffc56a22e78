/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pattern.c - limits of PCRE2 alone do not bound the time: its match limit counts anew from each
 * byte that a match may begin at, and a step may run over the whole body. So callouts, one before
 * each item of the pattern, look at the CPU time, which other processes do not use up.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "health/pattern.h"

#include <pcre2.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STEPS_MAX       1000000 /* from one starting point */
#define HEAP_MAX_KIB    4096
#define CPU_MAX_US      20000 /* of one search; 64 KiB take an honest pattern 1 or 2 ms */
#define CALLOUTS_A_LOOK 64

struct pattern {
	struct pattern *next;
	unsigned n_users;
	pcre2_code *code; /* NULL: it does not compile */
	char text[];
};

static struct pattern *patterns; /* as many as the config has distinct ones */

struct search {
	unsigned n_callouts;
	int64_t give_up_us; /* 0: the clock has not been looked at */
};

static int64_t cpu_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static int on_callout(pcre2_callout_block *block __attribute__((unused)), void *arg)
{
	struct search *search = arg;

	if (++search->n_callouts % CALLOUTS_A_LOOK != 0)
		return 0;
	if (search->give_up_us == 0)
		search->give_up_us = cpu_us() + CPU_MAX_US;
	return cpu_us() > search->give_up_us ? PCRE2_ERROR_CALLOUT : 0;
}

struct pattern *pattern_get(const char *text)
{
	size_t room = strlen(text) + 1;
	struct pattern *pattern = patterns;
	PCRE2_SIZE offset;
	int error;

	while (pattern && strcmp(pattern->text, text) != 0)
		pattern = pattern->next;
	if (!pattern) {
		pattern = calloc(1, sizeof(*pattern) + room);
		if (!pattern)
			return NULL;
		memcpy(pattern->text, text, room);
		pattern->code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED,
					      PCRE2_NEVER_BACKSLASH_C | PCRE2_AUTO_CALLOUT, &error,
					      &offset, NULL);
		pattern->next = patterns;
		patterns = pattern;
	}
	pattern->n_users++;
	return pattern;
}

void pattern_put(struct pattern *pattern)
{
	struct pattern **place = &patterns;

	if (!pattern || --pattern->n_users > 0)
		return;
	while (*place != pattern)
		place = &(*place)->next;
	*place = pattern->next;
	pcre2_code_free(pattern->code);
	free(pattern);
}

static enum pattern_result result_of(int r)
{
	if (r >= 0)
		return PATTERN_MATCHES;
	/* A pattern that asks for UTF-8 does not match what is none. */
	if (r == PCRE2_ERROR_NOMATCH || (r <= PCRE2_ERROR_UTF8_ERR1 && r >= PCRE2_ERROR_UTF8_ERR21))
		return PATTERN_DIFFERS;
	if (r == PCRE2_ERROR_CALLOUT || r == PCRE2_ERROR_MATCHLIMIT || r == PCRE2_ERROR_HEAPLIMIT ||
	    r == PCRE2_ERROR_DEPTHLIMIT)
		return PATTERN_TOO_COSTLY;
	return PATTERN_UNUSABLE;
}

enum pattern_result pattern_search(const struct pattern *pattern, const void *bytes, size_t len)
{
	struct search search = { 0 };
	pcre2_match_context *context = pcre2_match_context_create(NULL);
	pcre2_match_data *data = pcre2_match_data_create(1, NULL);
	int r = PCRE2_ERROR_NOMEMORY;

	if (context && data && pattern->code) {
		pcre2_set_match_limit(context, STEPS_MAX);
		pcre2_set_heap_limit(context, HEAP_MAX_KIB);
		pcre2_set_callout(context, on_callout, &search);
		r = pcre2_match(pattern->code, bytes, len, 0, 0, data, context);
	}
	pcre2_match_data_free(data);
	pcre2_match_context_free(context);
	return result_of(r);
}
