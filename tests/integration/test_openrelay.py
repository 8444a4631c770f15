# SPDX-License-Identifier: GPL-3.0-or-later
"""No form of an address makes an open relay of this server."""
import socket

from bus import BusError, variants
from harness import Ports, skip, strip_trace

US = "local.example"
AWAY = "away.example"
LISTED = "list.example"
TARGET = "victim"


def scanner_forms(ip):
    """The sixteen forms that scanners for open relays try, by a server's address as a literal has it: (sender, recipient)."""
    return [
        ("", f"{TARGET}@{AWAY}"),
        (f"spam@{AWAY}", f"{TARGET}@{AWAY}"),
        (f"spam@{US}", f"{TARGET}@{AWAY}"),
        (f"spam@[{ip}]", f"{TARGET}@{AWAY}"),
        (f"spam@[{ip}]", f"{TARGET}%{AWAY}@[{ip}]"),
        (f"spam@[{ip}]", f"{TARGET}%{AWAY}@{US}"),
        (f"spam@[{ip}]", f'"{TARGET}@{AWAY}"'),
        (f"spam@[{ip}]", f'"{TARGET}%{AWAY}"'),
        (f"spam@[{ip}]", f"{TARGET}@{AWAY}@[{ip}]"),
        (f"spam@[{ip}]", f'"{TARGET}@{AWAY}"@[{ip}]'),
        (f"spam@[{ip}]", f"{TARGET}@{AWAY}@{US}"),
        (f"spam@[{ip}]", f"@[{ip}]:{TARGET}@{AWAY}"),
        (f"spam@[{ip}]", f"@{US}:{TARGET}@{AWAY}"),
        (f"spam@[{ip}]", f"{AWAY}!{TARGET}"),
        (f"spam@[{ip}]", f"{AWAY}!{TARGET}@[{ip}]"),
        (f"spam@[{ip}]", f"{AWAY}!{TARGET}@{US}"),
    ]


# And some that scanners do not.
MORE = [
    f"@{US},@{US}:{TARGET}@{AWAY}",
    f'"{TARGET}@{AWAY}"@{US}',
    f"{TARGET}@{AWAY}.",
    f"{TARGET}@[192.0.2.1]",
    f"{TARGET}@[IPv6:2001:db8::1]",
    f"{TARGET}@192.0.2.1",
    f"{TARGET}@{US}.{AWAY}",
    f"{TARGET}@{AWAY}\x00@{US}",
    f"{TARGET}@{'a' * 250}.{AWAY}",
    f"{'a' * 300}@{AWAY}",
    f"{TARGET}@l\u043ecal.example",
    f"{TARGET}@{US}\r@{AWAY}",
    f"{TARGET}@{AWAY}\\@{US}",
    # At a domain of the Domain List, whose server might follow what we do not.
    f"{TARGET}%{AWAY}@{LISTED}",
    f"{AWAY}!{TARGET}@{LISTED}",
    f'"{TARGET}@{AWAY}"@{LISTED}',
    f'"{TARGET}%{AWAY}"@{LISTED}',
    f"@{LISTED}:{TARGET}@{AWAY}",
    f"@{US},@{LISTED}:{TARGET}@{LISTED}",
    f"{TARGET}@{US}@{LISTED}",
    f"{TARGET}@sub.{LISTED}",
]
MESSAGE = b"Subject: relay me\r\n\r\nx\r\n"


def refuse_all(bed, sink, ip="127.0.0.1", **place):
    """Each form gets a 5xx from an untrusted client, and nothing goes out."""
    place = place or {"source": "127.0.0.7"}
    bed.api.add("DomainList", Name="listed", Domain=LISTED, Target=f"127.0.0.1:{sink.port}", VerifyRecipients=False)
    for sender, recipient in scanner_forms(ip) + [("spam@" + AWAY, recipient) for recipient in MORE]:
        with bed.talk(**place) as talk:
            talk.ehlo()
            code, text = talk.command(f"MAIL FROM:<{sender}>")
            assert code == 250 or 500 <= code <= 559, (sender, code, text)
            code, text = talk.command(f"RCPT TO:<{recipient}>")
            assert 500 <= code <= 559, f"{recipient!r} was answered {code} {text}"
            code, text = talk.command("DATA")
            assert code >= 500, f"{recipient!r}: DATA was answered {code}"
    # A trusted client's mail goes out, after all of those: nothing else did.
    bed.send("ann@local.example", ["far@away.example"], MESSAGE)
    [message] = sink.wait_messages(1)
    assert message.recipients == [b"far@away.example"]
    assert sink.count("MAIL") == 1
    bed.queue_empty()


def test_sixteen_forms_are_refused(bed):
    """From an untrusted client each form gets a 5xx and nothing goes out."""
    bed.start()
    refuse_all(bed, bed.relay_sink())


def test_sixteen_forms_are_refused_over_ipv6(bed):
    """The same by IPv6 and its literal; loopback is a stranger there as well."""
    if not socket.has_ipv6 or not Ports.free("::1", bed.port):
        skip("needs ::1")
    arguments = bed.postbusd.arguments
    bed.postbusd.arguments = lambda: [*arguments(), f"--listen=smtp:[::1]:{bed.port}"]
    bed.start()
    sink = bed.relay_sink()
    refuse_all(bed, sink, ip="IPv6:::1", source="::1", host="::1")
    bed.api.add("TrustedList", Name="six", Network="::1")
    bed.send("ann@local.example", ["far@away.example"], MESSAGE, source="::1", host="::1")
    sink.wait_messages(2)


