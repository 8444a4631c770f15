# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings and lists on the bus: values, ranges and the words of errors."""
import os
import subprocess
import xml.etree.ElementTree

from bus import NAME, PATH, BusError, variants
from gi.repository import GLib
from harness import skip, wait_for


def refused(function, *arguments, **row):
    """The error that the call gives; it must give one."""
    try:
        function(*arguments, **row)
    except BusError as error:
        return error
    raise AssertionError(f"{arguments} {row} was taken")


def test_defaults(bed):
    bed.start()
    for name, value in (("MaxRecipients", 1000), ("MaxHops", 100), ("MaxMessageSize", 50),
                        ("Banner", "ESMTP Postbus"), ("AuthEnabled", True)):
        assert bed.api.get("General", name) == value, name
    assert bed.api.get("Delivery", "Mode") == "direct" and bed.api.get("Delivery", "RelayPort") == 25
    assert bed.api.get("Manager", "State") == "running"
    assert ("smtp", "127.0.0.1", bed.port) in bed.api.get("Manager", "Listening")


def test_range_error_names_setting_and_range(bed):
    bed.start()
    for value in (0, 4, 256, 4294967295):
        error = refused(bed.api.set, "General", "MaxHops", "u", value)
        assert (error.name, error.text) == (
            "InvalidValue", "General.MaxHops: must be between 5 and 255"), error
    for value in (5, 255):
        bed.api.set("General", "MaxHops", "u", value)
        assert bed.api.get("General", "MaxHops") == value


def test_choice_error_names_the_choices(bed):
    bed.start()
    error = refused(bed.api.set, "Delivery", "Mode", "s", "banana")
    assert error.name == "InvalidValue" and error.text.startswith("Delivery.Mode: ")
    assert "direct" in error.text and "relay" in error.text
    assert bed.api.get("Delivery", "Mode") == "direct"


def test_control_characters_are_refused(bed):
    bed.start()
    for setting in (("General", "Hostname"), ("General", "Banner"), ("Delivery", "RelayServer")):
        for value in ("a.example\r\nx", "a.example\n", "a.example\r", "a.example\x01"):
            error = refused(bed.api.set, *setting, "s", value)
            assert error.name == "InvalidValue" and error.text.startswith(".".join(setting)), error
    for address in ("ann\r\n@local.example", "a b@local.example", "@", "<ann@local.example>", ""):
        error = refused(bed.api.add, "Accounts", Name="x", Addresses=[address])
        assert error.name == "InvalidValue" and error.text.startswith("Accounts["), error
    assert bed.talk().greeting == (220, "mail.local.example ESMTP Postbus")


def test_unknown_names_and_wrong_types(bed):
    bed.start()
    assert "InvalidArgs" in refused(bed.api.set, "General", "NoSuch", "u", 1).name
    assert "InvalidArgs" in refused(bed.api.set, "General", "MaxHops", "s", "9").name
    error = refused(bed.api.add, "TrustedList", Name="x", Network="127.0.0.1", Colour="red")
    assert error.name == "InvalidValue" and "Colour" in error.text
    error = refused(bed.api.add, "TrustedList", Name="x")
    assert error.name == "InvalidValue" and "Network" in error.text


def test_new_sessions_see_the_change(bed):
    bed.start()
    before = bed.talk()
    bed.api.set("General", "Hostname", "s", "other.example")
    bed.api.set("General", "Banner", "s", "ESMTP hello")
    assert bed.talk().greeting == (220, "other.example ESMTP hello")
    before.expect("EHLO x.example", 250, "mail.local.example")


