# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# nodes.sh - Shoal on the nodes: its config, its daemons with the privileges their units give
# them, and the operator's command. Sourced by lab.sh.
#
# The users are numbers that stand in no /etc/passwd; groups: LAB_GID stands for "shoal",
# LAB_GID_GUARD for "shoal-guard".

LAB_UID_SHOALD=64901
LAB_UID_PROBE=64902
LAB_UID_GUARD=64903
LAB_UID_EXEC=64904
LAB_UID_WEB=64905
LAB_GID=64900
LAB_GID_GUARD=64903

lab_program() { # NAME: its path in the build directory; 1 when it was not built
	local path
	path=$(find "$LAB_BUILD" -type f -name "$1" -perm -u+x -print -quit)
	[ -n "$path" ] && echo "$path"
}

node_dir() { # NODE
	echo "$LAB_DIR/$1"
}

# Directories, bpffs and config; then the three daemons.
start_node() { # NODE
	node_prepare "$1"
	start_shoald "$1"
	start_probe "$1"
	start_guard "$1"
}

node_prepare() { # NODE
	local dir
	dir=$(node_dir "$1")
	[ -d "$dir/run" ] && return
	install -d -o $LAB_UID_SHOALD -g $LAB_GID_GUARD -m 771 "$dir/run"
	install -d -o $LAB_UID_SHOALD -g $LAB_GID -m 750 "$dir/state"
	mount_bpffs "$1"
	chown $LAB_UID_SHOALD:$LAB_GID "$dir/bpf"
	node_write_config "$1"
}

