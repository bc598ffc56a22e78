/* SPDX-License-Identifier: Apache-2.0 */
/*
 * routing_streams.h - UDP streams through a VIP: each a socket that sends a datagram now and then
 * to the echo of the reals, and counts what returns.
 */
#pragma once

#include <stdint.h>

struct streams;

/* Start @n streams of @pps a second each, in a process of its own in this namespace. */
struct streams *streams_start(const char *netns, const char *address, unsigned n, unsigned pps);

/* End them; how many datagrams were sent, and how many of them got no answer within a second. */
void streams_stop(struct streams *streams, uint64_t *ret_sent, uint64_t *ret_lost);
