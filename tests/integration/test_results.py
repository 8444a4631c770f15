# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told of the checks on top of a message: Authentication-Results, Received-SPF and the ARC seal."""
import dkim
from gi.repository import GLib

from harness import strip_trace, wait_for
from test_signing import LARGE, MESSAGE, add_key, ask, fields, read, tags

STRANGER = "127.0.0.7"
RECORD = "v=spf1 ip4:127.0.0.7 -all"


def results(message):
    """{method: (result, {property: value})} of the one field in our name; the last of a method wins."""
    [value] = [each for each in fields(message, b"Authentication-Results")
               if each.strip().lower().startswith(b"mail.local.example")]
    found = {}
    for part in value.decode().split(";")[1:]:
        words = part.split()
        method, result = words[0].split("=", 1)
        found[method] = result, dict(word.split("=", 1) for word in words[1:] if "=" in word)
    return found


def take(bed, sender, text, source=STRANGER):
    """The message as it stands in ann's mailbox once it was sent."""
    count = len(bed.mails(bed.ann))
    seen = set(bed.mails(bed.ann))
    bed.send(sender, ["ann@local.example"], text, source=source)
    [mail] = [each for each in bed.wait_mails(bed.ann, count + 1) if each not in seen]
    return mail


def signed(bed, text=MESSAGE):
    """The text as a signer elsewhere would send it, by a key of ours that is published."""
    sink = bed.relay_sink()
    bed.send("ann@local.example", ["far@away.example"], text)
    message = sink.wait_messages(1)[0].body
    bed.queue_empty()
    return message[:message.index(b"Received:")] + text


def all_checks(bed, mode="watch"):
    for name in ("SpfPolicy", "DkimPolicy", "DmarcPolicy"):
        bed.api.set("MailAuth", name, "s", mode)


def test_all_of_it(bed):
    """SPF, DKIM and DMARC of mail from outside, each with what it was about, above our Received."""
    bed.start()
    all_checks(bed)
    bed.dns.add("local.example", "TXT", RECORD)
    bed.dns.add("_dmarc.local.example", "TXT", "v=DMARC1; p=reject")
    add_key(bed)
    add_key(bed, "ed25519")
    for text in (signed(bed), signed(bed, LARGE)):
        mail = take(bed, "x@local.example", text)
        found = results(mail)
        assert found["spf"] == ("pass", {"smtp.mailfrom": "x@local.example"}), found
        result, about = found["dkim"]
        assert result == "pass" and about["header.d"] == "local.example", found
        assert about["header.a"] == "ed25519-sha256" and about["header.s"] == tags(fields(mail, b"DKIM-Signature")[1])["s"]
        assert found["dmarc"] == ("pass", {"header.from": "local.example"}), found
        assert mail.count(b"\tdkim=pass") == 2
        [spf] = fields(mail, b"Received-SPF")
        assert spf.startswith(b" pass (local.example permits 127.0.0.7)") and b'mechanism="ip4:127.0.0.7"' in spf, spf
        assert b'receiver="mail.local.example"' in spf and b'client-ip="127.0.0.7"' in spf, spf
        names = [line.split(b":")[0] for line in strip_trace(mail)[1].split(b"\r\n") if line[:1] not in b" \t"]
        assert names[-3:] == [b"Authentication-Results", b"Received-SPF", b"Received"], names
        assert strip_trace(mail)[0] == text


def test_failures(bed):
    """What fails is told, with its reason, and stays told where nothing is refused."""
    bed.start()
    all_checks(bed)
    bed.dns.add("fail.example", "TXT", "v=spf1 -all")
    bed.dns.add("_dmarc.fail.example", "TXT", "v=DMARC1; p=quarantine")
    bed.dns.trouble["slow.example"] = "SERVFAIL"
    text = MESSAGE.replace(b"local.example", b"fail.example")
    found = results(take(bed, "x@fail.example", text))
    assert found["spf"][0] == "fail" and found["dkim"][0] == "none", found
    assert found["dmarc"] == ("fail", {"policy.dmarc": "quarantine", "header.from": "fail.example"}), found
    found = results(take(bed, "x@slow.example", MESSAGE))
    assert found["spf"][0] == "temperror", found
    found = results(take(bed, "", b"From: a@b.example\r\n" + text))
    assert found["spf"][1] == {"smtp.helo": "client.example"} and found["dmarc"][0] == "permerror", found
    add_key(bed)
    broken = signed(bed).replace(b"One line", b"One lime")
    found = results(take(bed, "x@local.example", broken))
    assert found["dkim"][0] == "fail" and found["dkim"][1]["header.d"] == "local.example", found


