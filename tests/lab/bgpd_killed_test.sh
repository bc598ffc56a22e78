#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#                   ┌── lb1 ──┐    bgpd ✗ SIGKILL, started again with the operator's file alone
#   client1 ── tor ─┤         ├─▶ web1, web2, web3
#                   └── lb2 ──┘
#
source "$(dirname "$0")/lab.sh"
site_up --nodes 2 --reals 3
start_load load client1 $LAB_VIP4 $LAB_VIP6

test_that "without its bgpd a node leaves the ECMP group and its peer carries on"
kill_bgpd lb1
wait_for 5 "the ToR leads both VIPs to lb2 alone" tor_routes_via lb2 $LAB_VIP4 $LAB_VIP6
spread=$(curl_spread client1 $LAB_VIP4 200)
echo "  $spread"
expect "all reals answer without a failure: $spread" is_spread_over "$spread" "${LAB_REALS[@]}"

test_that "the node says that bgpd does not answer"
status_names_bgpd() {
	shoal_on lb1 status | grep -qi bgpd
}
wait_for 5 "shoal status on lb1 names bgpd" status_names_bgpd

test_that "a bgpd that comes back without network lines gets them again"
began=$(now_ms)
start_bgpd lb1
wait_for 15 "the ToR leads both VIPs to both nodes" tor_routes_via "lb1 lb2" $LAB_VIP4 $LAB_VIP6
echo "  two next hops $(($(now_ms) - began)) ms after bgpd's start"

test_that "a network line that someone removes by hand comes back"
vtysh_on lb1 -c 'configure terminal' -c "router bgp $LAB_AS_NODES" -c 'address-family ipv4 unicast' \
	-c "no network $LAB_VIP4/32" >/dev/null
wait_for 20 "the ToR leads 203.0.113.10 to both nodes" tor_routes_via "lb1 lb2" $LAB_VIP4

test_that "a network line inside vip-ranges that is not Shoal's goes, one outside stays"
vtysh_on lb1 -c 'configure terminal' -c "router bgp $LAB_AS_NODES" -c 'address-family ipv4 unicast' \
	-c 'network 203.0.113.77/32' -c 'network 192.0.2.0/24' >/dev/null
line_is_gone() {
	! vtysh_on lb1 -d bgpd -c 'show running-config' | grep -q "network 203.0.113.77/32"
}
wait_for 20 "the line of 203.0.113.77 is removed" line_is_gone
vtysh_on lb1 -d bgpd -c 'show running-config' | grep -q "network 192.0.2.0/24" ||
	fail "the operator's line of 192.0.2.0/24 is gone"

test_that "no request failed in all that time"
stop_load load
echo "  $(load_total load) requests, $(load_failures load) failed"
expect_equal "failed requests" 0 "$(load_failures load)"
