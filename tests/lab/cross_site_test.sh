#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client1 ── tor ── lb1 ══tunnel══▶ tor ── lb2 (decap: balance) ──▶ web1, web2
#
# lb1 stands for a site whose real is another site: the address whose tunnels lb2 opens and balances.
source "$(dirname "$0")/lab.sh"
lab_up --nodes 2 --reals 2
opened=10.0.2.100
LAB_NODE="  decap: {balance: [$opened]}"
start_node lb2
LAB_NODE=
node_prepare lb1
config=$LAB_DIR/lb1/shoal.yaml
sed -i -e "s/^      web1: .*/      site2: $opened/" -e '/^      web2: /d' "$config"
mac=$(on lb2 cat /sys/class/net/eth0/address)
ip -n "$(ns tor)" neigh replace $opened lladdr "$mac" dev lb2 nud permanent
wait_for 30 "lb2 announces" tor_routes_via lb2 $LAB_VIP4

not_announced() {
	! tor_routes_via lb1 $LAB_VIP4
}

noted() { # NODE WORD
	status_of "$1" ".dataplane.totals[\"noted/$2\"]"
}

test_that "another site is a real: its check goes through both tunnels"
start_node lb1
wait_for 30 "site2 is up" real_is lb1 site2 up
expect "shoal drain on lb2" shoal_on lb2 drain --force >/dev/null
wait_for 30 "only lb1 announces" tor_routes_via lb1 $LAB_VIP4

test_that "requests to lb1 are answered by the reals behind lb2"
before=$(noted lb2 tunnel-opened)
spread=$(curl_spread client1 $LAB_VIP4 100)
echo "  $spread"
expect "web1 and web2 answer: $spread" is_spread_over "$spread" web1 web2
expect "lb2 opened their tunnels" test $(($(noted lb2 tunnel-opened) - before)) -ge 400

test_that "lb1 sends nothing when the other site opens no tunnels any more, and says why"
sed -i '/decap:/d' "$LAB_DIR/lb2/shoal.yaml"
expect "shoal reload on lb2" shoal_on lb2 reload >/dev/null
wait_for 30 "site2 is down" real_is lb1 site2 down
wait_for 30 "nobody announces" not_announced
