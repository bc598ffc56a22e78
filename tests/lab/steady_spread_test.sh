#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client1 ──┐        ┌── lb1 ──┐      VIPs 203.0.113.10 and 2001:db8:cafe::10, tcp 80, udp 7
#             ├── tor ─┤         ├─▶ web1, web2, web3
#   client2 ──┘        └── lb2 ──┘      answers go from the reals to the clients directly
#
source "$(dirname "$0")/lab.sh"
site_up --nodes 2 --reals 3 --clients 2

for vip in $LAB_VIP4 $LAB_VIP6; do
	test_that "every real answers for $vip, nothing fails, no real gets twice its share"
	for client in "${LAB_CLIENTS[@]}"; do
		spread=$(curl_spread "$client" "$vip" 300)
		echo "  $client: $spread"
		expect "all reals answer without a failure: $spread" is_spread_over "$spread" "${LAB_REALS[@]}"
		for real in "${LAB_REALS[@]}"; do
			count=$(spread_of "$spread" "$real")
			((count > 50 && count < 200)) || fail "$real answered $count of 300"
		done
	done

	test_that "both nodes carry $vip"
	declare -A before=()
	for node in "${LAB_NODES[@]}"; do
		before[$node]=$(tor_sent "$node")
	done
	curl_spread client1 "$vip" 300 >/dev/null
	for node in "${LAB_NODES[@]}"; do
		carried=$(($(tor_sent "$node") - ${before[$node]}))
		echo "  $node: $carried packets"
		((carried > 300)) || fail "$node carried $carried packets of 300 requests"
	done
done

for vip in $LAB_VIP4 $LAB_VIP6; do
	test_that "every real answers datagrams to $vip, none is lost"
	spread=$(udp_spread client1 "$vip" 200)
	echo "  $spread"
	expect "all reals answer without a loss: $spread" is_spread_over "$spread" "${LAB_REALS[@]}"
done

test_that "a large answer arrives whole"
for vip in $LAB_VIP4 $LAB_VIP6; do
	got=$(on client1 curl -sS --max-time 30 -o /dev/null -w '%{http_code} %{size_download}' "$(url "$vip" large)" 2>&1)
	expect_equal "64 MiB of $vip" "200 67108864" "$got"
done

test_that "what is not for a VIP passes the nodes untouched"
expect "ping to lb1 over IPv4" on client1 ping -q -c 3 -i 0.2 -W 1 10.0.1.2
expect "ping to lb1 over IPv6" on client1 ping -q -c 3 -i 0.2 -W 1 fd00:a:1::2
