#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#                   ┌── lb1      drained while nobody else announces, then while lb2 comes up,
#   client1 ── tor ─┤            then while the ToR ignores 65535:0
#                   └── lb2
#
source "$(dirname "$0")/lab.sh"
# shellcheck source=tests/lab/routing.sh
source "$LAB_LIB/routing.sh"

lab_up --nodes 2 --reals 2
for node in lb1 lb2; do
	node_prepare $node
	sed -i 's/drain: {.*}/drain: {until: 5pps, timeout: 4s}/' "$LAB_DIR/$node/shoal.yaml"
done
start_node lb1
wait_for 20 "both VIPs announced by lb1" tor_routes_via lb1 $LAB_VIP4 $LAB_VIP6
start_load load client1 $LAB_VIP4 $LAB_VIP6

status=0
drain_of() { # NODE ARGUMENT...: its exit status in $status, what it said in the log
	status=0
	shoal_on "$1" drain "${@:2}" >"$LAB_DIR/log/drain" 2>&1 || status=$?
	sed 's/^/  /' "$LAB_DIR/log/drain"
}

said() { # TEXT
	grep -q -- "$1" "$LAB_DIR/log/drain" || fail "shoal drain does not say '$1'"
}

is_stuck() { # NODE
	[ "$(status_of "$1" '[.vips[] | .is_drain_stuck] | unique | join(" ")')" = true ]
}

withdrew_all() { # NODE
	[ "$(status_of "$1" '[.vips[] | .state] | unique | join(" ")')" = withdrawn ]
}

test_that "the last node that announces stays announced and drained, and the command ends with 4"
drain_of lb1 --wait --reason "kernel"
expect_equal "exit status" 4 "$status"
said "nobody else announces them"
expect "the ToR still leads to lb1" tor_routes_via lb1 $LAB_VIP4 $LAB_VIP6
expect "the ToR has the community" tor_has_community $LAB_VIP4/32 graceful-shutdown
expect "the drain is stuck" is_stuck lb1
expect_for 5 "it stays announced" tor_routes_via lb1 $LAB_VIP4 $LAB_VIP6

test_that "it goes on by itself when another node takes the traffic"
start_node lb2
wait_for 20 "the ToR leads to lb2 alone" tor_routes_via lb2 $LAB_VIP4 $LAB_VIP6
wait_for 20 "lb1 withdraws" withdrew_all lb1
drain_of lb1 --wait
expect_equal "exit status" 0 "$status"

test_that "a drain with an end comes back by itself, also over a restart of the controller"
expect "shoal undrain" shoal_on lb1 undrain
wait_for 20 "both nodes announce" tor_routes_via "lb1 lb2" $LAB_VIP4 $LAB_VIP6
drain_of lb1 --wait --for 20s --reason "cabling"
expect_equal "exit status" 0 "$status"
[[ $(status_of lb1 '.drain | .reason + " " + (.left_s != null | tostring)') = "cabling true" ]] ||
	fail "shoal status does not tell the end of the drain"
stop lb1-shoald
start_shoald lb1
[ "$(status_of lb1 .is_drained)" = true ] || fail "the restart ended the drain"
wait_for 30 "the drain ends" tor_routes_via "lb1 lb2" $LAB_VIP4 $LAB_VIP6
[ "$(status_of lb1 .is_drained)" = false ] || fail "announced, but still drained"

test_that "where the ToR ignores the community the node stays announced and drained"
bgpd_configure tor "route-map FROM-LB4 permit 10" "set community none" exit \
	"route-map FROM-LB6 permit 10" "set community none"
drain_of lb1 --wait
expect_equal "exit status" 4 "$status"
said "the peers ignore 65535:0"
expect "the ToR leads to both" tor_routes_via "lb1 lb2" $LAB_VIP4 $LAB_VIP6

test_that "force withdraws all the same"
drain_of lb1 --wait --force
expect_equal "exit status" 0 "$status"
expect "the ToR leads to lb2 alone" tor_routes_via lb2 $LAB_VIP4 $LAB_VIP6

test_that "no request failed in all that time"
stop_load load
echo "  $(load_total load) requests, $(load_failures load) failed"
expect_equal "failed requests" 0 "$(load_failures load)"
