#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Test that each folder includes only what it may: base knows nobody, core only base and config,
# bpf only itself; of config others see config.h only; nobody includes main.c. The table is the architecture.
source "$(dirname "$0")/lint.sh"

declare -A may=(
	[bpf]="bpf"
	[src/base]="src/base"
	[src/config]="src/base src/config"
	[src/record]="src/base src/record"
	[src/core]="src/base src/config src/core"
	[src/dataplane]="src/base src/config src/core src/dataplane bpf"
	[src/net]="src/base src/config src/net"
	[frr-integration]="src/base src/config frr-integration"
	[health]="src/base src/config src/core src/net health bpf"
	[src/reconcile]="src/base src/config src/core src/dataplane src/net frr-integration health src/guard src/reconcile"
	[src/ctl]="src/base src/config src/core src/record src/dataplane src/net frr-integration health src/ctl"
	[src/guard]="src/base src/config frr-integration src/guard"
	[src/web]="src/base src/ctl health src/web"
	[src/cli]="src/base src/config src/core src/dataplane frr-integration src/ctl src/cli"
)

folder_of() { # FILE: the longest folder of the table it is in
	local folder=${1%/*}
	while [ -n "$folder" ] && [ -z "${may[$folder]:-}" ]; do
		[[ $folder == */* ]] || return 1
		folder=${folder%/*}
	done
	echo "$folder"
}

for folder in "${!may[@]}"; do
	[ -d "$folder" ] || continue
	while IFS=: read -r file line text; do
		included=${text#*\"}
		included=${included%%\"*}
		[ "${included##*/}" = main.c ] && finding "$file:$line: includes main.c"
		[[ $folder != src/config && $included == src/config/* && $included != src/config/config.h ]] &&
			finding "$file:$line: of src/config only config.h is for others ($included)"
		[[ $included == */* ]] || continue # generated, or found beside the file
		target=$(folder_of "$included") || continue
		[[ " ${may[$folder]} " == *" $target "* ]] ||
			finding "$file:$line: $folder may not include $target ($included)"
	done < <(grep -rn --include='*.[ch]' '^#include "' "$folder")
done
finish
