# SPDX-License-Identifier: GPL-3.0-or-later
"""Real and torture messages go through byte-exact, but for the trace fields on top.

The messages stand outside this repository, at $POSTBUS_TESTDATA or ../shared/testdata beside it.
A file with Unix line ends is sent with CRLF; one with CRLF goes as it stands. What then still has a
bare CR, a bare LF or a NUL must get its 5xx.
"""
import collections

from harness import TESTDATA, skip

NOT_MESSAGES = {"ORIGIN.txt", "COPYING", "MIT-LICENSE"}
SUFFIXES = {".eml", ".txt", ""}


def load():
    """Two dicts path -> octets: those to be taken, those to be refused."""
    folder = TESTDATA / "messages"
    if not folder.is_dir():
        skip(f"no test messages at {folder}")
    clean, bare = {}, {}
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.name in NOT_MESSAGES or path.suffix not in SUFFIXES:
            continue
        octets = path.read_bytes()
        if b"\r\n" not in octets:
            octets = octets.replace(b"\n", b"\r\n")
        rest = octets.replace(b"\r\n", b"")
        is_bare = any(octet in rest for octet in (b"\r", b"\n", b"\0"))
        if octets and not octets.endswith(b"\r\n"):
            octets += b"\r\n"
        (bare if is_bare else clean)[path.relative_to(folder).as_posix()] = octets
    assert len(clean) > 300 and len(bare) > 3, (len(clean), len(bare))
    return clean, bare


def without_our_trace(message):
    """The message behind our own fields: Return-Path and Delivered-To, if there, and one Received."""
    at = 0
    for field in (b"Return-Path:", b"Delivered-To:", b"Received:"):
        if message.startswith(field, at):
            at = message.index(b"\r\n", at) + 2
            while message.startswith(b"\t", at) or (field == b"Received:" and message.startswith(b"        ", at)):
                at = message.index(b"\r\n", at) + 2
    return message[at:]


def compare(sent, arrived):
    """Both must hold the same messages the same number of times; names those that differ."""
    wanted = collections.Counter(sent.values())
    got = collections.Counter(without_our_trace(message) for message in arrived)
    missing = [name for name, octets in sent.items() if not got[octets]]
    strange = [octets[:300] for octets in got if not wanted[octets]]
    assert wanted == got, f"not byte-exact: {missing[:5]}; arrived instead: {strange[:2]}"


def send_all(bed, messages, recipient, source):
    """Sends all in one session, pipelined; every one must be taken."""
    with bed.talk(source=source) as talk:
        talk.ehlo()
        for name, octets in messages.items():
            talk.envelope("sender@there.example", [recipient], " BODY=8BITMIME")
            code, text = talk.data(octets)
            assert code == 250, f"{name}: {code} {text}"


def test_local_byte_exact(bed):
    clean, _ = load()
    bed.start()
    send_all(bed, clean, "ann@local.example", "127.0.0.7")
    compare(clean, bed.wait_mails(bed.ann, len(clean)))
    bed.queue_empty()


def test_relay_byte_exact(bed):
    clean, _ = load()
    bed.start()
    sink = bed.relay_sink()
    send_all(bed, clean, "far@away.example", "127.0.0.1")
    messages = sink.wait_messages(len(clean), seconds=120)
    compare(clean, [message.body for message in messages])
    for message in messages:
        rest = message.raw.replace(b"\r\n", b"")
        assert b"\r" not in rest and b"\n" not in rest


def test_bare_ones_are_refused(bed):
    _, bare = load()
    bed.start()
    with bed.talk(source="127.0.0.7") as talk:
        talk.ehlo()
        for name, octets in bare.items():
            talk.envelope("sender@there.example", ["ann@local.example"])
            talk.expect("DATA", 354)
            talk.send(octets.replace(b"\r\n.", b"\r\n..") + b".\r\n")
            code, text = talk.reply()
            assert code == 550 and "5.6.0" in text, f"{name}: {code} {text}"
        talk.mail("sender@there.example", ["ann@local.example"], b"Subject: clean\r\n\r\n")
    assert len(bed.wait_mails(bed.ann)) == 1


def test_bare_ones_are_normalized_for_trusted_clients(bed):
    _, bare = load()
    bed.start()
    sink = bed.relay_sink()
    with bed.talk() as talk:
        talk.ehlo()
        for name, octets in bare.items():
            talk.envelope("sender@there.example", ["far@away.example"])
            talk.expect("DATA", 354)
            talk.send(octets.replace(b"\r\n.", b"\r\n..") + b"\r\n.\r\n")
            code, text = talk.reply()
            assert code == 250, f"{name}: {code} {text}"
    for message in sink.wait_messages(len(bare)):
        rest = message.raw.replace(b"\r\n", b"")
        assert b"\r" not in rest and b"\n" not in rest and b"\0" not in rest
