#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client1 ── tor ── lb1 ──▶ web1, web2     everything of ours is broken by hand, one after another
#
source "$(dirname "$0")/lab.sh"
export LAB_SERVICES6="      - {tcp: 81, pool: web, drop-sources: [\"2001:db8:bad::/48\"]}"
site_up --nodes 1 --reals 2
maps=$(dirname "$(find "$LAB_DIR/lb1/bpf" -name rings)")
log=$LAB_DIR/log/lb1-shoald

repairs() { # KIND
	status_of lb1 ".repairs[\"$1\"]"
}
is_repaired() { # KIND BEFORE
	(($(repairs "$1") > $2))
}
# Break something, see it counted and logged.
breaks() { # KIND COMMAND...
	local kind=$1 before
	shift
	before=$(repairs "$kind")
	"$@" || fail "cannot break: $*"
	wait_for 60 "a repair of $kind" is_repaired "$kind" "$before"
	grep -q "repair kind=$kind" "$log" || fail "no log line of a repair of $kind"
}
poke() { # WHAT
	"$(lab_program map_poke)" "$maps" "$1"
}
configure_bgpd() { # LINE...
	local args=() line
	for line in "configure terminal" "$@"; do
		args+=(-c "$line")
	done
	vtysh_on lb1 -d bgpd "${args[@]}"
}
is_whole() {
	local spread
	spread=$(curl_spread client1 "$LAB_VIP4" 20)
	[ "$(spread_failed "$spread")" = 0 ]
}

test_that "a node that nobody touches repairs nothing"
sleep 2 # two whole turns of every comparison that could err
expect_equal "repairs" 0 "$(status_of lb1 '[.repairs[]] | add')"

test_that "records in the tables are put back: VIPs, services, reals, next hops"
for what in vips services reals next-hops; do
	breaks map-table poke "$what"
done
wait_for 10 "requests are answered" is_whole

test_that "slots of a ring are put back"
breaks ring poke ring
wait_for 10 "requests are answered" is_whole

test_that "a rule by client address is put back, and a stranger is removed"
first_key() {
	bpftool -j map dump pinned "$maps/source_drops" | jq -r '.[0].key | join(" ")'
}
key=$(first_key)
# shellcheck disable=SC2086 # bytes
breaks map-entries bpftool map delete pinned "$maps/source_drops" key hex ${key//0x/}
expect_equal "the key" "$key" "$(first_key)"

test_that "a probe is sent where it was sent before"
targets=$(find "$LAB_DIR/lb1/bpf" -name '*target*' -print -quit)
key=$(bpftool -j map dump pinned "$targets" | jq -r '.[0].key | join(" ")')
# shellcheck disable=SC2086
breaks probe-target bpftool map delete pinned "$targets" key hex ${key//0x/}

test_that "a pin is put back"
breaks pin rm "$maps/rings" "$maps/program"
expect "the pin of the rings" test -e "$maps/rings"

test_that "XDP is attached again"
breaks xdp-link detach_xdp lb1
wait_for 30 "both VIPs announced" tor_routes_via lb1 "$LAB_VIP4" "$LAB_VIP6"

test_that "the probe path's rule, route, filter and device are put back"
breaks ip-rule on lb1 ip rule del priority 21320
breaks ip-route on lb1 ip route flush table 21320
breaks tc-filter on lb1 tc filter del dev shoal-steer ingress
breaks probe-device on lb1 ip link set shoal-probe down

test_that "a network line that somebody removed comes back, one that somebody added goes"
wait_for 30 "both VIPs announced" tor_routes_via lb1 "$LAB_VIP4" "$LAB_VIP6"
breaks network-line configure_bgpd "router bgp $LAB_AS_NODES" "address-family ipv4 unicast" "no network $LAB_VIP4/32"
wait_for 30 "both VIPs announced" tor_routes_via lb1 "$LAB_VIP4" "$LAB_VIP6"
stranger=203.0.113.99
breaks network-line configure_bgpd "router bgp $LAB_AS_NODES" "address-family ipv4 unicast" "network $stranger/32"
has_line() { # PREFIX
	vtysh_on lb1 -d bgpd -c "show running-config" | grep -q "network $1"
}
has_no_line() { # PREFIX
	! has_line "$1"
}
wait_for 30 "the stranger's line is gone" has_no_line "$stranger"

test_that "a route-map that somebody edited is put back"
breaks route-map configure_bgpd "route-map SHOAL-VIP-PLAIN permit 10" "set local-preference 77"
has_no_preference() {
	! vtysh_on lb1 -d bgpd -c "show running-config" | grep -q "set local-preference 77"
}
wait_for 30 "the preference is gone" has_no_preference

test_that "what is not ours is left alone"
configure_bgpd "route-map MINE permit 10" "set local-preference 5" "exit" "router bgp $LAB_AS_NODES" \
	"address-family ipv4 unicast" "network 192.0.2.0/24"
on lb1 ip rule add from 192.0.2.7 table 4711 priority 500
bpftool map create "$maps/stranger" type array key 4 value 4 entries 1 name stranger
before=$(status_of lb1 '[.repairs[]] | add')
sleep 6 # longer than any of the comparisons waits
vtysh_on lb1 -d bgpd -c "show running-config" | grep -q "route-map MINE" || fail "the operator's route-map is gone"
expect "the operator's line" has_line 192.0.2.0/24
on lb1 ip rule | grep -q 4711 || fail "the operator's rule is gone"
expect "the operator's map" test -e "$maps/stranger"
expect_equal "repairs" "$before" "$(status_of lb1 '[.repairs[]] | add')"
rm "$maps/stranger"

test_that "everything is served, and status says what was repaired"
wait_for 30 "both VIPs announced" tor_routes_via lb1 "$LAB_VIP4" "$LAB_VIP6"
wait_for 20 "requests are answered" is_whole
shoal_on lb1 status | grep "^repaired" || fail "status does not show the repairs"
