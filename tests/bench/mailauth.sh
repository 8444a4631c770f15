#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What SPF, DKIM and DMARC of a message cost, in-process and over SMTP. See README.md.
#   mailauth.sh [--rounds N] [--messages N] [--no-smtp]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"

need dbus-daemon dbus-daemon
need smtp-source postfix
need openssl openssl
/usr/bin/python3 -c 'import gi, dkim, dnslib' 2>/dev/null || need no-such-command python3 python3-gi python3-dkim python3-dnslib

build_postbusd || { say "mailauth.sh: postbusd does not build"; exit 1; }
ninja -C "$build" tests/bench/mailauth-bench >&2
exec /usr/bin/python3 "$here/mailauth.py" --binary "$build/daemon/postbusd" --bench "$build/tests/bench/mailauth-bench" "$@"
