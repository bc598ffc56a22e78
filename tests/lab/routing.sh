# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# routing.sh - the router port alone on a node (tests/lib/frr_driver), for the tests of FRR: no
# shoald, no data plane. Sourced after lab.sh.

DRIVER_RANGES=$LAB_RANGE4,$LAB_RANGE6

# Start the driver on a node as a user with group frrvty: driver_start NODE VIP...
driver_start() {
	local node=$1 program fifo=$LAB_DIR/$1/driver command
	program=$(lab_program frr_driver) || fail "frr_driver is not built in $LAB_BUILD"
	shift
	mkfifo -m 666 "$fifo"
	read -ra command < <(as $LAB_UID_SHOALD "${DRIVER_GROUPS:-$(frrvty_gid)}" none "$program" "$(frr_dir "$node")" \
		$LAB_AS_NODES "$DRIVER_RANGES" "${DRIVER_PEERS:-10.0.$(number "$node").1}" "$@")
	# shellcheck disable=SC2016 # expanded by the inner shell
	start "$node-driver" "$node" bash -c 'exec "${@:2}" 0<>"$1"' driver "$fifo" "${command[@]}"
}

driver_stop() { # NODE
	stop "$1-driver"
	rm -f "$LAB_DIR/$1/driver" "$LAB_DIR/log/$1-driver"
}

tell() { # NODE COMMAND...: a line to the driver
	echo "${*:2}" >"$LAB_DIR/$1/driver"
}

# What the driver said last.
driver_state() { # NODE
	grep '^{' "$LAB_DIR/log/$1-driver" | tail -n 1
}

# The driver's last state is so: driver_is NODE JQ-EXPRESSION.
driver_is() {
	driver_state "$1" | jq -e "$2" >/dev/null
}

# Configuration lines for bgpd, typed by an operator.
bgpd_configure() { # MACHINE LINE...
	local machine=$1 line arguments=(-c 'configure terminal')
	shift
	for line in "$@"; do
		arguments+=(-c "$line")
	done
	vtysh_on "$machine" -d bgpd "${arguments[@]}" >/dev/null
}

bgpd_config() { # MACHINE
	vtysh_on "$1" -d bgpd -c 'show running-config'
}

# The communities of a prefix as the ToR received it.
tor_communities() { # PREFIX
	local family=ipv4
	[[ $1 == *:* ]] && family=ipv6
	vtysh_on tor -d bgpd -c "show bgp $family unicast $1 json" | jq -r '.paths[0].community.string // ""'
}

tor_has_community() { # PREFIX COMMUNITY
	[[ " $(tor_communities "$1") " == *" $2 "* ]]
}

tor_has_no_community() { # PREFIX COMMUNITY
	! tor_has_community "$@"
}

# The kernel of the ToR has a route to the address, or none.
tor_has_route() { # ADDRESS
	[ -n "$(tor_nexthops "$1")" ]
}

tor_has_no_route() { # ADDRESS
	! tor_has_route "$1"
}

tor_has_routes() { # PATTERN COUNT
	(($(ip -n "$(ns tor)" route | grep -c "^$1") == $2))
}
