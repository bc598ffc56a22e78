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

	if (trace->n_steps == TRACE_STEPS_MAX) {
		trace->n_lost++;
		return;
	}
	step = &trace->steps[trace->n_steps++];
	step->at_us = at_us;
	vsnprintf(step->text, sizeof(step->text), fmt, ap);
	trace_make_printable(step->text);
}
