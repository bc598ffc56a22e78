#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#            pool     VIP    tunnel             around 1500 bytes of a client
#            gue4     IPv4   GUE over IPv4      1528
#   lb1 ─▶   cross    IPv6   IPv6 in IPv4       1520     ─▶ web1
#            six      IPv6   IPv6 in IPv6       1540     ─▶ web2  ✗ one thing after the other
#            gue6     IPv6   GUE over IPv6      1548
#            direct6  IPv6   none, to the real  1600
#
# Each kind of check on each way that a probe can take; what IPIP does with IPv4 is in
# kinds_datagram_test.sh.
#
source "$(dirname "$0")/lab.sh"
for program in dnsmasq openssl; do
	command -v $program >/dev/null || skip "$program is missing; run packaging/install-packages lab"
done
/usr/bin/python3 -c 'import grpc' 2>/dev/null || skip "python3-grpcio is not there"

WAYS="gue4 cross six gue6 direct6"
KINDS="tcp http https tls grpc dns dns-tcp udp icmp"
COMMON="timeout: 1s, interval: 700ms, fast-interval: 200ms, slow-interval: 700ms, mtu-probe: 1s"

checks_of() { # WAY VIA
	cat <<-EOF
		  tcp-$1: {type: tcp, port: 80, send: GET / HTTP/1.0\\r\\n\\r\\n, expect: 200 OK, via: $2, $COMMON}
		  http-$1: {type: http, port: 80, path: /healthz, body-contains: ok, via: $2, $COMMON}
		  https-$1: {type: https, port: 443, verify: false, via: $2, $COMMON}
		  tls-$1: {type: tls, port: 443, verify: false, via: $2, $COMMON}
		  grpc-$1: {type: grpc, port: 50051, service: shop.Cart, via: $2, $COMMON}
		  dns-$1: {type: dns, port: 53, query: www.example.net, record: AAAA, answer: "2001:db8::1", via: $2, $COMMON}
		  dns-tcp-$1: {type: dns, port: 53, transport: tcp, query: www.example.net, answer: 192.0.2.1, via: $2, $COMMON}
		  udp-$1: {type: udp, port: 7, send: who, expect: web, via: $2, $COMMON}
		  icmp-$1: {type: icmp, via: $2, $COMMON}
	EOF
}

checks_named() { # WAY
	local kind names=""
	for kind in $KINDS; do
		names+="${names:+, }$kind-$1"
	done
	echo "[$names]"
}

pool() { # WAY ENCAP REALS
	echo "  $1: {encap: $2, check: $(checks_named "$1"), reals: {web1: \"$3:1::2\", web2: \"$3:2::2\"}}"
}

LAB_CHECKS=$(
	for way in $WAYS; do
		[ $way = direct6 ] && checks_of $way direct || checks_of $way tunnel
	done
)
LAB_POOLS="  gue4: {encap: gue, check: $(checks_named gue4), reals: {web1: 10.1.1.2, web2: 10.1.2.2}}
  cross: {check: $(checks_named cross), reals: {web1: 10.1.1.2, web2: 10.1.2.2}}
$(pool six ipip fd00:b)
$(pool gue6 gue fd00:b)
$(pool direct6 ipip fd00:b)"
LAB_SERVICES4="      - {tcp: 8001, pool: gue4}"
LAB_SERVICES6="      - {tcp: 8002, pool: cross}
      - {tcp: 8003, pool: six}
      - {tcp: 8004, pool: gue6}
      - {tcp: 8005, pool: direct6}"

lab_up --nodes 1 --reals 2

start_names() { # REAL
	start "$1-names" "$1" "$(command -v dnsmasq)" --keep-in-foreground --conf-file=/dev/null --pid-file \
		--user=root --no-resolv --no-hosts --local=/example.net/ \
		--host-record=www.example.net,192.0.2.1,2001:db8::1
}

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$LAB_DIR/key" -subj /CN=www \
	-days 90 -out "$LAB_DIR/cert" 2>/dev/null
for real in web1 web2; do
	start_names $real
	for family in 4 6; do
		start "$real-tls$family" $real openssl s_server -$family -accept 443 \
			-cert "$LAB_DIR/cert" -key "$LAB_DIR/key" -www -quiet
	done
	start $real-grpc $real "$LAB_LIB/health_server.py" '[::]:50051'
	start $real-udp6 $real "$(lab_program udp_echo)" $real 7 "fd00:b:$(number $real)::2"