def test_hostile_values(bed):
    """What a stranger brings cannot end a value, a field or a line."""
    bed.start()
    all_checks(bed)
    hostile = (b"DKIM-Signature: v=1; a=rsa-sha256; d=x.example; s=a; i=\"; dmarc=pass\"@x.example;\r\n"
               b" c=relaxed/relaxed; h=from; bh=AAAA; b=;dmarc=pass (\r\n") + MESSAGE
    mail = take(bed, '"; dmarc=pass (\\")"@x.example', hostile)
    [value] = [each for each in fields(mail, b"Authentication-Results")]
    assert b'smtp.mailfrom="\\"; dmarc=pass' in value, value
    plain = []
    quoted = escaped = False
    for octet in value.decode():
        quoted ^= octet == '"' and not escaped
        escaped = octet == "\\" and not escaped
        plain.append("_" if quoted else octet)
    methods = [part.split("=")[0].strip() for part in "".join(plain).split(";")[1:]]
    assert sorted(set(methods)) == ["dkim", "dmarc", "spf"] and methods.count("dmarc") == 1, value


def test_address_beyond_ascii(bed):
    """What an ASCII field cannot say is left out, not garbled."""
    bed.start()
    all_checks(bed)
    with bed.talk(source=STRANGER) as talk:
        talk.ehlo()
        talk.envelope("jörg@b.example", ["ann@local.example"], " SMTPUTF8")
        assert talk.data(MESSAGE)[0] == 250
    [mail] = bed.wait_mails(bed.ann)
    assert results(mail)["spf"] == ("none", {"smtp.mailfrom": "b.example"}), mail[:600]


def test_results_survive_kill(bed):
    """What stands beside a large message's file is as safe as the message."""
    sink = start_sealing(bed)
    add_key(bed)
    sink.rule("RCPT", b"450 4.2.0 Later")
    bed.send("a@b.example", ["fwd@local.example"], LARGE, source=STRANGER)
    bed.wait_deferred(1)
    [row] = bed.api.rows("Queue")
    whole = read(bed, row)
    bed.postbusd.kill()
    bed.postbusd.start()
    sink.clear_rules()
    bed.api.call("Queue", "Retry", "(a{sv})", {"All": GLib.Variant("b", True)})
    message = sink.wait_messages(1)[0].body
    assert message == whole and results(message)["spf"][0] == "pass"
    arc_passes(bed, message, 1)
    bed.queue_empty()


def test_when_it_is_written(bed):
    """Not of trusted clients, not of checks that are off; and forged ones are gone before ours is written."""
    bed.start()
    all_checks(bed, "off")
    assert not fields(take(bed, "a@b.example", MESSAGE), b"Authentication-Results")
    forged = b"Authentication-Results: mail.local.example; dmarc=pass\r\n" + MESSAGE
    assert not fields(take(bed, "a@b.example", forged), b"Authentication-Results")
    bed.api.set("MailAuth", "SpfPolicy", "s", "watch")
    assert list(results(take(bed, "a@b.example", forged))) == ["spf"]
    bed.api.set("MailAuth", "SpfPolicy", "s", "off")
    bed.api.set("MailAuth", "DkimPolicy", "s", "watch")
    mail = take(bed, "a@b.example", forged)
    assert list(results(mail)) == ["dkim"] and not fields(mail, b"Received-SPF")
    all_checks(bed)
    mail = take(bed, "a@b.example", forged, source="127.0.0.1")
    assert not fields(mail, b"Authentication-Results") and not fields(mail, b"Received-SPF"), "trusted"
    bed.api.set("ConnectionPolicy", "RejectUnknownClientHostname", "s", "watch")
    found = results(take(bed, "a@b.example", MESSAGE))
    assert found["iprev"] == ("fail", {"policy.iprev": "127.0.0.7"}), found


