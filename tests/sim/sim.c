/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim.c - steps the whole core through bad weather in virtual time and judges it after each step.
 *
 *     sim [--seed N] [--steps M] [--json] [--verbose]
 *
 * One seed, one trace: the run is done twice and must end in the same hash. The last line is
 * `steps N violations N`. Exit status 0 without violations, 1 with, 2 for wrong usage.
 */
#include "tests/sim/sim.h"

#include <getopt.h>
#include <stdlib.h>

#define CALM_EVERY 200

static struct sim sim; /* large */

static void run(uint64_t seed, uint64_t steps, bool json, bool verbose)
{
	memset(&sim, 0, sizeof(sim));
	sim.chance.state = seed;
	sim.json = json;
	sim.verbose = verbose;
	sim.now = 1000 * USEC_PER_SEC;
	world_init(&sim.world);
	weather_config(&sim, &sim.builders[0]);
	node_start(&sim);
	for (sim.steps = 0; sim.steps < steps; sim.steps++) {
		weather_step(&sim);
		node_reconcile(&sim);
		judge_step(&sim);
		if (sim.steps % CALM_EVERY == CALM_EVERY - 1)
			weather_calm(&sim);
	}
	weather_calm(&sim);
	core_free(sim.core);
}

static int usage(void)
{
	fprintf(stderr, "usage: sim [--seed N] [--steps M] [--json] [--verbose]\n");
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "steps", required_argument, NULL, 'n' },
		{ "json", no_argument, NULL, 'j' },
		{ "verbose", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	uint64_t seed = 1, steps = 2000, trace;
	bool json = false, verbose = false;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (c == 's')
			seed = strtoull(optarg, NULL, 10);
		else if (c == 'n')
			steps = strtoull(optarg, NULL, 10);
		else if (c == 'j')
			json = true;
		else if (c == 'v')
			verbose = true;
		else
			return usage();
	}
	if (optind != argc)
		return usage();

	run(seed, steps, json, verbose);
	trace = sim.trace;
	if (sim.violations == 0) {
		run(seed, steps, json, false);
		if (sim.trace != trace)
			sim_violation(&sim, "the same seed gave another trace");
	}
	if (json)
		printf("{\"seed\":%llu,\"trace\":\"%016llx\",\"steps\":%llu,\"violations\":%llu}\n",
		       (unsigned long long)seed, (unsigned long long)trace,
		       (unsigned long long)sim.steps, (unsigned long long)sim.violations);
	else
		printf("seed %llu trace %016llx\n", (unsigned long long)seed,
		       (unsigned long long)trace);
	printf("steps %llu violations %llu\n", (unsigned long long)sim.steps,
	       (unsigned long long)sim.violations);
	return sim.violations ? 1 : 0;
}
