# SPDX-License-Identifier: GPL-3.0-or-later
"""The relay's login in the window: its password goes to the service and to the keyring with Apply, and back to a
service that lost it."""
import os
import subprocess
import sys

from test_ui_settings import said, sensitive

KEYRING = "org.freedesktop.secrets"
PATH = "/org/freedesktop/secrets"
PASSWORD = "correct horse"


class Keyring:
    """The mock on the session bus, for as long as the block lasts."""

    def __init__(self, ui):
        self.reader = ui.reader
        self.process = subprocess.Popen(
            [sys.executable, os.environ["POSTBUS_TEST_KEYRING"]], env=ui.session.environment(),
            stdout=subprocess.PIPE)

    def __enter__(self):
        assert self.process.stdout.readline() == b"ready\n"
        return self

    def __exit__(self, *_trouble):
        self.process.terminate()
        self.process.wait(60)
        self.process.stdout.close()

    def items(self):
        items, = self.reader.call(KEYRING, PATH, "org.postbus.MockKeyring", "Items")
        return [(attributes, bytes(secret)) for attributes, _, secret, _ in items]


def state(ui):
    return ui.api.get("Delivery", "RelaySecretState")


def enter_login(ui):
    """Server, user and password in one go, up to Apply."""
    ui.start("relay-settings")
    ui.reader.set_text(ui.name, ui.find("text box", "Server"), "relay.example.net")
    ui.act(ui.find("switch", "Authentication required"))
    ui.reader.set_text(ui.name, ui.find("text box", "Username"), "nas@example.org")
    ui.reader.set_text(ui.name, ui.find(None, "Password", where=lambda node: node.can("EditableText")), PASSWORD)
    said(ui, "4 changes")


def apply_and_keep(ui):
    ui.press("Apply")
    said(ui, "Keep These Settings?")
    # While they are on trial the old password, if there is one, must not be written over.
    assert state(ui) == "none"
    ui.press("Keep")
    ui.wait(lambda: state(ui) == "present", "the service's copy")
    ui.wait(lambda: not sensitive(ui, "Apply"), "nothing left to apply")


def test_kept(ui):
    with Keyring(ui) as keyring:
        enter_login(ui)
        apply_and_keep(ui)
        said(ui, "Kept in your keyring and sealed on the server")
        (attributes, secret), = keyring.items()
        assert secret == PASSWORD.encode(), secret
        assert attributes == {
            "xdg:schema": "org.postbus.Relay", "nas": ui.api.get("Manager", "InstanceId"), "relay": "general",
            "server": "relay.example.net", "port": "25", "user": "nas@example.org"}, attributes
        # Nothing of it stays in its row.
        entry = ui.find(None, "Password", where=lambda node: node.can("EditableText"))
        assert ui.reader.text(ui.name, entry) == ""


def test_refilled(ui):
    with Keyring(ui):
        enter_login(ui)
        apply_and_keep(ui)
        ui.api.call("Manager", "SetRelaySecret", "(say)", "general", b"")
        said(ui, "Kept in your keyring, but not on the server")
        ui.press("Fill In")
        ui.wait(lambda: state(ui) == "present", "the service's copy")
        said(ui, "The server has the password again")


def test_no_keyring(ui):
    """The service gets it all the same, and the row says what is missing."""
    enter_login(ui)
    apply_and_keep(ui)
    said(ui, "There is no keyring here")
