/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * steer_abi.h - what steer.bpf.c and health/path.c share: the map of targets and the counters.
 *
 * The map is pinned and outlives processes; one whose key or value has another size is thrown away
 * and made anew, the controller fills it again.
 */
#pragma once

#include <linux/types.h>

#define STEER_MARK_BASE  0x53480000U /* "SH"; as HEALTH_MARK_BASE */
#define STEER_MARK_MASK  0xffff0000U
#define STEER_MARK_INDEX 0x0000ffffU /* the key of the map of targets */
#define STEER_TARGETS    65536

struct steer_target {
	__be32 real[4];   /* IPv6, or IPv4-mapped; network order */
	__be32 source[4]; /* outer source of the real's family; see has_source */
	__u32 ifindex;    /* uplink; 0: there is no way */
	__be16 gue_port;  /* network order */
	__u8 encap;       /* LB_ENCAP_* */
	__u8 has_source;
	__u8 dst_mac[6];
	__u8 src_mac[6];
};
_Static_assert(sizeof(struct steer_target) == 52, "steer_target has no holes");

/* How a frame on the probe path ends. X(enumerator, word) */
#define STEER_CAUSES(X)                                                                            \
	X(SENT, "sent")         /* encapsulated, out of an uplink */                               \
	X(UNMARKED, "unmarked") /* not a probe: what the kernel says on any interface */           \
	X(UNMAPPED, "unmapped") /* no target has this mark */                                      \
	X(NO_WAY, "no-way")     /* the target has no usable uplink or next hop */                  \
	X(NOT_IP, "not-ip")                                                                        \
	X(NO_SOURCE, "no-source") /* GUE without a source address of the real's family */          \
	X(NO_ROOM, "no-room")     /* the kernel refused to make room */                            \
	X(LEAK, "leak")           /* a marked packet met on an uplink, outside of the path */

enum steer_cause {
#define X(name, word) STEER_##name,
	STEER_CAUSES(X)
#undef X
		STEER_CAUSE_MAX,
};
