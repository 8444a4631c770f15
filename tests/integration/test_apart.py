# SPDX-License-Identifier: GPL-3.0-or-later
"""Recipients of one message go their own ways: none waits for an attempt at another."""
import os
import pathlib
import shutil

import clock
from bus import variants
from harness import wait_for
from sink import HANG

MESSAGE = b"Subject: to both\r\n\r\nBody\r\n"
BOTH = ["far@far.example", "ann@local.example"]


def rows(bed):
    return {row["Address"]: row for message in bed.api.rows("Queue") for row in message["Recipients"]}


def silent_relay(bed):
    """One that takes connections and says nothing."""
    sink = bed.relay_sink()
    sink.rule("CONNECT", HANG)
    return sink


def test_local_is_not_held_up(bed):
    """With a host that says nothing, and with one that is not there, the local recipient has its mail at once; after a kill, too."""
    bed.start()
    silent = silent_relay(bed)
    bed.send("a@b.example", BOTH, MESSAGE)
    bed.wait_mails(bed.ann)
    wait_for(lambda: silent.connections, "the attempt")
    assert rows(bed)["far@far.example"]["State"] == "active"
    bed.postbusd.kill()
    bed.postbusd.start()
    bed.send("a@b.example", BOTH, MESSAGE)
    assert len(bed.wait_mails(bed.ann, 2)) == 2
    bed.api.set("Delivery", "RelayPort", "u", bed.ports.take())
    bed.send("a@b.example", BOTH, MESSAGE)
    bed.wait_mails(bed.ann, 3)


def test_rest_is_claimed(bed):
    """A recipient that was put off is tried again when it is due, though an attempt at another goes on."""
    hours = clock.Clock(bed)
    bed.start()
    bed.api.set("Queueing", "MinBackoff", "u", 90)
    silent = silent_relay(bed)
    box = pathlib.Path(bed.state, "mail", bed.ann)
    shutil.rmtree(box, ignore_errors=True)
    box.parent.mkdir(exist_ok=True)
    box.write_text("no folder")
    bed.send("a@b.example", BOTH, MESSAGE)
    wait_for(lambda: rows(bed)["ann@local.example"]["State"] == "deferred" and silent.connections, "both attempts")
    os.unlink(box)
    hours.pass_time(110)
    bed.wait_mails(bed.ann)
    waiting = wait_for(lambda: len(rows(bed)) == 1 and rows(bed), "its mark")
    assert waiting["far@far.example"]["Attempts"] == 0, waiting
    # Once, although the store was asked while the other was under way, and the other goes on.
    hours.pass_time(30)
    bed.api.call("Queue", "Retry", "(a{sv})", variants({"All": True}))
    silent.stop()
    wait_for(lambda: rows(bed)["far@far.example"]["State"] == "deferred", "the other's end")
    assert len(bed.mails(bed.ann)) == 1


def test_rest_of_a_destination_is_no_attempt(bed):
    """Mail that finds its destination resting is deferred, and counts no attempt."""
    bed.start()
    bed.relay_sink().stop()
    bed.send("a@b.example", ["one@far.example"], MESSAGE)
    wait_for(lambda: rows(bed).get("one@far.example", {}).get("State") == "deferred", "the first attempt")
    assert rows(bed)["one@far.example"]["Attempts"] == 1
    bed.send("a@b.example", ["two@far.example"], MESSAGE)
    wait_for(lambda: rows(bed).get("two@far.example", {}).get("State") == "deferred", "the second")
    assert rows(bed)["two@far.example"]["Attempts"] == 0 and rows(bed)["two@far.example"]["LastReply"], rows(bed)
    bed.wait_deferred(2)
    assert bed.api.get("Queue", "Active") == 0
    back = bed.sink(bed.api.get("Delivery", "RelayPort"))
    bed.api.call("Queue", "Retry", "(a{sv})", variants({"All": True}))
    back.wait_messages(2)
    bed.queue_empty()


def test_moved_to_a_destination_that_rests(bed):
    """An attempt that ends when its mail would go another way by now, and where that leads nobody answers: the mail waits like the other there."""
    bed.start()
    bed.api.set("Queueing", "MinBackoff", "u", 300)
    silent = silent_relay(bed)
    bed.send("a@b.example", ["one@far.example"], MESSAGE)
    wait_for(lambda: silent.connections, "the attempt")
    dead = bed.ports.take()
    bed.api.set("Delivery", "RelayPort", "u", dead)
    bed.send("a@b.example", ["two@far.example"], MESSAGE)
    wait_for(lambda: rows(bed)["two@far.example"]["State"] == "deferred", "the other attempt")
    silent.stop()
    wait_for(lambda: rows(bed)["one@far.example"]["State"] == "deferred", "the end of the first")
    back = bed.sink(dead)
    bed.api.call("Queue", "Retry", "(a{sv})", variants({"All": True}))
    back.wait_messages(2)
    bed.queue_empty()


def test_claimed_early_is_tried_in_time(bed):
    """What is claimed a minute ahead, beside an attempt at another, waits until it is due."""
    hours = clock.Clock(bed)
    bed.start()
    bed.api.set("Queueing", "MinBackoff", "u", 150)
    silent = silent_relay(bed)
    kind = bed.sink()
    kind.rule("RCPT", b"450 4.2.0 not now")
    bed.api.add("DomainList", Name="kind", Domain="kind.example", Target=f"127.0.0.1:{kind.port}")
    bed.send("a@b.example", ["far@far.example", "near@kind.example"], MESSAGE)
    waiting = wait_for(lambda: rows(bed)["near@kind.example"]["State"] == "deferred" and silent.connections and rows(bed), "both attempts")
    due = waiting["near@kind.example"]["NextAttempt"]
    kind.clear_rules()
    hours.pass_time(int(due - hours.now()) - 5)
    kind.wait_messages(1)
    assert hours.now() >= due, (hours.now(), due)
