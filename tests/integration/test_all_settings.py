# SPDX-License-Identifier: GPL-3.0-or-later
"""Every row of every settings interface, as introspection shows it: what it takes, what it refuses and
with which words, that it survives kill -9, and that Revert brings it back."""
import os
import pathlib
import re

import certificates
import stranger
from bus import NAME, BusError, variants
from gi.repository import GLib
from harness import TESTDATA, skip

SPECIFICATION = pathlib.Path(os.environ.get("POSTBUS_SPECIFICATION", TESTDATA.parent / "spec/settings.md"))

CHAIN, KEY = certificates.lasting_pair()
# Kept and shown, but obeyed by nothing yet. Whoever makes one true takes it from here.
INEFFECTIVE = []

# Settings that are strings or lists of strings: values that are taken, and values that are not.
TEXTS = {
    "General.LocalNetworks": (["192.168.0.0/16", "2001:db8::/32", "10.1.2.3", "172.16.0.0/255.240.0.0"],
                              ["banana", "10.0.0.0/33", "::1/129", "10.0.0.1/255.0.255.0", ""]),
    "General.Hostname": (["mx.example.org", "a.b"], ["", "mx", "mx..example", "-a.example", "a_b.example", "x" * 64 + ".example",
                                                     "10.0.0.1", "mx.example.org."]),
    "General.Banner": (["ESMTP hello", "x" * 400], ["x" * 401, "grüß", ""]),
    "General.ExternalPostmasters": (["a@example.org", "a+b@xn--bcher-kva.example"], ["a", "@example.org", "a@", "a b@example.org",
                                                                                 "<a@example.org>", ""]),
    "Delivery.RelayServer": (["relay.example.org", "192.0.2.1", "2001:db8::1", "relay", ""], ["relay.example.org:25", "a b", "[::1]"]),
    "Delivery.RelayFallback": (["relay.example.org", "relay.example.org:26", "[2001:db8::1]:26", "192.0.2.1:1"],
                               ["relay.example.org:0", "relay.example.org:65536", "a b", ""]),
    "Delivery.RelayFingerprint": (["0123456789abcdefABCDEF" + "0" * 42, ""], ["0" * 63, "0" * 65, "g" * 64]),
    "Delivery.RelayUser": (["ann@example.org", "Ännchen", "x" * 4096, ""], ["x" * 4097]),
    "Tls.CertificateFile": ([CHAIN, ""], ["chain.pem", "/etc/ssl/"]),
    "Tls.KeyFile": ([KEY, ""], ["key.pem", "/"]),
    "Antivirus.Address": (["unix:/run/clamd.ctl", "localhost:3310", "[::1]:3310", ""], ["localhost", "unix:clamd", "localhost:0"]),
    "Mailboxes.LmtpAddress": (["unix:/run/lmtp", "192.0.2.1:24", ""], ["192.0.2.1", "unix:", "host:65536"]),
    "Mailboxes.Delimiter": (["+", "-", "=", ""], ["++", "a", "@", "/"]),
    "Dns.Servers": (["192.0.2.53", "192.0.2.53:5353", "[2001:db8::53]:53", "2001:db8::53"], ["ns.example.org", "192.0.2.53:0", ""]),
    "Reports.DailyTime": (["00:00", "23:59"], ["24:00", "7:00", "07:60", "", "noon"]),
    "Reports.Recipients": (["a@example.org"], ["a", "a@b@", ""]),
    "Metrics.Address": (["127.0.0.1:9154", "[::1]:9154", "unix:/nowhere/metrics", ""],
                        ["127.0.0.1", "localhost:9154", "127.0.0.1:0", "192.0.2.1:9154", "0.0.0.0:9154", "[::]:9154",
                         "unix:metrics", "unix:/" + "x" * 107]),
}
CONTROL = ("\r\nx", "\n", "\r", "\x01", "\x7f", "\u0085", "\u2028")


def settings(api):
    """Key ("General.MaxHops") to XML element of every writable property of the daemon."""
    return {f"{interface}.{each.get('name')}": each for interface, element in stranger.interfaces(api).items()
            for each in element.findall("property") if each.get("access") == "readwrite"}


def set_setting(bed, key, kind, value):
    bed.api.set(*key.split("."), kind, value)


def get_setting(bed, key):
    return bed.api.get(*key.split("."))


