# SPDX-License-Identifier: GPL-3.0-or-later
"""MTA-STS (RFC 8461): how policies are found, kept and obeyed, with a real web server, real certificates and real mail exchangers."""
import os
import socket
import threading

from bus import BusError, variants
from clock import DAY, Clock
from harness import wait_for
from policy_server import DOMAIN, Domain, policy
from stub_dns import SERVFAIL

MESSAGE = b"From: ann@local.example\r\nTo: x@dest.example\r\nSubject: secret\r\n\r\nBody\r\n"
HOUR = 3600


def send(bed, recipient="x@" + DOMAIN):
    return bed.send("ann@local.example", [recipient], MESSAGE)


def attempts(bed):
    """All attempts at the one message in the queue, as they were told."""
    [row] = bed.api.rows("Queue")
    return bed.api.call("Queue", "Attempts", "(s)", row["Id"])[0]


def wait_attempt(bed, count=1):
    """The transcript of the count-th attempt at the one message that waits, and its answer."""
    found = wait_for(lambda: attempts(bed)[count - 1:count], f"attempt {count}")[0]
    [result] = found["Results"]
    return found["Transcript"], result


def retry(bed):
    bed.api.call("Queue", "Retry", "(a{sv})", variants({"All": True}))


def count(bed, name):
    return bed.api.statistics().get("mta-sts." + name, 0)


def past_idle(clock, domain):
    """No connection stands any more, and what was found lately is asked for again."""
    clock.pass_time(20)
    wait_for(lambda: all(relay.open == 0 for relay in domain.mx), "the end of idle connections")


def delivered(bed, relay, number=1):
    """So many have arrived there, all under TLS; the transcript of the last."""
    relay.wait(relay.messages, number)
    bed.queue_empty()
    def last():
        _, rows = bed.api.call("History", "Search", "(a{sv}uu)", variants({"Recipient": DOMAIN}), 0, 50)
        trail = [line for line in bed.api.call("History", "Trail", "(s)", rows[0]["Id"])[0] if line["Stage"] == "attempt"] if rows else []
        return trail[-1]["Transcript"] if len(rows) >= number and trail and trail[-1]["Outcome"] == "delivered" else None
    return wait_for(last, "the history")


def test_enforced(bed):
    domain = Domain(bed)
    bed.start()
    send(bed)
    transcript = delivered(bed, domain.mx[0])
    assert domain.mx[0].recipients == [(b"RCPT TO:<x@dest.example>", True)]
    assert "MTA-STS" in transcript and "enforce" in transcript, transcript
    [asked] = domain.web.requests
    assert asked.startswith(b"GET /.well-known/mta-sts.txt HTTP/1.1\r\n"), asked
    assert f"\r\nHost: mta-sts.dest.example:{domain.web_port}\r\n".encode() in asked and b"ookie" not in asked, asked
    assert domain.web.hosts == ["mta-sts.dest.example"]
    row = domain.known()[DOMAIN]
    assert (row["Mode"], row["Mx"], row["PolicyId"]) == ("enforce", ["mx1.dest.example"], "1"), row
    assert row["Expires"] - row["Fetched"] == 604800 and "Failure" not in row, row
    # What is known is not asked for again.
    send(bed)
    delivered(bed, domain.mx[0], 2)
    assert len(domain.web.requests) == 1
    assert count(bed, "enforced") >= 1 and count(bed, "failed") == 0


def refused(bed, domain, transcript_has, status, number=1):
    """The message is tried and waits, for that; nobody got it."""
    transcript, result = wait_attempt(bed, number)
    assert transcript_has in transcript, transcript
    assert result["Event"] == "deferred" and result["Status"].startswith(status), result
    assert not any(relay.messages for relay in domain.mx)


