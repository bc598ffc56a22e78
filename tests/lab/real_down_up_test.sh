#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#                   ┌── lb1 ──┐    ┌─ web1
#   client1 ── tor ─┤         ├─▶ ─┼─ web2   ✗ killed, told unwell, cut off; comes back each time
#                   └── lb2 ──┘    └─ web3
#
source "$(dirname "$0")/lab.sh"
site_up --nodes 2 --reals 3

# web2 is out of use on both nodes: from now on no request may fail, and none may reach it.
left_out() {
	local noticed spread
	wait_for 10 "both nodes see web2 down" nodes_see_real web2 down
	noticed=$(now_ms)
	for vip in $LAB_VIP4 $LAB_VIP6; do
		spread=$(curl_spread client1 "$vip" 300)
		echo "  $vip: $spread"
		expect "web1 and web3 answer without a failure: $spread" is_spread_over "$spread" web1 web3
		expect_equal "answers of web2" "" "$(spread_of "$spread" web2)"
	done
	expect_equal "failed requests of the steady load since web2 was seen down" 0 "$(load_failures load "$noticed")"
	expect "both nodes still announce" tor_routes_via "lb1 lb2" $LAB_VIP4 $LAB_VIP6
}

taken_back() {
	local noticed spread
	wait_for 10 "both nodes see web2 up" nodes_see_real web2 up
	noticed=$(now_ms)
	sleep 0.5
	spread=$(curl_spread client1 $LAB_VIP4 300)
	echo "  $spread"
	expect "all three answer without a failure: $spread" is_spread_over "$spread" web1 web2 web3
	expect_equal "failed requests of the steady load since web2 was seen up" 0 "$(load_failures load "$noticed")"
}

start_load load client1 $LAB_VIP4 $LAB_VIP6

test_that "a real whose server dies is left out by both nodes"
kill_real web2
left_out
test_that "it is taken back once its server answers again"
start_real web2
taken_back

test_that "a real that says it is not well is left out without a single failed request"
since=$(now_ms)
fail_check_of web2
left_out
expect_equal "failed requests since the check turned" 0 "$(load_failures load "$since")"
test_that "it is taken back once it is well"
pass_check_of web2
taken_back
expect_equal "failed requests since the check turned" 0 "$(load_failures load "$since")"

test_that "a real that is cut off is left out"
cut_real web2
left_out
test_that "it is taken back once its link is up"
mend_real web2
taken_back

stop_load load
echo "  $(load_total load) requests in the background, $(load_failures load) failed before a detection"
