#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#                   ┌── lb1 ──┐    cannot forward, though its sessions stand: it has no way to the
#   client1 ── tor ─┤         ├─▶ web1, web2, web3       reals, or its rings say nothing
#                   └── lb2 ──┘
#
# A carrier that is lost and a whole node are cells of the crash matrix, XDP detached is in guard_test.
#
source "$(dirname "$0")/lab.sh"
site_up --nodes 2 --reals 3

leaves_alone() { # WHAT
	wait_for 15 "the ToR leads both VIPs to lb2 alone" tor_routes_via lb2 $LAB_VIP4 $LAB_VIP6
	echo "  $1: withdrawn after $(($(now_ms) - began)) ms"
	tor_established 2 || fail "a BGP session was lost, so this shows nothing"
}

comes_back() {
	wait_for 30 "the ToR leads both VIPs to both nodes" tor_routes_via "lb1 lb2" $LAB_VIP4 $LAB_VIP6
}

expect_no_failures() {
	local spread
	spread=$(curl_spread client1 $LAB_VIP4 200)
	expect_equal "failed requests of 200" 0 "$(spread_failed "$spread")"
}

test_that "a node without a way to its reals leaves, while its sessions stand"
began=$(now_ms)
ip -n "$(ns lb1)" route add blackhole 10.1.0.0/16
ip -n "$(ns lb1)" -6 route add blackhole fd00:b::/32
leaves_alone "no way"
shoal_on lb1 status | grep -q "next hop" || fail "shoal status does not tell: $(shoal_on lb1 status)"
expect_no_failures
ip -n "$(ns lb1)" route del blackhole 10.1.0.0/16
ip -n "$(ns lb1)" -6 route del blackhole fd00:b::/32
comes_back

test_that "a node whose data plane loses its rings again and again fails two self-tests and leaves"
began=$(now_ms)
start emptier lb1 "$(dirname "$0")/empty_rings.py" "$(echo "$(node_dir lb1)"/bpf/v*/rings)"
leaves_alone "no rings"
expect_no_failures
wait_for 10 "shoal why tells" eval 'shoal_on lb1 why $LAB_VIP4 | grep -q "self-test"'
grep -q "self_test.*names no real" "$LAB_DIR/log/lb1-shoald" || fail "no self_test in the log"

test_that "once nobody empties them the rings are put back, and the node comes back"
kill_hard emptier
comes_back
expect_no_failures
