#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client1 ── tor ─┬─ lb1    shoald ✗ stopped, continued, killed; shoal-guard acts after 2 s
#                   └─ lb2
#
# Controller and guard together: who writes when, and that they never write against each other.
source "$(dirname "$0")/lab.sh"
# shellcheck source=tests/lab/routing.sh
source "$LAB_LIB/routing.sh"
# shellcheck disable=SC2034 # read by nodes.sh
LAB_ROUTING='  on-controller-loss: {hold: 2s, then: drain}
  on-dataplane-loss: {hold: 1s, then: withdraw}'
site_up --nodes 2 --reals 2
start_load load client1 $LAB_VIP4 $LAB_VIP6
run=$(node_dir lb1)/run

guard_acts() { # how often it wrote
	grep -c 'guard_act ' "$LAB_DIR/log/lb1-shoal-guard" || true
}

expect_equal "the guard wrote nothing so far" 0 "$(guard_acts)"

test_that "a controller that is stopped is drained by its guard, and its peer carries on"
send_signal STOP lb1-shoald
wait_for 6 "the ToR leads both VIPs to lb2 alone" tor_routes_via lb2 $LAB_VIP4 $LAB_VIP6
expect "the fence stands" test -e "$run/fence"

test_that "continued, it announces only after the fence fell, and the guard lets it"
acts=$(guard_acts)
send_signal CONT lb1-shoald
wait_for 15 "the fence falls" test ! -e "$run/fence"
wait_for 15 "the ToR leads both VIPs to both nodes" tor_routes_via "lb1 lb2" $LAB_VIP4 $LAB_VIP6
expect_for 4 "it stays so" tor_routes_via "lb1 lb2" $LAB_VIP4 $LAB_VIP6
expect_equal "acts of the guard since then" "$acts" "$(guard_acts)"

test_that "a controller that is killed is drained, and a new one comes back by itself"
kill_hard lb1-shoald
wait_for 6 "the ToR leads both VIPs to lb2 alone" tor_routes_via lb2 $LAB_VIP4 $LAB_VIP6
start_shoald lb1
wait_for 20 "the ToR leads both VIPs to both nodes" tor_routes_via "lb1 lb2" $LAB_VIP4 $LAB_VIP6
expect "no fence is left" test ! -e "$run/fence"

test_that "controller and bgpd killed together: nothing comes back but by a controller"
kill_hard lb1-shoald
kill_bgpd lb1
wait_for 5 "the ToR leads both VIPs to lb2 alone" tor_routes_via lb2 $LAB_VIP4 $LAB_VIP6
start_bgpd lb1
expect_for 4 "lb1 announces nothing" tor_routes_via lb2 $LAB_VIP4 $LAB_VIP6
start_shoald lb1
wait_for 20 "the ToR leads both VIPs to both nodes" tor_routes_via "lb1 lb2" $LAB_VIP4 $LAB_VIP6

test_that "no request failed in all that time"
stop_load load
echo "  $(load_total load) requests, $(load_failures load) failed"
expect_equal "failed requests" 0 "$(load_failures load)"
