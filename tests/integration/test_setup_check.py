# SPDX-License-Identifier: GPL-3.0-or-later
"""Diagnostics.CheckSetup against a DNS that says what it should, what it should not, and nothing."""
import ipaddress
import json
import socket
import subprocess
import threading

import said
import stub_dns
from bus import BusError, variants
from gi.repository import Gio, GLib
from harness import skip, wait_for

STATES = {"ok", "warning", "problem", "unknown"}
PUBLIC = "192.0.2.25"
REVERSE = "25.2.0.192.in-addr.arpa"


def check(bed, seconds=240):
    rows = bed.api.raw_call("org.postbus.Postbus1.Diagnostics", "CheckSetup", None, seconds).unpack()[0]
    for row in rows:
        assert set(row) - {"EvidenceWords", "RemedyWords"} == {"Name", "Subject", "State", "Evidence", "Remedy", "Record"}, row
        said.whole(row, "Evidence")
        said.whole(row, "Remedy")
        assert row["State"] in STATES and row["Evidence"], row
    return rows


def one(rows, name, subject=None):
    found = [row for row in rows if row["Name"] == name and subject in (None, row["Subject"])]
    assert len(found) == 1, (name, subject, found)
    return found[0]


def behind_nat():
    """What is told of addresses depends on the machine's own; these cases are of one without a public address."""
    text = subprocess.run(["ip", "-j", "addr"], capture_output=True, check=True).stdout
    for link in json.loads(text):
        for address in link["addr_info"]:
            if ipaddress.ip_address(address["local"]).is_global:
                skip("this machine has a public address")


def publish_all(dns):
    behind_nat()
    dns.add("mail.local.example", "A", PUBLIC)
    dns.add(REVERSE, "PTR", "mail.local.example")
    dns.add("local.example", "MX", (10, "mail.local.example"))
    dns.add("local.example", "TXT", "v=spf1 a:mail.local.example -all")
    dns.add("_dmarc.local.example", "TXT", "v=DMARC1; p=reject")


def make_key(bed, domain="local.example", algorithm="ed25519"):
    key = bed.api.call("MailAuth", "CreateKey", "(sss)", domain, "s1", algorithm)[0]
    bed.api.call("MailAuth", "ActivateKey", "(sb)", key, True)


def test_all_published(bed):
    bed.start()
    publish_all(bed.dns)
    rows = check(bed)
    for name in ("ptr", "mx", "spf", "dmarc", "open-relay"):
        row = one(rows, name)
        assert row["State"] == "ok" and row["Record"] == "", row
    assert one(rows, "hostname")["Evidence"] == "mail.local.example"
    # The stub's address is none of this machine's: from inside nobody can tell whether it leads here.
    assert one(rows, "a")["State"] == "unknown" and PUBLIC in one(rows, "a")["Evidence"]
    assert one(rows, "listening")["State"] == "problem" and str(bed.port) in one(rows, "listening")["Evidence"]
    assert one(rows, "certificate")["State"] == "warning" and "self-signed" in one(rows, "certificate")["Evidence"]
    assert "MiB" in one(rows, "disk")["Evidence"]
    assert one(rows, "outbound")["State"] == "unknown"
    assert one(rows, "blocklists")["State"] == "unknown"
    assert not [row for row in rows if row["Name"] == "relay"]


def test_records_to_copy(bed):
    """What is missing is given as it is to be published; published, it is found."""
    bed.start()
    behind_nat()
    bed.dns.add("mail.local.example", "A", PUBLIC)
    rows = check(bed)
    wanted = {("ptr", PUBLIC): f"{REVERSE}. 3600 IN PTR mail.local.example.",
              ("mx", "local.example"): "local.example. 3600 IN MX 10 mail.local.example.",
              ("spf", "local.example"): 'local.example. 3600 IN TXT "v=spf1 a:mail.local.example mx ~all"',
              ("dmarc", "local.example"): "_dmarc.local.example. 3600 IN TXT "
                                          '"v=DMARC1; p=none; rua=mailto:postmaster@local.example"'}
    for (name, subject), record in wanted.items():
        row = one(rows, name, subject)
        assert row["Record"] == record and row["State"] in ("warning", "problem") and row["Remedy"], row
    bed.dns.add(REVERSE, "PTR", "mail.local.example")
    bed.dns.add("local.example", "MX", (10, "mail.local.example"))
    bed.dns.add("local.example", "TXT", "v=spf1 a:mail.local.example mx ~all")
    bed.dns.add("_dmarc.local.example", "TXT", "v=DMARC1; p=none; rua=mailto:postmaster@local.example")

    def all_found():
        found = check(bed)
        return all(one(found, name, subject)["State"] == "ok" for name, subject in wanted)
    wait_for(all_found, "the published records, once the cache has forgotten")


