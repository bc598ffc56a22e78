#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Test that each package is listed once in packaging/packages, that the Debian package builds with
# exactly the packages of purpose `build` (less what Debian always has) and depends on `run`.
source "$(dirname "$0")/lint.sh"

of() { # PURPOSE
	awk -v purpose="$1" '$1 == purpose { for (i = 2; i <= NF; i++) print $i }' packaging/packages | sort
}

field() { # NAME: the packages a field of debian/control names, without substitutions
	awk -v name="$1:" '$1 == name { on = 1; $1 = "" } /^[^ ]/ && $1 != "" { on = 0 } on' packaging/debian/control |
		tr ',' '\n' | sed 's/(.*)//; s/ //g' | grep -v '^$\|^\${\|^debhelper\|^dh-sequence' | sort
}

twice=$(awk '!/^#/ { for (i = 2; i <= NF; i++) print $i }' packaging/packages | sort | uniq -d)
[ -z "$twice" ] || finding "packaging/packages names twice: $twice"
for pair in build:Build-Depends run:Depends; do
	difference=$(diff <(of "${pair%:*}" | grep -vx 'gcc\|libc6-dev') <(field "${pair#*:}")) ||
		finding "packaging/packages ('${pair%:*}') and debian/control (${pair#*:}) differ: $difference"
done
finish
