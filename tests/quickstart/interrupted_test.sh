#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   quickstart ── Ctrl-C on the way ──▶ nothing left; ── SIGKILL on the way, run again ──▶ ends well
#
source "$(dirname "$0")/quickstart.sh"

# Start one in the background, as a foreground process of its own would be: bash shields what it
# starts in the background from Ctrl-C.
start_quickstart() {
	with_ctrl_c "$quickstart" >"$LAB_LOG" 2>&1 &
	pid=$!
	wait_for 30 "quickstart opens BGP sessions" grep -q '2 of 2 sessions' "$LAB_LOG"
}

with_ctrl_c() {
	env --default-signal=INT "$@"
}

LAB_LOG=$(mktemp)
trap 'rm -f "$LAB_LOG"; quickstart --down' EXIT

test_that "Ctrl-C on the way removes everything"
start_quickstart
kill -INT "$pid"
wait "$pid"
status=$?
cat "$LAB_LOG"
expect_equal "exit status" 130 "$status"
expect "nothing is left" nothing_is_left

test_that "what a killed run left is removed by the next, which ends well"
start_quickstart
kill -KILL "$pid"
wait "$pid" 2>/dev/null
nothing_is_left && fail "the killed run left nothing; this test proves nothing"
quickstart || fail "quickstart ended with status $?"
expect "nothing is left" nothing_is_left
