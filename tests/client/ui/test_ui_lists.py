# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules in the window: made, changed, put into another order, removed and put back."""
from test_ui_settings import dialog_of, said

TRUSTED = "Trusted Mail Server"


def names(ui, kind):
    """As the daemon has them, in order."""
    return [row["Name"] for row in ui.api.rows(kind)]


def rule(ui, name):
    """The row of that rule, as soon as it shows."""
    return ui.find("list item", below=ui.page, where=lambda node: node.name.split(",")[0] == name)


def shown(ui):
    """The names of the rules in sight, from the top."""
    page = ui.page()
    return [node.name.split(",")[0] for node in page.find("list item")] if page is not None else []


def dialog(ui):
    """The dialog with Save in it."""
    buttons = ui.tree().find("button", "Save")
    return buttons[0].window() if buttons else None


def fill_in(ui, field, text):
    ui.reader.set_text(ui.name, ui.find("text box", field, below=lambda: dialog(ui)), text)


def save(ui):
    ui.press("Save")
    ui.gone("button", "Save")


def test_add(ui):
    ui.start("trusted-list")
    rule(ui, "tests")
    ui.press("Create")
    # What cannot be is said in the dialog, and nothing is sent.
    fill_in(ui, "Name", "Printer")
    fill_in(ui, "IP address or subnet", "192.168.1.999")
    ui.press("Save")
    ui.find("text box", "IP address or subnet", where=lambda node: node.has("invalid"), below=lambda: dialog(ui))
    assert names(ui, "TrustedList") == ["tests"]
    fill_in(ui, "IP address or subnet", "192.168.1.9")
    save(ui)
    rule(ui, "Printer")
    assert names(ui, "TrustedList") == ["tests", "Printer"]


def test_long_text(ui):
    """64 KiB of it in a name: refused at its row, and the window lives on."""
    ui.start("trusted-list")
    rule(ui, "tests")
    ui.press("Create")
    fill_in(ui, "Name", "x" * 65536)
    fill_in(ui, "IP address or subnet", "192.168.1.9")
    ui.press("Save")
    faulty = ui.find("text box", "Name", where=lambda node: node.has("invalid"), below=lambda: dialog(ui))
    assert faulty.description, "no reason is given"
    assert names(ui, "TrustedList") == ["tests"]
    fill_in(ui, "Name", "Printer")
    save(ui)
    rule(ui, "Printer")


def test_edit_and_switch(ui):
    ui.start("trusted-list")
    ui.click(rule(ui, "tests"))
    ui.key("Return")
    fill_in(ui, "Name", "Test bench")
    save(ui)
    rule(ui, "Test bench")
    assert names(ui, "TrustedList") == ["Test bench"]
    ui.act(ui.find("switch", "Enable Test bench"))
    ui.wait(lambda: not ui.api.rows("TrustedList")[0]["Enabled"], "the rule to be switched off")


def test_remove_and_undo(ui):
    ui.start("trusted-list")
    ui.api.add("TrustedList", Name="Printer", Network="192.168.1.9")
    ui.api.add("TrustedList", Name="Scanner", Network="192.168.1.10")
    rule(ui, "Scanner")
    ui.click(rule(ui, "Printer"))
    said(ui, "1 selected")
    ui.key("Delete")
    ui.wait(lambda: names(ui, "TrustedList") == ["tests", "Scanner"], "the rule to go")
    ui.press("Undo")
    ui.wait(lambda: names(ui, "TrustedList") == ["tests", "Printer", "Scanner"], "the rule in its old place")
    rule(ui, "Printer")


def test_reorder(ui):
    """With Alt and an arrow key, where order decides."""
    ui.bed.start()
    for name in ("One", "Two", "Three"):
        ui.api.add("RelayExceptions", Name=name, Kind="recipient", Targets=[name.lower() + ".example"],
                   Server="relay.example.net")
    ui.start("relay-exceptions", daemon=False)
    ui.click(rule(ui, "Three"))
    said(ui, "1 selected")
    ui.key("Alt+Up")
    ui.wait(lambda: names(ui, "RelayExceptions") == ["One", "Three", "Two"], "Three to go up")
    ui.wait(lambda: shown(ui) == ["One", "Three", "Two"], "Three to show there")
    ui.key("Alt+Up")
    ui.wait(lambda: names(ui, "RelayExceptions") == ["Three", "One", "Two"], "Three to go to the top")


def test_added_elsewhere(ui):
    """A list that is on the screen follows."""
    ui.start("trusted-list")
    rule(ui, "tests")
    ui.api.add("TrustedList", Name="Elsewhere", Network="192.168.1.9")
    rule(ui, "Elsewhere")


def test_empty_list(ui):
    ui.start("aliases")
    said(ui, "No Aliases")
    ui.press("Create", below=ui.page)
    dialog_of(ui, "Alias")
    ui.press("Cancel")
    ui.gone("button", "Save")
