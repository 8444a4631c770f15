# SPDX-License-Identifier: GPL-3.0-or-later
"""The log: one structured line an event of a message, found by its queue id."""
import shlex
import socket
import struct

from harness import wait_for

MESSAGE = b"Subject: x\r\nMessage-ID: <1@b.example>\r\n\r\nx\r\n"


def lines(bed, event=None, **fields):
    """The log's lines as (event, {field: value}), those that fit. The last line may be half a one."""
    found = []
    for line in bed.postbusd.stderr().rpartition(b"\n")[0].decode().split("\n"):
        words = shlex.split(line)
        names = [word for word in words if "=" not in word]
        pairs = dict(word.split("=", 1) for word in words if "=" in word)
        if (event is None or " ".join(names) == event) and fields.items() <= pairs.items():
            found.append((" ".join(names), pairs))
    return found


def wait_line(bed, event, **fields):
    """The one line that fits, once it is there."""
    fields = {name.replace("_", "-"): value for name, value in fields.items()}
    [(_, pairs)] = wait_for(lambda: lines(bed, event, **fields), f"{event} {fields}")
    return pairs


def queue_id(text):
    return text.split()[-1]


def test_way_through(bed):
    """Accepted, put off, delivered: each line has the id, the sender, the recipient, and who said what."""
    bed.start()
    bed.api.set("Queueing", "MinBackoff", "u", 1)
    bed.api.set("Queueing", "MaxBackoff", "u", 1)
    sink = bed.relay_sink()
    sink.rule("RCPT", b"450 4.2.0 Later", rb"far@", times=1)
    found = queue_id(bed.send("s@b.example", ["ann@local.example", "far@away.example"], MESSAGE))
    common = {"queue_id": found, "from": "s@b.example"}
    accepted = wait_line(bed, "accepted", **common)
    assert accepted["client"] == "[127.0.0.1]" and accepted["helo"] == "client.example"
    assert accepted["recipients"] == "2" and accepted["message-id"] == "<1@b.example>"
    local = wait_line(bed, "delivered", to="ann@local.example", **common)
    assert local["relay"] == "mailbox" and local["status"] == "2.0.0" and float(local["delay"]) >= 0
    deferred = wait_line(bed, "deferred", to="far@away.example", **common)
    assert deferred["relay"] == f"[127.0.0.1]:{sink.port}" and deferred["status"] == "4.2.0"
    assert deferred["reply"] == "450 4.2.0 Later"
    assert wait_line(bed, "delivered", to="far@away.example", **common)["reply"].startswith("250 ")


def test_bounce_is_linked_to_its_cause(bed):
    bed.start()
    sink = bed.relay_sink()
    sink.rule("RCPT", b"550 5.1.1 Nobody", rb"far@")
    found = queue_id(bed.send("ann@local.example", ["far@away.example"], MESSAGE))
    bounced = wait_line(bed, "bounced", queue_id=found)
    assert bounced["to"] == "far@away.example" and bounced["reply"] == "550 5.1.1 Nobody"
    dsn = wait_line(bed, "dsn", of=found)
    assert dsn["to"] == "ann@local.example" and dsn["action"] == "failed"
    delivered = wait_line(bed, "delivered", queue_id=dsn["queue-id"])
    assert delivered["from"] == "<>" and delivered["to"] == "ann@local.example"


def test_alias_is_told_with_its_target(bed):
    bed.start()
    bed.api.add("Aliases", Address="team@local.example", Targets=["ann@local.example"])
    found = queue_id(bed.send("s@b.example", ["team@local.example"], MESSAGE))
    delivered = wait_line(bed, "delivered", queue_id=found)
    assert delivered["to"] == "ann@local.example" and delivered["orig-to"] == "team@local.example"
    found = queue_id(bed.send("s@b.example", ["ann@local.example"], MESSAGE))
    assert "orig-to" not in wait_line(bed, "delivered", queue_id=found)


def test_address_that_became_an_alias(bed):
    """Queued anew for where it leads now: the old id leads to the new one."""
    bed.start()
    sink = bed.relay_sink()
    sink.rule("RCPT", b"450 4.2.0 Later")
    found = queue_id(bed.send("s@b.example", ["info@away.example"], MESSAGE))
    bed.wait_deferred()
    bed.api.add("Aliases", Address="info@away.example", Targets=["ann@local.example"])
    bed.api.add("LocalDomains", Name="away.example")
    forwarded = wait_line(bed, "forwarded", queue_id=found)
    assert forwarded["from"] == "s@b.example" and forwarded["to"] == "info@away.example"
    delivered = wait_line(bed, "delivered", queue_id=forwarded["as"])
    assert delivered["to"] == "ann@local.example" and delivered["orig-to"] == "info@away.example"


def test_refusals(bed):
    bed.start()
    bed.api.set("General", "MaxHops", "u", 5)
    with bed.talk(source="127.0.0.5") as talk:
        talk.ehlo("there.example")
        talk.expect("MAIL FROM:<s@b.example>", 250)
        talk.expect("RCPT TO:<x@away.example>", 554)
        talk.expect("RCPT TO:<ann@local.example>", 250)
        assert talk.data(b"Received: x\r\n" * 5 + MESSAGE)[0] == 554
    relay = wait_line(bed, "refused", check="relay")
    hops = wait_line(bed, "refused", check="hops")
    assert len(hops["queue-id"]) == 13 and hops["reply"] == "554 5.4.6"
    # One id for all that is said of one transaction, as the history has it.
    assert relay == {"queue-id": hops["queue-id"], "check": "relay", "reply": "554 5.7.1", "client": "127.0.0.5",
                     "helo": "there.example", "from": "s@b.example", "to": "x@away.example"}


def test_message_cut_off(bed):
    """A client that goes away in the middle of its message, by a reset or by the end of what it sends."""
    bed.start()
    for rude in (False, True):
        talk = bed.talk(source="127.0.0.6" if rude else "127.0.0.5")
        talk.ehlo("there.example")
        talk.envelope("s@b.example", ["ann@local.example"])
        talk.expect("DATA", 354)
        talk.send(b"Subject: half\r\n")
        if rude:
            talk.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        talk.close()
    cut = wait_line(bed, "cut-off", client="127.0.0.5")
    assert cut["from"] == "s@b.example" and len(cut["queue-id"]) == 13 and cut["size"] == "15"
    assert cut["reason"] == "closed by the client"
    assert "reset" in wait_line(bed, "cut-off", client="127.0.0.6")["reason"]
    bed.queue_empty()


def test_mail_found_at_a_start(bed):
    """After a crash the log says how much there was, so that a duplicate can be explained."""
    bed.start()
    sink = bed.relay_sink()
    sink.rule("RCPT", b"450 4.2.0 Later")
    bed.send("s@b.example", ["far@away.example"], MESSAGE)
    bed.wait_deferred()
    assert not lines(bed, "queue found")
    bed.postbusd.kill()
    bed.postbusd.start()
    assert wait_line(bed, "queue found") == {"active": "0", "deferred": "1", "held": "0"}
