/* SPDX-License-Identifier: Apache-2.0 */
#include "health/judge.h"

#include "tests/lib/test.h"

/* The judgement said as a specification: from the whole history, newest result last. */
static enum real_state expected(const enum judge_result *history, unsigned n, unsigned rise,
				unsigned fall)
{
	enum real_state state = REAL_UNKNOWN;
	unsigned passes = 0, failures = 0, counted = 0;

	for (unsigned i = 0; i < n; i++) {
		if (history[i] == JUDGE_NO_VERDICT)
			continue;
		counted++;
		passes = history[i] == JUDGE_PASS ? passes + 1 : 0;
		failures = history[i] == JUDGE_FAIL ? failures + 1 : 0;
		if (passes >= rise)
			state = REAL_UP;
		else if (failures >= fall)
			state = REAL_DOWN;
		else if (state == REAL_UNKNOWN && counted >= rise + fall)
			state = REAL_DOWN;
	}
	return state;
}

static const enum probe_reason sample[] = {
	[JUDGE_PASS] = PROBE_OK,
	[JUDGE_FAIL] = PROBE_TIMEOUT,
	[JUDGE_NO_VERDICT] = PROBE_LATE,
};

static void run_history(unsigned code, unsigned n, unsigned rise, unsigned fall)
{
	enum judge_result history[9];
	struct judge judge;

	judge_init(&judge, REAL_UNKNOWN);
	for (unsigned i = 0; i < n; i++, code /= 3) {
		enum real_state before = judge.state;
		enum probe_reason reason_before = judge.reason;
		bool changed;

		history[i] = (enum judge_result)(code % 3);
		changed = judge_step(&judge, rise, fall, sample[history[i]]);
		assert_int_equal(judge.state, expected(history, i + 1, rise, fall));
		assert_int_equal(changed, judge.state != before || judge.reason != reason_before);
		assert_int_equal(judge.reason, sample[history[i]]);
	}
}

/* Every history of 9 results, for every rise and fall from 1 to 4. */
TEST(judge, follows_the_specification_for_every_short_history)
{
	for (unsigned rise = 1; rise <= 4; rise++)
		for (unsigned fall = 1; fall <= 4; fall++)
			for (unsigned code = 0; code < 19683; code++)
				run_history(code, 9, rise, fall);
}

TEST(judge, rises_and_falls_after_exactly_that_many_in_a_row)
{
	for (unsigned n = 1; n <= 10; n++) {
		struct judge judge;

		judge_init(&judge, REAL_DOWN);
		for (unsigned i = 1; i <= n; i++) {
			judge_step(&judge, n, 3, PROBE_OK);
			assert_int_equal(judge.in_a_row, i);
			assert_int_equal(judge.state, i < n ? REAL_DOWN : REAL_UP);
		}
		judge_init(&judge, REAL_UP);
		for (unsigned i = 1; i <= n; i++) {
			judge_step(&judge, 3, n, PROBE_REFUSED);
			assert_int_equal(judge.state, i < n ? REAL_UP : REAL_DOWN);
		}
	}
}

/* The node's own trouble says nothing of the real, however long it lasts. */
TEST(judge, never_moves_on_reasons_that_are_the_nodes_own)
{
	static const enum probe_reason own[] = { PROBE_PROBE_PATH, PROBE_LATE, PROBE_LOCAL_ERROR,
						 PROBE_NOT_EXECUTABLE };

	for (int state = 0; state < REAL_STATE_MAX; state++) {
		struct judge judge;

		judge_init(&judge, (enum real_state)state);
		for (unsigned i = 0; i < 3000; i++)
			judge_step(&judge, 1, 1, own[i % 4]);
		assert_int_equal(judge.state, state);
		assert_int_equal(judge.in_a_row, 0);
	}
}

