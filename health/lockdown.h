/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lockdown.h - shoal-probe gives up what it does not need, for good: it reads what strangers
 * answer, and whoever takes it over shall find no files, no programs and no other sockets.
 */
#pragma once

#include <stdbool.h>

#include "src/base/err.h"

/*
 * lockdown_capabilities - keep CAP_NET_RAW (SO_MARK, Linux 5.17) where it is held, drop every other
 * capability, and never gain any again (no_new_privs).
 * *ret_has_net_raw: whether it is held. Returns 0 or a negative errno with the sentence.
 */
int lockdown_capabilities(bool *ret_has_net_raw, struct err *err);

/* The same without exception, for shoal-exec: what it starts has none either. */
int lockdown_all_capabilities(struct err *err);

/*
 * lockdown_syscalls - from now on only the system calls of probing; all others fail with EPERM.
 * Afterwards it tries to open a file and says -ENOTRECOVERABLE if that is not refused.
 */
int lockdown_syscalls(struct err *err);
