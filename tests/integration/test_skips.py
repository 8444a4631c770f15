# SPDX-License-Identifier: GPL-3.0-or-later
"""What each kind of whitelist rule spares of each check: every cell of the table, on the wire."""
import scanner
from bus import variants
from gi.repository import GLib
from test_dmarc import FORBIDDEN, TAKEN, UNSIGNED, message
from test_policy import STRANGER

SENDER, RECIPIENT = "a@bad.example", "ann@local.example"

# kind of rule, its value here, what it spares by default
KINDS = [("ip", STRANGER, {"dnsbl", "spf", "antivirus", "dkim", "dmarc"}),
         ("network", "127.0.0.0/24", {"dnsbl", "spf", "antivirus", "dkim"}),
         ("domain", "bad.example", {"dnsbl", "spf", "antivirus", "dkim"}),
         ("sender", SENDER, {"dnsbl", "spf"}),
         ("recipient", RECIPIENT, {"dnsbl", "spf"})]

# check, the setting that enforces it, what a message that it objects to is answered
CHECKS = [("dnsbl", ("Dnsbl", "Policy"), "554 5.7.1"),
          ("spf", ("MailAuth", "SpfPolicy"), "550 5.7.23"),
          ("antivirus", ("Antivirus", "Policy"), "554 5.7.1"),
          ("dkim", ("MailAuth", "DkimPolicy"), UNSIGNED),
          ("dmarc", ("MailAuth", "DmarcPolicy"), FORBIDDEN)]


def send(bed, recipients=(RECIPIENT,)):
    """What a message is answered that every check objects to."""
    with bed.talk(source=STRANGER) as talk:
        talk.expect("EHLO x.example", 250)
        talk.expect(f"MAIL FROM:<{SENDER}>", 250)
        for recipient in recipients:
            code, words = talk.command(f"RCPT TO:<{recipient}>")
            if code != 250:
                return f"{code} {words.split(' ')[0]}"
        code, words = talk.data(message(SENDER, body=scanner.EICAR + b"\r\n"))
        return f"{code} {words.split(' ')[0]}"


def prepare(bed):
    """One who is listed, and whose mail is forged, unsigned and infected; and no check that looks at it."""
    bed.start()
    bed.dns.add("2.0.0.127.list.example", "A", "127.0.0.2")
    bed.dns.add("7.0.0.127.list.example", "A", "127.0.0.2")
    bed.dns.add("bad.example", "TXT", "v=spf1 -all")
    bed.dns.add("_dmarc.bad.example", "TXT", "v=DMARC1; p=reject")
    bed.api.add("DnsblZones", Zone="list.example")
    bed.api.set("Antivirus", "Address", "s", scanner.Clamd(bed).unix)
    bed.api.call("Accounts", "Update", "(sa{sv})", bed.ann, variants({"Addresses": [RECIPIENT, "anna@local.example"]}))
    for _, (interface, name), _ in CHECKS:
        bed.api.set(interface, name, "s", "off")


def add_rule(bed, kind, value, **columns):
    return bed.api.add("AccessList", Name="r", List="whitelist", Kind=kind, Value=value, **columns)


def test_matrix(bed):
    """By default as the table has it; a rule with a choice of its own spares that, and nothing else."""
    prepare(bed)
    assert send(bed) == TAKEN
    for check, (interface, name), reply in CHECKS:
        bed.api.set(interface, name, "s", "enforce")
        assert send(bed) == reply, check
        others = [other for other in ("dnsbl", "spf", "antivirus", "dkim", "dmarc") if other != check]
        for kind, value, spared in KINDS:
            row = add_rule(bed, kind, value)
            assert send(bed) == (TAKEN if check in spared else reply), (kind, check, "by default")
            bed.api.call("AccessList", "Update", "(sa{sv})", row, {"Skip": GLib.Variant("as", [check])})
            assert send(bed) == TAKEN, (kind, check, "chosen")
            bed.api.call("AccessList", "Update", "(sa{sv})", row, {"Skip": GLib.Variant("as", others)})
            assert send(bed) == reply, (kind, check, "all others chosen")
            bed.api.call("AccessList", "Remove", "(as)", [row])
        bed.api.set(interface, name, "s", "off")


def test_every_recipient_must_spare_it(bed):
    """A check of the message is spared by recipients' rules only if each who was accepted has one."""
    prepare(bed)
    for check in ("antivirus", "dkim", "dmarc"):
        interface, name, reply = next((*setting, reply) for known, setting, reply in CHECKS if known == check)
        bed.api.set(interface, name, "s", "enforce")
        rows = [add_rule(bed, "recipient", RECIPIENT, Skip=[check])]
        assert send(bed, (RECIPIENT,)) == TAKEN
        assert send(bed, (RECIPIENT, "anna@local.example")) == reply, check
        rows.append(add_rule(bed, "recipient", "anna@local.example", Skip=[check]))
        assert send(bed, (RECIPIENT, "anna@local.example")) == TAKEN, check
        bed.api.call("AccessList", "Remove", "(as)", rows)
        bed.api.set(interface, name, "s", "off")