def test_change_is_announced(bed):
    bed.start()
    heard = []
    context = GLib.MainContext.default()
    bed.api.connection.signal_subscribe(
        NAME, "org.freedesktop.DBus.Properties", "PropertiesChanged", PATH, NAME + ".General", 0,
        lambda *arguments: heard.append(arguments[-1].unpack()))
    bed.api.connection.signal_subscribe(
        NAME, NAME + ".TrustedList", "Changed", PATH, None, 0,
        lambda *arguments: heard.append(arguments[-1].unpack()))
    bed.api.set("General", "MaxHops", "u", 50)
    wait_for(lambda: context.iteration(False) or heard, "PropertiesChanged")
    assert heard[0] == (NAME + ".General", {"MaxHops": 50}, []), heard
    bed.api.add("TrustedList", Name="y", Network="192.0.2.0/24")
    wait_for(lambda: context.iteration(False) or len(heard) > 1, "Changed")
    assert heard[1] == (bed.api.get("Manager", "Revision"),)


def test_private_settings_stay_private(bed):
    bed.start()
    assert "RelayServer" not in bed.api.get_all("Delivery")
    assert "Mode" in bed.api.get_all("Delivery")


def test_apply_is_all_or_nothing(bed):
    bed.start()
    revision = bed.api.get("Manager", "Revision")
    wrong = {"General": {"MaxHops": GLib.Variant("u", 30), "MaxRecipients": GLib.Variant("u", 0)}}
    error = refused(bed.api.call, "Manager", "Apply", "(a{sa{sv}}a{sv})", wrong, {})
    assert error.name == "InvalidValue" and error.text.startswith("General.MaxRecipients: ")
    assert bed.api.get("General", "MaxHops") == 100
    assert bed.api.get("Manager", "Revision") == revision
    right = {"General": {"MaxHops": GLib.Variant("u", 30)},
             "Delivery": {"RelayPort": GLib.Variant("u", 2500)}}
    reply = bed.api.call("Manager", "Apply", "(a{sa{sv}}a{sv})", right, {})
    assert reply[0] > revision and bed.api.get("Manager", "Revision") == reply[0]
    assert bed.api.get("General", "MaxHops") == 30 and bed.api.get("Delivery", "RelayPort") == 2500
    stale = {"IfRevision": GLib.Variant("t", revision)}
    assert refused(bed.api.call, "Manager", "Apply", "(a{sa{sv}}a{sv})", right, stale).name == "Conflict"


def test_introspection_explains_itself(bed):
    bed.start()
    reply = bed.api.raw_call("org.freedesktop.DBus.Introspectable", "Introspect")
    node = xml.etree.ElementTree.fromstring(reply.unpack()[0])
    [hops] = node.findall(f"./interface[@name='{NAME}.General']/property[@name='MaxHops']")
    notes = {note.get("name"): note.get("value") for note in hops.findall("annotation")}
    assert notes["org.postbus.Default"] == "100"
    assert notes["org.postbus.Minimum"] == "5" and notes["org.postbus.Maximum"] == "255"
    assert notes["org.postbus.Title"] and notes["org.postbus.Help"]
    assert hops.get("access") == "readwrite" and hops.get("type") == "u"


def test_list_life(bed):
    bed.start()
    add = bed.api.add
    ids = [add("TrustedList", Name=f"n{n}", Network=f"10.0.{n}.0/24") for n in range(5)]
    page = bed.api.call("TrustedList", "List", "(a{sv}uu)", {}, 1, 2)
    assert page[0] == bed.api.get("Manager", "Revision") and page[1] == 6
    assert [row["Name"] for row in page[2]] == ["n0", "n1"]
    found = bed.api.rows("TrustedList", Search="10.0.3")
    assert [row["Name"] for row in found] == ["n3"]
    bed.api.call("TrustedList", "Update", "(sa{sv})", ids[0], variants({"Enabled": False}))
    row = bed.api.call("TrustedList", "Get", "(s)", ids[0])[0]
    assert row["Enabled"] is False and row["Network"] == "10.0.0.0/24" and row["Id"] == ids[0]
    bed.api.call("TrustedList", "Move", "(su)", ids[4], 0)
    assert bed.api.rows("TrustedList")[0]["Id"] == ids[4]
    assert [row["Position"] for row in bed.api.rows("TrustedList")] == list(range(6))
    bed.api.call("TrustedList", "Remove", "(as)", ids)
    assert [row["Name"] for row in bed.api.rows("TrustedList")] == ["tests"]
    assert refused(bed.api.call, "TrustedList", "Get", "(s)", ids[0]).name == "NotFound"
    assert refused(bed.api.call, "TrustedList", "Remove", "(as)", ids).name == "NotFound"


