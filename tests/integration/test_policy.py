# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of Security, each a row here: set on the bus, seen on the wire; off, watch, enforce, exempt, DNS gone."""
import os
import sqlite3
import threading
import time

import stub_dns
from clock import Clock
from bus import NAME, PATH, Api, BusError, variants
from gi.repository import Gio, GLib
from harness import wait_for

MESSAGE = b"From: a@ok.example\r\nTo: ann@local.example\r\nSubject: policy\r\n\r\nBody\r\n"
STRANGER = "127.0.0.7"
TRUSTED = "127.0.0.1"
OPEN, CLOSED = "250 2.1.5", "554 5.7.1"


def counters(bed):
    """What counts up, without the figures of this moment: mail may still be on its way."""
    return {name: value for name, value in bed.api.statistics().items() if not name.startswith("queue.") and name != "sessions"}


def names(bed):
    """Who is right: 127.0.0.7 is mail.ok.example, whose sender's domain is ok.example. Nobody else is in the DNS."""
    bed.dns.add("7.0.0.127.in-addr.arpa", "PTR", "mail.ok.example")
    bed.dns.add("mail.ok.example", "A", STRANGER)
    bed.dns.add("ok.example", "MX", (10, "mail.ok.example"))
    bed.dns.add("address.example", "A", "192.0.2.1")
    bed.dns.add("six.example", "AAAA", "2001:db8::1")
    bed.dns.add("null.example", "MX", (0, "."))
    bed.dns.add("8.0.0.127.in-addr.arpa", "PTR", "liar.ok.example")
    bed.dns.add("liar.ok.example", "A", "192.0.2.8")
    for number in range(10):
        bed.dns.add("9.0.0.127.in-addr.arpa", "PTR", f"n{number}.ok.example")
        bed.dns.add(f"n{number}.ok.example", "A", "192.0.2.9")
    bed.dns.add("n9.ok.example", "A", "127.0.0.9")


def judge(bed, source=STRANGER, helo="mail.ok.example", sender="a@ok.example", recipient="ann@local.example"):
    """What RCPT is answered, or the greeting if that turns the client away, and that nothing between them is refused."""
    with bed.talk(source=source) as talk:
        if talk.greeting[0] != 220:
            return f"{talk.greeting[0]} {talk.greeting[1].split(' ')[0]}"
        talk.expect(f"EHLO {helo}", 250)
        talk.expect(f"MAIL FROM:<{sender}>", 250)
        code, text = talk.command(f"RCPT TO:<{recipient}>")
        return f"{code} {text.split(' ')[0]}"


def count(bed, name):
    return bed.api.statistics().get(name, 0)


# setting, check, what passes, what does not and its reply
POLICIES = [
    ("SenderPolicy", "RejectNonFqdnSender", "sender-fqdn",
     [{"sender": ""}, {"sender": "a@[192.0.2.1]"}, {}], [({"sender": "a@host"}, "504 5.5.2")]),
    ("SenderPolicy", "RejectUnknownSenderDomain", "sender-domain",
     [{"sender": ""}, {"sender": "a@[192.0.2.1]"}, {}, {"sender": "a@address.example"}, {"sender": "a@six.example"},
      {"sender": "x@local.example"}],
     [({"sender": "a@nowhere.example"}, "450 4.1.8"), ({"sender": "a@null.example"}, "550 5.7.27")]),
    ("ConnectionPolicy", "RejectUnknownClientHostname", "client-name",
     [{}, {"source": "127.0.0.9"}], [({"source": "127.0.0.8"}, "450 4.7.25"), ({"source": "127.0.0.6"}, "450 4.7.25")]),
    ("Advanced", "RejectNonFqdnHelo", "helo-fqdn",
     [{}, {"helo": "[127.0.0.7]"}, {"helo": "nowhere.example"}], [({"helo": "localhost"}, "504 5.5.2")]),
    ("Advanced", "RejectUnknownHelo", "helo-domain",
     [{}, {"helo": "[127.0.0.7]"}, {"helo": "ok.example"}, {"helo": "six.example"}, {"helo": "null.example"}],
     [({"helo": "nowhere.example"}, "450 4.7.1")]),
]


