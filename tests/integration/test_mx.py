# SPDX-License-Identifier: GPL-3.0-or-later
"""Direct delivery by MX, with the stub server's answers of every kind."""
from harness import strip_trace, wait_for
from sink import CLOSE
from stub_dns import SERVFAIL, SILENCE

MESSAGE = b"From: ann@local.example\r\nTo: x@dest.example\r\nSubject: mx\r\n\r\nBody\r\n"


def send(bed, *recipients):
    bed.send("ann@local.example", recipients or ["x@dest.example"], MESSAGE)


def bounce(bed):
    """The one DSN in ann's mailbox."""
    [mail] = bed.wait_mails(bed.ann)
    bed.queue_empty()
    return mail


def quick_retries(bed):
    bed.api.set("Queueing", "MinBackoff", "u", 1)
    bed.api.set("Queueing", "MaxBackoff", "u", 1)


def test_best_preference_first(bed):
    bed.start()
    sink = bed.mx_sink()
    for preference, name, address in ((20, "b", "127.0.0.3"), (10, "a", "127.0.0.2"), (30, "c", "127.0.0.4")):
        bed.dns.add("dest.example", "MX", (preference, name + ".dest.example"))
        bed.dns.add(name + ".dest.example", "A", address)
    send(bed)
    [message] = sink.wait_messages(1)
    assert message.host == "127.0.0.2" and strip_trace(message.body)[0] == MESSAGE
    assert len(sink.connections) == 1


def test_next_mx_when_the_first_is_ill(bed):
    bed.start()
    sink = bed.mx_sink()
    bed.dns.add("dest.example", "MX", (10, "gone.dest.example"))
    bed.dns.add("dest.example", "MX", (20, "closed.dest.example"))
    bed.dns.add("dest.example", "MX", (30, "ill.dest.example"))
    bed.dns.add("dest.example", "MX", (40, "well.dest.example"))
    bed.dns.add("closed.dest.example", "A", "127.0.0.9")
    bed.dns.add("ill.dest.example", "A", "127.0.0.2")
    bed.dns.add("well.dest.example", "A", "127.0.0.3")
    sink.rule("CONNECT", CLOSE, times=1)
    send(bed)
    assert sink.wait_messages(1)[0].host == "127.0.0.3"
    bed.queue_empty()


def test_second_address_of_a_host(bed):
    bed.start()
    sink = bed.mx_sink()
    bed.dns.add("dest.example", "MX", (10, "mx.dest.example"))
    bed.dns.add("mx.dest.example", "A", "127.0.0.9")
    bed.dns.add("mx.dest.example", "A", "127.0.0.4")
    send(bed)
    assert sink.wait_messages(1)[0].host == "127.0.0.4"


def test_falls_back_to_a(bed):
    bed.start()
    sink = bed.mx_sink()
    bed.dns.add("dest.example", "A", "127.0.0.3")
    send(bed)
    assert sink.wait_messages(1)[0].host == "127.0.0.3"


def test_address_literal(bed):
    bed.start()
    sink = bed.mx_sink()
    send(bed, "x@[127.0.0.4]")
    [message] = sink.wait_messages(1)
    assert message.host == "127.0.0.4" and message.recipients == [b"x@[127.0.0.4]"]
    assert not [query for query in bed.dns.queries if "127.0.0.4" in query[0]]


def test_one_transaction_a_destination(bed):
    bed.start()
    sink = bed.mx_sink()
    for domain, address in (("dest.example", "127.0.0.2"), ("other.example", "127.0.0.3")):
        bed.dns.add(domain, "MX", (10, "mx." + domain))
        bed.dns.add("mx." + domain, "A", address)
    send(bed, "a@dest.example", "b@dest.example", "c@other.example")
    messages = sink.wait_messages(2)
    assert sorted(sorted(message.recipients) for message in messages) == [
        [b"a@dest.example", b"b@dest.example"], [b"c@other.example"]]


def test_null_mx_bounces(bed):
    bed.start()
    bed.dns.add("dest.example", "MX", (0, "."))
    bed.dns.add("dest.example", "A", "127.0.0.2")
    sink = bed.mx_sink()
    send(bed)
    mail = bounce(bed)
    assert b"5.1.10" in mail and b"556" in mail, mail
    assert not sink.connections


