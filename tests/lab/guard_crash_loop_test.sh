#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client1 ── tor ─┬─ lb1    shoald ✗ again and again; then stopped and continued in turns;
#                   └─ lb2    then the guard itself ✗
#
source "$(dirname "$0")/lab.sh"
# shellcheck disable=SC2034 # read by nodes.sh
LAB_ROUTING='  on-controller-loss: {hold: 3s, then: drain}'
site_up --nodes 2 --reals 2
start_load load client1 $LAB_VIP4 $LAB_VIP6

test_that "a controller that dies before it can judge does not keep the guard from acting"
stop lb1-shoal-probe # without verdicts no pass is complete
kill_hard lb1-shoald
drained() {
	tor_routes_via lb2 $LAB_VIP4 $LAB_VIP6
}
for ((i = 0; i < 20; i++)); do
	start_shoald lb1
	kill_hard lb1-shoald
	drained && break
done
drained || wait_for 20 "the ToR leads both VIPs to lb2 alone" drained
expect "the fence stands" test -e "$(node_dir lb1)/run/fence"

test_that "one that lives comes back by itself"
start_probe lb1
start_shoald lb1
wait_for 40 "the ToR leads both VIPs to both nodes" tor_routes_via "lb1 lb2" $LAB_VIP4 $LAB_VIP6

test_that "one that is slow, stopped for a second at a time, keeps its routes"
start_route_watch routes
for ((i = 0; i < 4; i++)); do
	send_signal STOP lb1-shoald
	sleep 1
	send_signal CONT lb1-shoald
	sleep 1
done
expect_no_route_change routes

test_that "a guard that is killed or stopped changes nothing, and acts when it is back"
start_route_watch routes
kill_hard lb1-shoal-guard
start_guard lb1
send_signal STOP lb1-shoal-guard
sleep 2
send_signal CONT lb1-shoal-guard
sleep 2
expect_no_route_change routes
kill_hard lb1-shoald
wait_for 15 "the ToR leads both VIPs to lb2 alone" drained

test_that "no request failed in all that time"
stop_load load
echo "  $(load_total load) requests, $(load_failures load) failed"
expect_equal "failed requests" 0 "$(load_failures load)"
