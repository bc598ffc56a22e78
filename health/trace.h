/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace.h - what one probe did, step by step, when somebody watches: `shoal probe`. Bounded: what
 * comes after the last place is counted, not kept; but for the step that failed, which always has
 * one.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "src/base/usec.h"

#define TRACE_STEPS_MAX 32
#define TRACE_TEXT_MAX  192 /* bytes of one, with the NUL */

struct trace_step {
	usec_t at_us;    /* since the start of the probe */
	bool has_failed; /* the probe ended here */
	char text[TRACE_TEXT_MAX];
};

struct trace {
	const char *doing; /* what is under way, in constant words; NULL: nothing. Never told */
	uint32_t n_steps, n_lost;
	struct trace_step steps[TRACE_STEPS_MAX];
};

/* What fmt prints is cut to size and made printable. */
void trace_add(struct trace *trace, usec_t at_us, const char *fmt, va_list ap)
	__attribute__((format(printf, 3, 0)));

/* What is under way has failed; nothing, where nothing is. */
void trace_add_failure(struct trace *trace, usec_t at_us);

/* Bytes of strangers never reach a log or a terminal raw. */
void trace_make_printable(char *text);
