#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#                   ┌── lb1 ──┐    ┌─ web1 ✗
#   client1 ── tor ─┤         ├─▶ ─┼─ web2 ✗   no real left: nothing is announced
#                   └── lb2 ──┘    └─ web3 ✗
#
source "$(dirname "$0")/lab.sh"
site_up --nodes 2 --reals 3

test_that "with one real left both nodes still announce and all is answered"
kill_real web1
kill_real web2
wait_for 10 "both nodes see web1 and web2 down" nodes_see_reals down web1 web2
spread=$(curl_spread client1 $LAB_VIP4 200)
echo "  $spread"
expect "web3 answers all: $spread" is_spread_over "$spread" web3
expect "both nodes announce" tor_routes_via "lb1 lb2" $LAB_VIP4 $LAB_VIP6

test_that "when the last real dies the ToR has no route to either VIP"
kill_real web3
began=$(now_ms)
wait_for 10 "both VIPs withdrawn by both nodes" tor_routes_via "" $LAB_VIP4 $LAB_VIP6
echo "  withdrawn $(($(now_ms) - began)) ms after the last real died"
expect "BGP sessions stay up" tor_established 2

test_that "nodes say why"
for node in "${LAB_NODES[@]}"; do
	why=$(shoal_on "$node" why www4)
	grep -qi quorum <<<"$why" || fail "shoal why www4 on $node does not name the quorum: $why"
done

test_that "the VIPs stay withdrawn while nothing changes"
expect_for 3 "a VIP came back without a real" tor_routes_via "" $LAB_VIP4 $LAB_VIP6

test_that "one real back brings both VIPs back on both nodes, and no request fails from then on"
start_real web1
began=$(now_ms)
wait_for 20 "both VIPs announced by both nodes" tor_routes_via "lb1 lb2" $LAB_VIP4 $LAB_VIP6
echo "  announced $(($(now_ms) - began)) ms after the real came back"
for vip in $LAB_VIP4 $LAB_VIP6; do
	spread=$(curl_spread client1 $vip 200)
	echo "  $vip: $spread"
	expect "web1 answers all: $spread" is_spread_over "$spread" web1
done
