# SPDX-License-Identifier: GPL-3.0-or-later
"""DomainList.VerifyRecipients: who is unknown at the domain's own server is refused here, and nobody else is."""
from bus import variants
from harness import wait_for
from sink import HANG

MESSAGE = b"From: a@b.example\r\nTo: x@list.example\r\nSubject: verify\r\n\r\nBody\r\n"
STRANGER = "127.0.0.7"


def begin(bed, **row):
    """The Domain List has list.example, whose server knows nobody called no..."""
    bed.start()
    target = bed.sink()
    target.rule("RCPT", b"550 5.1.1 No such user", rb"<no")
    row = {"Name": "list", "Domain": "list.example", "Target": f"127.0.0.1:{target.port}", **row}
    return target, bed.api.add("DomainList", **row)


def rcpt(bed, *recipients, source=STRANGER):
    with bed.talk(source=source) as talk:
        talk.ehlo()
        talk.expect("MAIL FROM:<a@b.example>", 250)
        return [talk.command(f"RCPT TO:<{each}>") for each in recipients]


def probes(sink):
    """The lines of all transactions that came from the null sender."""
    lines = [line for connection in sink.connections for line in connection.commands]
    return [lines[at + 1] for at, line in enumerate(lines[:-1]) if line.startswith(b"MAIL FROM:<>")]


def test_unknown_there_is_unknown_here(bed):
    target, _ = begin(bed)
    for source in (STRANGER, "127.0.0.1"):
        [(code, text), known] = rcpt(bed, "nobody@list.example", "x@list.example", source=source)
        assert code == 550 and text.startswith("5.1.1"), text
        assert known[0] == 250, known
    assert probes(target) == [b"RCPT TO:<nobody@list.example>", b"RCPT TO:<x@list.example>"], "answers are kept"
    bed.send("a@b.example", ["x@list.example"], MESSAGE, source=STRANGER)
    [message] = target.wait_messages(1)
    assert message.recipients == [b"x@list.example"] and message.sender == b"a@b.example"
    bed.queue_empty()
    assert not bed.mails(bed.ann)


def test_only_a_no_to_the_recipient_counts(bed):
    """A 4xx, a no to the sender or to the connection, and silence leave the question open: it is taken."""
    target, _ = begin(bed)
    for number, (verb, reply) in enumerate((("RCPT", b"450 4.2.0 Later"), ("MAIL", b"550 5.7.1 No null sender"),
                                            ("MAIL", b"451 4.3.0 Tired"))):
        target.rule(verb, reply)
        assert rcpt(bed, f"no{number}@list.example")[0][0] == 250, (verb, reply)
        target.clear_rules()
    target.stop()
    assert [code for code, _ in rcpt(bed, "no3@list.example", "no4@list.example")] == [250, 250]


def test_refused_connection_counts_for_nothing(bed):
    target, _ = begin(bed)
    target.rule("CONNECT", b"554 5.7.1 Not you")
    assert rcpt(bed, "nobody@list.example")[0][0] == 250


def test_a_server_that_hangs_is_waited_for_once(bed):
    """The client gets its answer after some seconds, and the next one at once."""
    target, _ = begin(bed)
    target.rule("RCPT", HANG)
    assert [code for code, _ in rcpt(bed, "no1@list.example", "no2@list.example")] == [250, 250]
    assert probes(target) == [b"RCPT TO:<no1@list.example>"]


def test_asked_together_answered_together(bed):
    target, _ = begin(bed)
    target.rule("RCPT", HANG)
    talks = [bed.talk(source=STRANGER) for _ in range(5)]
    for talk in talks:
        talk.ehlo()
        talk.expect("MAIL FROM:<a@b.example>", 250)
        talk.send(b"RCPT TO:<nobody@list.example>\r\n")
    assert [talk.reply()[0] for talk in talks] == [250] * 5
    assert len(probes(target)) == 1
    for talk in talks:
        talk.close()


def test_off_asks_nobody(bed):
    target, row = begin(bed, VerifyRecipients=False)
    assert rcpt(bed, "nobody@list.example")[0][0] == 250
    assert not target.connections
    bed.api.call("DomainList", "Update", "(sa{sv})", row, variants({"VerifyRecipients": True}))
    assert rcpt(bed, "nobody@list.example")[0][0] == 550


def test_another_target_is_asked_anew(bed):
    target, row = begin(bed)
    assert rcpt(bed, "nobody@list.example")[0][0] == 550
    other = bed.sink()
    bed.api.call("DomainList", "Update", "(sa{sv})", row, variants({"Target": f"127.0.0.1:{other.port}"}))
    assert rcpt(bed, "nobody@list.example")[0][0] == 250
    assert len(probes(other)) == 1 and len(probes(target)) == 1


def test_without_target_its_mx_is_asked(bed):
    bed.start()
    relay, exchanger = bed.relay_sink(), bed.mx_sink()
    exchanger.rule("RCPT", b"550 5.1.1 No such user", rb"<no")
    bed.api.add("DomainList", Name="list", Domain="list.example")
    bed.dns.add("list.example", "MX", (10, "mx.list.example"))
    bed.dns.add("mx.list.example", "A", "127.0.0.2")
    assert [code for code, _ in rcpt(bed, "nobody@list.example", "x@list.example")] == [550, 250]
    assert not relay.connections


def test_no_relay_host_is_asked(bed):
    """Mail that an exception sends to a relay host is taken: what that says of strangers' users is worth nothing."""
    target, _ = begin(bed)
    relay = bed.sink()
    bed.api.add("RelayExceptions", Name="e", Kind="recipient", Targets=["list.example"], Server="127.0.0.1", Port=relay.port)
    assert rcpt(bed, "nobody@list.example")[0][0] == 250
    assert not target.connections and not relay.connections


def test_stop_while_asked(bed):
    """An end while a question is open answers the client, and ends."""
    target, _ = begin(bed)
    target.rule("RCPT", HANG)
    with bed.talk(source=STRANGER) as talk:
        talk.ehlo()
        talk.expect("MAIL FROM:<a@b.example>", 250)
        talk.send(b"RCPT TO:<nobody@list.example>\r\n")
        wait_for(lambda: probes(target), "the probe")
        bed.postbusd.stop()
