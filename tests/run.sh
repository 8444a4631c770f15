#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Installs what is missing, builds with ASan and UBSan and with warnings as errors, and runs every
# test. The last line is `N passed, N failed, N skipped`; the exit status is 0 only if nothing
# failed and something passed.
#   sh tests/run.sh [ARGUMENTS FOR meson test]
# The build folder is build/test, or $POSTBUS_TEST_BUILD.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
build=${POSTBUS_TEST_BUILD:-$root/build/test}
LC_ALL=C.UTF-8
export LC_ALL

# The client's tests want an SSH server. Debian's package would have it serve the network from the next
# boot on, so it is only installed where nothing boots: in a container, a chroot. Elsewhere those tests run
# if it is there anyway.
idle=idle
[ ! -d /run/systemd/system ] || idle=
sh "$root/data/install-packages.sh" build client test $idle

set_up() {
  meson setup "$@" "$build" "$root" -Db_sanitize=address,undefined -Dwerror=true \
    --buildtype=debugoptimized
}
if [ ! -f "$build/build.ninja" ]; then
  set_up
else
  # A folder of an older tree or compiler that cannot be brought up to date is made anew.
  set_up --reconfigure || set_up --wipe
fi
ninja -C "$build"

# Many tests wait for a peer that says nothing, and cost no CPU meanwhile.
log=$build/meson-logs/testlog.json
rm -f "$log"
status=0
meson test -C "$build" --no-rebuild --print-errorlogs --num-processes $(($(nproc) * 2)) \
  --no-suite ui-long --no-suite boot "$@" || status=$?
/usr/bin/python3 "$root/tests/count-results.py" "$log" || status=1
exit "$status"
