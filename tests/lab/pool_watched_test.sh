#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client1 ─┐                ┌─ web1
#            ├ tor ── lb1 ──▶ ┼─ web2   ✗ its answers to client1 get lost, those to probes do not
#   client2 ─┘                └─ web3
#
source "$(dirname "$0")/lab.sh"
site_up --nodes 1 --reals 3 --clients 2

# Of a real, while its pool is watched.
syns_of() { # REAL FIELD
	shoal_on lb1 reals "web/$1" --json | jq ".reals[0].syns.$2"
}

has_at_least() { # REAL FIELD COUNT
	(($(syns_of "$1" "$2") >= $3))
}

every_real_has() { # FIELD COUNT
	local real
	for real in "${LAB_REALS[@]}"; do
		has_at_least "$real" "$1" "$2" || return 1
	done
}

nothing_is_watched() {
	[ "$(shoal_on lb1 status --json | jq -c .watches)" = '[]' ] &&
		[ "$(shoal_on lb1 reals --json | jq -c '[.reals[].syns, .watches]')" = '[null,null,null,[]]' ]
}

# What the node makes of its reals: nothing of it may change.
verdict_of_reals() {
	shoal_on lb1 reals --json |
		jq -c '[.reals[] | [.name, .state, .order, .takes_new_flows, .is_kept, .share_percent, .flows.life]]'
}

is_judged_as_before() {
	[ "$(verdict_of_reals)" = "$judged" ]
}

client2_reaches_all() {
	is_spread_over "$(curl_spread client2 $LAB_VIP4 200)" web1 web2 web3
}

requests() { # CLIENT N: to both VIPs
	curl_spread "$1" $LAB_VIP4 "$2"
	curl_spread "$1" $LAB_VIP6 "$2"
}

lose_answers() { # REAL CLIENT add|del
	ip -n "$(ns "$1")" route "$3" blackhole "10.9.$(number "$2").2"
	ip -n "$(ns "$1")" -6 route "$3" blackhole "fd00:c:$(number "$2")::2"
}

# More requests; whether enough SYNs to web2 had to be sent again, and few to the others. (A busy
# machine may lose some of anybody.)
stands_out() { # REAL COUNT
	local real
	requests client1 30 >/dev/null
	has_at_least "$1" retransmissions "$2" || return 1
	for real in "${LAB_REALS[@]}"; do
		[ "$real" = "$1" ] || (($(syns_of "$real" retransmissions) * 2 < $(syns_of "$1" retransmissions))) || return 1
	done
	[ "$(syns_of "$1" is_deviating)" = true ]
}

wait_for 20 "every real is up" nodes_see_reals up web1 web2 web3
judged=$(verdict_of_reals)

test_that "a pool that nobody watches shows nothing"
requests client2 20 >/dev/null
expect "nothing is watched" nothing_is_watched

test_that "connections are counted by real once it is watched"
shoal_on lb1 pool web watch --for 1h --reason "slow pages" || fail "the watch does not begin"
requests client2 60 >/dev/null
expect "every real got connections" every_real_has connections 10
shoal_on lb1 status | grep -q 'watch .*web by .*"slow pages", ends in ' || fail "status does not tell of the watch"

test_that "SYNs that one real does not answer are counted for it"
lose_answers web2 client1 add
wait_for 90 "SYNs to web2 are seen again, those to others are not" stands_out web2 20
shoal_on lb1 reals web | sed 's/^/  /' | tail -n 5
shoal_on lb1 why web/web2 | grep -q 'watch *deviates' || fail "why does not tell of web2"

test_that "nothing acts on it"
wait_for 30 "the node judges its reals as before: $judged" is_judged_as_before
wait_for 60 "others reach all reals" client2_reaches_all
expect "the node still announces" tor_routes_via lb1 $LAB_VIP4 $LAB_VIP6
lose_answers web2 client1 del

test_that "a reload keeps the watch and what it counted"
before=$(syns_of web2 retransmissions)
node_write_config lb1 web2 web1
shoal_on lb1 reload >/dev/null || fail "the config is not taken"
has_at_least web2 retransmissions "$before" || fail "the count of web2 fell to $(syns_of web2 retransmissions)"
expect_equal "reals that are counted" '["web2","web1"]' \
	"$(shoal_on lb1 reals --json | jq -c '[.reals[] | select(.syns) | .name]')"

test_that "its end moves no flow"
for i in 1 2 3; do
	start_file "file$i" client2 $LAB_VIP4 300k
	wait_for 10 "file$i is on its way" test -s "$LAB_DIR/file$i.file"
done
shoal_on lb1 pool web watch --off || fail "the watch does not end"
expect "nothing is watched" test "$(shoal_on lb1 pools --json | jq -c '[.pools[].watch]')" = '[null]'
poll_until 60 files_are_whole 3 || fail "$(broken_files 3)"

test_that "it ends by itself, and with shoald"
node_write_config lb1
shoal_on lb1 reload >/dev/null || fail "the config is not taken"
shoal_on lb1 pool web watch --for 2s >/dev/null || fail "the watch does not begin"
wait_for 10 "the watch ends" nothing_is_watched
grep -q 'pool_watch pool=web state=over reason=time' "$LAB_DIR/log/lb1-shoald" || fail "the log does not tell of its end"
shoal_on lb1 pool web watch >/dev/null || fail "the watch does not begin"
kill_hard lb1-shoald
start_shoald lb1
expect "nothing is watched" nothing_is_watched
