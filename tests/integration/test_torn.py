# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions that are torn off while their message is judged, scanned, sealed or signed: nothing is lost but that message."""
import socket
import struct
import threading

import scanner
from harness import wait_for
from stub_dns import SILENCE
from test_antivirus import scan_with
from test_results import STRANGER, all_checks, signed
from test_signing import MESSAGE, add_key

ANN = "ann@local.example"


def start(bed, answer=b"stream: OK\0"):
    """Everything that looks at mail is on, and mail for away.example leaves with a seal or a signature."""
    bed.start()
    all_checks(bed)
    bed.api.set("MailAuth", "ArcEnabled", "b", True)
    add_key(bed)
    odd = scanner.Odd(bed, answer)
    scan_with(bed, odd.address, OnFailure="accept")
    return odd


def tear(talk):
    """Ends a connection with a reset."""
    talk.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    talk.close()


def conversation(message, chunked, sender):
    head = f"MAIL FROM:<{sender}>\r\nRCPT TO:<{ANN}>\r\n".encode()
    if not chunked:
        return head, b"DATA\r\n", message + b"\r\n.\r\nQUIT\r\n"
    half = len(message) // 2
    return head, b"", (b"BDAT %d\r\n" % half + message[:half] + b"RSET\r\n" + head
                       + b"BDAT %d\r\n" % half + message[:half]
                       + b"BDAT %d LAST\r\n" % (len(message) - half) + message[half:] + b"QUIT\r\n")


def test_cut_at_every_octet(bed):
    """However much of the message came, whatever was under way: the server goes on, and whole messages come through whole."""
    start(bed)
    text = signed(bed)
    step = 7
    for source in (STRANGER, "127.0.0.1"):
        for chunked in (False, True):
            head, go, rest = conversation(text, chunked, "x@local.example")
            for end in range(0, len(rest) + 1, step):
                with bed.talk(source=source) as talk:
                    talk.ehlo()
                    talk.send(head)
                    for _ in range(2):
                        talk.reply()
                    if go:
                        talk.send(go)
                        assert talk.reply()[0] == 354
                    talk.send(rest[:end])
                    if end % 2:
                        tear(talk)
    bed.postbusd.check_alive()
    before = len(bed.mails(bed.ann))
    bed.send("x@local.example", [ANN], text, source=STRANGER)
    bed.wait_mails(bed.ann, before + 1)
