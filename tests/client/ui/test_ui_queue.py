# SPDX-License-Identifier: GPL-3.0-or-later
"""The queue page as something to act on: messages selected, held, released, tried now, rerouted and
removed by mouse and keyboard, with what can be undone undone; and a look into one."""
import os
import pathlib

import ui as driver
from test_ui_pages import MESSAGE, defer_all, wait_named


def begin(ui, **environment):
    """Three messages that wait for a relay that is not there."""
    ui.bed.start()
    defer_all(ui)
    for name in ("one", "two", "three"):
        ui.bed.send("ann@local.example", [f"{name}@nowhere.example"], MESSAGE)
    ui.bed.wait_deferred(3)
    ui.start("queue", daemon=False, **environment)
    ui.find("list item", text="Deferred, three@nowhere.example")


def row(ui, name, state=None, selected=None):
    return ui.find("list item", text=f"{name}@nowhere.example, from",
                   where=lambda node: (state is None or node.name.startswith(state + ","))
                   and (selected is None or node.has("selected") == selected))


def held(ui):
    return sorted(each["Recipients"][0]["Address"].split("@")[0] for each in ui.api.rows("Queue", State="held"))


def dialog(ui, button):
    """The dialog with that button in it."""
    found = ui.tree().find("button", button)
    return found[0].window() if found else None


def test_act(ui):
    """Hold and its undo, all by the keyboard, a removal that is told to the sender."""
    begin(ui)
    ui.click(row(ui, "two"))
    ui.find("label", "1 message selected")
    ui.press("Hold")
    row(ui, "two", "Held", selected=True)
    assert held(ui) == ["two"]
    ui.press("Undo")
    row(ui, "two", "Deferred")
    assert held(ui) == []
    ui.key("Control+a")
    ui.find("label", "3 messages selected")
    ui.press("Hold")
    row(ui, "three", "Held", selected=True)
    assert held(ui) == ["one", "three", "two"]
    # What comes meanwhile is selected too, since all is; and nothing is forgotten.
    ui.bed.send("ann@local.example", ["four@nowhere.example"], MESSAGE)
    row(ui, "four", selected=True)
    ui.press("Release")
    row(ui, "one", "Deferred", selected=True)
    ui.key("Escape")
    ui.gone("button", "Release")
    ui.click(row(ui, "one"))
    ui.key("Delete")
    ui.find("label", "Remove 1 Message?")
    # The first thing in the dialog; Return alone would be Cancel.
    ui.find("switch", "Tell the sender that it was not delivered", where=lambda node: node.has("focused"))
    ui.key("space")
    ui.press("Remove", below=lambda: dialog(ui, "Cancel"))
    ui.gone("list item", text="one@nowhere.example, from")
    [notice] = ui.bed.wait_mails(ui.bed.ann)
    assert b"one@nowhere.example" in notice


def test_reroute_and_try(ui):
    begin(ui)
    port = ui.bed.ports.take(("127.0.0.1",))
    ui.api.set("Delivery", "RelayPort", "u", port)
    sink = ui.bed.sink(hosts=("127.0.0.9",))
    ui.click(row(ui, "three"))
    ui.press("Reroute…")
    ui.find("label", "Reroute 1 Message")
    target = ui.find("text box", "Host and port")
    ui.reader.set_text(ui.name, target, "no host")
    ui.find("button", "Reroute", where=lambda node: not node.has("sensitive"))
    ui.reader.set_text(ui.name, target, f"127.0.0.9:{sink.port}")
    ui.press("Reroute", below=lambda: dialog(ui, "Cancel"))
    [message] = sink.wait_messages(1)
    assert message.recipients == [b"three@nowhere.example"]
    ui.gone("list item", text="three@nowhere.example, from")
    relay = ui.bed.sink(port)
    ui.click(row(ui, "one"))
    ui.key("Control+a")
    ui.find("label", "2 messages selected")
    ui.press("Try Now")
    relay.wait_messages(2)
    ui.find("label", "Queue Is Empty")


