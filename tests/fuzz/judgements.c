/* SPDX-License-Identifier: Apache-2.0 */
/* The state file: what parses is sound, and twice the same. */
#include <string.h>

#include "src/reconcile/judgements.h"
#include "tests/fuzz/fuzz.h"

struct seen {
	size_t n;
	uint64_t sum;
};

static void judgement(const struct judgement *j, void *arg)
{
	struct seen *seen = arg;
	const char *end = memchr(j->verdict.evidence, '\0', sizeof(j->verdict.evidence));

	if (!end || j->verdict.state >= REAL_STATE_MAX || j->verdict.state == REAL_UNKNOWN ||
	    j->verdict.reason >= PROBE_REASON_MAX || strlen(j->pool) > CONFIG_NAME_MAX ||
	    strlen(j->check) > CONFIG_NAME_MAX)
		abort();
	seen->n++;
	seen->sum += j->since + j->verdict.in_a_row;
}

static void flaps(const struct core_flaps *f, void *arg)
{
	struct seen *seen = arg;

	for (size_t i = 1; i < CORE_FLAPS_MAX; i++)
		if (f->at[i] > f->at[i - 1])
			abort();
	seen->n++;
	seen->sum += f->hold_down_until + f->at[0];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen first = { 0 }, second = { 0 };
	struct judgements_sink sink = { judgement, flaps, &first };
	struct judgements_head head;
	struct err err;
	int r = judgements_parse((const char *)data, size, &head, &sink, &err);

	sink.arg = &second;
	if (judgements_parse((const char *)data, size, &head, &sink, &err) != r ||
	    first.n != second.n || first.sum != second.sum)
		abort();
	if (r == 0 && strlen(head.boot) >= JUDGEMENTS_BOOT_MAX)
		abort();
	return 0;
}