def test_policies(bed):
    bed.start()
    names(bed)
    for interface, name, check, passes, refused in POLICIES:
        for mode in ("watch", "enforce", "off"):
            bed.api.set(interface, name, "s", mode)
            before = count(bed, f"watched.{check}"), count(bed, f"refused.{check}")
            for each in passes:
                assert judge(bed, **each) == "250 2.1.5", (name, mode, each)
            assert (count(bed, f"watched.{check}"), count(bed, f"refused.{check}")) == before, (name, mode)
            for each, reply in refused:
                got = judge(bed, **each)
                assert got == (reply if mode == "enforce" else "250 2.1.5"), (name, mode, each, got)
                if "source" not in each:
                    assert judge(bed, **{**each, "source": TRUSTED}) == "250 2.1.5", "exempt"
                else:
                    row = bed.api.add("TrustedList", Name="exempt", Network=each["source"])
                    assert judge(bed, **each) == "250 2.1.5", "exempt"
                    bed.api.call("TrustedList", "Remove", "(as)", [row])
            after = count(bed, f"watched.{check}"), count(bed, f"refused.{check}")
            told = len(refused)
            assert after == (before[0] + told * (mode == "watch"), before[1] + told * (mode == "enforce")), (name, mode, before, after)


DNS_CHECKS = [("client-name", "ConnectionPolicy", "RejectUnknownClientHostname", "7.0.0.127.in-addr.arpa"),
              ("helo-domain", "Advanced", "RejectUnknownHelo", "mail.ok.example"),
              ("sender-domain", "SenderPolicy", "RejectUnknownSenderDomain", "ok.example")]


def test_dns_gone(bed):
    """Trouble in the DNS puts off, never refuses for good, and gives way to a 5xx."""
    bed.start()
    names(bed)
    for check, interface, name, subject in DNS_CHECKS:
        bed.dns.trouble[subject] = stub_dns.SERVFAIL
        bed.api.set(interface, name, "s", "watch")
        assert judge(bed) == OPEN, check
        bed.api.set(interface, name, "s", "enforce")
        before = count(bed, f"refused.{check}")
        assert judge(bed) == "451 4.4.3", check
        assert count(bed, f"refused.{check}") == before + 1
        assert judge(bed, recipient="x@elsewhere.example") == CLOSED, check
        assert judge(bed, recipient="nobody@local.example") == "550 5.1.1", check
        assert judge(bed, source=TRUSTED) == OPEN, check
        bed.api.set(interface, name, "s", "off")


def test_dns_silent(bed):
    """A server that does not answer is waited for, but not without end; others are served meanwhile, and the session goes on."""
    bed.start()
    names(bed)
    for check, interface, name, subject in DNS_CHECKS:
        bed.dns.trouble[subject] = stub_dns.SILENCE
        bed.api.set(interface, name, "s", "enforce")
        with bed.talk(source=STRANGER) as talk:
            talk.expect("EHLO mail.ok.example", 250)
            talk.expect("MAIL FROM:<a@ok.example>", 250)
            talk.send(b"RCPT TO:<ann@local.example>\r\n")
            bed.dns.wait_query(subject)
            assert judge(bed, source=TRUSTED) == OPEN, check
            code, text = talk.reply()
            assert code == 451 and text.startswith("4.4.3"), (check, text)
            talk.expect("RCPT TO:<x@elsewhere.example>", 554)
            talk.expect("RCPT TO:<nobody@local.example>", 550)
        with bed.talk(source=STRANGER) as talk:  # one who does not wait for it leaves nothing behind
            talk.expect("EHLO mail.ok.example", 250)
            talk.expect("MAIL FROM:<a@ok.example>", 250)
            talk.send(b"RCPT TO:<ann@local.example>\r\n")
        bed.api.set(interface, name, "s", "off")


