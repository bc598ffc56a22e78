#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   quickstart ── Ctrl-C on the way ──▶ nothing left; ── SIGKILL on the way, run again ──▶ ends well
#
source "$(dirname "$0")/quickstart.sh"

# Start one in the background as a terminal's foreground job: a process group of its own, in which
# SIGINT is not ignored as bash has it for what it starts in the background.
start_quickstart() {
	setsid env --default-signal=INT "$quickstart" >"$log" 2>&1 &
	pid=$!
	wait_for 60 "quickstart opens BGP sessions" grep -q '2 of 2 sessions' "$log"
}

log=$(mktemp)
trap 'rm -f "$log"; quickstart --down' EXIT

test_that "Ctrl-C on the way removes everything"
start_quickstart
kill -INT -- "-$pid"
wait "$pid"
status=$?
cat "$log"
expect_equal "exit status" 130 "$status"
expect "it says so" grep -q 'interrupted; everything is removed' "$log"
expect "nothing is left" nothing_is_left

test_that "what a killed run left is removed by the next, which ends well"
start_quickstart
kill -KILL "$pid"
wait "$pid" 2>/dev/null
nothing_is_left && fail "the killed run left nothing; this test proves nothing"
quickstart || fail "quickstart ended with status $?"
expect "nothing is left" nothing_is_left
