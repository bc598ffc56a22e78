/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fpm_frame.h - what zebra's forwarding plane manager (FPM) sends: frames, and the netlink messages
 * in them, as plain structs.
 *
 * A frame is version 1, type 1 (netlink), its length as big-endian u16 with these four bytes, then
 * one or more netlink messages in host order: `-M fpm` sends routes with their next hops,
 * `-M dplane_fpm_nl` next-hop objects and routes that name them, a group before its members. What
 * the kernel answers about routes is of the same form and decoded by the same code.
 *
 * Pure. Whoever connects to the port may be anybody: nothing is read outside the bytes given.
 * Sources: frames of zebra 8.4.4 in tests/unit/frr-integration/fpm, linux/rtnetlink.h,
 * linux/nexthop.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/netlink.h>

#include "src/base/addr.h"
#include "src/base/err.h"

#define FPM_HEADER_BYTES 4
#define FPM_FRAME_MAX    16384 /* zebra composes in 8 KiB */
#define FPM_HOPS_MAX     256   /* FRR's greatest multipath */

enum fpm_kind {
	FPM_OTHER, /* neither route nor next hop, or of no family of ours */
	FPM_ROUTE_SET,
	FPM_ROUTE_DEL,
	FPM_HOP_SET,
	FPM_HOP_DEL,
};

/* Where packets go next: a gateway on an interface, or the interface alone. */
struct fpm_hop {
	struct addr gateway;
	uint32_t ifindex;
	uint16_t weight; /* from 1 on */
	bool has_gateway;
};

/* One member of a next-hop group. */
struct fpm_member {
	uint32_t id;
	uint16_t weight;
};

struct fpm_message {
	enum fpm_kind kind;
	/* of routes */
	struct prefix prefix;
	uint32_t table;   /* RT_TABLE_MAIN and so on */
	uint8_t protocol; /* RTPROT_*, or FRR's own */
	uint8_t type;     /* RTN_*; next hops: RTN_UNICAST or RTN_BLACKHOLE */
	/* of next hops their number, of routes the one they name; 0: none */
	uint32_t id;
	unsigned n_hops;
	unsigned n_members; /* a group's */
	bool is_cut;        /* there were more hops or members than fit */
	union {
		struct fpm_hop hops[FPM_HOPS_MAX];
		struct fpm_member members[FPM_HOPS_MAX];
	};
};

/*
 * fpm_frame_cut - the length of the first frame in a stream, header included.
 * Returns it (FPM_HEADER_BYTES to FPM_FRAME_MAX) once the frame is complete, 0 while bytes are
 * missing, -EBADMSG with the sentence for what cannot be a frame, as soon as that shows.
 */
int fpm_frame_cut(const uint8_t *bytes, size_t n, struct err *err);

typedef void (*fpm_message_fn)(const struct fpm_message *message, void *arg);

/*
 * fpm_frame_decode - each message of one frame, as fpm_frame_cut() measured it, to fn.
 * Returns 0 or -EBADMSG with the sentence; messages before the bad one have been handed out.
 */
int fpm_frame_decode(const uint8_t *frame, size_t n, fpm_message_fn fn, void *arg, struct err *err);

/* One netlink message for which nlmsg_ok() held. 0, or -EBADMSG with the sentence. */
int fpm_message_decode(struct nlmsghdr *hdr, struct fpm_message *ret, struct err *err);

/* "static", "bgp", "kernel", ...; NULL for a number without a word. */
const char *fpm_protocol_str(uint8_t protocol);
