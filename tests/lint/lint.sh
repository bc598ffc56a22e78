# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# lint.sh - which files are ours, and how a lint reports. Sourced by the lints beside it, which end
# with finish: exit status 1 after any finding, 77 when their tool is missing.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 2

findings=0

finding() {
	echo "$*"
	((++findings))
}

finish() {
	((findings == 0)) || echo "$findings findings"
	exit $((findings > 0))
}

need_tool() { # TOOL
	command -v "$1" >/dev/null && return
	echo "$1 is missing; run packaging/install-packages lint"
	exit 77
}

# The C files of these folders, or of all.
c_files() { # [FOLDER...]
	(($# > 0)) || set -- src bpf health frr-integration tests
	find "$@" -name '*.[ch]' -type f | sort
}

# What user-space files are compiled with, for tools that want it on the command line.
c_flags() {
	echo "-I. -D_GNU_SOURCE -DSHOAL_VERSION=\"\" -std=gnu17"
	pkg-config --cflags libbpf libelf libnl-3.0 libnl-route-3.0 libevent_core libcurl yaml-0.1 \
		jansson libseccomp libsystemd cmocka
}
