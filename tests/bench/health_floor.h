/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health_floor.h - what a probe costs at least: the same connections to the same servers, made by a
 * bare loop of system calls with no schedule, no timeouts, no judgement, in batches.
 */
#pragma once

#include "tests/bench/health_servers.h"

/* CPU time of one of n connections, closed by reset as soon as they stand; in microseconds. */
double floor_tcp_us(const struct servers *servers, uint32_t n);

/* The same with a request sent and its answer awaited and read. */
double floor_http_us(const struct servers *servers, uint32_t n);