def refused(bed, key, kind, value):
    """The value is refused as it must be, and nothing has changed. Returns the words."""
    before = (get_setting(bed, key), bed.api.get("Manager", "Revision"))
    try:
        set_setting(bed, key, kind, value)
    except BusError as error:
        assert error.name == "InvalidValue", (key, value, error)
        assert re.match(re.escape(key) + r": (entry \d+ )?must ", error.text), (key, value, error)
        assert "\n" not in error.text and len(error.text) < 300, error
        assert (get_setting(bed, key), bed.api.get("Manager", "Revision")) == before
        return error.text
    raise AssertionError(f"{key} took {value!r}")


def extremes(key, element):
    """Every value that stands for a limit of what the setting takes."""
    notes = stranger.notes(element)
    kind = element.get("type")
    if kind == "b":
        return [True, False]
    if kind == "u":
        return [int(notes["Minimum"]), int(notes["Maximum"])]
    if "Choices" in notes:
        return notes["Choices"].split("|")
    taken = TEXTS[key][0]
    return [[], *([value] for value in taken), taken] if kind == "as" else taken


def other_value(key, element, present):
    """Some value that is not the present one."""
    return next(value for value in reversed(extremes(key, element)) if value != present)


def default(element):
    text = stranger.notes(element).get("Default", "")
    kind = element.get("type")
    return text if kind == "s" else GLib.Variant.parse(GLib.VariantType.new(kind), text, None, None).unpack()


def test_every_setting_is_described(bed):
    bed.start()
    described = settings(bed.api)
    assert len(described) >= 70, len(described)
    for key, element in described.items():
        notes = stranger.notes(element)
        assert notes.get("Title") and notes.get("Help", "").endswith("."), key
        assert notes.get("Group") and notes.get("Effective") in ("true", "false"), key
        assert element.get("type") in ("b", "u", "s", "as"), key
        if element.get("type") == "u":
            assert int(notes["Minimum"]) <= int(notes["Default"]) <= int(notes["Maximum"]), key
        if element.get("type") in ("s", "as"):
            assert ("Choices" in notes) != (key in TEXTS), f"{key}: say in TEXTS what it takes"
        if "Choices" in notes:
            assert notes["Default"] in notes["Choices"].split("|"), key
        if key != "General.Hostname":
            assert get_setting(bed, key) == default(element), key


def test_every_setting_takes_its_limits(bed):
    bed.start()
    for key, element in settings(bed.api).items():
        present = get_setting(bed, key)
        for value in extremes(key, element):
            if key == "Delivery.RelayTls" or key == "Delivery.Mode" and value == "relay":
                set_setting(bed, "Delivery.RelayServer", "s", "192.0.2.1")
            set_setting(bed, key, element.get("type"), value)
            assert get_setting(bed, key) == value, (key, value)
        set_setting(bed, key, element.get("type"), present)
        assert get_setting(bed, key) == present, key


def test_every_setting_is_refused_beyond_its_limits(bed):
    bed.start()
    for key, element in settings(bed.api).items():
        notes, kind = stranger.notes(element), element.get("type")
        if kind == "u":
            low, high = int(notes["Minimum"]), int(notes["Maximum"])
            for value in {low - 1, high + 1, 4294967295} - {-1, 4294967296}:
                words = refused(bed, key, kind, value)
                assert words.startswith(f"{key}: must be between {low} and {high}"), words
        elif "Choices" in notes:
            for value in ("", "banana", notes["Choices"], notes["Default"].upper() + "x", notes["Default"] + "\n"):
                words = refused(bed, key, kind, value)
                assert all(choice in words for choice in notes["Choices"].split("|")), words
        elif kind in ("s", "as"):
            taken, wrong = TEXTS[key]
            some = next(value for value in taken if value)
            for value in (*wrong, *(some + each for each in CONTROL), *(each + some for each in CONTROL), "x" * 1000000):
                refused(bed, key, kind, [some, value] if kind == "as" else value)


