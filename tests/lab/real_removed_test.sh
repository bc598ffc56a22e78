#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#                          ┌─ web1
#   client1 ── tor ── lb1 ─┼─ web2   a reload takes the busiest out of the config while files are on
#                          └─ web3   their way from it; it is forgotten when they have arrived
#
source "$(dirname "$0")/lab.sh"
export LAB_NODE="  idle: 3s"
site_up --nodes 1 --reals 3

n_files=6
for ((i = 1; i <= n_files; i++)); do
	start_file "file$i" client1 "$LAB_VIP4" 250k # 12 s
done
poll_until 3 test "$(connections_of web1)" -gt 0
real=$(busiest_real)
others=()
for other in "${LAB_REALS[@]}"; do
	[ "$other" = "$real" ] || others+=("$other")
done

test_that "a real that a reload removed gets no new flows and keeps those it has"
node_write_config lb1 "${others[@]}"
expect "shoal reload" shoal_on lb1 reload
sleep 0.5
spread=$(curl_spread client1 "$LAB_VIP4" 200)
echo "  $spread"
expect "${others[*]} answer without a failure: $spread" is_spread_over "$spread" "${others[@]}"
expect_equal "answers of $real" "" "$(spread_of "$spread" "$real")"

test_that "the next controller keeps them, too"
kill_hard lb1-shoald
start_shoald lb1
(($(connections_of "$real") > 0)) || fail "$real lost its connections"

test_that "every file arrives whole"
poll_until 20 files_are_whole $n_files || fail "$(broken_files $n_files)"

test_that "then it is forgotten"
wait_for 30 "real_del of $real" grep -q "real_del real=10.1.$(number "$real").2" "$LAB_DIR/log/lb1-shoald"
