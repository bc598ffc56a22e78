#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#                   ┌── lb1 ──┐    ┌─ web1   its check fails while files are on their way from it,
#   client1 ── tor ─┤         ├─▶ ─┼─ web2   it returns, controllers are restarted and killed, a node
#                   └── lb2 ──┘    └─ web3   is drained: every file arrives whole
#
source "$(dirname "$0")/lab.sh"
site_up --nodes 2 --reals 3

n_files=12
rate=150k # a file lasts 20 s

for ((i = 1; i <= n_files; i++)); do
	vip=$LAB_VIP4
	((i % 2)) || vip=$LAB_VIP6
	start_file "file$i" client1 $vip $rate
done
start_load load client1 $LAB_VIP4 $LAB_VIP6
poll_until 3 test "$(connections_of web1)" -gt 0
real=$(busiest_real)
others=()
for other in "${LAB_REALS[@]}"; do
	[ "$other" = "$real" ] || others+=("$other")
done

test_that "a real whose check fails gets no new flows and keeps those it has"
had=$(connections_of "$real")
echo "  $real has $had connections"
fail_check_of "$real"
wait_for 10 "both nodes call $real leaving" nodes_say_real "$real" leaving
spread=$(curl_spread client1 $LAB_VIP4 200)
echo "  $spread"
expect "${others[*]} answer without a failure: $spread" is_spread_over "$spread" "${others[@]}"
expect_equal "answers of $real" "" "$(spread_of "$spread" "$real")"
(($(connections_of "$real") > 0)) || fail "$real lost its connections"

test_that "a controller that is killed, and one that is restarted, change nothing of that"
kill_hard lb1-shoald
start_shoald lb1
stop lb2-shoald
start_shoald lb2
expect "both nodes call $real leaving" nodes_say_real "$real" leaving
expect_equal "answers of $real" "" "$(spread_of "$(curl_spread client1 $LAB_VIP4 100)" "$real")"
(($(connections_of "$real") > 0)) || fail "$real lost its connections"

test_that "flows that a drained node hands over stay at the real, too"
shoal_on lb1 drain >/dev/null || fail "shoal drain"
wait_for 10 "the ToR leads both VIPs to lb2 alone" tor_routes_via lb2 $LAB_VIP4 $LAB_VIP6
sleep 1
(($(connections_of "$real") > 0)) || fail "$real lost its connections"
shoal_on lb1 undrain >/dev/null || fail "shoal undrain"

test_that "the real returns and gets new flows again"
pass_check_of "$real"
wait_for 10 "both nodes call $real taking" nodes_say_real "$real" takes
spread=$(curl_spread client1 $LAB_VIP4 200)
expect "all answer without a failure: $spread" is_spread_over "$spread" "${LAB_REALS[@]}"

test_that "every file arrived whole, and no request failed in all that time"
poll_until 30 files_are_whole $n_files || fail "$(broken_files $n_files)"
stop_load load
echo "  $(load_total load) requests, $(load_failures load) failed"
expect_equal "failed requests" 0 "$(load_failures load)"
