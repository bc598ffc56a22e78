#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   lb1: shoald ── exec.sock ── shoal-exec ─▶ judge ─▶ what "says" says of web1, web2
#                                               └▶ children, to be killed with it
#
# A pool with a check that runs a program: what it says counts, what the node lacks does not, and
# nothing is left of what it started.
#
source "$(dirname "$0")/lab.sh"
site_up --nodes 1 --reals 2
config=$LAB_DIR/lb1/shoal.yaml
says=$LAB_DIR/lb1/says
judge=$LAB_DIR/lb1/judge
install -d -m 777 "$says"
# A number of seconds that no other sleep on this machine has.
nap=$((100000 + $$))

let_say() { # WORD REAL...: up, down or hang
	local word=$1 real
	shift
	for real in "$@"; do
		echo "$word" >"$says/part" && mv "$says/part" "$says/$real"
	done
}

write_judge() {
	cat >"$judge.part" <<-EOF
		#!/bin/sh
		echo "\$SHOAL_REAL_NAME (\$SHOAL_REAL) of \$SHOAL_POOL on \$SHOAL_NODE: \$SHOAL_VIP port \$SHOAL_PORT"
		read -r word <"$says/\$SHOAL_REAL_NAME"
		[ "\$word" = up ] || printf 'lag 48 s\nof 10 s\n' >&2
		case \$word in
		up) exit 0 ;;
		down) exit 3 ;;
		esac
		sleep $nap &
		setsid sleep $nap &
		wait
	EOF
	chmod 755 "$judge.part"
	mv "$judge.part" "$judge"
}

# The pool is judged by a program alone, or also by shoal-probe.
judge_by() { # CHECK-LIST
	node_write_config lb1
	sed -i -e "s|^checks:|&\n  judged: {type: exec, argv: [$judge], interval: 500ms, fast-interval: 100ms,\n           slow-interval: 500ms, timeout: 1s, rise: 2, fall: 2}|" \
		-e "s|check: alive|check: $1|" "$config"
	shoal_on lb1 reload
}

alarm_says() { # TEXT COMMAND
	status_of lb1 '.alarms[] | .text + " -> " + .command' | grep -qF "$1"
}

why_says() { # REAL TEXT
	shoal_on lb1 why "web/$1" | tr -s ' \n' ' ' | grep -qF "$2"
}

no_naps() {
	! pgrep -f "^sleep $nap\$" >/dev/null
}

both_vips_announced() {
	tor_routes_via lb1 "$LAB_VIP4" "$LAB_VIP6"
}

let_say up web1 web2
write_judge
wait_for 10 "both reals up" nodes_see_reals up web1 web2

test_that "a config that asks for a program without shoal-exec is told, and nothing is withdrawn"
expect "shoal reload" judge_by "[alive, judged]"
wait_for 3 "an alarm" alarm_says "shoal-exec is not connected; what exec checks judge keeps its last state, as by check 'judged' of pool 'web'; in "
expect "it says when the guard acts" alarm_says " s shoal-guard acts by on-controller-loss: drain -> systemctl start shoal-exec"
expect_for 2.5 "the VIPs stay announced" both_vips_announced

test_that "with shoal-exec the alarm goes and the reals are up"
start_exec lb1
wait_for 10 "no alarm" eval '! alarm_says shoal-exec'
wait_for 10 "both reals up" nodes_see_reals up web1 web2
expect "the VIPs were never withdrawn" both_vips_announced

test_that "what the program says of a real counts, with its words"
let_say down web2
wait_for 10 "web2 down" real_is lb1 web2 down
expect "web1 is up" real_is lb1 web1 up
wait_for 5 "the reason" why_says web2 "exit code 3 in "
expect "the evidence" why_says web2 "web2 (10.1.2.2) of web on lb1: $LAB_VIP4 port 80"

test_that "its output is kept: the last lines on the screen, all of it in JSON"
expect "shoal why" why_says web2 "| lag 48 s | of 10 s"
expect "shoal why --json" eval "shoal_on lb1 --json why web/web2 | jq -e '.why.causes[] |
	select(.name == \"judged\") | .output | endswith(\"\nlag 48 s\nof 10 s\n\")' >/dev/null"

test_that "shoal probe runs the program and shows its steps, and all that it writes"
expect "it passes on web1" shoal_on lb1 probe web/web1 --check judged
! shoal_on lb1 probe web/web2 --check judged >"$LAB_DIR/probe.out" || fail "web2 passes"
for text in "process [0-9]* for $judge" "first output" "ended, [0-9]* bytes" "failed: exit code" \
	"| web2 (10.1.2.2) of web" "| of 10 s" "exit-status: exit code 3 in "; do
	grep -q "$text" "$LAB_DIR/probe.out" || fail "no '$text' in: $(cat "$LAB_DIR/probe.out")"
done
let_say up web2
wait_for 10 "web2 up" real_is lb1 web2 up

test_that "a program that hangs has failed, and leaves no process"
let_say hang web2
wait_for 15 "web2 down" real_is lb1 web2 down
wait_for 5 "the reason" why_says web2 "no answer in 1000 ms, waiting for the program to end: web2"
wait_for 5 "it does start children" pgrep -f "^sleep $nap\$"
let_say up web2
wait_for 10 "web2 up" real_is lb1 web2 up
wait_for 5 "no child is left" no_naps

test_that "a program that is gone blames no real"
rm "$judge"
wait_for 10 "the reason" why_says web1 "the node cannot run the program of the check; no verdict: $judge: No such file or directory"
expect_for 2.5 "no real goes down" nodes_see_reals up web1 web2
write_judge
wait_for 10 "the program is run again" why_says web1 "exit code 0 in"

test_that "killed, shoal-exec takes no real along, and an alarm names it"
let_say down web2
wait_for 10 "web2 down" real_is lb1 web2 down
kill_hard lb1-shoal-exec
wait_for 5 "an alarm" alarm_says "shoal-exec is not connected"
let_say up web2
expect_for 2.5 "web1 stays up" real_is lb1 web1 up
expect "web2 stays down" real_is lb1 web2 down
expect "the VIPs are announced" both_vips_announced

test_that "its successor goes on from the last judgement"
start_exec lb1
wait_for 10 "web2 up" real_is lb1 web2 up
expect "web1 is up" real_is lb1 web1 up
! grep -q 'real_state .*real=web1.*to=down' "$LAB_DIR/log/lb1-shoald" || fail "web1 was down in between"

test_that "a config without programs needs no shoal-exec"
stop lb1-shoal-exec
wait_for 5 "an alarm" alarm_says "shoal-exec is not connected"
expect "shoal reload" judge_by alive
wait_for 3 "no alarm" eval '! alarm_says shoal-exec'
expect "both reals up" nodes_see_reals up web1 web2