done
start_node lb1

reals_of() { # STATE: the reals that are not in it
	shoal_on lb1 reals --json | jq -r --arg state "$1" \
		'[.reals[] | select(.state != $state) | .pool + "/" + .name] | join(" ")'
}

all_are() { # STATE
	[ -z "$(reals_of "$1")" ]
}

all_of_web1_up() {
	shoal_on lb1 reals --json | jq -e '[.reals[] | select(.name == "web1" and .state != "up")] == []'
}

# What the check of each way said last of web2, as "six timeout gue6 ok".
web2_says() { # KIND
	shoal_on lb1 reals --json | jq -r --arg kind "$1" --arg ways "$WAYS" '
		[.reals[] | select(.name == "web2") | .checks[] | {(.name): .reason}] | add as $said |
		[$ways | split(" ")[] | . + " " + $said[$kind + "-" + .]] | join(" ")'
}

web2_is() { # KIND TEXT
	[ "$(web2_says "$1")" = "$2" ]
}

all_say() { # REASON: of each way
	local way said=""
	for way in $WAYS; do
		said+="${said:+ }$way $1"
	done
	echo "$said"
}

expect_web2() { # SECONDS KIND TEXT
	poll_until "$1" web2_is "$2" "$3" || fail "$2 of web2: expected '$3', got '$(web2_says "$2")'"
}

test_that "every kind passes on every way"
poll_until 20 all_are up || fail "not up: $(reals_of up); $(shoal_on lb1 reals --json |
	jq -r '.reals[].checks[] | select(.reason != "ok") | .name + ": " + .reason + " " + .evidence')"
for way in $WAYS; do
	probed=$(shoal_on lb1 probe $way/web1) || fail "a probe of $way/web1 fails: $probed"
	[ $way != gue6 ] || echo "  ${probed//$'\n'/$'\n'  }"
	bytes=1500
	[ $way != direct6 ] || bytes=1600
	expect "$way: the echo of full size is told of: $probed" grep -q "echo of $bytes bytes answered" <<<"$probed"
done

test_that "closed ports are refused on every way, and nothing else fails"
for server in udp udp6 names tls4 tls6 grpc; do
	kill_hard web2-$server
done
for kind in udp dns dns-tcp tls https grpc; do
	expect_web2 10 $kind "$(all_say refused)"
done
for kind in tcp http icmp; do
	expect_web2 10 $kind "$(all_say ok)"
done

link_mtu() { # BYTES: of the ToR's link to web2
	ip -n "$(ns tor)" link set web2 mtu "$1"
}

test_that "a link that is too small is found on the ways that need more, and on no other"
link_mtu 1545
expect_web2 10 icmp "gue4 ok cross ok six ok gue6 mtu direct6 mtu"
link_mtu 1525
expect_web2 10 icmp "gue4 mtu cross ok six mtu gue6 mtu direct6 mtu"
link_mtu 1600

test_that "a real that answers no echoes fails icmp on every way"
on web2 sysctl -qw net.ipv4.icmp_echo_ignore_all=1 net.ipv6.icmp.echo_ignore_all=1
expect_web2 15 icmp "$(all_say timeout)"
expect_web2 10 http "$(all_say ok)"
on web2 sysctl -qw net.ipv4.icmp_echo_ignore_all=0 net.ipv6.icmp.echo_ignore_all=0

test_that "a lost VIP is found through the tunnels alone"
ip -n "$(ns web2)" addr del "$LAB_VIP6/128" dev lo
ip -n "$(ns web2)" addr del "$LAB_VIP4/32" dev lo
expect_web2 15 tcp "gue4 timeout cross timeout six timeout gue6 timeout direct6 ok"
expect_web2 15 icmp "gue4 timeout cross timeout six timeout gue6 timeout direct6 ok"

test_that "a lost mapping is the probe path's fault on every way, and takes no real down"
map=$(find "$(node_dir lb1)/bpf" -name '*steer_targets*' | head -n 1)
bpftool -j map dump pinned "$map" | jq -r '.[].key | join(" ")' | while read -r key; do
	# shellcheck disable=SC2086
	bpftool map delete pinned "$map" key $key
done
expect_for 2 "web1 stays up" all_of_web1_up
