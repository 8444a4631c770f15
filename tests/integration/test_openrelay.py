# SPDX-License-Identifier: GPL-3.0-or-later
"""No form of an address makes an open relay of this server."""
from harness import strip_trace

US = "local.example"
IP = "127.0.0.1"
AWAY = "away.example"
TARGET = "victim"
# The forms that scanners for open relays try: (sender, recipient).
FORMS = [
    ("", f"{TARGET}@{AWAY}"),
    (f"spam@{AWAY}", f"{TARGET}@{AWAY}"),
    (f"spam@{US}", f"{TARGET}@{AWAY}"),
    (f"spam@[{IP}]", f"{TARGET}@{AWAY}"),
    (f"spam@[{IP}]", f"{TARGET}%{AWAY}@[{IP}]"),
    (f"spam@[{IP}]", f"{TARGET}%{AWAY}@{US}"),
    (f"spam@[{IP}]", f'"{TARGET}@{AWAY}"'),
    (f"spam@[{IP}]", f'"{TARGET}%{AWAY}"'),
    (f"spam@[{IP}]", f"{TARGET}@{AWAY}@[{IP}]"),
    (f"spam@[{IP}]", f'"{TARGET}@{AWAY}"@[{IP}]'),
    (f"spam@[{IP}]", f"{TARGET}@{AWAY}@{US}"),
    (f"spam@[{IP}]", f"@[{IP}]:{TARGET}@{AWAY}"),
    (f"spam@[{IP}]", f"@{US}:{TARGET}@{AWAY}"),
    (f"spam@[{IP}]", f"{AWAY}!{TARGET}"),
    (f"spam@[{IP}]", f"{AWAY}!{TARGET}@[{IP}]"),
    (f"spam@[{IP}]", f"{AWAY}!{TARGET}@{US}"),
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
]
MESSAGE = b"Subject: relay me\r\n\r\nx\r\n"


def forms():
    return FORMS + [("spam@" + AWAY, recipient) for recipient in MORE]


def refuse_all(bed, sink):
    for sender, recipient in forms():
        with bed.talk(source="127.0.0.7") as talk:
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
