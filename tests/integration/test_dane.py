# SPDX-License-Identifier: GPL-3.0-or-later
"""Outbound.Dane and Dns.Validate: signed zones on a real knotd, servers with the published key, another, or no TLS at all."""
import json
import os
import re
import shutil
import subprocess
import sys

from bus import variants
from certificates import make_pair, openssl
from clock import DAY, Clock
from harness import skip, wait_for
from login_relay import Relay
from signed_zone import SignedZone, digest
from test_history import await_event, trail
from test_setup_check import check, one

MESSAGE = b"From: ann@local.example\r\nTo: x@signed.example\r\nSubject: dane\r\n\r\nthe secret of the day\r\n"
DANE = b"certificate verified by TLSA records"
UNVERIFIED = b"certificate not verified"


class Domain:
    """signed.example with mx1 and mx2, and postbusd that can validate it."""

    def __init__(self, bed, start=True, zone="signed.example"):
        self.bed = bed
        self.zone = SignedZone(bed, zone)
        self.pairs = {name: make_pair(bed.folder, name) for name in ("one", "two")}
        self.relays = {}
        self.asked = []
        if start:
            self.start()

    def start(self):
        self.bed.start()
        wait_for(lambda: self.state() == "on", "validation")
        self.bed.api.set("Queueing", "MinBackoff", "u", 1)
        self.bed.api.set("Queueing", "MaxBackoff", "u", 1)

    def state(self):
        return self.bed.api.get("Dns", "Validation")

    def tlsa(self, record, host="mx1"):
        return f"_{self.bed.mx_port}._tcp.{host} TLSA {record}"

    def serve(self, host="127.0.0.2", pair=None, offers=(b"STARTTLS",)):
        relay = Relay(self.bed.mx_port, pair or self.pairs["one"], host=host)
        relay.offers = list(offers)
        relay.context.sni_callback = lambda sock, name, context: self.asked.append(name)
        self.relays[host] = relay
        self.bed.on_close(lambda: relay.running and relay.stop())
        return relay

    def publish(self, *lines):
        """One exchanger, mx1, and what else is given."""
        self.zone.load("@ MX 10 mx1", "mx1 A 127.0.0.2", *lines)

    def send(self, recipient="x@signed.example"):
        self.bed.send("ann@local.example", [recipient], MESSAGE)

    def attempts(self, event, recipient="signed.example"):
        row = await_event(self.bed, event, Text=recipient)
        return [line for line in trail(self.bed, row["Id"]) if line["Stage"] == "attempt"]

    def delivered(self, relay, words, recipient="x@signed.example"):
        """One more message arrives under TLS, of which the transcript says so."""
        before = len(relay.messages)
        self.send(recipient)
        relay.wait(relay.messages, before + 1)
        self.bed.queue_empty()
        assert relay.recipients[-1][1], "it came in the clear"
        transcript = self.attempts("delivered", recipient)[-1]["Transcript"]
        assert words.decode() in transcript, transcript
        return transcript

    def waits(self, *words, recipient="x@signed.example"):
        """A message is deferred for a reason with these words, and no server hears of it."""
        self.send(recipient)
        self.bed.wait_deferred()
        [row] = wait_for(lambda: [row for row in self.bed.api.rows("Queue") if "4.7." in repr(row)], "a reason")
        last = self.attempts("deferred", recipient)[-1]
        for word in words:
            assert word in repr(row), (word, row)
            assert word in last["Transcript"], (word, last["Transcript"])
            assert word.encode() in self.bed.wait_logged(word.encode())
        for relay in self.relays.values():
            assert b"MAIL" not in relay.heard() and b"secret" not in relay.heard()
        return last["Transcript"]

    def forget(self):
        """What waits goes."""
        self.bed.api.call("Queue", "Remove", "(a{sv}b)", variants({"All": True}), False)
        self.bed.queue_empty()


def test_published_key(bed):
    """The key that the DNS has, by each way to name it; the server is asked for by its name."""
    domain = Domain(bed)
    relay = domain.serve()
    certificate = domain.pairs["one"][0]
    for selector in (0, 1):
        for matching in (0, 1, 2):
            domain.publish(domain.tlsa(f"3 {selector} {matching} {digest(certificate, selector, matching)}"))
            # What is still open was opened by the records that were.
            bed.postbusd.restart()
            domain.delivered(relay, DANE)
    assert set(domain.asked) == {"mx1.signed.example"}, domain.asked


