/* SPDX-License-Identifier: Apache-2.0 */
#include "src/record/degraded.h"

#include <stdarg.h>
#include <stdio.h>

#include "src/base/log.h"

static const struct {
	const char *word, *remedy;
} kinds[DEGRADED_MAX] = {
#define X(name, word, remedy) [DEGRADED_##name] = { word, remedy },
	DEGRADED_KINDS(X)
#undef X
};

const char *degraded_str(enum degraded_kind kind)
{
	return kind < DEGRADED_MAX ? kinds[kind].word : "?";
}

const char *degraded_remedy(enum degraded_kind kind)
{
	return kind < DEGRADED_MAX ? kinds[kind].remedy : "";
}

void degraded_set(struct degraded *degraded, enum degraded_kind kind, usec_t now, const char *fmt,
		  ...)
{
	struct degraded_state *state = &degraded->states[kind];
	va_list args;

	va_start(args, fmt);
	vsnprintf(state->sentence, sizeof(state->sentence), fmt, args);
	va_end(args);
	if (state->since)
		return;
	state->since = now ? now : 1;
	log_warn("degraded", "name=%s sentence=%s remedy=%s", kinds[kind].word,
		 LOG_QUOTE(state->sentence), LOG_QUOTE(kinds[kind].remedy));
}

void degraded_clear(struct degraded *degraded, enum degraded_kind kind, usec_t now)
{
	struct degraded_state *state = &degraded->states[kind];

	if (!state->since)
		return;
	log_notice("degraded_end", "name=%s lasted_s=%.1f", kinds[kind].word,
		   (double)(now - state->since) / (double)USEC_PER_SEC);
	state->since = 0;
}
