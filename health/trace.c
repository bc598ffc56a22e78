/* SPDX-License-Identifier: Apache-2.0 */
#include "health/trace.h"

#include <stdio.h>

void trace_make_printable(char *text)
{
	for (; *text; text++)
		if (*text < 0x20 || *text > 0x7e)
			*text = '?';
}

void trace_add(struct trace *trace, usec_t at_us, const char *fmt, va_list ap)
{
	struct trace_step *step;

	if (trace->n_steps == TRACE_STEPS_MAX - 1) {
		trace->n_lost++;
		return;
	}
	step = &trace->steps[trace->n_steps++];
	*step = (struct trace_step){ .at_us = at_us };
	vsnprintf(step->text, sizeof(step->text), fmt, ap);
	trace_make_printable(step->text);
}

void trace_add_failure(struct trace *trace, usec_t at_us)
{
	struct trace_step *step;

	if (!trace->doing || trace->n_steps == TRACE_STEPS_MAX)
		return;
	step = &trace->steps[trace->n_steps++];
	*step = (struct trace_step){ .at_us = at_us, .has_failed = true };
	snprintf(step->text, sizeof(step->text), "failed: %s", trace->doing);
}
