# SPDX-License-Identifier: GPL-3.0-or-later
"""Real and torture messages go through byte-exact, but for the trace fields on top.

The messages stand outside this repository, at $POSTBUS_TESTDATA or ../shared/testdata beside it.
A file with Unix line ends is sent with CRLF; one with CRLF goes as it stands. What then still has a
bare CR, a bare LF or a NUL must get its 5xx.
"""
import collections
import email

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
    """The message behind our own fields: Return-Path, Delivered-To and results, if there, and one Received."""
    at = 0
    for field in (b"Return-Path:", b"Delivered-To:", b"Authentication-Results:", b"Received-SPF:", b"Received:"):
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
    messages = sink.wait_messages(len(clean), seconds=240)
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


def meaning(octets):
    """What a reader makes of it: the parts' types and their octets, decoded. Blanks at the very end of a part count for nothing."""
    message = email.message_from_bytes(octets)
    return tuple((part.get_content_type(), (part.get_payload(decode=True) or b"").rstrip())
                 for part in message.walk() if not part.is_multipart())


def test_seven_bit_means_the_same(bed):
    """A server without 8BITMIME: what it gets is 7-bit, but for header fields, and says the same."""
    clean, _ = load()
    bed.start()
    sink = bed.relay_sink(extensions=[b"PIPELINING"])
    send_all(bed, clean, "far@away.example", "127.0.0.1")
    messages = [without_our_trace(message.body) for message in sink.wait_messages(len(clean), seconds=240)]
    wanted = {name: meaning(octets) for name, octets in clean.items()}
    got = collections.Counter(meaning(octets) for octets in messages)
    missing = [name for name, parts in wanted.items() if not got[parts]]
    # Python does not know that blanks may stand before a field's colon (RFC 5322 4.5), and takes such fields for the body.
    missing = [name for name in missing if name not in ("mail-parser/malformed/019.eml", "ruby-mail/rfc2822/example13.eml")]
    assert not missing, f"they say something else: {len(missing)} {missing[:20]}"
    for octets in messages:
        # What is not base64 or quoted-printable has no octet over 127 left, but in fields.
        for part in email.message_from_bytes(octets).walk():
            payload = part.get_payload() if not part.is_multipart() and part["Content-Transfer-Encoding"] else ""
            assert payload.isascii() or part["Content-Transfer-Encoding"].lower() not in ("7bit", "quoted-printable"), octets[:300]
