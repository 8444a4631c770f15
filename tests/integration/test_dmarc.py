# SPDX-License-Identifier: GPL-3.0-or-later
"""DKIM and DMARC on the wire: told by the DNS and by signatures, answered at the end of DATA."""
import base64
import functools
import re
import subprocess

import dkim
import dnslib
import stub_dns
from harness import wait_for
from test_policy import STRANGER, TRUSTED, count

TAKEN, UNSIGNED, KEY_LATER = "250 2.0.0", "550 5.7.20", "451 4.7.20"
FORBIDDEN, LATER = "550 5.7.26", "451 4.7.26"


@functools.cache
def rsa_key():
    """A private key (PEM) and its record."""
    private = subprocess.run(["openssl", "genrsa", "1024"], capture_output=True, check=True).stdout
    public = subprocess.run(["openssl", "rsa", "-pubout"], input=private, capture_output=True, check=True).stdout
    return private, "v=DKIM1; k=rsa; p=" + "".join(public.decode().split("\n")[1:-2])


def der(tag, octets):
    size = len(octets)
    length = bytes([size]) if size < 128 else b"\x82" + size.to_bytes(2, "big")
    return bytes([tag]) + length + octets


def record_of_size(bits):
    """A key's record whose modulus is of that size, and no key's."""
    modulus = (1 << (bits - 1)) + 12345
    number = der(2, b"\0" + modulus.to_bytes(bits // 8, "big")) + der(2, b"\1\0\1")
    return "v=DKIM1; k=rsa; p=" + base64.b64encode(der(0x30, number)).decode()


def add_text(bed, name, text):
    """A TXT record of any length: strings of at most 255 octets."""
    octets = text.encode("latin-1")
    record = dnslib.RR(name, dnslib.QTYPE.TXT, ttl=1,
                       rdata=dnslib.TXT([octets[at:at + 255] for at in range(0, len(octets), 255)] or [b""]))
    bed.dns.records.setdefault(name.lower(), []).append(("TXT", record))


def message(author="A <a@good.example>", extra=b"", body=b"Hello.\r\n"):
    head = f"From: {author}\r\n".encode() if author is not None else b""
    return extra + head + b"To: ann@local.example\r\nSubject: hello\r\n\r\n" + body


def sign(text, domain="good.example", **options):
    field = dkim.sign(text, b"s", domain.encode(), rsa_key()[0], canonicalize=(b"relaxed", b"relaxed"), **options)
    return field + text


def publish(bed, domain="good.example"):
    add_text(bed, f"s._domainkey.{domain}", rsa_key()[1])


def deliver(bed, text, source=STRANGER, sender="a@ok.example", helo="x.example", recipients=("ann@local.example",)):
    """What the end of DATA is answered; before it all is well."""
    with bed.talk(source=source) as talk:
        talk.expect(f"EHLO {helo}", 250)
        talk.expect(f"MAIL FROM:<{sender}>", 250)
        for recipient in recipients:
            talk.expect(f"RCPT TO:<{recipient}>", 250)
        code, words = talk.data(text)
        return f"{code} {words.split(' ')[0]}"


def test_dkim_policy(bed):
    """Some valid signature is wanted; watch counts; the exempt pass; DNS trouble is put off."""
    bed.start()
    publish(bed)
    bed.dns.trouble["s._domainkey.slow.example"] = stub_dns.SERVFAIL
    good = sign(message())
    cases = [(good, TAKEN), (message(), UNSIGNED), (good.replace(b"Hello", b"Hollo"), UNSIGNED),
             (sign(message(), "nokey.example"), UNSIGNED), (sign(message(), "slow.example"), KEY_LATER),
             (sign(sign(message(), "slow.example")), TAKEN),
             (sign(good.replace(b"Subject: hello", b"Subject: other"), "nokey.example"), UNSIGNED)]
    for mode in ("off", "watch", "enforce"):
        bed.api.set("MailAuth", "DkimPolicy", "s", mode)
        for number, (text, reply) in enumerate(cases):
            before = count(bed, "watched.dkim"), count(bed, "refused.dkim")
            assert deliver(bed, text) == (reply if mode == "enforce" else TAKEN), (number, mode)
            after = count(bed, "watched.dkim"), count(bed, "refused.dkim")
            told = reply == UNSIGNED and mode == "watch", reply != TAKEN and mode == "enforce"
            assert after == (before[0] + told[0], before[1] + told[1]), (number, mode)
    assert deliver(bed, message(), source=TRUSTED) == TAKEN, "exempt"


# author's domain: policy record; what comes of a message that nobody speaks for
POLICIES = [("reject.example", "v=DMARC1; p=reject", FORBIDDEN, False),
            ("quarantine.example", "v=DMARC1; p=quarantine", TAKEN, True),
            ("none.example", "v=DMARC1; p=none", TAKEN, False),
            ("try.example", "v=DMARC1; p=reject; t=y", TAKEN, True),
            ("tryq.example", "v=DMARC1; p=quarantine; t=y", TAKEN, False),
            ("sub.reject.example", None, FORBIDDEN, False),
            ("nothing.example", None, TAKEN, False),
            ("broken.example", "v=DMARC1; p=", TAKEN, False),
            ("other.example", "not a record", TAKEN, False),
            ("slow.example", stub_dns.SERVFAIL, LATER, False)]


def add_policies(bed):
    for domain, record, _, _ in POLICIES:
        bed.dns.add(domain, "A", "192.0.2.1")
        if record == stub_dns.SERVFAIL:
            bed.dns.trouble[f"_dmarc.{domain}"] = record
        elif record is not None:
            bed.dns.add(f"_dmarc.{domain}", "TXT", record)


def junk(bed):
    """The messages in the junk folder."""
    folder = bed.maildir(bed.ann) / ".Junk" / "new"
    return [path.read_bytes() for path in sorted(folder.iterdir())] if folder.is_dir() else []


def data_lines(bed):
    """What the latest message's trail says of the end of DATA: check -> (outcome, reply, evidence)."""
    found = bed.api.call("History", "Search", "(a{sv}uu)", {}, 0, 1)[1][0]
    trail = bed.api.call("History", "Trail", "(s)", found["Id"])[0]
    return {row["Check"]: (row["Outcome"], row["Reply"], row["Evidence"]) for row in trail if row["Stage"] == "data"}


def test_dmarc_policy(bed):
    """The author's domain decides what becomes of mail that nobody speaks for."""
    bed.start()
    add_policies(bed)
    for mode in ("off", "watch", "enforce"):
        bed.api.set("MailAuth", "DmarcPolicy", "s", mode)
        for domain, _, reply, aside in POLICIES:
            before = count(bed, "watched.dmarc"), count(bed, "refused.dmarc")
            assert deliver(bed, message(f"a@{domain}")) == (reply if mode == "enforce" else TAKEN), (domain, mode)
            after = count(bed, "watched.dmarc"), count(bed, "refused.dmarc")
            told = mode == "watch" and (aside or reply == FORBIDDEN), mode == "enforce" and reply != TAKEN
            assert after == (before[0] + told[0], before[1] + told[1]), (domain, mode)
    assert deliver(bed, message("a@reject.example"), source=TRUSTED) == TAKEN, "exempt"


def test_junk_folder(bed):
    """What a domain wants in quarantine lies in the junk folder, and nowhere else; watched, it lies among other mail."""
    bed.start()
    add_policies(bed)
    text = message("a@quarantine.example")
    assert deliver(bed, text) == TAKEN
    bed.wait_mails(bed.ann, 1)
    assert data_lines(bed)["dmarc"] == ("watched", "", "fail for quarantine.example, quarantine.example asks for quarantine")
    assert not (bed.maildir(bed.ann) / ".Junk").exists(), "only watched"
    bed.api.set("MailAuth", "DmarcPolicy", "s", "enforce")
    for number in range(3):
        assert deliver(bed, message("a@quarantine.example", body=b"x%d\r\n" % number)) == TAKEN
        assert deliver(bed, message("a@none.example")) == TAKEN
    wait_for(lambda: len(junk(bed)) == 3, "three in the junk folder")
    bed.wait_mails(bed.ann, 4)
    bed.queue_empty()
    assert all(b"From: a@quarantine.example" in mail and b"\r\nX-Postbus-Quarantine: dmarc\r\n" in mail.replace(b"\n", b"\r\n")
               for mail in junk(bed)), junk(bed)
    assert not any(b"X-Postbus-Quarantine" in mail for mail in bed.mails(bed.ann))
    assert len(bed.mails(bed.ann)) == 4 and len(junk(bed)) == 3
    folder = bed.maildir(bed.ann) / ".Junk"
    assert sorted(path.name for path in folder.iterdir()) == ["cur", "maildirfolder", "new", "tmp"]
    assert not list((folder / "tmp").iterdir())
    assert deliver(bed, text) == TAKEN
    assert data_lines(bed)["dmarc"][0] == "quarantined", data_lines(bed)
    bed.postbusd.restart()
    assert deliver(bed, message("a@quarantine.example")) == TAKEN
    wait_for(lambda: len(junk(bed)) == 5, "one more behind a restart")


def test_dmarc_passes(bed):
    """DKIM or SPF of the author's organization speaks for it; what DNS did not tell is no failure."""
    bed.start()
    add_policies(bed)
    bed.api.set("MailAuth", "DmarcPolicy", "s", "enforce")
    bed.api.set("MailAuth", "SpfPolicy", "s", "off")
    for domain in ("reject.example", "sub.reject.example", "good.example"):
        publish(bed, domain)
    bed.dns.add("mail.reject.example", "TXT", "v=spf1 ip4:127.0.0.7 -all")
    text = message("A <a@reject.example>")
    assert deliver(bed, text) == FORBIDDEN
    assert deliver(bed, sign(text, "good.example")) == FORBIDDEN, "a stranger's signature"
    assert deliver(bed, sign(text, "reject.example")) == TAKEN
    assert deliver(bed, sign(text, "sub.reject.example")) == TAKEN, "relaxed"
    assert deliver(bed, text, sender="x@mail.reject.example") == TAKEN, "SPF, though its own policy is off"
    assert deliver(bed, text, sender="", helo="mail.reject.example") == TAKEN, "SPF of HELO"
    bed.dns.trouble["slow.reject.example"] = bed.dns.trouble["s._domainkey.slow.reject.example"] = stub_dns.SERVFAIL
    bed.dns.trouble["slow.other.example"] = bed.dns.trouble["s._domainkey.slow.other.example"] = stub_dns.SERVFAIL
    assert deliver(bed, text, sender="x@slow.reject.example") == LATER, "SPF might have passed"
    assert deliver(bed, text, sender="x@slow.other.example") == FORBIDDEN, "SPF that could not speak for it anyway"
    assert deliver(bed, sign(text, "slow.reject.example")) == LATER, "DKIM might have passed"
    assert deliver(bed, sign(text, "slow.other.example")) == FORBIDDEN
    assert deliver(bed, sign(text, "slow.reject.example"), sender="x@mail.reject.example") == TAKEN


# From:, and what comes of it
AUTHORS = [("a@reject.example", FORBIDDEN), ("A <a@REJECT.example.>", FORBIDDEN), ('"a, b" <a@reject.example>', FORBIDDEN),
           ("Doe, John <a@reject.example>", FORBIDDEN), ("Doe, John <a@good.example>", TAKEN),
           ("a@reject.example, b@reject.example", FORBIDDEN),
           (", ".join(f"a{n}@reject.example" for n in range(8)), FORBIDDEN),
           (", ".join(f"a{n}@n{n}.example" for n in range(8)), TAKEN),
           ("a@reject.example, b@good.example", TAKEN), ("a@reject.example b <b@good.example>", FORBIDDEN),
           ("b@good.example <a@reject.example>", FORBIDDEN), ("a@reject.example <b@good.example>", FORBIDDEN),
           ("undisclosed:;", TAKEN), ("", TAKEN), ("nobody", FORBIDDEN), (None, TAKEN),
           ("a@good.example\r\nFrom: a@reject.example", FORBIDDEN), ("a@good.example\r\nfrom : a@good.example", FORBIDDEN),
           ("a@\r\n reject.example", FORBIDDEN), ("x" * 20000 + " <a@good.example>", FORBIDDEN)]


def test_dmarc_authors(bed):
    """Whatever From: looks like: a domain that is told apart is judged, what readers may see differently is refused."""
    bed.start()
    add_policies(bed)
    bed.api.set("MailAuth", "DmarcPolicy", "s", "enforce")
    for author, reply in AUTHORS:
        answer = deliver(bed, message(author))
        assert answer == reply, (author, answer)


# bad signatures: what is done to a signed message, or to its key's record, and what its own trail says of it
def tampered(**tags):
    """A good message whose signature's tags are changed."""
    text = sign(message()).replace(b"\r\n ", b"")
    for name, value in tags.items():
        text = re.sub(rb"([ ;:])%s=[^;]*;" % name.encode(), lambda found: found[1] + f"{name}={value};".encode(), text, count=1)
    return text


def key_problem(bed):
    """Whether the trail blames the key's size."""
    return " than " in data_lines(bed)["dkim"][2] and " bits" in data_lines(bed)["dkim"][2]


def test_bad_signatures(bed):
    """Expired, of the future, of keys too small or too large, many, broken: none passes, none hurts."""
    bed.start()
    bed.api.set("MailAuth", "DkimPolicy", "s", "enforce")
    publish(bed)
    # The key need not have signed: it is refused by its size.
    add_text(bed, "small._domainkey.good.example", record_of_size(512))
    add_text(bed, "large._domainkey.good.example", record_of_size(16384))
    good = sign(message())
    assert deliver(bed, good) == TAKEN
    bad = good.replace(b"b=", b"b=AAAA", 1).replace(b"d=good.example", b"d=other.example", 1)
    cases = [("expired", tampered(t="1000; x=2000")), ("future", tampered(t="99999999999")),
             ("small", good.replace(b"s=s;", b"s=small;")), ("large", good.replace(b"s=s;", b"s=large;")),
             ("sha1", good.replace(b"rsa-sha256", b"rsa-sha1")), ("empty", b"DKIM-Signature:\r\n" + message()),
             ("NULs", b"DKIM-Signature: v=1; a=rsa-sha256; d=good\0.example; s=s; h=from; bh=AA==; b=AA==\r\n" + message()),
             ("no tags", b"DKIM-Signature: ;;;===;;\r\n" + message()),
             ("1,000", b"DKIM-Signature: v=1; a=rsa-sha256; d=x; s=y; h=from; bh=AA==; b=AA==\r\n" * 1000 + message()),
             ("behind 1,000", b"DKIM-Signature: v=1; b=AA==\r\n" * 1000 + good), ("other", bad)]
    for what, text in cases:
        asked = len(bed.dns.queries)
        answer = deliver_bdat(bed, text)
        assert answer == UNSIGNED, (what, answer)
        assert len(bed.dns.queries) - asked <= 20, what
        assert key_problem(bed) if what in ("small", "large") else True, what
    assert deliver(bed, good) == TAKEN, "and goes on"


def deliver_bdat(bed, text):
    """As deliver(), but any octets are taken as they are."""
    with bed.talk(source=STRANGER) as talk:
        talk.expect("EHLO x.example", 250)
        talk.expect("MAIL FROM:<a@ok.example>", 250)
        talk.expect("RCPT TO:<ann@local.example>", 250)
        talk.send(f"BDAT {len(text)} LAST\r\n".encode() + text)
        code, words = talk.reply()
        return f"{code} {words.split(' ')[0]}"


# what stands in the DNS where a key, or a policy, should
RECORDS = ["", ";", "v=DKIM1", "v=DKIM1; p=", "v=DKIM1; p=!!!!", "v=DKIM1; p=AAAA", "v=DKIM1; k=ed25519; p=AAAA", "v=DKIM2; p=AAAA",
           "p=" + "A" * 65000, "v=DKIM1; " + "x=y; " * 12000, "\0v=DKIM1\0; p=AA==", "\xff\xfe" * 100]


def test_bad_records(bed):
    """Records that are none, of 64 KiB, with NULs in them: never a pass, never the end of us."""
    bed.start()
    bed.api.set("MailAuth", "DkimPolicy", "s", "enforce")
    bed.api.set("MailAuth", "DmarcPolicy", "s", "enforce")
    good = sign(message())
    for number, record in enumerate(RECORDS):
        add_text(bed, f"s{number}._domainkey.good.example", record)
        answer = deliver(bed, good.replace(b"s=s;", b"s=s%d;" % number))
        assert answer in (UNSIGNED, KEY_LATER), (record[:40], answer)
        bed.api.set("MailAuth", "DkimPolicy", "s", "off")
        for policy in (record, "v=DMARC1; p=reject; " + record):
            add_text(bed, f"_dmarc.d{number}.example", policy)
            answer = deliver(bed, message(f"a@d{number}.example"))
            assert answer in (TAKEN, FORBIDDEN, LATER), (policy[:40], answer)
            bed.dns.records.pop(f"_dmarc.d{number}.example")
        bed.api.set("MailAuth", "DkimPolicy", "s", "enforce")


def test_large_headers(bed):
    """100,000 fields, and a header beyond what is kept: judged, or refused where its author cannot be told."""
    bed.start()
    publish(bed)
    bed.dns.add("_dmarc.good.example", "TXT", "v=DMARC1; p=reject")
    bed.api.set("MailAuth", "DmarcPolicy", "s", "enforce")
    many = b"".join(b"X-%d: %d\r\n" % (number, number) for number in range(100000))
    assert deliver(bed, sign(message(), include_headers=[b"from", b"subject"]).replace(b"To:", many + b"To:", 1)) == TAKEN
    assert deliver(bed, many + message()) == FORBIDDEN
    assert deliver(bed, b"X-Long: " + b"x" * 998 + b"\r\n" + many + b"X: y\r\n" * 200000 + sign(message())) == FORBIDDEN, "too large to be told"
    bed.api.set("MailAuth", "DmarcPolicy", "s", "watch")
    assert deliver(bed, many + b"X: y\r\n" * 200000 + message()) == TAKEN


def test_dns_silent(bed):
    """A DNS that does not answer is waited for, but not without end; a client that leaves meanwhile leaves nothing behind."""
    bed.start()
    bed.api.set("MailAuth", "DkimPolicy", "s", "enforce")
    bed.dns.trouble["s._domainkey.good.example"] = stub_dns.SILENCE
    bed.dns.trouble["_dmarc.good.example"] = stub_dns.SILENCE
    good = sign(message())
    with bed.talk(source=STRANGER) as talk:
        talk.expect("EHLO x.example", 250)
        talk.envelope("a@ok.example", ["ann@local.example"])
        talk.expect("DATA", 354)
        talk.send(good + b".\r\n")
        bed.dns.wait_query("s._domainkey.good.example")
    bed.api.set("MailAuth", "DmarcPolicy", "s", "enforce")
    assert deliver(bed, good) == KEY_LATER
    bed.api.set("MailAuth", "DkimPolicy", "s", "off")
    bed.dns.trouble.pop("s._domainkey.good.example")
    assert deliver(bed, message()) == LATER
    with bed.talk(source=STRANGER) as talk:
        talk.expect("EHLO x.example", 250)
        talk.envelope("a@ok.example", ["ann@local.example"])
        talk.expect("DATA", 354)
        talk.send(good + b".\r\n")
        bed.postbusd.stop()


def test_sealing_waits(bed):
    """What no check has asked for, but the message is to carry, is waited for, and commands behind it wait too."""
    bed.start()
    for name in ("DkimPolicy", "DmarcPolicy", "SpfPolicy"):
        bed.api.set("MailAuth", name, "s", "off")
    bed.api.set("MailAuth", "ArcEnabled", "b", True)
    bed.api.set("ConnectionPolicy", "RejectUnknownClientHostname", "s", "enforce")
    bed.dns.add("7.0.0.127.in-addr.arpa", "PTR", "mail.ok.example")
    bed.dns.add("mail.ok.example", "A", STRANGER)
    bed.dns.trouble["s._domainkey.good.example"] = stub_dns.SILENCE
    with bed.talk(source=STRANGER) as talk:
        talk.expect("EHLO x.example", 250)
        talk.envelope("a@ok.example", ["ann@local.example"])
        talk.expect("DATA", 354)
        talk.send(sign(message()) + b".\r\n")
        bed.dns.wait_query("s._domainkey.good.example")
        talk.send(b"RSET\r\nQUIT\r\n")
        assert [talk.reply()[0] for _ in range(3)] == [250, 250, 221]
    assert len(bed.wait_mails(bed.ann)) == 1
    # And a client that does not wait for it leaves nothing behind.
    with bed.talk(source=STRANGER) as talk:
        talk.expect("EHLO x.example", 250)
        talk.envelope("a@ok.example", ["ann@local.example"])
        talk.expect("DATA", 354)
        bed.dns.trouble["s._domainkey.other.example"] = stub_dns.SILENCE
        talk.send(sign(message(), "other.example") + b".\r\n")
        bed.dns.wait_query("s._domainkey.other.example")
    assert deliver(bed, message()) == TAKEN
