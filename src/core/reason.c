/* SPDX-License-Identifier: Apache-2.0 */
/* reason.c - the words and sentences of reason.h's lists. */
#include "src/core/reason.h"

#include <string.h>

static const struct {
	const char *word, *sentence;
} probe_reasons[PROBE_REASON_MAX] = {
#define X(name, word, sentence) [PROBE_##name] = { word, sentence },
	PROBE_REASONS(X)
#undef X
},
  vip_reasons[VIP_REASON_MAX] = {
#define X(name, word, sentence) [VIP_REASON_##name] = { word, sentence },
	  VIP_REASONS(X)
#undef X
  },
  life_reasons[LIFE_REASON_MAX] = {
#define X(name, word, sentence) [LIFE_##name] = { word, sentence },
	  LIFE_REASONS(X)
#undef X
  };

const char *probe_reason_str(enum probe_reason reason)
{
	return reason < PROBE_REASON_MAX ? probe_reasons[reason].word : "unknown";
}

const char *probe_reason_sentence(enum probe_reason reason)
{
	return reason < PROBE_REASON_MAX ? probe_reasons[reason].sentence : "unknown reason";
}

const char *vip_reason_str(enum vip_reason reason)
{
	return reason < VIP_REASON_MAX ? vip_reasons[reason].word : "unknown";
}

const char *vip_reason_sentence(enum vip_reason reason)
{
	return reason < VIP_REASON_MAX ? vip_reasons[reason].sentence : "unknown reason";
}

const char *life_reason_str(enum life_reason reason)
{
	return reason < LIFE_REASON_MAX ? life_reasons[reason].word : "unknown";
}

const char *life_reason_sentence(enum life_reason reason)
{
	return reason < LIFE_REASON_MAX ? life_reasons[reason].sentence : "unknown reason";
}

bool probe_reason_is_failure(enum probe_reason reason)
{
	static const bool says_nothing[PROBE_REASON_MAX] = {
		[PROBE_NONE] = true,           [PROBE_OK] = true,         [PROBE_NO_CHECK] = true,
		[PROBE_NOT_EXECUTABLE] = true, [PROBE_PROBE_PATH] = true, [PROBE_LATE] = true,
		[PROBE_LOCAL_ERROR] = true,
	};

	return reason < PROBE_REASON_MAX && !says_nothing[reason];
}

enum probe_reason probe_reason_find(const char *word)
{
	enum probe_reason reason = 0;

	while (reason < PROBE_REASON_MAX && strcmp(probe_reasons[reason].word, word) != 0)
		reason++;
	return reason;
}
