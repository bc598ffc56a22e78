/* SPDX-License-Identifier: Apache-2.0 */
/*
 * judge.h - from single results to up or down. Pure.
 *
 * A target is unknown until it has been judged. `rise` passes in a row make it up, `fall` failures
 * in a row make it down, from any state. A target that is still unknown after rise + fall results
 * is down: it cannot pass `rise` times in a row, and must not leave its pool unjudged for ever.
 * While the last result disagrees with the state, or nothing has been seen yet, or its address has
 * fallen silent and is not gone yet, the target is undecided and is probed at the fast interval.
 *
 * Results that say something about this node instead of the real (probe path, lateness, a missing
 * resource) never count: they neither extend nor break a row. They are shown as the reason.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "health/schedule.h"
#include "src/core/core.h"

enum judge_result {
	JUDGE_PASS,
	JUDGE_FAIL,
	JUDGE_NO_VERDICT,
};

/* What was heard of the address itself, whatever it means for the check. */
enum judge_heard {
	JUDGE_HEARD_NOTHING,
	JUDGE_HEARD_ANSWER,
	JUDGE_HEARD_UNREACHABLE,
};

struct judge {
	enum real_state state;
	enum probe_reason reason; /* of the last probe, counting or not */
	uint32_t in_a_row;        /* equal counting results so far; 0: none yet */
	bool row_passes;          /* the row is one of passes */
	uint32_t n_unknown;       /* counting results while unknown */
	enum real_sign sign;      /* of the address's life */
	uint32_t n_silent;        /* times in a row that nothing was heard in any way */
};

/* Start from a judgement that is to be kept until results say otherwise; REAL_UNKNOWN: none. */
void judge_init(struct judge *judge, enum real_state state);

/* What a reason means for the judgement. */
enum judge_result judge_classify(enum probe_reason reason);

/*
 * judge_step - take the reason of one probe.
 * Returns true when state or reason is another than before.
 */
bool judge_step(struct judge *judge, uint32_t rise, uint32_t fall, enum probe_reason reason);

/*
 * judge_void - what was judged did not count, for the probes never got to the real: back to
 * `state`, with no results yet and the reason "probe path".
 */
void judge_void(struct judge *judge, enum real_state state);

/* judge_reset - judge anew: the state stays until results change it, what led to it is forgotten.
 */
void judge_reset(struct judge *judge);

/* What an end of a connection attempt or probe says of the address; a timeout says nothing. */
enum judge_heard judge_heard_in(enum probe_reason reason);

/*
 * judge_hear - take what was heard of the address. Any answer is life; `fall` times nothing at all
 * in a row, or the network's word that it cannot be reached, and it is gone.
 * Returns true when the sign is another than before.
 */
bool judge_hear(struct judge *judge, uint32_t fall, enum judge_heard heard);

/* How fast the target is to be probed now. */
enum schedule_pace judge_pace(const struct judge *judge);
