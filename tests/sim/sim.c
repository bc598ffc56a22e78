/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim.c - steps whole nodes through bad weather in virtual time and judges them after each step.
 *
 *     sim [--seed N] [--steps M] [--nodes K] [--json] [--verbose] [--twice] [--brief]
 *         [--list FILE]
 *
 * An episode that goes wrong is done again without one part of its steps after the other, as long
 * as it goes wrong in the same way; what is left is printed (not with --brief). --twice: one seed,
 * one trace: the run is done twice and must end in the same hash. --list: a line of FILE is a seed,
 * a number of steps and of nodes. The last line is `steps N violations N`. Exit status 0 without
 * violations, 1 with, 2 for wrong usage.
 */
#include "tests/sim/sim.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>

#define EPISODE 1000 /* steps */

struct options {
	uint64_t seed, steps;
	uint32_t nodes;
	bool json, verbose, twice, brief;
	const char *list;
};

struct result {
	uint64_t trace, steps, violations, packets, established;
};

static struct sim sim; /* large */

/* ---- one episode ---- */

static void sim_start(const struct options *o, uint64_t episode, bool tells)
{
	uint64_t seed = o->seed * 1000003 + episode;

	sim = (struct sim){ .seed = seed,
			    .now = 1000 * USEC_PER_SEC,
			    .n_nodes = o->nodes,
			    .config_seed = seed,
			    .pass_us = 2 * USEC_PER_SEC,
			    .json = o->json,
			    .verbose = o->verbose && tells,
			    .tells = tells };
	sim.chance = chance_of(seed, UINT64_MAX);
	for (uint32_t i = 0; i < sim.n_nodes; i++)
		node_init(&sim, i);
}

static void sim_end(void)
{
	for (uint32_t i = 0; i < sim.n_nodes; i++)
		core_free(sim.nodes[i].core);
}

/*
 * All steps, or those that are kept, until something is wrong. The calm is the step after the last;
 * so it is left out like any other.
 */
static void episode_run(const struct options *o, uint64_t episode, size_t n, const bool *keeps,
			bool tells)
{
	sim_start(o, episode, tells);
	for (size_t i = 0; i <= n && !sim.violations; i++) {
		if (keeps && !keeps[i])
			continue;
		sim.steps = i;
		sim.chance = chance_of(sim.seed, i);
		if (i < n)
			weather_step(&sim);
		else
			weather_calm(&sim);
	}
	sim_end();
}

/* ---- shrinking ---- */

static bool still_fails(const struct options *o, uint64_t episode, size_t n, const bool *keeps,
			const char *like)
{
	episode_run(o, episode, n, keeps, false);
	return sim.violations && sim.first == like;
}

/* Leave out chunks, ever smaller ones, until no single step can be left out. */
static void shrink(const struct options *o, uint64_t episode, size_t n, bool *keeps,
		   const char *like)
{
	bool tried[EPISODE + 1];

	for (size_t chunk = (n + 1) / 2; chunk > 0; chunk /= 2)
		for (size_t from = 0; from <= n; from += chunk) {
			size_t to = from + chunk < n + 1 ? from + chunk : n + 1;

			memcpy(tried, keeps, sizeof(tried));
			memset(tried + from, 0, to - from);
			if (memcmp(tried, keeps, sizeof(tried)) != 0 &&
			    still_fails(o, episode, n, tried, like))
				memcpy(keeps, tried, sizeof(tried));
		}
}

static void print_config(const struct config *config)
{
	for (size_t p = 0; p < config->n_pools; p++) {
		const struct config_pool *pool = &config->pools[p];

		printf("# pool %s: %zu reals, %zu checks, quorum %u/%u, floor %u%% %u, all-down "
		       "%d:",
		       pool->name, pool->n_reals, pool->n_checks, pool->quorum_return,
		       pool->quorum_stay, pool->depool_floor_percent, pool->depool_floor_count,
		       (int)pool->all_down);
		for (size_t r = 0; r < pool->n_reals; r++)
			printf(" %s*%u%s", ADDR_STR(&pool->reals[r].addr), pool->reals[r].weight,
			       pool->reals[r].is_backup ? "b" : "");
		printf("\n");
	}
	for (size_t v = 0; v < config->n_vips; v++) {
		printf("# vip %s:", PREFIX_STR(&config->vips[v].prefix));
		for (size_t s = 0; s < config->vips[v].n_services; s++)
			printf(" %u->%s", config->vips[v].services[s].port,
			       config->pools[config->vips[v].services[s].pool].name);
		printf("\n");
	}
}

