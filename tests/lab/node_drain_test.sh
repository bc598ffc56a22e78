#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#                   ┌── lb1 ──┐    drained while downloads run through it;
#   client1 ── tor ─┤         ├─▶ web1, web2, web3
#                   └── lb2 ──┘    takes over every flow of lb1, to the same real
#
source "$(dirname "$0")/lab.sh"
site_up --nodes 2 --reals 3

n_files=16
rate=200k # a file lasts 15 s

test_that "downloads run through both nodes"
declare -A before=()
for node in "${LAB_NODES[@]}"; do
	before[$node]=$(tor_sent "$node")
done
for ((i = 1; i <= n_files; i++)); do
	vip=$LAB_VIP4
	((i % 2)) || vip=$LAB_VIP6
	start_file "file$i" client1 "$vip" $rate
done
sleep 2
for node in "${LAB_NODES[@]}"; do
	(($(tor_sent "$node") - ${before[$node]} > 20)) || fail "$node carries no download"
done
start_load load client1 $LAB_VIP4 $LAB_VIP6

test_that "a drained node leaves the ToR's ECMP group, and the command returns when it is done"
began=$(now_ms)
shoal_on lb1 drain --wait --reason "lab test" >"$LAB_DIR/log/drain" 2>&1 &
drain=$!
wait_for 10 "the ToR leads both VIPs to lb2 alone" tor_routes_via lb2 $LAB_VIP4 $LAB_VIP6
echo "  one next hop after $(($(now_ms) - began)) ms"
wait $drain || fail "shoal drain --wait ended with status $?: $(tail -n 3 "$LAB_DIR/log/drain")"
echo "  drained after $(($(now_ms) - began)) ms"
expect "BGP sessions stay up" tor_established 2
status_of lb1 tostring | grep -q "lab test" || fail "shoal status on lb1 does not tell the reason of the drain"

test_that "a restart of the controller does not end the drain"
stop lb1-shoald
start_shoald lb1
expect_for 4 "lb1 came back by itself" tor_routes_via lb2 $LAB_VIP4 $LAB_VIP6

test_that "every download finishes whole, although half of them changed nodes"
poll_until 40 files_are_whole $n_files || fail "$(broken_files $n_files)"

test_that "an undrained node comes back"
began=$(now_ms)
expect "shoal undrain" shoal_on lb1 undrain
wait_for 20 "the ToR leads both VIPs to both nodes" tor_routes_via "lb1 lb2" $LAB_VIP4 $LAB_VIP6
echo "  two next hops after $(($(now_ms) - began)) ms"

test_that "no request failed in all that time"
sleep 1
stop_load load
echo "  $(load_total load) requests, $(load_failures load) failed"
expect_equal "failed requests" 0 "$(load_failures load)"
