#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Test that each package is listed once, in packaging/packages, and that the Debian package takes its
# dependencies from there.
source "$(dirname "$0")/lint.sh"

twice=$(awk '!/^#/ { for (i = 2; i <= NF; i++) print $i }' packaging/packages | sort | uniq -d)
[ -z "$twice" ] || finding "packaging/packages names twice: $twice"
for placeholder in 'Build-Depends:.*@build@' 'Depends:.*@run@'; do
	grep -q "^$placeholder\$" packaging/debian/control.in ||
		finding "packaging/debian/control.in has no line '$placeholder'"
done
finish