def test_exchanger_must_prove_itself(bed):
    """Each way in which it may not: mail waits, and goes when it does."""
    clock, domain = Clock(bed), Domain(bed)
    other = Domain.stranger(bed)
    names = ["mx1." + DOMAIN]
    bad = [
        ("another name", domain.authority.issue("other", ["mx2." + DOMAIN, DOMAIN]), "ostname mismatch"),
        ("a common name alone", domain.authority.issue("common", common=names[0]), "ostname mismatch"),
        ("run out", domain.authority.issue("old", names, days=-1), "expired"),
        ("nobody's", other.issue("nobody", names), "certificate"),
    ]
    bed.start()
    send(bed)
    delivered(bed, domain.mx[0])
    for number, (what, pair, words) in enumerate(bad):
        domain.show(1, pair)
        past_idle(clock, domain)
        send(bed)
        transcript, result = wait_attempt(bed)
        assert words in transcript and result["Status"].startswith("4.7.5") and result["Event"] == "deferred", (what, transcript, result)
        assert len(domain.mx[0].messages) == number + 1, what
        domain.show(1, domain.authority.issue("mx1", names))
        retry(bed)
        delivered(bed, domain.mx[0], number + 2)
    assert count(bed, "failed") == len(bad) and not bed.mails(bed.ann)
    bed.wait_logged(b"mta-sts")


def test_exchanger_without_tls(bed):
    domain = Domain(bed)
    domain.mx[0].offers = []
    bed.start()
    send(bed)
    refused(bed, domain, "TLS is required by MTA-STS", "4.7.4")
    domain.mx[0].offers = [b"STARTTLS"]
    domain.mx[0].answers[b"STARTTLS"] = b"454 4.7.0 not now"
    retry(bed)
    refused(bed, domain, "454 4.7.0 not now", "4", 2)
    del domain.mx[0].answers[b"STARTTLS"]
    retry(bed)
    delivered(bed, domain.mx[0])
    assert domain.mx[0].recipients == [(b"RCPT TO:<x@dest.example>", True)]


def test_next_exchanger(bed):
    """One that fails, and one that is none of the policy's, are passed over."""
    domain = Domain(bed, n_mx=3)
    domain.web.serve(policy(mx=["mx2." + DOMAIN, "MX3." + DOMAIN]))
    domain.show(2, Domain.stranger(bed).issue("mx2", ["mx2." + DOMAIN]))
    bed.start()
    send(bed)
    transcript = delivered(bed, domain.mx[2])
    assert "mx1.dest.example is none of" in transcript and "certificate" in transcript, transcript
    assert not domain.mx[0].octets, "nobody asks it"
    assert not domain.mx[0].messages and not domain.mx[1].messages


def test_no_exchanger_of_the_policy(bed):
    clock, domain = Clock(bed), Domain(bed)
    domain.web.serve(policy(mx=["mx.elsewhere.example", "*.mx1.dest.example"]))
    bed.start()
    send(bed)
    refused(bed, domain, "mx1.dest.example is none of the mail exchangers that the MTA-STS policy", "4.7.5")
    assert not domain.mx[0].octets
    domain.web.serve(policy(mx=["*.dest.example"]))
    assert bed.api.call("MtaSts", "Forget", "(as)", [DOMAIN, "elsewhere.example"]) == (1,)
    past_idle(clock, domain)
    retry(bed)
    delivered(bed, domain.mx[0])


def test_testing(bed):
    """Everything that would stop mail is counted and told, and stops nothing."""
    clock, domain = Clock(bed), Domain(bed)
    domain.web.serve(policy("testing"))
    bed.start()
    send(bed)
    transcript = delivered(bed, domain.mx[0])
    assert "testing" in transcript and count(bed, "testing") == 0, transcript
    cases = [
        (lambda: domain.show(1, Domain.stranger(bed).issue("bad", ["mx1." + DOMAIN])), "certificate", True),
        (lambda: setattr(domain.mx[0], "offers", []), "TLS", False),
    ]
    for number, (change, words, secure) in enumerate(cases):
        past_idle(clock, domain)
        change()
        send(bed)
        transcript = delivered(bed, domain.mx[0], number + 2)
        assert "would have failed" in transcript and words in transcript, transcript
        assert domain.mx[0].recipients[-1][1] == secure
        assert count(bed, "testing") == number + 1
    assert bed.wait_logged(b"mta-sts-testing", 2).count(b"mta-sts-testing") == 2 and count(bed, "failed") == 0


