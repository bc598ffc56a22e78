/* SPDX-License-Identifier: Apache-2.0 */
/*
 * diagnosis.h - what a check-up found: findings in the order of the checks, each a sentence and,
 * where there is one, the command that mends it.
 *
 * Whoever knows a field adds findings; whoever asked renders them. Memory that runs out is
 * remembered, so that an empty list never stands for a check that could not speak.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum severity {
	SEVERITY_ERROR,   /* VIPs are not announced, or will not be */
	SEVERITY_WARNING, /* works, until something happens */
	SEVERITY_NOTE,    /* worth knowing */
	SEVERITY_OK,      /* looked at, and well */
};

struct diagnosis_finding {
	enum severity severity;
	const char *check; /* constant text: which check found it */
	char *text;
	char *fix; /* a command; NULL: none */
};

/* Zeroed memory is an empty one; end it with diagnosis_fini(). */
struct diagnosis {
	struct diagnosis_finding *items;
	size_t n, size;
	bool is_cut; /* memory was short: something is missing */
};

/*
 * diagnosis_add - one more finding.
 * @fix: malloc'ed, taken over also when memory is short; NULL: none.
 */
void diagnosis_add(struct diagnosis *diagnosis, enum severity severity, const char *check,
		   char *fix, const char *fmt, ...) __attribute__((format(printf, 5, 6)));
void diagnosis_fini(struct diagnosis *diagnosis);

size_t diagnosis_count(const struct diagnosis *diagnosis, enum severity severity);
/* "error", "warning", "note", "ok". */
const char *severity_str(enum severity severity);
