/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec.h - the check that runs a program: shoal-exec's only kind. The program judges; its exit code
 * is the result and its first line the evidence.
 */
#pragma once

#include <stdint.h>

#include "health/check.h"
#include "src/base/err.h"

/* Once, before the first probe; base outlives exec_fini(). At most max programs run at once. */
int exec_init(struct event_base *base, uint32_t max, struct err *err);
void exec_fini(void);

extern const struct check_kind check_exec;