def test_signature_over_what_was_stripped(bed):
    """A signature counts over the message as it came, though a field that it covers is not kept."""
    bed.start()
    all_checks(bed)
    add_key(bed)
    text = signed(bed)
    key = tags(fields(text, b"DKIM-Signature")[0])
    assert "authentication-results" not in key["h"].lower()
    mail = take(bed, "x@local.example", b"Authentication-Results: mail.local.example; none\r\n" + text)
    assert results(mail)["dkim"][0] == "pass" and len(fields(mail, b"Authentication-Results")) == 1


def arc_passes(bed, message, sets):
    result, found, why = dkim.ARC(message).verify(dnsfunc=ask(bed))
    assert result == b"pass" and len(found) == sets, (result, found, why)


def start_sealing(bed):
    bed.start()
    all_checks(bed)
    bed.api.set("MailAuth", "ArcEnabled", "b", True)
    bed.api.add("Aliases", Address="fwd@local.example", Targets=["far@away.example"])
    bed.dns.add("b.example", "TXT", RECORD)
    return bed.relay_sink()


def test_seal(bed):
    """Mail that leaves by an alias is sealed, with our results, and its chain grows when it passes again; large mail too."""
    sink = start_sealing(bed)
    add_key(bed)
    for text in (MESSAGE, LARGE):
        count = len(sink.messages)
        bed.send("a@b.example", ["fwd@local.example"], text, source=STRANGER)
        first = sink.wait_messages(count + 1)[-1].body
        arc_passes(bed, first, 1)
        [told] = fields(first, b"ARC-Authentication-Results")
        assert b"i=1; mail.local.example;" in told and b"spf=pass" in told and b"smtp.remote-ip=127.0.0.7" in told, told
        assert tags(fields(first, b"ARC-Seal")[0])["cv"] == "none"
        assert strip_trace(first[first.index(b"Authentication-Results: mail"):])[0] == text
        bed.send("a@b.example", ["fwd@local.example"], first, source=STRANGER)
        second = sink.wait_messages(count + 2)[-1].body
        arc_passes(bed, second, 2)
        assert b"arc=pass" in fields(second, b"ARC-Authentication-Results")[0]
        # changed on the way: sealed as broken, once
        bed.send("a@b.example", ["fwd@local.example"], second.replace(b"Subject: s", b"Subject: c"), source=STRANGER)
        third = sink.wait_messages(count + 3)[-1].body
        assert tags(fields(third, b"ARC-Seal")[0])["cv"] == "fail" and len(fields(third, b"ARC-Seal")) == 3
        bed.send("a@b.example", ["fwd@local.example"], third, source=STRANGER)
        assert len(fields(sink.wait_messages(count + 4)[-1].body, b"ARC-Seal")) == 3
    bed.queue_empty()


def test_what_is_not_sealed(bed):
    """Mail that stays, mail of ours, no key, switched off: no seal. Of mixed recipients one that leaves is enough."""
    sink = start_sealing(bed)

    def send(*recipients, source=STRANGER):
        count = len(sink.messages)
        bed.send("a@b.example", recipients, MESSAGE, source=source)
        return len(fields(sink.wait_messages(count + 1)[-1].body, b"ARC-Seal"))
    assert send("fwd@local.example") == 0, "no key"
    add_key(bed, "ed25519")
    assert send("fwd@local.example") == 1, "any kind will do"
    ident, _ = add_key(bed)
    assert send("ann@local.example", "fwd@local.example") == 1
    assert wait_for(lambda: bed.mails(bed.ann), "ann's copy")[0].count(b"ARC-Seal:") == 1
    assert send("far@away.example", source="127.0.0.1") == 0, "ours"
    assert b"ARC-Seal" not in [each for each in (take(bed, "a@b.example", MESSAGE),)][0], "it stays"
    bed.api.add("DomainList", Name="x", Domain="other.example", Target=f"127.0.0.1:{sink.port}")
    assert send("x@other.example") == 1, "the Domain List, by the key of our name's domain"
    bed.api.set("MailAuth", "ArcEnabled", "b", False)
    assert send("fwd@local.example") == 0, "off"
    bed.api.call("MailAuth", "RemoveKey", "(s)", ident)
    bed.queue_empty()
