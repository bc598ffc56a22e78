/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fpm_frames.h - frames for tests of FPM: captured from zebra, or composed attribute by attribute.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <linux/nexthop.h>
#include <linux/rtnetlink.h>

#include "frr-integration/fpm_frame.h"
#include "tests/lib/test.h"

/* The bytes of a captured stream in fpm/; returns how many. */
size_t frames_load(const char *name, uint8_t *bytes, size_t size);

/* One frame with one message. */
struct frame {
	_Alignas(struct nlmsghdr) uint8_t bytes[FPM_FRAME_MAX];
	size_t n;
};

struct nlmsghdr *frame_hdr(struct frame *frame);

/* Add an attribute. */
void frame_put(struct frame *frame, unsigned type, const void *data, size_t len);

/* A route by BGP in the main table, through a next hop of that number; 0: no next hop yet. */
struct nlmsghdr *frame_route(struct frame *frame, uint16_t type, const char *text, uint32_t hop);
void frame_gateway(struct frame *frame, const char *text, uint32_t ifindex);
/* A next hop, with its number unless that is 0. */
struct nlmsghdr *frame_next_hop(struct frame *frame, uint16_t type, uint32_t id);
