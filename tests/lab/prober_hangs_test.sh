#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client1 ── tor ─┬─ lb1    shoal-probe ✗ stopped, as one that hangs
#                   └─ lb2
#
# No verdicts for 30 s are as bad as no controller: nobody knows what stands behind the routes any
# more. What happens when the prober is killed is in probe_path_test.sh. This takes the 30 s.
#
source "$(dirname "$0")/lab.sh"
LAB_ROUTING='  on-controller-loss: {hold: 5s, then: drain}'
site_up --nodes 2 --reals 2
start_load load client1 $LAB_VIP4 $LAB_VIP6

alarm_says() { # PATTERN
	status_of lb1 '.alarms[].text' | grep -q "$1"
}

no_real_was_down() {
	! grep -q 'real_state .*to=down' "$LAB_DIR/log/lb1-shoald"
}

wait_for 10 "both reals up" nodes_see_reals up web1 web2
acts=$(grep -c 'guard_act ' "$LAB_DIR/log/lb1-shoal-guard")
send_signal STOP lb1-shoal-probe
stopped=$(now_ms)

test_that "states hold and routes stay for 20 s"
until (($(now_ms) - stopped > 20000)); do
	expect "both reals stay up" nodes_see_reals up web1 web2
	expect "lb1 announces" tor_routes_via "lb1 lb2" $LAB_VIP4 $LAB_VIP6
	sleep 0.5
done
expect_equal "acts of the guard" "$acts" "$(grep -c 'guard_act ' "$LAB_DIR/log/lb1-shoal-guard")"

test_that "then the guard takes the node out, and shoal status says why"
wait_for 30 "the ToR leads both VIPs to lb2 alone" tor_routes_via lb2 $LAB_VIP4 $LAB_VIP6
echo "  drained $(($(now_ms) - stopped)) ms after the last verdict"
expect "an alarm names the prober" alarm_says "no verdict from shoal-probe for .* on-controller-loss: drain"
expect "both reals stay up" real_is lb1 web1 up

test_that "it comes back with the first verdicts, and time that stood still took no real down"
send_signal CONT lb1-shoal-probe
wait_for 30 "the ToR leads both VIPs to both nodes" tor_routes_via "lb1 lb2" $LAB_VIP4 $LAB_VIP6
expect "no real was down" no_real_was_down
stop_load load
echo "  $(load_total load) requests, $(load_failures load) failed"
expect_equal "failed requests" 0 "$(load_failures load)"
