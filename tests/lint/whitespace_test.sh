#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Test that no text file has blanks at line ends, tabs behind spaces, or no newline at its end. Texts of others
# (licences) and kept output are left alone.
source "$(dirname "$0")/lint.sh"

while read -r file; do
	case $file in
	LICENSES/* | tests/golden/*/* | tests/fuzz/seeds/* | */vectors/*) continue ;;
	esac
	lines=$(grep -nE '[[:blank:]]+$|^ +	' "$file" | cut -d: -f1 | head -n 5 | paste -sd' ')
	[ -z "$lines" ] || finding "$file: blanks at line ends, or tabs behind spaces, at $lines"
	[ -z "$(tail -c 1 "$file")" ] || finding "$file: no newline at its end"
done < <(git grep -Il '' 2>/dev/null)
finish
