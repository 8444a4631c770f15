#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The long run of test_kill9.py: 200 kills, or as many as the first argument says.
#   sh tests/integration/run-kill9.sh [KILLS]
# $POSTBUSD names the program, else that of build/test.
set -eu
cd "$(dirname "$0")"
POSTBUS_KILLS=${1:-200}
export POSTBUS_KILLS
exec /usr/bin/python3 harness.py test_kill9:test_acknowledged_mail_survives_kills
