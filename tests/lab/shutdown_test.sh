#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client1 ── tor ─┬─ lb1    shoal-shutdown.service stopped and started: the commands of the unit,
#                   └─ lb2    as systemd would run them, then a boot
#
source "$(dirname "$0")/lab.sh"
site_up --nodes 2 --reals 2
start_load load client1 $LAB_VIP4 $LAB_VIP6
unit=$LAB_BUILD/packaging/shoal-shutdown.service
file=$(node_dir lb1)/state/drains/node

# The command of the unit on lb1; systemd's "-" lets it fail, here it tells its status.
unit_runs() { # ExecStart|ExecStop
	local line arguments
	line=$(sed -n "s/^$1=-\?//p" "$unit")
	[ -n "$line" ] || fail "$unit has no $1"
	eval "arguments=(${line#* })"
	# shellcheck disable=SC2154 # set by eval
	shoal_on lb1 "${arguments[@]}"
}

# Everything of the node but FRR ends and comes back, in what its files take for another boot.
boot() {
	stop_node lb1
	sed -i 's/"boot":"[^"]*"/"boot":"of-before"/' "$file"
	start_shoald lb1
	start_probe lb1
	start_guard lb1
}

drain_owner() {
	status_of lb1 '.drain.owner // "nobody"'
}

test_that "stopping the unit drains the node, in bounded time"
timeout=$(sed -n 's/^TimeoutStopSec=\([0-9]*\)s$/\1/p' "$unit")
began=$(now_ms)
expect "ExecStop says it is safe" unit_runs ExecStop
(($(now_ms) - began < timeout * 1000)) || fail "longer than TimeoutStopSec=${timeout}s"
expect "the ToR leads to lb2 alone" tor_routes_via lb2 $LAB_VIP4 $LAB_VIP6
expect_equal "the owner of the drain" shutdown "$(drain_owner)"

test_that "a restart of the controller alone does not end that drain"
stop lb1-shoald
start_shoald lb1
expect_equal "the owner of the drain" shutdown "$(drain_owner)"

test_that "the next boot does, and the node is back"
boot
expect_equal "the owner of the drain" nobody "$(drain_owner)"
wait_for 20 "the ToR leads to both" tor_routes_via "lb1 lb2" $LAB_VIP4 $LAB_VIP6
expect "the file is gone" test ! -e "$file"

test_that "started again in the same boot, the unit ends its drain"
expect "ExecStop" unit_runs ExecStop
expect "ExecStart" unit_runs ExecStart
wait_for 20 "the ToR leads to both" tor_routes_via "lb1 lb2" $LAB_VIP4 $LAB_VIP6

test_that "an operator's drain is neither taken over nor ended, by unit or boot"
expect "shoal drain" shoal_on lb1 drain --wait --reason "disk"
owner=$(drain_owner)
expect "ExecStop is content with it" unit_runs ExecStop
expect_equal "the owner of the drain" "$owner" "$(drain_owner)"
expect "ExecStart" unit_runs ExecStart
boot
expect_equal "the owner of the drain" "$owner" "$(drain_owner)"
expect_for 3 "lb1 came back" tor_routes_via lb2 $LAB_VIP4 $LAB_VIP6
expect "shoal undrain" shoal_on lb1 undrain
wait_for 20 "the ToR leads to both" tor_routes_via "lb1 lb2" $LAB_VIP4 $LAB_VIP6

test_that "no request failed in all that time"
stop_load load
echo "  $(load_total load) requests, $(load_failures load) failed"
expect_equal "failed requests" 0 "$(load_failures load)"
