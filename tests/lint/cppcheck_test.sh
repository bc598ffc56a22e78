#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Test that cppcheck finds nothing in user space (its parser knows too little of BPF's C).
source "$(dirname "$0")/lint.sh"
need_tool cppcheck

cppcheck --quiet -j "$(nproc)" --std=c11 --language=c --enable=warning,performance,portability \
	--inline-suppr --suppress=missingIncludeSystem --suppress=unknownMacro --error-exitcode=1 \
	-I. -D_GNU_SOURCE '-DSHOAL_VERSION=""' --template='{file}:{line}: {severity}: {message} [{id}]' \
	src health frr-integration || ((++findings))
finish