def test_always_allowed(bed):
    """A whitelisted IP address is spared names and blacklists of addresses; no relay is had by it, nobody made known."""
    bed.start()
    for interface, name, *_ in POLICIES:
        bed.api.set(interface, name, "s", "enforce")
    bed.api.add("AccessList", Name="no", List="blacklist", Kind="recipient", Value="ann@local.example")
    assert judge(bed, helo="localhost", sender="a@host") == "504 5.5.2"
    bed.api.add("AccessList", Name="yes", List="whitelist", Kind="ip", Value=STRANGER)
    assert judge(bed, helo="localhost", sender="a@host") == "250 2.1.5"
    trail = {row["Check"]: (row["Outcome"], row["Evidence"]) for row in explain(bed, helo="localhost", sender="a@host")}
    for check in ("client-name", "helo-fqdn", "helo-domain", "sender-fqdn", "sender-domain"):
        assert trail[check] == ("skipped", 'rule "yes" spares it'), trail
    assert trail["access-envelope"] == ("skipped", f'whitelist rule "yes" (ip {STRANGER}) wins over '
                                        'blacklist rule "no" (recipient ann@local.example)'), trail
    assert judge(bed, sender="a@nowhere.example") == "250 2.1.5"
    assert judge(bed, recipient="x@elsewhere.example") == "554 5.7.1"
    assert judge(bed, recipient="nobody@local.example") == "550 5.1.1"


# rules, and who is answered how: kind, value, list, action
ACCESS = [
    ("an address", [("ip", STRANGER, "blacklist")], [({}, CLOSED), ({"source": "127.0.0.8"}, OPEN)]),
    ("exempt clients are bound too", [("ip", TRUSTED, "blacklist")], [({"source": TRUSTED}, CLOSED)]),
    ("whitelist first", [("ip", STRANGER, "blacklist"), ("ip", STRANGER, "whitelist")], [({}, OPEN)]),
    ("address before network", [("ip", STRANGER, "blacklist"), ("network", "127.0.0.0/8", "whitelist")], [({}, CLOSED)]),
    ("narrow before wide", [("network", "127.0.0.0/8", "whitelist"), ("network", "127.0.0.0/24", "blacklist"),
                            ("network", "127.0.0.7/32", "whitelist")],
     [({}, OPEN), ({"source": "127.0.0.8"}, CLOSED), ({"source": "127.0.1.8"}, OPEN)]),
    ("a mask with gaps", [("network", "127.5.0.1/255.0.0.1", "blacklist")], [({}, CLOSED), ({"source": "127.0.0.8"}, OPEN)]),
    ("a sender", [("sender", "A@OK.example", "blacklist")], [({}, CLOSED), ({"sender": "b@ok.example"}, OPEN), ({"sender": ""}, OPEN)]),
    ("a recipient", [("recipient", "ann@local.example", "blacklist")], [({}, CLOSED), ({"recipient": "postmaster@local.example"}, OPEN)]),
    ("sender and recipient are equals", [("sender", "a@ok.example", "whitelist"), ("recipient", "ann@local.example", "blacklist")],
     [({}, OPEN), ({"sender": "b@ok.example"}, CLOSED)]),
    ("domain comes last", [("domain", "ok.example", "whitelist"), ("sender", "a@ok.example", "blacklist")], [({}, CLOSED)]),
    ("network before sender", [("network", "127.0.0.0/24", "whitelist"), ("sender", "a@ok.example", "blacklist")], [({}, OPEN)]),
    ("nobody relays by it", [("ip", STRANGER, "whitelist"), ("domain", "ok.example", "whitelist"), ("sender", "a@ok.example", "whitelist"),
                             ("recipient", "x@elsewhere.example", "whitelist")], [({"recipient": "x@elsewhere.example"}, CLOSED)]),
    ("nobody is made known by it", [("recipient", "nobody@local.example", "whitelist")], [({"recipient": "nobody@local.example"}, "550 5.1.1")]),
]


def test_access(bed):
    bed.start()
    for what, rules, cases in ACCESS:
        bed.api.call("AccessList", "Replace", "(aa{sv})", [variants(
            {"Name": "r", "Kind": kind, "Value": value, "List": which}) for kind, value, which in rules])
        for each, reply in cases:
            got = judge(bed, **each)
            assert got == reply, (what, each, got)


