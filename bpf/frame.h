/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * frame.h - the bounds of the frame in a context of XDP or tc.
 *
 * The context declares them as 32-bit words, of which the kernel makes pointers. A compiler that
 * believes the declaration may copy one by a 32-bit move: half a pointer, which privileged loaders
 * are allowed, and a comparison that is wrong ever after (clang 14 with -mcpu=v3 does). Loaded by
 * an instruction that it cannot see into, the result is what C says: a pointer.
 */
#pragma once

#include <linux/bpf.h>

#include "bpf/base.h"

#ifdef __bpf__
#define FRAME_FIELD(ctx, type, field)                                                              \
	({                                                                                         \
		void *field_;                                                                      \
		__asm__ volatile("%0 = *(u32 *)(%1 + %2)"                                          \
				 : "=r"(field_)                                                    \
				 : "r"(ctx), "i"(offsetof(type, field)));                          \
		field_;                                                                            \
	})
#else
/* Natively frames lie below 4 GiB: see tests/fuzz/edit.c. */
#define FRAME_FIELD(ctx, type, field) ((void *)(unsigned long)((const type *)(ctx))->field)
#endif

LB_INLINE void *frame_start(const struct xdp_md *ctx)
{
	return FRAME_FIELD(ctx, struct xdp_md, data);
}

LB_INLINE void *frame_end(const struct xdp_md *ctx)
{
	return FRAME_FIELD(ctx, struct xdp_md, data_end);
}

/* In a socket buffer: of what is at hand without fragments. */
LB_INLINE void *frame_skb_start(const struct __sk_buff *skb)
{
	return FRAME_FIELD(skb, struct __sk_buff, data);
}

LB_INLINE void *frame_skb_end(const struct __sk_buff *skb)
{
	return FRAME_FIELD(skb, struct __sk_buff, data_end);
}
