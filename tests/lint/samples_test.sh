#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Test that what we hand out as samples is right: `shoal check` takes the config without a warning,
# FRR's own parser knows every line of its files, systemd knows every setting of the units.
source "$(dirname "$0")/lint.sh"

output=$(build/src/cli/shoal check packaging/shoal.yaml 2>&1) || finding "packaging/shoal.yaml: $output"
grep -q 'warning' <<<"$output" && finding "packaging/shoal.yaml: $output"

if command -v vtysh >/dev/null; then
	for file in frr-integration/examples/*.conf; do
		output=$(vtysh -C -f "$file" 2>&1 | grep '^line')
		[ -z "$output" ] || finding "$file: $output"
	done
fi

# Programs and manuals are not where the units look for them before they are installed.
if command -v systemd-analyze >/dev/null; then
	output=$(systemd-analyze verify build/packaging/*.service 2>&1 | grep -v 'is not executable\|man shoal')
	[ -z "$output" ] || finding "units: $output"
fi
finish
