#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs an evaluator of mail authentication over a public suite of cases, as a TAP test.

    suite.py SUITE PROGRAM

The suites stand outside the repository, at $POSTBUS_TESTDATA or ../shared/testdata beside it; where they
are not, the test is skipped. A suite names how many of its cases must come out as written, and which do not.
"""
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(os.environ["POSTBUS_SOURCE_ROOT"])
TESTDATA = pathlib.Path(os.environ.get("POSTBUS_TESTDATA", ROOT / "../shared/testdata")).resolve()


def run(program, evaluator, zones, cases):
    text = json.dumps({"zones": zones, "cases": cases})
    return json.loads(subprocess.run([program, evaluator], input=text, stdout=subprocess.PIPE,
                                     check=True, text=True).stdout)


def spf_zone(data):
    """A scenario's zone data as zone.h has it. An SPF record stands for a TXT record, too, where the
    name has none of its own."""
    zone = {}
    for name, records in data.items():
        types = {}
        for record in records:
            if isinstance(record, str):
                types["TROUBLE"] = []
                continue
            (kind, value), = record.items()
            if kind == "MX":
                value = f"{value[0]} {value[1]}"
            elif isinstance(value, list):
                value = "".join(value)
            # As the daemon's resolver hands a NUL on.
            value = value.replace("\0", "\x7f")
            types.setdefault(kind, []).append(value)
        if "TXT" not in types and "SPF" in types:
            types["TXT"] = types["SPF"]
        types.pop("SPF", None)
        if types.get("TXT") == ["NONE"]:
            del types["TXT"]
        zone[name] = types
    return zone


def spf(program):
    """The openspf.org suite for RFC 7208: every result, and every explanation it names."""
    import yaml
    file = TESTDATA / "spf-rfc7208/rfc7208-tests.yml"
    zones, cases, wanted = [], [], []
    for scenario in yaml.safe_load_all(file.read_text(encoding="utf-8")):
        zones.append(spf_zone(scenario["zonedata"]))
        for name, case in scenario["tests"].items():
            cases.append({"zone": len(zones) - 1, "ip": case["host"], "helo": case["helo"],
                          "sender": case["mailfrom"], "receiver": "receiver.example"})
            result = case["result"]
            wanted.append((name, result if isinstance(result, list) else [result],
                           case.get("explanation")))
    for (name, results, explanation), got in zip(wanted, run(program, "spf", zones, cases)):
        ok = got["result"] in results
        if explanation is not None and got["result"] == "fail":
            ok = ok and got["explanation"] == (None if explanation == "DEFAULT" else explanation)
        yield name, ok, f"wanted {results} {explanation}, got {got}"


SUITES = {
    "spf": (spf, "spf-rfc7208", 203, ()),
}


def main():
    suite, program = sys.argv[1:]
    cases, folder, least, known = SUITES[suite]
    if not (TESTDATA / folder).is_dir():
        print(f"1..0 # SKIP {folder} is not at hand ($POSTBUS_TESTDATA)")
        return
    results = list(cases(program))
    for number, (name, ok, why) in enumerate(results, 1):
        shown = ok or name in known
        print(f"{'ok' if shown else 'not ok'} {number} - {name}")
        if not ok:
            print(f"# {why}")
    right = sum(ok for _, ok, _ in results)
    print(f"{'ok' if right >= least else 'not ok'} {len(results) + 1} - {right} of {len(results)}, at least {least}")
    print(f"1..{len(results) + 1}")


main()
