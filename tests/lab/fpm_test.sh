#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   lb1: shoald ◀─ FPM, 127.0.0.1:2620 ─ zebra -M dplane_fpm_nl, then -M fpm
#          └─ netlink ─▶ kernel ◀───────────┘ installs
#
# What zebra installed towards the reals shows, and where the kernel has something else. zebra comes,
# goes and restarts, strangers talk nonsense to the port, 100,000 routes pass: no announcement moves.
source "$(dirname "$0")/lab.sh"
site_up --nodes 1 --reals 3
routes=100000
modules=${*:-dplane_fpm_nl fpm}

# Restart zebra with this module and staticd with these routes; bgpd goes on.
start_zebra() { # MODULE ROUTE...
	local module=$1 dir
	shift
	dir=$(frr_dir lb1)
	{
		echo 'frr defaults traditional'
		[ "$module" = fpm ] || echo 'fpm address 127.0.0.1 port 2620'
	} >"$dir/zebra.conf"
	{
		echo 'frr defaults traditional'
		printf 'ip route %s\n' "$@"
	} >"$dir/staticd.conf"
	frr_start lb1 zebra -s 90000000 -M "$module"
	wait_for 10 "zebra answers" frr_answers lb1 zebra
	frr_start lb1 staticd
	wait_for 10 "staticd answers" frr_answers lb1 staticd
}

# zebra first: it would take back the routes of a staticd that goes.
stop_zebra() {
	kill_hard lb1-zebra
	kill_hard lb1-staticd
}

static_route() { # LINE: typed by an operator
	vtysh_on lb1 -d staticd -c 'configure terminal' -c "$1" >/dev/null
}

routes_say() { # JQ-EXPRESSION on shoal routes --json
	shoal_on lb1 routes --json | jq -e "$1" >/dev/null
}

# The way to a real as zebra installed it: PREFIX VIA...
zebra_leads() { # REAL PREFIX VIA...
	local real=$1 prefix=$2
	shift 2
	[ "$(shoal_on lb1 routes "web/$real" --json |
		jq -r '.ways[0].zebra | [.prefix, .next_hops[].via] | join(" ")')" = "$prefix $*" ]
}

way_is() { # REAL DIFFERENCE
	[ "$(shoal_on lb1 routes "web/$1" --json | jq -r '.ways[0].difference')" = "$2" ]
}

zebra_is() { # STATE
	[ "$(status_of lb1 .zebra.state)" = "$1" ]
}

memory_kib() {
	awk '$1 == "VmRSS:" { print $2 }' "/proc/$(pid_of lb1-shoald)/status"
}

messages_reach() { # COUNT
	(($(status_of lb1 .zebra.messages) >= $1))
}

say_to_port() { # TEXT: a stranger connects, and stays until he is hung up on
	# shellcheck disable=SC2016 # expanded by the inner shell
	on lb1 timeout 20 bash -c 'exec 3<>/dev/tcp/127.0.0.1/2620; printf "$1" >&3; cat <&3' stranger "$1" >/dev/null 2>&1
}

faults_are() { # COUNT WORD: and the last one has this word
	[ "$(status_of lb1 '.zebra.faults')" = "$1" ] && [[ $(status_of lb1 .zebra.fault) == *$2* ]]
}

test_that "without zebra the node serves, and says that nobody has connected"
expect "waiting" zebra_is waiting
stop lb1-zebra
start_route_watch watch

