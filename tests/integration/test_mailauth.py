# SPDX-License-Identifier: GPL-3.0-or-later
"""Blocklists and SPF on the wire: set on the bus, told by the DNS, answered at RCPT."""
import stub_dns
from bus import variants
from gi.repository import GLib
from harness import wait_for
from test_policy import STRANGER, TRUSTED, count, judge

OPEN, LISTED, FAIL, LATER = "250 2.1.5", "554 5.7.1", "550 5.7.23", "451 4.7.24"


def add_list(bed, zone, well=True, **columns):
    """A blocklist that works names its test address."""
    if well:
        bed.dns.add(f"2.0.0.127.{zone}", "A", "127.0.0.2")
    return bed.api.add("DnsblZones", Zone=zone, **columns)


def alerts(bed):
    return {(row["Name"], row["Subject"]) for row in bed.api.call("Alerts", "List", "()")[0]}


def test_blocklists(bed):
    """Scores add up against the threshold; codes choose; watch counts; the exempt and the spared pass."""
    bed.start()
    bed.dns.add("7.0.0.127.one.example", "A", "127.0.0.3")
    bed.dns.add("7.0.0.127.two.example", "A", "127.0.0.9")
    bed.dns.add("7.0.0.127.good.example", "A", "127.0.0.2")
    one = add_list(bed, "one.example", Score=GLib.Variant("i", 2))
    assert judge(bed) == OPEN, "off"
    bed.api.set("Dnsbl", "Policy", "s", "watch")
    assert judge(bed) == OPEN and count(bed, "watched.dnsbl") == 1
    bed.api.set("Dnsbl", "Policy", "s", "enforce")
    assert judge(bed) == LISTED and count(bed, "refused.dnsbl") == 1
    assert judge(bed, source="127.0.0.8") == OPEN
    assert judge(bed, source=TRUSTED) == OPEN, "exempt"
    with bed.talk(source=STRANGER) as talk:
        talk.expect("EHLO x.example", 250)
        talk.expect("MAIL FROM:<a@ok.example>", 250)
        _, text = talk.command("RCPT TO:<ann@local.example>")
        assert "127.0.0.7 is on one.example (127.0.0.3), score 2 of 1" in text, text
    bed.api.set("Dnsbl", "Threshold", "u", 3)
    assert judge(bed) == OPEN, "below the threshold"
    add_list(bed, "two.example", Codes=["127.0.0.4"])
    assert judge(bed) == OPEN, "another code"
    bed.api.call("DnsblZones", "Remove", "(as)", [one])
    bed.api.set("Dnsbl", "Threshold", "u", 1)
    add_list(bed, "three.example", Codes=["127.0.0.9", "127.0.0.5"])
    bed.dns.add("7.0.0.127.three.example", "A", "127.0.0.5")
    assert judge(bed) == LISTED, "a code that counts"
    add_list(bed, "good.example", Score=GLib.Variant("i", -1))
    assert judge(bed) == OPEN, "a list of good hosts"


def test_blocklists_spared(bed):
    """What rules of the AccessList spare: by default all whitelist rules spare this check."""
    bed.start()
    bed.dns.add("7.0.0.127.one.example", "A", "127.0.0.3")
    add_list(bed, "one.example")
    bed.api.set("Dnsbl", "Policy", "s", "enforce")
    for kind, value in (("ip", STRANGER), ("network", "127.0.0.0/24"), ("domain", "ok.example"),
                        ("sender", "a@ok.example"), ("recipient", "ann@local.example")):
        assert judge(bed) == LISTED, kind
        row = bed.api.add("AccessList", Name="r", List="whitelist", Kind=kind, Value=value)
        assert judge(bed) == OPEN, kind
        bed.api.call("AccessList", "Update", "(sa{sv})", row, {"Skip": GLib.Variant("as", ["spf"])})
        assert judge(bed) == LISTED, f"{kind}, sparing SPF alone"
        bed.api.call("AccessList", "Remove", "(as)", [row])


def test_ill_blocklists(bed):
    """Lists that are parked, refuse us, name all or nobody are told, not asked, and never refuse."""
    bed.start()
    for zone, answer in (("parked.example", "192.0.2.80"), ("refuses.example", "127.255.255.254"),
                         ("all.example", "127.0.0.2")):
        for name in ("2.0.0.127", "1.0.0.127", "7.0.0.127"):
            bed.dns.add(f"{name}.{zone}", "A", answer)
        add_list(bed, zone, well=False)
    bed.dns.add("7.0.0.127.empty.example", "A", "127.0.0.2")
    add_list(bed, "empty.example", well=False)
    bed.api.set("Dnsbl", "Policy", "s", "enforce")
    zones = ("parked.example", "refuses.example", "all.example", "empty.example")
    wait_for(lambda: alerts(bed) == {("blocklist-ill", zone) for zone in zones}, "an alert for each")
    assert judge(bed) == OPEN
    assert not any(name.startswith("7.0.0.127.") for name, _ in bed.dns.queries), "none of them is asked"
    bed.api.set("Dnsbl", "Policy", "s", "off")
    wait_for(lambda: not alerts(bed), "no alert for lists that nobody asks")


