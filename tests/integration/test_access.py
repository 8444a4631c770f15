# SPDX-License-Identifier: GPL-3.0-or-later
"""AccessList beyond who wins (test_policy.py has that): rules that are off or run out, IPv6, domains and what is below them, what is
dropped, and rules that hit one's own. Each is set on the bus and seen on the wire, and Explain says the same."""
import time

from bus import BusError, variants
from clock import Clock
from gi.repository import GLib
from test_policy import CLOSED, MESSAGE, OPEN, STRANGER, TRUSTED, count, explained, judge


def add(bed, kind, value, which="blacklist", **more):
    return bed.api.add("AccessList", Name="r", List=which, Kind=kind, Value=value, **more)


def change(bed, rule, **columns):
    bed.api.call("AccessList", "Update", "(sa{sv})", rule, variants(columns))


def remove(bed, rule):
    bed.api.call("AccessList", "Remove", "(as)", [rule])


def agree(bed, reply, **case):
    """The wire and Explain both give this reply."""
    got = judge(bed, **case), explained(bed, **case)
    assert got == (reply, reply), (case, got)


def test_disabled_rules(bed):
    """A rule that is off counts for nothing, of every kind and on both lists."""
    bed.start()
    for kind, value in (("ip", STRANGER), ("network", "127.0.0.0/29"), ("sender", "a@ok.example"), ("recipient", "ann@local.example")):
        rule = add(bed, kind, value)
        agree(bed, CLOSED)
        change(bed, rule, Enabled=False)
        agree(bed, OPEN)
        change(bed, rule, Enabled=True)
        white = add(bed, "ip", STRANGER, "whitelist")
        agree(bed, OPEN)
        change(bed, white, Enabled=False)
        agree(bed, CLOSED)
        bed.api.call("AccessList", "Replace", "(aa{sv})", [])


def judge_six(bed):
    with bed.talk(source="::1", host="::1") as talk:
        talk.ehlo("mail.ok.example")
        talk.expect("MAIL FROM:<a@ok.example>", 250)
        code, text = talk.command("RCPT TO:<ann@local.example>")
        return f"{code} {text.split(' ')[0]}"


# networks and addresses as IPv6 has them; whether ::1 is meant
SIX = [("ip", "::1", True), ("ip", "0:0:0:0:0:0:0:1", True), ("ip", "::2", False), ("ip", "127.0.0.1", False), ("network", "::/64", True),
       ("network", "::1/128", True), ("network", "::2/127", False), ("network", "2001:db8::/32", False), ("network", "::/0", True),
       ("network", "ff00::1/::1", True), ("network", "ff00::2/::3", False), ("network", "0.0.0.0/0", False)]


def test_ipv6(bed):
    arguments = bed.postbusd.arguments
    bed.postbusd.arguments = lambda: [*arguments(), f"--listen=smtp:[::1]:{bed.port}"]
    bed.start()
    for kind, value, meant in SIX:
        rule = add(bed, kind, value)
        got = judge_six(bed), explained(bed, source="::1")
        assert got == ((CLOSED, CLOSED) if meant else (OPEN, OPEN)), (kind, value, got)
        remove(bed, rule)
    # An IPv4 client is its address, however that is written.
    rule = add(bed, "ip", f"::ffff:{STRANGER}")
    agree(bed, CLOSED)
    remove(bed, rule)
    for value in ("::1/129", "::1/255.0.0.0", "banana/64", "::g/64", ""):
        try:
            add(bed, "network", value)
        except BusError as error:
            assert error.name == "InvalidValue" and "Value" in error.text, (value, error)
        else:
            raise AssertionError(f"{value!r} was taken")


# a rule's domain, and which senders it spares the blocklist
DOMAINS = [
    ("ok.example", {"a@ok.example": True, "A@OK.Example": True, "a@sub.ok.example": False, "a@notok.example": False, "": False}),
    (".ok.example", {"a@ok.example": False, "a@sub.ok.example": True, "a@a.b.ok.example": True, "a@notok.example": False, "": False}),
]


