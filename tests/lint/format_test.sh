#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Test that every C file is formatted as .clang-format says; mend with clang-format -i.
source "$(dirname "$0")/lint.sh"
need_tool clang-format

mapfile -t files < <(c_files)
for file in "${files[@]}"; do
	clang-format --dry-run -Werror "$file" >/dev/null 2>&1 || finding "$file: clang-format -i $file"
done
finish