def test_access_hits_and_expiry(bed):
    bed.start()
    rule = bed.api.add("AccessList", Name="r", List="blacklist", Kind="ip", Value=STRANGER)
    revision = bed.api.get("Manager", "Revision")
    for _ in range(3):
        assert judge(bed) == CLOSED

    def hits():
        return bed.api.call("AccessList", "Get", "(s)", rule)[0]

    assert hits()["Hits"] == 3 and hits()["LastHit"] > 1_000_000_000
    assert bed.api.get("Manager", "Revision") == revision
    bed.postbusd.restart()
    bed.api.wait_running(bed.postbusd.check_alive)
    assert hits()["Hits"] == 3 and hits()["LastHit"] > 1_000_000_000
    bed.api.call("AccessList", "Update", "(sa{sv})", rule, variants({"Name": "again"}))
    assert hits()["Hits"] == 3
    bed.api.call("AccessList", "Update", "(sa{sv})", rule, {"Expires": GLib.Variant("t", 1000)})
    assert judge(bed) == OPEN
    assert hits()["Hits"] == 3
    bed.api.call("AccessList", "Remove", "(as)", [rule])
    for _ in range(2):  # a start finds that the rule is gone, the next that what was kept of it is
        bed.postbusd.restart()
        bed.api.wait_running(bed.postbusd.check_alive)
    bed.postbusd.stop()
    with sqlite3.connect(os.path.join(bed.state, "settings.db")) as database:
        assert database.execute("SELECT count(*) FROM hit").fetchone() == (0,)


def test_discard(bed):
    """250, and nothing comes; a recipient's rule drops only that one; the others get it."""
    bed.start()
    bed.api.add("AccessList", Name="r", List="blacklist", Kind="recipient", Value="postmaster@local.example", Action="discard")
    bed.send("a@ok.example", ["postmaster@local.example", "ann@local.example"], MESSAGE, source=STRANGER)
    bed.wait_mails(bed.ann, 1)
    assert count(bed, "discarded") == 1
    bed.send("a@ok.example", ["postmaster@local.example"], MESSAGE, source=STRANGER)
    bed.api.add("AccessList", Name="all", List="blacklist", Kind="ip", Value=STRANGER, Action="discard")
    bed.send("a@ok.example", ["ann@local.example", "nobody@local.example", "x@elsewhere.example"], MESSAGE, source=STRANGER)
    assert count(bed, "discarded") == 5
    bed.queue_empty()
    assert len(bed.mails(bed.ann)) == 1 and not bed.mails("postmaster")


def test_messages_per_minute(bed):
    bed.start()
    bed.api.set("ConnectionPolicy", "MaxMessagesPerMinute", "u", 2)
    with bed.talk(source=STRANGER) as talk:
        talk.ehlo()
        for _ in range(2):
            talk.expect("MAIL FROM:<a@ok.example>", 250)
            talk.expect("RSET", 250)
        assert talk.command("MAIL FROM:<a@ok.example>")[0] == 450
    assert count(bed, "refused.message-rate") == 1
    assert judge(bed, source="127.0.0.8") == OPEN, "another client's minute is its own"
    for _ in range(4):
        assert judge(bed, source=TRUSTED) == OPEN
    bed.api.set("ConnectionPolicy", "MaxMessagesPerMinute", "u", 0)
    assert judge(bed) == OPEN


def test_connections_per_minute(bed):
    bed.start()
    bed.api.set("ConnectionPolicy", "MaxConnectionsPerMinute", "u", 2)
    for _ in range(2):
        assert judge(bed) == OPEN
    with bed.talk(source=STRANGER, greet=False) as talk:
        code, text = talk.reply()
        assert code == 421 and text.startswith("4.7.0"), text
        assert talk.at_end() == b""
    for _ in range(4):
        assert judge(bed, source=TRUSTED) == OPEN
    assert judge(bed, source="127.0.0.8") == OPEN
    bed.api.set("ConnectionPolicy", "MaxConnectionsPerMinute", "u", 0)
    assert judge(bed) == OPEN


