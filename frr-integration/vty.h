/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vty.h - an asynchronous client of one FRR daemon's vty UNIX socket on libevent.
 *
 * One connection, kept; one command in flight, the others queued in order; each answer reaches its
 * callback from the event loop. When the daemon goes, answers garbage or stays silent the
 * connection is closed, every queued command is dropped without its callback, `down` is called
 * once, and the client connects again by itself: fast while the socket is missing or refuses (a
 * daemon restarting), with growing pauses after a conversation that failed. What was dropped is
 * the caller's to plan anew.
 *
 * A command that timed out may still be executed when a stopped daemon continues: it lies in the
 * socket's buffer. There is at most one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frr-integration/vty_frame.h"
#include "src/base/usec.h"

/* Silence for this long after a command, or in the middle of its reply, is a hung daemon. */
#define VTY_SILENCE_US (3 * USEC_PER_SEC)

/* A longer path does not fit a UNIX socket's address. */
#define VTY_PATH_MAX 107

struct event_base;
struct vty;

struct vty_reply {
	const char *command; /* what this answers */
	const char *text;    /* NUL-terminated, borrowed until the callback returns */
	size_t len;
	uint8_t status; /* enum vty_status or another value of FRR's */
	usec_t took_us; /* from sending to the last byte */
};

typedef void vty_reply_fn(void *arg, const struct vty_reply *reply);

struct vty_callbacks {
	/* connected; the session is in the VIEW node */
	void (*up)(void *arg);
	/*
	 * Not connected (any more); reason is a negative errno: -ETIMEDOUT for silence, -EPROTO
	 * for garbage, -ECONNRESET for an end, else why connecting failed. The sentence lives until
	 * the callback returns. Called again for each failed attempt.
	 */
	void (*down)(void *arg, int reason, const char *sentence);
	void *arg;
};

/*
 * vty_new - start connecting to path; the first attempt runs from the loop.
 * @silence_us: 0 for VTY_SILENCE_US.
 * Returns 0 or -ENOMEM, -ENAMETOOLONG. Free it outside its own callbacks.
 */
int vty_new(struct event_base *base, const char *path, usec_t silence_us,
	    const struct vty_callbacks *callbacks, struct vty **ret);
void vty_free(struct vty *vty);

/*
 * vty_send - queue one command line.
 * Returns 0; -ENOTCONN when not connected, -EINVAL when it is no sendable line, -ENOMEM. fn is
 * called once when the answer is there, never when the connection ends before.
 */
int vty_send(struct vty *vty, vty_reply_fn *fn, void *arg, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/*
 * vty_drop - give the connection up because of what it said; sentence as in down(), which is
 * called. Allowed inside callbacks.
 */
void vty_drop(struct vty *vty, int reason, const char *sentence);

/*
 * vty_cancel - forget what was asked: commands not sent yet are dropped, the answer to the one in
 * flight goes to fn instead. Returns false, and fn is not called, when none is in flight.
 */
bool vty_cancel(struct vty *vty, vty_reply_fn *fn, void *arg);

bool vty_is_up(const struct vty *vty);
/* True while a command is queued or in flight. */
bool vty_is_busy(const struct vty *vty);
const char *vty_path(const struct vty *vty);