def test_other_key(bed):
    """Another key than the published one: the mail waits, and nothing of it is said; it goes once the key is right."""
    domain = Domain(bed)
    relay = domain.serve(pair=domain.pairs["two"])
    domain.publish(domain.tlsa(f"3 1 1 {digest(domain.pairs['one'][0])}"))
    domain.waits("mx1.signed.example", "TLSA", "certificate")
    domain.publish(domain.tlsa(f"3 1 1 {digest(domain.pairs['two'][0])}"))
    relay.wait(relay.messages)
    bed.queue_empty()
    assert relay.recipients[-1][1]


def test_rollover(bed):
    """Two records while a key is exchanged, one of which fits; records of no use beside them change nothing."""
    domain = Domain(bed)
    relay = domain.serve()
    good, other = digest(domain.pairs["one"][0]), digest(domain.pairs["two"][0])
    domain.publish(domain.tlsa(f"3 1 1 {other}"), domain.tlsa(f"3 1 1 {good}"), domain.tlsa(f"1 1 1 {other}"),
                   domain.tlsa("3 1 9 ab"))
    assert "2 usable of 4 TLSA records" in domain.delivered(relay, DANE)


def test_expired(bed):
    """Dates and names mean nothing where the key itself is published (RFC 7672 3.1.1)."""
    domain = Domain(bed)
    key, chain, request = (os.path.join(bed.folder, "old." + end) for end in ("key", "crt", "csr"))
    config = os.path.join(bed.folder, "ca.conf")
    with open(config, "w", encoding="ascii") as file:
        file.write(f"[ca]\ndefault_ca=x\n[x]\nnew_certs_dir={bed.folder}\ndatabase={bed.folder}/index\nrand_serial=yes\n"
                   "default_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n")
    with open(os.path.join(bed.folder, "index"), "w", encoding="ascii"):
        pass
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", request,
            "-subj", "/CN=somebody.else.example")
    openssl("ca", "-batch", "-notext", "-selfsign", "-config", config, "-keyfile", key, "-in", request, "-out", chain,
            "-startdate", "20200101000000Z", "-enddate", "20210101000000Z")
    relay = domain.serve(pair=(chain, key))
    domain.publish(domain.tlsa(f"3 1 1 {digest(chain)}"))
    domain.delivered(relay, DANE)


def make_authority(bed, host):
    """(the authority's certificate, (chain, key) of a server below it)."""
    authority, authority_key = make_pair(bed.folder, "authority")
    key, request, chain, extensions = (os.path.join(bed.folder, "leaf." + end) for end in ("key", "csr", "crt", "ext"))
    with open(extensions, "w", encoding="ascii") as file:
        file.write(f"subjectAltName=DNS:{host}\n")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", request,
            "-subj", "/CN=leaf")
    openssl("x509", "-req", "-in", request, "-CA", authority, "-CAkey", authority_key, "-CAcreateserial", "-days", "30",
            "-extfile", extensions, "-out", chain)
    with open(authority, encoding="ascii") as above, open(chain, "a", encoding="ascii") as below:
        below.write(above.read())
    return authority, (chain, key)


def test_authority(bed):
    """An authority of the domain's own: the chain ends there, and the certificate bears the exchanger's name or the domain's."""
    domain = Domain(bed)
    for host, good in (("mx1.signed.example", True), ("signed.example", True), ("mx9.signed.example", False)):
        authority, pair = make_authority(bed, host)
        relay = domain.serve(pair=pair)
        domain.publish(domain.tlsa(f"2 0 1 {digest(authority, 0)}"))
        bed.postbusd.restart()
        if good:
            domain.delivered(relay, DANE)
        else:
            domain.waits("mx1.signed.example", "certificate")
        relay.stop()


def test_unusable_records(bed):
    """Usages 0 and 1 are none for mail: TLS is a must, whoever answers; without it the mail waits (RFC 7672 2.2)."""
    domain = Domain(bed)
    relay = domain.serve()
    other = digest(domain.pairs["two"][0])
    domain.publish(domain.tlsa(f"0 0 1 {other}"), domain.tlsa(f"1 1 1 {other}"), domain.tlsa("3 1 1 abcd"))
    assert "no TLSA record" in domain.delivered(relay, UNVERIFIED)
    relay.offers = []
    bed.postbusd.restart()
    relay.octets.clear()
    domain.waits("TLS is required by DANE", "STARTTLS")


