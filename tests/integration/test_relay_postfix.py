# SPDX-License-Identifier: GPL-3.0-or-later
"""A real relay host: Postfix with STARTTLS and logins, and smtp-sink with each of its faults."""
import os
import subprocess

from bus import variants
from certificates import make_pair, openssl
from harness import strip_trace, wait_for
from postfix import Postfix

MESSAGE = b"From: ann@local.example\r\nTo: far@away.example\r\nSubject: out\r\n\r\n.dot\r\nthe end\r\n"
PASSWORD = b"wonderful,=pass"


def prepare(bed, mechanisms="scram-sha-256 plain login", trusted=True):
    """Postfix behind the name relay.example, whose certificate is trusted or not. Returns Postfix and the sink behind it."""
    certificate, key = make_pair(bed.folder, "relay")
    os.environ["SSL_CERT_FILE"] = certificate if trusted else make_pair(bed.folder, "other")[0]
    sink = bed.sink()
    postfix = Postfix(bed, sink, certificate, key, mechanisms)
    postfix.add_user("bob", PASSWORD)
    bed.dns.add("relay.example", "A", "127.0.0.1")
    bed.start()
    bed.api.set("Queueing", "MinBackoff", "u", 1)
    bed.api.set("Queueing", "MaxBackoff", "u", 1)
    demand(bed, postfix, RelayTls="starttls")
    return postfix, sink, certificate


def demand(bed, postfix, **settings):
    """Relays everything to Postfix as settings say, at one stroke."""
    values = {"Mode": "relay", "RelayServer": "relay.example", "RelayPort": postfix.port, **settings}
    for name, value in values.items():
        kind = {bool: "b", int: "u", str: "s"}[type(value)]
        bed.api.set("Delivery", name, kind, value)


def log_in(bed, postfix, password=PASSWORD, **settings):
    demand(bed, postfix, RelayUser="bob", RelayAuth=True, **settings)
    bed.api.call("Manager", "SetRelaySecret", "(say)", "general", password)


def send(bed):
    bed.send("ann@local.example", ["far@away.example"], MESSAGE)


def last_reply(bed):
    """What the queue says of the first recipient that waits."""
    rows = bed.api.rows("Queue")
    return str(rows[0]) if rows else ""


def wait_reply(bed, words):
    return wait_for(lambda: words in last_reply(bed) and last_reply(bed), f"'{words}' in the queue")


def body_of(message):
    return strip_trace(message.body)


def check_login(bed, mechanism):
    postfix, sink, _ = prepare(bed, mechanism)
    log_in(bed, postfix)
    send(bed)
    [message] = sink.wait_messages(1)
    body, trace = body_of(message)
    assert body == MESSAGE
    assert b"ESMTPSA" in trace and b"Authenticated sender: bob" in trace, trace
    bed.queue_empty()
    wait_for(lambda: b" tls=TLSv1.3 status=2.0.0" in bed.postbusd.stderr(), "the line of the log")


def test_scram(bed):
    check_login(bed, "scram-sha-256")


def test_plain(bed):
    check_login(bed, "plain")


def test_login(bed):
    check_login(bed, "login")


def test_wrong_password_waits(bed):
    postfix, sink, _ = prepare(bed)
    log_in(bed, postfix, b"wrong")
    send(bed)
    wait_reply(bed, "535 ")
    # Nobody gets it back; the right password sends it on its way.
    bed.api.call("Manager", "SetRelaySecret", "(say)", "general", PASSWORD)
    assert body_of(sink.wait_messages(1)[0])[0] == MESSAGE
    bed.queue_empty()
    assert not bed.mails(bed.ann)


def test_no_login_is_refused_by_the_relay(bed):
    _, sink, _ = prepare(bed)
    send(bed)
    # What Postfix says of the recipient is its last word.
    [notice] = bed.wait_mails(bed.ann, 1)
    assert b"554 5.7.1" in notice and not sink.messages
    bed.queue_empty()


def test_untrusted_certificate_waits(bed):
    postfix, sink, certificate = prepare(bed, trusted=False)
    log_in(bed, postfix)
    send(bed)
    wait_reply(bed, "4.7.5")
    with open(os.path.join(bed.folder, "key.pem"), "wb") as file:
        file.write(subprocess.run(["openssl", "x509", "-in", certificate, "-noout", "-pubkey"], capture_output=True,
                                  check=True).stdout)
    openssl("pkey", "-pubin", "-in", file.name, "-outform", "der", "-out", file.name + ".der")
    fingerprint = subprocess.run(["sha256sum", file.name + ".der"], capture_output=True, text=True,
                                 check=True).stdout.split()[0]
    bed.api.set("Delivery", "RelayFingerprint", "s", fingerprint)
    bed.api.set("Delivery", "RelayVerify", "s", "fingerprint")
    bed.api.call("Manager", "SetRelaySecret", "(say)", "general", PASSWORD)
    assert body_of(sink.wait_messages(1)[0])[0] == MESSAGE
    bed.queue_empty()


