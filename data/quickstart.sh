#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# From a bare Debian 12 to a mail server that has just delivered a message:
#   sh data/quickstart.sh          installs, builds, starts, makes an account, sends it a message
#   sh data/quickstart.sh --stop   ends the server and its bus; the mail stays
# All of it lives under build/: the program in build/release, the state, the bus and the logs in
# build/quickstart. It listens on loopback only, at the first free port from 2525 up. Run it again
# at any time: it builds what changed, starts anew and keeps mail and settings.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
build=$root/build/release
here=$root/build/quickstart
state=$here/state
domain=home.example
account=ann
LC_ALL=C.UTF-8
export LC_ALL

say() {
  printf '\n== %s\n' "$*"
}

die() {
  printf '%s\n' "quickstart: $*" >&2
  exit 1
}

# stop_one NAME: ends the process of $here/NAME.pid, if it still is the program of that name.
stop_one() {
  file=$here/$1.pid
  [ -f "$file" ] || return 0
  pid=$(cat "$file")
  if [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$1" ]; then
    kill "$pid" 2>/dev/null || true
    tries=0
    # postbusd drains for up to 8 seconds.
    while [ -d "/proc/$pid" ] && ! grep -q '^State:.*zombie' "/proc/$pid/status" 2>/dev/null; do
      tries=$((tries + 1))
      [ "$tries" -le 200 ] || die "$1 (process $pid) does not end"
      sleep 0.1
    done
    echo "$1 (process $pid) has ended."
  fi
  rm -f "$file"
}

stop_all() {
  stop_one postbusd
  stop_one dbus-daemon
}

case ${1-} in
  '') ;;
  --stop)
    if [ -f "$here/postbusd.pid" ]; then
      stop_all
      echo "The mail and the settings are still in build/quickstart/state."
    else
      echo "Nothing to stop: no server was started by this script."
    fi
    exit 0
    ;;
  *)
    sed -n '3,10s/^# \{0,1\}//p' "$0"
    [ "$1" = --help ] && exit 0
    exit 2
    ;;
esac

say "Packages"
sh "$root/data/install-packages.sh" build run
echo "All there."

say "Build"
if [ ! -f "$build/build.ninja" ]; then
  meson setup "$build" "$root" --buildtype=release
fi
ninja -C "$build" daemon/postbusd

say "Start"
mkdir -p "$state"
stop_all

# A socket's path has at most 107 octets; a deep folder needs another place.
socket=$here/bus
if [ "${#socket}" -gt 100 ]; then
  socket=$(mktemp -d /tmp/postbus-quickstart-XXXXXX)/bus
fi
address=unix:path=$socket
rm -f "$socket"
cat >"$here/bus.conf" <<END
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>$address</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow own="*"/>
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
  </policy>
</busconfig>
END

# start NAME COMMAND...: runs it apart from this terminal, output to $here/NAME.log.
start() {
  name=$1
  shift
  setsid "$@" >"$here/$name.log" 2>&1 </dev/null &
  echo $! >"$here/$name.pid"
}

# alive NAME: whether it still runs; a child that has ended stays a zombie until the shell looks.
alive() {
  kill -0 "$(cat "$here/$1.pid")" 2>/dev/null && ! grep -q '^State:.*zombie' "/proc/$(cat "$here/$1.pid")/status"
}

# wait_until NAME WHAT COMMAND...: until the command succeeds, 30 seconds at most.
wait_until() {
  name=$1 what=$2
  shift 2
  tries=0
  until "$@" 2>/dev/null; do
    tries=$((tries + 1))
    if [ "$tries" -gt 300 ] || ! alive "$name"; then
      cat "$here/$name.log" >&2
      die "$what; the lines above are $here/$name.log"
    fi
    sleep 0.1
  done
}

listening() {
  awk -v port=":$(printf %04X "$1")" '$4 == "0A" && substr($2, length($2) - 4) == port { found = 1 }
    END { exit !found }' /proc/net/tcp
}

port=2525
while listening "$port"; do
  port=$((port + 1))
  [ "$port" -lt 2600 ] || die "no free port between 2525 and 2600"
done

start dbus-daemon dbus-daemon --config-file="$here/bus.conf" --nofork --nopidfile
wait_until dbus-daemon "the private bus did not start" test -S "$socket"
start postbusd "$build/daemon/postbusd" "--bus=$address" "--state-directory=$state" \
  "--listen=smtp:127.0.0.1:$port"

bus() {
  busctl --address="$address" "$@"
}

postbus=org.postbus.Postbus1
object=/org/postbus/Postbus1

running() {
  [ "$(bus get-property $postbus $object $postbus.Manager State)" = 's "running"' ]
}
wait_until postbusd "postbusd did not start" running
echo "postbusd listens on 127.0.0.1:$port. Its log: build/quickstart/postbusd.log"

say "A domain, an account, a trusted client"
# make LIST NAME KEY VALUE-WORDS...: adds the row unless one of that name is there; sets $id.
find_id() {
  bus --json=short call $postbus $object "$postbus.$1" List 'a{sv}uu' 1 Search s "$2" 0 1 |
    sed -n 's/.*"Id":{"type":"s","data":"\([^"]*\)".*/\1/p'
}
make() {
  list=$1 name=$2
  shift 2
  id=$(find_id "$list" "$name")
  if [ -z "$id" ]; then
    bus call $postbus $object "$postbus.$list" Add 'a{sv}' "$@" >/dev/null
    id=$(find_id "$list" "$name")
    echo "$list: $name, made"
  else
    echo "$list: $name, already there"
  fi
}
make TrustedList quickstart 2 Name s quickstart Network s 127.0.0.1
make LocalDomains $domain 1 Name s $domain
make Accounts $account 2 Name s $account Addresses as 1 $account@$domain
maildir=$state/mail/$id/new

say "A message"
subject="Quickstart $(date '+%F %T')"
swaks --server "127.0.0.1:$port" --from "quickstart@$domain" --to "$account@$domain" \
  --header "Subject: $subject" --body 'It works.' --hide-informational ||
  die "the message was not taken; see $here/postbusd.log"
arrived() {
  file=$(grep -lrF "Subject: $subject" "$maildir")
}
wait_until postbusd "the message did not arrive in $maildir" arrived
say "It arrived: $file"
cat "$file"

say "Go on by hand"
cat <<END
Mail for $account lies in
  $maildir

Send another one:
  swaks --server 127.0.0.1:$port --from you@example.org --to $account@$domain

Name the bus for busctl in this shell, then look at settings and change them:
  export DBUS_SYSTEM_BUS_ADDRESS=$address
  busctl introspect $postbus $object $postbus.General
  busctl get-property $postbus $object $postbus.General MaxRecipients
  busctl set-property $postbus $object $postbus.General MaxRecipients u 500
  busctl call $postbus $object $postbus.Aliases Add 'a{sv}' 2 Address s info@$domain Targets as 1 $account@$domain
  busctl call $postbus $object $postbus.Queue List 'a{sv}uu' 0 0 50

Hand everything that is not local to another server:
  busctl set-property $postbus $object $postbus.Delivery RelayServer s relay.example.org
  busctl set-property $postbus $object $postbus.Delivery Mode s relay

Mail for other domains, sent from 127.0.0.1, really goes out to them. Stop the server:
  sh data/quickstart.sh --stop
END
