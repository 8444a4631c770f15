#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Installs the Debian packages into a bare Debian 12, boots that, and asks whether the service lives as it
# should: by systemd, D-Bus and polkit as they are, over a restart, a kill, an upgrade, a reboot and a purge.
#   sh tests/boot/run.sh [FOLDER]
# As root, on Debian 12. FOLDER (default: ~/.cache/postbus-boot) keeps the bare system and the packages of
# others, so that the second time takes a few minutes; POSTBUS_DEBS names a folder with packages that are
# built already; DEBIAN_MIRROR is where the system comes from. Exits 0 only if all is well, and 77, skipped, where
# it cannot run.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
skip() {
  echo "boot test skipped: $*" >&2
  exit 77
}
[ "$(id -u)" -eq 0 ] || skip "it must be run as root"
for command in debootstrap systemd-nspawn nsenter swaks dpkg-buildpackage dh python3; do
  command -v "$command" >/dev/null || skip "no $command (sh data/install-packages.sh build client deb boot)"
done

folder=${1:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/postbus-boot}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
system=$folder/system
nspawn=
helpers=
finish() {
  # shellcheck disable=SC2086 # a list of processes
  [ -z "$helpers" ] || kill $helpers 2>/dev/null || true
  # The second one ends it at once.
  [ -z "$nspawn" ] || { kill "$nspawn" && sleep 1 && kill "$nspawn" && wait "$nspawn"; } 2>/dev/null || true
}
trap finish EXIT
trap 'exit 1' INT TERM

# ---- the packages and the system ----

if [ -n "${POSTBUS_DEBS-}" ]; then
  debs=$POSTBUS_DEBS
else
  debs=$folder/deb
  sh "$root/data/build-deb.sh" "$debs" >"$folder/build.log" 2>&1 || {
    tail -n 30 "$folder/build.log" >&2
    exit 1
  }
fi
if command -v lintian >/dev/null; then
  lintian --allow-root --fail-on error --tag-display-limit 0 "$debs"/postbus*.deb
fi

if [ ! -d "$folder/base" ]; then
  rm -rf "$folder/base.new"
  debootstrap --variant=minbase \
    --include=systemd,systemd-sysv,dbus,libpam-systemd,polkitd,ca-certificates,procps \
    bookworm "$folder/base.new" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"} >"$folder/debootstrap.log"
  mv "$folder/base.new" "$folder/base"
