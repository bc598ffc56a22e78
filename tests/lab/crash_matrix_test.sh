#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#                   ┌── lb1 ──┐    everything on lb1 ✗ in turn: killed, stopped, restarted
#   client1 ── tor ─┤         ├─▶ web1, web2, web3      BFD 100 ms x 3 on both sessions
#                   └── lb2 ──┘
#
# The table of docs/crashes.md, a cell at a time on one site: what the ToR's routes do, that they are
# whole again after, and that no request fails. SHOAL_MATRIX=slow runs the cells that take long instead,
# a component's name (zebra) or a cell's (zebra-stop) those alone.
source "$(dirname "$0")/lab.sh"
command -v nft >/dev/null || skip "nft is missing; run packaging/install-packages lab"
wanted=${SHOAL_MATRIX:-quick}

# --- faults and what mends them: FAULT_COMPONENT --------------------------------------------

daemons_of() { # COMPONENT: the processes of lb1
	case $1 in
	controller) echo lb1-shoald ;;
	guard) echo lb1-shoal-guard ;;
	prober) echo lb1-shoal-probe ;;
	bgpd | zebra | bfdd) echo "lb1-$1" ;;
	node) echo lb1-bfdd lb1-bgpd lb1-zebra lb1-shoal-guard lb1-shoal-probe lb1-shoald ;;
	esac
}

kill_component() {
	local name
	case $1 in
	link) link_down ;;
	node) node_dies ;;
	*) for name in $(daemons_of "$1"); do
		kill_hard "$name"
	done ;;
	esac
}

stop_component() {
	local name
	case $1 in
	link) silence ;;
	*) for name in $(daemons_of "$1"); do
		send_signal STOP "$name"
	done ;;
	esac
}

continue_component() {
	local name
	case $1 in
	link) end_silence ;;
	*) for name in $(daemons_of "$1"); do
		send_signal CONT "$name"
	done ;;
	esac
}

start_component() {
	case $1 in
	controller) start_shoald lb1 ;;
	guard) start_guard lb1 ;;
	prober) start_probe lb1 ;;
	bgpd | zebra | bfdd) frr_start lb1 "$1" ;;
	link) link_up ;;
	node) node_boots ;;
	esac
}

# As its supervisor would: kindly, then anew.
restart_component() {
	local name
	case $1 in
	link) link_down ;;
	*) for name in $(daemons_of "$1"); do
		stop "$name"
	done ;;
	esac
	start_component "$1"
}

link_down() { # carrier gone, seen by both ends
	ip -n "$(ns tor)" link set lb1 down
}

link_up() {
	ip -n "$(ns tor)" link set lb1 up
	ip -n "$(ns lb1)" route replace default via 10.0.1.1
	ip -n "$(ns lb1)" -6 route replace default via fd00:a:1::1
}

# Frames of lb1 are lost on the way, the carrier stays.
silence() {
	on tor nft 'add table netdev dead; add chain netdev dead in { type filter hook ingress device lb1 priority 0; policy drop; }' ||
		fail "nft cannot drop what lb1 sends"
}

end_silence() {
	on tor nft delete table netdev dead
}

# From one moment to the next nothing of it is left but its disk.
node_dies() {
	local name
	silence
	for name in $(daemons_of node); do
		kill_hard "$name"
	done
	"$(lab_program shoald)" --bpffs "$LAB_DIR/lb1/bpf" --remove || fail "shoald --remove"
	rm -rf "$LAB_DIR/lb1/run/"*
	end_silence
}

# In the order of the units.
node_boots() {
	start_shoald lb1
	start_probe lb1
	frr_start lb1 zebra
	wait_for 10 "zebra of lb1 answers" frr_answers lb1 zebra
	frr_start lb1 bfdd
	start_bgpd lb1
	start_guard lb1
}

# --- cells -----------------------------------------------------------------------------------

