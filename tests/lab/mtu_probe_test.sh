#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   lb1 ── 1600 ── tor ─┬─ 1600 ── web1
#                       └─ 1510 ── web2   ✗ too small for a full packet of a client in its tunnel
#
# A page of a few bytes comes through everywhere, so nothing but a packet of full size tells that
# clients of web2 would hang.
#
LAB_CHECK="mtu-probe: 1s"
source "$(dirname "$0")/lab.sh"
site_up --nodes 1 --reals 2
wait_for 5 "both reals up" nodes_see_reals up web1 web2

reason_of() { # REAL: of its check, as the prober said last
	shoal_on lb1 reals "web/$1" --json | jq -r '[.reals[0].checks[] | .reason] | join(" ")'
}

link_mtu() { # BYTES: of the ToR's link to web2
	ip -n "$(ns tor)" link set web2 mtu "$1"
}

test_that "nothing is lost where everything fits"
probed=$(shoal_on lb1 probe web/web1) || fail "a probe of web1 fails: $probed"
echo "$probed" | sed 's/^/  /'
expect "the full-size packet is told of" grep -q "echo of 1500 bytes answered" <<<"$probed"

test_that "full size is what the config says, beyond 1500 bytes too"
sed -i 's/client-mtu: 1500/client-mtu: 1580/' "$(node_dir lb1)/shoal.yaml"
shoal_on lb1 reload >/dev/null || fail "the reload is refused"
probed=$(shoal_on lb1 probe web/web1) || fail "a probe of web1 fails: $probed"
expect "the larger packet is told of: $probed" grep -q "echo of 1580 bytes answered" <<<"$probed"
sed -i 's/client-mtu: 1580/client-mtu: 1500/' "$(node_dir lb1)/shoal.yaml"
shoal_on lb1 reload >/dev/null || fail "the reload is refused"

test_that "a way that is too small for a client's packet takes that real down"
link_mtu 1510
wait_for 10 "web2 down" real_is lb1 web2 down
expect_equal "the reason" mtu "$(reason_of web2)"
echo "  $(shoal_on lb1 why web/web2 | grep -m 1 'bytes')"
expect "web1 is up" real_is lb1 web1 up
expect "a page comes through all the same" on tor curl -fs -o /dev/null --interface 10.1.2.1 http://10.1.2.2/healthz

test_that "a watched probe names it too"
! probed=$(shoal_on lb1 probe web/web2 --json) || fail "a probe of web2 passes: $probed"
expect_equal "the reason" mtu "$(jq -r '.result.probes[0].reason' <<<"$probed")"

test_that "it returns when the way is wide again"
link_mtu 1600
wait_for 10 "web2 up" real_is lb1 web2 up

test_that "a real that answers no echoes is not judged by size"
link_mtu 1510
on web2 sysctl -qw net.ipv4.icmp_echo_ignore_all=1
expect_for 4 "web2 stays up" real_is lb1 web2 up
on web2 sysctl -qw net.ipv4.icmp_echo_ignore_all=0
wait_for 10 "web2 down once it answers" real_is lb1 web2 down
