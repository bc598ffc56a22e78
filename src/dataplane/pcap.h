/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pcap.h - classic pcap files with Ethernet frames: both byte orders, micro- and nanoseconds.
 * Source: draft-ietf-opsawg-pcap (the file format as libpcap writes it since 1999).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "src/base/err.h"

#define PCAP_FRAME_MAX 262144 /* what libpcap itself allows */

struct pcap_reader {
	FILE *file; /* borrowed */
	const char *name;
	bool is_swapped, is_nsec;
	uint64_t n_read; /* frames so far */
};

struct pcap_frame {
	uint32_t sec, fraction; /* fraction in the file's unit */
	uint32_t len;           /* bytes here */
	uint32_t wire_len;      /* bytes it had; more when the capture cut it */
	uint8_t bytes[PCAP_FRAME_MAX];
};

/* Read the file header. name is for messages. Returns 0, or -EINVAL with what is wrong. */
int pcap_read_start(struct pcap_reader *reader, FILE *file, const char *name, struct err *err);

/* The next frame: 1, 0 at the end of the file, -EINVAL for a damaged one. */
int pcap_read(struct pcap_reader *reader, struct pcap_frame *ret, struct err *err);

/* Write a file header in this machine's byte order, then frames. Returns 0 or a negative errno. */
int pcap_write_start(FILE *file, bool is_nsec);
int pcap_write(FILE *file, uint32_t sec, uint32_t fraction, const void *bytes, uint32_t len);
