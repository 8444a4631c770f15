# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings and columns that are said to be obeyed, and which no other test sees at work from outside."""
import re

import stub_dns
from bus import variants
from harness import ROOT
from sink import CLOSE, HANG

MESSAGE = b"From: ann@local.example\r\nTo: x@away.example\r\nSubject: obeyed\r\n\r\nBody\r\n"


def send(bed, *recipients):
    bed.send("ann@local.example", recipients or ["x@away.example"], MESSAGE)


def test_relay_fallback_in_order(bed):
    bed.start()
    relay, first, second = bed.relay_sink(), bed.sink(), bed.sink()
    bed.api.set("Delivery", "RelayFallback", "as", [f"127.0.0.1:{first.port}", f"localhost:{second.port}", "127.0.0.1"])
    send(bed)
    relay.wait_messages(1)
    relay.stop()
    first.rule("CONNECT", CLOSE)
    bed.dns.add("localhost", "A", "127.0.0.1")
    send(bed, "y@away.example")
    [message] = second.wait_messages(1)
    assert message.recipients == [b"y@away.example"] and not first.messages
    first.clear_rules()
    second.stop()
    send(bed, "z@away.example")
    assert first.wait_messages(1)[0].recipients == [b"z@away.example"]
    bed.queue_empty()


def test_connections_per_destination(bed):
    bed.start()
    bed.api.set("Queueing", "MinBackoff", "u", 1)
    bed.api.set("Queueing", "MaxBackoff", "u", 1)
    bed.api.set("Queueing", "MaxConnectionsPerDestination", "u", 2)
    sink = bed.relay_sink()
    sink.rule("MAIL", HANG)
    # Few: a destination that has taken nothing yet is given only some attempts at once.
    for number in range(3):
        send(bed, f"x{number}@away.example")
    sink.wait_commands("MAIL", 2)
    assert sink.count("CONNECT") == 2
    bed.api.set("Queueing", "MaxConnectionsPerDestination", "u", 3)
    send(bed, "y@away.example")
    sink.wait_commands("MAIL", 3)
    assert sink.count("CONNECT") == 3
    sink.clear_rules()
    sink.stop()
    sink.start()
    sink.wait_messages(4)
    bed.queue_empty()


def test_delimiter(bed):
    bed.start()

    def replies(*recipients):
        with bed.talk() as talk:
            talk.ehlo()
            talk.expect("MAIL FROM:<a@b.example>", 250)
            return [talk.command(f"RCPT TO:<{each}@local.example>")[0] for each in recipients]
    assert replies("ann+list", "ann-list", "bob+ann") == [250, 550, 550]
    bed.api.set("Mailboxes", "Delimiter", "s", "-")
    assert replies("ann+list", "ann-list", "ann-") == [550, 250, 250]
    bed.api.set("Mailboxes", "Delimiter", "s", "")
    assert replies("ann+list", "ann-list", "ann") == [550, 550, 250]


def test_dns_servers_live(bed):
    """Without --dns-server the setting counts, also when it changes."""
    sink = bed.mx_sink()
    for number, dns in enumerate((bed.dns, stub_dns.StubDns(bed.ports.take()).start())):
        # Each by a domain of its own: answers and connections are used again.
        domain = f"away{number}.example"
        dns.add(domain, "MX", (10, "mx." + domain))
        dns.add("mx." + domain, "A", bed.mx_hosts[number])
        address = f"127.0.0.1:{dns.address[1]}"
        if number == 0:
            given = bed.postbusd.arguments()
            bed.postbusd.arguments = lambda: [each for each in given if not each.startswith("--dns-server=")]
            bed.start()
        bed.api.set("Dns", "Servers", "as", [address])
        send(bed, "x@" + domain)
        message = sink.wait_messages(number + 1)[-1]
        assert message.host == bed.mx_hosts[number], message.host
        assert (domain, "MX") in dns.queries
        bed.queue_empty()
    dns.stop()


def test_domain_list_goes_to_its_target(bed):
    """Mail for a listed domain is taken from strangers, goes to the target or the MX, never to the general relay."""
    bed.start()
    relay, target, exchanger = bed.relay_sink(), bed.sink(), bed.mx_sink()
    bed.api.call("TrustedList", "Replace", "(aa{sv})", [])
    first = bed.api.add("DomainList", Name="x", Domain="away.example", Target=f"127.0.0.1:{target.port}")
    bed.send("a@b.example", ["x@away.example"], MESSAGE)
    target.wait_messages(1)
    bed.dns.add("away.example", "MX", (10, "mx.away.example"))
    bed.dns.add("mx.away.example", "A", "127.0.0.2")
    bed.api.call("DomainList", "Update", "(sa{sv})", first, variants({"Target": ""}))
    bed.send("a@b.example", ["y@away.example"], MESSAGE)
    exchanger.wait_messages(1)
    bed.api.call("DomainList", "Update", "(sa{sv})", first, variants({"Enabled": False}))
    with bed.talk() as talk:
        talk.ehlo()
        talk.expect("MAIL FROM:<a@b.example>", 250)
        talk.expect("RCPT TO:<z@away.example>", 554)
    assert not relay.messages
    bed.queue_empty()


def test_every_obeyed_setting_is_read_somewhere(_bed):
    """What is not marked as without effect is read by the daemon outside the checks; what is marked is not."""
    table = (ROOT / "dbus/settings.def").read_text(encoding="utf-8")
    sources = {path: path.read_text(encoding="utf-8") for path in (ROOT / "daemon").rglob("*.c")
               if path.stem not in ("cross-check", "cross-check-lists", "secrets")}
    rows = re.findall(r"^PB_SETTING_\w \((\w+), (\w+),\s+(\w+),(.*?)\)\)$", table, re.MULTILINE | re.DOTALL)
    assert len(rows) >= 70, len(rows)
    for interface, name, field, rest in rows:
        readers = [path.name for path, text in sources.items() if re.search(rf"\b{field}\b", text)]
        assert bool(readers) == ("PB_SETTING_INEFFECTIVE" not in rest), (interface, name, readers)
