# SPDX-License-Identifier: GPL-3.0-or-later
"""Where mail goes: exceptions, Domain List, general relay, MX, at the wire, and anew at every attempt."""
from bus import variants
from sink import CLOSE, HANG

MESSAGE = b"From: ann@local.example\r\nTo: x@away.example\r\nSubject: route\r\n\r\nBody\r\n"


def quick_retries(bed):
    bed.api.set("Queueing", "MinBackoff", "u", 1)
    bed.api.set("Queueing", "MaxBackoff", "u", 1)


def exception(bed, sink, kind, *targets, **row):
    return bed.api.add("RelayExceptions", Name=row.pop("Name", "rule"), Kind=kind, Targets=list(targets),
                       Server="127.0.0.1", Port=sink.port, **row)


def update(bed, kind, row, **cells):
    bed.api.call(kind, "Update", "(sa{sv})", row, variants(cells))


class Places:
    """Sinks by name, and whose message came to which of them."""

    def __init__(self, bed, *names):
        self.bed = bed
        self.sinks = {name: bed.sink() for name in names}
        self.seen = dict.fromkeys(names, 0)

    def __getitem__(self, name):
        return self.sinks[name]

    def expect(self, place, sender, recipient):
        """The message comes to that place, and to no other."""
        self.bed.send(sender, [recipient], MESSAGE)
        self.seen[place] += 1
        message = self.sinks[place].wait_messages(self.seen[place])[-1]
        assert message.recipients == [recipient.encode()], (place, message.recipients)
        self.bed.queue_empty()
        counts = {name: len(sink.messages) for name, sink in self.sinks.items()}
        assert counts == self.seen, f"{sender} to {recipient}: {counts} instead of {self.seen}"


def use_relay(bed, sink):
    bed.api.set("Delivery", "RelayServer", "s", "127.0.0.1")
    bed.api.set("Delivery", "RelayPort", "u", sink.port)
    bed.api.set("Delivery", "Mode", "s", "relay")


def test_order_of_rules(bed):
    """The specification's order: recipient exception, Domain List, sender exception, general relay; local mail
    before all. Within a kind address, domain, subdomain, then position."""
    bed.start()
    places = Places(bed, "relay", "target", "address", "domain", "later", "sub", "deeper", "sender", "senders")
    use_relay(bed, places["relay"])
    bed.api.add("DomainList", Name="d", Domain="list.example", Target=f"127.0.0.1:{places['target'].port}",
                VerifyRecipients=False)
    exception(bed, places["sub"], "recipient", ".sub.example")
    exception(bed, places["deeper"], "recipient", ".deep.sub.example")
    exception(bed, places["domain"], "recipient", "sub.example", "away.example", "LOCAL.example")
    exception(bed, places["later"], "recipient", "away.example", "x@list.example")
    exception(bed, places["address"], "recipient", "Boss@Away.example", "one@list.example")
    exception(bed, places["senders"], "sender", "local.example", ".local.example")
    exception(bed, places["sender"], "sender", "ann@local.example")
    for place, sender, recipient in (
            ("relay", "x@else.example", "x@far.example"),
            ("address", "x@else.example", "boss@away.example"),
            ("domain", "x@else.example", "else@away.example"),
            ("domain", "x@else.example", "x@sub.example"),
            ("sub", "x@else.example", "x@a.sub.example"),
            ("sub", "x@else.example", "x@b.deep.sub.example"),
            ("relay", "x@else.example", "x@asub.example"),
            ("relay", "x@else.example", "x@b.away.example"),
            ("address", "ann@local.example", "one@list.example"),
            ("later", "ann@local.example", "x@list.example"),
            ("target", "ann@local.example", "two@list.example"),
            ("sender", "ann@local.example", "x@far.example"),
            ("sender", "ANN@local.example", "x@far.example"),
            ("senders", "bob@local.example", "x@far.example"),
            ("senders", "bob@sub.local.example", "x@far.example"),
            ("domain", "ann@local.example", "else@away.example"),
            ("relay", "", "x@far.example")):
        places.expect(place, sender, recipient)
    bed.send("x@else.example", ["ann@local.example"], MESSAGE)
    bed.wait_mails(bed.ann)


