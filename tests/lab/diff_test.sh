#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client1 ── tor ── lb1 ──▶ web1 … web4      what shoal diff says before a reload is what the reload does
#
source "$(dirname "$0")/lab.sh"
site_up --nodes 1 --reals 4
wait_for 20 "all reals are up" nodes_see_reals up "${LAB_REALS[@]}"
config=$LAB_DIR/lb1/shoal.yaml

# The owner of each slot, as packets find it.
print_ring() {
	"$(lab_program map_poke)" "$(dirname "$(find "$LAB_DIR/lb1/bpf" -name rings -print -quit)")" print-ring
}
# Edit first; after the reload as many slots must have another owner as the diff said.
agrees() { # WHAT
	local said
	said=$(shoal_on lb1 diff "$config" --json | jq '[.pools[].slots_moved] | add // 0')
	shoal_on lb1 diff "$config"
	print_ring >"$LAB_DIR/before"
	expect "shoal reload" shoal_on lb1 reload
	have_moved() {
		print_ring >"$LAB_DIR/after"
		[ "$(paste "$LAB_DIR/before" "$LAB_DIR/after" | awk '$1 != $2' | wc -l)" = "$said" ]
	}
	wait_for 60 "$1: $said slots have another owner" have_moved
	expect_for 2 "$1: and so it stays" have_moved
	expect_equal "$1: nothing is left to change" false "$(shoal_on lb1 diff "$config" --json | jq .is_changed)"
}

test_that "nothing changes by the file in force"
expect_equal "is_changed" false "$(shoal_on lb1 diff "$config" --json | jq .is_changed)"

test_that "a removed real moves its slots and no others"
node_write_config lb1 web1 web2 web3
agrees "removed"

test_that "a real that comes gets the slots that were told"
node_write_config lb1
agrees "added"

test_that "another weight moves as many slots as told"
sed -i 's/^      web1: 10.1.1.2$/      web1: {address: 10.1.1.2, weight: 3}/' "$config"
agrees "weight"

test_that "with a drained real the count is still right"
expect "shoal real drain" shoal_on lb1 real web/web2 drain
drained() {
	[ "$(shoal_on lb1 reals web/web2 --json | jq -r '.reals[0].takes_new_flows')" = false ]
}
wait_for 10 "web2 takes no new flows" drained
node_write_config lb1 web1 web2 web4
agrees "removed beside a drained one"

test_that "a VIP that goes is told with its line, and goes"
sed -i '/^  www6:/,$d' "$config"
diff=$(shoal_on lb1 diff "$config" --json)
expect_equal "the VIP" "withdrawn $LAB_VIP6/128" "$(jq -r '.vips[] | "\(.change) \(.prefix)"' <<<"$diff")"
jq -r '.frr[] | .change + .line' <<<"$diff" | grep -q "^-network $LAB_VIP6/128" || fail "the line is not told"
expect "shoal reload" shoal_on lb1 reload
line_is_gone() {
	! vtysh_on lb1 -d bgpd -c "show running-config" | grep -q "network $LAB_VIP6"
}
wait_for 20 "the line is gone" line_is_gone

test_that "what needs a restart is told, and a reload refuses it"
sed -i 's/^  uplinks: .*/&\n  flow-table: 8M/' "$config"
expect_equal "needs_restart" node.flow-table "$(shoal_on lb1 diff "$config" --json | jq -r '.needs_restart[]')"
status=0
shoal_on lb1 reload || status=$?
expect_equal "exit status of shoal reload" 4 "$status"

test_that "a bad file is refused with 2, and nothing of all this was taken for somebody else's work"
echo "node: [" >"$LAB_DIR/bad.yaml"
status=0
shoal_on lb1 diff "$LAB_DIR/bad.yaml" || status=$?
expect_equal "exit status of shoal diff" 2 "$status"
expect_equal "repairs" 0 "$(status_of lb1 '[.repairs[]] | add')"
