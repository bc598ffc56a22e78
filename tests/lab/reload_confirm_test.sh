#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client1 ── tor ── lb1 ──▶ web1, web2, web3      reloads on trial: confirmed, not confirmed, a crash
#
source "$(dirname "$0")/lab.sh"
lab_up --nodes 1 --reals 3
start_node lb1
wait_for 15 "a BGP session" tor_established 1
wait_for 20 "both VIPs announced" tor_routes_via lb1 "$LAB_VIP4" "$LAB_VIP6"
generation() {
	status_of lb1 .generation
}
trial_is() { # pending|went-back|null
	[ "$(status_of lb1 '.config.trial.state')" = "$1" ]
}
file_is() { # same|differs
	[ "$(status_of lb1 '.config.file_state')" = "$1" ]
}
in_force() { # GENERATION
	[ "$(generation)" = "$1" ]
}
knows_real() { # REAL
	shoal_on lb1 reals "web/$1" --json >/dev/null
}
no_longer_knows() { # REAL
	! shoal_on lb1 reals "web/$1" --json >/dev/null
}
three=$(generation)
node_write_config lb1 web1 web2

test_that "a file that was edited is told, and nothing changes by it"
wait_for 10 "status says that the file differs" file_is differs
expect "three is in force" in_force "$three"

test_that "a reload that is confirmed stays"
expect "shoal reload --confirm" shoal_on lb1 reload --confirm 4s
two=$(generation)
[ "$two" != "$three" ] || fail "the reload changed nothing"
expect "status says that it is on trial" trial_is pending
expect "shoal confirm" shoal_on lb1 confirm
expect_for 5 "two stays in force" in_force "$two"
expect "nothing is on trial" trial_is null

test_that "there is nothing to confirm a second time"
status=0
shoal_on lb1 confirm || status=$?
expect_equal "exit status of shoal confirm" 4 "$status"

test_that "a reload that nobody confirms goes back, and the file stays the operator's"
node_write_config lb1
expect "shoal reload --confirm" shoal_on lb1 reload --confirm 2s
expect "web3 is known" knows_real web3
wait_for 20 "back to two" in_force "$two"
expect "web3 is forgotten" no_longer_knows web3
expect "the record stays" trial_is went-back
expect "the file differs" file_is differs
expect "the log says so" grep -q "went_back generation=$two unconfirmed=$three" "$LAB_DIR/log/lb1-shoald"
expect "an alarm says so" grep -q "nobody confirmed" <(shoal_on lb1 status)
status=0
shoal_on lb1 confirm || status=$?
expect_equal "exit status of shoal confirm, too late" 4 "$status"

test_that "neither does a crash bring the config back that nobody confirmed"
kill_hard lb1-shoald
start_shoald lb1
expect "two is in force" in_force "$two"
expect "the record stays" trial_is went-back

test_that "a reload reads the file"
expect "shoal reload" shoal_on lb1 reload
expect "three is in force" in_force "$three"
expect "nothing is on trial" trial_is null
expect "the file is in force" file_is same

test_that "a trial goes on over a crash, and ends in time"
node_write_config lb1 web1 web2
expect "shoal reload --confirm" shoal_on lb1 reload --confirm 10m
kill_hard lb1-shoald
start_shoald lb1
expect "two is in force" in_force "$two"
expect "it is still on trial" trial_is pending
expect "its end can be another" shoal_on lb1 reload --confirm 1s
wait_for 20 "back to three" in_force "$three"
expect "the record stays" trial_is went-back

test_that "a trial whose time passes while shoald is down is over at its start"
expect "shoal reload" shoal_on lb1 reload
node_write_config lb1
expect "shoal reload --confirm" shoal_on lb1 reload --confirm 1s
kill_hard lb1-shoald
sleep 1.2 # the trial's own time, nothing to poll for
start_shoald lb1
expect "two is in force" in_force "$two"
expect "the record says so" trial_is went-back

test_that "after all this the VIPs are announced and served"
wait_for 20 "both VIPs announced" tor_routes_via lb1 "$LAB_VIP4" "$LAB_VIP6"
spread=$(curl_spread client1 "$LAB_VIP4" 50)
expect_equal "failed requests of 50" 0 "$(spread_failed "$spread")"