fi
rm -rf "$system"
cp -a --reflink=auto "$folder/base" "$system"
cp /etc/resolv.conf "$system/etc/resolv.conf"
mkdir "$system/srv/debs"
cp "$debs"/postbus_*.deb "$debs"/postbus-sendmail_*.deb "$system/srv/debs/"
set -- "$system"/srv/debs/postbus_*.deb
package=/srv/debs/${1##*/}
set -- "$system"/srv/debs/postbus-sendmail_*.deb
sendmail=/srv/debs/${1##*/}
# The same again with a higher version.
for each in "$package" "$sendmail"; do
  rm -rf "$folder/newer"
  dpkg-deb --raw-extract "$system$each" "$folder/newer"
  sed -i 's/^Version: .*/&+newer/; s/^\(Depends: .*postbus (= [^)]*\))/\1+newer)/' "$folder/newer/DEBIAN/control"
  dpkg-deb --root-owner-group --build "$folder/newer" "$system${each%/*}/newer-${each##*/}" >/dev/null
done
rm -rf "$folder/newer"

apt() {
  chroot "$system" env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -q -y -o APT::Keep-Downloaded-Packages=true "$@"
}
{
  apt update
  apt install --no-install-recommends "$package" "$sendmail" cron bsd-mailx
} >"$folder/install.log" 2>&1 || {
  tail -n 30 "$folder/install.log" >&2
  exit 1
}
cp -n "$system"/var/cache/apt/archives/*.deb "$folder/base/var/cache/apt/archives/" 2>/dev/null || true
# A message is kept before the service has ever run.
printf 'Subject: early\n\nx\n' | chroot "$system" sendmail root && rm "$system"/var/lib/postbus/drop/new-* || {
  echo "wrong: nothing can be left in the drop directory before the first start" >&2
  exit 1
}
for name in member stranger; do
  chroot "$system" useradd --no-create-home "$name"
done
chroot "$system" usermod --append --groups postbus-admin member
echo 'member:correct horse' | chroot "$system" chpasswd

# ---- booting, and looking in ----

boot() {
  systemd-nspawn --directory="$system" --register=no --keep-unit --private-network --console=pipe --boot \
    >"$folder/boot.log" 2>&1 </dev/null &
  nspawn=$!
}

inside() {
  nsenter --target "$leader" --all "$@"
}
on_net() { # a program of this machine, on the network of the other
  nsenter --target "$leader" --net "$@"
}
fail() {
  echo "wrong: $*" >&2
  tail -n 5 "$folder/boot.log" >&2
  inside journalctl -b -n 40 --no-pager >&2 2>/dev/null || true
  exit 1
}
within() { # within SECONDS COMMAND...: until the command succeeds
  seconds=$1
  shift
  until "$@" >/dev/null 2>&1; do
    seconds=$((seconds - 1))
    [ "$seconds" -gt 0 ] || fail "in vain: $*"
    sleep 1
  done
}
must() {
  if "$@"; then echo "good: $*"; else fail "$*"; fi
}
must_not() {
  if "$@"; then fail "was let through: $*"; else echo "good, refused: $*"; fi
}
look_up_leader() {
  leader=$(cat "/proc/$nspawn/task/$nspawn/children") && leader=${leader%% *} && [ -n "$leader" ]
}
booted() {
  look_up_leader && inside systemctl is-active postbusd
}

name="org.postbus.Postbus1 /org/postbus/Postbus1 org.postbus.Postbus1"
# shellcheck disable=SC2086 # the name is three words
get() { # get INTERFACE PROPERTY
  inside busctl get-property $name.$1 "$2"
}
# shellcheck disable=SC2086
set_property() { # set_property INTERFACE PROPERTY TYPE VALUE
  inside busctl set-property $name.$1 "$2" "$3" "$4"
}
# shellcheck disable=SC2086
call() { # call INTERFACE METHOD SIGNATURE WORDS...
  method=$2 interface=$1
  shift 2
  inside busctl call $name.$interface "$method" "$@"
}
is() { # is INTERFACE PROPERTY VALUE
  [ "$(get "$1" "$2")" = "$3" ]
}
# shellcheck disable=SC2086
hops() { # hops USER VALUE: sets General.MaxHops as that user
  inside setpriv --reuid="$1" --regid="$1" --init-groups busctl set-property $name.General MaxHops u "$2"
}
unit() { # unit PROPERTY [UNIT]
  inside systemctl show --value --property="$1" "${2:-postbusd}"
}
active() {
  inside systemctl --quiet is-active "$@"
}
swaks_to() { # swaks_to RECIPIENT WORDS...
  recipient=$1
  shift
  on_net swaks --server 127.0.0.1:25 --from you@example.org --to "$recipient" --silent 2 "$@"
}
mails() { # mails FOLDER: how many lie in it
  inside sh -c "ls /var/lib/postbus/mail/$1/new 2>/dev/null | wc -l"
}
have_mails() { # have_mails FOLDER NUMBER
  [ "$(mails "$1")" -eq "$2" ]
}

# ---- it is up, and confined ----

boot
within 180 booted
must active postbusd postbus postbusd-smtp.socket postbusd-submission.socket postbusd-submissions.socket postbus-auth-helper.socket
runs_without_rights() {
  status=/proc/$(unit MainPID)/status
  [ "$(inside stat -c %U "${status%/status}")" = postbus ] && inside grep -qE '^CapEff:\s0{16}$' "$status" &&
    inside grep -qE '^CapBnd:\s0{16}$' "$status" && inside grep -q '^NoNewPrivs:.*1' "$status"
}
must runs_without_rights
must is Manager State 's "running"'
answers() { # answers PORT WORDS...
  port=$1
  shift
  on_net swaks --server "127.0.0.1:$port" --quit-after EHLO --silent 2 "$@"
}
must answers 25
must answers 587
must answers 465 --tls-on-connect
key_is_a_credential() {
  inside test -s /etc/credstore.encrypted/postbus-master-key && inside test ! -e /var/lib/postbus/master.key &&
    inside journalctl -b -q -t postbusd | grep -q "master-key from=/run/credentials/"
}
must key_is_a_credential

# ---- who may ----

must hops root 51
must hops member 52
must_not hops stranger 53
must is General MaxHops 'u 52'

# ---- mail ----

mail_is_taken() {
  swaks_to postmaster && within 30 have_mails postmaster 1
}
must mail_is_taken
is_shared() { # is_shared PATH MODE: with the IMAP server's group
  [ "$(inside stat -c '%G %a' "/var/lib/postbus/mail/$1")" = "postbus-mail $2" ]
}
must is_shared postmaster/new 770
must is_shared by-address 750
journal_has_fields() {
  inside journalctl -b -q -o json -u postbusd POSTBUS_FROM=you@example.org | grep '"POSTBUS_QUEUE_ID"' | grep -q '"SYSLOG_IDENTIFIER":"postbusd"'
}
must journal_has_fields
# Users of the system: their mail, and their passwords, by the helper in its sandbox.
set_property Mailboxes AccountSource s both
set_property General AuthPlaintextNeedsTls b false
call LocalDomains Add 'a{sv}' 1 Name s local.example >/dev/null
member=uid-$(chroot "$system" id -u member)
user_gets_mail() {
  swaks_to member@local.example && within 30 have_mails "$member" 1
}
must user_gets_mail
must_not swaks_to nosuch@local.example
must_not swaks_to daemon@local.example
logs_in() { # logs_in PASSWORD
  answers 25 --auth PLAIN --auth-user member --auth-password "$1" --quit-after AUTH
}
must logs_in 'correct horse'
must_not logs_in 'wrong horse'
helper_has_no_right() {
  inside cat "/proc/$(unit MainPID postbus-auth-helper)/status" >"$folder/helper-status" &&
    grep -qE '^CapEff:.*0{16}$' "$folder/helper-status" && grep -qE '^Uid:.*0' "$folder/helper-status"
}
must helper_has_no_right
must_not inside sh -c 'journalctl -b -p warning -q -u postbus-auth-helper | grep postbus-auth-helper'

# Programs of the machine hand mail over by the command, and leave it in the drop directory while nobody is there.
stranger=uid-$(chroot "$system" id -u stranger)
hands_over() { # hands_over WORDS: a message of the stranger's to itself
  inside setpriv --reuid=stranger --regid=stranger --init-groups sh -c "printf 'Subject: %s\n\n%s\n' '$1' '$1' | sendmail stranger@local.example"
}
command_delivers() {
  hands_over directly && within 30 have_mails "$stranger" 1
}
must command_delivers
# As they are in Debian: the one helper with a right of its own, cron with a list of recipients, and mail(1).
helper_is_confined() {
  [ "$(inside stat -c '%U:%G %a' /usr/libexec/postbus-drop)" = 'root:postbus-drop 2755' ] &&
    [ "$(inside stat -c '%U:%G %a' /usr/sbin/sendmail)" = 'root:root 755' ]
}
must helper_is_confined
have_words() { # have_words FOLDER WORDS: in a mail there
  inside grep -rqF "$2" "/var/lib/postbus/mail/$1/new"
}
programs_send() {
  inside setpriv --reuid=stranger --regid=stranger --init-groups sh -c 'cd / && echo by mail | mail -s words member@local.example' &&
    inside sh -c 'printf "MAILTO=root,member@local.example\n* * * * * stranger echo by cron\n" >/etc/cron.d/boot-test' &&
    within 150 have_words "$member" 'by cron' && within 30 have_words postmaster 'by cron' && have_words "$member" 'by mail' &&
    inside rm /etc/cron.d/boot-test
}
must programs_send
postmasters=$(mails postmaster) members=$(mails "$member")
inside systemctl --quiet mask --runtime postbusd
inside systemctl stop 'postbusd*.socket' postbusd
left_in_the_drop() {
  hands_over 'while nobody was there' && inside sh -c 'ls /var/lib/postbus/drop' | grep -q . && have_mails "$stranger" 1 &&
    [ "$(inside stat -c '%U:%G %a' /var/lib/postbus/drop)" = 'postbus:postbus-drop 730' ]
}
must left_in_the_drop
inside systemctl --quiet unmask --runtime postbusd
inside systemctl start postbusd
within 30 have_mails "$stranger" 2
must active postbusd-smtp.socket postbusd
must inside setpriv --reuid=stranger --regid=stranger --init-groups sh -c 'test -x /usr/lib/sendmail && ! ls /var/lib/postbus/drop 2>/dev/null'

# The sandbox leaves the setup check what it looks at.
sees_the_machine() {
  # shellcheck disable=SC2086
  inside busctl --json=short call $name.Diagnostics CheckSetup >"$folder/setup" && python3 - "$folder/setup" <<'END'
import json, sys
states = {row["Name"]["data"]: row["State"]["data"] for row in json.load(open(sys.argv[1]))["data"][0]}
assert states["disk"] in ("ok", "warning") and states["clock"] in ("ok", "warning"), states
END
}
must sees_the_machine

# ---- a message waits, whatever happens ----

call TrustedList Add 'a{sv}' 2 Name s Here Network s 127.0.0.1 >/dev/null
set_property Delivery RelayServer s 127.0.0.1
set_property Delivery RelayPort u 2626
set_property Delivery Mode s relay
waits() {
  is Queue Deferred 't 1' && is General MaxHops 'u 52' && have_mails postmaster "$postmasters" && have_mails "$member" "$members"
}
must swaks_to far@away.example
within 30 waits
says() { # says WORDS: in the line of systemctl status
  unit StatusText | grep -q "$1"
}
within 30 says 'Queue: 0 active, 1 deferred, 0 held; sessions: 0'
reloads() {
  inside systemctl reload postbusd && within 30 inside sh -c 'journalctl -b -q -t postbusd | grep reloading' && active postbusd
}
log_level_is() {
  [ "$(inside systemctl service-log-level postbusd)" = "$1" ]
}
must log_level_is info
inside systemctl service-log-level postbusd warning
must log_level_is warning
must reloads
must log_level_is info
before=$(unit MainPID)
inside systemctl restart postbusd
must waits
is_another() {
  now=$(unit MainPID)
  [ "$now" -ne 0 ] && [ "$now" -ne "$before" ]
}
must is_another
before=$(unit MainPID)
inside kill -KILL "$before"
within 60 is_another
within 60 waits
echo "good: killed, and there again with all it had"

# A stop with a session in the midst of a message and a relay that never answers: over before systemd's patience is.
rm -f "$folder/talking" "$folder/hanging"
nsenter --target "$leader" --net python3 - "$folder" <<'END' &
import socket, sys, time
silent = socket.create_server(("127.0.0.1", 2626))
talking = socket.create_connection(("127.0.0.1", 25))
replies = talking.makefile("rb")
for command, code in ("", b"220 "), ("EHLO x", b"250 "), ("MAIL FROM:<you@example.org>", b"250 "), ("RCPT TO:<postmaster>", b"250 "), ("DATA", b"354 "):
    talking.sendall(command.encode() + b"\r\n" if command else b"")
    while not (line := replies.readline()).startswith(code):
        assert line.startswith(code.strip() + b"-"), line
open(sys.argv[1] + "/talking", "w").close()
relay = silent.accept()
open(sys.argv[1] + "/hanging", "w").close()
time.sleep(600)
END
helpers=$!
within 60 test -e "$folder/talking"
call Queue Retry 'a{sv}' 1 All b true >/dev/null
within 60 test -e "$folder/hanging"
inside mkdir -p /run/systemd/system/postbusd.service.d
inside sh -c 'printf "[Service]\nTimeoutStopSec=10\n" >/run/systemd/system/postbusd.service.d/boot-test.conf; systemctl daemon-reload'
inside systemctl stop postbusd 2>/dev/null
stops_in_order() {
  [ "$(unit Result)" = success ] && [ "$(unit ExecMainStatus)" = 0 ] && ! active postbusd
}
must stops_in_order
kill "$helpers"
helpers=
inside sh -c 'rm -r /run/systemd/system/postbusd.service.d; systemctl daemon-reload'
# Whoever speaks to it wakes it: by mail, and by a call.
must answers 25
must active postbusd
inside systemctl stop postbusd 2>/dev/null
must is General MaxHops 'u 52'
must active postbusd
must waits

# Another mail server has its port: the rest serves, and what is said to do then helps.
inside systemctl stop 'postbusd*.socket' postbusd
must_not answers 25
nsenter --target "$leader" --net python3 -c 'import socket, time; other = socket.create_server(("", 25)); time.sleep(600)' &
helpers=$!
within 30 on_net python3 -c 'import socket; socket.create_connection(("127.0.0.1", 25))'
inside systemctl start postbusd
must answers 587
must_not active postbusd-smtp.socket
kill "$helpers"
wait "$helpers" || true
helpers=
inside systemctl stop postbusd 2>/dev/null
inside systemctl start postbusd
must answers 25
must active postbusd-smtp.socket
# A port that is not wanted, and wanted again.
inside systemctl --quiet mask --now postbusd-submissions.socket
inside systemctl restart postbusd
must_not answers 465 --tls-on-connect
must answers 587
inside systemctl --quiet unmask postbusd-submissions.socket
inside systemctl stop postbusd 2>/dev/null
inside systemctl start postbusd
must answers 465 --tls-on-connect
must waits

# ---- a newer package ----

before=$(unit MainPID)
socket=$(unit InvocationID postbusd-smtp.socket)
inside sh -c 'LC_ALL=C dpkg -i /srv/debs/newer-*.deb' >"$folder/upgrade.log" 2>&1 || {
  cat "$folder/upgrade.log" >&2
  exit 1
}
must is_another
upgraded() {
  inside dpkg-query -W -f='${Version}' postbus | grep -q '+newer$' && [ "$(unit InvocationID postbusd-smtp.socket)" = "$socket" ]
}
must upgraded
within 30 waits
echo "good: upgraded, with the ports open all the time"

# ---- the machine starts anew ----

must_not inside sh -c 'journalctl -b -p warning -q -t postbusd | grep .'
inside systemctl reboot || true
ended() {
  ! kill -0 "$nspawn"
}
within 120 ended
# nspawn leaves it to its own service manager to start it again, and says so.
status=0
wait "$nspawn" || status=$?
nspawn=
[ "$status" -eq 133 ] || fail "it ended with $status instead of a reboot"
boot
within 180 booted
within 30 waits
must key_is_a_credential
must answers 587
echo "good: booted again with all it had"

# ---- gone, and back ----

inside env LC_ALL=C dpkg --purge bsd-mailx postbus-sendmail postbus >"$folder/purge.log" 2>&1
gone_but_mail() {
  ! inside test -e /usr/libexec/postbusd && ! active postbusd postbusd-smtp.socket && have_mails postmaster "$postmasters" &&
    inside test -s /var/lib/postbus/queue.db && grep -q 'are kept in /var/lib/postbus' "$folder/purge.log"
}
must gone_but_mail
must_not answers 25
inside env LC_ALL=C dpkg -i "$package" >"$folder/again.log" 2>&1
within 30 waits
must hops member 52
inside install -D /dev/null /etc/postbus/purge-mail
inside env LC_ALL=C dpkg --purge postbus >"$folder/purge.log" 2>&1
all_gone() {
  inside test ! -e /var/lib/postbus -a ! -e /etc/postbus -a ! -e /etc/credstore.encrypted/postbus-master-key
}
must all_gone
echo "the service is well on a machine with systemd"
