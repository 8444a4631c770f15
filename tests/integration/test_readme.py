# SPDX-License-Identifier: GPL-3.0-or-later
"""The shell lines of the README work as they stand, in the surroundings that quickstart.sh makes."""
import json
import os
import re
import shutil
import subprocess

from gi.repository import Gio

from bus import NAME, variants
from harness import ROOT, Ports, skip, strip_trace

BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_shell_lines(bed):
    missing = [tool for tool in ("swaks", "busctl", "gdbus", "jq") if not shutil.which(tool)]
    if missing:
        skip(f"needs {missing}")
    if not Ports.free("127.0.0.1", 2525) or not Ports.free("127.0.0.1", 2626):
        skip("the README's ports 2525 and 2626 are taken here")
    blocks = BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(blocks) > 3
    bed.postbusd.port = 2525
    bed.start()
    bed.api.add("LocalDomains", Name="home.example")
    bed.api.call("Accounts", "Update", "(sa{sv})", bed.ann, variants({"Addresses": ["ann@home.example"]}))
    sink = bed.sink(2626)
    place = os.path.join(bed.folder, "place")
    os.makedirs(os.path.join(place, "build/quickstart"))
    os.symlink(os.path.join(bed.folder, "bus"), os.path.join(place, "build/quickstart/bus"))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DBUS_")}
    environment["LC_ALL"] = "C.UTF-8"
    run = subprocess.run(["sh", "-eux", "-c", "".join(blocks)], cwd=place, env=environment, text=True,
                         capture_output=True, timeout=240, check=False)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    assert len(bed.wait_mails(bed.ann, 2)) == 2
    [message] = sink.wait_messages(1)
    assert message.recipients == [b"someone@example.org"]
    assert b"From: ann@home.example" in strip_trace(message.body)[0]
    for interface, name, value in (("General", "MaxHops", 50), ("General", "MaxRecipients", 500), ("General", "Banner", "ESMTP at home"),
                                   ("Queueing", "MinBackoff", 60), ("Queueing", "Lifetime", 259200), ("Delivery", "RelayPort", 2626),
                                   ("ConnectionPolicy", "MaxConnections", 20)):
        assert bed.api.get(interface, name) == value, name
    names = {kind: [row["Name"] for row in bed.api.rows(kind)] for kind in ("TrustedList", "LocalDomains", "DomainList")}
    assert names["TrustedList"] == ["tests", "Printer"] and names["DomainList"] == ["Club"], names
    assert "club.example" in names["LocalDomains"]
    with open(os.path.join(place, "settings.json"), encoding="utf-8") as file:
        assert json.load(file)["Settings"]["General"]["MaxHops"] == 50


def test_shell_lines_show_the_methods(bed):
    """What a script needs stands there by both tools, or by the one that is at ease with it."""
    lines = "".join(BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))).splitlines()
    shown = {tool: [line for line in lines if tool + " " in line] for tool in ("busctl", "gdbus")}
    for tool, start in (("busctl", f"{NAME}.Manager "), ("gdbus", f"{NAME}.Manager.")):
        for method in ("Apply", "Validate", "Revert", "Import"):
            assert any(start + method in line for line in shown[tool]), (tool, method)
    for words in ("IfRevision", "DryRun", "ConfirmTimeout", "Manager Confirm", "Manager.Revisions", "Manager Export", "Properties.Set",
                  "set-property", "GetPermissions", "Manager.Authorize", "Audit List", "TrustedList Add", "LocalDomains.Add",
                  "Queue Hold", "Queue.Hold", "Queue.Release", "Queue Retry", "Queue Reroute", "Queue.Remove", "Queue Read", "Queue Attempts",
                  "DomainList Replace", "DomainList.Replace", "TrustedList Update", "TrustedList Move", "TrustedList Remove"):
        assert any(words in line for line in lines), words


def test_setting_names_exist(bed):
    """Each setting that the README names by its interface or in its limits is on the bus."""
    bed.start()
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for interface, name in (("General", "MaxRecipients"), ("General", "MaxHops"),
                            ("General", "MaxMessageSize"), ("ConnectionPolicy", "MaxConnections"),
                            ("Advanced", "MaxJunkCommands"), ("Queueing", "Lifetime")):
        assert name in text
        assert f"{bed.api.get(interface, name):,}" in text or name == "Lifetime", name


def test_postfix_table(bed):
    """What the table of main.cf's parameters leads to is there."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text[text.index("## Moving from Postfix"):text.index("## From the desktop")]
    rows = [line.split("|")[1:3] for line in section.splitlines() if line.startswith("| `")]
    assert len(rows) >= 40
    bed.start()
    reply = bed.api.raw_call("org.freedesktop.DBus.Introspectable", "Introspect").unpack()[0]
    members = {f"{each.name.rpartition('.')[2]}.{member.name}" for each in Gio.DBusNodeInfo.new_for_xml(reply).interfaces
               for member in [*(each.properties or []), *(each.methods or [])]}
    interfaces = {member.split(".")[0] for member in members}
    for _, here in rows:
        words = re.findall(r"`([A-Z]\w+\.[A-Z]\w+)`", here)
        for word in words:
            assert word in members, word
        lists = re.findall(r"(?:the list|a row of) `(\w+)`", here)
        assert set(lists) <= interfaces, lists
        assert words or lists or "none" in here or "watch" in here, here
