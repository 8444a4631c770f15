#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What the statistics cost a message, in instructions. See README.md.
#   statistics.sh [--messages N] [--refused N]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"

need dbus-daemon dbus-daemon
need smtp-source postfix
need valgrind valgrind
/usr/bin/python3 -c 'import gi, dnslib' 2>/dev/null || need no-such-command python3 python3-gi python3-dnslib

if ! has_option --binary "$@"; then
  build_postbusd || { say "statistics.sh: postbusd does not build"; exit 1; }
  set -- --binary "$build/daemon/postbusd" "$@"
fi
exec /usr/bin/python3 "$here/statistics_cost.py" "$@"
