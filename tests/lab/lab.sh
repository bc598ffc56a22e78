# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# lab.sh - an anycast site in network namespaces, as a library for the lab tests and quickstart.
#
#   client1 ─┐                     ┌─ lb1     nodes: FRR bgpd + zebra, shoald, shoal-probe, shoal-guard
#   client2 ─┤        ┌─────┐      ├─ lb2
#            ├────────┤ tor ├──────┤
#            │        └─────┘      ├─ web1    reals: nginx on the VIPs, shoal-decap on eth0
#            │      FRR, kernel    ├─ web2
#            │      ECMP           └─ web3
#
#   link            ToR's side                 the other side's eth0       MTU
#   clientN         10.9.N.1  fd00:c:N::1      10.9.N.2  fd00:c:N::2       1500
#   lbN             10.0.N.1  fd00:a:N::1      10.0.N.2  fd00:a:N::2       1600
#   webN            10.1.N.1  fd00:b:N::1      10.1.N.2  fd00:b:N::2       1600
#
# Every link is a veth whose end on the ToR is called like the machine behind it, so the ToR's own
# route table reads "nexthop ... dev lb1". Everything lives in one directory (LAB_DIR) and in
# namespaces that carry one prefix (LAB_PREFIX); LAB_DIR holds what lab_down needs, so another
# shell can take the site down. Only processes recorded there are ever signalled.
#
# Why the odd settings: veth delivers XDP_TX only to a peer with an XDP program, and frames that
# an XDP program resends lose the mark of an unfinished checksum; so the ToR's ends towards nodes
# and reals carry xdp_pass and compute checksums themselves.
#
# Callers: source this file, site_up (or lab_up, without Shoal) with options, use the helpers;
# everything goes on any exit.

LAB_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
LAB_LIB=$LAB_TOP/tests/lab
# shellcheck source=tests/lab/check.sh
source "$LAB_LIB/check.sh"
# shellcheck source=tests/lab/frr.sh
source "$LAB_LIB/frr.sh"
# shellcheck source=tests/lab/reals.sh
source "$LAB_LIB/reals.sh"
# shellcheck source=tests/lab/nodes.sh
source "$LAB_LIB/nodes.sh"
# shellcheck source=tests/lab/clients.sh
source "$LAB_LIB/clients.sh"

LAB_BUILD=${LAB_BUILD:-$LAB_TOP/build}
LAB_VIP4=203.0.113.10
LAB_VIP6=2001:db8:cafe::10
LAB_RANGE4=203.0.113.0/24
LAB_RANGE6=2001:db8:cafe::/48
LAB_AS_TOR=65000
LAB_AS_NODES=65010

# lab_up [--nodes N] [--reals N] [--clients N] [--dir DIR] [--prefix P] [--keep]
# The network, FRR everywhere, nginx and decapsulation on the reals. Shoal itself is started by
# the caller (start_node). --keep leaves it up when the caller ends.
lab_up() {
	local nodes=2 reals=3 clients=1 dir='' prefix='' keep=no
	while (($# > 0)); do
		case $1 in
		--nodes) nodes=$2 && shift ;;
		--reals) reals=$2 && shift ;;
		--clients) clients=$2 && shift ;;
		--dir) dir=$2 && shift ;;
		--prefix) prefix=$2 && shift ;;
		--keep) keep=yes ;;
		*) fail "lab_up: unknown option $1" ;;
		esac
		shift
	done
	lab_require
	mapfile -t LAB_NODES < <(lab_names lb "$nodes")
	mapfile -t LAB_REALS < <(lab_names web "$reals")
	mapfile -t LAB_CLIENTS < <(lab_names client "$clients")
	lab_own "$dir" "$prefix"
	[ "$keep" = yes ] || lab_trap
	lab_wire
	lab_start_frr
	lab_start_reals
}

# lab_up, then Shoal on every node, until the ToR leads both VIPs to all of them.
site_up() { # the options of lab_up
	lab_up "$@"
	local node
	for node in "${LAB_NODES[@]}"; do
		start_node "$node"
	done
	wait_for 15 "a BGP session with every node" tor_established "${#LAB_NODES[@]}"
	wait_for 20 "both VIPs announced by ${LAB_NODES[*]}" \
		tor_routes_via "${LAB_NODES[*]}" "$LAB_VIP4" "$LAB_VIP6"
}

lab_names() { # PREFIX COUNT
	local i
	for ((i = 1; i <= $2; i++)); do
		echo "$1$i"
	done
}

# What this machine must have; a test that lacks it is skipped and says why.
lab_require() {
	((EUID == 0)) || skip "needs root; run it with sudo"
	local tool
	for tool in ip bpftool curl jq ethtool nginx setpriv vtysh /usr/lib/frr/bgpd; do
		command -v "$tool" >/dev/null || skip "$tool is missing; run packaging/install-packages run lab"
	done
	[ -e "$(lab_object xdp_pass)" ] || skip "tests/lib/xdp_pass.bpf.o is not built; run meson compile -C build"
}

