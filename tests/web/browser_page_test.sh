#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The status page in headless Chromium before answers that are made up (browser_page.py): keyboard,
# screen reader, contrast, narrow screens, hostile names, 1,000 VIPs, shoald gone.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$here/../..

export PYTHONDONTWRITEBYTECODE=1
for tool in chromium chromedriver; do
	command -v "$tool" >/dev/null || { echo "$tool is missing; run packaging/install-packages web"; exit 77; }
done
exec "$here/browser_page.py" "$top/src/web/page" "$top/src/web/server.c" "$top/tests/golden/cli"
