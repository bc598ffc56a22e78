#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   web1 ─ tor ── lb1: each fault around a running node is planted, found, and mended
#
# What `shoal doctor` prints as the remedy is run as it stands, where it is one that mends. (What it
# says of FRR is in frr_config_test.sh.)
source "$(dirname "$0")/lab.sh"
site_up --nodes 1 --reals 1 --clients 0

config=$LAB_DIR/lb1/shoal.yaml
report=$LAB_DIR/log/doctor

doctor() { # ARGUMENT...: of the node, as root
	on lb1 "$(lab_program shoal)" --run-dir "$LAB_DIR/lb1/run" doctor --config "$config" "$@"
}

found() { # FIELD CHECK PATTERN: of the last report
	jq -er --arg check "$2" --arg pattern "$3" \
		"[.findings[] | select(.check == \$check and (.text | test(\$pattern))) | .$1][0] // empty" "$report"
}

finds() { # SEVERITY CHECK PATTERN [ARGUMENT...]
	doctor --json "${@:4}" >"$report"
	[ "$(found severity "$2" "$3")" = "$1" ]
}

expect_finding() { # SEVERITY CHECK PATTERN [ARGUMENT...]
	poll_until 15 finds "$@" || fail "doctor does not find $2 ($3): $(cat "$report")"
	echo "  $1 $2: $(found text "$2" "$3")"
}

is_well() { # CHECK...: nothing worse than a note
	local check
	doctor --json >"$report"
	for check in "$@"; do
		jq -e --arg check "$check" '[.findings[] | select(.check == $check)] |
			length > 0 and all(.severity == "ok" or .severity == "note")' "$report" >/dev/null || return 1
	done
}

expect_well() { # CHECK...
	poll_until 15 is_well "$@" || fail "doctor finds $* not well: $(cat "$report")"
}

# The remedy of the finding, as it stands, on the node.
mend() { # CHECK PATTERN
	local remedy
	remedy=$(found fix "$1" "$2")
	on lb1 bash -c "$remedy" >"$LAB_DIR/log/fix" 2>&1 || fail "'$remedy' failed: $(cat "$LAB_DIR/log/fix")"
}

test_that "a node that serves is well, check by check"
expect_well shoald generation shoal-probe shoal-guard sockets descriptors state-dir uplink mtu xdp offload \
	mtu-to-reals vip-address forwarding
expect "each finding has a severity, a check and a text" jq -e \
	'.findings | all((.severity | test("^(ok|note|warning|error)$")) and .check != "" and .text != "")' "$report"
expect "words choose parts" eval 'doctor --json reals >"$report"; jq -e "[.findings[].check] | unique == [\"mtu-to-reals\"]" "$report"'
expect_equal "an unknown part is a usage error" 2 "$(doctor rals >/dev/null 2>&1; echo $?)"

test_that "faults of an uplink are found and mended by what doctor prints"
on lb1 sysctl -qw net.ipv4.conf.eth0.rp_filter=1
expect_finding warning rp-filter 'strict on eth0'
expect_equal "and the exit status is 1" 1 "$(doctor uplinks >/dev/null 2>&1; echo $?)"
mend rp-filter 'strict on eth0'
expect_well rp-filter
on lb1 ethtool -K eth0 rxvlan on >/dev/null
expect_finding error offload 'VLAN tags'
mend offload 'VLAN tags'
expect_well offload
on lb1 ip link set dev eth0 mtu 1500
expect_finding error mtu 'node.mtu is 1600'
mend mtu 'node.mtu is 1600'
expect_well mtu

test_that "the way to a real is followed, and measured with packets of full size"
real4=10.1.1.2
on lb1 ip route add unreachable "$real4"
expect_finding error route "no route to .*$real4"
on lb1 ip route del unreachable "$real4"
on lb1 ip route add "$real4" via 10.0.1.1 dev eth0 mtu lock 1300
expect_finding error mtu-to-reals 'carries 1300 bytes'
on lb1 ip route del "$real4"
on tor ip link set dev web1 mtu 1400
expect_finding error mtu-to-reals 'answers short echoes|learned'
on tor ip link set dev web1 mtu 1600
expect_finding error mtu-to-reals 'learned'
mend mtu-to-reals 'learned'
expect_well mtu-to-reals

test_that "a VIP on the node itself, and a host that routes what it is passed, are found"
on lb1 ip address add $LAB_VIP4/32 dev lo
expect_finding warning vip-address 'is on lo of this node'
mend vip-address 'is on lo of this node'
expect_well vip-address
sed "s|^    address: $LAB_VIP4\$|&\n    unserved: pass|" "$config" >"$LAB_DIR/lb1/pass.yaml"
on lb1 sysctl -qw net.ipv4.ip_forward=1
expect_finding error forwarding 'in a circle' --config "$LAB_DIR/lb1/pass.yaml"
mend forwarding 'in a circle'
expect "the remedy turns it off" eval '[ "$(on lb1 sysctl -n net.ipv4.ip_forward)" = 0 ]'

test_that "what filters BGP away is found"
if command -v nft >/dev/null; then
	on lb1 nft add table inet doctor
	on lb1 nft add chain inet doctor in '{ type filter hook input priority 0; policy accept; }'
	on lb1 nft add rule inet doctor in accept
	on lb1 nft chain inet doctor in '{ policy drop; }'
	expect_finding warning nftables 'none names BGP'
	on lb1 nft insert rule inet doctor in tcp dport 179 accept
	on lb1 nft insert rule inet doctor in udp dport 3784-3785 accept
	expect_well nftables
	on lb1 nft delete table inet doctor
fi

test_that "sockets and files of shoald are looked at"
chmod 0666 "$LAB_DIR/lb1/run/read.sock"
expect_finding error sockets 'open to every user'
mend sockets 'open to every user'
expect_well sockets
sed 's|^  mtu: 1600$|&\n  idle: 901s|' "$config" >"$LAB_DIR/lb1/newer.yaml"
expect_finding warning generation 'shoald runs' --config "$LAB_DIR/lb1/newer.yaml"

test_that "a daemon that is gone is missed, and without shoald the rest is looked at all the same"
stop lb1-shoal-guard
expect_finding warning shoal-guard 'does not run'
stop lb1-shoald
expect_finding error shoald 'not running'
expect "the reals were asked all the same" found text mtu-to-reals 'answered unfragmented'

test_that "a shoald with few descriptors is told apart"
(ulimit -n 200 && start_shoald lb1) # soft and hard: it takes as many as it may
expect_finding warning descriptors 'shoald has'
stop lb1-shoald

test_that "an uplink that is not there, and one that another program holds, are found without shoald"
on lb1 ip link add other0 type veth peer name other1
on lb1 ip link set dev other0 up
on lb1 ip link set dev other1 up
on lb1 ip link set dev other0 xdpgeneric obj "$(lab_object xdp_pass)" sec xdp
sed 's/eth0/other0/' "$config" >"$LAB_DIR/lb1/other.yaml"
expect_finding error xdp 'another program' --config "$LAB_DIR/lb1/other.yaml"
sed 's/eth0/eth9/' "$config" >"$LAB_DIR/lb1/none.yaml"
expect_finding error uplink 'no interface eth9' --config "$LAB_DIR/lb1/none.yaml"
