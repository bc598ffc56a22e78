#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#                   ┌── eth0, the session ──┐
#   client1 ── tor ─┤                       ├─ lb1, and lb2 likewise      reals: over either
#                   └── eth1, no session  ──┘
#
# The uplinks that count are those of the established peers: the other one is fine, reaches the reals,
# and brings no packets. Sessions outlive their link by the hold time, for bgpd is told not to look.
source "$(dirname "$0")/lab.sh"
source "$(dirname "$0")/routing.sh"
command -v nft >/dev/null || skip "nft is missing; run packaging/install-packages lab"
# shellcheck disable=SC2034 # read by nodes.sh
LAB_UPLINKS="eth0, eth1"
# The reals are fine, but their answers to probes would take the lost link.
# shellcheck disable=SC2034 # read by nodes.sh
LAB_POOL_CHECKS=none

second_uplink() { # NODE: to the ToR as well, which has nobody to talk to there
	local node=$1 far=$1b name n
	name=$(ns "$node") n=$(number "$node")
	ip link add "$far" netns "$(ns tor)" mtu 1600 type veth peer name eth1 netns "$name" mtu 1600
	on tor ethtool -K "$far" tx off >/dev/null
	on "$node" ethtool -K eth1 tx off rxvlan off rx-vlan-stag-hw-parse off >/dev/null
	ip -n "$(ns tor)" link set dev "$far" xdpdrv object "$(lab_object xdp_pass)" section xdp
	ip -n "$(ns tor)" addr add "10.8.$n.1/24" dev "$far"
	ip -n "$name" addr add "10.8.$n.2/24" dev eth1
	ip -n "$(ns tor)" link set "$far" up
	ip -n "$name" link set eth1 up
	ip -n "$name" route add 10.1.0.0/16 via "10.8.$n.1"
}

lab_up --nodes 2 --reals 2
# zebra's next-hop groups: the kernel drops the members of a link that goes, and zebra uses the group
# again as if it were whole (docs/crashes.md).
vtysh_on tor -d zebra -c 'configure terminal' -c 'no zebra nexthop kernel enable'
for node in "${LAB_NODES[@]}"; do
	second_uplink "$node"
	start_node "$node"
	bgpd_configure "$node" "router bgp $LAB_AS_NODES" 'no bgp fast-external-failover'
done

both_lead() {
	wait_for 40 "the ToR leads both VIPs to both nodes" tor_routes_via "lb1 lb2" $LAB_VIP4 $LAB_VIP6
}

carriers_are() { # UP-OR-NOT of eth0 and eth1
	[ "$(status_of lb1 '[.dataplane.uplinks[].has_carrier] | join(" ")')" = "$*" ]
}

withdrawn() {
	[ "$(status_of lb1 '[.vips[] | .state + " " + .reason] | unique | join(",")')" = "withdrawn no-next-hop" ]
}

leaves() { # WHAT
	wait_for 60 "lb1 withdraws for want of a next hop" withdrawn
	echo "  $1: withdrawn, lingered after $(($(now_ms) - began)) ms"
	grep -q peers_cut_off "$LAB_DIR/log/lb1-shoald" || fail "no peers_cut_off in the log"
	expect_equal "usable reals of lb1" 2 "$(shoal_on lb1 pools web --json | jq .pools[0].usable)"
	wait_for 20 "the ToR leads both VIPs to lb2 alone" tor_routes_via lb2 $LAB_VIP4 $LAB_VIP6
	expect_equal "failed requests of 100" 0 "$(spread_failed "$(curl_spread client1 $LAB_VIP4 100)")"
}

both_lead

test_that "carrier lost on the uplink of the only peer withdraws, though another uplink is fine"
began=$(now_ms)
ip -n "$(ns tor)" link set lb1 down
wait_for 10 "the carrier of eth0 alone is lost" carriers_are false true
leaves "no carrier"
ip -n "$(ns tor)" link set lb1 up
both_lead

test_that "an uplink that is up and silent loses the next hop, and withdraws as well"
# The kernel takes half a minute else to doubt a neighbour.
on lb1 sysctl -qw net.ipv4.neigh.eth0.base_reachable_time_ms=2000 net.ipv4.neigh.eth0.delay_first_probe_time=1
began=$(now_ms)
for way in ingress egress; do
	on tor nft "add table netdev dead; add chain netdev dead $way { type filter hook $way device lb1 priority 0; policy drop; }" ||
		fail "nft cannot silence the link of lb1"
done
leaves "no next hop"
expect "both uplinks have carrier" carriers_are true true
on tor nft delete table netdev dead
both_lead

test_that "the uplink without a peer may be lost"
start_route_watch watch
ip -n "$(ns tor)" link set lb1b down
wait_for 10 "the carrier of eth1 alone is lost" carriers_are true false
sleep 3 # longer than the grace
expect_no_route_change watch
expect_equal "states of the VIPs" announced "$(status_of lb1 '[.vips[].state] | unique | join(" ")')"