def test_testing_with_other_exchangers(bed):
    domain = Domain(bed)
    domain.web.serve(policy("testing", mx=["mx.elsewhere.example"]))
    bed.start()
    send(bed)
    transcript = delivered(bed, domain.mx[0])
    assert "would have failed" in transcript and "none of" in transcript, transcript
    assert count(bed, "testing") == 1 and domain.mx[0].recipients[0][1]


def test_none(bed):
    domain = Domain(bed)
    domain.web.serve(policy("none", mx=[]))
    domain.mx[0].offers = []
    bed.start()
    send(bed)
    delivered(bed, domain.mx[0])
    assert domain.known()[DOMAIN]["Mode"] == "none" and count(bed, "testing") == 0


# ---- how policies are found and kept ----

def no_policy(bed, clock, domain, words, number):
    """Mail goes as if there were none, and the bus says why; nobody asks again for five minutes."""
    asked = len(domain.web.requests)
    send(bed)
    delivered(bed, domain.mx[0], number)
    row = domain.known()[DOMAIN]
    assert row["Mode"] == "unknown" and words in row["Failure"], (words, row)
    past_idle(clock, domain)
    before = len(domain.web.requests)
    send(bed)
    transcript = delivered(bed, domain.mx[0], number + 1)
    assert words in transcript, transcript
    assert len(domain.web.requests) == before <= asked + 1
    clock.pass_time(300)


def test_web_server_is_ill(bed):
    """Whatever comes from it that is no policy counts for nothing."""
    clock, domain = Clock(bed), Domain(bed)
    domain.show(1, Domain.stranger(bed).issue("bad", ["mx1." + DOMAIN]))
    redirect = [f"Location: https://mta-sts.dest.example:{domain.web_port}/there"]
    head = policy("enforce")
    answers = [
        ({"body": head, "status": "301 Moved", "fields": redirect}, "301"),
        ({"body": head, "status": "404 Not Found"}, "404"),
        ({"body": head, "status": "206 Partial Content"}, "206"),
        ({"body": head, "kind": "text/html"}, "no text/plain"),
        ({"body": head, "kind": "text/plainly"}, "no text/plain"),
        ({"body": head, "kind": None}, "no text/plain"),
        ({"body": head + "x: " + "y" * 65536}, "65536 octets"),
        ({"body": head.replace("STSv1", "STSv2")}, "another version"),
        ({"body": b""}, "no version"),
    ]
    bed.start()
    number = 1
    for options, words in answers:
        domain.web.serve(**options)
        no_policy(bed, clock, domain, words, number)
        number += 2
    # The same without a length: the octets themselves are counted.
    domain.web.answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n" + head.encode() + b"#" * 70000
    no_policy(bed, clock, domain, "65536 octets", number)
    domain.web.answer = b"220 this is SMTP\r\n\r\n"
    no_policy(bed, clock, domain, "https://mta-sts.dest.example", number + 2)
    # And what is one is taken, in pieces too.
    pieces = b"".join(b"%x\r\n%s\r\n" % (len(line), line) for line in head.encode().splitlines(True))
    domain.web.answer = (b"HTTP/1.1 200 OK\r\nContent-Type: Text/Plain; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
                         + pieces + b"0\r\n\r\n")
    past_idle(clock, domain)
    send(bed)
    _, result = wait_attempt(bed)
    assert result["Status"].startswith("4.7.5"), result
    assert domain.known()[DOMAIN]["Mode"] == "enforce"