def test_unknown_recipients(bed):
    """Three distinct ones may be tried; the next blocks until midnight, over a restart, until it is lifted."""
    Clock(bed).noon()
    bed.start()
    bed.api.set("Advanced", "MaxUnknownRecipients", "u", 3)
    for _ in range(2):
        for name in ("a", "B", "c"):
            assert judge(bed, recipient=f"{name}@local.example") == "550 5.1.1"
    for number in range(5):
        assert judge(bed, source=TRUSTED, recipient=f"t{number}@local.example") == "550 5.1.1"
    assert judge(bed, recipient="d@local.example") == "421 4.7.0"
    assert count(bed, "refused.unknown-recipients") == 1
    bed.postbusd.restart()
    bed.api.wait_running(bed.postbusd.check_alive)
    with bed.talk(source=STRANGER, greet=False) as talk:
        code, text = talk.reply()
        assert code == 421 and text.startswith("4.7.0 Blocked until 2"), text
    total, [block] = bed.api.call("Blocks", "List", "(a{sv}uu)", {}, 0, 10)
    assert total == 1 and block["Subject"] == STRANGER and block["Reason"] == "unknown-recipients", block
    assert 0 < block["Expires"] - block["Since"] <= 25 * 3600
    assert judge(bed, source="127.0.0.8") == OPEN
    bed.api.call("Blocks", "Lift", "(as)", [block["Id"]])
    wait_for(lambda: judge(bed) == OPEN, "the lifted block")


def explain(bed, source=STRANGER, helo="mail.ok.example", sender="a@ok.example", recipient="ann@local.example", **more):
    question = {"Ip": source, "Helo": helo, "Sender": sender, "Recipient": recipient, **more}
    return bed.api.call("Diagnostics", "Explain", "(a{sv})", variants(question))[0]


def explained(bed, **question):
    """What judge() would say."""
    return " ".join(explain(bed, **question)[-1]["Reply"].split(" ")[:2])


def test_explain(bed):
    """The trail in order, with the check that decides last; contradicting rules are named; nothing is counted."""
    bed.start()
    names(bed)
    bed.api.add("AccessList", Name="net", List="whitelist", Kind="network", Value="127.0.0.0/24")
    bed.api.add("AccessList", Name="addr", List="blacklist", Kind="sender", Value="a@ok.example")
    for interface, name, *_ in POLICIES:
        bed.api.set(interface, name, "s", "enforce")
    before = counters(bed)
    trail = explain(bed)
    assert [(row["Stage"], row["Check"], row["Outcome"]) for row in trail] == [
        ("connect", "blocks", "pass"), ("connect", "connections", "pass"),
        ("rcpt", "access-client", "pass"), ("rcpt", "client-name", "pass"), ("rcpt", "helo-fqdn", "pass"), ("rcpt", "helo-domain", "pass"),
        ("rcpt", "sender-fqdn", "pass"), ("rcpt", "sender-domain", "pass"), ("rcpt", "relay", "pass"), ("rcpt", "recipient", "pass"),
        ("rcpt", "access-envelope", "skipped"), ("rcpt", "spf", "skipped"), ("rcpt", "recipient-limit", "pass"),
        ("data", "dmarc", "unseen"), ("rcpt", "decision", "pass")], trail
    words = {row["Check"]: row["Evidence"] for row in trail}
    assert words["access-envelope"] == ('whitelist rule "net" (network 127.0.0.0/24) wins over '
                                        'blacklist rule "addr" (sender a@ok.example)'), words
    assert words["client-name"] == "127.0.0.7 leads to a name that leads back" and words["decision"] == "nothing objects", words
    assert trail[-1]["Reply"] == "250 2.1.5 Recipient ok"
    trail = explain(bed, helo="localhost")
    assert trail[-2]["Check"] == "helo-fqdn" and trail[-2]["Outcome"] == "refused" and trail[-2]["Reply"] == "504 5.5.2", trail
    assert trail[-1]["Evidence"] == "decided by helo-fqdn" and trail[-1]["Reply"].startswith("504 5.5.2 HELO name localhost"), trail
    assert explained(bed, recipient="x@elsewhere.example") == "554 5.7.1"
    assert explained(bed, recipient="x@elsewhere.example", Login="ann") == "250 2.1.5"
    assert explained(bed, recipient="x@elsewhere.example", source=TRUSTED) == "250 2.1.5"
    rows = {row["Check"]: row["Outcome"] for row in explain(bed, source=TRUSTED)}
    assert rows["relay"] == rows["client-name"] == "exempt", rows
    assert bed.api.call("Diagnostics", "Explain", "(a{sv})", variants({"Ip": "192.0.2.1"}))[0][-1]["Reply"].startswith("220 ")
    after = counters(bed)
    assert before == after, (before, after)


