# SPDX-License-Identifier: GPL-3.0-or-later
"""A thousand generated cases under generated settings: what Explain says is what happens, to the reply and to what is watched."""
import os
import random

import stub_dns
from bus import variants
from gi.repository import GLib
from test_policy import POLICIES, STRANGER, TRUSTED, explain, judge, names

CHECKS = [(interface, name) for interface, name, *_ in POLICIES] + [("MailAuth", "SpfPolicy"), ("Dnsbl", "Policy")]
RECORDS = {"pass.example": "v=spf1 ip4:127.0.0.0/8 -all", "fail.example": "v=spf1 -all", "soft.example": "v=spf1 ~all",
           "some.example": "v=spf1 ip4:127.0.0.7 include:fail.example -all", "torn.example": "v=spf1 nonsense", "slow.example": None}
VALUES = {"ip": [STRANGER, "127.0.0.8", TRUSTED, "::ffff:127.0.0.9"],
          "network": ["127.0.0.0/24", "127.0.0.0/8", "127.0.0.8/255.0.255.255", "127.0.0.7/32", "0.0.0.1/0.0.0.1", "::/0"],
          "sender": ["a@ok.example", "b@ok.example", "a@fail.example", "ann@local.example"],
          "recipient": ["ann@local.example", "ann+x@local.example", "postmaster@mail.local.example", "x@backup.example"],
          "domain": ["ok.example", ".ok.example", "fail.example", ".example"]}
SKIPS = ["dnsbl", "spf", "antivirus", "dkim", "dmarc"]


def set_up(bed):
    names(bed)
    for domain, record in RECORDS.items():
        bed.dns.add(domain, "A", "192.0.2.5")
        if record:
            bed.dns.add(domain, "TXT", record)
    bed.dns.add("slow.example", "TXT", "v=spf1 include:trouble.example -all")
    for trouble in ("trouble.example", "ill.example", "6.0.0.127.bl.example"):
        bed.dns.trouble[trouble] = stub_dns.SERVFAIL
    for zone, listed in (("bl.example", ("7", "8")), ("good.example", ("8", "9"))):
        bed.dns.add(f"2.0.0.127.{zone}", "A", "127.0.0.2")
        for last in listed:
            bed.dns.add(f"{last}.0.0.127.{zone}", "A", "127.0.0.2")
    bed.api.add("DnsblZones", Zone="bl.example")
    bed.api.add("DnsblZones", Zone="good.example", Score=GLib.Variant("i", -1))
    bed.api.add("DomainList", Name="b", Domain="backup.example", VerifyRecipients=False)
    bed.api.set("ConnectionPolicy", "MaxConnections", "u", 0)


def random_case(rng):
    """A question whose answer depends on every check."""
    return {"source": rng.choice([STRANGER, STRANGER, "127.0.0.6", "127.0.0.8", "127.0.0.9", "127.1.0.1", TRUSTED]),
            "helo": rng.choice(["mail.ok.example", "ok.example", "localhost", "nowhere.example", "[127.0.0.7]", "null.example",
                                "fail.example", "ill.example"]),
            "sender": rng.choice(["", "a@ok.example", "b@ok.example", "a@host", "a@nowhere.example", "a@null.example", "a@[192.0.2.1]",
                                  "ann@local.example", "A@OK.example", "c@sub.ok.example", "a@ill.example",
                                  *(f"a@{domain}" for domain in RECORDS)]),
            "recipient": rng.choice(["ann@local.example", "ann@local.example", "Ann@LOCAL.example", "ann+x@local.example",
                                     "ann+y@local.example", "nobody@local.example", "x@elsewhere.example", "postmaster",
                                     "x%y@local.example", "x@backup.example", "x@[192.0.2.1]", "postmaster@[127.0.0.1]",
                                     "ann@[127.0.0.1]"])}


def random_rule(rng, number):
    kind = rng.choice(list(VALUES))
    which = "whitelist" if kind == "domain" else rng.choice(["whitelist", "blacklist"])
    row = {"Name": f"r{number}", "Kind": kind, "Value": rng.choice(VALUES[kind]), "List": which, "Enabled": rng.random() < 0.9}
    if which == "blacklist":
        row["Action"] = rng.choice(["reject", "discard"])
    elif rng.random() < 0.5:
        row["Skip"] = rng.sample(SKIPS, rng.randrange(len(SKIPS)))
    if rng.random() < 0.2:
        row["Expires"] = GLib.Variant("t", rng.choice([1, 4_000_000_000]))
    return row


def random_settings(bed, rng):
    """Policies on or off, and some rules. Returns: the modes and rows, for the report of a failure."""
    modes = {name: rng.choice(["off", "watch", "enforce"]) for name in CHECKS}
    for (interface, name), mode in modes.items():
        bed.api.set(interface, name, "s", mode)
    bed.api.set("Dnsbl", "Threshold", "u", rng.choice([1, 1, 2]))
    bed.api.set("General", "AuthCheckSender", "b", rng.random() < 0.3)
    rows = [random_rule(rng, number) for number in range(rng.randrange(6))]
    bed.api.call("AccessList", "Replace", "(aa{sv})", [variants(row) for row in rows])
    return modes, rows


def watched(bed):
    return {name: value for name, value in bed.api.statistics().items() if name.startswith("watched.")}


def test_explain_agrees_with_the_wire(bed):
    bed.start()
    set_up(bed)
    rng = random.Random(int(os.environ.get("POSTBUS_SEED", "1")))
    replies, outcomes = {}, {}
    before = watched(bed)
    for _ in range(50):
        settings = random_settings(bed, rng)
        for _ in range(20):
            case = random_case(rng)
            wire, trail = judge(bed, **case), explain(bed, **case)
            told = " ".join(trail[-1]["Reply"].split(" ")[:2])
            assert wire == told, (case, wire, settings, trail)
            after = watched(bed)
            counted = sorted(name.removeprefix("watched.") for name, value in after.items() if value > before.get(name, 0))
            before = after
            assert counted == sorted(row["Check"] for row in trail if row["Outcome"] == "watched"), (case, counted, settings, trail)
            replies[wire] = replies.get(wire, 0) + 1
            for row in trail:
                outcomes.setdefault(row["Check"], set()).add(row["Outcome"])
    assert len(replies) >= 10, f"the cases are too much alike: {replies}"
    # Every check that a recipient meets has said nearly all that it can say.
    names_spared = set()
    for check in ("client-name", "helo-fqdn", "helo-domain", "sender-fqdn", "sender-domain", "dnsbl", "spf"):
        assert outcomes[check] >= {"pass", "refused", "watched", "exempt"}, (check, outcomes[check])
        names_spared |= {check} & {name for name, said in outcomes.items() if "skipped" in said}
    assert {"dnsbl", "spf"} < names_spared, names_spared
    for check in ("access-client", "access-envelope"):
        assert outcomes[check] >= {"pass", "refused", "discarded"}, (check, outcomes[check])
    assert "skipped" in outcomes["access-envelope"] and "trouble" in outcomes["spf"], outcomes
