# SPDX-License-Identifier: GPL-3.0-or-later
"""Delivery.Mode relay: everything not local goes to RelayServer, whatever happens there."""
from harness import strip_trace
from sink import CLOSE

MESSAGE = (b"From: ann@local.example\r\nTo: far@away.example\r\nSubject: out\r\n\r\n"
           b"Line\r\n.dot\r\n..\r\n\r\n")


def quick_retries(bed):
    bed.api.set("Queueing", "MinBackoff", "u", 1)
    bed.api.set("Queueing", "MaxBackoff", "u", 1)


def test_relays_byte_exact(bed):
    bed.start()
    sink = bed.relay_sink()
    bed.send("ann@local.example", ["far@away.example"], MESSAGE)
    [message] = sink.wait_messages(1)
    body, trace = strip_trace(message.body)
    assert body == MESSAGE and trace.count(b"Received:") == 1 and b"Return-Path" not in trace
    assert message.sender == b"ann@local.example" and message.recipients == [b"far@away.example"]
    assert any(line.upper().startswith(b"EHLO MAIL.LOCAL.EXAMPLE") for line in message.connection.commands)
    bed.queue_empty()


def test_no_lookup_in_relay_mode(bed):
    bed.start()
    sink = bed.relay_sink()
    bed.send("ann@local.example", ["far@away.example"], MESSAGE)
    sink.wait_messages(1)
    assert not [query for query in bed.dns.queries if query[0].endswith("away.example")]


def test_local_stays_local(bed):
    bed.start()
    sink = bed.relay_sink()
    bed.send("a@b.example", ["ann@local.example", "far@away.example"], MESSAGE)
    assert sink.wait_messages(1)[0].recipients == [b"far@away.example"]
    bed.wait_mails(bed.ann, 1)
    bed.queue_empty()


def test_connection_is_reused(bed):
    bed.start()
    sink = bed.relay_sink()
    with bed.talk() as talk:
        talk.ehlo()
        for number in range(20):
            talk.mail("ann@local.example", [f"far{number}@away.example"], MESSAGE)
            sink.wait_messages(number + 1)
    bed.queue_empty()
    assert len(sink.connections) < 10, f"{len(sink.connections)} connections for 20 messages"


def test_sink_without_extensions(bed):
    bed.start()
    sink = bed.relay_sink()
    sink.rule("EHLO", b"502 5.5.1 What?")
    bed.send("ann@local.example", ["far@away.example"], MESSAGE)
    [message] = sink.wait_messages(1)
    assert strip_trace(message.body)[0] == MESSAGE
    assert any(line.startswith(b"HELO ") for line in message.connection.commands)


def test_4xx_defers_and_retries(bed):
    bed.start()
    quick_retries(bed)
    sink = bed.relay_sink()
    sink.rule("RCPT", b"450 4.2.0 Come again", times=1)
    bed.send("ann@local.example", ["far@away.example"], MESSAGE)
    sink.wait_messages(1)
    assert sink.count("RCPT") == 2
    bed.queue_empty()
    assert not bed.mails(bed.ann), "a deferral is no failure"


def test_4xx_keeps_the_reply(bed):
    bed.start()
    sink = bed.relay_sink()
    sink.rule(".", b"451 4.3.0 Disk is tired")
    bed.send("ann@local.example", ["far@away.example"], MESSAGE)
    bed.wait_deferred()
    [row] = bed.api.rows("Queue")
    assert "Disk is tired" in repr(row), row
    assert bed.api.get("Queue", "Size") > 0 and bed.api.get("Queue", "Oldest") > 0


def test_5xx_bounces_to_the_sender(bed):
    bed.start()
    sink = bed.relay_sink()
    sink.rule("RCPT", b"550 5.1.1 No such user here")
    bed.send("ann@local.example", ["far@away.example"], MESSAGE)
    [mail] = bed.wait_mails(bed.ann)
    assert mail.startswith(b"Return-Path: <>\r\n")
    assert b"550 5.1.1 No such user here" in mail.replace(b"\r\n ", b" ")
    bed.queue_empty()


def test_mixed_recipients(bed):
    """One taken, one refused for good, one for now: each goes its own way."""
    bed.start()
    quick_retries(bed)
    sink = bed.relay_sink()
    sink.rule("RCPT", b"550 5.1.1 Never", rb"never@")
    sink.rule("RCPT", b"451 4.7.1 Greylisted", rb"later@", times=1)
    bed.send("ann@local.example", ["now@away.example", "never@away.example", "later@away.example"],
             MESSAGE)
    messages = sink.wait_messages(2)
    assert sorted(name for message in messages for name in message.recipients) == [
        b"later@away.example", b"now@away.example"]
    [mail] = bed.wait_mails(bed.ann)
    assert b"never@away.example" in mail and b"later@away.example" not in mail
    bed.queue_empty()


def test_421_and_lost_connections_defer(bed):
    bed.start()
    quick_retries(bed)
    sink = bed.relay_sink()
    for verb, reply in (("CONNECT", b"421 4.3.2 Not now"), ("MAIL", CLOSE), ("RCPT", b"421 4.3.2 Bye"),
                        ("DATA", CLOSE), (".", CLOSE)):
        sink.rule(verb, reply, times=1)
    bed.send("ann@local.example", ["far@away.example"], MESSAGE)
    [message] = sink.wait_messages(1)
    assert strip_trace(message.body)[0] == MESSAGE
    bed.queue_empty()
    assert not bed.mails(bed.ann)


def test_sink_down_then_back(bed):
    bed.start()
    quick_retries(bed)
    sink = bed.relay_sink()
    sink.stop()
    for number in range(3):
        bed.send("ann@local.example", [f"far{number}@away.example"], MESSAGE)
    bed.wait_deferred(3)
    sink.start()
    sink.wait_messages(3)
    bed.queue_empty()
    assert not bed.mails(bed.ann)


def test_nonsense_from_the_relay_defers(bed):
    bed.start()
    sink = bed.relay_sink()
    sink.rule("EHLO", b"banana\x00\xff" * 500)
    bed.send("ann@local.example", ["far@away.example"], MESSAGE)
    bed.wait_deferred()
    assert not sink.messages


def test_8bit_and_utf8_need_the_extension(bed):
    """An SMTPUTF8 address cannot go to a server without it: a bounce with 5.6.7."""
    bed.start()
    bed.relay_sink(extensions=[b"PIPELINING", b"8BITMIME"])
    with bed.talk() as talk:
        talk.ehlo()
        talk.expect("MAIL FROM:<ann@local.example> SMTPUTF8", 250)
        talk.expect("RCPT TO:<jörg@away.example>", 250)
        assert talk.data(MESSAGE)[0] == 250
    [mail] = bed.wait_mails(bed.ann)
    assert b"5.6.7" in mail
