/* SPDX-License-Identifier: Apache-2.0 */
/*
 * targets.h - the table of targets of shoal-probe and shoal-exec: starts their probes when due,
 * cuts them off at their timeout, judges, and keeps a list of judgements that are to be reported.
 *
 * One heap holds all targets by the moment at which something is next due for each: its start while
 * it waits, its timeout while it runs. One timer serves the heap.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "health/message.h"
#include "src/base/err.h"

struct event_base;
struct targets;

struct targets_options {
	uint32_t max_running; /* probes at once: what the descriptor limit allows */
	/* Forget CA bytes that nobody uses; NULL: there are none. */
	void (*sweep_cas)(bool (*is_used)(uint64_t id, void *arg), void *arg);
	void (*report_ready)(void *arg); /* targets_next_report() or _done() has something */
	void *arg;
};

int targets_new(struct event_base *base, const struct targets_options *options,
		struct targets **ret, struct err *err);
void targets_free(struct targets *targets);

/*
 * targets_begin - a new connection to shoald: everything will be told anew. What is known goes on
 * meanwhile; targets_end() drops what was not named.
 */
void targets_begin(struct targets *targets);

/*
 * targets_set - there is this target. One with the same id is the same target: it keeps schedule
 * and judgement, and its judgement is reported. Returns 0 or -ENOMEM.
 */
int targets_set(struct targets *targets, const struct message_target *message);
/* shoald could not believe the judgement: back to this state. */
void targets_void(struct targets *targets, uint64_t id, enum real_state state);
/* Judge it anew, with a probe at once. */
void targets_reset(struct targets *targets, uint64_t id);
void targets_remove(struct targets *targets, uint64_t id);
void targets_end(struct targets *targets);
/* Forget all. */
void targets_clear(struct targets *targets);

/*
 * targets_try - probe a target now for somebody who watches, whatever its schedule; it is not
 * judged by that. What comes of it waits in targets_next_done().
 */
void targets_try(struct targets *targets, const struct message_probe_now *now);
/* NULL: none. It stays next until targets_done_taken(). */
const struct message_probe_done *targets_next_done(const struct targets *targets);
void targets_done_taken(struct targets *targets);

/* The next judgement to report; false: none. It stays next until targets_reported(). */
bool targets_next_report(struct targets *targets, struct message_verdict *ret);
void targets_reported(struct targets *targets);
/* What is to be told before it: what the program wrote in the run it is about; false: nothing. */
bool targets_next_output(const struct targets *targets, struct message_output *ret);

/*
 * targets_next_latency - the latencies of another group of which some were counted since it was
 * last handed out; false: none. They are totals, so one that gets lost on the way is made up for by
 * the next.
 */
bool targets_next_latency(struct targets *targets, struct message_latency *ret);

/* Counts since the start, lateness since the last call. */
void targets_heartbeat(struct targets *targets, struct message_heartbeat *ret);
