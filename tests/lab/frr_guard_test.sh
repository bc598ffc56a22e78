#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   lb1: shoal-guard ─ vty ─ bgpd ──BGP── bgpd ─ zebra ─ kernel :tor
#        tick, fence ▲  ▲ XDP on eth0
#
# The guard without a controller: the test writes the tick and attaches XDP, frr_driver stands for
# what shoald had announced.
source "$(dirname "$0")/lab.sh"
# shellcheck source=tests/lab/routing.sh
source "$LAB_LIB/routing.sh"
# shellcheck disable=SC2034 # read by nodes.sh
LAB_ROUTING='  on-controller-loss: {hold: 2s, then: drain}
  on-dataplane-loss: {hold: 1s, then: withdraw}'
lab_up --nodes 1 --reals 0 --clients 0
# shellcheck disable=SC2034 # read by nodes.sh
LAB_REALS=(web1) # only a name for the config
node_prepare lb1
run=$(node_dir lb1)/run
wait_for 15 "a BGP session" tor_established 1

write_tick() {
	awk '{ printf "%.0f\n", $1 * 1000000 }' /proc/uptime >"$run/tick.new"
	chmod 644 "$run/tick.new"
	mv "$run/tick.new" "$run/tick"
}

# A controller's heart, until heart_stop.
heart_start() {
	# shellcheck disable=SC2016 # expanded by the inner shell
	start heart lb1 bash -c 'while sleep 0.2; do
		awk "{ printf \"%.0f\n\", \$1 * 1000000 }" /proc/uptime >"$1/tick.new"; mv "$1/tick.new" "$1/tick"
	done' heart "$run"
}

xdp_on() {
	ip -n "$(ns lb1)" link set dev eth0 xdpgeneric object "$(lab_object xdp_pass)" section xdp
}

xdp_off() {
	ip -n "$(ns lb1)" link set dev eth0 xdpgeneric off
}

fence_is() { # WORD
	[ "$(cut -d' ' -f1 "$run/fence" 2>/dev/null)" = "$1" ]
}

announce() {
	driver_start lb1 $LAB_VIP4/32 $LAB_VIP6/128
	wait_for 10 "the router is ready" driver_is lb1 '.life == "ready"'
	tell lb1 announce all
	wait_for 10 "the ToR leads to lb1" tor_routes_via lb1 $LAB_VIP4 $LAB_VIP6
	wait_for 5 "they are not drained" tor_has_no_community $LAB_VIP4/32 graceful-shutdown
	driver_stop lb1
}

guard_log() {
	cat "$LAB_DIR/log/lb1-shoal-guard"
}

test_that "at boot, lines that were saved go while XDP is not attached"
announce
start_guard lb1
wait_for 3 "the fence says at-boot" fence_is at-boot
wait_for 3 "the ToR has no route" tor_has_no_route $LAB_VIP4
stop lb1-shoal-guard
rm -f "$run/fence"

test_that "at boot, a drained node announces nothing that was saved"
xdp_on
announce
install -d -o $LAB_UID_SHOALD -g $LAB_GID -m 750 "$(node_dir lb1)/state/drains"
echo '{}' >"$(node_dir lb1)/state/drains/node"
start_guard lb1
wait_for 3 "the ToR has no route" tor_has_no_route $LAB_VIP4
stop lb1-shoal-guard
rm -f "$run/fence" "$(node_dir lb1)/state/drains/node"

test_that "while the tick is fresh the guard leaves everything alone"
write_tick
heart_start
announce
start_guard lb1
expect_for 4 "the ToR leads to lb1" tor_routes_via lb1 $LAB_VIP4 $LAB_VIP6
[ ! -e "$run/fence" ] || fail "there is a fence: $(cat "$run/fence")"

