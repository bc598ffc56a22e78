#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client1 ── tor ── lb1 ──▶ ─┬─ web1
#                              ├─ web2   ✗ well, unwell, well, unwell ...
#                              └─ web3
#
# A real that comes and goes costs nobody a request, tells each change once, and takes neither the
# other reals nor the VIPs with it.
#
source "$(dirname "$0")/lab.sh"
site_up --nodes 1 --reals 3
wait_for 5 "all reals up" nodes_see_reals up web1 web2 web3

start_load load client1 $LAB_VIP4 $LAB_VIP6
before=$(grep -c real_state "$LAB_DIR/log/lb1-shoald")
since=$(now_ms)

test_that "five times down and up fails no request"
for i in 1 2 3 4 5; do
	fail_check_of web2
	wait_for 10 "web2 down, time $i" real_is lb1 web2 down
	pass_check_of web2
	wait_for 10 "web2 up, time $i" real_is lb1 web2 up
done
expect_equal "failed requests" 0 "$(load_failures load "$since")"

test_that "each change is told once, and there are no others"
after=$(grep -c real_state "$LAB_DIR/log/lb1-shoald")
expect_equal "changes of reals" 10 $((after - before))
expect "both VIPs stayed announced" tor_routes_via lb1 $LAB_VIP4 $LAB_VIP6
expect_equal "VIPs withdrawn meanwhile" 0 "$(grep -c 'vip_state .*to=withdraw' "$LAB_DIR/log/lb1-shoald")"
