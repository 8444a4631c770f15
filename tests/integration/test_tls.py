# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS on the server's side: STARTTLS and from the first octet on, what is forgotten and refused, and which certificate is shown."""
import base64
import os
import re
import shutil
import smtplib
import socket
import ssl
import subprocess

from certificates import make_pair, openssl
from clock import Clock
from gi.repository import GLib
from harness import wait_for
from smtp_talk import Talk

MESSAGE = b"Subject: over TLS\r\n\r\nhello\r\n"


def start(bed, *roles):
    """Starts with listeners of these roles beside; returns their ports."""
    ports = [bed.ports.take() for _ in roles]
    arguments = bed.postbusd.arguments
    bed.postbusd.arguments = lambda: [
        *arguments(), *(f"--listen={role}:127.0.0.1:{port}" for role, port in zip(roles, ports))]
    bed.start()
    return ports


def context(version=None, **options):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    if version:
        made.minimum_version = made.maximum_version = version
    for name, value in options.items():
        setattr(made, name, value)
    return made


def secure(talk, version=None, name="mail.local.example"):
    """The handshake on a talk whose server is ready for it."""
    assert not talk.buffer
    talk.sock = context(version).wrap_socket(talk.sock, server_hostname=name)
    return talk


def starttls(port, version=None, **options):
    talk = Talk(port, **options)
    assert "STARTTLS" in talk.ehlo()
    talk.expect("STARTTLS", 220, "2.0.0")
    return secure(talk, version)


def fingerprint(port):
    with starttls(port) as talk:
        der = talk.sock.getpeercert(binary_form=True)
    return subprocess.run(["sha256sum"], input=der, stdout=subprocess.PIPE, check=True).stdout[:64].decode()


def shown(bed, name):
    return bed.api.get("Certificate", name)


def of_file(chain):
    text = subprocess.run(["openssl", "x509", "-in", chain, "-noout", "-fingerprint", "-sha256"], check=True,
                          stdout=subprocess.PIPE).stdout.decode()
    return text.split("=")[1].strip().replace(":", "").lower()


def use(bed, chain, key):
    bed.api.call("Manager", "Apply", "(a{sa{sv}}a{sv})",
                 {"Tls": {"CertificateFile": GLib.Variant("s", chain), "KeyFile": GLib.Variant("s", key)}}, {})


def refusal(call, *arguments):
    try:
        call(*arguments)
    except Exception as error:  # bus.Refused, whatever its name
        return f"{getattr(error, 'name', '')} {getattr(error, 'text', error)}"
    raise AssertionError("was taken")


def test_starttls_and_received(bed):
    bed.start()
    for version, name in ((ssl.TLSVersion.TLSv1_2, b"TLSv1.2"), (ssl.TLSVersion.TLSv1_3, b"TLSv1.3")):
        with starttls(bed.port, version) as talk:
            assert "STARTTLS" not in talk.ehlo()
            talk.expect("STARTTLS", 503, "5.5.1")
            talk.mail("a@b.example", ["ann@local.example"], MESSAGE)
            cipher = talk.sock.cipher()[0].encode()
            talk.expect("QUIT", 221)
            assert talk.at_end() == b""
        mail = bed.wait_mails(bed.ann)[0]
        assert b" with ESMTPS id " in mail and b"(using " + name + b" with cipher " + cipher + b")" in mail, mail
        for path in (bed.maildir(bed.ann) / "new").iterdir():
            path.unlink()
    counters = bed.api.call("Statistics", "Snapshot")[0]
    assert counters["tls.in"] == 2, counters


def test_state_is_forgotten(bed):
    bed.start()
    with Talk(bed.port) as talk:
        talk.ehlo()
        talk.expect("STARTTLS now", 501, "5.5.4")
        talk.expect("MAIL FROM:<a@b.example>", 250)
        talk.expect("STARTTLS", 220)
        secure(talk)
        talk.expect("MAIL FROM:<a@b.example>", 503, "5.5.1")
        talk.ehlo()
        talk.expect("RCPT TO:<ann@local.example>", 503)
        talk.mail("a@b.example", ["ann@local.example"], MESSAGE)


