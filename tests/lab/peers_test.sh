#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#               ┌── 10.0.1.1 ─────┐
#   client1 ─ tor── fd00:a:1::1 ──┴─ lb1     two sessions: IPv4, and IPv6 that carries both families
#               └── interface lb2 ── lb2     one unnumbered session
#
# Each VIP is followed to each peer: over sessions of every kind, through policies that differ, a
# missing originated route, BFD at one end, a bgpd that hangs, and no peer left at all.
source "$(dirname "$0")/lab.sh"
# shellcheck source=tests/lab/routing.sh
source "$LAB_LIB/routing.sh"
lab_up --nodes 2 --reals 1 --clients 1
range=203.0.113.128/28

# A session of both families: neighbour_lines PEER IN4 IN6 OUT4 OUT6
neighbour_lines() {
	printf '%s\n' "neighbor $1 timers 3 9" "neighbor $1 timers connect 1" \
		"neighbor $1 capability extended-nexthop" \
		"address-family ipv4 unicast" "neighbor $1 activate" "neighbor $1 route-map $2 in" \
		"neighbor $1 route-map $4 out" "exit-address-family" \
		"address-family ipv6 unicast" "neighbor $1 activate" "neighbor $1 route-map $3 in" \
		"neighbor $1 route-map $5 out" "exit-address-family"
}

set_up_neighbours() {
	local lines
	mapfile -t lines < <(echo "neighbor fd00:a:1::2 remote-as external" &&
		neighbour_lines fd00:a:1::2 FROM-LB4 FROM-LB6 TO-LB TO-LB &&
		echo "no neighbor 10.0.2.2" && echo "neighbor lb2 interface remote-as external" &&
		neighbour_lines lb2 FROM-LB4 FROM-LB6 TO-LB TO-LB)
	bgpd_configure tor "router bgp $LAB_AS_TOR" "${lines[@]}"
	mapfile -t lines < <(echo "neighbor fd00:a:1::1 remote-as external" &&
		neighbour_lines fd00:a:1::1 FROM-TOR FROM-TOR TO-TOR4 TO-TOR6)
	bgpd_configure lb1 "router bgp $LAB_AS_NODES" "${lines[@]}"
	mapfile -t lines < <(echo "no neighbor 10.0.2.1" && echo "neighbor eth0 interface remote-as external" &&
		neighbour_lines eth0 FROM-TOR FROM-TOR TO-TOR4 TO-TOR6)
	bgpd_configure lb2 "router bgp $LAB_AS_NODES" "${lines[@]}"
}

# Peers as in the picture; lb1 has a VIP that is a prefix too.
write_configs() {
	local config=$LAB_DIR/lb1/shoal.yaml
	LAB_ROUTING='  require-peers: 2' node_prepare lb1
	sed -i 's/  peers: .*/  peers: {tor4: 10.0.1.1, tor6: "fd00:a:1::1"}/' "$config"
	printf '  wide:\n    address: %s\n    services:\n      - {tcp: 80, pool: web}\n' $range >>"$config"
	node_prepare lb2
	sed -i 's/  peers: .*/  peers: {tor: eth0}/' "$LAB_DIR/lb2/shoal.yaml"
}

routes_say() { # NODE JQ-EXPRESSION, of the list of routes
	shoal_on "$1" routes --json | jq -e ".routes | $2" >/dev/null
}

sent_to() { # NODE VIP "PEERS"
	[ "$(shoal_on "$1" routes "$2" --json |
		jq -r '[.routes[0].sent_to[] | select(.is_sent) | .peer] | join(" ")')" = "$3" ]
}

has_alarm() { # NODE WORD [THING]
	status_of "$1" '.alarms[] | [.alarm, .thing] | join(" ")' | grep -q "^$2 ${3:-}"
}

has_no_alarm() { # NODE WORD
	! has_alarm "$@"
}

logged() { # NODE PATTERN: how often
	grep -c -- "$2" "$LAB_DIR/log/$1-shoald" || true
}

peer_says() { # NODE PEER JQ-EXPRESSION
	shoal_on "$1" peers "$2" --json | jq -e ".peers[0] | $3" >/dev/null
}

