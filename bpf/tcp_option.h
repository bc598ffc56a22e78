/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * tcp_option.h - finding an option in a TCP header (RFC 9293, clause 3.1). Compiles natively, too.
 */
#pragma once

#include "bpf/base.h"
#include "bpf/parse.h"

#define TCP_OPTION_END       0
#define TCP_OPTION_NOP       1
#define TCP_OPTION_MSS       2
#define TCP_OPTION_SERVER_ID 0xb7 /* katran's, 4 bytes of id in the order of the host */

#define TCP_OPTIONS_MAX       40    /* bytes, and so steps of a walk */
#define TCP_OPTION_OFFSET_MAX 0x7ff /* beyond any header that parse.h walked to */

/*
 * Where in the frame the first option of this kind begins, in the TCP header at offset; 0 when
 * there is none of this length, or what stands before it is malformed. The option is whole in the
 * frame.
 */
LB_INLINE __u32 tcp_option_find(const void *frame, const void *end, __u32 offset, __u8 kind,
				__u8 len)
{
	const __u8 *tcp = parse_bytes(frame, end, offset, sizeof(struct tcphdr));
	__u32 at = offset + (__u32)sizeof(struct tcphdr), stop;
	int i;

	if (!tcp)
		return 0;
	stop = offset + (tcp[12] >> 4) * 4U;
	for (i = 0; i < TCP_OPTIONS_MAX; i++) {
		const __u8 *option;

		/* One range of offsets in every step, so that the verifier walks one step. */
		LB_FORGET(at);
		at &= TCP_OPTION_OFFSET_MAX;
		if (at >= stop)
			return 0;
		option = parse_bytes(frame, end, at, 1);
		if (!option || option[0] == TCP_OPTION_END)
			return 0;
		if (option[0] == TCP_OPTION_NOP) {
			at++;
			continue;
		}
		option = parse_bytes(frame, end, at, 2);
		if (!option || option[1] < 2 || at + option[1] > stop)
			return 0;
		if (option[0] == kind)
			return option[1] == len && parse_bytes(frame, end, at, len) ? at : 0;
		at += option[1];
	}
	return 0;
}
