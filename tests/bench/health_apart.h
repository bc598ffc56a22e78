/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health_apart.h - the prober on one CPU, everything else of the bench on another, and what arrives
 * on loopback handled there: a network namespace of the bench's own with receive packet steering.
 * Both run with real-time priority, so that other processes of the machine do not make them late.
 */
#pragma once

#include <stdbool.h>

enum apart_side { APART_PROBER, APART_SERVERS };

struct apart {
	bool is_apart;
	int cpus[2]; /* by side */
};

/* Where it is not wanted, or cannot be (no root, one CPU), is_apart is false and nothing is
 * changed. */
void apart_start(struct apart *apart, bool wanted);

/* Move this thread, and what it starts, to a side; nothing when not apart. */
void apart_pin(const struct apart *apart, enum apart_side side);
