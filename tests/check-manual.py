#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The law of the manual: mandoc's lint has nothing to say of any page, and postbus(7) names every page and every
check of the policy's table.

    check-manual.py PAGE...

Prints what mandoc says and exits 1 if that is anything; 77 where mandoc is not installed.
"""
import pathlib
import re
import shutil
import subprocess
import sys


def main(pages):
    if shutil.which("mandoc") is None:
        print("skipped: mandoc is not installed")
        return 77
    said = subprocess.run(["mandoc", "-T", "lint", *pages], capture_output=True, text=True, check=False).stdout
    print(said, end="")
    overview = next(page for page in pages if page.endswith("postbus.7"))
    text = pathlib.Path(overview).read_text(encoding="utf-8").replace("\\", "")
    missing = [page for page in map(pathlib.Path, pages)
               if page.name != "postbus.7" and not re.search(rf"\.BR {re.escape(page.stem)} \({page.suffix[1:]}\)", text)]
    table = (pathlib.Path(__file__).resolve().parents[1] / "daemon/policy/rows.c").read_text(encoding="utf-8")
    checks = re.findall(r'ROW \(\w+, "([\w-]+)"', table)
    assert len(checks) > 20, checks
    unnamed = [check for check in checks if not re.search(rf"^{check}\t|\({check}\)", text, re.MULTILINE)]
    for name in [page.name for page in missing] + unnamed:
        print(f"postbus.7: does not name {name}")
    print(f"manual: {len(pages)} pages")
    return 1 if said or missing or unnamed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
