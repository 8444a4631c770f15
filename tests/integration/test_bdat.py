# SPDX-License-Identifier: GPL-3.0-or-later
"""BDAT (RFC 3030): cut at every place between two TCP segments, over the size limit, given up in the middle, and never a way
to smuggle a message or a command."""
from harness import strip_trace, wait_for
from smtp_talk import Talk
from test_smuggling import FORMS, send_cut, setup
from test_tls import start, starttls

HEAD = b"Subject: outer\r\n\r\nouter"
EVIL = b"\r\n.\r\nMAIL FROM:<evil@b.example>\r\nRCPT TO:<fwd@local.example>\r\nBDAT 5 LAST\r\nhello"


def bdat(octets, last=False):
    return b"BDAT %d%s\r\n" % (len(octets), b" LAST" if last else b"") + octets


def test_every_cut(bed):
    """A pipelined group with two chunks, as two segments, cut at every octet."""
    sink = setup(bed)
    group = (b"MAIL FROM:<outer@b.example>\r\nRCPT TO:<fwd@local.example>\r\n" + bdat(HEAD + b"\r") +
             bdat(b"\n.\r\nRSET\r\nQUIT\r\n", True) + b"NOOP\r\n")
    for cut in range(1, len(group) + 1):
        with bed.talk(source="127.0.0.7") as talk:
            assert "CHUNKING" in talk.ehlo()
            send_cut(talk, bed.port, group, cut)
            replies = [talk.reply()[0] for _ in range(5)]
            assert replies == [250] * 5, (cut, replies)
            talk.expect("QUIT", 221)
            assert talk.at_end() == b""
    messages = sink.wait_messages(len(group))
    for message in messages:
        assert strip_trace(message.body)[0] == HEAD + b"\r\n.\r\nRSET\r\nQUIT\r\n"
    bed.queue_empty()
    assert len(sink.messages) == len(group)


def test_smuggling(bed):
    """From a stranger too what is bare is mended; one message comes of it, and nothing is taken for a command."""
    sink = setup(bed)
    count = 0
    for form in FORMS:
        octets = HEAD + form + EVIL
        for cut in range(len(HEAD), len(HEAD) + len(form) + 1):
            with bed.talk(source="127.0.0.7") as talk:
                talk.ehlo()
                talk.envelope("outer@b.example", ["fwd@local.example"])
                send_cut(talk, bed.port, bdat(octets[:cut]) + bdat(octets[cut:], True), cut)
                assert [talk.reply()[0] for _ in range(2)] == [250, 250], (form, cut)
                talk.expect("QUIT", 221)
                assert talk.at_end() == b""
            count += 1
    for message in sink.wait_messages(count):
        assert message.sender == b"outer@b.example"
        rest = message.raw.replace(b"\r\n", b"")
        assert b"\r" not in rest and b"\n" not in rest and b"\0" not in rest, message.raw
    bed.queue_empty()
    assert len(sink.messages) == count


def refused(talk, octets, code):
    """A last chunk that is refused, behind which the next command counts."""
    talk.send(bdat(octets, True))
    got, text = talk.reply()
    assert got == code, text
    talk.expect("NOOP", 250)


def test_sum_over_the_limit(bed):
    bed.start()
    bed.api.set("General", "MaxMessageSize", "u", 1)
    half = b"x" * 98 + b"\r\n"
    half *= 6000
    with bed.talk() as talk:
        talk.ehlo()
        talk.envelope("a@b.example", ["ann@local.example"])
        talk.send(bdat(half))
        assert talk.reply()[0] == 250
        talk.send(bdat(half))
        assert talk.reply() == (552, "5.3.4 Message exceeds the size limit")
        refused(talk, b"QUIT\r\n", 503)
        # Line ends that are mended make it larger than it was said to be.
        talk.envelope("a@b.example", ["ann@local.example"])
        refused(talk, b"\n" * 1000000, 552)
        talk.envelope("a@b.example", ["ann@local.example"])
        talk.send(bdat(half, True))
        assert talk.reply()[0] == 250
        talk.send(b"BDAT 9223372036854775807\r\n")
        assert talk.reply()[0] == 552
        assert talk.at_end() == b""
    bed.wait_mails(bed.ann)
    bed.queue_empty()
    assert len(bed.mails(bed.ann)) == 1


def test_tls_closed_in_a_chunk(bed):
    """Cut off, with and without TLS's own goodbye, in a chunk and between two: nothing is kept."""
    bed.start()
    for octets, goodbye in ((b"BDAT 100 LAST\r\n" + HEAD, True), (b"BDAT 100 LAST\r\n" + HEAD, False),
                            (bdat(HEAD), True), (bdat(HEAD) + bdat(b"more"), False)):
        with starttls(bed.port) as talk:
            talk.ehlo()
            talk.envelope("a@b.example", ["ann@local.example"])
            talk.send(octets)
            for _ in range(octets.count(b"BDAT ") - (b"LAST" in octets)):
                assert talk.reply()[0] == 250
            if goodbye:
                talk.sock.unwrap()
    wait_for(lambda: bed.postbusd.stderr().count(b"cut-off ") == 4, "four messages to be cut off")
    bed.queue_empty()
    assert not bed.mails(bed.ann)


def test_many_octets_in_many_chunks(bed):
    """A large message in chunks of all sizes comes through as it was."""
    sink = setup(bed)
    body = HEAD + b"\r\n" + b"".join(b"%07d " % n * (n % 9 + 1) + b"\r\n" for n in range(20000))
    with bed.talk() as talk:
        talk.ehlo()
        talk.envelope("a@b.example", ["fwd@local.example"])
        at, size, chunks = 0, 1, []
        while at < len(body):
            chunks.append(body[at:at + size])
            at, size = at + size, size * 3 % 50021
        talk.send(b"".join(bdat(chunk, n == len(chunks) - 1) for n, chunk in enumerate(chunks)))
        assert [talk.reply()[0] for _ in chunks] == [250] * len(chunks)
    assert strip_trace(sink.wait_messages(1)[0].body)[0] == body


def test_submission(bed):
    """What is submitted gets what it lacks and loses its Bcc, wherever its header is cut into chunks; an empty message too."""
    [port] = start(bed, "submission")
    text = b"Bcc: hidden@b.example\r\nSubject: cut\r\n\r\nBcc: of the body\r\n"
    with Talk(port) as talk:
        assert "CHUNKING" in talk.ehlo()
        for cut in range(len(text) + 1):
            talk.envelope("ann@local.example", ["ann@local.example"])
            talk.send(bdat(text[:cut]) + bdat(text[cut:], True))
            assert [talk.reply()[0] for _ in range(2)] == [250, 250]
        talk.envelope("ann@local.example", ["ann@local.example"])
        talk.expect("BDAT 0 LAST", 250)
    mails = bed.wait_mails(bed.ann, len(text) + 2)
    bodies = [strip_trace(mail)[0] for mail in mails]
    assert all(b"\r\nMessage-ID: <" in b"\r\n" + body and b"\r\nDate: " in b"\r\n" + body for body in bodies)
    full = [body for body in bodies if b"Subject: cut" in body]
    assert len(full) == len(text) + 1 and all(body.endswith(b"\r\n\r\nBcc: of the body\r\n") for body in full)
    assert not any(b"hidden@b.example" in body for body in bodies)
