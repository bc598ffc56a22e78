/* SPDX-License-Identifier: Apache-2.0 */
/*
 * count.c - counters, read from the mapped lines of all CPUs.
 */
#include "src/dataplane/internal.h"

static const struct {
	const char *name;
	enum lb_cause cause;
} causes[] = {
#define X(name, word) { "sent/" word, LB_SENT_##name },
	LB_SENT_CAUSES(X)
#undef X
#define X(name, word) { "passed/" word, LB_PASS_##name },
		LB_PASS_CAUSES(X)
#undef X
#define X(name, word) { "dropped/" word, LB_DROP_##name },
			LB_DROP_CAUSES(X)
#undef X
};

static const char *const notes[LB_NOTE_MAX] = {
#define X(name, word) "noted/" word,
	LB_NOTES(X)
#undef X
};

#define N_CAUSES (sizeof(causes) / sizeof(causes[0]))

/* Causes [first, end) summed over the CPUs. */
static uint64_t sum_causes(const struct dataplane *dp, uint32_t first, uint32_t end)
{
	uint64_t sum = 0;

	for (uint32_t cpu = 0; cpu < dp->n_cpus; cpu++) {
		for (uint32_t i = first; i < end; i++)
			sum += DP_LOAD(dp->lines[cpu].causes[i]);
	}
	return sum;
}

static uint64_t sum_notes(const struct dataplane *dp, uint32_t note)
{
	uint64_t sum = 0;

	for (uint32_t cpu = 0; cpu < dp->n_cpus; cpu++)
		sum += DP_LOAD(dp->lines[cpu].notes[note]);
	return sum;
}

static uint64_t sum_self_tests(const struct dataplane *dp)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < LB_CAUSE_MAX; i++)
		sum += DP_LOAD(dp->lines[dp->n_cpus].causes[i]);
	return sum;
}

const char *dataplane_cause_str(uint32_t cause)
{
	const char *slash;

	if (cause >= N_CAUSES)
		return "unknown";
	for (slash = causes[cause].name; *slash != '/'; slash++)
		;
	return slash + 1;
}

bool dataplane_total(struct dataplane *dp, unsigned i, const char **ret_name, uint64_t *ret_value)
{
	static const struct {
		const char *name;
		uint32_t first, end;
	} verdicts[] = { { "sent", 0, LB_PASS_FIRST },
			 { "passed", LB_PASS_FIRST, LB_DROP_FIRST },
			 { "dropped", LB_DROP_FIRST, LB_CAUSE_MAX } };

	if (i < 3) {
		*ret_name = verdicts[i].name;
		*ret_value = sum_causes(dp, verdicts[i].first, verdicts[i].end);
		return true;
	}
	i -= 3;
	if (i < N_CAUSES) {
		*ret_name = causes[i].name;
		*ret_value = sum_causes(dp, causes[i].cause, causes[i].cause + 1U);
		return true;
	}
	if (i == N_CAUSES) {
		*ret_name = "self-test";
		*ret_value = sum_self_tests(dp);
		return true;
	}
	i -= (unsigned)N_CAUSES + 1;
	if (i >= LB_NOTE_MAX)
		return false;
	*ret_name = notes[i];
	*ret_value = sum_notes(dp, i);
	return true;
}

static void add(struct dataplane_count *sum, const struct lb_count *count)
{
	sum->packets += DP_LOAD(count->packets);
	sum->bytes += DP_LOAD(count->bytes);
}

bool dataplane_service_count(struct dataplane *dp, const struct prefix *vip, uint8_t proto,
			     uint16_t port, struct dataplane_count *ret)
{
	const struct lb_service *service = service_find(dp, vip, proto, port);

	if (!service)
		return false;
	*ret = (struct dataplane_count){ 0 };
	for (uint32_t cpu = 0; cpu < dp->n_cpus; cpu++)
		add(ret, &dp->lines[cpu].services[service->counter]);
	return true;
}

bool dataplane_real_count(struct dataplane *dp, const struct addr *real,
			  struct dataplane_count *ret)
{
	uint16_t index = dataplane_real_index(dp, real);

	if (!index)
		return false;
	*ret = (struct dataplane_count){ 0 };
	for (uint32_t cpu = 0; cpu < dp->n_cpus; cpu++)
		add(ret, &dp->lines[cpu].reals[index]);
	return true;
}
