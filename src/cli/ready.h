/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ready.h - whether a node, or some VIPs of it, serve: what a rollout waits for before it goes on
 * to the next node. Pure: what shoald says in, a verdict with its reasons out.
 */
#pragma once

#include <jansson.h>

#include "src/base/err.h"

/*
 * ready_judge - the verdict.
 * @status:     the answer of the command status, brief.
 * @generation: of the config file as it is now; NULL: not known.
 * @names:      VIPs by name or prefix, an array of strings; empty: the node with all its VIPs, but
 *              for those that operators drained or withdrew by name, which are planned.
 * Returns {is_ready, vips, serving, planned, generation, reasons: [{thing, text, command}]}, the
 * caller's reference; NULL with the sentence when a name names nothing.
 */
json_t *ready_judge(const json_t *status, const char *generation, const json_t *names,
		    struct err *err);
