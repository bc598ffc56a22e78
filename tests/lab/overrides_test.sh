#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#                   ┌── lb1 ──┐    ┌─ web1   their checks fail, the servers go on answering:
#   client1 ── tor ─┤         ├─▶ ─┼─ web2   all-down: open and hold, the depool floor, and a backup,
#                   └── lb2 ──┘    └─ web3   one after the other by reload
#
# What all-down: withdraw does is in all_reals_down_test.sh.
#
source "$(dirname "$0")/lab.sh"
LAB_POOL="    all-down: open"
site_up --nodes 2 --reals 3

reload_with() { # LINES OF THE POOL
	local node
	LAB_POOL=$1
	for node in "${LAB_NODES[@]}"; do
		node_write_config "$node"
		shoal_on "$node" reload >"$LAB_DIR/log/$node-reload" 2>&1 || fail "reload on $node: $(cat "$LAB_DIR/log/$node-reload")"
	done
}

override_of() { # NODE: its name, or null
	shoal_on "$1" pools web --json | jq -r '.pools[0].override.name'
}

nodes_override() { # NAME
	local node
	for node in "${LAB_NODES[@]}"; do
		[ "$(override_of "$node")" = "$1" ] || return 1
	done
}

# Every place an operator looks at names the override.
override_is_told() { # NAME
	local node said
	for node in "${LAB_NODES[@]}"; do
		for command in status pools "why web"; do
			# shellcheck disable=SC2086 # two words
			said=$(shoal_on "$node" $command)
			grep -q "override $1" <<<"$said" || fail "shoal $command on $node does not name $1: $said"
		done
		status_of "$node" '.alarms[].text' | grep -q "$1" || fail "no alarm on $node names $1"
		grep -q "warn override pool=web name=$1" "$LAB_DIR/log/$node-shoald" || fail "the log of $node does not name $1"
	done
}

checks_fail() { # REAL...
	local real
	for real in "$@"; do
		fail_check_of "$real"
	done
	wait_for 15 "both nodes see $* down" nodes_see_reals down "$@"
}

checks_pass() { # REAL...
	local real
	for real in "$@"; do
		pass_check_of "$real"
	done
	wait_for 15 "both nodes see $* up" nodes_see_reals up "$@"
}

# These reals answer, the others do not, and no request fails.
answered_by() { # REAL...
	local spread real
	spread=$(curl_spread client1 $LAB_VIP4 150)
	echo "  $spread"
	expect "$* answer without a failure: $spread" is_spread_over "$spread" "$@"
	for real in "${LAB_REALS[@]}"; do
		[[ " $* " == *" $real "* ]] || expect_equal "answers of $real" "" "$(spread_of "$spread" "$real")"
	done
}

start_load load client1 $LAB_VIP4 $LAB_VIP6

test_that "all-down: open sends new flows to all reals when every check fails"
checks_fail web1 web2
answered_by web3
checks_fail web3
wait_for 5 "both nodes open" nodes_override all-down-open
answered_by web1 web2 web3
override_is_told all-down-open
expect "both nodes announce" tor_routes_via "lb1 lb2" $LAB_VIP4 $LAB_VIP6

test_that "it goes back to the checks with the first that passes"
checks_pass web2
wait_for 5 "no override" nodes_override null
answered_by web2
checks_pass web1 web3

test_that "all-down: hold keeps the last ring when every check fails"
reload_with "    all-down: hold"
checks_fail web1
checks_fail web3
checks_fail web2
wait_for 5 "both nodes hold" nodes_override all-down-hold
answered_by web2
override_is_told all-down-hold
expect "both nodes announce" tor_routes_via "lb1 lb2" $LAB_VIP4 $LAB_VIP6
checks_pass web1 web2 web3
wait_for 5 "no override" nodes_override null

test_that "the depool floor keeps failed reals, in new flows only and never for quorum"
reload_with "    depool-floor: 2"
checks_fail web1
expect "no override for one of three" nodes_override null
answered_by web2 web3
checks_fail web2
wait_for 5 "both nodes keep one" nodes_override depool-floor
override_is_told depool-floor
expect_equal "usable reals on lb1" 1 "$(shoal_on lb1 pools web --json | jq .pools[0].usable)"
spread=$(curl_spread client1 $LAB_VIP4 150)
echo "  $spread"
expect "no request fails: $spread" is_spread_over "$spread" web3
kept=$(shoal_on lb1 reals web --json | jq -r '[.reals[] | select(.is_kept) | .name] | join(" ")')
expect "the one that is kept, $kept, answers: $spread" is_spread_over "$spread" web3 "$kept"
checks_pass web1 web2
wait_for 5 "no override" nodes_override null

test_that "no request failed in all that time"
stop_load load
echo "  $(load_total load) requests, $(load_failures load) failed"
expect_equal "failed requests" 0 "$(load_failures load)"

nodes_settled() {
	local node
	for node in "${LAB_NODES[@]}"; do
		[ "$(status_of "$node" .is_settled)" = true ] || return 1
	done
}

test_that "a backup gets nothing while a normal real serves"
LAB_BACKUP=web3
reload_with "    # nothing more"
wait_for 5 "both nodes are settled" nodes_settled
for node in "${LAB_NODES[@]}"; do # of a client's port that comes again, the flow is remembered
	shoal_on "$node" flows purge --all >/dev/null || fail "shoal flows purge on $node"
done
wait_for 10 "both nodes see all reals up" nodes_see_reals up web1 web2 web3
answered_by web1 web2
checks_fail web1
answered_by web2

test_that "the backup serves and counts for quorum when no normal real does"
checks_fail web2
answered_by web3
expect "both nodes announce" tor_routes_via "lb1 lb2" $LAB_VIP4 $LAB_VIP6
shoal_on lb1 why web | grep -q backup || fail "shoal why web does not tell of the backup"

test_that "it gives back to the first normal real that returns"
checks_pass web1
answered_by web1
