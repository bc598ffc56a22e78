/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fib.h - which of the kernel's routes a packet to an address matches: the route itself with its
 * prefix and all its next hops, where net.h tells the one next hop of an uplink.
 */
#pragma once

#include <linux/netlink.h>

#include "src/base/addr.h"
#include "src/base/err.h"

struct fib;

/* Open the socket. 0 or a negative errno with the sentence. */
int fib_new(struct fib **ret, struct err *err);
void fib_free(struct fib *fib);

/*
 * fib_ask - hand the route to answer(), as the RTM_NEWROUTE message the kernel dumps.
 * Takes some microseconds. Returns 0, or the kernel's negative errno: -ENETUNREACH without a route;
 * -EINVAL, -EHOSTUNREACH or -EACCES for one that drops (blackhole, unreachable, prohibit).
 */
int fib_ask(struct fib *fib, const struct addr *dst,
	    void (*answer)(struct nlmsghdr *hdr, void *arg), void *arg);
