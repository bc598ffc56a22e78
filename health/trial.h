/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trial.h - one probe of a target for whoever watches: run now, beside those of the schedule, told
 * step by step, and without any say in the judgement.
 */
#pragma once

#include <stdarg.h>
#include <stdint.h>

#include "health/message.h"
#include "src/base/usec.h"

#define TRIAL_DESCRIPTORS 2 /* at most, while one runs */

struct check_spec;
struct event_base;
struct probe;
struct trial;

struct trial_options {
	const struct check_spec *spec; /* outlives the trial */
	usec_t timeout_us;
	uint32_t mtu_bytes; /* of a packet of full size; 0: do not ask for one */
	uint64_t ticket;
	/* Once, from the loop; `done` is filled but for nothing. It must not call trial_stop(). */
	void (*ended)(void *arg, const struct message_probe_done *done);
	void *arg;
};

/* Returns NULL when memory is short. It ends with ended(), or with trial_stop(). */
struct trial *trial_start(struct event_base *base, const struct trial_options *options);
void trial_stop(struct trial *trial); /* NULL is fine */

/* For probe_end(): the probe is that of a trial. */
void trial_probe_ended(struct probe *probe, enum probe_reason reason, const char *fmt, va_list ap)
	__attribute__((format(printf, 3, 0)));
