#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#                   ┌── lb1 ──┐    ┌─ web1   an operator drains one of them while files are on
#   client1 ── tor ─┤         ├─▶ ─┼─ web2   their way from it, controllers are restarted, the order
#                   └── lb2 ──┘    └─ web3   ends by hand and by its time; then one is disabled
#
source "$(dirname "$0")/lab.sh"
site_up --nodes 2 --reals 3

on_nodes() { # ARGUMENT...: the same word to every node
	local node
	for node in "${LAB_NODES[@]}"; do
		shoal_on "$node" "$@" >"$LAB_DIR/log/$node-word" 2>&1 || fail "shoal $* on $node: $(cat "$LAB_DIR/log/$node-word")"
	done
}

order_on() { # NODE REAL: drained, disabled or null
	shoal_on "$1" reals "web/$2" --json | jq -r '.reals[0].order.order'
}

nodes_have_order() { # REAL ORDER
	local node
	for node in "${LAB_NODES[@]}"; do
		[ "$(order_on "$node" "$1")" = "$2" ] || return 1
	done
}

restart_controllers() {
	local node
	for node in "${LAB_NODES[@]}"; do
		stop "$node-shoald"
		start_shoald "$node"
	done
}

n_files=12
rate=200k # a file lasts 15 s

for ((i = 1; i <= n_files; i++)); do
	vip=$LAB_VIP4
	((i % 2)) || vip=$LAB_VIP6
	start_file "file$i" client1 $vip $rate
done
start_load load client1 $LAB_VIP4 $LAB_VIP6
poll_until 3 test "$(connections_of web1)" -gt 0
real=$(busiest_real)
others=()
for other in "${LAB_REALS[@]}"; do
	[ "$other" = "$real" ] || others+=("$other")
done

test_that "a drained real gets no new flows and keeps those it has, although it is well"
had=$(connections_of "$real")
echo "  $real has $had connections"
on_nodes real "web/$real" drain --for 1h --reason "lab test"
expect "both nodes call $real leaving" nodes_say_real "$real" leaving
expect "both nodes see $real up" nodes_see_real "$real" up
spread=$(curl_spread client1 $LAB_VIP4 200)
echo "  $spread"
expect "${others[*]} answer without a failure: $spread" is_spread_over "$spread" "${others[@]}"
expect_equal "answers of $real" "" "$(spread_of "$spread" "$real")"
(($(connections_of "$real") > 0)) || fail "$real lost its connections"

test_that "status, reals and why name who, why and until when"
for command in status reals "why web/$real"; do
	# shellcheck disable=SC2086 # two words
	said=$(shoal_on lb1 $command)
	grep -q "lab test" <<<"$said" || fail "shoal $command does not tell the reason: $said"
	grep -qE "ends (by itself )?in (1h00m|59m|60 min)" <<<"$said" || fail "shoal $command does not tell the end: $said"
done

test_that "restarted controllers still have it drained"
restart_controllers
expect "the order stands on both nodes" nodes_have_order "$real" drained
expect "both nodes call $real leaving" nodes_say_real "$real" leaving
expect_equal "answers of $real" "" "$(spread_of "$(curl_spread client1 $LAB_VIP6 100)" "$real")"

test_that "every file arrived whole"
poll_until 40 files_are_whole $n_files || fail "$(broken_files $n_files)"

test_that "enabled, it gets new flows again"
on_nodes real "web/$real" enable
expect "both nodes call $real taking" nodes_say_real "$real" takes
spread=$(curl_spread client1 $LAB_VIP4 200)
echo "  $spread"
expect "all answer without a failure: $spread" is_spread_over "$spread" "${LAB_REALS[@]}"

test_that "an order ends by itself when its time is over, and the log says so once"
on_nodes real "web/$real" drain --for 2s
expect "both nodes call $real leaving" nodes_say_real "$real" leaving
wait_for 6 "the order is over on both nodes" nodes_have_order "$real" null
wait_for 5 "both nodes call $real taking" nodes_say_real "$real" takes
expect_equal "lines of the end in the log of lb1" 1 "$(grep -c 'real_order.*ended=expired' "$LAB_DIR/log/lb1-shoald")"

test_that "an order whose time ended while no controller ran never comes into force"
shoal_on lb1 real "web/$real" drain --for 2s >/dev/null
stop lb1-shoald
until_over=$(($(date +%s) + 3))
poll_until 6 eval "((\$(date +%s) >= $until_over))"
start_shoald lb1
expect_equal "the order on lb1" null "$(order_on lb1 "$real")"

test_that "no request failed in all that time"
stop_load load
echo "  $(load_total load) requests, $(load_failures load) failed"
expect_equal "failed requests" 0 "$(load_failures load)"

test_that "the connections of a disabled real go to others, which reset them, at once"
for ((i = 1; i <= 8; i++)); do
	start_talk "talk$i" client1 $LAB_VIP4
done
real=$(busiest_real)
had=$(connections_of "$real")
((had > 0)) || fail "no real has a connection"
broken_talks() {
	local i n=0
	for ((i = 1; i <= 8; i++)); do
		talk_is_broken "talk$i" && n=$((n + 1))
	done
	echo $n
}
expect_equal "broken connections before" 0 "$(broken_talks)"
on_nodes real "web/$real" disable
expect "both nodes call $real dead" nodes_say_real "$real" dead
talks_of_real_are_broken() { (($(broken_talks) >= had)); }
wait_for 10 "the $had connections of $real end" talks_of_real_are_broken
expect_equal "broken connections" "$had" "$(broken_talks)"

test_that "taking the last reals out is done, and said to cost the quorum"
on_nodes real "web/$real" enable
for other in "${LAB_REALS[@]}"; do
	said=$(shoal_on lb1 real "web/$other" drain)
done
grep -q "lost its quorum" <<<"$said" || fail "shoal real does not tell that the quorum is lost: $said"
wait_for 10 "both VIPs withdrawn by lb1 alone" tor_routes_via lb2 $LAB_VIP4 $LAB_VIP6
said=$(shoal_on lb1 why www4)
grep -q "taken out by operators" <<<"$said" || fail "shoal why www4 does not name the operators: $said"