def test_wrong_types_are_refused(bed):
    bed.start()
    values = {"b": GLib.Variant("b", True), "u": GLib.Variant("u", 9), "s": GLib.Variant("s", "x"),
              "as": GLib.Variant("as", ["x"]), "i": GLib.Variant("i", 9), "t": GLib.Variant("t", 9),
              "v": GLib.Variant("v", GLib.Variant("u", 9)), "a{sv}": GLib.Variant("a{sv}", {})}
    revision = bed.api.get("Manager", "Revision")
    for key, element in settings(bed.api).items():
        interface, name = key.split(".")
        for kind, value in values.items():
            if kind == element.get("type"):
                continue
            try:
                bed.api.raw_call("org.freedesktop.DBus.Properties", "Set",
                                 GLib.Variant("(ssv)", (f"{NAME}.{interface}", name, value)))
            except BusError as error:
                assert error.name.endswith("InvalidArgs"), error
            else:
                raise AssertionError(f"{key} took a {kind}")
            try:
                bed.api.call("Manager", "Apply", "(a{sa{sv}}a{sv})", {interface: {name: value}}, {})
            except BusError as error:
                assert error.name == "InvalidValue" and error.text.startswith(key + ": "), error
            else:
                raise AssertionError(f"Apply took a {kind} for {key}")
    assert bed.api.get("Manager", "Revision") == revision


def change_all(bed):
    """Everything to another value, in one revision. Returns what was before, and what is now."""
    described = settings(bed.api)
    before = {key: get_setting(bed, key) for key in described}
    after = {key: other_value(key, element, before[key]) for key, element in described.items()}
    # Where one setting forbids what another allows.
    after["Delivery.RelayServer"] = "relay.example.org"
    after["Delivery.RelayTls"] = "starttls"
    changes = {}
    for key, value in after.items():
        interface, name = key.split(".")
        changes.setdefault(interface, {})[name] = GLib.Variant(described[key].get("type"), value)
    bed.api.call("Manager", "Apply", "(a{sa{sv}}a{sv})", changes, {})
    assert {key: get_setting(bed, key) for key in described} == after
    assert all(after[key] != before[key] for key in described)
    return before, after


def test_every_setting_survives_kill_and_reverts(bed):
    bed.start()
    first = bed.api.get("Manager", "Revision")
    before, after = change_all(bed)
    bed.postbusd.kill()
    bed.postbusd.start()
    assert {key: get_setting(bed, key) for key in after} == after
    assert bed.api.get("Manager", "Revision") == first + 1
    bed.api.call("Manager", "Revert", "(t)", first)
    assert {key: get_setting(bed, key) for key in before} == before
    bed.postbusd.kill()
    bed.postbusd.start()
    assert {key: get_setting(bed, key) for key in before} == before


def test_every_setting_survives_export_and_import(bed):
    bed.start()
    _, after = change_all(bed)
    [text] = bed.api.call("Manager", "Export")
    bed.api.call("Manager", "Revert", "(t)", bed.api.get("Manager", "Revision") - 1)
    assert get_setting(bed, "General.MaxHops") != after["General.MaxHops"]
    revision = bed.api.get("Manager", "Revision")
    bed.api.call("Manager", "Import", "(sa{sv})", text, {})
    assert {key: get_setting(bed, key) for key in after} == after
    assert bed.api.get("Manager", "Revision") == revision + 1


ROWS = {
    "TrustedList": {"Name": "x", "Network": "192.0.2.1"},
    "DomainList": {"Name": "x", "Domain": "a.example"},
    "RelayExceptions": {"Name": "x", "Kind": "sender", "Targets": [".a.example"], "Server": "r.example"},
    "AccessList": {"Name": "x", "List": "whitelist", "Kind": "ip", "Value": "192.0.2.1"},
    "LocalDomains": {"Name": "a.example"},
    "Accounts": {"Name": "x", "Addresses": ["x@local.example"]},
    "Aliases": {"Address": "y@local.example", "Targets": ["x@example.org"]},
    "DnsblZones": {"Zone": "bl.example"},
}


def columns(element):
    return {name.removeprefix("Column."): words for name, words in stranger.notes(element).items()
            if name.startswith("Column.")}


