#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Postfix and postbusd side by side: rate, CPU and fsyncs a message. See README.md.
#   compare.sh [--rounds N] [--messages N] [--load '10 50 100d'] [--only postfix|postbusd] [--profile]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"

if [ "$(id -u)" -ne 0 ]; then
  say "compare.sh: must be root, since Postfix must"
  exit 1
fi
need postfix postfix
need strace strace
need perf linux-perf || say "no perf here: fsyncs are counted by strace alone"
need dbus-daemon dbus-daemon
/usr/bin/python3 -c 'import gi' 2>/dev/null || need no-such-command python3 python3-gi

if ! has_option --binary "$@" && [ "${*#*--only postfix}" = "$*" ]; then
  if build_postbusd; then
    set -- --binary "$build/daemon/postbusd" "$@"
  else
    say "compare.sh: postbusd does not build"
  fi
fi
exec /usr/bin/python3 "$here/compare.py" "$@"