for module in $modules; do
	test_that "$module: what zebra installed towards the reals shows"
	start_zebra "$module" '10.1.0.0/16 10.0.1.1' '10.1.2.0/24 10.0.1.1'
	wait_for 20 "zebra sent what it has" zebra_is synced
	wait_for 10 "the way to web1" zebra_leads web1 10.1.0.0/16 10.0.1.1
	wait_for 10 "the way to web2" zebra_leads web2 10.1.2.0/24 10.0.1.1
	wait_for 10 "the kernel has the same" way_is web1 same
	wait_for 10 "also towards VIPs, which go the default way" \
		routes_say '[.routes[] | select(.installed.zebra.prefix == "0.0.0.0/0" and .installed.difference == "same")] | length == 1'
	wait_for 10 "and in IPv6" \
		routes_say '[.routes[] | select(.installed.zebra.prefix == "::/0" and .installed.difference == "same")] | length == 1'

	test_that "$module: several next hops show, and go"
	static_route 'ip route 10.1.0.0/16 10.0.1.9'
	wait_for 10 "two next hops" zebra_leads web1 10.1.0.0/16 10.0.1.1 10.0.1.9
	wait_for 10 "the kernel has the same" way_is web1 same
	static_route 'no ip route 10.1.0.0/16 10.0.1.9'
	wait_for 10 "one next hop" zebra_leads web1 10.1.0.0/16 10.0.1.1
	wait_for 10 "the kernel has the same" way_is web1 same

	test_that "$module: a route that zebra does not know shows as a difference"
	ip -n "$(ns lb1)" route add 10.1.1.0/24 via 10.0.1.1 proto bgp
	began=$(now_ms)
	wait_for 10 "zebra lacks the route" way_is web1 zebra-lacks-route
	echo "  seen after $(($(now_ms) - began)) ms"
	expect "web2 is not touched by it" way_is web2 same
	ip -n "$(ns lb1)" route del 10.1.1.0/24
	wait_for 10 "the same again" way_is web1 same

	test_that "$module: a route deleted behind the back of a zebra that hangs shows, with since when"
	send_signal STOP lb1-zebra
	ip -n "$(ns lb1)" route del 10.1.0.0/16
	began=$(now_ms)
	wait_for 10 "the kernel lacks the route" way_is web1 kernel-lacks-route
	echo "  seen after $(($(now_ms) - began)) ms"
	expect "web2 is not touched by it" way_is web2 same
	wait_for 30 "shoal status warns" eval 'shoal_on lb1 status | grep -q "is not as zebra installed it"'
	expect "with its age" routes_say '[.ways[] | select(.differs and .age_s > 5)] | length == 2'
	send_signal CONT lb1-zebra
	wait_for 20 "zebra put it back" way_is web1 same

	test_that "$module: zebra killed is seen, and its routes after the restart are those it has then"
	stop_zebra
	wait_for 10 "zebra is gone" zebra_is gone
	expect "its last word stays" zebra_leads web2 10.1.2.0/24 10.0.1.1
	# zebra 8.4 reads what its predecessor left in the kernel and sweeps it, unless it starts so
	# fast that it sweeps first: then it keeps the route, in its table and the kernel's.
	ip -n "$(ns lb1)" route del 10.1.2.0/24
	start_zebra "$module" '10.1.0.0/16 10.0.1.1'
	wait_for 20 "zebra is back, and sent what it has" zebra_is synced
	wait_for 10 "what it has no more is gone" zebra_leads web2 10.1.0.0/16 10.0.1.1

	test_that "$module: a reload with fewer reals changes nothing, one with more makes zebra send all again"
	resends=$(status_of lb1 .zebra.resends)
	node_write_config lb1 web1 web2
	shoal_on lb1 reload >/dev/null
	expect "nothing was asked again" [ "$(status_of lb1 .zebra.resends)" = "$resends" ]
	node_write_config lb1
	shoal_on lb1 reload >/dev/null
	wait_for 45 "zebra was made to send again" eval '[ "$(status_of lb1 .zebra.resends)" = '$((resends + 1))' ]'
	wait_for 20 "zebra sent what it has" zebra_is synced
	wait_for 10 "the way to the new real" zebra_leads web3 10.1.0.0/16 10.0.1.1

	test_that "$module: many routes pass, and memory does not grow with them"
	before=$(memory_kib) sent=$(status_of lb1 .zebra.messages)
	for ((i = 0; i < routes; i++)); do
		echo "route add 44.$((i >> 16)).$((i >> 8 & 255)).$((i & 255))/32 via 10.0.1.1 proto 77"
	done | ip -n "$(ns lb1)" -batch -
	wait_for 120 "zebra told of $routes" messages_reach $((sent + routes))
	echo "  $(($(memory_kib) - before)) KiB more than before $routes routes, $(status_of lb1 .zebra.routes) kept"
	(($(memory_kib) < before + 4096)) || fail "memory grew from $before KiB to $(memory_kib)"
	(($(status_of lb1 .zebra.routes) < 20)) || fail "routes of no concern are kept"
	ip -n "$(ns lb1)" route flush proto 77
	stop_zebra
done

test_that "strangers on the port are hung up on, with a reason"
before=$(status_of lb1 .zebra.faults)
say_to_port 'GET / HTTP/1.1\r\n\r\n'
wait_for 5 "an unknown version" faults_are $((before + 1)) 'frame of version 71'
say_to_port '\1\1\377\377'
wait_for 5 "an oversized frame" faults_are $((before + 2)) 'frame of 65535 bytes'
say_to_port '\1\1\0\30\24\0\0\0\30\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0'
wait_for 5 "a message without a route" faults_are $((before + 3)) 'malformed route'
say_to_port '\1\1\0\100zebra'
wait_for 20 "half a frame" faults_are $((before + 4)) 'a frame that does not end'

test_that "and in all that time no announcement moved"
expect_no_route_change watch
expect "both VIPs lead to lb1" tor_routes_via lb1 "$LAB_VIP4" "$LAB_VIP6"
expect_equal "states of the VIPs" announced "$(status_of lb1 '[.vips[].state] | unique | join(" ")')"