def test_rules_follow_their_rows(bed):
    """Position decides among equals; a disabled, changed or removed rule holds no more, at once."""
    bed.start()
    places = Places(bed, "relay", "first", "second")
    use_relay(bed, places["relay"])
    first = exception(bed, places["first"], "recipient", "away.example", Name="first")
    second = exception(bed, places["second"], "recipient", "away.example", Name="second")
    places.expect("first", "ann@local.example", "x@away.example")
    bed.api.call("RelayExceptions", "Move", "(su)", second, 0)
    places.expect("second", "ann@local.example", "x@away.example")
    update(bed, "RelayExceptions", second, Enabled=False)
    places.expect("first", "ann@local.example", "x@away.example")
    update(bed, "RelayExceptions", first, Targets=["else.example"])
    places.expect("relay", "ann@local.example", "x@away.example")
    update(bed, "RelayExceptions", first, Targets=[".example"], Kind="sender")
    places.expect("first", "ann@local.example", "x@away.example")
    bed.api.call("RelayExceptions", "Remove", "(as)", [first])
    places.expect("relay", "ann@local.example", "x@away.example")


def test_exceptions_of_direct_delivery(bed):
    """They hold in direct mode too; all else goes by MX."""
    bed.start()
    relay, exchanger = bed.sink(), bed.mx_sink()
    bed.dns.add("away.example", "A", "127.0.0.2")
    bed.dns.add("far.example", "A", "127.0.0.2")
    exception(bed, relay, "recipient", "away.example")
    bed.send("ann@local.example", ["x@away.example", "x@far.example"], MESSAGE)
    assert relay.wait_messages(1)[0].recipients == [b"x@away.example"]
    assert exchanger.wait_messages(1)[0].recipients == [b"x@far.example"]
    bed.queue_empty()
    assert not [query for query in bed.dns.queries if query[0] == "away.example"]


def test_server_by_name_and_its_fallback(bed):
    """A server by name is looked up by address, never by MX; its own fallback follows, not the general relay's."""
    bed.start()
    general, first, second = bed.relay_sink(), bed.sink(), bed.sink()
    bed.dns.add("smtp.relay.example", "A", "127.0.0.1")
    row = bed.api.add("RelayExceptions", Name="r", Kind="recipient", Targets=["away.example"], Server="smtp.relay.example",
                      Port=first.port, Fallback=[f"127.0.0.1:{second.port}"])
    bed.send("ann@local.example", ["x@away.example"], MESSAGE)
    first.wait_messages(1)
    first.rule("CONNECT", CLOSE)
    first.rule("MAIL", CLOSE)
    bed.send("ann@local.example", ["y@away.example"], MESSAGE)
    assert second.wait_messages(1)[0].recipients == [b"y@away.example"]
    bed.queue_empty()
    assert ("smtp.relay.example", "MX") not in bed.dns.queries and not general.connections
    second.stop()
    quick_retries(bed)
    bed.send("ann@local.example", ["z@away.example"], MESSAGE)
    bed.wait_deferred()
    assert not general.connections, "mail for a relay of its own never goes to the general relay"
    bed.api.call("RelayExceptions", "Remove", "(as)", [row])
    general.wait_messages(1)
    bed.queue_empty()


