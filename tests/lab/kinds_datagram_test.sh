#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   lb1: shoal-probe ─▶ tunnel ─▶ tor ─┬─ web1   on the VIP: HTTP, a UDP echo, dnsmasq, ping
#                                      └─ web2   ✗ one of them after the other
#
# Kinds of checks that are plain TCP or datagrams, through the tunnel against real servers; what each
# names when its server breaks.
#
LAB_CHECKS='  banner: {type: tcp, send: GET / HTTP/1.0\r\n\r\n, expect: 200 OK, timeout: 700ms, interval: 1s}
  echo: {type: udp, port: 7, send: who, expect: web, timeout: 700ms, interval: 1s}
  names: {type: dns, port: 53, query: www.example.net, answer: 192.0.2.1, timeout: 700ms, interval: 1s}
  names-tcp: {type: dns, port: 53, transport: tcp, query: example.net, record: MX, answer: 10 mail.example.net,
              timeout: 700ms, interval: 1s}
  none-such: {type: dns, port: 53, query: nowhere.example.net, rcode: nxdomain, timeout: 700ms, interval: 1s}
  ping: {type: icmp, timeout: 700ms, interval: 1s}'
LAB_POOL_CHECKS='[alive, banner, echo, names, names-tcp, none-such, ping]'
source "$(dirname "$0")/lab.sh"
command -v dnsmasq >/dev/null || skip "dnsmasq is missing; run packaging/install-packages lab"
lab_up --nodes 1 --reals 2

start_names() { # REAL ADDRESS: of www.example.net
	start "$1-names" "$1" "$(command -v dnsmasq)" --keep-in-foreground --conf-file=/dev/null --pid-file \
		--user=root --no-resolv --no-hosts --no-dhcp-interface=lo --bind-interfaces --local=/example.net/ \
		--listen-address="$LAB_VIP4" --host-record="www.example.net,$2" \
		--mx-host=example.net,mail.example.net,10
}

for real in web1 web2; do
	start_names $real 192.0.2.1
done
start_node lb1
wait_for 15 "both reals up: every check of them passes" nodes_see_reals up web1 web2

probe() { # REAL CHECK: "reason evidence"
	shoal_on lb1 probe "web/$1" --check "$2" --json | jq -r '(.result // .).probes[0] | .reason + " " + .evidence'
}

# web2 fails this check as told, web1 passes it.
expect_names() { # CHECK REASON TEXT
	local said
	said=$(probe web2 "$1")
	echo "  $said"
	expect_equal "reason of $1" "$2" "${said%% *}"
	expect "evidence of $1 says '$3': $said" grep -qF "$3" <<<"$said"
	expect_equal "web1, $1" ok "$(probe web1 "$1" | cut -d ' ' -f 1)"
}

reason_is() { # REAL CHECK REASON
	[[ $(probe "$1" "$2") == "$3 "* ]]
}

test_that "every kind passes through the tunnel"
shoal_on lb1 probe web/web1 | sed 's/^/  /'
expect "all pass" shoal_on lb1 probe web/web2 --json >/dev/null

test_that "a closed UDP port is refused, and takes the real down"
kill_hard web2-udp
expect_names echo refused "Connection refused"
wait_for 10 "web2 down" real_is lb1 web2 down
start web2-udp web2 "$(lab_program udp_echo)" nobody 7 "$LAB_VIP4" "$LAB_VIP6"
test_that "another answer than the expected one is named"
wait_for 5 "it answers" reason_is web2 echo unexpected
expect_names echo unexpected 'another answer: "nobody\n"'
kill_hard web2-udp
start web2-udp web2 "$(lab_program udp_echo)" web2 7 "$LAB_VIP4" "$LAB_VIP6"
wait_for 10 "web2 up" real_is lb1 web2 up

test_that "a name server that is gone is refused, over UDP and TCP"
kill_hard web2-names
expect_names names refused "Connection refused"
expect_names names-tcp refused "Connection refused"
test_that "another address than the expected one is named"
start_names web2 192.0.2.99
wait_for 5 "dnsmasq answers" reason_is web2 names unexpected
expect_names names unexpected "no answer 192.0.2.1, but 192.0.2.99"
kill_hard web2-names
start_names web2 192.0.2.1
wait_for 10 "web2 up" real_is lb1 web2 up

test_that "a real that answers no echoes fails ping, and nothing else"
on web2 sysctl -qw net.ipv4.icmp_echo_ignore_all=1
expect_names ping timeout "no answer in 700 ms, waiting for the echo"
expect_names names ok "noerror"
on web2 sysctl -qw net.ipv4.icmp_echo_ignore_all=0
wait_for 10 "web2 up" real_is lb1 web2 up

test_that "a lost mapping is told as the probe path, for datagrams as well"
bpffs=$(node_dir lb1)/bpf
map=$(find "$bpffs" -name '*steer_targets*' | head -n 1)
bpftool -j map dump pinned "$map" | jq -r '.[].key | join(" ")' | while read -r key; do
	# shellcheck disable=SC2086
	bpftool map delete pinned "$map" key $key
done
expect_for 2.5 "no real goes down" nodes_see_reals up web1 web2