# The ToR leads there over these nodes; one with two sessions is there twice.
leads_to() { # "NODES" ADDRESS...
	local nodes=$1 address
	shift
	for address in "$@"; do
		[ "$(tor_nexthops "$address" | tr ' ' '\n' | sort -u | paste -sd' ')" = "$nodes" ] || return 1
	done
}

set_up_neighbours
write_configs
start_node lb1
start_node lb2

test_that "IPv4 and IPv6 VIPs reach the ToR over IPv4, IPv6-only and unnumbered sessions"
wait_for 30 "lb1's VIPs are in both Adj-RIB-Outs" sent_to lb1 www4 "tor4 tor6"
wait_for 20 "of IPv6 too" sent_to lb1 www6 "tor4 tor6"
wait_for 20 "lb2's over the unnumbered session" sent_to lb2 www4 tor
wait_for 20 "the ToR's kernel leads to both" leads_to "lb1 lb2" $LAB_VIP4 $LAB_VIP6
paths=$(vtysh_on tor -d bgpd -c "show bgp ipv4 unicast $LAB_VIP4/32 json" |
	jq -r '[.paths[].peer.peerId] | sort | join(" ")')
[[ $paths == *10.0.1.2* && $paths == *fd00:a:1::2* && $paths == *fe80:* ]] ||
	fail "the ToR has $LAB_VIP4 from: $paths"
expect "lb1 serves with both of the two peers it requires" \
	eval '[ "$(status_of lb1 ".vips[] | select(.name == \"www4\") | .reason")" = serving ]'

test_that "each step tells since when it is so"
expect "every age is a number" routes_say lb1 \
	'map(select(.vip == "www4"))[0] | [.stages[].age_s, .sent_to[].age_s] | length == 6 and all(type == "number")'
expect "and the steps are in order" routes_say lb1 \
	'map(select(.vip == "www4"))[0] | .stages.intent.age_s >= .stages.commanded.age_s and .stages.line.age_s >= .sent_to[0].age_s'
expect "why names the peers" eval 'shoal_on lb1 why www4 | grep -q "sent to tor6"'

test_that "a VIP that no export policy lets pass is an alarm with the policy's name"
wait_for 30 "tor4's policy is named" has_alarm lb1 export-policy wide
wait_for 30 "tor6's too, by its name" eval "status_of lb1 '.alarms[].text' | grep -q \"'TO-TOR4' of peer tor6\""
are_logged() { (($(logged lb1 "route_alarm prefix=$range reason=export-policy") == 2)); }
wait_for 10 "two alarms in the log for wide" are_logged
bgpd_configure lb1 "ip prefix-list VIP4 seq 10 permit $range"
bgpd_configure tor "ip prefix-list VIP4 seq 10 permit $range"
wait_for 20 "the prefix is sent to both" sent_to lb1 wide "tor4 tor6"
wait_for 20 "the alarm ends" has_no_alarm lb1 export-policy
expect_equal "ends logged" 2 "$(logged lb1 "route_alarm_end prefix=$range reason=export-policy")"
wait_for 10 "the ToR has the prefix" tor_has_route $range

test_that "of two peers with different policies the one that drops a VIP is named, and nothing is withdrawn"
bgpd_configure lb1 "ip prefix-list NOT seq 5 deny $LAB_VIP4/32" "ip prefix-list NOT seq 10 permit any" \
	"route-map TO-TOR6TH permit 10" "match ip address prefix-list NOT" "exit" \
	"router bgp $LAB_AS_NODES" "address-family ipv4 unicast" \
	"neighbor fd00:a:1::1 route-map TO-TOR6TH out"
wait_for 30 "the alarm of www4" has_alarm lb1 export-policy www4
wait_for 20 "it names tor6 and its policy" eval "status_of lb1 '.alarms[].text' | grep -q \"'TO-TOR6TH' of peer tor6\""
expect "tor4 still holds it" sent_to lb1 www4 tor4
expect "too few peers withdraw nothing" tor_has_route $LAB_VIP4
expect "other VIPs are as they were" sent_to lb1 www6 "tor4 tor6"
bgpd_configure lb1 "router bgp $LAB_AS_NODES" "address-family ipv4 unicast" \
	"neighbor fd00:a:1::1 route-map TO-TOR4 out"