def test_nxdomain_bounces(bed):
    bed.start()
    send(bed, "x@nowhere.example")
    mail = bounce(bed)
    assert b"Status: 5.1.2" in mail or b"Status: 5.4.4" in mail, mail


def test_servfail_waits(bed):
    bed.start()
    quick_retries(bed)
    sink = bed.mx_sink()
    bed.dns.trouble["dest.example"] = SERVFAIL
    bed.dns.add("dest.example", "MX", (10, "mx.dest.example"))
    bed.dns.add("mx.dest.example", "A", "127.0.0.2")
    send(bed)
    bed.wait_deferred()
    assert not bed.mails(bed.ann)
    bed.dns.trouble.clear()
    sink.wait_messages(1)
    bed.queue_empty()
    assert not bed.mails(bed.ann)


def test_silent_dns_waits(bed):
    """A dead resolver never bounces, and mail for others goes on."""
    bed.start()
    bed.dns.trouble["dest.example"] = SILENCE
    bed.dns.add("other.example", "A", "127.0.0.2")
    sink = bed.mx_sink()
    send(bed)
    bed.dns.wait_query("dest.example")
    send(bed, "y@other.example")
    sink.wait_messages(1)
    bed.wait_deferred(seconds=90)
    assert not bed.mails(bed.ann)


def test_mx_without_any_address_is_told_apart(bed):
    """All exchanges exist nowhere: that is the domain's fault, but never ours to bounce when DNS is ill."""
    bed.start()
    bed.dns.add("dest.example", "MX", (10, "mx.dest.example"))
    bed.dns.trouble["mx.dest.example"] = SERVFAIL
    send(bed)
    bed.wait_deferred()
    assert not bed.mails(bed.ann)


def test_refused_by_best_mx_is_final(bed):
    """A 5xx from a server that answered is the destination's word: the next is not asked."""
    bed.start()
    sink = bed.mx_sink()
    for preference, address in ((10, "127.0.0.2"), (20, "127.0.0.3")):
        bed.dns.add("dest.example", "MX", (preference, f"mx{preference}.dest.example"))
        bed.dns.add(f"mx{preference}.dest.example", "A", address)
    sink.rule("RCPT", b"550 5.7.1 Not you")
    send(bed)
    assert b"550 5.7.1 Not you" in bounce(bed)
    assert {connection.host for connection in sink.connections} == {"127.0.0.2"}


def test_aaaa(bed):
    """A host with an IPv6 address only."""
    sink = bed.sink(bed.mx_port, ("::1",))
    bed.start()
    bed.dns.add("dest.example", "MX", (10, "mx.dest.example"))
    bed.dns.add("mx.dest.example", "AAAA", "::1")
    send(bed)
    assert sink.wait_messages(1)[0].host == "::1"


def test_dead_destination_slows_no_other(bed):
    bed.start()
    sink = bed.mx_sink()
    bed.dns.add("dead.example", "A", "127.0.0.9")
    bed.dns.add("live.example", "A", "127.0.0.2")
    for number in range(30):
        send(bed, f"x{number}@dead.example")
    send(bed, "y@live.example")
    sink.wait_messages(1)
    wait_for(lambda: bed.api.get("Queue", "Deferred") == 30, "30 deferred")


def test_address_of_our_name_is_ours(bed):
    """Behind a router only DNS knows our address: what the name resolves to is ourselves, and what is no
    better than ourselves is not tried."""
    bed.start()
    sink = bed.mx_sink()
    bed.dns.add("mail.local.example", "A", "127.0.0.3")
    for preference, name, address in ((10, "a", "127.0.0.9"), (20, "router", "127.0.0.3"), (30, "c", "127.0.0.4")):
        bed.dns.add("dest.example", "MX", (preference, name + ".dest.example"))
        bed.dns.add(name + ".dest.example", "A", address)
    bed.dns.add("loop.example", "A", "127.0.0.3")
    send(bed, "x@dest.example", "y@loop.example")
    mail = bed.wait_mails(bed.ann)[0]
    assert b"Status: 5.4.6" in mail and mail.count(b"Final-Recipient") == 1, mail
    assert b"Final-Recipient: rfc822; y@loop.example" in mail, mail
    bed.wait_deferred()
    assert not sink.connections
