/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire.h - what the wire bench tells its programs, and what they count.
 */
#pragma once

#include <linux/types.h>
#include <stddef.h>

#define WIRE_CPUS  64 /* lines of counters; a CPU takes its number modulo this */
#define WIRE_FRAME 60 /* bytes of every frame: the least that an Ethernet carries */

struct wire_line {
	__u64 sent;    /* by the generator */
	__u64 arrived; /* at the sink */
	__u64 pad[6];
};

struct wire {
	__u64 frame[8];     /* WIRE_FRAME bytes as they stand in a frame; the source is 0 */
	__u64 sum;          /* of the IPv4 header's words, without source and checksum */
	__u32 flow_mask;    /* flows less one */
	__be32 client;      /* of flow 0 */
	__u64 outer[3];     /* what encapsulate-only writes: an IPv4 header of 20 bytes */
	__u64 gateway, mac; /* words of six bytes and two zeros */
	__u64 pad;          /* a CPU that counts must not take a cache line from the others */
	struct wire_line lines[WIRE_CPUS];
};
_Static_assert(offsetof(struct wire, lines) % 64 == 0, "counters begin at a cache line");
