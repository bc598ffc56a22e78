#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Test that every source file opens with its licence: bpf/ (and BPF objects elsewhere) for the
# kernel, all else Apache.
source "$(dirname "$0")/lint.sh"

while read -r file; do
	licence=Apache-2.0
	case $file in
	bpf/* | *.bpf.c) licence="GPL-2.0-only OR BSD-2-Clause" ;;
	esac
	head -n 3 "$file" | grep -qF "SPDX-License-Identifier: $licence" || finding "$file:1: no 'SPDX-License-Identifier: $licence'"
done < <(c_files; grep -rlI --exclude-dir='build*' --exclude-dir=.git '^#!.*sh$' . | sed 's,^./,,')
finish
