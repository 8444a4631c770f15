# SPDX-License-Identifier: GPL-3.0-or-later
"""The pace of delivery, on the wire: how many connections a destination gets, that they are used again, and how long a
destination that does not answer is left alone."""
import re
import threading

from clock import Clock
from harness import wait_for
from sink import HANG
from test_long import told

MESSAGE = b"Subject: pace\r\n\r\nx\r\n"


def load(bed, count, domain="away.example"):
    with bed.talk() as talk:
        talk.ehlo()
        for number in range(count):
            talk.mail("ann@local.example", [f"x{number}@{domain}"], MESSAGE)


def test_connections_a_destination(bed):
    """A slow server gets as many connections as the setting says, no more, and all mail goes over these."""
    bed.start()
    for most in (3, 1):
        sink = bed.relay_sink()
        bed.api.set("Queueing", "MaxConnectionsPerDestination", "u", most)
        gate = threading.Event()
        sink.rule(".", gate)
        load(bed, 40)
        sink.wait_for(lambda s, most=most: s.open == most, f"{most} connections")
        gate.set()
        sink.wait_messages(40)
        bed.queue_empty()
        assert sink.most_open == most and sink.count("CONNECT") == most, (sink.most_open, sink.count("CONNECT"))
        assert {message.connection for message in sink.messages} == {*sink.connections}


def test_each_destination_for_itself(bed):
    """The limit is one destination's, not all's: one that is stuck with all of its connections holds up no other."""
    bed.start()
    bed.api.set("Queueing", "MaxConnectionsPerDestination", "u", 2)
    sink = bed.mx_sink()
    gate = threading.Event()
    sink.rule(".", gate, rb"@slow.example")
    bed.dns.add("slow.example", "A", "127.0.0.3")
    bed.dns.add("live.example", "A", "127.0.0.2")
    load(bed, 200, "slow.example")
    sink.wait_for(lambda s: s.open == 2, "two connections to the slow one")
    load(bed, 50, "live.example")
    assert all(message.host == "127.0.0.2" for message in sink.wait_messages(50))
    gate.set()
    sink.wait_messages(250)
    bed.queue_empty()
    assert sum(connection.host == "127.0.0.3" for connection in sink.connections) == 2


def test_silent_destination_leaves_room(bed):
    """More mail than fits into memory waits for one that takes connections and says nothing: mail for another goes at once."""
    bed.start()
    sink = bed.mx_sink()
    sink.rule("CONNECT", HANG, rb"")
    bed.dns.add("silent.example", "A", "127.0.0.3")
    bed.dns.add("live.example", "A", "127.0.0.2")
    with bed.talk() as talk:
        talk.ehlo()
        for number in range(24):
            talk.mail("ann@local.example", [f"x{number}.{each}@silent.example" for each in range(500)], MESSAGE)
    sink.wait_commands("CONNECT")
    sink.clear_rules()
    load(bed, 20, "live.example")
    assert all(message.host == "127.0.0.2" for message in sink.wait_messages(20))


def test_dead_destination_is_left_alone(bed):
    """Nobody answers: one probe a rest, for all that waits, and the rests grow; with an answer it all goes."""
    clock = Clock(bed)
    bed.start()
    sink = bed.mx_sink()
    sink.rule("CONNECT", b"421 4.3.2 Not now")
    bed.dns.add("dead.example", "A", "127.0.0.3")
    load(bed, 100, "dead.example")
    wait_for(lambda: len(told(bed, "deferred")) == 100, "all to wait")
    first = sink.count("CONNECT")
    assert first <= 4, first
    probes = []
    for _ in range(5):
        before, seconds = sink.count("CONNECT"), 0

        def probed(before=before):
            nonlocal seconds
            bed.postbusd.check_alive()
            clock.pass_time(50)
            seconds += 50
            return sink.count("CONNECT") > before
        wait_for(probed, "the next probe", tick=0.03)
        probes.append(seconds)
    # 300 s, doubling up to 4000: no probe comes before its rest is over.
    for seconds, rest in zip(probes, (300, 600, 1200, 2400, 4000)):
        assert seconds >= rest - 50, probes
    assert sink.count("CONNECT") <= first + 10, sink.count("CONNECT")
    sink.clear_rules()

    def all_there():
        bed.postbusd.check_alive()
        clock.pass_time(60)
        return len(sink.messages) == 100
    wait_for(all_there, "all to be delivered", tick=0.05)
    bed.queue_empty()


def test_retries_are_spread(bed):
    """Messages that came together do not come again together."""
    clock = Clock(bed)
    bed.start()
    sink = bed.relay_sink()
    sink.rule("RCPT", b"450 4.2.0 Later")
    load(bed, 60)
    wait_for(lambda: len(told(bed, "deferred")) == 60, "all to be deferred")
    # 300 s with a tenth more or less: from the first to the last retry some seconds pass.
    due = {recipient["NextAttempt"] for row in bed.api.rows("Queue") for recipient in row["Recipients"]}
    assert len(due) > 10, due
    seen = set()
    for _ in range(70):
        clock.pass_time(1)
        if not seen:
            clock.pass_time(264)
        seen.add(sum(told(bed, "deferred").values()))
        bed.api.get("Queue", "Active")

    def again():
        clock.pass_time(1)
        seen.add(sum(told(bed, "deferred").values()))
        return len(told(bed, "deferred")) == 60 and all(each > 1 for each in told(bed, "deferred").values())
    wait_for(again, "all to be tried again")
    # How many came between two looks is the machine's affair.
    assert len(seen) > 2, seen
    assert not re.search("bounced ", bed.postbusd.stderr().decode())
