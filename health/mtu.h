/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mtu.h - whether a packet of full size comes through to where a check goes: two echo requests on
 * one socket, a small one and one that fills the way, both never to be cut into fragments.
 *
 * Only the difference says something: a host that answers no echo, or whose echoes a firewall
 * drops, answers neither and is not judged.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "health/dial.h"
#include "src/base/usec.h"

#define MTU_DESCRIPTORS 1 /* while one runs */

enum mtu_heard {
	MTU_HEARD_WHOLE,   /* the full-size one was answered */
	MTU_HEARD_SMALL,   /* the small one alone was */
	MTU_HEARD_NOTHING, /* neither was */
	MTU_NOT_ASKED,     /* this node could not send them, or stood still meanwhile */
};

struct event_base;
struct mtu;

struct mtu_options {
	const struct dial_options *dial; /* only read at the start */
	uint32_t packet_bytes;           /* of the full-size one, IP header included */
	usec_t timeout_us;
	/* Once, from the loop; error: the errno where nothing could be asked, else 0. */
	void (*done)(void *arg, enum mtu_heard heard, int error);
	void *arg;
};

/*
 * mtu_start - begin to ask. NULL when memory is short. It ends with done(), which must not call
 * mtu_stop(), or with mtu_stop().
 */
struct mtu *mtu_start(struct event_base *base, const struct mtu_options *options);
void mtu_stop(struct mtu *mtu); /* NULL is fine */

/*
 * What is made of the answers over time: a full-size packet counts as lost when that was heard
 * twice in a row; silence twice in a row says nothing about size any more.
 */
struct mtu_record {
	uint32_t n_small, n_silent; /* in a row */
};

void mtu_record_add(struct mtu_record *record, enum mtu_heard heard);
bool mtu_is_lost(const struct mtu_record *record);
/* Whether the next answer may change something, so that it is worth asking soon. */
bool mtu_is_undecided(const struct mtu_record *record);
