#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Test that every header compiles alone: user space by gcc, bpf/ by clang for the BPF target. The
# skeletons that some include are in build/. And that in bpf/ the bounds of a frame come from frame.h
# only, which says why.
source "$(dirname "$0")/lint.sh"

read -ra flags < <({ c_flags; echo -Ibuild/bpf; } | xargs)
multiarch=/usr/include/$(gcc -print-multiarch)
for header in $(c_files src health frr-integration tests | grep '\.h$'); do
	output=$(gcc -fsyntax-only -Wall -Wextra "${flags[@]}" -Ibuild/bpf -x c - 2>&1 <<<"#include \"$header\"") ||
		finding "$header does not compile alone: $output"
done
for header in $(c_files bpf | grep '\.h$'); do
	output=$(clang -target bpf -mcpu=v3 -O2 -fsyntax-only -std=gnu17 -I. -Ibuild/bpf -isystem "$multiarch" \
		-x c - 2>&1 <<<"#include \"$header\"") || finding "$header does not compile alone: $output"
done
while IFS= read -r line; do
	finding "$line: use bpf/frame.h"
done < <(grep -rnE --include='*.[ch]' -- '->data(_end)?\b' bpf)
finish
