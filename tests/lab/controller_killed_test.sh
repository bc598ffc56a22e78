#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#                   ┌── lb1 ──┐    shoald ✗ SIGKILL, then started again
#   client1 ── tor ─┤         ├─▶ web1, web2, web3
#                   └── lb2 ──┘
#
source "$(dirname "$0")/lab.sh"
site_up --nodes 2 --reals 3

start_file file1 client1 "$LAB_VIP4" 150k # 20 s
wait_for 5 "the file begins to arrive" test -s "$LAB_DIR/file1.file"
victim=web3 survivors=(web1 web2)
[ "$(busiest_real)" != web3 ] || victim=web2 survivors=(web1 web3)
start_load load client1 $LAB_VIP4 $LAB_VIP6
link=$(xdp_link_of lb1)
[ -n "$link" ] || fail "no XDP link on lb1's eth0"

test_that "a killed controller leaves routes and forwarding as they are"
start_route_watch routes
kill_hard lb1-shoald
sleep 4
expect "both nodes carry both VIPs" tor_routes_via "lb1 lb2" $LAB_VIP4 $LAB_VIP6
before=$(tor_sent lb1)
spread=$(curl_spread client1 $LAB_VIP4 300)
echo "  $spread, lb1 carried $(($(tor_sent lb1) - before)) packets"
expect "all reals answer without a failure: $spread" is_spread_over "$spread" "${LAB_REALS[@]}"
(($(tor_sent lb1) - before > 300)) || fail "lb1 carries nothing"

test_that "the next controller adopts program, maps and routes"
start_shoald lb1
wait_for 10 "lb1 sees all reals up again" real_is lb1 web1 up
expect_equal "the XDP link of lb1" "$link" "$(xdp_link_of lb1)"
sleep 2
expect_no_route_change routes

test_that "the next controller is in command: a real that dies is left out"
kill_real $victim
wait_for 10 "both nodes see $victim down" nodes_see_real $victim down
sleep 0.5
spread=$(curl_spread client1 $LAB_VIP4 200)
echo "  $spread"
expect "${survivors[*]} answer without a failure: $spread" is_spread_over "$spread" "${survivors[@]}"
start_real $victim
wait_for 10 "both nodes see $victim up" nodes_see_real $victim up

test_that "a controller that is stopped kindly leaves everything as it is, too"
since=$(now_ms)
start_route_watch routes
stop lb1-shoald
sleep 2
start_shoald lb1
wait_for 10 "lb1 sees all reals up again" real_is lb1 web1 up
expect_equal "the XDP link of lb1" "$link" "$(xdp_link_of lb1)"
sleep 2
expect_equal "failed requests around the restart" 0 "$(load_failures load "$since")"
expect_no_route_change routes

test_that "the download that ran through all of it is whole"
poll_until 20 files_are_whole 1 || fail "$(broken_files 1)"
stop_load load
echo "  $(load_total load) requests in the background"
