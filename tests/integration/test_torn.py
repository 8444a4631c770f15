# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions that are torn off while their message is judged, scanned, sealed or signed: nothing is lost but that message."""
import socket
import struct
import threading
import time

import scanner
from harness import wait_for
from smtp_talk import stuff
from stub_dns import SILENCE
from test_antivirus import scan_with
from test_results import STRANGER, all_checks, results, signed
from test_signing import MESSAGE, add_key

ANN = "ann@local.example"
STEP = 11


def start(bed, answer=b"stream: OK\0"):
    """Everything that looks at mail is on, and keys are there to sign and to seal with."""
    bed.start()
    all_checks(bed)
    bed.api.set("ConnectionPolicy", "MaxConnections", "u", 0)  # one that was torn off counts until that is seen
    bed.api.set("MailAuth", "ArcEnabled", "b", True)
    add_key(bed)
    odd = scanner.Odd(bed, answer)
    scan_with(bed, odd.address, OnFailure="accept")
    return odd


def tear(talk):
    """Ends a connection with a reset."""
    talk.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    talk.close()


def parts(message, chunked):
    """Of a message: what awaits an answer, and the rest, which is sent at a stretch."""
    head = f"MAIL FROM:<x@local.example>\r\nRCPT TO:<{ANN}>\r\n".encode()
    half = len(message) // 2
    first = b"BDAT %d\r\n" % half + message[:half]
    if not chunked:
        return head, b"DATA\r\n", stuff(message) + b".\r\nQUIT\r\n"
    return head, b"", (first + b"RSET\r\n" + head + first
                       + b"BDAT %d LAST\r\n" % (len(message) - half) + message[half:] + b"QUIT\r\n")


def begin(bed, message, chunked=False, source=STRANGER):
    """A connection that is about to send the message, and what it is to send."""
    talk = bed.talk(source=source)
    talk.ehlo()
    head, go, rest = parts(message, chunked)
    talk.send(head)
    assert [talk.reply()[0] for _ in range(2)] == [250, 250]
    if go:
        talk.expect(go[:-2], 354)
    return talk, rest


def test_cut_anywhere(bed):
    """However much of the message came, by DATA and by BDAT with a RSET in it: the next whole one comes through whole."""
    start(bed)
    text = signed(bed)
    for source in (STRANGER, "127.0.0.1"):
        for chunked in (False, True):
            size = len(parts(text, chunked)[2])
            for end in [*range(0, size, STEP), size - 6, size]:
                talk, rest = begin(bed, text, chunked, source)
                with talk:
                    talk.send(rest[:end])
                    if end % 2:
                        tear(talk)
    ident = bed.send("x@local.example", [ANN], text, source=STRANGER).split()[-1].encode()
    [mail] = wait_for(lambda: [mail for mail in bed.mails(bed.ann) if ident in mail], "the whole one")
    assert mail.endswith(text) and results(mail)["dkim"][0] == "pass"


def test_torn_while_dns_is_silent(bed):
    """Keys, SPF and DMARC are under way; the client resets, closes or waits, and the server stops."""
    start(bed)
    text = signed(bed)
    selector = [name for name in bed.dns.records if "._domainkey." in name]
    bed.dns.trouble.update(dict.fromkeys([*selector, "local.example", "_dmarc.local.example"], SILENCE))
    time.sleep(1.1)  # the time to live of the stub's answers
    bed.dns.queries.clear()
    talks = []
    for chunked in (False, True) * 6:
        talk, rest = begin(bed, text, chunked)
        talk.send(rest)
        talks.append(talk)
    bed.dns.wait_query(selector[0])
    for talk in talks[:4]:
        tear(talk)
    for talk in talks[4:8]:
        talk.close()
    with bed.talk() as talk:
        talk.ehlo()
    bed.postbusd.stop(90)
    for talk in talks[8:]:
        talk.close()


def test_torn_while_scanned(bed):
    """The scanner keeps the messages of clients that have gone: when it answers at last, all goes on."""
    speak = threading.Event()
    odd = start(bed, lambda got: (b"One line" not in got or speak.wait(240)) and b"stream: OK\0")
    talks = []
    for chunked in (False, True) * 4:
        talk, rest = begin(bed, MESSAGE, chunked, "127.0.0.1")
        talk.send(rest)
        talks.append(talk)
    wait_for(lambda: len([got for got in odd.asked if b"One line" in got]) == 4, "all threads to scan")
    for talk in talks:  # not before: a reset takes along what was not read yet
        tear(talk)
    speak.set()
    bed.send("x@local.example", [ANN], MESSAGE)
    bed.queue_empty()
    assert all(mail.endswith(MESSAGE) for mail in bed.wait_mails(bed.ann))
