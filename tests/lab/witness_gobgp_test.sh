#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client1 ── tor ── lb1 ──▶ web1, web2
#      └───── BGP ─────┘
#   GoBGP on client1, a second peer of lb1: what it received is what was sent
#
# Shoal believes bgpd's Adj-RIB-Out; here somebody else, with other code, says what came over the
# wire: prefixes, communities, withdrawals, and nothing besides.
source "$(dirname "$0")/lab.sh"
for tool in gobgpd gobgp; do
	command -v $tool >/dev/null || skip "$tool is missing; run packaging/install-packages lab"
done
# shellcheck source=tests/lab/routing.sh
source "$LAB_LIB/routing.sh"

graceful_shutdown=4294901760 # 65535:0

witness_start() {
	cat >"$LAB_DIR/client1/gobgpd.toml" <<-EOF
		[global.config]
		  as = 65099
		  router-id = "10.255.9.1"
		[[neighbors]]
		  [neighbors.config]
		    neighbor-address = "10.0.1.2"
		    peer-as = $LAB_AS_NODES
		  [neighbors.ebgp-multihop.config]
		    enabled = true
		    multihop-ttl = 4
		  [neighbors.timers.config]
		    connect-retry = 1
		    hold-time = 9
		    keepalive-interval = 3
		  [[neighbors.afi-safis]]
		    [neighbors.afi-safis.config]
		      afi-safi-name = "ipv4-unicast"
		  [[neighbors.afi-safis]]
		    [neighbors.afi-safis.config]
		      afi-safi-name = "ipv6-unicast"
	EOF
	start witness client1 gobgpd -f "$LAB_DIR/client1/gobgpd.toml" --api-hosts 127.0.0.1:50051
	bgpd_configure lb1 "router bgp $LAB_AS_NODES" 'neighbor 10.9.1.2 remote-as 65099' \
		'neighbor 10.9.1.2 ebgp-multihop 4' 'neighbor 10.9.1.2 timers 3 9' 'neighbor 10.9.1.2 timers connect 1' \
		'address-family ipv4 unicast' 'neighbor 10.9.1.2 activate' 'neighbor 10.9.1.2 route-map TO-TOR4 out' \
		'neighbor 10.9.1.2 route-map FROM-TOR in' 'exit-address-family' \
		'address-family ipv6 unicast' 'neighbor 10.9.1.2 activate' 'neighbor 10.9.1.2 route-map TO-TOR6 out' \
		'neighbor 10.9.1.2 route-map FROM-TOR in'
}

gobgp_on() {
	on client1 gobgp "$@"
}

# Every route it holds from lb1, a line each: PREFIX COMMUNITY...
received() {
	local family
	for family in ipv4 ipv6; do
		gobgp_on neighbor 10.0.1.2 adj-in -a $family -j | jq -r 2>/dev/null '
			(if type == "array" then . else [.[][]] end)[] |
			[.nlri.prefix] + [.attrs[] | select(.type == 8) | .communities[]] | join(" ")'
	done | sort
}

received_is() { # LINE...
	[ "$(received)" = "$(printf '%s\n' "$@" | sort)" ]
}

# Nothing, by a session that stands.
received_nothing() {
	gobgp_on neighbor 10.0.1.2 | grep -qi 'BGP state = established' && [ -z "$(received)" ]
}

plain=("$LAB_VIP4/32" "$LAB_VIP6/128")
drained=("$LAB_VIP4/32 $graceful_shutdown" "$LAB_VIP6/128 $graceful_shutdown")

site_up --nodes 1 --reals 2
witness_start

test_that "the witness received both VIPs, without a community, and nothing else"
wait_for 30 "exactly both VIPs: $(received)" received_is "${plain[@]}"

test_that "lines outside of the export policy are not sent, those of strangers inside it go"
bgpd_configure lb1 "router bgp $LAB_AS_NODES" 'address-family ipv4 unicast' 'network 192.0.2.0/24' 'network 203.0.113.77/32'
no_stranger() {
	! bgpd_config lb1 | grep -q 'network 203.0.113.77/32'
}
wait_for 20 "Shoal removes the stranger's line" no_stranger
wait_for 5 "exactly both VIPs" received_is "${plain[@]}"

test_that "a drained VIP carries 65535:0, the other one nothing"
expect "shoal drain www4" shoal_on lb1 drain www4 --reason "lab test"
wait_for 10 "65535:0 on the IPv4 VIP alone" received_is "${drained[0]}" "${plain[1]}"

test_that "then it is withdrawn, as traffic has fallen, and the other one stays"
wait_for 20 "the IPv6 VIP alone" received_is "${plain[1]}"
expect "shoal undrain www4" shoal_on lb1 undrain www4
wait_for 20 "exactly both VIPs, without a community" received_is "${plain[@]}"

test_that "a drained node marks both, withdraws both, and brings both back plain"
expect "shoal drain" shoal_on lb1 drain --reason "lab test"
wait_for 10 "65535:0 on both VIPs" received_is "${drained[@]}"
wait_for 20 "nothing is left" received_nothing
expect "shoal undrain" shoal_on lb1 undrain
wait_for 20 "exactly both VIPs, without a community" received_is "${plain[@]}"

test_that "lost quorum is a withdrawal, without the community before it"
start updates client1 gobgp monitor adj-in --current -j
wait_for 10 "the witness tells what it has" grep -q "$LAB_VIP4" "$LAB_DIR/log/updates"
: >"$LAB_DIR/log/updates"
for real in "${LAB_REALS[@]}"; do
	kill_real "$real"
done
wait_for 20 "nothing is left" received_nothing
wait_for 5 "the withdrawal among its updates" grep -q "$LAB_VIP6" "$LAB_DIR/log/updates"
stop updates
grep -q $graceful_shutdown "$LAB_DIR/log/updates" && fail "65535:0 came before a withdrawal for want of reals"
for real in "${LAB_REALS[@]}"; do
	start_real "$real"
done
wait_for 30 "exactly both VIPs" received_is "${plain[@]}"

test_that "a bgpd that starts anew sends exactly the same"
kill_bgpd lb1
start_bgpd lb1
bgpd_config lb1 | grep -q 'neighbor 10.9.1.2' && fail "the neighbour of the witness was in the file?"
stop witness
witness_start
wait_for 40 "exactly both VIPs" received_is "${plain[@]}"
