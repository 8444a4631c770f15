#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# RSS of postbusd per idle TLS session, and an honest client among silent ones. See README.md.
#   tls.sh [--sessions N] [--silent N]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"

need dbus-daemon dbus-daemon
need smtp-sink postfix
/usr/bin/python3 -c 'import gi' 2>/dev/null || need no-such-command python3 python3-gi

if ! has_option --binary "$@"; then
  build_postbusd || { say "tls.sh: postbusd does not build"; exit 1; }
  set -- --binary "$build/daemon/postbusd" "$@"
fi
exec /usr/bin/python3 "$here/tls.py" "$@"
