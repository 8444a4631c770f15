# SPDX-License-Identifier: GPL-3.0-or-later
"""The search in the sidebar finds every setting by its words, and goes there."""
import xml.etree.ElementTree

import bus


def settings(ui):
    """What the daemon has: {title: interface} by introspection."""
    text = ui.api.raw_call("org.freedesktop.DBus.Introspectable", "Introspect").unpack()[0]
    found = {}
    for interface in xml.etree.ElementTree.fromstring(text).findall("interface"):
        name = interface.get("name")
        for item in interface.findall("property"):
            notes = {note.get("name"): note.get("value") for note in item.findall("annotation")}
            if name.startswith(bus.NAME) and "org.postbus.Title" in notes and item.get("access") == "readwrite":
                found.setdefault(notes["org.postbus.Title"], name.rsplit(".", 1)[1])
    assert len(found) > 50, found
    return found


def results(ui):
    """The titles found, with the page each is on."""
    rows = [node for node in ui.tree().find("list item") if node.parent.name == "Found settings"]
    return {node.name.rpartition(", ")[0]: node for node in rows}


def search(ui, text):
    ui.reader.set_text(ui.name, ui.find("search box", "Find a setting"), text)


def test_finds_every_setting(ui):
    ui.start()
    ui.key("Control+f")
    wanted = settings(ui)
    # Nearly all have an "e"; each of the others is looked for by itself.
    search(ui, "e")
    found = set(ui.wait(lambda: len(results(ui)) > 50 and results(ui), "many results"))
    missing = [title for title in wanted if title not in found]
    assert len(missing) < 40, missing
    for title in missing:
        search(ui, title)
        ui.wait(lambda name=title: name in results(ui), f"“{title}” among the results")


def test_goes_there(ui):
    """From the keyboard alone."""
    ui.start()
    for words, page, role, title in (
            ("antivir", "Antivirus", None, None),
            ("message hops", "General", "spin button", "Max message hops"),
            # This one lies in a fold that is closed.
            ("skip the check for sender", "General", None, None),
            ("concurrent", "Connection Policy", None, None)):
        ui.key("Control+f")
        search(ui, words)
        ui.wait(lambda wanted=words: any(wanted in name.lower() for name in results(ui)), f"results for {words}")
        ui.key("Return")
        ui.wait(lambda name=page: ui.title() == name, f"the page {page}")
        if title is not None:
            ui.find(role, title, where=lambda node: node.has("focused"))


def test_nothing_found(ui):
    ui.start()
    ui.key("Control+f")
    search(ui, "zebra")
    ui.find("label", "No Results Found")
    ui.wait(lambda: not results(ui), "no results")
    ui.key("Escape")
    ui.find("list item", "General")
