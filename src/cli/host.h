/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host.h - what this host says of itself, one question each, by the kernel's own interfaces: no
 * tool need be installed. Everything is of the network namespace we run in.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/addr.h"

/* An integer in a file, as below /proc/sys; false when it cannot be read. */
bool host_read_long(const char *path, long *ret);

struct host_interface {
	bool is_up, is_running; /* running: with carrier */
	uint32_t ifindex, mtu_bytes;
	char driver[32];                   /* "" not known */
	uint32_t rx_queues, rx_queues_max; /* 0: not known */
	bool are_combined;                 /* queues, as `ethtool -L` calls them */
};

/* False when there is no such interface. */
bool host_interface(const char *name, struct host_interface *ret);
/* Whether the NIC spreads UDP over IPv4 by ports too; true where it cannot be asked. */
bool host_spreads_udp(const char *name);
/* How many interrupts the NIC has, and on how many CPUs they end; false when it is not known. */
bool host_interrupts(const char *name, unsigned *ret_irqs, unsigned *ret_cpus);

struct host_route {
	uint32_t ifindex;
	uint32_t mtu_bytes; /* of the route; 0: that of the interface */
	bool is_learned;    /* that from a router on the way, and for a while */
	bool is_local;      /* the address is this host's */
};
/* The kernel's route to an address; a negative errno as the kernel gives it. */
int host_route(const struct addr *addr, struct host_route *ret);

/* The interface that holds an address of the prefix, into name; false: none does. */
bool host_holder(const struct prefix *prefix, char name[16]);

/* An address asked with ICMP echoes, a short one and one that fills `bytes` at L3. */
struct host_echo {
	struct addr addr;
	uint32_t bytes;
	bool has_short, has_full; /* answered */
};
/*
 * Ask all at once, three times within about a second; unfragmented. Returns 0, or -EPERM where this
 * user may not send echoes.
 */
int host_echoes(struct host_echo *echoes, size_t n);
