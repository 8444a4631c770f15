# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures lists of many rows on the bus of a postbusd of our own, and runs the look-up benchmark.
Exit status 2 when a goal is missed. Called by lists.sh."""
import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

PAGE = 200
# milliseconds, and for look-ups nanoseconds
GOALS = {"page of 200": 20, "Replace of all": 1000, "ip-among-networks": 2000}


def rows_of(kind, count, round_number, variant):
    """Rows of the Access List or the Trusted List; every round's are others, so that each Replace writes all of them."""
    third = round_number + 1
    if kind == "TrustedList":
        return [{"Name": variant("s", f"rule {n}"),
                 "Network": variant("s", f"10.{n >> 8 & 255}.{n & 255}.{third}")} for n in range(count)]
    return [{"Name": variant("s", f"rule {n}"), "List": variant("s", "blacklist"), "Kind": variant("s", "sender"),
             "Value": variant("s", f"user{n}@domain{third}.example")} for n in range(count)]


class Clock:
    """Times calls: what the caller waits, and the processor time of the daemon, which other load does not change."""

    def __init__(self, bed, interface):
        self.bed = bed
        self.interface = interface
        self.waits, self.works = {}, {}

    def work(self):
        """The daemon's processor time so far, in ms."""
        total = 0
        for thread in pathlib.Path(f"/proc/{self.bed.postbusd.process.pid}/task").iterdir():
            total += int((thread / "schedstat").read_text(encoding="ascii").split()[0])
        return total / 1e6

    def call(self, name, method, arguments):
        before = self.work()
        start = time.perf_counter()
        self.bed.api.raw_call(self.interface, method, arguments)
        self.waits.setdefault(name, []).append((time.perf_counter() - start) * 1000)
        self.works.setdefault(name, []).append(self.work() - before)


def measure_list(bed, kind, options):
    """Replace of all, pages at several places, a page by search, and one more row; returns the clock with its figures."""
    import bus
    from gi.repository import GLib
    clock = Clock(bed, f"{bus.NAME}.{kind}")
    for round_number in range(options.rounds):
        arguments = GLib.Variant("(aa{sv})", (rows_of(kind, options.rows, round_number, GLib.Variant),))
        clock.call("Replace of all", "Replace", arguments)
        for offset in range(0, options.rows - PAGE + 1, max(PAGE, options.rows // 10)):
            clock.call("page of 200", "List", GLib.Variant("(a{sv}uu)", ({}, offset, PAGE)))
        found = GLib.Variant("(a{sv}uu)", ({"Search": GLib.Variant("s", "rule 7")}, 0, PAGE))
        clock.call("page by search", "List", found)
        more = rows_of(kind, options.rows + 1, round_number, GLib.Variant)[-1]
        clock.call("Add", "Add", GLib.Variant("(a{sv})", (more,)))
    assert bed.api.raw_call(clock.interface, "List", GLib.Variant("(a{sv}uu)", ({}, 0, 1))).unpack()[1] == options.rows + 1
    return clock


def measure_bus(options):
    os.environ["POSTBUSD"] = options.binary
    import harness
    bed = harness.Bed()
    missed = []
    try:
        bed.start()
        for kind in ("TrustedList", "AccessList"):
            clock = measure_list(bed, kind, options)
            for name, values in clock.waits.items():
                median = statistics.median(values)
                print(f"{kind:12} {name:20} {median:9.1f} ms   (least {min(values):.1f}, most {max(values):.1f}; "
                      f"processor {statistics.median(clock.works[name]):.1f})")
                if median >= GOALS.get(name, float("inf")):
                    missed.append(f"{kind} {name}")
        with open(f"/proc/{bed.postbusd.process.pid}/status", encoding="ascii") as file:
            print(next(line.strip() for line in file if line.startswith("VmRSS")), "with both lists")
    finally:
        bed.close()
        bed.remove()
    return missed


def measure_lookups(options):
    output = subprocess.run([options.lookup], capture_output=True, text=True, check=True).stdout
    missed = []
    for line in output.splitlines():
        name, nanoseconds = line.split()
        print(f"{'snapshot':12} {name:20} {nanoseconds:>9} ns")
        if float(nanoseconds) >= GOALS.get(name, float("inf")):
            missed.append(name)
    return missed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--lookup")
    parser.add_argument("--rows", type=int, default=10000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print(f"{options.rows} rows, {options.rounds} rounds, load average {os.getloadavg()[0]:.1f}")
    missed = measure_bus(options)
    if options.lookup:
        missed += measure_lookups(options)
    if missed:
        print("missed:", ", ".join(missed))
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
