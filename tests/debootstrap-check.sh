#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs the README's commands in a bare Debian 12, as root:
#   sh tests/debootstrap-check.sh [FOLDER [ARGUMENTS FOR tests/run.sh]]
# It makes a minbase system in FOLDER (default: a temporary one, removed afterwards; a FOLDER given is
# kept and used again), copies the tree of HEAD into it and runs quickstart.sh, its --stop, the lines that
# build and install the packages, and tests/run.sh in a chroot with private mount and process namespaces:
# whatever is left running or mounted goes with them. Exits 0 only if all did. That what is installed also
# serves is boot/run.sh's to ask.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
[ "$(id -u)" -eq 0 ] || {
  echo "debootstrap-check.sh must be run as root" >&2
  exit 1
}

if [ $# -gt 0 ]; then
  system=$1
  shift
else
  system=$(mktemp -d /var/tmp/postbus-debian-XXXXXX)
  trap 'rm -rf "$system"' EXIT
fi
[ -x "$system/bin/sh" ] ||
  debootstrap --variant=minbase bookworm "$system" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"}

rm -rf "$system/srv/postbus"
mkdir -p "$system/srv/postbus"
git -C "$root" archive HEAD | tar -x -C "$system/srv/postbus"
sed -n '/^```packages$/,/^```$/{//!p}' "$system/srv/postbus/README.md" >"$system/srv/packages.sh"
grep -q build-deb.sh "$system/srv/packages.sh"
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
  system=$1
  shift
  exec chroot "$system" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb DEBIAN_FRONTEND=noninteractive \
    sh -euxc "
    cd /srv/postbus
    sh data/quickstart.sh
    sh data/quickstart.sh --stop
    sh -eux /srv/packages.sh
    /usr/libexec/postbusd --version
    sh tests/run.sh \"\$@\"
  " sh "$@"' sh "$system" "$@"
echo "the README's commands work in a bare Debian 12"
