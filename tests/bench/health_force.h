/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health_force.h - how long it takes from a judgement to the ring in force: a running shoald with
 * the real program on a veth, all in a namespace, and a prober that judges at the bench's word.
 */
#pragma once

#include <stdbool.h>

#include "tests/bench/health_apart.h"

/* Print the line `in-force`; needs apart->is_apart, which is root's, and says so where that lacks.
 */
void force_run(const struct apart *apart, bool as_json);
