# SPDX-License-Identifier: GPL-3.0-or-later
"""Every setting of General is flipped on the bus and seen at work on the wire, in sessions that come after: one case a
setting, named test_ and the setting's name in small letters."""
import stranger
from harness import strip_trace
from test_auth import MESSAGE, STRANGER, login, plain, start, talk

OTHER = b"From: boss@big.example\r\nSubject: hello\r\n\r\nhello\r\n"
AWAY = "far@away.example"


def setter(bed, name, kind):
    return lambda value: bed.api.set("General", name, kind, value)


def relay_code(bed, source=STRANGER, port=None):
    """What RCPT of a foreign domain is answered, or MAIL when that is refused already."""
    with talk(bed, source, port) as session:
        code = session.command("MAIL FROM:<a@b.example>")[0]
        return code if code != 250 else session.command(f"RCPT TO:<{AWAY}>")[0]


def sender_code(bed, sender, logged_in=True, source=STRANGER, message=None):
    """What RCPT is answered, where the sender is judged, or the end of the message when one is given."""
    with talk(bed, source) as session:
        if logged_in:
            session.expect("AUTH PLAIN " + plain("ann", "sesame"), 235)
        session.expect(f"MAIL FROM:<{sender}>", 250)
        code = session.command("RCPT TO:<ann@local.example>")[0]
        return code if code != 250 or message is None else session.data(message)[0]


def test_no_setting_is_left_out(bed):
    bed.start()
    cases = [name[len("test_"):] for name in globals() if name.startswith("test_")]
    general = stranger.interfaces(bed.api)["General"]
    names = [each.get("name").lower() for each in general.findall("property") if each.get("access") == "readwrite"]
    assert len(names) >= 12 and not set(names) - set(cases), set(names) - set(cases)


def test_authenabled(bed):
    start(bed)
    flip = setter(bed, "AuthEnabled", "b")
    assert login(bed, "ann", "sesame") == 235
    flip(False)
    assert login(bed, "ann", "sesame") == 503
    with talk(bed) as session:
        assert not [line for line in session.ehlo() if line.startswith("AUTH")]
    flip(True)
    assert login(bed, "ann", "sesame") == 235


def test_authskiplocalnetwork(bed):
    """A client on the local network is spared the login on every port; nobody else is."""
    start(bed)
    sink = bed.relay_sink()
    bed.api.set("General", "LocalNetworks", "as", ["127.0.0.8/29"])
    flip = setter(bed, "AuthSkipLocalNetwork", "b")
    assert (relay_code(bed), relay_code(bed, port=bed.submission_port)) == (554, 530)
    flip(True)
    assert (relay_code(bed), relay_code(bed, port=bed.submission_port)) == (250, 250)
    assert relay_code(bed, "127.0.0.16") == 554
    bed.send("a@b.example", [AWAY], MESSAGE, source=STRANGER)
    assert strip_trace(sink.wait_messages(1)[0].body)[0] == MESSAGE
    flip(False)
    assert (relay_code(bed), relay_code(bed, port=bed.submission_port)) == (554, 530)


def test_localnetworks(bed):
    start(bed)
    bed.api.set("General", "AuthSkipLocalNetwork", "b", True)
    computed = bed.api.get("General", "EffectiveLocalNetworks")
    flip = setter(bed, "LocalNetworks", "as")
    for networks, codes in ((["127.0.0.9"], (250, 554)), (["127.0.0.0/255.255.255.248"], (554, 250)),
                            (["192.0.2.0/24"], (554, 554)), (["::ffff:127.0.0.9/128"], (250, 554)), ([], (554, 554))):
        flip(networks)
        assert (relay_code(bed), relay_code(bed, "127.0.0.7")) == codes, networks
    assert bed.api.get("General", "EffectiveLocalNetworks") == computed


def test_authchecksender(bed):
    start(bed)
    flip = setter(bed, "AuthCheckSender", "b")
    assert sender_code(bed, "boss@big.example") == 250
    assert sender_code(bed, "ann@local.example", logged_in=False) == 250
    flip(True)
    assert sender_code(bed, "boss@big.example") == 553
    assert sender_code(bed, "ann@local.example", message=OTHER) == 553
    assert sender_code(bed, "ann@local.example", logged_in=False) == 553
    assert sender_code(bed, "") == 250
    flip(False)
    assert sender_code(bed, "ann@local.example", message=OTHER) == 250


