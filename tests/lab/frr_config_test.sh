#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   web1 ─ tor ══ BGP with GTSM and BFD ══ lb1: what frr-config prints, and Shoal
#
# A node whose FRR has nothing but what `shoal frr-config` prints announces VIPs of both families
# over a session between IPv6 addresses, with MD5, and over an unnumbered one, and `shoal doctor`
# finds nothing. Then things are broken one by one: doctor finds each, and the command that it
# prints mends it, run as it stands.
source "$(dirname "$0")/lab.sh"
# shellcheck source=tests/lab/routing.sh
source "$LAB_LIB/routing.sh"

LAB_PEER=fd00:a:1::1
LAB_BFD=100
lab_up --nodes 1 --reals 1 --clients 0
saved=$LAB_DIR/lb1/saved.conf secret=$LAB_DIR/lb1/md5
report=$LAB_DIR/log/doctor

# --- the site ----------------------------------------------------------------------------------

# The ToR's side of the session with the node, by address or interface.
tor_side() { # SESSION-LINE...
	bgpd_configure tor "router bgp $LAB_AS_TOR" "$@"
}

# The node's FRR started anew from what frr-config prints now.
restart_node_frr() {
	local daemon
	for daemon in bgpd bfdd zebra; do
		stop lb1-$daemon
	done
	frr_write_node lb1
	for daemon in zebra bfdd bgpd; do
		frr_start lb1 $daemon
		wait_for 10 "$daemon of lb1 answers" frr_answers lb1 $daemon
	done
}

frr_config() { # OPTION...: the whole file
	"$(lab_program shoal)" frr-config --config "$LAB_DIR/lb1/frr.yaml" --router-id 10.255.1.1 "$@"
}

# --- the check-up ------------------------------------------------------------------------------

doctor() { # OPTION...: on the node, as root
	on lb1 "$(lab_program shoal)" doctor frr --config "$LAB_DIR/lb1/shoal.yaml" --saved "$saved" \
		--router-id 10.255.1.1 --peer-as $LAB_AS_TOR "${LAB_FRR_OPTIONS[@]}" "$@"
}

finds_nothing() {
	doctor --json >"$report" && jq -e '[.findings[] | select(.severity != "ok")] == []' "$report"
}

found() { # FIELD CHECK PATTERN
	jq -er --arg check "$2" --arg pattern "$3" \
		"[.findings[] | select(.check == \$check and (.text | test(\$pattern))) | .$1][0] // empty" "$report"
}

finds() { # STATUS CHECK PATTERN
	local status=0
	doctor --json >"$report" || status=$?
	[ $status = "$1" ] && found text "$2" "$3"
}

expect_nothing() { # WHEN
	poll_until 40 finds_nothing || fail "$1 doctor finds: $(cat "$report")"
}

# Break FRR by these lines: the finding comes, its command is run, all is well again.
breaks() { # STATUS CHECK PATTERN LINE...
	local fix
	vtysh_lines "${@:4}"
	poll_until 20 finds "$1" "$2" "$3" || fail "doctor does not find $2 ($3): $(cat "$report")"
	echo "  $(found severity "$2" "$3") $2: $(found text "$2" "$3")"
	fix=$(found fix "$2" "$3")
	eval "$fix" >"$LAB_DIR/log/fix" 2>&1
	expect_nothing "after '$fix'"
}

vtysh_lines() { # LINE...
	local line arguments=(-c 'configure terminal')
	for line in "$@"; do
		arguments+=(-c "$line")
	done
	vtysh_on lb1 "${arguments[@]}" >"$LAB_DIR/log/vtysh" 2>&1
}

# --- tests -------------------------------------------------------------------------------------

test_that "over a session between IPv6 addresses, VIPs of both families reach the ToR, and doctor finds nothing"
frr_config >"$saved"
expect "FRR's own parser takes the file" vtysh -C -f "$saved"
tor_side "no neighbor 10.0.1.2" "neighbor LB capability extended-nexthop" \
	"neighbor fd00:a:1::2 peer-group LB"
wait_for 30 "the session with GTSM and BFD" tor_established 1
start_node lb1
wait_for 30 "both VIPs in the ToR's kernel" tor_routes_via lb1 $LAB_VIP4 $LAB_VIP6
expect_nothing "on a node set up by frr-config"
expect "and says so" eval 'doctor | grep -q "^0 errors"'

test_that "shoald's own user may ask; one outside the group frrvty is told what to do"
ask_as() { # UID GROUPS
	local command
	read -ra command < <(as "$1" "$2" none "$(lab_program shoal)" doctor frr --config "$LAB_DIR/lb1/shoal.yaml" \
		--saved "$saved" --peer-as $LAB_AS_TOR --json)
	on lb1 "${command[@]}" >"$report"
}
expect "shoald's user finds nothing" poll_until 20 ask_as $LAB_UID_SHOALD "$(frrvty_gid)"
ask_as 64999 none
expect "another is told of the group" eval 'found fix bgpd "not in the group" | grep -q "usermod -aG frrvty"'
chmod 600 "$saved"
ask_as $LAB_UID_SHOALD "$(frrvty_gid)"
expect "a file it may not read is noted" eval 'found text saved "could not be read" >/dev/null'

