/* SPDX-License-Identifier: Apache-2.0 */
/*
 * changeover.h - when the uplinks go from maps of another layout to those that were filled beside
 * them. Pure: the caller does it.
 */
#pragma once

#include <stdbool.h>

#include "src/base/usec.h"
#include "src/core/core.h"

/* Reals that nobody judged so far hold it up no longer than this, */
#define CHANGEOVER_JUDGE_US (30 * USEC_PER_SEC)
/* and neither does what cannot be programmed or proven: it is withdrawn afterwards. */
#define CHANGEOVER_FILL_US (60 * USEC_PER_SEC)

/*
 * changeover_is_due - @waited_us: since the start.
 * A pool of which nothing is known has an empty ring: while there is one, never.
 * *ret_what is what it waits for, constant text.
 */
bool changeover_is_due(const struct core *core, bool maps_are_filled, usec_t waited_us,
		       const char **ret_what);
