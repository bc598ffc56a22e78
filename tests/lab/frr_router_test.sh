#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   lb1: frr_driver ─ vty ─ bgpd ──BGP── bgpd ─ zebra ─ kernel :tor
#
# The router port with a real bgpd, without shoald: what it writes arrives in the ToR's kernel, what
# it reads is what is so, and what others do to bgpd is seen.
source "$(dirname "$0")/lab.sh"
# shellcheck source=tests/lab/routing.sh
source "$LAB_LIB/routing.sh"
lab_up --nodes 1 --reals 0 --clients 0
wait_for 15 "a BGP session" tor_established 1
vip4=203.0.113.10 vip6=2001:db8:cafe::10 tagged=203.0.113.11

test_that "a user outside the group frrvty is told what to do"
DRIVER_GROUPS=none driver_start lb1 $vip4/32
sleep 0.5
tell lb1 status
wait_for 5 "the sentence names the group" driver_is lb1 '.sentence | contains("group frrvty")'
driver_stop lb1

test_that "IPv4 and IPv6 prefixes are announced with their communities, and proved"
driver_start lb1 $vip4/32 $tagged/32=65010:100 $vip6/128
wait_for 10 "the router is ready" driver_is lb1 '.life == "ready" and .peers[0].established'
began=$(now_ms)
tell lb1 announce all
wait_for 5 "the ToR's kernel leads to lb1" tor_routes_via lb1 $vip4 $tagged $vip6
echo "  in the ToR's kernel after $(($(now_ms) - began)) ms"
wait_for 5 "the Adj-RIB-Out holds all three" driver_is lb1 '[.routes[] | select(.match and .peers == 1)] | length == 3'
expect_equal "communities of $tagged" 65010:100 "$(tor_communities $tagged/32)"
expect_equal "communities of $vip4" "" "$(tor_communities $vip4/32)"

test_that "draining adds graceful-shutdown to what was there, and undraining takes it away"
tell lb1 drain all
wait_for 5 "the ToR sees 65535:0" tor_has_community $vip6/128 graceful-shutdown
expect_equal "communities of $tagged" "65010:100 graceful-shutdown" "$(tor_communities $tagged/32)"
wait_for 5 "the driver sees it too" driver_is lb1 '[.routes[] | select(.drained and .match)] | length == 3'
expect "the last announcer keeps the VIP" tor_routes_via lb1 $vip4 $tagged $vip6
tell lb1 announce all
wait_for 5 "the ToR sees it gone" tor_has_no_community $vip6/128 graceful-shutdown

test_that "a withdrawn prefix leaves the ToR, the others stay"
tell lb1 withdraw $tagged/32
wait_for 5 "the ToR has no route to $tagged" tor_has_no_route $tagged
wait_for 5 "the driver sees it too" driver_is lb1 '.n_routes == 2'
expect "the others stay" tor_routes_via lb1 $vip4 $vip6

test_that "a route-map deleted under us is mended"
bgpd_configure lb1 "no route-map SHOAL-VIP-PLAIN"
wait_for 5 "the map is back" eval 'bgpd_config lb1 | grep -q "^route-map SHOAL-VIP-PLAIN permit 10"'
wait_for 5 "the ToR leads to lb1" tor_routes_via lb1 $vip4 $vip6
wait_for 5 "the driver says so" driver_is lb1 '[.routes[] | select(.match and .peers == 1)] | length == 2'

test_that "a stranger's line inside the ranges shows within two seconds, one outside never"
bgpd_configure lb1 "router bgp $LAB_AS_NODES" 'address-family ipv4 unicast' \
	'network 203.0.113.77/32' 'network 192.0.2.0/24'
wait_for 2 "203.0.113.77 shows" driver_is lb1 '[.routes[].prefix] | contains(["203.0.113.77/32"])'
tell lb1 withdraw 203.0.113.77/32
tell lb1 withdraw 192.0.2.0/24
wait_for 5 "203.0.113.77 is gone" driver_is lb1 '[.routes[].prefix] | contains(["203.0.113.77/32"]) | not'
expect "the line outside stays" eval 'bgpd_config lb1 | grep -q "network 192.0.2.0/24"'

test_that "nothing is written when the owner says no"
tell lb1 forbid
tell lb1 withdraw $vip4/32
expect_for 1 "the ToR keeps the route" tor_routes_via lb1 $vip4
tell lb1 allow

test_that "a bgpd killed and started again is read anew, and gets the lines within 1.5 s"
kill_bgpd lb1
wait_for 2 "the driver says that bgpd is gone" driver_is lb1 '.life == "connecting" and .n_routes == 0'
frr_start lb1 bgpd
while [ ! -S "$(frr_dir lb1)/bgpd.vty" ]; do sleep 0.01; done
began=$(now_ms)
wait_for 5 "the router is ready" driver_is lb1 '.life == "ready"'
tell lb1 announce all
wait_for 5 "the ToR leads to lb1" tor_routes_via lb1 $vip4 $tagged $vip6
took=$(($(now_ms) - began))
echo "  in the ToR's kernel $took ms after the socket appeared"
((took < 3000)) || fail "took $took ms"

test_that "a bgpd that hangs is stuck, and ready again when it goes on"
send_signal STOP lb1-bgpd
wait_for 6 "the router is stuck" driver_is lb1 '.life == "stuck"'
expect "the sentence says why" driver_is lb1 '.sentence | contains("no answer for 3.0 s")'
send_signal CONT lb1-bgpd
wait_for 10 "the router is ready" driver_is lb1 '.life == "ready" and .peers[0].established'

test_that "without a BGP instance the router waits, and makes none"
kill_bgpd lb1
cp "$(frr_dir lb1)/bgpd.conf" "$LAB_DIR/lb1/bgpd.full"
grep -v -e '^router bgp' -e '^ ' "$LAB_DIR/lb1/bgpd.full" >"$(frr_dir lb1)/bgpd.conf"
start_bgpd lb1
wait_for 5 "no-instance" driver_is lb1 '.life == "no-instance"'
tell lb1 announce all
sleep 1
if bgpd_config lb1 | grep -q '^router bgp'; then
	fail "somebody made a BGP instance"
fi
vtysh_on lb1 -d bgpd -f "$LAB_DIR/lb1/bgpd.full" >/dev/null
wait_for 5 "ready once the operator configured it" driver_is lb1 '.life == "ready"'
tell lb1 announce all
wait_for 10 "the ToR leads to lb1" tor_routes_via lb1 $vip4 $tagged $vip6

test_that "another AS is left alone"
kill_bgpd lb1
sed "s/^router bgp .*/router bgp 65099/" "$LAB_DIR/lb1/bgpd.full" >"$(frr_dir lb1)/bgpd.conf"
start_bgpd lb1
wait_for 5 "the sentence names both" driver_is lb1 '.sentence | contains("is AS 65099 and routing.local-as is 65010")'
tell lb1 announce all
sleep 0.5
if bgpd_config lb1 | grep -q '^  network'; then
	fail "a line stands in somebody else's instance"
fi