def test_queued_mail_moves(bed):
    """Mail that waits takes the way that the settings say at its next attempt, and a new rule makes one."""
    bed.start()
    places = Places(bed, "relay", "exception", "target")
    use_relay(bed, places["relay"])
    places["relay"].rule("RCPT", b"450 4.2.0 Come again")
    bed.send("ann@local.example", ["x@away.example", "x@list.example", "x@stays.example"], MESSAGE)
    bed.wait_deferred()
    exception(bed, places["exception"], "recipient", "away.example")
    assert places["exception"].wait_messages(1)[0].recipients == [b"x@away.example"]
    bed.api.add("DomainList", Name="d", Domain="list.example", Target=f"127.0.0.1:{places['target'].port}")
    assert places["target"].wait_messages(1)[0].recipients == [b"x@list.example"]
    bed.wait_deferred()
    exception(bed, places["exception"], "sender", "local.example")
    assert places["exception"].wait_messages(2)[1].recipients == [b"x@stays.example"]
    bed.queue_empty()
    assert not places["relay"].messages


def test_queued_mail_leaves_a_dead_relay(bed):
    """Also from a destination that rests since nothing there answers."""
    bed.start()
    sink = bed.relay_sink()
    sink.stop()
    for number in range(5):
        bed.send("ann@local.example", [f"x{number}@away.example"], MESSAGE)
    bed.wait_deferred(5)
    other = bed.sink()
    exception(bed, other, "recipient", "away.example")
    other.wait_messages(5)
    bed.queue_empty()


def test_mail_moves_that_is_being_tried(bed):
    """What is under way when a rule is added, and what stands behind it, takes the new way as soon as the old one failed."""
    bed.start()
    sink = bed.relay_sink()
    sink.rule("MAIL", HANG)
    for number in range(5):
        bed.send("ann@local.example", [f"x{number}@away.example"], MESSAGE)
    sink.wait_commands("MAIL")
    other = bed.sink()
    exception(bed, other, "recipient", "away.example")
    sink.stop()
    other.wait_messages(5)
    bed.queue_empty()


def test_domain_list_cuts_ourselves(bed):
    """As backup MX: mail goes to those before us; when we are the best ourselves there is nowhere to go."""
    bed.start()
    relay, exchanger = bed.relay_sink(), bed.mx_sink()
    bed.api.add("DomainList", Name="d", Domain="list.example", VerifyRecipients=False)
    for preference, name in ((10, "mx.list.example"), (20, "mail.local.example"), (30, "worse.list.example")):
        bed.dns.add("list.example", "MX", (preference, name))
    bed.dns.add("mx.list.example", "A", "127.0.0.2")
    bed.dns.add("worse.list.example", "A", "127.0.0.3")
    bed.send("a@b.example", ["x@list.example"], MESSAGE, source="127.0.0.7")
    assert exchanger.wait_messages(1)[0].host == "127.0.0.2"
    exchanger.stop()
    bed.send("a@b.example", ["x@list.example"], MESSAGE, source="127.0.0.7")
    bed.wait_deferred()
    assert len(exchanger.connections) == 1 and not relay.connections
    bed.api.add("DomainList", Name="e", Domain="ours.example", VerifyRecipients=False)
    bed.dns.add("ours.example", "MX", (10, "mail.local.example"))
    bed.dns.add("ours.example", "MX", (20, "worse.list.example"))
    bed.send("ann@local.example", ["x@ours.example"], MESSAGE)
    [mail] = bed.wait_mails(bed.ann)
    assert b"Status: 5.4.6" in mail, mail


def test_targets_of_the_domain_list(bed):
    """A host by name or address, with a port or without, which is then that of mail; never by MX, never the general relay."""
    bed.start()
    relay, exchanger, inner, six = bed.relay_sink(), bed.mx_sink(), bed.sink(), bed.sink(hosts=("::1",))
    bed.dns.add("inner.example", "A", "127.0.0.1")
    bed.dns.add("plain.example", "A", "127.0.0.3")
    bed.dns.add("plain.example", "MX", (10, "mx.plain.example"))
    row = bed.api.add("DomainList", Name="d", Domain="list.example")
    for target, sink, host in ((f"inner.example:{inner.port}", inner, "127.0.0.1"), (f"127.0.0.1:{inner.port}", inner, "127.0.0.1"),
                               (f"[::1]:{six.port}", six, "::1"), ("127.0.0.2", exchanger, "127.0.0.2"),
                               ("plain.example", exchanger, "127.0.0.3")):
        update(bed, "DomainList", row, Target=target)
        before = len(sink.messages)
        bed.send("a@b.example", ["x@list.example"], MESSAGE, source="127.0.0.7")
        message = sink.wait_messages(before + 1)[-1]
        assert message.host == host and message.recipients == [b"x@list.example"], (target, message.host)
    bed.queue_empty()
    update(bed, "DomainList", row, Target="mail.local.example")
    bed.send("a@b.example", ["x@list.example"], MESSAGE, source="127.0.0.7")
    bed.wait_deferred()
    assert "this server itself" in repr(bed.api.rows("Queue")), bed.api.rows("Queue")
    assert not relay.connections and ("plain.example", "MX") not in bed.dns.queries


