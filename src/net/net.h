/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net.h - what the kernel knows of our uplinks and of the way to each real, followed live through
 * rtnetlink (libnl-3): links, addresses, routes, neighbours.
 *
 * For each (uplink, real) the next hop is the kernel's route to the real asked with that output
 * interface, and its gateway's MAC from the neighbour table. Neighbours are kept resolved
 * (NTF_MANAGED, or re-probing where the kernel refuses). Callbacks run on the event loop, on
 * change only, and once for everything known at start.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "src/base/addr.h"
#include "src/base/err.h"

struct event_base;
struct net;

struct net_uplink {
	uint32_t index; /* as given to net_watch_uplink() */
	const char *name;
	bool present;
	uint32_t ifindex; /* changes when the interface is made anew */
	uint8_t mac[6];
	bool has_carrier; /* and is up */
	uint32_t mtu_bytes;
	uint32_t xdp_prog_id; /* 0: none attached */
	bool has_addr4, has_addr6;
	struct addr addr4, addr6; /* first global address of each family */
};

struct net_next_hop {
	uint32_t uplink; /* index */
	struct addr real;
	bool usable;
	uint8_t mac[6];
	const char *
		why; /* when not usable: constant text, "no route", "gateway 10.0.0.1 unresolved" */
};

struct net_callbacks {
	void (*uplink)(const struct net_uplink *uplink, void *arg);
	void (*next_hop)(const struct net_next_hop *next_hop, void *arg);
	void *arg;
};

/* Open the netlink sockets and join the groups. Returns 0 or a negative errno with the sentence. */
int net_new(struct event_base *base, const struct net_callbacks *callbacks, struct net **ret,
	    struct err *err);
void net_free(struct net *net);

/* Follow an interface by name, present or not. -ENOSPC past 8. */
int net_watch_uplink(struct net *net, uint32_t index, const char *name, struct err *err);

/* Follow the way to a real over every watched uplink; twice is fine. */
int net_watch_real(struct net *net, const struct addr *real, struct err *err);
void net_unwatch_real(struct net *net, const struct addr *real);

/*
 * net_route - the uplink that the kernel sends packets to dst over, asked now.
 * @ret_is_on_link: dst is on the link itself, not behind a gateway.
 * False: another interface, none at all, or no answer.
 */
bool net_route(struct net *net, const struct addr *dst, uint32_t *ret_uplink, bool *ret_is_on_link);

/* The uplink as last seen, NULL when it is not watched; for views. */
const struct net_uplink *net_uplink(const struct net *net, uint32_t index);
const struct net_next_hop *net_next_hop(const struct net *net, uint32_t uplink,
					const struct addr *real);
