# SPDX-License-Identifier: GPL-3.0-or-later
"""Direct delivery by MX, with the stub server's answers of every kind."""
import os
import subprocess
import sys

import harness
from harness import skip, strip_trace, wait_for
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
    bed.wait_deferred(seconds=240)
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


def test_equals_share_the_load(bed):
    """Hosts of one preference take turns by chance (RFC 5321 5.1)."""
    bed.start()
    sink = bed.mx_sink()
    hosts = set()
    for number in range(40):
        # Each by a domain of its own: connections are used again.
        domain = f"dest{number}.example"
        for name, address in (("a", "127.0.0.2"), ("b", "127.0.0.3"), ("c", "127.0.0.4")):
            bed.dns.add(domain, "MX", (10, f"{name}.{domain}"))
            bed.dns.add(f"{name}.{domain}", "A", address)
        send(bed, f"x@{domain}")
        hosts.add(sink.wait_messages(number + 1)[-1].host)
        if len(hosts) == 3:
            return
    raise AssertionError(f"40 messages went to {hosts} only")


def test_many_exchangers(bed):
    """An answer too large for UDP: the best are tried in order, for a dead one the next."""
    bed.start()
    sink = bed.mx_sink()
    for number in range(60):
        bed.dns.add("dest.example", "MX", (100 - number, f"a-mail-exchanger-with-a-long-name-{number}.dest.example"))
        bed.dns.add(f"a-mail-exchanger-with-a-long-name-{number}.dest.example", "A",
                    "127.0.0.9" if number > 56 else "127.0.0.2" if number == 56 else "127.0.0.3")
    send(bed)
    assert sink.wait_messages(1)[0].host == "127.0.0.2"
    bed.queue_empty()


def test_cname(bed):
    """A domain that is an alias, and exchangers that are ones, against RFC 2181 10.3, get their mail."""
    bed.start()
    sink = bed.mx_sink()
    bed.dns.add("alias.example", "CNAME", "dest.example")
    bed.dns.add("dest.example", "MX", (10, "mx.dest.example"))
    bed.dns.add("mx.dest.example", "CNAME", "real.dest.example")
    bed.dns.add("real.dest.example", "A", "127.0.0.3")
    send(bed, "x@dest.example")
    assert sink.wait_messages(1)[0].recipients == [b"x@dest.example"]
    send(bed, "x@alias.example")
    assert sink.wait_messages(2)[1].recipients == [b"x@alias.example"]


def test_cname_loop_waits(bed):
    """What DNS cannot tell is no bounce: an alias of itself, of the domain or of its exchanger."""
    bed.start()
    for one, other in (("one.example", "two.example"), ("two.example", "one.example"), ("mx.dest.example", "mx.dest.example")):
        bed.dns.add(one, "CNAME", other)
    bed.dns.add("dest.example", "MX", (10, "mx.dest.example"))
    for number, recipient in enumerate(("x@one.example", "x@dest.example")):
        send(bed, recipient)
        bed.wait_deferred(number + 1, seconds=240)
    assert not bed.mails(bed.ann)


def test_exchangers_of_nonsense(bed):
    """An address in place of a name is none, and the next is asked; a null MX beside others means nothing (RFC 7505 3)."""
    bed.start()
    sink = bed.mx_sink()
    bed.dns.add("dest.example", "MX", (0, "."))
    bed.dns.add("dest.example", "MX", (5, "203.0.113.7"))
    bed.dns.add("dest.example", "MX", (10, "mx.dest.example"))
    bed.dns.add("mx.dest.example", "A", "127.0.0.2")
    send(bed)
    assert sink.wait_messages(1)[0].host == "127.0.0.2"
    bed.dns.add("only.example", "MX", (0, "203.0.113.7"))
    send(bed, "x@only.example")
    assert b"Status: 5.4.4" in bounce(bed)


def test_own_name_cuts(bed):
    """Records at or below our own preference are not tried; before them those above are."""
    bed.start()
    sink = bed.mx_sink()
    for preference, name in ((10, "first.dest.example"), (20, "MAIL.local.example"), (20, "equal.dest.example"), (30, "last.dest.example")):
        bed.dns.add("dest.example", "MX", (preference, name))
    for name, address in (("first", "127.0.0.9"), ("equal", "127.0.0.3"), ("last", "127.0.0.4")):
        bed.dns.add(name + ".dest.example", "A", address)
    send(bed)
    bed.wait_deferred()
    assert not sink.connections
    bed.dns.add("all.example", "MX", (10, "mail.local.example"))
    bed.dns.add("all.example", "MX", (10, "equal.dest.example"))
    send(bed, "x@all.example")
    [mail] = bed.wait_mails(bed.ann)
    assert b"Status: 5.4.6" in mail and b"leads back to this server" in mail.replace(b"\r\n ", b" "), mail
    assert not sink.connections


OWN_NET = """ip link set lo up && ip address add 198.51.100.5/32 dev lo && ip address add 2001:db8:5::5/128 dev lo nodad && exec "$@\""""


def test_addresses_of_interfaces_are_ours(bed):
    """On the real port 25, in a network of its own: what leads to an address of this machine, loopback or none leads back."""
    if "POSTBUS_OWN_NET" not in os.environ:
        if os.geteuid() != 0 or subprocess.run(["unshare", "--net", "ip", "link"], capture_output=True, check=False).returncode != 0:
            skip("needs root, for a network of its own")
        case = [sys.executable, harness.__file__, "test_mx:test_addresses_of_interfaces_are_ours"]
        done = subprocess.run(["unshare", "--net", "sh", "-c", OWN_NET, "sh", *case], env={**os.environ, "POSTBUS_OWN_NET": "1"},
                              capture_output=True, text=True, timeout=900, check=False, stdin=subprocess.DEVNULL)
        assert done.returncode == 0, done.stderr[-6000:]
        return
    bed.mx_port = 25
    bed.start()
    sink = bed.sink(25, ("127.0.0.1", "198.51.100.5", "::1"))
    places = ["198.51.100.5", "2001:db8:5::5", "127.0.0.1", "127.0.0.99", "::1", "0.0.0.0", "::"]
    for number, address in enumerate(places):
        bed.dns.add(f"dest{number}.example", "MX", (10, f"mx.dest{number}.example"))
        bed.dns.add(f"mx.dest{number}.example", "AAAA" if ":" in address else "A", address)
    bed.dns.add("local.dest.example", "A", "127.0.0.1")
    bed.dns.add("dest7.example", "MX", (10, "localhost"))
    bed.dns.add("localhost", "A", "127.0.0.1")
    bed.dns.add("dest8.example", "A", "198.51.100.5")
    for number in range(len(places) + 2):
        send(bed, f"x@dest{number}.example")
    mails = bed.wait_mails(bed.ann, len(places) + 2)
    assert all(b"Status: 5.4.6" in mail for mail in mails), mails
    bed.queue_empty()
    # Below it what is not ours is tried: here nobody answers, so it waits.
    bed.dns.add("dest.example", "MX", (10, "far.dest.example"))
    bed.dns.add("dest.example", "MX", (20, "mx.dest0.example"))
    bed.dns.add("far.dest.example", "A", "198.51.100.77")
    send(bed)
    bed.wait_deferred(seconds=240)
    assert not sink.connections
