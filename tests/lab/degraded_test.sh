#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client1 ── tor ── lb1 ── web1   lb1 lacks something: the right time, room on a disk, descriptors,
#                        └── web2   its BPF file system
#
# Each has a name in status, takes nothing away from clients, and is over by itself.
source "$(dirname "$0")/lab.sh"

# Small file systems of their own for the two directories; the recorder has its room in them.
prepare_small_disks() {
	local dir
	dir=$(node_dir lb1)
	install -d "$dir/run" "$dir/state"
	# Shared, so that what is mounted and unmounted here is so for the daemons, too.
	mount --bind "$dir" "$dir"
	mount --make-shared "$dir"
	mount -t tmpfs -o size=20m,mode=771,uid=$LAB_UID_SHOALD,gid=$LAB_GID_GUARD tmpfs "$dir/run"
	echo "$dir/run" >>"$LAB_DIR/mounts"
	mount -t tmpfs -o size=20m,mode=750,uid=$LAB_UID_SHOALD,gid=$LAB_GID tmpfs "$dir/state"
	echo "$dir/state" >>"$LAB_DIR/mounts"
	mount_bpffs lb1
	echo "$dir" >>"$LAB_DIR/mounts"
	chown $LAB_UID_SHOALD:$LAB_GID "$dir/bpf"
	node_write_config lb1
}

alarm_of() { # NAME: its text
	shoal_on lb1 status --json | jq -r ".alarms[] | select(.alarm == \"degraded-$1\") | .text"
}

is_degraded() { # NAME [PATTERN]
	[[ $(alarm_of "$1") == *"${2:-}"* && -n $(alarm_of "$1") ]]
}

is_well() { # NAME
	local text
	text=$(alarm_of "$1") && [ -z "$text" ]
}

serves() {
	tor_routes_via lb1 $LAB_VIP4 && [[ $(curl_spread client1 $LAB_VIP4 5) == "5 answered, 0 failed"* ]]
}

fill() { # DIRECTORY: until nothing fits
	dd if=/dev/zero of="$1/filler" bs=4k 2>/dev/null
	[ -s "$1/filler" ] || fail "$1 cannot be filled"
}

# The limit of a process, as its own user: root without CAP_SYS_RESOURCE may not.
limit_of() { # PID UID ARGUMENT...
	local pid=$1 uid=$2
	shift 2
	setpriv --reuid "$uid" --regid $LAB_GID --clear-groups prlimit --pid "$pid" "$@"
}

recorded() { # EVENT PATTERN
	shoal_on lb1 events --last 500 --json | jq -r ".events[] | select(.event == \"$1\") | .text" | grep -q "$2"
}

went_on() { # SEQ-BEFORE
	(($(shoal_on lb1 events --last 1 --json | jq '.events[0].seq') > $1))
}

lab_up --nodes 1 --reals 2
prepare_small_disks
echo 0 >"$LAB_DIR/clock"
chmod 644 "$LAB_DIR/clock"
export SHIFT_CLOCK=$LAB_DIR/clock LD_PRELOAD=$LAB_BUILD/tests/lib/shift_clock.so
start_shoald lb1
unset SHIFT_CLOCK LD_PRELOAD
start_probe lb1
start_guard lb1
wait_for 20 "the VIP announced" tor_routes_via lb1 $LAB_VIP4
wait_for 10 "web answers" serves
for state in clock state-dir run-dir recorder descriptors probes bpffs; do
	expect "degraded from the beginning: $state" is_well $state
done

test_that "a full disk under the state directory is named and over by itself"
fill "$(node_dir lb1)/state"
kill_real web2
wait_for 20 "state-dir is named" is_degraded state-dir "No space left"
wait_for 20 "clients are served" serves
shoal_on lb1 drain www4 --reason full 2>"$LAB_DIR/refusal" && fail "a drain that cannot be kept is taken"
grep -q "No space left" "$LAB_DIR/refusal" || fail "the refusal says: $(cat "$LAB_DIR/refusal")"
rm "$(node_dir lb1)/state/filler"
wait_for 20 "state-dir is well" is_well state-dir
start_real web2

