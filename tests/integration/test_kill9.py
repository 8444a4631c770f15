# SPDX-License-Identifier: GPL-3.0-or-later
"""kill -9 under load: what was acknowledged is there afterwards, whole, whatever was under way.

A ledger keeps the number of every message that got its 250. Afterwards each of them must lie in the
Maildir once (a redo overwrites itself) and be recorded by the sink at least once (a delivery in
flight may come twice), and every message found anywhere must be whole: its digest is in its head.
POSTBUS_KILLS is the number of kills, 10 if unset; run-kill9.sh makes it 200.
"""
import collections
import hashlib
import os
import random
import re
import threading

from harness import wait_for
from smtp_talk import Talk, stuff

KILLS = int(os.environ.get("POSTBUS_KILLS", "10"))
SIZES = (200, 3000, 20000, 63000, 66000, 200000)
SENDERS = 4
HEAD = re.compile(rb"X-Number: (\d+)\r\nX-Digest: (\w+)\r\n\r\n")


class Load(threading.Thread):
    """Sends numbered messages without end, on a new connection whenever the old one is lost."""

    def __init__(self, port, number, ledger):
        super().__init__(daemon=True)
        self.port = port
        self.ledger = ledger
        self.random = random.Random(number)
        self.sequence = number
        self.stopping = threading.Event()
        self.refused = []

    def message(self, number):
        lines = b"".join(b"%032x\r\n" % self.random.getrandbits(128)
                         for _ in range(self.random.choice(SIZES) // 34))
        return b"X-Number: %d\r\nX-Digest: %s\r\n\r\n" % (
            number, hashlib.sha256(lines).hexdigest().encode()) + lines

    def run(self):
        while not self.stopping.is_set():
            try:
                with Talk(self.port) as talk:
                    talk.ehlo()
                    while not self.stopping.is_set():
                        self.send_one(talk)
            except (OSError, EOFError):
                self.stopping.wait(0.02)

    def send_one(self, talk):
        number, self.sequence = self.sequence, self.sequence + SENDERS
        talk.envelope("load@local.example", ["ann@local.example", "far@away.example"])
        talk.expect("DATA", 354)
        talk.send(stuff(self.message(number)) + b".\r\n")
        code, text = talk.reply()
        if code == 250:
            self.ledger.add(number)
        else:
            self.refused.append((code, text))


def audit(messages):
    """Counts the numbers found; every message must be whole."""
    found = collections.Counter()
    for octets in messages:
        head = HEAD.search(octets)
        assert head, f"a message without its head: {octets[:200]!r}"
        digest = hashlib.sha256(octets[head.end():]).hexdigest().encode()
        assert digest == head.group(2), f"message {head.group(1).decode()} is not whole"
        found[int(head.group(1))] += 1
    return found


def test_acknowledged_mail_survives_kills(bed):
    bed.start()
    bed.api.set("Queueing", "MinBackoff", "u", 1)
    bed.api.set("Queueing", "MaxBackoff", "u", 1)
    sink = bed.relay_sink()
    ledger = set()
    loads = [Load(bed.port, number, ledger) for number in range(SENDERS)]
    for load in loads:
        load.start()
    chance = random.Random(9)
    for _ in range(KILLS):
        # Not a fixed time but a fixed progress, so that a slow machine is killed as busy as a fast one.
        wanted = len(ledger) + chance.randrange(1, 60)
        wait_for(lambda: len(ledger) >= wanted, "progress under load", seconds=240, tick=0.001)
        bed.postbusd.kill()
        bed.postbusd.start()
    for load in loads:
        load.stopping.set()
    for load in loads:
        load.join(240)
        assert not load.refused, load.refused[:3]
    bed.queue_empty(300)
    local = audit(bed.mails(bed.ann))
    remote = audit(message.body for message in list(sink.messages))
    lost = [number for number in sorted(ledger) if not local[number] or not remote[number]]
    assert not lost, f"{len(lost)} of {len(ledger)} acknowledged messages lost: {lost[:10]}"
    twice = [number for number, times in local.items() if times > 1]
    assert not twice, f"delivered twice into the Maildir: {twice[:10]}"
    again = sum(times - 1 for times in remote.values())
    bed.postbusd.restart()
    spool = bed.maildir(bed.ann).parent.parent / "spool"
    assert not [path for path in spool.rglob("*") if path.is_file()], "spool files without a row"
    print(f"{KILLS} kills, {len(ledger)} acknowledged, 0 lost, 0 corrupt; "
          f"{again} sent twice to the relay, {len(local) - len(ledger)} kept without their 250 heard")