def test_domains(bed):
    """A domain is exact; with a dot in front it is what is below it, and not the domain itself. On the whitelist alone."""
    bed.start()
    bed.dns.add("2.0.0.127.bl.example", "A", "127.0.0.2")
    bed.dns.add("7.0.0.127.bl.example", "A", "127.0.0.2")
    bed.api.add("DnsblZones", Zone="bl.example")
    bed.api.set("Dnsbl", "Policy", "s", "enforce")
    for value, senders in DOMAINS:
        rule = add(bed, "domain", value, "whitelist")
        for sender, spared in senders.items():
            agree(bed, OPEN if spared else CLOSED, sender=sender)
        remove(bed, rule)
    for value, which in (("ok.example", "blacklist"), ("..ok.example", "whitelist"), ("a b", "whitelist"), (".", "whitelist")):
        try:
            add(bed, "domain", value, which)
        except BusError as error:
            assert error.name == "InvalidValue", (value, which, error)
        else:
            raise AssertionError(f"{value!r} was taken on the {which}")


def test_discard_by_each_kind(bed):
    """Taken with 250 and dropped, whatever kind of rule says so; told to the counters and the history, and nobody else's mail goes."""
    bed.start()
    for number, (kind, value) in enumerate((("ip", STRANGER), ("network", "127.0.0.4/30"), ("sender", "a@ok.example"),
                                            ("recipient", "ann@local.example")), 1):
        rule = add(bed, kind, value, Action="discard")
        agree(bed, OPEN)
        before = count(bed, "discarded")
        bed.send("a@ok.example", ["ann@local.example"], MESSAGE, source=STRANGER)
        assert count(bed, "discarded") == before + 1, kind
        change(bed, rule, Action="reject")
        agree(bed, CLOSED)
        remove(bed, rule)
        bed.send("a@ok.example", ["ann@local.example"], MESSAGE, source=STRANGER)
        bed.wait_mails(bed.ann, number)
    bed.queue_empty()
    assert len(bed.mails(bed.ann)) == 4


def test_rules_run_out(bed):
    """A rule counts until the second that it names, while the server runs; a time that is set anew makes it count again."""
    clock = Clock(bed)
    bed.start()
    now = int(time.time())
    black = add(bed, "ip", STRANGER, Expires=GLib.Variant("t", now + 3600))
    white = add(bed, "network", "127.0.0.7/32", "whitelist", Expires=GLib.Variant("t", now + 1800))
    agree(bed, CLOSED)
    change(bed, black, Kind="sender", Value="a@ok.example")
    agree(bed, OPEN)
    clock.pass_time(1700)
    agree(bed, OPEN)
    clock.pass_time(200)  # the whitelist's has run out
    agree(bed, CLOSED)
    clock.pass_time(1800)
    agree(bed, OPEN)
    row = bed.api.call("AccessList", "Get", "(s)", black)[0]
    assert row["Expires"] == now + 3600, "what has run out is still there to be looked at"
    change(bed, black, Expires=GLib.Variant("t", now + 7200))
    agree(bed, CLOSED)
    change(bed, black, Expires=GLib.Variant("t", 0))
    clock.pass_time(400 * 86400)
    agree(bed, CLOSED)
    assert white


