/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wrapper.h - what the bench tells its wrapper program, and what the wrapper keeps between packets.
 */
#pragma once

#include <linux/types.h>

/* Every frame is at least this long: up to an IPv6 flow's ports. */
#define WRAPPER_TOUCHED 58

/* What is put back of a frame that was changed behind its Ethernet header, in words of 8 bytes. */
#define WRAPPER_RESTORED 8

/* The wrapper stands in the object once for each, so that none has to be put in another's place. */
enum wrapper_target { WRAPPER_NULL, WRAPPER_FLOOR, WRAPPER_CASE, WRAPPER_TARGETS };

enum wrapper_vary { WRAPPER_ONE_FLOW, WRAPPER_IPV4_FLOWS, WRAPPER_IPV6_FLOWS };

struct wrapper {
	__u64 eth_first;  /* the Ethernet header, which encapsulation overwrites, */
	__u32 eth_second; /* as it stands in the frame */
	__u16 eth_third;
	__u16 pad;
	__u32 len;     /* of the frame as it came */
	__u32 head;    /* by what the frame grows at the front, */
	__u32 opened;  /* after it shrank by this */
	__u32 cut;     /* by what it shrinks at the end */
	__u32 vary;    /* enum wrapper_vary */
	__u32 mask;    /* of the flow's number: 0 is one flow */
	__be32 client; /* the last word of flow 0's source address, */
	__be32 ports;  /* and its ports, as they stand in the frame */
	__be32 tag;    /* a VLAN tag: what stands behind the Ethernet type; 0: none */
	__u64 random;  /* state of the generator */
	__u64 first[WRAPPER_RESTORED]; /* of the frame, where it is to be put back */
	__u32 restores;
	__u32 pad2;
};
