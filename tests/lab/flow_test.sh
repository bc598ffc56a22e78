#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client1 ── tor ── lb1 ──▶ web1, web2, web3     what `shoal flow` says, against where packets go
#
source "$(dirname "$0")/lab.sh"
site_up --nodes 1 --reals 3

flow() { # FILTER ARGUMENT...: from the answer of shoal flow
	local filter=$1
	shift
	shoal_on lb1 flow --json "$@" | jq -r "$filter"
}

# The real that answers a connection from this port.
answers() { # PORT [VIP]
	on client1 curl -gsS --max-time 5 --local-port "$1" "$(url "${2:-$LAB_VIP4}" "")"
}

client=10.9.1.2
client6=fd00:c:1::2
agrees() { # PORT
	expect_equal "real of port $1" "$(answers "$1")" "$(flow .real.real tcp "$client:$1" "$LAB_VIP4:80" --syn)"
	expect_equal "real of port $(($1 + 1000)) over IPv6" "$(answers $(($1 + 1000)) "$LAB_VIP6")" \
		"$(flow .real.real tcp "[$client6]:$(($1 + 1000))" "[$LAB_VIP6]:80" --syn)"
}

test_that "flow names the real that packets go to"
for port in {41000..41009}; do
	agrees "$port"
done
expect_equal "its service" "$LAB_VIP4:80/tcp www4 web slot forwarded" \
	"$(flow '[.service, .vip, .pool, .why, .outcome] | join(" ")' tcp "$client:41000" "$LAB_VIP4:80")"
expect_equal "a port without service" unserved "$(flow .outcome tcp "$client:41000" "$LAB_VIP4:81")"
expect_equal "an address that is no VIP" not-a-vip "$(flow .outcome tcp "$client:41000" 10.1.1.2:80)"

test_that "flow says what another config would make of it"
sed '/^      web3:/d' "$LAB_DIR/lb1/shoal.yaml" >"$LAB_DIR/new.yaml"
declare -A foreseen=()
for port in {41000..41029}; do
	foreseen[$port]=$(flow '.with | "\(.real.real) \(.is_kept)"' tcp "$client:$port" "$LAB_VIP4:80" --with "$LAB_DIR/new.yaml")
	[[ ${foreseen[$port]} == web[12]\ true ]] || fail "port $port would go to ${foreseen[$port]}"
done

test_that "the flow table shows the flows of slots that move, and flow why they stay"
for ((i = 1; i <= 12; i++)); do
	start_file "file$i" client1 "$LAB_VIP4" 200k
done
cp "$LAB_DIR/new.yaml" "$LAB_DIR/lb1/shoal.yaml"
shoal_on lb1 reload >/dev/null || fail "reload"
remembers() {
	(($(shoal_on lb1 flows --json | jq .protected) > 0))
}
wait_for 15 "entries while slots move" remembers
shoal_on lb1 flows | sed 's/^/  /'
found=0
while read -r port; do
	entry=$(shoal_on lb1 flows find tcp "$client:$port" "$LAB_VIP4:80" --json 2>/dev/null | jq -r ".entry.address // empty")
	[ -n "$entry" ] || continue
	found=$((found + 1))
	expect_equal "real of the remembered flow of port $port" "flow-table $entry" \
		"$(flow '[.why, .real.address] | join(" ")' tcp "$client:$port" "$LAB_VIP4:80")"
done < <(on client1 ss -Htn state established dst "$LAB_VIP4" | awk '{n = split($3, a, ":"); print a[n]}')
((found > 0)) || fail "no flow of a download is found"

test_that "new flows go where flow --with said"
for port in {41010..41029}; do
	expect_equal "real of port $port" "${foreseen[$port]}" "$(answers "$port") true"
done

test_that "purging forgets, and is for admin.sock"
if shoal_on lb1 --socket "$(node_dir lb1)/run/read.sock" flows purge --all >"$LAB_DIR/log/purge" 2>&1; then
	fail "purge on read.sock"
fi
grep -q "admin.sock only" "$LAB_DIR/log/purge" || fail "not refused for the socket: $(cat "$LAB_DIR/log/purge")"
expect "purge one real" shoal_on lb1 flows --json purge --real web/web1 >/dev/null
expect "purge a service" shoal_on lb1 flows --json purge --service www4:80/tcp >/dev/null
