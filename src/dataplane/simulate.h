/* SPDX-License-Identifier: Apache-2.0 */
/*
 * simulate.h - `shoal simulate`: every packet of a pcap through the real BPF program, privately.
 *
 * A program and maps of its own are loaded, nothing is attached or pinned; needs CAP_BPF and
 * CAP_NET_ADMIN. Uplinks need not exist; next hop and uplink MAC are as configured, or taken from
 * the frame (destination MAC is the uplink's, source MAC is where replies and tunnels go).
 */
#pragma once

#include <stddef.h>
#include <stdio.h>

#include "src/base/err.h"
#include "src/config/config.h"

struct simulate_options {
	const struct config *config;
	const char *in_path;     /* pcap, Ethernet link type */
	const char *out_path;    /* pcap of the frames that left, in order; replaced */
	const char *const *down; /* "POOL/REAL" that take no new flows */
	size_t n_down;
	FILE *out; /* one JSON object a packet and line, as DESIGN has it */
};

/*
 * simulate_run - returns 0; -EINVAL for a bad pcap, an unknown POOL/REAL or a bad config (with the
 * sentence), -EPERM without the capabilities, another errno of reading and writing.
 */
int simulate_run(const struct simulate_options *options, struct err *err);