def test_web_server_must_prove_itself(bed):
    clock, domain = Clock(bed), Domain(bed)
    name = "mta-sts." + DOMAIN
    domain.show(1, Domain.stranger(bed).issue("bad", ["mx1." + DOMAIN]))
    pairs = [
        (domain.authority.issue("web-other", [DOMAIN]), "SSL"),
        (domain.authority.issue("web-common", common=name), "SSL"),
        (domain.authority.issue("web-old", [name], days=-1), "expired"),
        (Domain.stranger(bed).issue("web-stranger", [name]), "SSL"),
    ]
    bed.start()
    for number, (pair, words) in enumerate(pairs):
        domain.web.use(pair)
        no_policy(bed, clock, domain, words, 2 * number + 1)
    assert not domain.web.requests, "nobody who cannot prove his name is asked anything"
    domain.web.use(domain.authority.issue("web-wild", ["*." + DOMAIN]))
    past_idle(clock, domain)
    send(bed)
    assert wait_attempt(bed)[1]["Status"].startswith("4.7.5")


def test_web_server_is_slow(bed):
    """Mail waits for it a minute, other mail not at all; a stop is not held up."""
    clock, domain = Clock(bed), Domain(bed)
    domain.web.hold = threading.Event()
    bed.on_close(domain.web.hold.set)
    bed.start()
    send(bed)
    send(bed, "y@" + DOMAIN)
    domain.web.wait(1)
    bed.send("ann@local.example", ["ann@local.example"], MESSAGE)
    bed.wait_mails(bed.ann)
    wait_for(lambda: bed.api.get("Queue", "Active") == 2, "the two that wait")
    assert not domain.mx[0].octets
    clock.pass_time(61)
    delivered(bed, domain.mx[0], 2)
    assert "takes too long" in domain.known()[DOMAIN]["Failure"] and len(domain.web.requests) == 1
    clock.pass_time(301)
    send(bed)
    domain.web.wait(2)
    bed.postbusd.stop()
    bed.postbusd.start()
    domain.web.hold.set()
    retry(bed)
    domain.mx[0].wait(domain.mx[0].messages, 3)


def test_silent_web_servers_hold_up_nobody(bed):
    """Mail to others goes while many wait for theirs, and those go when their minute is over."""
    clock, domain = Clock(bed), Domain(bed)
    silent = socket.create_server(("127.0.0.6", domain.web_port), backlog=128)
    bed.on_close(silent.close)
    names = [f"slow{number}.example" for number in range(30)]
    for name in names:
        bed.dns.add(name, "MX", (10, "mx1." + DOMAIN))
        bed.dns.add("_mta-sts." + name, "TXT", "v=STSv1; id=1;")
        bed.dns.add("mta-sts." + name, "A", "127.0.0.6")
    bed.start()
    for name in names:
        send(bed, "x@" + name)
    for name in names:
        bed.dns.wait_query("mta-sts." + name)
    send(bed)
    domain.mx[0].wait(domain.mx[0].messages, 1)
    wait_for(lambda: bed.api.get("Queue", "Active") == len(names), "the others to wait alone")
    assert [line for line, _ in domain.mx[0].recipients] == [b"RCPT TO:<x@dest.example>"]
    clock.pass_time(61)
    domain.mx[0].wait(domain.mx[0].messages, len(names) + 1)
    bed.queue_empty()
    known = domain.known()
    assert all("takes too long" in known[name]["Failure"] for name in names), known


def test_record(bed):
    """Only one sound record says that there is a policy."""
    clock, domain = Clock(bed), Domain(bed)
    domain.mx[0].offers = []
    bed.start()
    cases = [["v=STSv1; id=1;", "v=STSv1; id=2;"], ["v=STSv1; id=a b;"], ["v=STSv2; id=1;"], []]
    for number, texts in enumerate(cases):
        domain.record(texts=texts)
        send(bed)
        delivered(bed, domain.mx[0], number + 1)
        past_idle(clock, domain)
    bed.dns.trouble["_mta-sts." + DOMAIN] = SERVFAIL
    send(bed)
    delivered(bed, domain.mx[0], len(cases) + 1)
    assert not domain.web.requests and not domain.known()
    del bed.dns.trouble["_mta-sts." + DOMAIN]
    domain.record(texts=["v=spf1 -all", "v=STSv1; id=1;"])
    clock.pass_time(1000)
    send(bed)
    assert wait_attempt(bed)[1]["Status"].startswith("4.7.4")


