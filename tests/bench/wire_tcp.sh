#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# wire_tcp.sh [--json] - new TCP connections a second: to a real directly, through Shoal, and
# through haproxy. Run by the bench wire, as its last part.
#
#   client1 ──┐         ┌── lb1     Shoal, announcing the VIP; and haproxy, mode tcp, port 8080
#             ├── tor ──┤
#             │         └── web1    nginx, and shoal-decap
#
#   tcp-direct     client1 ▶ web1
#   tcp-shoal      client1 ▶ VIP: tor ▶ lb1 ▶ tunnel ▶ web1; web1 answers client1 directly
#   tcp-haproxy    client1 ▶ lb1:8080 ▶ web1, and the answer through lb1 again
#
# A proxy of connections cannot take the raw frames of the other rows, so here wrk opens
# connections, each for one small request. The three ways take turns in every round; figures are
# medians over the rounds. Client, switch, node and real share this machine's CPUs, and most of a
# connection's cost is wrk's, nginx's and the kernel's, whatever stands between.
#
# Everything goes with lab.sh on any exit. Exit status: 77 when a program is missing, 1 when a
# request failed.
source "$(dirname "$0")/../lab/lab.sh"

readonly ROUNDS=9 SECONDS_EACH=2 CONNECTIONS=32
readonly ROWS=(direct shoal haproxy)
declare -A target=([direct]=http://10.1.1.2/ [shoal]=http://$LAB_VIP4/ [haproxy]=http://10.0.1.2:8080/)

main() {
	local round row
	need_programs
	site_up --nodes 1 --reals 1 --clients 1
	start_haproxy
	for row in "${ROWS[@]}"; do
		wait_for 10 "an answer from ${target[$row]}" on client1 curl -fs -o /dev/null "${target[$row]}"
	done
	for ((round = 0; round < ROUNDS; round++)); do
		for row in "${ROWS[@]}"; do
			run_series "$row"
		done
	done
	[ "${1:-}" = --json ] || printf '\n%-18s %14s %7s\n' row "connections/s" ratio
	for row in "${ROWS[@]}"; do
		print_row "$row" "${1:-}"
	done
	[ "${1:-}" = --json ] || print_meaning
}

# What the rows go to must hold nothing else.
skip() { # REASON
	echo "wire: no TCP rows: $*" >&2
	exit 77
}

need_programs() {
	local tool
	for tool in haproxy wrk; do
		command -v "$tool" >/dev/null || skip "$tool is missing; run packaging/install-packages run lab bench"
	done
}

# As many threads as there are CPUs, which is haproxy's default.
start_haproxy() {
	cat >"$LAB_DIR/haproxy.cfg" <<-EOF
		global
			maxconn 4096
		defaults
			mode tcp
			timeout connect 10s
			timeout client 30s
			timeout server 30s
		listen web
			bind 10.0.1.2:8080
			server web1 10.1.1.2:80
	EOF
	start haproxy lb1 haproxy -db -f "$LAB_DIR/haproxy.cfg"
}

# Connections a second that ended with an answer; a line a series.
run_series() { # ROW
	local out
	out=$(on client1 wrk -t 1 -c $CONNECTIONS -d ${SECONDS_EACH}s --timeout 10s -H 'Connection: close' "${target[$1]}") ||
		fail "wrk to ${target[$1]}: $out"
	! grep -E 'Socket errors|Non-2xx' <<<"$out" >&2 || fail "requests to ${target[$1]} failed, see above"
	awk '$1 == "Requests/sec:" { print $2 }' <<<"$out" >>"$LAB_DIR/$1.series"
}

median() { # ROW
	sort -n "$LAB_DIR/$1.series" | sed -n "$((ROUNDS / 2 + 1))p"
}

print_row() { # ROW [--json]
	local format='%-18s %14.0f %7.2f\n'
	[ "${2:-}" != --json ] || format='{"name":"%s","connections_per_s":%.0f,"ratio":%.3f}\n'
	awk -v format="$format" -v name="tcp-$1" -v rate="$(median "$1")" -v direct="$(median direct)" \
		'BEGIN { printf format, name, rate, rate / direct }'
}

print_meaning() {
	cat <<-EOF

		new TCP connections a second, a request each, $CONNECTIONS at a time, medians of $ROUNDS rounds of
		$SECONDS_EACH s; ratio: to tcp-direct. Client, switch, balancer and real share this machine's
		CPUs, so this is what a connection costs in all, not what a balancer could take alone
	EOF
}

main "$@"
