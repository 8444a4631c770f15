#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Power cuts under load, and the proof that they would find a missing fsync; see powercut.py. As root.
#   sh tests/integration/run-powercut.sh [CUTS]
# $POSTBUSD names the program (one without sanitizers, for the proof preloads a library), else that of build/test.
set -eu
cd "$(dirname "$0")"
POSTBUS_CUTS=${1:-10}
export POSTBUS_CUTS
/usr/bin/python3 harness.py powercut:test_acknowledged_mail_survives_power_cuts
POSTBUS_CUTS=3 POSTBUS_UNSYNCED=1 \
  exec /usr/bin/python3 harness.py powercut:test_acknowledged_mail_survives_power_cuts
