/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pcapng.h - writing pcapng files: Ethernet frames of several interfaces, each with a comment.
 * Only what `shoal capture` needs, in this machine's byte order.
 * Source: draft-ietf-opsawg-pcapng (blocks and options as Wireshark reads them).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct pcapng {
	FILE *file; /* borrowed */
	uint32_t n_interfaces;
	uint64_t n_bytes; /* written so far */
};

/* The section header. Functions return 0 or a negative errno. */
int pcapng_start(struct pcapng *pcapng, FILE *file, const char *application);

/* Describe an interface; *ret_id is what frames name. snaplen 0: not limited. */
int pcapng_add_interface(struct pcapng *pcapng, const char *name, const char *description,
			 uint32_t snaplen, uint32_t *ret_id);

enum pcapng_direction { PCAPNG_INBOUND = 1, PCAPNG_OUTBOUND = 2 };

struct pcapng_frame {
	uint32_t interface;
	uint64_t wall_us;
	const void *bytes;
	uint32_t len, wire_len; /* bytes here; bytes the frame had */
	enum pcapng_direction direction;
	uint64_t packet_id;  /* equal in frames that are one packet */
	const char *comment; /* UTF-8, at most 65,535 bytes */
};
int pcapng_add_frame(struct pcapng *pcapng, const struct pcapng_frame *frame);

/* How many packets an interface saw and how many of them are missing here. */
int pcapng_add_statistics(struct pcapng *pcapng, uint32_t interface, uint64_t wall_us,
			  uint64_t received, uint64_t dropped);
