#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts the results in meson's testlog.json and prints `N passed, N failed, N skipped`.

A test that speaks TAP counts once for each of its cases; one that failed without a failed case
(a crash, a sanitizer's report, a timeout) counts as one failure more. Exits 1 if anything failed
or nothing passed.

    tests/count-results.py testlog.json
"""
import json
import re
import sys

TAP_LINE = re.compile(r"^(not )?ok\b(.*)$", re.MULTILINE)
SKIP = re.compile(r"#\s*skip", re.IGNORECASE)
GOOD = {"OK", "EXPECTEDFAIL"}


def count_one(result, output):
    """Returns (passed, failed, skipped) of one meson test."""
    cases = TAP_LINE.findall(output)
    if result == "SKIP" and not cases:
        return 0, 0, 1
    if not cases:
        return (1, 0, 0) if result in GOOD else (0, 1, 0)
    failed = sum(1 for bad, _ in cases if bad)
    skipped = sum(1 for bad, rest in cases if not bad and SKIP.search(rest))
    passed = len(cases) - failed - skipped
    if failed == 0 and result not in GOOD | {"SKIP"}:
        failed = 1
    return passed, failed, skipped


def main():
    total = [0, 0, 0]
    try:
        with open(sys.argv[1], encoding="utf-8") as log:
            for line in log:
                test = json.loads(line)
                counts = count_one(test["result"], test.get("stdout", ""))
                total = [old + new for old, new in zip(total, counts)]
    except FileNotFoundError:
        pass
    passed, failed, skipped = total
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
