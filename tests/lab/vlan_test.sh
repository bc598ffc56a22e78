#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client1 ── tor ══(one VLAN tag, then two)══ lb1 ──▶ web1, web2      tags stay on the way back
#
# The ToR's port tags by a program of its own, so no kernel has to know VLAN devices.
source "$(dirname "$0")/lab.sh"
for tool in tshark tc; do
	command -v "$tool" >/dev/null || skip "$tool is missing; run packaging/install-packages run lab"
done
[ -e "$(lab_object vlan_tags)" ] || skip "tests/lib/vlan_tags.bpf.o is not built; run meson compile -C build"
site_up --nodes 1 --reals 2

file=$LAB_DIR/capture.pcapng
# A tag goes into the frame itself: XDP sees frames, not what the kernel says beside them.
on tor ethtool -K lb1 txvlan off tx-vlan-stag-hw-insert off >/dev/null
on tor tc qdisc add dev lb1 clsact || skip "this kernel has no clsact"
on tor tc filter add dev lb1 ingress bpf direct-action object-file "$(lab_object vlan_tags)" section pop

# Requests while a capture runs: each frame that left has these tags before the outer header.
answers_through() { # SECTION PROTOCOLS
	local left spread
	on tor tc filter del dev lb1 egress 2>/dev/null
	on tor tc filter add dev lb1 egress bpf direct-action object-file "$(lab_object vlan_tags)" section "$1"
	"$(lab_program shoal)" --run-dir "$(node_dir lb1)/run" capture -w "$file" --service www4:80/tcp --for 60s \
		--count 40 >"$LAB_DIR/log/capture" 2>&1 &
	capture=$!
	wait_for 30 "a capture runs" capture_runs
	spread=$(curl_spread client1 $LAB_VIP4 60)
	echo "  $spread"
	expect "all answered: $spread" is_spread_over "$spread" web1 web2
	wait $capture || fail "shoal capture: $(tail -n 2 "$LAB_DIR/log/capture")"
	left=$(tshark -n -r "$file" -Y 'frame.interface_name == "eth0 out"' -T fields -e frame.protocols 2>/dev/null |
		grep -o "^eth.*ip:ip" | sort | uniq -c | xargs)
	expect_equal "protocols of what left" "40 $2:ethertype:ip:ip" "$left"
}

capture_runs() {
	[ "$(status_of lb1 '.dataplane.capture != null')" = true ]
}

test_that "a service answers through one VLAN tag, and packets to reals carry it"
answers_through one eth:ethertype:vlan

test_that "the same through a service tag and a customer tag"
answers_through two eth:ethertype:ieee8021ad:ethertype:vlan
