# SPDX-License-Identifier: GPL-3.0-or-later
"""What we sign: verified by dkimpy, with keys that the stub DNS gives out, and by opendkim."""
import os
import re
import smtplib
import subprocess

import dkim
import dnslib

import test_submission
from bus import variants

MESSAGE = (b"From: Ann <ann@local.example>\r\nTo: far@away.example\r\nSubject: signed \r\n  and folded\r\n"
           b"Date: Tue, 24 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@local.example>\r\n\r\n"
           b"One line  \r\n\r\n.a dot\r\n\r\n\r\n")
LARGE = MESSAGE + (b"z" * 70 + b" \r\n") * 5000
HIDDEN = (b"From: ann@local.example\r\nTo: far@away.example\r\nBcc: secret@away.example\r\nSubject: x\r\n\r\nbody\r\n")
PASSWORD = "correct horse"


def add_key(bed, algorithm="rsa", domain="local.example", active=True, publish=True):
    """Makes a key, publishes its record in the stub DNS and activates it. Returns its id and its row."""
    [ident] = bed.api.call("MailAuth", "CreateKey", "(sss)", domain, "", algorithm)
    [row] = [each for each in bed.api.call("MailAuth", "ListKeys")[0] if each["Id"] == ident]
    if publish:
        record = row["Record"].encode()
        bed.dns.add(row["RecordName"], "TXT", [record[at:at + 255] for at in range(0, len(record), 255)])
    if active:
        bed.api.call("MailAuth", "ActivateKey", "(sb)", ident, True)
    return ident, row


def fields(message, name):
    """The values of the fields of that name, top first, unfolded."""
    head = re.sub(rb"\r\n(?=[ \t])", b"", message.split(b"\r\n\r\n", 1)[0])
    return [line.split(b":", 1)[1] for line in head.split(b"\r\n") if line.lower().startswith(name.lower() + b":")]


def tags(value):
    pairs = (part.strip().partition(b"=") for part in value.split(b";"))
    return {name.strip().decode(): re.sub(rb"\s", b"", text).decode() for name, _, text in pairs if name}


def ask(bed):
    """A resolver for dkimpy: asks the stub DNS as a verifier would."""
    def query(name, timeout=5):
        timeout = max(timeout, 240)
        name = name.decode() if isinstance(name, bytes) else name
        question = dnslib.DNSRecord.question(name.rstrip("."), "TXT")
        answer = dnslib.DNSRecord.parse(question.send(*bed.dns.address, tcp=True, timeout=timeout))
        return b"".join(answer.rr[0].rdata.data) if answer.rr else None
    return query


def verify(bed, message):
    """Every signature of the message must hold. Returns {algorithm: (domain, selector)}."""
    signatures = fields(message, b"DKIM-Signature")
    for index in range(len(signatures)):
        assert dkim.DKIM(message).verify(index, dnsfunc=ask(bed)), (index, message[:2000])
    return {tags(each)["a"]: (tags(each)["d"], tags(each)["s"]) for each in signatures}


def verify_by_opendkim(bed, message, rows):
    """What opendkim says of the first signature that it looks at, its keys in a file."""
    keys, config, path = (os.path.join(bed.folder, name) for name in ("keys", "opendkim.conf", "message"))
    with open(keys, "w", encoding="ascii") as file:
        file.writelines(f"{row['RecordName']} {row['Record']}\n" for row in rows)
    with open(config, "w", encoding="ascii") as file:
        file.write(f"Mode v\nTestPublicKeys {keys}\n")
    with open(path, "wb") as file:
        file.write(message)
    result = subprocess.run(["opendkim", "-x", config, "-vv", "-t", path], capture_output=True, timeout=240, check=False)
    return result.stdout + result.stderr