test_that "a tick that stops drains all prefixes after the hold, with the fence set"
kill_hard heart
began=$(now_ms)
wait_for 5 "the ToR sees 65535:0 on IPv4" tor_has_community $LAB_VIP4/32 graceful-shutdown
wait_for 5 "the ToR sees 65535:0 on IPv6" tor_has_community $LAB_VIP6/128 graceful-shutdown
took=$(($(now_ms) - began))
echo "  drained $took ms after the last tick"
((took > 1500)) || fail "before the hold was over"
expect "the fence says drain" fence_is drain
expect "the last announcer keeps them" tor_routes_via lb1 $LAB_VIP4 $LAB_VIP6

test_that "lines that come back with a restarted bgpd are drained again"
kill_bgpd lb1
bgpd_conf=$(frr_dir lb1)/bgpd.conf
cp "$bgpd_conf" "$LAB_DIR/lb1/bgpd.full"
sed -i "s|^ address-family ipv4 unicast|&\n  network $LAB_VIP4/32|" "$bgpd_conf" # saved by an operator
start_bgpd lb1
wait_for 10 "the ToR leads to lb1" tor_routes_via lb1 $LAB_VIP4
wait_for 5 "the ToR sees 65535:0" tor_has_community $LAB_VIP4/32 graceful-shutdown
cp "$LAB_DIR/lb1/bgpd.full" "$bgpd_conf"

test_that "once the tick is fresh the guard stops, and the fence stays for the controller to clear"
heart_start
wait_for 2 "the guard says so" eval 'guard_log | grep -q "guard_loss cause=none was=controller-lost"'
announce
expect_for 3 "the guard leaves the lines alone" tor_has_no_community $LAB_VIP4/32 graceful-shutdown
expect "the fence is still there" fence_is drain
rm -f "$run/fence"

test_that "a guard that was stopped itself does not act on what was true before"
send_signal STOP lb1-shoal-guard
sleep 3
send_signal CONT lb1-shoal-guard
expect_for 1 "the lines are left alone" tor_has_no_community $LAB_VIP4/32 graceful-shutdown

test_that "XDP gone for the hold withdraws all"
began=$(now_ms)
xdp_off
wait_for 4 "the ToR has no route" tor_has_no_route $LAB_VIP4
wait_for 4 "the ToR has no route" tor_has_no_route $LAB_VIP6
echo "  withdrawn $(($(now_ms) - began)) ms after XDP went"
expect "the fence says withdraw" fence_is withdraw
xdp_on
stop lb1-shoal-guard
rm -f "$run/fence"

test_that "--withdraw-now works without shoald and spares what is not Shoal's"
stop heart
announce
bgpd_configure lb1 "router bgp $LAB_AS_NODES" 'address-family ipv4 unicast' \
	'network 203.0.113.77/32' 'network 192.0.2.0/24'
guard_now() { # OPTION...
	local command
	read -ra command < <(as $LAB_UID_GUARD "${GUARD_GROUPS:-$LAB_GID_GUARD,$(frrvty_gid)}" none "$(lab_program shoal-guard)" \
		--config "$(node_dir lb1)/shoal.yaml" --run-dir "$run" --withdraw-now "$@")
	on lb1 "${command[@]}"
}
guard_now
wait_for 3 "the ToR has no route" tor_has_no_route $LAB_VIP4
expect "the fence says withdraw" fence_is withdraw
expect "the stranger's line stays" eval 'bgpd_config lb1 | grep -q "network 203.0.113.77/32"'
guard_now --all
expect "with --all it goes" eval '! bgpd_config lb1 | grep -q "network 203.0.113.77/32"'
expect "a line outside vip-ranges stays" eval 'bgpd_config lb1 | grep -q "network 192.0.2.0/24"'

test_that "its exit status says what went wrong"
status=0
GUARD_GROUPS=none guard_now || status=$?
expect_equal "exit status without the group" 5 $status
kill_bgpd lb1
rm -f "$(frr_dir lb1)/bgpd.vty"
status=0
guard_now || status=$?
expect_equal "exit status without bgpd" 3 $status
