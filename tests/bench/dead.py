# SPDX-License-Identifier: GPL-3.0-or-later
"""What a dead destination costs the mail for live ones: how long that takes from its 250 to its delivery, beside mail for a
dead destination and beside as much mail for another live one. Called by dead.sh. Exit status 2 when the goal is missed."""
import argparse
import os
import pathlib
import re
import socket
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

GOAL = 1.2
LIVE, BESIDE = "127.0.0.2", "127.0.0.3"
SILENT, REFUSING, DEAF = "127.0.0.4", "127.0.0.5", "127.0.0.6"
KINDS = {"silent": SILENT, "refusing": REFUSING, "deaf": DEAF}
DELIVERED = re.compile(r"^(?:<\d>)?delivered .*to=m(\d+)@\S+ .*delay=([0-9.]+)$", re.MULTILINE)
MESSAGE = b"Subject: x\r\n\r\n" + b"x" * 70 + b"\r\n"


def silent(port):
    """Takes connections, as the kernel does for it, and says nothing."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((SILENT, port))
    listener.listen(4096)
    return [listener]


def deaf(port):
    """Its queue of connections is full: the kernel drops what else would connect, as a firewall does."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((DEAF, port))
    listener.listen(0)
    held = [listener]
    for _ in range(4):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex((DEAF, port))
        held.append(client)
    return held


class Leg:
    """Mail for LIVE and, message by message, for another address; the delays of the first."""

    def __init__(self, bed, options):
        self.bed = bed
        self.options = options
        self.number = 0

    def run(self, other):
        first, read = self.number, self.bed.postbusd.stderr().__len__()
        with self.bed.talk() as talk:
            talk.ehlo()
            start = time.monotonic()
            for n in range(int(self.options.seconds * self.options.rate)):
                talk.mail("a@sender.example", [f"m{self.number}@[{LIVE}]"], MESSAGE)
                talk.mail("a@sender.example", [f"o{self.number}@[{other}]"], MESSAGE)
                self.number += 1
                time.sleep(max(0, start + (n + 1) / self.options.rate - time.monotonic()))
        deadline = time.monotonic() + 60
        while True:
            text = self.bed.postbusd.stderr()[read:].decode()
            delays = sorted(float(delay) * 1000 for number, delay in DELIVERED.findall(text) if int(number) >= first)
            if len(delays) == self.number - first:
                return delays
            if time.monotonic() > deadline:
                raise AssertionError(f"{len(delays)} of {self.number - first} were delivered in 60 s")
            time.sleep(0.1)


def p99(delays):
    return delays[int(len(delays) * 0.99)]


def measure(options):
    import harness
    bed = harness.Bed()
    held = []
    try:
        bed.start()
        for host in (LIVE, BESIDE):
            sink = subprocess.Popen(["smtp-sink", "-u", "nobody", f"{host}:{bed.mx_port}", "1024"])
            bed.on_close(sink.kill)
        held += silent(bed.mx_port) + deaf(bed.mx_port)
        leg = Leg(bed, options)
        leg.run(BESIDE)
        legs = {name: [] for name in ("live", "live again", *KINDS)}
        for round_number in range(options.rounds):
            names = list(legs)
            for name in names[round_number % len(names):] + names[:round_number % len(names)]:
                legs[name] += leg.run(KINDS.get(name, BESIDE))
    finally:
        for each in held:
            each.close()
        bed.close()
        bed.remove()
    return {name: sorted(delays) for name, delays in legs.items()}


def main():
    parser = argparse.ArgumentParser(prog="dead.sh", description=__doc__)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--rate", type=float, default=100, help="messages a second for either address")
    options = parser.parse_args()
    os.environ["POSTBUSD"] = options.binary
    legs = measure(options)
    missed = False
    for name, delays in legs.items():
        ratio = p99(delays) / p99(legs["live"])
        missed |= name in KINDS and ratio > GOAL
        print(f"beside {name + ':':12} {len(delays)} messages, median {statistics.median(delays):5.1f} ms, p99 {p99(delays):5.1f} ms, "
              f"{ratio:.2f} times that beside the live one")
    return 2 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