def test_look_into_one(ui):
    """The dialog by Return: the recipient's way, the attempt with what was said, and the text as it is, never rendered."""
    ui.bed.start()
    ui.bed.relay_sink().rule("RCPT", b"450 4.2.0 Come back when the moon is full")
    ui.bed.send("ann@local.example", ["one@nowhere.example"],
                b"Subject: <b>Offer</b>\r\nContent-Type: text/html\r\n\r\n<h1>Dear</h1>\x01\r\n" + b"x" * 70 + b"\r\n" * 1000)
    ui.bed.wait_deferred(1)
    ui.start("queue", daemon=False, **driver.WITH_FILE_CHOOSER)
    ui.click(row(ui, "one", "Deferred"))
    ui.key("Return")
    ui.find("list item", text="one@nowhere.example, Come back when the moon is full\n450 4.2.0\n[127.0.0.1]")
    ui.find("list item", text="Route: relay host 127.0.0.1")
    attempt = ui.find("list item", text=", one@nowhere.example: 450 4.2.0 Come back when the moon is full")
    ui.click(attempt)
    ui.find("list item", "What was said")
    ui.find("label", text="\nC: RCPT TO:<one@nowhere.example>")
    ui.click(ui.find("list item", "Show Header and Text"))
    ui.find("text box", "Header and text of the message",
            where=lambda node: "Subject: <b>Offer</b>\n" in ui.reader.text(ui.name, node)
            and "<h1>Dear</h1>\N{REPLACEMENT CHARACTER}\n" in ui.reader.text(ui.name, node))
    ui.find("button", "Save…")
    ui.key("Escape")
    ui.gone("button", "Save…")
    ui.key("Escape")
    ui.gone("button", "Copy Queue ID")


def test_save(ui):
    """A message of several pieces: more of it is shown when asked for, all of it is saved."""
    path = os.path.join(ui.bed.folder, "message.eml")
    ui.bed.start()
    defer_all(ui)
    ui.bed.send("ann@local.example", ["one@nowhere.example"], b"Subject: long\r\n\r\n" + b"".join(b"line %06d\r\n" % n for n in range(12000)))
    ui.bed.wait_deferred(1)
    ui.start("queue", daemon=False, **driver.WITH_FILE_CHOOSER)
    ui.click(row(ui, "one", "Deferred"))
    ui.key("Return")
    ui.click(ui.find("list item", "Show Header and Text"))
    ui.find("label", text=" of 156")
    ui.press("Show More")
    ui.find("text box", "Header and text of the message", where=lambda node: "line 009000\n" in ui.reader.text(ui.name, node))
    ui.press("Save…")
    chooser = ui.find("button", "Save").window().path
    ui.key("Control+l", "Control+a")
    ui.screen.type(path)
    ui.press("Save")
    ui.wait(lambda: all(window.path != chooser for window in ui.tree().children), "the file chooser to go")
    ui.find("label", "Message saved")
    [queued] = ui.api.rows("Queue")
    octets = pathlib.Path(path).read_bytes()
    assert len(octets) == queued["Size"] and octets.endswith(b"line 011999\r\n")
    assert bytes(ui.api.call("Queue", "Read", "(stu)", queued["Id"], 70000, 30000)[1]) == octets[70000:100000]


def test_narrow(ui):
    """360 pixels: the actions that have no room are in a menu."""
    begin(ui)
    ui.resize(360, 700)
    ui.click(row(ui, "one"))
    ui.find("label", "1 selected")
    ui.click(ui.find("button", "More", where=lambda node: node.has("focusable")))
    ui.act(ui.find("menu item", "Hold"))
    ui.wait(lambda: held(ui) == ["one"], "the held one")
    wait_named(ui, "list item", "Held", "one@nowhere.example")