# The config of a node. Short intervals, for a lab has no patience; but a timeout that a busy test
# machine keeps, for a real called down in error costs its connections. LAB_NODE, LAB_ROUTING and
# LAB_POOL may hold more lines of those sections, LAB_CHECK more keys of the check, LAB_CHECKS more
# checks, LAB_POOL_CHECKS the names of those that the pool has, LAB_BACKUP that of a real that is a
# backup, LAB_POOLS more pools, LAB_SERVICES4 and LAB_SERVICES6 more services of the two VIPs.
node_write_config() { # NODE [REAL...]
	local node=$1 n real
	n=$(number "$node")
	shift
	(($# > 0)) || set -- "${LAB_REALS[@]}"
	{
		cat <<-EOF
			node:
			  name: $node
			  uplinks: [${LAB_UPLINKS:-eth0}]
			  mtu: 1600
			  client-mtu: 1500
			  encap-source: {ipv4: 10.0.$n.2, ipv6: "fd00:a:$n::2"}
			${LAB_NODE:-  # nothing more}
			routing:
			  vty: $(frr_dir "$node")
			  local-as: $LAB_AS_NODES
			  vip-ranges: [$LAB_RANGE4, "$LAB_RANGE6"]
			  peers: {tor1: "$(node_peer "$node")"}
			  warm-up: 1s
			  hold-down: 2s
			  linger: 1s
			  drain: {until: 50pps, timeout: 30s}
			${LAB_ROUTING:-  # nothing more}
			checks:
			  alive: {type: http, path: /healthz, status: 200, interval: 700ms, fast-interval: 100ms,
			          slow-interval: 1s, timeout: 700ms, rise: 2, fall: 3, via: tunnel${LAB_CHECK:+, $LAB_CHECK}}
			${LAB_CHECKS:-  # nothing more}
			pools:
			  web:
			    check: ${LAB_POOL_CHECKS:-alive}
			${LAB_POOL:-    # nothing more}
			    reals:
		EOF
		for real in "$@"; do
			if [ "$real" = "${LAB_BACKUP:-}" ]; then
				echo "      $real: {address: 10.1.$(number "$real").2, backup: true}"
			else
				echo "      $real: 10.1.$(number "$real").2"
			fi
		done
		cat <<-EOF
			${LAB_POOLS:-  # no more pools}
			vips:
			  www4:
			    address: $LAB_VIP4
			    services:
			      - {tcp: 80, pool: web}
			      - {udp: 7, pool: web}
			${LAB_SERVICES4:-      # nothing more}
			  www6:
			    address: "$LAB_VIP6"
			    services:
			      - {tcp: 80, pool: web}
			      - {udp: 7, pool: web}
			${LAB_SERVICES6:-      # nothing more}
		EOF
	} >"$LAB_DIR/$node/shoal.yaml"
}

# Run as a user of ours with these capabilities and no others, as the systemd units do.
as() { # UID GROUPS CAPABILITIES COMMAND...: groups and capabilities are comma lists, or none
	local uid=$1 groups=$LAB_GID caps=-all
	[ "$2" = none ] || groups=$groups,$2
	[ "$3" = none ] || caps=-all,+${3//,/,+}
	shift 3
	echo setpriv --reuid "$uid" --regid "$LAB_GID" --groups "$groups" --no-new-privs \
		--inh-caps="$caps" --ambient-caps="$caps" --bounding-set="$caps" "$@"
}

frrvty_gid() {
	getent group frrvty | cut -d: -f3
}

start_daemon() { # NODE PROGRAM UID GROUPS CAPABILITIES ARGUMENT...
	local node=$1 program=$2 path command
	path=$(lab_program "$program") || fail "$program is not built in $LAB_BUILD"
	read -ra command < <(as "$3" "$4" "$5" "$path" "${@:6}")
	start "$node-$program" "$node" "${command[@]}"
}

start_shoald() { # NODE
	local dir
	dir=$(node_dir "$1")
	start_daemon "$1" shoald $LAB_UID_SHOALD "$(frrvty_gid)" net_admin,bpf,perfmon \
		--config "$dir/shoal.yaml" --run-dir "$dir/run" --state-dir "$dir/state" --bpffs "$dir/bpf"
	poll_until 15 shoald_answers_or_ended "$1"
	shoal_on "$1" status --json >/dev/null 2>&1 ||
		fail "shoald does not answer on $1: $(tail -n 5 "$LAB_DIR/log/$1-shoald")"
}

shoald_answers_or_ended() { # NODE
	is_gone "$1-shoald" || shoal_on "$1" status --json
}

start_probe() { # NODE
	start_daemon "$1" shoal-probe $LAB_UID_PROBE none net_raw --run-dir "$(node_dir "$1")/run"
}

# Where a test or a person looks by HTTP.
start_web() { # NODE
	start_daemon "$1" shoal-web $LAB_UID_WEB none none --run-dir "$(node_dir "$1")/run"
	poll_until 10 on "$1" curl -sf --max-time 2 http://127.0.0.1:9108/healthz
}

# Where a check runs a program; no other needs it.
start_exec() { # NODE
	start_daemon "$1" shoal-exec $LAB_UID_EXEC none none --run-dir "$(node_dir "$1")/run"
}

start_guard() { # NODE
	local dir
	dir=$(node_dir "$1")
	start_daemon "$1" shoal-guard $LAB_UID_GUARD "$LAB_GID_GUARD,$(frrvty_gid)" none \
		--config "$dir/shoal.yaml" --run-dir "$dir/run" --state-dir "$dir/state"
}

stop_node() { # NODE: as systemctl stop would
	stop "$1-shoal-guard"
	stop "$1-shoal-probe"
	stop "$1-shoal-exec"
	stop "$1-shoald"
}

shoal_on() { # NODE ARGUMENT...
	local node=$1 shoal
	shift
	shoal=$(lab_program shoal) || fail "shoal is not built in $LAB_BUILD"
	"$shoal" --run-dir "$(node_dir "$node")/run" "$@"
}

# --- what a node says ------------------------------------------------------------------------

status_of() { # NODE JQ-FILTER
	shoal_on "$1" status --json | jq -r "$2"
}

real_is() { # NODE REAL STATE
	[ "$(status_of "$1" "[.. | objects | select(.name? == \"$2\" and has(\"state\")) | .state] | unique | join(\" \")")" = "$3" ]
}

# Every node knows that a real is up, or down.
nodes_see_real() { # REAL up|down
	local node
	for node in "${LAB_NODES[@]}"; do
		real_is "$node" "$1" "$2" || return 1
	done
}

nodes_see_reals() { # up|down REAL...
	local state=$1 real
	shift
	for real in "$@"; do
		nodes_see_real "$real" "$state" || return 1
	done
}

# What becomes of a real's flows is the same on every node: takes, leaving or dead.
nodes_say_real() { # REAL LIFE
	local node
	for node in "${LAB_NODES[@]}"; do
		[ "$(life_of "$node" "$1")" = "$2" ] || return 1
	done
}

life_of() { # NODE REAL
	shoal_on "$1" reals "web/$2" --json | jq -r '.reals[0].flows.life'
}

# The id of the XDP link on a node's uplink: another one after a restart means packets went
# unforwarded in between.
xdp_link_of() { # NODE
	local program
	program=$(ip -n "$(ns "$1")" -j -d link show dev eth0 | jq '.[0].xdp.prog.id')
	bpftool -j link show | jq -r --argjson program "$program" \
		'[.[] | select(.type == "xdp" and .prog_id == $program) | .id] | join(" ")'
}

# The data plane is lost: the link that holds XDP on the uplink is detached.
detach_xdp() { # NODE
	bpftool link detach id "$(xdp_link_of "$1")"
}
