/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xdp_watch.h - does an uplink carry an XDP program? A plain question to rtnetlink, which needs no
 * privilege; whose program it is nobody without privileges can tell.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "src/base/err.h"

struct xdp_watch;

int xdp_watch_new(struct xdp_watch **ret, struct err *err);
void xdp_watch_free(struct xdp_watch *watch);

/*
 * xdp_watch_any - true in *ret when at least one of the interfaces carries a program; one that does
 * not exist carries none. Returns 0, or a negative errno when the kernel could not be asked.
 */
int xdp_watch_any(struct xdp_watch *watch, const char *const *names, size_t n, bool *ret,
		  struct err *err);
