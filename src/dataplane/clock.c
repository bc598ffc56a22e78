/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock.c - the clock of the flow table and ours.
 *
 * The program stamps entries with jiffies, shifted right so that a unit is between two and four
 * seconds: reading them costs it 2 ns, where any clock in nanoseconds costs 15 and more. How long a
 * jiffy is depends on the kernel's build (HZ); the resolution of the coarse clock is just that.
 * Where jiffies began nobody says, so the program is asked what age it is now (shoal_age).
 * Sixteen bits of ages go round after a day and a half at the least; idle is at most a day.
 */
#include "src/dataplane/internal.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <time.h>

#include "src/dataplane/lb_skel.h"

#define UNIT_US_MAX 4100000
#define UDP_US      30000000 /* so long after a change datagrams go where they went before */
#define LIMIT_MIN   256

static usec_t jiffy_us(void)
{
	struct timespec resolution;

	if (clock_getres(CLOCK_MONOTONIC_COARSE, &resolution) < 0 || resolution.tv_sec ||
	    resolution.tv_nsec < 1000)
		return 4000;
	return (usec_t)resolution.tv_nsec / 1000;
}

/* Probation in all, once per unit: a new entry then stays a unit on average. */
static uint32_t limit(const struct dataplane *dp)
{
	uint32_t probation = dp->n_flow_lines * LB_FLOW_PROBATION / dp->n_cpus;

	return probation > LIMIT_MIN ? probation : LIMIT_MIN;
}

void clock_init(struct dataplane *dp)
{
	uint32_t shift = 0;

	while (jiffy_us() << (shift + 1) <= UNIT_US_MAX)
		shift++;
	dp->age_us = jiffy_us() << shift;
	dp->skel->rodata->lb_flow_shift = shift;
	dp->skel->rodata->lb_flow_udp_ages = (uint32_t)((UDP_US + dp->age_us / 2) / dp->age_us);
	dp->skel->rodata->lb_flow_limit = limit(dp);
}

void clock_set_idle(struct dataplane *dp)
{
	uint32_t ages = (uint32_t)((dp->idle_us + dp->age_us - 1) / dp->age_us);

	DP_TABLE(dp, dp->tables->flow_idle, ages);
}

static int ask_age(const struct dataplane *dp, uint32_t *ret)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	if (bpf_prog_test_run_opts(dp->age_fd, &opts) < 0)
		return -errno;
	*ret = opts.retval;
	return 0;
}

int clock_start(struct dataplane *dp, struct err *err)
{
	uint32_t age = 0;
	int r = ask_age(dp, &age);

	if (r < 0)
		return err_set(err, r, "the program cannot be asked for its clock: %m");
	dp->age_zero_us = usec_now() - (usec_t)age * dp->age_us;
	clock_set_idle(dp);
	return 0;
}

uint32_t clock_age(const struct dataplane *dp)
{
	uint32_t age = 0;

	if (ask_age(dp, &age) < 0)
		age = (uint32_t)((usec_now() - dp->age_zero_us) / dp->age_us);
	return age;
}

usec_t clock_now(const struct dataplane *dp)
{
	return dp->clock_us ? dp->clock_us : usec_now();
}

void clock_set(struct dataplane *dp, usec_t now)
{
	dp->clock_us = now;
	dp->skel->data_trace->lb_clock.age = (uint32_t)(now / dp->age_us);
	dp->skel->data_trace->lb_clock.ns = now * 1000;
	dp->skel->data_trace->lb_clock.is_set = 1;
}
