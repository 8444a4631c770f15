# SPDX-License-Identifier: GPL-3.0-or-later
# What compare.sh and idle.sh share; sourced by them with $here set to this folder.

root=$(cd "$here/../.." && pwd)
build=$root/build/bench

say () { printf '%s\n' "$*" >&2; }

as_root () {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# need COMMAND PACKAGE...: installs the packages where the command is missing.
need () {
  if command -v "$1" >/dev/null 2>&1; then return 0; fi
  shift
  say "installing $*"
  as_root apt-get update -qq
  # Without a configuration of its own the package's Postfix stays down.
  case " $* " in *" postfix "*)
    echo 'postfix postfix/main_mailer_type select No configuration' | as_root debconf-set-selections ;;
  esac
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

# The release build; symbols cost nothing at run time and let perf name what it sees.
build_postbusd () {
  need meson meson ninja-build
  if [ ! -f "$build/build.ninja" ]; then
    meson setup "$build" "$root" --buildtype=release -Ddebug=true >&2 || return 1
  fi
  ninja -C "$build" daemon/postbusd >&2
}

has_option () {
  wanted=$1; shift
  for word; do
    case $word in "$wanted"|"$wanted"=*) return 0 ;; esac
  done
  return 1
}
