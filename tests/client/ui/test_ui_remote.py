# SPDX-License-Identifier: GPL-3.0-or-later
"""The window of a new user with a mail server elsewhere: from the connection page through a real ssh to a
setting that is changed over there; and what ssh says when it will not."""
import json
import subprocess

from far import Far
from test_ui_settings import RECIPIENTS, applied, dialog_of, number, said, set_number

BUS_NAME = "org.postbus.Postbus1"
HOST = "user@host"


def open_and_type(ui, far, address=None):
    """The connection page, as the program is opened from the desktop's overview."""
    ui.open(**far.environment())
    ui.click(ui.find("text box", HOST))
    ui.screen.type(address or far.address)
    ui.wait(lambda: ui.reader.text(ui.name, ui.find("text box", HOST)) == (address or far.address), "the address")


def connected(ui):
    ui.wait(lambda: ui.title() == "Overview", "the first page")


def trust(ui, far):
    """Compares the host's fingerprint as one is asked to."""
    ui.find("label", "Trust 127.0.0.1?")
    said(ui, far.fingerprint())
    ui.press("Trust")


def over_there(ui, name):
    """A property of General, read on the other computer by another program."""
    told = subprocess.run(
        ["busctl", "--address=" + ui.bed.bus.address, "--json=short", "get-property", BUS_NAME,
         "/org/postbus/Postbus1", BUS_NAME + ".General", name], check=True, capture_output=True, text=True, timeout=120)
    return json.loads(told.stdout)["data"]


def test_change_a_setting(ui):
    """No shell on the way."""
    ui.bed.start()
    with Far(ui) as far:
        open_and_type(ui, far)
        ui.press("Connect")
        trust(ui, far)
        connected(ui)
        said(ui, "via SSH")
        ui.go("General")
        assert number(ui, RECIPIENTS) == 1000
        set_number(ui, RECIPIENTS, 321)
        said(ui, "Was 1000")
        ui.press("Apply")
        said(ui, "The settings are applied")
        applied(ui)
        assert over_there(ui, "MaxRecipients") == 321


def test_recent(ui):
    """Who was there once need not type, nor look at fingerprints, again."""
    ui.bed.start()
    with Far(ui) as far:
        open_and_type(ui, far)
        ui.key("Return")
        trust(ui, far)
        connected(ui)
        ui.quit()
        ui.open(**far.environment())
        ui.click(ui.find("list item", text="127.0.0.1"))
        connected(ui)


def test_named_on_the_command_line(ui):
    """As the README starts it."""
    ui.bed.start()
    with Far(ui) as far:
        ui.open("--connect=" + far.address, **far.environment())
        trust(ui, far)
        connected(ui)


def test_wrong_key(ui):
    ui.bed.start()
    with Far(ui) as far:
        far.make_key("other")
        far.authorize("other")
        open_and_type(ui, far)
        ui.press("Connect")
        trust(ui, far)
        said(ui, "SSH refuses the login. Check the user name and your key or password.")
        said(ui, "Permission denied")
        # The address stays, to be mended.
        assert ui.reader.text(ui.name, ui.find("text box", HOST)) == far.address


def test_not_trusted(ui):
    ui.bed.start()
    with Far(ui) as far:
        open_and_type(ui, far)
        ui.press("Connect")
        ui.find("label", "Trust 127.0.0.1?")
        ui.press("Cancel", below=lambda: dialog_of(ui, "Trust 127.0.0.1?"))
        said(ui, "The host could not prove who it is. Check its key before you connect.")
        said(ui, "Host key verification failed")


def test_other_host(ui):
    """Another key than the last time is nothing to be clicked away."""
    ui.bed.start()
    with Far(ui) as far:
        open_and_type(ui, far)
        ui.press("Connect")
        trust(ui, far)
        connected(ui)
        ui.quit()
        far.stop()
        far.make_key("host")
        far.start()
        open_and_type(ui, far)
        ui.press("Connect")
        said(ui, "The host could not prove who it is. Check its key before you connect.")
        said(ui, "REMOTE HOST IDENTIFICATION HAS CHANGED")


def test_nobody_there(ui):
    far = Far(ui)
    open_and_type(ui, far)
    ui.press("Connect")
    said(ui, "The connection over SSH failed.")
    said(ui, "Connection refused")


def test_bad_address(ui):
    """Said at its row, before anything is run."""
    far = Far(ui)
    open_and_type(ui, far, "-oProxyCommand=true")
    ui.press("Connect")
    entry = ui.find("text box", HOST, where=lambda node: node.has("invalid"))
    assert "must not begin with" in entry.description, entry.description
