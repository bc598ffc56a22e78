#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client1 ── tor ── lb1 ──▶ web1     the NIC of lb1 does what XDP must not find done
#
source "$(dirname "$0")/lab.sh"
site_up --nodes 1 --reals 1

remedy="ethtool -K eth0 rxvlan off"

has_alarm() {
	status_of lb1 '.alarms[].text' | grep -qF "$remedy"
}

has_no_alarm() {
	! has_alarm
}

tells_refusal() {
	status_of lb1 '.alarms[].text' | grep -F "XDP is not attached" | grep -qF "$remedy"
}

answers() {
	on client1 curl -sf --max-time 5 -o /dev/null "$(url $LAB_VIP4)"
}

test_that "an offload turned on under a running node is an alarm, and the node forwards on"
expect "no alarm at first" has_no_alarm
link=$(xdp_link_of lb1)
on lb1 ethtool -K eth0 rxvlan on >/dev/null
wait_for 5 "the alarm with its remedy" has_alarm
wait_for 5 "a line in the log" grep -qF "$remedy" "$LAB_DIR/log/lb1-shoald"
expect "the node forwards" answers
expect_equal "the link of XDP" "$link" "$(xdp_link_of lb1)"
shoal_on lb1 why node | tr -s ' \n' ' ' | grep -qF "$remedy" || fail "why does not tell the remedy: $(shoal_on lb1 why node)"

test_that "a node that lost XDP is not attached again while the NIC hides tags, and says why"
detach_xdp lb1
wait_for 10 "the refusal with its remedy" tells_refusal

test_that "with the remedy it comes back by itself"
on lb1 ethtool -K eth0 rxvlan off >/dev/null
wait_for 15 "the VIPs announced again" tor_routes_via lb1 $LAB_VIP4 $LAB_VIP6
wait_for 5 "an answer" answers
wait_for 5 "no alarm" has_no_alarm