def test_other_name_waits(bed):
    postfix, sink, _ = prepare(bed)
    bed.dns.add("alias.example", "A", "127.0.0.1")
    demand(bed, postfix, RelayServer="alias.example", RelayVerify="verify")
    send(bed)
    assert "mismatch" in wait_reply(bed, "4.7.5")
    assert not sink.messages


def test_large_by_bdat(bed):
    postfix, sink, _ = prepare(bed)
    log_in(bed, postfix)
    large = MESSAGE + b".line of a large message, with a dot in front of it\r\n" * 20000
    bed.send("ann@local.example", ["far@away.example"], large)
    [message] = sink.wait_messages(1)
    assert body_of(message)[0] == large
    bed.queue_empty()


# ---- smtp-sink and its faults ----

DELIVERED, DEFERRED, BOUNCED = "delivered", "deferred", "bounced"

FAULTS = [
    ([], DELIVERED),
    (["-8", "-a", "-E", "-N", "-p"], DELIVERED),
    (["-e"], DELIVERED),
    (["-P"], DELIVERED),
    (["-w", "1"], DELIVERED),
    (["-r", "connect"], DEFERRED),
    (["-r", "ehlo"], DEFERRED),
    (["-r", "mail"], DEFERRED),
    (["-r", "rcpt"], DEFERRED),
    (["-r", "data"], DEFERRED),
    (["-r", "."], DEFERRED),
    (["-f", "connect"], DEFERRED),
    (["-f", "ehlo"], DELIVERED),
    (["-f", "ehlo,helo"], DEFERRED),
    (["-f", "mail"], BOUNCED),
    (["-f", "rcpt"], BOUNCED),
    (["-f", "data"], BOUNCED),
    (["-f", "."], BOUNCED),
    (["-f", "quit"], DELIVERED),
    (["-q", "connect"], DEFERRED),
    (["-q", "ehlo"], DEFERRED),
    (["-q", "mail"], DEFERRED),
    (["-q", "rcpt"], DEFERRED),
    (["-q", "data"], DEFERRED),
    (["-q", "."], DEFERRED),
    (["-q", "quit"], DELIVERED),
    (["-Q", "connect"], DEFERRED),
    (["-Q", "ehlo"], DEFERRED),
    (["-Q", "mail"], DEFERRED),
    (["-Q", "rcpt"], DEFERRED),
    (["-Q", "data"], DEFERRED),
    (["-Q", "."], DEFERRED),
    (["-A", "0"], BOUNCED),
]


class SmtpSink:
    """Postfix' smtp-sink with its switches."""

    def __init__(self, bed, switches):
        self.port = bed.ports.take()
        self.path = os.path.join(bed.folder, f"sink-{self.port}")
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        with open(self.path, "wb") as output:
            self.process = subprocess.Popen(["smtp-sink", *user, "-c", *switches, f"127.0.0.1:{self.port}", "100"],
                                            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.DEVNULL)
        bed.on_close(self.stop)
        wait_for(lambda: not bed.ports.free("127.0.0.1", self.port), "smtp-sink")

    def taken(self):
        with open(self.path, "rb") as file:
            counts = file.read().split(b"mesg=")
        return int(counts[-1].split()[0]) if len(counts) > 1 else 0

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait()


def outcome(bed, notices, sink):
    """What has become of the one message, once it has: nothing of it is lost on the way."""
    counts = [bed.api.get("Queue", name) for name in ("Active", "Deferred")]
    bed.postbusd.check_alive()
    if counts == [0, 1]:
        return DEFERRED
    if counts != [0, 0]:
        return None
    if len(bed.mails(bed.ann)) > notices:
        return BOUNCED
    return DELIVERED if sink.taken() else None


def test_smtp_sink_faults(bed):
    bed.start()
    bed.api.set("Delivery", "RelayServer", "s", "127.0.0.1")
    bed.api.set("Delivery", "Mode", "s", "relay")
    notices = 0
    for switches, expected in FAULTS:
        sink = SmtpSink(bed, switches)
        bed.api.set("Delivery", "RelayPort", "u", sink.port)
        send(bed)
        found = wait_for(lambda s=sink, n=notices: outcome(bed, n, s), f"an outcome with {switches}")
        assert found == expected, f"smtp-sink {switches}: {found}, not {expected}: {last_reply(bed)}"
        notices += found == BOUNCED
        if found == DEFERRED:
            bed.api.call("Queue", "Remove", "(a{sv}b)", variants({"All": True}), False)
            bed.queue_empty()
        sink.stop()
