#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Times the client from its start to its first page; client-start.py says how.
#   sh tests/bench/client-start.sh [--rounds N]
# Builds what it times in build/bench-client.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$root/build/bench-client
[ -f "$build/build.ninja" ] || meson setup "$build" "$root" --buildtype=release > /dev/null
ninja -C "$build" daemon/postbusd client-gtk/postbus-admin > /dev/null
POSTBUSD=$build/daemon/postbusd POSTBUS_ADMIN=$build/client-gtk/postbus-admin
export POSTBUSD POSTBUS_ADMIN
exec /usr/bin/python3 "$root/tests/bench/client-start.py" "$@"
