/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health_floor.h - what a probe costs at least: the same connections to the same servers, made by a
 * bare loop of system calls with no schedule, no timeouts, no judgement, in batches.
 */
#pragma once

#include <sys/types.h>

#include "tests/bench/health_apart.h"
#include "tests/bench/health_servers.h"

/* CPU time of one of n connections, closed by reset as soon as they stand; in microseconds. */
double floor_tcp_us(const struct servers *servers, uint32_t n);

/* The same with a request sent and its answer awaited and read. */
double floor_http_us(const struct servers *servers, uint32_t n);

/*
 * How late a process starts that does nothing but wake each millisecond, on the prober's CPU and as
 * urgent: what lateness is the machine's.
 */
struct sleeper {
	pid_t pid;
	int fd;
};

void sleeper_start(struct sleeper *sleeper, const struct apart *apart);
/* The worst of the 99th percentiles of each second. */
usec_t sleeper_stop(struct sleeper *sleeper);
