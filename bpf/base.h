/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * base.h - what lets the headers of this folder compile as BPF and natively: byte order, loads
 * from packets, inlining. Natively they serve the self-test, unit tests and fuzzers.
 *
 * Hashes read packet words in little-endian order; both ends are little-endian machines.
 */
#pragma once

/* First of all headers: natively libc's definitions must come before the kernel's, which then
 * leave out what both have. */
#ifdef __bpf__
#include <linux/in.h>
#else
#include <netinet/in.h>
#endif
#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the wire-compatible hash is written for little-endian machines"
#endif

#ifndef __always_inline
#define __always_inline inline __attribute__((__always_inline__))
#endif
#define LB_INLINE static __always_inline __attribute__((__unused__))

/*
 * What few packets need: in the program a function of its own, which the verifier looks at once and
 * which does not lie between the instructions that every packet takes.
 */
#ifdef __bpf__
#define LB_RARE __attribute__((__noinline__))
#else
#define LB_RARE LB_INLINE
#endif

#define lb_htons(x) ((__be16)__builtin_bswap16((__u16)(x)))
#define lb_htonl(x) ((__be32)__builtin_bswap32((__u32)(x)))
#define lb_ntohs(x) __builtin_bswap16((__u16)(x))
#define lb_ntohl(x) __builtin_bswap32((__u32)(x))

#define lb_likely(x)   __builtin_expect(!!(x), 1)
#define lb_unlikely(x) __builtin_expect(!!(x), 0)

/* Shared with user space, which stores whole words: read once, as a word. */
#define LB_READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))

/*
 * Make the compiler forget what it knows of a value, so that a bound checked or masked after this
 * stays in the program, where the verifier sees it.
 */
#ifdef __bpf__
#define LB_FORGET(x) __asm__ volatile("" : "+r"(x))
#else
#define LB_FORGET(x) ((void)(x))
#endif

/* Before a loop: keep it one. */
#ifdef __bpf__
#define LB_ROLLED _Pragma("clang loop unroll(disable)")
#else
#define LB_ROLLED
#endif

/* Two words of 32 bits as the one of 64 that stands there. */
#define LB_PAIR(first, second) ((__u64)(second) << 32 | (first))

/* Words in packets stand where they stand; the kernels we run on load them unaligned. */
#ifdef __bpf__
#define LB_LOAD(type, p)     (*(const type *)(p))
#define LB_STORE(type, p, v) (*(type *)(p) = (v))
#else
#define LB_LOAD(type, p)                                                                           \
	({                                                                                         \
		type loaded_;                                                                      \
		__builtin_memcpy(&loaded_, (p), sizeof(loaded_));                                  \
		loaded_;                                                                           \
	})
#define LB_STORE(type, p, v)                                                                       \
	({                                                                                         \
		type stored_ = (v);                                                                \
		__builtin_memcpy((p), &stored_, sizeof(stored_));                                  \
	})
#endif