def test_injection_behind_starttls(bed):
    """Whatever the cut, a command in the clear behind STARTTLS is neither answered nor kept."""
    bed.start()
    attack = b"STARTTLS\r\nMAIL FROM:<evil@b.example>\r\n"
    for policy in ("enforce", "off"):
        bed.api.set("Advanced", "RejectUnauthorizedPipelining", "s", policy)
        with Talk(bed.port) as talk:
            talk.ehlo()
            talk.send(attack)
            code, _ = talk.reply()
            assert code == 554 and talk.at_end() == b"", (policy, code)
    for cut in range(1, len(attack)):
        with Talk(bed.port) as talk:
            talk.ehlo()
            talk.send(attack[:cut])
            if cut >= len(b"STARTTLS\r\n"):
                assert talk.reply()[0] in (220, 554)
            talk.send(attack[cut:])
            rest = talk.at_end()
            assert b"250" not in rest, (cut, rest)
    bed.send("a@b.example", ["ann@local.example"], MESSAGE)


def test_implicit(bed):
    port, = start(bed, "submissions")
    with smtplib.SMTP_SSL("127.0.0.1", port, context=context(), timeout=240) as client:
        client.ehlo("client.example")
        assert not client.has_extn("starttls")
        assert client.docmd("STARTTLS")[0] == 503
        assert not client.sendmail("a@b.example", ["ann@local.example"], MESSAGE)
    assert b"with ESMTPS" in bed.wait_mails(bed.ann)[0]


