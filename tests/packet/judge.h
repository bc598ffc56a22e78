/* SPDX-License-Identifier: Apache-2.0 */
/*
 * judge.h - what must hold of every frame, however hostile, that goes through the program:
 *
 *   passed   under a pass cause, unchanged; or opened here and exactly what was in the tunnel
 *   dropped  under a drop cause
 *   sent     well formed: lengths agree with the frame, checksums are right where the client's are,
 *            the client's packet stands in it byte for byte, never longer than the mtu
 *
 * What is not for one of our addresses passes. Each packet is counted under one cause. The judge
 * reads packets by itself; of bpf/ it knows the causes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/lb_abi.h"
#include "tests/packet/vectors.h"

struct judge {
	struct vector_balancer *balancer;
	uint64_t counted[LB_CAUSE_MAX]; /* frames by cause */
	uint64_t frames;
	char why[256]; /* after judge_frame() returned false */
};

/* Counters of the balancer start at what they are now. */
void judge_init(struct judge *judge, struct vector_balancer *balancer);

/* Send a frame of at least 14 bytes and judge what became of it. */
bool judge_frame(struct judge *judge, const uint8_t *frame, size_t len);

/* Whether the program counted what was sent, each frame once and under the cause it gave. */
bool judge_counters(struct judge *judge);

/* Make the checksums of a frame right as far as its headers can be followed. */
void judge_repair(uint8_t *frame, size_t len);
