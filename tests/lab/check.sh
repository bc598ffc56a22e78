# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# check.sh - how a lab test says what it tests, waits, and fails. Sourced by lab.sh.

# One block of a test: test_that "every real answers".
test_that() {
	echo "Test that $*"
}

fail() {
	echo "FAIL: $*" >&2
	exit 1
}

skip() { # REASON: its last line is what tests/run shows
	echo "skip: $*"
	exit 77
}

now_ms() {
	local now=${EPOCHREALTIME/./}
	echo "${now%???}"
}

# Run the command every 50 ms until it succeeds; 1 when the time is over.
poll_until() { # SECONDS COMMAND...
	local deadline=$(($(now_ms) + $(milliseconds "$1")))
	shift
	until "$@" >/dev/null 2>&1; do
		(($(now_ms) < deadline)) || return 1
		sleep 0.05
	done
}

# The same, ending the test with one line when it does not come true.
wait_for() { # SECONDS WHAT COMMAND...
	local seconds=$1 what=$2
	shift 2
	poll_until "$seconds" "$@" || fail "not within $seconds s: $what"
}

# The command must succeed now.
expect() { # WHAT COMMAND...
	local what=$1
	shift
	"$@" || fail "$what"
}

# Two texts must be equal.
expect_equal() { # WHAT EXPECTED ACTUAL
	[ "$2" = "$3" ] || fail "$1: expected '$2', got '$3'"
}

# The command must keep succeeding for a while.
expect_for() { # SECONDS WHAT COMMAND...
	local deadline=$(($(now_ms) + $(milliseconds "$1"))) what=$2
	shift 2
	while (($(now_ms) < deadline)); do
		"$@" >/dev/null 2>&1 || fail "$what"
		sleep 0.05
	done
}

milliseconds() { # SECONDS: 1.5 -> 1500
	local whole=${1%.*} part=0
	[[ $1 == *.* ]] && part=${1#*.}00
	echo $((whole * 1000 + 10#${part:0:3}))
}