def test_sub_addresses(bed):
    """A rule for a recipient is for its sub-addresses too, as mail to them is its mail; one for the sub-address itself comes first."""
    bed.start()
    add(bed, "recipient", "ann@local.example")
    for recipient in ("ann@local.example", "ann+x@local.example", "Ann+X+y@LOCAL.example"):
        agree(bed, CLOSED, recipient=recipient)
    white = add(bed, "recipient", "ann+list@local.example", "whitelist")
    agree(bed, OPEN, recipient="ann+list@local.example")
    agree(bed, OPEN, recipient="ann+list+2@local.example")
    agree(bed, CLOSED, recipient="ann+lists@local.example")
    change(bed, white, Enabled=False)
    agree(bed, CLOSED, recipient="ann+list@local.example")
    bed.api.set("Mailboxes", "Delimiter", "s", "-")
    agree(bed, CLOSED, recipient="ann-x@local.example")
    agree(bed, "550 5.1.1", recipient="ann+x@local.example")
    bed.api.set("Mailboxes", "Delimiter", "s", "")
    agree(bed, "550 5.1.1", recipient="ann-x@local.example")
    bed.api.set("Mailboxes", "Delimiter", "s", "+")
    bed.api.add("DomainList", Name="b", Domain="backup.example", VerifyRecipients=False)
    add(bed, "recipient", "x@backup.example")
    agree(bed, CLOSED, recipient="x@backup.example")
    agree(bed, OPEN, recipient="x+y@backup.example")  # what a plus means there is not ours to say


def test_masks_with_gaps_have_an_end(bed):
    """Each costs every client a look-up: 64 different ones, however many rules; the error says so, and nothing is half done."""
    bed.start()

    def rows(masks, networks=1):
        return [variants({"Name": f"r{mask}.{network}", "Kind": "network", "List": "blacklist", "Value": f"10.{network}.0.1/255.{mask}.0.1"})
                for mask in range(masks) for network in range(networks)]

    def refused(method, signature, *arguments):
        try:
            bed.api.call("AccessList", method, signature, *arguments)
        except BusError as error:
            assert error.name == "TooLarge" and "64 different masks with gaps" in error.text, error
        else:
            raise AssertionError("more than 64 masks were taken")

    bed.api.call("AccessList", "Replace", "(aa{sv})", rows(64, 3))
    refused("Replace", "(aa{sv})", rows(65))
    refused("Add", "(a{sv})", rows(65)[-1])
    kept = bed.api.rows("AccessList")
    assert len(kept) == 64 * 3
    refused("Update", "(sa{sv})", kept[0]["Id"], variants({"Value": "10.0.0.1/255.0.1.1"}))
    add(bed, "network", "10.9.0.1/255.1.0.1")
    add(bed, "network", "192.0.2.0/24")
    assert len(bed.api.rows("AccessList")) == 64 * 3 + 2
    agree(bed, OPEN)
    bed.api.call("AccessList", "Remove", "(as)", [row["Id"] for row in kept[:3]])
    add(bed, "network", "126.0.0.7/254.0.0.7")
    agree(bed, CLOSED)


def report(bed):
    return [(severity, words) for place, severity, words in bed.api.call("Manager", "Validate")[0] if place.startswith("AccessList")]


def test_rules_for_our_own(bed):
    """They are obeyed, and the report says whose mail they stop; a whitelist rule for our own opens nothing."""
    bed.start()
    for kind, value in (("ip", TRUSTED), ("network", "127.0.0.0/8"), ("network", "0.0.0.0/0"), ("ip", "::1"), ("sender", "ann@local.example")):
        rule = add(bed, kind, value)
        [(severity, words)] = report(bed)
        assert severity == "warning" and "own mail" in words, (kind, value, severity, words)
        if value != "::1":
            agree(bed, CLOSED, source=TRUSTED, sender="ann@local.example")
        remove(bed, rule)
    for kind, value in (("ip", "192.0.2.1"), ("network", "192.0.2.0/24"), ("sender", "ann@elsewhere.example"), ("recipient", "ann@local.example")):
        rule = add(bed, kind, value)
        assert not report(bed), (kind, value, report(bed))
        remove(bed, rule)
    rule = add(bed, "ip", STRANGER, "whitelist")
    agree(bed, CLOSED, recipient="x@elsewhere.example", sender="ann@local.example")
    remove(bed, rule)
