# SPDX-License-Identifier: GPL-3.0-or-later
"""As a client: what a relay host, or somebody in its name, sends in the clear behind its 220 to STARTTLS, cut at every octet
(RFC 3207 4.2). It is no answer to anything, and nothing more is said in the clear."""
import socket

from harness import wait_for

GO = b"220 2.0.0 go\r\n"
INJECTED = GO + b"250-mail.evil.example\r\n250 AUTH PLAIN\r\n250 2.1.0 ok\r\n"
MESSAGE = b"Subject: secret\r\n\r\nsecret\r\n"


def client_has_read(port, own_port):
    """Whether nothing waits to be read on the other side of the connection."""
    with open("/proc/net/tcp", encoding="ascii") as table:
        for line in table:
            fields = line.split()
            if fields[1].endswith(f":{own_port:04X}") and fields[2].endswith(f":{port:04X}"):
                return fields[4].endswith(":00000000")
    return True


def serve(listener, cut):
    """One dialogue with two segments behind STARTTLS. Returns: all that the client said after it."""
    connection, peer = listener.accept()
    connection.settimeout(240)
    with connection, connection.makefile("rb") as lines:
        connection.sendall(b"220 relay.example ESMTP\r\n")
        assert lines.readline().startswith(b"EHLO ")
        connection.sendall(b"250-relay.example\r\n250-PIPELINING\r\n250 STARTTLS\r\n")
        assert lines.readline() == b"STARTTLS\r\n"
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(INJECTED[:cut])
        wait_for(lambda: client_has_read(listener.getsockname()[1], peer[1]), "the first segment to be read", tick=0.001)
        said = b""
        try:
            connection.sendall(INJECTED[cut:])
            while more := lines.read1(65536):
                said += more
        except ConnectionError:
            pass
        return said


def test_injected_at_every_cut(bed):
    bed.start()
    bed.api.set("Delivery", "RelayServer", "s", "127.0.0.1")
    bed.api.set("Delivery", "RelayTls", "s", "starttls")
    bed.api.set("Delivery", "Mode", "s", "relay")
    for number, cut in enumerate(range(1, len(INJECTED) + 1), 1):
        # Each on a port of its own: a destination that fails is left alone for a while.
        with socket.create_server(("127.0.0.1", bed.ports.take())) as listener:
            listener.settimeout(240)
            bed.api.set("Delivery", "RelayPort", "u", listener.getsockname()[1])
            bed.send("ann@local.example", ["far@away.example"], MESSAGE)
            said = serve(listener, cut)
            # Nothing, a handshake that comes to nothing, or the alert that says so.
            assert said[:1] in (b"", b"\x15", b"\x16"), (cut, said)
            assert b"MAIL" not in said and b"EHLO" not in said and b"secret" not in said, (cut, said)
        bed.wait_deferred(number)
    assert bed.api.statistics().get("delivered", 0) == 0
