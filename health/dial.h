/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dial.h - the TCP connection every kind of check begins with, made the way the target asks: from
 * which address, with which mark, without blocking; and what its failure means.
 *
 * Every socket is set to end by reset (SO_LINGER 0): ten thousand probes a second must
 * not leave a minute's worth of TIME_WAIT behind on either side.
 */
#pragma once

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>

#include "src/base/addr.h"
#include "src/core/reason.h"

struct dial_options {
	struct addr addr;
	uint16_t port;
	uint32_t mark; /* SO_MARK, for the tunnel; 0: none */
	bool has_source;
	struct addr source;
};

/* How a connection attempt ended. */
struct dial_result {
	enum probe_reason reason; /* PROBE_OK: fd is open and the callee's to close */
	int fd;
	int error;        /* errno, when not OK */
	const char *step; /* constant word: the call that failed */
};

struct dial {
	struct event event;
	int fd; /* -1: not dialling */
	bool is_tunnel;
	void (*done)(void *arg, const struct dial_result *result);
	void *arg;
};

/*
 * dial_socket - a socket of another type for a kind that does not begin with a TCP connection: non
 * blocking, with mark and source, connected to the address and port where `connects` (a datagram
 * then only comes from there). Returns the descriptor, or -errno with the reason and the word of
 * the call that failed.
 */
int dial_socket(const struct dial_options *options, int type, int protocol, bool connects,
		enum probe_reason *ret_reason, const char **ret_step);

/* Have a datagram socket hear what routers say about what it sent, not only what the host itself
 * refuses; each with what it is about, in the socket's error queue. */
void dial_hear_errors(int fd, bool is_ipv4);

/* What an error that the network sent back means; 0 is PROBE_OK. */
enum probe_reason dial_error_reason(int error);

/* What it means that this node refused to connect or to send at all. */
enum probe_reason dial_local_reason(int error, bool is_tunnel);

/*
 * dial_start - begin to connect; dial->done and dial->arg are set by the caller. done is called
 * once, possibly before this returns, unless dial_stop() comes first.
 */
void dial_start(struct dial *dial, struct event_base *base, const struct dial_options *options);

/* Give up; fine when not dialling. */
void dial_stop(struct dial *dial);

/*
 * dial_hang_up - end a connection that dial_start() made, by reset; in place of close(). The kernel
 * takes as long to make a socket and to drop it as to connect it: so a few are kept, and serve the
 * next dials from the same source.
 * @options: those the connection was made with.
 */
void dial_hang_up(int fd, const struct dial_options *options);

/*
 * dial_is_reset - whether the other side broke the connection off, and whoever reads or writes here
 * was told so. What came before a reset may still be unread: then this is false. Ask before the
 * socket is closed, not while it is in use: the answer takes an untold error away.
 */
bool dial_is_reset(int fd);

/* Whether bytes wait to be read on a connection that still stands. Touches nothing. */
bool dial_has_bytes(int fd);
/* The port at our end; 0: not known. */
uint16_t dial_local_port(int fd);

/* Close the sockets that were kept. */
void dial_fini(void);
