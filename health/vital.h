/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vital.h - whether an address shows any sign of life: an ICMP echo and a TCP connection to the
 * address itself, not to a VIP through the tunnel. Asked only while a check of it meets silence.
 *
 * Whatever comes back counts: a connection, a refusal, an echo reply, even an ICMP error sent by
 * the address. An error sent by somebody else, or by this node's own neighbour table, says that it
 * cannot be reached.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "health/judge.h"
#include "src/base/addr.h"
#include "src/base/usec.h"

#define VITAL_DESCRIPTORS 2 /* at most, while one runs */

struct event_base;
struct vital;

struct vital_options {
	struct addr addr;
	uint16_t port; /* 0: an echo alone */
	usec_t timeout_us;
	/* Once, from the loop. is_told false: this node could not ask, which means nothing. */
	void (*done)(void *arg, bool is_told, enum judge_heard heard);
	void *arg;
};

/*
 * vital_start - begin to ask. NULL when memory is short. It ends with done(), which must not call
 * vital_stop() but may start another; or with vital_stop().
 */
struct vital *vital_start(struct event_base *base, const struct vital_options *options);
void vital_stop(struct vital *vital); /* NULL is fine */