def test_both_kinds(bed):
    """A trusted client's mail bears a signature by each kind of key; both verifiers agree."""
    bed.start()
    sink = bed.relay_sink()
    rows = [add_key(bed, kind)[1] for kind in ("rsa", "ed25519")]
    bed.send("ann@local.example", ["far@away.example"], MESSAGE)
    message = sink.wait_messages(1)[0].body
    assert verify(bed, message) == {"rsa-sha256": ("local.example", rows[0]["Selector"]),
                                    "ed25519-sha256": ("local.example", rows[1]["Selector"])}
    assert message.endswith(b"\r\n" + MESSAGE), "what was sent is as it was"
    assert message.startswith(b"DKIM-Signature:")
    said = verify_by_opendkim(bed, message, rows)
    assert b"verification (s=" in said and b"succeeded" in said, said
    forged = message.replace(b"One line", b"One lime")
    try:
        assert not dkim.DKIM(forged).verify(0, dnsfunc=ask(bed))
    except dkim.ValidationError as error:
        assert "body hash mismatch" in str(error)
    assert b"succeeded" not in verify_by_opendkim(bed, forged, rows)


def test_by_login(bed):
    """A submission is signed as it is stored: made whole, without Bcc."""
    port = test_submission.start(bed)
    sink = bed.relay_sink()
    add_key(bed)
    bed.api.call("TrustedList", "Replace", "(aa{sv})", [])
    bed.api.call("Accounts", "SetPassword", "(say)", bed.ann, PASSWORD.encode())
    bed.api.set("General", "AuthPlaintextNeedsTls", "b", False)
    with smtplib.SMTP("127.0.0.1", port, timeout=240) as client:
        client.ehlo("client.example")
        client.login("ann", PASSWORD)
        assert not client.sendmail("ann@local.example", ["far@away.example"], HIDDEN)
    message = sink.wait_messages(1)[0].body
    assert verify(bed, message)["rsa-sha256"][0] == "local.example"
    assert b"secret" not in message
    assert fields(message, b"Date") and fields(message, b"Message-ID")
    signed = tags(fields(message, b"DKIM-Signature")[0])["h"].lower().split(":")
    assert "date" in signed and "message-id" in signed and signed.count("from") == 2


def bdat(octets, last=False):
    return b"BDAT %d%s\r\n" % (len(octets), b" LAST" if last else b"") + octets