def test_no_starttls(bed):
    """A server that offers no TLS, or refuses it, where the DNS says that it has a key."""
    domain = Domain(bed)
    relay = domain.serve(offers=())
    domain.publish(domain.tlsa(f"3 1 1 {digest(domain.pairs['one'][0])}"))
    domain.waits("TLS is required by DANE", "STARTTLS")
    relay.offers = [b"STARTTLS"]
    relay.wait(relay.messages)
    bed.queue_empty()
    assert relay.recipients[-1][1]
    relay.answers[b"STARTTLS"] = b"454 4.7.0 not now"
    bed.postbusd.restart()
    relay.octets.clear()
    domain.waits("454 4.7.0 not now")


def test_next_exchanger(bed):
    """The first exchanger has the wrong key, its records cannot be had, or it offers no TLS: the second one gets the mail."""
    domain = Domain(bed)
    first = domain.serve(pair=domain.pairs["two"])
    second = domain.serve("127.0.0.3", domain.pairs["one"])
    good = digest(domain.pairs["one"][0])
    domain.zone.load("@ MX 10 mx1", "@ MX 20 mx2", "mx1 A 127.0.0.2", "mx2 A 127.0.0.3", domain.tlsa(f"3 1 1 {good}"),
                     domain.tlsa(f"3 1 1 {good}", "mx2"))
    transcript = domain.delivered(second, DANE)
    assert "mx1.signed.example[127.0.0.2]" in transcript and "TLSA" in transcript, transcript
    bed.dns.trouble[f"_{bed.mx_port}._tcp.mx1.signed.example"] = "SERVFAIL"
    bed.postbusd.restart()
    first.octets.clear()
    transcript = domain.delivered(second, DANE)
    assert "cannot be looked up now" in transcript, transcript
    assert first.heard() == b"", "whose records cannot be had is not even asked"


def test_records_in_trouble(bed):
    """Records that are forged, or do not come: the mail waits; nothing is believed but what is proven."""
    domain = Domain(bed)
    domain.serve()
    good, other = digest(domain.pairs["one"][0]), digest(domain.pairs["two"][0])
    name = f"_{bed.mx_port}._tcp.mx1.signed.example"
    domain.publish(domain.tlsa(f"3 1 1 {other}"))
    bed.dns.forgeries[name, "TLSA"] = (bytes.fromhex(other), bytes.fromhex(good))
    transcript = domain.waits("DANE", "mx1.signed.example", "cannot be looked up now")
    assert re.search("validation failure|signature", transcript), transcript
    domain.forget()
    bed.dns.forgeries.clear()
    bed.dns.trouble[name] = "SERVFAIL"
    bed.postbusd.restart()
    domain.waits("DANE", "mx1.signed.example", "cannot be looked up now")
    domain.forget()
    # An exchanger that somebody has put there is not found at all.
    bed.dns.trouble.clear()
    bed.dns.forgeries["signed.example", "MX"] = (b"\x03mx1", b"\x03mx7")
    bed.postbusd.restart()
    domain.send()
    bed.wait_deferred()
    assert "4.4.3" in repr(bed.api.rows("Queue"))


def test_unsigned(bed):
    """A domain that nobody has signed publishes what it likes: TLS where it is offered, and no question for TLSA."""
    domain = Domain(bed)
    relay = domain.serve()
    bed.dns.add("plain.example", "MX", (10, "mx.plain.example"))
    bed.dns.add("mx.plain.example", "A", "127.0.0.2")
    domain.delivered(relay, UNVERIFIED, "x@plain.example")
    # An exchanger in a signed zone, named by one that is not: whoever forged that would choose his own (RFC 7672 2.2.1).
    domain.publish(domain.tlsa(f"3 1 1 {digest(domain.pairs['two'][0])}"))
    bed.dns.add("half.example", "MX", (10, "mx1.signed.example"))
    domain.delivered(relay, UNVERIFIED, "x@half.example")
    assert not [query for query in bed.dns.queries if query[1] == "TLSA" and query[0].startswith("_")]


