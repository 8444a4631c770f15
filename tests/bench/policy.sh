#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What judging a recipient costs with 10,000 rules, and what a million hostile clients cost. See README.md.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"

build_postbusd || { say "policy.sh: postbusd does not build"; exit 1; }
ninja -C "$build" tests/bench/policy-bench >&2
"$build/tests/bench/policy-bench" | /usr/bin/awk '
  { print; value[$1] = $2 }
  END {
    missed = value["recipient-with-10000-rules-ns"] > 20000 || value["million-hostile-clients-resident-kib"] > 65536
    if (missed) print "a goal is missed"
    exit missed ? 2 : 0
  }'
