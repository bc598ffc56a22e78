#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client1 ── tor ── lb1 ── web1   lb1 has a secret in every place that can hold one
#
# What a bug report gets has none of them, nor where a log or an event quotes one.
source "$(dirname "$0")/lab.sh"
LAB_CHECK='headers: ["Authorization: Bearer planted-header-value"]'
LAB_NODE="  hash-key-file: /run/planted-$$.key"
echo 5eedc0de0badf00d >"/run/planted-$$.key"
chown $LAB_UID_SHOALD "/run/planted-$$.key"
chmod 600 "/run/planted-$$.key"
clean_up() {
	rm -f "/run/planted-$$.key"
	lab_exit
}
lab_trap() {
	trap clean_up EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
}
site_up --nodes 1 --reals 1

bundle=$LAB_DIR/bundle.tar.gz
unpacked=$LAB_DIR/unpacked
make_bundle() { # ARGUMENT...
	rm -rf "$bundle" "$unpacked"
	mkdir "$unpacked"
	on lb1 "$(lab_program shoal)" --run-dir "$(node_dir lb1)/run" bundle \
		--config "$(node_dir lb1)/shoal.yaml" --output "$bundle" "$@" >"$LAB_DIR/said" ||
		fail "shoal bundle: $(cat "$LAB_DIR/said")"
	tar -xzf "$bundle" -C "$unpacked" --strip-components 1 || fail "the archive cannot be unpacked"
}

holds() { # FILE PATTERN
	grep -q "$2" "$unpacked/$1" || fail "$1 lacks $2: $(head -n 5 "$unpacked/$1")"
}

test_that "a bundle holds what a bug report needs"
on lb1 vtysh --vty_socket "$(frr_dir lb1)" -c 'configure terminal' -c "router bgp $LAB_AS_NODES" \
	-c 'neighbor 10.0.1.77 remote-as 65099' -c 'neighbor 10.0.1.77 password planted-md5-password' ||
	fail "vtysh takes no password"
# A line that a log quotes.
shoal_on lb1 drain www6 --reason "rotated planted-header-value today" >/dev/null
make_bundle
holds config.yaml 'Authorization'
holds status.json '"generation"'
holds events.json '"vip_state"'
holds events.json 'rotated \*\*\* today'
holds frr-running-config.txt 'neighbor 10.0.1.77 password \*'
holds frr-bgp-summary.txt 10.0.1.1
holds rules4.txt lookup
holds README.txt 'Left out'
expect_equal "mode of the file" 600 "$(stat -c %a "$bundle")"

test_that "no secret is in it"
grep -rl planted-header-value "$unpacked" && fail "a header's value is in the bundle"
grep -rl 5eedc0de0badf00d "$unpacked" && fail "the hash key is in the bundle"
grep -rl planted-md5 "$unpacked" && fail "a BGP password is in the bundle"

test_that "a bundle is there without shoald, too, and says what it lacks"
stop lb1-shoald
make_bundle --json
jq -e '.lacking | map(select(startswith("status.json"))) | length == 1' "$LAB_DIR/said" >/dev/null ||
	fail "nothing is said of status: $(cat "$LAB_DIR/said")"
holds README.txt 'Could not be had'
holds config.yaml 'Authorization'

test_that "no file is written over"
on lb1 "$(lab_program shoal)" bundle --config "$(node_dir lb1)/shoal.yaml" --output "$bundle" 2>/dev/null &&
	fail "the file was there, and is another now"
exit 0
