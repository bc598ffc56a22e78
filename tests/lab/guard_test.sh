#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#                   ┌── lb1 ──┐    shoald ✗ for good: the guard withdraws after 6 s
#   client1 ── tor ─┤         ├─▶ web1, web2, web3
#                   └── lb2 ──┘
#
source "$(dirname "$0")/lab.sh"
LAB_ROUTING="  on-controller-loss: {hold: 6s, then: withdraw}
  on-dataplane-loss: {hold: 1s, then: withdraw}"
site_up --nodes 2 --reals 3
start_load load client1 $LAB_VIP4 $LAB_VIP6

test_that "a controller that is gone for less than the hold changes nothing"
start_route_watch routes
kill_hard lb1-shoald
sleep 1
start_shoald lb1
sleep 7
expect_no_route_change routes

test_that "the guard withdraws for a controller that stays away, without a failed request"
kill_hard lb1-shoald
began=$(now_ms)
wait_for 15 "the ToR leads both VIPs to lb2 alone" tor_routes_via lb2 $LAB_VIP4 $LAB_VIP6
took=$(($(now_ms) - began))
echo "  withdrawn after $took ms"
((took >= 5000)) || fail "the guard acted after $took ms, before the hold of 6 s"

test_that "the guard keeps at it when bgpd is restarted meanwhile"
kill_bgpd lb1
start_bgpd lb1
wait_for 10 "two BGP sessions" tor_established 2
expect_for 3 "lb1 came back without a controller" tor_routes_via lb2 $LAB_VIP4 $LAB_VIP6

test_that "the controller that comes back announces again and clears the fence"
start_shoald lb1
wait_for 20 "the ToR leads both VIPs to both nodes" tor_routes_via "lb1 lb2" $LAB_VIP4 $LAB_VIP6
[ ! -e "$LAB_DIR/lb1/run/fence" ] || fail "the fence still stands"
expect_equal "failed requests" 0 "$(load_failures load)"

test_that "a withdrawal by hand under a running controller is not undone, drained or otherwise, before the warm-up"
dir=$(node_dir lb1)
read -ra withdraw_now < <(as $LAB_UID_GUARD "$LAB_GID_GUARD,$(frrvty_gid)" none "$(lab_program shoal-guard)" \
	--config "$dir/shoal.yaml" --run-dir "$dir/run" --state-dir "$dir/state" --withdraw-now)
on lb1 "${withdraw_now[@]}" >"$LAB_DIR/log/lb1-withdraw-now" 2>&1 || fail "$(tail -n 1 "$LAB_DIR/log/lb1-withdraw-now")"
wait_for 5 "the ToR leads both VIPs to lb2 alone" tor_routes_via lb2 $LAB_VIP4 $LAB_VIP6
wait_for 20 "the ToR leads both VIPs to both nodes" tor_routes_via "lb1 lb2" $LAB_VIP4 $LAB_VIP6
sed -n '/word=withdraw/,$p' "$LAB_DIR/log/lb1-shoald" | grep -q "op=drain" && fail "shoald drained what was withdrawn"
expect_equal "failed requests" 0 "$(load_failures load)"

test_that "a node whose XDP is detached leaves, attaches it again and comes back"
detach_xdp lb1
wait_for 5 "the ToR leads both VIPs to lb2 alone" tor_routes_via lb2 $LAB_VIP4 $LAB_VIP6
wait_for 20 "the ToR leads both VIPs to both nodes" tor_routes_via "lb1 lb2" $LAB_VIP4 $LAB_VIP6
[ -n "$(xdp_link_of lb1)" ] || fail "no XDP link on lb1's eth0"

test_that "without controller and without XDP the guard withdraws after the shorter hold"
kill_hard lb1-shoald
detach_xdp lb1
began=$(now_ms)
wait_for 5 "the ToR leads both VIPs to lb2 alone" tor_routes_via lb2 $LAB_VIP4 $LAB_VIP6
echo "  withdrawn after $(($(now_ms) - began)) ms"
(($(now_ms) - began < 4500)) || fail "the guard waited for the controller's hold"
start_shoald lb1
wait_for 20 "the ToR leads both VIPs to both nodes" tor_routes_via "lb1 lb2" $LAB_VIP4 $LAB_VIP6
stop_load load
echo "  $(load_total load) requests, $(load_failures load) failed while packets had no data plane"
