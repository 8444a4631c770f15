#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The history with a million messages: written, and found. See README.md.
#   history.sh [messages]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"

build_postbusd || exit 1
ninja -C "$build" tests/bench/history-bench >/dev/null
work=$(mktemp -d "${TMPDIR:-/var/tmp}/postbus-history.XXXXXX")
trap 'rm -rf "$work"' EXIT
"$build/tests/bench/history-bench" "$work" "${1:-1000000}"
