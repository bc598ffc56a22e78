#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# routing_site.sh routes|drain ANSWERS - the site of the bench routing, taken from the lab: makes it,
# then does what the lines of its standard input say and answers each with "ok ..." on the descriptor
# ANSWERS. Everything goes when the input ends.
#
#   routes   lb1 and web1; 198.18.0.0/16 is Shoal's, 198.19.0.0/16 is free for the floor. BFD 100 ms x 3.
#   drain    the lab's ordinary site: lb1 and lb2, three reals, one client
#
# shellcheck source=tests/lab/lab.sh
source "$(dirname "$0")/../lab/lab.sh"
kind=$1 answers=$2
exec >&2

answer() {
	echo "ok $*" >&"$answers"
}

main() {
	if [ "$kind" = drain ]; then
		lab_up --nodes 2 --reals 3 --clients 1
	else
		LAB_RANGE4=198.18.0.0/15 LAB_BFD=100 LAB_MAX_PREFIXES=20000
		lab_up --nodes 1 --reals 1 --clients 0
	fi
	answer "$LAB_DIR" "$LAB_PREFIX"
	local command arguments
	while read -r command arguments; do
		# shellcheck disable=SC2086 # words on purpose
		"do_${command//-/_}" $arguments
	done
}

# --- routes ----------------------------------------------------------------------------------

# Shoal on lb1 with one VIP of pool `one` and COUNT of pool `many`.
do_serve() { # COUNT
	local running=no
	is_running lb1-shoald && running=yes
	[ $running = yes ] || node_prepare lb1
	write_config "$1" >"$LAB_DIR/lb1/shoal.yaml"
	if [ $running = yes ]; then
		shoal_on lb1 reload >/dev/null || fail "shoal reload"
	else
		start_shoald lb1
		start_probe lb1
		start_guard lb1
	fi
	answer
}

write_config() { # COUNT
	local i
	cat <<-EOF
		node:
		  name: lb1
		  uplinks: [eth0]
		  mtu: 1600
		  client-mtu: 1500
		  encap-source: {ipv4: 10.0.1.2, ipv6: "fd00:a:1::2"}
		routing:
		  vty: $(frr_dir lb1)
		  local-as: $LAB_AS_NODES
		  vip-ranges: [198.18.0.0/16]
		  peers: {tor1: 10.0.1.1, tor2: 10.0.1.3}
		  warm-up: 0s
		  hold-down: 0s
		  linger: 0s
		checks:
		  alive: {type: tcp, interval: 1s, timeout: 1s, via: direct}
		pools:
		  one: {check: alive, reals: {web1: 10.1.1.2}}
		  many: {check: alive, reals: {web1: 10.1.1.2}}
		vips:
		  one: {address: 198.18.255.1, services: [{tcp: 80, pool: one}]}
	EOF
	for ((i = 0; i < $1; i++)); do
		echo "  v$i: {address: 198.18.$((i / 256)).$((i % 256)), services: [{tcp: 80, pool: many}]}"
	done
}

do_pid() { # NAME
	answer "$(pid_of "$1")"
}

# A second session beside the first, from which the ToR takes nothing.
do_second_peer() {
	ip -n "$(ns tor)" addr add 10.0.1.3/24 dev lb1
	ip -n "$(ns lb1)" addr add 10.0.1.4/24 dev eth0
	vtysh_on tor -d bgpd -c 'configure terminal' -c "router bgp $LAB_AS_TOR" \
		-c 'neighbor 10.0.1.4 peer-group LB' -c 'neighbor 10.0.1.4 update-source 10.0.1.3' \
		-c 'address-family ipv4 unicast' -c 'neighbor 10.0.1.4 route-map TO-LB in'
	vtysh_on lb1 -d bgpd -c 'configure terminal' -c "router bgp $LAB_AS_NODES" \
		-c 'neighbor 10.0.1.3 remote-as external' -c 'neighbor 10.0.1.3 peer-group TOR' \
		-c 'neighbor 10.0.1.3 update-source 10.0.1.4' -c 'neighbor 10.0.1.3 timers connect 1' \
		-c 'address-family ipv4 unicast' -c 'neighbor 10.0.1.3 activate' \
		-c 'neighbor 10.0.1.3 route-map FROM-TOR4 in' -c 'neighbor 10.0.1.3 route-map TO-TOR4 out'
	wait_for 20 "both sessions" tor_established 2
	answer
}