def test_sparing_the_local_network_opens_nothing(bed):
    """As little for strangers, loopback among them, while clients on the local network need no login."""
    bed.start()
    sink = bed.relay_sink()
    bed.api.set("General", "AuthSkipLocalNetwork", "b", True)
    assert not [each for each in bed.api.get("General", "EffectiveLocalNetworks") if each.startswith("127.")]
    refuse_all(bed, sink)
    bed.api.set("General", "LocalNetworks", "as", ["127.0.0.8/29", "192.0.2.0/24", "::1"])
    with bed.talk(source="127.0.0.7") as talk:
        talk.ehlo()
        talk.expect("MAIL FROM:<ann@local.example>", 250)
        talk.expect("RCPT TO:<far@away.example>", 554, "5.7.1")
    bed.send("ann@local.example", ["far@away.example"], MESSAGE, source="127.0.0.9")
    sink.wait_messages(2)


def test_trick_forms_do_not_relay_for_trusted_clients(bed):
    """Source routes, % and ! forms at our own domain stay here whoever sends them."""
    bed.start()
    sink = bed.relay_sink()
    for recipient in (f"{TARGET}%{AWAY}@{US}", f"{AWAY}!{TARGET}@{US}", f'"{TARGET}@{AWAY}"@{US}'):
        with bed.talk() as talk:
            talk.ehlo()
            talk.expect("MAIL FROM:<ann@local.example>", 250)
            talk.expect(f"RCPT TO:<{recipient}>", 550, "5.1.1")
    assert not sink.connections


def test_loopback_is_not_trusted_by_itself(bed):
    bed.start()
    bed.api.call("TrustedList", "Replace", "(aa{sv})", [])
    with bed.talk() as talk:
        talk.ehlo()
        talk.expect("MAIL FROM:<ann@local.example>", 250)
        talk.expect("RCPT TO:<far@away.example>", 554, "5.7.1", "Relay access denied")
        talk.expect("RCPT TO:<ann@local.example>", 250)


def test_trusted_list_decides(bed):
    bed.start()
    sink = bed.relay_sink()
    row = bed.api.add("TrustedList", Name="net", Network="127.0.1.0/255.255.255.0")
    bed.send("ann@local.example", ["one@away.example"], MESSAGE, source="127.0.1.200")
    assert strip_trace(sink.wait_messages(1)[0].body)[0] == MESSAGE
    with bed.talk(source="127.0.2.1") as talk:
        talk.ehlo()
        talk.expect("MAIL FROM:<ann@local.example>", 250)
        talk.expect("RCPT TO:<far@away.example>", 554, "5.7.1")
    bed.api.call("TrustedList", "Remove", "(as)", [row])
    with bed.talk(source="127.0.1.200") as talk:
        talk.ehlo()
        talk.expect("MAIL FROM:<ann@local.example>", 250)
        talk.expect("RCPT TO:<far@away.example>", 554, "5.7.1")


def test_rows_of_the_trusted_list(bed):
    """Each form of a network, whole ones and single addresses of both families; a row that is off counts for nothing."""
    arguments = bed.postbusd.arguments
    bed.postbusd.arguments = lambda: [*arguments(), f"--listen=smtp:[::1]:{bed.port}"]
    bed.start()
    bed.relay_sink()

    def is_trusted(source):
        host = "::1" if ":" in source else "127.0.0.1"
        with bed.talk(source=source, host=host) as talk:
            talk.ehlo()
            talk.expect("MAIL FROM:<ann@local.example>", 250)
            return talk.command("RCPT TO:<far@away.example>")[0] == 250

    for network, inside, outside in (
            ("127.0.3.4", "127.0.3.4", "127.0.3.5"), ("127.0.3.0/24", "127.0.3.255", "127.0.4.0"),
            ("127.0.3.128/255.255.255.128", "127.0.3.128", "127.0.3.127"), ("127.3.0.0/16", "127.3.255.1", "127.4.0.1"),
            ("127.0.3.4/31", "127.0.3.5", "127.0.3.6"), ("::1", "::1", "127.0.0.2"), ("::/127", "::1", "127.0.0.2"),
            ("::ffff:127.0.3.4", "127.0.3.4", "::1")):
        row = bed.api.add("TrustedList", Name="row", Network=network)
        assert is_trusted(inside) and not is_trusted(outside), network
        bed.api.call("TrustedList", "Update", "(sa{sv})", row, variants({"Enabled": False}))
        assert not is_trusted(inside), network
        bed.api.call("TrustedList", "Remove", "(as)", [row])
    for network in ("127.0.0.1/255.0.255.0", "10.0.0.0/33", "::1/129", "mail.example.org", ""):
        try:
            bed.api.add("TrustedList", Name="row", Network=network)
        except BusError as error:
            assert error.name == "InvalidValue" and "Network" in error.text, error
        else:
            raise AssertionError(f"{network!r} was taken")

    def report():
        return sorted(severity for place, severity, _ in bed.api.call("Manager", "Validate")[0] if "TrustedList" in place)

    assert not report()
    bed.api.add("TrustedList", Name="all", Network="0.0.0.0/0")
    bed.api.add("TrustedList", Name="wide", Network="198.51.0.0/16")
    assert report() == ["problem", "warning"]


def test_refusal_is_for_one_recipient(bed):
    bed.start()
    sink = bed.relay_sink()
    with bed.talk(source="127.0.0.7") as talk:
        talk.ehlo()
        talk.expect("MAIL FROM:<x@y.example>", 250)
        talk.expect("RCPT TO:<far@away.example>", 554, "5.7.1")
        talk.expect("RCPT TO:<ann@local.example>", 250)
        assert talk.data(MESSAGE)[0] == 250
    bed.wait_mails(bed.ann)
    bed.queue_empty()
    assert not sink.connections