def test_signed_without_records(bed):
    """Signed, but no records: as if DANE were not there, also without TLS."""
    domain = Domain(bed)
    relay = domain.serve()
    domain.publish()
    domain.delivered(relay, UNVERIFIED)
    relay.offers = []
    bed.postbusd.restart()
    domain.send()
    relay.wait(relay.messages, 2)
    bed.queue_empty()


def test_aliases(bed):
    """Records are looked for where an alias leads before where it begins; the domain itself may be the host (RFC 7672 2.2.2)."""
    domain = Domain(bed)
    relay = domain.serve()
    good, other = digest(domain.pairs["one"][0]), digest(domain.pairs["two"][0])
    domain.zone.load("@ MX 10 alias", "alias CNAME real", "real A 127.0.0.2", domain.tlsa(f"3 1 1 {good}", "real"))
    domain.delivered(relay, DANE)
    domain.zone.load("@ MX 10 alias", "alias CNAME real", "real A 127.0.0.2", f"_{bed.mx_port}._tcp.alias CNAME x",
                     f"x TLSA 3 1 1 {good}")
    bed.postbusd.restart()
    domain.delivered(relay, DANE)
    # The alias is signed, what it leads to is not.
    bed.dns.add("hosting.example", "A", "127.0.0.2")
    domain.zone.load("@ MX 10 alias", "alias CNAME hosting.example.", domain.tlsa(f"3 1 1 {good}", "alias"))
    bed.postbusd.restart()
    domain.delivered(relay, DANE)
    domain.zone.load("@ A 127.0.0.2", f"_{bed.mx_port}._tcp TLSA 3 1 1 {other}")
    bed.postbusd.restart()
    relay.octets.clear()
    domain.waits("signed.example", "TLSA")


def test_stripped(bed):
    """Servers that give no signatures: mail goes on without DANE, and everything that can be asked says so. Once they give them, it holds."""
    domain = Domain(bed, start=False)
    bed.dns.strip = True
    bed.start()
    wait_for(lambda: domain.state() == "unavailable", "the state to tell")
    bed.wait_logged(b"dnssec state=unavailable")
    relay = domain.serve(pair=domain.pairs["two"])
    domain.publish(domain.tlsa(f"3 1 1 {digest(domain.pairs['one'][0])}"))
    domain.delivered(relay, UNVERIFIED)
    row = one(check(bed), "dnssec")
    assert row["State"] == "warning" and "DANE" in row["Evidence"] and "Dns.Servers" in row["Remedy"], row
    bed.dns.strip = False
    assert one(check(bed), "dnssec")["State"] == "ok"
    assert domain.state() == "on"
    relay.octets.clear()
    bed.postbusd.restart()
    wait_for(lambda: domain.state() == "on", "validation")
    domain.waits("mx1.signed.example", "TLSA")


def test_no_denials(bed):
    """Servers that prove what there is, and not what there is not, would make all that is unsigned bogus; such that know no
    TLSA records would keep the mail from all that is signed: mail goes on without DANE."""
    domain = Domain(bed, start=False)
    relay = domain.serve(pair=domain.pairs["two"])
    domain.publish(domain.tlsa(f"3 1 1 {digest(domain.pairs['one'][0])}"))
    bed.dns.strip_denials = True
    bed.start()
    wait_for(lambda: domain.state() == "unavailable", "the state to tell")
    domain.delivered(relay, UNVERIFIED)
    bed.dns.strip_denials = False
    bed.dns.trouble["signed.example", "TLSA"] = "SERVFAIL"
    bed.postbusd.restart()
    wait_for(lambda: domain.state() == "unavailable", "the state to tell")
    domain.delivered(relay, UNVERIFIED)
    bed.dns.trouble.clear()
    assert one(check(bed), "dnssec")["State"] == "ok"
    assert domain.state() == "on"


