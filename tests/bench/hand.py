# SPDX-License-Identifier: GPL-3.0-or-later
"""What a look into a queue of a million messages costs, and what is done to all of them; and what mail that
comes meanwhile feels of it. Called by hand.sh. Exit status 2 when a goal is missed."""
import argparse
import os
import pathlib
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

PAGE = 200
GOAL_PAGE_MS = 200  # wherever in the queue
GOAL_MAIL_MS = 500  # the slowest message while all are acted upon


class Mail:
    """Somebody who goes on sending, and how long each message took."""

    def __init__(self, bed):
        self.bed, self.going, self.times = bed, True, []
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while self.going:
            start = time.perf_counter()
            self.bed.send("a@sender.example", ["ann@local.example"], b"Subject: x\r\n\r\nx\r\n")
            self.times.append((time.perf_counter() - start) * 1000)
            time.sleep(0.01)

    def end(self):
        self.going = False
        self.thread.join()
        self.times.sort()
        return self.times[len(self.times) // 2], self.times[-1]


def call(bed, method, signature, *arguments):
    """(milliseconds, reply)."""
    from gi.repository import GLib
    start = time.perf_counter()
    reply = bed.api.raw_call("org.postbus.Postbus1.Queue", method, GLib.Variant(signature, arguments), seconds=600)
    return (time.perf_counter() - start) * 1000, reply


def pages(bed, options):
    import bus
    worst = 0
    for name, row_filter, offset in (
            ("first page", {}, 0), ("page in the middle", {}, options.messages // 2), ("last page", {}, options.messages - PAGE),
            ("first page, deferred", {"State": "deferred"}, 0), ("last page, deferred", {"State": "deferred"}, options.messages - PAGE),
            ("page of a state that none is in", {"State": "held"}, 0)):
        took = min(call(bed, "List", "(a{sv}uu)", bus.variants(row_filter), offset, PAGE)[0] for _ in range(3))
        worst = max(worst, took)
        print(f"{name}: {took:.1f} ms", flush=True)
    for name, row_filter in (("by sender, none", {"Sender": "nobody@nowhere.example"}), ("by destination", {"Destination": "d7.example"}),
                             ("by recipient, none", {"Recipient": "nobody@d7.example"}), ("search", {"Search": "no such words"})):
        took, reply = call(bed, "List", "(a{sv}uu)", bus.variants(row_filter), 0, PAGE)
        print(f"{name}: {took:.0f} ms, {reply.unpack()[0]} found", flush=True)
    return worst


def actions(bed, options):
    import bus
    slowest = 0
    for method, signature, selector, more in (
            ("Hold", "(a{sv})", {"All": True}, ()), ("Reroute", "(a{sv}s)", {"State": "held"}, ("127.0.0.1:9",)),
            ("Hold", "(a{sv})", {"Destination": "d7.example"}, ()), ("Remove", "(a{sv}b)", {"Destination": "d7.example"}, (False,)),
            ("Remove", "(a{sv}b)", {"All": True}, (False,))):
        mail = Mail(bed)
        took, reply = call(bed, method, signature, bus.variants(selector), *more)
        median, worst = mail.end()
        slowest = max(slowest, worst)
        print(f"{method} {selector}: {reply.unpack()[0]} messages in {took / 1000:.1f} s; mail beside it takes "
              f"{median:.1f} ms, the slowest {worst:.0f} ms", flush=True)
    return slowest


def main():
    parser = argparse.ArgumentParser(prog="hand.sh", description=__doc__)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--fill", required=True)
    parser.add_argument("--messages", type=int, default=1_000_000)
    options = parser.parse_args()
    os.environ["POSTBUSD"] = options.binary
    import harness
    bed = harness.Bed()
    try:
        bed.start()
        bed.api.set("Delivery", "Mode", "s", "relay")
        bed.api.set("Delivery", "RelayServer", "s", "127.0.0.1")
        bed.postbusd.stop()
        subprocess.run([options.fill, bed.state, str(options.messages), "200", "1000", "36000"], check=True)
        bed.postbusd.start()
        mail = Mail(bed)
        time.sleep(3)
        print("mail alone takes {:.1f} ms, the slowest {:.0f} ms".format(*mail.end()), flush=True)
        missed = pages(bed, options) > GOAL_PAGE_MS
        missed |= actions(bed, options) > GOAL_MAIL_MS
    finally:
        bed.close()
        bed.remove()
    print("goals missed" if missed else f"a page within {GOAL_PAGE_MS} ms, mail within {GOAL_MAIL_MS} ms")
    return 2 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