def test_many_exceptions(bed):
    """Ten thousand rules, each found."""
    bed.start()
    relay, first, last = bed.relay_sink(), bed.sink(), bed.sink()
    rows = [variants({"Name": f"rule{number}", "Kind": "recipient", "Targets": [f"d{number}.example", f"x@e{number}.example"],
                      "Server": "127.0.0.1", "Port": first.port if number < 5000 else last.port}) for number in range(10000)]
    bed.api.call("RelayExceptions", "Replace", "(aa{sv})", rows)
    bed.send("ann@local.example", ["y@d0.example", "x@e4999.example"], MESSAGE)
    bed.send("ann@local.example", ["y@d9999.example", "x@e5000.example"], MESSAGE)
    bed.send("ann@local.example", ["y@e9999.example"], MESSAGE)
    assert first.wait_messages(1)[0].recipients == [b"y@d0.example", b"x@e4999.example"]
    assert last.wait_messages(1)[0].recipients == [b"y@d9999.example", b"x@e5000.example"]
    assert relay.wait_messages(1)[0].recipients == [b"y@e9999.example"]
    bed.queue_empty()


def test_unusable_relays_wait(bed):
    """A relay that cannot be used as it is set keeps mail waiting with the reason, and never bounces it."""
    bed.start()
    for number, (settings, words) in enumerate((
            ({"RelayServer": ""}, "none is set"),
            ({"RelayServer": "mail.local.example"}, "this server itself"),
            ({"RelayServer": "127.0.0.1", "RelayVerify": "fingerprint"}, "no fingerprint is set"),
            ({"RelayVerify": "auto", "RelayAuth": True}, "no user name is set"))):
        for name, value in settings.items():
            bed.api.set("Delivery", name, "b" if value is True else "s", value)
        bed.api.set("Delivery", "Mode", "s", "relay")
        bed.send("ann@local.example", [f"x{number}@away.example"], MESSAGE)
        bed.wait_deferred(number + 1)
        row = [each for each in bed.api.rows("Queue") if f"x{number}@" in repr(each)]
        assert words in repr(row), row
    assert not bed.mails(bed.ann)
    sink = bed.sink()
    bed.api.set("Delivery", "RelayAuth", "b", False)
    bed.api.set("Delivery", "RelayPort", "u", sink.port)
    sink.wait_messages(4)
    bed.queue_empty()