def test_no_answer(bed):
    """While nobody answers whether signatures come, the state says so; mail that others answer for goes all the same."""
    domain = Domain(bed, start=False)
    relay = domain.serve()
    bed.dns.add("plain.example", "MX", (10, "mx.plain.example"))
    bed.dns.add("mx.plain.example", "A", "127.0.0.2")
    bed.dns.trouble["signed.example", "SOA"] = "SILENCE"
    bed.start()
    wait_for(lambda: domain.state() == "trying", "the state to tell")
    domain.delivered(relay, UNVERIFIED, "x@plain.example")
    assert domain.state() == "trying"
    bed.dns.trouble.clear()
    assert one(check(bed), "dnssec")["State"] == "ok"
    assert domain.state() == "on"


def test_wrong_clock(bed):
    """A machine that starts in the wrong year finds no signature good: mail goes on, and once the clock is right they count."""
    clock = Clock(bed)
    clock.set_wall(-3650 * DAY)
    domain = Domain(bed, start=False)
    relay = domain.serve()
    domain.publish(domain.tlsa(f"3 1 1 {digest(domain.pairs['one'][0])}"))
    bed.start()
    wait_for(lambda: domain.state() == "unavailable", "the state to tell")
    domain.delivered(relay, UNVERIFIED)
    clock.set_wall(3650 * DAY)
    assert one(check(bed), "dnssec")["State"] == "ok"
    assert domain.state() == "on"
    bed.postbusd.restart()
    wait_for(lambda: domain.state() == "on", "validation")
    domain.delivered(relay, DANE)


def test_private_reverse(bed):
    """What a router says of private addresses counts, although the zones above are signed and know nothing of them."""
    domain = Domain(bed, zone="arpa")
    relay = domain.serve()
    zones = ["1.168.192.in-addr.arpa", "16.172.in-addr.arpa", "10.in-addr.arpa", "1.127.in-addr.arpa", "1.d.f.ip6.arpa"]
    # There are such names, and no delegation: signed above, an answer without a signature would be a forgery.
    domain.zone.load(*[f"{zone[:-len('.arpa')]} TXT x" for zone in zones])
    for zone in zones:
        bed.dns.add(zone, "MX", (10, "mx." + zone))
        bed.dns.add("mx." + zone, "A", "127.0.0.2")
        domain.delivered(relay, UNVERIFIED, "x@" + zone)


def test_private_names(bed):
    """What the zones above have said of other names is no answer: the network's own are asked for; where they are no known
    private ones, mail waits and does not come back."""
    domain = Domain(bed, zone="arpa")
    relay = domain.serve()
    for zone in ("nas.home.arpa", "nas.haus.arpa"):
        bed.dns.add(zone, "MX", (10, "mx." + zone))
        bed.dns.add("mx." + zone, "A", "127.0.0.2")
    # The proof that there is none covers all names of the zone.
    domain.send("x@hello.arpa")
    assert "there is no domain" in domain.attempts("bounced", "hello.arpa")[-1]["Transcript"]
    bed.queue_empty()
    domain.delivered(relay, UNVERIFIED, "x@nas.home.arpa")
    for user in "xyz":
        domain.send(user + "@nas.haus.arpa")
        wait_for(lambda: "xyz".index(user) + 1 == bed.api.get("Queue", "Deferred"), "it to wait")
    assert "4.4.3" in repr(bed.api.rows("Queue"))


def test_no_anchor(bed):
    """Without the trust anchor nothing is refused, and the state says so; with one that is none likewise."""
    domain = Domain(bed, start=False)
    anchor = domain.zone.anchor
    kept = anchor + ".kept"
    os.rename(anchor, kept)
    bed.start()
    wait_for(lambda: domain.state() == "no-anchor", "the state to tell")
    relay = domain.serve(pair=domain.pairs["two"])
    domain.publish(domain.tlsa(f"3 1 1 {digest(domain.pairs['one'][0])}"))
    domain.delivered(relay, UNVERIFIED)
    row = one(check(bed), "dnssec")
    assert row["State"] == "warning" and "dns-root-data" in row["Remedy"], row
    for text in ("", "; nothing\n", "signed.example. DS banana\n", "\0\xff\n"):
        with open(anchor, "w", encoding="latin-1") as file:
            file.write(text)
        assert one(check(bed), "dnssec")["State"] == "warning", text
        assert domain.state() == "no-anchor", text
    shutil.copy(kept, anchor)
    assert one(check(bed), "dnssec")["State"] == "ok"
    assert domain.state() == "on"


