/* SPDX-License-Identifier: Apache-2.0 */
#include "health/judge.h"

void judge_init(struct judge *judge, enum real_state state)
{
	*judge = (struct judge){ .state = state, .reason = PROBE_NONE };
}

enum judge_result judge_classify(enum probe_reason reason)
{
	switch (reason) {
	case PROBE_OK:
		return JUDGE_PASS;
	case PROBE_TIMEOUT:
	case PROBE_REFUSED:
	case PROBE_RESET:
	case PROBE_UNREACHABLE:
	case PROBE_CONNECT_ERROR:
	case PROBE_CLOSED:
	case PROBE_HTTP_STATUS:
	case PROBE_HTTP_GARBAGE:
	case PROBE_TOO_LARGE:
	case PROBE_TLS_ERROR:
	case PROBE_UNEXPECTED:
	case PROBE_PROTOCOL_ERROR:
	case PROBE_GRPC_STATUS:
	case PROBE_DNS_RCODE:
	case PROBE_MTU:
	case PROBE_EXIT_STATUS:
	case PROBE_KILLED:
		return JUDGE_FAIL;
	case PROBE_NONE:
	case PROBE_NO_CHECK:
	case PROBE_NOT_EXECUTABLE:
	case PROBE_PROBE_PATH:
	case PROBE_LATE:
	case PROBE_LOCAL_ERROR:
	case PROBE_REASON_MAX:
		break;
	}
	return JUDGE_NO_VERDICT;
}

static void row_extend(struct judge *judge, bool pass)
{
	if (judge->in_a_row > 0 && judge->row_passes != pass)
		judge->in_a_row = 0;
	judge->row_passes = pass;
	if (judge->in_a_row < UINT32_MAX)
		judge->in_a_row++;
}

bool judge_step(struct judge *judge, uint32_t rise, uint32_t fall, enum probe_reason reason)
{
	enum judge_result result = judge_classify(reason);
	struct judge before = *judge;

	judge->reason = reason;
	if (result != JUDGE_NO_VERDICT) {
		row_extend(judge, result == JUDGE_PASS);
		if (judge->state == REAL_UNKNOWN)
			judge->n_unknown++;
		if (judge->in_a_row >= (judge->row_passes ? rise : fall))
			judge->state = judge->row_passes ? REAL_UP : REAL_DOWN;
		else if (judge->state == REAL_UNKNOWN && judge->n_unknown >= rise + fall)
			judge->state = REAL_DOWN;
	}
	return judge->state != before.state || judge->reason != before.reason;
}

void judge_void(struct judge *judge, enum real_state state)
{
	enum real_sign sign = judge->sign; /* heard beside the probe path */

	judge_init(judge, state);
	judge->reason = PROBE_PROBE_PATH;
	judge->sign = sign;
}

void judge_reset(struct judge *judge)
{
	enum real_sign sign = judge->sign;

	judge_init(judge, judge->state);
	judge->sign = sign;
}

enum judge_heard judge_heard_in(enum probe_reason reason)
{
	switch (reason) {
	case PROBE_OK:
	case PROBE_REFUSED:
	case PROBE_RESET:
	case PROBE_CLOSED:
	case PROBE_HTTP_STATUS:
	case PROBE_HTTP_GARBAGE:
	case PROBE_TOO_LARGE:
	case PROBE_TLS_ERROR:
	case PROBE_UNEXPECTED:
	case PROBE_PROTOCOL_ERROR:
	case PROBE_GRPC_STATUS:
	case PROBE_DNS_RCODE:
	case PROBE_MTU:
		return JUDGE_HEARD_ANSWER;
	case PROBE_UNREACHABLE:
		return JUDGE_HEARD_UNREACHABLE;
	case PROBE_NONE:
	case PROBE_NO_CHECK:
	case PROBE_TIMEOUT:
	case PROBE_CONNECT_ERROR:
	case PROBE_EXIT_STATUS:
	case PROBE_KILLED:
	case PROBE_NOT_EXECUTABLE:
	case PROBE_PROBE_PATH:
	case PROBE_LATE:
	case PROBE_LOCAL_ERROR:
	case PROBE_REASON_MAX:
		break;
	}
	return JUDGE_HEARD_NOTHING;
}

bool judge_hear(struct judge *judge, uint32_t fall, enum judge_heard heard)
{
	enum real_sign before = judge->sign;

	switch (heard) {
	case JUDGE_HEARD_ANSWER:
		judge->n_silent = 0;
		judge->sign = REAL_SIGN_ANSWERS;
		break;
	case JUDGE_HEARD_NOTHING:
		if (judge->n_silent < fall)
			judge->n_silent++;
		if (judge->n_silent >= fall)
			judge->sign = REAL_SIGN_GONE;
		break;
	case JUDGE_HEARD_UNREACHABLE:
		judge->sign = REAL_SIGN_GONE;
		break;
	}
	return judge->sign != before;
}

enum schedule_pace judge_pace(const struct judge *judge)
{
	bool agrees = judge->in_a_row > 0 && judge->row_passes == (judge->state == REAL_UP);

	bool is_dying = judge->n_silent > 0 && judge->sign != REAL_SIGN_GONE;

	if (judge->state == REAL_UNKNOWN || !agrees || is_dying)
		return SCHEDULE_FAST;
	return judge->state == REAL_UP ? SCHEDULE_NORMAL : SCHEDULE_SLOW;
}
