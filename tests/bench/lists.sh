#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What lists of 10,000 rows cost: pages and Replace over the bus, look-ups in the snapshot. See README.md.
#   lists.sh [--rows N] [--rounds N]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"

need dbus-daemon dbus-daemon
/usr/bin/python3 -c 'import gi, dnslib' 2>/dev/null || need no-such-command python3 python3-gi python3-dnslib

if ! has_option --binary "$@"; then
  build_postbusd || { say "lists.sh: postbusd does not build"; exit 1; }
  ninja -C "$build" tests/bench/lookup-bench >&2
  set -- --binary "$build/daemon/postbusd" --lookup "$build/tests/bench/lookup-bench" "$@"
fi
exec /usr/bin/python3 "$here/lists.py" "$@"