def test_wrong_records(bed):
    """Other servers' names and addresses, and what forbids us."""
    bed.start()
    behind_nat()
    dns = bed.dns
    dns.add("mail.local.example", "A", PUBLIC)
    dns.add(REVERSE, "PTR", "pool-25.provider.example")
    dns.add("local.example", "MX", (10, "mx.other.example"))
    dns.add("mx.other.example", "A", "198.51.100.9")
    dns.add("local.example", "TXT", "v=spf1 ip4:198.51.100.9 -all")
    dns.add("_dmarc.local.example", "TXT", "v=DMARC1; sp=reject")
    rows = check(bed)
    assert one(rows, "ptr")["State"] == "problem" and "does not lead back" in one(rows, "ptr")["Evidence"]
    assert one(rows, "mx")["State"] == "problem" and "198.51.100.9" in one(rows, "mx")["Evidence"]
    spf = one(rows, "spf")
    assert spf["State"] == "problem" and "fail" in spf["Evidence"]
    assert spf["Record"] == 'local.example. 3600 IN TXT "v=spf1 a:mail.local.example ip4:198.51.100.9 -all"'
    assert one(rows, "dmarc")["State"] == "warning"
    # A second domain has its own rows; broken grammar and two records are told apart.
    for domain, texts, words in (("broken.example", ["v=spf1 ip4:999.1.1.1 -all"], "permerror"),
                                 ("two.example", ["v=spf1 -all", "v=spf1 mx -all"], "2 SPF records")):
        bed.api.add("LocalDomains", Name=domain)
        for text in texts:
            dns.add(domain, "TXT", text)
        row = one(check(bed), "spf", domain)
        assert row["State"] == "problem" and words in row["Evidence"], row


def test_private_and_nowhere(bed):
    bed.start()
    behind_nat()
    bed.dns.add("mail.local.example", "A", "192.168.1.2")
    rows = check(bed)
    assert one(rows, "a")["State"] == "problem" and "private" in one(rows, "a")["Remedy"]
    assert one(rows, "ptr")["State"] == "unknown"
    bed.api.set("General", "Hostname", "s", "nas.localdomain")
    rows = check(bed)
    assert one(rows, "hostname")["State"] == "problem"
    assert one(rows, "a")["State"] == "problem"


def test_dkim_key(bed):
    """The published key is compared with ours, not looked at."""
    bed.start()
    publish_all(bed.dns)
    assert one(check(bed), "dkim", "local.example")["State"] == "warning"
    make_key(bed)
    name = "s1._domainkey.local.example"
    missing = one(check(bed), "dkim", name)
    assert missing["State"] == "problem" and missing["Record"].startswith(f'{name}. 3600 IN TXT "v=DKIM1;'), missing
    text = "".join(missing["Record"].split('"')[1::2])
    bed.dns.add(name, "TXT", text.replace("p=", "p=AAAA", 1)[:-4])

    def told():
        row = one(check(bed), "dkim", name)
        return row["State"] == "problem" and ("another key" in row["Evidence"] or "no key" in row["Evidence"]
                                              or "key" in row["Evidence"]) and row
    assert wait_for(told, "the other key")["Record"] == missing["Record"]
    bed.dns.records.pop(name)
    bed.dns.add(name, "TXT", text)
    wait_for(lambda: one(check(bed), "dkim", name)["State"] == "ok", "our key")


def test_open_relay(bed):
    bed.start()
    rows = check(bed)
    assert one(rows, "open-relay")["State"] == "ok", one(rows, "open-relay")
    everyone = bed.api.add("TrustedList", Name="everyone", Network="0.0.0.0/0")
    row = one(check(bed), "open-relay")
    assert row["State"] == "problem" and "victim@relay-test.invalid" in row["Evidence"], row
    bed.api.call("TrustedList", "Remove", "(as)", [everyone])
    assert one(check(bed), "open-relay")["State"] == "ok"
    assert bed.api.statistics()["accepted"] == 0


def test_blocklists(bed):
    bed.start()
    dns = bed.dns
    publish_all(dns)
    for zone in ("good.example", "lists.example", "empty.example", "all.example"):
        bed.api.add("DnsblZones", Zone=zone)
    for zone in ("good.example", "lists.example", "all.example"):
        dns.add("2.0.0.127." + zone, "A", "127.0.0.2")
    dns.add("25.2.0.192.lists.example", "A", "127.0.0.4")
    dns.add("1.0.0.127.all.example", "A", "127.0.0.2")
    rows = check(bed)
    assert one(rows, "blocklists", "good.example")["State"] == "ok"
    listed = one(rows, "blocklists", "lists.example")
    assert listed["State"] == "problem" and f"{PUBLIC} (127.0.0.4)" in listed["Evidence"], listed
    assert one(rows, "blocklists", "empty.example")["State"] == "warning"
    assert one(rows, "blocklists", "all.example")["State"] == "warning"


