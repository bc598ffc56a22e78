#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#                   ┌── lb1 ──┐    ┌─ web1   shoald and shoal-probe of lb1 are killed together, as an
#   client1 ── tor ─┤         ├─▶ ─┼─ web2   upgrade restarts them: the reals are what they were, and
#                   └── lb2 ──┘    └─ web3   web2, which was down, gets nothing
#
source "$(dirname "$0")/lab.sh"
site_up --nodes 2 --reals 3

state_file() {
	echo "$(node_dir lb1)/state/state"
}

# A real as lb1 says: "down http-status 1795335042".
real_on_lb1() { # REAL
	shoal_on lb1 reals "web/$1" --json |
		jq -r '.reals[0] | "\(.state) \(.reason) \((.since_us / 1000000) | round)"'
}

# The same state for the same reason, since the same moment but for what clocks differ.
is_as_before() { # REAL "BEFORE"
	local state reason since was_state was_reason was_since
	read -r state reason since < <(real_on_lb1 "$1")
	read -r was_state was_reason was_since <<<"$2"
	[ "$state $reason" = "$was_state $was_reason" ] && ((since - was_since <= 1 && was_since - since <= 1))
}

file_says() { # REAL up|down
	grep -q "^check web 10.1.$(number "$1").2 alive $2 " "$(state_file)"
}

kill_both() {
	kill_hard lb1-shoald
	kill_hard lb1-shoal-probe
}

start_load load client1 $LAB_VIP4 $LAB_VIP6
fail_check_of web2
wait_for 10 "both nodes see web2 down" nodes_see_real web2 down
wait_for 5 "the state file says so" file_says web2 down
before_web1=$(real_on_lb1 web1)
before_web2=$(real_on_lb1 web2)
echo "  web1 $before_web1, web2 $before_web2"
since=$(now_ms)

test_that "shoald alone, before any probe ran, knows what was known"
kill_both
start_shoald lb1
expect "web1 is as before: $(real_on_lb1 web1)" is_as_before web1 "$before_web1"
expect "web2 is as before: $(real_on_lb1 web2)" is_as_before web2 "$before_web2"
grep -q 'state used=yes' "$LAB_DIR/log/lb1-shoald" || fail "shoald did not use its state file"

test_that "a new shoal-probe begins from that, and nothing moves"
start_probe lb1
probes_ran() { [ "$(status_of lb1 .prober.probes)" -gt 20 ]; }
wait_for 10 "shoal-probe has run 20 probes" probes_ran
expect "web1 is as before: $(real_on_lb1 web1)" is_as_before web1 "$before_web1"
expect "web2 is as before: $(real_on_lb1 web2)" is_as_before web2 "$before_web2"
expect "both nodes announce" tor_routes_via "lb1 lb2" $LAB_VIP4 $LAB_VIP6

test_that "a torn file is set aside with a warning, and reals start unknown"
kill_both
head -c 200 "$(state_file)" >"$LAB_DIR/torn"
cp "$LAB_DIR/torn" "$(state_file)"
start_shoald lb1
grep -q 'warn state .*set aside' "$LAB_DIR/log/lb1-shoald" || fail "shoald does not warn of the torn file"
[ -e "$(state_file).bad" ] || fail "the torn file is not set aside"
expect_equal "state of web2 before any probe" unknown "$(real_on_lb1 web2 | cut -d' ' -f1)"
start_probe lb1
wait_for 10 "lb1 sees web2 down" real_is lb1 web2 down

test_that "no request failed in all that time"
stop_load load
echo "  $(load_total load "$since") requests, $(load_failures load "$since") failed"
expect_equal "failed requests" 0 "$(load_failures load "$since")"