def test_switched(bed):
    """Outbound.Dane and Dns.Validate, off and on again while it runs."""
    domain = Domain(bed)
    relay = domain.serve(pair=domain.pairs["two"])
    domain.publish(domain.tlsa(f"3 1 1 {digest(domain.pairs['one'][0])}"))
    for interface, name in (("Outbound", "Dane"), ("Dns", "Validate")):
        domain.waits("mx1.signed.example", "TLSA")
        bed.api.set(interface, name, "b", False)
        relay.wait(relay.messages, 1)
        bed.queue_empty()
        domain.delivered(relay, UNVERIFIED)
        bed.api.set(interface, name, "b", True)
        wait_for(lambda: domain.state() == "on", "validation")
        # What was opened without is not used behind it.
        relay.octets.clear()
        relay.messages.clear()
    bed.api.set("Dns", "Validate", "b", False)
    assert domain.state() == "off"
    assert "DANE" in one(check(bed), "dnssec")["Evidence"]


def test_targets(bed):
    """A target of the Domain List proves itself by its records too, where nobody has said how it is to be verified; a relay
    host of which somebody has said that nothing is to be verified does not."""
    domain = Domain(bed)
    relay = domain.serve(pair=domain.pairs["two"])
    domain.publish(domain.tlsa(f"3 1 1 {digest(domain.pairs['one'][0])}"))
    target = f"mx1.signed.example:{bed.mx_port}"
    bed.api.add("DomainList", Name="x", Domain="listed.example", Target=target, VerifyRecipients=False)
    domain.waits("mx1.signed.example", "TLSA", recipient="x@listed.example")
    domain.forget()
    bed.api.set("Delivery", "RelayServer", "s", "mx1.signed.example")
    bed.api.set("Delivery", "RelayPort", "u", bed.mx_port)
    bed.api.set("Delivery", "RelayVerify", "s", "none")
    bed.api.set("Delivery", "Mode", "s", "relay")
    domain.delivered(relay, UNVERIFIED, "x@away.example")
    relay.octets.clear()
    bed.api.set("Delivery", "RelayVerify", "s", "auto")
    domain.waits("mx1.signed.example", "TLSA", recipient="y@away.example")


def test_postfix_agrees(bed):
    """posttls-finger, of Postfix, takes the same servers for proven by the same records."""
    if not shutil.which("posttls-finger", path="/usr/sbin:/usr/bin"):
        skip("there is no posttls-finger")
    domain = Domain(bed)
    authority, below = make_authority(bed, "mx1.signed.example")
    one, two = domain.pairs["one"], domain.pairs["two"]
    rows = [(one, [f"3 1 1 {digest(one[0])}"]), (one, [f"3 0 2 {digest(one[0], 0, 2)}"]), (one, [f"3 1 1 {digest(two[0])}"]),
            (one, [f"1 1 1 {digest(one[0])}"]), (below, [f"2 0 1 {digest(authority, 0)}"]),
            (two, [f"2 0 1 {digest(authority, 0)}"]), (one, [f"3 1 1 {digest(two[0])}", f"3 1 1 {digest(one[0])}"])]
    asked = "".join(json.dumps({"pair": pair, "offers": ["STARTTLS"], "records": records}) + "\n" for pair, records in rows)
    finger = os.path.join(os.path.dirname(os.path.abspath(__file__)), "finger_net.py")
    told = subprocess.run(["unshare", "-n", "-m", sys.executable, finger, bed.folder], input=asked.encode(),
                          capture_output=True, check=False)
    if b"unshare failed" in told.stderr:
        skip("no namespaces can be had here")
    answers = [json.loads(line) for line in told.stdout.splitlines()]
    assert len(answers) == len(rows), told.stderr
    for (pair, records), answer in zip(rows, answers):
        relay = domain.serve(pair=pair)
        domain.publish(*[domain.tlsa(record) for record in records])
        bed.postbusd.restart()
        domain.send()
        wait_for(lambda: relay.messages or bed.api.get("Queue", "Deferred"), "an end")
        event = "delivered" if relay.messages else "deferred"
        transcript = domain.attempts(event)[-1]["Transcript"]
        assert (DANE.decode() in transcript) == answer["verified"], (records, transcript, answer)
        relay.stop()
        if event == "deferred":
            domain.forget()