def test_authchecksenderskiptrusted(bed):
    """The Trusted List is spared, and the local network where that is spared the login."""
    start(bed)
    bed.api.set("General", "AuthCheckSender", "b", True)
    bed.api.set("General", "LocalNetworks", "as", [STRANGER])

    def codes():
        return tuple(sender_code(bed, "ann@local.example", False, source) for source in ("127.0.0.1", STRANGER))
    assert codes() == (553, 553)
    bed.api.set("General", "AuthCheckSenderSkipTrusted", "b", True)
    assert codes() == (250, 553)
    bed.api.set("General", "AuthSkipLocalNetwork", "b", True)
    assert codes() == (250, 250)
    bed.api.set("General", "AuthCheckSenderSkipTrusted", "b", False)
    assert codes() == (553, 553)


def test_authplaintextneedstls(bed):
    start(bed, in_the_clear=False)
    flip = setter(bed, "AuthPlaintextNeedsTls", "b")
    assert login(bed, "ann", "sesame") == 538
    flip(False)
    assert login(bed, "ann", "sesame") == 235
    flip(True)
    assert login(bed, "ann", "sesame") == 538


def test_hostname(bed):
    """In the greeting, the reply to EHLO and the Received field; mail for it is local."""
    bed.start()
    flip = setter(bed, "Hostname", "s")
    for name in ("mail.local.example", "other.example"):
        flip(name)
        with bed.talk() as session:
            assert session.greeting == (220, name + " ESMTP Postbus")
            assert session.expect("EHLO client.example", 250).startswith(name)
        before = len(bed.mails("postmaster"))
        bed.send("a@b.example", ["postmaster@" + name], MESSAGE, source=STRANGER)
        newest = bed.wait_mails("postmaster", before + 1)
        assert any(b"by " + name.encode() in mail for mail in newest)
    with bed.talk(source=STRANGER) as session:
        session.ehlo()
        session.expect("MAIL FROM:<a@b.example>", 250)
        session.expect("RCPT TO:<postmaster@mail.local.example>", 554, "5.7.1")


def test_banner(bed):
    bed.start()
    flip = setter(bed, "Banner", "s")
    for banner in ("ESMTP ready", "x" * 400, "ESMTP Postbus"):
        flip(banner)
        with bed.talk() as session:
            assert session.greeting == (220, "mail.local.example " + banner)


def test_maxrecipients(bed):
    bed.start()
    flip = setter(bed, "MaxRecipients", "u")
    for limit in (1, 3):
        flip(limit)
        with bed.talk() as session:
            assert any(line.startswith("LIMITS") and f"RCPTMAX={limit}" in line for line in session.ehlo())
            session.envelope("a@b.example", [f"ann+{limit}{n}@local.example" for n in range(limit)])
            session.expect("RCPT TO:<ann@local.example>", 452, "4.5.3")
            assert session.data(MESSAGE)[0] == 250


def test_maxhops(bed):
    """The field of this server counts: with 5, a message may bring 3."""
    bed.start()
    flip = setter(bed, "MaxHops", "u")

    def code(hops):
        with bed.talk() as session:
            session.ehlo()
            session.envelope("a@b.example", ["ann@local.example"])
            return session.data(b"Received: from a by b\r\n" * hops + MESSAGE)[0]
    for limit in (5, 6, 255):
        flip(limit)
        assert (code(limit - 2), code(limit - 1)) == (250, 554), limit


def test_maxmessagesize(bed):
    bed.start()
    flip = setter(bed, "MaxMessageSize", "u")
    message = MESSAGE + (b"y" * 98 + b"\r\n") * 12000
    for limit, mail, end in ((1, 552, 552), (2, 250, 250)):
        flip(limit)
        with bed.talk() as session:
            assert f"SIZE {limit << 20}" in session.ehlo()
            assert session.command(f"MAIL FROM:<a@b.example> SIZE={len(message)}")[0] == mail
            session.expect("RSET", 250)
            session.envelope("a@b.example", ["ann@local.example"])
            assert session.data(message)[0] == end


def test_externalpostmasters(bed):
    bed.start()
    sink = bed.relay_sink()
    flip = setter(bed, "ExternalPostmasters", "as")
    for count, external in enumerate(([], ["pm@away.example"], ["x@away.example", "y@away.example"], [])):
        flip(external)
        before = len(sink.messages)
        bed.send("a@b.example", ["postmaster"], MESSAGE, source=STRANGER)
        bed.wait_mails("postmaster", count + 1)
        bed.queue_empty()
        got = {each for message in sink.messages[before:] for each in message.recipients}
        assert got == {each.encode() for each in external}, got
