#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Installs into a bare Debian 12 with systemd, D-Bus and polkit, boots that, and asks whether the
# service runs as it should; as root, on Debian 12 (the programs are built here), with debootstrap and
# systemd-nspawn:
#   sh tests/systemd-check.sh [FOLDER]
# FOLDER (default: a temporary one, removed afterwards) holds the system and the build; one given is kept
# and used again. Exits 0 only if all is well.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
packages=systemd,systemd-sysv,dbus,libpam-systemd,polkitd,libglib2.0-0,libsqlite3-0,libssl3,libunbound8,libidn12,libidn2-0,libjson-glib-1.0-0,libsystemd0
[ "$(id -u)" -eq 0 ] || {
  echo "systemd-check.sh must be run as root" >&2
  exit 1
}
for command in debootstrap systemd-nspawn nsenter swaks; do
  command -v "$command" >/dev/null || {
    echo "systemd-check.sh needs $command (packages debootstrap, systemd-container, util-linux, swaks)" >&2
    exit 1
  }
done

folder=${1:-$(mktemp -d /var/tmp/postbus-systemd-XXXXXX)}
system=$folder/system
nspawn=
finish() {
  # The second one ends it at once.
  [ -z "$nspawn" ] || { kill "$nspawn" && sleep 1 && kill "$nspawn" && wait "$nspawn"; } 2>/dev/null || true
  [ "${keep:-}" ] || rm -rf "$folder"
}
keep=${1:+yes}
trap finish EXIT

mkdir -p "$folder"
[ -x "$system/usr/bin/busctl" ] ||
  debootstrap --variant=minbase --include="$packages" bookworm "$system" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"}
[ -f "$folder/build/build.ninja" ] ||
  meson setup "$folder/build" "$root" --buildtype=release -Dclient=disabled
rm -rf "$system/var/lib/postbus"
meson install -C "$folder/build" --quiet --destdir "$system"
chroot "$system" systemd-sysusers
chroot "$system" systemctl --quiet enable postbus postbus-auth-helper.socket
for name in member stranger; do
  chroot "$system" id "$name" >/dev/null 2>&1 || chroot "$system" useradd --no-create-home "$name"
done
chroot "$system" usermod --append --groups postbus-admin member
echo 'member:correct horse' | chroot "$system" chpasswd

systemd-nspawn --directory="$system" --register=no --keep-unit --private-network --console=pipe --boot \
  >"$folder/boot.log" 2>&1 </dev/null &
nspawn=$!

inside() {
  nsenter --target "$leader" --all "$@"
}
within() { # within SECONDS COMMAND...: until the command succeeds
  seconds=$1
  shift
  until "$@" >/dev/null 2>&1; do
    seconds=$((seconds - 1))
    [ "$seconds" -gt 0 ] || {
      echo "systemd-check.sh: in vain: $*" >&2
      tail -n 20 "$folder/boot.log" >&2
      exit 1
    }
    sleep 1
  done
}
booted() {
  leader=$(cat "/proc/$nspawn/task/$nspawn/children") && leader=${leader%% *} && inside systemctl is-active postbus
}
within 120 booted

name="org.postbus.Postbus1 /org/postbus/Postbus1 org.postbus.Postbus1"
# shellcheck disable=SC2086 # the name is three words
hops() { # hops USER VALUE: sets General.MaxHops as that user
  inside setpriv --reuid="$1" --regid="$1" --init-groups busctl set-property $name.General MaxHops u "$2"
}
# shellcheck disable=SC2086
is() { # is INTERFACE PROPERTY VALUE
  [ "$(inside busctl get-property $name.$1 "$2")" = "$3" ]
}
must() {
  if "$@"; then echo "good: $*"; else echo "wrong: $*" >&2; exit 1; fi
}
must_not() {
  if "$@"; then echo "wrong, was let through: $*" >&2; exit 1; else echo "good, refused: $*"; fi
}

main_pid() {
  inside systemctl show --value --property=MainPID postbus
}
runs_as_postbus() {
  inside sh -c "stat -c %U /proc/$(main_pid)" | grep -qx postbus &&
    inside grep -qE '^CapEff:.*0000000000000400$' "/proc/$(main_pid)/status"
}
must runs_as_postbus
must is Manager State 's "running"'
must hops root 51
must hops member 52
must_not hops stranger 53
must is General MaxHops 'u 52'
mail_is_taken() {
  nsenter --target "$leader" --net swaks --server 127.0.0.1:25 --from you@example.org --to postmaster --silent 2 &&
    within 30 inside sh -c 'ls /var/lib/postbus/mail/postmaster/new/*'
}
must mail_is_taken
is_shared() { # is_shared PATH MODE: with the IMAP server's group
  [ "$(inside stat -c '%G %a' "/var/lib/postbus/mail/$1")" = "postbus-mail $2" ]
}
must is_shared postmaster/new 770
must is_shared by-address 750
# Users of the system: their mail, and their passwords, by the helper in its sandbox.
# shellcheck disable=SC2086
inside busctl set-property $name.Mailboxes AccountSource s both
# shellcheck disable=SC2086
inside busctl set-property $name.General AuthPlaintextNeedsTls b false
# shellcheck disable=SC2086
inside busctl call $name.LocalDomains Add 'a{sv}' 1 Name s local.example
mail_for() {
  nsenter --target "$leader" --net swaks --server 127.0.0.1:25 --from you@example.org --to "$1@local.example" --silent 2
}
user_gets_mail() {
  mail_for member && within 30 inside sh -c 'ls /var/lib/postbus/mail/uid-'"$(chroot "$system" id -u member)"'/new/*'
}
must user_gets_mail
must_not mail_for nosuch
must_not mail_for daemon
logs_in() { # logs_in PASSWORD
  nsenter --target "$leader" --net swaks --server 127.0.0.1:25 --auth PLAIN --auth-user member --auth-password "$1" \
    --quit-after AUTH --silent 2
}
must logs_in 'correct horse'
must_not logs_in 'wrong horse'
helper_has_no_right() {
  inside sh -c 'cat "/proc/$(systemctl show --value --property=MainPID postbus-auth-helper)/status"' >"$folder/helper-status" &&
    grep -qE '^CapEff:.*0{16}$' "$folder/helper-status" && grep -qE '^Uid:.*0' "$folder/helper-status"
}
must helper_has_no_right
must_not inside sh -c 'journalctl -b -p warning -q -u postbus-auth-helper | grep postbus-auth-helper'
inside systemctl kill --signal=KILL postbus
within 60 is General MaxHops 'u 52'
must inside systemctl stop postbus
# A call wakes it.
must is General MaxHops 'u 52'
must inside systemctl is-active postbus
must_not inside sh -c 'journalctl -b -p warning -q -t postbusd | grep .'
echo "the service is well on a systemd machine"