def test_kept(bed):
    """A policy outlives a kill -9 and holds to its end, whatever has become of record and web server."""
    clock, domain = Clock(bed), Domain(bed)
    domain.web.serve(policy(max_age=10 * DAY))
    bed.start()
    bed.api.set("Queueing", "DelayWarning", "u", 0)
    send(bed)
    delivered(bed, domain.mx[0])
    wait_for(lambda: os.path.exists(os.path.join(bed.state, "mta-sts")), "the file")
    bed.postbusd.kill()
    domain.web.stop()
    domain.mx[0].offers = []
    bed.dns.trouble["_mta-sts." + DOMAIN] = SERVFAIL
    bed.postbusd.start()
    send(bed)
    transcript, result = wait_attempt(bed)
    assert result["Status"].startswith("4.7.4") and "enforce" in transcript, (transcript, result)
    del bed.dns.trouble["_mta-sts." + DOMAIN]
    domain.record(texts=[])
    bed.api.set("Queueing", "Lifetime", "u", 30 * DAY)
    clock.pass_time(4 * DAY)
    retry(bed)
    assert wait_attempt(bed, 2)[1]["Status"].startswith("4.7.4")
    # A newer one that cannot be had takes nothing away.
    domain.record("2")
    clock.pass_time(20)
    retry(bed)
    wait_for(lambda: "Failure" in domain.known().get(DOMAIN, {}), "the new policy to be asked for in vain")
    assert wait_attempt(bed, 3)[1]["Status"].startswith("4.7.4")
    assert domain.known()[DOMAIN]["Mode"] == "enforce" and len(domain.mx[0].messages) == 1
    # The end of max_age.
    clock.pass_time(6 * DAY)
    retry(bed)
    delivered(bed, domain.mx[0], 2)
    assert not [mail for mail in bed.mails(bed.ann) if b"Action: failed" in mail]


def test_file_that_cannot_be_written(bed):
    """Told, and written when it can be, though nothing changes any more."""
    clock, domain = Clock(bed), Domain(bed)
    path = os.path.join(bed.state, "mta-sts")
    os.makedirs(os.path.join(path, "in-the-way"))
    bed.start()
    send(bed)
    delivered(bed, domain.mx[0])
    bed.wait_logged(b"mta-sts-not-written")
    os.rmdir(os.path.join(path, "in-the-way"))
    os.rmdir(path)
    clock.pass_time(61)
    wait_for(lambda: os.path.isfile(path), "the file")
    assert domain.known()[DOMAIN]["Mode"] == "enforce"


def test_another_id(bed):
    """A new policy takes the place of the old as soon as the record says so; and no connection under the old one is used."""
    clock, domain = Clock(bed), Domain(bed)
    domain.web.serve(policy("testing"))
    domain.show(1, Domain.stranger(bed).issue("bad", ["mx1." + DOMAIN]))
    bed.start()
    begun = clock.now()
    send(bed)
    delivered(bed, domain.mx[0])
    domain.web.serve(policy("enforce"))
    domain.record("2")
    bed.dns.wait_query("_mta-sts." + DOMAIN)
    clock.pass_time(6)
    assert domain.mx[0].open == 1 or clock.now() > begun + 9  # it is kept for ten seconds
    send(bed)
    transcript, result = wait_attempt(bed)
    assert result["Status"].startswith("4.7.5"), transcript
    row = domain.known()[DOMAIN]
    assert (row["PolicyId"], row["Mode"], len(domain.web.requests)) == ("2", "enforce", 2), row
    # Back again: what waits goes.
    domain.web.serve(policy("none", mx=[]))
    domain.record("3")
    clock.pass_time(20)
    retry(bed)
    delivered(bed, domain.mx[0], 2)