def test_replace_keeps_known_rows(bed):
    bed.start()
    first = bed.api.add("LocalDomains", Name="one.example")
    rows = [variants({"Name": "two.example"}), variants({"Id": first, "Name": "one.example"})]
    bed.api.call("LocalDomains", "Replace", "(aa{sv})", rows)
    after = bed.api.rows("LocalDomains")
    assert [row["Name"] for row in after] == ["two.example", "one.example"]
    assert after[1]["Id"] == first


def test_bad_rows(bed):
    bed.start()
    for network in ("banana", "10.0.0.0/33", "10.0.0.1/255.0.255.0", "1.2.3", "::1/129", ""):
        error = refused(bed.api.add, "TrustedList", Name="x", Network=network)
        assert error.name == "InvalidValue" and ".Network: " in error.text, (network, error)
    for target in ("|/bin/sh", "/var/mail/x", ":include:/etc/passwd", "ann"):
        error = refused(bed.api.add, "Aliases", Address="x@local.example", Targets=[target])
        assert error.name == "InvalidValue" and ".Targets: " in error.text, (target, error)
    error = refused(bed.api.add, "LocalDomains", Name="local.EXAMPLE")
    assert error.name in ("InvalidValue", "Conflict"), error


def test_other_users_are_refused(bed):
    """Neither root nor the daemon's own user: everything is refused until polkit is asked."""
    if os.getuid() != 0:
        skip("needs root to become another user")
    bed.start()
    os.chmod(bed.folder, 0o755)
    os.chmod(os.path.join(bed.folder, "bus"), 0o666)

    def as_nobody(*words):
        return subprocess.run(
            ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "gdbus", "call",
             "--address", bed.bus.address, "--dest", NAME, "--object-path", PATH, "--method", *words],
            capture_output=True, text=True, timeout=240, check=False)

    get = "org.freedesktop.DBus.Properties.Get"
    set_ = "org.freedesktop.DBus.Properties.Set"
    shown = as_nobody(get, NAME + ".Manager", "State")
    assert "running" in shown.stdout, shown
    for words in ((set_, NAME + ".General", "MaxHops", "<uint32 50>"),
                  (NAME + ".TrustedList.Add", "{'Name': <'x'>, 'Network': <'0.0.0.0/0'>}"),
                  (NAME + ".TrustedList.List", "{}", "0", "10"),
                  (NAME + ".Accounts.List", "{}", "0", "10"),
                  (NAME + ".Queue.List", "{}", "0", "10"),
                  (NAME + ".Manager.Apply", "{'General': {'MaxHops': <uint32 50>}}", "{}"),
                  (get, NAME + ".Delivery", "RelayServer")):
        run = as_nobody(*words)
        assert run.returncode != 0 and "NotAuthorized" in run.stderr, (words, run)
    assert bed.api.get("General", "MaxHops") == 100
    assert len(bed.api.rows("TrustedList")) == 1


def test_statistics_count(bed):
    bed.start()
    before = bed.api.statistics()
    bed.send("a@b.example", ["ann@local.example"], b"Subject: x\r\n\r\nx\r\n")
    bed.wait_mails(bed.ann)
    bed.queue_empty()
    after = bed.api.statistics()
    for name in ("connections", "accepted", "delivered"):
        assert after[name] == before.get(name, 0) + 1, (name, before, after)
    assert after["bytes.in"] > before.get("bytes.in", 0)
