# SPDX-License-Identifier: GPL-3.0-or-later
"""DKIM and DMARC on the wire: told by the DNS and by signatures, answered at the end of DATA."""
import functools
import subprocess

import dkim
import stub_dns
from harness import wait_for
from test_policy import STRANGER, TRUSTED, count

TAKEN, UNSIGNED, KEY_LATER = "250 2.0.0", "550 5.7.20", "451 4.7.20"
FORBIDDEN, LATER = "550 5.7.26", "451 4.7.26"


@functools.cache
def rsa_key(bits=1024):
    """A private key (PEM) and its record."""
    private = subprocess.run(["openssl", "genrsa", str(bits)], capture_output=True, check=True).stdout
    public = subprocess.run(["openssl", "rsa", "-pubout"], input=private, capture_output=True, check=True).stdout
    return private, "v=DKIM1; k=rsa; p=" + "".join(public.decode().split("\n")[1:-2])


def add_text(bed, name, text):
    """A TXT record of any length: strings of at most 255 octets."""
    import dnslib
    record = dnslib.RR(name, dnslib.QTYPE.TXT, ttl=1,
                       rdata=dnslib.TXT([text[at:at + 255] for at in range(0, len(text), 255)]))
    bed.dns.records.setdefault(name.lower(), []).append(("TXT", record))


def message(author="A <a@good.example>", extra=b"", body=b"Hello.\r\n"):
    head = f"From: {author}\r\n".encode() if author is not None else b""
    return extra + head + b"To: ann@local.example\r\nSubject: hello\r\n\r\n" + body


def sign(text, domain="good.example", bits=1024, selector=b"s", **options):
    field = dkim.sign(text, selector, domain.encode(), rsa_key(bits)[0],
                      canonicalize=(b"relaxed", b"relaxed"), **options)
    return field + text


def publish(bed, domain="good.example", bits=1024, selector="s"):
    add_text(bed, f"{selector}._domainkey.{domain}", rsa_key(bits)[1])


def deliver(bed, text, source=STRANGER, sender="a@ok.example", helo="x.example", recipients=("ann@local.example",)):
    """What the end of DATA is answered; before it all is well."""
    with bed.talk(source=source) as talk:
        talk.expect(f"EHLO {helo}", 250)
        talk.expect(f"MAIL FROM:<{sender}>", 250)
        for recipient in recipients:
            talk.expect(f"RCPT TO:<{recipient}>", 250)
        code, words = talk.data(text)
        return f"{code} {words.split(' ')[0]}"


def checks(bed):
    """What the trail of the latest message says at the end of DATA: check -> (outcome, evidence)."""
    latest = bed.api.call("History", "Search", "(a{sv}uu)", {}, 0, 1)[1][0]
    lines = bed.api.call("History", "Get", "(s)", latest["Id"])
    return lines


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
    folder = bed.maildir(bed.ann) / ".Junk" / "new"
    return len(list(folder.iterdir())) if folder.is_dir() else 0


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
