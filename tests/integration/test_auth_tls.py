# SPDX-License-Identifier: GPL-3.0-or-later
"""Logins that are tied to their TLS connection (RFC 5802 6, RFC 5929 4, RFC 9266), what TLS lets in, and what STARTTLS forgets."""
import base64
import hashlib
import hmac
import os
import smtplib
import ssl
import subprocess

from test_auth import STRANGER, b64, login, plain, start, talk


def any_certificate(version=None):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if version:
        context.minimum_version = context.maximum_version = version
    return context


def secure(session, version=None):
    """STARTTLS on a talk, and EHLO again. Returns what is offered then."""
    session.expect("STARTTLS", 220)
    session.sock = any_certificate(version).wrap_socket(session.sock)
    return session.ehlo()


def digest(key, text):
    return hmac.digest(key, text, "sha256")


def scram(session, user, password, gs2=b"n,,", binding=b"", mechanism="SCRAM-SHA-256"):
    """A client of its own hand, which may lie. The code of the last reply; the server's proof must be right."""
    bare = b"n=" + user.encode() + b",r=" + b64(os.urandom(12)).encode()
    code, text = session.command(f"AUTH {mechanism} {b64(gs2 + bare)}")
    if code != 334:
        return code
    first = base64.b64decode(text)
    given = dict(part.split(b"=", 1) for part in first.split(b","))
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(given[b"s"]), int(given[b"i"]))
    key = digest(salted, b"Client Key")
    final = b"c=" + b64(gs2 + binding).encode() + b",r=" + given[b"r"]
    signed = bare + b"," + first + b"," + final
    signature = digest(hashlib.sha256(key).digest(), signed)
    proof = bytes(one ^ other for one, other in zip(key, signature))
    code, text = session.command(b64(final + b",p=" + b64(proof).encode()))
    if code != 334:
        return code
    assert base64.b64decode(text) == b"v=" + b64(digest(digest(salted, b"Server Key"), signed)).encode()
    return session.command("")[0]


def end_point(session):
    """RFC 5929 4.1: the certificate's hash, by the hash of its signature, which is SHA-256 here."""
    return hashlib.sha256(session.sock.getpeercert(binary_form=True)).digest()


def test_what_tls_lets_in(bed):
    start(bed, in_the_clear=False)
    with talk(bed) as session:
        session.expect("AUTH PLAIN " + plain("ann", "sesame"), 538)
        assert "AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN" in secure(session)
        session.expect("AUTH PLAIN " + plain("ann", "sesame"), 235)
    with smtplib.SMTP("127.0.0.1", bed.submission_port, source_address=(STRANGER, 0), timeout=240) as client:
        client.starttls(context=any_certificate())
        client.login("ann", "sesame")
        client.sendmail("ann@local.example", ["ann@local.example"], b"Subject: x\r\n\r\nx\r\n")
    message, = bed.wait_mails(bed.ann)
    assert b"with ESMTPSA id" in message, message
    bed.wait_logged(b"login account=ann mechanism=PLAIN client=127.0.0.9 helo=client.example tls=TLSv1.3")


def test_end_point(bed):
    """Bound to the server's certificate, by both versions; what is bound to another, or lies about it, is refused."""
    start(bed)
    plus = {"mechanism": "SCRAM-SHA-256-PLUS"}
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        def secured(version=version):
            session = talk(bed, "127.0.0.1")
            secure(session, version)
            return session

        with secured() as session:
            assert scram(session, "ann", "sesame", b"p=tls-server-end-point,,", end_point(session), **plus) == 235
        for gs2, data, code in ((b"p=tls-server-end-point,,", b"\0" * 32, 535), (b"p=tls-server-end-point,,", b"", 535),
                                (b"p=tls-exporter,,", b"\0" * 32, 535), (b"p=tls-unique,,", b"\0" * 12, 535),
                                (b"n,,", b"", 501), (b"y,,", b"", 501)):
            with secured() as session:
                assert scram(session, "ann", "sesame", gs2, data, **plus) == code, gs2
        with secured() as session:
            assert scram(session, "ann", "Sesame", b"p=tls-server-end-point,,", end_point(session), **plus) == 535
        # Who could bind, and says that it was not offered to, talks to somebody in between.
        with secured() as session:
            assert scram(session, "ann", "sesame", b"y,,") == 535
            assert scram(session, "ann", "sesame", b"n,,") == 235
    with talk(bed) as session:
        assert scram(session, "ann", "sesame", b"y,,") == 235  # in the clear nobody could


def test_exporter(bed):
    """GNU SASL's client binds to tls-exporter."""
    start(bed)

    def gsasl(password):
        return subprocess.run(["gsasl", "--smtp", "--connect", f"127.0.0.1:{bed.port}", "--starttls", "--x509-ca-file=",
                               "-m", "SCRAM-SHA-256-PLUS", "-a", "ann", "-z", "", f"--password={password}"],
                              capture_output=True, text=True, timeout=240, check=False, stdin=subprocess.DEVNULL)

    run = gsasl("sesame")
    assert run.returncode == 0 and b64(b"p=tls-exporter")[:16] in run.stdout, run
    assert gsasl("Sesame").returncode != 0
    bed.wait_logged(b"mechanism=SCRAM-SHA-256-PLUS")


def test_starttls_forgets(bed):
    """RFC 3207 4.2: a login before it counts no more."""
    start(bed)
    with talk(bed, port=bed.submission_port) as session:
        session.expect("AUTH PLAIN " + plain("ann", "sesame"), 235)
        secure(session)
        session.expect("MAIL FROM:<ann@local.example>", 530)
        session.expect("AUTH PLAIN " + plain("ann", "sesame"), 235)
        session.expect("MAIL FROM:<ann@local.example>", 250)
    assert login(bed, "ann", "sesame") == 235
