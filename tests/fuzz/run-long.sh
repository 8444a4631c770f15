#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The long run of the fuzz targets: clang's libFuzzer with ASan and UBSan, all targets in turn.
#   sh tests/fuzz/run-long.sh [SECONDS-A-TARGET] [TARGET]...
# New inputs are kept in build/fuzz-long/corpus, findings in build/fuzz-long/findings.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
seconds=${1:-600}
[ $# -gt 0 ] && shift
build=$root/build/fuzz-long
if [ $# -eq 0 ]; then
  set -- $(cd "$root/tests/fuzz" && ls fuzz-*.c | sed 's/^fuzz-//; s/\.c$//')
fi
if [ ! -f "$build/build.ninja" ]; then
  # The floors are instrumented too: libFuzzer is guided by what it reaches in them.
  CC=clang meson setup "$build" "$root" -Dfuzzers=true -Dclient=disabled -Db_lundef=false \
    -Db_sanitize=address,undefined -Dc_args=-fsanitize=fuzzer-no-link --buildtype=debugoptimized
fi
for name; do
  ninja -C "$build" "tests/fuzz/fuzz-$name"
done
mkdir -p "$build/findings"
status=0
for name; do
  mkdir -p "$build/corpus/$name"
  echo "== $name, $seconds s"
  "$build/tests/fuzz/fuzz-$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
    -artifact_prefix="$build/findings/$name-" "$build/corpus/$name" "$root/tests/fuzz/corpus/$name" ||
    status=1
done
exit $status
