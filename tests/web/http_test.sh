#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# shoal-web before a shoald that is made up (http_requests.py): malformed, huge, slow and pipelined
# requests, wrong methods, path tricks, strangers' names, too many connections, streams nobody reads.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
program=${1:-$here/../../build/src/web/shoal-web}
[ -x "$program" ] || { echo "$program is not built"; exit 77; }
export PYTHONDONTWRITEBYTECODE=1
exec "$here/http_requests.py" "$program"
