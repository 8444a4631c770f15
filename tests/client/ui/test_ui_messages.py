# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages: what became of mail, found and explained in the window; and the way from a refusal to a rule."""
import os
import pathlib

from test_ui_names import nameless

MESSAGE = b"Subject: Hello\r\n\r\nHello\r\n"
STRANGER = "127.0.0.9"


def picture(ui, name):
    """For people to look at, beside those of test_screenshots."""
    place = pathlib.Path(os.environ["POSTBUS_SCREENSHOTS"]) / "messages"
    place.mkdir(parents=True, exist_ok=True)
    ui.picture(place / f"{name}.png")


def refuse(ui, sender, recipient):
    with ui.bed.talk(source=STRANGER) as talk:
        talk.ehlo("mail.elsewhere.example")
        talk.command(f"MAIL FROM:<{sender}>")
        talk.command(f"RCPT TO:<{recipient}>")


def start(ui):
    """One message delivered, one refused by a rule, one by the lack of an account."""
    ui.bed.start()
    ui.api.add("AccessList", Name="Lottery", List="blacklist", Kind="ip", Value=STRANGER)
    ui.bed.send("carol@elsewhere.example", ["ann@local.example"], MESSAGE)
    ui.bed.wait_mails(ui.bed.ann, 1)
    refuse(ui, "win@lottery.example", "ann@local.example")
    ui.start("messages", daemon=False)


def row(ui, *texts):
    return ui.find("list item", text=texts[0], where=lambda node: all(text in node.name for text in texts))


def test_found_and_explained(ui):
    start(ui)
    row(ui, "Delivered, ann@local.example", "From carol@elsewhere.example")
    row(ui, "Refused, ann@local.example", "From win@lottery.example")
    picture(ui, "list")
    assert not list(nameless(ui, ui.tree())), list(nameless(ui, ui.tree()))
    entry = ui.find("search box", "Search messages by address, client or queue ID")
    ui.reader.set_text(ui.name, entry, "lottery")
    ui.gone("list item", text="carol@elsewhere.example")
    ui.find("label", "1 message")
    ui.reader.set_text(ui.name, entry, "nothing like it")
    ui.find("label", "No Results Found")
    ui.reader.set_text(ui.name, entry, "")
    ui.click(row(ui, "Delivered, ann@local.example"))
    ui.find("list item", text="Delivery to the mailbox")
    ui.find("list item", text="Checks of ann@local.example")
    picture(ui, "delivered")
    assert not list(nameless(ui, ui.tree())), list(nameless(ui, ui.tree()))
    ui.key("Escape")
    # From the overview's refusals to those that were refused so, and back to all.
    ui.go("Overview")
    reason = ui.find("list item", "Blacklist, 1")
    ui.reveal(reason)
    ui.click(reason)
    row(ui, "Refused, ann@local.example")
    ui.gone("list item", text="carol@elsewhere.example")
    ui.resize(360, 760)
    picture(ui, "narrow")
    ui.press("Refused by: Blacklist. Show all")
    row(ui, "Delivered, ann@local.example")


def test_allow(ui):
    start(ui)
    ui.click(row(ui, "Refused, ann@local.example"))
    ui.press("Why? Blacklist")
    ui.find("label", text="A blacklist rule names the client")
    ui.find("label", text="By today’s settings it would be refused: Blacklist.")
    picture(ui, "why")
    ui.key("Escape")
    ui.press("Allow mail like this: Blacklist")
    ui.find("text box", "Name")
    picture(ui, "rule")
    ui.press("Save")
    ui.wait(lambda: [each for each in ui.api.rows("AccessList")
                     if (each["List"], each["Kind"], each["Value"]) == ("whitelist", "ip", STRANGER)], "the rule")


def test_transcript(ui):
    """What the other server said, copied and read, in a narrow window too."""
    ui.bed.start()
    sink = ui.bed.relay_sink()
    sink.rule("RCPT", b"550 5.1.1 No such user")
    ui.bed.send("ann@local.example", ["far@away.example"], MESSAGE)
    ui.bed.wait_mails(ui.bed.ann, 1)
    ui.start("messages", daemon=False)
    ui.resize(360, 760)
    ui.click(row(ui, "Bounced, far@away.example"))
    step = ui.find("list item", text="Attempt to deliver to ")
    assert "550 5.1.1 No such user" in step.name, step.name
    button = ui.find("button", text="Transcript: Attempt to deliver to ")
    ui.reveal(button)
    ui.act(button)
    ui.reveal(ui.find("label", text="S: 550 5.1.1 No such user"))
    picture(ui, "transcript")
