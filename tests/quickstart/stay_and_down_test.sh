#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
#   quickstart --stay ──▶ a site that answers ── quickstart again: refused ── quickstart --down ──▶ nothing
#
source "$(dirname "$0")/quickstart.sh"

test_that "--stay leaves a site that answers after the command has ended"
quickstart --stay || fail "quickstart --stay ended with status $?"
answer=$(ip netns exec "$(prefix)client1" curl -s --max-time 3 http://203.0.113.10/)
grep -q '^web[123]$' <<<"$answer" || fail "the VIP answers '$answer'"

test_that "a second run beside it is refused with the remedy, and does it no harm"
output=$(quickstart 2>&1) && fail "a second quickstart was not refused"
grep -q -- '--down' <<<"$output" || fail "the refusal does not name --down: $output"
expect "the site answers" ip netns exec "$(prefix)client1" curl -fs -o /dev/null --max-time 3 http://203.0.113.10/

test_that "--down removes it, and says so when there is nothing to remove"
quickstart --down || fail "quickstart --down ended with status $?"
expect "nothing is left" nothing_is_left
quickstart --down || fail "quickstart --down ended with status $? without a site"
