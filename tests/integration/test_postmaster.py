# SPDX-License-Identifier: GPL-3.0-or-later
"""General.ExternalPostmasters: who gets a copy of what, and that copies make neither copies nor notices."""
from harness import strip_trace, wait_for

STRANGER = "127.0.0.9"  # not trusted
EXTERNAL = "pm@away.example"
MARK = b"X-Postmaster-Copy: mail.local.example\r\n"
MESSAGE = b"From: a@b.example\r\nSubject: to whom it may concern\r\n\r\nBody\r\n"


def start(bed, *external):
    bed.start()
    sink = bed.relay_sink()
    bed.api.set("General", "ExternalPostmasters", "as", list(external or [EXTERNAL]))
    return sink


def recipients(sink):
    return [each.recipients for each in sink.messages]


def test_copies_of_what_is_for_the_postmaster(bed):
    """For postmaster, bare or at any local domain, and mailer-daemon; once a message; the mailbox gets its own."""
    sink = start(bed, EXTERNAL, "second@away.example")
    bed.api.add("LocalDomains", Name="other.example")
    to = ["postmaster", "Postmaster@other.example", "MAILER-DAEMON@local.example", "postmaster@mail.local.example"]
    for count, each in enumerate(to, 1):
        bed.send("a@b.example", [each], MESSAGE, source=STRANGER)
        sink.wait_messages(count)
        assert {*sink.messages[-1].recipients} == {b"pm@away.example", b"second@away.example"}, each
        body, trace = strip_trace(sink.messages[-1].body)
        assert body == MARK + MESSAGE and b"Received:" in trace, sink.messages[-1].body
        assert sink.messages[-1].sender == b"a@b.example"
        bed.wait_mails("postmaster", count)
    bed.send("a@b.example", ["postmaster", "mailer-daemon@local.example", "ann@local.example"], MESSAGE, source=STRANGER)
    sink.wait_messages(len(to) + 1)
    bed.wait_mails(bed.ann)
    bed.queue_empty()
    assert len(sink.messages) == len(to) + 1, recipients(sink)


def test_nothing_else_is_copied(bed):
    sink = start(bed)
    bed.send("a@b.example", ["ann@local.example"], MESSAGE, source=STRANGER)
    [mail] = bed.wait_mails(bed.ann)
    assert MARK not in mail
    bed.send("ann@local.example", ["postmaster@elsewhere.example"], MESSAGE)
    sink.wait_messages(1)
    bed.api.set("General", "ExternalPostmasters", "as", [])
    bed.send("a@b.example", ["postmaster"], MESSAGE, source=STRANGER)
    [mail] = bed.wait_mails("postmaster")
    bed.queue_empty()
    assert MARK not in mail and recipients(sink) == [[b"postmaster@elsewhere.example"]]


def test_copy_that_comes_back_is_not_copied(bed):
    """Whoever forwards the copies back to us makes no loop, and an external postmaster of ours gets each message once."""
    sink = start(bed, EXTERNAL, "ann@local.example")
    bed.send("a@b.example", ["postmaster"], MESSAGE, source=STRANGER)
    [copy] = sink.wait_messages(1)
    bed.wait_mails("postmaster", 1)
    bed.send("a@b.example", ["postmaster@local.example"], copy.body, source=STRANGER)
    bed.wait_mails("postmaster", 2)
    bed.queue_empty()
    assert len(sink.messages) == 1 and len(bed.mails("postmaster")) == 2 and len(bed.mails(bed.ann)) == 1


def test_copy_that_fails_tells_nobody(bed):
    """The sender does not know of it. That it failed is in the log."""
    sink = start(bed)
    sink.rule("RCPT", b"550 5.1.1 Gone", rb".*pm@away")
    for sender in ("ann@local.example", "", "postmaster@local.example"):
        bed.send(sender, ["postmaster"], MESSAGE)
    bed.wait_mails("postmaster", 3)
    bed.queue_empty()
    assert sink.count("RCPT") == 3 and not sink.messages
    assert not bed.mails(bed.ann) and len(bed.mails("postmaster")) == 3
    bed.wait_logged(b"pm@away.example", 3)


def test_notice_for_the_postmaster_is_copied(bed):
    """A DSN that we write to postmaster goes out as a copy too, and ends there."""
    sink = start(bed)
    sink.rule("RCPT", b"550 5.1.1 Gone", rb".*nobody@away")
    bed.send("postmaster@local.example", ["nobody@away.example"], MESSAGE)
    [copy] = sink.wait_messages(1)
    assert copy.sender == b"" and copy.recipients == [b"pm@away.example"]
    assert copy.body.startswith(MARK) and b"multipart/report" in copy.body, copy.body
    [mail] = bed.wait_mails("postmaster")
    assert b"Action: failed" in mail
    sink.rule("RCPT", b"550 5.1.1 Gone")
    bed.send("postmaster@local.example", ["nobody@away.example"], MESSAGE)
    bed.wait_mails("postmaster", 2)
    bed.queue_empty()
    assert len(sink.messages) == 1 and len(bed.mails("postmaster")) == 2


def test_copy_waits_like_other_mail(bed):
    """The copy is safe with the message: it goes out when the relay is back, also after a kill -9."""
    sink = start(bed)
    bed.api.set("Queueing", "MinBackoff", "u", 1)
    bed.api.set("Queueing", "MaxBackoff", "u", 1)
    sink.stop()
    bed.send("a@b.example", ["postmaster"], MESSAGE, source=STRANGER)
    bed.wait_mails("postmaster")
    bed.wait_deferred()
    bed.postbusd.kill()
    sink.start()
    bed.postbusd.start()
    sink.wait_messages(1)
    assert recipients(sink) == [[b"pm@away.example"]]
    bed.queue_empty()
    assert wait_for(lambda: len(bed.mails("postmaster")) == 1, "one mail")
