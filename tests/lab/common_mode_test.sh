#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client1 ── tor ─┬─ lb1 ─┬─▶ web1    pool web, VIP www4
#                   └─ lb2 ─┴─▶ web2    pool mail, VIP www6
#                    ✗ the ToR drops lb1's probes, to both pools or to one; clients' packets pass
#
source "$(dirname "$0")/lab.sh"
# shellcheck disable=SC2034 # read by nodes.sh
LAB_ROUTING='  common-mode: {within: 5s, then: hold, for: 10s}'

lab_up --nodes 2 --reals 2
for node in lb1 lb2; do
	node_prepare $node
	node_write_config $node web1
	sed -i -e 's/via: tunnel/via: direct/' \
		-e 's/^vips:/  mail:\n    check: alive\n    reals: {web2: 10.1.2.2}\nvips:/' \
		-e '/www6:/,$ s/pool: web/pool: mail/' "$LAB_DIR/$node/shoal.yaml"
	start_node $node
done
wait_for 20 "both VIPs announced by both nodes" tor_routes_via "lb1 lb2" $LAB_VIP4 $LAB_VIP6
start_load load client1 $LAB_VIP4 $LAB_VIP6

probes_pass() {
	while on tor ip rule del from 10.0.1.2 2>/dev/null; do :; done
}

probes_die() { # PREFIX: what lb1 itself sends there; forwarded packets come from elsewhere
	on tor ip rule add from 10.0.1.2 to "$1" blackhole
}

in_force() {
	[ "$(status_of lb1 .common_mode.is_in_force)" = true ]
}

not_in_force() {
	[ "$(status_of lb1 .common_mode.is_in_force)" = false ]
}

says() { # NODE TEXT: shoal status
	shoal_on "$1" status | grep -q -- "$2" || fail "shoal status on $1 does not say '$2'"
}

test_that "a node that hears no pool any more takes it for its own failure and holds everything"
start_route_watch routes
probes_die 10.1.0.0/16
wait_for 15 "common mode is in force" in_force
says lb1 "common mode"
wait_for 5 "both reals are down by their checks" real_is lb1 web2 down
expect_equal "the life of web1" takes "$(life_of lb1 web1)"
probes_pass
wait_for 9 "common mode ends when the reals are heard again" not_in_force
expect_no_route_change routes
expect_equal "how often" 1 "$(status_of lb1 .common_mode.count)"

test_that "a pool that fails alone is withdrawn at once, and the other stays"
probes_die 10.1.2.0/24
wait_for 15 "the ToR leads www6 to lb2 alone" tor_routes_via lb2 $LAB_VIP6
expect "www4 stays with both" tor_routes_via "lb1 lb2" $LAB_VIP4
expect "no common mode" not_in_force
probes_pass
wait_for 30 "both VIPs are announced by both nodes" tor_routes_via "lb1 lb2" $LAB_VIP4 $LAB_VIP6

test_that "what fails on longer than common-mode.for goes by its checks"
probes_die 10.1.0.0/16
wait_for 15 "common mode is in force" in_force
wait_for 20 "lb1 leaves" tor_routes_via lb2 $LAB_VIP4 $LAB_VIP6
expect "common mode is over" not_in_force
probes_pass
wait_for 60 "lb1 is back" tor_routes_via "lb1 lb2" $LAB_VIP4 $LAB_VIP6

test_that "no request failed in all that time"
stop_load load
echo "  $(load_total load) requests, $(load_failures load) failed"
expect_equal "failed requests" 0 "$(load_failures load)"
