#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#                   ┌── lb1 ──┐    ┌─ web1
#   client1 ── tor ─┤         ├─▶ ─┼─ web2   ✗ its server dies; the machine hangs; it is cut off
#                   └── lb2 ──┘    └─ web3
#
source "$(dirname "$0")/lab.sh"
site_up --nodes 2 --reals 3

# Two clients that keep talking to web2.
start_talks() { # NAME
	local i before
	talks=()
	for ((i = 1; i <= 40 && ${#talks[@]} < 2; i++)); do
		before=$(connections_of web2)
		start_talk "$1$i" client1 $LAB_VIP4
		if (($(connections_of web2) > before)); then
			talks+=("$1$i")
		else
			stop "$1$i"
		fi
	done
	((${#talks[@]} == 2)) || fail "nobody talks to web2"
}

talks_are_broken() {
	local talk
	for talk in "${talks[@]}"; do
		talk_is_broken "$talk" || return 1
	done
}

expect_no_failures() { # WHAT
	local spread
	spread=$(curl_spread client1 $LAB_VIP4 200)
	echo "  $spread"
	expect "$1: $spread" is_spread_over "$spread" web1 web3
	expect_equal "answers of web2" "" "$(spread_of "$spread" web2)"
}

# Not yet able to answer is no other word.
calls_web2_otherwise() {
	local life
	life=$(life_of lb1 web2) && [ -n "$life" ] && [ "$life" != dead ] && echo "  lb1: web2 $life"
}

test_that "a real that refuses connections is leaving: its address lives"
kill_real web2
wait_for 10 "both nodes call web2 leaving" nodes_say_real web2 leaving
expect_for 3 "web2 is called dead" nodes_say_real web2 leaving
start_real web2
wait_for 10 "both nodes call web2 taking" nodes_say_real web2 takes

test_that "a real that answers nothing in any way is dead"
start_talks mute
began=$(now_ms)
mute_real web2
wait_for 15 "both nodes call web2 dead" nodes_say_real web2 dead
echo "  dead after $(($(now_ms) - began)) ms"

test_that "it stays dead over a restart of everything right then"
stop lb1-shoal-probe
kill_hard lb1-shoald
start_shoald lb1
start_probe lb1
expect_for 3 "lb1 calls web2 anything but dead" eval '! calls_web2_otherwise'
expect "lb1 calls web2 dead" nodes_say_real web2 dead

test_that "clients of a dead real hear of it, and new ones go to the others"
wait_for 20 "the clients of web2 are told" talks_are_broken
echo "  clients told after $(($(now_ms) - began)) ms"
expect_no_failures "web1 and web3 answer without a failure"
# After the restart it is silent anew, so often that this is a judgement.
wait_for 20 "shoal why says that the address is gone" eval 'shoal_on lb1 why web/web2 | grep -q "address gone"'

test_that "whatever answers makes it live again"
unmute_real web2
wait_for 10 "both nodes call web2 taking" nodes_say_real web2 takes

test_that "a real that is cut off is dead"
start_talks cut
began=$(now_ms)
cut_real web2
wait_for 15 "both nodes call web2 dead" nodes_say_real web2 dead
echo "  dead after $(($(now_ms) - began)) ms"
wait_for 20 "the clients of web2 are told" talks_are_broken
expect_no_failures "web1 and web3 answer without a failure"
mend_real web2
wait_for 10 "both nodes call web2 taking" nodes_say_real web2 takes
