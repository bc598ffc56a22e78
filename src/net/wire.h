/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire.h - rtnetlink messages to and from plain structs.
 *
 * Pure: nothing here opens a socket. Decoders take one complete message (nlmsg_ok() held) and
 * look at nothing outside it; encoders return a message of libnl that the caller frees with
 * nlmsg_free(), or NULL without memory.
 * Sources: linux/rtnetlink.h, linux/if_link.h, linux/neighbour.h.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <netlink/msg.h>

#include "src/base/addr.h"

/* Marks neighbour entries that are kept resolved by us; `ip neigh show protocol 83`. */
#define WIRE_NEIGH_PROTOCOL 83

struct wire_link {
	bool is_gone; /* RTM_DELLINK */
	uint32_t ifindex;
	char name[16];
	uint8_t mac[6];   /* zero when the device has no Ethernet address */
	bool has_carrier; /* administratively up and the lower layer too */
	uint32_t mtu_bytes;
	uint32_t xdp_prog_id; /* driver mode before generic; 0: none */
};

struct wire_addr {
	uint32_t ifindex;
	struct addr addr;
	bool is_source; /* global, not tentative, duplicate, deprecated or temporary */
};

struct wire_route {
	uint8_t type;   /* RTN_* */
	uint32_t table; /* RT_TABLE_UNSPEC: the kernel only assumed that it is on link */
	uint32_t ifindex;
	bool has_gateway;
	struct addr gateway; /* may be of another family than the destination (RTA_VIA) */
};

struct wire_neigh {
	bool is_gone; /* RTM_DELNEIGH */
	uint32_t ifindex;
	struct addr addr;
	uint16_t state; /* NUD_* */
	bool has_mac;
	uint8_t mac[6];
	bool is_managed; /* NTF_EXT_MANAGED */
	uint8_t protocol;
};

/* Each returns 0, -ENOMSG when the message is not of our concern, -EBADMSG when it is malformed. */
int wire_link_decode(struct nlmsghdr *hdr, struct wire_link *ret);
int wire_addr_decode(struct nlmsghdr *hdr, struct wire_addr *ret);
int wire_route_decode(struct nlmsghdr *hdr, struct wire_route *ret);
int wire_neigh_decode(struct nlmsghdr *hdr, struct wire_neigh *ret);

/* Ask for one link by name. */
struct nl_msg *wire_link_query(const char *name);

/* Ask for every address of every interface (a dump). */
struct nl_msg *wire_addr_dump(void);

/*
 * wire_route_query - ask where the kernel would send a packet for dst.
 * @ifindex: the output interface; 0: as the kernel likes.
 */
struct nl_msg *wire_route_query(const struct addr *dst, uint32_t ifindex);

/* Ask for one neighbour entry. */
struct nl_msg *wire_neigh_query(const struct addr *addr, uint32_t ifindex);

/*
 * How a neighbour entry is touched. All resolve it again where it is not known good. Setting
 * flags on a permanent entry would make it a learned one: the caller must know that it is none.
 */
enum wire_neigh_touch {
	WIRE_NEIGH_CREATE, /* new and managed; -EEXIST when there is one */
	WIRE_NEIGH_MANAGE, /* the existing one becomes managed */
	WIRE_NEIGH_RELEASE /* the existing one is not managed any more */
};

struct nl_msg *wire_neigh_touch(const struct addr *addr, uint32_t ifindex,
				enum wire_neigh_touch touch);