both_carry() {
	tor_routes_via "lb1 lb2" "$LAB_VIP4" "$LAB_VIP6"
}

lb1_has_left() {
	tor_routes_via lb2 "$LAB_VIP4" "$LAB_VIP6"
}

lb1_is_whole() {
	both_carry && bfd_is_up tor && bfd_is_up lb1 && tor_established 2 && real_is lb1 web1 up &&
		is_running lb1-shoal-guard && is_running lb1-shoal-probe
}

is_wanted() { # SPEED COMPONENT FAULT
	[[ $wanted == "$1" || $wanted == "$2" || $wanted == "$2-$3" || $wanted == all ]]
}

# A cell: what befalls lb1, what the routes do meanwhile (stay, leave, or any), and that all is as
# before once it is mended. SECONDS is how long the fault lasts where routes stay.
cell() { # SPEED COMPONENT kill|stop|restart stay|leave|any SECONDS
	local component=$2 fault=$3 routes=$4 seconds=$5 since
	is_wanted "$1" "$component" "$fault" || return 0
	test_that "$component, $fault: routes $routes, no request fails"
	since=$(now_ms)
	[ "$routes" != stay ] || start_route_watch routes
	"${fault}_component" "$component"
	case $routes in
	stay) sleep "$seconds" ;;
	leave) wait_for "$seconds" "the ToR leads both VIPs to lb2 alone" lb1_has_left ;;
	esac
	echo "  $routes: $(($(now_ms) - since)) ms"
	case $fault in
	kill) start_component "$component" ;;
	stop) continue_component "$component" ;;
	restart) [ "$component" != link ] || start_component link ;;
	esac
	wait_for 60 "lb1 is whole again" lb1_is_whole
	echo "  whole after $(($(now_ms) - since)) ms"
	[ "$routes" != stay ] || expect_no_route_change routes
	expect_equal "failed requests" 0 "$(load_failures load "$since")"
}

# Long enough for the quick cells to be over, short enough for the slow ones to wait for.
# shellcheck disable=SC2034 # read by nodes.sh
LAB_ROUTING='  on-controller-loss: {hold: 20s, then: drain}'
# shellcheck disable=SC2034 # read by frr.sh
LAB_BFD=100
lab_up --nodes 2 --reals 3
# When a link comes back, zebra 8.4 on the ToR believes a group of next hops whole that its kernel has cut.
vtysh_on tor -d zebra -c 'configure terminal' -c 'no zebra nexthop kernel enable'
for node in "${LAB_NODES[@]}"; do
	start_node "$node"
done
wait_for 40 "both VIPs by both nodes, BFD and everything else is up" lb1_is_whole
start_load load client1 $LAB_VIP4 $LAB_VIP6

cell quick controller kill stay 1
cell quick controller stop stay 1
cell quick controller restart stay 0
# The guard drains after the hold; without verdicts the tick itself stops only after 30 s.
cell slow controller kill leave 60
cell slow controller stop leave 60
cell slow prober kill leave 120
cell slow prober stop leave 120
cell quick guard kill stay 1
cell quick guard stop stay 1
cell quick guard restart stay 0
cell quick prober kill stay 1
cell quick prober stop stay 1
cell quick prober restart stay 0
# By its hold time: BFD is bfdd's and lives on.
cell slow bgpd stop leave 30
cell quick bgpd kill leave 10
cell quick bgpd restart any 0
cell quick bfdd kill leave 10
cell quick bfdd stop leave 10
cell quick bfdd restart any 0
cell quick link kill leave 10
cell quick link stop leave 10
cell quick link restart any 0
cell quick node kill leave 10
cell quick node stop leave 10
cell quick node restart any 0
# The last: a bgpd that outlived its zebra does not register BFD anew with a restarted bfdd.
cell quick zebra kill stay 1
cell quick zebra stop stay 1
cell quick zebra restart stay 0

echo "  $(load_total load) requests in the background"
stop_load load