TEST(judge, own_trouble_neither_extends_nor_breaks_a_row)
{
	struct judge judge;

	judge_init(&judge, REAL_UP);
	judge_step(&judge, 3, 3, PROBE_TIMEOUT);
	judge_step(&judge, 3, 3, PROBE_TIMEOUT);
	judge_step(&judge, 3, 3, PROBE_PROBE_PATH);
	assert_int_equal(judge.state, REAL_UP);
	assert_int_equal(judge.in_a_row, 2);
	judge_step(&judge, 3, 3, PROBE_TIMEOUT);
	assert_int_equal(judge.state, REAL_DOWN);
}

TEST(judge, a_target_that_flaps_from_the_start_does_not_stay_unknown)
{
	struct judge judge;

	judge_init(&judge, REAL_UNKNOWN);
	for (unsigned i = 0; i < 6; i++)
		judge_step(&judge, 3, 3, i % 2 ? PROBE_OK : PROBE_RESET);
	assert_int_equal(judge.state, REAL_DOWN);
}

TEST(judge, is_fast_while_undecided_slow_while_down)
{
	struct judge judge;

	judge_init(&judge, REAL_UNKNOWN);
	assert_int_equal(judge_pace(&judge), SCHEDULE_FAST);
	judge_step(&judge, 2, 2, PROBE_OK);
	assert_int_equal(judge_pace(&judge), SCHEDULE_FAST);
	judge_step(&judge, 2, 2, PROBE_OK);
	assert_int_equal(judge_pace(&judge), SCHEDULE_NORMAL);
	judge_step(&judge, 2, 2, PROBE_HTTP_STATUS);
	assert_int_equal(judge_pace(&judge), SCHEDULE_FAST);
	judge_step(&judge, 2, 2, PROBE_LATE);
	assert_int_equal(judge_pace(&judge), SCHEDULE_FAST);
	judge_step(&judge, 2, 2, PROBE_HTTP_STATUS);
	assert_int_equal(judge_pace(&judge), SCHEDULE_SLOW);
	judge_step(&judge, 2, 2, PROBE_OK);
	assert_int_equal(judge_pace(&judge), SCHEDULE_FAST);
}

TEST(judge, a_kept_judgement_is_confirmed_at_the_fast_interval)
{
	struct judge judge;

	judge_init(&judge, REAL_UP);
	assert_int_equal(judge_pace(&judge), SCHEDULE_FAST);
	judge_step(&judge, 3, 3, PROBE_OK);
	assert_int_equal(judge_pace(&judge), SCHEDULE_NORMAL);
	judge_init(&judge, REAL_DOWN);
	assert_int_equal(judge_pace(&judge), SCHEDULE_FAST);
	judge_step(&judge, 3, 3, PROBE_REFUSED);
	assert_int_equal(judge_pace(&judge), SCHEDULE_SLOW);
}

TEST(judge, a_void_judgement_leaves_nothing_behind)
{
	struct judge judge;

	judge_init(&judge, REAL_UP);
	for (unsigned i = 0; i < 3; i++)
		judge_step(&judge, 3, 3, PROBE_TIMEOUT);
	assert_int_equal(judge.state, REAL_DOWN);
	judge_void(&judge, REAL_UP);
	assert_int_equal(judge.state, REAL_UP);
	assert_int_equal(judge.reason, PROBE_PROBE_PATH);
	judge_step(&judge, 3, 3, PROBE_TIMEOUT);
	judge_step(&judge, 3, 3, PROBE_TIMEOUT);
	assert_int_equal(judge.state, REAL_UP);
	judge_step(&judge, 3, 3, PROBE_TIMEOUT);
	assert_int_equal(judge.state, REAL_DOWN);
}

