#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Test that shellcheck finds nothing in any of our scripts.
source "$(dirname "$0")/lint.sh"
need_tool shellcheck

mapfile -t scripts < <({
	grep -rlI --exclude-dir='build*' --exclude-dir=.git -m 1 '^#!.*bash$' .
	grep -rlI --exclude-dir='build*' --exclude-dir=.git -m 1 '^# shellcheck shell=bash$' .
} | sort -u)
shellcheck -x -P SCRIPTDIR -S warning "${scripts[@]}" || ((++findings))
finish
