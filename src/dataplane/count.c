/* SPDX-License-Identifier: Apache-2.0 */
/*
 * count.c - counters, read from the mapped lines of all CPUs.
 */
#include "src/dataplane/internal.h"

#include <string.h>

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

_Static_assert(sizeof(((struct dataplane_totals *)NULL)->causes) == sizeof(uint64_t) * LB_CAUSES &&
		       sizeof(((struct dataplane_totals *)NULL)->notes) ==
			       sizeof(uint64_t) * LB_NOTES_ROOM &&
		       DATAPLANE_SERVICES == LB_SERVICES && DATAPLANE_REALS == LB_REALS,
	       "there is room for every counter of a line");

static void add_totals(struct dataplane_totals *sum, const struct lb_counters *line)
{
	for (uint32_t i = 0; i < LB_CAUSE_MAX; i++)
		sum->causes[i] += DP_LOAD(line->causes[i]);
	for (uint32_t i = 0; i < LB_NOTE_MAX; i++)
		sum->notes[i] += DP_LOAD(line->notes[i]);
}

static void add_self_tests(const struct dataplane *dp, struct dataplane_totals *sum)
{
	for (uint32_t i = 0; i < LB_CAUSE_MAX; i++)
		sum->self_tests += DP_LOAD(dp->lines[dp->n_cpus].causes[i]);
}

static uint64_t sum_causes(const struct dataplane_totals *totals, uint32_t first, uint32_t end)
{
	uint64_t sum = 0;

	for (uint32_t i = first; i < end; i++)
		sum += totals->causes[i];
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

bool dataplane_totals_at(const struct dataplane_totals *totals, unsigned i, const char **ret_name,
			 uint64_t *ret_value)
{
	static const struct {
		const char *name;
		uint32_t first, end;
	} verdicts[] = { { "sent", 0, LB_PASS_FIRST },
			 { "passed", LB_PASS_FIRST, LB_DROP_FIRST },
			 { "dropped", LB_DROP_FIRST, LB_CAUSE_MAX } };

	if (i < 3) {
		*ret_name = verdicts[i].name;
		*ret_value = sum_causes(totals, verdicts[i].first, verdicts[i].end);
		return true;
	}
	i -= 3;
	if (i < N_CAUSES) {
		*ret_name = causes[i].name;
		*ret_value = totals->causes[causes[i].cause];
		return true;
	}
	if (i == N_CAUSES) {
		*ret_name = "self-test";
		*ret_value = totals->self_tests;
		return true;
	}
	i -= (unsigned)N_CAUSES + 1;
	if (i >= LB_NOTE_MAX)
		return false;
	*ret_name = notes[i];
	*ret_value = totals->notes[i];
	return true;
}

bool dataplane_total(struct dataplane *dp, unsigned i, const char **ret_name, uint64_t *ret_value)
{
	struct dataplane_totals totals = { 0 };

	for (uint32_t cpu = 0; cpu < dp->n_cpus; cpu++)
		add_totals(&totals, &dp->lines[cpu]);
	add_self_tests(dp, &totals);
	return dataplane_totals_at(&totals, i, ret_name, ret_value);
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

bool dataplane_service_opened(struct dataplane *dp, const struct prefix *vip, uint8_t proto,
			      uint16_t port, uint64_t *ret)
{
	const struct lb_service *service = service_find(dp, vip, proto, port);

	if (!service)
		return false;
	*ret = 0;
	for (uint32_t cpu = 0; cpu < dp->n_cpus; cpu++)
		*ret += DP_LOAD(dp->lines[cpu].opened[service->counter]);
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

/* ---- all of them ---- */

/* The places of a line that are in use. */
struct places {
	uint16_t services[LB_SERVICES], reals[LB_REALS];
	uint32_t n_services, n_reals;
};

static void find_places(const struct dataplane *dp, struct places *ret)
{
	ret->n_services = 0;
	for (uint32_t i = 0; i < LB_SERVICES; i++)
		if (dp->counter_used[i])
			ret->services[ret->n_services++] = (uint16_t)i;
	ret->n_reals = 0;
	for (uint32_t i = 1; i < LB_REALS; i++)
		if (dp->tables->reals[i].flags & LB_REAL_USED)
			ret->reals[ret->n_reals++] = (uint16_t)i;
}

static void add_line(const struct lb_counters *line, const struct places *places,
		     struct dataplane_counts *sum, struct dataplane_cpu *cpu)
{
	struct dataplane_totals totals = { 0 };

	add_totals(&totals, line);
	for (uint32_t i = 0; i < LB_CAUSE_MAX; i++)
		sum->totals.causes[i] += totals.causes[i];
	for (uint32_t i = 0; i < LB_NOTE_MAX; i++)
		sum->totals.notes[i] += totals.notes[i];
	for (uint32_t i = 0; i < places->n_services; i++)
		add(&sum->services[places->services[i]], &line->services[places->services[i]]);
	for (uint32_t i = 0; i < places->n_reals; i++)
		add(&sum->reals[places->reals[i]], &line->reals[places->reals[i]]);
	if (!cpu)
		return;
	cpu->sent = sum_causes(&totals, 0, LB_PASS_FIRST);
	cpu->passed = sum_causes(&totals, LB_PASS_FIRST, LB_DROP_FIRST);
	cpu->dropped = sum_causes(&totals, LB_DROP_FIRST, LB_CAUSE_MAX);
}

void dataplane_counts_read(const struct dataplane *dp, struct dataplane_counts *ret)
{
	static struct places places; /* large; calls run on the main loop */

	find_places(dp, &places);
	memset(ret, 0, sizeof(*ret));
	ret->n_cpus = dp->n_cpus < DATAPLANE_CPUS_MAX ? dp->n_cpus : DATAPLANE_CPUS_MAX;
	for (uint32_t cpu = 0; cpu < dp->n_cpus; cpu++)
		add_line(&dp->lines[cpu], &places, ret,
			 cpu < DATAPLANE_CPUS_MAX ? &ret->cpus[cpu] : NULL);
	add_self_tests(dp, &ret->totals);
}

bool dataplane_counts_service(const struct dataplane *dp, const struct dataplane_counts *counts,
			      const struct prefix *vip, uint8_t proto, uint16_t port,
			      struct dataplane_count *ret)
{
	const struct lb_service *service = service_find(dp, vip, proto, port);

	if (service)
		*ret = counts->services[service->counter];
	return service != NULL;
}

bool dataplane_counts_real(const struct dataplane *dp, const struct dataplane_counts *counts,
			   const struct addr *real, struct dataplane_count *ret)
{
	uint16_t index = dataplane_real_index(dp, real);

	if (index)
		*ret = counts->reals[index];
	return index != 0;
}