do_no_second_peer() {
	vtysh_on tor -d bgpd -c 'configure terminal' -c "router bgp $LAB_AS_TOR" -c 'no neighbor 10.0.1.4'
	vtysh_on lb1 -d bgpd -c 'configure terminal' -c "router bgp $LAB_AS_NODES" -c 'no neighbor 10.0.1.3'
	answer
}

do_kill_bgpd() {
	kill_bgpd lb1
	answer
}

do_start_bgpd() {
	frr_start lb1 bgpd
	answer
}

# What comes from lb1 is lost: it died without a word, its carrier stays.
do_die() {
	on tor nft 'add table netdev dead; add chain netdev dead in { type filter hook ingress device lb1 priority 0; policy drop; }' ||
		fail "nft cannot drop what lb1 sends"
	answer
}

do_live() {
	on tor nft delete table netdev dead
	wait_for 30 "the session and BFD" session_lives
	answer
}

do_wait_bfd() {
	wait_for 30 "the session and BFD" session_lives
	answer
}

session_lives() {
	tor_established 1 && bfd_is_up tor && bfd_is_up lb1
}

# --- drain -----------------------------------------------------------------------------------

do_serve_site() {
	local node
	for node in "${LAB_NODES[@]}"; do
		start_node "$node"
	done
	wait_for 30 "both VIPs announced by both nodes" tor_routes_via "${LAB_NODES[*]}" "$LAB_VIP4" "$LAB_VIP6"
	answer
}

# Downloads in the background, each 3 MB at so many bytes a second.
do_downloads() { # COUNT RATE
	n_downloads=$1
	rm -f "$LAB_DIR/log/downloads"
	start downloads client1 curl -sZ --no-progress-meter --parallel-max "$1" --parallel-immediate \
		-H 'Connection: close' -o /dev/null -w '%{http_code} %{exitcode} %{size_download}\n' \
		"http://$LAB_VIP4/random?rate=$2&x=[1-$1]"
	wait_for 20 "all downloads run" downloads_run
	answer
}

downloads_run() {
	(($(on client1 ss -Htn state established "dst $LAB_VIP4" | wc -l) == n_downloads))
}

# How many of them did not end whole.
do_downloads_lost() {
	wait_for 200 "the downloads end" is_gone downloads
	answer "$((n_downloads - $(grep -c '^200 0 3000000$' "$LAB_DIR/log/downloads")))"
}

# How many of them still run.
do_downloads_left() {
	answer "$(on client1 ss -Htn state established "dst $LAB_VIP4" | wc -l)"
}

# Datagrams that reached a machine and found its program's buffer full: no router lost them.
do_buffers_full() {
	local machine sum=0
	for machine in client1 "${LAB_REALS[@]}"; do
		sum=$((sum + $(on "$machine" nstat -asz UdpRcvbufErrors | awk '$1 == "UdpRcvbufErrors" { print $2 }')))
	done
	answer "$sum"
}

do_drain() { # NODE
	shoal_on "$1" drain --wait --reason bench || fail "shoal drain: exit status $?"
	wait_for 20 "the ToR leads to the other node alone" tor_routes_via "${LAB_NODES[1]}" "$LAB_VIP4"
	answer
}

do_undrain() { # NODE
	shoal_on "$1" undrain || fail "shoal undrain: exit status $?"
	wait_for 20 "the ToR leads to both nodes" tor_routes_via "${LAB_NODES[*]}" "$LAB_VIP4"
	answer
}

main