def test_explain_names_what_is_wrong(bed):
    bed.start()
    for question, place in (({}, "Ip"), ({"Ip": "banana"}, "Ip"), ({"Ip": 7}, "Ip"), ({"Ip": STRANGER, "Helo": "a b"}, "Helo"),
                            ({"Ip": STRANGER, "Sender": "a b@x"}, "Sender"), ({"Ip": STRANGER, "Sender": "a@b>\r\n"}, "Sender"),
                            ({"Ip": STRANGER, "Recipient": ""}, "Recipient"), ({"Ip": STRANGER, "Recipient": "@"}, "Recipient"),
                            ({"Ip": STRANGER, "Login": "nobody"}, "Login"), ({"Ip": STRANGER, "Tls": "yes"}, "Tls"),
                            ({"Ip": STRANGER, "Banana": "x"}, "Banana"), ({"Ip": STRANGER, "Helo": "x" * 5000}, "Helo")):
        try:
            bed.api.call("Diagnostics", "Explain", "(a{sv})", variants(question))
        except BusError as error:
            assert error.name == "InvalidValue" and f"Diagnostics.Explain: {place}:" in error.text, (question, error.text)
        else:
            raise AssertionError(f"{question} was taken")
    twice = GLib.Variant.parse(None, "({'Ip': <'192.0.2.1'>, 'Sender': <'a@b.example'>, 'Sender': <'c@d.example'>},)", None, None)
    try:
        bed.api.raw_call(f"{NAME}.Diagnostics", "Explain", twice)
    except BusError as error:
        assert error.name == "InvalidValue" and "Diagnostics.Explain: Sender: is given twice" in error.text, error.text
    else:
        raise AssertionError("a key was taken twice")


def test_explain_does_not_wait_for_ever(bed):
    """While the DNS is silent a question ends; more than 32 at once are told so, mail goes on, and the end of the server ends them."""
    bed.start()
    bed.api.set("Advanced", "RejectUnknownHelo", "s", "enforce")
    bed.dns.everything = stub_dns.SILENCE
    assert explained(bed) == "451 4.4.3"
    ended = []
    begun = time.monotonic()

    def on_ended(connection, result):
        try:
            connection.call_finish(result)
            ended.append("answered")
        except GLib.Error as error:
            ended.append(Gio.DBusError.get_remote_error(error).removeprefix(f"{NAME}.Error."))

    for number in range(32):
        question = {"Ip": STRANGER, "Helo": f"h{number}.ok.example", "Recipient": "ann@local.example"}
        bed.api.connection.call(NAME, PATH, f"{NAME}.Diagnostics", "Explain", GLib.Variant("(a{sv})", (variants(question),)), None,
                         Gio.DBusCallFlags.NONE, 240000, None, on_ended)
    bed.dns.wait_query("h31.ok.example")
    try:
        explain(bed)
    except BusError as refusal:
        assert refusal.name == "Busy", refusal
    else:
        raise AssertionError("more than 32 at once")
    assert judge(bed, source=TRUSTED) == OPEN
    in_time = time.monotonic() < begun + 4  # none of them has been given up yet
    bed.postbusd.stop()
    context = GLib.MainContext.default()
    wait_for(lambda: context.iteration(False) is None or len(ended) == 32, "all to be ended")
    assert set(ended) == {"Unavailable"} or not in_time, ended


