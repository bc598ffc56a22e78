#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   quickstart ── once, and once more ──▶ nothing left behind, under 45 s each
#
source "$(dirname "$0")/quickstart.sh"

for turn in first second; do
	test_that "the $turn run ends well, within 45 s, and leaves nothing behind"
	began=$(now_ms)
	quickstart || fail "quickstart ended with status $?"
	took=$(($(now_ms) - began))
	echo "  took $took ms"
	((took < 45000)) || fail "quickstart took $took ms"
	expect "nothing is left" nothing_is_left
done
