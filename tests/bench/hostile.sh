#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Memory under hostile input, and an honest client beside slow ones. See README.md.
#   hostile.sh [--slow N] [--only postbusd|postfix]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"

need dbus-daemon dbus-daemon
need smtp-sink postfix
/usr/bin/python3 -c 'import gi' 2>/dev/null || need no-such-command python3 python3-gi

if ! has_option --binary "$@"; then
  build_postbusd || { say "hostile.sh: postbusd does not build"; exit 1; }
  set -- --binary "$build/daemon/postbusd" "$@"
fi
exec /usr/bin/python3 "$here/hostile.py" "$@"