def test_s_client_and_swaks(bed):
    port, = start(bed, "submissions")
    for arguments in (["-starttls", "smtp", "-connect", f"127.0.0.1:{bed.port}"], ["-connect", f"127.0.0.1:{port}"]):
        client = subprocess.Popen(["openssl", "s_client", "-quiet", "-crlf", *arguments], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        if "-starttls" not in arguments:
            assert client.stdout.readline().startswith(b"220 ")
        output = client.communicate(b"QUIT\n", timeout=240)[0]
        assert b"221 2.0.0" in output, output
    if shutil.which("swaks"):
        for arguments in (["--tls", "--port", str(bed.port)], ["--tls-on-connect", "--port", str(port)]):
            done = subprocess.run(["swaks", "--server", "127.0.0.1", "--from", "a@b.example", "--to", "ann@local.example",
                                   *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=240)
            assert done.returncode == 0, done.stdout
        bed.wait_mails(bed.ann, 2)


def test_min_version(bed):
    """Turned on the bus, seen on the wire by the next client."""
    bed.start()
    starttls(bed.port, ssl.TLSVersion.TLSv1_2).close()
    bed.api.set("Tls", "MinVersion", "s", "1.3")
    try:
        starttls(bed.port, ssl.TLSVersion.TLSv1_2).close()
        raise AssertionError("TLS 1.2 was taken")
    except ssl.SSLError as error:
        assert "version" in str(error).lower(), error
    starttls(bed.port, ssl.TLSVersion.TLSv1_3).close()
    wait_for(lambda: re.search(rb'tls-failed.*unsupported protocol', bed.postbusd.stderr()), "the line of the log")
    bed.api.set("Tls", "MinVersion", "s", "1.2")
    starttls(bed.port, ssl.TLSVersion.TLSv1_2).close()


def test_garbage_and_half_handshakes(bed):
    port, = start(bed, "submissions")
    hello = ssl.MemoryBIO()
    try:
        context().wrap_bio(ssl.MemoryBIO(), hello, server_hostname="x.example").do_handshake()
    except ssl.SSLWantReadError:
        pass
    hello = hello.read()
    for octets in (b"EHLO client.example\r\n", b"GET / HTTP/1.0\r\n\r\n", os.urandom(4000), b"\0" * 4000,
                   b"\x16\x03\x01\xff\xff" + b"x" * 4000, hello[:20], hello[:-1], hello):
        for at in (port, bed.port):
            talk = Talk(at, greet=at != port)
            if at != port:
                talk.ehlo()
                talk.expect("STARTTLS", 220)
            talk.send(octets)
            talk.sock.shutdown(socket.SHUT_WR)
            rest = talk.at_end()
            # As a reply, at the beginning of a line: among the random octets of a handshake stands anything.
            assert not re.search(rb"(^|\n)(220|500)[ -]", rest), rest
            talk.close()
    wait_for(lambda: bed.postbusd.stderr().count(b"tls-failed ") == 16, "a line for each")
    smtplib.SMTP_SSL("127.0.0.1", port, context=context(), timeout=240).quit()


def test_renegotiation_ends_the_session(bed):
    bed.start()
    client = subprocess.Popen(["openssl", "s_client", "-tls1_2", "-starttls", "smtp", "-connect", f"127.0.0.1:{bed.port}"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    client.stdin.write(b"R\n")
    client.stdin.flush()
    output = client.communicate(timeout=240)[0]
    assert b"RENEGOTIATING" in output, output
    wait_for(lambda: b"renegotiation" in bed.postbusd.stderr(), "the line of the log")
    starttls(bed.port).close()


def test_many_silent_clients(bed):
    port, = start(bed, "submissions")
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(100)]
    for each in silent[::2]:
        each.sendall(b"\x16\x03\x01")
    with smtplib.SMTP_SSL("127.0.0.1", port, context=context(), timeout=240) as client:
        assert client.noop()[0] == 250
    for each in silent:
        each.close()


def test_self_signed_at_first_start(bed):
    bed.start()
    path = os.path.join(bed.state, "tls", "self-signed.pem")
    wait_for(lambda: shown(bed, "Names") == ["mail.local.example"], "the certificate with the new name")
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert shown(bed, "Source") == "self-signed" and shown(bed, "SelfSigned")
    assert shown(bed, "Subject") == shown(bed, "Issuer") == "CN=mail.local.example"
    assert shown(bed, "NotAfter") - shown(bed, "NotBefore") > 9 * 365 * 86400
    first = fingerprint(bed.port)
    assert first == shown(bed, "Fingerprint")
    bed.postbusd.restart()
    assert fingerprint(bed.port) == first, "the same after a restart"


def test_files_are_followed(bed):
    """As certbot does it (links turned), and by renaming over; one file after the other."""
    bed.start()
    folder = os.path.join(bed.folder, "live")
    os.mkdir(folder)
    first, second, third = (make_pair(bed.folder, name, kind=kind) for name, kind in (
        ("one", ("rsa", "rsa_keygen_bits:2048")), ("two", ("ec", "ec_paramgen_curve:P-256")),
        ("three", ("ec", "ec_paramgen_curve:P-384"))))
    links = [os.path.join(folder, name) for name in ("chain.pem", "key.pem")]
    for link, target in zip(links, first):
        os.symlink(os.path.relpath(target, folder), link)
    use(bed, *links)
    assert shown(bed, "Source") == "file" and fingerprint(bed.port) == of_file(first[0])
    talk = starttls(bed.port)
    for link, target in zip(links, second):
        os.symlink(target, link + ".new")
        os.rename(link + ".new", link)
        assert fingerprint(bed.port) in (of_file(first[0]), of_file(second[0]))
    wait_for(lambda: fingerprint(bed.port) == of_file(second[0]), "the second pair")
    for link, target in zip(reversed(links), reversed(third)):
        os.rename(target, link)
    wait_for(lambda: shown(bed, "Names") == ["three.example"], "the third pair")
    talk.ehlo()
    talk.expect("QUIT", 221)
    # What belongs to nothing stays out, and is named.
    kept = fingerprint(bed.port)
    with open(links[1], "w") as file:
        file.write("no key\n")
    wait_for(lambda: re.search(rb"certificate-refused.*Tls.KeyFile.*no private key", bed.postbusd.stderr()), "the complaint")
    assert fingerprint(bed.port) == kept
    use(bed, "", "")
    assert shown(bed, "Source") == "self-signed"


def test_bad_pairs_are_refused(bed):
    bed.start()
    chain, key = make_pair(bed.folder, "good")
    other, other_key = make_pair(bed.folder, "other")
    old, old_key = make_old(bed)
    locked = os.path.join(bed.folder, "locked.key")
    openssl("pkey", "-in", key, "-aes256", "-passout", "pass:x", "-out", locked)
    text = os.path.join(bed.folder, "text.pem")
    with open(text, "w") as file:
        file.write("hello\n")
    before = fingerprint(bed.port)
    for pair, words in (
            ((chain, other_key), "Tls.CertificateFile: .*does not belong to the private key"),
            ((chain, locked), "Tls.KeyFile: .*passphrase"), ((chain, text), "Tls.KeyFile: .*no private key"),
            ((text, key), "Tls.CertificateFile: .*no certificate"), ((old, old_key), "Tls.CertificateFile: .*has expired: .*2020"),
            ((chain, "/nonexistent/key"), "Tls.KeyFile: .*No such file"), ((bed.folder, key), "Tls.CertificateFile: .*is no file"),
            ((other, key), "Tls.CertificateFile: .*does not belong")):
        error = refusal(use, bed, *pair)
        assert re.search("InvalidValue " + words, error), (pair, error)
    assert re.search("Tls.CertificateFile", refusal(bed.api.set, "Tls", "CertificateFile", "s", text))
    assert bed.api.get("Tls", "CertificateFile") == "" and fingerprint(bed.port) == before


def make_old(bed):
    chain, key = make_pair(bed.folder, "old")
    request = os.path.join(bed.folder, "old.csr")
    openssl("req", "-new", "-key", key, "-subj", "/CN=old.example", "-out", request)
    database = os.path.join(bed.folder, "ca")
    os.mkdir(database)
    for name, content in (("index", ""), ("serial", "01\n"), ("conf", (
            "[ca]\ndefault_ca=c\n[c]\ndatabase=%s/index\nserial=%s/serial\nnew_certs_dir=%s\ndefault_md=sha256\n"
            "policy=p\n[p]\ncommonName=supplied\n") % ((database,) * 3))):
        with open(os.path.join(database, name), "w") as file:
            file.write(content)
    openssl("ca", "-batch", "-selfsign", "-config", os.path.join(database, "conf"), "-keyfile", key, "-in", request,
            "-out", chain, "-notext", "-startdate", "20200101000000Z", "-enddate", "20200201000000Z")
    return chain, key


def test_import(bed):
    bed.start()
    chain, key = (open(path, "rb").read() for path in make_pair(bed.folder, "imported"))
    other = open(make_pair(bed.folder, "other")[1], "rb").read()
    old, old_key = (open(path, "rb").read() for path in make_old(bed))
    for pair, words in (((chain, other), "does not belong"), ((b"", key), "chain: holds no certificate"),
                        ((chain, b"x"), "key: holds no private key"), ((old, old_key), "has expired: .*2020-02-01")):
        error = refusal(bed.api.call, "Tls", "Import", "(ayay)", *pair)
        assert re.search("InvalidValue Tls.Import: .*" + words, error), error
    assert "TooLarge" in refusal(bed.api.call, "Tls", "Import", "(ayay)", b"x" * 300000, key)
    bed.api.call("Tls", "Import", "(ayay)", chain + b"\0", key + b"\0")
    assert shown(bed, "Source") == "imported" and shown(bed, "Subject") == "CN=imported.example"
    assert fingerprint(bed.port) == shown(bed, "Fingerprint")
    path = bed.api.get("Tls", "CertificateFile")
    assert path.startswith(bed.state) and os.stat(path).st_mode & 0o777 == 0o600
    rows = bed.api.call("Audit", "List", "(uu)", 0, 1)[1]
    assert "Tls" in str(rows), rows
    bed.wait_logged(b"certificate-imported")
    assert base64.b64encode(key[40:80]) not in bed.postbusd.stderr() and key[40:80] not in bed.postbusd.stderr()
    bed.postbusd.restart()
    assert shown(bed, "Source") == "imported" and fingerprint(bed.port) == shown(bed, "Fingerprint")


def test_import_twice_keeps_two(bed):
    """The pair before stays for Revert; older ones go."""
    bed.start()
    seen = []
    for name in ("one", "two", "three"):
        pair = [open(path, "rb").read() for path in make_pair(bed.folder, name)]
        bed.api.call("Tls", "Import", "(ayay)", *pair)
        seen.append(bed.api.get("Tls", "CertificateFile"))
    assert [os.path.exists(path) for path in seen] == [False, True, True]
    bed.api.call("Manager", "Revert", "(t)", bed.api.get("Manager", "Revision") - 1)
    assert shown(bed, "Subject") == "CN=two.example" and fingerprint(bed.port) == shown(bed, "Fingerprint")


def test_folder_links_are_followed(bed):
    """A link that turns on the way to the files, as Kubernetes does it."""
    bed.start()
    for name in ("one", "two"):
        os.mkdir(os.path.join(bed.folder, name))
        make_pair(os.path.join(bed.folder, name), name, files=("chain.pem", "key.pem"))
    link = os.path.join(bed.folder, "now")
    os.symlink("one", link)
    use(bed, os.path.join(link, "chain.pem"), os.path.join(link, "key.pem"))
    assert shown(bed, "Names") == ["one.example"]
    os.symlink("two", link + ".new")
    os.rename(link + ".new", link)
    wait_for(lambda: shown(bed, "Names") == ["two.example"], "the second pair")


def test_login_under_tls(bed):
    """PLAIN is offered there, the trace says ESMTPSA, and a login in the clear is forgotten."""
    bed.start()
    bed.api.call("Accounts", "SetPassword", "(say)", bed.ann, b"sesame")
    plain = base64.b64encode(b"\0ann\0sesame").decode()
    with Talk(bed.port, "127.0.0.9") as talk:
        assert not any("PLAIN" in line for line in talk.ehlo())
        talk.expect("AUTH PLAIN " + plain, 538, "5.7.11")
        talk.expect("STARTTLS", 220)
        secure(talk)
        assert any("SCRAM-SHA-256-PLUS" in line and "PLAIN" in line for line in talk.ehlo())
        talk.expect("AUTH PLAIN " + plain, 235)
        talk.mail("ann@local.example", ["ann@local.example"], MESSAGE)
    assert b" with ESMTPSA id " in bed.wait_mails(bed.ann)[0]
    bed.api.set("General", "AuthPlaintextNeedsTls", "b", False)
    with Talk(bed.port, "127.0.0.9") as talk:
        talk.ehlo()
        talk.expect("AUTH PLAIN " + plain, 235)
        talk.expect("STARTTLS", 220)
        secure(talk)
        talk.ehlo()
        talk.expect("MAIL FROM:<x@far.example>", 250)
        talk.expect("RCPT TO:<far@far.example>", 554, "5.7.1")


def test_slowed_starttls(bed):
    """A reply that is put off is the last in the clear all the same."""
    bed.start()
    bed.api.set("Advanced", "MaxJunkCommands", "u", 10)
    with Talk(bed.port, "127.0.0.9") as talk:
        talk.ehlo()
        for _ in range(19):
            talk.command("RSET")
        for _ in range(12):
            code, _ = talk.command("BANANA")
            assert code == 500
        talk.expect("STARTTLS", 220)
        secure(talk)
        talk.ehlo()
        talk.expect("QUIT", 221)


def test_sessions_are_resumed(bed):
    bed.start()
    made = context(ssl.TLSVersion.TLSv1_3)
    session = None
    for resumed in (False, True):
        with Talk(bed.port) as talk:
            talk.ehlo()
            talk.expect("STARTTLS", 220)
            talk.sock = made.wrap_socket(talk.sock, session=session)
            talk.ehlo()
            session = talk.sock.session
            assert talk.sock.session_reused == resumed
            talk.expect("QUIT", 221)


def test_stop_amid_handshakes_and_imports(bed):
    """SIGTERM while handshakes stand half and a pair is being read: a clean end, at once."""
    port, = start(bed, "submissions")
    half = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
    for each in half:
        each.sendall(b"\x16\x03\x01\x02")
    standing = starttls(bed.port)
    chain, key = (open(path, "rb").read() for path in make_pair(bed.folder, "late"))
    for _ in range(5):
        bed.api.connection.call(
            "org.postbus.Postbus1", "/org/postbus/Postbus1", "org.postbus.Postbus1.Tls", "Import",
            GLib.Variant("(ayay)", (chain, key)), None, 0, 240000, None, None)
    bed.api.connection.flush_sync(None)
    bed.postbusd.stop()
    assert b"421" in standing.at_end()
    for each in half:
        each.close()
    bed.postbusd.start()
    starttls(bed.port).close()


def test_unconfirmed_files_are_taken_back(bed):
    """A trial of other files ends with those before in force, though they were never asked about again."""
    clock = Clock(bed)
    bed.start()
    first, second = (make_pair(bed.folder, name) for name in ("one", "two"))
    use(bed, *first)
    bed.api.call("Manager", "Apply", "(a{sa{sv}}a{sv})",
                 {"Tls": {"CertificateFile": GLib.Variant("s", second[0]), "KeyFile": GLib.Variant("s", second[1])}},
                 {"ConfirmTimeout": GLib.Variant("u", 600)})
    assert fingerprint(bed.port) == of_file(second[0])
    clock.pass_time(601)
    wait_for(lambda: fingerprint(bed.port) == of_file(first[0]), "the first pair")


def test_files_gone_at_a_start(bed):
    """Mail goes on under the server's own certificate, the log says why, and the files' return is noticed."""
    bed.start()
    chain, key = make_pair(bed.folder, "lost")
    use(bed, chain, key)
    bed.postbusd.stop()
    os.rename(key, key + ".away")
    bed.postbusd.start()
    assert shown(bed, "Source") == "self-signed" and fingerprint(bed.port) == shown(bed, "Fingerprint")
    wait_for(lambda: re.search(rb"certificate-refused reason=.Tls.KeyFile: .*No such file", bed.postbusd.stderr()), "the line of the log")
    bed.api.set("Tls", "MinVersion", "s", "1.3")
    os.rename(key + ".away", key)
    wait_for(lambda: shown(bed, "Names") == ["lost.example"], "the pair from the files")
    assert fingerprint(bed.port) == of_file(chain)


def test_gsasl_binds_the_login(bed):
    """SCRAM-SHA-256-PLUS with tls-exporter (RFC 9266), by GNU SASL over GnuTLS."""
    bed.start()
    bed.api.call("Accounts", "SetPassword", "(say)", bed.ann, b"sesame")
    for password, right in (("sesame", True), ("Sesame", False)):
        run = subprocess.run(["gsasl", "--smtp", "--connect", f"127.0.0.1:{bed.port}", "--starttls", "-m", "SCRAM-SHA-256-PLUS",
                              "-a", "ann", "-z", "", "--x509-ca-file=", "--priority=NORMAL", f"--password={password}"],
                             capture_output=True, text=True, timeout=240, check=False, stdin=subprocess.DEVNULL)
        assert (run.returncode == 0) == right, run
    assert bed.api.statistics()["auth.ok"] == 1