def test_validate_tells_of_rules_that_do_nothing(bed):
    """Manager.Validate names each exception that keeps mail waiting, and each target that never gets its turn."""
    bed.start()

    def told():
        return {(place[place.index("].") + 2:], severity, words) for place, severity, words in bed.api.call("Manager", "Validate")[0]
                if place.startswith("RelayExceptions[")}

    def add(**row):
        return bed.api.add("RelayExceptions", **{"Name": "later", "Kind": "recipient", "Targets": ["own.example"], "Server": "r.example",
                                                 **row})

    add(Name="first", Targets=["away.example", ".sub.example", "x@else.example"])
    add(Kind="sender", Targets=["away.example"])
    assert not told()
    for cells, place, severity, words in (
            ({"Server": "Mail.local.example"}, "Server", "problem", "this server itself"),
            ({"Auth": True, "User": "u", "Verify": "none"}, "Verify", "warning", "sends the password"),
            ({"Targets": ["Away.example"]}, "Targets", "warning", "by the rule “first” before"),
            ({"Targets": [".deep.sub.example"]}, "Targets", "warning", "by the rule “first” before"),
            ({"Targets": ["X@else.example"]}, "Targets", "warning", "by the rule “first” before"),
            ({"Targets": ["ann@local.example"]}, "Targets", "warning", "is local")):
        row = add(**cells)
        [found] = told()
        assert found[:2] == (place, severity) and words in found[2], (cells, found)
        bed.api.call("RelayExceptions", "Update", "(sa{sv})", row, variants({"Enabled": False}))
        assert not told()
        bed.api.call("RelayExceptions", "Remove", "(as)", [row])
    add(Targets=["x@away.example", "sub.example", ".other.example", "y@else.example"])
    assert not told(), "what is more exact, or another's, is no mistake"


def test_the_queue_says_where_and_why(bed):
    """Route of Queue.List: by today's settings, also before the next attempt."""
    bed.start()
    bed.relay_sink().rule("RCPT", b"450 4.2.0 Come again")
    other = bed.sink()
    other.rule("RCPT", b"450 4.2.0 Come again")
    bed.send("ann@local.example", ["x@away.example"], MESSAGE)
    bed.wait_deferred()

    def route():
        return repr(bed.api.rows("Queue"))
    assert "relay host 127.0.0.1:" in route() and "exception" not in route(), route()
    row = exception(bed, other, "recipient", "away.example", Name="Bank")
    assert f"relay host 127.0.0.1:{other.port} by the recipient exception “Bank”" in route(), route()
    update(bed, "RelayExceptions", row, Tls="starttls", Kind="sender", Targets=["local.example"])
    assert "by the sender exception “Bank”, TLS required" in route(), route()
    bed.api.add("DomainList", Name="d", Domain="away.example", Target="[2001:db8::1]:26")
    assert "host [2001:db8::1]:26 by the Domain List" in route(), route()
    bed.api.call("DomainList", "Replace", "(aa{sv})", [])
    bed.api.call("RelayExceptions", "Replace", "(aa{sv})", [])
    bed.api.set("Delivery", "Mode", "s", "direct")
    assert "mail exchangers of away.example" in route(), route()


def test_alias_beyond_ascii(bed):
    """Whoever wrote in ASCII gets to an alias's target that is not: its domain as it stands in the DNS, its local part by
    SMTPUTF8, or back where the host has none of that."""
    bed.start()
    plain = bed.sink(extensions=[b"PIPELINING", b"8BITMIME"])
    wide = bed.sink(extensions=[b"PIPELINING", b"8BITMIME", b"SMTPUTF8"])
    bed.api.add("Aliases", Address="one@local.example", Targets=["info@bücher.example"])
    bed.api.add("Aliases", Address="two@local.example", Targets=["jörg@wide.example"])
    bed.api.add("Aliases", Address="three@local.example", Targets=["jörg@plain.example"])
    for sink, domain in ((plain, "plain.example"), (plain, "xn--bcher-kva.example"), (wide, "wide.example")):
        exception(bed, sink, "recipient", domain, Name=domain)
    bed.send("ann@local.example", ["one@local.example"], MESSAGE)
    assert plain.wait_messages(1)[0].recipients == [b"info@xn--bcher-kva.example"]
    bed.send("ann@local.example", ["two@local.example"], MESSAGE)
    message = wide.wait_messages(1)[0]
    assert message.recipients == ["jörg@wide.example".encode()] and b"SMTPUTF8" in message.mail_line, message.mail_line
    bed.send("ann@local.example", ["three@local.example"], MESSAGE)
    assert b"5.6.7" in bed.wait_mails(bed.ann, 1)[0]
    assert len(plain.messages) == 1
