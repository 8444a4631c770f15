# SPDX-License-Identifier: GPL-3.0-or-later
"""Mail from where it is written: what it lacks is added, what is nobody's business is left out (RFC 6409 8)."""
import email
import email.utils
import smtplib

from harness import strip_trace

HIDDEN = (b"From: ann@local.example\r\nTo: far@away.example\r\nBcc: secret@away.example,\r\n"
          b" other@away.example\r\nSubject: hello\r\n\r\nBcc: of the body\r\n.dot\r\n")
WHOLE = (b"From: ann@local.example\r\nDate: Tue, 24 Nov 2026 10:00:00 +0000\r\n"
         b"Message-ID: <mine@local.example>\r\n\r\nbody\r\n")


def start(bed):
    """Starts with a submission listener beside; returns its port."""
    port = bed.ports.take()
    arguments = bed.postbusd.arguments
    bed.postbusd.arguments = lambda: [*arguments(), f"--listen=submission:127.0.0.1:{port}"]
    bed.start()
    return port


def submit(port, message):
    with smtplib.SMTP("127.0.0.1", port, timeout=240) as client:
        client.ehlo("client.example")
        assert not client.sendmail("ann@local.example", ["far@away.example"], message)


def test_completed_and_stripped(bed):
    port = start(bed)
    sink = bed.relay_sink()
    submit(port, HIDDEN)
    body, trace = strip_trace(sink.wait_messages(1)[0].body)
    head, rest = body.split(b"\r\n\r\n", 1)
    assert rest == b"Bcc: of the body\r\n.dot\r\n", rest
    assert b"secret" not in body and b"other@" not in body and b"Bcc" not in head
    parsed = email.message_from_bytes(body)
    assert parsed["From"] == "ann@local.example" and parsed["Subject"] == "hello"
    assert email.utils.parsedate_to_datetime(parsed["Date"])
    assert parsed["Message-ID"].endswith("@mail.local.example>"), parsed["Message-ID"]
    bed.wait_logged(parsed["Message-ID"].encode())
    submit(port, HIDDEN)
    second = email.message_from_bytes(sink.wait_messages(2)[1].body)
    assert second["Message-ID"] != parsed["Message-ID"]


def test_whole_message_untouched(bed):
    port = start(bed)
    sink = bed.relay_sink()
    submit(port, WHOLE)
    assert strip_trace(sink.wait_messages(1)[0].body)[0] == WHOLE


def test_other_servers_mail_untouched(bed):
    """On port 25 a message stays as its sender's server sent it."""
    start(bed)
    sink = bed.relay_sink()
    bed.send("ann@local.example", ["far@away.example"], HIDDEN)
    assert strip_trace(sink.wait_messages(1)[0].body)[0] == HIDDEN


def test_large_header_and_body(bed):
    """In many reads, with the empty line in one of the later ones."""
    port = start(bed)
    sink = bed.relay_sink()
    head = b"".join(b"X-Note-%d: %s\r\n" % (i, b"n" * 900) for i in range(200))
    body = b"0123456789abcdef" * 60 + b"\r\n"
    submit(port, b"From: ann@local.example\r\nBcc: s@away.example\r\n" + head + b"\r\n" + body * 300)
    got = strip_trace(sink.wait_messages(1)[0].body)[0]
    first, rest = got.split(b"\r\n\r\n", 1)
    assert first.startswith(b"From: ann@local.example\r\n" + head) and rest == body * 300
    assert first.count(b"\r\nDate: ") == 1 and first.count(b"\r\nMessage-ID: ") == 1


def test_too_large_submission(bed):
    """Given up under way, in the header section or behind it: named, and the next one goes."""
    port = start(bed)
    sink = bed.relay_sink()
    bed.api.set("General", "MaxMessageSize", "u", 1)
    for large in (b"From: a@local.example\r\nBcc: " + b"x" * 900 + b"\r\n" + b"X: y\r\n" * 300000,
                  b"From: a@local.example\r\n\r\n" + b"0123456789\r\n" * 150000):
        with smtplib.SMTP("127.0.0.1", port, timeout=240) as client:
            client.ehlo("client.example")
            client.mail("ann@local.example")  # without SIZE, which would be refused at once
            client.rcpt("far@away.example")
            assert client.data(large)[0] == 552
    submit(port, WHOLE)
    assert strip_trace(sink.wait_messages(1)[0].body)[0] == WHOLE
