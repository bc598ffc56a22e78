#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Test that clang-tidy finds nothing; its checks are in .clang-tidy (warnings are the builds' to find).
source "$(dirname "$0")/lint.sh"
need_tool clang-tidy
[ -e build/compile_commands.json ] || { echo "build/ is not set up; run packaging/build" && exit 77; }

c_files src health frr-integration | grep '\.c$' |
	xargs -P "$(nproc)" -n 4 clang-tidy -p build --quiet --warnings-as-errors='*' --extra-arg=-Wno-everything 2>/dev/null || ((++findings))
finish
