#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   client1 ── tor ── lb1 (shoald, shoal-web ◀── Chromium)
#               └──── web1..3: one dies; all answer with HTML; all are well again
#
# Test that the page shows what happens to a node as it happens (browser_live.py).
source "$(dirname "$0")/../lab/lab.sh"

for tool in chromium chromedriver; do
	command -v "$tool" >/dev/null || skip "$tool is missing; run packaging/install-packages web"
done
export PYTHONDONTWRITEBYTECODE=1
evil='<img src=x onerror=alert(1)><script>alert(2)</script>'

real_dies() {
	kill_real web2
}

reals_answer_evil() {
	local real
	for real in web1 web3; do
		echo "$evil" >"$LAB_DIR/$real/www/healthz"
	done
}

reals_are_well() {
	local real
	start_real web2
	for real in web1 web3; do
		pass_check_of "$real"
	done
}

stop_shoald() {
	stop lb1-shoald
}

begin_shoald() {
	start_shoald lb1
}

# What Chromium's driver asks for is done here, in the shell that owns the site.
look() {
	local line pid status=0
	coproc LOOK { on lb1 python3 "$LAB_TOP/tests/web/browser_live.py" http://127.0.0.1:9108/ 2>&1; }
	pid=$LOOK_PID
	while IFS= read -r line <&"${LOOK[0]}"; do
		case $line in
		"DO "*) "${line#DO }" && echo "is done" >&"${LOOK[1]}" ;;
		*) echo "$line" ;;
		esac
	done
	wait "$pid" || status=$?
	((status == 0)) || fail "the page is not as it shall be, see above"
}

LAB_CHECK="body-contains: ok"
site_up --nodes 1 --reals 3
start_web lb1
look
