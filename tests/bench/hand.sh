#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A queue of a million messages in an administrator's hand: pages, searches, actions on all. See README.md.
#   hand.sh [--messages N]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"

need dbus-daemon dbus-daemon
/usr/bin/python3 -c 'import gi, dnslib' 2>/dev/null || need no-such-command python3 python3-gi python3-dnslib

if ! has_option --binary "$@"; then
  build_postbusd || { say "hand.sh: postbusd does not build"; exit 1; }
  ninja -C "$build" tests/bench/fill-queue >&2
  set -- --binary "$build/daemon/postbusd" --fill "$build/tests/bench/fill-queue" "$@"
fi
exec /usr/bin/python3 "$here/hand.py" "$@"
