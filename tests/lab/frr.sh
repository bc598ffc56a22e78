# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# frr.sh - FRR on the ToR and on the nodes, and what the ToR knows. Sourced by lab.sh.
#
# Each FRR has sockets, configuration and logs in its own directory below LAB_DIR; nothing under
# /etc/frr or /run/frr is read or written. /var/tmp, where FRR insists on a crash directory, is
# covered inside the daemon's own mount namespace.
#
# LAB_BFD: set, every session has BFD, LAB_BFD milliseconds times three. LAB_MAX_PREFIXES: how many
# prefixes a session carries. LAB_TOR=none: the ToR's routing daemon is the test's affair.

lab_start_frr() {
	local node machines=("${LAB_NODES[@]}")
	if [ "${LAB_TOR:-frr}" = frr ]; then
		machines=(tor "${LAB_NODES[@]}")
		frr_write_tor
	fi
	for node in "${LAB_NODES[@]}"; do
		frr_write_node "$node"
	done
	for node in "${machines[@]}"; do
		frr_start "$node" zebra
	done
	for node in "${machines[@]}"; do
		wait_for 10 "zebra of $node answers" frr_answers "$node" zebra
		[ -z "${LAB_BFD:-}" ] || frr_start "$node" bfdd
		frr_start "$node" bgpd
	done
	for node in "${machines[@]}"; do
		wait_for 10 "bgpd of $node answers" frr_answers "$node" bgpd
	done
}

frr_dir() { # MACHINE
	echo "$LAB_DIR/$1/frr"
}

frr_start() { # MACHINE DAEMON [ARGUMENT...]
	local dir more=("${@:3}")
	dir=$(frr_dir "$1")
	rm -f "$dir/$2.vty"
	[ "$2" != bfdd ] || more+=(--bfdctl "$dir/bfdd.sock")
	# shellcheck disable=SC2016 # expanded by the inner shell
	start "$1-$2" "$1" bash -c 'mount --bind "$1" /var/tmp && shift && exec "$@"' frr "$dir/tmp" \
		"/usr/lib/frr/$2" --vty_socket "$dir" -z "$dir/zserv.api" -i "$dir/$2.pid" \
		-f "$dir/$2.conf" -P 0 --log stdout --log-level notifications "${more[@]}"
}

frr_answers() { # MACHINE DAEMON
	is_running "$1-$2" && vtysh_on "$1" -d "$2" -c 'show version'
}

vtysh_on() { # MACHINE ARGUMENT...
	local dir
	dir=$(frr_dir "$1")
	shift
	vtysh --vty_socket "$dir" --config_dir "$dir" "$@"
}

frr_directory() { # MACHINE
	local dir
	dir=$(frr_dir "$1")
	install -d -o frr -g frr -m 755 "$dir" "$dir/tmp"
	: >"$dir/vtysh.conf"
	printf 'frr defaults traditional\n' >"$dir/zebra.conf"
	[ -z "${LAB_BFD:-}" ] || cat >"$dir/bfdd.conf" <<-EOF
		bfd
		 profile lab
		  detect-multiplier 3
		  receive-interval $LAB_BFD
		  transmit-interval $LAB_BFD
		 exit
		exit
	EOF
}

# The ToR takes nothing but VIPs from the nodes, and sends them nothing.
frr_write_tor() {
	frr_directory tor
	{
		cat <<-EOF
			frr defaults traditional
			bgp route-map delay-timer 1
			ip prefix-list VIP4 seq 5 permit $LAB_RANGE4 ge 32
			ipv6 prefix-list VIP6 seq 5 permit $LAB_RANGE6 ge 128
			route-map FROM-LB4 permit 10
			 match ip address prefix-list VIP4
			exit
			route-map FROM-LB6 permit 10
			 match ipv6 address prefix-list VIP6
			 set ipv6 next-hop prefer-global
			exit
			route-map TO-LB deny 10
			exit
			router bgp $LAB_AS_TOR
			 bgp router-id 10.255.0.1
			 no bgp default ipv4-unicast
			 bgp bestpath as-path multipath-relax
			 coalesce-time 0
			 neighbor LB peer-group
			 neighbor LB remote-as external
			 neighbor LB ttl-security hops 1
			 neighbor LB timers 3 9
			 neighbor LB timers connect 1
			 ${LAB_BFD:+neighbor LB bfd profile lab}
		EOF
		local node
		for node in "${LAB_NODES[@]}"; do
			echo " neighbor 10.0.$(number "$node").2 peer-group LB"
			echo " neighbor 10.0.$(number "$node").2 description $node"
		done
		frr_families
	} >"$(frr_dir tor)/bgpd.conf"
}

