/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * decap_abi.h - what decap.bpf.c and shoal-decap share: the two tables and the counters.
 */
#pragma once

#include <linux/types.h>

#define DECAP_OWN_MAX  1024 /* addresses of the real itself */
#define DECAP_VIPS_MAX 4096

/* An address, IPv4 in its mapped form; the key of `own`. */
struct decap_addr {
	__be32 words[4];
};

/* The key of `vips`, an LPM trie; len is that of the mapped form. */
struct decap_prefix {
	__u32 len;
	__be32 words[4];
};

/*
 * What became of a packet; X(enumerator, word). All but the first is passed as it came: the
 * kernel judges it.
 */
#define DECAP_RESULTS(X)                                                                           \
	X(OPENED, "opened") /* a tunnel to one of our addresses, for one of our VIPs */            \
	X(NOT_TUNNEL, "not-a-tunnel")                                                              \
	X(NOT_OWN, "not-own-address") /* a tunnel to somebody else */                              \
	X(NOT_VIP, "inner-not-a-vip") /* a tunnel to us, but not for a VIP */                      \
	X(MALFORMED, "malformed")                                                                  \
	X(FRAGMENT, "fragment") /* of a tunnel to us: the path's MTU is too small */               \
	X(FAILED, "failed")     /* the kernel could not cut the outer header off */

enum decap_result {
#define X(name, word) DECAP_##name,
	DECAP_RESULTS(X)
#undef X
		DECAP_RESULT_MAX,
};

struct decap_counts {
	__u64 packets[DECAP_RESULT_MAX];
	__u64 bytes_opened;    /* of the inner packets */
	__u64 outer_ipv4;      /* of the opened ones, how many had an IPv4 outer header */
	__u64 ids;             /* opened packets with a TCP server id */
	__u64 ids_misrouted;   /* of those, with another server's */
	__u64 sources_matched; /* inner sources put right, see shoal_source_match() */
};