def test_bdat(bed):
    """In chunks, cut anywhere: the same signature holds."""
    bed.start()
    sink = bed.relay_sink()
    add_key(bed, "ed25519")
    cuts = (1, 30, len(MESSAGE) - 3, len(MESSAGE) // 2, MESSAGE.index(b"\r\n\r\n") + 1)
    for cut in cuts:
        with bed.talk() as talk:
            talk.ehlo()
            talk.envelope("ann@local.example", ["far@away.example"])
            talk.send(bdat(MESSAGE[:cut]) + bdat(MESSAGE[cut:], True))
            assert [talk.reply()[0] for _ in range(2)] == [250, 250]
    for message in sink.wait_messages(len(cuts)):
        assert verify(bed, message.body) == verify(bed, sink.messages[0].body)
        assert message.body.endswith(MESSAGE)


def test_large_survives_kill(bed):
    """A message in a file has its signature beside it: on the bus, over a kill -9, on the wire, octet by octet."""
    bed.start()
    sink = bed.relay_sink()
    sink.rule("RCPT", b"450 4.2.0 Later")
    add_key(bed)
    bed.send("ann@local.example", ["far@away.example"], LARGE)
    bed.wait_deferred(1)
    [row] = bed.api.rows("Queue")
    whole = read(bed, row)
    assert len(whole) == row["Size"] and whole.endswith(LARGE), (len(whole), row["Size"])
    assert verify(bed, whole)
    bed.postbusd.kill()
    bed.postbusd.start()
    assert read(bed, row) == whole
    sink.clear_rules()
    bed.api.call("Queue", "Retry", "(a{sv})", variants({"Ids": [row["Id"]]}))
    assert sink.wait_messages(1)[0].body == whole
    bed.queue_empty()


def read(bed, row, piece=50000):
    """A queued message, read piece by piece."""
    got = b""
    while len(got) < row["Size"]:
        octets = bed.api.call("Queue", "Read", "(stu)", row["Id"], len(got), piece)[1]
        assert octets, (len(got), row)
        got += bytes(octets)
    return got


def test_into_a_maildir(bed):
    """Mail from one of us to another is signed, too, and filed as it was sent."""
    bed.start()
    add_key(bed, "ed25519")
    for text in (MESSAGE, LARGE):
        bed.send("ann@local.example", ["ann@local.example"], text)
    mails = sorted(bed.wait_mails(bed.ann, 2), key=len)
    for mail, text in zip(mails, (MESSAGE, LARGE)):
        message = mail[mail.index(b"DKIM-Signature:"):]
        assert message.endswith(text) and verify(bed, message), message[:1000]


def test_who_is_not_signed_for(bed):
    """No key, an inactive one, another's domain, a stranger, signing switched off: nothing is written."""
    bed.start()
    sink = bed.relay_sink()

    def send(sender="ann@local.example", text=MESSAGE, **options):
        before = len(sink.messages)
        bed.send(sender, ["far@away.example"], text, **options)
        return len(fields(sink.wait_messages(before + 1)[-1].body, b"DKIM-Signature"))
    assert send() == 0, "no key"
    ident, _ = add_key(bed, active=False)
    assert send() == 0, "inactive"
    bed.api.call("MailAuth", "ActivateKey", "(sb)", ident, True)
    assert send() == 1
    assert send(sender="x@elsewhere.example") == 1, "the author counts, not the sender"
    assert send(text=MESSAGE.replace(b"ann@local", b"ann@other")) == 0, "another's domain"
    assert send(text=MESSAGE.replace(b"From:", b"X-From:")) == 0, "nobody's"
    assert send(text=b"From: b@other.example\r\n" + MESSAGE) == 0, "two"
    bed.api.set("MailAuth", "SignEnabled", "b", False)
    assert send() == 0, "off"
    bed.api.set("MailAuth", "SignEnabled", "b", True)
    alias = bed.api.add("Aliases", Address="fwd@local.example", Targets=["far@away.example"])
    before = len(sink.messages)
    bed.send("ann@local.example", ["fwd@local.example"], MESSAGE, source="127.0.0.7")
    assert not fields(sink.wait_messages(before + 1)[-1].body, b"DKIM-Signature"), "a stranger"
    bed.api.call("Aliases", "Remove", "(as)", [alias])
    bed.api.call("MailAuth", "RemoveKey", "(s)", ident)
    assert send() == 0, "removed"


def test_key_removed_meanwhile(bed):
    """The settings of the end of the message count, not those of its beginning."""
    bed.start()
    sink = bed.relay_sink()
    ident, _ = add_key(bed)
    add_key(bed, "ed25519")
    with bed.talk() as talk:
        talk.ehlo()
        talk.envelope("ann@local.example", ["far@away.example"])
        talk.expect("DATA", 354)
        head, body = MESSAGE.split(b"\r\n\r\n", 1)
        talk.send(head + b"\r\n\r\n")
        talk.send(b"first\r\n")
        bed.api.call("MailAuth", "RemoveKey", "(s)", ident)
        talk.send(body.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        assert talk.reply()[0] == 250
    assert list(verify(bed, sink.wait_messages(1)[0].body)) == ["ed25519-sha256"]


def validate(bed):
    return {(place.split("[")[0], severity) for place, severity, words in bed.api.call("Manager", "Validate")[0] if "sign" in words}


def test_validate(bed):
    """A domain that is forgotten among others that sign, and a seal that nothing makes, are reported."""
    bed.start()
    assert not validate(bed), "nobody has to sign"
    bed.api.set("MailAuth", "ArcEnabled", "b", True)
    assert validate(bed) == {("MailAuth.ArcEnabled", "warning")}
    add_key(bed)
    assert not validate(bed)
    bed.api.add("LocalDomains", Name="second.example")
    bed.api.add("LocalDomains", Name="sub.local.example")
    assert validate(bed) == {("LocalDomains", "warning")}
    add_key(bed, "ed25519", domain="second.example", active=False)
    assert validate(bed) == {("LocalDomains", "warning")}, "an inactive one signs nothing"
    bed.api.set("MailAuth", "SignEnabled", "b", False)
    assert not validate(bed)


def test_own_notices(bed):
    """A notice of failure is mail of our Hostname: signed by the key of the domain that it is in, and it tells of what was signed."""
    bed.start()
    sink = bed.relay_sink()
    add_key(bed)
    sink.rule("RCPT", b"550 5.1.1 Nobody", rb"far@")
    with bed.talk() as talk:
        talk.ehlo()
        talk.envelope("x@elsewhere.example", ["far@away.example"], " RET=FULL")
        assert talk.data(MESSAGE)[0] == 250
    notice = sink.wait_messages(1)[0].body
    assert verify(bed, notice) == {"rsa-sha256": verify(bed, notice)["rsa-sha256"]}
    own, returned = notice.split(b"Content-Type: ", 1)[0], notice
    assert len(fields(own + b"\r\n\r\n", b"DKIM-Signature")) == 1
    assert returned.count(b"DKIM-Signature:") == 2, "the returned header has ours on top"
    with bed.talk() as talk:
        talk.ehlo()
        talk.envelope("x@elsewhere.example", ["far@away.example"], " RET=HDRS")
        assert talk.data(LARGE)[0] == 250
    notice = sink.wait_messages(2)[1].body
    assert verify(bed, notice) and notice.count(b"DKIM-Signature:") == 2, "that of a large message, too"
    assert b"\r\nReceived: from client.example" in notice


def test_rewritten_for_seven_bits(bed):
    """Where a server takes seven bits only the head goes with the rest, octet by octet."""
    bed.start()
    sink = bed.relay_sink(extensions=[b"PIPELINING"])
    add_key(bed)
    for text in (MESSAGE, LARGE):
        text = text.replace(b"One line", "Eine schöne Zeile".encode())
        count = len(sink.messages)
        bed.send("ann@local.example", ["far@away.example"], text)
        got = sink.wait_messages(count + 1)[-1].body
        assert got.startswith(b"DKIM-Signature: v=1") and max(got) < 128
        assert fields(got, b"Subject") == fields(text, b"Subject") and b"Eine sch=C3=B6ne Zeile" in got


def test_sub_domain(bed):
    """A local domain without keys of its own is signed for by the one that it is in, another's sub-domain is not."""
    bed.start()
    sink = bed.relay_sink()
    _, row = add_key(bed, "ed25519")
    bed.api.add("LocalDomains", Name="sub.local.example")
    for count, (domain, signers) in enumerate((("sub.local.example", 1), ("other.local.example", 0))):
        text = MESSAGE.replace(b"<ann@local.example>", b"<ann@" + domain.encode() + b">")
        bed.send("ann@local.example", ["far@away.example"], text)
        found = verify(bed, sink.wait_messages(count + 1)[-1].body)
        assert list(found.values()) == [("local.example", row["Selector"])] * signers, (domain, found)


def test_forged_results(bed):
    """Results in our name are gone from the file, whoever brought them; those of others stay."""
    bed.start()
    ours = b"Authentication-Results: (x)\r\n mail.LOCAL.example; spf=pass smtp.mailfrom=forged.example\r\n"
    theirs = b"Authentication-Results: mx.elsewhere.example; spf=pass\r\n"
    for source in ("127.0.0.7", "127.0.0.1"):
        for text in (MESSAGE, LARGE):
            bed.send("a@b.example", ["ann@local.example"], ours + theirs + text + ours, source=source)
    for mail in bed.wait_mails(bed.ann, 4):
        head, body = mail.split(b"\r\n\r\n", 1)
        assert b"forged.example" not in head and theirs in head + b"\r\n", head
        assert body.endswith(ours), "a body is nobody's results"
