#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Installs what data/debian-packages.txt names for the given purposes and is missing.
#   sh data/install-packages.sh build test
# As root it asks nothing; else it goes through sudo; without either it says what to install.
# Purpose "idle" is for packages whose services must not be started: for the while, none is.
set -eu
list=$(dirname "$0")/debian-packages.txt

missing=
for purpose; do
  for package in $(awk -v purpose="$purpose" '$1 == purpose { print $2 }' "$list"); do
    status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) || status=
    if [ "$status" != installed ]; then
      case " $missing " in
        *" $package "*) ;;
        *) missing="$missing $package" ;;
      esac
    fi
  done
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
  echo "This is no Debian system (no apt-get). Install the like of:$missing" >&2
  exit 1
fi
if [ "$(id -u)" -eq 0 ]; then
  as_root=
elif command -v sudo >/dev/null; then
  as_root=sudo
else
  echo "Not root and no sudo. Run as root: apt-get install -y --no-install-recommends$missing" >&2
  exit 1
fi
echo "Installing:$missing"
$as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q
case " $* " in
  *" idle "*)
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
      # shellcheck disable=SC2064 # what is known now
      trap "$as_root rm -f '$policy'" EXIT
      # 101: no service may be started (invoke-rc.d's and deb-systemd-invoke's convention).
      printf '#!/bin/sh\nexit 101\n' | $as_root sh -c "cat >'$policy' && chmod 755 '$policy'"
    fi
    ;;
esac
# shellcheck disable=SC2086 # the list is meant to be split
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing
