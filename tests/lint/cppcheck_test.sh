#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Test that cppcheck finds nothing in user space (its parser knows too little of BPF's C). It does not
# know that AUTO() frees, so leaks are left to the address sanitizer. Programs have one thread: the
# *Called findings are of functions that only threads make dangerous.
source "$(dirname "$0")/lint.sh"
need_tool cppcheck

cppcheck --quiet -j "$(nproc)" --std=c11 --language=c --library=posix,bsd \
	--enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
	--suppress=missingIncludeSystem --suppress=unknownMacro --suppress=memleak --suppress=resourceLeak \
	--suppress=getpwuidCalled --suppress=getgrnamCalled --suppress=getgrgidCalled \
	--suppress=readdirCalled --suppress=invalidFunctionArgBool -I. -D_GNU_SOURCE '-DSHOAL_VERSION=""' \
	--include=tests/lint/cppcheck_macros.h \
	--template='{file}:{line}: {severity}: {message} [{id}]' \
	src health frr-integration || ((++findings))
finish