def test_outbound_and_relay(bed):
    bed.start()
    publish_all(bed.dns)
    bed.dns.add("local.example", "MX", (20, "backup.local.example"))
    bed.dns.add("backup.local.example", "A", "127.0.0.2")
    row = one(check(bed), "outbound")
    assert row["State"] == "problem" and "127.0.0.2" in row["Evidence"], row
    bed.mx_sink()
    row = one(check(bed), "outbound")
    assert row["State"] == "ok" and "127.0.0.2" in row["Evidence"], row
    relay = bed.relay_sink()
    rows = check(bed)
    # The sink has no TLS, which is worth a word.
    assert one(rows, "relay")["State"] == "warning" and "Encryption: " in one(rows, "relay")["Evidence"], one(rows, "relay")
    assert one(rows, "outbound")["State"] == "ok"
    assert not relay.messages
    relay.stop()
    assert one(check(bed), "relay")["State"] == "problem"


def test_clock(bed):
    """systemd is asked on the bus; whatever it says is told."""
    owner = Gio.DBusConnection.new_for_address_sync(
        bed.bus.address, Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT
        | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION, None, None)
    owner.set_exit_on_close(False)
    synchronised = [False]
    info = Gio.DBusNodeInfo.new_for_xml(
        '<node><interface name="org.freedesktop.timedate1"><property name="NTPSynchronized" type="b" access="read"/>'
        "</interface></node>")
    context = GLib.MainContext.new()
    loop = GLib.MainLoop.new(context, False)
    ready = threading.Event()

    def serve():
        context.push_thread_default()
        owner.register_object("/org/freedesktop/timedate1", info.interfaces[0], None,
                              lambda *_: GLib.Variant("b", synchronised[0]), None)
        ready.set()
        loop.run()
        context.pop_thread_default()
    thread = threading.Thread(target=serve)
    thread.start()
    try:
        assert ready.wait(240)
        owner.call_sync("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "RequestName",
                        GLib.Variant("(su)", ("org.freedesktop.timedate1", 0)), None, Gio.DBusCallFlags.NONE, 240000, None)
        bed.start()
        row = one(check(bed), "clock")
        assert row["State"] == "warning" and "systemd" in row["Evidence"], row
        synchronised[0] = True
        assert one(check(bed), "clock")["State"] == "ok"
    finally:
        loop.quit()
        thread.join()
        owner.close_sync(None)


def test_silent_dns(bed):
    """Nobody answers: all that needs the DNS is unknown, the rest is told, the whole ends; mail goes on beside it."""
    bed.start()
    bed.dns.everything = stub_dns.SILENCE
    answers = []
    callers = [threading.Thread(target=lambda: answers.append(check(bed))) for _ in range(5)]
    for each in callers:
        each.start()
    bed.send("ann@local.example", ["ann@local.example"], b"Subject: beside\r\n\r\nBody\r\n")
    bed.wait_mails(bed.ann)
    for each in callers:
        each.join()
    assert len(answers) == 5
    for rows in answers:
        for name in ("a", "aaaa", "mx", "spf", "dmarc"):
            assert one(rows, name)["State"] == "unknown", one(rows, name)
        assert one(rows, "open-relay")["State"] == "ok"
        assert one(rows, "hostname")["State"] == "ok"


def test_stops_under_way(bed):
    """The server stops while a check waits: whoever called hears of it."""
    bed.start()
    publish_all(bed.dns)
    bed.dns.everything = stub_dns.SILENCE
    said = []

    def call():
        try:
            check(bed)
        except BusError as error:
            said.append(error)
    caller = threading.Thread(target=call)
    caller.start()
    bed.dns.wait_query("mail.local.example")
    bed.postbusd.stop()
    caller.join()
    assert len(said) == 1 and said[0].name in ("Unavailable", "org.freedesktop.DBus.Error.NoReply"), said


def test_many_domains(bed):
    """Rows are bounded, and what was left out is said."""
    bed.start()
    rows = [variants({"Name": f"d{number}.example"}) for number in range(120)]
    bed.api.call("LocalDomains", "Replace", "(aa{sv})", rows)
    found = check(bed)
    mx = [row for row in found if row["Name"] == "mx"]
    assert len(mx) == 51 and any("70 more domains" in row["Evidence"] for row in mx)


def test_sockets_go(bed):
    """A connection that hangs is given up, and closed."""
    bed.start()
    publish_all(bed.dns)
    bed.dns.add("local.example", "MX", (20, "backup.local.example"))
    bed.dns.add("backup.local.example", "A", "127.0.0.2")
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.2", bed.mx_port))
        listener.listen(1)
        assert one(check(bed), "outbound")["State"] == "ok"
        peer, _ = listener.accept()
        with peer:
            peer.settimeout(240)
            assert peer.recv(1) == b""
