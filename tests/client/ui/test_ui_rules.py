# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of the whitelist in the window: what they skip, what happens to a dialog when the world changes
around it, and CSV files out and in."""
import os

from test_ui_lists import dialog, fill_in, names, rule, save
from test_ui_settings import said
from ui import WITH_FILE_CHOOSER


def whitelist(ui, *rows, **environment):
    """The client on the whitelist, with these rules of (name, kind, value)."""
    ui.bed.start()
    for name, kind, value in rows:
        ui.api.add("AccessList", List="whitelist", Name=name, Kind=kind, Value=value)
    ui.start("access-list", daemon=False, **environment)
    # A tab has no name of its own that lasts; its label is in sight.
    ui.click(ui.find("label", "Whitelist"))


def edit(ui, name):
    ui.click(rule(ui, name))
    ui.wait(lambda: rule(ui, name).has("selected"), "the rule to be selected")
    ui.key("Return")
    ui.wait(lambda: dialog(ui), "the dialog")


def skips(ui):
    """The checks that the dialog's matrix has chosen."""
    top = dialog(ui)
    boxes = [node for node in top.descendants() if node.name.startswith("Skip ") and node.has("focusable")]
    return [node.name.removeprefix("Skip ") for node in boxes if node.has("checked")]


def test_safer_rule(ui):
    """Use IP takes the criterion over, and what is usually skipped goes with it."""
    whitelist(ui, ("Tax adviser", "domain", "example.com"))
    edit(ui, "Tax adviser")
    ui.wait(lambda: skips(ui) == ["DNSBL", "SPF", "Antivirus Scan", "DKIM"], "what a domain usually skips")
    said(ui, "A domain can be forged")
    ui.press("Use IP")
    ui.wait(lambda: len(skips(ui)) == 5, "what an IP usually skips")
    fill_in(ui, "IP", "192.0.2.80")
    save(ui)
    row, = ui.api.rows("AccessList")
    assert (row["Kind"], row["Value"], len(row["Skip"])) == ("ip", "192.0.2.80", 5), row


def test_killed_while_a_dialog_is_open(ui):
    whitelist(ui, ("Scanner", "ip", "192.0.2.17"))
    edit(ui, "Scanner")
    fill_in(ui, "Name", "Office scanner")
    ui.bed.postbusd.kill()
    said(ui, "What you changed here is kept")
    ui.press("Save")
    said(ui, "What you typed stays here")
    ui.bed.postbusd.start()
    ui.gone("label", text="What you typed stays here")
    save(ui)
    assert names(ui, "AccessList") == ["Office scanner"]


def test_removed_elsewhere(ui):
    """What was typed is not lost with the rule: it can be made anew."""
    whitelist(ui, ("Scanner", "ip", "192.0.2.17"))
    edit(ui, "Scanner")
    fill_in(ui, "Name", "Office scanner")
    ui.api.call("AccessList", "Remove", "(as)", [ui.api.rows("AccessList")[0]["Id"]])
    ui.press("Save")
    ui.press("Create Anew")
    ui.gone("button", "Save")
    row, = ui.api.rows("AccessList")
    assert (row["Name"], row["List"], row["Value"]) == ("Office scanner", "whitelist", "192.0.2.17"), row


def choose(ui, entry, button, path):
    """A file by the menu and the file chooser."""
    # A menu button has the button in it by the same name.
    ui.click(ui.find("button", "More", where=lambda node: node.has("focusable")))
    ui.act(ui.find("menu item", entry))
    chooser = ui.find("button", button).window().path
    # A slash brings the entry for a path, where there is none yet.
    ui.key("Control+l", "Control+a")
    ui.screen.type(path)
    ui.press(button)
    # Not the button: the question that follows may have one by the same name.
    ui.wait(lambda: all(window.path != chooser for window in ui.tree().children), "the file chooser to go")


def test_csv_round_trip(ui):
    path = os.path.join(ui.bed.folder, "rules.csv")
    whitelist(ui, ("=1+1", "ip", "192.0.2.17"), ("Ann", "sender", "ann@example.org"),
              **WITH_FILE_CHOOSER)
    rule(ui, "Ann")
    choose(ui, "Export to CSV…", "Export", path)
    said(ui, "Exported to")
    with open(path, encoding="utf-8", newline="") as file:
        text = file.read()
    assert text.count("\r\n") == 3 and ",'=1+1," in text, text
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(text.replace(",Ann,", ",Anna,"))
    choose(ui, "Import from CSV…", "Import", path)
    said(ui, "1 row that is here is changed.")
    ui.press("Import")
    said(ui, "Imported: 2 rules")
    assert names(ui, "AccessList") == ["=1+1", "Anna"]
