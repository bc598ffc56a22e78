# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# quickstart.sh - the newcomer's command under test, in a directory of its own so that a site which
# somebody left up with --stay is not disturbed. Sourced by the tests beside it.
# shellcheck source=tests/lab/check.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lab/check.sh"

((EUID == 0)) || skip "needs root; run it with sudo"
quickstart=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/packaging/quickstart
SHOAL_QUICKSTART_DIR=$(mktemp -du /run/shoal-qs.XXXXXX)
export SHOAL_QUICKSTART_DIR
trap 'quickstart --down >/dev/null' EXIT

quickstart() {
	"$quickstart" "$@"
}

prefix() {
	echo "${SHOAL_QUICKSTART_DIR##*/}-"
}

nothing_is_left() {
	[ ! -e "$SHOAL_QUICKSTART_DIR" ] && ! ip netns list | grep -qF "$(prefix)" &&
		! pgrep -f "$SHOAL_QUICKSTART_DIR" >/dev/null && ! grep -qF "$SHOAL_QUICKSTART_DIR" /proc/mounts
}
