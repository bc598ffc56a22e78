/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame.h - whole frames from a few words, for the self-test and for tests.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "src/base/addr.h"

#define FRAME_MAX 4096

struct frame_spec {
	uint8_t dst_mac[6], src_mac[6];
	struct addr src, dst;  /* of one family */
	uint8_t proto;         /* IPPROTO_TCP or IPPROTO_UDP */
	uint16_t sport, dport; /* host order */
	uint8_t tos;
	uint8_t tcp_flags;  /* 0: ACK */
	uint32_t tcp_seq;   /* host order */
	size_t payload_len; /* bytes 0, 1, 2, ... */
};

/*
 * frame_build - an Ethernet frame with right lengths and checksums into out (FRAME_MAX bytes).
 * Returns its length, 0 when it would be too long.
 */
size_t frame_build(const struct frame_spec *spec, uint8_t *out);

/* The Internet checksum (RFC 1071) of bytes, starting from a sum; in the order of the bytes. */
uint16_t frame_checksum(const void *bytes, size_t len, uint32_t sum);

/* The sum of a pseudo header, to start frame_checksum() with. */
uint32_t frame_pseudo_sum(const struct addr *src, const struct addr *dst, uint8_t proto,
			  size_t len);