def test_renewed_daily(bed):
    clock, domain = Clock(bed), Domain(bed)
    bed.start()
    send(bed)
    delivered(bed, domain.mx[0])
    clock.pass_time(DAY + HOUR)
    domain.web.serve(policy(max_age=86400 * 20))
    domain.web.wait(2)
    row = wait_for(lambda: (lambda found: found if found["Expires"] - found["Fetched"] == 86400 * 20 else None)(domain.known()[DOMAIN]),
                   "the renewed policy")
    assert "Failure" not in row
    # In vain: told, and kept.
    domain.web.stop()
    clock.pass_time(DAY + HOUR)
    wait_for(lambda: "Failure" in domain.known()[DOMAIN], "the failure")
    assert domain.known()[DOMAIN]["Mode"] == "enforce"
    bed.wait_logged(b"mta-sts-failed")
    # The record is gone: told too.
    domain.record(texts=[])
    clock.pass_time(2 * HOUR)
    wait_for(lambda: "record" in domain.known()[DOMAIN]["Failure"], "the other failure")


# ---- where it counts, and how it is steered ----

def test_setting_is_obeyed_live(bed):
    clock, domain = Clock(bed), Domain(bed)
    domain.mx[0].offers = []
    bed.start()
    send(bed)
    assert wait_attempt(bed)[1]["Status"].startswith("4.7.4")
    bed.api.set("Outbound", "MtaSts", "b", False)
    begun = clock.now()
    retry(bed)
    delivered(bed, domain.mx[0])
    assert domain.mx[0].open == 1 or clock.now() > begun + 9, "the connection is still there"
    bed.api.set("Outbound", "MtaSts", "b", True)
    send(bed)
    assert wait_attempt(bed)[1]["Status"].startswith("4.7.4")
    assert len(domain.mx[0].messages) == 1
    del clock


def test_no_bounce_before_its_time(bed):
    clock, domain = Clock(bed), Domain(bed)
    domain.mx[0].offers = []
    bed.start()
    bed.api.set("Queueing", "Lifetime", "u", 2 * DAY)
    bed.api.set("Queueing", "DelayWarning", "u", 0)
    send(bed)
    wait_attempt(bed)
    clock.pass_time(DAY)
    retry(bed)
    wait_attempt(bed, 2)
    assert not bed.mails(bed.ann)
    clock.pass_time(DAY + HOUR)
    [notice] = bed.wait_mails(bed.ann)
    assert b"TLS is required by MTA-STS" in notice and b"4.4.7" in notice, notice
    assert not domain.mx[0].messages


def test_relays_are_not_asked_about(bed):
    """What the administrator names goes there, whatever the domain says."""
    domain = Domain(bed)
    bed.start()
    sink = bed.relay_sink()
    send(bed)
    sink.wait_messages(1)
    bed.api.add("DomainList", Name="Dest", Domain=DOMAIN, Target=f"127.0.0.1:{sink.port}")
    bed.api.set("Delivery", "Mode", "s", "direct")
    send(bed)
    sink.wait_messages(2)
    bed.queue_empty()
    assert not [name for name, _ in bed.dns.queries if "mta-sts" in name] and not domain.web.requests


def test_bus(bed):
    """List by pages and search; what it refuses."""
    domain = Domain(bed)
    bed.start()
    send(bed)
    delivered(bed, domain.mx[0])
    assert bed.api.call("MtaSts", "List", "(a{sv}uu)", variants({"Search": "DEST"}), 0, 10)[0] == 1
    assert bed.api.call("MtaSts", "List", "(a{sv}uu)", variants({"Search": "none"}), 0, 10) == (0, [])
    assert bed.api.call("MtaSts", "List", "(a{sv}uu)", {}, 1, 10) == (1, [])
    for arguments, name in (((variants({"Domain": "x"}), 0, 10), "InvalidValue"), (({}, 0, 501), "TooLarge")):
        try:
            bed.api.call("MtaSts", "List", "(a{sv}uu)", *arguments)
            raise AssertionError(arguments)
        except BusError as error:
            assert error.name == name, error
    assert bed.api.call("MtaSts", "Forget", "(as)", ["nobody.example"]) == (0,)
    assert bed.api.call("MtaSts", "Forget", "(as)", ["DEST.example"]) == (1,)
    assert not domain.known()
    bed.postbusd.restart()
    assert not domain.known()
