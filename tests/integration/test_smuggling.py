# SPDX-License-Identifier: GPL-3.0-or-later
"""End of data: only CRLF.CRLF. Every other form, whole and cut at every place between two TCP
segments, must neither end the message nor go out again as it came."""
from harness import strip_trace, wait_for

FORMS = [b"\n.\n", b"\r.\r", b"\r.\n", b"\n.\r", b"\n.\r\n", b"\r\n.\n", b"\r.\r\n", b"\r\n.\r",
         b"\r\n\0.\r\n", b"\r\n.\0\r\n", b"\r\n.\r\r\n", b"\r\r\n.\r\r\n"]
END = b"\r\n.\r\n"
SMUGGLED = (b"MAIL FROM:<evil@b.example>\r\nRCPT TO:<fwd@local.example>\r\nDATA\r\n"
            b"Subject: smuggled\r\n\r\nsmuggled")


def server_has_read(port, own_port):
    """Whether the server's side of the connection has nothing left to read."""
    wanted = (f":{port:04X}", f":{own_port:04X}")
    with open("/proc/net/tcp", encoding="ascii") as table:
        for line in table:
            fields = line.split()
            if fields[1].endswith(wanted[0]) and fields[2].endswith(wanted[1]):
                return fields[4].endswith(":00000000")
    return True


def send_cut(talk, port, octets, cut):
    """Sends the octets as two segments that the server reads apart."""
    talk.send(octets[:cut])
    if cut < len(octets):
        own_port = talk.sock.getsockname()[1]
        wait_for(lambda: server_has_read(port, own_port), "the first segment to be read", tick=0.001)
        talk.send(octets[cut:])


def variants():
    """(form, octets of the DATA, place of the cut): every cut in and beside the form."""
    for form in FORMS:
        front = b"Subject: outer\r\n\r\nouter"
        octets = front + form + SMUGGLED + END
        for cut in [len(octets)] + list(range(len(front), len(front) + len(form) + 1)):
            yield form, octets, cut


def setup(bed):
    """A remote address behind a local alias: what is taken from anyone goes to the sink."""
    bed.start()
    sink = bed.relay_sink()
    bed.api.add("Aliases", Address="fwd@local.example", Targets=["far@away.example"])
    return sink


def one_session(bed, octets, cut, source):
    """Sends the DATA and returns its reply's code; nothing may have been answered beside it."""
    with bed.talk(source=source) as talk:
        talk.ehlo()
        talk.envelope("outer@b.example", ["fwd@local.example"])
        talk.expect("DATA", 354)
        send_cut(talk, bed.port, octets, cut)
        code, text = talk.reply()
        talk.expect("NOOP", 250)
        talk.expect("QUIT", 221)
        assert talk.at_end() == b""
    return code, text


def test_strangers_are_refused(bed):
    sink = setup(bed)
    for form, octets, cut in variants():
        code, text = one_session(bed, octets, cut, "127.0.0.7")
        assert code == 550 and "5.6.0" in text, (form, cut, code, text)
    # What still goes out comes last, and comes alone.
    clean = b"Subject: clean\r\n\r\nclean\r\n"
    bed.send("a@b.example", ["fwd@local.example"], clean, source="127.0.0.7")
    [message] = sink.wait_messages(1)
    assert strip_trace(message.body)[0] == clean
    bed.queue_empty()
    assert len(sink.messages) == 1


def check_normalized(sink, count):
    messages = sink.wait_messages(count)
    assert len(messages) == count
    for message in messages:
        assert message.sender == b"outer@b.example", message.sender
        rest = message.raw.replace(b"\r\n", b"")
        assert b"\r" not in rest and b"\n" not in rest and b"\0" not in rest, message.raw
        assert b"smuggled" in message.body and b"MAIL FROM:<evil@b.example>" in message.body
    for connection in sink.connections:
        assert not any(b"evil" in line for line in connection.commands)
        rest = connection.received.replace(b"\r\n", b"")
        assert b"\r" not in rest and b"\n" not in rest and b"\0" not in rest


def test_trusted_clients_are_normalized(bed):
    sink = setup(bed)
    count = 0
    for form, octets, cut in variants():
        code, text = one_session(bed, octets, cut, "127.0.0.1")
        assert code == 250, (form, cut, code, text)
        count += 1
    check_normalized(sink, count)
    bed.queue_empty()


def test_setting_normalizes_strangers_too(bed):
    sink = setup(bed)
    bed.api.set("Advanced", "BareNewline", "s", "normalize")
    count = 0
    for form, octets, cut in variants():
        if cut == len(octets):
            code, text = one_session(bed, octets, cut, "127.0.0.7")
            assert code == 250, (form, code, text)
            count += 1
    check_normalized(sink, count)


def test_the_right_end_ends_at_every_cut(bed):
    """The control: CRLF.CRLF does end the data, wherever it is cut, and the next command counts."""
    sink = setup(bed)
    front = b"Subject: outer\r\n\r\nouter\r\n..stuffed"
    octets = front + END + b"NOOP\r\n"
    for cut in range(len(front), len(octets)):
        with bed.talk() as talk:
            talk.ehlo()
            talk.envelope("outer@b.example", ["fwd@local.example"])
            talk.expect("DATA", 354)
            send_cut(talk, bed.port, octets, cut)
            assert talk.reply()[0] == 250 and talk.reply()[0] == 250
            talk.expect("QUIT", 221)
            assert talk.at_end() == b""
    for message in sink.wait_messages(len(octets) - len(front)):
        assert strip_trace(message.body)[0] == b"Subject: outer\r\n\r\nouter\r\n.stuffed\r\n"


def test_empty_message(bed):
    """The end as the very first line."""
    sink = setup(bed)
    code, _ = one_session(bed, b".\r\n", 3, "127.0.0.7")
    assert code == 250
    assert strip_trace(sink.wait_messages(1)[0].body)[0] == b""


def test_commands_in_clear_are_pipelining_only_where_allowed(bed):
    """A client that talks before the greeting, or goes on behind DATA, is cut off."""
    bed.start()
    with bed.talk(source="127.0.0.7") as talk:
        talk.ehlo()
        talk.send(b"MAIL FROM:<a@b.example>\r\nRCPT TO:<ann@local.example>\r\nDATA\r\nSubject: x\r\n\r\nx\r\n.\r\n")
        rest = talk.at_end()
        assert b"554 5.5.0 " in rest and b"Queued" not in rest, rest
    with bed.talk(source="127.0.0.7") as talk:
        talk.send(b"EHLO a.example\r\nMAIL FROM:<a@b.example>\r\n")
        rest = talk.at_end()
        assert b"554 5.5.0 " in rest, rest
    bed.queue_empty()
    assert not bed.mails(bed.ann)