lab_object() { # NAME: a BPF object of tests/lib
	echo "$LAB_BUILD/tests/lib/$1.bpf.o"
}

# The directory and the prefix, and with them the right to remove what carries them.
lab_own() { # [DIR] [PREFIX]
	if [ -n "$1" ]; then
		LAB_DIR=$1
		mkdir "$LAB_DIR" || fail "$LAB_DIR exists: a site is up already"
	else
		LAB_DIR=$(mktemp -d /run/shoal-lab.XXXXXX)
	fi
	LAB_PREFIX=${2:-shoal-${LAB_DIR##*.}-}
	chmod 755 "$LAB_DIR"
	mkdir "$LAB_DIR/pids" "$LAB_DIR/log"
	echo "$LAB_PREFIX" >"$LAB_DIR/prefix"
	printf '%s\n' "${LAB_NODES[@]}" >"$LAB_DIR/nodes"
	: >"$LAB_DIR/namespaces"
	: >"$LAB_DIR/mounts"
}

lab_trap() {
	trap lab_exit EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
}

lab_exit() {
	local status=$?
	((status == 0 || status == 77)) || lab_autopsy
	lab_down "$LAB_DIR"
	exit $status
}

ns() { # MACHINE: the name of its namespace
	echo "$LAB_PREFIX$1"
}

on() { # MACHINE COMMAND...
	local machine=$1
	shift
	ip netns exec "$LAB_PREFIX$machine" "$@"
}

number() { # MACHINE: lb2 -> 2
	echo "${1##*[a-z]}"
}

# --- network ---------------------------------------------------------------------------------

lab_wire() {
	local machine
	lab_add_machine tor
	tor_sysctls
	for machine in "${LAB_NODES[@]}"; do
		lab_link "$machine" 10.0 fd00:a 1600
	done
	for machine in "${LAB_REALS[@]}"; do
		lab_link "$machine" 10.1 fd00:b 1600
	done
	for machine in "${LAB_CLIENTS[@]}"; do
		lab_link "$machine" 10.9 fd00:c 1500
	done
}

lab_add_machine() { # MACHINE
	local name
	name=$(ns "$1")
	ip netns add "$name" || fail "cannot make the namespace $name"
	echo "$name" >>"$LAB_DIR/namespaces"
	mkdir "$LAB_DIR/$1"
	on "$1" sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 \
		net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 \
		net.ipv6.conf.all.keep_addr_on_down=1 net.ipv6.conf.default.keep_addr_on_down=1 \
		net.ipv6.conf.all.accept_ra=0 net.ipv6.conf.default.accept_ra=0 ||
		fail "cannot set up the namespace $name; ip netns exec needs a root file system that is a mount"
	ip -n "$name" link set lo up
}

tor_sysctls() {
	on tor sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 \
		net.ipv4.fib_multipath_hash_policy=1 net.ipv6.fib_multipath_hash_policy=1 \
		net.ipv4.conf.all.ignore_routes_with_linkdown=1
}

# One machine and its link to the ToR.
lab_link() { # MACHINE NET4 NET6 MTU
	local machine=$1 net4 net6 mtu=$4 name
	net4=$2.$(number "$1") net6=$3:$(number "$1")
	lab_add_machine "$machine"
	name=$(ns "$machine")
	ip link add "$machine" netns "$(ns tor)" mtu "$mtu" type veth peer name eth0 netns "$name" mtu "$mtu"
	ip -n "$(ns tor)" addr add "$net4.1/24" dev "$machine"
	ip -n "$(ns tor)" addr add "$net6::1/64" dev "$machine" nodad
	ip -n "$name" addr add "$net4.2/24" dev eth0
	ip -n "$name" addr add "$net6::2/64" dev eth0 nodad
	ip -n "$(ns tor)" link set "$machine" up
	ip -n "$name" link set eth0 up
	ip -n "$name" route add default via "$net4.1"
	ip -n "$name" -6 route add default via "$net6::1"
	((mtu == 1500)) || lab_ready_for_xdp "$machine"
}

# What an XDP program behind this link needs of it; see the top of the file.
lab_ready_for_xdp() { # MACHINE
	on tor ethtool -K "$1" tx off >/dev/null
	on "$1" ethtool -K eth0 tx off rxvlan off rx-vlan-stag-hw-parse off >/dev/null
	ip -n "$(ns tor)" link set dev "$1" xdpdrv object "$(lab_object xdp_pass)" section xdp
}

# A BPF file system of its own, for what a machine pins. Not below /sys: every "ip netns exec" mounts
# another /sys.
mount_bpffs() { # MACHINE
	mkdir "$LAB_DIR/$1/bpf"
	mount -t bpf -o "mode=0750,nosuid,nodev,noexec" "$LAB_PREFIX$1" "$LAB_DIR/$1/bpf" ||
		fail "cannot mount a BPF file system on $LAB_DIR/$1/bpf"
	echo "$LAB_DIR/$1/bpf" >>"$LAB_DIR/mounts"
}

# --- processes -------------------------------------------------------------------------------

# Start a process on a machine, in a session of its own so that a Ctrl-C reaches only us; its
# output goes to the log directory (8 and 9 are where quickstart keeps its own). NAME is what stop
# and is_running call it.
start() { # NAME MACHINE COMMAND...
	local name=$1 machine=$2
	shift 2
	setsid ip netns exec "$(ns "$machine")" "$@" </dev/null >>"$LAB_DIR/log/$name" 2>&1 8>&- 9>&- &
	local pid=$!
	disown "$pid"
	echo "$pid $(start_time "$pid")" >"$LAB_DIR/pids/$name"
}

# A number that tells a process from a later one with the same pid.
start_time() { # PID
	local stat
	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 0
	# The name in parentheses may hold anything; count the fields after it.
	# shellcheck disable=SC2086
	set -- ${stat##*) }
	echo "${20}"
}

pid_of() { # NAME: its pid while it lives
	local pid born
	{ read -r pid born <"$LAB_DIR/pids/$1"; } 2>/dev/null || return 1
	[ -n "$born" ] && [ "$(start_time "$pid")" = "$born" ] && [ "$(process_state "$pid")" != Z ] && echo "$pid"
}

process_state() { # PID: R, S, Z ...
	local stat
	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 0
	stat=${stat##*) }
	echo "${stat%% *}"
}

is_running() { # NAME
	pid_of "$1" >/dev/null
}

is_gone() { # NAME
	! pid_of "$1" >/dev/null
}

send_signal() { # SIGNAL NAME: to the process and its children (its session's group)
	local pid
	pid=$(pid_of "$2") || return 0
	kill "-$1" -- "-$pid" 2>/dev/null || kill "-$1" "$pid" 2>/dev/null
}

# End a process kindly, or after 3 s for certain.
stop() { # NAME
	send_signal TERM "$1"
	poll_until 3 is_gone "$1" || send_signal KILL "$1"
	poll_until 2 is_gone "$1" && rm -f "$LAB_DIR/pids/$1"
}

kill_hard() { # NAME: SIGKILL, as a crash
	send_signal KILL "$1"
	poll_until 2 is_gone "$1" || fail "$1 survived SIGKILL"
	rm -f "$LAB_DIR/pids/$1"
}

# What a failed test leaves for its reader, in the log directory: what each machine knows and counted.
lab_autopsy() {
	local name machine
	while read -r name; do
		machine=${name#"$LAB_PREFIX"}
		{
			ip -n "$name" addr
			ip -n "$name" route
			ip -n "$name" -6 route
			ip -n "$name" neigh
			on "$machine" nstat -asz | awk '$2 > 0'
			for link in $(ip -n "$name" -br link | awk '$1 != "lo" { sub("@.*", "", $1); print $1 }'); do
				on "$machine" ethtool -S "$link" | grep -v ': 0$'
			done
			[ ! -S "$LAB_DIR/$machine/run/read.sock" ] || shoal_on "$machine" status --json
			[[ $machine != web* ]] || decap_on "$machine" status
		} >"$LAB_DIR/log/autopsy-$machine" 2>&1
	done <"$LAB_DIR/namespaces"
}

# --- down ------------------------------------------------------------------------------------

# Take a site down from what its directory says; fine when half of it never came up.
lab_down() { # DIR
	LAB_DIR=$1
	[ -d "$LAB_DIR/pids" ] || return 0
	trap '' INT TERM HUP
	local file path name
	LAB_PREFIX=$(cat "$LAB_DIR/prefix")
	for file in "$LAB_DIR"/pids/*; do
		[ -e "$file" ] && send_signal KILL "${file##*/}"
	done
	for file in "$LAB_DIR"/pids/*; do
		[ -e "$file" ] && poll_until 2 is_gone "${file##*/}"
	done
	while read -r path; do
		umount "$path" 2>/dev/null || umount -l "$path" 2>/dev/null
	done <"$LAB_DIR/mounts"
	while read -r name; do
		ip netns del "$name" 2>/dev/null
	done <"$LAB_DIR/namespaces"
	if [ -n "${LAB_KEEP_LOGS:-}" ]; then
		cp -r "$LAB_DIR/log" "$LAB_KEEP_LOGS/" 2>/dev/null
	fi
	rm -rf --one-file-system "$LAB_DIR"
}
