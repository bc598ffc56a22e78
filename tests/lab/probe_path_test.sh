#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   lb1: shoal-probe ─▶ veth shoal-probe ═ shoal-steer ─▶ eth0 ─▶ tor ─┬─ web1
#                             ✗ filter, mapping, rules, route          └─ web2  ✗ VIP, decapsulation
#
# What the node breaks on its own way to the reals must never take a real down; what a real lacks on
# the clients' way must.
#
source "$(dirname "$0")/lab.sh"
site_up --nodes 1 --reals 2

# Long enough for fall probes and their timeouts several times over.
both_stay_up() { # WHAT WAS BROKEN
	expect_for 2.5 "$1: no real goes down" nodes_see_reals up web1 web2
	expect "$1: no real was down in between, see $LAB_DIR/log/lb1-shoald" not_seen_down
}

not_seen_down() {
	! grep -q 'real_state .*to=down' "$LAB_DIR/log/lb1-shoald"
}

repaired() { # WHAT: how often
	grep -cE "repair kind=$1 |probe_path repaired=$1" "$LAB_DIR/log/lb1-shoald"
}

repaired_again() { # BEFORE WHAT
	(($(repaired "$2") > $1))
}

probes_go_out() { # since a look at the counter
	local before
	before=$(on lb1 cat /sys/class/net/shoal-probe/statistics/tx_packets)
	poll_until 3 sent_more_than "$before"
}

sent_more_than() { # PACKETS
	(($(on lb1 cat /sys/class/net/shoal-probe/statistics/tx_packets) > $1 + 20))
}

wait_for 5 "both reals up" nodes_see_reals up web1 web2

test_that "a lost filter takes no real down and is put back"
before=$(repaired tc-filter)
on lb1 tc qdisc del dev shoal-steer clsact
both_stay_up "filter"
expect "it was put back" repaired_again "$before" tc-filter

test_that "lost rules take no real down and are put back"
before=$(repaired ip-rule)
on lb1 ip rule del priority 21320
on lb1 ip rule del priority 21321
on lb1 ip -6 rule del priority 21320
on lb1 ip -6 rule del priority 21321
both_stay_up "rules"
expect "they were put back" repaired_again "$before" ip-rule

test_that "a lost route takes no real down and is put back"
before=$(repaired ip-route)
on lb1 ip route flush table 21320
on lb1 ip -6 route flush table 21320
both_stay_up "routes"
expect "they were put back" repaired_again "$before" ip-route

test_that "a lost veth takes no real down and is put back"
before=$(repaired probe-device)
on lb1 ip link del shoal-probe
both_stay_up "veth"
expect "it was put back" repaired_again "$before" probe-device

test_that "lost mappings take no real down and are put back"
before=$(repaired mappings)
map=$(find "$(node_dir lb1)/bpf" -name '*steer_targets*' | head -n 1)
expect "the map of targets is pinned" test -n "$map"
bpftool -j map dump pinned "$map" | jq -r '.[].key | join(" ")' | while read -r key; do
	# shellcheck disable=SC2086
	bpftool map delete pinned "$map" key $key
done
both_stay_up "mappings"
wait_for 8 "they are put back" repaired_again "$before" mappings
expect "probes get out again" probes_go_out

test_that "a killed prober takes no real down"
kill_hard lb1-shoal-probe
both_stay_up "prober"
test_that "its successor goes on from the last judgement"
start_probe lb1
both_stay_up "new prober"
expect "it probes" probes_go_out

test_that "a real without the VIP is found out"
ip -n "$(ns web2)" addr del "$LAB_VIP4/32" dev lo
wait_for 5 "web2 down" real_is lb1 web2 down
expect "web1 is up" real_is lb1 web1 up
ip -n "$(ns web2)" addr add "$LAB_VIP4/32" dev lo
wait_for 5 "web2 up again" real_is lb1 web2 up

test_that "a real that does not decapsulate is found out"
on web2 "$(lab_program shoal-decap)" detach eth0 --bpffs "$LAB_DIR/web2/bpf" || fail "decap does not detach"
wait_for 5 "web2 down" real_is lb1 web2 down
echo "  $(shoal_on lb1 why www4 | grep -m 1 web2)"
expect "web1 is up" real_is lb1 web1 up
