/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recorder.h - the flight recorder: what happened on this node, kept through crashes and reboots.
 *
 * Everything that shoald logs up to info is recorded: state changes, operators' commands, config
 * generations, exchanges with FRR, alarms. It goes into a ring of fixed size (image.h) that is
 * mapped from RUN-DIR/events, in memory on every usual host: what is recorded there survives any
 * end of the process, and recording is a copy. A thread of its own brings what changed to
 * STATE-DIR/events, for the next boot; a disk that is slow, full or gone delays that thread and
 * nobody else.
 *
 * All functions are for one thread, the caller's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"
#include "src/base/usec.h"
#include "src/record/image.h"

#define RECORDER_SIZE (16U * 1024 * 1024)

struct recorder;

struct recorder_options {
	const char *state_dir, *run_dir;
	size_t size;              /* 0: RECORDER_SIZE */
	void (*fresh)(void *arg); /* something was recorded since recorder_last() was asked; it
				     must not record. NULL: nobody waits */
	void *arg;
};

/*
 * recorder_new - open, or make, the two files and go on behind what they hold.
 * Files that cannot be used are told by recorder_trouble(); only memory can be short: -ENOMEM.
 */
int recorder_new(const struct recorder_options *options, struct recorder **ret, struct err *err);
/* Bring what is left to the disk, at most for two seconds. NULL is fine. */
void recorder_free(struct recorder *recorder);

/*
 * recorder_note - record an event. pairs as logged, "key=value key=\"value\"". A failure (a pair
 * "error") that is repeated word for word within a minute is counted only, and its count recorded
 * then.
 */
void recorder_note(struct recorder *recorder, enum log_level level, const char *event,
		   const char *pairs);
/* Once a second or so: the counts of failures that are over. */
void recorder_tick(struct recorder *recorder, usec_t now);

/* Records in their order: the first above `after`, the last below `before`. Their texts are valid
 * until the next is recorded. */
bool recorder_next(const struct recorder *recorder, uint64_t after, struct record *ret);
bool recorder_prev(const struct recorder *recorder, uint64_t before, struct record *ret);
/* The number of the newest, 0: none. */
uint64_t recorder_last(struct recorder *recorder);
/*
 * When it happened, as the wall clock counts now: for this boot by the time since boot, so that a
 * clock that was set in between puts nothing out of order.
 */
uint64_t recorder_wall_us(const struct recorder *recorder, const struct record *record, usec_t now,
			  uint64_t wall_us);
bool recorder_is_this_boot(const struct recorder *recorder, const struct record *record);

/* What the caller should say of files that cannot be used: "" when all is well. */
struct recorder_trouble {
	char run[ERR_TEXT_MAX], state[ERR_TEXT_MAX]; /* a sentence each */
	unsigned torn;                               /* blocks that were found damaged at start */
};
void recorder_trouble(struct recorder *recorder, struct recorder_trouble *ret);
