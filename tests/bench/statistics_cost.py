# SPDX-License-Identifier: GPL-3.0-or-later
"""What the statistics cost: instructions of the daemon a message taken and a recipient refused, with and without what
counts and keeps them, as callgrind counts them. Called by statistics.sh. Exit status 2 when the goal is missed."""
import argparse
import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

GOAL = 0.01
RATE = 1000  # messages a second beside which a look each second and a write every five stand
MAIL_PATH = ("pb_counter_add", "pb_counter_register")
BESIDE = {"on_beat": 1, "write_file": 5, "on_written": 5}  # function: seconds between calls
FUNCTION = re.compile(r"^c?fn=\((\d+)\)(?: (.*))?$")


class Profile:
    """Instructions in all, and with all they call those of some functions."""

    def __init__(self, path):
        self.total = 0
        self.calls = dict.fromkeys((*MAIL_PATH, *BESIDE), 0)
        self.cost = dict(self.calls)
        names, called, pending = {}, None, None
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                found = FUNCTION.match(line)
                if found:
                    if found[2]:
                        names[found[1]] = found[2]
                    if line.startswith("cfn="):
                        called = names[found[1]]
                elif line.startswith("calls="):
                    pending = (called, int(line[6:].split()[0]))
                elif pending:
                    self.add(*pending, int(line.split()[-1]))
                    pending = None
                elif line.startswith(("summary:", "totals:")):
                    self.total = int(line.split()[1])

    def add(self, name, calls, cost):
        name = name.split("'")[0]
        if name in self.calls:
            self.calls[name] += calls
            self.cost[name] += cost


def run(options, taken, refused):
    """A daemon's life with so many messages taken and recipients refused."""
    import harness
    bed = harness.Bed()
    path = os.path.join(bed.folder, "callgrind.out")
    try:
        bed.postbusd.start(wrapper=("valgrind", "-q", "--tool=callgrind", "--callgrind-out-file=" + path, "--"))
        bed.api.set("General", "Hostname", "s", "mail.local.example")
        bed.api.add("LocalDomains", Name="local.example")
        bed.api.add("Accounts", Name="ann", Addresses=["ann@local.example"])
        bed.api.add("TrustedList", Name="tests", Network="127.0.0.1")
        bed.api.set("Advanced", "MaxUnknownRecipients", "u", 0)
        if taken:
            subprocess.run(["smtp-source", "-s", "4", "-d", "-l", "4096", "-m", str(taken), "-f", "bob@far.example", "-t",
                            "ann@local.example", f"127.0.0.1:{bed.port}"], check=True, stdin=subprocess.DEVNULL)
            harness.wait_for(lambda: bed.api.statistics()["delivered"] >= taken, "the mailbox", 300)
        for _ in range(refused // 5):
            with bed.talk() as talk:
                talk.ehlo()
                talk.expect("MAIL FROM:<bob@far.example>", 250)
                for _ in range(5):
                    talk.expect("RCPT TO:<nobody@local.example>", 550)
        bed.postbusd.stop(300)
        return Profile(path)
    finally:
        bed.close()
        bed.remove()


def show(what, base, more, count):
    """Per message: what @more has beyond @base."""
    each = (more.total - base.total) / count
    own = sum(more.cost[name] - base.cost[name] for name in MAIL_PATH) / count
    beside = sum(more.cost[name] / max(more.calls[name], 1) / seconds for name, seconds in BESIDE.items()) / RATE
    # The beats that went by while callgrind made all slow are no part of a message.
    each -= sum(more.cost[name] - base.cost[name] for name in BESIDE) / count
    share = (own + beside) / (each - own)
    print(f"{what}: {each + beside:,.0f} instructions with, {each - own:,.0f} without: counting {own:,.0f}, looking and writing "
          f"{beside:,.0f} at {RATE} a second: {share:.3%}")
    return share


def main():
    parser = argparse.ArgumentParser(prog="statistics.sh", description=__doc__)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--messages", type=int, default=1000)
    parser.add_argument("--refused", type=int, default=500)
    options = parser.parse_args()
    os.environ["POSTBUSD"] = options.binary
    base = run(options, 50, 50)
    taken = run(options, 50 + options.messages, 50)
    refused = run(options, 50, 50 + options.refused)
    for name, seconds in BESIDE.items():
        print(f"{name}: {taken.cost[name] / max(taken.calls[name], 1):,.0f} instructions, once in {seconds} s")
    shares = (show("a message taken and filed", base, taken, options.messages),
              show("a recipient refused", base, refused, options.refused))
    return 2 if max(shares) > GOAL else 0


if __name__ == "__main__":
    sys.exit(main())
