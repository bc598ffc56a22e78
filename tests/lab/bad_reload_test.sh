#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client1 ── tor ── lb1 ──▶ web1, web2, web3      reloads: wrong, unreadable, good
#
source "$(dirname "$0")/lab.sh"
lab_up --nodes 1 --reals 3
write_key() { # DIGITS
	echo "$1" >"$LAB_DIR/hash-key"
	chown $LAB_UID_SHOALD "$LAB_DIR/hash-key"
	chmod 600 "$LAB_DIR/hash-key"
}
write_key 0123456789abcdef
LAB_NODE="  hash-key-file: $LAB_DIR/hash-key"
start_node lb1
wait_for 15 "a BGP session" tor_established 1
wait_for 20 "both VIPs announced" tor_routes_via lb1 "$LAB_VIP4" "$LAB_VIP6"
start_load load client1 $LAB_VIP4
config=$LAB_DIR/lb1/shoal.yaml
good=$(<"$config")
generation=$(status_of lb1 '[.. | .generation? // empty] | first')
[ -n "$generation" ] || fail "shoal status tells no generation"

# A reload must end with this status and a text; the running config must go on.
refused() { # STATUS TEXT
	local status=0 output
	output=$(shoal_on lb1 reload 2>&1) || status=$?
	sed 's/^/  /' <<<"$output"
	expect_equal "exit status of shoal reload" "$1" "$status"
	grep -qF "$2" <<<"$output" || fail "shoal reload does not say '$2'"
	expect_equal "the generation" "$generation" "$(status_of lb1 '[.. | .generation? // empty] | first')"
	expect "the VIP is announced" tor_routes_via lb1 $LAB_VIP4
}

test_that "an unknown key is refused with its place and a suggestion"
echo "${good/slow-interval/slow-intervall}" >"$config"
refused 2 slow-interval

test_that "a pool that nobody defined is refused"
echo "${good/pool: web/pool: webb}" >"$config"
refused 2 webb

test_that "a file that is no YAML is refused"
echo "node: [" >"$config"
refused 2 shoal.yaml

test_that "a missing file is refused"
rm "$config"
refused 2 shoal.yaml

# Everything that serves is gone from it, so a step of the way taken before the refusal would show.
test_that "a file is refused whole when only its CA file is missing"
other=${good//pool: web/pool: other}
other=${other//  web:/  other:}
other=${other//$LAB_VIP4/203.0.113.77}
other=${other//type: http,/type: https, ca-file: /nowhere/ca.pem,}
echo "${other%%  www6:*}" >"$config"
refused 1 /nowhere/ca.pem
sleep 1
expect "the VIP is still announced" tor_routes_via lb1 $LAB_VIP4

# There are rings for an eighth more pools than at the start, and 16.
test_that "more pools than there is room for are refused, with the remedy"
many='' services=''
for ((i = 1; i <= 60; i++)); do
	many+="  p$i: {check: alive, reals: {web1: 10.1.1.2}}"$'\n'
	services+="      - {tcp: $((1000 + i)), pool: p$i}"$'\n'
done
printf '%s\n%s' "${good/vips:/${many}vips:}" "$services" >"$config"
refused 4 "60 of its pools are new"

test_that "another key in the hash-key-file is refused, as every flow would change its slot"
write_key 0123456789abcde0
echo "$good" >"$config"
refused 4 "with another key flows change slots"
write_key 0123456789abcdef

test_that "the good file again changes nothing"
echo "$good" >"$config"
expect "shoal reload" shoal_on lb1 reload
expect_equal "the generation" "$generation" "$(status_of lb1 '[.. | .generation? // empty] | first')"

test_that "shoal flow --with knows the slots of a secret hash"
for ((port = 40001; port <= 40005; port++)); do
	slots=$(shoal_on lb1 flow tcp 10.9.1.2:$port $LAB_VIP4:80 --with "$config" --json | jq '[.slot, .with.slot] | unique | length')
	expect_equal "slots of port $port" 1 "$slots"
done

test_that "a good change comes into force: web3 leaves the pool"
node_write_config lb1 web1 web2
expect "shoal reload" shoal_on lb1 reload
sleep 1
spread=$(curl_spread client1 $LAB_VIP4 200)
echo "  $spread"
expect "web1 and web2 answer without a failure: $spread" is_spread_over "$spread" web1 web2
expect_equal "answers of web3" "" "$(spread_of "$spread" web3)"

test_that "no request failed in all that time"
stop_load load
echo "  $(load_total load) requests, $(load_failures load) failed"
expect_equal "failed requests" 0 "$(load_failures load)"