def test_falls_ill(bed):
    """A list that was well and answers nonsense to a client's question is told at once."""
    bed.start()
    add_list(bed, "one.example")
    bed.dns.add("7.0.0.127.one.example", "A", "127.255.255.252")
    bed.api.set("Dnsbl", "Policy", "s", "enforce")
    bed.dns.wait_query("2.0.0.127.one.example")
    assert judge(bed) == OPEN
    wait_for(lambda: alerts(bed) == {("blocklist-ill", "one.example")}, "the alert")


def test_silent_blocklist(bed):
    """No answer in time: open."""
    bed.start()
    for trouble in (stub_dns.SERVFAIL, stub_dns.SILENCE):
        zone = f"{trouble.lower()}.example"
        bed.dns.trouble[f"7.0.0.127.{zone}"] = trouble
        add_list(bed, zone)
    bed.api.set("Dnsbl", "Policy", "s", "enforce")
    assert judge(bed) == OPEN


# the sender's domain's record, and what comes of it at enforce
SPF = [
    ("none.example", None, OPEN),
    ("pass.example", "v=spf1 ip4:127.0.0.7 -all", OPEN),
    ("fail.example", "v=spf1 ip4:192.0.2.1 -all", FAIL),
    ("soft.example", "v=spf1 ~all", OPEN),
    ("neutral.example", "v=spf1 ?all", OPEN),
    ("broken.example", "v=spf1 nonsense -all", OPEN),
    ("inc.example", "v=spf1 include:pass.example -all", OPEN),
    ("slow.example", "v=spf1 include:trouble.example -all", LATER),
]


def test_spf(bed):
    bed.start()
    bed.dns.trouble["trouble.example"] = stub_dns.SERVFAIL
    for domain, record, _ in SPF:
        if record is not None:
            bed.dns.add(domain, "TXT", record)
    for mode in ("watch", "off", "enforce"):
        bed.api.set("MailAuth", "SpfPolicy", "s", mode)
        for domain, _, reply in SPF:
            before = count(bed, "watched.spf"), count(bed, "refused.spf")
            assert judge(bed, sender=f"a@{domain}") == (reply if mode == "enforce" else OPEN), (domain, mode)
            after = count(bed, "watched.spf"), count(bed, "refused.spf")
            # Trouble is no refusal that watch could tell of.
            watched, refused = reply == FAIL and mode == "watch", reply != OPEN and mode == "enforce"
            assert after == (before[0] + watched, before[1] + refused), (domain, mode)
    assert judge(bed, sender="a@fail.example", source=TRUSTED) == OPEN, "exempt"
    assert judge(bed, sender="a@slow.example", recipient="x@elsewhere.example") == "554 5.7.1", "a 5xx comes first"
    # The null sender is checked by HELO's name (RFC 7208 2.4).
    assert judge(bed, sender="", helo="fail.example") == FAIL
    assert judge(bed, sender="", helo="pass.example") == OPEN
    assert judge(bed, sender="a@none.example", helo="fail.example") == OPEN
    row = bed.api.add("AccessList", Name="r", List="whitelist", Kind="sender", Value="a@fail.example")
    assert judge(bed, sender="a@fail.example") == OPEN, "spared"
    bed.api.call("AccessList", "Remove", "(as)", [row])
    assert judge(bed, sender="a@fail.example") == FAIL


def test_explained(bed):
    """Explain tells what the blocklists and SPF say, with the evidence."""
    bed.start()
    bed.dns.add("7.0.0.127.one.example", "A", "127.0.0.3")
    bed.dns.add("fail.example", "TXT", "v=spf1 -all")
    add_list(bed, "one.example")
    bed.api.set("Dnsbl", "Policy", "s", "watch")
    given = {"Ip": STRANGER, "Helo": "h.example", "Sender": "a@fail.example", "Recipient": "ann@local.example"}
    trail = {row["Check"]: row for row in bed.api.call("Diagnostics", "Explain", "(a{sv})", variants(given))[0]}
    assert trail["dnsbl"]["Outcome"] == "watched" and "one.example (127.0.0.3)" in trail["dnsbl"]["Evidence"], trail
    assert trail["spf"]["Outcome"] == "watched" and trail["spf"]["Evidence"] == "fail for fail.example (-all)", trail