wait_for 20 "the alarm ends" has_no_alarm lb1 export-policy

test_that "import-check is named as the reason why nothing is originated"
bgpd_configure lb1 "router bgp $LAB_AS_NODES" "bgp network import-check"
wait_for 40 "the alarm" has_alarm lb1 import-check
bgpd_configure lb1 "router bgp $LAB_AS_NODES" "no bgp network import-check"
wait_for 40 "the alarm ends" has_no_alarm lb1 import-check
wait_for 20 "the VIP is back" sent_to lb1 www4 "tor4 tor6"

test_that "BFD at one end only is seen while the session stands"
for machine in tor lb1; do
	echo 'frr defaults traditional' >"$(frr_dir $machine)/bfdd.conf"
	frr_start $machine bfdd
	wait_for 10 "bfdd of $machine answers" frr_answers $machine bfdd
done
bgpd_configure lb1 "router bgp $LAB_AS_NODES" "neighbor 10.0.1.1 bfd"
wait_for 30 "BFD is down" peer_says lb1 tor4 '.is_established and .bfd.state == "down"'
wait_for 20 "the alarm" has_alarm lb1 bfd-down tor4
expect "the other session has none" peer_says lb1 tor6 '.bfd == null'
bgpd_configure tor "router bgp $LAB_AS_TOR" "neighbor 10.0.1.2 bfd"
wait_for 30 "BFD is up" peer_says lb1 tor4 '.is_established and .bfd.state == "up" and .bfd.age_s != null'
wait_for 20 "the alarm ends" has_no_alarm lb1 bfd-down

test_that "a session that was lost tells when and why"
bgpd_configure tor "router bgp $LAB_AS_TOR" "neighbor 10.0.1.2 shutdown"
wait_for 20 "tor4 is down" peer_says lb1 tor4 '(.is_established | not) and .reset.age_s < 60 and .sessions_lost >= 1'
expect "and why" peer_says lb1 tor4 '.last_reset != ""'
expect "a peer that is down is no alarm of each route" has_no_alarm lb1 export-policy

test_that "without any peer the data plane goes on as it was"
link=$(xdp_link_of lb1)
bgpd_configure tor "router bgp $LAB_AS_TOR" "neighbor fd00:a:1::2 shutdown" "neighbor lb2 shutdown"
wait_for 20 "lb1 has no peer" eval '[ "$(status_of lb1 .router.established)" = 0 ]'
ip -n "$(ns tor)" route add $LAB_VIP4 via 10.0.1.2
for _ in 1 2 3; do
	spread=$(curl_spread client1 $LAB_VIP4 30)
	expect "the real answers all: $spread" is_spread_over "$spread" web1
done
expect_equal "the XDP link" "$link" "$(xdp_link_of lb1)"
expect "the VIPs stay announced" eval '[ "$(status_of lb1 "[.vips[].state] | unique | join(\" \")")" = announced ]'
expect "their lines stand" eval "bgpd_config lb1 | grep -q 'network $LAB_VIP4/32'"
ip -n "$(ns tor)" route del $LAB_VIP4 via 10.0.1.2
bgpd_configure tor "router bgp $LAB_AS_TOR" "no neighbor 10.0.1.2 shutdown" \
	"no neighbor fd00:a:1::2 shutdown" "no neighbor lb2 shutdown"
wait_for 30 "the peers are back and hold the VIP" sent_to lb1 www4 "tor4 tor6"

test_that "a bgpd that hangs is the alarm router-stuck until it goes on"
send_signal STOP lb1-bgpd
wait_for 15 "the alarm" has_alarm lb1 router-stuck bgpd
expect "routes are not judged meanwhile" routes_say lb1 'all(.reason == "unknown")'
send_signal CONT lb1-bgpd
wait_for 20 "the alarm ends" has_no_alarm lb1 router-stuck
wait_for 30 "the VIP is proved again" sent_to lb1 www4 "tor4 tor6"
