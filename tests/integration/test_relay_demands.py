# SPDX-License-Identifier: GPL-3.0-or-later
"""RelayTls, RelayVerify and RelayFingerprint, and the same of an exception, at the wire: what each demands of a relay host that
offers TLS, none, or a certificate of somebody else."""
from bus import variant
from certificates import make_pair
from harness import wait_for
from login_relay import Relay
from test_relay_login import fingerprint

MESSAGE = b"Subject: demands\r\n\r\nhello\r\n"
TAKEN, SECURE = "taken in the clear", "taken under TLS"
RESTS = "the destination does not answer; mail for it waits"
PIN, WRONG = "the relay's fingerprint", "0" * 63 + "1"

# (Tls, Verify, Fingerprint, server by its name or another) -> what becomes of mail where TLS is offered, and where it is not.
ROWS = [
    ("off", "auto", "", "name", TAKEN, TAKEN),
    ("off", "verify", "", "other", TAKEN, TAKEN),
    ("opportunistic", "auto", "", "other", SECURE, TAKEN),
    ("opportunistic", "none", "", "name", SECURE, TAKEN),
    ("opportunistic", "verify", "", "name", SECURE, "4.7.4"),
    ("opportunistic", "fingerprint", PIN, "other", SECURE, "4.7.4"),
    ("starttls", "auto", "", "other", SECURE, "4.7.4"),
    ("starttls", "none", "", "other", SECURE, "4.7.4"),
    ("starttls", "verify", "", "name", SECURE, "4.7.4"),
    ("starttls", "verify", "", "other", "4.7.5", "4.7.4"),
    ("starttls", "fingerprint", PIN, "other", SECURE, "4.7.4"),
    ("starttls", "fingerprint", WRONG, "name", "4.7.5", "4.7.4"),
    ("implicit", "auto", "", "other", SECURE, "4."),
    ("implicit", "verify", "", "name", SECURE, "4."),
    ("implicit", "verify", "", "other", "4.7.5", "4."),
    ("implicit", "fingerprint", PIN, "name", SECURE, "4."),
    ("implicit", "fingerprint", WRONG, "name", "4.7.5", "4."),
]


class Relays:
    """Four relay hosts with one certificate, for relay.example, which is trusted: by STARTTLS or TLS on connect, offered or not."""

    def __init__(self, bed):
        pair = make_pair(bed.folder, "relay")
        self.pin = fingerprint(pair[0])
        environment = bed.postbusd.environment
        bed.postbusd.environment = lambda: {**environment(), "SSL_CERT_FILE": pair[0]}
        self.relays = {(implicit, offered): Relay(bed.ports.take(), pair, implicit=implicit and offered)
                       for implicit in (False, True) for offered in (False, True)}
        for (_, offered), relay in self.relays.items():
            relay.offers = [b"STARTTLS"] if offered else []
            bed.on_close(relay.stop)
        for name in ("relay.example", "other.example"):
            bed.dns.add(name, "A", "127.0.0.1")

    def of(self, tls, offered):
        return self.relays[tls == "implicit", offered]


def row_of(bed, recipient):
    return [row for row in bed.api.rows("Queue") if recipient in repr(row)]


def judge(bed, relay, recipient, expected, what):
    """What becomes of a message to the recipient is what was expected."""
    def fate():
        heard = [secure for line, secure in relay.recipients if f"<{recipient}>".encode() in line]
        if heard and not row_of(bed, recipient):
            return SECURE if heard[-1] else TAKEN
        rows = row_of(bed, recipient)
        return repr(rows) if rows and "'deferred'" in repr(rows) else None
    bed.send("ann@local.example", [recipient], MESSAGE)
    found = wait_for(fate, f"the fate of {what}")
    if expected in (TAKEN, SECURE):
        assert found == expected, (what, found)
    else:
        # Where the same demands were tried on the same host lately, it rests.
        assert expected in found or RESTS in found, (what, found)
        assert not any(f"<{recipient}>".encode() in line for line, _ in relay.recipients), (what, found)


def test_exceptions(bed):
    """Each row as an exception of its own."""
    relays = Relays(bed)
    bed.start()
    for number, (tls, verify, pin, server, offered, absent) in enumerate(ROWS):
        for there, expected in ((True, offered), (False, absent)):
            relay = relays.of(tls, there)
            domain = f"row{number}-{int(there)}.example"
            bed.api.add("RelayExceptions", Name=domain, Kind="recipient", Targets=[domain], Port=relay.port, Tls=tls, Verify=verify,
                        Server="relay.example" if server == "name" else "other.example", Fingerprint=relays.pin if pin == PIN else pin)
            judge(bed, relay, f"x@{domain}", expected, (ROWS[number], there))
    assert not bed.mails(bed.ann), "nothing of this bounces"


def test_general_relay(bed):
    """Each row as the settings of the general relay; what waited goes as soon as they are eased."""
    relays = Relays(bed)
    bed.start()
    for number, (tls, verify, pin, server, offered, absent) in enumerate(ROWS):
        for there, expected in ((True, offered), (False, absent)):
            relay = relays.of(tls, there)
            bed.api.call("Manager", "Apply", "(a{sa{sv}}a{sv})", {"Delivery": {
                "Mode": variant("relay"), "RelayServer": variant("relay.example" if server == "name" else "other.example"),
                "RelayPort": variant(relay.port), "RelayTls": variant(tls), "RelayVerify": variant(verify),
                "RelayFingerprint": variant(relays.pin if pin == PIN else pin)}}, {})
            judge(bed, relay, f"x@row{number}-{int(there)}.example", expected, (ROWS[number], there))
            if expected not in (TAKEN, SECURE):
                easy = relays.of("off", False)
                bed.api.call("Manager", "Apply", "(a{sa{sv}}a{sv})", {"Delivery": {
                    "RelayPort": variant(easy.port), "RelayTls": variant("off"), "RelayVerify": variant("none")}}, {})
                bed.queue_empty()
    assert not bed.mails(bed.ann), "nothing of this bounces"
