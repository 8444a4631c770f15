#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Builds the Debian packages on Debian 12:
#   sh data/build-deb.sh [FOLDER]
# They come to lie in FOLDER (default: build/deb). The tree is copied there, so that it stays as it is;
# nothing is fetched, and nothing but the packages stays.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "${1:-$root/build/deb}"
folder=$(cd "${1:-$root/build/deb}" && pwd)
copy=$folder/source

command -v dpkg-buildpackage >/dev/null && command -v dh >/dev/null || {
  echo "build-deb.sh needs dpkg-dev and debhelper: sh data/install-packages.sh build client deb" >&2
  exit 1
}
# debhelper gives the build a home of its own.
if [ -d "${HOME-}/.cache/ccache" ]; then
  export CCACHE_DIR="${CCACHE_DIR:-$HOME/.cache/ccache}"
fi
rm -rf "$copy" "$folder"/postbus*.deb
mkdir "$copy"
trap 'rm -rf "$copy"' EXIT
# Neither builds nor history: what is in the tree, committed or not.
tar -C "$root" --exclude=./build --exclude='./build-*' --exclude=./.git --exclude=__pycache__ --exclude=".${copy#"$root"}" \
  -cf - . | tar -C "$copy" -xf -
cp -r "$copy/data/debian" "$copy/debian"
(
  cd "$copy"
  dpkg-buildpackage -b -us -uc
)
rm -f "$folder"/postbus_*.buildinfo "$folder"/postbus_*.changes
ls "$folder"/postbus*.deb
