/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hash.h - the integer mixing shared by the ring files; the hashes others need are in ring.h.
 */
#pragma once

#include <stdint.h>

/* A bijection of 64-bit words in which every bit of x reaches every bit (MurmurHash3's end). */
static inline uint64_t hash_fmix(uint64_t x)
{
	x = (x ^ x >> 33) * 0xff51afd7ed558ccdULL;
	x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53ULL;
	return x ^ x >> 33;
}
