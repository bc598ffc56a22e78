#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#                       ┌── lb1 ──┐
#   client1 ── tor ─────┤         ├─▶ web1, web2
#              BIRD 2   └── lb2 ──┘
#
# A ToR that is not FRR: BIRD honours 65535:0 only because its import filter says so (docs/routing.md).
source "$(dirname "$0")/lab.sh"
for tool in bird birdc; do
	command -v $tool >/dev/null || skip "$tool is missing; run packaging/install-packages lab"
done

# With "ignores" the filter is one that was written before anybody thought of draining.
bird_write() { # honours|ignores
	local node n family range
	{
		cat <<-EOF
			log stderr all;
			debug protocols { states, events };
			router id 10.255.0.1;
			protocol device { scan time 1; }
		EOF
		for family in 4 6; do
			range="[ $LAB_RANGE4{32,32} ]"
			[ $family = 4 ] || range="[ $LAB_RANGE6{128,128} ]"
			cat <<-EOF
				protocol kernel { merge paths on; ipv$family { import none; export where source = RTS_BGP; }; }
				filter from_lb$family {
					if net !~ $range then reject;
					$([ "$1" = ignores ] || echo "if (65535, 0) ~ bgp_community then bgp_local_pref = 0;")
					accept;
				}
			EOF
		done
		for node in "${LAB_NODES[@]}"; do
			n=$(number "$node")
			cat <<-EOF
				protocol bgp $node {
					local 10.0.$n.1 as $LAB_AS_TOR;
					neighbor 10.0.$n.2 as $LAB_AS_NODES;
					ttl security on; # GTSM, as the nodes have it
					hold time 9;
					connect retry time 1;
					connect delay time 1;
					graceful restart off; # a dead bgpd's routes would stay for two minutes
					ipv4 { import filter from_lb4; export none; };
					ipv6 { import filter from_lb6; export none; };
				}
			EOF
		done
	} >"$LAB_DIR/tor/bird.conf"
}

birdc_on_tor() { # COMMAND...
	birdc -s "$LAB_DIR/tor/bird.ctl" "$@"
}

# BIRD has the VIP's route from the node with the community.
bird_has_drained() { # ADDRESS NODE
	birdc_on_tor show route all for "$1" protocol "$2" | grep -q 'BGP.community:.*(65535,0)'
}

bird_has_none_of() { # ADDRESS NODE
	! birdc_on_tor show route for "$1" protocol "$2" | grep -q "$1"
}

no_route() { # ADDRESS...
	tor_routes_via "" "$@"
}

# A dozen flows of datagrams to each VIP, a hundred or so a second each: what a drain waits for.
start_datagrams() {
	# shellcheck disable=SC2016 # expanded by the inner shell
	start datagrams client1 bash -c '
		for vip in "$@"; do
			for ((i = 0; i < 12; i++)); do
				exec {fd}<>"/dev/udp/$vip/7" && flows+=("$fd")
			done
		done
		while :; do
			for fd in "${flows[@]}"; do
				echo >&"$fd"
			done
			sleep 0.01
		done' datagrams "$@"
}

# shellcheck disable=SC2034 # read by frr.sh
LAB_TOR=none
lab_up --nodes 2 --reals 2
bird_write honours
start tor-bird tor bird -f -c "$LAB_DIR/tor/bird.conf" -s "$LAB_DIR/tor/bird.ctl" -P "$LAB_DIR/tor/bird.pid"
for node in "${LAB_NODES[@]}"; do
	start_node "$node"
done

test_that "BIRD takes both VIPs from both nodes, and IPv6 over the IPv4 session"
wait_for 30 "both VIPs lead to both nodes" tor_routes_via "lb1 lb2" $LAB_VIP4 $LAB_VIP6
for vip in $LAB_VIP4 $LAB_VIP6; do
	spread=$(curl_spread client1 "$vip" 100)
	echo "  $spread"
	expect "both reals answer without a failure: $spread" is_spread_over "$spread" "${LAB_REALS[@]}"
done
start_load load client1 $LAB_VIP4 $LAB_VIP6

test_that "a drained node leaves by the community, with its routes still there, and is withdrawn after"
shoal_on lb1 drain --wait --reason "lab test" >"$LAB_DIR/log/drain" 2>&1 &
drain=$!
wait_for 10 "BIRD has lb1's routes with 65535:0" bird_has_drained $LAB_VIP4 lb1
wait_for 10 "both VIPs lead to lb2 alone" tor_routes_via lb2 $LAB_VIP4 $LAB_VIP6
wait $drain || fail "shoal drain --wait ended with status $?: $(tail -n 3 "$LAB_DIR/log/drain")"
for vip in $LAB_VIP4 $LAB_VIP6; do
	wait_for 5 "BIRD has nothing of $vip from lb1" bird_has_none_of "$vip" lb1
done
expect "shoal undrain" shoal_on lb1 undrain
wait_for 20 "both VIPs lead to both nodes" tor_routes_via "lb1 lb2" $LAB_VIP4 $LAB_VIP6

start_datagrams $LAB_VIP4 $LAB_VIP6
test_that "the last announcer keeps its VIPs, although it is drained, while it must"
stop_node lb2
kill_bgpd lb2
wait_for 15 "both VIPs lead to lb1 alone" tor_routes_via lb1 $LAB_VIP4 $LAB_VIP6
status=0
shoal_on lb1 drain --wait --timeout 4s --reason "lab test" >"$LAB_DIR/log/drain-last" 2>&1 || status=$?
expect_equal "exit status of shoal drain --wait" 4 $status
expect "both VIPs lead to lb1 still" tor_routes_via lb1 $LAB_VIP4 $LAB_VIP6
expect "BIRD has lb1's route with 65535:0" bird_has_drained $LAB_VIP4 lb1
expect "shoal undrain" shoal_on lb1 undrain
start_bgpd lb2
start_shoald lb2
start_probe lb2
start_guard lb2
wait_for 30 "both VIPs lead to both nodes" tor_routes_via "lb1 lb2" $LAB_VIP4 $LAB_VIP6

test_that "without the rule in BIRD's filter a drain is not safe, says so, and nothing is withdrawn"
bird_write ignores
birdc_on_tor configure >/dev/null || fail "birdc configure"
birdc_on_tor reload in all >/dev/null
status=0
shoal_on lb1 drain --wait --timeout 4s --reason "lab test" >"$LAB_DIR/log/drain-ignored" 2>&1 || status=$?
tail -n 1 "$LAB_DIR/log/drain-ignored"
expect_equal "exit status of shoal drain --wait" 4 $status
expect "both VIPs lead to both nodes" tor_routes_via "lb1 lb2" $LAB_VIP4 $LAB_VIP6
expect "shoal undrain" shoal_on lb1 undrain
stop datagrams

test_that "no request failed in all that time"
stop_load load
echo "  $(load_total load) requests, $(load_failures load) failed"
expect_equal "failed requests" 0 "$(load_failures load)"

test_that "VIPs without a real are withdrawn from BIRD, and come back with the first"
for real in "${LAB_REALS[@]}"; do
	kill_real "$real"
done
wait_for 20 "no route to either VIP" no_route $LAB_VIP4 $LAB_VIP6
start_real web1
wait_for 30 "both VIPs lead to both nodes" tor_routes_via "lb1 lb2" $LAB_VIP4 $LAB_VIP6
