#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs both commands of the README in a bare Debian 12, as root:
#   sh tests/debootstrap-check.sh [FOLDER]
# It makes a minbase system in FOLDER (default: a temporary one, removed afterwards; a FOLDER given is
# kept and used again), copies the tree of HEAD into it and runs quickstart.sh, its --stop and
# tests/run.sh in a chroot with private mount and process namespaces: whatever is left running or
# mounted goes with them. Exits 0 only if all did.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
[ "$(id -u)" -eq 0 ] || {
  echo "debootstrap-check.sh must be run as root" >&2
  exit 1
}

if [ $# -gt 0 ]; then
  system=$1
else
  system=$(mktemp -d /var/tmp/postbus-debian-XXXXXX)
  trap 'rm -rf "$system"' EXIT
fi
[ -x "$system/bin/sh" ] ||
  debootstrap --variant=minbase bookworm "$system" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"}

rm -rf "$system/srv/postbus"
mkdir -p "$system/srv/postbus"
git -C "$root" archive HEAD | tar -x -C "$system/srv/postbus"
cp /etc/resolv.conf "$system/etc/resolv.conf"
data=${POSTBUS_TESTDATA:-$root/../shared/testdata}
if [ -d "$data" ]; then
  mkdir -p "$system/srv/shared/testdata"
  cp -a "$data/." "$system/srv/shared/testdata/"
fi

# shellcheck disable=SC2016 # the variables are the inner shell's
unshare --mount --pid --fork --kill-child sh -euc '
  mount --make-rprivate /
  mount -t proc proc "$1/proc"
  mount --rbind /dev "$1/dev"
  exec chroot "$1" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb sh -euxc "
    cd /srv/postbus
    sh data/quickstart.sh
    sh data/quickstart.sh --stop
    sh tests/run.sh
  "' sh "$system"
echo "both commands work in a bare Debian 12"
