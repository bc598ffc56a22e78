#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   lb1: frr_driver ─ vty ─ bgpd ══ unnumbered BGP over eth0 ══ bgpd :tor
#
# A thousand VIPs over a peer that is an interface.
source "$(dirname "$0")/lab.sh"
# shellcheck source=tests/lab/routing.sh
source "$LAB_LIB/routing.sh"
lab_up --nodes 1 --reals 0 --clients 0
wait_for 15 "a BGP session" tor_established 1
LAB_RANGE4=203.0.0.0/16
DRIVER_RANGES=$LAB_RANGE4,$LAB_RANGE6
bgpd_configure tor "ip prefix-list VIP4 seq 6 permit $LAB_RANGE4 ge 32"
bgpd_configure lb1 "ip prefix-list VIP4 seq 6 permit $LAB_RANGE4 ge 32"

unnumber() { # MACHINE INTERFACE PEER-ADDRESS AS
	ip -n "$(ns "$1")" -4 addr flush dev "$2"
	bgpd_configure "$1" "router bgp $4" "no neighbor $3" "neighbor $2 interface $5"
}

test_that "a peer over an interface without IPv4 addresses comes up under its interface's name"
unnumber tor lb1 10.0.1.2 $LAB_AS_TOR "peer-group LB"
unnumber lb1 eth0 10.0.1.1 $LAB_AS_NODES "remote-as external"
bgpd_configure tor "router bgp $LAB_AS_TOR" "address-family ipv4 unicast" \
	"neighbor LB maximum-prefix 20000" "exit-address-family" "neighbor LB capability extended-nexthop"
bgpd_configure lb1 "router bgp $LAB_AS_NODES" "neighbor eth0 ttl-security hops 1" "address-family ipv4 unicast" \
	"neighbor eth0 activate" "neighbor eth0 route-map FROM-TOR4 in" "neighbor eth0 route-map TO-TOR4 out" \
	"neighbor eth0 maximum-prefix-out 20000"
# Router advertisements are how FRR learns the neighbour's link-local address.
vtysh_on tor -d zebra -c 'configure terminal' -c 'interface lb1' -c 'no ipv6 nd suppress-ra' \
	-c 'ipv6 nd ra-interval 1' >/dev/null
vtysh_on lb1 -d zebra -c 'configure terminal' -c 'interface eth0' -c 'no ipv6 nd suppress-ra' \
	-c 'ipv6 nd ra-interval 1' >/dev/null
DRIVER_PEERS=eth0 driver_start lb1 '203.0.0.0/32*1000'
wait_for 30 "the session over eth0" driver_is lb1 '.life == "ready" and .peers[0].key == "eth0" and .peers[0].established'

test_that "1,000 VIPs are announced and proved"
began=$(now_ms)
tell lb1 announce all
wait_for 10 "the ToR's kernel has 1,000 routes" tor_has_routes 203.0. 1000
echo "  1,000 in the ToR's kernel after $(($(now_ms) - began)) ms"
wait_for 5 "the Adj-RIB-Out holds all" driver_is lb1 '.n_routes == 1000 and .peers[0].sent[0] == 1000'
wait_for 5 "and each is proved" driver_is lb1 '[.routes[] | select(.peers == 1)] | length == 20'

test_that "a full read-back of them is cheap, and an idle second is nothing"
cpu_ms() { # NAME: user and system time
	local stat
	read -r stat <"/proc/$(pid_of "$1")/stat"
	# shellcheck disable=SC2086
	set -- ${stat##*) }
	echo $(((${12} + ${13}) * 10))
}
# The driver runs below the wrapper's pid, which it replaced by exec.
before=$(cpu_ms lb1-driver) bgpd=$(cpu_ms lb1-bgpd)
for _ in {1..20}; do
	tell lb1 read
	sleep 0.1
done
echo "  20 read-backs: $(($(cpu_ms lb1-driver) - before)) ms here, $(($(cpu_ms lb1-bgpd) - bgpd)) ms in bgpd"
before=$(cpu_ms lb1-driver)
sleep 5
echo "  5 idle seconds: $(($(cpu_ms lb1-driver) - before)) ms"

test_that "1,000 VIPs are withdrawn"
began=$(now_ms)
tell lb1 withdraw all
wait_for 10 "the ToR's kernel has none" tor_has_routes 203.0. 0
echo "  gone from the ToR's kernel after $(($(now_ms) - began)) ms"
wait_for 5 "and the driver says so" driver_is lb1 '.n_routes == 0'