def replay(bed, draft, since=0):
    """How many were judged, and who would be judged otherwise: recipient to (before, after, check)."""
    packed = {interface: {name: GLib.Variant("s" if isinstance(value, str) else "u", value) for name, value in settings.items()}
              for interface, settings in draft.items()}
    judged, changed = bed.api.call("Diagnostics", "Replay", "(a{sa{sv}}t)", packed, since)
    return judged, sorted((row["Sender"], row["Recipient"], row["Before"], row["After"], row["AfterCheck"]) for row in changed)


def test_replay(bed):
    """What settings would have done: to what was taken, and to what was refused for another reason; nothing is changed by asking."""
    bed.start()
    names(bed)
    bed.send("a@host", ["ann@local.example"], MESSAGE, source=STRANGER)
    bed.send("a@ok.example", ["ann@local.example"], MESSAGE, source=STRANGER)
    bed.send("a@nowhere.example", ["ann@local.example", "postmaster@local.example"], MESSAGE, source=STRANGER)
    bed.send("a@nowhere.example", ["ann@local.example"], MESSAGE, source=TRUSTED)
    assert judge(bed, sender="b@host", recipient="x@elsewhere.example") == "554 5.7.1"
    wait_for(lambda: bed.api.call("History", "Search", "(a{sv}uu)", {}, 0, 10)[0] >= 5, "the history")
    wait_for(lambda: count(bed, "delivered") == 5, "the deliveries")
    revision = bed.api.get("Manager", "Revision")
    before = counters(bed)
    assert replay(bed, {}) == (6, [])
    assert replay(bed, {"SenderPolicy": {"RejectNonFqdnSender": "watch"}}) == (6, [])
    judged, changed = replay(bed, {"SenderPolicy": {"RejectNonFqdnSender": "enforce"}})
    assert judged == 6 and changed == [
        ("a@host", "ann@local.example", "250 2.1.5", "504 5.5.2", "sender-fqdn"),
        ("b@host", "x@elsewhere.example", "554 5.7.1", "504 5.5.2", "sender-fqdn")], changed
    judged, changed = replay(bed, {"SenderPolicy": {"RejectUnknownSenderDomain": "enforce"}})
    assert [row for row in changed if "host" not in row[0]] == [
        ("a@nowhere.example", each, "250 2.1.5", "450 4.1.8", "sender-domain")
        for each in ("ann@local.example", "postmaster@local.example")], changed
    assert replay(bed, {"SenderPolicy": {"RejectNonFqdnSender": "enforce"}}, since=4_000_000_000) == (0, [])
    for draft, error in (({"SenderPolicy": {"RejectNonFqdnSender": "banana"}}, "InvalidValue"),
                         ({"SenderPolicy": {"Banana": "off"}}, "UnknownSetting")):
        try:
            replay(bed, draft)
        except BusError as refusal:
            assert refusal.name == error, refusal
        else:
            raise AssertionError(f"{draft} was taken")
    after = counters(bed)
    assert bed.api.get("Manager", "Revision") == revision and before == after, (before, after)


def test_replay_while_the_dns_is_silent(bed):
    """It ends all the same; a second one meanwhile is told to wait; the server's end does not wait for it."""
    bed.start()
    bed.send("a@ok.example", ["ann@local.example"], MESSAGE, source=STRANGER)
    wait_for(lambda: bed.api.call("History", "Search", "(a{sv}uu)", {}, 0, 10)[0] >= 1, "the history")
    bed.dns.everything = stub_dns.SILENCE
    other = Api(bed.bus.address)
    waiting = threading.Thread(target=lambda: refused_or_not(other, bed), daemon=True)
    waiting.start()
    bed.dns.wait_query("client.example")
    try:
        replay(bed, {"Advanced": {"RejectUnknownHelo": "enforce"}})
    except BusError as refusal:
        assert refusal.name == "Busy", refusal
    else:
        raise AssertionError("two at once")
    bed.postbusd.stop()
    waiting.join(240)
    assert not waiting.is_alive()
    bed.dns.everything = None


def refused_or_not(api, bed):
    try:
        api.call("Diagnostics", "Replay", "(a{sa{sv}}t)", {"Advanced": {"RejectUnknownHelo": GLib.Variant("s", "enforce")}}, 0)
    except BusError:
        pass


