#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client1 ── tor ─┬─ lb1    drained by a longer AS path, then by the highest MED: the ToR strips
#                   └─ lb2    65535:0 from every route
#
source "$(dirname "$0")/lab.sh"
# shellcheck source=tests/lab/routing.sh
source "$LAB_LIB/routing.sh"
site_up --nodes 2 --reals 2
start_load load client1 $LAB_VIP4 $LAB_VIP6
bgpd_configure tor "route-map FROM-LB4 permit 10" "set community none" exit \
	"route-map FROM-LB6 permit 10" "set community none"

# lb1 goes over to a drain that adds this.
drain_adds() { # WORD
	sed -i "s/drain: {until: 50pps, timeout: 30s.*}/drain: {until: 50pps, timeout: 30s, add: $1}/" \
		"$LAB_DIR/lb1/shoal.yaml"
	expect "shoal reload" shoal_on lb1 reload
}

twin_has() { # MAP-LINE
	bgpd_config lb1 | sed -n '/^route-map SHOAL-VIP-PLAIN-DRAIN /,/^exit/p' | grep -qx " $1"
}

# Drained, out of the ToR's group, and back.
drains_and_returns() { # MAP-LINE
	expect "shoal drain --wait" shoal_on lb1 drain --wait
	expect "the twin on lb1 has '$1'" twin_has "$1"
	expect "the ToR leads both VIPs to lb2 alone" tor_routes_via lb2 $LAB_VIP4 $LAB_VIP6
	expect "shoal undrain" shoal_on lb1 undrain
	wait_for 20 "both nodes carry both VIPs" tor_routes_via "lb1 lb2" $LAB_VIP4 $LAB_VIP6
}

test_that "a ToR that ignores the community follows a longer AS path"
drain_adds prepend
drains_and_returns "set as-path prepend $LAB_AS_NODES $LAB_AS_NODES $LAB_AS_NODES"

test_that "and the highest MED"
drain_adds med
drains_and_returns "set metric 4294967295"
twin_has "set as-path prepend .*" && fail "the twin still prepends"

test_that "a twin that somebody edits under a drain is put right"
shoal_on lb1 drain
wait_for 10 "the ToR leads both VIPs to lb2 alone" tor_routes_via lb2 $LAB_VIP4 $LAB_VIP6
expect "shoal undrain" shoal_on lb1 undrain
wait_for 20 "both nodes carry both VIPs" tor_routes_via "lb1 lb2" $LAB_VIP4 $LAB_VIP6
bgpd_configure lb1 "route-map SHOAL-VIP-PLAIN-DRAIN permit 10" "no set metric" exit
wait_for 25 "the twin has its MED again" twin_has "set metric 4294967295"

test_that "no request failed in all that time"
stop_load load
echo "  $(load_total load) requests, $(load_failures load) failed"
expect_equal "failed requests" 0 "$(load_failures load)"