test_that "each thing that is broken is found, and mended by the command that doctor prints"
peer=fd00:a:1::1 bgp="router bgp $LAB_AS_NODES" v4='address-family ipv4 unicast' v6='address-family ipv6 unicast'
breaks 1 import-check 'VIPs do not' "$bgp" 'bgp network import-check'
breaks 1 delay-timer 'is 5 s' 'no bgp route-map delay-timer'
breaks 1 delay-timer 'never takes' 'bgp route-map delay-timer 0'
breaks 1 instance 'graceful-restart' "$bgp" 'bgp graceful-restart'
breaks 1 instance 'graceful-shutdown' "$bgp" 'bgp graceful-shutdown'
breaks 0 instance 'ebgp-requires-policy' "$bgp" 'no bgp ebgp-requires-policy'
breaks 0 coalesce-time 'waits' "$bgp" 'coalesce-time 1000'
breaks 1 export-policy 'no IPv4 export policy' "$bgp" "$v4" "no neighbor $peer route-map TO-TOR4 out"
breaks 1 export-policy 'drops 1 IPv6 VIP' 'ipv6 prefix-list VIP6 seq 1 deny 2001:db8:cafe::10/128'
breaks 1 export-policy 'would let out 0.0.0.0/0' 'ip prefix-list VIP4 seq 50 permit any'
breaks 1 export-policy 'is sent 192.0.2.0/24' 'ip prefix-list VIP4 seq 50 permit any' "$bgp" "$v4" 'network 192.0.2.0/24'
vtysh_lines "$bgp" "$v4" 'no network 192.0.2.0/24'
# Not maximum-prefix-out: bgpd 8.4.4 may end when it is set on a session that stands. The unit tests have it.
breaks 1 peers 'not activated for IPv6' "$bgp" "$v6" "no neighbor $peer activate"
breaks 1 session 'shut down by' "$bgp" "neighbor $peer shutdown"
breaks 1 timers '180 s' "$bgp" "no neighbor $peer timers"
breaks 1 bfd 'has no BFD' "$bgp" "no neighbor $peer bfd"
breaks 1 bfd 'after 3000 ms' bfd 'profile shoal' 'transmit-interval 1000'
breaks 1 next-hops 'extended-nexthop' "$bgp" "no neighbor $peer capability extended-nexthop"
breaks 1 gtsm 'no GTSM' "$bgp" "no neighbor TOR ttl-security hops 1"
breaks 1 bfd 'some hops away' "$bgp" "no neighbor $peer" "neighbor $peer remote-as 65000" \
	"neighbor $peer ttl-security hops 1" "neighbor $peer bfd" "$v6" "neighbor $peer activate"
breaks 1 peers 'no neighbour tor1' "$bgp" "no neighbor $peer"
wait_for 20 "both VIPs in the ToR's kernel after all that" tor_routes_via lb1 $LAB_VIP4 $LAB_VIP6

test_that "lines that 'write memory' saved are found, and mended"
vtysh_on lb1 -d bgpd -c 'show running-config' | sed '1,/^!/d' >"$saved"
poll_until 10 finds 1 saved '2 network lines' || fail "saved lines are not found: $(cat "$report")"
eval "$(found fix saved '2 network lines')"
expect_nothing "after the lines were removed"

test_that "another AS, and daemons that are gone, are found"
sed "s/local-as: .*/local-as: 65099/" "$LAB_DIR/lb1/shoal.yaml" >"$LAB_DIR/lb1/other.yaml"
on lb1 "$(lab_program shoal)" doctor frr --config "$LAB_DIR/lb1/other.yaml" --json >"$report"
expect "both AS are named" eval "found text instance 'is AS 65010 and routing.local-as is 65099' >/dev/null"
stop lb1-bfdd
expect "bfdd is missed" eval "finds 1 bfdd 'not running' >/dev/null"
stop lb1-zebra
expect "zebra is missed" eval "finds 1 zebra 'not running' >/dev/null"
stop lb1-bgpd
expect "bgpd is missed" eval "finds 1 bgpd 'not running' >/dev/null"

test_that "MD5 from a file that nobody else may read; a password is printed only with it"
(umask 077 && echo tOp-sEcret-5 >"$secret")
LAB_FRR_OPTIONS=(--password-file "tor1=$secret")
frr_config "${LAB_FRR_OPTIONS[@]}" | grep -q ' password tOp-sEcret-5$' || fail "no password"
frr_config | grep -q password && fail "a password without its file"
chmod 644 "$secret"
status=0
frr_config "${LAB_FRR_OPTIONS[@]}" >/dev/null 2>"$LAB_DIR/log/mode" || status=$?
expect_equal "exit status with a file that all may read" 5 $status
expect "the sentence has the remedy" grep -q "chmod 600 $secret" "$LAB_DIR/log/mode"
chmod 600 "$secret"
restart_node_frr
tor_side "neighbor LB password tOp-sEcret-5"
wait_for 30 "both VIPs in the ToR's kernel" tor_routes_via lb1 $LAB_VIP4 $LAB_VIP6
expect_nothing "with MD5"
vtysh_lines "$bgp" "neighbor $peer password another"
poll_until 10 finds 1 password 'another password than' || fail "another password is not found: $(cat "$report")"
grep -q 'tOp-sEcret' "$report" && fail "doctor prints the password"
tor_side "no neighbor LB password"

test_that "over an unnumbered session it is the same"
LAB_PEER=eth0
LAB_FRR_OPTIONS=(--import default)
stop_node lb1
node_write_config lb1
tor_side "no neighbor fd00:a:1::2" "no neighbor LB capability extended-nexthop" "neighbor lb1 interface peer-group LB"
restart_node_frr
start_node lb1
wait_for 40 "both VIPs in the ToR's kernel" tor_routes_via lb1 $LAB_VIP4 $LAB_VIP6
expect_nothing "over an unnumbered session"
breaks 1 gtsm 'no GTSM' "$bgp" "no neighbor eth0 ttl-security hops 1"
breaks 1 bfd 'has no BFD' "$bgp" "no neighbor eth0 bfd"