def test_every_list_lives_and_reverts(bed):
    """Each list takes a row, shows all its columns, survives kill -9, and comes back by Revert (but Accounts)."""
    bed.start()
    described = {name: element for name, element in stranger.interfaces(bed.api).items() if columns(element)}
    assert set(described) == set(ROWS)
    first = bed.api.get("Manager", "Revision")
    before = {kind: bed.api.rows(kind) for kind in ROWS}
    ids = {kind: bed.api.add(kind, **row) for kind, row in ROWS.items()}
    after = {kind: bed.api.rows(kind) for kind in ROWS}
    for kind, element in described.items():
        shown = bed.api.call(kind, "Get", "(s)", ids[kind])[0]
        assert set(shown) == {"Id", "Position", *columns(element)}, (kind, shown)
        assert all(shown[name] == value for name, value in ROWS[kind].items()), shown
        for name, words in columns(element).items():
            if "; read-only" in words:
                try:
                    bed.api.call(kind, "Add", "(a{sv})", {**variants(ROWS[kind]), name: GLib.Variant("t", 5)})
                except BusError as error:
                    assert error.name == "InvalidValue" and f".{name}: " in error.text, error
                else:
                    raise AssertionError(f"{kind}.{name} was set")
    bed.postbusd.kill()
    bed.postbusd.start()
    assert {kind: bed.api.rows(kind) for kind in ROWS} == after
    bed.api.call("Manager", "Revert", "(t)", first)
    for kind in ROWS:
        assert bed.api.rows(kind) == (after if kind == "Accounts" else before)[kind], kind
    # Rows that were removed come back as well, with their ids.
    bed.api.call("Manager", "Revert", "(t)", bed.api.get("Manager", "Revision") - 1)
    assert {kind: bed.api.rows(kind) for kind in ROWS} == after


def test_ineffective_settings_are_these(bed):
    bed.start()
    marked = set()
    for name, element in stranger.interfaces(bed.api).items():
        marked |= {name} if stranger.notes(element).get("Effective") == "false" else set()
        marked |= {f"{name}.{column}" for column, words in columns(element).items() if "; not obeyed yet" in words}
        marked |= {f"{name}.{each.get('name')}" for each in element.findall("property")
                   if stranger.notes(each).get("Effective") == "false"}
    assert marked == set(INEFFECTIVE), f"INEFFECTIVE and the tables differ: {marked ^ set(INEFFECTIVE)}"


def specified():
    """The names of the specification's tables: settings and whether they are private, and lists."""
    names, lists, interface = {}, set(), None
    for line in SPECIFICATION.read_text(encoding="utf-8").splitlines():
        heading = re.match(r"## (?:Security: )?(\w+)", line)
        if heading:
            interface = heading.group(1)
        lists |= set(re.findall(r"\*\*(\w+)\*\*", line)) if re.search(r"[Ll]ist \*\*|lists \|", line) else set()
        row = re.match(r"\| ([A-Z]\w.*?) \| (.*?)[ |]*\|?$", line)
        if not row or row.group(1) in ("interface",):
            continue
        words = row.group(1)
        if interface == "Beyond":
            # "Interface | Name type default, Name type P ..."
            body = re.sub(r"\(.*?\)", "", row.group(2))
            body = re.sub(r"list \*\*.*", "", body)
            for part in re.split(r"[,;.] ", body):
                found = re.match(r"(?:and )?([A-Z][A-Za-z]+)\b(?!=)(.*)", part)
                if found:
                    names[f"{words}.{found.group(1)}"] = " P" in found.group(2)
        else:
            for name, mark in re.findall(r"([A-Z][A-Za-z]+)( P)?", words):
                if name != "P":
                    names[f"{interface}.{name}"] = bool(mark)
    return names, lists - {"Exempt"}


def test_everything_specified_exists(bed):
    if not SPECIFICATION.is_file():
        skip(f"there is no {SPECIFICATION}")
    names, lists = specified()
    assert len(names) >= 70 and len(lists) == 8, (len(names), lists)
    bed.start()
    described = settings(bed.api)
    missing = sorted(set(names) - set(described))
    assert not missing, missing
    found = stranger.interfaces(bed.api)
    assert not [name for name in lists if name not in found]
    wrong = [key for key, private in names.items() if stranger.is_private(described[key]) != private]
    assert not wrong, wrong
    assert not sorted(set(described) - set(names)), "the specification does not know these"
    shown = {f"{interface}.{each.get('name')}" for interface, element in found.items() for each in element.findall("property")}
    named = re.findall(r"\b(\w+) \(read-only\) shows", SPECIFICATION.read_text(encoding="utf-8"))
    assert named and all(f"General.{name}" in shown for name in named), named
