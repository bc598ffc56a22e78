#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client1 ── tor ── lb1 ─┬─ web1   shoald, then shoald-next, whose maps have another layout, and back
#                          ├─ web2
#                          └─ web3
#
source "$(dirname "$0")/lab.sh"
site_up --nodes 1 --reals 3
lab_program shoald-next >/dev/null || skip "tests/next is not built; run meson compile -C build"
command -v strace >/dev/null || skip "strace is missing; run packaging/install-packages lab"

# The daemon that runs is always called lb1-shoald here, whichever it is.
start_version() { # PROGRAM [WRAPPER...]
	local dir program=$1 command
	shift
	dir=$(node_dir lb1)
	read -ra command < <(as $LAB_UID_SHOALD "$(frrvty_gid)" net_admin,bpf,perfmon "$(lab_program "$program")" \
		--config "$dir/shoal.yaml" --run-dir "$dir/run" --state-dir "$dir/state" --bpffs "$dir/bpf")
	: >"$LAB_DIR/log/lb1-shoald"
	start lb1-shoald lb1 "$@" "${command[@]}"
}

sets() { # the pinned sets, in a line
	find "$LAB_DIR/lb1/bpf" -mindepth 1 -maxdepth 1 -type d -printf '%f\n' | sort | paste -sd ' '
}

went_over() {
	grep -q 'change_over done=yes' "$LAB_DIR/log/lb1-shoald"
}

program_of() { # the id of the program on the uplink
	ip -n "$(ns lb1)" -j -d link show dev eth0 | jq '.[0].xdp.prog.id'
}

forwards() { # COUNT: so many requests, none of which fails
	local spread
	spread=$(curl_spread client1 "$LAB_VIP4" "$1")
	is_spread_over "$spread" "${LAB_REALS[@]}" || fail "$spread"
}

# The whole way from what runs to the other version, without a lost packet.
change_over() { # PROGRAM SET
	local since program
	since=$(now_ms) program=$(program_of)
	start_route_watch routes
	stop lb1-shoald
	start_version "$1"
	wait_for 90 "$1 changes over" went_over
	expect_equal "pinned sets" "$2" "$(sets)"
	[ "$(program_of)" != "$program" ] || fail "the uplink still runs program $program"
	expect_equal "the link of the uplink" "$link" "$(xdp_link_of lb1)"
	forwards 100
	expect_equal "failed requests around the change-over" 0 "$(load_failures load "$since")"
	expect_no_route_change routes
}

link=$(xdp_link_of lb1)
expect_equal "pinned sets" v5 "$(sets)"
start_file file1 client1 "$LAB_VIP4" 60k # 50 s
start_load load client1 "$LAB_VIP4" "$LAB_VIP6"

test_that "another layout is filled beside the one in force, which forwards meanwhile, then takes over"
change_over shoald-next v6

test_that "the former version goes back the same way"
change_over shoald v5

test_that "it is in command then: a real that fails is left out and comes back, and keeps its flows"
fail_check_of web3
wait_for 15 "lb1 sees web3 down" real_is lb1 web3 down
wait_for 5 "no new flow goes to web3" test "$(curl_spread client1 "$LAB_VIP4" 60 | grep -c web3)" = 0
pass_check_of web3
wait_for 15 "lb1 sees web3 up" real_is lb1 web3 up
stop_load load

# strace ends the daemon at the Nth call of a kind, before the kernel carries it out.
ended_at() { # CALL N PROGRAM: 1 when it got through without being ended
	start_version "$3" strace -f -o /dev/null -e trace="$1" -e inject="$1":signal=KILL:when="$2"
	poll_until 60 ended_or_over || fail "$3 neither ends nor changes over"
	! went_over
}

ended_or_over() {
	is_gone lb1-shoald || went_over
}

test_that "wherever it ends, one whole set forwards, and the next start finishes"
stop lb1-shoald
start_load load client1 "$LAB_VIP4"
start_route_watch routes
since=$(now_ms) n_ended=0
for at in mkdir:1 bpf:60 bpf:120 bpf:150 unlinkat:1 unlinkat:9; do
	! ended_at "${at%:*}" "${at#*:}" shoald-next || n_ended=$((n_ended + 1))
	forwards 20
	if went_over; then
		stop lb1-shoald
		start_version shoald
		wait_for 90 "shoald changes back" went_over
		stop lb1-shoald
	fi
	echo "  ended at $at: $(sets)"
done
((n_ended >= 4)) || fail "only $n_ended of the ends came about"
expect_equal "the link of the uplink" "$link" "$(xdp_link_of lb1)"
start_version shoald-next
poll_until 90 went_over || [ "$(sets)" = v6 ] || fail "the last start did not finish"
expect_equal "pinned sets" v6 "$(sets)"
forwards 100
expect_equal "failed requests" 0 "$(load_failures load "$since")"
stop_load load
expect_no_route_change routes

test_that "the download that ran through all of it is whole"
poll_until 60 files_are_whole 1 || fail "$(broken_files 1)"
