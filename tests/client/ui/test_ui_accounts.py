# SPDX-License-Identifier: GPL-3.0-or-later
"""An account and its password in the window: typed twice, handed over, good for a login."""
import base64

from smtp_talk import Talk
from test_ui_lists import dialog, fill_in, rule, save


def logs_in(ui, user, password):
    with Talk(ui.bed.port) as talk:
        talk.ehlo()
        return talk.command("AUTH PLAIN " + base64.b64encode(f"\0{user}\0{password}".encode()).decode())[0] == 235


def has_password(ui, name):
    return next(row["PasswordSet"] for row in ui.api.rows("Accounts", 0, 100) if row["Name"] == name)


def test_password(ui):
    ui.start("account-list")
    ui.api.set("General", "AuthPlaintextNeedsTls", "b", False)
    rule(ui, "ann")
    assert not has_password(ui, "ann")
    ui.press("Create")
    fill_in(ui, "Username", "ben")
    fill_in(ui, "Password", "sesame")
    fill_in(ui, "Repeat password", "sesam")
    ui.press("Save")
    ui.find("text box", "Repeat password", where=lambda node: node.has("invalid"), below=lambda: dialog(ui))
    assert len(ui.api.rows("Accounts", 0, 100)) == 1, "nothing is saved before both are the same"
    fill_in(ui, "Repeat password", "sesame")
    save(ui)
    rule(ui, "ben")
    assert has_password(ui, "ben") and logs_in(ui, "ben", "sesame") and not logs_in(ui, "ben", "sesam")