def jump_the_queue(bed, source=STRANGER):
    """EHLO with something behind it in one group: the code of the first reply."""
    with bed.talk(source=source) as talk:
        talk.send(b"EHLO mail.ok.example\r\nNOOP\r\n")
        return talk.reply()[0]


def test_pipelining(bed):
    """Exempt clients are bound too: it is a matter of the protocol. A session is watched once."""
    bed.start()
    for mode, code, watched, refused in (("off", 250, 0, 0), ("watch", 250, 1, 0), ("enforce", 554, 0, 1)):
        bed.api.set("Advanced", "RejectUnauthorizedPipelining", "s", mode)
        before = count(bed, "watched.pipelining"), count(bed, "refused.pipelining")
        assert jump_the_queue(bed) == code, mode
        assert (count(bed, "watched.pipelining"), count(bed, "refused.pipelining")) == (before[0] + watched, before[1] + refused), mode


def test_greet_delay(bed):
    """Who talks before the greeting is refused, or watched; who waits is greeted; exempt clients do not wait."""
    clock = Clock(bed)
    bed.start()
    bed.api.set("Advanced", "GreetDelay", "u", 10)
    for mode, code in (("enforce", 554), ("watch", 220)):
        bed.api.set("Advanced", "RejectUnauthorizedPipelining", "s", mode)
        with bed.talk(source=STRANGER, greet=False) as talk:
            talk.send(b"EHLO mail.ok.example\r\n")
            clock.pass_time(10)
            assert talk.reply()[0] == code, mode
    assert count(bed, "watched.pipelining") == 1 and count(bed, "refused.pipelining") == 1
    bed.api.set("Advanced", "GreetDelay", "u", 1)
    assert judge(bed) == OPEN
    with bed.talk(source=TRUSTED) as talk:
        assert talk.greeting[0] == 220


def test_junk_commands(bed):
    """At the limit and past it all is answered, at twice the limit it ends; a message forgives."""
    bed.start()
    bed.api.set("Advanced", "MaxJunkCommands", "u", 5)
    with bed.talk(source=STRANGER) as talk:
        talk.ehlo()
        for _ in range(9):
            talk.expect("NOOP", 250)
        talk.mail("a@ok.example", ["ann@local.example"], MESSAGE)
        for _ in range(9):
            talk.expect("RSET", 250)
        assert talk.command("VRFY ann")[0] == 421
        assert talk.at_end() == b""
    assert count(bed, "refused.junk") == 1


def test_connections_at_once(bed):
    """At the limit one is let in, past it refused; a client's own, and never an exempt one's."""
    bed.start()
    bed.api.set("ConnectionPolicy", "MaxConnections", "u", 2)
    with bed.talk(source=STRANGER) as one, bed.talk(source=STRANGER) as two:
        assert one.greeting[0] == two.greeting[0] == 220
        with bed.talk(source=STRANGER) as three, bed.talk(source="127.0.0.8") as other:
            assert three.greeting[0] == 421 and three.greeting[1].startswith("4.7.0"), three.greeting
            assert other.greeting[0] == 220
        two.close()
        wait_for(lambda: judge(bed) == OPEN, "room for one more")
    talks = [bed.talk(source=TRUSTED) for _ in range(4)]
    assert [talk.greeting[0] for talk in talks] == [220] * 4
    for talk in talks:
        talk.close()


def test_bare_newline(bed):
    """Refused behind the real end, or put right; exempt clients' are always put right."""
    bed.start()
    bare = MESSAGE + b"bare\nline\r\n"

    def offer(source):
        with bed.talk(source=source) as talk:
            talk.ehlo()
            talk.envelope("a@ok.example", ["ann@local.example"])
            talk.expect("DATA", 354)
            talk.send(bare + b".\r\n")
            return talk.reply()[0]

    assert offer(STRANGER) == 550 and count(bed, "refused.bare-newline") == 1
    assert offer(TRUSTED) == 250
    bed.api.set("Advanced", "BareNewline", "s", "normalize")
    assert offer(STRANGER) == 250
    for mail in bed.wait_mails(bed.ann, 2):
        assert b"bare\nline" in mail.replace(b"\r\n", b"\n")
