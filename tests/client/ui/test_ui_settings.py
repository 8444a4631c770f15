# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings in the window: changed, applied, discarded, faulty, changed elsewhere, on trial."""
import bus

RECIPIENTS = "Max recipients per message"
HOPS = "Max message hops"
BANNER = "SMTP banner"


def number(ui, name):
    return ui.reader.value(ui.name, ui.find("spin button", name))


def set_number(ui, name, value):
    ui.reader.set_value(ui.name, ui.find("spin button", name), value)


def sensitive(ui, button):
    return ui.find("button", button).has("sensitive")


def applied(ui):
    ui.wait(lambda: not sensitive(ui, "Apply"), "nothing left to apply")


def said(ui, sentence):
    """A toast, a bar, a caption: some label that says it."""
    return ui.find("label", text=sentence)


def test_apply(ui):
    ui.start()
    assert not sensitive(ui, "Apply") and not sensitive(ui, "Discard")
    assert number(ui, RECIPIENTS) == 1000
    set_number(ui, RECIPIENTS, 500)
    said(ui, "Was 1000")
    sender = ui.find("switch", "Check if the sender's email addresses belong to the login accounts")
    assert not sender.has("checked")
    ui.act(sender)
    ui.reader.set_text(ui.name, ui.find("text box", BANNER), "ESMTP here")
    said(ui, "3 changes")
    ui.press("Apply")
    said(ui, "The settings are applied")
    assert ui.api.get("General", "MaxRecipients") == 500
    assert ui.api.get("General", "AuthCheckSender") is True
    assert ui.api.get("General", "Banner") == "ESMTP here"
    applied(ui)


def test_discard(ui):
    ui.start()
    set_number(ui, RECIPIENTS, 500)
    ui.reader.set_text(ui.name, ui.find("text box", BANNER), "ESMTP here")
    said(ui, "2 changes")
    ui.press("Discard")
    ui.wait(lambda: number(ui, RECIPIENTS) == 1000, "the old number")
    assert ui.reader.text(ui.name, ui.find("text box", BANNER)) == "ESMTP Postbus"
    ui.wait(lambda: not sensitive(ui, "Apply") and not sensitive(ui, "Discard"), "nothing left to apply")
    assert ui.api.get("General", "MaxRecipients") == 1000


def test_keys_apply_and_undo(ui):
    """The same without a mouse."""
    ui.start()
    set_number(ui, HOPS, 50)
    said(ui, "1 change")
    ui.key("Control+s")
    applied(ui)
    assert ui.api.get("General", "MaxHops") == 50
    set_number(ui, HOPS, 60)
    said(ui, "1 change")
    ui.key("Control+Shift+z")
    ui.wait(lambda: number(ui, HOPS) == 50, "the number applied")


def test_wrong_value(ui):
    """It shows at its row, and Apply on another page goes there instead of sending anything."""
    ui.start()
    ui.reader.set_text(ui.name, ui.find("text box", "Hostname (FQDN)"), "no host name")
    faulty = ui.find("text box", "Hostname (FQDN)", where=lambda node: node.has("invalid"))
    assert "Must be" in faulty.description, faulty.description
    said(ui, faulty.description)
    said(ui, "1 change, 1 needs attention")
    ui.go("Sender Policy", "Security")
    ui.press("Apply")
    ui.find("text box", "Hostname (FQDN)", where=lambda node: node.has("focused"))
    assert ui.title() == "General"
    assert ui.api.get("General", "Hostname") == "mail.local.example"
    ui.reader.set_text(ui.name, faulty, "box.local.example")
    ui.find("text box", "Hostname (FQDN)", where=lambda node: not node.has("invalid"))
    ui.press("Apply")
    applied(ui)
    assert ui.api.get("General", "Hostname") == "box.local.example"


def changed_elsewhere(ui):
    ui.start()
    set_number(ui, HOPS, 50)
    said(ui, "1 change")
    ui.api.set("General", "MaxHops", "u", 70)
    said(ui, "changed elsewhere")


def test_conflict_overwrite(ui):
    changed_elsewhere(ui)
    ui.press("Overwrite")
    applied(ui)
    assert ui.api.get("General", "MaxHops") == 50
    ui.gone("label", text="changed elsewhere")


def test_conflict_reload(ui):
    changed_elsewhere(ui)
    ui.press("Reload")
    ui.wait(lambda: number(ui, HOPS) == 70, "the number set elsewhere")
    ui.gone("label", text="changed elsewhere")
    assert ui.api.get("General", "MaxHops") == 70


def test_change_elsewhere_shows(ui):
    """What nobody edits here follows what is set elsewhere, without a word."""
    ui.start()
    ui.api.set("General", "MaxHops", "u", 70)
    ui.wait(lambda: number(ui, HOPS) == 70, "the number set elsewhere")
    assert not sensitive(ui, "Apply")


def test_close_asks(ui):
    ui.start()
    set_number(ui, HOPS, 50)
    said(ui, "1 change")
    ui.application_action("quit")
    said(ui, "Apply Changes?")
    ui.press("Cancel")
    ui.gone("label", text="Apply Changes?")
    assert number(ui, HOPS) == 50
    ui.application_action("quit")
    said(ui, "Apply Changes?")
    ui.act(ui.find("button", "Apply", below=lambda: dialog_of(ui, "Apply Changes?")))
    ui.ended()
    assert ui.api.get("General", "MaxHops") == 50


def on_trial(ui):
    """Applies what could lock mail out, up to the question."""
    ui.start()
    set_number(ui, "Maximum size per email (MB)", 5)
    said(ui, "1 change")
    ui.press("Apply")
    said(ui, "Keep These Settings?")
    ui.wait(lambda: ui.api.get("General", "MaxMessageSize") == 5, "the setting on trial")


def test_trial_kept(ui):
    on_trial(ui)
    ui.press("Keep")
    ui.gone("label", "Keep These Settings?")
    # Until the trial is over the daemon takes nothing else.
    ui.wait(lambda: settable(ui), "the end of the trial")
    assert ui.api.get("General", "MaxMessageSize") == 5


def test_trial_taken_back(ui):
    on_trial(ui)
    ui.press("Take Back")
    # By itself, when the seconds are over.
    ui.wait(lambda: ui.api.get("General", "MaxMessageSize") == 50, "the old value")
    ui.wait(lambda: number(ui, "Maximum size per email (MB)") == 50, "the old value in its row")


def settable(ui):
    try:
        ui.api.set("General", "MaxHops", "u", 99)
    except bus.BusError as error:
        assert error.name == "Busy", error
        return False
    return True


def dialog_of(ui, title):
    """The window with that label."""
    labels = ui.tree().find("label", title)
    return labels[0].window() if labels else None