static void tell(const struct options *o, uint64_t episode, size_t n, const char *like)
{
	bool keeps[EPISODE + 1];
	size_t left = 0;

	memset(keeps, true, sizeof(keeps));
	shrink(o, episode, n, keeps, like);
	for (size_t i = 0; i <= n; i++)
		left += keeps[i];
	if (!o->json) {
		printf("seed %llu, episode %llu: %zu steps of %zu are enough\n",
		       (unsigned long long)o->seed, (unsigned long long)episode, left, n + 1);
		sim_start(o, episode, false);
		print_config(node_config(&sim.nodes[0]));
		sim_end();
	}
	episode_run(o, episode, n, keeps, true);
}

/* ---- a run ---- */

static struct result run(const struct options *o)
{
	struct result result = { 0 };

	for (uint64_t at = 0; at < o->steps && !result.violations; at += EPISODE) {
		size_t n = o->steps - at < EPISODE ? (size_t)(o->steps - at) : EPISODE;

		episode_run(o, at / EPISODE, n, NULL, false);
		result.trace = result.trace * 31 + sim.trace;
		result.steps += sim.violations ? sim.steps + 1 : n;
		result.violations += sim.violations;
		result.packets += sim.packets;
		result.established += sim.established;
		if (sim.violations && o->brief)
			printf("VIOLATION: %s\n", sim.first);
		else if (sim.violations)
			tell(o, at / EPISODE, sim.steps < n ? sim.steps + 1 : n, sim.first);
	}
	return result;
}

static struct result run_and_print(const struct options *o)
{
	struct result result = run(o);

	if (o->twice && !result.violations && run(o).trace != result.trace) {
		printf("seed %llu: the same seed gave another trace\n",
		       (unsigned long long)o->seed);
		result.violations++;
	}
	printf(o->json ? "{\"seed\":%llu,\"trace\":\"%016llx\",\"packets\":%llu,"
			 "\"established\":%llu}\n"
		       : "seed %llu trace %016llx packets %llu of established flows %llu\n",
	       (unsigned long long)o->seed, (unsigned long long)result.trace,
	       (unsigned long long)result.packets, (unsigned long long)result.established);
	return result;
}

static int run_list(const struct options *o, struct result *sum)
{
	FILE *file = fopen(o->list, "re");
	char line[256];

	if (!file) {
		fprintf(stderr, "sim: %s: %s\n", o->list, strerror(errno));
		return -errno;
	}
	while (fgets(line, sizeof(line), file)) {
		struct options one = *o;
		unsigned long long seed, steps;
		struct result result;

		if (sscanf(line, "%llu %llu %u", &seed, &steps, &one.nodes) != 3)
			continue;
		one.seed = seed;
		one.steps = steps;
		result = run_and_print(&one);
		sum->steps += result.steps;
		sum->violations += result.violations;
	}
	fclose(file);
	return 0;
}

/* ---- main ---- */

static int usage(void)
{
	fprintf(stderr, "usage: sim [--seed N] [--steps M] [--nodes K] [--json] [--verbose] "
			"[--twice] [--brief] [--list FILE]\n");
	return 2;
}

static bool parse(int argc, char **argv, struct options *o)
{
	static const struct option options[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "steps", required_argument, NULL, 'n' },
		{ "nodes", required_argument, NULL, 'k' },
		{ "list", required_argument, NULL, 'l' },
		{ "json", no_argument, NULL, 'j' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "twice", no_argument, NULL, 't' },
		{ "brief", no_argument, NULL, 'b' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (c == 's')
			o->seed = strtoull(optarg, NULL, 10);
		else if (c == 'n')
			o->steps = strtoull(optarg, NULL, 10);
		else if (c == 'k')
			o->nodes = (uint32_t)strtoul(optarg, NULL, 10);
		else if (c == 'l')
			o->list = optarg;
		else if (c == 'j')
			o->json = true;
		else if (c == 'v')
			o->verbose = true;
		else if (c == 't')
			o->twice = true;
		else if (c == 'b')
			o->brief = true;
		else
			return false;
	}
	return optind == argc && o->nodes >= 1 && o->nodes <= SIM_NODES;
}

int main(int argc, char **argv)
{
	struct options o = { .seed = 1, .steps = 10000, .nodes = 2 };
	struct result result = { 0 };

	if (!parse(argc, argv, &o))
		return usage();
	if (!o.list)
		result = run_and_print(&o);
	else if (run_list(&o, &result) < 0)
		return 2;
	printf("steps %llu violations %llu\n", (unsigned long long)result.steps,
	       (unsigned long long)result.violations);
	return result.violations ? 1 : 0;
}
