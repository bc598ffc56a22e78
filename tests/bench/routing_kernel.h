/* SPDX-License-Identifier: Apache-2.0 */
/*
 * routing_kernel.h - when routes come and go in the ToR's kernel, as the kernel itself tells by
 * netlink. For the addresses 198.18.0.0 to 198.19.255.255; a route is known by its place in them.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "src/base/usec.h"

#define KERNEL_FIRST  0xc6120000U /* 198.18.0.0 */
#define KERNEL_PLACES (2U << 16)
#define KERNEL_ONE    0xff01U  /* 198.18.255.1 */
#define KERNEL_FLOOR  0x10000U /* 198.19.0.0 */

struct kernel_watch;

/* Start to listen in a network namespace of /run/netns; ends the program when that fails. */
struct kernel_watch *kernel_watch_start(const char *netns);
void kernel_watch_stop(struct kernel_watch *watch);

/* Hear what has come so far. */
void kernel_hear(struct kernel_watch *watch);

/*
 * Wait until all of @n routes from place @first on are there, or none of them is.
 * Returns the moment at which the last was heard of, 0 when that did not come by @deadline.
 */
usec_t kernel_wait(struct kernel_watch *watch, uint32_t first, uint32_t n, bool there,
		   usec_t deadline);