test_that "a full disk under the run directory keeps the guard quiet"
fill "$(node_dir lb1)/run"
wait_for 20 "run-dir is named" is_degraded run-dir "No space left"
expect_for 4 "clients are served" serves
expect "no fence" test ! -e "$(node_dir lb1)/run/fence"
rm "$(node_dir lb1)/run/filler"
wait_for 20 "run-dir is well" is_well run-dir

test_that "a wall clock that jumps ends no drain and disorders no event"
shoal_on lb1 real web/web2 drain --for 10m --reason clock >/dev/null
for by in 86400 -86400; do
	before=$(shoal_on lb1 events --last 1 --json | jq '.events[0].seq')
	echo $by >"$LAB_DIR/clock"
	wait_for 20 "the step is told" recorded clock_step "was set by"
	wait_for 20 "clock is named" is_degraded clock
	# shellcheck disable=SC2016
	wait_for 20 "events in their order" eval \
		'shoal_on lb1 events --json | jq -e ".events | map(.seq) == (map(.seq) | sort) and (map(.at_us) == (map(.at_us) | sort))"'
	expect_equal "the drain stands" drained \
		"$(shoal_on lb1 reals web/web2 --json | jq -r '.reals[0].order.order')"
	expect "clients are served" serves
	wait_for 20 "events go on" went_on "$before"
done
echo 0 >"$LAB_DIR/clock"
shoal_on lb1 real web/web2 enable >/dev/null

test_that "without descriptors clients are refused and announcements stay"
read -r pid _ <"$LAB_DIR/pids/lb1-shoald"
limit=$(limit_of "$pid" $LAB_UID_SHOALD --nofile --output SOFT --noheadings | tr -d " ")
limit_of "$pid" $LAB_UID_SHOALD --nofile=24:
# Nobody is let in to ask, but who is in already; the recorder tells afterwards.
expect_for 4 "clients are served" serves
expect "no fence" test ! -e "$(node_dir lb1)/run/fence"
limit_of "$pid" $LAB_UID_SHOALD --nofile="$limit:"
wait_for 20 "shoald answers" shoal_on lb1 status --json
wait_for 20 "descriptors were named" recorded degraded descriptors
wait_for 20 "descriptors are well" is_well descriptors

test_that "a prober without descriptors judges nothing, and that is named"
read -r pid _ <"$LAB_DIR/pids/lb1-shoal-probe"
limit=$(limit_of "$pid" $LAB_UID_PROBE --nofile --output SOFT --noheadings | tr -d " ")
limit_of "$pid" $LAB_UID_PROBE --nofile=4:
mute_real web2 # its probes hold the sockets that there are until they time out
wait_for 30 "probes were named" recorded degraded probes
expect_for 3 "web1 stays up" real_is lb1 web1 up
unmute_real web2
wait_for 20 "clients are served" serves
limit_of "$pid" $LAB_UID_PROBE --nofile="$limit:"
wait_for 20 "probes are well" is_well probes

test_that "a BPF file system that is unmounted is named, and pinned again when it is back"
link=$(xdp_link_of lb1)
umount -l "$(node_dir lb1)/bpf"
wait_for 20 "bpffs is named" is_degraded bpffs
expect_for 2 "clients are served" serves
mount -t bpf -o mode=0750 bpf "$(node_dir lb1)/bpf"
chown $LAB_UID_SHOALD:$LAB_GID "$(node_dir lb1)/bpf"
wait_for 20 "bpffs is well" is_well bpffs
expect "clients are served" serves
kill_hard lb1-shoald
start_shoald lb1
grep -q "adopted=yes" "$LAB_DIR/log/lb1-shoald" || fail "the next shoald adopts nothing"
expect_equal "the link of XDP" "$link" "$(xdp_link_of lb1)"
wait_for 10 "clients are served" serves
