# SPDX-License-Identifier: GPL-3.0-or-later
"""Every control has a name for screen readers, on every page and in every dialog that opens from one.

GTK gives a nameless widget the name of its type; that counts as none. One with a mnemonic may get its
label twice, underscore and all; that is no name either."""
import re

TYPE_NAME = re.compile(r"(Gtk|Adw|Pba)[A-Z]\w*$")
# Names of the DNS begin with an underscore, too.
MNEMONIC = re.compile(r"(^|\s)_(?!dmarc\.)\w")
# Focusable for the sake of scrolling, no controls.
NO_CONTROLS = ("scroll pane",)


def where(node):
    """The way to a widget, for the one who has to find it."""
    return " / ".join(f"{each.role} {each.name!r}" for each in reversed([node, *node.ancestors()])
                      if each is node or (each.name and not TYPE_NAME.match(each.name)))


def fault(node):
    if not node.name.strip() or TYPE_NAME.match(node.name):
        return "no name"
    words = node.name.split()
    if MNEMONIC.search(node.name) or (len(words) == 2 and words[0] == words[1]):
        return "its label twice"
    return None


def nameless(ui, top):
    """What is wrong with the controls below it that can be seen, a line each."""
    for node in top.descendants():
        if node.has("focusable") and node.role not in NO_CONTROLS and fault(node) and ui.box(node)[2] > 0:
            yield f"{fault(node)}: {where(node)}"


def check_dialog(ui, title):
    """Opens what Create opens, looks at it and closes it."""
    ui.press("Create")
    top = ui.find("button", "Save").window()
    faults = [f"{title}, Create: {line}" for line in nameless(ui, top)]
    ui.press("Cancel")
    ui.gone("button", "Save")
    return faults


def test_pages(ui):
    ui.start()
    ui.api.add("Aliases", Address="info@local.example", Targets=["ann@local.example"])
    ui.api.add("RelayExceptions", Name="Partner", Kind="recipient", Targets=["partner.example"],
               Server="relay.partner.example")
    faults = []
    for title, entry in ui.unfold():
        ui.go(title, entry)
        faults += [f"{title}: {line}" for line in nameless(ui, ui.tree())]
        if ui.tree().find("button", "Create"):
            faults += check_dialog(ui, title)
    # What stands in the window at all times is found on every page.
    seen = {}
    for line in faults:
        seen.setdefault(line.split(": ", 1)[1], line)
    assert not seen, "\n".join(["there are controls without a name:", *seen.values()])


def test_first_pages(ui):
    """The pages with most kinds of control, for the short run."""
    ui.start("general")
    faults = list(nameless(ui, ui.tree()))
    ui.go("Setup Check")
    faults += nameless(ui, ui.tree())
    assert not faults, "\n".join(["there are controls without a name:", *faults])


def test_connect_page(ui):
    ui.open()
    ui.find("button", "Connect")
    faults = list(nameless(ui, ui.tree()))
    assert not faults, "\n".join(["there are controls without a name:", *faults])


def test_sidebar_by_keys(ui):
    """What has the focus is scrolled into sight, to the last page and back."""
    ui.start("overview")
    ui.unfold()
    ui.click(ui.sidebar()[0])
    for key, index in (("End", -1), ("Home", 0)):
        ui.key(key)

        def in_sight():
            row = ui.sidebar()[index]
            pane = next(each for each in row.ancestors() if each.role == "scroll pane")
            (_, y, _, height), (_, top, _, high) = ui.box(row), ui.box(pane)
            return row.has("focused") and top <= y and y + height <= top + high
        ui.wait(in_sight, f"the row that {key} leads to")
    ui.key("Down", "Return")
    ui.wait(lambda: ui.title() == "General", "the page below the first")