/* Every history of six things heard, for every fall from 1 to 3, against the rule in words. */
TEST(judge, an_address_is_gone_after_fall_silences_and_back_with_any_answer)
{
	for (uint32_t fall = 1; fall <= 3; fall++)
		for (unsigned code = 0; code < 729; code++) {
			enum real_sign expected = REAL_SIGN_NONE;
			unsigned silent = 0, rest = code;
			struct judge judge;

			judge_init(&judge, REAL_UP);
			for (int i = 0; i < 6; i++, rest /= 3) {
				enum judge_heard heard = (enum judge_heard)(rest % 3);
				enum real_sign before = expected;

				if (heard == JUDGE_HEARD_ANSWER)
					silent = 0;
				silent += heard == JUDGE_HEARD_NOTHING;
				if (heard == JUDGE_HEARD_ANSWER)
					expected = REAL_SIGN_ANSWERS;
				else if (heard == JUDGE_HEARD_UNREACHABLE || silent >= fall)
					expected = REAL_SIGN_GONE;
				assert_int_equal(judge_hear(&judge, fall, heard),
						 expected != before);
				assert_int_equal(judge.sign, expected);
			}
		}
}

TEST(judge, a_down_target_that_falls_silent_is_undecided_until_it_is_gone)
{
	struct judge judge;

	judge_init(&judge, REAL_DOWN);
	judge_step(&judge, 3, 2, PROBE_REFUSED);
	judge_hear(&judge, 2, JUDGE_HEARD_ANSWER);
	assert_int_equal(judge_pace(&judge), SCHEDULE_SLOW);
	judge_hear(&judge, 2, JUDGE_HEARD_NOTHING);
	assert_int_equal(judge_pace(&judge), SCHEDULE_FAST);
	judge_hear(&judge, 2, JUDGE_HEARD_NOTHING);
	assert_int_equal(judge.sign, REAL_SIGN_GONE);
	assert_int_equal(judge_pace(&judge), SCHEDULE_SLOW);
}

TEST(judge, a_refusal_and_a_wrong_status_are_answers)
{
	assert_int_equal(judge_heard_in(PROBE_REFUSED), JUDGE_HEARD_ANSWER);
	assert_int_equal(judge_heard_in(PROBE_HTTP_STATUS), JUDGE_HEARD_ANSWER);
	assert_int_equal(judge_heard_in(PROBE_UNREACHABLE), JUDGE_HEARD_UNREACHABLE);
	assert_int_equal(judge_heard_in(PROBE_TIMEOUT), JUDGE_HEARD_NOTHING);
	assert_int_equal(judge_heard_in(PROBE_PROBE_PATH), JUDGE_HEARD_NOTHING);
}

TEST(judge, every_reason_has_a_meaning)
{
	unsigned fails = 0;

	for (int reason = 0; reason < PROBE_REASON_MAX; reason++)
		fails += judge_classify((enum probe_reason)reason) == JUDGE_FAIL;
	assert_int_equal(judge_classify(PROBE_OK), JUDGE_PASS);
	assert_int_equal(judge_classify(PROBE_PROBE_PATH), JUDGE_NO_VERDICT);
	assert_int_equal(fails, PROBE_REASON_MAX - 7); /* none, ok, no-check and the node's own */
}

RUN_TESTS(T(judge, follows_the_specification_for_every_short_history),
	  T(judge, an_address_is_gone_after_fall_silences_and_back_with_any_answer),
	  T(judge, a_down_target_that_falls_silent_is_undecided_until_it_is_gone),
	  T(judge, a_refusal_and_a_wrong_status_are_answers),
	  T(judge, rises_and_falls_after_exactly_that_many_in_a_row),
	  T(judge, never_moves_on_reasons_that_are_the_nodes_own),
	  T(judge, own_trouble_neither_extends_nor_breaks_a_row),
	  T(judge, a_target_that_flaps_from_the_start_does_not_stay_unknown),
	  T(judge, is_fast_while_undecided_slow_while_down),
	  T(judge, a_kept_judgement_is_confirmed_at_the_fast_interval),
	  T(judge, a_void_judgement_leaves_nothing_behind), T(judge, every_reason_has_a_meaning))