# A node as its operator would set it up: what frr-config prints for its peer. LAB_FRR_OPTIONS may
# hold more options of it (an array); without BFD unless asked, for a busy test machine misses 300 ms.
frr_write_node() { # NODE
	local shoal daemon options=("${LAB_FRR_OPTIONS[@]}")
	[ -n "${LAB_BFD:-}" ] || options+=(--no-bfd)
	shoal=$(lab_program shoal) || fail "shoal is not built in $LAB_BUILD"
	frr_directory "$1"
	frr_wishes "$1" >"$LAB_DIR/$1/frr.yaml"
	for daemon in zebra bfdd bgpd; do
		"$shoal" frr-config --config "$LAB_DIR/$1/frr.yaml" --peer-as $LAB_AS_TOR \
			--router-id "10.255.1.$(number "$1")" --daemon $daemon "${options[@]}" \
			>"$(frr_dir "$1")/$daemon.conf" || fail "shoal frr-config for $1"
	done
	sed -i "s/maximum-prefix-out .*/maximum-prefix-out ${LAB_MAX_PREFIXES:-1000}/" "$(frr_dir "$1")/bgpd.conf"
	sed -i "s/-interval .*/-interval ${LAB_BFD:-100}/" "$(frr_dir "$1")/bfdd.conf"
}

# What a node's shoal.yaml says to FRR; the file itself is written when Shoal starts.
frr_wishes() { # NODE
	cat <<-EOF
		node: {name: $1, uplinks: [eth0]}
		routing:
		  vty: $(frr_dir "$1")
		  local-as: $LAB_AS_NODES
		  vip-ranges: [$LAB_RANGE4, "$LAB_RANGE6"]
		  peers: {tor1: "$(node_peer "$1")"}
		pools:
		  web: {check: none, reals: {web1: 10.1.1.2}}
		vips:
		  www4: {address: ${LAB_RANGE4%/*}, services: [{tcp: 80, pool: web}]}
		  www6: {address: "${LAB_RANGE6%/*}", services: [{tcp: 80, pool: web}]}
	EOF
}

# The ToR as the node knows it: LAB_PEER, or its address on the link.
node_peer() { # NODE
	echo "${LAB_PEER:-10.0.$(number "$1").1}"
}

# Both address families of the ToR's nodes.
frr_families() {
	local family
	for family in 4 6; do
		cat <<-EOF
			 address-family ipv$family unicast
			  neighbor LB activate
			  neighbor LB route-map FROM-LB$family in
			  neighbor LB route-map TO-LB out
			  neighbor LB maximum-prefix ${LAB_MAX_PREFIXES:-1000}
			  maximum-paths 16
			 exit-address-family
		EOF
	done
	echo exit
}

# --- what the ToR knows ----------------------------------------------------------------------

tor_established() { # COUNT: that many sessions are up
	local up
	up=$(vtysh_on tor -c 'show bgp summary json' |
		jq '[(.ipv4Unicast.peers // {})[] | select(.state == "Established")] | length')
	((up == $1))
}

# The nodes in the ToR's kernel route for an address, in order: "lb1 lb2"; empty without a route.
tor_nexthops() { # ADDRESS
	local family=-4
	[[ $1 == *:* ]] && family=-6
	ip -n "$(ns tor)" "$family" -j route show "$1" |
		jq -r '[.[] | (.nexthops // [.])[].dev] | sort | join(" ")'
}

tor_routes_via() { # "NODES" ADDRESS...: each address leads to exactly these nodes
	local nodes=$1 address
	shift
	for address in "$@"; do
		[ "$(tor_nexthops "$address")" = "$nodes" ] || return 1
	done
}

# How many packets the ToR has sent towards a machine: an oracle outside of what is tested.
tor_sent() { # MACHINE
	ip -n "$(ns tor)" -j -s link show dev "$1" | jq '.[0].stats64.tx.packets'
}

# Watch the ToR's routes: every change of a VIP's route is a line. Polling would miss a route that is
# gone for an instant.
start_route_watch() { # NAME
	start "$1" tor ip -ts monitor route
	poll_until 2 test -e "$LAB_DIR/log/$1"
	sleep 0.2
}

# The changes of VIPs' routes since the watch began; empty when there was none.
route_changes() { # NAME
	stop "$1"
	grep -E "$LAB_VIP4|$LAB_VIP6" "$LAB_DIR/log/$1"
}

expect_no_route_change() { # NAME
	local changes
	changes=$(route_changes "$1")
	[ -z "$changes" ] || fail "the ToR's routes changed meanwhile: $changes"
	rm "$LAB_DIR/log/$1"
}

# bgpd dies as in a crash, and comes back as its supervisor would bring it.
kill_bgpd() { # NODE
	kill_hard "$1-bgpd"
}

bfd_is_up() { # MACHINE
	vtysh_on "$1" -d bfdd -c 'show bfd peers json' |
		jq -e 'length > 0 and all(.status == "up")' >/dev/null
}

start_bgpd() { # NODE
	frr_start "$1" bgpd
	wait_for 10 "bgpd of $1 answers" frr_answers "$1" bgpd
}
