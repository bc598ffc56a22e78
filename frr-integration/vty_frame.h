/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vty_frame.h - the framing of FRR's vty UNIX sockets, without any socket.
 *
 * Request: the command and one NUL, at most 4095 bytes. Reply: text without NUL, then three NULs
 * and a status byte. Identical from FRR 8.0 to 10 (lib/vty.c, vtysh_read and vtysh_flush); there is
 * no length and no sequence number, so one stray byte puts the stream out of step for good and the
 * connection has to go.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A longer line makes bgpd answer "Command is too long" and lose step. */
#define VTY_COMMAND_MAX 4000
/* 5,000 routes as JSON are 1.7 MB. */
#define VTY_REPLY_MAX (32U << 20)

/* The status byte of a reply. It says how bgpd took the line, never what holds afterwards. */
enum vty_status {
	VTY_SUCCESS = 0,
	VTY_WARNING = 1,
	VTY_NO_MATCH = 2,
	VTY_AMBIGUOUS = 3,
	VTY_INCOMPLETE = 4,
	VTY_CONFIG_FAILED = 13,
	VTY_STATUS_END = 32, /* FRR knows 17; from here on it is garbage */
};

/* "success", "unknown command", ... for logs. */
const char *vty_status_str(uint8_t status);

/* True when text can be sent as one command: not empty, not too long, one line. */
bool vty_command_is_sendable(const char *text);

/* One reply being put together. Zeroed memory with max_bytes set is ready; end with _fini. */
struct vty_frame {
	char *text; /* owned; NUL-terminated once the frame is complete; may be NULL when empty */
	size_t len, size;
	size_t max_bytes; /* of text */
	unsigned nuls;    /* of the trailer, seen so far */
	uint8_t status;   /* valid once complete */
};

/*
 * vty_frame_feed - take bytes until the reply is complete.
 * @ret_used: how many of the len bytes were taken, written on 0 and 1.
 * Returns 1 when the reply is complete, 0 when more is needed, -EPROTO on bytes that are no reply,
 * -EMSGSIZE when the text passes max_bytes, -ENOMEM.
 */
int vty_frame_feed(struct vty_frame *frame, const char *data, size_t len, size_t *ret_used);

/* Ready for the next reply; keeps the buffer unless it grew large. */
void vty_frame_reset(struct vty_frame *frame);
void vty_frame_fini(struct vty_frame *frame);
